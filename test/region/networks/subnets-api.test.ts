// Subnets over the API: those that racks serve, those of people, and the use of their addresses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseIpv4 } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../racks/rack-place.ts';
import { LAB, machineAt, OWN_FILE, OWN_UUID, refusesEach, withNetworks } from './network-place.ts';

const KEYS = [
  'active_discovery',
  'allow_dns',
  'allow_proxy',
  'cidr',
  'description',
  'disabled_boot_architectures',
  'dns_servers',
  'gateway_ip',
  'id',
  'managed',
  'name',
  'rdns_mode',
  'resource_uri',
  'space',
  'vlan',
];

test('a served network is a subnet with the router of its cluster interface, in the keys that clients read', () =>
  withNetworks(async (ask) => {
    const [shown, ...more] = (await ask('GET', '2.0/subnets/', undefined, 'user')).json;
    assert.deepEqual([more, Object.keys(shown).sort()], [[], KEYS]);
    const { vlan, id, ...rest } = shown;
    assert.equal(vlan.fabric, 'fabric-0');
    assert.deepEqual(rest, {
      name: 'maas-lab',
      cidr: '10.20.0.0/24',
      space: 'undefined',
      gateway_ip: '10.20.0.254',
      dns_servers: [],
      description: 'Auto created when creating interface lab on cluster maas',
      rdns_mode: 2,
      allow_dns: true,
      allow_proxy: true,
      active_discovery: false,
      managed: true,
      disabled_boot_architectures: [],
      resource_uri: `/MAAS/api/2.0/subnets/${id}/`,
    });
    for (const name of [id, 'cidr:10.20.0.0%2F24', '10.20.0.0%2F24', 'maas-lab'])
      assert.deepEqual((await ask('GET', `2.0/subnets/${name}/`)).json, shown);
  }));

test('a subnet goes with its cluster interface unless a person changed it or put something into it', () =>
  withNetworks(
    async (ask, { region }) => {
      const before = (await ask('GET', '2.0/subnets/')).json;
      assert.deepEqual(
        before.map((one: { cidr: string }) => one.cidr),
        ['10.20.0.0/24', '10.21.0.0/24', '10.22.0.0/24'],
      );
      await ask('PUT', `2.0/subnets/${before[1].id}/`, { description: 'kept' });
      const names = ['a', 'b', 'c'].map((name) => ({ key: `cluster_interfaces.${name}`, value: undefined }));
      assert.equal(await region.settings.change(OWN_UUID, names, 'admin'), undefined);
      const after = (await ask('GET', '2.0/subnets/')).json;
      assert.deepEqual(
        after.map((one: { cidr: string; id: number; gateway_ip: string | null }) => [one.cidr, one.id, one.gateway_ip]),
        [['10.21.0.0/24', before[1].id, '10.21.0.9']],
        'its router is the subnet’s',
      );
      assert.deepEqual(
        (await ask('GET', '2.0/fabrics/')).json.map((one: { name: string }) => one.name),
        ['fabric-0'],
      );
    },
    {
      a: LAB,
      b: {
        ...LAB,
        interface: 'eth2',
        ip: '10.21.0.1',
        network: '10.21.0.0/24',
        router_ip: '10.21.0.9',
        management: 0,
        ip_range_low: '10.21.0.20',
        ip_range_high: '10.21.0.30',
        static_ip_range_low: '10.21.0.40',
        static_ip_range_high: '10.21.0.50',
      },
      c: { interface: 'eth3', ip: '10.22.0.1', network: '10.22.0.0/24', management: 0 },
    },
  ));

