// Operations on the event log of region.db (`steps.ts`).
//
// 1. `event-cuts.ts` decides which events are kept.
// 2. Events of an unknown machine are stored under its hardware address until it enlists.
// 3. A rack's report is stored once: reports up to the highest sequence of their source are skipped.

import type { MacAddress } from '../../ground/address.ts';
import { listDifferences } from '../../region/records/difference.ts';
import type { Happening } from '../../region/records/events.ts';
import type { EventFilter } from '../../region/records/filters.ts';
import type { Machine } from '../../region/records/machine.ts';
import { machineDifferences } from '../../region/records/machine-differences.ts';
import {
  ADDRESS_ENDS,
  EVENT_LEVELS,
  type EventRange,
  getEventType,
  happeningOfReport,
  isAddressTaken,
  isBootEvent,
  isDeadTransfer,
  isNetworkStart,
  levelOfReport,
  type MachineEvent,
  type NewMachineEvent,
  type RackReport,
} from '../../region/records/machine-event.ts';
import { getReportFields } from '../../region/records/report-fields.ts';
import type { EventOf, RecordedReports, StrangerSeen } from '../../region/records/store.ts';
import { cleanWords } from '../../region/records/text-json.ts';
import { number, type Row, text } from '../rows.ts';
import { all, one, readFirstNumber, run, SETTLED_EVENT, type Statement, type Steps } from '../steps.ts';
import { type EventBounds, EventCuts } from './event-cuts.ts';
import { type AddedEvent, INSERT_ALL_SQL, readEvent, readMac, toEventValues } from './event-rows.ts';
import { keepLeases } from './region-heard.ts';
import { beginHistory, readNewestHistory } from './region-histories.ts';
import { composeMachineQuery, findMachineId } from './region-machine-reads.ts';
import { readReportedInterfaces, readReportSign } from './reported-interfaces.ts';

function composeEventConditions(filter: EventFilter): EventConditions {
  const machines =
    filter.machines === undefined ? undefined : composeMachineQuery(filter.machines, 'machine.id', [], []);
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const addCondition = (condition: string, ...addedValues: (string | number)[]): void => {
    conditions.push(condition);
    values.push(...addedValues);
  };
  const macs = filter.machines?.macs;
  if (machines !== undefined && macs !== undefined) {
    // Also finds events from before the machine was known.
    const strangerSql = 'event.machine_id IS NULL AND event.mac IN numbers(?)';
    addCondition(
      `(event.machine_id IN (${machines.sql}) OR (${strangerSql}))`,
      ...machines.values,
      JSON.stringify(macs),
    );
  } else if (machines !== undefined) addCondition(`event.machine_id IN (${machines.sql})`, ...machines.values);
  // As in MAAS, only a filter for `audit` finds audit events.
  if (filter.level === 'audit') addCondition('event.level = ?', EVENT_LEVELS.audit);
  else if (filter.level !== undefined) addCondition('event.level >= ?', EVENT_LEVELS[filter.level]);
  if (filter.isQuiet === true) addCondition('event.level <> ?', EVENT_LEVELS.debug);
  if (filter.usernames !== undefined) {
    addCondition('event.username IN texts(?)', JSON.stringify(filter.usernames));
  }
  if (filter.sinceMs !== undefined) addCondition('event.at_ms >= ?', filter.sinceMs);
  if (filter.untilMs !== undefined) addCondition('event.at_ms <= ?', filter.untilMs);
  if (filter.after !== undefined) addCondition('event.id > ?', filter.after);
  if (filter.before !== undefined) addCondition('event.id < ?', filter.before);
  if (filter.upTo !== undefined) addCondition('event.id <= ?', filter.upTo);
  return { conditions, values };
}

