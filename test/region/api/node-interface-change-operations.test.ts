// Changes of a machine's interfaces by the API: clients read afterwards what they posted, and the next deployment takes it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, parseIpv4 } from '../../../src/ground/address.ts';
import { assertStatus } from '../../support/answered.ts';
import { type Answered, type CallersPlace, FIRST_MAC, SECOND_MAC, SUBNET_ID, withCallers } from './callers-place.ts';

interface Nics {
  readonly first: number;
  readonly second: number;
  readonly post: (path: string, fields?: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly put: (path: string, fields: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly drop: (path: string) => Promise<Answered>;
  // biome-ignore lint/suspicious/noExplicitAny: the answers are of many forms.
  readonly list: () => Promise<any[]>;
}

const withNics = (
  work: (nics: Nics, place: CallersPlace) => Promise<void>,
  status: Parameters<typeof withCallers>[1] = 'allocated',
) =>
  withCallers(async (place) => {
    const base = `nodes/${place.systemId}/interfaces/`;
    const list = async () => (await place.ask('root', 'GET', base)).json;
    const [first, second] = await list();
    const nics: Nics = {
      first: first.id,
      second: second.id,
      list,
      post: (path, fields = {}) => place.ask('root', 'POST', `${base}${path}`, fields),
      put: (path, fields) => place.ask('root', 'PUT', `${base}${path}`, fields),
      drop: (path) => place.ask('root', 'DELETE', `${base}${path}`),
    };
    await work(nics, place);
  }, status);

const SUBNET = String(SUBNET_ID);

test('an interface of a machine is deleted, as Terraform does, the last one too, and one is added', () =>
  withNics(async ({ first, second, post, drop, list }, { ask, systemId }) => {
    await assertStatus(drop(`${first}/`), 204);
    assert.deepEqual(
      (await list()).map(({ id }) => id),
      [second],
    );
    await assertStatus(drop(`${second}/`), 204);
    const { json } = await ask('root', 'GET', `machines/${systemId}/`);
    assert.deepEqual([json.interface_set, json.boot_interface], [[], null]);
    const added = await post('?op=create_physical', { mac_address: '52:54:00:00:00:aa', name: 'eth7', mtu: '' });
    assert.deepEqual([added.status, added.json.name], [200, 'eth7'], added.text);
    await assertStatus(drop(`${added.json.id}/`), 204);
  }));

test('an interface of a deployed machine stays', () =>
  withNics(async ({ first, post, drop }) => {
    await assertStatus(drop(`${first}/`), 409);
    await assertStatus(post('?op=create_physical', { mac_address: '52:54:00:00:00:aa' }), 409);
  }, 'deployed'));

test('a bond takes the links of its interfaces, has the settings of its request, and is deleted again', () =>
  withNics(async ({ first, second, post, drop, list }) => {
    const fields = { name: 'bond0', parents: `${first},${second}`, bond_mode: '802.3ad', mtu: '9000', tags: 'a,b' };
    const made = await assertStatus(post('?op=create_bond', fields), 200);
    const bond = made.json;
    assert.deepEqual(
      [bond.type, bond.name, bond.mac_address, bond.parents, bond.effective_mtu, bond.tags, bond.enabled],
      ['bond', 'bond0', FIRST_MAC, ['eno1', 'eno2'], 9000, ['a', 'b'], true],
    );
    assert.deepEqual(bond.params, {
      bond_mode: '802.3ad',
      bond_miimon: 100,
      bond_downdelay: 0,
      bond_updelay: 0,
      bond_lacp_rate: 'fast',
      bond_xmit_hash_policy: 'layer2',
      bond_num_grat_arp: 1,
      mtu: 9000,
    });
    assert.deepEqual(
      bond.links.map(({ mode }: { readonly mode: string }) => mode),
      ['link_up'],
    );
    const [one, other, last] = await list();
    assert.deepEqual([one.children, one.links, other.children, last], [['bond0'], [], ['bond0'], bond]);
    for (const [refused, path, more] of [
      ['invalid-parameters', '?op=create_bond', { name: 'bond1', parents: String(first) }],
      ['layout-refused', `${first}/?op=link_subnet`, { mode: 'auto', subnet: SUBNET }],
    ] as const)
      assert.equal((await post(path, more)).refusal, refused, path);
    await assertStatus(drop('bond0/'), 204);
    const left = await list();
    assert.deepEqual(
      left.map(({ links }) => links.map(({ mode }: { readonly mode: string }) => mode)),
      [['link_up'], ['link_up']],
    );
    const again = await post('?op=create_bond', { name: 'bond0', parents: String(second) });
    assert.notEqual(again.json.id, bond.id, 'an id always means the same interface');
  }));

test('a bridge is made of one interface, and an update changes only the given fields', () =>
  withNics(async ({ first, second, post, put, list }) => {
    const made = await assertStatus(
      post('?op=create_bridge', { name: 'br0', parent: String(first), bridge_stp: 'true' }),
      200,
    );
    assert.deepEqual(made.json.params, { bridge_type: 'standard', bridge_stp: true, bridge_fd: 15 });
    const changed = await put('br0/', { name: 'br-lan', bridge_fd: '4', mac_address: '02:00:00:00:00:09', tags: 'x' });
    assert.deepEqual(
      [changed.json.name, changed.json.params.bridge_fd, changed.json.mac_address, changed.json.tags, changed.json.id],
      ['br-lan', 4, '02:00:00:00:00:09', ['x'], made.json.id],
    );
    const moved = await put('br-lan/', { parent: String(second) });
    assert.deepEqual(moved.json.parents, ['eno2']);
    const misfits: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
      ['br-lan/', { bond_mode: 'active-backup' }, 'bond_mode'],
      ['br-lan/', { name: 'eno1' }, 'name'],
      ['br-lan/', { name: 'a name' }, 'name'],
      ['br-lan/', { mtu: '100' }, 'mtu'],
      ['br-lan/', { vlan: '77' }, 'vlan'],
      ['eno1/', { mac_address: '02:00:00:00:00:07' }, 'mac_address'],
      ['eno1/', { parents: String(second) }, 'parents'],
    ];
    for (const [path, fields, field] of misfits) {
      const refused = await put(path, fields);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], JSON.stringify(fields));
    }
    assert.equal((await put('eno1/', { name: 'lan0', mtu: '1400' })).json.effective_mtu, 1400);
    assert.deepEqual(
      (await list()).map(({ name }) => name),
      ['lan0', 'eno2', 'br-lan'],
    );
  }));

