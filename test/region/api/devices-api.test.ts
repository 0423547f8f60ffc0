// Devices by the API: their names and addresses are taken, and the racks get them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMac } from '../../../src/ground/address.ts';
import { DEVICES_MAX } from '../../../src/region/records/machine.ts';
import { assertStatus } from '../../support/answered.ts';
import { enlist, report } from '../place.ts';
import { type Answered, type CallersPlace, FIRST_MAC, keysOf, SUBNET_ID, withCallers } from './callers-place.ts';

const MAC = '52:54:00:00:00:0a';
const MORE = '52:54:00:00:00:0b';
const addPrinter = async (ask: CallersPlace['ask'], macs = MAC) =>
  (await ask('alice', 'POST', 'devices/', { hostname: 'printer', mac_addresses: macs })).json;
const DEVICE_KEYS =
  'address_ttl description domain fqdn hostname interface_set ip_addresses node_type node_type_name owner owner_data parent pool ' +
  'resource_uri system_id tag_names workload_annotations zone';

test('a device is added, listed, read, changed by its owner and deleted; it is in no list of machines', () =>
  withCallers(async ({ ask, systemId }) => {
    const fields = { hostname: 'printer', mac_addresses: `${MAC},${MORE}`, parent: systemId };
    const made = await assertStatus(ask('alice', 'POST', 'devices/', fields), 200);
    const device = made.json;
    assert.deepEqual(keysOf(device), DEVICE_KEYS.split(' '));
    assert.deepEqual(
      [device.hostname, device.fqdn, device.owner, device.parent, device.node_type, device.interface_set.length],
      ['printer', 'printer.maas', 'alice', systemId, 1, 2],
    );
    assert.deepEqual((await ask('bob', 'GET', `devices/${device.system_id}/`)).json, device);
    assert.deepEqual((await ask('bob', 'GET', `devices/?mac_address=${MAC}`)).json, [device]);
    assert.deepEqual((await ask('bob', 'GET', 'devices/?hostname=another')).json, []);
    assert.equal((await ask('alice', 'GET', 'machines/')).json.length, 1);
    await assertStatus(ask('alice', 'GET', `machines/${device.system_id}/`), 404);
    await assertStatus(ask('root', 'DELETE', `machines/${device.system_id}/`), 404);
    assert.equal(
      (await ask('root', 'POST', `machines/${device.system_id}/?op=release`)).refusal,
      'transition-not-allowed',
    );
    await assertStatus(ask('alice', 'GET', `devices/${systemId}/`), 404);
    const place = `devices/${device.system_id}/`;
    assert.equal((await ask('bob', 'PUT', place, { hostname: 'mine' })).refusal, 'not-owner');
    assert.equal((await ask('bob', 'DELETE', place)).refusal, 'not-owner');
    assert.equal((await ask('root', 'PUT', place, { parent: systemId })).json.parent, systemId);
    const changed = await ask('alice', 'PUT', place, { hostname: 'plotter', description: 'second floor', parent: '' });
    assert.deepEqual(
      [changed.json.hostname, changed.json.description, changed.json.parent],
      ['plotter', 'second floor', null],
    );
    await assertStatus(ask('alice', 'DELETE', place), 204);
    await assertStatus(ask('alice', 'GET', place), 404);
    await assertStatus(ask('alice', 'POST', 'devices/', { ...fields, hostname: 'plotter' }), 200);
    await assertStatus(ask('root', 'DELETE', `machines/${systemId}/`, { force: 'true' }), 204);
    assert.deepEqual(
      (await ask('alice', 'GET', 'devices/')).json,
      [],
      'it went with the machine that it was a part of',
    );
  }));

test('a rack gets a device as one, not as a machine that is deployed', () =>
  withCallers(async ({ ask, region }) => {
    await addPrinter(ask);
    const { machines } = await region.desiredState();
    assert.deepEqual(
      machines.flatMap(({ hostname, statusName }) => (hostname === 'printer' ? [statusName] : [])),
      ['a device'],
    );
  }));

