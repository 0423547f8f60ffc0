// Ten million datagrams of any bytes, as test/conformance/any-bytes.test.ts has them for a minute: nothing is thrown, memory does not
// grow, each reply is a good one, each datagram is accounted for. Prints how many a second that were.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/clock.ts';
import { handAnyBytes } from '../conformance/any-bytes.ts';
import { seededRandom } from '../support/seeded-random.ts';

const DATAGRAMS = Number(process.env.DATAGRAMS ?? 10_000_000);
const ROUND = 250_000;
const MIB = 1024 * 1024;
const GROWTH_MAX = 8 * MIB;
/** A thing that hangs is found; a slow host is not. */
const RUN_MS_MAX = 7_200_000;

/** What is held and not what lies about. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc();
}

test(`${DATAGRAMS} datagrams of any bytes leave no exception and no memory behind`, {
  timeout: RUN_MS_MAX,
}, async () => {
  const first = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# any bytes: SEED=${first}, one more each round of ${ROUND}`);
  const begun = systemClock.now();
  let settledBytes: number | undefined;
  for (let round = 0; round * ROUND < DATAGRAMS; round += 1) {
    const seed = (first + round) >>> 0;
    const random = seededRandom(seed);
    const report = await handAnyBytes(
      seed,
      (below) => Math.floor(random() * below),
      (done) => done < ROUND,
    );
    collect();
    const { heapUsed, external } = process.memoryUsage();
    // What is kept for good (compiled code, caches) is there after the first rounds.
    if (round === 2) settledBytes = heapUsed + external;
    if (round % 8 === 0)
      console.log(
        `# ${round * ROUND + report.datagrams}, ${Math.round((heapUsed + external) / MIB)} MiB, ${JSON.stringify(report.replies)}`,
      );
    if (settledBytes !== undefined)
      assert.ok(heapUsed + external < settledBytes + GROWTH_MAX, `${heapUsed + external} bytes held`);
  }
  console.log(`# ${Math.round((DATAGRAMS * 1000) / (systemClock.now() - begun))} datagrams a second`);
});
