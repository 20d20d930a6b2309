//! Signed envelopes as JSON: what other tools send to a service and print of its answers.
//!
//! The form is protobuf's own JSON of the calls' messages, so that `buf curl` takes it and prints it:
//! `{"envelope": {...}}` around a request, `{"statement": {...}}` around an answer, and in either the envelope with its
//! bytes in base64.

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use plinth_client::SignedMessage;
use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::Envelope;
use plinth_proto::envelope::v1;
use serde::{Deserialize, Serialize};

/// A message that carries one envelope, or a statement below a root.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Message {
    Envelope(EnvelopeJson),
    Statement(EnvelopeJson),
    BatchSigned(BatchSignedJson),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BatchSignedJson {
    payload: String,
    payload_type: String,
    proof: ProofJson,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofJson {
    root: EnvelopeJson,
    /// Left out when it is nought, as is an empty path.
    #[serde(default)]
    leaf_index: u32,
    #[serde(default)]
    path: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnvelopeJson {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    sig: String,
    /// Left out when it is empty, as protobuf's JSON does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
}

/// The message of a call that sends this request, on one line.
pub(crate) fn request(envelope: &Envelope) -> anyhow::Result<String> {
    let v1::Envelope { payload, payload_type, signatures } = envelope.into();
    let signatures = signatures
        .into_iter()
        .map(|v1::Signature { sig, keyid }| SignatureJson { sig: BASE64.encode(&sig), keyid })
        .collect();
    let message =
        Message::Envelope(EnvelopeJson { payload: BASE64.encode(&payload), payload_type, signatures });
    Ok(serde_json::to_string(&message)?)
}

/// Reads a signed message from a file's bytes: JSON of a request or an answer, or the bytes that `--save` keeps. Nothing is
/// verified by that.
pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<SignedMessage> {
    // A serialized envelope begins with the tag of its first field, which is a line feed and never a brace; JSON may begin
    // with white space, so the whole of it is tried.
    match serde_json::from_slice::<Message>(bytes) {
        Ok(Message::Envelope(json) | Message::Statement(json)) => json.into_envelope().map(Into::into),
        Ok(Message::BatchSigned(json)) => json.into_message(),
        Err(error) if bytes.first() == Some(&b'{') => {
            Err(error).context("is JSON, but not that of one signed request or answer")
        }
        Err(_) => Ok(SignedMessage::from_bytes(bytes)?),
    }
}

impl EnvelopeJson {
    fn into_envelope(self) -> anyhow::Result<Envelope> {
        let Self { payload, payload_type, signatures } = self;
        let payload = bytes(&payload).context("payload")?;
        let signatures = signatures
            .into_iter()
            .map(|SignatureJson { sig, keyid }| Ok(v1::Signature { sig: bytes(&sig).context("sig")?, keyid }))
            .collect::<anyhow::Result<_>>()?;
        Ok(Envelope::try_from(v1::Envelope { payload, payload_type, signatures })?)
    }
}

impl BatchSignedJson {
    fn into_message(self) -> anyhow::Result<SignedMessage> {
        let Self { payload, payload_type, proof: ProofJson { root, leaf_index, path } } = self;
        let path = path.iter().map(|hash| bytes(hash).context("path")).collect::<anyhow::Result<_>>()?;
        let root = root.into_envelope().context("root")?;
        let proof = v1::BatchProof { root: Some(root.into()), leaf_index, path };
        let payload = bytes(&payload).context("payload")?;
        Ok(BatchSigned::try_from(v1::BatchSigned { payload, payload_type, proof: Some(proof) })?.into())
    }
}

fn bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    match BASE64.decode(text.as_bytes()) {
        Ok(bytes) => Ok(bytes),
        Err(_) => bail!("is not base64"),
    }
}

#[cfg(test)]
mod tests {
    use plinth_client::envelope_to_bytes;
    use plinth_identity::dsse::SigningKey;

    use super::*;

    fn signed() -> Envelope {
        SigningKey::from_seed([7; 32]).sign("application/x", b"payload".to_vec())
    }

    #[test]
    fn a_request_has_this_form() {
        let envelope = signed();
        let key_id = SigningKey::from_seed([7; 32]).public().key_id();
        let expected = format!(
            r#"{{"envelope":{{"payload":"cGF5bG9hZA==","payloadType":"application/x","signatures":[{{"sig":"{}","keyid":"{key_id}"}}]}}}}"#,
            BASE64.encode(envelope.signature())
        );
        assert_eq!(request(&envelope).unwrap(), expected);
    }

    #[test]
    fn json_and_bytes_of_one_envelope_read_alike() {
        let envelope = signed();
        let json = request(&envelope).unwrap();
        let message = SignedMessage::Alone(envelope.clone());
        assert_eq!(read(json.as_bytes()).unwrap(), message);
        assert_eq!(read(format!("\n  {json}\n").as_bytes()).unwrap(), message);
        assert_eq!(read(json.replace("\"envelope\"", "\"statement\"").as_bytes()).unwrap(), message);
        assert_eq!(read(&envelope_to_bytes(&envelope)).unwrap(), message);
    }

    #[test]
    fn damaged_json_is_an_error_and_never_a_panic() {
        let json = request(&signed()).unwrap();
        for length in 0..json.len() {
            assert!(read(&json.as_bytes()[..length]).is_err(), "{length}");
        }
        for (from, to) in [("cGF5", "cGF!"), ("payloadType", "payloadKind"), ("\"sig\"", "\"seal\"")] {
            assert!(read(json.replace(from, to).as_bytes()).is_err(), "{from} -> {to}");
        }
    }
}
