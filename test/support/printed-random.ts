// Chance for tests that want another run each time: prints its seed, and takes that of SEED to repeat a run.

import { systemClock } from '../../src/ground/clock.ts';
import { seededRandom } from './seeded-random.ts';

/** @returns a function of `n` that gives whole numbers from 0 to n - 1 */
export function printedRandom(name: string): (n: number) => number {
  const seed = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# ${name}: SEED=${seed}`);
  const random = seededRandom(seed);
  return (n) => Math.floor(random() * n);
}
