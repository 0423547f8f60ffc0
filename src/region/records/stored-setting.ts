// The settings that the store owns.

import type { SettingValue } from '../../machines/settings.ts';
import type { NewMachineEvent } from './machine-event.ts';

export interface StoredSetting {
  /** The rack's UUID; empty: all racks. */
  readonly rack: string;
  /** `dns.upstream`; a cluster interface by its name: `cluster_interfaces.lab`. */
  readonly key: string;
  /** In the form of the configuration file. */
  readonly value: SettingValue;
}

/** `value` is `undefined` to remove the key. */
export interface SettingChange {
  readonly rack: string;
  readonly key: string;
  readonly value: SettingValue | undefined;
}

/** The event of changes that a person made. */
export const settingsChanged = (
  changes: readonly SettingChange[],
  atMs: number,
  username: string,
): NewMachineEvent => ({
  type: 'SETTINGS',
  code: 'settings-changed',
  params: { changes: changes.map(({ key, value }) => ({ key, isRemoved: value === undefined })) },
  atMs,
  username,
});

export type SettingsDecision<R> =
  | { readonly kind: 'change'; readonly changes: readonly SettingChange[]; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type SettingsOutcome<R> =
  | { readonly kind: 'changed'; readonly settings: readonly StoredSetting[] }
  | { readonly kind: 'refuse'; readonly refusal: R };
