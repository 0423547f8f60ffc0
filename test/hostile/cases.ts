// What the rack must stand: for each door, what an attacker does, what the others must still get, and within which time. To add a case,
// write the attack into attackers.ts, what the others want into wants.ts, and a row here.
//
// 1. The others are asked for once the attack has its effect (`bites`): before that a rack without any protection serves them, too.
// 2. `bites` holds with the protection and without it; what the protection counts alone would say nothing of the others.
// 3. A case shows something only when it fails without the protection: `withoutIt` says what to change to see that.

import { CACHE_ENTRIES_MAX } from '../../src/dns/cache.ts';
import { CLIENT_CONNECTIONS_MAX, CONNECTIONS_MAX } from '../../src/dns/server.ts';
import { LARGE_BODIES_MAX } from '../../src/region/api/doors.ts';
import { SESSIONS_MAX } from '../../src/region/page/sessions.ts';
import { PENDING_RACKS_MAX } from '../../src/region/racks/rack.ts';
import {
  AT_THE_REGION,
  connected,
  every,
  grown,
  type HostileCase,
  NO_ROOM,
  NO_SEND_ROOM,
  ON_THE_WIRE,
  unsent,
} from './case.ts';
import type { Readings } from './readings.ts';
import { HOLDER_MAC, HOLDER_NAME, KNOWN_MAC, NEW_MACHINES_MAX, REPORTED_MAC } from './site.ts';

/** So many clients' connections are open at the DNS server, and no more. */
const openAtMost = (count: number) => ({
  what: `no more than ${count} TCP connections are open`,
  isTrue: (now: Readings): boolean => now.sum('rackboot_dns_tcp_connections_open') <= count,
});

