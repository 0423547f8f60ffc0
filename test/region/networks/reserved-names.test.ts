// Names of reserved addresses: no machine and no device takes one, unless it is the host for which its namer reserved the address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac as macOf } from '../../../src/ground/address.ts';
import { OWN_RACK, withSite } from '../api/sent/trial.ts';
import { bootReport, enlist } from '../place.ts';
import { type Ask, withNetworks } from './network-place.ts';

const [MAC, OTHER_MAC] = ['52:54:00:00:00:77', '52:54:00:00:00:78'];
const OTHER_MAC_NUMBER = macOf(0x525400000078);
const RESERVE = '2.0/ipaddresses/?op=reserve';
const TAKEN = { hostname: ['the hostname printer is taken: choose another'] };

const reserve = async (ask: Ask, fields: object): Promise<void> => {
  const made = await ask('POST', RESERVE, { subnet: '10.20.0.0/24', ...fields }, 'user');
  assert.equal(made.status, 200, made.text);
};
const device = (hostname: string, mac_addresses = OTHER_MAC) => ({ hostname, mac_addresses });

test('nobody gives the name of a reserved address to another machine or device', () =>
  withNetworks(async (ask, { region }) => {
    await reserve(ask, { hostname: 'printer', mac: MAC });
    for (const as of ['other', 'user', 'admin'] as const) {
      const made = await ask('POST', '2.0/devices/', device('printer'), as);
      assert.deepEqual([made.status, made.json], [400, TAKEN], as);
    }
    const foreign = await ask('POST', '2.0/devices/', device('printer', MAC), 'other');
    assert.deepEqual([foreign.status, foreign.json], [400, TAKEN], 'the host, but not of this user');
    const { system_id: id } = (await ask('POST', '2.0/devices/', device('scanner'), 'other')).json;
    const renamed = await ask('PUT', `2.0/devices/${id}/`, { hostname: 'printer' }, 'other');
    assert.deepEqual([renamed.status, renamed.json], [400, TAKEN]);
    const fields = { architecture: 'amd64/generic', hostname: 'printer', mac_addresses: '52:54:00:00:00:01' };
    const added = await ask('POST', '2.0/machines/', { ...fields, power_type: 'manual' }, 'admin');
    assert.deepEqual([added.status, added.json], [400, TAKEN]);
    const machine = await enlist(region, bootReport([0x525400000001], { hostname: 'printer' }));
    assert.notEqual(machine.hostname, 'printer', 'a machine that reports the name gets another');
    const edited = await ask('PUT', `2.0/machines/${machine.systemId}/`, { hostname: 'printer' });
    assert.deepEqual([edited.status, edited.json], [400, TAKEN]);
    const [{ ip }] = (await ask('GET', '2.0/ipaddresses/', undefined, 'user')).json;
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=release', { ip }, 'user')).status, 204);
    assert.equal((await ask('PUT', `2.0/devices/${id}/`, { hostname: 'printer' }, 'other')).status, 200);
  }));

test('the user who reserved the address and administrators give its name to its host', () =>
  withNetworks(async (ask, { region }) => {
    await reserve(ask, { hostname: 'printer', mac: MAC });
    const own = await ask('POST', '2.0/devices/', device('printer', MAC), 'user');
    assert.deepEqual([own.status, own.json.hostname], [200, 'printer'], own.text);
    await reserve(ask, { hostname: 'scanner', mac: OTHER_MAC });
    const { system_id: id } = (await ask('POST', '2.0/devices/', device('desk'), 'user')).json;
    assert.equal((await ask('PUT', `2.0/devices/${id}/`, { hostname: 'scanner' }, 'user')).status, 200);
    const machine = await enlist(region, bootReport([0x525400000001, 0x525400000002]));
    await reserve(ask, { hostname: 'camera', mac: '52:54:00:00:00:03' });
    const added = { architecture: 'amd64/generic', hostname: 'camera', mac_addresses: '52:54:00:00:00:03' };
    assert.equal((await ask('POST', '2.0/machines/', added, 'user')).status, 200);
    const fields = { subnet: '10.20.0.0/24', hostname: 'web', mac: '52:54:00:00:00:01' };
    assert.equal((await ask('POST', RESERVE, fields)).status, 200);
    const edited = await ask('PUT', `2.0/machines/${machine.systemId}/`, { hostname: 'web' });
    assert.deepEqual([edited.status, edited.json.hostname], [200, 'web'], edited.text);
  }));

test('a reservation is refused if a device takes its name after the first look', (t) =>
  withNetworks(async (ask, { store }) => {
    const { accounts } = store;
    const listUsers = accounts.listUsers.bind(accounts);
    const looked = t.mock.method(accounts, 'listUsers', async () => {
      looked.mock.restore();
      assert.equal((await ask('POST', '2.0/devices/', device('printer'), 'other')).status, 200);
      return await listUsers();
    });
    const refused = await ask('POST', RESERVE, { subnet: '10.20.0.0/24', hostname: 'printer' }, 'user');
    assert.deepEqual([refused.status, refused.json], [400, TAKEN]);
    assert.equal(looked.mock.callCount(), 1);
  }));

