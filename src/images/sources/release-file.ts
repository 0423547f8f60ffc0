// Decodes `Release` or `InRelease` of a Debian repository. If its signature is verified, its
// checksums vouch for `main/installer-amd64/current/images/SHA256SUMS`, whose checksums vouch for
// the installer's files.
//
// Sources: the Debian repository format (wiki.debian.org/DebianRepository/Format), "Release" files;
// deb822(5).
//
// 1. The text is only the signed part (verification.ts). Lines of a signature are a fault.
// 2. A field that appears twice is a fault: no list can replace an earlier one.

import type { Checksum, ChecksumAlgorithm } from './checksum-list.ts';
import { isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

type ReleaseEntry = Checksum & { readonly bytes: number };

/** The fields of a release. A missing field is empty. */
export interface ReleaseFile {
  readonly suite: string;
  readonly codename: string;
  /** The time of the file, since 1970. Undefined if the file does not state it. */
  readonly dateMs: number | undefined;
  /** The end of its validity, since 1970. Undefined if it does not end. */
  readonly validUntilMs: number | undefined;
  /** The files by path below the release's directory, with SHA-256 if listed, otherwise with MD5. */
  readonly files: ReadonlyMap<string, ReleaseEntry>;
}

/** Bound on the characters of a file. Debian's have some 250 000. */
const RELEASE_CHARACTERS_MAX = 8 * 1024 * 1024;
const FILES_MAX = 50_000;
/** The lists of a release, the preferred one first. */
const LISTS: readonly (readonly [field: string, algorithm: ChecksumAlgorithm, digits: number])[] = [
  ['sha256', 'sha256', 64],
  ['md5sum', 'md5', 32],
];

interface Field {
  readonly line: number;
  readonly value: string;
  readonly continuationLines: string[];
}

export function decodeReleaseFile(text: string): DocumentDecoded<ReleaseFile> {
  if (text.length > RELEASE_CHARACTERS_MAX)
    return documentFault('too-large', '', `at most ${RELEASE_CHARACTERS_MAX} characters`, text.length);
  const fields = decodeFields(text);
  if (!fields.ok) return fields;
  const list = LISTS.find(([name]) => fields.value.has(name));
  if (list === undefined) return documentFault('missing', 'SHA256', 'a list of files', undefined);
  const files = decodeFiles(fields.value.get(list[0]), list[1], list[2]);
  if (!files.ok) return files;
  const readValue = (name: string): string => fields.value.get(name)?.value ?? '';
  return documentValue({
    suite: readValue('suite'),
    codename: readValue('codename'),
    dateMs: parseReleaseTime(readValue('date')),
    validUntilMs: parseReleaseTime(readValue('valid-until')),
    files: files.value,
  });
}

function decodeFields(text: string): DocumentDecoded<ReadonlyMap<string, Field>> {
  const fields = new Map<string, Field>();
  let lastField: Field | undefined;
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.trimEnd();
    const linePath = `line ${index + 1}`;
    if (line === '') continue;
    if (/^[ \t]/.test(line)) {
      if (lastField === undefined) return documentFault('not-readable', linePath, 'a field', line);
      lastField.continuationLines.push(line.trimStart());
      continue;
    }
    const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9-]{0,63}):(.*)$/.exec(line) ?? [];
    if (name === undefined) return documentFault('not-readable', linePath, 'a field', line);
    if (fields.has(name.toLowerCase())) return documentFault('bad-value', linePath, `${name} only once`, line);
    lastField = { line: index + 1, value: value.trim(), continuationLines: [] };
    fields.set(name.toLowerCase(), lastField);
  }
  return documentValue(fields);
}

function decodeFiles(
  field: Field | undefined,
  algorithm: ChecksumAlgorithm,
  digits: number,
): DocumentDecoded<ReadonlyMap<string, ReleaseEntry>> {
  const files = new Map<string, ReleaseEntry>();
  const rest = field?.continuationLines ?? [];
  if (rest.length > FILES_MAX)
    return documentFault('too-large', `line ${field?.line}`, `at most ${FILES_MAX} files`, rest.length);
  for (const line of rest) {
    const [, hex, size, path = ''] = /^([0-9A-Fa-f]{32,64}) +(\d{1,15}) +(\S+)$/.exec(line) ?? [];
    const expected = `${digits} hexadecimal digits, a size and the path of a file`;
    if (hex?.length !== digits) return documentFault('not-readable', `line ${field?.line}`, expected, line);
    if (isContainedPath(path)) files.set(path, { algorithm, hex: hex.toLowerCase(), bytes: Number(size) });
  }
  return documentValue(files);
}

/** Parses a time such as `Sat, 15 Nov 2025 10:22:31 UTC`. Undefined if it is not a time. */
function parseReleaseTime(text: string): number | undefined {
  const ms = text.length > 64 ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
