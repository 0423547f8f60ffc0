// Where the lease commands read leases: from the running daemon, else from the file that it left.
//
// 1. Reading without a daemon changes nothing: the file's owner opens it, for reading only.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { followDaemon } from '../../control/ask-daemon.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { type HostMoment, restoreLeases } from '../../dhcp/leases/lease-clock.ts';
import {
  LEASE_CRITERIA,
  type LeaseCriterion,
  type LeaseReport,
  leaseReport,
  matchesLease,
  parseLeaseFilter,
  reportLease,
} from '../../dhcp/leases/lease-report.ts';
import { reservedNames } from '../../dhcp/leases/reserved-name.ts';
import { indexSubnets } from '../../dhcp/networks/subnet.ts';
import { type MacAddress, parseIpv4 } from '../../ground/address.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import { readHostMoment } from '../../store/leases/host-clocks.ts';
import { copyLeases } from '../../store/leases/lease-database.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';
import { readReportedEnds } from '../../store/leases/reported-ends.ts';
import { readDesiredState } from '../../uplink/desired-state-cache.ts';
import { loadMerged } from '../terminal/config-in-force.ts';
import { becomeOwner } from '../terminal/state-owner.ts';

/** The criteria as typed on the command line. */
export type GivenCriteria = Readonly<Partial<Record<LeaseCriterion, string | undefined>>>;

/** Leases by address. */
interface FoundLeases {
  readonly leases: readonly LeaseReport[];
  /** What was read because no daemon answers. */
  readonly file: string | undefined;
}

/**
 * Leases that match every criterion. @throws RackError as `followDaemon`, `bad-argument` for an
 * unusable criterion
 */
export async function findLeases(config: string, criteria: GivenCriteria): Promise<FoundLeases> {
  const { stateDir } = loadStateDir(config);
  try {
    return { leases: sortLeases(await askLeases(stateDir, criteria)), file: undefined };
  } catch (error) {
    if (!(error instanceof RackError) || error.code !== 'not-running') throw error;
    return { leases: sortLeases(readLeases(config, criteria)), file: join(stateDir, LEASE_FILE) };
  }
}

/** Asks the daemon for leases, in no particular order. @throws RackError as `followDaemon` */
export async function askLeases(stateDir: string, criteria: GivenCriteria): Promise<LeaseReport[]> {
  const query = new URLSearchParams();
  for (const name of LEASE_CRITERIA) {
    const value = criteria[name];
    if (value !== undefined) query.set(name, value);
  }
  const leases: LeaseReport[] = [];
  let count: number | undefined;
  const take = (line: unknown): void => {
    if (typeof line === 'number') count = line;
    else leases.push(...z.array(leaseReport).parse(line));
  };
  await followDaemon(stateDir, `/leases/lines?${query}`, take, new AbortController().signal);
  if (count !== leases.length)
    throw new RackError('store-unavailable', 'the list was cut off because the daemon ended: run this again');
  return leases;
}

function readLeases(config: string, criteria: GivenCriteria): LeaseReport[] {
  const { config: merged } = loadMerged(config);
  const networks = merged.dhcp.subnets;
  const parsed = parseLeaseFilter((name) => criteria[name], networks);
  if (!parsed.ok) throw new RackError('bad-argument', parsed.reason);
  const path = join(merged.stateDir, LEASE_FILE);
  if (!existsSync(path)) return [];
  becomeOwner(merged.stateDir);
  const machines = new MachineDirectory(readDesiredState(merged.stateDir, () => undefined).machines);
  const moment = readHostMoment(systemClock);
  const { now, wallMs } = moment;
  const facts = {
    now,
    wallMs,
    networks,
    machineName: (mac: MacAddress) => machines.findByMac(mac)?.hostname,
    reservedName: reservedNames(indexSubnets(merged.dhcp, undefined).served),
  };
  return datedLeases(merged.stateDir, moment)
    .filter((lease) => matchesLease(lease, parsed.filter, facts))
    .map((lease) => reportLease(lease, facts));
}

/**
 * What a daemon left on disk, dated as its next start would date it.
 * @param moment of this host; the leases' instants relate to its `now`
 * @throws RackError as `copyLeases`
 */
export function datedLeases(stateDir: string, moment: HostMoment): readonly Lease[] {
  const { leases, clocks } = copyLeases(join(stateDir, LEASE_FILE));
  const reportedEnds = readReportedEnds(stateDir);
  return restoreLeases(leases, moment, clocks, reportedEnds);
}

const sortLeases = (leases: LeaseReport[]): readonly LeaseReport[] => {
  const keyed = leases.map((lease) => ({ lease, at: parseIpv4(lease.address) ?? 0 }));
  return keyed.sort((a, b) => a.at - b.at).map(({ lease }) => lease);
};
