#!/usr/bin/env python3
"""Checks an answer of Plinth offline: needs the request, the answer, the service's public key and the deployment's id,
and no connection, no clock and nobody's word.

    python3 verify.py --request FILE --answer FILE --service-key service.pem --deployment ID
    python3 verify.py --vectors answers.json

Copy this file into your program and call `verify`. It checks the same things in the same order as the crate
`plinth-client`, under the names of that crate's `VerifyError`, so that all implementations can share test vectors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Callable, Optional, Sequence, Union

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

REQUEST_TYPE = "application/vnd.plinth.authentication-request.v1+protobuf"
STATEMENT_TYPE = "application/vnd.plinth.authentication-statement.v1+protobuf"
ROOT_TYPE = "application/vnd.plinth.batch-root.v1+protobuf"

MAX_PAYLOAD_BYTES = 1 << 20
MAX_PATH = 14
MAX_LEAVES = 1 << MAX_PATH

CHECKS = {
    "MALFORMED": "the bytes are neither an envelope with one signature nor a message signed in a batch",
    "NOT_THE_REQUEST": "the request is not a request that this answer could belong to",
    "PAYLOAD_TYPE": "the answer is another kind of message",
    "UNTRUSTED_KEY": "the answer is signed by a key that is not trusted",
    "SIGNATURE": "the answer's signature does not verify",
    "NOT_BELOW": "the answer is not below the root that is signed",
    "BODY": "the answer is not a well-formed statement",
    "ISSUER": "the answer was issued by another deployment",
    "REQUEST": "the answer belongs to another request",
    "PLACE": "the answer states another place in the log than the root that is signed",
    "PARTY": "the answer is addressed to another party",
}


class Refused(Exception):
    """The answer failed a check and must not be acted upon. Nothing else is ever raised because of what bytes hold."""

    def __init__(self, check: str):
        super().__init__(CHECKS[check])
        self.check = check


@dataclass(frozen=True)
class Statement:
    """What the service states, once it is known to answer this very request."""

    key_id: str  # the key that signed, by the SHA-256 of its bytes
    issuer: bytes
    request_digest: bytes
    decided_at_ms: int
    key_epoch: int
    log_position: int
    relying_party: str
    yes: bool
    reason: Optional[int]  # only in a no, and only if the relying party may see it
    token: Optional[bytes]  # the person's pseudonym at this relying party, only in a yes
    buffered: bool  # the person was there when the request was made, not when it was decided


@dataclass(frozen=True)
class Envelope:
    payload_type: str
    payload: bytes
    key_id: str  # a hint for look-up, empty if there is none: it is under no signature
    signature: bytes


@dataclass(frozen=True)
class BatchSigned:
    payload_type: str
    payload: bytes
    root: Envelope
    leaf_index: int
    path: list[bytes]


Message = Union[Envelope, BatchSigned]


# --- the checks ------------------------------------------------------------------------------------------------------


def verify(request: bytes, answer: bytes, keys: Sequence[bytes], deployment: bytes) -> Statement:
    """Verifies an answer against the request that it belongs to.

    `request` and `answer` are what `plinth authenticate --save` keeps: a serialized `plinth.envelope.v1.Envelope` or
    `plinth.envelope.v1.BatchSigned`. `keys` are the service's public keys of every epoch, 32 bytes each, and
    `deployment` its 16-byte id; take both from the service's operator and not from the answer.

    Raises `Refused`, which names the first check that failed.
    """
    asked, answered = read_message(request), read_message(answer)
    party = requesting_party(asked)
    place = None
    if isinstance(answered, Envelope):
        key_id = verify_signature(answered, STATEMENT_TYPE, keys)
    else:
        key_id, place = verify_below_root(answered, keys, deployment)
    statement = checked("BODY", read_statement, answered.payload, key_id)
    require(statement.issuer == deployment, "ISSUER")
    digest = hashlib.sha256(pae(asked.payload_type, asked.payload)).digest()
    require(statement.request_digest == digest, "REQUEST")
    # The place in the log is under the root's signature twice: as the leaf's place, and inside the leaf.
    require(place in (None, (statement.log_position, statement.key_epoch)), "PLACE")
    require(statement.relying_party == party, "PARTY")
    return statement


def requesting_party(request: Message) -> str:
    """Who asked. The request's own signature is not checked: the service did, before it answered."""
    require(request.payload_type == REQUEST_TYPE, "NOT_THE_REQUEST")
    party = checked("NOT_THE_REQUEST", read_request_party, request.payload)
    require(is_party_id(party), "PARTY")
    return party


