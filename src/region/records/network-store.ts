// The port to the store of networks as objects.
//
//   space ◄── VLAN ──► fabric      a subnet is in one VLAN, a VLAN in one fabric and at most one space
//               ▲
//   range, host, reserved address, connection ──► subnet ◄── static route (its source and its destination)
//
// Sources: the objects of MAAS 2.0's API.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A cluster interface that the region stores is a service of its subnet, and its router, its DNS
//    servers, its hosts and the bounds of its ranges are in the rows of these. Those of one in a
//    rack's file come from the rack (`region/networks/`). A dynamic range that no cluster interface
//    has yet has bounds of its own.
// 3. One counter gives all ids, and never repeats one, except: the default fabric and VLAN have
//    MAAS's ids, a served subnet has its first address, a host its address (that of a further
//    service comes from the counter), and a VLAN of a rack's tagged interface its VID, so that their
//    ids stay as racks and interfaces come and go.
// 4. A reserved address, single or in a range, is never allocated to a machine: the store reports
//    it as taken.
// 5. Transactions that allocate or reserve addresses, or rely on free ones, take effect one after the other.
// 6. Layouts of machines name VLANs and subnets without a key of the database, so `firstUse` keeps
//    all other writers out until its transaction ends.

import { z } from 'zod';
import { formatMac, type Ipv4, type Ipv4Range, type MacAddress } from '../../ground/address.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { SubnetHost, SubnetService } from './subnet-service.ts';

export const FABRICS_MAX = 1000;
export const SPACES_MAX = 1000;
export const VLANS_MAX = 4096;
/**
 * Racks add theirs by reporting them, so the oldest stay; served networks beyond it have no row and
 * are not shown.
 */
export const SUBNETS_MAX = 4096;
export const RANGES_MAX = 8192;
/** With those of all services: adding to the `hosts` of a service goes on beyond it. */
export const HOSTS_MAX = 4 * 65_536;
/**
 * Addresses that all users together reserve, and one ordinary user: reserved, linked with devices,
 * or still kept from others by leases of hosts for which they were reserved.
 */
export const RESERVED_MAX = 16_384;
export const RESERVED_PER_USER_MAX = 256;
export const ROUTES_MAX = 1024;
export const CONNECTIONS_MAX = 16_384;

/** 9999-12-31: a lease may be without end. */
const LATEST_MS = 253_370_764_800_000;
/** Of every served network until a person moves it. The ids are those of MAAS. */
export const DEFAULT_FABRIC_ID = 0;
export const DEFAULT_VLAN_ID = 5001;
/** Above the default ones, and below those of served subnets. */
export const FIRST_NETWORK_ID = 5002;

export const UNTAGGED_VID = 0;
/** IEEE 802.1Q: 12 bits, of which the highest is reserved. */
export const VID_MAX = 4094;
export const MTU_MIN = 552;
export const MTU_MAX = 65_535;
export const MTU_DEFAULT = 1500;

export interface Fabric {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  /** Any word; empty: none. */
  readonly classType: string;
  /** True once a person made or changed it. */
  readonly isTouched: boolean;
}

export interface Space {
  readonly id: number;
  readonly name: string;
  readonly description: string;
}

export interface Vlan {
  readonly id: number;
  readonly fabricId: number;
  /** UNTAGGED_VID to VID_MAX; unique in its fabric. */
  readonly vid: number;
  /** Empty: none. */
  readonly name: string;
  readonly description: string;
  /** MTU_MIN to MTU_MAX. */
  readonly mtu: number;
  readonly spaceId: number | undefined;
  /** True once a person made or changed it. */
  readonly isTouched: boolean;
}

