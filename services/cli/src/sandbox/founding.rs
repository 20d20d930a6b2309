//! How a sandbox comes about: a deployment like any other, whose people come in through the front door.

use std::path::Path;

use anyhow::{Context as _, bail};
use plinth_biometrics::FingerPosition;
use plinth_client::{EnrolmentDraft, ResidentDraft, Trust};
use plinth_identity::application::FingerSample;
use plinth_identity::authentication::{ResidentAction, Verdict};
use plinth_identity::demographics::{DemographicClaim, Demographics};
use plinth_identity::number::IdentityNumber;
use plinth_identity::statement::{EnrolmentOutcome, ResidentOutcome};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberKind};
use plinth_server::Running;
use rand::rngs::StdRng;

use super::files;
use super::parties::{Desk, Keys};
use super::people::{PEOPLE, Person, Preparation};
use super::tell;
use crate::{key_file, moment};

/// A deployment that exists and has nobody in it yet.
pub(super) struct Founder {
    keys: Keys,
    trust: Trust,
}

/// Somebody who lives in the sandbox.
pub(super) struct Resident {
    pub(super) person: &'static Person,
    pub(super) demographics: Demographics,
    pub(super) number: IdentityNumber,
    /// The virtual number that they were given last, and how long it is good for.
    pub(super) virtual_number: Option<Virtual>,
    /// The one before it, which is revoked.
    pub(super) revoked: Option<VirtualNumber>,
    /// The address of their authenticator, with the secret in it.
    pub(super) authenticator: Option<String>,
    /// Their fingers as they look a second time.
    pub(super) fingers: Vec<FingerSample>,
}

/// A virtual number as it was given out.
pub(super) struct Virtual {
    pub(super) number: VirtualNumber,
    pub(super) kind: VirtualNumberKind,
    pub(super) expires_at: Option<Timestamp>,
}

impl Founder {
    /// Founds the deployment and draws everybody's keys.
    pub(super) fn found(folder: &Path, data: &Path, root_key: &Path) -> anyhow::Result<Self> {
        let keys = Keys::draw();
        keys.write(folder)?;
        let made = plinth_server::init(data, root_key, &keys.administrators()?, moment::now())?;
        key_file::write_public(&folder.join("service.pem"), &made.service_key)?;
        tell(format_args!("a new deployment, {}", made.deployment));
        Ok(Self { keys, trust: Trust::new(made.deployment, vec![made.service_key]) })
    }

    /// Registers the parties, enrols the people, does for them what is to be done, and writes everything down.
    pub(super) async fn furnish(&self, running: &Running, folder: &Path) -> anyhow::Result<()> {
        let desk = self.keys.connect(running, &self.trust)?;
        desk.register(&self.keys).await?;
        tell(format_args!("an agency and three relying parties"));
        let mut residents = Vec::with_capacity(PEOPLE.len());
        for person in &PEOPLE {
            let resident = settle(&desk, person).await.with_context(|| format!("person {}", person.id))?;
            files::write_resident(folder, &resident)?;
            tell(format_args!("{} {}", person.id, person.name));
            residents.push(resident);
        }
        files::write_calls(folder, &residents, &nobodys_number(&residents))
    }
}

/// Enrols one person and does what is to be done for them.
async fn settle(desk: &Desk, person: &'static Person) -> anyhow::Result<Resident> {
    let demographics = person.demographics(moment::now())?;
    let number = enrol(desk, person, &demographics).await?;
    let fingers = person.second_captures()?;
    let mut resident = Resident {
        person,
        demographics,
        number,
        virtual_number: None,
        revoked: None,
        authenticator: None,
        fingers,
    };
    for preparation in person.preparations {
        resident.prepare(desk, *preparation).await?;
    }
    Ok(resident)
}

async fn enrol(desk: &Desk, person: &Person, demographics: &Demographics) -> anyhow::Result<IdentityNumber> {
    let draft = EnrolmentDraft {
        demographics: demographics.clone(),
        fingers: person.enrolled()?,
        station: "sandbox".to_owned(),
        operator: "sandbox".to_owned(),
        purpose: "enrolment".to_owned(),
    };
    let request = desk.agency.request(draft, moment::now())?;
    match desk.agency.enrol(&request).await?.statement.outcome {
        EnrolmentOutcome::Issued { number } => Ok(number),
        _ => bail!("the service took somebody made up for somebody else"),
    }
}

impl Resident {
    /// Has something done through the resident agent, as the person themselves: with a finger.
    async fn prepare(&mut self, desk: &Desk, preparation: Preparation) -> anyhow::Result<()> {
        let draft = ResidentDraft {
            number: self.number,
            claim: DemographicClaim::default(),
            fingers: self.finger(FingerPosition::RightIndex).cloned().into_iter().collect(),
            code: None,
            action: action(preparation),
            purpose: "sandbox".to_owned(),
        };
        let request = desk.agent.resident_request(draft, moment::now())?;
        let statement = desk.agent.resident(&request).await?.statement;
        if statement.verdict == Verdict::No {
            bail!("the service refused what was to be prepared");
        }
        match (preparation, statement.outcome) {
            (
                Preparation::VirtualNumber(kind, _),
                Some(ResidentOutcome::VirtualNumber { number, expires_at }),
            ) => {
                let before = self.virtual_number.replace(Virtual { number, kind, expires_at });
                self.revoked = before.map(|before| before.number);
            }
            (Preparation::Authenticator, Some(ResidentOutcome::Totp { uri })) => {
                self.authenticator = Some(uri)
            }
            (Preparation::LockNumber | Preparation::LockFingers, Some(ResidentOutcome::Locks(_))) => {}
            _ => bail!("the service did something else than what was to be prepared"),
        }
        Ok(())
    }

    /// A finger as it looks the second time.
    pub(super) fn finger(&self, position: FingerPosition) -> Option<&FingerSample> {
        self.fingers.iter().find(|sample| sample.position == position)
    }
}

fn action(preparation: Preparation) -> ResidentAction {
    let lock = |number, fingers| ResidentAction::SetLocks { number, fingers, irises: None, face: None };
    match preparation {
        Preparation::VirtualNumber(kind, valid_for_ms) => {
            ResidentAction::CreateVirtualNumber { kind, valid_for_ms }
        }
        Preparation::Authenticator => ResidentAction::CreateTotp,
        Preparation::LockNumber => lock(Some(true), None),
        Preparation::LockFingers => lock(None, Some(true)),
    }
}

/// A number that could be somebody's and is not.
fn nobodys_number(residents: &[Resident]) -> IdentityNumber {
    let mut random = rand::make_rng::<StdRng>();
    loop {
        let number = IdentityNumber::draw(&mut random);
        if residents.iter().all(|resident| resident.number != number) {
            return number;
        }
    }
}
