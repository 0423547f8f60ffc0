// Kernel arguments, as unquoted words. Each loader language quotes them in its own way.
//
// Sources: the kernel's lib/cmdline.c (`next_arg`: how it splits and strips double quotes); the
// Debian installer's manual, "Boot parameters"; boots of both environments.
//
// 1. A word is printable ASCII without double quotes, written so that the kernel reads it back unchanged.
// 2. The operator's arguments come last, because kernel and environments use the last value of a
//    repeated name. BOOTIF is not among the words: some loaders fill it in, so the renderer writes
//    it.
// 3. A machine's own arguments replace the global ones.

import { formatMac, type MacAddress } from '../ground/address.ts';

/** In bytes: COMMAND_LINE_SIZE of x86 and arm64, without its final zero. */
export const KERNEL_LINE_BYTES_MAX = 2047;

/** Why some loader cannot pass the arguments. */
export type KernelParamsRefusal =
  /** A control character or a character outside ASCII. */
  | 'not-printable-ascii'
  /** A double quote that is not closed. */
  | 'unbalanced-quote'
  /** A double quote that is not around a whole word or a whole value. */
  | 'quote-inside-word'
  /** Longer than KERNEL_LINE_BYTES_MAX. */
  | 'too-long'
  /** `\` or `'`: GRUB puts an additional backslash before them (grub_create_loader_cmdline). */
  | 'not-for-grub'
  /** `${`, runs of spaces in a value, or a word that is a separator or comment: iPXE would act on it. */
  | 'not-for-ipxe';

type KernelWords =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly refusal: KernelParamsRefusal };

/**
 * Splits kernel arguments as the kernel does: at spaces outside double quotes, which may surround a
 * word (`"a=b c"`) or a value (`a="b c"`) and are taken off.
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

export interface KernelLineFacts {
  /** `enlist`, `commissioning`, `install`. */
  readonly purpose: string;
  /** As the machine reaches it, ending in `/MAAS`. */
  readonly rackbootUrl: string;
  /** The secret of this boot: letters, digits, `-` and `_`; `undefined` if it has none. */
  readonly token?: string | undefined;
  readonly params: readonly string[];
}

/** Hardware type 01 and the address with dashes, as pxelinux writes it. */
export const formatBootif = (mac: MacAddress): string => `BOOTIF=01-${formatMac(mac, '-')}`;

const tokenWords = ({ token }: KernelLineFacts): readonly string[] =>
  token === undefined ? [] : [`rackboot_token=${token}`];

export function ephemeralWords(facts: KernelLineFacts): readonly string[] {
  return [`rackboot=${facts.purpose}`, `rackboot_url=${facts.rackbootUrl}`, ...tokenWords(facts), ...facts.params];
}

interface InstallerFacts extends KernelLineFacts {
  /** Below the region's base URL, from `/` on. */
  readonly preseedPath: string;
  readonly hostname: string;
  readonly domain: string;
}

/**
 * @param secret `preseedSecret` of its boot token; without one (`undefined`) the region refuses the boot
 */
export const machinePreseedPath = (systemId: string, secret: string | undefined): string =>
  `/metadata/latest/by-id/${systemId}/?${secret === undefined ? '' : `boot=${secret}&`}op=get_preseed`;

/**
 * The path for an installer that appends the names of several files. @param secret as for
 * `machinePreseedPath`
 */
export const machineSeedPath = (systemId: string, secret: string | undefined): string =>
  `/metadata/latest/by-id/${systemId}/?${secret === undefined ? '' : `boot=${secret}&`}op=`;

/** The facts of an installer that only enlists: its preseed, and names it would otherwise ask for. */
export const ENLIST_INSTALLER = {
  preseedPath: '/rackboot/enlist.preseed',
  hostname: 'maas-enlisting',
  domain: 'maas',
} as const;

/** The agent leaves the BMC unchanged. */
export const NO_BMC_USER = 'rackboot_bmc_user=no';

/**
 * The words for the Debian installer and its relatives, which then ask nothing before they have the
 * preseed.
 *
 * `ipv6.disable=1` saves ten seconds of waiting for a router; the text front end leaves a readable
 * log on a serial line, and `noninteractive` would hang.
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

interface ImportedFacts extends KernelLineFacts {
  /** The root, and how the initrd opens it. */
  readonly root: { readonly kind: 'squash' | 'tar'; readonly url: string };
}

/**
 * The words for an imported system that enlists: its initrd configures the boot interface, fetches
 * the root, and starts it below a layer in memory. There cloud-init reads the data source MAAS at
 * `cloud-config-url`, which gives it the agent.
 *
 * Sources: the kernel line of MAAS 2 and 3; the initrd's cloud-initramfs-rooturl (`root=squash:`),
 * initramfs-tools (`ip=`) and overlayroot; cloud-init, "Kernel command line" (`cc:`, YAML up to
 * `end_cc`, here without the quotes that GRUB would change).
 */
export function importedWords({ root, ...facts }: ImportedFacts): readonly string[] {
  return [
    `root=${root.kind}:${root.url}`,
    `ip=::::${ENLIST_INSTALLER.hostname}:BOOTIF:dhcp`,
    'ip6=off',
    'ro',
    'overlayroot=tmpfs',
    'overlayroot_cfgdisk=disabled',
    ...CLOUD_INIT_LIST,
    `cloud-config-url=${facts.rackbootUrl}${ENLIST_METADATA_PATH}`,
    ...ephemeralWords(facts),
  ];
}

/** Makes MAAS cloud-init's only data source before there is a network: one text with a space in it. */
const CLOUD_INIT_LIST = ['cc:{datasource_list:', '[MAAS]}end_cc'] as const;
/** The path for an unknown machine's cloud-init, below the region's base URL. */
const ENLIST_METADATA_PATH = '/metadata/latest/enlist-preseed/?op=get_enlist_preseed';

interface LiveInstallerFacts extends KernelLineFacts {
  /** `machineSeedPath`. */
  readonly seedPath: string;
  /** The image it runs from. */
  readonly isoUrl: string;
}

/**
 * The words for Ubuntu's installer since 20.04, which runs from an image in memory and takes its
 * answers from cloud-init's NoCloud.
 *
 * Quirk: cloud-init would read `url=` as the address of a configuration and load the whole image a
 * second time; `cloud-config-url` takes precedence.
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

/** A word of the kernel line, with double quotes around a value that contains a space. */
export function writeKernelWord(word: string): string {
  if (!word.includes(' ')) return word;
  // A name has at least one character: next_arg in the kernel's lib/cmdline.c takes a sign at the
  // beginning for a part of it.
  const equals = word.indexOf('=', 1);
  const name = equals === -1 ? '' : word.slice(0, equals + 1);
  return name.includes(' ') || name === '' ? `"${word}"` : `${name}"${word.slice(name.length)}"`;
}