test('the owner of a device changes its interfaces, and no other ones; addresses are outside the static ranges', () =>
  withCallers(async ({ ask, systemId }) => {
    const { json: device } = await ask('alice', 'POST', 'devices/', { mac_addresses: MAC });
    const nics = `nodes/${device.system_id}/interfaces/`;
    await assertStatus(ask('alice', 'POST', `${nics}?op=create_physical`, { mac_address: MORE }), 200);
    const link = (address: string) => {
      const fields = { mode: 'static', subnet: String(SUBNET_ID), ip_address: address };
      return ask('alice', 'POST', `${nics}eth0/?op=link_subnet`, fields);
    };
    assert.deepEqual(keysOf((await link('10.20.0.25')).json), ['ip_address']);
    await assertStatus(link('10.20.0.53'), 200);
    const bobs = await ask('bob', 'POST', `${nics}eth0/?op=disconnect`);
    assert.deepEqual([bobs.status, bobs.refusal], [403, 'not-owner']);
    assert.equal((await ask('bob', 'POST', `${nics}?op=create_physical`, { mac_address: MORE })).refusal, 'not-owner');
    const own = await ask('alice', 'POST', `nodes/${systemId}/interfaces/eno1/?op=disconnect`);
    assert.deepEqual([own.status, own.refusal], [403, 'not-owner']);
  }));

test('a user who has a device is deleted only if another user gets it', () =>
  withCallers(async ({ ask }) => {
    const { json: device } = await ask('bob', 'POST', 'devices/', { mac_addresses: MAC });
    assert.equal((await ask('root', 'DELETE', 'users/bob/')).refusal, 'machine-in-use');
    await assertStatus(ask('root', 'DELETE', 'users/bob/', { transfer_resources_to: 'alice' }), 204);
    assert.equal((await ask('root', 'GET', `devices/${device.system_id}/`)).json.owner, 'alice');
  }));

test('the region has a bounded number of devices', () =>
  withCallers(async ({ ask, store }) => {
    store.countMachines = async () => DEVICES_MAX;
    const refused = await ask('alice', 'POST', 'devices/', { mac_addresses: MAC });
    assert.deepEqual([refused.status, refused.refusal], [403, 'machines-limit']);
  }));

test("a device is a part of its owner's machine, and of another user's only by an administrator", () =>
  withCallers(async ({ ask, systemId, store }) => {
    const name = (await store.findMachine(systemId))?.hostname ?? '';
    const isRefused = ({ status, text }: Answered) => {
      assert.equal(status, 403, text);
      assert.match(text, new RegExp(`${name} is not yours`));
    };
    isRefused(await ask('bob', 'POST', 'devices/', { mac_addresses: MAC, parent: systemId }));
    const place = `devices/${(await ask('bob', 'POST', 'devices/', { mac_addresses: MAC })).json.system_id}/`;
    isRefused(await ask('bob', 'PUT', place, { parent: systemId }));
    assert.equal((await ask('bob', 'GET', place)).json.parent, null);
    assert.equal((await ask('root', 'PUT', place, { parent: systemId })).json.parent, systemId);
    const kept = await ask('bob', 'PUT', place, { parent: systemId, hostname: 'plotter' });
    assert.deepEqual([kept.json.hostname, kept.json.parent], ['plotter', systemId], 'as it was');
  }));

test('a device and a machine can have neither the same name nor the same hardware address', () =>
  withCallers(async ({ ask, region, systemId, store }) => {
    const own = (await store.findMachine(systemId))?.hostname ?? '';
    const add = (fields: Readonly<Record<string, string>>) =>
      ask('alice', 'POST', 'devices/', { mac_addresses: MAC, ...fields });
    const misfits: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [{ mac_addresses: FIRST_MAC }, 'mac_addresses'],
      [{ mac_addresses: 'x' }, 'mac_addresses'],
      [{ mac_addresses: '' }, 'mac_addresses'],
      [{ hostname: own }, 'hostname'],
      [{ hostname: 'wpad' }, 'hostname'],
      [{ domain: 'elsewhere' }, 'domain'],
      [{ parent: 'zzzzzz' }, 'parent'],
    ];
    for (const [fields, field] of misfits) {
      const refused = await add(fields);
      assert.deepEqual([refused.status, keysOf(refused.json)], [400, [field]], JSON.stringify(fields));
    }
    await ask('root', 'POST', 'domains/', { name: 'lab.example' });
    assert.equal((await add({ domain: 'lab.example' })).refusal, 'not-allowed');
    const made = await assertStatus(add({ hostname: 'printer' }), 200);
    const heard = await enlist(region, report([0x52540000000a]));
    assert.equal(heard.systemId, made.json.system_id, 'its report changes nothing');
    assert.equal((await ask('alice', 'GET', 'machines/')).json.length, 1);
    const machine = { architecture: 'amd64', mac_addresses: MORE, hostname: 'printer', power_type: 'manual' };
    assert.deepEqual(keysOf((await ask('root', 'POST', 'machines/', machine)).json), ['hostname']);
    await assertStatus(ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'printer' }), 400);
  }));

