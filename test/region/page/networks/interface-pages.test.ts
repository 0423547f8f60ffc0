// Cluster interfaces and the objects of networks on the page: DHCP is enabled in one form, changed and switched off, as the API does it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../../src/machines/settings.ts';
import type { Outcome, PageDefinition, View } from '../../../../src/region/page/frame/view.ts';
import { INTERFACE_PAGES } from '../../../../src/region/page/networks/interface-pages.ts';
import { NEIGHBOURS_PAGE } from '../../../../src/region/page/networks/neighbours-page.ts';
import { NETWORK_OBJECT_PAGES } from '../../../../src/region/page/networks/network-object-pages.ts';
import { VLAN_PAGES } from '../../../../src/region/page/networks/vlan-page.ts';
import type { HostAddress } from '../../../../src/region/records/rack-description.ts';
import type { RackTask, TaskAnswer } from '../../../../src/region/records/rack-request.ts';
import type { Region } from '../../../../src/region/region.ts';
import { LAB, OWN_UUID, withNetworks } from '../../networks/network-place.ts';
import type { RegionPlace } from '../../place.ts';
import { ADMIN, viewOf } from '../view.ts';

const ALL = [...INTERFACE_PAGES, ...NETWORK_OBJECT_PAGES, ...VLAN_PAGES, NEIGHBOURS_PAGE];
const pageAt = (path: string): PageDefinition =>
  ALL.find((page) => page.path === `/MAAS/networks/${path}`) ?? assert.fail(path);

type Texts = Readonly<Record<string, string>>;
const fields = (texts: Texts) => new Map(Object.entries(texts).map(([name, text]) => [name, [text]]));

async function show(
  { region }: RegionPlace,
  path: string,
  more: { readonly path?: Texts; readonly query?: Texts } = {},
): Promise<string> {
  const view: Partial<View> = { viewer: ADMIN, path: more.path ?? {}, query: fields(more.query ?? {}) };
  return ((await pageAt(path).render(viewOf(region, view))) ?? assert.fail(`no page ${path}`)).toString();
}

async function send(
  { region }: RegionPlace,
  path: string,
  given: Texts,
  more: { readonly path?: Texts; readonly query?: Texts } = {},
): Promise<Outcome> {
  const view: Partial<View> = {
    viewer: ADMIN,
    path: more.path ?? {},
    query: fields(more.query ?? {}),
    form: fields(given),
  };
  return await pageAt(path).act?.(viewOf(region, view));
}

const done = (outcome: Outcome) => assert.equal(outcome?.kind, 'done', JSON.stringify(outcome));
const refusedFields = (outcome: Outcome) => (outcome?.kind === 'refusal' ? Object.keys(outcome.fields ?? {}) : outcome);

/** The rack of the region reports the addresses of its host. */
const reportHost = (
  { region }: { readonly region: Region },
  addresses: readonly HostAddress[] = [
    { interface: 'eth1', address: '10.20.0.1/24' },
    { interface: 'eth2', address: '172.16.9.1/24' },
  ],
) =>
  region.racks.putOwn({
    uuid: OWN_UUID,
    name: 'maas',
    version: '0.1.0',
    interfaces: [],
    pinned: [],
    addresses,
  });

const ETH2 = { rack: OWN_UUID, interface: 'eth2', address: '172.16.9.1/24' };
const entryOf = ({ region }: RegionPlace, name: string): Settings | undefined =>
  region.settings.interfacesOf(OWN_UUID).find((one) => one.name === name);

