//! The examples, in the order of their rules.

use super::Comparison::{Exact, Partial, WithName, WithNameOn};
use super::Outcome::{No, Refused, Yes};
use super::{Comparison, Example, Outcome, Rule};
use crate::reason::Reason;

const MALFORMED: Outcome = Refused(Reason::Malformed);
const BAD_DATE: Outcome = Refused(Reason::BadDate);
const NO_FACTOR: Outcome = Refused(Reason::NoFactor);

/// An address that several examples have.
pub(super) const HOME: &str = "care_of=S/O Ram Lal; house=12; street=1st Street; locality=Indiranagar; state=Karnataka; \
                    postcode=560038; country=India";

/// Every example.
pub static EXAMPLES: &[Example] = &[
    // Case, width and encoding.
    name("Ada Lovelace", "ADA lovelace", Yes, "Case is folded."),
    name("Ada Lovelace", "  Ada   Lovelace ", Yes, "Any white space separates words, however much of it."),
    name(
        "Ada Lovelace",
        "Ａｄａ　Ｌｏｖｅｌａｃｅ",
        Yes,
        "Wide letters are letters, and a wide space is a space.",
    ),
    name("ﬁona", "FIONA", Yes, "A ligature is the letters that it joins."),
    name("José Núñez", "jose\u{301} nu\u{301}n\u{303}ez", Yes, "An accent may be a character of its own."),
    name("José", "Jose", No, "An accent that is missing makes another word."),
    name("Müller", "Mueller", No, "Spellings without the accent are other words."),
    name("Groß", "GROSS", Yes, "Sharp s folds to ss."),
    name("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", Yes, "A final sigma is a sigma."),
    name("İbrahim", "ibrahim", Yes, "Capital I with a dot is the capital of i."),
    name("İbrahim", "IBRAHIM", Yes, "Capital I without a dot folds to i too."),
    name("Işık", "ışık", No, "Dotless small ı is another letter than i, to which capital I folds."),
    name("Мария Иванова", "МАРИЯ ИВАНОВА", Yes, "Cyrillic has cases too."),
    name("Анна", "Aннa", No, "Latin letters that look like Cyrillic ones are other letters."),
    // Words and their order.
    name("Ada Lovelace", "Lovelace Ada", No, "The order is another."),
    name("Ada Lovelace", "Ada", No, "A word is missing."),
    name("Ada Lovelace", "Ada King Lovelace", No, "A word is one too many."),
    name("Ada Lovelace", "AdaLovelace", No, "One word is not two."),
    name("Ada King Lovelace", "Ada K. Lovelace", No, "In an exact comparison an initial is just a word."),
    name("J. R. R. Tolkien", "J.R.R. Tolkien", Yes, "Dots separate, so both names have three initials."),
    name("Robert", "Rupert", No, "Similar is not the same."),
    // Titles.
    name("Ada Lovelace", "Dr. Ada Lovelace", Yes, "A claimed title is no word."),
    name("Mrs Ada Lovelace", "Ada Lovelace", Yes, "Nor is a recorded one."),
    name("Mr. Anil Kumar", "DR ANIL KUMAR", Yes, "Titles are not compared with each other either."),
    name("Ada Lovelace", "Lovelace, Ms. Ada", No, "Without the title, the order is still another."),
    name("Anil Kumar", "Shri Anil Kumar", No, "Only Mr, Mrs, Ms and Dr are titles."),
    name("Ada Drake", "Ada Ake", No, "A word that begins like a title is no title."),
    name("Dr", "Dr", No, "Without its title this name has no word left, so it matches nothing."),
    // Punctuation.
    name("Smith, John", "Smith John", Yes, "A comma is ignored."),
    name("Mary-Jane Watson", "Mary Jane Watson", Yes, "A hyphen separates words as a space does."),
    name("Mary\u{2011}Jane", "Mary-Jane", Yes, "So does every other kind of hyphen and dash."),
    name("Mary-Jane", "Maryjane", No, "Two words are not one."),
    name("Seán O'Brien", "Seán O\u{2019}Brien", Yes, "Typewriter's and printer's apostrophe are the same."),
    name("O'Brien", "OBrien", Yes, "An apostrophe is left out of its word."),
    name("O'Brien", "O Brien", No, "It is not a space."),
    name("Мар'яна", "Мар\u{2bc}яна", Yes, "The Ukrainian apostrophe is one too."),
    // Other scripts.
    name("राम कुमार", "राम\u{200d} कुमार", Yes, "A joiner, which cannot be seen, is left out."),
    name("\u{958}ासिम", "\u{915}\u{93c}ासिम", Yes, "The dot below may be a character of its own."),
    name("राम कुमार", "रमा कुमार", No, "A vowel sign is a part of its word."),
    name("முத்து கருணாநிதி", "முத்து  கருணாநிதி", Yes, "Tamil words are separated by spaces too."),
    name("முத்து கருணாநிதி", "முத்து கருணநிதி", No, "A vowel sign is missing."),
    name("محمد علي", "محمد\u{200f} علي", Yes, "A mark of direction, which cannot be seen, is left out."),
    name("محمد علي", "ﻣﺤﻤﺪ ﻋﻠﻲ", Yes, "The shapes that letters take within words are the letters."),
    name("محمد علي", "علي محمد", No, "The order is another, whichever way it is written."),
    name("王小明", "王小明", Yes, "A name without spaces is one word."),
    name("王小明", "王 小明", No, "With a space it is two."),
    name("アダ・ラブレス", "ｱﾀﾞ ﾗﾌﾞﾚｽ", Yes, "Narrow kana are kana, and the middle dot separates words."),
    name("Ravi Kumar", "रवि कुमार", No, "Scripts are not transliterated."),
    name("Ada Lovelace", "1234", MALFORMED, "A name has a letter."),
    // The share of the recorded words, rounded up.
    part(1, "Anil Kumar Singh", "Kumar", Yes, "One percent of three words, rounded up, is one."),
    part(33, "Anil Kumar Singh", "Kumar", Yes, "33 % of three is 0.99: one word."),
    part(34, "Anil Kumar Singh", "Kumar", No, "34 % of three is 1.02: two words."),
    part(34, "Anil Kumar Singh", "Anil Singh", Yes, "And two are named."),
    part(66, "Anil Kumar Singh", "Anil Singh", Yes, "66 % of three is 1.98: two words."),
    part(67, "Anil Kumar Singh", "Anil Singh", No, "67 % of three is 2.01: three words."),
    part(100, "Anil Kumar Singh", "Anil Kumar Singh", Yes, "All of them."),
    part(100, "Anil Kumar Singh", "Anil Singh", No, "One is missing."),
    part(50, "Ada Lovelace", "Ada", Yes, "Half of two is one."),
    part(51, "Ada Lovelace", "Ada", No, "More than half of two is two."),
    part(50, "Ada", "Ada", Yes, "Half of one word, rounded up, is the word."),
    part(101, "Ada Lovelace", "Ada", Refused(Reason::BadMatchValue), "There is no more than all."),
    // Any order, no extra word, each word once.
    part(100, "Anil Kumar Singh", "SINGH anil KUMAR", Yes, "The order does not matter."),
    part(60, "Anil Kumar Singh", "Anil Kumar Verma", No, "Verma is one word too many."),
    part(1, "Anil Kumar Singh", "Anil Kumar Singh Verma", No, "However many of the words are named."),
    part(50, "Anil Kumar", "Anil Anil", No, "Each recorded word answers for one claimed word."),
    part(100, "Anil Anil", "Anil Anil", Yes, "A name that has a word twice answers for it twice."),
    part(50, "Anil Kumar", "Ani", No, "The beginning of a word is not the word."),
    part(50, "Anil Kumar", "AnilKumar", No, "Two words in one are neither."),
    // Initials.
    part(60, "Anil Kumar Singh", "Anil K Singh", Yes, "K matches Kumar; the two other words are enough."),
    part(67, "Anil Kumar Singh", "Anil K. Singh", No, "K does not count, and two words are not enough."),
    part(33, "Anil Kumar Singh", "Anil P", No, "No recorded word begins with P."),
    part(
        33,
        "Anil Kumar Singh",
        "Kumar K",
        No,
        "Kumar is named in full already, and no other word begins with K.",
    ),
    part(33, "Anil Kumar Kapoor", "Kumar K", Yes, "K matches Kapoor."),
    part(33, "Anil Kumar Singh", "K Kumar", No, "Full words choose first, whichever is written first."),
    part(1, "Anil Kumar Singh", "A. K. S.", No, "Initials alone never match."),
    part(1, "Anil Kumar Singh", "A.K.", No, "However they are written."),
    part(
        100,
        "Anil K Singh",
        "Anil Singh",
        Yes,
        "A recorded initial does not count: two full words, both named.",
    ),
    part(100, "Anil K Singh", "Anil K. Singh", Yes, "A claimed initial matches a recorded one."),
    part(50, "Anil K Singh", "Anil Kumar", No, "A word is more than the recorded initial says."),
    part(1, "U O", "U O", No, "A record of initials only has no full word that could be named."),
    part(50, "Émile Zola", "É. Zola", Yes, "An initial has its accent."),
    part(50, "Émile Zola", "E. Zola", No, "Without the accent it is another letter."),
    part(50, "राम प्रकाश", "राम प", Yes, "A Devanagari consonant is an initial."),
    part(50, "মুকুল দে", "দে", Yes, "A letter with a vowel sign is a syllable: a full word, and it counts."),
    part(50, "김 민수", "김", Yes, "A Hangul syllable is a full word, and it counts."),
    part(1, "王小明", "王", No, "An ideograph is no initial, and not the recorded word."),
    part(50, "王 小明", "小明", Yes, "Where the record has spaces, the words can be named one by one."),
    part(50, "محمد علي", "علي م", Yes, "Arabic initials match too."),
    part(50, "Мария Иванова", "М. ИВАНОВА", Yes, "And Cyrillic ones."),
    // Titles and punctuation.
    part(
        100,
        "Dr. Ada Lovelace",
        "Lovelace Ada",
        Yes,
        "A recorded title is no word, so it need not be named.",
    ),
    part(50, "Ada Lovelace", "Mrs. Ada", Yes, "A claimed title is not a word too many."),
    part(1, "Dr. Ada Lovelace", "Dr.", No, "A title alone names nobody."),
    part(1, "Ada Lovelace", "Ms. L.", No, "Nor do a title and an initial."),
    part(50, "Mary-Jane Watson", "Jane", No, "The hyphenated name is two of three words: two must be named."),
    part(66, "Mary-Jane Watson", "Watson, Jane", Yes, "And any two will do."),
    part(50, "Seán O'Brien", "O\u{2019}BRIEN", Yes, "Apostrophes are left out."),
    // Birth.
    row(Rule::Birth, "1990-04-17", "1990-04-17", Exact, Yes, "It is the day."),
    row(Rule::Birth, "1990-04-17", "1990-04-18", Exact, No, "It is the day after."),
    row(Rule::Birth, "1990-12-10", "1990-10-12", Exact, No, "Day and month are exchanged."),
    row(Rule::Birth, "1990-04-17", "1990", Exact, NO_FACTOR, "A year alone never authenticates."),
    row(
        Rule::Birth,
        "1990-04-17",
        "1990",
        WithName,
        Yes,
        "With a name it may be claimed, and it is the year.",
    ),
    row(Rule::Birth, "1990-04-17", "1991", WithName, No, "It is another year."),
    row(Rule::Birth, "1990-04-17", "1990-02-30", Exact, BAD_DATE, "There is no such day."),
    row(Rule::Birth, "1990-04-17", "17.04.1990", Exact, BAD_DATE, "Dates are written YYYY-MM-DD."),
    row(Rule::Birth, "1990-04-17", "1990-04", Exact, BAD_DATE, "A month is neither day nor year."),
    row(Rule::Birth, "1990-04-17", "1849", WithName, BAD_DATE, "Nobody lives who was born before 1850."),
    // Age.
    row(Rule::Age, "2008-05-17", "18", WithNameOn("2026-05-16"), No, "It is the day before the birthday."),
    row(Rule::Age, "2008-05-17", "18", WithNameOn("2026-05-17"), Yes, "It is the birthday."),
    row(Rule::Age, "2008-05-17", "18", WithNameOn("2066-05-17"), Yes, "Older is at least so old."),
    row(
        Rule::Age,
        "2008-02-29",
        "18",
        WithNameOn("2026-02-28"),
        No,
        "2026 has no 29 February, and it is not March yet.",
    ),
    row(
        Rule::Age,
        "2008-02-29",
        "18",
        WithNameOn("2026-03-01"),
        Yes,
        "In such a year the birthday is 1 March.",
    ),
    row(Rule::Age, "2008-02-29", "20", WithNameOn("2028-02-29"), Yes, "In a leap year it is 29 February."),
    row(Rule::Age, "2008-02-29", "20", WithNameOn("2028-02-28"), No, "And not the day before."),
    row(Rule::Age, "2008-05-17", "18", Exact, NO_FACTOR, "An age alone never authenticates."),
    // Gender.
    row(Rule::Gender, "F", "F", WithName, Yes, "It is the recorded one."),
    row(Rule::Gender, "T", "T", WithName, Yes, "So it is here."),
    row(Rule::Gender, "F", "M", WithName, No, "It is another."),
    row(Rule::Gender, "F", "F", Exact, NO_FACTOR, "A gender alone never authenticates."),
    row(Rule::Gender, "F", "female", WithName, MALFORMED, "It is one of the letters M, F and T."),
    // Phone.
    row(Rule::Phone, "+919876543210", "+91 98765-43210", Exact, Yes, "Spaces and hyphens are left out."),
    row(
        Rule::Phone,
        "+1 (202) 555-0143",
        "+1.202.555.0143",
        Exact,
        Yes,
        "Parentheses and dots are left out.",
    ),
    row(Rule::Phone, "+919876543210", "＋９１９８７６５４３２１０", Exact, Yes, "Wide digits are digits."),
    row(Rule::Phone, "+919876543210", "+919876543211", Exact, No, "A digit differs."),
    row(Rule::Phone, "", "+919876543210", Exact, No, "No number is recorded."),
    row(Rule::Phone, "+919876543210", "9876543210", Exact, MALFORMED, "The country code is missing."),
    row(
        Rule::Phone,
        "+919876543210",
        "00919876543210",
        Exact,
        MALFORMED,
        "International numbers begin with +.",
    ),
    row(
        Rule::Phone,
        "+442079460000",
        "+44 (0) 20 7946 0000",
        Exact,
        MALFORMED,
        "The (0) is not dialled from abroad.",
    ),
    row(Rule::Phone, "+919876543210", "+91 98765", Exact, MALFORMED, "Seven digits are too few."),
    // E-mail.
    row(
        Rule::Email,
        "ada@example.org",
        "ADA@Example.ORG",
        Exact,
        Yes,
        "Case is folded on both sides of the @.",
    ),
    row(
        Rule::Email,
        "jürgen@example.org",
        "Ju\u{308}rgen@example.org",
        Exact,
        Yes,
        "Accents may be encoded in any way.",
    ),
    row(Rule::Email, "ada.l@example.org", "adal@example.org", Exact, No, "Dots are not ignored."),
    row(
        Rule::Email,
        "ada@example.org",
        "ada+bank@example.org",
        Exact,
        No,
        "Nor is what follows a plus sign.",
    ),
    row(Rule::Email, "ada@example.org", "ada@example.com", Exact, No, "The domain is another."),
    row(Rule::Email, "", "ada@example.org", Exact, No, "No address is recorded."),
    row(Rule::Email, "ada@example.org", "ada@example", Exact, MALFORMED, "The domain has no dot."),
    row(Rule::Email, "ada@example.org", "ada@mail@example.org", Exact, MALFORMED, "There is one @."),
    row(Rule::Email, "ada@example.org", "ada lovelace@example.org", Exact, MALFORMED, "There is a space."),
    // Address in lines.
    lines(HOME, HOME, Yes, "Every line is the same."),
    lines(HOME, "house=12; street=1st Street; postcode=560 038", No, "The claimed postcode is two words."),
    lines(
        HOME,
        "house=12; street=1ST  STREET; postcode=560038",
        Yes,
        "Lines that are not claimed are not compared.",
    ),
    lines(HOME, "house=12; street=1st Street; landmark=Metro", No, "No landmark is recorded."),
    lines(HOME, "house=12; street=1st St", No, "Nothing is abbreviated here."),
    lines(HOME, "street=12; house=1st Street", No, "Each line is compared with the line of its name."),
    lines(
        HOME,
        "care_of=s/o, ram lal; house=12",
        Yes,
        "Care-of is a line like any other, without its punctuation.",
    ),
    lines(HOME, "care_of=C/O Ram Lal; house=12", No, "So its words must be the recorded ones."),
    lines(
        "locality=हज़रतगंज; state=उत्तर प्रदेश",
        "locality=हज\u{93c}रतगंज",
        Yes,
        "Scripts and encodings are as in names.",
    ),
    lines(
        HOME,
        "state=Karnataka; country=India",
        MALFORMED,
        "That is no address: it has neither house, street nor locality.",
    ),
    lines("", "house=12", No, "No address is recorded."),
    // Address as one text.
    full(
        HOME,
        "12, 1st Street, Indiranagar, Karnataka 560038, India",
        Yes,
        "Commas or not, the words are the same.",
    ),
    full(HOME, "12 1ST ST INDIRANAGAR KARNATAKA 560038 INDIA", Yes, "St is street, and case is folded."),
    full(
        HOME,
        "C/O Ram Lal, 12, 1 St., Indiranagar, Karnataka 560038, India",
        Yes,
        "Care-of is dropped up to the comma, and 1st is 1.",
    ),
    full(
        HOME,
        "12, 1st Street, Indiranagar, Karnataka 560038, India, s/o Ram Lal",
        Yes,
        "It may stand at the end.",
    ),
    full(
        HOME,
        "care of Ram Lal 12, 1st Street, Indiranagar, Karnataka 560038, India",
        No,
        "Up to the next comma, so the 12 is gone too.",
    ),
    full(
        HOME,
        "d/o Ram Lal 12 1st Street Indiranagar",
        MALFORMED,
        "Without a comma nothing is left to compare.",
    ),
    full(HOME, "Indiranagar, 12, 1st Street, Karnataka 560038, India", No, "The order is another."),
    full(HOME, "12, 1st Street, Indiranagar, Karnataka 560038", No, "The country is missing."),
    full(HOME, "12, 2nd Street, Indiranagar, Karnataka 560038, India", No, "It is another street."),
    full(
        "house=Apartment 4B; street=Park Avenue",
        "apt. 4b, Park Ave.",
        Yes,
        "Apt is apartment, ave is avenue.",
    ),
    full(
        "house=Apt 4; street=M.G. Road",
        "Apartment #4; M G Rd",
        Yes,
        "Rd is road, and punctuation is ignored.",
    ),
    full(
        "house=Flat 4B; street=Park Avenue",
        "Apartment 4B, Park Avenue",
        No,
        "Flat is not on the list of abbreviations.",
    ),
    full(
        "house=w/o Sita Ram, 7; street=22nd Cross Road",
        "7, 22 Cross Rd",
        Yes,
        "A recorded care-of is dropped in the same way.",
    ),
    full("house=7; street=St. Mary's Road", "7 St Marys Rd", Yes, "Dots separate, apostrophes are left out."),
    full(
        "house=〒100-0001; locality=東京都千代田区",
        "〒１００－０００１、東京都千代田区",
        Yes,
        "Wide digits, hyphens and commas are what they are when narrow.",
    ),
    full("house=१२; locality=लखनऊ", "12 लखनऊ", No, "Digits of another script are other characters."),
    full("", "12, 1st Street", No, "No address is recorded."),
    area(
        100,
        HOME,
        "Karnataka 560038, Indiranagar, 1 St 12",
        Yes,
        "All six words up to the postcode, in any order.",
    ),
    area(100, HOME, "12, 1st Street, Indiranagar, Karnataka 560038, India", Yes, "The country may be named."),
    area(100, HOME, "12, 1st Street, Indiranagar, Karnataka", No, "The postcode is missing."),
    area(50, HOME, "Indiranagar, Karnataka 560038", Yes, "Half of six words is three."),
    area(51, HOME, "Indiranagar, Karnataka 560038", No, "51 % of six is 3.06: four words."),
    area(50, HOME, "Indiranagar, Karnataka, India", No, "The country does not count."),
    area(1, HOME, "India", No, "Alone it never matches."),
    area(50, HOME, "c/o Sita, Indiranagar, Karnataka 560038", Yes, "Care-of is dropped, whoever it is."),
    area(50, HOME, "Indiranagar, Karnataka 560038, Bengaluru", No, "Bengaluru is one word too many."),
    area(50, HOME, "I, Karnataka 560038, 12", No, "There are no initials in addresses."),
    area(50, "house=Block B; locality=Noida", "Blk B", Yes, "A single letter is a word and counts."),
    area(50, "house=Block B; locality=Noida", "Block A, Noida", No, "And another letter is a word too many."),
    area(
        34,
        "locality=Noida Noida Noida",
        "Noida",
        No,
        "The word is recorded three times, and 34 % of three is two.",
    ),
    area(50, "locality=உத்தமபாளையம்; district=தேனி", "தேனி", Yes, "One of two words, in any script."),
];

