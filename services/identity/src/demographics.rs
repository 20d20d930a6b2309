//! Name, date of birth and gender, and how a claim about them is compared with a record.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use jiff::civil::Date;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::field::FieldViolation;
use crate::party::{Factor, FactorSet};
use crate::reason::Reason;
use crate::time::Timestamp;

/// A person's name: what was written, and the words by which it is compared.
///
/// Two names are the same if they have the same words in the same order, whatever their case, their width and
/// the way their accents are encoded. That is the compatibility caseless match of the Unicode Standard
/// (section 3.13, D146), with characters that cannot be seen left out.
#[derive(Clone)]
pub struct Name {
    text: Zeroizing<String>,
    words: Zeroizing<String>,
}

impl Name {
    /// Longest name in characters.
    pub const MAX_CHARS: usize = 200;

    /// Reads a name: 1 to 200 characters of any script, no control character, at least one letter.
    ///
    /// # Errors
    /// [`Reason::Malformed`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        if !(1..=Self::MAX_CHARS).contains(&text.chars().count()) {
            return Err(FieldViolation::malformed("", "must be 1 to 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(FieldViolation::malformed("", "must not contain control characters"));
        }
        if !text.chars().any(|c| c.is_alphabetic() && !is_invisible(c)) {
            return Err(FieldViolation::malformed("", "must contain at least one letter"));
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), words: comparable(text) })
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if both names are the same, as the type says. Names of one length take the same time wherever
    /// they differ.
    #[must_use]
    pub fn matches_exact(&self, other: &Self) -> bool {
        self.same(other).into()
    }

    fn same(&self, other: &Self) -> Choice {
        self.words.as_bytes().ct_eq(other.words.as_bytes())
    }
}

/// Names are equal if they were written in the same way.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(..)")
    }
}

/// The form in which names are compared, words separated by one space.
fn comparable(text: &str) -> Zeroizing<String> {
    let canonical = DecomposingNormalizerBorrowed::new_nfd();
    let compatible = DecomposingNormalizerBorrowed::new_nfkd();
    let composed = ComposingNormalizerBorrowed::new_nfkc();
    let case = CaseMapper::new();
    let visible: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !is_invisible(*c)).collect());
    let decomposed = Zeroizing::new(canonical.normalize(&visible).into_owned());
    let folded = Zeroizing::new(case.fold_string(&decomposed).into_owned());
    let decomposed = Zeroizing::new(compatible.normalize(&folded).into_owned());
    let folded = Zeroizing::new(case.fold_string(&decomposed).into_owned());
    let normal = Zeroizing::new(composed.normalize(&folded).into_owned());
    let mut words = Zeroizing::new(String::with_capacity(normal.len()));
    for word in normal.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

/// Characters that change how text is laid out but not what it says: soft hyphen, joiners, directional marks,
/// variation selectors, fillers, byte order mark. Keyboards insert them or not, so they must not tell two names
/// apart, and a name of nothing else is none.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

/// A day of birth in the Gregorian calendar, not before 1850.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateOfBirth(Date);

impl DateOfBirth {
    /// The earliest year.
    pub const FIRST_YEAR: i16 = 1850;

    /// The day with this year, month (1-12) and day of the month (1-31).
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field, if there is no such day or it lies before 1850.
    pub fn new(year: i16, month: u8, day: u8) -> Result<Self, FieldViolation> {
        let number = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
        match Date::new(year, number(month), number(day)) {
            Ok(date) if year >= Self::FIRST_YEAR => Ok(Self(date)),
            _ => Err(FieldViolation::new("", Reason::BadDate, "must be a day that exists, not before 1850")),
        }
    }

