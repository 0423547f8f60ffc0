// A new dynamic range is checked against what is reserved and what machines have, whoever makes it: by API 1.0, by a setting, by API 2.0.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { enlist, report } from '../place.ts';
import { LAB, OWN_UUID, withNetworks } from './network-place.ts';

const INTERFACES = `1.0/nodegroups/${OWN_UUID}/interfaces/`;
const WITHOUT_STATIC = { static_ip_range_low: '', static_ip_range_high: '' };

/** Conflicts: what exists, the range that would have it, and the words of the refusal. */
const CONFLICTS = [
  ['a reserved range', '10.20.0.200', '10.20.0.210', /overlaps the reserved range 10\.20\.0\.205 to 10\.20\.0\.207/],
  ['an address that a user reserved', '10.20.0.211', '10.20.0.220', /contains 10\.20\.0\.215, which user has reserved/],
  ['the address of a machine', '10.20.0.221', '10.20.0.240', /contains the address 10\.20\.0\.230 of the machine/],
] as const;

test('a dynamic range with taken addresses is refused, by every way to make one, and nothing is changed', () =>
  withNetworks(async (ask, { region, store }) => {
    const reserved = { type: 'reserved', start_ip: '10.20.0.205', end_ip: '10.20.0.207' };
    assert.equal((await ask('POST', '2.0/ipranges/', reserved)).status, 200);
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.215' }, 'user')).status, 200);
    const { systemId } = await enlist(region, report([0x525400000001]));
    const addresses = [{ mac: mac(0x525400000001), address: ipv4(0x0a1400e6) }];
    await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields: {}, events: [], addresses }));
    const range = (await ask('GET', '2.0/ipranges/')).json.find((one: { type: string }) => one.type === 'dynamic');
    const before = region.settings.interfacesOf(OWN_UUID);
    for (const [what, low, high, words] of CONFLICTS) {
      const old = await ask('PUT', `${INTERFACES}lab/`, { ip_range_low: low, ip_range_high: high });
      assert.deepEqual([old.status, Object.keys(old.json)], [400, ['ip_range_low']], what);
      assert.match(old.text, words);
      const lab = { ...LAB, ip_range_low: low, ip_range_high: high };
      const set = await region.settings.change(OWN_UUID, [{ key: 'cluster_interfaces.lab', value: lab }], 'admin');
      assert.match(JSON.stringify(set), words);
      const young = await ask('PUT', `2.0/ipranges/${range.id}/`, { start_ip: low, end_ip: high });
      assert.deepEqual([young.status, Object.keys(young.json)], [400, ['start_ip']], what);
      assert.match(young.text, words);
    }
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), before);
    assert.equal((await store.listSettings()).length, 1);
    const free = await ask('PUT', `${INTERFACES}lab/`, { ip_range_low: '10.20.0.100', ip_range_high: '10.20.0.204' });
    assert.equal(free.status, 200, free.text);
  }));

test('a new cluster interface is checked in the same way, and what was dynamic before may stay so', () =>
  withNetworks(async (ask, { store, region }) => {
    await ask('POST', '2.0/subnets/', { cidr: '10.21.0.0/24' });
    await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.21.0.5' }, 'user');
    const far = { ...LAB, ...WITHOUT_STATIC, interface: 'eth2', ip: '10.21.0.1', router_ip: '', management: 2 };
    const fields = { ...far, network: '', subnet_mask: '255.255.255.0', name: 'far' };
    const bounds = { ip_range_low: '10.21.0.2', ip_range_high: '10.21.0.9' };
    const refused = await ask('POST', `${INTERFACES}?op=new`, { ...fields, ...bounds });
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['ip_range_low']], refused.text);
    const { systemId } = await enlist(region, report([0x525400000001]));
    // Older than the check: a machine has an address of the range.
    const addresses = [{ mac: mac(0x525400000001), address: ipv4(0x0a140096) }];
    await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields: {}, events: [], addresses }));
    const grown = await ask('PUT', `${INTERFACES}lab/`, { ip_range_high: '10.20.0.210' });
    assert.equal(grown.status, 200, grown.text);
  }));

