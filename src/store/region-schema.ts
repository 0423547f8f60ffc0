// The shape of region.db, one step a version. A released step is never edited; the next change is the next step.
//
// 1. Times are wall time in milliseconds since 1970, addresses unsigned integers, lists and records JSON text.
// 2. Ids are never reused: an event keeps the id of a machine that is gone.

import type { DatabaseKind } from './database-file.ts';

const VERSION_1 = `
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE machine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  system_id TEXT NOT NULL UNIQUE,
  hostname TEXT NOT NULL UNIQUE,
  domain TEXT NOT NULL,
  description TEXT NOT NULL,
  status INTEGER NOT NULL,
  resting_status INTEGER,
  status_message TEXT NOT NULL,
  status_since_ms INTEGER NOT NULL,
  status_deadline_ms INTEGER,
  architecture TEXT NOT NULL,
  subarchitecture TEXT NOT NULL,
  osystem TEXT NOT NULL,
  release TEXT NOT NULL,
  netboot INTEGER NOT NULL,
  power_type TEXT NOT NULL,
  power_parameters TEXT NOT NULL,
  power_state TEXT NOT NULL,
  owner TEXT,
  kernel_params TEXT,
  uuid TEXT,
  serial TEXT,
  facts TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX machine_uuid ON machine (uuid) WHERE uuid IS NOT NULL;
CREATE INDEX machine_status ON machine (status);
CREATE INDEX machine_deadline ON machine (status_deadline_ms) WHERE status_deadline_ms IS NOT NULL;

CREATE TABLE interface (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  mac INTEGER NOT NULL UNIQUE,
  name TEXT NOT NULL,
  address INTEGER,
  seen_ms INTEGER
) STRICT;
CREATE INDEX interface_machine ON interface (machine_id, position);
CREATE INDEX interface_address ON interface (address) WHERE address IS NOT NULL;

CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  machine_id INTEGER,
  at_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  level INTEGER NOT NULL,
  kind TEXT,
  description TEXT NOT NULL,
  username TEXT NOT NULL
) STRICT;
CREATE INDEX event_machine ON event (machine_id, id);

CREATE TABLE event_source (
  source TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
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
  user_id INTEGER REFERENCES user (id) ON DELETE CASCADE,
  machine_id INTEGER REFERENCES machine (id) ON DELETE CASCADE,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  CHECK ((user_id IS NULL) <> (machine_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_user ON api_key (user_id);
CREATE INDEX api_key_machine ON api_key (machine_id);
`;

// Whose event it is while its machine is not known yet: enlisting adopts what it did before.
const VERSION_2 = `
ALTER TABLE event ADD COLUMN mac INTEGER;
ALTER TABLE event ADD COLUMN address INTEGER;
CREATE INDEX event_stranger ON event (mac, id) WHERE machine_id IS NULL AND mac IS NOT NULL;
`;

