import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import {
  NEIGHBOURS_MAX,
  NeighbourTable,
  REPORT_RATE,
  REREPORT_MS,
  SENDER_RATE,
  SENDERS_MAX,
  type Sighting,
  SightingFilter,
} from '../../../src/net/watch/neighbours.ts';

const A = ipv4(0x0a140032);
const FIRST = mac(0x525400000001);
const SECOND = mac(0x525400000002);
const seen = (changes: Partial<Sighting> = {}): Sighting => ({
  interfaceName: 'eth1',
  address: A,
  mac: FIRST,
  isHeard: true,
  ...changes,
});

describe('the neighbour table', () => {
  it('distinguishes new, seen and moved hosts, and keeps the previous holder', () => {
    const table = new NeighbourTable();
    assert.equal(table.see(seen(), instant(1000)), 'new');
    assert.equal(table.see(seen(), instant(2000)), 'seen');
    assert.deepEqual([table.find('eth1', A)?.firstSeen, table.find('eth1', A)?.lastSeen], [1000, 2000]);
    assert.equal(table.see(seen({ mac: SECOND }), instant(3000)), 'moved');
    const after = { firstSeen: 3000, lastSeen: 3000, previousMac: FIRST, movedAt: 3000 };
    assert.deepEqual(table.find('eth1', A), { interfaceName: 'eth1', address: A, mac: SECOND, ...after });
    assert.equal(table.see(seen({ mac: SECOND }), instant(4000)), 'seen');
    assert.equal(table.find('eth1', A)?.previousMac, FIRST);
  });

  it('does not count the kernel’s remembered entries as heard', () => {
    const table = new NeighbourTable();
    table.see(seen(), instant(1000));
    assert.equal(table.see(seen({ isHeard: false }), instant(9000)), 'seen');
    assert.equal(table.find('eth1', A)?.lastSeen, 1000);
  });

  it('keeps an address per interface, and finds the most recent one', () => {
    const table = new NeighbourTable();
    table.see(seen(), instant(1000));
    assert.equal(table.see(seen({ interfaceName: 'eth2', mac: SECOND }), instant(2000)), 'new');
    assert.equal(table.list().length, 2);
    assert.equal(table.findOnAny(A, ['eth1', 'eth2'])?.mac, SECOND);
    assert.equal(table.findOnAny(A, ['eth1'])?.mac, FIRST);
    assert.equal(table.findOnAny(A, []), undefined);
  });

  it('forgets the longest silent host when there are too many', () => {
    const table = new NeighbourTable();
    for (let index = 0; index < NEIGHBOURS_MAX; index += 1)
      table.see(seen({ address: ipv4(index + 1) }), instant(index));
    table.see(seen({ address: ipv4(1) }), instant(NEIGHBOURS_MAX));
    table.see(seen({ address: ipv4(0x0b000000) }), instant(NEIGHBOURS_MAX + 1));
    assert.equal(table.list().length, NEIGHBOURS_MAX);
    assert.notEqual(table.find('eth1', ipv4(1)), undefined);
    assert.equal(table.find('eth1', ipv4(2)), undefined);
  });
});

describe('invented neighbours', () => {
  it('do not displace a host that was heard for a minute', () => {
    const table = new NeighbourTable();
    table.see(seen(), instant(0));
    table.see(seen(), instant(REREPORT_MS));
    for (let index = 0; index <= NEIGHBOURS_MAX; index += 1)
      table.see(
        seen({ address: ipv4(0x0b000000 + index), mac: mac(0x020000000000 + index) }),
        instant(REREPORT_MS + index),
      );
    assert.equal(table.find('eth1', A)?.mac, FIRST);
  });

  it('displace each other if they share a hardware address, but no other new host', () => {
    const table = new NeighbourTable();
    table.see(seen(), instant(0));
    for (let index = 0; index <= NEIGHBOURS_MAX; index += 1)
      table.see(seen({ address: ipv4(0x0b000000 + index), mac: SECOND }), instant(index));
    assert.equal(table.find('eth1', A)?.mac, FIRST);
  });
});

