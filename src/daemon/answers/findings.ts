// What is wrong with a running rack, or with a region that runs apart, as far as its process knows.
// `rackboot status`, the doctor and the page of health all use this judgement. Pure.
//
// 1. Problems come first, then notes. Each cause is one finding: the finding of a network also
//    covers a port or a listener that waits for its address.
// 2. A rack without a carrier, or whose region does not answer, is a problem here, but may still be
//    ready (`rack/readiness.ts`).

import { networkContains, parseIpv4, parseNetwork } from '../../ground/address.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { formatDuration, formatWallTime } from '../../ground/quantity.ts';
import type { HostFinding } from '../../region/records/rack-measures.ts';
import type { NoteCode } from '../../region/reports/notes.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import type { InterfaceState } from '../rack/interface-states.ts';
import type { readRackStatus } from './rack-status.ts';

/** Something is wrong, or good to know. */
interface RackFinding extends HostFinding {
  /** What fails, as a path of the doctor's causes; `undefined` if nothing else fails because of it. */
  readonly cause?: string | undefined;
}

type RackStatus = ReturnType<typeof readRackStatus>;
type RackDhcp = NonNullable<RackStatus['dhcp']>;

/** The parts of the answer to `/status` that are judged. */
export interface JudgedStatus
  extends Pick<RackStatus, 'interfaces' | 'restartKeys' | 'metricsProblems'>,
    Partial<Pick<RackStatus, 'tree' | 'refused' | 'diskProblem' | 'unserved'>> {
  readonly dhcp?: Pick<RackDhcp, 'problems' | 'foreign' | 'ranges'> | undefined;
  readonly region?:
    | (Pick<UplinkStatus, 'problem' | 'unopened' | 'link' | 'eventsDropped'> & { readonly state: string })
    | undefined;
  readonly journal?: { readonly available: boolean; readonly reason?: string | undefined } | undefined;
  readonly noted: readonly Pick<RackStatus['noted'][number], 'note' | 'text'>[];
}

const RESTART = 'sudo systemctl restart rackboot';
/** The most changed keys that are named; the rest are counted. */
const KEYS_NAMED_MAX = 8;

/** The notes that are problems. */
const FAULT_NOTES: { readonly [C in NoteCode]?: Pick<RackFinding, 'check' | 'fix'> } = {
  // Noted until the next start: from then on the new file holds the later leases, and the loss can
  // no longer be seen.
  'leases-lost': {
    check: 'leases',
    fix: 'sudo systemctl stop rackboot, put leases.db and leases.db-wal back from a backup, then sudo systemctl start rackboot',
  },
  'leases-damaged': {
    check: 'leases',
    fix: 'sudo journalctl -k -p err shows errors of the memory and the disk; sudo smartctl -a /dev/sda asks the disk',
  },
  'ntp-name-unresolved': {
    check: 'ntp',
    fix: 'correct the name in ntp_servers or dhcp.options (`sudo rackboot config show`), or name servers that know it in dns.upstream',
  },
  'own-address-used': {
    check: 'own address',
    fix: 'find the port of that hardware address in the address table of the switch; give the host another address, or disconnect it',
  },
  'backup-failed': { check: 'backup', fix: 'sudo systemctl start rackboot-backup' },
};

const createFaultFinding = (check: string, text: string, fix?: string, cause?: string): RackFinding => ({
  check,
  text,
  isNote: false,
  fix,
  cause,
});
const createNoteFinding = (check: string, text: string, fix?: string): RackFinding => ({
  check,
  text,
  isNote: true,
  fix,
});