test('an interface cannot have a name that Linux uses for other things', () =>
  withNics(async ({ first, post, put }) => {
    for (const name of ['all', 'bonding_masters', 'default', 'lo'])
      for (const refused of [
        await post('?op=create_bridge', { name, parent: String(first) }),
        await put('eno1/', { name }),
      ])
        assert.deepEqual(refused.json, { name: [`Linux uses ${name} for other things: choose another name.`] });
    assert.equal((await put('eno1/', { name: 'loop' })).json.name, 'loop');
  }));

test('a VLAN interface needs a tagged VLAN', () =>
  withNics(async ({ first, post }) => {
    const refused = await post('?op=create_vlan', { parent: String(first), vlan: '5001' });
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['vlan']]);
    const why = ['Give the id of a VLAN, a number (vlans lists them); empty: disconnected.'];
    for (const vlan of ['x', '-1', '1'.repeat(16)])
      assert.deepEqual((await post('?op=create_vlan', { parent: String(first), vlan })).json, { vlan: why });
  }));

test('a VLAN interface is made, read, changed and deleted; its frames are those of a tagged VLAN of the fabric', () =>
  withNics(async ({ first, second, post, put, drop, list }, { ask }) => {
    const vlanOf = async (vid: string, fabric = '0') =>
      (await ask('root', 'POST', `fabrics/${fabric}/vlans/`, { vid, name: `net-${vid}`, mtu: '9000' })).json;
    const [storage, backup] = [await vlanOf('100'), await vlanOf('200')];
    const far = (await ask('root', 'POST', 'fabrics/', { name: 'far' })).json;
    const strange = await vlanOf('100', String(far.id));
    const cidr = { cidr: '10.30.0.0/24', vlan: String(storage.id), gateway_ip: '10.30.0.1', dns_servers: '10.30.0.2' };
    const subnet = (await ask('root', 'POST', 'subnets/', cidr)).json;
    // As the maas command line and Terraform's provider send it.
    const fields = { vlan: String(storage.id), parent: String(first), tags: 'a,b', mtu: '1400' };
    const made = await assertStatus(post('?op=create_vlan', fields), 200);
    const { json: one } = made;
    assert.deepEqual(
      [one.type, one.name, one.mac_address, one.parents, one.effective_mtu, one.tags, one.vlan],
      [
        'vlan',
        'eno1.100',
        FIRST_MAC,
        ['eno1'],
        1400,
        ['a', 'b'],
        (await ask('root', 'GET', `vlans/${storage.id}/`)).json,
      ],
    );
    assert.deepEqual((await list())[0].children, ['eno1.100']);
    const link = { mode: 'static', subnet: String(subnet.id), ip_address: '10.30.0.9' };
    const linked = await post(`${one.id}/?op=link_subnet`, link);
    assert.deepEqual([linked.json.links[0].subnet, linked.json.links[0].ip_address], [subnet, '10.30.0.9']);
    assert.deepEqual((await list()).at(-1), linked.json);
    for (const [vlan, parent] of [
      [strange.id, first],
      [storage.id, first],
      [5001, second],
      [99, second],
    ] as const) {
      const refused = await post('?op=create_vlan', { vlan: String(vlan), parent: String(parent) });
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['vlan']], refused.text);
    }
    const moved = await put(`${one.id}/`, { vlan: String(backup.id) });
    assert.deepEqual([moved.json.name, moved.json.vlan.vid, moved.json.links[0].mode], ['eno1.200', 200, 'link_up']);
    const other = (await put(`${one.id}/`, { parent: String(second) })).json;
    assert.deepEqual([other.name, other.mac_address], ['eno2.200', SECOND_MAC], 'name and address follow the parent');
    assert.equal((await put(`${one.id}/`, { name: 'backup', parent: String(first) })).json.name, 'backup');
    assert.equal((await put(`${one.id}/`, { vlan: String(storage.id) })).json.name, 'backup', 'a person chose it');
    await assertStatus(ask('root', 'DELETE', `vlans/${storage.id}/`), 409);
    await assertStatus(drop(`${one.id}/`), 204);
    assert.equal((await list()).length, 2);
  }));

