// The addresses that hosts have by the operator's word or by a lease, and that an ordinary user
// does not change: neither by a reservation nor by the link of a device, because the host may be
// anybody's.

import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4 } from '../../../ground/address.ts';
import { asSentence } from '../../../ground/counted.ts';
import { configuredBy, indexOwners } from '../../networks/address-owners.ts';
import type { MachineFilter } from '../../records/filters.ts';
import type { Machine } from '../../records/machine.ts';
import { leaseText } from '../../records/network-store.ts';
import { type RefusalWord, refusal } from '../../records/refusal.ts';
import type { ApiCall } from '../call/operation.ts';
import { isAdmin, readNetworks } from './network-calls.ts';

/**
 * How many hosts count as running, the ones heard last, and how long after they were heard, in
 * milliseconds.
 */
const HEARD_MAX = 16_384;
const HEARD_WITHIN_MS = 7 * 86_400_000;

export interface HostPlace {
  readonly mac: MacAddress;
  readonly address: Ipv4;
  readonly word: RefusalWord;
}

export async function findNode({ region }: ApiCall, filter: MachineFilter): Promise<Machine | undefined> {
  for (const isDevice of [false, true]) {
    const [found] = await region.store.listMachines({ ...filter, isDevice }, 0, 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

const hostLeasedText = (address: string, mac: string, until: string | undefined): string =>
  `The host ${mac} has ${address} by a lease${until === undefined ? '' : ` until ${until} UTC`}: only an administrator may give it another address.`;

/**
 * The addresses that hosts with these hardware addresses have, for a caller without an
 * administrator's rights; for others none.
 */
export async function hostPlaces(call: ApiCall, macs: readonly MacAddress[]): Promise<readonly HostPlace[]> {
  if (isAdmin(call) || macs.length === 0) return [];
  const { store, clock } = call.region;
  const owners = indexOwners(await readNetworks(call));
  const configured = macs.flatMap((mac) =>
    owners.ofHost(mac).flatMap((owner): readonly HostPlace[] => {
      const { kind, low: address } = owner;
      if (kind !== 'configured') return [];
      const text = asSentence(
        `${configuredBy(owner)} gives ${formatIpv4(address)} to the host ${formatMac(mac)}: only an administrator may give it another address.`,
      );
      return [{ mac, address, word: refusal('in-use', text) }];
    }),
  );
  const nowMs = clock.wallTimeMs();
  const heard = await store.listHeard(nowMs - HEARD_WITHIN_MS, HEARD_MAX);
  const leased = heard.flatMap(({ mac, event }): readonly HostPlace[] => {
    if (!macs.includes(mac) || event.code !== 'dhcp.ack') return [];
    const address = parseIpv4(event.params.address ?? '');
    const endsMs = event.atMs + (event.params.leaseSeconds ?? 0) * 1000;
    if (address === undefined || endsMs <= nowMs) return [];
    const host = { address: formatIpv4(address), ...leaseText({ mac, endsMs }) };
    return [{ mac, address, word: refusal('in-use', hostLeasedText(host.address, host.mac, host.until)) }];
  });
  // Once a device has the hardware address, what is heard of the host is the device's.
  const device = await findNode(call, { macs, isDevice: true });
  const seen = (device?.interfaces ?? []).flatMap(({ mac, address, isEnded }): readonly HostPlace[] => {
    if (address === undefined || isEnded === true || !macs.includes(mac)) return [];
    return [{ mac, address, word: refusal('in-use', hostLeasedText(formatIpv4(address), formatMac(mac), undefined)) }];
  });
  return [...configured, ...leased, ...seen];
}
