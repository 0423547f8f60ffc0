// May a lease run on although its client has not asked? As a REQUEST that renews it would be judged (`decide-request.ts`), as far as the
// record tells who asks.
//
// 1. An address that the operator or the region gave to somebody else, one that is in no range any more, and one that is on offer to
//    somebody else, is kept for nobody.
// 2. Neither is that of a client that a class denies. A record tells no user class and no architecture: a class that names one of these
//    denies the client when it asks.

import type { Instant } from '../../clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import { findReservation, judgeAddress } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { ClientSubject } from '../networks/conditions.ts';
import { type ServedSubnet, subnetOf } from '../networks/subnet.ts';
import { OPTION, textBytes } from '../wire/options.ts';
import type { DhcpState } from './inquiry.ts';

/** True where the client of a lease could renew it. */
export function mayRunOn(lease: Lease, state: DhcpState, now: Instant): boolean {
  const served = subnetOf(state.subnets.served, lease.address);
  if (served === undefined || served.subnet.proxy === true) return false;
  if (judgeAddress(served, lease, lease.address, state, now) !== undefined) return false;
  return !isDenied(served, lease, state.machines);
}

/** True when a class surely denies the client of a lease. */
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
  // The first that says something of clients among whom this one may be.
  const first = classes.find(
    ({ deny, when }) => deny !== undefined && subject.fits({ ...when, userClass: undefined, architectures: undefined }),
  );
  if (first === undefined) return false;
  const { userClass, architectures } = first.when;
  return first.deny === true && userClass === undefined && architectures === undefined;
}

/** What a lease keeps of the options of its client. */
function optionsOf({ hostname, vendorClass }: Lease): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  if (hostname !== undefined) options.set(OPTION.hostName, textBytes(hostname));
  if (vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(vendorClass));
  return options;
}
