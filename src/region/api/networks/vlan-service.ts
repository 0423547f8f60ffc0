// The services of racks in a VLAN: DHCP, and the MTU that they hand out. Both are keys of their
// cluster interfaces.
//
//   dhcp_on, primary_rack ─┬─ the rack has a cluster interface there ── with a dynamic range ─► switched on
//                          │                                        └─ without one ──────────► completed by the kept range, switched on
//                          └─ it has none ─ an address of its host in the subnet of a kept range? ─┬─ yes ─► made for that range
//                                                                                                 └─ no ──► refused, with its addresses
//
// Sources: RFC 2132 §5.1 (option 26); MAAS API 2.0, where a dynamic range is made before `dhcp_on`,
// and belongs to its subnet.
//
// 1. A change of a VLAN and those of all cluster interfaces in it are stored together, or none
//    (`networks/networks.ts`).
// 2. A cluster interface is made only where no other rack has one, and where nobody would have to
//    agree to its network.
// 3. One that was made for a range goes with the range or its subnet, once it is switched off.

import {
  broadcastAddress,
  formatIpv4,
  formatNetwork,
  type Ipv4Network,
  type Ipv4Range,
  networksOverlap,
  networkWithPrefix,
  parseIpv4,
  prefixToMask,
} from '../../../ground/address.ts';
import { listed } from '../../../ground/counted.ts';
import { INTERFACES_KEY } from '../../../machines/settings.ts';
import {
  dhcpRacks,
  isWaiting,
  type NetworkView,
  type RangeType,
  type RangeView,
  type SubnetView,
  type VlanView,
} from '../../networks/network-view.ts';
import type { ServedNetwork, ServiceEdit } from '../../networks/served-networks.ts';
import { networkIn, withOption } from '../../racks/cluster-interface.ts';
import { ADDRESSES_NAMED_MAX } from '../../racks/rack-addresses.ts';
import { findNetworkDoubt } from '../../racks/rack-networks.ts';
import { MTU_DEFAULT, type ServedRange, type Subnet } from '../../records/network-store.ts';
import type { Rack } from '../../records/rack.ts';
import type { HostAddress } from '../../records/rack-description.ts';
import { pinnedText } from '../../records/settings-refusal.ts';
import type { RegionSettings } from '../../settings.ts';
import { isRefusal, type Refusal, refuse, refuseField } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';
import { VLAN_NO_RANGE } from './network-calls.ts';
import { ROUTES_OPTION, routesFrom } from './route-operations.ts';

interface WantedService {
  readonly dhcp_on?: boolean | undefined;
  readonly primary_rack?: string | undefined;
  readonly secondary_rack?: string | undefined;
  readonly mtu?: number | undefined;
}

interface KnownRacks {
  readonly racks: readonly Rack[];
  readonly settings: Pick<RegionSettings, 'findRack' | 'interfacesOf' | 'pinnedBy'>;
}

/** Changes of cluster interfaces, and of the rows of their ranges. */
interface VlanService {
  readonly edits: readonly ServiceEdit[];
  readonly ranges: readonly ServedRange[];
}

/** Racks that offer DHCP, by UUID. `primary` is undefined if none was named. */
interface WantedRacks {
  readonly isOn: boolean;
  readonly primary: string | undefined;
  readonly secondary: string | undefined;
}

const NO_CHANGE: VlanService = { edits: [], ranges: [] };
const MTU_OPTION = { code: 26, name: 'interface-mtu' } as const;
const SHOWN_MAX = 64;

export function serviceIn(
  view: NetworkView,
  vlan: VlanView,
  given: WantedService,
  known: KnownRacks,
): VlanService | Refusal {
  const dhcp = dhcpIn(view, vlan, given, known);
  if ('kind' in dhcp || given.mtu === undefined) return dhcp;
  return { ...dhcp, edits: [...dhcp.edits, ...mtuEdits(vlan, given.mtu)] };
}

