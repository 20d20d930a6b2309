//! Worked examples of every matching rule, and the document that is made of them.
//!
//! An example says what is recorded, what is claimed, how the two are compared, and what the answer is. All of
//! them run as tests, so the document states what the code does.

mod rows;

use std::fmt;
use std::fmt::Write as _;

use crate::demographics::{
    ABBREVIATIONS, Address, AddressClaim, AddressFields, AddressText, BirthClaim, DateOfBirth,
    DemographicClaim, Demographics, Email, Gender, MatchValue, Name, NameClaim, Phone, Strategy, TITLES,
};
use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::time::Timestamp;

use rows::HOME;

pub use rows::EXAMPLES;

/// One example of one rule. The rest of the recorded person is always the same: [`NAME`], [`BORN`], [`GENDER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The rule that it shows.
    pub rule: Rule,
    /// What is recorded; empty if nothing is. An address is written `house=12; street=MG Road`.
    pub recorded: &'static str,
    /// What is claimed, written in the same way.
    pub claimed: &'static str,
    /// How the two are compared.
    pub comparison: Comparison,
    /// What comes of it.
    pub expected: Outcome,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// The name of the person in the examples of other rules.
pub const NAME: &str = "Asha Verma";
/// Her day of birth.
pub const BORN: &str = "1990-04-17";
/// Her gender.
pub const GENDER: Gender = Gender::Female;
/// When examples are asked that do not say when.
pub const TODAY: &str = "2026-06-01";

/// A matching rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Names, exactly.
    ExactName,
    /// Names, partially.
    PartialName,
    /// Day or year of birth.
    Birth,
    /// Completed years of life.
    Age,
    /// Gender.
    Gender,
    /// Phone number.
    Phone,
    /// E-mail address.
    Email,
    /// Address in lines.
    StructuredAddress,
    /// Address as one text, exactly.
    FullAddress,
    /// Address as one text, partially.
    PartialAddress,
}

/// How recorded and claimed are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Exactly, with no other claim beside it.
    Exact,
    /// Partially, with this match value, as the request gives it.
    Partial(u32),
    /// Beside the right name.
    WithName,
    /// Beside the right name, at the beginning of this day in UTC.
    WithNameOn(&'static str),
}

/// What comes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A yes, as far as the claim goes.
    Yes,
    /// A no.
    No,
    /// No answer: the request is refused before anything is read.
    Refused(Reason),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

impl Example {
    /// What the code makes of the example.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let judged = || {
            let claim = self.claim()?;
            if claim.is_weak() {
                return Ok(Outcome::Refused(Reason::NoFactor));
            }
            let matches = claim.matches(&self.person()?, self.now()?).all();
            Ok(if matches { Outcome::Yes } else { Outcome::No })
        };
        judged().unwrap_or_else(|violation: FieldViolation| Outcome::Refused(violation.reason))
    }

    /// The person as recorded.
    ///
    /// # Errors
    /// What is wrong with the recorded value.
    pub fn person(&self) -> Result<Demographics, FieldViolation> {
        let mut person = Demographics {
            name: Name::parse(NAME)?,
            date_of_birth: DateOfBirth::parse(BORN)?,
            gender: GENDER,
            phone: None,
            email: None,
            address: None,
        };
        match self.rule {
            Rule::ExactName | Rule::PartialName => person.name = Name::parse(self.recorded)?,
            Rule::Birth | Rule::Age => person.date_of_birth = DateOfBirth::parse(self.recorded)?,
            Rule::Gender => person.gender = gender(self.recorded)?,
            _ if self.recorded.is_empty() => {}
            Rule::Phone => person.phone = Some(Phone::parse(self.recorded)?),
            Rule::Email => person.email = Some(Email::parse(self.recorded)?),
            Rule::StructuredAddress | Rule::FullAddress | Rule::PartialAddress => {
                person.address = Some(address(self.recorded)?);
            }
        }
        Ok(person)
    }

    /// What the request claims.
    ///
    /// # Errors
    /// What is wrong with the claimed value.
    pub fn claim(&self) -> Result<DemographicClaim, FieldViolation> {
        let strategy = match self.comparison {
            Comparison::Partial(percent) => Strategy::Partial(MatchValue::new(percent)?),
            Comparison::Exact | Comparison::WithName | Comparison::WithNameOn(_) => Strategy::Exact,
        };
        let mut claim = DemographicClaim::default();
        if matches!(self.comparison, Comparison::WithName | Comparison::WithNameOn(_)) {
            claim.name = Some(NameClaim::exact(Name::parse(NAME)?));
        }
        match self.rule {
            Rule::ExactName | Rule::PartialName => {
                claim.name = Some(NameClaim { name: Name::parse(self.claimed)?, strategy });
            }
            Rule::Birth => claim.birth = Some(BirthClaim::parse(self.claimed)?),
            Rule::Age => {
                let age = self.claimed.parse();
                claim.minimum_age = Some(age.map_err(|_| FieldViolation::malformed("", "must be an age"))?);
            }
            Rule::Gender => claim.gender = Some(gender(self.claimed)?),
            Rule::Phone => claim.phone = Some(Phone::parse(self.claimed)?),
            Rule::Email => claim.email = Some(Email::parse(self.claimed)?),
            Rule::StructuredAddress => {
                claim.address = Some(AddressClaim::Structured(address(self.claimed)?));
            }
            Rule::FullAddress | Rule::PartialAddress => {
                claim.address =
                    Some(AddressClaim::Full { text: AddressText::parse(self.claimed)?, strategy });
            }
        }
        Ok(claim)
    }

    /// When it is asked.
    ///
    /// # Errors
    /// [`Reason::BadDate`] if the example's day is none.
    pub fn now(&self) -> Result<Timestamp, FieldViolation> {
        let day = match self.comparison {
            Comparison::WithNameOn(day) => day,
            Comparison::Exact | Comparison::Partial(_) | Comparison::WithName => TODAY,
        };
        Timestamp::parse(&format!("{day}T00:00:00Z"))
    }
}

