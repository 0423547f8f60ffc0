// A region.db, or a backup, as an end of a copy (`region-copy.ts`).
//
// 1. The source is read in one transaction, as of one moment, even while others write to it.
// 2. The target is written under another name in its directory, and renamed when it is whole. One
//    process at a time writes it, and what a killed one left is written afresh. No other user can
//    read it.
// 3. A log left by an earlier database of the target's name would change it: such a target is refused.

import { accessSync, constants, existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { findOwnUserName } from '../../files/ownership.ts';
import { toFileFault } from '../../files/read-fault.ts';
import { statIfVisible, statLinkIfVisible } from '../../files/seen-stats.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import {
  COMPANIONS,
  explainFailure,
  isFullDisk,
  makeStateDirectory,
  openDatabaseFile,
  openToRead,
  readSqliteCode,
  SQLITE_BUSY,
} from '../database-file.ts';
import { UNFINISHED_SUFFIX } from '../region/interrupted-copy.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';
import { composeInsert } from '../rows.ts';
import { composeUsedVersions } from '../steps.ts';
import type { CopiedRow, CopiedTable, CopySource, CopyTarget } from './region-copy.ts';

/**
 * Opens a file and locks out all other processes.
 * @param elsewhere how to use another location, for an error
 * @throws RackError `already-running`
 */
function openLocked(path: string, elsewhere: string): DatabaseSync {
  const kind = { ...REGION_DATABASE, elsewhere };
  let database: DatabaseSync | undefined;
  try {
    database = openDatabaseFile(path, kind);
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    const error = cause instanceof RackError ? cause.cause : cause;
    if (readSqliteCode(error) !== SQLITE_BUSY)
      throw cause instanceof RackError ? cause : explainFailure(path, kind, cause);
    throw new RackError('already-running', `another process writes ${path}: wait until it has ended`, { cause });
  }
}

export class SqliteSource implements CopySource {
  readonly #path: string;
  readonly #database: DatabaseSync;

  /** @throws RackError `not-found`, `store-broken`, `store-newer` */
  constructor(path: string) {
    checkReadable(path);
    this.#path = path;
    const kind = { ...REGION_DATABASE, elsewhere: 'name another one' };
    this.#database = openToRead(path, kind, (database, version) => {
      const latestVersion = kind.migrations.length;
      if (version !== latestVersion)
        throw new RackError(
          'store-broken',
          `${path} has version ${version}, this Rackboot ${latestVersion}: start its region once with this Rackboot`,
        );
      database.exec('BEGIN');
    });
  }

  async *read({ name, columns, rowsAtOnce }: CopiedTable): AsyncGenerator<readonly CopiedRow[]> {
    const names = columns.map((column) => column.name);
    try {
      const rows: CopiedRow[] = [];
      for (const row of this.#database.prepare(`SELECT ${names.join(', ')} FROM ${name}`).iterate()) {
        rows.push(names.map((column) => row[column] ?? null));
        if (rows.length === rowsAtOnce) yield rows.splice(0);
      }
      if (rows.length > 0) yield rows;
    } catch (error) {
      const text = `${this.#path}: the table ${name} cannot be read (${errorText(error)}): take another backup`;
      throw new RackError('store-broken', text, { cause: error });
    }
  }

  async readLastId({ name }: CopiedTable): Promise<number> {
    return Number(this.#database.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(name)?.seq ?? 0);
  }

  close(): void {
    this.#database.close();
  }
}

interface TargetTexts {
  readonly takenRemedy: string;
  readonly elsewhere: string;
}

const MOVE_AWAY_REMEDY = 'move it and its logs (region.db*) away together';
/**
 * The texts for the file of a backup, for the directory of a copy, and for the configuration file
 * to restore into.
 */
export const TARGET_TEXTS = {
  backup: { takenRemedy: 'name a new file, or move this one away', elsewhere: 'name a file in another directory' },
  copy: { takenRemedy: `name a new directory, or ${MOVE_AWAY_REMEDY}`, elsewhere: 'name another directory' },
  restore: { takenRemedy: MOVE_AWAY_REMEDY, elsewhere: 'set state_dir to another directory' },
} as const satisfies Readonly<Record<string, TargetTexts>>;

