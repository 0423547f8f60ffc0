// What a power driver must know to switch a machine: an address, a user, a password, as the operator or the machine gave it.
//
// 1. A flat record of printable values, POWER_PARAMETERS_MAX of them at the most.
// 2. It may hold secrets: shown to administrators only, and never in an event.

import { z } from 'zod';
import { parseJson } from './text-json.ts';

export type PowerValue = string | number | boolean;
export type PowerParameters = Readonly<Record<string, PowerValue>>;

/** The most parameters of one machine. */
export const POWER_PARAMETERS_MAX = 32;

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
