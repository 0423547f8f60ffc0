// `rackboot reset`: removes everything that a rack or a region keeps on this host, so that it
// starts as on its first day.
//
// 1. It refuses while a daemon runs on the state directory, or a region on its database, and holds
//    both locked until it ends.
// 2. It removes only files that Rackboot made, and names the others in the state directory and in
//    the boot tree, which another server may share. If the boot tree is a link, its target counts
//    as the tree. If that link is in the state directory of another user, root follows it only to a
//    directory of that user.
// 3. It lists everything that it will remove, and asks. Without a terminal it needs --yes. What
//    people put into the tree meanwhile stays.
// 4. The packages kept for further images belong to the host. They go with the images, and the
//    question says who else uses them.
// 5. The networks that only the store has go with it: the output has the commands that set them up again.
// 6. If it is killed halfway, a second call continues: the lock's file is removed last.

import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadStateDir, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { loadStoreLocation, type RegionStoreConfig } from '../../config/region-store.ts';
import { composeOwnershipRemedy } from '../../files/ownership.ts';
import { statIfVisible } from '../../files/seen-stats.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { valueAt } from '../../machines/settings.ts';
import { readDatabaseAccess } from '../../region-host/open-store.ts';
import { CONFIGURED_DIRECTORY_TEXTS, lockState } from '../../store/state-lock.ts';
import { chooseOwnerDirectory, isInside, realPath } from '../images/image-tree.ts';
import { packageCache } from '../terminal/cache-place.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import { runAsOwner } from '../terminal/state-owner.ts';
import { afterReset, findNetworks, type NetworksOfRack } from './reset-networks.ts';
import { splitTree, type TreeShares } from './reset-tree.ts';

interface ResetFlags {
  readonly config: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly keepImages: boolean;
}

interface Removal {
  readonly what: string;
  readonly path: string;
  readonly bytes: number;
  /** The directory whose owner removes the path. */
  readonly ownerDirectory: string;
}

/**
 * The end of a database's file name, also of copies before a migration, unfinished copies, and
 * SQLite's companions.
 */
const DATABASE = String.raw`\.db(?:\.version-\d+|\.unfinished)?(?:\.part)?(?:-wal|-shm|-journal)?`;
/** A copy that a person made in the state directory has another name. */
const FILES: readonly (readonly [what: string, name: RegExp])[] = [
  ['the region: machines, accounts, keys, networks, settings, events', new RegExp(`^region(?:${DATABASE}|\\.sock)$`)],
  ['leases', new RegExp(`^(?:leases${DATABASE}|lease-[a-z]+\\.json(?:\\.part)?)$`)],
  ['events that wait for a region', new RegExp(`^outbox${DATABASE}$`)],
  ['the identity and the keys of the rack', /^(?:rack\.json(?:\.copy)?|region\.key|images-key\.asc)(?:\.part|\.new)?$/],
  [
    'files that the next start makes again',
    /^(?:(?:desired-state\.json|leases\.ballast)(?:\.part)?|(?:images|rack|rackboot)\.sock)$/,
  ],
];
const DIRECTORIES: typeof FILES = [
  ['the identity and the keys of the rack', /^ssh$/],
  ['files that the next start makes again', /^(?:cache|images-work)$/],
  ['an unfinished backup or restore', /^(?:(?:backup|restore)\.\d+\.unfinished|restore\.ready)$/],
];
/** All configurations of a host share these. */
const PACKAGES = 'packages for further images, which every Rackboot of this host uses,';
/** The lock file. SQLite's lock on it keeps a daemon from starting. */
const LOCK = /^rack\.lock(?:-journal)?$/;

/**
 * Removes everything. @throws RackError `already-running`, `cancelled`, `bad-argument`,
 * `store-unwritable`
 */
