// Forms made from the parameters of an operation: their controls, and the values of a sent form.
//
// 1. Every parameter of a form has exactly one control, of the same name, so that a refusal is shown at its field.
// 2. The kind of a control follows from what its parameter accepts (`kindOf`). A parameter that accepts one value only has no control.
// 3. In a form that adds something, an empty field is absent: its default applies. In a form that changes something it is sent, which removes the
//    value where the operation allows it, and otherwise leaves it as it is (`api/operations.ts`, 2). A box without a tick is sent as false.

import { z } from 'zod';
import type { Html } from '../../html.ts';
import { areaField, type Choice, changing, checkField, choiceField, textField, ticksField } from './forms.ts';
import { findWanted, given, type View, type WantedOperation } from './view.ts';
import { words } from './words.ts';

type ControlKind = 'text' | 'number' | 'address' | 'mac' | 'check' | 'choice' | 'area' | 'list';

interface Parameter {
  readonly name: string;
  readonly kind: ControlKind;
  readonly isRequired: boolean;
  readonly charactersMax: number | undefined;
  /** The values of a choice. */
  readonly values: readonly string[];
  readonly description: string;
}

export interface FormOptions {
  /** The parameters of the form, in their order. Default: all. */
  readonly only?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Default: the description of the parameter. Empty: no hint. */
  readonly hints?: Readonly<Record<string, string>> | undefined;
  /** What a parameter may be, if its schema does not say so: the objects to which it refers. */
  readonly choices?: Readonly<Record<string, readonly Choice[]>> | undefined;
  /** Parameters that must have a value here, though the operation can do without. */
  readonly required?: readonly string[] | undefined;
  /** The present values, as the API answers them. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

const MAC = '52:54:00:00:00:01';
const ADDRESS = '10.20.0.10';
/** Pairs of values; a list accepts one of these as two. */
const PAIRS = [
  ['a', 'b'],
  ['1', '2'],
  [ADDRESS, '10.20.0.11'],
  [MAC, '52:54:00:00:00:02'],
] as const;
/** Parameters that people write in several lines. A schema does not tell, because it accepts lines for most texts. */
const AREAS: ReadonlySet<string> = new Set(['description', 'user_data', 'content', 'script']);

function kindOf(name: string, type: z.ZodType, values: readonly string[]): ControlKind {
  const accepts = (text: string) => type.safeParse([text]).success;
  const isList = PAIRS.some((pair) => {
    const parsed = type.safeParse(pair);
    return parsed.success && Array.isArray(parsed.data);
  });
  if (isList) return 'list';
  if (values.length > 0) return 'choice';
  if (AREAS.has(name)) return 'area';
  if (accepts('a') || accepts('8G')) return 'text';
  if (accepts('true') && accepts('false')) return 'check';
  if (accepts('1') || accepts('600')) return 'number';
  if (accepts(ADDRESS)) return 'address';
  return accepts(MAC) ? 'mac' : 'text';
}

function parameterOf(name: string, type: z.ZodType): Parameter | undefined {
  const schema = z.toJSONSchema(type, { io: 'output', unrepresentable: 'any' });
  if (schema.const !== undefined) return undefined;
  const values = (schema.enum ?? []).map(String);
  return {
    name,
    kind: kindOf(name, type, values),
    isRequired: !type.safeParse(undefined).success,
    charactersMax: schema.maxLength,
    values,
    description: type.description ?? '',
  };
}

const derived = new Map<WantedOperation, readonly Parameter[]>();

function allParameters(wanted: WantedOperation): readonly Parameter[] {
  const known = derived.get(wanted);
  if (known !== undefined) return known;
  const all = Object.entries(findWanted(wanted).parameters).flatMap(([name, type]) => parameterOf(name, type) ?? []);
  derived.set(wanted, all);
  return all;
}

/** The parameters of a form, in their order. @throws Error if the operation has none of this name */
export function parametersOf(wanted: WantedOperation, only?: readonly string[]): readonly Parameter[] {
  const all = allParameters(wanted);
  return (only ?? all.map(({ name }) => name)).map((name) => {
    const found = all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`${wanted} has no ${name} that a form could set`);
    return found;
  });
}

