// The other DHCP servers that were seen, by the wire and their address. Pure state: what was seen is told to it, and the time.
//
// 1. A server is told of when it is first seen, and when it has not been seen for as long as the caller says; never in between.
// 2. What a probe has seen of a server is not overwritten by what a client says of it, which names an address and nothing else.
// 3. At most FOREIGN_SERVERS_MAX are kept of one wire: beyond that a better proof takes the place of the oldest of the weakest, and
//    anything else is not kept. Who invents servers fills the list of a wire, and hides none there that answers a probe.
// 4. Only an answer to a probe proves a server. What else is heard of it can be anybody's invention, and keeps it in the list alone
//    (`hearsay.ts` says what follows from it).

import { type Instant, later } from '../../clock.ts';
import { formatIpv4, type Ipv4, type MacAddress } from '../../net/address.ts';
import type { DhcpEvent } from '../events.ts';

/** The most servers kept of one wire. */
export const FOREIGN_SERVERS_MAX = 64;
/** What says most, last. */
const BY_WEIGHT: readonly Sighting['evidence'][] = ['client', 'reply', 'probe'];

/** One look at another server. */
export interface Sighting {
  /** The wire (`wireOf`). */
  readonly place: string;
  /** Undefined: behind a relay. */
  readonly interfaceName: string | undefined;
  /** The name of the network on that wire; of several the first. */
  readonly subnet: string;
  /** The server's identifier (option 54). */
  readonly server: Ipv4;
  /**
   * - `probe`: it answered a DISCOVER of ours.
   * - `client`: a client's REQUEST named it.
   * - `reply`: an answer of its own came our way.
   */
  readonly evidence: 'probe' | 'client' | 'reply';
  /** Whose frame its answer came in: its own, or that of the relay before it. */
  readonly mac?: MacAddress | undefined;
  /** The address that it offered. */
  readonly offered?: Ipv4 | undefined;
  readonly leaseSeconds?: number | undefined;
  /** What it has machines load. */
  readonly file?: string | undefined;
  /** It gives no address, only what to boot: a proxy DHCP server. */
  readonly isBootOnly?: boolean | undefined;
}

/** A server as it is known. */
export interface ForeignServer extends Sighting {
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** When it last answered a probe; undefined: never. */
  readonly answeredAt: Instant | undefined;
}

/** The servers that were seen. */
export class ForeignServers {
  /** In the order in which they were first seen. */
  #servers: readonly ForeignServer[] = [];

  /** Every server, those first that were seen first. */
  get all(): readonly ForeignServer[] {
    return this.#servers;
  }

  /** True when a server that gives addresses has answered a probe of the wire since `since`. */
  isProvenAt(place: string, since: Instant): boolean {
    return this.#servers.some(
      ({ place: wire, answeredAt, isBootOnly }) =>
        wire === place && isBootOnly !== true && answeredAt !== undefined && answeredAt >= since,
    );
  }

  /** Takes note of a sighting. @returns the event that tells of it, when the server is new */
  see(sighting: Sighting, at: Instant): DhcpEvent | undefined {
    const known = this.#servers.find(({ place, server }) => place === sighting.place && server === sighting.server);
    const said = { lastSeen: at, answeredAt: sighting.evidence === 'probe' ? at : known?.answeredAt };
    if (known !== undefined) {
      const isBetter = weightOf(sighting) >= weightOf(known);
      const next: ForeignServer = { ...known, ...(isBetter ? sighting : {}), ...said };
      this.#servers = this.#servers.map((server) => (server === known ? next : server));
      return undefined;
    }
    if (!this.#makeRoom(sighting)) return undefined;
    const server: ForeignServer = { ...sighting, firstSeen: at, ...said };
    this.#servers = [...this.#servers, server];
    return eventOf('dhcp.foreign-server', server, at);
  }

  /** Forgets who has not been seen since `since`. @returns the events that tell of it */
  forget(since: Instant, at: Instant): readonly DhcpEvent[] {
    const gone = this.#servers.filter(({ lastSeen }) => lastSeen < since);
    if (gone.length > 0) this.#servers = this.#servers.filter(({ lastSeen }) => lastSeen >= since);
    return gone.map((server) => eventOf('dhcp.foreign-server-gone', server, at));
  }

  /** Forgets wires that are no longer served, without a word. @returns whether there was something to forget */
  retain(places: ReadonlySet<string>): boolean {
    const before = this.#servers.length;
    this.#servers = this.#servers.filter(({ place }) => places.has(place));
    return this.#servers.length < before;
  }

  #makeRoom(sighting: Sighting): boolean {
    const there = this.#servers.filter(({ place }) => place === sighting.place);
    if (there.length < FOREIGN_SERVERS_MAX) return true;
    const [least] = there.toSorted((a, b) => weightOf(a) - weightOf(b) || a.lastSeen - b.lastSeen);
    if (least === undefined || weightOf(least) >= weightOf(sighting)) return false;
    this.#servers = this.#servers.filter((server) => server !== least);
    return true;
  }
}

const weightOf = ({ evidence }: Pick<Sighting, 'evidence'>): number => BY_WEIGHT.indexOf(evidence);

function eventOf(
  kind: 'dhcp.foreign-server' | 'dhcp.foreign-server-gone',
  server: ForeignServer,
  at: Instant,
): DhcpEvent {
  const { mac, server: address, subnet, interfaceName, leaseSeconds, file, evidence, isBootOnly } = server;
  const offered = server.offered === undefined ? undefined : formatIpv4(server.offered);
  return { kind, at, mac, address, subnet, interfaceName, leaseSeconds, file, offered, evidence, isBootOnly };
}

/** The moment before which a server must have been seen to be kept, when it is looked for every `intervalMs`. */
export const seenSince = (now: Instant, intervalMs: number): Instant => later(now, -PROBES_MISSED_MAX * intervalMs);

/** So many probes in a row a server may leave unanswered: one is lost easily. */
const PROBES_MISSED_MAX = 3;
