// The real environment makes a RAID, partitions and mounts on other disks than the image fills, a second time over the first. Erasing then removes
// every mark. test/long/deploy-laid.test.ts starts systems on laid-out disks.
// @host computes, 90 s

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { type DeployedFile, DeployedSystem, DISK_BYTES, PLATFORMS } from '../support/deployed-system.ts';
import { ext4File } from '../support/ext4-disk.ts';
import { LaidDisks } from '../support/laid-disks.ts';
import { missing } from '../support/needs.ts';
import { makeSmallImage } from '../support/small-image.ts';

const MIB = 1024 * 1024;
const IMAGE_MIB = 64;
const BUILD_MS_MAX = 600_000;
/** Of md's metadata, and where those of version 1.2 are (md(4)). */
const MD_MAGIC = 'fc4e2ba9';
const MD_AT = 4096;

const NEEDS = [...bootTreeNeeds(), 'linux', 'qemu-system-x86_64', 'mkfs.ext4', 'sfdisk'] as const;

describe('laid-out disks', { skip: missing(...NEEDS) }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-laid-'));
  const [bios] = PLATFORMS;
  let system: DeployedSystem;

  before(
    async () => {
      await cachedBootTree(() => undefined);
      system = new DeployedSystem(bios ?? assert.fail(), 3);
    },
    { timeout: BUILD_MS_MAX },
  );
  after(async () => {
    await system?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  function imageWith(plan: string, more: Readonly<Record<string, string>> = {}): DeployedFile {
    const bytes = makeSmallImage(IMAGE_MIB, more);
    const path = join(scratch, 'image');
    writeFileSync(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { path, sha256, bytes: bytes.length, diskBytes: IMAGE_MIB * MIB, format: 'raw.zst', plan };
  }

  function bytesAt(disk: number, at: number, length: number): string {
    const file = openSync(system.diskFile(disk), 'r');
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, at);
    closeSync(file);
    return bytes.toString('hex');
  }

  const isBlank = (disk: number): boolean => /^0*$/.test(bytesAt(disk, 0, 4 * MIB));
  const onImage = (path: string): string => ext4File(system.diskFile(0), path, MIB);

  /** The first disk for the image; the others for a RAID, data and swap. */
  function otherDisks(): string {
    const disks = new LaidDisks([DISK_BYTES, DISK_BYTES, DISK_BYTES]);
    disks.partition(1, 64, 'ext4', '/home', 'noatime');
    disks.partition(1, 32, 'swap', 'none');
    const members = [1, 2].map((disk) => disks.partition(disk, 256));
    disks.format(disks.raid('data', members), 'ext4', '/srv');
    return disks.plan;
  }

  test('a RAID, data and swap are made and mounted on other disks, twice, and erased', async (t) => {
    const program = '#!/bin/sh\n';
    const files = { 'usr/lib/systemd/mdmonitor.service': '', 'usr/sbin/mdadm': program, 'etc/fstab': '# image\n' };
    const image = imageWith(otherDisks(), files);
    const memberAt = (2 + 64 + 32) * MIB;
    let first = '';
    for (const time of ['first', 'second']) {
      await system.deploy(image, t);
      const fstab = onImage('/etc/fstab').split('\n');
      assert.match(fstab[0] ?? '', /^# image$/);
      assert.match(fstab[1] ?? '', /^UUID=[0-9a-f-]{36} none swap sw 0 0$|\/home|\/srv/);
      assert.deepEqual(
        fstab.slice(1, -1).map((line) => line.replace(/^UUID=[0-9a-f-]{36} /, '')),
        ['/home ext4 noatime 0 2', '/srv ext4 defaults 0 2', 'none swap sw 0 0'],
        time,
      );
      assert.match(onImage('/etc/mdadm.conf'), /^ARRAY \/dev\/md\/data metadata=1\.2 UUID=[0-9a-f:]{35}$/m);
      for (const [disk, at] of [
        [1, memberAt],
        [2, 2 * MIB],
      ] as const)
        assert.equal(bytesAt(disk, at + MD_AT, 4), MD_MAGIC, `${time}, disk ${disk}`);
      assert.equal(ext4File(system.diskFile(1), '/owner/mine', 2 * MIB), 'mine\n');
      if (time === 'first') first = fstab.join('\n');
      else assert.equal(fstab.slice(0, 3).join('\n'), first.split('\n').slice(0, 3).join('\n'), 'the same UUIDs');
    }
    const { last, shown } = await system.erase('signatures');
    assert.deepEqual([last?.status, last?.stage], ['OK', 'erased'], shown);
    assert.deepEqual([1, 2].map(isBlank), [true, true]);
    assert.match(bytesAt(1, memberAt, MIB), /^0*$/, 'a member shows nothing of its RAID');
  });
});
