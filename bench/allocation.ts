// Measures the cost of choosing an address in an empty /16 and in one with a single free address, and the memory of a lease.
//
//   fill the ranges ─ warm up ─ (ROUNDS times) choose for CHOICES unknown clients, in each range ─ medians
//   collect garbage ─ heap ─ LEASES records into a table ─ collect garbage ─ heap
//
// 1. Only the allocator runs, in one process: no message is decoded, no socket is open, nothing is stored.
// 2. Every choice is for a new, unknown client; the chosen address is checked.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { chooseAddress } from '../src/dhcp/leases/allocate.ts';
import type { Lease } from '../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../src/dhcp/leases/lease-table.ts';
import { Offers } from '../src/dhcp/leases/offers.ts';
import type { DhcpConfig } from '../src/dhcp/networks/config.ts';
import { indexSubnets } from '../src/dhcp/networks/subnet.ts';
import { computeBroadcastAddress, type Ipv4, ipv4, mac, networkWithPrefix } from '../src/ground/address.ts';
import { instant, later, seconds, systemClock } from '../src/ground/clock.ts';
import { MachineDirectory } from '../src/machines/directory.ts';
import type { Benchmark } from './benchmark.ts';
import { Figures, RACKBOOT } from './figure.ts';

const ROUNDS = 9;
const CHOICES = 50_000;
const LEASES = 1_000_000;
const NOW = instant(1_000_000_000);
const NETWORK = networkWithPrefix(ipv4(0x0a010000), 16);
const RANGE = { low: ipv4(0x0a010010), high: ipv4(0x0a01fff0) };
/** The one free address, in the middle. */
const LEFT = ipv4(0x0a018000);
const NOBODY = new MachineDirectory([]);

const CONFIG: DhcpConfig = {
  subnets: [
    {
      name: 'bench',
      interfaceName: 'eth1',
      serverAddress: ipv4(0x0a010001),
      network: NETWORK,
      broadcast: computeBroadcastAddress(NETWORK),
      dynamic: RANGE,
      domain: 'maas',
      dnsServers: [],
      ntpServers: [],
      leaseTime: seconds(600),
      reservations: [],
    },
  ],
  serverPort: 67,
  clientPort: 68,
};

/** The benchmark of choosing addresses and of memory. */
export const allocationBenchmark: Benchmark = {
  what: 'allocation',
  notes: [
    'The allocator alone, in one process and in memory: no datagram, no disk. An unknown client gets an address of a /16.',
    'Memory: the growth of the heap for one record in the lease table, indexed by address and by client, with its strings.',
  ],
  async run() {
    const figures = new Figures();
    const places = [
      { metric: 'choice, empty /16', place: placeWith([]), expected: undefined },
      { metric: 'choice, /16 full but for one', place: placeWith(leasesBut(LEFT)), expected: LEFT },
      { metric: 'choice, /16 full, oldest ended lease', place: placeWith(endedLeases()), expected: LEFT },
    ];
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const { metric, place, expected } of places) {
        const value = choose(place, expected, round);
        if (round >= 0) figures.add(RACKBOOT, [{ metric, unit: 'ns', value }]);
      }
    }
    figures.add(RACKBOOT, [
      { metric: 'memory, plain lease', unit: 'B', value: bytesEach({}) },
      { metric: 'memory, lease with names and circuit', unit: 'B', value: bytesEach(NAMES) },
    ]);
    return figures.results();
  },
};

type Place = ReturnType<typeof placeWith>;

function placeWith(leases: readonly Lease[]) {
  const table = new LeaseTable();
  const { served } = indexSubnets(CONFIG, undefined);
  table.load(leases, NOW);
  table.serve(served, NOBODY);
  const [network] = served;
  if (network === undefined) throw new Error('no network is served');
  return { network, facts: { leases: table, offers: new Offers(table.pools), machines: NOBODY } };
}

/** @returns nanoseconds per choice */
function choose({ network, facts }: Place, expected: Ipv4 | undefined, round: number): number {
  const from = 0x0200_0000_0000 + (round + 1) * CHOICES;
  const startedAt = systemClock.now();
  for (let count = 0; count < CHOICES; count += 1) {
    const chosen = chooseAddress(network, { mac: mac(from + count) }, undefined, facts, NOW);
    if (chosen.kind !== 'address' || (expected !== undefined && chosen.address !== expected)) {
      throw new Error(`a wrong choice: ${JSON.stringify(chosen)}`);
    }
  }
  return ((systemClock.now() - startedAt) / CHOICES) * 1e6;
}

function lease(address: number, endsInS: number, more: Partial<Lease> = {}): Lease {
  const grantedAt = later(NOW, (endsInS - 600) * 1000);
  const expiresAt = later(grantedAt, 600_000);
  const held = { address: ipv4(address), mac: mac(0x5254_0000_0000 + address), state: 'bound' } as const;
  return { ...held, grantedAt, expiresAt, duration: seconds(600), ...more };
}

const addresses = (): readonly number[] =>
  Array.from({ length: RANGE.high - RANGE.low + 1 }, (_, index) => RANGE.low + index);
const leasesBut = (left: Ipv4): readonly Lease[] =>
  addresses().flatMap((address) => (address === left ? [] : [lease(address, 300)]));
/** All leases have expired, that of LEFT first. */
const endedLeases = (): readonly Lease[] =>
  addresses().map((address) => lease(address, address === LEFT ? -100_000 : -(address % 10_000)));

const NAMES = {
  hostname: 'swift-fox',
  clientId: '1234567',
  vendorClass: 'PXEClient:Arch:00007',
  circuitId: 'ge-0/0/1',
};

/** Heap bytes per record, of LEASES records. */
function bytesEach(more: Partial<Record<keyof typeof NAMES, string>>): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('garbage cannot be collected');
  collect();
  const before = process.memoryUsage().heapUsed;
  const table = new LeaseTable();
  table.load(records(more), NOW);
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  // Referenced until here.
  if (table.size !== LEASES) throw new Error(`${table.size} records instead of ${LEASES}`);
  return grown / LEASES;
}

function* records(more: Partial<Record<keyof typeof NAMES, string>>): Generator<Lease> {
  for (let count = 0; count < LEASES; count += 1) {
    // As decoded from a message: a separate string for each lease.
    const texts = Object.fromEntries(Object.entries(more).map(([key, text]) => [key, `${text}${count}`]));
    yield lease(0x0a00_0000 + count, 1 + (count % 600), texts);
  }
}
