// A client that now gets less than it was promised: until when its address stays its own. RFC 2131 §3.2, §3.3, §4.4.5.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDLESS_SECONDS, type Lease } from '../../../src/dhcp/leases/lease.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { OPTION, textBytes } from '../../../src/dhcp/wire/options.ts';
import { type Ipv4Network, parseNetwork } from '../../../src/ground/address.ts';
import { type Instant, later, type Seconds, seconds } from '../../../src/ground/clock.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, config, MAC_A, relayedSubnet, subnet, TO_RACK } from '../lab.ts';
import { ON_WIRE, rig } from '../responder-rig.ts';

const at = (text: string): Ipv4Network => parseNetwork(text) ?? assert.fail(text);
const HELD = ip('10.20.0.105');
const YEAR = seconds(365 * 86_400);
const RENEW: ClientWords = { type: 'request', mac: MAC_A, ciaddr: HELD };
const SELECT: ClientWords = { type: 'request', mac: MAC_A, requested: HELD, server: RACK };

/** A client that was promised `promised` a minute before, with `changes` in force now. */
function promisedLong(promised: Seconds, changes: Partial<DhcpSubnet> = {}) {
  const probe = rig(config());
  const grantedAt = later(probe.clock.now(), -60_000);
  const expiresAt = later(grantedAt, promised * 1000);
  const lease: Lease = { address: HELD, mac: MAC_A, state: 'bound', grantedAt, expiresAt, duration: promised };
  const set = rig(config(subnet(changes), relayedSubnet()), undefined, [lease]);
  const endOf = (): Instant | undefined => set.table.find(HELD)?.expiresAt;
  return {
    ...set,
    expiresAt,
    endOf,
    /** Renews this many seconds after its last message. */
    renewAfter(afterS: number, words: ClientWords = {}, arrival = TO_RACK): void {
      set.clock.advance(afterS * 1000);
      assert.equal(set.say({ ...RENEW, ...words }, arrival), 'ack 10.20.0.105');
    },
    isShort: (): boolean => endOf() === later(set.clock.now(), (changes.leaseTime ?? 600) * 1000),
    isKept: (): boolean => endOf() === expiresAt,
  };
}

test('a lease without end is over when its client renews a shorter one on time', () => {
  for (const leaseTime of [600, 60]) {
    const { say, renewAfter, isKept, isShort } = promisedLong(ENDLESS_SECONDS, { leaseTime: seconds(leaseTime) });
    say({ type: 'discover', mac: MAC_A });
    say(SELECT);
    assert.ok(isKept(), 'the answer may have been lost');
    renewAfter(1.2);
    assert.ok(isKept(), 'no timer makes a client come that soon');
    renewAfter(leaseTime / 2);
    assert.ok(isShort(), `${leaseTime} s`);
  }
});

test('a promised year is over when its client renews a shorter lease on time twice in a row', () => {
  const { say, renewAfter, isKept, isShort } = promisedLong(YEAR);
  say(SELECT);
  renewAfter(300);
  assert.ok(isKept(), 'it may be the retry pause of a client that hears nothing');
  renewAfter(3);
  assert.ok(isKept(), 'the answer was lost, and it asked again');
  renewAfter(299);
  assert.ok(isKept());
  renewAfter(302);
  assert.ok(isShort());
  renewAfter(300);
  assert.ok(isShort());
});