const listEvents = (
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

/** Former sources, besides those of known racks. */
export const SOURCES_MAX = 64;
const KIND_MAX = 64;

/**
 * Events that only a machine booting from the network causes; a host that only requests an address
 * may be anything. Searches the text of the parameters (quotes within values are escaped): one text
 * that is not JSON would fail a query by a JSON operator.
 */
const BOOTING_SQL =
  "type IN ('NODE_PXE_REQUEST', 'NODE_TFTP_REQUEST', 'NODE_HTTP_REQUEST') OR " +
  `(kind = 'dhcp.offer' AND length(replace(params, '"client":"', '')) < length(params) ` +
  `AND length(replace(params, '"client":""', '')) = length(params))`;

/**
 * The end of a lease says nothing of a boot. What the host did or failed at before remains its
 * newest event.
 */
const LEASE_END_SQL = "kind IN ('dhcp.expired', 'dhcp.ended', 'dhcp.release')";

export class EventTable {
  readonly #cuts: EventCuts;

  constructor(bounds: EventBounds) {
    this.#cuts = new EventCuts(bounds);
  }

  *add(event: NewMachineEvent, machineId?: number): Steps<void> {
    yield* this.addAll([{ event, machineId }]);
  }
  *addAll(events: readonly AddedEvent[]): Steps<void> {
    if (events.length === 0) return;
    yield* beginHistory();
    yield run(INSERT_ALL_SQL, JSON.stringify(events.map(toEventValues)));
    const cuts = events.flatMap(({ event, machineId }) => this.#cuts.countAdded(event, machineId) ?? []);
    for (const cut of cuts) yield* cut;
  }

  *recordEvent(event: NewMachineEvent, systemId: string | undefined): Steps<void> {
    yield* this.add(event, systemId === undefined ? undefined : yield* findMachineId(systemId));
  }

  *recordEvents(events: readonly EventOf[]): Steps<void> {
    if (events.length === 0) return;
    const { rows } = yield all(
      'SELECT id, system_id FROM machine WHERE system_id IN texts(?)',
      JSON.stringify(events.map(({ systemId }) => systemId)),
    );
    const ids = new Map(rows.map(readIds).map(([id, systemId]) => [systemId, id]));
    yield* this.addAll(events.map(({ event, systemId }) => ({ event, machineId: ids.get(systemId) })));
  }

  /** Assigns strangers' events to a machine, with the last address leased to each hardware address. */
  *adopt(machineId: number, macs: readonly MacAddress[]): Steps<void> {
    const ownEventsSql = 'FROM event WHERE machine_id IS NULL AND mac = interface.mac';
    const composeLastSeenSql = (column: string): string =>
      `SELECT ${column} ${ownEventsSql} AND address IS NOT NULL ORDER BY id DESC LIMIT 1`;
    // Without it, a late report of an older lease's end would end it.
    const endedSql = `SELECT at_ms ${ownEventsSql} AND kind IN texts(?2) AND id > (${composeLastSeenSql('id')}) LIMIT 1`;
    yield run(
      `UPDATE interface SET address = (${composeLastSeenSql('address')}), seen_ms = (${composeLastSeenSql('at_ms')}), ended_ms = (${endedSql}) ` +
        'WHERE machine_id = ?1 AND address IS NULL',
      machineId,
      JSON.stringify(ADDRESS_ENDS),
    );
    const query = 'UPDATE event SET machine_id = ? WHERE machine_id IS NULL AND mac IN numbers(?)';
    yield run(query, machineId, JSON.stringify(macs));
  }

  *move(fromId: number, toId: number): Steps<void> {
    yield run('UPDATE event SET machine_id = ? WHERE machine_id = ?', toId, fromId);
    this.#cuts.resetDeeds();
  }

  /** @param rackUuid `undefined` for the region's own rack */
  *recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): Steps<RecordedReports> {
    const rackId =
      rackUuid === undefined
        ? undefined
        : readFirstNumber(yield one('SELECT id FROM rack WHERE uuid = ?', rackUuid)) || undefined;
    let highest = yield* this.highestSequence(source);
    let addedCount = 0;
    let seenMs = 0;
    const bootingMs = new Map<number, number>();
    const startedMs = new Map<number, number>();
    const leased = new Set<number>();
    const newReports = reports.filter(({ sequence }) => sequence > highest);
    const interfaces = yield* readReportedInterfaces(newReports);
    const events: AddedEvent[] = [];
    for (const report of newReports) {
      if (report.sequence <= highest) continue;
      highest = report.sequence;
      seenMs = report.at;
      addedCount += 1;
      if (report.isElsewhere === true) continue;
      const happening = happeningOfReport(report);
      const machineId = interfaces.applyReport(report);
      events.push(toReportedEvent(report, happening, { machineId, rackId }));
      if (report.isAway === true) continue;
      const isAlive =
        report.mac !== undefined && isBootEvent(getEventType(report.kind)) && !isDeadTransfer(report.kind);
      if (machineId !== undefined && isAlive) bootingMs.set(machineId, report.at);
      const isStart = isNetworkStart(report.kind, getReportFields(happening), report);
      if (machineId !== undefined && isStart) startedMs.set(machineId, report.at);
      if (machineId !== undefined && isAddressTaken(report.kind)) leased.add(machineId);
    }
    if (addedCount === 0) return { added: addedCount, booting: new Map(), started: new Map(), leased: new Set() };
    yield* interfaces.write();
    // A rack may have been removed meanwhile.
    if (rackUuid === undefined || rackId !== undefined) yield* keepLeases(newReports, rackId);
    yield* this.addAll(events);
    yield* this.#setSequence(source, highest, seenMs);
    const systemIds = yield* this.#findSystemIds([...bootingMs.keys(), ...startedMs.keys(), ...leased]);
    const findSystemId = (id: number): string => systemIds.get(id) ?? '';
    return {
      added: addedCount,
      booting: new Map([...bootingMs].map(([id, atMs]) => [findSystemId(id), atMs])),
      started: new Map([...startedMs].map(([id, atMs]) => [findSystemId(id), atMs])),
      leased: new Set([...leased].map(findSystemId)),
    };
  }

  *acceptSequence(source: string, sequence: number, atMs: number): Steps<boolean> {
    if (sequence <= (yield* this.highestSequence(source))) return false;
    yield* this.#setSequence(source, sequence, atMs);
    return true;
  }

  /** -1 for a new source. */
  *highestSequence(source: string): Steps<number> {
    const { row: sourceRow } = yield one('SELECT sequence FROM event_source WHERE source = ?', source);
    return sourceRow === undefined ? -1 : readSequence(sourceRow);
  }

  /** Always keeps the current source of each rack. */
  *#setSequence(source: string, sequence: number, seenMs: number): Steps<void> {
    yield run(
      'INSERT INTO event_source (source, sequence, seen_ms) VALUES (?, ?, ?) ' +
        'ON CONFLICT (source) DO UPDATE SET sequence = excluded.sequence, seen_ms = excluded.seen_ms',
      source,
      sequence,
      seenMs,
    );
    yield run(
      'DELETE FROM event_source WHERE source IN (SELECT source FROM event_source ' +
        'WHERE source NOT IN (SELECT source FROM rack WHERE source IS NOT NULL) ' +
        'ORDER BY seen_ms DESC, source LIMIT 9223372036854775807 OFFSET ?)',
      SOURCES_MAX,
    );
  }

  *eventRange(): Steps<EventRange> {
    const settledId = readFirstNumber(yield SETTLED_EVENT);
    return {
      oldest: readFirstNumber(yield one('SELECT min(id) FROM event WHERE id <= ?', settledId)),
      newest: readFirstNumber(yield one('SELECT max(id) FROM event WHERE id <= ?', settledId)),
      history: yield* readNewestHistory(),
    };
  }

  *nearestEvent(side: 'after' | 'before', id: number): Steps<number | undefined> {
    const { row } = yield side === 'after'
      ? one('SELECT id FROM event WHERE id > ? ORDER BY id LIMIT 1', id)
      : one('SELECT id FROM event WHERE id < ? ORDER BY id DESC LIMIT 1', id);
    return row === undefined ? undefined : readId(row);
  }

  *#findSystemIds(ids: readonly number[]): Steps<ReadonlyMap<number, string>> {
    const query = 'SELECT id, system_id FROM machine WHERE id IN numbers(?)';
    const { rows } = yield all(query, JSON.stringify(ids));
    return new Map(rows.map(readIds));
  }

  *listEvents(filter: EventFilter): Steps<readonly MachineEvent[]> {
    // A page forward holds the oldest of the newer events, newest first.
    const isForward = filter.after !== undefined && filter.before === undefined;
    const { conditions, values } = composeEventConditions(filter);
    const events = (yield listEvents(conditions, isForward, [...values, filter.limit])).rows.map(readEvent);
    return isForward ? events.reverse() : events;
  }

  /**
   * At most `limit` of each machine. Finds the oldest of these in the index first: with
   * `event.id IN (SELECT … LIMIT …)` PostgreSQL would read the whole log for each machine.
   */
  *recentEvents(systemIds: readonly string[], limit: number): Steps<ReadonlyMap<string, readonly MachineEvent[]>> {
    const { rows } = yield all(
      'SELECT event.*, machine.system_id, machine.hostname, rack.name AS rack_name FROM machine JOIN event ON ' +
        'event.machine_id = machine.id AND event.id >= coalesce((SELECT oldest.id FROM event AS oldest WHERE ' +
        'oldest.machine_id = machine.id ORDER BY oldest.id DESC LIMIT 1 OFFSET ?2), 0) ' +
        'LEFT JOIN rack ON rack.id = event.rack_id WHERE machine.system_id IN texts(?1) ORDER BY event.id DESC',
      JSON.stringify(systemIds),
      limit - 1,
    );
    return Map.groupBy(rows.map(readEvent), ({ systemId = '' }) => systemId);
  }

  *newestEvents(systemIds: readonly string[], isQuiet = false): Steps<ReadonlyMap<string, MachineEvent>> {
    // A literal: SQLite reads the index `event_said` only if the query repeats its condition.
    const levelCondition = isQuiet ? ` AND newest.level > ${EVENT_LEVELS.debug} AND newest.code <> 'power-seen'` : '';
    const { rows } = yield all(
      'SELECT event.*, machine.system_id, machine.hostname, rack.name AS rack_name FROM machine JOIN event ON event.id = ' +
        `(SELECT newest.id FROM event AS newest WHERE newest.machine_id = machine.id${levelCondition} ` +
        'ORDER BY newest.id DESC LIMIT 1) LEFT JOIN rack ON rack.id = event.rack_id WHERE machine.system_id IN texts(?)',
      JSON.stringify(systemIds),
    );
    return new Map(rows.map((row) => [readSystemId(row), readEvent(row)]));
  }

  *listStrangers(sinceMs: number, limit: number): Steps<readonly StrangerSeen[]> {
    const { rows } = yield all(
      'SELECT event.*, rack.name AS rack_name FROM event JOIN (SELECT max(id) AS id FROM event WHERE machine_id IS NULL AND ' +
        `mac IS NOT NULL AND (kind IS NULL OR NOT ${LEASE_END_SQL}) GROUP BY mac HAVING max(CASE WHEN ${BOOTING_SQL} THEN 1 ELSE 0 END) = 1) AS newest USING (id) LEFT JOIN rack ON rack.id = event.rack_id WHERE event.at_ms >= ? ORDER BY event.id DESC LIMIT ?`,
      sinceMs,
      limit,
    );
    return rows.map((row) => ({
      mac: readMac(row),
      event: readEvent({ ...row, mac: null, system_id: null, hostname: null }),
    }));
  }
}

