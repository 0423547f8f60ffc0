// Five seeds of everything that can happen between a rack and its region; `test/long/chaos.test.ts` has thousands.

import { test } from 'node:test';
import { liveThroughSeeds } from './chaos.ts';

const SEEDS = 5;

test(`rack and region agree whatever happens between them, and every event arrives once in its order: ${SEEDS} seeds`, () =>
  liveThroughSeeds(1, SEEDS));
