// Builds the root of a Debian system from packages, as an archive, with mmdebstrap.
//
// Sources: mmdebstrap(1), sources.list(5). debian/customise.sh finishes the root.
//
// 1. Without root, mmdebstrap works in its own namespaces (`unshare` mode), for which the user
//    needs newuidmap and a range in /etc/subuid.
// 2. Packages are kept between builds, except those that the mirrors no longer have.
// 3. Only values of known shape reach a shell: names of packages and releases, identifiers, mirror
//    URLs without quotation marks.

import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { withoutUser } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { listMirrors } from './apt.ts';
import { type ProgramOptions, runProgram } from './program.ts';
import { createTenthsReporter } from './tenths.ts';

// Reads the progress from the lines of `mmdebstrap --verbose`: its own steps, and those of apt and dpkg.
//
// Sources: mmdebstrap(1) 1.3.5, apt-get(8), dpkg(1), as they print in the language C.

const STEP_LINE = /^I: ((?:running apt|downloading|extracting|installing|creating|cleaning).*?)\.*$/;
/** The line that apt prints before each round of packages. */
const ROUND_LINE = /^\d+ upgraded, (\d+) newly installed,/;
const FETCHED_LINE = /^Get:\d+ /;
/** dpkg prints both kinds of lines for each package. */
const INSTALLED_LINE = /^(?:Unpacking|Setting up) /;

/**
 * Turns lines into sentences for a person: one for each step, and one for each tenth of a round's
 * packages.
 */
export class DebianProgress {
  /** The packages of the current round. 0 before the first round. */
  #packages = 0;
  #fetched = 0;
  /** Counts packages when they are unpacked and when they are set up, so each counts twice. */
  #installed = 0;
  #fetchedPercentToReport = createTenthsReporter();
  #installedPercentToReport = createTenthsReporter();

