// The power fields of a request: a driver and its parameters, together as JSON or one by one. The
// driver checks them before they are stored.
//
// Sources: MAAS's API (`power_type`, `power_parameters`, `power_parameters_NAME`,
// `power_parameters_skip_check`).
//
// 1. A refusal names parameters, but never the value of a secret one.
// 2. A parameter given alone changes only itself; another driver drops the parameters of the previous one.

import { z } from 'zod';
import { POWER_DRIVER_NAMES } from '../../../machines/power-drivers.ts';
import type { Machine } from '../../records/machine.ts';
import {
  POWER_PARAMETER_NAMES,
  type PowerParameterName,
  type PowerParameters,
  parsePowerParameters,
} from '../../records/power-parameters.ts';
import { type Refusal, refuseField, refuseFields } from '../call/answer.ts';
import { type ApiCall, flagParameter, isTrue, optionalText, value } from '../call/operation.ts';

const single = (name: PowerParameterName) =>
  optionalText(1024, `The parameter ${name} of the power driver; empty: remove it.`);

/** The power fields of an enlistment or an edit. */
export const powerFields = {
  power_type: value(z.string().regex(/^[a-z0-9_-]{0,32}$/, 'is not the name of a power driver'))
    .optional()
    .describe(`The power driver: ${POWER_DRIVER_NAMES.map((name) => `\`${name}\``).join(', ')}.`),
  power_parameters: optionalText(16_384, 'The parameters of the power driver, JSON.'),
  power_parameters_power_address: single('power_address'),
  power_parameters_power_user: single('power_user'),
  power_parameters_power_pass: single('power_pass'),
  power_parameters_power_driver: single('power_driver'),
  power_parameters_power_boot_type: single('power_boot_type'),
  power_parameters_power_off_mode: single('power_off_mode'),
  power_parameters_cipher_suite_id: single('cipher_suite_id'),
  power_parameters_privilege_level: single('privilege_level'),
  power_parameters_k_g: single('k_g'),
  power_parameters_mac_address: single('mac_address'),
  power_parameters_workaround_flags: single('workaround_flags'),
  power_parameters_power_id: single('power_id'),
  power_parameters_power_command: single('power_command'),
  power_parameters_node_id: single('node_id'),
  power_parameters_power_certificate: single('power_certificate'),
  power_parameters_power_on_uri: single('power_on_uri'),
  power_parameters_power_off_uri: single('power_off_uri'),
  power_parameters_power_query_uri: single('power_query_uri'),
  power_parameters_power_on_regex: single('power_on_regex'),
  power_parameters_power_off_regex: single('power_off_regex'),
  power_parameters_power_token: single('power_token'),
  power_parameters_power_verify_ssl: single('power_verify_ssl'),
  power_parameters_skip_check: flagParameter(
    'True: store the parameters unchecked; power actions fail if they are wrong.',
  ),
};

type GivenPower = { readonly [Name in keyof typeof powerFields]?: string | undefined };

/** The values to store; an absent member stays unchanged. */
interface PowerEdit {
  readonly powerType?: string;
  readonly powerParameters?: PowerParameters;
}

/** Reads the fields. @param before the current machine; `undefined` for a new one */
export function readPower(input: GivenPower, before: Machine | undefined): PowerEdit | Refusal {
  const { power_type: type, power_parameters: json } = input;
  const whole = json === undefined ? undefined : parsePowerParameters(json || '{}');
  if (json !== undefined && whole === undefined) {
    return refuseField('power_parameters', 'Give a JSON object of at most 32 strings, numbers and booleans.');
  }
  const named = POWER_PARAMETER_NAMES.flatMap((name) => {
    const text = input[`power_parameters_${name}`];
    return text === undefined ? [] : [[name, text] as const];
  });
  const isOther = type !== undefined && type !== (before?.powerType ?? '');
  const previous = isOther ? {} : (before?.powerParameters ?? {});
  const isChanged = whole !== undefined || named.length > 0 || isOther;
  const merged = { ...(whole ?? previous), ...Object.fromEntries(named) };
  const parameters = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ''));
  // Parameters given one by one obey the same rules as a JSON object.
  const checked = parsePowerParameters(JSON.stringify(parameters));
  if (checked === undefined) return refuseField('power_parameters', 'Give at most 32 printable texts.');
  return {
    ...(type === undefined ? {} : { powerType: type }),
    ...(isChanged ? { powerParameters: checked } : {}),
  };
}

/** The refusal if the edit cannot be stored. @param before the current machine; `undefined` for a new one */
export function refusePower(
  { region }: Pick<ApiCall, 'region'>,
  edit: PowerEdit,
  input: GivenPower,
  before: Machine | undefined,
): Refusal | undefined {
  const { powerType, powerParameters } = edit;
  const isSkipped = isTrue(input.power_parameters_skip_check);
  if ((powerType === undefined && powerParameters === undefined) || isSkipped) return undefined;
  const type = powerType ?? before?.powerType ?? '';
  const problems = region.power?.problemsOf(type, powerParameters ?? before?.powerParameters ?? {}) ?? [];
  if (problems.length === 0) return undefined;
  // Without a part it is the driver that is wrong, or missing.
  const isUnknown = type !== '' && problems.some(({ part }) => part === undefined);
  return refuseFields({ [isUnknown ? 'power_type' : 'power_parameters']: problems });
}
