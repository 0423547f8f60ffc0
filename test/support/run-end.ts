// The end of a run of tests. Its processes, its servers and its directories go, however it ends: the run ends itself, its guard ends it if it was
// killed (run-guard.ts), and the next run does if the guard was killed, too.
//
// 1. Each directory of a run names the run's process, with the time when that process started, because the system gives a number again. A
//    directory that names none, or the process of another namespace, is left alone.
// 2. File systems that tests mounted below a directory of the run are unmounted, and the network namespaces named after one of its processes
//    (`rb-NAME-PID`) are removed.
// 3. A killed server leaves shared memory, so servers end before the tests that started them. The tests are stopped until then: one of them
//    may begin another server.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endServersIn } from './postgres-end.ts';
import { isNode, kill, killBelow, processesOfRun, startOf } from './process-tree.ts';

/** The name of each directory of a run, before mkdtemp(3) completes it. Short: sockets are made in it, and sun_path of unix(7) has 108 octets. */
export const PLACE_PREFIX = 'rt-';
const PLACE = /\/rt-\w{6}$/;
/** In each directory of a run, with the run's process. */
export const OWNER_FILE = '.run';
/** Where ip-netns(8) keeps the names of network namespaces. */
const NAMESPACES = '/run/netns';
/** How long killed processes are waited for, in rounds and in milliseconds of each. */
const ROUNDS_MAX = 200;
const ROUND_MS = 10;

/** The process of a run. */
interface Owner {
  readonly pid: number;
  /** When it started, as /proc writes it. */
  readonly start: string;
  /** Its namespace of process numbers. */
  readonly namespace: string;
  /** The run's scratch directory. */
  readonly scratch: string;
}

const namespaceOf = (pid: number | 'self'): string => readlinkSync(`/proc/${pid}/ns/pid`);

/** Names the process of a run in one of its directories. */
export function nameOwner(place: string, scratch: string, pid = process.pid): void {
  const owner: Owner = { pid, start: startOf(pid) ?? '', namespace: namespaceOf('self'), scratch };
  writeFileSync(join(place, OWNER_FILE), JSON.stringify(owner));
}

/** The owner of a directory; undefined: it names none, or is not ours. */
function ownerOf(place: string): Owner | undefined {
  const file = join(place, OWNER_FILE);
  try {
    // Other users may write into the directory.
    if ([place, file].some((path) => lstatSync(path).uid !== process.getuid?.())) return undefined;
    const { pid, start, namespace, scratch }: Partial<Owner> = JSON.parse(readFileSync(file, 'utf8'));
    if (pid === undefined || start === undefined || namespace !== namespaceOf('self')) return undefined;
    return scratch !== undefined && PLACE.test(scratch) ? { pid, start, namespace, scratch } : undefined;
  } catch {
    return undefined;
  }
}

/** Ends what dead runs left, with their directories below `parent`. */
export function endDeadRuns(parent: string): void {
  for (const name of readdirSync(parent)) {
    const place = join(parent, name);
    const owner = PLACE.test(place) ? ownerOf(place) : undefined;
    if (owner !== undefined && startOf(owner.pid) !== owner.start) endRun(owner.scratch, [place]);
  }
}

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
