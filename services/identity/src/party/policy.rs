//! What a relying party may ask and learn.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::factor::{AttributeSet, FactorSet};
use crate::codec::{DecodeError, Reader, Writer};
use crate::field::FieldViolation;
use crate::reason::Reason;

/// What a relying party is given to know a person again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TokenKind {
    /// Nothing.
    None,
    /// A pseudonym of the person that is the same in every answer to this party and unlike that of any other.
    #[default]
    Pairwise,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::None, Self::Pairwise];

    const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Pairwise => 1,
        }
    }
}

/// The reasons that a signed no shows to a relying party. Where a reason is not shown, every no is the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReasonView {
    /// None.
    #[default]
    None,
    /// Every one.
    All,
    /// Those with these codes: 1 to [`ReasonView::MAX_CODES`] of them, ascending. A no shows a reason of the
    /// list only if the list also names every reason that is looked for before it, from 998 on
    /// ([`IN_ORDER`](crate::authentication::IN_ORDER)): it would tell more than the list says.
    Only(Vec<u16>),
}

impl ReasonView {
    /// The most codes that a list may name.
    pub const MAX_CODES: usize = 64;

    /// True if the reason is shown.
    #[must_use]
    pub fn shows(&self, reason: Reason) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(codes) => codes.contains(&reason.code()),
        }
    }

    fn is_well_formed(&self) -> bool {
        match self {
            Self::None | Self::All => true,
            Self::Only(codes) => {
                (1..=Self::MAX_CODES).contains(&codes.len()) && codes.is_sorted_by(|a, b| a < b)
            }
        }
    }
}

/// How much a relying party may ask. A field that is 0 sets no limit of the party's own: then the service's
/// default holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Requests a second, on average.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
    /// Different numbers in a day of Coordinated Universal Time.
    pub numbers_per_day: u32,
    /// The share of answers in a day that may be a no, in percent, at most 100.
    pub failure_percent: u8,
}

/// What a relying party may ask and learn. For other kinds of party it is kept and has no effect.
///
/// The fields are free to set; [`RelyingPartyPolicy::check`] says whether they make sense together, and
/// [`Party::new`](super::Party::new) makes no party with a policy that does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelyingPartyPolicy {
    /// The factors that its requests may use.
    pub factors: FactorSet,
    /// The factors that every one of its requests must carry.
    pub mandatory: FactorSet,
    /// True if it may have names and addresses matched partially.
    pub partial_matching: bool,
    /// True if it may send an address as one text.
    pub full_address: bool,
    /// The attributes that it may be given with the person's consent.
    pub attributes: AttributeSet,
    /// What it is given to know a person again.
    pub token: TokenKind,
    /// The reasons that it sees when the answer is no.
    pub reasons: ReasonView,
    /// How much it may ask.
    pub quotas: Quotas,
    /// The networks from which it may ask, at most [`RelyingPartyPolicy::MAX_NETWORKS`]. None means: from
    /// anywhere.
    pub networks: Vec<IpNet>,
    /// True if its requests must name people by virtual numbers.
    pub virtual_number_only: bool,
    /// True if people may reach their own records through it.
    pub resident_agent: bool,
    /// The X25519 public key to which attributes are sealed.
    pub encryption_key: Option<[u8; 32]>,
}

impl RelyingPartyPolicy {
    /// The most networks that a policy may name.
    pub const MAX_NETWORKS: usize = 64;

    /// Whether the fields make sense, alone and together.
    ///
    /// # Errors
    /// [`Reason::Malformed`], for the first of: `mandatory` (a factor that is not allowed), `encryption_key`
    /// (attributes, and no key to seal them to), `reasons` (a list that is empty, too long or not ascending),
    /// `quotas.failure_percent` (more than 100), `networks` (too many).
    pub fn check(&self) -> Result<(), FieldViolation> {
        let rules = [
            (self.mandatory.is_subset_of(self.factors), "mandatory", "must name only factors of the policy"),
            (
                self.attributes.is_empty() || self.encryption_key.is_some(),
                "encryption_key",
                "must be set if the policy allows attributes",
            ),
            (self.reasons.is_well_formed(), "reasons", "must be 1 to 64 different codes in ascending order"),
            (self.quotas.failure_percent <= 100, "quotas.failure_percent", "must be at most 100"),
            (self.networks.len() <= Self::MAX_NETWORKS, "networks", "must be at most 64 networks"),
        ];
        match rules.into_iter().find(|(kept, ..)| !kept) {
            Some((_, field, description)) => Err(FieldViolation::malformed(field, description)),
            None => Ok(()),
        }
    }

