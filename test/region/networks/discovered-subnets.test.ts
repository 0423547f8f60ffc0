// Subnets that are here because a rack's host is in them, as in MAAS: which networks count, what a person may do with one, and whom they give way to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DISCOVERED_NETWORKS_MAX } from '../../../src/region/networks/rack-hosts.ts';
import { reconcile } from '../../../src/region/networks/reconcile.ts';
import type { HostAddress } from '../../../src/region/records/rack-description.ts';
import type { Region } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import {
  acceptRack,
  digestOf,
  hearRack,
  OTHER_UUID,
  RACK_UUID,
  rackInterface,
  register,
  registration,
} from '../racks/rack-place.ts';
import { type Ask, LAB, OWN_UUID, withNetworks } from './network-place.ts';

const CIDR = '10.30.0.0/24';
const ROUTER = '10.30.0.254';
const at = (nic: string, address: string, router?: string): HostAddress => ({ interface: nic, address, router });

const report = (region: Region, ...addresses: readonly HostAddress[]) =>
  region.racks.putOwn({ uuid: OWN_UUID, name: 'maas', version: '0.1.0', interfaces: [], pinned: [], addresses });

/** Nothing is written again while nothing changes. */
async function isSettled({ store, networks }: Region): Promise<boolean> {
  const view = await networks.look();
  return reconcile(await store.networks.list(), view).change === undefined;
}

const listed = async (ask: Ask): Promise<readonly string[]> =>
  (await ask('GET', '2.0/subnets/')).json.map(({ cidr }: { readonly cidr: string }) => cidr);
const read = async (ask: Ask, cidr = CIDR): Promise<Record<string, unknown>> =>
  (await ask('GET', `2.0/subnets/${encodeURIComponent(cidr)}/`)).json;

test('the networks of hosts that machines can be in are subnets, and go with the last address in them', () =>
  withNetworks(async (ask, { region }) => {
    await report(
      region,
      at('eth0', '192.0.2.5/24'),
      at('virbr0', '192.168.122.1/24'),
      at('docker0', '172.17.0.1/16'),
      at('br-0123456789ab', '172.18.0.1/16'),
      at('eth3', '169.254.7.7/16'),
      at('wg0', '10.99.0.1/32'),
      at('eth4', '192.0.2.200/25'),
    );
    assert.deepEqual(await listed(ask), ['192.0.2.0/24', '192.168.122.0/24'], 'the first of two that overlap');
    assert.ok(await isSettled(region));
    await register(region, registration());
    await report(region, at('eth4', '192.0.2.200/25'));
    assert.deepEqual(await listed(ask), ['192.0.2.128/25']);
    await acceptRack(region);
    await hearRack(region, RACK_UUID, [], { addresses: [at('eth1', '10.50.0.1/24')] });
    assert.deepEqual((await listed(ask)).toSorted(), ['10.50.0.0/24', '192.0.2.128/25']);
  }, {}));

test('a discovered subnet says so, and has the router of the host until a person or a cluster interface decides', () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth1', '10.30.0.1/24'));
    const found = await read(ask);
    assert.deepEqual([found.name, found.gateway_ip, found.is_discovered, found.description], [CIDR, null, true, '']);
    await report(region, at('eth1', '10.30.0.1/24', ROUTER));
    assert.equal((await read(ask)).gateway_ip, ROUTER);
    const bounds = { ip_range_low: '10.30.0.100', ip_range_high: '10.30.0.199' };
    const served = { interface: 'eth1', ip: '10.30.0.1', network: CIDR, management: 2, ...bounds };
    const edits = (value: typeof served | undefined) => [{ key: 'cluster_interfaces.lab', value }];
    assert.equal(await region.settings.change(OWN_UUID, edits(served), 'admin'), undefined);
    assert.ok(await isSettled(region));
    const { gateway_ip: router, is_discovered: isDiscovered, id, name } = await read(ask);
    assert.deepEqual(
      [router, isDiscovered, id, name],
      [null, undefined, found.id, 'maas-lab'],
      'the rack hands out none',
    );
    assert.equal(await region.settings.change(OWN_UUID, edits(undefined), 'admin'), undefined);
    assert.deepEqual(await read(ask), { ...found, gateway_ip: ROUTER });
    assert.ok(await isSettled(region));
    const changed = await assertStatus(ask('PUT', `2.0/subnets/${found.id}/`, { gateway_ip: '' }), 200);
    assert.deepEqual([changed.json.gateway_ip, changed.json.is_discovered], [null, undefined]);
    assert.equal((await read(ask)).gateway_ip, null);
  }, {}));

