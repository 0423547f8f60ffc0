// docs/firmware.md, made from the tables of the code: the loader of each firmware, and what peculiar firmware needs.

import { join } from 'node:path';
import { bootsFromHttp, FIRMWARE_ARCHITECTURES } from '../../src/boot/architectures.ts';
import { LOOP_LOADS_MAX, LOOP_MS_MAX } from '../../src/boot/loader-loops.ts';
import { QUIRK_NAMES, QUIRKS } from '../../src/boot/quirks.ts';
import { QUIRK_FIRMWARE } from '../../src/region/reports/dhcp.ts';
import { table } from './markdown-table.ts';

/** Where the document lies. */
export const FIRMWARE_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'firmware.md');

const FIRMWARE = { bios: 'BIOS', uefi: 'UEFI' } as const;

/** The document as text. */
export function renderFirmwareDocument(): string {
  return `# Firmware: which machine loads what

This document is made from the code by \`npm run docs\`.

Rackboot chooses the first file of a machine from what its firmware sends by DHCP, at each boot; it stores no file name with the machine. \`rackboot why
MACHINE\` shows the choice and its reason.

1. iPXE (user class \`iPXE\`, or option 175) gets its script, \`ipxe.cfg\`, and never another loader.
2. Otherwise the number of its architecture decides: from option 93, or without one from option 60. Of a list in option 93, the number that option 60
   names counts, otherwise the first with a loader. With \`HTTPClient\` in option 60 the file becomes a URL, and the reply repeats \`HTTPClient\`.
3. \`boot.loaders\` names another file, or one for a number that is not in this table: \`{ 27: bootriscv64.efi, 14: ppc64el/pxelinux.0 }\`. If the firmware
   itself reads pxelinux configurations, it also gets the directory of that file as its prefix (option 210), and finds \`pxelinux.cfg\` there.
4. U-Boot (option 60 \`U-Boot…\`, or 21 or 22 in option 93) needs no loader: \`pxe get\` asks the rack for \`pxelinux.cfg/…\` itself, and the reply
   names the rack as its server. \`{ 22: arm64/boot.scr.uimg }\` gives it a file.

A machine boots from the network if option 60 begins with \`PXEClient\`, \`HTTPClient\` or \`U-Boot\`, if it sends option 93, or if option 97 is that of a
Raspberry Pi. If these contradict each other, \`rackboot trace\` shows them and what was believed: option 60 says how it loads, option 93 what it can run.
What a machine said when it was offered an address holds until it has the address, even if its REQUEST leaves it out.

${table(
  ['option 93', 'firmware', 'boots from', 'loader', 'limitation'],
  FIRMWARE_ARCHITECTURES.map(({ code, firmware, cpu, loader, remark }) => [
    String(code),
    `${FIRMWARE[firmware]} ${cpu}`,
    bootsFromHttp(code) ? 'HTTP' : 'TFTP',
    loader === undefined ? 'none' : `\`${loader}\``,
    remark ?? '',
  ]),
)}

## Alongside another DHCP server

On a network with \`mode: proxy\` another DHCP server gives the addresses. The rack answers only machines that boot from the network: it names their
loader, but gives no address. It answers no other client, and never says that an address is wrong. It needs UDP ports 67 and 4011, so the other server
must be on another host. You need not change that server, but options 66 and 67 must not be set on it, because some firmware prefers them.

UEFI on amd64 gets \`ipxe.efi\` there instead of shim, because GRUB asks the server that gave the address for its configuration, and stops at its prompt.
iPXE is not signed. With Secure Boot, and on arm64, which keeps shim and GRUB, the other server must name this rack as next server (\`siaddr\`). For
amd64, \`boot.loaders\` must then name shim: \`{ 7: bootx64.efi }\`.

The rack learns the address of a machine when the machine requests it from the other server. So traces, the names of known machines and the secret of a
boot work as with the rack's own leases. Machines are deployed with an address of the other server.

## Peculiarities

Rackboot recognises these quirks, or \`boot.quirks\` assigns them to a machine: by the first bytes of its hardware address, its UUID, or the beginning of
its vendor class (option 60). The narrowest match counts. A Raspberry Pi is recognised by its option 97, which begins with \`RPi\`, or by the prefix of its
hardware address (\`src/boot/firmware-prefixes.ts\`). Add further prefixes to \`boot.quirks\`: \`{ mac: "88:a2:9e", quirk: raspberry-pi }\`.

${table(
  ['quirk', 'firmware', 'treatment'],
  QUIRK_NAMES.map((name) => [`\`${name}\``, QUIRK_FIRMWARE[name], QUIRKS[name].explanation]),
)}

\`\`\`yaml
boot:
  quirks:
    - { mac: "00:1b:21", quirk: boot-server }             # every card of that vendor
    - { mac: "b8:27:eb:12:34:56", quirk: none }           # not this one
    - { uuid: 4c4c4544-0043-3010-8052-b4c04f564d31, quirk: plain-tftp }
    - { vendor_class: "PXEClient:Arch:00007", quirk: boot-server }
\`\`\`

## iPXE that loads itself for ever

An iPXE that does not identify itself in DHCP gets the loader of its firmware, which is again iPXE, and so on. If a machine loads the same iPXE
${LOOP_LOADS_MAX} times within ${LOOP_MS_MAX / 60_000} minutes and asks for nothing else, the rack names the script instead, and reports \`boot.loader-loop\`.
`;
}
