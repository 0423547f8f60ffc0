// Updates the DNS names of leases and machines incrementally: a change touches only the leases that
// it can affect, however many there are. A stranger is a client that the region does not know.
//
//   lease granted, renewed ─ lease           setMachines ─┬─ leases of the changed machines' interfaces
//   lease ended ─ removeName                              ├─ strangers that hold a name which a machine now takes
//   configure, at first ─ everything                      └─ strangers that may now get a name that a machine gave up
//   configure, later ─ nothing, or reservations at once and TURN_LEASES leases per turn of the event loop
//
// 1. Afterwards the names are the same as if everything had been named from scratch.
// 2. The address of a stranger that reports a machine's hostname is remembered until the lease ends
//    or reports another name.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { RackConfig } from '../../config/rack-config.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { awayFrom } from '../../dhcp/networks/machine-home.ts';
import type { Names } from '../../dns/names.ts';
import type { Ipv4, MacAddress } from '../../ground/address.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine, ReservedHost } from '../../machines/machine.ts';
import {
  hasLeaseAtHome,
  type IsLeasedAtHome,
  isNameTaken,
  nameLease,
  nameMachines,
  nameReservations,
} from './naming.ts';

/**
 * Leases named in one turn after a configuration change: keeps the rack loop busy for about half a
 * millisecond at most.
 */
export const TURN_LEASES = 128;

/** The running leases, including addresses of other servers in the form of leases. */
interface NamedLeases {
  /** All running leases; they may change during the iteration. */
  readonly list: () => Iterable<Lease>;
  readonly find: (address: Ipv4) => Lease | undefined;
  /** The leases of these interfaces. */
  readonly findByMacs: (macs: ReadonlySet<MacAddress>) => readonly Lease[];
}

export class LeaseNaming {
  readonly #names: Names;
  readonly #leases: NamedLeases;
  #machines = new MachineDirectory([]);
  /** `undefined` until everything was named once. */
  #config: RackConfig | undefined;
  #reservedHosts: readonly ReservedHost[] = [];
  /** Counts configuration changes: a newer change stops the turns of the previous one. */
  #changeCount = 0;
  /** By a stranger's address: the hostname that the stranger reports but a machine has, in lower case. */
  readonly #withheldNames = new Map<Ipv4, string>();

  constructor(names: Names, leases: NamedLeases) {
    this.#names = names;
    this.#leases = leases;
  }

