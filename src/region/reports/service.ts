// The sentences of DNS events, and of the process, its interfaces, its region and the timeline.

import { asSentence, counted } from '../../counted.ts';
import type { DnsEventKind } from '../../dns/events.ts';
import { unreachable } from '../../errors.ts';
import { formatBytes, formatSpan } from '../../quantity.ts';
import { homeText } from './dhcp.ts';
import type { DhcpParams, DnsParams, ServiceParams } from './fields.ts';
import { PURPOSE_PROBLEMS, reasonText } from './files.ts';
import type { Writers } from './forms.ts';
import { hintText } from './hints.ts';
import { isNote, noteText, type RackNote } from './notes.ts';

const endpoint = ({ address, port }: DnsParams): string =>
  `${address ?? 'an address'}${port === undefined ? '' : `:${port}`}`;

/** A claim to a name: the kind of its owner, and the host. */
const claimOf = (owner: DnsParams['winner'], mac: string | undefined, address: string | undefined): string =>
  `${owner ?? 'another'}${mac === undefined ? '' : ` of ${mac}`}${address === undefined ? '' : ` at ${address}`}`;

const RECORD_FAULTS: Readonly<Record<string, string>> = {
  'bad-name': 'bad name',
  'bad-data': 'bad data',
  'name-has-alias': 'the name has a CNAME',
  'not-a-domain-name': 'not a domain name',
};

/** An obstacle for machines that boot from a rack. */
export type Obstacle =
  | { readonly kind: 'interface-unserved'; readonly interface: string; readonly note: RackNote | undefined }
  /** @param reason `undefined`: unknown */
  | { readonly kind: 'leases-unwritable'; readonly reason: string | undefined }
  /** @param purpose that of the machine's last boot, whose configuration explained a problem */
  | { readonly kind: 'last-boot'; readonly purpose: string };

export function obstacleText(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case 'interface-unserved': {
      const { interface: name, note } = obstacle;
      return `${name} is not served: ${note === undefined ? 'unknown' : noteText(note)}`;
    }
    case 'leases-unwritable':
      return `leases cannot be written (${obstacle.reason ?? 'unknown'}): none is granted until they can be`;
    case 'last-boot':
      return `at its last boot: ${PURPOSE_PROBLEMS[obstacle.purpose] ?? obstacle.purpose}`;
    default:
      return unreachable(obstacle);
  }
}

/** The data that a full disk keeps from being written. */
export type DiskData = 'leases-and-region' | 'leases-and-events' | 'region' | 'hypervisor-keys';
const DISK_DATA: Readonly<Record<DiskData, string>> = {
  'leases-and-region': "neither leases nor the region's data can be written",
  'leases-and-events': 'neither leases nor events for the region can be written',
  region: "the region's data cannot be written",
  'hypervisor-keys': "the region's data is in its database, but the keys for hypervisors cannot be written",
};

export const fullDiskText = (directory: string, freeBytes: number, data: DiskData): string =>
  `the disk of ${directory} is full (${formatBytes(freeBytes)} left): ${DISK_DATA[data]}; free some space there`;

/** Why a rack serves no network. @param key where its networks are configured */
interface Unserved {
  readonly file: string;
  readonly key: string;
  /** The command that gives it a network, or the first of those that it lost. */
  readonly command: string;
  /** The networks that it lost when it was accepted, and when that was. */
  readonly lost?: { readonly networks: string; readonly since: string } | undefined;
}

export const unservedText = ({ file, key, command, lost }: Unserved): string =>
  lost === undefined
    ? `serves no network: neither ${file} nor its region names one; add ${key} to ${file}, or run on the region: ${command}`
    : `has served no network since it was accepted (${lost.since}): the region has no settings for ${lost.networks}; ` +
      `add ${key} to ${file}, or run on the region: ${command}`;

/** The titles of clients that would get the same boot. */
export const titlesText = (titles: readonly string[]): string => titles.join(' or as ');

