// A machine without firmware or loader in between is deployed by the real environment: a small system's image is streamed to its disk
// over HTTP, verified, its last partition grown and its system personalised; then the disk is looked at. Then it is erased.
// @host computes, 120 s

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { ended } from '../support/child.ts';
import { ext4Bytes, ext4File } from '../support/ext4-disk.ts';
import { JobRack } from '../support/job-rack.ts';
import { missing } from '../support/needs.ts';
import { makeSmallImage } from '../support/small-image.ts';

const IMAGE = 'amd64/generic/bookworm/commissioning';
const MAC = '52:54:00:aa:00:31';
const MIB = 1024 * 1024;
const IMAGE_MIB = 64;
const DISK_BYTES = 256 * MIB;
const SECOND_MIB = 16;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFake owner@example.net\n';
const BUILD_MS_MAX = 600_000;
const RUN_MS_MAX = 400_000;

const NEEDS = [...bootTreeNeeds(), 'linux', 'qemu-system-x86_64', 'mkfs.ext4', 'sfdisk'] as const;

describe('a machine deployed by image', { skip: missing(...NEEDS) }, () => {
  let scratch = '';
  let tree = '';
  let image: Buffer = Buffer.alloc(0);
  let rack: JobRack;

  before(
    async () => {
      scratch = mkdtempSync(join(tmpdir(), 'rackboot-deploy-'));
      tree = await cachedBootTree(() => undefined);
      image = makeSmallImage(IMAGE_MIB);
      rack = new JobRack(tree);
      rack.open.set('/images/it', image);
      rack.secret.set('/MAAS/rackboot/1/ssh-keys', KEY);
      await rack.listen();
      writeFileSync(join(scratch, 'disk'), Buffer.alloc(IMAGE_MIB * MIB + 4096, 0x5a));
      truncateSync(join(scratch, 'disk'), DISK_BYTES);
    },
    { timeout: BUILD_MS_MAX },
  );
  after(() => {
    rack?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Powers the machine on and waits until it restarts or is off. */
  async function boot(...more: readonly string[]): Promise<string> {
    const serial = join(scratch, 'serial');
    const line = `rackboot=commissioning rackboot_url=http://10.0.2.2:${rack.port}/MAAS rackboot_token=${rack.token}`;
    const args = [
      '-machine',
      'pc,graphics=off',
      '-accel',
      'tcg,thread=single',
      '-m',
      '512',
      '-nodefaults',
      '-display',
      'none',
      '-monitor',
      'none',
      '-no-reboot',
      '-serial',
      `file:${serial}`,
      '-kernel',
      join(tree, IMAGE, 'linux'),
      '-initrd',
      join(tree, IMAGE, 'initrd.gz'),
      '-append',
      `${line} BOOTIF=01-${MAC.replaceAll(':', '-')} console=ttyS0,115200`,
      '-netdev',
      'user,id=n0',
      '-device',
      `virtio-net-pci,netdev=n0,mac=${MAC}`,
      '-drive',
      `file=${join(scratch, 'disk')},format=raw,if=none,id=d0`,
      '-device',
      'virtio-blk-pci,drive=d0',
      ...more,
    ];
    const machine = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: RUN_MS_MAX });
    const status = await ended(machine);
    const shown = readFileSync(serial, 'latin1').replaceAll('\r', '');
    assert.equal(status, 0, shown.slice(-3000));
    return shown;
  }

  /** A file of the root file system on the disk. */
  const read = (path: string): string => ext4File(join(scratch, 'disk'), path, MIB);

  test('has the image, grown to the end of its disk, with its own name, keys and address', async () => {
    const sha256 = createHash('sha256').update(image).digest('hex');
    rack.give({
      job: 'deploy',
      hostname: 'calm-ibis',
      domain: 'maas',
      image_url: '/images/it',
      image_sha256: sha256,
      image_bytes: image.length,
      image_disk_bytes: IMAGE_MIB * MIB,
      image_format: 'raw.zst',
      ssh_keys_url: `http://10.0.2.2:${rack.port}/MAAS/rackboot/1/ssh-keys`,
      address: '10.20.0.10/24',
      router: '10.20.0.1',
      dns: '10.20.0.1',
    });
    const shown = await boot();
    assert.match(shown, /Deploying to vda/);
    assert.match(shown, /reboot: Restarting system/);
    const last = rack.signals.at(-1);
    assert.deepEqual([last?.status, last?.stage], ['OK', 'written'], JSON.stringify(last));
    assert.equal(read('/etc/hostname'), 'calm-ibis\n');
    assert.equal(read('/etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 calm-ibis.maas calm-ibis\n');
    assert.equal(read('/etc/machine-id'), '');
    assert.equal(read('/home/owner/.ssh/authorized_keys'), KEY);
    assert.match(
      read('/etc/netplan/90-rackboot.yaml'),
      /macaddress: "52:54:00:aa:00:31" \}\n {6}addresses: \[10.20.0.10\/24\]/,
    );
    const table = execFileSync('sfdisk', ['-J', join(scratch, 'disk')]).toString();
    const { partitions } = JSON.parse(table).partitiontable;
    assert.ok(partitions[0].size * 512 > DISK_BYTES - 3 * MIB, table);
    const bytes = ext4Bytes(join(scratch, 'disk'), MIB);
    assert.ok(bytes > DISK_BYTES - 4 * MIB, String(bytes));
  });

  test('has only empty disks after it was erased', async () => {
    rack.give({ job: 'erase', mode: 'all' });
    // One disk really discards; the other only claims to.
    const second = join(scratch, 'second');
    writeFileSync(second, Buffer.alloc(SECOND_MIB * MIB, 0x5a));
    const drive = `file=${second},format=raw,if=none,id=d1,discard=unmap`;
    const shown = await boot('-drive', drive, '-device', 'nvme,serial=two,drive=d1');
    assert.match(shown, /reboot: Power down/);
    assert.match(shown, /nvme0n1 has discarded everything/);
    assert.doesNotMatch(shown, /vda has discarded/);
    assert.deepEqual([rack.signals.at(-1)?.status, rack.signals.at(-1)?.stage], ['OK', 'erased']);
    assert.ok(readFileSync(join(scratch, 'disk')).equals(Buffer.alloc(DISK_BYTES)));
    assert.ok(readFileSync(second).equals(Buffer.alloc(SECOND_MIB * MIB)));
    assert.equal(rack.signals.at(-2)?.total_bytes, String(DISK_BYTES + SECOND_MIB * MIB));
  });
});
