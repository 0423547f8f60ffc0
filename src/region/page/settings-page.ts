// The settings that operators change most; all others are in the configuration file and in `rackboot config`.
//
// 1. A value pinned by a configuration file is read-only here, and shown with the file's name.

import { html } from '../../html.ts';
import { pinText } from '../records/settings-refusal.ts';
import { formOf, hiddenField, textField } from './forms.ts';
import { pageOf } from './parts.ts';
import { given, ofForm, operate, outcomeOf, type PageDefinition, type View } from './view.ts';
import { words } from './words.ts';

const PATH = '/MAAS/settings/';

const SHOWN = [
  ['kernel_opts', 'boot.kernel_params', 'kernelParams'],
  ['commissioning_distro_series', 'boot.release', 'release'],
  ['upstream_dns', 'dns.upstream', 'upstreamDns'],
] as const;

const fieldOf = (name: string) => `value-${name}`;

async function storedValue(view: View, name: string) {
  const answer = await operate(view, 'GET maas get_config', {}, { name });
  return answer.kind === 'json' && typeof answer.value === 'string' ? answer.value : '';
}

async function settingForm(view: View, [name, key, texts]: (typeof SHOWN)[number]) {
  const { label, hint } = words.settings[texts];
  const pin = view.region.settings.pinnedBy(key, '');
  const value = await storedValue(view, name);
  if (pin !== undefined) {
    return html`
      <div class="list-item"><div><div class="name">${label}</div><code>${value}</code>
      <div class="small">${words.settings.setIn(pinText({ key, pin }))}</div></div></div>`;
  }
  return formOf(view, {
    body: [
      hiddenField('setting', name),
      textField(ofForm(view, given(view, 'setting') === name), { name: fieldOf(name), label, hint, value }),
    ],
    submit: words.forms.save,
    tone: 'plain',
  });
}

async function render(view: View) {
  return pageOf(view, {
    title: words.settings.title,
    place: 'settings',
    main: html`
      <div class="bar"><h1>${words.settings.title}</h1></div>
      ${await Promise.all(SHOWN.map(async (setting) => html`<section class="sheet narrow stacked">${await settingForm(view, setting)}</section>`))}`,
    footer: words.settings.footer,
  });
}

const SET = 'POST maas set_config';

async function act(view: View) {
  const setting = SHOWN.find(([name]) => name === given(view, 'setting'));
  if (setting === undefined) return undefined;
  const [name, , texts] = setting;
  const field = fieldOf(name);
  const answer = await operate(view, SET, {}, { name, value: given(view, field) });
  if (answer.kind !== 'refusal' || answer.fields === undefined)
    return outcomeOf(answer, PATH, words.settings.saved(words.settings[texts].label));
  return { ...answer, fields: { [field]: Object.values(answer.fields).flat() } };
}

export const SETTINGS_PAGE: PageDefinition = { path: PATH, access: 'admin', render, act, operations: [SET] };
