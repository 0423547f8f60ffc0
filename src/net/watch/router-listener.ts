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
import { ETHERTYPE_IPV6, type HeardFrame, PacketSocket } from '../linux/packet-socket.ts';
import { bootingFilter, FILTERED_MACHINES_MAX, ROUTER_DISCOVERY } from '../linux/router-filter.ts';
import { RETELL_MS } from './neighbours.ts';
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
 * How long the kernel sieves router messages, in milliseconds; the frames received meanwhile show
 * whether the flood continues.
 */
const SIEVE_MS = 5_000;
const SIEVE_FRAMES = 100;
/** How often booting machines are added to the sieve, in milliseconds. */
const SIEVE_RENEW_MS = 100;

export class RouterListener {
  readonly #tell: (message: FromNetWorker) => void;
  readonly #socket: FrameSocket;
  readonly #solicitations = new SolicitationGate();
  readonly #routersReportedAt = new Map<string, Instant>();
  #interfaces: ReadonlyMap<number, ServedInterface> = new Map();
  /**
   * During a flood: until when the kernel sieves, how many frames it passed, and when to update the
   * booting machines.
   */
  #sieve: { until: Instant; frames: number; renewAt: Instant | undefined } | undefined;

  constructor(libc: Libc, tell: (message: FromNetWorker) => void) {
    this.#tell = tell;
    this.#socket = new FrameSocket(() => new PacketSocket(libc, ETHERTYPE_IPV6, ROUTER_DISCOVERY));
  }

  /** Why the socket failed; empty if it works. */
  get problem(): string {
    return this.#socket.problem;
  }

  descriptor(now: Instant): number | undefined {
    return this.#socket.descriptor(now);
  }

  get dueAt(): readonly (Instant | undefined)[] {
    return [this.#socket.restsUntil, this.#sieve?.renewAt, this.#sieve?.until];
  }

  /** @param joining those whose groups must be joined */
  hearOnly(interfaces: ReadonlyMap<number, ServedInterface>, joining: readonly ServedInterface[]): void {
    this.#interfaces = interfaces;
    for (const { index } of joining) {
      // A device that cannot join receives only unicast; the next change tries again.
      for (const group of [ALL_ROUTERS_MAC, ALL_NODES_MAC]) this.#socket.socket?.join(index, group);
    }
    this.#socket.socket?.hearOnly([...interfaces.keys()]);
  }

  noteBooting({ mac, owner }: Extract<ToNetWorker, { kind: 'booting' }>): void {
    const now = systemClock.now();
    this.#solicitations.noteBooting(mac, owner, now);
    if (this.#sieve !== undefined) this.#sieve.renewAt ??= later(now, SIEVE_RENEW_MS);
  }

  /** @returns true if the socket failed */
  work(now: Instant): boolean {
    const drained = this.#socket.drain((frame) => this.#onFrame(frame, now), now);
    if (drained === 'flooded') this.#sieve ??= { until: later(now, SIEVE_MS), frames: 0, renewAt: now };
    this.#renewSieve(now);
    return drained === 'failed';
  }

  advertise({ interfaceName, mac, source }: Solicitation): void {
    const solicitation: Solicitation = { interfaceName, mac, source };
    const served = this.#interfaces.values().find(({ name }) => name === interfaceName);
    let code = 'ENODEV';
    if (served !== undefined && forwardsIpv6(interfaceName)) code = 'host-forwards-ipv6';
    else if (served !== undefined && this.#socket.socket !== undefined) {
      const packet = encodeEmptyAdvertisement(linkLocalAddress(served), source);
      code = this.#socket.socket.send(packet, served.index, mac) ?? '';
    }
    this.#tell({ kind: 'advertised', solicitation, code });
  }

  close(): void {
    this.#socket.close();
  }

  #renewSieve(now: Instant): void {
    if (this.#sieve === undefined) return;
    if (this.#sieve.until <= now && this.#sieve.frames > SIEVE_FRAMES) {
      this.#sieve.until = later(now, SIEVE_MS);
      this.#sieve.frames = 0;
    }
    if (this.#sieve.until <= now) {
      this.#sieve = undefined;
      this.#socket.socket?.hearWhat(ROUTER_DISCOVERY);
    } else if (this.#sieve.renewAt !== undefined && this.#sieve.renewAt <= now) {
      this.#sieve.renewAt = undefined;
      // If the kernel refuses so long a filter, the previous one stays.
      this.#socket.socket?.hearWhat(bootingFilter(this.#solicitations.booting(now, FILTERED_MACHINES_MAX)));
    }
  }

  #onFrame({ bytes, interfaceIndex, from }: HeardFrame, now: Instant): void {
    const served = this.#interfaces.get(interfaceIndex);
    if (this.#sieve !== undefined) this.#sieve.frames += 1;
    if (served === undefined || from === served.mac || !isHostMac(from)) return;
    const heard = decodeRouterDiscovery(bytes);
    if (!heard.ok || heard.value.kind === 'nameless-solicitation') return;
    if (heard.value.kind === 'solicitation') {
      const { source } = heard.value;
      if (!this.#solicitations.allows(from, now)) return;
      this.#tell({ kind: 'solicitation', solicitation: { interfaceName: served.name, mac: from, source } });
      return;
    }
    const reportedAt = this.#routersReportedAt.get(served.name);
    if (reportedAt !== undefined && later(reportedAt, RETELL_MS) > now) return;
    this.#routersReportedAt.set(served.name, now);
    this.#tell({ kind: 'router', interfaceName: served.name, mac: from });
  }
}

/** The interface's link-local address, or the one derived from its hardware address. */
function linkLocalAddress({ name, mac }: ServedInterface): Uint8Array {
  for (const { family, address } of networkInterfaces()[name] ?? []) {
    const bytes = family === 'IPv6' ? parseIpv6LinkLocal(address) : undefined;
    if (bytes !== undefined && isLinkLocal(bytes)) return bytes;
  }
  return encodeLinkLocal(mac);
}

function forwardsIpv6(name: string): boolean {
  // Without the file this host has no IPv6.
  return (readHostText(`/proc/sys/net/ipv6/conf/${name}/forwarding`) ?? '0').trim() !== '0';
}
