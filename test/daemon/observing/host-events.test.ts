// A host that repeats itself fills neither the log nor the region; its ordinary events are reported singly.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOST_RATE, HOSTS_RATE, HostEvents } from '../../../src/daemon/observing/host-events.ts';
import { addEvents } from '../../../src/daemon/observing/shared-metrics.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant, later } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import { OWED_EVERY_MS } from '../../../src/ground/fair-sampler.ts';
import { Exposition } from '../../../src/observe/exposition.ts';
import { EVENT_KINDS } from '../../../src/region/reports/reported.ts';

const START = instant(1_000_000);
const MACHINE = mac(0x525400000001);
const STRANGER = mac(0x525400000066);
const SECONDS = 20;
const A_SECOND = 6500;

type Events = readonly RackEvent[];
const sum = (events: Events): number => events.reduce((total, { count = 1 }) => total + count, 0);

function start() {
  const reported: RackEvent[] = [];
  const events = new HostEvents((asking) => asking === MACHINE);
  const publish = events.createFilter((event) => reported.push(event));
  return { events, publish, reported };
}

/** The events of one host's small-file attack. */
function flood(publish: (event: RackEvent) => void, fields: Omit<RackEvent, 'at'>, seconds = SECONDS): void {
  for (let second = 0; second < seconds; second += 1) {
    for (let index = 0; index < A_SECOND; index += 1) publish({ ...fields, at: later(START, second * 1000) });
  }
}

const HOSTS: readonly (readonly [string, Omit<RackEvent, 'at' | 'kind'>])[] = [
  ['a machine', { mac: MACHINE }],
  ['a host with a lease', { mac: STRANGER }],
  ['a host of which only the address is known', { address: ipv4(0x0a000042) }],
  ['nobody in particular', {}],
];
const KINDS = ['http.file-sent', 'http.rendered', 'tftp.sent', 'tftp.aborted', 'dns.name-conflict', 'dhcp.ack'];

describe('events of hosts', () => {
  for (const [name, host] of HOSTS) {
    for (const kind of KINDS) {
      it(`${kind} of ${name}: the burst is reported, then a sample, and each event says how many it represents`, () => {
        const { events, publish, reported } = start();
        flood(publish, { ...host, kind });
        const most = HOST_RATE.burst + HOST_RATE.perSecond * SECONDS;
        assert.ok(reported.length >= HOST_RATE.burst && reported.length <= most, `${reported.length}, at most ${most}`);
        publish({ ...host, kind, at: later(START, 10 * OWED_EVERY_MS) });
        assert.equal(sum(reported), A_SECOND * SECONDS + 1);
        const withheld = A_SECOND * SECONDS + 1 - reported.length;
        assert.equal(events.withheld, withheld);
        const out = new Exposition();
        addEvents(out, { published: 0, missed: new Map() }, events.withheld);
        assert.match(out.text(), new RegExp(`^rackboot_events_withheld_total ${withheld}$`, 'm'));
      });
    }
  }

  it('the events of a deployment are reported singly: hundreds of small files within seconds', () => {
    const { publish, reported } = start();
    for (let index = 0; index < 1900; index += 1) {
      publish({ kind: 'http.file-sent', mac: MACHINE, at: later(START, index * 5) });
    }
    assert.equal(reported.length, 1900);
    assert.ok(reported.every(({ count }) => count === undefined));
  });

  it('other events of a flooding host are reported, and those of other hosts', () => {
    const { publish, reported } = start();
    flood(publish, { kind: 'http.file-sent', mac: STRANGER });
    const before = reported.length;
    publish({ kind: 'dhcp.ack', mac: STRANGER, at: START });
    publish({ kind: 'http.file-sent', mac: mac(STRANGER + 1), at: START });
    publish({ kind: 'http.file-sent', mac: MACHINE, at: START });
    assert.equal(reported.length, before + 3);
  });

  it('all unknown hosts together have a rate; a machine has its own', () => {
    const { publish, reported } = start();
    const each = 4000;
    for (let host = 0; host < 100; host += 1) {
      const address = ipv4(0x0a000000 + host);
      for (let index = 0; index < each; index += 1) publish({ kind: 'http.file-sent', address, at: START });
    }
    assert.equal(reported.length, HOSTS_RATE.burst + 100, 'one of each is owed besides');
    publish({ kind: 'http.file-sent', mac: MACHINE, at: START });
    publish({ kind: 'http.file-sent', mac: MACHINE, at: START });
    assert.equal(reported.length, HOSTS_RATE.burst + 102);
  });

  it('an event that stands for several keeps its count', () => {
    const { publish, reported } = start();
    publish({ kind: 'tftp.missing', address: ipv4(1), at: START, count: 7 });
    assert.deepEqual(
      reported.map(({ count }) => count),
      [7],
    );
    flood(publish, { kind: 'tftp.missing', address: ipv4(1), count: 3 }, 1);
    publish({ kind: 'tftp.missing', address: ipv4(1), at: later(START, OWED_EVERY_MS) });
    assert.equal(sum(reported), 7 + 3 * A_SECOND + 1);
  });

  it('events of users and of the rack itself are always reported', () => {
    const { publish, reported } = start();
    const kinds = ['dhcp.ended', 'dhcp.cleared', 'dhcp.imported', 'machine.known', 'region.down', 'config.changed'];
    for (const kind of kinds) {
      assert.ok(EVENT_KINDS.has(kind), kind);
      for (let index = 0; index < 2 * HOST_RATE.burst; index += 1) publish({ kind, mac: MACHINE, at: START });
    }
    assert.equal(reported.length, kinds.length * 2 * HOST_RATE.burst);
  });
});
