// Clients that asked in vain and come back: recognised after a while, not at once, not forever, and even in a flood of one-time clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CAME_BACK_MS,
  WAITING_CLIENTS_MAX,
  WAITING_MS,
  WaitingClients,
} from '../../../src/dhcp/limits/waiting-clients.ts';
import type { ClientIdentity } from '../../../src/dhcp/networks/client-identity.ts';
import { mac } from '../../../src/ground/address.ts';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';

const START = instant(1_700_000_000_000);
const ONE = mac(0x525400000001);

const isBack = (waiting: WaitingClients, client: ClientIdentity, now: Instant): boolean =>
  waiting.waitedMs(client, now) > 0;

test('a client has come back when it asks again after a while, and not at once nor after too long', () => {
  const waiting = new WaitingClients(7);
  assert.equal(isBack(waiting, ONE, START), false, 'no client was refused');
  waiting.leftOut(ONE, START);
  for (const [afterMs, expected] of [
    [0, false],
    [CAME_BACK_MS - 1, false],
    [CAME_BACK_MS, true],
    [WAITING_MS - 1, true],
    [WAITING_MS, false],
    [-1, false],
  ] as const) {
    assert.equal(isBack(waiting, ONE, later(START, afterMs)), expected, `${afterMs} ms`);
  }
  assert.equal(isBack(waiting, mac(0x525400000002), later(START, CAME_BACK_MS)), false, 'another has not');
});

test('a client that keeps asking is known from its first time on, and a served client starts over', () => {
  const waiting = new WaitingClients(7);
  for (let second = 0; second <= 240; second += 60) waiting.leftOut(ONE, later(START, second * 1000));
  assert.equal(waiting.waitedMs(ONE, later(START, 240_000)), 240_000);
  waiting.served(ONE, later(START, 240_000));
  assert.equal(isBack(waiting, ONE, later(START, 241_000)), false);
  waiting.leftOut(ONE, later(START, 241_000));
  assert.equal(isBack(waiting, ONE, later(START, 241_000 + CAME_BACK_MS)), true);
});

test('an identifier is a client of its own, whatever number it reads like', () => {
  const waiting = new WaitingClients(7);
  for (const client of ['', 'a', 'aa', String(ONE), '\xff\x00'] as const) {
    assert.equal(isBack(waiting, client, later(START, CAME_BACK_MS)), false, JSON.stringify(client));
    waiting.leftOut(client, START);
    assert.equal(isBack(waiting, client, later(START, CAME_BACK_MS)), true, JSON.stringify(client));
  }
  assert.equal(isBack(waiting, ONE, later(START, CAME_BACK_MS)), false);
});

test('clients of one vendor do not crowd each other out while there is room', () => {
  const waiting = new WaitingClients(1);
  const count = WAITING_CLIENTS_MAX / 8;
  for (let index = 0; index < count; index += 1) waiting.leftOut(mac(0x0050_5600_0000 + index), START);
  let known = 0;
  for (let index = 0; index < count; index += 1) {
    if (isBack(waiting, mac(0x0050_5600_0000 + index), later(START, CAME_BACK_MS))) known += 1;
  }
  assert.ok(known > count * 0.99, `${known} of ${count}`);
});

test('in a flood of 5000 a second, a client that retries as in RFC 2131 §4.1 is recognised when it comes back', () => {
  const waiting = new WaitingClients(3);
  const machines = Array.from({ length: 100 }, (_, index) => mac(0x525400000000 + index));
  const asksAt = [0, 4000, 12_000, 28_000, 60_000];
  const known: number[] = [];
  let made = 0;
  for (let ms = 0; ms <= 60_000; ms += 1) {
    const now = later(START, ms);
    for (let count = 0; count < 5; count += 1) {
      made += 1;
      const invented = mac(0x020000000000 + made);
      assert.ok(!isBack(waiting, invented, now));
      waiting.leftOut(invented, now);
    }
    if (!asksAt.includes(ms)) continue;
    known.push(machines.filter((machine) => isBack(waiting, machine, now)).length);
    for (const machine of machines) waiting.leftOut(machine, now);
  }
  assert.equal(known[0], 0);
  assert.ok(
    known.slice(1).every((count) => count >= 90),
    `${known.join(', ')} of 100 came back at each try`,
  );
});

test('four times as many clients as are remembered push out nearly all that asked once before them', () => {
  const waiting = new WaitingClients(5);
  const before = Array.from({ length: 1000 }, (_, index) => mac(0x525400000000 + index));
  for (const client of before) waiting.leftOut(client, START);
  for (let index = 0; index < 4 * WAITING_CLIENTS_MAX; index += 1) waiting.leftOut(mac(0x020000000000 + index), START);
  const known = before.filter((client) => isBack(waiting, client, later(START, CAME_BACK_MS))).length;
  assert.ok(known < 50, `${known} of 1000 are known`);
});
