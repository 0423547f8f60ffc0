// A libvirt host on loopback: libvirtd of an ordinary user in a directory of its own, with QEMU, and an SSH server before it.

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { sleep } from '../../src/clock.ts';
import { endProgram } from './child.ts';
import { freePort } from './free-port.ts';

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
export class TestHypervisor {
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
