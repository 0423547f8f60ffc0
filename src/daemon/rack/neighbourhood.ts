// Handles what the rack hears on its wires: it records neighbours, publishes events about them, and answers router solicitations of booting
// machines with "no IPv6 router". It also watches for other hosts that use this rack's own addresses (`own-addresses.ts`).
//
// 1. Events are sampled: any host can invent any number of neighbours.
// 2. An answer is published after it was sent.

import type { Clock } from '../../clock.ts';
import type { ClusterInterface } from '../../config/rack-config.ts';
import type { Publish } from '../../event.ts';
import { formatMac, type Ipv4, type MacAddress } from '../../net/address.ts';
import type { Owner } from '../../net/shares/kept-apart.ts';
import { type Neighbour, NeighbourTable, type Sighting } from '../../net/watch/neighbours.ts';
import type { Solicitation } from '../../net/watch/net-message.ts';
import { RouterAnswers } from '../../net/watch/router-answers.ts';
import { BOOTING_STRANGERS_RATE } from '../../net/watch/solicitation-gate.ts';
import type { Wire } from '../../net/watch/wire.ts';
import { EventSampler, type Rate, RateLimit } from '../../rate-limit.ts';
import type { RackNote } from '../../region/records/rack-note.ts';
import { OwnAddresses } from './own-addresses.ts';
import type { NetEvent } from './wire-events.ts';

/** The rate of events: as many as a person can read when two hosts keep taking turns at one address. */
export const REPORT_RATE: Rate = { perSecond: 1, burst: 50 };

interface NeighbourhoodParts {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly wire: Wire;
  /** Called for every address that was heard in use. */
  readonly onHeard: (address: Ipv4, mac: MacAddress) => void;
}

/** The hosts on this rack's networks. */
export class Neighbourhood {
  readonly #parts: NeighbourhoodParts;
  readonly #table = new NeighbourTable();
  readonly #routers = new RouterAnswers();
  readonly #sampler = new EventSampler(REPORT_RATE);
  readonly #own: OwnAddresses;
  readonly #strangers = new RateLimit(BOOTING_STRANGERS_RATE);
  #names: readonly string[] = [];

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts;
    this.#own = new OwnAddresses({ ...parts, publish: (event) => this.#publish(event) });
    parts.wire.listen({
      onSightings: (sightings) => {
        for (const sighting of sightings) this.#see(sighting);
      },
      onSolicitation: (solicitation) => {
        if (this.#routers.shallAnswer(solicitation, parts.clock.now())) parts.wire.advertise(solicitation);
      },
      onRouter: (interfaceName, mac) => this.#routerHeard(interfaceName, mac),
      onAdvertised: (solicitation, code) => this.#advertised(solicitation, code),
    });
  }

  /** Other hosts that use this rack's own addresses. */
  get notes(): readonly RackNote[] {
    return this.#own.notes;
  }

  /** Listens on the interfaces of this configuration. */
  configure(clusterInterfaces: readonly ClusterInterface[]): void {
    const names = new Set(clusterInterfaces.flatMap(({ interfaceName }) => interfaceName ?? []));
    this.#names = [...names];
    this.#routers.configure(
      clusterInterfaces.flatMap(({ interfaceName, answersRouterSolicitations }) =>
        answersRouterSolicitations === true ? (interfaceName ?? []) : [],
      ),
    );
    this.#parts.wire.serve(this.#names);
    this.#own.configure(clusterInterfaces);
  }

  /** Records that a machine asks for a boot file. */
  booting(mac: MacAddress, owner: Owner): void {
    const now = this.#parts.clock.now();
    const { isToTell, solicitation } = this.#routers.noteBooting(mac, owner, now);
    if (isToTell && (owner.rank !== 'stranger' || this.#strangers.allows(now))) this.#parts.wire.booting(mac, owner);
    if (solicitation !== undefined) this.#parts.wire.advertise(solicitation);
  }

  /** Every known neighbour, unordered. */
  all(): readonly Neighbour[] {
    return this.#table.all();
  }

  /** The neighbour last seen with an address on any interface; undefined if there is none. */
  find(address: Ipv4): Neighbour | undefined {
    return this.#table.findAnywhere(address, this.#names);
  }

  #see(sighting: Sighting): void {
    const { clock, onHeard } = this.#parts;
    const { address, mac, interfaceName } = sighting;
    const now = clock.now();
    const change = this.#table.see(sighting, now);
    if (sighting.heard) {
      onHeard(address, mac);
      this.#own.hear(sighting);
    }
    if (change === 'seen') return;
    const kind = change === 'new' ? 'net.neighbour-new' : 'net.neighbour-moved';
    const sample = this.#sampler.take(kind, now);
    if (sample === undefined) return;
    const before = change === 'moved' ? this.#table.find(interfaceName, address)?.previousMac : undefined;
    const previous = before === undefined ? undefined : formatMac(before);
    this.#publish({ kind, at: now, mac, address, interface: interfaceName, previous, ...sample });
  }

  #routerHeard(interfaceName: string, mac: MacAddress): void {
    const now = this.#parts.clock.now();
    if (!this.#routers.noteRouter(interfaceName, now)) return;
    this.#publish({ kind: 'net.router-seen', at: now, interface: interfaceName, reason: formatMac(mac) });
  }

  #advertised({ mac, interfaceName }: Solicitation, code: string): void {
    const now = this.#parts.clock.now();
    const kind = code === '' ? 'net.router-answered' : 'net.router-answer-failed';
    const sample = this.#sampler.take(kind, now);
    if (sample === undefined) return;
    const reason = code === '' ? undefined : code;
    this.#publish({ kind, at: now, mac, interface: interfaceName, reason, ...sample });
  }

  #publish(event: NetEvent): void {
    this.#parts.publish(event);
  }
}
