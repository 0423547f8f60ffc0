// What a running rack tells of itself with `/status`, without what is wrong with it (`findings.ts`).

import type { RackConfig } from '../../config/rack-config.ts';
import type { Refusal } from '../../config/running-config.ts';
import { formatIpv4, formatMac } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { type RackNote, withText } from '../../region/reports/notes.ts';
import { formatEndpoint } from '../rack/measures.ts';
import type { Rack } from '../rack/rack.ts';
import type { RackView } from '../rack/rack-view.ts';
import { WAITING_CODES } from '../rack/readiness.ts';
import { findDiskProblem } from './full-disk.ts';

export interface StatusSources extends RackView {
  /** Says that no network is served although one should be; `undefined` otherwise. */
  readonly unserved: () => string | undefined;
  readonly metricsProblems: () => readonly string[];
}

/** The last refused configuration. */
export function refusedNow(refused: Refusal | undefined, clock: Clock) {
  if (refused === undefined) return undefined;
  const since = new Date(clock.wallTimeMs() - clock.now() + refused.firstRefusedAt).toISOString();
  return { source: refused.source, since, problems: refused.problems.split('\n') };
}

/** The rack's state now. A part that is not open yet is `undefined`. */
export function readRackStatus(sources: StatusSources) {
  const rack = sources.rack();
  // Instants start as wall time and do not move when the clock is set.
  const uptimeMs = sources.clock.now() - sources.startedWallMs;
  return {
    name: sources.configuration.config.name,
    version: sources.version,
    pid: process.pid,
    startedAt: new Date(sources.clock.wallTimeMs() - uptimeMs).toISOString(),
    uptimeMs,
    interfaces: sources.interfaces(),
    dhcp: rack && {
      sockets: rack.dhcp.sockets(),
      problems: rack.dhcp
        .problems()
        .map(({ name, error }) => ({ name, text: error.message, waitedFor: WAITING_CODES.has(error.code) })),
      counters: rack.dhcp.counters(),
      foreign: describeForeignServers(rack, sources.clock),
      ranges: rack.dhcp.ranges().map(({ subnet, range, usable, free, offered, declined, level }) => ({
        network: subnet,
        low: formatIpv4(range.low),
        high: formatIpv4(range.high),
        usable,
        used: usable - free,
        offered,
        declined,
        level,
      })),
    },
    tftp: rack && { listening: rack.tftp.listening.map(formatEndpoint), counters: rack.tftp.counters() },
    http: rack && { listening: rack.http.listening.map(formatEndpoint), counters: rack.http.counters() },
    dns: rack && { listening: rack.dns.listeners.map(formatEndpoint), counters: rack.dns.counters() },
    tree: rack && describeTree(rack, sources.clock),
    machinesKnown: rack?.machines.machineCount ?? 0,
    region: sources.uplink(),
    journal: sources.journal(),
    refused: refusedNow(sources.configuration.refusal, sources.clock),
    restartKeys: sources.configuration.restartKeys,
    diskProblem: findOwnDiskProblem(sources.configuration.config),
    unserved: sources.unserved(),
    metricsProblems: sources.metricsProblems(),
    ...describeNotes([
      ...sources.notes(),
      ...(rack?.notes ?? []),
      ...(rack?.dhcp.isBlind === true ? [{ note: 'probes-blind' } as const] : []),
    ]),
    memoryBytes: process.memoryUsage.rss(),
  };
}

/**
 * The problem of the state directory's disk, which also holds an embedded region's data, or the
 * events that wait for a remote region.
 */
const findOwnDiskProblem = ({ stateDir, uplink }: Pick<RackConfig, 'stateDir' | 'uplink'>): string | undefined =>
  findDiskProblem(stateDir, uplink.mode === 'embedded' ? 'leases-and-region' : 'leases-and-events');

/** Notes as sentences for people, and with their codes and parameters for programs. */
export function describeNotes(notes: readonly RackNote[]) {
  const noted = notes.map(withText);
  return { notes: noted.map(({ text }) => text), noted };
}

function describeTree({ tree: { problem } }: Rack, clock: Clock) {
  if (problem === undefined) return {};
  const since = new Date(clock.wallTimeMs() - clock.now() + problem.startedAt).toISOString();
  return { problem: { reason: problem.reason, since } };
}

function describeForeignServers({ dhcp }: Rack, clock: Clock) {
  const offset = clock.wallTimeMs() - clock.now();
  return dhcp.foreignServers().map((server) => ({
    address: formatIpv4(server.server),
    mac: server.mac === undefined ? undefined : formatMac(server.mac),
    network: server.subnet,
    interface: server.interfaceName,
    evidence: server.evidence,
    offered: server.offered === undefined ? undefined : formatIpv4(server.offered),
    leaseSeconds: server.leaseSeconds,
    file: server.file,
    bootOnly: server.isBootOnly === true,
    firstSeen: new Date(server.firstSeen + offset).toISOString(),
    lastSeen: new Date(server.lastSeen + offset).toISOString(),
  }));
}
