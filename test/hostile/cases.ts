// What the rack must stand: for each door, what an attacker does, what the others must still get, and within which time. To add a case,
// write the attack into attackers.ts and a row here.
//
// 1. The others are asked for once the attack has its effect (`bites`): before that a rack without any protection serves them, too.
// 2. `bites` holds with the protection and without it; what the protection counts alone would say nothing of the others.
// 3. A case shows something only when it fails without the protection: `withoutIt` says what to change to see that.

import { leasesShape } from '../../src/cli/shapes.ts';
import { clientBytes, hw, ip } from '../dhcp/lab.ts';
import { queryBytes } from '../dns/fixture.ts';
import { authorization } from './oauth.ts';
import type { Readings } from './readings.ts';
import { HOLDER_MAC, HOLDER_NAME, type HostileSite, KNOWN_ADDRESS, KNOWN_MAC, type Place, RACK } from './site.ts';

const ASK_PROGRAM = new URL('./udp-ask.ts', import.meta.url).pathname;
const ASKINGS = 20;

/** What somebody who is not the attacker wants, and how it is asked for. */
export const WANTS = {
  'a machine with a reservation gets its address': (site) => lease(site, 'machine'),
  'a lease is renewed': async (site) => {
    const renewal = clientBytes({ type: 'request', mac: hw(KNOWN_MAC), ciaddr: ip(KNOWN_ADDRESS), xid: nextName() });
    const words = [RACK, '67', '1', '0', Buffer.from(renewal).toString('hex'), '68'];
    const answered = await site.run('machine', process.execPath, ASK_PROGRAM, ...words);
    if (answered.trim() !== '1') throw new Error('no answer');
  },
  'a newcomer gets an address': async (site) => {
    await site.anotherNewcomer();
    await lease(site, 'newcomer');
  },
  'a lease that somebody holds stays theirs': async (site) => {
    const held = await holdersLease(site);
    if (held?.state !== 'bound') throw new Error(`the lease of ${HOLDER_MAC}: ${JSON.stringify(held)}`);
  },
  'a client keeps its name': async (site) => {
    const held = await holdersLease(site);
    await dig(site, `${HOLDER_NAME}.maas`, held?.address ?? 'no address');
  },
  'a client that no class denies gets its address again': async (site) => {
    const before = await holdersLease(site);
    await lease(site, 'holder', '-x', `hostname:${HOLDER_NAME}`);
    const after = await holdersLease(site);
    if (before?.address !== after?.address) throw new Error(`${before?.address} became ${after?.address}`);
  },
  'a loader comes by TFTP': (site) =>
    site.run('machine', 'curl', '-sSf', '--tftp-blksize', '1428', '-o', '/dev/null', `tftp://${RACK}/lpxelinux.0`),
  'a kernel comes by HTTP': (site) =>
    site.run('machine', 'curl', '-sSf', '--retry', '2', '-o', '/dev/null', `http://${RACK}:5248/lpxelinux.0`),
  'the rack’s own names are answered': (site) => dig(site, 'rack.maas', RACK),
  // Not with another try: a send buffer that others have filled has room now and then.
  'names are answered at the first asking': async (site) => {
    const query = Buffer.from(queryBytes('rack.maas', 1)).toString('hex');
    const words = [RACK, '53', String(ASKINGS), '200', query];
    const answered = Number(await site.run('machine', process.execPath, ASK_PROGRAM, ...words));
    if (answered < ASKINGS * 0.8) throw new Error(`${answered} of ${ASKINGS} are answered`);
  },
  'names are answered over TCP': (site) => dig(site, 'rack.maas', RACK, '+tcp'),
  'names of outside are answered': (site) =>
    dig(site, `w${site.apiKey.length}-${nextName()}.outside.example`, '192.0.2.80'),
  'a machine enlists': (site) => {
    const octets = nextName().toString(16).padStart(6, '0').match(/../g) ?? [];
    return curlForm(site, `http://${RACK}:5248/MAAS/api/1.0/nodes/`, `52:54:01:${octets.join(':')}`);
  },
  'an administrator lists the machines': (site) =>
    site.run(
      'machine',
      ...['curl', '-sSf', '-o', '/dev/null', '-H', `Authorization: ${authorization(site.apiKey)}`],
      `http://${RACK}:5240/MAAS/api/2.0/machines/`,
    ),
  'an administrator follows the events': async (site) => {
    const url = `http://${RACK}:5240/MAAS/api/2.0/events/?op=follow&after=0`;
    const words = ['-w', '%{http_code}', '-H', `Authorization: ${authorization(site.apiKey)}`, url];
    const { out } = await site.rack.run(site.host('machine'), 'curl', '-sSN', '--max-time', '2', ...words);
    if (!/"description"/.test(out) || !out.endsWith('200')) throw new Error(out.slice(-300));
  },
  'an administrator signs in': async (site) => {
    const status = await site.run(
      ...([
        'machine',
        'curl',
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-u',
        `${site.anotherAdministrator()}:correct horse battery`,
      ] as const),
      `http://${RACK}:5240/MAAS/`,
    );
    if (status !== '200') throw new Error(`status ${status}`);
  },
} as const satisfies Record<string, (site: HostileSite) => Promise<unknown>>;

export type Want = keyof typeof WANTS;

