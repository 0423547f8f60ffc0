// A deployment takes over the network and the disks that a person laid out, or is refused with the reason.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import { assertStatus } from '../../support/answered.ts';
import { type CallersPlace, SUBNET_ID, withCallers } from './callers-place.ts';

const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.raw',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
} as const;
const findImage = () => IMAGE;
const KEY = { id: 1, username: 'alice', key: 'ssh-ed25519 AAAA', createdMs: 1 };
const SUBNET = String(SUBNET_ID);
const LAID_FLAT = { storage_layout: 'flat' };
const AGAIN = {
  unmount: {},
  unformat: {},
  format: { fstype: 'ext4', label: 'ROOTFS', uuid: '11111111-2222-4333-8444-555555555555' },
  mount: { mount_point: '/', mount_options: 'noatime,discard' },
};

const withImage = (work: (place: CallersPlace) => Promise<void>) =>
  withCallers(
    async (place) => {
      const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
      await place.store.life.addSshKey(KEY, 9, event);
      await work(place);
    },
    'allocated',
    { findImage },
  );
const deploy = ({ ask, systemId }: CallersPlace, fields: Readonly<Record<string, string>> = {}) =>
  ask('alice', 'POST', `machines/${systemId}/?op=deploy`, { distro_series: 'trixie', ...fields });

