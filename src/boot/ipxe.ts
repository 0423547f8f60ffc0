// Scripts for iPXE.
//
// Sources: ipxe.org/scripting and the command reference; src/core/exec.c and settings.c of iPXE (how a line becomes a command); boots of
// iPXE 1.0.0+git-20190125 under SeaBIOS and OVMF.
//
// 1. iPXE splits a line at white space and has no quotes or escapes. It interprets `${…}`, `||`, `&&`, `;`, and a word that begins with
//    `#`. Values with these, or with runs of spaces, which it would collapse, are refused.
// 2. `chain --replace` leaves no script to return to: the command after `||` runs only if the download failed.

import { unreachable } from '../errors.ts';
import { formatEfiSuffix } from './architectures.ts';
import { formatBootif, KERNEL_LINE_BYTES_MAX, writeKernelWord } from './kernel-line.ts';
import {
  asScreenText,
  type BootStep,
  EXPLAIN_SECONDS,
  type RenderedText,
  type RenderPlace,
  tryRender,
  Unquotable,
} from './step.ts';

export function quoteIpxe(word: string): string {
  if (!/^[\x20-\x7e]+$/.test(word)) throw new Unquotable('not-printable-ascii');
  if (word.includes('"')) throw new Unquotable('quote-inside-word');
  const written = writeKernelWord(word);
  const tokens = written.split(' ');
  if (written.includes('${') || tokens.some((token) => /^(?:|\|\||&&|;|#.*)$/.test(token))) {
    throw new Unquotable('not-for-ipxe');
  }
  return written;
}

/** Renders a step. */
export function renderIpxe(step: BootStep, place: RenderPlace): RenderedText {
  return tryRender(() => ['#!ipxe', `# ${asScreenText(place.title)}`, ...renderStep(step, place)]);
}

/** Expanded when the line runs. */
const setting = (name: string): string => `\${${name}}`;

const say = (text: string): string => `echo ${asScreenText(`Rackboot: ${text}`)}`;
const AGAIN = [`sleep ${EXPLAIN_SECONDS}`, 'reboot'] as const;

function renderStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'kernel': {
      // A path beginning with `/` comes from the script's own source: TFTP, if there is no boot HTTP listener.
      const base = place.baseUrl ?? '';
      const words = step.words.map(quoteIpxe).join(' ');
      if (words.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
      const bootif = place.mac === undefined ? `BOOTIF=01-${setting('netX/mac:hexhyp')}` : formatBootif(place.mac);
      return [
        say(place.title),
        'imgfree',
        // Under UEFI the kernel finds its initrd by this name; under BIOS the word does nothing.
        `kernel ${base}/${step.image.kernel} initrd=initrd.gz ${bootif} ${words} || goto failed`,
        `initrd --name initrd.gz ${base}/${step.image.initrd} || goto failed`,
        'boot || goto failed',
        ':failed',
        say(`the kernel could not be started. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    }
    case 'local':
      return [
        say(place.title),
        `iseq ${setting('platform')} efi && goto other ||`,
        'sanboot --no-describe --drive 0x80 || sanboot --no-describe --drive 0x81 ||',
        // The BIOS continues with its next boot device.
        'exit 0',
        ...otherLoader(step.architecture, place),
        // The firmware tries its next boot option.
        'exit 1',
      ];
    case 'poweroff':
      return [say(place.title), 'poweroff ||', ...otherLoader(step.architecture, place), ...AGAIN];
    case 'explain':
      return [...step.lines.map(say), ...AGAIN];
    case 'chain':
      // A BIOS build reports i386 on any CPU, so check for long mode.
      return [
        `set cpu ${setting('buildarch')}`,
        'cpuid --ext 29 && set cpu amd64 ||',
        `chain --replace ipxe.cfg-${setting('netX/mac:hexhyp')} || chain --replace ipxe.cfg-default-${setting('cpu')} ||`,
        say(`no configuration could be loaded. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    default:
      return unreachable(step);
  }
}

/**
 * The rack's other loader gets the same step.
 *
 * Quirk: iPXE 1.0.0+git-20190125 as built by Debian has no `poweroff`, and under UEFI no local disks for `sanboot`. GRUB and pxelinux take
 * over its network and continue by TFTP; shim does not start from it.
 */
function otherLoader(architecture: string, place: RenderPlace): readonly string[] {
  const base = place.baseUrl ?? '';
  const rack = place.baseUrl === undefined ? undefined : URL.parse(place.baseUrl)?.hostname;
  return [
    ':other',
    // Otherwise the next loader would ask the DHCP server of the addresses.
    ...(rack === undefined ? [] : [`set netX/next-server ${rack} ||`]),
    `iseq ${setting('platform')} efi && chain --replace ${base}/grub${formatEfiSuffix(architecture)}.efi ||`,
    `iseq ${setting('platform')} pcbios && chain --replace ${base}/lpxelinux.0 ||`,
    say('the next loader could not be started.'),
  ];
}
