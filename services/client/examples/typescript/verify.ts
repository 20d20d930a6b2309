// Checks an answer of Plinth offline: needs the request, the answer, the service's public key and the deployment's id,
// and no connection, no clock and nobody's word.
//
//   node build/verify.js --request FILE --answer FILE --service-key service.pem --deployment ID
//   node build/verify.js --vectors answers.json
//
// Copy this file into your program and call `verify`. It checks the same things in the same order as the crate
// `plinth-client`, under the names of that crate's `VerifyError`, so that all implementations can share test vectors.

import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { ExtendedPoint as Point, etc, verify as verifyEd25519 } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2";

// The library leaves the choice of a hash to its user; with this one it works without WebCrypto too.
etc.sha512Sync = (...parts) => sha512(etc.concatBytes(...parts));

const REQUEST_TYPE = "application/vnd.plinth.authentication-request.v1+protobuf";
const STATEMENT_TYPE = "application/vnd.plinth.authentication-statement.v1+protobuf";
const ROOT_TYPE = "application/vnd.plinth.batch-root.v1+protobuf";

const MAX_PAYLOAD_BYTES = 1 << 20;
const MAX_PATH = 14;
const MAX_LEAVES = 1 << MAX_PATH;

const CHECKS = {
  MALFORMED: "the bytes are neither an envelope with one signature nor a message signed in a batch",
  NOT_THE_REQUEST: "the request is not a request that this answer could belong to",
  PAYLOAD_TYPE: "the answer is another kind of message",
  UNTRUSTED_KEY: "the answer is signed by a key that is not trusted",
  SIGNATURE: "the answer's signature does not verify",
  NOT_BELOW: "the answer is not below the root that is signed",
  BODY: "the answer is not a well-formed statement",
  ISSUER: "the answer was issued by another deployment",
  REQUEST: "the answer belongs to another request",
  PLACE: "the answer states another place in the log than the root that is signed",
  PARTY: "the answer is addressed to another party",
} as const;

export type Check = keyof typeof CHECKS;

/** The answer failed a check and must not be acted upon. Nothing else is ever thrown because of what bytes hold. */
export class Refused extends Error {
  constructor(readonly check: Check) {
    super(CHECKS[check]);
  }
}

/** What the service states, once it is known to answer this very request. */
export interface Statement {
  /** The key that signed, by the SHA-256 of its bytes. */
  keyId: string;
  /** The deployment. */
  issuer: string;
  requestDigest: Uint8Array;
  decidedAtMs: bigint;
  keyEpoch: number;
  logPosition: bigint;
  relyingParty: string;
  yes: boolean;
  /** Only in a no, and only if the relying party may see it. */
  reason?: number;
  /** The person's pseudonym at this relying party, only in a yes. */
  token?: Uint8Array;
  /** The person was there when the request was made, not when it was decided. */
  buffered: boolean;
}

interface Envelope {
  payloadType: string;
  payload: Uint8Array;
  /** A hint for look-up, empty if there is none: it is under no signature. */
  keyId: string;
  signature: Uint8Array;
}

interface BatchSigned {
  payloadType: string;
  payload: Uint8Array;
  root: Envelope;
  leafIndex: number;
  path: Uint8Array[];
}

interface Place {
  logPosition: bigint;
  keyEpoch: number;
}

// --- the checks -------------------------------------------------------------------------------------------------------

/**
 * Verifies an answer against the request that it belongs to.
 *
 * `request` and `answer` are what `plinth authenticate --save` keeps: a serialized `plinth.envelope.v1.Envelope` or
 * `plinth.envelope.v1.BatchSigned`. `keys` are the service's public keys of every epoch, 32 bytes each, and `deployment`
 * its id, 32 digits; take both from the service's operator and not from the answer.
 *
 * Throws `Refused`, which names the first check that failed.
 */
