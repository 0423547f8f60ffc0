// `leases.db`: what the journal worker does with its file. The acknowledgement of a lease waits for one thing only, a row at the
// end of `log`; the table by address is brought up to date later, when nobody waits.
//
//   write ──▶ log (seq, records)  ──fold──▶ lease (address, …)
//                 │ the last LOG_HISTORY_MAX records stay, as the history of what happened; older folded ones go
//
// Measured: rows appended to the log 227 000/s in groups of 32, the same rows as upserts by address 41 000/s, with stops of 5 ms
// for each checkpoint. Hence the two tables; and a row of the log holds a whole batch as it came (`lease-record.ts`), named by its
// last sequence, because a row and its columns for each record cost as much again as the way to the disk.
//
// 1. What is in force is `lease`, overlaid in order by the records of `log` above `fold.sequence`.
// 2. A batch, a fold step and a probe are one transaction each. A pass of folding takes many steps (`fold-pass.ts`): `fold.sequence` follows
//    with the last of them, until then 1 still holds, because what stands in `lease` too soon is overlaid once more.
// 3. `lease` holds at most one row an address, so its size is bounded by the networks that were ever served.

import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { seconds } from '../clock.ts';
import type { LeaseState } from '../dhcp/leases/lease.ts';
import type { StoredLease } from '../dhcp/leases/stored-lease.ts';
import { errorText, RackError } from '../errors.ts';
import { ipv4, mac } from '../net/address.ts';
import { type DatabaseKind, openDatabaseFile } from './database-file.ts';
import { FoldPass } from './fold-pass.ts';
import { decodeFields, decodeLeases, LeaseBatch, type LeaseRecord, type RecordFields } from './lease-record.ts';
import { type LeaseFileContents, StoredLeases } from './stored-leases.ts';

/** Records that one fold step writes: bounds how long a batch can wait behind it to about a millisecond. */
export const FOLD_RECORDS_MAX = 128;
/** Records of the log that one fold step reads, and at the most a batch more; as long. */
const GATHER_RECORDS_MAX = 512;
/** Folded records that stay in the log, and those of their batch. */
export const LOG_HISTORY_MAX = 16_384;
/** Records handed over in one piece when loading. */
const LOAD_RECORDS_MAX = 2048;
/** Batches of the log are handed over together up to this size. */
const LOAD_BYTES_MAX = 256 * 1024;
/** How long a reader waits for a process that has the file to itself for a moment, in milliseconds. */
const COPY_WAIT_MS = 2000;
/** A probe writes as much as the group that failed, within these bounds, in bytes. */
const PROBE_BYTES_MIN = 64 * 1024;
const PROBE_BYTES_MAX = 1024 * 1024;

/** The columns of a record up to version 2. */
const COLUMNS_2 =
  'address, mac, state, granted_ms, expires_ms, duration_s, boot_id, uptime_ms, hostname, client_id, vendor_class, circuit_id, remote_id';
const COLUMNS = `${COLUMNS_2}, by_identifier`;

const RECORD = `
  mac INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),
  granted_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  duration_s INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  uptime_ms INTEGER NOT NULL,
  hostname TEXT,
  client_id BLOB,
  vendor_class BLOB,
  circuit_id BLOB,
  remote_id BLOB`;

/** The file's kind; `RBls` in hexadecimal marks it. */
export const LEASE_DATABASE: DatabaseKind = {
  title: 'lease database',
  applicationId: 0x52_42_6c_73,
  migrations: [
    `CREATE TABLE log (seq INTEGER PRIMARY KEY, address INTEGER NOT NULL, ${RECORD}) STRICT;
     CREATE TABLE lease (address INTEGER PRIMARY KEY, seq INTEGER NOT NULL, ${RECORD}) STRICT;
     CREATE TABLE fold (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL) STRICT;
     INSERT INTO fold VALUES (1, 0);
     CREATE TABLE probe (filler BLOB NOT NULL) STRICT;`,
    // A batch in one row; what the log held by single records is folded, as far as it was not.
    `INSERT OR REPLACE INTO lease (seq, ${COLUMNS_2})
       SELECT max(seq), ${COLUMNS_2} FROM log WHERE seq > (SELECT sequence FROM fold) GROUP BY address;
     UPDATE fold SET sequence = max(sequence, (SELECT coalesce(max(seq), 0) FROM log));
     DROP TABLE log;
     CREATE TABLE log (seq INTEGER PRIMARY KEY, records BLOB NOT NULL) STRICT;`,
    // Whether identifiers counted when a lease was granted; what was stored before is taken for granted to a hardware address.
    `ALTER TABLE lease ADD COLUMN by_identifier INTEGER NOT NULL DEFAULT 0 CHECK (by_identifier IN (0, 1));`,
  ],
};

