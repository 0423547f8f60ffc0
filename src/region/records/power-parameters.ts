// The parameters of a machine's power driver: address, user, password. The operator or the machine provides them.
//
// 1. They are a flat record of at most POWER_PARAMETERS_MAX printable values.
// 2. They may contain secrets: shown to administrators only, and never in an event.
// 3. From a machine or an ordinary user, only the fields that a BMC needs are accepted. None of them makes Rackboot open a URL, run a
//    program of the sender's choice, or look up a name.

import { z } from 'zod';
import { IPMI_FIELDS } from '../../machines/ipmi-fields.ts';
import { parseIpv4 } from '../../net/address.ts';
import { parseJson } from './text-json.ts';

export type PowerValue = string | number | boolean;
export type PowerParameters = Readonly<Record<string, PowerValue>>;

/** Parameters of one machine. */
export const POWER_PARAMETERS_MAX = 32;

/** The parameters of all drivers. A client may also send each of them as a separate field (`api/power-fields.ts` lists these fields). */
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

/** Parses power parameters from JSON; `undefined` unless they are a flat record of printable values. */
export function parsePowerParameters(json: string): PowerParameters | undefined {
  const parsed = parseJson(json);
  const checked = parsed.kind === 'value' ? powerParameters.safeParse(parsed.value) : undefined;
  if (checked?.success !== true || Object.keys(checked.data).length > POWER_PARAMETERS_MAX) return undefined;
  return checked.data;
}

const word = (charactersMax: number) => (value: PowerValue) =>
  typeof value === 'string' && value.length <= charactersMax && /^[\x21-\x7e]*$/.test(value);
/** A numeric address. Text of hexadecimal digits with two colons is never looked up as a name, even if it is not a valid IPv6 address. */
const isAddress = (value: PowerValue): boolean =>
  typeof value === 'string' && (parseIpv4(value) !== undefined || /^(?=.*:.*:)[0-9a-f:]{2,39}$/i.test(value));

type FieldCheck = (value: PowerValue) => boolean;

/** A check as the driver makes it: of trimmed text, which may be empty. */
const checkOf =
  (field: z.ZodType): FieldCheck =>
  (value) => {
    const text = String(value).trim();
    return text === '' || field.safeParse(text).success;
  };

/** The drivers that a machine may propose for itself, and the check of each field. */
const REPORTED_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldCheck>>>> = {
  manual: {},
  ipmi: {
    power_address: isAddress,
    ...Object.fromEntries(Object.entries(IPMI_FIELDS).map(([name, field]) => [name, checkOf(field)])),
  },
  // Machines in HP's Moonshot chassis propose this. There is no such driver: the region shows the proposal, and a person chooses a driver.
  moonshot: {
    power_address: isAddress,
    power_user: word(64),
    power_pass: word(64),
    power_hwaddress: word(64),
  },
};

/** True if a machine may propose all of these settings for itself. */
export function isReportable(powerType: string, powerParameters: PowerParameters): boolean {
  const taken = reportedPower(powerType, powerParameters);
  const isWhole = Object.keys(taken.powerParameters).length === Object.keys(powerParameters).length;
  return taken.powerType === powerType && isWhole;
}

/** A machine's proposed power settings without the fields it may not propose; the type is empty if nothing is left. */
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
