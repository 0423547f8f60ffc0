// What a test needs of the host beyond Node: said by name, so that a host that lacks it skips the test and tells what to install.
// With CI=true nothing is skipped: the runner counts a skip as a failure.

import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';

/** A program, with the Debian package that has it. */
const PACKAGES: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  atftp: 'atftp',
  busybox: 'busybox-static',
  cpio: 'cpio',
  chromium: 'chromium',
  curl: 'curl',
  'debconf-set-selections': 'debconf',
  depmod: 'kmod',
  dhcpcd: 'dhcpcd-base',
  dhcrelay: 'isc-dhcp-relay',
  dhclient: 'isc-dhcp-client',
  dig: 'bind9-dnsutils',
  dnsmasq: 'dnsmasq-base',
  go: 'golang-go',
  'dpkg-deb': 'dpkg',
  ip: 'iproute2',
  ipmi_sim: 'openipmi',
  ipmitool: 'ipmitool',
  fsfreeze: 'util-linux',
  'kea-dhcp4': 'kea-dhcp4-server',
  libvirtd: 'libvirt-daemon',
  'mkfs.ext4': 'e2fsprogs',
  mformat: 'mtools',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  nc: 'netcat-openbsd',
  nmap: 'nmap',
  nsenter: 'util-linux',
  openssl: 'openssl',
  perfdhcp: 'kea-admin',
  prlimit: 'util-linux',
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-x86_64': 'qemu-system-x86',
  script: 'bsdutils',
  sfdisk: 'fdisk',
  setpriv: 'util-linux',
  ssh: 'openssh-client',
  strace: 'strace',
  'systemd-analyze': 'systemd',
  'systemd-sysusers': 'systemd',
  'systemd-tmpfiles': 'systemd',
  taskset: 'util-linux',
  tcpdump: 'tcpdump',
  tftp: 'tftp-hpa',
  udhcpc: 'udhcpc',
  unshare: 'util-linux',
  virsh: 'libvirt-clients',
  wget: 'wget',
  zstd: 'zstd',
};

/** Files that tests boot with, and their packages. */
const FILES: Readonly<Record<string, string>> = {
  '/lib/systemd/systemd-networkd': 'systemd',
  // A package of npm has a program of this name too.
  '/usr/sbin/dhcpd': 'isc-dhcp-server',
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/share/AAVMF/AAVMF_CODE.fd': 'qemu-efi-aarch64',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
  '/usr/share/gocode/src/github.com/juju/gomaasapi': 'golang-github-juju-gomaasapi-dev',
  '/usr/lib/ipxe/qemu/pxe-virtio.rom': 'ipxe-qemu',
  '/usr/lib/ipxe/undionly.kpxe': 'ipxe',
  '/usr/share/doc/libfaketime': 'libfaketime',
};

export type Need = 'root' | 'linux' | keyof typeof PACKAGES | keyof typeof FILES;

/** Every Debian package that some test needs, beyond dpkg and apt themselves. */
export const NEEDED_PACKAGES: readonly string[] = [
  ...new Set([...Object.values(PACKAGES), ...Object.values(FILES)]),
].filter((name) => name !== 'apt' && name !== 'dpkg');

/** Why a test cannot run here, for node:test's `skip`; false when everything is there. */
export function missing(...needs: readonly Need[]): string | false {
  const lacking = needs.map(lack).filter((reason) => reason !== undefined);
  return lacking.length === 0 ? false : `needs ${lacking.join(', ')}`;
}

function lack(need: Need): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'root';
  if (need === 'linux') return process.platform === 'linux' ? undefined : 'Linux';
  const file = FILES[need];
  if (file !== undefined) return existsSync(need) ? undefined : `${need} (apt-get install ${file})`;
  const found = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
    .split(':')
    .some((directory) => isExecutable(join(directory, need)));
  return found ? undefined : `${need} (apt-get install ${PACKAGES[need] ?? need})`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
