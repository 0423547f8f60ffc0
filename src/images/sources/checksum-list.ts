// Decodes lists of checksums, such as SHA256SUMS and CHECKSUM.
//
//   9f86d081…  disk.img               GNU coreutils, text, also with one blank. A leading `./` of the name is dropped
//   9f86d081… *disk.img               GNU coreutils, binary
//   9f86d081…                         only a checksum, of the one file that the list describes
//   SHA256 (disk.img) = 9f86d081…     BSD, and `--tag` of GNU coreutils
//   SHA2-256(disk.img)= 9f86d081…     OpenSSL
//   # BLAKE2B HASH                    a comment with the algorithm of the lines below it, in lists of Gentoo
//   # disk.img: 576716800 bytes       a comment with the size, in lists of Fedora, Rocky Linux and AlmaLinux
//
// Sources: sha256sum(1), cksum(1) of GNU coreutils 9 (its `-c` accepts one blank of either kind,
// and blanks at the start of a line); dgst(1) of OpenSSL 3; the lists of cloud.debian.org,
// download.fedoraproject.org, repo.almalinux.org and distfiles.gentoo.org; RFC 9580 §7
// (clear-signed text).
//
// 1. Clear-signed text is read, but verification.ts verifies its signature.
// 2. The strongest algorithm counts. A file with two different checksums of that algorithm is left out.
// 3. A line that is no checksum is skipped, as by `sha256sum -c`. It is reported if the requested
//    file is missing.
// 4. Names that are not contained paths are left out: nothing could request them.

import { cleanText } from '../../ground/clean-text.ts';
import { isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

/** A checksum algorithm. SHA-1 and MD5 only protect against damage. */
export type ChecksumAlgorithm = (typeof ALGORITHMS)[number];
const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** The digits, in lower case. Their number is that of the algorithm. */
  readonly hex: string;
  readonly bytes: number | undefined;
}

/** Checksums by file name. The name is empty if the list gives none. */
export type ChecksumList = ReadonlyMap<string, Checksum>;

interface DecodedList {
  readonly sums: ChecksumList;
  /** Descriptions of unusable lines, such as `line 4: "Resolving host…"`. At most LINES_NAMED_MAX, clean. */
  readonly unreadableLines: readonly string[];
}

export const LIST_BYTES_MAX = 8 * 1024 * 1024;
const FILES_MAX = 100_000;
const LINES_NAMED_MAX = 3;
const LINE_SHOWN_MAX = 60;

const BY_DIGITS: ReadonlyMap<number, ChecksumAlgorithm> = new Map([
  [32, 'md5'],
  [40, 'sha1'],
  [56, 'sha224'],
  [64, 'sha256'],
  [96, 'sha384'],
  [128, 'sha512'],
]);

export const CLEAR_SIGNED = '-----BEGIN PGP SIGNED MESSAGE-----';
export const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const COREUTILS = /^[ \t]*([0-9A-Fa-f]{32,128})(?:$|[ \t][ *]?(.+)$)/;
const BSD = /^(MD5|SHA1|SHA(?:2-)?(?:224|256|384|512)) ?\(([^()]{1,1024})\) ?= ?([0-9A-Fa-f]{32,128})$/;
const SIZE = /^# ([^:\s]{1,1024}): (\d{1,15}) bytes$/;
const SECTION = /^# ([A-Z0-9-]{1,20}) HASH$/;

