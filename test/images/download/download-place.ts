// A place for downloads in tests, and the end of one in it.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import type { AttemptFault } from '../../../src/images/download/fault.ts';
import { DownloadQueue } from '../../../src/images/download/queue.ts';
import type { DownloadRequest, DownloadState, OnState } from '../../../src/images/download/request.ts';
import { DEFAULT_SETTINGS, type DownloadSettings } from '../../../src/images/download/settings.ts';
import { endOf } from '../../support/download-end.ts';
import { type Behaviour, HostileFileServer } from '../../support/hostile-file-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Short enough for tests, long enough for a busy host. */
export const QUICK: DownloadSettings = {
  ...DEFAULT_SETTINGS,
  connectMs: 2000,
  answerMs: 1500,
  stallMs: 1500,
  bytesPerSecondMin: 50_000,
  slowMs: 2500,
  pauseMs: 10,
  pauseMsMax: 40,
  roundsMax: 2,
};

/** Bytes without a pattern. */
export function makeContent(bytes: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 1) content[at] = random() * 256;
  return content;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Sends the first `bytes` of each answer, and holds the rest back. */
export const upTo =
  (bytes: number): Behaviour =>
  (asked) => {
    const from = asked.head();
    asked.write(from, Math.max(from, bytes));
  };

/** A directory for downloads, and the servers that they come from. */
export class DownloadPlace {
  readonly directory = mkdtempSync(join(tmpdir(), 'rackboot-download-test-'));
  readonly servers: HostileFileServer[] = [];
  readonly #queues: DownloadQueue[] = [];

  queue(settings: Partial<DownloadSettings> = {}): DownloadQueue {
    const queue = new DownloadQueue({ ...QUICK, ...settings }, systemClock);
    this.#queues.push(queue);
    return queue;
  }

  /** Starts a server of one file, which is closed with the place. */
  async serve(content: Uint8Array, behave: Behaviour = ({ serve }) => serve()): Promise<HostileFileServer> {
    const server = await HostileFileServer.start(content, behave);
    this.servers.push(server);
    return server;
  }

  /** A request for `content`, with its size and digest. */
  request(urls: readonly string[], content: Uint8Array, change: Partial<DownloadRequest> = {}): DownloadRequest {
    return {
      title: 'image',
      urls,
      bytes: content.length,
      digest: { algorithm: 'sha256', hex: sha256(content) },
      bytesMax: 1024 ** 3,
      directory: this.directory,
      name: 'image',
      ...change,
    };
  }

  /** Downloads in a queue of its own. @returns the last state, and the faults of its attempts */
  async run(request: DownloadRequest, settings: Partial<DownloadSettings> = {}) {
    const queue = this.queue(settings);
    const faults = new Set<AttemptFault>();
    const onState: OnState = (state) => {
      if ('reason' in state && state.reason !== undefined) faults.add(state.reason);
    };
    const state: DownloadState = await endOf(queue, request, { onState });
    await queue.close();
    return { state, faults: [...faults].map(({ code }) => code) };
  }

  /** The content of the finished file; undefined: there is none. */
  finished(name = 'image'): Uint8Array | undefined {
    const path = join(this.directory, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  }

  /** The bytes of the part; -1: there is none. */
  partBytes(): number {
    const name = this.files().find((file) => file.endsWith('.part'));
    return name === undefined ? -1 : statSync(join(this.directory, name)).size;
  }

  files(): readonly string[] {
    return readdirSync(this.directory).sort();
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
    await Promise.all(this.#queues.map((queue) => queue.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Makes a place for each test of a file, and closes it. */
export function placeForEach(use: (place: DownloadPlace) => void): void {
  let place: DownloadPlace;
  beforeEach(() => {
    place = new DownloadPlace();
    use(place);
  });
  afterEach(() => place.close());
}