function dhcpIn(view: NetworkView, vlan: VlanView, given: WantedService, known: KnownRacks): VlanService | Refusal {
  if ([given.dhcp_on, given.primary_rack, given.secondary_rack].every((one) => one === undefined)) return NO_CHANGE;
  const wanted = wantedRacks(vlan, given, known);
  if ('kind' in wanted) return wanted;
  const { isOn, primary, secondary } = wanted;
  if (!isOn) return { edits: switchEdits(view, vlan, () => false), ranges: [] };
  const completed = keptService(view, vlan, wanted, given, known);
  if ('kind' in completed) return completed;
  for (const [field, rack] of [
    ['primary_rack', primary],
    ['secondary_rack', secondary],
  ] as const) {
    const serves = [...vlan.served, ...completed.edits.map(({ served }) => served)].some((one) => one.rack === rack);
    if (rack === undefined || serves) continue;
    return vlan.served.length === 0 && field === 'primary_rack'
      ? refuseField(field, VLAN_NO_RANGE)
      : refuseField(
          field,
          `The rack ${nameOf(rack, known)} serves no subnet of this VLAN: give it a cluster interface with a dynamic range of its own first (nodegroups/UUID/interfaces).`,
        );
  }
  const racks = new Set([primary, secondary]);
  const isServing = dhcpRacks(vlan).length > 0;
  const isWanted = ({ rack, management }: ServedNetwork): boolean =>
    primary === undefined ? management > 0 || !isServing : racks.has(rack);
  const isCompleted = ({ rack, key }: ServedNetwork): boolean =>
    completed.edits.some(({ served }) => served.rack === rack && served.key === key);
  const switched = switchEdits(view, vlan, isWanted, isCompleted);
  return { edits: [...completed.edits, ...switched], ranges: completed.ranges };
}

function wantedRacks(vlan: VlanView, given: WantedService, known: KnownRacks): WantedRacks | Refusal {
  const serving = dhcpRacks(vlan);
  const isOn = given.dhcp_on ?? serving.length > 0;
  const found: Partial<Record<'primary_rack' | 'secondary_rack', string>> = {};
  for (const field of ['primary_rack', 'secondary_rack'] as const) {
    const name = given[field] ?? '';
    if (name === '') continue;
    const rack = findRack(vlan, name, known);
    if (rack === undefined)
      return refuseField(
        field,
        `There is no accepted rack ${name.slice(0, SHOWN_MAX)}: give the system id or the name of one (rackcontrollers lists them).`,
      );
    if (!isOn) return refuseField(field, 'DHCP is off in this VLAN: give dhcp_on=true too.');
    found[field] = rack;
  }
  const { primary_rack: primary, secondary_rack: secondary } = found;
  if (secondary !== undefined && (primary === undefined || primary === secondary))
    return refuseField('secondary_rack', 'Give different racks, and a primary one.');
  if (isOn && given.primary_rack === '')
    return refuseField('primary_rack', 'Give the rack that offers DHCP, or dhcp_on=false.');
  if (isOn && primary === undefined && vlan.served.length === 0)
    return refuseField(
      'dhcp_on',
      'No rack serves a subnet of this VLAN: give primary_rack too, the rack that offers DHCP.',
    );
  const isAlone = given.secondary_rack === '' && primary === undefined;
  return { isOn, primary: isAlone ? serving[0]?.rack : primary, secondary };
}

function findRack({ served }: VlanView, name: string, { racks, settings }: KnownRacks): string | undefined {
  const serving = served.find((one) => one.rack === name || one.rackName === name)?.rack;
  const uuid = serving ?? settings.findRack(name);
  const rack = racks.find((one) => one.uuid === uuid);
  return rack === undefined || rack.state === 'accepted' ? uuid : undefined;
}

const nameOf = (uuid: string, { racks }: KnownRacks): string => racks.find((one) => one.uuid === uuid)?.name ?? uuid;

const managementIn = (subnet: SubnetView | undefined): 1 | 2 => (subnet?.allowsDns === false ? 1 : 2);

/**
 * Switches DHCP on where it is wanted, and off elsewhere. @param isLeft cluster interfaces that
 * another change switches
 */
function switchEdits(
  view: NetworkView,
  { served: all }: VlanView,
  isWanted: (served: ServedNetwork) => boolean,
  isLeft: (served: ServedNetwork) => boolean = () => false,
): readonly ServiceEdit[] {
  return all.flatMap((served): readonly ServiceEdit[] => {
    const isServing = served.management > 0;
    if (isLeft(served) || isWanted(served) === isServing) return [];
    const subnet = view.subnets.find(({ subnet: { cidr } }) => cidr === served.cidr);
    return [{ served, fields: { management: isServing ? 0 : managementIn(subnet) } }];
  });
}

