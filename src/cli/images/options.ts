// The arguments and options of the `rackboot images` commands, and the flags that each command
// receives.

import { BUILT_CPUS, CPUS } from '../../boot/architectures.ts';
import type { FlagsOf } from '../terminal/command-table.ts';
import { config, flag, json, option, repeated, requiredArgument, text } from '../terminal/shared-options.ts';

const arch = { ...text, default: 'amd64', describe: 'Architecture of the machines' } as const;
/** Other architectures are refused before work begins. */
const bootArch = { ...arch, choices: CPUS } as const;
const builtArch = {
  ...arch,
  choices: BUILT_CPUS,
} as const;
const tree = option('Boot tree; default: boot.tree of the configuration');
const sources = option(
  "File with the site's own sources; default: image-sources.yaml next to the configuration, if it exists",
);
const label = { ...text, default: 'release', describe: 'release, daily, candidate …; release is preferred' } as const;
const title = option('Name shown to people');
const limit = option('The fastest that it downloads, in MiB per second; default: no limit');
const onlySource = option('Only this source: its name, or the URL of one that was added');
const packages = (describe: string) => ({ type: 'string', array: true, describe }) as const;

export const INSTALLER = {
  from: { type: 'string', describe: 'netboot.tar.gz or its directory' },
  config,
  arch: bootArch,
  release: option("Debian's code name; default: boot.release of the configuration"),
  tree,
  package: packages('A .deb file to use instead of downloading it (repeat)'),
  verbose: flag('Name each package'),
  json,
} as const;
const { from: _, ...buildOptions } = INSTALLER;
export const BUILD = { ...buildOptions, arch: builtArch } as const;
const { release: __, ...loaderOptions } = buildOptions;
export const LOADERS = loaderOptions;
export type LoaderFlags = FlagsOf<typeof LOADERS>;
export type InstallerFlags = FlagsOf<typeof INSTALLER>;

export const MAKE_DEBIAN = {
  config,
  tree,
  release: { ...text, default: 'bookworm', describe: "Debian's code name: bookworm, trixie" },
  arch,
  size: option('Size of the image, such as 2G; default: as large as needed. On a machine it grows to the whole disk'),
  'cloud-init': { type: 'boolean', default: true, describe: 'Include cloud-init; --no-cloud-init leaves it out' },
  package: packages('Another package to install, by name (repeat)'),
  mirror: packages("Mirror, http://…, or a line of sources.list (repeat); default: this host's"),
  cache: option('Directory that keeps the packages; default: /var/cache/rackboot or ~/.cache'),
  label,
  json,
} as const;
export type MakeDebianFlags = FlagsOf<typeof MAKE_DEBIAN>;

export const IMPORT = {
  image: { type: 'string', describe: 'An image, an installer, a boot loader or a file; default: what is selected' },
  config,
  tree,
  arch: { ...arch, describe: `${arch.describe}; several with commas: amd64,i386` },
  sources,
  source: option('Name of the source, or its URL; default: the first that has it'),
  os: option('(disk image, root of a system) Operating system: debian, ubuntu, custom …'),
  release: option("(the same) Its release; (disc) its name in the boot tree, by default the disc's own, such as noble"),
  title: option('(disk image, root of a system) Name shown to people'),
  subarch: option("(MAAS's streams) A kernel other than the release's own: hwe-24.04"),
  mirror: option("(installer) Mirror of packages; default: that of the source, else the host's apt"),
  package: packages('(installer) A .deb file with its drivers, instead of downloading it (repeat)'),
  limit,
  json,
} as const;
export type ImportFlags = FlagsOf<typeof IMPORT>;

