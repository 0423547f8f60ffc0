// The proposals of `rackboot init` for a network, and the answers in the form of the file and of the store.

import { INTERFACES_KEY, type Settings } from '../../machines/settings.ts';
import type { Ipv4, Ipv4Network } from '../../net/address.ts';
import { broadcastOf, formatIpv4, formatNetwork, ipv4, parseIpv4 } from '../../net/address.ts';
import type { SettingEdit } from '../../region/settings.ts';
import { yamlParser } from '../../yaml-parser.ts';
import type { Answers } from './init-questions.ts';

export interface InterfaceProposal {
  readonly name: string;
  readonly address: Ipv4;
  readonly network: Ipv4Network;
}

interface ProposedRanges {
  readonly low: string;
  readonly high: string;
  readonly staticLow: string;
  readonly staticHigh: string;
}

/** In addresses. */
const DYNAMIC_ADDRESSES_MAX = 4096;

/**
 * In the largest gap between the taken addresses (the rack, the router): its upper half for unknown machines, its lower
 * half for deployed ones. In a gap of 64 addresses or more the lowest quarter stays free for hosts that are already
 * there.
 */
function proposeRanges(place: InterfaceProposal, router: Ipv4 | undefined): ProposedRanges {
  const gap = largestGap(place, router === undefined ? [place.address] : [place.address, router]);
  const size = gap.high - gap.low + 1;
  const start = size >= 64 ? gap.low + Math.floor(size / 4) : gap.low;
  const middle = start + Math.floor((gap.high - start + 1) / 2);
  return {
    staticLow: formatIpv4(ipv4(start)),
    staticHigh: formatIpv4(ipv4(middle - 1)),
    low: formatIpv4(ipv4(middle)),
    high: formatIpv4(ipv4(Math.min(gap.high, middle + DYNAMIC_ADDRESSES_MAX - 1))),
  };
}

/** What a person has typed so far. */
export type TypedRanges = Readonly<Partial<Record<keyof ProposedRanges, string | undefined>>>;

/** Proposes the limits that the person has not typed, without overlap. */
export function proposeAlongside(
  place: InterfaceProposal,
  router: Ipv4 | undefined,
  typed: TypedRanges,
): ProposedRanges {
  const proposed = proposeRanges(place, router);
  const of = (field: keyof ProposedRanges): Ipv4 | undefined => parseIpv4(typed[field] ?? '');
  const taken: readonly number[] = [place.address, ...(router === undefined ? [] : [router])];
  const [low, staticLow] = [of('low'), of('staticLow')];
  const end = low === undefined ? undefined : endOfGap(place, taken, low);
  const high =
    low === undefined || end === undefined
      ? proposed.high
      : formatIpv4(ipv4(Math.min(end, low + DYNAMIC_ADDRESSES_MAX - 1)));
  const [from, to] = [low ?? parseIpv4(proposed.low), of('high') ?? parseIpv4(high)];
  const [first, last] = [parseIpv4(proposed.staticLow), parseIpv4(proposed.staticHigh)];
  if (from === undefined || to === undefined || first === undefined || last === undefined) return { ...proposed, high };
  const isApart = last < from || first > to;
  const gap = isApart ? { low: first, high: last } : largestGap(place, [...taken, from, to], { from, to });
  const staticEnd = staticLow === undefined ? gap.high : (endOfGap(place, [...taken, from], staticLow) ?? gap.high);
  return { ...proposed, high, staticLow: formatIpv4(ipv4(gap.low)), staticHigh: formatIpv4(ipv4(staticEnd)) };
}

/** The last address before the next taken one; undefined: `address` is not in the network. */
function endOfGap({ network }: InterfaceProposal, taken: readonly number[], address: Ipv4): number | undefined {
  const last = broadcastOf(network) - 1;
  if (address <= network.address || address > last) return undefined;
  return Math.min(last, ...taken.filter((one) => one > address).map((one) => one - 1));
}