describe('the filter of sightings', () => {
  it('passes the same host once in RETELL_MS, and another host immediately', () => {
    const filter = new SightingFilter();
    assert.ok(filter.allows(3, A, FIRST, true, instant(0)));
    assert.ok(!filter.allows(3, A, FIRST, true, instant(REREPORT_MS - 1)));
    assert.ok(filter.allows(4, A, FIRST, true, instant(1)));
    assert.ok(filter.allows(3, A, SECOND, true, instant(2)));
    assert.ok(filter.allows(3, A, SECOND, true, instant(REREPORT_MS + 2)));
    assert.ok(!filter.allows(3, A, SECOND, false, instant(10 * REREPORT_MS)), 'a remembered entry is reported once');
    filter.clear();
    assert.ok(filter.allows(3, A, SECOND, false, instant(10 * REREPORT_MS)));
  });

  it('passes a flood of strangers slowly, and loses none of them permanently', () => {
    const filter = new SightingFilter();
    let through = 0;
    for (let index = 0; index < 100_000; index += 1) {
      if (filter.allows(3, ipv4(0x0a000000 + index), mac(0x020000000000 + index), true, instant(index / 100)))
        through += 1;
    }
    assert.ok(through >= REPORT_RATE.burst && through <= REPORT_RATE.burst + 1.2 * REPORT_RATE.perSecond, `${through}`);
    assert.ok(filter.allows(3, ipv4(0x0a000000 + 99_999), FIRST, true, instant(10_000)));
  });

  it('limits one hardware address, and passes the others', () => {
    const filter = new SightingFilter();
    let through = 0;
    for (let index = 0; index < 100_000; index += 1) {
      if (filter.allows(3, ipv4(0x0b000000 + index), SECOND, true, instant(index / 100))) through += 1;
    }
    assert.ok(through <= SENDER_RATE.burst + 1.2 * SENDER_RATE.perSecond, `${through}`);
    assert.ok(filter.allows(3, A, FIRST, true, instant(1000)));
  });

  it('keeps the rates of SENDERS_MAX hardware addresses; a dropped one starts over', () => {
    const filter = new SightingFilter();
    const tell = (index: number, at: number): boolean =>
      filter.allows(3, ipv4(0x0b000000 + index), SECOND, true, instant(at));
    for (let index = 0; index < SENDER_RATE.burst; index += 1) assert.ok(tell(index, 0));
    assert.ok(!tell(1000, 0));
    // Slow enough that all of them together stay within the rate.
    const everyMs = 1000 / REPORT_RATE.perSecond;
    for (let index = 0; index < SENDERS_MAX; index += 1)
      filter.allows(3, ipv4(0x0c000000 + index), mac(0x020000000000 + index), true, instant(index * everyMs));
    const now = SENDERS_MAX * everyMs;
    assert.ok((now / 1000) * SENDER_RATE.perSecond < SENDER_RATE.burst, 'its own rate has not refilled');
    for (let index = 0; index < SENDER_RATE.burst; index += 1) assert.ok(tell(2000 + index, now), `${index}`);
    assert.ok(!tell(3000, now));
  });

  it('reports a host that was heard before again, even during a flood', () => {
    const filter = new SightingFilter();
    assert.ok(filter.allows(3, A, FIRST, true, instant(0)));
    for (let minute = 1; minute <= 3; minute += 1) {
      const now = instant(minute * REREPORT_MS);
      for (let index = 0; index < 20_000; index += 1)
        filter.allows(3, ipv4(0x0b000000 + minute * 100_000 + index), mac(0x020000000000 + index), true, now);
      assert.ok(filter.allows(3, A, FIRST, true, now), `minute ${minute}`);
    }
  });
});
