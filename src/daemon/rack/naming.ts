// The DNS names of leases, machines and reservations.
//
// 1. The region names the machines that it knows, whatever hostname their DHCP client reports.
// 2. A client cannot take the name of a known machine. If only the machine's own report gave it the
//    name, the first to report it has it.
// 3. A machine with fixed addresses has its name on these alone. Any other machine has its name on
//    the leases in its home network. A lease elsewhere has the name only while no lease at home
//    runs, because any host can lease an address under an overheard hardware address.
// 4. An address that was taken back from a machine loses its name, though the lease may still run
//    for a while.
// 5. Unknown clients and reservations are named only where the rack manages DNS (management 2);
//    machines, and named addresses that users reserved, everywhere.
// 6. A user's name for an address counts as a machine's of the same name only if that machine is
//    the host of the address (`mac`).

import type { RackConfig } from '../../config/rack-config.ts';
import { isNamedHere, listConfiguredHostNames } from '../../config/record-faults.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { DhcpConfig } from '../../dhcp/networks/config.ts';
import { awayFrom, findConfiguredSubnet } from '../../dhcp/networks/machine-home.ts';
import { isReservedFor } from '../../dhcp/networks/reservations.ts';
import type { NamedAddress } from '../../dns/configured-records.ts';
import type { Names } from '../../dns/names.ts';
import { type Ipv4, type MacAddress, rangeContains } from '../../ground/address.ts';
import { type Instant, seconds } from '../../ground/clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine, ReservedHost } from '../../machines/machine.ts';

/** The host part and domain of a lease's name; `hostname` is `undefined` for a lease without a name. */
interface LeaseName {
  readonly hostname: string | undefined;
  readonly domain: string;
}

/** True for a lease from a dynamic range or a reservation, as opposed to an address fixed by the region. */
function isConfiguredAddress(lease: Lease, config: DhcpConfig): boolean {
  const { address } = lease;
  const subnet = findConfiguredSubnet(address, config);
  if (subnet?.dynamic === undefined || rangeContains(subnet.dynamic, address)) return true;
  return subnet.reservations.some(
    (reservation) => reservation.address === address && isReservedFor(reservation, lease),
  );
}

/** An address that another DHCP server gave to a machine, in the form of a running lease. */
export const sightingAsLease = (mac: MacAddress, address: Ipv4, now: Instant): Lease => {
  return { address, mac, state: 'bound', grantedAt: now, expiresAt: now, duration: seconds(0) };
};

/** True for an unknown client that reports the hostname of a known machine. */
export const isNameTaken = ({ mac, hostname }: Lease, machines: MachineDirectory): boolean =>
  hostname !== undefined && machines.findByMac(mac) === undefined && machines.isProtectedName(hostname.toLowerCase());

/** Says whether a machine has a running lease in its home network. */
export type IsLeasedAtHome = (machine: RackMachine) => boolean;

/** True when one of a machine's running leases is in its home network. */
export const hasLeaseAtHome = (leases: readonly Lease[], machine: RackMachine, config: RackConfig): boolean =>
  leases.some(({ address }) => awayFrom(machine, address, config.dhcp) === undefined);

/** Makes the function from all running leases. */
const makeLeasedAtHome =
  (leases: readonly Lease[], config: RackConfig): IsLeasedAtHome =>
  (machine) =>
    hasLeaseAtHome(
      leases.filter(({ mac }) => machine.macs.includes(mac)),
      machine,
      config,
    );

function chooseLeaseName(
  lease: Lease,
  machines: MachineDirectory,
  config: RackConfig,
  isLeasedAtHome: IsLeasedAtHome = () => false,
): LeaseName {
  const machine = machines.findByMac(lease.mac);
  if (machine !== undefined) {
    const isOwn = machine.addresses.some(({ address }) => address === lease.address);
    const isFree = machine.addresses.length === 0 && isConfiguredAddress(lease, config.dhcp);
    const isStray = isFree && awayFrom(machine, lease.address, config.dhcp) !== undefined && isLeasedAtHome(machine);
    const isNamed = isOwn || (isFree && !isStray);
    return { hostname: isNamed ? machine.hostname : undefined, domain: machine.domain };
  }
  const domain = findConfiguredSubnet(lease.address, config.dhcp)?.domain ?? config.region.domain;
  const isTaken = isNameTaken(lease, machines);
  return { hostname: isTaken || !isNamedHere(lease.address, config) ? undefined : lease.hostname, domain };
}

/**
 * Claims the names of reservations. The DNS server itself claims those of the rack and of `dns.records`.
 * @param reserved the addresses that users of the region reserved; the configuration may have some
 * of them, too
 */
export function nameReservations(names: Names, config: RackConfig, reserved: readonly ReservedHost[] = []): void {
  const configured = listConfiguredHostNames(config);
  const reservedNames = [...mapNamedHosts(reserved)].map(([fqdn, { address }]) => ({ fqdn, address }));
  names.setReservations([...configured, ...reservedNames]);
}

function mapNamedHosts(reserved: readonly ReservedHost[]): ReadonlyMap<string, ReservedHost> {
  return new Map(
    reserved.flatMap((reservation) =>
      reservation.hostname === undefined || reservation.domain === undefined
        ? []
        : [[`${reservation.hostname}.${reservation.domain}`, reservation]],
    ),
  );
}

/** The addresses of machines with their names, and of reserved addresses that are named as their host. */
function listMachineNames(machines: MachineDirectory, reserved: readonly ReservedHost[]): readonly NamedAddress[] {
  const reservedByName = mapNamedHosts(reserved);
  return machines.all.flatMap(({ hostname, domain, addresses, macs }) => {
    const fqdn = `${hostname}.${domain}`;
    const host = reservedByName.get(fqdn);
    const ownNames = addresses.map(({ address }) => ({ fqdn, address }));
    if (host === undefined || ownNames.length === 0) return ownNames;
    const isHost = host.mac !== undefined && macs.includes(host.mac);
    return isHost ? [...ownNames, { fqdn, address: host.address }] : [];
  });
}

/**
 * Claims the names of machines with fixed addresses, and names these running leases again.
 * @param reserved the addresses that users of the region reserved
 */
export function nameMachines(
  names: Names,
  machines: MachineDirectory,
  leases: readonly Lease[],
  config: RackConfig,
  isLeasedAtHome = makeLeasedAtHome(leases, config),
  reserved: readonly ReservedHost[] = [],
): void {
  // Leases that lose a name give it up first: a conflict between a machine and its own lease is not
  // worth reporting.
  for (const lease of leases) {
    if (chooseLeaseName(lease, machines, config, isLeasedAtHome).hostname === undefined)
      nameLease(names, lease, machines, config, isLeasedAtHome);
  }
  names.setMachines(listMachineNames(machines, reserved));
  for (const lease of leases) nameLease(names, lease, machines, config, isLeasedAtHome);
}

/** Claims or gives up the name of a bound, running lease. */
export function nameLease(
  names: Names,
  lease: Lease,
  machines: MachineDirectory,
  config: RackConfig,
  isLeasedAtHome?: IsLeasedAtHome,
): void {
  const { hostname, domain } = chooseLeaseName(lease, machines, config, isLeasedAtHome);
  names.leaseBound(lease.mac, lease.address, hostname, domain);
}
