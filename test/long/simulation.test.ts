// Thousands of seeds of loss, duplication and delay, beyond those of every run.
// @host alone

import { test } from 'node:test';
import { simulateLife } from '../simulation/life.ts';
import { simulateSeeds } from '../simulation/simulate.ts';

const FIRST = 11;
const LAST = 5000;

test(`machines are enlisted whatever the wire does to them: seeds ${FIRST} to ${LAST}`, () =>
  simulateSeeds(FIRST, LAST));

test('a thousand machines at once live the whole life, and end where they should', () =>
  simulateLife(1, 1000, { loss: 0.01, duplication: 0.01, delayMsMax: 20, httpLoss: 0.01 }));

test('whole lives on a hundred troubled wires', async () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const trouble = { loss: 0.02 * (seed % 9), duplication: 0.2, delayMsMax: 250, httpLoss: 0.01 * (seed % 11) };
    await simulateLife(seed, 5, trouble);
  }
});
