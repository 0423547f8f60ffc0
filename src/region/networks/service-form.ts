// The rows of a cluster interface, and the same in the form of a configuration file, in which
// people edit it and racks get it. Pure.
//
//   entry of cluster_interfaces ── putEntry ──► service, subnet, ranges ── renderServices ──► entry
//
// 1. A rack serves the same with the entry that is rendered as with the one that was put: only
//    spellings differ. It is rendered with `network`, never with the mask and the broadcast address
//    that follow from it.
// 2. A value that no column can hold stays in `terms` as it is written, so nothing is lost, and a
//    mistake stays one.
// 3. Router and DNS servers are the subnet's. A service has its own only where racks of one subnet
//    differ, or a person gave the subnet others while it was not in force.
// 4. A range takes the row of the former range of its kind and rack in the subnet, or of the
//    dynamic range that waits there, so that ids stay.

import { isDeepStrictEqual } from 'node:util';
import {
  broadcastAddress,
  formatIpv4,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  maskToPrefix,
  parseIpv4,
} from '../../ground/address.ts';
import { INTERFACES_KEY, type Settings, type SettingValue } from '../../machines/settings.ts';
import { addressIn, networkIn, rangeIn } from '../racks/cluster-interface.ts';
import {
  isHeldRange,
  isOfService,
  type NetworkRecords,
  type ServiceRange,
  type Subnet,
} from '../records/network-store.ts';
import type { StoredSetting } from '../records/stored-setting.ts';
import { NO_ROUTER, type SubnetService } from '../records/subnet-service.ts';
import { type ChangedRows, missingPlace, newSubnet } from './reconcile.ts';

/** An entry of `cluster_interfaces`. */
interface ServiceEntry {
  /** The UUID of its rack. */
  readonly rack: string;
  readonly name: string;
  /** Its fields without the name. */
  readonly value: Settings;
  /** Wall time in milliseconds. */
  readonly changedMs: number;
  /** Of a new one; `undefined`: after all others. */
  readonly position?: number | undefined;
}

interface ServiceRows extends ChangedRows {
  readonly nextId: number;
}

const RANGE_FIELDS = { dynamic: 'ip_range', static: 'static_ip_range' } as const;
const RANGE_KINDS = ['dynamic', 'static'] as const;

/** The rows after an entry was put; `undefined`: it has no network, so it cannot be a row. */
export function putEntry(records: NetworkRecords, entry: ServiceEntry, nextId: number): ServiceRows | undefined {
  const parsed = parseService(entry.value);
  if (parsed === undefined) return undefined;
  let next = nextId;
  const takeId = (): number => {
    next += 1;
    return next - 1;
  };
  const before = findService(records, entry.rack, entry.name);
  const former = findSubnet(records, parsed.network, takeId);
  const present = records.services.filter(({ subnetId, id }) => subnetId === former.id && id !== before?.id);
  const isMoved = before?.subnetId !== former.id;
  // What a host's router is in a subnet that nobody serves ends with the first service.
  const inherited = present.length === 0 && isMoved && !former.isTouched ? { ...former, gateway: undefined } : former;
  const follows = isMoved ? undefined : before;
  const router = inherit(
    inherited.gateway,
    parsed.router,
    follows?.router === undefined && !isMoved,
    present,
    'router',
  );
  const servers = inherit(
    serversOf(inherited),
    parsed.dnsServers?.length === 0 ? undefined : parsed.dnsServers,
    follows?.dnsServers === undefined && !isMoved,
    router.present,
    'dnsServers',
  );
  const subnet: Subnet = { ...inherited, gateway: router.ofSubnet, dnsServers: servers.ofSubnet ?? [] };
  const service: SubnetService = {
    // Clients know no ids of services, so these need not be unique for ever.
    id: before?.id ?? Math.max(0, ...records.services.map(({ id }) => id)) + 1,
    subnetId: subnet.id,
    rack: entry.rack,
    name: entry.name,
    position:
      before?.position ?? entry.position ?? Math.max(0, ...records.services.map(({ position }) => position)) + 1,
    interface: parsed.interface,
    ip: parsed.ip,
    isOn: parsed.isOn,
    isDns: parsed.isDns ?? before?.isDns ?? subnet.allowsDns,
    isProxy: parsed.isProxy,
    router: router.own === null ? NO_ROUTER : router.own,
    dnsServers: parsed.dnsServers?.length === 0 ? [] : servers.own,
    terms: parsed.terms,
    madeBy: before?.madeBy,
    changedMs: entry.changedMs,
  };
  const left = isMoved && before !== undefined ? leaveSubnet(records, before) : NOTHING;
  const ranges = RANGE_KINDS.flatMap((kind): readonly ServiceRange[] => {
    const bounds = parsed[kind];
    return bounds === undefined ? [] : [placeRange(records, service, kind, bounds, takeId)];
  });
  const taken = new Set(ranges.map(({ id }) => id));
  return {
    put: {
      ...missingPlace(records),
      subnets: [
        ...left.subnets,
        ...(records.subnets.includes(former) && isDeepStrictEqual(former, subnet) ? [] : [subnet]),
      ],
      services: [service, ...left.services, ...servers.present.filter((other) => !present.includes(other))],
      ranges,
    },
    remove: { ranges: rangeIds(records, before).filter((id) => !taken.has(id)) },
    nextId: next,
  };
}

