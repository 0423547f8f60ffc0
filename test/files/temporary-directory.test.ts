// Where no temporary directory can be made, the refusal names the place and the variable that changes it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeTemporaryDirectory } from '../../src/files/temporary-directory.ts';

const { TMPDIR } = process.env;
let place = '';
before(() => {
  place = mkdtempSync(join(tmpdir(), 'rb-'));
});
after(() => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  rmSync(place, { recursive: true });
});

test('a temporary directory is in TMPDIR; one that is missing is refused with the remedy', () => {
  process.env.TMPDIR = place;
  const made = makeTemporaryDirectory('rb-made-');
  assert.deepEqual([existsSync(made), dirname(made)], [true, place]);
  assert.match(basename(made), /^rb-made-\w{6}$/);
  process.env.TMPDIR = join(place, 'missing');
  assert.throws(() => makeTemporaryDirectory('rb-made-'), {
    code: 'store-unwritable',
    message: `no directory for temporary files can be made in ${place}/missing (ENOENT): set TMPDIR to a directory that this user may write and that has room`,
  });
});
