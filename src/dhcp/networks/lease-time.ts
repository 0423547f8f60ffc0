// How long a client gets its address, and when it renews. Pure. Sources: RFC 2131 §4.3.1 (lease
// times), §4.4.5 (T1 and T2).
//
//   firmware and loaders       pxe_lease_time: they never renew, and the system they load asks again
//   a client of a class        lease_time of the first of its classes that has one
//   a deployed machine, device deployed_lease_time, for the address fixed for it
//   any other client           the time it asks for (option 51), within lease_time_min and lease_time_max; else lease_time
//
// 1. T1 and T2 are those of lease_time; other leases have them in proportion.
// 2. By default a lease lasts lease_time, whatever the client asks for.

import type { Ipv4 } from '../../ground/address.ts';
import { type Seconds, seconds } from '../../ground/clock.ts';
import { DEVICE_STATE, type RackMachine } from '../../machines/machine.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTION, optionU32 } from '../wire/options.ts';
import type { DhcpSubnet } from './config.ts';

/** The lease time for firmware and loaders: what MAAS gives to PXE. */
export const PXE_LEASE_SECONDS: Seconds = seconds(30);
/** A machine or device that runs its own system. */
const RUNNING: ReadonlySet<string | undefined> = new Set(['Deployed', DEVICE_STATE]);

/**
 * @param boots the client is firmware or a loader
 * @param ofClass its classes' lease time
 * @param machine undefined: not known in the region
 */
export function leaseTimeFor(
  message: DhcpMessage,
  subnet: DhcpSubnet,
  boots: boolean,
  ofClass: Seconds | undefined,
  machine: RackMachine | undefined,
  address: Ipv4,
): Seconds {
  const { leaseTime, pxeLeaseTime, deployedLeaseTime, leaseTimeMin, leaseTimeMax } = subnet;
  if (boots) return pxeLeaseTime ?? seconds(Math.min(leaseTime, PXE_LEASE_SECONDS));
  if (ofClass !== undefined) return ofClass;
  if (deployedLeaseTime !== undefined && RUNNING.has(machine?.statusName)) {
    if (machine?.addresses.some((entry) => entry.address === address)) return deployedLeaseTime;
  }
  if (leaseTimeMin === undefined && leaseTimeMax === undefined) return leaseTime;
  const requestedSeconds = optionU32(message.options, OPTION.leaseTime);
  if (requestedSeconds === undefined || requestedSeconds === 0) return leaseTime;
  return seconds(Math.min(Math.max(requestedSeconds, leaseTimeMin ?? leaseTime), leaseTimeMax ?? leaseTime));
}

/** Computes T1 and T2 of a lease, in seconds. */
export function computeRenewalTimes(
  subnet: DhcpSubnet,
  leaseTime: Seconds,
): { readonly renewal: number; readonly rebinding: number } {
  const { renewalTime, rebindingTime } = subnet;
  return {
    renewal:
      renewalTime === undefined ? Math.floor(leaseTime / 2) : Math.floor((leaseTime * renewalTime) / subnet.leaseTime),
    rebinding:
      rebindingTime === undefined
        ? Math.floor((leaseTime * 7) / 8)
        : Math.floor((leaseTime * rebindingTime) / subnet.leaseTime),
  };
}
