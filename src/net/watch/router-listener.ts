// The net worker's socket for IPv6 router discovery, which also sends the advertisement that there
// is no router. Sources: RFC 4861 §4.1, §4.2, §6.2.3.
//
// 1. While router messages flood the socket, the kernel keeps those of booting machines (`router-filter.ts`).
// 2. A host that forwards IPv6 sends no advertisement: it may be a router itself, whose routes
//    "lifetime 0" would end.

import { networkInterfaces } from 'node:os';
import { isHostMac } from '../../ground/address.ts';
import { type Instant, later, systemClock } from '../../ground/clock.ts';
import { readHostText } from '../kernel-text.ts';
import { FrameSocket } from '../linux/frame-socket.ts';
import type { Libc } from '../linux/libc.ts';
import { ETHERTYPE_IPV6, PacketSocket, type ReceivedFrame } from '../linux/packet-socket.ts';
import { FILTERED_MACHINES_MAX, makeBootingFilter, ROUTER_DISCOVERY } from '../linux/router-filter.ts';
import { REREPORT_MS } from './neighbours.ts';
import type { FromNetWorker, Solicitation, ToNetWorker } from './net-message.ts';
import {
  ALL_NODES_MAC,
  ALL_ROUTERS_MAC,
  decodeRouterDiscovery,
  encodeEmptyAdvertisement,
  encodeLinkLocal,
  isLinkLocal,
  parseIpv6LinkLocal,
} from './router-discovery.ts';
import type { ServedInterface } from './served-interface.ts';
import { SolicitationGate } from './solicitation-gate.ts';

/**
 * How long the kernel filters router messages, in milliseconds. The frames received meanwhile show
 * whether the flood continues.
 */
const FILTER_MS = 5_000;
const FILTER_FRAMES = 100;
/** How often booting machines are added to the filter, in milliseconds. */
const FILTER_RENEW_MS = 100;

export class RouterListener {
  readonly #send: (message: FromNetWorker) => void;
  readonly #socket: FrameSocket;
  readonly #solicitations = new SolicitationGate();
  readonly #routersReportedAt = new Map<string, Instant>();
  #interfaces: ReadonlyMap<number, ServedInterface> = new Map();
  /**
   * During a flood: until when the kernel filters, how many frames it passed, and when to update
   * the booting machines.
   */
  #floodFilter: { until: Instant; frames: number; renewAt: Instant | undefined } | undefined;

  constructor(libc: Libc, send: (message: FromNetWorker) => void) {
    this.#send = send;
    this.#socket = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_IPV6, ROUTER_DISCOVERY));
  }

  /** Why the socket failed; empty if it works. */
  get problem(): string {
    return this.#socket.problem;
  }

  findDescriptor(now: Instant): number | undefined {
    return this.#socket.findDescriptor(now);
  }

  get dueAt(): readonly (Instant | undefined)[] {
    return [this.#socket.pausedUntil, this.#floodFilter?.renewAt, this.#floodFilter?.until];
  }

  /** @param newInterfaces those whose groups must be joined */
  restrictInterfaces(
    interfaces: ReadonlyMap<number, ServedInterface>,
    newInterfaces: readonly ServedInterface[],
  ): void {
    this.#interfaces = interfaces;
    for (const { index } of newInterfaces) {
      // A device that cannot join receives only unicast; the next change tries again.
      for (const group of [ALL_ROUTERS_MAC, ALL_NODES_MAC]) this.#socket.socket?.join(index, group);
    }
    this.#socket.socket?.restrictInterfaces([...interfaces.keys()]);
  }

  noteBooting({ mac, owner }: Extract<ToNetWorker, { kind: 'booting' }>): void {
    const now = systemClock.now();
    this.#solicitations.noteBooting(mac, owner, now);
    if (this.#floodFilter !== undefined) this.#floodFilter.renewAt ??= later(now, FILTER_RENEW_MS);
  }

  /** @returns true if the socket failed */
  work(now: Instant): boolean {
    const outcome = this.#socket.drain((frame) => this.#onFrame(frame, now), now);
    if (outcome === 'flooded') this.#floodFilter ??= { until: later(now, FILTER_MS), frames: 0, renewAt: now };
    this.#renewFilter(now);
    return outcome === 'failed';
  }

  advertise({ interfaceName, mac, source }: Solicitation): void {
    const solicitation: Solicitation = { interfaceName, mac, source };
    const servedInterface = this.#interfaces.values().find(({ name }) => name === interfaceName);
    let code = 'ENODEV';
    if (servedInterface !== undefined && isForwardingIpv6(interfaceName)) code = 'host-forwards-ipv6';
    else if (servedInterface !== undefined && this.#socket.socket !== undefined) {
      const packet = encodeEmptyAdvertisement(findLinkLocalAddress(servedInterface), source);
      code = this.#socket.socket.send(packet, servedInterface.index, mac) ?? '';
    }
    this.#send({ kind: 'advertised', solicitation, code });
  }

  close(): void {
    this.#socket.close();
  }

  #renewFilter(now: Instant): void {
    if (this.#floodFilter === undefined) return;
    if (this.#floodFilter.until <= now && this.#floodFilter.frames > FILTER_FRAMES) {
      this.#floodFilter.until = later(now, FILTER_MS);
      this.#floodFilter.frames = 0;
    }
    if (this.#floodFilter.until <= now) {
      this.#floodFilter = undefined;
      this.#socket.socket?.replaceFilter(ROUTER_DISCOVERY);
    } else if (this.#floodFilter.renewAt !== undefined && this.#floodFilter.renewAt <= now) {
      this.#floodFilter.renewAt = undefined;
      // If the kernel refuses so long a filter, the previous one stays.
      this.#socket.socket?.replaceFilter(
        makeBootingFilter(this.#solicitations.listBooting(now, FILTERED_MACHINES_MAX)),
      );
    }
  }

  #onFrame({ bytes, interfaceIndex, from }: ReceivedFrame, now: Instant): void {
    const servedInterface = this.#interfaces.get(interfaceIndex);
    if (this.#floodFilter !== undefined) this.#floodFilter.frames += 1;
    if (servedInterface === undefined || from === servedInterface.mac || !isHostMac(from)) return;
    const message = decodeRouterDiscovery(bytes);
    if (!message.ok || message.value.kind === 'nameless-solicitation') return;
    if (message.value.kind === 'solicitation') {
      const { source } = message.value;
      if (!this.#solicitations.allows(from, now)) return;
      this.#send({ kind: 'solicitation', solicitation: { interfaceName: servedInterface.name, mac: from, source } });
      return;
    }
    const reportedAt = this.#routersReportedAt.get(servedInterface.name);
    if (reportedAt !== undefined && later(reportedAt, REREPORT_MS) > now) return;
    this.#routersReportedAt.set(servedInterface.name, now);
    this.#send({ kind: 'router', interfaceName: servedInterface.name, mac: from });
  }
}

/** The interface's link-local address, or the one derived from its hardware address. */
function findLinkLocalAddress({ name, mac }: ServedInterface): Uint8Array {
  for (const { family, address } of networkInterfaces()[name] ?? []) {
    const bytes = family === 'IPv6' ? parseIpv6LinkLocal(address) : undefined;
    if (bytes !== undefined && isLinkLocal(bytes)) return bytes;
  }
  return encodeLinkLocal(mac);
}

function isForwardingIpv6(name: string): boolean {
  // Without the file this host has no IPv6.
  return (readHostText(`/proc/sys/net/ipv6/conf/${name}/forwarding`) ?? '0').trim() !== '0';
}