// Racks: who may speak for which networks, and how far each has come. Settings: what the store owns of their configuration.
// Identity: what each machine shows of itself, what several show, and which machines may be one or are known to be two.
// Life: the work under way, addresses that machines were given, what a deployed system runs and who may log in, tags.
const VERSION_3 = `
CREATE TABLE rack (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  is_embedded INTEGER NOT NULL,
  token TEXT,
  secret_digest TEXT,
  interfaces TEXT NOT NULL,
  version TEXT NOT NULL,
  uplink INTEGER NOT NULL,
  address TEXT NOT NULL,
  registered_ms INTEGER NOT NULL,
  state_since_ms INTEGER NOT NULL,
  seen_ms INTEGER,
  source TEXT,
  refused TEXT NOT NULL,
  pulse TEXT
) STRICT;

CREATE TABLE setting (
  rack TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  position INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY (rack, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE machine ADD COLUMN boot_token TEXT;
ALTER TABLE machine ADD COLUMN vouched_mac INTEGER;
ALTER TABLE machine ADD COLUMN facts_ms INTEGER;
ALTER TABLE machine ADD COLUMN power_proposed INTEGER NOT NULL DEFAULT 0;

ALTER TABLE interface ADD COLUMN source TEXT NOT NULL DEFAULT 'hearsay';
-- What an administrator has accepted stays accepted.
UPDATE interface SET source = 'person' WHERE machine_id IN (SELECT id FROM machine WHERE status <> 0);

CREATE TABLE identity (
  value TEXT NOT NULL,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  PRIMARY KEY (value, machine_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_machine ON identity (machine_id);
INSERT INTO identity (value, machine_id) SELECT 'uuid ' || uuid, id FROM machine WHERE uuid IS NOT NULL;
INSERT INTO identity (value, machine_id) SELECT 'serial ' || upper(serial), id FROM machine WHERE serial IS NOT NULL;

CREATE TABLE shared_identity (
  value TEXT PRIMARY KEY,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX shared_identity_seen ON shared_identity (seen_ms);

CREATE TABLE machine_pair (
  low_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  high_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  verdict TEXT NOT NULL,
  text TEXT NOT NULL,
  told_by INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (low_id, high_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_pair_high ON machine_pair (high_id);
CREATE INDEX machine_pair_conflict ON machine_pair (at_ms) WHERE verdict = 'conflict';

ALTER TABLE machine ADD COLUMN work TEXT;
ALTER TABLE machine ADD COLUMN power_task TEXT;

CREATE TABLE allocation (
  address INTEGER PRIMARY KEY,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  mac INTEGER NOT NULL
) STRICT;
CREATE INDEX allocation_machine ON allocation (machine_id);

CREATE TABLE user_data (
  machine_id INTEGER PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
  data BLOB NOT NULL
) STRICT;

CREATE TABLE ssh_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL,
  key TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  UNIQUE (username, key)
) STRICT;

CREATE TABLE tag (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  comment TEXT NOT NULL,
  kernel_params TEXT NOT NULL
) STRICT;

CREATE TABLE machine_tag (
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  tag_id INTEGER NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
  PRIMARY KEY (machine_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_tag_tag ON machine_tag (tag_id);
`;

// Power: the book of commands that were begun, so that none is done twice. Scripts of operators, and what came of each.
const VERSION_4 = `
CREATE TABLE power_command (
  id TEXT PRIMARY KEY,
  system_id TEXT NOT NULL,
  command TEXT NOT NULL,
  begun_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  outcome TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX power_command_unended ON power_command (begun_ms) WHERE ended_ms IS NULL;
ALTER TABLE machine ADD COLUMN power_task_id TEXT;
UPDATE machine SET power_task_id = lower(hex(randomblob(12))) WHERE power_task IS NOT NULL;
CREATE INDEX machine_power_task ON machine (id) WHERE power_task IS NOT NULL;

ALTER TABLE machine ADD COLUMN owner_data TEXT NOT NULL DEFAULT '{}';
ALTER TABLE machine ADD COLUMN is_locked INTEGER NOT NULL DEFAULT 0;

CREATE TABLE machine_key (
  machine_id INTEGER PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
  consumer_key TEXT NOT NULL,
  token_key TEXT NOT NULL UNIQUE,
  token_secret TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE debug_login (
  machine_id INTEGER PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
  username TEXT NOT NULL,
  opened_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  token_digest TEXT,
  host_key TEXT NOT NULL
) STRICT;

CREATE TABLE script (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  timeout_seconds INTEGER NOT NULL,
  position INTEGER NOT NULL,
  content TEXT NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE script_run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL,
  begun_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX script_run_machine ON script_run (machine_id, id);

CREATE TABLE script_result (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id INTEGER NOT NULL REFERENCES script_run (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  exit_status INTEGER,
  started_ms INTEGER,
  ended_ms INTEGER,
  timeout_seconds INTEGER NOT NULL,
  output BLOB NOT NULL,
  output_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX script_result_run ON script_result (run_id, position);

CREATE TRIGGER script_result_aborted AFTER UPDATE OF status ON machine WHEN OLD.status <> NEW.status
BEGIN
  UPDATE script_result SET status = 'aborted', ended_ms = NEW.status_since_ms
  WHERE ended_ms IS NULL AND run_id = (SELECT max(id) FROM script_run WHERE machine_id = NEW.id);
END;

CREATE TABLE rack_images (
  rack_uuid TEXT PRIMARY KEY REFERENCES rack (uuid) ON DELETE CASCADE,
  images TEXT NOT NULL
) STRICT;
`;

