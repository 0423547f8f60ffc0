// Which running leases the rack sends to a region that may not know them, and how many.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { isActive } from '../../src/dhcp/leases/lease-table.ts';
import { formatIpv4, type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { HOST_LEASES_MAX } from '../../src/store/operations/region-heard.ts';
import type { KnownHosts } from '../../src/uplink/stranger-events.ts';
import { LEASES_REPORTED_MAX, UnreportedLeases } from '../../src/uplink/unreported-leases.ts';
import { leaseAt, MAC_A, MAC_B, NOW } from '../dhcp/lab.ts';
import { hw, ip } from '../support/lab-facts.ts';

/** A rack with these leases, whose addresses from 10.20.0.100 on are dynamic. */
function rackWith(leases: Iterable<Lease>, changes: Partial<KnownHosts> = {}): KnownHosts {
  const byAddress = new Map([...leases].map((lease) => [lease.address, lease]));
  return {
    isMachine: () => false,
    isDeploying: () => false,
    isDynamic: (address) => address >= ip('10.20.0.100'),
    listLeases: () => byAddress.values(),
    findLease: (address) => byAddress.get(address),
    findRunningLeases: (macs) => [...byAddress.values()].filter((lease) => macs.has(lease.mac) && isActive(lease, NOW)),
    ...changes,
  };
}

const now = () => NOW;
/** The addresses of all leases that wait. */
const takeAll = (untold: UnreportedLeases): readonly string[] =>
  untold.take(untold.size, NOW).map(({ address }) => formatIpv4(address ?? ipv4(0)));

test('all running leases outside the dynamic ranges are sent, those of machines, too', async () => {
  const lease = leaseAt(MAC_A, '10.20.0.66', 300);
  const ended = [leaseAt(hw('52:54:00:00:00:01'), '10.20.0.70', -1)];
  const released = [leaseAt(hw('52:54:00:00:00:02'), '10.20.0.71', 300, 'released')];
  const dynamic = [leaseAt(hw('52:54:00:00:00:03'), '10.20.0.100', 300)];
  const leases = [...ended, ...released, ...dynamic, lease, leaseAt(MAC_B, '10.20.0.67', 400)];
  const untold = new UnreportedLeases(rackWith(leases, { isMachine: (one) => one === MAC_B }));
  await untold.addAll(now);
  const [event] = untold.take(1, NOW);
  const { address, grantedAt: at, duration: leaseSeconds } = lease;
  assert.deepEqual(event, { kind: 'dhcp.ack', at, mac: MAC_A, address, leaseSeconds, hostname: undefined });
  assert.deepEqual(takeAll(untold), ['10.20.0.67']);
});

test('of given leases, those that a change of the ranges or an import leaves outside are sent', () => {
  const leases = [leaseAt(MAC_A, '10.20.0.66', 300), leaseAt(MAC_B, '10.20.0.100', 300)];
  const untold = new UnreportedLeases(rackWith(leases));
  untold.add([...leases, ...leases], NOW);
  assert.deepEqual(takeAll(untold), ['10.20.0.66']);
});

test('a lease that has ended or changed since it was added is sent as it is now, or not at all', () => {
  const before = ['10.20.0.66', '10.20.0.67', '10.20.0.68'].map((address) => leaseAt(MAC_A, address, 300));
  const present = [leaseAt(MAC_A, '10.20.0.66', 300, 'released'), leaseAt(MAC_B, '10.20.0.67', 400)];
  const untold = new UnreportedLeases(rackWith(present));
  untold.add(before, NOW);
  assert.deepEqual(
    untold.take(3, NOW).map(({ mac: whose, address }) => [whose, address]),
    [[MAC_B, ip('10.20.0.67')]],
  );
});

test('the last report of a host is that of its newest lease', () => {
  const leases = [leaseAt(MAC_A, '10.20.0.66', 300), leaseAt(MAC_A, '10.20.0.110', 400)];
  const untold = new UnreportedLeases(rackWith(leases));
  untold.add(leases, NOW);
  assert.deepEqual(takeAll(untold), ['10.20.0.66', '10.20.0.110']);
});

test('the lease of a machine that is being deployed is not sent: its system has not started', () => {
  const leases = [leaseAt(MAC_A, '10.20.0.66', 300), leaseAt(MAC_B, '10.20.0.67', 300)];
  const untold = new UnreportedLeases(rackWith(leases, { isDeploying: (one) => one === MAC_A }));
  untold.add(leases, NOW);
  assert.deepEqual(takeAll(untold), ['10.20.0.67']);
});

/** Leases from 10.0.0.0 on, each of which ends a second after the one before. */
const manyLeases = (count: number, macOf: (index: number) => MacAddress = (index) => mac(0x020000000000 + index)) =>
  Array.from({ length: count }, (_, index): Lease => {
    const address: Ipv4 = ipv4(0x0a00_0000 + index);
    return { ...leaseAt(macOf(index), '10.20.0.66', 300 + index), address };
  });

test('LEASES_TOLD_MAX leases wait, those that end last, as many as the region keeps of a rack', async () => {
  assert.equal(LEASES_REPORTED_MAX, HOST_LEASES_MAX);
  const excess = 3000;
  const leases = manyLeases(LEASES_REPORTED_MAX + excess);
  const kept = leases.slice(excess).map(({ address }) => formatIpv4(address));
  for (const given of [leases, [...leases].reverse()]) {
    const untold = new UnreportedLeases(rackWith(given, { findRunningLeases: () => [] }));
    untold.add(given, NOW);
    await untold.addAll(now);
    assert.equal(untold.size, LEASES_REPORTED_MAX);
    assert.deepEqual(takeAll(untold), kept);
  }
});

test('a million dynamic leases are looked at in many turns, and none is kept or sent', async () => {
  const dynamic = { ...leaseAt(MAC_A, '10.20.0.150', 300) };
  const outside = leaseAt(MAC_B, '10.20.0.66', 300);
  let looked = 0;
  const leases = function* (): Generator<Lease> {
    yield outside;
    for (; looked < 1_000_000; looked += 1) yield dynamic;
  };
  const untold = new UnreportedLeases(rackWith([outside], { listLeases: leases }));
  const adding = untold.addAll(now);
  assert.ok(looked < 2000, `${looked} leases in one turn`);
  assert.deepEqual(untold.take(1, NOW), [], 'none is sent before those that end last are known');
  let turns = 0;
  const counting = setInterval(() => {
    turns += 1;
  }, 0);
  await adding;
  clearInterval(counting);
  assert.ok(turns > 0, 'timers ran meanwhile');
  assert.deepEqual([looked, untold.size, ...takeAll(untold)], [1_000_000, 1, '10.20.0.66']);
});
