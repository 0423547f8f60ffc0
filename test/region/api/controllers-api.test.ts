// Racks and the region as controllers of API 2.0, the list of all nodes, and operations of machines that need no deployment.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { OWN_UUID } from '../networks/network-place.ts';
import { acceptRack, RACK_UUID } from '../racks/rack-place.ts';
import { type CallersPlace, FIRST_MAC, keysOf, SUBNET_ID, withCallers } from './callers-place.ts';

const CONTROLLER_KEYS =
  'architecture commissioning_status commissioning_status_name cpu_count cpu_speed cpu_test_status cpu_test_status_name ' +
  'current_commissioning_result_id current_installation_result_id current_testing_result_id description distro_series domain fqdn ' +
  'hardware_info hardware_uuid hostname hwe_kernel interface_set interface_test_status interface_test_status_name ip_addresses memory ' +
  'memory_test_status memory_test_status_name network_test_status network_test_status_name node_type node_type_name osystem ' +
  'other_test_status other_test_status_name power_state power_type resource_uri service_set status_action storage storage_test_status ' +
  'storage_test_status_name swap_size system_id tag_names testing_status testing_status_name version zone';
const RACK = `rackcontrollers/${RACK_UUID}/`;

test('a rack controller has the keys of a node, and its region too', () =>
  withCallers(async ({ ask }) => {
    const [rack] = (await ask('alice', 'GET', 'rackcontrollers/')).json;
    assert.deepEqual(keysOf(rack), CONTROLLER_KEYS.split(' '));
    assert.deepEqual((await ask('alice', 'GET', RACK)).json, rack);
    const [region, ...others] = (await ask('alice', 'GET', 'regioncontrollers/')).json;
    assert.deepEqual([keysOf(region), others, region.node_type], [CONTROLLER_KEYS.split(' '), [], 3]);
    assert.deepEqual((await ask('alice', 'GET', `regioncontrollers/${region.system_id}/`)).json, region);
    await assertStatus(ask('alice', 'GET', 'regioncontrollers/zzzzzz/'), 404);
  }));

test('a rack and a machine show the domain as it is shown alone, and the status of each kind of tests', () =>
  withCallers(async ({ ask, region, systemId }) => {
    await ask('root', 'POST', 'domains/', { name: 'lab.example' });
    await ask('root', 'POST', 'dnsresources/', { fqdn: 'www.maas', ip_addresses: '10.20.0.7' });
    const domain = (await ask('alice', 'GET', 'domains/maas/')).json;
    assert.deepEqual(
      [domain.id, domain.resource_uri, domain.resource_record_count],
      [0, '/MAAS/api/2.0/domains/0/', 1],
    );
    const machine = (await ask('alice', 'GET', `machines/${systemId}/`)).json;
    const rack = (await ask('alice', 'GET', RACK)).json;
    const alone = (await ask('alice', 'GET', 'regioncontrollers/')).json[0];
    const nodes = (await ask('alice', 'GET', 'nodes/')).json;
    assert.equal(nodes.length, 2);
    for (const one of [machine, rack, alone, ...nodes]) assert.deepEqual(one.domain, domain);
    for (const kind of ['cpu', 'memory', 'network', 'storage', 'interface', 'other'])
      for (const one of [machine, rack, ...nodes])
        assert.deepEqual([one[`${kind}_test_status`], one[`${kind}_test_status_name`]], [-1, 'Unknown'], kind);
    await region.racks.putOwn({ uuid: OWN_UUID, name: 'own', version: '0.1.0', interfaces: [], pinned: [] });
    assert.deepEqual((await ask('alice', 'GET', 'regioncontrollers/')).json[0].domain, domain);
  }));

