// Plans the downloads for one release and architecture of a site with plain files: replaces placeholders, chooses the
// file from the list of checksums, and finds its build date there.
//
//   planFiles ─▶ fetch the list and its signature, verify ─▶ chooseListedFile ─▶ findChecksum ─▶ fetch the file

import type { Checksum, ChecksumList } from './checksum-list.ts';
import { fillPlaceholders } from './placeholders.ts';
import { compareSerials, dayOfSerial } from './serial.ts';
import type { FilesSource, SourceRelease } from './source.ts';
import type { KeyPlace } from './source-documents.ts';

export interface FilesPlan {
  /** Ends in `/`. */
  readonly directoryUrl: string;
  /** The path below the directory; with `*`, a pattern. */
  readonly file: string;
  readonly checksumsUrl: string;
  /** Detached; undefined: the list is clear-signed, or the source unsigned. */
  readonly signatureUrl: string | undefined;
  /** Undefined: the source is unsigned. */
  readonly keys: KeyPlace | undefined;
}

/** Finds a release by name or version. */
export const findRelease = ({ releases }: FilesSource, wanted: string): SourceRelease | undefined =>
  releases.find(({ name }) => name === wanted) ?? releases.find(({ version }) => version === wanted);

/**
 * @param arch our name of the architecture
 * @returns undefined if the source lacks the architecture
 */
export function planFiles(source: FilesSource, release: SourceRelease, arch: string): FilesPlan | undefined {
  const named = source.arches.get(arch);
  if (named === undefined) return undefined;
  const values = { release: release.name, version: release.version, serial: release.serial, arch: named };
  const fill = (text: string): string => fillPlaceholders(text, values);
  const directoryUrl = fill(source.directory);
  const { trust, signature } = source;
  const keysOf = ({ keyUrl, fingerprints }: KeyPlace): KeyPlace => ({
    keyUrl: keyUrl === undefined ? undefined : fill(keyUrl),
    fingerprints: release.fingerprints ?? fingerprints,
  });
  return {
    directoryUrl,
    file: fill(source.file),
    checksumsUrl: `${directoryUrl}${fill(source.checksums)}`,
    signatureUrl: signature === undefined ? undefined : `${directoryUrl}${fill(signature)}`,
    keys: trust.kind === 'signed' ? keysOf(trust) : undefined,
  };
}

/** The image in a list: the file itself, or the newest match of its pattern; undefined: none. */
export function chooseListedFile(list: ChecksumList, file: string): string | undefined {
  if (!file.includes('*')) return file;
  return [...list.keys()]
    .filter((name) => fitsPattern(name, file))
    .toSorted(compareSerials)
    .at(-1);
}

/** `*` stands for any characters except a slash. */
function fitsPattern(name: string, pattern: string): boolean {
  const [start = '', ...parts] = pattern.split('*');
  const end = parts.pop() ?? '';
  if (!name.startsWith(start) || !name.endsWith(end) || name.length < start.length + end.length) return false;
  let at = start.length;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  const last = name.length - end.length;
  return at <= last && !name.slice(start.length, last).includes('/');
}

/**
 * Finds the serial of a file named, for example, `latest`: the list has its checksum again under
 * `AlmaLinux-9-GenericCloud-9.6-20250522.x86_64.qcow2`. Undefined: no name has a serial.
 */
export function findListedSerial(list: ChecksumList, { algorithm, hex }: Checksum): string | undefined {
  for (const [name, other] of list) {
    if (other.algorithm !== algorithm || other.hex !== hex) continue;
    const [serial] = /(?<!\d)20\d{6}(?:\.\d{1,4}(?!\d))?(?!\d)/.exec(name) ?? [];
    if (serial !== undefined && dayOfSerial(serial) !== undefined) return serial;
  }
  return undefined;
}
