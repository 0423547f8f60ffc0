// Debug logins in region.db. Each method is a transaction of its own.

import type { DebugLogin, LoginStore } from '../region/records/login-store.ts';
import type { NewMachineEvent } from '../region/records/machine-event.ts';
import { number, optionalText, text } from './region-rows.ts';
import { RegionTable } from './region-table.ts';

/** The table `debug_login`. */
export class LoginTable extends RegionTable implements LoginStore {
  openDebug(systemId: string, login: DebugLogin, event: NewMachineEvent): boolean {
    return this.transactions.write(() => {
      const id = this.#idOf(systemId);
      if (id === undefined) return false;
      const { username, openedMs, expiresMs, tokenDigest, hostKey } = login;
      this.sql.run(
        'INSERT OR REPLACE INTO debug_login (machine_id, username, opened_ms, expires_ms, token_digest, host_key) VALUES (?, ?, ?, ?, ?, ?)',
        ...[id, username, openedMs, expiresMs, tokenDigest ?? null, hostKey],
      );
      this.events.add(event, id);
      return true;
    });
  }

  closeDebug(systemId: string, event: NewMachineEvent): boolean {
    return this.transactions.write(() => {
      const id = this.#idOf(systemId);
      if (id === undefined || this.sql.run('DELETE FROM debug_login WHERE machine_id = ?', id) === 0) return false;
      this.events.add(event, id);
      return true;
    });
  }

  findDebug(systemId: string): DebugLogin | undefined {
    const sql = 'SELECT * FROM debug_login WHERE machine_id = (SELECT id FROM machine WHERE system_id = ?)';
    const row = this.transactions.read(() => this.sql.one(sql, systemId));
    if (row === undefined) return undefined;
    return {
      username: text(row, 'username'),
      openedMs: number(row, 'opened_ms'),
      expiresMs: number(row, 'expires_ms'),
      tokenDigest: optionalText(row, 'token_digest'),
      hostKey: text(row, 'host_key'),
    };
  }

  noteDebug(systemId: string, { tokenDigest, hostKey }: Partial<DebugLogin>): void {
    this.transactions.write(() => {
      const id = this.#idOf(systemId);
      if (id === undefined) return;
      this.sql.run(
        'UPDATE debug_login SET token_digest = coalesce(?, token_digest), host_key = coalesce(?, host_key) WHERE machine_id = ?',
        ...[tokenDigest ?? null, hostKey ?? null, id],
      );
    });
  }

  #idOf(systemId: string): number | undefined {
    return this.sql.number('SELECT id FROM machine WHERE system_id = ?', systemId) || undefined;
  }
}
