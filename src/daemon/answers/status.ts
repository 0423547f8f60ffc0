// The control socket's report on the running rack, for `rackboot status`.

import { findMissingFiles } from '../../config/boot-files.ts';
import type { ControlAnswers } from '../../control/requests.ts';
import { formatIpv4, formatMac } from '../../ground/address.ts';
import { shellWord } from '../../ground/clean-text.ts';
import type { Clock } from '../../ground/clock.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { FINDING_LENGTH_MAX, FINDINGS_MAX } from '../../region/records/heartbeat-bounds.ts';
import { BOOT_FILES_CHECK, type HostFinding, type HostState } from '../../region/records/rack-measures.ts';
import type { Rack } from '../rack/rack.ts';
import type { ThreadWatch } from '../rack/threads.ts';
import { judgeStatus } from './findings.ts';
import { readDiskSpace } from './full-disk.ts';
import { makeLeaseAnswers } from './lease-answers.ts';
import { readRackStatus, type StatusSources } from './rack-status.ts';

// The control socket's list of hosts seen on this rack's networks, for `rackboot neighbours`.

interface Sources {
  readonly rack: () => Rack | undefined;
  readonly clock: Clock;
}

/** `GET /neighbours`: every host seen, by interface and address. */
function makeNeighbourAnswers(sources: Sources): ControlAnswers {
  return { '/neighbours': () => listNeighbours(sources) };
}

function listNeighbours({ rack, clock }: Sources) {
  const runningRack = rack();
  const now = clock.now();
  const offset = clock.wallTimeMs() - now;
  const formatTime = (instant: number): string => new Date(instant + offset).toISOString();
  const all = runningRack?.neighbourhood?.list() ?? [];
  return all
    .toSorted((a, b) =>
      a.interfaceName < b.interfaceName ? -1 : a.interfaceName > b.interfaceName ? 1 : a.address - b.address,
    )
    .map(({ interfaceName, address, mac, firstSeen, lastSeen, previousMac, movedAt }) => ({
      interface: interfaceName,
      address: formatIpv4(address),
      mac: formatMac(mac),
      machine: runningRack?.machines.findByMac(mac)?.hostname,
      hostname: runningRack?.dhcp.state().leases.find(address)?.hostname,
      firstSeen: formatTime(firstSeen),
      lastSeen: formatTime(lastSeen),
      secondsAgo: Math.max(0, Math.round((now - lastSeen) / 1000)),
      previousMac: previousMac === undefined ? undefined : formatMac(previousMac),
      movedAt: movedAt === undefined ? undefined : formatTime(movedAt),
    }));
}

/** The control socket's paths and their handlers. */
export function makeControlAnswers(sources: StatusSources): ControlAnswers {
  return { '/status': () => readJudgedStatus(sources), ...makeLeaseAnswers(sources), ...makeNeighbourAnswers(sources) };
}

function readJudgedStatus(sources: StatusSources) {
  const status = readRackStatus(sources);
  return {
    ...status,
    findings: judgeStatus(status, sources.clock.wallTimeMs(), sources.configuration.config.stateDir),
  };
}

/**
 * The part of the status that the region shows on its page of health, and whether machines can
 * boot, as the doctor judges it.
 */
export function readHostState(sources: StatusSources, threads: ThreadWatch): HostState {
  const status = readJudgedStatus(sources);
  return {
    atMs: Math.round(sources.clock.wallTimeMs()),
    memoryBytes: status.memoryBytes,
    disk: readDiskSpace(sources.configuration.config.stateDir),
    findings: [...findBootFindings(sources), ...status.findings]
      .map((finding) => ({ ...finding, text: finding.text.slice(0, FINDING_LENGTH_MAX) }))
      .slice(0, FINDINGS_MAX),
    running: threads.measure(),
  };
}

function findBootFindings({ rack, configuration: { config, path } }: StatusSources): readonly HostFinding[] {
  const { tree } = rack() ?? {};
  if (tree === undefined || tree.problem !== undefined) return [];
  const flags = path === RACK_CONFIG ? '' : ` --config ${shellWord(path)}`;
  const missingFiles = findMissingFiles(config, (file) => tree.hasFile(file), flags);
  return missingFiles === undefined
    ? []
    : [{ check: BOOT_FILES_CHECK, text: missingFiles.text, isNote: false, fix: missingFiles.command }];
}
