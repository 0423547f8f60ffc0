// Whether what a change adds to a rack's cluster interfaces has addresses that are not free
// (`address-owners.ts`): dynamic ranges, routers, entries of `hosts`, DNS servers and the rack's
// own addresses. Called within the transaction that stores them.
//
// 1. Only addresses that become dynamic are checked. A range that was dynamic before stays so, even
//    if it is in conflict with something older.
// 2. A router, a DNS server or an address of the rack that was one before, and an entry of `hosts`
//    that was there, stay so, likewise.
// 3. The rules of the configuration judge routers, entries and addresses of a rack by its own
//    ranges. DNS servers are judged here, because an older configuration may have them in a range.
// 4. The check claims addresses (`network-store.ts`), so none is given away while it looks.

import {
  formatIpv4,
  formatMac,
  type Ipv4,
  type Ipv4Range,
  ipv4,
  type MacAddress,
  rangesOverlap,
} from '../../ground/address.ts';
import type { Settings } from '../../machines/settings.ts';
import { type ClusterInterface, type ConfiguredHost, parseClusterInterfaces } from '../racks/cluster-interface.ts';
import type { RegionStore } from '../records/store.ts';
import {
  type Claim,
  configuredBy,
  findBar,
  indexOwners,
  listServers,
  type Owner,
  type OwnerKind,
  ownersUsing,
} from './address-owners.ts';
import { spanText } from './address-use.ts';
import { makeNetworkView } from './network-view.ts';
import type { RackNetworks } from './served-networks.ts';

interface RangeProblem {
  /** The key of the address, or of the first one of the range: `cluster_interfaces.lab.ip_range_low`. */
  readonly key: string;
  readonly message: string;
}

const PIECE = 4096;

const NO_NETWORKS: RackNetworks = { served: [], reported: [], rackHosts: [] };

/** True for a dynamic range that waits for a cluster interface: the new one takes its place. */
export const isAdopted = ({ kind, service }: Owner): boolean => kind === 'dynamic' && service === undefined;

/** True for the dynamic range of a rack that keeps the address for the same host by its own entry. */
const keepsFor = ({ kind, service }: Owner, mac: MacAddress | undefined, owners: readonly Owner[]): boolean =>
  kind === 'dynamic' &&
  mac !== undefined &&
  owners.some((owner) => owner.kind === 'configured' && owner.service === service && owner.mac === mac);

const dynamicIn = (interfaces: readonly ClusterInterface[]): readonly Ipv4Range[] =>
  interfaces.flatMap(({ dynamic }) => dynamic ?? []);

const configuredText = (owner: Owner): string =>
  `kept for ${owner.mac === undefined ? 'another client' : `the host ${formatMac(owner.mac)}`} by ${configuredBy(owner)}`;

/** Why a router, an entry of `hosts` or a rack may not have its address. @param instead what else to give */
export function addressBarText(
  bar: Owner,
  instead: 'another router' | 'another address' | 'the entry another' | 'the rack another' = 'another router',
): string {
  const address = formatIpv4(bar.low);
  switch (bar.kind) {
    case 'dynamic':
      return `The address is in the dynamic range ${spanText(bar)}.`;
    case 'machine':
      return `${address} belongs to ${bar.name}: give that another address first, or ${instead}.`;
    case 'reserved':
      return `${address} is reserved by ${bar.name}: release it first, or give ${instead}.`;
    case 'configured':
      return `${address} is ${configuredText(bar)}: give ${instead}.`;
    case 'edge':
      return `${address} is the first or the last address of its network: give ${instead}.`;
    case 'rack':
    case 'rack-host':
      return `${address} is the address of the rack ${bar.name}: give ${instead}.`;
    case 'static':
      return `The address is in the static range ${spanText(bar)}.`;
    default:
      return `${address} is the router of a subnet or of a static route: give ${instead}.`;
  }
}

const RANGES: Readonly<Partial<Record<OwnerKind, string>>> = {
  dynamic: 'dynamic',
  'reserved-range': 'reserved',
  static: 'static',
};

