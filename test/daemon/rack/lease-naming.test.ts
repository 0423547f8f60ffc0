// A changed machine touches only its own leases and those of strangers affected by its name. The result equals naming everything from
// scratch.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { LeaseNaming, TURN_LEASES } from '../../../src/daemon/rack/lease-naming.ts';
import { nameMachines } from '../../../src/daemon/rack/naming.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { isActive, LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import { Names } from '../../../src/dns/names.ts';
import { type Ipv4, ipv4, type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { ip, rackMachine } from '../../support/lab-facts.ts';
import { printedRandom } from '../../support/printed-random.ts';

const NOW = instant(1_700_000_000_000);
const FIRST = ip('10.20.1.0');

const parsed = parseConfig(`name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/16, ip_range_low: 10.20.1.0, ip_range_high: 10.20.200.0, domain: here }
  - { name: far, relayed: true, management: 1, network: 10.30.0.0/16, ip_range_low: 10.30.0.10, ip_range_high: 10.30.0.250, dns_servers: [10.20.0.1] }
`);
const config = parsed.ok ? parsed.config : assert.fail(JSON.stringify(parsed.problems));

/** Counts how often each lease is named. */
class CountingNames extends Names {
  bound = 0;
  override leaseBound(...args: Parameters<Names['leaseBound']>): boolean {
    this.bound += 1;
    return super.leaseBound(...args);
  }
}

/** A table that counts full iterations. */
class CountingTable extends LeaseTable {
  walks = 0;
  override *records(): Generator<Lease, void> {
    this.walks += 1;
    yield* super.records();
  }
  override all(): readonly Lease[] {
    this.walks += 1;
    return super.all();
  }
}

const macOf = (index: number): MacAddress => mac(0x525400000000 + index);
const lease = (index: number, hostname?: string): Lease => ({
  address: ipv4(FIRST + index),
  mac: macOf(index),
  state: 'bound',
  grantedAt: NOW,
  expiresAt: later(NOW, 600_000),
  duration: seconds(600),
  hostname,
});
const machine = (index: number, hostname: string, addresses: readonly Ipv4[] = []): RackMachine =>
  rackMachine({
    systemId: `m${index}`,
    hostname,
    macs: [macOf(index)],
    addresses: addresses.map((address) => ({ mac: macOf(index), address })),
  });

function rig() {
  const table = new CountingTable();
  const names = new CountingNames({ serial: 1 });
  const naming = new LeaseNaming(names, {
    list: () => table.all().filter((one) => isActive(one, NOW)),
    find: (address) => {
      const found = table.find(address);
      return isActive(found, NOW) ? found : undefined;
    },
    findByMacs: (macs) => table.findRunning(macs, NOW),
  });
  return { table, names, naming };
}

test('renaming a machine renames its own lease, and strangers with its old and new names', () => {
  const { table, names, naming } = rig();
  const leases = Array.from({ length: 2000 }, (_, index) => lease(index, `host-${index}`));
  table.load(leases, NOW);
  const none = new MachineDirectory([]);
  const first = new MachineDirectory([machine(5, 'host-7')]);
  const second = new MachineDirectory([machine(5, 'host-9')]);
  void naming.configure(config);
  for (const [after, expected] of [
    [first, ['host-7.maas', 'host-8.here', 'host-9.here']],
    [second, ['host-7.here', 'host-8.here', 'host-9.maas']],
    [none, ['host-5.here', 'host-7.here', 'host-8.here', 'host-9.here']],
  ] as const) {
    [names.bound, table.walks] = [0, 0];
    naming.setMachines(after);
    assert.ok(names.bound <= 6, `${names.bound} leases were named`);
    assert.equal(table.walks, 0);
    const asked = [5, 7, 8, 9].flatMap((index) => [`host-${index}.here`, `host-${index}.maas`]);
    assert.deepEqual(asked.filter((name) => names.find(name) !== undefined).toSorted(), expected);
  }
  // Setting the same machines again affects no lease.
  [names.bound, table.walks] = [0, 0];
  naming.setMachines(new MachineDirectory([]));
  assert.deepEqual([names.bound, table.walks], [0, 0]);
});

test('after a restart, the client that had a name first keeps it, with any addresses and renewals', () => {
  const { table, names, naming } = rig();
  const since = (index: number, namedMs: number, grantedMs: number): Lease => ({
    ...lease(index, 'fileserver'),
    namedAt: later(NOW, -namedMs),
    grantedAt: later(NOW, -grantedMs),
  });
  table.load([since(1, 60_000, 0), since(2, 30_000, 20_000), since(3, 90_000, 10_000)], NOW);
  void naming.configure(config);
  const records = names.find('fileserver.here')?.sets.flatMap((set) => set.records) ?? [];
  assert.deepEqual(
    records.map(({ rdata }) => [...rdata]),
    [[10, 20, 1, 3]],
  );
});

test('a lease in the home network has its machine’s name; one elsewhere has it only if the home lease is not running', () => {
  const { table, names, naming } = rig();
  const home = lease(5);
  const stray: Lease = { ...home, address: ip('10.30.0.10'), grantedAt: later(NOW, 1000) };
  const named = (): readonly string[] =>
    (names.find('web.maas')?.sets ?? []).flatMap(({ records }) =>
      records.map(({ rdata }) => [...rdata].slice(-4).join('.')),
    );
  void naming.configure(config);
  naming.setMachines(new MachineDirectory([{ ...machine(5, 'web'), home: home.address }]));
  const steps: readonly (readonly [string, readonly Lease[], string])[] = [
    ['elsewhere alone', [stray], '10.30.0.10'],
    ['the one at home begins', [stray, home], '10.20.1.5'],
    ['the lease elsewhere is newer', [home, stray], '10.20.1.5'],
  ];
  for (const [what, leases, expected] of steps) {
    for (const one of leases) {
      table.load([one], NOW);
      naming.lease(one);
    }
    assert.deepEqual(named(), [expected], what);
  }
  table.load([{ ...home, state: 'released' }], NOW);
  naming.removeName(home.address, home.mac);
  assert.deepEqual(named(), ['10.30.0.10'], 'the lease at home ended');
  // The same result as naming everything from scratch.
  table.load([home], NOW);
  naming.lease(home);
  const fresh = new Names({ serial: 1 });
  nameMachines(fresh, new MachineDirectory([{ ...machine(5, 'web'), home: home.address }]), [home, stray], config);
  assert.deepEqual(fresh.find('web.maas')?.sets, names.find('web.maas')?.sets);
  // The region sets its home after both leases run.
  naming.setMachines(new MachineDirectory([{ ...machine(5, 'web'), home: stray.address }]));
  assert.deepEqual(named(), ['10.30.0.10'], 'its home is the other network');
});

test('a new configuration names a bounded number of leases per turn; one without changes to names touches none', async () => {
  const { table, names, naming } = rig();
  table.load(
    Array.from({ length: 2000 }, (_, index) => lease(index, `host-${index}`)),
    NOW,
  );
  await naming.configure(config);
  assert.equal(forward(names).length, 2000);
  names.bound = 0;
  await naming.configure({ ...config, name: 'other', boot: { ...config.boot } });
  assert.equal(names.bound, 0);

  const [mostOf, others] = [
    { ...config, clusterInterfaces: config.clusterInterfaces.map((one) => ({ ...one, management: 1 as const })) },
    { ...config, dhcp: { ...config.dhcp, subnets: config.dhcp.subnets.map((one) => ({ ...one, domain: 'there' })) } },
  ];
  let most = 0;
  let isOver = false;
  const turn = (): void => {
    most = Math.max(most, names.bound);
    names.bound = 0;
    if (!isOver) setImmediate(turn);
  };
  turn();
  await naming.configure(mostOf);
  assert.deepEqual(forward(names), []);
  // A change during another one: the newer one counts.
  const left = naming.configure(config);
  await naming.configure(others);
  await left;
  isOver = true;
  assert.equal(forward(names).length, 2000);
  assert.ok(forward(names).every((name) => name.endsWith('.there')));
  // The end of one change and the beginnings of two may share a turn.
  assert.ok(most <= 3 * TURN_LEASES, `${most} leases were named in one turn`);
});

test('after any changes of machines and leases, the names equal those of naming everything from scratch', () => {
  const pick = printedRandom('names of leases and machines');
  const chance = (percent: number): boolean => pick(100) < percent;
  const label = (): string => `n${pick(6)}`;
  for (let round = 0; round < 60; round += 1) {
    const { table, names, naming } = rig();
    let machines = new MachineDirectory([]);
    void naming.configure(config);
    for (let step = 0, sequence = 1; step < 40; step += 1) {
      const index = pick(12);
      if (chance(50)) {
        const next = { ...lease(index, chance(70) ? label() : undefined), mac: macOf(pick(12)) };
        table.apply(chance(20) ? { ...next, state: 'released' } : next, sequence);
        table.settle(sequence);
        sequence += 1;
        const now = table.find(next.address);
        if (now?.state === 'bound') naming.lease(now);
        else naming.removeName(next.address);
      } else {
        const others = machines.all.filter(({ systemId }) => systemId !== `m${index}`);
        const own = chance(30) ? [ipv4(FIRST + pick(12))] : [];
        const after = new MachineDirectory(chance(30) ? others : [...others, machine(index, label(), own)]);
        naming.setMachines(after);
        machines = after;
      }
    }
    const fresh = new Names({ serial: 1 });
    nameMachines(
      fresh,
      machines,
      table.all().filter((one) => isActive(one, NOW)),
      config,
    );
    assert.deepEqual(forward(names), forward(fresh), `round ${round}`);
  }
});

/** The names with addresses. Which of two strangers with one name has it depends on which came first. */
const forward = (names: Names): readonly string[] =>
  Array.from(names.nodes(), ({ name }) => name)
    .filter((name) => !name.endsWith('.arpa'))
    .toSorted();
