//! The form in which names and addresses are compared: words.
//!
//! Text is brought to the compatibility caseless form of the Unicode Standard (section 3.13, D146, composed by
//! NFKC at the end), without characters that cannot be seen. Apostrophes are taken out of words, all other
//! punctuation separates words, and so does white space. Text without spaces is one word, whatever its script.

use icu_casemap::CaseMapper;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// Words in their comparable form, in order.
#[derive(Clone)]
pub(super) struct Words(Zeroizing<String>);

impl Words {
    /// The words of a text.
    pub(super) fn of(text: &str) -> Self {
        if text.is_ascii() { Self::of_ascii(text) } else { Self::of_folded(&folded(text)) }
    }

    /// The same at one go for what most names in Latin letters are made of: Unicode's rules come to this for them.
    fn of_ascii(text: &str) -> Self {
        let mut words = Zeroizing::new(String::with_capacity(text.len()));
        let mut ended = false;
        for character in text.chars().filter(|c| !is_apostrophe(*c)) {
            if character.is_whitespace() || separates(character) {
                ended = !words.is_empty();
                continue;
            }
            if std::mem::take(&mut ended) {
                words.push(' ');
            }
            words.push(character.to_ascii_lowercase());
        }
        Self(words)
    }

    /// The words of a text that is already [`folded`].
    pub(super) fn of_folded(folded: &str) -> Self {
        let mut kept = Zeroizing::new(String::with_capacity(folded.len()));
        for character in folded.chars().filter(|c| !is_invisible(*c) && !is_apostrophe(*c)) {
            kept.push(if separates(character) { ' ' } else { character });
        }
        if kept.is_ascii() {
            return Self::joined(kept.split_whitespace());
        }
        let composed = ComposingNormalizerBorrowed::new_nfkc();
        let mut normal = Zeroizing::new(composed.normalize(&kept).into_owned());
        // A small i has a dot already: the capital with a dot folds to the small letter and a dot above.
        while normal.contains(DOTTED_I) {
            let plain = Zeroizing::new(normal.replace(DOTTED_I, "i"));
            normal = Zeroizing::new(composed.normalize(&plain).into_owned());
        }
        Self::joined(normal.split_whitespace())
    }