export function verify(request: Uint8Array, answer: Uint8Array, keys: Uint8Array[], deployment: string): Statement {
  const asked = checked("MALFORMED", () => readMessage(request));
  const answered = checked("MALFORMED", () => readMessage(answer));
  const party = requestingParty(asked);
  let keyId: string;
  let place: Place | undefined;
  if ("root" in answered) {
    ({ keyId, place } = verifyBelowRoot(answered, keys, deployment));
  } else {
    keyId = verifySignature(answered, STATEMENT_TYPE, keys);
  }
  const statement = checked("BODY", () => readStatement(answered.payload, keyId));
  require(statement.issuer === deployment, "ISSUER");
  const digest = sha256(pae(asked.payloadType, asked.payload));
  require(equal(statement.requestDigest, digest), "REQUEST");
  if (place !== undefined) {
    // The place in the log is under the root's signature twice: as the leaf's place, and inside the leaf.
    const same = place.logPosition === statement.logPosition && place.keyEpoch === statement.keyEpoch;
    require(same, "PLACE");
  }
  require(statement.relyingParty === party, "PARTY");
  return statement;
}

/** Who asked. The request's own signature is not checked: the service did, before it answered. */
function requestingParty(request: Envelope | BatchSigned): string {
  require(request.payloadType === REQUEST_TYPE, "NOT_THE_REQUEST");
  const party = checked("NOT_THE_REQUEST", () => readRequestParty(request.payload));
  require(isPartyId(party), "PARTY");
  return party;
}

/**
 * That a trusted key signed the payload as this type: the key that the envelope names, or any if it names none. Returns
 * that key's id.
 */
function verifySignature(envelope: Envelope, payloadType: string, keys: Uint8Array[]): string {
  require(envelope.payloadType === payloadType, "PAYLOAD_TYPE");
  const trusted = keys.filter(isSound).map((key) => ({ key, keyId: hex(sha256(key)) }));
  const named = trusted.filter(({ keyId }) => envelope.keyId === "" || envelope.keyId === keyId);
  require(named.length > 0, "UNTRUSTED_KEY");
  const signed = pae(envelope.payloadType, envelope.payload);
  const signer = named.find(({ key }) => isSignature(key, signed, envelope.signature));
  if (signer === undefined) throw new Refused("SIGNATURE");
  return signer.keyId;
}

/**
 * That a trusted key signed a root which this message is below. Returns that key's id, and the log position and the epoch
 * that the root gives the message.
 */
function verifyBelowRoot(
  message: BatchSigned,
  keys: Uint8Array[],
  deployment: string,
): { keyId: string; place: Place } {
  require(message.payloadType === STATEMENT_TYPE, "PAYLOAD_TYPE");
  const keyId = verifySignature(message.root, ROOT_TYPE, keys);
  const root = checked("BODY", () => readRoot(message.root.payload));
  require(root.issuer === deployment, "ISSUER");
  const leaf = sha256(etc.concatBytes(Uint8Array.of(0), pae(message.payloadType, message.payload)));
  require(isBelow(root.rootHash, root.treeSize, leaf, message.leafIndex, message.path), "NOT_BELOW");
  const last = (1n << 64n) - 1n;
  const logPosition = root.firstPosition + BigInt(message.leafIndex);
  return { keyId, place: { logPosition: logPosition < last ? logPosition : last, keyEpoch: root.keyEpoch } };
}

/** Verifies an inclusion proof by the algorithm of RFC 9162, section 2.1.3.2. Sizes are below 2^31. */
function isBelow(root: Uint8Array, size: number, leaf: Uint8Array, index: number, path: Uint8Array[]): boolean {
  if (index >= size) return false;
  let node = index;
  let last = size - 1;
  let digest = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if ((node & 1) === 1 || node === last) {
      digest = sha256(etc.concatBytes(Uint8Array.of(1), sibling, digest));
      while ((node & 1) === 0 && node !== 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      digest = sha256(etc.concatBytes(Uint8Array.of(1), digest, sibling));
    }
    node >>= 1;
    last >>= 1;
  }
  return last === 0 && equal(digest, root);
}

/** The bytes that a signature covers: the pre-authentication encoding of DSSE v1. */
function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const kind = new TextEncoder().encode(payloadType);
  const head = `DSSEv1 ${kind.length} ${payloadType} ${payload.length} `;
  return etc.concatBytes(new TextEncoder().encode(head), payload);
}

/**
 * Strict verification. The library refuses an S beyond the group order and an R that is not reduced. It verifies with the
 * cofactor, which agrees with verification without it only where R is a point of the prime-order group.
 */
function isSignature(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return isSound(signature.subarray(0, 32)) && verifyEd25519(signature, message, key, { zip215: false });
}

