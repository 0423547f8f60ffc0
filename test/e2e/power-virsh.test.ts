// Virtual machines are switched by virsh: libvirt's test driver, QEMU under a libvirtd of the test, and that over SSH.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import type { PowerPort } from '../../src/power/driver.ts';
import { openSshIdentity, readPublicKey } from '../../src/power/ssh-identity.ts';
import { listGuests, parseHypervisor, virsh } from '../../src/power/virsh.ts';
import { endProgram } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { missing } from '../support/needs.ts';
import { spoken, textOf } from '../support/sentences.ts';

/** `nobody`: libvirtd of root would be the host's own. */
const UID = 65_534;
const START_MS_MAX = 15_000;

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let waited = 0; waited < START_MS_MAX; waited += 50) {
    if (await isSo()) return;
    await sleep(50);
  }
  throw new Error(`${what} did not start`);
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** A running libvirtd. */
class TestHypervisor {
  readonly #directory: string;
  readonly #children: ChildProcess[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Starts one below `directory`, which that user must be able to enter. */
  static async start(directory: string): Promise<TestHypervisor> {
    const home = join(directory, 'home');
    mkdirSync(home);
    chmodSync(directory, 0o755);
    chownSync(home, UID, UID);
    const hypervisor = new TestHypervisor(directory);
    const config = join(directory, 'libvirtd.conf');
    writeFileSync(config, '');
    const env = {
      PATH: `${process.env.PATH}:/usr/sbin`,
      HOME: home,
      XDG_RUNTIME_DIR: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_CACHE_HOME: join(home, 'cache'),
    };
    const log = openSync(join(directory, 'libvirtd.log'), 'w');
    hypervisor.#spawn('libvirtd', ['-f', config], {
      uid: UID,
      gid: UID,
      cwd: home,
      env,
      stdio: ['ignore', log, log],
    });
    await until(() => existsSync(hypervisor.socket), 'libvirtd');
    return hypervisor;
  }

  get socket(): string {
    return join(this.#directory, 'home', 'libvirt', 'libvirt-sock');
  }

  /** By which it is reached on this host. */
  get uri(): string {
    return `qemu+unix:///session?socket=${this.socket}`;
  }

  /** Defines a machine without a disk, whose first boot device is this. */
  define(name: string, bootDevice: 'network' | 'hd'): void {
    const file = join(this.#directory, `${name}.xml`);
    writeFileSync(
      file,
      `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='${bootDevice}'/></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>`,
    );
    this.virsh('define', file);
  }

  virsh(...args: readonly string[]): string {
    return execFileSync('virsh', ['-q', '-c', this.uri, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Starts an SSH server that lets root in by this password; the host's own passwords stay as they are. @returns its port */
  async startSshWithPassword(password: string): Promise<number> {
    const port = await freePort();
    const at = (name: string): string => join(this.#directory, name);
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('host-key-3')]);
    const hash = execFileSync('openssl', ['passwd', '-6', password], { encoding: 'utf8' }).trim();
    writeFileSync(at('shadow'), `root:${hash}:19000:0:99999:7:::\n`, { mode: 0o600 });
    const lines = ['PasswordAuthentication yes', 'PermitRootLogin yes', 'UsePAM no', 'PidFile none', ''];
    writeFileSync(
      at('sshd-password.conf'),
      [`ListenAddress 127.0.0.1:${port}`, `HostKey ${at('host-key-3')}`, 'AuthorizedKeysFile none', ...lines].join(
        '\n',
      ),
    );
    const words = 'mount --bind "$1" /etc/shadow && exec /usr/sbin/sshd -D -e -f "$2"';
    const log = openSync(at('sshd-password.log'), 'w');
    const sshd = ['--mount', 'sh', '-c', words, 'sh', at('shadow'), at('sshd-password.conf')];
    this.#spawn('unshare', sshd, { stdio: ['ignore', log, log] });
    await until(() => answers(port), 'sshd');
    return port;
  }

  /** Starts an SSH server that lets the holder of a key in as this user. @returns its port, and how to give it another host key */
  async startSsh(publicKey: string): Promise<{ readonly port: number; readonly changeHostKey: () => Promise<void> }> {
    const port = await freePort();
    const at = (name: string): string => join(this.#directory, name);
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    writeFileSync(at('authorized_keys'), `${publicKey}\n`, { mode: 0o600 });
    const startWith = async (hostKey: string): Promise<ChildProcess> => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(hostKey)]);
      writeFileSync(
        at('sshd.conf'),
        [
          `ListenAddress 127.0.0.1:${port}`,
          `HostKey ${at(hostKey)}`,
          `AuthorizedKeysFile ${at('authorized_keys')}`,
          'PermitRootLogin prohibit-password',
          'PasswordAuthentication no',
          'KbdInteractiveAuthentication no',
          'UsePAM no',
          'StrictModes no',
          'PidFile none',
          'AllowTcpForwarding no',
          '',
        ].join('\n'),
      );
      const child = this.#spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd.conf')], { stdio: 'ignore' });
      await until(() => answers(port), 'sshd');
      return child;
    };
    let server = await startWith('host-key-1');
    return {
      port,
      changeHostKey: async () => {
        await endProgram(server);
        server = await startWith('host-key-2');
      },
    };
  }

  /** The log of libvirtd, for a test that failed. */
  get log(): string {
    return readFileSync(join(this.#directory, 'libvirtd.log'), 'utf8');
  }

  /** Ends its machines, which would outlive it, and then itself. */
  async stop(): Promise<void> {
    const names = existsSync(this.socket) ? this.virsh('list', '--name').split('\n') : [];
    for (const name of names.filter((line) => line !== '')) this.virsh('destroy', name);
    for (const child of this.#children) await endProgram(child);
  }

  #spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn(command, [...args], options);
    this.#children.push(child);
    return child;
  }
}

const ROOT = dirname(dirname(import.meta.dirname));
const skip = missing(
  'root',
  'linux',
  'virsh',
  'libvirtd',
  'qemu-system-x86_64',
  '/usr/sbin/sshd',
  'ssh',
  'nc',
  'openssl',
  'unshare',
);

describe('virsh', { skip }, () => {
  const directory = skip === false ? mkdtempSync(join(tmpdir(), 'rackboot-virsh-')) : '';
  const stateDir = join(directory, 'state');
  const surroundings = { clock: systemClock, sshIdentity: () => openSshIdentity(stateDir, systemClock) };
  const signal = new AbortController().signal;
  const open = (uri: string, guest: string): PowerPort => {
    const opened = virsh.open('abc', { power_address: uri, power_id: guest }, surroundings);
    assert.ok(opened.kind === 'open', JSON.stringify(opened));
    return opened.port;
  };
  const perform = (port: PowerPort, command: PowerCommand) =>
    performCommand(port, command, { clock: systemClock, signal });
  let hypervisor: TestHypervisor | undefined;
  after(async () => {
    await hypervisor?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('the machines of libvirt’s test driver are listed and queried', async () => {
    const host = parseHypervisor('test:///default');
    assert.ok(host !== undefined);
    assert.deepEqual(await listGuests(host, surroundings, signal), {
      kind: 'guests',
      guests: [{ name: 'test', words: 'running', state: 'on' }],
    });
    const port = open('test:///default', 'test');
    assert.deepEqual(await port.query(signal), { kind: 'done', state: 'on', detail: spoken('running') });
    // Each connection starts from the same state: a machine that was switched off is on again.
    assert.equal((await port.off?.('hard', signal))?.kind, 'done');
    assert.equal(textOf(await port.on(signal)), 'Domain is already active');
    assert.equal((await open('test:///default', '--help').on(signal)).kind, 'refused');
  });

  test('a real virtual machine is started, restarted, and switched off', async () => {
    hypervisor = await TestHypervisor.start(directory);
    hypervisor.define('netboot', 'network');
    hypervisor.define('a disk', 'hd');
    const port = open(hypervisor.uri, 'netboot');
    assert.equal((await port.query(signal)).state, 'off', hypervisor.log);
    const started = await perform(port, { kind: 'on', netboot: true });
    assert.deepEqual([started.kind, started.state, textOf(started)], ['done', 'on', "Domain 'netboot' started"]);
    const cycled = await perform(port, { kind: 'cycle', netboot: true });
    assert.deepEqual([cycled.kind, cycled.state], ['done', 'on'], textOf(cycled));
    const asked = await perform(port, { kind: 'off', manner: 'soft' });
    assert.equal(asked.kind, 'done', textOf(asked));
    const ended = await perform(port, { kind: 'off', manner: 'hard' });
    assert.deepEqual([ended.kind, ended.state], ['done', 'off'], textOf(ended));
    assert.equal((await port.off?.('hard', signal))?.kind, 'done');
    const disk = await perform(open(hypervisor.uri, 'a disk'), { kind: 'on', netboot: true });
    assert.deepEqual([disk.kind, disk.state], ['done', 'on']);
    assert.match(textOf(disk), /does not boot from the network first/);
    assert.equal((await open(hypervisor.uri, 'a disk').off?.('hard', signal))?.kind, 'done');
  });

  test('a host is reached over SSH with our own key, and refused if it changes its own', async () => {
    assert.ok(hypervisor !== undefined);
    const identity = await openSshIdentity(stateDir, systemClock);
    assert.equal(statSync(identity.key).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(identity.key)).mode & 0o777, 0o700);
    const own = await readPublicKey(identity, systemClock);
    assert.match(own, /^ssh-ed25519 \S+ rackboot@/);
    const ssh = await hypervisor.startSsh(own);
    const uri = `qemu+ssh://root@127.0.0.1:${ssh.port}/session?socket=${hypervisor.socket}&proxy=netcat`;
    const port = open(uri, 'netboot');
    const started = await perform(port, { kind: 'on', netboot: true });
    assert.deepEqual([started.kind, started.state], ['done', 'on'], textOf(started));
    assert.equal((await perform(port, { kind: 'off', manner: 'hard' })).state, 'off');
    assert.equal(
      readFileSync(join(dirname(identity.key), 'known_hosts'), 'utf8')
        .trim()
        .split('\n').length,
      1,
    );

    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, `name: rack-1\nstate_dir: ${stateDir}\n`);
    const rackboot = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'power', ...args, '--config', config], {
        encoding: 'utf8',
      });
    const checked = rackboot('check', uri);
    assert.equal(checked.status, 0, checked.stderr);
    assert.match(checked.stdout, /^netboot +shut off +off$/m);
    assert.match(checked.stdout, /^a disk +shut off +off$/m);
    assert.equal(rackboot('key').stdout, `${own}\n`);

    const stranger = { ...surroundings, sshIdentity: () => openSshIdentity(join(directory, 'other'), systemClock) };
    const host = parseHypervisor(uri);
    assert.ok(host !== undefined);
    const list = await listGuests(host, stranger, signal);
    assert.equal(list.kind === 'failed' ? list.outcome.kind : list.kind, 'wrong-credentials');

    await ssh.changeHostKey();
    const refused = await port.on(signal);
    assert.equal(refused.kind, 'refused', textOf(refused));
    assert.match(textOf(refused), /host's key has changed/);
  });

  test('a host is reached over SSH with a password, which no list of processes shows and no file keeps', async () => {
    assert.ok(hypervisor !== undefined);
    const password = `it's "$HOME" & more`;
    const sshPort = await hypervisor.startSshWithPassword(password);
    const uri = `qemu+ssh://root@127.0.0.1:${sshPort}/session?socket=${hypervisor.socket}&proxy=netcat`;
    const query = async (pass: string | undefined) => {
      const values = { power_address: uri, power_id: 'netboot', ...(pass === undefined ? {} : { power_pass: pass }) };
      const opened = virsh.open('abc', values, surroundings);
      assert.ok(opened.kind === 'open', JSON.stringify(opened));
      return await opened.port.query(signal);
    };
    let listed = '';
    const watch = setInterval(() => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          listed += readFileSync(join('/proc', pid, 'cmdline'), 'latin1');
        } catch {
          // It has ended.
        }
      }
    }, 20);
    const answer = await query(password).finally(() => clearInterval(watch));
    assert.deepEqual([answer.kind, answer.state], ['done', 'off'], textOf(answer));
    assert.ok(listed.includes('password-') && !listed.includes('& more'), 'the script is listed, not its text');
    for (const wrong of ['wrong', undefined]) {
      const refused = await query(wrong);
      assert.equal(refused.kind, 'wrong-credentials', textOf(refused));
      assert.match(textOf(refused), /power_pass/);
    }
    assert.deepEqual(
      readdirSync(join(stateDir, 'ssh')).filter((name) => name.startsWith('password-')),
      [],
    );
  });

  test('a host without a running libvirtd is unreachable', async () => {
    assert.ok(hypervisor !== undefined);
    await hypervisor.stop();
    const answer = await open(hypervisor.uri, 'netboot').on(signal);
    assert.equal(answer.kind, 'unreachable', textOf(answer));
  });
});