/** The facts of a refusal that `rackboot why` shows. */
interface RefusalFacts extends Pick<DhcpParams, 'reason' | 'classes' | 'hostname' | 'circuitId' | 'remoteId'> {
  readonly agoMs: number;
}

/** When and why DHCP last refused a machine, with the hostname and port that its message named. */
export function lastRefusalText({ agoMs, reason, classes, hostname, circuitId, remoteId }: RefusalFacts): string {
  const who = hostname === undefined ? '' : `, as ${hostname}`;
  const at = circuitId === undefined ? '' : `, at port ${circuitId}`;
  const behind = remoteId === undefined ? '' : `, behind ${remoteId}`;
  const why = `${reason ?? 'no reason was given'}${classes === undefined ? '' : ` (${classes})`}`;
  return `was refused ${formatSpan(agoMs)} ago: ${why}${who}${at}${behind}`;
}

/** The sentences of DNS by kind. */
export const DNS_SENTENCES: Readonly<Record<DnsEventKind, (event: DnsParams) => string>> = {
  'dns.listening': (event) => `DNS listens on ${endpoint(event)}`,
  'dns.listener-waiting': (event) =>
    `DNS waits for the address ${endpoint(event)}: bring its interface up, or correct dns.listen`,
  'dns.refused': (event) =>
    `A DNS query from ${endpoint(event)} was refused: to answer it, include the address in a managed network or in dns.allow_recursion`,
  'dns.upstream-failed': (event) => `Upstream DNS server ${endpoint(event)} does not answer`,
  'dns.upstream-recovered': (event) => `Upstream DNS server ${endpoint(event)} answers again`,
  'dns.overloaded': ({ name }) =>
    `DNS has too many open queries${name === undefined ? '' : ` for names of ${name}`}: an upstream is slow, or a client loops`,
  'dns.answers-forged': (event) =>
    `Suspected forged answers from the upstream DNS server ${endpoint(event)}${event.name === undefined ? '' : ` (${event.name})`}: asking over TCP`,
  'dns.name-conflict': ({ name, winner, winnerAddress, winnerMac, loser, address, mac }) =>
    `${name ?? 'A name'} is claimed twice: ${claimOf(winner, winnerMac, winnerAddress)} gets it, ${claimOf(loser, mac, address)} does not; rename one of them`,
  'dns.record-invalid': ({ name, type, data, reason = '' }) =>
    `The DNS record ${name ?? ''} is ignored: ${type === undefined ? '' : `${type} ${data ?? ''}: `}${RECORD_FAULTS[reason] ?? reason}`,
};

/** The sentence of a note within an event; empty for an event that was stored without one. */
const noteOf = (fields: ServiceParams['daemon.note']): string => (isNote(fields) ? noteText(fields) : '');

