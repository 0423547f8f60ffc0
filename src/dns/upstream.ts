// Each upstream's health: whether it answers, and understands EDNS.
//
// 1. A server has failed after UNANSWERED_MAX unanswered exchanges in a row. One counts only if the
//    server answered nothing since it was sent: names with silent authoritative servers do not
//    count.
// 2. A failed server is asked last. Every PROBE_MS it is also asked together with the first.

import { type Instant, instant, later } from '../ground/clock.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';
import type { NameReport } from './events.ts';
import { labelEnd } from './name.ts';

/** Unanswered exchanges in a row until a server has failed. */
const UNANSWERED_MAX = 3;
/** How often a failed server is probed, in milliseconds. */
export const PROBE_MS = 10_000;

export class Upstream {
  readonly server: DnsUpstream;
  /** False if the server does not understand EDNS. */
  edns = true;
  #unanswered = 0;
  #answeredAt: Instant | undefined;
  #failed = false;
  #probeAt: Instant = instant(0);

  constructor(server: DnsUpstream) {
    this.server = server;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Records an answer; returns an event if the server had failed. */
  answered(now: Instant): NameReport | undefined {
    this.#answeredAt = now;
    this.#unanswered = 0;
    if (!this.#failed) return undefined;
    this.#failed = false;
    return { kind: 'dns.upstream-recovered', address: this.server.address, port: this.server.port };
  }

  /** Records an unanswered exchange sent at `sentAt`; returns an event if the server has now failed. */
  unanswered(sentAt: Instant, now: Instant): NameReport | undefined {
    if (this.#answeredAt !== undefined && this.#answeredAt >= sentAt) return undefined;
    this.#unanswered += 1;
    if (this.#failed || this.#unanswered < UNANSWERED_MAX) return undefined;
    this.#failed = true;
    this.#probeAt = later(now, PROBE_MS);
    const { address, port } = this.server;
    return { kind: 'dns.upstream-failed', address, port, count: this.#unanswered };
  }

  /** True once every PROBE_MS while failed. */
  takeProbe(now: Instant): boolean {
    if (!this.#failed || now < this.#probeAt) return false;
    this.#probeAt = later(now, PROBE_MS);
    return true;
  }
}

/** The servers in the configured order, but failed ones last. */
export function askingOrder(group: readonly Upstream[]): readonly Upstream[] {
  if (!group.some((upstream) => upstream.failed)) return group;
  return [...group.filter((upstream) => !upstream.failed), ...group.filter((upstream) => upstream.failed)];
}

export type UpstreamConfig = Pick<DnsConfig, 'upstream' | 'forwardZones'>;

/** One configuration's upstreams, general and by zone. */
export class UpstreamSet {
  readonly #servers = new Map<string, Upstream>();
  readonly #general: readonly Upstream[];
  readonly #zones = new Map<string, readonly Upstream[]>();

  /** @param before the previous set; servers that stay keep their health */
  constructor(config: UpstreamConfig, before?: UpstreamSet) {
    this.#general = this.#group(config.upstream, before);
    for (const { domain, upstream } of config.forwardZones ?? [])
      this.#zones.set(domain, this.#group(upstream, before));
  }

  /** Finds an upstream by `address:port`, the address as a number. */
  find(key: string): Upstream | undefined {
    return this.#servers.get(key);
  }

  #group(list: readonly DnsUpstream[], before: UpstreamSet | undefined): readonly Upstream[] {
    const members = list.map((server) => {
      const key = `${server.address}:${server.port}`;
      const upstream = this.#servers.get(key) ?? before?.find(key) ?? new Upstream(server);
      this.#servers.set(key, upstream);
      return upstream;
    });
    return [...new Set(members)];
  }

  /** Finds the upstreams of the nearest forward zone with the name, else the general ones. */
  findGroup(name: string): readonly Upstream[] {
    if (this.#zones.size === 0) return this.#general;
    for (let at = 0; at <= name.length; at = labelEnd(name, at) + 1) {
      const group = this.#zones.get(name.slice(at));
      if (group !== undefined) return group;
    }
    return this.#general;
  }
}
