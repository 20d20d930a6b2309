//! Requests and statements for the tests of this crate: real ones, signed by throw-away keys.

use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::authentication::{Consent, ResidentAction, Verdict};
use plinth_identity::demographics::{
    DateOfBirth, DemographicClaim, Demographics, Gender, Name, NameClaim, Strategy,
};
use plinth_identity::dsse::{Envelope, SigningKey, payload_type};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::id::{DeploymentId, LogPosition, PartyId, RelyingPartyToken, RequestDigest, RequestId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{Attribute, AttributeSet};
use plinth_identity::sealing::SealedAttributes;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, OtpStatement, PersonStatement,
    ResidentOutcome, ResidentStatement, StatementHeader,
};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::authentication::encode_authentication_statement;
use plinth_proto::convert::enrolment::encode_enrolment_statement;
use plinth_proto::convert::otp::encode_otp_statement;
use plinth_proto::convert::personal_data::encode_person_statement;
use plinth_proto::convert::resident::encode_resident_statement;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{
    Agency, AuthenticationDraft, Connection, EnrolmentDraft, PersonDraft, RelyingParty, ResidentDraft,
    SignedRequest, Trust,
};

/// The moment of every fixture.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn service_key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

pub(crate) fn deployment() -> DeploymentId {
    DeploymentId::from_bytes([2; 16])
}

pub(crate) fn trust() -> Trust {
    Trust::new(deployment(), vec![service_key().public()])
}

pub(crate) fn party(id: &str) -> PartyId {
    PartyId::parse(id).unwrap()
}

pub(crate) fn agency(connection: Connection) -> Agency {
    Agency::new(connection, party("town-hall"), SigningKey::from_seed([3; 32]), trust())
}

pub(crate) fn relying_party(connection: Connection) -> RelyingParty {
    RelyingParty::new(connection, party("bank"), SigningKey::from_seed([4; 32]), trust())
}

pub(crate) fn enrolment_draft() -> EnrolmentDraft {
    EnrolmentDraft {
        demographics: Demographics {
            name: Name::parse("Asha Rao").unwrap(),
            date_of_birth: DateOfBirth::parse("1990-02-28").unwrap(),
            gender: Gender::Female,
            phone: None,
            email: None,
            address: None,
        },
        fingers: vec![FingerSample { position: FingerPosition::RightThumb, record: finger_record() }],
        station: "station-1".to_owned(),
        operator: "operator-1".to_owned(),
        purpose: "enrolment".to_owned(),
    }
}

pub(crate) fn authentication_draft() -> AuthenticationDraft {
    let name = NameClaim { name: Name::parse("Asha Rao").unwrap(), strategy: Strategy::Exact };
    AuthenticationDraft {
        claim: DemographicClaim { name: Some(name), ..DemographicClaim::default() },
        purpose: "open an account".to_owned(),
        ..AuthenticationDraft::new(number())
    }
}

pub(crate) fn person_draft() -> PersonDraft {
    PersonDraft {
        identifier: number().into(),
        claim: DemographicClaim::default(),
        fingers: vec![FingerSample { position: FingerPosition::RightThumb, record: finger_record() }],
        code: None,
        attributes: AttributeSet::EMPTY.with(Attribute::Name),
        consent: Consent::new("First Bank may read my name.".to_owned(), NOW).unwrap(),
        purpose: "open an account".to_owned(),
    }
}

pub(crate) fn resident_draft(action: ResidentAction) -> ResidentDraft {
    ResidentDraft {
        number: number(),
        claim: DemographicClaim::default(),
        fingers: Vec::new(),
        code: Some(CodeClaim::Totp(OtpCode::parse("123456").unwrap())),
        action,
        purpose: "my own number".to_owned(),
    }
}

pub(crate) fn number() -> IdentityNumber {
    IdentityNumber::draw(&mut StdRng::seed_from_u64(5))
}

