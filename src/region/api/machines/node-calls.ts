// All nodes of MAAS 2.x in one list: machines, devices and racks, each as it is shown alone.

import { readPlacement } from '../../life/machine-placement.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { DEVICES_MAX } from '../../records/machine.ts';
import { listAreas } from '../areas/chosen-areas.ts';
import { type Answer, isRefusal, json } from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import type { ApiCall } from '../call/operation.ts';
import { detailsAnswer } from '../json/details.ts';
import { deviceJson } from '../json/device-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { chosenRacks, controllerJson, readController } from '../racks/controller-calls.ts';
import { findNodeInPath } from './machine-calls.ts';
import { machineEntries } from './machine-list.ts';

/**
 * The nodes that pass the filter. Racks have an id, a name, a zone and hardware addresses, and no
 * pool or agent name.
 */
export const listNodes = (call: ApiCall, filter: MachineFilter): Answer => listFor(call, entries(call, filter));

async function* entries(call: ApiCall, filter: MachineFilter): AsyncGenerator<unknown, void> {
  yield* machineEntries(call, filter);
  const { store } = call.region;
  const where = readPlacement(call.region);
  for (const device of await store.listMachines({ ...filter, isDevice: true }, 0, DEVICES_MAX))
    yield deviceJson(device, where);
  const zones = await listAreas(call, 'zone');
  for (const rack of chosenRacks(call, filter)) yield controllerJson(call, rack, zones, where);
}

/** Reads a machine, a device or a rack. */
export async function readNode(call: ApiCall): Promise<Answer> {
  const node = await findNodeInPath(call);
  if (node === undefined) return await readController(call);
  return json(node.device === undefined ? showMachine(call, node) : deviceJson(node, readPlacement(call.region)));
}

async function nodeIn(call: ApiCall) {
  const node = await findNodeInPath(call);
  if (node !== undefined) return node;
  const rack = await readController(call);
  return isRefusal(rack) ? rack : undefined;
}

/** Reads the hardware of a machine; devices and racks report none. */
export async function readDetails(call: ApiCall): Promise<Answer> {
  const node = await nodeIn(call);
  return isRefusal(node) ? node : detailsAnswer(node);
}

/** Reads the power parameters of a machine; devices and racks have none. */
export async function readPowerParameters(call: ApiCall): Promise<Answer> {
  const node = await nodeIn(call);
  return isRefusal(node) ? node : json(node?.powerParameters ?? {});
}
