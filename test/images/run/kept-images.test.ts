// The older images that an import removes, and the refusals that it remembers.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { publishStored } from '../../../src/images/content/image-adding.ts';
import { removeAllOlder, removeOlder } from '../../../src/images/run/older-images.ts';
import { readRefusal, recordRefusal } from '../../../src/images/run/refusals.ts';
import { removeImages } from '../../../src/images/store/image-removal.ts';
import { blobPath, readImages, type StoredImage } from '../../../src/images/store/image-store.ts';
import { sha256 } from '../download/download-place.ts';

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-kept-test-'));
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

async function addImported(serial: string): Promise<StoredImage> {
  const bytes = Buffer.from(serial);
  const hex = sha256(bytes);
  const path = join(tree, blobPath(hex, 'raw'));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  const published = await publishStored(
    { tree, nowMs: 0 },
    {
      os: 'debian',
      release: 'bookworm',
      architecture: 'amd64',
      subarchitecture: 'generic',
      label: 'release',
      serial,
      title: '',
      sha256: hex,
      bytes: bytes.length,
      format: 'raw',
      diskBytes: 1,
      partitionTable: 'gpt',
      origin: { source: 'site', algorithm: 'sha256', hex },
    },
  );
  return published.image;
}

const termsOf = (keptVersions: number) => ({
  tree,
  keptVersions,
  use: async () => ({ areUsesKnown: true, findUsers: () => [] }),
  remove: (images: readonly StoredImage[]) => removeImages(tree, images, 0, { areUsesKnown: true }),
  sweep: async () => undefined,
});
const serials = (): readonly string[] => readImages(tree).images.map(({ serial }) => serial);
const ALL = ['20261004', '20261003', '20261002', '20261001'];

for (const kept of [1, 2, 3, 100])
  test(`of the imported images of a name, as many of the newest stay as the configuration says: ${kept}`, async () => {
    const images = await Promise.all(ALL.map(addImported));
    const [newest] = images;
    assert.ok(newest);
    await removeOlder(newest, termsOf(kept));
    assert.deepEqual(serials(), ALL.slice(0, kept));
    for (const serial of ALL) await addImported(serial);
    await removeAllOlder(
      termsOf(kept),
      async () => [],
      () => false,
    );
    assert.deepEqual(serials(), ALL.slice(0, kept));
  });

test('a refusal counts for the version of Rackboot that refused the file', async () => {
  const file = { directory: tree, name: 'ab'.repeat(32) };
  await recordRefusal(file, { as: 'amd64', why: 'it starts by nothing' });
  assert.match(readRefusal(file, 'amd64') ?? '', /^it starts by nothing /);
  assert.equal(readRefusal(file, 'arm64'), undefined);
  const path = join(tree, `${file.name}.refused`);
  const { by, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
  assert.match(by, /^\d+\.\d+/);
  for (const other of [{ ...rest, by: '0.0.1' }, rest]) {
    writeFileSync(path, JSON.stringify(other));
    assert.equal(readRefusal(file, 'amd64'), undefined);
  }
});
