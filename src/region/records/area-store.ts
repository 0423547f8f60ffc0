// The port to the store of zones and pools (`store/operations/region-areas.ts`).
//
// Sources: MAAS's `zones/` and `resourcepools/`: every machine is in one zone and one pool, every
// rack in one zone; `default` always exists.
//
// 1. One method is one transaction, as in `store.ts`.

import type { Area, AreaKind, WrittenArea } from './area.ts';
import type { NewMachineEvent } from './machine-event.ts';

export interface AreaStore {
  /** All areas of this kind except the default one, ordered by id. */
  list(kind: AreaKind): Promise<readonly Area[]>;
  /** `exists`: the name is taken. `limit`: AREAS_MAX exist already. */
  add(kind: AreaKind, area: WrittenArea, event: NewMachineEvent): Promise<Area | 'exists' | 'limit'>;
  /** `exists`: the new name is taken. */
  change(kind: AreaKind, area: Area, event: NewMachineEvent): Promise<'changed' | 'exists' | 'not-found'>;
  /** @returns false if no area has this id; its machines and racks move to the default one */
  remove(kind: AreaKind, id: number, event: NewMachineEvent): Promise<boolean>;
  /** The event is stored for each machine, and once for the racks. Unknown ids are skipped. */
  moveToZone(id: number, ids: ZoneMembers, event: NewMachineEvent): Promise<void>;
}

export interface ZoneMembers {
  readonly systemIds: readonly string[];
  readonly rackUuids: readonly string[];
}
