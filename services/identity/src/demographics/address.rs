//! Postal addresses: in lines, and as one text.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::address_words::address_words;
use super::partial::{ClaimedWord, MatchValue, RecordedWord, Strategy, matches_partially};
use super::words::Words;
use crate::field::FieldViolation;

/// The lines of an address as they are read and written. An empty one is absent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AddressFields {
    /// Through whom mail reaches the person, for example `S/O Ram Lal`.
    pub care_of: String,
    /// House, flat or building.
    pub house: String,
    /// Street or road.
    pub street: String,
    /// What is near.
    pub landmark: String,
    /// Village, town or part of a city.
    pub locality: String,
    /// District.
    pub district: String,
    /// State or province.
    pub state: String,
    /// Postcode, in whatever form the country gives it.
    pub postcode: String,
    /// Country.
    pub country: String,
}

impl AddressFields {
    /// The line with this name (see [`Address::LINES`]), if there is one.
    pub fn line_mut(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "care_of" => &mut self.care_of,
            "house" => &mut self.house,
            "street" => &mut self.street,
            "landmark" => &mut self.landmark,
            "locality" => &mut self.locality,
            "district" => &mut self.district,
            "state" => &mut self.state,
            "postcode" => &mut self.postcode,
            "country" => &mut self.country,
            _ => return None,
        })
    }
}

impl fmt::Debug for AddressFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressFields(..)")
    }
}

/// One line of an address as it was written: at most 100 characters, no control character, and a word if it
/// is not empty.
#[derive(Clone)]
pub struct AddressLine(Zeroizing<String>);

impl AddressLine {
    /// Longest line in characters.
    pub const MAX_CHARS: usize = 100;

