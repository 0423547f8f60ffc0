// The packages of npm that go into Rackboot's own, as package-lock.json pins them.
//
// 1. A package of another architecture than the host's, which `npm ci` leaves out, is fetched by npm, compared with the lock's hash, and kept.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { cachePlace } from '../bin/cache-place.js';

export const ROOT = join(import.meta.dirname, '..');
const PLACE = 'node_modules/';

const lockShape = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
    }),
  ),
});

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** Its hash as npm writes it: the name of the algorithm, `-`, and base64. */
  readonly integrity: string;
  /** An expression of SPDX. */
  readonly licence: string;
  /** npm leaves it out where it does not fit the host. */
  readonly isOptional: boolean;
}

/** Every package but those for development, by name. One that several others have for themselves is there once. */
export function pinnedPackages(): readonly PinnedPackage[] {
  const { packages } = lockShape.parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')));
  const found = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version, integrity = '', license = '', optional = false }]) => ({
      name: path.slice(path.lastIndexOf(PLACE) + PLACE.length),
      version,
      integrity,
      licence: license,
      isOptional: optional,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...new Map(found.map((one) => [`${one.name}@${one.version}`, one])).values()];
}

/** @throws Error if package-lock.json does not have it */
export function findPinned(name: string): PinnedPackage {
  const found = pinnedPackages().find((one) => one.name === name);
  if (found === undefined) throw new Error(`package-lock.json has no ${name}`);
  return found;
}

/** The directory with the package's files. @throws Error if it cannot be fetched, or has another hash */
export function directoryOf(name: string): string {
  const installed = join(ROOT, PLACE, name);
  return existsSync(installed) ? installed : fetched(findPinned(name));
}

function fetched({ name, version, integrity }: PinnedPackage): string {
  const cache = join(cachePlace(), 'rackboot-packages');
  const directory = join(cache, `${name.replace('/', '-')}-${version}`);
  if (existsSync(directory)) return directory;
  mkdirSync(cache, { recursive: true });
  const part = mkdtempSync(join(cache, 'part-'));
  try {
    const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', part, `${name}@${version}`];
    const archive = join(part, execFileSync('npm', words, { cwd: part, encoding: 'utf8' }).trim());
    const [algorithm = '', wanted] = integrity.split('-');
    const hash = createHash(algorithm).update(readFileSync(archive)).digest('base64');
    if (hash !== wanted)
      throw new Error(`${name}@${version} is not the one of package-lock.json: ${algorithm}-${hash}`);
    execFileSync('tar', ['--extract', '--file', archive, '--directory', part]);
    renameSync(join(part, 'package'), directory);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return directory;
}
