// Fabrics, VLANs and spaces over the API: their exact keys, their life, and what the racks' cluster interfaces do in them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sentenceOf } from '../../support/sentences.ts';
import { LAB, OWN_FILE, OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const VLAN_KEYS = [
  'description',
  'dhcp_on',
  'external_dhcp',
  'fabric',
  'fabric_id',
  'id',
  'mtu',
  'name',
  'primary_rack',
  'relay_vlan',
  'resource_uri',
  'secondary_rack',
  'space',
  'vid',
];

test('a served network is in fabric-0, in its untagged VLAN, with all keys that clients read', () =>
  withNetworks(async (ask) => {
    const { json: fabrics } = await ask('GET', '2.0/fabrics/', undefined, 'user');
    assert.equal(fabrics.length, 1);
    const [fabric] = fabrics;
    assert.deepEqual(Object.keys(fabric).sort(), ['class_type', 'description', 'id', 'name', 'resource_uri', 'vlans']);
    assert.deepEqual([fabric.name, fabric.class_type], ['fabric-0', null]);
    const [vlan] = fabric.vlans;
    assert.deepEqual(Object.keys(vlan).sort(), VLAN_KEYS);
    assert.deepEqual(vlan, {
      id: vlan.id,
      vid: 0,
      name: 'untagged',
      description: '',
      mtu: 1500,
      fabric: 'fabric-0',
      fabric_id: fabric.id,
      dhcp_on: true,
      external_dhcp: null,
      relay_vlan: null,
      primary_rack: OWN_UUID,
      secondary_rack: null,
      space: 'undefined',
      resource_uri: `/MAAS/api/2.0/vlans/${vlan.id}/`,
    });
    assert.deepEqual((await ask('GET', `2.0/fabrics/${fabric.id}/vlans/`)).json, [vlan]);
    assert.deepEqual((await ask('GET', `2.0/fabrics/${fabric.id}/vlans/0/`)).json, vlan);
    assert.deepEqual((await ask('GET', `2.0/vlans/${vlan.id}/`)).json, vlan);
    assert.deepEqual((await ask('GET', `2.0/fabrics/${fabric.id}/`)).json, fabric);
  }));

test('every served network is in the default VLAN until a person moves it, and stays where it was moved', () =>
  withNetworks(
    async (ask) => {
      const placesOf = async () =>
        (await ask('GET', '2.0/subnets/')).json.map((one: { cidr: string; vlan: { fabric: string; vid: number } }) => [
          one.cidr,
          one.vlan.fabric,
          one.vlan.vid,
        ]);
      assert.deepEqual(await placesOf(), [
        ['10.20.0.0/24', 'fabric-0', 0],
        ['10.21.0.0/24', 'fabric-0', 0],
      ]);
      await ask('POST', '2.0/fabrics/', { name: 'far' });
      await ask('PUT', '2.0/subnets/10.21.0.0%2F24/', { fabric: 'far' });
      assert.deepEqual((await placesOf())[1], ['10.21.0.0/24', 'far', 0]);
      const [first, second] = (await ask('GET', '2.0/fabrics/')).json;
      assert.deepEqual([first.id, first.vlans[0].id, first.vlans[0].dhcp_on], [0, 5001, true]);
      assert.equal(second.vlans[0].dhcp_on, false);
      const { json } = await ask('GET', '2.0/subnets/10.21.0.0%2F24/');
      assert.equal(json.id, 0x0a150000, 'the id of the links of machines');
    },
    { a: LAB, b: { interface: 'eth2', ip: '10.21.0.1', network: '10.21.0.0/24', management: 0 } },
  ));

test('a fabric is created, changed and removed, with audit events', () =>
  withNetworks(async (ask, { store }) => {
    const created = await ask('POST', '2.0/fabrics/', { name: 'lab', description: 'hall 2', class_type: '10g' });
    assert.equal(created.status, 200, created.text);
    assert.deepEqual([created.json.name, created.json.description, created.json.class_type], ['lab', 'hall 2', '10g']);
    assert.equal(created.json.vlans[0].vid, 0);
    const at = `2.0/fabrics/${created.json.id}/`;
    const changed = await ask('PUT', at, { name: 'core', description: '', class_type: '' });
    assert.deepEqual([changed.json.name, changed.json.description, changed.json.class_type], ['core', '', null]);
    assert.deepEqual((await ask('GET', '2.0/fabrics/core/')).json, changed.json);
    assert.equal((await ask('POST', '2.0/fabrics/', {})).json.name, 'fabric-1');
    await refusesEach(
      ask,
      'POST',
      '2.0/fabrics/',
      ['core', 'a/b', 'x'.repeat(256)].map((name) => [{ name }, 'name']),
    );
    assert.equal((await ask('DELETE', at)).status, 204);
    for (const method of ['GET', 'PUT', 'DELETE'] as const) assert.equal((await ask(method, at)).status, 404);
    const events = (await store.listEvents({ level: 'audit', limit: 9 })).map((event) => sentenceOf(event));
    assert.deepEqual(events.slice(0, 4), [
      'removed the fabric core',
      'added the fabric fabric-1',
      'changed the fabric core: name: lab → core; description: hall 2 → none; class type: 10g → none',
      'added the fabric lab',
    ]);
  }));

test('a fabric with a subnet stays', () =>
  withNetworks(async (ask) => {
    const [served] = (await ask('GET', '2.0/fabrics/')).json;
    const refused = await ask('DELETE', `2.0/fabrics/${served.id}/`);
    assert.deepEqual([refused.status, /10\.20\.0\.0\/24/.test(refused.text)], [409, true]);
    const { json: own } = await ask('POST', '2.0/fabrics/', { name: 'own' });
    await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/24', fabric: 'own' });
    assert.equal((await ask('DELETE', `2.0/fabrics/${own.id}/`)).status, 409);
  }));

test('a VLAN is created, moved, found by its id and its tag, and removed', () =>
  withNetworks(async (ask) => {
    const [{ id }] = (await ask('GET', '2.0/fabrics/')).json;
    const { json: space } = await ask('POST', '2.0/spaces/', { name: 'dmz' });
    const created = await ask('POST', `2.0/fabrics/${id}/vlans/`, { vid: 7, space: 'dmz' });
    assert.equal(created.status, 200, created.text);
    const at = `2.0/fabrics/${id}/vlans/7/`;
    const moved = await ask('PUT', at, { vid: 8, space: '' });
    assert.deepEqual([moved.json.vid, moved.json.space, moved.json.id], [8, 'undefined', created.json.id]);
    assert.equal((await ask('PUT', `2.0/vlans/${created.json.id}/`, { space: space.id })).json.space, 'dmz');
    assert.equal((await ask('DELETE', `2.0/spaces/${space.id}/`)).status, 409);
    await refusesEach(ask, 'POST', `2.0/fabrics/${id}/vlans/`, [
      [{}, 'vid'],
      [{ vid: 8 }, 'vid'],
      [{ vid: 4095 }, 'vid'],
      [{ vid: 'x' }, 'vid'],
      [{ vid: 9, mtu: 551 }, 'mtu'],
      [{ vid: 9, space: 'none' }, 'space'],
      [{ vid: 9, dhcp_on: 'maybe' }, 'dhcp_on'],
      [{ vid: 9, dhcp_on: true }, 'dhcp_on'],
      [{ vid: 9, primary_rack: OWN_UUID }, 'primary_rack'],
      [{ vid: 9, secondary_rack: OWN_UUID }, 'secondary_rack'],
      [{ vid: 9, relay_vlan: 5001 }, 'relay_vlan'],
    ]);
    assert.equal((await ask('GET', `2.0/fabrics/${id}/vlans/9/`)).status, 404);
    const off = { dhcp_on: false, primary_rack: '', secondary_rack: '', relay_vlan: '' };
    assert.equal((await ask('POST', `2.0/fabrics/${id}/vlans/`, { vid: 9, ...off })).json.dhcp_on, false);
    assert.equal((await ask('DELETE', `2.0/fabrics/${id}/vlans/8/`)).status, 204);
    assert.equal((await ask('DELETE', `2.0/fabrics/${id}/vlans/8/`)).status, 404);
    assert.equal((await ask('DELETE', `2.0/fabrics/${id}/vlans/0/`)).status, 409);
    assert.equal((await ask('PUT', `2.0/fabrics/${id}/vlans/0/`, { vid: 5 })).status, 400);
    assert.equal((await ask('GET', '2.0/fabrics/99999/vlans/')).status, 404);
  }));

test('DHCP and MTU of a VLAN are switched at the rack that serves it, at once', () =>
  withNetworks(async (ask, { region }) => {
    const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
    const at = `2.0/vlans/${vlans[0].id}/`;
    const entry = () => region.settings.interfacesOf(OWN_UUID)[0];
    const off = await ask('PUT', at, { dhcp_on: 'false' });
    assert.deepEqual([off.json.dhcp_on, off.json.primary_rack, entry()?.management], [false, null, 0]);
    assert.deepEqual(Object.keys((await ask('PUT', at, { primary_rack: OWN_UUID })).json), ['primary_rack']);
    const on = await ask('PUT', at, { dhcp_on: 'true', primary_rack: 'maas' });
    assert.deepEqual([on.json.dhcp_on, on.json.primary_rack, entry()?.management], [true, OWN_UUID, 2]);
    assert.equal((await ask('PUT', at, { mtu: 9000 })).json.mtu, 9000);
    assert.deepEqual(entry()?.options, [{ code: 26, value: 9000 }]);
    assert.equal((await ask('PUT', at, { mtu: 1500 })).json.mtu, 1500);
    assert.equal(entry()?.options, undefined);
    const own = { key: 'cluster_interfaces.lab.options', value: [{ code: 26, value: 1400 }] };
    assert.equal(await region.settings.change(OWN_UUID, [own], 'admin'), undefined);
    assert.equal((await ask('PUT', at, { name: 'plain' })).json.mtu, 1400, 'a person wrote it');
    assert.equal((await ask('PUT', at, { mtu: 1450 })).json.mtu, 1450);
    assert.deepEqual(entry()?.options, [{ code: 26, value: 1450 }]);
    await refusesEach(ask, 'PUT', at, [
      [{ dhcp_on: 'true', primary_rack: 'elsewhere' }, 'primary_rack'],
      [{ dhcp_on: 'true', primary_rack: 'maas', secondary_rack: OWN_UUID }, 'secondary_rack'],
      [{ dhcp_on: 'true', secondary_rack: OWN_UUID }, 'secondary_rack'],
    ]);
    await ask('POST', '2.0/fabrics/0/vlans/', { vid: 7 });
    await refusesEach(ask, 'PUT', '2.0/fabrics/0/vlans/7/', [[{ dhcp_on: 'true' }, 'dhcp_on']]);
  }));

test('the cluster interface of a rack’s file is not changed by the API: the refusal names file and key', () =>
  withNetworks(
    async (ask) => {
      const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
      const refused = await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { dhcp_on: 'false', name: 'lost' });
      assert.equal(refused.status, 409);
      assert.match(refused.text, new RegExp(`${OWN_FILE} as cluster_interfaces\\.lab`));
      assert.equal((await ask('GET', `2.0/vlans/${vlans[0].id}/`)).json.name, 'untagged');
    },
    {},
    { cluster_interfaces: [{ name: 'lab', ...LAB }] },
  ));

