// The refusal of a command about an address that has no such lease.

import { RackError } from '../../errors.ts';
import { formatIpv4, type Ipv4 } from '../../net/address.ts';

/**
 * Builds the refusal, which names the command that lists the acceptable leases.
 * @param words what is wrong, after the address: `has no running lease`
 * @param state of the leases to list; undefined for every state
 */
export function absentLease(address: Ipv4, words: string, state?: string): RackError {
  const flag = state === undefined ? '' : ` --state ${state}`;
  return new RackError('not-found', `${formatIpv4(address)} ${words}: see \`rackboot leases list${flag}\``);
}
