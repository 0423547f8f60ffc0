// The machines of one desired state, found by their identifiers. Immutable: a new state makes a new
// directory, and a boot in flight keeps the one it started with.
//
// 1. An identifier that several machines share finds none of them: a UUID that a vendor gave a
//    whole series must not start the wrong machine.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import { DEVICE_STATE, type RackMachine } from './machine.ts';

/** Look-ups by MAC, UUID, fixed address and hostname; each finds at most one machine. */
export class MachineDirectory {
  readonly all: readonly RackMachine[];
  /** How many of them are machines, not devices. */
  readonly machineCount: number;
  readonly #byMac = new Map<MacAddress, RackMachine>();
  /** `undefined` if several machines have it. */
  readonly #byUuid = new Map<string, RackMachine | undefined>();
  readonly #byAddress = new Map<Ipv4, RackMachine>();
  readonly #byHostname = new Map<string, RackMachine>();

  constructor(machines: readonly RackMachine[]) {
    this.all = machines;
    this.machineCount = machines.filter(({ statusName }) => statusName !== DEVICE_STATE).length;
    for (const machine of machines) {
      for (const mac of machine.macs) this.#byMac.set(mac, machine);
      if (machine.uuid !== undefined) {
        this.#byUuid.set(machine.uuid, this.#byUuid.has(machine.uuid) ? undefined : machine);
      }
      for (const { address } of machine.addresses) this.#byAddress.set(address, machine);
      this.#byHostname.set(machine.hostname, machine);
    }
  }

  findByMac(mac: MacAddress): RackMachine | undefined {
    return this.#byMac.get(mac);
  }

  /** @param uuid lower case */
  findByUuid(uuid: string): RackMachine | undefined {
    return this.#byUuid.get(uuid);
  }

  /** The machine to which the region gave this address. */
  findByAddress(address: Ipv4): RackMachine | undefined {
    return this.#byAddress.get(address);
  }

  findByHostname(hostname: string): RackMachine | undefined {
    return this.#byHostname.get(hostname);
  }

  /**
   * True for the name of a machine that did not get it from its own report alone. No DHCP client
   * can take such a name.
   */
  isProtectedName(hostname: string): boolean {
    const machine = this.#byHostname.get(hostname);
    return machine !== undefined && machine.isSelfNamed !== true;
  }

  /** The protected name of the machine with this interface; `undefined` if it has none. */
  findProtectedName(mac: MacAddress): string | undefined {
    const machine = this.#byMac.get(mac);
    return machine?.isSelfNamed === true ? undefined : machine?.hostname;
  }
}
