// Users and API keys of region.db. Runs inside its caller's transaction.
//
// 1. An API key belongs to a user or a machine, and is deleted with its owner.

import type { ApiKey, User, UserChange } from '../region/records/store.ts';
import { readKey, readUser, type Statements } from './region-rows.ts';

const KEY_QUERY =
  'SELECT api_key.*, user.username, machine.system_id FROM api_key ' +
  'LEFT JOIN user ON user.id = api_key.user_id LEFT JOIN machine ON machine.id = api_key.machine_id';

/** The tables `user` and `api_key`. */
export class AccountTables {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  addUser(user: Omit<User, 'id'>): User | undefined {
    const added = this.#sql.run(
      'INSERT INTO user (username, email, password_hash, is_admin, created_ms) VALUES (?, ?, ?, ?, ?) ' +
        'ON CONFLICT (username) DO NOTHING',
      user.username,
      user.email,
      user.passwordHash,
      user.isAdmin ? 1 : 0,
      user.createdMs,
    );
    return added === 0 ? undefined : this.findUser(user.username);
  }

  findUser(username: string): User | undefined {
    const row = this.#sql.one('SELECT * FROM user WHERE username = ?', username);
    return row === undefined ? undefined : readUser(row);
  }

  listUsers(): readonly User[] {
    return this.#sql.all('SELECT * FROM user ORDER BY id').map(readUser);
  }

  changeUser(username: string, { passwordHash, isAdmin }: UserChange): boolean {
    const sql =
      'UPDATE user SET password_hash = coalesce(?, password_hash), is_admin = coalesce(?, is_admin) WHERE username = ?';
    return this.#sql.run(sql, passwordHash ?? null, isAdmin === undefined ? null : isAdmin ? 1 : 0, username) > 0;
  }

  /** Also removes the user's API and SSH keys: a later user of the same name must not get them. */
  removeUser(username: string): boolean {
    this.#sql.run('DELETE FROM ssh_key WHERE username = ?', username);
    return this.#sql.run('DELETE FROM user WHERE username = ?', username) > 0;
  }

  addKey(key: ApiKey, keysMax: number): boolean {
    const added = this.#sql.run(
      'INSERT INTO api_key (token_key, consumer_key, secret_digest, name, user_id, machine_id, created_ms, used_ms) ' +
        'SELECT ?1, ?2, ?3, ?4, owner.user, owner.machine, ?7, ?8 FROM (SELECT (SELECT id FROM user WHERE username = ?5) AS user, ' +
        '(SELECT id FROM machine WHERE system_id = ?6) AS machine) AS owner WHERE (SELECT count(*) FROM api_key AS held ' +
        'WHERE held.user_id IS owner.user AND held.machine_id IS owner.machine) < ?9',
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
    return added > 0;
  }

  findKey(tokenKey: string): ApiKey | undefined {
    const row = this.#sql.one(`${KEY_QUERY} WHERE api_key.token_key = ?`, tokenKey);
    return row === undefined ? undefined : readKey(row);
  }

  listKeys(username: string): readonly ApiKey[] {
    return this.#sql
      .all(`${KEY_QUERY} WHERE user.username = ? ORDER BY api_key.created_ms, api_key.token_key`, username)
      .map(readKey);
  }

  markKeyUsed(tokenKey: string, atMs: number): void {
    this.#sql.run('UPDATE api_key SET used_ms = ? WHERE token_key = ?', atMs, tokenKey);
  }

  removeKey(username: string, tokenKey: string): boolean {
    const sql = 'DELETE FROM api_key WHERE token_key = ? AND user_id = (SELECT id FROM user WHERE username = ?)';
    return this.#sql.run(sql, tokenKey, username) > 0;
  }
}