/** The version from which a row of the log holds a batch. */
const BATCH_VERSION = 2;
/** The version from which a record tells whether identifiers counted. */
const IDENTITY_VERSION = 3;

/** The open file. Every method is synchronous and throws what SQLite throws. */
export class LeaseDatabase {
  readonly #database: DatabaseSync;
  readonly #append: StatementSync;
  readonly #next: StatementSync;
  readonly #upsert: StatementSync;
  #folded: number;
  #last: number;
  #pass: FoldPass | undefined;

  /** @throws RackError as `openDatabaseFile` */
  constructor(path: string) {
    this.#database = openDatabaseFile(path, LEASE_DATABASE);
    this.#append = this.#database.prepare('INSERT INTO log (seq, records) VALUES (?, ?)');
    this.#next = this.#database.prepare('SELECT seq, records FROM log WHERE seq > ? ORDER BY seq LIMIT 1');
    this.#upsert = this.#database.prepare(
      `INSERT OR REPLACE INTO lease (seq, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#folded = this.#number('SELECT sequence FROM fold');
    this.#last = Math.max(this.#folded, this.#number('SELECT coalesce(max(seq), 0) FROM log'));
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
    let batch = new LeaseBatch();
    for (const { sequence, lease } of foldedRecords(this.#database)) {
      batch.add(sequence, lease);
      if (batch.records < LOAD_RECORDS_MAX) continue;
      deliver(batch.finish());
      batch = new LeaseBatch();
    }
    if (batch.records > 0) deliver(batch.finish());
    // Small batches, of which there may be very many, go together: a batch has no header.
    let [pieces, bytes]: [Uint8Array[], number] = [[], 0];
    for (const { records } of loggedBatches(this.#database, this.#folded)) {
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
   * Moves the next records of the log into `lease`, which then can be taken back no more: reads some of them, or writes some.
   * @param upTo the last sequence that may be moved; what lies above the last one written is never
   * @returns whether more of them are waiting
   */
  fold(upTo = this.#last): boolean {
    const end = Math.min(upTo, this.#last);
    this.#pass ??= new FoldPass(this.#folded);
    const pass = this.#pass;
    if (this.#gather(pass, end)) return true;
    if (pass.sequence === this.#folded) {
      // No batch is left that ends by `end`.
      this.#pass = undefined;
      return false;
    }
    if (!this.#writeSlice(pass)) return true;
    this.#folded = pass.sequence;
    this.#pass = undefined;
    return this.#folded < end;
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

  /** @returns whether there is more to gather than one step may */
  #gather(pass: FoldPass, end: number): boolean {
    for (let left = GATHER_RECORDS_MAX; pass.isGathering; ) {
      if (left <= 0) return true;
      const batch = this.#batchAfter(pass.sequence);
      if (batch === undefined || batch.sequence > end) return false;
      pass.add(batch.sequence, batch.records);
      left -= batch.records.length;
    }
    return false;
  }

  /** Writes the next slice; the end of a pass is in one transaction with its last records. @returns whether it was the last */
  #writeSlice(pass: FoldPass): boolean {
    const records = pass.slice(FOLD_RECORDS_MAX);
    const isLast = pass.isLast(records.length);
    this.#transaction(() => {
      for (const record of records) this.#keep(record);
      if (!isLast) return;
      this.#database.exec(
        `DELETE FROM log WHERE seq <= ${pass.sequence - LOG_HISTORY_MAX}; UPDATE fold SET sequence = ${pass.sequence}`,
      );
    });
    pass.wrote(records.length);
    return isLast;
  }

  #batchAfter(sequence: number): { readonly sequence: number; readonly records: readonly RecordFields[] } | undefined {
    const row = this.#next.get(sequence);
    if (row === undefined) return undefined;
    const last = readInteger(row.seq);
    const records = decodeFields(readBlob(row.records));
    if (!records.ok) throw damaged(last, records.fault.field);
    return { sequence: last, records: records.value };
  }

  #keep(record: RecordFields): void {
    this.#upsert.run(
      record.sequence,
      record.address,
      record.mac,
      record.state,
      record.grantedMs,
      record.expiresMs,
      record.durationS,
      record.bootId,
      record.uptimeMs,
      record.hostname ?? null,
      record.clientId ?? null,
      record.vendorClass ?? null,
      record.circuitId ?? null,
      record.remoteId ?? null,
      record.isByIdentifier ? 1 : 0,
    );
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

/** The records of `lease`, in no particular order of sequences, of a file of any version. */
function* foldedRecords(database: DatabaseSync, version = IDENTITY_VERSION): Generator<LeaseRecord> {
  yield* readRecords(database, `SELECT seq, ${columnsOf(version)} FROM lease`);
}

const columnsOf = (version: number): string => (version < IDENTITY_VERSION ? `${COLUMNS_2}, 0` : COLUMNS);

function* readRecords(database: DatabaseSync, sql: string): Generator<LeaseRecord> {
  for (const row of database.prepare(sql, { returnArrays: true }).iterate()) {
    yield { sequence: readInteger(row[0]), lease: readLease(row) };
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

/** The batches of the log above a sequence, in order. */
function* loggedBatches(
  database: DatabaseSync,
  folded: number,
): Generator<{ readonly sequence: number; readonly records: Uint8Array<ArrayBuffer> }> {
  for (const row of database.prepare('SELECT seq, records FROM log WHERE seq > ? ORDER BY seq').iterate(folded)) {
    yield { sequence: readInteger(row.seq), records: readBlob(row.records) };
  }
}

/** The records of the log above a sequence, in order, of a file of any version. */
function* loggedRecords(database: DatabaseSync, folded: number, version: number): Generator<LeaseRecord> {
  if (version < BATCH_VERSION) {
    yield* readRecords(database, `SELECT seq, ${columnsOf(version)} FROM log WHERE seq > ${folded} ORDER BY seq`);
    return;
  }
  for (const { sequence, records } of loggedBatches(database, folded)) {
    const decoded = decodeLeases(records);
    if (!decoded.ok) throw damaged(sequence, decoded.fault.field);
    yield* decoded.value;
  }
}

/**
 * The leases in force in a file that may be another process's, which goes on writing. Nothing is changed.
 * @throws RackError `store-unavailable` when it cannot be read, `store-newer`, `store-broken`
 */
export function copyLeases(path: string): LeaseFileContents {
  const stored = new StoredLeases();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: COPY_WAIT_MS });
    // One transaction: what is read belongs to one moment.
    database.exec('BEGIN');
    const version = readInteger(Object.values(database.prepare('PRAGMA user_version').get() ?? {})[0]);
    const owner = readInteger(Object.values(database.prepare('PRAGMA application_id').get() ?? {})[0]);
    if (owner !== LEASE_DATABASE.applicationId) throw new RackError('store-broken', `${path} is no lease database`);
    if (version > LEASE_DATABASE.migrations.length) {
      throw new RackError('store-newer', `${path} was written by a newer Rackboot (version ${version})`);
    }
    const folded = readInteger(Object.values(database.prepare('SELECT sequence FROM fold').get() ?? {})[0]);
    for (const record of foldedRecords(database, version)) stored.add(record);
    for (const record of loggedRecords(database, folded, version)) stored.add(record);
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    throw new RackError('store-unavailable', `${path} cannot be read: ${errorText(cause)}`, { cause });
  } finally {
    database?.close();
  }
  return stored.contents();
}

function readLease(row: Record<number, SQLOutputValue>): StoredLease {
  return {
    address: ipv4(readInteger(row[1])),
    mac: mac(readInteger(row[2])),
    state: readState(row[3]),
    grantedWallMs: readInteger(row[4]),
    expiresWallMs: readInteger(row[5]),
    duration: seconds(readInteger(row[6])),
    bootId: readText(row[7]) ?? '',
    uptimeS: readInteger(row[8]) / 1000,
    hostname: readText(row[9]),
    clientId: readBytes(row[10]),
    vendorClass: readBytes(row[11]),
    circuitId: readBytes(row[12]),
    remoteId: readBytes(row[13]),
    identity: readInteger(row[14]) === 1 ? 'client-id' : undefined,
  };
}

// The tables are STRICT: another type in a column is damage.
function readInteger(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new Error(`leases.db holds ${typeof value} where a number belongs`);
  return value;
}

function readState(value: SQLOutputValue | undefined): LeaseState {
  if (value === 'bound' || value === 'released' || value === 'declined') return value;
  throw new Error(`leases.db holds the lease state ${String(value)}`);
}

const damaged = (sequence: number, field: string): Error =>
  new Error(`leases.db holds a batch that does not decode: ${field} in the one that ends with ${sequence}`);

function readBlob(value: SQLOutputValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array && value.buffer instanceof ArrayBuffer))
    throw new Error('leases.db holds no batch where one belongs');
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

const readText = (value: SQLOutputValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const readBytes = (value: SQLOutputValue | undefined): string | undefined =>
  value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
    : undefined;
