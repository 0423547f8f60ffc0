// Which names a lease, a machine and a reservation give to DNS.
//
// 1. A machine that the region knows is named by the region, whatever its DHCP client calls itself.
// 2. A client cannot take the name of a known machine.

import type { RackConfig } from '../config/rack-config.ts';
import type { DhcpConfig, DhcpSubnet } from '../dhcp/config.ts';
import type { Lease } from '../dhcp/lease.ts';
import type { Names } from '../dns/names.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import { type Ipv4, networkContains } from '../net/address.ts';

/** The host part and domain of a lease's name; `hostname` undefined: it has no name. */
export interface LeaseName {
  readonly hostname: string | undefined;
  readonly domain: string;
}

function subnetOf(address: Ipv4, config: DhcpConfig): DhcpSubnet | undefined {
  return config.subnets.find(({ network }) => networkContains(network, address));
}

/** The name under which a lease's address is known. */
export function nameOfLease(lease: Lease, machines: MachineDirectory, config: RackConfig): LeaseName {
  const machine = machines.findByMac(lease.mac);
  if (machine !== undefined) return { hostname: machine.hostname, domain: machine.domain };
  const domain = subnetOf(lease.address, config.dhcp)?.domain ?? config.region.domain;
  const taken = lease.hostname !== undefined && machines.findByHostname(lease.hostname.toLowerCase()) !== undefined;
  return { hostname: taken ? undefined : lease.hostname, domain };
}

/** Claims the names of reservations; those of the rack and of `dns.records` the DNS server claims itself. */
export function nameReservations(names: Names, config: RackConfig): void {
  names.setReservations(
    config.dhcp.subnets.flatMap(({ reservations, domain }) =>
      reservations.flatMap(({ hostname, address }) =>
        hostname === undefined ? [] : [{ fqdn: `${hostname}.${domain}`, address }],
      ),
    ),
  );
}

/** Claims the names of machines with addresses of their own, and names their leases anew. */
export function nameMachines(
  names: Names,
  machines: MachineDirectory,
  leases: readonly Lease[],
  config: RackConfig,
): void {
  names.setMachines(
    machines.all.flatMap(({ hostname, domain, addresses }) =>
      addresses.map(({ address }) => ({ fqdn: `${hostname}.${domain}`, address })),
    ),
  );
  for (const lease of leases) nameLease(names, lease, machines, config);
}

/** Claims or gives up the name of one lease; `lease` is bound and running. */
export function nameLease(names: Names, lease: Lease, machines: MachineDirectory, config: RackConfig): void {
  const { hostname, domain } = nameOfLease(lease, machines, config);
  names.leaseBound(lease.mac, lease.address, hostname, domain);
}
