// The parts that all changes of a machine's interfaces share: who may change them, the draft that a change edits, the answer.

import { isHostMac, parseMac } from '../../../net/address.ts';
import {
  INTERFACE_NAME,
  INTERFACE_NAME_FORM,
  interfaceNameReservedText,
  interfaceNameTakenText,
  interfacesLimitText,
  RESERVED_NAMES,
} from '../../layout/interface-changes.ts';
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
import { LAID_INTERFACES_MAX } from '../../records/machine-layout.ts';
import type { Rack } from '../../records/rack.ts';
import { fieldRefusal, MACS, type RefusalWord } from '../../records/refusal.ts';
import { machineExistsText } from '../../records/report-refusal.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  json,
  NO_MACHINE,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import { type ApiCall, usernameOf } from '../call/operation.ts';
import { interfaceJson } from '../json/node-interface-json.ts';
import { nodeOf, systemIdOf } from '../machines/machine-calls.ts';
import { isAdmin, look } from '../networks/network-calls.ts';
import { changeLayout, type LayoutChange, shownName } from './layout-calls.ts';

/** A change of a draft: the draft, and the id of the interface to show; undefined: none is left to show. */
interface Edited {
  readonly draft: NetworkDraft;
  readonly shown: number | undefined;
  /** The hardware that the node has then; undefined: it stays. */
  readonly interfaces?: Machine['interfaces'] | undefined;
}
/** Edits a draft, or refuses. */
export type Edit = (draft: NetworkDraft, known: ChangeKnowledge) => Edited | LayoutRefusal | ChangeQuestion;

/** The accepted rack in the path; `undefined`: it names none. */
export const rackOf = (call: ApiCall): Rack | undefined => call.region.racks.findAccepted(systemIdOf(call));

/** The refusal to change a rack, or of a user without an administrator's rights, unless the path names a device of theirs. */
export async function refuseOrdinary(call: ApiCall): Promise<Refusal | undefined> {
  const rack = rackOf(call);
  if (rack !== undefined)
    return refuse(
      'layout-refused',
      `${rack.name} is a rack: it reports the interfaces of its host, which are changed there.`,
    );
  if (isAdmin(call)) return undefined;
  const node = await nodeOf(call);
  if (node === undefined) return NO_MACHINE;
  const isOwn = node.device !== undefined && node.owner === usernameOf(call);
  return isOwn
    ? undefined
    : refuse(
        'not-owner',
        `Only administrators may change the interfaces of ${node.hostname}; the owner of a device may change those of the device.`,
      );
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
    const addresses = addressesAfter(machine, { ...machine, layout }, networks);
    return { kind: 'layout', layout, addresses, interfaces: edited.interfaces };
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

/** Adds an interface to a machine or a device. @returns the machine with it */
export async function addPhysical(
  call: ApiCall,
  { hostname, systemId, interfaces }: Machine,
  text: string,
  wanted?: string,
): Promise<Machine | Refusal> {
  const isTaken = (name: string): boolean => interfaces.some((nic) => nic.name === name);
  let number = interfaces.length;
  while (isTaken(`eth${number}`)) number += 1;
  const name = wanted ?? `eth${number}`;
  const parsed = parseMac(text);
  const found = allOf(
    parsed === undefined || !isHostMac(parsed) ? refuseField('mac_address', MACS) : parsed,
    isTaken(name)
      ? refuseField('name', interfaceNameTakenText(name))
      : RESERVED_NAMES.has(name)
        ? refuseField('name', interfaceNameReservedText(name))
        : INTERFACE_NAME.test(name)
          ? undefined
          : refuseField('name', INTERFACE_NAME_FORM),
  );
  if (isRefusal(found)) return found;
  const [mac] = found;
  const { store, clock } = call.region;
  const atMs = clock.wallTimeMs();
  const params = { fields: ['network'] };
  const event = { type: 'NODE', code: 'machine-edited', params, atMs, username: usernameOf(call) } as const;
  if (interfaces.length >= LAID_INTERFACES_MAX) {
    return refuse('layout-refused', interfacesLimitText(hostname, LAID_INTERFACES_MAX));
  }
  const outcome = await store.enlist<RefusalWord>({ macs: [mac], values: [], atMs }, ({ byMac: [other] }) => {
    if (other !== undefined) {
      const taken = { name: other.hostname, systemId: other.systemId };
      return { kind: 'refuse', refusal: fieldRefusal(machineExistsText(taken)) };
    }
    const added = { mac, name, source: 'person' } as const;
    return { kind: 'amend', systemId, fields: {}, events: [event], interfaces: [...interfaces, added] };
  });
  if (outcome.kind === 'refuse') return refuseFields({ mac_address: [outcome.refusal] });
  await call.region.machinesChanged();
  return outcome.machine;
}
