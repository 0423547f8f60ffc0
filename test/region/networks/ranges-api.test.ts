// Ranges, reserved addresses and static routes over the API: keys, life, rights, and what racks do with them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { makeNetworkView } from '../../../src/region/networks/network-view.ts';
import { reconcile } from '../../../src/region/networks/reconcile.ts';
import { NO_RECORDS, RESERVED_PER_USER_MAX } from '../../../src/region/records/network-store.ts';
import { sentenceOf } from '../../support/sentences.ts';
import type { RegionPlace } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';
import { SERVED } from './laid-view.ts';
import { type Ask, LAB, machineAt, OWN_FILE, OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const { static_ip_range_low: _low, static_ip_range_high: _high, ...WITHOUT_STATIC } = LAB;

const WITH_STATIC = {
  ...rackInterface('10.50.0.0/24'),
  static_ip_range_low: '10.50.0.10',
  static_ip_range_high: '10.50.0.19',
};

interface Shown {
  readonly id: number;
  readonly type: string;
  readonly start_ip: string;
  readonly end_ip: string;
}
const texts = (list: readonly Shown[]): readonly string[] =>
  list.map((one) => `${one.type} ${one.start_ip} ${one.end_ip}`);
const rangesOf = async (ask: Ask): Promise<readonly Shown[]> => [
  ...(await ask('GET', '2.0/ipranges/')).json,
  ...(await ask('GET', '2.0/ipranges/?type=static')).json,
];
const idOf = async (ask: Ask, type: string): Promise<number> =>
  (await rangesOf(ask)).find((one) => one.type === type)?.id ?? 0;

test('the dynamic and the static range of a cluster interface are ranges, with the keys that clients read', () =>
  withNetworks(async (ask) => {
    const listed = (await ask('GET', '2.0/ipranges/', undefined, 'user')).json;
    assert.deepEqual(texts(listed), ['dynamic 10.20.0.100 10.20.0.199']);
    const all: readonly Shown[] = [
      ...listed,
      ...(await ask('GET', '2.0/ipranges/?type=static', undefined, 'user')).json,
    ];
    assert.deepEqual(texts(all), ['dynamic 10.20.0.100 10.20.0.199', 'static 10.20.0.10 10.20.0.99']);
    const [{ subnet, ...rest }] = listed;
    assert.equal(subnet.cidr, '10.20.0.0/24');
    assert.deepEqual(rest, {
      id: rest.id,
      type: 'dynamic',
      start_ip: '10.20.0.100',
      end_ip: '10.20.0.199',
      comment: '',
      user: null,
      resource_uri: `/MAAS/api/2.0/ipranges/${rest.id}/`,
    });
    assert.deepEqual((await ask('GET', `2.0/ipranges/${rest.id}/`)).json, all[0]);
    assert.equal((await ask('GET', '2.0/ipranges/999/')).status, 404);
  }));

test('the rack of the region is read as master', () =>
  withNetworks(async (ask, { region }) => {
    await acceptRack(region, { uuid: OWN_UUID });
    const { status, json } = await ask('GET', '1.0/nodegroups/master/');
    assert.deepEqual([status, json.uuid], [200, OWN_UUID]);
    assert.equal((await ask('GET', '1.0/nodegroups/absent/')).status, 404);
  }));

test('the ranges of a cluster interface that is renamed keep their ids and their comments', () =>
  withNetworks(async (ask, { region }) => {
    const [dynamic, fixed] = [await idOf(ask, 'dynamic'), await idOf(ask, 'static')];
    await ask('PUT', `2.0/ipranges/${dynamic}/`, { comment: 'my range' });
    const before = await rangesOf(ask);
    const renamed = await ask('PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/lab/`, { name: 'lan2' });
    assert.deepEqual([renamed.status, renamed.json.name], [200, 'lan2'], renamed.text);
    assert.deepEqual(await rangesOf(ask), before);
    const taken = await ask('PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/lan2/`, { name: 'x', ip_range_low: 'y' });
    assert.equal(taken.status, 400);
    assert.deepEqual(await rangesOf(ask), before);
    assert.equal((await ask('GET', `2.0/ipranges/${fixed}/`)).status, 200);
    const edits = [
      { key: 'cluster_interfaces.lan2', value: undefined },
      { key: 'cluster_interfaces.lan3', value: LAB },
    ];
    assert.equal(await region.settings.change('', edits, 'admin'), undefined);
    assert.deepEqual(await rangesOf(ask), before);
  }));

test('while a rack still reports a network under its former name, its ranges are there once', () => {
  const dynamic = { low: ipv4(0x0a140064), high: ipv4(0x0a1400c7) };
  const before = reconcile(NO_RECORDS, { served: [{ ...SERVED, dynamic, fixed: dynamic }], rackHosts: [] }, 7).records;
  const both = [
    { ...SERVED, dynamic, name: 'lan2' },
    { ...SERVED, dynamic, fixed: dynamic },
  ];
  assert.equal(reconcile(before, { served: both, rackHosts: [] }).change, undefined);
  const shown = makeNetworkView(before, { served: both, reported: [], rackHosts: [] }, 2).ranges;
  assert.deepEqual(
    shown.map(({ type, served }) => [type, served?.name]),
    [
      ['dynamic', 'lan2'],
      ['static', 'lab'],
    ],
  );
});

test('the dynamic range of a rack is changed, deleted and made again, at once and by the same id while it exists', () =>
  withNetworks(async (ask, { region }) => {
    const id = await idOf(ask, 'dynamic');
    const changed = await ask('PUT', `2.0/ipranges/${id}/`, { start_ip: '10.20.0.120', comment: 'new machines' });
    assert.deepEqual(
      [changed.json.start_ip, changed.json.comment, changed.json.id],
      ['10.20.0.120', 'new machines', id],
    );
    const entry = () => region.settings.interfacesOf(OWN_UUID)[0];
    assert.deepEqual([entry()?.ip_range_low, entry()?.ip_range_high], ['10.20.0.120', '10.20.0.199']);
    const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
    const inUse = await ask('DELETE', `2.0/ipranges/${id}/`);
    assert.equal(inUse.status, 409);
    assert.match(inUse.text, /10\.20\.0\.0\/24 .*cluster interface lab of the rack /);
    await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { dhcp_on: false });
    assert.equal((await ask('DELETE', `2.0/ipranges/${id}/`)).status, 204);
    assert.deepEqual([entry()?.ip_range_low, entry()?.ip_range_high], [undefined, undefined]);
    assert.equal((await ask('GET', `2.0/ipranges/${id}/`)).status, 404);
    const fields = { type: 'dynamic', start_ip: '10.20.0.200', end_ip: '10.20.0.220', comment: 'x' };
    const made = await ask('POST', '2.0/ipranges/', fields);
    assert.deepEqual([made.status, made.json.type, made.json.comment], [200, 'dynamic', 'x'], made.text);
    assert.equal(entry()?.ip_range_high, '10.20.0.220');
    assert.equal((await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { dhcp_on: true })).json.dhcp_on, true);
  }));

test('a dynamic range that does not fit is refused as a whole, and the answer names the field', () =>
  withNetworks(async (ask, place) => {
    await machineAt(place, ['10.20.0.210']);
    await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.220' }, 'user');
    const id = await idOf(ask, 'dynamic');
    await refusesEach(ask, 'PUT', `2.0/ipranges/${id}/`, [
      [{ start_ip: 'x' }, 'start_ip'],
      [{ start_ip: '10.20.0.200' }, 'end_ip'],
      [{ end_ip: '10.20.1.5' }, 'end_ip'],
      [{ start_ip: '10.20.0.90' }, 'start_ip'],
      [{ end_ip: '10.20.0.254' }, 'start_ip'],
      [{ end_ip: '10.20.0.215' }, 'start_ip'],
      [{ start_ip: '10.20.0.215', end_ip: '10.20.0.225' }, 'start_ip'],
    ]);
    assert.deepEqual(texts(await rangesOf(ask))[0], 'dynamic 10.20.0.100 10.20.0.199');
    await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/24' });
    await refusesEach(ask, 'POST', '2.0/ipranges/', [
      [{ start_ip: '10.20.0.230', end_ip: '10.20.0.231' }, 'type'],
      [{ type: 'other', start_ip: '10.20.0.230', end_ip: '10.20.0.231' }, 'type'],
      [{ type: 'dynamic', start_ip: '10.20.0.230', end_ip: '10.20.0.231' }, 'start_ip'],
      [{ type: 'static', start_ip: '10.9.0.10', end_ip: '10.9.0.20' }, 'subnet'],
      [{ type: 'dynamic', start_ip: '10.7.0.10', end_ip: '10.7.0.20' }, 'subnet'],
      [{ type: 'reserved', start_ip: '10.9.0.10', end_ip: '10.9.0.20', subnet: '10.20.0.0/24' }, 'start_ip'],
    ]);
  }));

test('a range in a rack’s file is read-only, and the refusal names file and key', () =>
  withNetworks(
    async (ask) => {
      const refused = await ask('PUT', `2.0/ipranges/${await idOf(ask, 'dynamic')}/`, { start_ip: '10.20.0.120' });
      assert.equal(refused.status, 409);
      assert.match(refused.text, new RegExp(`${OWN_FILE} as cluster_interfaces\\.lab`));
      const reserved = { type: 'reserved', start_ip: '10.20.0.20', end_ip: '10.20.0.29' };
      assert.equal((await ask('POST', '2.0/ipranges/', reserved)).status, 200);
    },
    {},
    { cluster_interfaces: [{ name: 'lab', ...LAB }] },
  ));

test('users reserve ranges, change and delete their own, and administrators all', () =>
  withNetworks(async (ask, { store }) => {
    const fields = { type: 'reserved', start_ip: '10.20.0.220', end_ip: '10.20.0.229', comment: 'printers' };
    const made = await ask('POST', '2.0/ipranges/', fields, 'user');
    assert.deepEqual([made.json.type, made.json.user.username, made.json.comment], ['reserved', 'user', 'printers']);
    const at = `2.0/ipranges/${made.json.id}/`;
    assert.equal((await ask('PUT', at, { end_ip: '10.20.0.225' }, 'other')).status, 403);
    assert.equal((await ask('DELETE', at, undefined, 'other')).status, 403);
    assert.equal((await ask('PUT', at, { end_ip: '10.20.0.225' }, 'user')).json.end_ip, '10.20.0.225');
    const dynamic = await idOf(ask, 'dynamic');
    for (const method of ['PUT', 'DELETE'] as const)
      assert.equal((await ask(method, `2.0/ipranges/${dynamic}/`, {}, 'user')).status, 403);
    assert.equal((await ask('POST', '2.0/ipranges/', { ...fields, type: 'dynamic' }, 'user')).status, 403);
    assert.equal((await ask('PUT', at, { comment: 'x' })).json.comment, 'x');
    assert.equal((await ask('DELETE', at, undefined, 'user')).status, 204);
    assert.equal((await ask('DELETE', at)).status, 404);
    assert.equal((await ask('GET', '2.0/ipranges/', undefined, 'nobody')).status, 401);
    const events = (await store.listEvents({ level: 'audit', limit: 2 })).map((event) => sentenceOf(event));
    assert.deepEqual(events, [
      'removed the reserved range 10.20.0.220-10.20.0.225',
      'changed the reserved range 10.20.0.220-10.20.0.225: comment: printers → x',
    ]);
  }));

test('no machine is given an address of a reserved range, or one that a user has reserved', () =>
  withNetworks(async (ask, place) => {
    await acceptRack(place.region, { interfaces: [WITH_STATIC] });
    await ask('POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.50.0.10', end_ip: '10.50.0.11' });
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.50.0.12' })).status, 200);
    const systemId = await machineAt(place, [], { status: 'ready', powerType: 'manual' });
    const allocated = await ask('POST', '2.0/machines/?op=allocate', { system_id: systemId });
    assert.equal(allocated.status, 200, allocated.text);
    assert.deepEqual(allocated.json.ip_addresses, ['10.50.0.13']);
    const taken = await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.50.0.13' }, 'user');
    assert.deepEqual([taken.status, /in use \(assigned-ip\)/.test(taken.text)], [409, true]);
  }, {}));