    /// These words, which are in comparable form each.
    pub(super) fn joined<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Self {
        let length = words.clone().map(|word| word.len().saturating_add(1)).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Self(text)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same words in the same order, and at least one. Words of one length take the same time wherever
    /// they differ.
    pub(super) fn same(&self, other: &Self) -> Choice {
        self.0.as_bytes().ct_eq(other.0.as_bytes()) & !Choice::from(u8::from(self.is_empty()))
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

const DOTTED_I: &str = "i\u{307}";

/// Compatibility caseless form, decomposed, with its punctuation except for apostrophes.
pub(super) fn folded(text: &str) -> Zeroizing<String> {
    if text.is_ascii() {
        // Most names in Latin letters are, and Unicode's rules come to this for them.
        let visible = text.chars().filter(|c| !is_apostrophe(*c));
        return Zeroizing::new(visible.map(|c| c.to_ascii_lowercase()).collect());
    }
    folded_by_unicode(text)
}

/// The same for text of any script.
fn folded_by_unicode(text: &str) -> Zeroizing<String> {
    let canonical = DecomposingNormalizerBorrowed::new_nfd();
    let compatible = DecomposingNormalizerBorrowed::new_nfkd();
    let case = CaseMapper::new();
    // Apostrophes go before anything else, because compatibility would turn some into a space and an accent.
    let visible = text.chars().filter(|c| !is_invisible(*c) && !is_apostrophe(*c));
    let visible: Zeroizing<String> = Zeroizing::new(visible.collect());
    let decomposed = Zeroizing::new(canonical.normalize(&visible).into_owned());
    let folded = Zeroizing::new(case.fold_string(&decomposed).into_owned());
    let decomposed = Zeroizing::new(compatible.normalize(&folded).into_owned());
    let folded = Zeroizing::new(case.fold_string(&decomposed).into_owned());
    Zeroizing::new(compatible.normalize(&folded).into_owned())
}

/// True of a word of one letter, with or without accents. One character of an East Asian script is a syllable
/// or a whole word, and a letter with a vowel sign is a syllable: neither is an initial.
pub(super) fn is_initial(word: &str) -> bool {
    let letter = word.chars().next().is_some_and(|c| c.is_alphabetic() && !is_east_asian(c));
    letter && first_letter(word).len() == word.len()
}

/// The first character of a word and its accents. The sign that silences a vowel (virama, class 9) belongs to
/// the next letter.
pub(super) fn first_letter(word: &str) -> &str {
    let class = CanonicalCombiningClassMapBorrowed::new();
    let end = word.char_indices().skip(1).find(|(_, c)| matches!(class.get_u8(*c), 0 | 9));
    end.map_or(word, |(end, _)| word.get(..end).unwrap_or(word))
}

/// Hangul, kana, bopomofo, Yi, ideographs and what surrounds them.
fn is_east_asian(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{16fe0}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}')
}

/// Characters that change how text is laid out but not what it says: soft hyphen, joiners, directional marks,
/// variation selectors, fillers, byte order mark. Keyboards insert them or not, so they must not tell two names
/// apart, and a name of nothing else is none.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

/// Apostrophes and what keyboards write in their place: the typewriter's, quotation marks, accents that stand
/// alone, primes, the modifier letters of Ukrainian and Hawaiian, the Armenian apostrophe, geresh and
/// gershayim, the saltillo. They stand within words.
fn is_apostrophe(character: char) -> bool {
    matches!(
        character,
        '\'' | '`' | '\u{b4}' | '\u{2b9}' | '\u{2bb}'
            ..='\u{2bd}'
                | '\u{55a}'
                | '\u{5f3}'
                | '\u{5f4}'
                | '\u{1fbd}'
                | '\u{1fbf}'
                | '\u{1fef}'
                | '\u{1ffd}'
                | '\u{1ffe}'
                | '\u{2018}'
                | '\u{2019}'
                | '\u{201b}'
                | '\u{2032}'
                | '\u{2035}'
                | '\u{a78b}'
                | '\u{a78c}'
                | '\u{ff07}'
    )
}

/// Punctuation that separates words. A mark that is not listed stays a part of its word, so that what is not
/// known to be punctuation still tells two names apart.
fn separates(character: char) -> bool {
    character.is_ascii_punctuation()
        || matches!(character,
            // Latin: ¡ § « ¶ · » ¿
            '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
            // Armenian and Hebrew
            | '\u{55b}'..='\u{55f}' | '\u{589}' | '\u{58a}' | '\u{5be}' | '\u{5c0}' | '\u{5c3}' | '\u{5c6}'
            // Arabic and Syriac
            | '\u{609}' | '\u{60a}' | '\u{60c}' | '\u{60d}' | '\u{61b}' | '\u{61d}'..='\u{61f}'
            | '\u{66a}'..='\u{66d}' | '\u{6d4}' | '\u{700}'..='\u{70d}'
            // Indic: danda, double danda, abbreviation signs, Sinhala kunddaliya
            | '\u{964}' | '\u{965}' | '\u{970}' | '\u{9fd}' | '\u{a76}' | '\u{af0}' | '\u{c77}' | '\u{c84}'
            | '\u{df4}'
            // Thai, Tibetan, Myanmar, Georgian, Ethiopic, Khmer, Mongolian
            | '\u{e4f}' | '\u{e5a}' | '\u{e5b}' | '\u{f04}'..='\u{f12}' | '\u{f14}' | '\u{f3a}'..='\u{f3d}'
            | '\u{104a}'..='\u{104f}' | '\u{10fb}' | '\u{1360}'..='\u{1368}' | '\u{17d4}'..='\u{17d6}'
            | '\u{17d8}'..='\u{17da}' | '\u{1800}'..='\u{180a}'
            // Dashes, quotation marks, dots, the fraction slash, the minus sign
            | '\u{2010}'..='\u{2017}' | '\u{201a}' | '\u{201c}'..='\u{201f}' | '\u{2020}'..='\u{2027}'
            | '\u{2030}' | '\u{2031}' | '\u{2033}' | '\u{2034}' | '\u{2036}'..='\u{205e}' | '\u{2212}'
            | '\u{2e00}'..='\u{2e2e}' | '\u{2e30}'..='\u{2e5d}'
            // East Asian: comma, stop, brackets, the dot between the parts of a foreign name
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{3030}'
            | '\u{303d}' | '\u{30a0}' | '\u{30fb}' | '\u{a4fe}' | '\u{a4ff}'
            // Ornate parentheses
            | '\u{fd3e}' | '\u{fd3f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_cut_into_words_of_one_form() {
        for (text, words) in [
            ("Ada  LOVELACE ", "ada lovelace"),
            ("Ａｄａ\u{3000}Ｌ．", "ada l"),
            (
                "O'Brien O\u{2019}Brien O\u{b4}Brien O\u{2bc}Brien O`Brien",
                "obrien obrien obrien obrien obrien",
            ),
            ("Mary-Jane, Mary\u{2011}Jane. Mary\u{2013}Jane", "mary jane mary jane mary jane"),
            ("J.R.R. (Tolkien)", "j r r tolkien"),
            ("アダ・ラブレス", "アダ ラブレス"),
            ("محمد، علي", "محمد علي"),
            ("राम।कुमार", "राम कुमार"),
            ("İbrahim I\u{307}brahim i\u{307}brahim", "ibrahim ibrahim ibrahim"),
            ("i\u{307}\u{301}", "í"),
            ("e'\u{301}", "é"),
            ("王小明", "王小明"),
            ("½", "1 2"),
            (". - '", ""),
        ] {
            assert_eq!(Words::of(text).as_str(), words, "{text}");
        }
    }

    #[test]
    fn an_initial_is_one_letter_whatever_its_accents() {
        for word in ["k", "é", "m\u{300}", "я", "क", "க", "م", "ß"] {
            assert!(is_initial(&Words::of(word).0) == (word != "ß"), "{word}");
        }
        for word in ["", "ka", "7", "王", "김", "あ", "के", "மு", "দে", "€"] {
            assert!(!is_initial(&Words::of(word).0), "{word}");
        }
    }

    #[test]
    fn the_first_letter_keeps_its_accents_and_leaves_the_next_syllable() {
        for (word, letter) in
            [("", ""), ("ada", "a"), ("m\u{300}bala", "m\u{300}"), ("प्रकाश", "प"), ("कुमार", "क")]
        {
            assert_eq!(first_letter(word), letter, "{word}");
        }
    }

    #[test]
    fn no_words_are_the_same_as_nothing() {
        let none = Words::of("...");
        assert!(!bool::from(none.same(&none)));
        assert!(none.is_empty() && none.iter().next().is_none());
    }

    proptest! {
        #[test]
        fn the_comparable_form_is_a_fixed_point(text in "\\PC{0,60}") {
            let once = Words::of(&text);
            let again = Words::of(&once.0);
            prop_assert_eq!(again.as_str(), once.as_str());
            prop_assert_eq!(once.iter().count(), once.0.split_whitespace().count());
        }

        #[test]
        fn ascii_is_folded_as_unicode_folds_it(text in "[\\x00-\\x7f]{0,60}") {
            let (by_unicode, by_ascii) = (folded_by_unicode(&text), folded(&text));
            prop_assert_eq!(by_ascii.as_str(), by_unicode.as_str());
            let (at_one_go, by_unicode) = (Words::of(&text), Words::of_folded(&by_unicode));
            prop_assert_eq!(at_one_go.as_str(), by_unicode.as_str());
            let composed = ComposingNormalizerBorrowed::new_nfkc();
            prop_assert_eq!(composed.normalize(&by_ascii), by_ascii.as_str());
        }

        #[test]
        fn accents_anywhere_do_not_disturb_the_fixed_point(
            text in "[iIİıjeE'’ .\u{307}\u{301}\u{323}\u{35c}\u{345}ΑΣς\u{94d}क]{0,12}",
        ) {
            let once = Words::of(&text);
            let again = Words::of(&once.0);
            prop_assert_eq!(again.as_str(), once.as_str());
        }

        #[test]
        fn case_does_not_matter(text in "[\\p{L} ]{0,30}") {
            let words = Words::of(&text);
            for other in [folded(&text).to_string(), CaseMapper::new().fold_string(&text).into_owned()] {
                let other = Words::of(&other);
                prop_assert_eq!(other.as_str(), words.as_str());
            }
        }
    }
}
