// Verifies OpenPGP signatures of other sites: clear-signed (`index.sjson`, `InRelease`, Fedora's
// CHECKSUM) or detached (`.gpg`, `.asc`, `.sign`), binary or armored.
//
//   key known? ─▶ algorithms strong? ─▶ key valid now? ─▶ signature right? ─▶ in its time? ─▶ signed text
//
// Sources: RFC 9580 (OpenPGP), §7 for clear-signed text; the package `openpgp`, which checks keys
// and signatures. RFC 9580 leaves clocks to its implementations: Sequoia allows 30 minutes
// (`CLOCK_SKEW_TOLERANCE`), apt 10 s for the date of a release (`Acquire::Max-FutureTime`), and RFC
// 4120 §8.2 recommends 5 minutes.
//
// 1. One valid signature by an accepted key is enough: Debian signs with several, and a keyring may
//    lack some. Otherwise the last fault in FURTHEST is reported.
// 2. A key must be valid now, not only when it signed, as for apt: a stolen old key could sign with
//    an old date.
// 3. A signature or a key from up to CLOCK_AHEAD_MS_MAX in the future is accepted, an expired one never.
// 4. Only the signed text is returned.
// 5. The package takes 0.1 s and 16 MB to load: only the first signature loads it.

import type { Config, Signature } from 'openpgp';
import { cleanText } from '../../ground/clean-text.ts';
import { errorText } from '../../ground/errors.ts';
import { CLEAR_SIGNED, SIGNATURE } from './checksum-list.ts';
import {
  armoredBlocks,
  type Candidate,
  findCandidate,
  findWeakness,
  isArmored,
  judgeKey,
  type Keyring,
  type SigningKeys,
} from './keyring.ts';
import type { SignatureFault, SignatureFaultCode } from './signature-fault.ts';

interface VerificationRequest {
  readonly file: string;
  readonly keyring: Keyring;
  /** Since 1970. */
  readonly nowMs: number;
}

interface Accepted {
  /** As its signer says, since 1970. */
  readonly madeMs: number;
  /**
   * Of a clear-signed file. Each line ends in one character; trailing spaces, which are not signed,
   * are removed.
   */
  readonly text?: string;
}

type Verified =
  | { readonly ok: true; readonly value: Accepted }
  | { readonly ok: false; readonly fault: SignatureFault };

/** The largest known text has 12 MB. */
const SIGNED_BYTES_MAX = 32 * 1024 * 1024;
/** Each line of clear-signed text takes some 300 bytes while it is checked. */
const LINES_MAX = 1_000_000;
/** A signature takes at most 1300. */
export const SIGNATURE_BYTES_MAX = 64 * 1024;
/** So many signatures of a text are checked; others are ignored. */
const SIGNATURES_MAX = 16;

/** How far a signer's clock may be ahead. */
const CLOCK_AHEAD_MS_MAX = 5 * 60_000;
/** A clock ahead of ours may cause these. */
const OF_CLOCKS: ReadonlySet<SignatureFaultCode> = new Set(['future-signature', 'future-key', 'unfit-key']);

/** A stranger can cause the first, only a signer the last. */
const FURTHEST: readonly SignatureFaultCode[] = [
  'unknown-key',
  'weak-algorithm',
  'unfit-key',
  'bad-signature',
  'future-key',
  'future-signature',
  'expired-signature',
  'expired-key',
  'revoked-key',
];

type OpenPgp = typeof import('openpgp');
type Packet = Signature['packets'][number];
type Message = Parameters<OpenPgp['verify']>[0]['message'];

/** Why a signature is wrong; empty: it is right. */
type ProblemAt = (at: Date, candidate: Candidate) => Promise<string>;

/**
 * A reformatted key (with extended expiry, for example) has a self-signature newer than its older
 * signatures, which stay valid. Keys without flags are old; they may sign.
 */
const CONFIG = { allowInsecureVerificationWithReformattedKeys: true, allowMissingKeyFlags: true };

