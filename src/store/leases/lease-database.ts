// `leases.db`, the journal worker's file. An acknowledgement waits only for a row at the end of
// `log`; the blocks by address are updated later.
//
//   write ──▶ log (seq, checksum, records)  ──fold──▶ lease_block (block, checksum, records)
//                 │ the last LOG_HISTORY_MAX records stay as the history; older folded ones are deleted
//
// Measured: 227 000 rows/s appended in groups of 32; as upserts by address 41 000/s, with pauses of
// 5 ms for each checkpoint. A row holds many encoded records (`lease-record.ts`): a batch, named by
// its last sequence, or those of BLOCK_ADDRESSES addresses. Columns for each record would cost as
// much again as the write to disk.
//
// 1. The leases in force are `lease_block`, overlaid in order by the records of `log` above `fold.sequence`.
// 2. A batch, a fold step and a probe are one transaction each. A fold takes many steps
//    (`fold-pass.ts`), and the last one advances `fold.sequence`. Invariant 1 holds in between:
//    records already in `lease_block` are only overlaid by identical ones.
// 3. No record leaves the log before `fold.sequence` has passed it.
// 4. Of a damaged row only the usable records are used (`damaged-row.ts`). Each is reported once,
//    up to DAMAGE_REPORTED_MAX.
// 5. `lease_block` holds one record per address, so the networks ever served bound its size.

import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { errorText, RackError } from '../../ground/errors.ts';
import { brokenError, type DatabaseKind, openDatabaseFile, readSchemaVersion } from '../database-file.ts';
import { computeRowChecksum, DAMAGE_REPORTED_MAX, type LeaseDamage, type StoredRow, salvage } from './damaged-row.ts';
import { FoldPass } from './fold-pass.ts';
import { decodeLeases } from './lease-record.ts';
import { type LeaseFileContents, StoredLeases } from './stored-leases.ts';

/** `leases.db`, marked `RBLE`. A released step is never edited; a change is a further step. */
export const LEASE_DATABASE: DatabaseKind = {
  title: 'lease database',
  applicationId: 0x52_42_4c_45,
  migrations: [
    `CREATE TABLE log (seq INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, records BLOB NOT NULL) STRICT;
     CREATE TABLE lease_block (block INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, records BLOB NOT NULL) STRICT;
     CREATE TABLE fold (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL) STRICT;
     INSERT INTO fold VALUES (1, 0);
     CREATE TABLE probe (filler BLOB NOT NULL) STRICT;`,
  ],
};

/**
 * The most blocks that one fold step writes, and their bytes plus one block: a batch waits some
 * milliseconds at most.
 */
export const FOLD_BLOCKS_MAX = 64;
const FOLD_BYTES_MAX = 128 * 1024;
/** Log records that one fold step gathers or deletes, plus at most a batch. */
const FOLD_RECORDS_MAX = 2048;
/** Folded records that stay in the log, plus the rest of their batch. */
export const LOG_HISTORY_MAX = 16_384;
/** Blocks and batches are delivered in pieces of about this size. */
const LOAD_BYTES_MAX = 256 * 1024;
/** How long a reader waits for a process that holds the file, in milliseconds. */
const COPY_WAIT_MS = 2000;
/** A probe writes as many bytes as the failed batch, within these bounds. */
const PROBE_BYTES_MIN = 64 * 1024;
const PROBE_BYTES_MAX = 1024 * 1024;

/** Every method is synchronous and throws SQLite's errors. */
export class LeaseDatabase {
  readonly #database: DatabaseSync;
  readonly #appendStatement: StatementSync;
  readonly #nextStatement: StatementSync;
  readonly #oldestStatement: StatementSync;
  readonly #readBlockStatement: StatementSync;
  readonly #writeBlockStatement: StatementSync;
  readonly #onDamage: (damage: LeaseDamage) => void;
  readonly #reportedRows = new Set<string>();
  #foldedSequence: number;
  #lastSequence: number;
  #pass: FoldPass | undefined;

