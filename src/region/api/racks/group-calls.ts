// One rack for clients of API 1.0: its machines, its boot images, its name and state.
//
// Sources: MAAS 1.x, `nodegroups/<uuid>/` (PUT, list_nodes) and `nodegroups/<uuid>/boot-images/`
// with the keys of 1.7.

import { readPlacement } from '../../life/machine-placement.ts';
import { hashFnv1a } from '../../records/digest.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import { RACK_STATE_NUMBERS, type Rack } from '../../records/rack.ts';
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
import { type ApiCall, getCallerUsername, idIn } from '../call/operation.ts';

const MACHINES_CHUNK = 50;

function findGroupRack(call: ApiCall): Rack | Refusal {
  const uuid = call.region.settings.findRack(call.path.uuid ?? '') ?? call.path.uuid;
  return call.region.racks.list().find((rack) => rack.uuid === uuid) ?? refuseRack(call.path.uuid);
}

export function listNodes(call: ApiCall): Answer {
  const rack = findGroupRack(call);
  if (isRefusal(rack)) return rack;
  const { uuid: home } = rack;
  async function* systemIds(): AsyncGenerator<unknown, void> {
    for await (const machines of machineChunks(call.region.store, {}, MACHINES_CHUNK)) {
      const where = readPlacement(call.region);
      for (const machine of machines)
        yield where.racksOf(machine).some(({ uuid }) => uuid === home) ? machine.systemId : undefined;
    }
  }
  return listFor(call, systemIds());
}

interface GivenGroup {
  readonly name?: string | undefined;
  readonly cluster_name?: string | undefined;
  readonly status?: string | undefined;
}

export async function updateGroup(call: ApiCall, input: GivenGroup, show: (rack: Rack) => unknown): Promise<Answer> {
  const rack = findGroupRack(call);
  if (isRefusal(rack)) return rack;
  const checked = combineOrRefuse(...groupFaults(rack, input));
  if (isRefusal(checked)) return checked;
  const wanted = input.status === undefined ? RACK_STATE_NUMBERS[rack.state] : Number(input.status);
  if (wanted !== RACK_STATE_NUMBERS[rack.state]) {
    const verdict = wanted === RACK_STATE_NUMBERS.accepted ? 'accept' : 'reject';
    const refusal = await call.region.racks.judge([rack.uuid], verdict, getCallerUsername(call));
    if (refusal !== undefined) return refuseFor([refusal]);
  }
  return json(show(call.region.racks.find(rack.uuid) ?? rack));
}

function groupFaults(rack: Rack, input: GivenGroup): readonly (Refusal | undefined)[] {
  const named = (['name', 'cluster_name'] as const).map((field) =>
    (input[field] ?? rack.name) === rack.name
      ? undefined
      : refuseField(field, `The rack is called ${rack.name}: only its own configuration (name) changes that.`),
  );
  const { accepted, rejected } = RACK_STATE_NUMBERS;
  const wanted = input.status === undefined ? RACK_STATE_NUMBERS[rack.state] : Number(input.status);
  const isSame = wanted === RACK_STATE_NUMBERS[rack.state];
  const isVerdict = wanted === accepted || wanted === rejected;
  return [
    ...named,
    isSame || isVerdict
      ? undefined
      : refuseField('status', `Give ${accepted} to accept the rack, or ${rejected} to reject it.`),
  ];
}

interface GroupImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  /** Undefined: an image. */
  readonly kind?: 'loader' | 'installer' | undefined;
}

interface GroupImageJson extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly osystem: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
}

function imageJson(call: ApiCall, { uuid }: Rack, image: GroupImage): GroupImageJson {
  const { os, release, architecture, subarchitecture, label, kind } = image;
  const purpose = kind === 'installer' ? 'install' : 'xinstall';
  const id = (hashFnv1a([os, release, architecture, subarchitecture, label].join('/')) >>> 1) + 1;
  return {
    id,
    osystem: os,
    release,
    architecture,
    subarchitecture,
    purpose,
    label,
    supported_subarches: subarchitecture,
    xinstall_path: '',
    xinstall_type: '',
    resource_uri: `/MAAS/api/${call.version}/nodegroups/${uuid}/boot-images/${id}/`,
  };
}

export async function buildGroupImages(call: ApiCall, rack: Rack): Promise<readonly ReturnType<typeof imageJson>[]> {
  const images: readonly GroupImage[] = rack.isEmbedded
    ? (await call.region.bootImages.listResources()).flatMap((resource) =>
        resource.images.filter(({ isReported, kind }) => isReported !== true && kind !== 'loader'),
      )
    : ((await call.region.racks.images([rack])).get(rack.uuid) ?? []);
  const imagesJson = images.map((image) => imageJson(call, rack, image));
  return [...new Map(imagesJson.map((image) => [image.id, image])).values()];
}

export async function listGroupImages(call: ApiCall): Promise<Answer> {
  const rack = findGroupRack(call);
  return isRefusal(rack) ? rack : json(await buildGroupImages(call, rack));
}

export async function readGroupImage(call: ApiCall): Promise<Answer> {
  const rack = findGroupRack(call);
  if (isRefusal(rack)) return rack;
  const image = (await buildGroupImages(call, rack)).find(({ id }) => id === idIn(call.path.id));
  return image === undefined
    ? refuse('not-found', `There is no image ${(call.path.id ?? '').slice(0, 64)}: boot-resources lists them.`)
    : json(image);
}