export async function reset(flags: ResetFlags): Promise<number> {
  const { stateDir, store, tree } = readResetPaths(flags.config);
  const networks = findNetworks(flags.config, stateDir);
  const lock = existsSync(stateDir)
    ? runAsOwner(stateDir, () => lockState(stateDir, CONFIGURED_DIRECTORY_TEXTS))
    : undefined;
  try {
    const previewedRemovals = findRemains(flags, stateDir, tree).removals;
    const isDatabase = store.kind === 'postgresql';
    if (!flags.json)
      announceRemovals(
        previewedRemovals,
        networks,
        isDatabase ? store.url : undefined,
        flags.keepImages ? tree : undefined,
      );
    if (previewedRemovals.length > 0 || isDatabase) await confirmReset(flags.yes);
    const { removals, others } = findRemains(flags, stateDir, tree);
    if (isDatabase) {
      const { emptyPostgres } = await import('../../store/copying/copy-postgres.ts');
      await emptyPostgres(readDatabaseAccess(store));
    }
    for (const { path, ownerDirectory } of removals) removePath(path, ownerDirectory);
    for (const name of listDirectory(stateDir).filter((file) => LOCK.test(file)))
      removePath(join(stateDir, name), stateDir);
    report(flags.json, { removals, others }, networks);
  } finally {
    lock?.release();
  }
  return 0;
}

function findRemains({ keepImages }: ResetFlags, stateDir: string, tree: string): Remains {
  const shares = keepImages ? undefined : splitConfiguredTree(tree, stateDir);
  return {
    removals: findRemovals(stateDir, chooseOwnerDirectory(tree, stateDir), shares),
    others: [...listOthers(stateDir, tree), ...(shares?.others ?? [])],
  };
}

interface Remains {
  readonly removals: readonly Removal[];
  readonly others: readonly string[];
}

interface ResetPaths {
  readonly stateDir: string;
  readonly store: RegionStoreConfig;
  readonly tree: string;
}

/** Reads the paths in a configuration, of which the rest may be invalid. */
function readResetPaths(file: string): ResetPaths {
  const { stateDir } = loadStateDir(file);
  const read = readConfigFile(readConfigText(file));
  const values = read.ok ? read.file.values : {};
  const writtenTree = valueAt(values, 'boot.tree');
  const tree = typeof writtenTree === 'string' ? resolve(writtenTree) : join(stateDir, 'boot');
  const isRemote = valueAt(values, 'region.mode') === 'remote';
  return { stateDir, tree, store: isRemote ? { kind: 'sqlite' } : loadStoreLocation(file).store };
}

const listDirectory = (directory: string): readonly string[] =>
  existsSync(directory) ? readdirSync(directory).toSorted() : [];

/** What a file or directory in the state directory is for; undefined: it is not Rackboot's. */
function findPurpose(path: string): string | undefined {
  const patterns = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? DIRECTORIES : FILES;
  return patterns.find(([, pattern]) => pattern.test(basename(path)))?.[0];
}

/** @param shares undefined if the images stay */
function findRemovals(stateDir: string, treePlace: string, shares: TreeShares | undefined): readonly Removal[] {
  const names = listDirectory(stateDir);
  const removals = names.flatMap((name) => {
    const what = findPurpose(join(stateDir, name));
    return what === undefined ? [] : [createRemoval(what, join(stateDir, name), stateDir)];
  });
  const images = (shares?.own ?? []).map((path) => createRemoval('images and boot environments', path, treePlace));
  const packages = shares === undefined ? [] : listKeptPackages();
  return [...images, ...packages.map((path) => createRemoval(PACKAGES, path, packageCache())), ...removals];
}

/**
 * The packages that `images make-debian` keeps. Root's cache directory also has compiled code of
 * commands, and files of the lab.
 */
const listKeptPackages = (): readonly string[] =>
  listDirectory(packageCache())
    .filter((name) => /^debian-[a-z0-9.-]+$/.test(name))
    .map((name) => join(packageCache(), name));

/**
 * Separates the files of the boot tree. Refuses a tree that contains a directory that must stay.
 */
function splitConfiguredTree(configuredTree: string, stateDir: string): TreeShares {
  const tree = realPath(configuredTree);
  const containsNeededPath = [realPath(stateDir), import.meta.dirname, process.cwd()].some((path) =>
    `${path}/`.startsWith(`${tree}/`),
  );
  if (containsNeededPath || dirname(tree) === tree)
    throw new RackError(
      'bad-argument',
      `the boot tree ${configuredTree} holds more than images: remove them by hand, and add --keep-images`,
    );
  try {
    return mayFollow(configuredTree, stateDir) ? splitTree(tree) : { own: [], others: [configuredTree] };
  } catch (error) {
    throw toRemovalError(tree, error);
  }
}

