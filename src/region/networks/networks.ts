// The networks of a region as objects: fabrics, VLANs, subnets, spaces, ranges, reserved addresses and static routes.
//
//   cluster interfaces ─ readServed ─┐
//   store ─ list ────────────────────┴─ reconcile ─► missing rows are stored ─► NetworkView
//
// 1. The cluster interfaces decide what racks do; `served-networks.ts` says where they are written. The store has everything else.
// 2. Every change sees all objects in its transaction, so no two of them overlap unseen. The bounds of all lists are checked there.

import type { Clock } from '../../clock.ts';
import { isStoreUnavailable } from '../../errors.ts';
import type { Ipv4Range } from '../../net/address.ts';
import type { RackList } from '../racks/rack-addresses.ts';
import type { BootChange, NetworkNoun } from '../records/event-params.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import {
  CONNECTIONS_MAX,
  FABRICS_MAX,
  NETWORK_KINDS,
  type NetworkChange,
  type NetworkKind,
  type NetworkRecords,
  RANGES_MAX,
  RESERVED_MAX,
  ROUTES_MAX,
  SPACES_MAX,
  SUBNETS_MAX,
  type UsedAddress,
  VLANS_MAX,
} from '../records/network-store.ts';
import type { RegionStore } from '../records/store.ts';
import { type RefusalNamed, refusal } from '../words/refusal.ts';
import { USED_MAX } from './address-use.ts';
import { type NetworkView, viewOf } from './network-view.ts';
import { reconcile } from './reconcile.ts';
import { type NetworkSettings, readServed, type ServedNetwork } from './served-networks.ts';

const LIMITS: Readonly<Record<NetworkKind, number>> = {
  spaces: SPACES_MAX,
  fabrics: FABRICS_MAX,
  vlans: VLANS_MAX,
  subnets: SUBNETS_MAX,
  ranges: RANGES_MAX,
  reserved: RESERVED_MAX,
  routes: ROUTES_MAX,
  connections: CONNECTIONS_MAX,
};

interface NetworksParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: RackList;
  readonly settings: NetworkSettings;
  /** `undefined` if this process has no rack. */
  readonly ownRack: () => { readonly uuid: string; readonly name: string } | undefined;
}

/** A change that was asked for: what it adds, replaces and removes, and the object that it is about. */
export interface WantedChange extends Pick<NetworkChange<unknown>, 'put' | 'remove' | 'nextId'> {
  readonly kind: 'change';
  readonly change: BootChange;
  readonly what: NetworkNoun;
  /** For the event. */
  readonly name: string;
  /** Its id. */
  readonly id: number;
}

export class Networks {
  readonly #parts: NetworksParts;

  constructor(parts: NetworksParts) {
    this.#parts = parts;
  }

  /** The settings of the racks that serve them. */
  get settings(): NetworkSettings {
    return this.#parts.settings;
  }

  /** All objects. Networks that racks began to serve get theirs, unless the store only reads at the moment. */
  async look(): Promise<NetworkView> {
    const { store } = this.#parts;
    await this.#parts.settings.load();
    const served = this.#served();
    const records = await store.networks.list();
    if (reconcile(records, served, Number.MAX_SAFE_INTEGER) === undefined) return viewOf(records, served);
    try {
      await store.networks.change((current, nextId) => reconcile(current, served, nextId) ?? { result: undefined });
    } catch (error) {
      // It is reported, and the next look tries again.
      if (!isStoreUnavailable(error)) throw error;
      return viewOf(records, served);
    }
    return viewOf(await store.networks.list(), served);
  }

  /**
   * Decides on a change with all objects, and stores it with its audit event.
   * @param decide runs perhaps more than once
   * @param among the range of addresses of which `decide` gets those that machines have
   */
  async change<R extends { readonly kind: 'refusal' }>(
    username: string,
    decide: (view: NetworkView, nextId: number, used: readonly UsedAddress[]) => WantedChange | R,
    among?: Ipv4Range,
  ): Promise<WantedChange | R | RefusalNamed<'networks-limit'>> {
    await this.look();
    const served = this.#served();
    const atMs = this.#parts.clock.wallTimeMs();
    type Outcome = WantedChange | R | RefusalNamed<'networks-limit'>;
    const { store } = this.#parts;
    const apply =
      (used: readonly UsedAddress[]) =>
      (records: NetworkRecords, nextId: number): NetworkChange<Outcome> => {
        const wanted = decide(viewOf(records, served), nextId, used);
        if (wanted.kind === 'refusal') return { result: wanted };
        const excess = excessOf(records, wanted);
        if (excess !== undefined) return { result: excess };
        const { put, remove, nextId: after, change, what, name } = wanted;
        const event: NewMachineEvent = {
          ...{ type: 'NETWORKING', code: 'network-changed', params: { change, what, name }, atMs, username },
        };
        return { put, remove, nextId: after, events: [event], result: wanted };
      };
    if (among === undefined) return await store.networks.change(apply([]));
    const { low, high } = among;
    return await store.transact(async () =>
      store.networks.change(apply(await store.networks.usedBetween(low, high, USED_MAX))),
    );
  }

  #served(): readonly ServedNetwork[] {
    const { racks, settings, ownRack } = this.#parts;
    return readServed(racks.list(), ownRack(), settings);
  }
}

/** The refusal of a change that would exceed a bound. */
function excessOf(records: NetworkRecords, { put = {} }: WantedChange): RefusalNamed<'networks-limit'> | undefined {
  for (const kind of NETWORK_KINDS) {
    const known = new Set<number>(records[kind].map(({ id }: { readonly id: number }) => id));
    const added = (put[kind] ?? []).filter(({ id }: { readonly id: number }) => !known.has(id)).length;
    if (added > 0 && known.size + added > LIMITS[kind]) return refusal('networks-limit', { kind, max: LIMITS[kind] });
  }
  return undefined;
}
