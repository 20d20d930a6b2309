//! The client of Plinth: for agencies that enrol people, relying parties that authenticate them or serve them as
//! residents, and administrators.
//!
//! A request is made and signed once ([`Agency::request`], [`RelyingParty::request`]) and can be kept as bytes; sending it
//! is another step, which may be repeated with the same bytes as often as needed and is decided once. Every answer is
//! verified against the keys that the caller trusts before it is returned, and can be verified again without any
//! connection ([`verify`]).
//!
//! ```no_run
//! # use plinth_client::{Agency, ClientError, Connection, EnrolmentDraft, Trust};
//! # async fn example(draft: EnrolmentDraft, key: plinth_client::identity::SigningKey) -> Result<(), ClientError> {
//! let connection = Connection::open("http://127.0.0.1:7770", None).await?;
//! let info = connection.service_info().await?.info; // trusted on first use: compare its key with the printed one
//! let id = plinth_client::identity::PartyId::parse("town-hall").expect("a party id");
//! let agency = Agency::new(connection, id, key, Trust::from(&info));
//! let request = agency.request(draft, plinth_client::now())?;
//! std::fs::write("request.plinth", request.to_bytes()).expect("the request is kept before it is sent");
//! let answer = agency.enrol(&request).await?;
//! println!("{:?}", answer.statement.outcome);
//! # Ok(())
//! # }
//! ```

mod administrator;
mod agency;
mod answer;
mod authenticate_many;
mod clock;
mod connection;
#[cfg(test)]
mod conversation;
mod enrol_many;
mod error;
#[cfg(test)]
mod fixture;
mod message;
mod otp;
mod person;
mod presented;
pub mod register;
mod relying_party;
mod request;
mod resident;
mod retry;
mod signatory;
mod trust;
pub mod verify;
mod waiting;

pub use plinth_identity as identity;
pub use plinth_proto as proto;

pub use administrator::Administrator;
pub use agency::{Agency, EnrolmentDraft, EnrolmentEntry};
pub use answer::{Answered, Proved, envelope_from_bytes, envelope_to_bytes};
pub use authenticate_many::Ask;
pub use clock::now;
pub use connection::{ClientTls, Connection, SignedInfo};
pub use error::{ClientError, Refusal, TransportError};
pub use message::SignedMessage;
pub use person::{PersonDraft, open_person};
pub use relying_party::{AuthenticationDraft, RelyingParty};
pub use request::{SignedBatch, SignedRequest};
pub use resident::ResidentDraft;
pub use retry::Retry;
pub use trust::Trust;
pub use verify::VerifyError;
