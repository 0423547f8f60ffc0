// A source that lies, is too large or no longer signed: it is named with its reason, and the next source has the image.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { importFirst } from '../../../src/images/run/import-item.ts';
import { decodeSources } from '../../../src/images/sources/decode-sources.ts';
import { askSources, chooseOffers } from '../../../src/images/sources/offers.ts';
import { SourceDocuments } from '../../../src/images/sources/source-documents.ts';
import { judgeImageName, readImages } from '../../../src/images/store/image-store.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { missing } from '../../support/needs.ts';
import { documentsAt } from '../../support/offers.ts';
import { indexDocument, productsDocument, type SiteContent, writeStreamSite } from '../../support/stream-site.ts';
import { makeSystemDisk } from '../disks.ts';
import { DownloadPlace } from '../download/download-place.ts';

const MIB = 1024 * 1024;
const CONTENT_ID = 'com.example:released:download';
const INDEX = '/streams/v1/index.sjson';
const PRODUCTS = `/streams/v1/${CONTENT_ID}.sjson`;
const IMAGE = '/disk.img';
const WISH = { os: 'tiny', release: 'one', architectures: ['amd64'] };
/** No case takes longer, in milliseconds. */
const CASE_MS_MAX = 30_000;

/** Answers one path of the site in its own way. */
interface Row {
  readonly name: string;
  readonly path: string;
  readonly answer: (response: ServerResponse, honest: Buffer) => void;
  /** The reason that a person reads. */
  readonly reason: RegExp;
}

/** Sends so much that nobody should read it to the end. */
function flood(response: ServerResponse, mebibytes: number): void {
  const piece = Buffer.alloc(MIB, ' ');
  let left = mebibytes;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    if (!response.destroyed) response.end();
  };
  more();
}

