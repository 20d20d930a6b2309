//! `plinth populate`: made-up people without fingers, for load tests.

mod numbers;

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::demographics::{Demographics, Email};
use plinth_identity::gallery::Holder;
use plinth_identity::id::{PartyId, Sequence};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::PartyKind;
use plinth_identity::time::Timestamp;
use plinth_storage::{Reader, Staged, StoreOptions, Writer};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rayon::prelude::*;

use crate::moment;
use crate::particulars::demographics;
use numbers::Numbers;

/// People of one commit: enough that its fsync is nothing beside them, few enough that a kill loses little.
const BATCH: u64 = 4_096;

/// Whose name stands in the records as that of the agency. No such agency is registered.
const AGENCY: &str = "made-up";

/// People who are compared before anything is added to those that are there.
const SPOT_CHECKS: u64 = 16;

/// Fill a new deployment with made-up people without fingers, for load tests.
///
/// Writes records, holders and counters straight into the store, in large batches, without requests, statements or a log:
/// such a store is for measuring and for nothing else. Person, number and order follow from --seed, so a run that was
/// interrupted goes on where it stopped when it is repeated, and a larger --people adds to what is there. A store that
/// holds anybody else, or a party besides its administrators, is refused.
///
/// Such people can be asked about by attributes and one-time codes (each has a name, a date of birth, a gender, and an
/// e-mail address under example.invalid). Not by fingers: a question with fingers about one of them fails as an internal
/// error, and so does one about a number that nobody holds, if one of them stands in. They are not in the gallery: no
/// enrolment finds them. People who are enrolled afterwards are as any others. `plinth fsck` finds the fingers missing.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth init --data ./data --root-key ./root.key --admin-keys ./admins
  plinth populate --data ./data --root-key ./root.key --people 1000000 --numbers ./numbers")]
pub(crate) struct Args {
    /// The data directory of a new deployment. The service must not be running on it.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Its root key.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
    /// How many people there are to be in the end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    people: u64,
    /// Names the people and their numbers: the same seed gives the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write everyone's number to this file, one a line in the order of the people, once all of them are in the store.
    #[arg(long, value_name = "FILE")]
    numbers: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root_key = plinth_server::read_root_key(&args.root_key)?;
    let mut random = rand::make_rng::<StdRng>();
    let nonces = Box::new(move || random.random());
    let (reader, mut writer) = plinth_storage::open(&args.data, &root_key, &StoreOptions::default(), nonces)
        .with_context(|| format!("cannot open {}", args.data.display()))?;
    let numbers = Numbers::draw(args.seed, args.people);
    let people =
        People { seed: args.seed, numbers: &numbers, agency: PartyId::parse(AGENCY)?, now: moment::now() };

    let there = people.count_in(&reader)?;
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} people, {per_sec}, {eta} to go")?;
    let bar = ProgressBar::new(args.people).with_style(style).with_position(there);
    bar.reset_eta();
    let mut next = there;
    while next < args.people {
        let end = args.people.min(next + BATCH);
        people.add(&mut writer, next..end)?;
        bar.set_position(end);
        next = end;
    }
    bar.finish_and_clear();
    if let Some(file) = &args.numbers {
        write(file, &numbers).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{} people in {}, {} of them new", args.people, args.data.display(), args.people - there);
    Ok(ExitCode::SUCCESS)
}

/// Everyone who is to be in the store.
struct People<'a> {
    seed: u64,
    numbers: &'a Numbers,
    agency: PartyId,
    now: Timestamp,
}

impl People<'_> {
    /// How many of them a store holds, from the first on.
    ///
    /// # Errors
    /// If it holds anybody else, or has been used for anything else.
    fn count_in(&self, reader: &Reader) -> anyhow::Result<u64> {
        let head = reader.head();
        let given = head.next_sequence.get() - 1;
        let parties = [PartyKind::Agency, PartyKind::RelyingParty]
            .into_iter()
            .map(|kind| Ok(reader.parties(kind)?.len()))
            .sum::<anyhow::Result<usize>>()?;
        ensure!(
            parties == 0 && head.gallery == 0 && head.identities == given,
            "this deployment is in use: made-up people are for a new one, with nobody in it but its administrators"
        );
        ensure!(
            given <= self.numbers.count(),
            "there are {given} people in this store already, more than --people"
        );
        let step = (given / SPOT_CHECKS).max(1);
        let places = (0..given).step_by(usize::try_from(step)?).chain(given.checked_sub(1));
        for place in places {
            self.check(reader, place)?;
        }
        Ok(given)
    }

    /// Fails unless the person at a place is the one who would be put there.
    fn check(&self, reader: &Reader, place: u64) -> anyhow::Result<()> {
        let Some(Holder::Number(number)) = reader.holder(Sequence::new(place + 1))? else {
            bail!("person {place} of this store holds no number: it was not made by this command");
        };
        let record = reader.identity(&number)?.context("somebody holds a number that has no record")?;
        let ours = self.numbers.at(place)? == number
            && record.agency == self.agency
            && record.demographics == self.demographics(place)?;
        ensure!(ours, "this store holds other people than those of seed {}", self.seed);
        Ok(())
    }

    /// Adds people in one commit.
    fn add(&self, writer: &mut Writer, places: Range<u64>) -> anyhow::Result<()> {
        let demographics = places
            .clone()
            .into_par_iter()
            .map(|place| self.demographics(place))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut staged = writer.stage();
        staged.set_latest(self.now);
        for (place, demographics) in places.zip(demographics) {
            self.put(&mut staged, self.numbers.at(place)?, demographics);
        }
        writer.commit(staged, vec![()])?;
        Ok(())
    }

    fn put(&self, staged: &mut Staged, number: IdentityNumber, demographics: Demographics) {
        let sequence = staged.next_sequence();
        let record = IdentityRecord {
            sequence,
            status: LifecycleStatus::Active,
            demographics,
            enrolled_at: self.now,
            agency: self.agency.clone(),
            fingers: 0,
            locks: Locks::default(),
            totp: None,
            virtual_number: None,
        };
        staged.put_identity(&number, &record);
        staged.put_holder(sequence, &Holder::Number(number));
    }

    fn demographics(&self, place: u64) -> anyhow::Result<Demographics> {
        // Nobody's mailbox: RFC 2606 keeps the domain free.
        let email = Email::parse(&format!("person-{place}@example.invalid"))?;
        let person = SyntheticPerson::new(self.seed, place);
        Ok(Demographics { email: Some(email), ..demographics(&person)? })
    }
}

