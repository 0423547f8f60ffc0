// Other DHCP servers seen, by shared network and address. Pure state.
//
// 1. A server is reported when first seen, and when not seen for as long as the caller says.
// 2. A client's word, only an address, never overwrites what a probe found.
// 3. At most FOREIGN_SERVERS_MAX per shared network; then better evidence replaces the oldest of
//    the weakest. Invented servers never hide one that answers a probe.
// 4. Only a reply to a probe proves a server. Any other sign only keeps it in the list
//    (`unproven-servers.ts`).

import { formatIpv4, type Ipv4, type MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import type { DhcpEvent } from '../events/events.ts';

/** How many servers are kept per shared network. */
export const FOREIGN_SERVERS_MAX = 64;
/** The kinds of evidence, from the weakest to the strongest. */
const BY_WEIGHT: readonly Sighting['evidence'][] = ['client', 'reply', 'probe'];

/** One sighting of another server. */
export interface Sighting {
  /** The shared network (`sharedNetworkKey`). */
  readonly place: string;
  /** Undefined: behind a relay. */
  readonly interfaceName: string | undefined;
  /** The first network's name there. */
  readonly subnet: string;
  /** The server's identifier (option 54). */
  readonly server: Ipv4;
  /**
   * - `probe`: it answered our DISCOVER.
   * - `client`: a client's REQUEST named it.
   * - `reply`: one of its own replies reached this rack.
   */
  readonly evidence: 'probe' | 'client' | 'reply';
  /** The frame's sender: the server, or its relay. */
  readonly mac?: MacAddress | undefined;
  /** The address it offered. */
  readonly offered?: Ipv4 | undefined;
  readonly leaseSeconds?: number | undefined;
  /** The file it gives machines to load. */
  readonly file?: string | undefined;
  /** True for a proxy DHCP server. */
  readonly isBootOnly?: boolean | undefined;
}

/** A known server. */
export interface ForeignServer extends Sighting {
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** When it last answered a probe; undefined: never. */
  readonly answeredAt: Instant | undefined;
}

/** The servers seen. */
export class ForeignServers {
  /** Ordered by when they were first seen. */
  #servers: readonly ForeignServer[] = [];

  /** Every server, the first seen first. */
  get all(): readonly ForeignServer[] {
    return this.#servers;
  }

  /** True if a server that gives addresses has answered a probe since `since`. */
  isProvenAt(place: string, since: Instant): boolean {
    return this.#servers.some(
      ({ place: own, answeredAt, isBootOnly }) =>
        own === place && isBootOnly !== true && answeredAt !== undefined && answeredAt >= since,
    );
  }

  /** Notes a sighting; returns the event if the server is new. */
  see(sighting: Sighting, at: Instant): DhcpEvent | undefined {
    const existing = this.#servers.find(({ place, server }) => place === sighting.place && server === sighting.server);
    const times = { lastSeen: at, answeredAt: sighting.evidence === 'probe' ? at : existing?.answeredAt };
    if (existing !== undefined) {
      const isBetter = weighEvidence(sighting) >= weighEvidence(existing);
      const next: ForeignServer = { ...existing, ...(isBetter ? sighting : {}), ...times };
      this.#servers = this.#servers.map((server) => (server === existing ? next : server));
      return undefined;
    }
    if (!this.#makeRoom(sighting)) return undefined;
    const server: ForeignServer = { ...sighting, firstSeen: at, ...times };
    this.#servers = [...this.#servers, server];
    return composeForeignEvent('dhcp.foreign-server', server, at);
  }

  /** Forgets servers not seen since `since`, with the events to report. */
  forget(since: Instant, at: Instant): readonly DhcpEvent[] {
    const gone = this.#servers.filter(({ lastSeen }) => lastSeen < since);
    if (gone.length > 0) this.#servers = this.#servers.filter(({ lastSeen }) => lastSeen >= since);
    return gone.map((server) => composeForeignEvent('dhcp.foreign-server-gone', server, at));
  }

  /**
   * Forgets shared networks that are no longer served, without events. @returns true if there was
   * something to forget
   */
  retain(places: ReadonlySet<string>): boolean {
    const before = this.#servers.length;
    this.#servers = this.#servers.filter(({ place }) => places.has(place));
    return this.#servers.length < before;
  }

  #makeRoom(sighting: Sighting): boolean {
    const there = this.#servers.filter(({ place }) => place === sighting.place);
    if (there.length < FOREIGN_SERVERS_MAX) return true;
    const [least] = there.toSorted((a, b) => weighEvidence(a) - weighEvidence(b) || a.lastSeen - b.lastSeen);
    if (least === undefined || weighEvidence(least) >= weighEvidence(sighting)) return false;
    this.#servers = this.#servers.filter((server) => server !== least);
    return true;
  }
}

const weighEvidence = ({ evidence }: Pick<Sighting, 'evidence'>): number => BY_WEIGHT.indexOf(evidence);

function composeForeignEvent(
  kind: 'dhcp.foreign-server' | 'dhcp.foreign-server-gone',
  server: ForeignServer,
  at: Instant,
): DhcpEvent {
  const { mac, server: address, subnet, interfaceName, leaseSeconds, file, evidence, isBootOnly } = server;
  const offered = server.offered === undefined ? undefined : formatIpv4(server.offered);
  return { kind, at, mac, address, subnet, interfaceName, leaseSeconds, file, offered, evidence, isBootOnly };
}

/** The instant since which a server must have been seen to be kept, if probes go out every `intervalMs`. */
export const seenSince = (now: Instant, intervalMs: number): Instant => later(now, -PROBES_MISSED_MAX * intervalMs);

/** How many probes in a row a server may miss, because one is easily lost. */
const PROBES_MISSED_MAX = 3;
