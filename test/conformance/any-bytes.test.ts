// Seeded property test of the whole way of a datagram: whatever bytes come, nothing is thrown, nothing hangs, memory is bounded, and
// each reply is a good one. test/long/any-bytes.test.ts goes on for ten million.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { handAnyBytes } from './any-bytes.ts';

/** So long where it counts, and for seconds where somebody waits. */
const RUN_MS = process.env.CI === 'true' ? 20_000 : 6000;
/** Seeds that once failed, with how many datagrams it took. */
const CASES: readonly (readonly [seed: number, datagrams: number])[] = [];

test('whatever bytes come, nothing is thrown, and each reply is whole and gives only what may be given', async () => {
  const seed = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# any bytes: SEED=${seed}`);
  const random = seededRandom(seed);
  const end = systemClock.now() + RUN_MS;
  const report = await handAnyBytes(
    seed,
    (below) => Math.floor(random() * below),
    () => systemClock.now() < end,
  );
  console.log(`# ${JSON.stringify(report)}`);
  assert.ok(report.datagrams >= 5000, `only ${report.datagrams} datagrams`);
  for (const type of ['OFFER', 'ACK', 'NAK'])
    assert.ok((report.replies[type] ?? 0) > 0, `no ${type}: ${JSON.stringify(report)}`);
  assert.ok(report.malformed > 0);
  // Each part of the rack takes part: the disk, the wire, the network in proxy mode, the bounds.
  for (const reason of ['store-unavailable', 'reply-late', 'address-declined', 'range-exhausted', 'proxy-silent'])
    assert.ok((report.refusals[reason] ?? 0) > 0, `nothing was refused for ${reason}: ${JSON.stringify(report)}`);
  for (const kind of ['dhcp.conflict', 'dhcp.expired', 'dhcp.decline', 'dhcp.release', 'dhcp.boot-server'])
    assert.ok((report.events[kind] ?? 0) > 0, `no ${kind}: ${JSON.stringify(report)}`);
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
