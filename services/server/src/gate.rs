//! The order of checks that every signed request passes: signature, stored answer, freshness, everything else.

use std::net::IpAddr;
use std::sync::Arc;

use plinth_identity::batch::SignatureForm;
use plinth_identity::dsse::{Envelope, EnvelopeError, Verified, payload_type};
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::request::{Freshness, RequestHeader};
use plinth_identity::time::Timestamp;
use plinth_proto::convert;
use plinth_proto::{authentication, enrolment, envelope, registry, resident};

use crate::config::ServeConfig;
use crate::core::Core;
use crate::metrics::Call;
use crate::refusal::Refusal;
use crate::registrar::{Answer, Ask, earlier_answer};

/// A body that arrives signed. Only its header is read before it is known whether the request was decided before.
pub(crate) trait SignedBody: prost::Message + Default {
    /// The DSSE payload type that names this message and its direction.
    const PAYLOAD_TYPE: &'static str;
    /// Who may sign it.
    const SIGNER: PartyKind;
    /// How old it may be.
    fn freshness(&self, config: &ServeConfig) -> Freshness {
        config.live()
    }
    /// The header inside.
    fn header(&self) -> Option<&envelope::v1::RequestHeader>;
}

/// A request that stands to be decided.
pub(crate) struct Admitted<B> {
    /// Who signed, in good standing.
    pub(crate) party: Arc<Party>,
    /// What was signed. Of it only the header has been looked at.
    pub(crate) body: B,
    pub(crate) ask: Ask,
    header: RequestHeader,
    freshness: Freshness,
}

/// What the gate says of a request that is to be decided once.
pub(crate) enum Admission<B> {
    /// These bytes were decided before; here is the answer.
    Decided(Answer),
    /// New, fresh, from a party in good standing.
    New(Box<Admitted<B>>),
}

/// An envelope as it arrives: perhaps not at all.
pub(crate) type Signed = Option<envelope::v1::Envelope>;

/// Where a request comes from.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    /// The address at the other end, as far as the connection tells.
    address: Option<IpAddr>,
    /// What is counted of it; nothing of requests that came over no wire.
    pub(crate) call: Option<Call>,
}

impl Origin {
    /// The origin of one of the requests that a stream carries.
    pub(crate) fn of_message(&self) -> Self {
        Self { address: self.address, call: self.call.as_ref().map(Call::message) }
    }
}

/// The other end of a call's connection. An IPv4 address that came over an IPv6 socket is itself again.
pub(crate) fn origin<T>(request: &tonic::Request<T>) -> Origin {
    let address = request.remote_addr().map(|address| address.ip().to_canonical());
    Origin { address, call: request.extensions().get().cloned() }
}

