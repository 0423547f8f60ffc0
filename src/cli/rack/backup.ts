// `rackboot backup` and `rackboot restore`: what a rack knows, in one file: leases, machines,
// settings, its identity and its configuration.
//
//   backup   configuration, databases copied as of one moment, other files of the state ─→ FILE
//   --keep   a new file in a directory ─→ the oldest ones there are removed ─→ the running rack hears of it, or of the failure
//   --check  FILE ─→ restored into a directory in the state directory ─→ its databases opened as by a start ─→ all removed
//   restore  FILE ─ every file as its digest says? databases of ours? ─→ a directory in the state directory ─→ commitRestore
//
// 1. The file is an archive (`backup-archive.ts`): manifest.json with the size and digest of each
//    file, then `config/…` and `state/…`. It holds nothing but what `STATE` and `namedFiles` name.
//    Images are not in it: they can be built and imported again.
// 2. A rack may run during a backup: the databases are read in transactions. The outbox comes
//    first: an event that is in both reaches the region twice, and is stored once.
// 3. Below the state directory, root works as its owner, who could put links there. The manifest
//    and the configuration never lie there.
// 4. A stranger may have made the file. Where the state goes, and the owner and mode of each file,
//    are of this host.
// 5. A killed command leaves the former state and file; the next one removes what it left. A
//    restore is in force as a whole or not at all (`store/pending-restore.ts`). Its configuration
//    is written last: the same command completes it.

