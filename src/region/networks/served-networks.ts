// The networks that racks serve, read from their cluster interfaces, which decide everything that a
// rack does in a network.
//
// 1. A cluster interface is either written in its rack's configuration file or stored by the
//    region. Only a stored one can be changed here; for the other, the refusal names the file and
//    the key (`settings.ts`).
// 2. A network of a remote rack counts only if the region believes that the rack serves it. One
//    that the region stores for the rack counts from then on, before the rack reports it, unless a
//    person would have to agree to it.

import type { Settings, SettingValue } from '../../machines/settings.ts';
import { type ClusterInterface, parseClusterInterfaces } from '../racks/cluster-interface.ts';
import { findNetworkDoubt, type ReportedNetwork, reportedNetworks } from '../racks/rack-networks.ts';
import type { Rack } from '../records/rack.ts';
import type { Pin, SettingsRefusal } from '../records/settings-refusal.ts';
import type { SettingChange, StoredSetting } from '../records/stored-setting.ts';
import { judgeHosts, type RackHostAddress } from './rack-hosts.ts';

export interface InterfaceSettings {
  /** A rack's cluster interfaces, in the form of a configuration file. */
  interfacesOf(rack: string): readonly Settings[];
}

/** The settings before a change of networks. */
export interface FormerSettings extends InterfaceSettings {
  list(): readonly StoredSetting[];
  /** The file that has a cluster interface; `undefined`: none has it. */
  pinnedBy(key: string, rack: string): Pin | undefined;
}

export interface NetworkSettings extends InterfaceSettings {
  load(): Promise<void>;
  /** Another list after each change that was read. */
  list(): readonly StoredSetting[];
  /** Those that the store has in the caller's transaction. */
  read(): Promise<FormerSettings>;
  valueOf(key: string): SettingValue | undefined;
  /**
   * Judges changed cluster interfaces in the transaction that stores them. @returns the refusal, at
   * which it must be undone
   */
  adoptInterfaces(
    former: readonly StoredSetting[],
    changes: readonly SettingChange[],
  ): Promise<SettingsRefusal | undefined>;
}

export interface ServedNetwork extends ClusterInterface {
  readonly rack: string;
  readonly rackName: string;
  /** The first other DHCP server that the rack saw there; `undefined`: none. */
  readonly foreignServer: string | undefined;
}

/** The networks of racks: as they should be served, and as racks report that they serve them. */
export interface RackNetworks {
  readonly served: readonly ServedNetwork[];
  readonly reported: readonly ReportedNetwork[];
  /** Of accepted racks, those that take something. */
  readonly rackHosts: readonly RackHostAddress[];
}

/**
 * The networks of the rack of this process, and of all accepted racks. @param ownRack `undefined`:
 * this process has none
 */
export function readRackNetworks(
  racks: readonly Rack[],
  ownRack: { readonly uuid: string; readonly name: string } | undefined,
  settings: InterfaceSettings,
): RackNetworks {
  const reported = reportedNetworks(racks);
  const own = ownRack === undefined ? [] : [{ ...ownRack, rack: racks.find(({ uuid }) => uuid === ownRack.uuid) }];
  const others = racks
    .filter(({ uuid, state }) => state === 'accepted' && uuid !== ownRack?.uuid)
    .map((rack) => ({ uuid: rack.uuid, name: rack.name, rack }));
  const served = [...own, ...others].flatMap(({ uuid, name: rackName, rack }) =>
    parseClusterInterfaces(settings.interfacesOf(uuid)).flatMap((service): readonly ServedNetwork[] => {
      const report = reported.find(
        ({ rack: by, name, cidr }) => by === uuid && name === service.name && cidr === service.cidr,
      );
      if (uuid !== ownRack?.uuid && report === undefined && !isAwaited(service, rack, racks)) return [];
      return [{ ...service, rack: uuid, rackName, foreignServer: report?.foreignServer }];
    }),
  );
  return { served, reported, rackHosts: judgeHosts(racks, served) };
}

/** True if the region stores a network for a remote rack that does not report it yet. */
function isAwaited({ name, cidr, network }: ClusterInterface, rack: Rack | undefined, racks: readonly Rack[]): boolean {
  if (rack === undefined || rack.pulse?.settingsRefused !== undefined) return false;
  const isReported = rack.interfaces.some((report) => report.name === name && report.network === cidr);
  return !isReported && findNetworkDoubt(network, rack, racks) === undefined;
}
