// The addresses that `hosts` of a rack's configuration keep are nobody else's: those that the region stores at once, and those of a remote
// rack's file as it reports them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../src/machines/settings.ts';
import { acceptRack, hearRack, rackInterface } from '../racks/rack-place.ts';
import { LAB, machineAt, OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const RESERVE = '2.0/ipaddresses/?op=reserve';
const SUBNET = '10.20.0.0/24';
const [FIRST, SECOND] = ['52:54:00:00:00:71', '52:54:00:00:00:72'];
/** In the static range, and outside the ranges. */
const HOSTS = [
  { mac: FIRST, ip: '10.20.0.10', hostname: 'nas' },
  { mac: SECOND, ip: '10.20.0.2' },
  { client_id: 'printer', ip: '10.20.0.3' },
];
const REMOTE = { ...rackInterface(), reservations: [{ mac: FIRST, ip: '10.50.0.7', hostname: 'nas' }] };

test('nobody reserves the address of an entry, which is listed as used; its host may have it reserved', () =>
  withNetworks(
    async (ask) => {
      assert.equal((await ask('POST', RESERVE, { subnet: SUBNET }, 'admin')).json.ip, '10.20.0.11');
      assert.equal((await ask('POST', RESERVE, { subnet: SUBNET }, 'user')).json.ip, '10.20.0.4');
      for (const [ip, whose] of [
        ['10.20.0.10', FIRST],
        ['10.20.0.2', SECOND],
        ['10.20.0.3', 'another client'],
      ] as const) {
        const refused = await ask('POST', RESERVE, { ip, mac: '52:54:00:00:00:79' });
        assert.equal(refused.status, 409, refused.text);
        assert.match(refused.text, new RegExp(`configuration of the rack maas gives it to .*${whose}`));
      }
      const used = (await ask('GET', `2.0/subnets/${SUBNET.replace('/', '%2F')}/?op=reserved_ip_ranges`)).json;
      const listed = used.filter(({ start }: { readonly start: string }) => start === '10.20.0.10');
      assert.deepEqual(listed[0]?.purpose, ['assigned-ip']);
      assert.equal((await ask('POST', RESERVE, { ip: '10.20.0.10', mac: FIRST })).status, 200);
    },
    { lab: { ...LAB, hosts: HOSTS } },
  ));

test('nobody reserves the address that the file of a remote rack keeps for a host', () =>
  withNetworks(async (ask, { region }) => {
    const { uuid } = await acceptRack(region);
    await hearRack(region, uuid, [REMOTE]);
    const refused = await ask('POST', RESERVE, { ip: '10.50.0.7' });
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.text, /configuration of the rack rack-2 gives it to the host 52:54:00:00:00:71/);
    assert.equal((await ask('POST', RESERVE, { ip: '10.50.0.8' })).status, 200);
  }));

test('an entry takes no address of a machine, a user or a static route, and one that was there stays', () =>
  withNetworks(async (ask, place) => {
    const { region } = place;
    const { uuid } = await acceptRack(region, { interfaces: [] });
    await hearRack(region, uuid, [], { addresses: [{ interface: 'eth1', address: '10.20.0.8/24' }] });
    await machineAt(place, ['10.20.0.20']);
    await ask('POST', RESERVE, { ip: '10.20.0.5', mac: SECOND });
    await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/16' });
    const route = { source: SUBNET, destination: '10.9.0.0/16', gateway_ip: '10.20.0.6' };
    assert.equal((await ask('POST', '2.0/static-routes/', route)).status, 200);
    const put = (hosts: readonly Settings[]) =>
      region.settings.change(OWN_UUID, [{ key: 'cluster_interfaces.lab', value: { ...LAB, hosts } }], 'admin');
    for (const [ip, text] of [
      ['10.20.0.20', /^cluster_interfaces\.lab\.hosts\[1\]\.ip: 10\.20\.0\.20 belongs to /],
      ['10.20.0.5', /10\.20\.0\.5 is reserved by admin/],
      ['10.20.0.6', /10\.20\.0\.6 is the router/],
      ['10.20.0.8', /10\.20\.0\.8 is the address of the rack rack-2/],
    ] as const) {
      const refused = await put([
        { mac: FIRST, ip: '10.20.0.30' },
        { mac: FIRST.replace('71', '79'), ip },
      ]);
      assert.match(refused?.text ?? '', text);
    }
    const own = [
      { mac: '52:54:00:00:00:01', ip: '10.20.0.20' },
      { mac: SECOND, ip: '10.20.0.5' },
    ];
    assert.equal(await put(own), undefined, 'the machine and the host may have their own addresses there');
    assert.equal(await put([...own].reverse()), undefined);
  }));

test('neither a static route nor a subnet has its router at the address of an entry', () =>
  withNetworks(
    async (ask) => {
      await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/16' });
      const route = { source: SUBNET, destination: '10.9.0.0/16', gateway_ip: '10.20.0.10' };
      await refusesEach(ask, 'POST', '2.0/static-routes/', [[route, 'gateway_ip']]);
      const [lab] = (await ask('GET', '2.0/subnets/')).json;
      await refusesEach(ask, 'PUT', `2.0/subnets/${lab.id}/`, [[{ gateway_ip: '10.20.0.10' }, 'gateway_ip']]);
      assert.match((await ask('POST', '2.0/static-routes/', route)).text, /kept for the host 52:54:00:00:00:71/);
    },
    { lab: { ...LAB, hosts: HOSTS } },
  ));
