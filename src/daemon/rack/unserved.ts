// That a rack whose region is elsewhere serves no network, and what to do: its own region had kept them, and the one that accepted it has none
// for it. Pure.

import type { RackConfig } from '../../config/rack-config.ts';
import { INTERFACES_KEY, type Settings } from '../../machines/settings.ts';
import { formatNetwork } from '../../net/address.ts';

/** Networks that are named; of more it says how many. */
const NAMED_MAX = 4;

/** The networks that a change of the store took away. */
export interface LostNetworks {
  readonly sinceWallMs: number;
  /** Each with its name. */
  readonly networks: string;
  /** The command by which the region gets the first of them back. */
  readonly command: string;
}

/** What was lost when `after` came in the place of `before`; undefined: some network is still served, or none was before. */
export function findLost(
  before: { readonly config: RackConfig; readonly merged: Settings },
  after: RackConfig,
  sinceWallMs: number,
): LostNetworks | undefined {
  const had = before.config.clusterInterfaces;
  if (after.uplink.mode !== 'remote' || after.clusterInterfaces.length > 0 || had.length === 0) return undefined;
  const named = had.slice(0, NAMED_MAX).map(({ name, network }) => `${name} ${formatNetwork(network)}`);
  const more = had.length - named.length;
  const written = before.merged[INTERFACES_KEY];
  const first: unknown = Array.isArray(written) ? written[0] : undefined;
  const { name = 'NAME', ...entry }: { readonly name?: unknown } = Object(first);
  return {
    sinceWallMs,
    networks: named.join(', ') + (more > 0 ? ` and ${more} more` : ''),
    command: setCommand(String(name), JSON.stringify(entry), after.name),
  };
}

const setCommand = (name: string, value: string, rack: string): string =>
  `rackboot config set ${INTERFACES_KEY}.${name} '${value.replaceAll("'", "'\\''")}' --rack ${rack}`;

/** The fault in a sentence with its remedy; undefined: there is none. @param file the rack's configuration */
export function unservedText(
  { clusterInterfaces, uplink, name }: Pick<RackConfig, 'clusterInterfaces' | 'uplink' | 'name'>,
  file: string,
  lost: LostNetworks | undefined,
): string | undefined {
  if (clusterInterfaces.length > 0 || uplink.mode !== 'remote') return undefined;
  if (lost === undefined) {
    const command = setCommand('NAME', '{ … }', name);
    return `serves no network: neither ${file} nor its region names one; write ${INTERFACES_KEY} into ${file}, or at the region: ${command}`;
  }
  const since = new Date(lost.sinceWallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return (
    `serves no network since it was accepted (${since}): the region keeps no settings for ${lost.networks}; ` +
    `write ${INTERFACES_KEY} into ${file}, or at the region: ${lost.command}`
  );
}
