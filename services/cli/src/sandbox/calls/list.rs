//! The calls themselves, person by person.
//!
//! Five failures in a row at one relying party make a person wait, and twenty failed attempts with fingers close fingers
//! there until a one-time code is given. So nobody's calls end with a no, and whoever's fingers fail gives a code at the
//! end: the list can be gone through as often as one likes.

use anyhow::Context as _;
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;

use super::{Call, Code, Expect, Finger, Kind, Request};
use crate::sandbox::files;
use crate::sandbox::founding::Resident;
use crate::sandbox::parties::{AGENT, BANK, SHOP};

const USED_UP: &str = "the number is for one use";
const ONE_STEP: &str = "a code of an authenticator is good for one use; the next one comes within 30 seconds";

pub(super) fn calls(residents: &[Resident], nobody: &IdentityNumber) -> anyhow::Result<Vec<Call>> {
    let cast = Cast(residents);
    let mut calls = Vec::new();
    calls.extend(everything(&cast)?);
    calls.extend(several_attributes(&cast)?);
    calls.extend(names(&cast)?);
    calls.extend(what_is_not_recorded(&cast)?);
    calls.extend(locks(&cast)?);
    calls.extend(virtual_numbers(&cast)?);
    calls.extend(nobodys(nobody));
    Ok(calls)
}

/// 01, whose every factor is recorded.
fn everything(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let asha = cast.of("01")?;
    let ask = |id, about| Draft::new(id, about, BANK, asha.number());
    let consent = "Sandbox Bank may read my name, my date of birth and my address to open an account.";
    let reading = ["name", "date-of-birth", "address"];
    Ok(vec![
        ask("01-name", "the name as it is recorded").name("Asha Verma").yes(),
        ask("01-name-in-capitals", "capitals and spaces make no difference").name("ASHA  VERMA").yes(),
        ask("01-other-name", "a name that is not hers").name("Maya Devi").no(Reason::DemographicMismatch),
        ask("01-finger", "a finger alone").finger(cast, "01", "right-index")?.yes(),
        ask("01-strangers-finger", "the finger of 02")
            .finger(cast, "02", "right-index")?
            .no(Reason::BiometricMismatch),
        ask("01-name-and-two-fingers", "several factors at once; every one must fit")
            .name("Asha Verma")
            .finger(cast, "01", "left-thumb")?
            .finger(cast, "01", "right-thumb")?
            .yes(),
        ask("01-code", "a one-time code by SMS").code(asha.code("sms", false)?).yes(),
        ask("01-person", "what is recorded, with consent")
            .finger(cast, "01", "right-index")?
            .reading(&reading, consent)
            .yes(),
        ask("01-person-by-name", "what is recorded is not handed out to a name")
            .name("Asha Verma")
            .reading(&reading, consent)
            .refused(Reason::StrongFactorRequired),
        Draft::new("01-person-by-agent", "nor to a party that may not read it", AGENT, asha.number())
            .finger(cast, "01", "right-index")?
            .reading(&["name"], consent)
            .refused(Reason::NotEntitledAttributes),
        ask("01-history", "a bank does not serve residents")
            .finger(cast, "01", "right-index")?
            .act("history")
            .refused(Reason::NotResidentAgent),
        Draft::new("01-history-by-agent", "her own history", AGENT, asha.number())
            .finger(cast, "01", "right-index")?
            .act("history")
            .yes(),
    ])
}

/// 01 again: the other attributes.
fn several_attributes(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let asha = cast.of("01")?;
    let ask = |id, about| Draft::new(id, about, BANK, asha.number());
    let full = "Flat 4B, 12 Lotus Rd, nr the Old Mill, Green Park, New Delhi, Delhi 110099, India";
    Ok(vec![
        ask("01-birth-and-gender", "day of birth and gender beside the name")
            .name("Asha Verma")
            .born("1990-04-17")
            .gender('F')
            .yes(),
        ask("01-year-alone", "a year of birth alone is too little").born("1990").refused(Reason::NoFactor),
        ask("01-of-age", "at least 18 years old").name("Asha Verma").aged(18).yes(),
        ask("01-too-young", "at least 120 years old")
            .name("Asha Verma")
            .aged(120)
            .no(Reason::DemographicMismatch),
        ask("01-phone-and-email", "phone and e-mail, written differently")
            .phone("+44 20 7946 0101")
            .email("Asha.Verma@MAIL.example")
            .yes(),
        ask("01-address-lines", "some lines of the address")
            .line("street", "12 Lotus Road")
            .line("postcode", "110099")
            .yes(),
        ask("01-other-postcode", "a line that is not recorded")
            .line("street", "12 Lotus Road")
            .line("postcode", "110098")
            .no(Reason::AddressMismatch),
        ask("01-full-address", "the whole address, abbreviated").full(full, None).yes(),
        ask("01-part-of-address", "40 % of its words")
            .full("Lotus Road, Green Park, New Delhi 110099", Some(40))
            .yes(),
    ])
}