export interface Subnet {
  readonly id: number;
  /** `10.20.0.0/24`; unique. */
  readonly cidr: string;
  readonly name: string;
  readonly description: string;
  readonly vlanId: number;
  /**
   * That of the services that name none of their own. In force unless a cluster interface of a file
   * names another.
   */
  readonly gateway: Ipv4 | undefined;
  /** Those of the services that name none of their own. Otherwise used only while no rack serves it. */
  readonly dnsServers: readonly string[];
  /**
   * False if racks name other DNS servers than themselves there. `reconcile` keeps it as racks with
   * DHCP do.
   */
  readonly allowsDns: boolean;
  /** True once a person made or changed it. An untouched one is removed with its cluster interface. */
  readonly isTouched: boolean;
}

/**
 * A range that a person reserved: its addresses are not allocated to machines, and not leased to
 * unknown ones. Or a dynamic range that waits for a cluster interface in its subnet: nobody gets
 * its addresses until then.
 */
interface HeldRange {
  readonly kind: 'reserved' | 'dynamic';
  readonly id: number;
  readonly subnetId: number;
  readonly low: Ipv4;
  readonly high: Ipv4;
  readonly username: string;
  readonly comment: string;
}

/** Of the one cluster interface that a rack may have in the subnet, whose file alone has its bounds. */
export interface ServedRange {
  readonly kind: 'dynamic' | 'static';
  readonly id: number;
  readonly subnetId: number;
  /** The rack's UUID. */
  readonly rack: string;
  /** Who created the range before its cluster interface was made for it; empty: that came first. */
  readonly username: string;
  readonly comment: string;
}

/** Of a stored service. */
export interface ServiceRange extends ServedRange, Ipv4Range {
  readonly serviceId: number;
}

export type StoredRange = HeldRange | ServedRange | ServiceRange;

export const isHeldRange = (range: StoredRange): range is HeldRange => 'low' in range && !isOfService(range);

export const isOfService = (range: StoredRange): range is ServiceRange => 'serviceId' in range;

export interface ReservedAddress {
  readonly id: number;
  readonly subnetId: number;
  /** Unique. */
  readonly address: Ipv4;
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly createdMs: number;
  /** It gets the address by DHCP. */
  readonly mac?: MacAddress | undefined;
  /** Without its domain; `undefined`: none. */
  readonly hostname?: string | undefined;
  readonly domain?: string | undefined;
}

/** As its rack reported it. */
export interface HostLease {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** Wall time in milliseconds. */
  readonly endsMs: number;
}

/** For people; `until` is `2026-11-28 16:43` in UTC. */
export const leaseText = ({
  mac,
  endsMs,
}: Pick<HostLease, 'mac' | 'endsMs'>): { readonly mac: string; readonly until: string } => ({
  mac: formatMac(mac),
  until: new Date(Math.min(endsMs, LATEST_MS)).toISOString().slice(0, 16).replace('T', ' '),
});

export interface StaticRoute {
  readonly id: number;
  readonly sourceId: number;
  readonly destinationId: number;
  readonly gateway: Ipv4;
  /** 0 or more; the lowest is preferred. */
  readonly metric: number;
}

/** A hardware address that a person connected to a subnet (API 1.0). */
export interface Connection {
  readonly id: number;
  readonly subnetId: number;
  readonly mac: MacAddress;
}

/** Of a device of an ordinary user: it counts as one that the user reserved. */
interface LinkedAddress {
  readonly address: Ipv4;
  readonly device: string;
  readonly username: string;
}

/** Each list by id. */
export interface NetworkRecords {
  readonly spaces: readonly Space[];
  readonly fabrics: readonly Fabric[];
  readonly vlans: readonly Vlan[];
  readonly subnets: readonly Subnet[];
  readonly services: readonly SubnetService[];
  readonly hosts: readonly SubnetHost[];
  readonly ranges: readonly StoredRange[];
  readonly reserved: readonly ReservedAddress[];
  readonly routes: readonly StaticRoute[];
  readonly connections: readonly Connection[];
  /** Read only: devices have them. */
  readonly linked: readonly LinkedAddress[];
}

