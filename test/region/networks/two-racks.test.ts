// What one rack's configuration takes in a network that another rack serves, too: neither its dynamic range nor its router, by every way to write it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { FOREIGN_ADDRESSES_MAX } from '../../../src/region/networks/rack-hosts.ts';
import type { RegionPlace } from '../place.ts';
import { acceptRack, hearRack, rackInterface } from '../racks/rack-place.ts';
import { LAB, machineAt, withNetworks } from './network-place.ts';

/** The first rack has 10.20.0.100 to .199 and the router .254. */
const OTHER = { interface: 'eth1', ip: '10.20.0.3', network: '10.20.0.0/24', management: 1 };
const APART = { ip_range_low: '10.20.0.201', ip_range_high: '10.20.0.220' };

/** A second rack, in whose network a person has agreed. */
async function secondRack({ region }: RegionPlace) {
  const { uuid } = await acceptRack(region, { interfaces: [] });
  const report = { ...rackInterface('10.20.0.0/24'), ip: '10.20.0.3', ip_range_low: '', ip_range_high: '' };
  await hearRack(region, uuid, [{ ...report, name: 'far', router_ip: '', management: 0 }]);
  await region.racks.judge([uuid], 'accept', 'admin', ['10.20.0.0/24']);
  return (value: Settings) => region.settings.change(uuid, [{ key: 'cluster_interfaces.lab', value }], 'admin');
}

test('a range of one rack covers neither the range nor the router nor the address of another, and a router is in none', () =>
  withNetworks(async (_ask, place) => {
    const put = await secondRack(place);
    for (const [fields, field, text] of [
      [{ ip_range_low: '10.20.0.150', ip_range_high: '10.20.0.220' }, 'ip_range_low', /overlaps the dynamic range/],
      [{ ip_range_low: '10.20.0.240', ip_range_high: '10.20.0.254' }, 'ip_range_low', /the router 10\.20\.0\.254/],
      [{ ip_range_low: '10.20.0.1', ip_range_high: '10.20.0.2' }, 'ip_range_low', /10\.20\.0\.1 of the rack maas/],
      [{ ip_range_low: '10.20.0.50', ip_range_high: '10.20.0.60' }, 'ip_range_low', /overlaps the static range/],
      [{ ...APART, router_ip: '10.20.0.120' }, 'router_ip', /in the dynamic range 10\.20\.0\.100 to 10\.20\.0\.199/],
      [{ ...APART, ip: '10.20.0.120' }, 'ip', /in the dynamic range 10\.20\.0\.100 to 10\.20\.0\.199/],
      [{ ...APART, ip: '10.20.0.20' }, 'ip', /in the static range 10\.20\.0\.10 to 10\.20\.0\.99/],
      [{ ...APART, ip: '10.20.0.1' }, 'ip', /10\.20\.0\.1 is the address of the rack maas/],
    ] as const) {
      const refused = await put({ ...OTHER, ...fields });
      assert.match(refused?.text ?? '', new RegExp(`^cluster_interfaces.lab.${field}: `), JSON.stringify(fields));
      assert.match(refused?.text ?? '', text);
    }
    assert.equal(await put({ ...OTHER, ...APART, router_ip: '10.20.0.254' }), undefined);
  }));

