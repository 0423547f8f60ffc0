// This host's interfaces, which of them lead to its default router, and their changes, by rtnetlink in a thread, or else by polling.
//
// 1. `current()` is complete at once, and replaced whole.
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
/** How long to wait for the thread's first list, in milliseconds. */
const FIRST_WORD_MS = 2000;

export interface InterfaceWatch {
  /** `netlink` at once, `polled` within two seconds. */
  readonly kind: 'netlink' | 'polled';
  readonly notes: readonly HostNote[];
  /** Calls `listener` once, when the notes are complete. */
  whenNoted(listener: () => void): void;
  readonly wire: Wire;
  /** The interfaces, by index. */
  current(): readonly HostInterface[];
  /** @returns a function that ends the calls */
  onChange(listener: (interfaces: readonly HostInterface[]) => void): () => void;
  close(): Promise<void>;
}

/** Only tests set `native: false` to poll on Linux. */
interface InterfaceWatchOptions {
  readonly clock: Clock;
  readonly native?: boolean;
}

/** Resolves with the first list; never fails. */
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

  /** Polls from now on, because of `reason`. */
  look(reason: HostNote): void {
    this.#kind = 'polled';
    this.#notes = [reason];
    this.#lookAgain();
  }

  async #startThread(settle: () => void): Promise<void> {
    // A host without koffi still runs.
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
