// Looks for other DHCP servers on the served shared networks, by probing as a client and by
// listening to clients and servers.
//
//   configure ─ a new shared network ─▶ probe ─ AGAIN_MS ─▶ probe ─ interval ─▶ probe …
//                                └─ tap: DISCOVER … take … LISTEN_MS … close ─ offers → ForeignServers.see
//   hear (REQUEST that names another server, reply) ─ new? → probe soon, which reveals more about it
//   search (an interface that may be served next): one probe, which ends with the first offers
//
// 1. It opens nothing itself. If a tap cannot be opened, the rack only listens, and `isBlind` says so.
// 2. One probe per shared network at a time; clients' words cause at most one per PROBE_SOON_MS.
// 3. A server with an address of this rack is this rack.

import { type Ipv4, type MacAddress, macFromBytes } from '../../ground/address.ts';
import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { Alarm } from '../../ground/deadline-queue.ts';
import type { FrameTap, TapRequest } from '../../net/datagrams/frame-tap.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import { type ForeignServerListener, sharedNetworkKey } from '../networks/server-role.ts';
import type { LocalInterface, SubnetIndex } from '../networks/subnet.ts';
import type { DhcpPorts } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress, optionU8 } from '../wire/options.ts';
import { composeProbe, decodeForeignOffer, type ProbeIdentity, readServer, type SeenServer } from './foreign-probe.ts';
import { type ForeignServer, ForeignServers, type Sighting, seenSince } from './foreign-servers.ts';
import { UnprovenServers } from './unproven-servers.ts';

/** How long offers are awaited, in milliseconds: dnsmasq first pings for 3 s. */
export const LISTEN_MS = 5000;
/** When an unanswered probe is sent again, in milliseconds. */
const SEND_AGAIN_MS = 1200;
/** How often the tap is read, in milliseconds. */
const TAP_READ_MS = 200;
/** The second probe, in milliseconds: a switch port with spanning tree forwards nothing for 30 s. */
export const AGAIN_MS = 45_000;
/** The shortest time between two probes, in milliseconds. */
export const PROBE_SOON_MS = 60_000;
/** The interval that keeps unproven servers without probes, in milliseconds. */
export const UNPROBED_INTERVAL_MS = 600_000;

/** A served shared network. */
export interface SharedNetwork {
  readonly place: string;
  readonly interfaceName: string | undefined;
  readonly subnets: readonly [string, ...string[]];
  /** Undefined: it has none or no carrier, and is not probed. */
  readonly mac: MacAddress | undefined;
}

/** The served shared networks, without those in proxy mode, where another server is intended. */
export function listSharedNetworks(
  { served }: SubnetIndex,
  interfaces: readonly LocalInterface[] | undefined,
): readonly SharedNetwork[] {
  const networks = new Map<string, SharedNetwork>();
  for (const { subnet } of served) {
    if (subnet.proxy === true) continue;
    const place = sharedNetworkKey(subnet);
    const { interfaceName, name } = subnet;
    const existing = networks.get(place);
    const mac = interfaces?.find((candidate) => candidate.name === interfaceName)?.mac;
    const subnets: SharedNetwork['subnets'] = existing === undefined ? [name] : [...existing.subnets, name];
    networks.set(place, { place, interfaceName, subnets, mac });
  }
  return [...networks.values()];
}

interface ForeignWatchDeps {
  readonly clock: Clock;
  readonly publish: (event: DhcpEvent) => void;
  /** Opens a tap, if possible. */
  readonly tap: (request: TapRequest) => FrameTap | undefined;
  /** The addresses by which clients know this rack. */
  readonly ownAddresses: () => ReadonlySet<Ipv4>;
  /** True for a client with a lease here, past or present, or a machine of the region. */
  readonly isKnownClient?: ((client: MacAddress) => boolean) | undefined;
  /** Called when the known servers change. */
  readonly onChange?: (() => void) | undefined;
}

interface Watched {
  network: SharedNetwork;
  probes: number;
  lastProbe: Instant | undefined;
  nextProbe: Instant | undefined;
  running: FrameTap | undefined;
}

/** A probe that was sent, and waits for offers. */
interface Listening {
  readonly tap: FrameTap;
  readonly probe: ProbeIdentity;
  /** True if no more offers are awaited. */
  readonly isEnded: () => boolean;
  readonly take: (offer: SeenServer) => void;
  readonly end: () => void;
}

