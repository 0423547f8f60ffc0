// The capabilities that the version names: each is shown by the operations for which a client looks for it, and every other capability of MAAS by the
// refusal of its operation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findApiKey } from '../../../src/region/accounts/accounts.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { type CallersPlace, SUBNET_ID, withCallers } from './callers-place.ts';

const IMAGE = {
  os: 'ubuntu',
  release: 'noble',
  path: '/images/aa/a.raw',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
} as const;
const KEY = { id: 1, username: 'alice', key: 'ssh-ed25519 AAAA', createdMs: 1 };
const PASSWORD = 'long enough';
const SUBNET = String(SUBNET_ID);

/** Deploys Ubuntu. @returns what the machine's agent gets at a path */
async function deployed({ ask, agent, store, systemId }: CallersPlace, path: string): Promise<string> {
  const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
  await store.life.addSshKey(KEY, 9, event);
  const answer = await ask('alice', 'POST', `machines/${systemId}/?op=deploy`, { distro_series: 'ubuntu/noble' });
  assert.equal(answer.status, 200, answer.text);
  return await agent(path);
}

async function made({ ask }: CallersPlace, path: string, fields: Readonly<Record<string, string>>) {
  const answer = await ask('root', 'POST', path, fields);
  assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  return answer.json;
}

const nicsOf = ({ systemId }: CallersPlace): string => `nodes/${systemId}/interfaces/`;

type Proof = (place: CallersPlace) => Promise<void>;

/** By capability, what only a program that has it does. */
const HELD: Readonly<Record<string, Proof>> = {
  'networks-management': async (place) => {
    const fabric = await made(place, 'fabrics/', { name: 'hall' });
    const vlan = await made(place, `fabrics/${fabric.id}/vlans/`, { vid: '100' });
    const subnet = await made(place, 'subnets/', { cidr: '10.30.0.0/24', vlan: String(vlan.id) });
    const space = await made(place, 'spaces/', { name: 'inside' });
    await place.ask('root', 'PUT', `vlans/${vlan.id}/`, { space: String(space.id) });
    const shown = (await place.ask('alice', 'GET', `subnets/${subnet.id}/`)).json;
    assert.deepEqual([shown.cidr, shown.vlan.vid, shown.space], ['10.30.0.0/24', 100, 'inside']);
    const old = (await place.ask('alice', 'GET', '1.0/networks/10.30.0.0-24/')).json;
    assert.deepEqual([old.ip, old.vlan_tag], ['10.30.0.0', 100]);
  },
  'static-ipaddresses': async (place) => {
    const own = await place.ask('alice', 'POST', 'ipaddresses/?op=reserve', { ip: '10.20.0.30' });
    assert.deepEqual([own.status, own.json?.ip], [200, '10.20.0.30'], own.text);
    const link = { mode: 'static', subnet: SUBNET, ip_address: '10.20.0.25' };
    await made(place, `${nicsOf(place)}eno2/?op=link_subnet`, link);
    const addresses = (await place.ask('root', 'GET', `subnets/${SUBNET}/?op=ip_addresses`)).json;
    const listed = addresses.map(({ ip }: { readonly ip: string }) => ip);
    assert.ok(listed.includes('10.20.0.25') && listed.includes('10.20.0.30'), String(listed));
  },
  'devices-management': async (place) => {
    const device = await made(place, 'devices/', {
      hostname: 'lxc-1',
      mac_addresses: '52:54:00:00:00:09',
      parent: place.systemId,
    });
    const shown = (await place.ask('alice', 'GET', `devices/${device.system_id}/`)).json;
    assert.deepEqual([shown.hostname, shown.parent], ['lxc-1', place.systemId]);
    assert.equal((await place.ask('root', 'DELETE', `devices/${device.system_id}/`)).status, 204);
  },
  'storage-deployment-ubuntu': async (place) => {
    const base = `nodes/${place.systemId}/blockdevices/sdb`;
    const part = await made(place, `${base}/partitions/`, { size: '40G' });
    const path = `nodes/${place.systemId}/blockdevices/${part.device_id}/partition/${part.id}`;
    await made(place, `${path}?op=format`, { fstype: 'ext4' });
    await made(place, `${path}?op=mount`, { mount_point: '/' });
    await place.ask('root', 'POST', `${base}/?op=set_boot_disk`);
    assert.match(await deployed(place, 'storage'), /^disk \d+ serial:S2\n[\s\S]*^mount \d+ - \/$/m);
    assert.match(await place.agent('job'), /^storage_url=/m);
  },
  'network-deployment-ubuntu': async (place) => {
    const link = { mode: 'static', subnet: SUBNET, ip_address: '10.20.0.25' };
    await made(place, `${nicsOf(place)}eno2/?op=link_subnet`, link);
    assert.match(await deployed(place, 'network/netplan/fixed'), /addresses: \[10\.20\.0\.25\/24\]/);
  },
  'bridging-interface-ubuntu': async (place) => {
    const nics = nicsOf(place);
    const [first] = (await place.ask('root', 'GET', nics)).json;
    const bridge = await made(place, `${nics}?op=create_bridge`, { name: 'br-eno1', parent: String(first.id) });
    await made(place, `${nics}${bridge.id}/?op=link_subnet`, { mode: 'auto', subnet: SUBNET });
    assert.match(await deployed(place, 'network/netplan/fixed'), /bridges:\n {4}"br-eno1":\n {6}interfaces: /);
  },
  'authenticate-api': async ({ ask, store, clock }) => {
    await addAdmin(store, clock, { username: 'ann', email: '', password: PASSWORD });
    const fields = { username: 'ann', password: PASSWORD, consumer: 'ann@desk' };
    const { status, json, text } = await ask('nobody', 'POST', '/MAAS/accounts/authenticate/', fields);
    assert.deepEqual([status, json?.name], [200, 'ann@desk'], text);
    const parts = { consumerKey: json.consumer_key, tokenKey: json.token_key, secret: json.token_secret };
    assert.equal((await findApiKey(store, clock, parts))?.username, 'ann');
  },
};

