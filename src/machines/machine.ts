// What a rack knows of a machine: enough to boot it, address it and name it while the region is away. The region decides, the
// rack obeys; a record is replaced whole, never changed.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { Settings } from './settings.ts';

/**
 * What a machine's next network boot is for.
 *
 * - `enlist`: nobody knows the machine; it reports itself and powers off.
 * - `commissioning`: it runs the ephemeral environment for what its status says.
 * - `install`: it runs a distribution's installer or writes an image.
 * - `local`: it boots its own disk.
 * - `poweroff`: it has nothing to do and is switched off.
 */
export type BootPurpose = 'enlist' | 'commissioning' | 'install' | 'local' | 'poweroff';

/** A fixed address of one of a machine's interfaces. */
export interface MachineAddress {
  readonly mac: MacAddress;
  readonly address: Ipv4;
}

export interface RackMachine {
  /** The region's name for it, six characters, for ever. */
  readonly systemId: string;
  readonly hostname: string;
  readonly domain: string;
  /** The life-cycle state's name as people read it: `New`, `Ready`, `Deployed`. */
  readonly statusName: string;
  readonly purpose: BootPurpose;
  /** `amd64`, `arm64` … and the sub-architecture, `generic` unless it needs another kernel. */
  readonly architecture: string;
  readonly subarchitecture: string;
  /** What it boots or installs; undefined: the rack's default environment. */
  readonly release?: string | undefined;
  /** All its network interfaces, the boot interface first. */
  readonly macs: readonly MacAddress[];
  /** SMBIOS UUID, lower case; undefined when unknown or known to be shared by several machines. */
  readonly uuid?: string | undefined;
  /** Addresses the region gave it (allocations). */
  readonly addresses: readonly MachineAddress[];
  /** Kernel arguments instead of the global ones. */
  readonly kernelParams?: string | undefined;
  /** True: nobody but its own report names it, so its name counts no more than one that a DHCP client gives itself. */
  readonly isSelfNamed?: true | undefined;
  /** The secret of its present boot; undefined: it has no work under way. In no log, event, URL or page. */
  readonly bootToken?: string | undefined;
  /**
   * An address of the network in which it is at home: its token is given, and its name stands, for addresses of this network's wire.
   * Undefined: nothing is known of that, the home's network is served no more, or a rack elsewhere serves it.
   */
  readonly home?: Ipv4 | undefined;
}

/** A network, and the other one in which a machine is at home, as people call them. */
export interface Away {
  readonly network: string;
  readonly home: string;
}

/** What the region wants of the rack: replaced whole, with a version that only grows. */
export interface DesiredState {
  /** The shape of this message; a rack refuses one it does not know. */
  readonly schema: 2;
  readonly version: number;
  readonly machines: readonly RackMachine[];
  /** What the region's store owns of this rack's configuration; undefined: nothing. */
  readonly settings?: Settings | undefined;
}

export const EMPTY_DESIRED_STATE: DesiredState = { schema: 2, version: 0, machines: [] };