test('a promise to a client that hears no answer stands, whenever the client asks again', () => {
  // RFC 2131 §4.4.5: half of the time left until T2, then half of the time left until the end, and no less than a minute.
  for (const promised of [3600, 3700, 6000, 86_400, 90_001, YEAR]) {
    const { clock, table, renewAfter, expiresAt } = promisedLong(seconds(promised));
    const grantedAt = later(expiresAt, -promised * 1000);
    const leftUntil = (end: Instant): number => (end - clock.now()) / 1000;
    const [t1, t2] = [later(grantedAt, promised * 500), later(grantedAt, promised * 875)];
    const isCovered = (): boolean => (table.find(HELD)?.expiresAt ?? 0) >= expiresAt;
    renewAfter(leftUntil(t1));
    let asked = 0;
    for (; leftUntil(expiresAt) > 60; asked += 1) {
      assert.ok(isCovered(), `${promised} s, after ${asked} times`);
      const isRenewing = leftUntil(t2) > 0;
      const pause = Math.max(60, leftUntil(isRenewing ? t2 : expiresAt) / 2);
      renewAfter(pause, {}, isRenewing ? TO_RACK : ON_WIRE);
    }
    assert.ok(asked > 5 && isCovered(), `${promised} s`);
  }
});

test('other messages do not show that a client counts on the shorter time, and end no promise', () => {
  const identifier = (text: string): ClientWords => ({ options: [[OPTION.clientIdentifier, textBytes(text)]] });
  const cases: readonly (readonly [string, Partial<DhcpSubnet>, number, ClientWords, typeof TO_RACK])[] = [
    ['it starts over', {}, 300, { ciaddr: ip('0.0.0.0'), requested: HELD, server: RACK }, ON_WIRE],
    ['it starts again', {}, 300, { ciaddr: ip('0.0.0.0'), requested: HELD }, ON_WIRE],
    ['firmware', { pxeLeaseTime: seconds(600) }, 300, { vendorClass: 'PXEClient:Arch:00000' }, TO_RACK],
    ['by broadcast, which anybody sends', {}, 300, {}, ON_WIRE],
    ['from another address', { relaySources: [at('10.20.0.66/32')] }, 300, { from: ip('10.20.0.66') }, TO_RACK],
    ['too soon', {}, 260, {}, TO_RACK],
    ['too late', {}, 460, {}, TO_RACK],
    ['a lease so short that a client hearing nothing would renew alike', { leaseTime: seconds(120) }, 60, {}, TO_RACK],
  ];
  for (const [name, changes, afterS, words, arrival] of cases) {
    const { renewAfter, isKept } = promisedLong(YEAR, changes);
    for (let times = 0; times < 6; times += 1) renewAfter(afterS, words, arrival);
    assert.ok(isKept(), name);
  }
  const turns = promisedLong(YEAR);
  for (let times = 0; times < 6; times += 1) turns.renewAfter(300, identifier(times % 2 === 0 ? 'one' : 'another'));
  assert.ok(turns.isKept(), 'two systems of one machine');
});

test('the lease time of firmware and its loader ends no promise to their system', () => {
  const { say, renewAfter, isKept, isShort } = promisedLong(seconds(1000));
  say({ type: 'discover', mac: MAC_A, vendorClass: 'PXEClient:Arch:00000' });
  say({ ...SELECT, vendorClass: 'PXEClient:Arch:00000' });
  assert.ok(isKept());
  renewAfter(15);
  renewAfter(15);
  assert.ok(isKept());
  renewAfter(400);
  assert.ok(isShort(), 'and its own longer time continues from then');
});

test('observations from before a restart of the rack no longer count', () => {
  const { say, renewAfter, journal, clock, isKept } = promisedLong(YEAR);
  say(SELECT);
  renewAfter(300);
  assert.ok(isKept());
  const stored = [...journal.durable.values()].map(({ cameOnTime: _, ...lease }) => lease);
  const next = rig(config(), undefined, stored);
  next.clock.advance(clock.now() - next.clock.now() + 300_000);
  assert.equal(next.say(RENEW, TO_RACK), 'ack 10.20.0.105');
  assert.equal(next.table.find(HELD)?.expiresAt, stored[0]?.expiresAt);
  next.clock.advance(300_000);
  next.say(RENEW, TO_RACK);
  assert.equal(next.table.find(HELD)?.expiresAt, later(next.clock.now(), 600_000));
});