/** Whether these bytes are the only encoding of a point of the prime-order group other than the neutral element. */
function isSound(encoded: Uint8Array): boolean {
  try {
    const point = Point.fromHex(encoded, false);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

function require(holds: boolean, check: Check): void {
  if (!holds) throw new Refused(check);
}

/** What is read. That it cannot be read is a failure of this check. */
function checked<T>(check: Check, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Malformed ? new Refused(check) : error;
  }
}

// --- the messages -----------------------------------------------------------------------------------------------------

/** The fields of the two messages have different numbers, so that neither reads as the other. */
function readMessage(data: Uint8Array): Envelope | BatchSigned {
  const fields = Fields.of(data);
  const [payload, payloadType, proof] = [fields.bytes(11), fields.text(12), fields.message(13)];
  if (proof === undefined) return readEnvelope(fields);
  checkContent(payload, payloadType);
  const [root, leafIndex, path] = [proof.message(1), proof.uint32(2), proof.allBytes(3)];
  wellFormed(path.length <= MAX_PATH && path.every((node) => node.length === 32));
  return { payloadType, payload, root: readEnvelope(present(root)), leafIndex, path };
}

function readEnvelope(fields: Fields): Envelope {
  const [payload, payloadType, signatures] = [fields.bytes(1), fields.text(2), fields.allBytes(3)];
  checkContent(payload, payloadType);
  wellFormed(signatures.length === 1);
  const fieldsOfSignature = Fields.of(present(signatures[0]));
  const [signature, keyId] = [fieldsOfSignature.bytes(1), fieldsOfSignature.text(2)];
  wellFormed(signature.length === 64 && /^([0-9a-f]{64})?$/.test(keyId));
  return { payloadType, payload, keyId, signature };
}

function checkContent(payload: Uint8Array, payloadType: string): void {
  wellFormed(payload.length <= MAX_PAYLOAD_BYTES && /^[!-~]{1,128}$/.test(payloadType));
}

function readRequestParty(payload: Uint8Array): string {
  const header = present(Fields.of(payload).message(1));
  header.text(1), header.text(3), header.bytes(5), header.fixed64(6), header.fixed64(7);
  wellFormed(header.bytes(4).length === 16);
  return header.text(2);
}

function readStatement(payload: Uint8Array, keyId: string): Statement {
  const body = Fields.of(payload);
  const header = present(body.message(1));
  const [verdict, reason, token] = [body.uint32(3), body.fixed32(4), body.bytes(5)];
  const statement: Statement = {
    keyId,
    issuer: readDeployment(header.text(1)),
    requestDigest: header.bytes(2),
    decidedAtMs: header.fixed64(3) ?? 0n,
    keyEpoch: header.fixed32(4) ?? 0,
    logPosition: header.fixed64(5) ?? 0n,
    relyingParty: body.text(2),
    yes: verdict === 1,
    buffered: body.varint(6) !== 0n,
  };
  if (reason) statement.reason = reason;
  if (token.length > 0) statement.token = token;
  wellFormed(statement.requestDigest.length === 32 && header.bytes(6).length === 16 && statement.logPosition >= 1n);
  wellFormed(isPartyId(statement.relyingParty));
  // A reason belongs to a no, even one that is not shown, and a token belongs to a yes.
  const soundYes = verdict === 1 && reason === undefined && [0, 32].includes(token.length);
  const soundNo = verdict === 2 && token.length === 0;
  wellFormed(soundYes || soundNo);
  return statement;
}

interface Root {
  issuer: string;
  keyEpoch: number;
  firstPosition: bigint;
  treeSize: number;
  rootHash: Uint8Array;
}

function readRoot(payload: Uint8Array): Root {
  const body = Fields.of(payload);
  const root = {
    issuer: readDeployment(body.text(1)),
    keyEpoch: body.fixed32(2) ?? 0,
    firstPosition: body.fixed64(3) ?? 0n,
    treeSize: body.uint32(4),
    rootHash: body.bytes(5),
  };
  wellFormed(root.firstPosition >= 1n && root.treeSize >= 1 && root.treeSize <= MAX_LEAVES);
  wellFormed(root.rootHash.length === 32);
  return root;
}

function readDeployment(text: string): string {
  wellFormed(/^[0-9a-f]{32}$/.test(text));
  return text;
}

function isPartyId(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(text);
}

// --- protobuf ---------------------------------------------------------------------------------------------------------

/** The bytes are not the message that they should be. */
class Malformed extends Error {}

function wellFormed(holds: boolean): void {
  if (!holds) throw new Malformed();
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Malformed();
  return value;
}

const [VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32] = [0, 1, 2, 3, 4, 5];

/** A number as it stands there, or the bytes of any other value. */
type Field = { number: number; wire: number; value: bigint | Uint8Array };

/**
 * The fields of one protobuf message, in the order in which they stand. Unknown ones are never asked for. A known one must
 * have the right wire type wherever it stands; of several values of a single one the last counts, and several parts of a
 * single message are one message, as in every implementation of protobuf.
 */
class Fields {
  private constructor(private readonly fields: Field[]) {}

  static of(data: Uint8Array): Fields {
    const fields: Field[] = [];
    const groups: number[] = []; // numbers of the groups that are open: an old form, which is skipped
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let count = 0n; count < 10n; count++) {
        const byte = present(data[at++]);
        value |= BigInt(byte & 0x7f) << (7n * count);
        if (byte < 0x80) {
          wellFormed(value < 1n << 64n);
          return value;
        }
      }
      throw new Malformed();
    };
    const bytes = (length: bigint): Uint8Array => {
      wellFormed(length <= BigInt(data.length - at));
      at += Number(length);
      return data.subarray(at - Number(length), at);
    };
    while (at < data.length) {
      const key = varint();
      wellFormed(key >= 8n && key < 1n << 32n);
      const [number, wire] = [Number(key >> 3n), Number(key & 7n)];
      let value: bigint | Uint8Array = 0n;
      if (wire === VARINT) {
        value = varint();
      } else if (wire === FIXED64) {
        value = bytes(8n);
      } else if (wire === FIXED32) {
        value = bytes(4n);
      } else if (wire === BYTES) {
        value = bytes(varint());
      } else if (wire === GROUP_END) {
        wellFormed(groups.pop() === number);
        continue;
      } else {
        wellFormed(wire === GROUP);
      }
      if (groups.length === 0) fields.push({ number, wire, value });
      if (wire === GROUP) groups.push(number);
    }
    wellFormed(groups.length === 0);
    return new Fields(fields);
  }

  private all(number: number, wire: number): (bigint | Uint8Array)[] {
    const found = this.fields.filter((field) => field.number === number);
    wellFormed(found.every((field) => field.wire === wire));
    return found.map((field) => field.value);
  }

  varint(number: number): bigint {
    return (this.all(number, VARINT) as bigint[]).pop() ?? 0n;
  }

  uint32(number: number): number {
    return Number(BigInt.asUintN(32, this.varint(number)));
  }

  fixed32(number: number): number | undefined {
    const value = (this.all(number, FIXED32) as Uint8Array[]).pop();
    return value && new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  }

  fixed64(number: number): bigint | undefined {
    const value = (this.all(number, FIXED64) as Uint8Array[]).pop();
    return value && new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
  }

  allBytes(number: number): Uint8Array[] {
    return this.all(number, BYTES) as Uint8Array[];
  }

  bytes(number: number): Uint8Array {
    return this.allBytes(number).pop() ?? new Uint8Array();
  }

  text(number: number): string {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    try {
      return this.allBytes(number).map((value) => decoder.decode(value)).pop() ?? "";
    } catch {
      throw new Malformed();
    }
  }

  message(number: number): Fields | undefined {
    const parts = this.allBytes(number).map((part) => Fields.of(part).fields);
    return parts.length > 0 ? new Fields(parts.flat()) : undefined;
  }
}