/// 02, whose name has a title and initials, and 03, whose name is written in Devanagari.
fn names(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let (meera, ram) = (cast.of("02")?, cast.of("03")?);
    let ask = |id, about| Draft::new(id, about, BANK, meera.number());
    let ask_ram = |id, about| Draft::new(id, about, BANK, ram.number());
    Ok(vec![
        ask("02-without-title", "titles and dots make no difference").name("meera k r nair").yes(),
        ask("02-half", "half of the full words; an initial fits, but does not count")
            .name("M. Nair")
            .partial(50)
            .yes(),
        ask("02-all", "the same is not all of them")
            .name("M. Nair")
            .partial(100)
            .no(Reason::DemographicMismatch),
        ask("02-extra-word", "a word that is not recorded")
            .name("Meera Nair Das")
            .partial(50)
            .no(Reason::DemographicMismatch),
        ask("02-wrong-code", "digits that were not sent")
            .code(meera.code("sms", true)?)
            .no(Reason::OtpMismatch),
        ask("02-any-order", "all full words in another order").name("Nair Meera").partial(100).yes(),
        Draft::new("02-partial-at-shop", "a party that may not compare in part", SHOP, meera.number())
            .name("Nair")
            .partial(50)
            .refused(Reason::NotEntitledPartialMatching),
        ask_ram("03-name", "a name in its own script").name("राम कुमार शर्मा").yes(),
        ask_ram("03-latin", "names are not transcribed")
            .name("Ram Kumar Sharma")
            .no(Reason::DemographicMismatch),
        ask_ram("03-phone", "a phone where none is recorded")
            .phone("+442079460103")
            .no(Reason::DemographicMismatch),
        ask_ram("03-other-transaction", "a code of a transaction that never was")
            .code(Code::Invented { transaction: "00112233445566778899aabbccddeeff", digits: "123456" })
            .no(Reason::OtpOfAnotherTransaction),
        ask_ram("03-code", "a one-time code by e-mail").code(ram.code("email", false)?).yes(),
    ])
}

/// 04 has no address, 07 is a child.
fn what_is_not_recorded(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let (wang, noor) = (cast.of("04")?, cast.of("07")?);
    let ask = |id, about| Draft::new(id, about, BANK, wang.number());
    let ask_noor = |id, about| Draft::new(id, about, BANK, noor.number());
    Ok(vec![
        ask("04-address", "an address where none is recorded")
            .full("12 Lotus Road, Green Park", Some(1))
            .no(Reason::AddressMismatch),
        ask("04-name", "a name in its own script").name("王 小明").yes(),
        ask_noor("07-finger", "the finger of a child below five")
            .finger(cast, "07", "right-index")?
            .no(Reason::ChildBelowFive),
        ask_noor("07-of-age", "at least 18 years old")
            .name("Noor Lindqvist")
            .aged(18)
            .no(Reason::DemographicMismatch),
        ask_noor("07-name-and-birth", "name and day of birth")
            .name("Noor Lindqvist")
            .born(&noor.demographics.date_of_birth.reveal())
            .yes(),
        ask_noor("07-code", "a code to the phone of the family").code(noor.code("sms", false)?).yes(),
    ])
}