test('a rack keeps the note about it, whatever it reports, until it is removed', () =>
  withCallers(async ({ ask, region }) => {
    const described = async () => (await ask('alice', 'GET', RACK)).json.description;
    const note = { description: ' in the hall ' };
    await assertStatus(ask('alice', 'PUT', RACK, note), 403);
    const changed = await ask('root', 'PUT', RACK, note);
    assert.deepEqual([changed.status, changed.json.description], [200, 'in the hall'], changed.text);
    const { interfaces } = region.racks.find(RACK_UUID) ?? assert.fail('a rack');
    await acceptRack(region, { interfaces, name: 'renamed' });
    assert.equal(await described(), 'in the hall');
    await ask('root', 'PUT', RACK, { zone: 'default' });
    assert.equal(await described(), 'in the hall');
    const log = (await ask('root', 'GET', 'events/?op=query&level=AUDIT')).json.events;
    assert.ok(log.some((one: { description: string }) => /changed the description of the rack/.test(one.description)));
    assert.deepEqual(keysOf((await ask('root', 'PUT', RACK, { description: 'x'.repeat(1001) })).json), ['description']);
    assert.equal((await ask('root', 'PUT', RACK, { description: '' })).json.description, '');
    await ask('root', 'PUT', RACK, note);
    await ask('root', 'DELETE', RACK);
    await acceptRack(region, { interfaces });
    assert.equal(await described(), '');
  }));

test('a rack keeps no power driver and no domain of its own', () =>
  withCallers(async ({ ask }) => {
    const put = (fields: Readonly<Record<string, string>>) => ask('root', 'PUT', RACK, fields);
    for (const [field, fields] of [
      ['power_type', { power_type: 'ipmi' }],
      ['domain', { domain: 'example.com' }],
    ] as const)
      assert.deepEqual(keysOf((await put(fields)).json), [field]);
    const same = await put({ description: '', power_type: 'manual', domain: 'maas' });
    assert.equal(same.json?.system_id, RACK_UUID, same.text);
  }));

test('a rack controller lists its images, imports, has no power parameters, and is forgotten', () =>
  withCallers(async ({ ask }) => {
    assert.deepEqual((await ask('alice', 'GET', `${RACK}?op=list_boot_images`)).json, {
      connected: true,
      images: [],
      status: 'synced',
    });
    for (const path of ['rackcontrollers/', RACK])
      assert.match(
        (await ask('root', 'POST', `${path}?op=import_boot_images`)).text,
        /^Import of boot images started, but nothing is selected: .*selections add/,
      );
    // BSON: 17 octets; lshw and lldp are null.
    const details = (await ask('alice', 'GET', `${RACK}?op=details`)).text;
    assert.equal(details, '\x11\0\0\0\x0alshw\0\x0alldp\0\0');
    assert.deepEqual((await ask('root', 'GET', 'rackcontrollers/?op=power_parameters')).json, { [RACK_UUID]: {} });
    assert.deepEqual((await ask('root', 'GET', `${RACK}?op=power_parameters`)).json, {});
    await assertStatus(ask('alice', 'GET', `${RACK}?op=power_parameters`), 403);
    await assertStatus(ask('alice', 'GET', 'rackcontrollers/?op=describe_power_types'), 200);
    await assertStatus(ask('alice', 'DELETE', RACK), 403);
    await assertStatus(ask('root', 'DELETE', RACK), 204);
    for (const [method, path] of [
      ['GET', RACK],
      ['DELETE', RACK],
      ['GET', `${RACK}?op=list_boot_images`],
      ['GET', `${RACK}?op=details`],
      ['POST', `${RACK}?op=import_boot_images`],
    ] as const)
      assert.equal((await ask('root', method, path)).status, 404, path);
  }));

interface Node {
  readonly system_id: string;
}

