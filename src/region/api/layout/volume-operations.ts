// The RAIDs and volume groups of a machine.
//
// Source: MAAS's `nodes/{system_id}/raids/`, `raid/{id}/`, `volume-groups/` and `volume-group/{id}/`.

import { z } from 'zod';
import { beginStorage, noBlockDeviceText, noVolumeGroupText, type StorageDraft } from '../../layout/storage-draft.ts';
import { json, refuse } from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  idIn,
  NOT_A_NUMBER,
  nothing,
  type Operation,
  resource,
  value,
} from '../call/operation.ts';
import { raidJson, volumeGroupJson } from '../json/disk-json.ts';
import { withMachine } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';
import { parseSizeBytes, partWords, size, uuid } from './storage-parameters.ts';
import {
  addGroup,
  addRaid,
  addVolume,
  deleteGroup,
  deleteRaid,
  deleteVolume,
  updateGroup,
  updateRaid,
} from './volume-calls.ts';

const versions = ['2.0'] as const;
const admin = { versions, access: 'admin' } as const;
const group = { path: 'nodes/{system_id}/volume-group/{id}', handler: 'VolumeGroupHandler' } as const;

const reading = (
  find: (draft: StorageDraft, call: ApiCall) => unknown,
  absentText: (machine: string, name: string) => string = noBlockDeviceText,
) =>
  withMachine((call, machine) => {
    const object = find(beginStorage(machine), call);
    const name = shownName(call.path.id);
    return object === undefined ? refuse('not-found', absentText(machine.hostname, name)) : json(object);
  });

const members = {
  block_devices: partWords('The ids or names of disks.'),
  partitions: partWords('The ids or names of partitions.'),
};
const spares = {
  spare_devices: partWords('The ids or names of disks that take the place of a failed one.'),
  spare_partitions: partWords('The ids or names of partitions that take the place of a failed one.'),
};
const changes = {
  add_block_devices: partWords('The ids or names of disks to add.'),
  add_partitions: partWords('The ids or names of partitions to add.'),
  remove_block_devices: partWords('The ids or names of disks to remove.'),
  remove_partitions: partWords('The ids or names of partitions to remove.'),
};
const spareChanges = {
  add_spare_devices: partWords('The ids or names of spare disks to add.'),
  add_spare_partitions: partWords('The ids or names of spare partitions to add.'),
  remove_spare_devices: partWords('The ids or names of spare disks to remove.'),
  remove_spare_partitions: partWords('The ids or names of spare partitions to remove.'),
};
const sameUuid = uuid.describe('Its UUID.');
/** LVM's identifiers have another form. */
const shownUuid = uuid.describe('Kept and shown for clients: on the disk, LVM draws its own.');

type MembersInput = Readonly<Record<string, unknown>>;
const textsIn = (input: MembersInput, name: string): readonly string[] => {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
};
const membersIn = (input: MembersInput, prefix = '') => ({
  disks: textsIn(input, `${prefix}block_devices`),
  partitions: textsIn(input, `${prefix}partitions`),
  spareDisks: textsIn(input, `${prefix}spare_devices`),
  sparePartitions: textsIn(input, `${prefix}spare_partitions`),
});

const changeIn = (
  input: MembersInput & { readonly name?: string | undefined; readonly uuid?: string | undefined },
) => ({
  name: input.name,
  uuid: input.uuid,
  add: membersIn(input, 'add_'),
  remove: membersIn(input, 'remove_'),
});

