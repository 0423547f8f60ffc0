// What the process, its interfaces, its region, DNS and the timeline itself tell, as a person reads it.

import { counted } from '../../counted.ts';
import type { DnsEvent, DnsEventKind } from '../../dns/events.ts';
import { DNS_EVENTS } from '../../dns/events.ts';
import type { RackEvent } from '../../event.ts';
import { formatIpv4 } from '../../net/address.ts';
import { formatBytes, formatSpan } from '../quantity.ts';

export const isDnsEvent = (event: RackEvent): event is DnsEvent => Object.hasOwn(DNS_EVENTS, event.kind);

const endpoint = ({ address, port }: DnsEvent): string =>
  `${address === undefined ? 'an address' : formatIpv4(address)}${port === undefined ? '' : `:${port}`}`;

/** The sentence of each kind of DNS. */
export const DNS_SENTENCES: Readonly<Partial<Record<DnsEventKind, (event: DnsEvent) => string>>> = {
  'dns.listening': (event) => `DNS listens on ${endpoint(event)}`,
  'dns.listener-waiting': (event) =>
    `DNS waits for the address ${endpoint(event)}: bring its interface up, or correct dns.listen`,
  'dns.refused': (event) =>
    `A DNS question of ${endpoint(event)} was refused: it is in no managed network and not in dns.allow_recursion`,
  'dns.upstream-failed': (event) => `The upstream DNS server ${endpoint(event)} does not answer`,
  'dns.upstream-recovered': (event) => `The upstream DNS server ${endpoint(event)} answers again`,
  'dns.overloaded': ({ reason }) =>
    `DNS has too many questions in flight${reason === undefined ? '' : ` (${reason})`}; the upstream is slow or a client asks in a loop`,
  'dns.name-conflict': ({ name, winner, loser }) =>
    `${name ?? 'A name'} is claimed twice: ${winner ?? 'one'} has it, ${loser ?? 'the other'} does not; rename one of them`,
  'dns.record-invalid': ({ name, reason }) =>
    `The configured DNS record ${name ?? ''} is left out: ${reason ?? 'its data is not of its type'}`,
};

/** The fields of an event that belongs to no protocol, by name. */
export interface NamedFields {
  /** The value as text; empty when it is not there. */
  text(name: string): string;
}

