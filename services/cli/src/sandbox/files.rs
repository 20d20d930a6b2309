//! The files of a sandbox, which anyone can use: keys, people, expected answers, and what to paste into a shell.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use plinth_identity::demographics::{Address, Demographics};
use plinth_identity::number::IdentityNumber;
use plinth_identity::virtual_number::VirtualNumberKind;
use plinth_server::Running;
use serde::Serialize;

use super::calls::Calls;
use super::founding::{Resident, Virtual};
use super::parties::{ADMINISTRATORS, BANK, reading_key};
use super::people::{Preparation, people_markdown};

/// The list of calls and answers. It is written last: a folder that has it is a sandbox.
pub(super) const EXPECTED: &str = "expected.json";

/// Where messages to people are put.
pub(super) const OUTBOX: &str = "outbox";

/// What is known of one person.
#[derive(Serialize)]
struct About<'a> {
    about: &'a str,
    number: String,
    name: &'a str,
    date_of_birth: String,
    gender: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    address: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_number: Option<AboutVirtual>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_virtual_number: Option<String>,
    locked: Vec<&'a str>,
    fingers: Vec<String>,
}

#[derive(Serialize)]
struct AboutVirtual {
    number: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    good_until: Option<String>,
}

/// The file of a finger, from the folder of the sandbox.
pub(super) fn finger_file(person: &str, position: &str) -> String {
    format!("people/{person}/fingers/{position}.iso")
}

/// The file that holds the address of a person's authenticator.
pub(super) fn authenticator_file(person: &str) -> String {
    format!("people/{person}/totp.txt")
}

/// The file that the newest message to an address is put into.
pub(super) fn outbox_file(to: &str) -> String {
    format!("{OUTBOX}/{}.txt", to.trim_start_matches('+'))
}

/// Writes the folder of one person.
pub(super) fn write_resident(folder: &Path, resident: &Resident) -> anyhow::Result<()> {
    let id = resident.person.id;
    let own = folder.join("people").join(id);
    make(&own.join("fingers"))?;
    write(&own.join("about.json"), &json(&about(resident))?)?;
    write(&own.join("number.txt"), format!("{}\n", resident.number.reveal()).as_bytes())?;
    if let Some(given) = &resident.virtual_number {
        write(&own.join("virtual-number.txt"), format!("{}\n", given.number.reveal()).as_bytes())?;
    }
    if let Some(uri) = &resident.authenticator {
        write(&folder.join(authenticator_file(id)), format!("{uri}\n").as_bytes())?;
    }
    for finger in &resident.fingers {
        write(&folder.join(finger_file(id, &finger.position.to_string())), &finger.record)?;
    }
    Ok(())
}

/// Writes what is there and what may be asked, the list of calls last.
pub(super) fn write_calls(
    folder: &Path,
    residents: &[Resident],
    nobody: &IdentityNumber,
) -> anyhow::Result<()> {
    write(&folder.join("people/nobodys-number.txt"), format!("{}\n", nobody.reveal()).as_bytes())?;
    write(&folder.join("README.md"), format!("{README}\n{}", people_markdown()).as_bytes())?;
    write(&folder.join(EXPECTED), &json(&Calls::of(residents, nobody)?)?)
}

/// Writes what a shell has to know of the service that runs.
pub(super) fn write_environment(folder: &Path, running: &Running) -> anyhow::Result<()> {
    let keys = folder.join("keys");
    let lines = [
        ("PLINTH_SANDBOX", folder.display().to_string()),
        ("PLINTH_ADDRESS", running.address.to_string()),
        ("PLINTH_SERVER", format!("http://{}", running.address)),
        ("PLINTH_SERVICE_KEY", keys.join("service.pem").display().to_string()),
        ("PLINTH_RELYING_PARTY", BANK.to_owned()),
        ("PLINTH_KEY", keys.join(format!("{BANK}.pem")).display().to_string()),
        ("PLINTH_ENCRYPTION_KEY", reading_key(&keys).display().to_string()),
        ("PLINTH_ADMIN", format!("http://{}", running.admin_address)),
        ("PLINTH_ADMIN_ID", ADMINISTRATORS[0].to_owned()),
        ("PLINTH_ADMIN_KEY", keys.join(format!("{}.pem", ADMINISTRATORS[0])).display().to_string()),
    ];
    let mut text =
        "# For a shell: . ./environment\n# Written anew at every start: the addresses may change.\n"
            .to_owned();
    for (name, value) in lines {
        text.push_str(&format!("export {name}={}\n", quoted(&value)));
    }
    write(&folder.join("environment"), text.as_bytes())
}

