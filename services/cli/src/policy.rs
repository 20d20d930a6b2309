//! A relying party's policy, as it is written on the command line.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::ArgAction;
use plinth_identity::party::{AttributeSet, Factor, FactorSet, ReasonView, RelyingPartyPolicy, TokenKind};
use plinth_identity::reason::Reason;

use crate::{key_file, words};

/// What may be changed of a policy. What is not given stays as it is; for a new party it is the least.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyChange {
    /// What its requests may use, with commas between: fingerprint, name, date-of-birth, gender, age, phone, email,
    /// address, otp, iris, face; all, or none [a new party: fingerprint,name,date-of-birth,gender].
    #[arg(long, value_name = "LIST", value_parser = words::parse_factors)]
    factors: Option<FactorSet>,
    /// What every one of its requests must use [a new party: none].
    #[arg(long, value_name = "LIST", value_parser = words::parse_factors)]
    mandatory: Option<FactorSet>,
    /// Names and whole addresses may be compared by a share of their words [a new party: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    partial_matching: Option<bool>,
    /// Addresses may be compared as one text [a new party: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    full_address: Option<bool>,
    /// What it may read of people who consent: name, date-of-birth, gender, phone, email, address; all, or none. It needs
    /// --encryption-key [a new party: none].
    #[arg(long, value_name = "LIST", value_parser = words::parse_attributes)]
    attributes: Option<AttributeSet>,
    /// The pseudonym that a yes names the person by: pairwise, which no other party can link, or none [a new party:
    /// pairwise].
    #[arg(long, value_name = "KIND", value_parser = token)]
    token: Option<TokenKind>,
    /// A no tells it why. It can then tell unknown numbers from others.
    #[arg(long, conflicts_with = "reasons")]
    sees_reasons: bool,
    /// The reasons that a no tells it: their numbers with commas between; all, or none [a new party: none].
    /// A reason is told only if every one that is looked for before it is in the list too: 998, 515, 517, 997, 994, 996,
    /// 992, 995, 331, 332, 330, 915, 100, 200, 400, 402, 403, 811, 300.
    #[arg(long, value_name = "LIST", value_parser = reasons)]
    reasons: Option<ReasonView>,
    /// Requests a second; 0 is the service's default, as for every limit [a new party: 0].
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u32>,
    /// Requests that may come at once.
    #[arg(long, value_name = "N")]
    burst: Option<u32>,
    /// Different numbers in a day.
    #[arg(long, value_name = "N")]
    numbers_per_day: Option<u32>,
    /// The share of a day's answers that may be no, in per cent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    failure_percent: Option<u8>,
    /// The networks that it may ask from, with commas between, for example 10.1.0.0/16,2001:db8::/32; or anywhere [a new
    /// party: anywhere].
    #[arg(long, value_name = "LIST")]
    networks: Option<String>,
    /// It must name people by virtual numbers [a new party: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    virtual_number_only: Option<bool>,
    /// People may reach their own records through it [a new party: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    resident_agent: Option<bool>,
    /// Its public encryption key, as `plinth keygen --encryption` wrote it; or none [a new party: none].
    #[arg(long, value_name = "FILE")]
    encryption_key: Option<PathBuf>,
}

/// What a new party may do unless something else is said.
pub(crate) fn least() -> RelyingPartyPolicy {
    let factors = [Factor::Fingerprint, Factor::Name, Factor::DateOfBirth, Factor::Gender];
    RelyingPartyPolicy { factors: factors.into_iter().collect(), ..RelyingPartyPolicy::default() }
}

impl PolicyChange {
    /// The policy with what is given in place of what it says.
    pub(crate) fn apply(self, mut policy: RelyingPartyPolicy) -> anyhow::Result<RelyingPartyPolicy> {
        put(&mut policy.factors, self.factors);
        put(&mut policy.mandatory, self.mandatory);
        put(&mut policy.partial_matching, self.partial_matching);
        put(&mut policy.full_address, self.full_address);
        put(&mut policy.attributes, self.attributes);
        put(&mut policy.token, self.token);
        put(&mut policy.reasons, self.sees_reasons.then_some(ReasonView::All).or(self.reasons));
        put(&mut policy.quotas.requests_per_second, self.requests_per_second);
        put(&mut policy.quotas.burst, self.burst);
        put(&mut policy.quotas.numbers_per_day, self.numbers_per_day);
        put(&mut policy.quotas.failure_percent, self.failure_percent);
        if let Some(networks) = &self.networks {
            put_networks(&mut policy, networks).context("--networks")?;
        }
        put(&mut policy.virtual_number_only, self.virtual_number_only);
        put(&mut policy.resident_agent, self.resident_agent);
        match self.encryption_key.as_deref() {
            None => {}
            Some(file) if file.as_os_str() == "none" => policy.encryption_key = None,
            Some(file) => policy.encryption_key = Some(key_file::read_public_encryption(file)?),
        }
        policy.check().context("the policy")?;
        Ok(policy)
    }
}

/// Prints a whole policy, one line for each thing that it says.
pub(crate) fn print(policy: &RelyingPartyPolicy) {
    let line = |what: &str, value: String| println!("{what:<19} {value}");
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    line("may use", words::list_factors(policy.factors));
    line("must use", words::list_factors(policy.mandatory));
    line("partial matching", yes(policy.partial_matching));
    line("full address", yes(policy.full_address));
    line("may read", words::list_attributes(policy.attributes));
    let token = match policy.token {
        TokenKind::None => "none",
        TokenKind::Pairwise => "pairwise",
    };
    line("token", token.to_owned());
    line("sees reasons", reasons_shown(&policy.reasons));
    let limit = |value: u32| if value == 0 { "the service's".to_owned() } else { value.to_string() };
    line("requests a second", limit(policy.quotas.requests_per_second));
    line("requests at once", limit(policy.quotas.burst));
    line("numbers a day", limit(policy.quotas.numbers_per_day));
    line("no in per cent", limit(policy.quotas.failure_percent.into()));
    let networks: Vec<String> = policy.networks.iter().map(ToString::to_string).collect();
    line("networks", if networks.is_empty() { "anywhere".to_owned() } else { networks.join(", ") });
    line("virtual number only", yes(policy.virtual_number_only));
    line("resident agent", yes(policy.resident_agent));
    line("encryption key", yes(policy.encryption_key.is_some()));
}

