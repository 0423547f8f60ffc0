// Unknown clients among invented ones: a client that retries as in RFC 2131 §4.1 gets an address, however many others ask and accept
// nothing. In virtual time; real clients do the same in test/e2e/dhcp-hostile.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFFER_HOLD_MS } from '../../src/dhcp/leases/offers.ts';
import { formatIpv4, type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import type { Instant } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { config, MAC_A, MAC_B, machine, subnet } from './lab.ts';
import { rig } from './responder-rig.ts';

/** When a client asks, counted from its first message (RFC 2131 §4.1). */
const ASKS_AT_MS = [0, 4000, 12_000, 28_000, 60_000];
const STEP_MS = 10;
const NEWCOMERS = 4;
const LOW = ip('10.20.0.100');

/** The hardware addresses that ask in each step. */
type Flood = (step: number) => readonly MacAddress[];
const invented =
  (perSecond: number): Flood =>
  (step) => {
    const each = (perSecond * STEP_MS) / 1000;
    return Array.from({ length: each }, (_, index) => mac(0x0200_0000_0000 + step * each + index));
  };
/** This many clients, each of which asks every `everyMs`. */
const repeated =
  (count: number, everyMs: number): Flood =>
  (step) => {
    const steps = everyMs / STEP_MS;
    const all = Array.from({ length: count }, (_, index) => index).filter((index) => index % steps === step % steps);
    return all.map((index) => mac(0x0200_0000_0000 + index));
  };

/** Lets newcomers start after `floodedMs` of a flood. @returns the milliseconds each took to its lease */
function serveAlongside(flood: Flood, addresses: number, floodedMs: number): readonly number[] {
  const dynamic = { low: LOW, high: ipv4(LOW + addresses - 1) };
  const machines = new MachineDirectory([machine(MAC_B, '10.20.0.30')]);
  const { clock, say, lease, table } = rig(config(subnet({ dynamic })), machines);
  const own = lease(MAC_A);
  const begun = clock.now() + floodedMs;
  const newcomers = Array.from({ length: NEWCOMERS }, (_, index) => mac(0x5254_0000_1000 + index));
  const served = new Map<MacAddress, number>();
  const isDue = (now: Instant, index: number): boolean => ASKS_AT_MS.includes(now - begun - index * STEP_MS);
  const end = begun + 65_000;
  for (let step = 0; clock.now() < end && served.size < NEWCOMERS; step += 1) {
    for (const one of flood(step)) say({ type: 'discover', mac: one });
    for (const [index, newcomer] of newcomers.entries()) {
      if (served.has(newcomer) || !isDue(clock.now(), index)) continue;
      if (lease(newcomer).startsWith('ack')) served.set(newcomer, clock.now() - begun);
    }
    if (step % 500 === 0) {
      assert.equal(lease(MAC_A), own, 'a lease holder is served at once');
      assert.equal(lease(MAC_B), 'ack 10.20.0.30', 'and so does a machine of the region');
    }
    clock.advance(STEP_MS);
  }
  const held = table.all().map(({ mac: holder }) => holder);
  assert.equal(new Set(held).size, held.length, 'no client has two addresses, and no address two clients');
  return newcomers.map((newcomer) => served.get(newcomer) ?? Number.POSITIVE_INFINITY);
}

const FLOODS: readonly (readonly [name: string, flood: Flood, addresses: number, withinMs: number])[] = [
  ['500 invented clients a second, 100 addresses', invented(500), 100, 12_100],
  ['2000 invented clients a second, 100 addresses', invented(2000), 100, 12_100],
  ['500 invented clients a second, 10 addresses', invented(500), 10, 28_100],
  ['as many as there are addresses, which keep asking', repeated(101, 2000), 100, 12_100],
  ['as many as there are few addresses, which keep asking', repeated(11, 1000), 10, 60_100],
];

for (const [name, flood, addresses, withinMs] of FLOODS) {
  test(`persistent newcomers are served in a flood: ${name}`, () => {
    for (const floodedMs of [1000, 9000, OFFER_HOLD_MS + 5000]) {
      const waits = serveAlongside(flood, addresses, floodedMs);
      assert.ok(Math.max(...waits) <= withinMs, `after ${floodedMs} ms of it they waited ${waits.join(', ')} ms`);
    }
  });
}

test('an offer that gave way is denied to its first client, and no address goes to two clients', () => {
  const { clock, say, lease, table } = rig(config());
  const first = Array.from({ length: 10 }, (_, index) => mac(0x0200_0000_0000 + index));
  const offered = first.map((one) => say({ type: 'discover', mac: one }).split(' ')[1]);
  assert.equal(offered.filter(Boolean).length, 8, 'a fifth of the range is for others');
  const late = Array.from({ length: 9 }, (_, index) => mac(0x5254_0000_1000 + index));
  for (const one of late) say({ type: 'discover', mac: one });
  clock.advance(9000);
  const taken = late.map((one) => lease(one).split(' ')[1]);
  assert.equal(new Set(taken.filter(Boolean)).size, 9);
  for (const [index, address] of offered.entries()) {
    if (address === undefined) continue;
    const answer = say({ type: 'request', mac: first[index] ?? MAC_A, requested: ip(address), server: RACK });
    assert.match(answer, taken.includes(address) ? /^nak/ : /^ack/, address);
  }
  const holders = new Map<Ipv4, MacAddress>(table.all().map((one) => [one.address, one.mac]));
  late.forEach((one, index) => {
    assert.equal(holders.get(ip(taken[index] ?? '')), one, formatIpv4(ip(taken[index] ?? '')));
  });
});
