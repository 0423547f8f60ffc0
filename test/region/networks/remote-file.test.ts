// What the file of a remote rack says of a network reaches its region whole: machines there get its router, its DNS servers and its MTU, and
// names its domain; no other network gets any of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { describeRack } from '../../../src/daemon/rack/description.ts';
import { parseIpv4 } from '../../../src/ground/address.ts';
import { networkFiles } from '../../../src/region/layout/deployable.ts';
import { subnetOfAddress } from '../../../src/region/networks/network-view.ts';
import { rackInterfaces } from '../../../src/region/records/heartbeat.ts';
import type { RackInterface } from '../../../src/region/records/rack-description.ts';
import { acceptRack, hearRack, RACK_UUID } from '../racks/rack-place.ts';
import { machineAt, withNetworks } from './network-place.ts';

const FILE = `name: rack-2
region: { mode: remote, url: "http://region.example:5240/MAAS" }
cluster_interfaces:
  - name: far
    interface: eth1
    ip: 10.50.0.1
    network: 10.50.0.0/24
    ip_range_low: 10.50.0.100
    ip_range_high: 10.50.0.199
    domain: Far.Example
    dns_servers: [192.0.2.53, 192.0.2.54]
    options: [{ name: interface-mtu, value: 1400 }]
  - { name: quiet, interface: eth2, management: 0, ip: 10.51.0.1, network: 10.51.0.0/24, router_ip: 10.51.0.254, dns_servers: [192.0.2.55] }
  - { name: plain, interface: eth3, ip: 10.52.0.1, network: 10.52.0.0/24, ip_range_low: 10.52.0.9, ip_range_high: 10.52.0.99 }
`;

/** The interfaces of FILE, as they arrive. @param isOlder the rack knows the fields of before */
function reported(isOlder = false): readonly RackInterface[] {
  const parsed = parseConfig(FILE);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const { interfaces } = describeRack(parsed.config, RACK_UUID, '0.1.0');
  const sent: readonly object[] = JSON.parse(JSON.stringify(interfaces));
  const newer = ['domain', 'dns_servers', 'mtu'];
  const without = (entry: object) => Object.fromEntries(Object.entries(entry).filter(([key]) => !newer.includes(key)));
  return rackInterfaces.parse(isOlder ? sent.map(without) : sent);
}

test('a rack reports what its file has of a network, with DHCP or without, and no default', () => {
  const [far, quiet, plain] = reported();
  assert.deepEqual([far?.domain, far?.dns_servers, far?.mtu], ['far.example', ['192.0.2.53', '192.0.2.54'], 1400]);
  assert.deepEqual([quiet?.router_ip, quiet?.dns_servers], ['10.51.0.254', ['192.0.2.55']]);
  assert.deepEqual(
    Object.keys(plain ?? {}).filter((key) => ['domain', 'dns_servers', 'mtu', 'mode'].includes(key)),
    [],
  );
});

const NETPLANS: readonly (readonly [name: string, address: string, isOlder: boolean, found: RegExp, absent: RegExp])[] =
  [
    [
      'with DNS servers and an MTU',
      '10.50.0.9',
      false,
      /mtu: 1400\n.*\[192\.0\.2\.53, 192\.0\.2\.54\]/s,
      /10\.50\.0\.1\b/,
    ],
    ['of an older rack', '10.50.0.9', true, /addresses: \[10\.50\.0\.1\]/, /mtu|192\.0\.2/],
    ['without DHCP', '10.51.0.9', false, /via: 10\.51\.0\.254 .*\[192\.0\.2\.55\]/s, /mtu/],
    ['beside that one', '10.52.0.9', false, /addresses: \[10\.52\.0\.1\]/, /mtu|192\.0\.2/],
    ['of another rack', '10.20.0.20', false, /addresses: \[10\.20\.0\.1\]/, /mtu|192\.0\.2/],
  ];
for (const [name, address, isOlder, found, absent] of NETPLANS) {
  test(`a machine in a network ${name} gets what the file has of it`, () =>
    withNetworks(async (_ask, place) => {
      const { region, store } = place;
      await acceptRack(region, { interfaces: [] });
      const pinned = ['far', 'quiet', 'plain'].map((one) => `cluster_interfaces.${one}`);
      await hearRack(region, RACK_UUID, reported(isOlder), { pinned });
      const machine = await store.findMachine(await machineAt(place, [address]));
      const networks = await region.networks.look();
      const at = parseIpv4(address) ?? assert.fail();
      const subnetId = subnetOfAddress(networks, at)?.subnet.id;
      const [nic] = machine?.interfaces ?? [];
      assert.ok(machine !== undefined && nic !== undefined && subnetId !== undefined);
      const laid = {
        id: nic.id,
        kind: 'physical' as const,
        name: 'eno1',
        mac: nic.mac,
        parents: [],
        tags: [],
        params: {},
      };
      const link = { id: 1, interfaceId: nic.id, mode: 'static' as const, subnetId, address: at };
      const layout = { next: 2, network: { interfaces: [laid], links: [link] } };
      const files = networkFiles({ ...machine, layout }, networks, 'netplan', false);
      const netplan = files?.map(({ text }) => text).join('');
      assert.match(netplan ?? '', found);
      assert.doesNotMatch(netplan ?? '', absent);
    }));
}