test('lists of racks and of regions take the filters of nodes', () =>
  withCallers(async ({ ask }) => {
    const [region] = (await ask('alice', 'GET', 'regioncontrollers/')).json;
    const { hostname } = (await ask('alice', 'GET', RACK)).json;
    for (const [path, id, name] of [
      ['rackcontrollers/', RACK_UUID, hostname],
      ['regioncontrollers/', region.system_id, region.hostname],
    ]) {
      const idsOf = async (query: string): Promise<readonly string[]> =>
        (await ask('alice', 'GET', `${path}?${query}`)).json.map((one: Node) => one.system_id);
      for (const query of [`hostname=${name}`, `hostname=nope,${name}`, `id=${id}`, 'domain=maas', 'zone=default'])
        assert.deepEqual(await idsOf(query), [id], `${path}?${query}`);
      for (const query of ['hostname=nope', 'id=zzzzzz', 'domain=example.org', 'pool=default', 'agent_name=juju'])
        assert.deepEqual(await idsOf(query), [], `${path}?${query}`);
      assert.deepEqual(await idsOf(`mac_address=${FIRST_MAC}`), []);
      assert.deepEqual(keysOf((await ask('alice', 'GET', `${path}?zone=nowhere`)).json), ['zone']);
    }
  }));

test('nodes/ lists machines, devices and racks, and chooses them as machines/ does', () =>
  withCallers(async ({ ask, systemId }) => {
    const fields = { hostname: 'printer', mac_addresses: '52:54:00:00:00:0a' };
    const device = (await ask('alice', 'POST', 'devices/', fields)).json;
    const idsOf = async (query = ''): Promise<readonly string[]> =>
      (await ask('alice', 'GET', `nodes/${query}`)).json.map((one: Node) => one.system_id);
    assert.deepEqual(await idsOf(), [systemId, device.system_id, RACK_UUID]);
    const { hostname } = (await ask('alice', 'GET', `machines/${systemId}/`)).json;
    for (const [query, wanted] of [
      [`hostname=${hostname}`, [systemId]],
      ['hostname=printer', [device.system_id]],
      [`mac_address=${FIRST_MAC}`, [systemId]],
      [`id=${RACK_UUID}`, [RACK_UUID]],
      ['domain=maas', [systemId, device.system_id, RACK_UUID]],
      ['zone=default', [systemId, device.system_id, RACK_UUID]],
      ['pool=default', [systemId, device.system_id]],
      ['agent_name=juju', []],
    ] as const)
      assert.deepEqual(await idsOf(`?${query}`), wanted, query);
    const [machine] = (await ask('alice', 'GET', 'machines/')).json;
    assert.deepEqual((await ask('alice', 'GET', 'nodes/')).json[0], machine);
    assert.deepEqual((await ask('alice', 'GET', `nodes/${device.system_id}/`)).json, device);
    assert.equal((await ask('alice', 'GET', `nodes/${systemId}/`)).json.system_id, systemId);
    assert.equal((await ask('alice', 'GET', `nodes/${RACK_UUID}/`)).json.node_type, 2);
    await assertStatus(ask('alice', 'GET', 'nodes/zzzzzz/'), 404);
    await ask('root', 'POST', 'zones/', { name: 'hall' });
    await assertStatus(ask('root', 'POST', 'devices/?op=set_zone', { zone: 'hall', nodes: device.system_id }), 204);
    assert.equal((await ask('alice', 'GET', `devices/${device.system_id}/`)).json.zone.name, 'hall');
  }));

