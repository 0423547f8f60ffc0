// A machine's interfaces as clients of API 2.0 read them: the exact keys and types that gomaasapi and Terraform's provider demand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { FIRST_MAC, keysOf, SECOND_MAC, SUBNET_ID, withCallers } from './callers-place.ts';

/** The keys of MAAS's interfaces, and `driver`, which is Rackboot's own. */
const INTERFACE_KEYS =
  'id name type enabled mac_address system_id vlan links parents children effective_mtu tags params discovered link_connected link_speed ' +
  'interface_speed product driver vendor firmware_version numa_node sriov_max_vf resource_uri';
const VLAN_KEYS =
  'id name description vid mtu fabric fabric_id space dhcp_on external_dhcp primary_rack secondary_rack relay_vlan resource_uri';
const SUBNET_KEYS =
  'id name space description cidr vlan gateway_ip dns_servers rdns_mode allow_dns allow_proxy active_discovery managed ' +
  'disabled_boot_architectures resource_uri';

const sorted = (keys: string): readonly string[] => keys.split(' ').toSorted();
const VLAN = {
  id: 5001,
  name: 'untagged',
  vid: 0,
  mtu: 1500,
  fabric: 'fabric-0',
  fabric_id: 0,
  dhcp_on: true,
};

test('the interfaces of a machine are listed with every key, at both paths and in the machine alike', () =>
  withCallers(async ({ ask, systemId }) => {
    const { json: list } = await ask('alice', 'GET', `nodes/${systemId}/interfaces/`);
    assert.equal(list.length, 2);
    const [first, second] = list;
    for (const one of list) {
      assert.deepEqual(keysOf(one), sorted(INTERFACE_KEYS));
      assert.deepEqual(keysOf(one.vlan), sorted(VLAN_KEYS));
      for (const key of ['tags', 'links', 'parents', 'children', 'discovered']) assert.ok(Array.isArray(one[key]), key);
      for (const key of ['id', 'effective_mtu', 'link_speed', 'numa_node'])
        assert.equal(typeof one[key], 'number', key);
    }
    assert.deepEqual({ ...first.vlan, ...VLAN }, first.vlan);
    assert.deepEqual([first.name, first.type, first.mac_address], ['eno1', 'physical', FIRST_MAC]);
    assert.deepEqual([second.name, second.mac_address, second.link_speed], ['eno2', SECOND_MAC, 0]);
    assert.equal(first.resource_uri, `/MAAS/api/2.0/nodes/${systemId}/interfaces/${first.id}/`);
    assert.deepEqual((await ask('alice', 'GET', `machines/${systemId}/interfaces/`)).json, list);
    const { json: machine } = await ask('alice', 'GET', `machines/${systemId}/`);
    assert.deepEqual(machine.interface_set, list);
    assert.deepEqual(machine.boot_interface, first);
    const [listed] = (await ask('alice', 'GET', 'machines/')).json;
    assert.deepEqual(listed, machine);
  }));

test('the interface that boots gets an address of the static range, the other one none; subnets have every key', () =>
  withCallers(async ({ ask, systemId }) => {
    const { json: list } = await ask('alice', 'GET', `nodes/${systemId}/interfaces/`);
    const [[link], [other]] = [list[0].links, list[1].links];
    assert.deepEqual(keysOf(link), ['id', 'mode', 'subnet']);
    assert.equal(link.mode, 'auto');
    assert.deepEqual(keysOf(link.subnet), sorted(SUBNET_KEYS));
    assert.deepEqual(
      [link.subnet.id, link.subnet.cidr, link.subnet.gateway_ip, link.subnet.dns_servers],
      [SUBNET_ID, '10.20.0.0/24', '10.20.0.1', []],
    );
    assert.deepEqual([other.mode, other.subnet], ['link_up', undefined]);
    assert.deepEqual((await ask('alice', 'GET', `subnets/${link.subnet.id}/`)).json, link.subnet);
    assert.deepEqual((await ask('alice', 'GET', `vlans/${list[0].vlan.id}/`)).json, list[0].vlan);
    await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '100', name: 'storage' });
    await ask('root', 'PUT', `subnets/${link.subnet.id}/`, { vid: '100', fabric: 'fabric-0', name: 'lan' });
    const [{ vlan, links }] = (await ask('alice', 'GET', `nodes/${systemId}/interfaces/`)).json;
    const moved = (await ask('alice', 'GET', `subnets/${SUBNET_ID}/`)).json;
    assert.deepEqual([vlan, links[0].subnet, moved.vlan.vid, moved.name], [moved.vlan, moved, 100, 'lan']);
  }));

test('one interface is read by its id, its name and its hardware address', () =>
  withCallers(async ({ ask, systemId }) => {
    const { json: list } = await ask('alice', 'GET', `nodes/${systemId}/interfaces/`);
    for (const name of [list[1].id, 'eno2', SECOND_MAC, SECOND_MAC.toUpperCase()]) {
      const { json } = await ask('alice', 'GET', `nodes/${systemId}/interfaces/${encodeURIComponent(name)}/`);
      assert.deepEqual(json, list[1], String(name));
    }
    const none = await ask('alice', 'GET', `nodes/${systemId}/interfaces/eno9/`);
    assert.deepEqual([none.status, none.refusal], [404, 'not-found']);
    assert.match(none.text, /has no interface eno9/);
    await assertStatus(ask('alice', 'GET', 'nodes/zzzzzz/interfaces/'), 404);
  }));

test('block devices are listed and read; their ids do not depend on the order of the report', () =>
  withCallers(async ({ ask, systemId, store }) => {
    const { json: list } = await ask('alice', 'GET', `nodes/${systemId}/blockdevices/`);
    const keys =
      'id system_id name path id_path model serial size block_size bus available_size tags firmware_version resource_uri type used_size ' +
      'used_for uuid filesystem partition_table_type partitions storage_pool numa_node';
    for (const one of list) assert.deepEqual(keysOf(one), sorted(keys));
    const { json: machine } = await ask('alice', 'GET', `machines/${systemId}/`);
    assert.deepEqual(machine.physicalblockdevice_set, list);
    assert.deepEqual(machine.blockdevice_set, list);
    assert.deepEqual(machine.boot_disk, list[0]);
    for (const name of [list[1].id, 'sdb']) {
      assert.deepEqual((await ask('alice', 'GET', `nodes/${systemId}/blockdevices/${name}/`)).json, list[1]);
    }
    assert.deepEqual((await ask('alice', 'GET', `nodes/${systemId}/blockdevices/sda/partitions/`)).json, []);
    const none = await ask('alice', 'GET', `nodes/${systemId}/blockdevices/sdz/`);
    assert.deepEqual([none.status, none.refusal], [404, 'not-found']);
    await store.changeMachine(systemId, 2, ({ facts }) => {
      const disks = (facts?.disks ?? []).toReversed().map((disk, index) => ({ ...disk, name: `sd${'xy'[index]}` }));
      return { kind: 'change', fields: facts === undefined ? {} : { facts: { ...facts, disks } }, events: [] };
    });
    const { json: turned } = await ask('alice', 'GET', `nodes/${systemId}/blockdevices/`);
    assert.deepEqual(
      turned.map(({ id }: { readonly id: number }) => id),
      [list[1].id, list[0].id],
    );
  }));
