// A run of imports: a source that is silent delays no other image, the same file under two names is downloaded once, a file that another
// process has locked is waited for, and the progress of a system is that of all its files.
// @host waits

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '../../src/ground/clock.ts';
import { DownloadQueue } from '../../src/images/download/queue.ts';
import { DEFAULT_SETTINGS } from '../../src/images/download/settings.ts';
import { sweepDownloads } from '../../src/images/run/left-downloads.ts';
import { EVERYTHING, type Selection } from '../../src/images/sources/offer.ts';
import type { ImageSource } from '../../src/images/sources/source.ts';
import { holdFiles } from '../../src/images/store/held-files.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import type { ImportProgress } from '../../src/region/records/boot-store.ts';
import { ImportRun } from '../../src/region-host/imports/import-run.ts';
import type { SkippedList } from '../../src/region-host/imports/message.ts';
import { AWAITED_MS, type SelectedSource } from '../../src/region-host/imports/plan.ts';
import { makeDisk, makeSquashfsHead, makeSystemDisk } from '../images/disks.ts';
import { FileSite } from '../support/image-site.ts';
import { unsignedStream } from '../support/offers.ts';
import { eventually } from '../support/running-rack.ts';
import { type SiteFile, type SiteProduct, writeStreamSite } from '../support/stream-site.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MIB = 1024 * 1024;
const SERIAL = '20261015';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const product = (release: string, label: string, files: Readonly<Record<string, SiteFile>>): SiteProduct => ({
  tags: { arch: 'amd64', os: 'ubuntu', release, version: release, label, release_title: release },
  versions: { [SERIAL]: { files } },
});
const disk = (release: string, content: Uint8Array, label = 'release'): SiteProduct =>
  product(release, label, { 'disk1.img': { ftype: 'disk1.img', path: `${release}-${label}.img`, content } });

function selected(name: string, url: string, selections: readonly Selection[] = [EVERYTHING]): SelectedSource {
  const source: ImageSource = unsignedStream({ name, url });
  return { source, selections };
}