test('DHCP is enabled on a second interface with the ranges that the form proposes', () =>
  withNetworks(async (ask, place) => {
    await reportHost(place);
    assert.match(await show(place, 'interfaces/add/'), /interface=eth2&amp;address=172\.16\.9\.1%2F24/);
    const form = await show(place, 'interfaces/add/', { query: ETH2 });
    const value = (name: string) => new RegExp(`name="${name}"[^>]* value="([^"]*)"`).exec(form)?.[1] ?? '';
    const ranges = Object.fromEntries(
      ['ip_range_low', 'ip_range_high', 'static_ip_range_low', 'static_ip_range_high'].map((name) => [
        name,
        value(name),
      ]),
    );
    assert.deepEqual(ranges, {
      ip_range_low: '172.16.9.160',
      ip_range_high: '172.16.9.254',
      static_ip_range_low: '172.16.9.66',
      static_ip_range_high: '172.16.9.159',
    });
    const overlapping = { ...ranges, static_ip_range_high: '172.16.9.170', management: '2' };
    assert.deepEqual(refusedFields(await send(place, 'interfaces/add/', overlapping, { query: ETH2 })), [
      'static_ip_range_low',
    ]);
    assert.equal(entryOf(place, 'eth2'), undefined);
    done(
      await send(
        place,
        'interfaces/add/',
        { ...ranges, management: '2', dns_servers: '172.16.9.1 9.9.9.9' },
        { query: ETH2 },
      ),
    );
    const network = { interface: 'eth2', ip: '172.16.9.1', network: '172.16.9.0/24', management: 2 };
    assert.deepEqual(entryOf(place, 'eth2'), {
      name: 'eth2',
      ...network,
      ...ranges,
      dns_servers: ['172.16.9.1', '9.9.9.9'],
    });
    const subnets: readonly { readonly cidr: string; readonly vlan: { readonly dhcp_on: boolean } }[] = (
      await ask('GET', '2.0/subnets/')
    ).json;
    assert.equal(subnets.find(({ cidr }) => cidr === '172.16.9.0/24')?.vlan.dhcp_on, true);
  }));

/** Takes the place of the rack, which searches for other servers. @param servers undefined: it cannot search */
function answerSearches({ region }: RegionPlace, servers: readonly string[] | undefined): readonly RackTask[] {
  const { requests } = region.racks;
  const asked: RackTask[] = [];
  requests.carry(OWN_UUID, ({ id, task }) => {
    asked.push(task);
    const answer: TaskAnswer = servers === undefined ? { outcome: 'absent' } : { outcome: 'done', servers };
    setImmediate(() => requests.answer(OWN_UUID, { id, ...answer }));
  });
  return asked;
}

const RANGES = { ip_range_low: '172.16.9.128', ip_range_high: '172.16.9.254' };

test('the choice and the form name an interface that leads to the default router', () =>
  withNetworks(async (_ask, place) => {
    const addresses = [{ interface: 'eth2', address: '172.16.9.1/24', isOutward: true }];
    await reportHost(place, addresses);
    const choice = await show(place, 'interfaces/add/');
    assert.match(choice, /eth2 · leads to the default router/);
    assert.match(await show(place, 'interfaces/add/', { query: ETH2 }), /<div class="alert amber"[^>]*>eth2 leads/);
    await reportHost(place);
    assert.doesNotMatch(await show(place, 'interfaces/add/', { query: ETH2 }), /alert amber/);
  }));

test('where another server answers, DHCP is refused until a person ticks both servers, or chooses proxy', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const asked = answerSearches(place, ['172.16.9.254']);
    const form = { ...RANGES, management: '2', mode: 'server' };
    const refused = await send(place, 'interfaces/add/', form, { query: ETH2 });
    assert.deepEqual(refusedFields(refused), ['mode']);
    assert.match(JSON.stringify(refused), /eth2: 172\.16\.9\.254/);
    assert.deepEqual(asked, [{ kind: 'search', interface: 'eth2' }]);
    assert.equal(entryOf(place, 'eth2'), undefined);
    done(await send(place, 'interfaces/add/', { ...form, both_servers: 'true' }, { query: ETH2 }));
    assert.equal(entryOf(place, 'eth2')?.ip_range_low, '172.16.9.128');
    assert.equal(asked.length, 1);
  }));

