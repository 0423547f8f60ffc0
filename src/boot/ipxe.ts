// Scripts for iPXE.
//
// Sources: ipxe.org/scripting and the command reference; src/core/exec.c and settings.c of iPXE
// (how a line becomes a command); boots of iPXE 1.0.0+git-20190125 under SeaBIOS and OVMF.
//
// 1. iPXE splits a line at white space and has no quotes or escapes. It interprets `${…}`, `||`,
//    `&&`, `;`, and a word that begins with `#`. Values with these, or with runs of spaces, which
//    it would collapse, are refused.
// 2. `chain --replace` leaves no script to return to: the command after `||` runs only if the
//    download failed.

import { unreachable } from '../ground/errors.ts';
import { formatEfiSuffix } from './architectures.ts';
import { formatBootif, KERNEL_LINE_BYTES_MAX, writeKernelWord } from './kernel-line.ts';
import { MEMDISK, memdiskWords } from './loader-limits.ts';
import { isUrl } from './paths.ts';
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
  return tryRender(() => ['#!ipxe', `# ${asScreenText(place.title)}`, ...renderIpxeStep(step, place)]);
}

/** Expanded when the line runs. */
const setting = (name: string): string => `\${${name}}`;

const say = (text: string): string => `echo ${asScreenText(`Rackboot: ${text}`)}`;
const AGAIN = [`sleep ${EXPLAIN_SECONDS}`, 'reboot'] as const;

function renderIpxeStep(step: BootStep, place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'menu':
      return renderMenu(step, place);
    case 'chain':
      // A BIOS build reports i386 on any CPU, so check for long mode.
      return [
        `set cpu ${setting('buildarch')}`,
        'cpuid --ext 29 && set cpu amd64 ||',
        `chain --replace ipxe.cfg-${setting('netX/mac:hexhyp')} || chain --replace ipxe.cfg-default-${setting('cpu')} ||`,
        say(`no configuration could be loaded. Trying again in ${EXPLAIN_SECONDS} seconds.`),
        ...AGAIN,
      ];
    case 'kernel':
    case 'image':
      return [say(place.title), ...renderEntry(step, place), ...FAILED];
    case 'local':
    case 'poweroff':
      return [say(place.title), ...renderEntry(step, place)];
    default:
      return renderEntry(step, place);
  }
}

/** The end of a script in which `goto failed` stands. */
const FAILED = [
  ':failed',
  say(`it could not be started. Trying again in ${EXPLAIN_SECONDS} seconds.`),
  ...AGAIN,
] as const;

/** The commands of a step. It ends, or goes to `failed`. */
function renderEntry(step: MenuEntry['step'], place: RenderPlace): readonly string[] {
  switch (step.kind) {
    case 'kernel': {
      const words = step.words.map(quoteIpxe).join(' ');
      if (words.length > KERNEL_LINE_BYTES_MAX) throw new Unquotable('too-long');
      const bootif = place.mac === undefined ? `BOOTIF=01-${setting('netX/mac:hexhyp')}` : formatBootif(place.mac);
      const initrds = step.initrds.map(({ file, name }, index) => ({
        file,
        name,
        own: index === 0 ? 'initrd.gz' : `initrd${index}.gz`,
      }));
      // Under UEFI the kernel finds its initrd by this name; under BIOS the word does nothing.
      const initrdOptions = initrds.flatMap(({ name, own }) => (name === undefined ? [`initrd=${own}`] : []));
      return [
        'imgfree',
        `kernel ${[resolveUrl(step.kernel, place), ...initrdOptions, bootif, words].filter((word) => word !== '').join(' ')} || goto failed`,
        ...initrds.map(({ file, name, own }) => {
          // Under BIOS an argument makes a file of that name of it.
          const named = name === undefined ? '' : ` ${name}`;
          return `initrd --name ${name ?? own} ${resolveUrl(file, place)}${named} || goto failed`;
        }),
        'boot || goto failed',
      ];
    }
    case 'image':
      return renderImage(step, place);
    case 'script':
      return [...step.lines, ...AGAIN];
    case 'local':
      return [
        `iseq ${setting('platform')} efi && goto other ||`,
        'sanboot --no-describe --drive 0x80 || sanboot --no-describe --drive 0x81 ||',
        // The BIOS continues with its next boot device.
        'exit 0',
        ...otherLoader(step.architecture, place),
        // The firmware tries its next boot option.
        'exit 1',
      ];
    case 'poweroff':
      return ['poweroff ||', ...otherLoader(step.architecture, place), ...AGAIN];
    case 'explain':
      return [...step.lines.map(say), ...AGAIN];
    case 'ipxe':
      return [];
    default:
      return unreachable(step);
  }
}

/** A path beginning with `/` comes from the script's own source: TFTP, if there is no boot HTTP listener. */
const resolveUrl = (file: string, { baseUrl = '' }: RenderPlace): string => (isUrl(file) ? file : `${baseUrl}/${file}`);

/**
 * `sanboot` reads the medium by the network as the system asks for it, which ends where the system
 * brings drivers of its own. memdisk, for BIOS only, keeps it in memory, and so can be written.
 */
function renderImage({ form, file }: BootStep & { readonly kind: 'image' }, place: RenderPlace): readonly string[] {
  const url = resolveUrl(file, place);
  if (form === 'efi')
    return [
      `iseq ${setting('platform')} efi || echo Rackboot: this is a program for UEFI, and this machine started by BIOS. ||`,
      `chain --autofree ${url} || goto failed`,
    ];
  const san = `sanboot --no-describe ${url} ||`;
  if (!place.hasFile(MEMDISK)) return ['imgfree', san, 'goto failed'];
  return [
    'imgfree',
    form === 'iso' ? san : `iseq ${setting('platform')} pcbios || ${san}`,
    `iseq ${setting('platform')} pcbios || goto failed`,
    `kernel ${resolveUrl(MEMDISK, place)} ${memdiskWords(form)} || goto failed`,
    `initrd ${url} || goto failed`,
    'boot || goto failed',
  ];
}

/** The first entry follows when the time is over, or when the menu is left. */
function renderMenu({ seconds, entries }: BootStep & { readonly kind: 'menu' }, place: RenderPlace): readonly string[] {
  const label = (index: number): string => `rackboot-${index}`;
  return [
    'menu Rackboot',
    ...entries.map(({ title }, index) => `item ${label(index)} ${asScreenText(title)}`),
    `choose --default ${label(0)} --timeout ${seconds * 1000} chosen || set chosen ${label(0)}`,
    `goto ${setting('chosen')}`,
    ...entries.flatMap(({ title, step }, index) => [`:${label(index)}`, say(title), ...renderEntry(step, place)]),
    ...FAILED,
  ];
}

/**
 * The rack's other loader gets the same step.
 *
 * Quirk: iPXE 1.0.0+git-20190125 as built by Debian has no `poweroff`, and under UEFI no local
 * disks for `sanboot`. GRUB and pxelinux take over its network and continue by TFTP; shim does not
 * start from it.
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
