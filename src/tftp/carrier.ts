// Who carries the transfers of a server: a thread of its own, so that a load of files never delays DHCP and DNS, or the server's thread,
// where sockets cannot be waited for in another.

import type { Clock } from '../clock.ts';
import { Alarm } from '../deadline-queue.ts';
import { errorText } from '../errors.ts';
import type { DatagramNetwork } from '../net/datagrams/datagram.ts';
import { PeersOfNetwork } from '../net/datagrams/peer-datagrams.ts';
import type { KernelThread } from '../net/linux/kernel-thread.ts';
import { Carriage, type CarriageOrder, type CarriageReport } from './carriage.ts';
import { type CarriageMemory, CarriageState } from './carriage-state.ts';

export interface Carrier {
  /** A transfer is to come. */
  prepare(): void;
  tell(order: CarriageOrder): void;
  /** Carries out the orders given until now; no report follows. */
  stop(): Promise<void>;
}

interface CarrierDeps {
  readonly memory: CarriageMemory;
  readonly take: (report: CarriageReport) => void;
}

/** What the thread is given. */
export interface CarriageThreadData {
  readonly eventFd: number;
  readonly memory: CarriageMemory;
}

interface ThreadDeps extends CarrierDeps {
  /** The thread has ended with all transfers. The next one starts another. */
  readonly onFailure: (reason: string) => void;
}

type Thread = KernelThread<CarriageOrder, CarriageReport>;

/** In a thread that starts before the first transfer: a rack without TFTP clients saves its memory. */
export class ThreadCarrier implements Carrier {
  readonly #deps: ThreadDeps;
  #thread: Promise<Thread | undefined> | undefined;

  constructor(deps: ThreadDeps) {
    this.#deps = deps;
  }

  prepare(): void {
    this.#thread ??= this.#start();
  }

  tell(order: CarriageOrder): void {
    this.prepare();
    void this.#thread?.then((thread) => thread?.tell(order));
  }

  async stop(): Promise<void> {
    const thread = await this.#thread;
    await thread?.stop();
  }

  async #start(): Promise<Thread | undefined> {
    const fail = (reason: unknown): void => {
      this.#thread = undefined;
      this.#deps.onFailure(errorText(reason));
    };
    try {
      // Only here: a host without koffi has no such thread.
      const { KernelThread } = await import('../net/linux/kernel-thread.ts');
      const thread: Thread = new KernelThread<CarriageOrder, CarriageReport>({
        name: 'tftp',
        // It has this file's extension, source or compiled.
        file: new URL(import.meta.url.endsWith('.ts') ? '../tftp-thread.ts' : '../tftp-thread.js', import.meta.url),
        data: { memory: this.#deps.memory },
        onMessage: this.#deps.take,
        onFailure: fail,
      });
      thread.unref();
      return thread;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }
}

interface OwnDeps extends CarrierDeps {
  readonly clock: Clock;
  readonly network: DatagramNetwork;
}

/** In this thread. */
export class OwnCarrier implements Carrier {
  readonly #carriage: Carriage;
  readonly #alarm: Alarm;

  constructor({ memory, take, clock, network }: OwnDeps) {
    this.#alarm = new Alarm(clock, () => {
      this.#carriage.work();
      this.#alarm.expect(this.#carriage.nextAt);
    });
    this.#carriage = new Carriage({
      clock,
      sockets: new PeersOfNetwork(network),
      state: new CarriageState(memory),
      report: take,
      onExpect: (at) => this.#alarm.expect(at),
    });
  }

  prepare(): void {}

  tell(order: CarriageOrder): void {
    this.#carriage.obey(order);
  }

  async stop(): Promise<void> {
    this.#alarm.cancel();
  }
}
