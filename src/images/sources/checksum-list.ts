// Decodes lists of checksums, such as SHA256SUMS and CHECKSUM.
//
//   9f86d081…  disk.img               GNU coreutils, text, also with one blank; a leading `./` of the name is dropped
//   9f86d081… *disk.img               GNU coreutils, binary
//   9f86d081…                         only a checksum: of the one file that the list is for
//   SHA256 (disk.img) = 9f86d081…     BSD, and `--tag` of GNU coreutils
//   SHA2-256(disk.img)= 9f86d081…     OpenSSL
//   # BLAKE2B HASH                    a comment with the algorithm of the lines below it, in lists of Gentoo
//   # disk.img: 576716800 bytes       a comment with the size, in lists of Fedora, Rocky Linux and AlmaLinux
//
// Sources: sha256sum(1), cksum(1) of GNU coreutils 9 (its `-c` takes one blank of either kind, and
// blanks at the start of a line); dgst(1) of OpenSSL 3; the lists of cloud.debian.org,
// download.fedoraproject.org, repo.almalinux.org and distfiles.gentoo.org; RFC 9580 §7
// (clear-signed text).
//
// 1. Clear-signed text is read, but verification.ts verifies its signature.
// 2. The strongest algorithm counts; two different checksums of it exclude the file.
// 3. A line that is no checksum costs only itself, as with `sha256sum -c`; it is reported if the
//    wanted file is missing.
// 4. Names that are not contained paths are left out: nothing could request them.

import { cleanText } from '../../ground/clean-text.ts';
import { isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

/** A checksum algorithm, the weakest first; SHA-1 and MD5 only protect against damage. */
export type ChecksumAlgorithm = (typeof ALGORITHMS)[number];
const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** In lower case, as long as the algorithm demands. */
  readonly hex: string;
  readonly bytes: number | undefined;
}

/** Checksums by file name, which is empty if a checksum has none. */
export type ChecksumList = ReadonlyMap<string, Checksum>;

interface DecodedList {
  readonly sums: ChecksumList;
  /** Unusable lines for people: `line 4: "Resolving host…"`; at most LINES_NAMED_MAX, clean. */
  readonly unread: readonly string[];
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

const LOOKS: readonly (readonly [start: RegExp, name: string])[] = [
  [/^\s*$/, 'an empty file'],
  [/^\s*<[!?a-z]/i, 'a web page or other markup'],
  [/^\s*[{[]/, 'a JSON document'],
  [/^-----BEGIN PGP SIGNATURE-----/, 'a signature without its list'],
];

/** @param document bytes, or clear-signed text */
export function decodeChecksumList(document: Uint8Array | string): DocumentDecoded<DecodedList> {
  // No contained path has replacement characters.
  const text = typeof document === 'string' ? document : new TextDecoder().decode(document);
  if (text.length > LIST_BYTES_MAX)
    return documentFault('too-large', '', `at most ${LIST_BYTES_MAX} characters`, text.length);
  const list = new ListReader();
  for (const [index, line] of signedPart(text.split('\n'))) {
    list.read(line, index + 1);
    if (list.files > FILES_MAX) return documentFault('too-large', '', `at most ${FILES_MAX} files`, list.files);
  }
  if (list.isEmpty) {
    const resemblance = LOOKS.find(([start]) => start.test(text))?.[1] ?? 'none';
    return documentFault('missing', '', 'a list of checksums', [resemblance, ...list.unread].join('; '));
  }
  return documentValue(list.decoded());
}

/** The lines with their indexes. Of clear-signed text, only signed lines, without dash escapes. */
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

class ListReader {
  readonly unread: string[] = [];
  readonly #sums = new Map<string, Checksum>();
  readonly #sizes = new Map<string, number>();
  readonly #doubtful = new Set<string>();
  /** True below a comment that names an unknown algorithm. */
  #isForeign = false;

  get files(): number {
    return this.#sums.size;
  }

  get isEmpty(): boolean {
    return this.#sums.size === 0;
  }

  read(line: string, number: number): void {
    const [, sized, bytes] = SIZE.exec(line) ?? [];
    if (sized !== undefined) this.#sizes.set(sized, Number(bytes));
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) this.#isForeign = !ALGORITHMS.some((name) => name === section.toLowerCase());
    if (line === '' || line.startsWith('#') || this.#isForeign) return;
    const sum = readSum(line);
    if (sum === undefined) {
      this.#leave(number, line);
      return;
    }
    const { name, algorithm, hex } = sum;
    if (name !== '' && !isContainedPath(name)) return;
    const before = this.#sums.get(name);
    if (before?.algorithm === algorithm && before.hex !== hex) {
      this.#doubtful.add(name);
      this.#leave(number, `another checksum of ${name === '' ? 'the file' : name}`);
    } else if (before === undefined || strength(before.algorithm) < strength(algorithm)) {
      this.#sums.set(name, { algorithm, hex, bytes: undefined });
    }
  }

  decoded(): DecodedList {
    const sure = [...this.#sums].filter(([name]) => !this.#doubtful.has(name));
    const sums = new Map(sure.map(([name, sum]) => [name, { ...sum, bytes: this.#sizes.get(name) }]));
    return { sums, unread: this.unread };
  }

  #leave(number: number, text: string): void {
    if (this.unread.length < LINES_NAMED_MAX) this.unread.push(`line ${number}: ${cleanText(text, LINE_SHOWN_MAX)}`);
  }
}

const strength = (algorithm: ChecksumAlgorithm): number => ALGORITHMS.indexOf(algorithm);

function readSum(line: string): { name: string; algorithm: ChecksumAlgorithm; hex: string } | undefined {
  const [, tag, tagged = '', taggedHex = ''] = BSD.exec(line) ?? [];
  const [, plainHex, plain = ''] = COREUTILS.exec(line) ?? [];
  const hex = (plainHex ?? taggedHex).toLowerCase();
  const algorithm = BY_DIGITS.get(hex.length);
  if (algorithm === undefined || (tag !== undefined && tag.replace(/^SHA2-/, 'SHA').toLowerCase() !== algorithm))
    return undefined;
  return { name: (tag === undefined ? plain : tagged).replace(/^\.\//, ''), algorithm, hex };
}

/**
 * The checksum of a file; undefined: none.
 * @param isOfOneFile the list is for this file alone: its name does not matter, and may be of the
 * build to which `file` links
 */
export function findChecksum(list: ChecksumList, file: string, isOfOneFile = false): Checksum | undefined {
  const checksum = list.get(file);
  if (checksum !== undefined || !isOfOneFile || list.size !== 1) return checksum;
  return list.values().next().value;
}
