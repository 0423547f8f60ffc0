// The services of racks in a VLAN: DHCP, and the MTU that they hand out.
//
//   dhcp_on, primary_rack ─┬─ the rack has a cluster interface there ── with a dynamic range ─► switched on
//                          │                                        └─ without one ──────────► completed by the kept range, switched on
//                          └─ it has none ─ an address of its host in the subnet of a kept range? ─┬─ yes ─► made for that range
//                                                                                                 └─ no ──► refused, with its addresses
//
// Sources: MAAS API 2.0, where a dynamic range is made before `dhcp_on`, and belongs to its subnet.
//
// 1. A change of a VLAN and those of all cluster interfaces in it are stored together, or none
//    (`networks/networks.ts`).
// 2. A cluster interface is made only where no other rack has one, and where nobody would have to
//    agree to its network.
// 3. One that was made for a range goes with the range or its subnet, once it is switched off.

import {
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  networksOverlap,
  networkWithPrefix,
  parseIpv4,
} from '../../../ground/address.ts';
import { joinNames } from '../../../ground/counted.ts';
import { INTERFACES_KEY } from '../../../machines/settings.ts';
import { type ChangedRows, withRows } from '../../networks/changed-rows.ts';
import { dhcpRacks, isWaiting, type RangeView, type SubnetView, type VlanView } from '../../networks/network-view.ts';
import type { NetworkDraft } from '../../networks/networks.ts';
import { proposeName } from '../../networks/range-proposal.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import { keepServices, newService, serviceRange, withoutOption } from '../../networks/service-form.ts';
import { MTU_OPTION, networkIn } from '../../racks/cluster-interface.ts';
import { ADDRESSES_NAMED_MAX } from '../../racks/rack-addresses.ts';
import { findNetworkDoubt } from '../../racks/rack-networks.ts';
import { MTU_DEFAULT, type NetworkRecords } from '../../records/network-store.ts';
import type { Rack } from '../../records/rack.ts';
import type { HostAddress } from '../../records/rack-description.ts';
import { pinnedText } from '../../records/settings-refusal.ts';
import type { SubnetService } from '../../records/subnet-service.ts';
import type { RegionSettings } from '../../settings.ts';
import { isRefusal, type Refusal, refuse, refuseField } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';
import { serviceRow, VLAN_NO_RANGE } from './network-calls.ts';

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

/** The rows that change. */
type VlanRows = Pick<NetworkRecords, 'subnets' | 'services' | 'ranges'>;

/** What racks should do in a VLAN. */
interface WantedDhcp {
  readonly isOn: (served: ServedNetwork) => boolean;
  /** The waiting ranges that cluster interfaces get. */
  readonly completed: ReadonlyMap<ServedNetwork, RangeView>;
  /** The rows of further cluster interfaces. */
  readonly added: VlanRows;
}

/** Racks that offer DHCP, by UUID. `primary` is undefined if none was named. */
interface WantedRacks {
  readonly isOn: boolean;
  readonly primary: string | undefined;
  readonly secondary: string | undefined;
}

const NO_ROWS: VlanRows = { subnets: [], services: [], ranges: [] };
const isServing = ({ management }: ServedNetwork): boolean => management > 0;
const SHOWN_MAX = 64;

/** The rows with what is wanted of the racks in a VLAN. */
export function vlanRows(
  view: NetworkDraft,
  vlan: VlanView,
  wanted: WantedService,
  known: KnownRacks,
): VlanRows | Refusal {
  const dhcp = wantedDhcp(view, vlan, wanted, known);
  if (isRefusal(dhcp)) return dhcp;
  const { isOn, completed, added } = dhcp;
  const { mtu } = wanted;
  const affected = vlan.served.filter(
    (served) =>
      isOn(served) !== isServing(served) ||
      completed.has(served) ||
      (mtu !== undefined && (served.mtu ?? MTU_DEFAULT) !== mtu),
  );
  const services = [...added.services];
  const ranges = [...added.ranges];
  for (const served of affected) {
    const row = serviceRow(view, served);
    if (isRefusal(row)) return row;
    const subnet = view.subnets.find(({ subnet: { cidr } }) => cidr === served.cidr);
    const isDns = isServing(served) ? row.isDns : subnet?.allowsDns !== false;
    const switched = isOn(served) ? { ...row, isOn: true, isDns } : { ...row, isOn: false };
    services.push(mtu === undefined ? switched : withoutOption(switched, MTU_OPTION));
    const range = completed.get(served);
    if (range !== undefined) ranges.push(serviceRange(row, 'dynamic', range, { ...range.range, username: '' }));
  }
  return { ...added, services, ranges };
}

