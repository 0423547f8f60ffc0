// Reads the installers of a mirror of packages: for each release and architecture, the kernel and
// initrd in signed lists.
//
//   InRelease, or Release and Release.gpg ─▶ SHA256SUMS or MD5SUMS of the installer's images ─▶ linux, initrd.gz
//                  └─ (Ubuntu) does not list them ─▶ SHA256SUMS.gpg or MD5SUMS.gpg ─┘
//
// Source: the Debian repository format (wiki.debian.org/DebianRepository/Format); the mirrors of
// Debian 12 and Ubuntu 14.04.
//
// 1. The updates suite is read first. Ubuntu has its newer kernels there. Debian has no installer there.
// 2. If the updates are unusable, the installer of the release itself is offered, with the reason.
// 3. The signed file must name the requested release, be valid, and not be older than one seen at
//    its URL. So a mirror cannot pass off another release or an old file. A list with its own
//    signature (Ubuntu) names no release, so only its age is checked.
// 4. If this host has seen an installer in the updates, the updates must still have one. Otherwise
//    a mirror could bring back an older installer.

import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { findNetworkFault } from '../download/fault.ts';
import type { Digest } from '../download/request.ts';
import { type ChecksumList, decodeChecksumList } from './checksum-list.ts';
import {
  haveAllFailed,
  type InstallerOffer,
  installerNames,
  limitReleases,
  listDistinctProblems,
  listQueryConditions,
  type OfferedFile,
  type OfferQuery,
  type SourceAnswer,
} from './offer.ts';
import { type ConfiguredMirrors, findMirror, findMirrorKey } from './package-mirrors.ts';
import { decodeReleaseFile, type ReleaseFile } from './release-file.ts';
import { findPresenceRecord, recordPresence, type SeenRecords } from './seen-documents.ts';
import type { InstallerRelease, InstallerSource } from './source.ts';
import type { SourceDocuments, TrustedDocument } from './source-documents.ts';

const LIST_NAMES = ['SHA256SUMS', 'MD5SUMS'] as const;

interface InstallerOfferOptions {
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly mirrors: readonly string[];
  readonly configured: ConfiguredMirrors;
  /** Undefined if older lists are accepted. */
  readonly seen: SeenRecords | undefined;
}

/** Reads the offers of a mirror. An unusable installer becomes a problem. The others are still offered. */
export async function readInstallerOffers(
  source: InstallerSource,
  query: OfferQuery,
  documents: SourceDocuments,
  options: InstallerOfferOptions,
): Promise<SourceAnswer> {
  const { release, architectures } = query;
  const mirrorsByUrl = new Map<string, Mirror>();
  const getMirror = (architecture: string): Mirror => {
    const url = findMirror(source, architecture, options.configured, options.mirrors);
    if (url === undefined) {
      const remedy = 'name one with --mirror, or as `mirror` of the source';
      throw documents.failure(`this host's apt has no mirror of ${source.os} for ${architecture}: ${remedy}`);
    }
    if (source.trust.kind === 'unsigned' && !url.startsWith('https://'))
      throw documents.failure(`it is not signed, so ${url} must use https`);
    const mirror = mirrorsByUrl.get(url) ?? new Mirror(source, url, documents, options);
    mirrorsByUrl.set(url, mirror);
    return mirror;
  };
  const isWished = (name: string, architecture: string): boolean => {
    const names = installerNames({ source: source.name, os: source.os, release: name, architecture });
    return listQueryConditions(query).some((matches) => matches(names));
  };
  const answers = await Promise.all(
    source.releases
      .filter(({ name }) => release === undefined || name === release)
      .flatMap((release) =>
        [...source.arches.keys()]
          .filter((ownName) => architectures.length === 0 || architectures.includes(ownName))
          .filter((ours) => isWished(release.name, ours))
          .map(async (architecture) => {
            try {
              return await getMirror(architecture).read(release, architecture);
            } catch (error) {
              if (error instanceof RackError && error.code === 'source-failed') return error;
              throw error;
            }
          }),
      ),
  );
  return {
    source: source.name,
    // `undefined` is no problem: not every release exists for every architecture.
    offers: answers.flatMap((answer) => (answer === undefined || answer instanceof RackError ? [] : [answer])),
    releases: limitReleases(source.releases.map(({ name }) => `${source.os}/${name}`)),
    problems: listDistinctProblems(answers),
    isUnread: haveAllFailed(answers),
  };
}