test('an address is reserved and released by its user, and by force', () =>
  withNetworks(async (ask) => {
    const made = await ask('POST', '2.0/ipaddresses/?op=reserve', { ip_address: '10.20.0.210' }, 'user');
    assert.equal(made.status, 200, made.text);
    const { subnet, owner, created, ...rest } = made.json;
    assert.deepEqual([subnet.cidr, owner.username], ['10.20.0.0/24', 'user']);
    assert.match(created, /^\d{4}-/);
    assert.deepEqual(rest, {
      ip: '10.20.0.210',
      alloc_type: 4,
      alloc_type_name: 'User reserved',
      interface_set: [],
      resource_uri: '/MAAS/api/2.0/ipaddresses/',
    });
    const next = await ask('POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' }, 'other');
    assert.equal(next.json.ip, '10.20.0.2');
    const mine = async (as: 'user' | 'other' | 'admin', more?: object) =>
      (await ask('GET', '2.0/ipaddresses/?', more ?? {}, as)).json.map((one: { ip: string }) => one.ip);
    assert.deepEqual(
      [await mine('user'), await mine('other'), await mine('admin')],
      [['10.20.0.210'], ['10.20.0.2'], []],
    );
    assert.deepEqual((await mine('admin', { all: 1 })).toSorted(), ['10.20.0.2', '10.20.0.210']);
    assert.deepEqual(await mine('admin', { owner: 'other' }), ['10.20.0.2']);
    assert.deepEqual(await mine('admin', { all: 1, ip: '10.20.0.210' }), ['10.20.0.210']);
    for (const more of [{ all: 1 }, { owner: 'other' }])
      assert.equal((await ask('GET', '2.0/ipaddresses/?', more, 'user')).status, 403);
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const listed = (await ask('GET', `2.0/subnets/${id}/?op=ip_addresses`)).json;
    assert.deepEqual(
      listed.map((one: { ip: string; alloc_type: number; user: string }) => [one.ip, one.alloc_type, one.user]),
      [
        ['10.20.0.2', 4, 'other'],
        ['10.20.0.210', 4, 'user'],
      ],
    );
    const release = (ip: string, as: 'user' | 'admin', force = {}) =>
      ask('POST', '2.0/ipaddresses/?op=release', { ip, ...force }, as);
    assert.equal((await release('10.20.0.2', 'user')).status, 404);
    assert.equal((await release('10.20.0.2', 'user', { force: true })).status, 403);
    const absent = await release('10.20.0.2', 'admin');
    assert.deepEqual(
      [absent.status, absent.text.includes('does not exist')],
      [404, true],
      'as Terraform’s provider looks for',
    );
    assert.equal((await release('10.20.0.2', 'admin', { force: true })).status, 204);
    assert.equal((await release('10.20.0.210', 'user')).status, 204);
    assert.equal((await release('x', 'user')).status, 400);
    const byName = (fields: object) => ask('POST', '2.0/ipaddresses/?op=release', fields, 'user');
    assert.deepEqual((await byName({})).json, { ip: ['This field is required.'] });
    assert.deepEqual((await byName({ ip_address: 'x' })).json, {
      ip_address: ['Give an IPv4 address such as 10.20.0.10.'],
    });
    await ask('POST', '2.0/ipaddresses/?op=reserve', { ip_address: '10.20.0.211' }, 'user');
    assert.equal((await byName({ ip_address: '10.20.0.211' })).status, 204);
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.210' }, 'nobody')).status, 401);
  }));

