// Decides whether a lease may be extended without a request of its client. The rules are those of a
// renewal (`decide-request.ts`), as far as the record identifies the client.
//
// 1. A lease does not run on if its address is fixed for, or on offer to, another client, or no
//    range holds it any more.
// 2. Nor if a class denies its client. A class that names a user class or architecture denies only
//    when the client asks: a record holds neither.

import type { Instant } from '../../ground/clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import { findReservation, judgeAddress } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { ClientSubject } from '../networks/conditions.ts';
import { findServedSubnet, type ServedSubnet } from '../networks/subnet.ts';
import { OPTION, textBytes } from '../wire/options.ts';
import type { DhcpState } from './inquiry.ts';

export function mayRunOn(lease: Lease, state: DhcpState, now: Instant): boolean {
  const served = findServedSubnet(state.subnets.served, lease.address);
  if (served === undefined || served.subnet.proxy === true) return false;
  if (judgeAddress(served, lease, lease.address, state, now) !== undefined) return false;
  return !isDenied(served, lease, state.machines);
}

/** True if a class certainly denies the client. */
function isDenied(served: ServedSubnet, lease: Lease, machines: MachineDirectory): boolean {
  const { classes } = served.subnet;
  if (classes === undefined) return false;
  const { mac, circuitId } = lease;
  const hostname = machines.findProtectedName(mac) ?? findReservation(served, lease)?.hostname;
  const subject = new ClientSubject({
    message: { options: encodeLeaseOptions(lease) },
    mac,
    hostname,
    circuitId,
    client: undefined,
  });
  // The first class that allows or denies, and may include this client.
  const first = classes.find(
    ({ deny, when }) => deny !== undefined && subject.fits({ ...when, userClass: undefined, architectures: undefined }),
  );
  if (first === undefined) return false;
  const { userClass, architectures } = first.when;
  return first.deny === true && userClass === undefined && architectures === undefined;
}

function encodeLeaseOptions({ hostname, vendorClass }: Lease): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  if (hostname !== undefined) options.set(OPTION.hostName, textBytes(hostname));
  if (vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(vendorClass));
  return options;
}
