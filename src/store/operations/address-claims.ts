// The claim of addresses in region.db (`region-steps.ts`). Machines' addresses and reserved ones are in tables of their own, so no unique key
// holds two of them apart.
//
// Source: PostgreSQL 15, 13.2.2: a transaction that changes a row which another has changed since it began fails, and is run again.
//
// 1. A transaction that allocates or reserves an address, or counts on a free one, writes this row: of two at a time one runs again, and sees
//    the other's addresses. SQLite has one writer at a time anyway.

import { run, type Statement } from './region-steps.ts';

/** Claims all addresses for the transaction. */
export const claimAddresses = (): Statement =>
  run(
    "INSERT INTO counter (name, value) VALUES ('address-claim', 1) " +
      'ON CONFLICT (name) DO UPDATE SET value = counter.value + 1',
  );
