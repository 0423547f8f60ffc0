// A file that expands to a huge disk: its import can be stopped while it converts, and a file of one repeated byte is refused.
// @host computes

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sleep, systemClock } from '../../../src/ground/clock.ts';
import { importImage } from '../../../src/images/run/image-import.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { imageOffer, offeredFile } from '../../support/offers.ts';
import { DownloadPlace } from '../download/download-place.ts';

const BLOCK_BYTES = 128 * 1024;
const CASE_MS_MAX = 60_000;

/** A frame of Zstandard whose blocks repeat one byte (RFC 8878 §3.1.1.2), `gibibytes` long when expanded. */
function repeated(byte: number, gibibytes: number): Buffer {
  const header = Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
  const blocks = (gibibytes * 1024 ** 3) / BLOCK_BYTES;
  const body = Buffer.alloc(4 * blocks);
  for (let at = 0; at < blocks; at += 1) {
    body.writeUIntLE((BLOCK_BYTES << 3) | (1 << 1) | Number(at === blocks - 1), 4 * at, 3);
    body[4 * at + 3] = byte;
  }
  return Buffer.concat([header, body]);
}

/** Packed twice. */
const packed = (byte: number, frames: number): Buffer => gzipSync(Buffer.concat(Array(frames).fill(repeated(byte, 1))));

const offerOf = (content: Uint8Array, url: string) => imageOffer([offeredFile(content, `${url}disk1.img`)]);

async function importing(
  content: Buffer,
  work: (run: (signal: AbortSignal) => Promise<unknown>, tree: string, isLoaded: () => boolean) => Promise<void>,
): Promise<void> {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-stopped-'));
  const place = new DownloadPlace();
  try {
    const server = await place.serve(content);
    const offer = offerOf(content, server.url.replace(/file$/, ''));
    let state = '';
    const run = (signal: AbortSignal) =>
      importImage(offer, {
        tree,
        downloads: place.queue(),
        nowMs: systemClock.wallTimeMs(),
        signal,
        onState: ({ kind }) => {
          state = kind;
        },
      });
    await work(run, tree, () => state === 'done');
  } finally {
    await place.close();
    rmSync(tree, { recursive: true });
  }
}

test(
  'an import that only converts stops soon after it is told to, and its download stays',
  { timeout: CASE_MS_MAX },
  () =>
    importing(packed(0, 500), async (run, tree, isLoaded) => {
      const stop = new AbortController();
      const ended = run(stop.signal).then(
        () => assert.fail('it was imported'),
        (error: unknown) => error,
      );
      await eventuallyWithin(CASE_MS_MAX, 'the download is complete', isLoaded);
      stop.abort();
      const error = await ended;
      assert.equal((error as { readonly code?: string }).code, 'cancelled');
      const left = readdirSync(join(tree, 'images'));
      assert.deepEqual(
        left.filter((name) => name.startsWith('.part-')),
        [],
        'no copy is left',
      );
      assert.equal(
        readdirSync(join(tree, 'images', '.downloads')).filter((name) => /^[0-9a-f]{64}$/.test(name)).length,
        1,
      );
    }),
);

/** The ids of the programs of this name that this process has started. */
const childrenOf = (name: string): readonly number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const [, comm, parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'latin1')) ?? [];
        return comm === name && Number(parent) === process.pid ? [Number(entry)] : [];
      } catch {
        return [];
      }
    });

test('an import whose program hangs stops soon after it is told to, and ends the program', {
  skip: missing('linux', 'xz'),
  timeout: CASE_MS_MAX,
}, () => {
  const disk = randomBytes(8 * 1024 * 1024);
  return importing(
    execFileSync('xz', ['-0', '--stdout'], { input: disk, maxBuffer: 2 * disk.length }),
    async (run, _tree, isLoaded) => {
      const stop = new AbortController();
      const ended = run(stop.signal).then(
        () => assert.fail('it was imported'),
        (error: unknown) => error,
      );
      const [program = 0] = await eventuallyWithin(CASE_MS_MAX, 'xz runs', () => {
        const found = childrenOf('xz');
        return found.length === 0 ? undefined : found;
      });
      process.kill(program, 'SIGSTOP');
      await eventuallyWithin(CASE_MS_MAX, 'the download is complete', isLoaded);
      // The pipe to the program is full by then.
      await sleep(500);
      stop.abort();
      assert.equal(((await ended) as { readonly code?: string }).code, 'cancelled');
      await eventuallyWithin(CASE_MS_MAX, 'xz has ended', () => childrenOf('xz').length === 0 || undefined);
    },
  );
});

test('a disk of one byte, repeated far more often than in any disk, is refused', { timeout: CASE_MS_MAX }, () =>
  importing(packed(0x41, 500), async (run) => {
    await assert.rejects(run(new AbortController().signal), {
      code: 'bad-argument',
      message: /^tiny\/one\/amd64 was not imported: disk1\.img .*expand to more than \d+ bytes/,
    });
  }),
);
