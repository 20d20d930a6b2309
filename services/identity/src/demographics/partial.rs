//! Exact and partial comparison of words.

use subtle::{Choice, ConstantTimeEq};

use crate::field::FieldViolation;
use crate::reason::Reason;

/// How the words of a claim are compared with the recorded ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The same words in the same order.
    #[default]
    Exact,
    /// Any order, and not all of them: at least this share of the recorded words, and no other word.
    Partial(MatchValue),
}

/// The share of the recorded words that a partial claim must name, in percent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatchValue(u8);

impl MatchValue {
    /// All of them.
    pub const ALL: Self = Self(100);

    /// The share of so many percent.
    ///
    /// # Errors
    /// [`Reason::BadMatchValue`], with an empty field, unless it is 1 to 100.
    pub fn new(percent: u32) -> Result<Self, FieldViolation> {
        match u8::try_from(percent) {
            Ok(percent @ 1..=100) => Ok(Self(percent)),
            _ => Err(FieldViolation::new("", Reason::BadMatchValue, "must be 1 to 100")),
        }
    }

    /// Percent.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// How many of so many words must be there: the share rounded up, and at least one.
    fn needed(self, words: usize) -> usize {
        words.saturating_mul(usize::from(self.0)).div_ceil(100).max(1)
    }
}

/// A recorded word.
#[derive(Clone, Copy)]
pub(super) struct RecordedWord<'a> {
    /// The word.
    pub(super) text: &'a str,
    /// What an initial must be to stand for it.
    pub(super) letter: &'a str,
    /// Whether it is one of those of which a share must be named.
    pub(super) counts: bool,
}

/// A claimed word.
#[derive(Clone, Copy)]
pub(super) struct ClaimedWord<'a> {
    /// The word.
    pub(super) text: &'a str,
    /// Whether it is an initial, which stands for a recorded word that begins with it.
    pub(super) initial: bool,
}

