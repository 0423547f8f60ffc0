import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openWorkDirectory } from '../../src/cli/images.ts';
import { missing } from '../support/needs.ts';

const NOBODY = 65_534;

function stateDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state');
}

test('without a state directory images are built in a new directory of this user alone, which goes afterwards', () => {
  const first = openWorkDirectory(undefined);
  const second = openWorkDirectory(undefined);
  assert.notEqual(first.path, second.path);
  assert.equal(statSync(first.path).mode & 0o777, 0o700);
  writeFileSync(join(first.path, 'package'), '');
  for (const { path, close } of [first, second]) {
    close();
    assert.ok(!existsSync(path));
    assert.ok(existsSync(dirname(path)));
  }
});

test('below a state directory the same directory is used again', (t) => {
  const stateDir = stateDirectory(t);
  const first = openWorkDirectory(stateDir);
  assert.equal(statSync(first.path).mode & 0o777, 0o700);
  writeFileSync(join(first.path, 'package'), '');
  first.close();
  const second = openWorkDirectory(stateDir);
  assert.equal(second.path, first.path);
  assert.ok(existsSync(join(second.path, 'package')));
});

const laid: readonly { name: string; needs?: 'root'; lay: (path: string) => void }[] = [
  { name: 'writable by others', lay: (path) => makeWithMode(path, 0o777) },
  { name: 'writable by its group', lay: (path) => makeWithMode(path, 0o770) },
  { name: 'a link', lay: (path) => symlinkSync(tmpdir(), path) },
  { name: 'a file', lay: (path) => writeFileSync(path, '') },
  {
    name: "another user's",
    needs: 'root',
    lay: (path) => {
      makeWithMode(path, 0o755);
      chownSync(path, NOBODY, NOBODY);
    },
  },
];
for (const { name, needs, lay } of laid) {
  test(`a work directory that is ${name} is refused with the remedy`, {
    skip: needs === undefined ? false : missing(needs),
  }, (t) => {
    const stateDir = stateDirectory(t);
    mkdirSync(stateDir);
    lay(join(stateDir, 'images-work'));
    assert.throws(() => openWorkDirectory(stateDir), {
      code: 'store-unwritable',
      message: /images-work: remove it \(rm -r /,
    });
  });
}

function makeWithMode(path: string, mode: number): void {
  mkdirSync(path);
  chmodSync(path, mode);
}
