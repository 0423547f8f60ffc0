// Reads the installers of a mirror of packages: for each release and architecture, the kernel and
// initrd in signed lists.
//
//   InRelease, or Release and Release.gpg ─▶ SHA256SUMS or MD5SUMS of the installer's images ─▶ linux, initrd.gz
//                  └─ (Ubuntu) does not list them ─▶ SHA256SUMS.gpg or MD5SUMS.gpg ─┘
//
// Source: the Debian repository format (wiki.debian.org/DebianRepository/Format); the mirrors of
// Debian 12 and Ubuntu 14.04.
//
// 1. The updates suite comes first: Ubuntu has its newer kernels there, Debian no installer.
// 2. Unusable updates do not block the release itself, whose offer says why.
// 3. The signed file must name the wanted release, be valid, and not be older than one seen at its
//    URL: a mirror cannot pass off another release or an old file. A list with its own signature
//    (Ubuntu) names no release: it must only not be older.
// 4. Updates in which this host has seen an installer must have one: otherwise a mirror could bring
//    back an older one.

import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { networkFault } from '../download/fault.ts';
import type { Digest } from '../download/request.ts';
import { type ChecksumList, decodeChecksumList } from './checksum-list.ts';
import {
  areUnread,
  distinctProblems,
  type InstallerOffer,
  installerNames,
  knownReleases,
  type OfferedFile,
  type OfferWish,
  type SourceAnswer,
  wishConditions,
} from './offer.ts';
import { type ConfiguredMirrors, findMirror, findMirrorKey } from './package-mirrors.ts';
import { decodeReleaseFile, type ReleaseFile } from './release-file.ts';
import { findThere, noteThere, type SeenPlace } from './seen-documents.ts';
import type { InstallerRelease, InstallerSource } from './source.ts';
import type { SourceDocuments, TrustedDocument } from './source-documents.ts';

const LISTS = ['SHA256SUMS', 'MD5SUMS'] as const;

interface InstallerOfferOptions {
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly mirrors: readonly string[];
  readonly configured: ConfiguredMirrors;
  /** Undefined: older lists are accepted. */
  readonly seen: SeenPlace | undefined;
}

