// Which state directories show that a rack has lost its leases.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLostLeases } from '../../../src/store/leases/lease-mark.ts';

const rows: readonly (readonly [name: string, files: Readonly<Record<string, string>>, isLost: boolean])[] = [
  ['an empty directory', {}, false],
  [
    'a state that `init` and other commands wrote',
    { 'region.db': 'x', 'rack.json': '{}', 'desired-state.json': '{}' },
    false,
  ],
  ['a used state with leases', { 'lease-ends.json': '{}', 'leases.db': 'x' }, false],
  ['a used state without leases.db', { 'lease-ends.json': '{}' }, true],
  ['a used state with an empty leases.db', { 'lease-ends.json': '{}', 'leases.db': '' }, true],
];

for (const [name, files, isLost] of rows) {
  test(`${name} ${isLost ? 'has lost its leases' : 'has not lost its leases'}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-lost-'));
    try {
      for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
      const lost = { note: 'leases-lost', file: join(directory, 'leases.db') };
      assert.deepEqual(findLostLeases(directory), isLost ? lost : undefined);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
