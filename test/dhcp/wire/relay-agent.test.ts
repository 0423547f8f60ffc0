// A relay's words about a client's line, from option 82 as received.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RelayInformation, readRelayInformation } from '../../../src/dhcp/wire/relay-agent.ts';
import { ip } from '../../support/lab-facts.ts';

const bytes = (...values: readonly (number | string)[]): readonly number[] =>
  values.flatMap((value) => (typeof value === 'number' ? [value] : [...Buffer.from(value)]));

const READ: readonly (readonly [name: string, option: readonly number[], said: Partial<RelayInformation>])[] = [
  ['nothing says nothing', [], {}],
  ['the circuit (RFC 3046 §3.1)', bytes(1, 3, 'ge7'), { circuitId: 'ge7' }],
  ['the remote end (RFC 3046 §3.2)', bytes(2, 2, 'sw'), { remoteId: 'sw' }],
  ['both, in any order', bytes(2, 2, 'sw', 1, 3, 'ge7'), { circuitId: 'ge7', remoteId: 'sw' }],
  ['bytes of any value, one character each', bytes(1, 3, 0, 255, 128), { circuitId: '\x00\xff\x80' }],
  ['an empty one is ignored', bytes(1, 0, 2, 0), {}],
  ['the client’s link (RFC 3527 §3)', bytes(5, 4, 10, 30, 0, 0), { linkSelection: ip('10.30.0.0') }],
  ['even with the highest address', bytes(5, 4, 255, 255, 255, 255), { linkSelection: ip('255.255.255.255') }],
  ['one of three or five bytes is ignored', bytes(5, 3, 10, 30, 0, 11, 5, 10, 30, 0, 1, 1), {}],
  ['the server identifier (RFC 5107 §4)', bytes(11, 4, 10, 30, 0, 1), { serverIdentifierOverride: ip('10.30.0.1') }],
  ['of two of a kind the first', bytes(1, 1, 'a', 1, 1, 'b'), { circuitId: 'a' }],
  ['other sub-options are passed over', bytes(9, 3, 0, 0, 9, 151, 0, 1, 1, 'a'), { circuitId: 'a' }],
  ['a sub-option longer than the option ends it', bytes(2, 2, 'sw', 1, 9, 'ge7'), { remoteId: 'sw' }],
  ['also where only the length is missing', bytes(2, 2, 'sw', 1), { remoteId: 'sw' }],
];

const NOTHING: RelayInformation = {
  circuitId: undefined,
  remoteId: undefined,
  linkSelection: undefined,
  serverIdentifierOverride: undefined,
};

for (const [name, option, said] of READ) {
  test(`agent information: ${name}`, () => {
    assert.deepEqual(readRelayInformation(Uint8Array.from(option)), { ...NOTHING, ...said });
  });
}

test('agent information that is cut off at any byte yields the sub-options that are whole', () => {
  const whole = Uint8Array.from(bytes(1, 3, 'ge7', 5, 4, 10, 30, 0, 0, 2, 2, 'sw'));
  for (let length = 0; length <= whole.length; length += 1) {
    const { circuitId, linkSelection, remoteId } = readRelayInformation(whole.subarray(0, length));
    assert.deepEqual(
      [circuitId !== undefined, linkSelection !== undefined, remoteId !== undefined],
      [length >= 5, length >= 11, length >= 15],
      String(length),
    );
  }
});