describe('a hostile source', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-hostile-source-'));
  const gpg = new GpgHome();
  let key = '';
  const disk = makeSystemDisk(2 * MIB);
  const content: SiteContent = {
    [CONTENT_ID]: {
      'com.example:one:amd64': {
        tags: { arch: 'amd64', os: 'tiny', release: 'one', version: '1', label: 'release' },
        versions: { '20261101': { files: { 'disk1.img': { ftype: 'disk1.img', path: 'disk.img', content: disk } } } },
      },
    },
  };

  before(() => {
    key = gpg.makeKey('site', 'ed25519', 'never', '20260101T000000');
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    writeStreamSite(join(scratch, 'site'), content, { home: gpg, key });
  });
  after(() => {
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function serve(row?: Row, site = 'site'): Promise<{ readonly url: string; readonly server: Server }> {
    const server = createServer(({ url = '' }, response) => {
      const file = join(scratch, site, url);
      const honest = statSync(file, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(file) : undefined;
      if (row?.path === url) row.answer(response, honest ?? Buffer.alloc(0));
      else if (honest === undefined) response.writeHead(404).end();
      else response.writeHead(200, { ETag: '"one"', 'Content-Length': honest.length }).end(honest);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
  }

  function sourcesAt(urls: readonly string[]) {
    const lines = urls.map(
      (
        url,
        at,
      ) => `  - { name: site${at}, title: Site, os: tiny, kind: simplestreams, url: "${url}", content_ids: ["${CONTENT_ID}"],
      ftypes: [disk1.img], arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] } }`,
    );
    const decoded = decodeSources(`sources:\n${lines.join('\n')}\n`, () => []);
    assert.ok(decoded.ok, JSON.stringify(decoded));
    return decoded.sources;
  }

  const sign = (text: string, at?: string, expires?: string): Buffer =>
    gpg.sign(text, {
      key,
      form: 'clear',
      ...(at === undefined ? {} : { at }),
      ...(expires === undefined ? {} : { expires }),
    });
  const indexText = (): string => JSON.stringify(indexDocument(content, true));

  const rows: readonly Row[] = [
    {
      name: 'has products of 200 MB',
      path: PRODUCTS,
      answer: (response) => flood(response, 200),
      reason: /has more than 33554432 bytes/,
    },
    {
      name: 'announces products of 200 MB',
      path: PRODUCTS,
      answer: (response) => void response.writeHead(200, { 'Content-Length': 200 * MIB }).write('{'),
      reason: /has more than 33554432 bytes/,
    },
    {
      name: 'has an expired signature',
      path: INDEX,
      answer: (response) => void response.end(sign(indexText(), '20260301T000000', '1d')),
      reason: /index\.sjson.*expired/,
    },
    {
      name: 'changes a signed text',
      path: INDEX,
      answer: (response, honest) => void response.end(honest.toString('utf8').replace('products:1.0', 'products:1.1')),
      reason: /index\.sjson.*signature/,
    },
    {
      name: 'has signed products of another content id',
      path: PRODUCTS,
      answer: (response) => void response.end(sign(JSON.stringify(productsDocument('candidate', {})))),
      reason: /download\.sjson: it is "candidate", but the index has "com\.example:released:download" at this path/,
    },
    {
      name: 'signs nothing',
      path: INDEX,
      answer: (response) => void response.end(indexText()),
      reason: /index\.sjson.*sign/,
    },
    {
      name: 'stalls in its index',
      path: INDEX,
      answer: (response, honest) => {
        response.writeHead(200, { 'Content-Length': honest.length });
        response.write(honest.subarray(0, 10));
      },
      reason: /sent nothing for/,
    },
    {
      name: 'cuts its index',
      path: INDEX,
      answer: (response, honest) => {
        response.writeHead(200, { 'Content-Length': honest.length });
        response.write(honest.subarray(0, 10), () => setTimeout(() => response.destroy(), 20));
      },
      reason: /ended the connection/,
    },
    {
      name: 'has other bytes than its checksum',
      path: IMAGE,
      answer: (response) => void response.end(Buffer.from(makeSystemDisk(disk.length, 9))),
      reason: /sha256 [0-9a-f]{64} instead of/,
    },
    {
      name: 'has no such image any more',
      path: IMAGE,
      answer: (response) => void response.writeHead(404).end(),
      reason: /HTTP 404/,
    },
  ];

  /** Asks these sources, and imports from the first that has the image. @returns the problems, and the serial */
  async function importFrom(urls: readonly string[], tree: string) {
    const place = new DownloadPlace();
    const downloads = place.queue();
    const nowMs = systemClock.wallTimeMs();
    try {
      const answers = await askSources(sourcesAt(urls), WISH, { downloads, clock: systemClock, mirrors: [] });
      const problems = answers.flatMap((answer) => answer.problems.map(({ message }) => message));
      try {
        const terms = { tree, downloads, nowMs };
        const { image } = await importFirst(chooseOffers(answers, 'image', WISH), terms, () => undefined);
        return { problems, serial: image.serial };
      } catch (error) {
        return { problems: [...problems, String(error)], serial: undefined };
      }
    } finally {
      await place.close();
    }
  }

  for (const [number, row] of rows.entries()) {
    test(`that ${row.name} gives its reason, and leaves nothing in the store`, { timeout: CASE_MS_MAX }, async () => {
      const [bad, good] = [await serve(row), await serve()];
      const tree = join(scratch, `tree-${number}`);
      try {
        const alone = await importFrom([bad.url], tree);
        assert.equal(alone.serial, undefined);
        assert.match(alone.problems.join('\n'), row.reason);
        assert.deepEqual(readImages(tree), { images: [], problems: [], unusable: [] });
        const { serial } = await importFrom([bad.url, good.url], tree);
        assert.equal(serial, '20261101');
        assert.equal(readImages(tree).images.length, 1);
      } finally {
        for (const { server } of [bad, good]) {
          server.closeAllConnections();
          server.close();
        }
      }
    });
  }

  test('a source with another file of the image gives it when the first one does not', {
    timeout: CASE_MS_MAX,
  }, async () => {
    const other = { ...content };
    other[CONTENT_ID] = {
      'com.example:one:amd64': {
        tags: { arch: 'amd64', os: 'tiny', release: 'one', version: '1', label: 'release' },
        versions: {
          '20261031': {
            files: { 'disk1.img': { ftype: 'disk1.img', path: 'older.img', content: makeSystemDisk(MIB) } },
          },
        },
      },
    };
    writeStreamSite(join(scratch, 'other'), other, { home: gpg, key });
    const gone: Row = { name: '', path: IMAGE, answer: (response) => void response.writeHead(410).end(), reason: / / };
    const [bad, older] = [await serve(gone), await serve(undefined, 'other')];
    try {
      const { serial } = await importFrom([bad.url, older.url], join(scratch, 'tree-other'));
      assert.equal(serial, '20261031');
    } finally {
      for (const { server } of [bad, older]) server.close();
    }
  });

  test('that gives images names which no store can hold offers the others only, each with its reason', {
    timeout: CASE_MS_MAX,
  }, async () => {
    const product = (os: string, release: string) => ({
      tags: { arch: 'amd64', os, release, version: '1', label: 'release' },
      versions: { '20261101': { files: { 'disk1.img': { ftype: 'disk1.img', path: 'disk.img', content: disk } } } },
    });
    const odd = ['ev\0il', '\ud800', '../../x', 'a/b', 'x'.repeat(4000), ''];
    const products = Object.fromEntries(odd.map((os, at) => [`odd${at}`, product(os, 'one')]));
    const content = { [CONTENT_ID]: { ...products, release: product('tiny', 'o~ne'), good: product('tiny', 'one') } };
    writeStreamSite(join(scratch, 'odd'), content, { home: gpg, key });
    const { url, server } = await serve(undefined, 'odd');
    const place = new DownloadPlace();
    try {
      const [source] = sourcesAt([url]);
      assert.ok(source);
      const means = { downloads: place.queue(), clock: systemClock, mirrors: [] };
      // As the region asks a source of its API.
      const [answer] = await askSources([{ ...source, os: '*' }], { ...WISH, os: '*', release: undefined }, means);
      assert.deepEqual(
        answer?.offers.map(({ os, release }) => `${os}/${release}`),
        ['tiny/one'],
      );
      assert.deepEqual(answer?.offers.map(judgeImageName), [undefined]);
      assert.equal(answer?.problems.length, odd.length + 1);
      for (const problem of answer?.problems ?? [])
        assert.match(problem.message, /^[ -~…]+ cannot be the (?:os|release) of an image/);
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });

  test('whose keyring is not a keyring has a reason, and the other sources have their images', {
    timeout: CASE_MS_MAX,
  }, async () => {
    const { url, server } = await serve();
    const place = new DownloadPlace();
    const at = (name: string): string => join(scratch, name);
    execFileSync('mkfifo', [at('fifo')]);
    mkdirSync(at('directory'));
    symlinkSync('/dev/zero', at('device'));
    writeFileSync(at('large'), '');
    truncateSync(at('large'), 3 * 1024 * MIB);
    try {
      const [good] = sourcesAt([url]);
      assert.ok(good);
      const files = ['fifo', 'directory', 'device', 'large'].map(at);
      const bad = files.map((file) => ({ ...good, name: file, trust: { ...good.trust, keyrings: [file] } }));
      const means = { downloads: place.queue(), clock: systemClock, mirrors: [] };
      const answers = await askSources([...bad, good], WISH, means);
      assert.deepEqual(
        answers.map(({ offers }) => offers.length),
        [...files.map(() => 0), 1],
      );
      for (const [number, file] of files.entries())
        assert.match(
          answers[number]?.problems.join() ?? '',
          new RegExp(`its keyring ${RegExp.escape(file)} is not used`),
        );
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });

  test('whose image has a file in the place of the store names that', { timeout: CASE_MS_MAX }, async () => {
    const { url, server } = await serve();
    const tree = join(scratch, 'tree-locked');
    mkdirSync(tree);
    try {
      writeFileSync(join(tree, 'images'), 'no directory');
      const { problems: others } = await importFrom([url], tree);
      assert.match(others.join(), /^RackError: .*(?:ENOTDIR|EEXIST)/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('whose documents are endless is left: only small ones stay in memory', { timeout: CASE_MS_MAX }, async () => {
    const asked: string[] = [];
    const large = Buffer.alloc(30 * MIB, ' ');
    const server = createServer(({ url = '' }, response) => {
      asked.push(url);
      response.end(url === '/small' ? 'small' : large);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const [source] = sourcesAt([base]);
    assert.ok(source);
    const place = new DownloadPlace();
    try {
      const unsigned = { ...source, trust: { kind: 'unsigned', why: 'a test' } } as const;
      const documents = new SourceDocuments(unsigned, place.queue(), systemClock, undefined);
      const read = (name: string) => documents.read({ url: `${base}${name}` });
      for (const name of ['small', 'small', 'large', 'large']) await read(name);
      assert.deepEqual(asked, ['/small', '/large', '/large']);
      for (let number = 3; number <= 8; number += 1) await read(`${number}`);
      await assert.rejects(read('9'), { code: 'source-failed', message: /its documents have more than \d+ bytes$/ });
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });

  test('with many large documents at once has each verified after the one before', async () => {
    const order: string[] = [];
    const clock = {
      wallTimeMs: () => {
        order.push('begins');
        return Date.now();
      },
    };
    const signed = sign(`${'x'.repeat(MIB)}\n`);
    const downloads = documentsAt(() => Uint8Array.from(signed));
    const stop = new AbortController();
    const [one, other] = sourcesAt(['http://one.example/', 'http://other.example/']).map(
      (source) => new SourceDocuments(source, downloads, clock, stop.signal),
    );
    const reads = [one, one, other].map(async (documents, at) => {
      await documents?.read({ url: `http://site.example/${at}` });
      order.push('ended');
    });
    await Promise.all(reads);
    assert.deepEqual(
      order,
      reads.flatMap(() => ['begins', 'ended']),
    );
    const last = one?.read({ url: 'http://site.example/last' });
    stop.abort();
    await assert.rejects(last ?? assert.fail(), { code: 'cancelled' });
  });

  test('whose list of checksums is larger than any list is left without reading its signature', async () => {
    const { url, server } = await serve({
      name: '',
      path: '/SUMS',
      answer: (response) => flood(response, 32),
      reason: /./,
    });
    const place = new DownloadPlace();
    try {
      const text = `sources:
  - { name: files, title: Files, os: tiny, kind: files, directory: "${url}", file: d.img, checksums: SUMS, arches: { amd64: amd64 },
      signed: { keyrings: [${join(scratch, 'keys.gpg')}] }, releases: [{ name: one, title: One }] }\n`;
      const decoded = decodeSources(text, () => []);
      assert.ok(decoded.ok, JSON.stringify(decoded));
      const means = { downloads: place.queue(), clock: systemClock, mirrors: [] };
      const [answer] = await askSources(decoded.sources, WISH, means);
      assert.match(answer?.problems.join() ?? '', /SUMS: .*(?:8454144|more than)/);
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });

  test('fetches and reads its keys once, however large they are and however many documents they verify', async () => {
    // Text around an armored key is ignored.
    const keys = `${'#'.repeat(2 * MIB)}\n${gpg.export([key], 'armored').toString('latin1')}`;
    const asked: string[] = [];
    const server = createServer(({ url = '' }, response) => {
      asked.push(url);
      response.end(url === '/keys' ? keys : gpg.sign(`{"of": "${url}"}\n`, { key, form: 'clear' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const [source] = sourcesAt([base]);
    assert.ok(source);
    const place = new DownloadPlace();
    try {
      const at = { keyUrl: `${base}keys`, fingerprints: undefined };
      const signed = { ...source, trust: { kind: 'signed', keyrings: [], ...at } } as const;
      const documents = new SourceDocuments(signed, place.queue(), systemClock, undefined);
      const names = ['1', '2', '3'];
      for (const name of names) {
        await documents.read({ url: `${base}${name}` });
      }
      assert.deepEqual(asked.toSorted(), [...names.map((name) => `/${name}`), '/keys']);
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });

  test('with more images than any site has is refused, with the remedy', { timeout: CASE_MS_MAX }, async () => {
    const versions = { '20261101': { files: { 'disk1.img': { ftype: 'disk1.img', path: 'disk.img', content: '' } } } };
    const tags = { arch: 'amd64', os: 'tiny', release: 'one', label: 'release' };
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`p${at}`, { tags, versions }]));
    writeStreamSite(join(scratch, 'many'), { one: many, two: many }, { home: gpg, key });
    const { url, server } = await serve(undefined, 'many');
    const place = new DownloadPlace();
    try {
      const [source] = sourcesAt([url]);
      assert.ok(source?.kind === 'simplestreams');
      const means = { downloads: place.queue(), clock: systemClock, mirrors: [] };
      const [answer] = await askSources([{ ...source, contentIds: [] }], WISH, means);
      assert.equal(answer?.offers.length, 0);
      assert.match(answer?.problems.join() ?? '', /it has more than 20000 images: name its content_ids/);
    } finally {
      await place.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
