// The racks and addresses with which machines are displayed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac } from '../../../src/net/address.ts';
import { whereabouts } from '../../../src/region/life/whereabouts.ts';
import type { Region } from '../../../src/region/region.ts';
import { report, withRegion } from '../place.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../racks/rack-place.ts';

const MAC = 0x525400000001;
const BY = { username: 'alice', isAdmin: true, comment: '' };

/** A region with a rack of its own at 10.20.0.0/24 that lends .10 to .19, and one elsewhere at 10.50.0.0/24. */
async function makeRacks(region: Region, more: object = {}): Promise<void> {
  const nic = {
    ...rackInterface('10.20.0.0/24'),
    static_ip_range_low: '10.20.0.10',
    static_ip_range_high: '10.20.0.19',
    ...more,
  };
  await region.racks.putOwn({ uuid: OTHER_UUID, name: 'rack-1', version: '0.1.0', interfaces: [nic], pinned: [] });
  await acceptRack(region);
}

let sequence = 0;
async function take(region: Region, address: string, kind = 'dhcp.ack'): Promise<void> {
  sequence += 1;
  const at = region.clock.wallTimeMs();
  await region.observe([{ sequence, kind, at, mac: formatMac(mac(MAC)), address, text: 'Took an address' }]);
}

async function shown(region: Region, card = MAC) {
  const machine = (await region.store.listMachines({ macs: [mac(card)] }, 0, 1))[0];
  assert.ok(machine !== undefined);
  const where = whereabouts(region);
  return {
    systemId: machine.systemId,
    racks: where.racksOf(machine).map(({ name }) => name),
    addresses: where.addressesOf(machine).map(formatIpv4),
  };
}

test('a machine is shown with the rack in whose network it took an address, and with none before', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await region.enlist(report([MAC]));
    assert.deepEqual((await shown(region)).racks, []);
    await take(region, '10.20.0.150');
    assert.deepEqual(await shown(region), { ...(await shown(region)), racks: ['rack-1'], addresses: ['10.20.0.150'] });
  }));

test('an address of a static range is shown until the machine’s release, however long its lease runs', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await region.enlist(report([MAC]));
    const { systemId } = await shown(region);
    await take(region, '10.20.0.150');
    await region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, BY);
    await region.life.command(systemId, { name: 'allocate' }, BY);
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.10', '10.20.0.150'], 'given, and seen');
    await take(region, '10.20.0.10');
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.10']);
    await region.life.command(systemId, { name: 'release' }, BY);
    assert.deepEqual((await shown(region)).addresses, []);
    await take(region, '10.20.0.150');
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.150']);
  }));

test('an address that a machine was denied or has lost does not count as seen, and moves it to no other rack', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await region.enlist(report([MAC]));
    await take(region, '10.20.0.150');
    for (const kind of ['dhcp.nak', 'dhcp.refused', 'dhcp.decline', 'dhcp.release', 'dhcp.expired', 'dhcp.ended']) {
      await take(region, '10.20.0.160', kind);
      await take(region, '10.50.0.160', kind);
      assert.deepEqual((await shown(region)).addresses, ['10.20.0.150'], kind);
      assert.deepEqual((await shown(region)).racks, ['rack-1'], kind);
    }
  }));

test('an address that a configuration reserves for a card is shown without an allocation', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region, { reservations: [{ mac: formatMac(mac(MAC)), ip: '10.20.0.15' }] });
    await region.enlist(report([MAC]));
    await take(region, '10.20.0.15');
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.15']);
    await take(region, '10.20.0.16');
    assert.deepEqual((await shown(region)).addresses, [], 'that of somebody else, or of nobody');
  }));

