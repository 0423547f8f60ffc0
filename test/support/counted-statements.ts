// Counts the statements that the stores of this process run, on SQLite and on PostgreSQL.

import { StatementSync } from 'node:sqlite';
import pg from 'pg';

/** How often each statement was run. */
const texts = new Map<string, number>();
function count(text: string): void {
  texts.set(text, (texts.get(text) ?? 0) + 1);
}

/** Counts the statements of every database of this process. @returns ends the count */
export function countStatements(): () => void {
  const of = StatementSync.prototype;
  const { all, get, run, iterate } = of;
  for (const [name, original] of Object.entries({ all, get, run, iterate })) {
    Reflect.set(of, name, function (this: StatementSync, ...values: never[]) {
      count(this.sourceSQL);
      return Reflect.apply(original, this, values);
    });
  }
  const { query } = pg.Client.prototype;
  Reflect.set(pg.Client.prototype, 'query', function (this: pg.Client, ...values: readonly unknown[]) {
    const [config] = values;
    // Prepared statements are those of operations; the others belong to transactions.
    const isPrepared = config instanceof Object && 'name' in config && 'text' in config;
    if (isPrepared) count(String(config.text));
    return Reflect.apply(query, this, values);
  });
  return () => {
    Object.assign(of, { all, get, run, iterate });
    Object.assign(pg.Client.prototype, { query });
  };
}

/** How many statements read, and how many write each table. */
export interface Taken {
  readonly reads: number;
  readonly writes: ReadonlyMap<string, number>;
}

export const sumOf = ({ reads, writes }: Taken): number =>
  [...writes.values()].reduce((sum, times) => sum + times, reads);

/** The statements since the last call. */
export function takeTexts(): Taken {
  const writes = new Map<string, number>();
  let reads = 0;
  for (const [text, times] of texts) {
    const table = /^\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)/.exec(text)?.[1];
    if (table === undefined) reads += times;
    else writes.set(table, (writes.get(table) ?? 0) + times);
  }
  texts.clear();
  return { reads, writes };
}
