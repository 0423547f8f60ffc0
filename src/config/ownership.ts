// The owner of each value in force: the file, with the line; the region's store; or, for a default,
// neither. Pure.

import {
  INTERFACES_KEY,
  interfaceName,
  isSettings,
  listInterfaces,
  type SettingValue,
  valueAt,
} from '../machines/settings.ts';
import { isWritten } from './merge.ts';
import type { UsableConfig } from './resolve-file.ts';

/** Where a value comes from. */
export type ValueOwner =
  | { readonly kind: 'file'; readonly line: number | undefined }
  | { readonly kind: 'store' }
  | { readonly kind: 'default' };

/** The owner of a key, in the notation of `listValues`. */
export function findValueOwner(config: Pick<UsableConfig, 'file' | 'merged'>, key: string): ValueOwner {
  const { file, merged } = config;
  if (!key.startsWith(`${INTERFACES_KEY}.`)) {
    if (isWritten(file.values, key)) return { kind: 'file', line: file.findLine(key.split('.')) };
    return valueAt(merged, key) === undefined ? { kind: 'default' } : { kind: 'store' };
  }
  const dot = key.lastIndexOf('.');
  const [name, field] = [key.slice(INTERFACES_KEY.length + 1, dot), key.slice(dot + 1)];
  const hasField = (entry: SettingValue | undefined): boolean =>
    isSettings(entry ?? null) && Object.hasOwn(Object(entry), field);
  const index = listInterfaces(file.values).findIndex((entry) => interfaceName(entry) === name);
  if (index >= 0) {
    const isInFile = hasField(listInterfaces(file.values)[index]);
    return isInFile ? { kind: 'file', line: file.findLine([INTERFACES_KEY, index, field]) } : { kind: 'default' };
  }
  return hasField(listInterfaces(merged).find((entry) => interfaceName(entry) === name))
    ? { kind: 'store' }
    : { kind: 'default' };
}
