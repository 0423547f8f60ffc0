// `check` warns of a loader that `boot.loaders` names and the boot tree lacks.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findAbsentLoaders } from '../../src/config/absent-loaders.ts';

test('an absent loader is named with its machines and the remedy; URLs, scripts and beginnings of names are not judged', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-loaders-'));
  const warned = (loaders: Readonly<Record<string, string>>): readonly string[] =>
    findAbsentLoaders({ tree, loaders: new Map(Object.entries(loaders)) });
  try {
    mkdirSync(join(tree, 'ppc64el'));
    for (const name of ['lpxelinux.0', 'own.efi', 'ppc64el/pxelinux.0']) writeFileSync(join(tree, name), '');
    assert.deepEqual(warned({ 0: 'lpxelinux.0', 7: 'own.efi', 14: 'ppc64el/pxelinux.0', 11: '/own.efi' }), []);
    assert.deepEqual(warned({ 16: 'http://192.0.2.1/x.efi', ipxe: 'menu.ipxe', 15: 'own' }), []);
    const [bios, other, ...more] = warned({ 0: 'nothere.0', 25: 'riscv/x.efi' });
    assert.deepEqual(more, []);
    assert.equal(
      bios,
      `boot.loaders gives nothere.0 to architecture 0 (BIOS), but ${tree} has no such file: these machines cannot boot; put it there, or name another.`,
    );
    assert.match(other ?? '', /^boot\.loaders gives riscv\/x\.efi to architecture 25, /);
    assert.match(
      warned({ 7: 'bootx64.efi' })[0] ?? '',
      /7 \(UEFI amd64\).*`sudo rackboot images build` puts it there\.$/,
    );
  } finally {
    rmSync(tree, { recursive: true });
  }
});
