//! Cases: people whom the thresholds could not tell apart, and who wait for two administrators.

use std::fmt;

use crate::codec::{DecodeError, Reader, Writer};
use crate::demographics::Demographics;
use crate::id::{CaseId, PartyId, RequestDigest, RequestId, Sequence};
use crate::identity_record::{
    read_demographics, read_demographics_format_1, write_demographics, written_demographics_size,
};
use crate::reason::Reason;
use crate::time::Timestamp;

/// The enrolment request behind a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRef {
    /// The agency that sent it.
    pub agency: PartyId,
    /// The agency's id of it.
    pub request_id: RequestId,
    /// The digest of its signed bytes.
    pub digest: RequestDigest,
}

/// Somebody in the gallery who resembles the applicant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaseCandidate {
    /// Their row.
    pub sequence: Sequence,
    /// How much: the log10 likelihood ratio of all compared fingers.
    pub llr: f32,
}

/// What administrators may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseDecision {
    /// The applicant is a new person and gets a number.
    Issue,
    /// The applicant gets none.
    Refuse,
}

/// Whether a case is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseState {
    /// It waits.
    Open,
    /// It is decided, once and for all.
    Decided {
        /// What was decided.
        decision: CaseDecision,
        /// Why, in the administrators' words.
        reason: String,
        /// The two who signed, in the order of their ids.
        administrators: [PartyId; 2],
        /// When.
        at: Timestamp,
    },
}

/// A case for adjudication.
#[derive(Clone, PartialEq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// The applicant's row in the gallery.
    pub applicant: Sequence,
    /// The request that opened it.
    pub request: EnrolmentRef,
    /// Who the applicant says they are.
    pub demographics: Demographics,
    /// Whom they resemble, the most alike first.
    pub candidates: Vec<CaseCandidate>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How many people the search covered that opened it.
    pub searched: u64,
    /// Later requests that are copies of the applicant and share the outcome.
    pub joined: Vec<EnrolmentRef>,
    /// Whether it is decided.
    pub state: CaseState,
}

impl Case {
    const RECORD: &'static str = "case";
    const FORMAT: u8 = 2;

    /// Longest reason of a decision in characters.
    pub const MAX_REASON_CHARS: usize = 500;

    /// Opens a case.
    #[must_use]
    pub fn open(
        id: CaseId,
        applicant: Sequence,
        request: EnrolmentRef,
        demographics: Demographics,
        candidates: Vec<CaseCandidate>,
        opened_at: Timestamp,
        searched: u64,
    ) -> Self {
        let mut case = Self {
            id,
            applicant,
            request,
            demographics,
            candidates: Vec::new(),
            opened_at,
            searched,
            joined: Vec::new(),
            state: CaseState::Open,
        };
        case.extend(candidates);
        case
    }