/** Whether the attack has its effect, by what the rack says now and what it said before. */
type Bites = (now: Readings, before: Readings) => boolean;

export interface HostileCase {
  readonly door: 'DHCP' | 'TFTP' | 'DNS' | 'boot HTTP' | 'region';
  /** What the attacker does, in words. */
  readonly attacker: string;
  /** The name in attackers.ts. */
  readonly attack: string;
  readonly from: Place;
  /** Further words for the attack. */
  readonly words?: readonly string[] | ((site: HostileSite) => readonly string[]);
  /** True once the attack has filled what it is to fill, with the protection and without it. The others are asked for after that. */
  readonly bites: Bites;
  /** What is still true when the others have been served. */
  readonly keeps?: { readonly what: string; readonly isTrue: (now: Readings) => boolean };
  /** What to change in `src` to see the case fail; left out: more than one protection stands in the way, and none alone decides. */
  readonly withoutIt?: string;
  /** false: in the long suite only. */
  readonly short?: false;
  /** What the others must get, and within how many seconds, retries of their clients included. */
  readonly others: Readonly<Partial<Record<Want, number>>>;
}

const ON_THE_WIRE: Partial<Record<Want, number>> = {
  'a machine with a reservation gets its address': 8,
  'a lease is renewed': 3,
  'a loader comes by TFTP': 8,
  'a kernel comes by HTTP': 5,
  'the rack’s own names are answered': 5,
};
const AT_THE_REGION: Partial<Record<Want, number>> = {
  'a machine enlists': 15,
  'an administrator lists the machines': 10,
  'a kernel comes by HTTP': 10,
};

/** A metric has grown by so much. */
const grown =
  (by: number, name: string, labels: Readonly<Record<string, string>> = {}): Bites =>
  (now, before) =>
    now.sum(name, labels) - before.sum(name, labels) >= by;
const every =
  (...all: readonly Bites[]): Bites =>
  (now, before) =>
    all.every((one) => one(now, before));
/** So many connections to a port are there. */
const connected =
  (count: number, port: number): Bites =>
  (now) =>
    now.connections(port) >= count;
/** What could not be sent has grown: the buffer was full, or kept for hosts that are there. */
const unsent = (server: string): Bites => grown(1000, 'rackboot_socket_send_errors_total', { server });

const NO_ROOM = "fair-shares.ts #makeRoom: return 'all' once size has reached max";
const NO_SEND_ROOM = 'net/send-room.ts admits: return true';

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
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 30 },
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
    others: { ...ON_THE_WIRE, 'names are answered at the first asking': 8, 'names of outside are answered': 5 },
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
    bites: grown(5000, 'rackboot_dns_forwarded_total', { outcome: 'sent' }),
    others: { ...ON_THE_WIRE, 'names of outside are answered': 10 },
  },
  {
    door: 'DNS',
    attacker: 'holds 400 TCP connections and asks nothing',
    attack: 'dns-tcp-idle',
    from: 'attacker',
    bites: (now) => now.sum('rackboot_dns_tcp_connections_open') >= 256,
    withoutIt: NO_ROOM,
    others: { ...ON_THE_WIRE, 'names are answered over TCP': 8, 'names of outside are answered': 5 },
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
    attacker: 'begins 2000 downloads of a large file and reads none',
    attack: 'boot-slow-readers',
    from: 'attacker',
    bites: every(connected(1500, 5248), grown(100, 'rackboot_http_connections_refused_total')),
    withoutIt: NO_ROOM,
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  // Before the flood of reports, which takes the places of New machines.
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
    others: { ...AT_THE_REGION, 'an administrator signs in': 15 },
  },
  {
    door: 'region',
    attacker: 'enlists machines that do not exist, as fast as it can',
    attack: 'enlist-flood',
    from: 'attacker',
    bites: grown(200, 'rackboot_region_api_answers_total', { class: '4xx' }),
    others: { ...AT_THE_REGION, 'an administrator signs in': 15 },
  },
];

let names = 0;
function nextName(): number {
  names += 1;
  return names;
}

/** udhcpc ends with an error when it has no lease after its tries. */
const lease = (site: HostileSite, host: string, ...words: readonly string[]): Promise<string> =>
  site.run(host, 'udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '10', '-T', '2', '-s', '/bin/true', ...words);

async function holdersLease(site: HostileSite) {
  const { out } = await site.rack.rackboot('leases', '--json');
  return leasesShape.parse(JSON.parse(out)).find(({ mac }) => mac === HOLDER_MAC);
}

async function dig(site: HostileSite, name: string, expected: string, ...words: readonly string[]): Promise<void> {
  const out = await site.run('machine', 'dig', '+short', '+time=1', '+tries=4', ...words, `@${RACK}`, name, 'A');
  if (out.trim().split('\n').at(-1) !== expected) throw new Error(`${name}: ${JSON.stringify(out)}`);
}

const curlForm = (site: HostileSite, url: string, mac: string): Promise<string> =>
  site.run(
    'machine',
    ...['curl', '-sSf', '--retry', '3', '--retry-delay', '1', '-o', '/dev/null'],
    ...['-d', 'op=new', '-d', 'architecture=amd64/generic', '-d', `mac_addresses=${mac}`, url],
  );
