// The last refusal of a machine: shown until an offer or a lease is newer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findLastRefusal } from '../../../src/daemon/forecast/last-refusal.ts';
import type { DhcpEvent } from '../../../src/dhcp/events/events.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { type Instant, instant, seconds } from '../../../src/ground/clock.ts';
import { Timeline } from '../../../src/observe/timeline.ts';

const MAC = mac(0x525400123456);
const NOW = instant(10_000);
const DENIED = { kind: 'dhcp.refused', reason: 'class-denied', classes: 'guests', hostname: 'bad-guest' } as const;

function refusalAfter(events: readonly (readonly [number, Omit<DhcpEvent, 'at'>])[], leasedAt?: Instant) {
  const timeline = new Timeline(() => undefined);
  for (const [at, event] of events) timeline.take({ ...event, at: instant(at), mac: MAC });
  const lease: Lease = {
    address: ipv4(0x0a140064),
    mac: MAC,
    state: 'bound',
    grantedAt: leasedAt ?? NOW,
    expiresAt: instant(99_000),
    duration: seconds(600),
  };
  return findLastRefusal(timeline.find(MAC) ?? [], leasedAt === undefined ? [] : [lease], NOW);
}

test('a refusal is shown with its age, reason, class and hostname, and its remedy', () => {
  const refused = refusalAfter([[8000, DENIED]]);
  assert.equal(refused?.text, 'was refused 2 s ago: class-denied (guests), as bad-guest');
  assert.match(refused?.remedy ?? '', /^a configured class denies its clients every answer; .*`when`/);
  const again = refusalAfter(
    [
      [1000, DENIED],
      [9000, DENIED],
    ],
    instant(500),
  );
  assert.match(again?.text ?? '', /^was refused 1 s ago/, 'a repeated step, newer than its lease');
  const relayed = refusalAfter([
    [8000, { kind: 'dhcp.nak', reason: 'wrong-network', circuitId: 'ge-0/0/7', remoteId: 'sw1' }],
  ]);
  assert.equal(relayed?.text, 'was refused 2 s ago: wrong-network, at port ge-0/0/7, behind sw1');
});

test('a refusal followed by an offer or a lease is not shown', () => {
  assert.equal(refusalAfter([]), undefined);
  assert.equal(
    refusalAfter([
      [8000, DENIED],
      [8500, { kind: 'dhcp.offer' }],
    ]),
    undefined,
  );
  assert.equal(
    refusalAfter([
      [8000, DENIED],
      [8500, { kind: 'dhcp.ack' }],
    ]),
    undefined,
  );
  assert.equal(refusalAfter([[8000, DENIED]], instant(9000)), undefined);
});
