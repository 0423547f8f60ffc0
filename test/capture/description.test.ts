// Descriptions of datagrams: captures of real firmware match their readable twins, every kind of option is formatted, and faults have their
// offsets. Any bytes get a description.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeAs, guessProtocol } from '../../src/capture/conversation.ts';
import type { Description, Field } from '../../src/capture/description.ts';
import { describeDhcp } from '../../src/capture/dhcp-description.ts';
import { readHexFile } from '../../src/capture/hex-file.ts';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { KNOWN_OPTIONS } from '../../src/dhcp/wire/option-table.ts';
import { printedRandom } from '../support/printed-random.ts';

const PACKETS = new URL('../../fixtures/packets/', import.meta.url);

function fixture(name: string): Uint8Array {
  const file = readHexFile(readFileSync(new URL(name, PACKETS), 'utf8'));
  return (file.ok ? file.payloads[0]?.bytes : undefined) ?? assert.fail(name);
}

const fixtures = readdirSync(PACKETS).filter((name) => name.startsWith('dhcp-') && name.endsWith('.hex'));

/** A message with these options, given as hexadecimal digits after the cookie. */
function message(options: string, change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(236), Buffer.from(`63825363${options}`, 'hex')]);
  bytes.set([1, 1, 6, 0]);
  bytes.set([0x52, 0x54, 0, 0x12, 0x34, 0x56], 28);
  change(bytes);
  return bytes;
}

const find = (description: Description, name: string): Field | undefined =>
  description.fields.find((field) => field.name === name || field.name.startsWith(`${name} `));

for (const name of fixtures) {
  test(`${name} is described with every option its readable twin lists`, () => {
    const bytes = fixture(name);
    const description = describeDhcp(bytes);
    assert.equal(description.fault, undefined);
    assert.deepEqual(
      description.fields.filter(({ wrong }) => wrong !== undefined),
      [],
    );
    const twin = readFileSync(new URL(name.replace('.hex', '.txt'), PACKETS), 'utf8');
    const listed = [...twin.matchAll(/^\S.* \((\d+)\), length \d+:/gm)].map((match) => Number(match[1]));
    assert.ok(listed.length > 0);
    for (const code of listed) assert.ok(find(description, String(code)) !== undefined, `option ${code}`);
    const mac = /Client-Ethernet-Address (\S+)/.exec(twin)?.[1] ?? '';
    assert.ok(description.summary.includes(mac));
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = describeDhcp(bytes.subarray(0, length));
      assert.equal(cut.fault === undefined, decodeDhcpMessage(bytes.subarray(0, length)).ok, `cut at ${length}`);
    }
    assert.match(JSON.stringify(describeDhcp(Buffer.concat([bytes, Buffer.from('junk')]))), /after END|no END/);
  });
}

const values: readonly (readonly [name: string, options: string, field: string, value: string])[] = [
  ['a name in ASCII is shown with its flags', '510701000077697368ff', '81', 'flags 0x1 (S), "wish"'],
  ['a name in labels is shown with dots', '510d0cffff0477697368036c616200ff', '81', 'flags 0xc (E N), "wish.lab"'],
  ['a truncated name in labels is shown as bytes', '5106050000056162ff', '81', 'flags 0x5 (S E), 056162'],
  ['addresses are listed', '03080a1400010a1400feff', '3', '10.20.0.1, 10.20.0.254'],
  ['a lease time has its unit', '330400000258ff', '51', '600 s'],
  ['the time since the last transaction is one (RFC 4388 §6.1)', '5b040000003cff', '91', '60 s'],
  ['an infinite lease is named as such', '3304ffffffffff', '51', 'for ever'],
  ['architectures are named', '5d0400070010ff', '93', '7 UEFI amd64, 16 UEFI amd64, HTTP'],
  ['classes with length bytes are separated', '4d0603414243' + '0144ff', '77', '"ABC", "D"'],
  ['a class without a length byte is reported as such', '4d0469505845ff', '77', '"iPXE" (without length bytes)'],
  [
    'routes are written as people write them',
    '790c180a090 00a1400fe000a140001ff'.replaceAll(' ', ''),
    '121',
    '10.9.0.0/24 by 10.20.0.254',
  ],
  ['search domains are unpacked', '770b03666f6f036e657400c000ff', '119', 'foo.net'],
  [
    'a client identifier of a hardware address is one',
    '3d07015254001234 56ff'.replaceAll(' ', ''),
    '61',
    'Ethernet 52:54:00:12:34:56',
  ],
  ['control characters of a hostname are escaped', '0c051b5b324a61ff', '12', '"\\x1b[2Ja"'],
  ['an unknown option is shown as bytes', 'e00301ff02ff', '224', '01ff02'],
];