function rangeBarText(bar: Owner): string {
  const range = RANGES[bar.kind];
  if (range !== undefined)
    return `The range overlaps the ${range} range ${spanText(bar)}${bar.name === '' ? '' : ` of ${bar.name}`}.`;
  const address = formatIpv4(bar.low);
  switch (bar.kind) {
    case 'rack':
      return `The range contains the address ${address} of the rack ${bar.name}.`;
    case 'router':
    case 'route':
      return `The range contains the router ${address}.`;
    case 'dns-server':
      return `The range contains the DNS server ${address}.`;
    case 'machine':
      return `The range contains the address ${address} of the machine ${bar.name}.`;
    case 'configured':
      return `The range contains ${address}, which is ${configuredText(bar)}.`;
    default:
      return `The range contains ${address}, which ${bar.name} has reserved.`;
  }
}

/** True for a DNS server that has its address by an entry of `hosts`, so no range gives it to another. */
const isKept = ({ kind, low }: Owner, owners: readonly Owner[]): boolean =>
  kind === 'dns-server' && owners.some((owner) => owner.kind === 'configured' && owner.low === low);

/** Why a network may not name a DNS server; `undefined`: it may. @param owners of the address */
export function refuseServer(server: Owner, owners: readonly Owner[]): string | undefined {
  const bar = isKept(server, owners) ? undefined : findBar(owners, { kind: 'dns-server' });
  return (
    bar &&
    `${formatIpv4(server.low)} is in the dynamic range ${spanText(bar)}, so any client may get it: give another DNS server, or an entry of hosts for it.`
  );
}

/**
 * Why a range may not have its addresses, another range first; `undefined`: it may. @param all
 * their owners
 */
export function refuseRange(all: readonly Owner[], claim: Claim): string | undefined {
  const owners = all.filter((owner) => !isKept(owner, all));
  const isRange = ({ kind }: Owner): boolean => RANGES[kind] !== undefined;
  const bar =
    findBar(owners.filter(isRange), claim) ??
    findBar(
      owners.filter((owner) => !isRange(owner)),
      claim,
    );
  return bar && rangeBarText(bar);
}

/** A cluster interface with what a change adds to it. */
interface Added extends Pick<ClusterInterface, 'key' | 'router' | 'address'> {
  readonly range: Ipv4Range | undefined;
  readonly hosts: readonly AddedHost[];
  readonly servers: readonly Owner[];
}

interface AddedHost {
  readonly mac: MacAddress | undefined;
  readonly address: Ipv4;
  /** Its place in `hosts`. */
  readonly index: number;
}

function addedHosts(one: ClusterInterface, former: ClusterInterface | undefined): readonly AddedHost[] {
  const textOf = ({ address, mac }: ConfiguredHost): string => `${address} ${mac}`;
  const before = new Set(former?.writtenHosts().map(textOf));
  return one.writtenHosts().flatMap((host, index): readonly AddedHost[] => {
    const { address, mac } = host;
    return address === undefined || before.has(textOf(host)) ? [] : [{ mac, address, index }];
  });
}

function addedTo(before: readonly ClusterInterface[], after: readonly ClusterInterface[]): readonly Added[] {
  const dynamic = dynamicIn(before);
  const isKept = ({ low, high }: Ipv4Range): boolean => dynamic.some((range) => range.low <= low && high <= range.high);
  const routers = new Set(before.map(({ router }) => router));
  const addresses = new Set(before.map(({ address }) => address));
  const servers = new Set(before.flatMap(listServers).map(({ low }) => low));
  const all = after.map((service) => ({
    key: service.key,
    router: routers.has(service.router) ? undefined : service.router,
    address: addresses.has(service.address) ? undefined : service.address,
    range: service.dynamic === undefined || isKept(service.dynamic) ? undefined : service.dynamic,
    hosts: addedHosts(
      service,
      before.find(({ name }) => name === service.name),
    ),
    servers: listServers(service).filter(({ low }) => !servers.has(low)),
  }));
  return all.filter(
    ({ hosts, servers: named, ...one }) =>
      [one.router, one.address, one.range].some((part) => part !== undefined) || hosts.length + named.length > 0,
  );
}

/**
 * The problems of what a change adds to the cluster interfaces of a rack; empty: none.
 * @param before the cluster interfaces in the form of a configuration file. @param after the same
 * after the change
 * @param others the networks of all other racks
 */