    /// Reads exactly `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let shape = || FieldViolation::new("", Reason::BadDate, "must be written YYYY-MM-DD");
        let bytes: &[u8; 10] = text.as_bytes().try_into().map_err(|_| shape())?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return Err(shape()) };
        let number = |digits: &[u8]| -> Result<i16, FieldViolation> {
            digits.iter().try_fold(0_i16, |value, digit| {
                if digit.is_ascii_digit() { Ok(value * 10 + i16::from(digit - b'0')) } else { Err(shape()) }
            })
        };
        let small = |digits: &[u8]| number(digits).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
        Self::new(number(&[y1, y2, y3, y4])?, small(&[m1, m2])?, small(&[d1, d2])?)
    }

    /// Checks that the day has begun somewhere on Earth at `now`. The easternmost time zones are 14 hours
    /// ahead of UTC.
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field.
    pub fn check_not_future(&self, now: Timestamp) -> Result<(), FieldViolation> {
        const EASTERNMOST_MS: u64 = 14 * 60 * 60 * 1000;
        match now.plus_millis(EASTERNMOST_MS).day() {
            Some(today) if self.0 > today => {
                Err(FieldViolation::new("", Reason::BadDate, "must not lie in the future"))
            }
            _ => Ok(()),
        }
    }

    /// The year.
    #[must_use]
    pub fn year(&self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(&self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub fn day(&self) -> u8 {
        self.0.day().unsigned_abs()
    }

    /// `YYYY-MM-DD`. Personal data: for messages and records only.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.to_string()
    }

    fn same(&self, other: &Self) -> Choice {
        let bytes = |date: &Self| {
            let [high, low] = date.year().to_be_bytes();
            [high, low, date.month(), date.day()]
        };
        bytes(self).ct_eq(&bytes(other))
    }
}

impl fmt::Debug for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateOfBirth(..)")
    }
}

/// Gender as documents state it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// F
    Female,
    /// M
    Male,
    /// T
    Third,
}

impl Gender {
    /// Every gender.
    pub const ALL: [Self; 3] = [Self::Female, Self::Male, Self::Third];

    /// `F`, `M` or `T`. Personal data: for messages and records only.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Female => 'F',
            Self::Male => 'M',
            Self::Third => 'T',
        }
    }

    /// The gender with this letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|gender| gender.letter() == letter)
    }

    /// The byte that stands for it in records: its letter.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Female => b'F',
            Self::Male => b'M',
            Self::Third => b'T',
        }
    }

    fn same(self, other: Self) -> Choice {
        self.code().ct_eq(&other.code())
    }
}

impl fmt::Debug for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gender(..)")
    }
}

/// What is recorded about a person besides their fingers.
#[derive(Clone, PartialEq, Eq)]
pub struct Demographics {
    /// Full name.
    pub name: Name,
    /// Day of birth.
    pub date_of_birth: DateOfBirth,
    /// Gender.
    pub gender: Gender,
}

impl fmt::Debug for Demographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Demographics(..)")
    }
}

/// What a request claims about a person. What is absent is not claimed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DemographicClaim {
    /// The full name, compared by [`Name::matches_exact`].
    pub name: Option<Name>,
    /// The exact day of birth.
    pub date_of_birth: Option<DateOfBirth>,
    /// The gender.
    pub gender: Option<Gender>,
}

