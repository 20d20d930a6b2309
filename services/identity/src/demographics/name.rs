//! Names.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::partial::{ClaimedWord, MatchValue, RecordedWord, matches_partially};
use super::words::{Words, first_letter, is_initial, is_invisible};
use crate::field::FieldViolation;

/// Words that are no part of a name, with or without a dot.
pub(crate) const TITLES: [&str; 4] = ["mr", "mrs", "ms", "dr"];

/// A person's name: what was written, and the words by which it is compared.
///
/// Case, width, the way accents are encoded, and characters that cannot be seen make no difference. That is the
/// compatibility caseless match of the Unicode Standard (section 3.13, D146). Titles (Mr, Mrs, Ms, Dr) are
/// left out wherever they stand. Apostrophes are left out of words; all other punctuation separates words as
/// a space does. This holds for exact and partial comparison alike. A word of one letter is an initial.
#[derive(Clone)]
pub struct Name {
    text: Zeroizing<String>,
    words: Words,
}

impl Name {
    /// Longest name in characters.
    pub const MAX_CHARS: usize = 200;

    /// Reads a name: 1 to 200 characters of any script, no control character, at least one letter.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`], with an empty field.
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
        let mut words = Words::of(text);
        let is_title = |word: &&str| TITLES.contains(word);
        if words.iter().any(|word| is_title(&word)) {
            words = Words::joined(words.iter().filter(|word| !is_title(word)));
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), words })
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if both names have the same words in the same order, as the type says. A name of nothing but
    /// titles is nobody's, not even its own. Names of one length take the same time wherever they differ.
    #[must_use]
    pub fn matches_exact(&self, other: &Self) -> bool {
        self.same(other).into()
    }

    /// True if this claimed name names enough of a recorded one: at least the given share of its full words
    /// (those that are not initials), rounded up, and at least one.
    ///
    /// Words may come in any order, and each recorded word answers for one claimed word. A claimed initial
    /// stands for a recorded word that begins with it and is not named in full, but does not count. Any other
    /// word is one too many.
    #[must_use]
    pub fn matches_partially(&self, recorded: &Self, value: MatchValue) -> bool {
        self.same_partially(recorded, value).into()
    }

    pub(super) fn same(&self, other: &Self) -> Choice {
        self.words.same(&other.words)
    }

    pub(super) fn same_partially(&self, recorded: &Self, value: MatchValue) -> Choice {
        let recorded: Vec<_> = recorded
            .words
            .iter()
            .map(|text| RecordedWord { text, letter: first_letter(text), counts: !is_initial(text) })
            .collect();
        let claimed: Vec<_> =
            self.words.iter().map(|text| ClaimedWord { text, initial: is_initial(text) }).collect();
        matches_partially(&recorded, &claimed, value)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
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
            ("Dr. Ada Lovelace", "Ada Lovelace"),
            ("Lovelace, Mrs Ada", "LOVELACE ADA"),
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
            ("Ada Drake", "Ada Ake"),
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
    fn a_name_of_titles_or_of_an_apostrophe_is_nobodys() {
        for text in ["Dr", "Mr. Dr.", "Mrs & Ms", "\u{2bc}"] {
            let title = name(text);
            assert!(!title.matches_exact(&title), "{text}");
            assert!(!title.matches_partially(&title, MatchValue::new(1).unwrap()), "{text}");
            assert!(!title.matches_exact(&name("Mr")), "{text}");
        }
    }

    #[test]
    fn a_name_of_initials_matches_exactly_but_never_partially() {
        let o = name("U O");
        assert!(o.matches_exact(&name("u. o.")));
        for recorded in ["U O", "Ursula Ott"] {
            assert!(!o.matches_partially(&name(recorded), MatchValue::new(1).unwrap()), "{recorded}");
        }
    }

    #[test]
    fn the_longest_names_compare() {
        let many = name(&"ab ".repeat(66));
        assert!(many.matches_partially(&many, MatchValue::ALL));
        assert!(!name(&"ac ".repeat(66)).matches_partially(&many, MatchValue::new(1).unwrap()));
        // Some ligatures of Arabic become eighteen characters.
        let long = name(&"\u{fdfa}".repeat(200));
        assert!(long.matches_exact(&long));
    }

    proptest! {
        #[test]
        fn a_name_is_the_same_as_itself_unless_it_has_no_words(text in "\\PC{0,40}\\p{L}\\PC{0,40}") {
            let one = name(&text);
            prop_assert_eq!(one.matches_exact(&one), !one.words.is_empty());
            // The comparable form is a fixed point: reading it as a name changes nothing.
            prop_assume!(!one.words.is_empty() && one.words.as_str().chars().count() <= 200);
            if let Ok(again) = Name::parse(one.words.as_str()) {
                prop_assert!(one.matches_exact(&again));
            }
        }

        #[test]
        fn who_matches_exactly_and_has_a_full_word_matches_partially(
            a in "[\\p{L} .'-]{0,20}\\p{L}", b in "[\\p{L} .'-]{0,20}\\p{L}", percent in 1..=100_u32,
        ) {
            let (a, b) = (name(&a), name(&b));
            let value = MatchValue::new(percent).unwrap();
            let full = a.words.iter().any(|word| !is_initial(word));
            prop_assert_eq!(a.matches_partially(&a, value), full);
            // A hundred percent, both ways round, is the same words in any order.
            if a.matches_partially(&b, MatchValue::ALL) {
                prop_assert!(a.matches_partially(&b, value));
            }
        }
    }
}