test('a cluster interface with another name or of a rack that is gone: its ranges keep their ids, or go with its subnet', () =>
  withNetworks(async (ask, { region }) => {
    const rangeIds = async () => (await ask('GET', '2.0/ipranges/')).json.map((one: { id: number }) => one.id);
    const before = await rangeIds();
    const renamed = [
      { key: 'cluster_interfaces.lab', value: undefined },
      { key: 'cluster_interfaces.other', value: LAB },
    ];
    assert.equal(await region.settings.change(OWN_UUID, renamed, 'admin'), undefined);
    assert.deepEqual(await rangeIds(), before);
    const place = { interface: 'eth1', ip: '10.29.0.1', network: '10.29.0.0/24' };
    const value = { ...place, ip_range_low: '10.29.0.100', ip_range_high: '10.29.0.199' };
    const edits = [{ key: 'cluster_interfaces.far', value }];
    assert.equal(await region.settings.change(OTHER_UUID, edits, 'admin'), undefined);
    const listed = (await ask('GET', '2.0/subnets/')).json;
    assert.deepEqual([listed.length, listed[0].cidr], [1, '10.20.0.0/24'], 'nobody serves it');
    const subnet = await ask('POST', '2.0/subnets/', { cidr: '10.29.0.0/24' });
    assert.equal(subnet.status, 200, subnet.text);
    assert.equal((await ask('DELETE', `2.0/subnets/${subnet.json.id}/`)).status, 204);
    await region.settings.load();
    assert.equal(region.settings.stored(OTHER_UUID, 'cluster_interfaces.far'), undefined);
  }));

/** Of a rack that is gone. */
const FAR = {
  interface: 'eth1',
  management: 2,
  ip: '10.29.0.1',
  network: '10.29.0.0/24',
  router_ip: '10.29.0.254',
  ip_range_low: '10.29.0.100',
  ip_range_high: '10.29.0.199',
  dns_servers: ['10.29.0.53'],
};
const FAR_KEY = 'cluster_interfaces.far';

test('the network of a cluster interface that is not in force is not changed', () =>
  withNetworks(async (ask, { region }) => {
    assert.equal(await region.settings.change(OTHER_UUID, [{ key: FAR_KEY, value: FAR }], 'admin'), undefined);
    const { id } = (await ask('POST', '2.0/subnets/', { cidr: '10.29.0.0/24' })).json;
    const refused = await ask('PUT', `2.0/subnets/${id}/`, { cidr: '10.31.0.0/24' });
    assert.deepEqual([refused.status, /far of the rack 1{8}-/.test(refused.text)], [409, true], refused.text);
    const edits = [{ key: 'dns.domain', value: 'lab.example' }];
    assert.equal(await region.settings.change('', edits, 'admin'), undefined);
  }));

test('a cluster interface that is not in force keeps router and DNS servers while a person changes its subnet', () =>
  withNetworks(async (ask, { region }) => {
    assert.equal(await region.settings.change(OTHER_UUID, [{ key: FAR_KEY, value: FAR }], 'admin'), undefined);
    const stored = async () => {
      await region.settings.load();
      return region.settings.stored(OTHER_UUID, FAR_KEY);
    };
    const { id, gateway_ip } = (await ask('POST', '2.0/subnets/', { cidr: '10.29.0.0/24' })).json;
    assert.equal(gateway_ip, null);
    assert.deepEqual(await stored(), FAR);
    for (const [gateway, servers] of [
      ['10.29.0.2', '10.29.0.3'],
      ['10.29.0.254', '10.29.0.53'],
      ['', ''],
    ] as const) {
      const { json } = await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: gateway, dns_servers: servers });
      assert.deepEqual([json.gateway_ip ?? '', json.dns_servers.join()], [gateway, servers]);
      assert.deepEqual(await stored(), FAR);
    }
  }));

const NO_ROUTER_LAB = { interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/24', management: 0 };

test('the router of a person goes although no cluster interface there has it', () =>
  withNetworks(async (ask, { region }) => {
    const { id } = (await ask('POST', '2.0/subnets/', { cidr: '10.20.0.0/24', gateway_ip: '10.20.0.254' })).json;
    const edits = [{ key: 'cluster_interfaces.lab', value: NO_ROUTER_LAB }];
    assert.equal(await region.settings.change(OWN_UUID, edits, 'admin'), undefined);
    assert.equal((await ask('GET', `2.0/subnets/${id}/`)).json.gateway_ip, '10.20.0.254');
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '' })).json.gateway_ip, null);
  }, {}));