/// True if every claimed word has a recorded word of its own, and enough recorded words that count were named
/// in full. Full words choose first, among equal words the first recorded; initials share what is left.
///
/// Nobody is better served by another choice: equal words are interchangeable but for whether they count, so
/// those that count must come first, and the words that an initial stands for are no other initial's.
///
/// Every claimed word is compared with every recorded one, whatever the others gave.
pub(super) fn matches_partially(
    recorded: &[RecordedWord<'_>],
    claimed: &[ClaimedWord<'_>],
    value: MatchValue,
) -> Choice {
    let mut taken = vec![Choice::from(0); recorded.len()];
    let mut named = 0_usize;
    let mut all_found = Choice::from(1);
    let full = claimed.iter().filter(|word| !word.initial);
    let initials = claimed.iter().filter(|word| word.initial);
    for word in full {
        let mut found = Choice::from(0);
        for (candidate, taken) in recorded.iter().zip(&mut taken) {
            let hit = candidate.text.as_bytes().ct_eq(word.text.as_bytes()) & !*taken & !found;
            *taken |= hit;
            found |= hit;
            named += usize::from(hit.unwrap_u8() & u8::from(candidate.counts));
        }
        all_found &= found;
    }
    for initial in initials {
        let mut found = Choice::from(0);
        for (candidate, taken) in recorded.iter().zip(&mut taken) {
            let hit = candidate.letter.as_bytes().ct_eq(initial.text.as_bytes()) & !*taken & !found;
            *taken |= hit;
            found |= hit;
        }
        all_found &= found;
    }
    let countable = recorded.iter().filter(|word| word.counts).count();
    all_found & Choice::from(u8::from(named >= value.needed(countable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::words::{first_letter, is_initial};
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as Values;

    /// The obvious way: tries every assignment of claimed words to recorded ones, and returns the most words
    /// that count among those that work.
    fn most_named(recorded: &[RecordedWord<'_>], claimed: &[ClaimedWord<'_>]) -> Option<usize> {
        let Some((word, claimed)) = claimed.split_first() else { return Some(0) };
        let fits = |candidate: &RecordedWord<'_>| {
            if word.initial { candidate.letter == word.text } else { candidate.text == word.text }
        };
        let chosen = (0..recorded.len()).filter(|index| fits(&recorded[*index])).filter_map(|index| {
            let mut rest = recorded.to_vec();
            let gone = rest.remove(index);
            let counts = usize::from(gone.counts && !word.initial);
            most_named(&rest, claimed).map(|named| named + counts)
        });
        chosen.max()
    }

    fn obvious(recorded: &[RecordedWord<'_>], claimed: &[ClaimedWord<'_>], percent: usize) -> bool {
        let countable = recorded.iter().filter(|word| word.counts).count();
        most_named(recorded, claimed).is_some_and(|named| named > 0 && named * 100 >= countable * percent)
    }

    /// Words as a name has them: initials match but do not count.
    fn of_name<'a>(words: &[&'a str]) -> (Vec<RecordedWord<'a>>, Vec<ClaimedWord<'a>>) {
        let initial = |word: &str| is_initial(word);
        let recorded = words
            .iter()
            .map(|text| RecordedWord { text, letter: first_letter(text), counts: !initial(text) })
            .collect();
        (recorded, words.iter().map(|text| ClaimedWord { text, initial: initial(text) }).collect())
    }

    fn fast(recorded: &[&str], claimed: &[&str], percent: u32) -> bool {
        matches_partially(&of_name(recorded).0, &of_name(claimed).1, MatchValue::new(percent).unwrap()).into()
    }

    #[test]
    fn a_match_value_is_one_to_a_hundred() {
        for percent in [0, 101, 256, 257, u32::MAX] {
            assert_eq!(MatchValue::new(percent).unwrap_err().reason, Reason::BadMatchValue, "{percent}");
        }
        assert_eq!(MatchValue::new(1).unwrap().get(), 1);
        assert_eq!(MatchValue::new(100), Ok(MatchValue::ALL));
    }

    #[test]
    fn the_share_is_rounded_up_and_never_nothing() {
        let needed = |percent, words| MatchValue::new(percent).unwrap().needed(words);
        for (percent, words, expected) in [
            (1, 0, 1),
            (1, 1, 1),
            (1, 100, 1),
            (1, 101, 2),
            (33, 3, 1),
            (34, 3, 2),
            (50, 3, 2),
            (66, 3, 2),
            (67, 3, 3),
            (60, 5, 3),
            (61, 5, 4),
            (99, 2, 2),
            (100, 3, 3),
        ] {
            assert_eq!(needed(percent, words), expected, "{percent} % of {words}");
        }
    }

    #[test]
    fn nothing_is_never_matched() {
        assert!(!fast(&[], &[], 1));
        assert!(!fast(&["ada"], &[], 1));
        assert!(!fast(&[], &["ada"], 1));
        assert!(!fast(&["a"], &["a"], 1));
    }

    #[test]
    fn a_recorded_word_is_matched_once() {
        assert!(!fast(&["ada", "lovelace"], &["ada", "ada"], 1));
        assert!(fast(&["ada", "ada"], &["ada", "ada"], 100));
        assert!(!fast(&["ada"], &["ada", "a"], 1));
        assert!(fast(&["ada", "anna"], &["ada", "a"], 50));
    }

    const WORDS: [&str; 11] = ["a", "b", "aa", "ab", "ba", "é", "éa", "ea", "m\u{300}", "m\u{300}a", "ma"];

    fn words(most: usize) -> impl Values<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..=most)
    }

    proptest! {
        #[test]
        fn the_fast_way_agrees_with_every_assignment(
            recorded in words(5),
            claimed in words(5),
            percent in 1..=100_u8,
        ) {
            let (stored, asked) = (of_name(&recorded).0, of_name(&claimed).1);
            let expected = obvious(&stored, &asked, usize::from(percent));
            prop_assert_eq!(fast(&recorded, &claimed, u32::from(percent)), expected);
        }

        #[test]
        fn words_that_do_not_count_come_last_and_agree_too(
            counted in words(3),
            uncounted in words(2),
            claimed in words(4),
            percent in 1..=100_u8,
        ) {
            let recorded: Vec<_> = counted.iter().map(|word| (word, true))
                .chain(uncounted.iter().map(|word| (word, false)))
                .map(|(text, counts)| RecordedWord { text, letter: "", counts })
                .collect();
            let claimed: Vec<_> = claimed.iter().map(|text| ClaimedWord { text, initial: false }).collect();
            let expected = obvious(&recorded, &claimed, usize::from(percent));
            prop_assert_eq!(bool::from(matches_partially(&recorded, &claimed, MatchValue(percent))), expected);
        }

        #[test]
        fn some_of_the_recorded_words_match_in_any_order_if_they_are_enough(
            recorded in prop::collection::vec("[a-z]{2,5}", 1..8),
            order in any::<prop::sample::Index>(), kept in any::<prop::sample::Index>(), percent in 1..=100_u32,
        ) {
            let mut claimed: Vec<&str> = recorded.iter().map(String::as_str).collect();
            let recorded = claimed.clone();
            claimed.rotate_left(order.index(recorded.len()));
            claimed.reverse();
            claimed.truncate(1 + kept.index(recorded.len()));
            let enough = claimed.len() * 100 >= recorded.len() * usize::try_from(percent).unwrap();
            prop_assert_eq!(fast(&recorded, &claimed, percent), enough);
            claimed.push("extra-word");
            prop_assert!(!fast(&recorded, &claimed, percent));
        }
    }
}
