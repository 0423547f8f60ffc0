// Notes on keys of a valid configuration that have no effect, although one might be expected, and warnings of those that open a door to
// everybody. Pure.

import type { DhcpClass } from '../dhcp/networks/classes.ts';
import { findNamedOption } from '../dhcp/wire/option-table.ts';
import { formatNetwork, type Ipv4Network } from '../net/address.ts';
import type { RackConfig } from './rack-config.ts';

/** No organisation has a larger network. */
const PRIVATE_PREFIX = 8;

/** Warns of lists of clients that hold most of the Internet. Each begins with its key. */
export function wideDoors({ tftp, dns }: Pick<RackConfig, 'tftp' | 'dns'>): readonly string[] {
  return [
    ...doorText('tftp.allow', tftp.clients, 'load every file of the boot tree from this rack'),
    ...doorText('dns.allow_recursion', dns.clients, 'let this rack ask for every name'),
  ];
}

function doorText(key: string, clients: readonly Ipv4Network[], deed: string): readonly string[] {
  const wide = clients.filter(({ prefix }) => prefix < PRIVATE_PREFIX);
  if (wide.length === 0) return [];
  return [
    `${key} has ${wide.map(formatNetwork).join(', ')}: hosts of the whole Internet may ${deed}, and whoever forges their addresses makes this ` +
      'rack flood them; name only the networks of your machines, or let a firewall keep others from the port.',
  ];
}

/** The warnings of `wideDoors`, then the notes. */
export const configRemarks = (config: RackConfig): readonly string[] => [...wideDoors(config), ...configNotes(config)];

/** Each note is a sentence that names the place and the remedy. */
export function configNotes({ dhcp }: RackConfig): readonly string[] {
  return dhcp.subnets.flatMap(({ name, proxy, options, classes = [] }) => {
    if (proxy !== true) return [];
    const codes = [...(options?.byCode.keys() ?? [])];
    const idle = classes.filter((one) => one.options !== undefined || one.leaseTime !== undefined);
    return [...optionsNote(name, codes), ...classesNote(name, idle)];
  });
}

function optionsNote(network: string, codes: readonly number[]): readonly string[] {
  if (codes.length === 0) return [];
  const names = codes.map((code) => findNamedOption(code)?.name ?? `${code}`);
  return [
    `${network} is in proxy mode, and another DHCP server sends its options: ${names.join(', ')} of dhcp.options ` +
      `${names.length === 1 ? 'is' : 'are'} not sent there; configure them on that server.`,
  ];
}

function classesNote(network: string, classes: readonly DhcpClass[]): readonly string[] {
  if (classes.length === 0) return [];
  return [
    `${network} is in proxy mode, and another DHCP server gives its addresses and options: options and lease times of ` +
      `${classes.map(({ name }) => name).join(', ')} of dhcp.classes have no effect there; configure them on that server.`,
  ];
}
