// Addresses that hosts have by running leases: they are given to nobody else until the leases end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, ipv4 } from '../../../src/ground/address.ts';
import type { MachineFields } from '../../../src/region/records/machine.ts';
import type { RackReport } from '../../../src/region/records/machine-event.ts';
import { RESERVED_PER_USER_MAX } from '../../../src/region/records/network-store.ts';
import { HOST_LEASES_MAX } from '../../../src/store/operations/region-heard.ts';
import { machine, OWN_RACK, withSite } from '../api/sent/trial.ts';
import type { Answered, AskedApi } from '../asked-api.ts';
import { bootReport, enlist } from '../place.ts';
import { acceptRack, RACK_UUID } from '../racks/rack-place.ts';

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
      sequence: first + index,
      kind: 'dhcp.ack',
      at: place.clock.wallTimeMs(),
      mac: HOST,
      text: 'told',
      ...(one.kind === undefined ? { params: { leaseSeconds: seconds } } : {}),
      ...one,
    })),
  );
}

/** A user reserves the first free address for a host, which takes it; then the user releases it. */
async function leased(site: AskedApi, by: 'admin' | 'bob'): Promise<string> {
  const made = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, by);
  const { ip } = made.json;
  assert.equal(ip, by === 'admin' ? '10.20.0.10' : '10.20.0.2', made.text);
  await report(site, { address: ip });
  assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip }, by)).status, 204);
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
    const ip = await leased(site, 'admin');
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    site.place.clock.advance(LEASE_SECONDS * 1000 + 1);
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [ip]);
  }));

test('the address is free before the lease ends if a rack reports that the host gave it back', () =>
  withSite(async (site) => {
    const ip = await leased(site, 'admin');
    await report(site, { kind: 'dhcp.release', address: ip, mac: '52:54:00:00:00:99' });
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    await report(site, { kind: 'dhcp.release', address: ip });
    site.place.clock.advance(30_001);
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [ip]);
  }));

test('a device is not linked with the address, asked for or not, and the refusal names the host and the end', () =>
  withSite(async (site) => {
    const ip = await leased(site, 'bob');
    const { link } = await device(site, '52:54:00:00:00:60');
    const refused = await link({ ip_address: ip });
    assert.equal(refused.status, 409, refused.text);
    assert.match(
      refused.text,
      new RegExp(`the host ${HOST} has ${ip} by a lease until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC`),
    );
    assert.equal((await link()).json.links?.[0]?.ip_address, '10.20.0.3');
    const own = await device(site, HOST, 'bob');
    assert.equal((await own.link({ ip_address: ip })).json.links?.[0]?.ip_address, ip, 'its own host has it');
  }));

test('the address of a removed device stays that of its host until its lease ends', () =>
  withSite(async (site) => {
    const { id, link } = await device(site, HOST, 'bob');
    assert.equal((await link()).json.links?.[0]?.ip_address, '10.20.0.2');
    await report(site, { address: '10.20.0.2' });
    assert.equal((await site.ask('DELETE', `2.0/devices/${id}/`, undefined, 'bob')).status, 204);
    const next = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24' }, 'alice');
    assert.equal(next.json.ip, '10.20.0.3', next.text);
  }));

test('the address is not reserved for another host, but again for the one that leases it', () =>
  withSite(async (site) => {
    const ip = await leased(site, 'bob');
    for (const fields of [{ ip, mac: '52:54:00:00:00:78' }, { ip }]) {
      const refused = await site.ask('POST', RESERVE, fields, 'alice');
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.text, new RegExp(`${ip} cannot be reserved: the host ${HOST} has it by a lease until`));
    }
    const next = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24' }, 'alice');
    assert.equal(next.json.ip, '10.20.0.3', next.text);
    const old = await site.ask('POST', '1.0/ipaddresses/?op=reserve', { network: '10.20.0.0/24' }, 'alice');
    assert.equal(old.json.ip, '10.20.0.4', old.text);
    assert.equal((await site.ask('POST', RESERVE, { ip, mac: HOST }, 'bob')).status, 200);
  }));

