// The pages of networks: who offers DHCP, who has which address and by what name, and reservations made and released there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECLINE_SECONDS } from '../../../../src/dhcp/leases/set-aside.ts';
import { parseIpv4 } from '../../../../src/ground/address.ts';
import type { Settings } from '../../../../src/machines/settings.ts';
import type { PageDefinition, View, Viewer } from '../../../../src/region/page/frame/view.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { INTERFACE_PAGES } from '../../../../src/region/page/networks/interface-pages.ts';
import { NETWORKS_PAGE } from '../../../../src/region/page/networks/networks-page.ts';
import { SUBNET_PAGES } from '../../../../src/region/page/networks/subnet-page.ts';
import type { RackTask, TaskAnswer } from '../../../../src/region/records/rack-request.ts';
import { LAB, machineAt, OWN_UUID, withNetworks } from '../../networks/network-place.ts';
import type { RegionPlace } from '../../place.ts';
import { ADMIN, USER, viewOf } from '../view.ts';

const LAB_ID = '169082880';
const HOST = '52:54:00:00:00:77';

const pageAt = (end: string) =>
  [NETWORKS_PAGE, ...SUBNET_PAGES].find(({ path }) => path.endsWith(end)) ?? assert.fail(end);
const SUBNET = pageAt('/:subnet/');
const INTERFACES = INTERFACE_PAGES[0] ?? assert.fail('no page');
const RESERVE = pageAt('/reserve/');

async function show({ region }: RegionPlace, page: PageDefinition, more: Partial<View> = {}): Promise<string> {
  const shown = await page.render(viewOf(region, { viewer: ADMIN, path: { subnet: LAB_ID }, ...more }));
  return (shown ?? assert.fail('no page')).toString();
}

async function send(
  { region }: RegionPlace,
  page: PageDefinition,
  fields: Readonly<Record<string, string>>,
  viewer: Viewer = ADMIN,
) {
  const given = new Map(Object.entries(fields).map(([name, value]) => [name, [value]]));
  return await page.act?.(viewOf(region, { viewer, path: { subnet: LAB_ID }, form: given }));
}

/** The rack of the region reports that a host leased an address. */
async function lease({ region, clock, store }: RegionPlace, address: string, more: object = {}): Promise<void> {
  const sequence = (await store.highestSequence('rack')) + 1;
  const params = { leaseSeconds: 600, hostname: 'laptop' };
  await region.observe([
    { sequence, kind: 'dhcp.ack', at: clock.wallTimeMs(), mac: HOST, address, text: '', params, ...more },
  ]);
}

test('the list has each subnet with its DHCP and how much of its ranges is taken', () =>
  withNetworks(async (ask, place) => {
    await ask('POST', '2.0/subnets/', { cidr: '10.77.30.0/24', name: 'storage<b>' });
    await lease(place, '10.20.0.120');
    await machineAt(place, ['10.20.0.10']);
    const text = await show(place, NETWORKS_PAGE);
    assert.match(text, /href="\/MAAS\/networks\/subnets\/169082880\/">10\.20\.0\.0\/24<\/a>/);
    assert.match(text, /DHCP and DNS<\/span> <span class="small">maas · lab/);
    assert.match(text, /<progress value="1" max="100" aria-label="Dynamic">/);
    assert.match(text, /<progress value="1" max="90" aria-label="Static">/);
    assert.match(text, /storage&lt;b&gt;/);
    const found = await show(place, NETWORKS_PAGE, { query: new Map([['q', ['10.77.30.9']]]) });
    assert.match(found, /10\.77\.30\.0\/24/);
    assert.doesNotMatch(found, /10\.20\.0\.0\/24/);
  }));

