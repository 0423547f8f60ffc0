// One rack for clients of API 1.0: its machines, its boot images, its leases, its name and state.
//
// Sources: MAAS 1.x, `nodegroups/<uuid>/` (PUT, list_nodes, update_leases) and `nodegroups/<uuid>/boot-images/` with the keys of 1.7.
//
// 1. Leases reported here are reports of the rack, and are weighed as those that arrive by its link: they count for machines in its networks.

import { formatMac, parseIpv4, parseMac } from '../../../net/address.ts';
import { whereabouts } from '../../life/whereabouts.ts';
import { numberOf } from '../../records/digest.ts';
import type { RackReport } from '../../records/machine-event.ts';
import { RACK_STATE_NUMBERS, type Rack } from '../../records/rack.ts';
import { parseJson } from '../../records/text-json.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  json,
  noRackText,
  type Refusal,
  refuse,
  refuseField,
  refuseFor,
} from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import { type ApiCall, idIn, usernameOf } from '../call/operation.ts';

/** Machines read at a time. */
const MACHINES_CHUNK = 50;
/** Leases of one report. */
const LEASES_MAX = 4096;

const shownId = ({ path }: ApiCall): string => (path.uuid ?? '').slice(0, 64);

/** The rack in the path, by its UUID or as `master`; or the refusal. */
function rackIn(call: ApiCall): Rack | Refusal {
  const uuid = call.region.settings.findRack(call.path.uuid ?? '') ?? call.path.uuid;
  return call.region.racks.list().find((rack) => rack.uuid === uuid) ?? refuse('not-found', noRackText(shownId(call)));
}

/** The system ids of the machines whose home is with the rack. */
export function listNodes(call: ApiCall): Answer {
  const found = rackIn(call);
  if (isRefusal(found)) return found;
  const { uuid: home } = found;
  async function* systemIds(): AsyncGenerator<unknown, void> {
    for (let afterId = 0; ; ) {
      const where = whereabouts(call.region);
      const machines = await call.region.store.listMachines({}, afterId, MACHINES_CHUNK);
      for (const machine of machines)
        yield where.racksOf(machine).some(({ uuid }) => uuid === home) ? machine.systemId : undefined;
      const last = machines.at(-1);
      if (last === undefined || machines.length < MACHINES_CHUNK) return;
      afterId = last.id;
    }
  }
  return listFor(call, systemIds());
}

interface GivenGroup {
  readonly name?: string | undefined;
  readonly cluster_name?: string | undefined;
  readonly status?: string | undefined;
}

/** Accepts or rejects a rack by its state. Its name is its own: another one is refused. */
export async function updateGroup(call: ApiCall, given: GivenGroup, show: (rack: Rack) => unknown): Promise<Answer> {
  const rack = rackIn(call);
  if (isRefusal(rack)) return rack;
  const checked = allOf(...groupFaults(rack, given));
  if (isRefusal(checked)) return checked;
  const wanted = given.status === undefined ? RACK_STATE_NUMBERS[rack.state] : Number(given.status);
  if (wanted !== RACK_STATE_NUMBERS[rack.state]) {
    const verdict = wanted === RACK_STATE_NUMBERS.accepted ? 'accept' : 'reject';
    const refusal = await call.region.racks.judge([rack.uuid], verdict, usernameOf(call));
    if (refusal !== undefined) return refuseFor([refusal]);
  }
  return json(show(call.region.racks.find(rack.uuid) ?? rack));
}

/** The refusals of what cannot be changed. */
function groupFaults(rack: Rack, given: GivenGroup): readonly (Refusal | undefined)[] {
  const named = (['name', 'cluster_name'] as const).map((field) =>
    (given[field] ?? rack.name) === rack.name
      ? undefined
      : refuseField(field, `The rack is called ${rack.name}: only its own configuration (name) changes that.`),
  );
  const { accepted, rejected } = RACK_STATE_NUMBERS;
  const wanted = given.status === undefined ? RACK_STATE_NUMBERS[rack.state] : Number(given.status);
  const isSame = wanted === RACK_STATE_NUMBERS[rack.state];
  const isVerdict = wanted === accepted || wanted === rejected;
  return [
    ...named,
    isSame || isVerdict
      ? undefined
      : refuseField('status', `Give ${accepted} to accept the rack, or ${rejected} to reject it.`),
  ];
}

