// Laid-out disks are deployed by the real environment, from Debian's disk image and from its root: as a volume group, as RAIDs of two disks, and
// with further partitions. The machine then starts from its disks, and with RAIDs even if it lost its first disk. The second layout is deployed over
// the first.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { cachedDebianImage } from '../support/debian-image.ts';
import { cachedDebianRoot } from '../support/debian-root.ts';
import { type DeployedFile, DeployedSystem, DISK_BYTES, missingFor, PLATFORMS } from '../support/deployed-system.ts';
import { LaidDisks } from '../support/laid-disks.ts';

const DISKS = [DISK_BYTES, DISK_BYTES];

/**
 * The modules of an initrd of these machines. With Debian's default, which takes most modules, making an initrd takes 40 s of a processor,
 * and more than half an hour of one that QEMU translates.
 */
const INITRD_FILES: Readonly<Record<string, string>> = {
  'etc/initramfs-tools/conf.d/few': 'MODULES=list\n',
  'usr/share/initramfs-tools/modules.d/few': `${['virtio_pci', 'virtio_blk', 'ext4', 'crc32c_generic', 'dm_mod', 'raid1'].join('\n')}\n`,
};

const run = (program: string, ...words: readonly string[]): void => {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
};

const fileOf = (path: string, format: DeployedFile['format'], diskBytes: number): DeployedFile => ({
  path,
  bytes: statSync(path).size,
  diskBytes,
  format,
  sha256: execFileSync('sha256sum', [path], { encoding: 'latin1' }).slice(0, 64),
});

/** The files below a directory, which is made. */
function initrdFiles(place: string): string {
  for (const [path, text] of Object.entries(INITRD_FILES)) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  }
  return place;
}

/** The image of Debian's disk, with these files. */
async function diskImage(scratch: string, say: (text: string) => void): Promise<DeployedFile> {
  const image = await cachedDebianImage(say);
  const [disk, packed] = [join(scratch, 'disk'), join(scratch, 'disk.zst')];
  run('zstd', '--quiet', '--force', '--decompress', image.path, '-o', disk);
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', disk], { encoding: 'utf8' }));
  const { start } = partitiontable.partitions.at(-1);
  const files = initrdFiles(join(scratch, 'files'));
  // debugfs has no status for a failed command.
  const tell = (command: string): string =>
    execFileSync('debugfs', ['-w', '-R', command, `${disk}?offset=${start * 512}`], { encoding: 'utf8' });
  for (const [path, text] of Object.entries(INITRD_FILES)) {
    tell(`write ${join(files, path)} /${path}`);
    assert.equal(tell(`cat /${path}`), text);
  }
  run('zstd', '--quiet', '-1', '--force', disk, '-o', packed);
  return fileOf(packed, image.format, image.diskBytes);
}

/** The root of Debian with these files, as an archive. */
async function rootArchive(scratch: string, say: (text: string) => void): Promise<DeployedFile> {
  const { archive } = await cachedDebianRoot(say);
  const [tar, packed] = [join(scratch, 'root.tar'), join(scratch, 'root.tar.gz')];
  const files = initrdFiles(join(scratch, 'files'));
  run('sh', '-c', 'gzip --decompress <"$1" >"$2"', 'sh', archive, tar);
  run('tar', '--append', '--owner=0', '--group=0', '--file', tar, '--directory', files, ...Object.keys(INITRD_FILES));
  run('sh', '-c', 'gzip -1 <"$1" >"$2"', 'sh', tar, packed);
  return fileOf(packed, 'root.tar', 2 * 1024 ** 3);
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
function testLaidDisks(name: string): void {
  const platform = PLATFORMS.find((one) => one.name === name) ?? assert.fail(name);
  const uefi = platform.flash !== undefined;
  describe(`laid-out disks, deployed and started by ${name}`, { skip: missingFor(platform) }, () => {
    const system = new DeployedSystem(platform, DISKS.length);
    const look = (command: string): string => system.logIn(command).stdout.trim();
    const mounts = (): string => look('findmnt --real --noheadings --list --output TARGET,SOURCE,FSTYPE,OPTIONS');
    const scratch = mkdtempSync(join(tmpdir(), 'rackboot-laid-'));
    after(async () => {
      await system.close();
      rmSync(scratch, { recursive: true });
    });

    test('a volume group and further partitions', async (t) => {
      const say = (text: string): void => t.diagnostic(text);
      await system.deploy({ ...(await diskImage(scratch, say)), plan: withVolumes(uefi) }, t);
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

    test('RAIDs over them, of which one disk may be lost', async (t) => {
      const say = (text: string): void => t.diagnostic(text);
      await system.deploy({ ...(await rootArchive(scratch, say)), plan: withRaids(uefi) }, t);
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

testLaidDisks('BIOS');
testLaidDisks('UEFI');
