// The services of racks in a VLAN: DHCP, and the MTU that they hand out. Both are keys of their cluster interfaces.
//
// Sources: RFC 2132 §5.1 (option 26).
//
// 1. A cluster interface that a rack's file has is not changed here: the refusal names file and key.
// 2. The cluster interfaces of one rack are changed together, or none. They take effect at once, as any change of settings.

import type { SettingValue } from '../../machines/settings.ts';
import { dhcpRacks, type VlanView } from '../networks/network-view.ts';
import { type ServedNetwork, withOption } from '../networks/served-networks.ts';
import { MTU_DEFAULT } from '../records/network-store.ts';
import { type Refusal, refuse, refuseField } from './answer.ts';
import { refuseSetting } from './interface-operations.ts';
import { type ApiCall, usernameOf } from './operation.ts';

interface WantedService {
  readonly dhcp_on?: boolean | undefined;
  readonly primary_rack?: string | undefined;
  readonly secondary_rack?: string | undefined;
  readonly mtu?: number | undefined;
}

/** New values of fields of one cluster interface; `undefined` removes a field. */
export interface ServiceEdit {
  readonly served: ServedNetwork;
  readonly fields: Readonly<Record<string, SettingValue | undefined>>;
}

const MTU_OPTION = { code: 26, name: 'interface-mtu' } as const;

/** Changes cluster interfaces, rack by rack. @returns the refusal; then the cluster interfaces of that rack and of those after it are unchanged */
export async function editServed(call: ApiCall, edits: readonly ServiceEdit[]): Promise<Refusal | undefined> {
  const pinned = edits.find(({ served }) => served.pin !== undefined)?.served;
  if (pinned?.pin !== undefined) return refuse('setting-read-only.pinned', { key: pinned.key, pin: pinned.pin });
  for (const rack of new Set(edits.map(({ served }) => served.rack))) {
    const own = edits.filter(({ served }) => served.rack === rack);
    const keys = own.flatMap(({ served, fields }) =>
      Object.entries(fields).map(([field, value]) => ({ key: `${served.key}.${field}`, value })),
    );
    const refused = await call.region.networks.settings.change(rack, keys, usernameOf(call));
    if (refused !== undefined) return refuseSetting(refused);
  }
  return undefined;
}

/** Makes the racks do in a VLAN what is wanted. */
export async function changeService(call: ApiCall, vlan: VlanView, given: WantedService): Promise<Refusal | undefined> {
  const dhcp = dhcpEdits(vlan, given);
  if ('kind' in dhcp) return dhcp;
  const mtu = given.mtu === undefined ? [] : mtuEdits(vlan, given.mtu);
  return await editServed(call, [...dhcp, ...mtu]);
}

function dhcpEdits(vlan: VlanView, given: WantedService): readonly ServiceEdit[] | Refusal {
  const names = [given.primary_rack, given.secondary_rack].filter((name) => name !== undefined && name !== '');
  if (given.dhcp_on === undefined && names.length === 0) return [];
  const isOn = given.dhcp_on ?? dhcpRacks(vlan).length > 0;
  const racks = new Set<string>();
  for (const name of names) {
    const rack = vlan.served.find((one) => one.rack === name || one.rackName === name)?.rack;
    const field = name === given.primary_rack ? 'primary_rack' : 'secondary_rack';
    if (rack === undefined) return refuseField(field, 'field.vlan-rack', { rack: (name ?? '').slice(0, 64) });
    if (!isOn) return refuseField(field, 'field.vlan-dhcp-off');
    racks.add(rack);
  }
  if (racks.size < names.length || (given.secondary_rack && !given.primary_rack))
    return refuseField('secondary_rack', 'field.vlan-racks');
  if (isOn && vlan.served.length === 0) return refuseField('dhcp_on', 'field.vlan-unserved');
  const isWanted = ({ rack, management }: ServedNetwork): boolean => {
    if (!isOn) return false;
    return racks.size === 0 ? management > 0 || dhcpRacks(vlan).length === 0 : racks.has(rack);
  };
  return vlan.served.flatMap((served): readonly ServiceEdit[] => {
    const isServing = served.management > 0;
    return isWanted(served) === isServing ? [] : [{ served, fields: { management: isServing ? 0 : 2 } }];
  });
}

function mtuEdits({ served }: VlanView, mtu: number): readonly ServiceEdit[] {
  return served.flatMap((one): readonly ServiceEdit[] => {
    if ((one.mtu ?? MTU_DEFAULT) === mtu) return [];
    return [{ served: one, fields: { options: withOption(one, MTU_OPTION, mtu === MTU_DEFAULT ? undefined : mtu) } }];
  });
}
