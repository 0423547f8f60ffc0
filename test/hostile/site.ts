// A site for hostile tests: one whole rack, a machine and newcomers that want its services, and hosts that attack it: on the
// same wire, on the same wire in the names of hosts that do not exist, and behind a router. Each has a namespace of its own.
//
//     rack 10.77.8.1 ── br0 ─┬─ machine   10.77.8.10    has a reservation, asks for everything, and makes one attack
//                            ├─ holder                  holds a lease and a name from the beginning
//                            ├─ newcomer                asks for a lease, each time as another host
//                            ├─ attacker  10.77.8.64 … .95 and 10.77.11.64 … .95
//                            ├─ ghost     10.77.10.1 … .100   has the addresses and answers no ARP
//                            ├─ victim    10.77.8.11    the attacker speaks in its name, too
//                            ├─ upstream  10.77.8.53    answers outside.example, is silent for silent.example
//                            └─ router    10.77.8.2 ── far  10.78.0.10 … .73   a network that the rack does not serve
//     rack 10.79.0.1 ── br1 ─┬─ booter    10.79.0.10    boots next to another DHCP server
//                            ├─ worker                  a machine that is commissioned there, and switched off
//                            └─ proxied   10.79.0.64 … .127   has the addresses and answers no ARP

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { makeStandInTree } from '../../src/lab/safe-lab.ts';
import { createApiKey, hashPassword } from '../../src/region/accounts/accounts.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { RackNetwork, type Running } from '../e2e/rack-network.ts';
import {
  heartbeatOf,
  OTHER_UUID,
  rackAuthorization,
  rackInterface,
  registrationFields,
} from '../region/racks/rack-place.ts';
import { makeAuthority } from '../support/authority.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually } from '../support/running-rack.ts';
import { SHORTEST_NAME } from './bystanders.ts';
import { Readings } from './readings.ts';

export const RACK = '10.77.8.1';
export const KNOWN_ADDRESS = '10.77.8.10';
export const KNOWN_MAC = '52:54:00:77:08:10';
/** A host that holds a lease from the start; its hostname is HOLDER_NAME. */
export const HOLDER_MAC = '52:54:00:77:08:20';
export const HOLDER_NAME = 'keeper';
/** Of a machine that was reported and never booted: no rack vouches for it. */
export const REPORTED_MAC = '52:54:00:77:08:30';
/**
 * A client that tries another connection when one is not made: under a flood of connections the kernel drops some, and tries those again after 1,
 * 2, 4 … 64 s.
 */
export const CURL = ['curl', '-sSf', '--connect-timeout', '10'] as const;
/** Of a machine that is commissioned next to another DHCP server, in a network where no attacker uses its hardware address. */
export const WORKER_MAC = '52:54:00:79:00:20';
/** Of the host in whose name the attacker asks. */
export const VICTIM = '10.77.8.11';
/** The rack's address next to another DHCP server, and a machine there. */
export const PROXY_RACK = '10.79.0.1';
export const BOOTER_ADDRESS = '10.79.0.10';
export const BOOTER_MAC = '52:54:00:79:00:10';
const UPSTREAM = '10.77.8.53';
/** Few, so that an attack fills them in seconds. */
export const NEW_MACHINES_MAX = 200;
const LARGE_BYTES = 64 * 1024 * 1024;
const UPSTREAM_PROGRAM = join(import.meta.dirname, 'upstream.ts');
const ATTACKERS_PROGRAM = join(import.meta.dirname, 'attackers.ts');
const FRAMES_PROGRAM = join(import.meta.dirname, 'wire-flood.ts');
const BYSTANDERS_PROGRAM = join(import.meta.dirname, 'bystanders.ts');
/** The attack in the name of the victim. */
const BLIND = 'tftp-blind';
/** Of the accepted rack whose key no attacker has. */
const OTHER_TOKEN = 'token-of-rack-3';
const OTHER_NETWORK = '10.51.0.0/24';
/**
 * For clients whose address another host uses. Each has a reserved address: an address of the range might have been probed a moment ago,
 * before that host came.
 */