// --- bytes ------------------------------------------------------------------------------------------------------------

function hex(bytes: Uint8Array): string {
  return etc.bytesToHex(bytes);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** The 32 bytes of an Ed25519 key in PEM, which RFC 8410 puts behind these twelve. */
function readKey(file: string): Uint8Array {
  const label = "PUBLIC KEY";
  const pem = new RegExp(`^-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----$`);
  const block = pem.exec(readFileSync(file, "utf8").trim());
  const der = block?.[1] ? Uint8Array.from(Buffer.from(block[1], "base64")) : new Uint8Array();
  if (der.length !== 44 || hex(der.subarray(0, 12)) !== "302a300506032b6570032100") {
    throw new Error(`${file} is not an Ed25519 public key in PEM`);
  }
  return der.subarray(12);
}

// --- the command ------------------------------------------------------------------------------------------------------

function moment(millis: bigint): string {
  const at = new Date(Number(millis));
  const beyond = Number.isNaN(at.getTime()) || at.getUTCFullYear() > 9999;
  return beyond ? `${millis} ms` : at.toISOString().replace(/\.?0*Z$/, "Z");
}

function show(statement: Statement): void {
  const lines = [
    "genuine      authentication statement",
    `signed by    ${statement.keyId}`,
    `deployment   ${statement.issuer}`,
    `request      ${hex(statement.requestDigest)}`,
    `decided at   ${moment(statement.decidedAtMs)}`,
    `logged at    ${statement.logPosition}`,
    `asked by     ${statement.relyingParty}`,
    `verdict      ${statement.yes ? "yes" : "no"}`,
  ];
  if (statement.reason !== undefined) lines.push(`reason       ${statement.reason}`);
  if (statement.token !== undefined) lines.push(`person       ${hex(statement.token)}`);
  if (statement.buffered) lines.push("captured     offline");
  console.log(lines.join("\n"));
}

interface Expectation {
  verdict?: string;
  reason?: number;
  log_position?: number;
  token_hex?: string;
  error?: string;
}

interface Vector {
  name: string;
  keys: string[];
  deployment_hex: string;
  request_hex: string;
  answer_hex: string;
  expect: Expectation;
}

/** What verification says of a vector, in the words of the file. */
function outcome(vector: Vector): Expectation {
  const bytes = etc.hexToBytes;
  try {
    const [request, answer] = [bytes(vector.request_hex), bytes(vector.answer_hex)];
    const statement = verify(request, answer, vector.keys.map(bytes), vector.deployment_hex);
    const said: Expectation = {
      verdict: statement.yes ? "yes" : "no",
      log_position: Number(statement.logPosition),
    };
    if (statement.reason !== undefined) said.reason = statement.reason;
    if (statement.token !== undefined) said.token_hex = hex(statement.token);
    return said;
  } catch (error) {
    if (error instanceof Refused) return { error: error.check };
    throw error;
  }
}

function checkVectors(file: string): number {
  const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] };
  if (vectors.length === 0) {
    console.error(`${file} holds no vector`);
    return 1;
  }
  const sorted = (value: Expectation): string => JSON.stringify(Object.entries(value).sort());
  for (const vector of vectors) {
    const said = outcome(vector);
    if (sorted(said) !== sorted(vector.expect)) {
      const [expected, found] = [JSON.stringify(vector.expect), JSON.stringify(said)];
      console.error(`DISAGREES: ${vector.name}: expected ${expected}, found ${found}`);
      return 1;
    }
  }
  console.log(`all ${vectors.length} vectors agree`);
  return 0;
}