/** The rows without an entry; `undefined`: no row has it. */
export function removeEntry(records: NetworkRecords, rack: string, name: string): ChangedRows | undefined {
  const service = findService(records, rack, name);
  return (
    service && {
      put: leaveSubnet(records, service),
      remove: { services: [service.id], ranges: rangeIds(records, service) },
    }
  );
}

const NOTHING = { subnets: [], services: [] } as const;

/**
 * What changes in a subnet when a service leaves it: a router that none of the others has gives way
 * to that of the first one.
 */
function leaveSubnet(records: NetworkRecords, service: SubnetService): Pick<NetworkRecords, 'subnets' | 'services'> {
  const subnet = records.subnets.find(({ id }) => id === service.subnetId);
  const others = records.services.filter(({ id, subnetId }) => subnetId === service.subnetId && id !== service.id);
  const [heir] = others;
  if (subnet === undefined || heir === undefined || service.router !== undefined) return NOTHING;
  const wanted = heir.router ?? subnet.gateway;
  const { ofSubnet, present } = inherit(
    subnet.gateway,
    wanted === NO_ROUTER ? undefined : wanted,
    true,
    others,
    'router',
  );
  return {
    subnets: ofSubnet === subnet.gateway ? [] : [{ ...subnet, gateway: ofSubnet }],
    services: present.filter((other) => !others.includes(other)),
  };
}

/** The services of a subnet that changes, as they must be put to keep their routers and DNS servers. */
export function keepServices(records: NetworkRecords, before: Subnet, after: Subnet): readonly SubnetService[] {
  const [formerServers, servers] = [before, after].map(serversOf);
  return records.services.flatMap((service) => {
    if (service.subnetId !== before.id) return [];
    const withRouter = keepField(service, 'router', before.gateway, after.gateway);
    const kept = keepField(withRouter, 'dnsServers', formerServers, servers);
    return kept === service ? [] : [kept];
  });
}

const serversOf = ({ dnsServers }: Pick<Subnet, 'dnsServers'>): readonly string[] | undefined =>
  dnsServers.length === 0 ? undefined : dnsServers;

const findService = ({ services }: NetworkRecords, rack: string, name: string): SubnetService | undefined =>
  services.find((one) => one.rack === rack && one.name === name);

const rangeIds = ({ ranges }: NetworkRecords, service: SubnetService | undefined): readonly number[] =>
  ranges.flatMap((range) => (isOfService(range) && range.serviceId === service?.id ? [range.id] : []));

