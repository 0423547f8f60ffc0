// Reads and writes the rows of networks as objects, without their events, which a migration has
// none of (`steps.ts`). A statement writes all rows of a kind.

import {
  FIRST_NETWORK_ID,
  NETWORK_KINDS,
  type NetworkChange,
  type NetworkKind,
  type NetworkRecords,
  NO_RECORDS,
} from '../../region/records/network-store.ts';
import { composeInsert, composeInsertRows, composeReplace } from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { NETWORK_TABLES } from './network-rows.ts';

const NEXT_ID_SQL = "SELECT value FROM counter WHERE name = 'network-object'";
const CONTINUE_SQL = composeInsert('counter', ['value', 'name']) + composeReplace('name', ['value']);

/** Reads the objects, without the addresses of devices. @param knownRecords what need not be read */
export function* readObjects(knownRecords: Partial<NetworkRecords> = {}): Steps<NetworkRecords> {
  let records: NetworkRecords = { ...NO_RECORDS, ...knownRecords };
  for (const kind of NETWORK_KINDS) {
    if (knownRecords[kind] !== undefined) continue;
    records = { ...records, [kind]: yield* readKind(kind) };
  }
  return records;
}

export function* readKind<K extends NetworkKind>(kind: K): Steps<readonly NetworkRecords[K][number][]> {
  const { name, read }: (typeof NETWORK_TABLES)[K] = NETWORK_TABLES[kind];
  return (yield all(`SELECT * FROM ${name} ORDER BY id`)).rows.map(read);
}

export function* readNextObjectId(): Steps<number> {
  return Math.max(FIRST_NETWORK_ID, readFirstNumber(yield one(NEXT_ID_SQL)));
}

export function* writeObjects({
  put = {},
  remove = {},
  nextId,
}: Pick<NetworkChange<unknown>, 'put' | 'remove' | 'nextId'>): Steps<void> {
  for (const kind of NETWORK_KINDS.toReversed()) {
    const ids = remove[kind] ?? [];
    const { name } = NETWORK_TABLES[kind];
    if (ids.length > 0) yield run(`DELETE FROM ${name} WHERE id IN numbers(?)`, JSON.stringify(ids));
  }
  for (const kind of NETWORK_KINDS) yield* putAll(kind, put);
  if (nextId !== undefined) yield run(CONTINUE_SQL, nextId, 'network-object');
}

function* putAll<K extends NetworkKind>(kind: K, put: Partial<NetworkRecords>): Steps<void> {
  const { name, columns, values }: (typeof NETWORK_TABLES)[K] = NETWORK_TABLES[kind];
  const objects: readonly NetworkRecords[K][number][] = put[kind] ?? [];
  if (objects.length === 0) return;
  // PostgreSQL refuses a statement that has a row twice.
  const lastObjects = new Map(objects.map((object) => [object.id, object])).values();
  const names = columns.map((column) => column.name);
  const sql = composeInsertRows(name, columns) + composeReplace('id', names);
  yield run(sql, JSON.stringify(Array.from(lastObjects, values)));
}
