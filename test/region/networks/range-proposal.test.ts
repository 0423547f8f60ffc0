// Proposed ranges do not overlap each other or the typed ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY, formatIpv4, parseIpv4, parseNetwork } from '../../../src/ground/address.ts';
import { freeParts } from '../../../src/region/networks/address-use.ts';
import { propose, proposeAlongside, type TypedRanges } from '../../../src/region/networks/range-proposal.ts';

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

test('the page and the API propose the ranges that init would, beside the router that they propose', () => {
  for (const [text, address] of [
    ['10.20.0.0/24', '10.20.0.1'],
    ['10.20.0.0/16', '10.20.0.1'],
    ['10.20.0.0/28', '10.20.0.9'],
  ] as const) {
    const [place, rack] = [parseNetwork(text) ?? network, parseIpv4(address) ?? ANY];
    const { router, dynamic, fixed } = propose(freeParts(place, [{ low: rack, high: rack }]));
    const ranges = [fixed?.low, fixed?.high, dynamic?.low, dynamic?.high].map((one) => formatIpv4(one ?? ANY));
    const by = proposeAlongside({ name: 'eth1', address: rack, network: place }, router, {});
    assert.deepEqual([by.staticLow, by.staticHigh, by.low, by.high], ranges, text);
  }
  assert.deepEqual(propose([]), { router: undefined, dynamic: undefined, fixed: undefined });
});

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