test('a router goes with the last cluster interface that has it, under another name, too', () =>
  withNetworks(async (ask, { region }) => {
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const gateway = async () => (await ask('GET', `2.0/subnets/${id}/`)).json.gateway_ip;
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '10.20.0.253' })).status, 200);
    const renamed = await ask('PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/lab/`, {
      name: 'yard',
      router_ip: '10.20.0.252',
    });
    assert.equal(renamed.status, 200, renamed.text);
    assert.equal(await gateway(), '10.20.0.252');
    const edits = [{ key: 'cluster_interfaces.yard.router_ip', value: undefined }];
    assert.equal(await region.settings.change(OWN_UUID, edits, 'admin'), undefined);
    assert.equal(await gateway(), null);
  }));

for (const isTouched of [true, false])
  test(`the router of a rack that is gone is no gateway of ${isTouched ? 'the subnet of a person' : 'a subnet'} that another rack serves`, () =>
    withNetworks(async (ask, { region }) => {
      const put = (rack: string, value: Settings | undefined) =>
        region.settings.change(rack, [{ key: 'cluster_interfaces.lab', value }], 'admin');
      assert.equal(await put(OTHER_UUID, { ...NO_ROUTER_LAB, ip: '10.20.0.2', router_ip: '10.20.0.254' }), undefined);
      assert.equal(await put(OWN_UUID, NO_ROUTER_LAB), undefined);
      const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
      if (isTouched) assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { name: 'near' })).status, 200);
      assert.equal((await ask('GET', `2.0/subnets/${id}/`)).json.gateway_ip, null);
      assert.equal(await put(OTHER_UUID, undefined), undefined);
      assert.equal((await ask('GET', `2.0/subnets/${id}/`)).json.gateway_ip, null);
    }, {}));

test('a subnet of a person is created, changed and removed', () =>
  withNetworks(async (ask) => {
    await ask('POST', '2.0/fabrics/', { name: 'core' });
    const fields = { cidr: '10.9.0.0/24', name: 'far', fabric: 'core', gateway_ip: '10.9.0.1' };
    const created = await ask('POST', '2.0/subnets/', { ...fields, dns_servers: '10.9.0.2, 10.9.0.3' });
    assert.equal(created.status, 200, created.text);
    assert.deepEqual(created.json.dns_servers, ['10.9.0.2', '10.9.0.3']);
    const at = `2.0/subnets/${created.json.id}/`;
    const [first] = (await ask('GET', '2.0/fabrics/')).json;
    await ask('POST', `2.0/fabrics/${first.id}/vlans/`, { vid: 5 });
    const changed = await ask('PUT', at, {
      cidr: '10.9.0.0/23',
      gateway_ip: '',
      dns_servers: '',
      fabric: first.id,
      vid: 5,
    });
    const now = changed.json;
    assert.deepEqual(
      [now.cidr, now.gateway_ip, now.dns_servers, now.vlan.vid, now.name],
      ['10.9.0.0/23', null, [], 5, 'far'],
    );
    assert.equal((await ask('PUT', at, { vlan: first.vlans[0].id })).json.vlan.vid, 0);
    assert.equal((await ask('POST', '2.0/subnets/', { cidr: '10.8.0.0/24' })).json.name, '10.8.0.0/24');
    assert.equal((await ask('DELETE', at)).status, 204);
    for (const method of ['GET', 'PUT', 'DELETE'] as const) assert.equal((await ask(method, at)).status, 404);
  }));

test('a subnet has any name of MAAS: its network, with blanks, or of signs', () =>
  withNetworks(async (ask) => {
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    for (const name of ['10.20.0.0/24', 'hall 2, east', '.: -/_', 'réseau 7', 'name:lan']) {
      const changed = await ask('PUT', `2.0/subnets/${id}/`, { name });
      assert.deepEqual([changed.status, changed.json.name], [200, name], changed.text);
      assert.equal((await ask('GET', `2.0/subnets/${encodeURIComponent(name)}/`)).json.id, id, name);
    }
    const made = await ask('POST', '2.0/subnets/', { cidr: '10.8.0.0/24', name: '10.8.0.0/24' });
    assert.deepEqual([made.status, made.json.name], [200, '10.8.0.0/24'], made.text);
    const wrong = ['a\tb', 'a\nb', '+lan', '\u200b', 'x'.repeat(256)];
    await refusesEach(
      ask,
      'PUT',
      `2.0/subnets/${id}/`,
      wrong.map((name) => [{ name }, 'name']),
    );
    assert.equal((await ask('POST', '2.0/fabrics/', { name: 'hall 2' })).json.name, 'hall 2');
  }));

