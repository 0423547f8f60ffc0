// Configurations for pxelinux and lpxelinux, and for the loaders that read its language (U-Boot).
//
// Sources: syslinux wiki "SYSLINUX" and "PXELINUX" (directives); boots of lpxelinux 6.04 in QEMU.
//
// 1. The language consists of lines: a directive takes the rest of its line literally. There is no escape, so any character that could end
//    a line is refused.
// 2. File names are relative: they follow the prefix that lpxelinux came from, HTTP or TFTP.

import { unreachable } from '../errors.ts';
import { KERNEL_LINE_BYTES_MAX, writeKernelWord } from './kernel-line.ts';
import {
  asScreenText,
  type BootStep,
  EXPLAIN_SECONDS,
  type RenderedText,
  type RenderPlace,
  tryRender,
  Unquotable,
} from './step.ts';

/** pxelinux counts time in tenths of a second. */
const TENTHS = 10;
/** chain.c32 and the libraries it loads. */
const CHAIN_FILES = ['chain.c32', 'libcom32.c32', 'libutil.c32'] as const;

/** One argument of APPEND. */
export function quotePxelinux(word: string): string {
  if (!/^[\x20-\x7e]+$/.test(word)) throw new Unquotable('not-printable-ascii');
  if (word.includes('"')) throw new Unquotable('quote-inside-word');
  return writeKernelWord(word);
}

/** Renders a step; `chain` is empty for pxelinux, which asks by hardware address on its own. */
export function renderPxelinux(step: BootStep, place: RenderPlace): RenderedText {
  return tryRender(() => [`# ${asScreenText(place.title)}`, ...renderStep(step, place)]);
}

function renderStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'kernel': {
      const append = step.words.map(quotePxelinux).join(' ');
      if (append.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
      return [
        ...atOnce('boot'),
        `SAY Rackboot: ${asScreenText(place.title)}`,
        'LABEL boot',
        `  KERNEL ${step.image.kernel}`,
        `  INITRD ${step.image.initrd}`,
        `  APPEND ${append}`,
        // Adds BOOTIF, with the interface that pxelinux itself used.
        '  IPAPPEND 2',
      ];
    }
    case 'local':
      // Quirk: LOCALBOOT 0 returns to the firmware, where some BIOSes hang; chain.c32 starts the first disk itself.
      return [
        ...atOnce('local'),
        `SAY Rackboot: ${asScreenText(place.title)}`,
        'LABEL local',
        ...(isBios(step.architecture) && CHAIN_FILES.every(place.hasFile)
          ? ['  KERNEL chain.c32', '  APPEND hd0']
          : ['  LOCALBOOT 0']),
      ];
    case 'poweroff':
      return [...atOnce('off'), `SAY Rackboot: ${asScreenText(place.title)}`, 'LABEL off', '  KERNEL poweroff.c32'];
    case 'explain':
      return [
        'DEFAULT again',
        'PROMPT 1',
        `TIMEOUT ${EXPLAIN_SECONDS * TENTHS}`,
        `TOTALTIMEOUT ${EXPLAIN_SECONDS * TENTHS}`,
        ...step.lines.map((line) => `SAY Rackboot: ${asScreenText(line)}`),
        'LABEL again',
        '  KERNEL reboot.c32',
      ];
    case 'chain':
      return [];
    default:
      return unreachable(step);
  }
}

const isBios = (architecture: string): boolean => architecture === 'amd64' || architecture === 'i386';

/** Runs a label at once. A failure ends at the prompt, whose time-out tries the label again. */
function atOnce(label: string): string[] {
  return [`DEFAULT ${label}`, 'PROMPT 0', `TIMEOUT ${EXPLAIN_SECONDS * TENTHS}`];
}
