// How long leases last: the values of a cluster interface, otherwise those of `dhcp`, otherwise the
// defaults. Reports contradictions.
//
// 1. A value of the cluster interface overrides one of `dhcp`. T1 and T2 set only in `dhcp` are
//    scaled if the interface has another lease_time.
// 2. lease_time lies within lease_time_min and lease_time_max, which default to lease_time.

import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import type { Seconds } from '../ground/clock.ts';
import { seconds } from '../ground/clock.ts';
import { counted } from '../ground/counted.ts';

/** Lease times as written, in `dhcp` or a cluster interface. */
export interface WrittenLeaseTimes {
  readonly lease_time?: Seconds | undefined;
  readonly pxe_lease_time?: Seconds | undefined;
  readonly deployed_lease_time?: Seconds | undefined;
  readonly lease_time_min?: Seconds | undefined;
  readonly lease_time_max?: Seconds | undefined;
  readonly t1?: Seconds | undefined;
  readonly t2?: Seconds | undefined;
}

/** Lease times as used. */
export type LeaseTimes = Pick<
  DhcpSubnet,
  'leaseTime' | 'pxeLeaseTime' | 'deployedLeaseTime' | 'leaseTimeMin' | 'leaseTimeMax' | 'renewalTime' | 'rebindingTime'
>;

/** MAAS's default for the dynamic range. */
const LEASE_SECONDS: Seconds = seconds(600);
/** The bounds of every written lease time, in seconds. */
export const LEASE_SECONDS_MIN = 30;
const PXE_LEASE_SECONDS_MIN = 10;
export const LEASE_SECONDS_MAX = 31_536_000;

const KEY_MINIMUMS = {
  lease_time: LEASE_SECONDS_MIN,
  pxe_lease_time: PXE_LEASE_SECONDS_MIN,
  deployed_lease_time: LEASE_SECONDS_MIN,
  lease_time_min: LEASE_SECONDS_MIN,
  lease_time_max: LEASE_SECONDS_MIN,
  t1: 1,
  t2: 1,
} as const;
type Key = keyof typeof KEY_MINIMUMS;
const isKey = (name: string): name is Key => Object.hasOwn(KEY_MINIMUMS, name);
const KEY_NAMES: readonly Key[] = Object.keys(KEY_MINIMUMS).filter(isKey);

/**
 * The lease times of a cluster interface.
 *
 * @param written its own values
 * @param general the values of `dhcp`
 * @param report called with the key and the message of each problem that `own` causes
 */
export function resolveLeaseTimes(
  written: WrittenLeaseTimes,
  general: WrittenLeaseTimes,
  report: (key: string, message: string) => void,
): LeaseTimes {
  for (const key of KEY_NAMES) {
    const value = written[key];
    if (value !== undefined && (value < KEY_MINIMUMS[key] || value > LEASE_SECONDS_MAX))
      report(key, `${counted(value, 'second')} is outside ${counted(KEY_MINIMUMS[key], 'second')} to one year`);
  }
  const generalLease = general.lease_time ?? LEASE_SECONDS;
  const leaseTime = written.lease_time ?? generalLease;
  const leaseTimeMin = written.lease_time_min ?? general.lease_time_min;
  const leaseTimeMax = written.lease_time_max ?? general.lease_time_max;
  const renewalTime = written.t1 ?? scaleTime(general.t1, leaseTime, generalLease);
  const rebindingTime = written.t2 ?? scaleTime(general.t2, leaseTime, generalLease);
  const reportProblem = (keys: readonly Key[], message: string): void => {
    const key = keys.find((key) => written[key] !== undefined);
    if (key !== undefined) report(key, message);
  };
  if (leaseTimeMin !== undefined && leaseTimeMin > leaseTime)
    reportProblem(['lease_time_min', 'lease_time'], `lease_time_min ${leaseTimeMin} is above lease_time ${leaseTime}`);
  if (leaseTimeMax !== undefined && leaseTimeMax < leaseTime)
    reportProblem(['lease_time_max', 'lease_time'], `lease_time_max ${leaseTimeMax} is below lease_time ${leaseTime}`);
  const [t1, t2] = [renewalTime ?? leaseTime / 2, rebindingTime ?? (leaseTime * 7) / 8];
  if (t1 >= t2) reportProblem(['t1', 't2', 'lease_time'], `t1 ${t1} must be before t2 ${t2}, both in seconds`);
  if (t2 >= leaseTime)
    reportProblem(['t2', 'lease_time'], `t2 ${t2} must be before the end of lease_time ${leaseTime}`);
  return {
    leaseTime,
    pxeLeaseTime: written.pxe_lease_time ?? general.pxe_lease_time,
    deployedLeaseTime: written.deployed_lease_time ?? general.deployed_lease_time,
    leaseTimeMin,
    leaseTimeMax,
    renewalTime,
    rebindingTime,
  };
}

const scaleTime = (time: Seconds | undefined, lease: Seconds, generalLease: Seconds): Seconds | undefined =>
  time === undefined ? undefined : seconds(Math.floor((time * lease) / generalLease));
