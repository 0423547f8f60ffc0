// Looks for other DHCP servers on the served wires: by probing as a client (at start, when a link comes up, and from time to time), and by
// listening to clients and servers.
//
//   configure ─ a new wire ─▶ probe ─ AGAIN_MS ─▶ probe ─ interval ─▶ probe …
//                                └─ tap: DISCOVER … take … LISTEN_MS … close ─ offers → ForeignServers.see
//   hear (REQUEST that names another server, reply) ─ new? → probe soon, which reveals more about it
//
// 1. It works through its ports. A wire whose tap cannot be opened is only listened to, and `blindness` gives the reason.
// 2. One probe per wire at a time, and at most one per PROBE_SOON_MS for the words of clients.
// 3. A server that answers from an address of this rack is this rack.

import { type Clock, type Instant, later } from '../../clock.ts';
import { Alarm } from '../../deadline-queue.ts';
import { type Ipv4, type MacAddress, macFromBytes } from '../../net/address.ts';
import type { FrameTap, TapRequest } from '../../net/frame-tap.ts';
import type { DhcpEvent, DhcpRefusal } from '../events.ts';
import { type ForeignEar, wireOf } from '../networks/server-role.ts';
import type { LocalInterface, SubnetIndex } from '../networks/subnet.ts';
import type { DhcpPorts } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress, optionU8 } from '../wire/options.ts';
import { composeProbe, type ProbeIdentity, readOffer, readServer } from './foreign-probe.ts';
import { type ForeignServer, ForeignServers, type Sighting, seenSince } from './foreign-servers.ts';
import { Hearsay } from './hearsay.ts';

/** How long offers are awaited, in milliseconds: dnsmasq pings an address for 3 s before it offers it. */
export const LISTEN_MS = 5000;
/** When an unanswered probe is sent again, in milliseconds. */
const SEND_AGAIN_MS = 1200;
/** How often the tap is read, in milliseconds. */
const LOOK_MS = 200;
/** The second probe of a wire, in milliseconds: a switch port with spanning tree forwards nothing in its first 30 s. */
export const AGAIN_MS = 45_000;
/** The shortest time between two probes of a wire, in milliseconds. */
export const PROBE_SOON_MS = 60_000;
/** The interval that keeps servers known by hearsay if no probes are sent, in milliseconds. */
export const UNPROBED_INTERVAL_MS = 600_000;

/** A served wire. */
export interface Wire {
  readonly place: string;
  readonly interfaceName: string | undefined;
  /** The names of the networks on it, at least one. */
  readonly subnets: readonly [string, ...string[]];
  /** The hardware address of the interface; undefined: it has none or no link, and is not probed. */
  readonly mac: MacAddress | undefined;
}

/** The served wires. Those in proxy mode are left out: another server is there intentionally. */
export function wiresOf({ served }: SubnetIndex, interfaces: readonly LocalInterface[] | undefined): readonly Wire[] {
  const wires = new Map<string, Wire>();
  for (const { subnet } of served) {
    if (subnet.proxy === true) continue;
    const place = wireOf(subnet);
    const { interfaceName, name } = subnet;
    const known = wires.get(place);
    const mac = interfaces?.find((one) => one.name === interfaceName)?.mac;
    wires.set(place, { place, interfaceName, subnets: known === undefined ? [name] : [...known.subnets, name], mac });
  }
  return [...wires.values()];
}

export interface ForeignWatchPorts {
  readonly clock: Clock;
  readonly publish: (event: DhcpEvent) => void;
  /** Opens a tap; returns undefined if that is not possible. */
  readonly tap: (request: TapRequest) => FrameTap | undefined;
  /** The addresses by which clients know this rack. */
  readonly ownAddresses: () => ReadonlySet<Ipv4>;
  /** True for a client that has or had a lease here, or is a machine of the region; undefined: no client is known. */
  readonly isKnownClient?: ((client: MacAddress) => boolean) | undefined;
  /** Called when the known servers change. */
  readonly onChange?: (() => void) | undefined;
}

interface Watched {
  wire: Wire;
  probes: number;
  lastProbe: Instant | undefined;
  nextProbe: Instant | undefined;
  running: FrameTap | undefined;
}

