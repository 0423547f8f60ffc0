// Reading the block devices of a machine and their partitions.
//
// Source: MAAS's `nodes/{system_id}/blockdevices/` and, below it, `{device_id}/partitions/`.

import { z } from 'zod';
import type { Machine } from '../../records/machine.ts';
import { type Answer, json, NO_MACHINE, type Refusal, refuse } from '../call/answer.ts';
import { type ApiCall, defineOperation, type Operation } from '../call/operation.ts';
import { blockDevicesJson } from '../json/disk-json.ts';
import { machineOf } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';

/** The refusal of a path that names no block device of this machine. */
const noDevice = ({ hostname }: Machine, named: string): Refusal =>
  refuse('not-found.block-device', { machine: hostname, name: shownName(named) });

/** The block device that a path names by its id or its name, or the refusal. */
async function deviceOf(call: ApiCall, named: string): Promise<Readonly<Record<string, unknown>> | Refusal> {
  const machine = await machineOf(call);
  if (machine === undefined) return NO_MACHINE;
  const all = blockDevicesJson(machine);
  const found = all.find(({ id }) => String(id) === named) ?? all.find(({ name }) => name === named);
  return found ?? noDevice(machine, named);
}

const isRefusal = (found: Readonly<Record<string, unknown>> | Refusal): found is Refusal =>
  'kind' in found && found.kind === 'refusal';

async function list(call: ApiCall): Promise<Answer> {
  const machine = await machineOf(call);
  return machine === undefined ? NO_MACHINE : json(blockDevicesJson(machine));
}

async function read(call: ApiCall): Promise<Answer> {
  const device = await deviceOf(call, call.path.id ?? '');
  return isRefusal(device) ? device : json(device);
}

async function partitions(call: ApiCall): Promise<Answer> {
  const device = await deviceOf(call, call.path.device_id ?? '');
  return isRefusal(device) ? device : json(device.partitions);
}

const common = { versions: ['2.0'], method: 'GET', access: 'user', parameters: z.object({}) } as const;
const path = 'nodes/{system_id}/blockdevices';

/** The block devices of machines, in version 2.0. */
export const BLOCK_DEVICE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...common,
    ...{ path, handler: 'BlockDevicesHandler' },
    doc: 'List the block devices of a machine.',
    run: list,
  }),
  defineOperation({
    ...common,
    ...{ path: `${path}/{id}`, handler: 'BlockDeviceHandler' },
    doc: 'Read one block device of a machine, by its id or its name.',
    run: read,
  }),
  defineOperation({
    ...common,
    ...{ path: `${path}/{device_id}/partitions`, handler: 'PartitionsHandler' },
    doc: 'List the partitions of a block device.',
    run: partitions,
  }),
];
