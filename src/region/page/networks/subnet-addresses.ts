// Who has which address of a subnet: machines and devices, reservations, leases, and hosts that
// racks heard. Each address is one entry.
//
//   store ─┬─ usedBetween ─────► addresses of machines and devices: given, or seen on them
//          ├─ listLeases ──────► what other hosts leased last, by the reports of racks
//          ├─ leasedBetween ───► of these, the ones outside the dynamic ranges, which the store keeps apart
//          └─ listHeard ───────► hosts on the wire
//   reports in memory ─────────► addresses that racks have set aside (`racks/set-aside-addresses.ts`)
//   settings, objects ─────────► reservations
//
// 1. At most ADDRESSES_MAX of each list are read; a fixed number of statements reads them.
// 2. A reservation is an address of a user (`ipaddresses`), or an entry of `hosts` of a cluster
//    interface, which may be in its dynamic range.

import {
  formatIpv4,
  formatMac,
  type Ipv4,
  type Ipv4Network,
  type MacAddress,
  networkContains,
  parseIpv4,
  rangeContains,
} from '../../../ground/address.ts';
import { heard, readField } from '../../api/networks/discovery-operations.ts';
import { type RunningLease, runningLeases } from '../../api/networks/running-leases.ts';
import { indexOwners, type Owner, serviceName } from '../../networks/address-owners.ts';
import { hostRange } from '../../networks/address-use.ts';
import type { NetworkView, SubnetView } from '../../networks/network-view.ts';
import { propose } from '../../networks/range-proposal.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import type { Region } from '../../region.ts';
import type { AddressUse } from './address-map.ts';

export const ADDRESSES_MAX = 16_384;

export type EntryKind = 'assigned' | 'held' | 'declined' | 'leased' | 'heard';

export interface AddressEntry {
  readonly address: Ipv4;
  readonly kind: EntryKind;
  /** Of the machine, the reservation or the host itself; empty: unknown. */
  readonly name: string;
  readonly mac: MacAddress | undefined;
  /** Of a machine or a device. */
  readonly systemId: string | undefined;
  /** The user who owns the machine or reserved the address; empty: none. */
  readonly username: string;
  /** The cluster interface whose `hosts` reserves it. */
  readonly held: ServedNetwork | undefined;
  /**
   * The end of the running lease, or of the time for which the address is set aside; wall time in
   * milliseconds.
   */
  readonly untilMs: number | undefined;
  /** When it was heard, wall time in milliseconds. */
  readonly heardMs: number | undefined;
}

const NOBODY = {
  name: '',
  mac: undefined,
  systemId: undefined,
  username: '',
  held: undefined,
  untilMs: undefined,
  heardMs: undefined,
};

/** The entries of `hosts` of the cluster interfaces that serve a subnet, and its own for those to come. */
const configuredIn = (view: NetworkView, { network, served }: SubnetView): readonly AddressEntry[] =>
  indexOwners(view)
    .within(hostRange(network))
    .flatMap(({ kind, low, name, mac, service }): readonly AddressEntry[] => {
      const held = served.find((network) => serviceName(network) === service);
      return kind !== 'configured' || (held === undefined && service !== undefined)
        ? []
        : [{ ...NOBODY, address: low, kind: 'held', name, mac, held }];
    });

