// The key of the configuration that was meant by one that there is not: by its whole name; without a section also by its
// last part, or by MAAS's name of it.

import { INTERFACES_KEY } from '../machines/settings.ts';
import { nearestName } from '../nearest-name.ts';
import { CONFIG_NAMES } from '../region/maas-config-names.ts';
import { keysAt } from './sibling-keys.ts';
import { clusterInterfaceFields, writtenConfigSchema } from './written.ts';

/** Every key of the file and every section, without what lists and names of the operator's own hold. */
const KEYS: readonly string[] = keysBelow('');

function keysBelow(section: string): readonly string[] {
  const path = section === '' ? [] : section.split('.');
  return keysAt(writtenConfigSchema, path).flatMap((name) => {
    const key = section === '' ? name : `${section}.${name}`;
    return [key, ...keysBelow(key)];
  });
}

/** By the last part of a key, and by MAAS's name of it. The first key of a name stands for all. */
const BY_NAME: ReadonlyMap<string, string> = new Map([
  ...KEYS.toReversed().map((key) => [key.slice(key.lastIndexOf('.') + 1), key] as const),
  ...Object.entries(CONFIG_NAMES).map(([name, { key }]) => [name, key] as const),
]);

/** Undefined: `key` is one, or none is like it. */
export function nearestKey(key: string): string | undefined {
  if (key.startsWith(`${INTERFACES_KEY}.`)) return nearestField(key);
  const parts = key.split('.');
  // Below a mapping or a list whose names are the operator's own, every name is a key.
  const [last = '', siblings] = [parts.at(-1), keysAt(writtenConfigSchema, parts.slice(0, -1))];
  if (siblings.includes(last) || (siblings.length === 0 && KEYS.includes(parts.slice(0, -1).join('.'))))
    return undefined;
  const whole = nearestName(key, KEYS);
  if (whole !== undefined) return whole;
  return parts.length > 1 ? undefined : BY_NAME.get(nearestName(last, [...BY_NAME.keys()]) ?? '');
}

/** `cluster_interfaces.lab.ruoter_ip`; the name of an interface may be a misspelt field itself, so the path has to be longer. */
function nearestField(key: string): string | undefined {
  const dot = key.lastIndexOf('.');
  const field = key.slice(dot + 1);
  if (dot === INTERFACES_KEY.length || clusterInterfaceFields.includes(field)) return undefined;
  const meant = nearestName(field, clusterInterfaceFields);
  return meant === undefined ? undefined : `${key.slice(0, dot)}.${meant}`;
}