const USAGE = `usage: verify --request FILE --answer FILE --service-key FILE --deployment ID
       verify --vectors FILE

--service-key may be given several times, once for each epoch. ID is the deployment's 32 digits.`;

function main(): number {
  const text = { type: "string" } as const;
  const options = {
    request: text,
    answer: text,
    "service-key": { type: "string", multiple: true },
    deployment: text,
    vectors: text,
    help: { type: "boolean" },
  } as const;
  let given;
  try {
    given = parseArgs({ options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (given.help) {
    console.log(USAGE);
    return 0;
  }
  const { request, answer, "service-key": keys, deployment, vectors } = given;
  if (vectors !== undefined && !request && !answer && !keys && !deployment) return checkVectors(vectors);
  if (vectors !== undefined || !request || !answer || !keys || !/^[0-9a-f]{32}$/.test(deployment ?? "")) {
    console.error(USAGE);
    return 2;
  }
  let read: [Uint8Array, Uint8Array, Uint8Array[]];
  try {
    read = [readFileSync(request), readFileSync(answer), keys.map(readKey)];
  } catch (error) {
    console.error(`cannot read: ${(error as Error).message}`);
    return 1;
  }
  try {
    show(verify(...read, deployment as string));
    return 0;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(`NOT GENUINE: ${error.check}: ${error.message}`);
    return 1;
  }
}

// Only when it is run, not when it is imported.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main();
}