/** By capability of MAAS that Rackboot lacks, how it refuses what a client would then ask for. */
const LACKED: Readonly<Record<string, Proof>> = {
  'ipv6-deployment-ubuntu': async ({ ask }) => {
    const refused = await ask('root', 'POST', 'subnets/', { cidr: '2001:db8::/64' });
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['cidr']]);
  },
  'bridging-automatic-ubuntu': async ({ ask, systemId }) => {
    const fields = { distro_series: 'ubuntu/noble', bridge_all: 'true' };
    const refused = await ask('alice', 'POST', `machines/${systemId}/?op=deploy`, fields);
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['bridge_all']]);
  },
};

const withMachine = (work: Proof): Promise<void> => withCallers(work, 'allocated', { findImage: () => IMAGE });

/** The same in API 1.0. */
const HELD_OF_OLD: Readonly<Record<string, Proof>> = {
  'networks-management': async (place) => {
    await made(place, '1.0/networks/', { name: 'hall', ip: '10.30.0.0', netmask: '255.255.255.0', vlan_tag: '100' });
    const connected = await place.ask('root', 'POST', '1.0/networks/hall/?op=connect_macs', {
      macs: '52:54:00:00:00:02',
    });
    assert.equal(connected.status, 204, connected.text);
    const macs = (await place.ask('alice', 'GET', '1.0/networks/hall/?op=list_connected_macs')).json;
    assert.deepEqual(
      macs.map((one: { readonly mac_address: string }) => one.mac_address),
      ['52:54:00:00:00:02'],
    );
  },
  'static-ipaddresses': async (place) => {
    const own = await place.ask('alice', 'POST', '1.0/ipaddresses/?op=reserve', { requested_address: '10.20.0.30' });
    assert.deepEqual([own.status, own.json?.ip], [200, '10.20.0.30'], own.text);
    const path = `1.0/nodes/${place.systemId}/?op=claim_sticky_ip_address`;
    const [claimed] = await made(place, path, { requested_address: '10.20.0.25' });
    assert.equal(claimed.ip, '10.20.0.25');
  },
  'authenticate-api': HELD['authenticate-api'] ?? assert.fail('2.0 has no such proof'),
};
/** By capability that only 2.0 has, an object of it that 1.0 lacks. */
const ONLY_NEW: Readonly<Record<string, string>> = {
  'devices-management': 'devices/',
  'storage-deployment-ubuntu': 'nodes/ID/blockdevices/',
  'network-deployment-ubuntu': 'spaces/',
  'bridging-interface-ubuntu': 'nodes/ID/interfaces/',
};

for (const [version, held] of [
  ['2.0', HELD],
  ['1.0', HELD_OF_OLD],
] as const)
  test(`${version}: the version names exactly the capabilities that are shown here`, () =>
    withMachine(async ({ ask, systemId }) => {
      const { capabilities } = (await ask('nobody', 'GET', version === '1.0' ? '1.0/version/' : 'version/')).json;
      assert.deepEqual(capabilities, Object.keys(held));
      if (version === '2.0') return;
      assert.deepEqual(
        Object.keys(HELD).filter((name) => !(name in held)),
        Object.keys(ONLY_NEW),
      );
      // 1.0 lists devices, and makes none.
      for (const path of Object.values(ONLY_NEW)) {
        const { status } = await ask('root', 'POST', `1.0/${path.replace('ID', systemId)}`, {});
        assert.ok([404, 405].includes(status), `${path}: ${status}`);
      }
    }));

for (const [name, proof] of Object.entries(HELD))
  test(`${name} is held by what the program does`, () => withMachine(proof));
for (const [name, proof] of Object.entries(HELD_OF_OLD))
  test(`${name} is held in API 1.0 by what the program does`, () => withMachine(proof));
for (const [name, proof] of Object.entries(LACKED)) test(`${name} is neither named nor done`, () => withMachine(proof));
