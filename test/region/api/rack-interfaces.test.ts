// The interfaces of the hosts of racks: in the lists of racks, regions and nodes, and read alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostAddress } from '../../../src/region/records/rack-description.ts';
import type { Region } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { OWN_UUID } from '../networks/network-place.ts';
import { acceptRack, digestOf, hearRack, OTHER_UUID, RACK_UUID, rackInterface } from '../racks/rack-place.ts';
import { type CallersPlace, withCallers } from './callers-place.ts';

const MAC = '52:54:00:00:0f:01';
const HOST: readonly HostAddress[] = [
  { interface: 'eth1', address: '10.20.0.1/24', mac: MAC },
  { interface: 'eth1.30', address: '10.30.0.1/24', mac: MAC },
  // In no network of machines.
  { interface: 'eth0', address: '192.0.2.5/32' },
  { interface: 'eth2', address: '192.0.2.69/26' },
];
const INTERFACES = `nodes/${RACK_UUID}/interfaces/`;
const KEY = { kind: 'own', token: 'token-3', secretDigest: digestOf('secret') } as const;
const OTHER = { uuid: OTHER_UUID, name: 'rack-3', key: KEY } as const;

/** The rack reports its host. */
async function beat(region: Region, addresses: readonly HostAddress[] = HOST) {
  const { interfaces } = region.racks.find(RACK_UUID) ?? assert.fail('a rack');
  await hearRack(region, RACK_UUID, interfaces, { addresses });
}

interface Nic {
  readonly id: number;
  readonly name: string;
  readonly mac_address: string;
  readonly vlan: { readonly vid: number; readonly fabric_id: number } | null;
  readonly links: readonly {
    readonly id: number;
    readonly ip_address: string;
    readonly subnet?: { readonly cidr: string };
  }[];
}

const nicsOf = async ({ ask }: CallersPlace, path = INTERFACES): Promise<readonly Nic[]> => {
  const answer = await assertStatus(ask('alice', 'GET', path), 200);
  return answer.json;
};

/** The parts of an interface that scripts read. */
const shownOf = ({ name, mac_address: mac, vlan, links }: Nic) => [
  name,
  mac,
  vlan?.vid,
  vlan?.fabric_id,
  ...links.flatMap(({ subnet, ip_address: address }) => [subnet?.cidr, address]),
];

/** A name of the type of a value; of a list, of its entries too. */
const typeOf = (value: unknown): string =>
  Array.isArray(value) ? 'list' : value === null || typeof value === 'object' ? 'object' : typeof value;
const typesOf = (value: object): readonly (readonly [string, string])[] =>
  Object.entries(value)
    .map(([key, one]) => [key, typeOf(one)] as const)
    .toSorted();

test('a rack shows the interfaces of its host with fabric, VLAN, subnet and address, everywhere alike', () =>
  withCallers(async (place) => {
    const { ask, region } = place;
    const fabric = (await ask('root', 'POST', 'fabrics/', { name: 'hall' })).json.id;
    await ask('root', 'POST', `fabrics/${fabric}/vlans/`, { vid: '30', mtu: '1400' });
    await assertStatus(ask('root', 'POST', 'subnets/', { cidr: '10.30.0.0/24', fabric, vid: '30' }), 200);
    await beat(region);
    const nics = await nicsOf(place);
    assert.deepEqual(nics.map(shownOf), [
      ['eth1', MAC, 0, 0, '10.20.0.0/24', '10.20.0.1'],
      ['eth1.30', MAC, 30, fabric, '10.30.0.0/24', '10.30.0.1'],
      ['eth0', '', undefined, undefined, undefined, '192.0.2.5'],
      ['eth2', '', 0, 0, '192.0.2.64/26', '192.0.2.69'],
    ]);
    const [racks, alone, nodes] = [
      (await ask('alice', 'GET', 'rackcontrollers/')).json[0],
      (await ask('alice', 'GET', `rackcontrollers/${RACK_UUID}/`)).json,
      (await ask('alice', 'GET', 'nodes/')).json.at(-1),
    ];
    for (const one of [racks, alone, nodes, (await ask('alice', 'GET', `nodes/${RACK_UUID}/`)).json])
      assert.deepEqual([one.system_id, one.interface_set], [RACK_UUID, nics]);
    assert.deepEqual(alone.ip_addresses, ['10.20.0.1']);
    const [first, tagged] = (await ask('alice', 'GET', INTERFACES)).json;
    assert.deepEqual([first.type, first.children, first.system_id], ['physical', ['eth1.30'], RACK_UUID]);
    assert.deepEqual([tagged.type, tagged.parents, tagged.effective_mtu], ['vlan', ['eth1'], 1400]);
  }));