test('an address that somebody has, or that is outside, is not reserved, and a user reserves at most 256', () =>
  withNetworks(async (ask, { store }) => {
    const reserve = (fields: object, as: 'user' | 'admin' = 'user') =>
      ask('POST', '2.0/ipaddresses/?op=reserve', fields, as);
    for (const ip of ['10.20.0.1', '10.20.0.254', '10.20.0.150', '10.20.0.0', '10.20.0.255'])
      assert.equal((await reserve({ ip })).status, 409, ip);
    await refusesEach(ask, 'POST', '2.0/ipaddresses/?op=reserve', [
      [{}, 'subnet'],
      [{ ip: '10.7.0.1' }, 'ip'],
      [{ ip: '10.7.0.1', subnet: '10.20.0.0/24' }, 'ip'],
      [{ subnet: 'none' }, 'subnet'],
      [{ ip: 'x' }, 'ip'],
    ]);
    assert.equal((await reserve({ ip: '10.20.0.240' })).status, 200);
    assert.equal((await reserve({ ip: '10.20.0.240' })).status, 409);
    const [{ id: subnetId }] = (await ask('GET', '2.0/subnets/')).json;
    const reserved = Array.from({ length: RESERVED_PER_USER_MAX - 1 }, (_, index) => ({
      id: 1000 + index,
      subnetId,
      address: ipv4(0x0b000000 + index),
      username: 'user',
      createdMs: 1,
    }));
    await store.networks.change(() => ({ put: { reserved }, nextId: 3000, result: undefined }));
    assert.deepEqual(Object.keys((await reserve({ ip: '10.20.0.241' })).json), ['ip']);
    assert.equal((await reserve({ ip: '10.20.0.241' }, 'admin')).status, 200);
  }));

