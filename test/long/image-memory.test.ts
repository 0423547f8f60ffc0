// Measures the peak memory of a process that reads images and initrds much larger, when expanded, than their files.
// @host computes, 25 s

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { encodeCpio } from '../../src/images/build/cpio.ts';
import { makeDisk } from '../images/disks.ts';
import { missing } from '../support/needs.ts';

const MIB = 1024 * 1024;
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
/** The empty space of the image, as ordinary images have after their files. */
const EMPTY_MIB = 512;
/** A raw image, which is stored unchanged. */
const RAW_MIB = 384;
/** The command needs about 120 MiB for any image. */
const PEAK_MIB_MAX = 256;
/** Prints the peak memory of the process at its end. */
const TELL_PEAK = `data:text/javascript,import { readFileSync } from 'node:fs';
process.on('exit', () => console.error(readFileSync('/proc/self/status', 'utf8').match(/^VmHWM.*$/m)[0]));`;

let scratch = '';
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rackboot-memory-test-'));
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs `rackboot images add` of `file` with the flags. @returns its output, and its peak in MiB */
async function measureAdding(file: string, flags: readonly string[]) {
  const args = ['--import', TELL_PEAK, MAIN, 'images', 'add', file, '--os', 'custom', '--release', 'bomb', '--json'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...args, '--tree', scratch, ...flags]);
  return { image: JSON.parse(stdout).image, peakMib: peakOf(stderr) };
}

const peakOf = (said: string): number => Number(/VmHWM:\s*(\d+) kB/.exec(said)?.[1]) / 1024;

test('an image whose empty space is compressed takes no memory for that space', async (t) => {
  const file = join(scratch, 'sparse.img.zst');
  const empty = zstdCompressSync(Buffer.alloc(64 * MIB));
  const packed = Buffer.concat([zstdCompressSync(makeDisk(MIB, 'mbr')), ...Array(EMPTY_MIB / 64).fill(empty)]);
  // The whole file is one chunk when read.
  assert.ok(packed.length < MIB, `${packed.length} bytes`);
  writeFileSync(file, packed);
  const { image, peakMib } = await measureAdding(file, []);
  t.diagnostic(`${packed.length} bytes for ${EMPTY_MIB} MiB: at most ${Math.round(peakMib)} MiB in memory`);
  assert.equal(image.diskBytes, (EMPTY_MIB + 1) * MIB);
  assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
});

test('a raw image takes no memory for its size, neither as it is nor while it is compressed', async (t) => {
  const file = join(scratch, 'raw.img');
  writeFileSync(file, makeDisk(MIB, 'mbr'));
  truncateSync(file, RAW_MIB * MIB);
  for (const flags of [[], ['--compress']]) {
    const { image, peakMib } = await measureAdding(file, flags);
    t.diagnostic(`${RAW_MIB} MiB ${flags.join()}: at most ${Math.round(peakMib)} MiB in memory`);
    assert.equal(image.diskBytes, RAW_MIB * MIB);
    assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
  }
});

test('a qcow2 image takes no memory for its size, however large its clusters are', {
  skip: missing('linux', 'qemu-img'),
}, async (t) => {
  const [raw, file] = [join(scratch, 'disk.raw'), join(scratch, 'disk.qcow2')];
  writeFileSync(raw, '');
  for (let at = 0; at < RAW_MIB; at += 16) appendFileSync(raw, makeDisk(16 * MIB, at === 0 ? 'mbr' : 'none', at + 1));
  const cases = [
    { options: ['-c'], flags: [] },
    { options: ['-c', '-o', 'cluster_size=2M,compression_type=zstd'], flags: ['--no-compress'] },
  ];
  for (const { options, flags } of cases) {
    execFileSync('qemu-img', ['convert', '-O', 'qcow2', ...options, raw, file]);
    const { image, peakMib } = await measureAdding(file, flags);
    t.diagnostic(`${RAW_MIB} MiB ${[...options, ...flags].join(' ')}: at most ${Math.round(peakMib)} MiB in memory`);
    assert.equal(image.diskBytes, RAW_MIB * MIB);
    assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
  }
});

const INSTALLER = fileURLToPath(import.meta.resolve('../../src/images/build/installer.ts'));
const READ_PATHS = `const { readInitrdPaths } = await import(process.argv[1]);
console.log([...await readInitrdPaths(require('node:fs').readFileSync(process.argv[2]))].join());`;

test("an installer's initrd is read for its paths without being kept", async (t) => {
  const file = join(scratch, 'initrd.gz');
  const archive = encodeCpio([{ kind: 'file', path: 'bin/init', mode: 0o755, data: Buffer.alloc(64 * MIB) }]);
  const empty = gzipSync(Buffer.alloc(64 * MIB));
  writeFileSync(file, Buffer.concat([gzipSync(archive), ...Array(7).fill(empty)]));
  const args = ['--import', TELL_PEAK, '-e', `(async () => {${READ_PATHS}})()`, INSTALLER, file];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  assert.equal(stdout, 'bin,bin/init\n');
  const peakMib = peakOf(stderr);
  t.diagnostic(`512 MiB: at most ${Math.round(peakMib)} MiB in memory`);
  assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
});
