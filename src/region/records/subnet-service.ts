// The work of one rack in one subnet: MAAS 1's cluster interface, as a row. The subnet, its ranges
// and its hosts have the addresses.

import type { Ipv4 } from '../../ground/address.ts';
import { ipv4 } from '../../ground/address.ts';
import type { Settings } from '../../machines/settings.ts';

/** The rack names no router, although the subnet has one. */
export const NO_ROUTER = ipv4(0);

export interface SubnetService {
  readonly id: number;
  readonly subnetId: number;
  /** The rack's UUID; the region may not know the rack yet. */
  readonly rack: string;
  /** Its key in files: `lab` of `cluster_interfaces.lab`; unique for its rack. */
  readonly name: string;
  /** Racks get theirs in this order. */
  readonly position: number;
  /** Without it and `ip`, the rack is behind relay agents. */
  readonly interface: string | undefined;
  /** The rack's own address there. */
  readonly ip: Ipv4 | undefined;
  readonly isOn: boolean;
  /** The rack names itself as DNS server; remembered while it is off. */
  readonly isDns: boolean;
  /** Another DHCP server gives the addresses. */
  readonly isProxy: boolean;
  /** `undefined`: the gateway of the subnet. */
  readonly router: Ipv4 | undefined;
  /** `undefined`: those of the subnet; `null`: none are named, so the rack itself. */
  readonly dnsServers: readonly string[] | null | undefined;
  /**
   * Its other fields, in the form of a configuration file. `hosts` has the entries that no
   * `SubnetHost` can hold, mostly none.
   */
  readonly terms: Settings;
  /** Who made the range for which it was made; `undefined`: it was made by itself. */
  readonly madeBy: string | undefined;
  /** Wall time in milliseconds. */
  readonly changedMs: number;
}

/** An entry of `hosts`: an address that one client alone gets in the subnet. */
export interface SubnetHost {
  readonly id: number;
  readonly subnetId: number;
  /** `undefined`: every service of the subnet has it, also those to come. */
  readonly serviceId: number | undefined;
  /** Racks get theirs in this order. */
  readonly position: number;
  /** Unique in its service. */
  readonly address: Ipv4;
  /** As a configuration file has it, with its address. */
  readonly entry: Settings;
  readonly comment: string;
}

type HostGroups = ReadonlyMap<number | undefined, readonly SubnetHost[]>;

/** By the lists of hosts, which change less often than they are asked. */
const BY_SERVICE = new WeakMap<readonly SubnetHost[], HostGroups>();
const BY_SUBNET = new WeakMap<readonly SubnetHost[], HostGroups>();

function groupOnce(
  groups: WeakMap<readonly SubnetHost[], HostGroups>,
  hosts: readonly SubnetHost[],
  group: (hosts: readonly SubnetHost[]) => HostGroups,
): HostGroups {
  const before = groups.get(hosts);
  if (before !== undefined) return before;
  const grouped = group(hosts);
  groups.set(hosts, grouped);
  return grouped;
}

export const NO_HOSTS: readonly SubnetHost[] = [];

/** The hosts of a service, in their order. @param serviceId `undefined`: those of subnets themselves */
export function listHosts(
  { hosts }: { readonly hosts: readonly SubnetHost[] },
  serviceId: number | undefined,
): readonly SubnetHost[] {
  const groups = groupOnce(BY_SERVICE, hosts, (all) =>
    Map.groupBy(
      all.toSorted((a, b) => a.position - b.position),
      (host) => host.serviceId,
    ),
  );
  return groups.get(serviceId) ?? NO_HOSTS;
}

/** The hosts of a subnet itself, in their order: every service there has them. */
export function listSubnetHosts(
  records: { readonly hosts: readonly SubnetHost[] },
  subnetId: number,
): readonly SubnetHost[] {
  const groups = groupOnce(BY_SUBNET, listHosts(records, undefined), (shared) =>
    Map.groupBy(shared, (host) => host.subnetId),
  );
  return groups.get(subnetId) ?? NO_HOSTS;
}
