// `rackboot backup` and `rackboot restore`: what a rack knows, in one file: leases, machines, settings, its identity and its configuration.
//
//   backup   databases copied as of one moment, other files ─→ a directory in the state directory ─→ tar ─→ FILE
//   --keep   a new file in a directory ─→ the oldest ones there are removed ─→ the running rack hears of it, or of the failure
//   --check  FILE ─→ restored into a directory in the state directory ─→ its databases opened as by a start ─→ all removed
//   restore  FILE ─→ a directory in the state directory ─ every file as its digest says? versions known? ─→ commitRestore
//
// 1. The file is a tar archive: manifest.json with the size and digest of each file, then `state/…` and `config/…`. Images are not in it:
//    they can be built and imported again.
// 2. A rack may run during a backup: the databases are read in transactions. The outbox comes first: an event that is in both reaches the
//    region twice, and is stored once.
// 3. Below the state directory, root works as its owner, who could put links there.
// 4. A killed command leaves the former state and file; the next one removes what it left. A restore is in force as a whole or not at all
//    (`store/pending-restore.ts`). Its configuration is written last: the same command completes it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../../clock.ts';
import { loadPlace, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { siteSourcesFile } from '../../config/image-sources.ts';
import { isRegionFile } from '../../config/region-file-kind.ts';
import { defaultName } from '../../config/resolve.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { enableCommand } from '../../control/start-command.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { readVersion } from '../../files/program-version.ts';
import { fileFault } from '../../files/read-fault.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import {
  checkCopy,
  copyDatabase,
  type DatabaseKind,
  openDatabaseFile,
  writeRefused,
} from '../../store/database-file.ts';
import { LEASE_DATABASE } from '../../store/leases/lease-database.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';
import { OUTBOX_DATABASE, OUTBOX_FILE } from '../../store/outbox/outbox-database.ts';
import { commitRestore, MANIFEST_BYTES_MAX, MANIFEST_FILE, STATE_PART } from '../../store/pending-restore.ts';
import { REGION_DATABASE, REGION_FILE } from '../../store/region/region-schema.ts';
import { lockState } from '../../store/state-lock.ts';
import { withStoredSettings } from '../config/settings-store.ts';
import { formatBytes, print, printAside, printError, printJson } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import { asOwnerOf, makeForService, type Owner } from '../terminal/state-owner.ts';

const FORMAT = 1;
const KEPT_MAX = 1000;
/** The end of a file's name while a process writes it. */
const UNFINISHED = /\.\d+\.unfinished$/;
/** The names in the directory of `--keep`, oldest first when sorted. */
const KEPT = /^rackboot-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar$/;
const CONFIG_PART = 'config';
/** In this order (rule 2). */
const DATABASES: readonly (readonly [name: string, kind: DatabaseKind])[] = [
  [OUTBOX_FILE, OUTBOX_DATABASE],
  [REGION_FILE, REGION_DATABASE],
  [LEASE_FILE, LEASE_DATABASE],
];
const OTHER_STATE = ['rack.json', 'region.key', 'ssh'];

