// `leases.db`: what the journal worker does with its file. The acknowledgement of a lease waits for one thing only, a row at the
// end of `log`; the blocks by address are brought up to date later, when nobody waits.
//
//   write ──▶ log (seq, records)  ──fold──▶ lease_block (block, records)
//                 │ the last LOG_HISTORY_MAX records stay, as the history of what happened; older folded ones go
//
// Measured: rows appended to the log 227 000/s in groups of 32, the same rows as upserts by address 41 000/s, with stops of 5 ms
// for each checkpoint. Hence the two tables; and a row holds many records as they came (`lease-record.ts`), one of the log a whole batch,
// named by its last sequence, one of `lease_block` those of BLOCK_ADDRESSES addresses: a row and its columns for each record cost
// as much again as the way to the disk.
//
// 1. What is in force is `lease_block`, overlaid in order by the records of `log` above `fold.sequence`.
// 2. A batch, a fold step and a probe are one transaction each. A pass of folding takes many steps (`fold-pass.ts`): `fold.sequence` follows
//    with the last of them, until then 1 still holds, because what stands in `lease_block` too soon is overlaid once more.
// 3. Nothing is taken out of the log before `fold.sequence` has passed it.
// 4. `lease_block` holds at most one record an address, so its size is bounded by the networks that were ever served.

import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { errorText, RackError } from '../errors.ts';
import { broken, openDatabaseFile, versionOf } from './database-file.ts';
import { FoldPass } from './fold-pass.ts';
import { decodeLeases } from './lease-record.ts';
import { LEASE_DATABASE } from './lease-schema.ts';
import { type LeaseFileContents, StoredLeases } from './stored-leases.ts';

/** Blocks that one fold step writes, and their bytes, and a block more: bounds how long a batch can wait behind it to some milliseconds. */
export const FOLD_BLOCKS_MAX = 64;
const FOLD_BYTES_MAX = 128 * 1024;
/** Records of the log that one fold step gathers or takes out, and at the most a batch more; as long. */
export const FOLD_RECORDS_MAX = 2048;
/** Folded records that stay in the log, and those of their batch. */
export const LOG_HISTORY_MAX = 16_384;
/** Blocks, and batches of the log, are handed over together up to this size when loading. */
const LOAD_BYTES_MAX = 256 * 1024;
/** How long a reader waits for a process that has the file to itself for a moment, in milliseconds. */
const COPY_WAIT_MS = 2000;
/** A probe writes as much as the group that failed, within these bounds, in bytes. */
const PROBE_BYTES_MIN = 64 * 1024;
const PROBE_BYTES_MAX = 1024 * 1024;

/** The open file. Every method is synchronous and throws what SQLite throws. */
export class LeaseDatabase {
  readonly #database: DatabaseSync;
  readonly #append: StatementSync;
  readonly #next: StatementSync;
  readonly #oldest: StatementSync;
  readonly #readBlock: StatementSync;
  readonly #writeBlock: StatementSync;
  #folded: number;
  #last: number;
  #pass: FoldPass | undefined;

