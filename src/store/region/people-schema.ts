// The tables of users: their API keys, SSH keys and sessions (`region/records/account-store.ts`),
// and their files (`file-store.ts`).

/** Users, with their API keys, SSH keys and sessions; machines have API keys too. */
export const PEOPLE = `
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  is_admin INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
  token_key TEXT PRIMARY KEY,
  consumer_key TEXT NOT NULL,
  secret_digest TEXT NOT NULL,
  name TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
  machine_id INTEGER REFERENCES machine (id) ON DELETE CASCADE,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  CHECK ((account_id IS NULL) <> (machine_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_account ON api_key (account_id);
CREATE INDEX api_key_machine ON api_key (machine_id);

-- digest: SHA-256 of the key in hexadecimal, because an index entry of PostgreSQL cannot hold a long key (at most a
-- third of a page, postgresql.org/docs/15/btree-implementation.html). source: where a published key was read: lp:NAME, gh:NAME; null: a person gave it.
CREATE TABLE ssh_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  source TEXT,
  UNIQUE (username, digest)
) STRICT;

CREATE TABLE session (
  digest TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  password_digest TEXT NOT NULL,
  begun_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  notice TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session (account_id);
`;

export const FILES = `
-- key: anyone who has it may read the file, without an account.
CREATE TABLE stored_file (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  content BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  UNIQUE (account_id, name)
) STRICT;
`;
