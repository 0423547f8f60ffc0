// Decodes lists of checksums, such as SHA256SUMS and CHECKSUM.
//
//   9f86d081…  disk.img               GNU coreutils, text; a leading `./` of the name is dropped
//   9f86d081… *disk.img               GNU coreutils, binary
//   9f86d081…                         only a checksum: of the one file that the list is for
//   SHA256 (disk.img) = 9f86d081…     BSD, and `--tag` of GNU coreutils
//   # disk.img: 576716800 bytes       a comment with the size, in lists of Fedora, Rocky Linux and AlmaLinux
//
// Sources: sha256sum(1), cksum(1) of GNU coreutils 9; the lists of cloud.debian.org, download.fedoraproject.org and repo.almalinux.org; RFC
// 9580 §7 (clear-signed text).
//
// 1. A list inside clear-signed text is read, but its signature is not verified here: `signatures/` does that.
// 2. If a file has several checksums, the one by the strongest algorithm is kept. Two different checksums by one algorithm are a fault.
// 3. A file whose name is not a contained path is left out, because nothing could request it.

import { isContainedPath } from '../documents/contained-path.ts';
import { type DocumentDecoded, documentFault, documentValue } from '../documents/fault.ts';
import { decodeText } from '../documents/text.ts';

/** A checksum algorithm; ALGORITHMS has the weakest first. SHA-1 and MD5 only protect against damage. */
export type ChecksumAlgorithm = (typeof ALGORITHMS)[number];
const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;

/** The checksum of a file. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** In lower case, as long as the algorithm demands. */
  readonly hex: string;
  /** The size of the file, if the list has it. */
  readonly bytes: number | undefined;
}

/** Checksums by the name of the file; a checksum without a name has the empty name. */
export type ChecksumList = ReadonlyMap<string, Checksum>;

/** The largest list, in bytes. */
export const LIST_BYTES_MAX = 8 * 1024 * 1024;
/** Bound on the files of one list. */
const FILES_MAX = 100_000;

const BY_DIGITS: ReadonlyMap<number, ChecksumAlgorithm> = new Map([
  [32, 'md5'],
  [40, 'sha1'],
  [56, 'sha224'],
  [64, 'sha256'],
  [96, 'sha384'],
  [128, 'sha512'],
]);

const CLEAR_SIGNED = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const COREUTILS = /^([0-9A-Fa-f]{32,128})(?:$| [ *](.+)$)/;
const BSD = /^(MD5|SHA1|SHA224|SHA256|SHA384|SHA512) ?\(([^()]{1,1024})\) ?= ?([0-9A-Fa-f]{32,128})$/;
const SIZE = /^# ([^:\s]{1,1024}): (\d{1,15}) bytes$/;

/** Decodes a list. @param document its bytes, or its text if it was taken out of a clear-signed document */
export function decodeChecksumList(document: Uint8Array | string): DocumentDecoded<ChecksumList> {
  const text = typeof document === 'string' ? documentValue(document) : decodeText(document, LIST_BYTES_MAX);
  if (!text.ok) return text;
  if (text.value.length > LIST_BYTES_MAX)
    return documentFault('too-large', '', `at most ${LIST_BYTES_MAX} characters`, text.value.length);
  const found = new Map<string, Checksum>();
  const sizes = new Map<string, number>();
  const lines = text.value.split('\n');
  for (const [index, line] of signedPart(lines)) {
    const fault = readLine(line, `line ${index + 1}`, found, sizes);
    if (fault !== undefined) return fault;
    if (found.size > FILES_MAX) return documentFault('too-large', '', `at most ${FILES_MAX} files`, found.size);
  }
  if (found.size === 0) return documentFault('missing', '', 'a list of checksums', undefined);
  return documentValue(new Map([...found].map(([name, sum]) => [name, { ...sum, bytes: sizes.get(name) }])));
}

/** The lines with their indexes. Of clear-signed text, only the signed lines, without the escapes of their dashes. */
function* signedPart(lines: readonly string[]): Generator<readonly [index: number, line: string]> {
  const head = lines.findIndex((line) => line.trimEnd() === CLEAR_SIGNED);
  if (head === -1) return yield* lines.map((line, index) => [index, line.trimEnd()] as const);
  const start = lines.findIndex((line, index) => index > head && line.trimEnd() === '') + 1;
  for (let index = start; start > 0 && index < lines.length; index += 1) {
    const line = (lines[index] ?? '').trimEnd();
    if (line === SIGNATURE) return;
    yield [index, line.replace(/^- /, '')];
  }
}

/** Reads one line. @returns its fault; undefined: it has none */
function readLine(
  line: string,
  place: string,
  found: Map<string, Checksum>,
  sizes: Map<string, number>,
): DocumentDecoded<never> | undefined {
  const [, sized, bytes] = SIZE.exec(line) ?? [];
  if (sized !== undefined) sizes.set(sized, Number(bytes));
  if (line === '' || line.startsWith('#')) return undefined;
  const sum = readSum(line);
  if (sum === undefined) return documentFault('not-readable', place, 'a checksum and the name of a file', line);
  if (sum.name !== '' && !isContainedPath(sum.name)) return undefined;
  const { name, algorithm, hex } = sum;
  const before = found.get(name);
  if (before?.algorithm === algorithm && before.hex !== hex)
    return documentFault('bad-value', place, `one checksum of ${name === '' ? 'the file' : name}`, hex);
  if (before === undefined || strength(before.algorithm) < strength(algorithm))
    found.set(name, { algorithm, hex, bytes: undefined });
  return undefined;
}

const strength = (algorithm: ChecksumAlgorithm): number => ALGORITHMS.indexOf(algorithm);

function readSum(line: string): { name: string; algorithm: ChecksumAlgorithm; hex: string } | undefined {
  const [, tag, tagged = '', taggedHex = ''] = BSD.exec(line) ?? [];
  const [, plainHex, plain = ''] = COREUTILS.exec(line) ?? [];
  const hex = (plainHex ?? taggedHex).toLowerCase();
  const algorithm = BY_DIGITS.get(hex.length);
  if (algorithm === undefined || (tag !== undefined && tag.toLowerCase() !== algorithm)) return undefined;
  return { name: (tag === undefined ? plain : tagged).replace(/^\.\//, ''), algorithm, hex };
}

/**
 * The checksum of a file; undefined: the list has none.
 * @param isOfOneFile true if the list is only for this file. Then the name in it does not matter; it may be that of the build to which
 *   `file` links.
 */
export function findChecksum(list: ChecksumList, file: string, isOfOneFile = false): Checksum | undefined {
  const found = list.get(file);
  if (found !== undefined || !isOfOneFile || list.size !== 1) return found;
  return list.values().next().value;
}