export type NetworkKind = Exclude<keyof NetworkRecords, 'linked'>;

/** Ordered so that each kind refers only to kinds before it. */
export const NETWORK_KINDS = [
  'spaces',
  'fabrics',
  'vlans',
  'subnets',
  'services',
  'hosts',
  'ranges',
  'reserved',
  'routes',
  'connections',
] as const satisfies readonly NetworkKind[];

export const NO_RECORDS: NetworkRecords = {
  spaces: [],
  fabrics: [],
  vlans: [],
  subnets: [],
  services: [],
  hosts: [],
  ranges: [],
  reserved: [],
  routes: [],
  connections: [],
  linked: [],
};

interface ValueEdit {
  readonly event: NewMachineEvent;
  /** By their names. */
  readonly before: object;
  readonly after: object;
}

export interface NetworkChange<R> {
  /** To add or replace, by id. */
  readonly put?: Partial<NetworkRecords> | undefined;
  /** Ids to remove, with what refers to them. */
  readonly remove?: Partial<Readonly<Record<NetworkKind, readonly number[]>>> | undefined;
  /** `undefined`: it used no new id. */
  readonly nextId?: number | undefined;
  readonly events?: readonly NewMachineEvent[];
  /** Events of what follows from it, with the values that differ; without a difference, none is added. */
  readonly edits?: readonly ValueEdit[];
  /** The decision relies on free addresses (invariant 5), as every reservation does. */
  readonly isClaim?: boolean | undefined;
  readonly result: R;
}

export interface UsedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** `seen`: the last one on its interface. */
  readonly kind: 'allocated' | 'seen';
  readonly systemId: string;
  readonly hostname: string;
  readonly domain: string;
  readonly owner: string;
  readonly isDevice: boolean;
  /** A person chose it for a link; it outlasts the release. */
  readonly isStatic: boolean;
  /** Seen with it; empty: unknown. */
  readonly interfaceName: string;
  readonly isEnded: boolean;
  /** When the machine was created (allocated) or the address last seen: wall time in milliseconds. */
  readonly atMs: number;
}

/** About to be removed, with the addresses of these subnets. */
export interface NetworkUseQuestion {
  readonly vlanIds: readonly number[];
  readonly subnetIds: readonly number[];
  readonly ranges: readonly Ipv4Range[];
}

export interface NetworkUse {
  readonly systemId: string;
  readonly hostname: string;
  readonly by:
    | { readonly kind: 'interface'; readonly name: string }
    | { readonly kind: 'address'; readonly address: Ipv4 };
}

/** As a subnet's row holds them. */
export const dnsServers = z.array(z.string().max(64)).max(64);

export interface NetworkStore {
  /** Unreadable rows, and rows that refer to them, are left out and reported. */
  list(): Promise<NetworkRecords>;
  /**
   * A change with an event makes a new version of the desired state. @throws RackError
   * `store-unavailable`, also for an unreadable row, because a decision needs all
   */
  change<R>(decide: (records: NetworkRecords, nextId: number) => NetworkChange<R>): Promise<R>;
  /** Ordered by address; of the same address, an allocated one comes first. */
  usedBetween(low: Ipv4, high: Ipv4, limit: number): Promise<readonly UsedAddress[]>;
  /** Those that run at `nowMs`, except for accepted machines that nobody owns. */
  leasedBetween(low: Ipv4, high: Ipv4, nowMs: number): Promise<readonly HostLease[]>;
  /** Addresses that the user reserved for hosts and released, and which these hosts still keep at `nowMs`. */
  heldBy(username: string, nowMs: number): Promise<number>;
  /**
   * The first machine whose layout names one, or which was given one of the addresses (invariant
   * 6). Call it in the transaction of the removal. @throws RackError `store-unavailable` if the
   * layout is unreadable
   */
  firstUse(question: NetworkUseQuestion): Promise<NetworkUse | undefined>;
}