test('the agent fetches a laid-out network for the tool of the system, and writes the chosen disk', () =>
  withImage(async (place) => {
    const { ask, agent, systemId } = place;
    const nics = `nodes/${systemId}/interfaces/`;
    const ids = (await ask('root', 'GET', nics)).json.map(({ id }: { readonly id: number }) => id).join(',');
    await ask('root', 'POST', `${nics}?op=create_bond`, { name: 'bond0', parents: ids });
    const link = { mode: 'static', subnet: SUBNET, ip_address: '10.20.0.25' };
    await ask('root', 'POST', `${nics}bond0/?op=link_subnet`, link);
    await ask('root', 'POST', `nodes/${systemId}/blockdevices/sdb/?op=set_boot_disk`);
    await assertStatus(deploy(place), 200);
    const job = await agent('job');
    assert.match(job, /^network_url=http:\/\/10\.20\.0\.1:5248\/MAAS\/rackboot\/1\/network$/m);
    assert.match(job, /^address=10\.20\.0\.25\/24$/m);
    assert.match(job, /^disk=serial:S2$/m);
    const netplan = await agent('network/netplan/fixed');
    assert.match(netplan, /^# file: \/etc\/netplan\/90-rackboot\.yaml\nnetwork:\n/);
    assert.match(netplan, /"bond0":\n {6}interfaces: \["00-rackboot0", "00-rackboot1"\]/);
    assert.match(netplan, /addresses: \[10\.20\.0\.25\/24\]\n {6}routes: \[\{ to: default, via: 10\.20\.0\.1 \}\]/);
    assert.match(await agent('network/networkd/leased'), /10-rackboot-0-bond0\.network\n[^#]*DHCP=ipv4/);
    assert.equal(await agent('network/ifupdown/fixed'), '# refused\n');
    for (const path of ['network/wicked/fixed', 'network/netplan/x']) assert.match(await agent(path), /Give netplan/);
  }));

test('a VLAN interface is deployed by each tool, with the address that a person chose', () =>
  withImage(async (place) => {
    const { ask, agent, systemId } = place;
    const nics = `nodes/${systemId}/interfaces/`;
    const [{ id: parent }] = (await ask('root', 'GET', nics)).json;
    const { id: vlan } = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '100' })).json;
    const network = { cidr: '10.30.0.0/24', vlan: String(vlan), dns_servers: '10.30.0.2' };
    const { id: subnet } = (await ask('root', 'POST', 'subnets/', network)).json;
    const made = await ask('root', 'POST', `${nics}?op=create_vlan`, { parent: String(parent), vlan: String(vlan) });
    const link = { mode: 'static', subnet: String(subnet), ip_address: '10.30.0.9' };
    await assertStatus(ask('root', 'POST', `${nics}${made.json.id}/?op=link_subnet`, link), 200);
    await assertStatus(deploy(place), 200);
    const netplan = await agent('network/netplan/leased');
    assert.match(netplan, / {2}vlans:\n {4}"eno1\.100":\n {6}id: 100\n {6}link: "00-rackboot0"\n/);
    assert.match(netplan, /addresses: \[10\.30\.0\.9\/24\]\n {6}nameservers: \{ addresses: \[10\.30\.0\.2\]/);
    const networkd = await agent('network/networkd/fixed');
    assert.match(networkd, /Name=eno1\.100\nKind=vlan\n\n\[VLAN\]\nId=100/);
    assert.match(networkd, /VLAN=eno1\.100/);
    const ifupdown = await agent('network/ifupdown/fixed');
    assert.match(ifupdown, /auto eno1\niface eno1 inet static\n {2}address 10\.20\.0\.20\/24/);
    assert.match(ifupdown, /auto eno1\.100\niface eno1\.100 inet static\n {2}address 10\.30\.0\.9\/24/);
  }));

test('a static route reaches the machines of its source with each tool, and a router outside of the source is refused', () =>
  withImage(async (place) => {
    const { ask, agent, systemId } = place;
    const [source, destination] = ['10.30.0.0/24', '10.99.0.0/16'];
    for (const cidr of [source, destination])
      assert.equal((await ask('root', 'POST', 'subnets/', { cidr })).status, 200);
    const route = { source, destination, gateway_ip: '10.30.0.9', metric: '7' };
    const outside = await ask('root', 'POST', 'static-routes/', { ...route, gateway_ip: '10.31.0.9' });
    assert.deepEqual([outside.status, Object.keys(outside.json)], [400, ['gateway_ip']]);
    await assertStatus(ask('root', 'POST', 'static-routes/', route), 200);
    const link = { mode: 'static', subnet: source, ip_address: '10.30.0.25' };
    await assertStatus(ask('root', 'POST', `nodes/${systemId}/interfaces/eno2/?op=link_subnet`, link), 200);
    await assertStatus(deploy(place), 200);
    for (const addresses of ['fixed', 'leased']) {
      const netplan = await agent(`network/netplan/${addresses}`);
      assert.match(
        netplan,
        /\[10\.30\.0\.25\/24\]\n +routes: \[\{ to: 10\.99\.0\.0\/16, via: 10\.30\.0\.9, metric: 7 \}\]/,
      );
      const networkd = await agent(`network/networkd/${addresses}`);
      assert.match(networkd, /\n\n\[Route\]\nDestination=10\.99\.0\.0\/16\nGateway=10\.30\.0\.9\nMetric=7\n/);
      const ifupdown = await agent(`network/ifupdown/${addresses}`);
      assert.match(ifupdown, /^ {2}up ip -4 route add 10\.99\.0\.0\/16 via 10\.30\.0\.9 dev \$IFACE metric 7 \|\| :$/m);
    }
  }));

test('a static route reaches a machine that nobody laid out, if its address is fixed, and no other route changes its job', () =>
  withImage(async (place) => {
    const { ask, agent } = place;
    for (const cidr of ['10.30.0.0/24', '10.99.0.0/16']) await ask('root', 'POST', 'subnets/', { cidr });
    const destination = '10.99.0.0/16';
    const other = { source: '10.30.0.0/24', destination, gateway_ip: '10.30.0.9' };
    await assertStatus(ask('root', 'POST', 'static-routes/', other), 200);
    await assertStatus(deploy(place), 200);
    assert.doesNotMatch(await agent('job'), /^network/m);
    const [away] = (await ask('root', 'GET', 'static-routes/')).json;
    // The rack of this test takes no settings, and a change by the API would be one of its option 121.
    await place.store.networks.change((_records, id) => {
      const ids = { id, sourceId: SUBNET_ID, destinationId: away.destination.id };
      const route = { ...ids, gateway: ipv4(0x0a140009), metric: 7 };
      return { put: { routes: [route] }, nextId: id + 1, result: undefined };
    });
    await place.region.networks.look();
    assert.match(await agent('job'), /^network_url=.*\nnetwork=commissioned\n(?:.*\n)*address=10\.20\.0\.20\/24$/m);
    const leased = ['dhcp4: true', 'routes: [{ to: 10.99.0.0/16, via: 10.20.0.9, metric: 7, on-link: true }]'];
    const fixed =
      'addresses: [10.20.0.20/24]\n      routes: [{ to: default, via: 10.20.0.1 }, { to: 10.99.0.0/16, via: ';
    assert.ok((await agent('network/netplan/leased')).includes(leased.join('\n      ')));
    assert.ok((await agent('network/netplan/fixed')).includes(fixed));
  }));

test('an MTU of 1500 that a person chose is deployed where the VLAN has another one', () =>
  withImage(async (place) => {
    const { ask, agent, systemId } = place;
    const nics = `nodes/${systemId}/interfaces/`;
    const vlan = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '100', mtu: '9000' })).json.id;
    const subnet = (await ask('root', 'POST', 'subnets/', { cidr: '10.30.0.0/24', vlan: String(vlan) })).json.id;
    const parent = String((await ask('root', 'GET', nics)).json[1].id);
    const made = (await ask('root', 'POST', `${nics}?op=create_vlan`, { parent, vlan: String(vlan) })).json.id;
    const link = { mode: 'dhcp', subnet: String(subnet) };
    await assertStatus(ask('root', 'POST', `${nics}${made}/?op=link_subnet`, link), 200);
    const changed = await ask('root', 'PUT', `${nics}${made}/`, { mtu: '1500' });
    assert.deepEqual([changed.status, changed.json.effective_mtu], [200, 1500]);
    await assertStatus(deploy(place), 200);
    assert.match(await agent('network/netplan/fixed'), /id: 100\n +link: "00-rackboot1"\n +mtu: 1500\n +dhcp4: true/);
    assert.match(await agent('network/networkd/fixed'), /Kind=vlan\nMTUBytes=1500\n/);
    const entry = /iface eno2\.100 inet dhcp\n {2}up ip link set dev \$IFACE mtu 1500\n/;
    assert.match(await agent('network/ifupdown/fixed'), entry);
  }));

