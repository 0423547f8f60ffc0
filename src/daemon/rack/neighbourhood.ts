// Handles what the rack hears on its wires: it records neighbours, publishes events about them, and
// answers router solicitations of booting machines with "no IPv6 router". It also watches for other
// hosts that use this rack's own addresses (`own-addresses.ts`).
//
// 1. Events are sampled: any host can invent any number of neighbours.
// 2. An answer is published after it was sent.
// 3. A scan asks by ARP for the addresses of networks that this rack serves, one scan at a time and
//    at a bounded rate. It leaves most places for probes to DHCP, and ends with the configuration
//    for which it was started. Each host that it finds is published once.

import type { ClusterInterface } from '../../config/rack-config.ts';
import {
  computeBroadcastAddress,
  formatMac,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  ipv4,
  type MacAddress,
  networkContains,
  parseNetwork,
} from '../../ground/address.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { Publish } from '../../ground/event.ts';
import { EventSampler, type Rate, RateLimit } from '../../ground/rate-limit.ts';
import type { Owner } from '../../net/shares/kept-apart.ts';
import { type Neighbour, NeighbourTable, type Sighting } from '../../net/watch/neighbours.ts';
import type { Solicitation } from '../../net/watch/net-message.ts';
import { RouterAnswers } from '../../net/watch/router-answers.ts';
import { BOOTING_STRANGERS_RATE } from '../../net/watch/solicitation-gate.ts';
import type { Wire } from '../../net/watch/wire.ts';
import { WAKE_INTERFACES_MAX } from '../../region/records/heartbeat-bounds.ts';
import type { NetworkScan, ScanOutcome } from '../../region/records/network-scan.ts';
import { HEARD_ADDRESSES_MAX, type HostProbe, type HostWake } from '../../region/records/rack-request.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { OwnAddresses } from './own-addresses.ts';

/** The rate of events: as many as a person can read when two hosts keep taking turns at one address. */
export const REPORT_RATE: Rate = { perSecond: 1, burst: 50 };

/** Host addresses of the largest network that a scan takes: a /22. */
export const SCANNED_MAX = 1022;
/**
 * Addresses that a scan asks for at the same time; net/watch/arp-probes.ts PROBES_MAX has room for
 * many more.
 */
const SCANNED_AT_ONCE_MAX = 32;
/** The pause between two addresses of a scan, in milliseconds. */
const SCAN_STEP_MS = 20;
const SLOW_SCAN_STEP_MS = 250;

interface ScannedAddress {
  readonly address: Ipv4;
  readonly interfaceName: string;
}

interface RunningScan {
  readonly addresses: Iterator<ScannedAddress>;
  readonly atOnce: number;
  readonly stepMs: number;
  /** The hosts that answered. */
  readonly foundMacs: Set<MacAddress>;
  /** Addresses without an answer yet. */
  pendingCount: number;
  timer: Timer | undefined;
}

interface NeighbourhoodDeps {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly wire: Wire;
  /** Called for every address that was heard in use. */
  readonly onHeard: (address: Ipv4, mac: MacAddress) => void;
}

/** The hosts on this rack's networks. */
export class Neighbourhood {
  readonly #deps: NeighbourhoodDeps;
  readonly #table = new NeighbourTable();
  readonly #routers = new RouterAnswers();
  readonly #sampler = new EventSampler(REPORT_RATE);
  readonly #ownAddresses: OwnAddresses;
  readonly #strangerLimit = new RateLimit(BOOTING_STRANGERS_RATE);
  #names: readonly string[] = [];
  #clusterInterfaces: readonly ClusterInterface[] = [];
  #scan: RunningScan | undefined;

