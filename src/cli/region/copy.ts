// `rackboot region copy`, `backup` and `restore`: copy everything that a region keeps from one
// database to another.
//
// 1. A copy moves a region, so the region at its source must be stopped. A backup can be made while
//    the region runs.
// 2. A backup is one file of SQLite, as region.db is. `restore` writes it into the store of a
//    configuration file.
// 3. Root opens each end as the owner of its directory: of the store, or of the backup.

import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { REGION_CONFIG } from '../../config/region-config-place.ts';
import { isSocketUrl, loadStoreLocation, parseStore, type StoreLocation } from '../../config/region-store.ts';
import { startCommand } from '../../control/start-command.ts';
import { statIfVisible } from '../../files/seen-stats.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { readDatabaseAccess } from '../../region-host/open-store.ts';
import { checkReadable, SqliteSource, SqliteTarget, TARGET_TEXTS } from '../../store/copying/copy-sqlite.ts';
import { type CopiedTables, type CopySource, type CopyTarget, copyRegion } from '../../store/copying/region-copy.ts';
import { REGION_FILE } from '../../store/region/region-schema.ts';
import { lockState } from '../../store/state-lock.ts';
import { printAnswer } from '../terminal/asking.ts';
import { formatBytes, print, printAside } from '../terminal/output.ts';
import { actAsOwner, becomeOwner, makeForService, runAsOwner } from '../terminal/state-owner.ts';

interface DatabaseOptions {
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
}

type Option = '--from' | '--to';

interface Place extends StoreLocation {
  readonly option?: Option;
}
type NamedPlace = Place & { readonly option: Option };

/** Opens one end of a copy, lends it to `work`, and closes it. */
type Lend<End> = (work: (end: End) => Promise<CopiedTables>) => Promise<CopiedTables>;

interface Report {
  readonly json: boolean;
  /** Lists each table with its number of rows. */
  readonly verbose: boolean;
}

/** Moves a region's data. @param from, to `sqlite:DIRECTORY` or the URL of a PostgreSQL */
export async function copyStores(
  options: DatabaseOptions & Report & { readonly from: string; readonly to: string },
): Promise<number> {
  const { from, to } = options;
  try {
    const source = parsePlace(from, '--from', optionsFor(from, to, options));
    return await copyNamed(source, parsePlace(to, '--to', optionsFor(to, from, options)), options);
  } catch (error) {
    // The values of these keys come from options.
    const text =
      error instanceof RackError
        ? error.message.replaceAll(/(?<=^| )(?:region\.store\.)?(password|ca)_file/g, '--$1-file')
        : '';
    throw error instanceof RackError && text !== error.message
      ? new RackError(error.code, text, { cause: error })
      : error;
  }
}

async function copyNamed(source: NamedPlace, target: NamedPlace, report: Report): Promise<number> {
  checkDifferent(source, target);
  await loadPostgres(source, target);
  // Perhaps only root may read the files that the options name; this process then switches users.
  const [one, other] = [sourceAt(source, true), targetAt(target)];
  makeTarget(source, target);
  // As the owner of the state, so that the service there can open the files.
  const ends = [source, target].filter(({ store }) => store.kind === 'sqlite');
  for (const { stateDir } of ends) becomeOwner(stateDir);
  // Keeps processes of a region from starting in these directories.
  const locks = ends.map(({ stateDir, option }) => atOption(option, () => lockState(stateDir, NAMED[option])));
  try {
    return await copyTables(one, other, { ...report, next: nextAfterCopy(target) });
  } finally {
    for (const lock of locks) lock.release();
  }
}

function nextAfterCopy({ stateDir, store }: NamedPlace): string {
  const what = store.kind === 'sqlite' ? `set state_dir to ${stateDir}` : 'name this database in region.store';
  return `${what} in the region's file (${REGION_CONFIG}), and start its service`;
}