def verify_signature(envelope: Envelope, payload_type: str, keys: Sequence[bytes]) -> str:
    """That a trusted key signed the payload as this type: the key that the envelope names, or any if it names none.
    Returns that key's id."""
    require(envelope.payload_type == payload_type, "PAYLOAD_TYPE")
    trusted = [key for key in keys if len(key) == 32 and not is_weak(key)]
    named = {hashlib.sha256(key).hexdigest(): key for key in trusted}
    if envelope.key_id:
        named = {key_id: key for key_id, key in named.items() if key_id == envelope.key_id}
    require(bool(named), "UNTRUSTED_KEY")
    signed = pae(envelope.payload_type, envelope.payload)
    for key_id, key in named.items():
        if is_signature(key, signed, envelope.signature):
            return key_id
    raise Refused("SIGNATURE")


def verify_below_root(
    message: BatchSigned, keys: Sequence[bytes], deployment: bytes
) -> tuple[str, tuple[int, int]]:
    """That a trusted key signed a root which this message is below. Returns that key's id, and the log position and the
    epoch that the root gives the message."""
    require(message.payload_type == STATEMENT_TYPE, "PAYLOAD_TYPE")
    key_id = verify_signature(message.root, ROOT_TYPE, keys)
    issuer, key_epoch, first_position, tree_size, root_hash = checked("BODY", read_root, message.root.payload)
    require(issuer == deployment, "ISSUER")
    leaf = hashlib.sha256(b"\0" + pae(message.payload_type, message.payload)).digest()
    require(is_below(root_hash, tree_size, leaf, message.leaf_index, message.path), "NOT_BELOW")
    return key_id, (min(first_position + message.leaf_index, 2**64 - 1), key_epoch)


def is_below(root: bytes, size: int, leaf: bytes, index: int, path: Sequence[bytes]) -> bool:
    """Verifies an inclusion proof by the algorithm of RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    node, last, digest = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            digest = hashlib.sha256(b"\1" + sibling + digest).digest()
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            digest = hashlib.sha256(b"\1" + digest + sibling).digest()
        node, last = node >> 1, last >> 1
    return last == 0 and digest == root


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a signature covers: the pre-authentication encoding of DSSE v1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def is_signature(key: bytes, message: bytes, signature: bytes) -> bool:
    """Strict verification. The library refuses an S beyond the group order and compares R byte by byte. It lets an R of
    small order pass, which no honest signer makes and other verifiers refuse."""
    if is_weak(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


FIELD_PRIME = 2**255 - 19

# The eight points of small order have five y coordinates between them (Chalkias, Garillot, Nikolaenko, "Taming the many
# EdDSAs", 2020).
SMALL_ORDER_Y = {
    0,
    1,
    FIELD_PRIME - 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
}


def is_weak(point: bytes) -> bool:
    """Whether an encoded point is of small order or not reduced. As a key, such a point would fit any message."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y >= FIELD_PRIME or y in SMALL_ORDER_Y


def require(holds: bool, check: str) -> None:
    if not holds:
        raise Refused(check)


def checked(check: str, read: Callable, payload: bytes, *more: str):
    """What `read` makes of the payload. That it makes nothing of it is a failure of this check."""
    try:
        return read(payload, *more)
    except Malformed as error:
        raise Refused(check) from error


# --- the messages ----------------------------------------------------------------------------------------------------


def read_message(data: bytes) -> Message:
    return checked("MALFORMED", read_either, data)


def read_either(data: bytes) -> Message:
    """The fields of the two messages have different numbers, so that neither reads as the other."""
    fields = Fields.of(data)
    payload, payload_type, proof = fields.bytes(11), fields.text(12), fields.message(13)
    if proof is None:
        return read_envelope(fields)
    check_content(payload, payload_type)
    root, leaf_index, path = proof.message(1), proof.varint(2) & 0xFFFFFFFF, proof.all_bytes(3)
    well_formed(root is not None and len(path) <= MAX_PATH and all(len(node) == 32 for node in path))
    return BatchSigned(payload_type, payload, read_envelope(root), leaf_index, path)


def read_envelope(fields: Fields) -> Envelope:
    payload, payload_type, signatures = fields.bytes(1), fields.text(2), fields.all_bytes(3)
    check_content(payload, payload_type)
    well_formed(len(signatures) == 1)
    signature = Fields.of(signatures[0])
    sig, key_id = signature.bytes(1), signature.text(2)
    well_formed(len(sig) == 64 and re.fullmatch("([0-9a-f]{64})?", key_id) is not None)
    return Envelope(payload_type, payload, key_id, sig)


