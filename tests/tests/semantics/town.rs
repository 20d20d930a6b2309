//! A town: a deployment whose people have telephones, whose letters land in a folder, and whose parties have policies of
//! the test's own.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use plinth_client::{AuthenticationDraft, ClientError, Refusal, RelyingParty, Retry, SignedRequest};
use plinth_identity::application::FingerSample;
use plinth_identity::authentication::{Channel, ChannelSet, Verdict};
use plinth_identity::demographics::{
    Address, AddressFields, DemographicClaim, Demographics, Email, Name, NameClaim, Phone,
};
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::id::RequestId;
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{FactorSet, Party, PartyKind, ReasonView, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{AuthenticationStatement, EnrolmentOutcome, OtpStatement};
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1::{
    AuthenticationRequest, DemographicClaim as WireClaim, Factor as WireFactor,
};
use plinth_proto::envelope::v1::RequestHeader;
use plinth_server::config::ServeConfig;
use plinth_storage::Counts;
use plinth_tests::{World, enrolment, fingers, party, party_id, samples, signing_key};
use prost::Message;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::fsck;

/// Everybody's name, unless a test says otherwise.
pub(crate) const NAME: &str = "Asha Rao";

/// Nobody's name.
pub(crate) const OTHER_NAME: &str = "Maya Devi";

/// Nobody's fingers: this synthetic person is never enrolled.
const STRANGER: u64 = 900;

/// The agency that enrols everybody.
const AGENCY: &str = "town-hall";

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// A yes, as a relying party is told.
pub(crate) const YES: Told = (Verdict::Yes, None);

/// What a relying party is told: the verdict, and in a no the reason as its policy shows it.
pub(crate) type Told = (Verdict, Option<Reason>);

/// A no with its reason.
pub(crate) fn no(reason: Reason) -> Told {
    (Verdict::No, Some(reason))
}

/// A deployment of its own for one test.
pub(crate) struct Town {
    pub(crate) world: World,
    letters: TempDir,
}

/// Somebody who was enrolled.
#[derive(Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) number: IdentityNumber,
    /// Which synthetic person they are.
    pub(crate) person: u64,
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A town whose settings the test changes first.
    pub(crate) async fn with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        let letters = TempDir::new().unwrap();
        let folder = letters.path().to_owned();
        let world = World::with(|config| {
            config.delivery.directory = Some(folder);
            change(config);
        })
        .await;
        drop(world.agency(AGENCY).await);
        Self { world, letters }
    }

    /// The moment that the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Moves the clock.
    pub(crate) fn wait(&self, millis: u64) {
        self.world.clock.advance(millis);
    }

    /// Stops the service; every index must agree with every other.
    pub(crate) async fn close(mut self) -> Counts {
        self.world.stop().await;
        fsck::must_be_clean(&self.world.config)
    }

    /// Enrols a synthetic person with the demographics of [`demographics`].
    pub(crate) async fn enrol(&self, person: u64) -> Resident {
        self.enrol_as(person, demographics(person)).await
    }

    /// Enrols a synthetic person with other demographics.
    pub(crate) async fn enrol_as(&self, person: u64, demographics: Demographics) -> Resident {
        let agency = self.world.agency_again(AGENCY).await;
        let mut draft = enrolment(NAME, person, 0, &fingers(4));
        draft.demographics = demographics;
        let answer = agency.enrol(&agency.request(draft, self.now()).unwrap()).await.unwrap();
        let EnrolmentOutcome::Issued { number } = answer.statement.outcome else {
            panic!("a new person must get a number");
        };
        Resident { number, person }
    }

    /// Registers a relying party and connects it.
    pub(crate) async fn party(&self, name: &str, policy: RelyingPartyPolicy) -> RelyingParty {
        self.world.register(with_policy(name, policy)).await;
        self.party_again(name).await
    }

    /// A further connection of a registered relying party.
    pub(crate) async fn party_again(&self, name: &str) -> RelyingParty {
        let connection = self.world.connect().await;
        RelyingParty::new(connection, party_id(name), key_of(name), self.world.trust.clone())
            .with_retry(Retry::none())
    }

    /// A relying party called `bank` with [`open_policy`].
    pub(crate) async fn bank(&self) -> RelyingParty {
        self.party("bank", open_policy()).await
    }

    /// A relying party called `office` that serves residents.
    pub(crate) async fn office(&self) -> RelyingParty {
        self.party("office", RelyingPartyPolicy { resident_agent: true, ..open_policy() }).await
    }

    /// Gives a registered relying party another policy.
    pub(crate) async fn amend(&self, name: &str, policy: RelyingPartyPolicy) {
        let administrator = self.world.administrator(0).await;
        administrator.amend(with_policy(name, policy), self.now()).await.unwrap();
    }

    /// Asks, and is answered or refused.
    pub(crate) async fn ask(
        &self,
        party: &RelyingParty,
        draft: AuthenticationDraft,
    ) -> Result<AuthenticationStatement, Refusal> {
        let request = party.request(draft, self.now()).unwrap();
        party.authenticate(&request).await.map(|answer| answer.statement).map_err(refusal)
    }

    /// What a question that is answered tells.
    pub(crate) async fn told(&self, party: &RelyingParty, draft: AuthenticationDraft) -> Told {
        let statement = self.ask(party, draft).await.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        (statement.verdict, statement.reason)
    }

    /// Why a question is refused.
    pub(crate) async fn refused(&self, party: &RelyingParty, draft: AuthenticationDraft) -> Refusal {
        self.ask(party, draft).await.expect_err("this question must be refused")
    }

    /// Orders a one-time code by text message.
    pub(crate) async fn order(
        &self,
        party: &RelyingParty,
        to: impl Into<Identifier>,
    ) -> Result<OtpStatement, Refusal> {
        let sms = ChannelSet::from(Channel::Sms);
        let request = party.otp_request(to, sms, "login", self.now()).unwrap();
        party.request_otp(&request).await.map(|answer| answer.statement).map_err(refusal)
    }

    /// Orders a one-time code by text message and waits until it has arrived at the person's telephone.
    pub(crate) async fn code(
        &self,
        party: &RelyingParty,
        to: impl Into<Identifier>,
        person: u64,
    ) -> CodeClaim {
        let letter = self.telephone(person);
        drop(fs::remove_file(&letter));
        let transaction = self.order(party, to).await.unwrap().transaction;
        CodeClaim::Delivered { transaction, code: read_letter(letter).await }
    }

    /// The file where text messages to a person land.
    pub(crate) fn telephone(&self, person: u64) -> PathBuf {
        self.letters.path().join(format!("{}.txt", phone(person).trim_start_matches('+')))
    }

    /// The names of all files where messages have landed.
    pub(crate) fn letters(&self) -> Vec<String> {
        let files = fs::read_dir(self.letters.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A question about a name that the test may change as no client would.
    pub(crate) fn question(&self, party: &str, whose: impl Into<Identifier>) -> AuthenticationRequest {
        AuthenticationRequest {
            header: Some(self.header(party)),
            number: whose.into().reveal(),
            claim: Some(WireClaim { name: Some(NAME.to_owned()), ..WireClaim::default() }),
            declared: vec![WireFactor::Name.into()],
            ..AuthenticationRequest::default()
        }
    }

    /// Signs and sends such a question.
    pub(crate) async fn put(
        &self,
        party: &RelyingParty,
        question: &AuthenticationRequest,
    ) -> Result<AuthenticationStatement, Refusal> {
        let request = signed(party.id().as_str(), payload_type::AUTHENTICATION_REQUEST, question);
        party.authenticate(&request).await.map(|answer| answer.statement).map_err(refusal)
    }

    /// A header for a body that the test writes field by field.
    pub(crate) fn header(&self, party: &str) -> RequestHeader {
        let mut rng: StdRng = rand::make_rng();
        RequestHeader {
            audience: self.world.trust.deployment().to_string(),
            party: party.to_owned(),
            purpose: "test".to_owned(),
            request_id: RequestId::random(&mut rng).as_bytes().to_vec(),
            nonce: RequestId::random(&mut rng).as_bytes().to_vec(),
            issued_at_ms: self.now().millis(),
            not_after_ms: self.now().plus_millis(30_000).millis(),
        }
    }
}

/// A body that the test wrote, signed by a relying party.
pub(crate) fn signed(party: &str, payload_type: &str, body: &impl Message) -> SignedRequest {
    let envelope = key_of(party).sign(payload_type, body.encode_to_vec());
    SignedRequest::from_envelope(envelope).unwrap()
}

/// A relying party with a policy.
pub(crate) fn with_policy(name: &str, policy: RelyingPartyPolicy) -> Party {
    let plain = party(PartyKind::RelyingParty, name, &key_of(name), FactorSet::ALL, true);
    Party { policy, ..plain }
}

fn key_of(name: &str) -> SigningKey {
    signing_key(name.bytes().fold(77, |seed, byte| seed * 31 + u64::from(byte)))
}

/// Every factor, every way of matching, every reason; no attributes.
pub(crate) fn open_policy() -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        factors: FactorSet::ALL,
        partial_matching: true,
        full_address: true,
        reasons: ReasonView::All,
        ..RelyingPartyPolicy::default()
    }
}

