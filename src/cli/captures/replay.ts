// `rackboot replay`: answers the queries of a capture with the current configuration. It sends and
// stores nothing.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplayedQuery, Verdict } from '../../capture/answer-comparison.ts';
import { CAPTURE_BYTES_MAX, readCapture } from '../../capture/pcap.ts';
import { replayDatagrams } from '../../capture/replay.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { REPEATED_MS } from '../../dhcp/answers/repeat.ts';
import { splitPath } from '../../files/file-tree.ts';
import { findOwnUserName, isOwnershipError } from '../../files/ownership.ts';
import { instant, later, systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import { noteText } from '../../region/reports/notes.ts';
import { readHostMoment } from '../../store/leases/host-clocks.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';
import { readDesiredState } from '../../uplink/desired-state-cache.ts';
import { datedLeases } from '../leases/source.ts';
import { leftOutNote, loadMerged } from '../terminal/config-in-force.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatLocalTime, jsonListLines, printLines } from '../terminal/output.ts';
import { runAsOwner } from '../terminal/state-owner.ts';

interface ReplayOptions {
  readonly file: string;
  readonly config: string;
  readonly interface?: string | undefined;
  readonly withoutState: boolean;
  readonly tftpPort?: number | undefined;
  readonly dnsPort?: number | undefined;
  readonly json: boolean;
}

/** Prints a decision for each query. @returns 1 if the file ended in a fault */
export async function replayFile(options: ReplayOptions): Promise<number> {
  const { config } = loadMerged(options.config);
  const capture = readCapture(readGivenFile(options.file, CAPTURE_BYTES_MAX));
  if (capture === undefined)
    throw new RackError(
      'bad-argument',
      `${options.file} is not a pcap file: \`tcpdump -r ${options.file} -w NEW.pcap\` turns other captures into one`,
    );
  const leftOut = leftOutNote(config.stateDir);
  const notes: string[] = leftOut === undefined ? [] : [leftOut];
  const { machines, leases } = options.withoutState
    ? { machines: [], leases: [] }
    : runAsOwner(config.stateDir, () => readReplayState(config, leftOut, notes));
  const { datagrams, fault } = capture;
  const results = replayDatagrams(datagrams, {
    config,
    machines: new MachineDirectory(machines),
    leases,
    findFileSize: treeSizes(config.boot.tree, notes),
    interfaceName: options.interface,
    ports: { tftp: options.tftpPort, dns: options.dnsPort },
  });
  if (fault !== undefined) notes.push(`the file was not read to its end: at byte ${fault.offset}: ${fault.text}`);
  const counts = countVerdicts(results);
  const head = `{ "file": ${JSON.stringify(options.file)}, "queries": `;
  const tail = `, ${JSON.stringify({ verdicts: counts, notes }).slice(1)}`;
  await printLines(options.json ? jsonListLines(head, results, tail) : formatReplay(results, counts, notes));
  return fault === undefined ? 0 : 1;
}

/** Notes name the parts of the daemon's state that are not readable. */
function readReplayState(config: RackConfig, leftOut: string | undefined, notes: string[]) {
  const { machines } = readDesiredState(config.stateDir, (note) => {
    if (leftOut === undefined) notes.push(noteText(note));
  });
  const path = join(config.stateDir, LEASE_FILE);
  try {
    if (!existsSync(path)) {
      notes.push(`there is no ${path}: replayed without leases`);
      return { machines, leases: [] };
    }
    const moment = readHostMoment(systemClock);
    // These leases may result from the captured queries, each of which would look like a retransmission.
    const leases = datedLeases(config.stateDir, { ...moment, now: instant(moment.wallMs) }).map((lease) => ({
      ...lease,
      grantedAt: later(lease.grantedAt, -REPEATED_MS),
    }));
    return { machines, leases };
  } catch (error) {
    if (!(error instanceof RackError) && !isOwnershipError(error)) throw error;
    notes.push(
      error instanceof RackError && !isOwnershipError(error.cause)
        ? `${error.message}: replayed without leases`
        : `${findOwnUserName()} may not read ${path}: replayed without leases`,
    );
    return { machines, leases: [] };
  }
}

/** Files that this user may not read count as missing; one note says so. */
function treeSizes(tree: string, notes: string[]): (path: string) => number | undefined {
  let isNoted = false;
  return (path) => {
    try {
      return findFileSize(tree, path);
    } catch (error) {
      // A circular symbolic link is not a file.
      if (!isOwnershipError(error)) return undefined;
      if (!isNoted) notes.push(`${findOwnUserName()} may not read ${tree}: its files count as missing`);
      isNoted = true;
      return undefined;
    }
  };
}

/** The size of a regular file of the tree; no path can leave the tree. */
function findFileSize(tree: string, path: string): number | undefined {
  const names = splitPath(path);
  if (names === undefined) return undefined;
  const stats = statSync(join(tree, ...names), { throwIfNoEntry: false });
  return stats?.isFile() === true ? stats.size : undefined;
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  same: 'the same',
  differs: 'DIFFERS',
  'only-now': 'the capture shows no answer',
  'only-captured': 'ANSWERED THEN, not now',
  unanswered: 'the capture shows no answer either',
};

function countVerdicts(results: readonly ReplayedQuery[]): Readonly<Record<Verdict, number>> {
  const counts = { same: 0, differs: 0, 'only-now': 0, 'only-captured': 0, unanswered: 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}

function* formatReplay(
  results: readonly ReplayedQuery[],
  counts: Readonly<Record<Verdict, number>>,
  notes: readonly string[],
): Generator<string> {
  for (const result of results) {
    const micros = String(Math.floor((result.atMs % 1000) * 1000)).padStart(6, '0');
    const time = formatLocalTime(Math.floor(result.atMs), micros);
    yield `#${result.number}  ${time}  ${result.from} > ${result.to}  ${result.protocol.toUpperCase()}  ${result.query}`;
    yield `    now:      ${result.decision}. ${result.text}`;
    yield `    captured: ${result.captured ?? 'nothing'} — ${VERDICTS[result.verdict]}`;
    for (const { what, now, captured } of result.differences) {
      yield `        ${what}: now ${now}; captured ${captured}`;
    }
  }
  for (const note of notes) yield `Note: ${note}`;
  yield `${counted(results.length, 'query', 'queries')}: ${counts.same} answered the same, ${counts.differs} differently, ` +
    `${counts['only-captured']} only in the capture, ${counts['only-now']} only now, ${counts.unanswered} not at all. Nothing was sent or stored.`;
}
