// The tags, each with its kernel parameters and the number of its machines: list, add, edit, delete.

import { type Html, html, nothing } from '../../html.ts';
import type { Tag } from '../records/life-store.ts';
import { formOf, hiddenField, textField } from './forms.ts';
import { pageOf } from './parts.ts';
import { pathBelow } from './values.ts';
import { given, mayCall, type PageDefinition, submit, type View } from './view.ts';
import { words } from './words.ts';

const PATH = '/MAAS/tags/';
const SHOWN_MAX = 300;

const ADD = 'POST tags';
const CHANGE = 'PUT tags/{name}';
const REMOVE = 'DELETE tags/{name}';

function tagItem(view: View, { name, comment, kernelParams }: Tag, count: number) {
  const edit = mayCall(view.viewer, CHANGE)
    ? html`<a class="button plain small-button" href="${pathBelow(PATH, name)}">${words.forms.edit}</a>`
    : nothing;
  const params = kernelParams === '' ? nothing : html`<div class="small"><code>${kernelParams}</code></div>`;
  return html`
    <div class="list-item"><div><div class="name">${name}</div><div class="small">${comment}</div>${params}</div>
    <div class="row"><span class="small"><a href="/MAAS/machines/?tags=${encodeURIComponent(name)}">${words.tags.machines(count)}</a></span>${edit}</div></div>`;
}

const fieldsOf = (view: View, tag?: Tag): readonly Html[] => [
  textField(view, {
    name: 'name',
    label: words.forms.name,
    value: tag?.name,
    required: true,
    charactersMax: 64,
    hint: words.tags.nameHint,
  }),
  textField(view, { name: 'comment', label: words.forms.description, value: tag?.comment, charactersMax: 1000 }),
  textField(view, {
    name: 'kernel_opts',
    label: words.forms.kernelParams,
    value: tag?.kernelParams,
    hint: words.tags.kernelParamsHint,
  }),
];

async function renderAll(view: View) {
  const { life } = view.region.store;
  const [tags, counts] = [await life.listTags(), await life.countTagged()];
  const list =
    tags.length === 0
      ? html`<div class="note soft">${words.tags.empty}</div>`
      : tags.slice(0, SHOWN_MAX).map((tag) => tagItem(view, tag, counts.get(tag.name) ?? 0));
  const add = mayCall(view.viewer, ADD)
    ? html`<h2>${words.tags.addOne}</h2><div class="sheet narrow">${formOf(view, { body: fieldsOf(view), submit: words.tags.add })}</div>`
    : nothing;
  return pageOf(view, {
    title: words.tags.title,
    place: 'tags',
    main: html`<div class="bar"><h1>${words.tags.title}</h1></div><div class="sheet narrow">${list}</div>${add}`,
    footer: html`${words.tags.footer}`,
  });
}

const valuesOf = (view: View): Record<string, string> => ({
  name: given(view, 'name').trim(),
  comment: given(view, 'comment'),
  kernel_opts: given(view, 'kernel_opts'),
});

async function add(view: View) {
  return submit(view, ADD, {}, valuesOf(view), PATH, words.tags.added(given(view, 'name').trim()));
}

const findTag = async (view: View) =>
  (await view.region.store.life.listTags()).find(({ name }) => name === view.path.tag);

async function renderOne(view: View) {
  const tag = await findTag(view);
  if (tag === undefined) return undefined;
  const count = await view.region.store.countMachines({ tags: [tag.name] });
  const remove = formOf(view, { body: hiddenField('do', 'remove'), submit: words.tags.delete, tone: 'danger' });
  return pageOf(view, {
    title: words.tags.titleOf(tag.name),
    place: 'tags',
    main: html`
      <div class="bar"><h1>${words.tags.titleOf(tag.name)}</h1></div>
      <div class="sheet narrow">${formOf(view, { body: fieldsOf(view, tag), submit: words.forms.save, back: PATH })}</div>
      <h2>${words.tags.deleteIt}</h2><div class="sheet narrow"><p class="lead">${words.tags.loss(count)}</p>${remove}</div>`,
  });
}

async function change(view: View) {
  const tag = await findTag(view);
  if (tag === undefined) return undefined;
  const path = { name: tag.name };
  if (given(view, 'do') === 'remove') {
    return submit(view, REMOVE, path, {}, PATH, words.tags.deleted(tag.name));
  }
  return submit(view, CHANGE, path, valuesOf(view), PATH, words.tags.saved(given(view, 'name').trim()));
}

export const TAG_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'user', render: renderAll, act: add, operations: [ADD] },
  { path: `${PATH}:tag/`, access: 'admin', render: renderOne, act: change, operations: [CHANGE, REMOVE] },
];
