// Options in the making behave like a map, step by step.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionList } from '../../../src/dhcp/wire/message-options.ts';
import { printedRandom } from '../../support/printed-random.ts';

test('an option that is set again keeps its place, and a removed one comes last again', () => {
  const options = new OptionList();
  for (const code of [53, 54, 51]) options.set(code, Uint8Array.of(code));
  options.set(54, Uint8Array.of(1, 2));
  assert.deepEqual([...options.keys()], [53, 54, 51]);
  assert.deepEqual(options.get(54), Uint8Array.of(1, 2));
  assert.equal(options.delete(53), true);
  assert.equal(options.delete(53), false);
  options.set(53, Uint8Array.of(5));
  assert.deepEqual(
    [...options],
    [
      [54, Uint8Array.of(1, 2)],
      [51, Uint8Array.of(51)],
      [53, Uint8Array.of(5)],
    ],
  );
  assert.equal(options.get(1), undefined);
});

test('two lists are equal if they hold the same in the same order', () => {
  const [one, other] = [new OptionList(), new OptionList()];
  one.set(1, Uint8Array.of(1));
  assert.notDeepEqual(one, other);
  other.set(1, Uint8Array.of(1));
  assert.deepEqual(one, other);
});

test('after any operations, the list agrees with a map, in its order', () => {
  const random = printedRandom('message-options');
  for (let round = 0; round < 50; round += 1) {
    const [list, map] = [new OptionList(), new Map<number, Uint8Array>()];
    for (let step = 0; step < 200; step += 1) {
      const code = random(255);
      if (random(10) < 3) assert.equal(list.delete(code), map.delete(code));
      else {
        const value = Uint8Array.of(step);
        list.set(code, value);
        map.set(code, value);
      }
      assert.equal(list.has(code), map.has(code));
    }
    assert.equal(list.size, map.size);
    assert.deepEqual([...list], [...map]);
    const visited: [number, Uint8Array][] = [];
    list.forEach((value, code) => void visited.push([code, value]));
    assert.deepEqual(visited, [...map]);
  }
});