/** The sentence of kinds that belong to no protocol room. */
export const SERVICE_SENTENCES: Readonly<Record<string, (fields: NamedFields) => string>> = {
  'daemon.ready': (f) => `${f.text('name')}: Rackboot ${f.text('version')} is ready after ${span(f, 'startMs')}`,
  'daemon.stopping': (f) => `Stopping, for ${f.text('signal')}`,
  'daemon.finishing': (f) =>
    `Finishing ${count(f, 'replies', 'answer')} and ${count(f, 'transfers', 'transfer')}, for ${span(f, 'graceMs')} at most`,
  'daemon.stopped': (f) =>
    `Stopped after ${span(f, 'milliseconds')}; ${count(f, 'cut', 'transfer was', 'transfers were')} cut`,
  'clock.stepped': (f) => `The clock of this host was set by ${f.text('byMs')} ms; what is under way goes on as before`,
  'daemon.note': (f) => capitalise(f.text('text')),
  'daemon.leases-lost': (f) => f.text('text'),
  'tree.problem': (f) =>
    `What the boot tree holds cannot be read: ${f.text('reason')}; addresses and names are served as before`,
  'tree.served': (f) => `The boot tree ${f.text('tree')} is read again and served`,
  'interface.waiting': (f) => `${f.text('interface')} is waited for: ${f.text('reason')}`,
  'interface.serving': (f) => `${f.text('interface')} is served: ${f.text('network')}`,
  'config.applied': (f) => `${configurationOf(f)} is in force with ${count(f, 'changes', 'change')}`,
  'config.changed': (f) => `${f.text('key')} is now ${f.text('after')}; it was ${f.text('before')}`,
  'config.stranded': (f) =>
    `${count(f, 'leases', 'running lease is', 'running leases are')} outside the new ranges (${f.text('addresses')}): who holds such an address gets another one when it renews`,
  'config.refused': (f) => `${configurationOf(f)} is refused, the last good one stays: ${f.text('problems')}`,
  'config.networks-lost': (f) =>
    `No network is served any more: the region keeps no settings for ${f.text('networks')}; write cluster_interfaces into this rack's file, or at the region: ${f.text('command')}`,
  'config.needs-restart': (f) => `These changes apply at the next start: ${f.text('keys')}`,
  'net.neighbour-new': (f) => `Was seen on ${f.text('interface')} with ${f.text('address')} for the first time`,
  'net.neighbour-moved': (f) =>
    `Has ${f.text('address')} on ${f.text('interface')} now, which was ${f.text('previous')}'s`,
  'net.router-seen': (f) =>
    `There is an IPv6 router on ${f.text('interface')} (${f.text('reason')}): machines that look for one are left to it`,
  'net.router-answered': (f) => `Looked for an IPv6 router on ${f.text('interface')} and was told that there is none`,
  'net.router-answer-failed': (f) =>
    `Looked for an IPv6 router on ${f.text('interface')} and could not be told that there is none: ${f.text('reason')}`,
  'metrics.listening': (f) => `Metrics and health are served on ${f.text('address')}:${f.text('port')}`,
  'metrics.failed': (f) =>
    `Metrics cannot be served on ${f.text('address')}:${f.text('port')} (${f.text('reason')}): free the port, or set metrics.listen`,
  'region.up': (f) => `The region answers at ${f.text('addresses')}`,
  'region.down': (f) =>
    `The region does not run (${f.text('reason')}): it is started again in ${span(f, 'retryMs')}; leases, names and boots go on`,
  'region.linked': (f) =>
    `This rack is linked to its region at ${f.text('url')}; ${count(f, 'waiting', 'event waits', 'events wait')} for it`,
  'region.away': (f) =>
    `The region does not answer since ${f.text('since')} (${f.text('reason')}): leases, names and boots go on, and all is kept for it`,
  'region.back': (f) =>
    `The region answers again after ${span(f, 'awayMs')}; ${count(f, 'waiting', 'event is', 'events are')} on the way`,
  'region.pending': (f) => `This rack waits to be accepted: ${f.text('text')}`,
  'region.rejected': (f) => `The region refuses this rack: ${f.text('text')}`,
  'region.incompatible': (f) => `Rack and region are of different versions: ${f.text('text')}`,
  'region.post-queued': (f) =>
    `Reported itself while the region is away; its report (${formatBytes(Number(f.text('bytes')))}) waits on disk until the region is back`,
  'region.post-refused': (f) =>
    `A report could not be kept while the region is away (${f.text('reason')}): the machine was told to try again`,
  'outbox.full': (f) =>
    `${count(f, 'waiting', 'event waits', 'events wait')} for the region and no more fit: ${count(f, 'dropped', 'event was', 'events were')} dropped, the least important first; bring the region back`,
  'outbox.dead-letter': (f) =>
    `The region refused ${f.text('what')} for good (${f.text('reason')}): \`rackboot outbox --dead\` shows it`,
  'outbox.renumbered': (f) => `The outbox begins anew: ${f.text('text')}`,
  'outbox.unavailable': (f) =>
    `The outbox cannot be written (${f.text('reason')}): events wait in memory; make room on the disk`,
  'outbox.available': (f) => `The outbox can be written again; ${count(f, 'waiting', 'event waits', 'events wait')}`,
  'daemon.close-failed': (f) => `Something could not be closed at the end: ${f.text('reason')}`,
  'log.gap': (f) =>
    `${count(f, 'missed', 'line of the log is', 'lines of the log are')} lost: its reader or its disk is too slow`,
  'region.problem': (f) => `The region has a problem: ${f.text('text')}`,
  'region.cache': (f) => `The cached desired state is not usable: ${f.text('text')}`,
  'region.desired-state': (f) => `The region's wishes, version ${f.text('version')}, are in force`,
  'machine.known': (f) => `The region knows it as ${f.text('name')}, ${f.text('status')}: ${nextBoot(f)}`,
  'machine.changed': (f) => `The region has it as ${f.text('name')}, ${f.text('status')}, now: ${nextBoot(f)}`,
  'machine.forgotten': (f) => `The region no longer knows it; it was ${f.text('name')}`,
  'boot.token-withheld': (f) =>
    `${f.text('address')} asked for the configuration of ${f.text('machine')}, whose address it is not: sent without the secret of its boot`,
  'boot.not-at-home': (f) =>
    `Leased ${f.text('address')} in network ${f.text('network')}, while the home of ${f.text('machine')} is ${f.text('home')}: it gets no secret of its boot there; ` +
    `if it was moved: rackboot machines move ${f.text('machine')} ${f.text('rack')} --network ${f.text('network')}`,
  'boot.hint': (f) => capitalise(f.text('text')),
  'log.level-changed': (f) =>
    `${logOf(f)} is written from ${f.text('level')} on, for ${formatSpan(Number(f.text('seconds')) * 1000)}, then as configured`,
  'log.level-restored': (f) => `${logOf(f)} is written as configured again`,
};

const NEXT_BOOTS: Readonly<Record<string, string>> = {
  enlist: 'its next boot lets it report its hardware again',
  commissioning: 'its next boot runs the ephemeral environment',
  install: 'its next boot installs it',
  local: 'its next boot starts its own disk',
  poweroff: 'its next boot switches it off',
};

const configurationOf = (f: NamedFields): string =>
  f.text('source') === 'store' ? "The configuration of the region's store" : f.text('file');
const nextBoot = (f: NamedFields): string => NEXT_BOOTS[f.text('purpose')] ?? f.text('purpose');
/** A number that a field holds, with what it counts. */
const count = (f: NamedFields, name: string, one: string, many?: string): string =>
  counted(Number(f.text(name)), one, many);
/** A duration that a field holds in milliseconds. */
const span = (f: NamedFields, name: string): string => formatSpan(Number(f.text(name)));
const logOf = (f: NamedFields): string => (f.text('room') === '' ? 'The log' : `The log of ${f.text('room')}`);

/** Text of the rack's own that begins as a sentence; one that begins with a key, an interface, a file or an address keeps its spelling. */
export const capitalise = (text: string): string =>
  /^[a-z]+(?:'s)?(?:[,:;.]? |\.?$)/.test(text) && !/^lo\b/.test(text)
    ? `${text.charAt(0).toUpperCase()}${text.slice(1)}`
    : text;
