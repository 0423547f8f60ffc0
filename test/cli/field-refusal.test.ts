// What the region refuses, in lines for a person.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalLines } from '../../src/cli/field-refusal.ts';

const CASES: readonly (readonly [string, string, string])[] = [
  ['a sentence stays', 'There is no such key.', 'There is no such key.'],
  ['problems by field have a line each', '{"hostname":["No."],"pool":["None.","Nor this."]}', 'No.\nNone.\nNor this.'],
  ['JSON of another form stays', '{"a":1}', '{"a":1}'],
  ['what only begins like JSON stays', '{of no use', '{of no use'],
];

for (const [name, text, expected] of CASES) test(name, () => assert.equal(refusalLines(text), expected));
