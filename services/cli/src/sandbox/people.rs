//! The ten people of a sandbox: who they are, and what is done for them before anybody asks.

use anyhow::{Context as _, anyhow, ensure};
use plinth_biometrics::FingerPosition;
use plinth_biometrics::calibration::compare_people;
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::demographics::{
    Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::policy::AuthenticationPolicy;
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::VirtualNumberKind;

/// Names the fingers of everybody in every sandbox.
const SEED: u64 = 2026;

/// Touches of one finger that are tried for a second capture. Most of them serve.
const TOUCHES: u32 = 64;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// One of the ten.
pub(crate) struct Person {
    /// `01` to `10`: the name of their folder.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    born: Born,
    gender: Gender,
    pub(crate) phone: Option<&'static str>,
    pub(crate) email: Option<&'static str>,
    address: Option<[&'static str; 9]>,
    /// What is done for them, in this order.
    pub(crate) preparations: &'static [Preparation],
    /// What they are there for, for the documents.
    pub(crate) note: &'static str,
}

#[derive(Clone, Copy)]
enum Born {
    On(&'static str),
    /// On the first of January so many years before the sandbox was made, so that a child is one.
    YearsBefore(i16),
}

/// What a person has done through the resident agent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// A virtual number, good for so many milliseconds or for ever. The one before it is revoked.
    VirtualNumber(VirtualNumberKind, Option<u64>),
    /// The number is locked.
    LockNumber,
    /// Fingers are locked.
    LockFingers,
    /// An authenticator is set up.
    Authenticator,
}

/// Everybody. Telephone numbers are those that regulators keep free for fiction, mail goes to a domain that cannot exist.
pub(crate) const PEOPLE: [Person; 10] = [
    Person {
        id: "01",
        name: "Asha Verma",
        born: Born::On("1990-04-17"),
        gender: Gender::Female,
        phone: Some("+442079460101"),
        email: Some("asha.verma@mail.example"),
        address: Some([
            "D/O Ram Verma",
            "Flat 4B",
            "12 Lotus Road",
            "Near the Old Mill",
            "Green Park",
            "New Delhi",
            "Delhi",
            "110099",
            "India",
        ]),
        preparations: &[],
        note: "Everything is recorded and nothing is special: begin here.",
    },
    Person {
        id: "02",
        name: "Dr. Meera K. R. Nair",
        born: Born::On("1978-11-02"),
        gender: Gender::Female,
        phone: Some("+442079460102"),
        email: Some("meera.nair@mail.example"),
        address: Some(["", "7", "Hill Street", "", "Kochi", "Ernakulam", "Kerala", "682099", "India"]),
        preparations: &[],
        note: "The name has a title and two initials.",
    },
    Person {
        id: "03",
        name: "राम कुमार शर्मा",
        born: Born::On("1985-01-26"),
        gender: Gender::Male,
        phone: None,
        email: Some("ram.sharma@mail.example"),
        address: Some(["", "221", "गांधी मार्ग", "", "वाराणसी", "", "उत्तर प्रदेश", "221099", "भारत"]),
        preparations: &[],
        note: "No phone is recorded: one-time codes go by e-mail.",
    },
    Person {
        id: "04",
        name: "王 小明",
        born: Born::On("1999-09-09"),
        gender: Gender::Male,
        phone: Some("+442079460104"),
        email: Some("wang.xiaoming@mail.example"),
        address: None,
        preparations: &[],
        note: "No address is recorded.",
    },
    Person {
        id: "05",
        name: "Ольга Петровна Иванова",
        born: Born::On("1969-06-30"),
        gender: Gender::Female,
        phone: Some("+442079460105"),
        email: Some("olga.ivanova@mail.example"),
        address: Some(["", "3", "улица Мира", "", "Тверь", "", "", "170099", "Россия"]),
        preparations: &[
            Preparation::VirtualNumber(VirtualNumberKind::Perpetual, None),
            Preparation::LockNumber,
        ],
        note: "The number is locked; a perpetual virtual number works.",
    },
    Person {
        id: "06",
        name: "ليلى حسن",
        born: Born::On("1994-12-21"),
        gender: Gender::Female,
        phone: Some("+442079460106"),
        email: Some("layla.hassan@mail.example"),
        address: Some(["", "15", "شارع النيل", "", "القاهرة", "", "", "11599", "مصر"]),
        preparations: &[Preparation::Authenticator, Preparation::LockFingers],
        note: "Fingers are locked; an authenticator (TOTP) is set up.",
    },
    Person {
        id: "07",
        name: "Noor Lindqvist",
        born: Born::YearsBefore(3),
        gender: Gender::Female,
        phone: Some("+442079460107"),
        email: Some("lindqvist.family@mail.example"),
        address: Some(["", "9", "Storgatan", "", "Uppsala", "", "", "75099", "Sverige"]),
        preparations: &[],
        note: "A child below five: fingers are not accepted.",
    },
    Person {
        id: "08",
        name: "Jürgen Groß-Weber",
        born: Born::On("1958-03-08"),
        gender: Gender::Male,
        phone: Some("+442079460108"),
        email: Some("juergen.gross@mail.example"),
        address: Some(["", "5", "Lindenstraße", "", "Köln", "", "", "50999", "Deutschland"]),
        preparations: &[Preparation::VirtualNumber(VirtualNumberKind::Expiring, Some(365 * DAY_MS))],
        note: "A virtual number that expires after a year.",
    },
    Person {
        id: "09",
        name: "Siobhán O’Brien",
        born: Born::On("2001-02-28"),
        gender: Gender::Female,
        phone: Some("+442079460109"),
        email: Some("siobhan.obrien@mail.example"),
        address: Some(["", "1", "Quay Street", "", "Galway", "", "", "H91 XY99", "Ireland"]),
        preparations: &[Preparation::VirtualNumber(VirtualNumberKind::OneTime, None)],
        note: "A virtual number for one use.",
    },
    Person {
        id: "10",
        name: "Σοφία Παπαδοπούλου",
        born: Born::On("1947-07-14"),
        gender: Gender::Third,
        phone: Some("+442079460110"),
        email: Some("sofia.papadopoulou@mail.example"),
        address: Some(["", "8", "Οδός Ερμού", "", "Αθήνα", "", "", "10599", "Ελλάδα"]),
        preparations: &[
            Preparation::VirtualNumber(VirtualNumberKind::Perpetual, None),
            Preparation::VirtualNumber(VirtualNumberKind::Expiring, Some(1)),
        ],
        note: "One virtual number has expired, the one before it is revoked.",
    },
];

impl Person {
    /// What is recorded of them in a sandbox that is made at this moment.
    pub(crate) fn demographics(&self, made: Timestamp) -> anyhow::Result<Demographics> {
        let record = || -> anyhow::Result<Demographics> {
            Ok(Demographics {
                name: Name::parse(self.name)?,
                date_of_birth: self.born.date(made)?,
                gender: self.gender,
                phone: self.phone.map(Phone::parse).transpose()?,
                email: self.email.map(Email::parse).transpose()?,
                address: self.address.map(address).transpose()?,
            })
        };
        record().with_context(|| format!("person {} cannot be recorded", self.id))
    }

    /// The ten fingers as they are enrolled, one record each.
    pub(crate) fn enrolled(&self) -> anyhow::Result<Vec<FingerSample>> {
        let body = self.body()?;
        Ok(FingerPosition::ALL.into_iter().map(|position| touch(&body, position, 0)).collect())
    }

    /// The ten fingers captured a second time, each of them such that it is recognised alone. Not every touch of a finger
    /// is; the first one that is stands here.
    pub(crate) fn second_captures(&self) -> anyhow::Result<Vec<FingerSample>> {
        let body = self.body()?;
        FingerPosition::ALL.into_iter().map(|position| self.second_capture(&body, position)).collect()
    }

    fn second_capture(
        &self,
        body: &SyntheticPerson,
        position: FingerPosition,
    ) -> anyhow::Result<FingerSample> {
        let fmr = AuthenticationPolicy::default().fmr;
        let enrolled = features(&touch(body, position, 0))?;
        for capture in 1..=TOUCHES {
            let again = touch(body, position, capture);
            // A touch too poor to be used at all is no second capture either.
            let Ok(probe) = features(&again) else { continue };
            if compare_people(&mut Matcher::new(), &probe, &enrolled).reaches(fmr) {
                return Ok(again);
            }
        }
        Err(anyhow!("no touch of the {position} of person {} is recognised", self.id))
    }

    fn body(&self) -> anyhow::Result<SyntheticPerson> {
        Ok(SyntheticPerson::new(SEED, self.id.parse().context("the id of a person is a number")?))
    }
}

impl Born {
    fn date(self, made: Timestamp) -> anyhow::Result<DateOfBirth> {
        match self {
            Self::On(date) => Ok(DateOfBirth::parse(date)?),
            Self::YearsBefore(years) => {
                let text = made.to_string();
                let year: i16 = text.get(..4).and_then(|year| year.parse().ok()).context("no such year")?;
                Ok(DateOfBirth::new(year - years, 1, 1)?)
            }
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::On(date) => date.to_owned(),
            Self::YearsBefore(years) => format!("1 January, {years} years before the sandbox was made"),
        }
    }
}

fn address(lines: [&str; 9]) -> anyhow::Result<Address> {
    let mut fields = AddressFields::default();
    for (name, text) in Address::LINES.into_iter().zip(lines) {
        text.clone_into(fields.line_mut(name).context("an address has nine lines")?);
    }
    Ok(Address::new(fields)?)
}

fn touch(body: &SyntheticPerson, position: FingerPosition, capture: u32) -> FingerSample {
    FingerSample { position, record: body.capture(position, capture).encode() }
}

fn features(sample: &FingerSample) -> anyhow::Result<Vec<FingerFeatures>> {
    let features = Fingers::new(vec![sample.clone()])?.features()?;
    ensure!(features.len() == 1, "a capture is of one finger");
    Ok(features)
}

/// The ten people as a table of Markdown.
pub(crate) fn people_markdown() -> String {
    let mut page = String::from(
        "| | Name | Born | Gender | Phone | E-mail | Address | What is special |\n|---|---|---|---|---|---|---|---|\n",
    );
    for person in &PEOPLE {
        let address: Vec<&str> =
            person.address.iter().flatten().copied().filter(|line| !line.is_empty()).collect();
        let cells = [
            person.id.to_owned(),
            person.name.to_owned(),
            person.born.in_words(),
            person.gender.letter().to_string(),
            person.phone.unwrap_or("none").to_owned(),
            person.email.unwrap_or("none").to_owned(),
            if address.is_empty() { "none".to_owned() } else { address.join(", ") },
            person.note.to_owned(),
        ];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    #[test]
    fn everybody_can_be_recorded_and_their_ids_are_in_order() {
        for (index, person) in PEOPLE.iter().enumerate() {
            assert_eq!(person.id, format!("{:02}", index + 1));
            let recorded = person.demographics(NOW).unwrap();
            assert_eq!(recorded.age_at(NOW) < 5, person.id == "07", "{}", person.id);
        }
    }

    #[test]
    fn every_second_capture_is_recognised_alone_and_is_not_the_enrolled_one() {
        for person in &PEOPLE {
            let (enrolled, again) = (person.enrolled().unwrap(), person.second_captures().unwrap());
            assert_eq!((enrolled.len(), again.len()), (10, 10));
            for (first, second) in enrolled.iter().zip(&again) {
                assert_eq!(first.position, second.position);
                assert_ne!(first.record, second.record);
            }
        }
    }

    #[test]
    fn nobody_is_taken_for_anybody_else() {
        let all = |person: &Person| Fingers::new(person.enrolled().unwrap()).unwrap().features().unwrap();
        let galleries: Vec<_> = PEOPLE.iter().map(all).collect();
        let fmr = AuthenticationPolicy::default().fmr;
        for (index, person) in PEOPLE.iter().enumerate() {
            for sample in person.second_captures().unwrap() {
                let probe = features(&sample).unwrap();
                for (other, gallery) in galleries.iter().enumerate() {
                    let alike = compare_people(&mut Matcher::new(), &probe, gallery).reaches(fmr);
                    assert_eq!(alike, other == index, "{} as {other}", person.id);
                }
            }
        }
    }

    /// Asked for at run time: checkouts may share one build folder.
    fn page() -> PathBuf {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
        Path::new(&here).join("../../docs/sandbox.md")
    }

    #[test]
    fn the_page_about_the_sandbox_has_the_table_of_its_people() {
        const BEGIN: &str = "<!-- the table of people: made by the code -->\n";
        const END: &str = "<!-- end of the table -->";
        let text = std::fs::read_to_string(page()).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}{}{END}{after}", people_markdown());
        if std::env::var_os("PLINTH_WRITE_DOCS").is_some() {
            std::fs::write(page(), expected).unwrap();
            return;
        }
        assert!(
            text == expected,
            "docs/sandbox.md differs from the code; write it again: PLINTH_WRITE_DOCS=1 cargo test --release \
             --workspace --locked --bin plinth the_page_about_the_sandbox"
        );
    }
}