test('a space has its VLANs and subnets; the space undefined has those that are in none', () =>
  withNetworks(async (ask) => {
    const created = await ask('POST', '2.0/spaces/', { name: 'dmz', description: 'x' });
    const at = `2.0/spaces/${created.json.id}/`;
    assert.deepEqual(created.json, {
      id: created.json.id,
      name: 'dmz',
      description: 'x',
      vlans: [],
      subnets: [],
      resource_uri: `/MAAS/api/${at}`,
    });
    const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
    const none = (await ask('GET', '2.0/spaces/')).json[0];
    assert.deepEqual(
      [none.id, none.name, none.vlans.length, none.subnets[0].cidr],
      [-1, 'undefined', 1, '10.20.0.0/24'],
    );
    for (const id of ['undefined', '-1']) {
      const path = `2.0/spaces/${id}/`;
      assert.deepEqual((await ask('GET', path)).json, none);
      for (const refused of [await ask('PUT', path, { name: 'other' }), await ask('DELETE', path)]) {
        assert.equal(refused.status, 409);
        assert.match(refused.text, /^The space undefined .*cannot be changed /);
      }
    }
    assert.equal((await ask('DELETE', '2.0/spaces/absent/')).status, 404);
    await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { space: 'dmz' });
    const all = (await ask('GET', '2.0/spaces/')).json;
    assert.deepEqual(
      all.map((one: { name: string; subnets: object[] }) => [one.name, one.subnets.length]),
      [['dmz', 1]],
    );
    assert.equal((await ask('GET', '2.0/subnets/')).json[0].space, 'dmz');
    assert.equal((await ask('PUT', at, { name: 'inner', description: 'y' })).json.name, 'inner');
    assert.deepEqual(Object.keys((await ask('PUT', at, { name: 'undefined' })).json), ['name']);
    assert.deepEqual(Object.keys((await ask('POST', '2.0/spaces/', { name: 'inner' })).json), ['name']);
    await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { space: 'undefined' });
    assert.equal((await ask('DELETE', at)).status, 204);
    assert.equal((await ask('GET', at)).status, 404);
  }));

test('an object that somebody else removes right after it was made is answered as one that does not exist', () =>
  withNetworks(async (ask, { region, store }) => {
    const [{ id: fabric }] = (await ask('GET', '2.0/fabrics/')).json;
    const { networks } = region;
    const look = networks.look.bind(networks);
    networks.look = async () => {
      const made = (await store.networks.list()).vlans.find(({ vid }) => vid === 3);
      if (made === undefined) return await look();
      networks.look = look;
      assert.equal((await ask('DELETE', `2.0/vlans/${made.id}/`)).status, 204);
      return await look();
    };
    const { status, text } = await ask('POST', `2.0/fabrics/${fabric}/vlans/`, { vid: 3 });
    assert.deepEqual([status, /^There is no VLAN \d+\.$/.test(text)], [404, true], text);
  }));
