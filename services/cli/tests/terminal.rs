//! The whole service from the terminal: the built program, its files and its exit codes, nothing else.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use plinth_biometrics::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use serde_json::Value;

/// Fingers of every application: enough evidence that no threshold is near.
const FINGERS: [FingerPosition; 4] = [
    FingerPosition::RightThumb,
    FingerPosition::RightIndex,
    FingerPosition::LeftThumb,
    FingerPosition::LeftIndex,
];

#[test]
fn a_deployment_is_founded_served_used_backed_up_and_checked_from_the_terminal() {
    let mut desk = Desk::found();
    desk.serve();
    desk.register();
    enrolling_is_counted_and_can_be_repeated(&desk);
    answers_are_signed_and_checked_offline(&desk);
    a_suspended_agency_gets_nothing_until_it_is_reinstated(&desk);

    let backup = desk.path("backup");
    desk.admin(&["backup", backup.to_str().unwrap()]).succeeds();
    desk.run(&["fsck", "--data", "data", "--root-key", "root.key"]).fails_with("has this store open");
    desk.stop();
    desk.run(&["fsck", "--data", "data", "--root-key", "root.key"]).succeeds().says("clean");
    desk.run(&["restore", "backup", "--data", "restored", "--root-key", "root.key", "--verify"])
        .succeeds()
        .says("clean");
}

#[test]
fn a_case_is_decided_by_two_administrators_one_after_the_other() {
    let mut desk = Desk::found();
    // No single finger proves a duplicate here, so that whoever comes again under another name waits for a decision.
    desk.serve_with(&["--certainty", "1e9"]);
    desk.register();
    std::fs::create_dir(desk.path("people")).unwrap();
    desk.application_of("ada", "Ada Lovelace", 1, 0, &FINGERS[..1]);
    desk.enrol().succeeds();
    desk.application_of("grace", "Grace Hopper", 1, 1, &FINGERS[..1]);
    desk.enrol().succeeds().says("pending");

    desk.admin(&["cases", "list"]).succeeds().says("open");
    desk.admin(&["cases", "show", "1"]).succeeds().says("Ada Lovelace").says("Grace Hopper");
    let decide = ["cases", "decide", "1", "--refuse"];
    desk.admin(&[&decide[..], &["--reason", "Same person", "--sign", "case-1.approval"]].concat()).succeeds();
    desk.admin(&[&decide[..], &["--approval", "case-1.approval"]].concat()).fails_with("APPROVALS_MISSING");
    desk.admin(&["cases", "decide", "1", "--reason", "Alone", "--refuse"]).fails_with("decided by two");
    let second = ["--admin-id", "admin-2", "--admin-key", "admins/admin-2.pem", "--admin", &desk.admin];
    let approve = [&["--approval", "case-1.approval"], &second[..]].concat();
    desk.run(&[&["cases", "decide", "1", "--issue"], &approve[..]].concat()).fails_with("opposite decision");
    desk.run(&[&["cases", "decide", "2", "--refuse"], &approve[..]].concat()).fails_with("of case 1");
    desk.run(&[&decide, &approve[..]].concat()).succeeds().says("case 1: refused");
    desk.admin(&["cases", "list"]).succeeds();
    desk.admin(&["cases", "list", "--all"]).succeeds().says("refused");

    desk.enrol().succeeds();
    assert_eq!(desk.outcomes(), counts(&[("issued", 1), ("refused", 1)]));
    desk.stop();
    desk.run(&["fsck", "--data", "data", "--root-key", "root.key"]).succeeds().says("clean");
}