  read(line: string): string | undefined {
    const step = STEP_LINE.exec(line)?.[1];
    if (step !== undefined) return `${step[0]?.toUpperCase()}${step.slice(1)}`;
    const packages = ROUND_LINE.exec(line)?.[1];
    if (packages !== undefined) this.#beginRound(Number(packages));
    else if (this.#packages === 0) return undefined;
    else if (FETCHED_LINE.test(line))
      return this.#formatPercent('Downloaded', this.#fetchedPercentToReport(++this.#fetched, this.#packages));
    else if (INSTALLED_LINE.test(line))
      return this.#formatPercent('Installed', this.#installedPercentToReport(++this.#installed, 2 * this.#packages));
    return undefined;
  }

  #beginRound(packages: number): void {
    this.#packages = packages;
    [this.#fetched, this.#installed] = [0, 0];
    [this.#fetchedPercentToReport, this.#installedPercentToReport] = [createTenthsReporter(), createTenthsReporter()];
  }

  #formatPercent(action: string, percent: number | undefined): string | undefined {
    return percent === undefined ? undefined : `${action} ${percent} % of ${counted(this.#packages, 'package')}`;
  }
}

export interface DebianRequest {
  readonly release: string;
  readonly arch: string;
  readonly cloudInit: boolean;
  readonly packages: readonly string[];
  /** URLs, or lines of sources.list. If empty, the mirrors of this host are used. */
  readonly mirrors: readonly string[];
  readonly cacheDir: string;
  /** The timestamp of all built files. */
  readonly epochSeconds: number;
  readonly onProgress: (text: string) => void;
}

/** Identifiers of file systems, used in the system's configuration. */
export interface FileSystemIds {
  readonly root: string;
  /** The serial of the EFI system partition, such as `1234-ABCD`. */
  readonly esp: string;
}

/** The differences between architectures. */
export interface DebianPlatform {
  readonly efi: 'x64' | 'aa64' | 'ia32';
  /** The directory of GRUB's modules for UEFI, below `usr/lib/grub`. */
  readonly grubDirectory: string;
  readonly console: string;
  readonly packages: readonly string[];
  /** True if machines of the architecture may boot with BIOS. */
  readonly hasBios: boolean;
}

export const DEBIAN_PLATFORMS: ReadonlyMap<string, DebianPlatform> = new Map([
  [
    'amd64',
    {
      efi: 'x64',
      grubDirectory: 'x86_64-efi',
      console: 'ttyS0,115200n8',
      packages: ['linux-image-amd64', 'grub-pc-bin', 'grub-efi-amd64-signed', 'shim-signed'],
      hasBios: true,
    },
  ],
  [
    'arm64',
    {
      efi: 'aa64',
      grubDirectory: 'arm64-efi',
      console: 'ttyAMA0',
      packages: ['linux-image-arm64', 'grub-efi-arm64-signed', 'shim-signed'],
      hasBios: false,
    },
  ],
  [
    'i386',
    {
      efi: 'ia32',
      grubDirectory: 'i386-efi',
      console: 'ttyS0,115200n8',
      // The kernel that also runs without PAE, as in the environment.
      packages: ['linux-image-686', 'grub-pc-bin', 'grub-efi-ia32-signed', 'shim-signed'],
      hasBios: true,
    },
  ],
]);

const PACKAGES = [
  'initramfs-tools',
  'zstd',
  'e2fsprogs',
  'kmod',
  'udev',
  'grub2-common',
  'lvm2',
  'mdadm',
  'systemd-sysv',
  'systemd-resolved',
  'systemd-timesyncd',
  'dbus',
  'libpam-systemd',
  'iproute2',
  'iputils-ping',
  'netbase',
  'ca-certificates',
  'openssh-server',
  'sudo',
  'less',
];
const CLOUD_INIT_PACKAGES = ['cloud-init'];
/** Drivers that servers do not need. Together they are a third of the kernel's package. */
const OMITTED_DRIVERS = [
  'sound',
  'drivers/media',
  'drivers/staging',
  'drivers/iio',
  'drivers/comedi',
  'drivers/bluetooth',
  'net/bluetooth',
  'drivers/net/wireless',
  'net/wireless',
  'net/mac80211',
  'drivers/isdn',
  'drivers/accessibility',
  'drivers/input/joystick',
  'drivers/input/touchscreen',
  ...['amd', 'i915', 'nouveau', 'radeon', 'gma500', 'vmwgfx'].map((name) => `drivers/gpu/drm/${name}`),
];
const OMITTED_PATHS = [
  ...['man', 'info', 'locale', 'doc'].map((name) => `path-exclude=/usr/share/${name}/*`),
  ...['locale/locale.alias', 'doc/*/copyright'].map((name) => `path-include=/usr/share/${name}`),
  ...OMITTED_DRIVERS.flatMap((name) =>
    ['', '/usr'].map((base) => `path-exclude=${base}/lib/modules/*/kernel/${name}/*`),
  ),
];

const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]{1,99}$/;
const MIRROR_URL = /^https?:\/\/[A-Za-z0-9._~:[\]/%+-]+$/;
const MIRROR_LINE =
  /^deb (?:\[[A-Za-z0-9=,./ _+-]+\] )?https?:\/\/[A-Za-z0-9._~:[\]/%+-]+ [a-z0-9/._-]+(?: [a-z0-9-]+)+$/;
/** Bound on the requested packages, and on the mirrors. */
const NAMES_MAX = 200;
const BUILD_MINUTES_MAX = 60;
const MMDEBSTRAP = 'mmdebstrap';

/**
 * Checks a person's request.
 * @throws RackError `bad-argument`
 */
