// The requirements of a test beyond Node, by name: a host that lacks one skips the test and names the package to install. With CI=true
// nothing is skipped: the runner counts a skip as a failure.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isExecutable } from '../../src/files/executable.ts';

/** How long a program may take to identify itself. */
const KIND_MS_MAX = 10_000;

/** A program, with its Debian package. */
const PACKAGES = {
  setcap: 'libcap2-bin',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  'apt-ftparchive': 'apt-utils',
  'apt-get': 'apt',
  atftp: 'atftp',
  bash: 'bash',
  bsdtar: 'libarchive-tools',
  busybox: 'busybox-static',
  bzip2: 'bzip2',
  cpio: 'cpio',
  chromium: 'chromium',
  curl: 'curl',
  'debconf-set-selections': 'debconf',
  debugfs: 'e2fsprogs',
  depmod: 'kmod',
  dhcpcd: 'dhcpcd-base',
  dhcrelay: 'isc-dhcp-relay',
  dhclient: 'isc-dhcp-client',
  dig: 'bind9-dnsutils',
  dnsmasq: 'dnsmasq-base',
  dumpe2fs: 'e2fsprogs',
  genisoimage: 'genisoimage',
  git: 'git',
  go: 'golang-go',
  gpg: 'gnupg',
  gpgv: 'gpgv',
  'dpkg-deb': 'dpkg',
  haproxy: 'haproxy',
  ip: 'iproute2',
  jq: 'jq',
  ipmi_sim: 'openipmi',
  ipmitool: 'ipmitool',
  fsfreeze: 'util-linux',
  'kea-dhcp4': 'kea-dhcp4-server',
  libvirtd: 'libvirt-daemon',
  lintian: 'lintian',
  'mkfs.ext4': 'e2fsprogs',
  mformat: 'mtools',
  mke2fs: 'e2fsprogs',
  mkfifo: 'coreutils',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  nc: 'netcat-openbsd',
  nft: 'nftables',
  nmap: 'nmap',
  nsenter: 'util-linux',
  openssl: 'openssl',
  perfdhcp: 'kea-admin',
  podman: 'podman',
  redfishtool: 'redfishtool',
  prlimit: 'util-linux',
  mksquashfs: 'squashfs-tools',
  'qemu-aarch64-static': 'qemu-user-static',
  'qemu-img': 'qemu-utils',
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-arm': 'qemu-system-arm',
  'qemu-system-riscv64': 'qemu-system-misc',
  'qemu-system-x86_64': 'qemu-system-x86',
  script: 'bsdutils',
  sfdisk: 'fdisk',
  sh: 'dash',
  setpriv: 'util-linux',
  slirp4netns: 'slirp4netns',
  sqlite3: 'sqlite3',
  ss: 'iproute2',
  ssh: 'openssh-client',
  strace: 'strace',
  sysctl: 'procps',
  'systemd-analyze': 'systemd',
  'systemd-sysusers': 'systemd',
  'systemd-tmpfiles': 'systemd',
  tar: 'tar',
  tc: 'iproute2',
  taskset: 'util-linux',
  tcpdump: 'tcpdump',
  tftp: 'tftp-hpa',
  udhcpc: 'udhcpc',
  unshare: 'util-linux',
  useradd: 'passwd',
  virsh: 'libvirt-clients',
  wget: 'wget',
  'x86_64-linux-gnu-strip': 'binutils',
  xz: 'xz-utils',
  zsh: 'zsh',
  zstd: 'zstd',
} as const satisfies Readonly<Record<string, string>>;

/** Files that tests boot with, and their packages. */
const FILES = {
  '/lib/systemd/systemd-networkd': 'systemd',
  // A package of npm has a program of this name too.
  '/usr/sbin/dhcpd': 'isc-dhcp-server',
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/share/AAVMF/AAVMF_CODE.fd': 'qemu-efi-aarch64',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
  '/usr/share/gocode/src/github.com/juju/gomaasapi': 'golang-github-juju-gomaasapi-dev',
  '/usr/lib/ipxe/qemu/pxe-virtio.rom': 'ipxe-qemu',
  '/usr/lib/ipxe/undionly.kpxe': 'ipxe',
  '/usr/lib/postgresql': 'postgresql',
  '/usr/lib/python3/dist-packages/sushy': 'python3-sushy',
  '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin': 'opensbi',
  '/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin': 'u-boot-qemu',
  '/usr/lib/u-boot/qemu_arm64/u-boot.bin': 'u-boot-qemu',
  '/usr/share/doc/libfaketime': 'libfaketime',
} as const satisfies Readonly<Record<string, string>>;

