// The part of the configuration that region.db owns. Runs inside its caller's transaction.
//
// 1. A row is one key, for one rack or for all (`rack` empty). Its value is JSON of what the configuration file would hold.

import { parseSettingValue } from '../machines/settings.ts';
import type { SettingChange, StoredSetting } from '../region/records/store.ts';
import { type Statements, text } from './region-rows.ts';

/** The table `setting`. */
export class SettingTable {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  list(): readonly StoredSetting[] {
    return this.#sql.all('SELECT rack, key, value FROM setting ORDER BY position, rack, key').map((row) => {
      const value = parseSettingValue(JSON.parse(text(row, 'value')));
      if (value === undefined) throw new Error(`the setting ${text(row, 'key')} of region.db is too large`);
      return { rack: text(row, 'rack'), key: text(row, 'key'), value };
    });
  }

  /** Writes or removes one key; an existing key keeps its position. */
  apply({ rack, key, value }: SettingChange, atMs: number): void {
    if (value === undefined) {
      this.#sql.run('DELETE FROM setting WHERE rack = ? AND key = ?', rack, key);
      return;
    }
    this.#sql.run(
      'INSERT INTO setting (rack, key, value, position, changed_ms) ' +
        'VALUES (?1, ?2, ?3, (SELECT coalesce(max(position), 0) + 1 FROM setting), ?4) ' +
        'ON CONFLICT (rack, key) DO UPDATE SET value = ?3, changed_ms = ?4',
      rack,
      key,
      JSON.stringify(value),
      atMs,
    );
  }
}
