// The parameters of a subnet, and the subnet that they make. API 1.0 has the same subnets as `networks`.

import { z } from 'zod';
import {
  findNetworkEdge,
  formatIpv4,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  isHostless,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseNetwork,
} from '../../../ground/address.ts';
import { findBar, indexOwners, listServers, ownersUsing } from '../../networks/address-owners.ts';
import { spanText } from '../../networks/address-use.ts';
import { type NetworkView, type SubnetView, specified } from '../../networks/network-view.ts';
import type { NetworkDraft } from '../../networks/networks.ts';
import { addressBarText, refuseServer } from '../../networks/range-check.ts';
import { NETWORK_PREFIX_MIN } from '../../records/heartbeat-bounds.ts';
import { UNTAGGED_VID } from '../../records/network-store.ts';
import { combineOrRefuse, isRefusal, type Refusal, refuseField } from '../call/answer.ts';
import { controls, IP_ADDRESS, value } from '../call/operation.ts';
import {
  addressOrNone,
  CIDR,
  countField,
  DNS_SERVERS,
  flagField,
  networkIdIn,
  noteField,
  refuseStored,
  subnetNameField,
  subnetOutsideText,
  textField,
} from './network-calls.ts';

const DNS_SERVERS_MAX = 16;

const parseCidr = (text: string): Ipv4Network | undefined => {
  const network = parseNetwork(text);
  return network === undefined || network.prefix < NETWORK_PREFIX_MIN ? undefined : network;
};
const serversIn = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '');
export function areServers(texts: readonly string[]): boolean {
  const servers = serversIn(texts);
  return servers.length <= DNS_SERVERS_MAX && servers.every((server) => parseIpv4(server) !== undefined);
}
const cidrField = value(
  z
    .string()
    .trim()
    .max(1024)
    .refine((text) => parseCidr(text) !== undefined, CIDR),
);

export const changedSubnet = z.object({
  cidr: cidrField.optional().describe('The network: 10.20.0.0/24.'),
  name: subnetNameField.optional().describe('Its name. Default: the network.'),
  description: noteField.optional().describe('A note for people.'),
  vlan: textField.optional().describe('The id of its VLAN. Default: the untagged VLAN of the fabric.'),
  fabric: textField.optional().describe('The id or name of its fabric, if vlan is not given.'),
  vid: countField.optional().describe('The tag of its VLAN in that fabric. Default: 0.'),
  gateway_ip: addressOrNone.optional().describe('The router given to machines; empty: none.'),
  dns_servers: z
    .array(z.string().max(1024))
    .max(64)
    .refine(areServers, DNS_SERVERS)
    .optional()
    .describe('DNS servers given to machines, separated by commas or blanks; empty: those of the rack.')
    .register(controls, { control: 'list' }),
  rdns_mode: countField
    .optional()
    .describe('0 no reverse names, 1 reverse names, 2 also RFC 2317: as dns.reverse says.'),
  allow_dns: flagField
    .optional()
    .describe('Whether machines get the rack as their DNS server. Kept while no rack offers DHCP there.'),
  allow_proxy: flagField.optional().describe('Only true: the region has no proxy that could refuse them.'),
  active_discovery: value(
    z
      .string()
      .regex(/^(?:0|false|no|off)?$/i, 'Networks are scanned on request (discovery/?op=scan): give false, or nothing.'),
  )
    .optional()
    .describe('False: a network is scanned on request (`discovery/?op=scan`).'),
  disabled_boot_architectures: value(
    z.literal('', 'Racks boot every architecture that they have files for: omit disabled_boot_architectures.'),
  )
    .optional()
    .describe('Empty: racks boot every architecture that they have files for.'),
  managed: flagField.optional().describe('Only true: addresses of every subnet are managed.'),
});
export type GivenSubnet = z.output<typeof changedSubnet>;

export const newSubnetFields = changedSubnet.required({ cidr: true });

/** A subnet's fields that parameters change; `undefined`: left as it is. */
export interface WantedSubnet {
  readonly cidr: string | undefined;
  readonly vlanId: number | undefined;
  /** `null`: none. */
  readonly gateway: Ipv4 | null | undefined;
  readonly dnsServers: readonly string[] | undefined;
}

/** The address of the router that is given, as a range; `undefined`: none is. */
export function routerIn({ gateway_ip: text = '' }: GivenSubnet): Ipv4Range | undefined {
  const router = parseIpv4(text);
  return router === undefined ? undefined : { low: router, high: router };
}

/**
 * Checks parameters. @param view asked for the address of `routerIn` @param before `undefined`: the
 * subnet is new
 */
