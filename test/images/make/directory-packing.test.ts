// A directory is packed as it was when it was opened, whatever is put in its place meanwhile.

import assert from 'node:assert/strict';
import {
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  DirectoryPacking,
  type OpenDirectory,
  openDirectory,
  readRealPath,
  recogniseDirectory,
} from '../../../src/images/make/directory-packing.ts';
import { missing } from '../../support/needs.ts';

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rackboot-packing-test-'));
  for (const name of ['system', 'secret']) {
    for (const directory of ['etc', 'usr']) mkdirSync(join(scratch, name, directory), { recursive: true });
    writeFileSync(join(scratch, name, 'etc/os-release'), `ID=${name}`);
  }
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const at = (name: string): string => join(scratch, name);

async function packed(directory: OpenDirectory): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of new DirectoryPacking(directory).pieces()) pieces.push(Uint8Array.from(piece));
  return gunzipSync(Buffer.concat(pieces)).toString('latin1');
}

describe('a directory', { skip: missing('tar') }, () => {
  test('is the one that was opened, even if a link has its place now', async () => {
    const opened = await openDirectory(at('system'));
    renameSync(at('system'), at('moved'));
    symlinkSync('secret', at('system'));
    try {
      assert.equal(recogniseDirectory(opened), 'system');
      assert.equal(readRealPath(opened), at('moved'));
      const archive = await packed(opened);
      assert.deepEqual([archive.includes('ID=system'), archive.includes('ID=secret')], [true, false]);
    } finally {
      await opened.handle.close();
    }
  });

  test('is opened through a link of this user, with the name of the link', async () => {
    symlinkSync('system', at('link'));
    const opened = await openDirectory(at('link'));
    try {
      assert.deepEqual([opened.name, readRealPath(opened)], [at('link'), at('system')]);
      assert.ok((await packed(opened)).includes('ID=system'));
    } finally {
      await opened.handle.close();
    }
  });

  test('is not opened through a link of another user', { skip: process.geteuid?.() !== 0 }, async () => {
    symlinkSync('secret', at('link'));
    lchownSync(at('link'), 65_534, 65_534);
    const before = readdirSync('/proc/self/fd').length;
    await assert.rejects(openDirectory(at('link')), {
      code: 'bad-argument',
      message: /link is a link of another user: .*: secret$/,
    });
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
});
