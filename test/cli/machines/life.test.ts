// The commands of the life cycle tell a person which work is left to do by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stillOnNote } from '../../../src/cli/machines/life.ts';

const CASES: readonly (readonly [before: string, after: string, power: string, said: RegExp])[] = [
  ['Deploying', 'Ready', 'manual', /may still be on: .*by hand\. .*half-written system\.$/],
  ['Deploying', 'Allocated', '', /half-written/],
  ['Commissioning', 'New', 'manual', /^It was Commissioning and may still be on.*by hand\.$/],
  ['Deployed', 'Ready', 'manual', /may still be on/],
  ['Deploying', 'Ready', 'ipmi', /^$/],
  ['Allocated', 'Ready', 'manual', /^$/],
  ['Deployed', 'Disk erasing', 'manual', /^$/],
];
for (const [before, after, power, said] of CASES) {
  test(`a machine with the power driver "${power}" that was ${before} and is ${after}`, () => {
    assert.match(stillOnNote({ status_name: before }, { status_name: after, power_type: power }), said);
  });
}