/** Watches the wires of a server. */
export class ForeignWatch implements ForeignEar {
  readonly #ports: ForeignWatchPorts;
  readonly #servers = new ForeignServers();
  readonly #hearsay = new Hearsay();
  readonly #wires = new Map<string, Watched>();
  readonly #alarm: Alarm;
  #intervalMs: number | undefined;
  #dhcpPorts: DhcpPorts = { serverPort: 67, clientPort: 68 };
  #blindness: string | undefined;
  #closed = false;

  constructor(ports: ForeignWatchPorts) {
    this.#ports = ports;
    this.#alarm = new Alarm(ports.clock, () => this.#onAlarm());
  }

  /** The known servers, the first seen first. */
  get servers(): readonly ForeignServer[] {
    return this.#servers.all;
  }

  /** Why probing is impossible; `undefined` if probing works or is disabled. */
  get blindness(): string | undefined {
    return this.#blindness;
  }

  /** Watches these wires from now on. @param intervalMs how often each is probed; undefined: never */
  configure(wires: readonly Wire[], intervalMs: number | undefined, dhcpPorts: DhcpPorts): void {
    if (this.#closed) return;
    const now = this.#ports.clock.now();
    const isOn = intervalMs !== undefined && this.#intervalMs === undefined;
    this.#intervalMs = intervalMs;
    this.#dhcpPorts = dhcpPorts;
    const places = new Set(wires.map(({ place }) => place));
    for (const [place, watched] of this.#wires) {
      if (places.has(place)) continue;
      stop(watched);
      this.#wires.delete(place);
    }
    for (const wire of wires) {
      const known = this.#wires.get(wire.place);
      const isUp = wire.mac !== undefined && (known === undefined || known.wire.mac !== wire.mac || isOn);
      const watched = known ?? { wire, probes: 0, lastProbe: undefined, nextProbe: undefined, running: undefined };
      watched.wire = wire;
      if (isUp) {
        watched.probes = 0;
        watched.nextProbe = now;
      }
      this.#wires.set(wire.place, watched);
    }
    this.#hearsay.retain(places);
    if (this.#servers.retain(places)) this.#ports.onChange?.();
    this.#expect();
  }

  isSeenAt(place: string, client: MacAddress): boolean {
    const now = this.#ports.clock.now();
    const isKnown = (): boolean => this.#isKnown(client);
    return this.#servers.isProvenAt(place, this.#seenSince(now)) || this.#hearsay.spares(place, client, isKnown, now);
  }

  hear(message: DhcpMessage, reason: DhcpRefusal, at: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): void {
    if (reason !== 'other-server-chosen' && reason !== 'not-a-request') return;
    const watched = this.#find(at);
    if (watched === undefined) return;
    const named = optionAddress(message.options, OPTION.serverIdentifier);
    if (optionU8(message.options, OPTION.messageType) === MESSAGE_TYPE.request && named !== undefined) {
      if (this.#ports.ownAddresses().has(named)) return;
      const client = macFromBytes(message.chaddr);
      this.#hearsay.choose(watched.wire.place, client, this.#isKnown(client), this.#ports.clock.now());
      this.#see(watched, { server: named, evidence: 'client' });
      return;
    }
    const seen = named === undefined ? undefined : readServer(message, named, undefined);
    if (seen !== undefined) this.#see(watched, { ...seen, evidence: 'reply' });
  }

  close(): void {
    this.#closed = true;
    this.#alarm.cancel();
    for (const watched of this.#wires.values()) stop(watched);
  }

  #isKnown(client: MacAddress): boolean {
    return this.#ports.isKnownClient?.(client) === true;
  }

  #find({ subnet, interfaceName }: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): Watched | undefined {
    for (const watched of this.#wires.values()) {
      const { wire } = watched;
      if (subnet === undefined ? wire.interfaceName === interfaceName : wire.subnets.includes(subnet)) return watched;
    }
    return undefined;
  }

  #see(watched: Watched, seen: Pick<Sighting, 'server' | 'evidence'> & Partial<Sighting>): void {
    const { clock, publish, ownAddresses, onChange } = this.#ports;
    if (ownAddresses().has(seen.server)) return;
    const { place, interfaceName, subnets } = watched.wire;
    const now = clock.now();
    const event = this.#servers.see({ ...seen, place, interfaceName, subnet: subnets[0] }, now);
    if (event === undefined) return;
    publish(event);
    onChange?.();
    if (seen.evidence !== 'probe') {
      this.#hearsay.doubt(place, now);
      this.#probeSoon(watched, now);
    }
    this.#expect();
  }

  /** A client's word reveals only an address; a probe reveals more. */
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
    for (const { nextProbe, wire } of this.#wires.values()) {
      if (this.#intervalMs !== undefined && wire.mac !== undefined) this.#alarm.expect(nextProbe);
    }
    const oldest = this.#servers.all.reduce((at, { lastSeen }) => Math.min(at, lastSeen), Number.POSITIVE_INFINITY);
    if (oldest < Number.POSITIVE_INFINITY) {
      const now = this.#ports.clock.now();
      const keptMs = now - this.#seenSince(now);
      this.#alarm.expect(later(now, Math.max(0, oldest + keptMs - now) + 1));
    }
  }

  #onAlarm(): void {
    const { clock, publish, onChange } = this.#ports;
    const now = clock.now();
    const gone = this.#servers.forget(this.#seenSince(now), now);
    for (const event of gone) publish(event);
    if (gone.length > 0) onChange?.();
    if (this.#intervalMs !== undefined) {
      for (const watched of this.#wires.values()) {
        if (watched.nextProbe !== undefined && watched.nextProbe <= now) this.#probe(watched, this.#intervalMs, now);
      }
    }
    this.#expect();
  }