  constructor(deps: NeighbourhoodDeps) {
    this.#deps = deps;
    this.#ownAddresses = new OwnAddresses({ ...deps, publish: (event) => this.#publish(event) });
    deps.wire.listen({
      onSightings: (sightings) => {
        for (const sighting of sightings) this.#handleSighting(sighting);
      },
      onSolicitation: (solicitation) => {
        if (this.#routers.shouldAnswer(solicitation, deps.clock.now())) deps.wire.advertise(solicitation);
      },
      onRouter: (interfaceName, mac) => this.#handleRouter(interfaceName, mac),
      onAdvertised: (solicitation, code) => this.#handleAdvertised(solicitation, code),
    });
  }

  /** Other hosts that use this rack's own addresses. */
  get notes(): readonly RackNote[] {
    return this.#ownAddresses.notes;
  }

  /** Listens on the interfaces of this configuration. */
  configure(clusterInterfaces: readonly ClusterInterface[]): void {
    if (formatScanKey(clusterInterfaces) !== formatScanKey(this.#clusterInterfaces)) this.endScan();
    this.#clusterInterfaces = clusterInterfaces;
    const names = new Set(clusterInterfaces.flatMap(({ interfaceName }) => interfaceName ?? []));
    this.#names = [...names];
    this.#routers.configure(
      clusterInterfaces.flatMap(({ interfaceName, answersRouterSolicitations }) =>
        answersRouterSolicitations === true ? (interfaceName ?? []) : [],
      ),
    );
    this.#deps.wire.serve(this.#names);
    this.#ownAddresses.configure(clusterInterfaces);
  }

  /** Records that a machine asks for a boot file. */
  noteBooting(mac: MacAddress, owner: Owner): void {
    const now = this.#deps.clock.now();
    const { isToReport, solicitation } = this.#routers.noteBooting(mac, owner, now);
    if (isToReport && (owner.rank !== 'stranger' || this.#strangerLimit.allows(now)))
      this.#deps.wire.noteBooting(mac, owner);
    if (solicitation !== undefined) this.#deps.wire.advertise(solicitation);
  }

  /** Every known neighbour, unordered. */
  list(): readonly Neighbour[] {
    return this.#table.list();
  }

  /** The neighbour last seen with an address on any interface; `undefined` if there is none. */
  find(address: Ipv4): Neighbour | undefined {
    return this.#table.findOnAny(address, this.#names);
  }

  /** Starts a scan of these networks, as far as this rack serves them. */
  scan({ networks, atOnce, isSlow }: NetworkScan): ScanOutcome {
    if (this.#scan !== undefined) return 'running';
    const wantedNetworks = networks.flatMap((text) => parseNetwork(text) ?? []);
    const targets = this.#clusterInterfaces.flatMap((servedInterface) => {
      const { interfaceName, management, ip } = servedInterface;
      const isHeard = interfaceName !== undefined && management > 0 && this.#deps.wire.canProbe(interfaceName);
      if (!isHeard) return [];
      const ownNetworks = wantedNetworks.filter((network) => isScanned(network, servedInterface));
      return ownNetworks.map((network) => ({ network, interfaceName, ip }));
    });
    if (targets.length === 0) return 'unheard';
    this.#scan = {
      addresses: listScanAddresses(targets),
      atOnce: Math.min(SCANNED_AT_ONCE_MAX, Math.max(1, atOnce)),
      stepMs: isSlow ? SLOW_SCAN_STEP_MS : SCAN_STEP_MS,
      foundMacs: new Set(),
      pendingCount: 0,
      timer: undefined,
    };
    this.#stepScan(this.#scan);
    return 'started';
  }

  /**
   * Sends a magic packet where the host should be.
   * @returns the names of the interfaces; empty if none can send
   */
  wake({ mac, password, near }: HostWake): readonly string[] {
    const reachableNetworks = this.#findReachable();
    const nearbyNetworks = reachableNetworks.filter(
      ({ network }) => near !== undefined && networkContains(network, near),
    );
    const chosenNetworks = nearbyNetworks.length > 0 ? nearbyNetworks : reachableNetworks;
    const sources = new Map(chosenNetworks.map(({ interfaceName, ip }) => [interfaceName, ip]));
    const bytes = password === undefined ? undefined : Buffer.from(password, 'hex');
    const names = [...sources.keys()].slice(0, WAKE_INTERFACES_MAX);
    for (const interfaceName of names)
      this.#deps.wire.wake({ interfaceName, mac, password: bytes, source: sources.get(interfaceName) });
    return names;
  }

  /** True if the host answers by ARP for one of the addresses; `undefined` if none of them can be probed. */
  async isHeard({ mac, addresses }: HostProbe): Promise<boolean | undefined> {
    const probes = addresses.slice(0, HEARD_ADDRESSES_MAX).flatMap((address) => {
      const servedInterface = this.#findReachable().find(({ network }) => networkContains(network, address));
      return servedInterface === undefined ? [] : [this.#deps.wire.findUser(address, servedInterface.interfaceName)];
    });
    const users = (await Promise.allSettled(probes)).filter((outcome) => outcome.status === 'fulfilled');
    return users.length === 0 ? undefined : users.some(({ value }) => value === mac);
  }

  /** The networks in which this rack can send and hear. */
  #findReachable(): readonly (ClusterInterface & { readonly interfaceName: string })[] {
    return this.#clusterInterfaces.flatMap((servedInterface) => {
      const { interfaceName } = servedInterface;
      return interfaceName !== undefined && this.#deps.wire.canProbe(interfaceName)
        ? [{ ...servedInterface, interfaceName }]
        : [];
    });
  }

