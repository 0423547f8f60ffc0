// How many unknown clients are offered addresses: by place, by socket, by open offers, and how limits are reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClientPlace,
  NEW_CLIENTS_BURST_SECONDS,
  NEW_CLIENTS_PER_SECOND,
  type NewClient,
  NewClients,
  OFFERED_ALWAYS,
  OFFERED_BACK_SHARE_MAX,
  OFFERED_SHARE_MAX,
  OFFERED_SMALL_SHARE_MAX,
  PLACES_MAX,
  PLACES_OF_A_SOCKET,
  REPORTS_OF_A_SOCKET,
  SOCKETS_MAX,
  WIRE_CIRCUIT_SHARE,
} from '../../../src/dhcp/limits/new-clients.ts';
import { CAME_BACK_MS } from '../../../src/dhcp/limits/waiting-clients.ts';
import { mac } from '../../../src/ground/address.ts';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';

const START = instant(1_000_000);
const WIRE: ClientPlace = { name: 'eth1', socket: 'eth1', isRelayed: false };
const AT_ONCE = NEW_CLIENTS_PER_SECOND * NEW_CLIENTS_BURST_SECONDS;
const circuit = (number: number, socket = 'eth1'): ClientPlace => ({
  name: `relay 10.30.0.1, circuit ${number}`,
  socket,
  isRelayed: true,
});
/** A circuit named without a relay agent. */
const port = (number: number): ClientPlace => ({ name: `eth1, circuit ${number}`, socket: 'eth1', isRelayed: false });

let strangers = 0;
/** A client that asks for the first time. */
function stranger(place: ClientPlace): NewClient {
  strangers += 1;
  return { client: mac(0x0200_0000_0000 + strangers), place };
}

/** How many of `tries` new clients of a place are admitted at one moment; each is offered an address. */
function admitted(limits: NewClients, place: ClientPlace, now: Instant, tries = 2 * AT_ONCE): number {
  let count = 0;
  for (let index = 0; index < tries; index += 1) {
    const newcomer = stranger(place);
    if (limits.judge(newcomer, undefined, now) !== 'admitted') continue;
    limits.take(newcomer, now);
    count += 1;
  }
  return count;
}

test('a place has ten seconds of its rate at once, then its rate, and never more at once again', () => {
  const limits = new NewClients();
  const table: readonly (readonly [afterMs: number, count: number])[] = [
    [0, AT_ONCE],
    [0, 0],
    [1000 / NEW_CLIENTS_PER_SECOND - 1, 0],
    [1000 / NEW_CLIENTS_PER_SECOND, 1],
    [2020, 2 * NEW_CLIENTS_PER_SECOND],
    [86_400_000, AT_ONCE],
  ];
  for (const [afterMs, count] of table) {
    assert.equal(admitted(limits, WIRE, later(START, afterMs)), count, `after ${afterMs} ms`);
  }
});

test('a rate below one lets one client through at once, and 0 lets all through', () => {
  const limits = new NewClients();
  limits.setRate(0.01);
  assert.equal(admitted(limits, WIRE, START), 1);
  assert.equal(admitted(limits, WIRE, later(START, 99_999)), 0);
  assert.equal(admitted(limits, WIRE, later(START, 100_000)), 1);
  limits.setRate(0);
  assert.equal(admitted(limits, WIRE, START), 2 * AT_ONCE);
});

test('setting the same rate forgets nothing, and another rate starts over', () => {
  const limits = new NewClients();
  admitted(limits, WIRE, START);
  limits.setRate(NEW_CLIENTS_PER_SECOND);
  assert.equal(admitted(limits, WIRE, START), 0);
  limits.setRate(NEW_CLIENTS_PER_SECOND * 2);
  assert.equal(admitted(limits, WIRE, START, 4 * AT_ONCE), 2 * AT_ONCE);
});

