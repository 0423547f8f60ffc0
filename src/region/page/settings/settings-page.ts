// Every key of the configuration, in groups: its value, where that comes from, and forms for those
// that the store may own.
//
// 1. A key that a file has is read-only here, and shown with the file and the key; so is one that
//    only a file may have.
// 2. A group is one form. It stores the keys whose text differs from the one in force, all or none,
//    as one change with one event.
// 3. An empty field removes its key from the store: the default applies. A box is stored as it is ticked.
// 4. Spaces and lines separate the entries of a list: none contains any.
// 5. A list or mapping of several values is written as YAML, as in the file.

import { isDeepStrictEqual } from 'node:util';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { loadYamlParser, parseYamlDocument } from '../../../ground/yaml-parser.ts';
import { findSetting, isSettings, parseSettingValue, type SettingValue } from '../../../machines/settings.ts';
import { isRefusal, type Refusal, refuseField } from '../../api/call/answer.ts';
import { type OwnFile, RACK_CONFIG } from '../../config.ts';
import type { Pin } from '../../records/settings-refusal.ts';
import type { Region } from '../../region.ts';
import type { SettingShape } from '../../settings.ts';
import {
  areaField,
  asChangeForm,
  checkField,
  choiceField,
  hiddenField,
  renderForm,
  textField,
} from '../frame/forms.ts';
import { optionRows, sentOptions } from '../frame/option-rows.ts';
import { renderFullPage } from '../frame/parts.ts';
import {
  CHANGE_SETTINGS,
  fieldValue,
  type Outcome,
  ofForm,
  operate,
  type PageDefinition,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';

const PATH = '/MAAS/settings/';

/** The keys that have pages of their own. */
const OTHER_PAGES: Readonly<Record<string, string>> = {
  cluster_interfaces: '/MAAS/networks/',
  'dns.domains': '/MAAS/dns/',
  'dns.records': '/MAAS/dns/',
  'region.default_zone_description': '/MAAS/zones/default/',
  'region.default_pool_description': '/MAAS/pools/0/',
};

/** The groups in their order. A group has the keys of its sections; the first has those without a section. */
const GROUPS = [
  ['general', ['']],
  ['dns', ['dns']],
  ['dhcp', ['cluster_interfaces', 'dhcp']],
  ['boot', ['boot', 'tftp']],
  ['machines', ['enlistment', 'deployment', 'preseeds']],
  ['region', ['region']],
  ['log', ['log', 'metrics']],
] as const;

type GroupName = (typeof GROUPS)[number][0];

const SECTIONS: ReadonlySet<string> = new Set(GROUPS.flatMap(([, sections]) => sections));

function getSettingSection({ key }: SettingShape) {
  const [section = ''] = key.split('.');
  return SECTIONS.has(section) ? section : '';
}

/** A key with its value in force. */
export interface Setting extends SettingShape {
  readonly value: SettingValue | undefined;
  readonly stored: SettingValue | undefined;
  readonly byDefault: SettingValue | undefined;
  readonly pin: Pin | undefined;
}

/** The keys of a file that concern a rack only: a region apart does not use them. */
const OF_RACKS = /^(?:dhcp|dns|tftp|boot)\./;

function settingsIn(view: View, group: GroupName): readonly Setting[] {
  const [, sections] = GROUPS.find(([name]) => name === group) ?? GROUPS[0];
  const isApart = view.region.config().ownRack === undefined;
  return findSettings(
    view,
    (shape) =>
      sections.some((section) => section === getSettingSection(shape)) &&
      !(isApart && shape.owner === 'file' && OF_RACKS.test(shape.key)),
  );
}

function findOwnFile(region: Region): OwnFile | undefined {
  const { ownRack, ownFile } = region.config();
  return ownRack ?? ownFile;
}

/** Settings with their values in force, as they were last read (`RegionSettings.load`). */
export function findSettings(
  { region }: Pick<View, 'region'>,
  isWanted: (shape: SettingShape) => boolean,
): readonly Setting[] {
  const { settings } = region;
  const own = findOwnFile(region);
  // A key that only a file may have is not pinned: nothing could overrule it. Where it is written
  // is of interest all the same.
  const pinOf = ({ key, owner }: SettingShape): Pin | undefined =>
    owner === 'file' && findSetting(own?.values ?? {}, key) !== undefined
      ? { kind: 'own', file: own?.file ?? '' }
      : settings.pinnedBy(key, '');
  return settings.rules
    .shapes()
    .filter(isWanted)
    .map((shape) => ({
      ...shape,
      value: shape.key === 'name' ? region.config().ownRack?.name : settings.valueOf(shape.key),
      stored: settings.stored('', shape.key),
      byDefault: settings.defaultOf(shape.key),
      pin: pinOf(shape),
    }));
}

/** True if the page can change it. */
export const isEditable = ({ key, owner, pin, kind, choices }: Setting) =>
  owner === 'either' &&
  pin === undefined &&
  OTHER_PAGES[key] === undefined &&
  !(kind === 'choice' && choices.length < 2);

/** A value as a person writes it in the control of its key; empty: there is none. */
export function formatSettingText({ kind }: Pick<Setting, 'kind'>, value: SettingValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (kind === 'list' && Array.isArray(value)) return value.map(String).join('\n');
  const isEmpty =
    (Array.isArray(value) && value.length === 0) || (isSettings(value) && Object.keys(value).length === 0);
  if (isEmpty) return '';
  return typeof value === 'object' ? loadYamlParser().stringify(value).trimEnd() : String(value);
}

/** The text that the form of a setting shows. */
const presentText = (setting: Setting): string =>
  setting.kind === 'check' ? String(setting.value === true) : formatSettingText(setting, setting.stored);

/** The value that a text stands for; `undefined`: the key is removed from the store. */
function parseSettingText({ key, kind, isNumeric }: Setting, text: string): SettingValue | undefined | Refusal {
  if (kind === 'check') return text === 'true';
  if (text === '') return undefined;
  if (kind === 'list') return text.split(/\s+/);
  if (kind !== 'structure') return isNumeric && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
  const { document, faults } = parseYamlDocument(text);
  const [fault] = faults;
  if (fault !== undefined) return refuseField(key, words.settings.yamlFault(fault.line, fault.message));
  return parseSettingValue(document.toJS()) ?? refuseField(key, words.settings.tooLarge);
}

const getSettingWords = ({ key }: Pick<Setting, 'key'>) => words.settings.keys[key] ?? { label: key, hint: '' };

/** The list that is written in rows. */
const OPTIONS_KEY = 'dhcp.options';

/** The lines of a text that are seen at once. */
const ROWS_MAX = 12;

const renderKey = (key: string) => html`<code class="key">${key}</code>`;

/** @param proposal the text of a key that nobody has set */
function renderSettingControl(shown: View, setting: Setting, proposal = ''): Html {
  const view = proposal === '' ? asChangeForm(shown) : shown;
  const { key, kind, choices, stored, byDefault } = setting;
  const { label, hint } = getSettingWords(setting);
  const standard = formatSettingText(setting, byDefault);
  const mark = stored === undefined ? nothing : html` <span class="pill blue">${words.settings.stored}</span>`;
  const control = {
    name: key,
    label: html`${label} ${renderKey(key)}${mark}`,
    hint,
    value: presentText(setting) || proposal,
    isAlternative: true,
  };
  if (key === OPTIONS_KEY) return optionRows(view, control, stored);
  const rows = Math.min(ROWS_MAX, Math.max(1, control.value.split('\n').length));
  switch (kind) {
    case 'check':
      return checkField(view, control);
    case 'choice':
      return choiceField(view, {
        ...control,
        choices: [['', words.settings.byDefault(standard)], ...choices.map((value) => [value, value] as const)],
      });
    case 'list':
    case 'structure':
      return areaField(view, { ...control, rows, placeholder: standard });
    default:
      return textField(view, { ...control, placeholder: standard === '' ? undefined : standard });
  }
}

/** Where a setting is written that cannot be changed here, or could be; empty: it can. */
export function describeFixedPlace({ region }: Pick<View, 'region'>, { key, owner, pin }: Setting): string {
  if (pin !== undefined) return words.settings.writtenIn({ key, pin });
  return owner === 'file' ? words.settings.onlyFile(findOwnFile(region)?.file ?? RACK_CONFIG, key) : '';
}

/** A setting that cannot be changed here, with the reason. */
function fixedRow(view: View, setting: Setting): Html {
  const { key, pin, value } = setting;
  const { label, hint } = getSettingWords(setting);
  const path = OTHER_PAGES[key];
  const place = describeFixedPlace(view, setting);
  const where: Part =
    pin === undefined && path !== undefined
      ? html`<a href="${path}">${words.settings.elsewhere}</a>`
      : place === ''
        ? ''
        : words.settings.setIn(place);
  const count = Array.isArray(value) ? value.length : 0;
  const valueText = path !== undefined && count > 0 ? words.settings.entries(count) : formatSettingText(setting, value);
  const text =
    valueText === ''
      ? html`<span class="soft">${words.settings.none}</span>`
      : html`<code class="lines">${valueText}</code>`;
  const reason = where === '' ? nothing : html`<p class="hint">${where}</p>`;
  return html`
    <div class="field"><div class="label">${label} ${renderKey(key)}</div><div class="value">${text}${reason}</div>
    ${hint === '' ? nothing : html`<p class="hint">${hint}</p>`}</div>`;
}

/**
 * A setting as a field, or, if it cannot be changed here, as its value with the reason. @param
 * proposal the text of a key that nobody has set
 */
export const settingRow = (view: View, setting: Setting, proposal?: string): Html =>
  isEditable(setting) ? renderSettingControl(view, setting, proposal) : fixedRow(view, setting);

function groupSection(view: View, name: GroupName): Html {
  const settings = settingsIn(view, name);
  if (settings.length === 0) return nothing;
  const ofGroup = ofForm(view, fieldValue(view, 'group') === name);
  const rows = settings.map((setting) => settingRow(ofGroup, setting));
  const form = settings.some(isEditable)
    ? renderForm(view, { body: [hiddenField('group', name), ...rows], submit: words.forms.save })
    : html`<div class="form">${rows}</div>`;
  return html`<section><h2 id="${name}">${words.settings.groups[name]}</h2><div class="sheet">${form}</div></section>`;
}

async function renderSettingsPage(view: View) {
  await view.region.settings.load();
  const links = GROUPS.map(([name]) => html`<a href="#${name}">${words.settings.groups[name]}</a>`);
  return renderFullPage(view, {
    title: words.settings.title,
    place: 'settings',
    main: html`
      <div class="bar"><h1>${words.settings.title}</h1></div><p class="soft">${words.settings.lead}</p>
      <nav class="tabs" aria-label="${words.settings.title}">${links}</nav>
      <div class="settings">${GROUPS.map(([name]) => groupSection(view, name))}</div>`,
    footer: words.settings.footer,
  });
}

async function changeSettings(view: View): Promise<Outcome> {
  const group = GROUPS.find(([name]) => name === fieldValue(view, 'group'));
  if (group === undefined) return undefined;
  await view.region.settings.load();
  return storeSettings(view, settingsIn(view, group[0]), PATH);
}

/**
 * Stores what a form with these settings changes. @param whenEmpty the text that an empty field
 * stands for @param to the page to show then
 */
export async function storeSettings(
  view: View,
  settings: readonly Setting[],
  to: string,
  whenEmpty = '',
): Promise<Outcome> {
  const editable = settings.filter(isEditable);
  const changes: { readonly key: string; readonly value?: SettingValue }[] = [];
  for (const setting of editable) {
    const { key, kind } = setting;
    if (key === OPTIONS_KEY) {
      const list = sentOptions(view, key);
      if (isDeepStrictEqual(list, setting.stored ?? [])) continue;
      changes.push(list.length === 0 ? { key } : { key, value: list });
      continue;
    }
    const sent = fieldValue(view, key).replaceAll('\r\n', '\n').trim() || whenEmpty;
    const text = kind === 'check' ? String(sent === 'true') : sent;
    if (text === presentText(setting)) continue;
    const value = parseSettingText(setting, text);
    if (isRefusal(value)) return value;
    changes.push(value === undefined ? { key } : { key, value });
  }
  if (changes.length === 0) return { kind: 'done', to, text: words.settings.unchanged };
  const answer = await operate(view, CHANGE_SETTINGS, {}, { changes: JSON.stringify(changes) });
  if (answer.kind === 'refusal') return atKeys(answer, editable);
  return { kind: 'done', to, text: words.settings.saved(changes.map((change) => getSettingWords(change).label)) };
}

/** A refusal by the keys to which its reasons belong. */
function atKeys(refusal: Refusal, settings: readonly Setting[]): Refusal {
  if (refusal.fields === undefined) return refusal;
  const all = Object.entries(refusal.fields).flatMap(([field, list]) => list.map((word) => ({ field, word })));
  const keyOf = ({ field, word }: (typeof all)[number]) =>
    settings.find(
      ({ key }) =>
        word.part?.name === key ||
        word.part?.name.startsWith(`${key}[`) === true ||
        word.part?.name.startsWith(`${key}.`) === true,
    )?.key ?? field;
  const fields = Object.groupBy(all, keyOf);
  return {
    ...refusal,
    fields: Object.fromEntries(Object.entries(fields).map(([key, list = []]) => [key, list.map(({ word }) => word)])),
  };
}

export const SETTINGS_PAGE: PageDefinition = {
  path: PATH,
  access: 'admin',
  render: renderSettingsPage,
  act: changeSettings,
  operations: [CHANGE_SETTINGS],
};
