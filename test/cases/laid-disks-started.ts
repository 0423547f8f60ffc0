// Laid-out disks are deployed by the real environment, from Debian's disk image and from its root: as a volume group, as RAIDs of two disks, and
// with further partitions. The machine then starts from its disks, by BIOS and by UEFI, and with RAIDs even if it lost its first disk. Each layout is
// deployed over the one before it.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { cachedDebianImage } from '../support/debian-image.ts';
import { cachedDebianRoot } from '../support/debian-root.ts';
import { type DeployedFile, DeployedSystem, DISK_BYTES, missingFor, PLATFORMS } from '../support/deployed-system.ts';
import { LaidDisks } from '../support/laid-disks.ts';

const TEST_MS_MAX = 3_400_000;
/** The initrd that the environment makes takes 20 s of a processor, and 20 minutes of one that QEMU translates. */
const RUN_MS_MAX = 2_400_000;
const DISKS = [DISK_BYTES, DISK_BYTES];

/** The root of Debian, as an archive. */
async function rootArchive(say: (text: string) => void): Promise<DeployedFile> {
  const { archive: path } = await cachedDebianRoot(say);
  const sha256 = execFileSync('sha256sum', [path], { encoding: 'latin1' }).slice(0, 64);
  return { path, sha256, bytes: statSync(path).size, diskBytes: 2 * 1024 ** 3, format: 'root.tar' };
}

/** A volume group with the root on the first disk, and a second disk with data and swap. */
function withVolumes(uefi: boolean): string {
  const disks = new LaidDisks(DISKS, uefi).layOut('lvm');
  disks.partition(1, 1024, 'xfs', '/srv/data', 'noatime');
  disks.partition(1, 256, 'swap', 'none');
  disks.partition(1, 512, 'ext4', '/home');
  return disks.plan;
}

/** RAIDs of both disks, from which both start. */
function withRaids(uefi: boolean): string {
  const disks = new LaidDisks(DISKS, uefi);
  if (uefi) {
    disks.partition(0, 512, 'fat32', '/boot/efi');
    disks.partition(1, 512, 'fat32');
  }
  const boots = [0, 1].map((disk) => disks.partition(disk, 512));
  const roots = [0, 1].map((disk) => disks.partition(disk));
  disks.format(disks.raid('md0', boots), 'ext4', '/boot');
  disks.format(disks.raid('root', roots), 'ext4', '/');
  return disks.plan;
}

/** Deploys the layouts to a machine of the platform with this name, one after the other. */
export function testLaidDisks(name: string): void {
  const platform = PLATFORMS.find((one) => one.name === name) ?? assert.fail(name);
  const uefi = platform.flash !== undefined;
  describe(`laid-out disks, deployed and started by ${name}`, { skip: missingFor(platform) }, () => {
    const system = new DeployedSystem(platform, DISKS.length, RUN_MS_MAX);
    const look = (command: string): string => system.logIn(command).stdout.trim();
    const mounts = (): string => look('findmnt --real --noheadings --list --output TARGET,SOURCE,FSTYPE,OPTIONS');
    after(async () => await system.close());

    test('a volume group and further partitions', { timeout: TEST_MS_MAX }, async (t) => {
      const say = (text: string): void => t.diagnostic(text);
      await system.deploy({ ...(await cachedDebianImage(say)), plan: withVolumes(uefi) }, t);
      await system.startFromDisk(t);
      say(look('lsblk --output NAME,TYPE,SIZE,FSTYPE,MOUNTPOINTS'));
      assert.match(mounts(), /^\/ +\/dev\/mapper\/vgroot-lv--root +ext4/m);
      assert.match(mounts(), /^\/srv\/data +\/dev\/vdb1 +xfs +\S*noatime/m);
      assert.match(mounts(), /^\/home +\/dev\/vdb3 +ext4/m);
      assert.match(look('cat /proc/swaps'), /^\/dev\/vdb2 /m);
      assert.equal(look('test -d /sys/firmware/efi && echo yes'), uefi ? 'yes' : '');
      if (uefi) assert.match(look('findmnt --noheadings /boot/efi'), /vfat/);
      assert.match(look('stat --format=%U ~/.ssh/authorized_keys'), /debian/, 'the home directory was copied');
      look('sudo systemctl is-system-running --wait');
      assert.equal(look('systemctl --failed --no-legend'), '', 'no unit has failed');
      assert.equal(look('hostname --fqdn'), 'calm-ibis.maas');
      await system.powerOff();
    });

    test('RAIDs over them, of which one disk may be lost', { timeout: TEST_MS_MAX }, async (t) => {
      const say = (text: string): void => t.diagnostic(text);
      await system.deploy({ ...(await rootArchive(say)), plan: withRaids(uefi) }, t);
      for (const lost of [undefined, 0]) {
        await system.powerOff(lost);
        await system.startFromDisk(t);
        say(look('lsblk --output NAME,TYPE,SIZE,FSTYPE,MOUNTPOINTS; cat /proc/mdstat'));
        assert.match(mounts(), /^\/ +\/dev\/md\S+ +ext4/m);
        assert.match(mounts(), /^\/boot +\/dev\/md0 +ext4/m);
        const devices = lost === undefined ? /2 +: Active|Active Devices : 2/ : /Active Devices : 1/;
        assert.match(look('sudo mdadm --detail /dev/md0'), devices);
        assert.equal(look('sudo pvs --noheadings 2>/dev/null'), '', 'no volume group of the former system is left');
        assert.equal(look('test -d /sys/firmware/efi && echo yes'), uefi ? 'yes' : '');
      }
    });
  });
}
