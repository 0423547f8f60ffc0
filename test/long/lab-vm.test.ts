// `rackboot lab --vm` as root has it: a virtual machine with real firmware boots in a private network and is enlisted, the terminal says each
// step, and Ctrl-C leaves neither a namespace nor a process nor a file: at the end, during the boot, and while the environment is built.
//
// 1. The lab runs in a network of this process, so its page's port is free.
// @host alone
// @process own

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachePlace } from '../../bin/cache-place.js';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { endProgram, hasEnded, whileRunning } from '../support/child.ts';
import { missing, type Need } from '../support/needs.ts';
import { enterOwnNetwork } from '../support/own-network.ts';
import { eventually } from '../support/running-rack.ts';

const NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'ip', 'qemu-system-x86_64', '/usr/lib/ipxe/qemu/pxe-virtio.rom'] as const),
  ...(['apt-get', 'dpkg-deb', 'mount', 'unshare'] as const),
  ...bootTreeNeeds(),
];
const BUILD_MS_MAX = 900_000;
const BOOT_MS_MAX = 600_000;
const START_MS_MAX = 90_000;
const END_MS_MAX = 20_000;
const PAGE = 'http://127.0.0.1:5240/MAAS/';
const MAC = '52:54:00:77:00:01';
/** Of ip-netns(8). */
const NAMESPACES = '/run/netns';
const MAIN = join(import.meta.dirname, '..', '..', 'bin', 'rackboot.js');
const CACHE = join(cachePlace(), 'rackboot-lab');
/** A lab in the foreground of a terminal: Ctrl-C reaches it and everything that it started. */
class Lab {
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
const processesWith = (path: string): readonly string[] =>
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

/** Runs a program with the directory $0 in the place of $1. */
const WITH_CACHE = 'mount --bind "$0" "$1" && shift && exec "$@"';
/** Programs that fetch packages, and do not come to an end. */
const FETCHING = ['apt-get', 'apt-cache'] as const;

/** The terminal's lines about a machine's boot, in this order. */
const STEPS: readonly RegExp[] = [
  /^ *[\d.]+ s {2}lab +A real virtual machine in a private network\.$/m,
  /^ *[\d.]+ s {2}lab +The page: http:\/\/127\.0\.0\.1:5240\/MAAS\/$/m,
  new RegExp(`^ *[\\d.]+ s {2}machine +virtual machine ${MAC} powers on with a blank disk`, 'm'),
  /^ *[\d.]+ s {2}rack +offers 10\.77\.0\.\d+ and \S+ \(DHCP\)$/m,
  /^ *[\d.]+ s {2}rack +has sent linux, [\d.]+ MB \(HTTP\)$/m,
  /^ *[\d.]+ s {2}rack +has sent initrd\.gz, [\d.]+ MB \(HTTP\)$/m,
  /^ *[\d.]+ s {2}region +\S+ is enlisted: the region knows it now, as New$/m,
  /^ *[\d.]+ s {2}lab +The machine reported itself and powered off\.$/m,
  /^What to try next$/m,
  /^Ctrl-C ends the lab and removes everything\.$/m,
];

describe('the lab with a virtual machine', { skip: missing(...NEEDS) }, () => {
  const labs: Lab[] = [];
  const start = (lab = new Lab()): Lab => {
    labs.push(lab);
    return lab;
  };
  before(
    async () => {
      await cachedBootTree(() => undefined);
      enterOwnNetwork();
    },
    { timeout: BUILD_MS_MAX },
  );
  after(async () => {
    for (const { child, place } of labs) {
      await endProgram(child, 'SIGKILL');
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('boots it until the region lists it as New, prints each step, and leaves nothing behind', async () => {
    const lab = start();
    await lab.says(STEPS, BOOT_MS_MAX);
    const places = STEPS.map((step) => lab.text.search(step));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
      lab.text,
    );
    assert.doesNotMatch(lab.text, /^ *[\d.]+ s {2}problem/m, lab.text);
    assert.match(lab.text, /region +\S+ is enlisted/);
    const look = / {4}Look +sudo .*?(machines show .*)$/m.exec(lab.text)?.[1] ?? assert.fail(lab.text);
    const shown = execFileSync(process.execPath, [MAIN, ...look.split(' ')], { encoding: 'utf8' });
    assert.match(shown, /^Status +New$/m);
    assert.match(shown, new RegExp(`^Interfaces +\\S+ ${MAC}$`, 'm'));
    assert.ok((await fetch(PAGE)).ok, 'the page is there');
    assert.match(readFileSync(join(lab.directory, 'machine.console'), 'latin1'), /Powering off/);
    await lab.interrupt();
    await assert.rejects(fetch(PAGE));
  });

  test('that is interrupted while the machine boots leaves nothing behind', async () => {
    const lab = start();
    await lab.says([/offers 10\.77\.0\.\d+ and/], 2 * START_MS_MAX);
    assert.match(lab.left().join('\n'), /^\S*qemu-system-x86_64 /m, 'the machine runs');
    assert.doesNotMatch(lab.text, /is enlisted|powered off/, 'and has not reported yet');
    assert.ok((await fetch(PAGE)).ok, 'the page is there');
    await lab.interrupt();
    assert.doesNotMatch(lab.text, /is enlisted/);
    await assert.rejects(fetch(PAGE), 'and gone');
  });

  for (const [how, reaches] of [
    ['on a terminal, where that reaches the programs of the build, too', 'all'],
    ['as another program passes it on', 'the lab'],
  ] as const) {
    test(`that is interrupted while its environment is built ${how} leaves nothing behind`, async () => {
      const aside = mkdtempSync(join(tmpdir(), 'rackboot-vm-aside-'));
      try {
        const [programs, cache] = [join(aside, 'bin'), join(aside, 'cache')];
        for (const directory of [programs, cache]) mkdirSync(directory);
        for (const name of FETCHING) {
          writeFileSync(join(programs, name), '#!/bin/sh\nwhile sleep 1; do :; done\n', { mode: 0o755 });
        }
        const apart = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', WITH_CACHE, cache, CACHE];
        const lab = start(new Lab(apart, `${programs}:${process.env.PATH}`));
        await lab.says([/Its boot environment is built once/, /Step 1 of 5: looking up the packages$/m], START_MS_MAX);
        await eventually('a program of the build', () => processesWith(programs).length > 0, START_MS_MAX);
        assert.ok(readdirSync(cache).length > 0);
        await lab.interrupt('', reaches === 'all');
        assert.deepEqual(readdirSync(cache), []);
        await eventually('the end of its programs', () => processesWith(programs).length === 0, START_MS_MAX);
      } finally {
        rmSync(aside, { recursive: true, force: true });
      }
    });
  }
});
