//! What was answered to a request, so that the same request is decided once.
//!
//! A thief sees how many requests were answered and how long the answers are: the key is a keyed hash of party and
//! `request_id`, and the row is sealed.

use plinth_identity::dsse::payload_type;
use plinth_identity::id::{CaseId, RequestDigest};
use plinth_identity::time::Timestamp;

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// Which statement a stored answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// The answer to an enrolment.
    Enrolment,
    /// The answer to an authentication.
    Authentication,
    /// The answer to a change of the registry, or to the decision of a case.
    Registry,
    /// The answer to the wish for a one-time code.
    Otp,
    /// The answer to the wish for a person's attributes.
    Person,
    /// The answer to a person's own wish about their number.
    Resident,
}

impl StatementKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Enrolment, Self::Authentication, Self::Registry, Self::Otp, Self::Person, Self::Resident];

    /// The payload type that the statement is signed under.
    #[must_use]
    pub fn payload_type(self) -> &'static str {
        match self {
            Self::Enrolment => payload_type::ENROLMENT_STATEMENT,
            Self::Authentication => payload_type::AUTHENTICATION_STATEMENT,
            Self::Registry => payload_type::REGISTRY_STATEMENT,
            Self::Otp => payload_type::OTP_STATEMENT,
            Self::Person => payload_type::PERSON_STATEMENT,
            Self::Resident => payload_type::RESIDENT_STATEMENT,
        }
    }

    /// The stored byte. Retired values stay reserved.
    fn code(self) -> u8 {
        match self {
            Self::Enrolment => 1,
            Self::Authentication => 2,
            Self::Registry => 3,
            Self::Otp => 4,
            Self::Person => 5,
            Self::Resident => 6,
        }
    }
}

/// The answer to one request, kept for replay.
///
/// The statement's bytes are stored, not the signature: the signature is deterministic (RFC 8032), so signing them again
/// gives the same answer byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Digest of the request's signed bytes. The same id with another digest is another request, and is refused.
    pub digest: RequestDigest,
    /// Which statement this is.
    pub kind: StatementKind,
    /// The statement as it was first answered.
    pub statement: Vec<u8>,
    /// Until when the request itself was valid. An answer that expires ([`crate::Staged::expire_answer`]) is kept at
    /// least until the request would be refused as too old.
    pub not_after: Timestamp,
    /// The case that the request opened or joined.
    pub case: Option<CaseId>,
    /// The statement after adjudication.
    pub latest: Option<Vec<u8>>,
}

impl std::fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredAnswer")
            .field("kind", &self.kind)
            .field("case", &self.case)
            .finish_non_exhaustive()
    }
}

/// `request_row` -> stored answer.
pub(crate) struct Requests;

const _: () = assert!(size_of::<<Requests as Table>::Key>() == 16);

impl Table for Requests {
    const NAME: &'static str = "requests";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = StoredAnswer;

    /// Format byte 1, digest (32), kind (1), not after (u64 ms), case (u64, 0 for none), statement (u64 length, bytes),
    /// flag of a later statement (1), later statement (u64 length, bytes) if the flag is 1.
    fn encode(value: &Self::Value) -> Vec<u8> {
        let fields = FieldWriter::new(FORMAT)
            .array(value.digest.as_bytes())
            .byte(value.kind.code())
            .number(value.not_after.millis())
            .number(value.case.map_or(0, |case| case.get()))
            .bytes(&value.statement);
        match &value.latest {
            None => fields.byte(0).finish(),
            Some(latest) => fields.byte(1).bytes(latest).finish(),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let digest = RequestDigest::from_bytes(fields.array("digest")?);
        let kind = fields.byte("kind")?;
        let not_after = Timestamp::from_millis(fields.number("not after")?);
        let case = fields.number("case")?;
        let statement = fields.bytes("statement")?;
        let latest = match fields.byte("later statement")? {
            0 => None,
            1 => Some(fields.bytes("later statement")?),
            _ => return Err(Malformed::Borrowed("later statement")),
        };
        fields.finish()?;
        Ok(StoredAnswer {
            digest,
            kind: StatementKind::ALL
                .into_iter()
                .find(|known| known.code() == kind)
                .ok_or(Malformed::Borrowed("kind"))?,
            statement,
            not_after,
            case: (case != 0).then(|| CaseId::new(case)),
            latest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_stored_answer_has_these_bytes() {
        let answer = StoredAnswer {
            digest: RequestDigest::from_bytes([7; 32]),
            kind: StatementKind::Authentication,
            statement: vec![0xaa, 0xbb],
            not_after: Timestamp::from_millis(0x0102),
            case: Some(CaseId::new(9)),
            latest: Some(vec![0xcc]),
        };
        let expected = [
            &[1][..],                  // format
            &[7; 32],                  // digest
            &[2],                      // kind: authentication
            &[0, 0, 0, 0, 0, 0, 1, 2], // not after
            &[0, 0, 0, 0, 0, 0, 0, 9], // case
            &[0, 0, 0, 0, 0, 0, 0, 2], // length of the statement
            &[0xaa, 0xbb],             // statement
            &[1],                      // a later statement follows
            &[0, 0, 0, 0, 0, 0, 0, 1], // its length
            &[0xcc],                   // later statement
        ]
        .concat();
        assert_eq!(Requests::encode(&answer), expected);
        assert_eq!(Requests::decode(&expected).unwrap(), answer);
    }

    #[test]
    fn every_kind_keeps_its_byte() {
        assert_eq!(StatementKind::ALL.map(StatementKind::code), [1, 2, 3, 4, 5, 6]);
        let types: BTreeSet<_> = StatementKind::ALL.map(StatementKind::payload_type).into();
        assert_eq!(types.len(), StatementKind::ALL.len());
    }

    proptest! {
        #[test]
        fn a_stored_answer_decodes_to_itself(
            digest in any::<[u8; 32]>(),
            kind in 0..StatementKind::ALL.len(),
            statement in proptest::collection::vec(any::<u8>(), 0..64),
            not_after in any::<u64>(),
            case in proptest::option::of(1_u64..),
            latest in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        ) {
            let answer = StoredAnswer {
                digest: RequestDigest::from_bytes(digest),
                kind: StatementKind::ALL[kind],
                statement,
                not_after: Timestamp::from_millis(not_after),
                case: case.map(CaseId::new),
                latest,
            };
            prop_assert!(Requests::decode(&Requests::encode(&answer)).as_ref() == Ok(&answer));
        }

        #[test]
        fn any_bytes_give_an_answer_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = Requests::decode(&bytes);
        }
    }
}
