// The claim of addresses in region.db (`region-steps.ts`). Allocated and reserved addresses are in different tables, so no unique key
// prevents an address from being both.
//
// Source: PostgreSQL 15, 13.2.2: a transaction fails if it changes a row that another one has changed since it began, and is run again.
//
// 1. Every transaction that allocates or reserves an address, or relies on a free one, writes the same row. Of two simultaneous
//    transactions, one therefore runs again and sees the other's addresses. SQLite has one writer at a time anyway.

import { run, type Statement } from './region-steps.ts';

/** Claims all addresses for the transaction. */
export const claimAddresses = (): Statement =>
  run(
    "INSERT INTO counter (name, value) VALUES ('address-claim', 1) " +
      'ON CONFLICT (name) DO UPDATE SET value = counter.value + 1',
  );
