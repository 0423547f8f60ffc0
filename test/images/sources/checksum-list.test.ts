// Lists of checksums in every form that sites have are decoded, and bad ones are refused by their line.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ChecksumList, decodeChecksumList, findChecksum } from '../../../src/images/sources/checksum-list.ts';
import { describeDocumentFault } from '../../../src/images/sources/document-fault.ts';

const MD5 = 'ab'.repeat(16);
const SHA1 = 'ab'.repeat(20);
const SHA256 = 'ab'.repeat(32);
const SHA512 = 'ab'.repeat(64);
const OTHER = 'cd'.repeat(32);

function listOf(text: string): ChecksumList {
  const decoded = decodeChecksumList(text);
  if (!decoded.ok) assert.fail(describeDocumentFault(decoded.fault));
  return decoded.value.sums;
}

const FIXTURES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'checksums');

/** `name algorithm hex bytes` of each. */
const rowsOf = (list: ChecksumList): readonly string[] =>
  [...list].map(([name, { algorithm, hex, bytes }]) => `${name} ${algorithm} ${hex.slice(0, 2)} ${bytes}`);

const CLEAR_SIGNED = `-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2: 582615040 bytes
SHA256 (Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2) = ${SHA256}
- -- not a sum
-----BEGIN PGP SIGNATURE-----

${OTHER}  after-the-signature
-----END PGP SIGNATURE-----
`.replace('- -- not a sum\n', `- # escaped\n`);