const RESEMBLANCES: readonly (readonly [start: RegExp, name: string])[] = [
  [/^\s*$/, 'an empty file'],
  [/^\s*<[!?a-z]/i, 'a web page or other markup'],
  [/^\s*[{[]/, 'a JSON document'],
  [/^-----BEGIN PGP SIGNATURE-----/, 'a signature without its list'],
];

/** Decodes a list. @param document bytes, or clear-signed text */
export function decodeChecksumList(document: Uint8Array | string): DocumentDecoded<DecodedList> {
  // No contained path has replacement characters.
  const text = typeof document === 'string' ? document : new TextDecoder().decode(document);
  if (text.length > LIST_BYTES_MAX)
    return documentFault('too-large', '', `at most ${LIST_BYTES_MAX} characters`, text.length);
  const list = new ListReader();
  for (const [index, line] of listSignedLines(text.split('\n'))) {
    list.read(line, index + 1);
    if (list.files > FILES_MAX) return documentFault('too-large', '', `at most ${FILES_MAX} files`, list.files);
  }
  if (list.isEmpty) {
    const resemblance = RESEMBLANCES.find(([start]) => start.test(text))?.[1] ?? 'none';
    return documentFault('missing', '', 'a list of checksums', [resemblance, ...list.unreadableLines].join('; '));
  }
  return documentValue(list.decoded());
}

/**
 * Yields the lines with their indexes. Of clear-signed text, yields only signed lines, without dash
 * escapes.
 */
function* listSignedLines(lines: readonly string[]): Generator<readonly [index: number, line: string]> {
  const head = lines.findIndex((line) => line.trimEnd() === CLEAR_SIGNED);
  if (head === -1) return yield* lines.map((line, index) => [index, line.trimEnd()] as const);
  const start = lines.findIndex((line, index) => index > head && line.trimEnd() === '') + 1;
  for (let index = start; start > 0 && index < lines.length; index += 1) {
    const line = (lines[index] ?? '').trimEnd();
    if (line === SIGNATURE) return;
    yield [index, line.replace(/^- /, '')];
  }
}

class ListReader {
  readonly unreadableLines: string[] = [];
  readonly #sums = new Map<string, Checksum>();
  readonly #sizes = new Map<string, number>();
  readonly #contradictory = new Set<string>();
  /** True after a comment that names an unknown algorithm. */
  #hasUnknownAlgorithm = false;

  get files(): number {
    return this.#sums.size;
  }

  get isEmpty(): boolean {
    return this.#sums.size === 0;
  }

  read(line: string, number: number): void {
    const [, sizedName, bytes] = SIZE.exec(line) ?? [];
    if (sizedName !== undefined) this.#sizes.set(sizedName, Number(bytes));
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) this.#hasUnknownAlgorithm = !ALGORITHMS.some((name) => name === section.toLowerCase());
    if (line === '' || line.startsWith('#') || this.#hasUnknownAlgorithm) return;
    const sum = parseChecksumLine(line);
    if (sum === undefined) {
      this.#skipLine(number, line);
      return;
    }
    const { name, algorithm, hex } = sum;
    if (name !== '' && !isContainedPath(name)) return;
    const previous = this.#sums.get(name);
    if (previous?.algorithm === algorithm && previous.hex !== hex) {
      this.#contradictory.add(name);
      this.#skipLine(number, `another checksum of ${name === '' ? 'the file' : name}`);
    } else if (previous === undefined || rankStrength(previous.algorithm) < rankStrength(algorithm)) {
      this.#sums.set(name, { algorithm, hex, bytes: undefined });
    }
  }

  decoded(): DecodedList {
    const consistent = [...this.#sums].filter(([name]) => !this.#contradictory.has(name));
    const sums = new Map(consistent.map(([name, sum]) => [name, { ...sum, bytes: this.#sizes.get(name) }]));
    return { sums, unreadableLines: this.unreadableLines };
  }

  #skipLine(number: number, text: string): void {
    if (this.unreadableLines.length < LINES_NAMED_MAX)
      this.unreadableLines.push(`line ${number}: ${cleanText(text, LINE_SHOWN_MAX)}`);
  }
}

const rankStrength = (algorithm: ChecksumAlgorithm): number => ALGORITHMS.indexOf(algorithm);

function parseChecksumLine(line: string): { name: string; algorithm: ChecksumAlgorithm; hex: string } | undefined {
  const [, tag, taggedName = '', taggedHex = ''] = BSD.exec(line) ?? [];
  const [, plainHex, plainName = ''] = COREUTILS.exec(line) ?? [];
  const hex = (plainHex ?? taggedHex).toLowerCase();
  const algorithm = BY_DIGITS.get(hex.length);
  if (algorithm === undefined || (tag !== undefined && tag.replace(/^SHA2-/, 'SHA').toLowerCase() !== algorithm))
    return undefined;
  return { name: (tag === undefined ? plainName : taggedName).replace(/^\.\//, ''), algorithm, hex };
}

/**
 * Finds the checksum of a file. Undefined if there is none.
 * @param isOfOneFile true if the list describes only this file. The name in the list is then
 * ignored, because it may be that of the build to which `file` links
 */
export function findChecksum(list: ChecksumList, file: string, isOfOneFile = false): Checksum | undefined {
  const checksum = list.get(file);
  if (checksum !== undefined || !isOfOneFile || list.size !== 1) return checksum;
  return list.values().next().value;
}
