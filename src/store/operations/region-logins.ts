// Operations on the debug logins in region.db (`steps.ts`).

import type { DebugLogin } from '../../region/records/login-store.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { codec, composeInsert, composeReplace, number, optional, text } from '../rows.ts';
import { one, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';
import { findMachineId } from './region-machine-reads.ts';

/** The table `debug_login`. */
export class LoginTable extends LoggedTable {
  *openDebug(systemId: string, login: DebugLogin, event: NewMachineEvent): Steps<boolean> {
    const id = yield* findMachineId(systemId);
    if (id === undefined) return false;
    yield run(OPEN_SQL, id, ...DEBUG.values(login));
    yield* this.events.add(event, id);
    return true;
  }

  *closeDebug(systemId: string, event: NewMachineEvent): Steps<boolean> {
    const id = yield* findMachineId(systemId);
    if (id === undefined) return false;
    if ((yield run('DELETE FROM debug_login WHERE machine_id = ?', id)).changes === 0) return false;
    yield* this.events.add(event, id);
    return true;
  }

  *findDebug(systemId: string): Steps<DebugLogin | undefined> {
    const sql = 'SELECT * FROM debug_login WHERE machine_id = (SELECT id FROM machine WHERE system_id = ?)';
    const { row } = yield one(sql, systemId);
    return row === undefined ? undefined : DEBUG.read(row);
  }

  *noteDebug(systemId: string, { tokenDigest, hostKey }: Partial<DebugLogin>): Steps<void> {
    const id = yield* findMachineId(systemId);
    if (id === undefined) return;
    yield run(
      'UPDATE debug_login SET token_digest = coalesce(?, token_digest), host_key = coalesce(?, host_key) WHERE machine_id = ?',
      tokenDigest ?? null,
      hostKey ?? null,
      id,
    );
  }
}

const DEBUG = codec<DebugLogin>({
  username: text('username'),
  openedMs: number('opened_ms'),
  expiresMs: number('expires_ms'),
  tokenDigest: optional(text('token_digest')),
  hostKey: text('host_key'),
});
const OPEN_SQL =
  composeInsert('debug_login', ['machine_id', ...DEBUG.names]) + composeReplace('machine_id', DEBUG.names);
