// The networks of a region as objects: fabrics, VLANs, subnets, spaces, ranges, reserved addresses
// and static routes.
//
//   cluster interfaces ─ readRackNetworks ─┐
//   store ─ list ──────────────────────────┴─ reconcile ─► missing rows are stored ─► NetworkView
//
//   the objects that were read last ─ known ─► NetworkView, at once
//
// 1. The cluster interfaces decide what racks do; `served-networks.ts` says where they are written.
//    The store has everything else.
// 2. Every change sees all objects and all cluster interfaces in its transaction, each time it
//    runs, so no two of them overlap unseen. The bounds of all lists are checked there.
// 3. A change is of rows alone. Where racks then get other cluster interfaces, the same checks as of
//    settings judge them, in the transaction of the change.
// 4. A removal of a fabric, a VLAN or a subnet is refused while a machine uses it, in its layout or
//    by an address that it was given.
// 5. Machines are shown with the view that is known: every change by a person counts a version, at
//    which each process reads the objects again.

import { isDeepStrictEqual } from 'node:util';
import { computeBroadcastAddress, formatIpv4, type Ipv4Range, parseIpv4, parseNetwork } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { reachesStore } from '../../ground/errors.ts';
import { isSettings, type SettingValue } from '../../machines/settings.ts';
import type { RackList } from '../racks/rack-addresses.ts';
import type { BootChange, NetworkNoun } from '../records/events.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import {
  CONNECTIONS_MAX,
  FABRICS_MAX,
  HOSTS_MAX,
  type HostLease,
  NETWORK_KINDS,
  type NetworkChange,
  type NetworkKind,
  type NetworkRecords,
  type NetworkUse,
  type NetworkUseQuestion,
  NO_RECORDS,
  RANGES_MAX,
  RESERVED_MAX,
  ROUTES_MAX,
  SPACES_MAX,
  SUBNETS_MAX,
  type UsedAddress,
  VLANS_MAX,
} from '../records/network-store.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import { pinnedText, type SettingsRefusal } from '../records/settings-refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { type SettingChange, settingsChanged } from '../records/stored-setting.ts';
import type { SubnetService } from '../records/subnet-service.ts';
import { transactOrUndo } from '../records/undo.ts';
import { USED_MAX } from './address-use.ts';
import { type ChangedRows, withRows } from './changed-rows.ts';
import { makeNetworkView, type NamedAddress, type NetworkView, type ReverseMode } from './network-view.ts';
import { reconcile } from './reconcile.ts';
import {
  type FormerSettings,
  type InterfaceSettings,
  type NetworkSettings,
  type RackNetworks,
  readRackNetworks,
  type ServedNetwork,
} from './served-networks.ts';
import { renderServices } from './service-form.ts';

/** The bound on the objects of each kind, with their name for people. */
const BOUNDS: Readonly<Record<NetworkKind, readonly [max: number, names: string]>> = {
  spaces: [SPACES_MAX, 'spaces'],
  fabrics: [FABRICS_MAX, 'fabrics'],
  vlans: [VLANS_MAX, 'VLANs'],
  subnets: [SUBNETS_MAX, 'subnets'],
  services: [SUBNETS_MAX, 'cluster interfaces'],
  hosts: [HOSTS_MAX, 'hosts with an address of their own'],
  ranges: [RANGES_MAX, 'ranges'],
  reserved: [RESERVED_MAX, 'reserved addresses'],
  routes: [ROUTES_MAX, 'static routes'],
  connections: [CONNECTIONS_MAX, 'connections'],
};

interface NetworksParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: RackList;
  readonly settings: NetworkSettings;
  readonly onChange: () => void;
  /** Another object after each change. Without `ownRack` this process has no rack. */
  readonly config: () => { readonly ownRack?: { readonly uuid: string; readonly name: string } | undefined };
}

