import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkWay, MirrorRecord, workDirectory } from '../../../src/images/mirror/mirror-record.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
after(() => rmSync(directory, { recursive: true }));
mkdirSync(workDirectory(directory));
const { signal } = new AbortController();

const wanted = (path: string, content: string) => {
  const digest = { algorithm: 'sha256', hex: createHash('sha256').update(content).digest('hex') } as const;
  return { path, content, digest };
};

/** A run of a mirror with these files and documents. @returns what it removed */
async function run(files: readonly ReturnType<typeof wanted>[], documents: typeof files): Promise<readonly string[]> {
  const record = MirrorRecord.read(directory);
  const missing = await record.expect(files, documents, signal);
  for (const file of [...files, ...documents]) {
    if (!missing.some(({ path }) => path === file.path)) continue;
    writeFileSync(join(directory, file.path), file.content);
    record.wrote(file);
  }
  await record.save();
  return await record.removeOthers(new Set([...files, ...documents].map(({ path }) => path)), signal);
}

test('a document that a site dropped is removed before the files that it named, whichever run wrote them', async () => {
  const index = wanted('index.json', 'index');
  assert.deepEqual(await run([wanted('old', 'a')], [wanted('products.json', 'old'), index]), []);
  // The document changes and names a further file.
  assert.deepEqual(await run([wanted('old', 'a'), wanted('new', 'b')], [wanted('products.json', 'new'), index]), []);
  assert.deepEqual(await run([], [index]), ['products.json', 'new', 'old']);
});

test('a link or a file in the place of a directory is named before anything is fetched, and nothing is removed through a link', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'rackboot-outside-'));
  mkdirSync(join(directory, 'pool'));
  const file = wanted('pool/new.img', 'c');
  await run([file], []);
  rmSync(join(directory, 'pool'), { recursive: true });
  symlinkSync(outside, join(directory, 'pool'));
  writeFileSync(join(outside, 'new.img'), 'c');
  const record = MirrorRecord.read(directory);
  const message =
    /pool is in the way: it is a link, and a mirror writes nothing through one; put a directory in its place/;
  await assert.rejects(record.expect([file], [], signal), { code: 'already-exists', message });
  assert.throws(() => checkWay(directory, 'pool/below/file'), { code: 'already-exists', message });
  assert.deepEqual(await record.removeOthers(new Set(), signal), []);
  assert.ok(existsSync(join(outside, 'new.img')));
  rmSync(outside, { recursive: true });
  rmSync(join(directory, 'pool'));
  writeFileSync(join(directory, 'pool'), 'own');
  await assert.rejects(MirrorRecord.read(directory).expect([file], [], signal), {
    code: 'already-exists',
    message: /pool is in the way: the site has a directory of this name; move it away, or choose another directory/,
  });
});

test('a file that a person put at the path of a file that no run could fetch stays', async () => {
  rmSync(join(directory, 'pool'), { force: true });
  const [first, second] = [wanted('own.img', 'first'), wanted('own.img', 'second')];
  await MirrorRecord.read(directory).expect([first], [], signal);
  writeFileSync(join(directory, 'own.img'), 'mine');
  await assert.rejects(MirrorRecord.read(directory).expect([second], [], signal), {
    code: 'already-exists',
    message: /own\.img is in the way: it has different content, and no mirror wrote it/,
  });
  assert.deepEqual(await MirrorRecord.read(directory).removeOthers(new Set(), signal), []);
  assert.equal(readFileSync(join(directory, 'own.img'), 'utf8'), 'mine');
  rmSync(join(directory, 'own.img'));
});

test('a file that a killed run wrote belongs to the mirror, and so does the file before it', async () => {
  const [first, second, third] = [
    wanted('pool/a.img', 'first'),
    wanted('pool/a.img', 'second'),
    wanted('pool/a.img', 'third'),
  ];
  mkdirSync(join(directory, 'pool'));
  await MirrorRecord.read(directory).expect([first], [], signal);
  writeFileSync(join(directory, first.path), first.content);
  for (const next of [second, third]) {
    const missing = await MirrorRecord.read(directory).expect([next], [], signal);
    assert.deepEqual(missing, [next]);
  }
  writeFileSync(join(directory, third.path), third.content);
  assert.deepEqual(await MirrorRecord.read(directory).expect([third], [], signal), []);
  assert.deepEqual(await MirrorRecord.read(directory).removeOthers(new Set(), signal), [third.path]);
});

test('a signal of the process ends each long look at a mirror', async () => {
  const files = Array.from({ length: 2000 }, (_, number) => wanted(`many/${number}/file`, 'a'));
  const stop = new AbortController();
  setTimeout(() => stop.abort());
  await assert.rejects(MirrorRecord.read(directory).findMissing(files, [], stop.signal), { code: 'cancelled' });
  const record = MirrorRecord.read(directory);
  await record.expect(files, [], signal);
  await assert.rejects(record.removeOthers(new Set(), stop.signal), { code: 'cancelled' });
});
