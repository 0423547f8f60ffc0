// Reads the zones and pools of machines in region.db (`region-steps.ts`).

import type { Area } from '../../region/records/area.ts';
import { codec, number, text } from '../rows.ts';
import { all, type Steps } from './region-steps.ts';

/** The zones and pools with these ids. */
export function* areasWith(ids: readonly number[]): Steps<ReadonlyMap<number, Area>> {
  if (ids.length === 0) return new Map();
  const { rows } = yield all('SELECT id, name, description FROM area WHERE id IN numbers(?)', JSON.stringify(ids));
  return new Map(rows.map(readArea).map((area) => [area.id, area]));
}

export const readArea = codec<Area>({ id: number('id'), name: text('name'), description: text('description') }).read;