export async function findTaken(
  store: RegionStore,
  before: readonly Settings[],
  after: readonly Settings[],
  others: () => RackNetworks = () => NO_NETWORKS,
): Promise<readonly RangeProblem[]> {
  const former = parseClusterInterfaces(before);
  const next = parseClusterInterfaces(after);
  const added = addedTo(former, next);
  if (added.length === 0) return [];
  const records = await store.networks.change((result) => ({ isClaim: true, result }));
  const networks = others();
  const owners = indexOwners(makeNetworkView(records, networks, 0));
  const dynamic = dynamicIn(former);
  const wasDynamic = (owner: Ipv4Range): boolean => dynamic.some((range) => rangesOverlap(range, owner));
  const problems: RangeProblem[] = [];
  for (const { key, router, address, range, hosts, servers } of added) {
    const singles = [router ?? [], address ?? [], hosts.map((host) => host.address)].flat();
    const machines = await machinesAt(store, singles);
    const barAt = (single: Ipv4, claim: Claim): Owner | undefined =>
      findBar([...owners.at(single), ...(machines.get(single) ?? [])], claim);
    const bar = router === undefined ? undefined : barAt(router, { kind: 'router' });
    if (bar !== undefined) problems.push({ key: `${key}.router_ip`, message: addressBarText(bar) });
    if (address !== undefined) {
      const { mac } = networks.rackHosts.find((host) => host.address === address) ?? {};
      const rival = barAt(address, { kind: 'rack', mac });
      if (rival !== undefined) problems.push({ key: `${key}.ip`, message: addressBarText(rival, 'the rack another') });
    }
    if (range !== undefined) {
      const machine = await findFirst(allocatedIn(store, range), ({ low, high }) => !wasDynamic({ low, high }));
      const isRival = (owner: Owner): boolean => !wasDynamic(owner) && !isAdopted(owner);
      const all = [...owners.within(range), ...ownWithin(range, next)].filter(isRival);
      const message = refuseRange([...all, ...machine], { kind: 'dynamic', service: key });
      if (message !== undefined) problems.push({ key: `${key}.ip_range_low`, message });
    }
    for (const { mac, address: at, index } of hosts) {
      const present = owners.at(at);
      const all = [...present, ...(machines.get(at) ?? [])];
      const rivals = all.filter((owner) => !isAdopted(owner) && !keepsFor(owner, mac, present));
      const rival = findBar(rivals, { kind: 'configured', mac });
      if (rival !== undefined)
        problems.push({ key: `${key}.hosts[${index}].ip`, message: addressBarText(rival, 'the entry another') });
    }
    for (const server of servers) {
      const message = refuseServer(server, [...owners.at(server.low), ...ownWithin(server, next)]);
      if (message !== undefined) problems.push({ key: `${key}.dns_servers`, message });
    }
  }
  return problems;
}

/** What the rack itself has within a span, as far as its DNS servers are concerned. */
const ownWithin = (span: Ipv4Range, interfaces: readonly ClusterInterface[]): readonly Owner[] =>
  interfaces.flatMap((service): readonly Owner[] => {
    const shared = { name: '', service: service.key };
    const hosts = service.writtenHosts().flatMap(({ address }) => address ?? []);
    const all: readonly Owner[] = [
      ...listServers(service),
      ...dynamicIn([service]).map((range): Owner => ({ ...shared, kind: 'dynamic', ...range })),
      ...hosts.map((address): Owner => ({ ...shared, kind: 'configured', low: address, high: address })),
    ];
    return all.filter((owner) => rangesOverlap(owner, span));
  });

/** The machines that have these addresses, by address. */
async function machinesAt(
  store: RegionStore,
  addresses: readonly Ipv4[],
): Promise<ReadonlyMap<Ipv4, readonly Owner[]>> {
  const machines = new Map<Ipv4, readonly Owner[]>();
  const [first, ...others] = addresses;
  if (first === undefined) return machines;
  let { low, high } = { low: first, high: first };
  for (const address of others) {
    if (address < low) low = address;
    if (address > high) high = address;
  }
  for await (const machine of allocatedIn(store, { low, high })) machines.set(machine.low, [machine]);
  return machines;
}

/** The machines that have addresses of a range, a piece at a time. */
async function* allocatedIn(store: RegionStore, { low, high }: Ipv4Range): AsyncGenerator<Owner, void> {
  for (let from = low; from <= high; ) {
    const used = await store.networks.usedBetween(from, high, PIECE);
    yield* ownersUsing({ used }).filter(({ kind }) => kind === 'machine');
    const last = used.at(-1);
    if (last === undefined || used.length < PIECE) return;
    from = ipv4(last.address + 1);
  }
}

async function findFirst(
  machines: AsyncGenerator<Owner, void>,
  isWanted: (machine: Owner) => boolean,
): Promise<readonly Owner[]> {
  for await (const machine of machines) if (isWanted(machine)) return [machine];
  return [];
}