export interface WantedChange extends Pick<NetworkChange<unknown>, 'put' | 'remove' | 'nextId'> {
  readonly kind: 'change';
  readonly change: BootChange;
  readonly what: NetworkNoun;
  readonly name: string;
  readonly id: number;
  /** Objects that it adds besides, for their events; `undefined`: none. */
  readonly added?: readonly { readonly what: NetworkNoun; readonly name: string }[] | undefined;
}

/** The networks in the transaction of a change. */
export interface NetworkDraft extends NetworkView {
  readonly nextId: number;
  /** The addresses that machines have in the range of which the change asks. */
  readonly used: readonly UsedAddress[];
  /** Those that other hosts lease there. */
  readonly leased: readonly HostLease[];
  /** How many addresses the user's released reservations still keep from others. */
  readonly held: number;
  /** The row of a cluster interface, for a change of it; the refusal if a rack's file has it. */
  readonly findService: (served: ServedNetwork) => SubnetService | SettingsRefusal;
}

export class Networks {
  readonly #parts: NetworksParts;
  #records: NetworkRecords = NO_RECORDS;
  #madeOf: readonly unknown[] = [];
  #known: NetworkView = makeNetworkView(NO_RECORDS, { served: [], reported: [], rackHosts: [] }, 0);

  constructor(parts: NetworksParts) {
    this.#parts = parts;
  }

  /**
   * All objects. Networks that racks began to serve get theirs, unless the store only reads at the
   * moment. In a transaction it is the view of that, which may be older than the objects and
   * settings that are known.
   */
  async look(): Promise<NetworkView> {
    const { store, settings } = this.#parts;
    const isInside = store.isInTransaction();
    if (!isInside) await settings.load();
    const ofRacks = this.#ofRacks(isInside ? await settings.read() : settings);
    const records = await store.networks.list();
    const whole = reconcile(records, ofRacks);
    if (whole.change === undefined) return await this.#keep(records, ofRacks);
    const isStored = await reachesStore(() =>
      store.networks.change((current, nextId) => reconcile(current, ofRacks, nextId).change ?? { result: undefined }),
    );
    // The outage is reported, and the next reader tries again.
    return await this.#keep(isStored ? await store.networks.list() : whole.records, ofRacks);
  }

  get stored(): NetworkRecords {
    return this.#records;
  }

