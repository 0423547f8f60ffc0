// Profiles for real: a menu whose choice is made by keys, its time-out into a machine's own profile, and each kind of profile with each
// loader, as far as Debian's packages show it: memtest86+ and Debian's installer as kernels, iPXE as a disc and as a program for UEFI, and a
// script.
// @host alone

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Apt } from '../../src/images/build/apt.ts';
import { unpackPackage } from '../../src/images/build/debian-package.ts';
import { installLoaders } from '../../src/images/build/loaders.ts';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { type BootCase, configText, GIB, specOf } from '../support/first-boot.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing } from '../support/needs.ts';

const NEEDS = ['linux', 'root', 'ip', 'qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd'] as const;
const SKIP = missing(...NEEDS, 'apt-get', 'dpkg-deb');
const BOOT_MS_MAX = 180_000;
const PXELINUX = '{ ipxe: pxelinux.0 }';

const SERIAL = 'console=ttyS0,115200';
const MEMTEST = { name: 'memtest', file: 'profiles/memtest', arguments: SERIAL };
const MEMTEST_EFI = { ...MEMTEST, file: 'profiles/memtest.efi' };
const INSTALLER = {
  name: 'installer',
  file: 'profiles/linux',
  initrds: ['profiles/initrd.gz'],
  arguments: `priority=low ${SERIAL}`,
};
const SCRIPT = { name: 'script', kind: 'ipxe', script: 'echo Hello from {mac}\nsleep 600' };
const OFFERED = { offered: true };
const EVERY = { unknown: true };
const MENU = ', menu: 10s';

interface ProfileCase {
  readonly name: string;
  readonly firmware: BootCase['firmware'];
  readonly loaders?: string;
  readonly profiles: readonly object[];
  /** With the menu: what shows that it is there. Then the second entry is chosen. */
  readonly menu?: RegExp;
  /** The menu is left alone. */
  readonly waits?: true;
  /** On the console in the end. */
  readonly shows: RegExp;
}

const MEMTEST_RUNS = /Memtest86\+/;
const INSTALLER_MENU = /Debian installer main menu/;
const HELLO = /Hello from 52:54:00:77:01:/;
/** The ROM of the card is older. */
const NEWER_IPXE = /iPXE 1\.2\d/;

const CASES: readonly ProfileCase[] = [
  {
    name: 'pxelinux: a choice in the menu starts memtest86+',
    firmware: 'bios',
    loaders: PXELINUX,
    profiles: [{ ...MEMTEST, ...OFFERED }],
    menu: /Automatic boot/,
    shows: MEMTEST_RUNS,
  },
  {
    name: 'pxelinux: the menu goes on with the profile of the machine',
    firmware: 'bios',
    loaders: PXELINUX,
    profiles: [
      { ...SCRIPT, ...OFFERED },
      { ...MEMTEST, ...EVERY },
    ],
    menu: /Automatic boot/,
    waits: true,
    shows: MEMTEST_RUNS,
  },
  {
    name: 'iPXE: a choice in the menu starts memtest86+',
    firmware: 'bios',
    profiles: [{ ...MEMTEST, ...OFFERED }],
    menu: /memtest/,
    shows: MEMTEST_RUNS,
  },
  {
    name: 'GRUB: a choice in the menu starts memtest86+',
    firmware: 'uefi',
    profiles: [{ ...MEMTEST_EFI, ...OFFERED }],
    menu: /memtest/,
    shows: MEMTEST_RUNS,
  },
  {
    name: "iPXE for UEFI: a choice in the menu starts Debian's installer",
    firmware: 'uefi',
    loaders: '{ 7: ipxe.efi }',
    profiles: [{ ...INSTALLER, ...OFFERED }],
    menu: /installer/,
    shows: INSTALLER_MENU,
  },
  {
    name: "GRUB with Secure Boot: a choice in the menu starts Debian's installer",
    firmware: 'uefi-secure',
    profiles: [{ ...INSTALLER, ...OFFERED }],
    menu: /installer/,
    shows: INSTALLER_MENU,
  },
  {
    name: "pxelinux: Debian's installer reaches its menu",
    firmware: 'bios',
    loaders: PXELINUX,
    profiles: [{ ...INSTALLER, ...EVERY }],
    shows: INSTALLER_MENU,
  },
  {
    name: "iPXE: Debian's installer reaches its menu",
    firmware: 'bios',
    profiles: [{ ...INSTALLER, ...EVERY }],
    shows: INSTALLER_MENU,
  },
  {
    name: "GRUB: Debian's installer reaches its menu",
    firmware: 'uefi',
    profiles: [{ ...INSTALLER, ...EVERY }],
    shows: INSTALLER_MENU,
  },
  {
    name: 'pxelinux: memdisk starts a disc',
    firmware: 'bios',
    loaders: PXELINUX,
    profiles: [{ name: 'disc', kind: 'iso', file: 'profiles/ipxe.iso', ...EVERY }],
    // Quirk: iPXE on this disc stops on top of the ROM that pxelinux used; the disc itself has started.
    shows: /ISOLINUX/,
  },
  {
    name: 'iPXE: a disc starts by the network',
    firmware: 'bios',
    profiles: [{ name: 'disc', kind: 'iso', file: 'profiles/ipxe.iso', ...EVERY }],
    shows: NEWER_IPXE,
  },
  {
    name: 'iPXE: memdisk starts a disk',
    firmware: 'bios',
    profiles: [{ name: 'disk', kind: 'disk', file: 'profiles/ipxe.iso', ...EVERY }],
    shows: NEWER_IPXE,
  },
  {
    name: 'GRUB: a program for UEFI starts',
    firmware: 'uefi',
    profiles: [{ name: 'program', kind: 'efi', file: 'ipxe.efi', ...EVERY }],
    shows: NEWER_IPXE,
  },
  {
    name: 'iPXE: a script runs',
    firmware: 'bios',
    profiles: [{ ...SCRIPT, ...EVERY }],
    shows: HELLO,
  },
  {
    // QEMU's ROM is iPXE, so with pxelinux for iPXE this one would ask for pxelinux again.
    name: 'pxelinux: iPXE starts in its place for a script',
    firmware: 'bios',
    loaders: PXELINUX,
    profiles: [{ ...SCRIPT, ...EVERY }],
    shows: NEWER_IPXE,
  },
  {
    name: 'GRUB: iPXE runs a script in its place',
    firmware: 'uefi',
    profiles: [{ ...SCRIPT, ...EVERY }],
    shows: HELLO,
  },
];

