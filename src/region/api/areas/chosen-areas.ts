// The zones and pools that parameters name, alone or in the filter of a list of machines or controllers.

import type { MacAddress } from '../../../ground/address.ts';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { type Area, type AreaKind, defaultArea } from '../../records/area.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { didYouMean } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { combineOrRefuse, isRefusal, type Refusal, refuseField } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';

/** Zones or pools, the default one first. */
export type Areas = readonly [Area, ...Area[]];

export const listAreas = async (call: Pick<ApiCall, 'region'>, kind: AreaKind): Promise<Areas> => [
  defaultArea(call.region.settings, kind),
  ...(await call.region.store.areas.list(kind)),
];

/** The machines and devices that the refusal of a deletion names. */
const NAMED_MAX = 5;

/** What is still in an area: how many there are, and the names of the first ones. */
interface Inhabitants {
  readonly machines: readonly string[];
  readonly count: number;
}

/** The machines and devices that pass a filter; `undefined`: none. */
export async function inhabitants(
  { region }: Pick<ApiCall, 'region'>,
  filter: Pick<MachineFilter, 'domains' | 'poolIds'>,
): Promise<Inhabitants | undefined> {
  const all = { ...filter, isDevice: 'either' } as const;
  const count = await region.store.countMachines(all);
  if (count === 0) return undefined;
  return { machines: (await region.store.listMachines(all, 0, NAMED_MAX)).map(({ hostname }) => hostname), count };
}

/**
 * The zones or pools with these names, or a refusal. @param field the parameter @param names
 * `undefined`: none are asked for
 */
export async function chooseAreas(
  call: Pick<ApiCall, 'region'>,
  kind: AreaKind,
  field: string,
  names: readonly string[] | undefined,
): Promise<readonly number[] | undefined | Refusal> {
  if (names === undefined) return undefined;
  const areas = await listAreas(call, kind);
  const ids: number[] = [];
  for (const name of names) {
    const area = areas.find((area) => area.name === name);
    if (area === undefined) return refuseField(field, unknownText(kind, name, areas));
    ids.push(area.id);
  }
  return ids;
}

export interface GivenFilter
  extends Partial<
    Readonly<Record<'hostname' | 'id' | 'domain' | 'zone' | 'pool' | 'agent_name', readonly string[] | undefined>>
  > {
  readonly mac_address?: readonly MacAddress[] | undefined;
}

export async function machineFilter(call: ApiCall, input: GivenFilter): Promise<MachineFilter | Refusal> {
  const chosen = combineOrRefuse(
    await chooseAreas(call, 'zone', 'zone', input.zone),
    await chooseAreas(call, 'pool', 'pool', input.pool),
  );
  if (isRefusal(chosen)) return chosen;
  const [zoneIds, poolIds] = chosen;
  return {
    hostnames: input.hostname?.map((name) => name.toLowerCase()),
    macs: input.mac_address,
    systemIds: input.id,
    domains: input.domain?.map((name) => name.toLowerCase()),
    agentNames: input.agent_name,
    zoneIds,
    poolIds,
  };
}

function unknownText(kind: AreaKind, name: string, areas: readonly Area[]): string {
  const nearest = findNearestName(
    name,
    areas.map((area) => area.name),
  );
  return `No ${kind} is called '${cleanWords(name, 64)}'.${didYouMean(nearest)}`;
}

export async function chooseArea(
  call: Pick<ApiCall, 'region'>,
  kind: AreaKind,
  name: string | undefined,
): Promise<{ readonly id: number | undefined } | Refusal> {
  const chosen = await chooseAreas(call, kind, kind, name === undefined || name === '' ? undefined : [name]);
  return isRefusal(chosen) ? chosen : { id: chosen?.[0] };
}

/** The ids of the zone and the pool that parameters name. An absent member: none is asked for. */
interface ChosenPlace {
  readonly zoneId?: number;
  readonly poolId?: number;
}

export async function choosePlace(
  call: Pick<ApiCall, 'region'>,
  input: { readonly zone?: string | undefined; readonly pool?: string | undefined },
): Promise<ChosenPlace | Refusal> {
  const chosen = combineOrRefuse(
    await chooseArea(call, 'zone', input.zone),
    await chooseArea(call, 'pool', input.pool),
  );
  if (isRefusal(chosen)) return chosen;
  const [zone, pool] = chosen;
  return {
    ...(zone.id === undefined ? {} : { zoneId: zone.id }),
    ...(pool.id === undefined ? {} : { poolId: pool.id }),
  };
}