#[test]
fn a_person_is_known_by_a_code_read_with_consent_and_served_as_a_resident() {
    let mut desk = Desk::found();
    desk.serve_with(&["--delivery-directory", "codes"]);
    desk.register();
    desk.run(&["keygen", "--encryption", "--out", "reading.key"]).succeeds();
    let amend = ["relying-party", "amend", "bank", "--factors", "all", "--attributes", "name,phone"];
    let more = ["--encryption-key", "reading.key.pub", "--resident-agent", "--sees-reasons"];
    desk.admin(&[&amend[..], &more].concat()).succeeds().says("resident agent      yes");
    desk.admin(&["relying-party", "list"]).succeeds().says("fingerprint, name, date-of-birth");

    std::fs::create_dir(desk.path("people")).unwrap();
    desk.application("ada", "Ada Lovelace", 1, 0);
    desk.enrol().succeeds();
    let number = desk.number_of("ada.json");
    codes_work_once(&desk, &number);
    attributes_are_read_with_a_code_and_consent(&desk, &number);
    people_act_on_their_own_numbers(&desk, &number);
    other_tools_can_send_what_is_printed(&desk, &number);
    desk.stop();
}

#[test]
fn every_reason_is_explained() {
    let desk = Desk::found();
    desk.run(&["reasons"]).succeeds().says("UNKNOWN_NUMBER");
    desk.run(&["reasons", "561"]).succeeds().says("EXPIRED").says("next step");
    desk.run(&["reasons", "--markdown"]).succeeds().says("| 998 |");
    desk.run(&["reasons", "1"]).fails_with("there is no reason 1");
}

#[test]
fn a_deployment_is_founded_once_and_served_only_where_it_was_founded() {
    let desk = Desk::found();
    desk.run(&["init", "--data", "data", "--root-key", "root.key", "--admin-keys", "admins"])
        .fails_with("service.pem exists");
    desk.run(&["init", "--data", "data", "--root-key", "other.key", "--admin-keys", "others"])
        .fails_with("not empty");
    assert_eq!(
        std::fs::read_dir(desk.path("others")).unwrap().count(),
        0,
        "keys of a deployment that never was"
    );
    desk.run(&["serve", "--data", "nowhere", "--root-key", "root.key"]).fails_with("plinth init");

    std::fs::write(
        desk.path("plinth.toml"),
        "data = \"data\"\nroot_key = \"root.key\"\nlistne = \"[::1]:0\"\n",
    )
    .unwrap();
    desk.run(&["serve", "--config", "plinth.toml"]).fails_with("listne");
    assert_eq!(desk.run(&["serve", "--lisen", "x"]).0.status.code(), Some(2));
}