test('users reserve nothing of a static range', () =>
  withNetworks(async (ask, place) => {
    await acceptRack(place.region, { interfaces: [WITH_STATIC] });
    const range = (start_ip: string, end_ip: string) =>
      ask('POST', '2.0/ipranges/', { type: 'reserved', start_ip, end_ip }, 'user');
    for (const [low, high] of [
      ['10.50.0.10', '10.50.0.19'],
      ['10.50.0.19', '10.50.0.19'],
      ['10.50.0.1', '10.50.0.30'],
    ] as const)
      assert.deepEqual(Object.keys((await range(low, high)).json), ['start_ip'], low);
    const made = await range('10.50.0.20', '10.50.0.21');
    assert.equal(made.status, 200, made.text);
    const grown = await ask('PUT', `2.0/ipranges/${made.json.id}/`, { start_ip: '10.50.0.12' }, 'user');
    assert.deepEqual(Object.keys(grown.json), ['start_ip']);
    const reserve = (fields: object, as: 'user' | 'admin') => ask('POST', '2.0/ipaddresses/?op=reserve', fields, as);
    assert.equal((await reserve({ subnet: '10.50.0.0/24' }, 'user')).json.ip, '10.50.0.2');
    assert.equal((await reserve({ subnet: '10.50.0.0/24' }, 'admin')).json.ip, '10.50.0.10');
    assert.deepEqual(Object.keys((await reserve({ ip: '10.50.0.15' }, 'user')).json), ['ip']);
    assert.equal((await reserve({ ip: '10.50.0.15' }, 'admin')).status, 200);
    await machineAt(place, [], { status: 'ready', powerType: 'manual' });
    const rest = { type: 'reserved', start_ip: '10.50.0.11', end_ip: '10.50.0.19' };
    assert.equal((await ask('POST', '2.0/ipranges/', rest)).status, 200);
    const full = await ask('POST', '2.0/machines/?op=allocate', {});
    assert.equal(full.status, 409);
    assert.match(full.text, /admin has reserved 10\.50\.0\.11 to 10\.50\.0\.19/);
  }));

