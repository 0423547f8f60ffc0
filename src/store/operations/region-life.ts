// Operations on tags, SSH keys of users and of the region, machine keys and user data in region.db
// (`steps.ts`).
//
// 1. Changing a tag changes the racks' desired state, so it makes a new version.
// 2. The region has at most one key, with which its processes log in to hypervisors, and it is
//    never replaced. If two processes store one at the same time, the first wins: the transaction
//    of the other runs again, and finds the key.

import { hashSha256 } from '../../region/records/digest.ts';
import type { MachineKey, SshKey, Tag } from '../../region/records/life-store.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { codec, number, type Row, text } from '../rows.ts';
import { type Answer, all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { claimAccount } from './claims.ts';
import type { AddedEvent } from './event-rows.ts';
import { LoggedTable } from './region-events.ts';
import { countVersion } from './region-versions.ts';

export const sshKeyTable = {
  *find(): Steps<string | undefined> {
    const { row } = yield one('SELECT private_key FROM region_ssh_key WHERE id = 1');
    return row && readPrivateKey(row);
  },

  *keep(privateKey: string, atMs: number): Steps<string> {
    const storedKey = yield* sshKeyTable.find();
    if (storedKey !== undefined) return storedKey;
    yield run('INSERT INTO region_ssh_key (id, private_key, created_ms) VALUES (1, ?, ?)', privateKey, atMs);
    return privateKey;
  },
};

const readPrivateKey = text('private_key').read;

export class LifeTables extends LoggedTable {
  *addSshKey(key: Omit<SshKey, 'id'>, keysMax: number, event: NewMachineEvent): Steps<SshKey | 'exists' | 'limit'> {
    yield claimAccount(key.username);
    const existingKeys = yield* this.#listKeys(key.username);
    if (existingKeys.some((existing) => existing.key === key.key)) return 'exists';
    if (existingKeys.length >= keysMax) return 'limit';
    const sql = 'INSERT INTO ssh_key (username, key, digest, source, created_ms) VALUES (?, ?, ?, ?, ?) RETURNING id';
    const { username, source = null, createdMs } = key;
    const id = readFirstNumber(yield one(sql, username, key.key, hashSha256(key.key), source, createdMs));
    yield* this.events.add(event);
    return { ...key, id };
  }

  *countSshKeys(): Steps<ReadonlyMap<string, number>> {
    return readCounts(
      readKeyCount,
      yield all('SELECT username AS name, count(*) AS count FROM ssh_key GROUP BY username'),
    );
  }

  *countTagged(): Steps<ReadonlyMap<string, number>> {
    const sql = 'SELECT tag.name, count(*) AS count FROM machine_tag JOIN tag ON tag.id = tag_id GROUP BY tag.name';
    return readCounts(readTagCount, yield all(sql));
  }

  *listSshKeys(username: string): Steps<readonly SshKey[]> {
    return yield* this.#listKeys(username);
  }

  *removeSshKey(username: string, id: number, event: NewMachineEvent): Steps<boolean> {
    return yield* this.changed(run('DELETE FROM ssh_key WHERE username = ? AND id = ?', username, id), event);
  }

  *listTags(): Steps<readonly Tag[]> {
    return (yield all('SELECT name, comment, kernel_params, definition FROM tag ORDER BY name')).rows.map(readTag);
  }

  *addTag(tag: Tag, tagsMax: number, event: NewMachineEvent): Steps<'added' | 'exists' | 'limit'> {
    if ((yield* this.#tagId(tag.name)) !== undefined) return 'exists';
    if (readFirstNumber(yield one('SELECT count(*) FROM tag')) >= tagsMax) return 'limit';
    const sql = 'INSERT INTO tag (name, comment, kernel_params, definition) VALUES (?, ?, ?, ?)';
    yield run(sql, tag.name, tag.comment, tag.kernelParams, tag.definition ?? '');
    yield* this.events.add(event);
    return 'added';
  }

  *changeTag(name: string, tag: Tag, event: NewMachineEvent): Steps<'changed' | 'exists' | 'not-found'> {
    const id = yield* this.#tagId(name);
    const tagBefore = (yield* this.listTags()).find((tag) => tag.name === name);
    if (id === undefined || tagBefore === undefined) return 'not-found';
    if (tag.name !== name && (yield* this.#tagId(tag.name)) !== undefined) return 'exists';
    const sql = 'UPDATE tag SET name = ?, comment = ?, kernel_params = ?, definition = ? WHERE id = ?';
    yield run(sql, tag.name, tag.comment, tag.kernelParams, tag.definition ?? '', id);
    yield* this.addChange(event, tagBefore, tag);
    yield* countVersion(yield* this.#listTagged(id));
    return 'changed';
  }

  *removeTag(name: string, event: NewMachineEvent): Steps<boolean> {
    const id = yield* this.#tagId(name);
    if (id === undefined) return false;
    const machines = yield* this.#listTagged(id);
    yield run('DELETE FROM tag WHERE id = ?', id);
    yield* this.events.add(event);
    yield* countVersion(machines);
    return true;
  }

  *tagMachines(
    name: string,
    add: readonly string[],
    remove: readonly string[],
    event: NewMachineEvent,
  ): Steps<{ readonly added: number; readonly removed: number } | undefined> {
    const id = yield* this.#tagId(name);
    if (id === undefined) return undefined;
    const machinesSql = 'SELECT id FROM machine WHERE system_id IN texts(?)';
    // A machine in both lists loses the tag, as in MAAS.
    const { rows: addedRows } = yield all(
      `INSERT INTO machine_tag (machine_id, tag_id) SELECT found.id, ? FROM (${machinesSql}) AS found WHERE true ON CONFLICT DO NOTHING RETURNING machine_id`,
      id,
      JSON.stringify(add),
    );
    const { rows: removedRows } = yield all(
      `DELETE FROM machine_tag WHERE tag_id = ? AND machine_id IN (${machinesSql}) RETURNING machine_id`,
      id,
      JSON.stringify(remove),
    );
    const [gains, losses] = [new Set(addedRows.map(readTagged)), new Set(removedRows.map(readTagged))];
    const composeEvents = (ids: ReadonlySet<number>, change: 'added' | 'removed'): readonly AddedEvent[] =>
      [...ids].map((machineId) => ({
        event: event.code === 'tag-assigned' ? { ...event, params: { ...event.params, change } } : event,
        machineId,
      }));
    yield* this.events.addAll([
      ...composeEvents(gains.difference(losses), 'added'),
      ...composeEvents(losses.difference(gains), 'removed'),
    ]);
    const changedIds = [...gains.symmetricDifference(losses)];
    if (changedIds.length > 0) yield* countVersion(changedIds);
    return { added: gains.size, removed: losses.size };
  }

  *userData(systemId: string): Steps<Uint8Array | undefined> {
    const sql = 'SELECT data FROM user_data WHERE machine_id = (SELECT id FROM machine WHERE system_id = ?)';
    const { row } = yield one(sql, systemId);
    return row?.data instanceof Uint8Array ? row.data : undefined;
  }

  *machineKey(systemId: string): Steps<MachineKey | undefined> {
    return yield* this.#findMachineKey('machine.system_id', systemId);
  }

  *findMachineKey(tokenKey: string): Steps<MachineKey | undefined> {
    return yield* this.#findMachineKey('machine_key.token_key', tokenKey);
  }

  *keepMachineKey(key: MachineKey): Steps<MachineKey | undefined> {
    const columns = 'machine_id, consumer_key, token_key, token_secret, created_ms';
    yield run(
      `INSERT INTO machine_key (${columns}) SELECT id, ?, ?, ?, ? FROM machine WHERE system_id = ? ON CONFLICT DO NOTHING`,
      key.consumerKey,
      key.tokenKey,
      key.tokenSecret,
      key.createdMs,
      key.systemId,
    );
    return yield* this.#findMachineKey('machine.system_id', key.systemId);
  }

  *#findMachineKey(
    column: 'machine.system_id' | 'machine_key.token_key',
    value: string,
  ): Steps<MachineKey | undefined> {
    const tables = 'machine_key JOIN machine ON machine.id = machine_id';
    const { row } = yield one(`SELECT machine_key.*, system_id FROM ${tables} WHERE ${column} = ?`, value);
    return row === undefined ? undefined : readMachineKey(row);
  }

  *#listKeys(username: string): Steps<readonly SshKey[]> {
    return (yield all('SELECT * FROM ssh_key WHERE username = ? ORDER BY id', username)).rows.map(readSshKey);
  }

  *#listTagged(tagId: number): Steps<readonly number[]> {
    const { rows } = yield all('SELECT machine_id FROM machine_tag WHERE tag_id = ?', tagId);
    return rows.map(readTagged);
  }

  *#tagId(name: string): Steps<number | undefined> {
    return readFirstNumber(yield one('SELECT id FROM tag WHERE name = ?', name)) || undefined;
  }
}

type CountReader = (row: Row) => readonly [name: string, count: number];
const readCounts = (read: CountReader, { rows }: Answer): ReadonlyMap<string, number> => new Map(rows.map(read));

const readSshKey = (row: Row): SshKey => ({
  id: number('id').read(row),
  username: text('username').read(row),
  key: text('key').read(row),
  ...(row.source === null ? {} : { source: text('source').read(row) }),
  createdMs: number('created_ms').read(row),
});

const readMachineKey = codec<MachineKey>({
  systemId: text('system_id'),
  consumerKey: text('consumer_key'),
  tokenKey: text('token_key'),
  tokenSecret: text('token_secret'),
  createdMs: number('created_ms'),
}).read;

const readTag = (row: Row): Tag => ({
  name: text('name').read(row),
  comment: text('comment').read(row),
  kernelParams: text('kernel_params').read(row),
  ...(row.definition === '' ? {} : { definition: text('definition').read(row) }),
});

const readTagged = number('machine_id').read;
const readCount = (row: Row): readonly [name: string, count: number] => [
  text('name').read(row),
  number('count').read(row),
];
const readTagCount = readCount;
const readKeyCount = readCount;
