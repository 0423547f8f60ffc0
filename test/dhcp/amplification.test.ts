// How much traffic a forged request can draw from the rack: octets of DHCP replies per octet of messages, with IP and UDP headers. The
// network has more options than a reply can hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { datagramOf, WireRack, type Words } from '../conformance/wire-rack.ts';
import { ip } from '../support/lab-facts.ts';
import { config, subnet } from './lab.ts';

const HEADER_BYTES = 28;
const EVERY = Array.from({ length: 200 }, (_, index) => index + 1);
const FULL = config(
  subnet({
    dnsServers: Array.from({ length: 60 }, (_, index) => ipv4(0xc0000201 + index)),
    ntpServers: Array.from({ length: 60 }, (_, index) => ipv4(0xc0000301 + index)),
    domain: `${'x'.repeat(60)}.${'y'.repeat(60)}.maas`,
  }),
);
const MESSAGES: readonly Words[] = [
  { type: 'discover' },
  { type: 'inform', ciaddr: ip('10.20.0.50') },
  { type: 'request', requested: ip('10.20.0.105') },
  { type: 'request', ciaddr: ip('10.20.0.105') },
];

/** The largest reply to any of the messages with these options, as a multiple of the message. */
async function largestFactor(options: Words['options']): Promise<number> {
  let largest = 0;
  for (const words of MESSAGES) {
    const rack = await WireRack.start({ config: FULL });
    const bytes = datagramOf({ ...words, options: options ?? [] });
    rack.network.from = words.ciaddr ?? ip('0.0.0.0');
    rack.network.deliver('eth1', bytes);
    rack.journal.commit();
    for (const reply of rack.network.sent) {
      largest = Math.max(largest, (reply.bytes.length + HEADER_BYTES) / (bytes.length + HEADER_BYTES));
    }
  }
  return largest;
}

test('a message without option 57 is answered with little more than twice its octets', async () => {
  const factor = await largestFactor([[55, EVERY.slice(0, 20)]]);
  assert.ok(factor > 1.5 && factor < 2.2, `${factor.toFixed(2)}`);
});

test('a message that accepts long replies is answered with less than six times its octets', async () => {
  const factor = await largestFactor([
    [57, [5, 220]],
    [55, EVERY.slice(0, 20)],
  ]);
  assert.ok(factor > 2 && factor < 6, `${factor.toFixed(2)}`);
});