impl DemographicClaim {
    /// The factors that are claimed.
    #[must_use]
    pub fn factors(&self) -> FactorSet {
        [
            self.name.as_ref().map(|_| Factor::Name),
            self.date_of_birth.map(|_| Factor::DateOfBirth),
            self.gender.map(|_| Factor::Gender),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// True if everything that is claimed is recorded. Every claim is compared, whatever the others gave, so
    /// that the time taken does not tell which one failed. An empty claim matches.
    #[must_use]
    pub fn matches(&self, recorded: &Demographics) -> bool {
        let unclaimed = || Choice::from(1);
        let name = self.name.as_ref().map_or_else(unclaimed, |name| name.same(&recorded.name));
        let date = self.date_of_birth.map_or_else(unclaimed, |date| date.same(&recorded.date_of_birth));
        let gender = self.gender.map_or_else(unclaimed, |gender| gender.same(recorded.gender));
        (name & date & gender).into()
    }
}

impl fmt::Debug for DemographicClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DemographicClaim({:?})", self.factors())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn the_same_words_in_the_same_order_are_the_same_name() {
        for (a, b) in [
            ("Ada Lovelace", "ADA  lovelace "),
            ("Jürgen Groß", "ju\u{308}rgen GROSS"),
            ("Ａｄａ", "ada"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("Ahmet\u{200d} Şen", "ahmet şen"),
            ("राम\u{200c} कुमार", "राम कुमार"),
            ("ﬁona", "FIONA"),
            ("Łukasz\u{a0}Nowak", "łukasz nowak"),
            ("ᾳδης", "αιδης"),
        ] {
            assert!(name(a).matches_exact(&name(b)), "{a} / {b}");
        }
    }

    #[test]
    fn other_words_or_another_order_are_another_name() {
        for (a, b) in [
            ("Ada Lovelace", "Lovelace Ada"),
            ("Ada Lovelace", "Ada"),
            ("Ada Lovelace", "AdaLovelace"),
            ("José", "Jose"),
            ("Ravi", "रवि"),
        ] {
            assert!(!name(a).matches_exact(&name(b)), "{a} / {b}");
        }
    }

    #[test]
    fn names_without_letters_or_with_control_characters_are_refused() {
        let too_long = "a".repeat(201);
        for text in ["", " ", "1234", "---", "\u{3164}\u{200b}", "a\u{0}b", "a\nb", too_long.as_str()] {
            assert_eq!(Name::parse(text).unwrap_err().reason, Reason::Malformed, "{text:?}");
        }
        assert!(Name::parse(&"字".repeat(200)).is_ok());
        assert_eq!(name("  Ada ").as_str(), "  Ada ");
    }

    #[test]
    fn only_days_that_exist_are_dates_of_birth() {
        for text in ["2000-02-29", "1850-01-01", "1999-12-31"] {
            assert_eq!(DateOfBirth::parse(text).unwrap().reveal(), text);
        }
        for text in [
            "",
            "1999-02-29",
            "1900-02-29",
            "2000-13-01",
            "2000-00-10",
            "2000-01-00",
            "2000-04-31",
            "1849-12-31",
            "2000-1-01",
            "2000/01/01",
            "20000101",
            "+200-01-01",
            "2000-01-01 ",
            "２000-01-01",
            "0000-00-00",
            "9999-99-99",
        ] {
            assert_eq!(DateOfBirth::parse(text).unwrap_err().reason, Reason::BadDate, "{text}");
        }
    }

    #[test]
    fn a_birthday_may_be_today_in_the_easternmost_time_zone_but_not_later() {
        let born = DateOfBirth::parse("2023-11-15").unwrap();
        let at = |text| born.check_not_future(Timestamp::parse(text).unwrap());
        assert!(at("2023-11-14T09:59:59Z").is_err());
        assert!(at("2023-11-14T10:00:00Z").is_ok());
        assert!(born.check_not_future(Timestamp::from_millis(u64::MAX)).is_ok());
    }

    fn ada() -> Demographics {
        Demographics {
            name: name("Ada Lovelace"),
            date_of_birth: DateOfBirth::parse("1985-12-10").unwrap(),
            gender: Gender::Female,
        }
    }

    #[test]
    fn a_claim_matches_if_everything_claimed_is_recorded() {
        let claim = DemographicClaim {
            name: Some(name("ada lovelace")),
            date_of_birth: Some(DateOfBirth::parse("1985-12-10").unwrap()),
            gender: Some(Gender::Female),
        };
        assert!(claim.matches(&ada()));
        assert!(DemographicClaim::default().matches(&ada()));
        let wrong = [
            DemographicClaim { name: Some(name("Ada")), ..claim.clone() },
            DemographicClaim {
                date_of_birth: Some(DateOfBirth::parse("1985-10-12").unwrap()),
                ..claim.clone()
            },
            DemographicClaim { gender: Some(Gender::Third), ..claim },
        ];
        assert!(wrong.iter().all(|claim| !claim.matches(&ada())));
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        let claim =
            DemographicClaim { name: Some(name("Ada")), date_of_birth: None, gender: Some(Gender::Female) };
        let shown = format!("{:?} {:?} {:?} {:?}", ada(), ada().name, claim, ada().date_of_birth);
        assert_eq!(shown, "Demographics(..) Name(..) DemographicClaim({Name, Gender}) DateOfBirth(..)");
    }

    proptest! {
        #[test]
        fn a_name_is_the_same_as_itself_in_any_case(text in "\\PC{0,40}\\p{L}\\PC{0,40}") {
            let one = name(&text);
            prop_assert!(one.matches_exact(&one));
            // The comparable form is a fixed point: reading it as a name changes nothing.
            prop_assume!(!one.words.is_empty() && one.words.chars().count() <= 200);
            if let Ok(again) = Name::parse(&one.words) {
                prop_assert!(one.matches_exact(&again));
            }
        }

        #[test]
        fn any_text_is_a_date_or_a_reason(text in "\\PC{0,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}") {
            let _ = DateOfBirth::parse(&text);
        }
    }
}
