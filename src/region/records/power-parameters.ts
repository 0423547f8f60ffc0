// What a power driver must know to switch a machine: an address, a user, a password, as the operator or the machine gave it.
//
// 1. A flat record of printable values, POWER_PARAMETERS_MAX of them at the most.
// 2. It may hold secrets: shown to administrators only, and never in an event.
// 3. Of what a machine says of itself, and a user who is no administrator of it, only the fields that its BMC needs are taken: none of
//    them makes anybody open a URL, run a program that it chooses, or look up a name.

import { z } from 'zod';
import { parseIpv4, parseMac } from '../../net/address.ts';
import { parseJson } from './text-json.ts';

export type PowerValue = string | number | boolean;
export type PowerParameters = Readonly<Record<string, PowerValue>>;

/** The most parameters of one machine. */
export const POWER_PARAMETERS_MAX = 32;

/** The parameters of all drivers, each of which may be given by itself. */
export const POWER_PARAMETER_NAMES = [
  'power_address',
  'power_user',
  'power_pass',
  'power_driver',
  'power_boot_type',
  'power_off_mode',
  'cipher_suite_id',
  'privilege_level',
  'k_g',
  'mac_address',
  'workaround_flags',
  'power_id',
  'power_on_uri',
  'power_off_uri',
  'power_query_uri',
  'power_on_regex',
  'power_off_regex',
  'power_token',
  'power_verify_ssl',
] as const;
export type PowerParameterName = (typeof POWER_PARAMETER_NAMES)[number];

const powerParameters = z.record(
  z.string().regex(/^[a-z0-9_]{1,64}$/i),
  z.union([
    z
      .string()
      .max(1024)
      .refine((value) => !/[\u0000-\u001f\u007f]/.test(value)),
    z.number(),
    z.boolean(),
  ]),
);

/** The parameters of a power driver in a JSON text, or undefined when they are not a flat record of printable values. */
export function parsePowerParameters(json: string): PowerParameters | undefined {
  const parsed = parseJson(json);
  const checked = parsed.kind === 'value' ? powerParameters.safeParse(parsed.value) : undefined;
  if (checked?.success !== true || Object.keys(checked.data).length > POWER_PARAMETERS_MAX) return undefined;
  return checked.data;
}

/** The parameters of a text that `parsePowerParameters` checked before it was stored. */
export function readStoredPowerParameters(json: string): PowerParameters {
  return JSON.parse(json);
}

const word = (charactersMax: number) => (value: PowerValue) =>
  typeof value === 'string' && value.length <= charactersMax && /^[\x21-\x7e]*$/.test(value);
/** An address in digits; what has a colon in it and hexadecimal digits only is no name, whether or not it is an IPv6 address. */
const isAddress = (value: PowerValue): boolean =>
  typeof value === 'string' && (parseIpv4(value) !== undefined || /^(?=.*:)[0-9a-f:]{2,39}$/i.test(value));
const isMac = (value: PowerValue): boolean => typeof value === 'string' && parseMac(value) !== undefined;
const isNumber = (value: PowerValue): boolean => /^\d{1,5}$/.test(String(value));

/** The drivers that a machine may name for itself, and the fields of each with what they may hold. */
const REPORTED_FIELDS: Readonly<Record<string, Readonly<Record<string, (value: PowerValue) => boolean>>>> = {
  manual: {},
  ipmi: {
    power_address: isAddress,
    power_user: word(64),
    power_pass: word(64),
    power_driver: (value) => value === 'LAN' || value === 'LAN_2_0',
    power_boot_type: (value) => value === 'auto' || value === 'legacy' || value === 'efi',
    mac_address: isMac,
    cipher_suite_id: isNumber,
    privilege_level: (value) => value === 'USER' || value === 'OPERATOR' || value === 'ADMIN',
    k_g: word(64),
  },
  moonshot: {
    power_address: isAddress,
    power_user: word(64),
    power_pass: word(64),
    power_hwaddress: word(64),
  },
};

/** True when a machine may say all of this of itself. */
export function isReportable(powerType: string, powerParameters: PowerParameters): boolean {
  const taken = reportedPower(powerType, powerParameters);
  const isWhole = Object.keys(taken.powerParameters).length === Object.keys(powerParameters).length;
  return taken.powerType === powerType && isWhole;
}

/** How a machine says that it is switched, without whatever it may not say; an empty type when nothing is left. */
export function reportedPower(
  powerType: string,
  powerParameters: PowerParameters,
): { readonly powerType: string; readonly powerParameters: PowerParameters } {
  const fields = Object.hasOwn(REPORTED_FIELDS, powerType) ? REPORTED_FIELDS[powerType] : undefined;
  if (fields === undefined) return { powerType: '', powerParameters: {} };
  const taken = Object.entries(powerParameters).filter(
    ([name, value]) => Object.hasOwn(fields, name) && fields[name]?.(value) === true,
  );
  return { powerType, powerParameters: Object.fromEntries(taken) };
}
