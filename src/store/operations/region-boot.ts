// Operations on boot images in region.db: sources, selections, resources, the run (`region-steps.ts`).
//
// 1. Unreadable sources, selections and resources are left out; all others are still imported. An unreadable run counts as none.
// 2. No progress is written that could not be read.

import { z } from 'zod';
import { RackError } from '../../errors.ts';
import {
  type BootResource,
  type BootSelection,
  type BootSource,
  type BootTable,
  type ImageUse,
  type ImportProgress,
  type ImportRun,
  importProgress,
  importRun,
  NO_RUN,
  RESOURCES_MAX,
  SELECTIONS_MAX,
  SOURCES_MAX,
  type WrittenBootSelection,
  type WrittenBootSource,
} from '../../region/records/boot-store.ts';
import { statusRow } from '../../region/records/lifecycle.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { type ReportedDownload, withReport } from '../../region/records/reported-download.ts';
import { RESOURCE_WISHES, type ResourceWish } from '../../region/records/resource-wish.ts';
import { json, number, optionalText, type Row, readsRow, type StoredRow, text } from '../rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import type { EventTable } from './region-events.ts';
import { all, numberIn, one, run, type Steps } from './region-steps.ts';

/** The schemas of the columns with JSON. */
export const bootColumns = {
  'boot_selection.arches': z.array(z.string()),
  'boot_selection.subarches': z.array(z.string()),
  'boot_selection.labels': z.array(z.string()),
  'boot_resource.progress': importProgress,
  'boot_run.run': importRun,
} as const;

/** The tables `boot_source`, `boot_selection`, `boot_resource` and `boot_run`. */
export class BootTables {
  readonly #events: EventTable;

  constructor(events: EventTable) {
    this.#events = events;
  }

  *listSources(): Steps<Readable<readonly BootSource[]>> {
    return readableOf((yield all('SELECT * FROM boot_source ORDER BY id')).rows, readSource);
  }

  *addFileSources(names: readonly string[], atMs: number): Steps<void> {
    // Insert only missing rows: PostgreSQL uses up an id for each attempt, even if the row exists.
    const { rows } = yield all('SELECT name FROM boot_source WHERE name IS NOT NULL');
    const known = new Set(rows.map(readSourceName));
    for (const name of names.filter((one) => !known.has(one))) {
      yield run(
        `INSERT INTO boot_source (name, url, keyring_filename, keyring, created_ms, updated_ms) VALUES (?, '', '', ?, ?, ?)
          ON CONFLICT (name) DO NOTHING`,
        name,
        new Uint8Array(),
        atMs,
        atMs,
      );
    }
  }

