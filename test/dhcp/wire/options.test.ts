// The readers and writers of options' values, and the reader of a relay's information.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientFacts } from '../../../src/dhcp/answers/inquiry.ts';
import {
  clientHostname,
  domainNameBytes,
  optionAddress,
  optionText,
  optionU8,
  optionU16,
  optionU16List,
  optionUuid,
  textBytes,
  userClasses,
  vendorClass,
} from '../../../src/dhcp/wire/options.ts';
import { readRelayInformation } from '../../../src/dhcp/wire/relay-agent.ts';
import { ip } from '../../support/lab-facts.ts';
import { clientMessage } from '../lab.ts';

const one = (code: number, ...bytes: readonly number[]): Map<number, Uint8Array> =>
  new Map([[code, Uint8Array.from(bytes)]]);

test('a number or address of the wrong length counts as absent', () => {
  assert.equal(optionU8(one(53, 1), 53), 1);
  assert.equal(optionU8(one(53, 1, 2), 53), undefined);
  assert.equal(optionU8(one(53), 53), undefined);
  assert.equal(optionU16(one(57, 5, 192), 57), 1472);
  assert.equal(optionU16(one(57, 5), 57), undefined);
  assert.equal(optionAddress(one(50, 255, 20, 0, 1), 50), ip('255.20.0.1'));
  assert.equal(optionAddress(one(50, 10, 20, 0), 50), undefined);
  assert.deepEqual(optionU16List(one(93, 0, 7, 0, 16, 9), 93), [7, 16]);
  assert.deepEqual(optionU16List(new Map(), 93), []);
});

test('RFC 4578 §2.3: a UUID is an octet 0 and 16 octets, and any other form is absent', () => {
  const octets = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
  assert.equal(optionUuid(one(97, 0, ...octets)), '00112233-4455-6677-8899-aabbccddeeff');
  assert.equal(optionUuid(one(97, 1, ...octets)), undefined);
  assert.equal(optionUuid(one(97, 0, ...octets, 0)), undefined);
  for (let length = 0; length < 16; length += 1) {
    assert.equal(optionUuid(one(97, 0, ...octets.slice(0, length))), undefined, String(length));
  }
  assert.equal(optionUuid(new Map()), undefined);
});

test('text loses the zero bytes at its end', () => {
  assert.equal(optionText(one(60, 80, 88, 69, 0, 0), 60), 'PXE');
  assert.equal(optionText(new Map(), 60), undefined);
});

test('RFC 3004 §4: user classes are counted, or else one bare name', () => {
  assert.deepEqual(userClasses(new Map([[77, textBytes('iPXE')]])), ['iPXE']);
  assert.deepEqual(userClasses(new Map([[77, textBytes('\u0004iPXE\u0002ab')]])), ['iPXE', 'ab']);
  assert.deepEqual(userClasses(one(77)), []);
  assert.deepEqual(userClasses(one(77, 1, 65, 0)), ['\u0001A\0']);
});

test('a client’s name is kept only if it is a valid host name', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['Node-1', 'node-1'],
    ['node.example.net', 'node'],
    ['node\0', 'node'],
    ['-node', undefined],
    ['node-', undefined],
    ['', undefined],
    ['$(reboot)', undefined],
    ['a'.repeat(63), 'a'.repeat(63)],
    ['a'.repeat(64), undefined],
  ];
  for (const [text, name] of cases) assert.equal(clientHostname(new Map([[12, textBytes(text)]])), name, text);
});

test('a vendor class is kept unchanged, up to its limit', () => {
  assert.equal(vendorClass(new Map([[60, textBytes('a\nb')]])), 'a\nb');
  assert.equal(vendorClass(new Map([[60, textBytes('x'.repeat(300))]]))?.length, 64);
  assert.equal(vendorClass(one(60, 0)), undefined);
});

test('RFC 3397 §2: a domain is written as labels', () => {
  assert.deepEqual([...(domainNameBytes('a.bc') ?? [])], [1, 97, 2, 98, 99, 0]);
  assert.equal(domainNameBytes('a..b'), undefined);
  assert.equal(domainNameBytes('x'.repeat(64)), undefined);
});

test('the options that describe a boot client', () => {
  const options = [
    [93, Uint8Array.of(0, 7)],
    [77, textBytes('iPXE')],
    [175, Uint8Array.of(1, 1, 1)],
  ] as const;
  assert.deepEqual(clientFacts(clientMessage({ vendorClass: 'PXEClient:Arch:00007', options })), {
    architectures: [7],
    vendorClass: 'PXEClient:Arch:00007',
    userClasses: ['iPXE'],
    ipxeOptions: true,
    uuid: undefined,
  });
  assert.deepEqual(clientFacts(clientMessage({})), {
    architectures: [],
    vendorClass: '',
    userClasses: [],
    ipxeOptions: false,
    uuid: undefined,
  });
});

test('RFC 3046: sub-options are read as far as they are whole', () => {
  const whole = Uint8Array.from([1, 2, 65, 66, 2, 1, 67, 5, 4, 10, 30, 0, 1, 11, 4, 10, 30, 0, 2]);
  assert.deepEqual(readRelayInformation(whole), {
    circuitId: 'AB',
    remoteId: 'C',
    linkSelection: ip('10.30.0.1'),
    serverIdentifierOverride: ip('10.30.0.2'),
  });
  for (let length = 0; length < whole.length; length += 1) readRelayInformation(whole.subarray(0, length));
  const wrong = readRelayInformation(Uint8Array.from([5, 3, 10, 30, 0, 1, 200, 1]));
  assert.deepEqual([wrong.linkSelection, wrong.circuitId], [undefined, undefined]);
});