const USED = Array.from({ length: 64 }, (_, index) => ({
  mac: `52:54:00:7a:00:${(16 + index).toString(16)}`,
  address: `10.77.8.${100 + index}`,
}));
const OWN_METRICS = 'http://127.0.0.1:5249/metrics';
const ATTACK_SECONDS_MAX = 2400;

/** The first sign-in of an account takes longest, so each account signs in once. */
const ADMINISTRATORS = ['ann', 'bob', 'cleo', 'dora', 'emil', 'fay'];

/** The account without rights. */
const ORDINARY = 'olga';

export const PASSWORD = 'correct horse battery';
const SIGN_IN = `http://${RACK}:5240/MAAS/login/`;

const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.8.0/22
    router_ip: 10.77.8.2
    ip_range_low: 10.77.9.0
    ip_range_high: 10.77.9.199
    hosts:
      - { mac: "${KNOWN_MAC}", ip: 10.77.8.10, hostname: machine }
${USED.map(({ mac, address }) => `      - { mac: "${mac}", ip: ${address} }`).join('\n')}
  - { name: proxied, interface: br1, ip: ${PROXY_RACK}, network: 10.79.0.0/24, management: 1, mode: proxy }
dns:
  listen: [${RACK}]
  upstream: [${UPSTREAM}]
  records: [{ name: rack.maas, type: A, data: ${RACK} }]
dhcp: { classes: [{ name: guests, when: { hostname: "*-guest" }, deny: true }] }
metrics: { listen: ["127.0.0.1:5249", "${RACK}:5249"] }
region:
  listen: ["127.0.0.1:5240", "${RACK}:5240"]
  new_machines_max: ${NEW_MACHINES_MAX}
