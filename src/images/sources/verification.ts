// Verifies OpenPGP signatures of other sites: clear-signed (`index.sjson`, `InRelease`, Fedora's
// CHECKSUM) or detached (`.gpg`, `.asc`, `.sign`), binary or armored.
//
//   key known? ─▶ algorithms strong? ─▶ key valid now? ─▶ signature right? ─▶ in its time? ─▶ signed text
//
// Sources: RFC 9580 (OpenPGP), §7 for clear-signed text; the package `openpgp`, which checks keys
// and signatures. RFC 9580 leaves the tolerance for clocks to its implementations: Sequoia allows 30 minutes
// (`CLOCK_SKEW_TOLERANCE`), apt 10 s for the date of a release (`Acquire::Max-FutureTime`), and RFC
// 4120 §8.2 recommends 5 minutes.
//
// 1. One valid signature by an accepted key is enough, because Debian signs with several keys, and
//    a keyring may lack some. If none is valid, the fault that is last in FAULTS_BY_PROGRESS is
//    reported.
// 2. As for apt, a key must be valid now, not only when it signed. Otherwise a stolen old key could
//    sign with an old date.
// 3. A signature or a key is accepted if its time is at most CLOCK_AHEAD_MS_MAX in the future. An
//    expired one is never accepted.
// 4. Only the signed text is returned.
// 5. The package takes 0.1 s and 16 MB to load, so it is loaded at the first signature.

import type { Config, Signature } from 'openpgp';
import { cleanText } from '../../ground/clean-text.ts';
import { errorText } from '../../ground/errors.ts';
import { CLEAR_SIGNED, SIGNATURE } from './checksum-list.ts';
import {
  findCandidate,
  findWeakness,
  isArmored,
  judgeKey,
  type Keyring,
  listArmoredBlocks,
  type SigningCandidate,
  type SigningKeys,
} from './keyring.ts';
import type { SignatureFault, SignatureFaultCode } from './signature-fault.ts';

interface VerificationRequest {
  readonly file: string;
  readonly keyring: Keyring;
  /** Since 1970. */
  readonly nowMs: number;
}

interface AcceptedSignature {
  /** When the signature was made, as its signer states, since 1970. */
  readonly madeMs: number;
  /**
   * The text of a clear-signed file. Each line ends in one character. Trailing spaces are removed,
   * because they are not signed.
   */
  readonly text?: string;
}

type Verified =
  | { readonly ok: true; readonly value: AcceptedSignature }
  | { readonly ok: false; readonly fault: SignatureFault };

/** Bound on a signed text. The largest known one has 12 MB. */
const SIGNED_BYTES_MAX = 32 * 1024 * 1024;
/** Each line of clear-signed text takes some 300 bytes while it is checked. */
const LINES_MAX = 1_000_000;
/** Bound on all signatures of a text. One signature takes at most 1300 bytes. */
export const SIGNATURE_BYTES_MAX = 64 * 1024;
/** The number of signatures of a text that are checked. Others are ignored. */
const SIGNATURES_MAX = 16;

/** How far a signer's clock may be ahead. */
const CLOCK_AHEAD_MS_MAX = 5 * 60_000;
/** Faults that a signer's clock ahead of ours may cause. */
const CLOCK_FAULTS: ReadonlySet<SignatureFaultCode> = new Set(['future-signature', 'future-key', 'unfit-key']);

/**
 * Faults ordered by how far the checks got. A stranger can cause the first. Only a signer can cause
 * the last.
 */