fn gender(letter: &str) -> Result<Gender, FieldViolation> {
    let mut letters = letter.chars();
    let gender = letters.next().and_then(Gender::from_letter).filter(|_| letters.next().is_none());
    gender.ok_or_else(|| FieldViolation::malformed("", "must be F, M or T"))
}

fn address(text: &str) -> Result<Address, FieldViolation> {
    let mut fields = AddressFields::default();
    for line in text.split("; ") {
        let known = line.split_once('=').and_then(|(name, value)| Some((fields.line_mut(name)?, value)));
        let (field, value) = known.ok_or_else(|| FieldViolation::malformed("", "must be NAME=TEXT"))?;
        value.clone_into(field);
    }
    Address::new(fields)
}

impl Rule {
    /// Every rule, in the order of the document.
    pub const ALL: [Self; 10] = [
        Self::ExactName,
        Self::PartialName,
        Self::Birth,
        Self::Age,
        Self::Gender,
        Self::Phone,
        Self::Email,
        Self::StructuredAddress,
        Self::FullAddress,
        Self::PartialAddress,
    ];

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::ExactName => "Name, exact",
            Self::PartialName => "Name, partial",
            Self::Birth => "Date of birth",
            Self::Age => "Age",
            Self::Gender => "Gender",
            Self::Phone => "Phone",
            Self::Email => "E-mail",
            Self::StructuredAddress => "Address in lines",
            Self::FullAddress => "Address as one text, exact",
            Self::PartialAddress => "Address as one text, partial",
        }
    }

    /// The rule in words, as implemented.
    #[must_use]
    pub fn statement(self) -> String {
        match self {
            Self::ExactName => format!(
                "The same words in the same order. The titles `{}` are no words, with or without a dot, \
                 wherever they stand and on both sides. A name that consists of titles only never matches. \
                 Initials written as `MS` or `DR` are taken for titles: write them apart.",
                TITLES.join("`, `")
            ),
            Self::PartialName => "\
                The *match value* is a share in percent, 1 to 100. The claim must name at least that share \
                of the recorded *full* words, rounded up, and at least one; in any order; and it must have \
                no other word. Titles are no words here either.\n\n\
                A word of a single letter, with or without accents and dot, is an *initial*. A claimed \
                initial matches a recorded word that begins with it and is not named in full, but it does \
                not count; recorded initials do not count either. Every recorded word answers for one \
                claimed word. So a claim of initials and titles only never matches, nor does any claim \
                against a record without a full word. One character of an East Asian script (ideograph, \
                kana, Hangul, bopomofo, Yi), and a letter with a vowel sign, is a full word and no initial. \
                The relying party's licence must allow partial matching (581)."
                .to_owned(),
            Self::Birth => "\
                A day (`YYYY-MM-DD`) is the recorded day. A year (`YYYY`) is the year of the recorded day; \
                with nothing else but age and gender it is refused (901). Dates that do not exist, or lie \
                before 1850, are refused (902)."
                .to_owned(),
            Self::Age => "\
                At least so many completed years, on the day that it is in UTC. A year is completed at the \
                beginning of the birthday; who was born on 29 February has it on 1 March in years that have \
                no such day. Alone, or with gender and year of birth only, it is refused (901)."
                .to_owned(),
            Self::Gender => "\
                The recorded one of `M`, `F` and `T`. Alone, or with age and year of birth only, it is refused (901)."
                .to_owned(),
            Self::Phone => "\
                The same number in international form (ITU-T E.164): `+` and 8 to 15 digits, the first not \
                0. Spaces, hyphens, dots and parentheses are left out; wide digits are digits. The trunk \
                prefix `(0)` is refused (510). If no number is recorded, no claim matches."
                .to_owned(),
            Self::Email => "\
                The same address, case-folded on both sides of the `@`; nothing else is ignored, neither \
                dots nor what follows a `+`. Addresses with spaces, quotes, without a dotted domain, or \
                longer than 254 characters are refused (510). If no address is recorded, no claim matches."
                .to_owned(),
            Self::StructuredAddress => format!(
                "The lines are `{}`. A line that is claimed must be recorded with the same words in the same \
                 order; a line that is not claimed is not compared. At least one of `house`, `street` and \
                 `locality` must be claimed. Nothing is abbreviated, and care-of is a line like any other. \
                 An address in lines and one as a text together are refused (913).",
                Address::LINES.join("`, `")
            ),
            Self::FullAddress => format!(
                "The recorded lines, without `care_of`, are joined in their order (`{}`). Then, on both \
                 sides: what begins with `c/o`, `s/o`, `d/o`, `w/o` or `care of` is dropped up to the next \
                 comma, or to the end if there is none; a number with `st`, `nd`, `rd` or `th` is the \
                 number; and these words are the same: {}. The same words in the same order match. The \
                 relying party's licence must allow full addresses (575).",
                Address::LINES.get(1..).unwrap_or_default().join("`, `"),
                abbreviations()
            ),
            Self::PartialAddress => "\
                The words are those of the exact comparison. The claim must name at least the given share of \
                the words recorded up to the postcode, rounded up, and at least one; in any order; and it \
                must have no other word. A single letter is a word like any other, and there are no titles. \
                The words of the country match but do not count, because nearly everybody has them. Every \
                recorded word answers for one claimed word. The relying party's licence must allow both full \
                addresses (575) and partial matching (581)."
                .to_owned(),
        }
    }
}

