// Seeded property test of the whole path of a datagram: for any bytes, nothing is thrown, nothing hangs, memory is bounded, and
// each reply is correct. test/long/any-bytes.test.ts continues for ten million.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type AnyBytesReport, handAnyBytes } from './any-bytes.ts';

/** How long datagrams are sent at least. */
const RUN_MS = 2000;
/** How long a slow host continues until there were enough, and everything was seen: a range is used up once in some 25 000 datagrams. */
const RUN_MS_MAX = 100_000;
const DATAGRAMS_MIN = 5000;
/** Each part of the rack takes part: the disk, the wire, the network in proxy mode, the bounds. */
const REASONS = ['store-unavailable', 'reply-late', 'address-declined', 'range-exhausted', 'proxy-silent'];
const KINDS = ['dhcp.conflict', 'dhcp.expired', 'dhcp.decline', 'dhcp.release', 'dhcp.boot-server'];
/** Seeds that once failed, with how many datagrams it took. */
const CASES: readonly (readonly [seed: number, datagrams: number])[] = [];

/** The refusals and events that have not happened yet. */
const unseen = ({ refusals, events }: AnyBytesReport): readonly string[] => [
  ...REASONS.filter((reason) => !((refusals[reason] ?? 0) > 0)),
  ...KINDS.filter((kind) => !((events[kind] ?? 0) > 0)),
];

test('for any bytes, nothing is thrown, and each reply is whole and gives only permitted addresses and options', async () => {
  const seed = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# any bytes: SEED=${seed}`);
  const random = seededRandom(seed);
  const begun = systemClock.now();
  const report = await handAnyBytes(
    seed,
    (below) => Math.floor(random() * below),
    (done, sofar) => {
      const ranMs = systemClock.now() - begun;
      return ranMs < RUN_MS || (ranMs < RUN_MS_MAX && (done < DATAGRAMS_MIN || unseen(sofar()).length > 0));
    },
  );
  console.log(`# ${JSON.stringify(report)}`);
  assert.ok(report.datagrams >= DATAGRAMS_MIN, `only ${report.datagrams} datagrams`);
  for (const type of ['OFFER', 'ACK', 'NAK'])
    assert.ok((report.replies[type] ?? 0) > 0, `no ${type}: ${JSON.stringify(report)}`);
  assert.ok(report.malformed > 0);
  assert.deepEqual(unseen(report), [], JSON.stringify(report));
});

for (const [seed, datagrams] of CASES) {
  test(`seed ${seed}, which once failed, holds`, async () => {
    const random = seededRandom(seed);
    await handAnyBytes(
      seed,
      (below) => Math.floor(random() * below),
      (done) => done < datagrams,
    );
  });
}
