// The hints of a rack: an observation about a machine's boot, its most likely cause, and the remedy. Its forecasts: what a machine would get
// now, and where its boot would stop, with the remedy.

import { archFlag, type Cpu, cpuOfLoader, findArchitecture, isBuiltFor } from '../../boot/architectures.ts';
import { baseName, isKernelFile } from '../../boot/paths.ts';
import { counted } from '../../counted.ts';
import type { Away } from '../../machines/machine.ts';
import { formatSpan } from '../../quantity.ts';
import { ALLOCATION_REASONS, dhcpReason, doubtText, homeText, type PlanFacts, planText } from './dhcp.ts';
import type { DhcpParams, HintParams } from './fields.ts';
import { PURPOSE_PROBLEMS, PURPOSE_SENTENCES, refusalOf } from './files.ts';

const fileOf = ({ file }: HintParams): string => file ?? 'a file';

/** The remedy for a file that is not in the boot tree. */
function remedyFor(file: string): string {
  if (!isKernelFile(file)) return `\`sudo rackboot images build${archFlag(cpuOfLoader(file))}\` fetches the loaders`;
  return file.includes('/install/')
    ? "`sudo rackboot images import-installer` adds Debian's installer"
    : '`sudo rackboot images build` builds the environment';
}

/** By name, each from the parameters of its pattern. */
const HINT_SENTENCES = {
  'asked-before-heard': ({ seconds = 0 }) =>
    `it had been asking for ${seconds} s when its first DISCOVER arrived here: the switch port did not forward until then, as ` +
    'happens with spanning tree after link-up (make it an edge port, PortFast), or this rack was not serving it yet',
  'offer-not-taken': ({ proxied, times = 0 }) =>
    proxied === true
      ? `it asked for an address ${counted(times, 'time')} and took none: this network is in proxy mode, and the other DHCP server ` +
        'offers it none, or the offers do not reach it'
      : `it was offered an address ${counted(times, 'time')} and took none: the offers do not reach it (a filter, the wrong VLAN, a ` +
        'relay), or another DHCP server answers on this network',
  'other-server': () =>
    'it took the offer of another DHCP server on this network: let only one of the two serve the network, because the ' +
    'other server does not tell it how to boot from here',
  'no-loader': ({ client = '', architecture = 0 }) =>
    client === 'u-boot'
      ? `no loader is set for U-Boot, architecture ${architecture}: it asks for pxelinux.cfg/… itself (pxe get); to make it load a file, set one in boot.loaders as ${architecture}: FILE`
      : `there is no loader for ${client}, architecture ${architecture}: ` +
        `${findArchitecture(architecture)?.remark ?? 'set one in boot.loaders'} as ${architecture}: FILE`,
  'loader-loop': (hint) =>
    `it loaded ${baseName(fileOf(hint))} ${counted(hint.times ?? 0, 'time')} without requesting a configuration or a kernel: the loader ` +
    "restarts itself, fails immediately, or is rejected by Secure Boot; check the machine's screen, and boot.loaders if it is set",
  'file-missing': ({ file = '' }) =>
    isKernelFile(file) || isBuiltFor(cpuOfLoader(file))
      ? `it needs ${file}, which is not in the boot tree: ${remedyFor(file)}, or put the file there`
      : `it needs ${file}, which is not in the boot tree: Rackboot fetches no loaders for 32-bit UEFI; if the processor is ` +
        '64-bit, put the file there yourself',
  'cannot-start': ({ purpose = '' }) => `it cannot start: ${PURPOSE_PROBLEMS[purpose] ?? purpose}`,
  'transfer-stalled': (hint) =>
    `it stopped acknowledging ${fileOf(hint)} halfway: it was powered off, or its network lost every packet from then on`,
  'transfer-unheard': ({ times = 0, blockBytes = 512 }) =>
    `${counted(times, 'transfer')} started and it acknowledged no block: a firewall drops packets between ports above 1023, or ` +
    `blocks of ${counted(blockBytes, 'byte')} exceed the path MTU`,
  'packets-lost': (hint) =>
    `${hint.times ?? 0} of ${counted(hint.blocks ?? 0, 'block')} of ${fileOf(hint)} had to be sent again: packets are lost on the way to the machine; ` +
    'check the cable, the duplex mode and the error counters of the switch port',
  'report-refused': (hint) =>
    `the region refused its report with ${hint.status ?? 0}: ${refusalOf(hint) ?? 'no reason given'}`,
} as const satisfies Readonly<Record<string, (hint: HintParams) => string>>;
export type HintName = keyof typeof HINT_SENTENCES;

