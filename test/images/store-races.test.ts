// Additions, removals and checks of the same bytes at once: nothing is published without its bytes, and no good bytes are taken out.
// Each test makes its interleaving certain: by taking a turn of the store, or by acting within a function that the code calls.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { publishImage, publishStored } from '../../src/images/content/image-adding.ts';
import { removeUnused } from '../../src/images/run/older-images.ts';
import { type CheckedContent, checkContent } from '../../src/images/store/image-check.ts';
import { removeImages, sweepBlobs } from '../../src/images/store/image-removal.ts';
import {
  blobPath,
  encodeImage,
  hasBlob,
  listBlobs,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../src/images/store/image-store.ts';
import { inStoreTurn, placeBlob } from '../../src/images/store/stored-blob.ts';
import type { ImageOrigin } from '../../src/images/store/stored-system.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { directoryForEach } from '../support/scratch.ts';
import { sha256 } from './download/download-place.ts';

const HOUR = 3_600_000;
/** Long enough for everything that does not wait for its turn. */
const WAIT_MS = 300;
const ORIGIN: ImageOrigin = { source: 'site', algorithm: 'sha256', hex: 'ab'.repeat(32) };
const GOOD = Buffer.from('the bytes of an image');
const BAD = Buffer.from('The bytes of an image');

let tree = '';
directoryForEach((made) => {
  tree = made;
});

const imageOf = (release: string, bytes: Buffer = GOOD): StoredImage => ({
  os: 'debian',
  release,
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260101',
  title: release,
  sha256: sha256(bytes),
  bytes: bytes.length,
  format: 'raw',
  diskBytes: 512,
  partitionTable: 'mbr',
});
const pathOf = ({ sha256, format }: StoredImage): string => join(tree, blobPath(sha256, format));
async function lockStore(): Promise<{ readonly release: () => void }> {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  void inStoreTurn(() => {
    begun.resolve();
    return ended.promise;
  });
  await begun.promise;
  return { release: ended.resolve };
}

function putBytes(image: StoredImage, bytes: Buffer = GOOD): void {
  mkdirSync(dirname(pathOf(image)), { recursive: true });
  writeFileSync(pathOf(image), bytes);
}

/** Writes a manifest as another work does in its turn. */
function putManifest(image: StoredImage): void {
  const path = manifestPath(tree, image);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.fresh`, encodeImage(image));
  renameSync(`${path}.fresh`, path);
}

function put(image: StoredImage, bytes: Buffer = GOOD): StoredImage {
  putBytes(image, bytes);
  putManifest(image);
  return image;
}

/** Runs a removal that has to wait until another work has published B with the same bytes. */
async function publishDuring<T>(removal: () => Promise<T>, isAtLock: () => boolean): Promise<T> {
  const b = imageOf('b');
  const lock = await lockStore();
  let running: Promise<T>;
  try {
    running = removal();
    await eventuallyWithin(8000, 'the removal has begun', isAtLock);
    await sleep(WAIT_MS);
    assert.ok(existsSync(pathOf(b)), 'nothing is deleted while another work publishes');
    putManifest(b);
  } finally {
    lock.release();
  }
  const result = await running;
  assert.deepEqual(readImages(tree).images, [b]);
  assert.ok(hasBlob(tree, b));
  return result;
}

describe('a removal while the same bytes are published under another name', () => {
  const isManifestGone = (image: StoredImage) => () => !existsSync(manifestPath(tree, image));

  test('of an image keeps the bytes', async () => {
    const a = put(imageOf('a'));
    const remove = () => removeImages(tree, [a], Date.now(), { areUsesKnown: true });
    assert.equal(await publishDuring(remove, isManifestGone(a)), 0);
  });

  test('of an image that no machine uses, by the region, keeps the bytes', async () => {
    const a = put(imageOf('a'));
    const use = async () => ({ areUsesKnown: true, findUsers: () => [] });
    const remove = () => removeImages(tree, [a], Date.now(), { areUsesKnown: false });
    const sweep = () => sweepBlobs(tree, Date.now(), new Set(listBlobs(a).map(({ path }) => path)));
    await publishDuring(() => removeUnused([a], { use, remove, sweep }), isManifestGone(a));
  });

  test('of old leftovers keeps the bytes', async () => {
    putBytes(imageOf('b'));
    assert.equal(
      await publishDuring(
        () => sweepBlobs(tree, Date.now() + 2 * HOUR, new Set()),
        () => true,
      ),
      0,
    );
  });

  test('keeps everything once a manifest cannot be read', async () => {
    const a = put(imageOf('a'));
    const lock = await lockStore();
    const running = removeImages(tree, [a], Date.now(), { areUsesKnown: true });
    await eventuallyWithin(8000, 'the manifest is removed', isManifestGone(a));
    await sleep(WAIT_MS);
    writeFileSync(join(tree, 'images/.manifests/odd.json'), '{');
    lock.release();
    assert.equal(await running, 0);
    assert.ok(existsSync(pathOf(a)));
  });

  test('keeps old bytes that an addition has begun to use', async () => {
    const b = imageOf('b');
    putBytes(b);
    const second = 1000;
    const lock = await lockStore();
    const running = sweepBlobs(tree, Date.now() + HOUR + second, new Set());
    await sleep(WAIT_MS + second);
    // Any change of a file's attributes makes it recent.
    chmodSync(pathOf(b), 0o600);
    lock.release();
    assert.equal(await running, 0);
    assert.ok(existsSync(pathOf(b)));
  });

  test('deletes all that nothing needs, however many files it is', async () => {
    const kept = put(imageOf('kept', BAD), BAD);
    const contents = Array.from({ length: 100 }, (_, index) => Buffer.from(`bytes ${index}`));
    const images = contents.map((content, index) => put(imageOf(`r${index}`, content), content));
    const freed = await removeImages(tree, images, Date.now(), { areUsesKnown: true });
    const bytes = images.reduce((sum, image) => sum + image.bytes, 0);
    assert.equal(freed, bytes);
    assert.deepEqual(
      images.filter((image) => existsSync(pathOf(image))),
      [],
    );
    assert.ok(existsSync(pathOf(kept)));
  });
});

describe('a publication', () => {
  const gone = { code: 'not-found', message: /debian\/b\/.* was removed while it was being added/ };

  test('writes no manifest of bytes that were removed before', async () => {
    const b = imageOf('b');
    await assert.rejects(publishStored({ tree, nowMs: 0 }, b), gone);
    assert.deepEqual(readImages(tree).images, []);
  });

  test('looks for the bytes in its turn, and fails for an image that is there without them', async () => {
    const b = put(imageOf('b'));
    // `choose` is called in its turn.
    const publishing = publishImage(tree, ([present]) => {
      rmSync(pathOf(b));
      return present ?? b;
    });
    await assert.rejects(publishing, gone);
  });

  test('and the placing of its bytes wait while another work decides on bytes of the store', async () => {
    const b = imageOf('b');
    putBytes(b, BAD);
    const part = join(tree, 'images/part');
    writeFileSync(part, GOOD);
    const lock = await lockStore();
    const path = blobPath(b.sha256, 'raw');
    const placing = placeBlob(tree, { path, sha256: b.sha256 }, part, 'rename');
    await sleep(WAIT_MS);
    assert.deepEqual(readFileSync(pathOf(b)), BAD);
    lock.release();
    await placing;
    assert.deepEqual(readFileSync(pathOf(b)), GOOD);
  });
});

describe('a check of a store in which a damaged file is repaired meanwhile', () => {
  /** Repairs as an addition does: by a rename. */
  const repair = (image: StoredImage): void => {
    writeFileSync(join(tree, 'repaired'), GOOD);
    renameSync(join(tree, 'repaired'), pathOf(image));
  };
  const damaged = (origin?: ImageOrigin): StoredImage => {
    const image = { ...imageOf('a'), ...(origin === undefined ? {} : { origin }) };
    putManifest(image);
    putBytes(image, BAD);
    return image;
  };
  const kindsOf = (checked: readonly CheckedContent[]): readonly string[] => checked.map(({ state }) => state.kind);
  const damagedCopies = (): readonly string[] =>
    existsSync(join(tree, 'images/.damaged')) ? readdirSync(join(tree, 'images/.damaged')) : [];

  for (const repairs of [true, false])
    for (const origin of [undefined, ORIGIN])
      test(`${repairs ? 'leaves' : 'reports'} the repaired file of an ${origin ? 'imported' : 'added'} image`, async () => {
        const image = damaged(origin);
        let isRepaired = false;
        const onProgress = (): void => {
          if (!isRepaired) repair(image);
          isRepaired = true;
        };
        assert.deepEqual(kindsOf(await checkContent({ tree, repairs, onProgress })), ['whole']);
        assert.deepEqual(readFileSync(pathOf(image)), GOOD);
        assert.deepEqual(damagedCopies(), []);
      });

  test('leaves a file that was repaired in its place, with its size and times', async () => {
    const image = damaged();
    const past = 1_700_000_000;
    utimesSync(pathOf(image), past, past);
    await sleep(20);
    let isRepaired = false;
    const onProgress = (): void => {
      if (isRepaired) return;
      isRepaired = true;
      writeFileSync(pathOf(image), GOOD);
      utimesSync(pathOf(image), past, past);
    };
    const [checked] = await checkContent({ tree, repairs: true, onProgress });
    assert.equal(checked?.state.kind, 'whole');
    assert.deepEqual(readFileSync(pathOf(image)), GOOD);
  });

  for (const origin of [undefined, ORIGIN])
    test(`takes nothing out while another work places bytes: ${origin ? 'imported' : 'added'} image`, async () => {
      const image = damaged(origin);
      const lock = await lockStore();
      let isRead = false;
      const checking = checkContent({ tree, repairs: true, onProgress: () => (isRead = true) });
      await eventuallyWithin(8000, 'the file was read', () => isRead);
      await sleep(WAIT_MS);
      assert.deepEqual(readFileSync(pathOf(image)), BAD);
      repair(image);
      lock.release();
      assert.deepEqual(kindsOf(await checking), ['whole']);
      assert.deepEqual(readFileSync(pathOf(image)), GOOD);
    });

  test('takes out a file that was damaged again, and keeps an earlier copy if it takes nothing out', async () => {
    const image = damaged();
    mkdirSync(join(tree, 'images/.damaged'));
    const copy = join(tree, 'images/.damaged', basename(pathOf(image)));
    writeFileSync(copy, 'an earlier one');
    let readings = 0;
    const onProgress = (): void => {
      readings += 1;
      if (readings === 1) repair(image);
    };
    await checkContent({ tree, repairs: true, onProgress });
    assert.equal(readFileSync(copy, 'utf8'), 'an earlier one');
    putBytes(image, BAD);
    const [found] = await checkContent({ tree, repairs: true, onProgress });
    assert.equal(found?.movedTo, copy);
    assert.deepEqual(readFileSync(copy), BAD);
    assert.equal(existsSync(pathOf(image)), false);
  });

  test('gives up on a file that changes with each reading, and leaves it alone', async () => {
    const image = damaged();
    const onProgress = (): void => {
      writeFileSync(join(tree, 'other'), BAD);
      renameSync(join(tree, 'other'), pathOf(image));
    };
    const [found] = await checkContent({ tree, repairs: true, onProgress });
    assert.deepEqual(found?.state, { kind: 'unreadable', code: 'EBUSY' });
    assert.deepEqual(readFileSync(pathOf(image)), BAD);
  });
});
