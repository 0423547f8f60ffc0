// The rest of root's tests in a clone that no other user can enter; `e2e/closed-clone.test.ts` has the first ones.
// @host waits

import { describe, test } from 'node:test';
import { FURTHER, passesInClosedClone, SKIP } from '../support/closed-clone.ts';

describe('root in a clone that others cannot enter', { skip: SKIP }, () => {
  for (const one of FURTHER) test(`${one[0]} passes`, () => passesInClosedClone(one));
});
