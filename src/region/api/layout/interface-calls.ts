// The parts that all changes of a machine's interfaces share: who may change them, the draft that a change edits, the answer.

import { findInterface, interfacesOf, type NetInterface } from '../../layout/interfaces.ts';
import {
  beginDraft,
  type LayoutRefusal,
  layoutWith,
  type NetworkDraft,
  noSuchInterface,
} from '../../layout/network-draft.ts';
import { addressesAfter } from '../../life/link-addresses.ts';
import type { NetworkView } from '../../networks/network-view.ts';
import type { ChangeKnowledge, ChangeQuestion } from '../../records/knowledge.ts';
import type { Machine } from '../../records/machine.ts';
import { type Answer, json, NO_MACHINE, type Refusal, refuse } from '../call/answer.ts';
import { type ApiCall, usernameOf } from '../call/operation.ts';
import { interfaceJson } from '../json/node-interface-json.ts';
import { nodeOf } from '../machines/machine-calls.ts';
import { isAdmin, look } from '../networks/network-calls.ts';
import { changeLayout, type LayoutChange, shownName } from './layout-calls.ts';

/** A change of a draft: the draft, and the id of the interface to show; undefined: none is left to show. */
type Edited = { readonly draft: NetworkDraft; readonly shown: number | undefined };
/** Edits a draft, or refuses. */
export type Edit = (draft: NetworkDraft, known: ChangeKnowledge) => Edited | LayoutRefusal | ChangeQuestion;

/** The refusal of a user without an administrator's rights, unless the path names a device of theirs. */
export async function refuseOrdinary(call: ApiCall): Promise<Refusal | undefined> {
  if (isAdmin(call)) return undefined;
  const node = await nodeOf(call);
  if (node === undefined) return NO_MACHINE;
  const isOwn = node.device !== undefined && node.owner === usernameOf(call);
  return isOwn ? undefined : refuse('not-owner.interfaces', { machine: node.hostname });
}

/** Changes the network of the machine in the path, and answers with the interface. */
export async function changeNetwork(call: ApiCall, edit: Edit, part: 'network' | 'tags' = 'network'): Promise<Answer> {
  const barred = await refuseOrdinary(call);
  if (barred !== undefined) return barred;
  const networks = await look(call);
  let shown: number | undefined;
  const decide = (machine: Machine, known: ChangeKnowledge): LayoutChange | LayoutRefusal | ChangeQuestion => {
    const edited = edit(beginDraft(machine, networks), known);
    if ('kind' in edited) return edited;
    shown = edited.shown;
    const layout = layoutWith(edited.draft);
    return { kind: 'layout', layout, addresses: addressesAfter(machine, { ...machine, layout }, networks) };
  };
  return await changeLayout(call, part, decide, (machine) => showInterface(machine, networks, shown));
}

/** Answers with an interface of the machine; empty if it has none with this id. */
export function showInterface(machine: Machine, networks: NetworkView, id: number | undefined): Answer {
  const all = interfacesOf(machine, networks);
  const one = all.find((each) => each.id === id);
  return one === undefined ? { kind: 'empty' } : json(interfaceJson(machine, one, all));
}

/** Changes the interface in the path. */
export const changeOne = (
  call: ApiCall,
  edit: (draft: NetworkDraft, one: NetInterface, known: ChangeKnowledge) => ReturnType<Edit>,
  part?: 'tags',
) =>
  changeNetwork(
    call,
    (draft, known) => {
      const named = call.path.id ?? '';
      const one = findInterface(interfacesOf(draft.machine, draft.networks), named);
      return one === undefined ? noSuchInterface(draft, shownName(named)) : edit(draft, one, known);
    },
    part,
  );

/** A changed draft with the interface to show, or the refusal. */
export const shows = (draft: NetworkDraft | LayoutRefusal, shown: number | undefined): Edited | LayoutRefusal =>
  draft.kind === 'refuse' ? draft : { draft, shown };
