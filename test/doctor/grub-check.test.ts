// The doctor's judgement on the GRUB in the tree.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { examineGrub } from '../../src/doctor/grub-check.ts';
import { bootConfig } from '../boot/rack.ts';

const tree = mkdtempSync(join(tmpdir(), 'rackboot-doctor-grub-'));
after(() => rmSync(tree, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

for (const file of ['linux', 'initrd.gz']) {
  for (const cpu of ['amd64', 'arm64']) put(`${cpu}/generic/bookworm/commissioning/${file}`, file);
}

const sbat = (version: string): string =>
  `MZ\0sbat,1,SBAT Version,sbat,1,https://example/SBAT.md\ngrub,5,Free Software Foundation,grub,${version},https://example/\n`;

function notes(): readonly (readonly [check: string, ok: boolean | 'note', fix: string | undefined])[] {
  const found: (readonly [string, boolean | 'note', string | undefined])[] = [];
  examineGrub({ boot: bootConfig({ tree }) }, '', (check, ok, _text, fix) => found.push([check, ok, fix]));
  return found;
}

test('a GRUB before 2.12 is noted, with the command that installs another', () => {
  assert.deepEqual(notes(), [], 'no GRUB is no finding here');
  put('grubx64.efi', sbat('2.06'));
  put('grubaa64.efi', sbat('2.06'));
  assert.deepEqual(notes(), [
    ['loaders amd64', 'note', 'sudo rackboot loaders install'],
    ['loaders arm64', 'note', 'sudo rackboot loaders install --arch arm64'],
  ]);
});

for (const version of ['2.12', '2.13', '2.14~rc1', '3.0']) {
  test(`GRUB ${version} is not noted`, () => {
    for (const name of ['grubx64.efi', 'grubaa64.efi']) put(name, sbat(version));
    assert.deepEqual(notes(), []);
  });
}

test('a GRUB that names no version is not judged', () => {
  for (const name of ['grubx64.efi', 'grubaa64.efi']) put(name, 'a GRUB of somebody else');
  assert.deepEqual(notes(), []);
});
