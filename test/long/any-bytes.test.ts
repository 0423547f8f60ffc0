// Ten million datagrams of any bytes, as test/conformance/any-bytes.test.ts has them for seconds: nothing is thrown, memory does not
// grow, each reply is a good one, each datagram is accounted for. Prints how many a second that were.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/ground/clock.ts';
import { handAnyBytes } from '../conformance/any-bytes.ts';
import { seededRandom } from '../support/seeded-random.ts';

const DATAGRAMS = Number(process.env.DATAGRAMS ?? 10_000_000);
const ROUND = 250_000;
const WARM = 50_000;
const MIB = 1024 * 1024;
const GROWTH_MAX = 4 * MIB;
const EXTERNAL_MAX = 128 * MIB;
/** A thing that hangs is found; a slow host is not. */
const RUN_MS_MAX = 7_200_000;

/** Live bytes of the heap. Memory outside the heap is freed when it is needed again. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc();
  const { heapUsed, external } = process.memoryUsage();
  assert.ok(external < EXTERNAL_MAX, `${external} bytes outside the heap`);
  return heapUsed;
}

test(`${DATAGRAMS} datagrams of any bytes leave no exception and no memory behind`, {
  timeout: RUN_MS_MAX,
}, async () => {
  const first = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# any bytes: SEED=${first}, one more each round of ${ROUND}`);
  const begun = systemClock.now();
  /** The memory of a rack of the third round, with the rack and the process warm. */
  let warmBytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round * ROUND < DATAGRAMS; round += 1) {
    const seed = (first + round) >>> 0;
    const random = seededRandom(seed);
    let bytes = 0;
    const report = await handAnyBytes(
      seed,
      (below) => Math.floor(random() * below),
      (done) => {
        if (round === 2 && done === WARM) warmBytes = heldBytes();
        // The rack is still there.
        if (done === ROUND) bytes = heldBytes();
        return done < ROUND;
      },
    );
    if (round % 8 === 0)
      console.log(
        `# ${round * ROUND + report.datagrams}, ${Math.round(bytes / MIB)} MiB, ${JSON.stringify(report.replies)}`,
      );
    if (round >= 2) assert.ok(bytes < warmBytes + GROWTH_MAX, `${bytes} bytes held, ${warmBytes} before`);
  }
  console.log(`# ${Math.round((DATAGRAMS * 1000) / (systemClock.now() - begun))} datagrams a second`);
});