test('a bridge and a VLAN interface take parent and parents, and refuse both by the name that was sent', () =>
  withNics(async ({ first, second, post, drop, list }, { ask }) => {
    const { id } = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '30' })).json;
    const [bridge, vlan] = [{ name: 'br0' }, { vlan: String(id) }];
    for (const [op, fields] of [
      ['create_bridge', bridge],
      ['create_vlan', vlan],
    ] as const) {
      const path = `?op=${op}`;
      for (const sent of [{ parents: String(first) }, { parent: String(first), parents: String(first) }]) {
        const made = await post(path, { ...fields, ...sent });
        assert.deepEqual([made.status, made.json.parents], [200, ['eno1']], made.text);
        await drop(`${made.json.id}/`);
      }
      for (const [sent, field] of [
        [{}, 'parent'],
        [{ parents: '999' }, 'parents'],
        [{ parents: 'x' }, 'parents'],
        [{ parents: `${first},${second}` }, 'parents'],
        [{ parent: String(second), parents: String(first) }, 'parents'],
      ] as const) {
        const refused = await post(path, { ...fields, ...sent });
        assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], JSON.stringify(sent));
      }
      const wrong = await post(path, { ...fields, mtu: '1' });
      assert.deepEqual(Object.keys(wrong.json).toSorted(), ['mtu', 'parent']);
    }
    assert.equal((await list()).length, 2);
  }));