  /** @throws RackError as `openDatabaseFile`; `store-broken` when its log ends before what is folded */
  constructor(path: string) {
    this.#database = openDatabaseFile(path, LEASE_DATABASE);
    this.#append = this.#database.prepare('INSERT INTO log (seq, records) VALUES (?, ?)');
    this.#next = this.#database.prepare('SELECT seq, records FROM log WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1');
    this.#oldest = this.#database.prepare('SELECT min(seq) AS seq FROM log');
    this.#readBlock = this.#database.prepare('SELECT records FROM lease_block WHERE block = ?');
    this.#writeBlock = this.#database.prepare('INSERT OR REPLACE INTO lease_block VALUES (?, ?)');
    this.#folded = this.#number('SELECT sequence FROM fold');
    const end = this.#number('SELECT coalesce(max(seq), 0) FROM log');
    this.#last = Math.max(this.#folded, end);
    // The log keeps its newest batch, also when that is folded.
    if (end >= this.#folded) return;
    this.#database.close();
    const detail = `it is folded up to ${this.#folded}, and its log ends at ${end}: leases may be missing`;
    throw broken(path, LEASE_DATABASE, detail, undefined);
  }

  /** The last sequence on disk; 0 in an empty file. */
  get lastSequence(): number {
    return this.#last;
  }

  /** How many records wait in the log to be folded. */
  get unfolded(): number {
    return this.#last - this.#folded;
  }

  /** Hands over every record in force, the older of one address before the newer, in encoded pieces. */
  load(deliver: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    // Small ones, of which there may be very many, go together: neither a block nor a batch has a header.
    let [pieces, bytes]: [Uint8Array[], number] = [[], 0];
    for (const records of storedRecords(this.#database, this.#folded)) {
      pieces.push(records);
      bytes += records.length;
      if (bytes < LOAD_BYTES_MAX) continue;
      deliver(joined(pieces, bytes));
      [pieces, bytes] = [[], 0];
    }
    if (bytes > 0) deliver(joined(pieces, bytes));
  }

  /**
   * Writes a batch and waits for the disk; all of it or nothing.
   * @param sequence of its last record
   */
  write(sequence: number, records: Uint8Array): void {
    this.#append.run(sequence, records);
    this.#last = sequence;
  }

  /**
   * Moves the next records of the log into `lease_block`, which then can be taken back no more: a step of it.
   * @param upTo the last sequence that may be moved; what lies above the last one written is never
   * @returns whether there is more to do
   */
  fold(upTo = this.#last): boolean {
    try {
      return this.#fold(Math.min(upTo, this.#last));
    } catch (error) {
      // What it has written stands there too soon, and is written again.
      this.#endPass();
      throw error;
    }
  }

  /**
   * Finds out whether a whole group can be written again, by writing one of `size` bytes and taking it away. Also takes away what
   * a failed write may have left behind: records above the last one that was reported durable.
   */
  probe(size: number): void {
    const filler = Math.min(Math.max(Math.floor(size), PROBE_BYTES_MIN), PROBE_BYTES_MAX);
    this.#transaction(() => {
      this.#database.exec(`DELETE FROM log WHERE seq > ${this.#last}; INSERT INTO probe VALUES (zeroblob(${filler}))`);
    });
    this.#transaction(() => this.#database.exec('DELETE FROM probe'));
  }

  /**
   * Forgets records above `sequence`: that they are durable was heard by nobody. For a worker that takes over from one that died; that
   * one folded nothing above (`LeaseFolder`).
   */
  discardAbove(sequence: number): void {
    this.#transaction(() => this.#database.exec(`DELETE FROM log WHERE seq > ${sequence}`));
    this.#last = Math.max(this.#folded, this.#number('SELECT coalesce(max(seq), 0) FROM log'));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #fold(end: number): boolean {
    if (this.#pass === undefined && this.#trim()) return true;
    this.#pass ??= new FoldPass(this.#folded);
    const pass = this.#pass;
    if (pass.isGathering && this.#gather(pass, end)) return true;
    // Without a batch that ends by `end` there is nothing to do.
    if (pass.sequence > this.#folded) {
      if (!this.#writeSlice(pass)) return true;
      this.#folded = pass.sequence;
    }
    this.#endPass();
    return this.#nextBatch(this.#folded, end) !== undefined || this.#oldestSequence() <= this.#historyEnd;
  }

  #endPass(): void {
    this.#pass?.free();
    this.#pass = undefined;
  }

  /** Up to here nothing of the log is kept. */
  get #historyEnd(): number {
    return this.#folded - LOG_HISTORY_MAX;
  }

  /** Takes out of the log what is too old. @returns whether there was any */
  #trim(): boolean {
    const oldest = this.#oldestSequence();
    if (oldest > this.#historyEnd) return false;
    const upTo = Math.min(oldest + FOLD_RECORDS_MAX, this.#historyEnd);
    this.#transaction(() => this.#database.exec(`DELETE FROM log WHERE seq <= ${upTo}`));
    return true;
  }

  #oldestSequence(): number {
    const sequence = this.#oldest.get()?.seq;
    return typeof sequence === 'number' ? sequence : Number.POSITIVE_INFINITY;
  }

  /** @returns whether there is more to gather than one step may */
  #gather(pass: FoldPass, end: number): boolean {
    for (let left = FOLD_RECORDS_MAX; left > 0; ) {
      const batch = this.#nextBatch(pass.sequence, end);
      if (batch === undefined || !pass.hasRoom(batch.records.length)) return false;
      left -= pass.add(batch.sequence, batch.records);
    }
    return true;
  }