    /// True if the policy lets the party ask from this address. An IPv4 address in IPv6 clothes
    /// (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) counts as the IPv4 address.
    #[must_use]
    pub fn allows_address(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&from))
    }

    /// The policy that format 1 of a party's record had.
    pub(super) fn read_format_1(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let factors = u16::from(reader.u8("policy.factors")?);
        // Format 1 knew the first four factors.
        let factors = FactorSet::from_bits(factors)
            .filter(|set| set.bits() < 16)
            .ok_or_else(|| reader.value("policy.factors"))?;
        let sees_reasons = reader.flag("policy.sees_reasons")?;
        let reasons = if sees_reasons { ReasonView::All } else { ReasonView::None };
        Ok(Self { factors, reasons, ..Self::default() })
    }

    /// Reads what [`RelyingPartyPolicy::write`] wrote. The caller checks it.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let factors = reader.u16("policy.factors")?;
        let factors = FactorSet::from_bits(factors).ok_or_else(|| reader.value("policy.factors"))?;
        let mandatory = reader.u16("policy.mandatory")?;
        let mandatory = FactorSet::from_bits(mandatory).ok_or_else(|| reader.value("policy.mandatory"))?;
        let partial_matching = reader.flag("policy.partial_matching")?;
        let full_address = reader.flag("policy.full_address")?;
        let attributes = reader.u8("policy.attributes")?;
        let attributes =
            AttributeSet::from_bits(attributes).ok_or_else(|| reader.value("policy.attributes"))?;
        let token = reader.u8("policy.token")?;
        let token = TokenKind::ALL
            .into_iter()
            .find(|known| known.code() == token)
            .ok_or_else(|| reader.value("policy.token"))?;
        let reasons = match reader.u8("policy.reasons")? {
            0 => ReasonView::None,
            1 => ReasonView::All,
            2 => ReasonView::Only(reader.list("policy.reasons", |reader| reader.u16("policy.reasons"))?),
            _ => return Err(reader.value("policy.reasons")),
        };
        let quotas = Quotas {
            requests_per_second: reader.u32("policy.quotas")?,
            burst: reader.u32("policy.quotas")?,
            numbers_per_day: reader.u32("policy.quotas")?,
            failure_percent: reader.u8("policy.quotas")?,
        };
        Ok(Self {
            factors,
            mandatory,
            partial_matching,
            full_address,
            attributes,
            token,
            reasons,
            quotas,
            networks: reader.list("policy.networks", read_network)?,
            virtual_number_only: reader.flag("policy.virtual_number_only")?,
            resident_agent: reader.flag("policy.resident_agent")?,
            encryption_key: reader
                .option("policy.encryption_key", |reader| reader.array("policy.encryption_key"))?,
        })
    }

    /// The policy within a party's record: factors (u16, one bit each in the order of
    /// [`Factor::ALL`](super::Factor::ALL), the first 1), mandatory (u16, likewise), partial matching (1),
    /// full address (1), attributes (1, bits in the order of [`Attribute::ALL`](super::Attribute::ALL)),
    /// token (1: 0 none, 1 pairwise), reasons (0 none, 1 all, or 2 and a count u16 of codes u16), requests a
    /// second, burst, numbers a day (u32 each), failure percent (1), networks (count u16, each: 4 and 4 bytes,
    /// or 6 and 16 bytes; then the prefix length (1)), virtual number only (1), resident agent (1), encryption
    /// key (option, 32).
    pub(super) fn write(&self, writer: &mut Writer) {
        writer
            .u16(self.factors.bits())
            .u16(self.mandatory.bits())
            .flag(self.partial_matching)
            .flag(self.full_address)
            .u8(self.attributes.bits())
            .u8(self.token.code());
        match &self.reasons {
            ReasonView::None => writer.u8(0),
            ReasonView::All => writer.u8(1),
            ReasonView::Only(codes) => writer.u8(2).list(codes, |writer, code| {
                writer.u16(*code);
            }),
        };
        writer
            .u32(self.quotas.requests_per_second)
            .u32(self.quotas.burst)
            .u32(self.quotas.numbers_per_day)
            .u8(self.quotas.failure_percent)
            .list(&self.networks, write_network)
            .flag(self.virtual_number_only)
            .flag(self.resident_agent)
            .option(self.encryption_key.as_ref(), |writer, key| {
                writer.array(key);
            });
    }

    /// Bytes that [`RelyingPartyPolicy::write`] takes at most.
    pub(super) fn written_size(&self) -> usize {
        let codes = match &self.reasons {
            ReasonView::None | ReasonView::All => 0,
            ReasonView::Only(codes) => codes.len(),
        };
        codes.saturating_mul(2).saturating_add(self.networks.len().saturating_mul(18)).saturating_add(64)
    }
}

