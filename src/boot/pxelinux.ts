// Configurations for pxelinux and lpxelinux, and for the loaders that read its language (U-Boot).
//
// Sources: syslinux wiki "SYSLINUX", "PXELINUX", "Menu" and "MEMDISK" (directives); boots of
// lpxelinux 6.04 in QEMU.
//
// 1. The language consists of lines: a directive takes the rest of its line literally. There is no
//    escape, so any character that could end a line is refused.
// 2. File names are relative: they follow the prefix that lpxelinux came from, HTTP or TFTP.

import { unreachable } from '../ground/errors.ts';
import type { BootImage } from './images.ts';
import { KERNEL_LINE_BYTES_MAX, writeKernelWord } from './kernel-line.ts';
import { MEMDISK, memdiskWords } from './loader-limits.ts';
import {
  asScreenText,
  type BootStep,
  EXPLAIN_SECONDS,
  MENU_SECONDS_MAX,
  type MenuEntry,
  type RenderedText,
  type RenderPlace,
  tryRender,
  Unquotable,
} from './step.ts';

/** pxelinux counts time in tenths of a second. */
const TENTHS = 10;
/** chain.c32 and the libraries it loads. */
const CHAIN_FILES = ['chain.c32', 'libcom32.c32', 'libutil.c32'] as const;
/** menu.c32 and the libraries it loads. */
const MENU_FILES = ['menu.c32', 'libcom32.c32', 'libutil.c32'] as const;

const CPU_CHECK = 'ifcpu64.c32';
/** What finds out whether a processor has 64 bits, and the library that it loads. */
export const CPU_CHECK_FILES = [CPU_CHECK, 'libcom32.c32'] as const;

/** One argument of APPEND. */
export function quotePxelinux(word: string): string {
  if (!/^[\x20-\x7e]+$/.test(word)) throw new Unquotable('not-printable-ascii');
  if (word.includes('"')) throw new Unquotable('quote-inside-word');
  return writeKernelWord(word);
}

/**
 * Renders a step. pxelinux itself asks by hardware address; a step `chain` makes it ask again with
 * its kind of processor.
 */
export function renderPxelinux(step: BootStep, place: RenderPlace): RenderedText {
  return tryRender(() => [`# ${asScreenText(place.title)}`, ...renderPxelinuxStep(step, place)]);
}

function renderPxelinuxStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'menu':
      return renderMenu(step, place);
    case 'explain':
      return [
        'DEFAULT again',
        'PROMPT 1',
        `TIMEOUT ${EXPLAIN_SECONDS * TENTHS}`,
        `TOTALTIMEOUT ${EXPLAIN_SECONDS * TENTHS}`,
        ...step.lines.map((line) => `SAY Rackboot: ${asScreenText(line)}`),
        'LABEL again',
        // Quirk: U-Boot shows the labels, and passes over SAY.
        `  MENU LABEL Rackboot: ${asScreenText(step.lines.join(' '))}`,
        '  KERNEL reboot.c32',
      ];
    case 'chain':
      return [
        ...atOnce('check'),
        'LABEL check',
        `  KERNEL ${CPU_CHECK}`,
        // With 64 bits, and without.
        '  APPEND amd64 -- i386',
        ...['amd64', 'i386'].flatMap((cpu) => [`LABEL ${cpu}`, `  CONFIG pxelinux.cfg/default-${cpu}`]),
      ];
    case 'script':
      return [];
    default: {
      const label = LABELS[step.kind];
      return [
        ...atOnce(label),
        `SAY Rackboot: ${asScreenText(place.title)}`,
        `LABEL ${label}`,
        ...renderLabel(step, place),
      ];
    }
  }
}

/** The label of each kind of step that has a configuration to itself. */
const LABELS = { kernel: 'boot', image: 'boot', ipxe: 'boot', local: 'local', poweroff: 'off' } as const;

/** The lines of a label. */
function renderLabel(step: MenuEntry['step'], place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'kernel': {
      const append = step.words.map(quotePxelinux).join(' ');
      if (append.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
      return [
        `  KERNEL ${step.kernel}`,
        ...(step.initrds.length === 0 ? [] : [`  INITRD ${step.initrds.map(({ file }) => file).join(',')}`]),
        ...deviceTreeLines(step.deviceTree),
        `  APPEND ${append}`,
        // Adds BOOTIF, with the interface that pxelinux itself used.
        '  IPAPPEND 2',
      ];
    }
    case 'image':
      return [`  KERNEL ${MEMDISK}`, `  INITRD ${step.file}`, `  APPEND ${memdiskWords(step.form)}`];
    case 'ipxe':
      return [`  KERNEL ${step.file}`];
    case 'local':
      // Quirk: LOCALBOOT 0 returns to the firmware, where some BIOSes hang; chain.c32 starts the
      // first disk itself.
      return isX86(step.architecture) && CHAIN_FILES.every(place.hasFile)
        ? ['  KERNEL chain.c32', '  APPEND hd0']
        : ['  LOCALBOOT 0'];
    case 'poweroff':
      return ['  KERNEL poweroff.c32'];
    case 'explain':
      return [
        '  TEXT HELP',
        ...step.lines.map((line) => `  ${asScreenText(line)}`),
        '  ENDTEXT',
        '  KERNEL reboot.c32',
      ];
    case 'script':
      return [];
    default:
      return unreachable(step);
  }
}

/** A menu that moves by arrow keys if the tree has menu.c32, else numbers to type. */
function renderMenu({ seconds, entries }: BootStep & { readonly kind: 'menu' }, place: RenderPlace): readonly string[] {
  const titles = entries.map(({ title }) => asScreenText(title));
  return [
    ...(MENU_FILES.every(place.hasFile)
      ? ['UI menu.c32', 'MENU TITLE Rackboot']
      : ['PROMPT 1', ...titles.map((title, index) => `SAY ${index}  ${title}`)]),
    'DEFAULT 0',
    `TIMEOUT ${seconds * TENTHS}`,
    // A key that nobody meant must not stop the machine for good.
    `TOTALTIMEOUT ${MENU_SECONDS_MAX * TENTHS}`,
    ...entries.flatMap(({ step }, index) => [
      `LABEL ${index}`,
      `  MENU LABEL ${titles[index]}`,
      ...renderLabel(step, place),
    ]),
  ];
}

/** The lines that name a device tree to U-Boot, which otherwise hands its own to the kernel. */
function deviceTreeLines(deviceTree: BootImage['deviceTree']): string[] {
  if (deviceTree === undefined) return [];
  return [`  ${deviceTree.kind === 'file' ? 'FDT' : 'FDTDIR'} ${deviceTree.path}`];
}

/**
 * True for architectures on which pxelinux itself runs; on others, U-Boot and the like read its
 * configurations. `undefined`: a BIOS that does not tell which.
 */
export const isX86 = (architecture = 'amd64'): boolean => architecture === 'amd64' || architecture === 'i386';

/** Runs a label at once. A failure ends at the prompt, whose time-out tries the label again. */
function atOnce(label: string): string[] {
  return [`DEFAULT ${label}`, 'PROMPT 0', `TIMEOUT ${EXPLAIN_SECONDS * TENTHS}`];
}
