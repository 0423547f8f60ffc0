// Which address of a static range a machine is given. Pure: what others have, it is told.
//
// 1. An address is given to one machine at a time; the rack's own, its router's and those of the dynamic range to none.
// 2. An address with which another machine was seen comes last: that machine may still use it.
// 3. The network is the one in which the machine was seen; one that was never seen gets an address only where there is one network.

import type { MachineAddress } from '../machines/machine.ts';
import {
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  ipv4,
  networkContains,
  parseIpv4,
  parseNetwork,
} from '../net/address.ts';
import type { CommandRefusal } from './commands.ts';
import type { JobNetwork } from './job.ts';
import type { Machine } from './machine.ts';
import type { Rack } from './rack.ts';
import type { RackInterface } from './rack-description.ts';
import type { ChangeKnowledge } from './store.ts';

/** Addresses of one range that are looked at; a longer range is used up to there. */
const RANGE_MAX = 65_536;

/** A network of an accepted rack. */
interface Served {
  readonly network: Ipv4Network;
  readonly low: Ipv4 | undefined;
  readonly high: Ipv4 | undefined;
  readonly dynamic: readonly [Ipv4, Ipv4] | undefined;
  readonly kept: ReadonlySet<Ipv4>;
}

export type AddressChoice =
  | { readonly kind: 'given'; readonly addresses: readonly MachineAddress[] }
  | { readonly kind: 'refuse'; readonly refusal: CommandRefusal };

/** The address for a machine. @param asked undefined: any of the static range, or none where there is no such range */
export function chooseAddresses(
  machine: Machine,
  racks: readonly Rack[],
  knowledge: ChangeKnowledge,
  asked: Ipv4 | undefined,
): AddressChoice {
  const networks = racks
    .filter((rack) => rack.state === 'accepted')
    .flatMap(({ interfaces }) => interfaces.flatMap(servedOf));
  if (asked !== undefined) return takeAsked(machine, networks, knowledge, asked);
  const found = networkOf(machine, networks);
  const [nic] = machine.interfaces;
  const mac = found?.mac ?? nic?.mac;
  if (found === undefined || mac === undefined) return { kind: 'given', addresses: [] };
  const { low, high } = found.served;
  if (low === undefined || high === undefined) return { kind: 'given', addresses: [] };
  const last = Math.min(high, low + RANGE_MAX - 1);
  const taken = knowledge.takenAddresses(low, ipv4(last));
  const own = machine.addresses.find((one) => one.mac === mac && one.address >= low && one.address <= last);
  if (own !== undefined) return { kind: 'given', addresses: [own] };
  const seen = knowledge.seenAddresses(low, ipv4(last));
  let second: Ipv4 | undefined;
  for (let value: number = low; value <= last; value += 1) {
    const address = ipv4(value);
    if (taken.has(address) || whyKept(found.served, address) !== undefined) continue;
    if (!seen.has(address)) return { kind: 'given', addresses: [{ mac, address }] };
    second ??= address;
  }
  if (second !== undefined) return { kind: 'given', addresses: [{ mac, address: second }] };
  const text = `all addresses from ${formatIpv4(low)} to ${formatIpv4(high)} are given: release a machine, or widen the static range`;
  return { kind: 'refuse', refusal: { reason: 'addresses-exhausted', text } };
}

function takeAsked(
  machine: Machine,
  networks: readonly Served[],
  knowledge: ChangeKnowledge,
  asked: Ipv4,
): AddressChoice {
  const refuse = (text: string): AddressChoice => ({ kind: 'refuse', refusal: { reason: 'address-refused', text } });
  const name = formatIpv4(asked);
  const served = networks.find(({ network }) => networkContains(network, asked));
  if (served === undefined)
    return refuse(`${name} lies in no network of a rack: ask for one of a network that is served`);
  const kept = whyKept(served, asked);
  if (kept !== undefined) return refuse(`${name} is ${kept}: ask for another one`);
  if (knowledge.takenAddresses(asked, asked).size > 0)
    return refuse(`${name} is another machine's: ask for another one`);
  const seen = machine.interfaces.find(
    ({ address }) => address !== undefined && networkContains(served.network, address),
  );
  const mac = (seen ?? machine.interfaces[0])?.mac;
  if (mac === undefined) return refuse(`${machine.hostname} has no network interface`);
  return { kind: 'given', addresses: [{ mac, address: asked }] };
}

/** Of the network of a fixed address; undefined: no accepted rack serves it. */
export function networkOfAddress(racks: readonly Rack[], address: Ipv4): JobNetwork | undefined {
  for (const rack of racks.filter(({ state }) => state === 'accepted')) {
    for (const nic of rack.interfaces) {
      const network = parseNetwork(nic.network);
      if (network === undefined || !networkContains(network, address)) continue;
      return { prefix: network.prefix, router: nic.router_ip, dns: nic.management === 2 ? nic.ip : '' };
    }
  }
  return undefined;
}

/** Why an address is for no machine; undefined: it may be given. */
function whyKept({ network, dynamic, kept }: Served, address: Ipv4): string | undefined {
  const size = 2 ** (32 - network.prefix);
  if (network.prefix < 31 && (address === network.address || address === network.address + size - 1))
    return 'the address of the network itself';
  if (kept.has(address)) return "the rack's or the router's";
  return dynamic !== undefined && address >= dynamic[0] && address <= dynamic[1] ? 'of the dynamic range' : undefined;
}

/** Where a machine was seen, its boot interface first; or the one network with a static range. */
function networkOf(machine: Machine, networks: readonly Served[]) {
  for (const { mac, address } of machine.interfaces) {
    const served =
      address === undefined ? undefined : networks.find(({ network }) => networkContains(network, address));
    if (served !== undefined) return { served, mac };
  }
  const [only, ...others] = networks.filter(({ low }) => low !== undefined);
  const isUnseen = machine.interfaces.every(({ address }) => address === undefined);
  return only === undefined || others.length > 0 || !isUnseen ? undefined : { served: only, mac: undefined };
}

function servedOf(nic: RackInterface): readonly Served[] {
  const network = parseNetwork(nic.network);
  if (network === undefined || nic.management === 0) return [];
  const [low, high] = [parseIpv4(nic.static_ip_range_low), parseIpv4(nic.static_ip_range_high)];
  const [first, last] = [parseIpv4(nic.ip_range_low), parseIpv4(nic.ip_range_high)];
  const kept = [parseIpv4(nic.ip), parseIpv4(nic.router_ip)].filter((one) => one !== undefined);
  const dynamic = first === undefined || last === undefined ? undefined : ([first, last] as const);
  return [{ network, low, high, dynamic, kept: new Set(kept) }];
}
