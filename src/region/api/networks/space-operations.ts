// Spaces: groups of VLANs whose machines may reach each other.
//
// Sources: MAAS API 2.0, `spaces/`, with the space `undefined` of VLANs that are in none (id -1).

import { z } from 'zod';
import { type NetworkView, specified } from '../../networks/network-view.ts';
import type { WantedChange } from '../../networks/networks.ts';
import type { Space } from '../../records/network-store.ts';
import { type Answer, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, nothing, type Operation, resource } from '../call/operation.ts';
import { NO_SPACE, spaceJson } from '../json/subnet-json.ts';
import { absent, makeChange, nameField, networkNameTakenText, networkObjects, noteField } from './network-calls.ts';

const newSpace = z.object({
  name: nameField.optional().describe('Its name. Default: space-N.'),
  description: noteField.optional().describe('A note for people.'),
});
type Given = z.output<typeof newSpace>;

/** A space; `undefined`: the one of VLANs that are in none, which no row stores. */
interface Shown {
  readonly space: Space | undefined;
}

const isUndefined = ({ id }: ApiCall['path']): boolean => id === NO_SPACE || id === '-1';

const { list, read, store } = networkObjects<Shown>({
  all: (view) => [
    ...(view.vlans.some(({ space }) => space === undefined) ? [{ space: undefined }] : []),
    ...view.records.spaces.map((space) => ({ space })),
  ],
  idOf: ({ space }) => space?.id ?? -1,
  find: (view, path) => {
    const space = specified(view.records.spaces, path.id ?? '');
    return space === undefined && !isUndefined(path) ? undefined : { space };
  },
  notFound: ({ id }) => absent('space', id),
  render:
    () =>
    (view, { space }) =>
      spaceJson(view, space),
});

const changeStored = (call: ApiCall, decide: (view: NetworkView, space: Space) => WantedChange | Refusal) =>
  store(call, (view) => {
    const space = specified(view.records.spaces, call.path.id ?? '');
    if (space !== undefined) return decide(view, space);
    return isUndefined(call.path)
      ? refuse(
          'in-use',
          'The space undefined has the VLANs that are in no space, and cannot be changed or deleted: give its VLANs a space instead.',
        )
      : absent('space', call.path.id);
  });

function refuseSpaceName(view: NetworkView, name: string, otherThan: number): Refusal | undefined {
  if (name === NO_SPACE) return refuseField('name', 'The name undefined stands for no space: choose another.');
  const isTaken = view.records.spaces.some((space) => space.name === name && space.id !== otherThan);
  return isTaken ? refuseField('name', networkNameTakenText(name)) : undefined;
}

const addSpace = (call: ApiCall, { name: given, description = '' }: Given): Promise<Answer> =>
  store(call, (view) => {
    const id = view.nextId;
    const name = given ?? `space-${id}`;
    const put = { spaces: [{ id, name, description }] };
    return refuseSpaceName(view, name, id) ?? makeChange('added', 'space', name, id, { put });
  });

const amendSpace = (call: ApiCall, input: Given): Promise<Answer> =>
  changeStored(call, (view, before) => {
    const { id } = before;
    const { name = before.name, description = before.description } = input;
    const put = { spaces: [{ id, name, description }] };
    return refuseSpaceName(view, name, id) ?? makeChange('changed', 'space', name, id, { put });
  });

const removeSpace = (call: ApiCall): Promise<Answer> =>
  changeStored(call, (view, { id, name }) =>
    view.vlans.some(({ space }) => space?.id === id)
      ? refuse('in-use', `The space ${name} has VLANs: move them to another space first.`)
      : makeChange('removed', 'space', name, id, { remove: { spaces: [id] } }),
  );

const base = { versions: ['2.0'], ownTransaction: true } as const;
const spaces = { ...base, path: 'spaces', handler: 'SpacesHandler' } as const;
const space = { ...base, path: 'spaces/{id}', handler: 'SpaceHandler' } as const;

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
    add: ['Create a space. Not idempotent without a name: each call makes another one.', newSpace, addSpace],
    read: ['Read a space by its id or its name (name:dmz).', nothing, read],
    change: ['Change a space.', newSpace, amendSpace],
    remove: ['Delete a space without VLANs.', nothing, removeSpace],
  }),
];
