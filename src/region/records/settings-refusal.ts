// Why a change of settings is refused.

import { type RefusalWord, refusal } from './refusal.ts';

/** The file that has a setting: this host's configuration file, or that of another rack. */
export type Pin = { readonly kind: 'own'; readonly file: string } | { readonly kind: 'rack'; readonly rack: string };

export const pinText = ({ key, pin }: { readonly key: string; readonly pin: Pin }): string =>
  pin.kind === 'own'
    ? `written in ${pin.file} as ${key}`
    : `written in the configuration file of the rack ${pin.rack} as ${key}`;

export const pinnedText = (key: string, pin: Pin): string => `${key} is read-only: ${pinText({ key, pin })}`;

/** `message` is from the rules of configurations. */
interface SettingFault {
  readonly key: string;
  readonly message: string;
}

/** `problems` if values do not fit their keys. */
export interface SettingsRefusal extends RefusalWord {
  readonly problems?: readonly SettingFault[] | undefined;
}

export const refuseSettings = (problems: readonly SettingFault[]): SettingsRefusal => ({
  ...refusal('setting-invalid', problems.map(({ key, message }) => `${key}: ${message}`).join('\n')),
  problems,
});
