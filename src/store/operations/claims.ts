// Claims in region.db (`region-steps.ts`), by operations whose decision depends on more rows than they change.
//
// Source: PostgreSQL 15, 13.2.2: a transaction fails if it changes a row that another one has changed since it began, and is run again.
//
// 1. Every transaction that claims the same writes the same row. Of two simultaneous transactions, one therefore runs again and sees what
//    the other added. A lock alone would not do: the second would wait, and then decide without it. SQLite has one writer at a time anyway.

import { run, type Statement } from './region-steps.ts';

/**
 * Claims all addresses for the transaction, which allocates or reserves one, or relies on a free one. Allocated and reserved addresses are in
 * different tables, so no unique key prevents an address from being both.
 */
export const claimAddresses = (): Statement =>
  run(
    "INSERT INTO counter (name, value) VALUES ('address-claim', 1) " +
      'ON CONFLICT (name) DO UPDATE SET value = counter.value + 1',
  );

/** Claims the account with this name, if there is one, for the transaction, which counts what the account has and adds to it. */
export const claimAccount = (username: string): Statement =>
  run('UPDATE account SET created_ms = created_ms WHERE username = ?', username);
