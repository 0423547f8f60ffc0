// The addresses of a machine's name, as it is deployed and released.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { nameMachines, nameReservations } from '../../../src/daemon/rack/naming.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { NameReport } from '../../../src/dns/events.ts';
import { Names } from '../../../src/dns/names.ts';
import { formatIpv4, mac } from '../../../src/ground/address.ts';
import { instant, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { ip, rackMachine } from '../../support/lab-facts.ts';

const MAC = mac(0x525400123456);
const FIXED = ip('10.20.0.10');
const DYNAMIC = ip('10.20.0.105');
const NETWORK =
  'cluster_interfaces:\n  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.109 }';

const machine = (
  addresses: RackMachine['addresses'],
  hostname = 'web1',
  more: Partial<RackMachine> = {},
): MachineDirectory => new MachineDirectory([rackMachine({ hostname, macs: [MAC], addresses, ...more })]);

const lease = (address: Lease['address']): Lease => ({
  address,
  mac: MAC,
  state: 'bound',
  grantedAt: instant(0),
  expiresAt: instant(600_000),
  duration: seconds(600),
});

test('a machine’s name moves to its fixed address when it gets one, and back to its lease without one, with no conflict', () => {
  const parsed = parseConfig(`name: rack\n${NETWORK}\n`);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const reports: NameReport[] = [];
  const names = new Names({ serial: 1, report: (report) => reports.push(report) });
  const addresses = (): string[] =>
    (names.find('web1.maas')?.sets ?? []).flatMap(({ records }) =>
      records.map(({ rdata }) => [...rdata].slice(-4).join('.')),
    );
  const leases = [lease(DYNAMIC)];
  nameMachines(names, machine([]), leases, parsed.config);
  assert.deepEqual(addresses(), [formatIpv4(DYNAMIC)]);

  const held = machine([{ mac: MAC, address: FIXED }]);
  nameMachines(names, held, leases, parsed.config);
  assert.deepEqual(addresses(), [formatIpv4(FIXED)]);
  nameMachines(names, held, [...leases, lease(FIXED)], parsed.config);
  assert.deepEqual(addresses(), [formatIpv4(FIXED)]);

  nameMachines(names, machine([]), leases, parsed.config);
  assert.deepEqual(addresses(), [formatIpv4(DYNAMIC)]);
  assert.deepEqual(reports, []);

  // An address that the region took back has no name, though its lease still runs.
  nameMachines(names, machine([]), [...leases, lease(FIXED)], parsed.config);
  assert.deepEqual(addresses(), [formatIpv4(DYNAMIC)]);
  assert.equal(names.find('10.0.20.10.in-addr.arpa'), undefined);
});

/** A name in wire format. */
const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`)),
    Buffer.alloc(1),
  ]);

for (const [what, addresses, address] of [
  ['with a fixed address', [{ mac: MAC, address: FIXED }], FIXED],
  ['with a lease only', [], DYNAMIC],
] as const) {
  test(`a renamed machine ${what} has its new name in both directions immediately, and its old name is gone`, () => {
    const parsed = parseConfig(`name: rack\n${NETWORK}\n`);
    if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
    const reports: NameReport[] = [];
    const names = new Names({ serial: 1, report: (report) => reports.push(report) });
    const pointers = (): string[] => {
      const reverse = `${formatIpv4(address).split('.').toReversed().join('.')}.in-addr.arpa`;
      return (names.find(reverse)?.sets ?? []).flatMap(({ records }) =>
        records.map(({ rdata }) => Buffer.from(rdata).toString('hex')),
      );
    };
    const leases = [lease(address)];
    for (const name of ['web1', 'db1', 'web1']) {
      nameMachines(names, machine(addresses, name), leases, parsed.config);
      const other = name === 'web1' ? 'db1' : 'web1';
      assert.deepEqual(pointers(), [wireName(`${name}.maas`).toString('hex')], name);
      assert.notEqual(names.find(`${name}.maas`), undefined);
      assert.equal(names.find(`${other}.maas`), undefined, `${other} is nobody's name`);
    }
    assert.deepEqual(reports, []);
  });
}

test('a machine named only by its own report takes no client’s name, in either order; a name given by a person does', () => {
  const parsed = parseConfig(`name: rack\n${NETWORK}\n`);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const names = new Names({ serial: 1 });
  const address = (): string => [...(names.find('nas.maas')?.sets[0]?.records[0]?.rdata ?? [])].join('.');
  const nas: Lease = { ...lease(ip('10.20.0.106')), mac: mac(0x525400000077), hostname: 'nas' };
  const reported = machine([], 'nas', { isSelfNamed: true });
  nameMachines(names, new MachineDirectory([]), [nas], parsed.config);
  for (const leases of [
    [nas, lease(DYNAMIC)],
    [lease(DYNAMIC), nas],
  ]) {
    nameMachines(names, reported, leases, parsed.config);
    assert.equal(address(), '10.20.0.106');
  }
  names.leaseGone(ip('10.20.0.106'));
  assert.equal(address(), formatIpv4(DYNAMIC), 'no other client has it');
  nameMachines(names, reported, [lease(DYNAMIC), nas], parsed.config);
  assert.equal(address(), formatIpv4(DYNAMIC), 'the first client keeps it, as among clients');
  names.leaseGone(DYNAMIC);
  nameMachines(names, reported, [nas], parsed.config);
  nameMachines(names, machine([], 'nas'), [nas, lease(DYNAMIC)], parsed.config);
  assert.equal(address(), formatIpv4(DYNAMIC));
});

test('unknown clients and reservations are named only with management 2, known machines always', () => {
  for (const [management, expected] of [
    [2, ['laptop', 'printer', 'web1']],
    [1, ['web1']],
  ] as const) {
    const written = NETWORK.replace('name: lab,', `name: lab, management: ${management},`).replace(
      ' }',
      ', hosts: [{ mac: "52:54:00:00:00:99", ip: 10.20.0.50, hostname: printer }] }',
    );
    const parsed = parseConfig(`name: rack\n${written}\n`);
    if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
    const names = new Names({ serial: 1, report: () => undefined });
    const laptop: Lease = { ...lease(ip('10.20.0.106')), mac: mac(0x525400000077), hostname: 'laptop' };
    nameReservations(names, parsed.config);
    nameMachines(names, machine([]), [lease(DYNAMIC), laptop], parsed.config);
    const found = ['laptop', 'printer', 'web1'].filter((name) => names.find(`${name}.maas`) !== undefined);
    assert.deepEqual(found, expected, `management ${management}`);
  }
});