test('relayed and direct clients of one socket do not take from each other, nor do sockets', () => {
  const limits = new NewClients();
  assert.equal(admitted(limits, WIRE, START), AT_ONCE);
  assert.equal(admitted(limits, circuit(1), START), AT_ONCE);
  assert.equal(admitted(limits, circuit(2), START), AT_ONCE);
  assert.equal(admitted(limits, { ...WIRE, name: 'eth2', socket: 'eth2' }, START), AT_ONCE);
  for (let number = 3; number <= PLACES_OF_A_SOCKET; number += 1) admitted(limits, circuit(number), START);
  assert.equal(admitted(limits, circuit(99), START), 0, 'all that relays bring by this socket');
  assert.equal(admitted(limits, circuit(99, '10.20.0.1'), START), AT_ONCE, 'by another socket');
});

test('circuits without a relay agent take from their interface, one of them at most half, and give nothing back to it', () => {
  const limits = new NewClients();
  const half = AT_ONCE * WIRE_CIRCUIT_SHARE;
  assert.equal(admitted(limits, port(1), START), half);
  assert.equal(limits.refused(port(1), START), 'eth1, circuit 1');
  assert.equal(admitted(limits, WIRE, START, 10), 10, 'a client without a circuit');
  assert.equal(admitted(limits, port(2), START), half - 10);
  assert.equal(limits.refused(port(2), START), 'eth1', 'the circuit might have more, the interface has no more');
  assert.equal(admitted(limits, port(3), START), 0);
  assert.equal(admitted(limits, WIRE, START), 0);
  assert.equal(admitted(limits, circuit(1), START), AT_ONCE, 'clients behind relay agents have a limit of their own');
  assert.equal(admitted(limits, port(3), later(START, 1000)), NEW_CLIENTS_PER_SECOND);
});

test('asking about a place and refusing it does not make it known, and a forgotten place starts over', () => {
  const limits = new NewClients();
  const bySocket = (number: number): ClientPlace => circuit(number, `eth${number % 1000}`);
  assert.equal(admitted(limits, circuit(0, 'far'), START), AT_ONCE);
  for (let number = 1; number < PLACES_MAX; number += 1) limits.take(stranger(bySocket(number)), START);
  assert.equal(admitted(limits, circuit(0, 'near'), START), 0, 'known by its name, whatever socket it comes by');
  for (let number = 0; number < 100; number += 1) limits.refused(circuit(PLACES_MAX + number, 'near'), START);
  assert.equal(admitted(limits, circuit(0, 'near'), START), 0, 'refusals make nothing known');
  limits.take(stranger(bySocket(PLACES_MAX + 1)), START);
  assert.equal(admitted(limits, circuit(0, 'near'), START), AT_ONCE, 'it came first, and is forgotten');
});

test('a clock that goes back a day gives nothing away, holds no client back afterwards and keeps reporting', () => {
  const limits = new NewClients();
  const day = 86_400_000;
  assert.equal(admitted(limits, WIRE, later(START, day)), AT_ONCE);
  assert.equal(limits.refused(WIRE, later(START, day)), 'eth1');
  assert.equal(admitted(limits, WIRE, START), 0);
  assert.equal(limits.refused(WIRE, START), 'eth1', 'reported again');
  assert.equal(limits.refused(WIRE, later(START, 59_999)), undefined);
  assert.equal(limits.refused(WIRE, later(START, 60_000)), 'eth1');
  assert.equal(admitted(limits, WIRE, later(START, day + 1000)), NEW_CLIENTS_PER_SECOND);
});

test('used-up places are reported, of one socket a few at once and then one a minute', () => {
  const limits = new NewClients();
  limits.setRate(1);
  const reportsOf = (place: ClientPlace, now: Instant): readonly string[] => {
    admitted(limits, place, now, 20);
    return [0, 1].flatMap(() => limits.refused(place, now) ?? []);
  };
  const reported: string[] = [];
  for (let second = 0; second < 600; second += 10) {
    reported.push(...reportsOf(circuit(second), later(START, second * 1000)));
  }
  assert.deepEqual(reported.slice(0, 2), ['relay 10.30.0.1, circuit 0', 'relay 10.30.0.1, circuit 10']);
  assert.ok(reported.length <= PLACES_OF_A_SOCKET + 10, `${reported.length} were reported in ten minutes`);
  assert.deepEqual(
    reportsOf({ ...WIRE, name: 'eth2', socket: 'eth2' }, START),
    ['eth2'],
    'another socket is reported separately',
  );
});

