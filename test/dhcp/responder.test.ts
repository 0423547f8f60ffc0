// From decision to outcome: the disk accepts it or not, the reply can leave or not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4, MacAddress } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { config, MAC_A, MAC_B, subnet } from './lab.ts';
import { addressOf, rig } from './responder-rig.ts';

const FIXED = ip('10.20.0.30');
const reasons = (events: readonly RackEvent[]): readonly string[] =>
  events.map((event) => `${event.kind} ${'reason' in event ? event.reason : ''}`);

test('an address is not given up if the disk has room for that but not for its replacement', () => {
  const { lease, say, reload, table, journal, reported } = rig(config());
  const former = addressOf(lease(MAC_A));
  reload(config(subnet({ reservations: [{ mac: MAC_A, address: FIXED }] })));
  assert.equal(say({ type: 'discover', mac: MAC_A }), 'offer 10.20.0.30');
  reported();
  const request = { type: 'request', mac: MAC_A, requested: FIXED, server: RACK } as const;
  journal.pendingMax = 1;
  assert.equal(say(request), 'silence');
  assert.equal(table.find(former)?.state, 'bound');
  assert.equal(journal.durable.get(former)?.state, 'bound');
  assert.equal(table.find(FIXED), undefined);
  assert.deepEqual(reasons(reported()), ['dhcp.refused queue-full']);
  journal.pendingMax = 2;
  assert.equal(say(request), 'ack 10.20.0.30');
  assert.equal(journal.durable.get(former)?.state, 'released');
  assert.equal(journal.durable.get(FIXED)?.state, 'bound');
});

test('a reply without a socket when its lease is durable is reported as refused, not as given', () => {
  const { say, wire, table, reported, responder } = rig(config());
  const offered = addressOf(say({ type: 'discover', mac: MAC_A }));
  reported();
  wire.isGone = true;
  const request = { type: 'request', mac: MAC_A, requested: offered, server: RACK } as const;
  assert.equal(say(request), 'silence');
  assert.deepEqual(reasons(reported()), ['dhcp.refused interface-gone']);
  assert.equal(responder.counters().refusals['interface-gone'], 1);
  assert.equal(table.find(offered)?.state, 'bound', 'the lease stands: the client asks again');
  wire.isGone = false;
  assert.equal(addressOf(say(request)), offered);
  assert.ok(reported().some(({ kind }) => kind === 'dhcp.ack'));
});

test('while leases cannot be written, the address that is fixed for a client is renewed, and no other', () => {
  const { lease, say, reload, journal, table, clock, reported } = rig(config());
  reload(config(subnet({ reservations: [{ mac: MAC_A, address: FIXED }] })));
  assert.equal(lease(MAC_A), 'ack 10.20.0.30');
  const other = addressOf(lease(MAC_B));
  const written = journal.durable.get(FIXED)?.expiresAt;
  journal.available = false;
  const renew = (mac: MacAddress, address: Ipv4) => say({ type: 'request', mac, ciaddr: address });
  const reboot = (mac: MacAddress, address: Ipv4) => say({ type: 'request', mac, requested: address });
  for (let times = 0; times < 3; times += 1) {
    // Beyond the end of the lease on disk.
    clock.advance(400_000);
    assert.equal(renew(MAC_A, FIXED), 'ack 10.20.0.30');
    assert.equal(reboot(MAC_A, FIXED), 'ack 10.20.0.30');
  }
  assert.equal(journal.durable.get(FIXED)?.expiresAt, written);
  reported();
  assert.equal(renew(MAC_B, other), 'silence');
  assert.deepEqual(reasons(reported()), ['dhcp.refused store-unavailable']);
  assert.equal(say({ type: 'discover', mac: MAC_A }), 'silence', 'no offer');
  assert.equal(renew(MAC_B, FIXED), 'nak 0.0.0.0');
  journal.available = true;
  assert.equal(renew(MAC_A, FIXED), 'ack 10.20.0.30');
  assert.equal(journal.durable.get(FIXED)?.expiresAt, table.find(FIXED)?.expiresAt);
  assert.notEqual(journal.durable.get(FIXED)?.expiresAt, written);
});
