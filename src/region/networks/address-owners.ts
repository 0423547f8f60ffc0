// Whose an address is, and who may still have it: the one judgement for all who give, reserve or
// configure addresses. Pure.
//
//   networks (`network-view.ts`) ─ ownersOf ─► AddressOwners ─┐
//   store: used, leased, taken and seen addresses ────────────┴─► owners ─ findBar (MATRIX) ─► the owner in the way
//
// 1. An address may have several owners. OWNER_KINDS orders them: the first one that bars a claim
//    is the reason.
// 2. MATRIX alone says what each claim may take of whom. A place that asks brings its claim and the
//    facts, and words the refusal.
// 3. Networks are indexed once, when a question is first asked of them.

import {
  computeBroadcastAddress,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  ipv4,
  type MacAddress,
  parseIpv4,
  rangeContains,
  rangesOverlap,
} from '../../ground/address.ts';
import { type ClusterInterface, type ConfiguredHost, hostsIn } from '../racks/cluster-interface.ts';
import type { ReportedNetwork } from '../racks/rack-networks.ts';
import type { AddressKnowledge } from '../records/knowledge.ts';
import { type HostLease, isHeldRange, type NetworkRecords, type UsedAddress } from '../records/network-store.ts';
import { listHosts } from '../records/subnet-service.ts';
import type { NetworkView } from './network-view.ts';
import type { ServedNetwork } from './served-networks.ts';

/** The parts of a view that own addresses. */
type OwningView = Pick<NetworkView, 'subnets' | 'ranges' | 'records' | 'served' | 'reported' | 'rackHosts' | 'named'>;

/** From the strongest to the weakest. */
const OWNER_KINDS = [
  /** The first or the last address of a network. */
  'edge',
  /** The address of a cluster interface. */
  'rack',
  /** Another address of a rack's host. */
  'rack-host',
  /** Of a subnet, of a cluster interface, or the default router of a rack's host. */
  'router',
  /** The router of a static route. */
  'route',
  'dns-server',
  /** Given to a machine or a device. */
  'machine',
  /** An entry of `hosts`. */
  'configured',
  /** Reserved by a user. */
  'reserved',
  /** It has a name in `dns.records`. */
  'name',
  /** Another host leases it, or did until a reservation was released. */
  'lease',
  /** Last seen on a machine or a device. */
  'seen',
  'dynamic',
  'reserved-range',
  'static',
] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

interface Owned extends Ipv4Range {
  /** The machine, rack or user, for people; empty: unknown. */
  readonly name: string;
  /** Of the host that has it; `undefined`: unknown. */
  readonly mac?: MacAddress | undefined;
  /** Of the row of a range or a reservation. */
  readonly id?: number | undefined;
  /** The cluster interface that has it, as `serviceName` names it. */
  readonly service?: string | undefined;
  /** Of an entry of `hosts`: the name of the rack that has it; `undefined`: the subnet, for racks to come. */
  readonly rackName?: string | undefined;
}

type UnleasedKind = Exclude<OwnerKind, 'lease'>;

export type Owner = (Owned & { readonly kind: UnleasedKind }) | (Owned & HostLease & { readonly kind: 'lease' });

/** What gives an address to a host, for people. */
export const configuredBy = ({ rackName }: Pick<Owned, 'rackName'>): string =>
  rackName === undefined ? 'the list of reserved IPs' : `the configuration of the rack ${rackName}`;

export const serviceName = ({ rack, key }: { readonly rack: string; readonly key: string }): string => `${rack} ${key}`;

/**
 * `yes`: a claim may take it. `own`: only of the same host or cluster interface. `last`: only if
 * nothing else is free.
 */
type Verdict = 'yes' | 'no' | 'own' | 'last';

/**
 * `chosen`: by the region for a machine. `asked`: by a person for one. The other claims are what
 * the addresses become.
 */
const CLAIMS = [
  'chosen',
  'asked',
  'reserved',
  'configured',
  'dynamic',
  'router',
  'route',
  'reserved-range',
  'static',
  'rack',
  'dns-server',
] as const;
type ClaimKind = (typeof CLAIMS)[number];

type VerdictsOn<T extends readonly unknown[]> = { readonly [K in keyof T]: Verdict };
/** A verdict for each of CLAIMS. */
type Row = VerdictsOn<typeof CLAIMS>;

