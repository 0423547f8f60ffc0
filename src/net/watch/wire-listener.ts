// The net worker's sockets on the wires: they receive ARP, the kernel's neighbour changes and
// router discovery (`router-listener.ts`), and send ARP probes and magic packets. Sources: packet(7),
// RFC 5227.
//
// 1. No input from strangers throws, and no flood keeps the thread busy (`frame-socket.ts`).
// 2. Only served interfaces that are up and have a hardware address take part; they are looked up
//    by name again after each change.
// 3. A socket that cannot be opened, or fails, is reported once.
// 4. Answers to ARP probes have their own socket, for which the kernel keeps nothing else
//    (`probe-filter.ts`). It is read first and never rests, so a flood costs sightings but no
//    answers.
// 5. Frames of this host's other interfaces are ignored: on a shared wire, Linux answers on each of
//    them for the addresses of all.

import { ANY, BROADCAST_MAC, isHostMac, LIMITED_BROADCAST, type MacAddress } from '../../ground/address.ts';
import { type Instant, systemClock } from '../../ground/clock.ts';
import type { HostInterface } from '../host-interface.ts';
import { FrameSocket } from '../linux/frame-socket.ts';
import type { Libc } from '../linux/libc.ts';
import { NetlinkDump } from '../linux/netlink-dump.ts';
import { ACCEPT } from '../linux/packet-filter.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, type HeardFrame, PacketSocket } from '../linux/packet-socket.ts';
import { NO_PROBES, probeFilter } from '../linux/probe-filter.ts';
import { NETLINK_NEIGHBOUR_GROUP, type NetlinkMessage, RTM_GETNEIGH } from '../netlink.ts';
import { FRAME_HEADER_BYTES, writeFrame } from '../raw-frame.ts';
import { decodeArp, encodeArpProbe, isHostAddress } from './arp.ts';
import { ArpProbes, type ProbeQuestion, type ProbeVerdict } from './arp-probes.ts';
import { ETHERTYPE_WAKE, encodeMagicPacket, WAKE_PORT } from './magic-packet.ts';
import { type Sighting, SightingFilter } from './neighbours.ts';
import type { FromNetWorker, ToNetWorker, WakeRequest } from './net-message.ts';
import { RouterListener } from './router-listener.ts';
import type { ServedInterface } from './served-interface.ts';

/** The most sightings in one message to the main thread. */
const SIGHTINGS_MAX = 1024;

export class WireListener {
  readonly #tell: (message: FromNetWorker) => void;
  readonly #probes = new ArpProbes();
  readonly #filter = new SightingFilter();
  readonly #routers: RouterListener;
  readonly #answers: FrameSocket;
  readonly #arp: FrameSocket;
  #neighbours: NetlinkDump | undefined;
  #names: ReadonlySet<string> = new Set();
  #host: readonly HostInterface[] = [];
  #ownMacs: ReadonlySet<MacAddress> = new Set();
  #interfaces: ReadonlyMap<number, ServedInterface> = new Map();
  #sightings: Sighting[] = [];
  /** True if probes started or ended since the filter was set. */
  #isFilterOld = false;

