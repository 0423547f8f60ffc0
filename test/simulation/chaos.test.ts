// Everything that can happen between a rack and its region: five seeds, and thousands with many rounds.
// @long more

import { test } from 'node:test';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { liveThroughSeeds } from './chaos.ts';

const SEEDS = HAS_MANY_ROUNDS ? 4000 : 5;

test(`rack and region agree whatever happens between them, and every event arrives once in its order: ${SEEDS} seeds`, () =>
  liveThroughSeeds(1, SEEDS));
