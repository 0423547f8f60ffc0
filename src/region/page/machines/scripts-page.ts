// The operators' scripts for commissioning and testing, for whoever may read them by the API.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSpan } from '../../../ground/quantity.ts';
import type { Script } from '../../records/script-store.ts';
import { runsUnasked } from '../../scripts/script-run.ts';
import { POSITION_DEFAULT, TIMEOUT_SECONDS_DEFAULT } from '../../scripts/script-text.ts';
import { asChangeForm, fileField, hiddenField, renderForm } from '../frame/forms.ts';
import { collectFormValues, renderControls } from '../frame/operation-form.ts';
import { renderFullPage } from '../frame/parts.ts';
import { dotted, pathBelow, timeAgo } from '../frame/values.ts';
import { fieldValue, mayCall, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';

const PATH = '/MAAS/scripts/';
const ADD = 'POST scripts';
const CHANGE = 'PUT scripts/{name}';
const REMOVE = 'DELETE scripts/{name}';

function scriptItem(view: View, script: Script) {
  const { name, title, description, timeoutSeconds, position, tags, isDestructive, changedMs } = script;
  const facts = [
    words.scripts.order(position),
    words.scripts.atMost(formatSpan(timeoutSeconds * 1000)),
    ...(isDestructive ? [words.scripts.destructive] : []),
    ...(runsUnasked(script) ? [] : [words.scripts.onlyChosen]),
    ...(tags.length === 0 ? [] : [words.scripts.tagged(tags)]),
    timeAgo(changedMs, view.nowMs, words.scripts.changed),
  ];
  const label = mayCall(view.viewer, CHANGE) ? words.forms.edit : words.scripts.read;
  const edit = html`<a class="button plain small-button" href="${pathBelow(PATH, name)}">${label}</a>`;
  const what = [title, description].filter((text) => text !== '').join(': ');
  return html`
    <div class="list-item"><div><div class="name">${name}</div><div class="lines">${what}</div>
    <div class="small">${dotted(facts)}</div></div>${edit}</div>`;
}

async function renderScriptList(view: View, kind: Script['kind']) {
  const scripts = await view.region.store.scripts.listScripts(kind);
  const items =
    scripts.length === 0
      ? html`<div class="note soft">${words.scripts.empty}</div>`
      : scripts.map((script) => scriptItem(view, script));
  return html`<h2>${words.scripts[kind]}</h2><div class="sheet narrow">${items}</div>`;
}

const FIELDS = ['name', 'type', 'description', 'timeout', 'position', 'tags'] as const;

function renderScriptFields(view: View, script?: Script & { readonly content: string }): readonly Html[] {
  const values = {
    ...script,
    type: script?.kind ?? 'commissioning',
    timeout: script?.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
    position: script?.position ?? POSITION_DEFAULT,
    script: script?.content ?? '#!/bin/sh\nset -eu\n',
  };
  const parts = (names: readonly string[]) =>
    renderControls(view, ADD, { only: names, values, required: ['name', 'type'] });
  return [...parts(FIELDS), fileField(view, { name: 'file', ...words.scripts.file }), ...parts(['script'])];
}

async function renderScripts(view: View) {
  const add = mayCall(view.viewer, ADD)
    ? html`<h2>${words.scripts.addOne}</h2><div class="sheet narrow">${renderForm(view, { body: renderScriptFields(view), submit: words.scripts.add, isUpload: true })}</div>`
    : nothing;
  return renderFullPage(view, {
    title: words.scripts.title,
    place: 'scripts',
    main: html`
      <div class="bar"><h1>${words.scripts.title}</h1></div>
      ${await renderScriptList(view, 'commissioning')}
      ${await renderScriptList(view, 'testing')}
      ${add}`,
  });
}

/** @param before the script that is changed: what the form did not change is left to its text */
function sentValues(view: View, before?: Script & { readonly content: string }) {
  const text = (fieldValue(view, 'file') || fieldValue(view, 'script')).replaceAll('\r\n', '\n').replace(/^\n/, '');
  const values = collectFormValues(view, CHANGE, { only: FIELDS });
  return {
    ...values,
    tags: values.tags === (before?.tags.join(', ') ?? '') ? undefined : values.tags,
    script: text === before?.content ? undefined : text,
  };
}

async function submitScript(view: View) {
  return submit(view, ADD, {}, sentValues(view), PATH, words.scripts.added(fieldValue(view, 'name').trim()));
}

const renderText = (view: View, { name, description, content }: Script & { readonly content: string }) =>
  renderFullPage(view, {
    title: words.scripts.titleOf(name),
    place: 'scripts',
    main: html`
      <div class="bar"><h1>${words.scripts.titleOf(name)}</h1></div><p class="lead lines">${description}</p>
      <div class="sheet narrow"><pre class="output" tabindex="0">${content}</pre></div><p><a href="${PATH}">${words.scripts.all}</a></p>`,
  });

async function renderScript(view: View) {
  const script = await view.region.store.scripts.findScript(view.path.script ?? '');
  if (script === undefined) return undefined;
  if (!mayCall(view.viewer, CHANGE)) return renderText(view, script);
  const remove = renderForm(view, { body: hiddenField('do', 'remove'), submit: words.scripts.delete, tone: 'danger' });
  return renderFullPage(view, {
    title: words.scripts.titleOf(script.name),
    place: 'scripts',
    main: html`
      <div class="bar"><h1>${words.scripts.titleOf(script.name)}</h1></div>
      <div class="sheet narrow">${renderForm(view, { body: renderScriptFields(asChangeForm(view), script), submit: words.forms.save, back: PATH, isUpload: true })}</div>
      <h2>${words.scripts.deleteIt}</h2><div class="sheet narrow"><p class="lead">${words.scripts.deleteWhat}</p>${remove}</div>`,
  });
}

async function changeScript(view: View) {
  const script = await view.region.store.scripts.findScript(view.path.script ?? '');
  if (script === undefined) return undefined;
  const path = { name: script.name };
  if (fieldValue(view, 'do') === 'remove') {
    return submit(view, REMOVE, path, {}, PATH, words.scripts.deleted(script.name));
  }
  return submit(
    view,
    CHANGE,
    path,
    sentValues(view, script),
    PATH,
    words.scripts.saved(fieldValue(view, 'name').trim()),
  );
}

export const SCRIPT_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'user', render: renderScripts, act: submitScript, operations: [ADD] },
  { path: `${PATH}:script/`, access: 'user', render: renderScript, act: changeScript, operations: [CHANGE, REMOVE] },
];
