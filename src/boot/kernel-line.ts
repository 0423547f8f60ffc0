// The arguments of a kernel, as words. Each loader language writes the words with its own quoting; here they have none.
//
// Sources: the kernel's lib/cmdline.c (`next_arg`: how it splits and strips double quotes); the Debian installer's manual,
// "Boot parameters"; boots of both environments.
//
// 1. A word is printable ASCII, holds no double quote, and is written back as the kernel reads it.
// 2. The operator's arguments come last: where a name is given twice the kernel and the environments take the last.
//    BOOTIF is not among the words: it comes first, from the renderer, for some loaders fill it in themselves.
// 3. A machine's own arguments replace the global ones.

import { formatMac, type MacAddress } from '../net/address.ts';

/** The longest kernel line, in bytes: COMMAND_LINE_SIZE of x86 and arm64, without its final zero. */
export const KERNEL_LINE_BYTES_MAX = 2047;

/** Why arguments cannot be given to a kernel by every loader. */
export type KernelParamsRefusal =
  /** A control character or a character outside ASCII. */
  | 'not-printable-ascii'
  /** A double quote that is not closed. */
  | 'unbalanced-quote'
  /** A double quote elsewhere than around a whole word or a whole value. */
  | 'quote-inside-word'
  /** Longer than KERNEL_LINE_BYTES_MAX. */
  | 'too-long'
  /** `\` or `'`: GRUB writes them with a back-slash more (grub_create_loader_cmdline). */
  | 'not-for-grub'
  /** `${`, runs of spaces in a value, or a word that is a separator or comment: iPXE would act on it. */
  | 'not-for-ipxe';

export type KernelWords =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly refusal: KernelParamsRefusal };

/**
 * Splits kernel arguments into words, as the kernel does: at spaces outside double quotes, which may surround a word
 * (`"a=b c"`) or a value (`a="b c"`) and are taken off.
 *
 * Refuses with `not-printable-ascii`, `unbalanced-quote`, `quote-inside-word`, `too-long`.
 */
