// Which kernel and initrd of the boot tree a machine is given: `arch/subarch/release/purpose/{linux,initrd.gz}`, and for an installer that
// runs from an image of its own `installer.iso` beside them.
//
// 1. Every part of the path is a plain name: what is not is never looked for, nor written into a configuration.
// 2. The machine's own sub-architecture comes before `generic`, its own release before the rack's.

/** A kernel and its initrd, as paths of the tree. */
export interface BootImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The image that an installer runs from, which is beside them; undefined: it needs none. */
  readonly iso?: string | undefined;
}

/** What to look for. */
export interface ImageQuery {
  readonly architecture: string;
  readonly subarchitecture: string;
  /** In order of preference. */
  readonly releases: readonly string[];
  /** The tree's last level: `commissioning` or `install`. */
  readonly directory: 'commissioning' | 'install';
}

/** Tells whether the tree has a regular file of that relative path; from memory, at once. */
export type HasFile = (path: string) => boolean;

const GENERIC = 'generic';
const INITRD_NAMES = ['initrd.gz', 'initrd'] as const;
const ISO_NAME = 'installer.iso';

/** True for a name that can stand in a path, a loader's configuration and a kernel line as it is. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,252}$/.test(name);
}

/** The first image that exists; undefined: none does. */
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

/** The directory that was looked for first, for people to read. */
export function describeImage(query: ImageQuery): string {
  return `${query.architecture}/${query.subarchitecture}/${query.releases[0] ?? ''}/${query.directory}`;
}
