//! `plinth import`: loads an existing register into a deployment that is not serving.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use data_encoding::BASE64;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_client::envelope_to_bytes;
use plinth_client::register::Register;
use plinth_server::clock::SystemClock;
use plinth_server::config::ServeConfig;
use plinth_server::import::{Import, Importer, Loaded};
use serde_json::json;

/// Load an existing register: everybody in it gets a number.
///
/// FOLDER holds a signed `manifest` and its `part-00000`, `part-00001` and so on. The agency that signed it must be
/// registered. Stop the service first. Everyone gets a number and a signed statement, in the order of the register, one
/// line of JSON each in the file of results: part, record, external_id, and either number and statement (base64 of the
/// envelope, which `plinth verify` reads once it is decoded) or why the record was refused. It holds numbers: only its owner can
/// read it.
///
/// Nobody is compared with anybody on the way: the statements say that 0 people were searched. Once the service runs
/// again it compares everyone of the import with all who came before them, on idle cores; `plinth imports` shows how far
/// it is and whom it found twice.
///
/// An import that was interrupted goes on where it stopped: run the same command again.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth import ./register --data ./data --root-key ./root.key --results ./results.jsonl")]
pub(crate) struct Args {
    /// The folder of the register.
    folder: PathBuf,
    /// The data directory. Nobody may be serving it.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The root key file.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
    /// Where the results go, a line each; lines are added to a file that exists.
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = ServeConfig::new(args.data, args.root_key);
    let Counts { loaded, refused } = load(config, &args.folder, &args.results).await?;
    println!("{loaded} people loaded, {refused} records refused; results in {}", args.results.display());
    if loaded > 0 {
        println!("not yet deduplicated: start the service, and follow `plinth imports`");
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of a register's records.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) loaded: u64,
    pub(crate) refused: u64,
}

/// Loads the register in `folder` into a deployment that nobody serves, with a progress bar, and adds a line for each
/// record to the file `results`.
///
/// # Errors
/// If the register, the deployment or the file cannot be used, or on failure on the way; it can be begun again then.
pub(crate) async fn load(config: ServeConfig, folder: &Path, results: &Path) -> anyhow::Result<Counts> {
    let mut results = Results::open(results)?;
    let importer = Importer::open(config, Arc::new(SystemClock)).await?;
    let outcome = load_all(&importer, folder, &mut results).await;
    importer.close().await;
    results.close()?;
    outcome
}

async fn load_all(importer: &Importer, folder: &Path, results: &mut Results) -> anyhow::Result<Counts> {
    let register = Register::open(folder, |party| importer.agency_key(party))
        .with_context(|| format!("cannot use the register in {}", folder.display()))?;
    let manifest = register.manifest();
    let mut import = importer.begin(manifest, register.digest()).await?;
    let (part, record) = import.place();
    let mut counts = Counts::default();
    if import.is_finished() {
        println!("the register {:?} is loaded already", manifest.name());
        return Ok(counts);
    }
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} people, {per_sec}, {eta} to go")?;
    let bar = ProgressBar::new(manifest.people()).with_style(style);
    let first = usize::try_from(part)?;
    let before: u64 = manifest.parts().iter().take(first).map(|part| u64::from(part.people())).sum();
    bar.set_position(before + record);
    bar.reset_eta();
    for number in first..manifest.parts().len() {
        let part = register.part(number)?;
        let start = if number == first { usize::try_from(record)? } else { 0 };
        for record in part.records(start) {
            keep(import.load(record).await?, results, &mut counts, &bar)?;
        }
        drain(&mut import, results, &mut counts, &bar).await?;
        import.next_part().await?;
    }
    import.finish().await?;
    bar.finish_and_clear();
    Ok(counts)
}

async fn drain(
    import: &mut Import,
    results: &mut Results,
    counts: &mut Counts,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    while let Some(loaded) = import.next().await? {
        keep(Some(loaded), results, counts, bar)?;
    }
    Ok(())
}

fn keep(
    loaded: Option<Loaded>,
    results: &mut Results,
    counts: &mut Counts,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let Some(loaded) = loaded else { return Ok(()) };
    *(if loaded.outcome.is_ok() { &mut counts.loaded } else { &mut counts.refused }) += 1;
    results.add(&loaded)?;
    bar.inc(1);
    Ok(())
}

/// The file of results. Only its owner can read it, for it holds numbers.
struct Results(BufWriter<File>);

impl Results {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        Ok(Self(BufWriter::new(file.with_context(|| format!("cannot write {}", path.display()))?)))
    }

    fn add(&mut self, loaded: &Loaded) -> anyhow::Result<()> {
        let mut line = json!({
            "part": loaded.part,
            "record": loaded.record,
            "external_id": loaded.external_id.as_ref().map(|id| id.reveal()),
        });
        match &loaded.outcome {
            Ok((number, statement)) => {
                line["number"] = number.as_str().into();
                line["statement"] = BASE64.encode(&envelope_to_bytes(statement)).into();
            }
            Err(refusal) => line["refused"] = refusal.to_string().into(),
        }
        serde_json::to_writer(&mut self.0, &line)?;
        self.0.write_all(b"\n")?;
        Ok(())
    }

    fn close(mut self) -> anyhow::Result<()> {
        self.0.flush().context("the results could not be written in full")
    }
}
