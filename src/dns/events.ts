// The DNS room's events, for log and timeline, and its counters, for the metrics.
//
// 1. Kinds are stable strings.
// 2. Events that any host can trigger with a datagram are sampled: one event an interval, whose `count` says how often it happened.

import type { EventKind, RackEvent } from '../event.ts';
import type { ClaimOwner } from './claims.ts';

/** Every kind of event of this room, for the operator. */
export const DNS_EVENTS = {
  'dns.listening': {
    level: 'info',
    message: 'DNS listens',
    explanation: 'The DNS server has opened UDP and TCP on this address. Nothing needs to be done.',
  },
  'dns.listener-waiting': {
    level: 'warning',
    message: 'DNS waits for its address',
    explanation:
      'The address is configured, but this host does not have it (yet), so TCP cannot be served there. Rackboot tries again ' +
      'every few seconds. Bring the interface up, or correct dns.listen.',
  },
  'dns.refused': {
    level: 'warning',
    message: 'DNS query from an unserved network refused',
    explanation:
      'A client outside the managed networks, loopback and dns.allow_recursion sent a query and was answered REFUSED. At most one ' +
      'such event is published every ten seconds; count says how many queries it represents. If the client should be served, ' +
      'add its network to dns.allow_recursion.',
  },
  'dns.upstream-failed': {
    level: 'warning',
    message: 'Upstream DNS server does not answer',
    explanation:
      'This upstream server left several questions in a row unanswered. Rackboot now asks the others of dns.upstream first, and tries this ' +
      'one every ten seconds. If it is the only one, external names do not resolve: check the route to it.',
  },
  'dns.upstream-recovered': {
    level: 'info',
    message: 'Upstream DNS server answers again',
    explanation: 'An upstream server that had failed has answered. Rackboot uses it again as configured.',
  },
  'dns.overloaded': {
    level: 'warning',
    message: 'DNS has too many questions in flight',
    explanation:
      'Too many questions wait for an upstream (in all, of one client, or for names of one domain). The oldest question of the client ' +
      '(address) or domain (name) with the most waiting was answered SERVFAIL. Questions that the upstream answers promptly are not ' +
      'affected. At most one such event is published every ten seconds; count says how many questions it represents. Usually the ' +
      'upstream is slow or down, a client asks in a loop, or a host sends a flood, perhaps with forged source addresses.',
  },
  'dns.answers-forged': {
    level: 'warning',
    message: 'Forged answers of an upstream DNS server suspected',
    explanation:
      'Many replies from the address of an upstream server repeat a pending question but have the wrong id or port: probably a host guesses ' +
      'them, to put a wrong address into the cache. Rackboot now asks for the name over TCP, where guessing does not help; if the ' +
      'upstream does not answer over TCP, the client gets SERVFAIL. At most one such event is published every ten seconds. Filter ' +
      'datagrams with the upstream’s address on links where they cannot originate, and look for the sender in the managed networks.',
  },
  'dns.name-conflict': {
    level: 'info',
    message: 'Two owners claim one DNS name',
    explanation:
      'Two owners claim the same name. It goes to the owner that comes first in this order: configured record, rack, machine, reservation, ' +
      'lease; among leases the first wins. The loser has only its generated name, if any, until the winner is gone. Rename one of them, unless ' +
      'they are the same machine at two of its addresses.',
  },
  'dns.record-invalid': {
    level: 'error',
    message: 'Configured DNS record left out',
    explanation:
      'The data of a record in dns.records does not fit its type, or the name also has a CNAME (RFC 1034 §3.6.2). The record is left ' +
      'out; correct it in the configuration.',
  },
} as const satisfies Record<string, EventKind>;

export type DnsEventKind = keyof typeof DNS_EVENTS;

/** An event of this room. */
export interface DnsEvent extends RackEvent {
  readonly kind: DnsEventKind;
  /** The local port (listening), or the upstream's. */
  readonly port?: number | undefined;
  /** The DNS name or domain concerned. */
  readonly name?: string | undefined;
  /** The owner that keeps a contested name. */
  readonly winner?: ClaimOwner | undefined;
  /** The address that the winner gives the name. */
  readonly winnerAddress?: string | undefined;
  /** The client that the name belongs to, if the winner is a lease. */
  readonly winnerMac?: string | undefined;
  /** The owner that does not get it. */
  readonly loser?: ClaimOwner | undefined;
  /** The cause, in a few words. */
  readonly reason?: string | undefined;
  /** The type of a record that is left out. */
  readonly type?: string | undefined;
  /** The data of that record, as written. */
  readonly data?: string | undefined;
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

/** An event without its time. */
export type NameReport = Omit<DnsEvent, 'at'>;
