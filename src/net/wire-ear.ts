// The net worker's sockets on the wires. They receive ARP, the kernel's neighbour changes, router solicitations and advertisements; and send ARP
// probes and the advertisement that there is no router. Sources: packet(7), RFC 5227, RFC 4861.
//
// 1. No input from strangers throws, and no flood keeps the thread busy: one wake reads at most FRAMES_MAX frames of a socket, which then
//    rests for REST_MS while the kernel drops the excess.
// 2. Only served interfaces that are up and have a hardware address take part; they are looked up by name again after each change.
// 3. A socket that cannot be opened, or fails, is reported once; the others go on.
// 4. Answers to ARP probes have their own socket, for which the kernel keeps nothing else (`probe-filter.ts`). It is read first and never
//    rests, so a flood of other ARP costs sightings but no answers.
// 5. While router messages flood their socket, the kernel keeps those of booting machines (`router-filter.ts`).
// 6. Frames of this host's other interfaces are ignored: on one wire, Linux answers on each of them for the addresses of all.
// 7. A host that forwards IPv6 sends no advertisement: it may be a router itself, and "lifetime 0" would end its routes.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Instant, later, systemClock } from '../clock.ts';
import { errorText } from '../errors.ts';
import { isHostMac, type MacAddress } from './address.ts';
import { decodeArp, encodeArpProbe, isHostAddress } from './arp.ts';
import { ArpProbes, type ProbeQuestion, type ProbeVerdict } from './arp-probes.ts';
import type { HostInterface } from './host-interface.ts';
import type { Libc } from './libc.ts';
import { type Sighting, SightingFilter } from './neighbours.ts';
import type { FromNetWorker, Solicitation, ToNetWorker } from './net-message.ts';
import { NETLINK_NEIGHBOUR_GROUP, type NetlinkMessage, RTM_GETNEIGH } from './netlink.ts';
import { NetlinkDump } from './netlink-dump.ts';
import { TAKE } from './packet-filter.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV6, type HeardFrame, PacketSocket } from './packet-socket.ts';
import { NO_PROBES, probeFilter } from './probe-filter.ts';
import {
  ALL_NODES_MAC,
  ALL_ROUTERS_MAC,
  decodeRouterDiscovery,
  encodeEmptyAdvertisement,
  isLinkLocal,
  linkLocalOf,
  parseIpv6LinkLocal,
} from './router-discovery.ts';
import { bootingFilter, ROUTER_DISCOVERY, SIEVED_MAX } from './router-filter.ts';
import { SolicitationGate } from './solicitation-gate.ts';

/**
 * Frames of one socket that are read in one wake. A flood of ARP or of router messages fills it: other frames of the same kind may then be lost,
 * except answers to probes. It empties with the next wake.
 */
const FRAMES_MAX = 256;
/** How long a socket rests after FRAMES_MAX frames, in milliseconds. */
const REST_MS = 10;
/** How long the kernel sieves router messages, in milliseconds; the frames received meanwhile show whether the flood continues. */
const SIEVE_MS = 5_000;
const SIEVE_FRAMES = 100;
/** How often machines that start to boot are added to the sieve, in milliseconds. */
const SIEVE_RENEW_MS = 100;
/** The most sightings in one message to the main thread. */
const SIGHTINGS_MAX = 1024;
/** How often the same router is reported, in milliseconds. */
const ROUTER_RETELL_MS = 60_000;

const BROADCAST: MacAddress = 0xffff_ffff_ffff as MacAddress;
interface ServedInterface {
  readonly name: string;
  readonly index: number;
  readonly mac: MacAddress;
}

