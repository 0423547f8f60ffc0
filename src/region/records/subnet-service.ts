// The work of one rack in one subnet: MAAS 1's cluster interface, as a row. The subnet and its
// ranges have the addresses.

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
  /** Its other fields, in the form of a configuration file. */
  readonly terms: Settings;
  /** Who made the range for which it was made; `undefined`: it was made by itself. */
  readonly madeBy: string | undefined;
  /** Wall time in milliseconds. */
  readonly changedMs: number;
}
