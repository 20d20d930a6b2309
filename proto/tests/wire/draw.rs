//! Valid values of every kind, drawn from a seed: the same seed draws the same values.

mod capture;
mod evidence;
mod registry;
mod resident;

use plinth_identity::application::{Application, FingerPosition, FingerSample, Fingers};
use plinth_identity::authentication::Verdict;
use plinth_identity::demographics::{
    Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::dsse::{PublicKey, SigningKey, Verified};
use plinth_identity::id::{CaseId, DeploymentId, LogPosition, Nonce, PartyId, RequestDigest, RequestId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{
    EnrolmentOutcome, EnrolmentStatement, ServiceInfo, ServiceLimits, StatementHeader,
};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::VirtualNumber;
use plinth_proto::convert::Page;
use plinth_proto::convert::enrolment::{EnrolmentAsk, EnrolmentQuery};

/// Numbers with right check digits, and first digits 2 to 9.
pub(crate) const NUMBERS: [&str; 3] = ["234567890124", "987654321096", "500000000006"];

/// Virtual numbers with right check digits.
pub(crate) const VIRTUAL_NUMBERS: [&str; 3] = ["2345678901234565", "9876543210987659", "5000000000000009"];

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

    fn virtual_number(&mut self) -> VirtualNumber {
        VirtualNumber::parse(self.one_of(&VIRTUAL_NUMBERS)).unwrap()
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
        Demographics {
            name: self.name(),
            date_of_birth: self.date_of_birth(),
            gender: self.gender(),
            phone: self.flag().then(|| self.phone()),
            email: self.flag().then(|| self.email()),
            address: self.flag().then(|| self.address()),
        }
    }

    fn phone(&mut self) -> Phone {
        let length = 7 + self.below(8);
        let digits: String = (0..length).map(|_| self.one_of(&['0', '1', '5', '9'])).collect();
        Phone::parse(&format!("+4{digits}")).unwrap()
    }

    fn email(&mut self) -> Email {
        let local = self.text(63, "abcxyz019_-+");
        Email::parse(&format!("a{local}@{}.example.org", self.text(60, "abcxyz019"))).unwrap()
    }

    fn address(&mut self) -> Address {
        let mut part =
            || if self.flag() { format!("A{}", self.text(99, "b é漢9/")) } else { String::new() };
        let fields = AddressFields {
            care_of: part(),
            house: part(),
            street: part(),
            landmark: part(),
            locality: "Puri".to_owned(),
            district: part(),
            state: part(),
            postcode: part(),
            country: part(),
        };
        Address::new(fields).unwrap()
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
            target_fpir: f64::from(self.byte()) / 255.0,
        }
    }

    /// Yes or no, and a reason of a no: one in two has none.
    fn verdict(&mut self) -> (Verdict, Option<Reason>) {
        if self.flag() {
            (Verdict::Yes, None)
        } else {
            (Verdict::No, self.flag().then(|| self.one_of(&Reason::ALL)))
        }
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
                buffered_window_ms: self.word(),
            },
            delivery_key: self.key(),
        }
    }
}

/// The payload, signed by somebody and verified.
pub(crate) fn verified(payload: Vec<u8>) -> Verified {
    let key = SigningKey::from_seed([7; 32]);
    key.sign("application/test", payload).verify("application/test", &key.public()).unwrap()
}
