// A lab with a virtual machine, run as root in a terminal: what it says, what it starts, and its end by Ctrl-C.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachePlace } from '../../bin/cache-place.js';
import { bootTreeNeeds } from './boot-tree-needs.ts';
import { hasEnded, whileRunning } from './child.ts';
import type { Need } from './needs.ts';
import { eventually } from './running-rack.ts';

export const NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'ip', 'qemu-system-x86_64', '/usr/lib/ipxe/qemu/pxe-virtio.rom'] as const),
  ...(['apt-get', 'dpkg-deb', 'mount', 'unshare'] as const),
  ...bootTreeNeeds(),
];
export const BUILD_MS_MAX = 900_000;
export const BOOT_MS_MAX = 600_000;
export const START_MS_MAX = 90_000;
const END_MS_MAX = 20_000;
export const PAGE = 'http://127.0.0.1:5240/MAAS/';
export const MAC = '52:54:00:77:00:01';
/** Of ip-netns(8). */
const NAMESPACES = '/run/netns';
export const MAIN = join(import.meta.dirname, '..', '..', 'bin', 'rackboot.js');
export const CACHE = join(cachePlace(), 'rackboot-lab');
/** A lab in the foreground of a terminal: Ctrl-C reaches it and everything that it started. */
export class Lab {
  readonly child: ChildProcess;
  readonly place = mkdtempSync(join(tmpdir(), 'rackboot-vm-lab-'));
  text = '';

  /** @param before the words before its command @param path where its programs are */
  constructor(before: readonly string[] = [], path = process.env.PATH) {
    const [program = '', ...words] = [...before, process.execPath, MAIN, 'lab', '--vm'];
    this.child = spawn(program, words, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: path, TMPDIR: this.place, NO_COLOR: '1' },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (bytes: Buffer) => {
        this.text += bytes.toString('utf8');
      });
  }

  /** Waits until it says each of them. */
  async says(patterns: readonly RegExp[], limitMs: number): Promise<void> {
    const find = async (): Promise<void> => {
      for (const pattern of patterns)
        await eventually(`${pattern} in what it says`, () => pattern.test(this.text), limitMs);
    };
    await whileRunning(this.child, find(), () => this.text).catch((error: unknown) => {
      throw new Error(`it said:\n${this.text}`, { cause: error });
    });
  }

  get namespace(): string {
    return `rackboot-lab-${this.child.pid}`;
  }

  /** The directory of its files. */
  get directory(): string {
    return join(this.place, readdirSync(this.place).find((name) => name.startsWith('rackboot-lab-')) ?? 'no directory');
  }

  /** The parts of it that still exist. */
  left(): readonly string[] {
    const namespaces = existsSync(NAMESPACES) ? readdirSync(NAMESPACES).filter((name) => name === this.namespace) : [];
    return [...processesWith(this.place), ...namespaces, ...readdirSync(this.place)];
  }

  /**
   * Presses Ctrl-C, and looks for leftovers.
   * @param parts what it says to have removed besides its network and directory
   * @param reachesAll whether what it started gets the signal, too
   */
  async interrupt(parts = 'its rack, its machine, ', reachesAll = true): Promise<void> {
    const { directory } = this;
    assert.ok(existsSync(directory), directory);
    assert.ok(this.left().length > 1, 'before, it is all there');
    const before = this.text.length;
    const pid = this.child.pid ?? assert.fail();
    process.kill(reachesAll ? -pid : pid, 'SIGINT');
    await eventually(`the end of the lab, which said:\n${this.text}`, () => hasEnded(this.child), END_MS_MAX);
    assert.equal(this.child.exitCode, 0, this.text);
    const said = this.text.slice(before);
    assert.doesNotMatch(said, /problem|[Ee]rror| at .*\.ts:/, 'its end is not a problem');
    const removed = /^ *[\d.]+ s {2}lab +(The lab has ended\. .*)\n$/m.exec(said)?.[1];
    assert.equal(removed, `The lab has ended. Removed: ${parts}its network and ${directory}.`, said);
    await eventually('the end of its processes', () => this.left().length === 0, START_MS_MAX);
  }
}

/** The commands of processes that have this path among their words. */
export const processesWith = (path: string): readonly string[] =>
  readdirSync('/proc')
    .map((pid) => (/^\d+$/.test(pid) ? commandOf(pid) : ''))
    .filter((command) => command.includes(path));

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
