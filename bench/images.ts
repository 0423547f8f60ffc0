// Images: a file of 2 GiB from a server on loopback to the disk, downloaded and verified by Rackboot, compared with curl and sha256sum.
//
// 1. Every contender fetches from the same server, which makes the file in memory, into the same directory.
// 2. The disk has nothing left to write when a contender begins.
// 3. Each figure compares like with like: a file in the page cache (`in memory`) with another one there, a synced file (`on disk`) with another
//    synced one. Rackboot has the SHA-256 at both moments; of the peers, only sha256sum does.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/ground/clock.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, RACKBOOT } from './figure.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 5;
const BYTES = 2 * 1024 ** 3;
const SERVER = join(import.meta.dirname, 'image-server.ts');
const CHILD = join(import.meta.dirname, 'image-download.ts');
const IN_MEMORY = '2 GiB file, in memory';
const ON_DISK = '2 GiB file, on disk';

/** Megabytes per second, memory and processor time. */
export const imagesBenchmark: Benchmark = {
  what: 'images',
  notes: [
    `A file of 2 GiB over HTTP on loopback, no core pinned; ${ROUNDS} interleaved rounds, medians.`,
    'in memory: all bytes are written, and may still have to reach the disk. on disk: they are there (fsync; the peers: sync FILE).',
    'Rackboot: one download gives both figures, SHA-256 compared. Peers: a download for each; curl alone verifies nothing.',
    'The time of Rackboot includes the start of its thread; that of the peers the start of their programs.',
  ],
  async run() {
    const curl = findProgram('curl', 'curl');
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-images-'));
    const server = await startServer();
    const figures = new Figures();
    try {
      const file = join(directory, 'image');
      const fetch = `'${curl}' -sfo '${file}' '${server.url}'`;
      const peers = { curl: fetch, 'curl, sha256sum': `${fetch} && sha256sum '${file}'` };
      const [hex = ''] = run(`${fetch} && sha256sum '${file}'`).split(' ');
      for (let round = 0; round < ROUNDS; round += 1) {
        settle(file);
        figures.add(RACKBOOT, await measureRackboot(server.url, directory, hex));
        for (const [name, command] of Object.entries(peers)) {
          settle(file);
          figures.add(name, [measurePeer(IN_MEMORY, command)]);
          settle(file);
          figures.add(name, [measurePeer(ON_DISK, `${command} && sync '${file}'`)]);
        }
      }
      return figures.results();
    } finally {
      server.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const run = (command: string): string => execFileSync('sh', ['-c', command], { encoding: 'utf8' });

/** Removes the file, and waits until the disk has nothing left to write. */
function settle(file: string): void {
  rmSync(file, { force: true });
  run('sync');
}

const rateOf = (metric: string, ms: number): Figure => ({ metric, unit: 'MB/s', value: BYTES / 1e3 / ms });

/** @throws Error if a program fails */
function measurePeer(metric: string, command: string): Figure {
  const startedAt = systemClock.now();
  run(command);
  return rateOf(metric, systemClock.now() - startedAt);
}

/** @throws Error if the download is not done */
async function measureRackboot(url: string, directory: string, hex: string): Promise<readonly Figure[]> {
  const digest = { algorithm: 'sha256', hex };
  const request = { urls: [url], bytes: BYTES, digest, bytesMax: BYTES, directory, name: 'image' };
  const result = JSON.parse(execFileSync(process.execPath, [CHILD, JSON.stringify(request)], { encoding: 'utf8' }));
  if (result.state.kind !== 'done') throw new Error(`the download ended as ${JSON.stringify(result.state)}`);
  return [
    rateOf(IN_MEMORY, result.writtenMs),
    rateOf(ON_DISK, result.ms),
    { metric: '2 GiB file, CPU', unit: 's/GB', value: (result.cpuSeconds * 1e9) / BYTES },
    { metric: '2 GiB file, memory at most', unit: 'MiB', value: result.peakMib },
  ];
}

async function startServer(): Promise<{ readonly url: string; stop(): void }> {
  const child = spawn(process.execPath, [SERVER, String(BYTES)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(String(text).trim()));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}/image`, stop: () => void child.kill() };
}
