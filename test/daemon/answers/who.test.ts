// Finding the machine that a command line names, and the answer for an unknown one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { findNamedMachine } from '../../../src/daemon/answers/who.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import { instant, seconds } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { Timeline } from '../../../src/observe/timeline.ts';

const STRANGERS: readonly (readonly [string, string, RegExp])[] = [
  [
    'an address that no machine has points to the events',
    '198.51.100.7',
    /^no machine here has the address 198\.51\.100\.7; `rackboot events`/,
  ],
  ['a name that no machine has is not found', 'gateway', /^no machine here is called gateway; /],
  ['an unseen hardware address is reported as such', '52:54:00:12:34:56', /^52:54:00:12:34:56 has not been seen since/],
];

for (const [name, wanted, said] of STRANGERS)
  test(name, () => {
    const sources = { timeline: new Timeline(() => undefined), rack: () => undefined };
    assert.throws(() => findNamedMachine(sources, new URLSearchParams({ machine: wanted })), {
      code: 'not-found',
      message: said,
    });
  });

const ROUTER = mac(0x525400000001);
const STRANGER = mac(0x525400000002);
const RESERVED = ipv4(0x0a140014);
const lease = (address: Ipv4, holder: Lease['mac'], hostname: string): Lease => ({
  address,
  mac: holder,
  hostname,
  state: 'bound',
  grantedAt: instant(0),
  expiresAt: instant(600_000),
  duration: seconds(600),
});

/** A rack with a reservation named gateway, for `entry`, and these leases. */
function rackWith(entry: string, leases: readonly Lease[]) {
  const parsed = parseConfig(`name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.109,
      hosts: [{ ${entry}, ip: 10.20.0.20, hostname: gateway }] }
`);
  assert.ok(parsed.ok);
  const { served } = indexSubnets(parsed.config.dhcp, undefined);
  return {
    served,
    machines: new MachineDirectory([]),
    elsewhere: { findMac: () => undefined },
    leases: () => leases,
    findLease: (address: Ipv4) => leases.find((one) => one.address === address),
  };
}

test('a reserved name belongs to its client, whatever hostnames strangers report', () => {
  const stranger = lease(ipv4(0x0a140064), STRANGER, 'gateway');
  const named = (rack: ReturnType<typeof rackWith>) =>
    findNamedMachine(
      { timeline: new Timeline(() => undefined), rack: () => rack },
      new URLSearchParams({ machine: 'gateway' }),
    ).mac;
  assert.equal(named(rackWith('mac: "52:54:00:00:00:01"', [stranger, lease(RESERVED, ROUTER, 'openwrt')])), ROUTER);
  assert.equal(named(rackWith('mac: "52:54:00:00:00:01"', [stranger])), ROUTER);
  const atPort = { ...lease(RESERVED, ROUTER, 'openwrt'), circuitId: 'eth7' };
  assert.equal(named(rackWith('circuit_id: eth7', [stranger, atPort])), ROUTER);
  assert.throws(() => named(rackWith('circuit_id: eth7', [stranger])), { message: /which no client has taken yet$/ });
});
