// Leases as the columns of a table, as `leases.db` held them up to version 3: read to be copied, and to be brought up to date.
//
//   version 1: log and lease, a row a record │ 2: a row of the log is a batch │ 3: `by_identifier` │ 4: blocks (`lease-database.ts`)

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { seconds } from '../clock.ts';
import type { LeaseState } from '../dhcp/leases/lease.ts';
import type { StoredLease } from '../dhcp/leases/stored-lease.ts';
import { ipv4, mac } from '../net/address.ts';
import { blockOf } from './fold-pass.ts';
import { LeaseBatch, type LeaseRecord } from './lease-record.ts';

/** The version from which a row of the log holds a batch. */
export const BATCH_VERSION = 2;
/** The version from which a record tells whether identifiers counted. */
const IDENTITY_VERSION = 3;

/** The columns of a record up to version 2. */
const COLUMNS_2 =
  'address, mac, state, granted_ms, expires_ms, duration_s, boot_id, uptime_ms, hostname, client_id, vendor_class, circuit_id, remote_id';
const COLUMNS_3 = `${COLUMNS_2}, by_identifier`;

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

/** Makes version 3 in three steps. */
export const COLUMN_MIGRATIONS: readonly string[] = [
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
];

/** Makes version 4 out of version 3. */
export function columnsToBlocks(database: DatabaseSync): void {
  database.exec('CREATE TABLE lease_block (block INTEGER PRIMARY KEY, records BLOB NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO lease_block VALUES (?, ?)');
  let batch = new LeaseBatch();
  let block = 0;
  const write = (): void => {
    if (batch.records > 0) insert.run(block, batch.finish());
  };
  for (const { sequence, lease } of columnRecords(database, IDENTITY_VERSION)) {
    if (blockOf(lease.address) !== block) {
      write();
      batch = new LeaseBatch();
      block = blockOf(lease.address);
    }
    batch.add(sequence, lease);
  }
  write();
  database.exec('DROP TABLE lease');
}

/** The records of the table by address, in the order of their addresses. @param version of the file, up to 3 */
export function columnRecords(database: DatabaseSync, version: number): Generator<LeaseRecord> {
  return readRecords(database, `SELECT seq, ${columnsOf(version)} FROM lease ORDER BY address`);
}

/** The records of the log above a sequence, in order. @param version of the file: 1 */
export function columnLog(database: DatabaseSync, folded: number, version: number): Generator<LeaseRecord> {
  return readRecords(database, `SELECT seq, ${columnsOf(version)} FROM log WHERE seq > ${folded} ORDER BY seq`);
}

const columnsOf = (version: number): string => (version < IDENTITY_VERSION ? `${COLUMNS_2}, 0` : COLUMNS_3);

function* readRecords(database: DatabaseSync, sql: string): Generator<LeaseRecord> {
  for (const row of database.prepare(sql, { returnArrays: true }).iterate()) {
    yield { sequence: readInteger(row[0]), lease: readLease(row) };
  }
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
export function readInteger(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new Error(`leases.db holds ${typeof value} where a number belongs`);
  return value;
}

function readState(value: SQLOutputValue | undefined): LeaseState {
  if (value === 'bound' || value === 'released' || value === 'declined') return value;
  throw new Error(`leases.db holds the lease state ${String(value)}`);
}

const readText = (value: SQLOutputValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const readBytes = (value: SQLOutputValue | undefined): string | undefined =>
  value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
    : undefined;