/// A record of one right thumb with twenty minutiae on a diagonal (ISO/IEC 19794-2:2005).
pub(crate) fn finger_record() -> Vec<u8> {
    let minutiae: Vec<u8> =
        (1..=20_u8).flat_map(|step| [0x40, 10 * step, 0, 10 * step, 12 * step, 50]).collect();
    let length = u8::try_from(24 + 4 + minutiae.len() + 2).unwrap();
    let mut record = b"FMR\0 20\0".to_vec();
    record.extend([0, 0, 0, length]); // length of the record
    record.extend([0, 0]); // capture device
    record.extend([1, 0x2c, 1, 0x90]); // 300 x 400 pixels
    record.extend([0, 197, 0, 197]); // 500 dpi
    record.extend([1, 0]); // one view
    record.extend([1, 0, 80, 20]); // right thumb, view 0, quality 80, twenty minutiae
    record.extend(minutiae);
    record.extend([0, 0]); // no extended data
    record
}

pub(crate) fn statement_header(request: &Envelope) -> StatementHeader {
    StatementHeader {
        issuer: deployment(),
        request: RequestDigest::of(request.payload_type(), request.payload()),
        decided_at: NOW,
        key_epoch: 1,
        log_position: LogPosition::new(7),
        log_salt: [6; 16],
    }
}

pub(crate) fn enrolment_statement(request: &Envelope, request_id: RequestId) -> EnrolmentStatement {
    EnrolmentStatement {
        header: statement_header(request),
        agency: party("town-hall"),
        request_id,
        outcome: EnrolmentOutcome::Issued { number: number() },
        fingers: 1,
        searched: 0,
        duplicate_fmr: 1e-6,
        adjudicate_fmr: 1e-4,
        target_fpir: 0.01,
    }
}

pub(crate) fn authentication_statement(request: &Envelope) -> AuthenticationStatement {
    AuthenticationStatement {
        header: statement_header(request),
        relying_party: party("bank"),
        verdict: Verdict::No,
        reason: None,
        token: None,
        buffered: false,
    }
}

pub(crate) fn otp_statement(request: &SignedRequest) -> OtpStatement {
    OtpStatement {
        header: statement_header(request.envelope()),
        relying_party: party("bank"),
        transaction: request.request_id(),
        expires_at: NOW.plus_millis(600_000),
    }
}

pub(crate) fn person_statement(request: &Envelope, sealed: Option<SealedAttributes>) -> PersonStatement {
    let verdict = if sealed.is_some() { Verdict::Yes } else { Verdict::No };
    let attributes =
        if sealed.is_some() { AttributeSet::EMPTY.with(Attribute::Name) } else { AttributeSet::EMPTY };
    PersonStatement {
        header: statement_header(request),
        relying_party: party("bank"),
        verdict,
        reason: None,
        token: sealed.as_ref().map(|_| RelyingPartyToken::from_bytes([8; 32])),
        attributes,
        sealed,
    }
}

pub(crate) fn resident_statement(request: &Envelope, outcome: ResidentOutcome) -> ResidentStatement {
    ResidentStatement {
        header: statement_header(request),
        agent: party("bank"),
        verdict: Verdict::Yes,
        reason: None,
        outcome: Some(outcome),
    }
}

pub(crate) fn signed_enrolment(statement: &EnrolmentStatement) -> Envelope {
    service_key().sign(payload_type::ENROLMENT_STATEMENT, encode_enrolment_statement(statement))
}

pub(crate) fn signed_authentication(statement: &AuthenticationStatement) -> Envelope {
    service_key().sign(payload_type::AUTHENTICATION_STATEMENT, encode_authentication_statement(statement))
}

pub(crate) fn signed_otp(statement: &OtpStatement) -> Envelope {
    service_key().sign(payload_type::OTP_STATEMENT, encode_otp_statement(statement))
}

pub(crate) fn signed_person(statement: &PersonStatement) -> Envelope {
    service_key().sign(payload_type::PERSON_STATEMENT, encode_person_statement(statement))
}

pub(crate) fn signed_resident(statement: &ResidentStatement) -> Envelope {
    service_key().sign(payload_type::RESIDENT_STATEMENT, encode_resident_statement(statement))
}
