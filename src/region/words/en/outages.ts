// The sentences of outages of the region's store: the fact, and the remedy.

import type { NoteParams } from '../../records/rack-note.ts';
import type { DatabaseFault, DatabaseRefusal, Outage } from '../../records/store-outage.ts';
import type { Writers } from './table.ts';

/** Remedies for a database that cannot be used now. */
const FAULTS: Readonly<Record<DatabaseFault, string>> = {
  'disk-full': "make room on the database's disk",
  'connections-taken': 'the database has no connection left: raise its max_connections, or lower region.store.pool',
  'short-of-resources': 'the database has too little memory or disk: see its log',
  'read-only':
    'it only reads: turn default_transaction_read_only off; if it is a standby, name the primary in region.store.url',
  'not-ready': 'it accepts no connections, or lacks a prerequisite: see ALLOW_CONNECTIONS, and its log',
  'in-use': 'another session uses the needed object: see pg_stat_activity',
  configuration: 'the configuration of the database has a fault: see its log',
  stopping: 'the database is stopping or starting: see its log, and whether its disk has room',
  slow: 'the database took too long: see its load',
  locked: 'another process has held a lock for too long: see pg_stat_activity',
  'transaction-held': 'this process held a transaction for too long: see the load of its host',
  'changes-collide': 'too many changes at once: try again',
  'connection-lost': 'the connection was lost: see whether the database runs and its disk has room, and its log',
  'files-failing': "the database cannot use its files: see its log and the kernel's",
  damaged: 'the database is damaged: see its log, and restore a backup',
  'version-missing': 'its table `rackboot` is empty, so nobody knows the version of the tables: restore a backup',
  'pool-taken': 'all connections of region.store.pool are in use, or the database does not answer: see its load',
  unreached: 'see whether the database runs and its disk has room, and region.store.url',
};

/** Remedies for a database that refuses. */
const REFUSALS: Readonly<Record<DatabaseRefusal, string>> = {
  'wrong-password': 'the password is wrong: write the right one to the file region.store.password_file',
  'not-admitted': 'see its pg_hba.conf, and the user and the name of the database in region.store.url',
  'no-such-database': 'create the database with createdb(1), or correct its name in region.store.url',
  'not-owner': 'the user lacks the right: make it the owner of the database',
  'table-missing': 'a table is missing: see the search_path of the user, or restore a backup',
  'column-missing': 'a column is missing: restore a backup',
  'another-server': 'it does not speak the protocol of PostgreSQL: see the host and the port in region.store.url',
};

/** A process that runs reads a corrected file without help; a start or a command that is refused ends. */
const READ_AGAIN = ', which is read again for each connection';

/** @param isRunning true: in a process that runs */
export function refusesText({ fault, said }: NoteParams['database-refuses'], isRunning: boolean): string {
  const again = isRunning && fault === 'wrong-password' ? `${READ_AGAIN}, without a restart` : '';
  return `the region's database refuses${quoted(said)}: ${textOf(REFUSALS, fault)}${again}`;
}

export function untrustedText({ said }: NoteParams['database-untrusted'], isRunning: boolean): string {
  const again = isRunning ? READ_AGAIN : '';
  return `the region's database cannot be trusted${quoted(said)}: see region.store.ca_file${again}, and the certificate of the database`;
}

/** The text of a code; the code itself if only a later version has a text for it. */
const textOf = (texts: Readonly<Record<string, string>>, code: string): string =>
  Object.entries(texts).find(([name]) => name === code)?.[1] ?? code;

const UNCONFIRMED = "the region's database does not confirm changes, because its synchronous standby is missing";
const STANDBY = 'start the standby, or take it out of synchronous_standby_names';

/** A text of the database or the system; it is empty for a person who may not see it. */
const quoted = (said: string): string => (said === '' ? '' : ` (${said})`);

export const OUTAGES: Pick<Writers<NoteParams>, Outage['note']> = {
  'database-unusable': ({ fault, said }) =>
    `the region's database cannot be used now${quoted(said)}: ${textOf(FAULTS, fault)}`,
  'database-refuses': (params) => refusesText(params, true),
  'database-asks-password': () =>
    "the region's database asks for a password: write it to a file, and name that in region.store.password_file",
  'database-untrusted': (params) => untrustedText(params, true),
  'database-statement': ({ said }) =>
    `the region's database refuses a statement${quoted(said)}: has somebody changed its tables, triggers, sequences, rights or search_path? Its log says more`,
  'database-silent': ({ seconds }) =>
    `the region's database cannot be used now (it has not answered for ${seconds} s): see whether it runs, its load, and the network to it`,
  'database-read-only': () =>
    "the region's database cannot be used now: default_transaction_read_only is on; turn it off",
  'database-standby': () =>
    "the region's database cannot be used now (it is a standby, which only reads): promote it, or name the primary in region.store.url",
  'database-copied': () =>
    "the region's database is being copied: wait until `rackboot region copy` or `restore` has ended",
  'database-pooled': () =>
    "the region's database cannot be used now (a connection pooler is in front of it, which does not pass on settings, locks and messages): name the server itself in region.store.url; region.store.pool limits its connections",
  'database-newer': ({ ownVersion, otherVersion }) =>
    `the region's database cannot be used now (a newer Rackboot gave it version ${otherVersion}; this process knows ${ownVersion}): upgrade this process`,
  'database-older': ({ ownVersion, otherVersion }) =>
    `the region's database cannot be used now (it has version ${otherVersion} now; this process knows ${ownVersion}): restart this process`,
  'changes-unconfirmed': () => `${UNCONFIRMED}: ${STANDBY}`,
  'change-not-made': () => `${UNCONFIRMED}: this change was not made; repeat it later (${STANDBY})`,
  'change-unconfirmed': () =>
    `${UNCONFIRMED}: whether this change was stored is unknown until the database confirms changes again; check the result then, before you repeat it (${STANDBY})`,
  'change-unknown': ({ said }) =>
    `the region's database was lost while it stored a change${quoted(said)}, and whether the change was stored is unknown: check the result before you repeat it`,
  'file-full': ({ file, said }) => `${file} cannot be used now${quoted(said)}: make room on its disk`,
  'file-unusable': ({ file, said }) =>
    `${file} cannot be used now${quoted(said)}: check which process holds it, and whether its disk fails`,
  'store-trouble': ({ reason }) => (reason === '' ? "the region's store cannot be used now: its log says why" : reason),
};
