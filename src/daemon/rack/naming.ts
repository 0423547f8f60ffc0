// Which names a lease, a machine and a reservation give to DNS.
//
// 1. A machine that the region knows is named by the region, whatever its DHCP client calls itself.
// 2. A client cannot take the name of a known machine. A name that only the machine's own report says is none such: among those who call
//    themselves the same, the first has the name, as among clients.
//    Of one without addresses of its own the leases in its home network have the name; one elsewhere has it only while none of those runs:
//    any host can lease an address under a hardware address that it has heard of.
// 3. A machine with addresses of its own is named by these alone: a lease that it had before, elsewhere, has no name beside them.
// 4. An address that was taken back from a machine has no name any more, though its lease may run on for a while.
// 5. Clients that nobody knows and reservations are named where DNS is managed (management 2) and nowhere else: elsewhere another
//    server names them. What the region knows is named wherever it is.

import { type Instant, seconds } from '../../clock.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { DhcpConfig } from '../../dhcp/networks/config.ts';
import { awayFrom, subnetOf } from '../../dhcp/networks/machine-home.ts';
import { isReservedFor } from '../../dhcp/networks/reservations.ts';
import type { Names } from '../../dns/names.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { type Ipv4, type MacAddress, networkContains, rangeContains } from '../../net/address.ts';

/** The host part and domain of a lease's name; `hostname` undefined: it has no name. */
export interface LeaseName {
  readonly hostname: string | undefined;
  readonly domain: string;
}

/** True where this rack names who is there: a cluster interface with management 2. */
function isNamedHere(address: Ipv4, config: RackConfig): boolean {
  return config.clusterInterfaces.some(
    ({ management, network }) => management === 2 && networkContains(network, address),
  );
}

/** True for a lease of a dynamic range, or of a reservation: of no address that the region gave. */
function isGivenByConfiguration(lease: Lease, config: DhcpConfig): boolean {
  const { address } = lease;
  const subnet = subnetOf(address, config);
  if (subnet?.dynamic === undefined || rangeContains(subnet.dynamic, address)) return true;
  return subnet.reservations.some((one) => one.address === address && isReservedFor(one, lease));
}

/** An address that another DHCP server gave to a machine, in the form of a lease that runs on. */
export const sightingAsLease = (mac: MacAddress, address: Ipv4, now: Instant): Lease => {
  return { address, mac, state: 'bound', grantedAt: now, expiresAt: now, duration: seconds(0) };
};

/** True for a client that nobody knows and that calls itself like a machine that is known by that name. */
export const isNameTaken = ({ mac, hostname }: Lease, machines: MachineDirectory): boolean =>
  hostname !== undefined && machines.findByMac(mac) === undefined && machines.isKeptName(hostname.toLowerCase());

/** Which machines have a running lease at home. */
export type IsLeasedAtHome = (machine: RackMachine) => boolean;

/** True when one of a machine's running leases is in its home network. */
export const isAmongHome = (leases: readonly Lease[], machine: RackMachine, config: RackConfig): boolean =>
  leases.some(({ address }) => awayFrom(machine, address, config.dhcp) === undefined);

/** The same of leases that are all that run. */
const leasedAtHome =
  (leases: readonly Lease[], config: RackConfig): IsLeasedAtHome =>
  (machine) =>
    isAmongHome(
      leases.filter(({ mac }) => machine.macs.includes(mac)),
      machine,
      config,
    );

/** The name under which a lease's address is known. */
export function nameOfLease(
  lease: Lease,
  machines: MachineDirectory,
  config: RackConfig,
  isLeasedAtHome: IsLeasedAtHome = () => false,
): LeaseName {
  const machine = machines.findByMac(lease.mac);
  if (machine !== undefined) {
    const isOwn = machine.addresses.some(({ address }) => address === lease.address);
    const isFree = machine.addresses.length === 0 && isGivenByConfiguration(lease, config.dhcp);
    const isStray = isFree && awayFrom(machine, lease.address, config.dhcp) !== undefined && isLeasedAtHome(machine);
    const isNamed = isOwn || (isFree && !isStray);
    return { hostname: isNamed ? machine.hostname : undefined, domain: machine.domain };
  }
  const domain = subnetOf(lease.address, config.dhcp)?.domain ?? config.region.domain;
  const isTaken = isNameTaken(lease, machines);
  return { hostname: isTaken || !isNamedHere(lease.address, config) ? undefined : lease.hostname, domain };
}

/** Claims the names of reservations; those of the rack and of `dns.records` the DNS server claims itself. */
export function nameReservations(names: Names, config: RackConfig): void {
  names.setReservations(
    config.dhcp.subnets.flatMap(({ reservations, domain }) =>
      reservations.flatMap(({ hostname, address }) =>
        hostname === undefined || !isNamedHere(address, config) ? [] : [{ fqdn: `${hostname}.${domain}`, address }],
      ),
    ),
  );
}

/** Claims the names of machines with addresses of their own, and names these leases anew, which run. */
export function nameMachines(
  names: Names,
  machines: MachineDirectory,
  leases: readonly Lease[],
  config: RackConfig,
  isLeasedAtHome = leasedAtHome(leases, config),
): void {
  // Who has to give up a name does so first: between a machine and its own lease there is nothing to tell a person.
  for (const lease of leases) {
    if (nameOfLease(lease, machines, config, isLeasedAtHome).hostname === undefined)
      nameLease(names, lease, machines, config, isLeasedAtHome);
  }
  names.setMachines(
    machines.all.flatMap(({ hostname, domain, addresses }) =>
      addresses.map(({ address }) => ({ fqdn: `${hostname}.${domain}`, address })),
    ),
  );
  for (const lease of leases) nameLease(names, lease, machines, config, isLeasedAtHome);
}

/** Claims or gives up the name of one lease; `lease` is bound and running. */
export function nameLease(
  names: Names,
  lease: Lease,
  machines: MachineDirectory,
  config: RackConfig,
  isLeasedAtHome?: IsLeasedAtHome,
): void {
  const { hostname, domain } = nameOfLease(lease, machines, config, isLeasedAtHome);
  names.leaseBound(lease.mac, lease.address, hostname, domain);
}
