// The racks, the addresses, the domain and the profile of a machine, as shown to people.
//
// 1. People see a machine's last address until a rack reports the end of its lease; one of a static
//    range, only while it is allocated to the machine. The store keeps it: it shows the machine's
//    network.
// 2. Only this file decides which addresses are shown.

import { createHash } from 'node:crypto';
import type { Profile } from '../../boot/profile.ts';
import type { Ipv4 } from '../../ground/address.ts';
import type { NetworkView } from '../networks/network-view.ts';
import type { Networks } from '../networks/networks.ts';
import {
  type BoundProfile,
  currentProfiles,
  findBoundProfile,
  PROFILES_KEY,
  type ProfileSettings,
} from '../racks/profiles.ts';
import type { Racks } from '../racks/racks.ts';
import { type Area, type AreaKind, DEFAULT_DESCRIPTION_KEYS, defaultArea } from '../records/area.ts';
import { hashFnv1a } from '../records/digest.ts';
import type { Machine } from '../records/machine.ts';
import type { Rack } from '../records/rack.ts';
import { isLent } from './static-addresses.ts';

/** Make one for each list of machines. */
export interface MachinePlacement {
  racksOf(machine: Pick<Machine, 'home'>): readonly Rack[];
  /** The allocated ones, then the last seen ones that it may still hold. */
  addressesOf(machine: Pick<Machine, 'addresses' | 'interfaces'>): readonly Ipv4[];
  readonly networks: NetworkView;
  domainOf(name: string): KnownDomain;
  defaultArea(kind: AreaKind): Area;
  /** `undefined`: it boots what its life asks for. */
  profileOf(machine: Machine): BoundProfile | undefined;
}

interface KnownDomain {
  readonly id: number;
  readonly isDefault: boolean;
  readonly recordCount: number;
}

/** The id of a domain without one in the list. No stranger chooses these texts. */
export const hashDomainId = (name: string): number => (hashFnv1a(name) >>> 1) + 1;

/**
 * The default one first. An entry of the list is a name, or a name with the id that the API gave
 * it. A default domain that is not listed has the id 0, as in MAAS.
 */
export function domainIds(byDefault: string, further: unknown): ReadonlyMap<string, number> {
  const entries = (Array.isArray(further) ? further : []).flatMap((entry: unknown): readonly [string, unknown][] => {
    const { name, id } = typeof entry === 'string' ? { name: entry, id: undefined } : Object(entry);
    return typeof name === 'string' ? [[name, id]] : [];
  });
  const taken = new Set<number>();
  const chosenIds = new Map<string, number>();
  for (const [name, id] of entries) {
    if (typeof id !== 'number' || taken.has(id) || chosenIds.has(name)) continue;
    taken.add(id);
    chosenIds.set(name, id);
  }
  const ids = new Map<string, number>();
  for (const name of [byDefault, ...entries.map(([listedName]) => listedName)]) {
    if (ids.has(name)) continue;
    const isListed = name !== byDefault || entries.some(([listedName]) => listedName === name);
    let id = chosenIds.get(name) ?? (isListed || taken.has(0) ? hashDomainId(name) : 0);
    while (!chosenIds.has(name) && taken.has(id)) id += 1;
    taken.add(id);
    ids.set(name, id);
  }
  return ids;
}

interface PlacementDeps {
  readonly racks: Pick<Racks, 'list' | 'homes'>;
  readonly networks: Pick<Networks, 'known'>;
  readonly settings: ProfileSettings;
  config(): { readonly domain: string };
}

const domainSettings = (region: Pick<PlacementDeps, 'settings' | 'config'>): readonly unknown[] => [
  region.settings.valueOf('dns.domain') || region.config().domain,
  region.settings.valueOf('dns.domains'),
  region.settings.valueOf('dns.records'),
];

const shownSettings = (region: Pick<PlacementDeps, 'settings' | 'config'>): readonly unknown[] => [
  ...domainSettings(region),
  ...Object.values(DEFAULT_DESCRIPTION_KEYS).map((key) => region.settings.valueOf(key)),
  region.settings.valueOf(PROFILES_KEY),
];

/**
 * A digest of everything on which `readPlacement` depends, computed again only after racks or
 * networks were read again. A mere heartbeat does not change it.
 */
export function createBasisReader(places: PlacementDeps): () => string {
  const { racks, networks } = places;
  let madeOf: readonly unknown[] = [];
  let basis = '';
  return () => {
    const settings = shownSettings(places);
    const now = [racks.list(), networks.known, ...settings];
    if (now.some((value, index) => value !== madeOf[index])) {
      const parts = racks
        .list()
        .map(({ uuid, name, state, isEmbedded, agreed }) => [uuid, name, state, isEmbedded, agreed]);
      const { records, served, reported, reverseMode } = networks.known;
      // Nothing that is shown of machines depends on hosts, which may be 65 536.
      const objects = { ...records, hosts: [] };
      const text = JSON.stringify([parts, objects, served, reported, reverseMode, settings]);
      basis = createHash('sha256').update(text).digest('base64url');
      madeOf = now;
    }
    return basis;
  };
}

export function readPlacement(places: PlacementDeps): MachinePlacement {
  const { racks } = places;
  const all = racks.list();
  const networks = places.networks.known;
  const domains = new Map<string, KnownDomain>();
  const areas = new Map<AreaKind, Area>();
  let profiles: readonly Profile[] | undefined;
  return {
    racksOf: ({ home }) => racks.homes.racksAt(home, all),
    addressesOf: ({ addresses, interfaces }) => {
      const allocated = addresses.map(({ address }) => address);
      const seen = interfaces.flatMap(({ address, isEnded = false, mac }) => {
        if (address === undefined || isEnded || allocated.includes(address)) return [];
        return isLent(networks.reported, address, mac) ? [] : [address];
      });
      return [...new Set([...allocated, ...seen])];
    },
    networks,
    domainOf(name) {
      const knownDomain = domains.get(name) ?? readDomain(name, domainSettings(places));
      domains.set(name, knownDomain);
      return knownDomain;
    },
    defaultArea(kind) {
      const area = areas.get(kind) ?? defaultArea(places.settings, kind);
      areas.set(kind, area);
      return area;
    },
    profileOf(machine) {
      profiles ??= currentProfiles(places.settings);
      return findBoundProfile(profiles, machine);
    },
  };
}

function readDomain(name: string, [byDefault, further, records]: readonly unknown[]): KnownDomain {
  const ids = domainIds(String(byDefault), further);
  const all = [...ids.keys()];
  const isInDomain = (text: string, domain: string): boolean => text === domain || text.endsWith(`.${domain}`);
  const longest = (text: string): number =>
    Math.max(0, ...all.filter((candidate) => isInDomain(text, candidate)).map(({ length }) => length));
  const named = (Array.isArray(records) ? records : []).map((record) => String(Object(record).name).toLowerCase());
  const recordCount = named.filter((text) => isInDomain(text, name) && longest(text) === name.length).length;
  return { id: ids.get(name) ?? hashDomainId(name), isDefault: name === byDefault, recordCount };
}
