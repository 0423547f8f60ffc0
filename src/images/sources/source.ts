// The sources of images: sites of distributions, or of the operator, that offer images.
//
// 1. A source is either signed, or says that it is not and why. There is no third case.
// 2. A key that is fetched from the network is accepted only by its fingerprint.
// 3. An unsigned source is fetched by HTTPS, its only protection.

/** How a source's files are protected against changes in transit. */
export type SourceTrust =
  | {
      readonly kind: 'signed';
      /** Keyring files of this host, of which the first that exists is used. */
      readonly keyrings: readonly string[];
      /** The keys themselves, used instead of keyring files; undefined if there are none. */
      readonly keys?: Uint8Array | undefined;
      /** The URL of the keys, used if no file exists, with placeholders; undefined: none. */
      readonly keyUrl: string | undefined;
      /** Fingerprints of the accepted keys, in hexadecimal, upper case; undefined: every key of the keyring file. */
      readonly fingerprints: readonly string[] | undefined;
    }
  | {
      readonly kind: 'unsigned';
      /** For people. */
      readonly why: string;
    };

interface SourceBase {
  /** Unique among the sources: `ubuntu`, `site`. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The system of its images: `debian`. `*`: each image of a stream says its own. */
  readonly os: string;
  /** The site's names of architectures by our names: `x86_64` by `amd64`. Other architectures are not offered. */
  readonly arches: ReadonlyMap<string, string>;
  readonly trust: SourceTrust;
}

/** A site with simplestreams. */
export interface StreamSource extends SourceBase {
  readonly kind: 'simplestreams';
  /** Ends in `/`. */
  readonly url: string;
  /** The path of its index: `.sjson` is clear-signed, `.json` has a detached signature in a file with `.gpg` behind the name. */
  readonly index: string;
  /** The documents of products that are read; empty: all. */
  readonly contentIds: readonly string[];
  /** True if it is used only when a person names it, because another source has the same systems. */
  readonly isByName: boolean;
  /** The types of files that count as images; empty means all. */
  readonly ftypes: readonly string[];
}

/** A site with plain files and a list of their checksums. Its texts have placeholders, which `files-plan.ts` replaces. */
export interface FilesSource extends SourceBase {
  readonly kind: 'files';
  /** The URL of the directory that has everything below; ends in `/`. */
  readonly directory: string;
  /** The path of the image; with `*`, the newest of the list of checksums that fits. */
  readonly file: string;
  /** The path of the list of checksums. */
  readonly checksums: string;
  /** True if the list is for this file alone, whatever name it gives the file. */
  readonly isListOfOne: boolean;
  /** The path of the list's detached signature; undefined: the list is clear-signed, or the source is unsigned. */
  readonly signature: string | undefined;
  readonly releases: readonly SourceRelease[];
}

/** A release that a plain site has. */
export interface SourceRelease {
  /** `bookworm`, `9`. */
  readonly name: string;
  /** `12`, `9`; the same as the name if the source gives no version. */
  readonly version: string;
  /** For people. */
  readonly title: string;
  /** The part of the site's names that changes with each build; undefined: they have none. */
  readonly serial: string | undefined;
  /** Instead of those of the source. */
  readonly fingerprints: readonly string[] | undefined;
}

/** A mirror of packages with the distribution's installer for the network, below `dists/RELEASE/main/installer-ARCH/current/images/`. */
export interface InstallerSource extends SourceBase {
  readonly kind: 'installer';
  /** Ends in `/`; undefined: the mirror that apt of this host uses. */
  readonly mirror: string | undefined;
  /** The mirror to use if apt of this host has none for the system; undefined if there is none. */
  readonly defaultMirror: string | undefined;
  /** The same for architectures of Ubuntu other than amd64 and i386. */
  readonly defaultPortsMirror: string | undefined;
  readonly releases: readonly InstallerRelease[];
}

/** A release that is installed. */
export interface InstallerRelease {
  /** The name in the boot tree: `bookworm`, or a name of the site's own. */
  readonly name: string;
  /** The release of the mirror: `bookworm`. */
  readonly base: string;
  /** The directory of the installer's images: `netboot`. */
  readonly images: string;
  /** For people. */
  readonly title: string;
}

/** A release that a file adds to a source of installers. */
export interface AddedRelease extends InstallerRelease {
  /** The name of the source. */
  readonly source: string;
}

export type ImageSource = StreamSource | FilesSource | InstallerSource;

/** A problem of a file of sources. */
export interface SourceProblem {
  /** `sources[1].arches.amd64`; empty: the whole file. */
  readonly path: string;
  readonly message: string;
}