fn abbreviations() -> String {
    let listed = ABBREVIATIONS.map(|(short, long)| format!("{short} = {}", long.join(" = ")));
    listed.join("; ")
}

/// The matching rules as a Markdown document: what is compared how, and every example.
#[must_use]
pub fn matching_rules_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let _ = writeln!(text, "The address *home* is `{HOME}`.");
    for rule in Rule::ALL {
        let _ = write!(text, "\n## {}\n\n{}\n\n", rule.title(), rule.statement());
        text.push_str("| recorded | claimed | comparison | answer | why |\n|---|---|---|---|---|\n");
        for example in EXAMPLES.iter().filter(|example| example.rule == rule) {
            let Example { recorded, claimed, comparison, expected, why, .. } = example;
            let (recorded, claimed, comparison) = (cell(recorded), cell(claimed), compared(*comparison));
            let _ = writeln!(text, "| {recorded} | {claimed} | {comparison} | {expected} | {why} |");
        }
    }
    text
}

const INTRODUCTION: &str = "\
<!-- Written by `plinth_identity::examples::matching_rules_markdown`; change it there. -->
# Matching rules

This is how claims about a person are compared with what is recorded. The examples below run as tests.

- One answer covers everything that a request claims: yes if all of it is recorded, no otherwise. What is
  not claimed is not compared. Every claim is compared whatever the others gave.
