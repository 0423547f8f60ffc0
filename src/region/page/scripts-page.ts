// The operators' scripts for commissioning and testing: list, add, edit, delete.
//
// 1. A person who may read a script by the API may read it here.
// 2. `script-text.ts` decides whether a text is a valid script.

import type { Script } from '../records/script-store.ts';
import { TIMEOUT_SECONDS_DEFAULT } from '../scripts/script-text.ts';
import { areaField, choiceField, fileField, formOf, hiddenField, textField } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { pageOf } from './parts.ts';
import { formatAge } from './values.ts';
import { given, mayCall, type Outcome, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const PATH = '/MAAS/scripts/';
const ADD = { method: 'POST', path: 'scripts' } as const;
const CHANGE = { method: 'PUT', path: 'scripts/{name}' } as const;
const REMOVE = { method: 'DELETE', path: 'scripts/{name}' } as const;
const pathOf = (name: string): string => `${PATH}${encodeURIComponent(name)}/`;

function timeText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function scriptItem(view: View, script: Script): Html {
  const { name, title, description, timeoutSeconds, position, changedMs } = script;
  const facts = [
    `order ${position}`,
    `at most ${timeText(timeoutSeconds)}`,
    `changed ${formatAge(view.nowMs - changedMs)}`,
  ];
  const word = mayCall(view.viewer, CHANGE) ? 'Edit' : 'Read';
  const edit = html`<a class="button plain small-button" href="${pathOf(name)}">${word}</a>`;
  const words = [title, description].filter((text) => text !== '').join(': ');
  return html`
    <div class="list-item"><div><div class="name">${name}</div><div>${words}</div>
    <div class="small">${facts.join(' · ')}</div></div>${edit}</div>`;
}

function listOf(view: View, kind: Script['kind'], title: string, empty: string): Html {
  const scripts = view.region.store.scripts.listScripts(kind);
  const items =
    scripts.length === 0 ? html`<div class="note soft">${empty}</div>` : scripts.map((one) => scriptItem(view, one));
  return html`<h2>${title}</h2><div class="sheet narrow">${items}</div>`;
}

const KINDS = [
  ['commissioning', 'during commissioning'],
  ['testing', 'during testing'],
] as const;

const fieldsOf = (view: View, script?: Script & { readonly content: string }): readonly Html[] => [
  textField(view, { name: 'name', label: 'Name', value: script?.name, required: true, charactersMax: 64 }),
  choiceField(view, { name: 'type', label: 'When it runs', value: script?.kind ?? 'commissioning', choices: KINDS }),
  textField(view, { name: 'description', label: 'Description', value: script?.description, charactersMax: 1024 }),
  textField(view, {
    name: 'timeout',
    label: 'Time limit',
    value: String(script?.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT),
    hint: 'Seconds, or 10m, 2h, 01:30:00.',
    charactersMax: 12,
  }),
  textField(view, {
    name: 'position',
    label: 'Order',
    value: String(script?.position ?? 50),
    hint: '0 to 999. Lower numbers run first.',
    charactersMax: 3,
  }),
  fileField(view, { name: 'file', label: 'File', hint: 'Its text replaces the one below.' }),
  areaField(view, {
    name: 'script',
    label: 'Script',
    rows: 14,
    required: true,
    value: script?.content ?? '#!/bin/sh\nset -eu\n',
    hint: 'The first line names the interpreter. A non-zero exit status is a failure.',
  }),
];

function renderAll(view: View): Html {
  const add = mayCall(view.viewer, ADD)
    ? html`<h2>Add a script</h2><div class="sheet narrow">${formOf(view, { body: fieldsOf(view), submit: 'Add script', isUpload: true })}</div>`
    : nothing;
  return pageOf(view, {
    title: 'Scripts',
    place: 'scripts',
    main: html`
      <div class="bar"><h1>Scripts</h1></div>
      ${listOf(view, 'commissioning', 'Commissioning', 'No scripts: only the built-in checks run.')}
      ${listOf(view, 'testing', 'Testing', 'No scripts: only the built-in checks run.')}
      ${add}`,
  });
}

const valuesOf = (view: View): Record<string, string> => ({
  name: given(view, 'name').trim(),
  type: given(view, 'type'),
  description: given(view, 'description'),
  timeout: given(view, 'timeout'),
  position: given(view, 'position'),
  script: (given(view, 'file') || given(view, 'script')).replaceAll('\r\n', '\n').replace(/^\n/, ''),
});

function add(view: View): Outcome {
  const answer = operate(view, ADD, {}, valuesOf(view));
  return outcomeOf(answer, PATH, `Script ${given(view, 'name').trim()} added: it runs from now on.`);
}

/** The page for people who may read the script but not change it. */
const renderText = (view: View, { name, description, content }: Script & { readonly content: string }): Html =>
  pageOf(view, {
    title: `Script ${name}`,
    place: 'scripts',
    main: html`
      <div class="bar"><h1>Script ${name}</h1></div><p class="lead">${description}</p>
      <div class="sheet narrow"><pre class="output" tabindex="0">${content}</pre></div><p><a href="${PATH}">All scripts</a></p>`,
  });

function renderOne(view: View): Html | undefined {
  const script = view.region.store.scripts.findScript(view.path.script ?? '');
  if (script === undefined) return undefined;
  if (!mayCall(view.viewer, CHANGE)) return renderText(view, script);
  const remove = formOf(view, { body: hiddenField('do', 'remove'), submit: 'Delete script', tone: 'danger' });
  return pageOf(view, {
    title: `Script ${script.name}`,
    place: 'scripts',
    main: html`
      <div class="bar"><h1>Script ${script.name}</h1></div>
      <div class="sheet narrow">${formOf(view, { body: fieldsOf(view, script), submit: 'Save', back: PATH, isUpload: true })}</div>
      <h2>Delete this script</h2><div class="sheet narrow"><p class="lead">It will no longer run. Its results are kept.</p>${remove}</div>`,
  });
}

function change(view: View): Outcome {
  const script = view.region.store.scripts.findScript(view.path.script ?? '');
  if (script === undefined) return undefined;
  const path = { name: script.name };
  if (given(view, 'do') === 'remove') {
    return outcomeOf(operate(view, REMOVE, path, {}), PATH, `Script ${script.name} deleted.`);
  }
  const answer = operate(view, CHANGE, path, valuesOf(view));
  return outcomeOf(answer, PATH, `Script ${given(view, 'name').trim()} saved.`);
}

export const SCRIPT_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'user', render: renderAll, act: add, operations: [ADD] },
  { path: `${PATH}:script/`, access: 'user', render: renderOne, act: change, operations: [CHANGE, REMOVE] },
];