/** Puts loaders, memtest86+, Debian's installer and the disc of iPXE into a tree. */
async function makeTree(directory: string): Promise<string> {
  const tree = join(directory, 'boot');
  const workDir = join(directory, 'work');
  const profiles = join(tree, 'profiles');
  mkdirSync(profiles, { recursive: true });
  const onProgress = () => undefined;
  await installLoaders({ tree, arch: 'amd64', workDir, onProgress });
  for (const [release, name] of [
    ['bookworm', 'memtest86+'],
    ['bookworm', 'debian-installer-12-netboot-amd64'],
    ['trixie', 'ipxe'],
  ] as const) {
    const apt = await Apt.open({ architecture: 'amd64', release, directory: join(workDir, name), onProgress });
    for (const { file } of await apt.download([name])) await unpackPackage(file, join(workDir, 'unpacked'));
  }
  const unpacked = join(workDir, 'unpacked');
  copyFileSync(join(unpacked, 'boot/memtest86+x64.bin'), join(profiles, 'memtest'));
  copyFileSync(join(unpacked, 'boot/memtest86+x64.efi'), join(profiles, 'memtest.efi'));
  const installer = 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';
  for (const file of ['linux', 'initrd.gz']) copyFileSync(join(unpacked, installer, file), join(profiles, file));
  copyFileSync(join(unpacked, 'usr/lib/ipxe/ipxe.iso'), join(profiles, 'ipxe.iso'));
  return tree;
}

/** Presses keys of a machine by QEMU's monitor. */
async function press(monitor: string, keys: readonly string[]): Promise<void> {
  const socket = connect(monitor);
  socket.resume();
  for (const key of keys) socket.write(`sendkey ${key}\n`);
  await new Promise<void>((resolve) => socket.end(resolve));
}

describe('profiles boot in QEMU', { skip: SKIP }, () => {
  let directory = '';
  let tree = '';
  let namespace: LabNamespace;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-profiles-'));
    tree = await makeTree(directory);
    namespace = LabNamespace.create(`rb-prof-${process.pid}`, '10.77.0.1', 24);
  });
  after(() => {
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  CASES.forEach(({ name, firmware, loaders = '{}', profiles, menu, waits, shows }, index) => {
    test(name, async () => {
      const stateDir = join(directory, `state-${index}`);
      const config = join(directory, `rackboot-${index}.yaml`);
      const list = `, profiles: ${JSON.stringify(profiles)}${menu === undefined ? '' : MENU}`;
      writeFileSync(config, configText(stateDir, tree, { firmware, loaders }, list));
      const daemon = await DaemonProcess.start({ config, namespace, onLine: () => undefined });
      const monitor = join(directory, `monitor-${index}`);
      const common = {
        memoryMib: 1024,
        cpus: 1,
        diskBytes: GIB,
        loaders,
        boots: 1,
      } as const;
      const spec = specOf({ name, firmware, nic: 'virtio-net-pci', ...common }, index, directory);
      const further = ['-monitor', `unix:${monitor},server=on,wait=off`];
      const machine = new VirtualMachine({ ...spec, furtherArguments: further }, namespace);
      const sees = (wanted: RegExp) =>
        eventuallyWithin(BOOT_MS_MAX, String(wanted), () => wanted.test(consoleOf(machine)));
      try {
        void machine.start();
        if (menu !== undefined) {
          await sees(menu);
          if (waits !== true) await press(monitor, ['down', 'ret']);
        }
        await sees(shows);
      } catch (error) {
        throw new Error(consoleOf(machine).slice(-3000), { cause: error });
      } finally {
        await machine.kill();
        await daemon.stop();
      }
    });
  });
});
