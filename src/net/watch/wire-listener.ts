// The net worker's sockets on the wires. They receive ARP, the kernel's neighbour changes and
// router discovery (`router-listener.ts`), and send ARP probes and magic packets. Sources:
// packet(7), RFC 5227.
// 1. No input from strangers throws, and no flood keeps the thread busy (`frame-socket.ts`).
// 2. Only served interfaces that are up and have a hardware address take part; they are looked up
//    by name again after each change.
// 3. A socket that cannot be opened, or fails, is reported once.
// 4. Answers to ARP probes have their own socket, for which the kernel keeps nothing else
//    (`probe-filter.ts`). It is read first and never rests, so a flood costs sightings but no
//    answers.
// 5. Frames of this host's other interfaces are ignored: on a shared wire, Linux answers on each
//    interface for the addresses of all.

import { ANY, BROADCAST_MAC, isHostMac, LIMITED_BROADCAST, type MacAddress } from '../../ground/address.ts';
import { type Instant, systemClock } from '../../ground/clock.ts';
import type { HostInterface } from '../host-interface.ts';
import { FrameSocket } from '../linux/frame-socket.ts';
import type { Libc } from '../linux/libc.ts';
import { NetlinkDump } from '../linux/netlink-dump.ts';
import { ACCEPT } from '../linux/packet-filter.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, PacketSocket, type ReceivedFrame } from '../linux/packet-socket.ts';
import { DROP_ALL, makeProbeFilter } from '../linux/probe-filter.ts';
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
  readonly #send: (message: FromNetWorker) => void;
  readonly #probes = new ArpProbes();
  readonly #filter = new SightingFilter();
  readonly #routers: RouterListener;
  readonly #answerSocket: FrameSocket;
  readonly #arpSocket: FrameSocket;
  #neighbours: NetlinkDump | undefined;
  #names: ReadonlySet<string> = new Set();
  #hostInterfaces: readonly HostInterface[] = [];
  #ownMacs: ReadonlySet<MacAddress> = new Set();
  #interfaces: ReadonlyMap<number, ServedInterface> = new Map();
  #sightings: Sighting[] = [];
  /** True if probes started or ended since the filter was set. */
  #isFilterStale = false;

  constructor(libc: Libc, send: (message: FromNetWorker) => void) {
    this.#send = send;
    this.#arpSocket = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_ARP, [ACCEPT]));
    this.#answerSocket = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_ARP, DROP_ALL), false);
    this.#routers = new RouterListener(libc, send);
    try {
      this.#neighbours = new NetlinkDump(libc, NETLINK_NEIGHBOUR_GROUP, [RTM_GETNEIGH], {
        onDump: () => undefined,
        onMessage: (message) => this.#onNeighbour(message),
        onDumped: () => undefined,
      });
    } catch {
      // Without the socket, neighbours that only the kernel knows are not shown.
    }
    this.#sendSenses();
  }

  /** The descriptors to wait for; paused sockets are left out. */
  listDescriptors(now: Instant): readonly number[] {
    return [this.#answerSocket, this.#arpSocket, this.#routers]
      .map((socket) => socket.findDescriptor(now))
      .concat(this.#neighbours?.fd)
      .filter((fd) => fd !== undefined);
  }

  /** `undefined` if nothing is due. */
  get nextAt(): Instant | undefined {
    const dueTimes = [this.#probes.nextAt, this.#arpSocket.pausedUntil, ...this.#routers.dueAt].filter(
      (dueAt) => dueAt !== undefined,
    );
    return dueTimes.length === 0
      ? undefined
      : dueTimes.reduce((earliest, dueAt) => (dueAt < earliest ? dueAt : earliest));
  }

  handle(message: ToNetWorker): void {
    if (message.kind === 'serve') this.#serve(message.names);
    else if (message.kind === 'advertise') this.#routers.advertise(message);
    else if (message.kind === 'booting') this.#routers.noteBooting(message);
    else if (message.kind === 'wake') this.#wake(message);
    else this.#probe(message.id, message);
  }

  interfacesChanged(host: readonly HostInterface[]): void {
    this.#hostInterfaces = host;
    this.#ownMacs = new Set(host.flatMap(({ mac }) => mac ?? []));
    this.#findInterfaces();
  }

  work(): void {
    const now = systemClock.now();
    this.#drainArp(this.#answerSocket, (frame) => this.#onAnswer(frame), now);
    this.#drainArp(this.#arpSocket, (frame) => this.#onArp(frame, now), now);
    if (this.#routers.work(now)) this.#sendSenses();
    try {
      this.#neighbours?.drain();
      this.#neighbours?.recover();
    } catch {
      this.#neighbours?.close();
      this.#neighbours = undefined;
    }
    this.#sendSightings();
    this.#runProbes();
  }

  close(): void {
    for (const socket of [this.#answerSocket, this.#arpSocket, this.#routers, this.#neighbours]) socket?.close();
  }

  /** Reports which frames can be received. A probe needs both ARP sockets. */
  #sendSenses(): void {
    this.#send({
      kind: 'senses',
      arp: this.#arpSocket.problem || this.#answerSocket.problem,
      routers: this.#routers.problem,
    });
  }

  #serve(names: readonly string[]): void {
    const namesBefore = this.#names;
    this.#names = new Set(names);
    this.#findInterfaces();
    // A new listener gets all known neighbours.
    if (names.every((name) => namesBefore.has(name))) return;
    this.#filter.clear();
    this.#neighbours?.dump();
  }

  #findInterfaces(): void {
    const interfaces = new Map<number, ServedInterface>();
    for (const { name, index, mac, up } of this.#hostInterfaces) {
      if (mac === undefined || !isHostMac(mac) || !up || !this.#names.has(name)) continue;
      interfaces.set(index, { name, index, mac });
    }
    const addedInterfaces = [...interfaces.values()].filter(
      ({ name, index }) => this.#interfaces.get(index)?.name !== name,
    );
    this.#interfaces = interfaces;
    this.#arpSocket.socket?.restrictInterfaces([...interfaces.keys()]);
    this.#routers.restrictInterfaces(interfaces, addedInterfaces);
  }

  #drainArp(socket: FrameSocket, onFrame: (frame: ReceivedFrame) => void, now: Instant): void {
    if (socket.drain(onFrame, now) !== 'failed') return;
    // Each ARP socket is useless without the other.
    for (const arpSocket of [this.#answerSocket, this.#arpSocket]) arpSocket.fail(socket.problem);
    this.#sendSenses();
  }

  #onAnswer({ bytes, interfaceIndex, from }: ReceivedFrame): void {
    const packet = decodeArp(bytes);
    if (this.#ownMacs.has(from)) return;
    const verdict = packet.ok ? this.#probes.hear(packet.value, interfaceIndex, from) : undefined;
    if (verdict !== undefined) this.#sendVerdict(verdict);
  }

  /** A host speaks for itself only: port security checks the source of a frame, not what ARP says inside. */
  #onArp({ bytes, interfaceIndex, from }: ReceivedFrame, now: Instant): void {
    const servedInterface = this.#interfaces.get(interfaceIndex);
    if (servedInterface === undefined) return;
    const packet = decodeArp(bytes);
    if (!packet.ok) return;
    const { sender, senderMac } = packet.value;
    if (from !== senderMac || this.#ownMacs.has(from) || !isHostMac(from) || !isHostAddress(sender)) return;
    if (this.#filter.allows(interfaceIndex, sender, from, true, now)) {
      this.#sightings.push({ interfaceName: servedInterface.name, address: sender, mac: from, isHeard: true });
    }
  }

  #onNeighbour(message: NetlinkMessage): void {
    if (message.kind !== 'neighbour') return;
    const { index, address, mac, isHeard } = message;
    const servedInterface = this.#interfaces.get(index);
    if (servedInterface === undefined || !isHostMac(mac) || !isHostAddress(address)) return;
    if (!this.#filter.allows(index, address, mac, isHeard, systemClock.now())) return;
    this.#sightings.push({ interfaceName: servedInterface.name, address, mac, isHeard });
    if (this.#sightings.length >= SIGHTINGS_MAX) this.#sendSightings();
  }

  #sendSightings(): void {
    if (this.#sightings.length === 0) return;
    this.#send({ kind: 'sightings', sightings: this.#sightings });
    this.#sightings = [];
  }

  /** Sends the magic packet as a frame of its own, and as a datagram for cards that look only there. */
  #wake({ interfaceName, mac, password, source = ANY }: WakeRequest): void {
    const index = this.#interfaces.values().find(({ name }) => name === interfaceName)?.index;
    const { socket } = this.#arpSocket;
    if (index === undefined || socket === undefined) return;
    const packet = encodeMagicPacket(mac, password);
    const datagram = new Uint8Array(FRAME_HEADER_BYTES + packet.length);
    const ports = { sourcePort: WAKE_PORT, destinationPort: WAKE_PORT };
    writeFrame(datagram, { source, destination: LIMITED_BROADCAST, ...ports, identification: 0 }, packet);
    socket.send(packet, index, BROADCAST_MAC, ETHERTYPE_WAKE);
    socket.send(datagram, index, BROADCAST_MAC, ETHERTYPE_IPV4);
  }

  #probe(id: number, { address, interfaceName }: Extract<ToNetWorker, { kind: 'probe' }>): void {
    const servedInterface = this.#interfaces.values().find(({ name }) => name === interfaceName);
    const question = {
      id,
      address,
      interfaceIndex: servedInterface?.index ?? 0,
      ownMac: servedInterface?.mac ?? BROADCAST_MAC,
    };
    const canHear = servedInterface !== undefined && this.#answerSocket.socket !== undefined;
    const isStarted = canHear && this.#probes.start(question, systemClock.now());
    this.#isFilterStale ||= isStarted;
    if (!isStarted) this.#send({ kind: 'probed', id, user: undefined, isSent: false });
  }

  #runProbes(): void {
    const now = systemClock.now();
    this.#updateFilter();
    for (let dueProbe = this.#probes.take(now); dueProbe !== undefined; dueProbe = this.#probes.take(now)) {
      if ('free' in dueProbe) this.#sendVerdict(dueProbe.free);
      else this.#sendProbe(dueProbe.send);
    }
    this.#updateFilter();
  }

  #updateFilter(): void {
    if (!this.#isFilterStale) return;
    this.#isFilterStale = false;
    // If the kernel refuses so long a filter, receive all.
    const code = this.#answerSocket.socket?.setFilter(makeProbeFilter(this.#probes.listQuestions()));
    if (code !== undefined) this.#answerSocket.socket?.setFilter([ACCEPT]);
  }

  #sendProbe(question: ProbeQuestion): void {
    const { id, ownMac, address, interfaceIndex } = question;
    const { socket } = this.#arpSocket;
    // A failed socket sends nothing, and hears no answer.
    if (
      socket !== undefined &&
      socket.send(encodeArpProbe(ownMac, address), interfaceIndex, BROADCAST_MAC) === undefined
    )
      return;
    this.#probes.cancel(question);
    this.#isFilterStale = true;
    this.#send({ kind: 'probed', id, user: undefined, isSent: false });
  }

  #sendVerdict({ id, user }: ProbeVerdict): void {
    this.#isFilterStale = true;
    this.#send({ kind: 'probed', id, user, isSent: true });
  }
}