class Mirror {
  readonly #source: InstallerSource;
  readonly #url: string;
  readonly #documents: SourceDocuments;
  readonly #options: Pick<InstallerOfferOptions, 'clock' | 'seen'>;
  readonly #releases = new Map<string, Promise<ReleaseFile | undefined>>();

  constructor(
    source: InstallerSource,
    url: string,
    documents: SourceDocuments,
    options: Pick<InstallerOfferOptions, 'clock' | 'seen'>,
  ) {
    this.#source = source;
    this.#url = url;
    this.#documents = documents;
    this.#options = options;
  }

  /** @returns undefined if the mirror has no such installer. */
  async read(release: InstallerRelease, architecture: string): Promise<InstallerOffer | undefined> {
    const { base } = release;
    let updatesFault: RackError | undefined;
    try {
      const offer = await this.#readSuite(`${base}-updates`, release, architecture);
      if (offer !== undefined) {
        if (this.#options.seen !== undefined)
          await recordPresence(this.#options.seen, this.#updatesDirectory(release, architecture));
        return offer;
      }
    } catch (error) {
      if (!(error instanceof RackError && error.code === 'source-failed')) throw error;
      updatesFault = error;
    }
    this.#refuseLostUpdates(release, architecture, updatesFault);
    try {
      const offer = await this.#readSuite(base, release, architecture);
      if (offer !== undefined) return { ...offer, leftOut: updatesFault?.message };
    } catch (error) {
      if (updatesFault === undefined || !(error instanceof RackError && error.code === 'source-failed')) throw error;
      throw this.#joinFaults(error, updatesFault);
    }
    if (updatesFault !== undefined) throw updatesFault;
    return undefined;
  }

  #updatesDirectory({ base, images }: InstallerRelease, architecture: string): string {
    const arch = this.#source.arches.get(architecture) ?? architecture;
    return `${this.#url}dists/${base}-updates/${formatImagesPath(arch)}${images}/`;
  }

  /**
   * Refuses to fall back to the release itself. @throws RackError `source-failed` if the updates
   * had an installer before. @param updatesFault why the updates cannot be used
   */
  #refuseLostUpdates(release: InstallerRelease, architecture: string, updatesFault: RackError | undefined): void {
    const { seen } = this.#options;
    const updates = this.#updatesDirectory(release, architecture);
    const record = seen === undefined ? undefined : findPresenceRecord(seen, updates);
    if (record === undefined) return;
    const problem = `the mirror no longer has ${updates}: use another mirror, or try again later`;
    const { message, cause } = updatesFault ?? this.#documents.failure(problem);
    const remedy = `if the site has withdrawn that one, remove ${record} below the boot tree`;
    const note = `the older installer of ${release.base} itself does not replace the one that this host has seen there`;
    throw new RackError('source-failed', `${message}; ${note}; ${remedy}`, { cause });
  }

