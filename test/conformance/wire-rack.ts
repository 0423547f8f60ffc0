// A rack on a wire in virtual time: bytes in by a socket's name, bytes out with where they go. The disk writes at once unless the
// test holds it back.

import { identifyBootClient } from '../../src/boot/client.ts';
import type { PlanBoot } from '../../src/dhcp/answers/inquiry.ts';
import type { FindConflict } from '../../src/dhcp/conflicts/conflict-check.ts';
import { DHCP_EVENTS, type DhcpEvent } from '../../src/dhcp/events/events.ts';
import type { DhcpRefusal } from '../../src/dhcp/events/refusals.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { MESSAGE_TYPE } from '../../src/dhcp/wire/options.ts';
import { ANY, type Ipv4, ipv4, type MacAddress, macToBytes } from '../../src/ground/address.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import type { Destination } from '../../src/net/datagrams/datagram.ts';
import { config, MAC_A, planByKind, sourceOf, TestJournal, TestNetwork } from '../dhcp/lab.ts';
import { RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import {
  type ClientDatagram,
  readDatagram,
  type ServerDatagram,
  type WireOption,
  writeDatagram,
} from './dhcp-datagram.ts';

/** A reply, and how it left. */
export interface WireReply extends ServerDatagram {
  /** Option 53 in words. */
  readonly type: string;
  readonly to: Destination;
  /** The socket by which it left. */
  readonly by: string;
}

/** The fields of a message; `type` becomes option 53, `requested` 50, `server` 54. */
export interface Words extends Partial<Omit<ClientDatagram, 'options'>> {
  readonly type?: keyof typeof MESSAGE_TYPE;
  readonly requested?: Ipv4;
  readonly server?: Ipv4;
  /** The source of the datagram, where it is not ciaddr. */
  readonly from?: Ipv4;
  readonly options?: readonly WireOption[];
}

const addressOf = (address: Ipv4): readonly number[] => [
  (address >>> 24) & 255,
  (address >>> 16) & 255,
  (address >>> 8) & 255,
  address & 255,
];

/** The bytes of a message. */
export function datagramOf(words: Words): Uint8Array {
  const { type, requested, server, options = [], from: _source, ...fields } = words;
  const named: WireOption[] = [];
  if (type !== undefined) named.push([53, [MESSAGE_TYPE[type]]]);
  if (requested !== undefined) named.push([50, addressOf(requested)]);
  if (server !== undefined) named.push([54, addressOf(server)]);
  return writeDatagram({ mac: MAC_A, ...fields, options: [...named, ...options] });
}

const TYPES = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

/** The knowledge and the networks of a rack on the wire. */
export interface WireRackOptions {
  readonly config?: DhcpConfig;
  readonly machines?: readonly RackMachine[];
  readonly planBoot?: PlanBoot;
  readonly findConflict?: FindConflict;
  /** Undefined: the wire is asked for an offer alone, and nothing ahead of need. */
  readonly canProbe?: (interfaceName: string) => boolean;
}

export class WireRack {
  readonly network = new TestNetwork();
  readonly journal = new TestJournal();
  readonly table = new LeaseTable();
  readonly clock = new VirtualClock();
  readonly events: DhcpEvent[] = [];
  readonly server: DhcpServer;
  #machines: MachineDirectory;
  /** False: the disk stands still until `journal.commit`. */
  writes = true;

  private constructor(options: WireRackOptions) {
    this.#machines = new MachineDirectory(options.machines ?? []);
    const isDhcp = (kind: string): kind is DhcpEvent['kind'] => kind in DHCP_EVENTS;
    this.server = new DhcpServer({
      network: this.network,
      clock: this.clock,
      journal: this.journal,
      table: this.table,
      publish: (event) => {
        if (isDhcp(event.kind)) this.events.push({ ...event, kind: event.kind });
      },
      planBoot: options.planBoot ?? planByKind,
      identifyClient: identifyBootClient,
      machines: () => this.#machines,
      findConflict: options.findConflict,
      canProbe: options.canProbe,
    });
  }

  static async start(options: WireRackOptions = {}): Promise<WireRack> {
    const rack = new WireRack(options);
    await rack.server.configure(options.config ?? config());
    rack.events.length = 0;
    return rack;
  }

  /** From now on the region knows these machines. */
  know(...machines: readonly RackMachine[]): void {
    this.#machines = new MachineDirectory(machines);
  }

  /** Sends a message to the socket of that name and returns the answers. */
  say(words: Words, socketName = 'eth1'): readonly WireReply[] {
    return this.hand(datagramOf(words), socketName, sourceOf(words, /^[\d.:]+$/.test(socketName)));
  }

  /** Sends bytes, which the network overwrites afterwards, as the real one does. */
  hand(bytes: Uint8Array, socketName = 'eth1', from: Ipv4 = ANY): readonly WireReply[] {
    this.network.from = from;
    this.network.deliver(socketName, bytes);
    if (this.writes) this.journal.commit();
    return this.take();
  }

  /** The messages sent since the last call. */
  take(): readonly WireReply[] {
    return this.network.sent.splice(0).map(({ bytes, to, socketName }) => {
      const datagram = readDatagram(bytes);
      return { ...datagram, type: TYPES[datagram.options.get(53)?.[0] ?? 0] ?? '?', to, by: socketName };
    });
  }

  /** Sends a message and returns the one reply; undefined: silence. */
  ask(words: Words, socketName = 'eth1'): WireReply | undefined {
    const [reply, ...more] = this.say(words, socketName);
    if (more.length > 0) throw new Error(`${more.length + 1} replies to one message`);
    return reply;
  }

  /** DISCOVER and REQUEST of a client that accepts the offer; its ACK. */
  lease(mac: MacAddress = MAC_A, more: Words = {}, socketName = 'eth1'): WireReply | undefined {
    const offer = this.ask({ ...more, type: 'discover', mac }, socketName);
    if (offer === undefined) return undefined;
    const { requested: _wish, ...rest } = more;
    return this.ask({ ...rest, type: 'request', mac, requested: offer.yiaddr, server: serverOf(offer) }, socketName);
  }

  /** How often this reason was counted since the start. */
  refused(reason: DhcpRefusal): number {
    return this.server.counters().refusals[reason];
  }
}

/** Option 54 of a reply, as an address; the rack's own where there is none. */
export function serverOf(reply: ServerDatagram): Ipv4 {
  const [a, b, c, d] = reply.options.get(54) ?? [];
  if (a === undefined || b === undefined || c === undefined || d === undefined) return RACK;
  return ipv4((a << 24) | (b << 16) | (c << 8) | d);
}

/** The 16 bytes of `chaddr` of a client. */
export const chaddrOf = (mac: MacAddress): readonly number[] => [...macToBytes(mac), ...new Array<number>(10).fill(0)];
