// The requests of the bystanders.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { sleep } from '../../src/ground/clock.ts';
import { clientBytes } from '../dhcp/lab.ts';
import { queryBytes } from '../dns/fixture.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { hw, ip } from '../support/lab-facts.ts';
import { authorizationOf } from '../support/oauth.ts';
import { bootServerRequest } from './bystanders.ts';
import { OUTSIDE_SECONDS, outsideAddress, outsideText } from './outside-names.ts';
import {
  BOOTER_ADDRESS,
  BOOTER_MAC,
  CURL,
  HOLDER_MAC,
  HOLDER_NAME,
  type HostileSite,
  KNOWN_ADDRESS,
  KNOWN_MAC,
  PASSWORD,
  PROXY_RACK,
  RACK,
  REPORTED_MAC,
  WORKER_MAC,
} from './site.ts';

const ASK_PROGRAM = new URL('./udp-ask.ts', import.meta.url).pathname;
const DIG_PROGRAM = new URL('./udp-dig.ts', import.meta.url).pathname;
const BOOT_PROGRAM = new URL('./boot-as-new.ts', import.meta.url).pathname;
const ROUTER_PROGRAM = new URL('./router-ask.ts', import.meta.url).pathname;
const ALL_HOSTS = '255.255.255.255';
const ASKINGS = 20;
/** Where questions or answers are lost by chance: one in this number. */
const ROUTER_ASKINGS = 7;
const USED_ASKED = 4;
const SIGN_IN_TRIES = 4;
const SIGN_IN_AGAIN_MS = 10_000;
/** More than a body that takes no place of its own, and less than one word of a command may have. */
const LONG_REPORT_BYTES = 100_000;
/** Twice as many questions, which is less than one client may have waiting. */
const REMEMBERED_NAMES = 25;
/** Long enough for the seconds of an answer that is remembered to become fewer. */
const BLIND_MS = 9000;
/** As docs/hostile-hosts.md says: three packets of 544 octets for a request of 37, here with a name of one letter. */
const TFTP_FACTOR = (3 * 544) / 37;
const BOOT_TRIES = 4;
const REMEMBERED_MS = 1500;
/** Where all attack at once on two processors, the region answers after some ten seconds. */
const FOLLOW_MS_MAX = 60_000;

