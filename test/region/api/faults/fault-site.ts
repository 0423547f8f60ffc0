// A site with an object of each kind, so that requests can name what is there already.

import assert from 'node:assert/strict';
import type { AskedApi } from '../../asked-api.ts';
import { machine } from '../sent/trial.ts';

/** The ids of objects by the names that the table of faults has for them. */
export type Ids = Readonly<Record<string, string>>;

const OWN_UUID = '11111111-2222-3333-4444-555555555555';
const DISKS = ['sdc', 'sdd', 'sde', 'sdf', 'sdg'];

export async function buildSite(site: AskedApi): Promise<Ids> {
  const ids: Record<string, string> = { rack: OWN_UUID };
  const post = async (path: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await site.ask('POST', `2.0/${path}`, fields);
    assert.ok(answer.status < 300, `${path}: ${answer.text}`);
    return String(answer.json?.id);
  };
  ids.machine = await machine(site, 'allocated', { owner: 'admin' });
  ids.other = await machine(site, 'ready', { hostname: 'taken' }, 3);
  ids.laid = await laidOut(site);
  ids.used = await machine(site, 'deployed', { owner: 'admin', osystem: 'ubuntu', release: 'jammy' }, 7);
  for (const zone of ['attic', 'cellar']) await post('zones/', { name: zone });
  ids.pool = await post('resourcepools/', { name: 'spare' });
  await buildParts(site, ids, post);
  await buildNetworks(ids, post);
  const device = { hostname: 'printer', mac_addresses: '52:54:00:00:00:77' };
  ids.device = (await site.ask('POST', '2.0/devices/', device)).json.system_id;
  for (const name of ['www', 'ftp']) ids[name] = await post('dnsresources/', { name, ip_addresses: '10.20.0.7' });
  ids.record = await post('dnsresourcerecords/', { name: 'mail', rrtype: 'MX', rrdata: '10 www.maas' });
  for (const name of ['b.example', 'c.example']) ids[name] = await post('domains/', { name });
  const unsigned = { unsigned: 'true', why: 'a test' };
  ids.source = await post('boot-sources/', { url: 'https://one.example/', ...unsigned });
  await post('boot-sources/', { url: 'https://two.example/', ...unsigned });
  const selections = `boot-sources/${ids.source}/selections/`;
  ids.selection = await post(selections, { os: 'ubuntu', release: 'noble' });
  await post(selections, { os: 'ubuntu', release: 'jammy' });
  for (const name of ['fast', 'slow']) await post('tags/', { name });
  for (const name of ['burn', 'spin']) await post('scripts/', { name, script: '#!/bin/sh\n', type: 'commissioning' });
  const lab2 = { name: 'lab2', ip: '10.21.0.1', subnet_mask: '255.255.255.0', interface: 'eth2', management: '0' };
  await site.ask('POST', `1.0/nodegroups/${OWN_UUID}/interfaces/?op=new`, lab2);
  return ids;
}

/** A machine with a BMC, whose interfaces and disks people laid out. */
async function laidOut(site: AskedApi): Promise<string> {
  const id = await machine(site, 'ready', { hostname: 'laid', powerType: 'ipmi' }, 5);
  const [nic] = (await site.ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
  const bridge = { name: 'br0', parent: String(nic.id) };
  const answers = [
    await site.ask('POST', `2.0/nodes/${id}/interfaces/?op=create_bridge`, bridge),
    await site.ask('POST', `2.0/nodes/${id}/blockdevices/`, { name: 'sdb', size: '64G', serial: 'S-laid' }),
    await site.ask('POST', `2.0/machines/${id}/?op=set_storage_layout`, { storage_layout: 'blank' }),
  ];
  for (const { status, text } of answers) assert.ok(status < 300, text);
  return id;
}

type Post = (path: string, fields: Readonly<Record<string, string>>) => Promise<string>;

/** Partitions, a RAID and a volume group of the machine. */
async function buildParts(site: AskedApi, ids: Record<string, string>, post: Post): Promise<void> {
  const disks = `nodes/${ids.machine}/blockdevices/`;
  for (const name of DISKS) ids[name] = await post(disks, { name, size: '64G', serial: `S-${name}` });
  for (const { id, name } of (await site.ask('GET', `2.0/${disks}`)).json) ids[name] = String(id);
  for (const name of ['mounted', 'bare'])
    ids[name] = await post(`${disks}sda/partitions/`, { size: name === 'bare' ? '1G' : '9G' });
  for (const part of [`sda/partition/${ids.mounted}`, `sda/partition/${ids.bare}`, 'sdg'])
    await post(`${disks}${part}/?op=format`, { fstype: 'ext4' });
  await post(`${disks}sda/partition/${ids.mounted}/?op=mount`, { mount_point: '/srv' });
  const pair = `${ids.sdc},${ids.sdd}`;
  ids.raid = await post(`nodes/${ids.machine}/raids/`, { name: 'md7', level: 'raid-1', block_devices: pair });
  ids.group = await post(`nodes/${ids.machine}/volume-groups/`, { name: 'vg7', block_devices: String(ids.sde) });
  ids.volume = await post(`nodes/${ids.machine}/volume-group/${ids.group}/?op=create_logical_volume`, {
    name: 'lv7',
    size: '1G',
  });
  const interfaces = (await site.ask('GET', `2.0/nodes/${ids.machine}/interfaces/`)).json;
  ids.nic = String(interfaces[0].id);
}

async function buildNetworks(ids: Record<string, string>, post: Post): Promise<void> {
  for (const name of ['fab1', 'fab2']) ids[name] = await post('fabrics/', { name });
  for (const vid of ['10', '20']) ids[`vlan${vid}`] = await post(`fabrics/${ids.fab1}/vlans/`, { vid });
  for (const name of ['space1', 'space2']) ids[name] = await post('spaces/', { name });
  ids.far = await post('subnets/', { cidr: '10.99.0.0/24', name: 'far', gateway_ip: '10.99.0.1' });
  ids.near = await post('subnets/', { cidr: '10.98.0.0/24', name: 'near' });
  const span = { start_ip: '10.99.0.10', end_ip: '10.99.0.20' };
  ids.range = await post('ipranges/', { type: 'reserved', ...span });
  ids.route = await post('static-routes/', {
    source: String(ids.far),
    destination: String(ids.near),
    gateway_ip: '10.99.0.1',
  });
}
