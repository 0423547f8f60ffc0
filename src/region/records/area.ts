// Zones and pools.
//
// 1. Every machine is in one zone and one pool, every rack in one zone. The default ones have no
//    row in the store: their id is 0, nobody can rename or remove them, and their descriptions are
//    settings.

import { cleanNote } from './text-json.ts';

/** A zone groups by place, a pool by the people for whom machines are. */
export type AreaKind = 'zone' | 'pool';

/** Bound on the zones, and likewise on the pools. Administrators create and remove them. */
export const AREAS_MAX = 1000;
/** The name of the default zone and of the default pool. */
export const DEFAULT_AREA = 'default';

export interface Area {
  /** 0: the default one. */
  readonly id: number;
  readonly name: string;
  readonly description: string;
}

/** The fields that an administrator writes. */
export type WrittenArea = Omit<Area, 'id'>;

/** The areas of machines and racks that nobody assigned to another. */
const DEFAULT_AREAS: Readonly<Record<AreaKind, Area>> = {
  zone: { id: 0, name: DEFAULT_AREA, description: '' },
  pool: { id: 0, name: DEFAULT_AREA, description: 'Default pool' },
};

export const DEFAULT_DESCRIPTION_KEYS: Readonly<Record<AreaKind, string>> = {
  zone: 'region.default_zone_description',
  pool: 'region.default_pool_description',
};

export const AREA_DESCRIPTION_MAX = 1000;

/** The default zone or pool, with its description in the settings. */
export function defaultArea(settings: { valueOf(key: string): unknown }, kind: AreaKind): Area {
  const description = settings.valueOf(DEFAULT_DESCRIPTION_KEYS[kind]);
  if (typeof description !== 'string') return DEFAULT_AREAS[kind];
  return { ...DEFAULT_AREAS[kind], description: cleanNote(description, AREA_DESCRIPTION_MAX) };
}

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?$/;

/** True for a valid name: 1 to 64 letters, digits, `-`, `_` and, within, spaces. */
export const isAreaName = (name: string): boolean => NAME.test(name);