export const UPLOAD = {
  name: requiredArgument('Its name, such as custom/site'),
  file: requiredArgument('The file'),
  config,
  arch: { ...arch, describe: `${arch.describe}, such as amd64 or amd64/generic` },
  type: option('ddraw, ddgz, ddxz, ddtar, qcow2 …, or tgz, squashfs …; default: by the name of the file'),
  title,
  profile: option("Profile of the region (rackboot login); default: this host's region"),
  url: option('Or the URL of a region, http://10.20.0.1:5240/MAAS'),
  'key-file': option('(--url) File with an API key of an administrator there'),
  'ca-file': option("(--url) Certificates to trust instead of the system's"),
  json,
} as const;
export type UploadFlags = FlagsOf<typeof UPLOAD>;

export const AVAILABLE = {
  os: { type: 'string', describe: 'A system, or a system and its release' },
  config,
  sources,
  arch: option('Only images of this architecture; default: all'),
  source: { ...onlySource, describe: 'Only those of this source: its name, or the URL of one that was added' },
  all: flag('Include releases whose support has ended'),
  filter: packages('arch=amd64, release~(noble|jammy), label!=daily (repeat): all must match'),
  json,
} as const;
export type AvailableFlags = FlagsOf<typeof AVAILABLE>;

export const FSCK = { config, tree, sources, report: flag('Only report; change nothing'), json } as const;
export type FsckFlags = FlagsOf<typeof FSCK>;

export const MIRROR = {
  url: requiredArgument('The URL of the site'),
  directory: requiredArgument('The directory of the web server'),
  filters: { type: 'string', array: true, describe: 'What the tags of a file must be' },
  keyring: { ...text, demandOption: true, describe: 'The OpenPGP keys of the site' },
  max: {
    type: 'number',
    requiresArg: true,
    describe: 'Number of versions of each image, newest first; default: all',
  },
  limit,
  config,
  json,
} as const;
export type MirrorFlags = FlagsOf<typeof MIRROR>;

export const CHECK_SOURCES = {
  source: onlySource,
  config,
  sources,
  verbose: flag('Show each problem of a source in a line of its own'),
  json,
} as const;
export type CheckFlags = FlagsOf<typeof CHECK_SOURCES>;

export const ADD = {
  file: requiredArgument('The file or the directory'),
  config,
  tree,
  os: { ...text, demandOption: true, describe: 'Operating system: debian, ubuntu, custom …' },
  release: { ...text, demandOption: true, describe: 'Its release: bookworm, jammy …' },
  arch,
  subarch: { ...text, default: 'generic', describe: 'Sub-architecture' },
  label,
  serial: option('Date of the image, 20240131 or 20240131.2; default: today'),
  title,
  compress: {
    type: 'boolean',
    describe: '(disk) Store the image compressed with zstd; default: unless it is raw',
  },
  json,
} as const;
export type AddFlags = FlagsOf<typeof ADD>;

export const STORE = { config, tree, json } as const;
export type StoreFlags = FlagsOf<typeof STORE>;

export const REMOVE = {
  image: requiredArgument('Its listed name, or the start of it'),
  config,
  tree,
  all: flag('Remove every image whose name starts with it'),
  force: flag('Even while a machine is being deployed from it'),
  json,
} as const;
export type RemoveFlags = FlagsOf<typeof REMOVE>;

/** How a source is verified. */
export const TRUST = {
  index: option('The path of its index below the URL; empty: the usual one'),
  unsigned: { type: 'boolean', describe: 'Require no signature; only HTTPS protects the site (with --why)' },
  why: option('(--unsigned) Why the site is used without signatures'),
  keyring: option(
    "Path of a file with its OpenPGP keys on the region's host, which each import reads again, as packages update it",
  ),
  keys: option('Or a file with its OpenPGP keys on this host; the region stores a copy'),
} as const;
export type TrustFlags = FlagsOf<typeof TRUST>;

/** What a selection includes. */
export const LISTS = {
  arches: repeated('Architectures (repeat); * stands for all'),
  subarches: repeated('Sub-architectures (repeat); * stands for all'),
  labels: repeated('Labels, such as release or daily (repeat); * stands for all'),
} as const;
export type ListFlags = FlagsOf<typeof LISTS>;
