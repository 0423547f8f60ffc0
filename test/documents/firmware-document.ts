// docs/firmware.md, made from the tables of the code: what each firmware is given to load, and what some firmware needs otherwise.

import { join } from 'node:path';
import { bootsFromHttp, FIRMWARE_ARCHITECTURES } from '../../src/boot/architectures.ts';
import { LOOP_LOADS_MAX, LOOP_MS_MAX } from '../../src/boot/loader-loops.ts';
import { QUIRK_NAMES, QUIRKS } from '../../src/boot/quirks.ts';

/** Where the document lies. */
export const FIRMWARE_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'firmware.md');

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const FIRMWARE = { bios: 'BIOS', uefi: 'UEFI' } as const;

/** The document as text. */
export function renderFirmwareDocument(): string {
  return `# Firmware: who is given what to load

This document is made from the code by \`npm run docs\`.

What a machine loads first follows from what its firmware says of itself in DHCP, each time anew; no file name is stored with it. \`rackboot why
MACHINE\` shows the choice and its reason.

1. iPXE (user class \`iPXE\`, or option 175) is told its script, \`ipxe.cfg\`, and never a loader again.
2. Otherwise the number of its architecture (option 93; of a list the one that option 60 names, else the first that has a loader; without one the number in option 60) decides.
   \`HTTPClient\` in option 60 makes it a URL, and goes back in the reply.
3. \`boot.loaders\` names another file, or one for a number that is not in this table: \`{ 27: bootriscv64.efi, 14: ppc64el/pxelinux.0 }\`. Firmware that
   reads pxelinux configurations by itself is told the directory of what it is named as its prefix (option 210), and finds \`pxelinux.cfg\` there.

${table(
  ['option 93', 'firmware', 'boots from', 'loader', 'what does not work'],
  FIRMWARE_ARCHITECTURES.map(({ code, firmware, cpu, loader, remark }) => [
    String(code),
    `${FIRMWARE[firmware]} ${cpu}`,
    bootsFromHttp(code) ? 'HTTP' : 'TFTP',
    loader === undefined ? 'none' : `\`${loader}\``,
    remark ?? '',
  ]),
)}

## Beside another DHCP server

On a network with \`mode: proxy\` another DHCP server gives the addresses, and the rack answers only machines that boot from the network: with what to
load, and without an address. It says nothing to anybody else, and never that an address is wrong. It needs UDP ports 67 and 4011, so the other server
is on another host. Nothing has to be changed there; options 66 and 67 must not be set on it, for some firmware prefers them.

UEFI on amd64 is told \`ipxe.efi\` there instead of shim: GRUB asks the server that gave the address for its configuration, and stops at its prompt. iPXE is not
signed; with Secure Boot, and on arm64, which keeps shim and GRUB, the other server has to name this rack as next server (\`siaddr\`), and for amd64
\`boot.loaders\` shim: \`{ 7: bootx64.efi }\`.

Whose an address is, the rack sees when a machine asks the other server for it. That makes traces, the names of known machines and the secret of a boot
work as with leases of its own. Machines are deployed with an address of the other server's.

## Peculiarities

Recognised by themselves, or named for a machine by \`boot.quirks\`: by the first bytes of its hardware address, its UUID, or the beginning of its vendor
class (option 60). What fits most narrowly counts.

${table(
  ['quirk', 'firmware', 'what is done'],
  QUIRK_NAMES.map((name) => [`\`${name}\``, QUIRKS[name].firmware, QUIRKS[name].explanation]),
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

An iPXE that does not say in DHCP what it is gets the loader of its firmware, which is iPXE, and so on. A machine that loads the same iPXE
${LOOP_LOADS_MAX} times within ${LOOP_MS_MAX / 60_000} minutes and asks for nothing else is told the script in its place, and the event \`boot.loader-loop\` says so.
`;
}
