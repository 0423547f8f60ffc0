// The control socket's report on the running rack, for `rackboot status`.

import { shellWord } from '../../clean-text.ts';
import type { Clock } from '../../clock.ts';
import { judgeBootFiles } from '../../config/boot-files.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { Refusal } from '../../config/running-config.ts';
import type { ControlAnswers } from '../../http/control/requests.ts';
import { formatIpv4, formatMac } from '../../net/address.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { FINDING_LENGTH_MAX, FINDINGS_MAX } from '../../region/records/heartbeat-bounds.ts';
import { BOOT_FILES_CHECK, type HostFinding, type HostState } from '../../region/records/rack-measures.ts';
import { type RackNote, spoken } from '../../region/reports/notes.ts';
import { formatEndpoint } from '../rack/measures.ts';
import type { Rack } from '../rack/rack.ts';
import type { RackView } from '../rack/rack-view.ts';
import { WAITED_FOR } from '../rack/readiness.ts';
import type { ThreadWatch } from '../rack/threads.ts';
import { judgeStatus } from './findings.ts';
import { diskProblem, diskSpace } from './full-disk.ts';
import { leaseAnswers } from './lease-answers.ts';

// The control socket's list of hosts seen on this rack's networks, for `rackboot neighbours`.

interface Sources {
  readonly rack: () => Rack | undefined;
  readonly clock: Clock;
}

/** `GET /neighbours`: every host seen, by interface and address. */
function neighbourAnswers(sources: Sources): ControlAnswers {
  return { '/neighbours': () => listNeighbours(sources) };
}

function listNeighbours({ rack, clock }: Sources) {
  const running = rack();
  const now = clock.now();
  const offset = clock.wallTimeMs() - now;
  const timeOf = (at: number): string => new Date(at + offset).toISOString();
  const all = running?.neighbourhood?.all() ?? [];
  return all
    .toSorted((a, b) =>
      a.interfaceName < b.interfaceName ? -1 : a.interfaceName > b.interfaceName ? 1 : a.address - b.address,
    )
    .map(({ interfaceName, address, mac, firstSeen, lastSeen, previousMac, movedAt }) => ({
      interface: interfaceName,
      address: formatIpv4(address),
      mac: formatMac(mac),
      machine: running?.machines.findByMac(mac)?.hostname,
      hostname: running?.dhcp.state().leases.find(address)?.hostname,
      firstSeen: timeOf(firstSeen),
      lastSeen: timeOf(lastSeen),
      secondsAgo: Math.max(0, Math.round((now - lastSeen) / 1000)),
      previousMac: previousMac === undefined ? undefined : formatMac(previousMac),
      movedAt: movedAt === undefined ? undefined : timeOf(movedAt),
    }));
}

interface StatusSources extends RackView {
  /** Says that no network is served although one should be; undefined otherwise. */
  readonly unserved: () => string | undefined;
  readonly metricsProblems: () => readonly string[];
}

/** The control socket's paths and their handlers. */
export function controlAnswers(sources: StatusSources): ControlAnswers {
  return { '/status': () => status(sources), ...leaseAnswers(sources), ...neighbourAnswers(sources) };
}

/** The last refused configuration. */
export function refusedNow(refused: Refusal | undefined, clock: Clock) {
  if (refused === undefined) return undefined;
  const since = new Date(clock.wallTimeMs() - clock.now() + refused.since).toISOString();
  return { source: refused.source, since, problems: refused.problems.split('\n') };
}

function status(sources: StatusSources) {
  const rack = sources.rack();
  // Instants start as wall time and do not move when the clock is set.
  const uptimeMs = sources.clock.now() - sources.startedWallMs;
  const now = {
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
        .map(({ name, error }) => ({ name, text: error.message, waitedFor: WAITED_FOR.has(error.code) })),
      counters: rack.dhcp.counters(),
      foreign: foreignServers(rack, sources.clock),
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
    tree: rack && treeNow(rack, sources.clock),
    machinesKnown: rack?.machines.machineCount ?? 0,
    region: sources.uplink(),
    journal: sources.journal(),
    refused: refusedNow(sources.configuration.refusal, sources.clock),
    restartKeys: sources.configuration.restartKeys,
    diskProblem: ownDiskProblem(sources.configuration.config),
    unserved: sources.unserved(),
    metricsProblems: sources.metricsProblems(),
    ...notesNow([
      ...sources.notes(),
      ...(rack?.notes ?? []),
      ...(rack?.dhcp.isBlind === true ? [{ note: 'probes-blind' } as const] : []),
    ]),
    memoryBytes: process.memoryUsage.rss(),
  };
  return { ...now, findings: judgeStatus(now, sources.clock.wallTimeMs(), sources.configuration.config.stateDir) };
}

/** The part of the status that the region shows on its page of health, and whether machines can boot, as the doctor judges it. */
export function hostState(sources: StatusSources, threads: ThreadWatch): HostState {
  const now = status(sources);
  return {
    atMs: Math.round(sources.clock.wallTimeMs()),
    memoryBytes: now.memoryBytes,
    disk: diskSpace(sources.configuration.config.stateDir),
    findings: [...bootFindings(sources), ...now.findings]
      .map((one) => ({ ...one, text: one.text.slice(0, FINDING_LENGTH_MAX) }))
      .slice(0, FINDINGS_MAX),
    running: threads.measure(),
  };
}

function bootFindings({ rack, configuration: { config, path } }: StatusSources): readonly HostFinding[] {
  const { tree } = rack() ?? {};
  if (tree === undefined || tree.problem !== undefined) return [];
  const flags = path === RACK_CONFIG ? '' : ` --config ${shellWord(path)}`;
  const lack = judgeBootFiles(config, (file) => tree.hasFile(file), flags);
  return lack === undefined ? [] : [{ check: BOOT_FILES_CHECK, text: lack.text, isNote: false, fix: lack.command }];
}

/** The problem of the state directory's disk, which also holds an embedded region's data, or the events that wait for a remote region. */
const ownDiskProblem = ({ stateDir, uplink }: Pick<RackConfig, 'stateDir' | 'uplink'>): string | undefined =>
  diskProblem(stateDir, uplink.mode === 'embedded' ? 'leases-and-region' : 'leases-and-events');

/** Notes as sentences for people, and with their codes and parameters for programs. */
export function notesNow(notes: readonly RackNote[]) {
  const noted = notes.map(spoken);
  return { notes: noted.map(({ text }) => text), noted };
}

function treeNow({ tree: { problem } }: Rack, clock: Clock) {
  if (problem === undefined) return {};
  const since = new Date(clock.wallTimeMs() - clock.now() + problem.since).toISOString();
  return { problem: { reason: problem.reason, since } };
}

function foreignServers({ dhcp }: Rack, clock: Clock) {
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