`;

/** Where an attacker sits. */
export type Place = 'attacker' | 'ghost' | 'far' | 'machine' | 'proxied';

export const PLACES: Readonly<Record<Place, readonly string[]>> = {
  // Addresses of two networks, one of them the machine's: only the rules for an address and for a network together hold them back.
  attacker: Array.from({ length: 64 }, (_, index) => `10.77.${index % 2 === 0 ? 8 : 11}.${64 + (index >> 1)}`),
  ghost: Array.from({ length: 100 }, (_, index) => `10.77.10.${1 + index}`),
  far: Array.from({ length: 64 }, (_, index) => `10.78.0.${10 + index}`),
  machine: [KNOWN_ADDRESS],
  proxied: Array.from({ length: 64 }, (_, index) => `10.79.0.${64 + index}`),
};

/** Hosts that ask now and then for their racks to be accepted, in a network without attackers of the region. */
const FURTHER_RACKS = Array.from({ length: 32 }, (_, index) => `10.79.0.${20 + index}`);

/** The last number that a program has printed after a word; 0: none yet. */
const lastNumber = (running: Running | undefined, word: string): number =>
  Number([...(running?.text() ?? '').matchAll(new RegExp(`${word} (\\d+)`, 'g'))].at(-1)?.[1] ?? 0);

/** The rack and all hosts around it. */
export class HostileSite {
  readonly rack: RackNetwork;
  readonly #hosts = new Map<string, string>();
  #victim: Running | undefined;
  readonly #attacks: Running[] = [];
  #blind: { readonly running: Running; readonly before: number } | undefined;
  #newcomers = 0;
  #signedIn = 0;
  apiKey = '';
  /** The certificate of the authority that signed the region's. */
  caFile = '';
  /** Of an account that attacks. */
  attackersKey = '';
  /** Of an attacker, which has no rights but its own. */
  ordinaryKey = '';
  /** The cookie of an administrator who signed in before all attacks. */
  cookie = '';
  #racks = 0;
  #used = 0;

  private constructor() {
    this.rack = new RackNetwork('hostile', RACK, 22);
  }

  static async open(): Promise<HostileSite> {
    const site = new HostileSite();
    try {
      await site.#build();
    } catch (error) {
      await site.rack.remove();
      throw error;
    }
    return site;
  }

  close(): Promise<void> {
    return this.rack.remove();
  }

  /** The namespace of a host. */
  host(name: string): string {
    return this.#hosts.get(name) ?? name;
  }

  /** Runs a program on a host, `rack` among them. @returns its output; rejects with its error output when it fails */
  async run(name: string, ...command: readonly string[]): Promise<string> {
    const { code, out, err } = await this.rack.run(name === 'rack' ? undefined : this.host(name), ...command);
    if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} …: exit code ${code}: ${err}${out}`);
    return out;
  }

  /**
   * Starts an attack and waits until it is at full force.
   * @param isOneOfMany it gives way on this host's processors, for real attackers have their own
   */
  async attack(name: string, place: Place, more: readonly string[] = [], isOneOfMany = false): Promise<Running> {
    const target = place === 'proxied' ? PROXY_RACK : RACK;
    const [, frames] = /^wire-(.*)$/.exec(name) ?? [];
    const words =
      frames === undefined
        ? [ATTACKERS_PROGRAM, name, target, String(ATTACK_SECONDS_MAX), ...PLACES[place], ...more]
        : [FRAMES_PROGRAM, 'eth0', frames, String(ATTACK_SECONDS_MAX)];
    const program = isOneOfMany ? ['nice', '-n', '10', process.execPath] : [process.execPath];
    const [command = '', ...rest] = [...program, ...words];
    const running = this.rack.launch(this.host(place), command, ...rest);
    this.#attacks.push(running);
    if (name === BLIND) this.#blind = { running, before: lastNumber(this.#victim, 'received') };
    await eventually(`${name} begins: ${running.text()}`, () => running.text().includes('attacking'));
    return running;
  }

  /**
   * Octets sent to the victim, and octets of requests forged in its name, since the last such attack began; before the first, 0 sent.
   * `isAlone`: nothing else attacks.
   */
  blind(): { readonly received: number; readonly sent: number; readonly isAlone: boolean } {
    const sent = lastNumber(this.#blind?.running, 'sent');
    const going = this.#attacks.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    return {
      received: lastNumber(this.#victim, 'received') - (this.#blind?.before ?? 0),
      sent,
      isAlone: going.length === 1,
    };
  }

  /** The accepted rack whose key no attacker has reports that it is present. */
  async heartbeat(): Promise<void> {
    const body = JSON.stringify(heartbeatOf({ interfaces: [rackInterface(OTHER_NETWORK)] }));
    const words = ['-H', `Authorization: ${rackAuthorization(OTHER_TOKEN)}`, '-H', 'Content-Type: application/json'];
    const url = `http://${RACK}:5240/MAAS/uplink/1/racks/${OTHER_UUID}/heartbeat`;
    await this.run('upstream', 'curl', '-sSf', '-o', '/dev/null', ...words, '--data-binary', body, url);
  }

  /** The rack's readings now. */
  async read(): Promise<Readings> {
    const [metrics, udp, tcp, frames] = await Promise.all([
      this.run('rack', 'curl', '-sSf', '--retry', '2', '--max-time', '10', OWN_METRICS).catch(() => ''),
      this.run('rack', 'ss', '-uanmOH'),
      this.run('rack', 'ss', '-tanOH'),
      this.run('rack', 'cat', '/sys/class/net/br0/statistics/rx_packets'),
    ]);
    return new Readings(metrics, udp, tcp, Number(frames));
  }

  /** The name of an administrator who has not signed in yet, while there are any. */
  anotherAdministrator(): string {
    this.#signedIn += 1;
    return ADMINISTRATORS[this.#signedIn % ADMINISTRATORS.length] ?? 'ann';
  }

  /** An unknown rack asks to be accepted. */
  async registerAnotherRack(): Promise<void> {
    this.#racks += 1;
    const number = this.#racks.toString(16).padStart(4, '0');
    const fields = [
      'op=register',
      `uuid=11111111-2222-4333-8444-55555555${number}`,
      `name=real-${number}`,
      'interfaces=[]',
      'version=1',
      'uplink=1',
      `token=token-of-real-${number}`,
      `secret_digest=${'0'.repeat(64)}`,
    ];
    const from = FURTHER_RACKS[this.#racks % FURTHER_RACKS.length] ?? '';
    // Again when the region asks for that, and over another connection when an answer stays away, as a rack does.
    const more = ['--retry', '2', '--max-time', '20', '--interface', from];
    const words = ['-o', '/dev/null', ...more, ...fields.flatMap((field) => ['--data-urlencode', field])];
    await this.run('booter', ...CURL, ...words, `http://${RACK}:5240/MAAS/api/2.0/nodegroups/`);
  }

  /**
   * Restores the bystanders after time or another case: the lease of `holder`, the reported machine, and the work of the machine that is
   * commissioned, whose time may be up.
   */
  async restore(): Promise<void> {
    await this.#lease();
    await this.#report();
    const machines = machinesShape.parse(await askDaemon(this.rack.stateDir, '/MAAS/api/2.0/machines/'));
    const worker = machines.find(({ hostname }) => hostname === 'worker');
    if (worker?.status_name === 'Failed commissioning') await this.#rackboot('machines', 'commission', 'worker');
  }

  /** Deletes the New machines whose boot is proven, and those that a user without rights added. */
  async removeNewMachines(): Promise<void> {
    const store = openRegionStore({ stateDir: this.rack.stateDir });
    const event = {
      type: 'NODE_REMOVED',
      code: 'rack',
      params: { text: '' },
      atMs: systemClock.wallTimeMs(),
      username: 'ann',
    } as const;
    try {
      for (const { systemId, vouchedMac, addedBy } of await store.listMachines(
        { statuses: ['new'] },
        0,
        10 * NEW_MACHINES_MAX,
      ))
        if (vouchedMac !== undefined || addedBy !== undefined) await store.removeMachine(systemId, event);
    } finally {
      await store.close();
    }
  }

  /** Makes the newcomer another host. @returns its hardware address */
  async anotherNewcomer(): Promise<string> {
    this.#newcomers += 1;
    const mac = `52:54:00:78:${this.#newcomers.toString(16).padStart(4, '0').replace(/..$/, ':$&')}`;
    await this.#makeNewcomer(mac);
    return mac;
  }

  /** Makes the newcomer one whose own address another host uses from now on. @returns that address */
  async newcomerWithUsedAddress(): Promise<string> {
    const used = USED[this.#used];
    if (used === undefined) throw new Error(`more than ${USED.length} used addresses: let USED have more`);
    this.#used += 1;
    await this.#makeNewcomer(used.mac);
    await this.run('upstream', 'ip', 'address', 'replace', `${used.address}/32`, 'dev', 'lo');
    return used.address;
  }

  async #makeNewcomer(mac: string): Promise<void> {
    for (const words of ['down', `address ${mac}`, 'up'])
      await this.run('newcomer', 'ip', 'link', 'set', 'eth0', ...words.split(' '));
  }

  async #build(): Promise<void> {
    const { rack } = this;
    for (const [index, [name, addresses]] of Object.entries({
      machine: [KNOWN_ADDRESS],
      newcomer: [],
      holder: [],
      attacker: PLACES.attacker,
      ghost: PLACES.ghost,
      upstream: [UPSTREAM],
      victim: [VICTIM],
      router: ['10.77.8.2'],
    }).entries()) {
      const mac = { machine: KNOWN_MAC, holder: HOLDER_MAC }[name] ?? `52:54:00:77:08:f${index}`;
      this.#hosts.set(name, rack.namespace.addHost(name, mac));
      await this.#addAddresses(name, addresses, 22);
    }
    // As most firmware, it puts no fragments together.
    for (const limit of ['low', 'high'])
      await this.run('machine', 'sysctl', '-q', '-w', `net.ipv4.ipfrag_${limit}_thresh=0`);
    // It has the addresses, but neither answers nor asks by ARP for them.
    await this.run('ghost', 'sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=8');
    const bridge = rack.namespace.ip('link', 'show', 'br0');
    const mac = /link\/ether (\S+)/.exec(bridge)?.[1] ?? '';
    for (const name of ['ghost', 'attacker'])
      await this.run(name, 'ip', 'neighbour', 'add', RACK, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
    this.#hosts.set('far', rack.addFarHost(this.host('router'), 'far', '52:54:00:77:08:ff', '10.78.0.1/24'));
    await this.#addAddresses('far', PLACES.far, 24);
    await this.run('far', 'ip', 'route', 'add', 'default', 'via', '10.78.0.1');
    rack.namespace.ip('route', 'add', '10.78.0.0/24', 'via', '10.77.8.2');
    await this.#buildAlongside();
    // In its name, but it neither answers ARP for it nor asks.
    await this.run('attacker', 'ip', 'address', 'add', `${VICTIM}/32`, 'dev', 'lo');
    await this.run('attacker', 'sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=1');
    this.#victim = rack.launch(this.host('victim'), process.execPath, BYSTANDERS_PROGRAM, VICTIM);
    rack.launch(this.host('upstream'), process.execPath, UPSTREAM_PROGRAM, UPSTREAM);
    makeStandInTree(rack.tree);
    writeFileSync(join(rack.tree, 'shimx64.efi'), randomBytes(950_000));
    writeFileSync(join(rack.tree, SHORTEST_NAME), Buffer.alloc(2000, 0x5a));
    writeFileSync(join(rack.tree, 'large'), Buffer.alloc(LARGE_BYTES, 0x5a));
    const authority = makeAuthority(rack.directory, systemClock.wallTimeMs());
    const { cert, key } = authority.issue('rack');
    this.caFile = authority.caFile;
    rack.configure(`${CONFIG}  tls: { cert: ${cert}, key: ${key}, listen: ["${RACK}:5443"] }\n`);
    await rack.start();
    await this.#lease();
    await this.#makeAccounts();
    this.cookie = await this.#signIn('gail');
    await this.#report();
    await this.#setToWork();
    await this.#acceptRack('machine', {});
    const own = { uuid: OTHER_UUID, name: 'rack-3', token: OTHER_TOKEN };
    await this.#acceptRack('upstream', { ...own, interfaces: JSON.stringify([rackInterface(OTHER_NETWORK)]) });
  }

  async #lease(): Promise<void> {
    const asHolder = ['-x', `hostname:${HOLDER_NAME}`, '-s', '/bin/true'];
    await this.run('holder', 'udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '10', ...asHolder);
  }

  async #report(): Promise<void> {
    const report = ['op=new', 'architecture=amd64/generic', `mac_addresses=${REPORTED_MAC}`];
    const words = report.flatMap((field) => ['-d', field]);
    await this.run('machine', 'curl', '-sS', '-o', '/dev/null', ...words, `http://${RACK}:5248/MAAS/api/1.0/nodes/`);
  }

  /** A machine is commissioned in the second network. */
  async #setToWork(): Promise<void> {
    const fields = [
      'architecture=amd64',
      `mac_addresses=${WORKER_MAC}`,
      'power_type=manual',
      'hostname=worker',
      'commission=false',
    ];
    const words = ['-H', `Authorization: ${authorizationOf(this.apiKey)}`, ...fields.flatMap((field) => ['-d', field])];
    await this.run(
      'machine',
      'curl',
      '-sSf',
      '-o',
      '/dev/null',
      ...words,
      `http://${RACK}:5240/MAAS/api/2.0/machines/`,
    );
    await this.#rackboot('machines', 'move', 'worker', 'rack', '--network', 'proxied');
    await this.#rackboot('machines', 'commission', 'worker');
  }

  /** A second network, where another server would give the addresses. */
  async #buildAlongside(): Promise<void> {
    const { namespace } = this.rack;
    for (const words of ['link add br1 type bridge', `address add ${PROXY_RACK}/24 dev br1`, 'link set br1 up'])
      namespace.ip(...words.split(' '));
    const hosts = { booter: [BOOTER_ADDRESS], proxied: PLACES.proxied };
    for (const [index, [name, addresses]] of Object.entries(hosts).entries()) {
      const host = namespace.addHost(name, name === 'booter' ? BOOTER_MAC : `52:54:00:79:00:f${index}`);
      this.#hosts.set(name, host);
      namespace.ip('link', 'set', `h${namespace.names.indexOf(host) + 1}`, 'master', 'br1');
      await this.#addAddresses(name, addresses, 24);
    }
    await this.#addAddresses('booter', FURTHER_RACKS, 24);
    await this.run('booter', 'ip', 'route', 'add', RACK, 'via', PROXY_RACK);
    const mac = /link\/ether (\S+)/.exec(namespace.ip('link', 'show', 'br1'))?.[1] ?? '';
    await this.run('proxied', 'ip', 'neighbour', 'add', PROXY_RACK, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
    await this.run('proxied', 'sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=8');
  }

  /** A rack elsewhere asks to be accepted, and is. */
  async #acceptRack(from: string, more: Readonly<Record<string, string>>): Promise<void> {
    const { uuid = '', ...others } = registrationFields(more);
    const fields = { op: 'register', uuid, ...others };
    const words = Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
    await this.run(from, 'curl', '-sSf', '-o', '/dev/null', ...words, `http://${RACK}:5240/MAAS/api/2.0/nodegroups/`);
    await this.#rackboot('racks', 'accept', uuid);
  }

  /** Adds all addresses by one program: there are hundreds. */
  async #addAddresses(name: string, addresses: readonly string[], prefix: number): Promise<void> {
    const add = `printf 'address add %s/${prefix} dev eth0\\n' "$@" | ip -batch -`;
    if (addresses.length > 0) await this.run(name, 'sh', '-c', add, 'sh', ...addresses);
  }

  /** Makes the administrators, and an account without rights. */
  async #makeAccounts(): Promise<void> {
    const store = openRegionStore({ stateDir: this.rack.stateDir });
    try {
      for (const username of [...ADMINISTRATORS, 'gail', 'mallory', ORDINARY]) {
        const isAdmin = username !== ORDINARY;
        const passwordHash = await hashPassword(PASSWORD, systemClock);
        const createdMs = systemClock.wallTimeMs();
        await store.accounts.addUser({ username, email: '', passwordHash, isAdmin, createdMs });
      }
      this.apiKey = await createApiKey(store, systemClock, 'ann');
      this.attackersKey = await createApiKey(store, systemClock, 'mallory');
      this.ordinaryKey = await createApiKey(store, systemClock, ORDINARY);
    } finally {
      await store.close();
    }
  }

  /** Signs in on the page. @returns the cookie */
  async #signIn(username: string): Promise<string> {
    const form = ['-d', `username=${username}`, '--data-urlencode', `password=${PASSWORD}`];
    const fields = await this.run(
      'machine',
      'curl',
      '-sS',
      '--connect-timeout',
      '10',
      '-D',
      '-',
      '-o',
      '/dev/null',
      ...form,
      SIGN_IN,
    );
    const cookie = /^set-cookie: ([^;]+)/im.exec(fields)?.[1];
    if (cookie === undefined) throw new Error(`${username} cannot sign in: ${fields}`);
    return cookie;
  }

  async #rackboot(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.rack.rackboot(...args);
    if (code !== 0) throw new Error(`rackboot ${args.join(' ')}: ${err}${out}`);
    return out;
  }
}