/** The leases in the parameter: hardware addresses by address. */
function leasesIn(text: string): readonly Pick<RackReport, 'mac' | 'address'>[] | undefined {
  const parsed = parseJson(text, LEASES_MAX);
  if (parsed.kind === 'fault' || typeof parsed.value !== 'object' || parsed.value === null) return undefined;
  if (Array.isArray(parsed.value)) return undefined;
  const leases = Object.entries(parsed.value).map(([address, mac]) => {
    const parsedMac = typeof mac === 'string' ? parseMac(mac) : undefined;
    return parseIpv4(address) === undefined || parsedMac === undefined
      ? undefined
      : { address, mac: formatMac(parsedMac) };
  });
  return leases.every((lease) => lease !== undefined) ? leases : undefined;
}

/** Stores leases that a client reports for a rack. */
export async function updateLeases(call: ApiCall, text: string): Promise<Answer> {
  const rack = rackIn(call);
  if (isRefusal(rack)) return rack;
  const leases = leasesIn(text);
  if (leases === undefined)
    return refuseField(
      'leases',
      `Give a JSON object of at most ${LEASES_MAX} hardware addresses by IP address: {"10.20.0.7": "52:54:00:00:00:01"}.`,
    );
  const { region } = call;
  // The link of the rack numbers its events in sources of its own.
  const source = `${rack.uuid}/leases`;
  const at = region.clock.wallTimeMs();
  await region.transact(async () => {
    const last = await region.store.highestSequence(source);
    const reports = leases.map(
      (lease, index): RackReport => ({
        ...lease,
        sequence: last + 1 + index,
        kind: 'dhcp.ack',
        at,
        text: 'Has a lease, as a client of the API reported',
      }),
    );
    await region.observe(reports, source, rack.isEmbedded ? undefined : rack.uuid);
  });
  return { kind: 'text', text: 'Leases updated.', contentType: 'text/plain; charset=utf-8' };
}

/** An image that a rack boots. */
interface GroupImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  /** Undefined: an image. */
  readonly kind?: 'loader' | 'installer' | undefined;
}

/** An image with the keys of MAAS 1.7. */
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
  const id = (numberOf([os, release, architecture, subarchitecture, label].join('/')) >>> 1) + 1;
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

/** The images of a rack, each once: the newest version counts. */
export async function imagesOf(call: ApiCall, rack: Rack): Promise<readonly ReturnType<typeof imageJson>[]> {
  const images: readonly GroupImage[] = rack.isEmbedded
    ? (await call.region.bootImages.listResources()).flatMap((resource) =>
        resource.images.filter(({ isReported, kind }) => isReported !== true && kind !== 'loader'),
      )
    : ((await call.region.racks.images([rack])).get(rack.uuid) ?? []);
  const shown = images.map((image) => imageJson(call, rack, image));
  return [...new Map(shown.map((image) => [image.id, image])).values()];
}

export async function listGroupImages(call: ApiCall): Promise<Answer> {
  const rack = rackIn(call);
  return isRefusal(rack) ? rack : json(await imagesOf(call, rack));
}

export async function readGroupImage(call: ApiCall): Promise<Answer> {
  const rack = rackIn(call);
  if (isRefusal(rack)) return rack;
  const found = (await imagesOf(call, rack)).find(({ id }) => id === idIn(call.path.id));
  return found === undefined
    ? refuse('not-found', `There is no image ${(call.path.id ?? '').slice(0, 64)}: boot-resources lists them.`)
    : json(found);
}
