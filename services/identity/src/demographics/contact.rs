//! Phone numbers and e-mail addresses.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::words::{folded, is_invisible};
use crate::field::FieldViolation;

/// A phone number in the international form of ITU-T E.164.
#[derive(Clone)]
pub struct Phone(Zeroizing<String>);

impl Phone {
    /// Most characters that are read, separators included.
    pub const MAX_CHARS: usize = 40;

    /// Reads `+` and 8 to 15 digits of which the first is not 0. Spaces, hyphens, dots and parentheses are
    /// left out, wide digits become plain ones (NFKC). A trunk prefix, as in `+44 (0) 20`, is refused, because
    /// it is no part of the international number.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let malformed = |description: &str| FieldViolation::malformed("", description);
        if text.chars().count() > Self::MAX_CHARS {
            return Err(malformed("must be at most 40 characters"));
        }
        let normal = Zeroizing::new(ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned());
        if normal.contains("(0)") {
            return Err(malformed("must not contain the trunk prefix (0)"));
        }
        let separates = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2014}');
        let mut number = Zeroizing::new(String::with_capacity(normal.len()));
        number.extend(normal.chars().filter(|c| !separates(*c)));
        let digits = number.strip_prefix('+').unwrap_or_default();
        let right = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if right { Ok(Self(number)) } else { Err(malformed("must be + and 8 to 15 digits, the first not 0")) }
    }

    /// `+` and the digits. Personal data: for messages and records only. Reading it again gives the same
    /// number, so a record holds exactly this.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn same(&self, other: Option<&Self>) -> Choice {
        self.0.as_bytes().ct_eq(other.map_or("", Self::as_str).as_bytes())
    }
}

impl PartialEq for Phone {
    fn eq(&self, other: &Self) -> bool {
        self.same(Some(other)).into()
    }
}

impl Eq for Phone {}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(..)")
    }
}

/// An e-mail address: what mail is sent to, and the folded form by which it is compared.
#[derive(Clone)]
pub struct Email {
    text: Zeroizing<String>,
    folded: Zeroizing<String>,
}

impl Email {
    /// Longest address in characters.
    pub const MAX_CHARS: usize = 254;

    /// Reads a local part of 1 to 64 characters, one `@`, and a domain of at least two labels; 254 characters
    /// in all. Any script; no space, control or invisible character, no quoted local part, no address literal.
    ///
    /// # Errors
    /// [`crate::Reason::Malformed`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let malformed = |description: &str| FieldViolation::malformed("", description);
        if text.chars().count() > Self::MAX_CHARS {
            return Err(malformed("must be at most 254 characters"));
        }
        // Lower case and not case folding: folding would turn ß into ss, and send mail to somebody else.
        let composed = ComposingNormalizerBorrowed::new_nfkc();
        let normal = Zeroizing::new(composed.normalize(text).into_owned());
        let lower = Zeroizing::new(normal.to_lowercase());
        let text = Zeroizing::new(composed.normalize(&lower).into_owned());
        if text.chars().count() > Self::MAX_CHARS {
            return Err(malformed("must be at most 254 characters"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || is_invisible(c)) {
            return Err(malformed("must not contain spaces or control characters"));
        }
        let Some((local, domain)) = text.split_once('@') else { return Err(malformed("must contain one @")) };
        if !is_local_part(local) {
            return Err(malformed("must have 1 to 64 characters before the @"));
        }
        if !is_domain(domain) {
            return Err(malformed("must have a domain such as example.org after the @"));
        }
        let folded = folded(&text);
        Ok(Self { text, folded })
    }

    /// The address in small letters (NFKC). Personal data: for messages, records and sending mail only.
    /// Reading it again gives the same address, so a record holds exactly this.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn same(&self, other: Option<&Self>) -> Choice {
        self.folded.as_bytes().ct_eq(other.map_or("", |other| other.folded.as_str()).as_bytes())
    }
}

/// Addresses are equal if mail to them is the same mail.
impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl Eq for Email {}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// A dot-atom of RFC 5322 and RFC 6532: what needs no quotes. Nothing in it can end a header or an address.
fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=64).contains(&local.chars().count())
        && local.chars().all(allowed)
        && local.split('.').all(|atom| !atom.is_empty())
}

