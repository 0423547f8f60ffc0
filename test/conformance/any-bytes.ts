// A rack that gets arbitrary bytes, and the conditions that each reply must meet.
//
// 1. Every datagram is answered, recorded, or refused with a reason that is counted: at each moment of quiet the sums agree.
// 2. The number of addresses bounds all state of clients; so it does the queues for the disk and the wire, and the timers.

import assert from 'node:assert/strict';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { replyBytesMax } from '../../src/dhcp/answers/reply.ts';
import { type FindConflict, PROBES_RUNNING_MAX } from '../../src/dhcp/conflicts/conflict-check.ts';
import { identityBy } from '../../src/dhcp/networks/client-identity.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { type DhcpMessage, decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION, optionAddress, optionIdentifier } from '../../src/dhcp/wire/options.ts';
import { readRelayInformation } from '../../src/dhcp/wire/relay-agent.ts';
import {
  ANY,
  formatIpv4,
  type Ipv4,
  type MacAddress,
  mac,
  macFromBytes,
  networkContains,
} from '../../src/ground/address.ts';
import { MAC_B, machine, settle } from '../dhcp/lab.ts';
import { hw, ip } from '../support/lab-facts.ts';
import { BentDatagrams } from './bent-datagrams.ts';
import { numberOf } from './dhcp-datagram.ts';
import { serverOf, WireRack, type WireReply, type Words } from './wire-rack.ts';

const PRINTER = '52:54:00:00:01:10';
const ABSENT = '52:54:00:00:09:09';

/** Two networks on one interface, two behind relays that are one shared network, and one in proxy mode. */
const FILE = `
dhcp:
  options:
    - { name: tz-database-timezone, value: Europe/Berlin }
    - { code: 224, type: text, value: for all, force: true }
cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    router_ip: 10.20.0.254
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.109
    static_ip_range_low: 10.20.0.10
    static_ip_range_high: 10.20.0.99
    authoritative: yes
    lease_time: 60
    options:
      - { name: classless-static-routes, value: [[10.9.0.0/16, 10.20.0.253]], when: { vendor_class: "udhcp*" } }
      - { name: domain-search, value: [lab.example, dc1.lab.example], when: { user_class: iPXE, architecture: [0, 7] } }
      - { code: 43, type: hex, value: "f1040a140005", when: { vendor_class: "PXEClient*" } }
      - { name: boot-file-name, value: other.efi, when: { architecture: 16 } }
    hosts:
      - { mac: "${PRINTER}", ip: 10.20.0.20, hostname: printer, options: [{ code: 225, type: u32, value: 7, force: true }] }
      - { mac: "${ABSENT}", ip: 10.20.0.107 }
  - name: second
    interface: eth1
    ip: 10.22.0.1
    network: 10.22.0.0/24
    ip_range_low: 10.22.0.100
    ip_range_high: 10.22.0.109
    identity: client-id
    authoritative: yes
    t1: 20
    t2: 50
    lease_time: 90
    hosts: [{ mac: "${ABSENT}", client_id: printer, ip: 10.22.0.20 }]
  - name: far
    relayed: true
    shared: hall
    network: 10.30.0.0/24
    router_ip: 10.30.0.1
    ip_range_low: 10.30.0.100
    ip_range_high: 10.30.0.109
    dns_servers: [10.20.0.1]
    lease_time_min: 30
    lease_time_max: 1h
    options: [{ name: log-servers, value: [10.30.0.9], force: true, when: { circuit_id: "eth*" } }]
  - name: farther
    relayed: true
    shared: hall
    network: 10.31.0.0/24
    router_ip: 10.31.0.1
    ip_range_low: 10.31.0.100
    ip_range_high: 10.31.0.103
    dns_servers: [10.20.0.1]
    identity: client-id
  - { name: proxied, interface: eth2, ip: 10.21.0.1, network: 10.21.0.0/24, mode: proxy }
`;

function resolve(): DhcpConfig {
  const parsed = parseConfig(FILE);
  if (!parsed.ok) assert.fail(formatProblems('any-bytes', parsed.problems));
  return parsed.config.dhcp;
}

const ANY_BYTES_CONFIG = resolve();

/** The only client that may get an address. */
interface Owner {
  readonly mac: MacAddress;
  readonly clientId?: string;
}
const FIXED: ReadonlyMap<Ipv4, Owner> = new Map([
  [ip('10.20.0.30'), { mac: MAC_B }],
  [ip('10.20.0.20'), { mac: hw(PRINTER) }],
  [ip('10.20.0.107'), { mac: hw(ABSENT) }],
  [ip('10.22.0.20'), { mac: hw(ABSENT), clientId: 'printer' }],
]);
/** Dynamic and fixed addresses of all networks. */
const ADDRESSES_MAX = 10 + 10 + 10 + 4 + FIXED.size;

