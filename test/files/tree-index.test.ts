// The index of a boot tree: its cost when links form loops, and the error for a tree that is too large.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { BootTree } from '../../src/files/file-tree.ts';
import { ALIKE_MAX, TREE_DEPTH_MAX, TREE_ENTRIES_MAX, walkTree } from '../../src/files/tree-index.ts';
import { makeManyFiles } from '../support/many-files.ts';
import { MEMORY_PLACE } from '../support/memory-place.ts';

function makeRoot(context: TestContext): string {
  const root = mkdtempSync(join(MEMORY_PLACE, 'rackboot-index-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** Directories with one file each, and `links` links in each that lead in turn to the others. */
function makeLoops(root: string, directories: readonly string[], links: number): void {
  for (const name of directories) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'kernel'), name);
  }
  for (const [at, name] of directories.entries()) {
    const others = [...directories.slice(at + 1), ...directories.slice(0, at)];
    for (let link = 0; link < links; link += 1)
      symlinkSync(`../${others[link % others.length]}`, join(root, name, `to${link}`));
  }
}

test('a path has the path of its file without links to directories', async (context) => {
  const root = makeRoot(context);
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  writeFileSync(join(root, 'a', 'b', 'kernel'), '');
  mkdirSync(join(root, 'c'));
  symlinkSync('../a/b', join(root, 'c', 'to'));
  symlinkSync('../a/b/kernel', join(root, 'c', 'file'));
  const index = await walkTree(root);
  for (const [path, real] of [
    ['c/to/kernel', 'a/b/kernel'],
    ['a/b/kernel', 'a/b/kernel'],
    ['c/file', 'c/file'],
    ['c/to', undefined],
    ['c/to/initrd', undefined],
  ] as const)
    assert.equal(index.findRealPath(path), real, path);
});

test('names that differ in upper and lower case only are alike, at every depth, and no link counts twice', async (context) => {
  const root = makeRoot(context);
  for (const path of ['Boot/BCD', 'boot/fonts/x', 'EFI/BOOT/BOOTX64.EFI', 'kernel', 'Kernel', 'images/.lock']) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  symlinkSync('EFI', join(root, 'efi'));
  for (let at = 0; at < 2 * ALIKE_MAX; at += 1) {
    const mixed = [...'abcdefgh'].map((letter, index) => (at & (1 << index) ? letter.toUpperCase() : letter));
    writeFileSync(join(root, mixed.join('')), '');
  }
  const index = await walkTree(root);
  for (const [path, expected] of [
    ['boot/bcd', ['Boot/BCD']],
    ['BOOT/FONTS/X', ['boot/fonts/x']],
    ['Efi/boot/bootx64.efi', ['EFI/BOOT/BOOTX64.EFI']],
    ['KERNEL', ['Kernel', 'kernel']],
    ['kernel', ['Kernel', 'kernel']],
    ['images/.LOCK', []],
    ['boot', []],
    ['boot/none', []],
  ] as const)
    assert.deepEqual(
      index
        .findIgnoringCase(path)
        .map((one) => one.replace('efi/', 'EFI/'))
        .toSorted(),
      expected,
      path,
    );
  assert.equal(index.findIgnoringCase('ABCDEFGH').length, ALIKE_MAX);
});

describe('links that form loops', () => {
  test('four directories with twelve links each to one another are a tree of 56 entries', async (context) => {
    const root = makeRoot(context);
    makeLoops(root, ['a', 'b', 'c', 'd'], 12);
    const tree = await BootTree.open(root);
    context.after(() => tree.close());
    for (const [path, held] of [
      ['a/kernel', true],
      ['a/to0/kernel', true],
      ['a/to0/to0/to0/kernel', true],
      ['a/to11/kernel', true],
      ['a/to0/to0/to0/to0/kernel', false],
      ['a/to0/to2/kernel', false],
      ['a/to0', false],
      ['a/to12/kernel', false],
    ] as const) {
      assert.equal(tree.hasFile(path), held, path);
    }
    assert.equal((await walkTree(root)).entries, 4 + 4 * 13);
  });

  test('twelve directories that all link to each other, with millions of chains, cost no more', async (context) => {
    const root = makeRoot(context);
    const names = Array.from({ length: 12 }, (_, index) => `d${index}`);
    makeLoops(root, names, 11);
    const index = await walkTree(root);
    assert.equal(index.entries, 12 + 12 * 12);
    // A path through all twelve directories, each once; no longer path exists.
    assert.equal(index.hasFile(`d0/${'to0/'.repeat(11)}kernel`), true);
    assert.equal(index.hasFile(`d0/${'to0/'.repeat(12)}kernel`), false);
  });

  test('a directory that several links lead to is found under each of their names', async (context) => {
    const root = makeRoot(context);
    mkdirSync(join(root, 'one/deep/er'), { recursive: true });
    writeFileSync(join(root, 'one/deep/er/kernel'), 'x');
    symlinkSync('one', join(root, 'two'));
    symlinkSync('two/deep', join(root, 'three'));
    symlinkSync('.', join(root, 'self'));
    symlinkSync('..', join(root, 'one/up'));
    const index = await walkTree(root);
    for (const path of ['one/deep/er/kernel', 'two/deep/er/kernel', 'three/er/kernel'])
      assert.equal(index.hasFile(path), true, path);
    for (const path of [
      'self/one/deep/er/kernel',
      'one/up/one/deep/er/kernel',
      'two/up/three/er/kernel',
      'one/deep/er',
    ])
      assert.equal(index.hasFile(path), false, path);
  });
});

test('a path has at most the bounded number of directories, even through links', async (context) => {
  const root = makeRoot(context);
  const path = 'd/'.repeat(TREE_DEPTH_MAX + 1);
  mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, path, 'kernel'), 'x');
  writeFileSync(join(root, path, '..', 'kernel'), 'x');
  symlinkSync('d/d', join(root, 'short'));
  const index = await walkTree(root);
  assert.equal(index.hasFile(`${'d/'.repeat(TREE_DEPTH_MAX)}kernel`), true);
  assert.equal(index.hasFile(`${path}kernel`), false);
  assert.equal(index.hasFile(`short/${'d/'.repeat(TREE_DEPTH_MAX - 1)}kernel`), true);
});

describe('a tree with more entries than the bound', () => {
  test('is refused by name, with the number and the remedy', async (context) => {
    const root = makeRoot(context);
    makeManyFiles(join(root, 'many'), TREE_ENTRIES_MAX);
    await assert.rejects(BootTree.open(root), {
      code: 'tree-unreadable',
      message: new RegExp(
        `boot\\.tree ${root} holds more than ${TREE_ENTRIES_MAX} .*\\(.*${join(root, 'many')}.*\\): move`,
      ),
    });
    rmSync(join(root, 'many/0'));
    const tree = await BootTree.open(root);
    context.after(() => tree.close());
    assert.equal(tree.hasFile(`many/${TREE_ENTRIES_MAX - 1}`), true);
  });
});
