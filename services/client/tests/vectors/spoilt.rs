//! Answers that prove nothing, each with one fault.

use data_encoding::HEXLOWER;
use plinth_client::envelope_to_bytes;
use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::payload_type;
use plinth_identity::id::DeploymentId;
use plinth_identity::merkle::{MAX_LEAVES, MAX_PATH};
use plinth_proto::authentication::v1 as authentication;
use prost::Message as _;

use crate::list::{Bytes, List};
use crate::signed::{
    OTHER_DEPLOYMENT, Planted, REQUEST, STATEMENT, bank, below, below_on_the_wire, below_root, below_stating,
    flipped, header, hex, newer, on_the_wire, planted, plus_group_order, request, request_body, request_with,
    service, signed_with, sound, stating, stranger, with_key_id, with_payload, with_signature,
};

/// The neutral element of the curve.
const NEUTRAL: &str = "0100000000000000000000000000000000000000000000000000000000000000";
/// The neutral element with y = p + 1, which is 1 not reduced.
const NEUTRAL_UNREDUCED: &str = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";

/// Signatures of the service's key over [`sound`] that only a lax verification accepts. Each is R and S = r + k a mod L
/// with k = SHA-512(R, A, M): r = 0 where R is of small order, and r = 5 where R is 5 B and a point of order eight.
const R_NEUTRAL: &str = concat!(
    "0100000000000000000000000000000000000000000000000000000000000000",
    "2921bb312e236655c98dc88379379fc28d31eca1616e3b1d931cda2361883d0f",
);
const R_UNREDUCED: &str = concat!(
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "b11a7afff6217ddf4d33308ccef58bbb6a334ec409c70bbfe9c3a1ac5f84f408",
);
const R_OF_ORDER_EIGHT: &str = concat!(
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "2b3a02034efa80151f7bf6a3dd89c9b6904b88cc0d16525f81f2840d401c8009",
);
const R_MIXED: &str = concat!(
    "d0424b701d60255de5df705071059ccd22b8349bb4138202ebbd65e9e0ad211b",
    "a40493b8a7b58b9a9a5d6222aa800241ef5d2acbf464474f2c8f313588398d00",
);

pub(crate) fn malformed(list: &mut List) {
    const CHECK: &str = "MALFORMED";
    let alone = envelope_to_bytes(&sound());
    let batch = Bytes::from(below()).0;
    let asked = envelope_to_bytes(&request(1));
    list.fail(CHECK, "empty answer", "No bytes are no envelope.", Vec::new());
    list.fail(CHECK, "truncated", "The last byte is missing.", alone[..alone.len() - 1].to_vec());
    list.fail(
        CHECK,
        "batch-signed and truncated",
        "The last byte is missing.",
        batch[..batch.len() - 1].to_vec(),
    )
    .asked(request(3));
    list.fail(CHECK, "truncated request", "The last byte of the request is missing.", sound())
        .asked(asked[..asked.len() - 1].to_vec());
    list.fail(
        CHECK,
        "endless number",
        "A number without an end stands behind the envelope.",
        [alone.as_slice(), &[0x78], &[0xff; 10]].concat(),
    );
    list.fail(CHECK, "wrong wire type", "The payload is a number.", [alone.as_slice(), &[8, 1]].concat());
    list.fail(
        CHECK,
        "wrong wire type before the right one",
        "An earlier payload is a number. That it does not count makes it no better.",
        [&[8, 1], alone.as_slice()].concat(),
    );
    let behind = [
        (
            "number of more than 64 bits",
            "Ten bytes of a number hold 64 bits and no more.",
            "78ffffffffffffffffff02",
        ),
        ("field number zero", "Fields are numbered from 1.", "0001"),
        ("field number beyond the last", "Fields are numbered up to 536,870,911.", "808080801001"),
        ("unknown field beyond the end", "Five bytes are announced and one stands there.", "920105ff"),
        ("unknown wire type", "There are wire types 0 to 5.", "7e"),
        ("open group", "A group without an end.", "7b0801"),
        ("end of no group", "A group that was not begun ends.", "7c"),
        ("end of another group", "The group of another number ends.", "7b8401"),
    ];
    for (name, comment, bytes) in behind {
        let bytes = HEXLOWER.decode(bytes.as_bytes()).unwrap();
        list.fail(CHECK, name, comment, [alone.clone(), bytes].concat());
    }
    list.fail(
        CHECK,
        "no signature",
        "An envelope has exactly one signature.",
        on_the_wire(|wire| wire.signatures.clear()),
    );
    list.fail(
        CHECK,
        "two signatures",
        "An envelope has exactly one signature, even if both are sound.",
        on_the_wire(|wire| wire.signatures.push(wire.signatures[0].clone())),
    );
    list.fail(
        CHECK,
        "short signature",
        "The last byte of the signature is missing.",
        on_the_wire(|wire| wire.signatures[0].sig.truncate(63)),
    );
    list.fail(
        CHECK,
        "key id in capitals",
        "The hint has one spelling.",
        on_the_wire(|wire| wire.signatures[0].keyid.make_ascii_uppercase()),
    );
    list.fail(
        CHECK,
        "payload type with a space",
        "A payload type is printable ASCII without spaces.",
        signed_with(&service(), &format!("{STATEMENT} ")),
    );
    list.fail(
        CHECK,
        "path of fifteen hashes",
        "No tree is that deep.",
        below_on_the_wire(|proof| proof.path.resize(MAX_PATH + 1, vec![0; 32])),
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "hash of 31 bytes",
        "A hash of the path is short.",
        below_on_the_wire(|proof| proof.path[0].truncate(31)),
    )
    .asked(request(3));
}