function wantedDhcp(view: NetworkDraft, vlan: VlanView, given: WantedService, known: KnownRacks): WantedDhcp | Refusal {
  const unchanged = { isOn: isServing, completed: new Map(), added: NO_ROWS };
  if ([given.dhcp_on, given.primary_rack, given.secondary_rack].every((value) => value === undefined)) return unchanged;
  const wanted = wantedRacks(vlan, given, known);
  if ('kind' in wanted) return wanted;
  const { isOn, primary, secondary } = wanted;
  if (!isOn) return { ...unchanged, isOn: () => false };
  const placed = placeWaiting(view, vlan, wanted, known);
  if (isRefusal(placed)) return placed;
  const { completed, added } = placed;
  for (const [field, rack] of [
    ['primary_rack', primary],
    ['secondary_rack', secondary],
  ] as const) {
    const serves = [...vlan.served, ...added.services].some((service) => service.rack === rack);
    if (rack === undefined || serves) continue;
    return vlan.served.length === 0 && field === 'primary_rack'
      ? refuseField(field, VLAN_NO_RANGE)
      : refuseField(
          field,
          `The rack ${rackName(rack, known)} serves no subnet of this VLAN: give it a cluster interface with a dynamic range of its own first (nodegroups/UUID/interfaces).`,
        );
  }
  const racks = new Set([primary, secondary]);
  const hasDhcp = dhcpRacks(vlan).length > 0;
  const isWanted = (served: ServedNetwork): boolean =>
    completed.has(served) || (primary === undefined ? isServing(served) || !hasDhcp : racks.has(served.rack));
  return { isOn: isWanted, completed, added };
}

function wantedRacks(vlan: VlanView, given: WantedService, known: KnownRacks): WantedRacks | Refusal {
  const serving = dhcpRacks(vlan);
  const isOn = given.dhcp_on ?? serving.length > 0;
  const named: Partial<Record<'primary_rack' | 'secondary_rack', string>> = {};
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
    named[field] = rack;
  }
  const { primary_rack: primary, secondary_rack: secondary } = named;
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
  const serving = served.find((service) => service.rack === name || service.rackName === name)?.rack;
  const uuid = serving ?? settings.findRack(name);
  const rack = racks.find((candidate) => candidate.uuid === uuid);
  return rack === undefined || rack.state === 'accepted' ? uuid : undefined;
}

const rackName = (uuid: string, { racks }: KnownRacks): string =>
  racks.find((rack) => rack.uuid === uuid)?.name ?? uuid;

/**
 * The cluster interfaces that get the waiting ranges of a VLAN: those of a rack that have none, and
 * new ones.
 */
function placeWaiting(
  view: NetworkDraft,
  vlan: VlanView,
  { primary }: WantedRacks,
  known: KnownRacks,
): Pick<WantedDhcp, 'completed' | 'added'> | Refusal {
  const completed = new Map<ServedNetwork, RangeView>();
  let added = NO_ROWS;
  const rack = primary ?? dhcpRacks(vlan)[0]?.rack ?? vlan.served[0]?.rack;
  if (rack === undefined) return { completed, added };
  for (const range of view.ranges) {
    if (!isWaiting(range) || range.subnet.vlan !== vlan) continue;
    const served = range.subnet.served.find((service) => service.rack === rack && service.dynamic === undefined);
    const rows = served === undefined ? addition(view, range, rack, added, known) : NO_ROWS;
    if (isRefusal(rows)) return rows;
    if (served !== undefined) completed.set(served, range);
    added = {
      subnets: [...added.subnets, ...rows.subnets],
      services: [...added.services, ...rows.services],
      ranges: [...added.ranges, ...rows.ranges],
    };
  }
  return { completed, added };
}

