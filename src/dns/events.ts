// The DNS room's events and counters.
//
// 1. Kinds are stable strings.
// 2. Events that any host can trigger are sampled, with a `count`.

import { type CommonParams, eventsWith, type Forms, type ParamsOf, type RackEvent } from '../ground/event.ts';
import type { ClaimOwner } from './claims.ts';

const OWNERS = ['configured', 'rack', 'machine', 'reservation', 'lease'] as const satisfies readonly ClaimOwner[];

/** The fields of this room's events. */
const FIELDS = {
  /** The local port (listening), or the upstream's. */
  port: 'number?',
  /** The DNS name or domain concerned. */
  name: 'text?',
  /** The owner that keeps a contested name. */
  winner: OWNERS,
  /** The address that the winner gives the name. */
  winnerAddress: 'text?',
  /** The client that the name belongs to, if the winner is a lease. */
  winnerMac: 'text?',
  /** The owner that does not get it. */
  loser: OWNERS,
  /** The cause, in a few words. */
  reason: 'text?',
  /** The type of a record that is left out. */
  type: 'text?',
  /** The data of that record, as written. */
  data: 'text?',
} as const satisfies Forms;
type Params = CommonParams & ParamsOf<typeof FIELDS>;
const event = eventsWith(FIELDS);

const endpoint = ({ address, port }: Params): string =>
  `${address ?? 'an address'}${port === undefined ? '' : `:${port}`}`;

/** A claim to a name: the kind of its owner, and the host. */
const claimText = (owner: Params['winner'], mac: string | undefined, address: string | undefined): string =>
  `${owner ?? 'another'}${mac === undefined ? '' : ` of ${mac}`}${address === undefined ? '' : ` at ${address}`}`;

const RECORD_FAULTS: Readonly<Record<string, string>> = {
  'bad-name': 'bad name',
  'bad-data': 'bad data',
  'alias-beside-others': 'the name has other records, and a CNAME stands alone (RFC 1034 §3.6.2)',
  'alias-twice': 'the name has another CNAME already',
  'alias-loop': 'it leads back to the name, or on through more CNAMEs than are followed',
  'hides-host': "it would hide the domain's own records, or those of a rack, a machine or a reservation of this name",
  'not-a-domain-name': 'not a domain name',
};