test('the network of a tagged interface is in its VLAN, which goes with it unless somebody makes it', () =>
  withNetworks(async (ask, { region }) => {
    const places = async () => {
      const { json } = await ask('GET', '2.0/fabrics/');
      return json[0].vlans.map(({ vid, name }: { readonly vid: number; readonly name: string }) => [vid, name]);
    };
    const vidOf = async (cidr: string) => Object(await read(ask, cidr)).vlan.vid;
    await report(
      region,
      at('eth1', '10.20.0.1/24'),
      at('eth1.100', '10.30.0.1/24', ROUTER),
      at('eth1.9999', '10.31.0.1/24'),
    );
    assert.deepEqual(
      [await vidOf('10.20.0.0/24'), await vidOf(CIDR), await vidOf('10.31.0.0/24')],
      [0, 100, 0],
      'there is no VLAN 9999',
    );
    assert.deepEqual(await places(), [
      [0, 'untagged'],
      [100, '100'],
    ]);
    assert.ok(await isSettled(region));
    await report(region, at('eth1', '10.30.0.1/24'));
    assert.equal(await vidOf(CIDR), 0);
    assert.deepEqual(await places(), [[0, 'untagged']]);
    await report(region, at('bond0.100', '10.30.0.1/24'));
    const vlans = '2.0/fabrics/fabric-0/vlans/';
    const made = await assertStatus(ask('POST', vlans, { vid: '100', name: 'cameras' }), 200);
    assert.equal(made.json.id, Object(await read(ask)).vlan.id);
    for (const vid of ['0', '100']) await assertStatus(ask('POST', vlans, { vid }), 400);
    await report(region);
    assert.deepEqual(await listed(ask), []);
    assert.deepEqual((await places()).at(-1), [100, 'cameras']);
    assert.ok(await isSettled(region));
  }, {}));

test('a VLAN has the same id again after its interface was away, and another if somebody has its id elsewhere', () =>
  withNetworks(async (ask, { region }) => {
    const tagged = at('eth1.100', '10.30.0.1/24');
    const idOf = async () => Object(await read(ask)).vlan.id;
    await report(region, tagged);
    const id = await idOf();
    assert.equal(id, 100);
    await report(region);
    assert.deepEqual(await listed(ask), []);
    await report(region, tagged);
    assert.equal(await idOf(), id);
    await assertStatus(ask('PUT', `2.0/vlans/${id}/`, { vid: '200' }), 200);
    await report(region);
    await report(region, tagged);
    assert.ok((await idOf()) > 5001);
    assert.ok(await isSettled(region));
  }, {}));

test('a VLAN of a tagged interface stays with what somebody makes in it', () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth1.100', '10.30.0.1/24', ROUTER));
    const { id, vlan } = Object(await read(ask));
    await assertStatus(ask('DELETE', `2.0/vlans/${vlan.id}/`), 409);
    const range = { type: 'dynamic', start_ip: '10.30.0.100', end_ip: '10.30.0.199' };
    await assertStatus(ask('POST', '2.0/ipranges/', range), 200);
    await assertStatus(ask('PUT', `2.0/vlans/${vlan.id}/`, { dhcp_on: true, primary_rack: 'maas' }), 200);
    const [entry] = region.settings.interfacesOf(OWN_UUID);
    assert.deepEqual([entry?.name, entry?.interface], ['eth1-100', 'eth1.100']);
    const served = Object(await read(ask));
    assert.deepEqual([served.id, served.vlan.vid, served.vlan.dhcp_on], [id, 100, true]);
  }, {}));

test('a VLAN stays with a cluster interface that is not in force', () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth1.100', '10.30.0.1/24'));
    const { vlan } = Object(await read(ask));
    const value = { interface: 'eth1', ip: '10.30.0.2', network: CIDR, management: 0 };
    const edits = [{ key: 'cluster_interfaces.far', value }];
    assert.equal(await region.settings.change(OTHER_UUID, edits, 'admin'), undefined);
    await report(region);
    assert.deepEqual(await listed(ask), []);
    await assertStatus(ask('DELETE', `2.0/vlans/${vlan.id}/`), 409);
    await region.settings.load();
    assert.deepEqual(region.settings.stored(OTHER_UUID, 'cluster_interfaces.far.ip'), '10.30.0.2');
  }, {}));

test("MAAS 2's usual script runs: a range in the discovered subnet, then dhcp_on", () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth0', '192.0.2.5/24'), at('eth1', '10.30.0.1/24', ROUTER));
    const subnet = (await ask('GET', `2.0/subnets/${encodeURIComponent(CIDR)}/`)).json;
    const range = { type: 'dynamic', start_ip: '10.30.0.100', end_ip: '10.30.0.199' };
    await assertStatus(ask('POST', '2.0/ipranges/', range), 200);
    const vlan = `2.0/fabrics/${subnet.vlan.fabric_id}/vlans/${subnet.vlan.vid}/`;
    await assertStatus(ask('PUT', vlan, { dhcp_on: true, primary_rack: 'maas' }), 200);
    const [entry] = region.settings.interfacesOf(OWN_UUID);
    assert.deepEqual([entry?.interface, entry?.ip_range_low, entry?.router_ip], ['eth1', '10.30.0.100', ROUTER]);
  }, {}));

