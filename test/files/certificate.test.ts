// Reading a certificate and its key as a pair, and the one-line errors for faulty ones.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCertificateProblem, readCertificatePair } from '../../src/files/certificate.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';

test('a pair is read, a faulty one is refused by name, and an expiring one is reported', {
  skip: missing('openssl'),
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-certificate-'));
  try {
    const nowMs = systemClock.wallTimeMs();
    const authority = makeAuthority(directory, nowMs);
    const good = authority.issue('good');
    const other = authority.issue('other');
    const pair = readCertificatePair(good);
    assert.ok(pair.validFromMs < nowMs && pair.validUntilMs > nowMs);
    assert.equal(findCertificateProblem(pair, good, nowMs), undefined);

    const text = join(directory, 'text');
    writeFileSync(text, 'no PEM at all');
    const odd = join(directory, 'odd');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    writeFileSync(odd, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const refused: readonly (readonly [string, { cert: string; key: string }, RegExp])[] = [
      ['a key of another certificate', { cert: good.cert, key: other.key }, /is not the key of/],
      ['a key that no client knows', { cert: good.cert, key: odd }, /curve secp256k1/],
      ['swapped files', { cert: good.key, key: good.cert }, /holds no certificate/],
      ['a key file without a key', { cert: good.cert, key: text }, /holds no private key/],
      ['a certificate file without a certificate', { cert: text, key: good.key }, /holds no certificate/],
      ['a missing file', { cert: good.cert, key: join(directory, 'none') }, /ENOENT.*put it there/],
    ];
    for (const [name, files, message] of refused) {
      assert.throws(
        () => readCertificatePair(files),
        (error) =>
          error instanceof RackError &&
          error.code === 'certificate-unusable' &&
          message.test(error.message) &&
          !error.message.includes('PRIVATE'),
        name,
      );
    }

    const reported = (fromDays: number, untilDays: number): string | undefined => {
      const files = authority.issue(`from${fromDays}until${untilDays}`, fromDays, untilDays);
      return findCertificateProblem(readCertificatePair(files), files, nowMs)?.note;
    };
    assert.equal(reported(-9, -1), 'certificate-expired');
    assert.equal(reported(-9, 5), 'certificate-expiring');
    assert.equal(reported(2, 20), 'certificate-early');
    chmodSync(good.key, 0o644);
    const open = { note: 'key-readable', file: good.key };
    assert.deepEqual(findCertificateProblem(readCertificatePair(good), good, nowMs), open);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
