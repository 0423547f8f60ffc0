// Option 81: reading a client's, and composing the reply, byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientFqdn,
  clientFqdnBytes,
  clientName,
  nameToEnter,
  refusedName,
} from '../../../src/dhcp/wire/client-fqdn.ts';
import { domainNameBytes, textBytes } from '../../../src/dhcp/wire/options.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const ascii = (flags: number, name: string): Uint8Array => Uint8Array.of(flags, 0, 0, ...textBytes(name));
const labels = (flags: number, ...names: readonly (readonly number[] | string)[]): Uint8Array =>
  Uint8Array.of(
    flags,
    0,
    0,
    ...names.flatMap((name) => (typeof name === 'string' ? [name.length, ...textBytes(name)] : name)),
  );
const read = (value: Uint8Array) => clientFqdn(new Map([[81, value]]));

const LABELS: readonly (readonly [string, Uint8Array, string | undefined])[] = [
  ['ASCII, partial', ascii(1, 'Node-1'), 'node-1'],
  ['ASCII, in full', ascii(1, 'node.example.net.'), 'node'],
  ['ASCII with a zero byte at its end', ascii(1, 'node\0'), 'node'],
  ['ASCII, empty', ascii(1, ''), undefined],
  ['ASCII with an escape sequence', ascii(1, 'a\u001b[2J'), undefined],
  ['ASCII with a C1 byte', ascii(1, 'a\u009b2J'), undefined],
  ['ASCII for a shell', ascii(1, '$(reboot)'), undefined],
  ['ASCII of 63 characters', ascii(1, 'a'.repeat(63)), 'a'.repeat(63)],
  ['ASCII of 64 characters', ascii(1, 'a'.repeat(64)), undefined],
  ['ASCII longer than a name', ascii(1, `a.${'b.'.repeat(200)}`), undefined],
  ['labels, partial', labels(5, 'Node-1'), 'node-1'],
  ['labels, in full', labels(5, 'node', 'example', 'net', [0]), 'node'],
  ['two labels, partial', labels(5, 'node', 'lab'), 'node'],
  ['labels, empty', labels(5), undefined],
  ['the root alone', labels(5, [0]), undefined],
  ['labels with bytes after the root', labels(5, 'node', [0], 'x'), undefined],
  ['a label that is cut', labels(5, [5, 97, 98]), undefined],
  ['a label of 63 bytes', labels(5, 'a'.repeat(63)), 'a'.repeat(63)],
  ['a label of 64 bytes', labels(5, [64, ...textBytes('a'.repeat(64))]), undefined],
  ['a pointer', labels(5, 'node', [0xc0, 3]), undefined],
  ['a label that holds a dot', labels(5, 'node.x', [0]), undefined],
  ['a label that holds a control character', labels(5, 'no\nde', [0]), undefined],
  ['labels longer than a name', labels(5, ...Array.from({ length: 140 }, () => 'a'), [0]), undefined],
];

for (const [name, value, label] of LABELS) {
  test(`${name}: ${label ?? 'no name'}`, () => assert.equal(read(value)?.label, label));
}

test('the RCODEs of a client are not read', () => {
  const expected = read(ascii(1, 'node'));
  for (const rcode of [1, 5, 255]) {
    assert.deepEqual(read(Uint8Array.of(1, rcode, rcode, ...textBytes('node'))), expected, `RCODEs ${rcode}`);
  }
});

test('flags say who enters the name, and N overrides S', () => {
  const cases: readonly (readonly [number, boolean, boolean, boolean])[] = [
    [0, false, false, false],
    [1, true, false, false],
    [4, false, false, true],
    [5, true, false, true],
    [8, false, true, false],
    [9, false, true, false],
    [0xf2, false, false, false],
  ];
  for (const [flags, wantsServer, wantsNobody, inLabels] of cases) {
    const fqdn = read(Uint8Array.of(flags, 0, 0));
    assert.deepEqual(fqdn, { label: undefined, wantsServer, wantsNobody, inLabels }, `${flags}`);
  }
});

test('an option without flags and RCODEs is ignored', () => {
  for (const length of [0, 1, 2]) assert.equal(read(new Uint8Array(length)), undefined);
  assert.equal(clientFqdn(new Map()), undefined);
});

