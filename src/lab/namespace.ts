// A private network: a network namespace of its own with a bridge, to which virtual machines and clients are attached. Nothing in
// it can reach a network of the host, and nothing of the host changes.

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { errorText, osErrorCode, RackError } from '../errors.ts';

export const BRIDGE = 'br0';
/** Locally administered. */
const BRIDGE_ADDRESS = '02:52:42:00:00:01';

/** A network namespace that this process made and will remove. */
export class LabNamespace {
  readonly name: string;
  #taps = 0;
  #hosts: string[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes the namespace `name` with its loopback up and a bridge that has `address/prefix`.
   *
   * @throws RackError `tool-missing`, `permission-denied`, `tool-failed`.
   */
  static create(name: string, address: string, prefix: number): LabNamespace {
    ip('netns', 'add', name);
    const namespace = new LabNamespace(name);
    try {
      namespace.ip('link', 'set', 'lo', 'up');
      // With an address of its own: it would else change to that of each host that is added, and be deaf to those who know the former one.
      const own = ['address', BRIDGE_ADDRESS];
      namespace.ip('link', 'add', BRIDGE, ...own, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0');
      namespace.ip('address', 'add', `${address}/${prefix}`, 'dev', BRIDGE);
      namespace.ip('link', 'set', BRIDGE, 'up');
    } catch (error) {
      namespace.remove();
      throw error;
    }
    return namespace;
  }

  /** Runs `ip` inside the namespace. */
  ip(...args: readonly string[]): string {
    return ip('-netns', this.name, ...args);
  }

  /** A new tap device on the bridge, for one virtual machine. @returns its name. */
  addTap(): string {
    const tap = `tap${this.#taps}`;
    this.#taps += 1;
    this.ip('tuntap', 'add', 'dev', tap, 'mode', 'tap');
    this.ip('link', 'set', tap, 'master', BRIDGE, 'up');
    return tap;
  }

  /** Another namespace with one end of a cable to the bridge as `eth0`: a client host. @returns its name. */
  addHost(label: string, mac: string): string {
    const host = `${this.name}-${label}`;
    ip('netns', 'add', host);
    this.#hosts.push(host);
    const port = `h${this.#hosts.length}`;
    this.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    this.ip('link', 'set', port, 'master', BRIDGE, 'up');
    ip('-netns', host, 'link', 'set', 'eth0', 'address', mac);
    ip('-netns', host, 'link', 'set', 'lo', 'up');
    ip('-netns', host, 'link', 'set', 'eth0', 'up');
    return host;
  }

  /** Starts a program inside the namespace, or inside the client host `host`. */
  spawn(
    command: string,
    args: readonly string[],
    options: SpawnOptions & { readonly host?: string } = {},
  ): ChildProcess {
    const { host = this.name, ...rest } = options;
    return spawn('ip', ['netns', 'exec', host, command, ...args], rest);
  }

  /** The namespace and those of its client hosts. */
  get names(): readonly string[] {
    return [...this.#hosts, this.name];
  }

  /** Removes the namespace, its client hosts and every device in them. */
  remove(): void {
    for (const name of this.names) {
      try {
        ip('netns', 'delete', name);
      } catch {
        // It is gone already, which is what was wanted.
      }
    }
    this.#hosts = [];
  }
}

function ip(...args: readonly string[]): string {
  try {
    return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') {
      throw new RackError('tool-missing', 'the private network needs `ip`: sudo apt-get install iproute2', {
        cause: error,
      });
    }
    const text = errorText(error);
    if (/Operation not permitted|Permission denied/.test(text)) {
      throw new RackError('permission-denied', 'a private network can be made by root only: run this as root', {
        cause: error,
      });
    }
    throw new RackError('tool-failed', `ip ${args.join(' ')}: ${text}`, { cause: error });
  }
}
