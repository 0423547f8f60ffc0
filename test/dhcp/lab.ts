// A small network for DHCP tests: subnets, clients that build messages, and a network and a journal that the test controls.

import { identifyBootClient } from '../../src/boot/client.ts';
import type { BootPlan, BootQuery } from '../../src/boot/plan.ts';
import type { DhcpState } from '../../src/dhcp/answers/inquiry.ts';
import type { Lease, LeaseState } from '../../src/dhcp/leases/lease.ts';
import type { JournalFault, LeaseJournal, LeaseJournalListener } from '../../src/dhcp/leases/lease-journal.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { type OfferPlace, Offers } from '../../src/dhcp/leases/offers.ts';
import { type DhcpConfig, type DhcpSubnet, PROXY_PORT } from '../../src/dhcp/networks/config.ts';
import { type Arrival, indexSubnets, type SubnetIndex } from '../../src/dhcp/networks/subnet.ts';
import {
  BROADCAST_FLAG,
  clientRequest,
  type DhcpMessage,
  decodeDhcpMessage,
  encodeDhcpMessage,
} from '../../src/dhcp/wire/message.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, optionText, textBytes, u8Bytes } from '../../src/dhcp/wire/options.ts';
import {
  ANY,
  computeBroadcastAddress,
  formatIpv4,
  type Ipv4,
  type MacAddress,
  parseNetwork,
} from '../../src/ground/address.ts';
import { instant, later, seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import type {
  DatagramSocket,
  Destination,
  HostNetwork,
  OutgoingDatagram,
  SocketRequest,
} from '../../src/net/datagrams/datagram.ts';
import { hw, ip, RACK, rackMachine } from '../support/lab-facts.ts';

export const MAC_A = hw('52:54:00:00:00:0a');
export const MAC_B = hw('52:54:00:00:00:0b');
export const MAC_C = hw('52:54:00:00:00:0c');

/** The instant of every decision. */
export const NOW = instant(10_000_000);
/** A broadcast on the wire, and a datagram to the rack's own address. */
export const ON_WIRE: Arrival = { interfaceName: 'eth1', localAddress: ANY };
export const TO_RACK: Arrival = { interfaceName: undefined, localAddress: RACK };

/** A host on the wire that sends to the rack's own address without naming one of its own. */
const UNNAMED = ip('10.20.0.2');

/** The default source of a datagram: its relay agent, its client's address, or a host of the shared network. */
export function sourceOf(
  { from, giaddr = ANY, ciaddr = ANY }: Pick<ClientWords, 'from' | 'giaddr' | 'ciaddr'>,
  isUnicast: boolean,
): Ipv4 {
  if (from !== undefined) return from;
  if (giaddr !== ANY) return giaddr;
  return ciaddr === ANY && isUnicast ? UNNAMED : ciaddr;
}

/** A lease of ten minutes that ends so many seconds after NOW. */
export function leaseAt(mac: MacAddress, address: string, endsInS: number, state: LeaseState = 'bound'): Lease {
  const expiresAt = later(NOW, endsInS * 1000);
  return { address: ip(address), mac, state, grantedAt: later(expiresAt, -600_000), expiresAt, duration: seconds(600) };
}

/** 10.20.0.0/24 on eth1, dynamic .100 to .109, static .10 to .99. */
export function subnet(changes: Partial<DhcpSubnet> = {}): DhcpSubnet {
  const network = changes.network ?? parseNetwork('10.20.0.0/24') ?? { address: ANY, prefix: 0 };
  return {
    name: 'lab',
    interfaceName: 'eth1',
    serverAddress: RACK,
    network,
    broadcast: computeBroadcastAddress(network),
    router: ip('10.20.0.254'),
    dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.109') },
    static: { low: ip('10.20.0.10'), high: ip('10.20.0.99') },
    domain: 'maas',
    dnsServers: [RACK],
    ntpServers: [],
    leaseTime: seconds(600),
    reservations: [],
    ...changes,
  };
}

/** 10.30.0.0/24, reached through relays only. */
export const relayedSubnet = (): DhcpSubnet =>
  subnet({
    name: 'far',
    interfaceName: undefined,
    serverAddress: undefined,
    network: parseNetwork('10.30.0.0/24') ?? { address: ANY, prefix: 0 },
    router: ip('10.30.0.1'),
    dynamic: { low: ip('10.30.0.100'), high: ip('10.30.0.109') },
    static: undefined,
  });

export const config = (...subnets: readonly DhcpSubnet[]): DhcpConfig => ({
  subnets: subnets.length === 0 ? [subnet()] : subnets,
  serverPort: 67,
  clientPort: 68,
});

export function machine(mac: MacAddress, address: string, changes: Partial<RackMachine> = {}): RackMachine {
  const addresses = [{ mac, address: ip(address) }];
  return rackMachine({
    hostname: 'swift-fox',
    statusName: 'Deployed',
    purpose: 'local',
    macs: [mac],
    addresses,
    ...changes,
  });
}

/** The loader's name shows what kind of client asked. */
export const planByKind = ({ client, serverAddress }: BootQuery): BootPlan => ({
  serverAddress,
  file: client.kind === 'uefi-http' ? `http://${formatIpv4(serverAddress)}:5248/boot.efi` : `${client.kind}.bin`,
  vendorClass: client.kind === 'uefi-http' ? 'HTTPClient' : undefined,
  pathPrefix: client.kind === 'bios' ? 'http://rack/' : undefined,
  reason: { loaderKey: 'test' },
});

/** A client's place on a shared network whose one network is the first of these. */
export function aloneIn({ served: [served] }: SubnetIndex): OfferPlace {
  if (served === undefined) throw new Error('no network is served');
  return { served, sharedNetwork: [served] };
}

/** A state to decide on, with its table and offers to fill. */
export interface LabState extends DhcpState {
  readonly leases: LeaseTable;
  readonly offers: Offers;
}

export function labState(dhcpConfig: DhcpConfig = config(), machines: readonly RackMachine[] = []): LabState {
  const leases = new LeaseTable();
  const directory = new MachineDirectory(machines);
  const subnets = indexSubnets(dhcpConfig, undefined);
  leases.serve(subnets.served, directory);
  return {
    leases,
    offers: new Offers(leases.pools),
    machines: directory,
    subnets,
    ports: { serverPort: dhcpConfig.serverPort, clientPort: dhcpConfig.clientPort },
    identifyClient: identifyBootClient,
    planBoot: planByKind,
  };
}

/** The content of a client's message; `options` come after the named ones. */
export interface ClientWords {
  readonly type?: keyof typeof MESSAGE_TYPE | undefined;
  readonly mac?: MacAddress;
  readonly xid?: number;
  readonly broadcast?: boolean;
  readonly ciaddr?: Ipv4;
  readonly giaddr?: Ipv4;
  readonly requested?: Ipv4 | undefined;
  readonly server?: Ipv4 | undefined;
  readonly vendorClass?: string;
  readonly options?: readonly (readonly [number, Uint8Array])[];
  /** The source of the datagram, where it is not ciaddr. */
  readonly from?: Ipv4;
  readonly op?: number;
  readonly htype?: number;
  readonly hlen?: number;
}

export function clientMessage(words: ClientWords): DhcpMessage {
  const options = new Map<number, Uint8Array>();
  if (words.type !== undefined) options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE[words.type]));
  if (words.requested !== undefined) options.set(OPTION.requestedAddress, addressBytes(words.requested));
  if (words.server !== undefined) options.set(OPTION.serverIdentifier, addressBytes(words.server));
  if (words.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(words.vendorClass));
  for (const [code, value] of words.options ?? []) options.set(code, value);
  const { op = 1, htype = 1, hlen = 6, xid = 0x1234, ciaddr = ANY, giaddr = ANY } = words;
  const flags = words.broadcast === true ? BROADCAST_FLAG : 0;
  return { ...clientRequest(words.mac ?? MAC_A, options, { xid, flags, ciaddr, giaddr }), op, htype, hlen };
}

