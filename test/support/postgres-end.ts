// Ends PostgreSQL servers whose tests were interrupted, with the shared memory that the system would keep.
//
// Sources: postgresql.org/docs/15/server-shutdown.html (SIGQUIT), /storage-file-layout.html (postmaster.pid); proc(5), ipcrm(1).
//
// 1. A server is known by its data directory: postmaster.pid there names its process and its segment of System V shared memory. The process
//    must work in that directory, and must have made the segment.
// 2. initdb(1) is left to end: the servers that it runs have other shared memory, which nothing names.

import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { kill, processIds } from './process-tree.ts';

/** The longest an initdb and an immediate shutdown may take, in milliseconds. */
const INITDB_MS_MAX = 10_000;
const SHUTDOWN_MS_MAX = 5000;
const LOOK_MS = 10;

/** Ends the servers whose directories a test made in this one. */
export function endServersIn(directory: string): void {
  const place = realpathSync(directory);
  const isInitdb = (pid: number): boolean =>
    linesOf(`/proc/${pid}/comm`)[0] === 'initdb' && placeOf(pid)?.startsWith(place) === true;
  waitWhile(() => processIds().some(isInitdb), INITDB_MS_MAX);
  for (const file of globSync('*/data/postmaster.pid', { cwd: directory })) endServer(join(directory, dirname(file)));
}

/** Ends the server of a data directory, if it runs, and removes the shared memory that a killed one left. */
export function endServer(data: string): void {
  const server = findServer(data);
  if (server === undefined) return;
  const { pid, segment } = server;
  const place = realpathSync(data);
  const isRunning = (): boolean => placeOf(pid) === place;
  if (isRunning()) kill(pid, 'SIGQUIT');
  waitWhile(isRunning, SHUTDOWN_MS_MAX);
  if (isRunning()) kill(pid);
  if (hasSegment(server)) spawnSync('ipcrm', ['-m', segment]);
}

function waitWhile(isSo: () => boolean, msMax: number): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; waitedMs < msMax && isSo(); waitedMs += LOOK_MS) Atomics.wait(nobody, 0, 0, LOOK_MS);
}

interface Server {
  readonly pid: number;
  /** The id of its segment; empty until it has one. */
  readonly segment: string;
}

/** The server that runs in a data directory, or was killed there. */
export function findServer(data: string): Server | undefined {
  const lines = linesOf(join(data, 'postmaster.pid'));
  // Negative for the server that initdb(1) runs.
  const pid = Math.abs(Number(lines[0]));
  return pid > 0 ? { pid, segment: lines[6]?.trim().split(/\s+/)[1] ?? '' } : undefined;
}

/** True if the server's segment still exists. */
export const hasSegment = ({ pid, segment }: Server): boolean =>
  linesOf('/proc/sysvipc/shm').some((line) => {
    const [, id, , , maker] = line.trim().split(/\s+/);
    return id === segment && Number(maker) === pid;
  });

/** The directory in which a process works; undefined: it has ended. */
function placeOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
