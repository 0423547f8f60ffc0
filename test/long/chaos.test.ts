// Thousands of seeds of everything that may happen between a rack and its region, beyond those of every run.
// @host alone

import { test } from 'node:test';
import { liveThroughSeeds } from '../simulation/chaos.ts';

const FIRST = 6;
const LAST = 4000;

test(`rack and region agree whatever happens: seeds ${FIRST} to ${LAST}`, () => liveThroughSeeds(FIRST, LAST));