/** @param nowMs wall time @param stateDir of the process */
export function judgeStatus(status: JudgedStatus, nowMs: number, stateDir: string): readonly RackFinding[] {
  const { diskProblem, journal, tree, unserved } = status;
  const findings: RackFinding[] = [...findNetworkFindings(status), ...findRangeFindings(status, 'full')];
  if (unserved !== undefined) findings.push(createFaultFinding('networks', `this rack ${unserved}`));
  const diskCommand = `df -h ${stateDir}`;
  if (diskProblem !== undefined) findings.push(createFaultFinding('disk', diskProblem, diskCommand, 'state directory'));
  else if (journal?.available === false) {
    const text = `leases cannot be stored: ${journal.reason ?? 'too many wait for the disk'}`;
    findings.push(createFaultFinding('leases', text, diskCommand, 'state directory'));
  }
  if (tree?.problem !== undefined) {
    const { reason, since } = tree.problem;
    findings.push(
      createFaultFinding(
        'boot tree',
        `${reason} (since ${since}; the rack rereads it automatically)`,
        undefined,
        'tree',
      ),
    );
  }
  findings.push(...findRegionFindings(status, nowMs), ...findRefusedFindings(status));
  for (const { note: code, text } of status.noted) {
    const fault = FAULT_NOTES[code];
    if (fault !== undefined) findings.push(createFaultFinding(fault.check, text, fault.fix));
  }
  findings.push(...findRangeFindings(status, 'filling'));
  for (const server of status.dhcp?.foreign ?? []) findings.push(createNoteFinding(...describeForeign(server, nowMs)));
  for (const text of status.metricsProblems)
    findings.push(createNoteFinding('metrics', `are not served, nor are health and readiness: ${text}`));
  if (status.restartKeys.length > 0) {
    const text = `changed, and in force when the service restarts: ${joinNames(status.restartKeys, KEYS_NAMED_MAX)}`;
    findings.push(createNoteFinding('configuration', text, RESTART));
  }
  for (const { note: code, text } of status.noted)
    if (FAULT_NOTES[code] === undefined) findings.push(createNoteFinding(code, text));
  return findings;
}

/** Networks that are not served, and DHCP ports that failed to open. */
function findNetworkFindings({ interfaces, dhcp }: JudgedStatus): readonly RackFinding[] {
  const closedPorts = (dhcp?.problems ?? []).filter(({ waitedFor }) => !waitedFor);
  const isPortOnInterface = (port: string, { interface: device, network }: InterfaceState): boolean =>
    port === device || isAddressWithin(port, network);
  const networks = interfaces.flatMap((state) => {
    const { name, serving, reason, waits, interface: device } = state;
    const check = `network ${name}`;
    // A network whose address moved to another interface says more than that its interface is absent.
    const problemPlace = waits?.note === 'interface-unaddressed' ? waits.ip : reason;
    const cause = waits?.note === 'interface-renamed' ? undefined : `interface ${device}/${problemPlace}`;
    if (!serving) return createFaultFinding(check, `waits: ${reason}`, undefined, cause);
    return closedPorts
      .filter(({ name: port }) => isPortOnInterface(port, state))
      .map(({ name: port, text }) => createFaultFinding(check, `DHCP cannot listen on ${port}: ${text}`));
  });
  const otherPorts = closedPorts.filter(
    ({ name: port }) => !interfaces.some((state) => isPortOnInterface(port, state)),
  );
  return [...networks, ...otherPorts.map(({ name, text }) => createFaultFinding(`DHCP on ${name}`, text))];
}

function isAddressWithin(address: string, network: string): boolean {
  const [host, parsedNetwork] = [parseIpv4(address), parseNetwork(network)];
  return host !== undefined && parsedNetwork !== undefined && networkContains(parsedNetwork, host);
}

function findRangeFindings({ dhcp }: JudgedStatus, wantedLevel: 'full' | 'filling'): readonly RackFinding[] {
  return (dhcp?.ranges ?? [])
    .filter(({ level }) => level === wantedLevel)
    .map(({ network, used, usable }) => ({
      check: `range of ${network}`,
      text: `${used} of ${usable} addresses are taken: make the dynamic range larger, or its leases shorter (lease_time)`,
      isNote: wantedLevel === 'filling',
    }));
}

const UNACCEPTED_TEXTS: Readonly<Record<string, string>> = {
  pending: 'this rack is not accepted yet',
  rejected: 'its region rejects this rack',
  incompatible: 'its region cannot work with this rack',
};