test('the tick for both servers is shown only once another server was found', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    assert.doesNotMatch(await show(place, 'interfaces/add/', { query: ETH2 }), /both_servers/);
    const view = viewOf(place.region, {
      viewer: ADMIN,
      query: fields(ETH2),
      refusal: 'refused',
      faults: new Map([['mode', 'Another server.']]),
    });
    assert.match(String(await pageAt('interfaces/add/').render(view)), /name="both_servers"/);
  }));

test('proxy mode takes the form with the proposed ranges, and stores none', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const asked = answerSearches(place, ['172.16.9.254']);
    const form = { ...RANGES, static_ip_range_low: '172.16.9.65', static_ip_range_high: '172.16.9.127' };
    done(await send(place, 'interfaces/add/', { ...form, management: '1', mode: 'proxy' }, { query: ETH2 }));
    assert.deepEqual(Object.keys(entryOf(place, 'eth2') ?? {}).toSorted(), [
      'interface',
      'ip',
      'management',
      'mode',
      'name',
      'network',
    ]);
    assert.deepEqual(asked, []);
    // From proxy to server begins to give addresses.
    const path = { rack: OWN_UUID, name: 'eth2' };
    const changed = { interface: 'eth2', ip: '172.16.9.1', network: '172.16.9.0/24', management: '1', mode: 'server' };
    assert.deepEqual(refusedFields(await send(place, 'interfaces/:rack/:name/', changed, { path })), ['mode']);
    done(await send(place, 'interfaces/:rack/:name/', { ...changed, ...RANGES, both_servers: 'true' }, { path }));
    done(await send(place, 'interfaces/:rack/:name/', { ...changed, ...RANGES, lease_time: '12h' }, { path }));
    assert.equal(asked.length, 1);
  }));

test('if the rack cannot search, DHCP is enabled, and the notice says that nothing was checked', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    answerSearches(place, undefined);
    const outcome = await send(place, 'interfaces/add/', { ...RANGES, management: '2' }, { query: ETH2 });
    assert.match(outcome?.kind === 'done' ? outcome.text : '', /could not be checked .*eth2/);
  }));

const FITTING = {
  management: '2',
  ip_range_low: '172.16.9.10',
  ip_range_high: '172.16.9.19',
  static_ip_range_low: '172.16.9.30',
  static_ip_range_high: '172.16.9.39',
};
const squaresOf = (page: string, kind: string): string =>
  new RegExp(`<title>([^<]*)</title><rect class="${kind}"`).exec(page)?.[1] ?? '';

test('a form that is checked while it is written says what would be refused, draws its ranges and changes nothing', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const checked = (texts: Texts) => show(place, 'interfaces/add/', { query: { ...ETH2, check: 'yes', ...texts } });
    const good = await checked(FITTING);
    assert.match(good, /id="check-says" role="status">[^<]+</);
    assert.doesNotMatch(good, /class="fault"|role="alert"/);
    assert.match(good, /name="ip_range_low"[^>]* value="172\.16\.9\.10"/);
    assert.match(squaresOf(good, 'dynamic'), /172\.16\.9\.10 – 172\.16\.9\.19/);
    assert.match(squaresOf(good, 'static'), /172\.16\.9\.30/);
    const bad = await checked({ ...FITTING, static_ip_range_low: '172.16.9.15', router_ip: '10.1.1.1' });
    const faults = [...bad.matchAll(/class="fault" id="f-(\w+)-fault"/g)].map(([, name]) => name);
    assert.deepEqual(faults.toSorted(), ['router_ip', 'static_ip_range_low']);
    assert.equal(entryOf(place, 'eth2'), undefined);
    done(await send(place, 'interfaces/add/', FITTING, { query: ETH2 }));
    assert.equal(entryOf(place, 'eth2')?.ip_range_low, '172.16.9.10');
  }));

