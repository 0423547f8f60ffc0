// Zones and pools: create, list, change and delete them, and move machines and racks to a zone.
//
// Sources: MAAS's `zones/` (by name), `resourcepools/` and `resourcepool/ID/`, which gomaasapi
// calls `pools/`; `nodes/?op=set_zone`.
//
// 1. The default zone and pool cannot be renamed or deleted; their descriptions are settings, which
//    a file may pin. When another zone is deleted, its machines and racks move to the default one;
//    a pool that has machines or devices is not deleted.

import { z } from 'zod';
import {
  AREA_DESCRIPTION_MAX,
  AREAS_MAX,
  type Area,
  type AreaKind,
  DEFAULT_DESCRIPTION_KEYS,
  isAreaName,
  type WrittenArea,
} from '../../records/area.ts';
import type { ZoneMembers } from '../../records/area-store.ts';
import type { BootChange } from '../../records/events.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { REQUIRED } from '../../records/refusal.ts';
import { cleanNote } from '../../records/text-json.ts';
import {
  type Answer,
  inhabitantsText,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseMachines,
  refuseSetting,
} from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  controls,
  defineOperation,
  eventBy,
  getCallerUsername,
  nothing,
  type Operation,
  resource,
  value,
  values,
} from '../call/operation.ts';
import { poolJson, zoneJson } from '../json/area-json.ts';
import { chooseArea, inhabitants, listAreas } from './chosen-areas.ts';
import { renameInProfiles } from './profile-names.ts';

const MEMBERS_MAX = 1000;

const AREA_NAME = 'Give at most 64 letters, digits, - and _, with spaces only inside.';

const areaName = value(z.string().max(256, AREA_NAME).refine(isAreaName, AREA_NAME));
const description = value(z.string().max(AREA_DESCRIPTION_MAX))
  .optional()
  .describe('Its purpose.')
  .register(controls, { control: 'area' });
const newArea = z.object({
  name: areaName.describe('1 to 64 letters, digits, - and _, with spaces between them.'),
  description,
});
const changedArea = z.object({ name: areaName.optional().describe('Its new name.'), description });

const areaJson = (call: ApiCall, kind: AreaKind, area: Area): Record<string, unknown> =>
  kind === 'zone' ? zoneJson(call.version, area) : poolJson(area);

const changeEvent = (call: ApiCall, area: AreaKind, name: string, change: BootChange): NewMachineEvent =>
  eventBy(call, 'ZONES', { code: 'area-changed', params: { area, name, change } });

async function shownAreas(call: ApiCall, kind: AreaKind): Promise<readonly Area[]> {
  await call.region.settings.load();
  return await listAreas(call, kind);
}

const noAreaText = (area: AreaKind): string =>
  area === 'zone' ? 'No zone has this name.' : 'No pool has this id or name.';

/** The zone with the name, or the pool with the id or the name, in the path; or the refusal. */
async function findAreaOrRefuse(call: ApiCall, kind: AreaKind): Promise<Area | Refusal> {
  const { name, id } = call.path;
  const areas = await shownAreas(call, kind);
  const area = kind === 'pool' ? areas.find((area) => String(area.id) === id) : undefined;
  return area ?? areas.find((area) => area.name === (name ?? id)) ?? refuse('not-found', noAreaText(kind));
}

function buildWrittenArea({ name, description: text }: z.output<typeof changedArea>, before: WrittenArea): WrittenArea {
  return {
    name: name ?? before.name,
    description: text === undefined ? before.description : cleanNote(text, AREA_DESCRIPTION_MAX),
  };
}

const refuseTakenArea = (area: AreaKind): Refusal =>
  refuseField('name', `A ${area} with this name exists: choose another name.`);

