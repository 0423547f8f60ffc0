// Describes and checks the parameters of power drivers. Names are MAAS's `power_parameters`.
//
// 1. A driver gets every value as text, however it was stored. An empty value counts as missing.
// 2. An unknown parameter is refused: it is probably a typo.
// 3. A problem never quotes the value of a secret.

import { z } from 'zod';
import { findNearestName } from '../ground/nearest-name.ts';

/** The stored parameters of one machine. */
export type PowerValues = Readonly<Record<string, string | number | boolean>>;

/** The parameters of all drivers that only administrators see, on request. */
const secretParameters = z.registry<{ readonly isSecret: true }>();

/** Marks a parameter as a secret. @returns the parameter */
export function secret<T extends z.ZodType>(parameter: T): T {
  secretParameters.add(parameter, { isSecret: true });
  return parameter;
}

/** A parameter as a form needs it. Its label and help are in `region/records/power-words.ts`. */
export interface PowerParameter {
  readonly name: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** The valid values; undefined if there are too many to list. */
  readonly choices?: readonly string[];
  readonly default?: string;
}

const jsonSchemaShape = z.object({
  properties: z.record(
    z.string(),
    z.looseObject({
      enum: z.array(z.string()).optional(),
      default: z.string().optional(),
    }),
  ),
  required: z.array(z.string()).default([]),
});

/** Lists a schema's parameters, in its order. */
export function listParameters(schema: z.ZodObject): readonly PowerParameter[] {
  const { properties, required } = jsonSchemaShape.parse(z.toJSONSchema(schema, { io: 'input' }));
  return Object.entries(properties).map(([name, { enum: choices, default: fallback }]) => ({
    name,
    required: required.includes(name),
    secret: isSecret(schema, name),
    ...(choices === undefined ? {} : { choices }),
    ...(fallback === undefined ? {} : { default: fallback }),
  }));
}

function isSecret(schema: z.ZodObject, name: string): boolean {
  const parameter = schema.shape[name];
  return parameter instanceof z.ZodType && secretParameters.has(parameter);
}

type ParameterFault =
  | {
      readonly kind: 'missing' | 'invalid';
      readonly choices?: readonly string[];
    }
  /** The driver has no such parameter. */
  | { readonly kind: 'unknown'; readonly known: readonly string[]; readonly meant: readonly string[] };

/**
 * A fault with the names of its driver and its parameter. Several unknown parameters are one
 * problem, with their names joined.
 */
export type ParameterProblem = {
  readonly driver: string;
  readonly parameter: string;
  readonly fault: ParameterFault;
};

type ParameterCheck<T> =
  | { readonly kind: 'good'; readonly values: T; readonly secrets: readonly string[] }
  | { readonly kind: 'bad'; readonly problems: readonly ParameterProblem[] };

/** Checks the parameters of a machine that has this driver. */
export function checkParameters<T extends z.ZodObject>(
  driver: string,
  schema: T,
  storedValues: PowerValues,
): ParameterCheck<z.infer<T>> {
  const texts = Object.fromEntries(
    Object.entries(storedValues)
      .map(([name, value]) => [name, String(value).trim()] as const)
      .filter(([, value]) => value !== ''),
  );
  const checked = schema.safeParse(texts);
  if (!checked.success)
    return {
      kind: 'bad',
      problems: checked.error.issues.map((issue) => ({ driver, ...toParameterProblem(schema, issue) })),
    };
  const secretValues = Object.entries(texts).flatMap(([name, value]) => (isSecret(schema, name) ? value : []));
  return { kind: 'good', values: checked.data, secrets: secretValues };
}

function toParameterProblem(schema: z.ZodObject, issue: z.core.$ZodIssue): Omit<ParameterProblem, 'driver'> {
  if (issue.code === 'unrecognized_keys') {
    const parameterNames = Object.keys(schema.shape);
    const nearest = issue.keys.flatMap((key) => findNearestName(key, parameterNames) ?? []);
    return { parameter: issue.keys.join(', '), fault: { kind: 'unknown', known: parameterNames, meant: nearest } };
  }
  const kind = issue.code === 'invalid_type' ? 'missing' : 'invalid';
  const choices = issue.code === 'invalid_value' ? { choices: issue.values.map(String) } : {};
  return { parameter: String(issue.path[0] ?? ''), fault: { kind, ...choices } };
}
