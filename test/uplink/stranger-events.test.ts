// Which lease events are all sent to the region, and which only as a sample.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpEvent, DhcpEventKind } from '../../src/dhcp/events/events.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { isActive } from '../../src/dhcp/leases/lease-table.ts';
import { ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { type Instant, instant } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { BOOTERS_MAX, type KnownHosts, STRANGER_RATE, StrangerEvents } from '../../src/uplink/stranger-events.ts';
import { leaseAt, MAC_A, MAC_B, machine, NOW } from '../dhcp/lab.ts';
import { hw } from '../support/lab-facts.ts';

const { burst, perSecond } = STRANGER_RATE;
/** An address in no dynamic range. */
const OUTSIDE = ipv4(0x0a140032);
/** Enough strangers that the next one's event is withheld. */
const CROWD = burst * 4;

function acquaintance(machines: readonly MacAddress[] = [], leases: readonly Lease[] = []): KnownHosts {
  return {
    isMachine: (one) => machines.includes(one),
    findRunningLeases: (macs) => leases.filter((lease) => macs.has(lease.mac) && isActive(lease, NOW)),
    isDeploying: () => false,
    isDynamic: (address) => address !== OUTSIDE,
    listLeases: () => leases,
    findLease: (address) => leases.find((lease) => lease.address === address),
  };
}

const ackOf = (one: MacAddress, changes: Partial<DhcpEvent> = {}, at: Instant = NOW): DhcpEvent => ({
  kind: 'dhcp.ack',
  at,
  mac: one,
  ...changes,
});

/** Strangers that take addresses until their events are withheld. */
function crowd(strangers: StrangerEvents, kind: DhcpEventKind = 'dhcp.ack'): readonly RackEvent[] {
  const events = Array.from({ length: CROWD }, (_, index) => ackOf(mac(0x020000000000 + index), { kind }));
  return events.flatMap((event) => strangers.take(event) ?? []);
}

test('events of a crowd of strangers are sent up to the burst, and the rest are counted', () => {
  const strangers = new StrangerEvents(acquaintance());
  assert.equal(crowd(strangers).length, burst);
  assert.equal(strangers.withheld, CROWD - burst);
  // Each kind has its own burst.
  for (const kind of ['dhcp.offer', 'dhcp.expired', 'dhcp.release'] as const) {
    assert.equal(crowd(strangers, kind).length, burst, kind);
  }
});

test('the first event after withheld ones says how many it represents', () => {
  const strangers = new StrangerEvents(acquaintance());
  crowd(strangers);
  const soon = instant(NOW + Math.ceil(1000 / perSecond));
  const event = strangers.take(ackOf(MAC_A, {}, soon));
  assert.equal(event?.count, CROWD - burst + 1);
});

const always: readonly (readonly [name: string, event: RackEvent, before?: RackEvent])[] = [
  ['a lease of a machine that the region knows', ackOf(MAC_B)],
  ['a lease outside the dynamic ranges', ackOf(MAC_A, { address: OUTSIDE, leaseSeconds: 600 })],
  ['the end of a lease outside the dynamic ranges', ackOf(MAC_A, { kind: 'dhcp.release', address: OUTSIDE })],
  ['a lease of a host that boots from the network', ackOf(MAC_A, { client: 'bios' })],
  ['the lease of a system that a host has booted', ackOf(MAC_A), ackOf(MAC_A, { kind: 'dhcp.offer', client: 'uefi' })],
  ['the lease of a host that loaded a file', ackOf(MAC_A), { kind: 'tftp.sent', at: NOW, mac: MAC_A }],
  ['a refusal', ackOf(MAC_A, { kind: 'dhcp.refused', reason: 'range-exhausted' })],
  ['a NAK', ackOf(MAC_A, { kind: 'dhcp.nak' })],
  ['an address that another host uses', ackOf(MAC_A, { kind: 'dhcp.decline' })],
  ['an address of another server', ackOf(MAC_A, { kind: 'dhcp.elsewhere' })],
  ['an event without a hardware address', { kind: 'dhcp.expired', at: NOW }],
];

for (const [name, event, before] of always) {
  test(`sent unchanged despite a crowd of strangers: ${name}`, () => {
    const strangers = new StrangerEvents(acquaintance([MAC_B]));
    crowd(strangers);
    crowd(strangers, 'dhcp.expired');
    if (before !== undefined) strangers.take(before);
    assert.equal(strangers.take(event), event);
  });
}

test('as many booting hosts as the bound are remembered; beyond it the one that booted longest ago is a stranger', () => {
  const strangers = new StrangerEvents(acquaintance());
  crowd(strangers);
  const bootersFrom = (first: number, count: number): readonly MacAddress[] =>
    Array.from({ length: count }, (_, index) => mac(0x060000000000 + first + index));
  const isReported = (one: MacAddress): boolean => strangers.take(ackOf(one)) !== undefined;
  const boot = (booters: readonly MacAddress[]): void => {
    for (const one of booters) strangers.take({ kind: 'http.file-sent', at: NOW, mac: one });
  };
  const early = bootersFrom(0, BOOTERS_MAX);
  boot(early);
  assert.ok(early.every(isReported));
  boot(early.slice(0, 1));
  const late = bootersFrom(BOOTERS_MAX, 2);
  boot(late);
  assert.ok(late.every(isReported));
  assert.deepEqual(
    early.filter((one) => !isReported(one)),
    early.slice(1, 3),
  );
});

test('the running lease of a machine that becomes known is sent, unless all its events were sent', () => {
  const booted = hw('52:54:00:00:00:0d');
  const leases = [
    leaseAt(MAC_A, '10.20.0.100', 300),
    leaseAt(MAC_B, '10.20.0.101', -1),
    leaseAt(booted, '10.20.0.102', 300),
  ];
  const known: MacAddress[] = [];
  const strangers = new StrangerEvents(acquaintance(known, leases));
  strangers.take(ackOf(booted, { client: 'bios' }));
  const machines = [MAC_A, MAC_B, booted].map((one) => machine(one, '10.20.0.10'));
  const state = { schema: 2, version: 2, machines } as const;
  const newcomers = strangers.findNewInterfaces(state);
  known.push(MAC_A, MAC_B, booted);
  const sent = strangers.composeLeaseEvents(newcomers);
  assert.deepEqual(
    sent.map(({ kind, mac: whose, address, at }) => [kind, whose, address, at]),
    [['dhcp.ack', MAC_A, leases[0]?.address, leases[0]?.grantedAt]],
  );
  assert.equal(strangers.findNewInterfaces(state).size, 0);
});