  #joinFaults(error: RackError, updatesFault: RackError): RackError {
    const fault = findNetworkFault(error);
    if (fault !== undefined && fault === findNetworkFault(updatesFault)) return error;
    const problem = updatesFault.message.replace(`the source ${this.#source.name} cannot be used: `, '');
    // Both have the same problem, such as missing keys.
    if (updatesFault.message === error.message) return error;
    return new RackError('source-failed', `${error.message}; and its updates: ${problem}`, { cause: error });
  }

  /** @returns undefined if the suite has no such installer. */
  async #readSuite(
    suite: string,
    release: InstallerRelease,
    architecture: string,
  ): Promise<InstallerOffer | undefined> {
    const { name: source, os, arches } = this.#source;
    const arch = arches.get(architecture) ?? architecture;
    const { name, base, images, title } = release;
    const checksums = await this.#findList(suite, base, arch);
    if (checksums === undefined) return undefined;
    const { url, list } = checksums;
    const [kernelFile, initrd] = ['linux', 'initrd.gz'].map((file) =>
      findListedFile(list, url, `${images}/`, arch, file),
    );
    // The architecture has no image for network boot, or the updates contain only other images.
    if (kernelFile === undefined || initrd === undefined) return undefined;
    return {
      ...installerNames({ source, os, release: name, architecture }),
      kind: 'installer',
      base,
      title,
      serial: undefined,
      files: [kernelFile, initrd],
      mirrorKey: findMirrorKey(this.#source, architecture),
    };
  }

  async #findList(
    suite: string,
    base: string,
    arch: string,
  ): Promise<{ readonly url: string; readonly list: ChecksumList } | undefined> {
    const directory = `${this.#url}dists/${suite}/`;
    const pendingRelease = this.#releases.get(suite) ?? this.#findRelease(directory, suite, base);
    this.#releases.set(suite, pendingRelease);
    const release = await pendingRelease;
    if (release === undefined) return undefined;
    const path = formatImagesPath(arch);
    for (const name of LIST_NAMES) {
      const listedChecksum = release.files.get(`${path}${name}`);
      const url = `${directory}${path}`;
      const document =
        listedChecksum === undefined
          ? await this.#findSignedList(url, name)
          : await this.#documents.readListed(`${url}${name}`, listedChecksum);
      if (document === undefined) continue;
      return { url, list: this.#documents.unwrap(`${url}${name}`, decodeChecksumList(document)).sums };
    }
    return undefined;
  }

  /** Finds a list that has its own signature. An unsigned source has only the list that its release names. */
  async #findSignedList(directory: string, name: string): Promise<TrustedDocument | undefined> {
    if (this.#source.trust.kind !== 'signed') return undefined;
    const url = `${directory}${name}`;
    const list = await this.#documents.find({ url, signatureUrl: `${url}.gpg` });
    // All lists of a directory share one age. Otherwise a mirror could leave out one list, and
    // serve an old list of the other name.
    await this.#documents.refuseOlder(directory, list?.signedMs);
    return list?.content;
  }

  async #findRelease(directory: string, suite: string, base: string): Promise<ReleaseFile | undefined> {
    const url = `${directory}Release`;
    const isSigned = this.#source.trust.kind === 'signed';
    const clearSigned = isSigned ? await this.#documents.find({ url: `${directory}InRelease` }) : undefined;
    const document = clearSigned ?? (await this.#documents.find({ url, signatureUrl: `${url}.gpg` }));
    if (document === undefined) return undefined;
    const { content } = document;
    const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8');
    const release = this.#documents.unwrap(url, decodeReleaseFile(text));
    const { codename, suite: suiteName, dateMs, validUntilMs } = release;
    if (![codename, suiteName].some((candidate) => candidate === suite || candidate === base))
      throw this.#documents.failure(`${directory} is signed as ${codename}, not as ${suite}: use another mirror`);
    if (validUntilMs !== undefined && validUntilMs < this.#options.clock.wallTimeMs()) {
      const validUntil = new Date(validUntilMs).toISOString().slice(0, 10);
      throw this.#documents.failure(`${directory} was valid until ${validUntil}: use a mirror that is up to date`);
    }
    await this.#documents.refuseOlder(url, dateMs);
    return release;
  }
}

const formatImagesPath = (arch: string): string => `main/installer-${arch}/current/images/`;

/**
 * Finds `IMAGES/…-installer/ARCH/NAME` in a list. Undefined if it is missing, or its checksum is
 * not of an accepted kind.
 */
function findListedFile(
  list: ChecksumList,
  directoryUrl: string,
  images: string,
  arch: string,
  file: string,
): OfferedFile | undefined {
  for (const [name, { algorithm, hex }] of list) {
    if (!name.startsWith(images) || !name.endsWith(`-installer/${arch}/${file}`)) continue;
    if (name.slice(images.length).split('/').length !== 3) continue;
    if (algorithm !== 'sha256' && algorithm !== 'sha512' && algorithm !== 'md5') continue;
    const digest: Digest = { algorithm, hex };
    return { name: file, url: `${directoryUrl}${name}`, mirrors: [], bytes: undefined, digest };
  }
  return undefined;
}