test('a person makes a subnet of a discovered network, once, or one that overlaps it', () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth1', '10.30.0.1/24'));
    assert.deepEqual(await listed(ask), [CIDR]);
    const made = await assertStatus(ask('POST', '2.0/subnets/', { cidr: CIDR, name: 'cameras' }), 200);
    assert.deepEqual([made.json.name, made.json.is_discovered], ['cameras', undefined]);
    const again = await ask('POST', '2.0/subnets/', { cidr: CIDR });
    assert.deepEqual([again.status, Object.keys(again.json)], [400, ['cidr']]);
    await assertStatus(ask('DELETE', `2.0/subnets/${made.json.id}/`), 204);
    assert.deepEqual([await listed(ask), (await read(ask)).name], [[CIDR], CIDR], 'as in MAAS, it is found again');
    await assertStatus(ask('POST', '2.0/subnets/', { cidr: '10.30.0.0/16' }), 200);
    assert.deepEqual(await listed(ask), ['10.30.0.0/16']);
  }, {}));

test('what a person put into a discovered subnet keeps it, and a cluster interface that overlaps it ends it', () =>
  withNetworks(
    async (ask, { region }) => {
      await report(region, at('eth1', '10.30.0.1/24'), at('eth2', '10.20.0.1/25'));
      assert.deepEqual(await listed(ask), ['10.20.0.0/24', CIDR], 'the rack serves a wider one');
      const range = { type: 'reserved', start_ip: '10.30.0.5', end_ip: '10.30.0.9' };
      await assertStatus(ask('POST', '2.0/ipranges/', range), 200);
      assert.equal((await read(ask)).is_discovered, undefined);
      await report(region);
      assert.deepEqual(await listed(ask), ['10.20.0.0/24', CIDR]);
    },
    { lab: LAB },
  ));

test('the host of a remote rack adds a few networks that nobody has, and the gateway of those alone', () =>
  withNetworks(async (ask, { region }) => {
    await report(region, at('eth0', '192.0.2.5/24'));
    await acceptRack(region, { interfaces: [] });
    const hear = (...addresses: readonly HostAddress[]) => hearRack(region, RACK_UUID, [], { addresses });
    const gateways = async () => {
      const { json } = await ask('GET', '2.0/subnets/');
      return json.map((subnet: Record<string, unknown>) => [subnet.cidr, subnet.gateway_ip]).toSorted();
    };
    const own = ['192.0.2.0/24', null];
    for (const [name, found, addresses] of [
      ['a router', [['10.30.0.0/24', ROUTER]], [at('e', '10.30.0.1/24', ROUTER)]],
      ['a router elsewhere', [['10.30.0.0/24', null]], [at('e', '10.30.0.1/24', '10.31.0.1')]],
      ['itself as router', [['10.30.0.0/24', null]], [at('e', '10.30.0.1/24', '10.30.0.1')]],
      ['a router between two hosts', [['10.30.0.0/31', null]], [at('e', '10.30.0.0/31', '10.30.0.1')]],
      ['a wide network', [], [at('e', '172.16.0.1/12', '172.16.0.2')]],
      ['a network of the embedded rack’s host, with a router', [], [at('e', '192.0.2.7/24', '192.0.2.66')]],
      ['a part of it', [], [at('e', '192.0.2.7/25', '192.0.2.66')]],
    ] as const) {
      await hear(...addresses);
      assert.deepEqual(await gateways(), [...found, own], name);
      assert.ok(await isSettled(region), name);
    }
    await hear(...Array.from({ length: 100 }, (_, index) => at('e', `172.16.${index}.1/24`)));
    assert.equal((await listed(ask)).length, 1 + DISCOVERED_NETWORKS_MAX);
    await hear(...Array.from({ length: 9 }, (_, index) => at('e', `10.${index}.0.1/16`)));
    assert.equal((await listed(ask)).length, 1 + 4, 'four /16 in all');
    await hearRack(region, RACK_UUID, [rackInterface('10.60.0.0/16')], {
      addresses: Array.from({ length: 9 }, (_, index) => at('e', `10.${index}.0.1/16`)),
    });
    assert.equal((await listed(ask)).length, 1 + 4, 'with those that it serves');
    await acceptRack(
      region,
      registration({
        uuid: OTHER_UUID,
        name: 'rack-3',
        interfaces: [],
        key: { kind: 'own', token: 'token-of-rack-3', secretDigest: digestOf('secret of rack-3') },
      }),
    );
    await hear(at('e', '10.30.0.1/24'));
    await hearRack(region, OTHER_UUID, [], { addresses: [at('e', '10.30.0.2/24', ROUTER)] });
    assert.deepEqual(await gateways(), [['10.30.0.0/24', null], own], 'the first rack has the network');
    const { rackHosts } = await region.networks.look();
    assert.equal(rackHosts.length, 3, 'the second rack has its own address there');
  }, {}));