test('a subnet that does not fit is refused, and the answer names the field', () =>
  withNetworks(async (ask) => {
    await refusesEach(ask, 'POST', '2.0/subnets/', [
      [{}, 'cidr'],
      [{ cidr: '10.20.0.0/24' }, 'cidr'],
      [{ cidr: '10.20.0.128/25' }, 'cidr'],
      [{ cidr: '10.0.0.0/8' }, 'cidr'],
      [{ cidr: '10.9.0.1/24' }, 'cidr'],
      [{ cidr: '2001:db8::/64' }, 'cidr'],
      [{ cidr: '10.9.0.0/24', gateway_ip: '10.8.0.1' }, 'gateway_ip'],
      [{ cidr: '10.9.0.0/24', gateway_ip: 'x' }, 'gateway_ip'],
      [{ cidr: '10.9.0.0/24', dns_servers: '10.9.0.1 x' }, 'dns_servers'],
      [{ cidr: '10.9.0.0/24', vlan: 9999 }, 'vlan'],
      [{ cidr: '10.9.0.0/24', fabric: 'none' }, 'fabric'],
      [{ cidr: '10.9.0.0/24', vid: 77 }, 'vid'],
      [{ cidr: '10.9.0.0/24', rdns_mode: 1 }, 'rdns_mode'],
      [{ cidr: '10.9.0.0/24', allow_proxy: false }, 'allow_proxy'],
      [{ cidr: '10.9.0.0/24', managed: false }, 'managed'],
    ]);
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    await refusesEach(ask, 'PUT', `2.0/subnets/${id}/`, [
      [{ cidr: '10.20.0.0/25' }, 'cidr'],
      [{ gateway_ip: '10.20.0.150' }, 'gateway_ip'],
      [{ gateway_ip: '10.21.0.1' }, 'gateway_ip'],
    ]);
    assert.equal((await ask('DELETE', `2.0/subnets/${id}/`)).status, 409);
  }));

test('router, DNS servers and DNS of a served subnet are changed at its rack, at once', () =>
  withNetworks(async (ask, { region, states, clock }) => {
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const fields = { gateway_ip: '10.20.0.253', dns_servers: '10.20.0.7', name: 'lab', allow_dns: 'false' };
    const { json } = await ask('PUT', `2.0/subnets/${id}/`, fields);
    assert.deepEqual(
      [json.gateway_ip, json.dns_servers, json.name, json.allow_dns],
      ['10.20.0.253', ['10.20.0.7'], 'lab', false],
    );
    const [entry] = region.settings.interfacesOf(OWN_UUID);
    assert.deepEqual([entry?.router_ip, entry?.dns_servers, entry?.management], ['10.20.0.253', ['10.20.0.7'], 1]);
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(100);
      await nextTurn();
    }
    assert.match(JSON.stringify(states.at(-1)?.settings), /"router_ip":"10\.20\.0\.253"/);
    const none = await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '', dns_servers: '' });
    assert.deepEqual([none.json.gateway_ip, none.json.dns_servers], [null, []]);
  }));

test('a subnet allows DNS as before once the DHCP of its VLAN is off and on again, even if somebody changes it meanwhile', () =>
  withNetworks(async (ask, { region }) => {
    const [{ id, vlan }] = (await ask('GET', '2.0/subnets/')).json;
    const at = `2.0/subnets/${id}/`;
    const allows = async (): Promise<unknown> => (await ask('GET', at)).json.allow_dns;
    const manages = (): unknown => region.settings.interfacesOf(OWN_UUID)[0]?.management;
    const turn = async (isOn: boolean): Promise<void> => {
      assert.equal((await ask('PUT', `2.0/vlans/${vlan.id}/`, { dhcp_on: isOn })).json.dhcp_on, isOn);
    };
    assert.equal((await ask('PUT', at, { allow_dns: false })).json.allow_dns, false);
    await turn(false);
    assert.deepEqual([await allows(), manages()], [false, 0]);
    await turn(true);
    assert.deepEqual([await allows(), manages()], [false, 1]);
    await turn(false);
    assert.equal((await ask('PUT', at, { allow_dns: true })).json.allow_dns, true);
    assert.equal((await ask('PUT', at, { description: 'x' })).json.allow_dns, true);
    await turn(true);
    assert.deepEqual([await allows(), manages()], [true, 2]);

    // A change at the cluster interface counts as one at the subnet.
    const own = `1.0/nodegroups/${OWN_UUID}/interfaces/lab/`;
    assert.equal((await ask('PUT', own, { management: 1 })).status, 200);
    assert.equal(await allows(), false);
    await turn(false);
    await turn(true);
    assert.deepEqual([await allows(), manages()], [false, 1]);
  }));

