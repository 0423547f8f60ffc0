// The doctor's note on boot loaders that are not as they were installed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { examineInstalled } from '../../src/doctor/loader-check.ts';

test('loaders that are missing or changed since their installation are noted, those of a person are not', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-doctor-loaders-'));
  const notes = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    await examineInstalled(tree, '', (_check, ok, text) => {
      if (ok === 'note') found.push(text);
    });
    return found;
  };
  const names = ['lpxelinux.0', 'chain.c32', 'memdisk'];
  for (const name of names) writeFileSync(join(tree, name), name);
  writeFileSync(join(tree, 'bootx64.efi'), 'my own');
  const files = names.map((name) => ({ name, sha256: createHash('sha256').update(name).digest('hex') }));
  const packages = ['pxelinux', 'syslinux-common'].map((name) => ({ name, version: '1' }));
  writeFileSync(join(tree, '.loaders-amd64.json'), JSON.stringify({ packages, files }));
  assert.deepEqual(await notes(), []);
  rmSync(join(tree, 'chain.c32'));
  writeFileSync(join(tree, 'memdisk'), 'damaged');
  const [note = '', ...more] = await notes();
  assert.match(note, /chain\.c32, memdisk;/);
  assert.doesNotMatch(note, /lpxelinux|bootx64/);
  assert.deepEqual(more, []);
  rmSync(tree, { recursive: true });
});
