//! The list of vectors.

use plinth_client::{SignedMessage, envelope_to_bytes};
use plinth_identity::authentication::Verdict;
use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::Envelope;

use crate::signed::{DEPLOYMENT, POSITION, TOKEN, request, service};
use crate::sound::{sound_alone, sound_below};
use crate::spoilt::{
    bodies, issuers, lax_signatures, malformed, not_below, not_the_request, payload_types,
    requests_places_and_parties, signatures, untrusted_keys,
};
use crate::{Vector, fails, says};

/// Vectors under way. Each has the first question as its request, and trusts the service's key and deployment, unless it is
/// said otherwise of the one that was added last.
pub(crate) struct List(Vec<Vector>);

impl List {
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        comment: &'static str,
        answer: impl Into<Bytes>,
        expect: String,
    ) -> &mut Vector {
        self.0.push(Vector {
            name: name.into(),
            comment,
            keys: vec![service().public().to_bytes()],
            deployment: DEPLOYMENT,
            request: envelope_to_bytes(&request(1)),
            answer: answer.into().0,
            expect,
        });
        self.0.last_mut().unwrap()
    }

    pub(crate) fn fail(
        &mut self,
        check: &str,
        name: &str,
        comment: &'static str,
        answer: impl Into<Bytes>,
    ) -> &mut Vector {
        self.add(name, comment, answer, fails(check))
    }
}

impl Vector {
    pub(crate) fn asked(&mut self, request: impl Into<Bytes>) -> &mut Self {
        self.request = request.into().0;
        self
    }

    pub(crate) fn trusting(&mut self, keys: &[[u8; 32]]) -> &mut Self {
        self.keys = keys.to_vec();
        self
    }
}

/// A message as a file holds it.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Envelope> for Bytes {
    fn from(envelope: Envelope) -> Self {
        Self(envelope_to_bytes(&envelope))
    }
}

impl From<BatchSigned> for Bytes {
    fn from(below: BatchSigned) -> Self {
        Self(SignedMessage::from(below).to_bytes())
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut list = List(Vec::new());
    sound_alone(&mut list);
    sound_below(&mut list);
    malformed(&mut list);
    not_the_request(&mut list);
    payload_types(&mut list);
    untrusted_keys(&mut list);
    signatures(&mut list);
    lax_signatures(&mut list);
    bodies(&mut list);
    issuers(&mut list);
    not_below(&mut list);
    requests_places_and_parties(&mut list);
    list.0
}

/// What the sound answer says.
pub(crate) fn yes() -> String {
    says(Verdict::Yes, None, POSITION, Some(&TOKEN))
}