test('params is an object for each interface that people made or changed', () =>
  withNics(async ({ first, second, post, put, list }, { ask }) => {
    const { id } = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '30' })).json;
    const paramsOf = async () => (await list()).map(({ params }) => params);
    assert.deepEqual(await paramsOf(), ['', '']);
    const made = await post('?op=create_vlan', { parents: String(first), vlan: String(id) });
    assert.deepEqual([made.json.params, await paramsOf()], [{}, ['', '', {}]]);
    assert.deepEqual((await put(`${made.json.id}/`, { mtu: '1400' })).json.params, { mtu: 1400 });
    assert.deepEqual((await put(`${second}/`, { name: 'lan0' })).json.params, {});
    assert.deepEqual((await put(`${second}/`, { mtu: '9000', accept_ra: 'no' })).json.params, {
      accept_ra: false,
      mtu: 9000,
    });
    const listed = (await ask('root', 'GET', 'machines/')).json[0].interface_set;
    assert.deepEqual(
      listed.map((one: { readonly params: unknown }) => one.params),
      ['', { accept_ra: false, mtu: 9000 }, { mtu: 1400 }],
    );
  }));

test('tags of an interface are added and removed, even if its machine is deployed', () =>
  withNics(async ({ first, post, list }) => {
    assert.deepEqual((await post(`${first}/?op=add_tag`, { tag: 'sriov' })).json.tags, ['sriov']);
    assert.deepEqual((await post('eno1/?op=add_tag', { tag: 'fast' })).json.tags, ['sriov', 'fast']);
    assert.deepEqual((await post(`${first}/?op=add_tag`, { tag: 'sriov' })).json.tags, ['fast', 'sriov']);
    assert.deepEqual((await post(`${first}/?op=remove_tag`, { tag: 'fast' })).json.tags, ['sriov']);
    assert.deepEqual((await post(`${first}/?op=remove_tag`, { tag: 'absent' })).json.tags, ['sriov']);
    assert.deepEqual((await list())[0].tags, ['sriov']);
    for (const fields of [{}, { tag: '' }, { tag: 'x'.repeat(257) }])
      assert.equal((await post(`${first}/?op=add_tag`, fields)).status, 400);
    for (let index = 1; index < 64; index += 1) await post(`${first}/?op=add_tag`, { tag: `t${index}` });
    const full = await post(`${first}/?op=add_tag`, { tag: 'one more' });
    assert.deepEqual([full.status, (await list())[0].tags.length], [400, 64], full.text);
  }, 'deployed'));

