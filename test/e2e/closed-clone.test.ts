// Root's tests pass in a clone that no other user can enter (`support/closed-clone.ts`); the long suite has more of them.
// @host waits

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FIRST, FURTHER, passesInClosedClone, ROOT, SKIP } from '../support/closed-clone.ts';

test('every file whose tests become another user runs there, in this suite or the long one', () => {
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).filter((file) =>
    /\bAS_NOBODY|\bseteuid\b|from '..\/support\/guided-lab\.ts'/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  assert.deepEqual(files.sort(), [...FIRST, ...FURTHER].map(([file]) => file).toSorted());
});

describe('root in a clone that others cannot enter', { skip: SKIP }, () => {
  for (const one of FIRST) test(`${one[0]} passes`, () => passesInClosedClone(one));
});
