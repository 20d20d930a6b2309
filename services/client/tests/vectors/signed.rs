//! What is signed: questions of a bank, and the service's answers, each to be changed before it is signed or after.

use data_encoding::HEXLOWER;
use plinth_identity::authentication::{AuthenticationRequest, Verdict};
use plinth_identity::batch::{BatchRoot, BatchSigned, RequestBatchRoot};
use plinth_identity::demographics::{DemographicClaim, Name, NameClaim, Strategy};
use plinth_identity::dsse::{Envelope, SigningKey, payload_type};
use plinth_identity::evidence::Evidence;
use plinth_identity::id::{
    DeploymentId, LogPosition, Nonce, PartyId, RelyingPartyToken, RequestDigest, RequestId,
};
use plinth_identity::merkle::Tree;
use plinth_identity::number::IdentityNumber;
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{AuthenticationStatement, StatementHeader, leaf_hash};
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1 as authentication;
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::batch::{encode_batch_root, encode_request_batch_root};
use plinth_proto::envelope::v1 as envelope;
use prost::Message as _;

pub(crate) const REQUEST: &str = payload_type::AUTHENTICATION_REQUEST;
pub(crate) const STATEMENT: &str = payload_type::AUTHENTICATION_STATEMENT;

pub(crate) const NOW: u64 = 1_700_000_000_000;
pub(crate) const DEPLOYMENT: [u8; 16] = [2; 16];
pub(crate) const OTHER_DEPLOYMENT: [u8; 16] = [8; 16];
pub(crate) const TOKEN: [u8; 32] = [8; 32];

/// Where the statements that are signed alone are logged.
pub(crate) const POSITION: u64 = 7;
/// Where the first leaf below a root is logged.
pub(crate) const FIRST_POSITION: u64 = 40;

/// Order of the group, little-endian.
pub(crate) const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, //
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub(crate) fn service() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

pub(crate) fn bank() -> SigningKey {
    SigningKey::from_seed([4; 32])
}

pub(crate) fn stranger() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

pub(crate) fn newer() -> SigningKey {
    SigningKey::from_seed([10; 32])
}

pub(crate) fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// The bytes with the last bit flipped.
pub(crate) fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// The bank's question with this number, 0 to 255: two of them differ in id and nonce.
pub(crate) fn request_body(number: u8, buffered: bool) -> Vec<u8> {
    let lifetime = if buffered { 24 * 60 * 60 * 1000 } else { 30_000 };
    let header = RequestHeader::new(
        DeploymentId::from_bytes(DEPLOYMENT),
        PartyId::parse("bank").unwrap(),
        "open an account",
        RequestId::from_bytes([number; 16]),
        Nonce::from_bytes([255 - number; 16]),
        Timestamp::from_millis(NOW),
        Timestamp::from_millis(NOW + lifetime),
    )
    .unwrap();
    let name = NameClaim { name: Name::parse("Asha Rao").unwrap(), strategy: Strategy::Exact };
    let claim = DemographicClaim { name: Some(name), ..DemographicClaim::default() };
    let declared = claim.factors();
    let evidence = Evidence::new(claim, None, None, &[], 0, declared).unwrap();
    let number = IdentityNumber::parse("234567890124").unwrap();
    encode_authentication_request(&AuthenticationRequest::new(header, buffered, number.into(), evidence))
}

pub(crate) fn request(number: u8) -> Envelope {
    bank().sign(REQUEST, request_body(number, false))
}

/// The first question after a change.
pub(crate) fn request_with(change: impl FnOnce(&mut authentication::AuthenticationRequest)) -> Envelope {
    let mut body = authentication::AuthenticationRequest::decode(request_body(1, false).as_slice()).unwrap();
    change(&mut body);
    bank().sign(REQUEST, body.encode_to_vec())
}