  /**
   * Names everything by a new configuration; the first time in one turn.
   * @param reserved the addresses that users of the region reserved
   */
  async configure(config: RackConfig, reserved: readonly ReservedHost[] = []): Promise<void> {
    const [formerConfig, formerReserved] = [this.#config, this.#reservedHosts];
    this.#config = config;
    this.#reservedHosts = reserved;
    const isSame =
      formerConfig !== undefined && isDeepStrictEqual(selectNamingConfig(formerConfig), selectNamingConfig(config));
    if (isSame && isDeepStrictEqual(formerReserved, reserved)) return;
    this.#changeCount += 1;
    nameReservations(this.#names, config, reserved);
    if (formerConfig === undefined) {
      // Nothing else can have a name; sorting a hundred thousand leases takes a while.
      const namedLeases = Array.from(this.#leases.list()).filter(
        ({ hostname, mac }) => hostname !== undefined || this.#machines.findByMac(mac) !== undefined,
      );
      return this.#nameLeases(namedLeases.sort(compareNamingOrder), config);
    }
    if (!isDeepStrictEqual(formerReserved, reserved)) this.#nameLeases([], config);
    await this.#nameInTurns(this.#changeCount);
  }

  lease(lease: Lease): void {
    if (this.#config === undefined) return;
    // A lease that loses the name must give it up before this one takes it.
    this.#renameStrays(lease, this.#config);
    this.#trackWithheld(lease);
    nameLease(this.#names, lease, this.#machines, this.#config, this.#isLeasedAtHome(this.#config));
  }

  /**
   * Removes the name of a lease that was released, expired or ended.
   * @param mac its holder; `undefined` if not known
   */
  removeName(address: Ipv4, mac?: MacAddress): void {
    this.#withheldNames.delete(address);
    this.#names.leaseGone(address);
    if (mac !== undefined && this.#config !== undefined) this.#renameStrays({ address, mac }, this.#config);
  }

  /** Renames a machine's leases outside its home network after its lease at home began or ended. */
  #renameStrays({ address, mac }: Pick<Lease, 'address' | 'mac'>, config: RackConfig): void {
    const machine = this.#machines.findByMac(mac);
    if (machine?.home === undefined || machine.addresses.length > 0) return;
    if (awayFrom(machine, address, config.dhcp) !== undefined) return;
    for (const lease of this.#leases.findByMacs(new Set(machine.macs))) {
      if (lease.address === address || awayFrom(machine, lease.address, config.dhcp) === undefined) continue;
      nameLease(this.#names, lease, this.#machines, config, this.#isLeasedAtHome(config));
    }
  }

  #isLeasedAtHome(config: RackConfig): IsLeasedAtHome {
    return (machine) => hasLeaseAtHome(this.#leases.findByMacs(new Set(machine.macs)), machine, config);
  }

  setMachines(machines: MachineDirectory): void {
    const [formerMachines, config] = [this.#machines, this.#config];
    this.#machines = machines;
    const changedMachines = config === undefined ? [] : findChangedMachines(formerMachines, machines);
    if (config === undefined || changedMachines.length === 0) return;
    const macs = new Set(changedMachines.flatMap((machine) => machine.macs));
    const hostnames = new Set(changedMachines.map(({ hostname }) => hostname));
    const concernedLeases = new Map(this.#leases.findByMacs(macs).map((lease) => [lease.address, lease]));
    for (const address of this.#findStrangersNamed(hostnames, config)) {
      const lease = this.#leases.find(address);
      if (lease !== undefined) concernedLeases.set(address, lease);
    }
    this.#nameLeases([...concernedLeases.values()], config);
  }

  #nameLeases(leases: readonly Lease[], config: RackConfig): void {
    for (const lease of leases) this.#trackWithheld(lease);
    nameMachines(this.#names, this.#machines, leases, config, this.#isLeasedAtHome(config), this.#reservedHosts);
  }

  async #nameInTurns(change: number): Promise<void> {
    let examinedCount = 0;
    for (const lease of this.#leases.list()) {
      this.lease(lease);
      examinedCount += 1;
      if (examinedCount % TURN_LEASES === 0) await nextTurn();
      if (this.#changeCount !== change) return;
    }
  }

  /** Addresses of leases that have one of these names, or would have it if no machine did. */
  *#findStrangersNamed(hostnames: ReadonlySet<string>, config: RackConfig): Generator<Ipv4> {
    for (const [address, hostname] of this.#withheldNames) if (hostnames.has(hostname)) yield address;
    const domains = new Set([config.region.domain, ...config.dhcp.subnets.map(({ domain }) => domain)]);
    for (const hostname of hostnames) {
      for (const domain of domains) yield* this.#names.leasesNamed(hostname, domain);
    }
  }

  #trackWithheld(lease: Lease): void {
    if (isNameTaken(lease, this.#machines)) this.#withheldNames.set(lease.address, lease.hostname?.toLowerCase() ?? '');
    else this.#withheldNames.delete(lease.address);
  }
}

/**
 * The order in which clients got their names: among leases the first wins (`dns/claims.ts`), even
 * after a restart.
 */
const compareNamingOrder = (left: Lease, right: Lease): number =>
  (left.namedAt ?? left.grantedAt) - (right.namedAt ?? right.grantedAt) || left.address - right.address;

const selectNamingConfig = ({ clusterInterfaces, dhcp, region }: RackConfig): unknown => [
  region.domain,
  clusterInterfaces.map(({ management, network }) => [management, network]),
  dhcp.subnets.map(({ network, domain, dynamic, reservations }) => [network, domain, dynamic, reservations]),
];

/** The machines that are new, gone or named differently, in their old and new form. */
function findChangedMachines(before: MachineDirectory, after: MachineDirectory): readonly RackMachine[] {
  const formerMachines = new Map(before.all.map((machine) => [machine.systemId, machine]));
  const changedMachines: RackMachine[] = [];
  for (const machine of after.all) {
    const formerMachine = formerMachines.get(machine.systemId);
    formerMachines.delete(machine.systemId);
    if (formerMachine !== undefined && isNamedAlike(formerMachine, machine)) continue;
    changedMachines.push(machine);
    if (formerMachine !== undefined) changedMachines.push(formerMachine);
  }
  return [...changedMachines, ...formerMachines.values()];
}

const isNamedAlike = (a: RackMachine, b: RackMachine): boolean =>
  a.hostname === b.hostname &&
  a.domain === b.domain &&
  a.isSelfNamed === b.isSelfNamed &&
  a.macs.join() === b.macs.join() &&
  a.home === b.home &&
  formatMachineAddresses(a) === formatMachineAddresses(b);

const formatMachineAddresses = ({ addresses }: RackMachine): string => addresses.map(({ address }) => address).join();