test('an interface of a rack has the keys and the types of one of a machine', () =>
  withCallers(async (place) => {
    await beat(place.region);
    const [ofMachine] = (await place.ask('alice', 'GET', `nodes/${place.systemId}/interfaces/`)).json;
    const [ofRack, , foreign] = await nicsOf(place);
    const untyped = (types: ReturnType<typeof typesOf>) => types.filter(([key]) => key !== 'driver');
    assert.deepEqual(untyped(typesOf(ofRack ?? {})), untyped(typesOf(ofMachine)));
    assert.deepEqual(typesOf(ofRack?.links[0] ?? {}), [
      ['id', 'number'] as const,
      ['ip_address', 'string'] as const,
      ['mode', 'string'] as const,
      ['subnet', 'object'],
    ]);
    assert.deepEqual(typesOf(foreign?.links[0] ?? {}).length, 3, 'no subnet has this address');
  }));

test('an interface of a rack is read by its id, its name or its hardware address', () =>
  withCallers(async (place) => {
    const { ask, region } = place;
    await beat(region);
    for (const nic of await nicsOf(place)) {
      const { resource_uri: uri } = (await ask('alice', 'GET', `${INTERFACES}${nic.id}/`)).json;
      assert.equal(uri, `/MAAS/api/2.0/${INTERFACES}${nic.id}/`);
      for (const path of [uri, `${INTERFACES}${nic.name}/`])
        assert.deepEqual((await ask('alice', 'GET', path)).json, nic, path);
    }
    assert.equal((await ask('alice', 'GET', `${INTERFACES}${MAC.toUpperCase()}/`)).json.name, 'eth1');
    const none = await ask('alice', 'GET', `${INTERFACES}eth9/`);
    assert.deepEqual([none.status, /rack-2 has no interface eth9/.test(none.text)], [404, true], none.text);
    for (const path of [`machines/${RACK_UUID}/interfaces/`, `nodes/${OTHER_UUID}/interfaces/`])
      assert.equal((await ask('alice', 'GET', path)).status, 404, path);
  }));

test('the ids of the interfaces of a rack stay, differ from those of other racks, and are larger than those of machines', () =>
  withCallers(async (place) => {
    const { ask, region, systemId } = place;
    await beat(region);
    const before = await nicsOf(place);
    await beat(region, HOST.toReversed());
    const byId = (one: Nic, other: Nic) => one.id - other.id;
    assert.deepEqual((await nicsOf(place)).toSorted(byId), before.toSorted(byId));
    const { interfaces } = region.racks.find(RACK_UUID) ?? assert.fail('a rack');
    await ask('root', 'DELETE', `rackcontrollers/${RACK_UUID}/`);
    await acceptRack(region, { interfaces });
    await beat(region);
    assert.deepEqual(await nicsOf(place), before);
    await acceptRack(region, { ...OTHER, interfaces: [rackInterface('10.60.0.0/24')] });
    const [other] = await nicsOf(place, `nodes/${OTHER_UUID}/interfaces/`);
    const [ofMachine] = await nicsOf(place, `nodes/${systemId}/interfaces/`);
    const ids = before.flatMap(({ id, links }) => [id, ...links.map((link) => link.id)]);
    assert.deepEqual([other?.name, ids.includes(other?.id ?? 0)], ['eth1', false]);
    for (const id of ids) assert.ok(id > 2 ** 30 && id < 2 ** 31 && id > (ofMachine?.id ?? 0), String(id));
  }));