def check_content(payload: bytes, payload_type: str) -> None:
    well_formed(len(payload) <= MAX_PAYLOAD_BYTES and re.fullmatch("[!-~]{1,128}", payload_type) is not None)


def read_request_party(payload: bytes) -> str:
    header = Fields.of(payload).message(1)
    well_formed(header is not None)
    header.text(1), header.text(3), header.bytes(5), header.fixed64(6), header.fixed64(7)
    well_formed(len(header.bytes(4)) == 16)
    return header.text(2)


def read_statement(payload: bytes, key_id: str) -> Statement:
    body = Fields.of(payload)
    header = body.message(1)
    well_formed(header is not None)
    verdict, reason, token = body.varint(3) & 0xFFFFFFFF, body.fixed32(4), body.bytes(5)
    statement = Statement(
        key_id=key_id,
        issuer=read_deployment(header.text(1)),
        request_digest=header.bytes(2),
        decided_at_ms=header.fixed64(3) or 0,
        key_epoch=header.fixed32(4) or 0,
        log_position=header.fixed64(5) or 0,
        relying_party=body.text(2),
        yes=verdict == 1,
        reason=reason or None,
        token=token or None,
        buffered=body.varint(6) != 0,
    )
    well_formed(len(statement.request_digest) == 32 and len(header.bytes(6)) == 16 and statement.log_position >= 1)
    well_formed(is_party_id(statement.relying_party))
    # A reason belongs to a no, even one that is not shown, and a token belongs to a yes.
    well_formed((verdict == 1 and reason is None and len(token) in (0, 32)) or (verdict == 2 and token == b""))
    return statement


def read_root(payload: bytes) -> tuple[bytes, int, int, int, bytes]:
    body = Fields.of(payload)
    issuer, key_epoch, first_position = read_deployment(body.text(1)), body.fixed32(2) or 0, body.fixed64(3) or 0
    tree_size, root_hash = body.varint(4) & 0xFFFFFFFF, body.bytes(5)
    well_formed(first_position >= 1 and 1 <= tree_size <= MAX_LEAVES and len(root_hash) == 32)
    return issuer, key_epoch, first_position, tree_size, root_hash


def read_deployment(text: str) -> bytes:
    well_formed(re.fullmatch("[0-9a-f]{32}", text) is not None)
    return bytes.fromhex(text)


def is_party_id(text: str) -> bool:
    return re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", text) is not None


# --- protobuf --------------------------------------------------------------------------------------------------------


class Malformed(Exception):
    """The bytes are not the message that they should be."""


def well_formed(holds: bool) -> None:
    if not holds:
        raise Malformed


class Fields:
    """The fields of one protobuf message, in the order in which they stand. Unknown ones are never asked for. A known
    one must have the right wire type wherever it stands; of several values of a single one the last counts, and several
    parts of a single message are one message, as in every implementation of protobuf."""

    VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)

    def __init__(self, fields: list[tuple[int, int, Union[int, bytes]]]):
        self.fields = fields

    @classmethod
    def of(cls, data: bytes) -> Fields:
        fields: list[tuple[int, int, Union[int, bytes]]] = []
        groups: list[int] = []  # numbers of the groups that are open: an old form, which is skipped
        at = 0
        while at < len(data):
            key, at = cls.read_varint(data, at)
            number, wire = key >> 3, key & 7
            well_formed(1 <= number < 1 << 29)
            value: Union[int, bytes] = 0
            if wire == cls.VARINT:
                value, at = cls.read_varint(data, at)
            elif wire in (cls.FIXED64, cls.FIXED32, cls.BYTES):
                length = {cls.FIXED64: 8, cls.FIXED32: 4}.get(wire)
                if length is None:
                    length, at = cls.read_varint(data, at)
                well_formed(length <= len(data) - at)
                value, at = data[at : at + length], at + length
            elif wire == cls.GROUP_END:
                well_formed(bool(groups) and groups.pop() == number)
                continue
            else:
                well_formed(wire == cls.GROUP)
            if not groups:
                fields.append((number, wire, value))
            if wire == cls.GROUP:
                groups.append(number)
        well_formed(not groups)
        return cls(fields)

    @staticmethod
    def read_varint(data: bytes, at: int) -> tuple[int, int]:
        value = 0
        for count, byte in enumerate(data[at : at + 10]):
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                well_formed(value < 1 << 64)
                return value, at + count + 1
        raise Malformed

    def all(self, number: int, wire: int) -> list:
        found = [(kind, value) for at, kind, value in self.fields if at == number]
        well_formed(all(kind == wire for kind, _ in found))
        return [value for _, value in found]

    def last(self, number: int, wire: int, default=None):
        return (self.all(number, wire) or [default])[-1]

    def varint(self, number: int) -> int:
        return self.last(number, self.VARINT, 0)

    def fixed32(self, number: int) -> Optional[int]:
        value = self.last(number, self.FIXED32)
        return None if value is None else int.from_bytes(value, "little")

    def fixed64(self, number: int) -> Optional[int]:
        value = self.last(number, self.FIXED64)
        return None if value is None else int.from_bytes(value, "little")

    def all_bytes(self, number: int) -> list[bytes]:
        return self.all(number, self.BYTES)

    def bytes(self, number: int) -> bytes:
        return self.last(number, self.BYTES, b"")

    def text(self, number: int) -> str:
        try:
            return ([value.decode() for value in self.all(number, self.BYTES)] or [""])[-1]
        except UnicodeDecodeError as error:
            raise Malformed from error

    def message(self, number: int) -> Optional[Fields]:
        parts = [Fields.of(part).fields for part in self.all(number, self.BYTES)]
        return Fields(sum(parts, [])) if parts else None


