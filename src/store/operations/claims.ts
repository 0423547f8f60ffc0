// Claims in region.db (`steps.ts`), by operations whose decision depends on more rows than they change.
//
// Source: PostgreSQL 15, 13.2.2: a transaction fails if it changes a row that another one has
// changed since it began, and is run again.
//
// 1. Every transaction that claims the same writes the same row, so one of two simultaneous ones
//    runs again and sees what the other added. After a mere lock, the second would decide without
//    it. SQLite has one writer at a time anyway.

import { run, type Statement } from '../steps.ts';

/**
 * Claims addresses for a transaction that allocates or reserves one, or relies on a free one: these
 * are in different tables, so no unique key keeps them apart.
 */
export const claimAddresses = (): Statement =>
  run(
    "INSERT INTO counter (name, value) VALUES ('address-claim', 1) " +
      'ON CONFLICT (name) DO UPDATE SET value = counter.value + 1',
  );

/** Claims an account for a transaction that counts what it has and adds to it. */
export const claimAccount = (username: string): Statement =>
  run('UPDATE account SET created_ms = created_ms WHERE username = ?', username);
