// An interrupted run of tests, and a killed server, leave no process, no shared memory and no directory of PostgreSQL.
// @disk

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { osErrorCode } from '../../src/errors.ts';
import { ended, hasEnded } from './child.ts';
import { eventuallyWithin } from './eventually.ts';
import { MEMORY_ROOT } from './memory-place.ts';
import { missing } from './needs.ts';
import { findServer, hasSegment } from './postgres-end.ts';
import { PostgresServer } from './postgres-server.ts';
import { processesOfRun } from './process-tree.ts';
import { OWNER_FILE } from './run-end.ts';

const ROOT = dirname(dirname(import.meta.dirname));
/** False while initdb exchanges the file. */
function isReady(file: string): boolean {
  try {
    return readFileSync(file, 'latin1').includes('ready');
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') throw error;
    return false;
  }
}

/** A file whose tests need a server for longer than this test. */
const INTERRUPTED = 'test/store/postgres/postgres-transactions.test.ts';
const START_MS_MAX = 60_000;
/** `mmap.` in the data directory; PostgreSQL's default would be in /dev/shm, under a name that says nothing of the server. */
const MAPPED = 'pg_dynshmem/mmap.*';

/** The directories on disk and in memory of the run whose scratch directory is below this one. */
function placesOf(directory: string): readonly string[] {
  const ownerOf = (place: string): string =>
    existsSync(join(place, OWNER_FILE)) ? readFileSync(join(place, OWNER_FILE), 'utf8') : '';
  return [directory, MEMORY_ROOT]
    .flatMap((parent) => globSync('rt-*', { cwd: parent }).map((name) => join(parent, name)))
    .filter((place) => ownerOf(place).includes(`"${directory}/`));
}

describe('a server of PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  test('that a test kills leaves no shared memory', async () => {
    const server = await PostgresServer.start();
    const data = join(server.directory, 'data');
    const found = findServer(data);
    assert.ok(found !== undefined && hasSegment(found), 'the server has a segment');
    assert.notDeepEqual(globSync(MAPPED, { cwd: data }), []);
    await server.end('SIGKILL');
    assert.ok(hasSegment(found), 'a killed server leaves its segment');
    await server.close();
    assert.equal(hasSegment(found), false);
    assert.equal(existsSync(server.directory), false);
  });

  for (const [how, signal, isToAll] of [
    ['by SIGTERM', 'SIGTERM', false],
    ['by Ctrl-C, a SIGINT to all its processes', 'SIGINT', true],
    ['by a SIGTERM to all its processes', 'SIGTERM', true],
  ] as const) {
    test(`ends with a run that is interrupted ${how}, and nothing is left of both`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'rb-'));
      // The server has another user than root.
      chmodSync(directory, 0o755);
      const run = spawn(process.execPath, [join(ROOT, 'test', 'run.ts'), INTERRUPTED], {
        cwd: ROOT,
        env: { ...process.env, TMPDIR: directory },
        stdio: 'ignore',
        detached: true,
      });
      const { pid = 0 } = run;
      try {
        const [server, places] = await eventuallyWithin(START_MS_MAX, 'the server runs', () => {
          assert.equal(hasEnded(run), false, 'the run ended');
          const made = placesOf(directory);
          const [file] = made.flatMap((place) => globSync(join(place, 'rackboot-postgres-*/data/postmaster.pid')));
          const found = file === undefined ? undefined : findServer(dirname(file));
          if (file === undefined || found === undefined || !hasSegment(found)) return undefined;
          // The server that initdb runs is never ready.
          return isReady(file) ? ([found, made] as const) : undefined;
        });
        assert.equal(places.length, 2, 'one on disk, one in memory');
        process.kill(isToAll ? -pid : pid, signal);
        assert.equal(await ended(run), 1);
        assert.equal(existsSync(`/proc/${server.pid}/cwd`), false, 'the server has ended');
        assert.equal(hasSegment(server), false, 'the segment is removed');
        assert.deepEqual(readdirSync(directory), []);
        assert.deepEqual(processesOfRun(directory), []);
        assert.deepEqual(
          places.filter((place) => existsSync(place)),
          [],
        );
      } finally {
        if (!hasEnded(run)) process.kill(-pid, 'SIGKILL');
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});
