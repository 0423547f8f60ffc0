// The changes of RAIDs and volume groups by the API.

import { type LayoutRefusal, refuseField } from '../../layout/network-draft.ts';
import type { StorageDraft } from '../../layout/storage-draft.ts';
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
import { type Answer, json } from '../call/answer.ts';
import { type ApiCall, idIn } from '../call/operation.ts';
import { partitionName, partitionNamed, partitionsJson, raidJson, volumeGroupJson } from '../json/disk-json.ts';
import { shownName } from './layout-calls.ts';
import { changeDisks, nothingLeft, type Show, showDevice } from './storage-calls.ts';

type MemberWords = Readonly<Record<Use, readonly string[]>>;
interface NamedWords {
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
}
interface ChangeWords extends NamedWords {
  readonly add: MemberWords;
  readonly remove: MemberWords;
}
/** A volume group may have RAIDs as members. */
type Whole = 'raid' | 'group';

const formatChoices = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`);

function membersNamed(draft: StorageDraft, whole: Whole, words: MemberWords, prefix = ''): Members | LayoutRefusal {
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

function changeNamed(draft: StorageDraft, whole: Whole, { name, uuid, ...words }: ChangeWords) {
  const add = membersNamed(draft, whole, words.add, 'add_');
  if ('kind' in add) return add;
  const remove = membersNamed(draft, whole, words.remove, 'remove_');
  return 'kind' in remove ? remove : ({ name, uuid, add, remove } satisfies WholeChange);
}

const showRaid: Show = (draft, id) => {
  const raid = draft.layout.raids.find((candidate) => candidate.id === id);
  return json(raid === undefined ? null : raidJson(draft, raid));
};

const showGroup: Show = (draft, id) => {
  const volumeGroup = draft.layout.volumeGroups.find((group) => group.id === id);
  return json(volumeGroup === undefined ? null : volumeGroupJson(draft, volumeGroup));
};

type MadeOf = NamedWords & MemberWords;

const adding =
  (whole: Whole, make: (draft: StorageDraft, wish: Members & NamedWords) => ReturnType<typeof makeRaid>, show: Show) =>
  (call: ApiCall, { name, uuid, ...words }: MadeOf): Promise<Answer> => {
    const edit = (draft: StorageDraft) => {
      const members = membersNamed(draft, whole, words);
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
  (call: ApiCall, words: ChangeWords): Promise<Answer> => {
    const edit = (draft: StorageDraft) => {
      const change = changeNamed(draft, whole, words);
      return 'kind' in change ? change : apply(draft, idIn(call.path.id), change);
    };
    return changeDisks(call, edit, show);
  };

export const addRaid = adding('raid', makeRaid, showRaid);
export const updateRaid = updating('raid', changeRaid, showRaid);

export const deleteRaid = (call: ApiCall): Promise<Answer> =>
  changeDisks(call, (draft) => removeRaid(draft, idIn(call.path.id)), nothingLeft);

export const addGroup = adding('group', makeGroup, showGroup);
export const updateGroup = updating('group', changeGroup, showGroup);

export const deleteGroup = (call: ApiCall): Promise<Answer> =>
  changeDisks(call, (draft) => removeGroup(draft, idIn(call.path.id)), nothingLeft);

export const addVolume = (call: ApiCall, wish: Parameters<typeof makeVolume>[2]): Promise<Answer> =>
  changeDisks(call, (draft) => makeVolume(draft, idIn(call.path.id), wish), showDevice);

/** Deletes a volume of the group in the path. */
export const deleteVolume = (call: ApiCall, id: number): Promise<Answer> =>
  changeDisks(call, (draft) => removeVolume(draft, id, idIn(call.path.id)), nothingLeft);