  endScan(): void {
    this.#scan?.timer?.cancel();
    this.#scan = undefined;
  }

  /** Probes the next address, unless too many probes are pending, and continues after a pause. */
  #stepScan(scan: RunningScan): void {
    const nextAddress = scan.pendingCount < scan.atOnce ? scan.addresses.next() : undefined;
    if (nextAddress?.done === true && scan.pendingCount === 0) {
      this.#scan = undefined;
      return;
    }
    if (nextAddress !== undefined && nextAddress.done !== true) void this.#ask(scan, nextAddress.value);
    scan.timer = this.#deps.clock.schedule(scan.stepMs, () => this.#stepScan(scan));
  }

  async #ask(scan: RunningScan, { address, interfaceName }: ScannedAddress): Promise<void> {
    scan.pendingCount += 1;
    try {
      const mac = await this.#deps.wire.findUser(address, interfaceName);
      if (mac === undefined || scan !== this.#scan || scan.foundMacs.has(mac)) return;
      scan.foundMacs.add(mac);
      this.#publish({
        kind: 'net.host-found',
        at: this.#deps.clock.now(),
        mac,
        address,
        interface: interfaceName,
      });
    } catch (error) {
      // The interface is down, or DHCP has taken all places for probes: the next scan asks again.
      if (!(error instanceof RackError)) throw error;
    } finally {
      scan.pendingCount -= 1;
    }
  }

  #handleSighting(sighting: Sighting): void {
    const { clock, onHeard } = this.#deps;
    const { address, mac, interfaceName } = sighting;
    const now = clock.now();
    const change = this.#table.see(sighting, now);
    if (sighting.isHeard) {
      onHeard(address, mac);
      this.#ownAddresses.hear(sighting);
    }
    if (change === 'seen') return;
    const kind = change === 'new' ? 'net.neighbour-new' : 'net.neighbour-moved';
    const sample = this.#sampler.take(kind, now);
    if (sample === undefined) return;
    const formerMac = change === 'moved' ? this.#table.find(interfaceName, address)?.previousMac : undefined;
    const previous = formerMac === undefined ? undefined : formatMac(formerMac);
    this.#publish({ kind, at: now, mac, address, interface: interfaceName, previous, ...sample });
  }

  #handleRouter(interfaceName: string, mac: MacAddress): void {
    const now = this.#deps.clock.now();
    if (!this.#routers.noteRouter(interfaceName, now)) return;
    this.#publish({ kind: 'net.router-seen', at: now, interface: interfaceName, reason: formatMac(mac) });
  }

  #handleAdvertised({ mac, interfaceName }: Solicitation, code: string): void {
    const now = this.#deps.clock.now();
    const kind = code === '' ? 'net.router-answered' : 'net.router-answer-failed';
    const sample = this.#sampler.take(kind, now);
    if (sample === undefined) return;
    const eventFields = { at: now, mac, interface: interfaceName, ...sample };
    this.#publish(
      code === ''
        ? { kind: 'net.router-answered', ...eventFields }
        : { kind: 'net.router-answer-failed', ...eventFields, reason: code },
    );
  }

  #publish(event: DaemonEvent): void {
    this.#deps.publish(event);
  }
}

const formatScanKey = (clusterInterfaces: readonly ClusterInterface[]): string =>
  clusterInterfaces
    .map(({ interfaceName, management, network }) => `${interfaceName} ${management} ${formatNetwork(network)}`)
    .join(',');

/** True if the network is within the served one, and small enough. */
const isScanned = (network: Ipv4Network, servedInterface: ClusterInterface): boolean =>
  network.prefix >= servedInterface.network.prefix &&
  networkContains(servedInterface.network, network.address) &&
  computeBroadcastAddress(network) - network.address - 1 <= SCANNED_MAX;

function* listScanAddresses(
  targets: readonly { readonly network: Ipv4Network; readonly interfaceName: string; readonly ip: Ipv4 | undefined }[],
): Generator<ScannedAddress, undefined> {
  for (const { network, interfaceName, ip } of targets)
    for (let address = network.address + 1; address < computeBroadcastAddress(network); address += 1)
      if (address !== ip) yield { address: ipv4(address), interfaceName };
}
