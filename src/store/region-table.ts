// What the tables of region.db with a store of their own have in common: a method is a transaction, and may record an event.

import type { EventTable } from './region-events.ts';
import type { Statements } from './region-rows.ts';
import type { Transactions } from './region-transactions.ts';

export class RegionTable {
  protected readonly transactions: Transactions;
  protected readonly sql: Statements;
  protected readonly events: EventTable;

  constructor(transactions: Transactions, sql: Statements, events: EventTable) {
    this.transactions = transactions;
    this.sql = sql;
    this.events = events;
  }
}
