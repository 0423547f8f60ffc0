// `rackboot images …`: what machines boot, from Debian's packages into the boot tree: the ephemeral environment and the loaders
// (build), and Debian's installer (import-installer).

import { lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { osErrorCode, RackError } from '../../errors.ts';
import { isOwnershipError, ownershipRemedy } from '../../files/ownership.ts';
import { buildEnvironment, type EnvironmentRequest, type Publication } from '../../images/environment.ts';
import { importInstaller } from '../../images/installer.ts';
import { installLoaders } from '../../images/loaders.ts';
import { makeStateDirectory } from '../../store/database-file.ts';
import { loadMerged } from '../config-in-force.ts';
import { formatBytes, print, printJson } from '../output.ts';
import { becomeOwnerOf } from '../state-owner.ts';

export interface BuildFlags {
  readonly config: string;
  readonly arch: string;
  readonly release?: string | undefined;
  readonly tree?: string | undefined;
  readonly packages?: readonly string[] | undefined;
  readonly json: boolean;
}

/** Builds the environment, fetches the loaders, and says what was written. @returns 0 */
export function buildImages(flags: BuildFlags): Promise<number> {
  return publishImages(flags, async (request) => [await buildEnvironment(request), await installLoaders(request)]);
}

/** Imports Debian's installer and says what was written. @returns 0 */
export function importInstallerImage(flags: BuildFlags): Promise<number> {
  return publishImages(flags, async (request) => [await importInstaller(request)]);
}

/** Does it as the owner of the state directory, in a work directory that is tidied up however it ends. */
async function publishImages(
  flags: BuildFlags,
  publish: (request: EnvironmentRequest) => Promise<readonly Publication[]>,
): Promise<number> {
  const config = findImageConfig(flags);
  const tree = flags.tree ?? config?.boot.tree ?? '';
  // What lies in the state directory belongs to its owner, whoever builds; a tree elsewhere belongs to who runs this.
  const stateDir = config !== undefined && tree.startsWith(`${config.stateDir}/`) ? config.stateDir : undefined;
  if (stateDir !== undefined) becomeOwnerOf(stateDir);
  const work = openWorkDirectory(stateDir);
  const request = {
    tree,
    arch: flags.arch,
    release: flags.release ?? config?.boot.commissioningRelease ?? 'bookworm',
    packages: flags.packages,
    workDir: work.path,
    onProgress: (text: string) => {
      if (!flags.json) print(text);
    },
  };
  process.once('exit', work.close);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const published = await publish(request).catch((error: unknown) => {
    throw asTreeError(error, tree);
  });
  if (flags.json) printJson(published);
  else {
    for (const { directory, files } of published) {
      for (const { name, bytes, sha256 } of files)
        print(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
    }
  }
  return 0;
}

/** What this user may not write in the tree, as a RackError with the remedy; other errors as they are. */
function asTreeError(error: unknown, tree: string): unknown {
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : '';
  if (!isOwnershipError(error) || !path.startsWith(tree)) return error;
  const text = `${path} cannot be written (${osErrorCode(error)}): ${ownershipRemedy(path, tree)}`;
  return new RackError('store-unwritable', text, { cause: error });
}

/** Where packages lie while images are made of them. */
export interface WorkDirectory {
  readonly path: string;
  /** Removes it, unless it is kept for the next build. */
  close(): void;
}

/**
 * Opens the work directory: `images-work` of the state directory, which is kept; without a state directory one that is made anew,
 * under a name that nobody can know beforehand.
 * @throws RackError `store-unwritable` when others than this user could change what lies in it
 */
export function openWorkDirectory(stateDir: string | undefined): WorkDirectory {
  if (stateDir === undefined) {
    const path = mkdtempSync(join(tmpdir(), 'rackboot-images-'));
    return { path, close: () => rmSync(path, { recursive: true, force: true }) };
  }
  makeStateDirectory(stateDir);
  const path = join(stateDir, 'images-work');
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (osErrorCode(cause) !== 'EEXIST') {
      const remedy = ownershipRemedy(path, stateDir);
      throw new RackError('store-unwritable', `${path} cannot be made (${osErrorCode(cause)}): ${remedy}`, { cause });
    }
  }
  const found = lstatSync(path);
  const isPrivate = found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0;
  if (found.isDirectory() && isPrivate) return { path, close: () => undefined };
  const remedy = `remove it (rm -r ${path}), then it is made anew`;
  throw new RackError('store-unwritable', `others than this user can change what is in ${path}: ${remedy}`);
}

/**
 * The configuration that says what of tree and release the flags leave open; undefined: they say both, or say the tree where there is no
 * configuration file. One that is there is either used or refused: what it says must not be replaced unseen by a default.
 *
 * @throws RackError `config-unreadable`, `config-invalid`
 */
export function findImageConfig({ config, tree, release }: Pick<BuildFlags, 'config' | 'tree' | 'release'>) {
  if (tree !== undefined && release !== undefined) return undefined;
  try {
    return loadMerged(config).config;
  } catch (error) {
    if (tree === undefined || !(error instanceof RackError)) throw error;
    if (error.code === 'config-unreadable' && osErrorCode(error.cause) === 'ENOENT') return undefined;
    const remedy = 'with --release beside --tree the configuration is not needed';
    throw new RackError(error.code, `${error.message}\n${remedy}`, { cause: error });
  }
}
