//! The sandbox as an integrator meets it: the built program, the files that it writes, and every call of `expected.json`.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use plinth_client::{
    AuthenticationDraft, ClientError, Connection, PersonDraft, RelyingParty, ResidentDraft, Retry, Trust,
    open_person,
};
use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::authentication::{Channel, ChannelSet, Consent, ResidentAction, Verdict};
use plinth_identity::demographics::{
    Address, AddressClaim, AddressFields, AddressText, BirthClaim, DemographicClaim, Email, Gender,
    MatchValue, Name, NameClaim, Phone, Strategy,
};
use plinth_identity::dsse::{PublicKey, SigningKey};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestId;
use plinth_identity::number::Identifier;
use plinth_identity::otp::{OtpCode, TotpSecret};
use plinth_identity::party::{Attribute, AttributeSet};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_tests::{binary, party_id};
use serde_json::Value;
use tempfile::TempDir;

/// How long a message may take into the outbox: deliveries are picked up as soon as they are committed.
const DELIVERY: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_sandbox_gets_its_answer_and_a_second_start_serves_the_same_people() {
    let mut sandbox = Sandbox::start();
    let calls = sandbox.calls();
    assert!(calls.len() > 40, "{} calls", calls.len());
    let asker = sandbox.asker().await;
    let mut wrong = Vec::new();
    for call in &calls {
        let told = asker.make(call).await;
        let expected = Told::expected(call);
        if told != expected {
            wrong.push(format!("{}: expected {expected:?}, was told {told:?}", text(call, "id")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let numbers = sandbox.numbers();
    let before = (numbers.clone(), fs::read(sandbox.path("expected.json")).unwrap());
    sandbox.restart();
    assert_eq!(before, (sandbox.numbers(), fs::read(sandbox.path("expected.json")).unwrap()));
    assert_eq!(numbers.len(), 10);
    let mut wrong = Vec::new();
    for call in calls.iter().filter(|call| call.get("once").is_none()) {
        let told = sandbox.command(call);
        let expected = Told::expected(call);
        if !told.is_like(&expected) {
            wrong.push(format!("{}: expected {expected:?}, the terminal said {told:?}", text(call, "id")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_sandbox_is_not_made_where_it_should_not_be() {
    let folder = TempDir::new().unwrap();
    let elsewhere = folder.path().join("box");
    let elsewhere = elsewhere.to_str().unwrap();
    for arguments in
        [&["--listen", "0.0.0.0:0"][..], &["--data", "d"], &["--root-key", "k"], &["--config", "c"]]
    {
        let arguments = [&["serve", "--sandbox", elsewhere], arguments].concat();
        let output = plinth(&arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!Path::new(elsewhere).exists(), "{arguments:?}");
    }
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let occupied = plinth(&["serve", "--sandbox", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(!occupied.status.success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// What an asker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Yes,
    No(Option<u16>),
    Refused(Option<u16>),
}

impl Told {
    fn expected(call: &Value) -> Self {
        let expect = &call["expect"];
        let reason = expect["reason"]["code"].as_u64().map(|code| u16::try_from(code).unwrap());
        if let Some(code) = reason {
            assert_eq!(Reason::from_code(code).unwrap().name(), expect["reason"]["name"]);
        }
        match text(expect, "outcome") {
            "yes" => Self::Yes,
            "no" => Self::No(reason),
            "refused" => Self::Refused(reason),
            other => panic!("an outcome that is none: {other}"),
        }
    }

    fn verdict(verdict: Verdict, reason: Option<Reason>) -> Self {
        match verdict {
            Verdict::Yes => Self::Yes,
            Verdict::No => Self::No(reason.map(Reason::code)),
        }
    }

    /// A terminal refuses in words: which reason it was cannot always be told from them.
    fn is_like(&self, expected: &Self) -> bool {
        matches!((self, expected), (Self::Refused(_), Self::Refused(_))) || self == expected
    }
}

impl From<ClientError> for Told {
    fn from(error: ClientError) -> Self {
        match error.reason() {
            Some(reason) => Self::Refused(Some(reason.code())),
            None => panic!("no answer: {error}"),
        }
    }
}

/// A sandbox and the service that runs on it.
struct Sandbox {
    folder: TempDir,
    child: Child,
    url: String,
}

impl Sandbox {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (child, url) = serve(&folder.path().join("box"));
        Self { folder, child, url }
    }

    fn restart(&mut self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        (self.child, self.url) = serve(&self.path(""));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("box").join(name)
    }

    fn calls(&self) -> Vec<Value> {
        let file: Value = serde_json::from_slice(&fs::read(self.path("expected.json")).unwrap()).unwrap();
        file["calls"].as_array().unwrap().clone()
    }

    /// Everybody's number, by the folder of each.
    fn numbers(&self) -> BTreeMap<String, String> {
        (1..=10)
            .map(|person| format!("{person:02}"))
            .map(|id| {
                (id.clone(), fs::read_to_string(self.path(&format!("people/{id}/number.txt"))).unwrap())
            })
            .collect()
    }

    async fn asker(&self) -> Asker {
        let connection = Connection::open(&self.url, None).await.unwrap();
        let pem = fs::read_to_string(self.path("keys/service.pem")).unwrap();
        let info = connection.service_info().await.unwrap().info;
        let trust = Trust::new(info.issuer, vec![PublicKey::from_pem(&pem).unwrap()]);
        Asker { folder: self.path(""), connection, trust }
    }

    /// Makes a call from the terminal, as the list says it.
    fn command(&self, call: &Value) -> Told {
        let arguments = |name: &str| -> Vec<String> {
            let words = call[name].as_array().into_iter().flatten();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let mut words = arguments("command");
        let first = arguments("first");
        if !first.is_empty() {
            let file = self.path(text(&call["request"]["code"], "file"));
            drop(fs::remove_file(&file));
            let output = self.run(&first);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said = String::from_utf8(output.stdout).unwrap();
            let transaction = said.lines().find_map(|line| line.strip_prefix("transaction")).unwrap().trim();
            let code = delivered(&file);
            for word in &mut words {
                *word = word
                    .replace("{transaction}", transaction)
                    .replace("{code}", &code)
                    .replace("{wrong-code}", &other(&code));
            }
        }
        let output = self.run(&words);
        let said = String::from_utf8(output.stdout).unwrap();
        let reason = said
            .lines()
            .find_map(|line| line.strip_prefix("reason"))
            .map(|rest| rest.split_whitespace().next().unwrap().parse::<u16>().unwrap());
        match output.status.code() {
            Some(0) => Told::Yes,
            Some(1) if said.starts_with("no\n") => Told::No(reason),
            Some(1) => Told::Refused(None),
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    fn run(&self, arguments: &[String]) -> Output {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        plinth(&arguments)
            .current_dir(self.path(""))
            .env("PLINTH_SERVER", &self.url)
            .env("PLINTH_SERVICE_KEY", "keys/service.pem")
            .output()
            .unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A test that failed must not leave its server behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary, with no setting but those given.
fn plinth(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLINTH_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn serve(folder: &Path) -> (Child, String) {
    let mut child = plinth(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--log-level", "error"])
        .args([Path::new("--sandbox"), folder])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("public=")).map(str::to_owned);
    let url = format!("http://{}", address.unwrap_or_else(|| panic!("the server said: {line:?}")));
    (child, url)
}

/// Everybody who asks, over one connection, by the program's own interface.
struct Asker {
    folder: PathBuf,
    connection: Connection,
    trust: Trust,
}

impl Asker {
    async fn make(&self, call: &Value) -> Told {
        let party = self.party(text(call, "party"));
        let request = &call["request"];
        let identifier = match Identifier::parse(text(request, "number")) {
            Ok(identifier) => identifier,
            Err(violation) => return Told::Refused(Some(violation.reason.code())),
        };
        let claim = claim(request).unwrap();
        let fingers = self.fingers(request);
        let code = self.code(&party, identifier, request).await;
        let purpose = "trying out".to_owned();
        let answer = match text(call, "call") {
            "authenticate" => {
                let draft =
                    AuthenticationDraft { identifier, claim, fingers, code, buffered: false, purpose };
                authenticate(&party, draft).await
            }
            "person" => {
                let attributes = attributes(request);
                let consent =
                    Consent::new(text(request, "consent").to_owned(), plinth_client::now()).unwrap();
                let draft = PersonDraft { identifier, claim, fingers, code, attributes, consent, purpose };
                self.read(&party, draft, call).await
            }
            "resident" => {
                let Identifier::Number(number) = identifier else { panic!("residents name their numbers") };
                let action = match text(request, "action") {
                    "history" => ResidentAction::ReadHistory { page_size: 100, before: None },
                    "unlock fingers" => ResidentAction::SetLocks {
                        number: None,
                        fingers: Some(false),
                        irises: None,
                        face: None,
                    },
                    other => panic!("an action that is none: {other}"),
                };
                act(&party, ResidentDraft { number, claim, fingers, code, action, purpose }).await
            }
            other => panic!("a call that is none: {other}"),
        };
        answer.unwrap_or_else(Told::from)
    }

    fn party(&self, name: &str) -> RelyingParty {
        let pem = fs::read_to_string(self.folder.join(format!("keys/{name}.pem"))).unwrap();
        let key = Arc::new(SigningKey::from_pem(&pem).unwrap());
        RelyingParty::new(self.connection.clone(), party_id(name), key, self.trust.clone())
            .with_retry(Retry::none())
    }

    fn fingers(&self, request: &Value) -> Vec<FingerSample> {
        let fingers = request["fingers"].as_array().into_iter().flatten();
        fingers
            .map(|finger| FingerSample {
                position: text(finger, "position").parse::<FingerPosition>().unwrap(),
                record: fs::read(self.folder.join(text(finger, "file"))).unwrap(),
            })
            .collect()
    }

    /// The code that the person gives: sent to them on the spot, made up, or shown by their authenticator.
    async fn code(&self, party: &RelyingParty, identifier: Identifier, request: &Value) -> Option<CodeClaim> {
        let code = request.get("code")?;
        if let Some(file) = code["authenticator"].as_str() {
            let uri = fs::read_to_string(self.folder.join(file)).unwrap();
            let secret = uri.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
            let secret: [u8; 20] = BASE32_NOPAD.decode(secret.as_bytes()).unwrap().try_into().unwrap();
            let step = plinth_client::now().millis() / 1000 / TotpSecret::STEP_SECONDS;
            return Some(CodeClaim::Totp(TotpSecret::from_bytes(secret).code(step)));
        }
        if let Some(transaction) = code["transaction"].as_str() {
            let transaction = RequestId::parse(transaction).unwrap();
            return Some(CodeClaim::Delivered {
                transaction,
                code: OtpCode::parse(text(code, "digits")).unwrap(),
            });
        }
        let channel = if code["channel"] == "sms" { Channel::Sms } else { Channel::Email };
        let channels = ChannelSet::new(&[channel]).unwrap();
        let file = self.folder.join(text(code, "file"));
        drop(fs::remove_file(&file));
        let asked = party.otp_request(identifier, channels, "trying out", plinth_client::now()).unwrap();
        let statement = party.request_otp(&asked).await.unwrap().statement;
        let digits = tokio::task::spawn_blocking(move || delivered(&file)).await.unwrap();
        let digits = if code["wrong"] == true { other(&digits) } else { digits };
        Some(CodeClaim::Delivered {
            transaction: statement.transaction,
            code: OtpCode::parse(&digits).unwrap(),
        })
    }

    /// Reads a person's attributes; they must be those of the person's file.
    async fn read(
        &self,
        party: &RelyingParty,
        draft: PersonDraft,
        call: &Value,
    ) -> Result<Told, ClientError> {
        let request = party.person_request(draft, plinth_client::now())?;
        let statement = party.get_person(&request).await?.statement;
        if statement.verdict == Verdict::Yes {
            let key = fs::read_to_string(self.folder.join("keys/sandbox-bank.encryption")).unwrap();
            let person = open_person(&request, &statement, &EncryptionKey::parse(&key).unwrap())?;
            let id = text(call, "id").split('-').next().unwrap();
            let about = fs::read(self.folder.join(format!("people/{id}/about.json"))).unwrap();
            let about: Value = serde_json::from_slice(&about).unwrap();
            assert_eq!(person.name.unwrap().as_str(), about["name"]);
            assert_eq!(person.date_of_birth.unwrap().reveal(), about["date_of_birth"].as_str().unwrap());
            assert_eq!(person.address.unwrap().fields().postcode, about["address"]["postcode"]);
            assert!(person.phone.is_none(), "nobody asked for the phone");
        }
        Ok(Told::verdict(statement.verdict, statement.reason))
    }
}

async fn authenticate(party: &RelyingParty, draft: AuthenticationDraft) -> Result<Told, ClientError> {
    let request = party.request(draft, plinth_client::now())?;
    let statement = party.authenticate(&request).await?.statement;
    Ok(Told::verdict(statement.verdict, statement.reason))
}

async fn act(party: &RelyingParty, draft: ResidentDraft) -> Result<Told, ClientError> {
    let request = party.resident_request(draft, plinth_client::now())?;
    let statement = party.resident(&request).await?.statement;
    Ok(Told::verdict(statement.verdict, statement.reason))
}

/// The claims of a request.
fn claim(request: &Value) -> Result<DemographicClaim, FieldViolation> {
    let strategy = |field: &str| match request[field].as_u64() {
        None => Ok(Strategy::Exact),
        Some(percent) => MatchValue::new(u32::try_from(percent).unwrap()).map(Strategy::Partial),
    };
    let given = |field: &str| request[field].as_str();
    let name = match given("name") {
        None => None,
        Some(name) => Some(NameClaim { name: Name::parse(name)?, strategy: strategy("name_match_value")? }),
    };
    let address = match (given("full_address"), request.get("address")) {
        (Some(text), _) => {
            let strategy = strategy("full_address_match_value")?;
            Some(AddressClaim::Full { text: AddressText::parse(text)?, strategy })
        }
        (None, Some(lines)) => {
            let mut fields = AddressFields::default();
            for (line, text) in lines.as_object().unwrap() {
                text.as_str().unwrap().clone_into(fields.line_mut(line).unwrap());
            }
            Some(AddressClaim::Structured(Address::new(fields)?))
        }
        (None, None) => None,
    };
    let gender = given("gender").map(|letter| Gender::from_letter(letter.chars().next().unwrap()).unwrap());
    Ok(DemographicClaim {
        name,
        birth: given("date_of_birth").map(BirthClaim::parse).transpose()?,
        minimum_age: request["minimum_age"].as_u64().map(|age| u8::try_from(age).unwrap()),
        gender,
        phone: given("phone").map(Phone::parse).transpose()?,
        email: given("email").map(Email::parse).transpose()?,
        address,
    })
}

fn attributes(request: &Value) -> AttributeSet {
    let attribute = |name: &Value| match name.as_str().unwrap() {
        "name" => Attribute::Name,
        "date-of-birth" => Attribute::DateOfBirth,
        "address" => Attribute::Address,
        other => panic!("an attribute that is none: {other}"),
    };
    request["attributes"].as_array().unwrap().iter().map(attribute).collect()
}

/// The code of the next message in a file, from which the last one was taken away.
fn delivered(file: &Path) -> String {
    let started = plinth_client::now();
    loop {
        // A message is there whole or not at all.
        if let Ok(message) = fs::read_to_string(file) {
            return message.lines().find_map(|line| line.strip_prefix("code: ")).unwrap().to_owned();
        }
        let waited = Duration::from_millis(plinth_client::now().since(started));
        assert!(waited < DELIVERY, "no message in {}", file.display());
        // Files tell nobody that they have come.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Six digits, any but these.
fn other(code: &str) -> String {
    code.bytes().map(|digit| char::from(if digit == b'9' { b'0' } else { digit + 1 })).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}
