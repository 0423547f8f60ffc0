// Another hardware address for an interface of a device, which has no report of its own, and the end of an interface.
//
// 1. An interface with another address keeps its id, its links and their addresses: the racks serve these to the new hardware address.
// 2. The addresses of a deleted interface are free. A machine may lose the last one, as in MAAS: its next report finds it by its serial number.

import type { MacAddress } from '../../../net/address.ts';
import { removeInterface } from '../../layout/interface-changes.ts';
import type { NetInterface } from '../../layout/interfaces.ts';
import { refuseReserved } from '../../life/link-addresses.ts';
import type { Machine } from '../../records/machine.ts';
import { fieldRefusal, type RefusalWord } from '../../records/refusal.ts';
import { machineExistsText } from '../../records/report-refusal.ts';
import { type Answer, refuseFields, refuseFor } from '../call/answer.ts';
import { type ApiCall, usernameOf } from '../call/operation.ts';
import { hostPlaces } from '../networks/host-places.ts';
import { isAdmin, look } from '../networks/network-calls.ts';
import { changeNetwork, changeOne, shows } from './interface-calls.ts';

/** Changes the hardware address. @param others changes the other fields of the interface first */
export async function changeMac(
  call: ApiCall,
  { systemId, interfaces, addresses }: Machine,
  { id, mac: formerMac, links }: NetInterface,
  mac: MacAddress,
  others: () => Promise<Answer>,
): Promise<Answer> {
  const { store, clock } = call.region;
  const atMs = clock.wallTimeMs();
  const params = { fields: ['network'] };
  const event = { type: 'NODE', code: 'machine-edited', params, atMs, username: usernameOf(call) } as const;
  const after = interfaces.map((nic) => (nic.id === id ? { mac, formerMac, name: nic.name, source: nic.source } : nic));
  const give = (isFinal: boolean) =>
    store.enlist<RefusalWord>({ macs: [mac], values: [], atMs }, ({ byMac: [other] }) => {
      if (other !== undefined) {
        const taken = { name: other.hostname, systemId: other.systemId };
        return { kind: 'refuse', refusal: fieldRefusal(machineExistsText(taken)) };
      }
      if (!isFinal) return { kind: 'unchanged', systemId, events: [] };
      return { kind: 'amend', systemId, fields: {}, events: [event], interfaces: after };
    });
  const judged = await give(false);
  if (judged.kind === 'refuse') return refuseFields({ mac_address: [judged.refusal] });
  const kept = isAdmin(call) ? undefined : refuseReserved(await look(call), mac, usernameOf(call));
  if (kept !== undefined) return refuseFor([kept]);
  const places = links.some(({ address }) => address !== undefined) ? await hostPlaces(call, [mac]) : [];
  const moved = places.find((one) => !addresses.some(({ address }) => address === one.address));
  if (moved !== undefined) return refuseFor([moved.word]);
  const changed = await others();
  if (changed.kind === 'refusal') return changed;
  await give(true);
  return await changeNetwork(call, (draft) => ({ draft, shown: id }));
}

/** Deletes the interface in the path, with its links; one of the hardware also there, in the same change. A machine reports it again. */
export const removeOne = (call: ApiCall): Promise<Answer> =>
  changeOne(call, (draft, { id, nic }) => {
    const edited = shows(removeInterface(draft, id), undefined);
    if ('kind' in edited || nic === undefined) return edited;
    return { ...edited, interfaces: draft.machine.interfaces.filter((one) => one.id !== id) };
  });