/// 05 has locked the number, 06 the fingers.
fn locks(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let (olga, layla) = (cast.of("05")?, cast.of("06")?);
    let (name, of_layla) = ("Ольга Петровна Иванова", "ليلى حسن");
    let authenticator = Code::Authenticator { authenticator: files::authenticator_file(layla.person.id) };
    let ask_layla = |id, about| Draft::new(id, about, BANK, layla.number());
    Ok(vec![
        Draft::new("05-locked", "the number is locked", BANK, olga.number())
            .name(name)
            .no(Reason::NumberLocked),
        Draft::new("05-virtual", "the virtual number works", BANK, olga.virtual_number()?).name(name).yes(),
        Draft::new(
            "05-number-at-shop",
            "a party that takes virtual numbers only, and is told no reason",
            SHOP,
            olga.number(),
        )
        .name(name)
        .quiet_no(),
        Draft::new("05-virtual-at-shop", "the virtual number at that party", SHOP, olga.virtual_number()?)
            .name(name)
            .yes(),
        Draft::new(
            "05-history-by-agent",
            "her own history, although the number is locked",
            AGENT,
            olga.number(),
        )
        .finger(cast, "05", "right-index")?
        .act("history")
        .yes(),
        ask_layla("06-locked", "fingers are locked")
            .finger(cast, "06", "right-index")?
            .no(Reason::BiometricsLocked),
        Draft::new("06-unlock-by-finger", "and do not unlock themselves", AGENT, layla.number())
            .finger(cast, "06", "right-index")?
            .act("unlock fingers")
            .refused(Reason::StrongFactorRequired),
        ask_layla("06-name", "a name needs no finger").name(of_layla).yes(),
        ask_layla("06-authenticator", "a code of her authenticator").code(authenticator).once(ONE_STEP).yes(),
    ])
}

/// 08, 09 and 10 have virtual numbers of every kind.
fn virtual_numbers(cast: &Cast<'_>) -> anyhow::Result<Vec<Call>> {
    let (juergen, siobhan, sofia) = (cast.of("08")?, cast.of("09")?, cast.of("10")?);
    let ask = |id, about, number| Draft::new(id, about, BANK, number);
    let revoked = sofia.revoked.context("10 has a revoked virtual number")?.reveal();
    let shop = |id, about| juergen.virtual_number().map(|number| Draft::new(id, about, SHOP, number));
    let shop_code = juergen.code("sms", false)?;
    Ok(vec![
        ask(
            "08-virtual",
            "ß is ss, ü may be written in two ways, a hyphen separates",
            juergen.virtual_number()?,
        )
        .name("JU\u{308}RGEN GROSS WEBER")
        .yes(),
        shop("08-code-at-shop", "a code for a virtual number")?.code(shop_code).yes(),
        shop("08-finger-at-shop", "a party that may not use fingers")?
            .finger(cast, "08", "right-index")?
            .refused(Reason::NotEntitledFingers),
        ask("09-virtual", "a number for one use", siobhan.virtual_number()?)
            .name("SIOBHÁN O'BRIEN")
            .once(USED_UP)
            .yes(),
        ask("09-virtual-again", "its second use", siobhan.virtual_number()?)
            .name("Siobhán O’Brien")
            .no(Reason::ExpiredVirtualNumber),
        ask("09-without-accent", "an accent does make a difference", siobhan.number())
            .name("Siobhan O'Brien")
            .no(Reason::DemographicMismatch),
        ask("09-name", "the number itself is not used up", siobhan.number()).name("Siobhán O’Brien").yes(),
        ask("10-revoked", "a virtual number that was replaced", revoked)
            .name("Σοφία Παπαδοπούλου")
            .no(Reason::InvalidVirtualNumber),
        ask("10-expired", "a virtual number that has expired", sofia.virtual_number()?)
            .name("Σοφία Παπαδοπούλου")
            .no(Reason::ExpiredVirtualNumber),
        ask("10-name", "the number itself", sofia.number()).name("ΣΟΦΊΑ ΠΑΠΑΔΟΠΟΎΛΟΥ").yes(),
    ])
}

/// Numbers that nobody holds, and one that is none.
fn nobodys(nobody: &IdentityNumber) -> Vec<Call> {
    vec![
        Draft::new("nobody-at-bank", "a number that nobody holds", BANK, nobody.reveal())
            .name("Asha Verma")
            .no(Reason::UnknownNumber),
        Draft::new("nobody-at-shop", "the same at a party that is told no reason", SHOP, nobody.reveal())
            .name("Asha Verma")
            .quiet_no(),
        Draft::new("no-number", "a digit that is wrong", BANK, mistyped(nobody))
            .name("Asha Verma")
            .refused(Reason::Malformed),
    ]
}