  /** Made once for the objects, settings, racks and configuration that were read last. */
  get known(): NetworkView {
    const { racks, settings, config } = this.#parts;
    const now = [this.#records, settings.list(), racks.list(), config()];
    if (now.some((source, index) => source !== this.#madeOf[index])) {
      const ofRacks = this.#ofRacks();
      this.#known = this.#view(reconcile(this.#records, ofRacks).records, ofRacks);
      this.#madeOf = now;
    }
    return this.#known;
  }

  async #keep(records: NetworkRecords, ofRacks: RackNetworks): Promise<NetworkView> {
    await this.#parts.store.afterCommit(() => {
      this.#records = records;
    });
    return this.#view(records, ofRacks);
  }

  #reverseMode(): ReverseMode {
    const reverse = this.#parts.settings.valueOf('dns.reverse');
    if (reverse === 'off' || reverse === false) return 0;
    return reverse === 'on' || reverse === true ? 1 : 2;
  }

  #view(records: NetworkRecords, ofRacks: RackNetworks): NetworkView {
    return makeNetworkView(records, ofRacks, this.#reverseMode(), namedIn(this.#parts.settings.valueOf('dns.records')));
  }

  /**
   * Decides on a change with all objects, and stores its rows in one transaction with its audit
   * events.
   * @param decide runs perhaps more than once
   * @param among the range of addresses of which `decide` gets those in use
   * @param guard the refusal of every change, in its transaction
   */
  async change<R extends { readonly kind: 'refusal' }>(
    username: string,
    decide: (draft: NetworkDraft) => WantedChange | R,
    among?: Ipv4Range,
    guard?: () => Promise<R | undefined>,
  ): Promise<WantedChange | R | SettingsRefusal> {
    await this.look();
    const atMs = this.#parts.clock.wallTimeMs();
    const { store, settings } = this.#parts;
    return await transactOrUndo<WantedChange | R | SettingsRefusal>(store, async (undo) => {
      const refused = await guard?.();
      if (refused !== undefined) return refused;
      const former = await settings.read();
      const ofRacks = this.#ofRacks(former);
      const uses = {
        used: among === undefined ? [] : await store.networks.usedBetween(among.low, among.high, USED_MAX),
        leased: among === undefined ? [] : await store.networks.leasedBetween(among.low, among.high, atMs),
        held: await store.networks.heldBy(username, atMs),
      };
      let question: NetworkUseQuestion | undefined;
      let entries: readonly ChangedEntry[] = [];
      const outcome = await store.networks.change<WantedChange | R | SettingsRefusal>((records, nextId) => {
        const findService = serviceFinder(records, former);
        const wanted = decide({ ...this.#view(records, ofRacks), ...uses, nextId, findService });
        if (wanted.kind === 'refusal') return { result: wanted };
        const excess = refuseExcess(records, wanted);
        if (excess !== undefined) return { result: excess };
        question = removalQuestion(records, wanted.remove);
        const rows = completeRows(records, wanted, question, atMs);
        entries = listChangedEntries(records, withRows(records, rows));
        const events = changeEvents(wanted, atMs, username);
        const edits = settingsEdits(entries, atMs, username);
        return { ...rows, nextId: wanted.nextId, events, edits, isClaim: among !== undefined, result: wanted };
      });
      if (!('change' in outcome)) return outcome;
      const use = question === undefined ? undefined : await store.networks.firstUse(question);
      const misfit =
        use === undefined
          ? await settings.adoptInterfaces(
              former.list(),
              entries.map(({ change }) => change),
            )
          : refuseUse(use, outcome);
      if (misfit !== undefined) throw undo(misfit);
      await store.afterCommit(async () => {
        await this.look();
        this.#parts.onChange();
      });
      return outcome;
    });
  }

  #ofRacks(settings: InterfaceSettings = this.#parts.settings): RackNetworks {
    const { racks, config } = this.#parts;
    return readRackNetworks(racks.list(), config().ownRack, settings);
  }
}

const namedIn = (records: SettingValue | undefined): readonly NamedAddress[] =>
  (Array.isArray(records) ? records.filter(isSettings) : []).flatMap(
    ({ name, type, data }): readonly NamedAddress[] => {
      const address = type === 'A' ? parseIpv4(String(data)) : undefined;
      return address === undefined ? [] : [{ name: String(name).toLowerCase(), address }];
    },
  );

const changeEvents = ({ added = [], ...wanted }: WantedChange, atMs: number, username: string) =>
  [...added.map((object) => ({ ...object, change: 'added' as const })), wanted].map(
    ({ change, what, name }): NewMachineEvent => ({
      type: 'NETWORKING',
      code: 'network-changed',
      params: { change, what, name },
      atMs,
      username,
    }),
  );

function refuseExcess(records: NetworkRecords, { put = {} }: WantedChange): RefusalWord | undefined {
  for (const kind of NETWORK_KINDS) {
    const former = new Set<number>(records[kind].map(({ id }: { readonly id: number }) => id));
    const added = (put[kind] ?? []).filter(({ id }: { readonly id: number }) => !former.has(id)).length;
    const [max, names] = BOUNDS[kind];
    if (added > 0 && former.size + added > max)
      return refusal('networks-limit', `The region has ${max} ${names}, the maximum: remove some.`);
  }
  return undefined;
}

/** The row of a cluster interface, unless a rack's file has it, which then has all its values. */
const serviceFinder =
  ({ services }: NetworkRecords, settings: FormerSettings): NetworkDraft['findService'] =>
  ({ rack, rackName, name, key }) => {
    const pin = settings.pinnedBy(key, rack);
    const service = services.find((row) => row.rack === rack && row.name === name);
    return pin === undefined && service !== undefined
      ? service
      : refusal('setting-read-only', pinnedText(key, pin ?? { kind: 'rack', rack: rackName }));
  };

