// What the DNS room tells: to operators through the log and the timeline, to the metrics through counters.
//
// 1. Kinds are stable strings.
// 2. What anybody can cause with a datagram is sampled: one event an interval, and `count` says how many happenings it stands for.

import type { EventKind, RackEvent } from '../event.ts';

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
      'The address is configured but is not (or not yet) an address of this host, so TCP cannot be served there. It is tried again ' +
      'every few seconds. Bring the interface up, or correct dns.listen.',
  },
  'dns.refused': {
    level: 'warning',
    message: 'DNS query from a stranger refused',
    explanation:
      'A client outside of the managed networks, loopback and dns.allow_recursion asked something and was told REFUSED. At most one ' +
      'such event is published every ten seconds; count says how many queries it stands for. If the client should be served, ' +
      'add its network to dns.allow_recursion.',
  },
  'dns.upstream-failed': {
    level: 'warning',
    message: 'Upstream DNS server does not answer',
    explanation:
      'Several questions in a row were not answered by this upstream server. The others of dns.upstream are asked first; this one is ' +
      'tried again every ten seconds. If it is the only one, names of the outside world do not resolve: check the route to it.',
  },
  'dns.upstream-recovered': {
    level: 'info',
    message: 'Upstream DNS server answers again',
    explanation: 'An upstream server that was marked as failed has answered. It is used again as configured.',
  },
  'dns.overloaded': {
    level: 'warning',
    message: 'DNS has too many questions in flight',
    explanation:
      'Too many questions wait for an upstream (in all, of one client, or for names of one domain), so the oldest of whoever has the ' +
      'most was answered SERVFAIL: of the client in address, or for the domain in name. Questions that the upstream answers promptly do ' +
      'not suffer. At most one such event is published every ten seconds; count says how many questions it stands for. Usually the ' +
      'upstream is slow or away, a client asks in a loop, or somebody floods: sources of datagrams can be forged.',
  },
  'dns.answers-forged': {
    level: 'warning',
    message: 'Somebody seems to forge answers of an upstream DNS server',
    explanation:
      'Many replies came from the address of an upstream server that repeat a question which is being asked, but not its id or port: ' +
      'somebody guesses, to put a wrong address into the cache. The name is now asked over TCP, where guessing does not help; an ' +
      'upstream that does not answer over TCP makes it SERVFAIL. At most one such event is published every ten seconds. Filter ' +
      'datagrams with the upstream’s address where they cannot come from, and look for a host in the managed networks that sends them.',
  },
  'dns.name-conflict': {
    level: 'info',
    message: 'Two owners claim one DNS name',
    explanation:
      'A name is claimed by an owner that may not have it: a configured record goes before the rack, a machine, a reservation, and ' +
      'a lease, in this order, and among leases the first has the name. The loser is known by its generated name, if it has one, ' +
      'until the winner is gone. Rename one of them, unless they are the same machine at two of its addresses.',
  },
  'dns.record-invalid': {
    level: 'error',
    message: 'Configured DNS record left out',
    explanation:
      'The data of a record of dns.records is not of its type, or the record stands beside a CNAME of the same name ' +
      '(RFC 1034 §3.6.2). The record is left out; correct it in the configuration.',
  },
} as const satisfies Record<string, EventKind>;

export type DnsEventKind = keyof typeof DNS_EVENTS;

/** An event of this room. */
export interface DnsEvent extends RackEvent {
  readonly kind: DnsEventKind;
  /** The local port (listening), or the upstream's. */
  readonly port?: number | undefined;
  /** The name it concerns. */
  readonly name?: string | undefined;
  /** Who keeps a contested name. */
  readonly winner?: string | undefined;
  /** Who does not get it. */
  readonly loser?: string | undefined;
  /** A few words on the cause. */
  readonly reason?: string | undefined;
}

/** What happened to queries, each a counter that only grows. */
export const DNS_COUNTERS = [
  'queries-udp',
  'queries-tcp',
  'answered-own',
  'answered-cache',
  'answered-upstream',
  'name-error',
  'no-data',
  'truncated',
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

/** An event of the names, without its time. */
export type NameReport = Omit<DnsEvent, 'at'>;