test('the flat layout is deployed with the mount options, label and UUID that a person gave its root', () =>
  withImage(async (place) => {
    const { ask, agent, systemId } = place;
    const disks = `nodes/${systemId}/blockdevices/`;
    await assertStatus(ask('root', 'POST', `machines/${systemId}/?op=set_storage_layout`, LAID_FLAT), 200);
    const [disk] = (await ask('root', 'GET', disks)).json;
    const root = `${disks}${disk.id}/partition/${disk.partitions.at(-1).id}/`;
    for (const [op, fields] of Object.entries(AGAIN)) {
      await assertStatus(ask('root', 'POST', `${root}?op=${op}`, fields), 200);
    }
    await assertStatus(deploy(place), 200);
    assert.match(await agent('job'), /^storage_url=/m);
    const plan = await agent('storage');
    assert.match(plan, new RegExp(`^system \\d+ ext4 ${AGAIN.format.uuid} ROOTFS$`, 'm'));
    assert.match(plan, /^mount \d+ noatime,discard \/$/m);
  }));

test('the flat layout as it is made is deployed by the image alone', () =>
  withImage(async (place) => {
    await place.ask('root', 'POST', `machines/${place.systemId}/?op=set_storage_layout`, LAID_FLAT);
    await assertStatus(deploy(place), 200);
    assert.doesNotMatch(await place.agent('job'), /storage_url/);
  }));

test('a machine without a layout is deployed as before', () =>
  withImage(async (place) => {
    await assertStatus(deploy(place), 200);
    const job = await place.agent('job');
    assert.doesNotMatch(job, /network_url|disk=/);
  }));

test('the flat layout is deployed to its disk, and no other disk may be named then', () =>
  withImage(async (place) => {
    const layout = { storage_layout: 'flat', root_device: 'sdb' };
    await place.ask('root', 'POST', `machines/${place.systemId}/?op=set_storage_layout`, layout);
    const other = await deploy(place, { disk: 'sda' });
    assert.deepEqual([other.status, other.refusal], [409, 'layout-refused']);
    await assertStatus(deploy(place), 200);
    assert.match(await place.agent('job'), /^disk=serial:S2$/m);
  }));