/** With the services of subnets that go, of which none is in force. */
function completeRows(
  { services }: NetworkRecords,
  { put = {}, remove = {} }: WantedChange,
  question: NetworkUseQuestion | undefined,
  changedMs: number,
): ChangedRows {
  const gone = new Set(question?.subnetIds);
  const left = services.flatMap(({ id, subnetId }) => (gone.has(subnetId) ? [id] : []));
  return {
    put: { ...put, services: put.services?.map((service) => ({ ...service, changedMs })) ?? [] },
    remove: { ...remove, services: [...(remove.services ?? []), ...left] },
  };
}

interface ChangedEntry {
  readonly change: SettingChange;
  readonly before: SettingValue | undefined;
}

/** The kinds of rows from which racks get their cluster interfaces. */
const RENDERED = [
  'vlans',
  'subnets',
  'services',
  'hosts',
  'ranges',
  'routes',
] as const satisfies readonly NetworkKind[];

/** The cluster interfaces that racks get in another form. */
function listChangedEntries(before: NetworkRecords, after: NetworkRecords): readonly ChangedEntry[] {
  if (RENDERED.every((kind) => before[kind] === after[kind])) return [];
  const byName = (records: NetworkRecords) =>
    new Map(renderServices(records).map((entry) => [`${entry.rack} ${entry.key}`, entry]));
  const [former, next] = [byName(before), byName(after)];
  return [...new Map([...former, ...next])].flatMap(([name, { rack, key }]): readonly ChangedEntry[] => {
    const [had, value] = [former.get(name)?.value, next.get(name)?.value];
    return isDeepStrictEqual(had, value) ? [] : [{ change: { rack, key, value }, before: had }];
  });
}

/** An event for each rack. */
function settingsEdits(entries: readonly ChangedEntry[], atMs: number, username: string) {
  const byRack = Map.groupBy(entries, ({ change }) => change.rack);
  return [...byRack.values()].map((ofRack) => {
    const changes = ofRack.map(({ change }) => change);
    return {
      event: settingsChanged(changes, atMs, username),
      before: Object.fromEntries(ofRack.map(({ change, before }) => [change.key, before])),
      after: Object.fromEntries(changes.map(({ key, value }) => [key, value])),
    };
  });
}

function removalQuestion(
  { vlans, subnets }: NetworkRecords,
  { fabrics: fabricIds = [], vlans: removedVlans = [], subnets: removedSubnets = [] }: WantedChange['remove'] = {},
): NetworkUseQuestion | undefined {
  const vlanIds = vlans.filter(({ id, fabricId }) => removedVlans.includes(id) || fabricIds.includes(fabricId));
  const gone = new Set(vlanIds.map(({ id }) => id));
  const goneSubnets = subnets.filter(({ id, vlanId }) => removedSubnets.includes(id) || gone.has(vlanId));
  if (gone.size === 0 && goneSubnets.length === 0) return undefined;
  const ranges = goneSubnets.flatMap(({ cidr }) => {
    const network = parseNetwork(cidr);
    return network === undefined ? [] : [{ low: network.address, high: computeBroadcastAddress(network) }];
  });
  return { vlanIds: [...gone], subnetIds: goneSubnets.map(({ id }) => id), ranges };
}

function refuseUse({ hostname: machine, systemId, by }: NetworkUse, { what, name }: WantedChange) {
  return by.kind === 'interface'
    ? refusal(
        'in-use',
        `The ${what} ${name} is used by ${by.name} of ${machine}: change this interface first (nodes/${systemId}/interfaces).`,
      )
    : refusal(
        'in-use',
        `${machine} has the address ${formatIpv4(by.address)} of the ${what} ${name}: release ${machine} first.`,
      );
}