import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { loadStateDir, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { isRegionFile } from '../../config/region-file-kind.ts';
import { composeDefaultName } from '../../config/resolve.ts';
import { chooseStateDir, DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { formatEnableCommand } from '../../control/start-command.ts';
import { readVersion } from '../../files/program-version.ts';
import { toFileFault } from '../../files/read-fault.ts';
import { readRegularBytes } from '../../files/regular-file.ts';
import { systemClock } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { composeJsonFaultText, type JsonBounds, readBoundedJson } from '../../ground/json-excess.ts';
import { NAME_BYTES_MAX } from '../../images/content/tar-header.ts';
import type { Settings } from '../../machines/settings.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { SITE_SOURCES } from '../../region/images/region-source.ts';
import {
  checkCopy,
  copyDatabase,
  type DatabaseKind,
  openDatabaseFile,
  writeRefusedError,
} from '../../store/database-file.ts';
import { LEASE_DATABASE } from '../../store/leases/lease-database.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';
import { OUTBOX_DATABASE, OUTBOX_FILE } from '../../store/outbox/outbox-database.ts';
import { commitRestore, STATE_PART } from '../../store/pending-restore.ts';
import { REGION_DATABASE, REGION_FILE } from '../../store/region/region-schema.ts';
import { CONFIGURED_DIRECTORY_TEXTS, lockState } from '../../store/state-lock.ts';
import { withStoredSettings } from '../config/settings-store.ts';
import { formatBytes, print, printAside, printError, printJson } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import { makeForService, type Owner, runAsOwner } from '../terminal/state-owner.ts';
import { type Content, digestContent, readArchived, readFirst, writeArchive } from './backup-archive.ts';

const FORMAT = 1;
const KEPT_MAX = 1000;
const MANIFEST_FILE = 'manifest.json';
const MANIFEST_BOUNDS: JsonBounds = { depthMax: 8, valuesMax: 200_000 };
/** The size limit of the manifest, and of all files but the databases together. */
const SMALL_BYTES_MAX = 16 * 1024 * 1024;
/** The end of a file's name while a process writes it. */
const UNFINISHED = /\.\d+\.unfinished$/;
/** The names in the directory of `--keep`, oldest first when sorted. */
const KEPT = /^rackboot-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar$/;
const CONFIG_PART = 'config';
/** What a backup may hold of the state directory, in this order (rule 2). Undefined: a small file. */
const STATE: ReadonlyMap<string, DatabaseKind | undefined> = new Map([
  [`${STATE_PART}/${OUTBOX_FILE}`, OUTBOX_DATABASE],
  [`${STATE_PART}/${REGION_FILE}`, REGION_DATABASE],
  [`${STATE_PART}/${LEASE_FILE}`, LEASE_DATABASE],
  ...['rack.json', 'region.key', 'ssh/id_ed25519', 'ssh/id_ed25519.former', 'ssh/known_hosts'].map(
    (name) => [`${STATE_PART}/${name}`, undefined] as const,
  ),
]);
/** The paths of the files of the configuration (`namedFiles`) in a backup. */
const CONFIG_PATH = /^config(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)+$/u;

const entryShape = z.object({
  path: z
    .string()
    .max(NAME_BYTES_MAX)
    .refine((path) => STATE.has(path) || CONFIG_PATH.test(path)),
  bytes: z.number().int().min(0),
  sha256: z.string(),
});
type Entry = z.output<typeof entryShape>;
const manifestShape = z.object({
  format: z.literal(FORMAT),
  version: z.string(),
  made: z.iso.datetime(),
  configFile: z.string().refine(isAbsolute),
  files: z
    .array(entryShape)
    .min(1)
    .refine(
      (files) =>
        files.reduce((sum, { path, bytes }) => sum + (STATE.get(path) === undefined ? bytes : 0), 0) <= SMALL_BYTES_MAX,
      `without databases, they are larger than ${formatBytes(SMALL_BYTES_MAX)}`,
    ),
});
type Manifest = z.output<typeof manifestShape>;

const shortName = (path: string): string => path.slice(path.indexOf('/') + 1);

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

interface Part {
  /** `state/…` or `config/…`. */
  readonly path: string;
  readonly content: Content;
}

/**
 * Writes a backup into a new file. @throws RackError `already-exists`, `bad-argument`, `store-…`,
 * `tool-…`
 */
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

/**
 * Makes a backup for a timer. Nobody reads the error of this command, so the running rack shows it.
 */
async function backUpInto(config: string, directory: string, keep: number, check: boolean): Promise<Backup> {
  if (!Number.isInteger(keep) || keep < 1 || keep > KEPT_MAX)
    throw new RackError('bad-argument', `--keep ${keep} is not a number of backups: give 1 to ${KEPT_MAX}`);
  const moment = new Date(systemClock.wallTimeMs()).toISOString();
  const file = join(directory, `rackboot-${moment.slice(0, 19).replaceAll(':', '-')}Z.tar`);
  try {
    attempt(directory, writeRefusedError, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
    const made = backUp(config, file, check);
    const names = readdirSync(directory).toSorted();
    // Whatever the clock says, the new one stays.
    const older = names.filter((name) => KEPT.test(name) && name !== basename(file));
    for (const name of older.slice(0, Math.max(0, older.length - (keep - 1)))) rmSync(join(directory, name));
    for (const name of names.filter((file) => KEPT.test(file.replace(UNFINISHED, ''))))
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
    await askDaemon(loadStateDir(config).stateDir, '/backups', 'POST', JSON.stringify(backup), {
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
    tryRestore(file, config);
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
  const { stateDir } = loadStateDir(config);
  if (existsSync(file)) throw new RackError('already-exists', `${file} exists: name a new file`);
  if (!existsSync(dirname(file)))
    throw new RackError('not-found', `there is no directory ${dirname(file)}: make it first`);
  if (!existsSync(stateDir)) throw new RackError('not-found', `${stateDir} does not exist: no rack has run here yet`);
  const configured = configFiles(config).map((name) => ({
    path: join(CONFIG_PART, name),
    content: readSmallFile(join(dirname(config), name)),
  }));
  const work = join(stateDir, `backup.${process.pid}.unfinished`);
  const target = `${file}.${process.pid}.unfinished`;
  removeLeft(dirname(file), `${basename(file)}.`);
  const out = openNew(target);
  let state: readonly Part[] = [];
  try {
    state = attempt(stateDir, writeRefusedError, () => runAsOwner(stateDir, () => readStateParts(stateDir, work)));
    const parts = [...configured, ...state].map((part) => ({ ...part, ...digestContent(part.content) }));
    const seconds = Math.floor(systemClock.wallTimeMs() / 1000);
    const manifest = manifestShape.safeParse({
      format: FORMAT,
      version: readVersion(),
      made: new Date(seconds * 1000).toISOString(),
      configFile: config,
      files: parts,
    });
    if (!manifest.success)
      throw new RackError('bad-argument', `no backup can hold this: ${formatIssue(manifest.error)}`);
    const content = Buffer.from(JSON.stringify(manifest.data, undefined, 2));
    const first = { path: MANIFEST_FILE, bytes: content.length, content };
    attempt(file, writeRefusedError, () => writeArchive(out, seconds, [first, ...parts]));
    fsyncSync(out);
    renameSync(target, file);
    return { file, bytes: statSync(file).size, files: parts.map(({ path }) => path) };
  } finally {
    closeSync(out);
    for (const { content } of state) if (typeof content === 'number') closeSync(content);
    rmSync(target, { force: true });
    runAsOwner(stateDir, () => rmSync(work, { recursive: true, force: true }));
  }
}

/**
 * Reads the state as its owner: copies the databases into `work` and opens the copies; a small file
 * is read as a whole.
 */
function readStateParts(stateDir: string, work: string): readonly Part[] {
  removeLeft(stateDir, 'backup.');
  makePart(work);
  return [...STATE].flatMap(([path, kind]): readonly Part[] => {
    const [source, copy] = [join(stateDir, shortName(path)), join(work, shortName(path))];
    if (kind === undefined) return existsSync(source) ? [{ path, content: readSmallFile(source) }] : [];
    copyDatabase(source, kind, copy);
    return existsSync(copy)
      ? [{ path, content: openSync(copy, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) }]
      : [];
  });
}

/** Runs `work` with a file; its error says what to do. */
function attempt<T>(path: string, explain: (path: string, cause: unknown) => RackError, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof RackError ? error : explain(path, error);
  }
}

/** Readable by this user alone. */
const openNew = (path: string): number => attempt(path, writeRefusedError, () => openSync(path, 'wx', 0o600));

/** Removes what killed commands left: names of `prefix` and the number of an ended process. */
function removeLeft(directory: string, prefix: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.unfinished$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** The names of its files, relative to its directory. */
function configFiles(config: string): readonly string[] {
  const directory = dirname(config);
  if (config === RACK_CONFIG) return filesBelow(directory).map((path) => relative(directory, path));
  return [...namedFiles(config, readConfigText(config))].filter(
    (name) => findEntry(join(directory, name))?.isFile() === true,
  );
}

/** The file itself, and those directly in its directory that it names. */
function namedFiles(config: string, text: string): ReadonlySet<string> {
  const named = new Set([basename(config), SITE_SOURCES]);
  const visit = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
    else if (typeof value === 'string' && isAbsolute(value) && dirname(resolve(value)) === dirname(config))
      named.add(basename(value));
  };
  visit(valuesIn(text));
  return named;
}

function valuesIn(text: string): Settings {
  const parsed = readConfigFile(text);
  return parsed.ok ? parsed.file.values : {};
}

/** Follows links of this user and of root. */
function findEntry(path: string): Stats | undefined {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  const isFollowed = entry?.isSymbolicLink() === true && [0, process.geteuid?.()].includes(entry.uid);
  return isFollowed ? statSync(path, { throwIfNoEntry: false }) : entry;
}

function filesBelow(path: string): readonly string[] {
  const entry = findEntry(path);
  if (entry?.isDirectory() === true)
    return readdirSync(path)
      .toSorted()
      .flatMap((name) => filesBelow(join(path, name)));
  return entry?.isFile() === true ? [path] : [];
}

const readSmallFile = (path: string): Buffer =>
  attempt(path, toFileFault, () => readRegularBytes(path, SMALL_BYTES_MAX));

const makePart = (path: string): string | undefined =>
  attempt(path, writeRefusedError, () => mkdirSync(path, { recursive: true, mode: 0o700 }));

interface RestoreFlags extends FileFlags {
  readonly force: boolean;
  /** Leave the configuration of this host as it is. */
  readonly stateOnly: boolean;
}

/**
 * Puts a backup back. @throws RackError `already-running`, `already-exists`, `store-broken`,
 * `store-newer`, `cancelled`, …
 */
export async function restoreRack({
  config: given,
  file: named,
  json,
  force,
  stateOnly,
}: RestoreFlags): Promise<number> {
  const [config, file] = [resolve(given), resolve(named)];
  const backup = openBackup(file);
  try {
    const { manifest } = backup;
    const stateDir = stateOnly || existsSync(config) ? loadStateDir(config).stateDir : DEFAULT_STATE_DIR;
    const targets = stateOnly ? [] : configTargets(backup, config, stateDir);
    checkStateDir(stateDir);
    makeForService(stateDir);
    const lock = runAsOwner(stateDir, () => lockState(stateDir, CONFIGURED_DIRECTORY_TEXTS));
    const work = join(stateDir, `restore.${process.pid}.unfinished`);
    try {
      const owner = runAsOwner(stateDir, (ids) => {
        removeLeft(stateDir, 'restore.');
        unpack(backup, work);
        return ids;
      });
      const inTheWay = [...STATE.keys()]
        .map((path) => join(stateDir, shortName(path)))
        .filter((path) => existsSync(path));
      const others = targets.filter(({ path, bytes }) =>
        // The directory of the default file has no other users.
        existsSync(path) ? !readSmallFile(path).equals(bytes) : config !== RACK_CONFIG && path !== config,
      );
      await confirmReplacing([...inTheWay, ...others.map(({ path }) => path)], force);
      const written = targets.map(({ path, bytes }) => writeBeside(path, bytes, owner));
      attempt(stateDir, writeRefusedError, () => runAsOwner(stateDir, () => commitRestore(stateDir, work)));
      for (const { from, to } of written) renameSync(from, to);
    } finally {
      runAsOwner(stateDir, () => rmSync(work, { recursive: true, force: true }));
      lock.release();
    }
    // Perhaps the owner of the state may not read the configuration.
    const next = formatEnableCommand(config);
    if (manifest.files.some(({ path }) => STATE.get(path) === REGION_DATABASE)) await cacheSettings(config);
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
  } finally {
    closeSync(backup.archive);
  }
}

async function confirmReplacing(inTheWay: readonly string[], isMeant: boolean): Promise<void> {
  if (inTheWay.length === 0) return;
  const list = inTheWay.join(', ');
  if (!isMeant && process.stdin.isTTY !== true)
    throw new RackError('already-exists', `this would replace ${list}: add --force; nothing was changed`);
  if (!isMeant) printAside(`This replaces ${list}.\n`);
  await confirmOnTerminal('Replace all this?', isMeant);
}

/** Restores a backup into a directory that is removed again. @throws RackError as `restoreRack` */
function tryRestore(file: string, config: string): void {
  const { stateDir } = loadStateDir(config);
  const scratch = join(stateDir, `check.${process.pid}.unfinished`);
  const complete = join(scratch, 'complete');
  const backup = openBackup(file);
  try {
    configTargets(backup, config, stateDir);
    runAsOwner(stateDir, () => {
      removeLeft(stateDir, 'check.');
      unpack(backup, complete);
      commitRestore(scratch, complete);
      for (const { path } of backup.manifest.files) {
        const kind = STATE.get(path);
        if (kind !== undefined) openDatabaseFile(join(scratch, shortName(path)), kind).close();
      }
    });
  } finally {
    closeSync(backup.archive);
    runAsOwner(stateDir, () => rmSync(scratch, { recursive: true, force: true }));
  }
}

/** Caches the settings, by which commands know the networks before the rack has started. */
async function cacheSettings(config: string): Promise<void> {
  const values = valuesIn(readConfigText(config));
  const name = typeof values.name === 'string' ? values.name : composeDefaultName();
  await withStoredSettings(
    { stateDir: loadStateDir(config).stateDir, name, file: config, values },
    async () => undefined,
  );
}

/** Accepts a directory that is new, empty, or has a state. */
function checkStateDir(stateDir: string): void {
  const names = existsSync(stateDir) ? readdirSync(stateDir) : [];
  const isOurs = names.some((name) => name === 'rack.lock' || STATE.has(join(STATE_PART, name)));
  // A directory of images may be there before the first start.
  if (isOurs || names.every((name) => ['boot', 'cache'].includes(name))) return;
  throw new RackError(
    'bad-argument',
    `${stateDir} has other files, and no state of a rack: restore into another directory`,
  );
}

const damaged = (file: string, cause: unknown): RackError =>
  new RackError(
    'store-broken',
    `${file} is no backup of a rack, or is damaged (${errorText(cause)}): use another one`,
    { cause },
  );

const formatIssue = ({ issues: [first] }: z.ZodError): string => `${first?.path.join('.')}: ${first?.message}`;

/** A backup that was read as far as its state. */
interface OpenBackup {
  readonly file: string;
  readonly archive: number;
  readonly manifest: Manifest;
  /** By their names. */
  readonly configured: ReadonlyMap<string, Buffer>;
}

function openBackup(file: string): OpenBackup {
  const archive = attempt(file, toFileFault, () => openSync(file, 'r'));
  try {
    return attempt(file, damaged, () => {
      const manifest = parseManifest(file, readFirst(archive, SMALL_BYTES_MAX));
      const configured = new Map<string, Buffer>();
      for (const entry of manifest.files.filter(({ path }) => !STATE.has(path))) {
        const pieces: Buffer[] = [];
        readEntry(archive, manifest, entry, (piece) => pieces.push(piece));
        configured.set(shortName(entry.path), Buffer.concat(pieces));
      }
      return { file, archive, manifest, configured };
    });
  } catch (error) {
    closeSync(archive);
    throw error;
  }
}

function parseManifest(file: string, text: Buffer): Manifest {
  const json = readBoundedJson(text.toString('utf8'), MANIFEST_BOUNDS);
  if (json.kind === 'fault') throw new Error(`${MANIFEST_FILE} ${composeJsonFaultText(json.fault)}`);
  const written = json.value;
  const format = z.object({ format: z.number(), version: z.string() }).safeParse(written).data;
  if (format !== undefined && format.format > FORMAT)
    throw new RackError(
      'store-newer',
      `${file} was made by Rackboot ${format.version}: install that version or a newer one`,
    );
  const manifest = manifestShape.safeParse(written);
  if (!manifest.success) throw new Error(`${MANIFEST_FILE}: ${formatIssue(manifest.error)}`);
  return manifest.data;
}

function readEntry(archive: number, { made }: Manifest, entry: Entry, write: (piece: Buffer) => void): void {
  const sha256 = readArchived(archive, entry, Math.floor(Date.parse(made) / 1000), write);
  if (sha256 !== entry.sha256) throw new Error(entry.path);
}

/** Writes the files of the state as its owner, and checks them. */
function unpack({ file, archive, manifest }: OpenBackup, work: string): void {
  makePart(join(work, STATE_PART));
  for (const entry of manifest.files.filter(({ path }) => STATE.has(path))) {
    const path = join(work, entry.path);
    makePart(dirname(path));
    const out = openNew(path);
    try {
      attempt(file, damaged, () =>
        readEntry(archive, manifest, entry, (piece) =>
          attempt(path, writeRefusedError, () => writeFileSync(out, piece)),
        ),
      );
    } finally {
      closeSync(out);
    }
    const kind = STATE.get(entry.path);
    if (kind !== undefined) checkCopy(path, kind);
  }
}

/** The places of the configuration's files: the file itself is the one that `--config` names. */
function configTargets({ file, manifest, configured }: OpenBackup, config: string, stateDir: string) {
  const own = basename(manifest.configFile);
  const text = configured.get(own)?.toString('utf8') ?? '';
  const written = chooseStateDir(valuesIn(text));
  if (written !== stateDir)
    throw new RackError(
      'bad-argument',
      `the configuration in ${file} has the state in ${written}, and this host in ${stateDir}: ` +
        `write "state_dir: ${written}" into ${config} first, or add --state-only`,
    );
  const named = namedFiles(config, text);
  return [...configured].map(([name, bytes]) => {
    const path = name === own ? config : join(dirname(config), name);
    if (config !== RACK_CONFIG && name !== own && !named.has(name))
      throw new RackError(
        'bad-argument',
        `${file} has ${path}, which its configuration does not name: add --state-only`,
      );
    return { path, bytes };
  });
}

/** Keeps the owner and the mode of a file that is here. A new one is for root and the service. */
function writeBeside(
  path: string,
  bytes: Buffer,
  service: Owner | undefined,
): { readonly from: string; readonly to: string } {
  const beside = `${path}.${process.pid}.unfinished`;
  return attempt(path, writeRefusedError, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    removeLeft(dirname(path), `${basename(path)}.`);
    const former = statSync(path, { throwIfNoEntry: false });
    const file = openNew(beside);
    writeFileSync(file, bytes);
    fsyncSync(file);
    if (service !== undefined) fchownSync(file, former?.uid ?? 0, former?.gid ?? service.gid);
    fchmodSync(file, (former?.mode ?? 0o640) & 0o666);
    closeSync(file);
    return { from: beside, to: path };
  });
}
