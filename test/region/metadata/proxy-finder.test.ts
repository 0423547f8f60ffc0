import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, ipv4 } from '../../../src/net/address.ts';
import { HOSTS_MAX, ProxyFinder } from '../../../src/region/metadata/proxy-finder.ts';
import { withRegion } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

const addressOf = (index: number): string => formatIpv4(ipv4(0x0a32_0001 + index * 256));

test('probe results are kept for a bounded number of rack addresses; the one probed first is probed again', () =>
  withRegion(async ({ region, clock }) => {
    const networks = Array.from({ length: HOSTS_MAX + 1 }, (_, index) => addressOf(index).replace(/\.1$/, '.0/24'));
    acceptRack(region, { interfaces: networks.map((network) => rackInterface(network)) });
    const asked: string[] = [];
    const answersAt = async (host: string): Promise<boolean> => asked.push(host) > 0;
    const finder = new ProxyFinder({ clock, racks: region.racks, answersAt, configured: () => undefined });
    const find = (index: number): Promise<string> => finder.find(`http://${addressOf(index)}:5248`);
    for (let index = 0; index < networks.length; index += 1)
      assert.equal(await find(index), `http://${addressOf(index)}:8000/`);
    await find(HOSTS_MAX);
    assert.equal(asked.length, HOSTS_MAX + 1);
    await find(0);
    assert.deepEqual(asked.slice(HOSTS_MAX + 1), [addressOf(0)]);
  }));
