// Reads the keys of a keyring file, and decides whether one of them may sign.
//
// Sources: RFC 9580 §10.1 (keys), §13.5 and §12 (algorithms that must not be used); docs of `openpgp` 6.

import type { Config, KeyID, PublicKey, Subkey } from 'openpgp';
import { counted } from '../../counted.ts';
import { armoredBlocks, isArmored } from './armor.ts';
import type { SignatureFaultCode } from './signature-fault.ts';

/** The accepted keys of a keyring. */
export type SigningKeys = readonly PublicKey[];

/** The key that may have made a signature. */
export interface Candidate {
  readonly key: PublicKey;
  /** The part of `key` that the signature names: the key itself, or one of its subkeys. */
  readonly part: PublicKey | Subkey;
}

/** The largest keyring, in bytes; that of the Debian archive has 60 000. */
const KEYRING_BYTES_MAX = 4 * 1024 * 1024;
/** Keys of one keyring; further ones are ignored. */
const KEYS_MAX = 256;
/** 2048 bits; some programs make keys with one bit less. */
const RSA_BITS_MIN = 2047;

/** Hashes of RFC 9580 §9.5 for which collisions can be constructed. */
const WEAK_HASHES: ReadonlyMap<number, string> = new Map([
  [1, 'MD5'],
  [2, 'SHA-1'],
  [3, 'RIPEMD-160'],
]);
const WEAK_KEYS: ReadonlySet<string> = new Set(['dsa', 'elgamal']);

type OpenPgp = typeof import('openpgp');

/**
 * Reads a keyring. Copies of a key become one, with the self-signatures and revocations of all: `gpg --export KEY >> FILE` appends a copy.
 * @returns no keys if it is unreadable or has none of the fingerprints
 */
export async function readKeyring(
  openpgp: OpenPgp,
  { bytes, fingerprints }: { readonly bytes: Uint8Array; readonly fingerprints: readonly string[] | undefined },
  now: Date,
): Promise<SigningKeys> {
  if (bytes.length === 0 || bytes.length > KEYRING_BYTES_MAX) return [];
  const keys = (await readAll(openpgp, bytes)).slice(0, KEYS_MAX);
  const accepted = fingerprints && new Set(fingerprints.map((one) => one.replaceAll(' ', '').toLowerCase()));
  const copies = Map.groupBy(keys, (key) => key.getFingerprint());
  const merged = [...copies]
    .filter(([fingerprint]) => accepted?.has(fingerprint) ?? true)
    .map(([, same]) => mergeCopies(same, now));
  return (await Promise.all(merged)).filter((key) => key !== undefined);
}

/** @returns undefined if the copies contradict each other: then none of them is accepted */
async function mergeCopies([first, ...others]: readonly PublicKey[], now: Date): Promise<PublicKey | undefined> {
  let merged = first?.toPublic();
  try {
    for (const other of others) merged = await merged?.update(other.toPublic(), now);
    return merged;
  } catch {
    return undefined;
  }
}

async function readAll(openpgp: OpenPgp, bytes: Uint8Array): Promise<PublicKey[]> {
  const config = { ignoreMalformedPackets: true };
  const read = isArmored(bytes)
    ? [...armoredBlocks(Buffer.from(bytes).toString('latin1'), 'PUBLIC KEY BLOCK')]
        .slice(0, KEYS_MAX)
        .map((block) => openpgp.readKeys({ armoredKeys: block, config }))
    : [openpgp.readKeys({ binaryKeys: bytes, config })];
  // An unreadable block does not affect the others.
  const settled = await Promise.allSettled(read);
  return settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

/** The key with an identifier; undefined if the keyring has none. */
export function findCandidate(keys: SigningKeys, id: KeyID): Candidate | undefined {
  for (const key of keys) {
    const [part] = key.getKeys(id);
    if (part !== undefined) return { key, part };
  }
  return undefined;
}

/** The algorithm of a signature that is no longer accepted; undefined if all are accepted. */
export function weaknessOf({ key, part }: Candidate, hash: number | null): string | undefined {
  const weakHash = WEAK_HASHES.get(hash ?? 0);
  if (weakHash !== undefined) return weakHash;
  for (const { algorithm, bits } of [part.getAlgorithmInfo(), key.getAlgorithmInfo()]) {
    if (WEAK_KEYS.has(algorithm)) return algorithm === 'dsa' ? 'DSA' : algorithm;
    if (algorithm.startsWith('rsa') && (bits ?? 0) < RSA_BITS_MIN) return `RSA with ${counted(bits ?? 0, 'bit')}`;
  }
  return undefined;
}

/** Why a key is not allowed to sign at a given time; undefined if it is. */
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
