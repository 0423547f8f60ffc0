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
// 2. A subnet that a rack serves has a row for its id, its VLAN and its texts. Its router, its DNS servers and the bounds of its dynamic and
//    static ranges are those of the rack's cluster interface alone: the row has none of them (`region/networks/`).
// 3. Objects have ids from one counter, which are never given again. The default fabric and VLAN have MAAS's ids, and a served subnet has its
//    first address as its id, so it stays the same as racks come and go.
// 4. An address of a reserved range, or reserved alone, is allocated to no machine: the store reports it as taken.
// 5. Of two transactions at a time that allocate or reserve addresses, or count on free ones, one sees what the other stored.

import { z } from 'zod';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { NewMachineEvent } from './machine-event.ts';

/** Fabrics and spaces, each. */
export const FABRICS_MAX = 1000;
export const SPACES_MAX = 1000;
export const VLANS_MAX = 4096;
/** Subnets; served networks beyond it have no row, and are not shown. Racks report theirs, so the oldest ones stay. */
export const SUBNETS_MAX = 4096;
export const RANGES_MAX = 8192;
/** Addresses that users reserve, of all users together and of one without an administrator's rights. */
export const RESERVED_MAX = 16_384;
export const RESERVED_PER_USER_MAX = 256;
export const ROUTES_MAX = 1024;
export const CONNECTIONS_MAX = 16_384;

/** The fabric and the VLAN in which every served network is until a person moves it, with the ids that they have in MAAS. */
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
  /** Empty: it has none. */
  readonly name: string;
  readonly description: string;
  /** MTU_MIN to MTU_MAX. */
  readonly mtu: number;
  readonly spaceId: number | undefined;
  /** As of a fabric. */
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
  /** As of a fabric. One that nobody touched goes with the cluster interface for which it was made. */
  readonly isTouched: boolean;
}

/** Reserved by a person: neither allocated to machines nor given to unknown ones. */
interface ReservedRange {
  readonly kind: 'reserved';
  readonly id: number;
  readonly subnetId: number;
  readonly low: Ipv4;
  readonly high: Ipv4;
  readonly username: string;
  readonly comment: string;
}

/** The dynamic or the static range of a rack's cluster interface, which alone has its bounds. */
export interface ServedRange {
  readonly kind: 'dynamic' | 'static';
  readonly id: number;
  readonly subnetId: number;
  /** The rack's UUID, and the name of its cluster interface. */
  readonly rack: string;
  readonly clusterInterface: string;
  readonly comment: string;
}

export type StoredRange = ReservedRange | ServedRange;

export interface ReservedAddress {
  readonly id: number;
  readonly subnetId: number;
  /** Unique. */
  readonly address: Ipv4;
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly createdMs: number;
}

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
}

export type NetworkKind = keyof NetworkRecords;

/** In the order in which one refers to another. */
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
};

/** A change of the objects. */
export interface NetworkChange<R> {
  /** Objects to add or replace, by id. */
  readonly put?: Partial<NetworkRecords> | undefined;
  /** Ids of objects to remove; what refers to one of them goes with it. */
  readonly remove?: Partial<Readonly<Record<NetworkKind, readonly number[]>>> | undefined;
  /** The first id that the change did not give; `undefined`: it gave none. */
  readonly nextId?: number | undefined;
  readonly events?: readonly NewMachineEvent[];
  /** True if the decision counts on addresses that are free (invariant 5). A change that reserves some claims them anyway. */
  readonly isClaim?: boolean | undefined;
  readonly result: R;
}

/** The addresses in a network that machines have. */
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
  /** The name of the interface that was seen with it; empty: unknown. */
  readonly interfaceName: string;
  /** True once its lease has ended. */
  readonly isEnded: boolean;
  /** When the machine was made or, of one that was seen, when it was seen last: wall time in milliseconds. */
  readonly atMs: number;
}

/** The column with a list as JSON. */
export const dnsServers = z.array(z.string().max(64)).max(64);

export interface NetworkStore {
  /** A row that cannot be read is left out, and reported; so is what refers to it. */
  list(): Promise<NetworkRecords>;
  /**
   * Passes all objects and the first free id to `decide`, and applies its change. A change of objects with an event counts a version of
   * the desired state.
   * @throws RackError `store-unavailable`, for an unreadable row, too: a decision needs all
   */
  change<R>(decide: (records: NetworkRecords, nextId: number) => NetworkChange<R>): Promise<R>;
  /** At most `limit` addresses between two that machines have, by address, the allocated ones first. */
  usedBetween(low: Ipv4, high: Ipv4, limit: number): Promise<readonly UsedAddress[]>;
}