/**
 * False for a tree of another owner behind a link out of the state directory. The owner of the
 * state could make a link lead anywhere, and root would remove the files of others.
 */
function mayFollow(tree: string, stateDir: string): boolean {
  const owner = statIfVisible(stateDir)?.uid ?? 0;
  const leavesStateDir = isInside(tree, stateDir) && !isInside(realPath(tree), realPath(stateDir));
  return owner === 0 || !leavesStateDir || statIfVisible(tree)?.uid === owner;
}

const createRemoval = (what: string, path: string, ownerDirectory: string): Removal => ({
  what,
  path,
  bytes: measureSize(path),
  ownerDirectory,
});

function measureSize(path: string): number {
  try {
    const stats = lstatSync(path);
    if (!stats.isDirectory()) return stats.size;
    return readdirSync(path).reduce((sum, name) => sum + measureSize(join(path, name)), 0);
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return 0;
    throw toRemovalError(path, error);
  }
}

const listOthers = (stateDir: string, tree: string): readonly string[] =>
  listDirectory(stateDir)
    .filter((name) => !LOCK.test(name))
    .map((name) => join(stateDir, name))
    .filter((path) => findPurpose(path) === undefined)
    .filter((path) => !`${realPath(tree)}/`.startsWith(`${realPath(path)}/`));

function announceRemovals(
  removals: readonly Removal[],
  { stored }: NetworksOfRack,
  database: string | undefined,
  keptTree: string | undefined,
): void {
  const groups = new Map<string, Removal[]>();
  for (const removal of removals) {
    const groupName = `${removal.what} in ${dirname(removal.path)}`;
    groups.set(groupName, [...(groups.get(groupName) ?? []), removal]);
  }
  if (groups.size === 0 && database === undefined) print('There is nothing to remove.');
  else print('This removes for good:');
  for (const [where, list] of groups) {
    const bytes = list.reduce((sum, removal) => sum + removal.bytes, 0);
    print(`  ${where} (${formatBytes(bytes)}): ${list.map(({ path }) => basename(path)).join(', ')}`);
  }
  if (database !== undefined) print(`  every table of the region in ${database}`);
  if (stored.length > 0) print(`  the networks in the store: ${stored.map(({ text }) => text).join(', ')}`);
  if (keptTree !== undefined && existsSync(keptTree)) print(`The images in ${keptTree} stay.`);
  if (keptTree !== undefined && listKeptPackages().length > 0) print(`The packages in ${packageCache()} stay.`);
  print(
    "The configuration, the log, backups, people's profiles (`rackboot logout`) and deployed machines stay as they are.",
  );
}

async function confirmReset(isConfirmed: boolean): Promise<void> {
  if (!isConfirmed && process.stdin.isTTY !== true)
    throw new RackError(
      'bad-argument',
      'there is no terminal to ask for confirmation: add --yes to remove all this; nothing was changed',
    );
  await confirmOnTerminal('Remove all this?', isConfirmed);
}

function removePath(path: string, ownerDirectory: string): void {
  runAsOwner(ownerDirectory, () => {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      throw toRemovalError(path, error);
    }
  });
}

const toRemovalError = (path: string, cause: unknown): RackError =>
  new RackError(
    'store-unwritable',
    `${path} cannot be removed (${osErrorCode(cause) || errorText(cause)}): ${composeOwnershipRemedy(path, dirname(path))}. Then call reset again`,
    { cause },
  );

function report(json: boolean, { removals, others }: Remains, networks: NetworksOfRack): void {
  if (json) printJson({ removed: removals.map(({ path, bytes }) => ({ path, bytes })), left: others });
  else if (removals.length > 0) for (const line of afterReset(networks)) print(line);
  if (!json && others.length > 0) print(`Left, because they are not Rackboot's: ${others.join(', ')}`);
}