test('a device gets interfaces and addresses, and racks name it and reserve its address', () =>
  withCallers(async ({ ask, region, systemId }) => {
    const device = await addPrinter(ask);
    const nics = `nodes/${device.system_id}/interfaces/`;
    const added = await ask('root', 'POST', `${nics}?op=create_physical`, { mac_address: MORE, name: 'lan1' });
    assert.deepEqual([added.status, added.json.name, added.json.mac_address], [200, 'lan1', MORE], added.text);
    for (const [field, fields] of [
      ['mac_address', { mac_address: FIRST_MAC }],
      ['mac_address', { mac_address: 'x' }],
      ['name', { mac_address: '52:54:00:00:00:0c', name: 'lan1' }],
      ['name', { mac_address: '52:54:00:00:00:0c', name: 'default' }],
      ['link_speed', { mac_address: '52:54:00:00:00:0c', link_speed: '100' }],
      ['vlan', { mac_address: '52:54:00:00:00:0c', vlan: '77' }],
    ] as const)
      assert.deepEqual(keysOf((await ask('root', 'POST', `${nics}?op=create_physical`, fields)).json), [field]);
    assert.equal((await ask('root', 'GET', nics)).json.length, 2, 'a refused interface is not added');
    const own = await ask('root', 'POST', `nodes/${systemId}/interfaces/?op=create_physical`, { mac_address: MORE });
    assert.deepEqual(keysOf(own.json), ['mac_address'], 'the device has it');
    const subnet = String(SUBNET_ID);
    const linked = await ask('root', 'POST', `${nics}lan1/?op=link_subnet`, { mode: 'auto', subnet });
    assert.deepEqual([linked.json.links[0].mode, linked.json.links[0].ip_address], ['static', '10.20.0.20']);
    assert.deepEqual((await ask('alice', 'GET', `devices/${device.system_id}/`)).json.ip_addresses, ['10.20.0.20']);
    const shown = (await region.desiredState()).machines.find((one) => one.hostname === 'printer');
    assert.deepEqual(
      [shown?.purpose, shown?.addresses, shown?.macs],
      ['enlist', [{ mac: 0x52540000000b, address: 0x0a140014 }], [0x52540000000a, 0x52540000000b]],
    );
  }));

test('the network of a device is set back by its owner: its interfaces stay, without links and addresses', () =>
  withCallers(async ({ ask, systemId }) => {
    const device = await addPrinter(ask);
    const [at, nics] = [`devices/${device.system_id}/`, `nodes/${device.system_id}/interfaces/`];
    const subnet = String(SUBNET_ID);
    for (const op of ['restore_networking_configuration', 'restore_default_configuration']) {
      const linked = await ask('alice', 'POST', `${nics}eth0/?op=link_subnet`, { mode: 'auto', subnet });
      assert.equal(linked.json.links[0].ip_address, '10.20.0.2', linked.text);
      assert.deepEqual((await ask('alice', 'GET', at)).json.ip_addresses, ['10.20.0.2']);
      assert.equal((await ask('bob', 'POST', `${at}?op=${op}`)).refusal, 'not-owner');
      for (const path of [`machines/${device.system_id}/?op=${op}`, `devices/${systemId}/?op=${op}`])
        assert.equal((await ask('root', 'POST', path)).status, 404, path);
      const restored = await ask('alice', 'POST', `${at}?op=${op}`);
      assert.deepEqual([restored.status, restored.json], [200, device], restored.text);
      assert.deepEqual((await ask('alice', 'GET', at)).json, device);
    }
    const refused = await ask('alice', 'POST', `${at}?op=restore_storage_configuration`);
    assert.deepEqual([refused.refusal, refused.text], ['layout-refused', 'printer is a device: it has no disks here.']);
    const gateway = `machines/${device.system_id}/?op=clear_default_gateways`;
    await assertStatus(ask('root', 'POST', gateway), 404);
  }));

