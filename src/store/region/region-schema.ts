// The tables of `region.db`.
//
// 1. A released step is never edited: a change is a further step, and makes the next version.
// 2. Times are wall time in milliseconds since 1970, addresses unsigned integers, lists and records
//    JSON text.
// 3. Ids are never reused: events keep those of deleted machines.

import type { DatabaseKind } from '../database-file.ts';
import { moveServices } from '../operations/move-services.ts';
import { BOOT_IMAGES, SOURCE_TRUST } from './boot-schema.ts';
import { HOST_LEASES, NETWORKS, SUBNET_HOSTS, SUBNET_SERVICES } from './network-schema.ts';
import { FILES, PEOPLE } from './people-schema.ts';

const AREAS = `
CREATE TABLE area (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;
`;

const MACHINES = `
-- home: the address at which the machine is at home. enlisted_from: the address that reported a New machine; it alone may amend the
-- machine until a boot proves which machine it is. is_touched: a person made, changed or tagged it, so that it gives way to no other.
-- ended_digest: the digest of the token whose work the machine's last signal ended.
-- added_by: the user without administrator's rights who added it. desired_version: the version of the racks' desired state in which it
-- changed last. zone_id, pool_id: null: the default one. layout: how the network and disks of the machine should be deployed, as JSON; null: as
-- commissioned. device: the system id of a device's parent; empty: the device has no parent; null: it is a machine. agent_name: the name
-- that the client who allocated the machine gave; null: none.
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
  power_proposed INTEGER NOT NULL,
  power_state TEXT NOT NULL,
  power_task TEXT,
  power_task_id TEXT,
  owner TEXT,
  owner_data TEXT NOT NULL,
  is_locked INTEGER NOT NULL,
  is_touched INTEGER NOT NULL DEFAULT 0,
  kernel_params TEXT,
  uuid TEXT,
  serial TEXT,
  facts TEXT,
  facts_ms INTEGER,
  boot_token TEXT,
  ended_digest TEXT,
  vouched_mac INTEGER,
  enlisted_from INTEGER,
  home INTEGER,
  added_by TEXT,
  work TEXT,
  desired_version INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  zone_id INTEGER,
  pool_id INTEGER,
  layout TEXT,
  device TEXT,
  agent_name TEXT
) STRICT;
CREATE INDEX machine_uuid ON machine (uuid) WHERE uuid IS NOT NULL;
CREATE INDEX machine_desired ON machine (desired_version);
CREATE INDEX machine_status ON machine (status) WHERE device IS NULL;
CREATE INDEX machine_owner ON machine (owner) WHERE owner IS NOT NULL;
CREATE INDEX machine_deadline ON machine (status_deadline_ms) WHERE status_deadline_ms IS NOT NULL;
CREATE INDEX machine_zone ON machine (zone_id) WHERE zone_id IS NOT NULL;
CREATE INDEX machine_pool ON machine (pool_id) WHERE pool_id IS NOT NULL;
CREATE INDEX machine_agent_name ON machine (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX machine_power_task ON machine (id) WHERE power_task IS NOT NULL;
-- All that an enlistment asks of New machines (new-machines-sql.ts).
CREATE INDEX machine_untouched ON machine (updated_ms, id, system_id, hostname, enlisted_from, vouched_mac)
  WHERE status = 0 AND is_touched = 0;
CREATE INDEX machine_unbooted ON machine (added_by, vouched_mac) WHERE added_by IS NOT NULL AND vouched_mac IS NULL;

-- ended_ms: when the lease of the address with which the interface was seen last ended; null: the machine may still have the address.
CREATE TABLE interface (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  mac INTEGER NOT NULL UNIQUE,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  address INTEGER,
  seen_ms INTEGER,
  ended_ms INTEGER
) STRICT;
CREATE INDEX interface_machine ON interface (machine_id, position);
CREATE INDEX interface_address ON interface (address) WHERE address IS NOT NULL;

CREATE TABLE identity (
  value TEXT NOT NULL,
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  PRIMARY KEY (value, machine_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_machine ON identity (machine_id);

CREATE TABLE shared_identity (
  value TEXT PRIMARY KEY,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX shared_identity_seen ON shared_identity (seen_ms);

CREATE TABLE machine_pair (
  low_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  high_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  verdict TEXT NOT NULL,
  code TEXT NOT NULL,
  params TEXT NOT NULL,
  reporter_id INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (low_id, high_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_pair_high ON machine_pair (high_id);
CREATE INDEX machine_pair_conflict ON machine_pair (at_ms) WHERE verdict = 'conflict';

-- definition: the expression by which the region finds the machines of the tag (region/records/xpath.ts); empty: people assign it.
CREATE TABLE tag (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  comment TEXT NOT NULL,
  kernel_params TEXT NOT NULL,
  definition TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE machine_tag (
  machine_id INTEGER NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
  tag_id INTEGER NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
  PRIMARY KEY (machine_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_tag_tag ON machine_tag (tag_id);
CREATE TRIGGER machine_tagged AFTER INSERT ON machine_tag
BEGIN
  UPDATE machine SET is_touched = 1 WHERE id = NEW.machine_id;
END;
`;

/** The ledger of power commands keeps each from running twice. */
const WORK = `
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

CREATE TABLE power_command (
  id TEXT PRIMARY KEY,
  system_id TEXT NOT NULL,
  command TEXT NOT NULL,
  begun_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  outcome TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX power_command_unended ON power_command (begun_ms) WHERE ended_ms IS NULL;

-- One row: the SSH key with which every process of the region logs in to hypervisors.
CREATE TABLE region_ssh_key (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  private_key TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
`;

