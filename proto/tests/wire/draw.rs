//! Valid values of every kind, drawn from a seed: the same seed draws the same values.

use plinth_identity::application::{Application, FingerPosition, FingerSample, Fingers};
use plinth_identity::authentication::{AuthenticationRequest, Verdict};
use plinth_identity::case::CaseDecision;
use plinth_identity::demographics::{DateOfBirth, DemographicClaim, Demographics, Gender, Name};
use plinth_identity::dsse::{PublicKey, SigningKey, Verified};
use plinth_identity::id::{
    CaseId, DeploymentId, LogPosition, Nonce, PartyId, RelyingPartyToken, RequestDigest, RequestId,
};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Factor, FactorSet, Party, PartyKind, PartyStatus, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, RegistryChange, RegistryStatement,
    ServiceInfo, ServiceLimits, StatementHeader,
};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::Page;
use plinth_proto::convert::enrolment::{EnrolmentAsk, EnrolmentQuery};
use plinth_proto::convert::registry::{
    CaseOrder, Change, PartyRef, RegistryAsk, RegistryOrder, RegistryQuery,
};

/// Numbers with right check digits, and first digits 2 to 9.
pub(crate) const NUMBERS: [&str; 3] = ["234567890124", "987654321096", "500000000006"];

/// A stream of values (`SplitMix64`, Steele, Lea and Flood 2014).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.word() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.word().to_be_bytes()[0]
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn flag(&mut self) -> bool {
        self.word() & 1 == 1
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// 1 to `longest` characters of `alphabet`.
    fn text(&mut self, longest: usize, alphabet: &str) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..=self.below(longest)).map(|_| self.one_of(&alphabet)).collect()
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_millis(self.word() >> 20)
    }

    pub(crate) fn party_id(&mut self) -> PartyId {
        PartyId::parse(&format!("p{}", self.text(31, "abcdefghijklmnopqrstuvwxyz0123456789-"))).unwrap()
    }

    pub(crate) fn number(&mut self) -> IdentityNumber {
        IdentityNumber::parse(self.one_of(&NUMBERS)).unwrap()
    }

    pub(crate) fn key(&mut self) -> PublicKey {
        SigningKey::from_seed(self.bytes()).public()
    }

    pub(crate) fn header(&mut self) -> RequestHeader {
        let issued_at = self.time();
        RequestHeader::new(
            DeploymentId::from_bytes(self.bytes()),
            self.party_id(),
            &self.text(64, "abc xyz ß漢,."),
            RequestId::from_bytes(self.bytes()),
            Nonce::from_bytes(self.bytes()),
            issued_at,
            issued_at.plus_millis(1 + self.word() % (31 * 24 * 60 * 60 * 1_000)),
        )
        .unwrap()
    }

    pub(crate) fn statement_header(&mut self) -> StatementHeader {
        StatementHeader {
            issuer: DeploymentId::from_bytes(self.bytes()),
            request: RequestDigest::from_bytes(self.bytes()),
            decided_at: self.time(),
            key_epoch: 1 + u32::from(self.byte()),
            log_position: LogPosition::new(self.word() | 1),
            log_salt: self.bytes(),
        }
    }

    fn name(&mut self) -> Name {
        Name::parse(&format!("A{}", self.text(199, "aé漢ह -'Z"))).unwrap()
    }

    fn date_of_birth(&mut self) -> DateOfBirth {
        let (year, month, day) = (1_850 + self.below(120), 1 + self.below(12), 1 + self.below(28));
        DateOfBirth::parse(&format!("{year}-{month:02}-{day:02}")).unwrap()
    }

    fn gender(&mut self) -> Gender {
        self.one_of(&[Gender::Female, Gender::Male, Gender::Third])
    }

    pub(crate) fn demographics(&mut self) -> Demographics {
        Demographics { name: self.name(), date_of_birth: self.date_of_birth(), gender: self.gender() }
    }

    /// One to ten different fingers, each with a record of its own.
    fn fingers(&mut self) -> Fingers {
        let samples = (1..=1 + self.below(10)).map(|finger| {
            let code = u8::try_from(finger).unwrap();
            let position =
                if self.flag() { FingerPosition::try_from(code).unwrap() } else { FingerPosition::Unknown };
            FingerSample { position, record: self.record(code) }
        });
        let samples = samples.collect();
        Fingers::new(samples).unwrap()
    }

    /// A record of ISO/IEC 19794-2:2005 with one view of `finger` and sixteen minutiae.
    pub(crate) fn record(&mut self, finger: u8) -> Vec<u8> {
        const MINUTIAE: u8 = 16;
        let mut record = b"FMR\0 20\0".to_vec();
        record.extend((24 + 4 + 6 * u32::from(MINUTIAE) + 2).to_be_bytes());
        record.extend([0, 0]); // capture equipment: not told
        record.extend([1, 0x90, 1, 0x90]); // 400 by 400 pixels
        record.extend([0, 197, 0, 197]); // 197 pixels a centimetre (500 dpi) both ways
        record.extend([1, 0]); // one view, reserved
        record.extend([finger, 0, 80, MINUTIAE]); // position; view 0, live-scan plain; quality; count
        for _ in 0..MINUTIAE {
            let (x, y) = (self.byte(), self.byte());
            record.extend([0x40, x, 0, y, self.byte(), 0]); // ridge ending, x, y, angle, quality not told
        }
        record.extend([0, 0]); // no extended data
        record
    }

    pub(crate) fn application(&mut self) -> Application {
        let born_before = self.demographics();
        let (header, fingers) = (self.header(), self.fingers());
        let station = self.text(32, "station 1-9é");
        Application::new(header, born_before, fingers, station, String::new()).unwrap()
    }

    pub(crate) fn authentication_request(&mut self) -> AuthenticationRequest {
        let claim = DemographicClaim {
            name: self.flag().then(|| self.name()),
            date_of_birth: self.flag().then(|| self.date_of_birth()),
            gender: self.flag().then(|| self.gender()),
        };
        // A gender alone is no factor to go by.
        let alone = claim.name.is_none() && claim.date_of_birth.is_none();
        let fingers = (self.flag() || alone).then(|| self.fingers());
        let declared = match &fingers {
            Some(_) => claim.factors().with(Factor::Fingerprint),
            None => claim.factors(),
        };
        AuthenticationRequest::new(self.header(), self.number(), claim, fingers, declared).unwrap()
    }

    pub(crate) fn enrolment_statement(&mut self) -> EnrolmentStatement {
        let outcome = match self.below(4) {
            0 => EnrolmentOutcome::Issued { number: self.number() },
            1 => EnrolmentOutcome::Duplicate,
            2 => EnrolmentOutcome::Pending { case: CaseId::new(self.word() | 1) },
            _ => EnrolmentOutcome::Refused,
        };
        EnrolmentStatement {
            header: self.statement_header(),
            agency: self.party_id(),
            request_id: RequestId::from_bytes(self.bytes()),
            outcome,
            fingers: u8::try_from(1 + self.below(10)).unwrap(),
            searched: self.word(),
            duplicate_fmr: f64::from(self.byte()) / 1e6,
            adjudicate_fmr: f64::from(self.byte()) / 255.0,
        }
    }

    pub(crate) fn authentication_statement(&mut self) -> AuthenticationStatement {
        let yes = self.flag();
        AuthenticationStatement {
            header: self.statement_header(),
            relying_party: self.party_id(),
            verdict: if yes { Verdict::Yes } else { Verdict::No },
            reason: (!yes && self.flag()).then(|| self.one_of(&Reason::ALL)),
            token: yes.then(|| RelyingPartyToken::from_bytes(self.bytes())),
        }
    }

    fn kind(&mut self) -> PartyKind {
        self.one_of(&PartyKind::ALL)
    }

    fn party_ref(&mut self) -> PartyRef {
        PartyRef { kind: self.kind(), id: self.party_id() }
    }

    pub(crate) fn party(&mut self) -> Party {
        let kind = self.kind();
        let valid_from = self.time();
        let policy = RelyingPartyPolicy {
            factors: Factor::ALL.into_iter().filter(|_| self.flag()).collect::<FactorSet>(),
            sees_reasons: self.flag(),
        };
        Party::new(
            kind,
            self.party_id(),
            format!("P{}", self.text(199, "ost Ofice漢")),
            self.key(),
            valid_from,
            valid_from.plus_millis(1 + u64::from(self.byte())),
            PartyStatus::Active,
            if kind == PartyKind::RelyingParty { policy } else { RelyingPartyPolicy::default() },
        )
        .unwrap()
    }

    pub(crate) fn registry_order(&mut self) -> RegistryOrder {
        let change = match self.below(5) {
            0 => Change::Register(Box::new(self.party())),
            1 => Change::Suspend(self.party_ref()),
            2 => Change::Reinstate(self.party_ref()),
            3 => Change::Revoke(self.party_ref()),
            _ => Change::Backup { directory: self.text(1_000, "/backup-1") },
        };
        RegistryOrder { header: self.header(), change }
    }

    fn page(&mut self) -> Page {
        Page::new(1 + u32::from(self.byte()), &self.text(200, "token")).unwrap()
    }

    pub(crate) fn enrolment_query(&mut self) -> EnrolmentQuery {
        let one = self.flag();
        let ask = if one {
            EnrolmentAsk::One(RequestId::from_bytes(self.bytes()))
        } else {
            EnrolmentAsk::List(self.page())
        };
        EnrolmentQuery { header: self.header(), ask }
    }

    pub(crate) fn registry_query(&mut self) -> RegistryQuery {
        let ask = match self.below(3) {
            0 => RegistryAsk::Parties { kind: self.kind(), page: self.page() },
            1 => RegistryAsk::Cases { open_only: self.flag(), page: self.page() },
            _ => RegistryAsk::Case(CaseId::new(self.word())),
        };
        RegistryQuery { header: self.header(), ask }
    }

    fn decision(&mut self) -> CaseDecision {
        self.one_of(&[CaseDecision::Issue, CaseDecision::Refuse])
    }

    pub(crate) fn case_order(&mut self) -> CaseOrder {
        CaseOrder {
            header: self.header(),
            case: CaseId::new(self.word()),
            decision: self.decision(),
            reason: self.text(500, "because é漢 "),
        }
    }

    pub(crate) fn registry_statement(&mut self) -> RegistryStatement {
        let (kind, id, case) = (self.kind(), self.party_id(), CaseId::new(self.word() | 1));
        let change = match self.below(6) {
            0 => RegistryChange::Registered { kind, id },
            1 => RegistryChange::Suspended { kind, id },
            2 => RegistryChange::Reinstated { kind, id },
            3 => RegistryChange::Revoked { kind, id },
            4 => RegistryChange::CaseDecided { case, decision: self.decision() },
            _ => RegistryChange::CaseExtended { case },
        };
        RegistryStatement { header: self.statement_header(), administrator: self.party_id(), change }
    }

    pub(crate) fn service_info(&mut self) -> ServiceInfo {
        let keys = (0..=self.below(3)).map(|_| self.key()).collect::<Vec<_>>();
        ServiceInfo {
            issuer: DeploymentId::from_bytes(self.bytes()),
            time: self.time(),
            key_epoch: u32::try_from(keys.len()).unwrap() + u32::from(self.byte()),
            keys,
            version: "1.20.3".to_owned(),
            limits: ServiceLimits {
                max_fingers: 10,
                max_message_bytes: self.word(),
                live_window_ms: self.word(),
                max_ahead_ms: self.word(),
            },
        }
    }
}

/// The payload, signed by somebody and verified.
pub(crate) fn verified(payload: Vec<u8>) -> Verified {
    let key = SigningKey::from_seed([7; 32]);
    key.sign("application/test", payload).verify("application/test", &key.public()).unwrap()
}