/** Refuses one directory, or one URL; a database may have several (`writeToPostgres`). */
function checkDifferent({ stateDir, store }: NamedPlace, target: NamedPlace): void {
  const isSameUrl = store.kind === 'postgresql' && target.store.kind === 'postgresql' && store.url === target.store.url;
  if (isSameUrl) throw new RackError('bad-argument', '--from and --to name the same database: name another one');
  if (store.kind !== 'sqlite' || target.store.kind !== 'sqlite') return;
  const [one, other] = [stateDir, target.stateDir].map(statIfVisible);
  const isLinked = one !== undefined && one.dev === other?.dev && one.ino === other.ino;
  if (stateDir !== target.stateDir && !isLinked) return;
  const names = stateDir === target.stateDir ? stateDir : `${stateDir} (also called ${target.stateDir})`;
  throw new RackError('bad-argument', `--from and --to name the same directory, ${names}: name another one`);
}

/**
 * The directory of the target, for the user that will run the region, unless the source has no
 * data: locking would make the directory of a mistyped one.
 */
function makeTarget(source: NamedPlace, target: NamedPlace): void {
  const from = source.store.kind === 'sqlite' ? source.stateDir : undefined;
  if (from !== undefined) atOption('--from', () => checkReadable(join(from, REGION_FILE)));
  if (target.store.kind === 'sqlite') atOption('--to', () => makeForService(target.stateDir, NAMED['--to'], from));
}

interface FileFlags extends Report {
  readonly config: string;
  readonly file: string;
}

/** Writes the store of a configuration file into a new file, even while its region runs. */
export async function backUp({ config, file: given, json, verbose }: FileFlags): Promise<number> {
  const file = resolve(given);
  const place = loadStoreLocation(config);
  await loadPostgres(place);
  const source = sourceAt(place, false);
  const leave = actAsOwner(place.stateDir);
  const target: Lend<CopyTarget> = (work) => {
    leave();
    actAsOwner(dirname(file));
    return intoTarget(SqliteTarget.open(file, TARGET_TEXTS.backup), work);
  };
  const copied = await runCopy(source, target, verbose ? tellTable : (): void => undefined);
  const { size: bytes } = statSync(file);
  const content = `${counted(copied.rows, 'row')} in ${counted(copied.tables, 'table')}`;
  return printAnswer(
    { json },
    { file, bytes, tables: copied.tables, rows: copied.rows },
    `Wrote ${file}: ${formatBytes(bytes)}, ${content}.`,
  );
}

/** Fills the empty store of a configuration file from a backup. */
export async function restore({ config, ...report }: FileFlags): Promise<number> {
  const file = resolve(report.file);
  // Perhaps the owner of the store may not read the configuration.
  const next = `start the region: \`${startCommand(config)}\``;
  const place = loadStoreLocation(config);
  await loadPostgres(place);
  const target = targetAt(place);
  const isFile = place.store.kind === 'sqlite';
  if (isFile) makeForService(place.stateDir, RESTORED);
  const lock = isFile ? runAsOwner(place.stateDir, () => lockState(place.stateDir, RESTORED)) : undefined;
  const leave = actAsOwner(dirname(file));
  const source: Lend<CopySource> = (work) =>
    fromFile(file, (opened) => {
      leave();
      becomeOwner(place.stateDir);
      return work(opened);
    });
  try {
    return await copyTables(source, target, { ...report, next });
  } finally {
    lock?.release();
  }
}

type TellTable = (table: string, rows: number) => void;

const tellTable: TellTable = (table, rows) => void printAside(`${table.padEnd(16)} ${counted(rows, 'row')}\n`);

const tellFilled: TellTable = (table, rows) => {
  if (rows > 0) tellTable(table, rows);
};

const runCopy = (source: Lend<CopySource>, target: Lend<CopyTarget>, tell: TellTable): Promise<CopiedTables> =>
  source((opened) => target((other) => copyRegion(opened, other, tell)));

async function copyTables(
  source: Lend<CopySource>,
  target: Lend<CopyTarget>,
  { json, verbose, next }: Report & { readonly next: string },
): Promise<number> {
  const copied = await runCopy(source, target, verbose ? tellTable : tellFilled);
  return printAnswer({ json }, copied, () => {
    print(`${counted(copied.rows, 'row')} in ${counted(copied.tables, 'table')} copied.`);
    printAside(`Next: ${next}.\n`);
  });
}

