// Tags, SSH keys, machine keys and user data in region.db. Each method is a transaction of its own.
//
// 1. Changing a tag changes the racks' desired state, so it counts one version.

import type { LifeStore, MachineKey, SshKey, Tag } from '../region/records/life-store.ts';
import type { NewMachineEvent } from '../region/records/machine-event.ts';
import { countVersion } from './region-machines.ts';
import { number, type Row, text } from './region-rows.ts';
import { RegionTable } from './region-table.ts';

/** The tables `ssh_key`, `tag`, `machine_tag`, `machine_key` and `user_data`. */
export class LifeTables extends RegionTable implements LifeStore {
  addSshKey(key: Omit<SshKey, 'id'>, keysMax: number, event: NewMachineEvent): SshKey | 'exists' | 'limit' {
    return this.transactions.write(() => {
      const held = this.#keys(key.username);
      if (held.some((one) => one.key === key.key)) return 'exists';
      if (held.length >= keysMax) return 'limit';
      this.sql.run(
        'INSERT INTO ssh_key (username, key, created_ms) VALUES (?, ?, ?)',
        key.username,
        key.key,
        key.createdMs,
      );
      const id = this.sql.number('SELECT last_insert_rowid()');
      this.events.add(event, undefined);
      return { ...key, id };
    });
  }

  listSshKeys(username: string): readonly SshKey[] {
    return this.transactions.read(() => this.#keys(username));
  }

  removeSshKey(username: string, id: number, event: NewMachineEvent): boolean {
    return this.transactions.write(() => {
      if (this.sql.run('DELETE FROM ssh_key WHERE username = ? AND id = ?', username, id) === 0) return false;
      this.events.add(event, undefined);
      return true;
    });
  }

  listTags(): readonly Tag[] {
    return this.transactions.read(() =>
      this.sql.all('SELECT name, comment, kernel_params FROM tag ORDER BY name').map(readTag),
    );
  }

  addTag(tag: Tag, tagsMax: number, event: NewMachineEvent): 'added' | 'exists' | 'limit' {
    return this.transactions.write(() => {
      if (this.#tagId(tag.name) !== undefined) return 'exists';
      if (this.sql.number('SELECT count(*) FROM tag') >= tagsMax) return 'limit';
      const sql = 'INSERT INTO tag (name, comment, kernel_params) VALUES (?, ?, ?)';
      this.sql.run(sql, tag.name, tag.comment, tag.kernelParams);
      this.events.add(event, undefined);
      return 'added';
    });
  }

  changeTag(name: string, tag: Tag, event: NewMachineEvent): 'changed' | 'exists' | 'not-found' {
    return this.transactions.write(() => {
      const id = this.#tagId(name);
      if (id === undefined) return 'not-found';
      if (tag.name !== name && this.#tagId(tag.name) !== undefined) return 'exists';
      const sql = 'UPDATE tag SET name = ?, comment = ?, kernel_params = ? WHERE id = ?';
      this.sql.run(sql, tag.name, tag.comment, tag.kernelParams, id);
      this.events.add(event, undefined);
      countVersion(this.sql);
      return 'changed';
    });
  }

  removeTag(name: string, event: NewMachineEvent): boolean {
    return this.transactions.write(() => {
      if (this.sql.run('DELETE FROM tag WHERE name = ?', name) === 0) return false;
      this.events.add(event, undefined);
      countVersion(this.sql);
      return true;
    });
  }

  tagMachines(
    name: string,
    add: readonly string[],
    remove: readonly string[],
    event: NewMachineEvent,
  ): { readonly added: number; readonly removed: number } | undefined {
    return this.transactions.write(() => {
      const id = this.#tagId(name);
      if (id === undefined) return undefined;
      const machines = 'SELECT id FROM machine WHERE system_id IN (SELECT value FROM json_each(?))';
      const removed = this.sql.run(
        `DELETE FROM machine_tag WHERE tag_id = ? AND machine_id IN (${machines})`,
        id,
        JSON.stringify(remove),
      );
      const added = this.sql.run(
        `INSERT OR IGNORE INTO machine_tag (machine_id, tag_id) SELECT id, ?1 FROM (${machines.replace('?', '?2')})`,
        id,
        JSON.stringify(add),
      );
      this.events.add(event, undefined);
      countVersion(this.sql);
      return { added, removed };
    });
  }

  userData(systemId: string): Uint8Array | undefined {
    const sql = 'SELECT data FROM user_data WHERE machine_id = (SELECT id FROM machine WHERE system_id = ?)';
    const data = this.transactions.read(() => this.sql.one(sql, systemId))?.data;
    return data instanceof Uint8Array ? data : undefined;
  }

  machineKey(systemId: string): MachineKey | undefined {
    return this.transactions.read(() => this.#machineKey('machine.system_id', systemId));
  }

  findMachineKey(tokenKey: string): MachineKey | undefined {
    return this.transactions.read(() => this.#machineKey('machine_key.token_key', tokenKey));
  }

  keepMachineKey(key: MachineKey): MachineKey | undefined {
    return this.transactions.write(() => {
      const columns = 'machine_id, consumer_key, token_key, token_secret, created_ms';
      this.sql.run(
        `INSERT OR IGNORE INTO machine_key (${columns}) SELECT id, ?, ?, ?, ? FROM machine WHERE system_id = ?`,
        key.consumerKey,
        key.tokenKey,
        key.tokenSecret,
        key.createdMs,
        key.systemId,
      );
      return this.#machineKey('machine.system_id', key.systemId);
    });
  }

  #machineKey(column: 'machine.system_id' | 'machine_key.token_key', value: string): MachineKey | undefined {
    const tables = 'machine_key JOIN machine ON machine.id = machine_id';
    const row = this.sql.one(`SELECT machine_key.*, system_id FROM ${tables} WHERE ${column} = ?`, value);
    return row === undefined ? undefined : readMachineKey(row);
  }

  #keys(username: string): readonly SshKey[] {
    return this.sql.all('SELECT * FROM ssh_key WHERE username = ? ORDER BY id', username).map(readSshKey);
  }

  #tagId(name: string): number | undefined {
    return this.sql.number('SELECT id FROM tag WHERE name = ?', name) || undefined;
  }
}

const readSshKey = (row: Row): SshKey => ({
  id: number(row, 'id'),
  username: text(row, 'username'),
  key: text(row, 'key'),
  createdMs: number(row, 'created_ms'),
});

const readMachineKey = (row: Row): MachineKey => ({
  systemId: text(row, 'system_id'),
  consumerKey: text(row, 'consumer_key'),
  tokenKey: text(row, 'token_key'),
  tokenSecret: text(row, 'token_secret'),
  createdMs: number(row, 'created_ms'),
});

const readTag = (row: Row): Tag => ({
  name: text(row, 'name'),
  comment: text(row, 'comment'),
  kernelParams: text(row, 'kernel_params'),
});
