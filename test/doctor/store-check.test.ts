// The doctor's judgement on the store of images.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { examineStore } from '../../src/doctor/tree-check.ts';
import {
  blobPath,
  encodeImage,
  manifestDirectory,
  manifestPath,
  type StoredImage,
} from '../../src/images/store/image-store.ts';
import { putPart } from '../support/tree-part.ts';

const tree = mkdtempSync(join(tmpdir(), 'rackboot-doctor-store-'));
after(() => rmSync(tree, { recursive: true }));

const IMAGE: StoredImage = {
  os: 'debian',
  release: 'mine',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260101',
  title: 'Mine',
  sha256: 'a'.repeat(64),
  bytes: 1,
  format: 'raw',
  diskBytes: 512,
  partitionTable: 'mbr',
};

function findings(): readonly (readonly [ok: boolean | 'note', text: string, fix: string | undefined])[] {
  const found: (readonly [boolean | 'note', string, string | undefined])[] = [];
  examineStore(tree, ' --config F', (_check, ok, text, fix) => found.push([ok, text, fix]));
  return found;
}

test('an image without its bytes is a fault, with the command that brings them back', () => {
  assert.deepEqual(findings(), []);
  mkdirSync(manifestDirectory(tree), { recursive: true });
  writeFileSync(manifestPath(tree, IMAGE), encodeImage(IMAGE));
  const command = 'sudo rackboot images fsck --config F';
  const name = 'debian/mine/amd64/generic/release/20260101';
  const why = `no machine gets ${name}, whose bytes are damaged or missing`;
  const remedy = `\`${command}\` fetches imported images again, and says how to get back others`;
  assert.deepEqual(findings(), [[false, `${why}: ${remedy}`, command]]);
  const blob = join(tree, blobPath(IMAGE.sha256, IMAGE.format));
  mkdirSync(dirname(blob));
  writeFileSync(blob, 'x');
  assert.deepEqual(findings(), []);
  putPart(tree, 'bootloader/uefi/amd64', { 'grubx64.efi': 'GRUB' }, { title: 'GRUB' });
  assert.deepEqual(findings(), []);
  rmSync(join(tree, 'bootloader/uefi/amd64/grubx64.efi'));
  assert.match(
    findings()[0]?.[1] ?? '',
    /^no machine gets bootloader\/uefi\/amd64, whose bytes are damaged or missing: /,
  );
  writeFileSync(join(manifestDirectory(tree), 'other.json'), '{');
  assert.match(findings()[0]?.[1] ?? '', /other\.json is not used: it is not JSON of an image\.$/);
});