/// The same without reasons.
pub(crate) fn silent_policy() -> RelyingPartyPolicy {
    RelyingPartyPolicy { reasons: ReasonView::None, ..open_policy() }
}

/// What is recorded about a synthetic person: telephone, e-mail and address are their own, the rest is everybody's.
pub(crate) fn demographics(person: u64) -> Demographics {
    Demographics {
        phone: Some(Phone::parse(&phone(person)).unwrap()),
        email: Some(Email::parse(&email(person)).unwrap()),
        address: Some(address(person)),
        ..plinth_tests::demographics(NAME)
    }
}

pub(crate) fn phone(person: u64) -> String {
    format!("+49151{person:07}")
}

pub(crate) fn email(person: u64) -> String {
    format!("person{person}@example.org")
}

pub(crate) fn address(person: u64) -> Address {
    let fields = AddressFields {
        house: format!("{person}"),
        street: "Lake Street".to_owned(),
        locality: "Mysuru".to_owned(),
        postcode: "570001".to_owned(),
        ..AddressFields::default()
    };
    Address::new(fields).unwrap()
}

/// The right fingers of a person.
pub(crate) fn hand(person: u64) -> Vec<FingerSample> {
    samples(person, 2, &fingers(3))
}

/// Nobody's finger.
pub(crate) fn strange_finger() -> Vec<FingerSample> {
    static FINGER: LazyLock<Vec<FingerSample>> = LazyLock::new(|| samples(STRANGER, 2, &fingers(1)));
    FINGER.clone()
}

