// Running leases stay or end as they should when the configuration changes, or the process restarts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { config, MAC_A, MAC_B, planByKind, subnet, TestJournal, TestNetwork } from './lab.ts';
import { addressOf, rig } from './responder-rig.ts';

const moved = config(subnet({ dynamic: { low: ip('10.20.0.200'), high: ip('10.20.0.209') } }));

test('a lease outside the new range runs on, is refused on renewal, and its machine gets an address of the range', () => {
  const { lease, say, reload, table, clock } = rig(config());
  const address = addressOf(lease(MAC_A));
  reload(moved);
  assert.equal(table.find(address)?.state, 'bound', 'nothing happens to it by the change');
  assert.match(say({ type: 'discover', mac: MAC_B, requested: address }), /^offer 10\.20\.0\.20\d$/);
  clock.advance(300_000);
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: address }), 'nak 0.0.0.0');
  assert.match(lease(MAC_A), /^ack 10\.20\.0\.20\d$/);
});

test('a lease outside the new range that is not renewed ends on time, with an event', () => {
  const { lease, reload, responder, clock, reported } = rig(config());
  lease(MAC_A);
  reload(moved);
  reported();
  clock.advance(599_999);
  responder.expire();
  assert.equal(reported('dhcp.expired').length, 0);
  clock.advance(1);
  responder.expire();
  assert.equal(reported('dhcp.expired').length, 1);
});

test('a lease is kept through a change that leaves its address in the range, and back', () => {
  const { lease, say, reload } = rig(config());
  const answer = lease(MAC_A);
  reload(config(subnet({ dynamic: { low: ip('10.20.0.90'), high: ip('10.20.0.150') }, static: undefined })));
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: addressOf(answer) }), answer);
  reload(moved);
  reload(config());
  assert.equal(lease(MAC_A), answer);
});

test('an address reserved for another machine is not taken from its holder before the lease is over', () => {
  const { lease, say, reload, clock, responder } = rig(config());
  const address = addressOf(lease(MAC_A));
  reload(config(subnet({ reservations: [{ mac: MAC_B, address }] })));
  const other = addressOf(lease(MAC_B));
  assert.notEqual(other, address, 'a fixed address that somebody holds is not given twice');
  assert.match(say({ type: 'request', mac: MAC_A, ciaddr: address }), /^nak/);
  clock.advance(600_000);
  responder.expire();
  assert.equal(addressOf(lease(MAC_B)), address);
});

test('an address of the static range goes only to its fixed client, however it is requested', () => {
  const fixed = config(subnet({ static: { low: ip('10.20.0.100'), high: ip('10.20.0.104') } }));
  const { lease, say } = rig(fixed);
  for (let last = 100; last <= 104; last += 1) {
    const requested = ip(`10.20.0.${last}`);
    assert.match(say({ type: 'discover', mac: MAC_A, requested }), /^offer 10\.20\.0\.10[5-9]$/);
    assert.equal(say({ type: 'request', mac: MAC_A, requested, server: RACK }), 'nak 0.0.0.0');
  }
  assert.match(lease(MAC_A), /^ack 10\.20\.0\.10[5-9]$/);
});

test('the end of a lease is an event on time after a restart, and an end in between is not', async () => {
  const before = rig(config(subnet({ leaseTime: seconds(60) })));
  before.lease(MAC_A);
  before.clock.advance(30_000);
  before.lease(MAC_B);
  const clock = new VirtualClock();
  clock.advance(75_000);
  const table = new LeaseTable();
  table.load(before.table.all(), clock.now());
  const ended: string[] = [];
  const server = new DhcpServer({
    clock,
    table,
    network: new TestNetwork(),
    journal: new TestJournal(),
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    machines: () => new MachineDirectory([]),
    publish: ({ kind, at }) => {
      if (kind === 'dhcp.expired') ended.push(`${at - before.clock.now()}`);
    },
  });
  await server.configure(config());
  assert.deepEqual(ended, [], 'the first ended before the start');
  clock.advance(14_999);
  assert.deepEqual(ended, []);
  clock.advance(1);
  assert.deepEqual(ended, ['60000']);
  await server.close();
});
