// Operations on the part of the configuration that region.db owns (`steps.ts`).
//
// 1. A row is one key, for one rack or for all (`rack` empty). Its value is the JSON of the key's
//    value in a configuration file. Cluster interfaces are rows of networks
//    (`region/networks/service-form.ts`), except for those that name no network.
// 2. A value whose text has not changed is the same object again: every change of an address reads
//    all settings, among which may be 65 536 entries of `hosts`.
// 3. A change of domains or records runs alone: the names of machines, devices and reserved
//    addresses depend on them, and are in other tables.
// 4. A statement writes all keys of a change.

import { INTERFACES_KEY, isSettings, type SettingValue } from '../../machines/settings.ts';
import { rowsBetween, withRows } from '../../region/networks/changed-rows.ts';
import { putEntry, removeEntry, renderServices } from '../../region/networks/service-form.ts';
import type { NetworkRecords } from '../../region/records/network-store.ts';
import type {
  SettingChange,
  SettingsDecision,
  SettingsOutcome,
  StoredSetting,
} from '../../region/records/stored-setting.ts';
import { codec, composeIsListed, text } from '../rows.ts';
import { ALONE, all, run, type Steps } from '../steps.ts';
import { type EventTable, LoggedTable } from './region-events.ts';
import type { NetworkTables } from './region-networks.ts';
import { countVersion } from './region-versions.ts';

/** The keys of settings on which names depend. */
const NAME_KEYS: ReadonlySet<string> = new Set(['dns.domain', 'dns.domains', 'dns.records']);

const DELETE_SQL = `DELETE FROM setting WHERE ${composeIsListed('rack', 'key')}`;
/** The position follows all others. */
const PUT_SQL =
  'INSERT INTO setting (rack, key, value, position, changed_ms) SELECT one.value ->> 0, one.value ->> 1, one.value ->> 2, ' +
  '(SELECT coalesce(max(position), 0) FROM setting) + CAST(one.value ->> 3 AS BIGINT), CAST(one.value ->> 4 AS BIGINT) ' +
  'FROM rows(?) AS one WHERE true ' +
  'ON CONFLICT (rack, key) DO UPDATE SET value = excluded.value, changed_ms = excluded.changed_ms';

export class SettingTable extends LoggedTable {
  /** The values that were read last, by their texts. */
  #knownValues: ReadonlyMap<string, SettingValue> = new Map();
  readonly #networks: NetworkTables;
  /** The cluster interfaces of the rows that were read last. */
  readonly #interfaces = new WeakMap<NetworkRecords, readonly StoredSetting[]>();

  constructor(events: EventTable, networks: NetworkTables) {
    super(events);
    this.#networks = networks;
  }

  *listSettings(): Steps<readonly StoredSetting[]> {
    const { rows } = yield all('SELECT rack, key, value FROM setting ORDER BY position, rack, key');
    const values = new Map<string, SettingValue>();
    const list = rows.map(readSetting).map(({ rack, key, text }) => {
      const value = this.#knownValues.get(text) ?? JSON.parse(text);
      values.set(text, value);
      return { rack, key, value };
    });
    this.#knownValues = values;
    const records = yield* this.#networks.rows();
    const interfaces = this.#interfaces.get(records) ?? renderServices(records);
    this.#interfaces.set(records, interfaces);
    return [...list, ...interfaces];
  }

  *changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Steps<SettingsOutcome<R>> {
    const settingsBefore = yield* this.listSettings();
    const decision = decide(settingsBefore);
    if (decision.kind === 'refuse') return decision;
    if (decision.changes.some(({ key }) => NAME_KEYS.has(key))) yield ALONE;
    yield* this.#apply(listLastChanges(decision.changes), atMs);
    const settings = yield* this.listSettings();
    const selectValues = (list: readonly StoredSetting[]) =>
      Object.fromEntries(
        decision.changes.map(({ rack, key }) => [
          key,
          list.find((setting) => setting.rack === rack && setting.key === key)?.value,
        ]),
      );
    for (const event of decision.events)
      yield* this.addChange(event, selectValues(settingsBefore), selectValues(settings));
    if (decision.changes.length > 0) yield* countVersion([]);
    return { kind: 'changed', settings };
  }

  /** An existing key keeps its position. */
  *#apply(changes: readonly SettingChange[], atMs: number): Steps<void> {
    const isInRows = yield* this.#applyToRows(changes, atMs);
    const isRemoved = (change: SettingChange): boolean => change.value === undefined || isInRows.has(change);
    const removedKeys = changes.filter(isRemoved).map(({ rack, key }) => [rack, key]);
    const putRows = changes
      .filter((change) => !isRemoved(change))
      .map(({ rack, key, value }, index) => [rack, key, JSON.stringify(value), index + 1, atMs]);
    if (removedKeys.length > 0) yield run(DELETE_SQL, JSON.stringify(removedKeys));
    if (putRows.length > 0) yield run(PUT_SQL, JSON.stringify(putRows));
  }

  /** @returns the changes of cluster interfaces that rows have; no row can have one that names no network */
  *#applyToRows(changes: readonly SettingChange[], changedMs: number): Steps<ReadonlySet<SettingChange>> {
    const interfaceChanges = changes.filter(({ key }) => key.startsWith(`${INTERFACES_KEY}.`));
    if (interfaceChanges.length === 0) return new Set();
    return yield* this.#networks.change((recordsBefore, firstId) => {
      const changesInRows = new Set<SettingChange>();
      let [recordsAfter, nextId] = [recordsBefore, firstId];
      for (const change of interfaceChanges) {
        const { rack, key, value } = change;
        const name = key.slice(INTERFACES_KEY.length + 1);
        const rows = isSettings(value) ? putEntry(recordsAfter, { rack, name, value, changedMs }, nextId) : undefined;
        recordsAfter = withRows(recordsAfter, rows ?? removeEntry(recordsAfter, rack, name) ?? {});
        nextId = rows?.nextId ?? nextId;
        if (rows !== undefined) changesInRows.add(change);
      }
      return { ...rowsBetween(recordsBefore, recordsAfter), nextId, result: changesInRows };
    });
  }
}

/**
 * The last change of each key, because fields are changed one by one. Removals come last: a cluster
 * interface with another name takes over the ranges of the former one.
 */
function listLastChanges(changes: readonly SettingChange[]): readonly SettingChange[] {
  const lastChanges = [...new Map(changes.map((change) => [`${change.rack} ${change.key}`, change])).values()];
  return [
    ...lastChanges.filter(({ value }) => value !== undefined),
    ...lastChanges.filter(({ value }) => value === undefined),
  ];
}

const readSetting = codec<{ readonly rack: string; readonly key: string; readonly text: string }>({
  rack: text('rack'),
  key: text('key'),
  text: text('value'),
}).read;