test('links: an address of a person or a free one, by DHCP, none; an unfit request is refused by field', () =>
  withNics(async ({ first, second, post, list }, { store, systemId }) => {
    const link = (nic: number, fields: Readonly<Record<string, string>>) => post(`${nic}/?op=link_subnet`, fields);
    const fixed = await assertStatus(link(second, { mode: 'STATIC', subnet: SUBNET, ip_address: '10.20.0.25' }), 200);
    assert.deepEqual(
      fixed.json.links.map(({ mode, ip_address: address }: { mode: string; ip_address: string }) => [mode, address]),
      [['static', '10.20.0.25']],
    );
    const free = await link(second, { mode: 'static', subnet: SUBNET, default_gateway: 'true' });
    assert.equal(free.json.links[1].ip_address, '10.20.0.20');
    const held = async () => (await store.findMachine(systemId))?.addresses.map(({ address }) => address);
    assert.deepEqual(await held(), [parseIpv4('10.20.0.20'), parseIpv4('10.20.0.25')]);
    const misfits: readonly (readonly [Readonly<Record<string, string>>, number, string])[] = [
      [{ mode: 'static', subnet: SUBNET, ip_address: '10.20.0.25' }, 409, 'address-refused'],
      [{ mode: 'static', subnet: SUBNET, ip_address: '10.20.0.150' }, 409, 'address-refused'],
      [{ mode: 'static', subnet: SUBNET, ip_address: '10.21.0.5' }, 400, 'invalid-parameters'],
      [{ mode: 'static', subnet: SUBNET, ip_address: 'x' }, 400, 'invalid-parameters'],
      [{ mode: 'auto', subnet: '9' }, 400, 'invalid-parameters'],
      [{ mode: 'auto' }, 400, 'invalid-parameters'],
      [{ mode: 'link_up' }, 400, 'invalid-parameters'],
      [{ mode: 'dhcp', default_gateway: 'true' }, 400, 'invalid-parameters'],
      [{ mode: 'dhcp', ip_address: '10.20.0.26' }, 400, 'invalid-parameters'],
      [{ mode: 'sometimes' }, 400, 'invalid-parameters'],
    ];
    for (const [fields, status, name] of misfits) {
      const { status: got, refusal } = await link(second, fields);
      assert.deepEqual([got, refusal], [status, name], JSON.stringify(fields));
    }
    const byDhcp = await link(first, { mode: 'dhcp', subnet: SUBNET, force: 'true' });
    assert.deepEqual(
      byDhcp.json.links.map(({ mode }: { readonly mode: string }) => mode),
      ['dhcp'],
    );
    const gone = await post(`${second}/?op=unlink_subnet`, { id: String(free.json.links[1].id) });
    assert.equal(gone.json.links.length, 1);
    assert.deepEqual(await held(), [parseIpv4('10.20.0.25')]);
    await assertStatus(post(`${second}/?op=unlink_subnet`, { id: '1' }), 400);
    const apart = await post(`${first}/?op=disconnect`);
    assert.deepEqual([apart.json.links, apart.json.vlan], [[], null]);
    assert.equal((await list())[0].vlan, null);
  }));

test('each link of an interface to one subnet has an address of its own, which goes with the link', () =>
  withNics(async ({ first, post, list }, { store, systemId, region }) => {
    const link = (fields: Readonly<Record<string, string>>) =>
      post(`${first}/?op=link_subnet`, { subnet: SUBNET, ...fields });
    await link({ mode: 'auto', force: 'true' });
    await link({ mode: 'static', ip_address: '10.20.0.25' });
    await link({ mode: 'auto' });
    const by = { username: 'root', isAdmin: true, comment: '' };
    await region.life.command(systemId, { name: 'release' }, by);
    assert.equal((await region.life.command(systemId, { name: 'allocate' }, by)).kind, 'changed');
    type Link = { readonly id: number; readonly mode: string; readonly ip_address?: string };
    const links = async (): Promise<readonly Link[]> => (await list())[0].links;
    const shown = async () => (await links()).map(({ mode, ip_address: address }) => `${mode} ${address}`);
    assert.deepEqual(await shown(), ['auto 10.20.0.20', 'static 10.20.0.25', 'auto 10.20.0.21']);
    const held = async () =>
      (await store.findMachine(systemId))?.addresses.map(({ address }) => formatIpv4(address)).join(' ');
    assert.equal(await held(), '10.20.0.20 10.20.0.21 10.20.0.25');
    await post(`${first}/?op=unlink_subnet`, { id: String((await links())[0]?.id) });
    assert.deepEqual(await shown(), ['static 10.20.0.25', 'auto 10.20.0.21']);
    assert.equal(await held(), '10.20.0.21 10.20.0.25');
  }));

