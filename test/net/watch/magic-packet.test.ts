// The magic packet of Wake-on-LAN.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import { encodeMagicPacket } from '../../../src/net/watch/magic-packet.ts';

const TARGET = mac(0x525400770001);
const PATTERN = `ffffffffffff${'525400770001'.repeat(16)}`;

const PASSWORDS: readonly (readonly [name: string, password: string])[] = [
  ['none', ''],
  ['six bytes', '0102030405ff'],
  ['four bytes', '0a000001'],
];

for (const [name, password] of PASSWORDS)
  test(`six bytes of ones, sixteen times the address, and the password: ${name}`, () => {
    const packet = encodeMagicPacket(TARGET, Buffer.from(password, 'hex'));
    assert.equal(Buffer.from(packet).toString('hex'), `${PATTERN}${password}`);
  });
