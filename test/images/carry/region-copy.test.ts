// A rack copies the images of a region with several processes, each of which offers only its own.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { type CopyResult, copyFromRegion } from '../../../src/images/carry/region-copy.ts';
import type { Downloads } from '../../../src/images/download/queue.ts';
import { checkContent } from '../../../src/images/store/image-check.ts';
import { hasBlob, readImages } from '../../../src/images/store/image-store.ts';
import { FileSite } from '../../support/image-site.ts';
import { type SiteContent, type SiteProduct, writeStreamSite } from '../../support/stream-site.ts';
import { KERNELS, startFile, twoKernels } from '../../support/two-kernels.ts';
import { makeSystemDisk } from '../disks.ts';
import { placeForEach } from '../download/download-place.ts';

const MIB = 1024 * 1024;

/** An image that a process offers, as `release serial seed`; the seed decides its bytes. */
type Offered = `${string} ${string} ${number}`;

const copied = (added: number, removed = 0): CopyResult => ({ added, removed, problems: [] });

describe('a rack whose region has several processes', () => {
  let scratch: string;
  let tree: string;
  let sites: FileSite[] = [];
  let place: Parameters<Parameters<typeof placeForEach>[0]>[0];
  placeForEach((one) => {
    place = one;
  });
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-region-copy-'));
    tree = join(scratch, 'tree');
  });
  afterEach(() => {
    for (const site of sites) site.close();
    sites = [];
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Copies once, from processes that offer these images. `undefined`: the process does not answer. */
  const copy = async (...processes: readonly (readonly Offered[] | undefined)[]): Promise<CopyResult> => {
    const urls: string[] = [];
    for (const offered of processes) {
      urls.push((await publish(contentOf(offered ?? []))).url);
      if (offered === undefined) sites.at(-1)?.close();
    }
    return copyFrom(urls);
  };
  /** Opens a site with this content. */
  const publish = async (content: SiteContent): Promise<{ readonly url: string; readonly directory: string }> => {
    const directory = join(scratch, `site-${sites.length}`);
    writeStreamSite(join(directory, 'images-stream'), content, undefined);
    const site = new FileSite(directory);
    sites.push(site);
    return { url: await site.open(), directory: join(directory, 'images-stream') };
  };
  const copyFrom = (urls: readonly string[]): Promise<CopyResult> => {
    const work = { tree, urls, downloads: place.queue() };
    return copyFromRegion({ ...work, clock: systemClock, onProgress: () => undefined });
  };
  const names = (): readonly string[] => readImages(tree).images.map(({ release, serial }) => `${release} ${serial}`);

  test('has the images of all processes, whichever comes first in its list', async () => {
    assert.deepEqual(await copy(['one 20261101 1'], ['two 20261102 2']), copied(2));
    assert.deepEqual(names(), ['one 20261101', 'two 20261102']);
    assert.deepEqual(await copy(['two 20261102 2'], ['one 20261101 1']), copied(0));
  });

  test('copies the other images if one meets an error of our own, which then ends the copy', async () => {
    const { url } = await publish(contentOf(['one 20261101 1', 'two 20261102 2']));
    const queue = place.queue();
    let added = 0;
    const downloads: Downloads = {
      fetchDocument: (request, signal) => queue.fetchDocument(request, signal),
      fetch: async (request, terms) => {
        added += 1;
        if (added === 1) throw new TypeError('x is not a function');
        return queue.fetch(request, terms);
      },
    };
    const work = { tree, urls: [url], downloads, clock: systemClock, onProgress: () => undefined };
    await assert.rejects(copyFromRegion(work), TypeError);
    assert.equal(names().length, 1);
  });

  test('keeps its copies while a process does not answer, and copies what the others have', async () => {
    await copy(['one 20261101 1'], []);
    assert.deepEqual(await copy(undefined, ['two 20261102 2']), copied(1));
    assert.deepEqual(names(), ['one 20261101', 'two 20261102']);
    await assert.rejects(copy(undefined, undefined), { code: 'source-failed' });
    assert.deepEqual(names(), ['one 20261101', 'two 20261102']);
  });

  test('removes a copy as soon as all processes answer and none of them has the image', async () => {
    await copy(['one 20261101 1', 'two 20261102 2'], ['one 20261101 1']);
    assert.deepEqual(await copy([], ['one 20261101 1']), copied(0, 1));
    assert.deepEqual(names(), ['one 20261101']);
    assert.deepEqual(await copy([], []), copied(0, 1));
  });

  test('takes the newest serial of an image, and no older one while the process that has it is away', async () => {
    const [newer, older] = [['one 20261102.2 2'], ['one 20261102 1']] as const;
    assert.deepEqual(await copy(older, newer), copied(1));
    assert.deepEqual(names(), ['one 20261102.2']);
    for (const processes of [
      [older, undefined],
      [newer, older],
      [undefined, newer],
    ])
      assert.deepEqual(await copy(...processes), copied(0));
    assert.deepEqual(await copy(older, []), copied(1, 1));
    assert.deepEqual(names(), ['one 20261102']);
  });

  test('has both kernels of a release, which share their root, and removes each on its own', async () => {
    const kernels = (): readonly string[] => readImages(tree).images.map(({ system }) => system?.subarch ?? '');
    const { url: both } = await publish(twoKernels());
    assert.deepEqual(await copyFrom([both]), copied(2));
    assert.deepEqual(kernels(), KERNELS);
    assert.deepEqual(await copyFrom([both]), copied(0));
    const { url: generic } = await publish(twoKernels('20261101', ['ga-24.04']));
    assert.deepEqual(await copyFrom([generic]), copied(0, 1));
    assert.deepEqual(kernels(), ['ga-24.04']);
    assert.deepEqual(readdirSync(join(tree, 'ubuntu/amd64')).sort(), ['ga-24.04', 'generic']);
  });

  test('has two images with the same bytes, and removes each on its own', async () => {
    assert.deepEqual(await copy(['one 20261101 1', 'two 20261101 1']), copied(2));
    assert.deepEqual(names(), ['one 20261101', 'two 20261101']);
    assert.deepEqual(await copy(['one 20261101 1']), copied(0, 1));
    assert.deepEqual(names(), ['one 20261101']);
  });

  test('copies a kernel from the other process if one lacks its bytes', async () => {
    const [first, second] = [await publish(twoKernels()), await publish(twoKernels())];
    for (const kernel of KERNELS)
      for (const [place, name] of [[first, 'boot-kernel'] as const, [second, 'boot-initrd'] as const])
        rmSync(join(place.directory, 'noble/amd64/20261101', kernel, 'generic', name));
    const { added, problems } = await copyFrom([first.url, second.url]);
    assert.deepEqual([added, problems], [2, []]);
  });

  test('copies a file again that turned out to be damaged', async () => {
    const { url } = await publish(twoKernels());
    await copyFrom([url]);
    const path = join(tree, 'ubuntu/amd64/hwe-24.04/noble/stable/boot-kernel');
    const damaged = startFile('hwe-24.04', 'boot-kernel').toUpperCase();
    writeFileSync(path, damaged);
    await checkContent({ tree, repairs: true, onProgress: () => undefined });
    const isWhole = (): readonly boolean[] => readImages(tree).images.map((image) => hasBlob(tree, image));
    assert.deepEqual(isWhole(), [true, false]);
    assert.deepEqual((await copyFrom([url])).problems, []);
    assert.deepEqual(isWhole(), [true, true]);
    assert.equal(readFileSync(path, 'utf8'), startFile('hwe-24.04', 'boot-kernel'));
  });

  test('keeps the copy that it has if two processes have the same serial with different bytes', async () => {
    const [first, second] = [['one 20261101 1'], ['one 20261101 2']] as const;
    await copy(first, second);
    const [chosen] = readImages(tree).images;
    for (const processes of [
      [second, first],
      [first, undefined],
      [second, undefined],
      [first, second],
    ])
      assert.deepEqual(await copy(...processes), copied(0));
    assert.deepEqual(readImages(tree).images, [chosen]);
  });
});

/** A document of products, as a region's process publishes it. */
function contentOf(offered: readonly Offered[]): Record<string, Record<string, SiteProduct>> {
  const products = offered.map((text): [string, SiteProduct] => {
    const [release = '', serial = '', seed] = text.split(' ');
    const tags = { arch: 'amd64', os: 'custom', release, version: release, label: 'release', subarch: 'generic' };
    const content = makeSystemDisk(MIB, Number(seed));
    const files = { 'root-dd.raw': { ftype: 'root-dd.raw', path: `images/${seed}.img`, content } };
    return [`io.rackboot:custom:${release}`, { tags, versions: { [serial]: { files } } }];
  });
  return { 'io.rackboot:images:download': Object.fromEntries(products) };
}