test('sockets beyond SOCKETS_MAX share one limit', () => {
  const limits = new NewClients();
  let count = 0;
  for (let socket = 0; socket < SOCKETS_MAX + 2000; socket += 1) {
    const place = { name: `10.40.0.${socket}`, socket: `10.40.0.${socket}`, isRelayed: false };
    count += admitted(limits, place, START, 1);
  }
  assert.equal(count, SOCKETS_MAX + NEW_CLIENTS_PER_SECOND * 10);
});

test('unrequested offers take a share of a range, more of a small one, and yet more for returning clients', () => {
  const limits = new NewClients();
  const first = stranger(WIRE);
  const back = stranger(WIRE);
  limits.leftOut(back, START);
  const at = later(START, CAME_BACK_MS);
  const range = { low: ip('10.20.0.0'), high: ip('10.20.3.255') };
  const usage = (usable: number, offered: number) => ({ subnet: 'lab', range, usable, free: 1, offered, declined: 0 });
  const table: readonly (readonly [usable: number, ofFirst: number, ofBack: number])[] = [
    [1000, 1000 * OFFERED_SHARE_MAX, 1000 * OFFERED_BACK_SHARE_MAX],
    [85, OFFERED_ALWAYS, 77],
    [70, 70 * OFFERED_SMALL_SHARE_MAX, 70 * OFFERED_BACK_SHARE_MAX],
    [10, 8, 9],
    [2, 2, 2],
    [1, 1, 1],
  ];
  for (const [usable, ofFirst, ofBack] of table) {
    for (const [who, bound] of [
      [first, ofFirst],
      [back, ofBack],
    ] as const) {
      const name = `${bound} of ${usable}`;
      assert.equal(limits.judge(who, usage(usable, bound - 1), at), 'admitted', name);
      assert.equal(limits.judge(who, usage(usable, bound), at), 'range-on-offer', name);
    }
  }
});

test('returning clients have the rate of their place once more, and first-time clients take none of it', () => {
  const limits = new NewClients();
  const waiting = Array.from({ length: AT_ONCE + 10 }, () => stranger(WIRE));
  for (const one of waiting) limits.leftOut(one, START);
  const at = later(START, CAME_BACK_MS);
  assert.equal(admitted(limits, WIRE, at), AT_ONCE, 'the first time');
  const served = waiting.filter((one) => {
    const isAdmitted = limits.judge(one, undefined, at) === 'admitted';
    if (isAdmitted) limits.take(one, at);
    return isAdmitted;
  });
  assert.equal(served.length, AT_ONCE, 'back');
  assert.equal(limits.judge(waiting.at(-1) ?? stranger(WIRE), undefined, at), 'too-many');
  const [again = stranger(WIRE)] = served;
  assert.equal(limits.waitedMs(again, later(at, 1000)), 0, 'a served client starts over');
});

test('REPORTS_OF_A_SOCKET places of one socket are reported as limited at once, and of another socket as well', () => {
  const limits = new NewClients();
  const reportSamplers = (socket: string, count: number, from: number): number => {
    let reported = 0;
    for (let number = 0; number < count; number += 1) {
      const place = circuit(from + number, socket);
      // Each has used up its own rate, not all of the socket.
      admitted(limits, place, later(START, number * 11_000), AT_ONCE);
      if (limits.refused(place, later(START, number * 11_000)) !== undefined) reported += 1;
    }
    return reported;
  };
  const most = REPORTS_OF_A_SOCKET.burst;
  const regained = Math.floor(3 * most * 11 * REPORTS_OF_A_SOCKET.perSecond);
  assert.equal(reportSamplers('eth1', 3 * most, 0), most + regained);
  assert.equal(reportSamplers('eth2', most, 1000), most);
});
