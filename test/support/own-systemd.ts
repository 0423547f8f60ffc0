// A systemd of its own in namespaces: process 1 of a root that is discarded, with units, journal and network.
//
// 1. Nothing is written below the root that it starts from: an overlay in memory takes all changes.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended } from './child.ts';
import { eventuallyWithin } from './eventually.ts';

const START_MS_MAX = 30_000;
const RUN_MS_MAX = 300_000;
/** Where the kernel's second cgroup hierarchy is mounted: alone, or in addition to the first. */
const HIERARCHIES = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'];
/** What a question ends with, and what the terminal then gets. */
const QUESTION = /\](?::|\?)? (?:\u001b\[\d*\w)*$/;
/** Its commands keep compiled code where they would without a test. */
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, NODE_COMPILE_CACHE: undefined, TERM: 'dumb' });
const MANAGER = '/lib/systemd/systemd';

/** Makes the root directory from `$4` and becomes systemd; `$1` is the place for it, `$2` the directory that is visible at `$3`, read-only. */
const SCRIPT = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$4,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mkdir -p "./$3"
mount --bind "$2" "./$3"
mount -o remount,bind,ro "./$3"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/shm dev/pts run/lock
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
rm -rf etc/fstab etc/systemd/system/*.wants
mkdir -p mnt/host
pivot_root . mnt/host
umount -l /mnt/host
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin ${MANAGER} --system --unit=basic.target --show-status=no --log-target=journal
`;

/** The end of a program. */
interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Why there can be none here, beyond what needs.ts tells; false: there can. */
export function lacksSystemd(): string | false {
  if (!existsSync(MANAGER)) return 'needs systemd (apt-get install systemd)';
  return findHierarchy() === undefined ? 'needs a cgroup hierarchy of version 2' : false;
}

const findHierarchy = (): string | undefined =>
  HIERARCHIES.find((path) => existsSync(join(path, 'cgroup.controllers')));

export class OwnSystemd {
  readonly #starter: ChildProcess;
  readonly #cgroup: string;
  readonly #place: string;
  readonly #pid: number;

  private constructor(starter: ChildProcess, cgroup: string, place: string, pid: number) {
    this.#starter = starter;
    this.#cgroup = cgroup;
    this.#place = place;
    this.#pid = pid;
  }

  /**
   * Starts it, and waits until it is up. The directory `seen` of the host is there as `at`, read-only.
   * @param root from which it starts; default: the host's
   * @param network the network namespace that it has; default: one of its own
   */
  static async start(seen: string, at: string, root = '/', network?: string): Promise<OwnSystemd> {
    const hierarchy = findHierarchy();
    if (hierarchy === undefined) throw new Error('there is no cgroup hierarchy of version 2');
    const cgroup = join(hierarchy, `rackboot-service-${process.pid}`);
    const place = mkdtempSync(join(tmpdir(), 'rackboot-systemd-'));
    mkdirSync(cgroup);
    // The starter enters the cgroup before it makes the namespace, whose root the cgroup then is.
    const net = network === undefined ? 'unshare --net' : `nsenter --net=/run/netns/${network} unshare`;
    const enter = `echo $$ > ${cgroup}/cgroup.procs; exec ${net} --pid --mount --uts --ipc --cgroup --fork --kill-child "$@"`;
    const words = ['-c', enter, 'unshare', 'bash', '-c', SCRIPT, 'boot', place, seen, at, root];
    const starter = spawn('bash', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaints = '';
    starter.stderr?.on('data', (bytes: Buffer) => {
      complaints += bytes.toString('utf8');
    });
    const pid = await eventuallyWithin(START_MS_MAX, `systemd: ${complaints}`, () => childOf(starter.pid ?? 0));
    const systemd = new OwnSystemd(starter, cgroup, place, pid);
    await eventuallyWithin(START_MS_MAX, 'systemd is up', () =>
      /running|degraded/.test(systemd.run('systemctl', 'is-system-running').out),
    );
    return systemd;
  }

  /** Runs a program there to its end; after RUN_MS_MAX it is killed. */
  run(...command: readonly string[]): Ended {
    const words = ['--target', String(this.#pid), '--all', '--', ...command];
    const { status, stdout, stderr } = spawnSync('nsenter', words, {
      encoding: 'utf8',
      timeout: RUN_MS_MAX,
      env: environment(),
    });
    return { code: status, out: stdout, err: stderr };
  }

  /** Runs a command on a terminal there, and answers each question by Enter. */
  async answer(command: string): Promise<{ readonly code: number | null; readonly text: string }> {
    const words = ['--target', String(this.#pid), '--all', '--', 'script', '-qefc', command, '/dev/null'];
    const child = spawn('nsenter', words, { stdio: ['pipe', 'pipe', 'inherit'], env: environment() });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
      if (QUESTION.test(text)) child.stdin.write('\r');
    });
    return { code: await ended(child), text };
  }

  /** Writes a file there. */
  write(path: string, text: string): void {
    const words = ['--target', String(this.#pid), '--all', '--', 'tee', path];
    execFileSync('nsenter', words, { input: text, stdio: ['pipe', 'ignore', 'pipe'] });
  }

  /** A property of a unit. */
  show(unit: string, property: string): string {
    return this.run('systemctl', 'show', unit, '--value', '--property', property).out.trim();
  }

  async remove(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL');
    await ended(this.#starter);
    await eventuallyWithin(START_MS_MAX, 'the cgroup is empty', () => removeTree(this.#cgroup));
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** The process that `unshare` made: process 1 of its own namespace, once it has become systemd. */
function childOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    if (child === undefined || child === '') return undefined;
    return readFileSync(`/proc/${child}/cmdline`, 'latin1').startsWith(MANAGER) ? Number(child) : undefined;
  } catch {
    return undefined;
  }
}

/** Removes a cgroup and those below it; false while there is a process in one. */
function removeTree(path: string): boolean {
  try {
    const below = execFileSync('find', [path, '-depth', '-type', 'd'], { encoding: 'utf8' }).trim().split('\n');
    for (const directory of below) rmdirSync(directory);
    return true;
  } catch {
    return !existsSync(path);
  }
}
