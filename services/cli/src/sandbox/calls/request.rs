//! What one call asks, and how that is written for `plinth`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Kind;
use crate::sandbox::parties::reading_key;

/// What is asked. What is absent is not claimed.
#[derive(Serialize, Default, Clone)]
pub(in crate::sandbox) struct Request {
    pub(super) number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
    /// With it the name is compared partially.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_match_value: Option<u8>,
    /// A date, or a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date_of_birth: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum_age: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gender: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) address: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) full_address: Option<&'static str>,
    /// With it the address is compared partially.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) full_address_match_value: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fingers: Vec<Finger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<Code>,
    /// What is to be read of the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attributes: Vec<&'static str>,
    /// What the person agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consent: Option<&'static str>,
    /// What a person wants done: words of `plinth resident`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<&'static str>,
}

/// A finger that is shown.
#[derive(Serialize, Clone)]
pub(in crate::sandbox) struct Finger {
    pub(super) position: &'static str,
    pub(super) file: String,
}

/// A one-time code that is given.
#[derive(Serialize, Clone)]
#[serde(untagged)]
pub(in crate::sandbox) enum Code {
    /// The one that is asked for by this channel and found in this file, or any other.
    Sent {
        channel: &'static str,
        file: String,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        wrong: bool,
    },
    /// These digits, as if they had been sent for this transaction.
    Invented { transaction: &'static str, digits: &'static str },
    /// What the authenticator of this file shows.
    Authenticator { authenticator: String },
}

impl Request {
    /// The call that has a code sent, if the request carries one that is sent.
    pub(super) fn first(&self, party: &str) -> Option<Vec<String>> {
        let Some(Code::Sent { channel, .. }) = &self.code else { return None };
        let mut line = Line::new(&["otp", "request"]);
        line.option("--number", &self.number);
        line.option("--channels", channel);
        line.asker(party);
        Some(line.0)
    }

    /// The call itself.
    pub(super) fn command(&self, kind: Kind, party: &str) -> Vec<String> {
        let mut line = match kind {
            Kind::Authenticate => Line::new(&["authenticate"]),
            Kind::Person => Line::new(&["person", "get"]),
            Kind::Resident => {
                let words: Vec<&str> = self.action.iter().flat_map(|action| action.split(' ')).collect();
                Line::new(&[&["resident"], &words[..]].concat())
            }
        };
        line.option("--number", &self.number);
        self.claims(&mut line);
        for Finger { position, file } in &self.fingers {
            line.option("--finger", &format!("{position}={file}"));
        }
        match &self.code {
            None => {}
            Some(Code::Sent { wrong, .. }) => {
                line.option("--otp", if *wrong { "{wrong-code}" } else { "{code}" });
                line.option("--transaction", "{transaction}");
            }
            Some(Code::Invented { transaction, digits }) => {
                line.option("--otp", digits);
                line.option("--transaction", transaction);
            }
            Some(Code::Authenticator { .. }) => line.option("--totp", "{code}"),
        }
        if kind == Kind::Person {
            line.option("--attributes", &self.attributes.join(","));
            line.option("--encryption-key", &reading_key("keys".as_ref()).display().to_string());
        }
        line.given("--consent", self.consent);
        line.asker(party);
        line.0
    }

    fn claims(&self, line: &mut Line) {
        line.given("--name", self.name);
        line.given("--name-partial", self.name_match_value);
        match &self.date_of_birth {
            Some(year) if year.len() == 4 => line.option("--birth-year", year),
            date => line.given("--date-of-birth", date.as_deref()),
        }
        line.given("--age", self.minimum_age);
        line.given("--gender", self.gender);
        line.given("--phone", self.phone);
        line.given("--email", self.email);
        for (part, text) in &self.address {
            line.option("--address-field", &format!("{}={text}", part.replace('_', "-")));
        }
        line.given("--full-address", self.full_address);
        line.given("--address-partial", self.full_address_match_value);
    }
}

/// Arguments as they grow.
struct Line(Vec<String>);

impl Line {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn option(&mut self, name: &str, value: &str) {
        self.0.extend([name.to_owned(), value.to_owned()]);
    }

    fn given(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.option(name, &value.to_string());
        }
    }

    /// Who asks.
    fn asker(&mut self, party: &str) {
        self.option("--relying-party", party);
        self.option("--key", &format!("keys/{party}.pem"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::parties::BANK;

    #[test]
    fn a_request_is_written_for_terminals() {
        let request = Request {
            number: "234567890124".to_owned(),
            name: Some("Asha Verma"),
            name_match_value: Some(50),
            date_of_birth: Some("1990".to_owned()),
            address: BTreeMap::from([("street", "12 Lotus Road")]),
            code: Some(Code::Sent { channel: "sms", file: "outbox/1.txt".to_owned(), wrong: false }),
            ..Request::default()
        };
        let command = request.command(Kind::Authenticate, BANK).join(" ");
        assert_eq!(
            command,
            "authenticate --number 234567890124 --name Asha Verma --name-partial 50 --birth-year 1990 \
             --address-field street=12 Lotus Road --otp {code} --transaction {transaction} \
             --relying-party sandbox-bank --key keys/sandbox-bank.pem"
        );
        let first = request.first(BANK).unwrap().join(" ");
        assert!(first.starts_with("otp request --number 234567890124 --channels sms "), "{first}");
    }

    #[test]
    fn a_residents_order_is_named_by_its_words() {
        let request = Request { action: Some("unlock fingers"), ..Request::default() };
        assert_eq!(request.command(Kind::Resident, BANK)[..3], ["resident", "unlock", "fingers"]);
        assert!(request.first(BANK).is_none());
    }
}