function findSubnet({ subnets }: NetworkRecords, network: Ipv4Network, takeId: () => number): Subnet {
  const cidr = formatNetwork(network);
  const isFree = subnets.every(({ id }) => id !== network.address);
  return subnets.find((one) => one.cidr === cidr) ?? newSubnet(isFree ? network.address : takeId(), cidr);
}

/**
 * Divides a value between the subnet and the services in it (rule 3), so that those that are
 * present keep theirs.
 * @param wanted the service's
 * @param isFollower true if the service had the subnet's
 * @returns `own`: what the service has of its own; `null`: nothing, although the subnet has something
 */
function inherit<K extends 'router' | 'dnsServers', T extends SubnetService[K] & {}>(
  ofSubnet: T | undefined,
  wanted: T | undefined,
  isFollower: boolean,
  present: readonly SubnetService[],
  field: K,
): {
  readonly ofSubnet: T | undefined;
  readonly own: T | null | undefined;
  readonly present: readonly SubnetService[];
} {
  const isAlone = ofSubnet === undefined || present.every((other) => other[field] !== undefined);
  const isMoved = isAlone && (wanted !== undefined || isFollower);
  const now = isMoved ? wanted : ofSubnet;
  return {
    ofSubnet: now,
    own: isDeepStrictEqual(wanted, now) ? undefined : (wanted ?? null),
    present: present.map((other) => keepField(other, field, ofSubnet, now)),
  };
}

/** A service that has the same when the value of its subnet changes. */
function keepField<K extends 'router' | 'dnsServers'>(
  service: SubnetService,
  field: K,
  before: SubnetService[K],
  now: SubnetService[K],
): SubnetService {
  const none = field === 'router' ? NO_ROUTER : null;
  const had = service[field] === undefined ? (before ?? none) : service[field];
  const value = isDeepStrictEqual(had, now ?? none) ? undefined : had;
  return isDeepStrictEqual(value, service[field]) ? service : { ...service, [field]: value };
}

function placeRange(
  { ranges }: NetworkRecords,
  { id: serviceId, subnetId, rack }: SubnetService,
  kind: 'dynamic' | 'static',
  { low, high }: Ipv4Range,
  takeId: () => number,
): ServiceRange {
  const alike = ranges.filter((one) => one.subnetId === subnetId && one.kind === kind);
  const former = alike.find((one) => !isHeldRange(one) && one.rack === rack);
  const { id, comment } = former ?? alike.find(isHeldRange) ?? { id: takeId(), comment: '' };
  return { kind, id, subnetId, rack, username: former?.username ?? '', comment, serviceId, low, high };
}

/** A service as its entry has it. */
interface ParsedService
  extends Pick<SubnetService, 'interface' | 'ip' | 'isOn' | 'isProxy' | 'terms'>,
    Partial<Record<'dynamic' | 'static', Ipv4Range>> {
  readonly network: Ipv4Network;
  /** `undefined`: it is off. */
  readonly isDns: boolean | undefined;
  readonly router: Ipv4 | undefined;
  readonly dnsServers: readonly string[] | undefined;
}

