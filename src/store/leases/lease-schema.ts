// The tables of `leases.db`, described in `lease-database.ts`. A released step is never edited: a schema change is a further step of
// `migrations`, and makes the next version.

import type { DatabaseKind } from '../database-file.ts';

/** `leases.db`, marked `RBLE`. */
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