/// Writes the numbers to a file that appears whole or not at all.
fn write(file: &Path, numbers: &Numbers) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let unfinished = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
    let mut out = std::io::BufWriter::new(unfinished);
    for place in 0..numbers.count() {
        writeln!(out, "{}", numbers.at(place)?.reveal())?;
    }
    out.into_inner()?.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use plinth_identity::dsse::SigningKey;
    use plinth_identity::party::{Party, PartyStatus, RelyingPartyPolicy};

    use super::*;

    /// A new deployment in a folder, and what fills it.
    fn founded(folder: &Path) -> Args {
        let (data, root_key) = (folder.join("data"), folder.join("root.key"));
        let administrators = [("admin-1", 1), ("admin-2", 2)]
            .map(|(id, seed)| (PartyId::parse(id).unwrap(), SigningKey::from_seed([seed; 32]).public()));
        plinth_server::init(&data, &root_key, &administrators, moment::now()).unwrap();
        Args { data, root_key, people: 40, seed: 5, numbers: Some(folder.join("numbers")) }
    }

    fn reader(args: &Args) -> Reader {
        let root_key = plinth_server::read_root_key(&args.root_key).unwrap();
        let nonces = Box::new(|| [0; 24]);
        plinth_storage::open(&args.data, &root_key, &StoreOptions::default(), nonces).unwrap().0
    }

    #[test]
    fn everyone_is_found_by_the_number_in_the_file_and_strangers_have_a_stand_in() {
        let folder = tempfile::tempdir().unwrap();
        let args = founded(folder.path());
        run(&args).unwrap();
        let text = std::fs::read_to_string(args.numbers.as_ref().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 40);
        let reader = reader(&args);
        assert_eq!((reader.head().identities, reader.head().gallery), (40, 0));
        for (place, line) in (0..).zip(text.lines()) {
            let number = IdentityNumber::parse(line).unwrap();
            let found = reader.subject(&number.into(), false).unwrap().unwrap();
            assert!(found.present);
            let person = SyntheticPerson::new(5, place);
            assert_eq!(found.record.demographics.name, demographics(&person).unwrap().name);
            assert_eq!(found.record.sequence.get(), place + 1);
        }
        let stranger = Numbers::draw(6, 1).at(0).unwrap();
        assert!(!reader.subject(&stranger.into(), false).unwrap().unwrap().present);
    }

    #[test]
    fn a_repeated_run_adds_only_whoever_is_missing() {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = founded(whole.path());
        run(&whole).unwrap();
        let args = founded(parts.path());
        for people in [15, 15, 40] {
            run(&Args {
                people,
                data: args.data.clone(),
                root_key: args.root_key.clone(),
                numbers: args.numbers.clone(),
                ..args
            })
            .unwrap();
        }
        let numbers = |args: &Args| std::fs::read(args.numbers.as_ref().unwrap()).unwrap();
        assert_eq!(numbers(&whole), numbers(&args));
        let reader = reader(&args);
        assert_eq!((reader.head().identities, reader.head().next_sequence.get()), (40, 41));
    }

    #[test]
    fn a_store_with_other_people_or_with_parties_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let args = founded(folder.path());
        run(&args).unwrap();
        let again = |seed, people| {
            let args = Args {
                data: args.data.clone(),
                root_key: args.root_key.clone(),
                people,
                seed,
                numbers: None,
            };
            run(&args).map_err(|error| error.to_string())
        };
        assert!(again(6, 50).unwrap_err().contains("other people"));
        assert!(again(5, 39).unwrap_err().contains("more than --people"));
        register_an_agency(&args);
        assert!(again(5, 50).unwrap_err().contains("in use"));
        assert_eq!(reader(&args).head().identities, 40);
    }

    fn register_an_agency(args: &Args) {
        let root_key = plinth_server::read_root_key(&args.root_key).unwrap();
        let nonces = Box::new(|| [7; 24]);
        let (_reader, mut writer) =
            plinth_storage::open(&args.data, &root_key, &StoreOptions::default(), nonces).unwrap();
        let (id, key) = (PartyId::parse("north").unwrap(), SigningKey::from_seed([3; 32]).public());
        let (now, policy) = (moment::now(), RelyingPartyPolicy::default());
        let until = now.plus_millis(1_000_000);
        let kind = PartyKind::Agency;
        let party = Party::new(kind, id, "North".to_owned(), key, now, until, PartyStatus::Active, policy);
        let mut staged = writer.stage();
        staged.put_party(&party.unwrap());
        for done in writer.commit(staged, vec![()]).unwrap() {
            done.into_inner();
        }
    }
}
