// The services of racks in a VLAN: DHCP, and the MTU that they hand out. Both are keys of their cluster interfaces.
//
// Sources: RFC 2132 §5.1 (option 26).
//
// 1. A change of a VLAN and those of all cluster interfaces in it are stored together, or none (`networks/networks.ts`).

import { dhcpRacks, type VlanView } from '../../networks/network-view.ts';
import { type ServedNetwork, type ServiceEdit, withOption } from '../../networks/served-networks.ts';
import { MTU_DEFAULT } from '../../records/network-store.ts';
import { type Refusal, refuseField } from '../call/answer.ts';

interface WantedService {
  readonly dhcp_on?: boolean | undefined;
  readonly primary_rack?: string | undefined;
  readonly secondary_rack?: string | undefined;
  readonly mtu?: number | undefined;
}

const MTU_OPTION = { code: 26, name: 'interface-mtu' } as const;

/** The changes of cluster interfaces in a VLAN by which racks do what is wanted. */
export function serviceIn(vlan: VlanView, given: WantedService): readonly ServiceEdit[] | Refusal {
  const dhcp = dhcpEdits(vlan, given);
  if ('kind' in dhcp) return dhcp;
  return given.mtu === undefined ? dhcp : [...dhcp, ...mtuEdits(vlan, given.mtu)];
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
