// A count agrees with its noun; a long list is cut, and the rest is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted, joinNames } from '../../src/ground/counted.ts';

test('a count and its noun agree', () => {
  assert.equal(counted(1, 'second'), '1 second');
  assert.equal(counted(2, 'second'), '2 seconds');
  assert.equal(counted(1, 'entry is', 'entries are'), '1 entry is');
});

test('a list names its first entries and counts the rest', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], ''],
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c'], 'a, b and 1 more'],
  ];
  for (const [names, expected] of cases) assert.equal(joinNames(names, 2), expected);
});
