// The lines of `rackboot scripts results --follow` for output that grows and loses its beginning.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPart } from '../../../src/cli/machines/script-results.ts';

const CASES: readonly (readonly [string, string, string, string])[] = [
  ['all of a new output', '', 'a\n', 'a\n'],
  ['the added part', 'a\n', 'a\nb\n', 'b\n'],
  ['nothing if nothing was added', 'a\n', 'a\n', ''],
  [
    'a mark and the whole output if the end of the printed part cannot be found',
    'one\ntwo\n',
    'two\nthree\n',
    '\n[…]\ntwo\nthree\n',
  ],
  [
    'the output after the last printed characters, if the beginning is gone',
    `${'x'.repeat(300)}end`,
    `${'x'.repeat(260)}end more`,
    ' more',
  ],
];
for (const [name, before, now, expected] of CASES) {
  test(`it prints ${name}`, () => assert.equal(newPart(before, now), expected));
}
