//! What a person shows to be recognised, as it is written on the command line.

use std::path::PathBuf;

use anyhow::Context as _;
use plinth_biometrics::FingerPosition;
use plinth_identity::application::FingerSample;
use plinth_identity::demographics::{
    Address, AddressClaim, AddressFields, AddressText, BirthClaim, DateOfBirth, DemographicClaim, Email,
    Gender, MatchValue, Name, NameClaim, Phone, Strategy,
};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestId;
use plinth_identity::otp::OtpCode;

/// The factors. Every one that is given must match.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "What the person shows")]
pub(crate) struct Shown {
    /// The full name: the same words in the same order.
    #[arg(long, value_parser = Name::parse)]
    name: Option<Name>,
    /// With --name: in any order, and so many per cent of the recorded words are enough, 1 to 100.
    #[arg(long, value_name = "PERCENT", requires = "name", value_parser = match_value)]
    name_partial: Option<MatchValue>,
    /// The date of birth, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", value_parser = DateOfBirth::parse, conflicts_with = "birth_year")]
    date_of_birth: Option<DateOfBirth>,
    /// The year of birth. It never is enough alone.
    #[arg(long, value_name = "YEAR", value_parser = birth_year)]
    birth_year: Option<BirthClaim>,
    /// An age in years that the person has reached.
    #[arg(long, value_name = "YEARS", value_parser = clap::value_parser!(u8).range(1..=150))]
    age: Option<u8>,
    /// The gender: F, M or T.
    #[arg(long, value_parser = gender)]
    gender: Option<Gender>,
    /// The telephone number with its country, for example +49 30 123456.
    #[arg(long, value_parser = Phone::parse)]
    phone: Option<Phone>,
    /// The e-mail address.
    #[arg(long, value_parser = Email::parse)]
    email: Option<Email>,
    /// A part of the address: care-of, house, street, landmark, locality, district, state, postcode or country.
    /// Repeatable. All parts together must be the recorded ones.
    #[arg(long = "address-field", value_name = "PART=TEXT", value_parser = AddressPart::parse)]
    address: Vec<AddressPart>,
    /// The whole address in one line.
    #[arg(long, value_name = "TEXT", value_parser = AddressText::parse, conflicts_with = "address")]
    full_address: Option<AddressText>,
    /// With --full-address: in any order, and so many per cent of the recorded words are enough, 1 to 100.
    #[arg(long, value_name = "PERCENT", requires = "full_address", value_parser = match_value)]
    address_partial: Option<MatchValue>,
    /// A finger's record (ISO/IEC 19794-2, ANSI/INCITS 378), for example right-thumb=thumb.iso; `unknown` is a
    /// position too. Repeatable.
    #[arg(long = "finger", value_name = "POSITION=FILE", value_parser = Finger::parse)]
    fingers: Vec<Finger>,
    /// The six digits that the service sent to the person.
    #[arg(long, value_name = "CODE", requires = "transaction", conflicts_with = "totp", value_parser = OtpCode::parse)]
    otp: Option<OtpCode>,
    /// With --otp: the transaction that `plinth otp request` printed.
    #[arg(long, value_name = "ID", requires = "otp", value_parser = RequestId::parse)]
    transaction: Option<RequestId>,
    /// The six digits that the person's authenticator shows.
    #[arg(long, value_name = "CODE", value_parser = OtpCode::parse)]
    totp: Option<OtpCode>,
}

/// The same, read and parsed.
pub(crate) struct Evidence {
    pub(crate) claim: DemographicClaim,
    pub(crate) fingers: Vec<FingerSample>,
    pub(crate) code: Option<CodeClaim>,
}

impl Shown {
    /// Reads the records that are named.
    pub(crate) fn read(self) -> anyhow::Result<Evidence> {
        let fingers = self.fingers.iter().map(Finger::read).collect::<anyhow::Result<_>>()?;
        let code = match (self.otp, self.transaction, self.totp) {
            (Some(code), Some(transaction), _) => Some(CodeClaim::Delivered { transaction, code }),
            (_, _, totp) => totp.map(CodeClaim::Totp),
        };
        let strategy = |partial: Option<MatchValue>| partial.map_or(Strategy::Exact, Strategy::Partial);
        let name_strategy = strategy(self.name_partial);
        let claim = DemographicClaim {
            name: self.name.map(|name| NameClaim { name, strategy: name_strategy }),
            birth: self.date_of_birth.map(BirthClaim::Date).or(self.birth_year),
            minimum_age: self.age,
            gender: self.gender,
            phone: self.phone,
            email: self.email,
            address: match self.full_address {
                Some(text) => Some(AddressClaim::Full { text, strategy: strategy(self.address_partial) }),
                None => address(self.address)?.map(AddressClaim::Structured),
            },
        };
        Ok(Evidence { claim, fingers, code })
    }
}

/// One `PART=TEXT`.
#[derive(Clone)]
struct AddressPart {
    part: &'static str,
    text: String,
}

