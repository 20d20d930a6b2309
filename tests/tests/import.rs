//! Loading an existing register, and finding the duplicates inside it afterwards.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod fsck;

use std::sync::Arc;

use plinth_client::register::{EncodedRecord, Register, RegisterDraft, RegisterWriter};
use plinth_identity::Verdict;
use plinth_identity::application::Fingers;
use plinth_identity::id::{DeploymentId, PartyId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::register::{ExternalId, RegisterRecord};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::import::{ImportError, Importer, Loaded};
use plinth_tests::{
    START, World, demographics, enrolment, fingers, party_id, question, samples, signing_key,
};
use rand::SeedableRng as _;

/// People of the register, two of whom are in it twice, in a second capture and under another name.
const PEOPLE: u64 = 30;
const TWICE: [u64; 2] = [3, 17];

fn record(
    external: &str,
    name: &str,
    person: u64,
    capture: u32,
    number: Option<IdentityNumber>,
) -> RegisterRecord {
    let fingers = Fingers::new(samples(person, capture, &fingers(4))).unwrap();
    RegisterRecord::new(ExternalId::parse(external).unwrap(), number, demographics(name), fingers, START)
        .unwrap()
}

/// The key of the agency as the world makes it is a secret of its own; a register is signed by one that the test made.
fn keeper() -> plinth_identity::dsse::SigningKey {
    signing_key(77)
}

/// A world that knows the keeper of the register, stopped.
async fn stopped_world() -> World {
    stopped_world_with(8).await
}

/// The same, where so many newest people make a segment.
async fn stopped_world_with(newest: u32) -> World {
    let mut world = World::with(|config| config.index.newest = newest).await;
    let party = plinth_tests::party(
        plinth_identity::party::PartyKind::Agency,
        "keeper",
        &keeper(),
        plinth_identity::party::FactorSet::EMPTY,
        false,
    );
    world.register(party).await;
    world.stop().await;
    world
}

fn write(world: &World, audience: Option<DeploymentId>, kept: Option<IdentityNumber>) -> Register {
    let folder = world.folder.path().join("register");
    let mut writer = RegisterWriter::open(&folder).unwrap().people_a_part(7);
    for person in 0..PEOPLE {
        let number = kept.filter(|_| person == 5);
        let record = record(&format!("P-{person}"), &format!("Person Number{person}"), person, 0, number);
        writer.push(EncodedRecord::from(&record)).unwrap();
    }
    for person in TWICE {
        let again = record(&format!("Q-{person}"), "Somebody Else", person, 1, None);
        writer.push(EncodedRecord::from(&again)).unwrap();
    }
    let draft = RegisterDraft {
        name: "Old register".to_owned(),
        party: party_id("keeper"),
        audience,
        created_at: START,
    };
    writer.finish(draft, &keeper()).unwrap();
    Register::open(&folder, |_: &PartyId| Some(keeper().public())).unwrap()
}

async fn open(world: &World) -> Importer {
    let clock: Arc<plinth_server::clock::ManualClock> = Arc::clone(&world.clock);
    Importer::open(world.config.clone(), clock).await.unwrap()
}

/// Loads at most `most` records of what is left, and says what became of them and whether that was all.
async fn load(world: &World, register: &Register, most: usize) -> (Vec<Loaded>, bool) {
    let importer = open(world).await;
    let mut import = importer.begin(register.manifest(), register.digest()).await.unwrap();
    let (first, start) = import.place();
    let (mut loaded, mut taken) = (Vec::new(), 0);
    for number in usize::try_from(first).unwrap()..register.manifest().parts().len() {
        let part = register.part(number).unwrap();
        let from =
            if number == usize::try_from(first).unwrap() { usize::try_from(start).unwrap() } else { 0 };
        for record in part.records(from) {
            loaded.extend(import.load(record).await.unwrap());
            taken += 1;
            if taken == most {
                drop(import);
                importer.close().await;
                return (loaded, false);
            }
        }
        while let Some(one) = import.next().await.unwrap() {
            loaded.push(one);
        }
        import.next_part().await.unwrap();
    }
    import.finish().await.unwrap();
    importer.close().await;
    (loaded, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_a_number_that_works_and_the_sweep_finds_who_is_there_twice() {
    let mut world = stopped_world().await;
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    let kept = IdentityNumber::draw(&mut random);
    let register = write(&world, Some(world.trust.deployment()), Some(kept));
    let (loaded, all) = load(&world, &register, usize::MAX).await;
    assert!(all);
    assert_eq!(loaded.len() as u64, PEOPLE + TWICE.len() as u64);
    let numbers: Vec<String> = loaded.iter().map(|one| one.outcome.as_ref().unwrap().0.clone()).collect();
    assert_eq!(numbers[5], kept.reveal(), "a number of the register is kept");
    fsck::must_be_clean(&world.config);

    world.restart().await;
    let bank = world.relying_party("bank", false).await;
    let number = IdentityNumber::parse(&numbers[7]).unwrap();
    let request = bank.request(question(number, "Person Number7"), world.now()).unwrap();
    assert_eq!(bank.authenticate(&request).await.unwrap().statement.verdict, Verdict::Yes);
    let agency = world.agency("north").await;
    let draft = enrolment("Somebody New", 9, 1, &fingers(4));
    let answer = agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap();
    assert_eq!(answer.statement.outcome, EnrolmentOutcome::Duplicate, "who was imported is in the gallery");

    let administrator = world.administrator(0).await;
    let import = loop {
        let state = administrator.index(world.now()).await.unwrap();
        let import = state.imports[0].clone();
        if import.compared == import.people {
            break import;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((import.name.as_str(), import.people, import.loaded), ("Old register", PEOPLE + 2, true));
    assert_eq!(import.findings, 2);
    let (found, next) = administrator.findings(import.import_id, "", 10, world.now()).await.unwrap();
    assert_eq!(next, "");
    // Records that are in hand together may enter the gallery in any order.
    let mut pairs: Vec<[String; 2]> = found
        .iter()
        .map(|found| {
            assert_eq!(found.fingers, 4);
            let both = [&found.later, &found.earlier].map(|one| one.clone().unwrap());
            let mut names = both.map(|one| one.demographics.unwrap().name);
            names.sort();
            names
        })
        .collect();
    pairs.sort();
    assert_eq!(pairs, [17, 3].map(|person| [format!("Person Number{person}"), "Somebody Else".to_owned()]));
    world.stop().await;
    fsck::must_be_clean(&world.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_was_interrupted_goes_on_and_gives_nobody_a_second_number() {
    let world = stopped_world().await;
    let register = write(&world, None, None);
    let (_, all) = load(&world, &register, 17).await;
    assert!(!all);
    let (rest, all) = load(&world, &register, usize::MAX).await;
    assert!(all);
    assert!(rest.iter().all(|one| one.outcome.is_ok()));
    // What was in hand at the interruption may be loaded once more, and is answered as it was.
    let importer = open(&world).await;
    let import = importer.begin(register.manifest(), register.digest()).await.unwrap();
    assert!(import.is_finished());
    drop(import);
    importer.close().await;
    assert_eq!(fsck::must_be_clean(&world.config).identities, PEOPLE + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_leaves_an_index_of_which_the_next_start_has_nothing_to_make() {
    // Fewer stay in memory whatever happens.
    const CROWD: u64 = 600;
    let mut world = stopped_world_with(4_096).await;
    let folder = world.folder.path().join("crowd");
    let mut writer = RegisterWriter::open(&folder).unwrap();
    for person in 0..CROWD {
        let fingers = Fingers::new(samples(person, 0, &fingers(1))).unwrap();
        let external = ExternalId::parse(&format!("P-{person}")).unwrap();
        let record = RegisterRecord::new(external, None, demographics("Somebody"), fingers, START).unwrap();
        writer.push(EncodedRecord::from(&record)).unwrap();
    }
    let draft = RegisterDraft {
        name: "Crowd".to_owned(),
        party: party_id("keeper"),
        audience: None,
        created_at: START,
    };
    writer.finish(draft, &keeper()).unwrap();
    let register = Register::open(&folder, |_: &PartyId| Some(keeper().public())).unwrap();
    assert!(load(&world, &register, usize::MAX).await.1);
    world.restart().await;
    let state = world.administrator(0).await.index(world.now()).await.unwrap();
    assert_eq!((state.people, state.newest, state.segments), (CROWD, 0, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_of_nobody_known_or_for_somebody_else_is_refused() {
    let world = stopped_world().await;
    let register = write(&world, Some(DeploymentId::from_bytes([9; 16])), None);
    let importer = open(&world).await;
    assert!(importer.agency_key(&party_id("nobody")).is_none());
    assert!(importer.agency_key(&party_id("keeper")).is_some());
    let refused = importer.begin(register.manifest(), register.digest()).await.err().unwrap();
    assert!(matches!(refused, ImportError::OtherDeployment(_)), "{refused}");
    importer.close().await;
}