describe('a list of checksums', () => {
  const rows: readonly (readonly [name: string, text: string, found: readonly string[]])[] = [
    [
      'of coreutils',
      `${SHA512}  a.qcow2\n${SHA512} *b.raw\n`,
      ['a.qcow2 sha512 ab undefined', 'b.raw sha512 ab undefined'],
    ],
    ['of MD5 and SHA-1', `${MD5}  a\n${SHA1}  b\n`, ['a md5 ab undefined', 'b sha1 ab undefined']],
    ['of an installer of Debian', `${SHA256}  ./netboot/mini.iso\n`, ['netboot/mini.iso sha256 ab undefined']],
    [
      'with CRLF, empty lines and no last line end',
      `\r\n${SHA256}  a\r\n\r\n${SHA256}  b`,
      ['a sha256 ab undefined', 'b sha256 ab undefined'],
    ],
    ['of BSD', `SHA256 (a b.img) = ${SHA256}\nMD5(c)= ${MD5}\n`, ['c md5 ab undefined']],
    ['of BSD with sizes', `# a.img: 17 bytes\nSHA256 (a.img) = ${SHA256}\n`, ['a.img sha256 ab 17']],
    ['in upper case', `${SHA256.toUpperCase()}  a\n`, ['a sha256 ab undefined']],
    ['in clear-signed text', CLEAR_SIGNED, ['Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2 sha256 ab 582615040']],
    ['of one sum alone', `${SHA256}\n`, [' sha256 ab undefined']],
    [
      'with several sums of a file has the strongest',
      `${MD5}  a\nSHA512 (a) = ${SHA512}\n${SHA256}  a\n`,
      ['a sha512 ab undefined'],
    ],
    ['with one sum twice', `${SHA256}  a\n${SHA256}  a\n`, ['a sha256 ab undefined']],
    ['with names that lead out', `${SHA256}  ../a\n${SHA256}  /b\n${SHA256}  c\n`, ['c sha256 ab undefined']],
    ['with __proto__ as a name', `${SHA256}  __proto__\n`, ['__proto__ sha256 ab undefined']],
  ];
  for (const [name, text, found] of rows)
    it(`${name} is decoded`, () => {
      assert.deepEqual(rowsOf(listOf(text)), found);
      const bytes = decodeChecksumList(new TextEncoder().encode(text));
      assert.ok(bytes.ok && bytes.value.sums.size === found.length);
    });

  const bad: readonly (readonly [name: string, text: string, found: string])[] = [
    ['of nothing', '', 'an empty file'],
    ['of comments', '# a\n\n# b\n', 'none'],
    ['of comments and words', '# a\nfirst\n', 'none; line 2: first'],
    ['with a sum of another length than its algorithm', `SHA512 (a) = ${SHA256}\n`, 'none; line 1: SHA512'],
    ['with an unknown algorithm', `BLAKE2b (a) = ${SHA512}\n`, 'none; line 1: BLAKE2b'],
    ['of JSON', '{"a": 1}', 'a JSON document; line 1'],
    ['of a signature', '-----BEGIN PGP SIGNATURE-----\n\n', 'a signature without its list'],
    ['of 9 MB', ' '.repeat(8 * 1024 * 1024 + 1), '8388609'],
    ['of clear-signed text without an end of its head', '-----BEGIN PGP SIGNED MESSAGE-----\nHash: x', 'none'],
  ];
  for (const [name, text, found] of bad)
    it(`${name} is refused`, () => {
      const decoded = decodeChecksumList(text);
      assert.ok(!decoded.ok && decoded.fault.found.includes(found));
    });

  it('with lines that are no checksums is decoded, and the lines are named', () => {
    const decoded = decodeChecksumList(`note\n${SHA256}  a\n${'ab'.repeat(31)}  b\n\x1b[2J\nfourth\n`);
    assert.ok(decoded.ok);
    assert.deepEqual(rowsOf(decoded.value.sums), ['a sha256 ab undefined']);
    assert.deepEqual(
      decoded.value.unreadableLines.map((line) => line.slice(0, 14)),
      ['line 1: note', 'line 3: ababab', 'line 4: \\x1b[2'],
    );
  });

  it('with two sums of a file leaves out that file only', () => {
    const decoded = decodeChecksumList(`${SHA256}  a\n${OTHER}  a\n${OTHER}  b\n`);
    assert.ok(decoded.ok);
    assert.deepEqual([...decoded.value.sums.keys()], ['b']);
    assert.deepEqual(decoded.value.unreadableLines, ['line 2: another checksum of a']);
  });

  it('with bytes that are not UTF-8 loses only the lines that have them', () => {
    const decoded = decodeChecksumList(Buffer.from(`Größe\n${SHA256}  é\n${SHA256}  a\n`, 'latin1'));
    assert.deepEqual(decoded.ok && [...decoded.value.sums.keys()], ['a']);
  });

  const IMAGE = '563a6625e952afd3e15c251f2ef0ab9b1552f6ff73a69f8deff7a459a8497057';
  for (const [file, hex, bytes] of [
    ['one-blank', IMAGE, undefined],
    ['log-behind', IMAGE, 17],
    ['tabs', IMAGE, undefined],
    ['openssl', IMAGE, undefined],
    ['sections', '7'.padStart(128, '0'), undefined],
  ] as const)
    it(`as sites publish it gives the checksum of the wanted file: ${file}`, () => {
      const found = findChecksum(listOf(readFileSync(join(FIXTURES, `${file}.SUMS`), 'utf8')), 'img.qcow2');
      assert.deepEqual(found && [found.hex, found.bytes], [hex, bytes]);
    });

  it('that is a web page is called one', () => {
    const decoded = decodeChecksumList(readFileSync(join(FIXTURES, 'web-page.SUMS')));
    assert.match(
      decoded.ok ? '' : describeDocumentFault(decoded.fault),
      /found "a web page or other markup; line 1: <!DOC/,
    );
  });

  it('of at most 100 000 files is decoded', () => {
    const lines = (count: number): string => Array.from({ length: count }, (_, n) => `${MD5}  f${n}\n`).join('');
    assert.equal(listOf(lines(100_000)).size, 100_000);
    assert.equal(decodeChecksumList(lines(100_001)).ok, false);
  });

  it('of any text is decoded or refused, but never throws', () => {
    const line = fc.constantFrom(
      SHA256,
      MD5,
      '  ',
      ' *',
      'SHA256 (',
      ') = ',
      '# a: 7 bytes',
      '\n',
      '-----BEGIN PGP SIGNED MESSAGE-----',
      'a',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (parts) => {
        decodeChecksumList(parts.join(''));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the checksum of a file', () => {
  it('is found by its name', () => {
    const list = listOf(`${SHA256}  a\n${OTHER}  b\n`);
    assert.equal(findChecksum(list, 'b')?.hex, OTHER);
    assert.equal(findChecksum(list, 'c'), undefined);
    assert.equal(findChecksum(list, 'c', true), undefined, 'two files: the list is not for one');
  });

  it('in a list for this file alone is found under any name', () => {
    for (const text of [`${SHA256}  Leap-16.0-Build7.qcow2\n`, `${SHA256}\n`]) {
      assert.equal(findChecksum(listOf(text), 'Leap-16.0.qcow2', true)?.hex, SHA256);
      assert.equal(findChecksum(listOf(text), 'Leap-16.0.qcow2'), undefined);
    }
  });
});