/// Admits a request that asks for a decision.
pub(crate) fn admit<B: SignedBody>(
    core: &Core,
    origin: Origin,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<Admission<B>, Refusal> {
    let (party, verified) = verify(core, B::SIGNER, B::PAYLOAD_TYPE, envelope)?;
    admit_verified::<B>(core, origin, party, verified)
}

/// The same once the signature, its own or that of a root above it, is verified.
pub(crate) fn admit_verified<B: SignedBody>(
    core: &Core,
    origin: Origin,
    party: Arc<Party>,
    verified: Verified,
) -> Result<Admission<B>, Refusal> {
    let admitted = identify::<B>(core, &origin, party, verified)?;
    from_where(core, &origin, &admitted.party)?;
    let now = core.now()?;
    let ask = &admitted.ask;
    let stored = core.reader.answer(ask.kind, &ask.party, &ask.request_id)?;
    if let Some(answer) = earlier_answer(stored, ask)? {
        return Ok(Admission::Decided(answer));
    }
    welcome(core, now, admitted).map(|admitted| Admission::New(Box::new(admitted)))
}

/// Admits a request that only reads: nothing is stored of it, so it may be sent again while it is fresh.
pub(crate) fn admit_query<B: SignedBody>(
    core: &Core,
    origin: Origin,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<Admitted<B>, Refusal> {
    let (party, verified) = verify(core, B::SIGNER, B::PAYLOAD_TYPE, envelope)?;
    let admitted = identify::<B>(core, &origin, party, verified)?;
    from_where(core, &origin, &admitted.party)?;
    welcome(core, core.now()?, admitted)
}

/// Parses what is verified, and holds the parsed names against the key that signed.
fn identify<B: SignedBody>(
    core: &Core,
    origin: &Origin,
    party: Arc<Party>,
    verified: Verified,
) -> Result<Admitted<B>, Refusal> {
    core.metrics.signed(origin.call.as_ref(), &party);
    let body: B = convert::decode_body(&verified)?;
    let header = convert::request_header(body.header().cloned())?;
    if *header.party() != party.id {
        return Err(Refusal::at("header.party", Reason::SignatureInvalid, "is not the party that signed"));
    }
    if header.audience() != core.keys().deployment() {
        return Err(Refusal::at(
            "header.audience",
            Reason::WrongAudience,
            "names another deployment; GetServiceInfo tells this one's id",
        ));
    }
    let freshness = body.freshness(&core.config);
    let ask = Ask {
        kind: B::SIGNER,
        party: party.id.clone(),
        request_id: header.request_id(),
        nonce: header.nonce(),
        digest: verified.digest(),
        not_after: header.not_after(),
        deadline: header.deadline(&freshness),
        form: SignatureForm::Individual,
    };
    Ok(Admitted { party, body, ask, header, freshness })
}

/// Freshness, then standing.
fn welcome<B>(core: &Core, now: Timestamp, admitted: Admitted<B>) -> Result<Admitted<B>, Refusal> {
    admitted.header.check_freshness(now, &admitted.freshness).map_err(|reason| {
        Refusal::at("header.issued_at_ms", reason, "see the server's time").with_time(now)
    })?;
    check_floor(core, &admitted.header, now)?;
    admitted.party.standing(now)?;
    Ok(admitted)
}

/// Refuses what was issued before an operator accepted a clock that was set back: its nonce may be gone.
pub(crate) fn check_floor(core: &Core, header: &RequestHeader, now: Timestamp) -> Result<(), Refusal> {
    if header.issued_at() >= core.reader.head().floor {
        return Ok(());
    }
    let description = "was before the service's clock was set right; send a new request in a minute";
    Err(Refusal::at("header.issued_at_ms", Reason::Expired, description).with_time(now))
}

/// Where a call comes from, and how many there are. Looked at for repetitions too: they cost a read and a signature.
fn from_where(core: &Core, origin: &Origin, party: &Party) -> Result<(), Refusal> {
    if party.kind != PartyKind::RelyingParty {
        return Ok(());
    }
    // A connection whose address is unknown is in no network.
    let allowed =
        origin.address.map_or(party.policy.networks.is_empty(), |at| party.policy.allows_address(at));
    if !allowed {
        return Err(Refusal::of(Reason::Channel));
    }
    core.rates.admit(party)
}

/// Finds the key that the envelope points to and verifies the signature over the exact bytes.
pub(crate) fn verify(
    core: &Core,
    kind: PartyKind,
    payload_type: &str,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<(Arc<Party>, Verified), Refusal> {
    let envelope = convert::envelope::required(envelope, "envelope")?;
    verify_envelope(core, kind, payload_type, &envelope, "envelope")
}

/// The same for an envelope that stands in `field`.
pub(crate) fn verify_envelope(
    core: &Core,
    kind: PartyKind,
    payload_type: &str,
    envelope: &Envelope,
    field: &str,
) -> Result<(Arc<Party>, Verified), Refusal> {
    let key_id = envelope.key_id().ok_or_else(|| {
        let description = "is missing: send the SHA-256 of your public key";
        Refusal::field(&format!("{field}.signatures[0].keyid"), description)
    })?;
    let party = core.directory.by_key(kind, key_id).ok_or_else(|| {
        let description = "belongs to no registered party that may call this";
        Refusal::at(&format!("{field}.signatures[0].keyid"), Reason::UnknownParty, description)
    })?;
    let verified =
        envelope.verify(payload_type, &party.key).map_err(|error| refuse_envelope(error, field))?;
    Ok((party, verified))
}

fn refuse_envelope(error: EnvelopeError, field: &str) -> Refusal {
    let (within, description) = match error {
        EnvelopeError::PayloadType => ("payload_type", "is not the type that this method takes"),
        EnvelopeError::KeyId => ("signatures[0].keyid", "names another key"),
        EnvelopeError::Signature => ("signatures[0].sig", "does not verify over these bytes"),
    };
    Refusal::at(&format!("{field}.{within}"), Reason::SignatureInvalid, description)
}

impl SignedBody for enrolment::v1::EnrolmentRequest {
    const PAYLOAD_TYPE: &'static str = payload_type::ENROLMENT_REQUEST;
    const SIGNER: PartyKind = PartyKind::Agency;
    fn freshness(&self, _: &ServeConfig) -> Freshness {
        Freshness::ENROLMENT
    }
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for enrolment::v1::EnrolmentQuery {
    const PAYLOAD_TYPE: &'static str = payload_type::ENROLMENT_QUERY;
    const SIGNER: PartyKind = PartyKind::Agency;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for enrolment::v1::CaptureQuery {
    const PAYLOAD_TYPE: &'static str = payload_type::CAPTURE_QUERY;
    const SIGNER: PartyKind = PartyKind::Agency;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for authentication::v1::AuthenticationRequest {
    const PAYLOAD_TYPE: &'static str = payload_type::AUTHENTICATION_REQUEST;
    const SIGNER: PartyKind = PartyKind::RelyingParty;
    fn freshness(&self, config: &ServeConfig) -> Freshness {
        if self.buffered { config.buffered() } else { config.live() }
    }
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for authentication::v1::OtpRequest {
    const PAYLOAD_TYPE: &'static str = payload_type::OTP_REQUEST;
    const SIGNER: PartyKind = PartyKind::RelyingParty;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for authentication::v1::PersonRequest {
    const PAYLOAD_TYPE: &'static str = payload_type::PERSON_REQUEST;
    const SIGNER: PartyKind = PartyKind::RelyingParty;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for resident::v1::ResidentRequest {
    const PAYLOAD_TYPE: &'static str = payload_type::RESIDENT_REQUEST;
    const SIGNER: PartyKind = PartyKind::RelyingParty;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for registry::v1::RegistryChange {
    const PAYLOAD_TYPE: &'static str = payload_type::REGISTRY_CHANGE;
    const SIGNER: PartyKind = PartyKind::Administrator;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}

impl SignedBody for registry::v1::RegistryQuery {
    const PAYLOAD_TYPE: &'static str = payload_type::REGISTRY_QUERY;
    const SIGNER: PartyKind = PartyKind::Administrator;
    fn header(&self) -> Option<&envelope::v1::RequestHeader> {
        self.header.as_ref()
    }
}
