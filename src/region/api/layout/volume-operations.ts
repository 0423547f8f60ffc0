// The RAIDs and volume groups of a machine.
//
// Source: MAAS's `nodes/{system_id}/raids/`, `raid/{id}/`, `volume-groups/` and `volume-group/{id}/`.

import { z } from 'zod';
import { type LayoutRefusal, refuseField } from '../../layout/network-draft.ts';
import { beginStorage, noBlockDeviceText, noVolumeGroupText, type StorageDraft } from '../../layout/storage-draft.ts';
import {
  changeGroup,
  changeRaid,
  FIELDS,
  isDiskUse,
  type Members,
  makeGroup,
  makeRaid,
  makeVolume,
  removeGroup,
  removeRaid,
  removeVolume,
  USES,
  type Use,
  type WholeChange,
} from '../../layout/volume-changes.ts';
import { type Answer, json, refuse } from '../call/answer.ts';
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
import { partitionName, partitionNamed, partitionsJson, raidJson, volumeGroupJson } from '../json/disk-json.ts';
import { withMachine } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';
import { changeDisks, nothingLeft, type Show, showDevice } from './storage-calls.ts';
import { parseSizeBytes, partWords, size, uuid } from './storage-parameters.ts';

/** A volume group may have RAIDs as members. */
type Whole = 'raid' | 'group';
/** Members by their ids or names. */
type MembersInput = Readonly<Record<string, unknown>>;
type NamedInput = MembersInput & { readonly name?: string | undefined; readonly uuid?: string | undefined };

const textsIn = (input: MembersInput, name: string): readonly string[] => {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
};
const membersIn = (input: MembersInput, prefix: string) => ({
  disks: textsIn(input, `${prefix}block_devices`),
  partitions: textsIn(input, `${prefix}partitions`),
  spareDisks: textsIn(input, `${prefix}spare_devices`),
  sparePartitions: textsIn(input, `${prefix}spare_partitions`),
});

const formatChoices = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`);

function membersNamed(draft: StorageDraft, whole: Whole, input: MembersInput, prefix = ''): Members | LayoutRefusal {
  const words = membersIn(input, prefix);
  const partitions = draft.disks.flatMap((disk) => partitionsJson(draft, disk));
  const devices = [
    ...draft.disks.map(({ id, facts }) => ({ id, name: facts.name })),
    ...(whole === 'group' ? draft.layout.raids : []),
  ];
  const find = (use: Use, word: string): number => {
    if (idIn(word) !== 0) return idIn(word);
    if (isDiskUse(use)) return devices.find(({ name }) => name === word)?.id ?? 0;
    return Number(partitionNamed(partitions, word)?.id ?? 0);
  };
  for (const use of USES) {
    const word = words[use].find((candidate) => find(use, candidate) === 0);
    if (word === undefined) continue;
    const name = shownName(word);
    return refuseField(
      `${prefix}${FIELDS[use]}`,
      isDiskUse(use)
        ? `The machine has no such block device as ${name}: give the id or name of one${formatChoices(devices.map((device) => device.name))}.`
        : `The machine has no partition ${name}: give the id or name of one${formatChoices(partitions.map(({ path }) => partitionName(path)))}.`,
    );
  }
  const of = (use: Use): readonly number[] => words[use].map((word) => find(use, word));
  return {
    disks: of('disks'),
    partitions: of('partitions'),
    spareDisks: of('spareDisks'),
    sparePartitions: of('sparePartitions'),
  };
}

const showRaid: Show = (draft, id) => {
  const raid = draft.layout.raids.find((candidate) => candidate.id === id);
  return json(raid === undefined ? null : raidJson(draft, raid));
};

const showGroup: Show = (draft, id) => {
  const volumeGroup = draft.layout.volumeGroups.find((group) => group.id === id);
  return json(volumeGroup === undefined ? null : volumeGroupJson(draft, volumeGroup));
};

const adding =
  (
    whole: Whole,
    make: (draft: StorageDraft, wish: Members & Pick<NamedInput, 'name' | 'uuid'>) => ReturnType<typeof makeRaid>,
    show: Show,
  ) =>
  (call: ApiCall, input: NamedInput): Promise<Answer> => {
    const { name, uuid } = input;
    const edit = (draft: StorageDraft) => {
      const members = membersNamed(draft, whole, input);
      return 'kind' in members ? members : make(draft, { name, uuid, ...members });
    };
    return changeDisks(call, edit, show);
  };

const updating =
  (
    whole: Whole,
    apply: (draft: StorageDraft, id: number, change: WholeChange) => ReturnType<typeof changeRaid>,
    show: Show,
  ) =>
  (call: ApiCall, input: NamedInput): Promise<Answer> => {
    const { name, uuid } = input;
    const edit = (draft: StorageDraft) => {
      const add = membersNamed(draft, whole, input, 'add_');
      if ('kind' in add) return add;
      const remove = membersNamed(draft, whole, input, 'remove_');
      return 'kind' in remove ? remove : apply(draft, idIn(call.path.id), { name, uuid, add, remove });
    };
    return changeDisks(call, edit, show);
  };

const deleting =
  (remove: typeof removeRaid) =>
  (call: ApiCall): Promise<Answer> =>
    changeDisks(call, (draft) => remove(draft, idIn(call.path.id)), nothingLeft);

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
  add: ['Make a RAID 1 of disks and partitions.', newRaid, adding('raid', makeRaid, showRaid)],
  read: ['Read one RAID.', nothing, reading(inPath(raidsIn))],
  change: ['Change a RAID. What is left out stays as it is.', changedRaid, updating('raid', changeRaid, showRaid)],
  remove: ['Delete a RAID; its disks and partitions stay.', nothing, deleting(removeRaid)],
});

const GROUPS: readonly Operation[] = [
  ...resource({
    many: { versions, path: 'nodes/{system_id}/volume-groups', handler: 'VolumeGroupsHandler' },
    one: { versions, path: 'nodes/{system_id}/volume-group/{id}', handler: 'VolumeGroupHandler' },
    answers: 'volumeGroup',
    list: ['List the volume groups of a machine.', nothing, reading(groupsIn)],
    add: ['Make a volume group of disks, partitions and RAIDs.', newGroup, adding('group', makeGroup, showGroup)],
    read: ['Read one volume group.', nothing, reading(inPath(groupsIn), noVolumeGroupText)],
    change: [
      'Change a volume group. What is left out stays as it is.',
      changedGroup,
      updating('group', changeGroup, showGroup),
    ],
    remove: ['Delete a volume group without volumes; its disks and partitions stay.', nothing, deleting(removeGroup)],
  }),
  defineOperation({
    ...group,
    ...admin,
    method: 'POST',
    op: 'create_logical_volume',
    answers: 'blockDevice',
    doc: 'Make a volume in a volume group.',
    parameters: newVolume,
    run: (call, { name, uuid, size }) => {
      const wish = { name, uuid, bytes: parseSizeBytes(size) };
      return changeDisks(call, (draft) => makeVolume(draft, idIn(call.path.id), wish), showDevice);
    },
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
    run: (call, { id }) => changeDisks(call, (draft) => removeVolume(draft, idIn(id), idIn(call.path.id)), nothingLeft),
  }),
];

export const VOLUME_OPERATIONS: readonly Operation[] = [...RAIDS, ...GROUPS];
