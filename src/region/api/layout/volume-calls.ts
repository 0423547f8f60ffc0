// The changes of RAIDs and volume groups by the API.

import {
  changeGroup,
  changeRaid,
  makeGroup,
  makeRaid,
  makeVolume,
  removeGroup,
  removeRaid,
  removeVolume,
  type WholeChange,
} from '../../layout/volume-changes.ts';
import { type Answer, json } from '../call/answer.ts';
import { type ApiCall, idIn } from '../call/operation.ts';
import { raidJson, volumeGroupJson } from '../json/disk-json.ts';
import { changeDisks, nothingLeft, type Show, showDevice } from './storage-calls.ts';

const showRaid: Show = (draft, id) => {
  const found = draft.layout.raids.find((one) => one.id === id);
  return json(found === undefined ? null : raidJson(draft, found));
};

const showGroup: Show = (draft, id) => {
  const found = draft.layout.volumeGroups.find((one) => one.id === id);
  return json(found === undefined ? null : volumeGroupJson(draft, found));
};

export const addRaid = (call: ApiCall, wish: Parameters<typeof makeRaid>[1]): Promise<Answer> =>
  changeDisks(call, (draft) => makeRaid(draft, wish), showRaid);

export const updateRaid = (call: ApiCall, change: WholeChange): Promise<Answer> =>
  changeDisks(call, (draft) => changeRaid(draft, idIn(call.path.id), change), showRaid);

export const deleteRaid = (call: ApiCall): Promise<Answer> =>
  changeDisks(call, (draft) => removeRaid(draft, idIn(call.path.id)), nothingLeft);

export const addGroup = (call: ApiCall, wish: Parameters<typeof makeGroup>[1]): Promise<Answer> =>
  changeDisks(call, (draft) => makeGroup(draft, wish), showGroup);

export const updateGroup = (call: ApiCall, change: WholeChange): Promise<Answer> =>
  changeDisks(call, (draft) => changeGroup(draft, idIn(call.path.id), change), showGroup);

export const deleteGroup = (call: ApiCall): Promise<Answer> =>
  changeDisks(call, (draft) => removeGroup(draft, idIn(call.path.id)), nothingLeft);

export const addVolume = (call: ApiCall, wish: Parameters<typeof makeVolume>[2]): Promise<Answer> =>
  changeDisks(call, (draft) => makeVolume(draft, idIn(call.path.id), wish), showDevice);

/** Deletes a volume of the group in the path. */
export const deleteVolume = (call: ApiCall, id: number): Promise<Answer> =>
  changeDisks(call, (draft) => removeVolume(draft, id, idIn(call.path.id)), nothingLeft);
