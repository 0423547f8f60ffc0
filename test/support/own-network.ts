// A network of its own for one test process: the main thread leaves the host's network namespace for a new, empty one, which
// ends with the process. Programs and threads it starts live there too, so nothing a test does reaches the host's interfaces.
//
// 1. `enterOwnNetwork` comes before any socket is opened. It needs root.
// 2. Everything started here is ended by its process number.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import koffi from 'koffi';
import { sleep } from '../../src/ground/clock.ts';
import { endProgram } from './child.ts';

const CLONE_NEWNET = 0x40000000;

/** Moves this process into a new network namespace, in which only loopback exists, switched on. */
export function enterOwnNetwork(): void {
  const unshare: (flags: number) => number = koffi.load('libc.so.6').func('int unshare(int)');
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: error ${koffi.errno()}`);
  // That of systemd (loose) would drop what comes from another end on this host, or from a network without a route.
  writeFileSync('/proc/sys/net/ipv4/conf/default/rp_filter', '0');
  ip('link set lo up');
}

/** Runs ip(8) with the words of `command`. */
export function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: 'pipe' });
}

/** A further namespace, for the other end of a cable. */
export interface Peer {
  /** Runs a command there and returns its output. */
  run(...command: readonly string[]): string;
  /** Starts a program there. */
  start(...command: readonly string[]): ChildProcess;
  /** Makes a cable: `here` on this side, `there` on the peer's side, both switched on. */
  cable(here: string, there: string): void;
  close(): Promise<void>;
}

/** Makes a peer; its namespace lives until `close`. */
export async function openPeer(): Promise<Peer> {
  const keeper = spawn('unshare', ['-n', 'sleep', '1000'], { stdio: 'ignore' });
  await until(() => namespaceOf(keeper.pid) !== namespaceOf(process.pid));
  const inside = ['-t', String(keeper.pid), '-n', '--'];
  const run = (...command: readonly string[]): string =>
    execFileSync('nsenter', [...inside, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const cables: string[] = [];
  return {
    run,
    start: (...command) => spawn('nsenter', [...inside, ...command], { stdio: ['ignore', 'pipe', 'pipe'] }),
    cable(here, there) {
      ip(`link add ${here} type veth peer name ${there} netns ${keeper.pid}`);
      cables.push(here);
      ip(`link set ${here} up`);
      run('ip', 'link', 'set', there, 'up');
    },
    async close() {
      // The kernel removes the cables of a namespace some time after its end; until then their names are taken.
      for (const cable of cables) spawnSync('ip', ['link', 'delete', cable]);
      await endProgram(keeper, 'SIGKILL');
    },
  };
}

function namespaceOf(pid: number | undefined): string {
  try {
    return execFileSync('readlink', [`/proc/${pid}/${pid === process.pid ? `task/${pid}/` : ''}ns/net`], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch {
    return '';
  }
}

/** Waits until `condition` holds; fails after `limitMs`. */
export async function until(condition: () => boolean, limitMs = 5000): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > limitMs) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await sleep(10);
  }
}