/** An unusable installer becomes a problem; the others are still offered. */
export async function readInstallerOffers(
  source: InstallerSource,
  wish: OfferWish,
  documents: SourceDocuments,
  options: InstallerOfferOptions,
): Promise<SourceAnswer> {
  const { release, architectures } = wish;
  const sites = new Map<string, Mirror>();
  const siteFor = (architecture: string): Mirror => {
    const url = findMirror(source, architecture, options.configured, options.mirrors);
    if (url === undefined) {
      const remedy = 'name one with --mirror, or as `mirror` of the source';
      throw documents.failure(`this host's apt has no mirror of ${source.os} for ${architecture}: ${remedy}`);
    }
    if (source.trust.kind === 'unsigned' && !url.startsWith('https://'))
      throw documents.failure(`it is not signed, so ${url} must use https`);
    const site = sites.get(url) ?? new Mirror(source, url, documents, options);
    sites.set(url, site);
    return site;
  };
  const isChosen = (name: string, architecture: string): boolean => {
    const names = installerNames({ source: source.name, os: source.os, release: name, architecture });
    return wishConditions(wish).some((matches) => matches(names));
  };
  const answers = await Promise.all(
    source.releases
      .filter(({ name }) => release === undefined || name === release)
      .flatMap((release) =>
        [...source.arches.keys()]
          .filter((ours) => architectures.length === 0 || architectures.includes(ours))
          .filter((ours) => isChosen(release.name, ours))
          .map(async (architecture) => {
            try {
              return await siteFor(architecture).read(release, architecture);
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
    releases: knownReleases(source.releases.map(({ name }) => `${source.os}/${name}`)),
    problems: distinctProblems(answers),
    isUnread: areUnread(answers),
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
    let spoilt: RackError | undefined;
    try {
      const offer = await this.#readSuite(`${base}-updates`, release, architecture);
      if (offer !== undefined) {
        if (this.#options.seen !== undefined)
          await noteThere(this.#options.seen, this.#updatesOf(release, architecture));
        return offer;
      }
    } catch (error) {
      if (!(error instanceof RackError && error.code === 'source-failed')) throw error;
      spoilt = error;
    }
    this.#refuseWithout(release, architecture, spoilt);
    try {
      const offer = await this.#readSuite(base, release, architecture);
      if (offer !== undefined) return { ...offer, leftOut: spoilt?.message };
    } catch (error) {
      if (spoilt === undefined || !(error instanceof RackError && error.code === 'source-failed')) throw error;
      throw this.#both(error, spoilt);
    }
    if (spoilt !== undefined) throw spoilt;
    return undefined;
  }

  #updatesOf({ base, images }: InstallerRelease, architecture: string): string {
    const arch = this.#source.arches.get(architecture) ?? architecture;
    return `${this.#url}dists/${base}-updates/${imagesPath(arch)}${images}/`;
  }

  /**
   * @throws RackError `source-failed` if the updates had an installer before. @param spoilt why
   * they cannot be used
   */
  #refuseWithout(release: InstallerRelease, architecture: string, spoilt: RackError | undefined): void {
    const { seen } = this.#options;
    const updates = this.#updatesOf(release, architecture);
    const record = seen === undefined ? undefined : findThere(seen, updates);
    if (record === undefined) return;
    const gone = `the mirror no longer has ${updates}: use another mirror, or try again later`;
    const { message, cause } = spoilt ?? this.#documents.failure(gone);
    const remedy = `if the site has withdrawn that one, remove ${record} below the boot tree`;
    const note = `the older installer of ${release.base} itself does not replace the one that this host has seen there`;
    throw new RackError('source-failed', `${message}; ${note}; ${remedy}`, { cause });
  }

  #both(error: RackError, ofUpdates: RackError): RackError {
    const fault = networkFault(error);
    if (fault !== undefined && fault === networkFault(ofUpdates)) return error;
    const problem = ofUpdates.message.replace(`the source ${this.#source.name} cannot be used: `, '');
    // Both have the same problem, such as missing keys.
    if (ofUpdates.message === error.message) return error;
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
    const [kernel, initrd] = ['linux', 'initrd.gz'].map((file) => listedFile(list, url, `${images}/`, arch, file));
    // The architecture has no image for network boot, or the updates have others.
    if (kernel === undefined || initrd === undefined) return undefined;
    return {
      ...installerNames({ source, os, release: name, architecture }),
      kind: 'installer',
      base,
      title,
      serial: undefined,
      files: [kernel, initrd],
      mirrorKey: findMirrorKey(this.#source, architecture),
    };
  }

  async #findList(
    suite: string,
    base: string,
    arch: string,
  ): Promise<{ readonly url: string; readonly list: ChecksumList } | undefined> {
    const directory = `${this.#url}dists/${suite}/`;
    const reading = this.#releases.get(suite) ?? this.#findRelease(directory, suite, base);
    this.#releases.set(suite, reading);
    const release = await reading;
    if (release === undefined) return undefined;
    const path = imagesPath(arch);
    for (const name of LISTS) {
      const listed = release.files.get(`${path}${name}`);
      const url = `${directory}${path}`;
      const document =
        listed === undefined
          ? await this.#findSigned(url, name)
          : await this.#documents.readListed(`${url}${name}`, listed);
      if (document === undefined) continue;
      return { url, list: this.#documents.unwrap(`${url}${name}`, decodeChecksumList(document)).sums };
    }
    return undefined;
  }

  /** Finds a list that has its own signature. An unsigned source has only the list that its release names. */
  async #findSigned(directory: string, name: string): Promise<TrustedDocument | undefined> {
    if (this.#source.trust.kind !== 'signed') return undefined;
    const url = `${directory}${name}`;
    const list = await this.#documents.find({ url, signatureUrl: `${url}.gpg` });
    // The lists of a directory have one age: a mirror could leave out one, and serve an old one of
    // the other name.
    await this.#documents.refuseOlder(directory, list?.signedMs);
    return list?.content;
  }

  async #findRelease(directory: string, suite: string, base: string): Promise<ReleaseFile | undefined> {
    const url = `${directory}Release`;
    const isSigned = this.#source.trust.kind === 'signed';
    const clear = isSigned ? await this.#documents.find({ url: `${directory}InRelease` }) : undefined;
    const document = clear ?? (await this.#documents.find({ url, signatureUrl: `${url}.gpg` }));
    if (document === undefined) return undefined;
    const { content } = document;
    const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8');
    const release = this.#documents.unwrap(url, decodeReleaseFile(text));
    const { codename, suite: named, dateMs, validUntilMs } = release;
    if (![codename, named].some((candidate) => candidate === suite || candidate === base))
      throw this.#documents.failure(`${directory} is signed as ${codename}, not as ${suite}: use another mirror`);
    if (validUntilMs !== undefined && validUntilMs < this.#options.clock.wallTimeMs()) {
      const ended = new Date(validUntilMs).toISOString().slice(0, 10);
      throw this.#documents.failure(`${directory} was valid until ${ended}: use a mirror that is up to date`);
    }
    await this.#documents.refuseOlder(url, dateMs);
    return release;
  }
}

const imagesPath = (arch: string): string => `main/installer-${arch}/current/images/`;

/**
 * Finds `IMAGES/…-installer/ARCH/NAME` in a list; undefined: it is missing, or its checksum is not
 * of an accepted kind.
 */
function listedFile(
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