test('a rack that does not report its host shows the interfaces of its cluster interfaces', () =>
  withCallers(async (place) => {
    assert.deepEqual((await nicsOf(place)).map(shownOf), [['eth1', '', 0, 0, '10.20.0.0/24', '10.20.0.1']]);
    const behindRelays = { ...rackInterface('10.60.0.0/24'), interface: '', ip: '' };
    await acceptRack(place.region, { ...OTHER, interfaces: [behindRelays] });
    assert.deepEqual(await nicsOf(place, `nodes/${OTHER_UUID}/interfaces/`), []);
  }));

test('the region shows the interfaces of the rack in its process, and without one none', () =>
  withCallers(async ({ ask, region }) => {
    assert.deepEqual((await ask('alice', 'GET', 'regioncontrollers/')).json[0].interface_set, []);
    const own = { uuid: OWN_UUID, name: 'own', version: '0.1.0', interfaces: [], pinned: [], addresses: HOST };
    await region.racks.putOwn(own);
    const [shown] = (await ask('alice', 'GET', 'regioncontrollers/')).json;
    assert.deepEqual(
      shown.interface_set.map(({ name }: Nic) => name),
      ['eth1', 'eth1.30', 'eth0', 'eth2'],
    );
    assert.equal(shown.interface_set[0].resource_uri.startsWith(`/MAAS/api/2.0/nodes/${OWN_UUID}/interfaces/`), true);
  }));

test('lists choose racks by the hardware addresses of their hosts', () =>
  withCallers(async ({ ask, region }) => {
    await beat(region);
    for (const path of ['rackcontrollers/', 'nodes/']) {
      const found = (await ask('alice', 'GET', `${path}?mac_address=${MAC}`)).json;
      assert.deepEqual(
        found.map((one: { readonly system_id: string }) => one.system_id),
        [RACK_UUID],
        path,
      );
      assert.deepEqual((await ask('alice', 'GET', `${path}?mac_address=52:54:00:00:0f:02`)).json, [], path);
    }
  }));

test('changes of the interfaces of a rack are refused with its name, and change nothing', () =>
  withCallers(async (place) => {
    const { ask, region } = place;
    await beat(region);
    const before = await nicsOf(place);
    const [{ id } = assert.fail('an interface')] = before;
    const one = `${INTERFACES}${id}/`;
    for (const [method, path, fields] of [
      ['POST', `${INTERFACES}?op=create_physical`, { mac_address: '52:54:00:00:0f:09' }],
      ['POST', `${INTERFACES}?op=create_bond`, { name: 'bond0', parents: String(id) }],
      ['POST', `${INTERFACES}?op=create_bridge`, { name: 'br0', parent: String(id) }],
      ['POST', `${INTERFACES}?op=create_vlan`, { parent: String(id), vlan: '5001' }],
      ['PUT', one, { name: 'lan0' }],
      ['PUT', one, { mac_address: '52:54:00:00:0f:09' }],
      ['DELETE', one, {}],
      ['POST', `${one}?op=link_subnet`, { mode: 'link_up' }],
      ['POST', `${one}?op=unlink_subnet`, { id: '1' }],
      ['POST', `${one}?op=set_default_gateway`, {}],
      ['POST', `${one}?op=disconnect`, {}],
      ['POST', `${one}?op=add_tag`, { tag: 'x' }],
      ['POST', `${one}?op=remove_tag`, { tag: 'x' }],
    ] as const) {
      const refused = await ask('root', method, path, fields);
      const isNamed = refused.text.startsWith('rack-2 is a rack: ');
      assert.deepEqual([refused.status, refused.refusal, isNamed], [409, 'layout-refused', true], `${method} ${path}`);
    }
    assert.deepEqual(await nicsOf(place), before);
  }));
