// Forms made from the parameters of an operation: their controls, and the values of a sent form.
//
// 1. Every parameter of a form has exactly one control, of the same name, so that a refusal is
//    shown at its field.
// 2. Its kind and its words are declared beside its type (`Control` in `api/call/operation.ts`). A
//    parameter that accepts one value only has no control.
// 3. In a form that adds something, an empty field is absent: its default applies. In a form that
//    changes something it is sent, which removes the value where the operation allows it, and
//    otherwise leaves it as it is (`api/operations.ts`, 2). A box without a tick is sent as false.

import { z } from 'zod';
import type { Html } from '../../../ground/html.ts';
import { type Control, type ControlKind, chooseControl } from '../../api/call/operation.ts';
import {
  areaField,
  asChangeForm,
  type Choice,
  checkField,
  choiceField,
  fileField,
  renderGroup,
  textField,
  ticksField,
} from './forms.ts';
import { fieldValue, findWanted, type View, type WantedOperation } from './view.ts';
import { words } from './words.ts';

interface Parameter extends Omit<Control, 'control' | 'charactersMax'> {
  readonly name: string;
  readonly kind: ControlKind;
  readonly isRequired: boolean;
  readonly charactersMax: number | undefined;
  /** The values of a choice. */
  readonly values: readonly string[];
  /** In English. */
  readonly hint: string;
}

export interface FormOptions {
  /** The parameters of the form, in their order. Default: all. */
  readonly only?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Default: that of the parameter. Empty: no hint. */
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

function findFormParameter(name: string, type: z.ZodType): Parameter | undefined {
  const schema = z.toJSONSchema(type, { io: 'output', unrepresentable: 'any' });
  if (schema.const !== undefined) return undefined;
  const { control: kind, ...declared } = chooseControl(type);
  if (kind === undefined) throw new Error(`the type of ${name} does not declare its control`);
  return {
    hint: type.description ?? '',
    charactersMax: schema.maxLength,
    ...declared,
    name,
    kind,
    isRequired: !type.safeParse(undefined).success,
    values: (schema.enum ?? Object.keys(declared.choices ?? {})).map(String),
  };
}

const derived = new Map<WantedOperation, readonly Parameter[]>();

function allParameters(wanted: WantedOperation): readonly Parameter[] {
  const cached = derived.get(wanted);
  if (cached !== undefined) return cached;
  const all = Object.entries(findWanted(wanted).parameters).flatMap(
    ([name, type]) => findFormParameter(name, type) ?? [],
  );
  derived.set(wanted, all);
  return all;
}

/** The parameters of a form, in their order. @throws Error if the operation has none of this name */
export function listFormParameters(wanted: WantedOperation, names?: readonly string[]): readonly Parameter[] {
  const all = allParameters(wanted);
  return (names ?? all.map(({ name }) => name)).map((name) => {
    const parameter = all.find((candidate) => candidate.name === name);
    if (parameter === undefined) throw new Error(`${wanted} has no ${name} that a form could set`);
    return parameter;
  });
}

const CAPITALS = /\b(?:bmc|cidr|dhcp|dns|id|ip|ipmi|ips|mac|mtu|raid|ssh|ttl|url|uuid|vid|vlan)\b/g;

/**
 * The label of a parameter: its name as words. @param name as in the API, or as in a record
 * (`kernelParams`, `vlanId`)
 */
export function formatParameterLabel(parameter: string): string {
  const name = parameter.replace(/Id$/, '').replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
  const text = name.replaceAll('_', ' ').replace(CAPITALS, (word) => word.toUpperCase());
  return words.fields[name] ?? spoken(`${text.charAt(0).toUpperCase()}${text.slice(1)}`);
}

/** A value of the API as texts; none if it has none. */
export const textsIn = (value: unknown): readonly string[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value.flatMap(textsIn) : [String(value)];

/** A declared text in the language of the page. */
const spoken = (english: string): string => words.fields[english] ?? english;

/** The controls of a form for the parameters of an operation. */
export function renderControls(view: View, wanted: WantedOperation, options: FormOptions = {}): readonly Html[] {
  const isChange = wanted.startsWith('PUT');
  const seen = isChange ? asChangeForm(view) : view;
  const parameters = listFormParameters(wanted, options.only);
  const render = (parameter: Parameter) => renderControl(seen, parameter, options, isChange);
  return parameters.flatMap((parameter, index) => {
    const { group } = parameter;
    if (group === undefined) return [render(parameter)];
    if (parameters[index - 1]?.group === group) return [];
    const fields = parameters.filter((parameter) => parameter.group === group).map(render);
    return [renderGroup(spoken(group.label), words.forms.hint(group.hint), fields)];
  });
}

/** @param isChange true to leave out which fields are optional: all of them are, for the operation */
function renderControl(view: View, parameter: Parameter, options: FormOptions, isChange: boolean): Html {
  const { name, kind, charactersMax, values, label } = parameter;
  const isRequired = parameter.isRequired || options.required?.includes(name) === true;
  const hint = options.hints?.[name] ?? words.forms.hint(parameter.hint);
  const present = textsIn(options.values?.[name]);
  const control = {
    name,
    label: options.labels?.[name] ?? (label === undefined ? formatParameterLabel(name) : spoken(label)),
    hint: hint === '' ? undefined : hint,
    value: present.join(kind === 'words' ? ', ' : '\n'),
    required: isRequired,
    isAlternative: isChange || parameter.group !== undefined,
  };
  const choices =
    options.choices?.[name] ?? values.map((value): Choice => [value, spoken(parameter.choices?.[value] ?? value)]);
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
      return areaField(view, { ...control, rows: parameter.rows ?? 3 });
    case 'file':
      return fileField(view, control);
    case 'number':
      return textField(view, { ...control, inputMode: 'numeric', charactersMax });
    case 'address':
      return textField(view, { ...control, placeholder: ADDRESS, charactersMax });
    case 'mac':
      return textField(view, { ...control, placeholder: MAC, charactersMax });
    default:
      return textField(view, {
        ...control,
        type: kind === 'email' ? kind : 'text',
        pattern: parameter.pattern,
        charactersMax,
      });
  }
}

const LINE = /\r?\n/;

/** The parameters of the operation in a sent form with these controls. */
export function collectFormValues(
  view: Pick<View, 'form'>,
  wanted: WantedOperation,
  { only }: Pick<FormOptions, 'only'> = {},
): Readonly<Record<string, string | readonly string[]>> {
  const isChange = wanted.startsWith('PUT');
  const entries = listFormParameters(wanted, only).map(
    ({ name, kind }) => [name, sentValue(view, name, kind)] as const,
  );
  return Object.fromEntries(entries.filter(([, value]) => isChange || value.length > 0));
}

function sentValue(view: Pick<View, 'form'>, name: string, kind: ControlKind): string | readonly string[] {
  if (kind === 'check') return fieldValue(view, name) === 'true' ? 'true' : 'false';
  if (kind === 'area') return fieldValue(view, name).replaceAll('\r\n', '\n').trim();
  if (kind !== 'list') return fieldValue(view, name).trim();
  const lines = (view.form.get(name) ?? []).flatMap((text) => text.split(LINE));
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}