test('the agent fetches the plan of other layouts, and the disk to start from', () =>
  withImage(async (place) => {
    const layout = { storage_layout: 'lvm', root_device: 'sdb' };
    await place.ask('root', 'POST', `machines/${place.systemId}/?op=set_storage_layout`, layout);
    await assertStatus(deploy(place), 200);
    const job = await place.agent('job');
    assert.match(job, /^disk=serial:S2$/m);
    assert.match(job, /^storage_url=http:\/\/10\.20\.0\.1:5248\/MAAS\/rackboot\/1\/storage$/m);
    const plan = await place.agent('storage');
    assert.match(plan, /^disk \d+ serial:S2\nloader \d+\npartition \d+ \d+ 1 \d+ /);
    assert.match(plan, /^group vgroot \d+\nvolume \d+ vgroot lvroot \d+$/m);
    assert.match(plan, /^mount \d+ - \/$/m);
  }));

test('a machine whose image makes its disk has no plan', () =>
  withImage(async (place) => {
    await assertStatus(deploy(place), 200);
    assert.match(await place.agent('storage'), /This machine has no storage plan/);
  }));

test('a layout that cannot be deployed is refused before the machine is started', () =>
  withImage(async (place) => {
    const { ask, systemId } = place;
    const set = (fields: Readonly<Record<string, string>>) =>
      ask('root', 'POST', `machines/${systemId}/?op=set_storage_layout`, fields);
    for (const [fields, named, said] of [
      [{ storage_layout: 'lvm' }, { disk: 'sdb' }, /system on sda/],
      [{ storage_layout: 'flat', boot_size: '1G', root_device: 'sdb' }, { disk: 'sda' }, /system on sdb/],
    ] as const) {
      await assertStatus(set(fields), 200);
      const refused = await deploy(place, named);
      assert.deepEqual([refused.status, refused.refusal], [409, 'layout-refused']);
      assert.match(refused.text, said);
    }
    await set({ storage_layout: 'blank' });
    await ask('root', 'POST', `nodes/${systemId}/interfaces/eno1/?op=disconnect`);
    assert.match((await deploy(place)).text, /No interface of .* gets an address/);
    assert.equal((await place.store.findMachine(systemId))?.status, 'allocated');
    await ask('root', 'POST', `machines/${systemId}/?op=restore_default_configuration`);
    await assertStatus(deploy(place), 200);
  }));

/** The interfaces with the names of those below them and the modes and addresses of their links. */
const interfacesOf = async ({ ask, systemId }: CallersPlace) => {
  const { json } = await ask('root', 'GET', `nodes/${systemId}/interfaces/`);
  return json.map((one: { name: string; parents: string[]; links: { mode: string; ip_address?: string }[] }) =>
    [one.name, ...one.parents, ...one.links.map(({ mode, ip_address: ip }) => `${mode} ${ip ?? ''}`.trim())].join(', '),
  );
};

