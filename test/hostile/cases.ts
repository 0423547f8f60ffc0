// The attacks that the rack must withstand: for each door, the attack, what bystanders must still get, and within which time. To add a case,
// write the attack into attackers.ts, the bystanders' requests into wants.ts, and a row here.
//
// 1. Bystanders ask once the attack has its effect (`bites`): before that, a rack without any protection serves them, too.
// 2. `bites` must hold with the protection and without it; counters of the protection itself prove nothing about bystanders. Before adding a case, take
//    the protection out by hand and see a bystander go unserved.

import { CACHE_ENTRIES_MAX } from '../../src/dns/cache.ts';
import { CLIENT_CONNECTIONS_MAX, CONNECTIONS_MAX } from '../../src/dns/server.ts';
import { AT_THE_REGION, connected, every, grown, type HostileCase, ON_THE_WIRE, unsent } from './case.ts';
import type { Readings } from './readings.ts';
import { HOLDER_MAC } from './site.ts';

/** So many clients' connections are open at the DNS server, and no more. */
const openAtMost = (count: number) => ({
  what: `no more than ${count} TCP connections are open`,
  isTrue: (now: Readings): boolean => now.sum('rackboot_dns_tcp_connections_open') <= count,
});

/** Attacks from the wire on the services of a rack; stand.ts has all others, too. */
export const CASES: readonly HostileCase[] = [
  {
    door: 'DHCP',
    attacker: 'asks 1000 times a second for an address, each time as another host',
    attack: 'discover-flood',
    from: 'attacker',
    bites: every(
      grown(100, 'rackboot_dhcp_decisions_total', { decision: 'offer' }),
      grown(3000, 'rackboot_dhcp_messages_total', { type: 'discover' }),
    ),
    keeps: {
      what: 'no more than nine tenths of the range are on offer',
      isTrue: (now) => now.sum('rackboot_dhcp_offers') <= 180,
    },
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'DHCP',
    attacker:
      'pretends, from a network that is not served, to be a relay agent, takes the range and releases the leases of others',
    attack: 'forged-relay',
    from: 'far',
    words: ['10.77.8.2', '10.77.9.0', HOLDER_MAC],
    bites: every(
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'release' }),
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'discover' }),
    ),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a held lease stays with its client': 3 },
  },
  {
    door: 'DHCP',
    attacker: 'asks for settings in the names of a hundred hosts that do not exist',
    attack: 'dhcp-inform-absent',
    from: 'ghost',
    bites: unsent('dhcp'),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'TFTP',
    attacker: 'starts 3000 transfers with the longest possible timeout, and goes silent',
    attack: 'tftp-hold',
    from: 'attacker',
    // Those that gave way had filled every place; how many are left later depends on the processors.
    bites: (now, before) =>
      now.sum('rackboot_tftp_transfers_active') >= 2048 ||
      grown(500, 'rackboot_tftp_transfers_total', { outcome: 'gave-way' })(now, before),
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'holds 1000 transfers, and floods them with acknowledgements of nothing new',
    attack: 'tftp-held-flood',
    from: 'attacker',
    bites: (now, before) =>
      now.frames - before.frames >= 100_000 && grown(1000, 'rackboot_tftp_requests_total')(now, before),
    // The cost to others of a flood of lasting transfers depends on the processors: 3.7 s for a loader, or nothing.
    keeps: {
      what: 'a client that floods a transfer loses it',
      isTrue: grown(1000, 'rackboot_tftp_transfers_total', { outcome: 'flooded' }),
    },
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'TFTP',
    attacker: 'asks for a loader as netascii, which is translated before it is sent, 800 times a second',
    attack: 'tftp-netascii',
    from: 'attacker',
    bites: grown(600, 'rackboot_tftp_requests_total'),
    // Alone, neither of them keeps the rack from its work: a translation takes some milliseconds, and so many begin in a turn.
    short: false,
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'asks for files in the names of a hundred hosts that do not exist',
    attack: 'tftp-absent',
    from: 'ghost',
    // Each transfer has a socket of its own, so places run short, not a send buffer.
    bites: every(
      (now) => now.sum('rackboot_tftp_transfers_active') >= 1000,
      grown(5000, 'rackboot_tftp_requests_total'),
    ),
    short: false,
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'asks thousands of times a second from one address, each time as a new client, and answers nothing',
    attack: 'tftp-new-transfers',
    from: 'attacker',
    bites: grown(20_000, 'rackboot_tftp_requests_total'),
    short: false,
    others: { ...ON_THE_WIRE, 'a loader comes by TFTP': 1 },
  },
  {
    door: 'DNS',
    attacker: 'asks in the names of a hundred hosts that do not exist',
    attack: 'dns-absent',
    from: 'ghost',
    short: false,
    bites: unsent('dns'),
    others: {
      ...ON_THE_WIRE,
      'names are answered at the first question': 8,
      'names of outside are answered': 5,
      'a known name keeps its answer': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for names of eight domains whose servers are silent',
    attack: 'dns-silent-zones',
    from: 'attacker',
    bites: grown(500, 'rackboot_dns_refusals_total', { reason: 'overloaded' }),
    others: { ...ON_THE_WIRE, 'names of outside are answered': 10 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for names that no client asked for before',
    attack: 'dns-random-names',
    from: 'attacker',
    short: false,
    bites: every(
      grown(5000, 'rackboot_dns_forwarded_total', { outcome: 'sent' }),
      (now) => now.sum('rackboot_dns_cache_answers') >= CACHE_ENTRIES_MAX,
    ),
    keeps: {
      what: 'no more answers are remembered than the bound allows',
      isTrue: (now) => now.sum('rackboot_dns_cache_answers') <= CACHE_ENTRIES_MAX,
    },
    others: {
      ...ON_THE_WIRE,
      'names of outside are answered': 10,
      'a known name keeps its answer': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'holds 400 TCP connections and asks nothing',
    attack: 'dns-tcp-idle',
    from: 'attacker',
    bites: (now) => now.sum('rackboot_dns_tcp_connections_open') >= CONNECTIONS_MAX,
    keeps: openAtMost(CONNECTIONS_MAX),
    short: false,
    others: { ...ON_THE_WIRE, 'names are answered over TCP': 8, 'names of outside are answered': 5 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for A and TXT of its own names, at the same time as the other clients',
    attack: 'dns-alongside',
    from: 'attacker',
    bites: every(
      grown(500, 'rackboot_dns_forwarded_total', { outcome: 'sent' }),
      grown(1000, 'rackboot_dns_answers_total', { source: 'cache' }),
    ),
    short: false,
    others: {
      ...ON_THE_WIRE,
      'names of outside are answered': 5,
      'a known name keeps its answer': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'opens more TCP connections than one client may, again and again, and then asks',
    attack: 'dns-tcp-own',
    from: 'machine',
    bites: connected(CLIENT_CONNECTIONS_MAX, 53),
    keeps: openAtMost(CLIENT_CONNECTIONS_MAX),
    isAboutItself: true,
    short: false,
    others: { 'names are answered over TCP': 8, 'names are answered at the first question': 8 },
  },
  {
    door: 'DNS',
    attacker: 'asks without a pause on 64 TCP connections',
    attack: 'dns-tcp-questions',
    from: 'attacker',
    bites: grown(20_000, 'rackboot_dns_queries_total', { transport: 'tcp' }),
    short: false,
    others: {
      ...ON_THE_WIRE,
      'a newcomer gets an address': 15,
      'names are answered at the first question': 6,
      'names are answered over TCP': 2,
      'names of outside are answered': 5,
    },
  },
  {
    door: 'boot HTTP',
    attacker: 'holds 2400 connections and asks nothing',
    attack: 'boot-idle',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'holds 2400 connections with requests that never end',
    attack: 'boot-slow-headers',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'posts from 64 addresses to the region, one octet in two seconds',
    attack: 'boot-slow-posts',
    from: 'attacker',
    bites: grown(1000, 'rackboot_http_answers_total', { class: '5xx' }),
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'sends requests without a pause on 60 connections, and reads no answer',
    attack: 'boot-pipelining',
    from: 'attacker',
    bites: connected(30, 5248),
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'loads a small file again and again on 4 connections',
    attack: 'boot-small-file',
    from: 'attacker',
    bites: grown(10_000, 'rackboot_http_outcomes_total', { outcome: 'sent' }),
    keeps: {
      what: 'most loads write no line of the log',
      isTrue: (now, before) => {
        const grew = (name: string, labels = {}): number => now.sum(name, labels) - before.sum(name, labels);
        const sent = grew('rackboot_http_outcomes_total', { outcome: 'sent' });
        return grew('rackboot_events_published_total') < sent / 2;
      },
    },
    short: false,
    others: ON_THE_WIRE,
  },
  {
    door: 'region',
    attacker: 'sends requests without a pause on 60 connections, and reads no answer',
    attack: 'api-pipelining',
    from: 'attacker',
    bites: connected(30, 5240),
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'asks over 500 connections as soon as it has an answer, and reconnects again and again over 700',
    attack: 'boot-asking',
    from: 'attacker',
    bites: every(connected(800, 5248), grown(5000, 'rackboot_http_requests_total')),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'region',
    attacker: 'asks over 500 connections as soon as it has an answer, and reconnects again and again over 700',
    attack: 'api-asking',
    from: 'attacker',
    bites: every(connected(800, 5240), grown(2000, 'rackboot_region_api_answers_total', { class: '2xx' })),
    short: false,
    others: AT_THE_REGION,
  },
  {
    door: 'boot HTTP',
    attacker: 'begins 2000 downloads of a large file and reads none',
    attack: 'boot-slow-readers',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'metrics',
    attacker: 'holds 200 connections and asks nothing',
    attack: 'metrics-idle',
    from: 'attacker',
    bites: connected(128, 5249),
    short: false,
    others: { ...ON_THE_WIRE, 'the metrics are read': 10 },
  },
  {
    door: 'metrics',
    attacker: 'asks for the metrics without a pause on 40 connections',
    attack: 'metrics-flood',
    from: 'attacker',
    bites: connected(30, 5249),
    short: false,
    others: {
      ...ON_THE_WIRE,
      'names are answered at the first question': 6,
      'the metrics are read': 10,
    },
  },
];
