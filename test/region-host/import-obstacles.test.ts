// An obstacle to one import costs that import alone: odd entries of the boot tree, and an error of our own.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Downloads } from '../../src/images/download/queue.ts';
import { importText as importReasonText } from '../../src/region/records/import-reason.ts';
import { digestOf, diskProduct, ItemSites, installerProduct, loaderProduct } from '../support/item-site.ts';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';

const IMAGE = 'good/img/amd64/generic/release';
const INSTALLER = 'debian/two/amd64/generic/installer';
const PLACE = 'amd64/generic/two/install';
const LOADER = 'bootloader/uefi/amd64/generic/stable';
const BAD = Buffer.alloc(1024 * 1024, 'no disk');

const MAKERS: Readonly<Record<string, (path: string) => void>> = {
  'a file': (path) => writeFileSync(path, 'mine'),
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a directory': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'mine'), 'mine');
  },
};

const CASES: readonly (readonly [kind: string, place: string, item: string, reason: RegExp])[] = [
  ...['a file', 'a FIFO'].flatMap(
    (kind) =>
      [
        [kind, PLACE, INSTALLER, /^amd64\/generic\/two\/install is not a directory, .*move it away first$/],
        [kind, dirname(PLACE), INSTALLER, /: amd64\/generic\/two is not a directory: move it away$/],
        [kind, 'amd64', INSTALLER, /: amd64 is not a directory: move it away$/],
        [kind, 'bootloader/uefi/amd64', LOADER, /^bootloader\/uefi\/amd64 is not a directory, .*move it away first$/],
        [kind, 'bootloader', LOADER, /: bootloader is not a directory: move it away$/],
      ] as const,
  ),
  ['a directory', PLACE, INSTALLER, /two\/install has files that no import put there: move it away first$/],
];

