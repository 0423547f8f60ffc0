// Finds a machine's kernel and initrd in the boot tree:
// `arch/subarch/release/purpose/{linux,initrd.gz}`, and `installer.iso` for an installer that runs
// from its own image; on ARM `dtb` (MAAS: `boot-dtb`) for a board whose firmware has none.
//
// 1. Only plain names are looked up or written into a configuration.
// 2. The machine's own sub-architecture takes precedence over `generic`, its own release over the rack's.

/** Paths of the tree. */
export interface BootImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The image that an installer runs from. */
  readonly iso?: string | undefined;
  /** For U-Boot: the board's device tree, or the directory in which it finds that of its board. */
  readonly deviceTree?: { readonly kind: 'file' | 'directory'; readonly path: string } | undefined;
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
const DEVICE_TREE_NAMES = ['dtb', 'boot-dtb'] as const;
/**
 * The directory of device trees. Its subdirectories are named after architectures, and have the
 * files of Debian's kernel packages.
 */
const DEVICE_TREES = 'dtbs';

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
      const deviceTree = findDeviceTree(directory, query.architecture, hasFile);
      const hasIso = query.directory === 'install' && hasFile(iso);
      return { kernel, initrd, iso: hasIso ? iso : undefined, deviceTree };
    }
  }
  return undefined;
}

/** @param directory of the kernel */
export function findDeviceTree(directory: string, architecture: string, hasFile: HasFile): BootImage['deviceTree'] {
  const path = DEVICE_TREE_NAMES.map((name) => `${directory}/${name}`).find(hasFile);
  if (path !== undefined) return { kind: 'file', path };
  const all = `${DEVICE_TREES}/${architecture}`;
  return hasFile(`${all}/`) ? { kind: 'directory', path: all } : undefined;
}

/** The first directory searched. */
export function describeImage(query: ImageQuery): string {
  return `${query.architecture}/${query.subarchitecture}/${query.releases[0] ?? ''}/${query.directory}`;
}
