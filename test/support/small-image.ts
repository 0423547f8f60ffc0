// The image of a disk with a system of a few files, as `images add` stores it. All that starts is its boot sector, which prints a line.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';

const MIB = 1024 * 1024;
/** The boot sector prints it on the first serial port, at each start from the disk. */
export const BOOT_TEXT = 'the small system runs';
/** Code of a BIOS disk's boot sector, loaded at 0x7C00: sends the text behind it to port 0x3F8, and halts. */
const BOOT_CODE = [
  0xfa,
  0x31,
  0xc0,
  0x8e,
  0xd8,
  0xfc, // cli; xor ax, ax; mov ds, ax; cld
  0xbe,
  0x17,
  0x7c,
  0xba,
  0xf8,
  0x03, // mov si, 0x7C17; mov dx, 0x3F8
  0xac,
  0x84,
  0xc0,
  0x74,
  0x03,
  0xee,
  0xeb,
  0xf8, // lodsb; test al, al; jz +3; out dx, al; jmp -8
  0xf4,
  0xeb,
  0xfd, // hlt; jmp -3
];
const FILES: Readonly<Record<string, string>> = {
  'etc/os-release': 'ID=tiny\n',
  'etc/hostname': 'image\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 image\n',
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  'etc/passwd': 'root:x:0:0::/root:/bin/sh\nowner:x:1000:1000::/home/owner:/bin/sh\n',
  'etc/netplan/50-dhcp.yaml': 'network: {}\n',
  'etc/cloud/cloud.cfg': '',
  'home/owner/mine': 'mine\n',
};

/** A disk with one partition, which begins at a megabyte, compressed with zstd. @param more further files of its system, by path */
export function makeSmallImage(mib: number, more: Readonly<Record<string, string>> = {}): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-image-'));
  try {
    const system = join(scratch, 'system');
    for (const [path, content] of Object.entries({ ...FILES, ...more })) {
      mkdirSync(dirname(join(system, path)), { recursive: true });
      writeFileSync(join(system, path), content, { mode: 0o755 });
    }
    const [disk, root] = [join(scratch, 'image'), join(scratch, 'root')];
    const quiet = { stdio: ['pipe', 'ignore', 'inherit'] as ['pipe', 'ignore', 'inherit'] };
    writeFileSync(root, '');
    // As large as its partition: room for a table and its copy is left at both ends.
    truncateSync(root, (mib - 2) * MIB);
    execFileSync('mkfs.ext4', ['-q', '-d', system, root], quiet);
    writeFileSync(disk, '');
    truncateSync(disk, mib * MIB);
    const input = `label: gpt\nstart=1MiB, size=${mib - 2}MiB, type=linux\n`;
    execFileSync('sfdisk', ['-q', disk], { ...quiet, input });
    const bytes = readFileSync(disk);
    readFileSync(root).copy(bytes, MIB);
    Buffer.from([...BOOT_CODE, ...Buffer.from(`${BOOT_TEXT}\n\0`)]).copy(bytes);
    return zstdCompressSync(bytes);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
