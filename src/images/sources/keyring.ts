// Reads the keys of a keyring file, and decides whether one of them may sign.
//
// Sources: RFC 9580 §10.1 (keys), §6.2 (armor), §13.5 and §12 (algorithms that must not be used);
// docs of `openpgp` 6.

import type { Config, KeyID, PublicKey, Subkey } from 'openpgp';
import { counted } from '../../ground/counted.ts';
import type { SignatureFaultCode } from './signature-fault.ts';

export type SigningKeys = readonly PublicKey[];

export type KeyringFaultCode = Extract<SignatureFaultCode, 'unreadable-keyring' | 'large-keyring'>;

/** The key that may have made a signature. */
export interface Candidate {
  readonly key: PublicKey;
  /** The key itself, or the subkey that the signature names. */
  readonly part: PublicKey | Subkey;
}

/** The Debian archive's has 60 000 bytes. */
const KEYRING_BYTES_MAX = 4 * 1024 * 1024;
/** Further keys are ignored. */
const KEYS_MAX = 256;
/**
 * Keys, names and signatures. Judging a key takes up to a millisecond for each self-signature. The
 * Debian archive's keyring has 104.
 */
const PACKETS_MAX = 2000;
/** 2048, but some programs make one bit less. */
const RSA_BITS_MIN = 2047;

/** Hashes of RFC 9580 §9.5 for which collisions can be constructed. */
const WEAK_HASHES: ReadonlyMap<number, string> = new Map([
  [1, 'MD5'],
  [2, 'SHA-1'],
  [3, 'RIPEMD-160'],
]);
const WEAK_KEYS: ReadonlySet<string> = new Set(['dsa', 'elgamal']);

type OpenPgp = typeof import('openpgp');

/** The accepted keys, read once. */
export class Keyring {
  readonly #bytes: Uint8Array;
  readonly #fingerprints: readonly string[] | undefined;
  #reading: Promise<SigningKeys | KeyringFaultCode> | undefined;

  /**
   * @param bytes a keyring file: one or several keys, binary or armored
   * @param fingerprints of primary keys, hexadecimal; undefined: all
   */
  constructor(bytes: Uint8Array, fingerprints: readonly string[] | undefined) {
    this.#bytes = bytes;
    this.#fingerprints = fingerprints;
  }

  /**
   * Merges copies of a key with all self-signatures and revocations: `gpg --export KEY >> FILE`
   * appends a copy.
   * @param now for the first call, which reads the keys
   */
  read(openpgp: OpenPgp, now: Date): Promise<SigningKeys | KeyringFaultCode> {
    this.#reading ??= this.#read(openpgp, now);
    return this.#reading;
  }

