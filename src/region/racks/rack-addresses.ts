// The addresses of racks: those on the interfaces of accepted racks, and those that their hosts have.

import { formatIpv4, type Ipv4, isLoopback, parseIpv4 } from '../../ground/address.ts';
import { joinNames } from '../../ground/counted.ts';
import { INTERFACES_KEY, type Settings, type SettingValue } from '../../machines/settings.ts';
import type { Rack } from '../records/rack.ts';

export interface RackList {
  list(): readonly Rack[];
}

export function isRackAddress(racks: RackList, address: Ipv4): boolean {
  const text = formatIpv4(address);
  return racks.list().some(({ state, interfaces }) => state === 'accepted' && interfaces.some(({ ip }) => ip === text));
}

const addressesOn = (rack: Rack, nic: SettingValue | undefined): readonly string[] =>
  (rack.pulse?.addresses ?? []).flatMap((address) =>
    address.interface === nic ? [address.address.replace(/\/.*/, '')] : [],
  );

export const ADDRESSES_NAMED_MAX = 16;

/**
 * The problems of cluster interfaces that get an address which the rack's host does not have there;
 * empty: none, or the rack does not report its host. An interface without a reported address may
 * get one later.
 * @param before the cluster interfaces of the rack in the form of a configuration file. @param
 * after the same after the change
 */
export function findForeignAddresses(
  rack: Rack | undefined,
  before: readonly Settings[],
  after: readonly Settings[],
): readonly { readonly key: string; readonly message: string }[] {
  if (rack === undefined) return [];
  return after.flatMap(({ name, ip, interface: nic }) => {
    const former = before.find((entry) => entry.name === name);
    const isKept = former?.ip === ip && former?.interface === nic;
    const address = typeof ip === 'string' ? parseIpv4(ip) : undefined;
    if (isKept || address === undefined || isLoopback(address)) return [];
    const addresses = addressesOn(rack, nic);
    if (addresses.length === 0 || addresses.includes(formatIpv4(address))) return [];
    const params = { rack: rack.name, interface: String(nic), address: formatIpv4(address), addresses };
    const message = `${params.interface} of the rack ${params.rack} does not have ${params.address}, but ${joinNames(params.addresses, ADDRESSES_NAMED_MAX)}. Give an address that it has, or add ${params.address} to it first.`;
    return [{ key: `${INTERFACES_KEY}.${String(name)}.ip`, message }];
  });
}
