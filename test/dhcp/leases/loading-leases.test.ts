// The leases of loading machines run on, in virtual time: while a transfer is under way, and until the machine goes quiet.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { isActive, LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import {
  AHEAD_MS,
  CHECK_MS,
  KEPT_PER_CHECK_MAX,
  LOADING_MAX,
  LoadingLeases,
  QUIET_MS,
} from '../../../src/dhcp/leases/loading-leases.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import { type Instant, instant, later, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { config, MAC_A, subnet } from '../lab.ts';

const ADDRESS = ip('10.20.0.100');
const PXE_MS = 30_000;

function rig() {
  const clock = new VirtualClock();
  const table = new LeaseTable();
  const dynamic = { low: ADDRESS, high: ip('10.20.0.199') };
  table.serve(indexSubnets(config(subnet({ dynamic })), undefined).served, new MachineDirectory([]));
  const transfers = new Map<Ipv4, () => Instant>();
  const written: Lease[] = [];
  const disk = { isFull: false };
  const givenAway = new Set<Ipv4>();
  let sequence = 0;
  const apply = (lease: Lease): void => {
    sequence += 1;
    table.apply(lease, sequence);
    table.settle(sequence);
  };
  const loading = new LoadingLeases({
    clock,
    leases: table,
    visitLoading: (visit) => {
      for (const [address, heardAt] of transfers) visit(address, heardAt());
      return transfers.size;
    },
    mayExtend: ({ address }) => !givenAway.has(address),
    store: (leases) => {
      if (disk.isFull) return;
      written.push(...leases);
      for (const lease of leases) apply(lease);
    },
  });
  const give = (address: Ipv4 = ADDRESS, client = MAC_A): Lease => {
    const now = clock.now();
    const lease: Lease = {
      address,
      mac: client,
      state: 'bound',
      grantedAt: now,
      expiresAt: later(now, PXE_MS),
      duration: seconds(PXE_MS / 1000),
    };
    apply(lease);
    return lease;
  };
  const pass = (ms: number): void => {
    for (let gone = 0; gone < ms; gone += 1000) clock.advance(1000);
  };
  const isRunning = (address = ADDRESS): boolean => isActive(table.find(address), clock.now());
  return { clock, table, transfers, written, disk, givenAway, loading, give, apply, pass, isRunning };
}

test('a lease runs on while its machine loads, and ends when it has been quiet', () => {
  const { clock, transfers, written, loading, give, pass, isRunning } = rig();
  const before = give();
  transfers.set(ADDRESS, () => clock.now());
  loading.asked();
  for (let minute = 0; minute < 10; minute += 1) {
    pass(60_000);
    assert.ok(isRunning(), `after ${minute + 1} min`);
  }
  assert.ok(written.length <= 600_000 / (QUIET_MS - AHEAD_MS) + 2, `${written.length} records in ten minutes`);
  const [first] = written;
  assert.deepEqual({ ...first, expiresAt: before.expiresAt }, before, 'nothing but its end has changed');
  transfers.delete(ADDRESS);
  pass(QUIET_MS - 2 * CHECK_MS);
  assert.ok(isRunning(), 'a pause between two files');
  pass(QUIET_MS);
  assert.ok(!isRunning());
  assert.equal(clock.pending, 0, 'and nothing is checked any more');
});

test('a machine that was answered keeps its address until it is quiet', () => {
  const { clock, loading, give, pass, isRunning } = rig();
  give();
  pass(20_000);
  loading.heard(ADDRESS, clock.now());
  pass(PXE_MS);
  assert.ok(isRunning());
  pass(QUIET_MS);
  assert.ok(!isRunning());
});

test('a request alone keeps nothing, because any host can forge one', () => {
  const { clock, transfers, written, loading, give, pass, isRunning } = rig();
  give();
  transfers.set(ip('10.20.0.150'), () => clock.now());
  loading.asked();
  pass(PXE_MS + 1000);
  assert.ok(!isRunning());
  assert.deepEqual(written, []);
});

test('an ended lease runs again, unless it was released or set aside or its address is on offer', () => {
  const ended = rig();
  ended.give();
  ended.pass(PXE_MS + 1000);
  ended.table.expire(ended.clock.now(), 10);
  ended.loading.heard(ADDRESS, ended.clock.now());
  ended.pass(2 * CHECK_MS);
  assert.ok(ended.isRunning());
  for (const state of ['released', 'declined'] as const) {
    const { clock, written, loading, give, apply, pass } = rig();
    const lease = give();
    apply({ ...lease, state, expiresAt: later(clock.now(), state === 'declined' ? 5000 : 0) });
    loading.heard(ADDRESS, clock.now());
    pass(2 * CHECK_MS);
    assert.deepEqual(written, [], state);
  }
  const offered = rig();
  offered.give();
  offered.pass(PXE_MS + 1000);
  offered.table.expire(offered.clock.now(), 10);
  offered.table.pools.onOffered(ADDRESS);
  offered.loading.heard(ADDRESS, offered.clock.now());
  offered.pass(2 * CHECK_MS);
  assert.deepEqual(offered.written, [], 'it is about to be another machine’s');
});

test('a lease that its client could not renew ends, whatever its machine loads', () => {
  const { clock, transfers, written, givenAway, loading, give, pass, isRunning } = rig();
  give();
  transfers.set(ADDRESS, () => clock.now());
  loading.asked();
  pass(60_000);
  assert.ok(isRunning());
  const before = written.length;
  givenAway.add(ADDRESS);
  pass(60_000);
  assert.ok(!isRunning());
  assert.equal(written.length, before);
});

test('a lease is written only if needed; one that a full disk refused is retried', () => {
  const { clock, disk, written, loading, give, apply, pass, isRunning } = rig();
  const lease = give();
  apply({ ...lease, expiresAt: later(clock.now(), 600_000) });
  loading.heard(ADDRESS, clock.now());
  pass(QUIET_MS);
  assert.deepEqual(written, []);
  give();
  loading.heard(ADDRESS, clock.now());
  disk.isFull = true;
  pass(PXE_MS - AHEAD_MS + 4000);
  disk.isFull = false;
  pass(PXE_MS);
  assert.ok(isRunning());
});

test('beyond the bound the longest silent machine is forgotten, and one look writes no more than its limit', () => {
  const { clock, table, written, loading, give, pass, isRunning } = rig();
  const addressAt = (index: number): Ipv4 => ipv4(ip('10.30.0.0') + index);
  for (let index = 0; index <= LOADING_MAX; index += 1) {
    give(addressAt(index), mac(0x525400000000 + index));
    loading.heard(addressAt(index), instant(clock.now()));
  }
  let most = 0;
  for (let look = 0; look < PXE_MS / 1000; look += 1) {
    const before = written.length;
    pass(1000);
    most = Math.max(most, written.length - before);
  }
  assert.equal(most, KEPT_PER_CHECK_MAX);
  pass(1000);
  assert.ok(!isRunning(addressAt(0)), 'it ends by its own time');
  for (let index = 1; index <= LOADING_MAX; index += 1) assert.ok(isRunning(addressAt(index)), `${index}`);
  assert.equal(table.size, LOADING_MAX + 1);
});
