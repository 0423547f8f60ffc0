// The homes of machines. A machine's home racks boot it, and the region believes only their reports
// about it. So a stolen rack key endangers only the machines of that rack's networks.
//
//   no home ── a rack boots it, or sees it take an address ──► home: the networks that contain this address
//      ▲                                                         │ another rack reports it: logged, not believed
//      └── no accepted rack has that network any more ───────────┤
//                                                                └─ a person moves it (`rackboot machines move`) ──► home: the chosen rack's
//
// 1. A machine keeps its home. Otherwise any rack could take any machine by claiming to see it.
// 2. Redundant racks of one network are all home racks of its machines.
// 3. The region believes the rack of its own process about every machine. A sighting by that rack
//    does not move a machine from another rack's home; a boot for which it vouches does.
// 4. Within one rack, a machine's home is one shared network. The rack gives the machine's token
//    only there (`boot-tokens.ts`), and the region refuses requests with the machine's hardware
//    address from another shared network. A New machine may appear anywhere.
// 5. If a rack reports a machine whose home is elsewhere, or forwards its request, the region
//    stores only a warning: one for each machine and rack in ELSEWHERE_PAUSE_MS, with a count.
// 6. The region keeps a lease of any host only in the rack's own networks, and not of a dynamic
//    address, which nobody is given. An address is dynamic only if the rack reports and the
//    region's settings say so: after a change of the ranges, the rack sends the leases that are
//    then outside before it reports the new ranges.

import {
  formatIpv4,
  type Ipv4,
  type Ipv4Range,
  type MacAddress,
  networkContains,
  parseIpv4,
  parseMac,
  rangeContains,
} from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Clock } from '../../ground/clock.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { drawBootToken } from '../identity/boot-token.ts';
import type { MachineChangeOutcome } from '../records/decisions.ts';
import type { SeenElsewhere } from '../records/events.ts';
import type { Machine } from '../records/machine.ts';
import {
  ADDRESS_ENDS,
  getEventType,
  isAddressSeen,
  isBootEvent,
  type NewMachineEvent,
  type RackReport,
} from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { FoundHome, MachineHome, MachineSign, RackStore } from '../records/rack-store.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { EventOf, RegionStore } from '../records/store.ts';
import { machinesForRack } from './desired-machine.ts';
import { listLeasedRanges, type ReportedNetwork, reportedNetworks } from './rack-networks.ts';

const ELSEWHERE_PAUSE_MS = 3_600_000;
/**
 * Bound on the pairs of machine and rack with a recent warning. Accepted racks add pairs. At the
 * bound the oldest pair is forgotten, so its next warning may come before the hour is over.
 */
export const ELSEWHERE_REPORTED_MAX = 4096;

interface Warning {
  readonly atMs: number;
  readonly withheld: number;
}

interface HomeRacks {
  list(): readonly Rack[];
  find(uuid: string): Rack | undefined;
  /**
   * True if one of the rack's own networks contains the address, including agreed networks that it
   * does not report at present.
   */
  isHome(rack: Rack, address: Ipv4): boolean;
}

interface HomeStore
  extends Pick<RegionStore, 'afterCommit' | 'changeMachine' | 'changeMachines' | 'highestSequence' | 'recordEvents'> {
  readonly racks: Pick<RackStore, 'findHomes'>;
}

type MoveRefusal = RefusalWord;

export class MachineHomes {
  readonly #racks: HomeRacks;
  readonly #store: HomeStore;
  readonly #clock: Clock;
  readonly #listeners = new Set<(machine: Machine) => Promise<void>>();
  /** By system id and rack: the wall time of the last warning, and the number withheld since. */
  readonly #warned = new BoundedMap<string, Warning>(ELSEWHERE_REPORTED_MAX, 'set longest ago');

  constructor(racks: HomeRacks, store: HomeStore, clock: Clock) {
    this.#racks = racks;
    this.#store = store;
    this.#clock = clock;
  }

  subscribe(listener: (machine: Machine) => Promise<void>): void {
    this.#listeners.add(listener);
  }