export const clientBytes = (words: ClientWords): Uint8Array => encodeDhcpMessage(clientMessage(words), 1472).bytes;

/** Reads back a server's message. */
export function readReply(bytes: Uint8Array): DhcpMessage {
  const decoded = decodeDhcpMessage(bytes);
  if (!decoded.ok) throw new Error(`the reply does not decode: ${JSON.stringify(decoded.fault)}`);
  return decoded.value;
}

/** A datagram that a socket was given to send. */
export interface Sent extends OutgoingDatagram {
  readonly socketName: string;
}

/** A network whose other side is the test. */
export class TestNetwork implements Pick<HostNetwork, 'open' | 'tap'> {
  /** The source of delivered datagrams. */
  from: Ipv4 = ANY;
  readonly sent: Sent[] = [];
  /** The names of what was opened and closed, in order. */
  readonly log: string[] = [];
  /** Errors to throw for names, until taken out. */
  readonly failures = new Map<string, Error>();
  readonly #open = new Map<string, { request: SocketRequest; socket: DatagramSocket }>();

  async open(request: SocketRequest): Promise<DatagramSocket> {
    const place = request.device ?? formatIpv4(request.address);
    // The second socket at the port of boot servers has that port in its name.
    const name = request.port === PROXY_PORT ? `${place}:${PROXY_PORT}` : place;
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
    const counters = { received: 0, sent: 0, sendErrors: 0, receiveDrops: undefined };
    const socket: DatagramSocket = {
      interfaceName: request.device,
      localAddress: request.address,
      localPort: request.port,
      send: (datagrams) => void this.sent.push(...datagrams.map((datagram) => ({ ...datagram, socketName: name }))),
      counters: () => counters,
      close: () => {
        this.log.push(`close ${name}`);
        this.#open.delete(name);
      },
    };
    this.#open.set(name, { request, socket });
    this.log.push(`open ${name}`);
    return socket;
  }

