// The table of `rackboot images`.

import { isRegionFile } from '../../config/region-file-kind.ts';
import { group, row } from '../terminal/command-table.ts';
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
  MAKE_DEBIAN,
  MIRROR,
  REMOVE,
  STORE,
  type StoreFlags,
  UPLOAD,
} from './options.ts';

/** A region's host without a rack has no boot tree of its own. */
const isOfRegion = ({ tree, config: file }: StoreFlags): boolean => tree === undefined && isRegionFile(file);

export const IMAGE_COMMANDS = group('images', 'The images that machines boot or are deployed from', [
  row('build', "Build the ephemeral environment and fetch the loaders, from Debian's packages", BUILD, async (argv) =>
    (await import('./build.ts')).buildImages(argv),
  ),
  row(
    'import-installer [from]',
    "Import Debian's installer for the network, from Debian's packages, or from a netboot.tar.gz or its directory (boot.enlist_with: installer)",
    INSTALLER,
    async (argv) => (await import('./build.ts')).importInstallerImage(argv),
  ),
  row(
    'make-debian',
    "Make a Debian disk image for deployment from Debian's packages, and add it to the store",
    MAKE_DEBIAN,
    async (argv) => (await import('./debian-image.ts')).makeDebian(argv),
  ),
  row(
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
    async (argv) => (await import('./upload.ts')).uploadImage(argv),
  ),
  row(
    'available [os]',
    'List the disk images and installers that the sources offer, of all systems or of one',
    AVAILABLE,
    async (argv) => (await import('./available.ts')).listAvailable(argv),
  ),
  row(
    'fsck',
    'Read all content of the store; move damaged content out of it, and download it again',
    FSCK,
    async (argv) => (await import('./fsck.ts')).checkStore(argv),
  ),
  row(
    'mirror <url> <directory> [filters..]',
    "Mirror a simplestreams site into a directory for a web server: the files that match all filters ('arch=amd64' 'release~(noble|jammy)')",
    MIRROR,
    async (argv) => (await import('./mirror.ts')).mirrorImages(argv),
  ),
  row('check-sources', 'Check that each source answers as expected', CHECK_SOURCES, async (argv) =>
    (await import('./available.ts')).checkSources(argv),
  ),
  row(
    'add <file>',
    'Add for deployment: a disk image (raw, qcow2, packed), or the root of a system (tar archive, squashfs or directory)',
    ADD,
    async (argv) => (await import('./add.ts')).addGiven(argv),
  ),
  row(['list', '$0'], 'List the disk images for deployment', STORE, async (argv) =>
    isOfRegion(argv)
      ? (await import('./region-images.ts')).listRegionImages(argv.config, argv.json)
      : (await import('./disk-images.ts')).listDiskImages(argv),
  ),
  row(
    'key',
    'Print the OpenPGP key with which the region signs its images for other hosts',
    { config, json },
    async (argv) => (await import('./stream-key.ts')).printStreamKey(argv),
  ),
  row(
    'export <words..>',
    'Write images, boot loaders and installers (full names or prefixes) to a new file for another host: ubuntu debian/bookworm images.tar',
    { words: { type: 'string', array: true, demandOption: true, describe: 'The names, then the file' }, ...STORE },
    async (argv) => (await import('./bundle-files.ts')).exportImages(argv),
  ),
  row('remove <image>', 'Remove a disk image by its listed name or the start of it', REMOVE, async (argv) =>
    isOfRegion(argv)
      ? (await import('./region-images.ts')).removeRegionImages(argv)
      : (await import('./disk-images.ts')).removeDiskImages(argv),
  ),
  SOURCE_COMMANDS,
  SELECTION_COMMANDS,
]);
