// Hosts that racks heard, by the API: leases of strangers and neighbours on the wire.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { OWN_UUID, withNetworks } from '../networks/network-place.ts';
import { withCallers } from './callers-place.ts';

const KEYS =
  'discovery_id fabric fabric_name first_seen hostname ip is_external_dhcp last_seen mac_address mac_organization mdns observer ' +
  'resource_uri subnet vid';
const STRANGER = '52:54:00:00:00:0a';
const NEIGHBOUR = '52:54:00:00:00:0b';

test('strangers with a lease and neighbours are listed with every key, until a device has their address', () =>
  withCallers(async ({ ask, store, clock }) => {
    const at = clock.wallTimeMs();
    const base = { text: 'x', at };
    await store.recordReports('rack', [
      {
        ...base,
        sequence: 1,
        kind: 'net.neighbour-new',
        mac: STRANGER,
        address: '10.20.0.30',
        params: { interface: 'eth1' },
      },
      { ...base, sequence: 2, at: at + 5, kind: 'dhcp.ack', mac: STRANGER, address: '10.20.0.30', params: {} },
      {
        ...base,
        sequence: 3,
        kind: 'net.neighbour-new',
        mac: NEIGHBOUR,
        address: '10.20.0.31',
        params: { interface: 'eth1' },
      },
      { ...base, sequence: 4, kind: 'dhcp.offer', mac: '52:54:00:00:00:0c', address: '10.20.0.32' },
    ]);
    const { json: list } = await ask('alice', 'GET', 'discovery/');
    const [neighbour, stranger] = list;
    assert.deepEqual(
      list.map(({ ip, mac_address: mac }: { readonly ip: string; readonly mac_address: string }) => [ip, mac]),
      [
        ['10.20.0.31', NEIGHBOUR],
        ['10.20.0.30', STRANGER],
      ],
    );
    assert.deepEqual(Object.keys(neighbour).toSorted(), KEYS.split(' '));
    assert.deepEqual([neighbour.subnet.cidr, neighbour.fabric_name], ['10.20.0.0/24', 'fabric-0']);
    assert.deepEqual([Date.parse(stranger.first_seen), Date.parse(stranger.last_seen)], [at, at + 5]);
    for (const op of ['by_unknown_mac', 'by_unknown_ip', 'by_unknown_ip_and_mac'])
      assert.deepEqual((await ask('alice', 'GET', `discovery/?op=${op}`)).json, list, op);
    assert.deepEqual((await ask('alice', 'GET', `discovery/${neighbour.discovery_id}/`)).json, neighbour);
    await assertStatus(ask('alice', 'GET', 'discovery/absent/'), 404);
    await assertStatus(ask('alice', 'POST', 'discovery/?op=clear', { all: 'true' }), 403);
    await assertStatus(ask('root', 'POST', 'discovery/?op=clear'), 400);
    await assertStatus(ask('root', 'POST', 'discovery/?op=clear', { mdns: 'true' }), 204);
    assert.deepEqual((await ask('alice', 'GET', 'discovery/')).json, list, 'it has no names by multicast DNS');
    await ask('alice', 'POST', 'devices/', { mac_addresses: STRANGER });
    assert.deepEqual((await ask('alice', 'GET', 'discovery/')).json, [neighbour]);
    const one = 'discovery/?op=clear_by_mac_and_ip';
    const itself = { mac: NEIGHBOUR, ip: '10.20.0.31' };
    await assertStatus(ask('alice', 'POST', one, itself), 403);
    assert.deepEqual(Object.keys((await ask('root', 'POST', one, { mac: 'x' })).json).toSorted(), ['ip', 'mac']);
    await assertStatus(ask('root', 'POST', one, { ...itself, ip: '10.20.0.32' }), 404);
    const silent = { ...base, sequence: 5, at: at + 6, kind: 'net.neighbour-new', mac: '52:54:00:00:00:0d' };
    await store.recordReports('rack', [{ ...silent, address: '10.20.0.35', params: { interface: 'eth1' } }]);
    await assertStatus(ask('root', 'POST', one, itself), 204);
    const others = (await ask('alice', 'GET', 'discovery/')).json.map(({ ip }: { readonly ip: string }) => ip);
    assert.deepEqual(others, ['10.20.0.35']);
    await assertStatus(ask('root', 'POST', one, itself), 404);
    for (const field of ['all', 'neighbours']) {
      await assertStatus(ask('root', 'POST', 'discovery/?op=clear', { [field]: 'true' }), 204);
      assert.deepEqual((await ask('alice', 'GET', 'discovery/')).json, []);
    }
    const again = {
      ...base,
      sequence: 6,
      at: at + 9,
      kind: 'net.neighbour-new',
      mac: NEIGHBOUR,
      address: '10.20.0.33',
    };
    await store.recordReports('rack', [{ ...again, params: { interface: 'eth1' } }]);
    const heard = (await ask('alice', 'GET', 'discovery/')).json;
    assert.deepEqual(
      heard.map((one: { ip: string; first_seen: string }) => [one.ip, Date.parse(one.first_seen)]),
      [['10.20.0.33', at + 9]],
    );
  }));

test('the observer of a host is the rack that heard it, also that of the region', () =>
  withNetworks(async (ask, { store, clock }) => {
    const heard = {
      text: 'x',
      at: clock.wallTimeMs(),
      kind: 'net.neighbour-new',
      mac: NEIGHBOUR,
      address: '10.20.0.31',
    };
    const elsewhere = { ...heard, mac: STRANGER, address: '10.20.0.32' };
    await store.recordReports('', [
      { ...heard, sequence: 1, params: { interface: 'eth1' } },
      { ...heard, mac: '52:54:00:00:00:0e', address: '10.20.0.33', sequence: 2, params: { interface: 'eth1' } },
      { ...elsewhere, sequence: 3, params: { interface: 'eth2' } },
    ]);
    const [other, again, { observer }] = (await ask('GET', '2.0/discovery/')).json;
    assert.equal(typeof observer.interface_id, 'number');
    assert.deepEqual(again.observer, observer);
    assert.notEqual(other.observer.interface_id, observer.interface_id);
    assert.deepEqual([observer.system_id, observer.hostname, observer.interface_name], [OWN_UUID, 'maas', 'eth1']);
  }));