const isHintName = (name: string): name is HintName => Object.hasOwn(HINT_SENTENCES, name);

/** The sentence of a hint; its name if only a later version has a sentence for it. */
export const hintText = ({ hint, ...params }: HintParams & { readonly hint: string }): string =>
  isHintName(hint) ? HINT_SENTENCES[hint](params) : hint;

type None = Readonly<Record<string, never>>;
/** A boot file and the reason for it, as in the event of the offer. */
interface BootFile {
  readonly event: Pick<DhcpParams, 'file' | 'fileServer'> & PlanFacts;
}
/** An address of the rack, as text. */
interface Local {
  readonly local: string;
}
interface Path {
  readonly path: string;
}
interface Elsewhere {
  readonly network: string;
  readonly away: Away;
  readonly hostname: string;
  readonly rack: string;
}

/** The codes, each with its parameters. */
export interface ForeseenParams {
  'address-refused': Pick<DhcpParams, 'reason' | 'classes'>;
  'address-elsewhere': None;
  address: Pick<DhcpParams, 'address' | 'source' | 'leaseSeconds'>;
  doubt: Pick<DhcpParams, 'contradiction' | 'client' | 'architecture'>;
  'home-work': Elsewhere;
  'home-token': Elsewhere;
  /** True for the kinds that cannot be judged before the client's first lease. */
  unseen: { readonly reservation: boolean; readonly class: boolean };
  /** @param options each with its code and name */
  options: { readonly options: readonly string[] };
  'loader-configured': { readonly file: string; readonly server: string };
  'loader-elsewhere': BootFile;
  'loader-unserved': BootFile & Local;
  /** @param cpu `undefined` if Rackboot has no such loader */
  'loader-absent': BootFile & { readonly cpu: Cpu | undefined };
  /** @param local given if it is loaded by TFTP */
  loader: BootFile & { readonly local: string | undefined; readonly isInTree: boolean };
  'companion-absent': { readonly file: string; readonly companion: string; readonly cpu: Cpu };
  'no-http': None;
  'no-loader': { readonly architecture: number };
  'no-loader-needed': { readonly architecture: number };
  'configuration-in-tree': Path;
  /** @param machine `undefined`: the region does not know it */
  configuration: Path & {
    readonly purpose: string;
    readonly machine: { readonly hostname: string; readonly statusName: string } | undefined;
  };
  'in-tree': Path;
  'boots-disk': None;
  'powers-off': None;
  'newcomers-limit': { readonly count: number; readonly max: number };
  /** @param hostname `undefined`: the one that it reports */
  name: { readonly hostname: string | undefined; readonly domain: string };
}
export type ForeseenCode = keyof ForeseenParams;

/** A line; for an obstacle, with its remedy. */
type Line = string | readonly [text: string, remedy: string];

const fetchLoaders = (cpu: Cpu): string =>
  isBuiltFor(cpu)
    ? `\`sudo rackboot images build${archFlag(cpu)}\` puts the loaders there`
    : 'Rackboot fetches no loaders for 32-bit UEFI; if the processor is 64-bit, put the file there yourself';

/** A boot file, and why it was chosen. */
function bootFileOf({ event }: BootFile): string {
  const { file = '', fileServer } = event;
  if (fileServer !== undefined) return `${file}, set by configured options`;
  const why = planText(event);
  return `${file}${why === '' ? '' : ` (${why})`}`;
}

const whereOf = ({ network, away }: Elsewhere): string => `this network is ${network}, its home is ${homeText(away)}`;
const moveOf = ({ hostname, rack, network }: Elsewhere): string =>
  `if it was moved, run: rackboot machines move ${hostname} ${rack} --network ${network}`;

/** Divides a sentence that ends with its remedy, after a semicolon. */
const divided = (sentence: string): readonly [problem: string, remedy: string] => {
  const [problem = '', remedy = ''] = sentence.split('; ');
  return [problem, remedy];
};

