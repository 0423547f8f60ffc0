// The refusal of a command about an address that has no such lease.

import { RackError } from '../../errors.ts';
import { formatIpv4, type Ipv4 } from '../../net/address.ts';

/** Says what the address is not, and which command lists those that are. @param state of the listed leases; undefined: any */
export function absentLease(address: Ipv4, words: string, state?: string): RackError {
  const flag = state === undefined ? '' : ` --state ${state}`;
  return new RackError(
    'not-found',
    `${formatIpv4(address)} ${words}: \`rackboot leases list${flag}\` shows those there are`,
  );
}
