//! Populations of synthetic people as files: galleries of a size that no enrolment would fill in time.
//!
//! A population is a folder with one register a capture (see `plinth_client::register`): `capture-0` is the gallery that
//! `plinth import` loads, `capture-1` and so on are other touches of the same people's fingers, under the same external
//! ids, to search with. People are pure functions of seed and index, so the population of a seed is the beginning of every
//! larger one. It is written part by part, in bounded memory, and an interrupted run is taken up at the last whole part.

mod folder;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_client::identity::application::{FingerSample, Fingers};
use plinth_client::identity::demographics::{DateOfBirth, Demographics, Gender, Name};
use plinth_client::identity::register::{ExternalId, RegisterRecord};
use plinth_client::identity::time::Timestamp;
use plinth_client::identity::{PartyId, SigningKey};
use plinth_client::now;
use plinth_client::register::{EncodedRecord, RegisterDraft, RegisterError, RegisterWriter};
use rayon::prelude::*;

use folder::Folder;

/// People made at once, all threads together: their records are what is held in memory besides one part a capture.
const BATCH: u64 = 1_024;

/// Which people, and where they go.
#[derive(Args)]
#[command(after_help = "\
Example:
  plinth-loadtest population --people 100000 --captures 2 --out ./population
  plinth agency add population --name Population --public-key ./population/keeper.pem --admin-key ./admins/admin-1.pem
  plinth import ./population/capture-0 --data ./data --root-key ./root.key --results ./results.jsonl")]
pub(crate) struct Arguments {
    #[command(flatten)]
    people: People,
    /// Where the population goes [default: a folder named after it in ~/.cache/plinth-data].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take up a run that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Threads that make people [default: one a core].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The party that signs the registers: an agency of the deployment that loads them.
    #[arg(long, default_value = "population")]
    party: PartyId,
    /// That party's key file [default: keeper.key in the folder, drawn if there is none].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What a population is a function of.
#[derive(Args, Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct People {
    /// People, from index 0 of the seed on.
    #[arg(long = "people", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    count: u64,
    /// Names the population: the same seed gives the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fingers of each of them, the right thumb first.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=10))]
    fingers: u8,
    /// Touches of every finger, each in a register of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    captures: u32,
    /// Touches as under an operator's eyes, not as they come. No figure measured on these is an estimate of anything.
    #[arg(long)]
    supervised: bool,
}

impl People {
    /// About how large the population is, bytes.
    fn bytes(&self) -> u64 {
        // A finger of 33 minutiae is a record of 228 bytes, and stands in a message with its position.
        let person = 100 + 240 * u64::from(self.fingers);
        self.count * u64::from(self.captures) * person
    }

    /// The person's record in each capture, in their order.
    fn records(&self, index: u64, as_of: Timestamp) -> anyhow::Result<Vec<EncodedRecord>> {
        let person = SyntheticPerson::new(self.seed, index);
        let person = if self.supervised { person.supervised() } else { person };
        let mut touches: Vec<Vec<FingerSample>> = (0..self.captures).map(|_| Vec::new()).collect();
        for position in FingerPosition::ALL.into_iter().take(self.fingers.into()) {
            for (samples, record) in touches.iter_mut().zip(person.records(0..self.captures, &[position])) {
                samples.push(FingerSample { position, record: record.encode() });
            }
        }
        let demographics = demographics(&person)?;
        let record = |samples| -> anyhow::Result<EncodedRecord> {
            let id = ExternalId::parse(&format!("P-{index}"))?;
            let record = RegisterRecord::new(id, None, demographics.clone(), Fingers::new(samples)?, as_of)?;
            Ok(EncodedRecord::from(&record))
        };
        touches.into_iter().map(record).collect()
    }
}

/// The particulars that a synthetic person is enrolled with.
pub(crate) fn demographics(person: &SyntheticPerson) -> anyhow::Result<Demographics> {
    let (year, month, day) = person.date_of_birth();
    Ok(Demographics {
        name: Name::parse(person.name())?,
        date_of_birth: DateOfBirth::new(i16::try_from(year)?, month, day)?,
        gender: Gender::from_letter(person.gender()).context("a gender")?,
        phone: None,
        email: None,
        address: None,
    })
}

