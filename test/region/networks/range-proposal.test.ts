// Proposed ranges do not overlap each other or the typed ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY, parseIpv4, parseNetwork } from '../../../src/net/address.ts';
import { proposeAlongside, type TypedRanges } from '../../../src/region/networks/range-proposal.ts';

const network = parseNetwork('10.20.0.0/24');
assert.ok(network);
const PLACE = { name: 'eth1', address: parseIpv4('10.20.0.1') ?? ANY, network };

const CASES: readonly (readonly [name: string, typed: TypedRanges])[] = [
  ['nothing', {}],
  ['a low address in the middle of the proposed static range', { low: '10.20.0.100' }],
  ['a low address at the beginning', { low: '10.20.0.2', high: '10.20.0.150' }],
  ['a low address behind the proposed range', { low: '10.20.0.240' }],
  ['a static range below', { low: '10.20.0.100', high: '10.20.0.199', staticLow: '10.20.0.50' }],
];

for (const [name, typed] of CASES) {
  test(`with ${name} typed, no ranges overlap`, () => {
    const known = { ...proposeAlongside(PLACE, undefined, typed), ...typed };
    const [low = 0, high = 0, staticLow = 0, staticHigh = 0] = [
      known.low,
      known.high,
      known.staticLow,
      known.staticHigh,
    ].map((text) => parseIpv4(text ?? ''));
    assert.ok(low <= high && staticLow <= staticHigh, JSON.stringify(known));
    assert.ok(staticHigh < low || staticLow > high, JSON.stringify(known));
  });
}

test("no proposed range holds the host's default gateway, even if it is not offered as the router", () => {
  for (const text of ['10.20.0.254', '10.20.0.150', '10.20.0.2']) {
    const gateway = parseIpv4(text) ?? ANY;
    const { low, high, staticLow, staticHigh } = proposeAlongside({ ...PLACE, gateway }, undefined, {});
    for (const [from, to] of [
      [low, high],
      [staticLow, staticHigh],
    ] as const)
      assert.ok((parseIpv4(from) ?? 0) > gateway || (parseIpv4(to) ?? 0) < gateway, `${text} in ${from} to ${to}`);
  }
});
