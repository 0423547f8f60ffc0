// The addresses of named NTP servers: looked up again and again, kept when a name fails, and put in force when they change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AddressesOf } from '../../../src/config/option-list.ts';
import { ADDRESSES_MAX, REFRESH_MS, RETRY_MS, ServerNames } from '../../../src/daemon/rack/server-names.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import type { RackNote } from '../../../src/region/reports/notes.ts';
import { ip } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const A = 'a.example';
const B = 'b.example';
const UNKNOWN = { note: 'ntp-name-unresolved', kept: '' } as const;

class Bench {
  readonly clock = new VirtualClock(1_700_000_000_000, 1);
  names: readonly string[] = [A];
  /** The addresses of each name; without an entry its look-up fails. */
  answers: Readonly<Record<string, readonly Ipv4[]>> = { [A]: [ip('192.0.2.1')] };
  readonly asked: string[] = [];
  readonly used: string[] = [];
  readonly reported: RackNote[] = [];
  failure: Error | undefined;
  /** Look-ups wait for this. */
  gate: Promise<unknown> = Promise.resolve();
  readonly servers = new ServerNames({
    clock: this.clock,
    lookUp: async (name, signal) => {
      this.asked.push(name);
      await this.gate;
      signal.throwIfAborted();
      return this.answers[name] ?? Promise.reject(new Error(`queryA ENOTFOUND ${name}`));
    },
    names: () => this.names,
    useAddresses: async (addressesOf) => this.#use(addressesOf),
    report: (note) => void this.reported.push(note),
  });

  #use(addressesOf: AddressesOf): void {
    if (this.failure !== undefined) throw this.failure;
    this.used.push(this.names.map((name) => addressesOf(name).map(formatIpv4).join(' ')).join('; '));
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  }
}

test('names are looked up at once, later again, and put in force only when their addresses changed', async () => {
  const bench = new Bench();
  await bench.servers.lookUpNew();
  await bench.servers.lookUpNew();
  assert.deepEqual([bench.asked, bench.used], [[A], ['192.0.2.1']]);
  await bench.pass(REFRESH_MS - 1);
  assert.equal(bench.asked.length, 1);
  await bench.pass(1);
  assert.deepEqual([bench.asked.length, bench.used.length], [2, 1]);
  bench.answers = { [A]: [ip('192.0.2.9'), ip('192.0.2.2'), ip('192.0.2.9')] };
  await bench.pass(REFRESH_MS);
  assert.deepEqual(bench.used.slice(1), ['192.0.2.2 192.0.2.9']);
  bench.answers = { [A]: Array.from({ length: 40 }, (_, index) => ipv4(0xc0000200 + index)) };
  await bench.pass(REFRESH_MS);
  assert.equal(bench.used.at(-1)?.split(' ').length, ADDRESSES_MAX);
});

test('a name that fails keeps its last addresses, is asked sooner, and is noted once until it is found again', async () => {
  const bench = new Bench();
  await bench.servers.lookUpNew();
  const { answers } = bench;
  bench.answers = {};
  await bench.pass(REFRESH_MS);
  const note = { note: 'ntp-name-unresolved', name: A, reason: `queryA ENOTFOUND ${A}`, kept: '192.0.2.1' };
  assert.deepEqual([bench.servers.notes, bench.reported, bench.used], [[note], [note], ['192.0.2.1']]);
  await bench.pass(RETRY_MS);
  assert.deepEqual([bench.asked.length, bench.reported.length, bench.used.length], [3, 1, 1]);
  bench.answers = answers;
  await bench.pass(RETRY_MS);
  assert.deepEqual([bench.servers.notes, bench.used.length], [[], 1]);
});

test('a name that was never found offers nothing, and a new name does not wait for the next round', async () => {
  const bench = new Bench();
  bench.names = [B];
  await bench.servers.lookUpNew();
  assert.deepEqual([bench.servers.notes, bench.used], [[{ ...UNKNOWN, name: B, reason: `queryA ENOTFOUND ${B}` }], []]);
  bench.names = [A, B];
  await bench.servers.lookUpNew();
  assert.deepEqual(bench.used, ['192.0.2.1; ']);
  bench.names = [A];
  await bench.servers.lookUpNew();
  assert.deepEqual(bench.servers.notes, []);
});

test('a change that comes during a round is looked up after it', async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.gate = promise;
  const first = bench.servers.lookUpNew();
  bench.names = [A, B];
  bench.answers = { [A]: [ip('192.0.2.1')], [B]: [ip('192.0.2.2')] };
  const second = bench.servers.lookUpNew();
  resolve();
  await Promise.all([first, second]);
  assert.equal(bench.used.at(-1), '192.0.2.1; 192.0.2.2');
});

test('addresses that cannot be put in force are reported and tried again', async () => {
  const bench = new Bench();
  bench.failure = new Error('a port is taken');
  await bench.servers.lookUpNew();
  assert.deepEqual(bench.reported, [{ note: 'ntp-addresses-unused', reason: 'a port is taken' }]);
  bench.failure = undefined;
  await bench.pass(REFRESH_MS);
  assert.deepEqual(bench.used, ['192.0.2.1']);
});

test('once closed, it asks nothing and reports nothing', async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.gate = promise;
  const look = bench.servers.lookUpNew();
  bench.servers.close();
  resolve();
  await look;
  await bench.pass(REFRESH_MS);
  await bench.servers.lookUpNew();
  assert.deepEqual([bench.asked, bench.used, bench.reported], [[A], [], []]);
});
