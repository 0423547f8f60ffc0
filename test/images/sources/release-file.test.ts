// Release files of Debian repositories are decoded, and bad ones are refused by their line.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describeDocumentFault } from '../../../src/images/sources/document-fault.ts';
import { decodeReleaseFile } from '../../../src/images/sources/release-file.ts';

const MD5 = 'ab'.repeat(16);
const SHA256 = 'cd'.repeat(32);
const SUMS = 'main/installer-amd64/current/images/SHA256SUMS';
const RELEASE = `Origin: Debian
Label: Debian
Suite: oldstable
Version: 12.12
Codename: bookworm
Date: Sat, 06 Sep 2025 10:05:09 UTC
Valid-Until: Sat, 13 Sep 2025 10:05:09 UTC
Acquire-By-Hash: yes
Architectures: all amd64 arm64
Components: main contrib
Description: Debian 12.12 Released 06 September 2025
MD5Sum:
 ${MD5}  1484240 contrib/Contents-all
 ${MD5}    77333 ${SUMS}
SHA256:
 ${SHA256}  1484240 contrib/Contents-all
 ${SHA256}    77333 ${SUMS}
 ${SHA256}        0 ../outside
`;

describe('a release file', () => {
  it('is decoded with its fields, and its files by SHA-256', () => {
    const decoded = decodeReleaseFile(RELEASE);
    if (!decoded.ok) assert.fail(describeDocumentFault(decoded.fault));
    const { files, ...fields } = decoded.value;
    assert.deepEqual(fields, {
      suite: 'oldstable',
      codename: 'bookworm',
      dateMs: Date.UTC(2025, 8, 6, 10, 5, 9),
      validUntilMs: Date.UTC(2025, 8, 13, 10, 5, 9),
    });
    assert.deepEqual(files.get(SUMS), { algorithm: 'sha256', hex: SHA256, bytes: 77_333 });
    assert.equal(files.size, 2);
  });

  it('without a list of SHA-256 has that of MD5, and without dates has none', () => {
    const decoded = decodeReleaseFile(
      RELEASE.replace(/^SHA256:[\s\S]*/m, '').replace(/^(?:Date|Valid-Until):.*\n/gm, ''),
    );
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.value.files.get(SUMS), { algorithm: 'md5', hex: MD5, bytes: 77_333 });
    assert.equal(decoded.value.dateMs, undefined);
    assert.equal(decoded.value.validUntilMs, undefined);
  });

  const bad: readonly (readonly [name: string, text: string, fault: string])[] = [
    ['of nothing', '', 'missing SHA256'],
    ['of a web page', '<html>', 'not-readable line 1'],
    ['that begins with an indent', ' x', 'not-readable line 1'],
    ['with a second list', `${RELEASE}SHA256:\n ${SHA256} 1 x\n`, 'bad-value line 19'],
    ['with a field twice in other letters', `${RELEASE}suite: x\n`, 'bad-value line 19'],
    ['with a short sum', `SHA256:\n ${MD5} 1 x\n`, 'not-readable line 1'],
    ['with a sum without a size', `SHA256:\n ${SHA256} x\n`, 'not-readable line 1'],
    ['that is still signed', `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${RELEASE}`, 'not-readable line 1'],
    ['of 9 MB', 'x'.repeat(8 * 1024 * 1024 + 1), 'too-large '],
    ['of 50 001 files', `SHA256:\n${` ${SHA256} 1 x\n`.repeat(50_001)}`, 'too-large line 1'],
  ];
  for (const [name, text, fault] of bad)
    it(`${name} is refused`, () => {
      const decoded = decodeReleaseFile(text);
      assert.equal(decoded.ok ? 'decoded' : `${decoded.fault.code} ${decoded.fault.path}`, fault);
    });

  it('cut short at any character is decoded or refused, but never throws', () => {
    for (let length = 0; length < RELEASE.length; length += 1) decodeReleaseFile(RELEASE.slice(0, length));
    fc.assert(
      fc.property(fc.string(), (text) => void decodeReleaseFile(`SHA256:${text}`)),
      { numRuns: 500 },
    );
  });
});