test('a free address of a subnet that no rack serves is neither an edge of it, nor its gateway, nor a DNS server', () =>
  withNics(async ({ second, post }, { ask }) => {
    const fields = { cidr: '10.40.0.0/29', gateway_ip: '10.40.0.1', dns_servers: '10.40.0.2' };
    const subnet = String((await ask('root', 'POST', 'subnets/', fields)).json.id);
    const link = (ip = '') => post(`${second}/?op=link_subnet`, { mode: 'static', subnet, ip_address: ip });
    const last = ({ json }: Answered): unknown => json.links.at(-1)?.ip_address;
    for (const free of ['10.40.0.3', '10.40.0.4', '10.40.0.5', '10.40.0.6']) assert.equal(last(await link()), free);
    assert.equal((await link()).refusal, 'addresses-exhausted');
    for (const edge of ['10.40.0.0', '10.40.0.7']) assert.equal((await link(edge)).refusal, 'address-refused', edge);
    assert.equal(last(await link('10.40.0.2')), '10.40.0.2', 'the machine may be the DNS server');
  }));

test('no machine or device gets the address of a router, whether a rack serves the subnet or not', () =>
  withNics(async ({ second, post }, { ask, systemId }) => {
    const made = await ask('root', 'POST', 'subnets/', { cidr: '10.40.0.0/24', gateway_ip: '10.40.0.1', name: 'far' });
    const far = String(made.json.id);
    const device = (await ask('root', 'POST', 'devices/', { hostname: 'printer', mac_addresses: '52:54:00:00:00:77' }))
      .json;
    const near = (await ask('root', 'GET', `subnets/${SUBNET}/`)).json;
    for (const nic of [
      `${systemId}/interfaces/${second}`,
      `${device.system_id}/interfaces/${device.interface_set[0].id}`,
    ])
      for (const [subnet, address, name] of [
        [far, '10.40.0.1', 'far'],
        [SUBNET, near.gateway_ip, near.name],
      ]) {
        const fields = { mode: 'static', subnet, ip_address: address };
        const refused = await assertStatus(ask('root', 'POST', `nodes/${nic}/?op=link_subnet`, fields), 400);
        const words = `${address} is the router of the subnet ${name}: choose another address.`;
        assert.deepEqual(refused.json, { ip_address: [words] });
      }
    // Once the subnet has another router, the address is free.
    await assertStatus(ask('root', 'PUT', `subnets/${far}/`, { gateway_ip: '10.40.0.9' }), 200);
    await assertStatus(
      post(`${second}/?op=link_subnet`, { mode: 'static', subnet: far, ip_address: '10.40.0.1' }),
      200,
    );
  }));

test('the default gateway is that of a link to a subnet with a router', () =>
  withNics(async ({ first, second, post }, { ask, systemId }) => {
    const set = await assertStatus(post(`${first}/?op=set_default_gateway`), 200);
    const { json: machine } = await ask('alice', 'GET', `machines/${systemId}/`);
    assert.deepEqual(machine.default_gateways.ipv4, { gateway_ip: '10.20.0.1', link_id: set.json.links[0].id });
    await assertStatus(post(`${second}/?op=set_default_gateway`), 400);
    const unknown = await post(`${first}/?op=set_default_gateway`, { link_id: '77' });
    assert.deepEqual([unknown.status, unknown.json], [400, { link_id: ['The interface has no link with the id 77.'] }]);
    const up = await post(`${second}/?op=link_subnet`, { mode: 'link_up' });
    const unfit = await post(`${second}/?op=set_default_gateway`, { link_id: String(up.json.links[0].id) });
    assert.match(unfit.json.link_id[0], /^No auto or static link of this interface leads to a subnet with a router/);
  }));