// Columns: chosen, asked, reserved, configured, dynamic, router, route, reserved-range, static,
// rack, dns-server.
const MATRIX: Readonly<Record<OwnerKind, Row>> = {
  edge: ['no', 'no', 'no', 'no', 'yes', 'no', 'no', 'yes', 'yes', 'no', 'yes'],
  rack: ['no', 'no', 'no', 'no', 'no', 'yes', 'yes', 'yes', 'yes', 'no', 'yes'],
  // A dynamic range may lie over it: its own rack leases it to nobody, and the host of another may
  // have it from that very range.
  'rack-host': ['no', 'yes', 'own', 'own', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  router: ['no', 'no', 'no', 'no', 'no', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  // An administrator may route through a machine, which keeps its address.
  route: ['own', 'own', 'no', 'no', 'no', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  // A person may give a machine the address of a DNS server, to be it.
  'dns-server': ['no', 'yes', 'no', 'yes', 'no', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  // A rack's host may be a machine, to which the address of the rack was given.
  machine: ['no', 'no', 'no', 'own', 'no', 'no', 'yes', 'yes', 'yes', 'own', 'yes'],
  // A rack leases the addresses of its own entries to nobody else, but it does not know those of
  // another rack.
  configured: ['own', 'own', 'own', 'own', 'own', 'no', 'no', 'yes', 'yes', 'own', 'yes'],
  reserved: ['own', 'own', 'no', 'own', 'no', 'no', 'no', 'yes', 'yes', 'own', 'yes'],
  name: ['no', 'yes', 'no', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  lease: ['no', 'no', 'own', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  // A host may have been seen with the address that is reserved for it.
  seen: ['last', 'yes', 'own', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'],
  dynamic: ['no', 'no', 'no', 'own', 'no', 'no', 'no', 'no', 'no', 'no', 'no'],
  // To set addresses aside takes them from nobody, so it is only refused over ranges.
  'reserved-range': ['no', 'no', 'no', 'yes', 'no', 'yes', 'yes', 'no', 'yes', 'yes', 'yes'],
  static: ['yes', 'yes', 'yes', 'yes', 'no', 'yes', 'yes', 'yes', 'no', 'no', 'yes'],
};

export interface Claim {
  readonly kind: ClaimKind;
  /** Of the host that gets the address. */
  readonly mac?: MacAddress | undefined;
  /** What that host has already. */
  readonly had?: readonly Ipv4[] | undefined;
  /** The rows that the change takes or moves, which do not bar it. */
  readonly ids?: readonly number[] | undefined;
  /**
   * The cluster interface that takes them: its former range does not bar it, nor do its entries of
   * `hosts`.
   */
  readonly service?: string | undefined;
}

const isOwn = ({ kind, low, mac, service }: Owner, claim: Claim): boolean =>
  kind === 'route'
    ? claim.had?.includes(low) === true
    : (mac !== undefined && mac === claim.mac) || isOfService(service, claim);

const isOfService = (service: string | undefined, claim: Claim): boolean =>
  service !== undefined && service === claim.service;

const isItself = ({ id, service, kind }: Owner, claim: Claim): boolean =>
  (id !== undefined && claim.ids?.includes(id) === true) || (isOfService(service, claim) && kind === claim.kind);

function verdictOn(owner: Owner, claim: Claim): Exclude<Verdict, 'own'> {
  if (isItself(owner, claim)) return 'yes';
  const verdict = MATRIX[owner.kind][CLAIMS.indexOf(claim.kind)] ?? 'no';
  if (verdict !== 'own') return verdict;
  return isOwn(owner, claim) ? 'yes' : 'no';
}

const ownerRank = ({ kind }: Owner): number => OWNER_KINDS.indexOf(kind);

const byRank = (a: Owner, b: Owner): number => ownerRank(a) - ownerRank(b);

export const bars = (owner: Owner, claim: Claim): boolean => verdictOn(owner, claim) === 'no';

/** The strongest of the owners that bars the claim; `undefined`: it may have the addresses. */
export const findBar = (owners: readonly Owner[], claim: Claim): Owner | undefined =>
  owners.filter((owner) => bars(owner, claim)).sort(byRank)[0];

const INDEXES = new WeakMap<NetworkView['subnets'], AddressOwners>();

/**
 * The owners that the networks know. A view made from another has its owners, unless its subnets
 * are others.
 */
export function indexOwners(view: OwningView): AddressOwners {
  const index = INDEXES.get(view.subnets) ?? new AddressOwners(ownersIn(view), configuredIn(view));
  INDEXES.set(view.subnets, index);
  return index;
}

const single = (
  kind: UnleasedKind,
  address: Ipv4 | undefined,
  name: string,
  more: Partial<Owned> = {},
): readonly Owner[] => (address === undefined ? [] : [{ kind, low: address, high: address, name, ...more }]);

const listEdges = (network: Ipv4Network): readonly Owner[] =>
  network.prefix >= 31
    ? []
    : [network.address, computeBroadcastAddress(network)].flatMap((address) => single('edge', address, ''));

/** The DNS servers of a subnet or a cluster interface. */
export const listServers = ({ dnsServers }: Pick<ClusterInterface, 'dnsServers'>): readonly Owner[] =>
  dnsServers.flatMap((server) => single('dns-server', parseIpv4(server), ''));

/** Hosts of a subnet that are in no `hosts`, because the region stores no cluster interface there. */
function unservedHosts(records: NetworkRecords): readonly ConfiguredHost[] {
  const shared = listHosts(records, undefined);
  if (shared.length === 0) return [];
  const served = new Set(records.services.map(({ subnetId }) => subnetId));
  return hostsIn({ hosts: shared.flatMap(({ subnetId, entry }) => (served.has(subnetId) ? [] : [entry])) });
}

/** What people have put into the store. */
const recordOwners = (records: NetworkRecords): readonly Owner[] => [
  ...unservedHosts(records).flatMap(({ address, mac, hostname = '' }) =>
    single('configured', address, hostname, { mac }),
  ),
  ...records.ranges.flatMap((range): readonly Owner[] => {
    if (!isHeldRange(range) || range.kind !== 'reserved') return [];
    const { id, low, high, username } = range;
    return [{ kind: 'reserved-range', low, high, name: username, id }];
  }),
  ...records.reserved.flatMap(({ id, address, mac, username }) => single('reserved', address, username, { id, mac })),
  ...records.routes.flatMap(({ id, gateway }) => single('route', gateway, '', { id })),
];

/** Entries of `hosts` count once they are stored, and until their rack no longer reports them. */
const configuredIn = ({ served, reported }: OwningView): readonly SingleOwners[] => [
  ...served.map((service) => configuredOwners(service, service.writtenHosts())),
  ...reported.map((network) => configuredOwners(network, network.hosts)),
];

/** By the entries of a cluster interface, which are the same list until they change: there may be 65 536. */
const CONFIGURED = new WeakMap<readonly ConfiguredHost[], Map<string, SingleOwners>>();

function configuredOwners(by: ServedNetwork | ReportedNetwork, hosts: readonly ConfiguredHost[]): SingleOwners {
  const { rackName } = by;
  const service = serviceName(by);
  const key = `${service} ${rackName}`;
  const indexes = CONFIGURED.get(hosts) ?? new Map<string, SingleOwners>();
  CONFIGURED.set(hosts, indexes);
  const index =
    indexes.get(key) ??
    new SingleOwners(
      hosts.flatMap(({ address, mac, hostname = '' }) =>
        single('configured', address, hostname, { mac, service, rackName }),
      ),
    );
  indexes.set(key, index);
  return index;
}

function ownersIn({ subnets, ranges, records, served, reported, rackHosts, named }: OwningView): readonly Owner[] {
  const serving = reported.filter(({ management }) => management > 0);
  const rangesOf = (service: ServedNetwork | ReportedNetwork, kind: 'dynamic' | 'static'): readonly Owner[] => {
    const range = kind === 'dynamic' ? service.dynamic : service.fixed;
    const hasRow = ranges.some(({ type, served: by }) => type === kind && by === service);
    return range === undefined || hasRow ? [] : [{ kind, ...range, name: '', service: serviceName(service) }];
  };
  return [
    ...subnets.flatMap((subnet) => [
      ...listEdges(subnet.network),
      ...single('router', subnet.gateway, ''),
      ...listServers(subnet),
    ]),
    ...serving.flatMap(({ network }) => listEdges(network)),
    ...[...served, ...serving].flatMap((service) => [
      ...single('rack', service.address, service.rackName, { service: serviceName(service) }),
      ...single('router', service.router, '', { service: serviceName(service) }),
      ...listServers(service),
    ]),
    ...ranges.flatMap(({ type, low, high, range: { id }, served: by }): readonly Owner[] =>
      type === 'reserved' ? [] : [{ kind: type, low, high, name: '', id, service: by && serviceName(by) }],
    ),
    ...recordOwners(records),
    ...rackHosts.flatMap(({ rackName, address, mac, router }) => [
      ...single('rack-host', address, rackName, { mac }),
      ...single('router', router, ''),
    ]),
    ...named.flatMap(({ name, address }) => single('name', address, name)),
    ...[...served, ...serving].flatMap((service) => rangesOf(service, 'dynamic')),
    ...served.flatMap((service) => rangesOf(service, 'static')),
  ];
}

/** What the store knows of addresses. */
export interface StoredUse {
  readonly used?: readonly UsedAddress[] | undefined;
  readonly leased?: readonly HostLease[] | undefined;
}

export const ownersUsing = ({ used = [], leased = [] }: StoredUse): readonly Owner[] => [
  ...used.flatMap(({ kind, isEnded, address, mac, hostname }): readonly Owner[] =>
    kind === 'seen' && isEnded
      ? []
      : [{ kind: kind === 'allocated' ? 'machine' : 'seen', low: address, high: address, name: hostname, mac }],
  ),
  ...leased.map((lease): Owner => ({ kind: 'lease', low: lease.address, high: lease.address, name: '', ...lease })),
];

const NONE: readonly Owner[] = [];

function addTo<K>(all: Map<K, Owner[]>, key: K, owner: Owner): void {
  const others = all.get(key);
  if (others === undefined) all.set(key, [owner]);
  else others.push(owner);
}

/** Owners of single addresses. */
class SingleOwners {
  readonly #byAddress = new Map<Ipv4, Owner[]>();
  readonly #byHost = new Map<MacAddress, Owner[]>();

  constructor(owners: readonly Owner[]) {
    for (const owner of owners) {
      addTo(this.#byAddress, owner.low, owner);
      if (owner.mac !== undefined) addTo(this.#byHost, owner.mac, owner);
    }
  }

  at = (address: Ipv4): readonly Owner[] => this.#byAddress.get(address) ?? NONE;
  ofHost = (mac: MacAddress): readonly Owner[] => this.#byHost.get(mac) ?? NONE;

  within(span: Ipv4Range): readonly Owner[] {
    const inside: Owner[] = [];
    const isShort = span.high - span.low < this.#byAddress.size;
    if (isShort) for (let at: number = span.low; at <= span.high; at += 1) inside.push(...this.at(ipv4(at)));
    else for (const [address, owners] of this.#byAddress) if (rangeContains(span, address)) inside.push(...owners);
    return inside;
  }
}

/** The owners that the networks know. */
export class AddressOwners {
  readonly #singles: readonly SingleOwners[];
  readonly #ranges: readonly Owner[];

  /** @param further of single addresses, which have their indexes already */
  constructor(owners: readonly Owner[], further: readonly SingleOwners[] = []) {
    const singles = owners.filter(({ low, high }) => low === high);
    this.#singles = [new SingleOwners(singles), ...further];
    this.#ranges = owners.filter(({ low, high }) => low !== high).sort((a, b) => a.low - b.low);
  }

  at(address: Ipv4): readonly Owner[] {
    return [...this.#alone(address), ...this.#ranges.filter((range) => rangeContains(range, address))];
  }

  /** What is configured or reserved for a host, the strongest first. */
  ofHost(mac: MacAddress): readonly Owner[] {
    return this.#singles.flatMap((index) => index.ofHost(mac)).sort(byRank);
  }

  within(span: Ipv4Range): readonly Owner[] {
    const singles = this.#singles.flatMap((index) => index.within(span));
    return [...singles, ...this.#ranges.filter((range) => rangesOverlap(range, span))];
  }

  /**
   * The addresses of a span that the claim may have, the lowest first, each with the verdict.
   * @param known facts of the store about the span
   */
  *freeFor(span: Ipv4Range, claim: Claim, known: AddressKnowledge): Generator<readonly [Ipv4, 'yes' | 'last'], void> {
    const barring = this.#ranges.filter((range) => rangesOverlap(range, span) && bars(range, claim));
    let next = 0;
    for (let at: number = span.low; at <= span.high; at += 1) {
      for (let range = barring[next]; range !== undefined && range.low <= at; range = barring[next]) {
        at = Math.max(at, range.high + 1);
        next += 1;
      }
      if (at > span.high) return;
      const address = ipv4(at);
      const verdict = this.#judge(address, claim, known);
      if (verdict !== 'no') yield [address, verdict];
    }
  }

  #judge(address: Ipv4, claim: Claim, known: AddressKnowledge): Exclude<Verdict, 'own'> {
    let weakest: 'yes' | 'last' = 'yes';
    for (const owners of [this.#alone(address), ownersKnown(address, known)])
      for (const owner of owners) {
        const verdict = verdictOn(owner, claim);
        if (verdict === 'no') return verdict;
        if (verdict === 'last') weakest = verdict;
      }
    return weakest;
  }

  #alone(address: Ipv4): readonly Owner[] {
    let all = NONE;
    for (const index of this.#singles) {
      const owners = index.at(address);
      if (owners.length > 0) all = all.length === 0 ? owners : [...all, ...owners];
    }
    return all;
  }
}

/**
 * Whose an address is by the facts that a decision about a machine asks of the store: without what
 * the machine has itself.
 */
export function ownersKnown(address: Ipv4, { taken, seen, leased }: AddressKnowledge): readonly Owner[] {
  const lease = leased?.get(address);
  if (lease === undefined && !taken.has(address) && !seen.has(address)) return NONE;
  const span = { low: address, high: address, name: '' };
  return [
    ...(taken.has(address) ? [{ ...span, kind: 'machine' } as const] : []),
    ...(lease === undefined ? [] : [{ ...span, ...lease, kind: 'lease' } as const]),
    ...(seen.has(address) ? [{ ...span, kind: 'seen' } as const] : []),
  ];
}