# --- the command -----------------------------------------------------------------------------------------------------


def read_key(file: str) -> bytes:
    with open(file, "rb") as pem:
        key = load_pem_public_key(pem.read())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is not an Ed25519 key")
    return key.public_bytes_raw()


def read_file(file: str) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def moment(millis: int) -> str:
    try:
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=millis)
    except OverflowError:
        return f"{millis} ms"
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{millis % 1000:03}".rstrip(".0") + "Z"


def show(statement: Statement) -> None:
    print("genuine      authentication statement")
    print(f"signed by    {statement.key_id}")
    print(f"deployment   {statement.issuer.hex()}")
    print(f"request      {statement.request_digest.hex()}")
    print(f"decided at   {moment(statement.decided_at_ms)}")
    print(f"logged at    {statement.log_position}")
    print(f"asked by     {statement.relying_party}")
    print(f"verdict      {'yes' if statement.yes else 'no'}")
    if statement.reason is not None:
        print(f"reason       {statement.reason}")
    if statement.token is not None:
        print(f"person       {statement.token.hex()}")
    if statement.buffered:
        print("captured     offline")


def outcome(vector: dict) -> dict:
    """What verification says of a vector, in the words of the file."""
    request, answer, deployment = (bytes.fromhex(vector[f"{name}_hex"]) for name in ("request", "answer", "deployment"))
    try:
        statement = verify(request, answer, [bytes.fromhex(key) for key in vector["keys"]], deployment)
    except Refused as refused:
        return {"error": refused.check}
    said = {"verdict": "yes" if statement.yes else "no", "log_position": statement.log_position}
    if statement.reason is not None:
        said["reason"] = statement.reason
    if statement.token is not None:
        said["token_hex"] = statement.token.hex()
    return said


def check_vectors(file: str) -> int:
    vectors = json.loads(read_file(file))["vectors"]
    if not vectors:
        print(f"{file} holds no vector", file=sys.stderr)
        return 1
    for vector in vectors:
        said = outcome(vector)
        if said != vector["expect"]:
            print(f"DISAGREES: {vector['name']}: expected {vector['expect']}, found {said}", file=sys.stderr)
            return 1
    print(f"all {len(vectors)} vectors agree")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an answer of Plinth offline.")
    parser.add_argument("--request", metavar="FILE", help="the request, as it was sent")
    parser.add_argument("--answer", metavar="FILE", help="the answer, as it was received")
    parser.add_argument(
        "--service-key", metavar="FILE", action="append", help="the service's public key (PEM); once for each epoch"
    )
    parser.add_argument("--deployment", metavar="ID", help="the deployment that must have answered: its 32 digits")
    parser.add_argument("--vectors", metavar="FILE", help="check every vector of this file instead")
    arguments = parser.parse_args()
    single = (arguments.request, arguments.answer, arguments.service_key, arguments.deployment)
    if arguments.vectors is not None and not any(single):
        return check_vectors(arguments.vectors)
    if arguments.vectors is not None or not all(single):
        parser.error("give --request, --answer, --service-key and --deployment, or --vectors alone")
    try:
        deployment = read_deployment(arguments.deployment)
        keys = [read_key(file) for file in arguments.service_key]
        request, answer = read_file(arguments.request), read_file(arguments.answer)
    except Malformed:
        parser.error("--deployment must be 32 lower-case hexadecimal digits")
    except (OSError, ValueError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 1
    try:
        show(verify(request, answer, keys, deployment))
    except Refused as refused:
        print(f"NOT GENUINE: {refused.check}: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
