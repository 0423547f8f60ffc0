// A client that repeats its request at once gets its answer from the record on disk, or on its way there, and is reported as a sample. RFC
// 2131 §4.3.2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { REPEATED_MS } from '../../src/dhcp/answers/repeat.ts';
import { ENDLESS_SECONDS } from '../../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { PASSING_RATE } from '../../src/dhcp/limits/report-samplers.ts';
import type { DhcpSubnet } from '../../src/dhcp/networks/config.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { OPTION, optionU8, optionU32, textBytes } from '../../src/dhcp/wire/options.ts';
import { ANY, mac } from '../../src/ground/address.ts';
import { seconds } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { MACHINE_RATE } from '../../src/ground/fair-sampler.ts';
import { EVENT_RATE } from '../../src/ground/rate-limit.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { printedRandom } from '../support/printed-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import {
  type ClientWords,
  clientBytes,
  config,
  MAC_A,
  machine,
  planByKind,
  subnet,
  TestJournal,
  TestNetwork,
} from './lab.ts';
import { rig } from './responder-rig.ts';

const HELD = ip('10.20.0.100');
const TAKES: ClientWords = { type: 'request', mac: MAC_A, requested: HELD, server: RACK };
const RENEWS: ClientWords = { type: 'request', mac: MAC_A, ciaddr: HELD };
const named = (name: string): ClientWords => ({ options: [[OPTION.hostName, textBytes(name)]] });
const only = { dynamic: { low: HELD, high: HELD } };

/** A server whose disk the test controls, and its replies: type and lease time. */
async function start(changes: Partial<DhcpSubnet> = {}) {
  const [network, journal, table, clock] = [new TestNetwork(), new TestJournal(), new LeaseTable(), new VirtualClock()];
  const reasons: unknown[] = [];
  const server = new DhcpServer({
    network,
    clock,
    journal,
    table,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    publish: (event) => void ('reason' in event && reasons.push(event.reason)),
    machines: () => new MachineDirectory([]),
  });
  await server.configure(config(subnet({ ...only, ...changes })));
  const answers = (): readonly (readonly [number | undefined, number | undefined])[] =>
    network.take().map(({ message: { options } }) => [optionU8(options, 53), optionU32(options, OPTION.leaseTime)]);
  const hear = (words: ClientWords) => {
    network.from = words.from ?? ANY;
    network.deliver('eth1', clientBytes(words));
    return answers();
  };
  return { server, journal, table, clock, reasons, answers, hear };
}

test('a renewal within a second of the last is answered from its record, with the time left', async () => {
  const { journal, clock, hear, answers } = await start();
  assert.deepEqual(hear(TAKES), []);
  journal.commit();
  assert.deepEqual(answers(), [[5, 600]]);
  assert.deepEqual(hear(RENEWS), [[5, 600]]);
  clock.advance(REPEATED_MS - 1);
  assert.deepEqual(hear(RENEWS), [[5, 599]]);
  assert.equal(journal.pending.length, 0);
  clock.advance(1);
  assert.deepEqual(hear(RENEWS), [], 'a second later it is recorded');
  journal.commit();
  assert.deepEqual(answers(), [[5, 600]]);
});

test('a repeated REQUEST waits for the record of the first, and promises no more', async () => {
  const { journal, hear, answers, reasons, table } = await start();
  assert.deepEqual([hear(TAKES), hear(TAKES), hear(RENEWS)], [[], [], []]);
  assert.equal(journal.pending.length, 1);
  journal.commit();
  assert.deepEqual(answers(), [
    [5, 600],
    [5, 600],
    [5, 600],
  ]);
  hear({ type: 'release', mac: MAC_A, ciaddr: HELD, server: RACK, from: HELD });
  journal.commit();
  reasons.splice(0);
  assert.deepEqual([hear(TAKES), hear(TAKES)], [[], []]);
  journal.fail();
  assert.deepEqual(answers(), []);
  assert.deepEqual(reasons.filter((reason) => reason === 'store-unavailable').length, 2);
  assert.equal(table.find(HELD)?.state, 'released');
});

test('while the disk refuses, nothing is answered from existing records either', async () => {
  const { journal, hear, answers, reasons } = await start();
  hear(TAKES);
  journal.commit();
  answers();
  journal.slow();
  assert.deepEqual(hear(RENEWS), []);
  assert.deepEqual(reasons.slice(-1), ['store-unavailable']);
});

test('a change in a client’s data is recorded at once, and a short lease every time', async () => {
  const { journal, hear, table } = await start();
  hear(TAKES);
  for (const [words, expected] of [
    [named('one'), 1],
    [named('one'), 0],
    [named('two'), 1],
    [{ vendorClass: 'udhcp' }, 1],
    [{ options: [[OPTION.clientIdentifier, textBytes('id')]] }, 1],
  ] as const) {
    journal.commit();
    hear({ ...RENEWS, ...words });
    assert.equal(journal.pending.length, expected, JSON.stringify(words));
  }
  assert.equal(table.find(HELD)?.clientId, 'id');
  const short = await start({ leaseTime: seconds(9) });
  short.hear(TAKES);
  short.hear(RENEWS);
  assert.equal(short.journal.pending.length, 2);
});

