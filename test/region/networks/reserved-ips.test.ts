// Reserved IPs: each host gets its address from every rack that serves the subnet by the store, and from the first one that will.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../src/machines/settings.ts';
import { assertStatus } from '../../support/answered.ts';
import type { RegionPlace } from '../place.ts';
import { acceptRack, hearRack, rackInterface } from '../racks/rack-place.ts';
import { LAB, machineAt, OWN_FILE, OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const PATH = '2.0/reservedips/';
const [FIRST, SECOND] = ['52:54:00:00:00:71', '52:54:00:00:00:72'];
const CIDR = '10.9.0.0/24';
const FAR: Settings = {
  interface: 'eth2',
  ip: '10.9.0.1',
  network: CIDR,
  ip_range_low: '10.9.0.100',
  ip_range_high: '10.9.0.199',
};

/** The entries of `hosts` that a rack gets. */
const hostsOf = ({ region }: RegionPlace, name: string, rack = OWN_UUID): unknown =>
  region.settings.stored(rack, `cluster_interfaces.${name}.hosts`);

const change = (
  { region }: RegionPlace,
  key: string,
  value: Settings | readonly Settings[] | undefined,
  rack = OWN_UUID,
) => region.settings.change(rack, [{ key: `cluster_interfaces.${key}`, value }], 'admin');

test('a reserved IP is an entry of hosts, with an id, a comment and the subnet, for users to read', () =>
  withNetworks(async (ask, place) => {
    const own = [{ mac: SECOND, ip: '10.20.0.3', hostname: 'nas' }];
    assert.equal(await change(place, 'lab.hosts', own), undefined);
    const fields = { ip: '10.20.0.150', mac_address: '52-54-00-00-00-71', comment: 'the printer' };
    assert.equal((await ask('POST', PATH, fields, 'user')).status, 403);
    const { json: made } = await assertStatus(ask('POST', PATH, fields), 200);
    assert.deepEqual(
      [made.ip, made.mac_address, made.comment, made.subnet.cidr, made.resource_uri],
      ['10.20.0.150', FIRST, 'the printer', '10.20.0.0/24', `/MAAS/api/2.0/reservedips/${made.id}/`],
    );
    assert.deepEqual(hostsOf(place, 'lab'), [...own, { mac: FIRST, ip: '10.20.0.150' }]);
    const listed = async () =>
      (await ask('GET', PATH, undefined, 'user')).json.map((one: typeof made) => [
        one.ip,
        one.mac_address,
        one.comment,
      ]);
    assert.deepEqual(await listed(), [
      ['10.20.0.3', SECOND, ''],
      ['10.20.0.150', FIRST, 'the printer'],
    ]);
    const one = `${PATH}${made.id}/`;
    assert.equal((await ask('PUT', one, { comment: 'x' }, 'user')).status, 403);
    assert.equal((await ask('PUT', one, { comment: 'the plotter' })).json.comment, 'the plotter');
    assert.equal((await ask('GET', one, undefined, 'user')).json.comment, 'the plotter');
    assert.equal((await ask('DELETE', one, undefined, 'user')).status, 403);
    await assertStatus(ask('DELETE', one), 204);
    assert.deepEqual([hostsOf(place, 'lab'), (await ask('GET', one)).status], [own, 404]);
    const { id } = (await ask('GET', PATH)).json[0];
    await assertStatus(ask('DELETE', `${PATH}${id}/`), 204);
    assert.deepEqual([await listed(), hostsOf(place, 'lab') ?? []], [[], []]);
    assert.deepEqual((await ask('GET', '2.0/ipaddresses/?all=true')).json, [], 'they are not addresses of users');
  }));

test('it is refused where somebody has the address, the host has another, and outside a subnet', () =>
  withNetworks(async (ask, place) => {
    await machineAt(place, ['10.20.0.20']);
    await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.5' });
    await ask('POST', '2.0/subnets/', { cidr: CIDR, gateway_ip: '10.9.0.254' });
    for (const ip of ['10.20.0.7', '10.9.0.7']) await assertStatus(ask('POST', PATH, { ip, mac_address: FIRST }), 200);
    const at = (ip: string, more: object = {}) => ({ ip, mac_address: SECOND, ...more });
    await refusesEach(ask, 'POST', PATH, [
      ...[
        '10.20.0.7',
        '10.20.0.20',
        '10.20.0.5',
        '10.20.0.1',
        '10.20.0.254',
        '10.20.0.255',
        '10.9.0.7',
        '10.9.0.254',
      ].map((ip) => [at(ip), 'ip'] as const),
      [at('10.99.0.1'), 'ip'],
      [at('10.20.0.8', { subnet: CIDR }), 'ip'],
      [at('10.20.0.8', { subnet: '10.99.0.0/24' }), 'subnet'],
      [{ ip: '10.20.0.8', mac_address: FIRST }, 'mac_address'],
      [{ ip: '10.9.0.8', mac_address: FIRST }, 'mac_address'],
      [{ ip: '10.20.0.8' }, 'mac_address'],
    ]);
    assert.equal((await ask('GET', PATH)).json.length, 2);
  }));

test('without a rack it waits for the first one, nobody else gets it, and it outlasts the racks', () =>
  withNetworks(async (ask, place) => {
    await ask('POST', '2.0/subnets/', { cidr: CIDR });
    const { json: made } = await ask('POST', PATH, { ip: '10.9.0.7', mac_address: FIRST, comment: 'x' });
    const refused = await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.9.0.7' });
    assert.match(refused.text, /^10\.9\.0\.7 cannot be reserved: the list of reserved IPs gives it to the host/);
    const entry = { mac: FIRST, ip: '10.9.0.7' };
    for (const [more, text] of [
      [{ ip: '10.9.0.7' }, /10\.9\.0\.7 is the rack's own address/],
      [{ router_ip: '10.9.0.7' }, /10\.9\.0\.7 is the router's address/],
      [{ hosts: [{ mac: FIRST, ip: '10.9.0.8' }] }, /hardware address .* is also in hosts\[0\]/],
    ] as const)
      assert.match((await change(place, 'far', { ...FAR, ...more }))?.text ?? '', text);
    const wide = { ...FAR, ip_range_low: '10.9.0.5' };
    assert.equal(await change(place, 'far', wide), undefined, 'it may be in the range of its own rack');
    assert.deepEqual(hostsOf(place, 'far'), [entry]);
    await hearOther(place);
    assert.deepEqual(hostsOf(place, 'far', OTHER.uuid), [entry], 'another rack answers the host as well');
    assert.equal(await change(place, 'far', undefined), undefined);
    assert.equal(await change(place, 'far', undefined, OTHER.uuid), undefined);
    const { json: left } = await ask('GET', `${PATH}${made.id}/`);
    assert.deepEqual([left.ip, left.comment], ['10.9.0.7', 'x']);
  }));

const OTHER = { uuid: '' };
async function hearOther(place: RegionPlace): Promise<void> {
  OTHER.uuid = (await acceptRack(place.region)).uuid;
  const { ip_range_low: _low, ip_range_high: _high, ...served } = FAR;
  assert.equal(
    await change(
      place,
      'far',
      { ...served, ip: '10.9.0.2', ip_range_low: '10.9.0.200', ip_range_high: '10.9.0.210' },
      OTHER.uuid,
    ),
    undefined,
  );
}

test('where a file has the subnet, it is refused with file and key', () =>
  withNetworks(
    async (ask, { region }) => {
      const refused = await ask('POST', PATH, { ip: '10.20.0.7', mac_address: FIRST });
      assert.equal(refused.status, 409, refused.text);
      assert.ok(refused.text.includes('cluster_interfaces.lab') && refused.text.includes(OWN_FILE), refused.text);
      const { uuid } = await acceptRack(region);
      await hearRack(region, uuid, [rackInterface()]);
      const remote = await ask('POST', PATH, { ip: '10.50.0.7', mac_address: FIRST });
      assert.match(remote.text, /rack-2/);
      assert.deepEqual((await ask('GET', PATH)).json, []);
    },
    {},
    { cluster_interfaces: [{ name: 'lab', ...LAB }] },
  ));
