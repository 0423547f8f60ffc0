// The sources of images: sites of distributions, or of the operator, that offer images.
//
// 1. A source is either signed, or states why it is unsigned.
// 2. A key from the network is accepted only by its fingerprint.
// 3. An unsigned source is fetched by HTTPS, which is its only protection.

import type { Selection } from './offer.ts';

export const SIGNED_INDEX = 'streams/v1/index.sjson';
/**
 * The index of an unsigned source. There is no `.sjson` without a signature, because that form is
 * clear-signed.
 */
export const UNSIGNED_INDEX = 'streams/v1/index.json';

/** How a source's files are protected against changes in transit. */
export type SourceTrust =
  | {
      readonly kind: 'signed';
      /** Keyring files on this host. The first that exists is used. */
      readonly keyrings: readonly string[];
      /** Keys that are used instead of keyring files. Undefined if there are none. */
      readonly keys?: Uint8Array | undefined;
      /** A URL with placeholders, used if no keyring file exists. Undefined if there is none. */
      readonly keyUrl: string | undefined;
      /**
       * Fingerprints of accepted keys, upper-case hexadecimal. If undefined, every key of the file
       * is accepted.
       */
      readonly fingerprints: readonly string[] | undefined;
    }
  | {
      readonly kind: 'unsigned';
      readonly why: string;
    };

interface SourceBase {
  /** Unique: `ubuntu`, `site`. */
  readonly name: string;
  readonly title: string;
  /** The system, such as `debian`. With `*`, each image of a stream names its own. */
  readonly os: string;
  /**
   * Maps our architectures to the site's names, such as `amd64` to `x86_64`. Other architectures
   * are not offered.
   */
  readonly arches: ReadonlyMap<string, string>;
  readonly trust: SourceTrust;
}

/** A site with simplestreams. */
export interface StreamSource extends SourceBase {
  readonly kind: 'simplestreams';
  /** Ends in `/`. */
  readonly url: string;
  /** The path of the index. `.sjson` is clear-signed. `.json` has its signature in `.json.gpg`. */
  readonly index: string;
  /** Documents of products to read. If empty, all are read. */
  readonly contentIds: readonly string[];
  /** True for a source that is used only when a person names it. */
  readonly isByName: boolean;
  /** Types of image files. If empty, all are used. */
  readonly ftypes: readonly string[];
}

/** Builds a source: a site with all its images, and usual settings except for the given ones. */
export const streamSource = (
  facts: Pick<StreamSource, 'name' | 'url' | 'trust'> & Partial<StreamSource>,
): StreamSource => ({
  kind: 'simplestreams',
  title: '',
  os: '*',
  arches: new Map(),
  index: 'streams/v1/index.json',
  contentIds: [],
  ftypes: [],
  isByName: false,
  ...facts,
});

/** A site with plain files and their checksums. `file-offers.ts` replaces its placeholders. */
export interface FilesSource extends SourceBase {
  readonly kind: 'files';
  /** The URL of the directory of all the following files. It ends in `/`. */
  readonly directory: string;
  /** The path of the image. With `*`, the newest match in the list of checksums. */
  readonly file: string;
  readonly checksums: string;
  /** True if the list describes only this file, under any name. */
  readonly isListOfOne: boolean;
  /** The path of a detached signature. Undefined if the list is clear-signed, or the source unsigned. */
  readonly signature: string | undefined;
  readonly releases: readonly SourceRelease[];
}

export interface SourceRelease {
  /** `bookworm`, `9`. */
  readonly name: string;
  /** The version, such as `12` or `9`. A release without a version has its name here. */
  readonly version: string;
  readonly title: string;
  /** The part of file names that changes with each build. Undefined if nothing changes. */
  readonly serial: string | undefined;
  /** If undefined, those of the source are used. */
  readonly fingerprints: readonly string[] | undefined;
}

/** A package mirror with network installers below `dists/RELEASE/main/installer-ARCH/current/images/`. */
export interface InstallerSource extends SourceBase {
  readonly kind: 'installer';
  /** The URL, which ends in `/`. If undefined, the mirror of this host's apt is used. */
  readonly mirror: string | undefined;
  /** Used if this host's apt has no mirror for the system. */
  readonly defaultMirror: string | undefined;
  /** Used for architectures of Ubuntu other than amd64 and i386. */
  readonly defaultPortsMirror: string | undefined;
  readonly releases: readonly InstallerRelease[];
}

export interface InstallerRelease {
  /** The name in the boot tree: `bookworm`, or a name that the operator chose. */
  readonly name: string;
  /** The name on the mirror, such as `bookworm`. */
  readonly base: string;
  /** The directory of the installer's images, such as `netboot`. */
  readonly images: string;
  readonly title: string;
}

/** A release that a file adds to a source of installers. */
export interface AddedRelease extends InstallerRelease {
  readonly source: string;
}

/** A selection for the region that a file of sources contains. */
export interface AddedSelection extends Selection {
  readonly source: string;
}

export type ImageSource = StreamSource | FilesSource | InstallerSource;

/** A problem of a file of sources. */
export interface SourceProblem {
  /** The path of the key, such as `sources[1].arches.amd64`. Empty for the whole file. */
  readonly path: string;
  readonly message: string;
}
