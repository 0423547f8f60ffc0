// What a form of a machine or a device offers for its zone, its pool and its domain.

import { listAreas } from '../../api/areas/chosen-areas.ts';
import { currentDomains } from '../../api/names/dns-records.ts';
import type { AreaKind } from '../../records/area.ts';
import type { Choice } from './forms.ts';
import type { View } from './view.ts';

/** The parameters that say where a machine belongs; they have the same names in every operation. */
export const PLACE_FIELDS = ['zone', 'pool', 'domain'] as const;
export type PlaceField = (typeof PLACE_FIELDS)[number];

const areaChoices = async (view: View, kind: AreaKind): Promise<readonly Choice[]> =>
  (await listAreas(view, kind)).map(({ name }): Choice => [name, name]);

/**
 * The default one of each first. @param own a domain that the machine has, even if none is called
 * so any more
 */
export async function placeChoices(view: View, own?: string): Promise<Readonly<Record<PlaceField, readonly Choice[]>>> {
  const domains = new Set([...currentDomains(view), ...(own === undefined ? [] : [own])]);
  return {
    zone: await areaChoices(view, 'zone'),
    pool: await areaChoices(view, 'pool'),
    domain: [...domains].map((name): Choice => [name, name]),
  };
}