test('a range takes no router of its subnet, which machines keep when a rack begins to serve them', () =>
  withNetworks(async (ask, { region }) => {
    const made = await ask('POST', '2.0/subnets/', { cidr: '10.21.0.0/24', gateway_ip: '10.21.0.150' });
    assert.equal(made.status, 200, made.text);
    const { router_ip: _, ...unrouted } = LAB;
    const far = { ...unrouted, interface: 'eth2', ip: '10.21.0.1', network: '10.21.0.0/24' };
    const put = (fields: Settings) => {
      const value = { ...far, static_ip_range_low: '10.21.0.10', static_ip_range_high: '10.21.0.99', ...fields };
      return region.settings.change('', [{ key: 'cluster_interfaces.far', value }], 'admin');
    };
    const refused = await put({ ip_range_low: '10.21.0.100', ip_range_high: '10.21.0.199' });
    assert.match(refused?.text ?? '', /^cluster_interfaces\.far\.ip_range_low: .*the router 10\.21\.0\.150/);
    assert.equal(await put({ ip_range_low: '10.21.0.160', ip_range_high: '10.21.0.199' }), undefined);
    const path = `2.0/subnets/${made.json.id}/`;
    assert.equal((await ask('GET', path)).json.gateway_ip, '10.21.0.150');
    assert.equal((await ask('PUT', path, { description: 'far' })).json.gateway_ip, '10.21.0.150');
    assert.equal((await ask('PUT', path, { gateway_ip: '10.21.0.151' })).json.gateway_ip, '10.21.0.151');
    assert.equal((await ask('PUT', path, { gateway_ip: '' })).json.gateway_ip, null);
  }));

test('no DNS server of a network is in a dynamic range, by every way and in either order, unless an entry of hosts keeps it', () =>
  withNetworks(async (ask, { region }) => {
    const kept = { hosts: [{ mac: '52:54:00:00:00:71', ip: '10.20.0.160' }] };
    const put = (fields: Settings) =>
      region.settings.change(OWN_UUID, [{ key: 'cluster_interfaces.lab', value: { ...LAB, ...fields } }], 'admin');
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const inRange = /10\.20\.0\.175 is in the dynamic range 10\.20\.0\.100 to 10\.20\.0\.199/;
    const servers = { dns_servers: '10.20.0.1 192.0.2.53 10.20.0.175' };
    for (const [path, method] of [
      [`2.0/subnets/${id}/`, 'PUT'],
      ['1.0/networks/maas-lab/', 'PUT'],
    ] as const) {
      const refused = await ask(method, path, servers);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['dns_servers']], path);
      assert.match(refused.text, inRange);
    }
    const set = await put({ dns_servers: ['10.20.0.175'] });
    assert.match(set?.text ?? '', /^cluster_interfaces\.lab\.dns_servers: /);
    assert.match(set?.text ?? '', inRange);
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { dns_servers: '10.20.0.1 10.20.0.205' })).status, 200);
    const after = { dns_servers: ['10.20.0.1', '10.20.0.205'], ip_range_high: '10.20.0.210' };
    const grown = await put(after);
    assert.match(grown?.text ?? '', /^cluster_interfaces\.lab\.ip_range_low: .*contains the DNS server 10\.20\.0\.205/);
    const old = await ask('PUT', `${INTERFACES}lab/`, { ip_range_high: '10.20.0.210' });
    assert.deepEqual([old.status, Object.keys(old.json)], [400, ['ip_range_low']], old.text);
    assert.equal(await put({ ...after, hosts: [{ mac: '52:54:00:00:00:71', ip: '10.20.0.205' }] }), undefined);
    assert.equal(await put({ ...kept, dns_servers: ['10.20.0.160'] }), undefined);
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { dns_servers: '10.20.0.160 10.20.0.2' })).status, 200);
  }));

test('a DNS server that was in the range before stays, and a subnet without a rack is judged in the same way', () =>
  withNetworks(async (ask, { region, store }) => {
    const value = { ...LAB, dns_servers: ['10.20.0.175'] };
    const changes = [{ rack: OWN_UUID, key: 'cluster_interfaces.lab', value }];
    await store.changeSettings<never>(1, () => ({ kind: 'change', changes, events: [] }));
    await region.settings.load();
    const [one] = (await ask('GET', '2.0/subnets/')).json;
    assert.equal((await ask('PUT', `2.0/subnets/${one.id}/`, { dns_servers: '10.20.0.175 10.20.0.2' })).status, 200);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID)[0]?.dns_servers, ['10.20.0.175', '10.20.0.2']);
    assert.equal((await ask('PUT', `${INTERFACES}lab/`, { ip_range_high: '10.20.0.210' })).status, 200);
    const [range] = (await ask('GET', '2.0/ipranges/')).json;
    assert.equal((await ask('PUT', `2.0/ipranges/${range.id}/`, { end_ip: '10.20.0.205' })).status, 200);
    const far = (await ask('POST', '2.0/subnets/', { cidr: '10.21.0.0/24', dns_servers: '10.21.0.3' })).json;
    const bounds = { type: 'dynamic', start_ip: '10.21.0.50', end_ip: '10.21.0.99' };
    assert.equal((await ask('POST', '2.0/ipranges/', bounds)).status, 200);
    const refused = await ask('PUT', `2.0/subnets/${far.id}/`, { dns_servers: '10.21.0.60' });
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['dns_servers']], refused.text);
  }));