  /**
   * @param onDamage called for each damaged row, even after the start
   * @throws RackError as `openDatabaseFile`; `store-broken` if the log ends before the folded sequence
   */
  constructor(path: string, onDamage: (damage: LeaseDamage) => void = () => undefined) {
    this.#onDamage = onDamage;
    this.#database = openDatabaseFile(path, LEASE_DATABASE);
    this.#appendStatement = this.#database.prepare('INSERT INTO log (seq, checksum, records) VALUES (?, ?, ?)');
    this.#nextStatement = this.#database.prepare(
      'SELECT seq AS key, checksum, records FROM log WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1',
    );
    this.#oldestStatement = this.#database.prepare('SELECT min(seq) AS seq FROM log');
    this.#readBlockStatement = this.#database.prepare(
      'SELECT block AS key, checksum, records FROM lease_block WHERE block = ?',
    );
    this.#writeBlockStatement = this.#database.prepare('INSERT OR REPLACE INTO lease_block VALUES (?, ?, ?)');
    this.#foldedSequence = this.#readNumber('SELECT sequence FROM fold');
    const end = this.#readNumber('SELECT coalesce(max(seq), 0) FROM log');
    this.#lastSequence = Math.max(this.#foldedSequence, end);
    // The log always keeps its newest batch, even when that is folded.
    if (end >= this.#foldedSequence) return;
    this.#database.close();
    const detail = `it is folded up to ${this.#foldedSequence}, but its log ends at ${end}: leases may be missing`;
    throw brokenError(path, LEASE_DATABASE, detail, undefined);
  }

  /** 0 in an empty file. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Records not folded yet. */
  get unfoldedCount(): number {
    return this.#lastSequence - this.#foldedSequence;
  }

  /** Delivers every record in force, an address's older records before its newer ones. */
  load(deliver: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    // Joined, because there may be very many small ones.
    let [pieces, bytes]: [Uint8Array[], number] = [[], 0];
    for (const row of listStoredRows(this.#database, this.#foldedSequence)) {
      const records = this.#check(row);
      pieces.push(records);
      bytes += records.length;
      if (bytes < LOAD_BYTES_MAX) continue;
      deliver(joinPieces(pieces, bytes));
      [pieces, bytes] = [[], 0];
    }
    if (bytes > 0) deliver(joinPieces(pieces, bytes));
  }

  write(sequence: number, records: Uint8Array): void {
    this.#appendStatement.run(sequence, computeRowChecksum(sequence, records), records);
    this.#lastSequence = sequence;
  }

  fold(upToSequence = this.#lastSequence): boolean {
    try {
      return this.#fold(Math.min(upToSequence, this.#lastSequence));
    } catch (error) {
      // The blocks already written are ahead of `fold.sequence`, and will be written again.
      this.#endPass();
      throw error;
    }
  }

  /**
   * Tests whether a batch of `size` bytes can be written, and deletes what a failed write left:
   * records above the last one reported durable.
   */
  probe(size: number): void {
    const filler = Math.min(Math.max(Math.floor(size), PROBE_BYTES_MIN), PROBE_BYTES_MAX);
    this.#transaction(() => {
      this.#database.exec(
        `DELETE FROM log WHERE seq > ${this.#lastSequence}; INSERT INTO probe VALUES (zeroblob(${filler}))`,
      );
    });
    this.#transaction(() => this.#database.exec('DELETE FROM probe'));
  }

  /**
   * Deletes records above `sequence`, whose durability the rack loop never learned: for the
   * successor of a dead worker.
   */
  discardAbove(sequence: number): void {
    this.#transaction(() => this.#database.exec(`DELETE FROM log WHERE seq > ${sequence}`));
    this.#lastSequence = Math.max(this.#foldedSequence, this.#readNumber('SELECT coalesce(max(seq), 0) FROM log'));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #fold(end: number): boolean {
    if (this.#pass === undefined && this.#trim()) return true;
    this.#pass ??= new FoldPass(this.#foldedSequence);
    const pass = this.#pass;
    if (pass.isGathering && this.#gather(pass, end)) return true;
    if (pass.sequence > this.#foldedSequence) {
      if (!this.#writeSlice(pass)) return true;
      this.#foldedSequence = pass.sequence;
    }
    this.#endPass();
    return (
      this.#readNextBatch(this.#foldedSequence, end) !== undefined || this.#readOldestSequence() <= this.#historyEnd
    );
  }

  #endPass(): void {
    this.#pass?.free();
    this.#pass = undefined;
  }

  get #historyEnd(): number {
    return this.#foldedSequence - LOG_HISTORY_MAX;
  }

  /** @returns whether there were any */
  #trim(): boolean {
    const oldest = this.#readOldestSequence();
    if (oldest > this.#historyEnd) return false;
    const upToSequence = Math.min(oldest + FOLD_RECORDS_MAX, this.#historyEnd);
    this.#transaction(() => this.#database.exec(`DELETE FROM log WHERE seq <= ${upToSequence}`));
    return true;
  }

  #readOldestSequence(): number {
    const sequence = this.#oldestStatement.get()?.seq;
    return typeof sequence === 'number' ? sequence : Number.POSITIVE_INFINITY;
  }

  /** @returns whether more than one step's share is left to gather */
  #gather(pass: FoldPass, end: number): boolean {
    for (let remainingRecords = FOLD_RECORDS_MAX; remainingRecords > 0; ) {
      const batch = this.#readNextBatch(pass.sequence, end);
      if (batch === undefined || !pass.hasRoom(batch.records.length)) return false;
      remainingRecords -= pass.add(batch.sequence, batch.records);
    }
    return true;
  }

  /** The last blocks and the end of the pass share a transaction. @returns whether they were the last */
  #writeSlice(pass: FoldPass): boolean {
    let isLast = false;
    this.#transaction(() => {
      let bytes = 0;
      for (let count = 0; count < FOLD_BLOCKS_MAX && bytes < FOLD_BYTES_MAX; count += 1) {
        const block = pass.findNextBlock();
        if (block === undefined) {
          this.#database.exec(`UPDATE fold SET sequence = ${pass.sequence}`);
          isLast = true;
          return;
        }
        const storedBlock = this.#readBlockStatement.get(block);
        const records = pass.merge(
          block,
          storedBlock === undefined ? undefined : this.#check(readRow('lease_block', storedBlock)),
        );
        this.#writeBlockStatement.run(block, computeRowChecksum(block, records), records);
        bytes += records.length;
      }
    });
    return isLast;
  }

  /** The first batch after sequence `after`, if it ends by `end`. */
  #readNextBatch(
    afterSequence: number,
    end: number,
  ): { readonly sequence: number; readonly records: Uint8Array } | undefined {
    const row = this.#nextStatement.get(afterSequence, end);
    return row === undefined
      ? undefined
      : { sequence: readInteger(row.key), records: this.#check(readRow('log', row)) };
  }

  /** The records of a row; of a damaged one the usable ones. */
  #check(row: StoredRow): Uint8Array {
    if (isChecksumRight(row)) return row.records;
    const { records, damage } = salvage(row);
    const name = `${row.table} ${row.key}`;
    if (!this.#reportedRows.has(name) && this.#reportedRows.size < DAMAGE_REPORTED_MAX) {
      this.#reportedRows.add(name);
      this.#onDamage(damage);
    }
    if (damage.isCut) throw cutBatchError(row);
    return records;
  }

  #transaction(action: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      action();
      this.#database.exec('COMMIT');
    } catch (error) {
      // On a full disk SQLite has already rolled back; a second ROLLBACK would hide the cause.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #readNumber(sql: string): number {
    const row = this.#database.prepare(sql).get();
    return row === undefined ? 0 : readInteger(Object.values(row)[0]);
  }
}

