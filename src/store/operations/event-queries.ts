// Queries for lists of events in region.db.

import type { EventFilter } from '../../region/records/filters.ts';
import { EVENT_LEVELS } from '../../region/records/machine-event.ts';
import { machineQuery } from './region-machine-reads.ts';
import { all, type Statement } from './region-steps.ts';

/** The conditions of a filter, and their values. */
export function eventConditions(filter: EventFilter): EventConditions {
  const machines = filter.machines === undefined ? undefined : machineQuery(filter.machines, 'machine.id', [], []);
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const where = (condition: string, ...added: (string | number)[]): void => {
    conditions.push(condition);
    values.push(...added);
  };
  const macs = filter.machines?.macs;
  if (machines !== undefined && macs !== undefined) {
    // A filter by hardware address also finds events from before the machine was known.
    const asStranger = 'event.machine_id IS NULL AND event.mac IN numbers(?)';
    where(`(event.machine_id IN (${machines.sql}) OR (${asStranger}))`, ...machines.values, JSON.stringify(macs));
  } else if (machines !== undefined) where(`event.machine_id IN (${machines.sql})`, ...machines.values);
  // As in MAAS, audit events are a separate list: a filter for `audit` finds only them, and a filter for another level excludes them.
  if (filter.level === 'audit') where('event.level = ?', EVENT_LEVELS.audit);
  else if (filter.level !== undefined) where('event.level >= ?', EVENT_LEVELS[filter.level]);
  if (filter.isQuiet === true) where('event.level <> ?', EVENT_LEVELS.debug);
  if (filter.usernames !== undefined) {
    where('event.username IN texts(?)', JSON.stringify(filter.usernames));
  }
  if (filter.after !== undefined) where('event.id > ?', filter.after);
  if (filter.before !== undefined) where('event.id < ?', filter.before);
  if (filter.upTo !== undefined) where('event.id <= ?', filter.upTo);
  return { conditions, values };
}

/** A query for the events that pass all of these conditions. */
export const listed = (
  conditions: readonly string[],
  isForward: boolean,
  values: readonly (string | number)[],
): Statement =>
  all(
    'SELECT event.*, machine.system_id, machine.hostname, rack.name AS rack_name FROM event ' +
      'LEFT JOIN machine ON machine.id = event.machine_id LEFT JOIN rack ON rack.id = event.rack_id ' +
      `${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`} ` +
      `ORDER BY event.id ${isForward ? 'ASC' : 'DESC'} LIMIT ?`,
    ...values,
  );

interface EventConditions {
  readonly conditions: readonly string[];
  readonly values: readonly (string | number)[];
}
