// Who carries the transfers of a server: a thread of its own, so that a load of files never delays DHCP and DNS.

import { errorText } from '../ground/errors.ts';
import { threadFile } from '../ground/thread-file.ts';
import { KernelThread } from '../net/linux/kernel-thread.ts';
import type { CarriageOrder, CarriageReport } from './carriage.ts';
import type { CarriageMemory } from './carriage-state.ts';

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
  /** Whoever carries has ended with all transfers. The next one starts another. */
  readonly onFailure: (reason: string) => void;
}

export type MakeCarrier = (deps: CarrierDeps) => Carrier;

/** What the thread is given. */
export interface CarriageThreadData {
  readonly eventFd: number;
  readonly memory: CarriageMemory;
}

type Thread = KernelThread<CarriageOrder, CarriageReport>;

/** In a thread that starts before the first transfer: a rack without TFTP clients saves its memory. */
export class ThreadCarrier implements Carrier {
  readonly #deps: CarrierDeps;
  #thread: Thread | undefined;

  constructor(deps: CarrierDeps) {
    this.#deps = deps;
  }

  prepare(): void {
    this.#thread ??= this.#start();
  }

  tell(order: CarriageOrder): void {
    this.prepare();
    this.#thread?.tell(order);
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }

  #start(): Thread | undefined {
    const fail = (reason: unknown): void => {
      this.#thread = undefined;
      this.#deps.onFailure(errorText(reason));
    };
    try {
      const thread: Thread = new KernelThread<CarriageOrder, CarriageReport>({
        name: 'tftp',
        file: threadFile('tftp'),
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
