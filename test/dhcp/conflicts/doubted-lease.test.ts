// After a start from a restored copy a running lease may since have been given to another client: the first offer of its address asks the
// wire, and a renewal is answered as usual.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { formatIpv4, type MacAddress } from '../../../src/ground/address.ts';
import { later } from '../../../src/ground/clock.ts';
import { WireRack } from '../../conformance/wire-rack.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import { config, leaseAt, MAC_A, settle, subnet } from '../lab.ts';

const OTHER = hw('02:00:00:00:00:99');
const ADDRESS = ip('10.20.0.105');

async function start(user: MacAddress | undefined, isDoubted = true) {
  const asked: number[] = [];
  const rack = await WireRack.start({
    config: config(subnet()),
    findConflict: async (address) => {
      asked.push(address);
      return address === ADDRESS ? user : undefined;
    },
  });
  const now = rack.clock.now();
  const [grantedAt, expiresAt] = [later(now, -200_000), later(now, 400_000)];
  const lease: Lease = { ...leaseAt(MAC_A, '10.20.0.105', 0), grantedAt, expiresAt };
  rack.table.load([isDoubted ? { ...lease, isDoubted } : lease], now);
  return {
    rack,
    asked,
    async discover(): Promise<string> {
      rack.say({ type: 'discover', mac: MAC_A });
      await settle();
      rack.journal.commit();
      return rack
        .take()
        .map(({ type, yiaddr }) => `${type} ${formatIpv4(yiaddr)}`)
        .join();
    },
  };
}

test('the first offer of a doubted address is probed, and the lease that follows is trusted again', async () => {
  const { rack, asked, discover } = await start(undefined);
  assert.equal(await discover(), 'OFFER 10.20.0.105');
  assert.deepEqual(asked, [ADDRESS]);
  assert.equal(rack.ask({ type: 'request', mac: MAC_A, requested: ADDRESS, server: RACK })?.type, 'ACK');
  rack.clock.advance(120_000);
  assert.equal(rack.ask({ type: 'discover', mac: MAC_A })?.type, 'OFFER');
  assert.deepEqual(asked, [ADDRESS]);
});

test('if another host answers for a doubted address, the client gets another one, and the doubted one is set aside', async () => {
  const { rack, discover } = await start(OTHER);
  const offered = await discover();
  assert.match(offered, /^OFFER 10\.20\.0\.10\d$/);
  assert.notEqual(offered, 'OFFER 10.20.0.105');
  assert.equal(rack.table.find(ADDRESS)?.state, 'declined');
  assert.deepEqual(
    rack.events.filter(({ kind }) => kind === 'dhcp.conflict').map(({ address, usedBy }) => [address, usedBy]),
    [[ADDRESS, '02:00:00:00:00:99']],
  );
});

test('a doubted address for which its own client answers stays with the client', async () => {
  const { discover } = await start(MAC_A);
  assert.equal(await discover(), 'OFFER 10.20.0.105');
});

test('a renewal of a doubted lease is answered at once, and ends the doubt', async () => {
  const { rack, asked } = await start(OTHER);
  assert.equal(rack.ask({ type: 'request', mac: MAC_A, ciaddr: ADDRESS })?.type, 'ACK');
  rack.clock.advance(60_000);
  assert.equal(rack.ask({ type: 'discover', mac: MAC_A })?.type, 'OFFER');
  assert.deepEqual(asked, []);
});

test('without a restored copy no address is probed', async () => {
  const { rack, asked } = await start(OTHER, false);
  assert.equal(rack.ask({ type: 'discover', mac: MAC_A })?.type, 'OFFER');
  assert.deepEqual(asked, []);
});
