// The migration of stored cluster interfaces: from settings, and from earlier rows, to rows of
// networks (`region/networks/service-form.ts`).
//
//   setting ── names a network? ─ yes ─► its service, subnet, hosts and ranges; `former_setting` has it as it was
//                               └ no ──► stays
//   service that has `hosts` in its terms ─► rows of hosts
//
// 1. Every entry is put as an edit would, so that today's rows alone are written.
// 2. A database without cluster interfaces, such as a new one, gets no row: it may be the target of a copy.

import { INTERFACES_KEY, isSettings, type SettingValue } from '../../machines/settings.ts';
import { rowsBetween, withRows } from '../../region/networks/changed-rows.ts';
import { putEntry, renderServices } from '../../region/networks/service-form.ts';
import type { NetworkRecords } from '../../region/records/network-store.ts';
import { codec, isListed, json, number, text } from '../rows.ts';
import { all, run, type Steps } from '../steps.ts';
import { nextObjectId, readObjects, writeObjects } from './network-objects.ts';
import { countVersion, drawVersion } from './region-versions.ts';

const PREFIX = `${INTERFACES_KEY}.`;
const COLUMNS = 'rack, key, value, position, changed_ms';
const STORED_SQL = `SELECT ${COLUMNS} FROM setting WHERE rack <> '' ORDER BY position, rack, key`;
const KEEP_SQL = `INSERT INTO former_setting (${COLUMNS}) SELECT ${COLUMNS} FROM setting WHERE ${isListed('rack', 'key')}`;
const DELETE_SQL = `DELETE FROM setting WHERE ${isListed('rack', 'key')}`;

interface StoredEntry {
  readonly rack: string;
  readonly key: string;
  readonly value: SettingValue;
  readonly position: number;
  readonly changedMs: number;
}

const readStored = codec<StoredEntry>({
  rack: text('rack'),
  key: text('key'),
  value: json<SettingValue>('value'),
  position: number('position'),
  changedMs: number('changed_ms'),
}).read;

/** The services whose hosts are not in rows. */
function entriesOfRows(records: NetworkRecords): readonly StoredEntry[] {
  const rendered = new Map(renderServices(records).map(({ rack, key, value }) => [`${rack} ${key}`, value]));
  return records.services.flatMap(({ rack, name, position, changedMs, terms }) => {
    const key = `${PREFIX}${name}`;
    const value = rendered.get(`${rack} ${key}`);
    return terms.hosts === undefined || value === undefined ? [] : [{ rack, key, value, position, changedMs }];
  });
}

export function* moveServices(): Steps<void> {
  const stored = (yield all(STORED_SQL)).rows.map(readStored).filter(({ key }) => key.startsWith(PREFIX));
  const before = yield* readObjects();
  const entries = [...entriesOfRows(before), ...stored];
  if (entries.length === 0) return;
  let after = before;
  let nextId = yield* nextObjectId();
  const moved: (readonly [rack: string, key: string])[] = [];
  for (const { rack, key, value, position, changedMs } of entries) {
    if (!isSettings(value)) continue;
    const entry = { rack, name: key.slice(PREFIX.length), value, position, changedMs };
    const rows = putEntry(after, entry, nextId);
    if (rows === undefined) continue;
    after = withRows(after, rows);
    nextId = rows.nextId;
    moved.push([rack, key]);
  }
  if (moved.length > 0) {
    yield* writeObjects({ ...rowsBetween(before, after), nextId });
    yield run(KEEP_SQL, JSON.stringify(moved));
    yield run(DELETE_SQL, JSON.stringify(moved));
  }
  yield* drawVersion('networks-version');
  yield* countVersion([]);
}
