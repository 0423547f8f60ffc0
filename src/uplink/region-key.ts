// The key that identifies a rack to its remote region: from an administrator's file, or drawn by the rack.
//
// Sources: the three-part API key of MAAS, `consumer:token:secret`; RFC 5849 §3.4.4 (PLAINTEXT), §3.5.1.
//
// 1. A key file that others may read is refused: its readers could impersonate this rack.
// 2. The first part tells a drawn key from an administrator's. Until the region has accepted a
//    drawn key, only the digest of its secret leaves the rack.

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readStateText } from '../files/regular-file.ts';
import type { Clock } from '../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { writePrivateFile } from './rack-identity.ts';

const DRAWN_CONSUMER = 'rack';
const TOKEN_BYTES = 12;
const SECRET_BYTES = 24;
const KEY_PATTERN = /^([\w.~-]{1,200}):([\w.~-]{1,200}):([\w.~-]{1,200})$/;

export interface RegionKey {
  readonly consumer: string;
  readonly token: string;
  readonly secret: string;
  /** True if the rack drew it, so the region must still accept it. */
  readonly isDrawn: boolean;
}

/**
 * Reads the key in a file, or draws one and writes it there.
 * @throws RackError `config-invalid` if others may read the file or it holds no key, `store-unwritable`
 */
export function readRegionKey(path: string, clock: Clock): RegionKey {
  let text: string;
  try {
    text = readPrivateFile(path);
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    if (osErrorCode(cause) === 'ENOENT') return drawKey(path, clock);
    throw new RackError('store-unwritable', `${path} cannot be read: ${errorText(cause)}; give it to this user`, {
      cause,
    });
  }
  const key = parseRegionKey(text);
  if (key === undefined) {
    throw new RackError(
      'config-invalid',
      `${path} holds no key of the form consumer:token:secret, as \`rackboot apikey\` prints it; remove it, and the rack draws its own`,
    );
  }
  return key;
}

/** A key of three parts; `undefined` for any other text. */
export function parseRegionKey(text: string): RegionKey | undefined {
  const [, consumer, token, secret] = KEY_PATTERN.exec(text) ?? [];
  if (consumer === undefined || token === undefined || secret === undefined) return undefined;
  return { consumer, token, secret, isDrawn: consumer === DRAWN_CONSUMER };
}

/** @throws RackError `config-invalid` if others may read it; system errors */
function readPrivateFile(path: string): string {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw new RackError('config-invalid', `${path} has mode ${octal}: others may read the key; chmod 600 ${path}`);
  }
  return readStateText(path).trim();
}

function drawKey(path: string, clock: Clock): RegionKey {
  const [token, secret] = [TOKEN_BYTES, SECRET_BYTES].map((count) =>
    Buffer.from(clock.randomBytes(count)).toString('hex'),
  );
  if (token === undefined || secret === undefined) throw new Error('unreachable');
  writePrivateFile(path, `${DRAWN_CONSUMER}:${token}:${secret}\n`);
  return { consumer: DRAWN_CONSUMER, token, secret, isDrawn: true };
}

/** The SHA-256 of the secret in hexadecimal, which the region stores for a drawn key. */
export const digestSecret = (key: RegionKey): string => createHash('sha256').update(key.secret).digest('hex');

/** The `Authorization` header of a request sent at the wall time `wallMs`. @param nonce any number */
export function composeAuthorization(key: RegionKey, wallMs: number, nonce: number): string {
  const fields = {
    oauth_version: '1.0',
    oauth_signature_method: 'PLAINTEXT',
    oauth_consumer_key: key.consumer,
    oauth_token: key.token,
    oauth_signature: `&${encodeURIComponent(key.secret)}`,
    oauth_nonce: String(nonce),
    oauth_timestamp: String(Math.floor(wallMs / 1000)),
  };
  const parts = Object.entries(fields).map(([name, value]) => `${name}="${encodeURIComponent(value)}"`);
  return `OAuth ${parts.join(', ')}`;
}