/// Makes a folder and those above it.
pub(super) fn make(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory {}", folder.display()))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn about(resident: &Resident) -> About<'_> {
    let Demographics { name, date_of_birth, gender, phone, email, address } = &resident.demographics;
    let lock = |preparation: &Preparation| match preparation {
        Preparation::LockNumber => Some("number"),
        Preparation::LockFingers => Some("fingers"),
        Preparation::VirtualNumber(..) | Preparation::Authenticator => None,
    };
    let finger = |position: String| format!("fingers/{position}.iso");
    About {
        about: resident.person.note,
        number: resident.number.reveal(),
        name: name.as_str(),
        date_of_birth: date_of_birth.reveal(),
        gender: gender.letter(),
        phone: phone.as_ref().map(|phone| phone.as_str()),
        email: email.as_ref().map(|email| email.as_str()),
        address: address
            .iter()
            .flat_map(Address::lines)
            .map(|(line, text)| (line, text.as_str()))
            .filter(|(_, text)| !text.is_empty())
            .collect(),
        virtual_number: resident.virtual_number.as_ref().map(about_virtual),
        revoked_virtual_number: resident.revoked.map(|number| number.reveal()),
        locked: resident.person.preparations.iter().filter_map(lock).collect(),
        fingers: resident.fingers.iter().map(|sample| finger(sample.position.to_string())).collect(),
    }
}

fn about_virtual(given: &Virtual) -> AboutVirtual {
    let kind = match given.kind {
        VirtualNumberKind::OneTime => "one-time",
        VirtualNumberKind::Expiring => "expiring",
        VirtualNumberKind::Perpetual => "perpetual",
    };
    let good_until = given.expires_at.map(|end| end.to_string());
    AboutVirtual { number: given.number.reveal(), kind, good_until }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

const README: &str = "\
# A Plinth sandbox

Everything here is made up: ten people, their fingers, their numbers, and the keys of those who ask about them. **It is not
for real people.** The keys lie beside the data, one-time codes are written to files, and quotas are off.

`plinth serve --sandbox DIR` serves it again, the same people under the same numbers. Delete the folder and the next start
makes a new one, with the same people under other numbers.

| file | what it is |
|---|---|
| `environment` | for a shell: where the service listens, who you are (`sandbox-bank`), where the keys are |
| `expected.json` | calls and the answers that they must get, as plain fields and as arguments of `plinth` |
| `people/NN/about.json` | what is recorded of a person |
| `people/NN/number.txt` | the person's number |
| `people/NN/virtual-number.txt` | the virtual number, of those who have one |
| `people/NN/totp.txt` | the authenticator's address with its secret (`otpauth://`), of those who have one |
| `people/NN/fingers/POSITION.iso` | fingers as they look a second time (ISO/IEC 19794-2:2005); each is recognised alone |
| `people/nobodys-number.txt` | a well-formed number that nobody holds |
| `outbox/` | the newest message to each phone (its digits) or e-mail address |
| `keys/` | `sandbox-bank`, `sandbox-shop`, `sandbox-agent`, `sandbox-agency`, `admin-1`, `admin-2`: private keys, and `.pub` beside each; `service.pem` checks answers; `sandbox-bank.encryption` opens attributes |
| `data/`, `root.key` | the service's own |

## Commands to paste

In this folder, while the service runs:

```sh
. ./environment
plinth authenticate --name 'Asha Verma' < people/01/number.txt
plinth authenticate --finger right-index=people/01/fingers/right-index.iso < people/01/number.txt
plinth otp request --channels sms < people/01/number.txt     # then look into outbox/442079460101.txt
plinth person get --finger right-index=people/01/fingers/right-index.iso --attributes name,address \\
  --consent 'You may read my name and address.' < people/01/number.txt
plinth resident history --finger right-index=people/01/fingers/right-index.iso \\
  --relying-party sandbox-agent --key keys/sandbox-agent.pem < people/01/number.txt
```

## Who asks

- `sandbox-bank` may use every factor that can be matched, in part too, may read everything, and learns every reason.
- `sandbox-shop` may use names and one-time codes, takes virtual numbers only, and never learns a reason.
- `sandbox-agent` serves residents: it acts for people on their own numbers.

Failures cost what they always cost. After five in a row at one party a person has to wait there, 30 seconds at first; after
twenty with fingers, fingers are closed there until a one-time code is given; three codes may be asked for in ten minutes.
This holds for numbers that nobody holds as well.

## The people
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn messages_are_looked_for_where_the_service_puts_them() {
        assert_eq!(outbox_file("+442079460101"), "outbox/442079460101.txt");
        assert_eq!(outbox_file("asha.verma@mail.example"), "outbox/asha.verma@mail.example.txt");
    }
}