function keptService(
  view: NetworkView,
  vlan: VlanView,
  { primary }: WantedRacks,
  given: WantedService,
  known: KnownRacks,
): VlanService | Refusal {
  const kept = view.ranges.filter((one) => isWaiting(one) && one.subnet.vlan === vlan);
  const rack = primary ?? dhcpRacks(vlan)[0]?.rack ?? vlan.served[0]?.rack;
  if (rack === undefined) return NO_CHANGE;
  const edits: ServiceEdit[] = [];
  const ranges: ServedRange[] = [];
  for (const one of kept) {
    const made = edits.map(({ served }) => served.key);
    const edit = completion(one, rack) ?? addition(view, one, rack, given, { ...known, made });
    if (isRefusal(edit)) return edit;
    const { id, subnetId, username, comment } = one.range;
    const isMade = edit.whole === 'added';
    const range: ServedRange = { kind: 'dynamic', id, subnetId, rack, username: '', comment };
    edits.push(edit);
    ranges.push(isMade ? { ...range, username } : range);
  }
  return { edits, ranges };
}

/** The keys of a cluster interface that hold the bounds of a range. @param bounds `undefined`: none */
export function boundsKeys(type: RangeType, bounds: Ipv4Range | undefined): ServiceEdit['fields'] {
  const field = type === 'dynamic' ? 'ip_range' : 'static_ip_range';
  return {
    [`${field}_low`]: bounds && formatIpv4(bounds.low),
    [`${field}_high`]: bounds && formatIpv4(bounds.high),
  };
}

/**
 * Completes the rack's cluster interface in the subnet, which has no dynamic range; `undefined`:
 * there is none.
 */
function completion(range: RangeView, rack: string): ServiceEdit | undefined {
  const served = range.subnet.served.find((one) => one.rack === rack && one.dynamic === undefined);
  if (served === undefined) return undefined;
  const management = served.management === 0 ? managementIn(range.subnet) : served.management;
  return { served, fields: { ...boundsKeys('dynamic', range), management } };
}

function addition(
  view: NetworkView,
  range: RangeView,
  rack: string,
  given: WantedService,
  known: KnownRacks & { readonly made: readonly string[] },
): ServiceEdit | Refusal {
  const { settings, made } = known;
  const { subnet, network, gateway, dnsServers } = range.subnet;
  const place = placeIn(range.subnet, rack, known);
  if ('kind' in place) return place;
  const key = freeKey(place.interface, [
    ...settings.interfacesOf(rack).map(({ name }) => keyOf(String(name))),
    ...made,
  ]);
  const routes = routesFrom(view, view.records.routes, subnet.id);
  const mtu = given.mtu ?? range.subnet.vlan.vlan.mtu;
  const withMtu = withOption({ options: [] }, MTU_OPTION, mtu === MTU_DEFAULT ? undefined : mtu) ?? [];
  return {
    served: { rack, key },
    whole: 'added',
    fields: {
      interface: place.interface,
      ip: place.ip,
      subnet_mask: formatIpv4(prefixToMask(network.prefix)),
      broadcast_ip: formatIpv4(broadcastAddress(network)),
      management: managementIn(range.subnet),
      ...boundsKeys('dynamic', range),
      router_ip: gateway === undefined ? undefined : formatIpv4(gateway),
      dns_servers: dnsServers.length === 0 ? undefined : dnsServers,
      options: withOption({ options: withMtu }, ROUTES_OPTION, routes),
    },
  };
}

const keyOf = (name: string): string => `${INTERFACES_KEY}.${name}`;

/**
 * The key of a new cluster interface: by its network interface, as MAAS names it, and with a number
 * if the name is taken.
 */
function freeKey(nic: string, taken: readonly string[]): string {
  // A dot in a key would separate a field.
  const name = [...nic].map((one) => (/[\w-]/.test(one) ? one : '-')).join('');
  let key = keyOf(name);
  for (let number = 2; taken.includes(key); number += 1) key = keyOf(`${name}-${number}`);
  return key;
}

interface Place {
  readonly interface: string;
  readonly ip: string;
}