fn write_network(writer: &mut Writer, network: &IpNet) {
    match network {
        IpNet::V4(network) => writer.u8(4).array(&network.addr().octets()).u8(network.prefix_len()),
        IpNet::V6(network) => writer.u8(6).array(&network.addr().octets()).u8(network.prefix_len()),
    };
}

fn read_network(reader: &mut Reader<'_>) -> Result<IpNet, DecodeError> {
    const FIELD: &str = "policy.networks";
    match reader.u8(FIELD)? {
        4 => {
            let network = Ipv4Net::new(reader.array::<4>(FIELD)?.into(), reader.u8(FIELD)?);
            reader.parsed(FIELD, network).map(IpNet::V4)
        }
        6 => {
            let network = Ipv6Net::new(reader.array::<16>(FIELD)?.into(), reader.u8(FIELD)?);
            reader.parsed(FIELD, network).map(IpNet::V6)
        }
        _ => Err(reader.value(FIELD)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::{Attribute, Factor};

    fn policy() -> RelyingPartyPolicy {
        RelyingPartyPolicy {
            factors: FactorSet::EMPTY.with(Factor::Name).with(Factor::Otp),
            mandatory: FactorSet::EMPTY.with(Factor::Otp),
            attributes: AttributeSet::EMPTY.with(Attribute::Name),
            reasons: ReasonView::Only(vec![100, 300]),
            quotas: Quotas { failure_percent: 100, ..Quotas::default() },
            networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            encryption_key: Some([7; 32]),
            ..RelyingPartyPolicy::default()
        }
    }

    #[test]
    fn a_policy_that_makes_sense_passes_and_so_does_the_empty_one() {
        assert_eq!(policy().check(), Ok(()));
        assert_eq!(RelyingPartyPolicy::default().check(), Ok(()));
    }

    #[test]
    fn each_broken_rule_of_a_policy_names_its_field() {
        let only = |codes: Vec<u16>| RelyingPartyPolicy { reasons: ReasonView::Only(codes), ..policy() };
        let network: IpNet = "192.0.2.0/24".parse().unwrap();
        let networks = |count| RelyingPartyPolicy { networks: vec![network; count], ..policy() };
        let percent = |percent| RelyingPartyPolicy {
            quotas: Quotas { failure_percent: percent, ..Quotas::default() },
            ..policy()
        };
        assert_eq!(only((1..=64).collect()).check(), Ok(()));
        assert_eq!(networks(64).check(), Ok(()));
        for (broken, field) in [
            (RelyingPartyPolicy { mandatory: FactorSet::EMPTY.with(Factor::Face), ..policy() }, "mandatory"),
            (RelyingPartyPolicy { encryption_key: None, ..policy() }, "encryption_key"),
            (only(vec![]), "reasons"),
            (only((1..=65).collect()), "reasons"),
            (only(vec![300, 100]), "reasons"),
            (only(vec![100, 100]), "reasons"),
            (percent(101), "quotas.failure_percent"),
            (networks(65), "networks"),
        ] {
            let violation = broken.check().unwrap_err();
            assert_eq!((violation.field.as_str(), violation.reason), (field, Reason::Malformed));
        }
    }

    #[test]
    fn a_view_of_reasons_shows_what_it_names() {
        let only = ReasonView::Only(vec![100, 300]);
        assert!(only.shows(Reason::DemographicMismatch) && !only.shows(Reason::UnknownNumber));
        for reason in Reason::ALL {
            assert!(ReasonView::All.shows(reason) && !ReasonView::None.shows(reason));
        }
    }

    #[test]
    fn a_policy_without_networks_allows_every_address_and_one_with_networks_those() {
        let allows = |policy: &RelyingPartyPolicy, from: &str| policy.allows_address(from.parse().unwrap());
        assert!(allows(&RelyingPartyPolicy::default(), "203.0.113.1"));
        for from in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8:1::1"] {
            assert!(allows(&policy(), from), "{from}");
        }
        for from in ["192.0.3.0", "::ffff:192.0.3.1", "2001:db9::1", "::1"] {
            assert!(!allows(&policy(), from), "{from}");
        }
    }
}
