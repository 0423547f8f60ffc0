// A directory of texts: files are read again after a change, and nothing but regular files inside it is read.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FILES_MAX, TEXT_FILE_BYTES_MAX, TextDirectory } from '../../src/files/text-directory.ts';
import { missing } from '../support/needs.ts';

const root = mkdtempSync(join(tmpdir(), 'rackboot-texts-'));
after(() => rmSync(root, { recursive: true, force: true }));
const path = join(root, 'preseeds');
mkdirSync(path);
writeFileSync(join(root, 'outside'), 'secret');
const directory = new TextDirectory(path);
const textOf = (name: string): string | undefined => {
  const found = directory.find(name);
  return found?.ok === true ? found.text : undefined;
};

test('a file is read, and read again when it was changed, replaced or removed', () => {
  assert.equal(directory.find('generic'), undefined);
  writeFileSync(join(path, 'generic'), 'one');
  assert.equal(textOf('generic'), 'one');
  assert.equal(textOf('generic'), 'one');
  writeFileSync(join(path, 'generic'), 'two');
  assert.equal(textOf('generic'), 'two');
  writeFileSync(join(path, 'fresh'), 'six');
  renameSync(join(path, 'fresh'), join(path, 'generic'));
  assert.equal(textOf('generic'), 'six');
  assert.deepEqual(directory.list(), ['generic']);
  rmSync(join(path, 'generic'));
  assert.equal(directory.find('generic'), undefined);
});

test('no name leads out of the directory', () => {
  for (const name of [
    '../outside',
    '..',
    '.',
    '',
    '.hidden',
    '/etc/passwd',
    'a/../../outside',
    'a\0b',
    'x'.repeat(300),
  ])
    assert.equal(directory.find(name), undefined, name);
});

test('anything but a regular text file is refused with its path and reason', { skip: missing('linux') }, () => {
  mkdirSync(join(path, 'folder'));
  execFileSync('mkfifo', [join(path, 'pipe')]);
  writeFileSync(join(path, 'latin'), Buffer.from([0x61, 0xe9, 0x62]));
  writeFileSync(join(path, 'long'), 'x'.repeat(TEXT_FILE_BYTES_MAX + 1));
  const table = {
    folder: 'file-irregular',
    pipe: 'file-irregular',
    latin: 'file-not-utf8',
    long: 'file-long',
  };
  for (const [name, code] of Object.entries(table)) {
    const found = directory.find(name);
    assert.ok(found?.ok === false, name);
    assert.equal(found.path, join(path, name));
    assert.equal(found.fault.code, code);
  }
  assert.deepEqual(directory.list(), ['latin', 'long']);
});

test('a directory that does not exist has no files', () => {
  const none = new TextDirectory(join(root, 'nowhere'));
  assert.equal(none.find('generic'), undefined);
  assert.deepEqual(none.list(), []);
});

test('FILES_MAX names are listed', () => {
  const many = join(root, 'many');
  mkdirSync(many);
  for (let index = 0; index <= FILES_MAX; index += 1) writeFileSync(join(many, `f${index}`), '');
  assert.equal(new TextDirectory(many).list().length, FILES_MAX);
});