  /** Writes the next blocks; the end of a pass is in one transaction with its last blocks. @returns whether they were the last */
  #writeSlice(pass: FoldPass): boolean {
    let isLast = false;
    this.#transaction(() => {
      let bytes = 0;
      for (let count = 0; count < FOLD_BLOCKS_MAX && bytes < FOLD_BYTES_MAX; count += 1) {
        const block = pass.nextBlock();
        if (block === undefined) {
          this.#database.exec(`UPDATE fold SET sequence = ${pass.sequence}`);
          isLast = true;
          return;
        }
        const held = this.#readBlock.get(block);
        const records = pass.merge(block, held === undefined ? undefined : readBlob(held.records));
        this.#writeBlock.run(block, records);
        bytes += records.length;
      }
    });
    return isLast;
  }

  /** The batch behind sequence `after`, of those that end by `end`. */
  #nextBatch(after: number, end: number): { readonly sequence: number; readonly records: Uint8Array } | undefined {
    const row = this.#next.get(after, end);
    return row === undefined ? undefined : { sequence: readInteger(row.seq), records: readBlob(row.records) };
  }

  #transaction(action: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      action();
      this.#database.exec('COMMIT');
    } catch (error) {
      // A full disk has rolled back by itself already, and a second ROLLBACK would hide why.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #number(sql: string): number {
    const row = this.#database.prepare(sql).get();
    return row === undefined ? 0 : readInteger(Object.values(row)[0]);
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The records of all blocks, then the batches of the log above a sequence, in order. */
function* storedRecords(database: DatabaseSync, folded: number): Generator<Uint8Array> {
  yield* readRows(database.prepare('SELECT records FROM lease_block').iterate());
  yield* readRows(database.prepare('SELECT records FROM log WHERE seq > ? ORDER BY seq').iterate(folded));
}

function* readRows(rows: Iterable<Record<string, SQLOutputValue>>): Generator<Uint8Array> {
  for (const { records } of rows) yield readBlob(records);
}

/**
 * The leases in force in a file that may be another process's, which goes on writing. Nothing is changed.
 * @throws RackError `store-unavailable` when it cannot be read, `store-newer`, `store-unreleased`, `store-broken`
 */
export function copyLeases(path: string): LeaseFileContents {
  const stored = new StoredLeases();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: COPY_WAIT_MS });
    // One transaction: what is read belongs to one moment.
    database.exec('BEGIN');
    if (versionOf(database, path, LEASE_DATABASE) === 0) return stored.contents();
    const folded = readInteger(Object.values(database.prepare('SELECT sequence FROM fold').get() ?? {})[0]);
    for (const records of storedRecords(database, folded)) {
      const decoded = decodeLeases(records);
      if (!decoded.ok) throw new Error(`leases.db holds a lease that does not decode: ${decoded.fault.field}`);
      for (const record of decoded.value) stored.add(record);
    }
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    throw new RackError('store-unavailable', `${path} cannot be read: ${errorText(cause)}`, { cause });
  } finally {
    database?.close();
  }
  return stored.contents();
}

// The tables are STRICT: another type in a column is damage.
function readInteger(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new Error(`leases.db holds ${typeof value} where a number belongs`);
  return value;
}

function readBlob(value: SQLOutputValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array && value.buffer instanceof ArrayBuffer))
    throw new Error('leases.db holds no records where they belong');
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}