test('bridge_all of an allocation makes a bridge on each interface that gets an address, until the release', () =>
  withImage(async (place) => {
    const { ask, agent, systemId, store } = place;
    await ask('alice', 'POST', `machines/${systemId}/?op=release`);
    const commissioned = await interfacesOf(place);
    const asked = {
      system_id: systemId,
      bridge_all: 'true',
      bridge_fd: '0',
      interfaces: '0:name=eno1,subnet=10.20.0.0/24',
    };
    const allocated = await ask('alice', 'POST', 'machines/?op=allocate', asked);
    assert.equal(allocated.status, 200, allocated.text);
    const [first] = (await ask('root', 'GET', `nodes/${systemId}/interfaces/`)).json;
    assert.deepEqual(allocated.json.constraints_by_type.interfaces, { 0: [first.id] });
    const bridged = ['eno1', 'eno2, link_up', 'br-eno1, eno1, auto 10.20.0.20'];
    assert.deepEqual(await interfacesOf(place), bridged);
    assert.equal((await deploy(place, { bridge_all: 'true', ip_address: '10.20.0.25' })).status, 200);
    bridged[2] = 'br-eno1, eno1, auto 10.20.0.25';
    assert.deepEqual(await interfacesOf(place), bridged);
    const netplan = await agent('network/netplan/fixed');
    assert.match(
      netplan,
      /"br-eno1":\n {6}interfaces: \["00-rackboot0"\]\n.*\n {6}parameters: \{ stp: false, forward-delay: 0 \}/,
    );
    assert.match(netplan, /"br-eno1":\n(?: {6}.*\n)* {6}addresses: \[10\.20\.0\.25\/24\]/);
    assert.match(await agent('network/networkd/leased'), /10-rackboot-0-br-eno1\.network\n[^#]*DHCP=ipv4/);
    assert.equal((await ask('alice', 'POST', `machines/${systemId}/?op=release`)).status, 200);
    assert.deepEqual(await interfacesOf(place), commissioned);
    assert.equal((await store.findMachine(systemId))?.layout?.network, undefined);
  }));

test('the bridges of bridge_all are those of a layout, too, whose links go back to a bond and a VLAN interface', () =>
  withImage(async (place) => {
    const { ask, systemId } = place;
    const nics = `nodes/${systemId}/interfaces/`;
    const ids = (await ask('root', 'GET', nics)).json.map(({ id }: { readonly id: number }) => id).join(',');
    const bond = await ask('root', 'POST', `${nics}?op=create_bond`, {
      name: 'bondstore',
      parents: ids,
      mtu: '9000',
    });
    await ask('root', 'POST', `${nics}bondstore/?op=link_subnet`, { mode: 'auto', subnet: SUBNET });
    const { id: vlan } = (await ask('root', 'POST', 'fabrics/0/vlans/', { vid: '100' })).json;
    const { id: subnet } = (await ask('root', 'POST', 'subnets/', { cidr: '10.30.0.0/24', vlan: String(vlan) })).json;
    await ask('root', 'POST', `${nics}?op=create_vlan`, {
      name: 'lan',
      parent: String(bond.json.id),
      vlan: String(vlan),
    });
    const link = { mode: 'static', subnet: String(subnet), ip_address: '10.30.0.9' };
    assert.equal((await ask('root', 'POST', `${nics}bondstore.100/?op=link_subnet`, link)).status, 200);
    const before = await interfacesOf(place);
    const deployed = await deploy(place, { bridge_all: 'true' });
    assert.equal(deployed.status, 200, deployed.text);
    assert.deepEqual((await interfacesOf(place)).slice(2), [
      'bondstore, eno1, eno2',
      'bondstore.100, bondstore',
      'br-bondstore, bondstore, auto 10.20.0.20',
      'b-bondstore.100, bondstore.100, static 10.30.0.9',
    ]);
    const { params } = (await ask('root', 'GET', `${nics}br-bondstore/`)).json;
    assert.deepEqual(params, { bridge_type: 'standard', bridge_stp: false, bridge_fd: 15, mtu: 9000 });
    assert.equal((await ask('alice', 'POST', `machines/${systemId}/?op=release`)).status, 200);
    assert.deepEqual(
      await interfacesOf(place),
      before.map((one: string) => one.replace('auto 10.20.0.20', 'auto')),
    );
  }));

test('bridge_all is refused for an installer and for a bridge of another kind', () =>
  withImage(async (place) => {
    const by = { bridge_all: 'true', deploy_by: 'installer', distro_series: 'debian/trixie' };
    const installed = await deploy(place, by);
    assert.deepEqual([installed.status, Object.keys(installed.json)], [400, ['bridge_all']]);
    const of = await deploy(place, { bridge_all: 'true', bridge_type: 'ovs' });
    assert.deepEqual([of.status, Object.keys(of.json)], [400, ['bridge_type']]);
  }));

test('a way of deployment that Rackboot lacks is refused by its name', () =>
  withImage(async (place) => {
    const flags = ['ephemeral_deploy', 'install_kvm', 'enable_hw_sync', 'license_key', 'register_vmhost'];
    const others = ['install_rackd', 'vcenter_registration'];
    for (const field of [...flags, ...others]) {
      const refused = await deploy(place, { [field]: 'true' });
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]]);
      assert.match(refused.json[field][0], new RegExp(`omit ${field}`));
    }
    assert.equal((await place.store.findMachine(place.systemId))?.status, 'allocated');
    const bridges = { bridge_all: 'false', bridge_stp: 'true', bridge_fd: '15', bridge_type: 'standard' };
    const asked = { ...bridges, install_kvm: '', license_key: '', agent_name: 'juju-1' };
    await assertStatus(deploy(place, asked), 200);
    assert.equal((await place.store.findMachine(place.systemId))?.agentName, 'juju-1');
  }));