  #probe(watched: Watched, intervalMs: number, now: Instant): void {
    const { interfaceName, mac } = watched.wire;
    watched.lastProbe = now;
    watched.nextProbe = later(now, watched.probes === 0 ? Math.min(AGAIN_MS, intervalMs) : intervalMs);
    watched.probes += 1;
    if (mac === undefined || interfaceName === undefined || watched.running !== undefined) return;
    const { clock, tap: openTap } = this.#ports;
    const tap = openTap({ device: interfaceName, mac, port: this.#dhcpPorts.clientPort });
    if (tap === undefined) {
      if (this.#blindness === undefined) this.#ports.publish({ kind: 'dhcp.probe-blind', at: now, reason: BLIND });
      this.#blindness = BLIND;
      return;
    }
    this.#blindness = undefined;
    watched.running = tap;
    const xid = clock.randomBytes(4).reduce((number, byte) => number * 256 + byte, 0);
    this.#send(tap, { mac, xid });
    this.#listen(watched, tap, { mac, xid }, 0, false);
  }

  #send(tap: FrameTap, probe: ProbeIdentity): void {
    // A link that is down is reported elsewhere; the next probe finds it up again.
    tap.broadcast(composeProbe(probe), this.#dhcpPorts.serverPort);
  }

  /** Reads the tap until LISTEN_MS are over. */
  #listen(watched: Watched, tap: FrameTap, probe: ProbeIdentity, waitedMs: number, hasHeard: boolean): void {
    this.#ports.clock.schedule(LOOK_MS, () => {
      if (watched.running !== tap) return;
      const offers = tap.take().flatMap((datagram) => readOffer(datagram, probe) ?? []);
      for (const offer of offers) this.#see(watched, { ...offer, evidence: 'probe' });
      const heard = hasHeard || offers.length > 0;
      const waited = waitedMs + LOOK_MS;
      if (!heard && waitedMs < SEND_AGAIN_MS && waited >= SEND_AGAIN_MS) this.#send(tap, probe);
      if (waited < LISTEN_MS) this.#listen(watched, tap, probe, waited, heard);
      else stop(watched);
    });
  }
}

/** Ends the running probe. */
function stop(watched: Watched): void {
  watched.running?.close();
  watched.running = undefined;
}

const BLIND =
  'Other DHCP servers are noticed only when a client chooses one, because asking for them needs CAP_NET_RAW and Linux.';
