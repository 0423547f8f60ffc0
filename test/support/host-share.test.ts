// Declarations of test files: their share of the host, and the place of their files.

import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { declaredShare, isOnDisk } from './host-share.ts';

const TESTS = dirname(import.meta.dirname);

test('a file declares in its head, and nowhere else, that its files are on a disk', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rb-'));
  const file = join(directory, 'a.test.ts');
  try {
    for (const [text, isSo, seconds] of [
      ['// A subject.\n// @disk\n\nimport a;\n', true, undefined],
      ['// A subject.\n// @host waits, 10 s\n// @disk\n\nimport a;\n', true, 10],
      ['// A subject.\n// @disk space is checked.\n\nimport a;\n', false, undefined],
      ['// A subject.\n\nimport a;\n// @disk\n', false, undefined],
    ] as const) {
      writeFileSync(file, text);
      assert.deepEqual([isOnDisk(file), declaredShare(file)?.seconds], [isSo, seconds], text);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('test/run.ts decides by no name of a folder where the files of a test are', () => {
  assert.doesNotMatch(readFileSync(join(TESTS, 'run.ts'), 'utf8'), /\^images|postgres/);
});

test('a file that starts PostgreSQL for the tests of its store keeps the files of the server on a disk', () => {
  const without = globSync('store/postgres/*.test.ts', { cwd: TESTS })
    .filter((file) => readFileSync(join(TESTS, file), 'utf8').includes('support/postgres-server.ts'))
    .filter((file) => !isOnDisk(join(TESTS, file)));
  assert.deepEqual(without, []);
});