function findRegionFindings({ region, interfaces }: JudgedStatus, nowMs: number): readonly RackFinding[] {
  if (region === undefined) return [createFaultFinding('region', 'is not started')];
  const { state, problem, link } = region;
  const findings: RackFinding[] = [];
  const addRegionFault = (text: string) => findings.push(createFaultFinding('region', text, undefined, 'rack/region'));
  const unacceptedText = UNACCEPTED_TEXTS[state];
  const addresses = link?.addresses ?? [];
  // A region apart runs while its store does not answer.
  if (problem !== undefined)
    addRegionFault(state === 'up' || state === 'away' ? problem : `is not running: ${problem}`);
  else if (unacceptedText !== undefined)
    addRegionFault(`${unacceptedText}: ${link?.text || 'on the host of its region, see rackboot racks'}`);
  else if (state === 'away' && link !== undefined) {
    const sinceText = `since ${formatWallTime(link.since)}`;
    addRegionFault(
      addresses.length < 2
        ? `does not serve this rack (${sinceText}): ${link.text}`
        : `serves this rack at none of its ${counted(addresses.length, 'address', 'addresses')} (${sinceText})`,
    );
  } else if (state !== 'up') addRegionFault(`is not up: ${state}${link?.text ? `: ${link.text}` : ''}`);
  for (const { host, text } of region.unopened ?? []) {
    // The finding of a waiting network already names the cause.
    if (interfaces.some(({ serving, network }) => !serving && isAddressWithin(host, network))) continue;
    findings.push(createFaultFinding('region listener', text, undefined, `address ${host}/${text}`));
  }
  if (link !== undefined && link.outboxProblem !== '') findings.push(createFaultFinding('events', link.outboxProblem));
  if (region.eventsDropped > 0) {
    const text = `${counted(region.eventsDropped, 'event for the region was', 'events for the region were')} dropped`;
    findings.push(createNoteFinding('events', text, 'sudo rackboot outbox'));
  }
  if (link !== undefined && link.deadLetters > 0) {
    const text = `the region refused ${counted(link.deadLetters, 'event')} for good`;
    findings.push(createNoteFinding('events', text, 'sudo rackboot outbox --dead'));
  }
  if (addresses.length < 2) return findings;
  for (const { failure } of addresses)
    if (failure !== undefined)
      findings.push(
        createNoteFinding('region address', `${failure.text} (for ${formatDuration(nowMs - failure.sinceMs)})`),
      );
  return findings;
}

function findRefusedFindings({ refused }: JudgedStatus): readonly RackFinding[] {
  if (refused === undefined) return [];
  const [firstProblem = '', ...otherProblems] = refused.problems;
  const [refusedText, fix] =
    refused.source === 'file'
      ? ['the configuration file', 'rackboot check']
      : ["the configuration in the region's store", 'rackboot config show'];
  const otherCount = otherProblems.length === 0 ? '' : ` (and ${otherProblems.length} more)`;
  const text = `${refusedText} is refused since ${refused.since}; the last good one stays: ${firstProblem}${otherCount}; \`${fix}\` says why`;
  return [createFaultFinding('configuration', text, fix)];
}

function describeForeign(server: RackDhcp['foreign'][number], nowMs: number): [check: string, text: string] {
  const { address, mac, network, interface: name, offered, leaseSeconds, file, bootOnly } = server;
  const formatAgo = (time: string): string => formatDuration(Math.max(0, nowMs - Date.parse(time)));
  const parts = [
    `another DHCP server on ${name ?? `network ${network}`}: ${address}${mac === undefined ? '' : ` (${mac})`}`,
  ];
  if (bootOnly) parts.push('it only sends boot information');
  if (offered !== undefined)
    parts.push(
      `it offers ${offered}${leaseSeconds === undefined ? '' : ` for ${formatDuration(leaseSeconds * 1000)}`}`,
    );
  if (file !== undefined) parts.push(`to load ${file}`);
  parts.push(`seen ${formatAgo(server.lastSeen)} ago, first ${formatAgo(server.firstSeen)} ago`);
  return [`network ${network}`, parts.join(', ')];
}
