// `rackboot region copy`, `backup` and `restore`: copy everything that a region keeps from one database to another.
//
// 1. A copy moves a region, so the region at its source must be stopped. A backup can be made while the region runs.
// 2. A backup is one file of SQLite, as region.db is. `restore` writes it into the store of a configuration file.

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { REGION_CONFIG } from '../../config/region-config-place.ts';
import { isSocketUrl, loadStorePlace, parseStore, type StorePlace } from '../../config/region-store.ts';
import { startCommand } from '../../control/start-command.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { seenStats } from '../../files/seen-stats.ts';
import { postgresPlace } from '../../region-process/open-store.ts';
import { checkReadable, SqliteSource, SqliteTarget, TARGET_WORDS } from '../../store/copying/copy-sqlite.ts';
import { type CopiedTables, type CopySource, type CopyTarget, copyRegion } from '../../store/copying/region-copy.ts';
import { REGION_FILE } from '../../store/region/region-schema.ts';
import { lockState } from '../../store/state-lock.ts';
import { formatBytes, print, printAside, printJson } from '../terminal/output.ts';
import { becomeMakerOf, becomeOwnerOf, makeForService } from '../terminal/state-owner.ts';

/** Options for a PostgreSQL database that is named by its URL. */
interface DatabaseOptions {
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
}

/** One end that an option of `copy` names. */
interface NamedPlace extends StorePlace {
  readonly option: '--from' | '--to';
}

/** The store of a configuration file, or an end that an option names. */
type AnyPlace = StorePlace & Partial<NamedPlace>;

/** Opens one end of a copy, lends it to `work`, and closes it. */
type Lend<End> = (work: (end: End) => Promise<CopiedTables>) => Promise<CopiedTables>;

/** How a command reports. */
interface Report {
  readonly json: boolean;
  /** True to list each table with its number of rows, even an empty one. */
  readonly verbose: boolean;
}

/** Moves a region's data. @param from, to `sqlite:DIRECTORY` or the URL of a PostgreSQL @returns 0 */
export async function copyStores(from: string, to: string, options: DatabaseOptions, report: Report): Promise<number> {
  const [source, target] = [
    placeOf(from, '--from', optionsFor(from, to, options)),
    placeOf(to, '--to', optionsFor(to, from, options)),
  ];
  checkDifferent(source, target);
  await loadPostgres(source, target);
  // Read the files that the options name before this process switches users: perhaps only root may read them.
  const one = inOptions(() => sourceAt(source, true), '--from');
  const other = inOptions(() => targetAt(target), '--to');
  makeTarget(source, target);
  // Write into a state directory as its owner, so that the service there can open the files.
  for (const { stateDir, store, option } of [source, target])
    if (store.kind === 'sqlite') becomeOwnerOf(stateDir, option);
  const release = holdNamed(source, target);
  try {
    return await copy(one, other, { ...report, next: nextAfterCopy(target) });
  } finally {
    release();
  }
}

function nextAfterCopy({ stateDir, store }: NamedPlace): string {
  const what = store.kind === 'sqlite' ? `set state_dir to ${stateDir}` : 'name this database in region.store';
  return `${what} in the region's file (${REGION_CONFIG}), and start its service`;
}

/** @throws RackError `bad-argument` if both are one directory, or have one URL; a database may have several (`toPostgres`) */
function checkDifferent({ stateDir, store }: NamedPlace, target: NamedPlace): void {
  const isSameUrl = store.kind === 'postgresql' && target.store.kind === 'postgresql' && store.url === target.store.url;
  if (isSameUrl) throw new RackError('bad-argument', '--from and --to name the same database: name another one');
  if (store.kind !== 'sqlite' || target.store.kind !== 'sqlite') return;
  const [one, other] = [stateDir, target.stateDir].map(seenStats);
  const isLinked = one !== undefined && one.dev === other?.dev && one.ino === other.ino;
  if (stateDir !== target.stateDir && !isLinked) return;
  const names = stateDir === target.stateDir ? stateDir : `${stateDir} (also called ${target.stateDir})`;
  throw new RackError('bad-argument', `--from and --to name the same directory, ${names}: name another one`);
}

