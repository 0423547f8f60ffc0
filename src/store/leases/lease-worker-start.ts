// Starts the journal worker with bounded memory, and handles its messages until its file is open.
//
//   start ─▶ leases, leases, … ─▶ opened: the caller takes over listening
//        └─▶ refused, or the thread ends: a RackError

import { Worker } from 'node:worker_threads';
import { errorText, RackError } from '../../ground/errors.ts';
import { threadFile } from '../../ground/thread-file.ts';
import type { LeaseDamage } from './damaged-row.ts';
import type { FromLeaseWorker, LeaseWorkerData } from './lease-message.ts';
import { DiskWork } from './write-watch.ts';

/** The worker's heap, in MiB. Buffers are outside it, bounded by JOURNAL_PENDING_MAX. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

/** A worker whose file is open. */
export interface StartedLeaseWorker {
  readonly worker: Worker;
  readonly lastSequence: number;
  readonly work: DiskWork;
  /** Damaged rows that were found while the file was read. */
  readonly damage: readonly LeaseDamage[];
}

/**
 * Starts the journal worker; resolves when its file is open.
 * @param onLeases called with the leases in force, in encoded pieces
 * @throws RackError `store-newer`, `store-broken`, `store-unwritable`, `store-unavailable`
 */
export function startLeaseWorker(
  data: Omit<LeaseWorkerData, 'work'>,
  onLeases: (bytes: Uint8Array) => void,
): Promise<StartedLeaseWorker> {
  const work = new DiskWork();
  const workerData: LeaseWorkerData = { ...data, work: work.memory };
  const worker = new Worker(threadFile('journal'), {
    workerData,
    name: 'lease-journal',
    resourceLimits: WORKER_LIMITS,
  });
  const { promise, resolve, reject } = Promise.withResolvers<StartedLeaseWorker>();
  const fail = (reason: string, cause?: unknown): void =>
    reject(new RackError('store-unavailable', `the journal of ${data.path} did not start: ${reason}`, { cause }));
  const onError = (cause: unknown): void => fail(errorText(cause), cause);
  const onExit = (code: number): void => fail(`its thread ended with ${code}`);
  const damage: LeaseDamage[] = [];
  const onMessage = (message: FromLeaseWorker): void => {
    if (message.kind === 'leases') {
      try {
        onLeases(message.bytes);
      } catch (error) {
        reject(error);
        void worker.terminate();
      }
    } else if (message.kind === 'damaged') damage.push(message.damage);
    else if (message.kind === 'refused') {
      reject(new RackError(message.code, message.message));
    } else if (message.kind === 'opened') {
      worker.off('error', onError).off('exit', onExit).off('message', onMessage);
      resolve({ worker, lastSequence: message.lastSequence, work, damage });
    }
  };
  // Keep listening for `error` after a refusal: an unhandled one would end the process.
  worker.on('error', onError).on('exit', onExit).on('message', onMessage);
  return promise;
}
