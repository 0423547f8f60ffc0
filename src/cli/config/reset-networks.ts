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
  /** As `config set` takes them. */
  readonly fields: Settings;
  /** For people: `eth1 10.20.0.0/24`. */
  readonly text: string;
}

/** The networks of a rack before its store is removed. */
export interface NetworksOfRack {
  readonly stored: readonly StoredNetwork[];
  /** The state directory in a file of `init`, which has no networks. */
  readonly initStateDir: string | undefined;
}

/** The address and mask of an interface may give its network. */
export function networkText({ network, ip, subnet_mask: mask }: Settings): string {
  if (typeof network === 'string') return network;
  const address = typeof ip === 'string' ? parseIpv4(ip) : undefined;
  const ones = typeof mask === 'string' ? parseIpv4(mask) : undefined;
  const prefix = ones === undefined ? undefined : maskToPrefix(ones);
  return address === undefined || prefix === undefined ? '' : formatNetwork(networkWithPrefix(address, prefix));
}

/** The store of a remote region stays. */
export function findNetworks(file: string, stateDir: string): NetworksOfRack {
  const initStateDir = findInitFile(file)?.stateDir;
  const alone = parseConfig(readConfigText(file));
  if (alone.ok && alone.config.uplink.mode === 'remote') return { stored: [], initStateDir };
  // Of a refused file, nobody knows which networks it has.
  const inFile = new Set(alone.ok ? alone.config.clusterInterfaces.map(({ name }) => name) : []);
  const cached = valueAt(cachedSettings(stateDir), INTERFACES_KEY);
  const stored = (Array.isArray(cached) ? cached : []).flatMap((entry): readonly StoredNetwork[] => {
    const { name, ...fields } = Object(entry);
    if (typeof name !== 'string' || inFile.has(name)) return [];
    return [{ name, fields, text: [name, networkText(fields)].filter(Boolean).join(' ') }];
  });
  return { stored, initStateDir };
}

/** How the rack starts again. */
export function afterReset({ stored, initStateDir }: NetworksOfRack): readonly string[] {
  const [network, ...further] = stored;
  if (initStateDir !== undefined && further.length === 0) {
    const place = initStateDir === DEFAULT_STATE_DIR ? '' : ` --state-dir ${shellWord(initStateDir)}`;
    const which =
      typeof network?.fields.interface === 'string' ? ` --interface ${shellWord(network.fields.interface)}` : '';
    return [
      `Removed. \`rackboot init${which}${place}\` stores a network again and names the next commands; without it, \`rackboot run\` serves none.`,
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