for (const [name, options, field, value] of values) {
  test(name, () => {
    const found = find(describeDhcp(message(`350101${options}`)), field);
    assert.ok(found?.value.startsWith(value), `${found?.value} is not ${value}`);
  });
}

test('sub-options are listed, and passwords are not shown', () => {
  const relay = find(describeDhcp(message('350101520c0104657468310504 0a140000ff'.replaceAll(' ', ''))), '82');
  assert.deepEqual(
    relay?.parts?.map(({ name, value }) => [name, value]),
    [
      ['1 circuit id', '"eth1"'],
      ['5 link selection', '10.20.0.0'],
    ],
  );
  const ipxe = find(describeDhcp(message('350101af08b00101bf03616263ff')), '175');
  assert.deepEqual(
    ipxe?.parts?.map(({ name, value }) => [name, value]),
    [
      ['176 do not wait for proxy DHCP', '1'],
      ['191 password', '(3 bytes, not shown)'],
    ],
  );
  const vendors = find(
    describeDhcp(message('3501017d0e0000a67f03010178 0000000104020199cc ff'.replaceAll(' ', ''))),
    '125',
  );
  assert.deepEqual(
    vendors?.parts?.map(({ name, value }) => [name, value]),
    [['enterprise 42623, 1 unknown', '"x"']],
  );
  assert.equal(vendors?.wrong, 'an enterprise is truncated at byte 8');
  const pxe = find(describeDhcp(message('3501013c09505845436c69656e742b04060108ffff')), '43');
  assert.deepEqual(
    pxe?.parts?.map(({ name, value }) => [name, value]),
    [['6 discovery control', '8']],
  );
});

test('overloaded fields and split options are joined and reported as such', () => {
  const bytes = message('350102340103ff', (own) => {
    own[0] = 2;
    own.set(Buffer.from('0c03666f6f0f016dff', 'hex'), 108);
    own.set(Buffer.from('0f026161ff', 'hex'), 44);
  });
  const description = describeDhcp(bytes);
  assert.equal(description.fault, undefined);
  assert.equal(description.fields.find(({ name }) => name === '12 host name (in file)')?.value, '"foo"');
  assert.equal(
    description.fields.find(({ name }) => name === '15 domain name (in file and sname) (2 pieces)')?.value,
    '"maa"',
  );
});

const faults: readonly (readonly [name: string, options: string, wrong: RegExp, offset: number])[] = [
  ['a truncated option', '3501010c0a61', /option 12 is truncated: it claims 10 bytes/, 243],
  ['an address of three bytes', '35010132030a1400ff', /3 bytes instead of 4/, 243],
  ['a list of addresses of five bytes', '35010106050a14000100ff', /not a multiple of 4/, 243],
  ['a missing END', '350101', /no END option/, 243],
  ['bytes after the END', '350101ff000001', /^1 byte after END; only zeros are allowed there/, 246],
];

for (const [name, options, wrong, offset] of faults) {
  test(`${name} is named with its offset`, () => {
    const found = describeDhcp(message(options)).fields.find((field) => field.wrong !== undefined);
    assert.match(found?.wrong ?? '', wrong);
    assert.equal(found?.offset, offset);
  });
}