/** @returns `undefined`: it has no network */
function parseService(entry: Settings): ParsedService | undefined {
  const network = networkIn(entry);
  if (network === undefined) return undefined;
  const { interface: nic, relayed, management, mode, dns_servers: written } = entry;
  const device = typeof nic === 'string' ? nic.trim() : '';
  const ip = addressIn(entry, network, 'ip');
  const router = addressIn(entry, network, 'router_ip');
  const dnsServers = Array.isArray(written) && written.every(isText) ? written : undefined;
  const dynamic = rangeIn(entry, network, RANGE_FIELDS.dynamic);
  const fixed = rangeIn(entry, network, RANGE_FIELDS.static);
  const isPlaced = device !== '' || ip !== undefined;
  const held: Readonly<Record<string, boolean>> = {
    network: true,
    subnet_mask: addressAt(entry, 'subnet_mask', maskToPrefix) === network.prefix,
    broadcast_ip: addressAt(entry, 'broadcast_ip', Number) === broadcastAddress(network),
    interface: device !== '',
    ip: ip !== undefined,
    relayed: relayed === !isPlaced,
    management: management === 0 || management === 1 || management === 2,
    mode: mode === 'server' || mode === 'proxy',
    router_ip: router !== undefined,
    dns_servers: dnsServers !== undefined,
    ip_range_low: dynamic !== undefined,
    ip_range_high: dynamic !== undefined,
    static_ip_range_low: fixed !== undefined,
    static_ip_range_high: fixed !== undefined,
  };
  return {
    network,
    interface: device === '' ? undefined : device,
    ip,
    isOn: management !== 0,
    isDns: management === 0 ? undefined : management !== 1,
    isProxy: mode === 'proxy',
    router,
    dnsServers,
    ...(dynamic === undefined ? {} : { dynamic }),
    ...(fixed === undefined ? {} : { static: fixed }),
    terms: Object.fromEntries([
      // Without an interface and an address it would be rendered as relayed.
      ...(isPlaced || relayed !== undefined ? [] : [['relayed', false] as const]),
      ...Object.entries(entry).filter(([field]) => held[field] !== true),
    ]),
  };
}

const isText = (value: SettingValue): value is string => typeof value === 'string';

function addressAt<T>(entry: Settings, field: string, read: (address: Ipv4) => T): T | undefined {
  const address = parseIpv4(String(entry[field] ?? '').trim());
  return address === undefined ? undefined : read(address);
}

/** The stored services as settings, in the order of racks. */
export function renderServices({ services, subnets, ranges }: NetworkRecords): readonly StoredSetting[] {
  const subnetOf = new Map(subnets.map((subnet) => [subnet.id, subnet]));
  const rangesOf = Map.groupBy(ranges.filter(isOfService), ({ serviceId }) => serviceId);
  return services
    .toSorted((a, b) => a.position - b.position)
    .flatMap((service): readonly StoredSetting[] => {
      const subnet = subnetOf.get(service.subnetId);
      if (subnet === undefined) return [];
      const value = renderService(service, subnet, rangesOf.get(service.id) ?? []);
      return [{ rack: service.rack, key: `${INTERFACES_KEY}.${service.name}`, value }];
    });
}

function renderService(service: SubnetService, subnet: Subnet, ranges: readonly ServiceRange[]): Settings {
  const { isOn, isDns, ip } = service;
  const router = service.router ?? subnet.gateway;
  const ofSubnet = subnet.dnsServers.length === 0 ? null : subnet.dnsServers;
  const dnsServers = service.dnsServers === undefined ? ofSubnet : service.dnsServers;
  const isRelayed = service.interface === undefined && ip === undefined;
  const bounds = RANGE_KINDS.flatMap((kind) =>
    ranges
      .filter((range) => range.kind === kind)
      .flatMap(({ low, high }) => [
        [`${RANGE_FIELDS[kind]}_low`, formatIpv4(low)],
        [`${RANGE_FIELDS[kind]}_high`, formatIpv4(high)],
      ]),
  );
  return {
    ...(service.interface === undefined ? {} : { interface: service.interface }),
    ...(isRelayed ? { relayed: true } : {}),
    management: !isOn ? 0 : isDns ? 2 : 1,
    ...(ip === undefined ? {} : { ip: formatIpv4(ip) }),
    network: subnet.cidr,
    ...(router === undefined || router === NO_ROUTER ? {} : { router_ip: formatIpv4(router) }),
    ...Object.fromEntries(bounds),
    ...(dnsServers === null ? {} : { dns_servers: dnsServers }),
    ...(service.isProxy ? { mode: 'proxy' } : {}),
    ...service.terms,
  };
}
