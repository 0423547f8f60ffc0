// The rows of a cluster interface, and the same in the form of a configuration file, in which
// people edit it and racks get it. Pure.
//
//   entry of cluster_interfaces ── putEntry ──► service, subnet, hosts, ranges ── renderServices ──► entry
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
// 6. Each entry of `hosts` is a row of its service, by its address, as it is written and in its
//    order; those without an address of the network, or with that of one before, stay in `terms` and
//    follow. Hosts of the subnet itself are rendered with every service there. One that an entry
//    changes or leaves out is that service's from then on, and each other service keeps its own copy.

import { isDeepStrictEqual } from 'node:util';
import {
  computeBroadcastAddress,
  formatIpv4,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  maskToPrefix,
  networkContains,
  parseIpv4,
} from '../../ground/address.ts';
import { INTERFACES_KEY, isSettings, type Settings, type SettingValue } from '../../machines/settings.ts';
import {
  addressIn,
  hasOption,
  hostsIn,
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
import {
  listHosts,
  listSubnetHosts,
  NO_HOSTS,
  NO_ROUTER,
  type SubnetHost,
  type SubnetService,
} from '../records/subnet-service.ts';
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
  const former = findOrMakeSubnet(records, parsed.network, takeId);
  const present = records.services.filter(({ subnetId, id }) => subnetId === former.id && id !== before?.id);
  const isMoved = before?.subnetId !== former.id;
  // What a host's router is in a subnet that nobody serves ends with the first service.
  const inherited = present.length === 0 && isMoved && !former.isTouched ? { ...former, gateway: undefined } : former;
  const change = { present, follower: isMoved ? undefined : before };
  const subnet: Subnet = {
    ...inherited,
    gateway: settle(inherited.gateway, parsed.router, 'router', change),
    dnsServers: settle(definedServers(inherited), definedServers(parsed), 'dnsServers', change) ?? [],
  };
  const made = newService(records, {
    subnetId: subnet.id,
    rack: entry.rack,
    name: entry.name,
    interface: parsed.interface,
    ip: parsed.ip,
    isDns: parsed.isDns ?? before?.isDns ?? subnet.allowsDns,
  });
  const whole: SubnetService = {
    ...made,
    id: before?.id ?? made.id,
    position: before?.position ?? entry.position ?? made.position,
    isOn: parsed.isOn,
    isProxy: parsed.isProxy,
    router: parsed.router ?? NO_ROUTER,
    dnsServers: parsed.dnsServers ?? null,
    terms: withoutRendered(parsed.terms, optionRenderer(records)(subnet, parsed)),
    madeBy: before?.madeBy,
    changedMs: entry.changedMs,
  };
  const service = keepService(whole, inherited, subnet);
  const left = isMoved && before !== undefined ? leaveSubnet(records, before) : NOTHING;
  const ranges = RANGE_KINDS.flatMap((kind): readonly ServiceRange[] => {
    const bounds = parsed[kind];
    return bounds === undefined ? [] : [placeRange(records, service, kind, bounds, takeId)];
  });
  const taken = new Set(ranges.map(({ id }) => id));
  const hosts = placeHosts(records, before, service, parsed.hosts, takeId);
  return {
    put: {
      ...missingPlace(records),
      subnets: [
        ...left.subnets,
        ...(records.subnets.includes(former) && isDeepStrictEqual(former, subnet) ? [] : [subnet]),
      ],
      services: [service, ...left.services, ...keepServices({ services: present }, inherited, subnet)],
      hosts: hosts.put,
      ranges,
    },
    remove: {
      hosts: hosts.remove,
      ranges: listRanges(records, before).flatMap(({ id }) => (taken.has(id) ? [] : [id])),
    },
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
  const former = listRanges(records, service);
  const inherited = listRanges(records, heir).flatMap((range) => {
    const { id, username, comment } = former.find(({ kind }) => kind === range.kind) ?? range;
    return id === range.id ? [] : [{ range, row: { ...range, id, username, comment } }];
  });
  const left = new Set(inherited.map(({ row }) => row.id));
  return {
    put: { ...leaveSubnet(records, service), ranges: inherited.map(({ row }) => row) },
    remove: {
      services: [service.id],
      hosts: listHosts(records, service.id).map(({ id }) => id),
      ranges: [...former.map(({ id }) => id).filter((id) => !left.has(id)), ...inherited.map(({ range }) => range.id)],
    },
  };
}

/** A service with what its subnet has, after all others. */
export function newService(
  { services }: NetworkRecords,
  fields: Pick<SubnetService, 'subnetId' | 'rack' | 'name' | 'interface' | 'ip' | 'isDns'>,
): SubnetService {
  return {
    ...fields,
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
  const servers = heir.dnsServers === undefined ? definedServers(subnet) : (heir.dnsServers ?? undefined);
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
  return services.flatMap((service) => {
    if (service.subnetId !== before.id) return [];
    const wanted = keepService(edited.find(({ id }) => id === service.id) ?? service, before, after);
    return wanted === service ? [] : [wanted];
  });
}

/** A service that has the same router and DNS servers when its subnet changes. */
function keepService(service: SubnetService, before: Subnet, after: Subnet): SubnetService {
  const withRouter = keepField(service, 'router', before.gateway, after.gateway);
  return keepField(withRouter, 'dnsServers', definedServers(before), definedServers(after));
}

function definedServers({ dnsServers }: Pick<ParsedService, 'dnsServers'>): readonly string[] | undefined {
  return dnsServers?.length === 0 ? undefined : dnsServers;
}

const findService = ({ services }: NetworkRecords, rack: string, name: string): SubnetService | undefined =>
  services.find((service) => service.rack === rack && service.name === name);

const listRanges = ({ ranges }: NetworkRecords, service: SubnetService | undefined): readonly ServiceRange[] =>
  ranges.filter(isOfService).filter(({ serviceId }) => serviceId === service?.id);

function findOrMakeSubnet({ subnets }: NetworkRecords, network: Ipv4Network, takeId: () => number): Subnet {
  const cidr = formatNetwork(network);
  const isFree = subnets.every(({ id }) => id !== network.address);
  return subnets.find((subnet) => subnet.cidr === cidr) ?? newSubnet(isFree ? network.address : takeId(), cidr);
}

/**
 * The value that a subnet has once a service in it is put (rule 3): that of the service, unless one
 * that is present shares the former.
 * @param wanted the service's; `undefined`: none
 * @param change `follower`: the service as it was in the subnet
 */
function settle<T>(
  ofSubnet: T | undefined,
  wanted: T | undefined,
  field: 'router' | 'dnsServers',
  change: { readonly present: readonly SubnetService[]; readonly follower: SubnetService | undefined },
): T | undefined {
  const isShared = ofSubnet !== undefined && change.present.some((other) => other[field] === undefined);
  const isChanged = wanted !== undefined || (change.follower !== undefined && change.follower[field] === undefined);
  return isChanged && !isShared ? wanted : ofSubnet;
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
  const alike = ranges.filter((range) => range.subnetId === subnetId && range.kind === kind);
  const former =
    alike.find((range) => isOfService(range) && range.serviceId === serviceId) ??
    alike.find((range) => !isHeldRange(range) && !isOfService(range) && range.rack === rack);
  const { id, comment } = former ?? alike.find(isHeldRange) ?? { id: takeId(), comment: '' };
  return serviceRange(service, kind, bounds, { id, username: former?.username ?? '', comment });
}

/** The rows of the hosts of a service (rule 6). @param written its entries, in their order */
function placeHosts(
  records: NetworkRecords,
  before: SubnetService | undefined,
  { id: serviceId, subnetId }: SubnetService,
  written: ReadonlyMap<Ipv4, Settings>,
  takeId: () => number,
): { readonly put: readonly SubnetHost[]; readonly remove: readonly number[] } {
  const isMoved = before?.subnetId !== subnetId;
  const shared = listSubnetHosts(records, subnetId);
  const own = before === undefined ? NO_HOSTS : listHosts(records, serviceId);
  const former = byAddress([...shared, ...own]);
  const put: SubnetHost[] = [];
  const left = new Set<number>();
  let ids: ReadonlySet<number> | undefined;
  const idFor = (address: Ipv4): number => {
    ids ??= new Set(records.hosts.map(({ id }) => id));
    return ids.has(address) ? takeId() : address;
  };
  let last = 0;
  for (const [address, entry] of written) {
    const row = former.get(address);
    const isSame = row?.subnetId === subnetId && isDeepStrictEqual(row.entry, entry);
    if (row !== undefined) left.add(row.id);
    if (isSame && row.serviceId === undefined) continue;
    const isPlaced = row?.serviceId === serviceId && row.position > last;
    const position = isPlaced ? row.position : last + 1;
    last = position;
    if (isSame && isPlaced) continue;
    const { id, comment } = row ?? { id: idFor(address), comment: '' };
    put.push({ id, subnetId, serviceId, position, address, entry, comment });
  }
  const gone = [...own, ...(isMoved ? [] : shared)].filter(({ id }) => !left.has(id));
  const taken = new Set([...gone, ...put].map(({ id }) => id));
  const others = records.services.filter((other) => other.subnetId === subnetId && other.id !== serviceId);
  const copies = shared
    .filter(({ id }) => taken.has(id))
    .flatMap((host) => others.map((other) => ({ ...host, id: takeId(), serviceId: other.id })));
  return { put: [...put, ...copies], remove: gone.map(({ id }) => id) };
}

const byAddress = (hosts: readonly SubnetHost[]): ReadonlyMap<Ipv4, SubnetHost> =>
  new Map(hosts.map((host) => [host.address, host]));

/** Divides `hosts` between rows and `terms` (rule 6). */
function divideHosts(
  entry: Settings,
  network: Ipv4Network,
): { readonly written: ReadonlyMap<Ipv4, Settings>; readonly others: SettingValue } {
  const written = new Map<Ipv4, Settings>();
  const { hosts = [] } = entry;
  if (!Array.isArray(hosts)) return { written, others: hosts };
  const addresses = hostsIn(entry).map(({ address }) => address);
  const others = hosts.filter((host: SettingValue, index) => {
    const address = addresses[index];
    const isRow = address !== undefined && networkContains(network, address) && !written.has(address);
    if (!isRow || !isSettings(host)) return true;
    written.set(address, host);
    return false;
  });
  return { written, others };
}

/** A service as its entry has it. */
interface ParsedService
  extends Pick<SubnetService, 'interface' | 'ip' | 'isOn' | 'isProxy' | 'terms'>,
    Partial<Record<'dynamic' | 'static', Ipv4Range>> {
  readonly network: Ipv4Network;
  readonly hosts: ReadonlyMap<Ipv4, Settings>;
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
  const { written: hosts, others } = divideHosts(entry, network);
  const held: Readonly<Record<string, boolean>> = {
    network: true,
    subnet_mask: addressAt(entry, 'subnet_mask', maskToPrefix) === network.prefix,
    broadcast_ip: addressAt(entry, 'broadcast_ip', Number) === computeBroadcastAddress(network),
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
    hosts,
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
      ...Object.entries(entry).flatMap(([field, value]) =>
        held[field] === true ? [] : [[field, field === 'hosts' ? others : value] as const],
      ),
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
  const renderOptions = optionRenderer(records);
  return services
    .toSorted((a, b) => a.position - b.position)
    .flatMap((service): readonly StoredSetting[] => {
      const subnet = subnetOf.get(service.subnetId);
      if (subnet === undefined) return [];
      const options = withRendered(service.terms.options, renderOptions(subnet, service));
      const hosts = renderHosts(records, service);
      const value = { ...renderService(service, subnet, rangesOf.get(service.id) ?? []), ...hosts, ...options };
      return [{ rack: service.rack, key: `${INTERFACES_KEY}.${service.name}`, value }];
    });
}

/**
 * The entries of all hosts of a service; the same list for the same hosts: readers keep what they
 * make of it.
 */
const ENTRIES = new WeakMap<readonly SubnetHost[], readonly Settings[]>();

function renderHosts(records: NetworkRecords, { id, subnetId, terms }: SubnetService): Settings {
  const own = listHosts(records, id);
  const entries = ENTRIES.get(own) ?? own.map(({ entry }) => entry);
  ENTRIES.set(own, entries);
  const shared = listSubnetHosts(records, subnetId);
  const others = Array.isArray(terms.hosts) ? terms.hosts : [];
  if (entries.length + shared.length === 0) return {};
  if (shared.length + others.length === 0) return { hosts: entries };
  const addresses = new Set(own.map(({ address }) => address));
  const further = shared.flatMap(({ address, entry }) => (addresses.has(address) ? [] : [entry]));
  return { hosts: [...entries, ...further, ...others] };
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

/** Renders the options that racks hand out in a subnet because of its VLAN and its static routes. */
function optionRenderer({ vlans, subnets, routes }: NetworkRecords) {
  const mtuOf = new Map(vlans.map(({ id, mtu }) => [id, mtu]));
  const cidrOf = new Map(subnets.map(({ id, cidr }) => [id, cidr]));
  const routesFrom = Map.groupBy(
    routes.toSorted((a, b) => a.metric - b.metric),
    ({ sourceId }) => sourceId,
  );
  return ({ id, vlanId }: Subnet, { isProxy }: Pick<SubnetService, 'isProxy'>): readonly RenderedOption[] => {
    // The other DHCP server gives the options.
    if (isProxy) return [];
    const mtu = mtuOf.get(vlanId) ?? MTU_DEFAULT;
    const value = (routesFrom.get(id) ?? []).flatMap(({ destinationId, gateway }) => {
      const destination = cidrOf.get(destinationId);
      return destination === undefined ? [] : [[destination, formatIpv4(gateway)]];
    });
    return [
      ...(mtu === MTU_DEFAULT ? [] : [{ ...MTU_OPTION, value: mtu }]),
      ...(value.length === 0 ? [] : [{ ...ROUTES_OPTION, value }]),
    ];
  };
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
        !isDeepStrictEqual(option, { code, value }) && !isDeepStrictEqual(option, { name, value }),
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
