// Operations on boot images in region.db: sources, selections, resources, the run (`steps.ts`).

import type { Selection } from '../../images/sources/offer.ts';
import {
  type BootResource,
  type BootSelection,
  type BootSource,
  type ImageUse,
  type ImportProgress,
  type ImportRun,
  importRun,
  NO_RUN,
  RESOURCES_MAX,
  SELECTIONS_MAX,
  SOURCES_MAX,
  type WrittenBootSource,
} from '../../region/records/boot-store.ts';
import { statusRow } from '../../region/records/lifecycle.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { type ReportedDownload, withReport } from '../../region/records/reported-download.ts';
import type { ResourceWish } from '../../region/records/resource-wish.ts';
import { bytes, codec, composeAssignments, composeInsert, json, mapColumn, number, optional, text } from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';

/** The tables `boot_source`, `boot_selection`, `boot_resource` and `boot_run`. */
export class BootTables extends LoggedTable {
  *listSources(): Steps<readonly BootSource[]> {
    return (yield all('SELECT * FROM boot_source ORDER BY id')).rows.map(SOURCE.read);
  }

  *addFileSources(names: readonly string[], atMs: number): Steps<void> {
    // Insert only missing rows: PostgreSQL uses up an id for each attempt, even if the row exists.
    const { rows } = yield all('SELECT name FROM boot_source WHERE name IS NOT NULL');
    const existing = new Set(rows.map(readName));
    for (const name of names.filter((candidate) => !existing.has(candidate))) {
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
    if (readFirstNumber(yield one('SELECT count(*) FROM boot_source WHERE name IS NULL')) >= SOURCES_MAX)
      return 'limit';
    const { row } = yield one(
      `${composeInsert('boot_source', [...WRITTEN_SOURCE.names, 'created_ms'])} RETURNING *`,
      ...WRITTEN_SOURCE.values(source),
      source.updatedMs,
    );
    yield* this.events.add(event);
    return row === undefined ? 'limit' : SOURCE.read(row);
  }

  *changeSource(
    id: number,
    source: WrittenBootSource,
    event: NewMachineEvent,
  ): Steps<BootSource | 'exists' | 'not-found'> {
    if (yield* this.#isTaken(source.url, id)) return 'exists';
    const { row: rowBefore } = yield one('SELECT * FROM boot_source WHERE id = ?', id);
    const { row } = yield one(
      `UPDATE boot_source SET ${composeAssignments(WRITTEN_SOURCE.names)} WHERE id = ? AND name IS NULL RETURNING *`,
      ...WRITTEN_SOURCE.values(source),
      id,
    );
    if (rowBefore === undefined || row === undefined) return 'not-found';
    yield* this.addChange(event, SOURCE.read(rowBefore), SOURCE.read(row));
    return SOURCE.read(row);
  }

  *removeSource(id: number, event: NewMachineEvent): Steps<boolean> {
    return yield* this.changed(run('DELETE FROM boot_source WHERE id = ? AND name IS NULL', id), event);
  }

  *listSelections(sourceId?: number): Steps<readonly BootSelection[]> {
    const { rows } =
      sourceId === undefined
        ? yield all('SELECT * FROM boot_selection ORDER BY id')
        : yield all('SELECT * FROM boot_selection WHERE source_id = ? ORDER BY id', sourceId);
    return rows.map(readSelection);
  }

  *addSelection(
    sourceId: number,
    selection: Selection,
    event: NewMachineEvent,
  ): Steps<BootSelection | 'exists' | 'limit' | 'not-found'> {
    if (readFirstNumber(yield one('SELECT id FROM boot_source WHERE id = ?', sourceId)) === 0) return 'not-found';
    if (yield* this.#isSelected(sourceId, selection, 0)) return 'exists';
    const count = 'SELECT count(*) FROM boot_selection WHERE source_id = ?';
    if (readFirstNumber(yield one(count, sourceId)) >= SELECTIONS_MAX) return 'limit';
    const { row } = yield one(
      `${composeInsert('boot_selection', [...WRITTEN_SELECTION.names, 'source_id'])} RETURNING *`,
      ...WRITTEN_SELECTION.values(selection),
      sourceId,
    );
    yield* this.events.add(event);
    return row === undefined ? 'not-found' : readSelection(row);
  }

  *changeSelection(
    sourceId: number,
    id: number,
    selection: Selection,
    event: NewMachineEvent,
  ): Steps<BootSelection | 'exists' | 'not-found'> {
    if (yield* this.#isSelected(sourceId, selection, id)) return 'exists';
    const { row: rowBefore } = yield one('SELECT * FROM boot_selection WHERE id = ?', id);
    const { row } = yield one(
      `UPDATE boot_selection SET ${composeAssignments(WRITTEN_SELECTION.names)} WHERE source_id = ? AND id = ? RETURNING *`,
      ...WRITTEN_SELECTION.values(selection),
      sourceId,
      id,
    );
    if (rowBefore === undefined || row === undefined) return 'not-found';
    yield* this.addChange(event, readSelection(rowBefore), readSelection(row));
    return readSelection(row);
  }

  *removeSelection(sourceId: number, id: number, event: NewMachineEvent): Steps<boolean> {
    return yield* this.changed(run('DELETE FROM boot_selection WHERE source_id = ? AND id = ?', sourceId, id), event);
  }

  *listResources(): Steps<readonly BootResource[]> {
    return (yield all('SELECT id, name, wish, progress FROM boot_resource ORDER BY name')).rows.map(readResource);
  }

  *addResources(names: readonly string[], atMs: number): Steps<void> {
    const { rows } = yield all('SELECT name FROM boot_resource WHERE name IN texts(?)', JSON.stringify(names));
    const existing = new Set(rows.map(readName));
    const missingNames = [...new Set(names)].filter((name) => !existing.has(name));
    if (missingNames.length === 0) return;
    const count = 'SELECT count(*) FROM boot_resource';
    if (readFirstNumber(yield one(count)) + missingNames.length > RESOURCES_MAX) {
      const sql = `DELETE FROM boot_resource WHERE progress IS NULL AND wish <> 'delete' AND name NOT IN (SELECT value FROM texts(?))`;
      yield run(sql, JSON.stringify(names));
    }
    const freeCount = RESOURCES_MAX - readFirstNumber(yield one(count));
    for (const name of missingNames.slice(0, Math.max(0, freeCount))) {
      yield run(
        `INSERT INTO boot_resource (name, wish, changed_ms) VALUES (?, 'import', ?) ON CONFLICT (name) DO NOTHING`,
        name,
        atMs,
      );
    }
  }

  *noteProgress(progress: ReadonlyMap<string, ImportProgress>, atMs: number): Steps<void> {
    yield* this.addResources([...progress.keys()], atMs);
    for (const [name, imageProgress] of progress) {
      const sql = 'UPDATE boot_resource SET progress = ?, changed_ms = ? WHERE name = ?';
      yield run(sql, JSON.stringify(imageProgress), atMs, name);
    }
  }

  *wish(id: number, wish: ResourceWish, event: NewMachineEvent): Steps<boolean> {
    const sql = "UPDATE boot_resource SET wish = ?, changed_ms = ? WHERE id = ? AND wish <> 'delete'";
    return yield* this.changed(run(sql, wish, event.atMs, id), event);
  }

  *forget(names: readonly string[]): Steps<void> {
    yield run(
      "DELETE FROM boot_resource WHERE name IN texts(?) AND (wish = 'delete' OR name NOT IN (SELECT name FROM boot_upload))",
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

  *findRun(): Steps<ImportRun> {
    const { row } = yield one('SELECT run FROM boot_run WHERE id = 1');
    return row === undefined ? NO_RUN : readRun(row);
  }

  *changeRun(change: Partial<ImportRun>, event?: NewMachineEvent): Steps<void> {
    const nextRun = { ...(yield* this.findRun()), ...change };
    yield run(
      'INSERT INTO boot_run (id, run) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET run = excluded.run',
      JSON.stringify(nextRun),
    );
    if (event !== undefined) yield* this.events.add(event);
  }

  *noteDownload(download: ReportedDownload, event: NewMachineEvent): Steps<void> {
    const { downloads } = yield* this.findRun();
    yield* this.changeRun({ downloads: [...withReport(downloads, download)] }, event);
  }

  *#isTaken(url: string, excludedId: number): Steps<boolean> {
    const sql = 'SELECT id FROM boot_source WHERE url = ? AND name IS NULL AND id <> ?';
    return readFirstNumber(yield one(sql, url, excludedId)) > 0;
  }

  *#isSelected(sourceId: number, { os, release }: Selection, excludedId: number): Steps<boolean> {
    const sql = 'SELECT id FROM boot_selection WHERE source_id = ? AND os = ? AND release = ? AND id <> ?';
    return readFirstNumber(yield one(sql, sourceId, os, release, excludedId)) > 0;
  }
}

const writtenSource = {
  url: text('url'),
  index: optional(text('index_path')),
  why: optional(text('unsigned_why')),
  keyringFilename: text('keyring_filename'),
  keyring: bytes('keyring'),
  updatedMs: number('updated_ms'),
};
const WRITTEN_SOURCE = codec<WrittenBootSource>(writtenSource);
const SOURCE = codec<BootSource>({
  id: number('id'),
  name: optional(text('name')),
  ...writtenSource,
  createdMs: number('created_ms'),
});

const writtenSelection = {
  os: text('os'),
  release: text('release'),
  arches: json<readonly string[]>('arches'),
  subarches: json<readonly string[]>('subarches'),
  labels: json<readonly string[]>('labels'),
};
const WRITTEN_SELECTION = codec<Selection>(writtenSelection);
const readSelection = codec<BootSelection>({
  id: number('id'),
  sourceId: number('source_id'),
  ...writtenSelection,
}).read;

type StoredProgress = ImportProgress | (Omit<ImportProgress, 'state'> & { readonly state: 'paused' });

/** Earlier versions stored `paused`, too. */
const withoutPause = (progress: StoredProgress): ImportProgress =>
  progress.state === 'paused' ? { ...progress, state: 'cancelled' } : progress;

const readResource = codec<BootResource>({
  id: number('id'),
  name: text('name'),
  // Earlier versions stored `pause` and `cancel`, too.
  wish: mapColumn(text('wish'), (stored): ResourceWish => (stored === 'delete' ? stored : 'import'), String),
  progress: optional(mapColumn(json<StoredProgress>('progress'), withoutPause, (progress) => progress)),
}).read;

const readRun = mapColumn(text('run'), (run) => importRun.parse(JSON.parse(run)), JSON.stringify).read;
const readName = text('name').read;

const readUse = codec<ImageUse>({
  os: text('osystem'),
  release: text('release'),
  architecture: text('architecture'),
  machines: number('machines'),
  deploying: number('deploying'),
  first: text('first'),
}).read;