describe('a run of imports', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-obstacles-'));
  let tree = '';
  let sites: ItemSites;
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
    sites = new ItemSites(scratch);
  });
  afterEach(() => sites.close());
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const reasonOf = (name: string): string => {
    const reason = sites.shown.get(name)?.reason;
    return reason === undefined ? '' : importReasonText(reason);
  };

  for (const [kind, place, item, words] of CASES)
    test(`continues if ${kind} has the place ${place.replace(/[0-9a-f]{64}/, 'HEX')}`, async () => {
      mkdirSync(dirname(join(tree, place)), { recursive: true });
      MAKERS[kind]?.(join(tree, place));
      const odd = await sites.serve('odd', [
        installerProduct('debian', 'two'),
        loaderProduct('uefi'),
        diskProduct('bad', 'img', 1, BAD),
      ]);
      const { ended } = sites.begin(tree, [odd, await sites.serve('good', [diskProduct('good', 'img')])]);
      await ended;
      assert.equal(sites.shown.get(item)?.state, 'failed');
      assert.match(reasonOf(item), words);
      assert.equal(sites.shown.get(IMAGE)?.state, 'done');
      assert.deepEqual(sites.bugs, []);
      assert.ok(existsSync(join(tree, place)), 'it stays');
    });

  test('continues after an error of its own in one import, whose stack is reported once', async () => {
    const spoil = (downloads: Downloads): Downloads => ({
      fetchDocument: (...of) => downloads.fetchDocument(...of),
      fetch: async (request, terms) => {
        if (request.name === digestOf(BAD)) throw new TypeError('x is not a function');
        return downloads.fetch(request, terms);
      },
    });
    const odd = await sites.serve(
      'odd',
      ['a', 'b'].map((os) => diskProduct(os, 'img', 1, BAD)),
    );
    const { ended } = sites.begin(tree, [odd, await sites.serve('good', [diskProduct('good', 'img')])], spoil);
    await ended;
    assert.equal(sites.shown.get(IMAGE)?.state, 'done');
    for (const name of ['a', 'b'])
      assert.match(
        reasonOf(`${name}/img/amd64/generic/release`),
        /^this is an error of Rackboot: .* is not a function: /,
      );
    assert.equal(sites.bugs.length, 1);
    assert.match(sites.bugs[0]?.stack ?? '', /^TypeError: .* is not a function at .*import-obstacles\.test\.ts/);
  });

  test('continues after an error of its own in the answer of one source', async () => {
    const odd = await sites.serve('odd', [diskProduct('odd', 'img')]);
    const spoil = (downloads: Downloads): Downloads => ({
      fetch: (...of) => downloads.fetch(...of),
      fetchDocument: async (request, signal) => {
        if (request.url.startsWith(odd.source.kind === 'simplestreams' ? odd.source.url : ''))
          throw new TypeError('x is not a function');
        return downloads.fetchDocument(request, signal);
      },
    });
    const { ended } = sites.begin(tree, [odd, await sites.serve('good', [diskProduct('good', 'img')])], spoil);
    const { skipped } = await ended;
    assert.equal(sites.shown.get(IMAGE)?.state, 'done');
    assert.deepEqual(
      skipped.map(({ name, reason }) => [name, reason]),
      [['odd', { code: 'bug', params: { said: 'x is not a function' } }]],
    );
    assert.equal(sites.bugs.length, 1);
  });

  test('imports an installer whose kernel and initrd are one file, without a second copy of it', async () => {
    const both = 'one file';
    const site = await sites.serve('site', [installerProduct('debian', 'two', { linux: both, initrd: both })]);
    await sites.begin(tree, [site]).ended;
    assert.equal(reasonOf(INSTALLER), '');
    for (const name of ['linux', 'initrd.gz']) assert.equal(readFileSync(join(tree, PLACE, name), 'utf8'), both);
    const [linux, initrd] = ['linux', 'initrd.gz'].map((name) => statSync(join(tree, PLACE, name)).ino);
    assert.equal(linux, initrd);
    assert.equal(existsSync(join(tree, 'images/.downloads', digestOf(both))), false);
  });

  test('leaves the installer of another system in its place, and says so', async () => {
    const own = await sites.serve('own', [installerProduct('debian', 'two')]);
    await sites.begin(tree, [own]).ended;
    const other = await sites.serve('other', [installerProduct('evil', 'two')]);
    const { skipped } = await sites.begin(tree, [other, own]).ended;
    assert.deepEqual(skipped, [
      {
        name: 'evil/two/amd64/generic/installer',
        reason: { code: 'release-taken', params: { place: PLACE, holder: INSTALLER } },
      },
    ]);
    assert.equal(readFileSync(join(tree, PLACE, 'linux'), 'utf8'), 'debian two kernel');
  });

  test('lists the source that delivers an image after an earlier one failed', async () => {
    const isDisk = (url = ''): boolean => url.endsWith('.img');
    const first = await sites.serve('first', [diskProduct('good', 'img', 1)], (request, response) => {
      if (isDisk(request.url)) response.writeHead(404).end();
      return isDisk(request.url);
    });
    const second = await sites.serve('second', [diskProduct('good', 'img', 2)], (request, response) => {
      if (isDisk(request.url)) response.writeHead(200, { 'Content-Length': 1024 * 1024 }).write('x');
      return isDisk(request.url);
    });
    sites.begin(tree, [first, second]);
    await eventually('the second one delivers it', () => sites.shown.get(IMAGE)?.source === 'second' || undefined);
    const reason = { code: 'later-source', params: { first: 'first', source: 'second' } };
    await eventually(
      'the list says it',
      () => isDeepStrictEqual(sites.left.skipped, [{ name: IMAGE, reason }]) || undefined,
    );
  });

  test('a slow installer of one source delays none of another', async () => {
    const slow = await sites.serve('slow', [installerProduct('evil', 'slow')], (request, response) => {
      if (request.url?.endsWith('/linux') !== true) return false;
      response.writeHead(200, { 'Content-Length': 'evil slow kernel'.length });
      response.write('evil');
      return true;
    });
    sites.begin(tree, [slow, await sites.serve('good', [installerProduct('debian', 'two')])]);
    await sites.isIn(INSTALLER, 'done');
    assert.ok(
      !['queued', 'failed', 'done'].includes(sites.shown.get('evil/slow/amd64/generic/installer')?.state ?? ''),
    );
  });

  test('installers that wait for their turn take no place of an image', { skip: missing('mkfifo') }, async () => {
    const kernel = digestOf(Buffer.from('held one kernel'));
    let fifo = '';
    // The import that has the turn reads a FIFO, as one whose package manager hangs.
    const spoil = (downloads: Downloads): Downloads => ({
      fetchDocument: (...of) => downloads.fetchDocument(...of),
      fetch: async (request, terms) => {
        if (request.name !== kernel) return downloads.fetch(request, terms);
        fifo = join(request.directory, request.name);
        execFileSync('mkfifo', [fifo]);
        return 15;
      },
    });
    const others = ['a', 'b'].map((os) =>
      sites.serve(
        os,
        ['x', 'y'].map((name) => installerProduct(os, `${os}${name}`)),
      ),
    );
    const held = await sites.serve('held', [installerProduct('held', 'one')]);
    const good = await sites.serve('good', [diskProduct('good', 'img')], (_, response) => {
      if (existsSync(fifo)) return false;
      response.destroy();
      return true;
    });
    sites.begin(tree, [held, ...(await Promise.all(others)), good], spoil);
    try {
      await sites.isIn(IMAGE, 'done');
    } finally {
      writeFileSync(fifo, 'held one kernel');
    }
    await sites.isIn('b/by/amd64/generic/installer', 'done');
  });
});
