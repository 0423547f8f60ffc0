// Describes and checks the parameters of power drivers. Names are MAAS's `power_parameters`.
//
// 1. A driver gets every value as text, however it was stored. An empty value counts as missing.
// 2. An unknown parameter is refused: it is probably a typo.
// 3. A problem never quotes the value of a secret.

import { z } from 'zod';
import { nearestName } from '../nearest-name.ts';

/** The stored parameters of one machine. */
export type PowerValues = Readonly<Record<string, string | number | boolean>>;

/** The description of a parameter for people. */
export interface ParameterNote {
  readonly label: string;
  /** True if it is shown only to administrators, on request. */
  readonly secret?: boolean;
  /** What a valid value is, for the error about another one. */
  readonly expects?: string;
}

/** The notes on all parameters of all drivers. */
const notes = z.registry<ParameterNote>();

/** Attaches a note to a parameter. @returns the parameter */
export function noted<T extends z.ZodType>(parameter: T, note: ParameterNote): T {
  notes.add(parameter, note);
  return parameter;
}

/** A parameter as shown in a form. */
export interface PowerParameter {
  readonly name: string;
  readonly label: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** The valid values; undefined if any that matches the pattern is valid. */
  readonly choices?: readonly string[];
  /** The default value. */
  readonly default?: string;
  /** A regular expression that values must match. */
  readonly pattern?: string;
  /** What a valid value is. */
  readonly expects?: string;
  /** True if only an empty value is valid. */
  readonly isUnused?: true;
}

const described = z.object({
  properties: z.record(
    z.string(),
    z.looseObject({
      enum: z.array(z.string()).optional(),
      default: z.string().optional(),
      pattern: z.string().optional(),
      maxLength: z.number().optional(),
    }),
  ),
  required: z.array(z.string()).default([]),
});

/** Lists a schema's parameters, in its order. */
export function listParameters(schema: z.ZodObject): readonly PowerParameter[] {
  const { properties, required } = described.parse(z.toJSONSchema(schema, { io: 'input' }));
  return Object.entries(properties).map(([name, { enum: choices, default: fallback, pattern, maxLength }]) => {
    const note = noteOn(schema, name);
    return {
      name,
      label: note?.label ?? name,
      required: required.includes(name),
      secret: note?.secret === true,
      ...(choices === undefined ? {} : { choices }),
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(pattern === undefined ? {} : { pattern }),
      ...(note?.expects === undefined ? {} : { expects: note.expects }),
      ...(maxLength === 0 ? { isUnused: true } : {}),
    };
  });
}

function noteOn(schema: z.ZodObject, name: string): ParameterNote | undefined {
  const parameter = schema.shape[name];
  return parameter instanceof z.ZodType ? notes.get(parameter) : undefined;
}

/** A parameter's fault. */
export type ParameterFault =
  | {
      readonly kind: 'missing' | 'invalid';
      /** What a valid value is. */
      readonly expects: string;
    }
  | { readonly kind: 'port'; readonly port: number }
  /** The driver has no such parameter. */
  | { readonly kind: 'unknown'; readonly known: readonly string[]; readonly meant: readonly string[] };

/** A fault with the name of its parameter; several unknown ones are one problem. */
export type ParameterProblem = { readonly parameter: string; readonly fault: ParameterFault };

/** Valid parameters, or their problems. */
export type ParameterCheck<T> =
  | { readonly kind: 'good'; readonly values: T; readonly secrets: readonly string[] }
  | { readonly kind: 'bad'; readonly problems: readonly ParameterProblem[] };

/** Checks the parameters of a machine. */
export function checkParameters<T extends z.ZodObject>(schema: T, given: PowerValues): ParameterCheck<z.infer<T>> {
  const texts = Object.fromEntries(
    Object.entries(given)
      .map(([name, value]) => [name, String(value).trim()] as const)
      .filter(([, value]) => value !== ''),
  );
  const checked = schema.safeParse(texts);
  if (!checked.success) return { kind: 'bad', problems: checked.error.issues.map((issue) => problemOf(schema, issue)) };
  const secrets = Object.entries(texts).flatMap(([name, value]) =>
    noteOn(schema, name)?.secret === true ? value : [],
  );
  return { kind: 'good', values: checked.data, secrets };
}

function problemOf(schema: z.ZodObject, issue: z.core.$ZodIssue): ParameterProblem {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape);
    const meant = issue.keys.flatMap((key) => nearestName(key, known) ?? []);
    return { parameter: issue.keys.join(', '), fault: { kind: 'unknown', known, meant } };
  }
  const name = String(issue.path[0] ?? '');
  const note = noteOn(schema, name);
  const kind = issue.code === 'invalid_type' ? 'missing' : 'invalid';
  const choices = issue.code === 'invalid_value' ? `one of ${issue.values.join(', ')}` : undefined;
  const expects = choices ?? note?.expects ?? note?.label ?? 'a text';
  return { parameter: name, fault: { kind, expects } };
}