test('the router of a network in a rack’s file is read-only, and the refusal names file and key', () =>
  withNetworks(
    async (ask) => {
      const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
      const refused = await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '10.20.0.253' });
      assert.equal(refused.status, 409);
      assert.match(refused.text, new RegExp(`${OWN_FILE} as cluster_interfaces\\.lab`));
      assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { description: 'mine' })).json.description, 'mine');
    },
    {},
    { cluster_interfaces: [{ name: 'lab', ...LAB }] },
  ));

test('the networks of an accepted rack are subnets, too, and those for which it is not believed are not', () =>
  withNetworks(async (ask, { region }) => {
    await acceptRack(region, {
      uuid: OTHER_UUID,
      interfaces: [rackInterface('10.50.0.0/24'), rackInterface('9.0.0.0/8')],
    });
    const { json } = await ask('GET', '2.0/subnets/');
    assert.deepEqual(
      json.map((one: { cidr: string }) => one.cidr),
      ['10.20.0.0/24', '10.50.0.0/24'],
    );
    assert.deepEqual([json[1].name, json[1].vlan.secondary_rack], ['rack-2-far', OTHER_UUID]);
  }));

test('the used and the free ranges of a subnet, with purposes, and its statistics', () =>
  withNetworks(async (ask, place) => {
    await machineAt(place, ['10.20.0.10'], { owner: 'user' });
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const used = (await ask('GET', `2.0/subnets/${id}/?op=reserved_ip_ranges`)).json;
    assert.deepEqual(
      used.map((one: { start: string; end: string; num_addresses: number; purpose: string[] }) =>
        [one.start, one.end, one.num_addresses, one.purpose.join()].join(' '),
      ),
      [
        '10.20.0.1 10.20.0.1 1 rack',
        '10.20.0.10 10.20.0.10 1 assigned-ip',
        '10.20.0.100 10.20.0.199 100 dynamic',
        '10.20.0.254 10.20.0.254 1 gateway-ip',
      ],
    );
    const free = (await ask('GET', `2.0/subnets/${id}/?op=unreserved_ip_ranges`)).json;
    assert.deepEqual(free, [
      { start: '10.20.0.2', end: '10.20.0.9', num_addresses: 8 },
      { start: '10.20.0.11', end: '10.20.0.99', num_addresses: 89 },
      { start: '10.20.0.200', end: '10.20.0.253', num_addresses: 54 },
    ]);
    const counts = (await ask('GET', `2.0/subnets/${id}/?op=statistics`)).json;
    assert.deepEqual(counts, {
      num_available: 151,
      largest_available: 89,
      num_unavailable: 103,
      total_addresses: 254,
      usage: 103 / 254,
      usage_string: '41%',
      available_string: '59%',
      first_address: '10.20.0.1',
      last_address: '10.20.0.254',
      ip_version: 4,
    });
    const byNetwork = await ask('GET', '2.0/subnets/10.20.0.0/24/?op=statistics');
    assert.deepEqual(byNetwork.json, counts, 'the maas command line does not encode the words of a path');
    const more = (await ask('GET', `2.0/subnets/${id}/?op=statistics`, { include_ranges: 1, include_suggestions: 1 }))
      .json;
    assert.deepEqual(
      [more.ranges, more.suggested_gateway, more.suggested_dynamic_range],
      [used, '10.20.0.2', { start: '10.20.0.66', end: '10.20.0.99', num_addresses: 34 }],
    );
  }));