/** Makes the directory of the target for the user that will run the region, unless the source has no data. */
function makeTarget(source: NamedPlace, target: NamedPlace): void {
  const from = source.store.kind === 'sqlite' ? source.stateDir : undefined;
  if (target.store.kind !== 'sqlite') return;
  if (from !== undefined) atOption('--from', () => checkReadable(join(from, REGION_FILE)));
  atOption('--to', () => makeForService(target.stateDir, NAMED['--to'], from));
}

/** Writes the store of a configuration file into a new file, even while its region runs. @returns 0 */
export async function backUp(config: string, given: string, { json, verbose }: Report): Promise<number> {
  // An absolute path, because the error for a directory that the state's owner may not write names the directory.
  const file = resolve(given);
  const place = loadStorePlace(config);
  await loadPostgres(place);
  const source = sourceAt(place, false);
  becomeOwnerOf(place.stateDir);
  const tell = verbose ? tellTable : (): void => undefined;
  const copied = await run(source, (work) => intoTarget(SqliteTarget.open(file, TARGET_WORDS.backup), work), tell);
  const { size: bytes } = statSync(file);
  if (json) printJson({ file, bytes, tables: copied.tables, rows: copied.rows });
  else
    print(
      `Wrote ${file}: ${formatBytes(bytes)}, ${counted(copied.rows, 'row')} in ${counted(copied.tables, 'table')}.`,
    );
  return 0;
}

/** Fills the empty store of a configuration file from a backup. @returns 0 */
export async function restore(config: string, given: string, report: Report): Promise<number> {
  const file = resolve(given);
  // Perhaps the owner of the store may not read the configuration.
  const next = `start the region: \`${startCommand(config)}\``;
  const place = loadStorePlace(config);
  await loadPostgres(place);
  const target = targetAt(place);
  if (place.store.kind === 'sqlite') becomeMakerOf(place.stateDir, undefined, RESTORED);
  else becomeOwnerOf(place.stateDir);
  const lock = place.store.kind === 'sqlite' ? lockState(place.stateDir, RESTORED) : undefined;
  try {
    return await copy((work) => fromFile(file, work), target, { ...report, next });
  } finally {
    lock?.release();
  }
}

type TellTable = (table: string, rows: number) => void;

const tellTable: TellTable = (table, rows) => void printAside(`${table.padEnd(16)} ${counted(rows, 'row')}\n`);

const tellFilled: TellTable = (table, rows) => {
  if (rows > 0) tellTable(table, rows);
};

const run = (source: Lend<CopySource>, target: Lend<CopyTarget>, tell: TellTable): Promise<CopiedTables> =>
  source((one) => target((other) => copyRegion(one, other, tell)));

/** @param next the next step of the operator */
async function copy(
  source: Lend<CopySource>,
  target: Lend<CopyTarget>,
  { json, verbose, next }: Report & { readonly next: string },
): Promise<number> {
  const copied = await run(source, target, verbose ? tellTable : tellFilled);
  if (json) {
    printJson(copied);
    return 0;
  }
  print(`${counted(copied.rows, 'row')} in ${counted(copied.tables, 'table')} copied.`);
  printAside(`Next: ${next}.\n`);
  return 0;
}

/** The options for one end: if only the other end is reached by TLS, --ca-file belongs to that one. */
const optionsFor = (end: string, other: string, options: DatabaseOptions): DatabaseOptions =>
  isSocketUrl(end) && isDatabase(other) && !isSocketUrl(other) ? { ...options, caFile: undefined } : options;

const isDatabase = (text: string): boolean => /^postgres(?:ql)?:/.test(text);

