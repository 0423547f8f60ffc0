// The script that U-Boot loads first if its `boot_targets` have `dhcp` and no `pxe`, as in Debian's
// for QEMU. It asks for a configuration.
//
// Source: U-Boot's include/image.h (the header of a legacy image), include/config_distro_bootcmd.h
// and doc/usage/cmd/source.rst.
//
// 1. U-Boot checks the sums and the type, not the processor: one script serves all processors.
// 2. Rendered files are text, so no byte may be above 0x7f. The sums have none, thanks to the
//    number of empty lines.

import { crc32 } from 'node:zlib';

/** The script that U-Boot requests: its `boot_script_dhcp`. */
export const U_BOOT_SCRIPT_NAME = 'boot.scr.uimg';

const SCRIPT = `pxe get && pxe boot${'\n'.repeat(14)}`;
const MAGIC = 0x27051956;
const HEADER_BYTES = 64;
/** IH_OS_LINUX, IH_ARCH_ARM64, IH_TYPE_SCRIPT, and no compression. */
const KIND = [5, 22, 6, 0];

export const U_BOOT_SCRIPT = encodeScript(SCRIPT).toString('latin1');

function encodeScript(script: string): Buffer {
  const text = Buffer.from(script);
  // The sizes of the parts, and the end of the list.
  const data = Buffer.concat([Buffer.from([0, 0, 0, text.length, 0, 0, 0, 0]), text]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  header.set(KIND, 28);
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, data]);
}
