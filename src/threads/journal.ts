// The journal worker waits for the disk, so that the rack loop never does.
//
//   write ─▶ commit ─▶ durable ─▶ fold, when there is time (`lease-folder.ts`)
//
// 1. Each message is answered before the next is read. A write is answered after its commit.
// 2. A record is folded only after its `durable` was sent.
// 3. If the disk is full, the ballast is freed (`ballast.ts`), and the write is tried again.
// 4. `DiskWork` shows the rack loop when a database call is under way. Only then is the disk the
//    cause of a slow write.

import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { errorText, RackError } from '../ground/errors.ts';
import { readSqliteCode } from '../store/database-file.ts';
import { BALLAST_FILE, Ballast } from '../store/leases/ballast.ts';
import { LeaseDatabase } from '../store/leases/lease-database.ts';
import { LeaseFolder } from '../store/leases/lease-folder.ts';
import type { FromLeaseWorker, LeaseWorkerData, ToLeaseWorker } from '../store/leases/lease-message.ts';
import { DiskWork } from '../store/leases/write-watch.ts';

/**
 * The number of unfolded records beyond which the log is folded even under load. So many records
 * take 90 to 160 MB, and 2 to 3 s of processor time at a start. Folding takes 0.5 s for adjacent
 * addresses, 2 s for a quarter of a wide range.
 */
const FOLD_BACKLOG_MAX = 1_000_000;

function postToRack(message: FromLeaseWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function describeError(error: unknown): string {
  const code = readSqliteCode(error);
  return code === undefined ? errorText(error) : `${errorText(error)} (SQLite ${code})`;
}

function openLeases(data: LeaseWorkerData): LeaseDatabase | undefined {
  let database: LeaseDatabase | undefined;
  try {
    database = new LeaseDatabase(data.path, (damage) => postToRack({ kind: 'damaged', damage }));
    if (data.discardAbove === undefined) {
      database.load((bytes) => postToRack({ kind: 'leases', bytes }, [bytes.buffer]));
    } else {
      database.discardAbove(data.discardAbove);
    }
    postToRack({ kind: 'opened', lastSequence: database.lastSequence });
    return database;
  } catch (error) {
    database?.close();
    const code = error instanceof RackError ? error.code : 'store-broken';
    const message =
      error instanceof RackError
        ? error.message
        : `${data.path} cannot be read: ${describeError(error)}; restore a backup, or move it and its -wal file away to start with an empty one`;
    postToRack({ kind: 'refused', code, message });
    return undefined;
  }
}

/** How often a missing ballast is made again, in milliseconds. */
const BALLAST_CHECK_MS = 10_000;

/**
 * Keeps a ballast file. @returns a function that runs a write, and runs it again if freeing the
 * ballast made room
 */
function maintainBallast(path: string): (write: () => void) => void {
  const ballast = new Ballast(path);
  let wasFreed = false;
  const keep = (): void => {
    systemClock.schedule(BALLAST_CHECK_MS, keep);
    // A disk without room for the ballast is no fault.
    const ballastMade = ballast.keep().catch(() => false);
    void ballastMade.then((isMade) => {
      if (isMade && wasFreed) postToRack({ kind: 'ballast', isFreed: false });
      if (isMade) wasFreed = false;
    });
  };
  keep();
  return (write) => {
    try {
      write();
    } catch (error) {
      if (!ballast.freeIfFull()) throw error;
      wasFreed = true;
      postToRack({ kind: 'ballast', isFreed: true });
      write();
    }
  };
}

function serve(database: LeaseDatabase, work: DiskWork, withBallast: (write: () => void) => void): void {
  const folder = new LeaseFolder({
    database: {
      fold: (upTo) => work.run(() => database.fold(upTo)),
      get unfoldedCount() {
        return database.unfoldedCount;
      },
      get lastSequence() {
        return database.lastSequence;
      },
    },
    clock: systemClock,
    backlogMax: FOLD_BACKLOG_MAX,
    onFailed: (error) => postToRack({ kind: 'fold-failed', reason: describeError(error) }),
  });
  if (database.unfoldedCount > 0) folder.afterWrite(0);
  const postResult = (action: () => FromLeaseWorker): void => {
    try {
      postToRack(action());
    } catch (error) {
      postToRack({ kind: 'failed', reason: describeError(error) });
    }
  };
  const write = (sequence: number, bytes: Uint8Array<ArrayBuffer>): void => {
    const previousSequence = database.lastSequence;
    // The rack sends a batch only after the answer to the previous one, so that answer has arrived.
    folder.acknowledge(previousSequence);
    try {
      withBallast(() => work.run(() => database.write(sequence, bytes)));
    } catch (error) {
      postToRack({ kind: 'failed', reason: describeError(error) });
      return;
    }
    postToRack({ kind: 'durable', sequence, memory: bytes.buffer }, [bytes.buffer]);
    folder.afterWrite(sequence - previousSequence);
  };
  parentPort?.on('message', (message: ToLeaseWorker) => {
    switch (message.kind) {
      case 'write':
        write(message.sequence, message.bytes);
        return;
      case 'probe':
        postResult(() => {
          const startedAt = systemClock.now();
          withBallast(() => work.run(() => database.probe(message.sizeBytes)));
          return { kind: 'writable', tookMs: systemClock.now() - startedAt };
        });
        return;
      case 'ping':
        postToRack({ kind: 'pong' });
        return;
      case 'close':
        folder.stop();
        database.close();
        parentPort?.close();
    }
  });
}

const data: LeaseWorkerData = workerData;
const database = openLeases(data);
if (database === undefined) parentPort?.close();
else serve(database, new DiskWork(data.work), maintainBallast(join(dirname(data.path), BALLAST_FILE)));
keepCompiledCode();
