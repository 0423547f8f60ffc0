// The table of users' files (`region/records/file-store.ts`).

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
