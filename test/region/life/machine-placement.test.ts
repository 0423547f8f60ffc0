// The racks and addresses with which machines are displayed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac } from '../../../src/ground/address.ts';
import { readPlacement } from '../../../src/region/life/machine-placement.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { Region } from '../../../src/region/region.ts';
import { enlist, report, withRegion } from '../place.ts';
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

/** A host, which may be a machine. */
class Host {
  readonly region: Region;
  readonly #card: number;

  constructor(region: Region, card = MAC) {
    this.region = region;
    this.#card = card;
  }

  async take(address: string, kind = 'dhcp.ack', at = this.region.clock.wallTimeMs()): Promise<void> {
    sequence += 1;
    await this.region.observe([{ sequence, kind, at, mac: formatMac(mac(this.#card)), address, text: 'Told' }]);
  }

  async enlist(): Promise<string> {
    return (await enlist(this.region, report([this.#card]))).systemId;
  }

  async racks(): Promise<readonly string[]> {
    return readPlacement(this.region)
      .racksOf(await this.#machine())
      .map(({ name }) => name);
  }

  /** Asserts that exactly these are shown. */
  async has(addresses: readonly string[], why?: string): Promise<void> {
    const shown = readPlacement(this.region).addressesOf(await this.#machine());
    assert.deepEqual(shown.map(formatIpv4), addresses, why);
  }

  async #machine(): Promise<Machine> {
    const [machine] = await this.region.store.listMachines({ macs: [mac(this.#card)] }, 0, 1);
    return machine ?? assert.fail('no machine');
  }
}

let sequence = 0;
const ENDS = ['dhcp.release', 'dhcp.expired', 'dhcp.ended', 'dhcp.decline'];

const check = (name: string, work: (host: Host) => Promise<void>, more?: object) =>
  test(name, () =>
    withRegion(async ({ region }) => {
      await makeRacks(region, more);
      await work(new Host(region));
    }),
  );

check('a machine is shown with the rack in whose network it took an address, and with none before', async (host) => {
  await host.enlist();
  assert.deepEqual(await host.racks(), []);
  await host.take('10.20.0.150');
  assert.deepEqual(await host.racks(), ['rack-1']);
  await host.has(['10.20.0.150']);
});

check(
  'an address of a static range is shown until the machine’s release, however long its lease runs',
  async (host) => {
    const systemId = await host.enlist();
    const { life } = host.region;
    await host.take('10.20.0.150');
    await life.command(systemId, { name: 'accept', skipsCommissioning: true }, BY);
    await life.command(systemId, { name: 'allocate' }, BY);
    await host.has(['10.20.0.10', '10.20.0.150'], 'given, and seen');
    await host.take('10.20.0.10');
    await host.has(['10.20.0.10']);
    await life.command(systemId, { name: 'release' }, BY);
    await host.has([]);
    await host.take('10.20.0.150');
    await host.has(['10.20.0.150']);
  },
);

check(
  'an address that a machine was denied or has lost does not count as seen, and moves it to no other rack',
  async (host) => {
    await host.enlist();
    await host.take('10.20.0.150');
    for (const kind of [...ENDS, 'dhcp.nak', 'dhcp.refused']) {
      await host.take('10.20.0.160', kind);
      await host.take('10.50.0.160', kind);
      await host.has(['10.20.0.150'], kind);
      assert.deepEqual(await host.racks(), ['rack-1'], kind);
    }
  },
);

check(
  'an address that a configuration reserves for a card is shown without an allocation',
  async (host) => {
    await host.enlist();
    await host.take('10.20.0.15');
    await host.has(['10.20.0.15']);
    await host.take('10.20.0.16');
    await host.has([], 'that of somebody else, or of nobody');
  },
  { reservations: [{ mac: formatMac(mac(MAC)), ip: '10.20.0.15' }] },
);

check(
  'an address is shown until any rack reports the end of its lease, and again when it is taken again; the last network stays',
  async (host) => {
    const systemId = await host.enlist();
    for (const kind of ENDS) {
      await host.take('10.20.0.150');
      await host.has(['10.20.0.150'], kind);
      await host.take('10.20.0.150', kind);
      await host.has([], kind);
      assert.deepEqual(await host.racks(), ['rack-1'], kind);
      const [machine] = await host.region.store.listMachines({ seenAt: [ipv4(0x0a140096)] }, 0, 1);
      assert.equal(machine?.systemId, systemId, kind);
    }
    await host.take('10.20.0.150', 'dhcp.nak');
    await host.has([], 'a denied address is not the machine’s');
    await host.take('10.20.0.151');
    await host.has(['10.20.0.151']);
  },
);

check('a late report of a lease’s end does not hide an address taken since', async (host) => {
  await host.enlist();
  await host.take('10.20.0.150');
  await host.take('10.20.0.150', 'dhcp.expired', host.region.clock.wallTimeMs() - 1);
  await host.has(['10.20.0.150']);
});

check(
  'an address that a host had before it became a machine is shown until the end of its lease',
  async ({ region }) => {
    for (const [index, kind] of ENDS.entries()) {
      const host = new Host(region, MAC + index);
      await host.take('10.20.0.150');
      await host.enlist();
      await host.has(['10.20.0.150'], kind);
      await host.take('10.20.0.150', kind, region.clock.wallTimeMs() - 1);
      await host.has(['10.20.0.150'], 'the end of an older lease');
      await host.take('10.20.0.150', kind);
      await host.has([], kind);
    }
  },
);

check('a host whose lease had ended before it became a machine is shown with no address', async (host) => {
  await host.take('10.20.0.150');
  await host.take('10.20.0.150', 'dhcp.expired');
  await host.enlist();
  await host.has([]);
});

check(
  'an address that was only offered is not shown: neither of a machine, nor of a host that becomes one',
  async (host) => {
    await host.take('10.20.0.150', 'dhcp.offer');
    await host.enlist();
    await host.has([]);
    for (const kind of ['dhcp.offer', 'dhcp.declined-back']) {
      await host.take('10.20.0.151', kind);
      await host.has([], kind);
    }
    await host.take('10.20.0.152');
    await host.take('10.20.0.153', 'dhcp.offer');
    await host.has(['10.20.0.152'], 'its lease runs until it takes the other');
    await host.take('10.20.0.152', 'dhcp.expired');
    await host.take('10.20.0.152', 'dhcp.offer');
    await host.has([], 'an offer does not renew what has ended');
  },
);

check('a host that became a machine while its lease runs is shown with its address', async (host) => {
  await host.take('10.20.0.150', 'dhcp.expired');
  await host.take('10.20.0.150');
  await host.enlist();
  await host.has(['10.20.0.150']);
});