test('an address is shown until any rack reports the end of its lease, and again when it is taken again; the last network stays', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await region.enlist(report([MAC]));
    for (const kind of ['dhcp.release', 'dhcp.expired', 'dhcp.ended', 'dhcp.decline']) {
      await take(region, '10.20.0.150');
      assert.deepEqual((await shown(region)).addresses, ['10.20.0.150'], kind);
      await take(region, '10.20.0.150', kind);
      assert.deepEqual((await shown(region)).addresses, [], kind);
      assert.deepEqual((await shown(region)).racks, ['rack-1'], kind);
      const [machine] = await region.store.listMachines({ seenAt: [ipv4(0x0a140096)] }, 0, 1);
      assert.equal(machine?.systemId, (await shown(region)).systemId, kind);
    }
    await take(region, '10.20.0.150', 'dhcp.nak');
    assert.deepEqual((await shown(region)).addresses, [], 'a denied address is not the machine’s');
    await take(region, '10.20.0.151');
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.151']);
  }));

test('a late report of a lease’s end does not hide an address taken since', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await region.enlist(report([MAC]));
    const endedMs = region.clock.wallTimeMs() - 1;
    await take(region, '10.20.0.150');
    sequence += 1;
    const late = { sequence, kind: 'dhcp.expired', at: endedMs, mac: formatMac(mac(MAC)), address: '10.20.0.150' };
    await region.observe([{ ...late, text: 'Its lease ended' }]);
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.150']);
  }));

test('an address that a host had before it became a machine is shown until the end of its lease', () =>
  withRegion(async ({ region, clock }) => {
    await makeRacks(region);
    for (const kind of ['dhcp.release', 'dhcp.expired', 'dhcp.ended', 'dhcp.decline']) {
      sequence += 1;
      const card = MAC + sequence;
      const of = { mac: formatMac(mac(card)), address: '10.20.0.150', text: 'Took an address' };
      await region.observe([{ ...of, sequence, kind: 'dhcp.ack', at: clock.wallTimeMs() }]);
      await region.enlist(report([card]));
      assert.deepEqual((await shown(region, card)).addresses, ['10.20.0.150'], kind);
      sequence += 1;
      const endedMs = clock.wallTimeMs();
      await region.observe([{ ...of, sequence, kind, at: endedMs - 1 }]);
      assert.deepEqual((await shown(region, card)).addresses, ['10.20.0.150'], 'the end of an older lease');
      sequence += 1;
      await region.observe([{ ...of, sequence, kind, at: endedMs }]);
      assert.deepEqual((await shown(region, card)).addresses, [], kind);
    }
  }));

test('a host whose lease had ended before it became a machine is shown with no address', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await take(region, '10.20.0.150');
    await take(region, '10.20.0.150', 'dhcp.expired');
    await region.enlist(report([MAC]));
    assert.deepEqual((await shown(region)).addresses, []);
  }));

test('an address that was only offered is not shown: neither of a machine, nor of a host that becomes one', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await take(region, '10.20.0.150', 'dhcp.offer');
    await region.enlist(report([MAC]));
    assert.deepEqual((await shown(region)).addresses, []);
    for (const kind of ['dhcp.offer', 'dhcp.declined-back']) {
      await take(region, '10.20.0.151', kind);
      assert.deepEqual((await shown(region)).addresses, [], kind);
    }
    await take(region, '10.20.0.152');
    await take(region, '10.20.0.153', 'dhcp.offer');
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.152'], 'its lease runs until it takes the other');
    await take(region, '10.20.0.152', 'dhcp.expired');
    await take(region, '10.20.0.152', 'dhcp.offer');
    assert.deepEqual((await shown(region)).addresses, [], 'an offer does not renew what has ended');
  }));

test('a host that became a machine while its lease runs is shown with its address', () =>
  withRegion(async ({ region }) => {
    await makeRacks(region);
    await take(region, '10.20.0.150', 'dhcp.expired');
    await take(region, '10.20.0.150');
    await region.enlist(report([MAC]));
    assert.deepEqual((await shown(region)).addresses, ['10.20.0.150']);
  }));
