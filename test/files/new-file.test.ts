// A file of the state is written as a new one.

import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { replaceFile, writeNewFile } from '../../src/files/new-file.ts';

const root = mkdtempSync(join(tmpdir(), 'rackboot-new-file-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

const NAMES = ['link to victim', 'victim by another name', 'link to nothing', 'former'];

for (const [how, write] of [
  ['at once', (path: string) => writeNewFile(path, 'secret')],
  [
    'in the background',
    async (path: string) => {
      await replaceFile(at('replaced'), path, () => 'secret');
      renameSync(at('replaced'), path);
    },
  ],
] as const) {
  test(`a written file is private, ${how}, and what a link or another name leads to keeps its content`, async () => {
    writeFileSync(at('victim'), 'precious', { mode: 0o644 });
    writeFileSync(at('former'), 'a longer text', { mode: 0o644 });
    symlinkSync(at('victim'), at('link to victim'));
    linkSync(at('victim'), at('victim by another name'));
    symlinkSync(at('nothing'), at('link to nothing'));
    for (const name of NAMES) {
      await write(at(name));
      assert.equal(readFileSync(at(name), 'utf8'), 'secret');
      const found = lstatSync(at(name));
      assert.deepEqual([found.isFile(), found.nlink, found.mode & 0o777], [true, 1, 0o600], name);
    }
    assert.equal(readFileSync(at('victim'), 'utf8'), 'precious');
    assert.equal(existsSync(at('nothing')), false);
    for (const name of ['victim', ...NAMES]) rmSync(at(name));
  });
}