test('the addresses in a subnet: allocated, seen on the wire, with their machines', () =>
  withNetworks(async (ask, place) => {
    const { store } = place;
    const systemId = await machineAt(place, ['10.20.0.10'], { owner: 'user' });
    const hostname = (await store.findMachine(systemId))?.hostname;
    await store.recordReports('rack', [
      { sequence: 1, kind: 'dhcp.ack', at: 5000, text: 'x', mac: '52:54:00:00:00:01', address: '10.20.0.120' },
    ]);
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json;
    const all = (await ask('GET', `2.0/subnets/${id}/?op=ip_addresses`, undefined, 'user')).json;
    const machine = { system_id: systemId, node_type: 0, fqdn: `${hostname}.maas`, hostname, is_container: false };
    assert.deepEqual(
      all.map((one: { ip: string; alloc_type: number; user: string; node_summary: { via?: string } }) => {
        const { via: _via, ...summary } = one.node_summary;
        return { ip: one.ip, alloc_type: one.alloc_type, user: one.user, summary };
      }),
      [
        { ip: '10.20.0.10', alloc_type: 0, user: 'user', summary: machine },
        { ip: '10.20.0.120', alloc_type: 6, user: 'user', summary: machine },
      ],
    );
    const { json: device } = await ask('POST', '2.0/devices/', {
      hostname: 'printer',
      mac_addresses: '52:54:00:00:00:0d',
    });
    const link = { mode: 'static', subnet: id, ip_address: '10.20.0.11' };
    const linked = await ask('POST', `2.0/nodes/${device.system_id}/interfaces/eth0/?op=link_subnet`, link);
    assert.equal(linked.status, 200, linked.text);
    const [, given] = (await ask('GET', `2.0/subnets/${id}/?op=ip_addresses`)).json;
    assert.deepEqual([given.ip, given.alloc_type, given.node_summary.node_type], ['10.20.0.11', 1, 1]);
    assert.match(all[0].created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    const brief = await ask('GET', `2.0/subnets/${id}/?op=ip_addresses`, { with_username: 0, with_node_summary: 0 });
    assert.deepEqual(Object.keys(brief.json[0]).sort(), ['alloc_type', 'created', 'ip', 'updated']);
    assert.equal((await ask('GET', '2.0/subnets/999/?op=ip_addresses')).status, 404);
  }));

test('a router has no address of a machine, a device or a user: the answer names the field and who has it', () =>
  withNetworks(async (ask, place) => {
    const [{ id: near }] = (await ask('GET', '2.0/subnets/')).json;
    const { id: far } = (await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/24', gateway_ip: '10.9.0.1' })).json;
    const machine = await machineAt(place, ['10.20.0.230', '10.9.0.30']);
    const device = { hostname: 'printer', mac_addresses: '52:54:00:00:00:77' };
    const { system_id: printer, interface_set: nics } = (await ask('POST', '2.0/devices/', device)).json;
    const linked = { mode: 'static', subnet: far, ip_address: '10.9.0.40' };
    const link = await ask('POST', `2.0/nodes/${printer}/interfaces/${nics[0].id}/?op=link_subnet`, linked);
    assert.equal(link.status, 200, link.text);
    for (const ip of ['10.20.0.215', '10.9.0.50'])
      assert.equal((await ask('POST', '2.0/ipaddresses/?op=reserve', { ip }, 'user')).status, 200);
    const { hostname } = (await ask('GET', `2.0/machines/${machine}/`)).json;
    for (const [subnet, address, whose] of [
      [near, '10.20.0.230', `belongs to ${hostname}`],
      [near, '10.20.0.215', 'is reserved by user'],
      [far, '10.9.0.30', `belongs to ${hostname}`],
      [far, '10.9.0.40', 'belongs to printer'],
      [far, '10.9.0.50', 'is reserved by user'],
    ] as const) {
      const refused = await ask('PUT', `2.0/subnets/${subnet}/`, { gateway_ip: address });
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['gateway_ip']], refused.text);
      assert.ok(refused.text.includes(`${address} ${whose}`), refused.text);
    }
    const [, network] = (await ask('GET', '1.0/networks/')).json;
    const old = [[{ default_gateway: '10.9.0.40' }, 'default_gateway']] as const;
    await refusesEach(ask, 'PUT', `1.0/networks/${network.name}/`, old);
    await refusesEach(ask, 'PUT', `1.0/nodegroups/${OWN_UUID}/interfaces/lab/`, [
      [{ router_ip: '10.20.0.230' }, 'router_ip'],
      [{ router_ip: '10.20.0.215' }, 'router_ip'],
    ]);
    // The router that it has already, and a free one.
    for (const gateway of ['10.9.0.1', '10.9.0.2', ''])
      assert.equal((await ask('PUT', `2.0/subnets/${far}/`, { gateway_ip: gateway })).status, 200);
  }));

