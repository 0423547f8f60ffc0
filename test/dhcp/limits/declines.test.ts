// How many addresses clients may have set aside: each a few, all together a share of the range, and never the whole range.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECLINE_SECONDS } from '../../../src/dhcp/leases/set-aside.ts';
import {
  DECLINE_REGAINED_SECONDS,
  DECLINED_ALWAYS,
  DECLINED_SHARE_MAX,
  DECLINERS_MAX,
  DECLINES_AT_ONCE,
  Declines,
  RATE,
} from '../../../src/dhcp/limits/declines.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { OPTION, textBytes } from '../../../src/dhcp/wire/options.ts';
import { type MacAddress, mac } from '../../../src/ground/address.ts';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, config, MAC_A, MAC_B, machine, relayedSubnet, subnet } from '../lab.ts';
import { BY_RELAY, rig } from '../responder-rig.ts';

const START = instant(1_000_000);
const REGAINED_MS = DECLINE_REGAINED_SECONDS * 1000;
const SIZE = 64;
const WIDE: Partial<DhcpSubnet> = { dynamic: { low: ip('10.20.0.128'), high: ip('10.20.0.191') } };
const SHARE = SIZE * DECLINED_SHARE_MAX;

/** How many of `tries` at one moment a client is allowed. */
function allowed(declines: Declines, client: MacAddress, now: Instant, tries = 10): number {
  let count = 0;
  for (let index = 0; index < tries; index += 1) {
    if (!declines.mayDecline(client, undefined, now)) continue;
    declines.take(client, now);
    count += 1;
  }
  return count;
}

test('a client has a few declines at once, and regains one at a time, up to that number', () => {
  const declines = new Declines();
  const table: readonly (readonly [afterMs: number, count: number])[] = [
    [0, RATE.burst],
    [REGAINED_MS - 1, 0],
    [REGAINED_MS, 1],
    [REGAINED_MS * 3, 2],
    [REGAINED_MS * 1000, DECLINES_AT_ONCE],
  ];
  for (const [afterMs, count] of table) {
    assert.equal(allowed(declines, MAC_A, later(START, afterMs)), count, `after ${afterMs} ms`);
  }
  assert.equal(allowed(declines, MAC_B, START), DECLINES_AT_ONCE, 'another client has its own');
});

test('a clock that goes back grants nothing, and withholds nothing for good', () => {
  const declines = new Declines();
  assert.equal(allowed(declines, MAC_A, later(START, 86_400_000)), DECLINES_AT_ONCE);
  assert.equal(allowed(declines, MAC_A, START), 0);
  assert.equal(allowed(declines, MAC_A, later(START, 86_400_000 + REGAINED_MS)), 1);
});

test('a share of a range can be set aside, a few addresses of a small one; without a range only the client’s limit applies', () => {
  const range = { low: ip('10.20.0.128'), high: ip('10.20.0.191') };
  const usage = (usable: number, declined: number) => ({ subnet: 'lab', range, usable, free: 1, offered: 0, declined });
  const table: readonly (readonly [usable: number, declined: number, boolean])[] = [
    [SIZE, SHARE - 1, true],
    [SIZE, SHARE, false],
    [SIZE, SIZE, false],
    [4, DECLINED_ALWAYS - 1, true],
    [4, DECLINED_ALWAYS, false],
    [0, 0, true],
  ];
  for (const [usable, declined, may] of table) {
    assert.equal(new Declines().mayDecline(MAC_A, usage(usable, declined), START), may, `${declined} of ${usable}`);
  }
});

test('beyond the bound the client that came first is forgotten', () => {
  const declines = new Declines();
  assert.equal(allowed(declines, MAC_A, START), DECLINES_AT_ONCE);
  for (let index = 1; index < DECLINERS_MAX; index += 1) declines.take(mac(index), START);
  assert.equal(allowed(declines, MAC_A, START), 0);
  declines.take(mac(DECLINERS_MAX), START);
  assert.equal(allowed(declines, MAC_A, START), DECLINES_AT_ONCE);
});

interface Storm {
  readonly name: string;
  readonly changes?: Partial<DhcpSubnet>;
  /** The other words of the client in turn n. */
  readonly words: (turn: number) => ClientWords & { readonly mac: MacAddress };
  /** The most addresses set aside. */
  readonly bound: number;
}

const STORMS: readonly Storm[] = [
  { name: 'one client', words: () => ({ mac: MAC_A }), bound: DECLINES_AT_ONCE },
  {
    name: 'one hardware address under ever new identifiers',
    changes: { identity: 'client-id' },
    words: (turn) => ({ mac: MAC_A, options: [[OPTION.clientIdentifier, textBytes(`id ${turn}`)]] }),
    bound: DECLINES_AT_ONCE,
  },
  { name: 'ever new hardware addresses', words: (turn) => ({ mac: mac(0x020000000000 + turn) }), bound: SHARE },
];

for (const { name, changes, words, bound } of STORMS) {
  test(`a storm of declines, ${name}: a share is set aside, and a new client still gets an address`, () => {
    const { clock, lease, responder, say } = rig(config(subnet({ ...WIDE, ...changes })));
    responder.bounds.newClients.setRate(0);
    // Nothing is regained within a second.
    for (let turn = 0; turn < SIZE * 4; turn += 1) {
      const one = words(turn);
      const address = lease(one.mac, one).split(' ')[1] ?? '';
      say({ ...one, type: 'decline', requested: ip(address), server: RACK });
      clock.advance(100);
    }
    const [range] = responder.bounds.ranges();
    assert.ok((range?.declined ?? SIZE) <= bound, `${range?.declined} are set aside`);
    assert.ok((range?.free ?? 0) >= SIZE - SHARE, `${range?.free} are free`);
    assert.match(lease(mac(0x060000000001)), /^ack/);
    assert.match(lease(MAC_A, words(0)), /^ack/, 'and so does the one that declined');
    clock.advance(DECLINE_SECONDS * 1000);
    responder.expire();
    assert.equal(responder.bounds.ranges()[0]?.declined, 0, 'all come back');
  });
}

