// The settings that an operator changes from day to day: the kernel parameters of every machine, the release of the environment, the
// servers that DNS asks. Everything else is in the configuration file and in `rackboot config`.
//
// 1. A value that the file pins is shown and cannot be changed here; it says which file.

import { formOf, hiddenField, textField } from './forms.ts';
import { type Html, html } from './html.ts';
import { pageOf } from './parts.ts';
import { given, type Outcome, ofForm, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const PATH = '/MAAS/settings/';

/** MAAS's name, our key, what it is for people. */
const SHOWN: readonly (readonly [name: string, key: string, label: string, hint: string])[] = [
  [
    'kernel_opts',
    'boot.kernel_params',
    'Kernel parameters',
    'For every machine that has none of its own and none from a tag.',
  ],
  [
    'commissioning_distro_series',
    'boot.release',
    'Release of the environment',
    'The environment is the small system in which machines are commissioned, deployed and erased.',
  ],
  [
    'upstream_dns',
    'dns.upstream',
    'Upstream DNS servers',
    'They are asked for names outside of our zones. Put spaces between the addresses.',
  ],
];

/** The field of the form with the value of a setting. */
const fieldOf = (name: string): string => `value-${name}`;

function storedValue(view: View, name: string): string {
  const answer = operate(view, { method: 'GET', path: 'maas', op: 'get_config' }, {}, { name });
  return answer.kind === 'json' && typeof answer.value === 'string' ? answer.value : '';
}

function settingForm(view: View, [name, key, label, hint]: (typeof SHOWN)[number]): Html {
  const pinned = view.region.settings.pinnedBy(key, '');
  const value = storedValue(view, name);
  if (pinned !== undefined) {
    return html`
      <div class="list-item"><div><div class="name">${label}</div><code>${value}</code>
      <div class="small">Written in ${String(pinned)}: change it there.</div></div></div>`;
  }
  return formOf(view, {
    body: [
      hiddenField('setting', name),
      textField(ofForm(view, given(view, 'setting') === name), { name: fieldOf(name), label, hint, value }),
    ],
    submit: 'Save',
    tone: 'plain',
  });
}

function render(view: View): Html {
  return pageOf(view, {
    title: 'Settings',
    place: 'settings',
    main: html`
      <div class="bar"><h1>Settings</h1></div>
      ${SHOWN.map((setting) => html`<section class="sheet narrow stacked">${settingForm(view, setting)}</section>`)}`,
    footer: html`All settings: <code>rackboot config show</code>, and the configuration file.`,
  });
}

const SET = { method: 'POST', path: 'maas', op: 'set_config' } as const;

function act(view: View): Outcome {
  const setting = SHOWN.find(([name]) => name === given(view, 'setting'));
  if (setting === undefined) return undefined;
  const [name, , label] = setting;
  const field = fieldOf(name);
  const answer = operate(view, SET, {}, { name, value: given(view, field) });
  if (answer.kind !== 'refusal' || typeof answer.body === 'string') return outcomeOf(answer, PATH, `${label}: saved.`);
  // The form has this one field; what is wrong may be named after a part of it.
  return { ...answer, body: { [field]: Object.values(answer.body).flat() } };
}

export const SETTINGS_PAGE: PageDefinition = { path: PATH, access: 'admin', render, act, operations: [SET] };
