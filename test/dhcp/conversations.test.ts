// Random conversations: clients that come, go, lie and lose packets, a disk that fails, a process that is killed, a host that restarts, a
// wall clock that jumps by a day, ranges that change. In no case does a client get an address that another still counts on.
//
// A client here follows RFC 2131: it stops using its address when it starts over, releases, declines or gets a NAK, and accepts only the
// answer to its last message. It counts on the last ACK until its time is over.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { computeBootClock, type HostMoment, restoreLeases, storeLease } from '../../src/dhcp/leases/lease-clock.ts';
import { isActive, LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import type { StoredLease } from '../../src/dhcp/leases/stored-lease.ts';
import type { IdentityRule } from '../../src/dhcp/networks/client-identity.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { Responder } from '../../src/dhcp/responder.ts';
import type { Reply } from '../../src/dhcp/responder-deps.ts';
import { OPTION, optionU8, optionU16List, textBytes } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, formatMac, type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { type Instant, later, seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { type ClientWords, clientBytes, config, machine, planByKind, readReply, subnet, TestJournal } from './lab.ts';

const CONVERSATIONS = 300;
const STEPS = 60;
const CLIENTS = 6;
const DAY_MS = 86_400_000;
const WALL_MS = 1_795_164_429_123;
/** The ranges between which the configuration changes. */
const RANGES = [
  { low: ip('10.20.0.100'), high: ip('10.20.0.103') },
  { low: ip('10.20.0.102'), high: ip('10.20.0.104') },
  { low: ip('10.20.0.99'), high: ip('10.20.0.101') },
] as const;
const ON_WIRE = { interfaceName: 'eth1', localAddress: ANY };

/** A journal that stores records as on disk, with the clocks of the moment. */
class StampedJournal extends TestJournal {
  readonly #stamps: Map<Lease, StoredLease>;
  readonly #moment: () => HostMoment;

  constructor(stamps: Map<Lease, StoredLease>, moment: () => HostMoment) {
    super();
    this.#stamps = stamps;
    this.#moment = moment;
  }

  override append(lease: Lease): number {
    // A record stored again, unchanged, is another one on disk.
    this.#stamps.delete(lease);
    this.#stamps.set(lease, storeLease(lease, this.#moment()));
    return super.append(lease);
  }
}

interface Client {
  /** If identifiers tell clients apart it may change: the client roams. */
  mac: MacAddress;
  /** Option 61 of all its messages; undefined: random. */
  readonly id: string | undefined;
  xid: number;
  sentAt: Instant;
  offered: Ipv4 | undefined;
  /** The lease it counts on. */
  held: { readonly address: Ipv4; readonly until: Instant } | undefined;
  /** The address of an earlier life, which it may ask for again. */
  former: Ipv4 | undefined;
}

class Conversation {
  readonly #random: () => number;
  readonly #clock = new VirtualClock();
  readonly #clients: readonly Client[];
  readonly #identity: IdentityRule;
  /** Each record on disk, in the order of writing. */
  #stamps = new Map<Lease, StoredLease>();
  #journal: TestJournal = new StampedJournal(this.#stamps, () => this.#moment());
  #table = new LeaseTable();
  #responder: Responder;
  #range: (typeof RANGES)[number] = RANGES[0];
  #wallOffsetMs = 0;
  #boot = { id: 'boot-1', at: 0 };
  acks = 0;

  constructor(seed: number, identity: IdentityRule) {
    this.#random = seededRandom(seed);
    this.#identity = identity;
    this.#boot.at = this.#clock.now() - 100_000;
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => {
      return {
        // With identifiers two clients share each hardware address.
        mac: mac(0x525400000001 + (identity === 'mac' ? index : index >> 1)),
        id: identity === 'mac' ? undefined : `client ${index}`,
        xid: index * 1_000_000,
        sentAt: this.#clock.now(),
        offered: undefined,
        held: undefined,
        former: undefined,
      };
    });
    this.#responder = this.#start();
  }

  step(): void {
    const client = this.#clients[this.#below(CLIENTS)];
    if (client === undefined) return;
    const dice = this.#below(100);
    if (dice < 60) this.#speak(client, dice);
    else if (dice < 80) this.#journal.commit(this.#below(3) === 0 ? 1 : undefined);
    else if (dice < 84) this.#journal.fail();
    else if (dice < 90 && !this.#journal.available) this.#journal.recover();
    else if (dice < 92) this.#kill();
    else if (dice === 92) this.#stepClock();
    else if (dice === 93) this.#reload();
    else {
      this.#clock.advance(this.#below(dice < 96 ? 5000 : 90_000));
      this.#responder.expire();
    }
  }

  #start(): Responder {
    const [first] = this.#clients;
    const machines = new MachineDirectory(first === undefined ? [] : [machine(first.mac, '10.20.0.30')]);
    const dhcpConfig = this.#config();
    const responder = new Responder({
      clock: this.#clock,
      journal: this.#journal,
      table: this.#table,
      publish: () => undefined,
      planBoot: planByKind,
      identifyClient: identifyBootClient,
      machines: () => machines,
      transmit: (replies) => {
        for (const reply of replies) this.#hear(reply);
        return new Set();
      },
    });
    responder.setSubnets(indexSubnets(dhcpConfig, undefined), dhcpConfig);
    return responder;
  }

  #config(): DhcpConfig {
    const dynamic = this.#range;
    return config(subnet({ dynamic, leaseTime: seconds(60), identity: this.#identity }));
  }

  #moment(): HostMoment {
    const now = this.#clock.now();
    const wallMs = WALL_MS + now + this.#wallOffsetMs;
    return { now, wallMs, bootId: this.#boot.id, uptimeS: (now - this.#boot.at) / 1000 };
  }

  /** The process is killed, now and then with its host, and starts again from disk. */
  #kill(): void {
    const { durable } = this.#journal;
    const boots = new Map<string, number>();
    // In the order of writing: the newest record of each boot gives its clock.
    for (const [lease, stored] of this.#stamps) {
      if (durable.get(lease.address) === lease) boots.set(stored.bootId, computeBootClock(stored));
    }
    const kept = [...this.#stamps].filter(([lease]) => durable.get(lease.address) === lease);
    const isNewBoot = this.#below(2) === 0;
    if (isNewBoot) this.#boot = { id: `boot-${this.#clock.now()}`, at: this.#clock.now() };
    const jump = this.#below(4);
    if (jump === 0) this.#wallOffsetMs -= DAY_MS;
    else if (jump === 1) this.#wallOffsetMs += DAY_MS;
    const stored = kept.map(([, one]) => one);
    const restored = restoreLeases(stored, this.#moment(), boots);
    this.#stamps = new Map(restored.map((lease, index) => [lease, stored[index] ?? storeLease(lease, this.#moment())]));
    this.#journal = new StampedJournal(this.#stamps, () => this.#moment());
    for (const lease of restored) this.#journal.durable.set(lease.address, lease);
    this.#table = new LeaseTable();
    this.#table.load(restored, this.#clock.now());
    this.#responder = this.#start();
    this.#restamp();
  }

  /** The wall clock is set. */
  #stepClock(): void {
    if (!this.#journal.available) return;
    this.#wallOffsetMs += this.#below(2) === 0 ? -DAY_MS : DAY_MS;
    this.#restamp();
  }

  /** As the rack does at its start and when it notices a step (`DhcpServer.restamp`). */
  #restamp(): void {
    const now = this.#clock.now();
    const [running] = this.#table
      .all()
      .filter((lease) => isActive(lease, now))
      .toSorted((a, b) => b.grantedAt - a.grantedAt);
    if (running !== undefined && running.grantedAt >= this.#boot.at) this.#journal.append(running);
    this.#journal.commit();
  }

  #reload(): void {
    this.#range = RANGES[this.#below(RANGES.length)] ?? RANGES[0];
    const dhcpConfig = this.#config();
    this.#responder.setSubnets(indexSubnets(dhcpConfig, undefined), dhcpConfig);
  }

  #speak(client: Client, dice: number): void {
    const pxe = this.#below(3) === 0 ? { vendorClass: 'PXEClient:Arch:00000:UNDI:002001' } : {};
    client.xid += 1;
    client.sentAt = this.#clock.now();
    if (client.id !== undefined && this.#below(6) === 0) client.mac = mac(0x525400000001 + this.#below(CLIENTS / 2));
    const id = client.id ?? `system ${this.#below(3)}`;
    const options = [[OPTION.clientIdentifier, textBytes(id)]] as const;
    const base = { mac: client.mac, xid: client.xid, options, ...pxe };
    const anyAddress = ipv4(ip('10.20.0.99') + this.#below(6));
    const held = this.#heldBy(client);
    let words: ClientWords;
    if (dice < 18) {
      this.#startAgain(client);
      const requested = this.#below(2) === 0 ? (client.former ?? anyAddress) : undefined;
      words = { ...base, type: 'discover', requested };
    } else if (dice < 38) {
      this.#startAgain(client);
      const requested = this.#below(8) === 0 ? anyAddress : (client.offered ?? anyAddress);
      words = { ...base, type: 'request', requested, server: this.#below(10) === 0 ? ip('10.20.0.66') : RACK };
    } else if (dice < 44) {
      this.#startAgain(client);
      words = { ...base, type: 'request', requested: client.former ?? anyAddress };
    } else if (dice < 54) words = { ...base, type: 'request', ciaddr: held ?? anyAddress };
    else if (dice < 57) {
      // A client may release or decline addresses that are not its own, but it stops using only its own.
      const address = this.#below(3) === 0 ? anyAddress : (held ?? anyAddress);
      if (address === held) this.#startAgain(client);
      words = { ...base, type: 'release', ciaddr: address, server: RACK };
    } else {
      const address = held ?? anyAddress;
      this.#startAgain(client);
      words = { ...base, type: 'decline', requested: address, server: RACK };
    }
    const bytes = clientBytes(words);
    this.#responder.receive([{ bytes, from: ANY, fromPort: 68 }], ON_WIRE);
    bytes.fill(0xee);
  }

  #heldBy(client: Client): Ipv4 | undefined {
    return client.held !== undefined && client.held.until > this.#clock.now() ? client.held.address : undefined;
  }

  #startAgain(client: Client): void {
    client.former = this.#heldBy(client) ?? client.former;
    client.held = undefined;
  }

  #hear({ datagram }: Reply): void {
    const message = readReply(datagram.bytes);
    const client = this.#clients[Math.floor(message.xid / 1_000_000)];
    assert.ok(client !== undefined);
    const type = optionU8(message.options, OPTION.messageType);
    if (type === 5) this.#checkAlone(client, message.yiaddr);
    if (type === 2) this.#checkOffered(message.yiaddr);
    if (this.#below(10) === 0 || message.xid !== client.xid) return;
    if (type === 2) client.offered = message.yiaddr;
    else if (type === 6) client.held = undefined;
    else if (type === 5) {
      const [high = 0, low = 0] = optionU16List(message.options, OPTION.leaseTime);
      // RFC 2131 §4.4.1: the lease runs from the time at which the request was sent.
      const until = later(client.sentAt, (high * 65_536 + low) * 1000);
      client.held = { address: message.yiaddr, until };
      this.acks += 1;
    }
  }

  #checkAlone(client: Client, address: Ipv4): void {
    assert.notEqual(address, RACK);
    const lease = this.#journal.durable.get(address);
    const isOwn = client.id === undefined ? lease?.mac === client.mac : lease?.clientId === client.id;
    assert.ok(isOwn, `the ACK of ${formatIpv4(address)} left before its record was on disk`);
    const other = this.#clients.find((one) => one !== client && this.#heldBy(one) === address);
    if (other === undefined) return;
    assert.fail(`${formatIpv4(address)} went to ${formatMac(client.mac)} while ${formatMac(other.mac)} uses it`);
  }

  /** An offer is of the range in force, or the address of the machine. */
  #checkOffered(address: Ipv4): void {
    const { low, high } = this.#range;
    assert.ok((address >= low && address <= high) || address === ip('10.20.0.30'), formatIpv4(address));
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

for (const identity of ['mac', 'client-id'] as const) {
  test(`in ${CONVERSATIONS} random conversations no address is bound to two clients, told apart by ${identity}`, () => {
    let acks = 0;
    for (let seed = 1; seed <= CONVERSATIONS; seed += 1) {
      const conversation = new Conversation(seed, identity);
      try {
        for (let step = 0; step < STEPS; step += 1) conversation.step();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      acks += conversation.acks;
    }
    assert.ok(acks > CONVERSATIONS, `only ${acks} leases were given: the conversations say little`);
  });
}

test('no bytes on the wire make the server throw', () => {
  const seed = 11;
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const table = new LeaseTable();
  const journal = new TestJournal();
  const dhcpConfig = config();
  const responder = new Responder({
    clock,
    journal,
    table,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    publish: () => undefined,
    machines: () => new MachineDirectory([]),
    transmit: () => new Set(),
  });
  responder.setSubnets(indexSubnets(dhcpConfig, undefined), dhcpConfig);
  const types = ['discover', 'request', 'decline', 'release', 'inform'] as const;
  for (let count = 0; count < 20_000; count += 1) {
    const bytes = clientBytes({
      type: types[count % types.length],
      mac: mac(0x525400000000 + Math.floor(random() * 50)),
      requested: ipv4(ip('10.20.0.98') + Math.floor(random() * 16)),
      vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
    }).subarray(0, random() < 0.3 ? Math.floor(random() * 300) : 300);
    for (let change = Math.floor(random() * 4); change > 0; change -= 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    try {
      responder.receive([{ bytes, from: ANY, fromPort: 68 }], ON_WIRE);
    } catch (error) {
      throw new Error(`seed ${seed}, datagram ${count}: ${Buffer.from(bytes).toString('hex')}`, { cause: error });
    }
    journal.commit();
  }
  assert.ok(table.size <= 10, 'only addresses of the range have records');
});
