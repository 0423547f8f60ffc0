// Changing the disks of a machine: partitions, file systems, mounts, tags, and layouts of the boot disk.
//
// Source: MAAS's `nodes/{system_id}/blockdevices/{device_id}/partitions/` and `partition/{id}`, the
// operations of `blockdevices/{id}`, and set_storage_layout of a machine.
//
// 1. The next deployment sets up the stored disks. A layout that cannot be deployed is refused
//    then, with the reason.

import { z } from 'zod';
import { beginStorage, noBlockDeviceText, noPartitionText } from '../../layout/storage-draft.ts';
import { DEVICE_NAME } from '../../layout/volume-changes.ts';
import type { Machine } from '../../records/machine.ts';
import { FILE_SYSTEM_KINDS, FILE_SYSTEMS, PART_TAG_MAX, WHOLE_LAYOUTS } from '../../records/machine-layout.ts';
import { cleanWords } from '../../records/text-json.ts';
import { type Answer, json, refuse } from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  defineOperation,
  flagParameter,
  isTrue,
  type Operation,
  value,
} from '../call/operation.ts';
import { partitionNamed, partitionsJson } from '../json/disk-json.ts';
import { machinePaths, withMachine } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';
import {
  addPartition,
  chooseBootDisk,
  deletePartition,
  formatPart,
  layOutDisks,
  mount,
  type StorageTarget,
  tag,
  unformatPart,
} from './storage-calls.ts';
import { mountParameters, parseSizeBytes, size, tagParameters, uuid } from './storage-parameters.ts';

const LABELS = FILE_SYSTEM_KINDS.map((kind) => `${FILE_SYSTEMS[kind].labelMax} for ${kind}`).join(', ');
const DRAWN = FILE_SYSTEM_KINDS.filter((kind) => FILE_SYSTEMS[kind].drawsUuid);

const formatParameters = z.object({
  fstype: value(z.enum(FILE_SYSTEM_KINDS, `Give one of ${FILE_SYSTEM_KINDS.join(', ')}.`)).describe(
    `The file system: ${FILE_SYSTEM_KINDS.join(', ')}.`,
  ),
  uuid: uuid.describe(`Its UUID. Default: a new one. Not for ${DRAWN.join(', ')}, whose identifier the agent draws.`),
  label: value(
    z
      .string()
      .regex(
        /^(?:[A-Za-z0-9._][A-Za-z0-9._-]{0,15})?$/,
        'Give at most 16 letters, digits, dots, hyphens and underscores, and do not begin with a hyphen.',
      ),
  )
    .optional()
    .describe(`Its label: letters, digits, \`.\`, \`_\` and \`-\`, at most ${LABELS}.`)
    .register(controls, { hint: 'Letters, digits, `.`, `_` and `-`: 11 to 16, as the file system allows.' }),
});

function partOperations(
  common: Pick<Operation, 'versions' | 'path' | 'handler' | 'access'> & { readonly method: 'POST' },
  aim: StorageTarget,
): readonly Operation[] {
  const answers = aim === 'device' ? 'blockDevice' : 'partition';
  function tagging(op: 'add_tag' | 'remove_tag', doc: string): Operation {
    return defineOperation({
      ...common,
      op,
      answers,
      doc,
      parameters: tagParameters,
      run: async (call, input) => tag(call, aim, cleanWords(input.tag, PART_TAG_MAX), op === 'add_tag'),
    });
  }
  return [
    defineOperation({
      ...common,
      op: 'format',
      answers,
      doc: 'Put a file system on a partition or a block device.',
      parameters: formatParameters,
      run: async (call, input) => formatPart(call, aim, input),
    }),
    defineOperation({
      ...common,
      op: 'unformat',
      answers,
      doc: 'Remove the file system of a partition or a block device.',
      parameters: z.object({}),
      run: async (call) => unformatPart(call, aim),
    }),
    defineOperation({
      ...common,
      op: 'mount',
      answers,
      doc: 'Let the deployed system mount the file system.',
      parameters: mountParameters,
      run: async (call, { mount_point: at, mount_options: options = '' }) => mount(call, aim, { at, options }),
    }),
    defineOperation({
      ...common,
      op: 'unmount',
      answers,
      doc: 'Let the deployed system no longer mount the file system.',
      parameters: z.object({}),
      run: async (call) => mount(call, aim, undefined),
    }),
    tagging('add_tag', 'Add a tag to a partition or a block device. Adding it again changes nothing.'),
    tagging('remove_tag', 'Remove a tag from a partition or a block device.'),
  ];
}