function joinPieces(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

const isChecksumRight = ({ key, records, checksum }: StoredRow): boolean =>
  computeRowChecksum(key, records) === checksum;

/** @throws Error for a cut batch (`LeaseDamage.isCut`) */
function salvageRecords(row: StoredRow): Uint8Array {
  const { records, damage } = salvage(row);
  if (damage.isCut) throw cutBatchError(row);
  return records;
}

const cutBatchError = ({ key }: StoredRow): Error =>
  new Error(`the batch of leases that ends with ${key} is damaged and does not decode`);

function* listStoredRows(database: DatabaseSync, folded: number): Generator<StoredRow> {
  const blocks = database.prepare('SELECT block AS key, checksum, records FROM lease_block');
  for (const row of blocks.iterate()) yield readRow('lease_block', row);
  const batches = database.prepare('SELECT seq AS key, checksum, records FROM log WHERE seq > ? ORDER BY seq');
  for (const row of batches.iterate(folded)) yield readRow('log', row);
}

function readRow(table: StoredRow['table'], { key, checksum, records }: Record<string, SQLOutputValue>): StoredRow {
  return { table, key: readInteger(key), checksum: readInteger(checksum), records: readBlob(records) };
}

/**
 * Another process may be writing the file.
 * @throws RackError `store-unavailable` if it cannot be read, `store-newer`, `store-broken`
 */
export function copyLeases(path: string): LeaseFileContents {
  const storedLeases = new StoredLeases();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: COPY_WAIT_MS });
    database.exec('BEGIN');
    if (readSchemaVersion(database, path, LEASE_DATABASE) === 0) return storedLeases.contents();
    const folded = readInteger(Object.values(database.prepare('SELECT sequence FROM fold').get() ?? {})[0]);
    for (const row of listStoredRows(database, folded)) {
      const decoded = decodeLeases(isChecksumRight(row) ? row.records : salvageRecords(row));
      if (!decoded.ok) throw new Error(`leases.db holds a lease that does not decode: ${decoded.fault.field}`);
      for (const record of decoded.value) storedLeases.add(record);
    }
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    throw new RackError('store-unavailable', `${path} cannot be read: ${errorText(cause)}`, { cause });
  } finally {
    database?.close();
  }
  return storedLeases.contents();
}

// The tables are STRICT: another type means damage.
function readInteger(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new Error(`leases.db holds ${typeof value} where a number belongs`);
  return value;
}

function readBlob(value: SQLOutputValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array && value.buffer instanceof ArrayBuffer))
    throw new Error('leases.db holds no records where they belong');
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}
