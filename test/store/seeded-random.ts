// Numbers that look random and are the same for the same seed. SEED in the environment chooses it; a failing run prints it.

import { systemClock } from '../../src/clock.ts';

/** @returns a function of `n` that gives whole numbers from 0 to n - 1 (mulberry32). */
export function seededRandom(name: string): (n: number) => number {
  const seed = Number(process.env.SEED ?? Buffer.from(systemClock.randomBytes(4)).readUInt32LE());
  console.log(`# ${name}: SEED=${seed}`);
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}
