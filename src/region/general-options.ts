// The DHCP options that all networks have: one list in the configuration, `dhcp.options`.

import { isSettings, type SettingValue } from '../machines/settings.ts';

/** A DHCP option in the list of those that all networks have. */
interface GeneralOption {
  readonly code: number;
  readonly name: string;
}

/** RFC 2132 §8.3. */
export const NTP_SERVERS: GeneralOption = { code: 42, name: 'ntp-servers' };

/** True for the entry of an option that all clients get. */
export const isGeneralOption = (entry: SettingValue, { code, name }: GeneralOption): boolean =>
  isSettings(entry) && entry.when === undefined && (entry.name === name || entry.code === code);

/** The value of such an option in `dhcp.options`; `undefined`: the list has none. */
export function generalOption(list: SettingValue | undefined, option: GeneralOption): SettingValue | undefined {
  const existing = Array.isArray(list) ? list.find((entry) => isGeneralOption(entry, option)) : undefined;
  return isSettings(existing) ? existing.value : undefined;
}
