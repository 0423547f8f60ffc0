// The sentences of DNS events, and of the process, its interfaces, its region and the timeline.

import { counted } from '../../../counted.ts';
import type { DnsEvent, DnsEventKind } from '../../../dns/events.ts';
import { DNS_EVENTS } from '../../../dns/events.ts';
import type { RackEvent } from '../../../event.ts';
import { formatIpv4 } from '../../../net/address.ts';
import { formatBytes, formatSpan } from './quantity.ts';

export const isDnsEvent = (event: RackEvent): event is DnsEvent => Object.hasOwn(DNS_EVENTS, event.kind);

const endpoint = ({ address, port }: DnsEvent): string =>
  `${address === undefined ? 'an address' : formatIpv4(address)}${port === undefined ? '' : `:${port}`}`;

/** The sentences of DNS by kind. */
export const DNS_SENTENCES: Readonly<Partial<Record<DnsEventKind, (event: DnsEvent) => string>>> = {
  'dns.listening': (event) => `DNS listens on ${endpoint(event)}`,
  'dns.listener-waiting': (event) =>
    `DNS waits for the address ${endpoint(event)}: bring its interface up, or correct dns.listen`,
  'dns.refused': (event) =>
    `A DNS query from ${endpoint(event)} was refused: add it to a managed network or dns.allow_recursion`,
  'dns.upstream-failed': (event) => `Upstream DNS server ${endpoint(event)} does not answer`,
  'dns.upstream-recovered': (event) => `Upstream DNS server ${endpoint(event)} answers again`,
  'dns.overloaded': ({ reason }) =>
    `DNS has too many open queries${reason === undefined ? '' : ` (${reason})`}: an upstream is slow, or a client loops`,
  'dns.name-conflict': ({ name, winner, loser }) =>
    `${name ?? 'A name'} is claimed twice: ${winner ?? 'one'} gets it, ${loser ?? 'the other'} does not; rename one of them`,
  'dns.record-invalid': ({ name, reason }) =>
    `The configured DNS record ${name ?? ''} is ignored: ${reason ?? 'its data does not match its type'}`,
};

/** The fields of an event that belongs to no protocol, by name. */
export interface NamedFields {
  /** The value as text; empty if the field is missing. */
  text(name: string): string;
}