fn enrolling_is_counted_and_can_be_repeated(desk: &Desk) {
    std::fs::create_dir(desk.path("people")).unwrap();
    desk.application("ada", "Ada Lovelace", 1, 0);
    desk.application("grace", "Grace Hopper", 2, 0);
    desk.enrol().succeeds();
    assert_eq!(desk.outcomes(), counts(&[("issued", 2)]));

    desk.application("impostor", "Somebody Else", 1, 1);
    std::fs::write(desk.path("people/broken.json"), r#"{"name":"No Fingers"}"#).unwrap();
    desk.enrol().fails_with("").says("duplicate: enrolled already");
    assert_eq!(desk.outcomes(), counts(&[("issued", 2), ("duplicate", 1), ("unreadable", 1)]));

    std::fs::remove_file(desk.path("people/broken.json")).unwrap();
    let before = desk.report();
    desk.enrol().succeeds();
    for (line, again) in before.iter().filter(|line| line["outcome"] != "unreadable").zip(desk.report()) {
        assert_eq!(
            (&line["request_id"], &line["number"], &again["before"]),
            (&again["request_id"], &again["number"], &Value::Bool(true))
        );
    }
}

fn answers_are_signed_and_checked_offline(desk: &Desk) {
    let number = &desk.number_of("ada.json");
    let thumb = format!("right-thumb={}", desk.record(1, FingerPosition::RightThumb, 2).display());
    desk.authenticate(&["--number", number, "--finger", &thumb, "--save", "evidence"]).succeeds().says("yes");
    desk.authenticate(&["--number", number, "--name", "Someone Else"]).fails_with("").says("no");

    let (request, answer) = desk.saved("evidence");
    desk.verify(&request, &answer).succeeds().says("verdict      yes");
    let mut bytes = std::fs::read(&answer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = desk.path("altered");
    std::fs::write(&altered, bytes).unwrap();
    desk.verify(&request, &altered).fails_with("");
}

fn codes_work_once(desk: &Desk, number: &str) {
    let (transaction, code) = desk.code(number);
    let shown = ["--number", number, "--otp", &code, "--transaction", &transaction];
    desk.authenticate(&shown).succeeds().says("yes");
    desk.authenticate(&shown).fails_with("").says("OTP_MISMATCH");
    desk.authenticate(&["--number", number, "--otp", &code]).ends_with(2);
}

fn attributes_are_read_with_a_code_and_consent(desk: &Desk, number: &str) {
    let (transaction, code) = desk.code(number);
    let shown = ["--number", number, "--otp", &code, "--transaction", &transaction, "--consent", "I agree."];
    let asked = ["person", "get", "--attributes", "name,phone", "--encryption-key", "reading.key"];
    desk.bank(&[&asked[..], &shown, &["--save", "reading"]].concat())
        .succeeds()
        .says("Ada Lovelace")
        .says("+442079460000");
    let (request, answer) = desk.saved("reading");
    desk.verify(&request, &answer).succeeds().says("attributes   name, phone").conceals("Ada");
    let opening = ["--encryption-key", "reading.key"];
    desk.verify_with(&request, &answer, &opening).succeeds().says("Ada Lovelace");
}

fn people_act_on_their_own_numbers(desk: &Desk, number: &str) {
    let thumb = format!("right-thumb={}", desk.record(1, FingerPosition::RightThumb, 3).display());
    let person = ["--number", number, "--finger", &thumb];
    let resident = |command: &[&str]| desk.bank(&[&["resident"], command, &person].concat());
    let created = resident(&["virtual-number", "create"]).succeeds();
    let virtual_number = created.line("virtual");
    desk.authenticate(&["--virtual-number", &virtual_number, "--name", "Ada Lovelace"])
        .succeeds()
        .says("yes");
    resident(&["lock", "number"]).succeeds().says("number       locked");
    desk.authenticate(&["--number", number, "--name", "Ada Lovelace"]).fails_with("").says("NUMBER_LOCKED");
    resident(&["unlock", "number"]).succeeds().says("number       open");
    resident(&["virtual-number", "revoke"]).succeeds();
    desk.authenticate(&["--virtual-number", &virtual_number, "--name", "Ada Lovelace"])
        .fails_with("")
        .says("no");
    resident(&["totp", "create"]).succeeds().says("otpauth://totp/");
    resident(&["totp", "remove"]).succeeds();
    resident(&["history", "--page-size", "2"]).succeeds().says("own request").says("older entries");
}

fn other_tools_can_send_what_is_printed(desk: &Desk, number: &str) {
    let question = ["--number", number, "--name", "Ada Lovelace"];
    let printed = desk.authenticate(&[&question[..], &["--print-json"]].concat()).succeeds();
    let message: Value = serde_json::from_slice(&printed.0.stdout).unwrap();
    assert_eq!(
        message["envelope"]["payloadType"],
        "application/vnd.plinth.authentication-request.v1+protobuf"
    );
    assert_eq!(message["envelope"]["signatures"].as_array().unwrap().len(), 1);
    desk.authenticate(&[&question[..], &["--save", "json"]].concat()).succeeds();
    let (request, answer) = desk.saved("json");
    std::fs::write(desk.path("request.json"), &printed.0.stdout).unwrap();
    // The same kind of file, but another request than the one that was answered.
    desk.verify(&desk.path("request.json"), &answer).fails_with("belongs to another request");
    desk.verify(&request, &desk.path("request.json")).fails_with("");
}

fn a_suspended_agency_gets_nothing_until_it_is_reinstated(desk: &Desk) {
    desk.admin(&["agency", "suspend", "north"]).succeeds();
    desk.application("joan", "Joan Clarke", 3, 0);
    desk.enrol().fails_with("").says("not answered");
    desk.admin(&["agency", "list"]).succeeds().says("suspended");
    desk.admin(&["agency", "reinstate", "north"]).succeeds();
    desk.enrol().succeeds();
}

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(outcome, people)| ((*outcome).to_owned(), *people)).collect()
}