test('an interface of a device is deleted by its owner, with its links and addresses, but not the only one', () =>
  withCallers(async ({ ask, region, store }) => {
    const device = await addPrinter(ask, `${MAC},${MORE}`);
    const nics = `nodes/${device.system_id}/interfaces/`;
    const link = { mode: 'auto', subnet: String(SUBNET_ID) };
    const namesOf = async () =>
      (await ask('alice', 'GET', nics)).json.map((one: { readonly name: string }) => one.name);
    const names = await namesOf();
    for (const name of names)
      assert.equal((await ask('alice', 'POST', `${nics}${name}/?op=link_subnet`, link)).status, 200);
    assert.equal((await ask('bob', 'DELETE', `${nics}${names[0]}/`)).refusal, 'not-owner');
    const version = await store.desiredVersion();
    await assertStatus(ask('alice', 'DELETE', `${nics}${names[0]}/`), 204);
    assert.equal(await store.desiredVersion(), version + 1, 'one change');
    assert.deepEqual(await namesOf(), [names[1]], 'the others keep their names');
    const { json: left } = await ask('alice', 'GET', `devices/${device.system_id}/`);
    assert.deepEqual([left.ip_addresses, left.interface_set[0].mac_address], [['10.20.0.3'], MORE]);
    const shown = (await region.desiredState()).machines.find((one) => one.hostname === 'printer');
    assert.deepEqual([shown?.macs, shown?.addresses.map(({ mac }) => mac)], [[0x52540000000b], [0x52540000000b]]);
    const only = await ask('root', 'DELETE', `${nics}${names[1]}/`);
    assert.deepEqual([only.refusal, /only interface of printer/.test(only.text)], ['layout-refused', true], only.text);
    const again = await ask('alice', 'POST', `${nics}?op=create_physical`, { mac_address: MAC });
    assert.deepEqual([again.status, (await namesOf()).length, new Set(await namesOf()).size], [200, 2, 2], again.text);
  }));

test('a new interface of a device has the link of its request', () =>
  withCallers(async ({ ask }) => {
    const device = await addPrinter(ask);
    const link = { link_connected: 'false', link_speed: '0', interface_speed: '100', accept_ra: 'true' };
    const fields = { mac_address: MORE, ...link };
    const { json } = await ask('root', 'POST', `nodes/${device.system_id}/interfaces/?op=create_physical`, fields);
    const { link_connected: isConnected, link_speed: speed, interface_speed: own, params } = json;
    assert.deepEqual([isConnected, speed, own, params], [false, 0, 100, { accept_ra: true }]);
  }));

test('an interface of a device gets another hardware address, and keeps its id, its links and their addresses', () =>
  withCallers(async ({ ask, region }) => {
    const device = await addPrinter(ask);
    const nics = `nodes/${device.system_id}/interfaces/`;
    const subnet = String(SUBNET_ID);
    const [before] = (await ask('alice', 'GET', nics)).json;
    const linked = await ask('alice', 'POST', `${nics}eth0/?op=link_subnet`, { mode: 'auto', subnet });
    assert.equal(linked.json.links[0].ip_address, '10.20.0.2', linked.text);
    for (const fields of [{ mac_address: FIRST_MAC }, { mac_address: 'x' }, { mac_address: '01:00:5e:00:00:01' }])
      assert.deepEqual(keysOf((await ask('alice', 'PUT', `${nics}eth0/`, fields)).json), ['mac_address']);
    const bad = await ask('alice', 'PUT', `${nics}eth0/`, { mac_address: MORE, name: '-' });
    assert.deepEqual(keysOf(bad.json), ['name']);
    assert.equal((await ask('alice', 'GET', `${nics}eth0/`)).json.mac_address, MAC);
    const changed = await ask('alice', 'PUT', `${nics}eth0/`, { mac_address: MORE, name: 'lan0' });
    const { id, name, mac_address: mac, links } = changed.json;
    assert.deepEqual([id, name, mac, links], [before.id, 'lan0', MORE, linked.json.links], changed.text);
    const shown = (await region.desiredState()).machines.find((one) => one.hostname === 'printer');
    assert.deepEqual(
      shown?.addresses?.map((one) => formatMac(one.mac)),
      [MORE],
    );
    assert.equal((await ask('bob', 'PUT', `${nics}lan0/`, { mac_address: MAC })).refusal, 'not-owner');
    assert.deepEqual((await ask('alice', 'GET', 'devices/', {})).json[0].ip_addresses, ['10.20.0.2']);
  }));