/** The sentences of kinds that belong to no protocol room. */
export const SERVICE_SENTENCES: Readonly<Record<string, (fields: NamedFields) => string>> = {
  'daemon.ready': (f) => `${f.text('name')}: Rackboot ${f.text('version')} is ready after ${span(f, 'startMs')}`,
  'daemon.stopping': (f) => `Stopping (${f.text('signal')})`,
  'daemon.finishing': (f) =>
    `Finishing ${count(f, 'replies', 'reply', 'replies')} and ${count(f, 'transfers', 'transfer')} (${span(f, 'graceMs')} at most)`,
  'daemon.stopped': (f) => `Stopped after ${span(f, 'milliseconds')} (${count(f, 'cut', 'transfer')} cut)`,
  'clock.stepped': (f) =>
    `The clock of this host was moved by ${f.text('byMs')} ms; leases and transfers are not affected`,
  'daemon.note': (f) => capitalise(f.text('text')),
  'daemon.leases-lost': (f) => f.text('text'),
  'daemon.leases-restored': (f) => f.text('text'),
  'daemon.leases-damaged': (f) => f.text('text'),
  'tree.problem': (f) => `The boot tree is unreadable: ${f.text('reason')}; addresses and names are still served`,
  'tree.served': (f) => `The boot tree ${f.text('tree')} is readable again`,
  'interface.waiting': (f) => `Waiting for ${f.text('interface')}: ${f.text('reason')}`,
  'interface.serving': (f) => `${f.text('interface')} is served: ${f.text('network')}`,
  'config.applied': (f) => `Applied ${configurationOf(f)} (${count(f, 'changes', 'change')})`,
  'config.changed': (f) => `${f.text('key')} is now ${f.text('after')}; it was ${f.text('before')}`,
  'config.stranded': (f) =>
    `${count(f, 'leases', 'running lease is', 'running leases are')} outside the new ranges (${f.text('addresses')}): their machines get other addresses when they renew`,
  'config.refused': (f) => `Refused ${configurationOf(f)}, keeping the previous configuration: ${f.text('problems')}`,
  'config.networks-lost': (f) =>
    `No network is served: the region has no settings for ${f.text('networks')}; add cluster_interfaces to this rack's file, or run at the region: ${f.text('command')}`,
  'config.needs-restart': (f) => `These changes need a restart: ${f.text('keys')}`,
  'net.neighbour-new': (f) => `First seen on ${f.text('interface')} with ${f.text('address')}`,
  'net.neighbour-moved': (f) => `Took over ${f.text('address')} on ${f.text('interface')} from ${f.text('previous')}`,
  'net.own-address-used': (f) =>
    `Uses ${f.text('address')}, this rack’s own address on ${f.text('interface')}: give that host another address, or disconnect it`,
  'net.router-seen': (f) =>
    `IPv6 router ${f.text('reason')} seen on ${f.text('interface')}: router solicitations are left to it`,
  'net.router-answered': (f) => `Looked for an IPv6 router on ${f.text('interface')}: told that there is none`,
  'net.router-answer-failed': (f) =>
    `Looked for an IPv6 router on ${f.text('interface')}: could not be answered (${f.text('reason')})`,
  'metrics.listening': (f) => `Metrics and health are served on ${f.text('address')}:${f.text('port')}`,
  'metrics.failed': (f) =>
    `Metrics cannot be served on ${f.text('address')}:${f.text('port')} (${f.text('reason')}): free the port, or set metrics.listen`,
  'region.up': (f) => `The region answers at ${f.text('addresses')}`,
  'region.down': (f) =>
    `The region stopped (${f.text('reason')}) and restarts in ${span(f, 'retryMs')}; leases, names and boots continue`,
  'region.linked': (f) => `Linked to the region at ${f.text('url')} (${count(f, 'waiting', 'event')} to send)`,
  'region.away': (f) =>
    `The region has not answered since ${f.text('since')} (${f.text('reason')}): leases, names and boots continue, and events are kept`,
  'region.back': (f) => `The region answers again after ${span(f, 'awayMs')} (${count(f, 'waiting', 'event')} to send)`,
  'region.pending': (f) => `This rack waits to be accepted: ${f.text('text')}`,
  'region.rejected': (f) => `The region rejects this rack: ${f.text('text')}`,
  'region.incompatible': (f) => `Rack and region have incompatible versions: ${f.text('text')}`,
  'region.post-queued': (f) =>
    `Reported while the region is away; the report (${formatBytes(Number(f.text('bytes')))}) is kept on disk`,
  'region.post-refused': (f) =>
    `A report could not be kept while the region is away (${f.text('reason')}): the machine must try again`,
  'outbox.full': (f) =>
    `The outbox is full (${count(f, 'waiting', 'event')}): ${count(f, 'dropped', 'event was', 'events were')} dropped, the least important first; bring the region back`,
  'outbox.dead-letter': (f) =>
    `The region permanently refused ${f.text('what')} (${f.text('reason')}): see \`rackboot outbox --dead\``,
  'outbox.renumbered': (f) => `The outbox starts over: ${f.text('text')}`,
  'outbox.unavailable': (f) =>
    `The outbox cannot be written (${f.text('reason')}): events wait in memory; free some disk space`,
  'outbox.available': (f) => `The outbox can be written again (${count(f, 'waiting', 'event')} waiting)`,
  'daemon.close-failed': (f) => `A part failed to close during shutdown: ${f.text('reason')}`,
  'log.gap': (f) =>
    `${count(f, 'missed', 'line of the log is', 'lines of the log are')} lost: its reader or its disk is too slow`,
  'region.problem': (f) => `The region has a problem: ${f.text('text')}`,
  'region.cache': (f) => `The cached desired state is unusable: ${f.text('text')}`,
  'region.desired-state': (f) => `Applied version ${f.text('version')} of the desired state`,
  'machine.known': (f) => `Known to the region as ${f.text('name')} (${f.text('status')}): ${nextBoot(f)}`,
  'machine.changed': (f) => `Now ${f.text('name')} (${f.text('status')}): ${nextBoot(f)}`,
  'machine.forgotten': (f) => `No longer known to the region (was ${f.text('name')})`,
  'boot.token-withheld': (f) =>
    `${f.text('address')}, which is not an address of ${f.text('machine')}, got its configuration without the boot token`,
  'boot.not-at-home': (f) =>
    `Leased ${f.text('address')} in network ${f.text('network')}, but the home of ${f.text('machine')} is ${f.text('home')}: it gets no boot token there; ` +
    `if it was moved, run: rackboot machines move ${f.text('machine')} ${f.text('rack')} --network ${f.text('network')}`,
  'boot.hint': (f) => capitalise(f.text('text')),
  'log.level-changed': (f) =>
    `${logLevelOf(f)} is ${f.text('logLevel')} for ${formatSpan(Number(f.text('seconds')) * 1000)}`,
  'log.level-restored': (f) => `${logLevelOf(f)} is as configured again`,
};

const NEXT_BOOTS: Readonly<Record<string, string>> = {
  enlist: 'its next boot reports its hardware',
  commissioning: 'its next boot runs the ephemeral environment',
  install: 'its next boot installs it',
  local: 'its next boot uses its own disk',
  poweroff: 'its next boot powers it off',
};

const configurationOf = (f: NamedFields): string =>
  f.text('source') === 'store' ? "the settings of the region's store" : f.text('file');
const nextBoot = (f: NamedFields): string => NEXT_BOOTS[f.text('purpose')] ?? f.text('purpose');
/** The number in a field, with its noun. */
const count = (f: NamedFields, name: string, one: string, many?: string): string =>
  counted(Number(f.text(name)), one, many);
/** The duration in a field, which holds milliseconds. */
const span = (f: NamedFields, name: string): string => formatSpan(Number(f.text(name)));
const logLevelOf = (f: NamedFields): string => `The log level${f.text('room') === '' ? '' : ` of ${f.text('room')}`}`;

/** Capitalises the rack's own text, unless it begins with a key, an interface, a file or an address. */
export const capitalise = (text: string): string =>
  /^[a-z]+(?:'s)?(?:[,:;.]? |\.?$)/.test(text) && !/^lo\b/.test(text)
    ? `${text.charAt(0).toUpperCase()}${text.slice(1)}`
    : text;
