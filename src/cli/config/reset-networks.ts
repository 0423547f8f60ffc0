// The networks of a rack for `rackboot reset`: those that go with the store, and the commands that
// set them up again.

import { readConfigText } from '../../config/config-file.ts';
import { parseConfig } from '../../config/load.ts';
import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { formatNetwork, maskToPrefix, networkWithPrefix, parseIpv4 } from '../../ground/address.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { INTERFACES_KEY, type Settings, valueAt } from '../../machines/settings.ts';
import { cachedSettings } from '../terminal/config-in-force.ts';
import { findInitFile } from './init-file.ts';

/** A network that only the store has. */
interface StoredNetwork {
  readonly name: string;
  /** The fields as `config set` accepts them. */
  readonly fields: Settings;
  /** The name and address for people: `eth1 10.20.0.0/24`. */
  readonly text: string;
}

/** The networks of a rack before its store is removed. */
export interface NetworksOfRack {
  readonly stored: readonly StoredNetwork[];
  /** The state directory in a file of `init`, which has no networks. */
  readonly initStateDir: string | undefined;
}

/** Formats the network of a cluster interface, which may be given by address and mask only. */
export function networkText({ network, ip, subnet_mask: mask }: Settings): string {
  if (typeof network === 'string') return network;
  const address = typeof ip === 'string' ? parseIpv4(ip) : undefined;
  const maskBits = typeof mask === 'string' ? parseIpv4(mask) : undefined;
  const prefix = maskBits === undefined ? undefined : maskToPrefix(maskBits);
  return address === undefined || prefix === undefined ? '' : formatNetwork(networkWithPrefix(address, prefix));
}

/**
 * Finds the networks that only the store has. None are lost with a remote region, whose store
 * stays.
 */
export function findNetworks(file: string, stateDir: string): NetworksOfRack {
  const initStateDir = findInitFile(file)?.stateDir;
  const alone = parseConfig(readConfigText(file));
  if (alone.ok && alone.config.uplink.mode === 'remote') return { stored: [], initStateDir };
  // The networks of an invalid file are unknown.
  const fileNames = new Set(alone.ok ? alone.config.clusterInterfaces.map(({ name }) => name) : []);
  const cached = valueAt(cachedSettings(stateDir), INTERFACES_KEY);
  const stored = (Array.isArray(cached) ? cached : []).flatMap((entry): readonly StoredNetwork[] => {
    const { name, ...fields } = Object(entry);
    if (typeof name !== 'string' || fileNames.has(name)) return [];
    return [{ name, fields, text: [name, networkText(fields)].filter(Boolean).join(' ') }];
  });
  return { stored, initStateDir };
}

/** Describes how the rack starts again. */
export function afterReset({ stored, initStateDir }: NetworksOfRack): readonly string[] {
  const [network, ...further] = stored;
  if (initStateDir !== undefined && further.length === 0) {
    const stateDirFlag = initStateDir === DEFAULT_STATE_DIR ? '' : ` --state-dir ${shellWord(initStateDir)}`;
    const interfaceFlag =
      typeof network?.fields.interface === 'string' ? ` --interface ${shellWord(network.fields.interface)}` : '';
    return [
      `Removed. \`rackboot init${interfaceFlag}${stateDirFlag}\` stores a network again and names the next commands; without it, \`rackboot run\` serves none.`,
    ];
  }
  return [
    `Removed. \`rackboot run\` starts as on its first day; \`rackboot createadmin\` creates the first account.`,
    ...(stored.length === 0 ? [] : ['These commands put the networks of the store back:']),
    ...stored.map(
      ({ name, fields }) =>
        `  rackboot config set ${INTERFACES_KEY}.${shellWord(name)} ${shellWord(JSON.stringify(fields))}`,
    ),
  ];
}
