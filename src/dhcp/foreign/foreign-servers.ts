// The other DHCP servers that were seen, by the wire and their address. Pure state: what was seen is told to it, and the time.
//
// 1. A server is told of when it is first seen, and when it has not been seen for as long as the caller says; never in between.
// 2. What a probe has seen of a server is not overwritten by what a client says of it, which names an address and nothing else.
// 3. At most FOREIGN_SERVERS_MAX are kept of one wire: beyond that a better proof takes the place of the oldest of the weakest, and
//    anything else is not kept. Who invents servers fills the list of a wire, and hides none there that answers a probe.
// 4. What one client says can be anybody's invention: it is believed while it is being looked into (DOUBT_MS), and later only when
//    as many as CLIENTS_BELIEVED have said the same, or the server was heard itself.

import { type Instant, later } from '../../clock.ts';
import { formatIpv4, type Ipv4, type MacAddress } from '../../net/address.ts';
import type { DhcpEvent } from '../events.ts';

/** The most servers kept of one wire. */
export const FOREIGN_SERVERS_MAX = 64;
/** So many clients that chose a server prove that it gives addresses, though it answers no probe: it may know its own clients only. */
export const CLIENTS_BELIEVED = 3;
/** How long one client's word counts, in milliseconds: a probe follows within a minute and is listened to for seconds. */
export const DOUBT_MS = 90_000;
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
  /** Who named it, where a client did. */
  readonly client?: MacAddress | undefined;
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
export interface ForeignServer extends Omit<Sighting, 'client'> {
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** Clients that named it, the first CLIENTS_BELIEVED of them, and when the last of these did so first. */
  readonly clients: readonly MacAddress[];
  readonly doubtedAt: Instant | undefined;
}

/** The servers that were seen. */
export class ForeignServers {
  /** In the order in which they were first seen. */
  #servers: readonly ForeignServer[] = [];

  /** Every server, those first that were seen first. */
  get all(): readonly ForeignServer[] {
    return this.#servers;
  }

  /** True while a server that gives addresses is believed to be on the wire. */
  isSeenAt(place: string, now: Instant): boolean {
    return this.#servers.some(
      (server) => server.place === place && server.isBootOnly !== true && isBelieved(server, now),
    );
  }

  /** Takes note of a sighting. @returns the event that tells of it, when the server is new */
  see(sighting: Sighting, at: Instant): DhcpEvent | undefined {
    const { client, ...shown } = sighting;
    const known = this.#servers.find(({ place, server }) => place === sighting.place && server === sighting.server);
    const said = { ...heardFrom(known, client, at), lastSeen: at };
    if (known !== undefined) {
      const isBetter = weightOf(sighting) >= weightOf(known);
      const next: ForeignServer = { ...known, ...(isBetter ? shown : {}), ...said };
      this.#servers = this.#servers.map((server) => (server === known ? next : server));
      return undefined;
    }
    if (!this.#makeRoom(sighting)) return undefined;
    const server: ForeignServer = { ...shown, firstSeen: at, ...said };
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

/** What clients have said of a server, with what one more says now. */
function heardFrom(
  known: ForeignServer | undefined,
  client: MacAddress | undefined,
  at: Instant,
): Pick<ForeignServer, 'clients' | 'doubtedAt'> {
  const { clients = [], doubtedAt } = known ?? {};
  const isNew = client !== undefined && clients.length < CLIENTS_BELIEVED && !clients.includes(client);
  return isNew ? { clients: [...clients, client], doubtedAt: at } : { clients, doubtedAt };
}

function isBelieved({ evidence, clients, doubtedAt }: ForeignServer, now: Instant): boolean {
  if (evidence !== 'client' || clients.length >= CLIENTS_BELIEVED) return true;
  return doubtedAt !== undefined && later(doubtedAt, DOUBT_MS) > now;
}

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
