// The reports in a flood: never everything, and never nothing about a machine of the region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOLDER_BUCKETS } from '../../../src/dhcp/limits/report-samplers.ts';
import { ANY, ipv4, type MacAddress, mac, parseNetwork } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import { MACHINE_RATE, OWED_EVERY_MS, TOGETHER_RATE } from '../../../src/ground/fair-sampler.ts';
import { EVENT_RATE } from '../../../src/ground/rate-limit.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, config, leaseAt, MAC_A, machine, subnet } from '../lab.ts';
import { rig } from '../responder-rig.ts';

const MINUTE = OWED_EVERY_MS;
const NETWORK = parseNetwork('10.0.0.0/8') ?? { address: ANY, prefix: 0 };
const WIDE = subnet({
  network: NETWORK,
  dynamic: { low: ip('10.20.4.0'), high: ip('10.20.7.255') },
  static: undefined,
});

/** Machines of the region, each with an address. */
const machinesOf = (count: number): readonly RackMachine[] =>
  Array.from({ length: count }, (_, index) => {
    const own = mac(0x525400000000 + index);
    return machine(own, '10.30.0.0', {
      systemId: `m${index}`,
      hostname: `m${index}`,
      addresses: [{ mac: own, address: ipv4(ip('10.40.0.0') + index) }],
    });
  });

/** A denied request: the address is the rack's own. */
const denied = (client: MacAddress): ClientWords => ({ type: 'request', mac: client, requested: RACK, server: RACK });
const sum = (events: readonly RackEvent[]): number => events.reduce((total, { count = 1 }) => total + count, 0);

test('all NAKs are counted, and a sample is reported, for a stranger and for a machine', () => {
  const cases: readonly (readonly [string, readonly RackMachine[], number])[] = [
    ['a stranger', [], EVENT_RATE.burst],
    ['a machine', [machine(MAC_A, '10.40.0.1')], MACHINE_RATE.burst],
  ];
  for (const [name, machines, burst] of cases) {
    const { clock, responder, say, reported } = rig(config(WIDE), new MachineDirectory(machines));
    for (let index = 0; index < 500; index += 1) assert.match(say(denied(MAC_A)), /^nak/);
    const first = reported('dhcp.nak');
    assert.equal(first.length, burst, name);
    const counters = responder.counters();
    assert.deepEqual([counters.refusals['address-excluded'], counters.events['dhcp.nak']], [500, 500], name);
    clock.advance(MINUTE);
    say(denied(MAC_A));
    assert.equal(sum([...first, ...reported('dhcp.nak')]), 501, name);
  }
});

test('repeated offers are reported as a sample, and each client’s first one singly', () => {
  const { responder, say, reported } = rig(config(WIDE));
  for (let client = 1; client <= 100; client += 1) assert.match(say({ type: 'discover', mac: mac(client) }), /^offer/);
  assert.equal(reported('dhcp.offer').length, 100);
  for (let index = 0; index < 1000; index += 1) {
    assert.match(say({ type: 'discover', mac: mac((index % 100) + 1) }), /^offer/);
  }
  assert.equal(reported('dhcp.offer').length, EVENT_RATE.burst);
  assert.equal(responder.counters().events['dhcp.offer'], 1100);
});

test('repeated offers hide no refusal', () => {
  const { say, reported } = rig(config(WIDE), new MachineDirectory([machine(MAC_A, '10.40.0.1')]));
  for (let index = 0; index < 500; index += 1) say({ type: 'discover', mac: MAC_A });
  reported();
  say(denied(MAC_A));
  assert.deepEqual(
    reported().map(({ kind }) => kind),
    ['dhcp.nak'],
  );
});

test('a flood in the names of 5000 machines hides no step of another, and reports each of them once a minute', () => {
  const victim = mac(0x525400000000 + 5000);
  const { clock, say, reported } = rig(config(WIDE), new MachineDirectory(machinesOf(5001)));
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 5000; index += 1) say(denied(mac(0x525400000000 + index)));
  }
  const flood = reported('dhcp.nak').length;
  assert.ok(flood >= 5000 && flood <= 5000 + TOGETHER_RATE.burst, `${flood} were reported`);
  assert.match(say(denied(victim)), /^nak/);
  assert.deepEqual(
    reported('dhcp.nak').map((event) => event.mac),
    [victim],
  );
  clock.advance(MINUTE / 2);
  for (let index = 0; index < 5000; index += 1) say(denied(mac(0x525400000000 + index)));
  const later = reported('dhcp.nak').length;
  assert.ok(later <= TOGETHER_RATE.burst, `${later} were reported half a minute later`);
});

test('a client whose lease has ended is a stranger; lease holders share what is owed to them', () => {
  const holders = 1000;
  const client = (index: number): MacAddress => mac(0x020000000000 + index);
  for (const [state, least, bound] of [
    ['released', EVENT_RATE.burst, EVENT_RATE.burst],
    ['bound', HOLDER_BUCKETS, HOLDER_BUCKETS + TOGETHER_RATE.burst],
  ] as const) {
    const stored = Array.from({ length: holders }, (_, index) => ({
      ...leaseAt(client(index), `10.20.${4 + (index >> 8)}.${index % 256}`, 600, state),
      expiresAt: instant(state === 'bound' ? 1e13 : 0),
    }));
    const { say, reported } = rig(config(WIDE), new MachineDirectory([]), stored);
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < holders; index += 1) say(denied(client(index)));
    }
    const count = reported('dhcp.nak').length;
    assert.ok(count <= bound && count >= least, `${state}: ${count} were reported`);
  }
});

test('a holder under an identifier is reported like a holder by hardware address', () => {
  const victim = mac(0x020000000000 + 7);
  const held = { ...leaseAt(victim, '10.20.4.7', 600), expiresAt: instant(1e13), clientId: 'system' };
  const wide = { ...WIDE, identity: 'client-id' } as const;
  const { clock, say, reported } = rig(config(wide), new MachineDirectory([]), [held]);
  for (let minute = 0; minute < 3; minute += 1) {
    for (let index = 0; index < 1000; index += 1) say(denied(mac(0x060000000000 + index)));
    reported();
    assert.match(say(denied(victim)), /^nak/);
    assert.equal(reported('dhcp.nak').length, 1, `minute ${minute}`);
    clock.advance(MINUTE);
  }
});
