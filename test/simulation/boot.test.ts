// A machine boots on a wire that loses, repeats and delays: ten seeds, and thousands with many rounds, and crowds of machines.
// @long more

import { test } from 'node:test';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { simulateLife } from './life.ts';
import { simulateSeeds } from './simulate.ts';

const SEEDS = HAS_MANY_ROUNDS ? 5000 : 10;

test(`a machine is enlisted whatever the wire does to it: ${SEEDS} seeds of loss, duplication and delay`, () =>
  simulateSeeds(1, SEEDS));

if (HAS_MANY_ROUNDS) {
  test('a thousand machines at once live the whole life, and end where they should', () =>
    simulateLife(1, 1000, { loss: 0.01, duplication: 0.01, delayMsMax: 20, httpLoss: 0.01 }));

  test('whole lives on a hundred troubled wires', async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const trouble = { loss: 0.02 * (seed % 9), duplication: 0.2, delayMsMax: 250, httpLoss: 0.01 * (seed % 11) };
      await simulateLife(seed, 5, trouble);
    }
  });
}
