use std::fmt;
use std::sync::Arc;

use plinth_identity::dsse::SigningKey;
use plinth_identity::id::{Nonce, PartyId, RequestId};
use plinth_identity::request::{Freshness, RequestHeader};
use plinth_identity::time::Timestamp;
use rand::rngs::StdRng;

use crate::connection::Connection;
use crate::error::ClientError;
use crate::request::SignedRequest;
use crate::retry::Retry;
use crate::trust::Trust;

/// Who signs, over which connection, and whose answers are believed: what all parties have in common.
#[derive(Clone)]
pub(crate) struct Signatory {
    pub(crate) connection: Connection,
    pub(crate) id: PartyId,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) trust: Trust,
    pub(crate) retry: Retry,
}

impl Signatory {
    pub(crate) fn new(connection: Connection, id: PartyId, key: Arc<SigningKey>, trust: Trust) -> Self {
        Self { connection, id, key, trust, retry: Retry::default() }
    }

    /// The header of a request that is good for `lifetime_ms` from `now` on, with a fresh nonce.
    pub(crate) fn header(
        &self,
        purpose: &str,
        request_id: RequestId,
        now: Timestamp,
        lifetime_ms: u64,
    ) -> Result<RequestHeader, ClientError> {
        let nonce = Nonce::random(&mut generator());
        let until = now.plus_millis(lifetime_ms);
        RequestHeader::new(self.trust.deployment(), self.id.clone(), purpose, request_id, nonce, now, until)
            .map_err(|violation| ClientError::Request(violation.at("header")))
    }

    /// The header of a request that is made now and answered now.
    pub(crate) fn live_header(&self, purpose: &str, now: Timestamp) -> Result<RequestHeader, ClientError> {
        self.header(purpose, fresh_request_id(), now, Freshness::LIVE.max_age_ms)
    }

    /// Signs a body whose header has this request id.
    pub(crate) fn sign(&self, payload_type: &str, payload: Vec<u8>, request_id: RequestId) -> SignedRequest {
        SignedRequest::new(self.key.sign(payload_type, payload), request_id)
    }
}

impl fmt::Debug for Signatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatory").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An id that no other request has: 128 random bits.
pub(crate) fn fresh_request_id() -> RequestId {
    RequestId::random(&mut generator())
}

/// A generator seeded by the operating system: the SDK is an outermost edge, and ids must not be guessable.
fn generator() -> StdRng {
    rand::make_rng()
}
