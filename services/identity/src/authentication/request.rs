//! What relying parties ask about a person.

use std::fmt;

use crate::evidence::Evidence;
use crate::field::FieldViolation;
use crate::number::Identifier;
use crate::party::{AttributeSet, Factor, RelyingPartyPolicy};
use crate::reason::Reason;
use crate::request::RequestHeader;
use crate::time::Timestamp;

/// A relying party's question whether a person is the holder of a number.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationRequest {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Captured without a connection and sent later: it may be older than a live request, and the statement
    /// says so.
    pub buffered: bool,
    /// Whose number the person claims.
    pub identifier: Identifier,
    /// What is presented.
    pub evidence: Evidence,
}

impl AuthenticationRequest {
    /// A request of these parts.
    #[must_use]
    pub fn new(header: RequestHeader, buffered: bool, identifier: Identifier, evidence: Evidence) -> Self {
        Self { header, buffered, identifier, evidence }
    }

    /// Whether a relying party may ask this. To be checked before any record is read.
    ///
    /// # Errors
    /// Those of [`Evidence::entitled`].
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        self.evidence.entitled(policy)
    }
}

impl fmt::Debug for AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("identifier", &self.identifier)
            .field("evidence", &self.evidence)
            .field("buffered", &self.buffered)
            .finish_non_exhaustive()
    }
}

/// A way to reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A text message to the recorded telephone number.
    Sms,
    /// A message to the recorded e-mail address.
    Email,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    const fn bit(self) -> u8 {
        match self {
            Self::Sms => 1,
            Self::Email => 2,
        }
    }
}

/// One or more channels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelSet(u8);

impl ChannelSet {
    /// Every channel.
    pub const ALL: Self = Self(Channel::Sms.bit() | Channel::Email.bit());

    /// The set of these channels.
    ///
    /// # Errors
    /// [`Reason::Malformed`], with an empty field, if there are none.
    pub fn new(channels: &[Channel]) -> Result<Self, FieldViolation> {
        match channels.iter().fold(0, |bits, channel| bits | channel.bit()) {
            0 => Err(FieldViolation::malformed("", "must name at least one channel")),
            bits => Ok(Self(bits)),
        }
    }

    /// True if the channel is in the set.
    #[must_use]
    pub const fn contains(self, channel: Channel) -> bool {
        self.0 & channel.bit() != 0
    }

    /// The channels, in the order of [`Channel::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |channel| self.contains(*channel))
    }
}

impl From<Channel> for ChannelSet {
    fn from(channel: Channel) -> Self {
        Self(channel.bit())
    }
}

impl fmt::Debug for ChannelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A relying party's request to send a person a one-time code. Its `request_id` is the transaction that the
/// code is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtpRequest {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Whose number it is.
    pub identifier: Identifier,
    /// The channels that may be used, if the person has them.
    pub channels: ChannelSet,
}

impl OtpRequest {
    /// A request of these parts.
    #[must_use]
    pub fn new(header: RequestHeader, identifier: Identifier, channels: ChannelSet) -> Self {
        Self { header, identifier, channels }
    }

    /// Whether a relying party may ask for codes. To be checked before any record is read.
    ///
    /// # Errors
    /// [`Reason::NotEntitledOtp`].
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        if policy.factors.contains(Factor::Otp) { Ok(()) } else { Err(Factor::Otp.not_entitled()) }
    }
}

/// What a person was shown and agreed to. Only [`Consent::new`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Consent {
    text: String,
    given_at: Timestamp,
}

impl Consent {
    /// Longest text in characters.
    pub const MAX_TEXT_CHARS: usize = 1_000;
    /// The longest time between consent and request, in milliseconds: a day.
    pub const MAX_AGE_MS: u64 = 24 * 60 * 60 * 1000;

    /// Checks and keeps the parts: the text that the person was shown, at most [`Consent::MAX_TEXT_CHARS`]
    /// characters, none a control character but tabs and line ends; and when they agreed, by the relying
    /// party's clock.
    ///
    /// # Errors
    /// [`Reason::ConsentMissing`] at `text` if it is empty or white space; [`Reason::Malformed`] at `text` if
    /// it is too long or holds control characters.
    pub fn new(text: String, given_at: Timestamp) -> Result<Self, FieldViolation> {
        if text.trim().is_empty() {
            let description = "must be the text that the person was shown and agreed to";
            return Err(FieldViolation::new("text", Reason::ConsentMissing, description));
        }
        let printable =
            text.chars().all(|letter| !letter.is_control() || matches!(letter, '\t' | '\r' | '\n'));
        if !printable || text.chars().count() > Self::MAX_TEXT_CHARS {
            let description = "must be 1 to 1,000 characters without control characters";
            return Err(FieldViolation::malformed("text", description));
        }
        Ok(Self { text, given_at })
    }

