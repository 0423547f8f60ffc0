// The check of a whole store: damage is found and taken out of it, and nothing in use is removed.
// @host waits

import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { viewBytes } from '../../../src/ground/borrowed-bytes.ts';
import { newUuid, sleep } from '../../../src/ground/clock.ts';
import { addImage } from '../../../src/images/content/image-adding.ts';
import { sweepParts } from '../../../src/images/make/upload-part.ts';
import { removeKeptFiles, sweepDownloads } from '../../../src/images/run/left-downloads.ts';
import { tryLock } from '../../../src/images/store/file-lock.ts';
import { holdFiles } from '../../../src/images/store/held-files.ts';
import { type CheckedContent, checkContent } from '../../../src/images/store/image-check.ts';
import { beginCopy, removeImages, sweepBlobs } from '../../../src/images/store/image-removal.ts';
import {
  blobPath,
  hasBlob,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
import type { ImageOrigin } from '../../../src/images/store/stored-system.ts';
import { directoryForEach } from '../../support/scratch.ts';
import { putPart } from '../../support/tree-part.ts';
import { makeDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const DAY = Date.UTC(2024, 0, 31, 12);
const HOUR = 3_600_000;
const ORIGIN: ImageOrigin = { source: 'site', algorithm: 'sha256', hex: 'ab'.repeat(32) };

let tree = '';
directoryForEach((made) => {
  tree = made;
});

async function add(release: string, seed: number, origin?: ImageOrigin): Promise<StoredImage> {
  const disk = makeDisk(3 * MIB, 'gpt', seed);
  const { image } = await addImage({
    tree,
    file: { bytes: disk.length, read: async (at, length) => Uint8Array.from(viewBytes(disk, at, at + length)) },
    fileName: 'given',
    name: { os: 'debian', release, architecture: 'amd64', subarchitecture: 'generic', label: 'release' },
    compress: false,
    nowMs: DAY,
    origin,
    onProgress: () => undefined,
  });
  return image;
}

const pathOf = ({ sha256, format }: StoredImage): string => join(tree, blobPath(sha256, format));

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[MIB] = (bytes[MIB] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const check = (repairs = true): Promise<readonly CheckedContent[]> =>
  checkContent({ tree, repairs, onProgress: () => undefined });
const kindsOf = (checked: readonly CheckedContent[]): readonly string[] => checked.map(({ state }) => state.kind);

describe('a check of the store', () => {
  test('finds nothing wrong with whole content, and reports its progress', async () => {
    await add('bookworm', 1);
    await add('trixie', 1);
    await add('forky', 2);
    const said: (readonly [number, number])[] = [];
    const checked = await checkContent({ tree, repairs: true, onProgress: (...now) => said.push(now) });
    assert.deepEqual(kindsOf(checked), ['whole', 'whole']);
    assert.deepEqual(said.at(-1), [6 * MIB, 6 * MIB]);
  });

  test('finds a changed byte, a cut, a missing file and a directory in its place', async () => {
    const images = [await add('a', 1), await add('b', 2), await add('c', 3), await add('d', 4), await add('e', 5)];
    const [changed, cut, missing, replaced] = images.map(pathOf);
    flipByte(changed ?? '');
    truncateSync(cut ?? '', 100);
    rmSync(missing ?? '');
    rmSync(replaced ?? '');
    mkdirSync(replaced ?? '');
    assert.deepEqual(kindsOf(await check(false)), ['damaged', 'damaged', 'missing', 'damaged', 'whole']);
    assert.ok(existsSync(changed ?? ''), 'a report changes nothing');
  });

  test('takes damaged content out of the way of machines, and keeps the copy that nothing can bring back', async () => {
    const image = await add('bookworm', 1);
    flipByte(pathOf(image));
    const [found] = await check();
    assert.equal(found?.movedTo, join(tree, 'images', '.damaged', `${image.sha256}.img`));
    assert.equal(readFileSync(found?.movedTo ?? '').length, image.bytes);
    assert.equal(hasBlob(tree, image), false);
    assert.deepEqual(readImages(tree).images, [image], 'the list still names it');
    // The same file brings it back, and so does another one of its name.
    assert.deepEqual(await add('bookworm', 1), image);
    assert.deepEqual(kindsOf(await check()), ['whole']);
    flipByte(pathOf(image));
    await check();
    const other = await add('bookworm', 9);
    assert.equal(other.serial, image.serial);
    assert.deepEqual(readImages(tree).images, [other]);
  });

  test('deletes damaged content that a source has', async () => {
    const image = await add('bookworm', 1, ORIGIN);
    flipByte(pathOf(image));
    const [found] = await check();
    assert.equal(found?.movedTo, undefined);
    assert.equal(existsSync(pathOf(image)), false);
    assert.equal(existsSync(join(tree, 'images', '.damaged')), false);
  });
});

test('a removal frees the bytes of an image, however the path of the tree is written', async () => {
  const given = tree;
  for (const written of [`${given}/`, `${given}/.`, given.replace('/', '//'), relative(process.cwd(), given)]) {
    const image = await add('a', 1);
    assert.equal(await removeImages(written, [image], Date.now(), { areUsesKnown: true }), image.bytes, written);
  }
});

describe('odd files in the store', () => {
  for (const [name, put, why] of [
    ['a link', (path: string) => symlinkSync(tree, path), /\.damaged is a link, and images are not written through it/],
    ['a link to itself', (path: string) => symlinkSync(path, path), /\.damaged is a link, and/],
    ['a file', (path: string) => writeFileSync(path, ''), /\.damaged is not a directory: put a directory/],
  ] as const)
    test(`${name} in the place of the damaged files ends the check with its path, and nothing is moved`, async () => {
      const image = await add('a', 1);
      flipByte(pathOf(image));
      put(join(tree, 'images', '.damaged'));
      await assert.rejects(check(), { code: 'store-unwritable', message: why });
      assert.ok(existsSync(pathOf(image)));
      assert.equal(existsSync(join(tree, `${image.sha256}.img`)), false);
    });

  test('a removal from a store that cannot be written says so', async () => {
    const image = await add('a', 1);
    rmSync(dirname(manifestPath(tree, image)), { recursive: true });
    writeFileSync(dirname(manifestPath(tree, image)), '');
    const removing = removeImages(tree, [image], Date.now(), { areUsesKnown: true });
    await assert.rejects(removing, { code: 'store-unwritable', message: /images cannot be written \(ENOTDIR\)/ });
  });

  test('a link that leads to itself costs its own image only', async () => {
    const [odd, good] = [await add('a', 1, ORIGIN), await add('b', 2)];
    rmSync(pathOf(odd));
    symlinkSync(pathOf(odd), pathOf(odd));
    assert.deepEqual([hasBlob(tree, odd), hasBlob(tree, good)], [false, true]);
    assert.deepEqual(kindsOf(await check()), ['damaged', 'whole']);
    assert.deepEqual(kindsOf(await check()), ['missing', 'whole']);
    await add('a', 1, ORIGIN);
    assert.equal(hasBlob(tree, odd), true);
  });

  test('a link to a file elsewhere does not count as content', async () => {
    const image = await add('a', 1);
    const outside = join(tree, 'outside');
    renameSync(pathOf(image), outside);
    symlinkSync(outside, pathOf(image));
    assert.equal(hasBlob(tree, image), false);
    assert.deepEqual(kindsOf(await check(false)), ['damaged']);
    await add('a', 1);
    assert.ok(lstatSync(pathOf(image)).isFile());
    assert.equal(statSync(outside).size, image.bytes);
  });

  test('a directory is taken out, even if an earlier damaged copy is there', async () => {
    const image = await add('a', 1);
    flipByte(pathOf(image));
    await check();
    mkdirSync(join(pathOf(image), 'inside'), { recursive: true });
    const [found] = await check();
    assert.ok(found?.state.kind === 'damaged' && found.movedTo !== undefined);
    assert.ok(existsSync(join(found.movedTo, 'inside')));
    await add('a', 1);
    flipByte(pathOf(image));
    const [again] = await check();
    assert.equal(readFileSync(again?.movedTo ?? '').length, image.bytes);
  });

  test('wrong bytes of the right size are replaced when the image is added again', async () => {
    const image = await add('a', 1);
    flipByte(pathOf(image));
    assert.deepEqual(await add('a', 1), image);
    assert.deepEqual(kindsOf(await check()), ['whole']);
  });

  test('a linked directory is reported, and nothing is written through it', async () => {
    const image = await add('a', 1);
    const directory = dirname(pathOf(image));
    const outside = join(tree, 'outside');
    renameSync(directory, outside);
    symlinkSync(outside, directory);
    assert.equal(hasBlob(tree, image), false);
    assert.deepEqual(kindsOf(await check()), ['linked']);
    await assert.rejects(add('a', 1), { code: 'store-unwritable', message: /is a link/ });
    assert.deepEqual(readdirSync(outside), [basename(pathOf(image))]);
  });
});

describe('files in use', () => {
  const copies = (): readonly string[] => readdirSync(join(tree, 'images')).filter((name) => name.startsWith('.part-'));

  test('the copy of a running addition stays, however long its download stalls', async () => {
    await add('bookworm', 1);
    const running = beginCopy(tree);
    // As an earlier release named it, with a process that lives.
    const ended = join(tree, 'images', `.part-${process.pid}-00000000-0000-4000-8000-000000000000`);
    for (const path of [running.path, ended]) writeFileSync(path, 'x');
    assert.equal(await sweepBlobs(tree, Date.now() + 5 * HOUR, new Set()), 1);
    assert.deepEqual([existsSync(running.path), existsSync(ended)], [true, false]);
    await running.end();
    assert.deepEqual(copies(), []);
  });

  test('the bytes of a removed image stay for an hour where nobody knows whether a machine reads them', async () => {
    const image = await add('bookworm', 1);
    const before = statSync(pathOf(image));
    // The resolution of a file's times.
    await sleep(20);
    assert.equal(await removeImages(tree, [image], Date.now(), { areUsesKnown: false }), 0);
    assert.deepEqual(readImages(tree).images, []);
    const after = statSync(pathOf(image));
    assert.ok(after.ctimeMs > before.ctimeMs, 'the hour begins with the removal');
    assert.equal(after.mtimeMs, before.mtimeMs, 'the rack cuts off the readers of a changed file');
    assert.equal(await sweepBlobs(tree, Date.now() + 2 * HOUR, new Set()), image.bytes);
  });

  function downloads(): string {
    const directory = join(tree, 'images', '.downloads');
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  test('an old part of a download is removed, unless a process is fetching it', async () => {
    const directory = downloads();
    const names = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(32));
    for (const name of names) {
      writeFileSync(join(directory, `${name}.part`), 'part');
      writeFileSync(join(directory, `${name}.part.json`), '{}');
    }
    const [old = '', held = '', fresh = ''] = names;
    const now = DAY + 15 * 24 * HOUR;
    for (const name of [old, held]) utimesSync(join(directory, `${name}.part`), DAY / 1000, DAY / 1000);
    utimesSync(join(directory, `${fresh}.part`), now / 1000, now / 1000);
    const lock = holdFiles([join(directory, held)], 'held');
    try {
      assert.equal(await sweepDownloads(tree, now), 4);
    } finally {
      lock.release();
    }
    assert.deepEqual(
      names.map((name) => existsSync(join(directory, `${name}.part`))),
      [false, true, true],
    );
  });

  test('an old part is removed without a part of another size of the same digest', async () => {
    const directory = downloads();
    const digest = 'ab'.repeat(32);
    const [old, fresh] = [`${digest}-12.part`, `${digest}-13.part`];
    for (const name of [old, `${old}.json`, fresh]) writeFileSync(join(directory, name), 'part');
    const now = DAY + 15 * 24 * HOUR;
    for (const name of [old, `${old}.json`]) utimesSync(join(directory, name), DAY / 1000, DAY / 1000);
    utimesSync(join(directory, fresh), now / 1000, now / 1000);
    assert.equal(await sweepDownloads(tree, now), 4);
    const left = (): readonly string[] => readdirSync(directory).filter((name) => name.startsWith(digest));
    assert.deepEqual(left(), [fresh]);
    await removeKeptFiles(tree, [digest]);
    assert.deepEqual(left(), []);
  });

  test('the rest of a download, left by a kill after the publication, is removed at once, but no refusal', async () => {
    const directory = downloads();
    const digest = '12'.repeat(64);
    const stored = await add('bookworm', 1, { ...ORIGIN, algorithm: 'sha512', hex: digest });
    putPart(
      tree,
      'bootloader/uefi/amd64',
      { 'bootx64.efi': 'a' },
      { fetched: ['34'.repeat(32)], serial: '20261101', title: 'a title' },
    );
    const done = [digest, stored.sha256, '34'.repeat(32)];
    const byHand = await add('trixie', 2);
    const coming = byHand.sha256;
    for (const name of [...done, coming])
      for (const end of ['', '-4.part', '-4.part.json', '.lock', '.refused'])
        writeFileSync(join(directory, `${name}${end}`), end === '.lock' ? '' : 'part');
    // A record alone, which a kill between two removals leaves.
    writeFileSync(join(directory, `${digest}-7.part.json.new`), 'part');
    assert.equal(await sweepDownloads(tree, Date.now()), 28);
    assert.deepEqual(readdirSync(directory).filter((name) => name.startsWith(coming)).length, 5);
    assert.deepEqual(
      readdirSync(directory).filter((name) => done.some((one) => name.startsWith(one))),
      done.map((one) => `${one}.refused`).toSorted(),
    );
  });

  test('no download, upload or memory behind a link is removed', async () => {
    const away = join(tree, 'away');
    mkdirSync(away);
    mkdirSync(join(tree, 'images'));
    const names = [`${'aa'.repeat(16)}.json`, 'aa'.repeat(32), `1-${'aa'.repeat(8)}.part`, `.whole-${newUuid()}`];
    for (const name of names) {
      writeFileSync(join(away, name), 'mine');
      utimesSync(join(away, name), 0, 0);
    }
    for (const name of ['.seen', '.downloads', '.uploads']) symlinkSync(away, join(tree, 'images', name));
    assert.equal(await sweepDownloads(tree, Date.now()), 0);
    assert.equal(await sweepParts(tree, async () => [], Date.now()), undefined);
    await removeKeptFiles(tree, ['aa'.repeat(32)]);
    assert.deepEqual(readdirSync(away).toSorted(), names.toSorted());
  });

  test('a lock that is not a lock is named, and is not taken for the lock of another process', () => {
    const directory = join(tree, 'locks');
    mkdirSync(join(directory, 'directory'), { recursive: true });
    writeFileSync(join(directory, 'text'), 'no database '.repeat(400));
    for (const path of [join(directory, 'directory'), join(directory, 'text'), join(directory, 'missing', 'one')])
      assert.throws(() => tryLock(path, 0), { code: 'store-unwritable', message: /cannot be locked/ });
    const lock = tryLock(join(directory, 'one'), 0);
    assert.equal(tryLock(join(directory, 'one'), 0), undefined);
    lock?.release();
    tryLock(join(directory, 'one'), 0)?.release();
  });

  test('a directory in the place of an old download stops no check of the others', async () => {
    const directory = join(tree, 'images', '.downloads');
    const now = DAY + 15 * 24 * HOUR;
    const [odd, old] = ['dd', 'ee'].map((pair) => join(directory, `${pair.repeat(32)}.part`)) as [string, string];
    mkdirSync(odd, { recursive: true });
    writeFileSync(old, 'part');
    for (const path of [odd, old]) utimesSync(path, DAY / 1000, DAY / 1000);
    assert.equal(await sweepDownloads(tree, now), 4);
    assert.deepEqual([existsSync(odd), existsSync(old)], [true, false]);
  });
});