/** From the wire; `every-case.ts` has those of elsewhere, too. */
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
    withoutIt: "dhcp/limits/new-clients.ts judge: return 'admitted'",
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'DHCP',
    attacker:
      'pretends, from a network that is not served, to be a relay agent, takes the range and gives back what others hold',
    attack: 'forged-relay',
    from: 'far',
    words: ['10.77.8.2', '10.77.9.0', HOLDER_MAC],
    bites: every(
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'release' }),
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'discover' }),
    ),
    withoutIt: 'dhcp/networks/relays.ts judgeSender: return undefined',
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a lease that somebody holds stays theirs': 3 },
  },
  {
    door: 'DHCP',
    attacker: 'asks for settings in the names of a hundred hosts that do not exist',
    attack: 'dhcp-inform-absent',
    from: 'ghost',
    bites: unsent('dhcp'),
    withoutIt: NO_SEND_ROOM,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'TFTP',
    attacker: 'begins 3000 transfers with the longest wait there is, and goes silent',
    attack: 'tftp-hold',
    from: 'attacker',
    bites: (now) => now.sum('rackboot_tftp_transfers_active') >= 2048,
    withoutIt: NO_ROOM,
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'asks for a loader as netascii, which is translated before it is sent, 400 times a second',
    attack: 'tftp-netascii',
    from: 'attacker',
    bites: grown(600, 'rackboot_tftp_requests_total'),
    withoutIt: 'tftp/content.ts NETASCII_HELD_MAX: 1024 * 1024',
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'asks for files in the names of a hundred hosts that do not exist',
    attack: 'tftp-absent',
    from: 'ghost',
    // Each transfer has a socket of its own, so what is short is places, not a send buffer.
    bites: every(
      (now) => now.sum('rackboot_tftp_transfers_active') >= 1000,
      grown(5000, 'rackboot_tftp_requests_total'),
    ),
    withoutIt: NO_ROOM,
    others: ON_THE_WIRE,
  },
  {
    door: 'DNS',
    attacker: 'asks in the names of a hundred hosts that do not exist',
    attack: 'dns-absent',
    from: 'ghost',
    bites: unsent('dns'),
    withoutIt: NO_SEND_ROOM,
    others: {
      ...ON_THE_WIRE,
      'names are answered at the first asking': 8,
      'names of outside are answered': 5,
      'a name that was asked before is answered as it was': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for names of eight domains whose servers are silent',
    attack: 'dns-silent-zones',
    from: 'attacker',
    bites: grown(500, 'rackboot_dns_refusals_total', { reason: 'overloaded' }),
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, 'names of outside are answered': 10 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for names that nobody asked for before',
    attack: 'dns-random-names',
    from: 'attacker',
    bites: every(
      grown(5000, 'rackboot_dns_forwarded_total', { outcome: 'sent' }),
      (now) => now.sum('rackboot_dns_cache_answers') >= CACHE_ENTRIES_MAX,
    ),
    keeps: {
      what: 'no more answers are remembered than may be',
      isTrue: (now) => now.sum('rackboot_dns_cache_answers') <= CACHE_ENTRIES_MAX,
    },
    withoutIt: 'dns/cache.ts put: do not remove the oldest',
    others: {
      ...ON_THE_WIRE,
      'names of outside are answered': 10,
      'a name that was asked before is answered as it was': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'holds 400 TCP connections and asks nothing',
    attack: 'dns-tcp-idle',
    from: 'attacker',
    bites: (now) => now.sum('rackboot_dns_tcp_connections_open') >= CONNECTIONS_MAX,
    keeps: openAtMost(CONNECTIONS_MAX),
    withoutIt: `${NO_ROOM}; dns/server.ts: admit 1000 times CONNECTIONS_MAX`,
    others: { ...ON_THE_WIRE, 'names are answered over TCP': 8, 'names of outside are answered': 5 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 64 addresses for A and TXT of its own names, at the same time as everybody else',
    attack: 'dns-beside',
    from: 'attacker',
    bites: every(
      grown(500, 'rackboot_dns_forwarded_total', { outcome: 'sent' }),
      grown(1000, 'rackboot_dns_answers_total', { source: 'cache' }),
    ),
    withoutIt: 'net/byte-reader.ts copy: a view of the bytes (viewBytes) in place of copyBytes',
    others: {
      ...ON_THE_WIRE,
      'names of outside are answered': 5,
      'a name that was asked before is answered as it was': 8,
    },
  },
  {
    door: 'DNS',
    attacker: 'opens more TCP connections than one client may, again and again, and then asks',
    attack: 'dns-tcp-own',
    from: 'machine',
    bites: connected(CLIENT_CONNECTIONS_MAX, 53),
    keeps: openAtMost(CLIENT_CONNECTIONS_MAX),
    withoutIt:
      "fair-shares.ts #makeRoom: at addressMax return 'address'; dns/server.ts: give a client 1000 times CLIENT_CONNECTIONS_MAX",
    others: { 'names are answered over TCP': 8, 'names are answered at the first asking': 8 },
  },
  {
    door: 'DNS',
    attacker: 'asks without a pause on 64 TCP connections',
    attack: 'dns-tcp-questions',
    from: 'attacker',
    bites: grown(20_000, 'rackboot_dns_queries_total', { transport: 'tcp' }),
    withoutIt: 'dns/turns.ts ask: worker.work(1e9), and nothing else',
    others: {
      ...ON_THE_WIRE,
      'a newcomer gets an address': 15,
      'names are answered at the first asking': 6,
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
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'holds 2400 connections with requests that never end',
    attack: 'boot-slow-headers',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'posts from 64 addresses to the region, one octet in two seconds',
    attack: 'boot-slow-posts',
    from: 'attacker',
    bites: grown(1000, 'rackboot_http_answers_total', { class: '5xx' }),
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'sends requests without a pause on 60 connections, and reads no answer',
    attack: 'boot-pipelining',
    from: 'attacker',
    bites: connected(30, 5248),
    withoutIt: 'net/connection-shares.ts #begin: no boundParser',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'region',
    attacker: 'sends requests without a pause on 60 connections, and reads no answer',
    attack: 'api-pipelining',
    from: 'attacker',
    bites: connected(30, 5240),
    withoutIt: 'net/connection-shares.ts #begin: no boundParser',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'begins 2000 downloads of a large file and reads none',
    attack: 'boot-slow-readers',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    withoutIt: NO_ROOM,
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'metrics',
    attacker: 'holds 200 connections and asks nothing',
    attack: 'metrics-idle',
    from: 'attacker',
    bites: connected(128, 5249),
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, 'the metrics are read': 10 },
  },
  // Before the flood of reports, which takes the places of New machines.
  {
    door: 'region',
    attacker: 'reports another host’s machine, which no rack has booted, as something else',
    attack: 'amend-others',
    from: 'attacker',
    words: [REPORTED_MAC],
    bites: grown(20, 'rackboot_region_api_answers_total'),
    withoutIt: 'region/identity/enlistment.ts whyUnproven: return undefined',
    others: { ...AT_THE_REGION, 'a machine stays what it was reported as': 5 },
  },
  {
    door: 'region',
    attacker: 'reports machines with a client’s name, and with the cards of others under a denied name',
    attack: 'enlist-as-others',
    from: 'attacker',
    words: [`${HOLDER_NAME}=02:00:5e:00:53:01,its-guest=${HOLDER_MAC},another-guest=${KNOWN_MAC}`],
    bites: grown(12, 'rackboot_region_api_answers_total', { class: '2xx' }),
    withoutIt: 'racks/interface-source.ts toldMacs: return heldMacs(machine)',
    others: {
      'a client keeps its name': 5,
      'a client that no class denies gets its address again': 8,
      'a machine with a reservation gets its address': 8,
      'a machine enlists': 15,
    },
  },
  {
    door: 'region',
    attacker: 'holds 2400 connections and asks nothing',
    attack: 'api-connections',
    from: 'attacker',
    bites: connected(1500, 5240),
    withoutIt: NO_ROOM,
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'posts to the API over 2400 connections without ever ending',
    attack: 'api-slow-posts',
    from: 'attacker',
    bites: connected(1500, 5240),
    withoutIt: NO_ROOM,
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'posts large bodies slowly from 32 addresses of the network of the machines',
    attack: 'api-large-bodies',
    from: 'attacker',
    bites: connected(LARGE_BODIES_MAX, 5240),
    withoutIt: 'net/body-places.ts #lookAt: do not touch the place',
    others: { ...AT_THE_REGION, 'a machine enlists with a long report': 12, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'has an account, and follows the events 200 times at once',
    attack: 'api-followers',
    from: 'attacker',
    words: (site) => [site.attackersKey],
    bites: every(connected(64, 5240), grown(50, 'rackboot_region_api_answers_total')),
    withoutIt: NO_ROOM,
    others: { ...AT_THE_REGION, 'an administrator follows the events': 10, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'guesses an administrator’s password from 64 addresses',
    attack: 'api-passwords',
    from: 'attacker',
    bites: grown(500, 'rackboot_region_api_answers_total', { class: '4xx' }),
    // As many addresses as wait at a time hold the queue until their first tries are spent, some 20 s.
    withoutIt: 'region/password-limits.ts take: return new Permit([]) at once',
    others: { ...AT_THE_REGION, 'an administrator signs in': 45 },
  },
  {
    door: 'region',
    attacker: 'has an account, and signs in again and again from 64 addresses',
    attack: 'api-sessions',
    from: 'attacker',
    bites: grown(SESSIONS_MAX + 100, 'rackboot_region_api_answers_total', { class: '3xx' }),
    withoutIt: `${NO_ROOM}; page/sessions.ts #takePlace: forget kept[0]`,
    others: {
      ...AT_THE_REGION,
      'an administrator who signed in long ago still is': 10,
      'an administrator signs in': 15,
    },
  },
  {
    door: 'region',
    attacker: 'has an account without rights, follows the events, signs in and makes machines, all at once',
    attack: 'api-ordinary',
    from: 'attacker',
    words: (site) => [site.ordinaryKey],
    bites: every(
      connected(64, 5240),
      grown(SESSIONS_MAX + 1, 'rackboot_region_api_answers_total', { class: '3xx' }),
      grown(50, 'rackboot_region_api_answers_total', { class: '2xx' }),
    ),
    withoutIt: NO_ROOM,
    others: {
      ...AT_THE_REGION,
      'an administrator follows the events': 10,
      'an administrator who signed in long ago still is': 10,
      'an administrator signs in': 15,
    },
  },
  {
    door: 'region',
    attacker: 'registers racks that do not exist from 64 addresses',
    attack: 'rack-flood',
    from: 'attacker',
    bites: every(
      (now) => now.sum('rackboot_region_racks', { state: 'pending' }) >= PENDING_RACKS_MAX,
      grown(200, 'rackboot_region_api_answers_total', { class: '4xx' }),
    ),
    keeps: {
      what: 'no more racks wait than may',
      isTrue: (now) => now.sum('rackboot_region_racks', { state: 'pending' }) <= PENDING_RACKS_MAX,
    },
    withoutIt: NO_ROOM,
    others: { ...AT_THE_REGION, 'a rack asks to be accepted': 10 },
  },
  {
    door: 'region',
    attacker: 'enlists machines that do not exist, as fast as it can',
    attack: 'enlist-flood',
    from: 'attacker',
    // All places are taken, and as many were asked for after that.
    bites: (now, before) =>
      now.sum('rackboot_region_api_answers_total', { class: '2xx' }) +
        now.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) -
        before.sum('rackboot_region_api_answers_total', { class: '2xx' }) -
        before.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) >=
      2 * NEW_MACHINES_MAX,
    withoutIt: 'region/identity/new-machines.ts whoGivesWay: return undefined; or unproven[0], whoever reported it',
    others: { ...AT_THE_REGION, 'an administrator signs in': 15, 'a machine stays what it was reported as': 5 },
  },
];
