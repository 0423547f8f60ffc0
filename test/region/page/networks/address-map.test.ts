// The picture of a subnet's addresses: every address is in one run, the strongest use wins, and the picture stays small.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, ipv4, parseIpv4, parseNetwork, rangeSize } from '../../../../src/ground/address.ts';
import {
  type AddressKind,
  type AddressUse,
  buildAddressRuns,
  countKinds,
  renderAddressMap,
} from '../../../../src/region/page/networks/address-map.ts';

const at = (text: string) => parseIpv4(text) ?? assert.fail(text);
const network = (text: string) => parseNetwork(text) ?? assert.fail(text);
const use = (kind: AddressKind, low: string, high = low, owner = ''): AddressUse => ({
  kind,
  low: at(low),
  high: at(high),
  owner,
});

const LAB: readonly AddressUse[] = [
  use('dynamic', '10.20.0.100', '10.20.0.199'),
  use('static', '10.20.0.10', '10.20.0.99'),
  use('leased', '10.20.0.120', '10.20.0.120', 'laptop <b>'),
  use('assigned', '10.20.0.10', '10.20.0.10', 'web-1'),
  use('leased', '10.20.0.10', '10.20.0.10', 'somebody'),
  use('rack', '10.20.0.1', '10.20.0.1', 'rack-1'),
];

test('the strongest use of an address is its run, and the runs are the whole network in order', () => {
  const runs = buildAddressRuns(network('10.20.0.0/24'), LAB);
  const texts = runs.map(({ low, high, kind, owner }) =>
    `${formatIpv4(low)}-${formatIpv4(high)} ${kind} ${owner}`.trim(),
  );
  assert.deepEqual(texts, [
    '10.20.0.0-10.20.0.0 edge',
    '10.20.0.1-10.20.0.1 rack rack-1',
    '10.20.0.2-10.20.0.9 free',
    '10.20.0.10-10.20.0.10 assigned web-1',
    '10.20.0.11-10.20.0.99 static',
    '10.20.0.100-10.20.0.119 dynamic',
    '10.20.0.120-10.20.0.120 leased laptop <b>',
    '10.20.0.121-10.20.0.199 dynamic',
    '10.20.0.200-10.20.0.254 free',
    '10.20.0.255-10.20.0.255 edge',
  ]);
  assert.deepEqual(Object.fromEntries(countKinds(runs)), {
    free: 63,
    edge: 2,
    dynamic: 99,
    static: 89,
    leased: 1,
    assigned: 1,
    rack: 1,
  });
});

for (const [cidr, uses] of [
  ['10.20.0.0/24', LAB],
  ['10.20.0.0/30', [use('leased', '10.20.0.1', '10.20.0.9', 'reaches beyond')]],
  ['10.20.0.0/31', []],
  ['10.20.0.7/32', [use('rack', '10.20.0.7')]],
  ['10.16.0.0/12', LAB],
  ['255.255.255.0/24', [use('dynamic', '255.255.255.200', '255.255.255.255')]],
] as const)
  test(`the runs of ${cidr} are all its addresses, each once`, () => {
    const of = network(cidr);
    const runs = buildAddressRuns(of, uses);
    let next: number = of.address;
    for (const run of runs) {
      assert.equal(run.low, ipv4(next));
      next = run.high + 1;
    }
    assert.equal(next - of.address, 2 ** (32 - of.prefix));
    const sum = [...countKinds(runs).values()].reduce((all, count) => all + count, 0);
    assert.equal(
      sum,
      runs.reduce((all, run) => all + rangeSize(run), 0),
    );
  });

test('a /24 has a square for each taken address, with the address and its owner for the pointer', () => {
  const of = network('10.20.0.0/24');
  const svg = renderAddressMap(of, buildAddressRuns(of, LAB)).toString();
  // The 120th address: row 3, column 24.
  assert.match(
    svg,
    /<title>10\.20\.0\.120: laptop &lt;b&gt; \(leased\)<\/title><rect class="leased" x="274" y="30" width="10" height="10"\/>/,
  );
  assert.match(
    svg,
    /<title>10\.20\.0\.2 – 10\.20\.0\.9: free<\/title><rect class="free" x="54" y="0" width="80" height="10"\/>/,
  );
  assert.doesNotMatch(svg, / style=|<b>laptop/);
  assert.match(svg, /aria-label="The addresses: 63 free, 2 for no host, 99 dynamic/);
});

test('a square of a large network is filled as far as its addresses are taken, and names a few owners', () => {
  const of = network('10.20.0.0/20');
  const leases = Array.from({ length: 4 }, (_, index) =>
    use('leased', `10.20.1.${index}`, `10.20.1.${index}`, `host-${index}`),
  );
  const svg = renderAddressMap(
    of,
    buildAddressRuns(of, [use('dynamic', '10.20.1.0', '10.20.1.255'), ...leases]),
  ).toString();
  const [, cell = ''] = /<g>(<title>10\.20\.1\.0 – 10\.20\.1\.15.*?)<\/g>/s.exec(svg) ?? [];
  assert.match(cell, /12 dynamic, 4 leased\n10\.20\.1\.0 host-0\n10\.20\.1\.1 host-1\n10\.20\.1\.2 host-2<\/title>/);
  assert.match(cell, /<rect class="dynamic" [^>]*height="10"\/><rect class="leased" [^>]*height="3"\/>/);
});

test('the picture of a full /16 has at most 256 squares and 100 kB, and is made in a moment', () => {
  const of = network('10.20.0.0/16');
  const full = Array.from({ length: 65_536 }, (_, index): AddressUse => {
    const address = ipv4(of.address + index);
    return {
      kind: 'leased',
      low: address,
      high: address,
      owner: 'a-host-of-a-name-that-is-as-long-as-a-label-may-be-which-is-63-abc',
    };
  });
  const svg = renderAddressMap(of, buildAddressRuns(of, full)).toString();
  assert.ok((svg.match(/<g>/g)?.length ?? 0) <= 256);
  assert.ok(svg.length < 130_000, `${svg.length}`);
});
