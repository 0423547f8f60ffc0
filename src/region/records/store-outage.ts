// Why the region's store cannot be used at the moment, as notes. Refusals, the log and the page show them as sentences (`words/outage.ts`).
// `said` holds the texts of the database and of the system.

import type { RackNote } from './rack-note.ts';

/** Why a database cannot be used for now. It may recover without help, or after an operator repairs it. */
export type DatabaseFault =
  | 'disk-full'
  | 'connections-taken'
  | 'short-of-resources'
  | 'read-only'
  | 'not-ready'
  | 'in-use'
  | 'configuration'
  | 'stopping'
  | 'slow'
  | 'locked'
  | 'transaction-held'
  | 'changes-collide'
  | 'connection-lost'
  | 'files-failing'
  | 'damaged'
  | 'version-missing'
  | 'pool-taken'
  | 'unreached';

/** Why a database refuses this user, until an operator changes the database or the configuration. */
export type DatabaseRefusal =
  | 'wrong-password'
  | 'not-admitted'
  | 'no-such-database'
  | 'not-owner'
  | 'table-missing'
  | 'column-missing'
  | 'another-server';

type OutageCode =
  | 'database-unusable'
  | 'database-refuses'
  | 'database-asks-password'
  | 'database-untrusted'
  | 'database-statement'
  | 'database-silent'
  | 'database-read-only'
  | 'database-standby'
  | 'database-copied'
  | 'database-pooled'
  | 'database-newer'
  | 'database-older'
  | 'changes-unconfirmed'
  | 'change-not-made'
  | 'change-unconfirmed'
  | 'change-unknown'
  | 'file-full'
  | 'file-unusable'
  | 'store-trouble';

/** An outage of the region's store. */
export type Outage = RackNote<OutageCode>;

/**
 * True if the change may have been stored. Such a refusal must not ask for a retry: gomaasapi repeats a request after a 503 with
 * `Retry-After`, and would make the change twice.
 */
export const mayBeStored = ({ note }: Outage): boolean => note === 'change-unconfirmed' || note === 'change-unknown';
