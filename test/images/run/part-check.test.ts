// The check of boot loaders and installers while others publish them, and its bounds.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { checkParts, listDamagedParts, listKnownParts, PARTS_MAX } from '../../../src/images/run/part-check.ts';
import { putPart } from '../../support/tree-part.ts';

const DIRECTORY = 'bootloader/uefi/amd64';
const GRUB = `${DIRECTORY}/grubx64.efi`;
const FACTS = { title: 'GRUB', fetched: ['ab'] };

describe('a check of boot loaders', () => {
  let tree = '';
  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'rackboot-part-check-'));
  });
  afterEach(() => rmSync(tree, { recursive: true, force: true }));
  const put = (grub: string): void => putPart(tree, DIRECTORY, { 'grubx64.efi': grub }, FACTS);

  test('spares one that is published during the check', async () => {
    put('grub');
    writeFileSync(join(tree, GRUB), 'GRUB');
    const checked = await checkParts({
      tree,
      repairs: true,
      onProgress: () => {
        // As `publishDirectory` does: the new files exist before the old ones are gone.
        putPart(tree, 'fresh', { 'grubx64.efi': 'grub' }, FACTS);
        renameSync(join(tree, DIRECTORY), join(tree, 'old'));
        renameSync(join(tree, 'fresh'), join(tree, DIRECTORY));
      },
    });
    assert.deepEqual(checked.parts, []);
    assert.equal(readFileSync(join(tree, GRUB), 'utf8'), 'grub');
  });

  test('leaves a file alone that is written while it is read', async () => {
    put('grub');
    writeFileSync(join(tree, GRUB), 'GRUB');
    const { parts } = await checkParts({
      tree,
      repairs: true,
      // In place, as cp(1) does.
      onProgress: () => writeFileSync(join(tree, GRUB), 'grub'),
    });
    assert.deepEqual(
      parts.flatMap(({ files }) => files.map(({ state }) => state)),
      [{ kind: 'unreadable', code: 'EBUSY' }],
    );
    assert.equal(readFileSync(join(tree, GRUB), 'utf8'), 'grub');
  });

  test('keeps the kernel of an installer with a lost disc, however often it runs', async () => {
    const directory = 'amd64/generic/noble/install';
    const facts = { os: 'ubuntu', title: 'Ubuntu', source: 'live.iso' };
    putPart(tree, directory, { linux: 'kernel', 'initrd.gz': 'initrd', 'installer.iso': 'disc' }, facts);
    rmSync(join(tree, directory, 'installer.iso'));
    for (let run = 0; run < 2; run += 1) {
      await checkParts({ tree, repairs: true, onProgress: () => undefined });
      assert.equal(existsSync(join(tree, directory, 'linux')), false);
      assert.equal(readFileSync(join(tree, directory, '.linux.damaged'), 'utf8'), 'kernel');
    }
  });

  test('leaves an installer alone whose disc is being written', async () => {
    const directory = 'amd64/generic/noble/install';
    const [kernel, disc] = ['linux', 'installer.iso'].map((name) => join(tree, directory, name));
    const facts = { os: 'ubuntu', title: 'Ubuntu', source: 'live.iso' };
    putPart(tree, directory, { linux: 'kernel', 'installer.iso': 'disc' }, facts);
    writeFileSync(disc ?? '', 'DISC');
    await checkParts({
      tree,
      repairs: true,
      // After the kernel, while the disc is read.
      onProgress: (done) => done > 'kernel'.length && writeFileSync(disc ?? '', 'disc'),
    });
    assert.deepEqual([existsSync(kernel ?? ''), existsSync(disc ?? '')], [true, true]);
  });

  test('reports its progress in bytes of all parts', async () => {
    put('grub');
    putPart(tree, 'amd64/generic/noble/install', { linux: 'kernel', 'initrd.gz': 'initrd' }, FACTS);
    const said: (readonly [number, number])[] = [];
    const { parts } = await checkParts({ tree, repairs: true, onProgress: (...now) => said.push(now) });
    assert.deepEqual(
      parts.flatMap(({ files }) => files.map(({ state }) => state.kind)),
      ['whole', 'whole', 'whole'],
    );
    assert.deepEqual(said, [
      [4, 16],
      [10, 16],
      [16, 16],
    ]);
  });

  test('finds those of another size without reading them, but not a person’s own in the top directory', () => {
    put('grub');
    assert.deepEqual(listDamagedParts(tree), []);
    writeFileSync(join(tree, GRUB), 'gru');
    const manifest = { schema: 1, packages: [], files: [{ name: 'ipxe.efi', bytes: 3, sha256: 'ab'.repeat(32) }] };
    writeFileSync(join(tree, '.loaders-amd64.json'), JSON.stringify(manifest));
    assert.deepEqual(
      listDamagedParts(tree).map(({ directory }) => directory),
      [DIRECTORY],
    );
  });

  test(`reads at most ${PARTS_MAX}, and says that there are more`, () => {
    for (let number = 0; number <= PARTS_MAX; number += 1) {
      mkdirSync(join(tree, 'bootloader/many', `a${number}`), { recursive: true });
      writeFileSync(join(tree, 'bootloader/many', `a${number}`, 'grub'), '');
    }
    const { others, problems } = listKnownParts(tree);
    assert.equal(others.length, PARTS_MAX);
    assert.match(
      problems.join(),
      new RegExp(`has ${PARTS_MAX + 1} boot loaders and installers, and only ${PARTS_MAX} `),
    );
  });
});
