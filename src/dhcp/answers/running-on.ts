// Decides whether a lease may run on although its client has not asked. It applies the rules for a renewing REQUEST (`decide-request.ts`),
// as far as the record identifies the client.
//
// 1. A lease does not run on if the operator or the region has given its address to another client, if no range holds it any more, or if it
//    is on offer to another client.
// 2. A lease does not run on if a class denies its client. A record holds no user class and no architecture: a class that names one of
//    these denies the client only when it asks.

import type { Instant } from '../../clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import { findReservation, judgeAddress } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { ClientSubject } from '../networks/conditions.ts';
import { type ServedSubnet, subnetOf } from '../networks/subnet.ts';
import { OPTION, textBytes } from '../wire/options.ts';
import type { DhcpState } from './inquiry.ts';

/** True if the client of the lease could renew it. */
export function mayRunOn(lease: Lease, state: DhcpState, now: Instant): boolean {
  const served = subnetOf(state.subnets.served, lease.address);
  if (served === undefined || served.subnet.proxy === true) return false;
  if (judgeAddress(served, lease, lease.address, state, now) !== undefined) return false;
  return !isDenied(served, lease, state.machines);
}

/** True if a class certainly denies the client of the lease. */
function isDenied(served: ServedSubnet, lease: Lease, machines: MachineDirectory): boolean {
  const { classes } = served.subnet;
  if (classes === undefined) return false;
  const { mac, circuitId } = lease;
  const hostname = machines.keptNameOf(mac) ?? findReservation(served, lease)?.hostname;
  const subject = new ClientSubject({
    message: { options: optionsOf(lease) },
    mac,
    hostname,
    circuitId,
    client: undefined,
  });
  // The first class with a say on denial whose clients may include this one.
  const first = classes.find(
    ({ deny, when }) => deny !== undefined && subject.fits({ ...when, userClass: undefined, architectures: undefined }),
  );
  if (first === undefined) return false;
  const { userClass, architectures } = first.when;
  return first.deny === true && userClass === undefined && architectures === undefined;
}

/** The client's options that a lease keeps. */
function optionsOf({ hostname, vendorClass }: Lease): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  if (hostname !== undefined) options.set(OPTION.hostName, textBytes(hostname));
  if (vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(vendorClass));
  return options;
}