impl AddressPart {
    const PARTS: [&'static str; 9] =
        ["care-of", "house", "street", "landmark", "locality", "district", "state", "postcode", "country"];

    fn parse(given: &str) -> Result<Self, String> {
        let (part, text) =
            given.split_once('=').ok_or("write it as PART=TEXT, for example postcode=110001")?;
        let known = Self::PARTS.into_iter().find(|known| *known == part);
        let part = known.ok_or_else(|| format!("the parts are {}", Self::PARTS.join(", ")))?;
        Ok(Self { part, text: text.to_owned() })
    }
}

/// The address of these parts; none if there are none.
fn address(parts: Vec<AddressPart>) -> anyhow::Result<Option<Address>> {
    if parts.is_empty() {
        return Ok(None);
    }
    let mut fields = AddressFields::default();
    for AddressPart { part, text } in parts {
        let field = match part {
            "care-of" => &mut fields.care_of,
            "house" => &mut fields.house,
            "street" => &mut fields.street,
            "landmark" => &mut fields.landmark,
            "locality" => &mut fields.locality,
            "district" => &mut fields.district,
            "state" => &mut fields.state,
            "postcode" => &mut fields.postcode,
            _ => &mut fields.country,
        };
        anyhow::ensure!(field.is_empty(), "--address-field {part} is given twice");
        *field = text;
    }
    Ok(Some(Address::new(fields).context("--address-field")?))
}

/// A finger as it is named on the command line.
#[derive(Clone)]
struct Finger {
    position: FingerPosition,
    file: PathBuf,
}

impl Finger {
    fn parse(text: &str) -> Result<Self, String> {
        let (position, file) =
            text.split_once('=').ok_or("write it as POSITION=FILE, for example right-thumb=thumb.iso")?;
        let position = position.parse().map_err(|error: plinth_biometrics::RecordError| error.to_string())?;
        Ok(Self { position, file: file.into() })
    }

    fn read(&self) -> anyhow::Result<FingerSample> {
        let record =
            std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        Ok(FingerSample { position: self.position, record })
    }
}

fn gender(text: &str) -> Result<Gender, String> {
    let mut letters = text.chars();
    let known = letters.next().and_then(Gender::from_letter).filter(|_| letters.next().is_none());
    known.ok_or_else(|| "must be F, M or T".to_owned())
}

fn birth_year(text: &str) -> Result<BirthClaim, String> {
    match BirthClaim::parse(text) {
        Ok(BirthClaim::Date(_)) => Err("must be a year; give a date with --date-of-birth".to_owned()),
        year => year.map_err(|violation| violation.description),
    }
}

fn match_value(text: &str) -> Result<MatchValue, String> {
    let percent = text.parse().map_err(|_| "must be a number from 1 to 100")?;
    MatchValue::new(percent).map_err(|violation: FieldViolation| violation.description)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use plinth_identity::party::{Factor, FactorSet};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        shown: Shown,
    }

    fn read(arguments: &[&str]) -> anyhow::Result<Evidence> {
        let line = ["test"].into_iter().chain(arguments.iter().copied());
        Line::try_parse_from(line)?.shown.read()
    }

    #[test]
    fn every_attribute_that_is_given_is_claimed() {
        let evidence = read(&[
            "--name",
            "Ada Lovelace",
            "--name-partial",
            "60",
            "--birth-year",
            "1985",
            "--age",
            "18",
            "--gender",
            "F",
            "--phone",
            "+44 20 7946 0000",
            "--email",
            "Ada@example.org",
            "--address-field",
            "street=Main Street",
            "--address-field",
            "postcode=SW1A 1AA",
        ])
        .unwrap();
        let expected: FactorSet = [
            Factor::Name,
            Factor::DateOfBirth,
            Factor::Age,
            Factor::Gender,
            Factor::Phone,
            Factor::Email,
            Factor::Address,
        ]
        .into_iter()
        .collect();
        assert_eq!(evidence.claim.factors(), expected);
        assert!(evidence.claim.uses_partial() && !evidence.claim.uses_full_address());
        assert!(evidence.fingers.is_empty() && evidence.code.is_none());
    }

    #[test]
    fn a_whole_address_may_be_matched_in_part() {
        let evidence =
            read(&["--full-address", "12 Main Street, London", "--address-partial", "80"]).unwrap();
        assert!(evidence.claim.uses_full_address() && evidence.claim.uses_partial());
        let exact = read(&["--full-address", "12 Main Street, London"]).unwrap();
        assert!(exact.claim.uses_full_address() && !exact.claim.uses_partial());
    }

    #[test]
    fn a_delivered_code_comes_with_its_transaction() {
        let transaction = "00112233445566778899aabbccddeeff";
        let delivered = read(&["--otp", "123456", "--transaction", transaction]).unwrap();
        assert!(matches!(delivered.code, Some(CodeClaim::Delivered { .. })));
        assert!(matches!(read(&["--totp", "123456"]).unwrap().code, Some(CodeClaim::Totp(_))));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for arguments in [
            &["--otp", "123456"][..],
            &["--transaction", "00112233445566778899aabbccddeeff"],
            &["--otp", "12345", "--transaction", "00112233445566778899aabbccddeeff"],
            &["--name-partial", "60"],
            &["--name", "Ada", "--name-partial", "0"],
            &["--name", "Ada", "--name-partial", "101"],
            &["--date-of-birth", "1985-12-10", "--birth-year", "1985"],
            &["--birth-year", "1985-12-10"],
            &["--age", "0"],
            &["--address-field", "planet=Earth"],
            &["--address-field", "street=a", "--address-field", "street=b"],
            &["--address-field", "street=a", "--full-address", "a"],
            &["--gender", "FF"],
            &["--finger", "right-thumb"],
        ] {
            assert!(read(arguments).is_err(), "{arguments:?}");
        }
    }
}
