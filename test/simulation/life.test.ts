// Whole lives in virtual time; boot.test.ts runs many seeds.

import { test } from 'node:test';
import { printedRandom } from '../support/printed-random.ts';
import { simulateLife } from './life.ts';

test('a machine lives its whole life: enlisted, measured, deployed, seen at its address, released and erased', () =>
  simulateLife(1, 1, { loss: 0, duplication: 0, delayMsMax: 2, httpLoss: 0 }));

test('twelve concurrent machines live their whole lives on a wire that loses, duplicates and delays', () => {
  const random = printedRandom('simulated-life');
  return simulateLife(random(1_000_000), 12, { loss: 0.1, duplication: 0.1, delayMsMax: 100, httpLoss: 0.05 });
});