describe('a run of imports', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-import-run-'));
  const ends: (() => Promise<void> | void)[] = [];
  let tree = '';
  let shown: (readonly [string, ImportProgress])[] = [];
  let lefts: SkippedList[] = [];

  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
    shown = [];
    lefts = [];
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function serve(products: readonly SiteProduct[], pauseMs = 0): Promise<{ site: FileSite; url: string }> {
    const directory = mkdtempSync(join(scratch, 'site-'));
    const named = products.map((one, at) => [`com.example:${at}:amd64`, one]);
    writeStreamSite(directory, { 'com.example:download': Object.fromEntries(named) }, undefined);
    const site = new FileSite(directory);
    site.pauseMs = pauseMs;
    ends.push(() => site.close());
    return { site, url: await site.open() };
  }

  /** A server that accepts and sends nothing, until `answer` is called. */
  async function serveSilence(): Promise<{ url: string; answer: () => void }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = createServer((_, response) => void promise.then(() => response.writeHead(404).end()));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, answer: resolve };
  }

  function begin(sources: readonly SelectedSource[], clock: Clock = systemClock, images: readonly string[] = []) {
    const downloads = new DownloadQueue(DEFAULT_SETTINGS, systemClock);
    const place = { tree, workDir: join(tree, 'work'), configured: {} };
    const order = { ...place, sources, images, bytesPerSecondMax: undefined, httpProxy: '' };
    const onProgress = (name: string, progress: ImportProgress): void => void shown.push([name, progress]);
    const onLeft = (left: SkippedList): void => void lefts.push(left);
    const run = new ImportRun(order, {
      downloads,
      clock,
      onProgress,
      onLeft,
      onBug: ({ stack }) => assert.fail(stack),
    });
    const ended = run.run();
    ends.push(async () => {
      run.stop();
      await ended;
      await downloads.close();
    });
    return { run, ended, order };
  }

  const stateOf = (name: string): ImportProgress | undefined => shown.findLast(([of]) => of === name)?.[1];
  const isIn = (name: string, state: ImportProgress['state']): Promise<ImportProgress> =>
    eventually(`${name} is ${state}`, () => (stateOf(name)?.state === state ? stateOf(name) : undefined));
  const left = (): readonly string[] => readdirSync(join(tree, 'images', '.downloads'));

  test('a source that accepts and sends nothing delays no image of the others', async () => {
    const silent = await serveSilence();
    const { url } = await serve([disk('noble', makeSystemDisk(MIB)), disk('jammy', makeSystemDisk(MIB, 2))]);
    const { ended } = begin([
      selected('silent', silent.url, [{ ...EVERYTHING, release: 'jammy' }]),
      selected('site', url),
    ]);
    await isIn('ubuntu/noble/amd64/generic/release', 'done');
    assert.equal(stateOf('ubuntu/jammy/amd64/generic/release'), undefined, 'the first source may have it');
    silent.answer();
    const { skipped } = await ended;
    assert.equal(stateOf('ubuntu/jammy/amd64/generic/release')?.state, 'done');
    assert.deepEqual(
      skipped.map(({ name, reason }) => `${name} ${reason.code}`),
      // Its only entry: nothing of it could be read.
      ['silent download'],
    );
  });

  test('a run for one image imports no other, which waits for no source, until it is renewed for all', async () => {
    const silent = await serveSilence();
    const { url } = await serve([disk('noble', makeSystemDisk(MIB)), disk('jammy', makeSystemDisk(MIB, 2))]);
    const sources = [selected('silent', silent.url, [{ ...EVERYTHING, release: 'jammy' }]), selected('site', url)];
    const noble = 'ubuntu/noble/amd64/generic/release';
    const { run, ended, order } = begin(sources, systemClock, [noble]);
    await isIn(noble, 'done');
    await eventually('the list has arrived', () => lefts.length > 0 || undefined);
    assert.deepEqual(
      lefts.at(-1)?.skipped.map(({ name, reason }) => `${name} ${reason.code}`),
      ['silent unanswered'],
    );
    assert.ok(run.renew({ ...order, sources: sources.slice(1), images: [] }));
    silent.answer();
    await ended;
    assert.deepEqual([...new Map(shown.map(([name, { state }]) => [name, state]))].toSorted(), [
      ['ubuntu/jammy/amd64/generic/release', 'done'],
      [noble, 'done'],
    ]);
  });

  test('while a source has not answered, the list says so of it and of the images that wait for it; a stopped run waits for none', async () => {
    const silent = await serveSilence();
    const { url } = await serve(disks([1]));
    const clock = new VirtualClock();
    const { run, ended } = begin([selected('silent', silent.url), selected('site', url)], clock);
    clock.advance(4999);
    assert.deepEqual(lefts, []);
    clock.advance(1);
    const list = (): readonly string[] | undefined =>
      lefts.at(-1)?.skipped.map(({ name, reason }) => `${name} ${reason.code}`);
    const expected = ['silent unanswered', `${S1} waits-for-source`];
    await eventually('the image is listed', () => isDeepStrictEqual(list(), expected) || undefined);
    run.stop();
    assert.deepEqual((await ended).skipped, []);
  });

  test('a source that is late delays no image of later sources any more, and is listed while it is waited for', async () => {
    const late = await serveSilence();
    const { url } = await serve(disks([1]));
    const clock = new VirtualClock();
    const { ended } = begin([selected('late', late.url), selected('site', url)], clock);
    clock.advance(AWAITED_MS);
    await isIn(S1, 'done');
    const list = (): readonly string[] | undefined =>
      lefts.at(-1)?.skipped.map(({ name, reason }) => `${name} ${reason.code}`);
    assert.deepEqual(list(), ['late awaited']);
    late.answer();
    await ended;
    assert.deepEqual(list(), ['late download']);
  });

  /** A site whose documents arrive at once. @param answerFile answers for its images */
  async function serveFiles(products: readonly SiteProduct[], answerFile: RequestListener) {
    const directory = mkdtempSync(join(scratch, 'site-'));
    const named = products.map((one, at) => [`com.example:${at}:amd64`, one]);
    writeStreamSite(directory, { 'com.example:download': Object.fromEntries(named) }, undefined);
    let asked = 0;
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      if (!path.endsWith('.json')) {
        asked += 1;
        answerFile(request, response);
      } else response.end(readFileSync(join(directory, path)));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked: () => asked };
  }

  /** Sends the head of a file, and one byte. */
  const sendLittle: RequestListener = (_, response) => {
    response.writeHead(200, { 'Content-Length': MIB });
    response.write('x');
  };
  const disks = (seeds: readonly number[]): readonly SiteProduct[] =>
    seeds.map((seed) => disk(`s${seed}`, makeSystemDisk(MIB, seed)));
  const squash = (release: string): SiteProduct => {
    const root = Buffer.concat([makeSquashfsHead(MIB), Buffer.alloc(MIB - 96, release)]);
    const files = {
      'boot-kernel': { ftype: 'boot-kernel', path: `${release}.kernel`, content: `kernel of ${release}` },
      'boot-initrd': { ftype: 'boot-initrd', path: `${release}.initrd`, content: `initrd of ${release}` },
      squashfs: { ftype: 'squashfs', path: `${release}.img`, content: root },
    };
    const { tags, versions } = product(release, 'stable', files);
    return { tags: { ...tags, subarch: 'ga-24.04', subarches: 'ga-24.04', version: '24.04' }, versions };
  };

  test('slow images of some sources delay no image of another, and a renewed run imports what is new', async () => {
    const slow = await Promise.all(
      [
        [1, 2],
        [3, 4],
      ].map((seeds) => serveFiles(disks(seeds), sendLittle)),
    );
    const sources = slow.map(({ url }, at) => selected(`slow${at}`, url));
    const { run, order } = begin(sources);
    for (const seed of [1, 2, 3]) await isIn(`ubuntu/s${seed}/amd64/generic/release`, 'downloading');
    const { url } = await serve(disks([6, 7]));
    assert.ok(run.renew({ ...order, sources: [...sources, selected('site', url)] }));
    await isIn('ubuntu/s6/amd64/generic/release', 'done');
    await isIn('ubuntu/s7/amd64/generic/release', 'done');
    assert.equal(stateOf('ubuntu/s1/amd64/generic/release')?.state, 'downloading');
    // IMPORTS_OF_SOURCE_MAX of the first source; of the second what IMPORTS_MAX leaves without the last place. None began twice.
    assert.deepEqual(
      slow.map(({ asked }) => asked()),
      [2, 1],
    );
  });

  const S1 = 'ubuntu/s1/amd64/generic/release';

  test('an image that is there is done at once, even if slow images of its source have all places', async () => {
    const { url } = await serve(disks([7]));
    await begin([selected('site', url)]).ended;
    shown = [];
    const slow = await serveFiles(disks([1, 2, 7]), sendLittle);
    begin([selected('slow', slow.url)]);
    await isIn('ubuntu/s7/amd64/generic/release', 'done');
    assert.equal(stateOf('ubuntu/s7/amd64/generic/release')?.reason?.code, 'present');
  });

  test('a slow system delays no system of another source', async () => {
    const slow = await serveFiles([squash('jammy')], sendLittle);
    const { url } = await serve([squash('noble')]);
    begin([selected('slow', slow.url), selected('site', url)]);
    await isIn('ubuntu/noble/amd64/generic/stable', 'done');
    assert.notEqual(stateOf('ubuntu/jammy/amd64/generic/stable')?.state, 'done');
  });

  test('the images that were left out are known while a slow one continues', async () => {
    const slow = await serveFiles(disks([1]), sendLittle);
    begin([selected('slow', slow.url, [EVERYTHING, { ...EVERYTHING, release: 'nobel' }])]);
    await isIn('ubuntu/s1/amd64/generic/release', 'downloading');
    const [left] = await eventually('the list is there', () => (lefts.length > 0 ? lefts : undefined));
    assert.deepEqual(
      left?.skipped.map(({ name, reason }) => `${name} ${reason.code}`),
      ['*/nobel not-offered'],
    );
  });

  test('an image whose server asks for a long pause takes no place meanwhile, and fails after several', async () => {
    // Long pauses are short.
    const schedule: Clock['schedule'] = (ms, wake) => systemClock.schedule(ms > 60_000 ? 10 : ms, wake);
    const clock: Clock = { ...systemClock, schedule };
    const busy = await serveFiles(disks([1, 2, 3, 4]), (_, response) =>
      response.writeHead(503, { 'Retry-After': '900' }).end(),
    );
    await begin([selected('busy', busy.url)], clock).ended;
    const names = [1, 2, 3, 4].map((seed) => `ubuntu/s${seed}/amd64/generic/release`);
    assert.deepEqual(
      names.map((name) => [stateOf(name)?.state, stateOf(name)?.reason?.code]),
      names.map(() => ['failed', 'download']),
    );
    assert.equal(busy.asked(), 4 * 8);
    const first = shown.findIndex(([name, { state }]) => name === names[0] && state === 'waiting');
    const last = shown.findIndex(([name, { state }]) => name === names[3] && state === 'connecting');
    assert.ok(first < last, 'the last one got a place when the first one waited');
  });

  test('an image that its source does not deliver comes from a source that answers later', async () => {
    const content = makeSystemDisk(MIB);
    const { site, url } = await serve([disk('noble', content)]);
    const directory = mkdtempSync(join(scratch, 'site-'));
    const broken = disk('noble', makeSystemDisk(MIB, 3));
    writeStreamSite(directory, { 'com.example:download': { 'com.example:0:amd64': broken } }, undefined);
    rmSync(join(directory, 'noble-release.img'));
    const first = new FileSite(directory);
    ends.push(() => first.close());
    const firstUrl = await first.open();
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = createServer((request, response) => {
      void promise.then(() => response.writeHead(302, { Location: `${url}${request.url?.slice(1)}` }).end());
    });
    await new Promise<void>((listening) => late.listen(0, '127.0.0.1', listening));
    ends.push(() => void late.close());
    const lateUrl = `http://127.0.0.1:${(late.address() as AddressInfo).port}/`;
    const { ended } = begin([selected('first', firstUrl), selected('late', lateUrl)]);
    await isIn('ubuntu/noble/amd64/generic/release', 'failed');
    resolve();
    await ended;
    assert.equal(stateOf('ubuntu/noble/amd64/generic/release')?.state, 'done');
    assert.equal(site.sent, content.length);
  });

  test('a renewal shows again what has begun and has shown nothing', async () => {
    const { url } = await serve([disk('noble', makeSystemDisk(MIB))]);
    const { run, order } = begin([selected('a', url)]);
    const name = 'ubuntu/noble/amd64/generic/release';
    for (const deadline = Date.now() + 10_000; stateOf(name) === undefined; ) {
      assert.ok(Date.now() < deadline, 'it is not queued');
      await new Promise((done) => setImmediate(done));
    }
    assert.equal(stateOf(name)?.state, 'queued');
    shown = [];
    assert.ok(run.renew(order));
    assert.equal(stateOf(name)?.state, 'queued');
    await isIn(name, 'done');
  });

  test('an image whose source fails an attempt comes from a source that has answered meanwhile', async () => {
    const content = makeSystemDisk(MIB);
    const [{ site: first, url }, { site: second, url: other }] = [
      await serve([disk('noble', content)]),
      await serve([disk('noble', content)]),
    ];
    first.refused = { paths: /\.img$/, status: 503 };
    second.delayMs = 300;
    const { ended } = begin([selected('first', url), selected('second', other)]);
    await ended;
    assert.equal(stateOf('ubuntu/noble/amd64/generic/release')?.state, 'done');
    assert.equal(second.sent, content.length);
    assert.equal(first.asked.filter((path) => path.endsWith('.img')).length, 1);
  });

  test('the same file under two names is downloaded once, and both images are there', async () => {
    const content = makeSystemDisk(4 * MIB);
    const { site, url } = await serve([disk('plucky', content), disk('plucky', content, 'daily')], 5);
    const { skipped } = await begin([selected('site', url)]).ended;
    assert.deepEqual(skipped, []);
    assert.deepEqual(
      readImages(tree)
        .images.map(({ label }) => label)
        .sort(),
      ['daily', 'release'],
    );
    assert.equal(site.sent, content.length);
    assert.ok(shown.every(([, { state }]) => state !== 'failed'));
    assert.deepEqual(left(), []);
  });

  test('an image whose file another work needs waits, takes no place, and is tried again soon', async () => {
    const contents = [1, 2, 3].map((seed) => makeSystemDisk(MIB, seed));
    const { url } = await serve(contents.map((content, at) => disk(`r${at}`, content)));
    const directory = join(tree, 'images', '.downloads');
    mkdirSync(directory, { recursive: true });
    const locks = contents.slice(0, 2).map((content) => holdFiles([join(directory, sha256(content))], 'a test'));
    const clock = new VirtualClock();
    const { ended } = begin([selected('site', url)], clock);
    const waiting = await isIn('ubuntu/r0/amd64/generic/release', 'waiting');
    assert.deepEqual(waiting.reason, { code: 'locked', params: {} });
    assert.equal(waiting.nextMs, clock.wallTimeMs() + 60_000);
    await isIn('ubuntu/r1/amd64/generic/release', 'waiting');
    await isIn('ubuntu/r2/amd64/generic/release', 'done');
    for (const lock of locks) lock.release();
    clock.advance(60_000);
    const { skipped } = await ended;
    assert.deepEqual(skipped, []);
    assert.equal(readImages(tree).images.length, 3);
  });

  test('a stopped run does not wait for another work', async () => {
    const content = makeSystemDisk(MIB);
    const { url } = await serve([disk('r0', content)]);
    const directory = join(tree, 'images', '.downloads');
    mkdirSync(directory, { recursive: true });
    const lock = holdFiles([join(directory, sha256(content))], 'a test');
    const { run, ended } = begin([selected('site', url)]);
    const name = 'ubuntu/r0/amd64/generic/release';
    await isIn(name, 'waiting');
    run.stop();
    await ended;
    assert.equal(stateOf(name)?.state, 'cancelled');
    lock.release();
  });

  describe('of a system', () => {
    const contents = { 'boot-kernel': 3 * MIB, 'boot-initrd': 2 * MIB, squashfs: 8 * MIB };
    const total = 13 * MIB;
    const bytesOf = (name: string): Uint8Array => {
      const bytes = makeDisk(contents[name as keyof typeof contents], 'none', name.length);
      if (name === 'squashfs') bytes.set(makeSquashfsHead(bytes.length));
      return bytes;
    };
    const system = (subarch: string, extra = ''): SiteProduct => {
      const files = Object.keys(contents).map((name) => {
        const content = Buffer.concat([bytesOf(name), Buffer.from(name === 'squashfs' ? '' : extra)]);
        // The site sends images slowly.
        return [name, { ftype: name, path: `${subarch}/${name}.img`, content }];
      });
      const { tags, versions } = product('noble', 'stable', Object.fromEntries(files));
      return { tags: { ...tags, subarch, subarches: subarch, version: '24.04' }, versions };
    };
    const NAME = 'ubuntu/noble/amd64/generic/stable';

    /** The bytes that were shown never become fewer, and their total is that of all files. */
    function checkProgress(name: string, all: number): void {
      const own = shown.filter(([of]) => of === name).map(([, progress]) => progress);
      let before = 0;
      for (const { bytes, total: shownTotal } of own) {
        assert.equal(shownTotal, all);
        assert.ok(bytes >= before, `${bytes} after ${before}`);
        before = bytes;
      }
      assert.deepEqual([own.at(-1)?.state, before], ['done', all]);
    }

    test('the progress is one of all its files', async () => {
      const { url } = await serve([system('ga-24.04')], 2);
      await begin([selected('site', url)]).ended;
      checkProgress(NAME, total);
      const moving = shown.filter(([, { state }]) => state === 'downloading').map(([, { bytes }]) => bytes);
      assert.ok(
        moving.some((bytes) => bytes > 3 * MIB && bytes < total),
        moving.join(' '),
      );
    });

    test('files that are already there count as done', async () => {
      const { url } = await serve([system('ga-24.04'), system('hwe-24.04', 'hwe')], 2);
      await begin([selected('site', url)]).ended;
      const hwe = 'ubuntu/noble/amd64/hwe-24.04/stable';
      checkProgress(hwe, total + 6);
      const first = shown.find(([name, { state }]) => name === hwe && state === 'downloading');
      assert.ok((first?.[1].bytes ?? 0) >= 8 * MIB, `${first?.[1].bytes}`);
    });
  });

  test('an image that is there, or failed is not listed as left out: its progress says it', async () => {
    const { url } = await serve([disk('noble', makeSystemDisk(MIB)), disk('jammy', makeDisk(MIB, 'mbr'))]);
    const sources = [selected('site', url, [EVERYTHING, { ...EVERYTHING, release: 'nobel' }])];
    for (const state of ['first', 'second']) {
      const { skipped } = await begin(sources).ended;
      assert.deepEqual(
        skipped.map(({ name, reason }) => `${name} ${reason.code}`),
        ['*/nobel not-offered'],
        state,
      );
    }
    assert.equal(stateOf('ubuntu/noble/amd64/generic/release')?.reason?.code, 'present');
    assert.equal(stateOf('ubuntu/jammy/amd64/generic/release')?.state, 'failed');
  });

  test('a stopped image keeps its progress in the next run', async () => {
    const { url } = await serve([disk('noble', makeSystemDisk(4 * MIB))], 20);
    const name = 'ubuntu/noble/amd64/generic/release';
    const { run, ended, order } = begin([selected('site', url)]);
    await eventually('some bytes are there', () => (stateOf(name)?.bytes ?? 0) > MIB || undefined);
    run.stop();
    await ended;
    const stopped = stateOf(name);
    assert.equal(stopped?.state, 'cancelled');
    const arrived = statSync(
      join(tree, 'images', '.downloads', String(left().find((file) => file.endsWith('.part')))),
    ).size;
    assert.ok(arrived >= (stopped?.bytes ?? 0));
    shown = [];
    await begin(order.sources).ended;
    const verified = shown.flatMap(([, { state, bytes }]) => (state === 'verifying' ? [bytes] : []));
    assert.ok(verified.length > 0 && Math.min(...verified) >= arrived, `while it is hashed: ${verified} of ${arrived}`);
  });

  test('a refused image leaves no file, and is not downloaded again by the next run', async () => {
    const content = makeDisk(2 * MIB, 'mbr');
    const root = Buffer.alloc(MIB, 'no root');
    const noDisk = Buffer.alloc(MIB, 'no partition table');
    const { site, url } = await serve([
      disk('noble', content),
      disk('oracular', noDisk),
      product('jammy', 'stable', {
        'boot-kernel': { ftype: 'boot-kernel', path: 'kernel', content: 'kernel' },
        'boot-initrd': { ftype: 'boot-initrd', path: 'initrd', content: 'initrd' },
        squashfs: { ftype: 'squashfs', path: 'root.img', content: root },
      }),
    ]);
    const reasons = async (): Promise<readonly string[]> => {
      const { skipped } = await begin([selected('site', url)]).ended;
      assert.deepEqual(skipped, [], 'each has its own reason');
      const names = [
        'ubuntu/noble/amd64/generic/release',
        'ubuntu/oracular/amd64/generic/release',
        'ubuntu/jammy/amd64/generic/stable',
      ];
      return names.map((name) => JSON.stringify(stateOf(name)?.reason)).sort();
    };
    const first = await reasons();
    assert.deepEqual(
      // The event names the image already.
      first.map((text) => text.startsWith('{"code":"refused"') && !text.includes('was not imported')),
      [true, true, true],
    );
    const bytes = content.length + noDisk.length + root.length;
    assert.equal(site.sent, bytes);
    assert.deepEqual([...left()].sort(), [content, noDisk, root].map((refused) => `${sha256(refused)}.refused`).sort());
    const again = await reasons();
    const remark =
      ' (an earlier import found this; the file is not downloaded again for two weeks, or until the image is deleted)';
    assert.ok(again.every((text) => text.includes(remark)));
    assert.deepEqual(
      again.map((text) => text.replace(remark, '')),
      first,
    );
    assert.equal(site.sent, bytes);
    await sweepDownloads(tree, Date.now() + 15 * 24 * 3_600_000);
    assert.deepEqual(left(), []);
  });
});

test('whole files and parts without new bytes are swept after two weeks, but not those of a running import', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-sweep-'));
  try {
    const directory = join(tree, 'images', '.downloads');
    mkdirSync(directory, { recursive: true });
    const [one, two, three] = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
    for (const name of [`${one}.part`, `${one}.part.json`, two, `${three}.part`]) {
      writeFileSync(join(directory, String(name)), 'bytes');
    }
    assert.equal(await sweepDownloads(tree, Date.now()), 0);
    const lock = holdFiles([join(directory, String(three))], 'a test');
    assert.equal(await sweepDownloads(tree, Date.now() + 15 * 24 * 3_600_000), 10);
    lock.release();
    assert.deepEqual(readdirSync(directory).sort(), [`${three}.part`]);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
