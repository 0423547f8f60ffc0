// Configurations for GRUB 2.
//
// Sources: GRUB manual 2.06 §6 (quoting), §16.3 (commands); grub-core/lib/cmdline.c of Debian's
// 2.06 (how `linux` writes its words); boots of Debian's signed GRUB under OVMF.
//
// 1. Every value is in single quotes, in which GRUB's shell interprets nothing.
// 2. `linux` puts a word with a space in double quotes, and a backslash before `"`, `'` and `\`:
//    these are refused, because the kernel would see the backslash.
// 3. Paths begin with `/`: the device that GRUB itself came from, whatever its protocol. If the
//    rack answers HTTP on port 80, the only one for GRUB, GRUB tries it first, because its TFTP
//    loads block by block. Quirk: the signed image of Debian 12 has no HTTP and may not load the
//    module under Secure Boot; it then reports a missing disk, and TFTP follows.
// 4. `linux` and `initrd` load silently for many seconds, so a line before each says what is loaded.

import { formatIpv4 } from '../ground/address.ts';
import { unreachable } from '../ground/errors.ts';
import { formatEfiSuffix } from './architectures.ts';
import { formatBootif, KERNEL_LINE_BYTES_MAX } from './kernel-line.ts';
import {
  asScreenText,
  type BootStep,
  EXPLAIN_SECONDS,
  type MenuEntry,
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
  return tryRender(() => [`# ${asScreenText(place.title)}`, ...renderGrubStep(step, place)]);
}

const say = (text: string): string => `echo '${asScreenText(`Rackboot: ${text}`)}'`;

const AGAIN = [`sleep ${EXPLAIN_SECONDS}`, 'reboot'] as const;

function renderGrubStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'menu':
      return [
        // GRUB's shell has no functions within blocks.
        ...step.entries.flatMap((entry, index) => define(entry.step, place, `start${index}`)),
        `set timeout=${step.seconds}`,
        'set default=0',
        ...step.entries.flatMap((entry, index) => [
          `menuentry '${asScreenText(entry.title)}' {`,
          ...renderMenuCommands(entry.step, { ...place, title: entry.title }, `start${index}`).map(
            (line) => `  ${line}`,
          ),
          '}',
        ]),
      ];
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
      return [...define(step, place, 'start'), ...renderMenuCommands(step, place, 'start')];
  }
}

/**
 * The function that loads and starts a kernel; nothing for another step. Its arguments: the device
 * of paths, and its name for people.
 */
function define(step: MenuEntry['step'], place: RenderPlace, name: string): readonly string[] {
  if (step.kind !== 'kernel') return [];
  const words = step.words.map(quoteGrub).join(' ');
  if (words.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
  const bootif = place.mac === undefined ? 'BOOTIF=01-"$net_default_mac"' : quoteGrub(formatBootif(place.mac));
  const { kernel, initrds } = step;
  const linux = `linux "$1"${quoteGrub(`/${kernel}`)} ${bootif}${words === '' ? '' : ` ${words}`}`;
  const files = initrds.map(({ file }) => file);
  const initrd = `initrd ${files.map((file) => `"$1"${quoteGrub(`/${file}`)}`).join(' ')}`;
  return [
    `function ${name} {`,
    `  ${say(`loading the kernel, ${kernel}, from`)} "$2"`,
    `  if ${linux}; then`,
    ...(files.length === 0
      ? [`    ${say('starting the kernel.')}`, '    boot']
      : [
          `    ${say(`loading the initrd, ${files.join(', ')}, from`)} "$2"`,
          `    if ${initrd}; then`,
          `      ${say('starting the kernel.')}`,
          '      boot',
          '    fi',
        ]),
    '  fi',
    '}',
  ];
}

/** Runs the function of a kernel for each device that may have it. */
function renderAttempt({ grubHttp }: RenderPlace, name: string): readonly string[] {
  const device = grubHttp === undefined ? undefined : `http,${formatIpv4(grubHttp)}`;
  return [
    ...(device === undefined ? [] : [`${name} '(${device})' '${device}'`]),
    // `$root` is the device that GRUB came from: `tftp,10.20.0.1`.
    `${name} '' "$root"`,
    say(`the kernel could not be loaded. Trying again in ${EXPLAIN_SECONDS} seconds.`),
    ...AGAIN,
  ];
}

/** The commands of a step that need no definition, or come after it. */
function renderMenuCommands(step: MenuEntry['step'], place: RenderPlace, name: string): readonly string[] {
  switch (step.kind) {
    case 'kernel':
      return [say(place.title), ...renderAttempt(place, name)];
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
    case 'image':
    case 'ipxe':
      return [
        say(place.title),
        `if chainloader ${quoteGrub(`/${step.file}`)}; then boot; fi`,
        say(`${step.file} could not be started. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    case 'script':
      return [];
    default:
      return unreachable(step);
  }
}

/**
 * The place for removable media comes last: shim's fallback there may put the disk before the
 * network in the firmware.
 */
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
