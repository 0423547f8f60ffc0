// Finds a machine's kernel and initrd in the boot tree: `arch/subarch/release/purpose/{linux,initrd.gz}`, with `installer.iso` next to them
// for an installer that runs from its own image.
//
// 1. Every part of the path is a plain name; other names are neither looked up nor written into a configuration.
// 2. The machine's own sub-architecture takes precedence over `generic`, its own release over the rack's.

/** A kernel and its initrd, as paths of the tree. */
export interface BootImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The image that an installer runs from, next to them; `undefined` if it needs none. */
  readonly iso?: string | undefined;
}

/** The image to look for. */
export interface ImageQuery {
  readonly architecture: string;
  readonly subarchitecture: string;
  /** In order of preference. */
  readonly releases: readonly string[];
  /** The tree's last level: `commissioning` or `install`. */
  readonly directory: 'commissioning' | 'install';
}

/** Whether the tree has a regular file at that relative path; answered from memory. */
export type HasFile = (path: string) => boolean;

/** The relative path of a file of the tree without links to directories; `undefined` if there is no such file. Answered from memory. */
export type RealOf = (path: string) => string | undefined;

const GENERIC = 'generic';
const INITRD_NAMES = ['initrd.gz', 'initrd'] as const;
const ISO_NAME = 'installer.iso';

/** True for a name that needs no quoting in a path, a loader's configuration or a kernel line. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,252}$/.test(name);
}

/** The first existing image; `undefined` if there is none. */
export function findImage(query: ImageQuery, hasFile: HasFile): BootImage | undefined {
  for (const release of new Set(query.releases)) {
    for (const subarchitecture of new Set([query.subarchitecture, GENERIC])) {
      const names = [query.architecture, subarchitecture, release];
      if (!names.every(isPlainName)) continue;
      const directory = [...names, query.directory].join('/');
      const kernel = `${directory}/linux`;
      const initrd = INITRD_NAMES.map((name) => `${directory}/${name}`).find(hasFile);
      if (initrd === undefined || !hasFile(kernel)) continue;
      const iso = `${directory}/${ISO_NAME}`;
      return query.directory === 'install' && hasFile(iso) ? { kernel, initrd, iso } : { kernel, initrd };
    }
  }
  return undefined;
}

/** The first directory searched, for people to read. */
export function describeImage(query: ImageQuery): string {
  return `${query.architecture}/${query.subarchitecture}/${query.releases[0] ?? ''}/${query.directory}`;
}