const newRaid = z.object({
  name: value(z.string().max(32)).optional().describe('Its name. Default: md0, md1, and so on.'),
  level: value(z.literal('raid-1', 'Give raid-1: no other level can be deployed.')).describe('The level: raid-1.'),
  uuid,
  ...members,
  ...spares,
});
const changedGroup = z.object({
  name: value(z.string().max(32)).optional().describe('Its name.'),
  uuid: shownUuid,
  ...changes,
});
const changedRaid = changedGroup.extend({ uuid: sameUuid, ...spareChanges });
const newGroup = z.object({
  name: value(z.string().max(32)).describe('Its name.'),
  uuid: shownUuid,
  ...members,
  block_devices: partWords('The ids or names of disks and RAIDs.'),
});
const newVolume = z.object({
  name: value(z.string().max(32)).describe('Its name, without that of the group.'),
  uuid: shownUuid,
  size: value(size).optional().describe('Its size in bytes, or with K, M, G or T. Default: all that is free.'),
});

type ObjectJson = Readonly<Record<string, unknown>>;
const raidsIn = (draft: StorageDraft): readonly ObjectJson[] => draft.layout.raids.map((raid) => raidJson(draft, raid));
const groupsIn = (draft: StorageDraft): readonly ObjectJson[] =>
  draft.layout.volumeGroups.map((volumeGroup) => volumeGroupJson(draft, volumeGroup));
const inPath = (all: (draft: StorageDraft) => readonly ObjectJson[]) => (draft: StorageDraft, call: ApiCall) =>
  all(draft).find(({ id }) => id === idIn(call.path.id));

const RAIDS: readonly Operation[] = resource({
  many: { versions, path: 'nodes/{system_id}/raids', handler: 'RaidsHandler' },
  one: { versions, path: 'nodes/{system_id}/raid/{id}', handler: 'RaidHandler' },
  answers: 'raid',
  list: ['List the RAIDs of a machine.', nothing, reading(raidsIn)],
  add: [
    'Make a RAID 1 of disks and partitions.',
    newRaid,
    async (call, input) => addRaid(call, { name: input.name, uuid: input.uuid, ...membersIn(input) }),
  ],
  read: ['Read one RAID.', nothing, reading(inPath(raidsIn))],
  change: [
    'Change a RAID. What is left out stays as it is.',
    changedRaid,
    async (call, input) => updateRaid(call, changeIn(input)),
  ],
  remove: ['Delete a RAID; its disks and partitions stay.', nothing, deleteRaid],
});

const GROUPS: readonly Operation[] = [
  ...resource({
    many: { versions, path: 'nodes/{system_id}/volume-groups', handler: 'VolumeGroupsHandler' },
    one: { versions, path: 'nodes/{system_id}/volume-group/{id}', handler: 'VolumeGroupHandler' },
    answers: 'volumeGroup',
    list: ['List the volume groups of a machine.', nothing, reading(groupsIn)],
    add: [
      'Make a volume group of disks, partitions and RAIDs.',
      newGroup,
      async (call, input) => addGroup(call, { name: input.name, uuid: input.uuid, ...membersIn(input) }),
    ],
    read: ['Read one volume group.', nothing, reading(inPath(groupsIn), noVolumeGroupText)],
    change: [
      'Change a volume group. What is left out stays as it is.',
      changedGroup,
      async (call, input) => updateGroup(call, changeIn(input)),
    ],
    remove: ['Delete a volume group without volumes; its disks and partitions stay.', nothing, deleteGroup],
  }),
  defineOperation({
    ...group,
    ...admin,
    method: 'POST',
    op: 'create_logical_volume',
    answers: 'blockDevice',
    doc: 'Make a volume in a volume group.',
    parameters: newVolume,
    run: async (call, input) =>
      addVolume(call, { name: input.name, uuid: input.uuid, bytes: parseSizeBytes(input.size) }),
  }),
  defineOperation({
    ...group,
    ...admin,
    method: 'POST',
    op: 'delete_logical_volume',
    answers: 'nothing',
    doc: 'Delete a volume of a volume group.',
    parameters: z.object({
      id: value(z.string().regex(/^\d{1,15}$/, NOT_A_NUMBER)).describe('The id of the volume.'),
    }),
    run: async (call, input) => deleteVolume(call, idIn(input.id)),
  }),
];

export const VOLUME_OPERATIONS: readonly Operation[] = [...RAIDS, ...GROUPS];
