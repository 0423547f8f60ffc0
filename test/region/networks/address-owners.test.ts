// Whose an address is: the strongest owner is the reason, what changes does not bar itself, and free addresses are found without asking each owner.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import {
  AddressOwners,
  bars,
  type Claim,
  findBar,
  type Owner,
  ownersKnown,
} from '../../../src/region/networks/address-owners.ts';
import { printedRandom } from '../../support/printed-random.ts';

const NIC = mac(0x525400000001);
const OTHER = mac(0x525400000002);
const at = (last: number): Ipv4 => ipv4(0x0a140000 + last);
const single = (kind: Exclude<Owner['kind'], 'lease'>, last: number, more: object = {}): Owner => ({
  kind,
  low: at(last),
  high: at(last),
  name: '',
  ...more,
});
const range = (kind: 'dynamic' | 'reserved-range' | 'static', low: number, high: number, more: object = {}): Owner => ({
  kind,
  low: at(low),
  high: at(high),
  name: '',
  ...more,
});

test('of several owners the strongest that bars the claim is the reason, in any order', () => {
  const owners = [range('dynamic', 1, 9), single('machine', 5), single('dns-server', 5), single('router', 5)];
  for (const all of [owners, owners.toReversed()]) {
    assert.equal(findBar(all, { kind: 'asked' })?.kind, 'router');
    assert.equal(findBar(all, { kind: 'router' })?.kind, 'machine');
    assert.equal(findBar(all, { kind: 'route' })?.kind, 'dynamic');
  }
  assert.equal(findBar([single('dns-server', 5)], { kind: 'asked' }), undefined, 'a machine may be the DNS server');
});

test('what belongs to the host itself, to the row or to the cluster interface that takes it, bars nothing', () => {
  const reserved = single('reserved', 5, { mac: NIC, id: 7 });
  assert.equal(bars(reserved, { kind: 'chosen', mac: NIC }), false);
  assert.equal(bars(reserved, { kind: 'chosen', mac: OTHER }), true);
  assert.equal(bars(single('reserved', 5), { kind: 'chosen', mac: undefined }), true, 'nobody is known to have it');
  assert.equal(bars(single('route', 5), { kind: 'asked', had: [at(5)] }), false, 'the router is this machine');
  const dynamic = range('dynamic', 1, 9, { id: 8, service: 'rack lab' });
  assert.equal(bars(dynamic, { kind: 'dynamic' }), true);
  assert.equal(bars(dynamic, { kind: 'dynamic', ids: [8] }), false);
  assert.equal(bars(dynamic, { kind: 'dynamic', service: 'rack lab' }), false);
  assert.equal(bars(single('router', 5, { service: 'rack lab' }), { kind: 'dynamic', service: 'rack lab' }), true);
});

/** What a claim takes of others, by decision: nobody loses anything by it. */
const ALLOWED: readonly (readonly [claim: Claim['kind'], owners: readonly Owner['kind'][]])[] = [
  ['dynamic', ['edge', 'rack-host', 'name', 'lease', 'seen']],
  [
    'dns-server',
    [
      ...(['edge', 'rack', 'rack-host', 'router', 'route', 'dns-server', 'machine', 'configured'] as const),
      ...(['reserved', 'name', 'lease', 'seen', 'reserved-range', 'static'] as const),
    ],
  ],
  ['rack', ['rack-host', 'router', 'route', 'dns-server', 'name', 'lease', 'seen', 'reserved-range']],
  // It is set aside from those who do not have it yet.
  [
    'reserved-range',
    [
      ...(['edge', 'rack', 'rack-host', 'router', 'route', 'dns-server', 'machine', 'configured'] as const),
      ...(['reserved', 'name', 'lease', 'seen', 'static'] as const),
    ],
  ],
];
const REFUSED: readonly (readonly [claim: Claim['kind'], owners: readonly Owner['kind'][]])[] = [
  [
    'dynamic',
    [
      ...(['rack', 'router', 'route', 'dns-server', 'machine', 'configured'] as const),
      ...(['reserved', 'dynamic', 'reserved-range', 'static'] as const),
    ],
  ],
  ['dns-server', ['dynamic']],
  ['route', ['edge', 'configured', 'reserved', 'dynamic']],
  ['configured', ['edge', 'rack', 'router', 'route', 'machine', 'configured', 'reserved', 'dynamic']],
  ['rack', ['edge', 'rack', 'machine', 'configured', 'reserved', 'dynamic', 'static']],
  ['reserved-range', ['dynamic', 'reserved-range']],
];

const owned = (kind: Owner['kind']): Owner =>
  kind === 'lease'
    ? { kind, low: at(5), high: at(5), name: '', address: at(5), mac: NIC, endsMs: 1 }
    : { kind, low: at(5), high: at(5), name: '' };

for (const [isRefused, all] of [
  [false, ALLOWED],
  [true, REFUSED],
] as const)
  for (const [claim, owners] of all)
    test(`${claim} is ${isRefused ? 'refused' : 'allowed'} over ${owners.join(', ')}`, () => {
      for (const kind of owners) assert.equal(bars(owned(kind), { kind: claim }), isRefused, kind);
    });

test('an entry of hosts and a dynamic range share addresses only in the same cluster interface', () => {
  for (const [kind, other] of [
    ['configured', 'dynamic'],
    ['dynamic', 'configured'],
  ] as const) {
    const owner = single(kind, 5, { mac: NIC, service: 'rack lab' });
    assert.equal(bars(owner, { kind: other, service: 'rack lab' }), false, kind);
    assert.equal(bars(owner, { kind: other, service: 'far lab' }), true, kind);
  }
});

test('the host of a rack may be the machine, the entry or the holder of its address', () => {
  for (const kind of ['machine', 'configured', 'reserved'] as const) {
    assert.equal(bars(single(kind, 5, { mac: NIC }), { kind: 'rack', mac: NIC }), false, kind);
    assert.equal(bars(single(kind, 5, { mac: NIC }), { kind: 'rack', mac: OTHER }), true, kind);
  }
});

test('the free addresses of a span are those that no owner bars, whatever the owners are', () => {
  const below = printedRandom('address-owners');
  const kinds = ['edge', 'rack', 'router', 'dns-server', 'configured', 'reserved'] as const;
  for (let round = 0; round < 200; round += 1) {
    const owners = Array.from({ length: below(12) }, (_, index): Owner => {
      const [low, size] = [below(40), below(12)];
      if (index % 3 === 0)
        return range((['dynamic', 'reserved-range', 'static'] as const)[below(3)] ?? 'static', low, low + size);
      return single(kinds[below(kinds.length)] ?? 'edge', low, { mac: below(2) === 0 ? NIC : OTHER });
    });
    const known = {
      range: [at(5), at(30)] as const,
      taken: new Set([at(below(40))]),
      seen: new Set([at(below(40)), at(below(40))]),
    };
    const index = new AddressOwners(owners);
    const claim = { kind: 'chosen', mac: NIC } as const;
    const free = [...index.freeFor({ low: at(5), high: at(30) }, claim, known)];
    const expected = Array.from({ length: 26 }, (_, offset) => at(5 + offset)).flatMap((address) => {
      const own = [...index.at(address), ...ownersKnown(address, known)];
      if (findBar(own, claim) !== undefined) return [];
      return [[address, known.seen.has(address) ? 'last' : 'yes']];
    });
    assert.deepEqual(free, expected);
    const within = new Set(index.within({ low: at(5), high: at(30) }));
    for (const owner of owners) assert.equal(within.has(owner), owner.low <= at(30) && owner.high >= at(5));
  }
});
