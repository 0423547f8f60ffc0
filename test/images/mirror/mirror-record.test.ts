import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MirrorRecord, workDirectory } from '../../../src/images/mirror/mirror-record.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
after(() => rmSync(directory, { recursive: true }));
mkdirSync(workDirectory(directory));

const wanted = (path: string, content: string) => {
  const digest = { algorithm: 'sha256', hex: createHash('sha256').update(content).digest('hex') } as const;
  return { path, content, digest };
};

/** A run of a mirror with these files and documents. @returns what it removed */
async function run(files: readonly ReturnType<typeof wanted>[], documents: typeof files): Promise<readonly string[]> {
  const record = MirrorRecord.read(directory);
  const missing = await record.expect(files, documents);
  for (const file of [...files, ...documents]) {
    if (!missing.some(({ path }) => path === file.path)) continue;
    writeFileSync(join(directory, file.path), file.content);
    record.wrote(file);
  }
  await record.save();
  return await record.removeOthers(new Set([...files, ...documents].map(({ path }) => path)));
}

test('a document that a site dropped is removed before the files that it named, whichever run wrote them', async () => {
  const index = wanted('index.json', 'index');
  assert.deepEqual(await run([wanted('old', 'a')], [wanted('products.json', 'old'), index]), []);
  // The document changes and names a further file.
  assert.deepEqual(await run([wanted('old', 'a'), wanted('new', 'b')], [wanted('products.json', 'new'), index]), []);
  assert.deepEqual(await run([], [index]), ['products.json', 'new', 'old']);
});
