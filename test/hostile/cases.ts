// What the rack must stand: for each door, what an attacker does, what the others must still get, and within which time. To add a case,
// write the attack into attackers.ts and a row here.

import { leasesShape } from '../../src/cli/shapes.ts';
import { clientBytes, hw, ip } from '../dhcp/lab.ts';
import { authorization, HOLDER_MAC, type HostileSite, KNOWN_ADDRESS, KNOWN_MAC, type Place, RACK } from './site.ts';

const ASK_PROGRAM = new URL('./udp-ask.ts', import.meta.url).pathname;

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
    const { out } = await site.rack.rackboot('leases', '--json');
    const held = leasesShape.parse(JSON.parse(out)).find(({ mac }) => mac === HOLDER_MAC);
    if (held?.state !== 'bound') throw new Error(`the lease of ${HOLDER_MAC}: ${JSON.stringify(held)}`);
  },
  'a loader comes by TFTP': (site) =>
    site.run('machine', 'curl', '-sSf', '--tftp-blksize', '1428', '-o', '/dev/null', `tftp://${RACK}/lpxelinux.0`),
  'a kernel comes by HTTP': (site) =>
    site.run('machine', 'curl', '-sSf', '--retry', '2', '-o', '/dev/null', `http://${RACK}:5248/lpxelinux.0`),
  'the rack’s own names are answered': (site) => dig(site, 'rack.maas', RACK),
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

export interface HostileCase {
  readonly door: 'DHCP' | 'TFTP' | 'DNS' | 'boot HTTP' | 'region';
  /** What the attacker does, in words. */
  readonly attacker: string;
  /** The name in attackers.ts. */
  readonly attack: string;
  readonly from: Place;
  /** Further words for the attack. */
  readonly words?: readonly string[];
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

export const CASES: readonly HostileCase[] = [
  {
    door: 'DHCP',
    attacker: 'asks 1000 times a second for an address, each time as another host',
    attack: 'discover-flood',
    from: 'attacker',
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 30 },
  },
  {
    door: 'DHCP',
    attacker:
      'pretends, from a network that is not served, to be a relay agent, takes the range and gives back what others hold',
    attack: 'forged-relay',
    from: 'far',
    words: ['10.77.8.2', '10.77.9.0', HOLDER_MAC],
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a lease that somebody holds stays theirs': 3 },
  },
  {
    door: 'DHCP',
    attacker: 'asks for settings in the names of a hundred hosts that do not exist',
    attack: 'dhcp-inform-absent',
    from: 'ghost',
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'TFTP',
    attacker: 'begins 2048 transfers with the longest wait there is, and goes silent',
    attack: 'tftp-hold',
    from: 'attacker',
    others: ON_THE_WIRE,
  },
  {
    door: 'TFTP',
    attacker: 'asks for files in the names of a hundred hosts that do not exist',
    attack: 'tftp-absent',
    from: 'ghost',
    others: ON_THE_WIRE,
  },
  {
    door: 'DNS',
    attacker: 'asks in the names of a hundred hosts that do not exist',
    attack: 'dns-absent',
    from: 'ghost',
    others: { ...ON_THE_WIRE, 'names of outside are answered': 5 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 32 addresses for names of a domain whose servers are silent',
    attack: 'dns-silent-zone',
    from: 'attacker',
    others: { ...ON_THE_WIRE, 'names of outside are answered': 10 },
  },
  {
    door: 'DNS',
    attacker: 'asks from 32 addresses for names that nobody asked for before',
    attack: 'dns-random-names',
    from: 'attacker',
    others: { ...ON_THE_WIRE, 'names of outside are answered': 10 },
  },
  {
    door: 'DNS',
    attacker: 'holds 400 TCP connections and asks nothing',
    attack: 'dns-tcp-idle',
    from: 'attacker',
    others: { ...ON_THE_WIRE, 'names of outside are answered': 5 },
  },
  {
    door: 'boot HTTP',
    attacker: 'holds 1200 connections and asks nothing',
    attack: 'boot-idle',
    from: 'attacker',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'holds 1200 connections with requests that never end',
    attack: 'boot-slow-headers',
    from: 'attacker',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'posts from 32 addresses to the region, one octet in two seconds',
    attack: 'boot-slow-posts',
    from: 'attacker',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'boot HTTP',
    attacker: 'begins 600 downloads of a large file and reads none',
    attack: 'boot-slow-readers',
    from: 'attacker',
    others: { ...ON_THE_WIRE, ...AT_THE_REGION },
  },
  {
    door: 'region',
    attacker: 'holds 1200 connections and asks nothing',
    attack: 'api-connections',
    from: 'attacker',
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'posts to the API without ever ending',
    attack: 'api-slow-posts',
    from: 'attacker',
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'guesses an administrator’s password from 32 addresses',
    attack: 'api-passwords',
    from: 'attacker',
    others: { ...AT_THE_REGION, 'an administrator signs in': 15 },
  },
  {
    door: 'region',
    attacker: 'enlists machines that do not exist, as fast as it can',
    attack: 'enlist-flood',
    from: 'attacker',
    others: { ...AT_THE_REGION, 'an administrator signs in': 15 },
  },
];

let names = 0;
function nextName(): number {
  names += 1;
  return names;
}

/** udhcpc ends with an error when it has no lease after its tries. */
const lease = (site: HostileSite, host: string): Promise<string> =>
  site.run(host, 'udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '10', '-T', '2', '-s', '/bin/true');

async function dig(site: HostileSite, name: string, expected: string): Promise<void> {
  const out = await site.run('machine', 'dig', '+short', '+time=1', '+tries=4', `@${RACK}`, name, 'A');
  if (out.trim() !== expected) throw new Error(`${name}: ${JSON.stringify(out)}`);
}

const curlForm = (site: HostileSite, url: string, mac: string): Promise<string> =>
  site.run(
    'machine',
    ...['curl', '-sSf', '--retry', '3', '--retry-delay', '1', '-o', '/dev/null'],
    ...['-d', 'op=new', '-d', 'architecture=amd64/generic', '-d', `mac_addresses=${mac}`, url],
  );