test('proxy mode is said wherever the network is shown, and by the API in keys of its own', () =>
  withNetworks(
    async (ask, place) => {
      for (const page of [NETWORKS_PAGE, SUBNET, INTERFACES]) {
        const text = await show(place, page);
        assert.match(text, /Boot only \(proxy\)/, page.path);
        assert.doesNotMatch(text, />DHCP and DNS</, page.path);
      }
      assert.match(await show(place, OVERVIEW_PAGE), /10\.20\.0\.0\/24 \(boot only/);
      const [one] = (await ask('GET', `1.0/nodegroups/${OWN_UUID}/interfaces/?op=list`)).json;
      assert.equal(one.mode, 'proxy');
      const { json } = await ask('GET', `2.0/subnets/${LAB_ID}/`);
      assert.deepEqual([json.dhcp_mode, json.vlan.dhcp_mode], ['proxy', 'proxy']);
      assert.match(await show(place, SUBNET), /Another DHCP server gives the addresses here/);
      const add = { interface: 'eth2', ip: '10.30.0.1', network: '10.30.0.0/24' };
      const value = { ...add, ip_range_low: '10.30.0.100', ip_range_high: '10.30.0.199' };
      const edits = [{ key: 'cluster_interfaces.further', value }];
      assert.equal(await place.region.settings.change(OWN_UUID, edits, 'admin'), undefined);
      const beside = (await ask('GET', `2.0/subnets/${LAB_ID}/`)).json;
      assert.deepEqual([beside.dhcp_mode, beside.vlan.dhcp_mode], ['proxy', undefined], 'a rack gives some there');
    },
    { lab: { interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/24', mode: 'proxy' } },
  ));

test('a leased host is shown by name and address until its lease ends', () =>
  withNetworks(async (_ask, place) => {
    await lease(place, '10.20.0.120');
    const text = await show(place, SUBNET);
    assert.match(text, /<title>10\.20\.0\.120: laptop \(leased\)<\/title>/);
    assert.match(text, /class="copy">10\.20\.0\.120<.*laptop.*52:54:00:00:00:77.*leased<\/span>.*10 min 0 s left/s);
    await lease(place, '10.20.0.120', { kind: 'dhcp.release', params: undefined });
    const after = await show(place, SUBNET, { query: new Map([['show', ['leased']]]) });
    assert.match(after, /Leased 0/);
    assert.match(after, /10\.20\.0\.120: laptop \(heard on the wire\)/);
  }));

test('a leased address is reserved for its host in the cluster interface, and released again', () =>
  withNetworks(async (_ask, place) => {
    await lease(place, '10.20.0.120');
    const form = await show(place, RESERVE, {
      query: new Map([
        ['ip', ['10.20.0.120']],
        ['mac', [HOST]],
        ['hostname', ['laptop']],
      ]),
    });
    assert.match(form, /name="ip"[^>]* value="10\.20\.0\.120"/);
    const hosts = () => place.region.settings.interfacesOf(OWN_UUID)[0]?.hosts;
    const done = await send(place, RESERVE, { ip: '10.20.0.120', mac: HOST, hostname: 'laptop' });
    assert.equal(done?.kind, 'done', JSON.stringify(done));
    assert.deepEqual(hosts(), [{ mac: HOST, ip: '10.20.0.120', hostname: 'laptop' }]);
    assert.match(await show(place, SUBNET), /<title>10\.20\.0\.120: laptop \(reserved\)<\/title>/);
    assert.equal((await send(place, SUBNET, { do: 'release', ip: '10.20.0.120' }))?.kind, 'done');
    assert.deepEqual(hosts(), []);
  }));

/** Takes the place of the rack, which answers each request for a change of a lease. @returns the requests */
function answerChanges({ region }: RegionPlace, outcome: TaskAnswer['outcome']): readonly RackTask[] {
  const { requests } = region.racks;
  const asked: RackTask[] = [];
  requests.carry(OWN_UUID, ({ id, task }) => {
    asked.push(task);
    setImmediate(() => requests.answer(OWN_UUID, { id, outcome }));
  });
  return asked;
}

test('a running lease is ended by the rack, for an administrator only', () =>
  withNetworks(async (_ask, place) => {
    await lease(place, '10.20.0.120');
    assert.match(await show(place, SUBNET), />End lease</);
    assert.doesNotMatch(await show(place, SUBNET, { viewer: USER }), />End lease</);
    const end = { do: 'end', ip: '10.20.0.120' };
    const silent = await send(place, SUBNET, end);
    assert.ok(silent?.kind === 'refusal' && silent.name === 'rack-silent', JSON.stringify(silent));
    const asked = answerChanges(place, 'done');
    assert.equal((await send(place, SUBNET, end, USER))?.kind, 'refusal');
    assert.equal((await send(place, SUBNET, { ...end, ip: '10.21.0.1' }))?.kind, 'refusal');
    assert.deepEqual(asked, []);
    assert.equal((await send(place, SUBNET, end))?.kind, 'done');
    assert.deepEqual(asked, [{ kind: 'end', address: parseIpv4('10.20.0.120') }]);
    const [newest] = await place.store.listEvents({ limit: 1 });
    assert.deepEqual(newest?.params, { change: 'end', ip: '10.20.0.120' });
  }));

for (const [outcome, status] of [
  ['absent', 404],
  ['unwritten', 503],
] as const)
  test(`a change of a lease that the rack answers with ${outcome} is refused with ${status}`, () =>
    withNetworks(async (ask, place) => {
      answerChanges(place, outcome);
      for (const op of ['end_lease', 'clear_declined'])
        assert.equal((await ask('POST', `2.0/subnets/${LAB_ID}/`, { op, ip: '10.20.0.120' })).status, status);
    }));

test('an address that the rack has set aside is shown, and cleared', () =>
  withNetworks(async (_ask, place) => {
    const isSetAside = /<title>10\.20\.0\.120: set aside<\/title>/;
    for (const [kind, isShown] of [
      ['dhcp.decline', true],
      ['dhcp.cleared', false],
      ['dhcp.conflict', true],
      ['dhcp.declined-back', false],
      ['dhcp.conflict', true],
    ] as const) {
      await lease(place, '10.20.0.120', { kind, mac: undefined, params: undefined });
      assert.equal(isSetAside.test(await show(place, SUBNET)), isShown, kind);
    }
    const asked = answerChanges(place, 'done');
    assert.match(await show(place, SUBNET), /Set aside 1/);
    assert.equal((await send(place, SUBNET, { do: 'clear', ip: '10.20.0.120' }))?.kind, 'done');
    assert.deepEqual(asked, [{ kind: 'clear', address: parseIpv4('10.20.0.120') }]);
    place.clock.advance(DECLINE_SECONDS * 1000 - 1000);
    assert.match(await show(place, SUBNET), isSetAside);
    place.clock.advance(1000);
    assert.doesNotMatch(await show(place, SUBNET), isSetAside);
  }));

test('an address outside the dynamic range is reserved for its user, who releases it', () =>
  withNetworks(async (ask, place) => {
    const reserve = (fields: Readonly<Record<string, string>>, viewer?: Viewer) =>
      send(place, RESERVE, { ip: '', mac: '', hostname: '', ...fields }, viewer);
    assert.equal((await reserve({ ip: '10.20.0.205', mac: HOST, hostname: 'camera' }))?.kind, 'done');
    const [reserved] = (await ask('GET', '2.0/ipaddresses/')).json;
    assert.deepEqual([reserved.ip, reserved.mac, reserved.hostname], ['10.20.0.205', HOST, 'camera']);
    const again = await reserve({ ip: '10.20.0.205' });
    assert.ok(again?.kind === 'refusal' && again.name === 'in-use');
    assert.equal((await reserve({ ip: '10.20.0.121' }))?.kind, 'refusal');
    // A viewer without an administrator's rights cannot reserve there at all.
    assert.equal((await reserve({ ip: '10.20.0.121', mac: HOST }, USER))?.kind, 'refusal');
    assert.equal((await send(place, SUBNET, { do: 'release', ip: '10.20.0.205' }))?.kind, 'done');
    assert.deepEqual((await ask('GET', '2.0/ipaddresses/')).json, []);
  }));

test('a reservation in the file of the rack is not released here: the refusal names the file', () => {
  const hosts = [{ mac: HOST, ip: '10.20.0.30', hostname: 'printer' }];
  const file: Settings = { cluster_interfaces: [{ name: 'lab', ...LAB, hosts }] };
  return withNetworks(
    async (_ask, place) => {
      assert.match(await show(place, SUBNET), /<title>10\.20\.0\.30: printer \(reserved\)<\/title>/);
      const refused = await send(place, SUBNET, { do: 'release', ip: '10.20.0.30' });
      assert.ok(refused?.kind === 'refusal' && refused.name === 'setting-read-only', JSON.stringify(refused));
    },
    {},
    file,
  );
});

test('a reserved IP is listed with or without a rack, and released for all racks at once', () =>
  withNetworks(async (ask, place) => {
    await ask('POST', '2.0/subnets/', { cidr: '10.77.30.0/24' });
    for (const [ip, cidr] of [
      ['10.20.0.7', '10.20.0.0/24'],
      ['10.77.30.7', '10.77.30.0/24'],
    ] as const) {
      const { json: made } = await ask('POST', '2.0/reservedips/', { ip, mac_address: HOST });
      const path = { subnet: String(made.subnet.id) };
      assert.equal(made.subnet.cidr, cidr);
      assert.ok((await show(place, SUBNET, { path })).includes(`>${ip}<`), ip);
      const form = new Map([
        ['do', ['release']],
        ['ip', [ip]],
      ]);
      await SUBNET.act?.(viewOf(place.region, { viewer: ADMIN, path, form }));
      assert.deepEqual((await ask('GET', '2.0/reservedips/')).json, []);
    }
  }));