test('TFTP is described, and an option outside its range is a fault', () => {
  const read = describeAs('tftp', Buffer.from('\0\x01a\x1bb\0OCTET\0blksize\x007\0tsize\x000\0', 'latin1'));
  assert.equal(read.summary, 'read "a\\x1bb"');
  assert.deepEqual(
    read.fields.map(({ name, value, wrong }) => [name, value, wrong]),
    [
      ['mode', 'octet', undefined],
      ['blksize', '7 bytes', 'outside 8 to 65464'],
      ['tsize', '0 bytes', undefined],
    ],
  );
  assert.equal(describeAs('tftp', Buffer.from('\0\x03\0\x05abc', 'latin1')).summary, 'data, block 5, 3 bytes');
  assert.match(
    describeAs('tftp', Buffer.from('\0\x05\0\x01gone\0', 'latin1')).summary,
    /error 1 file not found: "gone"/,
  );
  assert.equal(describeAs('tftp', Buffer.from('\0\x09', 'latin1')).fault?.text, 'bad-value in opcode at byte 0');
});

test('DNS is described in the notation of master files', () => {
  const query = Buffer.from('abcd01000001000000000000047261636b046d6161730000010001', 'hex');
  assert.equal(describeAs('dns', query).summary, 'query rack.maas. A');
  const answer = Buffer.from(
    'abcd85800001000100000000047261636b046d6161730000010001c00c0001000100000078000 40a140001'.replaceAll(' ', ''),
    'hex',
  );
  assert.equal(describeAs('dns', answer).summary, 'NOERROR to rack.maas. A: A 10.20.0.1');
  assert.match(describeAs('dns', answer.subarray(0, 30)).fault?.text ?? '', /truncated in/);
  assert.equal(guessProtocol(query), 'dns');
  assert.equal(guessProtocol(Buffer.from('\0\x01lpxelinux.0\0octet\0', 'latin1')), 'tftp');
});

test('RFC 951: a BOOTP request without the cookie is described without options', () => {
  const bytes = Buffer.alloc(300);
  bytes.set([1, 1, 6]);
  bytes.set([0x52, 0x54, 0, 0, 0, 1], 28);
  bytes.set([53, 1, 1, 200, 200], 240);
  const { fault, fields, summary } = describeDhcp(bytes);
  assert.equal(fault, undefined);
  assert.equal(summary, 'BOOTP request from 52:54:00:00:00:01, xid 00000000');
  assert.deepEqual(
    fields.filter(({ wrong, offset = 0 }) => wrong !== undefined || offset >= 240).map(({ name }) => name),
    ['cookie'],
  );
});

test('every option of the table is described, whatever its value', () => {
  const random = printedRandom('option values');
  for (const { code } of KNOWN_OPTIONS) {
    if (code === 0 || code === 255) continue;
    for (let length = 0; length < 24; length += 1) {
      const value = Buffer.from(Array.from({ length }, () => random(256)));
      const bytes = message(`350101${Buffer.from([code, length]).toString('hex')}${value.toString('hex')}ff`);
      assert.ok(describeDhcp(bytes).fields.length > 10, `option ${code} of ${length} bytes`);
    }
  }
});

test('messages changed at random are described, with a fault exactly when Rackboot has one', () => {
  const random = printedRandom('mutated messages');
  for (let run = 0; run < 3000; run += 1) {
    const bytes = Buffer.from(fixture(fixtures[run % fixtures.length] ?? ''));
    for (let change = 0; change <= random(6); change += 1) bytes[random(bytes.length)] = random(256);
    const cut = bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length);
    assert.equal(describeDhcp(cut).fault === undefined, decodeDhcpMessage(cut).ok);
    for (const protocol of ['tftp', 'dns'] as const) assert.ok(describeAs(protocol, cut).summary !== '');
  }
});