  racksAt(address: Ipv4 | undefined, racks = this.#racks.list()): readonly Rack[] {
    if (address === undefined) return [];
    return racks.filter((rack) => rack.state === 'accepted' && this.#racks.isHome(rack, address));
  }

  /**
   * A home rack of the machine, unless this rack is itself one of them. @param uuid undefined: the
   * region's own rack
   */
  otherOwner(uuid: string | undefined, home: Ipv4 | undefined): Rack | undefined {
    const rack = uuid === undefined ? undefined : this.#racks.find(uuid);
    return rack === undefined ? undefined : ownerAmong(this.racksAt(home), rack);
  }

  /**
   * True if this rack may vouch for a boot from this interface: the interface is unknown, or no
   * other rack is the home of its machine.
   */
  async mayVouch(uuid: string, mac: MacAddress): Promise<boolean> {
    const [machineHome] = await this.#store.racks.findHomes([{ mac }]);
    return this.otherOwner(uuid, machineHome?.home) === undefined;
  }

  whyElsewhere(uuid: string | undefined, machine: Pick<Machine, 'hostname' | 'home'>): SeenElsewhere | undefined {
    const owner = this.otherOwner(uuid, machine.home);
    const rack = owner === undefined || uuid === undefined ? undefined : this.#racks.find(uuid);
    if (owner === undefined || rack === undefined) return undefined;
    return { hostname: machine.hostname, rack: rack.name, home: owner.name };
  }

  machinesFor(uuid: string | undefined, machines: readonly RackMachine[]): readonly RackMachine[] {
    const racks = this.#racks.list();
    const rack = racks.find((rack) => (uuid === undefined ? rack.isEmbedded : rack.uuid === uuid));
    const isEverything = uuid === undefined || rack?.isEmbedded === true;
    const isHome = (home: Ipv4 | undefined): boolean =>
      isEverything || (rack !== undefined && home !== undefined && this.#racks.isHome(rack, home));
    const networks = reportedNetworks(racks);
    return machinesForRack(machines, isHome, (home) => isHomeServed(home, networks));
  }

  /**
   * True for an address outside the shared network of the machine's home: a sender with that
   * address may be another host. A device is at home where it has addresses.
   */
  isAway(
    { home, status, device, addresses }: Pick<Machine, 'home' | 'status' | 'device' | 'addresses'>,
    address: Ipv4 | undefined,
  ): boolean {
    if (address === undefined || status === 'new') return false;
    const homes = device === undefined ? [home] : addresses.map((fixedAddress) => fixedAddress.address);
    const networks = reportedNetworks(this.#racks.list());
    return (
      homes.length > 0 && homes.every((home) => home !== undefined && isOtherSharedNetwork(home, address, networks))
    );
  }

  /**
   * Marks or removes the parts of a rack's reports that the region does not believe, and gives a
   * home to machines without one that is served.
   * @param uuid undefined: the region's own rack
   * @param configured the dynamic ranges that the region's settings give to the rack; `undefined`:
   * those that it reports
   */
  async weigh(
    reports: readonly RackReport[],
    source: string,
    uuid: string | undefined,
    configured?: () => readonly Ipv4Range[],
  ): Promise<readonly RackReport[]> {
    const racks = this.#racks.list();
    const rack = racks.find((rack) => (uuid === undefined ? rack.isEmbedded : rack.uuid === uuid));
    // A remote rack may be removed at any time; a region without a rack of its own gets reports of
    // remote ones only.
    if (rack === undefined) return reports;
    const stored = await this.#store.highestSequence(source);
    const signs = reports.map((report) => (report.sequence <= stored ? {} : extractSign(report, rack)));
    const machineHomes = await this.#store.racks.findHomes(signs);
    const batch: Weighing = { rack, racks, networks: reportedNetworks(racks), settled: new Map(), elsewhere: [] };
    const hasLease = reports.some(({ kind }) => kind === 'dhcp.ack');
    const leaseAddressOf = this.#leaseAddresses(rack, hasLease ? configured : undefined);
    const weighed = reports.map((report, index) => ({
      ...this.#weighReport(report, signs[index] ?? {}, machineHomes[index], batch),
      leaseAddress: leaseAddressOf(report),
    }));
    await this.#settle(batch.settled, rack);
    await this.#warnElsewhere(batch.elsewhere, rack);
    return weighed;
  }

  /**
   * Marks or removes the parts of a report that the region does not believe.
   * @param sign empty: the report has no effect, or is stored already
   */
  #weighReport(report: RackReport, { mac, address }: MachineSign, machineHome: FoundHome, batch: Weighing): RackReport {
    if (mac === undefined && address === undefined) return report;
    const { rack, racks, networks, settled, elsewhere } = batch;
    const settledMachine =
      machineHome === undefined
        ? undefined
        : { ...machineHome, home: settled.get(machineHome.systemId) ?? machineHome.home };
    const owners = this.racksAt(settledMachine?.home, racks);
    if (settledMachine !== undefined && ownerAmong(owners, rack) !== undefined) {
      elsewhere.push(settledMachine);
      return { ...report, isElsewhere: true };
    }
    const isLease = isAddressSeen(report.kind) && mac !== undefined;
    const there = this.racksAt(address, racks);
    const isThere = there.some(({ uuid }) => uuid === rack.uuid);
    // While a machine's home is served, only a person moves it.
    const isMoved = !isHomeServed(settledMachine?.home, networks);
    const isFree = owners.length === 0 || !rack.isEmbedded;
    if (settledMachine !== undefined && address !== undefined && isLease && isThere && isMoved && isFree)
      settled.set(settledMachine.systemId, address);
    // This rack cannot have seen an address in another rack's network.
    const isSeen = isThere || there.length === 0 || rack.isEmbedded;
    const { home, seen } = settledMachine ?? {};
    const isAway = home !== undefined && address !== undefined && isOtherSharedNetwork(home, address, networks);
    // A lease on another shared network proves neither that the card has left its home, nor that
    // the machine is alive.
    const isKept = isSeen && !(isAway && seen !== undefined && !isOtherSharedNetwork(home, seen, networks));
    return { ...report, ...(isAway ? { isAway } : {}), ...(isKept ? {} : { address: undefined }) };
  }

  /**
   * Returns a function that finds the address in a report whose lease, or whose end, the region
   * believes and keeps.
   */
  #leaseAddresses(rack: Rack, configured: (() => readonly Ipv4Range[]) | undefined) {
    const reported = listLeasedRanges(rack);
    // A rack that refuses the settings keeps its former ranges.
    const stored = rack.pulse?.settingsRefused === undefined ? configured?.() : undefined;
    const isDynamic = (address: Ipv4): boolean =>
      [reported, stored ?? reported].every((ranges) => ranges.some((range) => rangeContains(range, address)));
    return ({ kind, address: text }: RackReport): Ipv4 | undefined => {
      const isEnd = ADDRESS_ENDS.includes(kind);
      if (rack.state !== 'accepted' || (kind !== 'dhcp.ack' && !isEnd)) return undefined;
      const address = parseIpv4(text ?? '');
      if (address === undefined || !this.#racks.isHome(rack, address)) return undefined;
      return isEnd || !isDynamic(address) ? address : undefined;
    };
  }

  async #settle(settled: ReadonlyMap<string, Ipv4>, rack: Rack): Promise<void> {
    const atMs = this.#clock.wallTimeMs();
    const eventOf = (home: Ipv4): NewMachineEvent => ({
      type: 'NODE_RACK_EVENT',
      level: 'info',
      atMs,
      username: '',
      code: 'home-found',
      params: { rack: rack.name, address: formatIpv4(home) },
    });
    const outcomes = await this.#store.changeMachines<never>([...settled.keys()], atMs, ({ systemId, ...machine }) => {
      const home = settled.get(systemId) ?? machine.home;
      const events = rack.isEmbedded || home === undefined ? [] : [eventOf(home)];
      return { kind: 'change', fields: { home }, events };
    });
    for (const outcome of outcomes) await this.#follow(outcome);
  }

  /**
   * Call when a rack has forwarded a known machine's report: logs a warning if the machine's home
   * is elsewhere.
   * @param uuid undefined: no rack forwarded it
   */
  async reportedBy(uuid: string | undefined, machine: Pick<Machine, 'systemId' | 'hostname' | 'home'>): Promise<void> {
    const rack = uuid === undefined ? undefined : this.#racks.find(uuid);
    if (rack !== undefined) await this.#warnElsewhere([machine], rack);
  }

  /** Logs a warning, at a limited rate, for each report of this rack on a machine whose home is elsewhere. */
  async #warnElsewhere(
    reported: readonly Pick<Machine, 'systemId' | 'hostname' | 'home'>[],
    rack: Rack,
  ): Promise<void> {
    const atMs = this.#clock.wallTimeMs();
    // The transaction may run again, so the warnings count only once the transaction is stored.
    const warned = new Map<string, Warning>();
    const events: EventOf[] = [];
    for (const machine of reported) {
      const key = `${machine.systemId} ${rack.uuid}`;
      const before = warned.get(key) ?? this.#warned.get(key);
      const isRecent = before !== undefined && atMs - before.atMs < ELSEWHERE_PAUSE_MS && atMs >= before.atMs;
      const why = this.whyElsewhere(rack.uuid, machine);
      if (why === undefined && !isRecent) continue;
      warned.set(key, isRecent ? { ...before, withheld: before.withheld + 1 } : { atMs, withheld: 0 });
      if (isRecent || why === undefined) continue;
      const params = { ...why, times: (before?.withheld ?? 0) + 1 };
      const event = { type: 'NODE_SEEN_ELSEWHERE', code: 'seen-elsewhere', params, atMs, username: '' } as const;
      events.push({ systemId: machine.systemId, event });
    }
    await this.#store.afterCommit(() => {
      for (const [key, warning] of warned) this.#warned.set(key, warning);
    });
    await this.#store.recordEvents(events);
  }

  /**
   * Moves a machine's home to a rack, on a person's command. A machine at work gets a new token.
   * @param name the network's name, or `10.20.0.0/24`; `undefined`: the rack's first network that
   * it shares with no other rack
   */
  async move(
    systemId: string,
    rack: Rack,
    username: string,
    name?: string,
  ): Promise<MachineChangeOutcome<MoveRefusal>> {
    const networks = reportedNetworks([{ ...rack, state: 'accepted' }]).filter(
      (reportedNetwork) => name === undefined || reportedNetwork.name === name || reportedNetwork.cidr === name,
    );
    const own = (networks.find(({ network }) => this.racksAt(network.address).length === 1) ?? networks[0])?.network;
    if (rack.state !== 'accepted' || own === undefined) {
      const refused =
        own === undefined
          ? refusal(
              'rack-network',
              `rack ${rack.name} has no accepted network${name === undefined ? '' : ` ${name}`}: see rackboot racks list`,
            )
          : refusal(
              'rack-network',
              `rack ${rack.name} is ${rack.state}: accept it first (rackboot racks accept ${rack.name})`,
            );
      return { kind: 'refuse', refusal: refused };
    }
    const atMs = this.#clock.wallTimeMs();
    const outcome = await this.#store.changeMachine<MoveRefusal>(systemId, atMs, (machine) => ({
      kind: 'change',
      fields: {
        home: own.address,
        ...(machine.bootToken === undefined ? {} : { bootToken: drawBootToken(this.#clock) }),
      },
      events: [{ type: 'NODE', code: 'home-moved', params: { rack: rack.name, network: name }, atMs, username }],
    }));
    await this.#follow(outcome);
    return outcome;
  }

  async #follow(outcome: MachineChangeOutcome<unknown>): Promise<void> {
    if (outcome.kind !== 'changed') return;
    for (const listener of this.#listeners) await listener(outcome.machine);
  }
}