    /// True until it is decided.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == CaseState::Open
    }

    /// Adds a further request of the same applicant. The same one is added once.
    pub fn join(&mut self, request: EnrolmentRef) {
        if self.request != request && !self.joined.contains(&request) {
            self.joined.push(request);
        }
    }

    /// Adds people whom the applicant resembles and who were not known. A known one keeps the better score.
    pub fn extend(&mut self, candidates: impl IntoIterator<Item = CaseCandidate>) {
        for candidate in candidates {
            match self.candidates.iter_mut().find(|known| known.sequence == candidate.sequence) {
                Some(known) => known.llr = known.llr.max(candidate.llr),
                None => self.candidates.push(candidate),
            }
        }
        self.candidates.sort_by(|a, b| b.llr.total_cmp(&a.llr).then(a.sequence.cmp(&b.sequence)));
    }

    /// Decides the case in the name of the administrators who signed the decision.
    ///
    /// # Errors
    /// [`Reason::CaseClosed`] if it is decided; [`Reason::ApprovalsMissing`] unless exactly two different
    /// administrators approve; [`Reason::Malformed`] if the reason is not 1 to 500 characters without control
    /// characters. The case is unchanged then.
    pub fn decide(
        &mut self,
        decision: CaseDecision,
        reason: String,
        approvals: &[PartyId],
        now: Timestamp,
    ) -> Result<(), Reason> {
        if !self.is_open() {
            return Err(Reason::CaseClosed);
        }
        let administrators = match approvals {
            [a, b] if a < b => [a.clone(), b.clone()],
            [a, b] if b < a => [b.clone(), a.clone()],
            _ => return Err(Reason::ApprovalsMissing),
        };
        if !is_reason(&reason) {
            return Err(Reason::Malformed);
        }
        self.state = CaseState::Decided { decision, reason, administrators, at: now };
        Ok(())
    }

    /// The stored form, to be sealed: format 2, id (u64), applicant (u64), request, demographics (as in the
    /// identity record), candidates (count u16, each: sequence (u64), llr (f32 bits)), opened at (u64 ms),
    /// searched (u64), joined (count u16, each a request), state (0 open; 1 issue or 2 refuse, then reason
    /// (text), two administrators (texts), at (u64 ms)). A request is agency (text), id (16), digest (32).
    ///
    /// The demographics of format 1 ended with the gender.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let requests = (self.joined.len().saturating_add(1)).saturating_mul(84);
        let variable = written_demographics_size(&self.demographics)
            .saturating_add(self.candidates.len().saturating_mul(12));
        let mut writer = Writer::new(Self::FORMAT, requests.saturating_add(variable).saturating_add(2_200));
        writer.u64(self.id.get()).u64(self.applicant.get());
        write_request(&mut writer, &self.request);
        write_demographics(&mut writer, &self.demographics);
        writer
            .list(&self.candidates, |writer, candidate| {
                writer.u64(candidate.sequence.get()).u32(candidate.llr.to_bits());
            })
            .u64(self.opened_at.millis())
            .u64(self.searched)
            .list(&self.joined, write_request);
        match &self.state {
            CaseState::Open => writer.u8(0),
            CaseState::Decided { decision, reason, administrators: [first, second], at } => writer
                .u8(match decision {
                    CaseDecision::Issue => 1,
                    CaseDecision::Refuse => 2,
                })
                .text(reason)
                .text(first.as_str())
                .text(second.as_str())
                .u64(at.millis()),
        };
        writer.finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, format) = Reader::one_of(Self::RECORD, &[1, Self::FORMAT], bytes)?;
        let id = CaseId::new(reader.u64("id")?);
        let applicant = Sequence::new(reader.u64("applicant")?);
        let request = read_request(&mut reader)?;
        let demographics = match format {
            1 => read_demographics_format_1(&mut reader)?,
            _ => read_demographics(&mut reader)?,
        };
        let candidates = reader.list("candidates", |reader| {
            let sequence = Sequence::new(reader.u64("candidate.sequence")?);
            let llr = f32::from_bits(reader.u32("candidate.llr")?);
            if llr.is_finite() {
                Ok(CaseCandidate { sequence, llr })
            } else {
                Err(reader.value("candidate.llr"))
            }
        })?;
        let opened_at = Timestamp::from_millis(reader.u64("opened_at")?);
        let searched = reader.u64("searched")?;
        let joined = reader.list("joined", read_request)?;
        let state = read_state(&mut reader)?;
        reader.finish()?;
        Ok(Self { id, applicant, request, demographics, candidates, opened_at, searched, joined, state })
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .field("candidates", &self.candidates.len())
            .field("joined", &self.joined.len())
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