const LINES: { readonly [C in ForeseenCode]: (params: ForeseenParams[C]) => Line } = {
  'address-refused': ({ reason, classes }) => {
    const [problem, remedy] = divided(dhcpReason(reason));
    return [
      `none: ${problem}${classes === undefined ? '' : `: ${classes}`}`,
      remedy === '' ? 'look up this reason in docs/reference/events.md' : remedy,
    ];
  },
  'address-elsewhere': () => 'from another DHCP server: this network is in proxy mode',
  address: ({ address = '', source, leaseSeconds }) =>
    `${address}${source === undefined ? '' : ` (${ALLOCATION_REASONS[source]})`}` +
    `${leaseSeconds === undefined ? '' : ` for ${formatSpan(leaseSeconds * 1000)}`}`,
  doubt: doubtText,
  'home-work': (facts) => `${whereOf(facts)}: new work must start there; ${moveOf(facts)}`,
  'home-token': (facts) => [`${whereOf(facts)}: it gets no boot token here`, moveOf(facts)],
  unseen: ({ reservation, class: ofClass }) => {
    const unseen = [
      ...(reservation ? ['a reservation by client_id, duid or port'] : []),
      ...(ofClass ? ['a class by its hostname, port or user class'] : []),
    ];
    return `before its first lease: whether it has ${unseen.join(' or ')}`;
  },
  options: ({ options }) => `${options.join(', ')} (if requested or forced)`,
  'loader-configured': ({ file, server }) =>
    `${file} by TFTP from ${server}, set by configured options; not checked there`,
  'loader-elsewhere': (boot) => `${bootFileOf(boot)}; on another server, not checked`,
  'loader-unserved': (boot) => [`${bootFileOf(boot)}: TFTP does not listen on ${boot.local}`, 'add it to tftp.listen'],
  'loader-absent': (boot) => [
    `${bootFileOf(boot)}: it is not in the boot tree`,
    boot.cpu === undefined ? 'put it there' : fetchLoaders(boot.cpu),
  ],
  loader: ({ event, local, isInTree }) => {
    const { file = '' } = event;
    const from = local === undefined ? '' : ` by TFTP from ${local}`;
    return `${file}${from}${bootFileOf({ event }).slice(file.length)}${isInTree ? '; it is in the boot tree' : ''}`;
  },
  'companion-absent': ({ file, companion, cpu }) => [
    `${file} needs ${companion} next to it, which is not in the boot tree`,
    fetchLoaders(cpu),
  ],
  'no-http': () => ['none: it boots by HTTP, and boot.http.listen has no address here', 'add one'],
  'no-loader-needed': ({ architecture }) =>
    `none is set in boot.loaders as ${architecture}: FILE, so it asks for pxelinux.cfg/… itself (pxe get)`,
  'no-loader': ({ architecture }) => {
    const remark = findArchitecture(architecture)?.remark;
    if (remark === undefined)
      return [`none for architecture ${architecture}`, `set one in boot.loaders as ${architecture}: FILE`];
    const [problem, remedy] = divided(remark);
    return [`none: ${problem}`, `${remedy} as ${architecture}: FILE`];
  },
  'configuration-in-tree': ({ path }) => `${path}: the file of that name in the boot tree overrides the region`,
  configuration: ({ path, purpose, machine }) => {
    const because =
      machine === undefined
        ? 'because the region does not know it'
        : `because ${machine.hostname} is ${machine.statusName}`;
    return `${path}: told ${PURPOSE_SENTENCES[purpose] ?? purpose}, ${because}`;
  },
  'in-tree': ({ path }) => `${path}, in the boot tree`,
  'boots-disk': () => 'it boots its own disk',
  'powers-off': () => 'it powers off',
  'newcomers-limit': ({ count, max }) => [
    `its report may be refused: ${counted(count, 'machine is', 'machines are')} New, and the limit is ${max}`,
    'accept or delete some, or raise region.new_machines_max',
  ],
  name: ({ hostname, domain }) =>
    hostname === undefined ? `the name it reports, under ${domain}` : `${hostname}${domain === '' ? '' : `.${domain}`}`,
};

/** The text of a line and, for an obstacle, its remedy. */
export function foreseenText<C extends ForeseenCode>(
  code: C,
  params: ForeseenParams[C],
): { readonly text: string; readonly remedy?: string } {
  const line: Line = LINES[code](params);
  if (typeof line === 'string') return { text: line };
  const [text, remedy] = line;
  return { text, remedy };
}

/** The place of a network: its name, addresses and interface. */
export const networkPlaceText = (name: string, network: string, interfaceName: string | undefined): string =>
  `${name}, ${network}${interfaceName === undefined ? ', relayed' : ` on ${interfaceName}`}`;
