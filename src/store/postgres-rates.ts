// Operations on the rates of a region's processes together in PostgreSQL (`region-steps.ts`), by the database's clock.
//
// 1. A rate has one number: when its bucket is full again. Each permission moves that by the time in which one is refilled; a full bucket
//    needs no row. This is the algorithm of ITU-T I.371 Annex A (GCRA), in its form of a virtual schedule.
// 2. The table is not logged: after a crash of the database all buckets are full.

import type { Rate } from '../rate-limit.ts';
import { one, run, type Steps } from './region-steps.ts';

const NOW = 'extract(epoch FROM clock_timestamp()) * 1000';
/** The time in which one permission is refilled, in milliseconds. */
const refillMs = ({ perSecond }: Rate): number => 1000 / perSecond;

export function* takeRate(name: string, rate: Rate): Steps<boolean> {
  yield run(`DELETE FROM rate WHERE full_ms < ${NOW} AND name <> ?`, name);
  const { row } = yield one(
    `INSERT INTO rate (name, full_ms) VALUES (?1, ${NOW} + ?2) ON CONFLICT (name) DO UPDATE ` +
      `SET full_ms = greatest(rate.full_ms, ${NOW}) + ?2 WHERE greatest(rate.full_ms, ${NOW}) + ?2 - ${NOW} <= ?3 RETURNING name`,
    name,
    refillMs(rate),
    rate.burst * refillMs(rate),
  );
  return row !== undefined;
}

export function* giveRateBack(name: string, rate: Rate): Steps<void> {
  yield run('UPDATE rate SET full_ms = full_ms - ? WHERE name = ?', refillMs(rate), name);
}