test('a form to be checked names the page that checks it, and its picture shows the ranges that it proposes', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const form = await show(place, 'interfaces/add/', { query: ETH2 });
    const check = /data-check="([^"]+)"/.exec(form)?.[1]?.replaceAll('&amp;', '&') ?? assert.fail();
    const query = Object.fromEntries(new URL(check, 'http://rack').searchParams);
    assert.deepEqual(query, { ...ETH2, check: 'yes' });
    assert.match(squaresOf(form, 'dynamic'), /172\.16\.9\.160/);
  }));

test('faults of a form of DHCP name its fields by their labels, at the field that each is about', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const texts = {
      ...FITTING,
      ip_range_low: '172.16.9.25',
      dns_servers: '9.9.9.9 nowhere',
      'options.option': 'nope',
      'options.value': '1',
    };
    const refused = await send(place, 'interfaces/add/', texts, { query: ETH2 });
    assert.deepEqual(refusedFields(refused)?.toString().split(',').toSorted(), [
      'dns_servers',
      'ip_range_low',
      'options',
    ]);
    const said =
      refused?.kind === 'refusal'
        ? Object.values(refused.fields ?? {})
            .flat()
            .map(({ text }) => text)
        : [];
    for (const text of said) assert.doesNotMatch(text, /cluster_interfaces|ip_range_/);
    assert.ok(
      said.some((text) => text.includes('Dynamic range, last address')),
      said.join(' | '),
    );
  }));

test('a static range left as proposed moves out of the way of the dynamic range that a person wrote', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const written = {
      management: '2',
      ip_range_low: '172.16.9.110',
      ip_range_high: '172.16.9.130',
      static_ip_range_low: '172.16.9.66',
      static_ip_range_high: '172.16.9.159',
    };
    done(await send(place, 'interfaces/add/', written, { query: ETH2 }));
    const { static_ip_range_low, static_ip_range_high } = entryOf(place, 'eth2') ?? {};
    assert.deepEqual([static_ip_range_low, static_ip_range_high], ['172.16.9.162', '172.16.9.207']);
  }));

test("a rack's own page offers only its networks", () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const choice = await show(place, 'interfaces/add/', { query: { rack: OWN_UUID } });
    assert.match(choice, /interface=eth2&amp;address=172\.16\.9\.1%2F24/);
    assert.doesNotMatch(choice, /name="router_ip"/);
  }));

test('for a subnet in which one rack has an address the form is shown at once, and otherwise the choice', () =>
  withNetworks(async (ask, place) => {
    await reportHost(place);
    const made = await ask('POST', '2.0/subnets/', { cidr: '172.16.9.0/24', gateway_ip: '172.16.9.2' });
    const form = await show(place, 'interfaces/add/', { query: { subnet: String(made.json.id) } });
    assert.match(form, /name="router_ip"[^>]* value="172\.16\.9\.2"/);
    const other = await ask('POST', '2.0/subnets/', { cidr: '10.77.30.0/24' });
    const choice = await show(place, 'interfaces/add/', { query: { subnet: String(other.json.id) } });
    assert.match(choice, new RegExp(`rack=${OWN_UUID}&amp;network=10\\.77\\.30\\.0%2F24`));
    assert.doesNotMatch(choice, /name="router_ip"/);
  }));

test('DHCP is enabled behind relay agents, in a network that is named in the form', () =>
  withNetworks(async (_ask, place) => {
    await reportHost(place);
    const query = { rack: OWN_UUID, network: '' };
    const given = {
      network: '10.30.0.0/24',
      management: '1',
      ip_range_low: '10.30.0.100',
      ip_range_high: '10.30.0.199',
      router_ip: '10.30.0.1',
    };
    assert.deepEqual(refusedFields(await send(place, 'interfaces/add/', given, { query })), ['dns_servers']);
    assert.deepEqual(refusedFields(await send(place, 'interfaces/add/', { ...given, network: '10.30' }, { query })), [
      'network',
    ]);
    done(await send(place, 'interfaces/add/', { ...given, dns_servers: '9.9.9.9' }, { query }));
    const { management: _, ...texts } = given;
    assert.deepEqual(entryOf(place, 'relayed'), {
      name: 'relayed',
      relayed: true,
      management: 1,
      ...texts,
      dns_servers: ['9.9.9.9'],
    });
  }));