/** @throws RackError `bad-argument` */
function placeOf(text: string, option: NamedPlace['option'], { passwordFile, caFile }: DatabaseOptions): NamedPlace {
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
  const given = { kind: 'postgresql', url: text, password_file: passwordFile, ca_file: caFile };
  return {
    option,
    stateDir: '',
    store: parseStore(
      given,
      (problem, key) => new RackError('bad-argument', optionNames(`${key}: ${problem}`, option)),
    ),
  };
}

/** Replaces the keys of a configuration file in an error: here the values come from options. */
const optionNames = (text: string, option: string): string =>
  text
    .replaceAll('region.store.url', option)
    .replaceAll('region.store.', '')
    .replace(/(?<=^| )(password|ca)_file/g, '--$1-file');

/** One end of a copy; its errors name options instead of keys. */
function inOptions<End>(place: () => Lend<End>, option: string): Lend<End> {
  const renamed = (error: unknown): unknown =>
    error instanceof RackError
      ? new RackError(error.code, optionNames(error.message, option), { cause: error })
      : error;
  try {
    const lend = place();
    return (work) =>
      lend(work).catch((error: unknown) => {
        throw renamed(error);
      });
  } catch (error) {
    throw renamed(error);
  }
}

/** Loads the driver now: the owner of the data may not be able to read its files. */
async function loadPostgres(...places: readonly StorePlace[]): Promise<void> {
  if (places.some(({ store }) => store.kind === 'postgresql')) await import('../../store/copying/copy-postgres.ts');
}

/** How errors speak of the directory that is restored into. */
const RESTORED = { title: 'state directory', elsewhere: TARGET_WORDS.restore.elsewhere };
/** How errors speak of a directory that an option names. */
const NAMED = {
  '--from': { title: 'directory', elsewhere: 'correct the path' },
  '--to': { title: 'directory', elsewhere: TARGET_WORDS.copy.elsewhere },
} as const;

/**
 * Keeps processes of a region from starting in these directories.
 * @throws RackError `already-running`, `not-found` for a source without data, and those of `lockState`; each begins with the option
 */
function holdNamed(...places: readonly NamedPlace[]): () => void {
  const locks = places.flatMap(({ stateDir, store, option }) =>
    store.kind !== 'sqlite'
      ? []
      : atOption(option, () => {
          // Locking would make the directory of a mistyped source.
          if (option === '--from') checkReadable(join(stateDir, REGION_FILE));
          return [lockState(stateDir, NAMED[option])];
        }),
  );
  return () => {
    for (const lock of locks) lock.release();
  };
}

/** @param option undefined: a configuration file names the place @throws RackError whose text begins with the option that it is about */
function atOption<T>(option: NamedPlace['option'] | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RackError) || option === undefined) throw error;
    throw new RackError(error.code, `${option}: ${error.message}`, { cause: error });
  }
}

/** Reads the files that the place names. @param isStopped true to refuse a source on which a region runs */
function sourceAt({ stateDir, store, option }: AnyPlace, isStopped: boolean): Lend<CopySource> {
  if (store.kind === 'sqlite') return (work) => fromFile(join(stateDir, REGION_FILE), work, option);
  const place = postgresPlace(store);
  return async (work) => {
    const { fromPostgres } = await import('../../store/copying/copy-postgres.ts');
    return await fromPostgres(place, isStopped, work);
  };
}

/** Reads the files that the place names. */
function targetAt({ stateDir, store, option }: AnyPlace): Lend<CopyTarget> {
  if (store.kind === 'sqlite') {
    const words = option === undefined ? TARGET_WORDS.restore : TARGET_WORDS.copy;
    const open = (): SqliteTarget => SqliteTarget.open(join(stateDir, REGION_FILE), words);
    return (work) => intoTarget(atOption(option, open), work);
  }
  const place = postgresPlace(store);
  return async (work) => {
    const { toPostgres } = await import('../../store/copying/copy-postgres.ts');
    return await toPostgres(place, work);
  };
}

async function fromFile(
  path: string,
  work: (source: CopySource) => Promise<CopiedTables>,
  option?: NamedPlace['option'],
): Promise<CopiedTables> {
  const source = atOption(option, () => SqliteSource.open(path));
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
