// The shared slices at their bounds: slices held, slices read at once, and slices and readers that wait.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BootTree } from '../../src/files/file-tree.ts';
import {
  READERS_WAITING_MAX,
  READS_IN_FLIGHT_MAX,
  READS_WAITING_MAX,
  SLICE_BYTES,
  SLICE_CACHE_BYTES_MAX,
  SliceCache,
  type SliceSource,
} from '../../src/files/slice-cache.ts';

/** A file whose reads the test completes. */
class SlowFile implements SliceSource {
  readonly id = 1;
  readonly sizeBytes = SLICE_BYTES * 2 * READS_WAITING_MAX;
  readonly reads: (() => void)[] = [];

  readSlice(_offset: number, length: number): Promise<Uint8Array> {
    return new Promise((resolve) => this.reads.push(() => resolve(new Uint8Array(length))));
  }
}

test('a tree holds at most its bound of slice bytes: the slice unused for longest is dropped and read again', async (context) => {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-slices-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'large'), '');
  const slices = SLICE_CACHE_BYTES_MAX / SLICE_BYTES + 8;
  truncateSync(join(root, 'large'), slices * SLICE_BYTES);
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const file = (await tree.open('large')) ?? assert.fail('no file');
  const read = async (index: number): Promise<number> => {
    const before = tree.counters().slicesRead;
    await file.read(index * SLICE_BYTES, 1);
    return tree.counters().slicesRead - before;
  };
  for (let index = 0; index < slices; index += 1) await read(index);
  const { cachedBytes } = tree.counters();
  assert.ok(cachedBytes <= SLICE_CACHE_BYTES_MAX, `${cachedBytes} bytes are held`);
  assert.ok(cachedBytes > SLICE_CACHE_BYTES_MAX - READS_IN_FLIGHT_MAX * SLICE_BYTES, `${cachedBytes} bytes are held`);
  assert.equal(await read(slices - 1), 0);
  assert.ok((await read(0)) > 0, 'the first gave way');
  file.close();
});

test('a tree releases the slices of a file that nobody reads, and keeps those of one with a reader', async (context) => {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-slices-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['idle', 'read']) writeFileSync(join(root, name), name.repeat(SLICE_BYTES / 4));
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const [idle, read] = [await tree.open('idle'), await tree.open('read')];
  const [dropped, held] = [await idle?.read(0, 4), await read?.read(0, 4)];
  idle?.close();
  assert.equal(tree.counters().cachedBytes, 2 * SLICE_BYTES);
  assert.equal(tree.releaseSlices(), true);
  assert.equal(tree.counters().cachedBytes, SLICE_BYTES);
  assert.equal(dropped?.buffer.byteLength, 0, 'its memory is free');
  assert.equal(new TextDecoder().decode(held), 'read');
  assert.equal(tree.releaseSlices(), false);
  const again = await tree.open('idle');
  assert.equal(new TextDecoder().decode(await again?.read(0, 4)), 'idle');
  again?.close();
  read?.close();
});

test('READS_IN_FLIGHT_MAX slices are read at once; the next read starts when one ends', async () => {
  const [cache, file] = [new SliceCache(SLICE_CACHE_BYTES_MAX), new SlowFile()];
  const all = Array.from({ length: READS_IN_FLIGHT_MAX + 1 }, (_, index) => cache.get(file, index));
  assert.equal(file.reads.length, READS_IN_FLIGHT_MAX);
  file.reads[0]?.();
  await all[0];
  assert.equal(file.reads.length, READS_IN_FLIGHT_MAX + 1);
});

test('READS_WAITING_MAX slices wait to be read; one more is refused, but further readers of a waiting slice are not', async () => {
  const [cache, file] = [new SliceCache(SLICE_CACHE_BYTES_MAX), new SlowFile()];
  const room = READS_IN_FLIGHT_MAX + READS_WAITING_MAX;
  for (let index = 0; index < room; index += 1) void cache.get(file, index);
  const further = async (): Promise<unknown> => cache.get(file, room);
  const waits = new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(Promise.race([further(), waits]), /already wait to be read/);
  const again = cache.get(file, room - 1);
  for (let index = 0; index < room; index += 1) {
    file.reads[index]?.();
    await cache.get(file, index);
  }
  assert.equal((await again).length, SLICE_BYTES);
});

test('READERS_WAITING_MAX readers wait, even for one slice; one more is refused until the slice is read', async () => {
  const [cache, file] = [new SliceCache(SLICE_CACHE_BYTES_MAX), new SlowFile()];
  const all = Array.from({ length: READERS_WAITING_MAX }, () => cache.get(file, 0));
  const further = async (index: number): Promise<unknown> => cache.get(file, index);
  const waits = new Promise((resolve) => setImmediate(resolve));
  for (const index of [0, 1])
    await assert.rejects(Promise.race([further(index), waits]), /readers already wait for slices/, `slice ${index}`);
  file.reads[0]?.();
  assert.equal((await Promise.all(all)).length, READERS_WAITING_MAX);
  const next = further(1);
  file.reads[1]?.();
  await next;
});
