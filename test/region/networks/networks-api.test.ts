// The networks of API 1.0, as the guide with MAAS 1.7 shows them, and that they are the same objects as the subnets and cluster interfaces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enlist, report } from '../place.ts';
import { OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const ETH0 = { eth0: { interface: 'eth0', ip: '192.168.127.100', subnet_mask: '255.255.255.0', management: 0 } };

test('`networks read` shows the network of a new cluster interface, with eight keys and nulls', () =>
  withNetworks(async (ask) => {
    assert.deepEqual((await ask('GET', '1.0/networks/', undefined, 'user')).json, [
      {
        dns_servers: null,
        name: 'maas-eth0',
        default_gateway: null,
        ip: '192.168.127.0',
        netmask: '255.255.255.0',
        vlan_tag: null,
        resource_uri: '/MAAS/api/1.0/networks/maas-eth0/',
        description: 'Auto created when creating interface eth0 on cluster maas',
      },
    ]);
  }, ETH0));

test('networks of machines: those that all of them are linked to, were seen in, or are noted to be in', () =>
  withNetworks(async (ask, { region }) => {
    const [one, other] = [
      await enlist(region, report([0x525400000001])),
      await enlist(region, report([0x525400000002])),
    ];
    const far = { name: 'far', ip: '10.9.0.0', netmask: '255.255.255.0' };
    assert.equal((await ask('POST', '1.0/networks/', far)).status, 200);
    const namesOf = async (...ids: readonly string[]) =>
      (await ask('GET', `1.0/networks/?${ids.map((id) => `node=${id}`).join('&')}`)).json.map(
        (each: { name: string }) => each.name,
      );
    assert.deepEqual(await namesOf(), ['far', 'maas-eth0']);
    assert.deepEqual(await namesOf(one.systemId), ['maas-eth0']);
    await ask('POST', '1.0/networks/far/?op=connect_macs', { macs: '52:54:00:00:00:01' });
    assert.deepEqual(await namesOf(one.systemId), ['far', 'maas-eth0']);
    assert.deepEqual(await namesOf(one.systemId, other.systemId), ['maas-eth0']);
    const unknown = await ask('GET', '1.0/networks/?node=zzzzzz');
    assert.deepEqual([unknown.status, /zzzzzz/.test(unknown.text)], [400, true]);
  }, ETH0));

test('the cluster interface, the network, the subnet and its ranges are the same objects', () =>
  withNetworks(async (ask) => {
    const updated = await ask('PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/eth0/`, {
      ip_range_low: '192.168.127.121',
      ip_range_high: '192.168.127.140',
      management: 2,
      static_ip_range_low: '192.168.127.221',
      static_ip_range_high: '192.168.127.240',
      subnet_mask: '255.255.255.0',
      router_ip: '192.168.127.254',
      broadcast_ip: '192.168.127.255',
    });
    assert.equal(updated.status, 200, updated.text);
    const kept = await ask('PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/eth0/`, { subnet_mask: '' });
    assert.deepEqual([kept.status, kept.json.subnet_mask], [200, '255.255.255.0'], kept.text);
    assert.equal((await ask('GET', '1.0/networks/maas-eth0/')).json.default_gateway, '192.168.127.254');
    const [subnet] = (await ask('GET', '2.0/subnets/')).json;
    assert.deepEqual(
      [subnet.cidr, subnet.gateway_ip, subnet.vlan.dhcp_on],
      ['192.168.127.0/24', '192.168.127.254', true],
    );
    const ranges = [
      ...(await ask('GET', '2.0/ipranges/')).json,
      ...(await ask('GET', '2.0/ipranges/?type=static')).json,
    ];
    assert.deepEqual(
      ranges.map((one: { type: string; start_ip: string; end_ip: string }) => [one.type, one.start_ip, one.end_ip]),
      [
        ['dynamic', '192.168.127.121', '192.168.127.140'],
        ['static', '192.168.127.221', '192.168.127.240'],
      ],
    );
    const changed = await ask('PUT', '1.0/networks/maas-eth0/', {
      default_gateway: '192.168.127.1',
      dns_servers: '192.168.127.2 192.168.127.3',
    });
    assert.deepEqual(
      [changed.json.default_gateway, changed.json.dns_servers],
      ['192.168.127.1', '192.168.127.2 192.168.127.3'],
    );
    assert.equal((await ask('GET', '2.0/subnets/')).json[0].gateway_ip, '192.168.127.1');
    await ask('PUT', `2.0/ipranges/${ranges[0].id}/`, { end_ip: '192.168.127.150' });
    const [shown] = (await ask('GET', `1.0/nodegroups/${OWN_UUID}/interfaces/?op=list`)).json;
    assert.equal(shown.ip_range_high, '192.168.127.150');
  }, ETH0));

test('a network is created, changed and deleted', () =>
  withNetworks(async (ask) => {
    const fields = { name: 'far', description: 'x', ip: '10.9.0.0', netmask: '255.255.255.0' };
    const more = { default_gateway: '10.9.0.1', dns_servers: '10.9.0.2', vlan_tag: 30 };
    const made = await ask('POST', '1.0/networks/', { ...fields, ...more });
    assert.deepEqual(made.json, { ...fields, ...more, resource_uri: '/MAAS/api/1.0/networks/far/' });
    const changed = await ask('PUT', '1.0/networks/far/', {
      name: 'near',
      netmask: '255.255.0.0',
      vlan_tag: '',
      default_gateway: '',
    });
    assert.deepEqual(
      [changed.json.name, changed.json.netmask, changed.json.vlan_tag, changed.json.default_gateway, changed.json.ip],
      ['near', '255.255.0.0', null, null, '10.9.0.0'],
    );
    assert.equal((await ask('PUT', '1.0/networks/near/', { ip: '10.8.0.0', description: 'y' })).json.ip, '10.8.0.0');
    await refusesEach(ask, 'POST', '1.0/networks/', [
      [{ ...fields, name: 'near' }, 'name'],
      [{ ...fields, ip: '192.168.127.0' }, 'ip'],
      [{ ...fields, ip: 'x' }, 'ip'],
      [{ ...fields, netmask: '255.0.255.0' }, 'netmask'],
      [{ ...fields, default_gateway: '10.7.0.1' }, 'default_gateway'],
      [{ ...fields, vlan_tag: 4095 }, 'vlan_tag'],
      [{ ...fields, vlan_tag: 'x' }, 'vlan_tag'],
      [{ ...fields, dns_servers: 'x' }, 'dns_servers'],
    ]);
    assert.equal((await ask('DELETE', '1.0/networks/near/')).status, 204);
    for (const method of ['GET', 'PUT', 'DELETE'] as const)
      assert.equal((await ask(method, '1.0/networks/near/')).status, 404);
    assert.equal((await ask('DELETE', '1.0/networks/maas-eth0/')).status, 409);
    await ask('POST', '2.0/subnets/', { cidr: '10.6.0.0/16' });
    assert.equal((await ask('GET', '1.0/networks/10.6.0.0-16/')).json.netmask, '255.255.0.0');
  }, ETH0));

test('a refused change of a network leaves no VLAN behind, and a change makes its VLAN with it', () =>
  withNetworks(async (ask, { store }) => {
    const vids = async (): Promise<readonly number[]> =>
      (await ask('GET', '2.0/fabrics/0/vlans/')).json.map(({ vid }: { readonly vid: number }) => vid);
    const wrong = await ask('PUT', '1.0/networks/maas-eth0/', { vlan_tag: 77, default_gateway: '10.1.1.1' });
    assert.deepEqual([wrong.status, Object.keys(wrong.json)], [400, ['default_gateway']], wrong.text);
    const overlapping = { name: 'n', ip: '192.168.127.0', netmask: '255.255.255.128', vlan_tag: 78 };
    assert.equal((await ask('POST', '1.0/networks/', overlapping)).status, 400);
    assert.deepEqual(await vids(), [0]);
    assert.equal((await ask('PUT', '1.0/networks/maas-eth0/', { vlan_tag: 77 })).json.vlan_tag, 77);
    const network = { name: 'n', ip: '10.9.0.0', netmask: '255.255.255.0', vlan_tag: 78 };
    assert.equal((await ask('POST', '1.0/networks/', network)).json.vlan_tag, 78);
    assert.deepEqual(await vids(), [0, 77, 78]);
    const { vlans, subnets } = await store.networks.list();
    assert.equal(new Set([...vlans, ...subnets].map(({ id }) => id)).size, vlans.length + subnets.length);
  }, ETH0));

test('interfaces of machines are connected to a network, listed and disconnected', () =>
  withNetworks(async (ask, { region }) => {
    const { systemId } = await enlist(region, report([0x525400000001, 0x525400000002]));
    const at = '1.0/networks/maas-eth0/';
    const macs = '52:54:00:00:00:01,52:54:00:00:00:02';
    assert.equal((await ask('POST', `${at}?op=connect_macs`, { macs })).status, 204);
    assert.equal((await ask('POST', `${at}?op=connect_macs`, { macs: '52:54:00:00:00:01' })).status, 204);
    const connected = (await ask('GET', `${at}?op=list_connected_macs`, undefined, 'user')).json;
    assert.deepEqual(connected[0], {
      mac_address: '52:54:00:00:00:01',
      resource_uri: `/MAAS/api/1.0/nodes/${systemId}/macs/52%3A54%3A00%3A00%3A00%3A01/`,
    });
    assert.equal(connected.length, 2);
    assert.equal((await ask('POST', `${at}?op=disconnect_macs`, { macs: '52:54:00:00:00:01' })).status, 204);
    assert.equal((await ask('GET', `${at}?op=list_connected_macs`)).json.length, 1);
    const bad = ['52:54:00:00:00:09', 'x', ''].map((text) => [{ macs: text }, 'macs'] as const);
    await refusesEach(ask, 'POST', `${at}?op=connect_macs`, bad);
    assert.equal((await ask('POST', '1.0/networks/none/?op=connect_macs', { macs })).status, 404);
  }, ETH0));

test('a look within a transaction sees its settings, and those that the region knows stay', () =>
  withNetworks(async (_ask, { region, store }) => {
    const before = region.settings.interfacesOf(OWN_UUID);
    const undone = store.transact(async () => {
      const changes = [{ rack: OWN_UUID, key: 'cluster_interfaces.lab', value: undefined }];
      await store.changeSettings(1, () => ({ kind: 'change', changes, events: [] }));
      assert.deepEqual((await region.networks.look()).served, []);
      throw new Error('undone');
    });
    await assert.rejects(undone, /undone/);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), before);
    assert.equal(before.length, 1);
  }));