test('a layout stays with its machine while that is released, with its chosen addresses, until it is restored', () =>
  withNics(async ({ second, post, list }, { ask, store, systemId, region }) => {
    const before = await list();
    await post(`${second}/?op=link_subnet`, { mode: 'static', subnet: SUBNET, ip_address: '10.20.0.25' });
    const by = { username: 'root', isAdmin: true, comment: '' };
    const held = async () => (await store.findMachine(systemId))?.addresses.map(({ address }) => address);
    assert.equal((await region.life.command(systemId, { name: 'release' }, by)).kind, 'changed');
    assert.deepEqual(await held(), [parseIpv4('10.20.0.25')]);
    assert.equal((await region.life.command(systemId, { name: 'allocate' }, by)).kind, 'changed');
    assert.deepEqual(await held(), [parseIpv4('10.20.0.20'), parseIpv4('10.20.0.25')], 'the auto link has one, too');
    assert.equal((await list())[0].links[0].ip_address, '10.20.0.20');
    await assertStatus(ask('root', 'POST', `machines/${systemId}/?op=restore_networking_configuration`), 200);
    assert.deepEqual(await held(), [parseIpv4('10.20.0.20')]);
    assert.deepEqual((await list())[1], before[1]);
    for (const op of ['restore_storage_configuration', 'restore_default_configuration'])
      assert.equal((await ask('root', 'POST', `machines/${systemId}/?op=${op}`)).status, 200, op);
  }));

test('the interfaces of a deployed or locked machine are not changed', () =>
  withNics(async ({ first, post }, { store, systemId }) => {
    const refused = await post(`${first}/?op=disconnect`);
    assert.deepEqual([refused.status, refused.refusal], [409, 'layout-refused']);
    const fields = { status: 'ready', isLocked: true } as const;
    await store.changeMachine(systemId, 2, () => ({ kind: 'change', fields, events: [] }));
    assert.equal((await post(`${first}/?op=disconnect`)).refusal, 'machine-locked');
  }, 'deployed'));

test('a person says how fast a link is: at most as its interface, and 0 without a cable', () =>
  withNics(async ({ first, put, post }, { ask }) => {
    const path = `${first}/`;
    const fast = await put(path, { link_speed: '10000', interface_speed: '25000' });
    assert.deepEqual(
      [fast.json.link_speed, fast.json.interface_speed, fast.json.link_connected],
      [10_000, 25_000, true],
    );
    await assertStatus(ask('root', 'GET', 'machines/?link_speed=10000'), 200);
    for (const [field, fields] of [
      ['link_speed', { link_speed: '40000' }],
      ['interface_speed', { interface_speed: '1000' }],
      ['link_speed', { link_connected: 'false', link_speed: '100' }],
      ['bridge_type', { bridge_type: 'ovs' }],
    ] as const)
      assert.deepEqual(Object.keys((await put(path, fields)).json), [field], JSON.stringify(fields));
    const off = await put(path, { link_connected: 'false' });
    assert.deepEqual([off.json.link_speed, off.json.interface_speed, off.json.link_connected], [0, 25_000, false]);
    assert.deepEqual(Object.keys((await put(path, { link_speed: '100' })).json), ['link_speed']);
    const bond = await post('?op=create_bond', { name: 'bond0', parents: String(first) });
    assert.deepEqual(Object.keys((await put(`${bond.json.id}/`, { link_speed: '1' })).json), ['link_speed']);
    const ovs = await post('?op=create_bridge', { name: 'br0', parent: String(bond.json.id), bridge_type: 'ovs' });
    assert.deepEqual(ovs.json, { bridge_type: ['Give standard: no other bridge (ovs) can be deployed.'] });
  }));

