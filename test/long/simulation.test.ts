// Thousands of seeds of loss, duplication and delay, beyond those of every run.

import { test } from 'node:test';
import { simulateSeeds } from '../simulation/simulate.ts';

const FIRST = 1001;
const LAST = 5000;

test(`machines are enlisted whatever the wire does to them: seeds ${FIRST} to ${LAST}`, { timeout: 1_800_000 }, () =>
  simulateSeeds(FIRST, LAST),
);