/** The largest gap between taken addresses outside `range`. */
function largestGap(
  { network }: InterfaceProposal,
  taken: readonly number[],
  range?: { readonly from: Ipv4; readonly to: Ipv4 },
): { readonly low: number; readonly high: number } {
  const end = broadcastOf(network);
  let from: number = network.address + 1;
  let gap = { low: from, high: from - 1 };
  const within = taken.filter((address) => address >= from && address < end);
  for (const address of [...within.toSorted((a, b) => a - b), end]) {
    const isOutside = range === undefined || from < range.from || from > range.to;
    if (isOutside && address - from > gap.high - gap.low + 1) gap = { low: from, high: address - 1 };
    from = address + 1;
  }
  return gap;
}

/** `-`: none. */
export interface InitAnswers extends Answers {
  readonly name: string;
  /** Undefined: this rack has its own region. */
  readonly region?: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  /** Undefined: no network yet. */
  readonly proposal: InterfaceProposal | undefined;
}

/** A remote region does not store the network. */
function renderRemoteConfig(answers: InitAnswers, region: string): string {
  const { name, stateDir, upstream, domain } = answers;
  const dns = { ...(domain === 'maas' ? {} : { domain }), ...(isGiven(upstream) ? { upstream } : {}) };
  const values = {
    name,
    state_dir: stateDir,
    ...(answers.proposal === undefined
      ? {}
      : { [INTERFACES_KEY]: [{ name: answers.proposal.name, ...networkOf(answers, answers.proposal) }] }),
    region: { mode: 'remote', url: region },
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  };
  return `${[
    '# Rackboot. Every key is explained in config/rackboot.yaml; check a change with `rackboot check --diff`.',
    '#',
    '# The region of this rack is remote and does not store the network, so this file does. Changes of region.mode and url need a restart.',
  ].join('\n')}\n${yamlParser().stringify(values)}`;
}

export function renderConfig(answers: InitAnswers): string {
  const { name, stateDir, region } = answers;
  if (region !== undefined) return renderRemoteConfig(answers, region);
  const file = renderFile({ name, stateDir });
  return answers.proposal === undefined ? `${file}${EVERYWHERE}` : file;
}

/** Without a network, the page would be on loopback only, where nobody could set one up. */
const EVERYWHERE = `# The page is on every address of this host, also before there is a network: name the addresses where it should be.
region:
  listen: ["0.0.0.0:5240"]
`;

/** Of a rack with its own region. */
export function renderFile({ name, stateDir }: { readonly name: string; readonly stateDir: string }): string {
  return `${[
    '# Rackboot. Every key is explained in config/rackboot.yaml; check a change with `rackboot check --diff`.',
    '#',
    '# The store holds the networks, DNS and boot settings: `rackboot config show` lists them, `rackboot config set` changes them.',
    "# A key in this file wins over the store and is read-only there; `rackboot config export` prints the store's keys for this file.",
    `name: ${JSON.stringify(name)}`,
    `state_dir: ${JSON.stringify(stateDir)}`,
    "# DHCP, TFTP, DNS, HTTP, the API and the page listen on this rack's address in every network of the store.",
  ].join('\n')}\n`;
}

/** The caller checks them before storing. */
export function settingsOf(answers: InitAnswers): readonly SettingEdit[] {
  const { proposal, upstream, domain } = answers;
  return [
    ...(proposal === undefined
      ? []
      : [{ key: `${INTERFACES_KEY}.${proposal.name}`, value: networkOf(answers, proposal) }]),
    ...(domain === 'maas' ? [] : [{ key: 'dns.domain', value: domain }]),
    ...(isGiven(upstream) ? [{ key: 'dns.upstream', value: upstream }] : []),
  ];
}

const isGiven = (value: string | undefined): value is string => value !== undefined && value !== '-' && value !== '';

/** Without its name. */
function networkOf(
  { mode, router, low, high, staticLow, staticHigh }: InitAnswers,
  proposal: InterfaceProposal,
): Settings {
  const named = { router_ip: router, ip_range_low: low, ip_range_high: high };
  const statics = { static_ip_range_low: staticLow, static_ip_range_high: staticHigh };
  const isServer = !isGiven(mode) || mode === 'server';
  return {
    interface: proposal.name,
    management: 2,
    ip: formatIpv4(proposal.address),
    network: formatNetwork(proposal.network),
    ...(isServer ? {} : { mode }),
    ...Object.fromEntries(Object.entries({ ...named, ...statics }).filter(([, value]) => isGiven(value))),
  };
}