export function checkDebianRequest(
  request: Pick<DebianRequest, 'arch' | 'release' | 'packages' | 'mirrors'>,
): DebianPlatform {
  const { arch, release, packages, mirrors } = request;
  const platform = DEBIAN_PLATFORMS.get(arch);
  if (platform === undefined) {
    const supported = [...DEBIAN_PLATFORMS.keys()].join(', ');
    throw new RackError('bad-argument', `no image can be built for ${JSON.stringify(arch)}; use one of ${supported}`);
  }
  if (!/^[a-z]{2,20}$/.test(release)) {
    throw new RackError(
      'bad-argument',
      `${JSON.stringify(release)} is not a Debian release such as bookworm or trixie`,
    );
  }
  const invalidPackage = packages.find((name) => !PACKAGE_NAME.test(name));
  if (invalidPackage !== undefined)
    throw new RackError('bad-argument', `${JSON.stringify(invalidPackage)} is not a package name`);
  const invalidMirror = mirrors.find((mirror) => !MIRROR_URL.test(mirror) && !MIRROR_LINE.test(mirror));
  if (invalidMirror !== undefined) {
    const rule = 'a URL (http://mirror.example/debian) or a line of sources.list, without a password';
    throw new RackError('bad-argument', `${JSON.stringify(withoutUser(invalidMirror))} is not a mirror: use ${rule}`);
  }
  if (packages.length > NAMES_MAX || mirrors.length > NAMES_MAX) {
    throw new RackError('bad-argument', `name at most ${NAMES_MAX} packages and ${NAMES_MAX} mirrors`);
  }
  return platform;
}

/**
 * Builds the root into the archive `file`.
 *
 * @throws RackError `bad-argument`, `tool-missing`, `tool-failed` with the failed program's output
 * and the remedy
 */