test('nodes/ reads the power parameters and the hardware of a machine; devices and racks have neither', () =>
  withCallers(async ({ ask, systemId }) => {
    const given = { power_type: 'webhook', power_parameters_power_token: 'secret' };
    await assertStatus(ask('root', 'PUT', `machines/${systemId}/`, given), 200);
    const device = (await ask('alice', 'POST', 'devices/', { mac_addresses: '52:54:00:00:00:0a' })).json.system_id;
    const op = (path: string, name: string, by: 'alice' | 'root' = 'root') => ask(by, 'GET', `${path}/?op=${name}`);
    const { json: power } = await op(`nodes/${systemId}`, 'power_parameters');
    assert.equal(power.power_token, 'secret');
    assert.deepEqual(power, (await op(`machines/${systemId}`, 'power_parameters')).json);
    const [hardware, ofMachine] = [
      await op(`nodes/${systemId}`, 'details', 'alice'),
      await op(`machines/${systemId}`, 'details', 'alice'),
    ];
    assert.deepEqual([hardware.status, hardware.text], [200, ofMachine.text]);
    for (const id of [device, RACK_UUID]) {
      assert.deepEqual((await op(`nodes/${id}`, 'power_parameters')).json, {});
      const { status, text } = await op(`nodes/${id}`, 'details');
      assert.deepEqual([status, text.includes('lshw'), text.includes('xml')], [200, true, false]);
    }
    await assertStatus(op(`nodes/${systemId}`, 'power_parameters', 'alice'), 403);
    for (const name of ['power_parameters', 'details']) assert.equal((await op('nodes/zzzzzz', name)).status, 404);
  }));

const at = ({ systemId }: CallersPlace, op: string) => `machines/${systemId}/?op=${op}`;

test('an administrator reads the key of a machine; asking makes none', () =>
  withCallers(async (place) => {
    const { ask, store, systemId } = place;
    const key = await store.life.machineKey(systemId);
    const answer = await ask('root', 'GET', at(place, 'get_token'));
    assert.deepEqual(answer.json, {
      token_key: key?.tokenKey,
      token_secret: key?.tokenSecret,
      consumer_key: key?.consumerKey,
    });
    await assertStatus(ask('alice', 'GET', at(place, 'get_token')), 403);
    const other = { architecture: 'amd64', mac_addresses: '52:54:00:00:00:0c', power_type: 'manual' };
    const { system_id: id } = (await ask('root', 'POST', 'machines/', other)).json;
    assert.equal((await ask('root', 'GET', `machines/${id}/?op=get_token`)).text, 'null');
    assert.equal(await store.life.machineKey(id), undefined);
    assert.match((await ask('root', 'GET', at(place, 'get_curtin_config'))).text, /without curtin/);
  }));

test('the chosen default gateway is forgotten, and mounts without a disk are refused', () =>
  withCallers(async (place) => {
    const { ask, systemId } = place;
    const link = { mode: 'auto', subnet: String(SUBNET_ID), default_gateway: 'true' };
    await assertStatus(ask('root', 'POST', `nodes/${systemId}/interfaces/eno2/?op=link_subnet`, link), 200);
    const gatewayOf = ({ json }: { readonly json: { readonly default_gateways: { readonly ipv4: object } } }) =>
      json.default_gateways.ipv4;
    const chosen = gatewayOf(await ask('root', 'GET', `machines/${systemId}/`));
    assert.notDeepEqual(chosen, { gateway_ip: null, link_id: null });
    const cleared = await ask('root', 'POST', at(place, 'clear_default_gateways'));
    assert.deepEqual(gatewayOf(cleared), { gateway_ip: null, link_id: null });
    await assertStatus(ask('root', 'POST', at(place, 'clear_default_gateways')), 200);
    const tmpfs = { fstype: 'tmpfs', mount_point: '/tmp', mount_options: 'size=1G' };
    assert.match(
      (await ask('root', 'POST', at(place, 'mount_special'), tmpfs)).text,
      /mounts only what is on its disks/,
    );
    const unmount = await ask('root', 'POST', at(place, 'unmount_special'), { mount_point: '/tmp' });
    assert.equal(unmount.refusal, 'layout-refused');
    for (const [path, why] of [
      ['machines/?op=clone', /Rackboot copies no layout/],
      ['machines/?op=add_chassis', /does not ask a chassis/],
      ['domains/?op=set_serial', /raises the serial of its zones/],
      ['scripts/x/?op=revert', /has no history/],
    ] as const) {
      const refused = await ask('root', 'POST', path, { source: 'x' });
      assert.deepEqual([refused.status, why.test(refused.text)], [400, true], path);
    }
  }));