test('a cluster interface is changed by what differs, keeps its other fields, and is deleted', () =>
  withNetworks(
    async (_ask, place) => {
      const path = { rack: OWN_UUID, name: 'lab' };
      const before = entryOf(place, 'lab') ?? assert.fail('lab');
      const form = {
        ...Object.fromEntries(Object.entries(before).map(([name, value]) => [name, String(value)])),
        do: 'edit',
        hosts: '',
      };
      const options = [{ code: 42, type: 'ip-list', value: ['10.20.0.1'] }];
      const change = {
        ...form,
        router_ip: '',
        lease_time: '20m',
        'options.option': '42',
        'options.type': 'ip-list',
        'options.value': '10.20.0.1',
        management: '2',
        mode: 'server',
      };
      done(await send(place, 'interfaces/:rack/:name/', change, { path }));
      const { router_ip: _, ...kept } = before;
      assert.deepEqual(entryOf(place, 'lab'), { ...kept, lease_time: '20m', options });
      assert.deepEqual(
        refusedFields(await send(place, 'interfaces/:rack/:name/', { ...form, 'options.option': 'nope' }, { path })),
        ['options'],
      );
      done(await send(place, 'interfaces/:rack/:name/', { do: 'delete' }, { path }));
      assert.equal(entryOf(place, 'lab'), undefined);
    },
    { lab: { ...LAB, hosts: [{ mac: '52:54:00:00:00:77', ip: '10.20.0.30' }] } },
  ));

test('the VLANs that are in no space are listed as that, not as a space called undefined', () =>
  withNetworks(async (_ask, place) => {
    const page = await show(place, 'spaces/');
    assert.match(page, /href="\/MAAS\/networks\/spaces\/-1\/">No space</);
    assert.doesNotMatch(`${page}${await show(place, 'subnets/')}`, />undefined</);
  }));

test('a cluster interface in the file of the rack is shown without a form, with the name of the file', () =>
  withNetworks(
    async (_ask, place) => {
      const path = { rack: OWN_UUID, name: 'lab' };
      const text = await show(place, 'interfaces/:rack/:name/', { path });
      assert.match(text, /\/etc\/rackboot\.yaml/);
      assert.doesNotMatch(text, /<input (?!type="hidden")/);
      const refused = await send(place, 'interfaces/:rack/:name/', { do: 'edit', management: '0' }, { path });
      assert.ok(refused?.kind === 'refusal' && refused.name === 'setting-read-only', JSON.stringify(refused));
    },
    {},
    { cluster_interfaces: [{ name: 'lab', ...LAB }] },
  ));

