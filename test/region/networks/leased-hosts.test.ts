// Addresses that hosts have by running leases: they are given to nobody else until the leases end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/net/address.ts';
import type { MachineFields } from '../../../src/region/records/machine.ts';
import type { RackReport } from '../../../src/region/records/machine-event.ts';
import { HOST_LEASES_MAX } from '../../../src/store/operations/region-heard.ts';
import { machine, withSite } from '../api/sent/trial.ts';
import type { AskedApi } from '../asked-api.ts';
import { bootReport, enlist } from '../place.ts';

const HOST = '52:54:00:00:00:77';
const RESERVE = '2.0/ipaddresses/?op=reserve';
const LINK = { subnet: '10.20.0.0/24', mode: 'STATIC' };
const LEASE_SECONDS = 600;

type Lease = Partial<RackReport> & { readonly seconds?: number };

/** Reports leases as the own rack of the region does. */
async function report({ place }: AskedApi, ...leases: readonly Lease[]): Promise<void> {
  const first = (await place.store.highestSequence('rack')) + 1;
  await place.region.observe(
    leases.map(({ seconds = LEASE_SECONDS, ...one }, index) => ({
      ...{ sequence: first + index, kind: 'dhcp.ack', at: place.clock.wallTimeMs(), mac: HOST, text: 'told' },
      ...(one.kind === undefined ? { params: { leaseSeconds: seconds } } : {}),
      ...one,
    })),
  );
}

/** bob reserves the first free address for a host, which takes it; then he releases it. */
async function leased(site: AskedApi): Promise<string> {
  const made = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'bob');
  const { ip } = made.json;
  assert.equal(ip, '10.20.0.10', made.text);
  await report(site, { address: ip });
  assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip }, 'bob')).status, 204);
  return ip;
}

async function allocate(site: AskedApi, last: number, fields: object = {}, by: 'admin' | 'alice' = 'alice') {
  const systemId = await machine(site, 'ready', {}, last);
  return await site.ask('POST', '2.0/machines/?op=allocate', { system_id: systemId, ...fields }, by);
}

async function device(site: AskedApi, mac: string, by: 'alice' | 'bob' = 'alice') {
  const made = await site.ask('POST', '2.0/devices/', { mac_addresses: mac }, by);
  const { system_id: id } = made.json;
  const [nic] = (await site.ask('GET', `2.0/nodes/${id}/interfaces/`, undefined, by)).json;
  const path = `2.0/nodes/${id}/interfaces/${nic.id}/?op=link_subnet`;
  return { id, link: (fields: object = {}) => site.ask('POST', path, { ...LINK, ...fields }, by) };
}

test('a machine is not allocated an address that another host leases, until the lease ends', () =>
  withSite(async (site) => {
    const ip = await leased(site);
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    site.place.clock.advance(LEASE_SECONDS * 1000 + 1);
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [ip]);
  }));

test('the address is free as soon as a rack reports that the host gave it back', () =>
  withSite(async (site) => {
    const ip = await leased(site);
    await report(site, { kind: 'dhcp.release', address: ip, mac: '52:54:00:00:00:99' });
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    await report(site, { kind: 'dhcp.release', address: ip });
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [ip]);
  }));

test('a device is not linked with the address, asked for or not, and the refusal names the host and the end', () =>
  withSite(async (site) => {
    const ip = await leased(site);
    const { link } = await device(site, '52:54:00:00:00:60');
    const refused = await link({ ip_address: ip });
    assert.equal(refused.status, 409, refused.text);
    assert.match(
      refused.text,
      new RegExp(`the host ${HOST} has ${ip} by a lease until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC`),
    );
    assert.equal((await link()).json.links?.[0]?.ip_address, '10.20.0.11');
    const own = await device(site, HOST, 'bob');
    assert.equal((await own.link({ ip_address: ip })).json.links?.[0]?.ip_address, ip, 'its own host has it');
  }));