    /// Reads a line.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(FieldViolation::malformed("", "must be at most 100 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(FieldViolation::malformed("", "must not contain control characters"));
        }
        if !text.is_empty() && Words::of(text).is_empty() {
            return Err(FieldViolation::malformed("", "must be empty or contain a letter or digit"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The line as it was written; empty if it is absent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the line is absent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for AddressLine {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for AddressLine {}

impl fmt::Debug for AddressLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressLine(..)")
    }
}

/// An address in nine lines. It has a house, a street or a locality: less is no address.
#[derive(Clone, PartialEq, Eq)]
pub struct Address([AddressLine; 9]);

impl Address {
    /// The names of the lines, in the order in which they are written, stored and joined.
    pub const LINES: [&'static str; 9] =
        ["care_of", "house", "street", "landmark", "locality", "district", "state", "postcode", "country"];

    /// Checks and keeps the lines.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`] at the line that is no [`AddressLine`]; with an empty field if neither
    /// house nor street nor locality says anything besides a care-of.
    pub fn new(fields: AddressFields) -> Result<Self, FieldViolation> {
        let AddressFields { care_of, house, street, landmark, locality, district, state, postcode, country } =
            fields;
        let line = |name: &str, text: String| {
            AddressLine::parse(&Zeroizing::new(text)).map_err(|violation| violation.at(name))
        };
        let address = Self([
            line("care_of", care_of)?,
            line("house", house)?,
            line("street", street)?,
            line("landmark", landmark)?,
            line("locality", locality)?,
            line("district", district)?,
            line("state", state)?,
            line("postcode", postcode)?,
            line("country", country)?,
        ]);
        let [_, house, street, _, locality, ..] = &address.0;
        if [house, street, locality].iter().all(|line| address_words(line.as_str()).is_empty()) {
            return Err(FieldViolation::malformed("", "must have a house, a street or a locality"));
        }
        Ok(address)
    }

    /// The lines as they were written. Personal data: for messages and records only.
    #[must_use]
    pub fn fields(&self) -> AddressFields {
        let [care_of, house, street, landmark, locality, district, state, postcode, country] =
            self.0.each_ref().map(|line| line.as_str().to_owned());
        AddressFields { care_of, house, street, landmark, locality, district, state, postcode, country }
    }

    /// Every line with its name, absent ones too, in the order of [`Address::LINES`].
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &AddressLine)> {
        Self::LINES.into_iter().zip(&self.0)
    }

    /// The lines on one line, separated by commas, without care-of. Personal data.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let [_, lines @ ..] = &self.0;
        one_line(lines)
    }

    /// The words of the full address: those of the place, and those of the country.
    fn full_words(&self) -> (Words, Words) {
        let [_, place @ .., country] = &self.0;
        (address_words(&one_line(place)), address_words(country.as_str()))
    }

    /// True if every line of this claim is recorded.
    fn lines_same(&self, recorded: &Self) -> Choice {
        self.0.iter().zip(&recorded.0).fold(Choice::from(1), |all, (claimed, recorded)| {
            let unclaimed = Choice::from(u8::from(claimed.is_empty()));
            all & (Words::of(claimed.as_str()).same(&Words::of(recorded.as_str())) | unclaimed)
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// A whole address as one text, the way people write it: 1 to 500 characters, no control character.
#[derive(Clone)]
pub struct AddressText {
    text: Zeroizing<String>,
    words: Words,
}

impl AddressText {
    /// Longest text in characters.
    pub const MAX_CHARS: usize = 500;

    /// Reads an address.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`], with an empty field; also if nothing is left of it without its care-of.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        if !(1..=Self::MAX_CHARS).contains(&text.chars().count()) {
            return Err(FieldViolation::malformed("", "must be 1 to 500 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(FieldViolation::malformed("", "must not contain control characters"));
        }
        let words = address_words(text);
        if words.is_empty() {
            return Err(FieldViolation::malformed(
                "",
                "must contain more than a care-of, which ends at a comma",
            ));
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), words })
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for AddressText {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl Eq for AddressText {}

impl fmt::Debug for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressText(..)")
    }
}

/// Where a person is claimed to live.
#[derive(Clone, PartialEq, Eq)]
pub enum AddressClaim {
    /// Line by line: every line that the claim has is recorded with the same words in the same order. Lines
    /// that it does not have are not claimed. Nothing is abbreviated here.
    Structured(Address),
    /// As one text. Care-of is left out up to the next comma, common abbreviations are the same as what they
    /// abbreviate, ordinals are numbers. In a partial comparison every word of the recorded place counts,
    /// single letters too; those of the country match but do not count, because nearly everybody has them.
    Full {
        /// What is claimed.
        text: AddressText,
        /// How its words are compared with those of [`Address::to_text`].
        strategy: Strategy,
    },
}

impl AddressClaim {
    /// True if a recorded address is as claimed; never if none is recorded, which takes as much time.
    pub(super) fn same(&self, recorded: Option<&Address>) -> Choice {
        let present = Choice::from(u8::from(recorded.is_some()));
        let same = match self {
            Self::Structured(claimed) => claimed.lines_same(recorded.unwrap_or(claimed)),
            Self::Full { text, strategy } => {
                let nowhere = || (text.words.clone(), Words::of(""));
                let (place, country) = recorded.map_or_else(nowhere, Address::full_words);
                match strategy {
                    Strategy::Exact => text.words.same(&Words::joined(place.iter().chain(country.iter()))),
                    Strategy::Partial(value) => partly_same(&text.words, &place, &country, *value),
                }
            }
        };
        same & present
    }
}

impl fmt::Debug for AddressClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressClaim(..)")
    }
}

fn partly_same(claimed: &Words, place: &Words, country: &Words, value: MatchValue) -> Choice {
    let counted = place.iter().map(|text| RecordedWord { text, letter: "", counts: true });
    let uncounted = country.iter().map(|text| RecordedWord { text, letter: "", counts: false });
    let recorded: Vec<_> = counted.chain(uncounted).collect();
    let claimed: Vec<_> = claimed.iter().map(|text| ClaimedWord { text, initial: false }).collect();
    matches_partially(&recorded, &claimed, value)
}

fn one_line(lines: &[AddressLine]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(lines.iter().map(|line| line.0.len() + 2).sum()));
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(line.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    fn home() -> AddressFields {
        AddressFields {
            care_of: "S/O Ram Lal".to_owned(),
            house: "Flat 4B, 2nd Floor".to_owned(),
            street: "M.G. Road".to_owned(),
            locality: "Indiranagar".to_owned(),
            state: "Karnataka".to_owned(),
            postcode: "560038".to_owned(),
            country: "India".to_owned(),
            ..AddressFields::default()
        }
    }

    #[test]
    fn an_address_gives_its_lines_back() {
        let address = Address::new(home()).unwrap();
        assert_eq!(address.fields(), home());
        let text = "Flat 4B, 2nd Floor, M.G. Road, Indiranagar, Karnataka, 560038, India";
        assert_eq!(address.to_text().as_str(), text);
        let mut fields = AddressFields::default();
        for (name, line) in address.lines() {
            line.as_str().clone_into(fields.line_mut(name).unwrap());
        }
        assert_eq!(fields, home());
        assert_eq!(fields.line_mut("planet"), None);
    }

    #[test]
    fn a_wrong_line_is_named_and_so_little_is_no_address() {
        let long = "a".repeat(101);
        for (name, text) in [("house", "a\nb"), ("landmark", "---"), ("postcode", " "), ("country", &long)] {
            let mut fields = home();
            text.clone_into(fields.line_mut(name).unwrap());
            let violation = Address::new(fields).unwrap_err();
            assert_eq!((violation.field.as_str(), violation.reason), (name, Reason::Malformed));
        }
        let only = |name: &str, text: &str| {
            let mut fields = AddressFields::default();
            text.clone_into(fields.line_mut(name).unwrap());
            Address::new(fields).map_err(|violation| (violation.field, violation.reason))
        };
        for name in ["house", "street", "locality"] {
            assert!(only(name, "字").is_ok(), "{name}");
            assert_eq!(only(name, "c/o Ram"), Err((String::new(), Reason::Malformed)), "{name}");
        }
        for name in ["care_of", "landmark", "district", "state", "postcode", "country"] {
            assert_eq!(only(name, "a"), Err((String::new(), Reason::Malformed)), "{name}");
        }
    }

    #[test]
    fn a_text_is_bounded_and_says_something() {
        let (long, longest) = ("a".repeat(501), "a".repeat(500));
        for text in ["", " ", "a\nb", "-,-", "c/o Ram Lal 12 MG Road", long.as_str()] {
            assert_eq!(AddressText::parse(text).unwrap_err().reason, Reason::Malformed, "{text}");
        }
        assert_eq!(AddressText::parse(&longest).unwrap().as_str(), longest);
    }

    #[test]
    fn the_country_matches_but_does_not_count() {
        let home = Address::new(home()).unwrap();
        let claim = |text: &str, percent| AddressClaim::Full {
            text: AddressText::parse(text).unwrap(),
            strategy: Strategy::Partial(MatchValue::new(percent).unwrap()),
        };
        let matches = |text, percent| bool::from(claim(text, percent).same(Some(&home)));
        assert!(!matches("India", 1));
        assert!(matches("Karnataka India", 1));
        assert!(!matches("Karnataka India India", 1));
        assert!(matches("Flat 4B 2nd Floor, M.G. Road, Indiranagar, Karnataka 560038", 100));
        assert!(!bool::from(claim("Karnataka", 1).same(None)));
    }

    #[test]
    fn lines_that_a_claim_does_not_have_are_not_compared() {
        let recorded = Address::new(home()).unwrap();
        let same = |fields| {
            bool::from(AddressClaim::Structured(Address::new(fields).unwrap()).same(Some(&recorded)))
        };
        assert!(same(home()));
        assert!(same(AddressFields { street: "m g road".to_owned(), ..AddressFields::default() }));
        assert!(!same(AddressFields { street: "M.G. Rd".to_owned(), ..AddressFields::default() }));
        assert!(!same(AddressFields { landmark: "Metro".to_owned(), ..home() }));
        assert!(!same(AddressFields { house: "M.G. Road".to_owned(), ..AddressFields::default() }));
        assert!(!bool::from(AddressClaim::Structured(recorded.clone()).same(None)));
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        let address = Address::new(home()).unwrap();
        let text = AddressText::parse("Pune").unwrap();
        let shown = format!(
            "{:?} {address:?} {:?} {text:?} {:?}",
            home(),
            address.0[1],
            AddressClaim::Structured(address.clone())
        );
        assert_eq!(shown, "AddressFields(..) Address(..) AddressLine(..) AddressText(..) AddressClaim(..)");
    }

    proptest! {
        #[test]
        fn the_full_text_of_an_address_matches_it(
            lines in prop::array::uniform9("[\\p{L}0-9 ,./'-]{0,20}"), percent in 1..=100_u32,
        ) {
            let mut fields = AddressFields::default();
            for (name, text) in Address::LINES.into_iter().zip(lines) {
                *fields.line_mut(name).unwrap() = text;
            }
            let Ok(address) = Address::new(fields) else { return Ok(()) };
            for strategy in [Strategy::Exact, Strategy::Partial(MatchValue::new(percent).unwrap())] {
                let text = AddressText::parse(&address.to_text()).unwrap();
                let claim = AddressClaim::Full { text, strategy };
                prop_assert!(bool::from(claim.same(Some(&address))));
            }
            let claim = AddressClaim::Structured(address.clone());
            prop_assert!(bool::from(claim.same(Some(&address))));
        }

        #[test]
        fn any_text_is_an_address_or_a_reason(text in "\\PC{0,60}|[a-z/ ,o.]{0,40}|.{0,40}") {
            if let Ok(parsed) = AddressText::parse(&text) {
                prop_assert_eq!(parsed.as_str(), text);
                prop_assert!(!parsed.words.is_empty());
            }
        }
    }
}
