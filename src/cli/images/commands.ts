// The table of `rackboot images`: its commands and their flags.

import type { Argv } from 'yargs';
import { BUILT_CPUS, CPUS } from '../../boot/architectures.ts';
import type { SharedOptions } from '../terminal/shared-options.ts';
import { bootSourceCommands } from './boot-source-commands.ts';

type Finish = (code: number) => void;

const text = { type: 'string', requiresArg: true } as const;
const arch = { ...text, default: 'amd64', describe: 'Architecture of the machines' } as const;
/** Other architectures are refused before work begins. */
const bootArch = { ...arch, choices: CPUS } as const;
const builtArch = {
  ...arch,
  choices: BUILT_CPUS,
  describe: `${arch.describe}; 32 bits (i386) are not supported`,
} as const;
const tree = { ...text, describe: 'Boot tree; default: boot.tree of the configuration' } as const;

const sources = {
  ...text,
  describe: "File with the site's own sources; default: image-sources.yaml next to the configuration, if it exists",
} as const;

/** Adds `images` and its commands. */
export function imageCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: Finish): Argv<T> {
  return parser.command('images', 'The images that machines boot or are deployed from', (command) =>
    bootSourceCommands(ownCommands(command, shared, finish), shared, finish).strict(),
  );
}

function ownCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish): Argv<T> {
  const options = {
    config,
    arch: bootArch,
    release: { ...text, describe: "Debian's code name; default: boot.release of the configuration" },
    tree,
    package: { type: 'string', array: true, describe: 'A .deb file to use instead of downloading it (repeat)' },
    verbose: { type: 'boolean', default: false, describe: 'Name each package' },
    json,
  } as const;
  return command
    .command(
      'build',
      "Build the ephemeral environment and fetch the loaders, from Debian's packages",
      { ...options, arch: builtArch },
      async (argv) => {
        const { buildImages } = await import('./build.ts');
        finish(await buildImages({ ...argv, packages: argv.package }));
      },
    )
    .command(
      'import-installer [from]',
      "Import Debian's installer for the network, from Debian's packages, or from a netboot.tar.gz or its directory (boot.enlist_with: installer)",
      options,
      async (argv) => {
        const { importInstallerImage } = await import('./build.ts');
        const from = argv.from === undefined ? undefined : String(argv.from);
        finish(await importInstallerImage({ ...argv, from, packages: argv.package }));
      },
    )
    .command(
      'make-debian',
      "Make a Debian disk image for deployment from Debian's packages, and add it to the store",
      {
        config,
        tree,
        release: { ...text, default: 'bookworm', describe: "Debian's code name: bookworm, trixie" },
        arch,
        size: {
          ...text,
          describe:
            'Size of the image, such as 2G; default: as large as needed. On a machine it grows to the whole disk',
        },
        'cloud-init': { type: 'boolean', default: true, describe: 'Include cloud-init; --no-cloud-init leaves it out' },
        package: { type: 'string', array: true, describe: 'Another package to install, by name (repeat)' },
        mirror: {
          type: 'string',
          array: true,
          describe: "Mirror, http://…, or a line of sources.list (repeat); default: this host's",
        },
        cache: { ...text, describe: 'Directory that keeps the packages; default: /var/cache/rackboot or ~/.cache' },
        label: { ...text, default: 'release', describe: 'release, daily, candidate …; release is preferred' },
        json,
      } as const,
      async (argv) => {
        const { makeDebian } = await import('./debian-image.ts');
        finish(await makeDebian(argv));
      },
    )
    .command(
      'import [image]',
      "Import what the region selects; or an image (ubuntu/noble), an installer (installer/debian/trixie) or a boot loader (bootloader/uefi) from a source; or a file: a bundle (./images.tar), the installer of Ubuntu's live server (./ubuntu.iso), or with --os and --release what `add` takes",
      {
        config,
        tree,
        arch: { ...arch, describe: `${arch.describe}; several with commas: amd64,i386` },
        sources,
        source: { ...text, describe: 'Name of the source, or its URL; default: the first that has it' },
        os: { ...text, describe: '(disk image, root of a system) Operating system: debian, ubuntu, custom …' },
        release: {
          ...text,
          describe:
            "(the same) Its release; (disc) its name in the boot tree, by default the disc's own, such as noble",
        },
        title: { ...text, describe: '(disk image, root of a system) Name shown to people' },
        subarch: { ...text, describe: "(MAAS's streams) A kernel other than the release's own: hwe-24.04" },
        mirror: {
          ...text,
          describe: "(installer) Mirror of packages; default: that of the source, else the host's apt",
        },
        package: {
          type: 'string',
          array: true,
          describe: '(installer) A .deb file with its drivers, instead of downloading it (repeat)',
        },
        limit: { ...text, describe: 'The fastest that it downloads, in MiB per second; default: no limit' },
        json,
      },
      async (argv) => {
        if (argv.image === undefined) {
          const { importSelected } = await import('./selected-import.ts');
          return finish(await importSelected(argv));
        }
        const { importByName } = await import('./import.ts');
        finish(await importByName({ ...argv, image: String(argv.image), packages: argv.package }));
      },
    )
    .command(
      'upload <name> <file>',
      'Upload an image to the region, from any host: custom/site site.img. Repeat the command to continue',
      {
        config,
        arch: { ...arch, describe: `${arch.describe}, such as amd64 or amd64/generic` },
        type: {
          ...text,
          describe: 'ddraw, ddgz, ddxz, ddtar, qcow2 …, or tgz, squashfs …; default: by the name of the file',
        },
        title: { ...text, describe: 'Name shown to people' },
        profile: {
          ...text,
          describe: "Profile of the region (rackboot login); default: this host's region",
        },
        url: { ...text, describe: 'Or the URL of a region, http://10.20.0.1:5240/MAAS' },
        'key-file': { ...text, describe: '(--url) File with an API key of an administrator there' },
        'ca-file': { ...text, describe: "(--url) Certificates to trust instead of the system's" },
        json,
      },
      async (argv) => {
        const { uploadImage } = await import('./upload.ts');
        const [name, file] = [String(argv.name), String(argv.file)];
        finish(await uploadImage({ ...argv, name, file }));
      },
    )
    .command(
      'available [os]',
      'List the disk images and installers that the sources offer, of all systems or of one',
      {
        config,
        sources,
        arch: { ...text, describe: 'Only images of this architecture; default: all' },
        source: { ...text, describe: 'Only those of this source: its name, or the URL of one that was added' },
        all: { type: 'boolean', default: false, describe: 'Include releases whose support has ended' },
        filter: {
          type: 'string',
          array: true,
          describe: 'arch=amd64, release~(noble|jammy), label!=daily (repeat): all must match',
        },
        json,
      },
      async (argv) => {
        const { listAvailable } = await import('./available.ts');
        finish(
          await listAvailable({
            ...argv,
            filters: argv.filter ?? [],
            os: argv.os === undefined ? undefined : String(argv.os),
          }),
        );
      },
    )
    .command(
      'fsck',
      'Read all content of the store; move damaged content out of it, and download it again',
      {
        config,
        tree,
        sources,
        report: { type: 'boolean', default: false, describe: 'Only report; change nothing' },
        json,
      },
      async (argv) => {
        const { checkStore } = await import('./fsck.ts');
        finish(await checkStore(argv));
      },
    )
    .command(
      'mirror <url> <directory> [filters..]',
      "Mirror a simplestreams site into a directory for a web server: the files that match all filters ('arch=amd64' 'release~(noble|jammy)')",
      {
        keyring: { ...text, demandOption: true, describe: 'The OpenPGP keys of the site' },
        max: {
          type: 'number',
          requiresArg: true,
          describe: 'Number of versions of each image, newest first; default: all',
        },
        limit: { ...text, describe: 'The fastest that it downloads, in MiB per second; default: no limit' },
        config,
        json,
      },
      async (argv) => {
        const { mirrorImages } = await import('./mirror.ts');
        const [url, directory] = [String(argv.url), String(argv.directory)];
        finish(await mirrorImages({ ...argv, url, directory, filters: [argv.filters ?? []].flat().map(String) }));
      },
    )
    .command(
      'check-sources',
      'Check that each source answers as expected',
      {
        source: { ...text, describe: 'Only this source: its name, or the URL of one that was added' },
        config,
        sources,
        verbose: { type: 'boolean', default: false, describe: 'Show each problem of a source in a line of its own' },
        json,
      },
      async (argv) => {
        const { checkSources } = await import('./available.ts');
        finish(await checkSources(argv));
      },
    )
    .command(
      'add <file>',
      'Add for deployment: a disk image (raw, qcow2, packed), or the root of a system (tar archive, squashfs or directory)',
      {
        config,
        tree,
        os: { ...text, demandOption: true, describe: 'Operating system: debian, ubuntu, custom …' },
        release: { ...text, demandOption: true, describe: 'Its release: bookworm, jammy …' },
        arch,
        subarch: { ...text, default: 'generic', describe: 'Sub-architecture' },
        label: { ...text, default: 'release', describe: 'release, daily, candidate …; release is preferred' },
        serial: { ...text, describe: 'Date of the image, 20240131 or 20240131.2; default: today' },
        title: { ...text, describe: 'Name shown to people' },
        compress: {
          type: 'boolean',
          describe: '(disk) Store the image compressed with zstd; default: unless it is raw',
        },
        json,
      },
      async (argv) => {
        const { addGiven } = await import('./add.ts');
        finish(await addGiven({ ...argv, file: String(argv.file) }));
      },
    )
    .command(['list', '$0'], 'List the disk images for deployment', { config, tree, json }, async (argv) => {
      const { isRegionFile } = await import('../../config/region-file-kind.ts');
      if (argv.tree === undefined && isRegionFile(argv.config)) {
        const { listRegionImages } = await import('./region-images.ts');
        finish(await listRegionImages(argv.config, argv.json));
      } else {
        const { listDiskImages } = await import('./disk-images.ts');
        finish(await listDiskImages(argv));
      }
    })
    .command(
      'key',
      'Print the OpenPGP key with which the region signs its images for other hosts',
      { config, json },
      async (argv) => {
        const { printStreamKey } = await import('./stream-key.ts');
        finish(await printStreamKey(argv));
      },
    )
    .command(
      'export <words..>',
      'Write images, boot loaders and installers (full names or prefixes) to a new file for another host: ubuntu debian/bookworm images.tar',
      { config, tree, json },
      async (argv) => {
        const { exportImages } = await import('./bundle-files.ts');
        finish(await exportImages({ ...argv, words: [argv.words ?? []].flat().map(String) }));
      },
    )
    .command(
      'remove <image>',
      'Remove a disk image by its listed name or the start of it',
      {
        config,
        tree,
        all: { type: 'boolean', default: false, describe: 'Remove every image whose name starts with it' },
        force: { type: 'boolean', default: false, describe: 'Even while a machine is being deployed from it' },
        json,
      },
      async (argv) => {
        const flags = { ...argv, image: String(argv.image) };
        const { isRegionFile } = await import('../../config/region-file-kind.ts');
        if (argv.tree === undefined && isRegionFile(argv.config)) {
          const { removeRegionImages } = await import('./region-images.ts');
          finish(await removeRegionImages(flags));
        } else {
          const { removeDiskImages } = await import('./disk-images.ts');
          finish(await removeDiskImages(flags));
        }
      },
    );
}