export function wantedSubnet(
  view: NetworkDraft,
  given: GivenSubnet,
  before: SubnetView | undefined,
): WantedSubnet | Refusal {
  const checked = combineOrRefuse(
    networkIn(view, given, before),
    vlanIn(view, given),
    gatewayIn(given),
    given.dns_servers === undefined ? undefined : serversIn(given.dns_servers),
    ...refuseFixed(view, given),
  );
  if (isRefusal(checked)) return checked;
  const [network, vlanId, gateway, dnsServers] = checked;
  const cidr = formatNetwork(network);
  const router = gateway === undefined ? before?.subnet.gateway : gateway;
  if (typeof router === 'number' && !networkContains(network, router))
    return refuseField('gateway_ip', subnetOutsideText(cidr));
  // A router that an earlier version accepted is refused only when it or the network changes.
  const isJudged = typeof gateway === 'number' || cidr !== before?.subnet.cidr;
  const edge = isJudged && typeof router === 'number' ? findNetworkEdge(network, router) : undefined;
  if (edge !== undefined)
    return refuseField('gateway_ip', `The address is the ${edge} one of ${cidr}, which no machine can have.`);
  if (typeof gateway === 'number') {
    const owners = [...indexOwners(view).at(gateway), ...ownersUsing(view)];
    const bar = gateway === before?.gateway ? undefined : findBar(owners, { kind: 'router' });
    if (bar !== undefined) return refuseField('gateway_ip', addressBarText(bar));
  }
  const had = new Set(
    before === undefined ? [] : [before, ...before.served].flatMap(listServers).map(({ low }) => low),
  );
  for (const server of listServers({ dnsServers: dnsServers ?? [] })) {
    const text = had.has(server.low) ? undefined : refuseServer(server, indexOwners(view).at(server.low));
    if (text !== undefined) return refuseField('dns_servers', text);
  }
  return { cidr: given.cidr === undefined ? undefined : cidr, vlanId, gateway, dnsServers };
}

function networkIn(view: NetworkView, given: GivenSubnet, before: SubnetView | undefined): Ipv4Network | Refusal {
  const written = given.cidr ?? before?.subnet.cidr ?? '';
  const network = parseCidr(written);
  if (network === undefined) return refuseField('cidr', CIDR);
  const cidr = formatNetwork(network);
  if (cidr !== before?.subnet.cidr) {
    if (isHostless(network))
      return refuseField('cidr', `No host can have an address of ${cidr}: give another network.`);
    const [serves] = before?.served ?? [];
    if (serves !== undefined)
      return refuseField(
        'cidr',
        `The rack ${serves.rackName} serves this network: its cluster interface ${serves.name} decides the addresses.`,
      );
    const stored = refuseStored(view, ({ id }) => id === before?.subnet.id);
    if (stored !== undefined) return stored;
    const holder = before && view.records.subnets.find((subnet) => subnet.cidr === cidr);
    if (holder !== undefined) return refuseField('cidr', holderText(holder.id, cidr));
    for (const { subnet, network: other, isDiscovered } of view.subnets) {
      // A new subnet takes the place of a discovered one, and every other only ends it.
      const isReplaced = isDiscovered && (before === undefined || subnet.cidr !== cidr);
      if (isReplaced || subnet.id === before?.subnet.id) continue;
      if (subnet.cidr === cidr) return refuseField('cidr', holderText(subnet.id, cidr));
      if (networksOverlap(network, other)) return refuseField('cidr', `It overlaps the subnet ${subnet.cidr}.`);
    }
    const outside = contentOutside(view, before, network);
    if (outside !== undefined) return outside;
  }
  return network;
}

const holderText = (id: number, cidr: string): string => `Subnet ${id} already has ${cidr}: change that one.`;

function refuseFixed(view: NetworkView, given: GivenSubnet): readonly Refusal[] {
  const mode = view.reverseMode;
  return [
    ...((given.rdns_mode ?? mode) === mode
      ? []
      : [refuseField('rdns_mode', `Give ${mode}: dns.reverse sets this for all subnets.`)]),
    ...(['allow_proxy', 'managed'] as const).flatMap((field) =>
      given[field] === false ? [refuseField(field, 'Give true: this cannot be changed for a subnet.')] : [],
    ),
  ];
}

/** The refusal if a range or an address of the subnet would be outside the new network. */
function contentOutside(view: NetworkView, before: SubnetView | undefined, network: Ipv4Network): Refusal | undefined {
  if (before === undefined) return undefined;
  const { id } = before.subnet;
  const range = view.ranges.find(
    (range) =>
      range.range.subnetId === id && !(networkContains(network, range.low) && networkContains(network, range.high)),
  );
  if (range !== undefined)
    return refuseField('cidr', `It would not contain the range ${spanText(range)} of the subnet.`);
  const reserved = view.records.reserved.find(
    ({ subnetId, address }) => subnetId === id && !networkContains(network, address),
  );
  if (reserved === undefined) return undefined;
  return refuseField('cidr', `It would not contain ${formatIpv4(reserved.address)}, which a user has reserved.`);
}

const noVlanText = (name: string): string => `There is no VLAN ${name}: give its id.`;

function vlanIn(view: NetworkView, given: GivenSubnet): number | undefined | Refusal {
  if (given.vlan !== undefined && given.vlan !== '') {
    const named = view.vlans.find(({ vlan }) => vlan.id === networkIdIn(given.vlan));
    return named?.vlan.id ?? refuseField('vlan', noVlanText(given.vlan.slice(0, 64)));
  }
  if (given.fabric === undefined && given.vid === undefined) return undefined;
  const { fabrics } = view.records;
  const name = given.fabric ?? '';
  const fabric = name === '' ? fabrics[0] : specified(fabrics, name);
  if (fabric === undefined) return refuseField('fabric', `There is no fabric ${name.slice(0, 64)}.`);
  const vid = given.vid ?? UNTAGGED_VID;
  const tagged = view.vlans.find(({ vlan }) => vlan.fabricId === fabric.id && vlan.vid === vid);
  return tagged?.vlan.id ?? refuseField('vid', noVlanText(String(vid)));
}

function gatewayIn({ gateway_ip: text }: GivenSubnet): Ipv4 | null | undefined | Refusal {
  if (text === undefined) return undefined;
  return text === '' ? null : (parseIpv4(text) ?? refuseField('gateway_ip', IP_ADDRESS));
}
