// The block devices of a machine: reading them and their partitions, and adding, describing and
// deleting them.
//
// Source: MAAS's `nodes/{system_id}/blockdevices/` and, below it, `{device_id}/partitions/`.

import { z } from 'zod';
import { noBlockDeviceText } from '../../layout/storage-draft.ts';
import { json, refuse } from '../call/answer.ts';
import { defineOperation, nothing, type Operation } from '../call/operation.ts';
import { blockDevicesJson } from '../json/disk-json.ts';
import { withMachine } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';
import { changeDevice, createDisk, deleteDevice } from './storage-calls.ts';
import { diskParameters, parseKernelName, parseSizeBytes, uuid } from './storage-parameters.ts';

/** Reads the device in the path. */
const reading = (segment: 'id' | 'device_id', show: (device: ReturnType<typeof blockDevicesJson>[number]) => unknown) =>
  withMachine((call, machine) => {
    const named = call.path[segment] ?? '';
    const all = blockDevicesJson(machine);
    const device = all.find(({ id }) => String(id) === named) ?? all.find(({ name }) => name === named);
    return device === undefined
      ? refuse('not-found', noBlockDeviceText(machine.hostname, shownName(named)))
      : json(show(device));
  });

const changeParameters = diskParameters.partial().extend({
  block_size: diskParameters.shape.block_size.describe('The bytes of a block.'),
  uuid: uuid.describe('The UUID of a RAID or a volume.'),
});

/** Left out or empty: as it is. */
const parseDiskWish = (input: Omit<z.output<typeof changeParameters>, 'uuid'>) => ({
  name: input.name,
  model: input.model,
  serial: input.serial,
  kernelName: parseKernelName(input.id_path),
  bytes: parseSizeBytes(input.size),
  blockSize: input.block_size,
});

const admin = { versions: ['2.0'], access: 'admin' } as const;
const common = { versions: ['2.0'], method: 'GET', access: 'user', parameters: z.object({}) } as const;
const path = 'nodes/{system_id}/blockdevices';

export const BLOCK_DEVICE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...common,
    path,
    handler: 'BlockDevicesHandler',
    answers: ['blockDevice'],
    doc: 'List the block devices of a machine.',
    run: withMachine((_call, machine) => json(blockDevicesJson(machine))),
  }),
  defineOperation({
    ...common,
    path: `${path}/{id}`,
    handler: 'BlockDeviceHandler',
    answers: 'blockDevice',
    doc: 'Read one block device of a machine, by its id or its name.',
    run: reading('id', (device) => device),
  }),
  defineOperation({
    ...common,
    path: `${path}/{device_id}/partitions`,
    handler: 'PartitionsHandler',
    answers: ['partition'],
    doc: 'List the partitions of a block device.',
    run: reading('device_id', ({ partitions }) => partitions),
  }),
  defineOperation({
    ...admin,
    path,
    handler: 'BlockDevicesHandler',
    method: 'POST',
    answers: 'blockDevice',
    doc: 'Add a disk that the machine has not reported. Its next report does not remove it.',
    parameters: diskParameters,
    run: async (call, input) => createDisk(call, { ...parseDiskWish(input), bytes: parseSizeBytes(input.size) ?? 0 }),
  }),
  defineOperation({
    ...admin,
    path: `${path}/{id}`,
    handler: 'BlockDeviceHandler',
    method: 'PUT',
    answers: 'blockDevice',
    doc: 'Change a block device: a disk, a RAID or a volume. What is left out stays as it is.',
    parameters: changeParameters,
    run: async (call, input) => changeDevice(call, input, { disk: parseDiskWish(input), uuid: input.uuid }),
  }),
  defineOperation({
    ...admin,
    path: `${path}/{id}`,
    handler: 'BlockDeviceHandler',
    method: 'DELETE',
    answers: 'nothing',
    doc: 'Delete a disk with its partitions, a RAID or a volume. A disk that the machine has comes back with its next report.',
    parameters: nothing,
    run: deleteDevice,
  }),
];