const CAPITALS = /\b(?:bmc|cidr|dhcp|dns|id|ip|ipmi|ips|mac|mtu|raid|ssh|ttl|url|uuid|vid|vlan)\b/g;

/** The label of a parameter: its name as words. @param name as in the API, or as in a record (`kernelParams`, `vlanId`) */
export function labelOf(parameter: string): string {
  const name = parameter.replace(/Id$/, '').replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
  const text = name.replaceAll('_', ' ').replace(CAPITALS, (word) => word.toUpperCase());
  return words.fields[name] ?? `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** A value of the API as texts; none if it has none. */
export const textsIn = (value: unknown): readonly string[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value.flatMap(textsIn) : [String(value)];

/** The controls of a form for the parameters of an operation. */
export function controlsOf(view: View, wanted: WantedOperation, options: FormOptions = {}): readonly Html[] {
  const isChange = wanted.startsWith('PUT');
  const shown = isChange ? changing(view) : view;
  return parametersOf(wanted, options.only).map((parameter) => controlOf(shown, parameter, options, isChange));
}

/** @param isChange true to leave out which fields are optional: all of them are, for the operation */
function controlOf(view: View, parameter: Parameter, options: FormOptions, isChange: boolean): Html {
  const { name, kind, charactersMax, values, description } = parameter;
  const isRequired = parameter.isRequired || options.required?.includes(name) === true;
  const hint = options.hints?.[name] ?? words.forms.hint(description);
  const present = textsIn(options.values?.[name]);
  const control = {
    name,
    label: options.labels?.[name] ?? labelOf(name),
    hint: hint === '' ? undefined : hint,
    value: present.join('\n'),
    required: isRequired,
    isAlternative: isChange,
  };
  const choices = options.choices?.[name] ?? values.map((value): Choice => [value, value]);
  if (kind === 'list') {
    return options.choices?.[name] === undefined
      ? areaField(view, { ...control, rows: 3, hint: `${control.hint ?? ''} ${words.forms.oneALine}`.trim() })
      : ticksField(view, { ...control, values: present, choices });
  }
  if (choices.length > 0 || options.choices?.[name] !== undefined) {
    const isOpen = !isRequired && !choices.some(([value]) => value === '');
    return choiceField(view, { ...control, choices: isOpen ? [['', words.forms.notChosen], ...choices] : choices });
  }
  switch (kind) {
    case 'check':
      return checkField(view, control);
    case 'area':
      return areaField(view, { ...control, rows: 3 });
    case 'number':
      return textField(view, { ...control, inputMode: 'numeric', charactersMax });
    case 'address':
      return textField(view, { ...control, placeholder: ADDRESS, charactersMax });
    case 'mac':
      return textField(view, { ...control, placeholder: MAC, charactersMax });
    default:
      return textField(view, { ...control, charactersMax });
  }
}

const LINE = /\r?\n/;

/** The parameters of the operation in a sent form with these controls. */
export function valuesOf(
  view: Pick<View, 'given'>,
  wanted: WantedOperation,
  { only }: Pick<FormOptions, 'only'> = {},
): Readonly<Record<string, string | readonly string[]>> {
  const isChange = wanted.startsWith('PUT');
  const entries = parametersOf(wanted, only).map(({ name, kind }) => [name, sentValue(view, name, kind)] as const);
  return Object.fromEntries(entries.filter(([, value]) => isChange || value.length > 0));
}

function sentValue(view: Pick<View, 'given'>, name: string, kind: ControlKind): string | readonly string[] {
  if (kind === 'check') return given(view, name) === 'true' ? 'true' : 'false';
  if (kind === 'area') return given(view, name).replaceAll('\r\n', '\n').trim();
  if (kind !== 'list') return given(view, name).trim();
  const lines = (view.given.get(name) ?? []).flatMap((text) => text.split(LINE));
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}
