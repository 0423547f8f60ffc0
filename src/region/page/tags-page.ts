// The tags, each with its kernel parameters and the number of its machines: list, add, edit, delete.

import { counted } from '../../counted.ts';
import type { Tag } from '../records/life-store.ts';
import { formOf, hiddenField, textField } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { pageOf } from './parts.ts';
import { given, mayCall, type Outcome, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const PATH = '/MAAS/tags/';
/** Tags on the page. */
const SHOWN_MAX = 300;

const ADD = { method: 'POST', path: 'tags' } as const;
const CHANGE = { method: 'PUT', path: 'tags/{name}' } as const;
const REMOVE = { method: 'DELETE', path: 'tags/{name}' } as const;
const pathOf = (name: string): string => `${PATH}${encodeURIComponent(name)}/`;

function tagItem(view: View, { name, comment, kernelParams }: Tag): Html {
  const count = view.region.store.countMachines({ tags: [name] });
  const edit = mayCall(view.viewer, CHANGE)
    ? html`<a class="button plain small-button" href="${pathOf(name)}">Edit</a>`
    : nothing;
  const params = kernelParams === '' ? nothing : html`<div class="small"><code>${kernelParams}</code></div>`;
  return html`
    <div class="list-item"><div><div class="name">${name}</div><div class="small">${comment}</div>${params}</div>
    <div class="row"><span class="small"><a href="/MAAS/?q=${encodeURIComponent(name)}">${counted(count, 'machine')}</a></span>${edit}</div></div>`;
}

const fieldsOf = (view: View, tag?: Tag): readonly Html[] => [
  textField(view, {
    name: 'name',
    label: 'Name',
    value: tag?.name,
    required: true,
    charactersMax: 64,
    hint: 'Letters, digits, - and _.',
  }),
  textField(view, { name: 'comment', label: 'Description', value: tag?.comment, charactersMax: 1000 }),
  textField(view, {
    name: 'kernel_opts',
    label: 'Kernel parameters',
    value: tag?.kernelParams,
    hint: 'Replace those of the settings. If several tags of a machine have some, the first by name applies.',
  }),
];

function renderAll(view: View): Html {
  const tags = view.region.store.life.listTags();
  const list =
    tags.length === 0
      ? html`<div class="note soft">No tags yet. A tag groups machines, and can set their kernel parameters.</div>`
      : tags.slice(0, SHOWN_MAX).map((tag) => tagItem(view, tag));
  const add = mayCall(view.viewer, ADD)
    ? html`<h2>Add a tag</h2><div class="sheet narrow">${formOf(view, { body: fieldsOf(view), submit: 'Add tag' })}</div>`
    : nothing;
  return pageOf(view, {
    title: 'Tags',
    place: 'tags',
    main: html`<div class="bar"><h1>Tags</h1></div><div class="sheet narrow">${list}</div>${add}`,
    footer: html`To tag a machine, edit it on its page.`,
  });
}

const valuesOf = (view: View): Record<string, string> => ({
  name: given(view, 'name').trim(),
  comment: given(view, 'comment'),
  kernel_opts: given(view, 'kernel_opts'),
});

function add(view: View): Outcome {
  const answer = operate(view, ADD, {}, valuesOf(view));
  return outcomeOf(answer, PATH, `Tag ${given(view, 'name').trim()} added.`);
}

const findTag = (view: View): Tag | undefined =>
  view.region.store.life.listTags().find(({ name }) => name === view.path.tag);

function renderOne(view: View): Html | undefined {
  const tag = findTag(view);
  if (tag === undefined) return undefined;
  const count = view.region.store.countMachines({ tags: [tag.name] });
  const loss =
    count === 0
      ? 'No machine has it.'
      : `${counted(count, 'machine loses', 'machines lose')} it, with its kernel parameters.`;
  const remove = formOf(view, { body: hiddenField('do', 'remove'), submit: 'Delete tag', tone: 'danger' });
  return pageOf(view, {
    title: `Tag ${tag.name}`,
    place: 'tags',
    main: html`
      <div class="bar"><h1>Tag ${tag.name}</h1></div>
      <div class="sheet narrow">${formOf(view, { body: fieldsOf(view, tag), submit: 'Save', back: PATH })}</div>
      <h2>Delete this tag</h2><div class="sheet narrow"><p class="lead">${loss}</p>${remove}</div>`,
  });
}

function change(view: View): Outcome {
  const tag = findTag(view);
  if (tag === undefined) return undefined;
  const path = { name: tag.name };
  if (given(view, 'do') === 'remove') {
    return outcomeOf(operate(view, REMOVE, path, {}), PATH, `Tag ${tag.name} deleted.`);
  }
  const answer = operate(view, CHANGE, path, valuesOf(view));
  return outcomeOf(answer, PATH, `Tag ${given(view, 'name').trim()} saved.`);
}

export const TAG_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'look', render: renderAll, act: add, operations: [ADD] },
  { path: `${PATH}:tag/`, access: 'admin', render: renderOne, act: change, operations: [CHANGE, REMOVE] },
];
