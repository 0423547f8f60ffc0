// The journal worker: the thread that waits for the disk, so that the rack loop never does.
//
//   write ─▶ commit ─▶ durable ─▶ fold, when there is time (`lease-folder.ts`)
//
// 1. A message is answered before the next is taken; the answer to a write comes after its commit.
// 2. Nothing is folded before its `durable` was said.
// 3. The rack loop sees when a call of the database is under way (`disk-work.ts`): only then is it the disk that lets a write wait.

import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { sqliteCode } from './database-file.ts';
import { DiskWork } from './disk-work.ts';
import { LeaseDatabase } from './lease-database.ts';
import { LeaseFolder } from './lease-folder.ts';
import type { FromLeaseWorker, LeaseWorkerData, ToLeaseWorker } from './lease-message.ts';

/**
 * Records in the log beyond which it is folded under load too. So many are 90 to 160 MB, and cost a start 2 to 3 s of processor time;
 * folding them costs 0.5 s where addresses lie side by side, 2 s where a quarter of a wide range is leased.
 */
const FOLD_BACKLOG_MAX = 1_000_000;

function say(message: FromLeaseWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function reasonOf(error: unknown): string {
  const code = sqliteCode(error);
  return code === undefined ? errorText(error) : `${errorText(error)} (SQLite ${code})`;
}

function open(data: LeaseWorkerData): LeaseDatabase | undefined {
  let database: LeaseDatabase | undefined;
  try {
    database = new LeaseDatabase(data.path);
    if (data.discardAbove === undefined) {
      database.load((bytes) => say({ kind: 'leases', bytes }, [bytes.buffer]));
    } else {
      database.discardAbove(data.discardAbove);
    }
    say({ kind: 'opened', lastSequence: database.lastSequence });
    return database;
  } catch (error) {
    database?.close();
    const code = error instanceof RackError ? error.code : 'store-broken';
    const message =
      error instanceof RackError
        ? error.message
        : `${data.path} cannot be read: ${reasonOf(error)}; put back a backup, or move it and its -wal file away to begin with an empty one`;
    say({ kind: 'refused', code, message });
    return undefined;
  }
}

function serve(database: LeaseDatabase, work: DiskWork): void {
  const folder = new LeaseFolder({
    database: {
      fold: (heard) => work.run(() => database.fold(heard)),
      get unfolded() {
        return database.unfolded;
      },
      get lastSequence() {
        return database.lastSequence;
      },
    },
    clock: systemClock,
    backlogMax: FOLD_BACKLOG_MAX,
    onFailed: (error) => say({ kind: 'fold-failed', reason: reasonOf(error) }),
  });
  if (database.unfolded > 0) folder.afterWrite(0);
  const attempt = (action: () => FromLeaseWorker): void => {
    try {
      say(action());
    } catch (error) {
      say({ kind: 'failed', reason: reasonOf(error) });
    }
  };
  const write = (sequence: number, bytes: Uint8Array<ArrayBuffer>): void => {
    const before = database.lastSequence;
    // A batch is sent when the answer to the one before has come.
    folder.heard(before);
    try {
      work.run(() => database.write(sequence, bytes));
    } catch (error) {
      say({ kind: 'failed', reason: reasonOf(error) });
      return;
    }
    say({ kind: 'durable', sequence, memory: bytes.buffer }, [bytes.buffer]);
    folder.afterWrite(sequence - before);
  };
  parentPort?.on('message', (message: ToLeaseWorker) => {
    switch (message.kind) {
      case 'write':
        write(message.sequence, message.bytes);
        return;
      case 'probe':
        attempt(() => {
          const startedAt = systemClock.now();
          work.run(() => database.probe(message.sizeBytes));
          return { kind: 'writable', tookMs: systemClock.now() - startedAt };
        });
        return;
      case 'ping':
        say({ kind: 'pong' });
        return;
      case 'close':
        folder.stop();
        database.close();
        parentPort?.close();
    }
  });
}

const data: LeaseWorkerData = workerData;
const database = open(data);
if (database === undefined) parentPort?.close();
else serve(database, new DiskWork(data.work));
flushCompileCache();
