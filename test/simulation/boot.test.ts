// Ten seeds with loss, duplication and delay; `test/long/simulation.test.ts` has thousands.

import { test } from 'node:test';
import { simulateSeeds } from './simulate.ts';

const SEEDS = 10;

test(`a machine is enlisted whatever the wire does to it: ${SEEDS} seeds of loss, duplication and delay`, () =>
  simulateSeeds(1, SEEDS));
