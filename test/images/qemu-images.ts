// Images of QEMU's own programs, which are expanded and compared with what these programs read of them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeDisk } from './disks.ts';
import { bytesOf, expandQcow2 } from './qcow2-maker.ts';

const MIB = 1024 * 1024;
/** No multiple of any cluster size above 512. */
const DISK_BYTES = 5 * MIB + 3 * 512;

/** Writes with qemu-io. Offsets and lengths fit no cluster. */
export const WRITES = [
  'write -P 0x41 0 1M',
  'write -P 0x42 1500k 700k',
  'write -z 100k 200k',
  'write -z -u 600k 128k',
  'discard 1600k 256k',
  'write -P 0x43 4661760 3k',
  'write -z 4980736 64k',
  'write -P 0x44 2050k 512',
];

/** A directory with `disk.raw`, and with `small.raw` for images of many clusters; QEMU's programs run in it. */
export class QemuImages {
  scratch = '';

  constructor() {
    before(() => this.#fill());
    after(() => rmSync(this.scratch, { recursive: true, force: true }));
  }

  readonly run = (program: string, ...words: readonly string[]): void => {
    execFileSync(program, words, { cwd: this.scratch, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  };

  async assertSame(image: string): Promise<void> {
    this.run('qemu-img', 'convert', '-O', 'raw', image, 'expected.raw');
    const expected = readFileSync(join(this.scratch, 'expected.raw'));
    const found = await expandQcow2(bytesOf(readFileSync(join(this.scratch, image))));
    assert.equal(found.length, expected.length);
    // A difference would otherwise be printed whole.
    const at = found.equals(expected) ? -1 : found.findIndex((byte, index) => byte !== expected[index]);
    assert.equal(at, -1, `the first different byte of ${image}`);
  }

  /** @param options of an image that qemu-img converts from a raw disk */
  testConverted(options: readonly string[]): void {
    test(`one converted with ${options.join(' ')} is the same disk`, { timeout: 120_000 }, async () => {
      const disk = options.join(' ').includes('cluster_size=512') ? 'small.raw' : 'disk.raw';
      this.run('qemu-img', 'convert', '-O', 'qcow2', ...options, disk, 'image.qcow2');
      await this.assertSame('image.qcow2');
    });
  }

  /** @param options of an empty image into which qemu-io writes */
  testWritten(options: string): void {
    test(`one made with ${options}, written and discarded in part is the same disk`, { timeout: 120_000 }, async () => {
      this.run('qemu-img', 'create', '-f', 'qcow2', '-o', options, 'image.qcow2', String(DISK_BYTES));
      await this.assertSame('image.qcow2');
      this.run('qemu-io', '-d', 'unmap', ...WRITES.flatMap((write) => ['-c', write]), 'image.qcow2');
      await this.assertSame('image.qcow2');
    });
  }

  #fill(): void {
    this.scratch = mkdtempSync(join(tmpdir(), 'rackboot-qcow2-test-'));
    // Data, then nothing, then data: compressible and not.
    const disk = Buffer.concat([
      makeDisk(2 * MIB, 'gpt'),
      Buffer.alloc(2 * MIB),
      makeDisk(DISK_BYTES - 4 * MIB, 'none', 7),
    ]);
    for (let at = 256 * 1024, state = 9; at < 320 * 1024; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      disk.writeUInt32LE((state ^ (state >>> 13)) >>> 0, at);
    }
    writeFileSync(join(this.scratch, 'disk.raw'), disk);
    const parts = [disk.subarray(0, 300 * 1024), Buffer.alloc(100 * 1024), disk.subarray(-100 * 1024 - 512)];
    writeFileSync(join(this.scratch, 'small.raw'), Buffer.concat(parts));
  }
}
