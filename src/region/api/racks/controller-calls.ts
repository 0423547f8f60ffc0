// Racks and the region in the JSON of MAAS 2.x, and the commands to them.
//
// Sources: the keys of MAAS's rack controllers; its `describe_power_types` and `list_boot_images`.
//
// 1. Every object has every key of a node. Of the hardware of racks the region knows only the
//    network interfaces (`rack-interfaces.ts`); the other values are empty.

import { type MachinePlacement, readPlacement } from '../../life/machine-placement.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { importStartedText } from '../../records/import-reason.ts';
import { driverLabel, parameterWords } from '../../records/power-words.ts';
import { isAway, type Rack } from '../../records/rack.ts';
import { REQUIRED } from '../../records/refusal.ts';
import { moveToZone } from '../areas/area-operations.ts';
import { type Areas, chooseArea, type GivenFilter, listAreas, machineFilter } from '../areas/chosen-areas.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFor,
  refuseRack,
} from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import { type ApiCall, eventBy, getCallerUsername } from '../call/operation.ts';
import { domainJson, zoneJson } from '../json/area-json.ts';
import { detailsAnswer } from '../json/details.ts';
import { TEST_STATUSES } from '../json/fixed-json.ts';
import { buildGroupImages } from './group-calls.ts';
import { macsOfRack, rackInterfacesJson } from './rack-interfaces.ts';

const UNKNOWN = {
  description: '',
  architecture: null,
  cpu_count: 0,
  cpu_speed: 0,
  memory: 0,
  swap_size: null,
  storage: 0,
  osystem: '',
  distro_series: '',
  hwe_kernel: null,
  power_type: '',
  power_state: 'unknown',
  hardware_info: null,
  tag_names: [],
  status_action: '',
  hardware_uuid: null,
  ...TEST_STATUSES,
  commissioning_status: -1,
  commissioning_status_name: 'Unknown',
  testing_status: -1,
  testing_status_name: 'Unknown',
  current_commissioning_result_id: null,
  current_testing_result_id: null,
  current_installation_result_id: null,
} as const;

export function controllerJson(
  call: ApiCall,
  rack: Rack,
  zones: Areas,
  where: MachinePlacement = readPlacement(call.region),
): Record<string, unknown> {
  const { domain } = call.region.config();
  const away = isAway(rack, call.region.clock.wallTimeMs());
  return {
    ...UNKNOWN,
    system_id: rack.uuid,
    hostname: rack.name,
    description: rack.description ?? '',
    fqdn: `${rack.name}.${domain}`,
    domain: domainJson(domain, where),
    zone: zoneJson('2.0', zones.find(({ id }) => id === rack.zoneId) ?? zones[0]),
    node_type: 2,
    node_type_name: 'Rack controller',
    version: rack.version,
    ip_addresses: rack.interfaces.map(({ ip }) => ip).filter((ip) => ip !== ''),
    interface_set: rackInterfacesJson(rack, where.networks),
    service_set: [{ name: 'rackd', status: away ? 'dead' : 'running', status_info: '' }],
    resource_uri: `/MAAS/api/2.0/rackcontrollers/${rack.uuid}/`,
  };
}

const findControllerRack = (call: ApiCall): Rack | Refusal =>
  call.region.racks.findAccepted(call.path.system_id ?? '') ?? refuseRack(call.path.system_id);

interface Filtered {
  readonly id: string;
  readonly name: string;
  /** `undefined`: the default one. */
  readonly zoneId?: number | undefined;
  readonly rack: Rack | undefined;
}

/**
 * True if a controller passes a filter of nodes. It has no pool or agent name by which the filter
 * could choose it.
 */
function isChosen(call: ApiCall, { id, name, zoneId = 0, rack }: Filtered, filter: MachineFilter): boolean {
  const { systemIds, hostnames, zoneIds, domains, macs, poolIds, agentNames } = filter;
  return (
    [poolIds, agentNames].every((ids) => ids === undefined) &&
    (macs === undefined || (rack !== undefined && macsOfRack(rack).some((mac) => macs.includes(mac)))) &&
    (systemIds?.includes(id) ?? true) &&
    (hostnames?.includes(name.toLowerCase()) ?? true) &&
    (zoneIds?.includes(zoneId) ?? true) &&
    (domains?.includes(call.region.config().domain) ?? true)
  );
}

export const chosenRacks = (call: ApiCall, filter: MachineFilter): readonly Rack[] =>
  call.region.racks.accepted().filter((rack) => isChosen(call, { ...rack, id: rack.uuid, rack }, filter));

export async function listControllers(call: ApiCall, input: GivenFilter): Promise<Answer> {
  const filter = await machineFilter(call, input);
  if (isRefusal(filter)) return filter;
  const zones = await listAreas(call, 'zone');
  const where = readPlacement(call.region);
  const racks = chosenRacks(call, filter);
  // One at a time: a rack may have hundreds of interfaces.
  async function* entries(): AsyncGenerator<unknown, void> {
    for (const rack of racks) yield controllerJson(call, rack, zones, where);
  }
  return listFor(call, entries());
}

export async function readController(call: ApiCall): Promise<Answer> {
  const rack = findControllerRack(call);
  return 'kind' in rack ? rack : json(controllerJson(call, rack, await listAreas(call, 'zone')));
}

/** A rack reports no hardware. */
export function readRackDetails(call: ApiCall): Answer {
  const rack = findControllerRack(call);
  return 'kind' in rack ? rack : detailsAnswer(undefined);
}

interface GivenController {
  readonly zone?: string | undefined;
  readonly domain?: string | undefined;
  readonly description?: string | undefined;
}

