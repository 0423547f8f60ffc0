// Operations on the users and API keys of region.db (`steps.ts`).
//
// 1. An API key belongs to a user or a machine, and is deleted with its owner.
// 2. When an account loses a key or its rights change, the racks get a new version, because a rack
//    may authenticate with that key.

import type { ApiKey, OwnedKey } from '../../region/records/account-store.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { User, UserChange } from '../../region/records/user.ts';
import { codec, composeInsert, flag, text } from '../rows.ts';
import { ALONE, all, one, run, type Steps } from '../steps.ts';
import { claimAccount } from './claims.ts';
import { LoggedTable } from './region-events.ts';
import { readKey, readUser, USER } from './region-rows.ts';
import { drawVersion } from './region-versions.ts';

const KEY_QUERY =
  'SELECT api_key.*, account.username, machine.system_id FROM api_key ' +
  'LEFT JOIN account ON account.id = api_key.account_id LEFT JOIN machine ON machine.id = api_key.machine_id';
const FIND_KEY_SQL =
  'SELECT api_key.*, username, email, is_admin, machine.system_id FROM api_key LEFT JOIN account ON account.id = api_key.account_id ' +
  'LEFT JOIN machine ON machine.id = api_key.machine_id WHERE api_key.token_key = ?';

/** The tables `account` and `api_key`. */
export class AccountTables extends LoggedTable {
  *addUser(user: Omit<User, 'id'>): Steps<User | undefined> {
    const sql = `${composeInsert('account', USER.names)} ON CONFLICT (username) DO NOTHING`;
    const { changes: addedCount } = yield run(sql, ...USER.values(user));
    return addedCount === 0 ? undefined : yield* this.findUser(user.username);
  }

  *findUser(username: string): Steps<User | undefined> {
    const { row } = yield one('SELECT * FROM account WHERE username = ?', username);
    return row === undefined ? undefined : readUser(row);
  }

  *listUsers(): Steps<readonly User[]> {
    return (yield all('SELECT * FROM account ORDER BY id')).rows.map(readUser);
  }

  *changeUser(username: string, { passwordHash, isAdmin, email }: UserChange, event: NewMachineEvent): Steps<boolean> {
    const userBefore = yield* this.findUser(username);
    if (userBefore === undefined) return false;
    const sql =
      'UPDATE account SET password_hash = coalesce(?, password_hash), is_admin = coalesce(?, is_admin), email = coalesce(?, email) ' +
      'WHERE username = ?';
    yield run(sql, passwordHash ?? null, isAdmin === undefined ? null : isAdmin ? 1 : 0, email ?? null, username);
    yield* this.addChange(event, userBefore, (yield* this.findUser(username)) ?? userBefore);
    if (isAdmin !== undefined) yield* drawVersion('racks-version');
    return true;
  }

  /** Removes a user together with their API and SSH keys: a later user of the same name must not get them. */
  *removeUser(username: string, event: NewMachineEvent): Steps<boolean> {
    yield ALONE;
    yield run('DELETE FROM ssh_key WHERE username = ?', username);
    if (!(yield* this.changed(run('DELETE FROM account WHERE username = ?', username), event))) return false;
    yield* drawVersion('racks-version');
    return true;
  }

  *addKey(key: ApiKey, keysMax: number): Steps<boolean> {
    if (key.username !== undefined) yield claimAccount(key.username);
    const { changes: addedCount } = yield run(
      'INSERT INTO api_key (token_key, consumer_key, secret_digest, name, account_id, machine_id, created_ms, used_ms) ' +
        'SELECT ?1, ?2, ?3, ?4, owner.account, owner.machine, ?7, ?8 FROM (SELECT (SELECT id FROM account WHERE username = ?5) AS account, ' +
        '(SELECT id FROM machine WHERE system_id = ?6) AS machine) AS owner WHERE (SELECT count(*) FROM api_key AS held ' +
        'WHERE held.account_id IS NOT DISTINCT FROM owner.account AND held.machine_id IS NOT DISTINCT FROM owner.machine) < ?9',
      key.tokenKey,
      key.consumerKey,
      key.secretDigest,
      key.name,
      key.username ?? null,
      key.systemId ?? null,
      key.createdMs,
      key.usedMs,
      keysMax,
    );
    return addedCount > 0;
  }

  *findKey(tokenKey: string): Steps<OwnedKey | undefined> {
    const { row } = yield one(FIND_KEY_SQL, tokenKey);
    return row && { ...readKey(row), owner: row.username === null ? undefined : readOwner(row) };
  }

  *listKeys(username: string): Steps<readonly ApiKey[]> {
    const sql = `${KEY_QUERY} WHERE account.username = ? ORDER BY api_key.created_ms, api_key.token_key`;
    return (yield all(sql, username)).rows.map(readKey);
  }

  *markKeyUsed(tokenKey: string, atMs: number): Steps<void> {
    yield run('UPDATE api_key SET used_ms = ? WHERE token_key = ?', atMs, tokenKey);
  }

  *renameKey(username: string, tokenKey: string, name: string): Steps<boolean> {
    const sql =
      'UPDATE api_key SET name = ? WHERE token_key = ? AND account_id = (SELECT id FROM account WHERE username = ?)';
    return (yield run(sql, name, tokenKey, username)).changes > 0;
  }

  *removeKey(username: string, tokenKey: string): Steps<boolean> {
    const sql = 'DELETE FROM api_key WHERE token_key = ? AND account_id = (SELECT id FROM account WHERE username = ?)';
    if ((yield run(sql, tokenKey, username)).changes === 0) return false;
    yield* drawVersion('racks-version');
    return true;
  }
}

const readOwner = codec<NonNullable<OwnedKey['owner']>>({
  username: text('username'),
  email: text('email'),
  isAdmin: flag('is_admin'),
}).read;