/// Whether this is the number of somebody of this name.
pub(crate) fn by_name(whose: impl Into<Identifier>, name: &str) -> AuthenticationDraft {
    let name = Some(NameClaim::from(Name::parse(name).unwrap()));
    let claim = DemographicClaim { name, ..DemographicClaim::default() };
    AuthenticationDraft { claim, ..purposeful(whose) }
}

/// Whether this is the number of somebody with these fingers.
pub(crate) fn by_fingers(whose: impl Into<Identifier>, fingers: Vec<FingerSample>) -> AuthenticationDraft {
    AuthenticationDraft { fingers, ..purposeful(whose) }
}

/// Whether this is the number of somebody who got this code.
pub(crate) fn by_code(whose: impl Into<Identifier>, code: CodeClaim) -> AuthenticationDraft {
    AuthenticationDraft { code: Some(code), ..purposeful(whose) }
}

fn purposeful(whose: impl Into<Identifier>) -> AuthenticationDraft {
    AuthenticationDraft { purpose: "account opening".to_owned(), ..AuthenticationDraft::new(whose) }
}

/// A number that nobody holds. Another seed is another number.
pub(crate) fn unknown_number(seed: u64) -> IdentityNumber {
    IdentityNumber::draw(&mut StdRng::seed_from_u64(seed))
}

/// The same claim with another last digit.
pub(crate) fn misread(code: &CodeClaim) -> CodeClaim {
    let other = |code: &OtpCode| {
        let mut digits = *code.digits();
        digits[5] = b'0' + (digits[5] - b'0' + 1) % 10;
        OtpCode::from_digits(digits).unwrap()
    };
    match code {
        CodeClaim::Delivered { transaction, code } => {
            CodeClaim::Delivered { transaction: *transaction, code: other(code) }
        }
        CodeClaim::Totp(code) => CodeClaim::Totp(other(code)),
    }
}

/// The service's refusal; anything else that went wrong fails the test.
pub(crate) fn refusal(error: ClientError) -> Refusal {
    match error {
        ClientError::Refused(refusal) => refusal,
        other => panic!("neither an answer nor a refusal: {other}"),
    }
}

/// The reason of a refusal, which has one.
pub(crate) fn reason(refusal: &Refusal) -> Reason {
    refusal.reason.unwrap_or_else(|| panic!("a refusal without a reason: {refusal}"))
}

/// Waits until a letter has arrived, and reads the code in it.
async fn read_letter(letter: PathBuf) -> OtpCode {
    let arrival = async {
        loop {
            if let Ok(text) = fs::read_to_string(&letter) {
                return text;
            }
            // Letters tell nobody that they have arrived.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(20), arrival).await.expect("the letter must arrive");
    let code = text.lines().find_map(|line| line.strip_prefix("code: ")).unwrap();
    OtpCode::parse(code.trim()).unwrap()
}
