// The networks that racks serve, read from their cluster interfaces, which decide everything that a rack does in a network.
//
// 1. A cluster interface is either written in its rack's configuration file or stored by the region. Only a stored one can be changed here;
//    for the other, `pin` names the file and the key.
// 2. A network of a remote rack counts only if the region believes that the rack serves it. One that the region stores for the rack counts
//    from then on, before the rack reports it, unless a person would have to agree to it.

import { INTERFACES_KEY, isSettings, type Settings, type SettingValue } from '../../machines/settings.ts';
import {
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  networkContains,
  networkOf,
  parseIpv4,
  parseNetwork,
  prefixOf,
} from '../../net/address.ts';
import { believedInterfaces, findNetworkDoubt } from '../racks/rack-networks.ts';
import type { Rack } from '../records/rack.ts';
import type { Pin, SettingsRefusal } from '../records/settings-refusal.ts';

export interface InterfaceSettings {
  /** A rack's cluster interfaces, in the form of a configuration file. */
  interfacesOf(rack: string): readonly Settings[];
  /** The file in which a key is written; `undefined`: it can be changed here. */
  pinnedBy(key: string, rack: string): Pin | undefined;
}

export interface NetworkSettings extends InterfaceSettings {
  load(): Promise<void>;
  /** Those that the store has in the caller's transaction. */
  read(): Promise<InterfaceSettings>;
  valueOf(key: string): SettingValue | undefined;
  change(
    rack: string,
    edits: readonly { readonly key: string; readonly value: SettingValue | undefined }[],
    username: string,
  ): Promise<SettingsRefusal | undefined>;
}

export interface ServedNetwork {
  readonly rack: string;
  readonly rackName: string;
  readonly name: string;
  readonly network: Ipv4Network;
  /** `10.20.0.0/24`. */
  readonly cidr: string;
  readonly management: 0 | 1 | 2;
  /** The rack's own address there; `undefined`: it is behind relay agents. */
  readonly address: Ipv4 | undefined;
  readonly router: Ipv4 | undefined;
  readonly dnsServers: readonly string[];
  readonly dynamic: Ipv4Range | undefined;
  readonly fixed: Ipv4Range | undefined;
  /** The MTU that it hands out; `undefined`: none, which means 1500. */
  readonly mtu: number | undefined;
  readonly options: readonly SettingValue[];
  /** The first other DHCP server that the rack saw there; `undefined`: none. */
  readonly foreignServer: string | undefined;
  /** The key of the cluster interface, and the file in which it is written; without `pin` the region stores it. */
  readonly key: string;
  readonly pin: Pin | undefined;
}

/** New values of fields of one cluster interface; `undefined` removes a field. */
export interface ServiceEdit {
  readonly served: Pick<ServedNetwork, 'rack' | 'key' | 'pin'>;
  readonly fields: Readonly<Record<string, SettingValue | undefined>>;
  /** The whole cluster interface is added with these fields, or removed; `undefined`: its other fields stay. */
  readonly whole?: 'added' | 'removed' | undefined;
}

export function settingsOf({ served: { key }, fields, whole }: ServiceEdit) {
  if (whole === undefined) return Object.entries(fields).map(([field, value]) => ({ key: `${key}.${field}`, value }));
  const given = Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [[field, value]]));
  return [{ key, value: whole === 'added' ? Object.fromEntries(given) : undefined }];
}

/** The networks of the rack of this process, and of all accepted racks. @param ownRack `undefined`: this process has none */
export function readServed(
  racks: readonly Rack[],
  ownRack: { readonly uuid: string; readonly name: string } | undefined,
  settings: InterfaceSettings,
): readonly ServedNetwork[] {
  const own = ownRack === undefined ? [] : [{ ...ownRack, rack: racks.find(({ uuid }) => uuid === ownRack.uuid) }];
  const others = racks
    .filter(({ uuid, state }) => state === 'accepted' && uuid !== ownRack?.uuid)
    .map((rack) => ({ uuid: rack.uuid, name: rack.name, rack }));
  return [...own, ...others].flatMap(({ uuid, name, rack }) => {
    const isOwn = uuid === ownRack?.uuid;
    const believed = rack === undefined ? [] : believedInterfaces(rack);
    return settings.interfacesOf(uuid).flatMap((entry) => {
      const served = servedOf(uuid, name, entry);
      if (served === undefined) return [];
      const reported = believed.find((one) => one.name === served.name && one.network === served.cidr);
      if (!isOwn && reported === undefined && !isAwaited(served, rack, racks)) return [];
      return [
        { ...served, foreignServer: reported?.foreign_dhcp_ip, pin: settings.pinnedBy(served.key, uuid) } as const,
      ];
    });
  });
}