test('the bound of a user counts addresses, also where there is no static range', () =>
  withNetworks(
    async (ask) => {
      const range = (start_ip: string, end_ip: string, as: 'user' | 'other' = 'user') =>
        ask('POST', '2.0/ipranges/', { type: 'reserved', start_ip, end_ip }, as);
      assert.deepEqual(Object.keys((await range('10.20.1.0', '10.20.2.0')).json), ['start_ip'], '257');
      assert.equal((await range('10.20.1.0', '10.20.1.255')).status, 200, '256');
      assert.match((await range('10.20.2.1', '10.20.2.1')).text, /at most 256 addresses/);
      assert.equal((await range('10.20.2.1', '10.20.2.206', 'other')).status, 200);
    },
    { lab: { ...WITHOUT_STATIC, network: '10.20.0.0/22' } },
  ));

test('addresses of API 1.0 are those of 2.0, with the parameters and the four keys of its clients', () =>
  withNetworks(async (ask) => {
    const reserve = (fields: object) => ask('POST', '1.0/ipaddresses/?op=reserve', fields, 'user');
    const made = await reserve({ network: '10.20.0.0/24', requested_address: '10.20.0.244' });
    assert.deepEqual(Object.keys(made.json).sort(), ['alloc_type', 'created', 'ip', 'resource_uri'], made.text);
    assert.deepEqual([made.json.ip, made.json.alloc_type], ['10.20.0.244', 4]);
    const free = await reserve({ network: '10.20.0.0/24' });
    assert.equal(free.json.ip, '10.20.0.2');
    const listed = async (version: string) =>
      (await ask('GET', `${version}/ipaddresses/`, undefined, 'user')).json.map((one: { ip: string }) => one.ip);
    for (const version of ['1.0', '2.0']) assert.deepEqual(await listed(version), ['10.20.0.244', '10.20.0.2']);
    for (const version of ['1.0', '2.0'])
      await refusesEach(ask, 'POST', `${version}/ipaddresses/?op=reserve`, [
        [{ subnet: '10.20.0.0/24', mac: '52:54:00:00:00' }, 'mac'],
        [{ ip: '10.20.0.245', hostname: 'print_er' }, 'hostname'],
      ]);
    assert.equal((await ask('POST', '1.0/ipaddresses/?op=release', { ip: '10.20.0.244' }, 'other')).status, 404);
    assert.equal((await ask('POST', '1.0/ipaddresses/?op=release', { ip: '10.20.0.244' }, 'user')).status, 204);
    assert.deepEqual(await listed('1.0'), ['10.20.0.2']);
  }));