test('a user gives a host that runs with a lease no other address, an administrator does', () =>
  withSite(async (site) => {
    await report(site, { address: '10.20.0.150' });
    const fields = { subnet: '10.20.0.0/24', mac: HOST };
    const refused = await site.ask('POST', RESERVE, fields, 'alice');
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.text, new RegExp(`${HOST} has 10.20.0.150 by a lease until`));
    assert.equal((await site.ask('POST', RESERVE, fields, 'admin')).json.ip, '10.20.0.10');
    assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.10' }, 'admin')).status, 204);
    site.place.clock.advance(LEASE_SECONDS * 1000 + 1);
    assert.equal((await site.ask('POST', RESERVE, fields, 'alice')).json.ip, '10.20.0.2');
  }));

test('a user moves no host that runs with a lease by a device, before or after the device has its hardware address', () =>
  withSite(async (site) => {
    await report(site, { address: '10.20.0.150' });
    const { id, link } = await device(site, HOST);
    const moves = async (asked: Promise<Answered>) => {
      const { status, text } = await asked;
      assert.deepEqual([status, text.includes(`The host ${HOST} has 10.20.0.150 by a lease`)], [409, true], text);
    };
    await moves(link());
    await moves(link({ ip_address: '10.20.0.30', force: 'true' }));
    await moves(
      site.ask('POST', `1.0/nodes/${id}/?op=claim_sticky_ip_address`, { requested_address: '10.20.0.30' }, 'alice'),
    );
    site.place.clock.advance((LEASE_SECONDS / 2) * 1000);
    await report(site, { address: '10.20.0.150' });
    site.place.clock.advance((LEASE_SECONDS / 2) * 1000 + 1);
    await moves(link());
    await moves(site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'alice'));
    await report(site, { kind: 'dhcp.release', address: '10.20.0.150' });
    assert.equal((await link()).json.links?.[0]?.ip_address, '10.20.0.2');
    await report(site, { address: '10.20.0.2' });
    assert.equal((await link({ ip_address: '10.20.0.3' })).status, 200, 'it runs with an address of the device');
  }));

test('a linked interface of a device does not become that of a host that runs elsewhere', () =>
  withSite(async (site) => {
    await report(site, { address: '10.20.0.150' });
    const { id, link } = await device(site, '52:54:00:00:00:60');
    const nic = (await link()).json.id;
    const become = () => site.ask('PUT', `2.0/nodes/${id}/interfaces/${nic}/`, { mac_address: HOST }, 'alice');
    assert.equal((await become()).status, 409);
    site.place.clock.advance(LEASE_SECONDS * 1000 + 1);
    assert.equal((await become()).status, 200);
  }));

test('a user gives a host of the configuration no other address than that of its entry', () =>
  withSite(async (site) => {
    const lab = OWN_RACK.interfaces[0] ?? assert.fail();
    const interfaces = [{ ...lab, reservations: [{ mac: HOST, ip: '10.20.0.240' }] }];
    await site.place.region.racks.putOwn({ ...OWN_RACK, interfaces });
    const { link } = await device(site, HOST);
    for (const refused of [
      await link(),
      await link({ ip_address: '10.20.0.241' }),
      await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'alice'),
    ])
      assert.deepEqual([refused.status, refused.text.includes(`gives 10.20.0.240 to the host ${HOST}`)], [409, true]);
    assert.equal((await link({ ip_address: '10.20.0.240' })).status, 200);
  }));

test('a device of a user is linked with no address of a static range, and with at most 256 of the user', () =>
  withSite(async (site) => {
    const { store } = site.place;
    const nas = await device(site, HOST);
    assert.equal((await nas.link()).json.links?.[0]?.ip_address, '10.20.0.2');
    const own = await nas.link({ ip_address: '10.20.0.13' });
    assert.deepEqual([own.status, Object.keys(own.json)], [400, ['ip_address']]);
    const [{ id: subnetId }] = (await site.ask('GET', '2.0/subnets/')).json;
    const reserved = Array.from({ length: RESERVED_PER_USER_MAX - 1 }, (_, index) => ({
      id: 1000 + index,
      subnetId,
      address: ipv4(0x0b000000 + index),
      username: 'alice',
      createdMs: 1,
    }));
    await store.networks.change(() => ({ put: { reserved }, nextId: 9000, result: undefined }));
    assert.equal((await nas.link({ force: 'true' })).status, 200, 'instead of the other');
    for (const refused of [
      await nas.link(),
      await site.ask('POST', RESERVE, { ip: '10.20.0.240' }, 'alice'),
      await site.ask(
        'POST',
        '2.0/ipranges/',
        { type: 'reserved', start_ip: '10.20.0.240', end_ip: '10.20.0.240' },
        'alice',
      ),
    ])
      assert.match(refused.text, /at most 256 addresses/);
  }));

