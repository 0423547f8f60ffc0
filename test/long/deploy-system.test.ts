// The root of a Debian, as an archive and as squashfs in the forms of MAAS's streams, is deployed by the real environment, which makes the disk:
// partitions, file systems, kernel and boot loader. It starts from its disk by BIOS and by UEFI, and its owner logs in.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cachedDebianRoot, type RootForms } from '../support/debian-root.ts';
import { type DeployedFile, DeployedSystem, missingFor, PLATFORMS } from '../support/deployed-system.ts';
import { missing } from '../support/needs.ts';

const TEST_MS_MAX = 1_700_000;
/** As the import expects it. */
const DISK_BYTES = 2 * 1024 ** 3;

const hashOf = (path: string): string => execFileSync('sha256sum', [path], { encoding: 'latin1' }).slice(0, 64);

function fileOf(path: string, format: DeployedFile['format']): DeployedFile {
  return { path, sha256: hashOf(path), bytes: statSync(path).size, diskBytes: DISK_BYTES, format };
}

const FORMS: readonly (readonly [name: string, fileOf: (root: RootForms) => DeployedFile, kernel: RegExp])[] = [
  [
    'an archive with its own kernel',
    (root) => fileOf(root.archive, 'root.tar'),
    /BOOT_IMAGE=\/boot\/vmlinuz-6\.\S+ root=UUID=/,
  ],
  [
    'squashfs, with the kernel of the stream',
    (root) => {
      const start = (path: string) => ({ path, sha256: hashOf(path) });
      const starts = { kernel: start(root.kernel), initrd: start(root.initrd) };
      return { ...fileOf(root.squashfs, 'squashfs'), starts };
    },
    /BOOT_IMAGE=\/boot\/vmlinuz-rackboot root=UUID=/,
  ],
];

for (const platform of PLATFORMS.filter(({ arch }) => arch === 'amd64')) {
  const skip = missing('mksquashfs') || missingFor(platform);
  for (const [name, form, kernel] of FORMS)
    describe(`the root of a system as ${name}, by ${platform.name}`, { skip }, () => {
      test('is deployed, starts from its disk, and has its name, its address and the whole disk', {
        timeout: TEST_MS_MAX,
      }, async (t) => {
        const root = await cachedDebianRoot((text) => t.diagnostic(text));
        const system = new DeployedSystem(platform);
        try {
          await system.deploy(form(root), t);
          await system.startFromDisk(t);
          const look = (command: string): string => system.logIn(command).stdout.trim();
          assert.equal(look('hostname --fqdn'), 'calm-ibis.maas');
          assert.match(look('cat /proc/cmdline'), kernel);
          assert.equal(look('sudo systemctl --failed --no-legend'), '', 'no unit has failed');
          assert.ok(Number(look('df --block-size=1M --output=size / | tail -1')) > 3000, 'the root fills the disk');
          assert.match(look('findmnt --noheadings --output FSTYPE /boot/efi'), /vfat/);
          assert.equal(look('test -d /sys/firmware/efi && echo yes'), platform.flash === undefined ? '' : 'yes');
          assert.match(look('/usr/sbin/getcap /usr/bin/ping || true'), /cap_net_raw|^$/);
        } finally {
          await system.close();
        }
      });
    });
}
