//! Stores in temporary folders, and the people in them.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::case::{Case, EnrolmentRef};
use plinth_identity::demographics::{
    Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::dsse::SigningKey;
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::id::{CaseId, DeploymentId, PartyId, RequestDigest, RequestId, Sequence};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::keys::RootKey;
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::otp::TotpSecret;
use plinth_identity::party::{Party, PartyKind, PartyStatus, RelyingPartyPolicy};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::VirtualNumber;
use plinth_storage::{
    EnrolmentEntry, NonceSource, Reader, Staged, StatementKind, StoreError, StoreOptions, StoredAnswer,
    Writer, create, open,
};
use tempfile::TempDir;

pub(crate) const DEPLOYMENT: DeploymentId = DeploymentId::from_bytes([0x5a; 16]);

/// A store's folder.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), &root(1), DEPLOYMENT).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn open(&self) -> (Reader, Writer) {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<(Reader, Writer), StoreError> {
        open(self.path(), &root(1), &options(), nonces())
    }

    /// The folder as a crash at this moment leaves it.
    pub(crate) fn crashed(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.path(), folder.path());
        Self { folder }
    }

    /// Opens the tables behind the store's back.
    pub(crate) fn tables(&self) -> rocksdb::DB {
        let path = self.path().join("rocksdb");
        let mut options = rocksdb::Options::default();
        options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords);
        let names = rocksdb::DB::list_cf(&options, &path).unwrap();
        let families = names.into_iter().map(|name| {
            let mut options = rocksdb::Options::default();
            if name == "postings" {
                options.set_merge_operator_associative("symmetric difference", |_, _, _| Some(vec![0; 16]));
            }
            rocksdb::ColumnFamilyDescriptor::new(name, options)
        });
        rocksdb::DB::open_cf_descriptors(&options, &path, families).unwrap()
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            match fs::copy(entry.path(), target) {
                Ok(_) => {}
                // The engine has just deleted a file that it no longer needs.
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
            }
        }
    }
}

/// The mark stays where it is until the store is closed, so that tests decide how far it lags.
pub(crate) fn options() -> StoreOptions {
    StoreOptions { mark_interval: Duration::from_secs(3600), cache_bytes: 8 << 20, memtable_bytes: 32 << 20 }
}

/// Nonces that never repeat within one call of this; a store opened twice repeats them, which only tests may do.
pub(crate) fn nonces() -> NonceSource {
    let mut next: u64 = std::process::id().into();
    Box::new(move || {
        next += 1;
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&next.to_be_bytes());
        nonce
    })
}

pub(crate) fn root(seed: u8) -> RootKey {
    let text = match seed {
        1 => format!("plinth-root-key-1 {}AQE=", "AQEB".repeat(10)),
        _ => format!("plinth-root-key-1 {}AgI=", "AgIC".repeat(10)),
    };
    RootKey::parse(&text).unwrap()
}

/// A valid number for each index.
pub(crate) fn number(index: u64) -> IdentityNumber {
    (0..10).find_map(|check| IdentityNumber::parse(&format!("2{index:010}{check}")).ok()).unwrap()
}

pub(crate) fn identifier(index: u64) -> Identifier {
    Identifier::Number(number(index))
}

/// A valid virtual number for each index.
pub(crate) fn virtual_number(index: u64) -> VirtualNumber {
    (0..10).find_map(|check| VirtualNumber::parse(&format!("3{index:014}{check}")).ok()).unwrap()
}

pub(crate) fn phone() -> Phone {
    Phone::parse("+49 30 5557364512").unwrap()
}

pub(crate) fn email() -> Email {
    Email::parse("zubeida@quartermain.example").unwrap()
}

fn demographics() -> Demographics {
    let address = AddressFields {
        house: "17".to_owned(),
        street: "Marchpane Street".to_owned(),
        country: "Nowhere".to_owned(),
        ..AddressFields::default()
    };
    Demographics {
        name: Name::parse("Zubeida Quartermain").unwrap(),
        date_of_birth: DateOfBirth::parse("1984-02-29").unwrap(),
        gender: Gender::Female,
        phone: Some(phone()),
        email: Some(email()),
        address: Some(Address::new(address).unwrap()),
    }
}

