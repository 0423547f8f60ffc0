// Watches for another host that uses an address of this rack: machines may then send their requests
// to that host, and nothing works.
//
//   heard on the wire (`neighbourhood.ts`) ─┐
//   a probe of its own, every CHECK_MS ─────┴─▶ noteUse ─▶ event, once in REREPORT_MS for each host
//                                                     └──▶ a note, until the host was not seen for GONE_MS
//
// 1. This host's other interfaces may answer for the address, as Linux does; `wire-listener.ts`
//    ignores their frames.
// 2. Reports are sampled (USERS_RATE) and hosts bounded (USERS_MAX): any host can invent hardware addresses.
// 3. Only ARP shows another user, not IP packets from the address.

import type { ClusterInterface } from '../../config/rack-config.ts';
import { formatIpv4, formatMac, type Ipv4, isLoopback, type MacAddress } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import { EventSampler, type Rate } from '../../ground/rate-limit.ts';
import type { Sighting } from '../../net/watch/neighbours.ts';
import type { Wire } from '../../net/watch/wire.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import type { RackNote } from '../../region/reports/notes.ts';

/** How often the rack probes its own addresses, in milliseconds. */
export const CHECK_MS = 60_000;
/**
 * How long a host is noted after it was last seen, in milliseconds: several probes, because an
 * answer may be lost.
 */
export const GONE_MS = 300_000;
/** How often the same host is reported, in milliseconds. */
export const REREPORT_MS = 3_600_000;
/** Remembered hosts; beyond this the host that was seen longest ago is forgotten. */
export const USERS_MAX = 16;
/** Reports of all hosts together. */
export const USERS_RATE: Rate = { perSecond: 1 / 60, burst: 8 };

interface OwnAddress {
  readonly interfaceName: string;
  readonly address: Ipv4;
}

interface AddressUser extends OwnAddress {
  readonly mac: MacAddress;
  readonly seenAt: Instant;
  readonly reportedAt: Instant;
}

interface OwnAddressesDeps {
  readonly clock: Clock;
  readonly wire: Pick<Wire, 'canProbe' | 'findUser'>;
  readonly publish: (event: DaemonEvent) => void;
}

/** The addresses of this rack, and the other hosts that use them. */
export class OwnAddresses {
  readonly #deps: OwnAddressesDeps;
  readonly #users = new BoundedMap<string, AddressUser>(USERS_MAX, 'set longest ago');
  readonly #sampler = new EventSampler(USERS_RATE);
  #ownAddresses: readonly OwnAddress[] = [];
  #timer: Timer | undefined;

  constructor(deps: OwnAddressesDeps) {
    this.#deps = deps;
  }

  /** Watches the addresses of this configuration. */
  configure(clusterInterfaces: readonly ClusterInterface[]): void {
    this.#ownAddresses = clusterInterfaces.flatMap(({ interfaceName, ip }) =>
      interfaceName === undefined || ip === undefined || isLoopback(ip) ? [] : { interfaceName, address: ip },
    );
    this.#scheduleProbe(0);
  }

  /** Call for every host that was heard with an address. */
  hear({ interfaceName, address, mac }: Sighting): void {
    if (this.#isOwn(interfaceName, address)) this.#noteUse({ interfaceName, address }, mac);
  }

  /** A note for each host that uses an address of this rack. */
  get notes(): readonly RackNote[] {
    const now = this.#deps.clock.now();
    const presentUsers = [...this.#users.values()].filter(
      ({ interfaceName, address, seenAt }) => later(seenAt, GONE_MS) > now && this.#isOwn(interfaceName, address),
    );
    return presentUsers.map(({ interfaceName, address, mac, seenAt }) => ({
      note: 'own-address-used',
      ip: formatIpv4(address),
      interface: interfaceName,
      host: formatMac(mac),
      seconds: Math.round((now - seenAt) / 1000),
    }));
  }

  #isOwn(interfaceName: string, address: Ipv4): boolean {
    return this.#ownAddresses.some(
      (ownAddress) => ownAddress.address === address && ownAddress.interfaceName === interfaceName,
    );
  }

  #noteUse({ interfaceName, address }: OwnAddress, mac: MacAddress): void {
    const now = this.#deps.clock.now();
    const key = `${interfaceName} ${address} ${mac}`;
    const reportedAt = this.#users.get(key)?.reportedAt;
    const isReportedLately = reportedAt !== undefined && later(reportedAt, REREPORT_MS) > now;
    const sample = isReportedLately ? undefined : this.#sampler.take('used', now);
    // A host that the sampler withheld is reported when it is seen again.
    const newReportedAt = sample === undefined ? (reportedAt ?? later(now, -REREPORT_MS)) : now;
    this.#users.set(key, { interfaceName, address, mac, seenAt: now, reportedAt: newReportedAt });
    if (sample === undefined) return;
    this.#deps.publish({ kind: 'net.own-address-used', at: now, mac, address, interface: interfaceName, ...sample });
  }

  #scheduleProbe(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#ownAddresses.length === 0) return;
    this.#timer = this.#deps.clock.schedule(delayMs, () => {
      for (const ownAddress of this.#ownAddresses) this.#probe(ownAddress);
      this.#scheduleProbe(CHECK_MS);
    });
  }

  #probe(ownAddress: OwnAddress): void {
    const { wire } = this.#deps;
    if (!wire.canProbe(ownAddress.interfaceName)) return;
    // A probe that cannot be made says nothing; the next probe tries again.
    wire.findUser(ownAddress.address, ownAddress.interfaceName).then(
      (user) => {
        if (user !== undefined && this.#ownAddresses.includes(ownAddress)) this.#noteUse(ownAddress, user);
      },
      () => undefined,
    );
  }
}
