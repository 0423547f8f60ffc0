// Which file of the tree answers for an asset, and why none does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootAsset } from '../../src/boot/asset.ts';
import { openAssetFile } from '../../src/boot/asset-file.ts';
import type { OpenedFile } from '../../src/files/opened-file.ts';

/** Files that can be read, and one that cannot. */
const READABLE = ['Boot/BCD', '.treeinfo', 'kernel', 'Kernel', 'grub/GRUB.CFG'];
const DENIED = 'Secret';

const files = {
  findAlike: (path: string) => [...READABLE, DENIED].filter((one) => one.toLowerCase() === path.toLowerCase()),
  async open(path: string): Promise<OpenedFile | undefined> {
    const bytes = Buffer.from(path);
    return READABLE.includes(path)
      ? { source: bytes, sizeBytes: bytes.length, modifiedMs: 0, etag: '', read: () => bytes, close: () => undefined }
      : undefined;
  },
};

const opened = async (asset: Exclude<BootAsset, { readonly kind: 'refused' }>) => {
  const found = await openAssetFile(asset, files);
  return found.kind === 'file' ? found.path : [found.reason, found.found];
};

test('a file answers by its name, else the only one whose name differs in upper and lower case', async () => {
  for (const [path, expected] of [
    ['.treeinfo', '.treeinfo'],
    ['boot/bcd', 'Boot/BCD'],
    ['kernel', 'kernel'],
    ['KERNEL', ['several-spellings', 'kernel, Kernel']],
    ['none', ['not-in-tree', undefined]],
    ['Secret', ['not-readable', undefined]],
    ['SECRET', ['not-readable', 'Secret']],
    ['images/.lock', ['own-file', undefined]],
    ['images/.LOCK', ['not-in-tree', undefined]],
  ] as const)
    assert.deepEqual(await opened({ kind: 'file', path, mac: undefined }), expected, path);
});

test('text that is rendered, or a machine that is unknown, gives way to a file of exactly that name only', async () => {
  const path = 'grub/grub.cfg';
  const step = { kind: 'chain' } as const;
  const rendered = {
    kind: 'rendered',
    path,
    text: '',
    mac: undefined,
    purpose: '',
    step,
    isForAnother: false,
  } as const;
  assert.deepEqual(await opened(rendered), ['not-in-tree', undefined]);
  assert.equal(await opened({ ...rendered, path: 'grub/GRUB.CFG' }), 'grub/GRUB.CFG');
  const missing = { kind: 'missing', path, reason: 'machine-unknown', mac: undefined } as const;
  assert.deepEqual(await opened(missing), ['machine-unknown', undefined]);
});