/// Writes the population, or what is missing of it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let people = arguments.people;
    let folder = Folder::open(arguments.out.as_deref(), &people, arguments.resume)?;
    let key = folder.key(arguments.key.as_deref())?;
    let as_of = now();
    let mut captures = (0..people.captures)
        .map(|capture| Capture::open(&folder, capture))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let threads =
        rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.unwrap_or(0).into()).build()?;

    let first = captures.iter().filter_map(Capture::next).min().unwrap_or(people.count);
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} people, {per_sec}, {eta} to go")?;
    let bar = ProgressBar::new(people.count).with_style(style).with_position(first);
    bar.reset_eta();
    let mut next = first;
    while next < people.count {
        let end = people.count.min(next + BATCH);
        let batch = threads.install(|| {
            (next..end)
                .into_par_iter()
                .map(|index| people.records(index, as_of))
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        for (index, records) in (next..end).zip(batch) {
            for (capture, record) in captures.iter_mut().zip(records) {
                capture.push(index, record)?;
            }
        }
        bar.set_position(end);
        next = end;
    }
    for capture in captures {
        let draft = |number| RegisterDraft {
            name: format!("Synthetic people of seed {}, capture {number}", people.seed),
            party: arguments.party.clone(),
            audience: None,
            created_at: as_of,
        };
        capture.finish(draft, &key)?;
    }
    bar.finish_and_clear();
    println!(
        "{} people, {} fingers, {} captures in {}",
        people.count,
        people.fingers,
        people.captures,
        folder.path().display()
    );
    println!("signed as {}; public key in {}", arguments.party, folder.public_key().display());
    Ok(())
}

/// The register of one capture; without a writer once it is finished.
struct Capture {
    number: u32,
    writer: Option<RegisterWriter>,
}

impl Capture {
    fn open(folder: &Folder, number: u32) -> anyhow::Result<Self> {
        match RegisterWriter::open(&folder.capture(number)) {
            Ok(writer) => Ok(Self { number, writer: Some(writer) }),
            Err(RegisterError::Finished(_)) => Ok(Self { number, writer: None }),
            Err(error) => Err(error.into()),
        }
    }

    /// The index of the first person that is missing; nothing if the register is finished.
    fn next(&self) -> Option<u64> {
        self.writer.as_ref().map(RegisterWriter::people)
    }

    /// Appends a person unless the register has them: captures fill their parts at different people.
    fn push(&mut self, index: u64, record: EncodedRecord) -> anyhow::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let next = writer.people();
        ensure!(index <= next, "person {next} of capture {} was passed over", self.number);
        if index == next {
            writer.push(record)?;
        }
        Ok(())
    }

    fn finish(self, draft: impl FnOnce(u32) -> RegisterDraft, key: &SigningKey) -> anyhow::Result<()> {
        if let Some(writer) = self.writer {
            writer.finish(draft(self.number), key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use plinth_client::register::Register;

    use super::*;

    fn arguments(out: &std::path::Path, resume: bool, count: u64) -> Arguments {
        Arguments {
            people: People { count, seed: 3, fingers: 2, captures: 2, supervised: false },
            out: Some(out.to_path_buf()),
            resume,
            threads: Some(2),
            party: PartyId::parse("population").unwrap(),
            key: None,
        }
    }

    /// The external ids and records of one capture.
    fn read(out: &std::path::Path, capture: u32) -> Vec<RegisterRecord> {
        let pem = std::fs::read_to_string(out.join("keeper.pem")).unwrap();
        let key = plinth_client::identity::PublicKey::from_pem(&pem).unwrap();
        let folder = out.join(format!("capture-{capture}"));
        let register =
            Register::open(&folder, |party| (party.as_str() == "population").then_some(key)).unwrap();
        let parts = (0..register.manifest().parts().len()).map(|part| register.part(part).unwrap());
        parts.flat_map(|part| part.records(0).map(Result::unwrap).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn captures_hold_other_touches_of_the_same_people() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("population");
        run(&arguments(&out, false, 5)).unwrap();
        let (gallery, probes) = (read(&out, 0), read(&out, 1));
        assert_eq!(gallery.len(), 5);
        for (index, (enrolled, probe)) in gallery.iter().zip(&probes).enumerate() {
            assert_eq!(enrolled.external_id.reveal(), format!("P-{index}"));
            assert_eq!(
                (&enrolled.external_id, &enrolled.demographics),
                (&probe.external_id, &probe.demographics)
            );
            assert_ne!(enrolled.fingers, probe.fingers);
            let person = SyntheticPerson::new(3, index as u64);
            let touch = person.capture(FingerPosition::RightIndex, 1).encode();
            assert_eq!(probe.fingers.samples()[1].record, touch);
        }
        run(&arguments(&out, false, 5)).unwrap(); // it is there: nothing is left to do
        assert_eq!(read(&out, 0), gallery);
    }

    #[test]
    fn an_interrupted_population_is_taken_up_only_when_asked_and_only_as_it_was() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("population");
        run(&arguments(&out, false, 5)).unwrap();
        let whole = read(&out, 1);
        std::fs::remove_file(out.join("capture-1/manifest")).unwrap();
        std::fs::remove_file(out.join("capture-1/part-00000")).unwrap();
        assert!(run(&arguments(&out, false, 5)).unwrap_err().to_string().contains("--resume"));
        assert!(run(&arguments(&out, true, 6)).unwrap_err().to_string().contains("another population"));
        run(&arguments(&out, true, 5)).unwrap();
        assert_eq!(read(&out, 1), whole);
    }
}