/// The second of three questions that the bank signed together.
pub(crate) fn request_below() -> BatchSigned {
    let payloads: Vec<Vec<u8>> = (0..3).map(|number| request_body(number, false)).collect();
    let leaves: Vec<_> = payloads.iter().map(|payload| leaf_hash(REQUEST, payload)).collect();
    let (deployment, party) = (DeploymentId::from_bytes(DEPLOYMENT), PartyId::parse("bank").unwrap());
    let root = RequestBatchRoot::over(deployment, party, REQUEST, &payloads);
    BatchSigned {
        payload_type: REQUEST.to_owned(),
        payload: payloads[1].clone(),
        root: bank().sign(payload_type::REQUEST_BATCH_ROOT, encode_request_batch_root(&root)),
        leaf_index: 1,
        path: Tree::of(&leaves).path(1).unwrap(),
    }
}

/// A yes with a pseudonym, or a no whose reason is not shown, to a question of the bank.
pub(crate) fn statement(
    request: &[u8],
    position: u64,
    verdict: Verdict,
) -> authentication::AuthenticationStatement {
    let statement = AuthenticationStatement {
        header: StatementHeader {
            issuer: DeploymentId::from_bytes(DEPLOYMENT),
            request: RequestDigest::of(REQUEST, request),
            decided_at: Timestamp::from_millis(NOW + 123),
            key_epoch: 1,
            log_position: LogPosition::new(position),
            log_salt: [6; 16],
        },
        relying_party: PartyId::parse("bank").unwrap(),
        verdict,
        reason: None,
        token: (verdict == Verdict::Yes).then(|| RelyingPartyToken::from_bytes(TOKEN)),
        buffered: false,
    };
    let bytes = encode_authentication_statement(&statement);
    authentication::AuthenticationStatement::decode(bytes.as_slice()).unwrap()
}

/// The header of a statement, to be changed.
pub(crate) fn header(
    statement: &mut authentication::AuthenticationStatement,
) -> &mut envelope::StatementHeader {
    statement.header.as_mut().unwrap()
}

/// A yes to the first question after a change, signed alone.
pub(crate) fn stating(change: impl FnOnce(&mut authentication::AuthenticationStatement)) -> Envelope {
    let mut statement = statement(&request_body(1, false), POSITION, Verdict::Yes);
    change(&mut statement);
    service().sign(STATEMENT, statement.encode_to_vec())
}

/// A yes to the first question, signed alone.
pub(crate) fn sound() -> Envelope {
    stating(|_| ())
}

/// The sound answer's payload with another signature.
pub(crate) fn signed_with(key: &SigningKey, kind: &str) -> Envelope {
    key.sign(kind, sound().payload().to_vec())
}

/// An envelope's parts put together anew.
pub(crate) fn with_key_id(envelope: &Envelope, key: Option<&SigningKey>) -> Envelope {
    let key_id = key.map(|key| key.public().key_id());
    let (kind, payload) = (envelope.payload_type().to_owned(), envelope.payload().to_vec());
    Envelope::new(kind, payload, key_id, *envelope.signature())
}

pub(crate) fn with_signature(envelope: &Envelope, signature: [u8; 64]) -> Envelope {
    let (kind, payload) = (envelope.payload_type().to_owned(), envelope.payload().to_vec());
    Envelope::new(kind, payload, envelope.key_id().copied(), signature)
}

pub(crate) fn with_payload(envelope: &Envelope, payload: Vec<u8>) -> Envelope {
    Envelope::new(
        envelope.payload_type().to_owned(),
        payload,
        envelope.key_id().copied(),
        *envelope.signature(),
    )
}

/// The sound answer on the wire after a change that no [`Envelope`] can hold.
pub(crate) fn on_the_wire(change: impl FnOnce(&mut envelope::Envelope)) -> Vec<u8> {
    let mut wire = envelope::Envelope::from(&sound());
    change(&mut wire);
    wire.encode_to_vec()
}

/// How a tree is made, to be changed.
pub(crate) struct Planted {
    pub(crate) statement: authentication::AuthenticationStatement,
    pub(crate) root: envelope::BatchRoot,
    pub(crate) key: SigningKey,
    pub(crate) kind: &'static str,
}

