// Checks that an offered loader can be loaded, by TFTP or HTTP as offered, and that its contents
// equal the tree's file.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cpu, loadersCommand } from '../boot/architectures.ts';
import type { RackConfig } from '../config/rack-config.ts';
import { isOwnershipError } from '../files/ownership.ts';
import { statIfVisible } from '../files/seen-stats.ts';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { counted, joinNames } from '../ground/counted.ts';
import { errorText, isTlsError } from '../ground/errors.ts';
import { listLoaders } from '../images/build/loaders.ts';
import type { ReportFinding } from './finding.ts';
import { probeHttp } from './http-probe.ts';
import { PROBE_FILE_BYTES_MAX, probeTftp } from './tftp-probe.ts';

interface LoaderToCheck {
  readonly config: RackConfig;
  /** The offered file: a name in the tree, or a URL. */
  readonly file: string;
  readonly server: Ipv4;
  /** The command that puts the file into the tree; undefined for a loader that a person named. */
  readonly build: string | undefined;
  readonly report: ReportFinding;
}

/** The command that builds images for an architecture. @param configWords as in `DoctorOptions` */
export const buildCommand = (cpu: Cpu, configWords: string): string => `${loadersCommand(cpu)}${configWords}`;

/**
 * True if an offered file should be in the tree of this rack but is not. False if this user may not
 * read the tree.
 */
export function isLoaderAbsent(file: string, server: Ipv4, config: RackConfig): boolean {
  const name = nameInTree(file, server, config);
  try {
    return name !== undefined && statSync(join(config.boot.tree, name), { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    // A dangling link is not a file.
    return !isOwnershipError(error);
  }
}

/** The most loaders that a finding names. */
const NAMED_MAX = 5;

/**
 * Notes the loaders that `loaders install` installed and that are now missing or changed. @param
 * configWords as in `DoctorOptions`
 */
export async function examineInstalled(tree: string, configWords: string, report: ReportFinding): Promise<void> {
  try {
    const installed = (await listLoaders(tree)).filter(({ version }) => version !== undefined);
    // Both kinds of x86 share files.
    const damagedNames = new Set(installed.flatMap(({ name, state }) => (state === 'installed' ? [] : [name])));
    if (damagedNames.size === 0) return;
    const command = `sudo rackboot loaders list${configWords}`;
    const remedy = '`loaders install` brings missing ones, and a changed one once it is removed';
    report(
      'loaders',
      'note',
      `missing or changed since the installation: ${joinNames([...damagedNames], NAMED_MAX)}; ${remedy}`,
      command,
    );
  } catch (error) {
    // The check of the tree says what this user may not read.
    if (!isOwnershipError(error)) throw error;
  }
}

/** Loads the offered file and compares it with the file in the tree. */
export async function examineLoader(loader: LoaderToCheck): Promise<void> {
  const { config, file, server, build: command, report } = loader;
  const { tree } = config.boot;
  const scheme = /^\w+(?=:\/\/)/.exec(file)?.[0];
  const isUrl = scheme !== undefined;
  const check = isUrl ? `http ${file}` : `tftp ${file}`;
  const name = nameInTree(file, server, config);
  const ca = file.startsWith('https:') ? config.http.tls?.cert : undefined;
  if (isUrl && (name === undefined || (ca === undefined && !file.startsWith('http:')))) {
    report(check, 'note', 'is not on this rack; not loaded');
    return;
  }
  const path = join(tree, name ?? file);
  const sizeBytes = statIfVisible(path)?.size;
  const build =
    command === undefined
      ? `put ${name ?? file} into ${tree}, or name another one in boot.loaders`
      : `\`sudo ${command}\` puts it into ${tree}`;
  if (sizeBytes !== undefined && sizeBytes > PROBE_FILE_BYTES_MAX) {
    report(check, 'note', 'is too large to be loaded here; not compared');
    return;
  }
  try {
    const loaded = isUrl
      ? await probeHttp(file, ca)
      : await probeTftp(formatIpv4(server), config.tftp.listenPort, file);
    if (sizeBytes === undefined) {
      report(
        check,
        false,
        `${counted(loaded.length, 'byte')} arrived, but ${path} does not exist: does the rack use another tree?`,
      );
      return;
    }
    const isSame = loaded.equals(readFileSync(path));
    const sum = createHash('sha256').update(loaded).digest('hex').slice(0, 12);
    const differenceText = `${counted(loaded.length, 'byte')} arrived, but they differ from ${path}: does the rack use another tree?`;
    report(
      check,
      isSame,
      isSame ? `${counted(loaded.length, 'byte')}, as in the tree (sha256 ${sum}…)` : differenceText,
    );
  } catch (error) {
    const isMissing = sizeBytes === undefined;
    const certificateFix = `issue a certificate that names IP:${formatIpv4(server)} for boot.http.tls, then: sudo systemctl reload rackboot`;
    report(
      check,
      false,
      `${errorText(error)}${isMissing ? `; ${build}` : ''}`,
      isTlsError(error) ? certificateFix : isMissing && command !== undefined ? `sudo ${command}` : undefined,
      isMissing ? `tree/${command === undefined ? '' : 'images/'}${name ?? file}` : `tree/by ${scheme ?? 'tftp'}`,
    );
  }
}

/** The name of an offered file in the tree; undefined for a URL of another server. */
function nameInTree(file: string, server: Ipv4, { http }: RackConfig): string | undefined {
  const [, scheme, host, explicitPort, path] = /^(\w+):\/\/([^/:]+)(?::(\d+))?\/(.*)$/.exec(file) ?? [];
  const port = explicitPort ?? (scheme === 'https' ? '443' : '80');
  if (path === undefined) return file.includes('://') ? undefined : file;
  const isThisServer = host === formatIpv4(server) && http.listen.some((listener) => listener.port === Number(port));
  return isThisServer ? path : undefined;
}