test('where no address is free outside the static and dynamic ranges, users get none, and administrators of the static one', () =>
  withSite(async (site) => {
    for (const [start_ip, end_ip] of [
      ['10.20.0.2', '10.20.0.9'],
      ['10.20.0.200', '10.20.0.253'],
    ] as const)
      assert.equal((await site.ask('POST', '2.0/ipranges/', { type: 'reserved', start_ip, end_ip })).status, 200);
    const nas = await device(site, HOST);
    const refused = [await nas.link(), await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24' }, 'alice')];
    assert.deepEqual(
      refused.map(({ status, headers }) => [status, headers['x-rackboot-refusal']]),
      [
        [409, 'address-refused'],
        [409, 'in-use'],
      ],
    );
    for (const { text } of refused) assert.match(text, /admin has reserved 10\.20\.0\.200 to 10\.20\.0\.253/);
    assert.equal((await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24' })).json.ip, '10.20.0.10');
  }));

test('an address that comes into the static range with a lease of a host is not given to others', () =>
  withSite(async (site) => {
    await report(site, { address: '10.20.0.30' });
    const refused = await site.ask('POST', RESERVE, { ip: '10.20.0.30', hostname: 'nas' }, 'admin');
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
    const made = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'admin');
    assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip: made.json.ip }, 'admin')).status, 204);
    assert.deepEqual((await allocate(site, 11)).json.ip_addresses, ['10.20.0.11']);
    site.place.clock.advance(30_001);
    assert.deepEqual((await allocate(site, 21)).json.ip_addresses, [made.json.ip]);
  }));

