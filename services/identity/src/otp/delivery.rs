//! Codes on their way to people.

use std::fmt;

use super::{OtpCode, read_code};
use crate::codec::{DecodeError, Reader, Writer};
use crate::demographics::{Email, Phone};
use crate::party::Party;
use crate::time::Timestamp;

/// Where a code is sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Destination {
    /// A text message.
    Sms(Phone),
    /// An e-mail message.
    Email(Email),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sms(_) => "Sms(..)",
            Self::Email(_) => "Email(..)",
        })
    }
}

/// A code on its way to a person. It is kept until it was handed over, so that a crash loses none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names the message, so that a receiver can tell a repeated hand-over from a second message.
    pub id: [u8; 16],
    /// Where to; nowhere if nobody holds the number or the person cannot be reached.
    pub to: Option<Destination>,
    /// The code.
    pub code: OtpCode,
    /// The display name of the relying party that asked for it.
    pub relying_party: String,
    /// After this moment it is not worth sending.
    pub expires_at: Timestamp,
}

impl Delivery {
    const RECORD: &'static str = "delivery";
    const FORMAT: u8 = 1;

    /// The stored form: format 1, id (16), destination (1: 0 none, 1 SMS, 2 e-mail; then, unless none, a
    /// text: the telephone number or the e-mail address), code (6 ASCII digits), relying party (text),
    /// expires at (u64 ms).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(Self::FORMAT, 64 + 254 + self.relying_party.len());
        writer.array(&self.id);
        match &self.to {
            None => writer.u8(0),
            Some(Destination::Sms(phone)) => writer.u8(1).text(phone.as_str()),
            Some(Destination::Email(email)) => writer.u8(2).text(email.as_str()),
        };
        writer.array(&self.code.0).text(&self.relying_party).u64(self.expires_at.millis()).finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let id = reader.array("id")?;
        let to = match reader.u8("destination")? {
            0 => None,
            1 => {
                let text = reader.text("phone")?;
                Some(Destination::Sms(normal(&reader, "phone", text, Phone::parse(text), Phone::as_str)?))
            }
            2 => {
                let text = reader.text("email")?;
                Some(Destination::Email(normal(&reader, "email", text, Email::parse(text), Email::as_str)?))
            }
            _ => return Err(reader.value("destination")),
        };
        let code = read_code(&mut reader)?;
        let relying_party = reader.text("relying_party")?.to_owned();
        if relying_party.chars().count() > Party::MAX_DISPLAY_NAME_CHARS {
            return Err(reader.value("relying_party"));
        }
        let expires_at = Timestamp::from_millis(reader.u64("expires_at")?);
        reader.finish()?;
        Ok(Self { id, to, code, relying_party, expires_at })
    }
}

/// A parsed value whose text was already in its normal form, as everything that was written is.
fn normal<T, E>(
    reader: &Reader<'_>,
    field: &'static str,
    text: &str,
    parsed: Result<T, E>,
    as_str: impl Fn(&T) -> &str,
) -> Result<T, DecodeError> {
    let value = reader.parsed(field, parsed)?;
    if as_str(&value) == text { Ok(value) } else { Err(reader.value(field)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sms() -> Destination {
        Destination::Sms(Phone::parse("+442079460000").unwrap())
    }

    fn email() -> Destination {
        Destination::Email(Email::parse("ada@example.org").unwrap())
    }

    fn delivery(to: Option<Destination>) -> Delivery {
        Delivery {
            id: [1; 16],
            to,
            code: OtpCode::parse("012345").unwrap(),
            relying_party: "Bänk".to_owned(),
            expires_at: Timestamp::from_millis(0x0203),
        }
    }

    #[test]
    fn a_delivery_has_these_bytes() {
        let expected = [
            &[1][..],                  // format
            &[1; 16],                  // id
            &[1],                      // destination: a text message
            &[0, 0, 0, 13],            // length of the telephone number
            b"+442079460000",          // telephone number
            b"012345",                 // code
            &[0, 0, 0, 5],             // length of the relying party's name
            "Bänk".as_bytes(),         // relying party, 5 bytes of UTF-8
            &[0, 0, 0, 0, 0, 0, 2, 3], // expires at
        ]
        .concat();
        assert_eq!(delivery(Some(sms())).encode(), expected);
        for to in [None, Some(sms()), Some(email())] {
            let delivery = delivery(to);
            assert_eq!(Delivery::decode(&delivery.encode()), Ok(delivery));
        }
        assert_eq!(delivery(None).encode()[17], 0);
    }

    #[test]
    fn codes_and_destinations_do_not_show_in_debug_output() {
        for to in [sms(), email()] {
            let shown = format!("{:?}", delivery(Some(to)));
            assert!(!["012345", "ada", "2079"].iter().any(|secret| shown.contains(secret)), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_delivery_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Delivery::decode(&bytes);
        }

        #[test]
        fn an_altered_delivery_is_another_one_or_an_error(place in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = delivery(Some(email())).encode();
            let length = bytes.len();
            prop_assert!(Delivery::decode(&bytes[..place.index(length)]).is_err());
            bytes[place.index(length)] = byte;
            if let Ok(decoded) = Delivery::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
