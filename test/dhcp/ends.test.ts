// The server's reports of ended leases: those that end while it runs, and those that ended while it did not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { EXPIRED_PER_TURN_MAX } from '../../src/dhcp/responder.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { type Instant, later, seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { clientBytes, config, planByKind, settle, TestJournal, TestNetwork } from './lab.ts';

async function start(leasesAt: (now: Instant) => readonly Lease[]) {
  const [network, journal, table, clock] = [new TestNetwork(), new TestJournal(), new LeaseTable(), new VirtualClock()];
  const reported: string[] = [];
  const server = new DhcpServer({
    network,
    clock,
    journal,
    table,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    machines: () => new MachineDirectory([]),
    publish: ({ kind, address }) => {
      if (kind === 'dhcp.expired' || kind === 'dhcp.declined-back') reported.push(`${kind} ${address}`);
    },
    onEndsReported: (until) => reported.push(`until ${until - started}`),
  });
  const started = clock.now();
  const leases = leasesAt(started);
  table.load(leases, started);
  await server.configure(config());
  return { server, network, journal, clock, reported, leases };
}

const leaseOf = (index: number, now: Instant, endsMs: number): Lease => ({
  address: ipv4(ip('10.20.0.100') + index),
  mac: mac(0x525400000100 + index),
  state: 'bound',
  grantedAt: later(now, endsMs - 60_000),
  expiresAt: later(now, endsMs),
  duration: seconds(60),
});

test('after the last due end the server says until when everything was reported', async () => {
  const count = EXPIRED_PER_TURN_MAX + 44;
  const rig = await start((now) => Array.from({ length: count }, (_, index) => leaseOf(index, now, 1000)));
  rig.clock.advance(1000);
  assert.equal(rig.reported.filter((line) => line.startsWith('dhcp.expired')).length, count);
  assert.deepEqual(
    rig.reported.flatMap((line, index) => (line.startsWith('until') ? [index] : [])),
    [count],
    'not between the two turns',
  );
  rig.clock.advance(100_000);
  assert.equal(rig.reported.length, count + 1, 'where nothing ends there is nothing to say');
  await rig.server.close();
});

test('leases that had ended are reported on request, except for a client that has come back', async () => {
  const rig = await start((now) => [leaseOf(0, now, -1000), leaseOf(1, now, -2000)]);
  rig.clock.advance(10);
  assert.deepEqual(rig.reported, []);
  const [first] = rig.leases;
  assert.ok(first !== undefined);
  const request = { type: 'request', mac: first.mac, requested: first.address, server: RACK } as const;
  rig.network.deliver('eth1', clientBytes(request));
  rig.journal.commit();
  await settle();
  rig.server.reportEnded(rig.leases);
  assert.deepEqual(rig.reported, [`dhcp.expired ${ip('10.20.0.101')}`]);
  assert.equal(rig.server.endsReported, true);
  await rig.server.close();
});
