// Zones and pools.
//
// 1. Every machine is in one zone and one pool, every rack in one zone. The default ones are not stored: they have the id 0, and can be neither
//    changed nor removed.

/** A zone is where machines and racks stand; a pool is for whom machines are. */
export type AreaKind = 'zone' | 'pool';

/** Zones, and pools, that administrators may make. */
export const AREAS_MAX = 1000;
/** The name of the zone and of the pool of all machines that are in no other. */
export const DEFAULT_AREA = 'default';

/** A zone or a pool. */
export interface Area {
  /** 0: the default one. */
  readonly id: number;
  readonly name: string;
  readonly description: string;
}

/** The fields that an administrator writes. */
export type WrittenArea = Omit<Area, 'id'>;

/** The zone and the pool of whatever is in no other. */
export const DEFAULT_AREAS: Readonly<Record<AreaKind, Area>> = {
  zone: { id: 0, name: DEFAULT_AREA, description: '' },
  pool: { id: 0, name: DEFAULT_AREA, description: 'Default pool' },
};

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?$/;

/** True for a valid name: 1 to 64 letters, digits, `-`, `_` and, within, spaces. */
export const isAreaName = (name: string): boolean => NAME.test(name);