  *addSource(source: WrittenBootSource, event: NewMachineEvent): Steps<BootSource | 'exists' | 'limit'> {
    if (yield* this.#isTaken(source.url, 0)) return 'exists';
    if (numberIn(yield one('SELECT count(*) FROM boot_source WHERE name IS NULL')) >= SOURCES_MAX) return 'limit';
    const { row } = yield one(
      `INSERT INTO boot_source (url, index_path, unsigned_why, keyring_filename, keyring, updated_ms, created_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      ...sourceValues(source),
      source.updatedMs,
    );
    yield* this.#events.add(event, undefined);
    return row === undefined ? 'limit' : readSource(row);
  }

  *changeSource(
    id: number,
    source: WrittenBootSource,
    event: NewMachineEvent,
  ): Steps<BootSource | 'exists' | 'not-found'> {
    if (yield* this.#isTaken(source.url, id)) return 'exists';
    const { row } = yield one(
      `UPDATE boot_source SET url = ?, index_path = ?, unsigned_why = ?, keyring_filename = ?, keyring = ?, updated_ms = ?
        WHERE id = ? AND name IS NULL RETURNING *`,
      ...sourceValues(source),
      id,
    );
    if (row === undefined) return 'not-found';
    yield* this.#events.add(event, undefined);
    return readSource(row);
  }

  *removeSource(id: number, event: NewMachineEvent): Steps<boolean> {
    if ((yield run('DELETE FROM boot_source WHERE id = ? AND name IS NULL', id)).changes === 0) return false;
    yield* this.#events.add(event, undefined);
    return true;
  }

  *listSelections(sourceId?: number): Steps<Readable<readonly BootSelection[]>> {
    const { rows } =
      sourceId === undefined
        ? yield all('SELECT * FROM boot_selection ORDER BY id')
        : yield all('SELECT * FROM boot_selection WHERE source_id = ? ORDER BY id', sourceId);
    return readableOf(rows, readSelection);
  }

  *addSelection(
    sourceId: number,
    selection: WrittenBootSelection,
    event: NewMachineEvent,
  ): Steps<BootSelection | 'exists' | 'limit' | 'not-found'> {
    if (numberIn(yield one('SELECT id FROM boot_source WHERE id = ?', sourceId)) === 0) return 'not-found';
    if (yield* this.#isSelected(sourceId, selection, 0)) return 'exists';
    const count = 'SELECT count(*) FROM boot_selection WHERE source_id = ?';
    if (numberIn(yield one(count, sourceId)) >= SELECTIONS_MAX) return 'limit';
    const { row } = yield one(
      `INSERT INTO boot_selection (os, release, arches, subarches, labels, source_id) VALUES (?, ?, ?, ?, ?, ?) RETURNING *`,
      ...valuesOf(selection),
      sourceId,
    );
    yield* this.#events.add(event, undefined);
    return row === undefined ? 'not-found' : readSelection(row);
  }

  *changeSelection(
    sourceId: number,
    id: number,
    selection: WrittenBootSelection,
    event: NewMachineEvent,
  ): Steps<BootSelection | 'exists' | 'not-found'> {
    if (yield* this.#isSelected(sourceId, selection, id)) return 'exists';
    const { row } = yield one(
      `UPDATE boot_selection SET os = ?, release = ?, arches = ?, subarches = ?, labels = ? WHERE source_id = ? AND id = ? RETURNING *`,
      ...valuesOf(selection),
      sourceId,
      id,
    );
    if (row === undefined) return 'not-found';
    yield* this.#events.add(event, undefined);
    return readSelection(row);
  }

  *removeSelection(sourceId: number, id: number, event: NewMachineEvent): Steps<boolean> {
    const { changes } = yield run('DELETE FROM boot_selection WHERE source_id = ? AND id = ?', sourceId, id);
    if (changes === 0) return false;
    yield* this.#events.add(event, undefined);
    return true;
  }

  *listResources(): Steps<Readable<readonly BootResource[]>> {
    const { rows } = yield all('SELECT id, name, wish, progress FROM boot_resource ORDER BY name');
    return readableOf(rows, readResource);
  }

  *addResources(names: readonly string[], atMs: number): Steps<void> {
    const { rows } = yield all('SELECT name FROM boot_resource WHERE name IN texts(?)', JSON.stringify(names));
    const known = new Set(rows.map(readName));
    const missing = [...new Set(names)].filter((one) => !known.has(one));
    if (missing.length === 0) return;
    const count = 'SELECT count(*) FROM boot_resource';
    if (numberIn(yield one(count)) + missing.length > RESOURCES_MAX) {
      const sql = `DELETE FROM boot_resource WHERE progress IS NULL AND wish = 'import' AND name NOT IN (SELECT value FROM texts(?))`;
      yield run(sql, JSON.stringify(names));
    }
    const room = RESOURCES_MAX - numberIn(yield one(count));
    for (const name of missing.slice(0, Math.max(0, room))) {
      yield run(
        `INSERT INTO boot_resource (name, wish, changed_ms) VALUES (?, 'import', ?) ON CONFLICT (name) DO NOTHING`,
        name,
        atMs,
      );
    }
  }

  *noteProgress(progress: ReadonlyMap<string, ImportProgress>, atMs: number): Steps<void> {
    yield* this.addResources([...progress.keys()], atMs);
    for (const [name, one] of progress) {
      checkProgress(name, one);
      const sql = 'UPDATE boot_resource SET progress = ?, changed_ms = ? WHERE name = ?';
      yield run(sql, JSON.stringify(one), atMs, name);
    }
  }

  *wish(id: number, wish: ResourceWish, event: NewMachineEvent): Steps<boolean> {
    const sql = "UPDATE boot_resource SET wish = ?, changed_ms = ? WHERE id = ? AND wish <> 'delete'";
    if ((yield run(sql, wish, event.atMs, id)).changes === 0) return false;
    yield* this.#events.add(event, undefined);
    return true;
  }

  *wishCancelled(): Steps<void> {
    yield run("UPDATE boot_resource SET wish = 'import' WHERE wish = 'cancel'");
  }

  *forget(names: readonly string[]): Steps<void> {
    yield run(
      "DELETE FROM boot_resource WHERE name IN texts(?) AND (wish = 'delete' OR wish = 'import' AND name NOT IN (SELECT name FROM boot_upload))",
      JSON.stringify(names),
    );
  }

  *listUses(): Steps<readonly ImageUse[]> {
    const { rows } = yield all(
      `SELECT osystem, release, architecture, count(*) AS machines,
          count(*) FILTER (WHERE status = ?) AS deploying, min(hostname) AS first FROM machine
        WHERE osystem <> '' AND release <> '' GROUP BY osystem, release, architecture`,
      statusRow('deploying').number,
    );
    return rows.map(readUse);
  }

  *check(table: BootTable, id: number): Steps<void> {
    const { row } = yield one(`SELECT * FROM ${table} WHERE id = ?`, id);
    if (row !== undefined) READERS[table](row);
  }

  /** An unreadable run counts as none: it only keeps the times of the last run, and the next change replaces it. */
  *findRun(): Steps<Readable<ImportRun>> {
    const { row } = yield one('SELECT id, run FROM boot_run WHERE id = 1');
    const { found, errors } = readableOf(row === undefined ? [] : [row], readRun);
    return { found: found[0] ?? NO_RUN, errors };
  }

  *changeRun(change: Partial<ImportRun>, event?: NewMachineEvent): Steps<void> {
    const next = { ...(yield* this.findRun()).found, ...change };
    yield run(
      'INSERT INTO boot_run (id, run) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET run = excluded.run',
      JSON.stringify(next),
    );
    if (event !== undefined) yield* this.#events.add(event, undefined);
  }

  *noteDownload(download: ReportedDownload, event: NewMachineEvent): Steps<void> {
    const { downloads } = (yield* this.findRun()).found;
    yield* this.changeRun({ downloads: [...withReport(downloads, download)] }, event);
  }

  *#isTaken(url: string, otherThan: number): Steps<boolean> {
    const sql = 'SELECT id FROM boot_source WHERE url = ? AND name IS NULL AND id <> ?';
    return numberIn(yield one(sql, url, otherThan)) > 0;
  }

  *#isSelected(sourceId: number, { os, release }: WrittenBootSelection, otherThan: number): Steps<boolean> {
    const sql = 'SELECT id FROM boot_selection WHERE source_id = ? AND os = ? AND release = ? AND id <> ?';
    return numberIn(yield one(sql, sourceId, os, release, otherThan)) > 0;
  }
}

/** @throws RackError `bad-argument` if reading would refuse the progress */
function checkProgress(name: string, progress: ImportProgress): void {
  const { success, error } = importProgress.safeParse(progress);
  if (success) return;
  const why = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new RackError('bad-argument', `the progress of ${name} cannot be stored (${why})`);
}

function readableOf<T>(rows: readonly StoredRow[], read: (row: StoredRow) => T): Readable<readonly T[]> {
  const reader = new RowReader();
  return { found: reader.readEach(rows, read), errors: reader.errors };
}

const sourceValues = ({ url, index, why, keyringFilename, keyring, updatedMs }: WrittenBootSource) =>
  [url, index ?? null, why ?? null, keyringFilename, keyring, updatedMs] as const;

const valuesOf = ({ os, release, arches, subarches, labels }: WrittenBootSelection) =>
  [os, release, JSON.stringify(arches), JSON.stringify(subarches), JSON.stringify(labels)] as const;

const readSource = readsRow('boot_source', (row): BootSource => {
  const { keyring } = row;
  return {
    id: number(row, 'id'),
    name: optionalText(row, 'name'),
    url: text(row, 'url'),
    index: optionalText(row, 'index_path'),
    why: optionalText(row, 'unsigned_why'),
    keyringFilename: text(row, 'keyring_filename'),
    keyring: keyring instanceof Uint8Array ? keyring : new Uint8Array(),
    createdMs: number(row, 'created_ms'),
    updatedMs: number(row, 'updated_ms'),
  };
});

const readSelection = readsRow(
  'boot_selection',
  (row): BootSelection => ({
    id: number(row, 'id'),
    sourceId: number(row, 'source_id'),
    os: text(row, 'os'),
    release: text(row, 'release'),
    arches: json(row, 'arches', bootColumns['boot_selection.arches']),
    subarches: json(row, 'subarches', bootColumns['boot_selection.subarches']),
    labels: json(row, 'labels', bootColumns['boot_selection.labels']),
  }),
);

function wishOf(row: Row): ResourceWish {
  const wish = RESOURCE_WISHES.find((one) => one === row.wish);
  if (wish === undefined) throw new Error('column wish holds no wish');
  return wish;
}

const readResource = readsRow(
  'boot_resource',
  (row): BootResource => ({
    id: number(row, 'id'),
    name: text(row, 'name'),
    wish: wishOf(row),
    progress: row.progress === null ? undefined : json(row, 'progress', bootColumns['boot_resource.progress']),
  }),
);

const readRun = readsRow('boot_run', (row): ImportRun => json(row, 'run', bootColumns['boot_run.run']));

const READERS: Readonly<Record<BootTable, (row: StoredRow) => unknown>> = {
  boot_source: readSource,
  boot_selection: readSelection,
  boot_resource: readResource,
};

const readName = readsRow('boot_resource', (row) => text(row, 'name'));
const readSourceName = readsRow('boot_source', (row) => text(row, 'name'));

const readUse = readsRow(
  'machine',
  (row): ImageUse => ({
    os: text(row, 'osystem'),
    release: text(row, 'release'),
    architecture: text(row, 'architecture'),
    machines: number(row, 'machines'),
    deploying: number(row, 'deploying'),
    first: text(row, 'first'),
  }),
);
