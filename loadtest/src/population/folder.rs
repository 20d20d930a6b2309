use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use plinth_biometrics::synthetic;
use plinth_client::identity::SigningKey;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::People;
use crate::cache::cache;

/// All cached populations together take at most this much, bytes.
const MOST_BYTES: u64 = 40_000_000_000;

/// The folder of a population.
pub(super) struct Folder(PathBuf);

/// What the folder holds, written before anything else: nothing of another population is ever added to it.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Plan {
    generator: u32,
    people: People,
}

impl Folder {
    /// Opens `out`, or the population's own folder in the cache; `resume` to go on in one that is begun.
    pub(super) fn open(out: Option<&Path>, people: &People, resume: bool) -> anyhow::Result<Self> {
        let path = match out {
            Some(out) => out.to_path_buf(),
            None => cache("--out")?.join(name(people)),
        };
        let folder = Self(path);
        let plan = Plan { generator: synthetic::VERSION, people: *people };
        if folder.plan().try_exists()? {
            let text = fs::read_to_string(folder.plan())?;
            let begun: Option<Plan> = serde_json::from_str(&text).ok();
            ensure!(begun == Some(plan), "{} holds another population", folder.0.display());
            let finished =
                (0..people.captures).all(|capture| folder.capture(capture).join("manifest").exists());
            ensure!(resume || finished, "{} is begun: go on with --resume", folder.0.display());
            return Ok(folder);
        }
        let taken = if out.is_none() { size(&cache("--out")?)? } else { 0 };
        let needed = people.bytes();
        ensure!(
            taken + needed <= MOST_BYTES,
            "that would be about {} GB, and {} GB are cached already: more than {} GB in all",
            needed / 1_000_000_000,
            taken / 1_000_000_000,
            MOST_BYTES / 1_000_000_000
        );
        fs::create_dir_all(&folder.0).with_context(|| format!("cannot make {}", folder.0.display()))?;
        fs::write(folder.plan(), serde_json::to_vec_pretty(&plan)?)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The register of a capture.
    pub(super) fn capture(&self, number: u32) -> PathBuf {
        self.0.join(format!("capture-{number}"))
    }

    /// The file of the public key that the registers are signed with.
    pub(super) fn public_key(&self) -> PathBuf {
        self.0.join("keeper.pem")
    }

    /// The key in `file`, or the folder's own, drawn if there is none yet. Its public half is left in the folder.
    pub(super) fn key(&self, file: Option<&Path>) -> anyhow::Result<SigningKey> {
        let own = self.0.join("keeper.key");
        let file = file.unwrap_or(&own);
        if file == own && !own.try_exists()? {
            let key = SigningKey::generate(&mut rand::make_rng::<StdRng>());
            let mut private = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&own)?;
            private.write_all(key.to_pem()?.as_bytes())?;
            private.sync_all()?;
        }
        let pem = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let key = SigningKey::from_pem(&pem).with_context(|| format!("{} is no key file", file.display()))?;
        fs::write(self.public_key(), key.public().to_pem()?)?;
        Ok(key)
    }

    fn plan(&self) -> PathBuf {
        self.0.join("population.json")
    }
}

/// A name that tells what the population is a function of.
fn name(people: &People) -> String {
    let People { count, seed, fingers, captures, supervised } = people;
    let station = if *supervised { "-supervised" } else { "" };
    format!("population-v{}-seed{seed}-{count}x{fingers}-captures{captures}{station}", synthetic::VERSION)
}

/// Bytes of everything below a folder.
fn size(folder: &Path) -> anyhow::Result<u64> {
    if !folder.try_exists()? {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_type()?;
        bytes += if file.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