/// Two labels or more, each of 1 to 63 letters, digits and inner hyphens; the last is not a number.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && label.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use proptest::prelude::*;

    #[test]
    fn a_phone_number_is_plus_and_digits() {
        for (text, normal) in [
            ("+919876543210", "+919876543210"),
            ("+91 98765-43210", "+919876543210"),
            (" +1 (202) 555.0143 ", "+12025550143"),
            ("＋９１　９８７６５４３２１０", "+919876543210"),
            ("+91\u{a0}98765\u{2011}43210", "+919876543210"),
            ("+12345678", "+12345678"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), normal, "{text}");
        }
        for text in [
            "",
            "+",
            "9876543210",
            "00919876543210",
            "+0919876543210",
            "+1234567",
            "+1234567890123456",
            "+91 98765 4321x",
            "++919876543210",
            "91+9876543210",
            "+44 (0) 20 7946 0000",
            "+९१९८७६५४३२१०",
            "+91\n9876543210",
            "+1                                               2345678",
        ] {
            assert_eq!(Phone::parse(text).unwrap_err().reason, Reason::Malformed, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_a_local_part_and_a_domain() {
        for (text, normal) in [
            ("Ada.Lovelace@Example.ORG", "ada.lovelace@example.org"),
            ("ada+bank@mail.example.co.in", "ada+bank@mail.example.co.in"),
            ("o'brien@example.org", "o'brien@example.org"),
            ("Jürgen@Straße.example", "jürgen@straße.example"),
            ("ju\u{308}rgen@example.org", "jürgen@example.org"),
            ("राम@उदाहरण.भारत", "राम@उदाहरण.भारत"),
            ("ａｄａ＠example.org", "ada@example.org"),
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), normal, "{text}");
        }
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_domain = format!("a@{}.org", "a".repeat(64));
        let too_long = format!("a@{}org", "abcdefghi.".repeat(26));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@@example.org",
            "ada@mail@example.org",
            "ada lovelace@example.org",
            " ada@example.org",
            "ada@example.org\r\nBcc: all@example.org",
            "\"ada\"@example.org",
            "<ada@example.org>",
            "ada,bob@example.org",
            ".ada@example.org",
            "ada..lovelace@example.org",
            "ada@.example.org",
            "ada@example.org.",
            "ada@-example.org",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada\u{200b}@example.org",
            &long_local,
            &long_domain,
            &too_long,
        ] {
            assert_eq!(Email::parse(text).unwrap_err().reason, Reason::Malformed, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_compared_folded_but_mail_goes_where_it_was_written_to() {
        let email = |text| Email::parse(text).unwrap();
        let (sharp, double) = (email("Groß@example.org"), email("GROSS@example.org"));
        assert!(bool::from(sharp.same(Some(&double))));
        assert_ne!(sharp, double);
        assert_eq!(sharp.as_str(), "groß@example.org");
        assert!(!bool::from(sharp.same(None)));
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        let phone = Phone::parse("+919876543210").unwrap();
        let email = Email::parse("ada@example.org").unwrap();
        assert_eq!(format!("{phone:?} {email:?}"), "Phone(..) Email(..)");
        assert!(!bool::from(phone.same(None)));
    }

    proptest! {
        #[test]
        fn the_normal_form_reads_as_itself(
            phone in "\\+[0-9 ().-]{7,20}", email in "[\\PC&&[^@]]{1,20}@[\\p{L}a-z0-9.-]{1,20}\\.\\p{L}{1,5}",
        ) {
            if let Ok(phone) = Phone::parse(&phone) {
                prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone));
            }
            if let Ok(email) = Email::parse(&email) {
                let again = Email::parse(email.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), email.as_str());
                prop_assert!(bool::from(again.same(Some(&email))));
            }
        }

        #[test]
        fn any_text_is_an_address_or_a_reason(text in "\\PC{0,60}|.{0,60}") {
            let _ = Phone::parse(&text);
            let _ = Email::parse(&text);
        }
    }
}
