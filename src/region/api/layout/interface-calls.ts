// The parts that all changes of a machine's interfaces share: who may change them, the draft that a
// change edits, the answer.

import { isHostMac, type MacAddress } from '../../../ground/address.ts';
import {
  INTERFACE_NAME,
  INTERFACE_NAME_FORM,
  interfaceNameReservedText,
  interfaceNameTakenText,
  interfacesLimitText,
  RESERVED_NAMES,
} from '../../layout/interface-changes.ts';
import { buildNetInterfaces, findInterface, type NetInterface } from '../../layout/interfaces.ts';
import {
  beginDraft,
  type LayoutRefusal,
  layoutWith,
  type NetworkDraft,
  noSuchInterface,
} from '../../layout/network-draft.ts';
import { addressesAfter } from '../../life/link-addresses.ts';
import type { NetworkView } from '../../networks/network-view.ts';
import type { ReportedInterface } from '../../records/decisions.ts';
import type { ChangeKnowledge, ChangeQuestion } from '../../records/knowledge.ts';
import type { Machine } from '../../records/machine.ts';
import { LAID_INTERFACES_MAX } from '../../records/machine-layout.ts';
import type { Rack } from '../../records/rack.ts';
import { fieldRefusal, MACS, type RefusalWord } from '../../records/refusal.ts';
import { machineExistsText } from '../../records/report-refusal.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  json,
  NO_MACHINE,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import { type ApiCall, eventBy, getCallerUsername } from '../call/operation.ts';
import { interfaceJson } from '../json/node-interface-json.ts';
import { findNodeInPath, getSystemId } from '../machines/machine-calls.ts';
import { isAdmin, readNetworks } from '../networks/network-calls.ts';
import { changeLayout, type LayoutChange, shownName } from './layout-calls.ts';

/** A change of a draft: the draft, and the id of the interface to show; undefined: none is left to show. */
interface Edited {
  readonly draft: NetworkDraft;
  readonly shown: number | undefined;
  readonly interfaces?: Machine['interfaces'] | undefined;
}
export type Edit = (draft: NetworkDraft, knowledge: ChangeKnowledge) => Edited | LayoutRefusal | ChangeQuestion;

export const findRackInPath = (call: ApiCall): Rack | undefined => call.region.racks.findAccepted(getSystemId(call));

/**
 * The refusal to change a rack, or of a user without an administrator's rights, unless the path
 * names a device of theirs.
 */
export async function refuseOrdinary(call: ApiCall): Promise<Refusal | undefined> {
  const rack = findRackInPath(call);
  if (rack !== undefined)
    return refuse(
      'layout-refused',
      `${rack.name} is a rack: it reports the interfaces of its host, which are changed there.`,
    );
  if (isAdmin(call)) return undefined;
  const node = await findNodeInPath(call);
  if (node === undefined) return NO_MACHINE;
  const isOwn = node.device !== undefined && node.owner === getCallerUsername(call);
  return isOwn
    ? undefined
    : refuse(
        'not-owner',
        `Only administrators may change the interfaces of ${node.hostname}; the owner of a device may change those of the device.`,
      );
}

export async function changeNetwork(call: ApiCall, edit: Edit, part: 'network' | 'tags' = 'network'): Promise<Answer> {
  const barred = await refuseOrdinary(call);
  if (barred !== undefined) return barred;
  const networks = await readNetworks(call);
  let shownId: number | undefined;
  const decide = (machine: Machine, knowledge: ChangeKnowledge): LayoutChange | LayoutRefusal | ChangeQuestion => {
    const edited = edit(beginDraft(machine, networks), knowledge);
    if ('kind' in edited) return edited;
    shownId = edited.shown;
    const layout = layoutWith(edited.draft);
    const addresses = addressesAfter(machine, { ...machine, layout }, networks);
    return { kind: 'layout', layout, addresses, interfaces: edited.interfaces };
  };
  return await changeLayout(call, part, decide, (machine) => showInterface(machine, networks, shownId));
}

export function showInterface(machine: Machine, networks: NetworkView, id: number | undefined): Answer {
  const all = buildNetInterfaces(machine, networks);
  const netInterface = all.find((each) => each.id === id);
  return netInterface === undefined ? { kind: 'empty' } : json(interfaceJson(machine, netInterface, all));
}

export const changeOne = (
  call: ApiCall,
  edit: (draft: NetworkDraft, netInterface: NetInterface, knowledge: ChangeKnowledge) => ReturnType<Edit>,
  part?: 'tags',
) =>
  changeNetwork(
    call,
    (draft, knowledge) => {
      const named = call.path.id ?? '';
      const netInterface = findInterface(buildNetInterfaces(draft.machine, draft.networks), named);
      return netInterface === undefined
        ? noSuchInterface(draft, shownName(named))
        : edit(draft, netInterface, knowledge);
    },
    part,
  );

export const shows = (draft: NetworkDraft | LayoutRefusal, shownId: number | undefined): Edited | LayoutRefusal =>
  draft.kind === 'refuse' ? draft : { draft, shown: shownId };

export async function addPhysical(
  call: ApiCall,
  { hostname, systemId, interfaces }: Machine,
  mac: MacAddress,
  wanted?: string,
): Promise<Machine | Refusal> {
  const isTaken = (name: string): boolean => interfaces.some((nic) => nic.name === name);
  let number = interfaces.length;
  while (isTaken(`eth${number}`)) number += 1;
  const name = wanted ?? `eth${number}`;
  const checked = combineOrRefuse(
    isHostMac(mac) ? undefined : refuseField('mac_address', MACS),
    isTaken(name)
      ? refuseField('name', interfaceNameTakenText(name))
      : RESERVED_NAMES.has(name)
        ? refuseField('name', interfaceNameReservedText(name))
        : INTERFACE_NAME.test(name)
          ? undefined
          : refuseField('name', INTERFACE_NAME_FORM),
  );
  if (isRefusal(checked)) return checked;
  if (interfaces.length >= LAID_INTERFACES_MAX) {
    return refuse('layout-refused', interfacesLimitText(hostname, LAID_INTERFACES_MAX));
  }
  return await putInterfaces(call, systemId, [...interfaces, { mac, name, source: 'person' }], mac);
}

/**
 * Gives a node these interfaces.
 * @param added a hardware address that it did not have, which is refused if another node has it
 * @param isTrial true: only to know whether that is refused
 */
export async function putInterfaces(
  call: ApiCall,
  systemId: string,
  interfaces: readonly ReportedInterface[],
  added?: MacAddress,
  isTrial = false,
): Promise<Machine | Refusal> {
  const event = eventBy(call, 'NODE', { code: 'machine-edited', params: { fields: ['network'] } });
  const question = { macs: added === undefined ? [] : [added], values: [], atMs: event.atMs };
  const outcome = await call.region.store.enlist<RefusalWord>(question, ({ byMac: [other] }) => {
    if (other !== undefined) {
      const taken = { name: other.hostname, systemId: other.systemId };
      return { kind: 'refuse', refusal: fieldRefusal(machineExistsText(taken)) };
    }
    if (isTrial) return { kind: 'unchanged', systemId, events: [] };
    return { kind: 'amend', systemId, fields: {}, events: [event], interfaces };
  });
  if (outcome.kind === 'refuse') return refuseFields({ mac_address: [outcome.refusal] });
  if (!isTrial) await call.region.machinesChanged();
  return outcome.machine;
}