test('a rack takes no address of a machine, a host or a user, but its own, and a range of none takes a DNS server', () =>
  withNetworks(
    async (ask, place) => {
      const put = await secondRack(place);
      await machineAt(place, ['10.20.0.230']);
      for (const ip of ['10.20.0.232', '10.20.0.4']) await ask('POST', '2.0/ipaddresses/?op=reserve', { ip });
      for (const [ip, text] of [
        ['10.20.0.230', /belongs to /],
        ['10.20.0.231', /kept for the host 52:54:00:00:00:71 by the configuration of the rack maas/],
        ['10.20.0.232', /is reserved by admin/],
      ] as const) {
        const refused = await put({ ...OTHER, ...APART, ip });
        assert.match(refused?.text ?? '', /^cluster_interfaces\.lab\.ip: /, ip);
        assert.match(refused?.text ?? '', text);
      }
      const hosts = [{ mac: '52:54:00:00:00:79', ip: '10.20.0.7' }];
      const { racks } = place.region;
      const [second] = racks.list().filter(({ name }) => name === 'rack-2');
      const host = (address: string, mac: string) => ({ interface: 'eth1', address, mac });
      await hearRack(place.region, second?.uuid ?? '', second?.interfaces ?? [], {
        addresses: [host('10.20.0.7/24', '52:54:00:00:00:73'), host('10.20.0.230/24', '52:54:00:00:00:01')],
      });
      const refused = await put({ ...OTHER, ...APART, ip: '10.20.0.7', hosts });
      assert.match(refused?.text ?? '', /10\.20\.0\.7 is the (?:address of the rack rack-2|rack's own address)/);
      assert.equal(await put({ ...OTHER, ...APART, ip: '10.20.0.230' }), undefined, 'its host is that machine');
      await ask('POST', '2.0/subnets/', { cidr: '10.21.0.0/24', dns_servers: '10.21.0.53' });
      const range = { type: 'dynamic', start_ip: '10.21.0.50', end_ip: '10.21.0.99' };
      assert.match((await ask('POST', '2.0/ipranges/', range)).text, /contains the DNS server 10\.21\.0\.53/);
    },
    { lab: { ...LAB, hosts: [{ mac: '52:54:00:00:00:71', ip: '10.20.0.231' }] } },
  ));

test('no dynamic range has an address of another rack’s hosts, and no entry is in the dynamic range of another rack', () =>
  withNetworks(
    async (ask, place) => {
      const put = await secondRack(place);
      const mac = '52:54:00:00:00:79';
      const inRange = await put({ ...OTHER, ...APART, hosts: [{ mac, ip: '10.20.0.150' }] });
      assert.match(
        inRange?.text ?? '',
        /^cluster_interfaces\.lab\.hosts\[0\]\.ip: .*in the dynamic range 10\.20\.0\.100/,
      );
      const over = await put({ ...OTHER, ip_range_low: '10.20.0.225', ip_range_high: '10.20.0.235' });
      assert.match(over?.text ?? '', /^cluster_interfaces\.lab\.ip_range_low: .*contains 10\.20\.0\.231/);
      assert.match(over?.text ?? '', /the host 52:54:00:00:00:71 by the configuration of the rack maas/);
      const own = [{ mac, ip: '10.20.0.210' }];
      assert.equal(await put({ ...OTHER, ...APART, hosts: own }), undefined, 'its own entry may be in its range');
      const range = (await ask('GET', '2.0/ipranges/')).json.find(
        ({ start_ip }: { readonly start_ip: string }) => start_ip === '10.20.0.201',
      );
      const path = `2.0/ipranges/${range.id}/`;
      assert.equal((await ask('PUT', path, { start_ip: '10.20.0.202' })).status, 200);
      assert.match((await ask('PUT', path, { end_ip: '10.20.0.232' })).text, /contains 10\.20\.0\.231/);
    },
    { lab: { ...LAB, hosts: [{ mac: '52:54:00:00:00:71', ip: '10.20.0.231' }] } },
  ));

test('a rack with entries of hosts alone gets a dynamic range over them', () => {
  const { ip_range_low: _, ip_range_high: __, ...hostsOnly } = LAB;
  const hosts = [{ mac: '52:54:00:00:00:71', ip: '10.20.0.150' }];
  return withNetworks(
    async (ask) => {
      const range = { type: 'dynamic', start_ip: '10.20.0.100', end_ip: '10.20.0.199' };
      const made = await ask('POST', '2.0/ipranges/', range);
      assert.equal(made.status, 200, made.text);
      assert.equal((await ask('PUT', `2.0/ipranges/${made.json.id}/`, { comment: 'all' })).status, 200);
    },
    { lab: { ...hostsOnly, hosts } },
  );
});

test('what one range has of another rack from before stays so', () =>
  withNetworks(async (ask, { region }) => {
    const { uuid } = await acceptRack(region, { interfaces: [] });
    const reservations = [{ mac: '52:54:00:00:00:71', ip: '10.20.0.150', hostname: '' }];
    const report = { ...rackInterface('10.20.0.0/24'), ip: '10.20.0.3', ip_range_low: '', ip_range_high: '' };
    await hearRack(region, uuid, [{ ...report, name: 'far', router_ip: '', reservations }]);
    await region.racks.judge([uuid], 'accept', 'admin', ['10.20.0.0/24']);
    const range = (await ask('GET', '2.0/ipranges/')).json.find(({ type }: { type: string }) => type === 'dynamic');
    const path = `2.0/ipranges/${range.id}/`;
    for (const fields of [{ comment: 'all' }, { end_ip: '10.20.0.210' }, { start_ip: '10.20.0.120' }]) {
      const changed = await ask('PUT', path, fields);
      assert.equal(changed.status, 200, changed.text);
    }
  }));

test('nobody gets the default router or another address of a rack’s host', () =>
  withNetworks(async (ask, { region }) => {
    const { uuid } = await acceptRack(region);
    const addresses = [
      { interface: 'eth1', address: '10.50.0.1/24', router: '10.50.0.2' },
      { interface: 'eth2', address: '10.50.0.3/24', mac: '52:54:00:00:00:33' },
      { interface: 'eth3', address: '10.60.0.5/24', router: '10.60.0.200' },
    ];
    await hearRack(region, uuid, [rackInterface()], { addresses });
    for (const [ip, purpose] of [
      ['10.50.0.2', 'gateway-ip'],
      ['10.50.0.3', 'rack'],
    ] as const) {
      const refused = await ask('POST', '2.0/ipaddresses/?op=reserve', { ip });
      assert.match(refused.text, new RegExp(`in use \\(${purpose}\\)`));
    }
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.50.0.0/24' })).json.ip, '10.50.0.4');
    const own = { ip: '10.50.0.3', mac: '52:54:00:00:00:33' };
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=reserve', own)).status, 200);
    const { id } = (await ask('POST', '2.0/subnets/', { cidr: '10.60.0.0/24' })).json;
    const proposed = await ask('GET', `2.0/subnets/${id}/?op=statistics&include_suggestions=true`);
    assert.deepEqual(proposed.json.suggested_dynamic_range, {
      start: '10.60.0.127',
      end: '10.60.0.199',
      num_addresses: 73,
    });
    const range = { type: 'dynamic', subnet: String(id), start_ip: '10.60.0.150', end_ip: '10.60.0.210' };
    assert.match((await ask('POST', '2.0/ipranges/', range)).text, /contains the router 10\.60\.0\.200/);
  }));

test('a rack takes at most a few addresses in a network of another rack, and no router, whatever it reports', () =>
  withNetworks(async (ask, { region }) => {
    const { uuid } = await acceptRack(region);
    const free = async () => (await ask('POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' })).json?.ip;
    const release = (ip: string) => ask('POST', '2.0/ipaddresses/?op=release', { ip });
    const first = await free();
    await release(first);
    const all = Array.from({ length: 254 }, (_, index) => `10.20.0.${index + 1}`);
    const on = (prefix: number, router?: string) =>
      all.map((address) => ({ interface: 'eth1', address: `${address}/${prefix}`, router }));
    const reservations = all.map((ip) => ({ mac: '52:54:00:00:00:77', ip }));
    const beside = { ...rackInterface('10.99.0.0/24'), ip: all[9] ?? '', router_ip: all[10] ?? '', reservations };
    for (const [name, addresses, owned, interfaces] of [
      ['single addresses', on(32), 0],
      ['single addresses that name a router', on(32, '10.20.0.10'), 0],
      ['addresses of a bridge of containers', on(24).map((found) => ({ ...found, interface: 'docker0' })), 0],
      ['addresses with the prefix of the network', on(24, '10.20.0.10'), FOREIGN_ADDRESSES_MAX],
      ['addresses of halves of it', on(25, '10.20.0.10'), FOREIGN_ADDRESSES_MAX],
      ['addresses in pairs', on(31), FOREIGN_ADDRESSES_MAX],
      ['addresses of a wide network', on(8, '10.20.0.10'), FOREIGN_ADDRESSES_MAX],
      [
        'an own address whose router is far away',
        [{ interface: 'e', address: '10.50.0.1/8', router: '10.20.0.10' }],
        0,
      ],
      ['a network of its own with reservations, an address and a router elsewhere', [], 0, [beside]],
    ] as const) {
      await hearRack(region, uuid, interfaces ?? [rackInterface()], { addresses });
      const view = await region.networks.look();
      const { rackHosts, reported, served } = view;
      const hosts = rackHosts.filter(({ address }) => formatIpv4(address).startsWith('10.20.0.'));
      assert.equal(hosts.length, owned, name);
      assert.ok(
        rackHosts.every(({ router }) => router === undefined || !formatIpv4(router).startsWith('10.20.0.')),
        name,
      );
      const far = [...reported, ...served].filter(({ rack }) => rack === uuid);
      assert.ok(
        far.every(
          ({ address, router }) => ![address, router].some((ip) => ip !== undefined && all.includes(formatIpv4(ip))),
        ),
        name,
      );
      const gotten = await free();
      assert.equal(typeof gotten, 'string', name);
      await release(gotten);
    }
    await hearRack(region, uuid, [rackInterface()], { addresses: on(24) });
    for (const ip of ['10.20.0.2', '10.20.0.200'])
      assert.equal(
        (await ask('POST', '2.0/ipaddresses/?op=reserve', { ip })).status,
        ip === '10.20.0.2' ? 409 : 200,
        ip,
      );
  }));