/** The wire, which answers probes on command. */
class AskedWire {
  readonly #asked: ((user: MacAddress | undefined) => void)[] = [];

  readonly find: FindConflict = () => new Promise((answer) => this.#asked.push(answer));

  /** Questions without an answer. */
  get asked(): number {
    return this.#asked.length;
  }

  /** Answers the oldest question: one in `oneIn` times by a host that uses the address. */
  answer(random: (below: number) => number, oneIn: number): void {
    this.#asked.shift()?.(random(oneIn) === 0 ? mac(0x0200_0000_0000 + random(3)) : undefined);
  }
}

const PROXY = ip('10.21.0.1');
const OWN = [ip('10.20.0.1'), ip('10.22.0.1'), PROXY];
const COUNTED_EVERY = 64;
/** After one datagram in this number everything that waits is let go, and the sums are compared. */
const QUIET_EVERY = 200;
/** Timers of the rack: the end of a lease, the stock of free addresses, the watch for other servers. */
const TIMERS_MAX = 16;
/** The last ones are those of a network in proxy mode, at both of its ports. */
const SOCKETS = [
  'eth1',
  '10.20.0.1',
  'eth1',
  '10.20.0.1',
  '10.22.0.1',
  'eth2',
  '10.21.0.1',
  'eth2:4011',
  '10.21.0.1:4011',
];

type Random = (below: number) => number;

/** Tallies of a run. */
export interface AnyBytesReport {
  readonly datagrams: number;
  readonly malformed: number;
  readonly replies: Readonly<Record<string, number>>;
  /** Refusals by reason, without those that did not occur. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Events by kind, likewise. */
  readonly events: Readonly<Record<string, number>>;
}

/**
 * Hands datagrams to a rack until `goesOn` says no, which is asked every 1000.
 * @throws Error with seed, number and bytes of the datagram after which something did not hold
 */
export async function handAnyBytes(
  seed: number,
  random: Random,
  goesOn: (done: number, report: () => AnyBytesReport) => boolean,
): Promise<AnyBytesReport> {
  const run = await AnyBytesRun.start(random);
  for (let done = 0; done % 1000 !== 0 || goesOn(done, () => run.report()); done += 1) {
    const bytes = run.next();
    const kept = Buffer.from(bytes);
    try {
      await run.hand(bytes, done);
    } catch (error) {
      throw new Error(`SEED=${seed}, datagram ${done}: ${kept.toString('hex')}`, { cause: error });
    }
  }
  await run.rest();
  return run.report();
}

/** A rack with its wire and its disk. */
class AnyBytesRun {
  readonly #random: Random;
  readonly #rack: WireRack;
  readonly #wire: AskedWire;
  readonly #source: BentDatagrams;
  readonly #replies: Record<string, number> = {};
  /** Messages that may still be answered, by transaction and hardware address. */
  readonly #open = new Map<string, DhcpMessage[]>();
  #handed = 0;

  private constructor(random: Random, rack: WireRack, wire: AskedWire) {
    this.#random = random;
    this.#rack = rack;
    this.#wire = wire;
    this.#source = new BentDatagrams(random);
  }

  static async start(random: Random): Promise<AnyBytesRun> {
    const wire = new AskedWire();
    const rack = await WireRack.start({
      config: ANY_BYTES_CONFIG,
      machines: [machine(MAC_B, '10.20.0.30')],
      findConflict: wire.find,
      canProbe: () => true,
    });
    return new AnyBytesRun(random, rack, wire);
  }

  next(): Uint8Array {
    return this.#source.next();
  }