test('the lease of a New machine and of one with an owner counts for all other machines, and that of an accepted one without owner for none', () =>
  withSite(async (site) => {
    const ip = await leased(site, 'admin');
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

test('an address counts for the user who released it until it is free for others, and then for nobody', () =>
  withSite(async (site) => {
    const { store, clock } = site.place;
    const ip = await leased(site, 'bob');
    const [{ id: subnetId }] = (await site.ask('GET', '2.0/subnets/')).json;
    const reserved = Array.from({ length: RESERVED_PER_USER_MAX - 1 }, (_, index) => ({
      id: 1000 + index,
      subnetId,
      address: ipv4(0x0b000000 + index),
      username: 'bob',
      createdMs: 1,
    }));
    await store.networks.change(() => ({ put: { reserved }, nextId: 9000, result: undefined }));
    const reserve = () => site.ask('POST', RESERVE, { ip: '10.20.0.242' }, 'bob');
    const range = { type: 'reserved', start_ip: '10.20.0.240', end_ip: '10.20.0.241' };
    for (const pause of [0, 30_001, (LEASE_SECONDS - 31) * 1000 - 1]) {
      clock.advance(pause);
      assert.match((await reserve()).text, /at most 256 addresses/, `${ip} is leased`);
      assert.match((await site.ask('POST', '2.0/ipranges/', range, 'bob')).text, /at most 256 addresses/);
    }
    clock.advance(1000);
    assert.equal((await reserve()).status, 200);
  }));

test('a reservation that is released while the clock is ahead holds its address for no longer than any other', () =>
  withSite(async (site) => {
    const { store, clock } = site.place;
    const { ip } = (await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: HOST }, 'bob')).json;
    const params = { change: 'removed', what: 'address', name: ip } as const;
    const atMs = clock.wallTimeMs() + 1e11;
    const event = { type: 'NETWORKING', code: 'network-changed', params, atMs, username: 'bob' } as const;
    await store.networks.change(({ reserved }) => ({
      remove: { reserved: reserved.map(({ id }) => id) },
      events: [event],
      result: undefined,
    }));
    assert.equal((await site.ask('POST', RESERVE, { ip }, 'alice')).status, 200);
  }));

test('of more leases than the bound those that end first are forgotten, and a renewal replaces a lease', () =>
  withSite(async ({ place: { store, clock } }) => {
    const first = 0x0a150000;
    const at = clock.wallTimeMs();
    const leases = Array.from({ length: HOST_LEASES_MAX + 2 }, (_, index) => ({
      sequence: index,
      kind: 'dhcp.ack',
      at,
      mac: HOST,
      text: 'told',
      leaseAddress: ipv4(first + index),
      params: { leaseSeconds: LEASE_SECONDS + index },
    }));
    for (let from = 0; from < leases.length; from += 4096)
      await store.recordReports('life', leases.slice(from, from + 4096));
    const kept = () => store.networks.leasedBetween(ipv4(first), ipv4(first + 0x1ffff), at);
    assert.equal((await kept()).length, HOST_LEASES_MAX);
    assert.equal((await kept())[0]?.address, ipv4(first + 2));
    const renewed = { ...(leases[5] ?? assert.fail()), sequence: leases.length, mac: '52:54:00:00:00:79' };
    await store.recordReports('life', [renewed]);
    assert.equal((await kept()).length, HOST_LEASES_MAX);
  }));

test('a lease of a dynamic address is not kept, unless the region has changed the range and the rack may not have heard it', () =>
  withSite(async (site) => {
    const { region, store, clock } = site.place;
    const kept = async () =>
      (await store.networks.leasedBetween(ipv4(0x0a140000), ipv4(0x0a1400ff), clock.wallTimeMs())).map(({ address }) =>
        formatIpv4(address),
      );
    await report(site, { address: '10.20.0.150' }, { address: '10.20.0.98' });
    assert.deepEqual(await kept(), ['10.20.0.98']);
    const key = 'cluster_interfaces.lab.ip_range_low';
    assert.equal(await region.settings.change(OWN_RACK.uuid, [{ key, value: '10.20.0.151' }], 'admin'), undefined);
    await report(site, { address: '10.20.0.150' }, { address: '10.20.0.151' });
    assert.deepEqual(await kept(), ['10.20.0.98', '10.20.0.150']);
  }));

test('leases outside the networks of the rack that reports them, and those of a rejected rack, keep no address', () =>
  withSite(async (site) => {
    const { region, store, clock } = site.place;
    await acceptRack(region);
    assert.equal((await site.ask('POST', '2.0/subnets/', { cidr: '192.168.8.0/24' }, 'admin')).status, 200);
    const tell = async (...addresses: readonly string[]) => {
      const leases = addresses.map((address, index) => ({
        sequence: index,
        kind: 'dhcp.ack',
        at: clock.wallTimeMs(),
        mac: HOST,
        text: 'told',
        address,
        params: { leaseSeconds: 0xffff_ffff },
      }));
      await region.observe(leases, `life ${addresses[0]}`, RACK_UUID);
    };
    const reserve = async (ip: string) => (await site.ask('POST', RESERVE, { ip }, 'alice')).status;
    await tell('192.168.8.44', '10.20.0.244', '10.50.0.44', '10.50.0.45');
    assert.equal(await reserve('192.168.8.44'), 200, 'a subnet that no rack serves');
    assert.equal(await reserve('10.20.0.244'), 200, "another rack's network");
    assert.equal(await reserve('10.50.0.44'), 409, 'its own network');
    const kept = () => store.networks.leasedBetween(ipv4(0x0a320000), ipv4(0x0a3200ff), clock.wallTimeMs());
    assert.equal((await kept()).length, 2);
    for (const verdict of ['reject', 'accept'] as const) {
      assert.equal(await region.racks.judge([RACK_UUID], verdict, 'admin'), undefined);
      assert.deepEqual(await kept(), [], verdict);
    }
  }));
