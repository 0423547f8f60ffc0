// Where machines are at home: which racks boot a machine, and are believed what they say of it. So the key of a rack costs the machines
// of its own networks, and no others.
//
//   no home ── a rack boots it, or sees it take an address ──► home: the networks that hold this address
//      ▲                                                         │ another rack shows it: told to people, and believed nothing
//      └── no accepted rack has that network any more ───────────┤
//                                                                └─ a person moves it (`rackboot machines move`) ──► home: that rack's
//
// 1. A machine stays at home where it is. A rack that had only to say that it sees a machine could take any.
// 2. Redundant racks of one network are at home together.
// 3. The rack of the region's own process is believed of every machine. What it merely sees takes no machine away from a rack; a boot
//    for which it vouches does.
// 4. Within one rack a machine is at home on one wire: a token is given there only (`boot-tokens.ts`), and what a person starts from another
//    wire under its hardware address is refused here as well. A New machine may appear anywhere.
// 5. Of what a rack reports of machines that are at home elsewhere, by its events and by what it passes on, nothing is kept but a warning: one
//    for each machine, rack and ELSEWHERE_PAUSE_MS, which says how often it was.

import { BoundedMap } from '../../bounded-map.ts';
import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import type { RackMachine } from '../../machines/machine.ts';
import {
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  type MacAddress,
  networkContains,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../net/address.ts';
import { machinesForRack } from '../desired-machine.ts';
import { drawBootToken } from '../identity/boot-token.ts';
import type { Machine } from '../records/machine.ts';
import { isAddressSeen, type NewMachineEvent, type RackReport } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { MachineHome, RackStore } from '../records/rack-store.ts';
import type { MachineChangeOutcome, RegionStore } from '../records/store.ts';
import { believedInterfaces } from './rack-networks.ts';

/** After this the same rack's reports of the same machine are told again. */
const ELSEWHERE_PAUSE_MS = 3_600_000;
/**
 * Pairs of machine and rack that are remembered as told. Accepted racks fill it; at the bound the one told first is forgotten, and may
 * be told again before its hour is over.
 */
export const ELSEWHERE_TOLD_MAX = 4096;

/** What is asked of the racks. */
export interface HomeRacks {
  list(): readonly Rack[];
  find(uuid: string): Rack | undefined;
  /** True when one of the rack's own networks holds the address, also one that it does not report now. */
  isHome(rack: Rack, address: Ipv4): boolean;
}

/** What is asked of the store. */
export interface HomeStore extends Pick<RegionStore, 'changeMachine' | 'highestSequence' | 'recordEvent'> {
  readonly racks: Pick<RackStore, 'homeOf'>;
}

export interface MoveRefusal {
  readonly reason: 'rack';
  readonly text: string;
}

/** The homes of the machines of one region. */
export class MachineHomes {
  readonly #racks: HomeRacks;
  readonly #store: HomeStore;
  readonly #clock: Clock;
  readonly #listeners = new Set<(machine: Machine) => void>();
  /** When it was told, by wall time, and how often it was not since; by system id and rack. */
  readonly #told = new BoundedMap<string, { readonly atMs: number; withheld: number }>(
    ELSEWHERE_TOLD_MAX,
    'set longest ago',
  );

  constructor(racks: HomeRacks, store: HomeStore, clock: Clock) {
    this.#racks = racks;
    this.#store = store;
    this.#clock = clock;
  }

  /** Calls `listener` with each machine whose home changed here, as it is now. */
  subscribe(listener: (machine: Machine) => void): void {
    this.#listeners.add(listener);
  }

  /** The accepted racks of the networks that hold an address. */
  racksAt(address: Ipv4 | undefined, racks = this.#racks.list()): readonly Rack[] {
    if (address === undefined) return [];
    return racks.filter((rack) => rack.state === 'accepted' && this.#racks.isHome(rack, address));
  }

  /** The rack with which a machine is at home, when that is another one than this. @param uuid undefined: the region's own rack */
  ownerBesides(uuid: string | undefined, home: Ipv4 | undefined): Rack | undefined {
    const rack = uuid === undefined ? undefined : this.#racks.find(uuid);
    return rack === undefined ? undefined : ownerAmong(this.racksAt(home), rack);
  }

  /** True when this rack may say that it booted a machine by this interface: nobody's, or of a machine that is not at home elsewhere. */
  mayVouch(uuid: string, mac: MacAddress): boolean {
    return this.ownerBesides(uuid, this.#store.racks.homeOf({ mac })?.home) === undefined;
  }

  /** Why a rack is not believed what it says of a machine; undefined: it is. */
  whyElsewhere(uuid: string | undefined, machine: Pick<Machine, 'hostname' | 'home'>): string | undefined {
    const owner = this.ownerBesides(uuid, machine.home);
    const rack = owner === undefined || uuid === undefined ? undefined : this.#racks.find(uuid);
    if (owner === undefined || rack === undefined) return undefined;
    return (
      `rack ${rack.name} says that it is there, but it is at home with rack ${owner.name}. ` +
      `If it was moved: rackboot machines move ${machine.hostname} ${rack.name}`
    );
  }

  /** The machines as a rack is told them. @param uuid undefined: the rack of the region's own process, which is told everything */
  told(uuid: string | undefined, machines: readonly RackMachine[]): readonly RackMachine[] {
    const racks = this.#racks.list();
    const rack = racks.find((one) => (uuid === undefined ? one.isEmbedded : one.uuid === uuid));
    const isEverything = uuid === undefined || rack?.isEmbedded === true;
    const isHome = (home: Ipv4 | undefined): boolean =>
      isEverything || (rack !== undefined && home !== undefined && this.#racks.isHome(rack, home));
    const wires = wiresOf(racks);
    return machinesForRack(machines, isHome, (home) => isServed(home, wires));
  }

  /** True for an address of another wire than that of a machine's home: whoever asks from there need not be the machine. */
  isAway({ home, status }: Pick<Machine, 'home' | 'status'>, address: Ipv4 | undefined): boolean {
    if (home === undefined || address === undefined || status === 'new') return false;
    return isOtherWire(home, address, wiresOf(this.#racks.list()));
  }

  /** What of a rack's reports is believed; the homes of machines that have none are found in them. @param uuid as above */
  weigh(reports: readonly RackReport[], source: string, uuid: string | undefined): readonly RackReport[] {
    // Asked for once: each time is a look at the store.
    const racks = this.#racks.list();
    const rack = racks.find((one) => (uuid === undefined ? one.isEmbedded : one.uuid === uuid));
    // Only tests have a region without a rack of its own.
    if (rack === undefined) return reports;
    const stored = this.#store.highestSequence(source);
    const wires = wiresOf(racks);
    return reports.map((report) => (report.sequence <= stored ? report : this.#weighOne(report, rack, racks, wires)));
  }

  #weighOne(report: RackReport, rack: Rack, racks: readonly Rack[], wires: readonly WiredNetwork[]): RackReport {
    const address = parseIpv4(report.address ?? '');
    const mac = parseMac(report.mac ?? '');
    const isLease = isAddressSeen(report.kind) && address !== undefined && mac !== undefined;
    if (rack.isEmbedded && !isLease) return report;
    const known = mac === undefined && address === undefined ? undefined : this.#store.racks.homeOf({ mac, address });
    const owners = this.racksAt(known?.home, racks);
    if (known !== undefined && ownerAmong(owners, rack) !== undefined) {
      this.#tellElsewhere(known, rack);
      return { ...report, isElsewhere: true };
    }
    const there = this.racksAt(address, racks);
    const isThere = there.some(({ uuid }) => uuid === rack.uuid);
    // Where its home is served, only a person moves it.
    const isMoved = !isServed(known?.home, wires);
    const isFree = owners.length === 0 || !rack.isEmbedded;
    if (known !== undefined && isLease && isThere && isMoved && isFree) this.#settle(known, address, rack);
    // An address of another rack's network is nothing that this one can have seen.
    const isSeen = isThere || there.length === 0 || rack.isEmbedded;
    const { home, seen } = known ?? {};
    const isAway = home !== undefined && address !== undefined && isOtherWire(home, address, wires);
    // A lease on another wire does not say that the card has left its home, nor that the machine lives.
    const isKept = isSeen && !(isAway && seen !== undefined && !isOtherWire(home, seen, wires));
    return { ...report, ...(isAway ? { isAway } : {}), ...(isKept ? {} : { address: undefined }) };
  }

  /** A machine that this rack may speak for took an address of one of its networks. */
  #settle(known: MachineHome, home: Ipv4, rack: Rack): void {
    const atMs = this.#clock.wallTimeMs();
    const description = `at home with rack ${rack.name} from now on, which saw it take ${formatIpv4(home)}`;
    const event: NewMachineEvent = { type: 'NODE_RACK_EVENT', level: 'info', description, atMs, username: '' };
    const outcome = this.#store.changeMachine<never>(known.systemId, atMs, () => ({
      kind: 'change',
      fields: { home },
      events: rack.isEmbedded ? [] : [event],
    }));
    this.#follow(outcome);
  }

  /** A report of a known machine came by a rack: when the machine is at home elsewhere, people are told. @param uuid undefined: by none */
  reportedBy(uuid: string | undefined, machine: Pick<Machine, 'systemId' | 'hostname' | 'home'>): void {
    const rack = uuid === undefined ? undefined : this.#racks.find(uuid);
    if (rack !== undefined) this.#tellElsewhere(machine, rack);
  }

  #tellElsewhere(known: Pick<Machine, 'systemId' | 'hostname' | 'home'>, rack: Rack): void {
    const atMs = this.#clock.wallTimeMs();
    const key = `${known.systemId} ${rack.uuid}`;
    const before = this.#told.get(key);
    if (before !== undefined && atMs - before.atMs < ELSEWHERE_PAUSE_MS && atMs >= before.atMs) {
      before.withheld += 1;
      return;
    }
    const why = this.whyElsewhere(rack.uuid, known);
    if (why === undefined) return;
    this.#told.set(key, { atMs, withheld: 0 });
    const times =
      before === undefined || before.withheld === 0
        ? ''
        : ` (${counted(before.withheld + 1, 'time')} since this was told last)`;
    const description = `${why}. Nothing that the rack says of it is believed${times}`;
    this.#store.recordEvent({ type: 'NODE_SEEN_ELSEWHERE', description, atMs, username: '' }, known.systemId);
  }

  /**
   * A person says with which rack a machine is at home from now on. What it is at work on gets another token.
   * @param name of the network, or `10.20.0.0/24`; undefined: the first that is this rack's alone
   */
  move(systemId: string, rack: Rack, username: string, name?: string): MachineChangeOutcome<MoveRefusal> {
    const networks = wiresOf([{ ...rack, state: 'accepted' }]).filter(
      (wire) => name === undefined || wire.names.includes(name),
    );
    const own = (networks.find(({ network }) => this.racksAt(network.address).length === 1) ?? networks[0])?.network;
    if (rack.state !== 'accepted' || own === undefined) {
      const text =
        own === undefined
          ? `rack ${rack.name} has no network${name === undefined ? '' : ` ${name}`} that is believed: see rackboot racks list`
          : `rack ${rack.name} is ${rack.state}: accept it first (rackboot racks accept ${rack.name})`;
      return { kind: 'refuse', refusal: { reason: 'rack', text } };
    }
    const atMs = this.#clock.wallTimeMs();
    const outcome = this.#store.changeMachine<MoveRefusal>(systemId, atMs, (machine) => ({
      kind: 'change',
      fields: {
        home: own.address,
        ...(machine.bootToken === undefined ? {} : { bootToken: drawBootToken(this.#clock) }),
      },
      events: [
        {
          type: 'NODE',
          description: `moved to rack ${rack.name}${name === undefined ? '' : `, network ${name}`}`,
          atMs,
          username,
        },
      ],
    }));
    this.#follow(outcome);
    return outcome;
  }

  #follow(outcome: MachineChangeOutcome<unknown>): void {
    if (outcome.kind !== 'changed') return;
    for (const listener of this.#listeners) listener(outcome.machine);
  }
}

/** A network of a rack, and the wire that it shares with the rack's other networks of that interface. */
interface WiredNetwork {
  readonly network: Ipv4Network;
  readonly wire: string;
  /** As people call the network. */
  readonly names: readonly string[];
}

/** The networks that accepted racks serve now. */
const wiresOf = (racks: readonly Rack[]): readonly WiredNetwork[] =>
  racks
    .filter(({ state }) => state === 'accepted')
    .flatMap((rack) =>
      believedInterfaces(rack).flatMap((nic) => {
        const network = parseNetwork(nic.network);
        if (network === undefined) return [];
        const place = nic.interface === '' ? `relayed ${nic.network}` : `interface ${nic.interface}`;
        const wire = `${rack.uuid} ${nic.shared === undefined ? place : `shared ${nic.shared}`}`;
        return [{ network, wire, names: [nic.name, nic.network] }];
      }),
    );

/** True when an accepted rack has the network of this address now. */
const isServed = (home: Ipv4 | undefined, wires: readonly WiredNetwork[]): boolean =>
  home !== undefined && wires.some(({ network }) => networkContains(network, home));

/** True when no wire that serves the home holds the address; a home that nobody serves any more is nobody's. */
function isOtherWire(home: Ipv4, address: Ipv4, wires: readonly WiredNetwork[]): boolean {
  const homes = new Set(wires.filter(({ network }) => networkContains(network, home)).map(({ wire }) => wire));
  if (homes.size === 0) return false;
  return !wires.some(({ network, wire }) => homes.has(wire) && networkContains(network, address));
}

/** The first of the racks with which a machine is at home, when this one is none of them. */
function ownerAmong(owners: readonly Rack[], rack: Rack): Rack | undefined {
  return rack.isEmbedded || owners.some(({ uuid }) => uuid === rack.uuid) ? undefined : owners[0];
}
