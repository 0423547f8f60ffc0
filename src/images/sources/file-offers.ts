// Reads the images that a site offers as plain files: for each release and architecture, the file that the list of checksums names.

import { RackError } from '../../errors.ts';
import type { Digest } from '../download/request.ts';
import { type Checksum, decodeChecksumList, findChecksum, LIST_BYTES_MAX } from './checksum-list.ts';
import { chooseListedFile, type FilesPlan, findListedSerial, findRelease, planFiles } from './files-plan.ts';
import {
  areUnread,
  distinctProblems,
  type ImageOffer,
  knownReleases,
  type OfferWish,
  type SourceAnswer,
  storedSerial,
} from './offer.ts';
import type { FilesSource, SourceRelease } from './source.ts';
import type { SourceDocuments } from './source-documents.ts';
import { SIGNATURE_BYTES_MAX } from './verification.ts';

/** Reads the offers of a site. An unusable list becomes a problem of its release; the others are still offered. */
export async function readFileOffers(
  source: FilesSource,
  { release, architectures }: OfferWish,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const releases = release === undefined ? source.releases : [findRelease(source, release) ?? []].flat();
  const wanted = releases.flatMap((one) =>
    [...source.arches.keys()]
      .filter((ours) => architectures.length === 0 || architectures.includes(ours))
      .map((architecture) => ({ release: one, architecture })),
  );
  const answers = await Promise.all(
    wanted.map(async (one) => {
      try {
        return await readOffer(source, one.release, one.architecture, documents);
      } catch (error) {
        if (error instanceof RackError && error.code === 'source-failed') return error;
        throw error;
      }
    }),
  );
  return {
    source: source.name,
    offers: answers.flatMap((answer) => (answer instanceof RackError ? [] : [answer])),
    releases: knownReleases(source.releases.map(({ name }) => `${source.os}/${name}`)),
    problems: distinctProblems(answers),
    isUnread: areUnread(answers),
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
  const digest = digestOf(checksum) ?? refuseWeak(plan, checksum, documents);
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
  // Clear-signed, it has its signature in it.
  const bytesMax = LIST_BYTES_MAX + SIGNATURE_BYTES_MAX;
  const { content, signedMs } = await documents.read({ url, signatureUrl, keys, bytesMax });
  await documents.refuseOlder(url, signedMs);
  const { sums, unread } = documents.decoded(url, decodeChecksumList(content));
  const file = chooseListedFile(sums, plan.file);
  const checksum = file === undefined ? undefined : findChecksum(sums, file, source.isListOfOne);
  if (file === undefined || checksum === undefined) {
    const left = unread.length === 0 ? '' : `; it has lines that are no checksums: ${unread.join('; ')}`;
    throw documents.failure(`${url} does not name ${plan.file}: the site may have changed; correct \`file\`${left}`);
  }
  return { file, checksum, serial: storedSerial(findListedSerial(sums, checksum) ?? file) };
}

function digestOf({ algorithm, hex }: Checksum): Digest | undefined {
  return algorithm === 'sha256' || algorithm === 'sha512' || algorithm === 'md5' ? { algorithm, hex } : undefined;
}

function refuseWeak({ checksumsUrl }: FilesPlan, { algorithm }: Checksum, documents: SourceDocuments): never {
  throw documents.failure(`${checksumsUrl} has only ${algorithm}: use a list with SHA-256 or SHA-512`);
}