export function parseKernelParams(text: string): KernelWords {
  if (!/^[\x20-\x7e\t]*$/.test(text)) return { ok: false, refusal: 'not-printable-ascii' };
  if (text.length > KERNEL_LINE_BYTES_MAX) return { ok: false, refusal: 'too-long' };
  const words: string[] = [];
  let rest = text.replaceAll('\t', ' ').trimStart();
  while (rest !== '') {
    const raw = /^(?:[^ "]|"[^"]*")+(?= |$)/.exec(rest)?.[0];
    if (raw === undefined) return { ok: false, refusal: 'unbalanced-quote' };
    const match = /^(?:([^"]+)|"([^"]*)"|([^"=]+=)"([^"]*)")$/.exec(raw);
    if (match === null) return { ok: false, refusal: 'quote-inside-word' };
    const word = match[1] ?? match[2] ?? `${match[3] ?? ''}${match[4] ?? ''}`;
    if (word.trim() !== '') words.push(word);
    rest = rest.slice(raw.length).trimStart();
  }
  return { ok: true, words };
}

/** What the environment on the other side is told of itself. */
export interface KernelLineFacts {
  /** `enlist`, `commissioning`, `install`. */
  readonly purpose: string;
  /** Base URL of the region as the machine reaches it, ending in `/MAAS`. */
  readonly rackbootUrl: string;
  /** The secret of this boot, letters, digits, `-` and `_`; undefined: it has none. */
  readonly token?: string | undefined;
  /** The operator's arguments, as words. */
  readonly params: readonly string[];
}

/** The word that names the interface that boots, as pxelinux writes it: hardware type 01 and the address with dashes. */
export const formatBootif = (mac: MacAddress): string => `BOOTIF=01-${formatMac(mac, '-')}`;

const tokenWords = ({ token }: KernelLineFacts): readonly string[] =>
  token === undefined ? [] : [`rackboot_token=${token}`];

/** Words for the ephemeral environment. */
export function ephemeralWords(facts: KernelLineFacts): readonly string[] {
  return [`rackboot=${facts.purpose}`, `rackboot_url=${facts.rackbootUrl}`, ...tokenWords(facts), ...facts.params];
}

/** What an installer is told beyond that. */
export interface InstallerFacts extends KernelLineFacts {
  /** Where it gets its preseed, below the region's base URL, from `/` on. */
  readonly preseedPath: string;
  readonly hostname: string;
  readonly domain: string;
}

/**
 * Where the installer of a machine that is known gets its preseed.
 *
 * @param secret `preseedSecret` of the token of its boot; undefined: it has none, and will be refused
 */
export const machinePreseedPath = (systemId: string, secret: string | undefined): string =>
  `/metadata/latest/by-id/${systemId}/?${secret === undefined ? '' : `boot=${secret}&`}op=get_preseed`;

/** The same for an installer that asks for several files, whose names it puts at the end of the address. */
export const machineSeedPath = (systemId: string, secret: string | undefined): string =>
  `/metadata/latest/by-id/${systemId}/?${secret === undefined ? '' : `boot=${secret}&`}op=`;

/** An installer that only enlists: its preseed, and the names that it would otherwise ask for; nobody sees them. */
export const ENLIST_INSTALLER = {
  preseedPath: '/rackboot/enlist.preseed',
  hostname: 'maas-enlisting',
  domain: 'maas',
} as const;

/** The word by which the agent leaves a BMC as it is. */
export const NO_BMC_USER = 'rackboot_bmc_user=no';

/**
 * Words for the Debian installer and its relatives: no question up to the preseed, which the region serves.
 *
 * `ipv6.disable=1` saves ten seconds of waiting for a router; the text front end leaves a readable log on a serial line, and
 * `noninteractive` would hang.
 */
export function installerWords(facts: InstallerFacts): readonly string[] {
  return [
    'auto=true',
    'priority=critical',
    `url=${facts.rackbootUrl}${facts.preseedPath}`,
    'locale=en_US.UTF-8',
    'keymap=us',
    `hostname=${facts.hostname}`,
    `domain=${facts.domain}`,
    'interface=auto',
    'ipv6.disable=1',
    'DEBIAN_FRONTEND=text',
    `rackboot=${facts.purpose}`,
    `rackboot_url=${facts.rackbootUrl}`,
    ...tokenWords(facts),
    ...facts.params,
  ];
}

/** What Ubuntu's installer is told: where its file system is, and where its answers. */
export interface LiveInstallerFacts extends KernelLineFacts {
  /** `machineSeedPath`. */
  readonly seedPath: string;
  /** The address of the image that it runs from. */
  readonly isoUrl: string;
}

/**
 * Words for Ubuntu's installer since 20.04, which runs from an image that it loads into memory and takes its answers from cloud-init's
 * NoCloud data source.
 *
 * Quirk: cloud-init takes `url=` for a configuration of its own and would load the whole image a second time; `cloud-config-url`
 * comes before it.
 */
export function liveInstallerWords(facts: LiveInstallerFacts): readonly string[] {
  return [
    'root=/dev/ram0',
    'ramdisk_size=1500000',
    'ip=dhcp',
    `url=${facts.isoUrl}`,
    'cloud-config-url=/dev/null',
    'autoinstall',
    `ds=nocloud-net;s=${facts.rackbootUrl}${facts.seedPath}`,
    ...facts.params,
  ];
}

/** A word as it stands on a kernel line: in double quotes around the value where it holds a space. */
export function writeKernelWord(word: string): string {
  if (!word.includes(' ')) return word;
  const equals = word.indexOf('=');
  const name = equals === -1 ? '' : word.slice(0, equals + 1);
  return name.includes(' ') || name === '' ? `"${word}"` : `${name}"${word.slice(name.length)}"`;
}