test('a static route is handed out by the racks of its source as option 121, at once', () =>
  withNetworks(async (ask, { region }) => {
    await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/16' });
    const fields = { source: '10.20.0.0/24', destination: '10.9.0.0/16', gateway_ip: '10.20.0.253', metric: 5 };
    const made = await ask('POST', '2.0/static-routes/', fields);
    assert.equal(made.status, 200, made.text);
    const { id, source, destination, ...rest } = made.json;
    assert.deepEqual([source.cidr, destination.cidr], ['10.20.0.0/24', '10.9.0.0/16']);
    assert.deepEqual(rest, {
      gateway_ip: '10.20.0.253',
      metric: 5,
      resource_uri: `/MAAS/api/2.0/static-routes/${id}/`,
    });
    const option = () => region.settings.interfacesOf(OWN_UUID)[0]?.options;
    assert.deepEqual(option(), [{ code: 121, value: [['10.9.0.0/16', '10.20.0.253']] }]);
    assert.deepEqual((await ask('GET', '2.0/static-routes/', undefined, 'user')).json, [made.json]);
    assert.deepEqual((await ask('GET', `2.0/static-routes/${id}/`)).json, made.json);
    const at = `2.0/static-routes/${id}/`;
    assert.equal((await ask('PUT', at, { gateway_ip: '10.20.0.252', metric: 0 })).json.metric, 0);
    assert.deepEqual(option(), [{ code: 121, value: [['10.9.0.0/16', '10.20.0.252']] }]);
    await refusesEach(ask, 'POST', '2.0/static-routes/', [
      [{ ...fields, gateway_ip: '10.9.0.1' }, 'gateway_ip'],
      [{ ...fields, gateway_ip: '10.20.0.252' }, 'gateway_ip'],
      [{ ...fields, destination: '10.20.0.0/24' }, 'destination'],
      [{ ...fields, source: 'none' }, 'source'],
      [{ ...fields, metric: 4294967296 }, 'metric'],
      [{ source: fields.source, destination: fields.destination }, 'gateway_ip'],
    ]);
    assert.equal((await ask('DELETE', `2.0/subnets/${destination.id}/`)).status, 409);
    assert.equal((await ask('DELETE', at)).status, 204);
    assert.equal(option(), undefined);
    for (const method of ['GET', 'PUT', 'DELETE'] as const) assert.equal((await ask(method, at)).status, 404);
    assert.equal((await ask('DELETE', `2.0/subnets/${destination.id}/`)).status, 204);
  }));

