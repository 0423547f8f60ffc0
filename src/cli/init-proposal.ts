// What `rackboot init` proposes for a network, and the file it writes. Pure.

import type { Ipv4, Ipv4Network } from '../net/address.ts';
import { broadcastOf, formatIpv4, formatNetwork, ipv4 } from '../net/address.ts';

export interface InterfaceProposal {
  readonly name: string;
  readonly address: Ipv4;
  readonly network: Ipv4Network;
}

export interface ProposedRanges {
  readonly low: string;
  readonly high: string;
  readonly staticLow: string;
  readonly staticHigh: string;
}

/** The most addresses that a proposed dynamic range has. */
const DYNAMIC_ADDRESSES_MAX = 4096;

/**
 * Ranges in the largest gap between the addresses that are taken (the rack, the router): its upper half for unknown machines, the
 * lower half for deployed ones. A quarter of the network at its low end is left alone where there is room, for what is already there.
 */
export function proposeRanges(place: InterfaceProposal, router: Ipv4 | undefined): ProposedRanges {
  const first = place.network.address + 1;
  const last = broadcastOf(place.network) - 1;
  const taken = [place.address, ...(router === undefined ? [] : [router])]
    .filter((address) => address >= first && address <= last)
    .sort((a, b) => a - b);
  let gap = { low: first, high: last, size: 0 };
  let from = first;
  for (const address of [...taken, last + 1]) {
    const size = address - from;
    if (size > gap.size) gap = { low: from, high: address - 1, size };
    from = address + 1;
  }
  const start = gap.size >= 64 ? gap.low + Math.floor(gap.size / 4) : gap.low;
  const middle = start + Math.floor((gap.high - start + 1) / 2);
  return {
    staticLow: formatIpv4(ipv4(start)),
    staticHigh: formatIpv4(ipv4(middle - 1)),
    low: formatIpv4(ipv4(middle)),
    high: formatIpv4(ipv4(Math.min(gap.high, middle + DYNAMIC_ADDRESSES_MAX - 1))),
  };
}

export interface InitAnswers {
  readonly name: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  readonly proposal: InterfaceProposal;
  readonly low: string;
  readonly high: string;
  readonly staticLow: string;
  readonly staticHigh: string;
  /** `-`: none. */
  readonly router: string;
  readonly upstream: string;
}

/** The configuration file for these answers; what they hold is checked when the text is parsed. */
export function renderConfig(answers: InitAnswers): string {
  const quoted = (text: string): string => JSON.stringify(text);
  const optional = (value: string, line: string): string[] => (value === '-' || value === '' ? [] : [line]);
  return `${[
    '# Rackboot. Every key is explained in config/rackboot.yaml; check a change with `rackboot check`.',
    ...(answers.name === undefined ? [] : [`name: ${quoted(answers.name)}`]),
    `state_dir: ${quoted(answers.stateDir)}`,
    'cluster_interfaces:',
    `  - name: ${quoted(answers.proposal.name)}`,
    `    interface: ${quoted(answers.proposal.name)}`,
    '    management: 2',
    `    ip: ${formatIpv4(answers.proposal.address)}`,
    `    network: ${formatNetwork(answers.proposal.network)}`,
    ...optional(answers.router, `    router_ip: ${quoted(answers.router)}`),
    `    ip_range_low: ${quoted(answers.low)}`,
    `    ip_range_high: ${quoted(answers.high)}`,
    `    static_ip_range_low: ${quoted(answers.staticLow)}`,
    `    static_ip_range_high: ${quoted(answers.staticHigh)}`,
    'dns:',
    `  domain: ${quoted(answers.domain)}`,
    ...optional(answers.upstream, `  upstream: ${quoted(answers.upstream)}`),
  ].join('\n')}\n`;
}