pub(crate) fn not_the_request(list: &mut List) {
    const CHECK: &str = "NOT_THE_REQUEST";
    list.fail(
        CHECK,
        "request of another type",
        "A request for a one-time code with the same content.",
        sound(),
    )
    .asked(bank().sign(payload_type::OTP_REQUEST, request_body(1, false)));
    let bare = authentication::AuthenticationRequest {
        number: "234567890124".to_owned(),
        ..authentication::AuthenticationRequest::default()
    };
    list.fail(CHECK, "request without a header", "Nothing says who asks.", sound())
        .asked(bank().sign(REQUEST, bare.encode_to_vec()));
    list.fail(CHECK, "request with a short id", "A request id has sixteen bytes.", sound())
        .asked(request_with(|body| body.header.as_mut().unwrap().request_id.truncate(15)));
    list.fail(CHECK, "request that is no message", "Signed bytes that are no protobuf.", sound())
        .asked(bank().sign(REQUEST, vec![0xff]));
    list.fail(
        "PARTY",
        "request of nobody",
        "The party of the request is no party id. This is noticed before the answer is looked at.",
        stranger().sign(payload_type::ENROLMENT_STATEMENT, vec![0xff]),
    )
    .asked(request_with(|body| "Bank".clone_into(&mut body.header.as_mut().unwrap().party)));
}

pub(crate) fn payload_types(list: &mut List) {
    const CHECK: &str = "PAYLOAD_TYPE";
    let other = payload_type::ENROLMENT_STATEMENT;
    list.fail(
        CHECK,
        "another kind of statement",
        "Rightly signed as the answer to an enrolment.",
        signed_with(&service(), other),
    );
    let strange = below_root(|planted| planted.key = stranger());
    list.fail(
        CHECK,
        "another kind of statement below a root",
        "The type is checked before the root.",
        BatchSigned { payload_type: other.to_owned(), ..strange },
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "root of another type",
        "The root is signed as one over requests.",
        below_root(|planted| planted.kind = payload_type::REQUEST_BATCH_ROOT),
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "root in place of the answer",
        "The signed root itself proves no statement.",
        below().root,
    )
    .asked(request(3));
    list.fail(CHECK, "request in place of the answer", "The request is sent back.", request(1));
}

