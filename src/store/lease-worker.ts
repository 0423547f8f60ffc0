// The journal worker: the thread that waits for the disk, so that the rack loop never does.
//
//   write ─▶ commit ─▶ durable ─▶ (idle FOLD_IDLE_MS) ─▶ fold step ─▶ … ─▶ nothing left
//
// 1. A message is answered before the next is taken; the answer to a write comes after its commit.
// 2. Folding waits until nobody has written for a while, or until FOLD_BACKLOG_MAX records wait: then one step follows each write.

import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock, type Timer } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { sqliteCode } from './database-file.ts';
import { LeaseDatabase } from './lease-database.ts';
import type { FromLeaseWorker, LeaseWorkerData, ToLeaseWorker } from './lease-message.ts';

/** How long nobody must have written before the log is folded, in milliseconds. */
const FOLD_IDLE_MS = 100;
/** Records in the log above which a fold step follows each write. */
const FOLD_BACKLOG_MAX = 32_768;
/** After a fold that failed nothing is folded for this long, in milliseconds. */
const FOLD_RETRY_MS = 5000;

class Folder {
  readonly #database: LeaseDatabase;
  #timer: Timer | undefined;
  #restUntilMs = 0;

  constructor(database: LeaseDatabase) {
    this.#database = database;
  }

  /** To be called after each write. */
  afterWrite(): void {
    if (this.#database.unfolded > FOLD_BACKLOG_MAX && systemClock.now() >= this.#restUntilMs) this.#step();
    this.#wait(Math.max(FOLD_IDLE_MS, this.#restUntilMs - systemClock.now()));
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = systemClock.schedule(delayMs, () => {
      // A turn between two steps: a batch that came meanwhile goes first.
      if (this.#step()) this.#wait(0);
    });
  }

  /** @returns whether to go on at once */
  #step(): boolean {
    try {
      return this.#database.fold();
    } catch (error) {
      this.#restUntilMs = systemClock.now() + FOLD_RETRY_MS;
      this.#wait(FOLD_RETRY_MS);
      say({ kind: 'fold-failed', reason: reasonOf(error) });
      return false;
    }
  }
}

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

function serve(database: LeaseDatabase): void {
  const folder = new Folder(database);
  if (database.unfolded > 0) folder.afterWrite();
  const attempt = (action: () => FromLeaseWorker): void => {
    try {
      say(action());
    } catch (error) {
      say({ kind: 'failed', reason: reasonOf(error) });
    }
  };
  parentPort?.on('message', (message: ToLeaseWorker) => {
    switch (message.kind) {
      case 'write':
        attempt(() => ({ kind: 'durable', sequence: database.write(message.bytes) }));
        folder.afterWrite();
        return;
      case 'probe':
        attempt(() => {
          database.probe(message.sizeBytes);
          return { kind: 'writable' };
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
else serve(database);
flushCompileCache();