/** By address. */
export async function readEntries(
  region: Region,
  view: NetworkView,
  subnetView: SubnetView,
): Promise<readonly AddressEntry[]> {
  const { subnet, network, served } = subnetView;
  const { networks } = region.store;
  const { low, high } = hostRange(network);
  const used = await networks.usedBetween(low, high, ADDRESSES_MAX);
  const running = (await runningLeases(region)).filter(({ address }) => networkContains(network, address));
  const leases = await networks.leasedBetween(low, high, region.clock.wallTimeMs());
  const leased: readonly Omit<RunningLease, 'hostname'>[] = [...running, ...leases.slice(0, ADDRESSES_MAX)];
  const hosts = (await heard({ region })).flatMap((host): readonly AddressEntry[] => {
    const address = parseIpv4(readField(host, 'address'));
    if (address === undefined || !networkContains(network, address)) return [];
    const { mac, event } = host;
    return [{ ...NOBODY, address, kind: 'heard', name: readField(host, 'hostname'), mac, heardMs: event.atMs }];
  });
  const setAside = region.setAside
    .list(region.clock.wallTimeMs())
    .filter(
      ({ address, rack }) => networkContains(network, address) && served.some((network) => network.rack === rack),
    );
  const isDynamic = (address: Ipv4): boolean =>
    served.some(
      ({ dynamic, management }) => management > 0 && dynamic !== undefined && rangeContains(dynamic, address),
    );
  const names = new Map([
    ...running.map(({ mac, hostname }) => [mac, hostname] as const),
    ...hosts.map(({ mac, name }) => [mac, name] as const),
    ...used.map(({ mac, hostname }) => [mac, hostname] as const),
  ]);
  const owners = new Map(used.map(({ mac, systemId, owner }) => [mac, { systemId, username: owner }] as const));
  const machines = used.map(
    ({
      address,
      mac,
      kind,
      systemId,
      hostname,
      owner,
      isEnded,
      atMs,
    }): AddressEntry & { readonly isGone: boolean } => ({
      ...NOBODY,
      address,
      kind: kind === 'allocated' ? 'assigned' : isDynamic(address) ? 'leased' : 'heard',
      name: hostname,
      mac,
      systemId,
      username: owner,
      heardMs: kind === 'allocated' ? undefined : atMs,
      isGone: kind === 'seen' && isEnded,
    }),
  );
  const all: readonly AddressEntry[] = [
    ...machines.filter(({ kind }) => kind === 'assigned'),
    ...view.records.reserved
      .filter(({ subnetId }) => subnetId === subnet.id)
      .map(
        ({ address, mac, hostname = '', username }): AddressEntry => ({
          ...NOBODY,
          address,
          kind: 'held',
          name: hostname,
          mac,
          username,
        }),
      ),
    ...configuredIn(view, subnetView),
    ...setAside.map(({ address, untilMs }): AddressEntry => ({ ...NOBODY, address, kind: 'declined', untilMs })),
    ...leased.map(
      ({ address, mac, endsMs }): AddressEntry => ({
        ...NOBODY,
        ...owners.get(mac),
        address,
        kind: 'leased',
        name: names.get(mac) ?? '',
        mac,
        untilMs: endsMs,
      }),
    ),
    ...machines.filter(({ kind, isGone }) => kind !== 'assigned' && !isGone),
    ...hosts,
  ];
  const byAddress = new Map<Ipv4, AddressEntry>();
  for (const entry of all) {
    const before = byAddress.get(entry.address);
    const isSame = before?.mac === undefined || before.mac === entry.mac;
    if (before === undefined) byAddress.set(entry.address, entry);
    else if (isSame)
      byAddress.set(entry.address, {
        ...before,
        name: before.name === '' ? entry.name : before.name,
        mac: before.mac ?? entry.mac,
        untilMs: before.untilMs ?? entry.untilMs,
      });
  }
  return [...byAddress.values()].sort((a, b) => a.address - b.address);
}

const USE_OF: Readonly<Partial<Record<Owner['kind'], AddressUse['kind']>>> = {
  rack: 'rack',
  'rack-host': 'rack',
  router: 'router',
};

const buildAddressUse = (address: Ipv4, kind: AddressUse['kind'], owner: string): AddressUse => ({
  low: address,
  high: address,
  kind,
  owner,
});

/** The racks and routers of a network, which need not be a subnet yet. */
export const hostUses = (view: NetworkView, network: Ipv4Network): readonly AddressUse[] =>
  indexOwners(view)
    .within(hostRange(network))
    .flatMap(({ kind, low, name }) => {
      const use = USE_OF[kind];
      return use === undefined ? [] : [buildAddressUse(low, use, name)];
    });

/** What the picture of the subnet shows. */
export function listAddressUses(
  view: NetworkView,
  { subnet, network, routes }: SubnetView,
  entries: readonly AddressEntry[],
): readonly AddressUse[] {
  return [
    ...view.ranges
      .filter(({ range }) => range.subnetId === subnet.id)
      .map(
        ({ type, low, high, range }): AddressUse => ({ low, high, kind: type, owner: range.comment || range.username }),
      ),
    ...entries.map(({ address, kind, name, mac }) =>
      buildAddressUse(address, kind, name || (mac === undefined ? '' : formatMac(mac))),
    ),
    ...routes.map((route) => buildAddressUse(route.gateway, 'router', formatIpv4(route.destination.address))),
    ...hostUses(view, network),
  ];
}

/** Ranges in the free runs. */
export const proposeRanges = (runs: readonly AddressUse[]): ReturnType<typeof propose> =>
  propose(runs.filter(({ kind }) => kind === 'free'));
