// Two sources with the same system: a file that the first one lacks, or has with other bytes, comes from the second one.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { importFirst } from '../../../src/images/run/import-item.ts';
import { importLoader } from '../../../src/images/run/loader-import.ts';
import { joinOffers } from '../../../src/images/sources/offer.ts';
import { askSources, chooseOffers } from '../../../src/images/sources/offers.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { hasBlob, readImages } from '../../../src/images/store/image-store.ts';
import { FileSite } from '../../support/image-site.ts';
import { unsignedStream } from '../../support/offers.ts';
import { type SiteContent, writeStreamSite } from '../../support/stream-site.ts';
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

  /** A source with the system. @param spoil called with the path of each of FILES */
  async function system(name: string, spoil: (path: string, file: string) => void): Promise<StreamSource> {
    const found = await source(name, twoKernels());
    for (const file of FILES) spoil(join(scratch, name, 'noble/amd64/20261101', file), file);
    return found;
  }
  async function source(name: string, content: SiteContent): Promise<StreamSource> {
    const directory = join(scratch, name);
    writeStreamSite(directory, content, undefined);
    const site = new FileSite(directory);
    sites.push(site);
    return unsignedStream({ name, url: await site.open() });
  }

  const importFrom = async (sources: readonly StreamSource[]): Promise<void> => {
    const downloads = place.queue();
    const answers = await askSources(sources, WISH, { downloads, clock: systemClock, mirrors: [] });
    await importFirst(
      chooseOffers(answers, 'image', WISH),
      { downloads, nowMs: systemClock.wallTimeMs(), tree },
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
        const first = await system('first', (path, file) => (file === bad ? spoil(path) : undefined));
        await importFrom([first, await system('second', () => undefined)]);
        const [image] = readImages(tree).images;
        assert.ok(image !== undefined && hasBlob(tree, image));
        const kernel = join(tree, 'ubuntu/amd64/hwe-24.04/noble/stable/boot-kernel');
        assert.equal(readFileSync(kernel, 'utf8'), startFile('hwe-24.04', 'boot-kernel'));
      });

  test('is refused with the problems of all sources if none can be read', async () => {
    const names = Array.from({ length: 10 }, (_, number) => `broken-${number}`);
    const sources = await Promise.all(names.map((name) => source(name, {})));
    for (const name of names) writeFileSync(join(scratch, name, 'streams/v1/index.json'), name);
    await assert.rejects(importFrom(sources), ({ message }: Error) => {
      const lines = message.split('\n');
      assert.equal(lines.length, 9);
      for (const [number, line] of lines.slice(0, -1).entries())
        assert.match(line, new RegExp(`^the source broken-${number} cannot be used: `));
      assert.equal(lines.at(-1), '`rackboot images check-sources --verbose` shows 2 other problems');
      return true;
    });
  });

  test('a boot loader is imported, too, if each of them lacks another file', async () => {
    const product = {
      tags: { os: 'grub', arch: 'amd64', label: 'stable', 'bootloader-type': 'pxe' },
      versions: {
        '20261101': {
          files: Object.fromEntries(
            ['one.0', 'two.0'].map((name) => [name, { ftype: 'bootloader', path: `loaders/${name}`, content: name }]),
          ),
        },
      },
    };
    const sources: StreamSource[] = [];
    for (const name of ['one.0', 'two.0']) {
      sources.push(await source(name, { 'com.example:1:bootloader-download': { 'com.example:grub': product } }));
      rmSync(join(scratch, name, 'loaders', name));
    }
    const terms = { downloads: place.queue(), clock: systemClock };
    const wish = { os: 'bootloader', release: undefined, architectures: ['amd64'] };
    const answers = await askSources(sources, wish, { ...terms, mirrors: [] });
    const [offer] = joinOffers(chooseOffers(answers, 'loader', { ...wish, release: 'pxe' }));
    await importLoader(offer, { ...terms, tree });
    for (const name of ['one.0', 'two.0'])
      assert.equal(readFileSync(join(tree, 'bootloader/pxe/amd64', name), 'utf8'), name);
  });

  test('is imported if each of them lacks another file', async () => {
    const [kernel, initrd] = FILES;
    const without = (name: string, missed: string | undefined) =>
      system(name, (path, file) => (file === missed ? rmSync(path) : undefined));
    await importFrom([await without('first', kernel), await without('second', initrd)]);
    assert.equal(readImages(tree).images.length, 1);
  });
});