/** Receives and sends on the wires for the net worker. */
export class WireEar {
  readonly #tell: (message: FromNetWorker) => void;
  readonly #probes = new ArpProbes();
  readonly #filter = new SightingFilter();
  readonly #solicitations = new SolicitationGate();
  readonly #routersToldAt = new Map<string, Instant>();
  #answers: PacketSocket | undefined;
  #arp: PacketSocket | undefined;
  #routers: PacketSocket | undefined;
  #neighbours: NetlinkDump | undefined;
  readonly #problems = { arp: '', routers: '' };
  #names: ReadonlySet<string> = new Set();
  #host: readonly HostInterface[] = [];
  #ownMacs: ReadonlySet<MacAddress> = new Set();
  #interfaces = new Map<number, ServedInterface>();
  #sightings: Sighting[] = [];
  /** Until when each flooded socket rests. */
  readonly #restUntil: { arp?: Instant | undefined; routers?: Instant | undefined } = {};
  /** During a flood of router messages: until when the kernel sieves them, how many it passed, and when to update the booting machines. */
  #sieve: { until: Instant; frames: number; renewAt: Instant | undefined } | undefined;
  /** True if probes started or ended since the filter for answers was set. */
  #isFilterOld = false;

  /** Opens the sockets, and reports those that cannot be opened. */
  constructor(libc: Libc, tell: (message: FromNetWorker) => void) {
    this.#tell = tell;
    this.#arp = this.#open('arp', () => new PacketSocket(libc, ETHERTYPE_ARP, [TAKE]));
    this.#answers = this.#arp && this.#open('arp', () => new PacketSocket(libc, ETHERTYPE_ARP, NO_PROBES));
    this.#routers = this.#open('routers', () => new PacketSocket(libc, ETHERTYPE_IPV6, ROUTER_DISCOVERY));
    try {
      this.#neighbours = new NetlinkDump(libc, NETLINK_NEIGHBOUR_GROUP, [RTM_GETNEIGH], {
        onDump: () => undefined,
        onMessage: (message) => this.#onNeighbour(message),
        onDumped: () => undefined,
      });
    } catch {
      // Without it, neighbours that only the kernel knows are not shown.
    }
    this.#tellSenses();
  }

  /** The descriptors to poll; resting sockets are left out. */
  descriptors(now: Instant): readonly number[] {
    const arp = this.#rests('arp', now) ? undefined : this.#arp;
    const routers = this.#rests('routers', now) ? undefined : this.#routers;
    return [this.#answers, arp, routers, this.#neighbours].flatMap((socket) => socket?.fd ?? []);
  }

  /** The next time that work is due without input; undefined if none is. */
  get nextAt(): Instant | undefined {
    const { arp, routers } = this.#restUntil;
    const due = [this.#probes.nextAt, arp, routers, this.#sieve?.renewAt, this.#sieve?.until].filter(
      (at) => at !== undefined,
    );
    return due.length === 0 ? undefined : due.reduce((first, at) => (at < first ? at : first));
  }

  /** Handles a command of the main thread. */
  command(message: Exclude<ToNetWorker, { kind: 'stop' }>): void {
    if (message.kind === 'serve') this.#serve(message.names);
    else if (message.kind === 'advertise') this.#advertise(message);
    else if (message.kind === 'booting') this.#booting(message);
    else this.#probe(message.id, message);
  }

  /** The host's interfaces have changed. */
  interfacesChanged(host: readonly HostInterface[]): void {
    this.#host = host;
    this.#ownMacs = new Set(host.flatMap(({ mac }) => mac ?? []));
    this.#findInterfaces();
  }

  /** Reads received frames and does due work. */
  work(): void {
    const now = systemClock.now();
    this.#drain('answers', this.#answers, (frame) => this.#onAnswer(frame), now);
    this.#drain('arp', this.#arp, (frame) => this.#onArp(frame, now), now);
    this.#drain('routers', this.#routers, (frame) => this.#onRouterDiscovery(frame, now), now);
    this.#renewSieve(now);
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

  #open(name: 'arp' | 'routers', open: () => PacketSocket): PacketSocket | undefined {
    try {
      return open();
    } catch (error) {
      this.#problems[name] = errorText(error);
      return undefined;
    }
  }

  #tellSenses(): void {
    this.#tell({ kind: 'senses', ...this.#problems });
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
      if (this.#interfaces.get(index)?.name === name) continue;
      // A device that cannot join receives only unicast; the next change tries again.
      for (const group of [ALL_ROUTERS_MAC, ALL_NODES_MAC]) this.#routers?.join(index, group);
    }
    this.#interfaces = interfaces;
    for (const socket of [this.#arp, this.#routers]) socket?.hearOnly([...interfaces.keys()]);
  }

  #interfaceNamed(name: string): ServedInterface | undefined {
    for (const found of this.#interfaces.values()) if (found.name === name) return found;
    return undefined;
  }

  #drain(
    name: 'answers' | 'arp' | 'routers',
    socket: PacketSocket | undefined,
    take: (frame: HeardFrame) => void,
    now: Instant,
  ): void {
    if (socket === undefined || (name !== 'answers' && this.#rests(name, now))) return;
    try {
      for (let count = 0; count < FRAMES_MAX; count += 1) {
        const frame = socket.receive();
        if (frame === undefined) return;
        take(frame);
      }
      if (name !== 'answers') this.#restUntil[name] = later(now, REST_MS);
      if (name === 'routers') this.#sieve ??= { until: later(now, SIEVE_MS), frames: 0, renewAt: now };
    } catch (error) {
      this.#fail(name === 'answers' ? 'arp' : name, errorText(error));
    }
  }

  /** Closes a failed socket, which would fail again at once, and reports it. */
  #fail(name: 'arp' | 'routers', code: string): void {
    for (const socket of name === 'arp' ? [this.#answers, this.#arp] : [this.#routers]) socket?.close();
    if (name === 'arp') {
      this.#answers = undefined;
      this.#arp = undefined;
    } else this.#routers = undefined;
    this.#problems[name] = code;
    this.#tellSenses();
  }

  /** True while a flooded socket rests. */
  #rests(name: 'arp' | 'routers', now: Instant): boolean {
    const until = this.#restUntil[name];
    if (until !== undefined && until > now) return true;
    this.#restUntil[name] = undefined;
    return false;
  }

  #booting({ mac, owner }: Extract<ToNetWorker, { kind: 'booting' }>): void {
    const now = systemClock.now();
    this.#solicitations.noteBooting(mac, owner, now);
    if (this.#sieve !== undefined) this.#sieve.renewAt ??= later(now, SIEVE_RENEW_MS);
  }

  /** Updates the filter for router messages when it is due. */
  #renewSieve(now: Instant): void {
    if (this.#sieve === undefined) return;
    if (this.#sieve.until <= now && this.#sieve.frames > SIEVE_FRAMES) {
      this.#sieve.until = later(now, SIEVE_MS);
      this.#sieve.frames = 0;
    }
    if (this.#sieve.until <= now) {
      this.#sieve = undefined;
      this.#routers?.hearWhat(ROUTER_DISCOVERY);
    } else if (this.#sieve.renewAt !== undefined && this.#sieve.renewAt <= now) {
      this.#sieve.renewAt = undefined;
      // If the kernel refuses so long a filter, the previous one stays.
      this.#routers?.hearWhat(bootingFilter(this.#solicitations.booting(now, SIEVED_MAX)));
    }
  }

  #onAnswer({ bytes, interfaceIndex, from }: HeardFrame): void {
    const packet = decodeArp(bytes);
    if (this.#ownMacs.has(from)) return;
    const verdict = packet.ok ? this.#probes.hear(packet.value, interfaceIndex, from) : undefined;
    if (verdict !== undefined) this.#tellProbed(verdict);
  }

  #onArp({ bytes, interfaceIndex }: HeardFrame, now: Instant): void {
    const found = this.#interfaces.get(interfaceIndex);
    if (found === undefined) return;
    const packet = decodeArp(bytes);
    if (!packet.ok) return;
    const { sender, senderMac } = packet.value;
    if (this.#ownMacs.has(senderMac) || !isHostMac(senderMac) || !isHostAddress(sender)) return;
    if (this.#filter.allows(interfaceIndex, sender, senderMac, true, now)) {
      this.#sightings.push({ interfaceName: found.name, address: sender, mac: senderMac, heard: true });
    }
  }

  #onNeighbour(message: NetlinkMessage): void {
    if (message.kind !== 'neighbour') return;
    const { index, address, mac, heard } = message;
    const found = this.#interfaces.get(index);
    if (found === undefined || !isHostMac(mac) || !isHostAddress(address)) return;
    if (!this.#filter.allows(index, address, mac, heard, systemClock.now())) return;
    this.#sightings.push({ interfaceName: found.name, address, mac, heard });
    if (this.#sightings.length >= SIGHTINGS_MAX) this.#tellSightings();
  }

  #tellSightings(): void {
    if (this.#sightings.length === 0) return;
    this.#tell({ kind: 'sightings', sightings: this.#sightings });
    this.#sightings = [];
  }

  #onRouterDiscovery({ bytes, interfaceIndex, from }: HeardFrame, now: Instant): void {
    const found = this.#interfaces.get(interfaceIndex);
    if (this.#sieve !== undefined) this.#sieve.frames += 1;
    if (found === undefined || from === found.mac || !isHostMac(from)) return;
    const heard = decodeRouterDiscovery(bytes);
    if (!heard.ok || heard.value.kind === 'nameless-solicitation') return;
    if (heard.value.kind === 'solicitation') {
      const { source } = heard.value;
      if (!this.#solicitations.allows(from, now)) return;
      this.#tell({ kind: 'solicitation', solicitation: { interfaceName: found.name, mac: from, source } });
      return;
    }
    const toldAt = this.#routersToldAt.get(found.name);
    if (toldAt !== undefined && later(toldAt, ROUTER_RETELL_MS) > now) return;
    this.#routersToldAt.set(found.name, now);
    this.#tell({ kind: 'router', interfaceName: found.name, mac: from });
  }

  #probe(id: number, { address, interfaceName }: Extract<ToNetWorker, { kind: 'probe' }>): void {
    const found = this.#interfaceNamed(interfaceName);
    const question = { id, address, interfaceIndex: found?.index ?? 0, own: found?.mac ?? BROADCAST };
    const started =
      found !== undefined && this.#answers !== undefined && this.#probes.start(question, systemClock.now());
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

  /** Makes the kernel keep only answers to the running probes. */
  #hearAnswers(): void {
    if (!this.#isFilterOld) return;
    this.#isFilterOld = false;
    // If the kernel refuses so long a filter, receive all ARP.
    const code = this.#answers?.filter(probeFilter(this.#probes.questions()));
    if (code !== undefined) this.#answers?.filter([TAKE]);
  }

  #sendProbe(question: ProbeQuestion): void {
    const { id, own, address, interfaceIndex } = question;
    if (this.#arp?.send(encodeArpProbe(own, address), interfaceIndex, BROADCAST) === undefined) return;
    this.#probes.cancel(question);
    this.#isFilterOld = true;
    this.#tell({ kind: 'probed', id, user: undefined, made: false });
  }

  #tellProbed({ id, user }: ProbeVerdict): void {
    this.#isFilterOld = true;
    this.#tell({ kind: 'probed', id, user, made: true });
  }

  #advertise({ interfaceName, mac, source }: Solicitation): void {
    const solicitation: Solicitation = { interfaceName, mac, source };
    const found = this.#interfaceNamed(interfaceName);
    let code = 'ENODEV';
    if (found !== undefined && forwardsIpv6(interfaceName)) code = 'host-forwards-ipv6';
    else if (found !== undefined && this.#routers !== undefined) {
      const packet = encodeEmptyAdvertisement(linkLocalAddress(found), source);
      code = this.#routers.send(packet, found.index, mac) ?? '';
    }
    this.#tell({ kind: 'advertised', solicitation, code });
  }
}

/** The interface's link-local address, or if it has none, the one derived from its hardware address, which is unique. */
function linkLocalAddress({ name, mac }: ServedInterface): Uint8Array {
  for (const { family, address } of networkInterfaces()[name] ?? []) {
    const bytes = family === 'IPv6' ? parseIpv6LinkLocal(address) : undefined;
    if (bytes !== undefined && isLinkLocal(bytes)) return bytes;
  }
  return linkLocalOf(mac);
}

/** True if the kernel forwards IPv6 packets received on the interface. */
function forwardsIpv6(name: string): boolean {
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${name}/forwarding`, 'latin1').trim() !== '0';
  } catch {
    // This host has no IPv6.
    return false;
  }
}