export async function verifyClearSigned(bytes: Uint8Array, request: VerificationRequest): Promise<Verified> {
  const refuse = refuser(request);
  if (bytes.length > SIGNED_BYTES_MAX) return refuse('too-large', undefined, `at most ${SIGNED_BYTES_MAX} bytes`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const start = text.indexOf(CLEAR_SIGNED);
  if (start === -1) return refuse('no-signature');
  const signature = text.indexOf(`\n${SIGNATURE}`, start);
  if (signature === -1) return refuse('unreadable-signature', undefined, 'it is missing after the text');
  if (text.length - signature > SIGNATURE_BYTES_MAX)
    return refuse('too-large', undefined, `at most ${SIGNATURE_BYTES_MAX} bytes of signatures`);
  if (countLines(text) > LINES_MAX) return refuse('too-large', undefined, `at most ${LINES_MAX} lines`);
  const openpgp = await import('openpgp');
  const keys = await request.keyring.read(openpgp, new Date(request.nowMs));
  if (typeof keys === 'string') return refuse(keys);
  try {
    const clear = await openpgp.readCleartextMessage({ cleartextMessage: text.slice(start), config: CONFIG });
    const signatures = await readSignatures(openpgp, Buffer.from(text.slice(signature), 'utf8'));
    // RFC 9580 §7.1: the text is signed with CRLF.
    const message = await openpgp.createMessage({ text: clear.getText().replaceAll('\n', '\r\n') });
    const accepted = await findAccepted(openpgp, message, signatures, keys, request);
    return accepted.ok ? { ok: true, value: { ...accepted.value, text: clear.getText() } } : accepted;
  } catch (error) {
    return refuse('unreadable-signature', undefined, errorText(error));
  }
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

export async function verifyDetached(
  signed: Uint8Array,
  signature: Uint8Array,
  request: VerificationRequest,
): Promise<Verified> {
  const refuse = refuser(request);
  if (signed.length > SIGNED_BYTES_MAX) return refuse('too-large', undefined, `at most ${SIGNED_BYTES_MAX} bytes`);
  if (signature.length > SIGNATURE_BYTES_MAX)
    return refuse('too-large', undefined, `at most ${SIGNATURE_BYTES_MAX} bytes of signatures`);
  if (signature.length === 0) return refuse('no-signature');
  const openpgp = await import('openpgp');
  const keys = await request.keyring.read(openpgp, new Date(request.nowMs));
  if (typeof keys === 'string') return refuse(keys);
  try {
    const message = await openpgp.createMessage({ binary: signed });
    return await findAccepted(openpgp, message, await readSignatures(openpgp, signature), keys, request);
  } catch (error) {
    return refuse('unreadable-signature', undefined, errorText(error));
  }
}

async function readSignatures(openpgp: OpenPgp, bytes: Uint8Array) {
  if (!isArmored(bytes)) return [await openpgp.readSignature({ binarySignature: bytes, config: CONFIG })];
  const blocks = [...armoredBlocks(Buffer.from(bytes).toString('latin1'), 'SIGNATURE')].slice(0, SIGNATURES_MAX);
  return Promise.all(blocks.map((block) => openpgp.readSignature({ armoredSignature: block, config: CONFIG })));
}

async function findAccepted(
  openpgp: OpenPgp,
  message: Message,
  signatures: readonly Signature[],
  keys: SigningKeys,
  request: VerificationRequest,
): Promise<Verified> {
  let verified: Verified = refuser(request)('no-signature');
  const packets = signatures.flatMap((signature) => [...signature.packets.filterByTag(openpgp.enums.packet.signature)]);
  for (const packet of packets.slice(0, SIGNATURES_MAX)) {
    // `verify` hashes the message for each signature at once.
    const list = new openpgp.PacketList<Packet>();
    list.push(packet);
    const signature = new openpgp.Signature(list);
    const problemAt: ProblemAt = async (date, { key }) => {
      const options = { message, signature, verificationKeys: [key], date, config: CONFIG };
      const [checked] = (await openpgp.verify(options)).signatures;
      if (checked === undefined) return 'it is missing';
      return checked.verified.then(() => '', errorText);
    };
    const next = await judgeSignature(packet, keys, request, { ...openpgp.config, ...CONFIG }, problemAt);
    if (next.ok) return next;
    verified = furthest(verified, next);
  }
  return verified;
}

async function judgeSignature(
  packet: Packet,
  keys: SigningKeys,
  request: VerificationRequest,
  config: Config,
  problemAt: ProblemAt,
): Promise<Verified> {
  const keyId = packet.issuerKeyID.toHex().toUpperCase();
  const refuse = refuser(request);
  const candidate = findCandidate(keys, packet.issuerKeyID);
  if (candidate === undefined) return refuse('unknown-key', keyId);
  const weakness = findWeakness(candidate, packet.hashAlgorithm);
  if (weakness !== undefined) return refuse('weak-algorithm', keyId, weakness);
  const judgeAt = async (now: Date): Promise<Verified> => {
    const unusable = await judgeKey(candidate, packet.issuerKeyID, now, config);
    if (unusable !== undefined) return refuse(unusable, keyId);
    const problem = await problemAt(now, candidate);
    const made = packet.created ?? now;
    if (problem === '') return { ok: true, value: { madeMs: made.getTime() } };
    // Check an expired signature, or one from the future, at the time it was made.
    const isOutOfTime = (made > now || packet.isExpired(now)) && (await problemAt(made, candidate)) === '';
    if (!isOutOfTime) return refuse('bad-signature', keyId, problem);
    return refuse(made > now ? 'future-signature' : 'expired-signature', keyId);
  };
  const judged = await judgeAt(new Date(request.nowMs));
  if (judged.ok || !OF_CLOCKS.has(judged.fault.code)) return judged;
  const later = await judgeAt(new Date(request.nowMs + CLOCK_AHEAD_MS_MAX));
  return later.ok ? later : judged;
}

type Refuse = (code: SignatureFaultCode, keyId?: string, detail?: string) => Verified;

const refuser =
  ({ file }: VerificationRequest): Refuse =>
  (code, keyId, detail = '') => ({ ok: false, fault: { code, file, keyId, detail: cleanText(detail) } });

function furthest(one: Verified, other: Verified): Verified {
  if (one.ok || other.ok) return one.ok ? one : other;
  return FURTHEST.indexOf(one.fault.code) > FURTHEST.indexOf(other.fault.code) ? one : other;
}