test('a subnet that has the address of a machine as its router already is changed otherwise', () =>
  withNetworks(async (ask, place) => {
    const { id } = (await ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/24', gateway_ip: '10.9.0.1' })).json;
    await machineAt(place, ['10.9.0.1']);
    const same = await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '10.9.0.1', description: 'x' });
    assert.deepEqual([same.status, same.json.description], [200, 'x'], same.text);
  }));

test('a router that is the first or the last address of a subnet is refused, except in a /31 and a /32', () =>
  withNetworks(async (ask) => {
    const add = (cidr: string, gateway_ip: string) => ask('POST', '2.0/subnets/', { cidr, gateway_ip });
    for (const [last, place] of [
      [0, 'first'],
      [255, 'last'],
    ] as const) {
      const { status, json } = await add('10.59.0.0/24', `10.59.0.${last}`);
      assert.deepEqual(
        [status, json],
        [400, { gateway_ip: [`The address is the ${place} one of 10.59.0.0/24, which no machine can have.`] }],
      );
    }
    for (const [cidr, router] of [
      ['10.59.0.0/31', '10.59.0.0'],
      ['10.59.0.2/31', '10.59.0.3'],
      ['10.59.0.4/32', '10.59.0.4'],
      ['10.59.1.0/24', '10.59.1.254'],
    ] as const)
      assert.equal((await add(cidr, router)).status, 200, cidr);
    const [{ id }] = (await ask('GET', '2.0/subnets/')).json.filter(
      (one: { cidr: string }) => one.cidr === '10.59.1.0/24',
    );
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { gateway_ip: '10.59.1.255' })).status, 400);
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { cidr: '10.59.1.254/31', gateway_ip: '' })).status, 200);
  }));

test('a router on the edge that an earlier version stored stays until it or the network changes', () =>
  withNetworks(async (ask, { store, region }) => {
    const { id } = (await ask('POST', '2.0/subnets/', { cidr: '10.59.0.0/24' })).json;
    await store.networks.change(({ subnets }) => ({
      result: undefined,
      nextId: id + 1,
      events: [],
      remove: {},
      put: {
        subnets: subnets.filter((one) => one.id === id).map((one) => ({ ...one, gateway: parseIpv4('10.59.0.255') })),
      },
    }));
    await region.networks.look();
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { name: 'old' })).status, 200);
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { cidr: '10.59.0.128/25' })).status, 400);
    assert.equal((await ask('PUT', `2.0/subnets/${id}/`, { cidr: '10.59.0.0/23' })).status, 200);
  }));

test('a subnet that no host can be in is refused', () =>
  withNetworks(async (ask) => {
    for (const cidr of [
      '0.0.0.0/8',
      '127.0.0.0/8',
      '127.1.0.0/16',
      '224.0.9.0/24',
      '240.0.0.0/8',
      '255.255.255.0/24',
    ]) {
      const { status, json } = await ask('POST', '2.0/subnets/', { cidr });
      assert.deepEqual(
        [status, json],
        [400, { cidr: [`No host can have an address of ${cidr}: give another network.`] }],
      );
    }
    for (const cidr of ['1.0.0.0/24', '126.0.0.0/24', '128.0.0.0/24', '223.255.255.0/24'])
      assert.equal((await ask('POST', '2.0/subnets/', { cidr })).status, 200, cidr);
  }));
