// The OpenPGP key with which a region signs its store, generated at its first use.
//
//   STATE_DIR/images-key.asc     the private key, mode 0600; the public key is derived from it
//
// 1. The key is RSA, because the GnuPG of MAAS's hosts may not know newer algorithms.
// 2. If the file is missing, another key is generated, which everybody must import.

import { readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeNewFile } from '../../files/new-file.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { asStoreError } from '../store/store-error.ts';

const RSA_BITS = 3072;
const KEY_FILE_NAME = 'images-key.asc';

export interface OwnSigner {
  readonly publicKey: string;
  clearSign(text: string): Promise<string>;
  /** Signs a text. Returns only the signature, armored. */
  detach(text: string): Promise<string>;
}

/**
 * Opens the key, and generates a missing one.
 * @throws RackError `store-broken` if the file is not a private OpenPGP key, `store-unwritable`
 */
export async function openOwnSigner(stateDir: string): Promise<OwnSigner> {
  const path = join(stateDir, KEY_FILE_NAME);
  const { readPrivateKey, createCleartextMessage, createMessage, sign } = await import('openpgp');
  const armoredKey = readSigningKey(path) ?? (await makeKey(path));
  const key = await readPrivateKey({ armoredKey }).catch((cause: unknown) => {
    const remedy =
      'restore it from a backup, or remove it: Rackboot then generates another key, which everybody who trusts this one must import';
    throw new RackError('store-broken', `${path} is not a private OpenPGP key (${errorText(cause)}): ${remedy}`, {
      cause,
    });
  });
  return {
    publicKey: key.toPublic().armor(),
    clearSign: async (text) => sign({ message: await createCleartextMessage({ text }), signingKeys: key }),
    detach: async (text) => {
      const message = await createMessage({ binary: Buffer.from(text, 'utf8') });
      return String(await sign({ message, signingKeys: key, detached: true }));
    },
  };
}

function readSigningKey(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw asStoreError(error, path);
  }
}

async function makeKey(path: string): Promise<string> {
  const { generateKey } = await import('openpgp');
  const userIDs = [{ name: 'Rackboot images' }];
  const { privateKey } = await generateKey({ type: 'rsa', rsaBits: RSA_BITS, userIDs, format: 'armored' });
  const part = `${path}.new`;
  try {
    writeNewFile(part, privateKey);
    renameSync(part, path);
  } catch (error) {
    throw asStoreError(error, dirname(path));
  }
  return privateKey;
}