const fn row(
    rule: Rule,
    recorded: &'static str,
    claimed: &'static str,
    comparison: Comparison,
    expected: Outcome,
    why: &'static str,
) -> Example {
    Example { rule, recorded, claimed, comparison, expected, why }
}

const fn name(
    recorded: &'static str,
    claimed: &'static str,
    expected: Outcome,
    why: &'static str,
) -> Example {
    row(Rule::ExactName, recorded, claimed, Exact, expected, why)
}

const fn part(
    percent: u32,
    recorded: &'static str,
    claimed: &'static str,
    expected: Outcome,
    why: &'static str,
) -> Example {
    row(Rule::PartialName, recorded, claimed, Partial(percent), expected, why)
}

const fn lines(
    recorded: &'static str,
    claimed: &'static str,
    expected: Outcome,
    why: &'static str,
) -> Example {
    row(Rule::StructuredAddress, recorded, claimed, Exact, expected, why)
}

const fn full(
    recorded: &'static str,
    claimed: &'static str,
    expected: Outcome,
    why: &'static str,
) -> Example {
    row(Rule::FullAddress, recorded, claimed, Exact, expected, why)
}

const fn area(
    percent: u32,
    recorded: &'static str,
    claimed: &'static str,
    expected: Outcome,
    why: &'static str,
) -> Example {
    row(Rule::PartialAddress, recorded, claimed, Partial(percent), expected, why)
}
