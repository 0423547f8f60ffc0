// Operations on the part of the configuration that region.db owns (`steps.ts`).
//
// 1. A row is one key, for one rack or for all (`rack` empty). Its value is the JSON of the key's value in a configuration file.
// 2. A value whose text has not changed is the same object again: every change of an address reads all settings, among which may be 65 536
//    entries of `hosts`.
// 3. A change of domains or records runs alone: the names of machines, devices and reserved addresses depend on them, and are in other tables.

import type { SettingValue } from '../../machines/settings.ts';
import type {
  SettingChange,
  SettingsDecision,
  SettingsOutcome,
  StoredSetting,
} from '../../region/records/stored-setting.ts';
import { codec, text } from '../rows.ts';
import { ALONE, all, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';
import { countVersion } from './region-versions.ts';

/** On which names depend. */
const NAME_KEYS: ReadonlySet<string> = new Set(['dns.domain', 'dns.domains', 'dns.records']);

export class SettingTable extends LoggedTable {
  /** The values that were read last, by their texts. */
  #known: ReadonlyMap<string, SettingValue> = new Map();

  *listSettings(): Steps<readonly StoredSetting[]> {
    const { rows } = yield all('SELECT rack, key, value FROM setting ORDER BY position, rack, key');
    const values = new Map<string, SettingValue>();
    const list = rows.map(readSetting).map(({ rack, key, text }) => {
      const value = this.#known.get(text) ?? JSON.parse(text);
      values.set(text, value);
      return { rack, key, value };
    });
    this.#known = values;
    return list;
  }

  *changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Steps<SettingsOutcome<R>> {
    const before = yield* this.listSettings();
    const decision = decide(before);
    if (decision.kind === 'refuse') return decision;
    if (decision.changes.some(({ key }) => NAME_KEYS.has(key))) yield ALONE;
    for (const change of decision.changes) yield* this.#apply(change, atMs);
    const settings = yield* this.listSettings();
    const valuesIn = (list: readonly StoredSetting[]) =>
      Object.fromEntries(
        decision.changes.map(({ rack, key }) => [
          key,
          list.find((setting) => setting.rack === rack && setting.key === key)?.value,
        ]),
      );
    for (const event of decision.events) yield* this.addChange(event, valuesIn(before), valuesIn(settings));
    if (decision.changes.length > 0) yield* countVersion([]);
    return { kind: 'changed', settings };
  }

  /** An existing key keeps its position. */
  *#apply({ rack, key, value }: SettingChange, atMs: number): Steps<void> {
    if (value === undefined) {
      yield run('DELETE FROM setting WHERE rack = ? AND key = ?', rack, key);
      return;
    }
    yield run(
      'INSERT INTO setting (rack, key, value, position, changed_ms) ' +
        'VALUES (?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM setting), ?) ' +
        'ON CONFLICT (rack, key) DO UPDATE SET value = excluded.value, changed_ms = excluded.changed_ms',
      rack,
      key,
      JSON.stringify(value),
      atMs,
    );
  }
}

const readSetting = codec<{ readonly rack: string; readonly key: string; readonly text: string }>({
  rack: text('rack'),
  key: text('key'),
  text: text('value'),
}).read;