export class SqliteTarget implements CopyTarget {
  readonly #path: string;
  readonly #texts: TargetTexts;
  readonly #database: DatabaseSync;

  private constructor(path: string, texts: TargetTexts) {
    this.#path = path;
    this.#texts = texts;
    this.#database = openLocked(`${path}${UNFINISHED_SUFFIX}`, texts.elsewhere);
  }

  /**
   * @throws RackError `already-exists`, `already-running` if another process writes it, and as
   * `openDatabaseFile`
   */
  static open(path: string, texts: TargetTexts): SqliteTarget {
    const directory = dirname(path);
    if (existsSync(directory)) checkWritable(directory);
    else makeStateDirectory(directory, { title: 'directory', elsewhere: texts.elsewhere });
    checkFree(path, texts);
    // Only the process with the lock may remove what a killed process left.
    if (existsSync(`${path}${UNFINISHED_SUFFIX}`)) new SqliteTarget(path, texts).close();
    return new SqliteTarget(path, texts);
  }

  async write({ name, columns }: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    this.#runWrite(() => {
      const insertion = this.#database.prepare(
        composeInsert(
          name,
          columns.map((column) => column.name),
        ),
      );
      for (const row of rows) insertion.run(...row);
    });
  }

  async finish(lastIds: ReadonlyMap<string, number>): Promise<void> {
    const database = this.#database;
    this.#runWrite(() => {
      database.exec('DELETE FROM sqlite_sequence');
      const insertSequence = database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)');
      for (const [name, lastId] of lastIds) insertSequence.run(name, lastId);
      // In PostgreSQL, new versions must be higher than all copied ones.
      database.exec(
        `INSERT INTO counter (name, value) SELECT 'desired-version', max(value) FROM (${composeUsedVersions()}) WHERE true ` +
          'ON CONFLICT (name) DO UPDATE SET value = excluded.value; COMMIT',
      );
    });
    checkFree(this.#path, this.#texts);
    renameSync(`${this.#path}${UNFINISHED_SUFFIX}`, this.#path);
    this.close();
  }

  /** Removes what is unfinished. */
  close(): void {
    if (!this.#database.isOpen) return;
    for (const companion of ['', ...COMPANIONS])
      rmSync(`${this.#path}${UNFINISHED_SUFFIX}${companion}`, { force: true });
    this.#database.close();
  }

  /** @throws RackError `store-unavailable` for a full or failing disk */
  #runWrite(write: () => void): void {
    try {
      write();
    } catch (error) {
      const reason = isFullDisk(this.#path, error)
        ? 'the disk is full; make room'
        : `${errorText(error)}; look for errors of the disk (dmesg)`;
      const text = `${this.#path} cannot be written: ${reason}, and repeat the command`;
      throw new RackError('store-unavailable', text, { cause: error });
    }
  }
}

/** Refuses a file or link of this name, and a former one's log, which would be replayed into the new one. */
function checkFree(path: string, { takenRemedy }: TargetTexts): void {
  if (statLinkIfVisible(path) !== undefined) throw new RackError('already-exists', `${path} exists: ${takenRemedy}`);
  for (const companion of COMPANIONS) {
    const log = `${path}${companion}`;
    const bytes = statIfVisible(log)?.size ?? 0;
    if (companion === '-shm' || bytes === 0) continue;
    const text = `${log} belongs to an earlier ${basename(path)}, and its ${counted(bytes, 'byte')} would change the new one: move it next to the earlier file, under the same name`;
    throw new RackError('already-exists', text);
  }
}

export function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw toFileFault(path, error);
  }
}

function checkWritable(directory: string): void {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const text = `${findOwnUserName()}, who runs the region, cannot write into ${directory} (${osErrorCode(error)}): name a file in a directory of that user, such as the region's own`;
    throw new RackError('permission-denied', text, { cause: error });
  }
}
