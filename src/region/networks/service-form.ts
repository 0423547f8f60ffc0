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
//    dynamic range that waits there, so that ids stay. A service that goes leaves its rows to the
//    other one of its rack.
// 5. The MTU of a VLAN and the static routes of a subnet are rendered as options 26 and 121. An
//    entry that has others for all clients keeps them in `terms`, and they win.

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
import {
  addressIn,
  hasOption,
  isOption,
  MTU_OPTION,
  networkIn,
  type OptionId,
  ROUTES_OPTION,
  rangeIn,
} from '../racks/cluster-interface.ts';
import {
  isHeldRange,
  isOfService,
  MTU_DEFAULT,
  type NetworkRecords,
  type ServiceRange,
  type Subnet,
} from '../records/network-store.ts';
import type { StoredSetting } from '../records/stored-setting.ts';
import { NO_ROUTER, type SubnetService } from '../records/subnet-service.ts';
import type { ChangedRows } from './changed-rows.ts';
import { missingPlace, newSubnet } from './reconcile.ts';

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
  const made = newService(records, {
    subnetId: subnet.id,
    rack: entry.rack,
    name: entry.name,
    interface: parsed.interface,
    ip: parsed.ip,
    isDns: parsed.isDns ?? before?.isDns ?? subnet.allowsDns,
  });
  const service: SubnetService = {
    ...made,
    id: before?.id ?? made.id,
    position: before?.position ?? entry.position ?? made.position,
    isOn: parsed.isOn,
    isProxy: parsed.isProxy,
    router: router.own === null ? NO_ROUTER : router.own,
    dnsServers: parsed.dnsServers?.length === 0 ? [] : servers.own,
    terms: withoutRendered(parsed.terms, renderOptions(records, subnet, parsed)),
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
  if (service === undefined) return undefined;
  const isOfRack = ({ id, subnetId, rack: other }: SubnetService): boolean =>
    id !== service.id && subnetId === service.subnetId && other === rack;
  const heir = records.services.find(isOfRack);
  const rangesOf = (of: SubnetService | undefined): readonly ServiceRange[] =>
    records.ranges.filter(isOfService).filter(({ serviceId }) => serviceId === of?.id);
  const former = rangesOf(service);
  const inherited = rangesOf(heir).flatMap((range) => {
    const { id, username, comment } = former.find(({ kind }) => kind === range.kind) ?? range;
    return id === range.id ? [] : [{ range, row: { ...range, id, username, comment } }];
  });
  const left = new Set(inherited.map(({ row }) => row.id));
  return {
    put: { ...leaveSubnet(records, service), ranges: inherited.map(({ row }) => row) },
    remove: {
      services: [service.id],
      ranges: [...former.map(({ id }) => id).filter((id) => !left.has(id)), ...inherited.map(({ range }) => range.id)],
    },
  };
}

/** A service with what its subnet has, after all others. */
export function newService(
  { services }: NetworkRecords,
  parts: Pick<SubnetService, 'subnetId' | 'rack' | 'name' | 'interface' | 'ip' | 'isDns'>,
): SubnetService {
  return {
    ...parts,
    // Clients know no ids of services, so these need not be unique for ever.
    id: Math.max(0, ...services.map(({ id }) => id)) + 1,
    position: Math.max(0, ...services.map(({ position }) => position)) + 1,
    isOn: true,
    isProxy: false,
    router: undefined,
    dnsServers: undefined,
    terms: {},
    madeBy: undefined,
    changedMs: 0,
  };
}

const NOTHING = { subnets: [], services: [] } as const;

/**
 * What changes in a subnet when a service leaves it: a router or DNS servers that none of the
 * others has give way to those of the first one.
 */
function leaveSubnet(records: NetworkRecords, service: SubnetService): Pick<NetworkRecords, 'subnets' | 'services'> {
  const subnet = records.subnets.find(({ id }) => id === service.subnetId);
  const others = records.services.filter(({ id, subnetId }) => subnetId === service.subnetId && id !== service.id);
  const [heir] = others;
  if (subnet === undefined || heir === undefined) return NOTHING;
  const router = heir.router ?? subnet.gateway;
  const servers = heir.dnsServers === undefined ? serversOf(subnet) : (heir.dnsServers ?? undefined);
  const after = {
    ...subnet,
    ...(service.router === undefined ? { gateway: router === NO_ROUTER ? undefined : router } : {}),
    ...(service.dnsServers === undefined ? { dnsServers: servers ?? [] } : {}),
  };
  return {
    subnets: isDeepStrictEqual(after, subnet) ? [] : [after],
    services: keepServices({ services: others }, subnet, after),
  };
}

/**
 * The services of a subnet that changes, as they must be put to keep their routers and DNS servers.
 * @param edited some of them, with others
 */
