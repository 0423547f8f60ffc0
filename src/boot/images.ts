// Finds a machine's kernel and initrd in the boot tree: `arch/subarch/release/purpose/{linux,initrd.gz}`, and `installer.iso` for an
// installer that runs from its own image.
//
// 1. Only plain names are looked up or written into a configuration.
// 2. The machine's own sub-architecture takes precedence over `generic`, its own release over the rack's.

/** Paths of the tree. */
export interface BootImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The image that an installer runs from. */
  readonly iso?: string | undefined;
}

export interface ImageQuery {
  readonly architecture: string;
  readonly subarchitecture: string;
  /** In order of preference. */
  readonly releases: readonly string[];
  readonly directory: 'commissioning' | 'install';
}

/** Answered from memory. */
export type HasFile = (path: string) => boolean;

/** A file's path without links to directories; `undefined` if there is no such file. Answered from memory. */
export type RealOf = (path: string) => string | undefined;

const GENERIC = 'generic';
const INITRD_NAMES = ['initrd.gz', 'initrd'] as const;
const ISO_NAME = 'installer.iso';

/** True for a name that needs no quoting in a path, a configuration or a kernel line. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,252}$/.test(name);
}

/** `undefined` if there is none. */
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

/** The first directory searched. */
export function describeImage(query: ImageQuery): string {
  return `${query.architecture}/${query.subarchitecture}/${query.releases[0] ?? ''}/${query.directory}`;
}
