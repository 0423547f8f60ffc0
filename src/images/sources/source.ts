// The sources of images: sites of distributions, or of the operator, that offer images.
//
// 1. A source is either signed, or says why it is unsigned.
// 2. A key from the network is accepted only by its fingerprint.
// 3. An unsigned source is fetched by HTTPS, its only protection.

import type { Selection } from './offer.ts';

export const SIGNED_INDEX = 'streams/v1/index.sjson';
/** Without a signature there is no `.sjson`, which is clear-signed. */
export const UNSIGNED_INDEX = 'streams/v1/index.json';

/** How a source's files are protected against changes in transit. */
export type SourceTrust =
  | {
      readonly kind: 'signed';
      /** On this host; the first that exists is used. */
      readonly keyrings: readonly string[];
      /** Used instead of keyring files; undefined: none. */
      readonly keys?: Uint8Array | undefined;
      /** Has placeholders; used if no file exists; undefined: none. */
      readonly keyUrl: string | undefined;
      /** Upper-case hexadecimal; undefined: every key of the file. */
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
  /** `debian`. `*`: each image of a stream names its own. */
  readonly os: string;
  /** Maps our architectures to the site's: `amd64` to `x86_64`; others are not offered. */
  readonly arches: ReadonlyMap<string, string>;
  readonly trust: SourceTrust;
}

/** A site with simplestreams. */
export interface StreamSource extends SourceBase {
  readonly kind: 'simplestreams';
  /** Ends in `/`. */
  readonly url: string;
  /** `.sjson` is clear-signed, `.json` has `.json.gpg`. */
  readonly index: string;
  /** Documents of products to read; empty: all. */
  readonly contentIds: readonly string[];
  /** Used only when a person names it. */
  readonly isByName: boolean;
  /** Types of image files; empty: all. */
  readonly ftypes: readonly string[];
}

/** A site with all its images, and usual settings but for these. */
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
  /** The URL of all these files' directory; ends in `/`. */
  readonly directory: string;
  /** The path of the image; with `*`, the newest match in the list of checksums. */
  readonly file: string;
  readonly checksums: string;
  /** The list describes only this file, under any name. */
  readonly isListOfOne: boolean;
  /** Detached; undefined: the list is clear-signed, or the source unsigned. */
  readonly signature: string | undefined;
  readonly releases: readonly SourceRelease[];
}

export interface SourceRelease {
  /** `bookworm`, `9`. */
  readonly name: string;
  /** `12`, `9`; without a version, the name. */
  readonly version: string;
  readonly title: string;
  /** Changes in file names with each build; undefined: nothing does. */
  readonly serial: string | undefined;
  /** Undefined: those of the source. */
  readonly fingerprints: readonly string[] | undefined;
}

/** A package mirror with network installers below `dists/RELEASE/main/installer-ARCH/current/images/`. */
export interface InstallerSource extends SourceBase {
  readonly kind: 'installer';
  /** Ends in `/`; undefined: that of this host's apt. */
  readonly mirror: string | undefined;
  /** Used if this host's apt has no mirror for the system. */
  readonly defaultMirror: string | undefined;
  /** Used for architectures of Ubuntu other than amd64 and i386. */
  readonly defaultPortsMirror: string | undefined;
  readonly releases: readonly InstallerRelease[];
}

export interface InstallerRelease {
  /** In the boot tree: `bookworm`, or a name of the site's own. */
  readonly name: string;
  /** The mirror's name: `bookworm`. */
  readonly base: string;
  /** Of the installer: `netboot`. */
  readonly images: string;
  readonly title: string;
}

/** A release that a file adds to a source of installers. */
export interface AddedRelease extends InstallerRelease {
  readonly source: string;
}

/** A selection of a file for the region. */
export interface AddedSelection extends Selection {
  readonly source: string;
}

export type ImageSource = StreamSource | FilesSource | InstallerSource;

/** A problem of a file of sources. */
export interface SourceProblem {
  /** `sources[1].arches.amd64`; empty: the whole file. */
  readonly path: string;
  readonly message: string;
}
