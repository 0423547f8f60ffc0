// Zones, pools and the domains of machines as the API represents them.
//
// 1. Ids are those of MAAS: the default zone has the id 1, the default pool 0.

import type { MachinePlacement } from '../../life/machine-placement.ts';
import type { Area } from '../../records/area.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { API_2 } from './fixed-json.ts';

export const zoneJson = (version: '1.0' | '2.0', zone: Area): AnswerOf<'zone'> => ({
  id: zone.id + 1,
  name: zone.name,
  description: zone.description,
  resource_uri: `/MAAS/api/${version}/zones/${encodeURIComponent(zone.name)}/`,
});

export const poolJson = (pool: Area): AnswerOf<'pool'> => ({
  id: pool.id,
  name: pool.name,
  description: pool.description,
  resource_uri: `/MAAS/api/2.0/resourcepool/${pool.id}/`,
});

/** The domain of a machine, a device or a rack, by its name. */
export function domainJson(name: string, where: MachinePlacement): AnswerOf<'domain'> {
  const { id, isDefault, recordCount } = where.domainOf(name);
  return {
    id,
    name,
    authoritative: true,
    ttl: null,
    is_default: isDefault,
    resource_record_count: recordCount,
    resource_uri: `${API_2}/domains/${id}/`,
  };
}