pub(crate) fn untrusted_keys(list: &mut List) {
    const CHECK: &str = "UNTRUSTED_KEY";
    list.fail(
        CHECK,
        "stranger",
        "Signed with a key that is not trusted, and says so.",
        signed_with(&stranger(), STATEMENT),
    );
    list.fail(
        CHECK,
        "wrong key id",
        "The signature is right, the hint names another key.",
        with_key_id(&sound(), Some(&stranger())),
    );
    list.fail(CHECK, "retired key", "The key that signed is not trusted any more.", sound())
        .trusting(&[newer().public().to_bytes()]);
    list.fail(
        CHECK,
        "root of a stranger",
        "The root is signed with a key that is not trusted, and says so.",
        below_root(|planted| planted.key = stranger()),
    )
    .asked(request(3));
    // R is the neutral element and S is zero.
    let forged = with_signature(&with_key_id(&sound(), None), hex(&format!("{NEUTRAL}{:064}", 0)));
    list.fail(
        CHECK,
        "trusted key of small order",
        "With this key, R the neutral element and S zero, every message would verify.",
        forged.clone(),
    )
    .trusting(&[hex(NEUTRAL)]);
    list.fail(CHECK, "trusted key encoded a second way", "y = p + 1, which is y = 1 not reduced.", forged)
        .trusting(&[hex(NEUTRAL_UNREDUCED)]);
}

pub(crate) fn signatures(list: &mut List) {
    const CHECK: &str = "SIGNATURE";
    list.fail(
        CHECK,
        "altered payload",
        "The last bit of the statement is flipped.",
        with_payload(&sound(), flipped(sound().payload())),
    );
    let mut altered = *sound().signature();
    altered[31] ^= 1;
    list.fail(CHECK, "altered signature", "The last bit of R is flipped.", with_signature(&sound(), altered));
    let strange = signed_with(&stranger(), STATEMENT);
    list.fail(
        CHECK,
        "stranger in disguise",
        "A stranger's signature under the service's key id.",
        with_key_id(&strange, Some(&service())),
    );
    list.fail(
        CHECK,
        "stranger without a name",
        "A stranger's signature without a key id.",
        with_key_id(&strange, None),
    );
    let other = signed_with(&service(), payload_type::ENROLMENT_STATEMENT);
    list.fail(
        CHECK,
        "signature of another type",
        "The signature covers the same bytes as the answer to an enrolment.",
        with_signature(&sound(), *other.signature()),
    );
    list.fail(
        CHECK,
        "signature over the bare payload",
        "The signature covers the payload without its type.",
        with_signature(&sound(), service().sign_bytes(sound().payload())),
    );
    let root = below().root;
    list.fail(
        CHECK,
        "altered root",
        "The last bit of the signed root is flipped.",
        BatchSigned { root: with_payload(&root, flipped(root.payload())), ..below() },
    )
    .asked(request(3));
    let strange = below_root(|planted| planted.key = stranger());
    list.fail(
        CHECK,
        "forged root",
        "A stranger's signature of the root under the service's key id.",
        BatchSigned { root: with_key_id(&strange.root, Some(&service())), ..strange },
    )
    .asked(request(3));
}

/// Signatures that a verifier accepts unless it is strict.
pub(crate) fn lax_signatures(list: &mut List) {
    const CHECK: &str = "SIGNATURE";
    let mut signature = *sound().signature();
    let beyond = plus_group_order(&signature[32..]);
    signature[32..].copy_from_slice(&beyond);
    list.fail(
        CHECK,
        "S beyond the group order",
        "S + L in place of S: the same equation, a second signature of one message.",
        with_signature(&sound(), signature),
    );
    list.fail(
        CHECK,
        "R of small order",
        "R is the neutral element and S fulfils the equation for it: refused by strict verification only.",
        with_signature(&sound(), hex(R_NEUTRAL)),
    );
    list.fail(
        CHECK,
        "R encoded a second way",
        "R is the neutral element with y = p + 1, and S fulfils the equation for it.",
        with_signature(&sound(), hex(R_UNREDUCED)),
    );
    list.fail(
        CHECK,
        "R of order eight",
        "S fulfils the equation after multiplication by the cofactor, and R is of small order.",
        with_signature(&sound(), hex(R_OF_ORDER_EIGHT)),
    );
    list.fail(
        CHECK,
        "R with a part of small order",
        "S fulfils the equation only after multiplication by the cofactor.",
        with_signature(&sound(), hex(R_MIXED)),
    );
}