/** A bystander's request, and how it is made. */
export const WANTS = {
  'a machine with a reservation gets its address': async (site) => {
    const address = await lease(site, 'machine');
    if (address !== KNOWN_ADDRESS) throw new Error(`got ${address}`);
  },
  'a lease is renewed': async (site) => {
    const renewal = clientBytes({ type: 'request', mac: hw(KNOWN_MAC), ciaddr: ip(KNOWN_ADDRESS), xid: nextName() });
    const words = [RACK, '67', '1', '0', Buffer.from(renewal).toString('hex'), '68'];
    const answered = await site.run('machine', process.execPath, ASK_PROGRAM, ...words);
    if (answered.trim() !== '1') throw new Error('no answer');
  },
  'a newcomer gets an address': async (site) => {
    const mac = await site.anotherNewcomer();
    const address = await lease(site, 'newcomer');
    if (!/^10\.77\.9\.1?\d?\d$/.test(address)) throw new Error(`${address} is not of the range`);
    const owners = (await leases(site)).filter((held) => held.address === address && held.state === 'bound');
    if (owners.length !== 1 || owners[0]?.mac !== mac)
      throw new Error(`${address} of ${mac} is leased as ${JSON.stringify(owners)}`);
  },
  'a newcomer gets no address in use': async (site) => {
    for (let turn = 0; turn < USED_ASKED; turn += 1) {
      const used = await site.newcomerWithUsedAddress();
      const got = await lease(site, 'newcomer');
      if (got === used) throw new Error(`${used} was given, which another host uses`);
    }
  },
  'a booting machine learns that there is no IPv6 router': async (site) => {
    await lease(site, 'machine', '-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000');
    const answered = Number(
      await site.run('machine', process.execPath, ROUTER_PROGRAM, 'eth0', String(ROUTER_ASKINGS)),
    );
    if (answered < ROUTER_ASKINGS) throw new Error(`${answered} of ${ROUTER_ASKINGS} are answered`);
  },
  'a held lease stays with its client': async (site) => {
    const held = await holdersLease(site);
    if (held?.state !== 'bound') throw new Error(`the lease of ${HOLDER_MAC}: ${JSON.stringify(held)}`);
  },
  'a client keeps its name': async (site) => {
    const held = await holdersLease(site);
    await dig(site, `${HOLDER_NAME}.maas`, held?.address ?? 'no address');
  },
  'a client that no class denies gets its address again': async (site) => {
    const before = await holdersLease(site);
    const got = await lease(site, 'holder', '-x', `hostname:${HOLDER_NAME}`);
    const after = await holdersLease(site);
    if (before?.address !== after?.address || got !== after?.address)
      throw new Error(`${before?.address} became ${after?.address}, and ${got} was given`);
  },
  'a loader comes by TFTP': (site) => fetchWhole(site, '--tftp-blksize', '1428', `tftp://${RACK}/lpxelinux.0`),
  'a kernel comes by HTTP': (site) => fetchWhole(site, '--retry', '2', `http://${RACK}:5248/lpxelinux.0`),
  'the rack’s own names are answered': (site) => dig(site, 'rack.maas', RACK),
  // Not with another try: a send buffer that others have filled has room now and then.
  'names are answered at the first question': async (site) => {
    const query = Buffer.from(queryBytes('rack.maas', 1)).toString('hex');
    const words = [RACK, '53', String(ASKINGS), '200', query];
    const answered = Number(await site.run('machine', process.execPath, ASK_PROGRAM, ...words));
    if (answered < ASKINGS * 0.8) throw new Error(`${answered} of ${ASKINGS} are answered`);
  },
  // A new connection waits among those of others: resolvers wait 5 s for it (resolv.conf(5), `timeout`).
  'names are answered over TCP': (site) => dig(site, 'rack.maas', RACK, '+tcp', '+time=5'),
  // Counts the octets sent to it for requests in its name, for as long as the rack keeps a transfer of a silent client.
  'a host in whose name others ask gets at most the stated octets': async (site) => {
    // Nothing may arrive before a host has asked in its name.
    if (site.blind().sent > 0) await sleep(BLIND_MS);
    const { received, sent, isAlone } = site.blind();
    if (process.env.HOSTILE_TIMES !== undefined) console.log(`# ${received} octets for ${sent}`);
    // Where others hold the places, transfers in its name may all have given way.
    if (received === 0 && isAlone) throw new Error('it hears nothing of what is sent to it');
    if (received > sent * TFTP_FACTOR) throw new Error(`${received} octets came for ${sent}`);
  },
  'a machine that another DHCP server serves gets its loader': async (site) => {
    const request = bootServerRequest(hw(BOOTER_MAC), ip(BOOTER_ADDRESS), nextName());
    const words = [PROXY_RACK, '4011', '1', '0', Buffer.from(request).toString('hex'), '68'];
    for (let tries = 0; tries < BOOT_TRIES; tries += 1) {
      if ((await site.run('booter', process.execPath, ASK_PROGRAM, ...words)).trim() === '1') return;
    }
    throw new Error('no answer');
  },
  'an accepted rack is heard': (site) => site.heartbeat(),
  // Each question is for a new name, whose address no other name has.
  'names of outside are answered': (site) => {
    const name = `w${site.apiKey.length}-${nextName()}.outside.example`;
    return dig(site, name, outsideAddress(name));
  },
  // From the cache, which datagrams that come later must not change: asked, and asked again while others ask.
  'a known name keeps its answer': async (site) => {
    const names = Array.from(
      { length: REMEMBERED_NAMES },
      () => `k${site.apiKey.length}-${nextName()}.outside.example`,
    );
    await askEach(site, names);
    await sleep(REMEMBERED_MS);
    const seconds = await askEach(site, names);
    const remembered = seconds.filter((each) => each < OUTSIDE_SECONDS).length;
    if (remembered < names.length) throw new Error(`${remembered} of ${2 * names.length} answers came from the cache`);
  },
  // The machine is deleted afterwards: the region keeps only a share of machines for one address that reports many.
  'an unknown machine boots and is listed': async (site) => {
    const mac = await site.anotherNewcomer();
    for (const route of [ALL_HOSTS, '10.77.8.0/22'])
      await site.run('newcomer', 'ip', 'route', 'replace', route, 'dev', 'eth0');
    const status = await site.run('newcomer', process.execPath, BOOT_PROGRAM, RACK, ALL_HOSTS, mac);
    if (status.trim() !== '200') throw new Error(`its report: ${status}`);
    const isListed = (await machinesOf(site)).some(({ interface_set: nics }) =>
      nics.some(({ mac_address: one }) => one === mac),
    );
    if (!isListed) throw new Error('it is not listed');
  },
  'a machine enlists': (site) => enlist(site),
  'a machine enlists with a long report': (site) => enlist(site, '-d', `more=${'x'.repeat(LONG_REPORT_BYTES)}`),
  // Reported before all attacks: another report would repair the very damage that the test looks for.
  'a machine keeps its reported hardware': async (site) => {
    const found = (await machinesOf(site)).find(({ interface_set: nics }) =>
      nics.some(({ mac_address: mac }) => mac === REPORTED_MAC),
    );
    if (found === undefined) throw new Error('it is gone');
    if (found.architecture !== 'amd64/generic') throw new Error(`it is ${found.architecture} now`);
  },
  'a machine at work in another network stays at work': async (site) => {
    const worker = (await machinesOf(site)).find(({ interface_set: nics }) =>
      nics.some(({ mac_address: mac }) => mac === WORKER_MAC),
    );
    if (worker?.status_name !== 'Commissioning') throw new Error(`it is ${worker?.status_name ?? 'gone'}`);
  },
  'the metrics are read': (site) =>
    site.run('machine', ...CURL, '--retry', '2', '-o', '/dev/null', `http://${RACK}:5249/metrics`),
  'an administrator lists the machines': (site) =>
    site.run(
      'machine',
      ...CURL,
      '-o',
      '/dev/null',
      '-H',
      `Authorization: ${authorizationOf(site.apiKey)}`,
      `http://${RACK}:5240/MAAS/api/2.0/machines/`,
    ),
  // Verified, over a new connection.
  'the API answers over TLS': (site) =>
    site.run(
      'machine',
      ...CURL,
      '-o',
      '/dev/null',
      '--cacert',
      site.caFile,
      '--connect-to',
      `localhost:5443:${RACK}:5443`,
      '--retry',
      '2',
      'https://localhost:5443/MAAS/api/version/',
    ),
  'an administrator follows the events': async (site) => {
    const url = `http://${RACK}:5240/MAAS/api/2.0/events/?op=follow&after=0`;
    const words = ['-sSfN', '-H', `Authorization: ${authorizationOf(site.apiKey)}`, url];
    const following = site.rack.launch(site.host('machine'), 'curl', ...words);
    try {
      const first = eventuallyWithin(FOLLOW_MS_MAX, 'an event', () => following.text().includes('"description"'));
      await whileRunning(following.child, first, () => following.text());
    } finally {
      await following.end('SIGKILL');
    }
  },
  // Again when the region says that it is busy, as a person does. Not often: a flood leaves a gap now and then.
  'an administrator signs in': async (site) => {
    const user = `${site.anotherAdministrator()}:${PASSWORD}`;
    const words = [
      'curl',
      '-sS',
      '--connect-timeout',
      '10',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '-u',
      user,
      `http://${RACK}:5240/MAAS/`,
    ];
    let status = await site.run('machine', ...words);
    for (let tries = 1; status === '429' && tries < SIGN_IN_TRIES; tries += 1) {
      await sleep(SIGN_IN_AGAIN_MS);
      status = await site.run('machine', ...words);
    }
    if (status !== '200') throw new Error(`status ${status}`);
  },
  'an administrator who signed in long ago still is': async (site) => {
    const words = ['-o', '/dev/null', '-w', '%{http_code}', '-H', `Cookie: ${site.cookie}`, '-H', 'Accept: text/html'];
    const status = await site.run(
      'machine',
      'curl',
      '-sS',
      '--connect-timeout',
      '10',
      ...words,
      `http://${RACK}:5240/MAAS/`,
    );
    if (status !== '200') throw new Error(`status ${status}`);
  },
  // From another network than the attacker's: a network may register only a few.
  'a rack asks to be accepted': (site) => site.registerAnotherRack(),
} as const satisfies Record<string, (site: HostileSite) => Promise<unknown>>;

