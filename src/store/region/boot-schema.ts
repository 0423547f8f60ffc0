// The tables of boot images: sources, selections, resources and the run of imports
// (`region/records/boot-store.ts`), and uploads (`upload-store.ts`).

export const BOOT_IMAGES = `
-- name: the name of a source in the file of sources, which has the fields; null: the fields are in this row.
CREATE TABLE boot_source (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  url TEXT NOT NULL,
  keyring_filename TEXT NOT NULL,
  keyring BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT;

-- arches, subarches, labels: JSON lists.
CREATE TABLE boot_selection (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source_id INTEGER NOT NULL REFERENCES boot_source (id) ON DELETE CASCADE,
  os TEXT NOT NULL,
  release TEXT NOT NULL,
  arches TEXT NOT NULL,
  subarches TEXT NOT NULL,
  labels TEXT NOT NULL,
  UNIQUE (source_id, os, release)
) STRICT;

-- name: an image without its serial. progress: JSON; null: it was not imported here.
CREATE TABLE boot_resource (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  wish TEXT NOT NULL,
  progress TEXT,
  changed_ms INTEGER NOT NULL
) STRICT;

-- One row: the last run, and the requests for the next one, as JSON.
CREATE TABLE boot_run (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL
) STRICT;

-- name: an image without its serial. place: the host and the directory that have the received bytes. reason: why it failed; null: it did not.
CREATE TABLE boot_upload (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  file_type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  received INTEGER NOT NULL,
  place TEXT NOT NULL,
  reason TEXT,
  username TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT;
`;

/**
 * index_path: the path of the index below the URL; null: the URL names it, or it has its usual
 * place. unsigned_why: why the site is trusted without a signature; null: its documents must be
 * signed.
 */
export const SOURCE_TRUST = `
ALTER TABLE boot_source ADD COLUMN index_path TEXT;
ALTER TABLE boot_source ADD COLUMN unsigned_why TEXT;
`;
