// Explains why a rack with a remote region serves no network: its own region kept the networks before, and the region that accepted the rack
// has none for it. Pure.

import type { RackConfig } from '../../config/rack-config.ts';
import { listed } from '../../counted.ts';
import { INTERFACES_KEY, type Settings } from '../../machines/settings.ts';
import { formatNetwork } from '../../net/address.ts';
import { unservedText } from '../../region/reports/service.ts';
import { NAMED_MAX } from './status-line.ts';

/** The networks that a change of the store removed. */
export interface LostNetworks {
  readonly sinceWallMs: number;
  /** Each with its name. */
  readonly networks: string;
  /** The command that restores the first of them in the region. */
  readonly command: string;
}

/** Finds the networks lost when `after` replaced `before`; undefined if a network is still served, or none was before. */
export function findLost(
  before: { readonly config: RackConfig; readonly merged: Settings },
  after: RackConfig,
  sinceWallMs: number,
): LostNetworks | undefined {
  const had = before.config.clusterInterfaces;
  if (after.uplink.mode !== 'remote' || after.clusterInterfaces.length > 0 || had.length === 0) return undefined;
  const networks = had.map(({ name, network }) => `${name} ${formatNetwork(network)}`);
  const written = before.merged[INTERFACES_KEY];
  const first: unknown = Array.isArray(written) ? written[0] : undefined;
  const { name = 'NAME', ...entry }: { readonly name?: unknown } = Object(first);
  return {
    sinceWallMs,
    networks: listed(networks, NAMED_MAX),
    command: setCommand(String(name), JSON.stringify(entry), after.name),
  };
}

const setCommand = (name: string, value: string, rack: string): string =>
  `rackboot config set ${INTERFACES_KEY}.${name} '${value.replaceAll("'", "'\\''")}' --rack ${rack}`;

/** A sentence with the fault and its remedy; undefined if there is none. @param file the rack's configuration file */
export function unservedProblem(
  { clusterInterfaces, uplink, name }: Pick<RackConfig, 'clusterInterfaces' | 'uplink' | 'name'>,
  file: string,
  lost: LostNetworks | undefined,
): string | undefined {
  if (clusterInterfaces.length > 0 || uplink.mode !== 'remote') return undefined;
  const about = { file, key: INTERFACES_KEY };
  if (lost === undefined) return unservedText({ ...about, command: setCommand('NAME', '{ … }', name) });
  const { networks, command, sinceWallMs } = lost;
  const since = new Date(sinceWallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return unservedText({ ...about, command, lost: { networks, since } });
}
