// Decides whether a machine is at home at an address. The region names its home (`RackMachine.home`); this rack knows its own wires.
//
//   home              address            at home
//   unknown           any                yes: nothing speaks against it, and the first boot will show
//   on a wire         on the same wire   yes: the same hosts reach all networks of a wire
//   on a wire         on another, none   no: the client there need not be the machine
//   on no wire here   on a wire          no: another rack serves the machine
//   on no wire here   on no wire here    yes: this rack cannot tell
//
// 1. A hardware address is no secret, and each wire has its own hosts: a lease under it on one wire proves nothing on another.

import type { Away, RackMachine } from '../../machines/machine.ts';
import { formatIpv4, type Ipv4, networkContains } from '../../net/address.ts';
import type { DhcpConfig, DhcpSubnet } from './config.ts';
import { isOneWire } from './server-role.ts';

/** The configured network that holds an address; undefined: none. */
export const subnetOf = (address: Ipv4, { subnets }: DhcpConfig): DhcpSubnet | undefined =>
  subnets.find(({ network }) => networkContains(network, address));

/** The network of the address and the machine's home, if they differ; undefined: the machine is at home there. */
export function awayFrom({ home }: Pick<RackMachine, 'home'>, address: Ipv4, config: DhcpConfig): Away | undefined {
  if (home === undefined) return undefined;
  const [here, there] = [subnetOf(address, config), subnetOf(home, config)];
  if (here === undefined && there === undefined) return undefined;
  if (here !== undefined && there !== undefined && isOneWire(here, there)) return undefined;
  return { network: here?.name ?? formatIpv4(address), home: there?.name ?? `with another rack (${formatIpv4(home)})` };
}
