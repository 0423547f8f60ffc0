// Opening regular files only: any other type is refused at once by its name.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  checkRegularFile,
  openRegularFile,
  readRegularFile,
  replaceFile,
  UnfitFile,
  writeRegularFile,
} from '../../src/files/regular-file.ts';
import { missing } from '../support/needs.ts';

const root = mkdtempSync(join(tmpdir(), 'rackboot-regular-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

test('a regular file is read whole, even through a symbolic link, and up to its bound', () => {
  writeFileSync(at('file'), 'né');
  symlinkSync(at('file'), at('link'));
  assert.equal(readRegularFile(at('file'), 3), 'né');
  assert.equal(readRegularFile(at('link'), 3), 'né');
  assert.throws(() => readRegularFile(at('file'), 2), { name: 'UnfitFile', message: 'it is longer than 2 bytes' });
});

test("a missing file throws the system's error", () => {
  assert.throws(() => readRegularFile(at('absent'), 10), { code: 'ENOENT' });
  assert.doesNotThrow(() => checkRegularFile(at('absent')));
});

test('a written file is readable by its owner only, and replaces an existing one', () => {
  writeRegularFile(at('written'), 'a longer text');
  writeRegularFile(at('written'), 'short');
  assert.equal(readFileSync(at('written'), 'utf8'), 'short');
  assert.equal(statSync(at('written')).mode & 0o777, 0o600);
});

const NAMES = ['link to victim', 'victim by another name', 'link to nothing'];

for (const [how, write] of [
  ['at once', (path: string) => writeRegularFile(path, 'secret')],
  [
    'in the background',
    async (path: string) => {
      await replaceFile(at('replaced'), path, () => 'secret');
      renameSync(at('replaced'), path);
    },
  ],
] as const) {
  test(`a written file is a new one, ${how}: what a link or another name leads to keeps its content`, async () => {
    await writesNewFile(write);
  });
}

async function writesNewFile(write: (path: string) => Promise<void> | void): Promise<void> {
  writeFileSync(at('victim'), 'precious', { mode: 0o644 });
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
}

test('a file that is opened to append keeps its content', () => {
  closeSync(openRegularFile(at('file'), 'append'));
  assert.equal(readFileSync(at('file'), 'utf8'), 'né');
});

test('any other file type is refused at once, however it is opened', { skip: missing('linux') }, async () => {
  execFileSync('mkfifo', [at('fifo')]);
  mkdirSync(at('directory'));
  symlinkSync('/dev/zero', at('device'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
  after(() => server.close());
  for (const [name, what] of [
    ['fifo', 'a FIFO'],
    ['directory', 'a directory'],
    ['device', 'a device'],
    ['socket', 'a socket'],
  ] as const) {
    const refusal = new UnfitFile(`it is ${what}, not a file`);
    assert.throws(() => readRegularFile(at(name), 10), refusal, `${name} is read`);
    assert.throws(() => writeRegularFile(at(name), 'text'), refusal, `${name} is written`);
    for (const access of ['append', 'change'] as const)
      assert.throws(() => openRegularFile(at(name), access), refusal, `${name} to ${access}`);
    assert.throws(() => checkRegularFile(at(name)), refusal, `${name} is looked at`);
  }
});