  async hand(bytes: Uint8Array, done: number): Promise<void> {
    const [random, rack] = [this.#random, this.#rack];
    if (this.#isQuiet()) this.#open.clear();
    // The network overwrites the bytes that it handed over.
    const decoded = decodeDhcpMessage(Uint8Array.from(bytes));
    if (decoded.ok) this.#note(decoded.value);
    const from = decoded.ok && random(3) > 0 ? decoded.value.ciaddr : ANY;
    this.#handed += 1;
    this.#check(rack.hand(bytes, SOCKETS[random(SOCKETS.length)], from));
    if (random(50) === 0) rack.clock.advance(random(90_000));
    // The disk stands still for a while.
    if (random(300) === 0) rack.writes = false;
    if (this.#wire.asked > 0 && random(4) === 0) await this.#hear();
    if (random(QUIET_EVERY) === 0) await this.rest();
    else {
      // Hosts found on the wire are stored, too.
      if (rack.writes) rack.journal.commit();
      this.#check(rack.take());
    }
    if (done % COUNTED_EVERY === 0) this.#checkHeld();
    rack.events.length = 0;
  }

  /** Lets go of everything that waits: the disk writes or fails, the wire answers. Then all is accounted for. */
  async rest(): Promise<void> {
    const rack = this.#rack;
    rack.writes = true;
    if (this.#random(4) === 0) {
      rack.journal.fail();
      rack.journal.recover();
    }
    while (this.#wire.asked > 0) await this.#hear();
    rack.journal.commit();
    this.#check(rack.take());
    this.#checkSums();
  }

  report(): AnyBytesReport {
    const { messages, refusals, events } = this.#rack.server.counters();
    const some = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
      Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
    return {
      datagrams: this.#handed,
      malformed: messages.malformed,
      replies: this.#replies,
      refusals: some(refusals),
      events: some(events),
    };
  }

  #isQuiet(): boolean {
    return this.#wire.asked === 0 && this.#rack.server.waiting === 0;
  }

  #note(message: DhcpMessage): void {
    const key = keyOf(message.xid, message.chaddr);
    const known = this.#open.get(key);
    if (known === undefined) this.#open.set(key, [message]);
    else known.push(message);
  }

  /** The wire answers one question, and what follows from it happens. */
  async #hear(): Promise<void> {
    this.#wire.answer(this.#random, 40);
    await settle();
  }

  /** A reply is a good one to some message that waits for it. */
  #check(replies: readonly WireReply[]): void {
    for (const reply of replies) {
      this.#replies[reply.type] = (this.#replies[reply.type] ?? 0) + 1;
      const requests = this.#open.get(keyOf(reply.xid, reply.chaddr)) ?? [];
      assert.ok(requests.length > 0, 'a reply to nobody');
      if (reply.type === 'ACK' && reply.yiaddr !== ANY) this.#checkHolder(reply);
      const last = requests.at(-1);
      if (last === undefined || isGood(reply, last)) this.#goOn(reply, last);
      else if (!requests.some((request) => isGood(reply, request))) checkReply(reply, last);
    }
  }

  /** The client's next message, if it accepts the answer. */
  #goOn(reply: WireReply, request: DhcpMessage | undefined): void {
    if (request === undefined || reply.yiaddr === ANY) return;
    const { yiaddr: requested } = reply;
    const echoed = [OPTION.clientIdentifier, OPTION.relayAgentInformation];
    const words: Words = {
      mac: macFromBytes(request.chaddr),
      giaddr: request.giaddr,
      options: echoed.flatMap((code) => {
        const value = request.options.get(code);
        return value === undefined || value.length > 255 ? [] : [[code, [...value]] as const];
      }),
    };
    const server = serverOf(reply);
    if (reply.type === 'OFFER') this.#source.goOn({ ...words, type: 'request', requested, server });
    else {
      const next: readonly Words[] = [
        { type: 'request', ciaddr: requested, giaddr: ANY },
        { type: 'request', requested },
        { type: 'release', ciaddr: requested, server, giaddr: ANY },
        { type: 'decline', requested, server },
      ];
      this.#source.goOn({ ...words, ...next[this.#random(next.length)] });
    }
  }

  /** The holder of the lease in an ACK. */
  #checkHolder({ yiaddr, chaddr }: WireReply): void {
    const lease = this.#rack.table.find(yiaddr);
    assert.equal(lease?.state, 'bound', formatIpv4(yiaddr));
    const network = ANY_BYTES_CONFIG.subnets.find((subnet) => networkContains(subnet.network, yiaddr));
    const requests = [...this.#open.values()].flat();
    const isHolder = requests.some(({ chaddr: hardware, options }) => {
      if (Buffer.compare(hardware, Uint8Array.from(chaddr)) !== 0) return false;
      const names = { mac: macFromBytes(hardware), clientId: optionIdentifier(options, OPTION.clientIdentifier) };
      return lease !== undefined && identityBy(network?.identity, names) === identityBy(network?.identity, lease);
    });
    assert.ok(isHolder, `${formatIpv4(yiaddr)} is another’s`);
  }