  tap(): undefined {}

  async close(): Promise<void> {
    for (const { socket } of this.#open.values()) socket.close();
  }

  /** Hands datagrams to the socket of that name, in one turn. */
  deliver(name: string, ...datagrams: readonly Uint8Array[]): void {
    const held = this.#open.get(name);
    if (held === undefined) throw new Error(`no socket ${name} is open`);
    const received = datagrams.map((bytes) => ({ bytes, from: this.from, fromPort: 68 }));
    held.request.onDatagrams(received, held.socket);
    // The real network overwrites the bytes it handed over.
    for (const bytes of datagrams) bytes.fill(0xee);
  }

  /** Takes what was sent since the last call. */
  take(): readonly { readonly message: DhcpMessage; readonly to: Destination; readonly socketName: string }[] {
    return this.sent.splice(0).map(({ bytes, to, socketName }) => ({ message: readReply(bytes), to, socketName }));
  }
}

const FULL: JournalFault = { reason: 'write-failed', database: 'leases.db', said: 'disk full' };

/** A journal whose disk the test moves by hand. */
export class TestJournal implements LeaseJournal {
  available = true;
  /** How many records may wait. */
  pendingMax = Number.POSITIVE_INFINITY;
  readonly pending: { readonly sequence: number; readonly lease: Lease }[] = [];
  /** The disk: the newest record of each address. */
  readonly durable = new Map<Ipv4, Lease>();
  #sequence = 0;
  #listener: LeaseJournalListener | undefined;

  get freeRecords(): number {
    return this.available ? Math.max(0, this.pendingMax - this.pending.length) : 0;
  }

  append(lease: Lease): number {
    if (this.freeRecords === 0) throw new Error('appended to a journal that is not available');
    this.#sequence += 1;
    this.pending.push({ sequence: this.#sequence, lease });
    return this.#sequence;
  }

  listen(listener: LeaseJournalListener): void {
    this.#listener = listener;
  }

  /** The disk writes the first `count` records. */
  commit(count = this.pending.length): void {
    const written = this.pending.splice(0, count);
    for (const { lease } of written) this.durable.set(lease.address, lease);
    const last = written.at(-1);
    if (last !== undefined) this.#listener?.onDurable(last.sequence);
  }

  /** The disk refuses what is pending. */
  fail(): void {
    const lost = this.pending.splice(0);
    this.available = false;
    const [first] = lost;
    if (first !== undefined) this.#listener?.onFailed(first.sequence, this.#sequence, FULL);
  }

  /** The disk takes too long; what is pending stays pending. */
  slow(): void {
    this.available = false;
    this.#listener?.onSlow({ ...FULL, reason: 'disk-slow' });
  }

  recover(): void {
    this.available = true;
    this.#listener?.onAvailable();
  }

  async close(): Promise<void> {
    this.commit();
  }
}

/** Lets promises that are already settled run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A client that sends this client identifier. */
export const called = (id: string): ClientWords => ({ options: [[OPTION.clientIdentifier, textBytes(id)]] });

/** The text of an option of a message; undefined: it has no such option. */
export const textOption = (message: DhcpMessage, code: number): string | undefined => optionText(message.options, code);