pub(crate) fn record(sequence: Sequence) -> IdentityRecord {
    IdentityRecord {
        sequence,
        status: LifecycleStatus::Active,
        demographics: demographics(),
        enrolled_at: Timestamp::from_millis(1),
        agency: party_id("agency"),
        fingers: 1,
        locks: Locks::default(),
        totp: Some(TotpSecret::from_bytes(*b"a secret of twenty..")),
        virtual_number: None,
    }
}

pub(crate) fn originals(sequence: Sequence) -> GalleryEntry {
    let record = b"FMR\0 20\0 original bytes".to_vec();
    GalleryEntry { sequence, fingers: vec![FingerSample { position: FingerPosition::RightIndex, record }] }
}

/// Features of no finger, which the store carries like any others.
pub(crate) fn features() -> FeatureRow {
    FeatureRow::new(Vec::new())
}

pub(crate) fn case(id: CaseId, applicant: Sequence) -> Case {
    let request = EnrolmentRef { agency: party_id("agency"), request_id: request(1), digest: digest(1) };
    Case::open(id, applicant, request, demographics(), Vec::new(), Timestamp::from_millis(1), 1)
}

pub(crate) fn party(kind: PartyKind, id: &str) -> Party {
    Party::new(
        kind,
        party_id(id),
        "The Agency of Everything".to_owned(),
        SigningKey::from_seed([7; 32]).public(),
        Timestamp::from_millis(1),
        Timestamp::from_millis(2),
        PartyStatus::Active,
        RelyingPartyPolicy::default(),
    )
    .unwrap()
}

pub(crate) fn party_id(id: &str) -> PartyId {
    PartyId::parse(id).unwrap()
}

pub(crate) fn request(index: u64) -> RequestId {
    let mut bytes = *b"request-........";
    bytes[8..].copy_from_slice(&index.to_be_bytes());
    RequestId::from_bytes(bytes)
}

pub(crate) fn digest(index: u8) -> RequestDigest {
    RequestDigest::from_bytes([index; 32])
}

pub(crate) fn answer(index: u8) -> StoredAnswer {
    StoredAnswer {
        digest: digest(index),
        kind: StatementKind::Enrolment,
        statement: b"a statement with a number in it".to_vec(),
        not_after: Timestamp::from_millis(1000),
        case: None,
        latest: None,
    }
}

/// Stages everything that an issued number writes. `index` tells people apart.
pub(crate) fn enrol(staged: &mut Staged, index: u16) -> Sequence {
    let sequence = add_to_gallery(staged, index);
    let number = number(index.into());
    assert!(!staged.identity_exists(&number).unwrap());
    staged.put_identity(&number, &record(sequence));
    staged.put_holder(sequence, &Holder::Number(number));
    sequence
}

/// Stages what an enrolment writes whose decision waits.
pub(crate) fn enrol_pending(staged: &mut Staged, index: u16) -> CaseId {
    let sequence = add_to_gallery(staged, index);
    let id = staged.next_case();
    staged.put_case(&case(id, sequence));
    staged.put_holder(sequence, &Holder::Pending(id));
    id
}

fn add_to_gallery(staged: &mut Staged, index: u16) -> Sequence {
    let (agency, request) = (party_id("agency"), request(index.into()));
    assert!(staged.answer(PartyKind::Agency, &agency, &request).unwrap().is_none());
    let sequence = staged.next_sequence();
    staged.put_gallery(sequence, &originals(sequence), &features());
    let position = staged.next_log_position();
    staged.put_answer(PartyKind::Agency, &agency, &request, &answer(index as u8));
    let entry = EnrolmentEntry { request_id: request, at: Timestamp::from_millis(index.into()) };
    staged.put_enrolment(&agency, position, &entry);
    assert_eq!(staged.append_leaf(&[index as u8; 32]), position);
    sequence
}

/// A store with an agency and people with the given indices, one commit each.
pub(crate) fn populate(writer: &mut Writer, people: impl IntoIterator<Item = u16>) {
    let mut staged = writer.stage();
    staged.put_party(&party(PartyKind::Agency, "agency"));
    writer.commit(staged, vec![()]).unwrap();
    for index in people {
        enrol_one(writer, index);
    }
}

pub(crate) fn enrol_one(writer: &mut Writer, index: u16) -> Sequence {
    let mut staged = writer.stage();
    let sequence = enrol(&mut staged, index);
    let committed = writer.commit(staged, vec![sequence]).unwrap();
    assert_eq!(committed.len(), 1);
    committed.into_iter().next().unwrap().into_inner()
}
