// The port to the store of networks as objects: fabrics, VLANs, spaces, subnets, ranges, reserved addresses, static routes, and the
// hardware addresses that a person connected to a subnet.
//
//   space ◄── VLAN ──► fabric      a subnet is in one VLAN, a VLAN in one fabric and at most one space
//               ▲
//   range, reserved address, connection ──► subnet ◄── static route (its source and its destination)
//
// Sources: the objects of MAAS 2.0's API.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A subnet that a rack serves has a row only for its id, its VLAN and its texts. Its router, its DNS servers and the bounds of its
//    dynamic and static ranges come from the rack's cluster interface and are not stored in the row (`region/networks/`). A dynamic range that
//    no cluster interface has yet is kept with its bounds.
// 3. One counter gives all objects their ids, and never repeats one. Two exceptions: the default fabric and VLAN have MAAS's ids, and the
//    id of a served subnet is its first address, so that the id stays the same as racks come and go.
// 4. A reserved address, single or in a reserved or kept range, is never allocated to a machine: the store reports it as taken.
// 5. Transactions that allocate or reserve addresses, or rely on free ones, take effect one after the other: the later one sees the
//    addresses that the earlier one stored.
// 6. The layouts of machines name VLANs and subnets without a key of the database. `firstUse` therefore keeps all other writers out until its
//    transaction ends: none of them can add such a name to what the transaction removes.

import { z } from 'zod';
import { formatMac, type Ipv4, type Ipv4Range, type MacAddress } from '../../net/address.ts';
import type { NewMachineEvent } from './machine-event.ts';

/** Bounds on the objects of each kind. */
export const FABRICS_MAX = 1000;
export const SPACES_MAX = 1000;
export const VLANS_MAX = 4096;
/**
 * Bound on the subnets. Racks add theirs by reporting them, so the oldest stay; served networks beyond it have no row and are not shown.
 */
export const SUBNETS_MAX = 4096;
export const RANGES_MAX = 8192;
/**
 * Bounds on the addresses that all users together reserve, and that one user without administrator's rights reserves, links with devices or, by
 * the leases of hosts for which they were reserved, still keeps from others.
 */
export const RESERVED_MAX = 16_384;
export const RESERVED_PER_USER_MAX = 256;
export const ROUTES_MAX = 1024;
export const CONNECTIONS_MAX = 16_384;

/** 9999-12-31: a lease may be without end. */
const LATEST_MS = 253_370_764_800_000;
/** The fabric and the VLAN of every served network until a person moves it. The ids are those of MAAS. */
export const DEFAULT_FABRIC_ID = 0;
export const DEFAULT_VLAN_ID = 5001;
/** The first id of the counter: above the default ones, and below those of served subnets. */
export const FIRST_NETWORK_ID = 5002;

/** The VLAN without a tag. */
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
  /** Used only while no rack serves it; `undefined`: none. */
  readonly gateway: Ipv4 | undefined;
  /** Used only while no rack serves it. */
  readonly dnsServers: readonly string[];
  /** False if racks name other DNS servers than themselves there. While racks offer DHCP in it, `reconcile` keeps it as they do. */
  readonly allowsDns: boolean;
  /** True once a person made or changed it. An untouched subnet is removed together with the cluster interface for which it was made. */
  readonly isTouched: boolean;
}

/** A range that a person reserved: its addresses are not allocated to machines, and not leased to unknown ones. */
interface ReservedRange {
  readonly kind: 'reserved';
  readonly id: number;
  readonly subnetId: number;
  readonly low: Ipv4;
  readonly high: Ipv4;
  readonly username: string;
  readonly comment: string;
}

/** The dynamic or the static range of a rack's cluster interface. Only the cluster interface has its bounds. */
export interface ServedRange {
  readonly kind: 'dynamic' | 'static';
  readonly id: number;
  readonly subnetId: number;
  /** The rack's UUID, and the name of its cluster interface. */
  readonly rack: string;
  readonly clusterInterface: string;
  /** The user who created the range before the cluster interface, which was made for it; empty: the cluster interface came first. */
  readonly username: string;
  readonly comment: string;
}

/** A dynamic range that waits for a cluster interface in its subnet: nobody gets its addresses until then. */
interface KeptRange {
  readonly kind: 'kept';
  readonly id: number;
  readonly subnetId: number;
  readonly low: Ipv4;
  readonly high: Ipv4;
  readonly username: string;
  readonly comment: string;
}

export type StoredRange = ReservedRange | ServedRange | KeptRange;

export interface ReservedAddress {
  readonly id: number;
  readonly subnetId: number;
  /** Unique. */
  readonly address: Ipv4;
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly createdMs: number;
  /** The host that gets the address by DHCP; `undefined`: none. */
  readonly mac?: MacAddress | undefined;
  /** The name of the address, without its domain; `undefined`: none. */
  readonly hostname?: string | undefined;
  /** The domain of the name; `undefined`: it has no name. */
  readonly domain?: string | undefined;
}