export class LoggedTable {
  protected readonly events: EventTable;

  constructor(events: EventTable) {
    this.events = events;
  }

  /** @returns whether the change changed a row; only then the event is added */
  protected *changed(change: Statement, event: NewMachineEvent): Steps<boolean> {
    if ((yield change).changes === 0) return false;
    yield* this.events.add(event);
    return true;
  }

  /** Adds the event of a change of a row, with what differs in the row; a change of nothing has no event. */
  protected *addChange(event: NewMachineEvent, before: object, after: object): Steps<void> {
    const differs = listDifferences(before, after);
    if (differs.length > 0) yield* this.events.addAll([{ event, machineId: undefined, differs }]);
  }
}

/**
 * The events of a change of a machine. An event that names what a person edited also gets the
 * differences, and is left out if nothing differs.
 */
export const composeMachineEvents = (
  events: readonly NewMachineEvent[],
  before: Machine,
  after: Machine,
): readonly AddedEvent[] =>
  events.flatMap((event): readonly AddedEvent[] => {
    if (event.code !== 'machine-edited') return [{ event, machineId: before.id }];
    const differs = machineDifferences(before, after, event.params.fields);
    return differs.length === 0 ? [] : [{ event, machineId: before.id, differs }];
  });

function toReportedEvent(
  report: RackReport,
  happening: Happening,
  { machineId, rackId }: { readonly machineId: number | undefined; readonly rackId: number | undefined },
): AddedEvent {
  const event: NewMachineEvent = {
    type: getEventType(report.kind),
    level: levelOfReport({ ...report, fields: getReportFields(happening) }),
    atMs: report.at,
    username: '',
    ...happening,
  };
  const { mac, leased } = readReportSign(report);
  const stranger = machineId !== undefined || mac === undefined ? undefined : { mac, address: leased };
  return { event, machineId, origin: { kind: cleanWords(report.kind, KIND_MAX), stranger, rackId } };
}

const readSystemId = text('system_id').read;
const readIds = (row: Row): readonly [id: number, systemId: string] => [
  number('id').read(row),
  text('system_id').read(row),
];
const readId = number('id').read;
const readSequence = number('sequence').read;
