use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::cache::cache;
use crate::dataset::Dataset;
use crate::people::Stored;
use crate::process::{Process, output_of, tail_of};
use crate::stopwatch::tick;

/// Longest wait for a service to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// With what a service is set up, and where.
#[derive(Args, Clone)]
pub(crate) struct Premises {
    /// The program `plinth`.
    #[arg(long, value_name = "BIN")]
    pub(crate) plinth: PathBuf,
    /// Where the fresh folder goes; it should be a disk, not memory, for syncs to cost what they cost.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    below: PathBuf,
    /// Fill the store with so many made-up people without fingers first; demographic questions are about all of them. The
    /// filled store is kept in the cache and copied for every trial.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=20_000_000))]
    people_in_store: Option<u64>,
    /// Where filled stores are kept [default: plinth-data in the cache folder, ~/.cache].
    #[arg(long, value_name = "DIR", requires = "people_in_store")]
    cache: Option<PathBuf>,
}

/// A service of this program's own, in a fresh folder, on free loopback ports.
pub(crate) struct Service {
    // Declared before the folder, and so ended before the folder goes.
    process: Process,
    pub(crate) url: String,
    pub(crate) admin_url: String,
    pub(crate) folder: Folder,
}

impl Premises {
    fn dataset(&self, seed: u64) -> anyhow::Result<Option<Dataset>> {
        let Some(people) = self.people_in_store else { return Ok(None) };
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            None => cache("--cache")?,
        };
        Dataset::open(&self.plinth, &cache, seed, people).map(Some)
    }
}

impl Service {
    /// Sets one up in a new folder, and says who is in its store already.
    pub(crate) fn set_up(premises: &Premises, seed: u64) -> anyhow::Result<(Self, Option<Stored>)> {
        let plinth = premises.plinth.as_path();
        let dataset = premises.dataset(seed)?;
        let folder = Folder::create(&premises.below)?;
        let (data, root_key) = (folder.path("data"), folder.path("root.key"));
        let stored = match &dataset {
            Some(dataset) => {
                dataset.copy_to(&folder.0)?;
                Some(dataset.stored()?)
            }
            None => {
                let mut init = Command::new(plinth);
                init.arg("init").arg("--data").arg(&data).arg("--root-key").arg(&root_key);
                output_of(init.arg("--admin-keys").arg(folder.path("keys")))?;
                None
            }
        };

        let (ready, log) = (folder.path("ready"), folder.path("serve.log"));
        let mut serve = Command::new(plinth);
        serve.arg("serve").arg("--data").arg(&data).arg("--root-key").arg(&root_key);
        serve.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file"]).arg(&ready);
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut process = Process::start("plinth serve", &mut serve)?;
        let line = wait_for(&ready, &mut process).with_context(|| tail_of(&log))?;
        let (url, admin_url) = addresses(&line)?;
        Ok((Self { process, url, admin_url, folder }, stored))
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The key file of the first administrator.
    pub(crate) fn administrator_key(&self) -> PathBuf {
        self.folder.path("keys").join("admin-1.pem")
    }

    /// Drains the service and removes its folder.
    pub(crate) fn take_down(self) -> anyhow::Result<()> {
        let status = self.process.stop()?;
        if status.success() { Ok(()) } else { bail!("plinth serve ended badly: {status}") }
    }
}

/// A folder of this program's own; removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn create(parent: &Path) -> anyhow::Result<Self> {
        let tag: u64 = rand::make_rng::<StdRng>().random();
        let path = parent.join(format!("plinth-loadtest-{tag:016x}"));
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

fn wait_for(ready: &Path, process: &mut Process) -> anyhow::Result<String> {
    let deadline = tick() + PATIENCE;
    while tick() < deadline {
        if let Ok(line) = std::fs::read_to_string(ready) {
            return Ok(line);
        }
        process.check_running()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("plinth serve was not ready within {} seconds", PATIENCE.as_secs())
}

/// Reads `listening public=ADDRESS admin=ADDRESS`.
fn addresses(line: &str) -> anyhow::Result<(String, String)> {
    let field = |name: &str| {
        let address = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        address
            .map(|address| format!("http://{address}"))
            .with_context(|| format!("no {name} address in {line:?}"))
    };
    Ok((field("public")?, field("admin")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_both_listeners() {
        let line = "listening public=127.0.0.1:7770 admin=127.0.0.1:7771\n";
        let expected = ("http://127.0.0.1:7770".to_owned(), "http://127.0.0.1:7771".to_owned());
        assert_eq!(addresses(line).unwrap(), expected);
        assert!(addresses("listening public=127.0.0.1:7770").is_err());
    }
}