/** The rows of a new cluster interface for a waiting range. @param added those before */
function addition(
  { records }: NetworkDraft,
  range: RangeView,
  rack: string,
  added: VlanRows,
  known: KnownRacks,
): VlanRows | Refusal {
  const { subnet, gateway, dnsServers, allowsDns } = range.subnet;
  const place = placeIn(range.subnet, rack, known);
  if ('kind' in place) return place;
  const taken = known.settings.interfacesOf(rack).map(({ name }) => String(name));
  const service = newService(withRows(records, { put: added }), {
    subnetId: subnet.id,
    rack,
    name: proposeName(place.interface, new Set([...taken, ...added.services.map(({ name }) => name)])),
    interface: place.interface,
    ip: place.ip,
    isDns: allowsDns,
  });
  const after = { ...subnet, gateway, dnsServers };
  return {
    subnets: [after],
    services: [...keepServices(records, subnet, after), service],
    ranges: [serviceRange(service, 'dynamic', range, range.range)],
  };
}

const interfaceKey = (name: string): string => `${INTERFACES_KEY}.${name}`;

interface Place {
  readonly interface: string;
  readonly ip: Ipv4;
}

/** The network interface of the rack that is in the subnet, or why the rack cannot serve the subnet there. */
function placeIn(of: SubnetView, uuid: string, { racks, settings }: KnownRacks): Place | Refusal {
  const { network, served } = of;
  const { cidr } = of.subnet;
  const other = served.find((service) => service.rack !== uuid);
  if (other !== undefined)
    return refuseField(
      'primary_rack',
      `The rack ${other.rackName} has the cluster interface ${other.name} in ${cidr}: name ${other.rackName}, or remove that cluster interface first.`,
    );
  const rack = racks.find((candidate) => candidate.uuid === uuid);
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
    const pin = settings.pinnedBy(interfaceKey(name), uuid);
    if (pin !== undefined) return refuse('setting-read-only', pinnedText(interfaceKey(name), pin));
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

/** The one network interface of a host with exactly this network. A host route (/32) counts as no network. */
function ownPlace(
  addresses: readonly HostAddress[],
  network: Ipv4Network,
  words: { readonly network: string; readonly rack: string },
): Place | Refusal {
  const near = addresses.flatMap((host) => {
    const [text = '', prefix] = host.address.split('/');
    const ip = parseIpv4(text);
    if (ip === undefined) return [];
    const own = networkWithPrefix(ip, Number(prefix));
    return own.prefix < 32 && networksOverlap(own, network) ? [{ ...host, ip, network: own }] : [];
  });
  const [own] = near;
  const listing = (near.length === 0 ? addresses : near).map((host) => `${host.interface} ${host.address}`);
  if (own === undefined)
    return refuseField(
      'primary_rack',
      `The rack ${words.rack} has no address in ${words.network}. Its network interfaces have ${listing.length === 0 ? 'no IPv4 address' : joinNames(listing, ADDRESSES_NAMED_MAX)}. Give one of them an address of ${words.network}, or name a rack that has one.`,
    );
  const isOne = near.every((host) => host.interface === own.interface && formatNetwork(host.network) === words.network);
  if (!isOne)
    return refuseField(
      'primary_rack',
      `The rack ${words.rack} has ${joinNames(listing, ADDRESSES_NAMED_MAX)}, which overlap ${words.network}. Leave one network interface in ${words.network}, with the prefix of the subnet.`,
    );
  return { interface: own.interface, ip: own.ip };
}

/** True for the range of a switched off cluster interface that was made for it. */
export const isMade = ({ range, served }: RangeView): boolean =>
  range.kind === 'dynamic' && range.username !== '' && served?.management === 0 && served.fixed === undefined;

/**
 * The removal of a range with the cluster interface that was made for it. The subnet keeps the
 * router and the DNS servers.
 */
export function withoutMade(
  { records }: Pick<NetworkDraft, 'records'>,
  { range, subnet: { subnet, gateway, dnsServers } }: RangeView,
  service: SubnetService,
): ChangedRows {
  const after = { ...subnet, gateway, dnsServers };
  const services = records.services.filter(({ id }) => id !== service.id);
  return {
    put: { subnets: [after], services: keepServices({ services }, subnet, after) },
    remove: { services: [service.id], ranges: [range.id] },
  };
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