test('a lease without end stays without end', async () => {
  const { journal, clock, hear, answers } = await start({ leaseTime: ENDLESS_SECONDS });
  hear(TAKES);
  journal.commit();
  assert.deepEqual(answers(), [[5, ENDLESS_SECONDS]]);
  clock.advance(REPEATED_MS / 2);
  assert.deepEqual(hear(RENEWS), [[5, ENDLESS_SECONDS]]);
});

test('however a client repeats itself, no answer promises more than the disk holds', async () => {
  const random = printedRandom('a client that comes again');
  const { journal, clock, hear, answers } = await start();
  let repeated = 0;
  for (let turn = 0; turn < 3000; turn += 1) {
    clock.advance(random(700));
    const before = journal.pending.length;
    const words = random(2) === 0 ? RENEWS : TAKES;
    const at = clock.now();
    const early = hear(words);
    const kept = journal.durable.get(HELD)?.expiresAt ?? 0;
    for (const [, leaseTime] of early) assert.ok(at + (leaseTime ?? 0) * 1000 <= kept);
    if (journal.pending.length === before) repeated += 1;
    journal.commit();
    assert.equal(early.length + answers().length, 1);
  }
  assert.ok(repeated > 500 && repeated < 2900, `${repeated}`);
});

const countOf = (events: readonly RackEvent[]): number => events.reduce((sum, { count = 1 }) => sum + count, 0);

test('a client that keeps taking and releasing its address is reported as a sample, and all of it is counted', () => {
  for (const [machines, burst] of [
    [[], EVENT_RATE.burst + MACHINE_RATE.burst],
    [[machine(MAC_A, '10.40.0.1')], MACHINE_RATE.burst],
  ] as const) {
    const { clock, lease, say, reported, responder } = rig(config(subnet(only)), new MachineDirectory(machines));
    const rounds = 200;
    for (let round = 0; round < rounds; round += 1) {
      assert.equal(lease(MAC_A), 'ack 10.20.0.100');
      say(RENEWS);
      say({ type: 'release', mac: MAC_A, ciaddr: HELD, server: RACK });
    }
    const events = reported('dhcp.offer', 'dhcp.ack', 'dhcp.release');
    assert.ok(events.length >= 3 && events.length <= 2 + 3 * burst, `${events.length} were reported`);
    const counters = responder.counters().events;
    assert.deepEqual([counters['dhcp.ack'], counters['dhcp.release']], [2 * rounds, rounds]);
    clock.advance(60_000);
    lease(MAC_A);
    assert.deepEqual(
      reported('dhcp.offer', 'dhcp.ack').map(({ kind, count }) => [kind, count]),
      [
        ['dhcp.offer', undefined],
        ['dhcp.ack', undefined],
      ],
      'a client that comes a minute later is reported singly',
    );
  }
});

test('replies without an address are reported as a sample: a hall of machines in full, a flood not, a machine always', () => {
  const boots: ClientWords = {
    vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
    options: [[OPTION.clientArchitecture, Uint8Array.of(0, 7)]],
  };
  const proxied = config(subnet({ proxy: true, dynamic: undefined, static: undefined }));
  const cases = [
    ['dhcp.offer', proxied, { type: 'discover', ...boots }],
    ['dhcp.elsewhere', proxied, { type: 'request', requested: HELD, server: ip('10.20.0.2'), ...boots }],
    ['dhcp.inform', config(), { type: 'inform', ciaddr: HELD }],
  ] as const;
  for (const [kind, dhcpConfig, words] of cases) {
    const { clock, say, reported, responder } = rig(dhcpConfig, new MachineDirectory([machine(MAC_A, '10.40.0.1')]));
    for (let index = 0; index < 1000; index += 1) {
      say({ ...words, mac: mac(0x0200_0000_0000 + index) });
      if (index === PASSING_RATE.burst - 1) assert.equal(reported(kind).length, PASSING_RATE.burst, `${kind}: a hall`);
    }
    assert.equal(reported(kind).length, 0, `${kind}: a flood`);
    assert.equal(responder.counters().events[kind], 1000, kind);
    say({ ...words, mac: MAC_A });
    assert.deepEqual(
      reported(kind).map((event) => [event.mac, event.count]),
      [[MAC_A, undefined]],
      `${kind}: a machine`,
    );
    clock.advance(1000);
    say({ ...words, mac: mac(0x0200_0000_0000) });
    assert.equal(countOf(reported(kind)), 1000 - PASSING_RATE.burst + 1, kind);
  }
});