/// The number with another last digit, which is the check digit.
fn mistyped(number: &IdentityNumber) -> String {
    let mut digits = number.reveal();
    let last = digits.pop().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
    digits.push_str(&((last + 1) % 10).to_string());
    digits
}

/// Everybody, by their ids.
struct Cast<'a>(&'a [Resident]);

impl Cast<'_> {
    fn of(&self, id: &str) -> anyhow::Result<&Resident> {
        self.0
            .iter()
            .find(|resident| resident.person.id == id)
            .with_context(|| format!("there is no person {id}"))
    }
}

impl Resident {
    fn number(&self) -> String {
        self.number.reveal()
    }

    fn virtual_number(&self) -> anyhow::Result<String> {
        let given = self.virtual_number.as_ref();
        Ok(given.with_context(|| format!("{} has a virtual number", self.person.id))?.number.reveal())
    }

    /// The code that is sent over a channel, or any other.
    fn code(&self, channel: &'static str, wrong: bool) -> anyhow::Result<Code> {
        let file = match channel {
            "sms" => self.person.phone.map(files::outbox_file),
            _ => self.person.email.map(files::outbox_file),
        };
        let file = file.with_context(|| format!("{} cannot be reached by {channel}", self.person.id))?;
        Ok(Code::Sent { channel, file, wrong })
    }
}

/// A call that has no answer yet.
struct Draft {
    id: &'static str,
    about: &'static str,
    party: &'static str,
    kind: Kind,
    request: Request,
    once: Option<&'static str>,
}

impl Draft {
    fn new(id: &'static str, about: &'static str, party: &'static str, number: String) -> Self {
        let request = Request { number, ..Request::default() };
        Self { id, about, party, kind: Kind::Authenticate, request, once: None }
    }

    fn name(mut self, name: &'static str) -> Self {
        self.request.name = Some(name);
        self
    }

    fn partial(mut self, match_value: u8) -> Self {
        self.request.name_match_value = Some(match_value);
        self
    }

    fn born(mut self, date: &str) -> Self {
        self.request.date_of_birth = Some(date.to_owned());
        self
    }

    fn aged(mut self, years: u8) -> Self {
        self.request.minimum_age = Some(years);
        self
    }

    fn gender(mut self, letter: char) -> Self {
        self.request.gender = Some(letter);
        self
    }

    fn phone(mut self, phone: &'static str) -> Self {
        self.request.phone = Some(phone);
        self
    }

    fn email(mut self, email: &'static str) -> Self {
        self.request.email = Some(email);
        self
    }

    fn line(mut self, part: &'static str, text: &'static str) -> Self {
        self.request.address.insert(part, text);
        self
    }

    fn full(mut self, address: &'static str, match_value: Option<u8>) -> Self {
        self.request.full_address = Some(address);
        self.request.full_address_match_value = match_value;
        self
    }

    fn finger(mut self, cast: &Cast<'_>, whose: &str, position: &'static str) -> anyhow::Result<Self> {
        let file = files::finger_file(cast.of(whose)?.person.id, position);
        self.request.fingers.push(Finger { position, file });
        Ok(self)
    }

    fn code(mut self, code: Code) -> Self {
        self.request.code = Some(code);
        self
    }

    fn reading(mut self, attributes: &[&'static str], consent: &'static str) -> Self {
        self.kind = Kind::Person;
        self.request.attributes = attributes.to_vec();
        self.request.consent = Some(consent);
        self
    }

    fn act(mut self, action: &'static str) -> Self {
        self.kind = Kind::Resident;
        self.request.action = Some(action);
        self
    }

    fn once(mut self, why: &'static str) -> Self {
        self.once = Some(why);
        self
    }

    fn yes(self) -> Call {
        self.expect(Expect::Yes)
    }

    fn no(self, reason: Reason) -> Call {
        self.expect(Expect::No { reason: Some(reason.into()) })
    }

    /// A no that does not say why.
    fn quiet_no(self) -> Call {
        self.expect(Expect::No { reason: None })
    }

    fn refused(self, reason: Reason) -> Call {
        self.expect(Expect::Refused { reason: reason.into() })
    }

    fn expect(self, expect: Expect) -> Call {
        let Self { id, about, party, kind, request, once } = self;
        let (first, command) = (request.first(party), request.command(kind, party));
        Call { id, about, party, call: kind, request, first, command, expect, once }
    }
}