// Where a machine that enlists is reported from: it alone may amend it until a boot proves who it is.
const VERSION_5 = `
ALTER TABLE machine ADD COLUMN enlisted_from INTEGER;
`;

// The networks with which a rack was accepted, and those that it is not believed; the address at which a machine is at home. Racks that
// are accepted already were accepted with what they have.
const VERSION_6 = `
ALTER TABLE rack ADD COLUMN agreed TEXT NOT NULL DEFAULT '[]';
ALTER TABLE rack ADD COLUMN disputed TEXT NOT NULL DEFAULT '[]';
UPDATE rack SET agreed = (SELECT json_group_array(json_extract(value, '$.network')) FROM json_each(interfaces)) WHERE state = 'accepted';
ALTER TABLE machine ADD COLUMN home INTEGER;
UPDATE machine SET home = (
  SELECT address FROM interface WHERE machine_id = machine.id AND address IS NOT NULL ORDER BY seen_ms DESC LIMIT 1
);
`;

// An enlistment asks how many machines are New, and which of them gives way, without going through all interfaces. A rack is read again only
// when its row has another revision.
const VERSION_7 = `
CREATE INDEX interface_person ON interface (machine_id) WHERE source = 'person';
CREATE INDEX machine_unproven ON machine (updated_ms, id, system_id, hostname, enlisted_from, status, vouched_mac)
  WHERE status = 0 AND vouched_mac IS NULL;

ALTER TABLE rack ADD COLUMN revision TEXT NOT NULL DEFAULT '';
UPDATE rack SET revision = hex(randomblob(8));
CREATE INDEX rack_revision ON rack (id, uuid, revision);
`;

// When the lease of the address with which an interface was seen last ended; null: the machine may still have it. Which rack told an
// event; null: the region's own, or none.
const VERSION_8 = `
ALTER TABLE interface ADD COLUMN ended_ms INTEGER;
ALTER TABLE event ADD COLUMN rack_id INTEGER;
`;

// A New machine that no person touched may give way to another. A person touches a machine with whatever their name is on in its events,
// and with a tag.
const VERSION_9 = `
ALTER TABLE machine ADD COLUMN is_touched INTEGER NOT NULL DEFAULT 0;
UPDATE machine SET is_touched = 1 WHERE id IN (SELECT machine_id FROM interface WHERE source = 'person')
  OR id IN (SELECT machine_id FROM machine_tag) OR id IN (SELECT machine_id FROM event WHERE username <> '');
CREATE TRIGGER machine_touched AFTER INSERT ON event WHEN NEW.username <> '' AND NEW.machine_id IS NOT NULL
BEGIN
  UPDATE machine SET is_touched = 1 WHERE id = NEW.machine_id;
END;
CREATE TRIGGER machine_tagged AFTER INSERT ON machine_tag
BEGIN
  UPDATE machine SET is_touched = 1 WHERE id = NEW.machine_id;
END;

DROP INDEX machine_unproven;
DROP INDEX interface_person;
CREATE INDEX machine_untouched ON machine (updated_ms, id, system_id, hostname, enlisted_from, vouched_mac)
  WHERE status = 0 AND is_touched = 0;
`;

/** The file's name below the state directory. */
export const REGION_FILE = 'region.db';

/** `region.db`. */
export const REGION_DATABASE: DatabaseKind = {
  title: 'region database',
  applicationId: 0x52_42_52_47,
  migrations: [VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7, VERSION_8, VERSION_9],
};