test('an interface carries no larger packets than those below it, which carry what is chosen above them', () =>
  withNics(async ({ first, second, post, put, list }, { ask }) => {
    const vlanOf = async (vid: string, mtu: string) =>
      String((await ask('root', 'POST', 'fabrics/0/vlans/', { vid, mtu })).json.id);
    const sizes = async () =>
      Object.fromEntries((await list()).map((one): [string, number] => [one.name, one.effective_mtu]));
    const plain = await vlanOf('100', '1500');
    const bond = await post('?op=create_bond', { name: 'bond0', parents: `${first},${second}`, mtu: '1400' });
    const inside = await post('?op=create_vlan', { parent: String(bond.json.id), vlan: plain });
    assert.equal(inside.json.effective_mtu, 1400, inside.text);
    const bridge = await post('?op=create_bridge', { name: 'br0', parent: String(inside.json.id) });
    assert.equal(bridge.json.effective_mtu, 1400, bridge.text);
    assert.deepEqual(await sizes(), { eno1: 1500, eno2: 1500, bond0: 1400, 'bond0.100': 1400, br0: 1400 });
    // A VLAN of larger packets changes no size that somebody chose.
    await post('?op=create_vlan', { parent: String(bond.json.id), vlan: await vlanOf('200', '9000') });
    assert.deepEqual(await sizes(), {
      eno1: 1500,
      eno2: 1500,
      bond0: 1400,
      'bond0.100': 1400,
      'bond0.200': 1400,
      br0: 1400,
    });
    await put('bond0.200/', { mtu: '9000' });
    assert.deepEqual(await sizes(), {
      eno1: 9000,
      eno2: 9000,
      bond0: 9000,
      'bond0.100': 1500,
      'bond0.200': 9000,
      br0: 1500,
    });
  }));

test('an interface in a VLAN of larger packets raises the one below it', () =>
  withNics(async ({ first, post, put, list }, { ask }) => {
    const vlan = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '200', mtu: '9000' })).json.id;
    const made = await post('?op=create_vlan', { parent: String(first), vlan: String(vlan) });
    assert.equal(made.json.effective_mtu, 9000, made.text);
    const sizes = async () => (await list()).map((one) => one.effective_mtu);
    assert.deepEqual(await sizes(), [9000, 1500, 9000]);
    await put('eno1/', { mtu: '1400' });
    assert.deepEqual(await sizes(), [1400, 1500, 1400]);
  }));

test('a bond with a VLAN becomes a part of a bridge, and a bridged bond gets a VLAN', () =>
  withNics(async ({ first, second, post }, { ask }) => {
    const [fabric] = (await ask('root', 'GET', 'fabrics/')).json;
    const vlan = async (vid: string) =>
      String((await ask('root', 'POST', `fabrics/${fabric.id}/vlans/`, { vid })).json.id);
    const bond = (await post('?op=create_bond', { name: 'bond0', parents: `${first},${second}` })).json;
    const inside = await post('?op=create_vlan', { parent: String(bond.id), vlan: await vlan('7') });
    assert.equal(inside.json.name, 'bond0.7', inside.text);
    const bridge = await post('?op=create_bridge', { name: 'br0', parent: String(bond.id) });
    assert.deepEqual(bridge.json.parents, ['bond0'], bridge.text);
    const later = await post('?op=create_vlan', { parent: String(bond.id), vlan: await vlan('8') });
    assert.equal(later.json.name, 'bond0.8', later.text);
    const refused = await post('?op=create_vlan', { parent: String(first), vlan: await vlan('9') });
    assert.deepEqual(Object.keys(refused.json), ['parent']);
  }));

test('a link names its subnet by id, network or name', () =>
  withNics(async ({ first, second, post }, { ask }) => {
    const { name, cidr } = (await ask('root', 'GET', `subnets/${SUBNET}/`)).json;
    for (const subnet of [cidr, `cidr:${cidr}`, name, `name:${name}`, SUBNET]) {
      const linked = await post(`${second}/?op=link_subnet`, { mode: 'auto', subnet, force: 'true' });
      assert.equal(linked.json.links[0].subnet?.cidr, cidr, `${subnet} ${linked.text}`);
    }
    const unknown = await post(`${first}/?op=link_subnet`, { mode: 'auto', subnet: '10.99.0.0/24' });
    assert.deepEqual(Object.keys(unknown.json), ['subnet']);
  }));
