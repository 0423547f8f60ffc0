// A repository of apt: a directory that a site serves by any web server, or names as `file:`.
//
// Sources: apt-ftparchive(1), the format of Debian's repositories, sources.list(5).

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RackError } from '../src/ground/errors.ts';
import type { NeededProgram } from '../src/images/content/needed-programs.ts';
import { ARCHITECTURE_NAMES } from './debian-package.ts';

const SUITE = 'stable';
const COMPONENT = 'main';

/** The programs that `addToRepository` runs. */
export const repositoryTools = (key: string | undefined): readonly NeededProgram[] => [
  { program: 'apt-ftparchive', package: 'apt-utils' },
  ...(key === undefined ? [] : [{ program: 'gpg', package: 'gnupg' }]),
];

/**
 * Adds packages to the repository, which is made if it is not there, and signs it.
 * @param signer what `fingerprintOf` found; undefined: it is not signed
 */
export function addToRepository(directory: string, packages: readonly string[], signer: string | undefined): void {
  const pool = join('pool', COMPONENT);
  const suite = join('dists', SUITE);
  mkdirSync(join(directory, pool), { recursive: true });
  for (const file of packages) copyFileSync(file, join(directory, pool, basename(file)));
  const list = (...words: readonly string[]): string =>
    execFileSync('apt-ftparchive', words, { cwd: directory, encoding: 'utf8' });
  for (const architecture of ARCHITECTURE_NAMES) {
    const place = join(directory, suite, COMPONENT, `binary-${architecture}`);
    mkdirSync(place, { recursive: true });
    const text = list('--arch', architecture, 'packages', pool);
    writeFileSync(join(place, 'Packages'), text);
    writeFileSync(join(place, 'Packages.gz'), gzipSync(text, { level: 9 }));
  }
  for (const name of ['Release', 'InRelease', 'Release.gpg']) rmSync(join(directory, suite, name), { force: true });
  const fields = {
    Origin: 'Rackboot',
    Label: 'Rackboot',
    Suite: SUITE,
    Codename: SUITE,
    Components: COMPONENT,
    Architectures: ARCHITECTURE_NAMES.join(' '),
  };
  const options = Object.entries(fields).flatMap(([name, value]) => [
    '-o',
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  const release = list(...options, 'release', suite);
  writeFileSync(join(directory, suite, 'Release'), release);
  if (signer === undefined) return;
  const sign = (kind: string, name: string): void => {
    const words = ['--batch', '--yes', '--local-user', signer, '--armor', kind, '--output', name, 'Release'];
    execFileSync('gpg', words, { cwd: join(directory, suite), stdio: ['ignore', 'ignore', 'inherit'] });
  };
  sign('--clearsign', 'InRelease');
  sign('--detach-sign', 'Release.gpg');
  const publicKey = execFileSync('gpg', ['--export', signer], { encoding: 'buffer' });
  writeFileSync(join(directory, 'rackboot-archive-keyring.gpg'), publicKey);
}

/**
 * Finds the key of gpg(1) by which the site's hosts know the repository. Looks among the secret keys only: anybody's public key may have the
 * same name.
 * @throws RackError `bad-argument`
 */
export function fingerprintOf(key: string): string {
  const words = ['--batch', '--with-colons', '--list-secret-keys', key];
  const { stdout } = spawnSync('gpg', words, { encoding: 'utf8' });
  const [found, ...others] = stdout.matchAll(/^sec:.*\nfpr:(?:[^:]*:){8}([0-9A-F]+):/gm);
  if (found?.[1] === undefined) throw new RackError('bad-argument', `--key ${key}: gpg has no such secret key`);
  if (others.length > 0)
    throw new RackError('bad-argument', `--key ${key}: gpg has several such secret keys; give a fingerprint`);
  return found[1];
}
