// A site with images and finished installers, as another Rackboot serves them, and a run of imports from several of them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/ground/clock.ts';
import type { Downloads } from '../../src/images/download/queue.ts';
import { DownloadQueue } from '../../src/images/download/queue.ts';
import { DEFAULT_SETTINGS } from '../../src/images/download/settings.ts';
import { EVERYTHING } from '../../src/images/sources/offer.ts';
import type { ImageSource } from '../../src/images/sources/source.ts';
import type { ImportProgress } from '../../src/region/records/boot-store.ts';
import type { ReportedBug } from '../../src/region-host/imports/import-failure.ts';
import { ImportRun } from '../../src/region-host/imports/import-run.ts';
import type { SkippedList } from '../../src/region-host/imports/message.ts';
import type { SelectedSource } from '../../src/region-host/imports/plan.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { unsignedStream } from './offers.ts';
import { eventually } from './running-rack.ts';
import { type SiteProduct, writeStreamSite } from './stream-site.ts';

const MIB = 1024 * 1024;
const SERIAL = '20261015';

export const digestOf = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** A disk image that can be imported. */
export const diskProduct = (
  os: string,
  release: string,
  seed = 1,
  content = makeSystemDisk(MIB, seed),
): SiteProduct => ({
  tags: { arch: 'amd64', os, release, version: release, label: 'release', release_title: release },
  versions: { [SERIAL]: { files: { 'disk1.img': { ftype: 'disk1.img', path: `${os}-${release}.img`, content } } } },
});

/** An installer with its drivers. @param files their contents */
export const installerProduct = (
  os: string,
  release: string,
  { linux = `${os} ${release} kernel`, initrd = `${os} ${release} initrd` } = {},
): SiteProduct => ({
  tags: {
    arch: 'amd64',
    subarch: 'generic',
    os,
    release,
    version: release,
    label: 'installer',
    release_title: release,
  },
  versions: {
    [SERIAL]: {
      files: {
        linux: { ftype: 'linux', path: `${os}/${release}/linux`, content: linux },
        'initrd.gz': { ftype: 'initrd.gz', path: `${os}/${release}/initrd.gz`, content: initrd },
      },
    },
  },
});

/** A boot loader. */
export const loaderProduct = (type: string): SiteProduct => ({
  tags: { os: 'grub', arch: 'amd64', label: 'stable', 'bootloader-type': type },
  versions: {
    [SERIAL]: { files: { 'boot.efi': { ftype: 'bootloader', path: `${type}/boot.efi`, content: `loader ${type}` } } },
  },
});

/** Sites, and a run of imports from them. `close` ends all of it. */
export class ItemSites {
  readonly #scratch: string;
  readonly #ends: (() => Promise<void> | void)[] = [];
  readonly shown = new Map<string, ImportProgress>();
  readonly bugs: ReportedBug[] = [];
  left: SkippedList = { skipped: [], more: 0 };

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  /** Serves a site. @param answer answers for some of its paths: true if it did */
  async serve(
    name: string,
    products: readonly SiteProduct[],
    answer: (...of: Parameters<RequestListener>) => boolean = () => false,
  ): Promise<SelectedSource> {
    const directory = mkdtempSync(join(this.#scratch, 'site-'));
    const named = products.map((one, at) => [`com.example:${at}:amd64`, one]);
    writeStreamSite(directory, { [`com.example.${name}:download`]: Object.fromEntries(named) }, undefined);
    const server = createServer((request, response) => {
      if (!answer(request, response)) response.end(readFileSync(join(directory, request.url ?? '')));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    this.#ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const source: ImageSource = unsignedStream({ name, url });
    return { source, selections: [EVERYTHING] };
  }

  /** Begins a run. @param spoil returns the downloads that the run uses */
  begin(tree: string, sources: readonly SelectedSource[], spoil = (downloads: Downloads): Downloads => downloads) {
    const downloads = new DownloadQueue(DEFAULT_SETTINGS, systemClock);
    const place = { tree, workDir: join(tree, 'work'), configured: {} };
    const order = { ...place, sources, images: [], held: new Map(), bytesPerSecondMax: undefined, httpProxy: '' };
    const run = new ImportRun(order, {
      downloads: spoil(downloads),
      clock: systemClock,
      onProgress: (name, progress) => this.shown.set(name, progress),
      onLeft: (left) => {
        this.left = left;
      },
      onBug: (bug) => this.bugs.push(bug),
    });
    const ended = run.run();
    this.#ends.push(async () => {
      run.stop();
      await ended.catch(() => undefined);
      await downloads.close();
    });
    return { run, ended, order };
  }

  isIn(name: string, state: ImportProgress['state']): Promise<ImportProgress> {
    return eventually(`${name} is ${state}`, () => {
      const progress = this.shown.get(name);
      if (progress?.state === 'failed' && state !== 'failed') assert.fail(JSON.stringify(progress));
      return progress?.state === state ? progress : undefined;
    });
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
