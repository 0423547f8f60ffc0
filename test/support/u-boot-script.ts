// A disk whose script makes U-Boot boot from the network, as a person types it at its prompt. Debian's U-Boot for QEMU by itself only plays UEFI
// there.
//
// Source: U-Boot's include/image.h (the header of a legacy image) and doc/usage/cmd/source.rst.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const SCRIPT = ['dhcp', 'pxe get', 'pxe boot', ''].join('\n');
const MAGIC = 0x27051956;
const HEADER_BYTES = 64;
/** IH_OS_LINUX, and IH_TYPE_SCRIPT. */
const LINUX = 5;
const SCRIPT_TYPE = 6;
/** IH_ARCH_ARM, IH_ARCH_ARM64 and IH_ARCH_RISCV. */
const ARCHITECTURES = { 'u-boot-armhf': 2, 'u-boot-arm64': 22, 'u-boot-riscv64': 26 } as const;

export type UBoot = keyof typeof ARCHITECTURES;

/** The arguments of QEMU for such a disk, which is made in `directory`. */
export function uBootScriptDisk(firmware: UBoot, directory: string): readonly string[] {
  const text = Buffer.from(SCRIPT);
  // The sizes of the parts, and the end of the list.
  const data = Buffer.concat([Buffer.from([0, 0, 0, text.length, 0, 0, 0, 0]), text]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  header.set([LINUX, ARCHITECTURES[firmware], SCRIPT_TYPE, 0], 28);
  header.writeUInt32BE(crc32(header), 4);
  const disk = join(directory, `${firmware}-script`);
  mkdirSync(disk, { recursive: true });
  writeFileSync(join(disk, 'boot.scr'), Buffer.concat([header, data]));
  const drive = `file=fat:rw:${disk},format=raw,if=none,id=script`;
  return ['-drive', drive, '-device', 'virtio-blk-pci,drive=script,serial=SCRIPT'];
}
