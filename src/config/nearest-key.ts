// Guesses which configuration key was meant by an unknown one: compares whole names and, for a key
// without a section, also last parts and MAAS's names.

import { findNearestName } from '../ground/nearest-name.ts';
import { INTERFACES_KEY } from '../machines/settings.ts';
import { CONFIG_NAMES } from '../region/api/site/maas-config-names.ts';
import { KEYS } from './keys.ts';
import { listKeysAt } from './sibling-keys.ts';
import { clusterInterfaceFields, writtenConfigSchema } from './written.ts';

/** Keys by their last part, and by MAAS's name. Of several keys with the same last part, the first counts. */
const KEYS_BY_NAME: ReadonlyMap<string, string> = new Map([
  ...KEYS.toReversed().map((key) => [key.slice(key.lastIndexOf('.') + 1), key] as const),
  ...Object.entries(CONFIG_NAMES).map(([name, { key }]) => [name, key] as const),
]);

/** The key that was probably meant; `undefined` if `key` exists, or no key is similar. */
export function findNearestKey(key: string): string | undefined {
  if (key.startsWith(`${INTERFACES_KEY}.`)) return findNearestField(key);
  const parts = key.split('.');
  // Inside a list or a mapping with names of the operator's choice, every name is a key.
  const [lastPart = '', siblings] = [parts.at(-1), listKeysAt(writtenConfigSchema, parts.slice(0, -1))];
  if (siblings.includes(lastPart) || (siblings.length === 0 && KEYS.includes(parts.slice(0, -1).join('.'))))
    return undefined;
  const nearest = findNearestName(key, KEYS);
  if (nearest !== undefined) return nearest;
  return parts.length > 1 ? undefined : KEYS_BY_NAME.get(findNearestName(lastPart, [...KEYS_BY_NAME.keys()]) ?? '');
}

/**
 * The field of a cluster interface nearest to a misspelt one, as in
 * `cluster_interfaces.lab.ruoter_ip`. A shorter path ends in an interface's name, which may look
 * like a misspelt field.
 */
function findNearestField(key: string): string | undefined {
  const dot = key.lastIndexOf('.');
  const field = key.slice(dot + 1);
  if (dot === INTERFACES_KEY.length || clusterInterfaceFields.includes(field)) return undefined;
  const nearest = findNearestName(field, clusterInterfaceFields);
  return nearest === undefined ? undefined : `${key.slice(0, dot)}.${nearest}`;
}