test('a machine that has the name of a reserved address from before is not listed with it, but its host is', () =>
  withNetworks(async (ask, { store }) => {
    const listed = async (): Promise<readonly string[]> => {
      const { json } = await ask('GET', '2.0/dnsresources/?', { all: 1 });
      return json.map(({ fqdn, id }: { fqdn: string; id: number }) => `${fqdn} ${id < 0 ? 'machine' : 'address'}`);
    };
    for (const [hostname, mac] of [
      ['printer', MAC],
      ['scanner', OTHER_MAC],
    ] as const) {
      const { system_id: id } = (await ask('POST', '2.0/devices/', device(hostname, mac), 'other')).json;
      const [nic] = (await ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
      const link = `2.0/nodes/${id}/interfaces/${nic.id}/?op=link_subnet`;
      assert.equal((await ask('POST', link, { subnet: '10.20.0.0/24', mode: 'STATIC' })).status, 200);
    }
    assert.deepEqual(await listed(), ['printer.maas machine', 'scanner.maas machine']);
    const { subnets } = await store.networks.list();
    const shared = { subnetId: subnets[0]?.id ?? 0, username: 'user', createdMs: 1, domain: 'maas' };
    const reserved = [
      { ...shared, id: 9000, address: ipv4(0x0a140032), hostname: 'printer' },
      { ...shared, id: 9001, address: ipv4(0x0a140033), hostname: 'scanner', mac: OTHER_MAC_NUMBER },
    ];
    await store.networks.change(() => ({ put: { reserved }, result: undefined }));
    assert.deepEqual(await listed(), ['printer.maas address', 'scanner.maas address', 'scanner.maas machine']);
  }));

test('no person gives the name of a rack to a host, and a machine that reports it gets another', () =>
  withSite(async ({ ask, place: { region } }) => {
    const taken = { hostname: ['the hostname maas is taken: choose another'] };
    const { system_id: id } = (await ask('POST', '2.0/devices/', device('scanner'))).json;
    const machine = await enlist(region, bootReport([0x525400000001]));
    const added = { architecture: 'amd64/generic', power_type: 'manual', mac_addresses: MAC, hostname: 'maas' };
    for (const [method, path, fields] of [
      ['POST', RESERVE, { subnet: '10.20.0.0/24', hostname: 'MAAS' }],
      ['POST', '2.0/devices/', device('maas', MAC)],
      ['PUT', `2.0/devices/${id}/`, { hostname: 'maas' }],
      ['PUT', `2.0/machines/${machine.systemId}/`, { hostname: 'maas' }],
      ['POST', '2.0/machines/', added],
    ] as const) {
      const refused = await ask(method, path, fields);
      assert.deepEqual([refused.status, refused.json], [400, taken], path);
    }
    const reported = await ask('POST', '2.0/machines/', added, 'nobody');
    assert.equal(reported.status, 200, reported.text);
    const [found] = await region.store.listMachines({ macs: [macOf(0x525400000077)] }, 0, 1);
    assert.ok(found !== undefined && found.hostname !== 'maas', found?.hostname);
  }));

test('only administrators give the name of an entry of hosts to another host, and of machines that of the entry reports it', () =>
  withSite(async ({ ask, place: { region } }) => {
    const lab = OWN_RACK.interfaces[0] ?? assert.fail();
    const reservations = [{ mac: MAC, ip: '10.20.0.60', hostname: 'db' }];
    await region.racks.putOwn({ ...OWN_RACK, interfaces: [{ ...lab, reservations }] });
    const taken = { hostname: ['the hostname db is taken: choose another'] };
    const { system_id: id } = (await ask('POST', '2.0/devices/', device('scanner'), 'alice')).json;
    for (const [method, path, fields] of [
      ['POST', '2.0/devices/', device('db', '52:54:00:00:00:79')],
      ['POST', '2.0/devices/', device('db.maas', MAC)],
      ['PUT', `2.0/devices/${id}/`, { hostname: 'DB' }],
      ['POST', RESERVE, { subnet: '10.20.0.0/24', hostname: 'db' }],
      ['POST', '2.0/machines/', { architecture: 'amd64/generic', mac_addresses: MAC, hostname: 'db' }],
    ] as const) {
      const refused = await ask(method, path, fields, 'alice');
      assert.deepEqual([refused.status, refused.json], [400, taken], path);
    }
    const report = { architecture: 'amd64/generic', mac_addresses: MAC, hostname: 'db' };
    const reported = await ask('POST', '2.0/machines/', report, 'nobody');
    assert.equal(reported.status, 200, reported.text);
    const [found] = await region.store.listMachines({ macs: [macOf(0x525400000077)] }, 0, 1);
    assert.ok(found !== undefined && found.hostname !== 'db', 'no rack vouches that it is the host');
    assert.equal((await ask('POST', '2.0/devices/', device('db', '52:54:00:00:00:79'), 'admin')).status, 200);
  }));
