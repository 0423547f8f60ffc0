// Another hardware address for an interface of a device, which has no report of its own, and the
// end of an interface.
//
// 1. An interface with another address keeps its id, its links and their addresses: the racks serve
//    these to the new hardware address.
// 2. The addresses of a deleted interface are free. A machine may lose the last one, as in MAAS:
//    its next report finds it by its serial number.

import type { MacAddress } from '../../../ground/address.ts';
import { removeInterface } from '../../layout/interface-changes.ts';
import type { NetInterface } from '../../layout/interfaces.ts';
import { refuseReserved } from '../../life/link-addresses.ts';
import type { Machine } from '../../records/machine.ts';
import { type Answer, isRefusal, refuseFor } from '../call/answer.ts';
import { type ApiCall, getCallerUsername } from '../call/operation.ts';
import { hostPlaces } from '../networks/host-places.ts';
import { isAdmin, readNetworks } from '../networks/network-calls.ts';
import { changeNetwork, changeOne, putInterfaces, shows } from './interface-calls.ts';

export async function changeMac(
  call: ApiCall,
  { systemId, interfaces, addresses }: Machine,
  { id, mac: formerMac, links }: NetInterface,
  mac: MacAddress,
  others: () => Promise<Answer>,
): Promise<Answer> {
  const after = interfaces.map((nic) => (nic.id === id ? { mac, formerMac, name: nic.name, source: nic.source } : nic));
  const judged = await putInterfaces(call, systemId, after, mac, true);
  if (isRefusal(judged)) return judged;
  const reservedFault = isAdmin(call)
    ? undefined
    : refuseReserved(await readNetworks(call), mac, getCallerUsername(call));
  if (reservedFault !== undefined) return refuseFor([reservedFault]);
  const places = links.some(({ address }) => address !== undefined) ? await hostPlaces(call, [mac]) : [];
  const moved = places.find((place) => !addresses.some(({ address }) => address === place.address));
  if (moved !== undefined) return refuseFor([moved.word]);
  const changed = await others();
  if (changed.kind === 'refusal') return changed;
  const machine = await putInterfaces(call, systemId, after, mac);
  return isRefusal(machine) ? machine : await changeNetwork(call, (draft) => ({ draft, shown: id }));
}

/**
 * Deletes the interface in the path, with its links; one of the hardware also there, in the same
 * change. A machine reports it again.
 */
export const removeOne = (call: ApiCall): Promise<Answer> =>
  changeOne(call, (draft, { id, nic }) => {
    const edited = shows(removeInterface(draft, id), undefined);
    if ('kind' in edited || nic === undefined) return edited;
    return { ...edited, interfaces: draft.machine.interfaces.filter((nic) => nic.id !== id) };
  });
