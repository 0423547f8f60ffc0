// The settings that an operator changes from day to day: the kernel parameters of every machine, the release of the environment, the
// servers that DNS asks. Everything else is in the configuration file and in `rackboot config`.
//
// 1. A value that the file pins is shown and cannot be changed here; it says which file.

import { formOf, hiddenField, textField } from './forms.ts';
import { escapeHtml } from './html.ts';
import { pageOf } from './parts.ts';
import { given, type Outcome, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const PATH = '/MAAS/settings/';

/** MAAS's name, our key, what it is for people. */
const SHOWN: readonly (readonly [name: string, key: string, label: string, hint: string])[] = [
  [
    'kernel_opts',
    'boot.kernel_params',
    'Kernel parameters',
    'Of every machine that has none of its own and none by a tag.',
  ],
  [
    'commissioning_distro_series',
    'boot.release',
    'Release of the environment',
    'In which machines are measured and deployed.',
  ],
  [
    'upstream_dns',
    'dns.upstream',
    'Upstream DNS servers',
    'Asked for names of the outside world; with spaces between.',
  ],
];

function storedValue(view: View, name: string): string {
  const answer = operate(view, { method: 'GET', path: 'maas', op: 'get_config' }, {}, { name });
  return answer.kind === 'json' && typeof answer.value === 'string' ? answer.value : '';
}

function settingForm(view: View, [name, key, label, hint]: (typeof SHOWN)[number]): string {
  const pinned = view.region.settings.pinnedBy(key, '');
  const value = storedValue(view, name);
  if (pinned !== undefined) {
    return (
      `<div class="list-item"><div><div class="name">${escapeHtml(label)}</div><code>${escapeHtml(value)}</code>` +
      `<div class="small">Written in ${escapeHtml(String(pinned))}: change it there.</div></div></div>`
    );
  }
  return formOf(view, {
    body:
      hiddenField('setting', name) +
      textField({ ...view, refusal: undefined }, { name: `value-${name}`, label, hint, value }),
    submit: 'Save',
    tone: 'plain',
  });
}

function render(view: View): string {
  return pageOf(view, {
    title: 'Settings',
    place: 'settings',
    main:
      `<div class="bar"><h1>Settings</h1></div>` +
      SHOWN.map((setting) => `<section class="sheet narrow stacked">${settingForm(view, setting)}</section>`).join(''),
    footer: 'All settings: <code>rackboot config show</code>, and the configuration file.',
  });
}

const SET = { method: 'POST', path: 'maas', op: 'set_config' } as const;

function act(view: View): Outcome {
  const setting = SHOWN.find(([name]) => name === given(view, 'setting'));
  if (setting === undefined) return undefined;
  const [name, , label] = setting;
  const values = { name, value: given(view, `value-${name}`) };
  const answer = operate(view, SET, {}, values);
  return outcomeOf(answer, PATH, `${label}: kept.`);
}

export const SETTINGS_PAGE: PageDefinition = { path: PATH, access: 'admin', render, act, operations: [SET] };
