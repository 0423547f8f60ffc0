// A list of DHCP options as rows that a person fills, changes and empties, with the names of all
// known options to choose from.
//
//   entries of the configuration ── buildOptionRow ─► a row of texts ── buildOptionEntry ─► entries
//
// 1. An emptied option deletes its row; two empty rows are there to add some. It works without a script.
// 2. What a row has no field for (`when`, `force`) goes along unseen.
// 3. Texts become values as the option's type has them; whether they fit, the rules of the configuration say.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { parseYamlDocument } from '../../../ground/yaml-parser.ts';
import { isSettings, parseSettingValue, type Settings, type SettingValue } from '../../../machines/settings.ts';
import type { OptionKind } from '../../settings.ts';
import { renderFieldset, shownDigest } from './forms.ts';
import type { View } from './view.ts';
import { words } from './words.ts';

/** For options to be added. */
const EMPTY_ROWS = 2;
/** Their values are texts, whatever they look like. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'domain', 'hex', 'ip']);

const PARTS = ['option', 'type', 'value', 'rest'] as const;
type Row = Readonly<Record<(typeof PARTS)[number], string>>;

const EMPTY: Row = { option: '', type: '', value: '', rest: '' };

const isScalar = (value: SettingValue) => !Array.isArray(value) && !isSettings(value);

const valueText = (value: SettingValue): string =>
  isScalar(value)
    ? String(value)
    : Array.isArray(value) && value.every(isScalar)
      ? value.map(String).join(', ')
      : JSON.stringify(value);

function buildOptionRow(entry: Settings): Row {
  const { code, name, type, value, ...rest } = entry;
  return {
    option: String(name ?? code ?? ''),
    type: String(type ?? ''),
    value: value === undefined || value === null ? '' : valueText(value),
    rest: Object.keys(rest).length === 0 ? '' : JSON.stringify(rest),
  };
}

/** The rows of a sent form. */
function sentRows(view: Pick<View, 'form'>, name: string): readonly Row[] {
  const [options = [], ...others] = PARTS.map((part) => view.form.get(`${name}.${part}`) ?? []);
  return options.map((option, index) => {
    const [type = '', value = '', rest = ''] = others.map((texts) => texts[index]?.trim() ?? '');
    return { option: option.trim(), type, value, rest };
  });
}

/** A text as YAML has it; the text itself if it is none. */
function parseYamlText(text: string): SettingValue {
  const { document, faults } = parseYamlDocument(text);
  return (faults.length === 0 ? parseSettingValue(document.toJS()) : undefined) ?? text;
}

function readValue(type: string, text: string): SettingValue {
  if (TEXT_TYPES.has(type)) return text;
  if (!type.endsWith('-list') || text.startsWith('[')) return parseYamlText(text);
  const each = type === 'ip-list' || type === 'domain-list' ? (value: string) => value : parseYamlText;
  return text
    .split(/[\s,]+/)
    .filter((value) => value !== '')
    .map(each);
}

function buildOptionEntry({ option, type, value, rest }: Row, kinds: readonly OptionKind[]): Settings {
  const isCode = /^\d+$/.test(option);
  const usual = kinds.find(({ code, name }) => (isCode ? code === Number(option) : name === option))?.type ?? '';
  const further = rest === '' ? undefined : parseYamlText(rest);
  return {
    ...(isCode ? { code: Number(option) } : { name: option }),
    ...(type === '' ? {} : { type }),
    ...(value === '' ? {} : { value: readValue(type || usual, value) }),
    ...(isSettings(further) ? further : {}),
  };
}

/** The list of a sent form; empty: it has none. */
export const sentOptions = (view: Pick<View, 'form' | 'region'>, name: string): readonly Settings[] =>
  sentRows(view, name)
    .filter(({ option }) => option !== '')
    .map((row) => buildOptionEntry(row, view.region.settings.rules.optionKinds));

/** @param value the present list */
export function optionRows(
  view: View,
  control: { readonly name: string; readonly label: string | Html; readonly hint: string },
  value: SettingValue | undefined,
): Html {
  const { name } = control;
  const { options } = words;
  const present = Array.isArray(value) ? value.filter(isSettings).map(buildOptionRow) : [];
  const filled = view.refusal === undefined ? present : sentRows(view, name).filter(({ option }) => option !== '');
  const knownClass = `known-${name}`;
  const { optionKinds, optionTypes } = view.region.settings.rules;
  const types = ['', ...optionTypes];
  const rows = [...filled, ...Array.from({ length: EMPTY_ROWS }, () => EMPTY)].map((row, index) => {
    const labelled = (label: string) => html`aria-label="${options.row(label, index + 1)}"`;
    const chosen = types.map(
      (type) =>
        html`<option value="${type}"${type === row.type ? html` selected` : nothing}>${type || options.usual}</option>`,
    );
    return html`
      <div class="option-row"><input type="text" name="${name}.option" value="${row.option}" list="${knownClass}" placeholder="${options.option}" maxlength="255" autocomplete="off" spellcheck="false" ${labelled(options.option)}>
      <select name="${name}.type" ${labelled(options.type)}>${chosen}</select>
      <input type="text" name="${name}.value" value="${row.value}" placeholder="${options.value}" autocomplete="off" spellcheck="false" ${labelled(options.value)}>
      <input type="hidden" name="${name}.rest" value="${row.rest}"></div>`;
  });
  const names = optionKinds.map((optionKind) => html`<option value="${optionKind.name}">`);
  const untouched = new Map(PARTS.map((part) => [`${name}.${part}`, present.map((row) => row[part])]));
  const sign = shownDigest(view, name, untouched);
  return renderFieldset(view, control, html`<datalist id="${knownClass}">${names}</datalist>${rows}${sign}`);
}