export type Want = keyof typeof WANTS;

let names = 0;
function nextName(): number {
  names += 1;
  return names;
}

/** udhcpc ends with an error when it has no lease after its tries. @returns the address that it got */
async function lease(site: HostileSite, host: string, ...words: readonly string[]): Promise<string> {
  const client = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '10', '-T', '2', '-s', '/bin/true', ...words];
  const { code, out, err } = await site.rack.run(site.host(host), ...client);
  const address = /lease of (\S+) obtained/.exec(`${out}${err}`)?.[1];
  if (code !== 0 || address === undefined) throw new Error(`udhcpc: exit code ${code}: ${err}${out}`);
  return address;
}

const leases = async (site: HostileSite) => leasesShape.parse(await askDaemon(site.rack.stateDir, '/leases'));

const holdersLease = async (site: HostileSite) => (await leases(site)).find(({ mac }) => mac === HOLDER_MAC);

/** Loads a file, which must be the one of the tree, octet for octet. */
async function fetchWhole(site: HostileSite, ...words: readonly string[]): Promise<void> {
  const got = await site.run('machine', 'bash', '-o', 'pipefail', '-c', 'curl -sSf "$@" | sha256sum', 'bash', ...words);
  const name = words.at(-1)?.split('/').at(-1) ?? '';
  const expected = createHash('sha256')
    .update(readFileSync(join(site.rack.tree, name)))
    .digest('hex');
  if (!got.startsWith(expected)) throw new Error(`${name}: other octets than in the tree: ${got}`);
}

