// Operations on the part of the configuration that region.db owns (`region-steps.ts`).
//
// 1. A row is one key, for one rack or for all (`rack` empty). Its value is the JSON of the key's value in a configuration file.

import { parseSettingValue } from '../../machines/settings.ts';
import type {
  SettingChange,
  SettingsDecision,
  SettingsOutcome,
  StoredSetting,
} from '../../region/records/stored-setting.ts';
import { readsRow, text } from '../rows.ts';
import type { EventTable } from './region-events.ts';
import { all, run, type Steps } from './region-steps.ts';
import { countVersion } from './region-versions.ts';

/** Reads all settings, and stores changes of them together with their events. */
export class SettingTable {
  readonly #events: EventTable;

  constructor(events: EventTable) {
    this.#events = events;
  }

  *list(): Steps<readonly StoredSetting[]> {
    const { rows } = yield all('SELECT rack, key, value FROM setting ORDER BY position, rack, key');
    return rows.map(readSetting);
  }

  *change<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Steps<SettingsOutcome<R>> {
    const decision = decide(yield* this.list());
    if (decision.kind === 'refuse') return decision;
    for (const change of decision.changes) yield* this.#apply(change, atMs);
    for (const event of decision.events) yield* this.#events.add(event, undefined);
    if (decision.changes.length > 0) yield* countVersion([]);
    return { kind: 'changed', settings: yield* this.list() };
  }

  /** Writes or removes one key; an existing key keeps its position. */
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

const readSetting = readsRow('setting', (row): StoredSetting => {
  const value = parseSettingValue(JSON.parse(text(row, 'value')));
  if (value === undefined) throw new Error('its value is too large');
  return { rack: text(row, 'rack'), key: text(row, 'key'), value };
});