test('option 81 comes before option 12, even without a valid name; N keeps both out of the DNS', () => {
  const both = (value: Uint8Array) =>
    new Map([
      [12, textBytes('twelve')],
      [81, value],
    ]);
  assert.equal(clientName(both(ascii(1, 'eighty'))), 'eighty');
  for (const nameless of [ascii(1, ''), ascii(1, '-bad-'), labels(5, [0])]) {
    assert.equal(clientName(both(nameless)), undefined);
    assert.equal(nameToEnter(both(nameless)), undefined);
  }
  assert.equal(clientName(both(new Uint8Array(2))), 'twelve', 'an option that is too short does not count');
  assert.equal(clientName(new Map([[12, textBytes('twelve')]])), 'twelve');
  assert.equal(nameToEnter(both(ascii(1, 'eighty'))), 'eighty');
  assert.equal(nameToEnter(both(ascii(8, 'eighty'))), undefined);
  assert.equal(clientName(both(ascii(8, 'eighty'))), 'eighty');
});

test('the answer has the client’s encoding, 255 for each RCODE, and O if S differs from the client’s wish', () => {
  const node = { label: 'node', domain: 'maas' };
  const text = [...textBytes('node.maas')];
  const wire = [...(domainNameBytes('node.maas') ?? [])];
  const cases: readonly (readonly [asked: number, isEntered: boolean, flags: number])[] = [
    [0, true, 3],
    [1, true, 1],
    [4, true, 7],
    [5, true, 5],
    [8, true, 3],
    [0, false, 8],
    [1, false, 10],
    [5, false, 14],
    [8, false, 8],
    [9, false, 8],
    [0xf1, true, 1],
  ];
  for (const [flags, isEntered, answered] of cases) {
    const asked = read(Uint8Array.of(flags, 7, 7)) ?? assert.fail();
    const bytes = clientFqdnBytes(asked, { ...node, isEntered });
    assert.deepEqual([...bytes], [answered, 255, 255, ...((flags & 4) === 0 ? text : wire)], `${flags}`);
  }
});

test('a name too long for an option or the DNS is sent as its label, and a missing one as empty', () => {
  const domain = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(6)].join('.');
  const label = 'e'.repeat(60);
  for (const flags of [1, 5]) {
    const asked = read(Uint8Array.of(flags, 0, 0)) ?? assert.fail();
    const bytes = clientFqdnBytes(asked, { label, domain, isEntered: true });
    assert.deepEqual([...bytes], [flags, 255, 255, ...(flags === 5 ? [60] : []), ...textBytes(label)]);
    assert.deepEqual([...clientFqdnBytes(asked, { label: undefined, domain, isEntered: false })].slice(1), [255, 255]);
    const alone = clientFqdnBytes(asked, { label, domain: '', isEntered: true });
    assert.equal(Buffer.from(alone).includes(label), true);
  }
});

test('a name that is not a host name is shown as the client wrote it', () => {
  const named = (code: number, value: Uint8Array) => refusedName(new Map([[code, value]]));
  for (const [name, shown] of [
    ['SRV_01', 'SRV_01'],
    ['BUSY Bar', 'BUSY Bar'],
    ['drucker_küche\0', 'drucker_küche'],
    ['-x\u001b[2J', '-x\\x1b[2J'],
    ['srv-01', undefined],
    ['SRV-01.example', undefined],
    ['', undefined],
    ['\0', undefined],
  ] as const) {
    const bytes = Buffer.from(name);
    assert.equal(named(12, bytes), shown, name);
    assert.equal(named(81, Uint8Array.of(1, 0, 0, ...bytes)), shown, name);
    if (!name.includes('.') && !name.includes('\0') && name !== '')
      assert.equal(named(81, Uint8Array.of(5, 0, 0, bytes.length, ...bytes)), shown, name);
  }
});

test('any bytes are read without a fault, as a label or as none', () => {
  const random = seededRandom(81);
  for (let round = 0; round < 20_000; round += 1) {
    const value = Uint8Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256));
    if (value.length > 0 && round % 2 === 0) value[0] = 4;
    const label = read(value)?.label;
    assert.match(label ?? 'a', /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
    assert.notEqual(refusedName(new Map([[81, value]])), '');
  }
});

test('the result stays the same after the bytes were overwritten', () => {
  for (const [, value] of LABELS) {
    const bytes = Uint8Array.from(value);
    const fqdn = read(bytes);
    bytes.fill(0xee);
    assert.deepEqual(fqdn, read(value));
  }
});
