// Decides whether a machine is at home at an address. The region names its home
// (`RackMachine.home`); this rack knows its own shared networks.
//
//   home              address            at home
//   unknown           any                yes: nothing speaks against it, and the first boot will show
//   served here       same shared network    yes: the same hosts reach all networks of a shared network
//   served here       another one, or none   no: the client there need not be the machine
//   not served here   served here            no: another rack serves the machine
//   not served here   not served here        yes: this rack cannot tell
//
// 1. Hardware addresses are no secret: a lease under one on one shared network proves nothing on another.

import { formatIpv4, type Ipv4, networkContains } from '../../ground/address.ts';
import type { AwayNetwork, RackMachine } from '../../machines/machine.ts';
import type { DhcpConfig, DhcpSubnet } from './config.ts';
import { isOneSharedNetwork } from './server-role.ts';

/** The configured network that holds an address. */
export const findConfiguredSubnet = (address: Ipv4, { subnets }: DhcpConfig): DhcpSubnet | undefined =>
  subnets.find(({ network }) => networkContains(network, address));

/** The address's network and the home, if they differ. */
export function awayFrom(
  { home }: Pick<RackMachine, 'home'>,
  address: Ipv4,
  config: DhcpConfig,
): AwayNetwork | undefined {
  if (home === undefined) return undefined;
  const [here, there] = [findConfiguredSubnet(address, config), findConfiguredSubnet(home, config)];
  if (here === undefined && there === undefined) return undefined;
  if (here !== undefined && there !== undefined && isOneSharedNetwork(here, there)) return undefined;
  const network = here?.name ?? formatIpv4(address);
  return there === undefined ? { network, homeAddress: formatIpv4(home) } : { network, home: there.name };
}
