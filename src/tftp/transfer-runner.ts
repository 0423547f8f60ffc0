// Runs the transfers of a server in a thread of its own, so that a load of files never delays DHCP and DNS.

import { errorText } from '../ground/errors.ts';
import { threadFile } from '../ground/thread-file.ts';
import { KernelThread } from '../net/linux/kernel-thread.ts';
import type { TransferMemory } from './shared-transfer-state.ts';
import type { TransferCommand, TransferReport } from './transfer-engine.ts';

export interface TransferRunner {
  /** Called when a transfer is expected. */
  prepare(): void;
  tell(order: TransferCommand): void;
  /** Carries out the orders given until now; no report follows. */
  stop(): Promise<void>;
}

interface TransferRunnerDeps {
  readonly memory: TransferMemory;
  readonly take: (report: TransferReport) => void;
  /** The engine has ended with all transfers. The next one starts another. */
  readonly onFailure: (reason: string) => void;
}

export type MakeTransferRunner = (deps: TransferRunnerDeps) => TransferRunner;

/** What the thread is given. */
export interface TransferThreadData {
  readonly eventFd: number;
  readonly memory: TransferMemory;
}

type Thread = KernelThread<TransferCommand, TransferReport>;

/**
 * Runs transfers in a thread that starts before the first one: a rack without TFTP clients saves
 * its memory.
 */
export class ThreadTransferRunner implements TransferRunner {
  readonly #deps: TransferRunnerDeps;
  #thread: Thread | undefined;

  constructor(deps: TransferRunnerDeps) {
    this.#deps = deps;
  }

  prepare(): void {
    this.#thread ??= this.#start();
  }

  tell(order: TransferCommand): void {
    this.prepare();
    this.#thread?.post(order);
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
      const thread: Thread = new KernelThread<TransferCommand, TransferReport>({
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
