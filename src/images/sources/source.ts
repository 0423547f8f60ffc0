// The sources of images: sites of distributions, or of the operator, that offer images.
//
// 1. A source is either signed, or states that it is unsigned, and why. There is no third case.
// 2. A key from the network is accepted only by its fingerprint.
// 3. An unsigned source is fetched by HTTPS, its only protection.

/** How a source's files are protected against changes in transit. */
export type SourceTrust =
  | {
      readonly kind: 'signed';
      /** Keyring files on this host. The first that exists is used. */
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
      readonly why: string;
    };

interface SourceBase {
  /** Unique among the sources: `ubuntu`, `site`. */
  readonly name: string;
  readonly title: string;
  /** The system of its images: `debian`. `*`: each image of a stream names its own. */
  readonly os: string;
  /** Maps our names of architectures to the site's: `amd64` to `x86_64`. Other architectures are not offered. */
  readonly arches: ReadonlyMap<string, string>;
  readonly trust: SourceTrust;
}

/** A site with simplestreams. */
export interface StreamSource extends SourceBase {
  readonly kind: 'simplestreams';
  /** Ends in `/`. */
  readonly url: string;
  /** The path of its index: `.sjson` is clear-signed, `.json` has its signature in `.json.gpg`. */
  readonly index: string;
  /** The documents of products that are read; empty: all. */
  readonly contentIds: readonly string[];
  /** True if it is used only when a person names it. */
  readonly isByName: boolean;
  /** The types of files that count as images; empty means all. */
  readonly ftypes: readonly string[];
}

/** A site with every image that it has, of which all but these facts are usual. */
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

/** A site with plain files and a list of their checksums. Its texts have placeholders, which `files-plan.ts` replaces. */
export interface FilesSource extends SourceBase {
  readonly kind: 'files';
  /** The URL of the directory that contains all these files; ends in `/`. */
  readonly directory: string;
  /** The path of the image; with `*`, the newest match in the list of checksums. */
  readonly file: string;
  readonly checksums: string;
  /** True if the list describes only this file, under any name. */
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
  readonly title: string;
  /** The part of the site's file names that changes with each build; undefined: they have no such part. */
  readonly serial: string | undefined;
  /** The accepted keys; undefined: those of the source. */
  readonly fingerprints: readonly string[] | undefined;
}

/** A package mirror with the distribution's network installer, below `dists/RELEASE/main/installer-ARCH/current/images/`. */
export interface InstallerSource extends SourceBase {
  readonly kind: 'installer';
  /** Ends in `/`; undefined: the mirror that this host's apt uses. */
  readonly mirror: string | undefined;
  /** The mirror to use if this host's apt has none for the system; undefined: none. */
  readonly defaultMirror: string | undefined;
  /** The same for architectures of Ubuntu other than amd64 and i386. */
  readonly defaultPortsMirror: string | undefined;
  readonly releases: readonly InstallerRelease[];
}

/** A release that can be installed. */
export interface InstallerRelease {
  /** The name in the boot tree: `bookworm`, or a name of the site's own. */
  readonly name: string;
  /** The mirror's name of the release: `bookworm`. */
  readonly base: string;
  /** The directory of the installer's images: `netboot`. */
  readonly images: string;
  readonly title: string;
}

/** A release that a file adds to a source of installers. */
export interface AddedRelease extends InstallerRelease {
  readonly source: string;
}

/** The images of a source that a file selects for the region; `*` stands for all. */
export interface AddedSelection {
  readonly source: string;
  readonly os: string;
  readonly release: string;
  readonly arches: readonly string[];
  readonly subarches: readonly string[];
  readonly labels: readonly string[];
}

export type ImageSource = StreamSource | FilesSource | InstallerSource;

/** A problem of a file of sources. */
export interface SourceProblem {
  /** `sources[1].arches.amd64`; empty: the whole file. */
  readonly path: string;
  readonly message: string;
}
