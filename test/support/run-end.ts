// The end of a run of tests. Its processes, its servers and its directories go, however it ends: the run ends itself, or its guard does if it was
// killed (run-guard.ts).
//
// 1. File systems that tests mounted below a directory of the run are unmounted, and the network namespaces named after one of its processes
//    (`rb-NAME-PID`) are removed.
// 2. A killed server leaves shared memory, so servers end before the tests that started them. The tests are stopped until then: one of them
//    may begin another server.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endServersIn } from './postgres-end.ts';
import { isNode, kill, killBelow, processesOfRun } from './process-tree.ts';

/** The name of each directory of a run, before mkdtemp(3) completes it. Short: sockets are made in it, and sun_path of unix(7) has 108 octets. */
export const PLACE_PREFIX = 'rt-';
/** Where ip-netns(8) keeps the names of network namespaces. */
const NAMESPACES = '/run/netns';
/** How long killed processes are waited for, in rounds and in milliseconds of each. */
const ROUNDS_MAX = 200;
const ROUND_MS = 10;

/** Ends every process of a run but this one, and removes its directories. */
export function endRun(scratch: string, places: readonly string[]): void {
  for (const pid of processesOfRun(scratch)) if (isNode(pid)) kill(pid, 'SIGSTOP');
  for (const place of places) endServersIn(place);
  const killed = new Set<number>();
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const left = processesOfRun(scratch);
    if (left.length === 0) break;
    for (const pid of left) {
      killed.add(pid);
      killBelow(pid);
      kill(pid);
    }
    Atomics.wait(nobody, 0, 0, ROUND_MS);
  }
  for (const place of places) endServersIn(place);
  unmountBelow(places);
  removeNamespaces(killed);
  // Never what could not be unmounted.
  spawnSync('rm', ['-rf', '--one-file-system', ...places]);
}

function unmountBelow(places: readonly string[]): void {
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ', 2)[1] ?? '')
    .filter((at) => places.some((place) => at.startsWith(`${place}/`)));
  // The deepest first.
  for (const at of mounted.toReversed()) spawnSync('umount', ['--lazy', at]);
}

/** Removes the network namespaces of processes, whose interfaces go with them. */
function removeNamespaces(pids: ReadonlySet<number>): void {
  if (!existsSync(NAMESPACES)) return;
  for (const name of readdirSync(NAMESPACES)) {
    const pid = /^rb-.*?-(\d+)(?:-|$)/.exec(name)?.[1];
    if (pid !== undefined && pids.has(Number(pid))) spawnSync('ip', ['netns', 'delete', name]);
  }
}

/** Starts the guard of this run, which outlives it only if it is killed. */
export function guardRun(scratch: string, places: readonly string[]): void {
  const guard = spawn(process.execPath, [join(import.meta.dirname, 'run-guard.ts'), scratch, ...places], {
    // A signal to the run's process group does not reach it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
}
