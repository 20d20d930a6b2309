//! Does the time tell? Unknown, locked, suspended and wrong must take equally long, from the envelope to the staged
//! commit; the fsync that follows is not timed, since its jitter would hide everything.
//!
//! The statistic is Welch's t between the times of one kind and of wrong names, each round asking one of every kind in
//! random order. Times beyond the 95th percentile of both together are left out, as dudect does (Reparaz, Balasch,
//! Verbauwhede, "Dude, is my code constant time?", 2017): they are interrupts. |t| of 4.5 or more is a leak.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::io::Write as _;
use std::sync::Arc;

use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_client::{Connection, RelyingParty, Retry, Trust};
use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{FactorSet, PartyKind, Quotas, RelyingPartyPolicy};
use plinth_server::clock::ManualClock;
use plinth_server::config::ServeConfig;
use plinth_server::trial::Trial;
use plinth_tests::{START, demographics, party, party_id, question, signing_key};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

/// People of each kind. Each is asked about four times by each relying party: five failures in a row would have to wait.
const PEOPLE: usize = 2_500;
const TRIES: usize = 4;
const PARTIES: usize = 5;
/// Distinct fingers; more would only cost time to make.
const FINGERS: u64 = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Wrong,
    Unknown,
    Locked,
    Suspended,
}

const KINDS: [Kind; 4] = [Kind::Wrong, Kind::Unknown, Kind::Locked, Kind::Suspended];

struct Nation {
    folder: TempDir,
    trust: Trust,
    /// Numbers of each kind, in the order of [`KINDS`].
    numbers: [Vec<IdentityNumber>; 4],
}

#[tokio::test(flavor = "multi_thread")]
async fn time_does_not_tell_unknown_locked_suspended_and_wrong_apart() {
    let nation = found();
    let times = measure(&nation, "bank", PARTIES, true);
    let mut report = format!(
        "timing: Welch's t against a wrong name, {:.1} us (a leak from 4.5)",
        moments(&times[0], f64::INFINITY).0 / 1e3
    );
    let mut worst = 0.0_f64;
    for (kind, sample) in KINDS.iter().zip(&times).skip(1) {
        let (t, difference) = welch_t(&times[0], sample);
        worst = worst.max(t.abs());
        report += &format!(", {kind:?} {t:+.2} ({difference:+.0} ns)");
    }
    let control = measure(&nation, "control", 1, false);
    let (t, difference) = welch_t(&control[0], &control[1]);
    report += &format!(
        "; {} tries of each kind; control without a decoy {t:+.2} ({difference:+.0} ns)\n",
        times[0].len()
    );
    std::io::stderr().write_all(report.as_bytes()).unwrap();
    assert!(worst < 4.5, "{report}");
    assert!(t.abs() > 4.5, "the trial cannot see a missing decoy: {report}");
}

/// A deployment with people who are known, locked and suspended, and numbers that nobody holds.
fn found() -> Nation {
    let folder = TempDir::new().unwrap();
    let (data, root_key) = (folder.path().join("data"), folder.path().join("root.key"));
    let administrators = [1, 2].map(|seed| (party_id(&format!("admin-{seed}")), signing_key(seed).public()));
    let made = plinth_server::init(&data, &root_key, &administrators, START).unwrap();
    let root = plinth_server::read_root_key(&root_key).unwrap();
    let mut seeds = StdRng::seed_from_u64(1);
    let nonces = Box::new(move || seeds.random());
    let (_, mut writer) = plinth_storage::open(&data, &root, &Default::default(), nonces).unwrap();
    let mut rng = StdRng::seed_from_u64(2);
    let fingers: Vec<(GalleryEntry, FeatureRow)> = (0..FINGERS).map(finger).collect();
    let numbers = KINDS.map(|kind| {
        let mut numbers: Vec<IdentityNumber> = (0..PEOPLE).map(|_| IdentityNumber::draw(&mut rng)).collect();
        if kind != Kind::Unknown {
            for some in numbers.chunks(250) {
                settle_people(&mut writer, kind, some, &fingers);
            }
        }
        // Asked in another order than enrolled: neighbours in time are not neighbours in the store.
        numbers.shuffle(&mut rng);
        numbers
    });
    let mut staged = writer.stage();
    for name in (0..PARTIES).map(|index| format!("bank-{index}")).chain(["control-0".to_owned()]) {
        let key = signing_key(seed_of(&name));
        let mut asking = party(PartyKind::RelyingParty, &name, &key, FactorSet::EMPTY, false);
        asking.policy = RelyingPartyPolicy {
            factors: FactorSet::ALL,
            quotas: Quotas { failure_percent: 100, requests_per_second: 1_000_000, ..Quotas::default() },
            ..RelyingPartyPolicy::default()
        };
        staged.put_party(&asking);
    }
    writer.commit(staged, vec![()]).unwrap().into_iter().for_each(|done| done.into_inner());
    Nation { folder, trust: Trust::new(made.deployment, vec![made.service_key]), numbers }
}

