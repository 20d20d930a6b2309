//! Factors: every rule of matching, in every combination.

use std::collections::BTreeMap;

use plinth_client::AuthenticationDraft;
use plinth_identity::application::FingerSample;
use plinth_identity::authentication::Verdict;
use plinth_identity::demographics::{
    AddressClaim, BirthClaim, DateOfBirth, DemographicClaim, Email, Gender, Name, NameClaim, Phone,
};
use plinth_identity::examples::{self, Comparison, EXAMPLES, Example, Outcome, Rule};
use plinth_identity::otp::TotpSecret;
use plinth_identity::party::{Factor, FactorSet, Party, Quotas, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_proto::authentication::v1::{DemographicClaim as WireClaim, Factor as WireFactor, MatchStrategy};
use plinth_proto::person::v1::{Address as WireAddress, Gender as WireGender};
use plinth_tests::START;

use crate::orders::{shown, step_of};
use crate::town::{
    DAY_MS, NAME, OTHER_NAME, Resident, Town, YES, address, by_fingers, email, hand, misread, no,
    open_policy, phone, reason, strange_finger, with_policy,
};

/// An example's claim as it stands in a request, right or wrong, with the factors it uses.
fn claim_of(example: &Example) -> (WireClaim, Vec<i32>) {
    let mut claim = WireClaim::default();
    let mut declared = Vec::new();
    if matches!(example.comparison, Comparison::WithName | Comparison::WithNameOn(_)) {
        claim.name = Some(examples::NAME.to_owned());
        declared.push(WireFactor::Name);
    }
    let text = Some(example.claimed.to_owned());
    let (strategy, value) = match example.comparison {
        Comparison::Partial(percent) => (MatchStrategy::Partial.into(), percent),
        Comparison::Exact | Comparison::WithName | Comparison::WithNameOn(_) => (0, 0),
    };
    declared.push(match example.rule {
        Rule::ExactName | Rule::PartialName => {
            (claim.name, claim.name_strategy, claim.name_match_value) = (text, strategy, value);
            WireFactor::Name
        }
        Rule::Birth => {
            claim.date_of_birth = text;
            WireFactor::DateOfBirth
        }
        Rule::Age => {
            claim.minimum_age = Some(example.claimed.parse().unwrap());
            WireFactor::Age
        }
        Rule::Gender => {
            // A letter that stands for no gender is a number that stands for none.
            let gender = Gender::from_letter(example.claimed.chars().next().unwrap());
            claim.gender = gender.map_or(9, |gender| WireGender::from(gender).into());
            WireFactor::Gender
        }
        Rule::Phone => {
            claim.phone = text;
            WireFactor::Phone
        }
        Rule::Email => {
            claim.email = text;
            WireFactor::Email
        }
        Rule::StructuredAddress => {
            claim.address = Some(lines(example.claimed));
            WireFactor::Address
        }
        Rule::FullAddress | Rule::PartialAddress => {
            claim.full_address = text;
            (claim.full_address_strategy, claim.full_address_match_value) = (strategy, value);
            WireFactor::Address
        }
    });
    (claim, declared.into_iter().map(Into::into).collect())
}

/// An address as examples write it.
fn lines(text: &str) -> WireAddress {
    let mut address = WireAddress::default();
    for line in text.split("; ") {
        let (name, value) = line.split_once('=').unwrap();
        let field = match name {
            "care_of" => &mut address.care_of,
            "house" => &mut address.house,
            "street" => &mut address.street,
            "landmark" => &mut address.landmark,
            "locality" => &mut address.locality,
            "district" => &mut address.district,
            "state" => &mut address.state,
            "postcode" => &mut address.postcode,
            "country" => &mut address.country,
            other => panic!("an address has no {other}"),
        };
        value.clone_into(field);
    }
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_document_is_answered_as_it_says() {
    let town = Town::new().await;
    let policy =
        RelyingPartyPolicy { quotas: Quotas { failure_percent: 100, ..Quotas::default() }, ..open_policy() };
    let bank = Party { valid_until: START.plus_millis(60 * 366 * DAY_MS), ..with_policy("bank", policy) };
    town.world.register(bank).await;
    let bank = town.party_again("bank").await;

    // One person for everything that is recorded anywhere.
    let mut people: BTreeMap<String, Resident> = BTreeMap::new();
    let key = |example: &Example| {
        let person = example.person().unwrap();
        let address = person.address.as_ref().map(|address| address.to_text().to_string());
        let contact = (person.phone.as_ref().map(Phone::as_str), person.email.as_ref().map(Email::as_str));
        let (name, born, gender) =
            (person.name.as_str(), person.date_of_birth.reveal(), person.gender.letter());
        format!("{name:?} {born} {gender} {contact:?} {address:?} {:?}", example.recorded)
    };
    for example in EXAMPLES {
        if !people.contains_key(&key(example)) {
            let person = u64::try_from(people.len()).unwrap();
            people.insert(key(example), town.enrol_as(person, example.person().unwrap()).await);
        }
    }

    let mut examples: Vec<_> = EXAMPLES.iter().collect();
    examples.sort_by_key(|example| example.now().unwrap());
    let mut answered = 0;
    for example in examples {
        town.world.clock.set(town.now().max(example.now().unwrap()));
        let resident = people[&key(example)];
        let mut question = town.question("bank", resident.number);
        let (claim, declared) = claim_of(example);
        (question.claim, question.declared) = (Some(claim), declared);
        let outcome = match town.put(&bank, &question).await {
            Ok(statement) if statement.verdict == Verdict::Yes => Outcome::Yes,
            Ok(statement) => {
                let address = matches!(
                    example.rule,
                    Rule::StructuredAddress | Rule::FullAddress | Rule::PartialAddress
                );
                let expected = if address { Reason::AddressMismatch } else { Reason::DemographicMismatch };
                assert_eq!(statement.reason, Some(expected), "{example:?}");
                // A yes to something else, so that the next no is not one too many in a row.
                let fingers = by_fingers(resident.number, hand(resident.person));
                assert_eq!(town.told(&bank, fingers).await, YES);
                Outcome::No
            }
            Err(refusal) => Outcome::Refused(reason(&refusal)),
        };
        assert_eq!(outcome, example.expected, "{example:?}");
        answered += 1;
    }
    assert_eq!(answered, EXAMPLES.len());
    town.close().await;
}

/// The factors that can be matched.
const MATCHED: [Factor; 9] = [
    Factor::Name,
    Factor::DateOfBirth,
    Factor::Gender,
    Factor::Age,
    Factor::Phone,
    Factor::Email,
    Factor::Address,
    Factor::Fingerprint,
    Factor::Otp,
];

/// Somebody with everything that can be matched.
struct Witness {
    resident: Resident,
    hand: Vec<FingerSample>,
    secret: TotpSecret,
}

impl Witness {
    async fn new(town: &Town) -> Self {
        let resident = town.enrol(1).await;
        let office = town.office().await;
        let secret = town.authenticator(&office, resident).await;
        Self { resident, hand: hand(1), secret }
    }

    /// A question with some factors, one of which may be wrong. A code uses up a step of the authenticator.
    fn question(&self, town: &Town, factors: FactorSet, wrong: Option<Factor>) -> AuthenticationDraft {
        let has = |factor| factors.contains(factor);
        let either = |factor, right, other| if wrong == Some(factor) { other } else { right };
        let (own, others) = (self.resident.person, self.resident.person + 1);
        let mut draft = by_fingers(self.resident.number, Vec::new());
        draft.claim = DemographicClaim {
            name: has(Factor::Name)
                .then(|| NameClaim::from(Name::parse(either(Factor::Name, NAME, OTHER_NAME)).unwrap())),
            birth: has(Factor::DateOfBirth).then(|| {
                let date = either(Factor::DateOfBirth, "1990-04-17", "1990-04-18");
                BirthClaim::Date(DateOfBirth::parse(date).unwrap())
            }),
            gender: has(Factor::Gender).then_some(if wrong == Some(Factor::Gender) {
                Gender::Male
            } else {
                Gender::Female
            }),
            // 35 years old at the start of the clock.
            minimum_age: has(Factor::Age).then_some(if wrong == Some(Factor::Age) { 36 } else { 35 }),
            phone: has(Factor::Phone).then(|| {
                Phone::parse(&phone(if wrong == Some(Factor::Phone) { others } else { own })).unwrap()
            }),
            email: has(Factor::Email).then(|| {
                Email::parse(&email(if wrong == Some(Factor::Email) { others } else { own })).unwrap()
            }),
            address: has(Factor::Address).then(|| {
                AddressClaim::Structured(address(if wrong == Some(Factor::Address) { others } else { own }))
            }),
        };
        if has(Factor::Fingerprint) {
            draft.fingers =
                if wrong == Some(Factor::Fingerprint) { strange_finger() } else { self.hand.clone() };
        }
        if has(Factor::Otp) {
            let right = shown(&self.secret, step_of(town.now()));
            draft.code = Some(if wrong == Some(Factor::Otp) { misread(&right) } else { right });
        }
        draft
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_combination_of_right_factors_is_a_yes() {
    let town = Town::new().await;
    let witness = Witness::new(&town).await;
    let bank = town.bank().await;
    let weak = FactorSet::EMPTY.with(Factor::Gender).with(Factor::Age);
    let mut asked = 0;
    for combination in 1_u32..1 << MATCHED.len() {
        let chosen = |(index, factor)| (combination >> index & 1 == 1).then_some(factor);
        let factors: FactorSet = MATCHED.into_iter().enumerate().filter_map(chosen).collect();
        if factors.is_subset_of(weak) {
            continue;
        }
        if factors.contains(Factor::Otp) {
            town.wait(30_000);
        }
        let told = town.told(&bank, witness.question(&town, factors, None)).await;
        assert_eq!(told, YES, "{factors:?}");
        asked += 1;
    }
    assert_eq!(asked, 511 - 3);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_factor_spoils_any_company() {
    let town = Town::new().await;
    let witness = Witness::new(&town).await;
    let policy =
        RelyingPartyPolicy { quotas: Quotas { failure_percent: 100, ..Quotas::default() }, ..open_policy() };
    let bank = town.party("bank", policy).await;
    let all: FactorSet = MATCHED.into_iter().collect();
    for wrong in MATCHED {
        let expected = no(match wrong {
            Factor::Address => Reason::AddressMismatch,
            Factor::Otp => Reason::OtpMismatch,
            Factor::Fingerprint => Reason::BiometricMismatch,
            _ => Reason::DemographicMismatch,
        });
        let pairs = MATCHED.into_iter().filter(|other| *other != wrong);
        let companies = pairs.map(|other| [wrong, other].into_iter().collect()).chain([all]);
        let weak = FactorSet::EMPTY.with(Factor::Gender).with(Factor::Age);
        for factors in companies.filter(|factors: &FactorSet| !factors.is_subset_of(weak)) {
            town.wait(30_000);
            let told = town.told(&bank, witness.question(&town, factors, Some(wrong))).await;
            assert_eq!(told, expected, "{wrong:?} in {factors:?}");
            // A code that fits, so that neither wait nor budget of fingers comes in between.
            town.wait(30_000);
            assert_eq!(town.told(&bank, witness.question(&town, all, None)).await, YES);
        }
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_factor_in_front_hides_the_ones_behind() {
    // The reason is the first of the list, so that only one thing is ever told.
    let town = Town::new().await;
    let witness = Witness::new(&town).await;
    let bank = town.bank().await;
    let mut draft = witness.question(&town, FactorSet::EMPTY.with(Factor::Name), Some(Factor::Name));
    draft.fingers = strange_finger();
    draft.claim.address = Some(AddressClaim::Structured(address(2)));
    draft.code = Some(misread(&shown(&witness.secret, step_of(town.now()))));
    assert_eq!(town.told(&bank, draft.clone()).await, no(Reason::DemographicMismatch));
    draft.claim.name = Some(Name::parse(NAME).unwrap().into());
    assert_eq!(town.told(&bank, draft.clone()).await, no(Reason::AddressMismatch));
    draft.claim.address = Some(AddressClaim::Structured(address(1)));
    assert_eq!(town.told(&bank, draft.clone()).await, no(Reason::OtpMismatch));
    draft.code = Some(shown(&witness.secret, step_of(town.now())));
    assert_eq!(town.told(&bank, draft).await, no(Reason::BiometricMismatch));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_below_five_is_not_recognised_by_fingers() {
    let town = Town::new().await;
    let mut child = crate::town::demographics(1);
    child.date_of_birth = DateOfBirth::parse("2021-01-02").unwrap();
    let resident = town.enrol_as(1, child).await;
    let bank = town.bank().await;
    let told = town.told(&bank, by_fingers(resident.number, hand(1))).await;
    assert_eq!(told, no(Reason::ChildBelowFive));
    assert_eq!(told.1.unwrap().code(), 915);
    town.wait(DAY_MS);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES, "it is the fifth birthday");
    town.close().await;
}
