//! What tests of delivery share.

use plinth_identity::demographics::{Email, Phone};
use plinth_identity::otp::{Delivery, Destination, LIFETIME_MS, OtpCode};
use plinth_identity::time::Timestamp;

/// The code of every delivery here.
pub(super) const CODE: &str = "482913";

/// The telephone number and the address of every delivery here.
pub(super) const PHONE: &str = "+4915112345678";
pub(super) const ADDRESS: &str = "mira.example@mail.example";

/// When every code here was asked for: 1 January 2026, 00:00 UTC.
pub(super) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(super) fn delivery(to: Option<Destination>, relying_party: &str) -> Delivery {
    Delivery {
        id: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        to,
        code: OtpCode::parse(CODE).unwrap(),
        relying_party: relying_party.to_owned(),
        expires_at: START.plus_millis(LIFETIME_MS),
    }
}

pub(super) fn email(relying_party: &str) -> Delivery {
    delivery(Some(Destination::Email(Email::parse(ADDRESS).unwrap())), relying_party)
}

pub(super) fn sms(relying_party: &str) -> Delivery {
    delivery(Some(Destination::Sms(Phone::parse(PHONE).unwrap())), relying_party)
}

/// Whether a text gives away whom a delivery was for, or its code.
pub(super) fn tells(text: &str) -> bool {
    [CODE, PHONE, ADDRESS, "15112345678", "mira", "mail.example"].iter().any(|secret| text.contains(secret))
}
