// The version of Rackboot, and the commit it was made from.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** The shown digits of a commit. */
const COMMIT_DIGITS = 12;

/** A value of Rackboot's package; `undefined` if it has none. */
function readPackageValue(root: string, key: string): string | undefined {
  const parsed: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const value = new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []).get(key);
  return value === undefined ? undefined : String(value);
}

/** Rackboot's version, from its package. */
export const readVersion = (): string => readPackageValue(ROOT, 'version') ?? 'unknown';

/**
 * The version with the commit, if that is known: of a package by its `gitHead`, as npm calls it, of
 * a checkout by its repository.
 */
export function readBuild(root: string = ROOT): string {
  const version = readPackageValue(root, 'version') ?? 'unknown';
  const commit = readPackageValue(root, 'gitHead') ?? readGitCommit(join(root, '.git'));
  return /^[0-9a-f]{40,64}$/.test(commit ?? '') ? `${version} (commit ${commit?.slice(0, COMMIT_DIGITS)})` : version;
}

/**
 * The commit of a repository (gitrepository-layout(5)), read as files: git(1) refuses another
 * user's repository, and may run its programs.
 */
function readGitCommit(git: string): string | undefined {
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(git, name), 'utf8').trim();
    } catch {
      // Not a checkout, or not this user's: the version alone is shown.
      return undefined;
    }
  };
  const head = read('HEAD');
  const branch = /^ref: (refs\/\S+)$/.exec(head ?? '')?.[1];
  if (branch === undefined) return head;
  const packedRefs = read('packed-refs')?.split('\n') ?? [];
  return read(branch) ?? packedRefs.find((line) => line.endsWith(` ${branch}`))?.split(' ', 1)[0];
}