/// A desk with a terminal on it, and perhaps a running service.
struct Desk {
    folder: tempfile::TempDir,
    service: Option<Child>,
    public: String,
    admin: String,
}

impl Desk {
    fn found() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder, service: None, public: String::new(), admin: String::new() };
        desk.run(&["init", "--data", "data", "--root-key", "root.key", "--admin-keys", "admins"]).succeeds();
        desk
    }

    fn serve(&mut self) {
        self.serve_with(&[]);
    }

    fn serve_with(&mut self, settings: &[&str]) {
        let arguments = ["serve", "--data", "data", "--root-key", "root.key", "--ready-file", "ready"];
        let mut command = self.command(&[&arguments, settings].concat());
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut service = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(std::fs::read_to_string(self.path("ready")).unwrap(), line);
        let address = |name: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            format!("http://{}", word.unwrap_or_else(|| panic!("no {name} in {line:?}")))
        };
        (self.public, self.admin) = (address("public="), address("admin="));
        self.service = Some(service);
    }

    fn stop(&mut self) {
        let mut service = self.service.take().unwrap();
        let killed = Command::new("kill").args(["-TERM", &service.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(service.wait().unwrap().code(), Some(0), "a drained service ends with status 0");
    }

    fn register(&self) {
        for (kind, id) in [("agency", "north"), ("relying-party", "bank")] {
            let (private, public) = (format!("{id}.pem"), format!("{id}.pem.pub"));
            self.run(&["keygen", "--out", &private]).succeeds();
            self.admin(&[kind, "add", id, "--name", "A party", "--public-key", &public]).succeeds();
        }
    }

    fn enrol(&self) -> Ended {
        self.run(&[
            "enrol",
            "people",
            "--agency",
            "north",
            "--key",
            "north.pem",
            "--report",
            "report",
            "--server",
            &self.public,
        ])
    }

    fn authenticate(&self, arguments: &[&str]) -> Ended {
        self.bank(&[&["authenticate"], arguments].concat())
    }

    /// Runs a command as the relying party.
    fn bank(&self, arguments: &[&str]) -> Ended {
        let who = ["--relying-party", "bank", "--key", "bank.pem", "--server", &self.public];
        self.run(&[arguments, &who].concat())
    }

    /// Has a code sent, and reads it where the person would: its transaction and its digits.
    fn code(&self, number: &str) -> (String, String) {
        let message = self.path("codes/442079460000.txt");
        drop(std::fs::remove_file(&message));
        let ordered = self.bank(&["otp", "request", "--number", number]).succeeds();
        let deadline = 200;
        for _ in 0..deadline {
            if let Ok(text) = std::fs::read_to_string(&message) {
                let code = text.lines().find_map(|line| line.strip_prefix("code: ")).unwrap();
                return (ordered.line("transaction"), code.to_owned());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no code came");
    }

    /// The request and the answer that a command saved in a folder of its own.
    fn saved(&self, folder: &str) -> (PathBuf, PathBuf) {
        let saved = std::fs::read_dir(self.path(folder)).unwrap().map(|file| file.unwrap().path());
        let request = saved.into_iter().find(|file| file.extension().unwrap() == "request").unwrap();
        let answer = request.with_extension("answer");
        (request, answer)
    }

    fn verify(&self, request: &Path, answer: &Path) -> Ended {
        self.verify_with(request, answer, &[])
    }

    fn verify_with(&self, request: &Path, answer: &Path, more: &[&str]) -> Ended {
        let (request, answer) = (request.to_str().unwrap(), answer.to_str().unwrap());
        let files = ["verify", "--request", request, "--answer", answer];
        self.run(&[&files[..], &["--service-key", "admins/service.pem"], more].concat())
    }

    /// The number that somebody got.
    fn number_of(&self, application: &str) -> String {
        let report = self.report();
        let line = report.iter().find(|line| line["application"] == application).unwrap();
        line["number"].as_str().unwrap().to_owned()
    }

    fn admin(&self, arguments: &[&str]) -> Ended {
        self.run(&[arguments, &["--admin", &self.admin, "--admin-key", "admins/admin-1.pem"]].concat())
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended(self.command(arguments).output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plinth"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // Settings of whoever runs the tests must not reach them.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PLINTH_"))
        {
            command.env_remove(name);
        }
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the record of one finger of a made-up person.
    fn record(&self, person: u64, position: FingerPosition, capture: u32) -> PathBuf {
        let path = self.path(&format!("people/{person}-{}-{capture}.iso", position.code()));
        std::fs::write(&path, SyntheticPerson::new(7, person).capture(position, capture).encode()).unwrap();
        path
    }

    /// Writes a made-up person's application.
    fn application(&self, file: &str, name: &str, person: u64, capture: u32) {
        self.application_of(file, name, person, capture, &FINGERS);
    }

    fn application_of(
        &self,
        file: &str,
        name: &str,
        person: u64,
        capture: u32,
        positions: &[FingerPosition],
    ) {
        let fingers: Vec<Value> = positions
            .iter()
            .map(|&position| {
                let record = self.record(person, position, capture);
                serde_json::json!({ "position": position.to_string(), "file": record.file_name().unwrap().to_str() })
            })
            .collect();
        let application = serde_json::json!({ "name": name, "date_of_birth": "1985-12-10", "gender": "F", "phone": "+44 20 7946 0000", "fingers": fingers });
        std::fs::write(self.path(&format!("people/{file}.json")), application.to_string()).unwrap();
    }

    fn report(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("report/report.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.report() {
            *counts.entry(line["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(service) = &mut self.service {
            drop(service.kill());
            drop(service.wait());
        }
    }
}

/// A command that has ended.
struct Ended(Output);

impl Ended {
    fn succeeds(self) -> Self {
        assert_eq!(self.0.status.code(), Some(0), "{self:?}");
        self
    }

    /// Status 1, and an error that contains this.
    fn fails_with(self, complaint: &str) -> Self {
        assert_eq!(self.0.status.code(), Some(1), "{self:?}");
        assert!(
            String::from_utf8_lossy(&self.0.stderr).contains(complaint),
            "{complaint:?} is not in {self:?}"
        );
        self
    }

    fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.0.status.code(), Some(status), "{self:?}");
        self
    }

    /// The value of a line of standard output that begins with this word.
    fn line(&self, word: &str) -> String {
        let text = String::from_utf8_lossy(&self.0.stdout);
        let value =
            text.lines().find_map(|line| line.strip_prefix(word)).map(|value| value.trim().to_owned());
        value.unwrap_or_else(|| panic!("no {word} in {self:?}"))
    }

    fn conceals(self, text: &str) -> Self {
        assert!(!String::from_utf8_lossy(&self.0.stdout).contains(text), "{text:?} is in {self:?}");
        self
    }

    fn says(self, text: &str) -> Self {
        assert!(String::from_utf8_lossy(&self.0.stdout).contains(text), "{text:?} is not in {self:?}");
        self
    }
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes);
        write!(f, "{}\nstdout:\n{}\nstderr:\n{}", self.0.status, text(&self.0.stdout), text(&self.0.stderr))
    }
}
