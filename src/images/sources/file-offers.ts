// Reads the images that a site offers as plain files: for each release and architecture, the file
// that the list of checksums names.
//
//   planFiles ─▶ fetch the list and its signature, verify ─▶ chooseListedFile ─▶ findChecksum ─▶ findListedSerial

import { RackError } from '../../ground/errors.ts';
import type { Digest } from '../download/request.ts';
import { type Checksum, type ChecksumList, decodeChecksumList, findChecksum, LIST_BYTES_MAX } from './checksum-list.ts';
import {
  haveAllFailed,
  type ImageOffer,
  limitReleases,
  listDistinctProblems,
  type OfferQuery,
  type SourceAnswer,
  storedSerial,
} from './offer.ts';
import { fillPlaceholders } from './placeholders.ts';
import { compareSerials, parseSerialDay } from './serial.ts';
import type { FilesSource, SourceRelease } from './source.ts';
import type { KeySource, SourceDocuments } from './source-documents.ts';
import { SIGNATURE_BYTES_MAX } from './verification.ts';

/**
 * Reads the offers of a site. An unusable list becomes a problem of its release. Other releases are
 * still offered.
 */
export async function readFileOffers(
  source: FilesSource,
  { release, architectures }: OfferQuery,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const releases = release === undefined ? source.releases : [findRelease(source, release) ?? []].flat();
  const pairs = releases.flatMap((release) =>
    [...source.arches.keys()]
      .filter((ownName) => architectures.length === 0 || architectures.includes(ownName))
      .map((architecture) => ({ release, architecture })),
  );
  const answers = await Promise.all(
    pairs.map(async (pair) => {
      try {
        return await readOffer(source, pair.release, pair.architecture, documents);
      } catch (error) {
        if (error instanceof RackError && error.code === 'source-failed') return error;
        throw error;
      }
    }),
  );
  return {
    source: source.name,
    offers: answers.flatMap((answer) => (answer instanceof RackError ? [] : [answer])),
    releases: limitReleases(source.releases.map(({ name }) => `${source.os}/${name}`)),
    problems: listDistinctProblems(answers),
    isUnread: haveAllFailed(answers),
  };
}

async function readOffer(
  source: FilesSource,
  release: SourceRelease,
  architecture: string,
  documents: SourceDocuments,
): Promise<ImageOffer> {
  const plan = planFiles(source, release, architecture);
  if (plan === undefined) throw documents.failure(`it has no architecture ${architecture}`);
  const { file, checksum, serial } = await findFile(source, plan, documents);
  const digest = toDigest(checksum) ?? refuseWeakChecksum(plan, checksum, documents);
  const url = `${plan.directoryUrl}${file}`;
  return {
    kind: 'image',
    source: source.name,
    os: source.os,
    release: release.name,
    architecture,
    subarchitecture: 'generic',
    label: 'release',
    serial,
    title: release.title,
    aliases: release.version === release.name ? [] : [release.version],
    supportEnds: undefined,
    files: [{ name: 'disk', url, mirrors: [], bytes: checksum.bytes, digest }],
  };
}

async function findFile(source: FilesSource, plan: FilesPlan, documents: SourceDocuments) {
  const { checksumsUrl: url, signatureUrl, keys } = plan;
  // A clear-signed list contains its signature.
  const bytesMax = LIST_BYTES_MAX + SIGNATURE_BYTES_MAX;
  const { content, signedMs } = await documents.read({ url, signatureUrl, keys, bytesMax });
  await documents.refuseOlder(url, signedMs);
  const { sums, unreadableLines } = documents.unwrap(url, decodeChecksumList(content));
  const file = chooseListedFile(sums, plan.file);
  const checksum = file === undefined ? undefined : findChecksum(sums, file, source.isListOfOne);
  if (file === undefined || checksum === undefined) {
    const unreadableHint =
      unreadableLines.length === 0 ? '' : `; it has lines that are no checksums: ${unreadableLines.join('; ')}`;
    throw documents.failure(
      `${url} does not name ${plan.file}: the site may have changed; correct \`file\`${unreadableHint}`,
    );
  }
  return { file, checksum, serial: storedSerial(findListedSerial(sums, checksum) ?? file) };
}

