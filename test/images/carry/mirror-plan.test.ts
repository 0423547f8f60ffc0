// A mirror publishes the documents that it has verified, even if the site sends others at the next request.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { planMirror } from '../../../src/images/carry/mirror-plan.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { missing } from '../../support/needs.ts';
import { writeStreamSite } from '../../support/stream-site.ts';
import { DownloadPlace } from '../download/download-place.ts';

const CONTENT_ID = 'com.example:released:download';
/** More than is kept in memory for later readers, in bytes. */
const PADDING = 4096;
const PRODUCTS = 400;

test('a URL of a site with a secret is refused without showing it', async () => {
  const place = new DownloadPlace();
  try {
    for (const url of ['http://h/?token=secret', 'http://:secret@h/', 'http://u:secret@h/', 'http://h/#secret'])
      await assert.rejects(
        planMirror(
          { url, keyring: '/k', filters: [], versions: 1 },
          place.queue(),
          systemClock,
          new AbortController().signal,
        ),
        { code: 'bad-argument', message: /^the URL of a site has neither (?!.*secret)/ },
      );
  } finally {
    await place.close();
  }
});

test('a large document is published with the bytes that were verified', { skip: missing('linux', 'gpg') }, async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-mirror-plan-'));
  const gpg = new GpgHome();
  const asked = new Map<string, number>();
  const server = createServer(({ url = '' }, response) => {
    const count = (asked.get(url) ?? 0) + 1;
    asked.set(url, count);
    response.end(count === 1 ? readFileSync(join(scratch, 'site', url)) : 'other bytes');
  });
  const place = new DownloadPlace();
  try {
    const key = gpg.makeKey('site');
    const keyring = join(scratch, 'keys.gpg');
    writeFileSync(keyring, gpg.export());
    const product = { tags: { arch: 'amd64', os: 'tiny', release: 'one', title: 'x'.repeat(PADDING) }, versions: {} };
    const products = Object.fromEntries(Array.from({ length: PRODUCTS }, (_, at) => [`p${at}`, product]));
    writeStreamSite(join(scratch, 'site'), { [CONTENT_ID]: products }, { home: gpg, key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    for (const index of ['index.sjson', 'index.json']) {
      asked.clear();
      const { documents } = await planMirror(
        { url: `${base}streams/v1/${index}`, keyring, filters: [], versions: 1 },
        place.queue(),
        systemClock,
        new AbortController().signal,
      );
      const large = index.replace('index', CONTENT_ID);
      const names = [large, index].flatMap((name) => (name.endsWith('.sjson') ? [name] : [`${name}.gpg`, name]));
      assert.deepEqual(
        documents.map(({ path }) => path),
        names.map((name) => `streams/v1/${name}`),
      );
      for (const { path, bytes } of documents)
        assert.ok(readFileSync(join(scratch, 'site', path)).equals(bytes), `${path} is as it was signed`);
      assert.ok(documents.some(({ bytes }) => bytes.length > 1024 * 1024));
    }
  } finally {
    await place.close();
    server.closeAllConnections();
    server.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
});