export async function changeController(call: ApiCall, input: GivenController): Promise<Answer> {
  const rack = findControllerRack(call);
  if ('kind' in rack) return rack;
  const { domain } = call.region.config();
  const isOther = (input.domain ?? domain).toLowerCase() !== domain;
  const checked = combineOrRefuse(
    input.zone === undefined ? undefined : await chooseArea(call, 'zone', input.zone),
    isOther ? refuseField('domain', `All racks are in ${domain}, the domain of the site: omit domain.`) : undefined,
  );
  if (isRefusal(checked)) return checked;
  const [zone] = checked;
  if (zone !== undefined && zone.id === undefined) return refuseField('zone', REQUIRED);
  if (zone?.id !== undefined)
    await moveToZone(call, { id: zone.id, name: input.zone ?? '' }, { systemIds: [], rackUuids: [rack.uuid] });
  const { description = rack.description ?? '' } = input;
  if (description !== (rack.description ?? '')) {
    const params = { rack: rack.name, uuid: rack.uuid };
    await call.region.racks.describe(
      rack.uuid,
      description,
      eventBy(call, 'RACK_CHANGED', { code: 'rack-described', params }),
    );
  }
  const changed = { ...rack, zoneId: zone?.id ?? rack.zoneId, description };
  return json(controllerJson(call, changed, await listAreas(call, 'zone')));
}

export async function removeController(call: ApiCall): Promise<Answer> {
  const rack = findControllerRack(call);
  if ('kind' in rack) return rack;
  const refusal = await call.region.racks.judge([rack.uuid], 'remove', getCallerUsername(call));
  if (refusal === undefined) return { kind: 'empty' };
  return refuseFor([refusal]);
}

/** @returns the refusal if the path names a rack that is not accepted */
export async function importImages(call: ApiCall): Promise<Answer> {
  const rack = call.path.system_id === undefined ? undefined : findControllerRack(call);
  if (rack !== undefined && 'kind' in rack) return rack;
  const lack = await call.region.bootImages.requestImport(getCallerUsername(call));
  return { kind: 'text', text: importStartedText('boot images', lack), contentType: 'text/plain; charset=utf-8' };
}

/** The boot images of a rack. An away rack is not connected, so its images may be others by now. */
export async function listImages(call: ApiCall): Promise<Answer> {
  const rack = findControllerRack(call);
  if ('kind' in rack) return rack;
  const connected = !isAway(rack, call.region.clock.wallTimeMs());
  const images = (await buildGroupImages(call, rack)).map(
    ({ osystem, release, architecture, subarchitecture, label }) => ({
      name: `${osystem}/${release}`,
      architecture,
      subarches: [subarchitecture],
      label,
    }),
  );
  return json({ connected, images, status: connected ? 'synced' : 'unknown' });
}

export const describePowerTypes = ({ region }: ApiCall): Answer =>
  json(
    (region.power?.drivers ?? []).map(({ name, parameters }) => ({
      driver_type: 'power',
      name,
      description: driverLabel(name),
      missing_packages: [],
      chassis: false,
      can_probe: false,
      queryable: name !== 'manual',
      fields: parameters.map((parameter) => ({
        name: parameter.name,
        label: parameterWords(name, parameter.name).label,
        required: parameter.required,
        field_type: parameter.secret ? 'password' : parameter.choices === undefined ? 'string' : 'choice',
        choices: (parameter.choices ?? []).map((choice) => [choice, choice]),
        default: parameter.default ?? '',
        scope: 'bmc',
        secret: parameter.secret,
      })),
    })),
  );

export function answerPowerParameters(call: ApiCall, ids: readonly string[] | undefined): Answer {
  const racks = call.region.racks
    .accepted()
    .filter(({ uuid }) => ids === undefined || ids.length === 0 || ids.includes(uuid));
  return json(Object.fromEntries(racks.map(({ uuid }) => [uuid, {}])));
}

export function powerParameters(call: ApiCall): Answer {
  const rack = findControllerRack(call);
  return 'kind' in rack ? rack : json({});
}

// ---- the region ----

/** The system id of a region without a rack in its process. */
const REGION_ID = 'region';

function regionJson(call: ApiCall, zones: Areas): Record<string, unknown> {
  const { domain } = call.region.config();
  const own = call.region.racks.own;
  const id = own?.uuid ?? REGION_ID;
  const where = readPlacement(call.region);
  const fqdn = `${REGION_ID}.${domain}`;
  const alone = { ...UNKNOWN, hostname: REGION_ID, fqdn, domain: domainJson(domain, where) };
  return {
    ...(own === undefined
      ? { ...alone, zone: zoneJson('2.0', zones[0]), version: '', ip_addresses: [], interface_set: [] }
      : controllerJson(call, own, zones, where)),
    system_id: id,
    node_type: own === undefined ? 3 : 4,
    node_type_name: own === undefined ? 'Region controller' : 'Region and rack controller',
    service_set: [{ name: 'regiond', status: 'running', status_info: '' }],
    resource_uri: `/MAAS/api/2.0/regioncontrollers/${id}/`,
  };
}

export async function listRegions(call: ApiCall, input: GivenFilter): Promise<Answer> {
  const filter = await machineFilter(call, input);
  if (isRefusal(filter)) return filter;
  const rack = call.region.racks.own;
  const { uuid: id = REGION_ID, name = REGION_ID, zoneId } = rack ?? {};
  return json(
    isChosen(call, { id, name, zoneId, rack }, filter) ? [regionJson(call, await listAreas(call, 'zone'))] : [],
  );
}

export async function readRegion(call: ApiCall): Promise<Answer> {
  const answer = regionJson(call, await listAreas(call, 'zone'));
  return answer.system_id === call.path.system_id
    ? json(answer)
    : refuse('not-found', 'No region has this system id: regioncontrollers/ shows the one that answers.');
}