function toDigest({ algorithm, hex }: Checksum): Digest | undefined {
  return algorithm === 'sha256' || algorithm === 'sha512' || algorithm === 'md5' ? { algorithm, hex } : undefined;
}

function refuseWeakChecksum({ checksumsUrl }: FilesPlan, { algorithm }: Checksum, documents: SourceDocuments): never {
  throw documents.failure(`${checksumsUrl} has only ${algorithm}: use a list with SHA-256 or SHA-512`);
}

interface FilesPlan {
  /** The URL of the directory, which ends in `/`. */
  readonly directoryUrl: string;
  /** The path below the directory. With `*`, it is a pattern. */
  readonly file: string;
  readonly checksumsUrl: string;
  /** The URL of a detached signature. Undefined if the list is clear-signed, or the source unsigned. */
  readonly signatureUrl: string | undefined;
  /** Undefined if the source is unsigned. */
  readonly keys: KeySource | undefined;
}

/** Finds a release by name or version. */
export const findRelease = ({ releases }: FilesSource, requestedRelease: string): SourceRelease | undefined =>
  releases.find(({ name }) => name === requestedRelease) ??
  releases.find(({ version }) => version === requestedRelease);

/**
 * @param arch our name of the architecture
 * @returns undefined if the source lacks the architecture
 */
export function planFiles(source: FilesSource, release: SourceRelease, arch: string): FilesPlan | undefined {
  const siteArchitecture = source.arches.get(arch);
  if (siteArchitecture === undefined) return undefined;
  const values = { release: release.name, version: release.version, serial: release.serial, arch: siteArchitecture };
  const fillIn = (text: string): string => fillPlaceholders(text, values);
  const directoryUrl = fillIn(source.directory);
  const { trust, signature } = source;
  const fillKeySource = ({ keyUrl, fingerprints }: KeySource): KeySource => ({
    keyUrl: keyUrl === undefined ? undefined : fillIn(keyUrl),
    fingerprints: release.fingerprints ?? fingerprints,
  });
  return {
    directoryUrl,
    file: fillIn(source.file),
    checksumsUrl: `${directoryUrl}${fillIn(source.checksums)}`,
    signatureUrl: signature === undefined ? undefined : `${directoryUrl}${fillIn(signature)}`,
    keys: trust.kind === 'signed' ? fillKeySource(trust) : undefined,
  };
}

/**
 * Chooses the image in a list: the file itself, or the newest match of its pattern. Undefined if
 * there is none.
 */
export function chooseListedFile(list: ChecksumList, file: string): string | undefined {
  if (!file.includes('*')) return file;
  return [...list.keys()]
    .filter((name) => matchesPattern(name, file))
    .toSorted(compareSerials)
    .at(-1);
}

/** True if a name matches a pattern. `*` stands for any characters except a slash. */
function matchesPattern(name: string, pattern: string): boolean {
  const [start = '', ...middleParts] = pattern.split('*');
  const end = middleParts.pop() ?? '';
  if (!name.startsWith(start) || !name.endsWith(end) || name.length < start.length + end.length) return false;
  let position = start.length;
  for (const part of middleParts) {
    const index = name.indexOf(part, position);
    if (index === -1) return false;
    position = index + part.length;
  }
  const endStart = name.length - end.length;
  return position <= endStart && !name.slice(start.length, endStart).includes('/');
}

/**
 * Finds the serial of a file whose name has none, such as `latest`. The list contains the same
 * checksum under another name, such as `AlmaLinux-9-GenericCloud-9.6-20250522.x86_64.qcow2`.
 * Undefined if no name has a serial.
 */
export function findListedSerial(list: ChecksumList, { algorithm, hex }: Checksum): string | undefined {
  for (const [name, other] of list) {
    if (other.algorithm !== algorithm || other.hex !== hex) continue;
    const [serial] = /(?<!\d)20\d{6}(?:\.\d{1,4}(?!\d))?(?!\d)/.exec(name) ?? [];
    if (serial !== undefined && parseSerialDay(serial) !== undefined) return serial;
  }
  return undefined;
}
