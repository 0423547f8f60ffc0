// A private network: a network namespace with a bridge for virtual machines and clients. It reaches
// no network of the host and changes nothing on the host.

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';

export const BRIDGE = 'br0';
/** The beginning of the names of labs' namespaces. */
export const LAB_NAMESPACE = 'rackboot-lab-';
/** A locally administered hardware address. */
const BRIDGE_ADDRESS = '02:52:42:00:00:01';

/** A network namespace that this process creates and removes. */
export class LabNamespace {
  readonly name: string;
  #taps = 0;
  #hosts: string[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Creates the namespace `name` with its loopback up and a bridge with `address/prefix`.
   *
   * @throws RackError `tool-missing`, `permission-denied`, `tool-failed`.
   */
  static create(name: string, address: string, prefix: number): LabNamespace {
    ip('netns', 'add', name);
    const namespace = new LabNamespace(name);
    try {
      namespace.ip('link', 'set', 'lo', 'up');
      // Without a fixed hardware address, the bridge would adopt the address of an added host, and
      // miss frames to its previous address.
      const fixedAddress = ['address', BRIDGE_ADDRESS];
      namespace.ip('link', 'add', BRIDGE, ...fixedAddress, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0');
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

  /** Adds a tap device to the bridge, for one virtual machine. @returns its name */
  addTap(): string {
    const tap = `tap${this.#taps}`;
    this.#taps += 1;
    this.ip('tuntap', 'add', 'dev', tap, 'mode', 'tap');
    this.ip('link', 'set', tap, 'master', BRIDGE, 'up');
    return tap;
  }

  /** Adds a client host: another namespace, whose `eth0` is connected to the bridge. @returns its name */
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

  /** Starts a program in the namespace, or in the client host `host`. */
  spawn(
    command: string,
    args: readonly string[],
    options: SpawnOptions & { readonly host?: string } = {},
  ): ChildProcess {
    const { host = this.name, ...spawnOptions } = options;
    return spawn('ip', ['netns', 'exec', host, command, ...args], spawnOptions);
  }

  /** The names of the namespace and of its client hosts. */
  get names(): readonly string[] {
    return [...this.#hosts, this.name];
  }

  /** Removes the namespace, its client hosts and every device in them. */
  remove(): void {
    for (const name of this.names) {
      try {
        ip('netns', 'delete', name);
      } catch {
        // It is already gone.
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
      throw new RackError('permission-denied', 'only root can create a private network: run this as root', {
        cause: error,
      });
    }
    throw new RackError('tool-failed', `ip ${args.join(' ')}: ${text}`, { cause: error });
  }
}