/** Every kind of event of this room, for the operator. */
export const DNS_EVENTS = {
  'dns.listening': event({
    level: 'info',
    message: 'DNS listens',
    fields: ['port'],
    text: (event) => `DNS listens on ${endpoint(event)}`,
    explanation: 'The DNS server has opened UDP and TCP on this address. Nothing needs to be done.',
  }),
  'dns.listener-waiting': event({
    level: 'warning',
    message: 'DNS waits for its address',
    fields: ['port'],
    text: (event) => `DNS waits for the address ${endpoint(event)}: bring its interface up, or correct dns.listen`,
    explanation:
      'The address is configured, but this host does not have it (yet), so TCP cannot be served there. Rackboot tries again ' +
      'every few seconds. Bring the interface up, or correct dns.listen.',
  }),
  'dns.refused': event({
    level: 'warning',
    message: 'DNS query from an unserved network refused',
    fields: ['port'],
    text: (event) =>
      `A DNS query from ${endpoint(event)} was refused: to answer it, include the address in a managed network or in dns.allow_recursion`,
    explanation:
      'A client outside the managed networks, loopback and dns.allow_recursion sent a query and was answered REFUSED. At most one ' +
      'such event is published every ten seconds; count says how many queries it represents. If the client should be served, ' +
      'add its network to dns.allow_recursion.',
  }),
  'dns.upstream-failed': event({
    level: 'warning',
    message: 'Upstream DNS server does not answer',
    fields: ['port'],
    text: (event) => `Upstream DNS server ${endpoint(event)} does not answer`,
    explanation:
      'This upstream server left several questions in a row unanswered. Rackboot now asks the others of dns.upstream first, and tries this ' +
      'one every ten seconds. If it is the only one, external names do not resolve: check the route to it.',
  }),
  'dns.upstream-recovered': event({
    level: 'info',
    message: 'Upstream DNS server answers again',
    fields: ['port'],
    text: (event) => `Upstream DNS server ${endpoint(event)} answers again`,
    explanation: 'An upstream server that had failed has answered. Rackboot uses it again as configured.',
  }),
  'dns.overloaded': event({
    level: 'warning',
    message: 'DNS has too many questions in flight',
    fields: ['name'],
    text: ({ name }) =>
      `DNS has too many open queries${name === undefined ? '' : ` for names of ${name}`}: an upstream is slow, or a client loops`,
    explanation:
      'Too many questions wait for an upstream (in all, of one client, or for names of one domain). The oldest question of the client ' +
      '(address) or domain (name) with the most waiting was answered SERVFAIL. Questions that the upstream answers promptly are not ' +
      'affected. At most one such event is published every ten seconds; count says how many questions it represents. Usually the ' +
      'upstream is slow or down, a client asks in a loop, or a host sends a flood, perhaps with forged source addresses.',
  }),
  'dns.answers-forged': event({
    level: 'warning',
    message: 'Forged answers of an upstream DNS server suspected',
    fields: ['port', 'name'],
    text: (event) =>
      `Suspected forged answers from the upstream DNS server ${endpoint(event)}${event.name === undefined ? '' : ` (${event.name})`}: asking over TCP`,
    explanation:
      'Many replies from the address of an upstream server repeat a pending question but have the wrong id or port: probably a host guesses ' +
      'them, to put a wrong address into the cache. Rackboot now asks for the name over TCP, where guessing does not help; if the ' +
      'upstream does not answer over TCP, the client gets SERVFAIL. At most one such event is published every ten seconds. Filter ' +
      'datagrams with the upstream’s address on links where they cannot originate, and look for the sender in the managed networks.',
  }),
  'dns.name-conflict': event({
    level: 'info',
    message: 'Two owners claim one DNS name',
    fields: ['name', 'winner', 'winnerAddress', 'winnerMac', 'loser'],
    text: ({ name, winner, winnerAddress, winnerMac, loser, address, mac }) =>
      `${name ?? 'A name'} is claimed twice: ${claimText(winner, winnerMac, winnerAddress)} gets it, ${claimText(loser, mac, address)} does not; rename one of them`,
    explanation:
      'Two owners claim the same name. It goes to the owner that comes first in this order: configured record, rack, machine, reservation, ' +
      'lease; among leases the first wins. The loser has only its generated name, if any, until the winner is gone. Rename one of them, unless ' +
      'they are the same machine at two of its addresses.',
  }),
  'dns.record-invalid': event({
    level: 'error',
    message: 'Configured DNS record left out',
    fields: ['name', 'type', 'data', 'reason'],
    text: ({ name, type, data, reason = '' }) =>
      `The DNS record ${name ?? ''} is ignored: ${type === undefined ? '' : `${type} ${data ?? ''}: `}${RECORD_FAULTS[reason] ?? reason}`,
    explanation:
      'The data of a record in dns.records does not fit its type; or it is a CNAME at a name that has other records (RFC 1034 §3.6.2), in a ' +
      'loop, or, as an NS record may be, at the name of a domain, a rack, a machine or a reservation. The record is left out while that is ' +
      'so; correct it in the configuration. `rackboot check` names such records beforehand, except those at names of machines.',
  }),
};

type DnsEventKind = keyof typeof DNS_EVENTS;

/** An event of this room. */
export interface DnsEvent extends RackEvent, ParamsOf<typeof FIELDS> {
  readonly kind: DnsEventKind;
}

/** Counters of the room; they only grow. */
export const DNS_COUNTERS = [
  'queries-udp',
  'queries-tcp',
  'answered-own',
  'answered-cache',
  'answered-upstream',
  'name-error',
  'no-data',
  'truncated',
  'cut-large',
  'refused-stranger',
  'refused-policy',
  'format-error',
  'not-implemented',
  'bad-version',
  'server-failure',
  'ignored-short',
  'ignored-response',
  'upstream-sent',
  'upstream-mismatch',
  'upstream-malformed',
  'upstream-forged',
  'upstream-timeout',
  'upstream-tcp',
  'merged',
  'overloaded',
  'tcp-accepted',
  'tcp-refused',
  'tcp-evicted',
  'tcp-idle',
] as const;

export type DnsCounter = (typeof DNS_COUNTERS)[number];

export type NameReport = Omit<DnsEvent, 'at'>;