test('the address of a removed device stays that of its host until its lease ends', () =>
  withSite(async (site) => {
    const { id, link } = await device(site, HOST, 'bob');
    assert.equal((await link()).json.links?.[0]?.ip_address, '10.20.0.10');
    await report(site, { address: '10.20.0.10' });
    assert.equal((await site.ask('DELETE', `2.0/devices/${id}/`, undefined, 'bob')).status, 204);
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
  }));

test('the address is not reserved for another host, but again for the one that leases it', () =>
  withSite(async (site) => {
    const ip = await leased(site);
    for (const fields of [{ ip, mac: '52:54:00:00:00:78' }, { ip }]) {
      const refused = await site.ask('POST', RESERVE, fields, 'alice');
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.text, new RegExp(`${ip} cannot be reserved: the host ${HOST} has it by a lease until`));
    }
    const next = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24' }, 'alice');
    assert.equal(next.json.ip, '10.20.0.11', next.text);
    const old = await site.ask('POST', '1.0/ipaddresses/?op=reserve', { network: '10.20.0.0/24' }, 'alice');
    assert.equal(old.json.ip, '10.20.0.12', old.text);
    assert.equal((await site.ask('POST', RESERVE, { ip, mac: HOST }, 'bob')).status, 200);
  }));

test('an address that comes into the static range with a lease of a host is not given to others', () =>
  withSite(async (site) => {
    await report(site, { address: '10.20.0.30' });
    const refused = await site.ask('POST', RESERVE, { ip: '10.20.0.30', hostname: 'nas' }, 'alice');
    assert.equal(refused.status, 409, refused.text);
    const asked = await allocate(site, 11, { ip_address: '10.20.0.30' }, 'admin');
    assert.deepEqual(
      [asked.status, asked.text.includes(`the host ${HOST} has 10.20.0.30 by a lease`)],
      [409, true],
      asked.text,
    );
  }));

test('between its release and the report of a lease, the address is not given to others', () =>
  withSite(async (site) => {
    const made = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'bob');
    assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip: made.json.ip }, 'bob')).status, 204);
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    site.place.clock.advance(30_001);
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [made.json.ip]);
  }));

test('the lease of a New machine and of one with an owner counts for all other machines, and that of an accepted one without owner for none', () =>
  withSite(async (site) => {
    const ip = await leased(site);
    const { region, store, clock } = site.place;
    const { systemId } = await enlist(region, bootReport([0x525400000077]));
    const rest = { type: 'reserved', start_ip: '10.20.0.11', end_ip: '10.20.0.99' };
    assert.equal((await site.ask('POST', '2.0/ipranges/', rest, 'admin')).status, 200);
    const become = (fields: Partial<MachineFields>) =>
      store.changeMachine(systemId, clock.wallTimeMs(), () => ({ kind: 'change', fields, events: [] }));
    assert.equal((await allocate(site, 11)).status, 409, 'a New machine');
    await become({ status: 'deployed', owner: 'bob' });
    assert.equal((await allocate(site, 21)).status, 409, 'a machine of bob');
    await become({ status: 'ready', owner: undefined });
    assert.deepEqual((await allocate(site, 31)).json.ip_addresses, [ip], 'no other is free');
  }));

test('of more leases than the bound those that end first are forgotten, and a renewal replaces a lease', () =>
  withSite(async (site) => {
    const count = HOST_LEASES_MAX + 2;
    const at = (index: number): string =>
      `10.${21 + Math.floor(index / 65536)}.${Math.floor(index / 256) % 256}.${index % 256}`;
    const leases = Array.from({ length: count }, (_, index) => ({
      address: at(index),
      seconds: LEASE_SECONDS + index,
    }));
    for (let from = 0; from < count; from += 4096) await report(site, ...leases.slice(from, from + 4096));
    const kept = async () =>
      await site.place.store.networks.leasedBetween(ipv4(0x0a150000), ipv4(0x0a16ffff), site.place.clock.wallTimeMs());
    assert.equal((await kept()).length, HOST_LEASES_MAX);
    assert.equal((await kept())[0]?.address, ipv4(0x0a150002));
    await report(site, { address: at(5), mac: '52:54:00:00:00:79' });
    assert.equal((await kept()).length, HOST_LEASES_MAX);
  }));