/** As `init` proposes it: the lower half for machines of the region, the upper half for unknown ones. */
const PROPOSED: Settings = {
  interface: 'eth1',
  management: 2,
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  router_ip: '10.20.0.254',
  ip_range_low: '10.20.0.159',
  ip_range_high: '10.20.0.253',
  static_ip_range_low: '10.20.0.65',
  static_ip_range_high: '10.20.0.158',
};
const DYNAMIC = { type: 'dynamic', start_ip: '10.20.0.100', end_ip: '10.20.0.200' };

test('a dynamic range that is there already is that one, with the comment that is given', () =>
  withNetworks(async (ask) => {
    const id = await idOf(ask, 'dynamic');
    const same = { type: 'dynamic', start_ip: LAB.ip_range_low, end_ip: LAB.ip_range_high };
    for (const fields of [same, { ...same, subnet: '10.20.0.0/24', comment: 'for new machines' }, same]) {
      const made = await ask('POST', '2.0/ipranges/', fields);
      assert.deepEqual([made.status, made.json.id], [200, id], made.text);
    }
    assert.equal((await ask('GET', `2.0/ipranges/${id}/`)).json.comment, 'for new machines');
    const refused = await ask('POST', '2.0/ipranges/', { ...same, end_ip: '10.20.0.198' });
    assert.match(refused.json.start_ip[0], /overlaps the dynamic range/);
  }));

test('a dynamic range replaces the proposed one, and the proposed static range gives way', () =>
  withNetworks(
    async (ask, { region }) => {
      const before = await idOf(ask, 'dynamic');
      const made = await ask('POST', '2.0/ipranges/', DYNAMIC);
      assert.deepEqual([made.status, made.json.id], [200, before], made.text);
      assert.deepEqual(texts(await rangesOf(ask)), ['dynamic 10.20.0.100 10.20.0.200', 'static 10.20.0.2 10.20.0.99']);
      assert.equal(region.settings.interfacesOf(OWN_UUID)[0]?.ip_range_high, '10.20.0.200');
      const second = await ask('POST', '2.0/ipranges/', { ...DYNAMIC, end_ip: '10.20.0.210' });
      assert.equal(second.status, 400, 'the range that a person chose stays');
      const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
      const on = { dhcp_on: 'True', primary_rack: 'maas' };
      assert.equal((await ask('PUT', `2.0/vlans/${vlans[0].id}/`, on)).json.dhcp_on, true);
    },
    { lab: PROPOSED },
  ));

const leaseAt = ({ region, clock }: RegionPlace, address: string) =>
  region.observe([
    {
      sequence: 1,
      kind: 'dhcp.ack',
      at: clock.wallTimeMs(),
      mac: '52:54:00:00:00:77',
      address,
      text: 'x',
      params: { leaseSeconds: 600 },
    },
  ]);

test('a proposed range in use stays: a machine or a lease has an address of it', async () => {
  const cases: readonly (readonly [string, (place: RegionPlace) => Promise<unknown>])[] = [
    ['a machine', (place) => machineAt(place, ['10.20.0.240'])],
    ['a lease', (place) => leaseAt(place, '10.20.0.250')],
  ];
  for (const [name, use] of cases)
    await withNetworks(
      async (ask, place) => {
        await use(place);
        const refused = await ask('POST', '2.0/ipranges/', DYNAMIC);
        assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['start_ip']], name);
      },
      { lab: PROPOSED },
    );
});