  constructor(libc: Libc, tell: (message: FromNetWorker) => void) {
    this.#tell = tell;
    this.#arp = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_ARP, [ACCEPT]));
    this.#answers = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_ARP, NO_PROBES), false);
    this.#routers = new RouterListener(libc, tell);
    try {
      this.#neighbours = new NetlinkDump(libc, NETLINK_NEIGHBOUR_GROUP, [RTM_GETNEIGH], {
        onDump: () => undefined,
        onMessage: (message) => this.#onNeighbour(message),
        onDumped: () => undefined,
      });
    } catch {
      // Without it, neighbours only the kernel knows are not shown.
    }
    this.#tellSenses();
  }

  /** Resting sockets are left out. */
  descriptors(now: Instant): readonly number[] {
    return [this.#answers, this.#arp, this.#routers]
      .map((socket) => socket.descriptor(now))
      .concat(this.#neighbours?.fd)
      .filter((fd) => fd !== undefined);
  }

  /** Undefined if nothing is due. */
  get nextAt(): Instant | undefined {
    const due = [this.#probes.nextAt, this.#arp.restsUntil, ...this.#routers.dueAt].filter((at) => at !== undefined);
    return due.length === 0 ? undefined : due.reduce((first, at) => (at < first ? at : first));
  }

  command(message: ToNetWorker): void {
    if (message.kind === 'serve') this.#serve(message.names);
    else if (message.kind === 'advertise') this.#routers.advertise(message);
    else if (message.kind === 'booting') this.#routers.noteBooting(message);
    else if (message.kind === 'wake') this.#wake(message);
    else this.#probe(message.id, message);
  }

  interfacesChanged(host: readonly HostInterface[]): void {
    this.#host = host;
    this.#ownMacs = new Set(host.flatMap(({ mac }) => mac ?? []));
    this.#findInterfaces();
  }

  work(): void {
    const now = systemClock.now();
    this.#drainArp(this.#answers, (frame) => this.#onAnswer(frame), now);
    this.#drainArp(this.#arp, (frame) => this.#onArp(frame, now), now);
    if (this.#routers.work(now)) this.#tellSenses();
    try {
      this.#neighbours?.drain();
      this.#neighbours?.recover();
    } catch {
      this.#neighbours?.close();
      this.#neighbours = undefined;
    }
    this.#tellSightings();
    this.#runProbes();
  }

  close(): void {
    for (const socket of [this.#answers, this.#arp, this.#routers, this.#neighbours]) socket?.close();
  }

  /** A probe needs both sockets of ARP. */
  #tellSenses(): void {
    this.#tell({ kind: 'senses', arp: this.#arp.problem || this.#answers.problem, routers: this.#routers.problem });
  }

  #serve(names: readonly string[]): void {
    const before = this.#names;
    this.#names = new Set(names);
    this.#findInterfaces();
    // A new listener gets all known neighbours.
    if (names.every((name) => before.has(name))) return;
    this.#filter.clear();
    this.#neighbours?.dump();
  }

  #findInterfaces(): void {
    const interfaces = new Map<number, ServedInterface>();
    for (const { name, index, mac, up } of this.#host) {
      if (mac === undefined || !isHostMac(mac) || !up || !this.#names.has(name)) continue;
      interfaces.set(index, { name, index, mac });
    }
    const added = [...interfaces.values()].filter(({ name, index }) => this.#interfaces.get(index)?.name !== name);
    this.#interfaces = interfaces;
    this.#arp.socket?.hearOnly([...interfaces.keys()]);
    this.#routers.hearOnly(interfaces, added);
  }

  #drainArp(socket: FrameSocket, take: (frame: HeardFrame) => void, now: Instant): void {
    if (socket.drain(take, now) !== 'failed') return;
    // Each ARP socket is useless without the other.
    for (const other of [this.#answers, this.#arp]) other.fail(socket.problem);
    this.#tellSenses();
  }

  #onAnswer({ bytes, interfaceIndex, from }: HeardFrame): void {
    const packet = decodeArp(bytes);
    if (this.#ownMacs.has(from)) return;
    const verdict = packet.ok ? this.#probes.hear(packet.value, interfaceIndex, from) : undefined;
    if (verdict !== undefined) this.#tellProbed(verdict);
  }

  /** A host speaks for itself only: port security checks the source of a frame, not what ARP says inside. */
  #onArp({ bytes, interfaceIndex, from }: HeardFrame, now: Instant): void {
    const served = this.#interfaces.get(interfaceIndex);
    if (served === undefined) return;
    const packet = decodeArp(bytes);
    if (!packet.ok) return;
    const { sender, senderMac } = packet.value;
    if (from !== senderMac || this.#ownMacs.has(from) || !isHostMac(from) || !isHostAddress(sender)) return;
    if (this.#filter.allows(interfaceIndex, sender, from, true, now)) {
      this.#sightings.push({ interfaceName: served.name, address: sender, mac: from, heard: true });
    }
  }

  #onNeighbour(message: NetlinkMessage): void {
    if (message.kind !== 'neighbour') return;
    const { index, address, mac, heard } = message;
    const served = this.#interfaces.get(index);
    if (served === undefined || !isHostMac(mac) || !isHostAddress(address)) return;
    if (!this.#filter.allows(index, address, mac, heard, systemClock.now())) return;
    this.#sightings.push({ interfaceName: served.name, address, mac, heard });
    if (this.#sightings.length >= SIGHTINGS_MAX) this.#tellSightings();
  }

  #tellSightings(): void {
    if (this.#sightings.length === 0) return;
    this.#tell({ kind: 'sightings', sightings: this.#sightings });
    this.#sightings = [];
  }

  /** Sends the magic packet as a frame of its own, and as a datagram for cards that look only there. */
  #wake({ interfaceName, mac, password, source = ANY }: WakeRequest): void {
    const index = this.#interfaces.values().find(({ name }) => name === interfaceName)?.index;
    const { socket } = this.#arp;
    if (index === undefined || socket === undefined) return;
    const packet = encodeMagicPacket(mac, password);
    const datagram = new Uint8Array(FRAME_HEADER_BYTES + packet.length);
    const ports = { sourcePort: WAKE_PORT, destinationPort: WAKE_PORT };
    writeFrame(datagram, { source, destination: LIMITED_BROADCAST, ...ports, identification: 0 }, packet);
    socket.send(packet, index, BROADCAST_MAC, ETHERTYPE_WAKE);
    socket.send(datagram, index, BROADCAST_MAC, ETHERTYPE_IPV4);
  }

  #probe(id: number, { address, interfaceName }: Extract<ToNetWorker, { kind: 'probe' }>): void {
    const served = this.#interfaces.values().find(({ name }) => name === interfaceName);
    const question = { id, address, interfaceIndex: served?.index ?? 0, own: served?.mac ?? BROADCAST_MAC };
    const isHeard = served !== undefined && this.#answers.socket !== undefined;
    const started = isHeard && this.#probes.start(question, systemClock.now());
    this.#isFilterOld ||= started;
    if (!started) this.#tell({ kind: 'probed', id, user: undefined, made: false });
  }

  #runProbes(): void {
    const now = systemClock.now();
    this.#hearAnswers();
    for (let due = this.#probes.take(now); due !== undefined; due = this.#probes.take(now)) {
      if ('free' in due) this.#tellProbed(due.free);
      else this.#sendProbe(due.send);
    }
    this.#hearAnswers();
  }

  #hearAnswers(): void {
    if (!this.#isFilterOld) return;
    this.#isFilterOld = false;
    // If the kernel refuses so long a filter, receive all.
    const code = this.#answers.socket?.filter(probeFilter(this.#probes.questions()));
    if (code !== undefined) this.#answers.socket?.filter([ACCEPT]);
  }

  #sendProbe(question: ProbeQuestion): void {
    const { id, own, address, interfaceIndex } = question;
    const { socket } = this.#arp;
    // A failed socket sends nothing, and hears no answer.
    if (socket !== undefined && socket.send(encodeArpProbe(own, address), interfaceIndex, BROADCAST_MAC) === undefined)
      return;
    this.#probes.cancel(question);
    this.#isFilterOld = true;
    this.#tell({ kind: 'probed', id, user: undefined, made: false });
  }

  #tellProbed({ id, user }: ProbeVerdict): void {
    this.#isFilterOld = true;
    this.#tell({ kind: 'probed', id, user, made: true });
  }
}
