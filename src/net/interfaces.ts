// The interfaces of this host, and word of their coming and going: by rtnetlink from a thread of its own, at once; where that
// cannot be had, by looking every POLL_INTERVAL_MS.
//
// 1. `current()` is complete when the watch is handed out, and is replaced whole, never changed.
// 2. Listeners are told after `current()` has changed, and only then.
// 3. When the thread fails, the watch goes on by looking.

import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../clock.ts';
import { errorText } from '../errors.ts';
import { parseIpv4, parseMac } from './address.ts';
import type { HostInterface, InterfaceAddress } from './host-interface.ts';
import { readIdleAddresses } from './idle-addresses.ts';
import { sameInterfaces } from './interface-table.ts';
import type { NetThread } from './net-thread.ts';
import { ThreadWire, type Wire } from './wire.ts';

/** How often one looks where the kernel does not tell, in milliseconds. */
const POLL_INTERVAL_MS = 2000;
/** How long the thread may take to its first word before one begins by looking. */
const FIRST_WORD_MS = 2000;

/** The interfaces of the host as they are now. */
export interface InterfaceWatch {
  /** How changes are learnt: `netlink` at once, `polled` within two seconds. */
  readonly kind: 'netlink' | 'polled';
  /** What is missing here and what follows from it, one sentence each. */
  readonly notes: readonly string[];
  /** The wires behind the interfaces. */
  readonly wire: Wire;
  /** The interfaces, by index. */
  current(): readonly HostInterface[];
  /** Has `listener` called with every new list from now on; the result ends that. */
  onChange(listener: (interfaces: readonly HostInterface[]) => void): () => void;
  close(): Promise<void>;
}

/** What a watch is opened with; `native: false` has it look instead of listening. */
export interface InterfaceWatchOptions {
  readonly clock: Clock;
  readonly native?: boolean;
}

/** Opens the watch; it resolves when the first list is there, and never fails. */
export async function openInterfaceWatch(options: InterfaceWatchOptions): Promise<InterfaceWatch> {
  const watch = new HostWatch(options.clock);
  if (options.native === false)
    watch.look('The interfaces of the host are looked at every 2 s, as the configuration asks.');
  else await watch.listen();
  return watch;
}

class HostWatch implements InterfaceWatch {
  readonly wire: ThreadWire;
  readonly #clock: Clock;
  readonly #listeners = new Set<(interfaces: readonly HostInterface[]) => void>();
  #kind: InterfaceWatch['kind'] = 'netlink';
  #notes: readonly string[] = [];
  #current: readonly HostInterface[] = [];
  #thread: NetThread | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.wire = new ThreadWire(clock);
  }

  get kind(): InterfaceWatch['kind'] {
    return this.#kind;
  }
  get notes(): readonly string[] {
    return [...this.#notes, ...this.wire.notes];
  }

  current(): readonly HostInterface[] {
    return this.#current;
  }

  onChange(listener: (interfaces: readonly HostInterface[]) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.wire.connect(undefined);
    this.#timer?.cancel();
    this.#listeners.clear();
    await this.#thread?.stop();
  }

  /** Starts the thread and waits for its first list. */
  async listen(): Promise<void> {
    if (process.platform !== 'linux') return this.look(lookingBecause('only Linux tells of changes'));
    await new Promise<void>((resolve) => {
      const late = this.#clock.schedule(FIRST_WORD_MS, () => {
        this.#update(readInterfaces());
        resolve();
      });
      const settle = (): void => {
        late.cancel();
        resolve();
      };
      this.#startThread(settle).catch((error) => {
        this.look(lookingBecause(errorText(error)));
        settle();
      });
    });
  }

  /** Goes on by looking; `reason` becomes the note. */
  look(reason: string): void {
    this.#kind = 'polled';
    this.#notes = [reason];
    this.#lookAgain();
  }

  async #startThread(settle: () => void): Promise<void> {
    // Imported only here, so that a host without the koffi package still runs.
    const { NetThread } = await import('./net-thread.ts');
    if (this.#closed) return;
    const thread = new NetThread({
      onMessage: (message) => {
        if (this.#closed) return;
        if (message.kind !== 'interfaces') return this.wire.take(message);
        this.#update(message.interfaces);
        settle();
      },
      onFailure: (reason) => {
        this.wire.connect(undefined);
        if (!this.#closed) this.look(lookingBecause(errorText(reason)));
        settle();
      },
    });
    this.#thread = thread;
    this.wire.connect((message) => thread.tell(message));
  }

  #lookAgain(): void {
    if (this.#closed) return;
    this.#update(readInterfaces());
    this.#timer = this.#clock.schedule(POLL_INTERVAL_MS, () => this.#lookAgain());
  }

  #update(interfaces: readonly HostInterface[]): void {
    if (this.#closed || sameInterfaces(this.#current, interfaces)) return;
    this.#current = interfaces;
    this.wire.interfacesChanged(interfaces);
    for (const listener of this.#listeners) listener(interfaces);
  }
}

function lookingBecause(reason: string): string {
  return `The interfaces of the host are looked at every 2 s, because the kernel's word of changes is not to be had (${reason}).`;
}

/**
 * The interfaces by looking once: addresses by Node and from the kernel's routes, the rest from /sys/class/net. Where there is no such directory,
 * interfaces without an address are missing and `index` is 0.
 */
export function readInterfaces(): readonly HostInterface[] {
  const byNode = networkInterfaces();
  const listed = new Set(
    Object.values(byNode).flatMap((known) => addressesOf(known ?? []).map(({ address }) => address)),
  );
  const idle = readIdleAddresses(listed);
  const names = new Set([...listDevices(), ...Object.keys(byNode), ...idle.keys()]);
  const interfaces: HostInterface[] = [];
  for (const name of names) {
    const known = byNode[name];
    const flags = Number(readDeviceFile(name, 'flags') ?? (known === undefined ? 0 : 1));
    const up = (flags & 1) !== 0;
    const carrier = readDeviceFile(name, 'carrier');
    interfaces.push({
      name,
      index: Number(readDeviceFile(name, 'ifindex') ?? 0),
      mac: parseMac(readDeviceFile(name, 'address') ?? known?.[0]?.mac ?? ''),
      up,
      carrier: carrier === undefined ? up : carrier === '1',
      addresses: [...addressesOf(known ?? []), ...(idle.get(name) ?? [])],
    });
  }
  return interfaces.sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1));
}

function addressesOf(known: readonly { readonly family: string; readonly cidr: string | null }[]): InterfaceAddress[] {
  const addresses: InterfaceAddress[] = [];
  for (const { family, cidr } of known) {
    const [text, prefix] = cidr?.split('/') ?? [];
    const address = text === undefined ? undefined : parseIpv4(text);
    if (family === 'IPv4' && address !== undefined) addresses.push({ address, prefix: Number(prefix) });
  }
  return addresses;
}

function listDevices(): readonly string[] {
  try {
    return readdirSync('/sys/class/net');
  } catch {
    return [];
  }
}

/** A line of a device's directory; undefined where it cannot be read (`carrier` of a device that is down). */
function readDeviceFile(device: string, file: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${device}/${file}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