const entryShape = z.object({
  /** `state/…` or `config/…`. */
  path: z.string().regex(/^(?:state|config)(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/),
  bytes: z.number().int().min(0),
  sha256: z.string(),
  mode: z.number().int(),
  /** True for a file of the configuration that belongs to the user of the state. */
  isOfService: z.boolean(),
});
type Entry = z.output<typeof entryShape>;
const manifestShape = z.object({
  format: z.literal(FORMAT),
  version: z.string(),
  made: z.string(),
  stateDir: z.string().refine(isAbsolute),
  configFile: z.string().refine(isAbsolute),
  files: z.array(entryShape),
});
type Manifest = z.output<typeof manifestShape>;

interface FileFlags {
  readonly config: string;
  readonly file: string;
  readonly json: boolean;
}
interface BackupFlags extends FileFlags {
  /** `file` is a directory, in which so many backups stay. */
  readonly keep?: number | undefined;
  /** Restore it into a scratch directory. */
  readonly check: boolean;
}

interface Backup {
  readonly file: string;
  readonly bytes: number;
  readonly files: readonly string[];
}

/** Writes a backup into a new file. @throws RackError `already-exists`, `bad-argument`, `store-…`, `tool-…` */
export async function backUpRack({ config: given, file: named, json, keep, check }: BackupFlags): Promise<number> {
  const [config, place] = [resolve(given), resolve(named)];
  const made = keep === undefined ? backUp(config, place, check) : await backUpInto(config, place, keep, check);
  const { file, bytes, files } = made;
  if (json) printJson({ file, bytes, files });
  else {
    print(`Wrote ${file} (${formatBytes(bytes)}): ${files.map(shortName).join(', ')}.`);
    if (check) print('It can be restored.');
    print('Passwords of power controllers and accounts are in it: keep it as safe as the rack. Images are not in it.');
  }
  return 0;
}

/** For a timer: nobody reads the error of this command, so the running rack shows it. */
async function backUpInto(config: string, directory: string, keep: number, check: boolean): Promise<Backup> {
  if (!Number.isInteger(keep) || keep < 1 || keep > KEPT_MAX)
    throw new RackError('bad-argument', `--keep ${keep} is not a number of backups: give 1 to ${KEPT_MAX}`);
  const moment = new Date(systemClock.wallTimeMs()).toISOString();
  const file = join(directory, `rackboot-${moment.slice(0, 19).replaceAll(':', '-')}Z.tar`);
  try {
    attempt(directory, writeRefused, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
    const made = backUp(config, file, check);
    const names = readdirSync(directory).toSorted();
    // Whatever the clock says, the new one stays.
    const older = names.filter((name) => KEPT.test(name) && name !== basename(file));
    for (const name of older.slice(0, Math.max(0, older.length - (keep - 1)))) rmSync(join(directory, name));
    for (const name of names.filter((one) => KEPT.test(one.replace(UNFINISHED, ''))))
      removeLeft(directory, name.replace(UNFINISHED, '.'));
    await tellRack(config, { file, bytes: made.bytes });
    return made;
  } catch (error) {
    await tellRack(config, { file, reason: errorText(error) });
    throw error;
  }
}

async function tellRack(config: string, backup: Readonly<Record<string, string | number>>): Promise<void> {
  try {
    await askDaemon(loadPlace(config).stateDir, '/backups', 'POST', JSON.stringify(backup), {
      contentType: 'application/json',
    });
  } catch (error) {
    // The result of the backup is what counts.
    if (!(error instanceof RackError)) throw error;
    if (error.code !== 'not-running') printError(`rackboot: the rack does not hear of this backup: ${error.message}`);
  }
}

function backUp(config: string, file: string, isChecked: boolean): Backup {
  const made = writeBackup(config, file);
  if (!isChecked) return made;
  try {
    tryRestore(file, loadPlace(config).stateDir);
    return made;
  } catch (error) {
    // Nothing may take it for a good one.
    rmSync(file, { force: true });
    throw error;
  }
}

function writeBackup(config: string, file: string): Backup {
  if (isRegionFile(config))
    throw new RackError(
      'bad-argument',
      `${config} is the file of a region without a rack: rackboot region backup FILE`,
    );
  const { stateDir } = loadPlace(config);
  if (existsSync(file)) throw new RackError('already-exists', `${file} exists: name a new file`);
  if (!existsSync(dirname(file)))
    throw new RackError('not-found', `there is no directory ${dirname(file)}: make it first`);
  if (!existsSync(stateDir)) throw new RackError('not-found', `${stateDir} does not exist: no rack has run here yet`);
  const serviceUid = statSync(stateDir).uid;
  const configured = configFiles(config).map((path) => readConfigured(path, serviceUid));
  const work = join(stateDir, `backup.${process.pid}.unfinished`);
  const target = `${file}.${process.pid}.unfinished`;
  removeLeft(dirname(file), `${basename(file)}.`);
  const out = openNew(target);
  try {
    const manifest = asOwnerOf(stateDir, (): Manifest => {
      removeLeft(stateDir, 'backup.');
      makePart(join(work, STATE_PART));
      for (const [name, kind] of DATABASES) copyDatabase(join(stateDir, name), kind, join(work, STATE_PART, name));
      for (const path of OTHER_STATE.flatMap((name) => filesBelow(join(stateDir, name))))
        put(join(work, STATE_PART, relative(stateDir, path)), read(path));
      for (const { path, bytes } of configured) put(join(work, CONFIG_PART, relative(dirname(config), path)), bytes);
      const ofConfig = new Map(configured.map((one) => [join(CONFIG_PART, relative(dirname(config), one.path)), one]));
      const files = filesBelow(work).map((path): Entry => {
        const name = relative(work, path);
        const { mode = 0o600, isOfService = true } = ofConfig.get(name) ?? {};
        return { path: name, bytes: lstatSync(path).size, sha256: digest(path), mode, isOfService };
      });
      const made = new Date(systemClock.wallTimeMs()).toISOString();
      const about = { format: FORMAT, version: readVersion(), made, stateDir, configFile: config, files } as const;
      put(join(work, MANIFEST_FILE), JSON.stringify(about, undefined, 2));
      return about;
    });
    const parts = [MANIFEST_FILE, ...new Set(manifest.files.map(({ path }) => path.split('/')[0] ?? ''))];
    tar(
      ['--create', '--file=-', '--format=posix', '--directory', work, '--', ...parts],
      ['ignore', out, 'pipe'],
      undefined,
    );
    fsyncSync(out);
    renameSync(target, file);
    return { file, bytes: statSync(file).size, files: manifest.files.map(({ path }) => path) };
  } finally {
    closeSync(out);
    rmSync(target, { force: true });
    asOwnerOf(stateDir, () => rmSync(work, { recursive: true, force: true }));
  }
}

const shortName = (path: string): string => path.slice(path.indexOf('/') + 1);

/** Runs `work` with a file; its error says what to do. */
function attempt<T>(path: string, explain: (path: string, cause: unknown) => RackError, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof RackError ? error : explain(path, error);
  }
}

/** Readable by this user alone. */
const openNew = (path: string): number => attempt(path, writeRefused, () => openSync(path, 'wx', 0o600));

/** Removes what killed commands left: names of `prefix` and the number of an ended process. */
function removeLeft(directory: string, prefix: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.unfinished$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/**
 * The default file has a directory of its own, which is in the backup; of another, the file itself and those in its
 * directory that it names.
 */
function configFiles(config: string): readonly string[] {
  if (config === RACK_CONFIG) return filesBelow(dirname(config));
  const parsed = readConfigFile(readConfigText(config));
  const named: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
    else if (typeof value === 'string' && resolve(value).startsWith(dirname(config) + sep) && value.startsWith('/'))
      named.push(...(lstatSync(value, { throwIfNoEntry: false })?.isFile() === true ? [value] : []));
  };
  if (parsed.ok) visit(parsed.file.values);
  return [...new Set([config, siteSourcesFile(config) ?? config, ...named])];
}

function readConfigured(path: string, serviceUid: number) {
  const { mode, uid } = statSync(path);
  return { path, bytes: read(path), mode: mode & 0o777, isOfService: uid !== 0 && uid === serviceUid };
}

function filesBelow(path: string): readonly string[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true)
    return readdirSync(path)
      .toSorted()
      .flatMap((name) => filesBelow(join(path, name)));
  return stats?.isFile() === true ? [path] : [];
}

