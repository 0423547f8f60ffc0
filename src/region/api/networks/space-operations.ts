// Spaces: groups of VLANs whose machines may reach each other.
//
// Sources: MAAS API 2.0, `spaces/`, with the space `undefined` of VLANs that are in none (id -1).

import { z } from 'zod';
import { type NetworkView, specified } from '../../networks/network-view.ts';
import type { Space } from '../../records/network-store.ts';
import { type Answer, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, nothing, type Operation, resource } from '../call/operation.ts';
import { NO_SPACE, spaceJson } from '../json/subnet-json.ts';
import { absent, change, listed, look, nameField, networkNameTakenText, noteField } from './network-calls.ts';

const newSpace = z.object({
  name: nameField.optional().describe('Its name. Default: space-N.'),
  description: noteField.optional().describe('A note for people.'),
});
type Given = z.output<typeof newSpace>;

const findSpace = (view: NetworkView, { path }: ApiCall): Space | undefined =>
  specified(view.records.spaces, path.id ?? '');

/** True for the space `undefined`, which no row stores. */
const isUndefined = ({ path }: ApiCall): boolean => path.id === NO_SPACE || path.id === '-1';

const noSpace = (call: ApiCall): Refusal => absent('space', call.path.id);

/** The refusal of a change of a space that is not stored. */
const refuseAbsent = (call: ApiCall): Refusal =>
  isUndefined(call)
    ? refuse(
        'in-use',
        'The space undefined has the VLANs that are in no space, and cannot be changed or deleted: give its VLANs a space instead.',
      )
    : noSpace(call);

const show = (view: NetworkView, id: number) => {
  const space = view.records.spaces.find((one) => one.id === id);
  return space === undefined ? undefined : spaceJson(view, space);
};

async function list(call: ApiCall): Promise<Answer> {
  const view = await look(call);
  const shown: readonly (Space | undefined)[] = view.vlans.some(({ space }) => space === undefined)
    ? [undefined, ...view.records.spaces]
    : view.records.spaces;
  return listed(call, shown, (space) => spaceJson(view, space));
}

async function read(call: ApiCall): Promise<Answer> {
  const view = await look(call);
  const space = findSpace(view, call);
  if (space === undefined && !isUndefined(call)) return noSpace(call);
  return json(spaceJson(view, space));
}

function refuseName(view: NetworkView, name: string, otherThan: number): Refusal | undefined {
  if (name === NO_SPACE) return refuseField('name', 'The name undefined stands for no space: choose another.');
  const isTaken = view.records.spaces.some((one) => one.name === name && one.id !== otherThan);
  return isTaken ? refuseField('name', networkNameTakenText(name)) : undefined;
}

const add = (call: ApiCall, given: Given): Promise<Answer> =>
  change(
    call,
    (view, id) => {
      const name = given.name ?? `space-${id}`;
      const refused = refuseName(view, name, id);
      if (refused !== undefined) return refused;
      const put = { spaces: [{ id, name, description: given.description ?? '' }] };
      return { kind: 'change', change: 'added', what: 'space', name, id, put, nextId: id + 1 };
    },
    show,
  );

const amend = (call: ApiCall, given: Given): Promise<Answer> =>
  change(
    call,
    (view) => {
      const before = findSpace(view, call);
      if (before === undefined) return refuseAbsent(call);
      const { id } = before;
      const name = given.name ?? before.name;
      const refused = refuseName(view, name, id);
      if (refused !== undefined) return refused;
      const put = { spaces: [{ id, name, description: given.description ?? before.description }] };
      return { kind: 'change', change: 'changed', what: 'space', name, id, put };
    },
    show,
  );

const remove = (call: ApiCall): Promise<Answer> =>
  change(call, (view) => {
    const space = findSpace(view, call);
    if (space === undefined) return refuseAbsent(call);
    const { id, name } = space;
    if (view.vlans.some((one) => one.space?.id === id))
      return refuse('in-use', `The space ${name} has VLANs: move them to another space first.`);
    return { kind: 'change', change: 'removed', what: 'space', name, id, remove: { spaces: [id] } };
  });

const base = { versions: ['2.0'], ownTransaction: true } as const;
const spaces = { ...base, path: 'spaces', handler: 'SpacesHandler' } as const;
const space = { ...base, path: 'spaces/{id}', handler: 'SpaceHandler' } as const;

/** Operations on spaces. */
export const SPACE_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: spaces,
    one: space,
    answers: 'space',
    list: [
      'List the spaces, each with its VLANs and subnets. The space `undefined` has those that are in no space.',
      nothing,
      list,
    ],
    add: ['Create a space. Not idempotent without a name: each call makes another one.', newSpace, add],
    read: ['Read a space by its id or its name (name:dmz).', nothing, read],
    change: ['Change a space.', newSpace, amend],
    remove: ['Delete a space without VLANs.', nothing, remove],
  }),
];