/// The reasons that a party sees, in a few words.
pub(crate) fn reasons_shown(view: &ReasonView) -> String {
    match view {
        ReasonView::None => "none".to_owned(),
        ReasonView::All => "all".to_owned(),
        ReasonView::Only(codes) => codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn put<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

fn token(text: &str) -> Result<TokenKind, String> {
    match text {
        "pairwise" => Ok(TokenKind::Pairwise),
        "none" => Ok(TokenKind::None),
        _ => Err("must be pairwise or none".to_owned()),
    }
}

fn reasons(text: &str) -> Result<ReasonView, String> {
    match text {
        "all" => Ok(ReasonView::All),
        "none" => Ok(ReasonView::None),
        _ => {
            let code = |written: &str| {
                let code = written.trim().parse().ok().filter(|code| Reason::from_code(*code).is_some());
                code.ok_or_else(|| {
                    format!("{written} is no reason: see `plinth reasons`; or write all, or none")
                })
            };
            let mut codes = text.split(',').map(code).collect::<Result<Vec<u16>, _>>()?;
            codes.sort_unstable();
            codes.dedup();
            Ok(ReasonView::Only(codes))
        }
    }
}

fn put_networks(policy: &mut RelyingPartyPolicy, text: &str) -> anyhow::Result<()> {
    policy.networks.clear();
    for written in text.split(',').filter(|_| text != "anywhere") {
        let network = written.trim().parse();
        policy.networks.push(
            network.map_err(|_| {
                anyhow!("{written} is no network: write it like 10.1.0.0/16; or write anywhere")
            })?,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use plinth_identity::party::Attribute;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        change: PolicyChange,
    }

    fn apply(arguments: &[&str], policy: RelyingPartyPolicy) -> anyhow::Result<RelyingPartyPolicy> {
        let line = ["test"].into_iter().chain(arguments.iter().copied());
        Line::try_parse_from(line)?.change.apply(policy)
    }

    #[test]
    fn what_is_given_is_changed_and_the_rest_stays() {
        let rich = apply(
            &[
                "--factors",
                "all",
                "--mandatory",
                "otp",
                "--partial-matching",
                "--full-address=true",
                "--token",
                "none",
                "--reasons",
                "998,300,300",
                "--burst",
                "7",
                "--failure-percent",
                "100",
                "--networks",
                "10.0.0.0/8,2001:db8::/32",
                "--virtual-number-only",
                "--resident-agent",
            ],
            least(),
        )
        .unwrap();
        assert_eq!((rich.factors, rich.mandatory), (FactorSet::ALL, FactorSet::EMPTY.with(Factor::Otp)));
        assert!(rich.partial_matching && rich.full_address);
        assert!(rich.virtual_number_only && rich.resident_agent);
        assert_eq!((rich.token, &rich.reasons), (TokenKind::None, &ReasonView::Only(vec![300, 998])));
        assert_eq!((rich.quotas.burst, rich.quotas.failure_percent, rich.networks.len()), (7, 100, 2));
        assert_eq!(apply(&[], rich.clone()).unwrap(), rich);

        let poorer =
            apply(&["--partial-matching=false", "--networks", "anywhere", "--sees-reasons"], rich.clone())
                .unwrap();
        assert!(!poorer.partial_matching && poorer.full_address && poorer.networks.is_empty());
        assert_eq!(poorer.reasons, ReasonView::All);
        assert_eq!(poorer.factors, rich.factors);
    }

    #[test]
    fn a_new_party_may_do_the_least() {
        let policy = apply(&[], least()).unwrap();
        assert!(!policy.partial_matching && !policy.full_address && !policy.resident_agent);
        assert!(policy.attributes.is_empty() && policy.reasons == ReasonView::None);
        assert!(!policy.factors.contains(Factor::Otp) && policy.factors.contains(Factor::Fingerprint));
    }

    #[test]
    fn an_encryption_key_is_read_from_the_file_of_its_public_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reading.key");
        let key =
            plinth_identity::sealing::EncryptionKey::generate(&mut rand::make_rng::<rand::rngs::StdRng>());
        let public = key_file::write_encryption_pair(&path, &key).unwrap();
        let public = public.to_str().unwrap();
        let policy = apply(&["--attributes", "name", "--encryption-key", public], least()).unwrap();
        assert_eq!(policy.encryption_key, Some(key.public()));
        assert_eq!(policy.attributes, AttributeSet::EMPTY.with(Attribute::Name));
        assert!(apply(&["--encryption-key", "none"], policy).is_err(), "attributes without a key");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [
            &["--factors", "shoe"][..],
            &["--mandatory", "otp"],
            &["--attributes", "name"],
            &["--reasons", "12345"],
            &["--reasons", ""],
            &["--reasons", "300", "--sees-reasons"],
            &["--networks", "10.0.0.0"],
            &["--token", "global"],
            &["--failure-percent", "101"],
        ] {
            assert!(apply(arguments, least()).is_err(), "{arguments:?}");
        }
    }
}
