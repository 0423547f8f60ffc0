// What `rackboot scripts results --follow` prints of an output that grows, and loses its beginning.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPart } from '../../../src/cli/machines/script-results.ts';

const CASES: readonly (readonly [string, string, string, string])[] = [
  ['all of what was not there', '', 'a\n', 'a\n'],
  ['what was added', 'a\n', 'a\nb\n', 'b\n'],
  ['nothing when nothing was', 'a\n', 'a\n', ''],
  [
    'what follows the last that was printed, when the beginning is gone',
    'one\ntwo\n',
    'two\nthree\n',
    '\n[…]\ntwo\nthree\n',
  ],
  ['the same of long outputs', `${'x'.repeat(300)}end`, `${'x'.repeat(260)}end more`, ' more'],
];
for (const [name, before, now, expected] of CASES) {
  test(`it prints ${name}`, () => assert.equal(newPart(before, now), expected));
}
