// A bare Debian: a root directory with few packages, created by mmdebstrap from the host's mirrors, where programs run as an ordinary user.
//
// 1. A program has its own mounts and processes, which end with it. It has the host's network, or only its own loopback.
// 2. Of the host's settings it gets only those that lead to the package registry: its address, a proxy, certificates. It has none of the
//    host's programs.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listMirrors } from '../../src/images/build/apt.ts';
import { endProgram } from './child.ts';
import type { Need } from './needs.ts';

/** The programs that the host needs for it. */
export const BARE_ROOT_NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'apt-get', 'debian-mirror', 'mmdebstrap', 'unshare', 'mount', 'ip'] as const),
];

const USER = 'newcomer';
const HOME = `/home/${USER}`;
const CERTIFICATES = '/usr/local/share/host-certificates.pem';
/** The host's environment variables with which npm and git reach the network. */
const PASSED_ON = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
const MAKE_MS_MAX = 1_500_000;

/** A program in the root, and its output so far. */
interface RunningProgram {
  readonly child: ChildProcess;
  readonly text: () => string;
}

/** The network of a program in the root. */
interface Surroundings {
  readonly alone?: boolean;
  readonly network?: string;
}

/** A root directory, until `remove`. */
export class BareRoot {
  readonly #directory: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Creates the root with these packages, and a user. */
  static async make(release: string, packages: readonly string[]): Promise<BareRoot> {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bare-'));
    const root = new BareRoot(directory);
    const words = ['--mode=root', '--variant=minbase', '--format=directory', `--include=${packages.join(',')}`];
    const more = ['--aptopt=Acquire::Languages "none"', '--dpkgopt=force-unsafe-io'];
    const all = [...words, ...more, release, root.path(''), ...(await listMirrors(release))];
    try {
      // A killed mmdebstrap leaves nothing mounted on the host.
      execFileSync('unshare', ['--mount', 'mmdebstrap', ...all], { stdio: 'pipe', timeout: MAKE_MS_MAX });
      root.runAsRoot('useradd', '-m', USER);
      for (const file of ['/etc/resolv.conf', '/etc/hosts']) copyFileSync(file, root.path(file));
      const certificates = process.env.NODE_EXTRA_CA_CERTS ?? '';
      if (existsSync(certificates)) copyFileSync(certificates, root.path(CERTIFICATES));
    } catch (error) {
      await root.remove();
      throw error;
    }
    return root;
  }

  /** A path in the root, as the host sees it. */
  path(inside: string): string {
    return join(this.#directory, 'root', inside);
  }

  /** The user's home, as the host sees it. */
  get home(): string {
    return this.path(HOME);
  }

  /** Lets the user become root by `sudo` without a password, keeping the settings for the registry and the mirrors. */
  allowSudo(): void {
    const kept = Object.keys(this.#environment()).filter((name) => name !== 'HOME' && name !== 'PATH');
    const lines = [`Defaults env_keep += "${kept.join(' ')}"`, `${USER} ALL=(ALL) NOPASSWD: ALL`, ''];
    writeFileSync(this.path('/etc/sudoers.d/newcomer'), lines.join('\n'), { mode: 0o440 });
  }

  /**
   * Starts a command of the shell as the user.
   *
   * @param alone it has only its own loopback as network
   * @param network the network namespace to use; default: the host's
   */
  start(command: string, { alone = false, network }: Surroundings = {}): RunningProgram {
    const prepare = [
      ...(alone ? ['ip link set lo up'] : []),
      'mount -t proc proc "$1/proc"',
      'mount -t sysfs -o ro sysfs "$1/sys"',
      'mount --rbind /dev "$1/dev"',
      'chroot --userspec="$2:$2" "$1" /bin/sh -c "cd; $3"',
    ].join(' && ');
    // Quirk: a process that becomes another user loses its parent-death signal. So the shell stays as root and the first process of its
    // namespace; when it ends, all others end.
    const stay = `${prepare}; code=$?; exit $code`;
    const apart = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
      ...(alone ? ['--net'] : []),
    ];
    const inside = network === undefined ? [] : ['ip', 'netns', 'exec', network];
    const [program = '', ...words] = [...inside, 'unshare', ...apart, 'sh', '-c', stay, 'sh', this.path(''), USER];
    const child = spawn(program, [...words, command], { env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        text += bytes.toString('utf8');
      });
    }
    return { child, text: () => text };
  }

  /** Runs a command to its end. @returns its output; rejects when it fails */
  async run(command: string, surroundings: Surroundings = {}): Promise<string> {
    const { child, text } = this.start(command, surroundings);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    if (code !== 0) throw new Error(`${command} ended with ${code ?? child.signalCode}: ${text()}`);
    return text();
  }

  /** Runs a program of the root as root. */
  runAsRoot(program: string, ...words: readonly string[]): void {
    execFileSync('chroot', [this.path(''), program, ...words], { stdio: 'pipe' });
  }

  async remove(): Promise<void> {
    for (const child of this.#running) await endProgram(child, 'SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const passed = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
    return {
      ...Object.fromEntries(passed),
      PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME,
      LANG: 'C.UTF-8',
      npm_config_registry: registry,
      ...(existsSync(this.path(CERTIFICATES)) ? { NODE_EXTRA_CA_CERTS: CERTIFICATES } : {}),
    };
  }
}