/** The sentences of events outside the protocol rooms. */
export const SERVICE_SENTENCES: Writers<ServiceParams> = {
  'daemon.ready': (f) => `${f.name}: Rackboot ${f.version} is ready after ${formatSpan(f.startMs)}`,
  'daemon.stopping': (f) => `Stopping (${f.signal})`,
  'daemon.finishing': (f) =>
    `Finishing ${counted(f.replies, 'reply', 'replies')} and ${counted(f.transfers, 'transfer')} (${formatSpan(f.graceMs)} at most)`,
  'daemon.stopped': (f) => `Stopped after ${formatSpan(f.milliseconds)} (${counted(f.cut, 'transfer')} cut)`,
  'clock.stepped': (f) => `The clock of this host was moved by ${f.byMs} ms; leases and transfers are not affected`,
  'daemon.note': (f) => asSentence(noteOf(f)),
  'daemon.leases-lost': noteOf,
  'daemon.leases-restored': noteOf,
  'daemon.leases-damaged': noteOf,
  'tree.problem': (f) => `The boot tree is unreadable: ${f.reason}; addresses and names are still served`,
  'tree.served': (f) => `The boot tree ${f.tree} is readable again`,
  'interface.waiting': (f) => `Waiting for ${f.interface}: ${noteOf(f)}`,
  'interface.serving': (f) => `${f.interface} is served: ${f.network}`,
  'config.applied': (f) => `Applied ${configurationOf(f)} (${counted(f.changes, 'change')})`,
  'config.changed': (f) => `${f.key} is now ${f.after}; it was ${f.before}`,
  'config.stranded': (f) =>
    `${counted(f.leases, 'running lease is', 'running leases are')} outside the new ranges (${f.addresses}): their machines get other addresses when they renew`,
  'config.refused': (f) => `Refused ${configurationOf(f)}, keeping the previous configuration: ${f.problems}`,
  'config.networks-lost': (f) =>
    `No network is served: the region has no settings for ${f.networks}; add cluster_interfaces to this rack's file, or run on the region: ${f.command}`,
  'config.needs-restart': (f) => `These changes need a restart: ${f.keys}`,
  'net.neighbour-new': (f) => `First seen on ${f.interface} with ${f.address ?? ''}`,
  'net.neighbour-moved': (f) => `Took over ${f.address ?? ''} on ${f.interface} from ${f.previous ?? 'another host'}`,
  'net.host-found': (f) => `Answered a scan of ${f.interface} with ${f.address ?? ''}`,
  'net.own-address-used': (f) =>
    `Uses ${f.address ?? ''}, this rack’s own address on ${f.interface}: give that host another address, or disconnect it`,
  'net.router-seen': (f) => `IPv6 router ${f.reason} seen on ${f.interface}: router solicitations are left to it`,
  'net.router-answered': (f) => `Looked for an IPv6 router on ${f.interface}: told that there is none`,
  'net.router-answer-failed': (f) => `Looked for an IPv6 router on ${f.interface}: could not be answered (${f.reason})`,
  'metrics.listening': (f) => `Metrics and health are served on ${f.address ?? ''}:${f.port}`,
  'metrics.failed': (f) =>
    f.reason === 'EADDRINUSE'
      ? `Metrics cannot be served on ${f.address ?? ''}:${f.port}: another program, or another Rackboot on this host, has the port; give metrics.listen another one`
      : `Metrics cannot be served on ${f.address ?? ''}:${f.port} (${f.reason}): free the port, or set metrics.listen`,
  'region.up': (f) => `The region answers at ${f.addresses.replaceAll(' ', ', ')}`,
  'region.down': (f) =>
    `The region stopped (${noteOf(f)}) and restarts in ${formatSpan(f.retryMs)}; leases, names and boots continue`,
  'region.linked': (f) => `Linked to the region at ${f.url} (${counted(f.waiting, 'event')} to send)`,
  'region.away': (f) =>
    `The region has not answered since ${f.since} (${noteOf(f)}): leases, names and boots continue, and events are kept`,
  'region.back': (f) =>
    `The region answers again after ${formatSpan(f.awayMs)} (${counted(f.waiting, 'event')} to send)`,
  'region.moved': (f) => `Linked to the region at ${f.url}, because ${f.former} does not answer`,
  'region.pending': (f) => `This rack waits to be accepted: ${noteOf(f)}`,
  'region.rejected': (f) => `The region rejects this rack: ${noteOf(f)}`,
  'region.incompatible': (f) => `Rack and region have incompatible versions: ${noteOf(f)}`,
  'region.post-queued': (f) =>
    `Reported while the region is away; the report (${formatBytes(f.bytes)}) is kept on disk`,
  'region.post-refused': (f) =>
    `A report could not be kept while the region is away: ${reasonText(f.reason)}; the machine must try again`,
  'outbox.full': (f) =>
    `The outbox is full (${counted(f.waiting, 'event')}): ${counted(f.dropped, 'event was', 'events were')} dropped, the least important first; bring the region back`,
  'outbox.dead-letter': (f) =>
    `The region permanently refused ${f.what}${f.peer === undefined ? '' : ` of ${f.peer}`} (${f.reason}): see \`rackboot outbox --dead\``,
  'outbox.renumbered': (f) => `The outbox starts over: outbox.db is now ${f.id}`,
  'outbox.unavailable': (f) =>
    `The outbox cannot be written (${f.reason}): events wait in memory; free some disk space`,
  'outbox.available': (f) => `The outbox can be written again (${counted(f.waiting, 'event')} waiting)`,
  'daemon.close-failed': (f) => `A part failed to close during shutdown: ${f.reason}`,
  'log.limited': (f) =>
    `Hosts cause more lines than the log takes: ${counted(f.missed, 'line is', 'lines are')} left out`,
  'log.gap': (f) =>
    `${counted(f.missed, 'line of the log is', 'lines of the log are')} lost: its reader or its disk is too slow`,
  'region.problem': (f) => `The region has a problem: ${noteOf(f)}`,
  'region.unconfirmed': (f) => `No change can be made: ${noteOf(f)}`,
  'region.database-away': noteOf,
  'region.database-back': (f) => `The database answers again after ${formatSpan(f.awayMs)}`,
  'region.database-accepts': (f) => `The database works again after ${formatSpan(f.refusedMs)} of refusals`,
  'region.duties-here': (f) => `This process now has the region's duties${formerHolder(f)}`,
  'region.duties-elsewhere': (f) => `The process ${f.holder} has the region's duties`,
  'region.duties-lost': (f) =>
    `The process ${f.holder} has taken over this one's duties, which were not renewed in time: this one continues without them`,
  'region.confirmed': () => 'The database confirms changes again',
  'region.cache': (f) => `The cached desired state is unusable: ${noteOf(f)}`,
  'region.desired-state': (f) => `Applied version ${f.version} of the desired state`,
  'machine.known': (f) => `Known to the region as ${f.name} (${f.status}): ${nextBoot(f)}`,
  'machine.changed': (f) => `Now ${f.name} (${f.status}): ${nextBoot(f)}`,
  'machine.forgotten': (f) => `No longer known to the region (was ${f.name})`,
  'boot.token-withheld': (f) =>
    `${f.address ?? ''}, which is not an address of ${f.machine}, got its configuration without the boot token`,
  'boot.not-at-home': (f) =>
    `Leased ${f.address ?? ''} in network ${f.network}, but the home of ${f.machine} is ${homeText(f)}: it gets no boot token there; ` +
    `if it was moved, run: rackboot machines move ${f.machine} ${f.rack} --network ${f.network}`,
  'boot.loader-loop': ({ file, loads, instead }) =>
    `Loaded ${file} ${counted(loads, 'time')} without asking for a configuration; it gets ${instead} instead`,
  'boot.hint': (f) => asSentence(hintText(f)),
  'log.level-changed': (f) => `${logLevelOf(f)} is ${f.logLevel} for ${formatSpan(f.seconds * 1000)}`,
  'log.level-restored': (f) => `${logLevelOf(f)} is as configured again`,
};

const NEXT_BOOTS: Readonly<Record<string, string>> = {
  enlist: 'its next boot reports its hardware',
  commissioning: 'its next boot runs the ephemeral environment',
  install: 'its next boot installs it',
  local: 'its next boot uses its own disk',
  poweroff: 'its next boot powers it off',
};

const configurationOf = (f: { readonly source: string; readonly file: string }): string =>
  f.source === 'store' ? "the settings of the region's store" : f.file;
const nextBoot = ({ purpose }: { readonly purpose: string }): string => NEXT_BOOTS[purpose] ?? purpose;
const logLevelOf = (f: { readonly room: string }): string => `The log level${f.room === '' ? '' : ` of ${f.room}`}`;

const formerHolder = ({
  former,
  hasLeft,
}: {
  readonly former?: string | undefined;
  readonly hasLeft?: boolean | undefined;
}): string =>
  former === undefined ? '' : hasLeft === true ? `: ${former} has stopped` : `: ${former} did not renew them in time`;
