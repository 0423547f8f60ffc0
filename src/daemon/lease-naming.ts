// The names of leases and machines as both change: a change touches only the leases that it can concern, however many there are.
//
//   lease given, renewed ─ lease                    machines changed ─ machinesChanged ─┬─ leases of their interfaces
//   lease ended ─ gone                                                                  ├─ strangers that have a name they take
//   configuration ─ everything                                                          └─ strangers without a name, which they left
//
// 1. After `machinesChanged` the names are what `everything` would make them.
// 2. Of a stranger that calls itself like a machine its address is kept in mind, until the lease ends or says otherwise.

import type { RackConfig } from '../config/rack-config.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import type { Names } from '../dns/names.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { RackMachine } from '../machines/machine.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { isNameTaken, nameLease, nameMachines, nameReservations } from './naming.ts';

/** The running leases, and addresses of other servers in the form of leases. */
export interface NamedLeases {
  readonly all: () => readonly Lease[];
  readonly at: (address: Ipv4) => Lease | undefined;
  /** Those of these interfaces. */
  readonly of: (macs: ReadonlySet<MacAddress>) => readonly Lease[];
}

export class LeaseNaming {
  readonly #names: Names;
  readonly #leases: NamedLeases;
  /** By address, what strangers call themselves whose name is a machine's: in lower case. */
  readonly #withheld = new Map<Ipv4, string>();

  constructor(names: Names, leases: NamedLeases) {
    this.#names = names;
    this.#leases = leases;
  }

  /** Names everything anew: for another configuration. */
  everything(machines: MachineDirectory, config: RackConfig): void {
    nameReservations(this.#names, config);
    this.#nameWith(this.#leases.all(), machines, config);
  }

  /** A lease that is bound and runs. */
  lease(lease: Lease, machines: MachineDirectory, config: RackConfig): void {
    this.#note(lease, machines);
    nameLease(this.#names, lease, machines, config);
  }

  /** A lease was released, expired or taken away. */
  gone(address: Ipv4): void {
    this.#withheld.delete(address);
    this.#names.leaseGone(address);
  }

  /** These machines have taken the place of those. */
  machinesChanged(before: MachineDirectory, after: MachineDirectory, config: RackConfig): void {
    const changed = changedMachines(before, after);
    if (changed.length === 0) return;
    const macs = new Set(changed.flatMap((machine) => machine.macs));
    const hostnames = new Set(changed.map(({ hostname }) => hostname));
    const concerned = new Map(this.#leases.of(macs).map((lease) => [lease.address, lease]));
    for (const address of this.#strangersNamed(hostnames, config)) {
      const lease = this.#leases.at(address);
      if (lease !== undefined) concerned.set(address, lease);
    }
    this.#nameWith([...concerned.values()], after, config);
  }

  #nameWith(leases: readonly Lease[], machines: MachineDirectory, config: RackConfig): void {
    for (const lease of leases) this.#note(lease, machines);
    nameMachines(this.#names, machines, leases, config);
  }

  /** Addresses of leases that have such a name, or would have it if no machine had. */
  *#strangersNamed(hostnames: ReadonlySet<string>, config: RackConfig): Generator<Ipv4> {
    for (const [address, hostname] of this.#withheld) if (hostnames.has(hostname)) yield address;
    const domains = new Set([config.region.domain, ...config.dhcp.subnets.map(({ domain }) => domain)]);
    for (const hostname of hostnames) {
      for (const domain of domains) yield* this.#names.leasesNamed(hostname, domain);
    }
  }

  #note(lease: Lease, machines: MachineDirectory): void {
    if (isNameTaken(lease, machines)) this.#withheld.set(lease.address, lease.hostname?.toLowerCase() ?? '');
    else this.#withheld.delete(lease.address);
  }
}

/** Machines that are new, gone or other in what names them, as they were and as they are. */
function changedMachines(before: MachineDirectory, after: MachineDirectory): readonly RackMachine[] {
  const old = new Map(before.all.map((machine) => [machine.systemId, machine]));
  const changed: RackMachine[] = [];
  for (const machine of after.all) {
    const was = old.get(machine.systemId);
    old.delete(machine.systemId);
    if (was !== undefined && isNamedAlike(was, machine)) continue;
    changed.push(machine);
    if (was !== undefined) changed.push(was);
  }
  return [...changed, ...old.values()];
}

const isNamedAlike = (a: RackMachine, b: RackMachine): boolean =>
  a.hostname === b.hostname &&
  a.domain === b.domain &&
  a.macs.join() === b.macs.join() &&
  addressesOf(a) === addressesOf(b);

const addressesOf = ({ addresses }: RackMachine): string => addresses.map(({ address }) => address).join();