- A claim about something that is not recorded gets a no.
- Names and addresses are compared by their *words*. Both sides are first brought to the compatibility
  caseless form of the Unicode Standard (NFKC and full case folding): case, width, ligatures and the way
  accents are encoded make no difference. Accents themselves do. Capital I with a dot is the same as i;
  dotless ı is a letter of its own. Characters that cannot be seen, such as joiners and directional marks,
  are left out.
- Punctuation is ignored: apostrophes, in any of the forms that keyboards write, are left out of their
  words; hyphens, dots, commas, every other mark of ASCII and the punctuation of other scripts separate
  words as a space does. Other marks, such as €, belong to their word.
- Words are what white space and punctuation leave. Text in a script without spaces is one word, so it is
  compared as a whole; if it is recorded with spaces, the spaces matter.
- Scripts are never transliterated.
- Year of birth, age and gender never authenticate without something more (901). Partial comparison with a
  small match value proves little: the answer is as good as the value. Day of birth, phone, e-mail and
  address are known to many others: they tell people apart, but do not prove that the person is there.

Where an example claims an age, a year or a gender *with the name*, the right name is claimed as well.
";

fn cell(text: &str) -> String {
    match text {
        "" => "nothing".to_owned(),
        HOME => "*home*".to_owned(),
        _ => format!("`{}`", text.replace('|', "\\|")),
    }
}

fn compared(comparison: Comparison) -> String {
    match comparison {
        Comparison::Exact => "exact".to_owned(),
        Comparison::Partial(percent) => format!("partial, {percent}"),
        Comparison::WithName => "with the name".to_owned(),
        Comparison::WithNameOn(day) => format!("with the name, on {day}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_comes_out_as_it_says() {
        for example in EXAMPLES {
            assert_eq!(example.outcome(), example.expected, "{example:?}");
        }
    }

    #[test]
    fn every_rule_has_examples_of_yes_and_no() {
        for rule in Rule::ALL {
            for expected in [Outcome::Yes, Outcome::No] {
                let shown =
                    EXAMPLES.iter().any(|example| example.rule == rule && example.expected == expected);
                assert!(shown, "{rule:?} {expected:?}");
            }
        }
        assert!(EXAMPLES.len() >= 60);
    }

    #[test]
    fn what_is_recorded_in_an_example_can_be_recorded() {
        for example in EXAMPLES {
            assert!(example.person().is_ok() && example.now().is_ok(), "{example:?}");
        }
    }

    #[test]
    fn every_example_stands_once_and_gives_a_whole_sentence() {
        for (index, example) in EXAMPLES.iter().enumerate() {
            assert!(example.why.ends_with('.') && !example.why.contains('|'), "{example:?}");
            let Example { rule, recorded, claimed, comparison, .. } = *example;
            let same = |other: &Example| {
                (other.rule, other.recorded, other.claimed, other.comparison)
                    == (rule, recorded, claimed, comparison)
            };
            assert!(EXAMPLES.iter().skip(index + 1).all(|other| !same(other)), "{example:?}");
        }
    }

    #[test]
    fn a_partial_rule_is_compared_partially_and_only_such_a_one() {
        for example in EXAMPLES {
            let partial = matches!(example.rule, Rule::PartialName | Rule::PartialAddress);
            assert_eq!(matches!(example.comparison, Comparison::Partial(_)), partial, "{example:?}");
            let claim = example.claim();
            assert!(
                claim.is_err() || claim.is_ok_and(|claim| claim.uses_partial() == partial),
                "{example:?}"
            );
        }
    }

    #[test]
    fn the_document_has_every_rule_and_every_example() {
        let text = matching_rules_markdown();
        for rule in Rule::ALL {
            assert!(text.contains(&format!("\n## {}\n\n{}\n", rule.title(), rule.statement())), "{rule:?}");
        }
        for example in EXAMPLES {
            assert!(text.contains(&format!("| {} | {} |\n", example.expected, example.why)), "{example:?}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, EXAMPLES.len() + Rule::ALL.len());
        assert!(
            text.lines().filter(|line| line.starts_with("| ")).all(|line| line.matches(" | ").count() == 4)
        );
    }
}