fn finger(person: u64) -> (GalleryEntry, FeatureRow) {
    let position = FingerPosition::RightIndex;
    let record = SyntheticPerson::new(9, person).capture(position, 0).encode();
    let fingers = Fingers::new(vec![FingerSample { position, record }]).unwrap();
    let entry =
        GalleryEntry { sequence: plinth_identity::id::Sequence::new(1), fingers: fingers.samples().to_vec() };
    (entry, FeatureRow::new(fingers.features().unwrap()))
}

fn settle_people(
    writer: &mut plinth_storage::Writer,
    kind: Kind,
    numbers: &[IdentityNumber],
    fingers: &[(GalleryEntry, FeatureRow)],
) {
    let mut staged = writer.stage();
    for (index, number) in numbers.iter().enumerate() {
        let (entry, features) = &fingers[index % fingers.len()];
        let sequence = staged.next_sequence();
        staged.put_gallery(sequence, &GalleryEntry { sequence, ..entry.clone() }, features);
        staged.put_holder(sequence, &Holder::Number(*number));
        let status = match kind {
            Kind::Suspended => LifecycleStatus::Suspended,
            _ => LifecycleStatus::Active,
        };
        let record = IdentityRecord {
            sequence,
            status,
            demographics: demographics("Asha Rao"),
            enrolled_at: START,
            agency: party_id("north"),
            fingers: 1,
            locks: Locks { number: kind == Kind::Locked, ..Locks::default() },
            totp: None,
            virtual_number: None,
        };
        staged.put_identity(number, &record);
    }
    writer.commit(staged, vec![()]).unwrap().into_iter().for_each(|done| done.into_inner());
}

fn seed_of(name: &str) -> u64 {
    name.bytes().fold(77, |seed, byte| seed * 31 + u64::from(byte))
}

/// Nanoseconds of each kind, in the order of [`KINDS`].
fn measure(nation: &Nation, prefix: &str, parties: usize, decoy: bool) -> [Vec<f64>; 4] {
    let config = ServeConfig::new(nation.folder.path().join("data"), nation.folder.path().join("root.key"));
    let mut trial = Trial::open(&config, Arc::new(ManualClock::at(START))).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let mut times = [const { Vec::new() }; 4];
    let mut lengths = std::collections::BTreeSet::new();
    for index in 0..parties {
        let name = format!("{prefix}-{index}");
        let nowhere = Connection::lazy("http://127.0.0.1:9", None).unwrap();
        let key = Arc::new(signing_key(seed_of(&name)));
        let asking =
            RelyingParty::new(nowhere, party_id(&name), key, nation.trust.clone()).with_retry(Retry::none());
        for round in 0..PEOPLE * TRIES {
            let mut order = [0, 1, 2, 3];
            order.shuffle(&mut rng);
            for kind in order {
                let number = nation.numbers[kind][round % PEOPLE];
                // As long as the right one: how long a name is read tells nothing about the person.
                let name = if KINDS[kind] == Kind::Wrong { "Asha Roy" } else { "Asha Rao" };
                let request = asking.request(question(number, name), START).unwrap();
                let timed = trial.time(request.envelope(), decoy).unwrap();
                times[kind].push(timed.elapsed.as_secs_f64() * 1e9);
                lengths.insert(timed.statement_bytes);
            }
            if round % 16 == 15 {
                trial.commit().unwrap();
            }
        }
        trial.commit().unwrap();
    }
    assert_eq!(lengths.len(), 1, "every no has one length: {lengths:?}");
    times
}

/// Welch's t of two samples without what lies beyond the 95th percentile of both together, and the difference of their
/// means.
fn welch_t(one: &[f64], other: &[f64]) -> (f64, f64) {
    let mut all: Vec<f64> = one.iter().chain(other).copied().collect();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() * 95 / 100];
    let ((a, va), (b, vb)) = (moments(one, limit), moments(other, limit));
    ((b - a) / (va + vb).sqrt(), b - a)
}

/// Mean of a sample up to a limit, and the variance of that mean.
fn moments(sample: &[f64], limit: f64) -> (f64, f64) {
    let kept: Vec<f64> = sample.iter().copied().filter(|time| *time <= limit).collect();
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}
