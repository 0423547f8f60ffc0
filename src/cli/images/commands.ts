// The table of `rackboot images`.

import { isRegionFile } from '../../config/region-file-kind.ts';
import { action, group, row } from '../terminal/command-table.ts';
import { config, json } from '../terminal/shared-options.ts';
import { SELECTION_COMMANDS, SOURCE_COMMANDS } from './boot-source-commands.ts';
import {
  ADD,
  AVAILABLE,
  BUILD,
  CHECK_SOURCES,
  FSCK,
  IMPORT,
  INSTALLER,
  LOADERS,
  MAKE_DEBIAN,
  MIRROR,
  REMOVE,
  STORE,
  type StoreFlags,
  UPLOAD,
} from './options.ts';

export const LOADER_COMMANDS = group('loaders', 'The boot loaders that firmware loads first', [
  row('list', 'List those of each architecture, there and missing', STORE, () => import('./build.ts'), 'showLoaders'),
  row(
    'install',
    "Install those of an architecture from Debian's packages; `images build` does it too",
    LOADERS,
    () => import('./build.ts'),
    'installLoaderFiles',
  ),
]);

/** True on a region's host without a rack, which has no boot tree of its own. */
const isRegionOnly = ({ tree, config: file }: StoreFlags): boolean => tree === undefined && isRegionFile(file);

export const IMAGE_COMMANDS = group('images', 'The images that machines boot or are deployed from', [
  row(
    'build',
    "Build the ephemeral environment and fetch the loaders, from Debian's packages",
    BUILD,
    () => import('./build.ts'),
    'buildImages',
  ),
  row(
    'import-installer [from]',
    "Import Debian's installer for the network, from Debian's packages, or from a netboot.tar.gz or its directory (boot.enlist_with: installer)",
    INSTALLER,
    () => import('./build.ts'),
    'importInstallerImage',
  ),
  row(
    'make-debian',
    "Make a Debian disk image for deployment from Debian's packages, and add it to the store",
    MAKE_DEBIAN,
    () => import('./debian-image.ts'),
    'makeDebian',
  ),
  action(
    'import [image]',
    "Import what the region selects; or an image (ubuntu/noble), an installer (installer/debian/trixie) or a boot loader (bootloader/uefi) from a source; or a file: a bundle (./images.tar), the installer of Ubuntu's live server (./ubuntu.iso), or with --os and --release what `add` takes",
    IMPORT,
    async (argv) => {
      const { image } = argv;
      return image === undefined
        ? (await import('./selected-import.ts')).importSelected(argv)
        : (await import('./import.ts')).importByName({ ...argv, image });
    },
  ),
  row(
    'upload <name> <file>',
    'Upload an image to the region, from any host: custom/site site.img. Repeat the command to continue',
    UPLOAD,
    () => import('./upload.ts'),
    'uploadImage',
  ),
  row(
    'available [os]',
    'List the disk images and installers that the sources offer, of all systems or of one',
    AVAILABLE,
    () => import('./available.ts'),
    'listAvailable',
  ),
  row(
    'fsck',
    'Read all content of the store; move damaged content out of it, and download it again',
    FSCK,
    () => import('./fsck.ts'),
    'checkStore',
  ),
  row(
    'mirror <url> <directory> [filters..]',
    "Mirror a simplestreams site into a directory for a web server: the files that match all filters ('arch=amd64' 'release~(noble|jammy)')",
    MIRROR,
    () => import('./mirror.ts'),
    'mirrorImages',
  ),
  row(
    'check-sources',
    'Check that each source answers as expected',
    CHECK_SOURCES,
    () => import('./available.ts'),
    'checkSources',
  ),
  row(
    'add <file>',
    'Add for deployment: a disk image (raw, qcow2, packed), or the root of a system (tar archive, squashfs or directory)',
    ADD,
    () => import('./add.ts'),
    'addGiven',
  ),
  action(['list', '$0'], 'List the disk images for deployment', STORE, async (argv) =>
    isRegionOnly(argv)
      ? (await import('./region-images.ts')).listRegionImages(argv)
      : (await import('./disk-images.ts')).listDiskImages(argv),
  ),
  row(
    'key',
    'Print the OpenPGP key with which the region signs its images for other hosts',
    { config, json },
    () => import('./stream-key.ts'),
    'printStreamKey',
  ),
  row(
    'export <words..>',
    'Write images, boot loaders and installers (full names or prefixes) to a new file for another host: ubuntu debian/bookworm images.tar',
    { words: { type: 'string', array: true, demandOption: true, describe: 'The names, then the file' }, ...STORE },
    () => import('./bundle-files.ts'),
    'exportImages',
  ),
  action('remove <image>', 'Remove a disk image by its listed name or the start of it', REMOVE, async (argv) =>
    isRegionOnly(argv)
      ? (await import('./region-images.ts')).removeRegionImages(argv)
      : (await import('./disk-images.ts')).removeDiskImages(argv),
  ),
  SOURCE_COMMANDS,
  SELECTION_COMMANDS,
]);
