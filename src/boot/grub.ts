// Configurations for GRUB 2.
//
// Sources: GRUB manual 2.06 §6 (quoting), §16.3 (commands); grub-core/lib/cmdline.c of Debian's 2.06 (how `linux` writes its words); boots
// of Debian's signed GRUB under OVMF.
//
// 1. Every value is in single quotes, in which GRUB's shell interprets nothing.
// 2. `linux` puts a word with a space in double quotes, and a backslash before `"`, `'` and `\`: these are refused, because the kernel
//    would see the backslash.
// 3. Paths begin with `/`: the device that GRUB itself came from, whatever its protocol. If the rack answers HTTP on port 80, the only one
//    for GRUB, GRUB tries it first, because its TFTP loads block by block. Quirk: Debian's signed image has no HTTP and may not load the
//    module under Secure Boot; it then reports a missing disk, and TFTP follows.
// 4. `linux` and `initrd` load silently for many seconds, so a line before each says what is loaded.

import { unreachable } from '../errors.ts';
import { formatIpv4 } from '../net/address.ts';
import { formatEfiSuffix } from './architectures.ts';
import { formatBootif, KERNEL_LINE_BYTES_MAX } from './kernel-line.ts';
import {
  asScreenText,
  type BootStep,
  EXPLAIN_SECONDS,
  type RenderedText,
  type RenderPlace,
  tryRender,
  Unquotable,
} from './step.ts';

/** Directories of operating systems that bring shim; then GRUB alone; then the place for removable media. */
const EFI_SYSTEMS = [
  'debian',
  'ubuntu',
  'fedora',
  'centos',
  'redhat',
  'rocky',
  'almalinux',
  'opensuse',
  'sles',
] as const;

export function quoteGrub(word: string): string {
  if (!/^[\x20-\x7e]+$/.test(word)) throw new Unquotable('not-printable-ascii');
  if (/["'\\]/.test(word)) throw new Unquotable('not-for-grub');
  return `'${word}'`;
}

/** Renders a step. */
export function renderGrub(step: BootStep, place: RenderPlace): RenderedText {
  return tryRender(() => [`# ${asScreenText(place.title)}`, ...renderStep(step, place)]);
}

const say = (text: string): string => `echo '${asScreenText(`Rackboot: ${text}`)}'`;

const startFrom = (device: string): string => `start '(${device})' '${device}'`;

const AGAIN = [`sleep ${EXPLAIN_SECONDS}`, 'reboot'] as const;

function renderStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'kernel': {
      const words = step.words.map(quoteGrub).join(' ');
      if (words.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
      const bootif = place.mac === undefined ? 'BOOTIF=01-"$net_default_mac"' : quoteGrub(formatBootif(place.mac));
      const { kernel, initrd } = step.image;
      return [
        say(place.title),
        'function start {',
        `  ${say(`loading the kernel, ${kernel}, from`)} "$2"`,
        `  if linux "$1"${quoteGrub(`/${kernel}`)} ${bootif} ${words}; then`,
        `    ${say(`loading the initrd, ${initrd}, from`)} "$2"`,
        `    if initrd "$1"${quoteGrub(`/${initrd}`)}; then`,
        `      ${say('starting the kernel.')}`,
        '      boot',
        '    fi',
        '  fi',
        '}',
        // `$root` is the device that GRUB came from: `tftp,10.20.0.1`.
        ...(place.grubHttp === undefined ? [] : [startFrom(`http,${formatIpv4(place.grubHttp)}`)]),
        `start '' "$root"`,
        say(`the kernel could not be loaded. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    }
    case 'local':
      return [
        say(place.title),
        ...localLoaders(step.architecture).flatMap((path) => [
          `if search --no-floppy --set=root --file ${path}; then`,
          `  if chainloader ${path}; then boot; fi`,
          'fi',
        ]),
        // Quirk: Debian's GRUB 2.06 gives `exit` no status, so EDK2 would stay in its setup menu.
        say(`no boot loader on the local disks. Restarting in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    case 'poweroff':
      return [say(place.title), 'halt'];
    case 'explain':
      return [...step.lines.map(say), ...AGAIN];
    case 'chain':
      // `configfile` of a missing file says so and continues.
      return [
        say('asking the rack what to start.'),
        'if [ -n "$net_default_mac" ]; then configfile "$prefix/grub.cfg-$net_default_mac"; fi',
        // 32-bit UEFI says nothing about the processor; `cpuid -l` looks for long mode.
        'set cpu="$grub_cpu"',
        'if [ "$cpu" = i386 ]; then if cpuid -l; then set cpu=x86_64; fi; fi',
        'configfile "$prefix/grub.cfg-default-$cpu"',
        say(`no configuration could be loaded. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    default:
      return unreachable(step);
  }
}

/** The place for removable media comes last: shim's fallback there may put the disk before the network in the firmware. */
function localLoaders(architecture: string): readonly string[] {
  const suffix = formatEfiSuffix(architecture);
  return [
    ...EFI_SYSTEMS.map((system) => `/efi/${system}/shim${suffix}.efi`),
    ...['debian', 'ubuntu'].map((system) => `/efi/${system}/grub${suffix}.efi`),
    `/efi/systemd/systemd-boot${suffix}.efi`,
    '/efi/Microsoft/Boot/bootmgfw.efi',
    `/efi/boot/boot${suffix}.efi`,
  ];
}
