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
import { codec, composeIsListed, json, number, text } from '../rows.ts';
import { all, run, type Steps } from '../steps.ts';
import { readNextObjectId, readObjects, writeObjects } from './network-objects.ts';
import { countVersion, drawVersion } from './region-versions.ts';

const PREFIX = `${INTERFACES_KEY}.`;
const COLUMNS = 'rack, key, value, position, changed_ms';
const STORED_SQL = `SELECT ${COLUMNS} FROM setting WHERE rack <> '' ORDER BY position, rack, key`;
const KEEP_SQL = `INSERT INTO former_setting (${COLUMNS}) SELECT ${COLUMNS} FROM setting WHERE ${composeIsListed('rack', 'key')}`;
const DELETE_SQL = `DELETE FROM setting WHERE ${composeIsListed('rack', 'key')}`;

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
function renderRowEntries(records: NetworkRecords): readonly StoredEntry[] {
  const rendered = new Map(renderServices(records).map(({ rack, key, value }) => [`${rack} ${key}`, value]));
  return records.services.flatMap(({ rack, name, position, changedMs, terms }) => {
    const key = `${PREFIX}${name}`;
    const value = rendered.get(`${rack} ${key}`);
    return terms.hosts === undefined || value === undefined ? [] : [{ rack, key, value, position, changedMs }];
  });
}

export function* moveServices(): Steps<void> {
  const storedEntries = (yield all(STORED_SQL)).rows.map(readStored).filter(({ key }) => key.startsWith(PREFIX));
  const recordsBefore = yield* readObjects();
  const entries = [...renderRowEntries(recordsBefore), ...storedEntries];
  if (entries.length === 0) return;
  let recordsAfter = recordsBefore;
  let nextId = yield* readNextObjectId();
  const movedKeys: (readonly [rack: string, key: string])[] = [];
  for (const { rack, key, value, position, changedMs } of entries) {
    if (!isSettings(value)) continue;
    const entry = { rack, name: key.slice(PREFIX.length), value, position, changedMs };
    const rows = putEntry(recordsAfter, entry, nextId);
    if (rows === undefined) continue;
    recordsAfter = withRows(recordsAfter, rows);
    nextId = rows.nextId;
    movedKeys.push([rack, key]);
  }
  if (movedKeys.length > 0) {
    yield* writeObjects({ ...rowsBetween(recordsBefore, recordsAfter), nextId });
    yield run(KEEP_SQL, JSON.stringify(movedKeys));
    yield run(DELETE_SQL, JSON.stringify(movedKeys));
  }
  yield* drawVersion('networks-version');
  yield* countVersion([]);
}