/** True if the region stores a network for a remote rack that does not report it yet. */
function isAwaited(
  { name, cidr, network }: Pick<ServedNetwork, 'name' | 'cidr' | 'network'>,
  rack: Rack | undefined,
  racks: readonly Rack[],
): boolean {
  if (rack === undefined || rack.pulse?.settingsRefused !== undefined) return false;
  const isReported = rack.interfaces.some((one) => one.name === name && one.network === cidr);
  return !isReported && findNetworkDoubt(network, rack, racks) === undefined;
}

function servedOf(
  rack: string,
  rackName: string,
  entry: Settings,
): Omit<ServedNetwork, 'foreignServer' | 'pin'> | undefined {
  const network = networkIn(entry);
  const name = textIn(entry, 'name');
  if (network === undefined || name === '') return undefined;
  const { management } = entry;
  const servers = entry.dns_servers;
  return {
    rack,
    rackName,
    name,
    network,
    cidr: formatNetwork(network),
    management: management === 0 || management === 1 ? management : 2,
    address: parseIpv4(textIn(entry, 'ip')),
    router: parseIpv4(textIn(entry, 'router_ip')),
    dnsServers: Array.isArray(servers) ? servers.filter((one) => typeof one === 'string') : [],
    dynamic: rangeIn(entry, network, 'ip_range'),
    fixed: rangeIn(entry, network, 'static_ip_range'),
    mtu: mtuIn(optionsIn(entry)),
    options: optionsIn(entry),
    key: `${INTERFACES_KEY}.${name}`,
  };
}

export interface DynamicRange extends Ipv4Range {
  readonly key: string;
}

export const dynamicRangesOf = (entries: readonly Settings[]): readonly DynamicRange[] =>
  entries.flatMap((entry) => {
    const served = servedOf('', '', entry);
    return served?.dynamic === undefined ? [] : [{ key: served.key, ...served.dynamic }];
  });

/** The routers of cluster interfaces in the form of a configuration file, each with the key of its cluster interface. */
export const routersOf = (entries: readonly Settings[]): readonly { readonly key: string; readonly router: Ipv4 }[] =>
  entries.flatMap((entry) => {
    const served = servedOf('', '', entry);
    return served?.router === undefined ? [] : [{ key: served.key, router: served.router }];
  });

const optionsIn = ({ options }: Settings): readonly SettingValue[] => (Array.isArray(options) ? options : []);

interface OptionId {
  readonly code: number;
  readonly name: string;
}

const isOption = (option: SettingValue, { code, name }: OptionId): boolean =>
  isSettings(option) && (option.code === code || option.name === name);

function mtuIn(options: readonly SettingValue[]): number | undefined {
  const option = options.find((one) => isOption(one, { code: 26, name: 'interface-mtu' }));
  const value = isSettings(option) ? option.value : undefined;
  return typeof value === 'number' ? value : undefined;
}

export function withOption(
  { options }: Pick<ServedNetwork, 'options'>,
  option: OptionId,
  value: SettingValue | undefined,
): readonly SettingValue[] | undefined {
  const others = options.filter((one) => !isOption(one, option));
  const all = value === undefined ? others : [...others, { code: option.code, value }];
  return all.length === 0 ? undefined : all;
}

function textIn(entry: Settings, field: string): string {
  const value = entry[field];
  return typeof value === 'string' ? value.trim() : '';
}

export function networkIn(entry: Settings): Ipv4Network | undefined {
  const written = textIn(entry, 'network');
  if (written !== '') return parseNetwork(written);
  const address = parseIpv4(textIn(entry, 'ip'));
  const mask = parseIpv4(textIn(entry, 'subnet_mask'));
  const prefix = mask === undefined ? undefined : prefixOf(mask);
  return address === undefined || prefix === undefined ? undefined : networkOf(address, prefix);
}

function rangeIn(entry: Settings, network: Ipv4Network, field: string): Ipv4Range | undefined {
  const [low, high] = [parseIpv4(textIn(entry, `${field}_low`)), parseIpv4(textIn(entry, `${field}_high`))];
  if (low === undefined || high === undefined || low > high) return undefined;
  return networkContains(network, low) && networkContains(network, high) ? { low, high } : undefined;
}
