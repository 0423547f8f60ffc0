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
export interface SigningCandidate {
  readonly key: PublicKey;
  /** The key itself, or the subkey that the signature names. */
  readonly signingKey: PublicKey | Subkey;
}

/** Bound on a keyring file. The Debian archive's keyring has 60 000 bytes. */
const KEYRING_BYTES_MAX = 4 * 1024 * 1024;
/** Further keys are ignored. */
const KEYS_MAX = 256;
/**
 * Bound on packets: keys, names and signatures. Judging a key takes up to a millisecond for each
 * self-signature. The Debian archive's keyring has 104 packets.
 */
const PACKETS_MAX = 2000;
/** The limit is 2048 bits, but some programs make keys with one bit less. */
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
   * @param fingerprints of accepted primary keys, hexadecimal. If undefined, all are accepted
   */
  constructor(bytes: Uint8Array, fingerprints: readonly string[] | undefined) {
    this.#bytes = bytes;
    this.#fingerprints = fingerprints;
  }

  /**
   * Reads the keys. Copies of a key are merged, with all self-signatures and revocations:
   * `gpg --export KEY >> FILE` appends a copy.
   * @param now for the first call, which reads the keys
   */
  read(openpgp: OpenPgp, now: Date): Promise<SigningKeys | KeyringFaultCode> {
    this.#reading ??= this.#read(openpgp, now);
    return this.#reading;
  }

  async #read(openpgp: OpenPgp, now: Date): Promise<SigningKeys | KeyringFaultCode> {
    if (this.#bytes.length > KEYRING_BYTES_MAX) return 'large-keyring';
    const blocks = await decodeArmor(openpgp, this.#bytes);
    if (blocks.reduce((sum, block) => sum + countPackets(block), 0) > PACKETS_MAX) return 'large-keyring';
    const keys = (await readAllKeys(openpgp, blocks)).slice(0, KEYS_MAX);
    const accepted =
      this.#fingerprints &&
      new Set(this.#fingerprints.map((fingerprint) => fingerprint.replaceAll(' ', '').toLowerCase()));
    const copies = Map.groupBy(keys, (key) => key.getFingerprint());
    const mergedKeys = [...copies]
      .filter(([fingerprint]) => accepted?.has(fingerprint) ?? true)
      .map(([, same]) => mergeCopies(same, now));
    const usable = (await Promise.all(mergedKeys)).filter((key) => key !== undefined);
    return usable.length === 0 ? 'unreadable-keyring' : usable;
  }
}

/** Finds why a keyring file cannot be used. Undefined if it has keys. @param nowMs wall time */
export async function judgeKeyring(bytes: Uint8Array, nowMs: number): Promise<KeyringFaultCode | undefined> {
  const keys = await new Keyring(bytes, undefined).read(await import('openpgp'), new Date(nowMs));
  return typeof keys === 'string' ? keys : undefined;
}

/**
 * Merges copies of a key. @returns undefined if the copies contradict each other, because then none
 * is accepted
 */
async function mergeCopies([first, ...others]: readonly PublicKey[], now: Date): Promise<PublicKey | undefined> {
  let mergedKey = first?.toPublic();
  try {
    for (const other of others) mergedKey = await mergedKey?.update(other.toPublic(), now);
    return mergedKey;
  } catch {
    return undefined;
  }
}

/** Decodes the armor of all blocks. An unreadable block does not affect others. */
async function decodeArmor(openpgp: OpenPgp, bytes: Uint8Array): Promise<Uint8Array[]> {
  if (!isArmored(bytes)) return [bytes];
  const blocks = [...listArmoredBlocks(Buffer.from(bytes).toString('latin1'), 'PUBLIC KEY BLOCK')].slice(0, KEYS_MAX);
  const results = await Promise.allSettled(blocks.map((block) => openpgp.unarmor(block)));
  return results.flatMap((result) =>
    result.status === 'fulfilled' && result.value.data instanceof Uint8Array ? [result.value.data] : [],
  );
}

async function readAllKeys(openpgp: OpenPgp, blocks: readonly Uint8Array[]): Promise<PublicKey[]> {
  const config = { ignoreMalformedPackets: true };
  const pendingKeys = blocks.map((binaryKeys) => openpgp.readKeys({ binaryKeys, config }));
  const results = await Promise.allSettled(pendingKeys);
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/**
 * Counts packets by their headers (RFC 9580 §4.2), as far as they are readable. Each part of a
 * packet with partial lengths counts.
 */
function countPackets(bytes: Uint8Array): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let packets = 0;
  let isPartial = false;
  for (let offset = 0; offset < view.length; packets += 1) {
    const packetBody: PacketBody | undefined = isPartial
      ? readNewFormatBody(view, offset)
      : readPacketBody(view, offset);
    if (packetBody === undefined) return packets + 1;
    offset = packetBody.bodyOffset + packetBody.bytes;
    isPartial = packetBody.isPartial;
  }
  return packets;
}

interface PacketBody {
  readonly bodyOffset: number;
  readonly bytes: number;
  readonly isPartial: boolean;
}

/** @returns undefined if no length is readable, or the packet is the last */
function readPacketBody(view: Buffer, offset: number): PacketBody | undefined {
  const tag = view[offset] ?? 0;
  if ((tag & 0x40) !== 0) return readNewFormatBody(view, offset + 1);
  const lengthBytes = 1 << (tag & 3);
  if (lengthBytes === 8 || offset + 1 + lengthBytes > view.length) return undefined;
  return { bodyOffset: offset + 1 + lengthBytes, bytes: view.readUIntBE(offset + 1, lengthBytes), isPartial: false };
}

function readNewFormatBody(view: Buffer, offset: number): PacketBody | undefined {
  const first = view[offset];
  const second = view[offset + 1] ?? 0;
  if (first === undefined) return undefined;
  if (first < 192) return { bodyOffset: offset + 1, bytes: first, isPartial: false };
  if (first < 224) return { bodyOffset: offset + 2, bytes: (first - 192) * 256 + second + 192, isPartial: false };
  if (first < 255) return { bodyOffset: offset + 1, bytes: 2 ** (first - 224), isPartial: true };
  return offset + 5 > view.length
    ? undefined
    : { bodyOffset: offset + 5, bytes: view.readUInt32BE(offset + 1), isPartial: false };
}

export function findCandidate(keys: SigningKeys, id: KeyID): SigningCandidate | undefined {
  for (const key of keys) {
    const [part] = key.getKeys(id);
    if (part !== undefined) return { key, signingKey: part };
  }
  return undefined;
}

/** Finds an algorithm that is no longer accepted. Undefined if there is none. */
export function findWeakness({ key, signingKey }: SigningCandidate, hash: number | null): string | undefined {
  const weakHash = WEAK_HASHES.get(hash ?? 0);
  if (weakHash !== undefined) return weakHash;
  for (const { algorithm, bits } of [signingKey.getAlgorithmInfo(), key.getAlgorithmInfo()]) {
    if (WEAK_KEYS.has(algorithm)) return algorithm === 'dsa' ? 'DSA' : algorithm;
    if (algorithm.startsWith('rsa') && (bits ?? 0) < RSA_BITS_MIN) return `RSA with ${counted(bits ?? 0, 'bit')}`;
  }
  return undefined;
}

/** Finds why a key may not sign at a given time. Undefined if it may. */
export async function judgeKey(
  { key, signingKey }: SigningCandidate,
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
  if (key.getCreationTime() > now || signingKey.getCreationTime() > now) return 'future-key';
  const expiryTimes = [await key.getExpirationTime(), signingKey === key ? null : await signingKey.getExpirationTime()];
  return expiryTimes.some((end) => end !== null && end <= now) ? 'expired-key' : 'unfit-key';
}

const BEGIN = '-----BEGIN PGP ';
const END = '-----END PGP ';

export const isArmored = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BEGIN);

/**
 * Lists the blocks of a kind, each with its BEGIN and END lines.
 * @param kind `PUBLIC KEY BLOCK` or `SIGNATURE`
 */
export function* listArmoredBlocks(text: string, kind: string): Generator<string> {
  const [begin, end] = [`${BEGIN}${kind}-----`, `${END}${kind}-----`];
  for (let offset = 0; ; ) {
    const blockStart = text.indexOf(begin, offset);
    const endLineStart = blockStart === -1 ? -1 : text.indexOf(end, blockStart);
    if (endLineStart === -1) return;
    offset = endLineStart + end.length;
    yield `${text.slice(blockStart, offset)}\n`;
  }
}