/// A name, a comment, and how a statement is spoilt before it is signed.
type Spoilt<T> = (&'static str, &'static str, fn(&mut T));

pub(crate) fn bodies(list: &mut List) {
    const CHECK: &str = "BODY";
    let empty = service().sign(STATEMENT, Vec::new());
    list.fail(CHECK, "empty statement", "Nothing is stated.", empty);
    let statements: [Spoilt<authentication::AuthenticationStatement>; 11] = [
        ("no verdict", "Neither yes nor no.", |it| it.verdict = 0),
        ("unknown verdict", "Neither yes nor no, but a third.", |it| it.verdict = 3),
        ("yes with a reason", "A reason belongs to a no.", |it| it.reason = Some(100)),
        ("yes with a reason that is not shown", "Even the number zero belongs to a no.", |it| {
            it.reason = Some(0);
        }),
        ("no with a token", "A pseudonym belongs to a yes.", |it| {
            it.set_verdict(authentication::Verdict::No);
            it.reason = Some(0);
        }),
        ("short token", "A pseudonym has 32 bytes.", |it| it.token.truncate(31)),
        ("no place in the log", "Positions begin at 1.", |it| header(it).log_position = 0),
        ("short request digest", "A digest has 32 bytes.", |it| header(it).request_digest = vec![0; 31]),
        ("short salt", "A salt has sixteen bytes.", |it| header(it).log_salt.truncate(15)),
        ("issuer in capitals", "An id has one spelling.", |it| header(it).issuer = "AB".repeat(16)),
        ("relying party that is none", "A party id has no capitals.", |it| {
            "Bank".clone_into(&mut it.relying_party);
        }),
    ];
    for (name, comment, spoil) in statements {
        list.fail(CHECK, name, comment, stating(spoil));
    }
    let garbage = service().sign(STATEMENT, vec![0xff]);
    list.fail(CHECK, "statement that is no message", "Signed bytes that are no protobuf.", garbage);
    let roots: [Spoilt<Planted>; 4] = [
        ("root over no leaves", "A tree has at least one leaf.", |it| it.root.tree_size = 0),
        ("root over too many leaves", "A tree has at most 16,384 leaves.", |it| {
            it.root.tree_size = MAX_LEAVES + 1;
        }),
        ("root without a first position", "Positions begin at 1.", |it| it.root.first_position = 0),
        ("root with a short hash", "A hash has 32 bytes.", |it| it.root.root_hash = vec![0; 31]),
    ];
    for (name, comment, spoil) in roots {
        list.fail(CHECK, name, comment, below_root(spoil)).asked(request(3));
    }
}

pub(crate) fn issuers(list: &mut List) {
    const CHECK: &str = "ISSUER";
    let other = DeploymentId::from_bytes(OTHER_DEPLOYMENT).to_string();
    list.fail(
        CHECK,
        "another deployment",
        "The answer comes from another deployment than the trusted one.",
        sound(),
    )
    .deployment = OTHER_DEPLOYMENT;
    list.fail(
        CHECK,
        "statement of another deployment",
        "The trusted key signed it, for another deployment and another request.",
        stating(|statement| {
            header(statement).issuer.clone_from(&other);
            header(statement).request_digest = vec![0; 32];
        }),
    );
    let foreign = below_root(|planted| planted.root.issuer.clone_from(&other));
    list.fail(
        CHECK,
        "root of another deployment",
        "The trusted key signed the root, for another deployment. This is noticed before the path is followed.",
        BatchSigned { path: Vec::new(), ..foreign },
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "statement of another deployment below a root",
        "The root is sound.",
        below_stating(|statement| header(statement).issuer.clone_from(&other)),
    )
    .asked(request(3));
}