async function addArea(call: ApiCall, kind: AreaKind, input: z.output<typeof changedArea>): Promise<Answer> {
  const area = buildWrittenArea(input, { name: '', description: '' });
  const added = await call.region.store.areas.add(kind, area, changeEvent(call, kind, area.name, 'added'));
  if (added === 'exists') return refuseTakenArea(kind);
  if (added === 'limit')
    return refuseField('name', `There are already ${AREAS_MAX} ${kind}s, the maximum: delete some.`);
  return json(areaJson(call, kind, added));
}

async function changeArea(call: ApiCall, kind: AreaKind, input: z.output<typeof changedArea>): Promise<Answer> {
  const before = await findAreaOrRefuse(call, kind);
  if ('kind' in before) return before;
  const next = buildWrittenArea(input, before);
  if (before.id === 0) return await changeDefault(call, kind, before, next);
  const area = { ...next, id: before.id };
  // The profiles would else follow to a name that is refused.
  const others = (await listAreas(call, kind)).filter(({ id }) => id !== before.id);
  if (others.some(({ name }) => name === area.name)) return refuseTakenArea(kind);
  const refused = kind === 'pool' ? await renameInProfiles(call, 'pools', before.name, area.name) : undefined;
  if (refused !== undefined) return refused;
  const outcome = await call.region.store.areas.change(kind, area, changeEvent(call, kind, before.name, 'changed'));
  if (outcome === 'exists') return refuseTakenArea(kind);
  if (outcome === 'not-found') return refuse('not-found', noAreaText(kind));
  if (kind === 'pool') await call.region.machinesChanged();
  return json(areaJson(call, kind, area));
}

const defaultAreaText = (area: AreaKind): string => `The default ${area} cannot be renamed or deleted.`;

async function changeDefault(call: ApiCall, kind: AreaKind, before: Area, next: WrittenArea): Promise<Answer> {
  if (next.name !== before.name) return refuse('bad-request', defaultAreaText(kind));
  if (next.description !== before.description) {
    const edit = { key: DEFAULT_DESCRIPTION_KEYS[kind], value: next.description };
    const refused = await call.region.settings.change('', [edit], getCallerUsername(call));
    if (refused !== undefined) return refuseSetting(refused);
  }
  return json(areaJson(call, kind, { ...before, ...next }));
}

async function removeArea(call: ApiCall, kind: AreaKind): Promise<Answer> {
  const before = await findAreaOrRefuse(call, kind);
  if ('kind' in before) return before;
  if (before.id === 0) return refuse('bad-request', defaultAreaText(kind));
  const occupants = kind === 'pool' ? await inhabitants(call, { poolIds: [before.id] }) : undefined;
  if (occupants !== undefined)
    return refuse(
      'in-use',
      `The pool ${before.name} has ${inhabitantsText(occupants)}. Move them to another pool first (pool of machines/<id>/ or devices/<id>/).`,
    );
  const event = changeEvent(call, kind, before.name, 'removed');
  const refused = kind === 'pool' ? await renameInProfiles(call, 'pools', before.name, undefined) : undefined;
  if (refused !== undefined) return refused;
  if (!(await call.region.store.areas.remove(kind, before.id, event))) return refuse('not-found', noAreaText(kind));
  await readRacks(call);
  return { kind: 'empty' };
}

/** Reads the racks again, whose zones have changed, once that is stored. */
const readRacks = ({ region }: ApiCall): Promise<void> => region.store.afterCommit(() => region.racks.refresh());

export async function moveToZone(
  call: ApiCall,
  zone: { readonly id: number; readonly name: string },
  members: ZoneMembers,
): Promise<void> {
  const event = eventBy(call, 'ZONES', { code: 'zone-set', params: { zone: zone.name } });
  await call.region.store.areas.moveToZone(zone.id, members, event);
  if (members.rackUuids.length > 0) await readRacks(call);
}

const placement = z.object({
  zone: value(z.string().max(256)).describe('The name of the zone.'),
  nodes: values(MEMBERS_MAX).describe('System ids of machines, devices and racks.'),
});