  #checkSums(): void {
    const { messages, refusals, events } = this.#rack.server.counters();
    const sum = (counts: Readonly<Record<string, number>>): number =>
      Object.values(counts).reduce((total, count) => total + count, 0);
    // A NAK is an answer and a refusal.
    const answers = sum(this.#replies) - (this.#replies.NAK ?? 0);
    const records = events['dhcp.decline'] + events['dhcp.declines-limited'] + events['dhcp.release'];
    assert.equal(sum(messages), this.#handed);
    const { malformed } = messages;
    assert.deepEqual(
      { all: malformed + answers + records + sum(refusals) },
      { all: this.#handed },
      JSON.stringify({ malformed, answers, records, refusals }),
    );
  }

  /** The addresses of a rack bound its state of clients. */
  #checkHeld(): void {
    const { leases, offers, waiting } = this.#rack.server.counters();
    assert.ok(leases <= ADDRESSES_MAX, `${leases} records of leases`);
    assert.ok(offers <= ADDRESSES_MAX, `${offers} offers`);
    assert.equal(waiting === 0 || !this.#rack.writes, true, `${waiting} wait for a disk that writes`);
    assert.ok(this.#wire.asked <= Math.min(PROBES_RUNNING_MAX, ADDRESSES_MAX), `${this.#wire.asked} questions`);
    assert.ok(this.#rack.clock.pending <= TIMERS_MAX, `${this.#rack.clock.pending} timers`);
  }
}

const keyOf = (xid: number, chaddr: Iterable<number>): string => `${xid} ${[...chaddr].join('.')}`;

function isGood(reply: WireReply, request: DhcpMessage): boolean {
  try {
    checkReply(reply, request);
    return true;
  } catch {
    return false;
  }
}

function checkReply(reply: WireReply, request: DhcpMessage): void {
  const own = decodeDhcpMessage(reply.bytes);
  assert.ok(own.ok, 'a reply decodes');
  assert.deepEqual([...own.value.options.keys()].sort(), [...reply.options.keys()].sort());
  const [bytes, agentBytes] = [reply.bytes.length, reply.options.get(82)?.length ?? 0];
  const ownBytes = bytes - agentBytes - 2 * Math.ceil(agentBytes / 255);
  assert.ok(ownBytes <= replyBytesMax(request) && bytes <= 1472, `${bytes} bytes, ${ownBytes} without option 82`);
  assert.deepEqual([reply.op, reply.xid, reply.giaddr], [2, request.xid, request.giaddr]);
  assert.deepEqual(reply.chaddr, [...request.chaddr]);
  checkServer(reply, request);
  checkDestination(reply, request);
  if (reply.type === 'NAK') {
    assert.equal(reply.yiaddr, ANY);
    assert.equal(reply.options.has(51), false);
  } else if (reply.yiaddr !== ANY) checkAddress(reply, request);
}

function checkServer(reply: WireReply, request: DhcpMessage): void {
  const agent = request.options.get(OPTION.relayAgentInformation);
  const override = agent === undefined ? undefined : readRelayInformation(agent).serverIdentifierOverride;
  assert.equal(reply.options.get(54)?.length, 4);
  const server = serverOf(reply);
  // A boot server is asked at its own address, even behind a relay.
  const isOwn = override === undefined || server === PROXY ? OWN.includes(server) : server === override;
  assert.ok(isOwn, formatIpv4(server));
}

/** No host outside of the networks gets an answer, except a relay; no relay is between a client and its boot server. */
function checkDestination({ to, type, by }: WireReply, { giaddr, ciaddr }: DhcpMessage): void {
  if (giaddr !== ANY && to.port === 67) assert.deepEqual(to, { kind: 'unicast', address: giaddr, port: 67 });
  else if (type === 'NAK') assert.equal(to.kind, 'broadcast');
  else if (giaddr !== ANY) assert.match(by, /:4011$/);
  if (to.kind === 'unicast' && to.port !== 67) {
    assert.equal(to.address, ciaddr);
    assert.match(formatIpv4(to.address), /^10\.(2[0-2]|3[01])\.0\.\d+$/);
  }
}

function checkAddress(reply: WireReply, request: DhcpMessage): void {
  const { yiaddr } = reply;
  const shown = formatIpv4(yiaddr);
  const owner = FIXED.get(yiaddr);
  if (owner !== undefined) {
    const clientId = optionIdentifier(request.options, OPTION.clientIdentifier);
    const isOwner =
      macFromBytes(request.chaddr) === owner.mac || (clientId !== undefined && clientId === owner.clientId);
    assert.ok(isOwner, `${shown} is another’s`);
  } else assert.match(shown, /^10\.((20|22|30)\.0\.10\d|31\.0\.10[0-3])$/, 'only dynamic addresses are handed out');
  const [lease = 0, t1 = 0, t2 = 0] = [51, 58, 59].map((code) => numberOf(reply, code));
  assert.ok(lease >= 1 && lease < 0x8000_0000, `${lease} s`);
  assert.ok(t1 <= t2 && t2 <= lease, `${t1} ${t2} ${lease}`);
  const requested = optionAddress(request.options, OPTION.requestedAddress);
  if (reply.type === 'ACK' && requested !== undefined && request.ciaddr === ANY) assert.equal(yiaddr, requested);
}