const versions = ['2.0'] as const;
const admin = { versions, access: 'admin' } as const;
const reader = { versions, access: 'user', method: 'GET', parameters: z.object({}) } as const;
const devices = 'nodes/{system_id}/blockdevices';
const partition = { ...admin, path: `${devices}/{device_id}/partition/{id}`, handler: 'PartitionHandler' } as const;
const device = { ...admin, path: `${devices}/{id}`, handler: 'BlockDeviceHandler', method: 'POST' } as const;

function readPartition(call: ApiCall, machine: Machine): Answer {
  const { device_id: device, id = '' } = call.path;
  const draft = beginStorage(machine);
  const disk = draft.disks.find((disk) => String(disk.id) === device || disk.facts.name === device);
  const { hostname } = machine;
  if (disk === undefined) return refuse('not-found', noBlockDeviceText(hostname, shownName(device)));
  const partition = partitionNamed(partitionsJson(draft, disk), id);
  if (partition !== undefined) return json(partition);
  return refuse('not-found', noPartitionText(disk.facts.name, shownName(id)));
}

const partitionParameters = z.object({
  size: value(size).optional().describe('Its size in bytes, or with K, M, G or T. Default: all that is free.'),
  bootable: flagParameter(
    'Kept and shown for clients: the agent makes every disk with a root start, whatever this says.',
  ),
  uuid,
});

const PARTITIONS: readonly Operation[] = [
  defineOperation({
    ...admin,
    path: `${devices}/{device_id}/partitions`,
    handler: 'PartitionsHandler',
    method: 'POST',
    answers: 'partition',
    doc: 'Make a partition on a block device. Not idempotent: each call makes another one.',
    parameters: partitionParameters,
    run: async (call, input) =>
      addPartition(call, {
        bytes: parseSizeBytes(input.size),
        isBootable: isTrue(input.bootable),
        uuid: input.uuid,
      }),
  }),
  defineOperation({
    ...partition,
    ...reader,
    answers: 'partition',
    doc: 'Read one partition, by its id or its name.',
    run: withMachine(readPartition),
  }),
  defineOperation({
    ...partition,
    method: 'DELETE',
    answers: 'nothing',
    doc: 'Delete a partition.',
    parameters: z.object({}),
    run: deletePartition,
  }),
  ...partOperations({ ...partition, method: 'POST' }, 'partition'),
  ...partOperations(device, 'device'),
  defineOperation({
    ...device,
    op: 'set_boot_disk',
    answers: 'machine',
    doc: 'Deploy to this disk, from which the machine then starts.',
    parameters: z.object({}),
    run: chooseBootDisk,
  }),
];

const layoutParameters = z.object({
  storage_layout: value(
    z
      .string()
      .toLowerCase()
      .pipe(z.enum(WHOLE_LAYOUTS, `Give one of ${WHOLE_LAYOUTS.join(', ')}.`)),
  ).describe(`The layout of the boot disk: ${WHOLE_LAYOUTS.join(', ')}.`),
  root_device: value(z.string().max(64))
    .optional()
    .describe('The disk to use, by its id or its name. Default: the boot disk.'),
  boot_size: value(size).optional().describe('The size of a partition for /boot. Default: none.'),
  root_size: value(size)
    .optional()
    .describe('The size of the partition of the root, or of the volume group. Default: all.'),
  vg_name: value(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, DEVICE_NAME))
    .optional()
    .describe('lvm: the name of the group; vgroot.'),
  lv_name: value(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, DEVICE_NAME))
    .optional()
    .describe('lvm: the name of the volume; lvroot.'),
  lv_size: value(size).optional().describe('lvm: the size of the volume of the root. Default: all.'),
});

export const STORAGE_OPERATIONS: readonly Operation[] = [
  ...PARTITIONS,
  defineOperation({
    ...machinePaths('2.0').one,
    method: 'POST',
    op: 'set_storage_layout',
    access: 'admin',
    answers: 'machine',
    doc: 'Lay out the boot disk of a machine. This replaces the previous layout of its disks. Not idempotent: each call makes new parts with other ids.',
    parameters: layoutParameters,
    run: layOutDisks,
  }),
];
