// The bounds of a JSON text: exact for its depth, its values, and the members of one list or object; text within strings does not count.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findJsonExcess, type JsonBounds } from '../../src/ground/json-excess.ts';

const CASES: readonly (readonly [text: string, bounds: JsonBounds, found: string | undefined])[] = [
  ['[[1]]', { depthMax: 2, valuesMax: 9 }, undefined],
  ['[[1]]', { depthMax: 1, valuesMax: 9 }, 'deep 1'],
  ['[],[],[],', { depthMax: 1, valuesMax: 9 }, undefined],
  [']]]][[', { depthMax: 2, valuesMax: 9 }, undefined],
  [']]]][[[', { depthMax: 2, valuesMax: 9 }, 'deep 2'],
  ['{"a":1,"b":[2,3]}', { depthMax: 9, valuesMax: 4 }, undefined],
  ['{"a":1,"b":[2,3]}', { depthMax: 9, valuesMax: 3 }, 'long 3'],
  ['[[1,2],[3,4]]', { depthMax: 9, valuesMax: 9, membersMax: 2 }, undefined],
  ['[[1,2],[3,4,5]]', { depthMax: 9, valuesMax: 9, membersMax: 2 }, 'long 2'],
  ['[[1,2],3,4]', { depthMax: 9, valuesMax: 9, membersMax: 2 }, 'long 2'],
  ['["[[[[,,,\\"[{,",2]', { depthMax: 1, valuesMax: 2 }, undefined],
  ['"never ends [[[[', { depthMax: 1, valuesMax: 1 }, undefined],
  ['["ends within \\', { depthMax: 1, valuesMax: 1 }, undefined],
];

for (const [text, bounds, found] of CASES) {
  test(`${text} ${found === undefined ? 'is within' : 'exceeds'} ${JSON.stringify(bounds)}`, () => {
    const excess = findJsonExcess(text, bounds);
    assert.equal(excess && `${excess.kind} ${excess.max}`, found);
  });
}