async function dig(site: HostileSite, name: string, expected: string, ...words: readonly string[]): Promise<void> {
  const out = await site.run('machine', 'dig', '+short', '+time=1', '+tries=4', ...words, `@${RACK}`, name, 'A');
  if (out.trim().split('\n').at(-1) !== expected) throw new Error(`${name}: ${JSON.stringify(out)}`);
}

/** Asks for A and TXT of each name at once, and compares every answer. @returns the seconds that each may be remembered */
async function askEach(site: HostileSite, names: readonly string[]): Promise<readonly number[]> {
  const out = await site.run('machine', process.execPath, DIG_PROGRAM, RACK, ...names);
  const answers = out.trim().split('\n');
  const got = new Set(answers.map((line) => line.replace(/ \d+ /, ' ')));
  const wanted = names.flatMap((name) => [`${name} A ${outsideAddress(name)}`, `${name} TXT ${outsideText(name)}`]);
  const wrong = wanted.filter((each) => !got.has(each));
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${wanted.length} answers are not ${wrong[0]} …: ${out}`);
  return answers.map((line) => Number(line.split(' ')[1]));
}

async function machinesOf(site: HostileSite) {
  const words = [
    '-H',
    `Authorization: ${authorizationOf(site.apiKey)}`,
    'http://127.0.0.1:5240/MAAS/api/2.0/machines/',
  ];
  return machinesShape.parse(JSON.parse(await site.run('rack', ...CURL, ...words)));
}

/** Reports a machine that has one network card. @returns the region's answer */
const reportMachine = (site: HostileSite, mac: string, ...more: readonly string[]): Promise<string> =>
  site.run(
    'machine',
    ...CURL,
    '--retry',
    '3',
    '--retry-delay',
    '1',
    '-d',
    'op=new',
    '-d',
    'architecture=amd64/generic',
    '-d',
    `mac_addresses=${mac}`,
    ...more,
    `http://${RACK}:5248/MAAS/api/1.0/nodes/`,
  );

async function enlist(site: HostileSite, ...more: readonly string[]): Promise<void> {
  const octets = nextName().toString(16).padStart(6, '0').match(/../g) ?? [];
  const made = await reportMachine(site, `52:54:01:${octets.join(':')}`, ...more);
  const { system_id: systemId } = z.object({ system_id: z.string() }).parse(JSON.parse(made));
  const words = ['-X', 'DELETE', '-H', `Authorization: ${authorizationOf(site.apiKey)}`];
  await site.run('rack', ...CURL, ...words, `http://127.0.0.1:5240/MAAS/api/2.0/machines/${systemId}/`);
}