  async #read(openpgp: OpenPgp, now: Date): Promise<SigningKeys | KeyringFaultCode> {
    if (this.#bytes.length > KEYRING_BYTES_MAX) return 'large-keyring';
    const blocks = await binaryBlocks(openpgp, this.#bytes);
    if (blocks.reduce((sum, block) => sum + countPackets(block), 0) > PACKETS_MAX) return 'large-keyring';
    const keys = (await readAll(openpgp, blocks)).slice(0, KEYS_MAX);
    const accepted =
      this.#fingerprints &&
      new Set(this.#fingerprints.map((fingerprint) => fingerprint.replaceAll(' ', '').toLowerCase()));
    const copies = Map.groupBy(keys, (key) => key.getFingerprint());
    const merged = [...copies]
      .filter(([fingerprint]) => accepted?.has(fingerprint) ?? true)
      .map(([, same]) => mergeCopies(same, now));
    const usable = (await Promise.all(merged)).filter((key) => key !== undefined);
    return usable.length === 0 ? 'unreadable-keyring' : usable;
  }
}

/** Why a keyring file cannot be used; undefined: it has keys. @param nowMs wall time */
export async function judgeKeyring(bytes: Uint8Array, nowMs: number): Promise<KeyringFaultCode | undefined> {
  const keys = await new Keyring(bytes, undefined).read(await import('openpgp'), new Date(nowMs));
  return typeof keys === 'string' ? keys : undefined;
}

/** @returns undefined if the copies contradict each other: none is accepted */
async function mergeCopies([first, ...others]: readonly PublicKey[], now: Date): Promise<PublicKey | undefined> {
  let merged = first?.toPublic();
  try {
    for (const other of others) merged = await merged?.update(other.toPublic(), now);
    return merged;
  } catch {
    return undefined;
  }
}

/** The blocks without armor; an unreadable one does not affect others. */
async function binaryBlocks(openpgp: OpenPgp, bytes: Uint8Array): Promise<Uint8Array[]> {
  if (!isArmored(bytes)) return [bytes];
  const blocks = [...armoredBlocks(Buffer.from(bytes).toString('latin1'), 'PUBLIC KEY BLOCK')].slice(0, KEYS_MAX);
  const read = await Promise.allSettled(blocks.map((block) => openpgp.unarmor(block)));
  return read.flatMap((result) =>
    result.status === 'fulfilled' && result.value.data instanceof Uint8Array ? [result.value.data] : [],
  );
}

async function readAll(openpgp: OpenPgp, blocks: readonly Uint8Array[]): Promise<PublicKey[]> {
  const config = { ignoreMalformedPackets: true };
  const read = blocks.map((binaryKeys) => openpgp.readKeys({ binaryKeys, config }));
  const settled = await Promise.allSettled(read);
  return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/**
 * Counts packets by their headers (RFC 9580 §4.2), as far as readable; each part of a partial
 * length counts.
 */
function countPackets(bytes: Uint8Array): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let packets = 0;
  let isPartial = false;
  for (let at = 0; at < view.length; packets += 1) {
    const body: PacketBody | undefined = isPartial ? newBody(view, at) : bodyAt(view, at);
    if (body === undefined) return packets + 1;
    at = body.from + body.bytes;
    isPartial = body.isPartial;
  }
  return packets;
}

interface PacketBody {
  readonly from: number;
  readonly bytes: number;
  readonly isPartial: boolean;
}

/** @returns undefined if no length is readable, or the packet is the last */
function bodyAt(view: Buffer, at: number): PacketBody | undefined {
  const tag = view[at] ?? 0;
  if ((tag & 0x40) !== 0) return newBody(view, at + 1);
  const lengthBytes = 1 << (tag & 3);
  if (lengthBytes === 8 || at + 1 + lengthBytes > view.length) return undefined;
  return { from: at + 1 + lengthBytes, bytes: view.readUIntBE(at + 1, lengthBytes), isPartial: false };
}

function newBody(view: Buffer, at: number): PacketBody | undefined {
  const first = view[at];
  const second = view[at + 1] ?? 0;
  if (first === undefined) return undefined;
  if (first < 192) return { from: at + 1, bytes: first, isPartial: false };
  if (first < 224) return { from: at + 2, bytes: (first - 192) * 256 + second + 192, isPartial: false };
  if (first < 255) return { from: at + 1, bytes: 2 ** (first - 224), isPartial: true };
  return at + 5 > view.length ? undefined : { from: at + 5, bytes: view.readUInt32BE(at + 1), isPartial: false };
}

export function findCandidate(keys: SigningKeys, id: KeyID): Candidate | undefined {
  for (const key of keys) {
    const [part] = key.getKeys(id);
    if (part !== undefined) return { key, part };
  }
  return undefined;
}

/** An algorithm that is no longer accepted; undefined: none. */
export function findWeakness({ key, part }: Candidate, hash: number | null): string | undefined {
  const weakHash = WEAK_HASHES.get(hash ?? 0);
  if (weakHash !== undefined) return weakHash;
  for (const { algorithm, bits } of [part.getAlgorithmInfo(), key.getAlgorithmInfo()]) {
    if (WEAK_KEYS.has(algorithm)) return algorithm === 'dsa' ? 'DSA' : algorithm;
    if (algorithm.startsWith('rsa') && (bits ?? 0) < RSA_BITS_MIN) return `RSA with ${counted(bits ?? 0, 'bit')}`;
  }
  return undefined;
}

/** Why a key may not sign at a given time; undefined: it may. */
export async function judgeKey(
  { key, part }: Candidate,
  id: KeyID,
  now: Date,
  config: Config,
): Promise<SignatureFaultCode | undefined> {
  const isAllowed = await key.getSigningKey(id, now, undefined, config).then(
    () => true,
    () => false,
  );
  if (isAllowed) return undefined;
  if (await key.isRevoked(undefined, undefined, now)) return 'revoked-key';
  if (key.getCreationTime() > now || part.getCreationTime() > now) return 'future-key';
  const ends = [await key.getExpirationTime(), part === key ? null : await part.getExpirationTime()];
  return ends.some((end) => end !== null && end <= now) ? 'expired-key' : 'unfit-key';
}

const BEGIN = '-----BEGIN PGP ';
const END = '-----END PGP ';

export const isArmored = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BEGIN);

/**
 * The blocks of a kind, each with its BEGIN and END lines.
 * @param kind `PUBLIC KEY BLOCK` or `SIGNATURE`
 */
export function* armoredBlocks(text: string, kind: string): Generator<string> {
  const [begin, end] = [`${BEGIN}${kind}-----`, `${END}${kind}-----`];
  for (let at = 0; ; ) {
    const from = text.indexOf(begin, at);
    const to = from === -1 ? -1 : text.indexOf(end, from);
    if (to === -1) return;
    at = to + end.length;
    yield `${text.slice(from, at)}\n`;
  }
}