/** The network interface of the rack that is in the subnet, or why the rack cannot serve the subnet there. */
function placeIn(of: SubnetView, uuid: string, { racks, settings }: KnownRacks): Place | Refusal {
  const { network, served } = of;
  const { cidr } = of.subnet;
  const other = served.find((one) => one.rack !== uuid);
  if (other !== undefined)
    return refuseField(
      'primary_rack',
      `The rack ${other.rackName} has the cluster interface ${other.name} in ${cidr}: name ${other.rackName}, or remove that cluster interface first.`,
    );
  const rack = racks.find((one) => one.uuid === uuid);
  const addresses = rack?.pulse?.addresses;
  if (rack === undefined || addresses === undefined)
    return refuseField(
      'primary_rack',
      `The rack ${rack?.name ?? uuid} has not reported the addresses of its network interfaces: start it, or update it to the version of this region.`,
    );
  const place = ownPlace(addresses, network, { network: cidr, rack: rack.name });
  if ('kind' in place) return place;
  for (const entry of settings.interfacesOf(uuid)) {
    const taken = networkIn(entry);
    if (taken === undefined || !networksOverlap(taken, network)) continue;
    const name = String(entry.name);
    const pin = settings.pinnedBy(keyOf(name), uuid);
    if (pin !== undefined) return refuse('setting-read-only', pinnedText(keyOf(name), pin));
    return refuseField(
      'primary_rack',
      `The cluster interface ${name} of the rack ${rack.name} has ${formatNetwork(taken)}, which overlaps ${cidr}: remove it first, or choose another network.`,
    );
  }
  const doubt = findNetworkDoubt(network, rack, racks);
  return doubt === undefined
    ? place
    : refuseField(
        'primary_rack',
        doubt.kind === 'overlap'
          ? `${doubt.network} overlaps ${doubt.other} of the rack ${doubt.owner}: name ${doubt.owner}, or choose another network.`
          : `${doubt.network} is too wide for the rack ${rack.name} without agreement: write the cluster interface into the file of ${rack.name}, and agree with rackboot racks accept ${rack.name} --share ${doubt.network}.`,
      );
}

function networkAt({ address: text }: HostAddress): Ipv4Network | undefined {
  const [address = '', prefix] = text.split('/');
  const parsed = parseIpv4(address);
  return parsed === undefined ? undefined : networkWithPrefix(parsed, Number(prefix));
}

/** The one network interface of a host with exactly this network. A host route (/32) counts as no network. */
function ownPlace(
  addresses: readonly HostAddress[],
  network: Ipv4Network,
  words: { readonly network: string; readonly rack: string },
): Place | Refusal {
  const near = addresses.filter((one) => {
    const at = networkAt(one);
    return at !== undefined && at.prefix < 32 && networksOverlap(at, network);
  });
  const [own] = near;
  const shown = (near.length === 0 ? addresses : near).map((one) => `${one.interface} ${one.address}`);
  if (own === undefined)
    return refuseField(
      'primary_rack',
      `The rack ${words.rack} has no address in ${words.network}. Its network interfaces have ${shown.length === 0 ? 'no IPv4 address' : listed(shown, ADDRESSES_NAMED_MAX)}. Give one of them an address of ${words.network}, or name a rack that has one.`,
    );
  const isOne = near.every((one) => {
    const at = networkAt(one);
    return one.interface === own.interface && at !== undefined && formatNetwork(at) === words.network;
  });
  if (!isOne)
    return refuseField(
      'primary_rack',
      `The rack ${words.rack} has ${listed(shown, ADDRESSES_NAMED_MAX)}, which overlap ${words.network}. Leave one network interface in ${words.network}, with the prefix of the subnet.`,
    );
  return { interface: own.interface, ip: own.address.slice(0, own.address.indexOf('/')) };
}

/**
 * The removal of a switched off cluster interface that was made for a range, when the range goes.
 * The subnet keeps the router and the DNS servers. `undefined`: the cluster interface was not made
 * for the range, or still serves.
 */
export function withoutMade({
  range,
  served,
  subnet,
}: RangeView): { readonly service: readonly ServiceEdit[]; readonly subnets: readonly Subnet[] } | undefined {
  const isMade = range.kind === 'dynamic' && range.username !== '';
  if (!isMade || served === undefined || served.management > 0 || served.fixed !== undefined) return undefined;
  const { gateway, dnsServers } = subnet;
  return { service: [{ served, fields: {}, whole: 'removed' }], subnets: [{ ...subnet.subnet, gateway, dnsServers }] };
}

/**
 * The refusal to take the dynamic range from a cluster interface that gives addresses from it. A
 * file that has it is named by another check.
 */
export function refuseServed(
  { region }: ApiCall,
  { range, served, subnet: { subnet } }: RangeView,
): Refusal | undefined {
  if (range.kind !== 'dynamic' || served === undefined || served.management === 0) return undefined;
  if (region.settings.pinnedBy(served.key, served.rack) !== undefined) return undefined;
  return refuse(
    'in-use',
    `${subnet.cidr} has DHCP with this range by the cluster interface ${served.name} of the rack ${served.rackName}: switch DHCP off first (dhcp_on=false of the VLAN, or management=0).`,
  );
}

function mtuEdits({ served }: VlanView, mtu: number): readonly ServiceEdit[] {
  return served.flatMap((one): readonly ServiceEdit[] => {
    if ((one.mtu ?? MTU_DEFAULT) === mtu) return [];
    return [{ served: one, fields: { options: withOption(one, MTU_OPTION, mtu === MTU_DEFAULT ? undefined : mtu) } }];
  });
}
