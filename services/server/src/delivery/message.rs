//! What a person reads. Every text depends on the delivery alone, so that a repetition after a crash is the same message
//! byte for byte.

use data_encoding::HEXLOWER;
use plinth_identity::otp::{Delivery, LIFETIME_MS};
use plinth_identity::time::Timestamp;
use zeroize::Zeroizing;

/// Characters of a relying party's name that a short message has room for.
const SHORT_NAME: usize = 60;

/// The name of a delivery, the same however often it is sent: 32 digits of hexadecimal.
pub(super) fn id(delivery: &Delivery) -> String {
    HEXLOWER.encode(&delivery.id)
}

/// When the code was asked for, to the second.
pub(super) fn asked_at(delivery: &Delivery) -> Timestamp {
    whole_second(Timestamp::from_millis(delivery.expires_at.millis().saturating_sub(LIFETIME_MS)))
}

/// The last second of the code's life.
pub(super) fn valid_until(delivery: &Delivery) -> Timestamp {
    whole_second(delivery.expires_at)
}

/// The text of an e-mail.
pub(super) fn letter(delivery: &Delivery) -> Zeroizing<String> {
    let party = plain(&delivery.relying_party, usize::MAX);
    let code = code(delivery);
    let minutes = LIFETIME_MS / 60_000;
    let (time, date) = clock_time(valid_until(delivery));
    // Lines are short enough to cross every relay as they are.
    Zeroizing::new(format!(
        "{party}\nasks for your one-time code. It is:\n\n    {}\n\n\
         It can be used once, within {minutes} minutes of being asked for:\nuntil {time} UTC on {date}.\n\n\
         Nobody should ever ask you for this code, neither in a call nor in a\nmessage. \
         Whoever does is trying to act in your name. Enter it yourself,\nand only where you asked for it.\n\n\
         If you did not ask for it, you need not do anything: without the code\nnothing happens.",
        code.as_str()
    ))
}

/// The text of a short message.
pub(super) fn short(delivery: &Delivery) -> Zeroizing<String> {
    let party = plain(&delivery.relying_party, SHORT_NAME);
    let code = code(delivery);
    let (time, _) = clock_time(valid_until(delivery));
    Zeroizing::new(format!(
        "{} is your one-time code for {party}, valid until {time} UTC. Nobody should ever ask you for it.",
        code.as_str()
    ))
}

/// The code as text.
pub(super) fn code(delivery: &Delivery) -> Zeroizing<String> {
    Zeroizing::new(delivery.code.reveal())
}

/// A name on one line: no control characters, no line or paragraph separators, nothing that turns the direction of
/// writing around (Unicode Technical Report 36), and at most so many characters.
pub(super) fn plain(name: &str, most: usize) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    name.chars().filter(|c| !turns(*c)).map(line).take(most).collect()
}

fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_millis(moment.millis() / 1000 * 1000)
}

/// `04:05` and `2031-02-03` of a moment. A moment that no calendar names is written as it is.
fn clock_time(moment: Timestamp) -> (String, String) {
    let text = moment.to_string();
    match (text.get(11..16), text.get(..10)) {
        (Some(time), Some(date)) if text.len() == 20 => (time.to_owned(), date.to_owned()),
        _ => (text.clone(), text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::trial::{CODE, email, sms};

    #[test]
    fn a_letter_names_the_relying_party_the_code_its_end_and_the_warning() {
        let text = letter(&email("Bank of Examples"));
        for part in [
            "Bank of Examples",
            CODE,
            "within 10 minutes",
            "until 00:10 UTC on 2026-01-01",
            "Nobody should ever ask",
        ] {
            assert!(text.contains(part), "{part}: {}", *text);
        }
        assert!(text.lines().all(|line| line.len() <= 72));
    }

    #[test]
    fn a_short_message_is_one_line_of_one_part() {
        let text = short(&sms("Bank of Examples"));
        assert_eq!(
            *text,
            format!(
                "{CODE} is your one-time code for Bank of Examples, valid until 00:10 UTC. Nobody should ever ask you for it."
            )
        );
        // 160 characters of the GSM alphabet are one part.
        assert!(text.len() <= 160);
        assert!(short(&sms(&"x".repeat(200))).len() <= 160);
    }

    #[test]
    fn a_name_cannot_begin_a_line_of_its_own_or_turn_the_text_around() {
        assert_eq!(plain("Bank\r\nBcc: x\u{2028}y\u{202e}z\u{0}", 100), "Bank  Bcc: x yz ");
        assert_eq!(plain("ABCDEF", 3), "ABC");
    }

    #[test]
    fn the_same_delivery_gives_the_same_bytes() {
        assert_eq!(letter(&email("A")), letter(&email("A")));
        assert_eq!(id(&email("A")), "0102030405060708090a0b0c0d0e0f10");
        assert_eq!(asked_at(&email("A")).to_string(), "2026-01-01T00:00:00Z");
    }
}