/** If only the other end is reached by TLS, --ca-file belongs to that one. */
const optionsFor = (end: string, other: string, options: DatabaseOptions): DatabaseOptions =>
  isSocketUrl(end) && isDatabase(other) && !isSocketUrl(other) ? { ...options, caFile: undefined } : options;

const isDatabase = (text: string): boolean => /^postgres(?:ql)?:/.test(text);

function parsePlace(text: string, option: Option, { passwordFile, caFile }: DatabaseOptions): NamedPlace {
  const directory = /^sqlite:(.+)$/.exec(text)?.[1];
  if (directory?.startsWith('/') === true) return { option, stateDir: resolve(directory), store: { kind: 'sqlite' } };
  if (directory !== undefined)
    throw new RackError(
      'bad-argument',
      `${option}: ${directory} is not an absolute path: write sqlite:${resolve(directory)}`,
    );
  if (!isDatabase(text)) {
    const help = 'write sqlite:DIRECTORY with the state directory of a region, or postgresql://user@host/database';
    throw new RackError('bad-argument', `${option}: ${help}`);
  }
  const written = { kind: 'postgresql', url: text, password_file: passwordFile, ca_file: caFile };
  const store = parseStore(written, (problem, key) => {
    const what = `${key}: ${problem}`.replaceAll('region.store.url', option).replace('region.store.pool', 'pool');
    return new RackError('bad-argument', what);
  });
  return { option, stateDir: '', store };
}

/** The owner of the data may not be able to read the driver's files. */
async function loadPostgres(...places: readonly StoreLocation[]): Promise<void> {
  if (places.some(({ store }) => store.kind === 'postgresql')) await import('../../store/copying/copy-postgres.ts');
}

const RESTORED = { title: 'state directory', elsewhere: TARGET_TEXTS.restore.elsewhere };
const NAMED = {
  '--from': { title: 'directory', elsewhere: 'correct the path' },
  '--to': { title: 'directory', elsewhere: TARGET_TEXTS.copy.elsewhere },
} as const;

/**
 * An error begins with the option that it is about. @param option undefined: a configuration file
 * names the place
 */
function atOption<T>(option: Option | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RackError) || option === undefined) throw error;
    throw new RackError(error.code, `${option}: ${error.message}`, { cause: error });
  }
}

/** @param isStopped true to refuse a source on which a region runs */
function sourceAt({ stateDir, store, option }: Place, isStopped: boolean): Lend<CopySource> {
  if (store.kind === 'sqlite') return (work) => fromFile(join(stateDir, REGION_FILE), work, option);
  const place = readDatabaseAccess(store);
  return async (work) => {
    const { readFromPostgres } = await import('../../store/copying/copy-postgres.ts');
    return await readFromPostgres(place, isStopped, work);
  };
}

function targetAt({ stateDir, store, option }: Place): Lend<CopyTarget> {
  if (store.kind === 'sqlite') {
    const words = option === undefined ? TARGET_TEXTS.restore : TARGET_TEXTS.copy;
    const open = (): SqliteTarget => SqliteTarget.open(join(stateDir, REGION_FILE), words);
    return (work) => intoTarget(atOption(option, open), work);
  }
  const place = readDatabaseAccess(store);
  return async (work) => {
    const { writeToPostgres } = await import('../../store/copying/copy-postgres.ts');
    return await writeToPostgres(place, work);
  };
}

async function fromFile(
  path: string,
  work: (source: CopySource) => Promise<CopiedTables>,
  option?: Option,
): Promise<CopiedTables> {
  const source = atOption(option, () => new SqliteSource(path));
  try {
    return await work(source);
  } finally {
    source.close();
  }
}

async function intoTarget(
  target: SqliteTarget,
  work: (target: CopyTarget) => Promise<CopiedTables>,
): Promise<CopiedTables> {
  try {
    return await work(target);
  } finally {
    target.close();
  }
}
