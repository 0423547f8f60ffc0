// The memory of a thread after its start, and after `returnMemory`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { returnMemory } from '../src/spare-memory.ts';

const MIB = 1024 * 1024;

test('memory that only the start needed is returned, memory in use stays, and `gc` is not left exposed', () => {
  const kept = Array.from({ length: 1000 }, (_, index) => ({ index }));
  // Like a start: many objects that live for a while and are then released.
  for (let round = 0; round < 20; round += 1) Array.from({ length: 50_000 }, (_, index) => ({ round, index }));
  let needed: readonly object[] | undefined = Array.from({ length: 400_000 }, (_, index) => ({ index }));
  const before = getHeapStatistics().total_physical_size;
  assert.equal(needed.length, 400_000);
  needed = undefined;
  returnMemory();
  const after = getHeapStatistics().total_physical_size;
  assert.ok(before - after > 10 * MIB, `${before / MIB} MiB before, ${after / MIB} after`);
  assert.equal(kept.at(-1)?.index, 999);
  assert.equal(globalThis.gc, undefined);
});