async function setZone(call: ApiCall, input: z.output<typeof placement>): Promise<Answer> {
  const chosen = await chooseArea(call, 'zone', input.zone);
  if ('kind' in chosen) return chosen;
  if (chosen.id === undefined) return refuseField('zone', REQUIRED);
  const { store, racks } = call.region;
  const named = [...new Set(input.nodes)];
  const devices = await store.listMachines({ systemIds: named, isDevice: true }, 0, MEMBERS_MAX);
  const systemIds = [...(await store.outlineMachines(named)), ...devices].map(({ systemId }) => systemId);
  const rackUuids = racks.list().flatMap(({ uuid }) => (named.includes(uuid) ? [uuid] : []));
  const knownIds = new Set([...systemIds, ...rackUuids]);
  const missing = named.filter((id) => !knownIds.has(id));
  if (missing.length > 0) return refuseMachines('nodes', missing);
  await moveToZone(call, { id: chosen.id, name: input.zone }, { systemIds, rackUuids });
  return { kind: 'empty' };
}

/** The paths and groups of one kind, all of which work alike. */
interface AreaPaths {
  readonly kind: AreaKind;
  readonly versions: readonly ApiVersion[];
  readonly many: { readonly path: string; readonly handler: string };
  readonly one: { readonly path: string; readonly handler: string };
}

const PATHS: readonly AreaPaths[] = [
  {
    kind: 'zone',
    versions: ['1.0', '2.0'],
    many: { path: 'zones', handler: 'ZonesHandler' },
    one: { path: 'zones/{name}', handler: 'ZoneHandler' },
  },
  {
    kind: 'pool',
    versions: ['2.0'],
    many: { path: 'resourcepools', handler: 'ResourcePoolsHandler' },
    one: { path: 'resourcepool/{id}', handler: 'ResourcePoolHandler' },
  },
  {
    kind: 'pool',
    versions: ['2.0'],
    many: { path: 'pools', handler: 'PoolsHandler' },
    one: { path: 'pools/{id}', handler: 'PoolHandler' },
  },
];

const OF_MEMBERS: Readonly<Record<AreaKind, string>> = {
  zone: 'Its machines, devices and racks move to the default zone.',
  pool: 'Refused while machines or devices are in it, or a profile names it.',
};

const defineAreaOperations = ({ kind, versions, many, one }: AreaPaths): readonly Operation[] =>
  resource({
    many: { ...many, versions },
    one: { ...one, versions },
    answers: kind,
    list: [
      `List ${kind}s.`,
      nothing,
      async (call) => json((await shownAreas(call, kind)).map((area) => areaJson(call, kind, area))),
    ],
    add: [`Create a ${kind}.`, newArea, (call, input) => addArea(call, kind, input)],
    read: [
      `Read one ${kind}.`,
      nothing,
      async (call) => {
        const area = await findAreaOrRefuse(call, kind);
        return 'kind' in area ? area : json(areaJson(call, kind, area));
      },
    ],
    change: [
      `Change a ${kind}. The default ${kind} cannot be renamed.`,
      changedArea,
      (call, input) => changeArea(call, kind, input),
    ],
    remove: [
      `Delete a ${kind}. ${OF_MEMBERS[kind]} The default ${kind} cannot be deleted.`,
      nothing,
      (call) => removeArea(call, kind),
    ],
  });

const setZones = [
  { versions: ['1.0', '2.0'], path: 'nodes', handler: 'NodesHandler' },
  { versions: ['2.0'], path: 'machines', handler: 'MachinesHandler' },
  { versions: ['2.0'], path: 'devices', handler: 'DevicesHandler' },
] as const;

export const AREA_OPERATIONS: readonly Operation[] = [
  ...PATHS.flatMap(defineAreaOperations),
  ...setZones.map((place) =>
    defineOperation({
      ...place,
      method: 'POST',
      op: 'set_zone',
      access: 'admin',
      answers: 'nothing',
      doc: 'Move machines, devices and racks to a zone: all of them, or none.',
      parameters: placement,
      run: setZone,
    }),
  ),
];
