// The room that is set aside for leases, on a disk that others fill: a small tmpfs, so as root.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BALLAST_BYTES, BALLAST_FILE, Ballast } from '../../../src/store/leases/ballast.ts';
import { fillDisk } from '../../support/full-disk.ts';
import { missing } from '../../support/needs.ts';

async function onDisk(megabytes: number, work: (ballast: Ballast, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-ballast-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'rackboot-ballast', directory]);
  try {
    await work(new Ballast(join(directory, BALLAST_FILE)), directory);
  } finally {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true });
  }
}

test(
  'the ballast is made once, freed when the disk is full, and made again when it has room',
  {
    skip: missing('root', 'mount'),
  },
  () =>
    onDisk(64, async (ballast, directory) => {
      const file = join(directory, BALLAST_FILE);
      assert.equal(await ballast.keep(), true);
      assert.equal(statSync(file).size, BALLAST_BYTES);
      assert.equal(await ballast.keep(), false);
      assert.equal(ballast.freeIfFull(), false, 'there is room');
      const filler = join(directory, 'filler');
      fillDisk(filler);
      assert.equal(ballast.freeIfFull(), true);
      assert.equal(existsSync(file), false);
      assert.equal(ballast.freeIfFull(), false, 'nothing is left to free');
      assert.equal(await ballast.keep(), false, 'the room is for leases');
      rmSync(filler);
      assert.equal(await ballast.keep(), true);
    }),
);

test('making the ballast leaves no buffers to an idle thread', { skip: missing('root', 'mount') }, () =>
  onDisk(64, async (ballast) => {
    const before = process.memoryUsage().arrayBuffers;
    assert.equal(await ballast.keep(), true);
    const left = process.memoryUsage().arrayBuffers - before;
    assert.ok(left < BALLAST_BYTES / 16, `${left} bytes`);
  }),
);

test('a disk with little room gets no ballast', { skip: missing('root', 'mount') }, () =>
  onDisk(16, async (ballast, directory) => {
    assert.equal(await ballast.keep(), false);
    assert.equal(existsSync(join(directory, BALLAST_FILE)), false);
  }),
);