export function keepServices(
  { services }: Pick<NetworkRecords, 'services'>,
  before: Subnet,
  after: Subnet,
  edited: readonly SubnetService[] = [],
): readonly SubnetService[] {
  const [formerServers, servers] = [before, after].map(serversOf);
  return services.flatMap((service) => {
    if (service.subnetId !== before.id) return [];
    const wanted = edited.find(({ id }) => id === service.id) ?? service;
    const withRouter = keepField(wanted, 'router', before.gateway, after.gateway);
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

/** The row of a range of a service. @param row its id and texts, as they are or will be */
export const serviceRange = (
  { id: serviceId, subnetId, rack }: SubnetService,
  kind: 'dynamic' | 'static',
  { low, high }: Ipv4Range,
  { id, username, comment }: Pick<ServiceRange, 'id' | 'username' | 'comment'>,
): ServiceRange => ({ kind, id, subnetId, rack, username, comment, serviceId, low, high });

function placeRange(
  { ranges }: NetworkRecords,
  service: SubnetService,
  kind: 'dynamic' | 'static',
  bounds: Ipv4Range,
  takeId: () => number,
): ServiceRange {
  const { id: serviceId, subnetId, rack } = service;
  const alike = ranges.filter((one) => one.subnetId === subnetId && one.kind === kind);
  const former =
    alike.find((one) => isOfService(one) && one.serviceId === serviceId) ??
    alike.find((one) => !isHeldRange(one) && !isOfService(one) && one.rack === rack);
  const { id, comment } = former ?? alike.find(isHeldRange) ?? { id: takeId(), comment: '' };
  return serviceRange(service, kind, bounds, { id, username: former?.username ?? '', comment });
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
export function renderServices(records: NetworkRecords): readonly StoredSetting[] {
  const { services, subnets, ranges } = records;
  const subnetOf = new Map(subnets.map((subnet) => [subnet.id, subnet]));
  const rangesOf = Map.groupBy(ranges.filter(isOfService), ({ serviceId }) => serviceId);
  return services
    .toSorted((a, b) => a.position - b.position)
    .flatMap((service): readonly StoredSetting[] => {
      const subnet = subnetOf.get(service.subnetId);
      if (subnet === undefined) return [];
      const options = withRendered(service.terms.options, renderOptions(records, subnet, service));
      const value = { ...renderService(service, subnet, rangesOf.get(service.id) ?? []), ...options };
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

interface RenderedOption extends OptionId {
  readonly value: SettingValue;
}

/** The options that racks hand out in a subnet because of its VLAN and its static routes. */
function renderOptions(
  { vlans, subnets, routes }: NetworkRecords,
  subnet: Subnet,
  { isProxy }: Pick<SubnetService, 'isProxy'>,
): readonly RenderedOption[] {
  // The other DHCP server gives the options.
  if (isProxy) return [];
  const mtu = vlans.find(({ id }) => id === subnet.vlanId)?.mtu ?? MTU_DEFAULT;
  const value = routes
    .filter(({ sourceId }) => sourceId === subnet.id)
    .toSorted((a, b) => a.metric - b.metric)
    .flatMap(({ destinationId, gateway }) => {
      const destination = subnets.find(({ id }) => id === destinationId);
      return destination === undefined ? [] : [[destination.cidr, formatIpv4(gateway)]];
    });
  return [
    ...(mtu === MTU_DEFAULT ? [] : [{ ...MTU_OPTION, value: mtu }]),
    ...(value.length === 0 ? [] : [{ ...ROUTES_OPTION, value }]),
  ];
}

/** The options of an entry with those that are rendered, unless it has its own. */
function withRendered(own: SettingValue | undefined, rendered: readonly RenderedOption[]): Settings {
  const written = Array.isArray(own) ? own : [];
  if (own !== written && own !== undefined) return {};
  const further = rendered.filter((option) => !hasOption(written, option)).map(({ code, value }) => ({ code, value }));
  return further.length === 0 ? {} : { options: [...written, ...further] };
}

/** The terms of an entry without the options that are rendered anyway. */
function withoutRendered(terms: Settings, rendered: readonly RenderedOption[]): Settings {
  return withOptions(terms, (option) =>
    rendered.every(
      ({ code, name, value }) =>
        ![
          { code, value },
          { name, value },
        ].some((equal) => isDeepStrictEqual(option, equal)),
    ),
  );
}

/** A service without an option of its own for all clients. */
export function withoutOption(service: SubnetService, id: OptionId): SubnetService {
  return { ...service, terms: withOptions(service.terms, (option) => !isOption(option, id)) };
}

function withOptions(terms: Settings, isLeft: (option: SettingValue) => boolean): Settings {
  const { options, ...others } = terms;
  if (!Array.isArray(options)) return terms;
  const left = options.filter(isLeft);
  if (left.length === options.length) return terms;
  return left.length === 0 ? others : { ...others, options: left };
}