/// The answer to the question with the leaf's number, below a root over this many leaves: a yes at even places, a no at odd
/// ones. The other leaves are leaves of nothing in particular.
pub(crate) fn planted(
    size: u32,
    index: u32,
    state: impl FnOnce(&mut authentication::AuthenticationStatement),
    plant: impl FnOnce(&mut Planted),
) -> BatchSigned {
    let verdict = if index.is_multiple_of(2) { Verdict::Yes } else { Verdict::No };
    let position = FIRST_POSITION + u64::from(index);
    let mut statement = statement(&request_body(number_of(index), false), position, verdict);
    state(&mut statement);
    let payload = statement.encode_to_vec();
    let mut leaves: Vec<_> = (0..size).map(|leaf| leaf_hash("another leaf", &leaf.to_be_bytes())).collect();
    leaves[usize::try_from(index).unwrap()] = leaf_hash(STATEMENT, &payload);
    let tree = Tree::of(&leaves);
    let root = BatchRoot {
        issuer: DeploymentId::from_bytes(DEPLOYMENT),
        key_epoch: 1,
        first_position: LogPosition::new(FIRST_POSITION),
        tree_size: size,
        root_hash: tree.root(),
    };
    let root = envelope::BatchRoot::decode(encode_batch_root(&root).as_slice()).unwrap();
    let mut planted = Planted { statement, root, key: service(), kind: payload_type::BATCH_ROOT };
    plant(&mut planted);
    BatchSigned {
        payload_type: STATEMENT.to_owned(),
        payload: planted.statement.encode_to_vec(),
        root: planted.key.sign(planted.kind, planted.root.encode_to_vec()),
        leaf_index: index,
        path: tree.path(index.into()).unwrap(),
    }
}

/// The number of the question that the statement at this leaf answers.
pub(crate) fn number_of(index: u32) -> u8 {
    u8::try_from(index % 256).unwrap()
}

/// The fourth of five leaves.
pub(crate) fn below() -> BatchSigned {
    planted(5, 3, |_| (), |_| ())
}

/// The same below a root that was changed before it was signed.
pub(crate) fn below_root(plant: impl FnOnce(&mut Planted)) -> BatchSigned {
    planted(5, 3, |_| (), plant)
}

/// The same with a statement that was changed before the tree was made.
pub(crate) fn below_stating(state: impl FnOnce(&mut authentication::AuthenticationStatement)) -> BatchSigned {
    planted(5, 3, state, |_| ())
}

/// The same on the wire after a change that no [`BatchSigned`] can hold.
pub(crate) fn below_on_the_wire(change: impl FnOnce(&mut envelope::BatchProof)) -> Vec<u8> {
    let mut wire = envelope::BatchSigned::from(below());
    change(wire.proof.as_mut().unwrap());
    wire.encode_to_vec()
}

/// The same in two parts that are one message when they are read together.
pub(crate) fn below_in_two_parts() -> Vec<u8> {
    let wire = envelope::BatchSigned::from(below());
    let proof = wire.proof.clone().unwrap();
    let first = envelope::BatchProof { root: proof.root, ..envelope::BatchProof::default() };
    let second = envelope::BatchProof { root: None, ..wire.proof.clone().unwrap() };
    let first = envelope::BatchSigned { proof: Some(first), ..wire };
    let second = envelope::BatchSigned { proof: Some(second), ..envelope::BatchSigned::default() };
    [first.encode_to_vec(), second.encode_to_vec()].concat()
}

/// The sum of a little-endian number below the group order and the group order.
pub(crate) fn plus_group_order(scalar: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    let mut carry = 0_u16;
    for ((digit, a), b) in sum.iter_mut().zip(scalar).zip(GROUP_ORDER) {
        let [high, low] = (u16::from(*a) + u16::from(b) + carry).to_be_bytes();
        (*digit, carry) = (low, u16::from(high));
    }
    assert_eq!(carry, 0);
    sum
}
