// Every datagram that is not a message is counted under its fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DhcpFault, FAULT_NAMES } from '../../src/dhcp/counters.ts';
import { MESSAGE_BYTES_MAX } from '../../src/dhcp/wire/message.ts';
import { ANY } from '../../src/ground/address.ts';
import { clientBytes, config, MAC_A } from './lab.ts';
import { BY_RELAY, rig } from './responder-rig.ts';

const OPTIONS_AT = 240;
const DISCOVER = clientBytes({ type: 'discover', mac: MAC_A });

/** A DISCOVER with a change. */
function changed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = Uint8Array.from(DISCOVER);
  change(bytes);
  return bytes;
}

const withOptions = (...options: readonly number[]): Uint8Array =>
  changed((bytes) => bytes.set([...options, 255], OPTIONS_AT));

const cases: readonly (readonly [name: string, bytes: Uint8Array, fault: DhcpFault])[] = [
  ['nothing', new Uint8Array(0), 'too-short'],
  ['a DISCOVER without its options', DISCOVER.slice(0, OPTIONS_AT - 1), 'too-short'],
  ['more than a message may have', new Uint8Array(MESSAGE_BYTES_MAX + 1), 'too-long'],
  ['a hardware address of 17 bytes', changed((bytes) => bytes.fill(17, 2, 3)), 'hardware-length'],
  ['a reply without the cookie', changed((bytes) => bytes.fill(0, OPTIONS_AT - 4).fill(2, 0, 1)), 'cookie'],
  ['an option that runs past the end', DISCOVER.slice(0, OPTIONS_AT + 2), 'option'],
  ['an overload of 4', withOptions(53, 1, 1, 52, 1, 4), 'overload'],
  ['an overload of two bytes', withOptions(53, 1, 1, 52, 2, 1, 1), 'overload'],
];

for (const [name, bytes, fault] of cases) {
  test(`${name}: ${fault}`, () => {
    const { responder } = rig(config());
    responder.receive([{ bytes, from: ANY, fromPort: 68 }], BY_RELAY);
    const { faults, messages } = responder.counters();
    assert.deepEqual(
      FAULT_NAMES.filter((one) => faults[one] > 0),
      [fault],
    );
    assert.equal(messages.malformed, 1);
  });
}

test('every kind of fault is shown above', () => {
  assert.deepEqual([...new Set(cases.map(([, , fault]) => fault))].toSorted(), [...FAULT_NAMES].toSorted());
});
