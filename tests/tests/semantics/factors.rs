//! Factors: every rule of matching, every combination, and every question that cannot be asked.

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
use plinth_proto::authentication::v1::{
    AuthenticationRequest, DemographicClaim as WireClaim, Factor as WireFactor, MatchStrategy,
};
use plinth_proto::person::v1::{
    Address as WireAddress, FaceSample, FingerSample as WireFinger, Gender as WireGender, IrisEye, IrisSample,
};
use plinth_tests::START;

use crate::orders::{shown, step_of};
use crate::town::{
    DAY_MS, NAME, OTHER_NAME, Resident, Town, YES, address, by_fingers, email, hand, misread, no,
    open_policy, phone, reason, strange_finger, unknown_number, with_policy,
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
            let gender = Gender::from_letter(example.claimed.chars().next().unwrap()).unwrap();
            claim.gender = WireGender::from(gender).into();
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

type Change = fn(&mut AuthenticationRequest);

fn claim(body: &mut AuthenticationRequest) -> &mut WireClaim {
    body.claim.as_mut().unwrap()
}

fn irises(eyes: &[IrisEye]) -> Vec<IrisSample> {
    eyes.iter().map(|eye| IrisSample { eye: (*eye).into(), template: vec![1; 64] }).collect()
}

fn faces(count: usize) -> Vec<FaceSample> {
    vec![FaceSample { template: vec![1; 64] }; count]
}

fn declare(body: &mut AuthenticationRequest, factors: &[WireFactor]) {
    body.declared = factors.iter().map(|factor| (*factor).into()).collect();
}

/// Sends each of these questions, changed from one about a name, about somebody and about nobody. Both must be refused
/// alike, and nothing of it may count, be logged or be remembered.
async fn all_are_refused(cases: &[(&str, Change, u16, &str)]) {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let right = || by_fingers(resident.number, hand(1));
    let before = town.ask(&bank, right()).await.unwrap().header.log_position;
    for (what, change, code, field) in cases {
        // Five failures in a row would have to wait.
        for _ in 0..3 {
            let mut refusals = Vec::new();
            for number in [resident.number, unknown_number(1)] {
                let mut body = town.question("bank", number);
                change(&mut body);
                refusals.push(town.put(&bank, &body).await.expect_err(what));
            }
            assert_eq!(reason(&refusals[0]).code(), *code, "{what}");
            let fields: Vec<_> = refusals[0].violations.iter().map(|one| one.field.as_str()).collect();
            let expected = if field.is_empty() { vec![] } else { vec![*field] };
            assert_eq!(fields, expected, "{what}");
            assert_eq!(refusals[0], refusals[1], "{what}");
        }
    }
    let after = town.ask(&bank, right()).await.unwrap().header.log_position;
    assert_eq!(after, before.next(), "a refused question stands in the log");
    assert_eq!(town.page(&office, resident, 100, None).await.0.len(), 2, "a refused question is remembered");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_is_what_is_sent_and_is_enough() {
    use WireFactor::{Age, DateOfBirth, Fingerprint, Gender, Name};
    all_are_refused(&[
        ("more declared than sent", |b| declare(b, &[Name, Fingerprint]), 550, "declared"),
        ("less declared than sent", |b| claim(b).phone = Some(phone(1)), 550, "declared"),
        ("something else declared", |b| declare(b, &[WireFactor::Email]), 550, "declared"),
        ("nothing declared", |b| b.declared.clear(), 550, "declared"),
        (
            "nothing at all",
            |b| {
                b.claim = None;
                b.declared.clear();
            },
            901,
            "declared",
        ),
        (
            "a gender alone",
            |b| {
                b.claim = Some(WireClaim { gender: WireGender::Female.into(), ..WireClaim::default() });
                declare(b, &[Gender]);
            },
            901,
            "declared",
        ),
        (
            "a year alone",
            |b| {
                b.claim = Some(WireClaim { date_of_birth: Some("1990".to_owned()), ..WireClaim::default() });
                declare(b, &[DateOfBirth]);
            },
            901,
            "declared",
        ),
        (
            "an age, a year and a gender",
            |b| {
                b.claim = Some(WireClaim {
                    date_of_birth: Some("1990".to_owned()),
                    gender: WireGender::Female.into(),
                    minimum_age: Some(18),
                    ..WireClaim::default()
                });
                declare(b, &[DateOfBirth, Gender, Age]);
            },
            901,
            "declared",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_contradict_themselves_are_refused() {
    use WireFactor::{Address, Name};
    all_are_refused(&[
        (
            "both addresses",
            |b| {
                claim(b).address = Some((&address(1)).into());
                claim(b).full_address = Some("1 Lake Street".to_owned());
                declare(b, &[Name, Address]);
            },
            913,
            "claim.full_address",
        ),
        (
            "more than all of the name",
            |b| {
                claim(b).name_strategy = MatchStrategy::Partial.into();
                claim(b).name_match_value = 101;
            },
            912,
            "claim.name_match_value",
        ),
        (
            "a share of an exact name",
            |b| {
                claim(b).name_strategy = MatchStrategy::Exact.into();
                claim(b).name_match_value = 50;
            },
            912,
            "claim.name_match_value",
        ),
        (
            "more than all of the address",
            |b| {
                claim(b).full_address = Some("1 Lake Street".to_owned());
                claim(b).full_address_strategy = MatchStrategy::Partial.into();
                claim(b).full_address_match_value = 4_000_000_000;
                declare(b, &[Name, Address]);
            },
            912,
            "claim.full_address_match_value",
        ),
        (
            "a date that does not exist",
            |b| {
                claim(b).date_of_birth = Some("1990-02-30".to_owned());
                declare(b, &[Name, WireFactor::DateOfBirth]);
            },
            902,
            "claim.date_of_birth",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_irises_and_faces_have_limits_and_no_matcher_yet() {
    use IrisEye::{Left, Right, Unspecified};
    use WireFactor::{Face, Iris, Name};
    all_are_refused(&[
        (
            "three irises",
            |b| {
                b.irises = irises(&[Left, Right, Unspecified]);
                declare(b, &[Name, Iris]);
            },
            315,
            "irises",
        ),
        (
            "one eye twice",
            |b| {
                b.irises = irises(&[Left, Left]);
                declare(b, &[Name, Iris]);
            },
            311,
            "irises[1].eye",
        ),
        (
            "two faces",
            |b| {
                b.faces = faces(2);
                declare(b, &[Name, Face]);
            },
            316,
            "faces",
        ),
        (
            "a face alone",
            |b| {
                b.claim = None;
                b.faces = faces(1);
                declare(b, &[Face]);
            },
            914,
            "faces",
        ),
        (
            "a face and a gender",
            |b| {
                b.claim = Some(WireClaim { gender: WireGender::Female.into(), ..WireClaim::default() });
                b.faces = faces(1);
                declare(b, &[WireFactor::Gender, Face]);
            },
            914,
            "faces",
        ),
        ("an iris that is not declared", |b| b.irises = irises(&[Left]), 550, "declared"),
        (
            "two irises, which nothing can match",
            |b| {
                b.irises = irises(&[Left, Right]);
                declare(b, &[Name, Iris]);
            },
            1014,
            "",
        ),
        (
            "an iris alone, which nothing can match",
            |b| {
                b.claim = None;
                b.irises = irises(&[Unspecified]);
                declare(b, &[Iris]);
            },
            1014,
            "",
        ),
        (
            "a face beside a name, which nothing can match",
            |b| {
                b.faces = faces(1);
                declare(b, &[Name, Face]);
            },
            1014,
            "",
        ),
        (
            "an iris beside a stranger's finger",
            |b| {
                let finger = strange_finger().remove(0);
                b.fingers = vec![WireFinger {
                    position: finger.position.code().into(),
                    record: finger.record.clone(),
                }];
                b.irises = irises(&[Left]);
                declare(b, &[Name, WireFactor::Fingerprint, Iris]);
            },
            1014,
            "",
        ),
    ])
    .await;
}