test('a storm of releases: each was a lease, and the range is as free as before', () => {
  const { lease, responder, say, table } = rig(config(subnet(WIDE)));
  responder.bounds.newClients.setRate(0);
  for (let turn = 0; turn < SIZE * 4; turn += 1) {
    const client = mac(0x020000000000 + turn);
    const address = ip(lease(client).split(' ')[1] ?? '');
    const release: ClientWords = { type: 'release', mac: client, ciaddr: address, server: RACK };
    for (let again = 0; again < 3; again += 1) assert.equal(say(release), 'silence');
  }
  assert.equal(responder.counters().events['dhcp.release'], SIZE * 4, 'one for each lease');
  assert.equal(responder.counters().refusals['not-the-holder'], SIZE * 8);
  assert.equal(responder.bounds.ranges()[0]?.free, SIZE);
  assert.ok(table.size <= SIZE);
});

test('a storm of declines of mere offers is limited alike, and each client is offered another address', () => {
  for (const [words, bound] of [
    [() => MAC_A, DECLINES_AT_ONCE],
    [(turn: number) => mac(0x020000000000 + turn), SHARE],
  ] as const) {
    const { lease, responder, say } = rig(config(subnet(WIDE)));
    responder.bounds.newClients.setRate(0);
    const seen = new Set<string>();
    for (let turn = 0; turn < SIZE - 1; turn += 1) {
      const offer = say({ type: 'discover', mac: words(turn) }).split(' ')[1] ?? '';
      say({ type: 'decline', mac: words(turn), requested: ip(offer), server: RACK });
      seen.add(offer);
    }
    assert.ok(seen.size > SIZE / 2, `${seen.size} addresses were offered`);
    assert.equal(responder.bounds.ranges()[0]?.declined, bound);
    assert.equal(responder.bounds.ranges()[0]?.offered, 0, 'a declined address is no longer on offer');
    assert.match(lease(MAC_B), /^ack/);
  }
});

test('a decline of an offer must name this server and come from its client; other offers stay', () => {
  const { responder, say } = rig(config(subnet(WIDE)));
  const offered = ip(say({ type: 'discover', mac: MAC_A }).split(' ')[1] ?? '');
  const decline: ClientWords = { type: 'decline', mac: MAC_A, requested: offered };
  for (const words of [
    decline,
    { ...decline, server: ip('10.20.0.66') },
    { ...decline, server: RACK, mac: MAC_B },
    { ...decline, server: RACK, requested: ip('10.20.0.140') },
  ]) {
    say(words);
  }
  assert.equal(responder.bounds.ranges()[0]?.declined, 0);
  assert.equal(responder.bounds.ranges()[0]?.offered, 1);
  const { refusals } = responder.counters();
  const reasons = ['server-not-named', 'other-server-chosen', 'not-the-holder'] as const;
  assert.deepEqual(
    reasons.map((reason) => refusals[reason]),
    [1, 1, 2],
  );
  say({ ...decline, server: RACK });
  assert.equal(responder.bounds.ranges()[0]?.declined, 1);
});

test('declines and releases of addresses that others hold or no client has, and releases of mere offers, change nothing', () => {
  const machines = new MachineDirectory([machine(MAC_B, '10.20.0.30')]);
  const { lease, responder, say, table } = rig(config(subnet(WIDE)), machines);
  lease(MAC_B);
  const held = ip(lease(mac(1)).split(' ')[1] ?? '');
  const offered = ip(say({ type: 'discover', mac: MAC_A }).split(' ')[1] ?? '');
  const before = table.all();
  for (const address of [
    held,
    offered,
    ip('10.20.0.30'),
    ip('10.20.0.140'),
    RACK,
    ip('10.20.0.255'),
    ip('10.99.0.1'),
  ]) {
    if (address !== offered) say({ type: 'decline', mac: MAC_A, requested: address, server: RACK });
    say({ type: 'release', mac: MAC_A, ciaddr: address, server: RACK });
  }
  assert.deepEqual(table.all(), before);
  assert.equal(responder.bounds.ranges()[0]?.declined, 0);
});

test('a storm of declines through a relay is limited as well', () => {
  const far = relayedSubnet();
  const giaddr = ip('10.30.0.1');
  const { lease, responder, say } = rig(config(subnet(), far));
  responder.bounds.newClients.setRate(0);
  for (let turn = 0; turn < 100; turn += 1) {
    const client = mac(0x020000000000 + turn);
    const offer = say({ type: 'discover', mac: client, giaddr }, BY_RELAY).split(' ')[1];
    if (offer === undefined) continue;
    say({ type: 'request', mac: client, giaddr, requested: ip(offer), server: RACK }, BY_RELAY);
    say({ type: 'decline', mac: client, giaddr, requested: ip(offer), server: RACK }, BY_RELAY);
  }
  const range = responder.bounds.ranges().find(({ subnet: name }) => name === 'far');
  assert.equal(range?.declined, DECLINED_ALWAYS);
  assert.equal(range?.free, (range?.usable ?? 0) - DECLINED_ALWAYS);
  assert.match(lease(MAC_A), /^ack/, 'the other network is as it was');
});