const FAULTS_BY_PROGRESS: readonly SignatureFaultCode[] = [
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

/** Finds why a signature is wrong. Empty if it is right. */
type FindProblemAt = (at: Date, candidate: SigningCandidate) => Promise<string>;

/**
 * A reformatted key, such as one with extended expiry, has a self-signature that is newer than its
 * earlier signatures. These stay valid. Old keys have no flags, and may sign.
 */
const CONFIG = { allowInsecureVerificationWithReformattedKeys: true, allowMissingKeyFlags: true };

export async function verifyClearSigned(bytes: Uint8Array, request: VerificationRequest): Promise<Verified> {
  const refuse = createRefuser(request);
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
    const clearMessage = await openpgp.readCleartextMessage({ cleartextMessage: text.slice(start), config: CONFIG });
    const signatures = await readSignatures(openpgp, Buffer.from(text.slice(signature), 'utf8'));
    // The text was signed with line ends in CRLF (RFC 9580 §7.1).
    const message = await openpgp.createMessage({ text: clearMessage.getText().replaceAll('\n', '\r\n') });
    const accepted = await findAccepted(openpgp, message, signatures, keys, request);
    return accepted.ok ? { ok: true, value: { ...accepted.value, text: clearMessage.getText() } } : accepted;
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
  const refuse = createRefuser(request);
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
  const blocks = [...listArmoredBlocks(Buffer.from(bytes).toString('latin1'), 'SIGNATURE')].slice(0, SIGNATURES_MAX);
  return Promise.all(blocks.map((block) => openpgp.readSignature({ armoredSignature: block, config: CONFIG })));
}

async function findAccepted(
  openpgp: OpenPgp,
  message: Message,
  signatures: readonly Signature[],
  keys: SigningKeys,
  request: VerificationRequest,
): Promise<Verified> {
  let verified: Verified = createRefuser(request)('no-signature');
  const packets = signatures.flatMap((signature) => [...signature.packets.filterByTag(openpgp.enums.packet.signature)]);
  for (const packet of packets.slice(0, SIGNATURES_MAX)) {
    // Verified one by one: given several signatures, `verify` hashes the message for all of them at
    // the same time.
    const list = new openpgp.PacketList<Packet>();
    list.push(packet);
    const signature = new openpgp.Signature(list);
    const findProblemAt: FindProblemAt = async (date, { key }) => {
      const options = { message, signature, verificationKeys: [key], date, config: CONFIG };
      const [checkedSignature] = (await openpgp.verify(options)).signatures;
      if (checkedSignature === undefined) return 'it is missing';
      return checkedSignature.verified.then(() => '', errorText);
    };
    const judged = await judgeSignature(packet, keys, request, { ...openpgp.config, ...CONFIG }, findProblemAt);
    if (judged.ok) return judged;
    verified = chooseFurthestFault(verified, judged);
  }
  return verified;
}

async function judgeSignature(
  packet: Packet,
  keys: SigningKeys,
  request: VerificationRequest,
  config: Config,
  problemAt: FindProblemAt,
): Promise<Verified> {
  const keyId = packet.issuerKeyID.toHex().toUpperCase();
  const refuse = createRefuser(request);
  const candidate = findCandidate(keys, packet.issuerKeyID);
  if (candidate === undefined) return refuse('unknown-key', keyId);
  const weakness = findWeakness(candidate, packet.hashAlgorithm);
  if (weakness !== undefined) return refuse('weak-algorithm', keyId, weakness);
  const judgeAtTime = async (now: Date): Promise<Verified> => {
    const unusable = await judgeKey(candidate, packet.issuerKeyID, now, config);
    if (unusable !== undefined) return refuse(unusable, keyId);
    const problem = await problemAt(now, candidate);
    const signedTime = packet.created ?? now;
    if (problem === '') return { ok: true, value: { madeMs: signedTime.getTime() } };
    // Check an expired signature, or one from the future, at the time it was made.
    const isOutOfTime = (signedTime > now || packet.isExpired(now)) && (await problemAt(signedTime, candidate)) === '';
    if (!isOutOfTime) return refuse('bad-signature', keyId, problem);
    return refuse(signedTime > now ? 'future-signature' : 'expired-signature', keyId);
  };
  const judgedNow = await judgeAtTime(new Date(request.nowMs));
  if (judgedNow.ok || !CLOCK_FAULTS.has(judgedNow.fault.code)) return judgedNow;
  const judgedAhead = await judgeAtTime(new Date(request.nowMs + CLOCK_AHEAD_MS_MAX));
  return judgedAhead.ok ? judgedAhead : judgedNow;
}

type Refuse = (code: SignatureFaultCode, keyId?: string, detail?: string) => Verified;

const createRefuser =
  ({ file }: VerificationRequest): Refuse =>
  (code, keyId, detail = '') => ({ ok: false, fault: { code, file, keyId, detail: cleanText(detail) } });

function chooseFurthestFault(first: Verified, second: Verified): Verified {
  if (first.ok || second.ok) return first.ok ? first : second;
  return FAULTS_BY_PROGRESS.indexOf(first.fault.code) > FAULTS_BY_PROGRESS.indexOf(second.fault.code) ? first : second;
}