test('fabric, VLAN, subnet, range and route are made, changed and deleted one after the other', () =>
  withNetworks(async (ask, place) => {
    done(await send(place, 'fabrics/', { name: 'hall' }));
    const fabric = (await ask('GET', '2.0/fabrics/')).json.at(-1);
    done(await send(place, 'vlans/', { fabric: String(fabric.id), vid: '30', name: 'storage', mtu: '9000' }));
    const vlan = (await ask('GET', `2.0/fabrics/${fabric.id}/vlans/`)).json.at(-1);
    assert.deepEqual([vlan.vid, vlan.name, vlan.mtu], [30, 'storage', 9000]);
    const ofVlan = { path: { vlan: String(vlan.id) } };
    done(
      await send(
        place,
        'vlans/:vlan/',
        { do: 'edit', vid: '31', name: 'storage', description: 'x', mtu: '1500' },
        ofVlan,
      ),
    );
    assert.match(await show(place, 'vlans/:vlan/', ofVlan), /storage \(31\) in hall/);
    done(await send(place, 'subnets/', { cidr: '10.77.30.0/24', vlan: String(vlan.id) }));
    const subnet = (await ask('GET', '2.0/subnets/cidr:10.77.30.0%2F24/')).json;
    assert.equal(subnet.vlan.id, vlan.id);
    const of = (id: number | string) => ({ path: { id: String(id) } });
    const texts = {
      cidr: '10.77.30.0/24',
      name: 'storage',
      description: '',
      vlan: String(vlan.id),
      gateway_ip: '10.77.30.254',
      allow_dns: 'true',
    };
    done(await send(place, 'subnets/:id/edit/', texts, of(subnet.id)));
    assert.equal((await ask('GET', `2.0/subnets/${subnet.id}/`)).json.gateway_ip, '10.77.30.254');
    const proposed = await show(place, 'ranges/', { query: { subnet: String(subnet.id) } });
    assert.match(proposed, /name="start_ip"[^>]* value="10\.77\.30\.159"/);
    done(
      await send(place, 'ranges/', {
        type: 'reserved',
        subnet: String(subnet.id),
        start_ip: '10.77.30.10',
        end_ip: '10.77.30.20',
      }),
    );
    const range = (await ask('GET', '2.0/ipranges/?type=reserved')).json.at(-1);
    done(
      await send(
        place,
        'ranges/:id/',
        { start_ip: '10.77.30.11', end_ip: '10.77.30.20', comment: 'switches' },
        of(range.id),
      ),
    );
    const [changed] = (await ask('GET', '2.0/ipranges/?type=reserved')).json;
    assert.deepEqual([changed.start_ip, changed.comment], ['10.77.30.11', 'switches']);
    done(await send(place, 'ranges/:id/', { do: 'delete' }, of(range.id)));
    const lab = '169082880';
    done(await send(place, 'routes/', { source: lab, destination: String(subnet.id), gateway_ip: '10.20.0.253' }));
    const [route] = (await ask('GET', '2.0/static-routes/')).json;
    done(await send(place, 'routes/:id/', { do: 'delete' }, of(route.id)));
    done(await send(place, 'subnets/:id/edit/', { do: 'delete' }, of(subnet.id)));
    done(await send(place, 'vlans/:vlan/', { do: 'delete' }, ofVlan));
    done(await send(place, 'fabrics/:id/', { do: 'delete' }, of(fabric.id)));
    assert.deepEqual((await ask('GET', '2.0/fabrics/')).json.length, 1);
  }));

test('the page of a VLAN switches DHCP off and on', () =>
  withNetworks(async (_ask, place) => {
    const ofVlan = { path: { vlan: '5001' } };
    done(await send(place, 'vlans/:vlan/', { do: 'off' }, ofVlan));
    assert.equal(entryOf(place, 'lab')?.management, 0);
    done(await send(place, 'vlans/:vlan/', { do: 'on', primary_rack: OWN_UUID, secondary_rack: '' }, ofVlan));
    assert.equal(entryOf(place, 'lab')?.management, 2);
  }));

test('a heard host is listed by name and address until it is forgotten', () =>
  withNetworks(async (_ask, place) => {
    const { region, clock } = place;
    const heard = {
      sequence: 1,
      kind: 'net.neighbour-new',
      at: clock.wallTimeMs(),
      text: '',
      params: { interface: 'eth1' },
    };
    await region.observe([{ ...heard, mac: '52:54:00:00:00:88', address: '10.20.0.230' }]);
    assert.match(await show(place, 'neighbours/'), /10\.20\.0\.230.*52:54:00:00:00:88.*10\.20\.0\.0\/24/s);
    done(await send(place, 'neighbours/', { do: 'forget', ip: '10.20.0.230', mac: '52:54:00:00:00:88' }));
    assert.doesNotMatch(await show(place, 'neighbours/'), /10\.20\.0\.230/);
  }));
