//! The person's own authenticator (RFC 6238).

use std::fmt;

use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Secret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::OtpCode;
use crate::time::Timestamp;

/// The secret that a person's authenticator shares with the service: 160 bits, as RFC 4226 recommends. Wiped
/// when dropped, compared in constant time, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TotpSecret([u8; Self::LENGTH]);

impl TotpSecret {
    /// Bytes of a secret.
    pub const LENGTH: usize = 20;

    /// Seconds of a step of RFC 6238.
    pub const STEP_SECONDS: u64 = 30;

    /// Steps before and after the present one whose codes are accepted too (RFC 6238, section 5.2).
    const WINDOW: u64 = 1;

    /// A new secret from a secure generator.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Self([0; Self::LENGTH]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The secret with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes. Only for the sealed record.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The secret as authenticators take it when it is typed: 32 characters of base32 (RFC 4648).
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The step whose code this is: the present one, the one before or the one after; of several, the last.
    /// Every one of them is computed and compared in constant time, so the time taken does not tell which one
    /// it was.
    ///
    /// A code must not be accepted twice: see [`Attempts::use_totp`](crate::attempts::Attempts::use_totp).
    #[must_use]
    pub fn matching_step(&self, code: &OtpCode, now: Timestamp) -> Option<u64> {
        let present = now.millis() / 1000 / Self::STEP_SECONDS;
        let (first, last) = (present.saturating_sub(Self::WINDOW), present + Self::WINDOW);
        (first..=last).fold(None, |found, step| if self.code(step) == *code { Some(step) } else { found })
    }

    /// The code of a step: HOTP with SHA-1 and six digits (RFC 6238, section 4.2), which is what every
    /// authenticator speaks.
    #[must_use]
    pub fn code(&self, step: u64) -> OtpCode {
        // 20 bytes, 6 digits and a step of 30 seconds are within what the RFC allows, so there is nothing to
        // check.
        let totp = Builder::new()
            .with_digits(6)
            .with_step_duration(Self::STEP_SECONDS)
            .with_secret(Secret::new_stack(self.0))
            .build_noncompliant();
        let token = Zeroizing::new(totp.generate(step.saturating_mul(Self::STEP_SECONDS)).to_string());
        let mut code = OtpCode([b'0'; OtpCode::LENGTH]);
        for (digit, found) in code.0.iter_mut().zip(token.bytes()) {
            *digit = found;
        }
        code
    }

    /// The address that authenticators read from a picture ("Key Uri Format"):
    /// `otpauth://totp/ISSUER:ACCOUNT?...`. It holds the secret. `account` is what the authenticator shows
    /// beside the issuer.
    #[must_use]
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account, secret) = (percent_encoded(issuer), percent_encoded(account), self.base32());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period={}",
            *secret,
            Self::STEP_SECONDS
        )
    }
}

impl PartialEq for TotpSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TotpSecret {}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// A text for one part of an address: all but the unreserved characters of RFC 3986 as bytes in hexadecimal.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    /// The secret of RFC 6238, appendix B, for SHA-1.
    fn published() -> TotpSecret {
        TotpSecret::from_bytes(*b"12345678901234567890")
    }

    #[test]
    fn the_vectors_of_rfc_6238_are_the_last_six_digits() {
        // The RFC prints eight digits; of these six are the last.
        for (seconds, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_millis(seconds * 1000);
            assert_eq!(published().code(seconds / 30).reveal(), digits);
            assert_eq!(published().matching_step(&OtpCode::parse(digits).unwrap(), now), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_fits_one_step_before_and_after_its_own() {
        let step = 1_111_111_109 / 30;
        let code = published().code(step);
        let found = |step: u64| published().matching_step(&code, Timestamp::from_millis(step * 30_000));
        assert_eq!([found(step - 2), found(step + 2)], [None, None]);
        assert_eq!([found(step - 1), found(step), found(step + 1)], [Some(step); 3]);
        let last_moment = Timestamp::from_millis(step * 30_000 - 1);
        assert_eq!(TotpSecret::from_bytes([0; 20]).matching_step(&code, last_moment), None);
    }

    #[test]
    fn an_authenticator_is_set_up_by_base32_or_by_an_address() {
        assert_eq!(*published().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            published().otpauth_uri("Plinth ä", "•••• 1234"),
            "otpauth://totp/Plinth%20%C3%A4:%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%201234\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Plinth%20%C3%A4&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output_and_is_compared() {
        assert_eq!(format!("{:?}", published()), "TotpSecret(..)");
        assert!(published() == published() && published() != TotpSecret::from_bytes([0; 20]));
    }

    proptest! {
        #[test]
        fn any_moment_and_secret_have_a_code(now: u64, seed: u64) {
            let secret = TotpSecret::generate(&mut StdRng::seed_from_u64(seed));
            let step = now / 30_000;
            let found = secret.matching_step(&secret.code(step), Timestamp::from_millis(now));
            // By chance the code of a later step may be the same; never is it an earlier one that is found.
            prop_assert!(found.is_some_and(|found| found >= step));
        }
    }
}
