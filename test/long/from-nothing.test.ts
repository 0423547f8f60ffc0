// From nothing: on a bare Debian with the README's three packages an ordinary user clones the project, installs it with the distribution's Node
// and npm, watches the lab enlist its machine, and runs every test that such a host can run.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listMirrors } from '../../src/images/apt.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing, type Need } from '../support/needs.ts';

/** The programs that the host needs for it. */
const BARE_ROOT_NEEDS: readonly Need[] = [
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
class BareRoot {
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

const ROOT = dirname(dirname(import.meta.dirname));
/** The packages that the README says to install. */
const BARE_PACKAGES: readonly string[] = ['nodejs', 'npm', 'ca-certificates'];
const ENLISTED_MS_MAX = 300_000;

/** Puts the checked-out commit into the user's home as `rackboot.bundle`, for git to clone. */
function bringBundle(root: BareRoot): void {
  const bundle = join(root.home, 'rackboot.bundle');
  execFileSync('git', ['-C', ROOT, 'bundle', 'create', bundle, 'HEAD'], { stdio: 'pipe' });
  chmodSync(bundle, 0o644);
}

/** Watches `npm start` in `rackboot` of the user's home until the machine of the lab is New. */
async function enlistInLab(root: BareRoot): Promise<void> {
  const lab = root.start('cd rackboot && exec npm start', { alone: true });
  try {
    const isNew = (): boolean => / is enlisted: .* as New$/m.test(lab.text());
    await whileRunning(lab.child, eventuallyWithin(ENLISTED_MS_MAX, 'the machine is New', isNew), lab.text);
    assert.doesNotMatch(lab.text(), /ERR_|a bug:/);
  } finally {
    await endProgram(lab.child, 'SIGKILL');
  }
}

const MS_MAX = 1_700_000;
/** `npm test` takes half an hour of two processors, which others may use at the same time. */
const TESTS_MS_MAX = 3 * 3_600_000;
/** It runs on Node 18, and makes no `node_modules/.bin/node`, as the distributions' versions. */
const NEWER_NPM = '10.8.2';

for (const release of ['bookworm', 'trixie']) {
  describe(`a bare Debian ${release}`, {
    skip: missing(...BARE_ROOT_NEEDS, 'qemu-system-x86_64'),
    timeout: 2 * TESTS_MS_MAX,
  }, () => {
    let root: BareRoot;
    let began = 0;

    before(
      async () => {
        root = await BareRoot.make(release, [...BARE_PACKAGES, 'git']);
        bringBundle(root);
      },
      { timeout: MS_MAX },
    );
    after(() => root?.remove());

    test('npm ci installs the clone', async (t) => {
      t.diagnostic(
        `node ${(await root.run('node --version')).trim()}, npm ${(await root.run('npm --version')).trim()}`,
      );
      began = process.uptime();
      await root.run('git clone -q ~/rackboot.bundle rackboot');
      await root.run('cd rackboot && npm ci');
      t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to the end of npm ci`);
    });

    test('npm start enlists the machine of the lab', async (t) => {
      await enlistInLab(root);
      t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to New`);
    });

    test('npm test runs every test that this host can run, and all pass', { timeout: TESTS_MS_MAX }, async (t) => {
      // The end of the output names each failure.
      const said = await root.run('cd rackboot && npm test || true');
      const [end = ''] = /^\d+ passed, 0 failed, \d+ skipped, in .*$/m.exec(said) ?? [];
      assert.notEqual(end, '', said.slice(-4000));
      t.diagnostic(end);
    });

    test('a newer npm installs the clone as well, and npm start enlists the machine there', async () => {
      await root.run(`cd rackboot && rm -rf node_modules && npx --yes npm@${NEWER_NPM} ci`);
      assert.match(await root.run('cd rackboot && node bin/with-node.js --version'), /^v24\./m);
      await enlistInLab(root);
    });

    test('missing programs of power drivers are reported with their packages', async () => {
      const script =
        'import("./src/cli/machines/power-programs.ts").then((all) => console.log(all.missingProgramLines().join("\\n")))';
      const said = await root.run(`cd rackboot && node bin/with-node.js -e '${script}'`);
      assert.match(said, /driver ipmi needs ipmitool: sudo apt-get install ipmitool/);
      assert.match(said, /driver virsh needs virsh .*: sudo apt-get install libvirt-clients/);
    });
  });
}
