// Other things in the place of a part and of its record: nothing is written through a link, waits for a FIFO, or is published for the part.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { viewBytes } from '../../../src/net/borrowed-bytes.ts';
import type { Behaviour } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(3 * MIB);
const PART = `image-${CONTENT.length}.part`;

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

describe('the record of a part', () => {
  const request = (url: string) => place.request([url], CONTENT);

  test('is not written through a link', async () => {
    const outside = join(place.directory, 'outside');
    writeFileSync(outside, 'mine');
    symlinkSync(outside, join(place.directory, `${PART}.json.new`));
    const { state } = await place.run(request((await place.serve(CONTENT)).url));
    assert.equal(state.kind, 'done');
    assert.equal(readFileSync(outside, 'utf8'), 'mine');
  });

  for (const name of [`${PART}.json.new`, PART])
    test(`names a FIFO that is in the way: ${name}`, { timeout: 10_000 }, async () => {
      execFileSync('mkfifo', [join(place.directory, name)]);
      const { state } = await place.run(request((await place.serve(CONTENT)).url));
      assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'disk-failed' } });
    });

  test('belongs to one file: a part that something else replaced is not published', async () => {
    const behave: Behaviour = (asked) => {
      const from = asked.head();
      asked.write(from, 2 * MIB);
      setTimeout(() => {
        const part = join(place.directory, PART);
        unlinkSync(part);
        writeFileSync(part, viewBytes(CONTENT, 0, 5));
        asked.write(2 * MIB, CONTENT.length);
      }, 300);
    };
    const { state } = await place.run(request((await place.serve(CONTENT, behave)).url));
    assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'disk-failed' } });
    assert.equal(place.finished(), undefined);
  });
});