fn is_reason(text: &str) -> bool {
    (1..=Case::MAX_REASON_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn write_request(writer: &mut Writer, request: &EnrolmentRef) {
    writer
        .text(request.agency.as_str())
        .array(request.request_id.as_bytes())
        .array(request.digest.as_bytes());
}

fn read_request(reader: &mut Reader<'_>) -> Result<EnrolmentRef, DecodeError> {
    Ok(EnrolmentRef {
        agency: reader.party("request.agency")?,
        request_id: RequestId::from_bytes(reader.array("request.id")?),
        digest: RequestDigest::from_bytes(reader.array("request.digest")?),
    })
}

fn read_state(reader: &mut Reader<'_>) -> Result<CaseState, DecodeError> {
    let decision = match reader.u8("state")? {
        0 => return Ok(CaseState::Open),
        1 => CaseDecision::Issue,
        2 => CaseDecision::Refuse,
        _ => return Err(reader.value("state")),
    };
    let reason = reader.text("reason")?.to_owned();
    let administrators = [reader.party("administrators")?, reader.party("administrators")?];
    let at = Timestamp::from_millis(reader.u64("decided_at")?);
    if !is_reason(&reason) {
        return Err(reader.value("reason"));
    }
    if administrators[0] >= administrators[1] {
        return Err(reader.value("administrators"));
    }
    Ok(CaseState::Decided { decision, reason, administrators, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::{DateOfBirth, Gender, Name, Phone};
    use proptest::prelude::*;

    fn party(text: &str) -> PartyId {
        PartyId::parse(text).unwrap()
    }

    fn request(id: u8) -> EnrolmentRef {
        EnrolmentRef {
            agency: party("post"),
            request_id: RequestId::from_bytes([id; 16]),
            digest: RequestDigest::from_bytes([id; 32]),
        }
    }

    fn candidate(sequence: u64, llr: f32) -> CaseCandidate {
        CaseCandidate { sequence: Sequence::new(sequence), llr }
    }

    fn case() -> Case {
        let demographics = Demographics {
            name: Name::parse("Ada").unwrap(),
            date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
            gender: Gender::Female,
            phone: Some(Phone::parse("+4930123456").unwrap()),
            email: None,
            address: None,
        };
        let candidates = vec![candidate(4, 1.5), candidate(5, 2.0)];
        Case::open(
            CaseId::new(9),
            Sequence::new(8),
            request(1),
            demographics,
            candidates,
            Timestamp::from_millis(3),
            7,
        )
    }

    fn decided() -> Case {
        let mut case = case();
        case.join(request(2));
        let approvals = [party("b"), party("a")];
        case.decide(CaseDecision::Refuse, "twin".to_owned(), &approvals, Timestamp::from_millis(6)).unwrap();
        case
    }

    /// The bytes of the decided case, with what its format writes of a person after the gender.
    fn expected(format: u8, after_the_gender: &[u8]) -> Vec<u8> {
        [
            &[format][..],             // format
            &[0, 0, 0, 0, 0, 0, 0, 9], // id
            &[0, 0, 0, 0, 0, 0, 0, 8], // applicant
            &[0, 0, 0, 4],
            b"post",
            &[1; 16],
            &[1; 32], // request: agency, id, digest
            &[0, 0, 0, 3],
            b"Ada",
            &[0x07, 0xc1, 12, 10],
            b"F",             // name, date of birth, gender
            after_the_gender, // the rest of the demographics
            &[0, 2],          // two candidates, the most alike first
            &[0, 0, 0, 0, 0, 0, 0, 5],
            &[0x40, 0, 0, 0], // sequence 5, llr 2.0
            &[0, 0, 0, 0, 0, 0, 0, 4],
            &[0x3f, 0xc0, 0, 0],       // sequence 4, llr 1.5
            &[0, 0, 0, 0, 0, 0, 0, 3], // opened at
            &[0, 0, 0, 0, 0, 0, 0, 7], // people searched
            &[0, 1],
            &[0, 0, 0, 4],
            b"post",
            &[2; 16],
            &[2; 32], // one request joined
            &[2],     // refused
            &[0, 0, 0, 4],
            b"twin", // reason
            &[0, 0, 0, 1],
            b"a",
            &[0, 0, 0, 1],
            b"b",                      // administrators in order
            &[0, 0, 0, 0, 0, 0, 0, 6], // decided at
        ]
        .concat()
    }

    #[test]
    fn a_case_has_these_bytes() {
        let more = [
            &[1][..], // there is a phone number
            &[0, 0, 0, 11],
            b"+4930123456", // phone
            &[0],           // no e-mail address
            &[0],           // no address
        ]
        .concat();
        let expected = expected(2, &more);
        assert_eq!(decided().encode(), expected);
        assert_eq!(Case::decode(&expected), Ok(decided()));
        assert_eq!(Case::decode(&case().encode()), Ok(case()));
    }

    #[test]
    fn a_case_of_format_1_is_still_read() {
        let mut plain = decided();
        plain.demographics.phone = None;
        assert_eq!(Case::decode(&expected(1, &[])), Ok(plain));
        assert!(Case::decode(&expected(3, &[])).is_err());
    }

    #[test]
    fn two_different_administrators_decide_and_they_decide_once() {
        let now = Timestamp::from_millis(1);
        let mut case = case();
        let (a, b, c) = (party("a"), party("b"), party("c"));
        let mut decide = |approvals: &[PartyId], reason: &str| {
            case.decide(CaseDecision::Issue, reason.to_owned(), approvals, now)
        };
        assert_eq!(decide(&[], "x"), Err(Reason::ApprovalsMissing));
        assert_eq!(decide(std::slice::from_ref(&a), "x"), Err(Reason::ApprovalsMissing));
        assert_eq!(decide(&[a.clone(), a.clone()], "x"), Err(Reason::ApprovalsMissing));
        assert_eq!(decide(&[a.clone(), b.clone(), c], "x"), Err(Reason::ApprovalsMissing));
        assert_eq!(decide(&[a.clone(), b.clone()], ""), Err(Reason::Malformed));
        assert_eq!(decide(&[a.clone(), b.clone()], &"x".repeat(501)), Err(Reason::Malformed));
        assert_eq!(decide(&[a.clone(), b.clone()], "not alike"), Ok(()));
        assert_eq!(decide(&[a, b], "not alike"), Err(Reason::CaseClosed));
        assert!(!case.is_open());
    }

    #[test]
    fn a_request_joins_once_and_the_first_one_never() {
        let mut case = case();
        case.join(request(1));
        case.join(request(2));
        case.join(request(2));
        assert_eq!(case.joined, [request(2)]);
    }

    #[test]
    fn candidates_are_kept_once_with_the_best_score_first() {
        let mut case = case();
        case.extend([candidate(4, 3.0), candidate(6, 2.0), candidate(5, 1.0)]);
        assert_eq!(case.candidates, [candidate(4, 3.0), candidate(5, 2.0), candidate(6, 2.0)]);
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        assert_eq!(
            format!("{:?}", case()),
            "Case { id: CaseId(9), candidates: 2, joined: 0, open: true, .. }"
        );
    }

    proptest! {
        #[test]
        fn altered_bytes_decode_to_what_they_say_or_not_at_all(
            place in any::<prop::sample::Index>(), byte: u8,
        ) {
            let mut bytes = decided().encode();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(decoded) = Case::decode(&bytes) {
                // Whatever format the bytes claim, what is written is the newest.
                prop_assert!(bytes[0] == 1 || decoded.encode() == bytes);
            }
        }

        #[test]
        fn a_truncated_case_is_an_error(length in any::<prop::sample::Index>()) {
            let bytes = decided().encode();
            prop_assert!(Case::decode(&bytes[..length.index(bytes.len())]).is_err());
        }
    }
}
