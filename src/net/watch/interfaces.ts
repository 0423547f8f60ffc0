// This host's interfaces, which of them lead to its default router, and their changes, by rtnetlink
// in a thread.
//
// 1. `current()` is complete at once, and replaced whole.
// 2. Listeners are called only after `current()` has changed.
// 3. A thread that has failed starts again after RESTART_MS; at its end the interfaces are read once.
// 4. After its first list the thread does not keep the process alive, unless it is being stopped.

import type { Clock, Timer } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import { threadFile } from '../../ground/thread-file.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNote } from '../host-note.ts';
import { KernelThread } from '../linux/kernel-thread.ts';
import { readHostInterfaces } from '../present-interfaces.ts';
import { isSameInterfaces } from './interface-table.ts';
import type { FromNetWorker, ToNetWorker } from './net-message.ts';
import { ThreadWire, type Wire } from './wire.ts';

/** How long to wait before a failed thread is started again, in milliseconds. */
const RESTART_MS = 10_000;
/** How long to wait for the thread's first list, in milliseconds. */
const FIRST_LIST_MS = 2000;

export interface InterfaceWatch {
  readonly notes: readonly HostNote[];
  /** Calls `listener` once, when the notes are complete. */
  onNotesComplete(listener: () => void): void;
  readonly wire: Wire;
  /** The interfaces, by index. */
  current(): readonly HostInterface[];
  /** @returns a function that ends the calls */
  onChange(listener: (interfaces: readonly HostInterface[]) => void): () => void;
  close(): Promise<void>;
}

/** Resolves with the first list; never fails. */
export async function openInterfaceWatch({ clock }: { readonly clock: Clock }): Promise<InterfaceWatch> {
  const watch = new HostWatch(clock);
  await watch.listen();
  return watch;
}

class HostWatch implements InterfaceWatch {
  readonly wire: ThreadWire;
  readonly #clock: Clock;
  readonly #listeners = new Set<(interfaces: readonly HostInterface[]) => void>();
  #notes: readonly HostNote[] = [];
  #current: readonly HostInterface[] = [];
  #thread: NetThread | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.wire = new ThreadWire(clock);
  }

  get notes(): readonly HostNote[] {
    return [...this.#notes, ...this.wire.notes];
  }

  onNotesComplete(listener: () => void): void {
    this.wire.whenSettled(() => {
      if (!this.#isClosed) listener();
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
    this.#isClosed = true;
    this.wire.connect(undefined);
    this.#timer?.cancel();
    this.#listeners.clear();
    await this.#thread?.stop();
  }

  /** Resolves when there is a list. */
  async listen(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const fallbackTimer = this.#clock.schedule(FIRST_LIST_MS, () => {
      this.#update(readHostInterfaces());
      resolve();
    });
    this.#startThread(() => {
      fallbackTimer.cancel();
      resolve();
    });
    await promise;
  }

  /** Starts the thread. `settle` is called with each list. */
  #startThread(settle: () => void): void {
    const fail = (reason: unknown): void => {
      this.wire.connect(undefined);
      if (this.#isClosed) return;
      this.#notes = [{ note: 'interfaces-unheard', reason: errorText(reason) }];
      this.#update(readHostInterfaces());
      this.#timer = this.#clock.schedule(RESTART_MS, () => this.#startThread(() => undefined));
      settle();
    };
    this.wire.expect();
    try {
      const thread = new NetThread({
        onMessage: (message) => {
          if (this.#isClosed) return;
          if (message.kind === 'interfaces') this.#update(message.interfaces);
          this.wire.receive(message);
          if (message.kind !== 'interfaces') return;
          this.#notes = [];
          settle();
        },
        onFailure: fail,
      });
      this.#thread = thread;
      this.wire.connect((message) => thread.post(message));
    } catch (error) {
      fail(error);
    }
  }

  #update(interfaces: readonly HostInterface[]): void {
    if (this.#isClosed || isSameInterfaces(this.#current, interfaces)) return;
    this.#current = interfaces;
    this.wire.interfacesChanged(interfaces);
    for (const listener of this.#listeners) listener(interfaces);
  }
}

interface NetThreadListener {
  onMessage(message: FromNetWorker): void;
  /** Called when the thread ended unexpectedly; no more messages follow. */
  onFailure(reason: unknown): void;
}

/** The main thread's side of the net worker. */
export class NetThread extends KernelThread<ToNetWorker, FromNetWorker> {
  /** Throws if the C library cannot be called. */
  constructor(listener: NetThreadListener) {
    super({
      name: 'net',
      file: threadFile('network'),
      onMessage: (message) => {
        if (message.kind === 'interfaces') this.unref();
        listener.onMessage(message);
      },
      onFailure: (reason) => listener.onFailure(reason),
    });
  }
}
