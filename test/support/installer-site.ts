// A mirror of packages in a directory, as far as installers need one: the signed lists of a release, and the installer's files below
// `dists/SUITE/main/installer-ARCH/current/images/`. Serve the directory, and it is a mirror.
//
// Source: the mirrors of Debian 12 (InRelease, SHA256SUMS, debian-installer) and Ubuntu 14.04 (Release.gpg, MD5SUMS.gpg, ubuntu-installer).

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SiteSigner } from './stream-site.ts';

/** A suite of a mirror, with the installers in it. */
export interface InstallerSuite {
  readonly suite: string;
  /** `InRelease`, or a detached signature, or neither. */
  readonly form: 'clear' | 'detached' | 'unsigned';
  /** The list of the installer's files; `own`: with a signature of its own, and not in the release. */
  readonly list: 'SHA256SUMS' | 'MD5SUMS' | 'own';
  /** The fields of the release that differ. */
  readonly fields?: Readonly<Record<string, string>>;
  /** When its files are signed, `20261101T000000`; left out: now. */
  readonly at?: string;
  /** By architecture: paths below `images/`, such as `netboot/debian-installer/amd64/linux`. */
  readonly installers: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
}

const hash = (algorithm: string, bytes: string | Uint8Array): string =>
  createHash(algorithm).update(bytes).digest('hex');

/** Writes a suite below `directory`/dists. */
export function writeInstallerSuite(directory: string, content: InstallerSuite, { home, key }: SiteSigner): void {
  const { suite, form, list, fields = {}, at, installers } = content;
  const by = { key, ...(at === undefined ? {} : { at }) };
  const root = join(directory, 'dists', suite);
  const write = (path: string, bytes: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  const name = list === 'own' ? 'MD5SUMS' : list;
  const algorithm = name === 'MD5SUMS' ? 'md5' : 'sha256';
  const sums: string[] = [];
  for (const [arch, files] of Object.entries(installers)) {
    const images = `main/installer-${arch}/current/images/`;
    for (const [path, bytes] of Object.entries(files)) write(`${images}${path}`, bytes);
    const lines = Object.entries(files).map(([path, bytes]) => `${hash(algorithm, bytes)}  ./${path}\n`);
    const text = lines.join('');
    write(`${images}${name}`, text);
    if (list === 'own') write(`${images}${name}.gpg`, home.sign(text, { ...by, form: 'detached' }));
    else sums.push(` ${hash('sha256', text)} ${text.length} ${images}${name}\n`);
  }
  const all = { Origin: 'Debian', Suite: suite, Codename: suite, ...fields };
  const head = Object.entries(all).map(([field, value]) => `${field}: ${value}\n`);
  const release = `${head.join('')}SHA256:\n${sums.join('')}`;
  if (form === 'clear') write('InRelease', home.sign(release, { ...by, form: 'clear' }));
  else write('Release', release);
  if (form === 'detached') write('Release.gpg', home.sign(release, { ...by, form: 'detached' }));
}

/** The files of an installer, by their paths below `images/`. */
export const installerFiles = (
  arch: string,
  { linux, initrd }: { readonly linux: Uint8Array; readonly initrd: Uint8Array },
  { system = 'debian', images = 'netboot' }: { readonly system?: string; readonly images?: string } = {},
): Readonly<Record<string, Uint8Array>> => ({
  [`${images}/${system}-installer/${arch}/linux`]: linux,
  [`${images}/${system}-installer/${arch}/initrd.gz`]: initrd,
});
