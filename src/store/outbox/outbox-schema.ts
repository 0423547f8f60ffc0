// The tables of `outbox.db`. A released step is never edited: a schema change is a further step of `migrations`, and makes the next
// version.

import type { DatabaseKind } from '../database-file.ts';

const TABLES = `
CREATE TABLE outbox (
  id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  missed INTEGER NOT NULL,
  life TEXT NOT NULL,
  life_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence INTEGER UNIQUE,
  weight INTEGER NOT NULL,
  kind TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  item TEXT NOT NULL
) STRICT;
CREATE INDEX entry_weight ON entry (weight, place) WHERE sequence IS NULL;

CREATE TABLE dropped (
  kind TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  item TEXT NOT NULL
) STRICT;
`;

/** `outbox.db`. */
export const OUTBOX_DATABASE: DatabaseKind = {
  title: 'outbox database',
  applicationId: 0x52_42_4f_42,
  migrations: [TABLES],
};