export async function buildDebianRoot(request: DebianRequest, ids: FileSystemIds, file: string): Promise<void> {
  const platform = checkDebianRequest(request);
  const { release, arch, cacheDir, onProgress } = request;
  const requested = request.mirrors.map((mirror) =>
    MIRROR_URL.test(mirror) ? `deb ${mirror} ${release} main` : mirror,
  );
  const mirrors = requested.length > 0 ? requested : await listMirrors(release);
  await mkdir(cacheDir, { recursive: true });
  const freshCache = `${cacheDir}.new`;
  await rm(freshCache, { recursive: true, force: true });
  await mkdir(freshCache);
  const names = [
    ...PACKAGES,
    ...platform.packages,
    ...(request.cloudInit ? CLOUD_INIT_PACKAGES : []),
    ...request.packages,
  ];
  const script = await readFile(new URL('./debian/customise.sh', import.meta.url), 'utf8');
  const values = {
    root_uuid: ids.root,
    esp_uuid: ids.esp,
    efi: platform.efi,
    console: platform.console,
    cloud_init: request.cloudInit ? 'yes' : 'no',
    left_out: OMITTED_PATHS.join('\n'),
  };
  const assignments = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`);
  const args = [
    `--mode=${isRootUser() ? 'root' : 'unshare'}`,
    '--variant=minbase',
    '--verbose',
    `--architectures=${arch}`,
    '--format=tar',
    // The running kernel makes device nodes. Without root, mmdebstrap cannot make them.
    '--skip=essential/unlink,output/mknod',
    // The check would need arch-test, which few hosts have.
    ...(isNative(arch) ? ['--skip=check/qemu'] : []),
    `--include=${[...new Set(names)].join(',')}`,
    ...['force-unsafe-io', ...OMITTED_PATHS].map((option) => `--dpkgopt=${option}`),
    '--aptopt=Acquire::Languages "none"',
    '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
    `--setup-hook=sync-in ${quote(cacheDir)} /var/cache/apt/archives`,
    `--customize-hook=${assignments.join('')}${script}`,
    `--customize-hook=sync-out /var/cache/apt/archives ${quote(freshCache)}`,
    release,
    file,
    ...mirrors,
  ];
  onProgress(`Building Debian ${release} for ${arch} from ${[...new Set(mirrors.map(findMirrorUrl))].join(', ')}`);
  try {
    const options = buildOptions(request);
    // As root, mmdebstrap mounts /proc, /sys and /dev in the new root. In a mount namespace of its
    // own, none stays mounted, even if it is killed.
    await (isRootUser()
      ? runProgram('unshare', ['--mount', MMDEBSTRAP, ...args], options)
      : runProgram(MMDEBSTRAP, args, options));
    await rm(cacheDir, { recursive: true, force: true });
    await rename(freshCache, cacheDir);
  } finally {
    await rm(freshCache, { recursive: true, force: true });
  }
}

/** What unshare(1) prints where the kernel refuses a namespace, as in a chroot and in most containers. */
const UNSHARE_REFUSED = /^unshare: /;
/** What mmdebstrap prints if this host cannot run programs of the architecture. */
const FOREIGN_REFUSED = /can neither be executed natively nor via qemu/;
const NAMESPACE_REMEDY =
  'this host refuses the namespaces that the build needs, as in a chroot or a container: run it on a host of its own, or in a virtual machine';

/** What apt prints if the mirrors answer, but lack the release. */
const RELEASE_MISSING = /does not have a Release file/;

/** Writes the remedy for an error of a build, in one line. */
export function buildRemedy(why: string, { release, arch }: Pick<DebianRequest, 'release' | 'arch'>): string {
  const install = 'sudo apt-get install qemu-user-static binfmt-support arch-test';
  const foreignHint = isNative(arch) ? '' : `. For ${arch} it also needs: ${install}`;
  const rootlessHint = isRootUser()
    ? ''
    : '. Without root it needs the package uidmap and a range for this user in /etc/subuid; or run this as root';
  if (UNSHARE_REFUSED.test(why)) return NAMESPACE_REMEDY;
  if (FOREIGN_REFUSED.test(why)) return `to run the programs of ${arch} here: ${install}`;
  if (RELEASE_MISSING.test(why))
    return `check the name ${release}, or name mirrors that have this release with --mirror`;
  return `check that this host reaches the mirrors, or name others with --mirror${foreignHint}${rootlessHint}`;
}

function buildOptions({ release, arch, epochSeconds, onProgress }: DebianRequest): ProgramOptions {
  const progress = new DebianProgress();
  return {
    package: MMDEBSTRAP,
    environment: { SOURCE_DATE_EPOCH: String(epochSeconds), DEBIAN_FRONTEND: 'noninteractive' },
    task: `building Debian ${release}`,
    remedy: (why) => buildRemedy(why, { release, arch }),
    minutesMax: BUILD_MINUTES_MAX,
    onStderrLine: (line) => {
      const sentence = progress.read(line);
      if (sentence !== undefined) onProgress(sentence);
    },
  };
}

export const isRootUser = (): boolean => process.getuid?.() === 0;

/**
 * True if the kernel of this host runs programs of the architecture itself. Debian's kernel for
 * amd64 also runs programs of i386.
 */
const isNative = (arch: string): boolean =>
  process.arch === 'x64' ? arch === 'amd64' || arch === 'i386' : arch === process.arch;

const findMirrorUrl = (mirror: string): string => /https?:\/\/\S+/.exec(mirror)?.[0] ?? mirror;

/** Quotes a path for mmdebstrap's hooks, which split text like a shell. */
function quote(path: string): string {
  if (path.includes("'"))
    throw new RackError('bad-argument', `${path} contains a quotation mark: use another directory`);
  return `'${path}'`;
}

/** Turns a file error into a RackError with the remedy. Returns other errors unchanged. */
export function asWorkDirError(error: unknown, directory: string): unknown {
  const code = osErrorCode(error);
  if (error instanceof RackError || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const remedy =
    code === 'ENOSPC' ? 'free space there, or set TMPDIR to a directory with more' : 'use a directory of your own';
  return new RackError('store-unwritable', `${directory} cannot be written (${code}): ${remedy}`, {
    cause: error,
  });
}