pub(crate) fn not_below(list: &mut List) {
    const CHECK: &str = "NOT_BELOW";
    let single = || planted(1, 0, |_| (), |_| ());
    let messages: [Spoilt<BatchSigned>; 10] = [
        ("moved leaf", "The leaf index is that of the neighbour.", |it| it.leaf_index = 2),
        ("leaf beyond the tree", "The leaf index is the size of the tree.", |it| it.leaf_index = 5),
        ("last leaf beyond the tree", "The path is empty, as that of a tree with one leaf is.", |it| {
            it.leaf_index = 1;
        }),
        ("short path", "The last hash of the path is missing.", |it| {
            it.path.pop();
        }),
        ("no path", "All hashes of the path are missing.", |it| it.path.clear()),
        ("long path", "A hash too many.", |it| it.path.push([0; 32])),
        ("path where none is due", "A tree with one leaf has an empty path.", |it| it.path.push([0; 32])),
        ("altered path", "The last bit of the first hash is flipped.", |it| it.path[0][31] ^= 1),
        ("turned path", "The first two hashes are swapped.", |it| it.path.swap(0, 1)),
        ("altered statement", "The last bit of the statement is flipped.", |it| {
            it.payload = flipped(&it.payload);
        }),
    ];
    for (name, comment, spoil) in messages {
        let alone = ["last leaf beyond the tree", "path where none is due"].contains(&name);
        let (mut message, number) = if alone { (single(), 0) } else { (below(), 3) };
        spoil(&mut message);
        list.fail(CHECK, name, comment, message).asked(request(number));
    }
    list.fail(
        CHECK,
        "root of another size",
        "The signed root says that there are four leaves.",
        below_root(|planted| planted.root.tree_size = 4),
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "root of a larger tree",
        "The hash is that of the one leaf, the root says that there are two.",
        planted(1, 0, |_| (), |planted| planted.root.tree_size = 2),
    )
    .asked(request(0));
    let second = planted(2, 1, |_| (), |planted| planted.root.tree_size = 1);
    list.fail(
        CHECK,
        "root of a smaller tree",
        "The path leads to the hash of two leaves, the root says that there is one.",
        BatchSigned { leaf_index: 0, ..second },
    )
    .asked(request(1));
    list.fail(
        CHECK,
        "root over other leaves",
        "The signed root has another hash.",
        below_root(|planted| planted.root.root_hash = vec![0; 32]),
    )
    .asked(request(3));
    list.fail(
        CHECK,
        "last leaf of another tree",
        "The path is that of the last of five leaves, the root says that there are six.",
        planted(5, 4, |_| (), |planted| planted.root.tree_size = 6),
    )
    .asked(request(4));
}

pub(crate) fn requests_places_and_parties(list: &mut List) {
    let shop = |party: &mut String| "shop".clone_into(party);
    list.fail(
        "REQUEST",
        "another request",
        "The answer belongs to another request of the same relying party.",
        sound(),
    )
    .asked(request(2));
    list.fail(
        "REQUEST",
        "another request below a root",
        "The digest is compared before the place and the party.",
        below_stating(|statement| {
            header(statement).log_position = 99;
            shop(&mut statement.relying_party);
        }),
    )
    .asked(request(4));
    list.fail(
        "REQUEST",
        "the same request of another party",
        "The request says who asks, and that is under the digest.",
        sound(),
    )
    .asked(request_with(|body| shop(&mut body.header.as_mut().unwrap().party)));
    list.fail(
        "PLACE",
        "another log position",
        "The statement says another place in the log than the root above it.",
        below_stating(|statement| header(statement).log_position = 44),
    )
    .asked(request(3));
    list.fail(
        "PLACE",
        "another epoch",
        "The statement says another epoch than the root above it.",
        below_stating(|statement| header(statement).key_epoch = 2),
    )
    .asked(request(3));
    list.fail(
        "PLACE",
        "root of another place",
        "The root says another first position; the place is compared before the party.",
        planted(
            5,
            3,
            |statement| shop(&mut statement.relying_party),
            |planted| planted.root.first_position = 41,
        ),
    )
    .asked(request(3));
    list.fail(
        "PARTY",
        "another party",
        "The answer is addressed to another relying party.",
        stating(|statement| shop(&mut statement.relying_party)),
    );
    list.fail(
        "PARTY",
        "another party below a root",
        "The answer is addressed to another relying party.",
        below_stating(|statement| shop(&mut statement.relying_party)),
    )
    .asked(request(3));
}
