// Trials of the interfaces and disks of machines.

import assert from 'node:assert/strict';
import { assertStatus } from '../../../support/answered.ts';
import type { AskedApi } from '../../asked-api.ts';
import { type Fields, type Given, machine, type Sight, type Trial } from './trial.ts';

const PATH = 'nodes/{system_id}/interfaces';
interface Node {
  readonly id: string;
  readonly first: number;
  readonly second: number;
}
async function node(site: AskedApi): Promise<Node> {
  const id = await machine(site, 'allocated', { owner: 'admin' });
  const [first, second] = (await site.ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
  return { id, first: first.id, second: second.id };
}
const VLAN = async ({
  ask,
}: AskedApi): Promise<Readonly<Record<'untagged' | 'tagged' | 'subnet' | 'other', number>>> => {
  const [{ id, vlans }] = (await ask('GET', '2.0/fabrics/')).json;
  const tagged = (await ask('POST', `2.0/fabrics/${id}/vlans/`, { vid: '7' })).json.id;
  const [{ id: subnet }] = (await ask('GET', '2.0/subnets/')).json;
  const other = (await ask('POST', '2.0/fabrics/', {})).json.vlans[0].id;
  return { untagged: vlans[0].id, tagged, subnet, other };
};
/** The second interface, and the VLANs, in what is kept: that of the served network, a tagged one, the network, and the untagged VLAN of another fabric. */
async function nicGiven(site: AskedApi, fields: Fields = {}): Promise<Given> {
  const { id, first, second } = await node(site);
  const { untagged, tagged, subnet, other } = await VLAN(site);
  return { path: { system_id: id, id: first }, fields, kept: [second, untagged, tagged, subnet, other].join(' ') };
}
const keptOf = (given: Given): readonly string[] => (given.kept ?? '').split(' ');
const firstOf = ({ path }: Given) => String(path?.id);

const COMMON = {
  name: 'main0',
  mac_address: '02:00:00:00:00:09',
  tags: ['a', 'b'],
  mtu: '2000',
  accept_ra: 'true',
};
const LINK = { link_speed: '10000', interface_speed: '25000' };
const UNPLUGGED = { link_connected: 'false' };
const BOND = {
  bond_mode: '802.3ad',
  bond_miimon: '50',
  bond_downdelay: '100',
  bond_updelay: '200',
  bond_lacp_rate: 'slow',
  bond_xmit_hash_policy: 'layer3+4',
  bond_num_grat_arp: '3',
};
const BRIDGE = { bridge_type: 'standard', bridge_stp: 'true', bridge_fd: '4' };
const inParams = (fields: Fields) => Object.fromEntries(Object.keys(fields).map((name) => [name, `params.${name}`]));
const READS = {
  tags: { at: 'tags', is: ['a', 'b'] },
  mtu: 'effective_mtu',
  accept_ra: 'params.accept_ra',
  ...inParams(BOND),
  ...inParams(BRIDGE),
  vlan: ({ answer, sent }: Sight) => assert.equal(String(answer.json.vlan.id), sent.vlan),
  parent: ({ answer }: Sight) => assert.deepEqual(answer.json.parents, ['eno1']),
  parents: ({ answer }: Sight) => assert.deepEqual(answer.json.parents, ['eno1', 'eno2']),
} as const;
const bothNics = (given: Given) => `${firstOf(given)},${keptOf(given)[0]}`;
/** A bond of the first interface, to be changed. */
async function made(site: AskedApi, op: string, fields: (given: Given) => Fields): Promise<Given> {
  const given = await nicGiven(site);
  const path = `2.0/nodes/${given.path?.system_id}/interfaces/`;
  const answer = await assertStatus(site.ask('POST', `${path}?op=${op}`, fields(given)), 200);
  return { ...given, path: { ...given.path, id: answer.json.id }, kept: `${given.kept} ${firstOf(given)}` };
}

const deviceGiven = async (site: AskedApi): Promise<Given> => ({
  path: { system_id: (await site.ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' })).json.system_id },
  kept: String((await VLAN(site)).tagged),
});

/** The interface of the tagged VLAN, as its machine lists it and as it is read alone. */
async function taggedVlan({ site, given, answer, sent }: Sight) {
  const path = `2.0/nodes/${given.path?.system_id}/interfaces/`;
  const alone = await site.ask('GET', `${path}eno1.7/`);
  assert.deepEqual(alone.json, answer.json);
  const { type, vlan, children } = alone.json;
  assert.deepEqual([type, String(vlan.id), vlan.vid, children], ['vlan', sent.vlan, 7, []]);
  const [parent, , last] = (await site.ask('GET', path)).json;
  assert.deepEqual([parent.children, last], [['eno1.7'], answer.json]);
}

const MAKING: readonly Trial[] = [
  {
    of: `2.0 POST ${PATH} create_physical`,
    given: deviceGiven,
    send: ({ kept = '' }) => ({
      mac_address: '52:54:00:00:00:0a',
      name: 'eth7',
      tags: COMMON.tags,
      mtu: '2000',
      vlan: kept,
      ...LINK,
      accept_ra: 'true',
    }),
    reads: READS,
  },
  {
    of: `2.0 POST ${PATH} create_physical`,
    send: UNPLUGGED,
    given: async (site) => ({ ...(await deviceGiven(site)), fields: { mac_address: '52:54:00:00:00:0a' } }),
  },
  {
    of: `2.0 POST ${PATH} create_bond`,
    given: nicGiven,
    reads: READS,
    send: (given) => ({ ...COMMON, ...BOND, parents: bothNics(given), vlan: keptOf(given)[4] ?? '' }),
  },
  // Each name of the parent alone, because together either may be without effect.
  ...['parent', 'parents'].flatMap((name): readonly Trial[] => [
    {
      of: `2.0 POST ${PATH} create_bridge`,
      given: nicGiven,
      reads: { ...READS, parents: READS.parent },
      send: (given) => ({ ...COMMON, ...BRIDGE, [name]: firstOf(given), vlan: keptOf(given)[4] ?? '' }),
    },
    {
      of: `2.0 POST ${PATH} create_vlan`,
      given: nicGiven,
      send: (given) => ({
        tags: COMMON.tags,
        mtu: '1400',
        accept_ra: 'false',
        [name]: firstOf(given),
        vlan: keptOf(given)[2] ?? '',
      }),
      reads: { ...READS, parents: READS.parent, tags: { at: 'tags', is: COMMON.tags }, vlan: taggedVlan },
    },
  ]),
];

const CHANGING: readonly Trial[] = [
  { of: `2.0 PUT ${PATH}/{id}`, given: nicGiven, send: LINK },
  { of: `2.0 PUT ${PATH}/{id}`, given: nicGiven, send: UNPLUGGED },
  {
    of: `2.0 PUT ${PATH}/{id}`,
    given: (site) => made(site, 'create_bond', (given) => ({ name: 'b', parents: firstOf(given) })),
    send: (given) => ({
      ...COMMON,
      ...BOND,
      vlan: keptOf(given)[4] ?? '',
      parents: `${keptOf(given)[5]},${keptOf(given)[0]}`,
    }),
    reads: READS,
  },
  {
    of: `2.0 PUT ${PATH}/{id}`,
    given: (site) => made(site, 'create_bridge', (given) => ({ name: 'b', parent: firstOf(given) })),
    send: (given) => ({ ...BRIDGE, parent: keptOf(given)[0] ?? '' }),
    reads: { ...READS, parent: { at: 'parents', is: ['eno2'] } },
  },
];

async function linked(site: AskedApi): Promise<Given> {
  const given = await nicGiven(site);
  const path = `2.0/nodes/${given.path?.system_id}/interfaces/${firstOf(given)}/`;
  const fields = { mode: 'static', subnet: keptOf(given)[3] ?? '', ip_address: '10.20.0.50' };
  const answer = await assertStatus(site.ask('POST', `${path}?op=link_subnet`, fields), 200);
  const made = answer.json.links.find((one: { readonly mode: string }) => one.mode === 'static');
  return { ...given, kept: String(made.id) };
}
const gateway = async ({ site, given }: Sight) => {
  const { default_gateways: gateways } = (await site.ask('GET', `2.0/machines/${given.path?.system_id}/`)).json;
  assert.equal(gateways.ipv4.gateway_ip, '10.20.0.254');
};
const lastLink = (field: string, wanted: (sight: Sight) => unknown) => (sight: Sight) => {
  const link = sight.answer.json.links.at(-1);
  const found = field.split('.').reduce<unknown>((part, key) => Reflect.get(Object(part), key), link);
  assert.equal(String(found), String(wanted(sight)), sight.answer.text);
};

const LINKING: readonly Trial[] = [
  {
    of: `2.0 POST ${PATH}/{id} add_tag`,
    given: nicGiven,
    send: { tag: 'fast' },
    reads: { tag: { at: 'tags', is: ['fast'] } },
  },
  {
    of: `2.0 POST ${PATH}/{id} remove_tag`,
    send: { tag: 'fast' },
    reads: { tag: { at: 'tags', is: [] } },
    given: async (site) => {
      const given = await nicGiven(site);
      await site.ask('POST', `2.0/nodes/${given.path?.system_id}/interfaces/${firstOf(given)}/?op=add_tag`, {
        tag: 'fast',
      });
      return given;
    },
  },
  {
    of: `2.0 POST ${PATH}/{id} link_subnet`,
    given: nicGiven,
    send: (given) => ({
      mode: 'static',
      subnet: keptOf(given)[3] ?? '',
      ip_address: '10.20.0.51',
      default_gateway: 'true',
    }),
    reads: {
      mode: lastLink('mode', () => 'static'),
      subnet: lastLink('subnet.id', ({ given }) => keptOf(given)[3]),
      ip_address: lastLink('ip_address', () => '10.20.0.51'),
      default_gateway: gateway,
    },
  },
  {
    of: `2.0 POST ${PATH}/{id} link_subnet`,
    given: async (site) => ({ ...(await linked(site)), fields: { mode: 'link_up' } }),
    send: { force: 'true' },
    reads: { force: ({ answer }) => assert.equal(answer.json.links.length, 1) },
  },
  {
    of: `2.0 POST ${PATH}/{id} unlink_subnet`,
    given: linked,
    send: ({ kept = '' }) => ({ id: kept }),
    reads: { id: ({ answer }) => assert.doesNotMatch(answer.text, /10\.20\.0\.50/) },
  },
  {
    of: `2.0 POST ${PATH}/{id} set_default_gateway`,
    given: linked,
    send: ({ kept = '' }) => ({ link_id: kept }),
    reads: { link_id: gateway },
  },
];

const DISKS = 'nodes/{system_id}/blockdevices';
const FORMAT = { fstype: 'ext4', uuid: '9c5a5c5e-2f0b-4b8e-9d56-1d6c3a3f0b11', label: 'data' };
const diskGiven = async (site: AskedApi): Promise<Given> => ({
  path: { system_id: (await node(site)).id, device_id: 'sdb' },
});
const post = async ({ ask }: AskedApi, path: string, fields: Fields) => {
  const answer = await assertStatus(ask('POST', `2.0/${path}`, fields), 200);
  return answer.json;
};
async function partitionGiven(site: AskedApi): Promise<Given> {
  const { id } = await node(site);
  const part = await post(site, `nodes/${id}/blockdevices/sdb/partitions/`, { size: '10G' });
  return { path: { system_id: id, device_id: part.device_id, id: part.id }, kept: String(part.id) };
}
/** A RAID of partitions of both disks; what is kept is its block device. */
async function raidGiven(site: AskedApi): Promise<Given> {
  const { id } = await node(site);
  const one = await post(site, `nodes/${id}/blockdevices/sda/partitions/`, { size: '10G' });
  const two = await post(site, `nodes/${id}/blockdevices/sdb/partitions/`, { size: '10G' });
  const raid = await post(site, `nodes/${id}/raids/`, { level: 'raid-1', partitions: `${one.id},${two.id}` });
  return { path: { system_id: id, id: raid.virtual_device.id } };
}
const MOUNT = { mount_point: '/srv', mount_options: 'noatime' };
const inFileSystem = (fields: Fields) =>
  Object.fromEntries(Object.keys(fields).map((name) => [name, `filesystem.${name}`]));
const formatted = async (site: AskedApi, given: Given, path: string) => {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => String(given.path?.[name]));
  await post(site, `${filled}/?op=format`, { fstype: 'ext4' });
  return given;
};
const PARTITION = `${DISKS}/{device_id}/partition/{id}`;

const PARTS: readonly Trial[] = [
  {
    of: `2.0 POST ${DISKS}/{device_id}/partitions`,
    given: diskGiven,
    send: { size: '10G', bootable: 'true', uuid: FORMAT.uuid },
    reads: { size: { at: 'size', is: Math.floor(10e9 / 1_048_576) * 1_048_576 } },
  },
  { of: `2.0 POST ${PARTITION} format`, given: partitionGiven, send: FORMAT, reads: inFileSystem(FORMAT) },
  {
    of: `2.0 POST ${PARTITION} mount`,
    send: MOUNT,
    reads: inFileSystem(MOUNT),
    given: async (site) => await formatted(site, await partitionGiven(site), PARTITION),
  },
  { of: `2.0 POST ${DISKS}/{id} format`, given: raidGiven, send: FORMAT, reads: inFileSystem(FORMAT) },
  {
    of: `2.0 POST ${DISKS}/{id} mount`,
    send: MOUNT,
    reads: inFileSystem(MOUNT),
    given: async (site) => await formatted(site, await raidGiven(site), `${DISKS}/{id}`),
  },
];

const laid = (fields: Fields, pattern: Readonly<Record<string, RegExp>>): Trial => ({
  of: '2.0 POST machines/{system_id} set_storage_layout',
  given: async (site) => ({ path: { system_id: (await node(site)).id } }),
  send: fields,
  reads: Object.fromEntries(
    Object.entries(pattern).map(([name, wanted]) => [
      name,
      async ({ site, given, answer }: Sight) => {
        const groups = await site.ask('GET', `2.0/nodes/${given.path?.system_id}/volume-groups/`);
        assert.match(
          `${JSON.stringify(answer.json.blockdevice_set)} ${answer.json.boot_disk.name} ${groups.text}`,
          wanted,
        );
      },
    ]),
  ),
});
const mib = (bytes: number) => new RegExp(`"size":${Math.floor(bytes / 1_048_576) * 1_048_576}\\b`);

const LAYOUTS: readonly Trial[] = [
  laid(
    {
      storage_layout: 'lvm',
      root_device: 'sdb',
      boot_size: '1G',
      root_size: '40G',
      vg_name: 'vgmain',
      lv_name: 'lvmain',
      lv_size: '20G',
    },
    {
      storage_layout: /vgmain/,
      root_device: / sdb /,
      boot_size: mib(1e9),
      root_size: mib(40e9),
      vg_name: /vgmain/,
      lv_name: /lvmain/,
      lv_size: /"size":(?:20\d{9}|19\d{9})\b/,
    },
  ),
];

const OLD_INTERFACES: readonly Trial[] = [
  {
    of: '1.0 POST nodes/{system_id}/macs',
    given: async (site) => ({ path: { system_id: await machine(site) } }),
    send: { mac_address: '52:54:00:00:00:77' },
  },
  {
    of: '1.0 POST nodes/{system_id} claim_sticky_ip_address',
    given: async (site) => ({ path: { system_id: await machine(site) } }),
    send: { mac_address: '52:54:00:00:00:02', requested_address: '10.20.0.44' },
    reads: {
      requested_address: '0.ip',
      mac_address: async ({ site, given }) => {
        const [, second] = (await site.ask('GET', `2.0/nodes/${given.path?.system_id}/interfaces/`)).json;
        assert.deepEqual(
          second.links.map((one: { readonly ip_address: string }) => one.ip_address),
          ['10.20.0.44'],
        );
      },
    },
  },
];

export const LAYOUT_TRIALS: readonly Trial[] = [
  ...OLD_INTERFACES,
  ...MAKING,
  ...CHANGING,
  ...LINKING,
  ...PARTS,
  ...LAYOUTS,
];
