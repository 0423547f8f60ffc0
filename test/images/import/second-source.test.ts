// Two sources with the same system: a file that the first one lacks, or has with other bytes, comes from the second one.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { hasBlob, readImages } from '../../../src/images/image-store.ts';
import { importFirst } from '../../../src/images/import/first-import.ts';
import { askSources, chooseOffers } from '../../../src/images/import/offers.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { FileSite } from '../../support/image-site.ts';
import { writeStreamSite } from '../../support/stream-site.ts';
import { startFile, twoKernels } from '../../support/two-kernels.ts';
import { placeForEach } from '../download/download-place.ts';

const WISH = { os: 'ubuntu', release: 'noble', architectures: ['amd64'], subarchitecture: 'hwe-24.04' };
const FILES = ['hwe-24.04/generic/boot-kernel', 'hwe-24.04/generic/boot-initrd', 'squashfs'];

describe('a system of two sources', () => {
  let scratch = '';
  let tree = '';
  let sites: FileSite[] = [];
  let place: Parameters<Parameters<typeof placeForEach>[0]>[0];
  placeForEach((one) => {
    place = one;
  });
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-second-source-'));
    tree = join(scratch, 'tree');
  });
  afterEach(() => {
    for (const site of sites) site.close();
    sites = [];
    rmSync(scratch, { recursive: true, force: true });
  });

  /** A source with the same files as the others. @param spoil called with the path of each of FILES */
  async function source(name: string, spoil: (path: string, file: string) => void): Promise<StreamSource> {
    const directory = join(scratch, name);
    writeStreamSite(directory, twoKernels(), undefined);
    for (const file of FILES) spoil(join(directory, 'noble/amd64/20261101', file), file);
    const site = new FileSite(directory);
    sites.push(site);
    return {
      ...{ kind: 'simplestreams', name, title: '', os: '*', contentIds: [], ftypes: [], isByName: false },
      ...{ url: await site.open(), index: 'streams/v1/index.json', arches: new Map([['amd64', 'amd64']]) },
      trust: { kind: 'unsigned', why: 'a test' },
    };
  }

  const importFrom = async (sources: readonly StreamSource[]): Promise<void> => {
    const downloads = place.queue();
    const answers = await askSources(sources, WISH, { downloads, clock: systemClock, mirrors: [] });
    const onProgress = (): void => undefined;
    await importFirst(
      chooseOffers(answers, WISH),
      { downloads, nowMs: systemClock.wallTimeMs(), tree, onProgress },
      () => undefined,
    );
  };
  const spoilers: Readonly<Record<string, (path: string) => void>> = {
    lacks: (path) => rmSync(path),
    'has other bytes of': (path) => writeFileSync(path, readFileSync(path, 'utf8').toUpperCase()),
  };

  for (const [how, spoil] of Object.entries(spoilers))
    for (const bad of FILES)
      test(`is imported if the first one ${how} ${bad}`, async () => {
        const first = await source('first', (path, file) => (file === bad ? spoil(path) : undefined));
        await importFrom([first, await source('second', () => undefined)]);
        const [image] = readImages(tree).images;
        assert.ok(image !== undefined && hasBlob(tree, image));
        const kernel = join(tree, 'ubuntu/amd64/hwe-24.04/noble/stable/boot-kernel');
        assert.equal(readFileSync(kernel, 'utf8'), startFile('hwe-24.04', 'boot-kernel'));
      });

  test('is imported if each of them lacks another file', async () => {
    const [kernel, initrd] = FILES;
    const without = (name: string, missed: string | undefined) =>
      source(name, (path, file) => (file === missed ? rmSync(path) : undefined));
    await importFrom([await without('first', kernel), await without('second', initrd)]);
    assert.equal(readImages(tree).images.length, 1);
  });
});