const SCRIPTS = `
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
`;

const EVENTS = `
-- code and params (JSON): the content of the event (region/records/event-params.ts). mac, address: the host that it is about while the
-- machine is not known; an enlistment adopts it. rack_id: the rack that reported it; null: it is the region's own, or no rack is known.
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  machine_id INTEGER,
  at_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  level INTEGER NOT NULL,
  kind TEXT,
  code TEXT NOT NULL,
  params TEXT NOT NULL,
  username TEXT NOT NULL,
  mac INTEGER,
  address INTEGER,
  rack_id INTEGER
) STRICT;
CREATE INDEX event_machine ON event (machine_id, id);
-- Finds the newest event of a machine that is above DEBUG (10), past any number of quieter ones.
CREATE INDEX event_said ON event (machine_id, id) WHERE level > 10;
CREATE INDEX event_stranger ON event (mac, id) WHERE machine_id IS NULL AND mac IS NOT NULL;
CREATE TRIGGER machine_touched AFTER INSERT ON event WHEN NEW.username <> '' AND NEW.machine_id IS NOT NULL
BEGIN
  UPDATE machine SET is_touched = 1 WHERE id = NEW.machine_id;
END;

-- Each run that added events: when it began, and the newest event of before (region-histories.ts).
CREATE TABLE event_history (
  name TEXT PRIMARY KEY,
  begun_ms INTEGER NOT NULL,
  after_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event_source (
  source TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** The networks that each rack may speak for; the settings that the store owns. */
const RACKS = `
-- agreed: the networks with which the rack was accepted; disputed: those for which it is not believed. away_ms: when its
-- silence was logged. A rack is read again only when its row has another revision.
CREATE TABLE rack (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  is_embedded INTEGER NOT NULL,
  token TEXT,
  secret_digest TEXT,
  interfaces TEXT NOT NULL,
  agreed TEXT NOT NULL,
  disputed TEXT NOT NULL,
  version TEXT NOT NULL,
  uplink INTEGER NOT NULL,
  address TEXT NOT NULL,
  registered_ms INTEGER NOT NULL,
  state_since_ms INTEGER NOT NULL,
  seen_ms INTEGER,
  away_ms INTEGER,
  source TEXT,
  refused TEXT NOT NULL,
  pulse TEXT,
  revision TEXT NOT NULL,
  zone_id INTEGER
) STRICT;
CREATE INDEX rack_revision ON rack (id, uuid, revision);

CREATE TABLE rack_images (
  rack_uuid TEXT PRIMARY KEY REFERENCES rack (uuid) ON DELETE CASCADE,
  images TEXT NOT NULL
) STRICT;

CREATE TABLE setting (
  rack TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  position INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY (rack, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE gone_machine (
  system_id TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX gone_machine_version ON gone_machine (version);
`;

/**
 * kernel: of the deployed system, by its subarchitecture; null: that of its image. oldest_kernel:
 * with which the machine may be deployed; null: any.
 */
const KERNELS = `
ALTER TABLE machine ADD COLUMN kernel TEXT;
ALTER TABLE machine ADD COLUMN oldest_kernel TEXT;
`;

/**
 * mac: the host that gets the address by DHCP. hostname, domain: the name of the address.
 * description: what people say of the rack.
 */
const RESERVED_HOSTS = `
ALTER TABLE reserved_address ADD COLUMN mac INTEGER;
ALTER TABLE reserved_address ADD COLUMN hostname TEXT;
ALTER TABLE reserved_address ADD COLUMN domain TEXT;
ALTER TABLE rack ADD COLUMN description TEXT;
`;

/**
 * is_dns_allowed: false if racks name other DNS servers than themselves. runs: the newest run of
 * scripts of each purpose, as JSON.
 */
const SUBNET_DNS_AND_RUNS = `
ALTER TABLE subnet ADD COLUMN is_dns_allowed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE machine ADD COLUMN runs TEXT;
`;

/**
 * tags: words by which runs choose the script, as JSON. hardware, parallel: for people.
 * is_destructive: the script overwrites data.
 */
const SCRIPT_MARKS = `
ALTER TABLE script ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE script ADD COLUMN hardware TEXT NOT NULL DEFAULT 'node';
ALTER TABLE script ADD COLUMN parallel TEXT NOT NULL DEFAULT 'disabled';
ALTER TABLE script ADD COLUMN is_destructive INTEGER NOT NULL DEFAULT 0;
`;

const COUNTERS = `
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

export const REGION_FILE = 'region.db';

const FIRST_TABLES = [MACHINES, WORK, SCRIPTS, EVENTS, PEOPLE, RACKS, BOOT_IMAGES, AREAS, FILES, NETWORKS, COUNTERS];

/** `region.db`, marked `RBRE`. */
export const REGION_DATABASE: DatabaseKind = {
  title: 'region database',
  applicationId: 0x52_42_52_45,
  // An operation of a migration writes with the codecs of today, which know the tables of today: it
  // stands beside the last SQL alone, whatever the version that it comes from. Who adds a version
  // moves it there, and makes it able to start from every earlier one.
  migrations: [
    FIRST_TABLES.join(''),
    KERNELS,
    SOURCE_TRUST,
    RESERVED_HOSTS,
    SUBNET_DNS_AND_RUNS,
    SCRIPT_MARKS,
    HOST_LEASES,
    SUBNET_SERVICES,
    [SUBNET_HOSTS, moveServices],
  ],
};
