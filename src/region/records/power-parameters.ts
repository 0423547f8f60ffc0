// The parameters of a machine's power driver: address, user, password. The operator or the machine
// provides them.
//
// 1. They are a flat record of at most POWER_PARAMETERS_MAX printable values.
// 2. They may contain secrets: for administrators only, never in an event.
// 3. A machine or an ordinary user may give only what a BMC needs. None of it makes Rackboot open a
//    URL, run a program of the sender's choice, or look up a name.

import { z } from 'zod';
import { parseIpv4, parseMac } from '../../ground/address.ts';
import { IPMI_FIELDS } from '../../machines/ipmi-fields.ts';
import { parseJson } from './text-json.ts';

export type PowerValue = string | number | boolean;
export type PowerParameters = Readonly<Record<string, PowerValue>>;

export const POWER_PARAMETERS_MAX = 32;

/**
 * The names of the parameters of all drivers. A client may also send each as a separate field
 * (`api/machines/power-fields.ts`).
 */
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
  'power_command',
  'node_id',
  'power_certificate',
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

/** `undefined` unless they are a flat record of printable values. */
export function parsePowerParameters(json: string): PowerParameters | undefined {
  const parsed = parseJson(json);
  const checked = parsed.kind === 'value' ? powerParameters.safeParse(parsed.value) : undefined;
  if (checked?.success !== true || Object.keys(checked.data).length > POWER_PARAMETERS_MAX) return undefined;
  return checked.data;
}

const word = (charactersMax: number) => (value: PowerValue) =>
  typeof value === 'string' && value.length <= charactersMax && /^[\x21-\x7e]*$/.test(value);
/** Text of hexadecimal digits with two colons is never looked up as a name, even if it is no IPv6 address. */
const isAddress = (value: PowerValue): boolean =>
  typeof value === 'string' && (parseIpv4(value) !== undefined || /^(?=.*:.*:)[0-9a-f:]{2,39}$/i.test(value));

type FieldCheck = (value: PowerValue) => boolean;

/** The check of a field, as in its driver: trimmed text, which may be empty. */
const buildFieldCheck =
  (field: z.ZodType): FieldCheck =>
  (value) => {
    const text = String(value).trim();
    return text === '' || field.safeParse(text).success;
  };

/** The drivers that a machine may propose for itself. */
const REPORTED_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldCheck>>>> = {
  manual: {},
  // A wrong address wakes another machine at most.
  wakeonlan: { mac_address: (value) => parseMac(String(value)) !== undefined },
  ipmi: {
    power_address: isAddress,
    ...Object.fromEntries(Object.entries(IPMI_FIELDS).map(([name, field]) => [name, buildFieldCheck(field)])),
  },
  // Machines in HP's Moonshot chassis propose this. There is no such driver: a person chooses another.
  moonshot: {
    power_address: isAddress,
    power_user: word(64),
    power_pass: word(64),
    power_hwaddress: word(64),
  },
};

export function isReportable(powerType: string, powerParameters: PowerParameters): boolean {
  const taken = reportedPower(powerType, powerParameters);
  const isWhole = Object.keys(taken.powerParameters).length === Object.keys(powerParameters).length;
  return taken.powerType === powerType && isWhole;
}

/**
 * The reported power settings without the fields that a machine may not propose; the type is empty
 * if nothing is left.
 */
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