const read = (path: string): Buffer => attempt(path, fileFault, () => readFileSync(path));

const makePart = (path: string): string | undefined =>
  attempt(path, writeRefused, () => mkdirSync(path, { recursive: true, mode: 0o700 }));

function put(path: string, bytes: Buffer | string): void {
  makePart(dirname(path));
  attempt(path, writeRefused, () => writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' }));
}

function digest(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  const piece = Buffer.alloc(1024 * 1024);
  try {
    for (;;) {
      const bytes = readSync(file, piece, 0, piece.length, null);
      if (bytes === 0) return hash.digest('hex');
      hash.update(viewBytes(piece, 0, bytes));
    }
  } finally {
    closeSync(file);
  }
}

function tar(
  words: readonly string[],
  stdio: readonly ('ignore' | 'pipe' | number)[],
  owner: Owner | undefined,
): Buffer {
  const mask = process.umask(0o077);
  try {
    const run = spawnSync('tar', words, { cwd: '/', stdio: [...stdio], maxBuffer: MANIFEST_BYTES_MAX, ...owner });
    if (osErrorCode(run.error) === 'ENOENT')
      throw new RackError('tool-missing', 'tar is not installed: sudo apt-get install tar');
    if (run.error !== undefined || run.status !== 0) {
      const why = run.error === undefined ? String(run.stderr).trim().split('\n')[0] : errorText(run.error);
      throw new RackError('tool-failed', `tar: ${why}`, { cause: run.error });
    }
    return run.stdout ?? Buffer.alloc(0);
  } finally {
    process.umask(mask);
  }
}

interface RestoreFlags extends FileFlags {
  readonly force: boolean;
  /** Leave the configuration of this host as it is. */
  readonly stateOnly: boolean;
}

/** Puts a backup back. @throws RackError `already-running`, `already-exists`, `store-broken`, `store-newer`, `cancelled`, … */
export async function restoreRack({
  config: given,
  file: named,
  json,
  force,
  stateOnly,
}: RestoreFlags): Promise<number> {
  const [config, file] = [resolve(given), resolve(named)];
  const manifest = readManifest(file);
  const { stateDir } = stateOnly ? loadPlace(config) : manifest;
  checkPlace(stateDir);
  makeForService(stateDir);
  const lock = asOwnerOf(stateDir, () =>
    lockState(stateDir, {
      title: 'state directory',
      elsewhere: 'add --state-only and --config with another configuration file',
    }),
  );
  const work = join(stateDir, `restore.${process.pid}.unfinished`);
  try {
    const owner = asOwnerOf(stateDir, (ids) => {
      removeLeft(stateDir, 'restore.');
      makePart(join(work, STATE_PART));
      return ids;
    });
    unpack(file, manifest, work, owner);
    asOwnerOf(stateDir, () => check(file, manifest, work));
    const targets = stateOnly ? [] : configTargets(manifest, config);
    const inTheWay = [
      ...stateInTheWay(stateDir, manifest),
      ...targets.filter(({ path, entry }) => isOther(path, entry)).map(({ path }) => path),
    ];
    if (inTheWay.length > 0) {
      const list = inTheWay.join(', ');
      if (!force && process.stdin.isTTY !== true)
        throw new RackError('already-exists', `this would replace ${list}: add --force; nothing was changed`);
      if (!force) printAside(`This replaces ${list}.\n`);
      await confirmOnTerminal('Replace all this?', force);
    }
    const written = targets.map(({ path, entry }) => writeBeside(path, entry, join(work, entry.path), owner));
    asOwnerOf(stateDir, () => {
      rmSync(join(work, CONFIG_PART), { recursive: true, force: true });
      commitRestore(stateDir, work);
    });
    for (const { from, to } of written) renameSync(from, to);
  } finally {
    asOwnerOf(stateDir, () => rmSync(work, { recursive: true, force: true }));
    lock.release();
  }
  // Perhaps the owner of the state may not read the configuration.
  const next = enableCommand(config);
  if (manifest.files.some(({ path }) => path === join(STATE_PART, REGION_FILE))) await cacheSettings(config);
  if (json) printJson({ file, made: manifest.made, stateDir, files: manifest.files.map(({ path }) => path) });
  else {
    print(
      `Restored the state of ${manifest.made} into ${stateDir}${stateOnly ? '' : `, and the configuration into ${dirname(config)}`}.`,
    );
    print(
      'Never run the rack from which it came again: both would give the same addresses. Images are not in a backup.',
    );
    printAside(`Next: build or import the images if they are not here, and start the rack: \`${next}\`.\n`);
  }
  return 0;
}

/** Restores a backup into a directory that is removed again. @throws RackError as `restoreRack` */
function tryRestore(file: string, stateDir: string): void {
  const scratch = join(stateDir, `check.${process.pid}.unfinished`);
  const complete = join(scratch, 'complete');
  try {
    const manifest = readManifest(file);
    const owner = asOwnerOf(stateDir, (ids) => {
      removeLeft(stateDir, 'check.');
      makePart(join(complete, STATE_PART));
      return ids;
    });
    unpack(file, manifest, complete, owner);
    asOwnerOf(stateDir, () => {
      check(file, manifest, complete);
      commitRestore(scratch, complete);
      for (const [name, kind] of DATABASES)
        if (existsSync(join(scratch, name))) openDatabaseFile(join(scratch, name), kind).close();
    });
  } finally {
    asOwnerOf(stateDir, () => rmSync(scratch, { recursive: true, force: true }));
  }
}

/** By this cache commands know the networks before the rack has started. */
async function cacheSettings(config: string): Promise<void> {
  const read = readConfigFile(readConfigText(config));
  if (!read.ok) return;
  const { values } = read.file;
  const name = typeof values.name === 'string' ? values.name : defaultName();
  await withStoredSettings({ stateDir: loadPlace(config).stateDir, name, file: config, values }, async () => undefined);
}

/** Accepts a directory that is new, empty, or has a state. */
function checkPlace(stateDir: string): void {
  const names = existsSync(stateDir) ? readdirSync(stateDir) : [];
  const isOurs = names.some((name) => ['rack.lock', 'rack.json', ...DATABASES.map(([one]) => one)].includes(name));
  // A directory of images may be there before the first start.
  if (isOurs || names.every((name) => ['boot', 'cache'].includes(name))) return;
  throw new RackError(
    'bad-argument',
    `${stateDir} has other files, and no state of a rack: restore into another directory`,
  );
}

const damaged = (file: string, why: string, cause?: unknown): RackError =>
  new RackError('store-broken', `${file} is no backup of a rack, or is damaged (${why}): use another one`, { cause });

function withFile<T>(file: string, work: (descriptor: number) => T): T {
  const descriptor = attempt(file, fileFault, () => openSync(file, 'r'));
  try {
    return work(descriptor);
  } catch (error) {
    if (error instanceof RackError && error.code === 'tool-failed') throw damaged(file, error.message, error);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function readManifest(file: string): Manifest {
  const text = withFile(file, (descriptor) =>
    tar(['--extract', '--to-stdout', '--file=-', MANIFEST_FILE], [descriptor, 'pipe', 'pipe'], undefined),
  );
  let written: unknown;
  try {
    written = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw damaged(file, errorText(error), error);
  }
  const format = z.object({ format: z.number(), version: z.string() }).safeParse(written).data;
  if (format !== undefined && format.format > FORMAT)
    throw new RackError(
      'store-newer',
      `${file} was made by Rackboot ${format.version}: install that version or a newer one`,
    );
  const manifest = manifestShape.safeParse(written);
  if (!manifest.success) throw damaged(file, `${MANIFEST_FILE}: ${manifest.error.issues[0]?.message ?? ''}`);
  return manifest.data;
}

function unpack(file: string, { files }: Manifest, work: string, owner: Owner | undefined): void {
  const names = [MANIFEST_FILE, ...files.map(({ path }) => path)];
  const options = ['--no-same-owner', '--no-same-permissions', '--directory', work];
  withFile(file, (descriptor) =>
    tar(['--extract', '--file=-', ...options, '--', ...names], [descriptor, 'ignore', 'pipe'], owner),
  );
}

function check(file: string, { files }: Manifest, work: string): void {
  for (const { path, bytes, sha256 } of files) {
    const at = join(work, path);
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size !== bytes || digest(at) !== sha256) throw damaged(file, path);
  }
  for (const [name, kind] of DATABASES) {
    const at = join(work, STATE_PART, name);
    if (existsSync(at)) checkCopy(at, kind);
  }
}

const stateInTheWay = (stateDir: string, { files }: Manifest): readonly string[] =>
  [...DATABASES.map(([name]) => name), ...OTHER_STATE]
    .map((name) => join(stateDir, name))
    .filter((path) => {
      const entry = files.find((one) => one.path === join(STATE_PART, relative(stateDir, path)));
      return entry === undefined ? filesBelow(path).length > 0 && basename(path) !== 'ssh' : isOther(path, entry);
    });

const isOther = (path: string, { sha256 }: Entry): boolean => existsSync(path) && digest(path) !== sha256;

/** The places of the configuration's files: the file itself is the one that `--config` names. */
const configTargets = ({ files, configFile }: Manifest, config: string) =>
  files.flatMap((entry) => {
    const [part, ...rest] = entry.path.split('/');
    if (part !== CONFIG_PART) return [];
    const name = rest.join('/');
    return [{ entry, path: name === basename(configFile) ? config : join(dirname(config), name) }];
  });

function writeBeside(
  path: string,
  { mode, isOfService }: Entry,
  from: string,
  owner: Owner | undefined,
): { readonly from: string; readonly to: string } {
  const beside = `${path}.${process.pid}.unfinished`;
  return attempt(path, writeRefused, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    removeLeft(dirname(path), `${basename(path)}.`);
    const file = openNew(beside);
    writeFileSync(file, readFileSync(from));
    fsyncSync(file);
    closeSync(file);
    chmodSync(beside, mode);
    if (isOfService && owner !== undefined) chownSync(beside, owner.uid, owner.gid);
    return { from: beside, to: path };
  });
}
