// The interfaces of this host and their changes: at once, by rtnetlink in a separate thread; or, if that is not available, by
// polling every POLL_INTERVAL_MS.
//
// 1. `current()` is complete when the watch is returned; it is replaced whole, never changed.
// 2. Listeners are called only after `current()` has changed.
// 3. If the thread fails, the watch continues by polling.

import type { Clock, Timer } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNote } from '../host-note.ts';
import { readInterfaces } from '../present-interfaces.ts';
import { sameInterfaces } from './interface-table.ts';
import type { NetThread } from './net-thread.ts';
import { ThreadWire, type Wire } from './wire.ts';

/** The polling interval, in milliseconds. */
const POLL_INTERVAL_MS = 2000;
/** How long the watch waits for the thread's first list before it polls, in milliseconds. */
const FIRST_WORD_MS = 2000;

/** The current interfaces of the host. */
export interface InterfaceWatch {
  /** How changes are detected: `netlink` at once, `polled` within two seconds. */
  readonly kind: 'netlink' | 'polled';
  /** Missing features of this host. */
  readonly notes: readonly HostNote[];
  /** Calls `listener` once, when the notes are complete: now, or when the thread that is still starting has sent them. */
  whenNoted(listener: () => void): void;
  /** The wires behind the interfaces. */
  readonly wire: Wire;
  /** The interfaces, by index. */
  current(): readonly HostInterface[];
  /** Calls `listener` with every new list from now on. @returns a function that ends this */
  onChange(listener: (interfaces: readonly HostInterface[]) => void): () => void;
  close(): Promise<void>;
}

/** Options of a watch. Only tests set `native: false`, by which it polls on Linux as on other systems. */
interface InterfaceWatchOptions {
  readonly clock: Clock;
  readonly native?: boolean;
}

/** Opens the watch. Resolves with the first list; never fails. */
export async function openInterfaceWatch(options: InterfaceWatchOptions): Promise<InterfaceWatch> {
  const watch = new HostWatch(options.clock);
  if (options.native === false) watch.look({ note: 'polling-chosen' });
  else await watch.listen();
  return watch;
}

class HostWatch implements InterfaceWatch {
  readonly wire: ThreadWire;
  readonly #clock: Clock;
  readonly #listeners = new Set<(interfaces: readonly HostInterface[]) => void>();
  #kind: InterfaceWatch['kind'] = 'netlink';
  #notes: readonly HostNote[] = [];
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
  get notes(): readonly HostNote[] {
    return [...this.#notes, ...this.wire.notes];
  }

  whenNoted(listener: () => void): void {
    this.wire.whenSettled(() => {
      if (!this.#closed) listener();
    });
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
    if (process.platform !== 'linux') return this.look(pollingBecause(process.platform));
    this.wire.expect();
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
        this.wire.connect(undefined);
        this.look(pollingBecause(errorText(error)));
        settle();
      });
    });
  }

  /** Polls from now on; `reason` says why. */
  look(reason: HostNote): void {
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
        if (message.kind === 'interfaces') this.#update(message.interfaces);
        this.wire.take(message);
        if (message.kind === 'interfaces') settle();
      },
      onFailure: (reason) => {
        this.wire.connect(undefined);
        if (!this.#closed) this.look(pollingBecause(errorText(reason)));
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

const pollingBecause = (reason: string): HostNote => ({ note: 'polling-needed', reason });