    /// What the person was shown.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When they agreed, by the relying party's clock.
    #[must_use]
    pub fn given_at(&self) -> Timestamp {
        self.given_at
    }
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent").field("given_at", &self.given_at).finish_non_exhaustive()
    }
}

/// A relying party's request for what is recorded about a person who agrees to it. Only
/// [`PersonRequest::new`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonRequest {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Whose number the person claims.
    pub identifier: Identifier,
    /// What is presented. It is strong: see [`Evidence::is_strong`].
    pub evidence: Evidence,
    /// What is asked for; not empty.
    pub attributes: AttributeSet,
    /// What the person agreed to.
    pub consent: Consent,
}

impl PersonRequest {
    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::StrongFactorRequired`] at `evidence.declared` without fingers and one-time code;
    /// [`Reason::Malformed`] at `attributes` if there are none; [`Reason::ConsentMissing`] at
    /// `consent.given_at_ms` if the person agreed only after the request was issued, or more than a day
    /// before.
    pub fn new(
        header: RequestHeader,
        identifier: Identifier,
        evidence: Evidence,
        attributes: AttributeSet,
        consent: Consent,
    ) -> Result<Self, FieldViolation> {
        check_strong(&evidence)?;
        if attributes.is_empty() {
            return Err(FieldViolation::malformed("attributes", "must name at least one attribute"));
        }
        if consent.given_at() > header.issued_at() {
            let description = "must not be later than issued_at_ms";
            return Err(FieldViolation::new("consent.given_at_ms", Reason::ConsentMissing, description));
        }
        if header.issued_at().since(consent.given_at()) > Consent::MAX_AGE_MS {
            let description = "must be at most a day before issued_at_ms";
            return Err(FieldViolation::new("consent.given_at_ms", Reason::ConsentMissing, description));
        }
        Ok(Self { header, identifier, evidence, attributes, consent })
    }

    /// Whether a relying party may ask this. To be checked before any record is read.
    ///
    /// # Errors
    /// Those of [`Evidence::entitled`]; [`Reason::NotEntitledAttributes`] for an attribute that the policy
    /// does not name, or if the policy names no key to seal them to.
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        self.evidence.entitled(policy)?;
        let allowed = self.attributes.is_subset_of(policy.attributes) && policy.encryption_key.is_some();
        if allowed { Ok(()) } else { Err(Reason::NotEntitledAttributes) }
    }
}

/// Refuses evidence that others may know as well as the person.
pub(super) fn check_strong(evidence: &Evidence) -> Result<(), FieldViolation> {
    if evidence.is_strong() {
        return Ok(());
    }
    let description = "must name fingerprints or a one-time code";
    Err(FieldViolation::new("evidence.declared", Reason::StrongFactorRequired, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::{DemographicClaim, Name};
    use crate::evidence::{CodeClaim, OtpCode};
    use crate::id::{DeploymentId, Nonce, PartyId, RequestId};
    use crate::number::IdentityNumber;
    use crate::party::{Attribute, FactorSet};
    use rand::{SeedableRng, rngs::StdRng};

    fn header() -> RequestHeader {
        RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("bank").unwrap(),
            "",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            Timestamp::from_millis(1_000),
            Timestamp::from_millis(2_000),
        )
        .unwrap()
    }

    fn identifier() -> Identifier {
        Identifier::Number(IdentityNumber::draw(&mut StdRng::seed_from_u64(1)))
    }

    fn named() -> Evidence {
        let name = Some(Name::parse("Ada").unwrap().into());
        let claim = DemographicClaim { name, ..DemographicClaim::default() };
        Evidence::new(claim, None, None, &[], 0, FactorSet::EMPTY.with(Factor::Name)).unwrap()
    }

    fn coded() -> Evidence {
        let code = Some(CodeClaim::Totp(OtpCode::parse("123456").unwrap()));
        let declared = FactorSet::EMPTY.with(Factor::Otp);
        Evidence::new(DemographicClaim::default(), None, code, &[], 0, declared).unwrap()
    }

    fn consent(given_at: u64) -> Consent {
        Consent::new("I agree.".to_owned(), Timestamp::from_millis(given_at)).unwrap()
    }

    fn asked(
        evidence: Evidence,
        attributes: AttributeSet,
        given_at: u64,
    ) -> Result<PersonRequest, FieldViolation> {
        PersonRequest::new(header(), identifier(), evidence, attributes, consent(given_at))
    }

    #[test]
    fn channels_are_named_and_at_least_one() {
        assert_eq!(ChannelSet::new(&[]).unwrap_err().reason, Reason::Malformed);
        let email = ChannelSet::new(&[Channel::Email]).unwrap();
        assert_eq!(email, ChannelSet::from(Channel::Email));
        assert!(email.contains(Channel::Email) && !email.contains(Channel::Sms));
        assert_eq!(ChannelSet::new(&Channel::ALL), Ok(ChannelSet::ALL));
        assert_eq!(format!("{:?}", ChannelSet::ALL), "{Sms, Email}");
    }

    #[test]
    fn codes_are_for_parties_that_may_use_them() {
        let request = OtpRequest::new(header(), identifier(), ChannelSet::ALL);
        let policy = |factors| RelyingPartyPolicy { factors, ..Default::default() };
        assert_eq!(request.entitled(&policy(FactorSet::EMPTY.with(Factor::Otp))), Ok(()));
        assert_eq!(request.entitled(&policy(FactorSet::EMPTY)), Err(Reason::NotEntitledOtp));
    }

    #[test]
    fn a_consent_is_a_text_of_some_length() {
        let reason =
            |text: &str| Consent::new(text.to_owned(), Timestamp::from_millis(1)).map_err(|no| no.reason);
        assert!(reason("मैं सहमत हूँ।\n").is_ok() && reason(&"字".repeat(1_000)).is_ok());
        assert_eq!([reason(""), reason(" \n")], [Err(Reason::ConsentMissing), Err(Reason::ConsentMissing)]);
        assert_eq!(reason(&"字".repeat(1_001)), Err(Reason::Malformed));
        assert_eq!(reason("a\0b"), Err(Reason::Malformed));
        assert!(!format!("{:?}", consent(1)).contains("agree"));
    }

    #[test]
    fn attributes_take_a_strong_factor_and_consent_beforehand() {
        let name = AttributeSet::EMPTY.with(Attribute::Name);
        let refused = |request: Result<PersonRequest, FieldViolation>| {
            request.map_err(|no| (no.field, no.reason)).err()
        };
        let at = |field: &str, reason| Some((field.to_owned(), reason));
        assert_eq!(refused(asked(coded(), name, 1_000)), None);
        assert_eq!(
            refused(asked(named(), name, 1_000)),
            at("evidence.declared", Reason::StrongFactorRequired)
        );
        assert_eq!(refused(asked(coded(), AttributeSet::EMPTY, 1_000)), at("attributes", Reason::Malformed));
        assert_eq!(refused(asked(coded(), name, 1_001)), at("consent.given_at_ms", Reason::ConsentMissing));
    }

    #[test]
    fn attributes_outside_the_policy_or_without_a_key_are_refused() {
        let attributes = AttributeSet::EMPTY.with(Attribute::Name).with(Attribute::Gender);
        let request = asked(coded(), attributes, 1).unwrap();
        let entitled = |factors, attributes, encryption_key| {
            request.entitled(&RelyingPartyPolicy {
                factors,
                attributes,
                encryption_key,
                ..Default::default()
            })
        };
        let (all, key) = (FactorSet::ALL, Some([9; 32]));
        assert_eq!(entitled(all, AttributeSet::ALL, key), Ok(()));
        assert_eq!(entitled(all, attributes, key), Ok(()));
        let fewer = AttributeSet::EMPTY.with(Attribute::Name);
        assert_eq!(entitled(all, fewer, key), Err(Reason::NotEntitledAttributes));
        assert_eq!(entitled(all, attributes, None), Err(Reason::NotEntitledAttributes));
        assert_eq!(entitled(FactorSet::EMPTY, attributes, key), Err(Reason::NotEntitledOtp));
    }

    #[test]
    fn a_request_shows_neither_name_nor_number() {
        let request = AuthenticationRequest::new(header(), true, identifier(), named());
        let shown = format!("{request:?}");
        assert!(!shown.contains("Ada") && !shown.contains(&identifier().reveal()), "{shown}");
        assert!(shown.contains("buffered: true"), "{shown}");
    }
}
