//! One-time codes on their way to people.
//!
//! A code is committed with its row of the outbox; the courier reads the rows, hands each to the sender of its
//! channel, and has the row removed once the sender has taken it. After a crash in between the same delivery is sent
//! again under the same id, by which the receiver knows it.
//!
//! Nothing here logs a code, an address or a relying party: counts only.

mod courier;
mod message;
#[cfg(test)]
mod peers;
mod settings;
mod sink;
mod smtp;
#[cfg(test)]
mod trial;
mod webhook;

pub(crate) use courier::{Courier, Outbox, OutboxError};
pub use settings::{DeliverySettings, SmtpSettings, Tls, WebhookSettings};

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use plinth_identity::dsse::SigningKey;
use plinth_identity::otp::{Delivery, Destination};
use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::ServeError;
use crate::clock::Clock;
use sink::Sink;
use smtp::Smtp;
use webhook::Webhook;

/// Something that takes messages off our hands.
#[tonic::async_trait]
pub(crate) trait Sender: Send + Sync {
    /// Returns once somebody else answers for the message. Sending one delivery twice is the same message twice, and
    /// recognisable as such. Dropping the future gives up; whether the message has gone is unknown then.
    async fn send(&self, delivery: &Delivery) -> Result<(), SendError>;
}

/// Why a message was not taken. The text is for logs: it holds no code, no address, and not the peer's words, which may
/// hold either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct SendError {
    /// Whether sending the same message again can only fail again.
    pub(crate) permanent: bool,
    /// What happened.
    pub(crate) text: Cow<'static, str>,
}

impl SendError {
    /// The peer will never take this message.
    fn permanent(text: impl Into<Cow<'static, str>>) -> Self {
        Self { permanent: true, text: text.into() }
    }

    /// The peer may take it later.
    fn temporary(text: impl Into<Cow<'static, str>>) -> Self {
        Self { permanent: false, text: text.into() }
    }
}

/// Which sender serves which channel.
#[derive(Clone, Default)]
struct Routes {
    sms: Option<Arc<dyn Sender>>,
    email: Option<Arc<dyn Sender>>,
}

impl Routes {
    /// Senders after the settings: see [`DeliverySettings`].
    fn open(
        settings: &DeliverySettings,
        key: &SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let sink = Sink::open(settings)?.map(|sink| Arc::new(sink) as Arc<dyn Sender>);
        let webhook = settings.webhook.as_ref().map(|webhook| Webhook::open(webhook, key.clone(), clock));
        let webhook = webhook.transpose()?.map(|webhook| Arc::new(webhook) as Arc<dyn Sender>);
        let smtp = settings.smtp.as_ref().map(Smtp::open).transpose()?;
        let sms = webhook.or(sink);
        let email = smtp.map(|smtp| Arc::new(smtp) as Arc<dyn Sender>).or_else(|| sms.clone());
        Ok(Self { sms, email })
    }

    fn to(&self, destination: &Destination) -> Option<Arc<dyn Sender>> {
        match destination {
            Destination::Sms(_) => self.sms.clone(),
            Destination::Email(_) => self.email.clone(),
        }
    }
}

/// The channel and the address of a destination.
fn address(destination: &Destination) -> (&'static str, &str) {
    match destination {
        Destination::Sms(phone) => ("sms", phone.as_str()),
        Destination::Email(email) => ("email", email.as_str()),
    }
}

/// The certificates of a `ca_file`.
fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, ServeError> {
    let items = parse_pem(&read(path)?).collect::<Result<Vec<_>, _>>().map_err(|_| not_certificates(path))?;
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    let certificates: Vec<_> = items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() { Err(not_certificates(path)) } else { Ok(certificates) }
}

fn not_certificates(path: &Path) -> ServeError {
    ServeError::Config(format!("delivery: ca_file: {} must hold certificates in PEM", path.display()))
}

/// A file that the settings name.
fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|source| ServeError::File { path: path.to_owned(), source })
}