/** Watches the shared networks of a server. */
export class ForeignWatch implements ForeignServerListener {
  readonly #deps: ForeignWatchDeps;
  readonly #servers = new ForeignServers();
  readonly #unproven = new UnprovenServers();
  readonly #watched = new Map<string, Watched>();
  /** The interfaces that are searched now. */
  readonly #searches = new Set<string>();
  readonly #alarm: Alarm;
  #intervalMs: number | undefined;
  #dhcpPorts: DhcpPorts = { serverPort: 67, clientPort: 68 };
  #isBlind = false;
  #closed = false;

  constructor(deps: ForeignWatchDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#onAlarm());
  }

  /** The known servers, the first seen first. */
  get servers(): readonly ForeignServer[] {
    return this.#servers.all;
  }

  /** True if probing is impossible; false if it works or is disabled. */
  get isBlind(): boolean {
    return this.#isBlind;
  }

  /**
   * Watches these shared networks from now on. @param intervalMs how often each is probed;
   * undefined: never
   */
  configure(networks: readonly SharedNetwork[], intervalMs: number | undefined, dhcpPorts: DhcpPorts): void {
    if (this.#closed) return;
    const now = this.#deps.clock.now();
    const isOn = intervalMs !== undefined && this.#intervalMs === undefined;
    this.#intervalMs = intervalMs;
    this.#dhcpPorts = dhcpPorts;
    const places = new Set(networks.map(({ place }) => place));
    for (const [place, watched] of this.#watched) {
      if (places.has(place)) continue;
      stop(watched);
      this.#watched.delete(place);
    }
    for (const network of networks) {
      const before = this.#watched.get(network.place);
      const isUp = network.mac !== undefined && (before === undefined || before.network.mac !== network.mac || isOn);
      const watched = before ?? { network, probes: 0, lastProbe: undefined, nextProbe: undefined, running: undefined };
      watched.network = network;
      if (isUp) {
        watched.probes = 0;
        watched.nextProbe = now;
      }
      this.#watched.set(network.place, watched);
    }
    this.#unproven.retain(places);
    if (this.#servers.retain(places)) this.#deps.onChange?.();
    this.#expect();
  }

  isSeenAt(place: string, client: MacAddress): boolean {
    const now = this.#deps.clock.now();
    const isKnown = (): boolean => this.#isKnown(client);
    return this.#servers.isProvenAt(place, this.#seenSince(now)) || this.#unproven.spares(place, client, isKnown, now);
  }

  hear(message: DhcpMessage, reason: DhcpRefusal, at: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): void {
    if (reason !== 'other-server-chosen' && reason !== 'not-a-request') return;
    const watched = this.#find(at);
    if (watched === undefined) return;
    const named = optionAddress(message.options, OPTION.serverIdentifier);
    if (optionU8(message.options, OPTION.messageType) === MESSAGE_TYPE.request && named !== undefined) {
      if (this.#deps.ownAddresses().has(named)) return;
      const client = macFromBytes(message.chaddr);
      this.#unproven.choose(watched.network.place, client, this.#isKnown(client), this.#deps.clock.now());
      this.#see(watched, { server: named, evidence: 'client' });
      return;
    }
    const seen = named === undefined ? undefined : readServer(message, named, undefined);
    if (seen !== undefined) this.#see(watched, { ...seen, evidence: 'reply' });
  }

  /**
   * Probes an interface once, served or not.
   * @returns the servers that give addresses there; undefined: probing is impossible, or another
   * search runs there
   */
  search(device: string, mac: MacAddress): Promise<readonly Ipv4[] | undefined> {
    const { tap: openTap, ownAddresses } = this.#deps;
    const tap =
      this.#closed || this.#searches.has(device)
        ? undefined
        : openTap({ device, mac, port: this.#dhcpPorts.clientPort });
    if (tap === undefined) return Promise.resolve(undefined);
    this.#searches.add(device);
    const servers = new Set<Ipv4>();
    return new Promise((resolve) => {
      this.#listen({
        tap,
        probe: this.#compose(mac),
        isEnded: () => this.#closed || servers.size > 0,
        take: ({ server, isBootOnly }) => {
          if (!isBootOnly && !ownAddresses().has(server)) servers.add(server);
        },
        end: () => {
          tap.close();
          this.#searches.delete(device);
          resolve([...servers]);
        },
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#alarm.cancel();
    for (const watched of this.#watched.values()) stop(watched);
  }

  #isKnown(client: MacAddress): boolean {
    return this.#deps.isKnownClient?.(client) === true;
  }

  #find({ subnet, interfaceName }: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): Watched | undefined {
    for (const watched of this.#watched.values()) {
      const { network } = watched;
      if (subnet === undefined ? network.interfaceName === interfaceName : network.subnets.includes(subnet))
        return watched;
    }
    return undefined;
  }

  #see(watched: Watched, seen: Pick<Sighting, 'server' | 'evidence'> & Partial<Sighting>): void {
    const { clock, publish, ownAddresses, onChange } = this.#deps;
    if (ownAddresses().has(seen.server)) return;
    const { place, interfaceName, subnets } = watched.network;
    const now = clock.now();
    const event = this.#servers.see({ ...seen, place, interfaceName, subnet: subnets[0] }, now);
    if (event === undefined) return;
    publish(event);
    onChange?.();
    if (seen.evidence !== 'probe') {
      this.#unproven.doubt(place, now);
      this.#probeSoon(watched, now);
    }
    this.#expect();
  }

  /** A client's word reveals only an address. */
  #probeSoon(watched: Watched, now: Instant): void {
    const { lastProbe } = watched;
    if (watched.nextProbe === undefined) return;
    const soon = lastProbe === undefined ? now : later(lastProbe, PROBE_SOON_MS);
    if (soon < watched.nextProbe) watched.nextProbe = soon < now ? now : soon;
  }

  #seenSince(now: Instant): Instant {
    return seenSince(now, this.#intervalMs ?? UNPROBED_INTERVAL_MS);
  }

  #expect(): void {
    if (this.#closed) return;
    for (const { nextProbe, network } of this.#watched.values()) {
      if (this.#intervalMs !== undefined && network.mac !== undefined) this.#alarm.expect(nextProbe);
    }
    const oldest = this.#servers.all.reduce((at, { lastSeen }) => Math.min(at, lastSeen), Number.POSITIVE_INFINITY);
    if (oldest < Number.POSITIVE_INFINITY) {
      const now = this.#deps.clock.now();
      const keptMs = now - this.#seenSince(now);
      this.#alarm.expect(later(now, Math.max(0, oldest + keptMs - now) + 1));
    }
  }

  #onAlarm(): void {
    const { clock, publish, onChange } = this.#deps;
    const now = clock.now();
    const gone = this.#servers.forget(this.#seenSince(now), now);
    for (const event of gone) publish(event);
    if (gone.length > 0) onChange?.();
    if (this.#intervalMs !== undefined) {
      for (const watched of this.#watched.values()) {
        if (watched.nextProbe !== undefined && watched.nextProbe <= now) this.#probe(watched, this.#intervalMs, now);
      }
    }
    this.#expect();
  }

  #probe(watched: Watched, intervalMs: number, now: Instant): void {
    const { interfaceName, mac } = watched.network;
    watched.lastProbe = now;
    watched.nextProbe = later(now, watched.probes === 0 ? Math.min(AGAIN_MS, intervalMs) : intervalMs);
    watched.probes += 1;
    if (mac === undefined || interfaceName === undefined || watched.running !== undefined) return;
    const tap = this.#deps.tap({ device: interfaceName, mac, port: this.#dhcpPorts.clientPort });
    if (tap === undefined) {
      if (!this.#isBlind) this.#deps.publish({ kind: 'dhcp.probe-blind', at: now });
      this.#isBlind = true;
      return;
    }
    this.#isBlind = false;
    watched.running = tap;
    this.#listen({
      tap,
      probe: this.#compose(mac),
      isEnded: () => watched.running !== tap,
      take: (offer) => this.#see(watched, { ...offer, evidence: 'probe' }),
      end: () => {
        if (watched.running === tap) stop(watched);
      },
    });
  }

  #compose(mac: MacAddress): ProbeIdentity {
    const xid = this.#deps.clock.randomBytes(4).reduce((number, byte) => number * 256 + byte, 0);
    return { mac, xid };
  }

  #send({ tap, probe }: Listening): void {
    // A later probe reaches an interface without carrier.
    tap.broadcast(composeProbe(probe), this.#dhcpPorts.serverPort);
  }

  /** Sends the probe, and reads the tap until LISTEN_MS are over. */
  #listen(listening: Listening, waitedMs = 0, hasHeard = false): void {
    const { tap, probe, isEnded, take, end } = listening;
    if (waitedMs === 0) this.#send(listening);
    this.#deps.clock.schedule(TAP_READ_MS, () => {
      if (isEnded()) return end();
      const offers = tap.take().flatMap((datagram) => decodeForeignOffer(datagram, probe) ?? []);
      for (const offer of offers) take(offer);
      const heard = hasHeard || offers.length > 0;
      const waited = waitedMs + TAP_READ_MS;
      if (!heard && waitedMs < SEND_AGAIN_MS && waited >= SEND_AGAIN_MS) this.#send(listening);
      if (waited < LISTEN_MS && !isEnded()) this.#listen(listening, waited, heard);
      else end();
    });
  }
}

/** Ends the running probe. */
function stop(watched: Watched): void {
  watched.running?.close();
  watched.running = undefined;
}
