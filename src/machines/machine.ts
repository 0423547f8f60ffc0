// A machine as the rack knows it: enough to boot, address and name it while the region is away. The region decides, the rack obeys; a
// record is replaced whole, never changed.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { Settings } from './settings.ts';

/**
 * The purpose of a machine's next network boot.
 *
 * - `enlist`: the machine is unknown; it reports itself and powers off.
 * - `commissioning`: it runs the ephemeral environment as its status requires.
 * - `install`: it runs a distribution's installer or writes an image.
 * - `local`: it boots its own disk.
 * - `poweroff`: it has nothing to do and powers off.
 */
export type BootPurpose = 'enlist' | 'commissioning' | 'install' | 'local' | 'poweroff';

/** The state of a device: a host that others start, of which the region keeps only names and addresses. Older regions call it Deployed. */
export const DEVICE_STATE = 'a device';

/** A fixed address of one of a machine's interfaces. */
export interface MachineAddress {
  readonly mac: MacAddress;
  readonly address: Ipv4;
}

export interface RackMachine {
  /** The region's permanent name for it, six characters. */
  readonly systemId: string;
  readonly hostname: string;
  readonly domain: string;
  /** The life-cycle state's name as people read it: `New`, `Ready`, `Deployed`; `DEVICE_STATE` for a device. */
  readonly statusName: string;
  readonly purpose: BootPurpose;
  readonly architecture: string;
  readonly subarchitecture: string;
  /** The release it boots or installs; `undefined` for the rack's default environment. */
  readonly release?: string | undefined;
  /** All its network interfaces, the boot interface first. */
  readonly macs: readonly MacAddress[];
  /** SMBIOS UUID, lower case; undefined when unknown or known to be shared by several machines. */
  readonly uuid?: string | undefined;
  /** Addresses the region gave it (allocations). */
  readonly addresses: readonly MachineAddress[];
  readonly kernelParams?: string | undefined;
  /** By name; `undefined`: it has none. */
  readonly tags?: readonly string[] | undefined;
  /** By name; `undefined`: the default one. */
  readonly pool?: string | undefined;
  /** True if only its own report names it; the name then counts no more than one that a DHCP client gives itself. */
  readonly isSelfNamed?: true | undefined;
  /** The secret of its current boot; `undefined` if no work is under way. Never appears in a log, event, URL or page. */
  readonly bootToken?: string | undefined;
  /**
   * An address in its home network: only on its wire has it its token and its name. `undefined` if that is unknown, no longer served, or
   * another rack's.
   */
  readonly home?: Ipv4 | undefined;
}

/** A network where a machine is not at home: its name, or an address of it. */
export interface Away {
  readonly network: string;
  /** The name of the home network; `undefined` if another rack serves it. */
  readonly home?: string | undefined;
  /** An address of the home network of another rack. */
  readonly homeAddress?: string | undefined;
}

/** An address that a user reserved for a host that need not be a machine, with the host or the name that it is for. */
export interface ReservedHost {
  readonly address: Ipv4;
  /** The host that gets the address by DHCP; `undefined`: no host gets it. */
  readonly mac?: MacAddress | undefined;
  /** The name of the address, and its domain; both are `undefined` if it has no name. */
  readonly hostname?: string | undefined;
  readonly domain?: string | undefined;
}

/** The region's desired state of the rack: replaced whole, with a version that only grows. */
export interface DesiredState {
  readonly schema: 2;
  readonly version: number;
  readonly machines: readonly RackMachine[];
  /** The part of this rack's configuration in the region's store; `undefined` if there is none. */
  readonly settings?: Settings | undefined;
  /** The reserved addresses with a host or a name; `undefined` if there are none. */
  readonly reserved?: readonly ReservedHost[] | undefined;
}

/** How a desired state differs from one that the rack has. */
export interface StateChanges {
  readonly schema: 2;
  /** The version of the state with these changes. */
  readonly version: number;
  /** Machines that the rack has otherwise, or not at all. */
  readonly machines: readonly RackMachine[];
  /** The system ids of machines that are no longer in the state. */
  readonly gone: readonly string[];
  /** The new state's settings and reserved addresses, whole, changed or not. */
  readonly settings?: Settings | undefined;
  readonly reserved?: readonly ReservedHost[] | undefined;
}

export const EMPTY_DESIRED_STATE: DesiredState = { schema: 2, version: 0, machines: [] };