/** A running lease of a host, as its rack reported it. */
export interface HostLease {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** Wall time in milliseconds. */
  readonly endsMs: number;
}

/** For people: the host and the end of a lease, `2026-11-28 16:43` in UTC. */
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

/** An address of a link of a device that a user without administrator's rights added: it counts as one that the user reserved. */
interface LinkedAddress {
  readonly address: Ipv4;
  /** The name of the device. */
  readonly device: string;
  /** Its owner. */
  readonly username: string;
}

/** All objects, each list by id. */
export interface NetworkRecords {
  readonly spaces: readonly Space[];
  readonly fabrics: readonly Fabric[];
  readonly vlans: readonly Vlan[];
  readonly subnets: readonly Subnet[];
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
  ranges: [],
  reserved: [],
  routes: [],
  connections: [],
  linked: [],
};

/** A change of the objects. */
export interface NetworkChange<R> {
  /** Objects to add or replace, by id. */
  readonly put?: Partial<NetworkRecords> | undefined;
  /** Ids of objects to remove. Objects that refer to one of them are removed with it. */
  readonly remove?: Partial<Readonly<Record<NetworkKind, readonly number[]>>> | undefined;
  /** The next free id after this change; `undefined`: it used no new id. */
  readonly nextId?: number | undefined;
  readonly events?: readonly NewMachineEvent[];
  /** True if the decision relies on free addresses (invariant 5). A change that reserves addresses claims them in any case. */
  readonly isClaim?: boolean | undefined;
  readonly result: R;
}

/** An address that a machine has in a network. */
export interface UsedAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** Allocated to the machine, or the last one seen on its interface. */
  readonly kind: 'allocated' | 'seen';
  readonly systemId: string;
  readonly hostname: string;
  readonly domain: string;
  /** The owner of the machine; empty: none. */
  readonly owner: string;
  /** True if it is a device. */
  readonly isDevice: boolean;
  /** True if a person chose the address for a link; the machine keeps it when it is released. */
  readonly isStatic: boolean;
  /** The name of the interface that was seen with it; empty: unknown. */
  readonly interfaceName: string;
  /** True once its lease has ended. */
  readonly isEnded: boolean;
  /** Allocated: when the machine was created. Seen: when the address was last seen. Wall time in milliseconds. */
  readonly atMs: number;
}

/** VLANs and subnets about to be removed, and the addresses of these subnets. */
export interface NetworkUseQuestion {
  readonly vlanIds: readonly number[];
  readonly subnetIds: readonly number[];
  readonly ranges: readonly Ipv4Range[];
}

/** A machine or a device that uses a VLAN or a subnet. */
export interface NetworkUse {
  readonly systemId: string;
  readonly hostname: string;
  /** The interface in its layout, or the address that it was given. */
  readonly by:
    | { readonly kind: 'interface'; readonly name: string }
    | { readonly kind: 'address'; readonly address: Ipv4 };
}

/** The form of the column that holds a subnet's DNS servers as JSON. */
export const dnsServers = z.array(z.string().max(64)).max(64);

export interface NetworkStore {
  /** Unreadable rows are left out and reported. Rows that refer to them are left out, too. */
  list(): Promise<NetworkRecords>;
  /**
   * Passes all objects and the first free id to `decide`, and applies its change. A change of objects with an event makes a new version of
   * the desired state.
   * @throws RackError `store-unavailable`, including for an unreadable row, because a decision needs all rows
   */
  change<R>(decide: (records: NetworkRecords, nextId: number) => NetworkChange<R>): Promise<R>;
  /** At most `limit` addresses of machines from `low` to `high`, ordered by address; for the same address, an allocated one comes first. */
  usedBetween(low: Ipv4, high: Ipv4, limit: number): Promise<readonly UsedAddress[]>;
  /** The leases from `low` to `high` that run at `nowMs`, except for those of accepted machines that nobody owns. */
  leasedBetween(low: Ipv4, high: Ipv4, nowMs: number): Promise<readonly HostLease[]>;
  /** Counts the addresses that a user reserved for hosts and released, and which these hosts still keep from others at `nowMs`. */
  heldBy(username: string, nowMs: number): Promise<number>;
  /**
   * The first machine whose layout names one of these VLANs or subnets, or which was given one of these addresses (invariant 6); `undefined`:
   * none. Call it in the transaction of the removal.
   * @throws RackError `store-unavailable` if the layout that names one is unreadable
   */
  firstUse(question: NetworkUseQuestion): Promise<NetworkUse | undefined>;
}