/** The signs in a report that change the region's view of its machine. */
function extractSign(report: RackReport, rack: Rack): MachineSign {
  const sign = { mac: parseMac(report.mac ?? ''), address: parseIpv4(report.address ?? '') };
  const isLease = isAddressSeen(report.kind) && sign.address !== undefined && sign.mac !== undefined;
  return rack.isEmbedded && !isLease && !isBootEvent(getEventType(report.kind)) ? {} : sign;
}

/**
 * The weighing of one rack's batch. Each report counts with the homes that the earlier reports of
 * the batch gave to machines.
 */
interface Weighing {
  readonly rack: Rack;
  readonly racks: readonly Rack[];
  readonly networks: readonly ReportedNetwork[];
  /** The new homes, by system id. */
  readonly settled: Map<string, Ipv4>;
  readonly elsewhere: MachineHome[];
}

const isHomeServed = (home: Ipv4 | undefined, networks: readonly ReportedNetwork[]): boolean =>
  home !== undefined && networks.some(({ network }) => networkContains(network, home));

/**
 * True if the address is on none of the shared networks of the home; false if no rack serves the
 * home any more.
 */
function isOtherSharedNetwork(home: Ipv4, address: Ipv4, networks: readonly ReportedNetwork[]): boolean {
  const homes = new Set(
    networks.filter(({ network }) => networkContains(network, home)).map(({ sharedNetwork }) => sharedNetwork),
  );
  if (homes.size === 0) return false;
  return !networks.some(({ network, sharedNetwork }) => homes.has(sharedNetwork) && networkContains(network, address));
}

function ownerAmong(owners: readonly Rack[], rack: Rack): Rack | undefined {
  return rack.isEmbedded || owners.some(({ uuid }) => uuid === rack.uuid) ? undefined : owners[0];
}