/** A program with several variants under one name, and how to recognise the variant that tests need. */
interface Kind {
  /** The command to run, and its output if it is the right variant. */
  readonly words: readonly string[];
  readonly prints: RegExp;
  /** The needs that the other variant does not have. */
  readonly lacks: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  // The shell of Debian's package `busybox` runs the host's programs before its own; the environment's shell runs its own.
  busybox: { words: ['sh', '-c', 'date -u -D %Y -d 2020 +%Y'], prints: /^2020$/m, lacks: 'date -D in its shell' },
  // The package netcat-traditional has another program of this name.
  nc: { words: ['-h'], prints: /OpenBSD/, lacks: "OpenBSD's options" },
  // So has the package tftp.
  tftp: { words: ['-V'], prints: /tftp-hpa/, lacks: "tftp-hpa's options" },
};

/** Set by test/run.ts, which asks once for all files: `yes` or `no`. */
const MIRROR_KNOWN = 'RACKBOOT_TEST_MIRROR';
/** How long a mirror may take to send one package. */
const MIRROR_MS_MAX = 30_000;
/** Of Debian's essential packages, the smallest that every release has. */
const SMALL_PACKAGE = 'hostname';
/** Begins the reason of every skipped test that would fetch packages. */
export const NO_MIRROR = 'a Debian mirror (none was reached: sudo apt-get update tells why)';

/** The runner's last words about tests that were skipped because no mirror was reached. */
export const withoutMirrorText = (count: number): string =>
  `No Debian mirror was reached from this host, so ${count} of these, which build boot images, did not run. ` +
  'Let `sudo apt-get update` work, then run the tests again.';

/** True if this host's apt fetches packages. */
export function reachesMirror(): boolean {
  const known = process.env[MIRROR_KNOWN];
  if (known !== undefined) return known === 'yes';
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
  const limits = ['Retries=0', 'http::Timeout=10', 'https::Timeout=10'].flatMap((one) => ['-o', `Acquire::${one}`]);
  // apt fetches as its own user where it can.
  chmodSync(directory, 0o777);
  const words = ['download', '-q', ...limits, SMALL_PACKAGE];
  const { status } = spawnSync('apt-get', words, { cwd: directory, stdio: 'ignore', timeout: MIRROR_MS_MAX });
  rmSync(directory, { recursive: true, force: true });
  process.env[MIRROR_KNOWN] = status === 0 ? 'yes' : 'no';
  return status === 0;
}

const PACKAGE_OF: Readonly<Record<string, string>> = PACKAGES;
const PACKAGE_OF_FILE: Readonly<Record<string, string>> = FILES;

export type Need = 'root' | 'linux' | 'debian-mirror' | keyof typeof PACKAGES | keyof typeof FILES;

/** Every Debian package that some test needs, beyond dpkg and apt themselves. */
export const NEEDED_PACKAGES: readonly string[] = [
  ...new Set([...Object.values(PACKAGES), ...Object.values(FILES)]),
].filter((name) => name !== 'apt' && name !== 'dpkg');

/** Why a test cannot run here, for node:test's `skip`; false if everything is present. */
export function missing(...needs: readonly Need[]): string | false {
  const lacking = needs.map(lack).filter((reason) => reason !== undefined);
  return lacking.length === 0 ? false : `needs ${lacking.join(', ')}`;
}

function lack(need: Need): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'root';
  if (need === 'linux') return process.platform === 'linux' ? undefined : 'Linux';
  if (need === 'debian-mirror') return reachesMirror() ? undefined : NO_MIRROR;
  const file = PACKAGE_OF_FILE[need];
  if (file !== undefined) return existsSync(need) ? undefined : `${need} (apt-get install ${file})`;
  const remedy = `apt-get install ${PACKAGE_OF[need]}`;
  const found = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
    .split(':')
    .map((directory) => join(directory, need))
    .find(isExecutable);
  if (found === undefined) return `${need} (${remedy})`;
  const kind = KINDS[need];
  return kind === undefined || isOfKind(found, kind)
    ? undefined
    : `another ${need} than ${found}, which lacks ${kind.lacks} (${remedy})`;
}

/** The results by program, so that each is run once. */
const judged = new Map<string, boolean>();

function isOfKind(path: string, { words, prints }: Kind): boolean {
  const known = judged.get(path);
  if (known !== undefined) return known;
  const { stdout, stderr } = spawnSync(path, [...words], { encoding: 'utf8', timeout: KIND_MS_MAX });
  const isRight = prints.test(`${stdout}\n${stderr}`);
  judged.set(path, isRight);
  return isRight;
}
