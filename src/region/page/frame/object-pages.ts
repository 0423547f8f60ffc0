// The pages of objects of one kind, made of its five operations (`resource` in
// `api/call/operation.ts`): a list with a form that adds one, and a page of each with forms that
// change and delete it.
//
// 1. The objects are those that the operations answer, so a page shows what the API shows, to whom
//    it shows it.
// 2. A list shows LISTED_MAX objects at a time; a search and pages lead to the others.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import type { Answer } from '../../api/call/answer.ts';
import { hiddenField, renderForm } from './forms.ts';
import { buildListing } from './listing.ts';
import { collectFormValues, type FormOptions, renderControls } from './operation-form.ts';
import { cell, type Place, renderFullPage } from './parts.ts';
import { pathBelow } from './values.ts';
import {
  fieldValue,
  findWanted,
  mayCall,
  type Outcome,
  operate,
  type PageDefinition,
  submit,
  type View,
  type WantedOperation,
} from './view.ts';
import { words } from './words.ts';

/** An object as the API answers it. */
export type ApiObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is ApiObject => typeof value === 'object' && value !== null;

/** The objects that a listing operation answers. */
async function objectsIn(answer: Answer): Promise<readonly ApiObject[]> {
  if (answer.kind === 'json') return Array.isArray(answer.value) ? answer.value.filter(isObject) : [];
  const objects: ApiObject[] = [];
  if (answer.kind !== 'list') return objects;
  for (let next = await answer.entries.next(); next.done !== true; next = await answer.entries.next())
    if (isObject(next.value)) objects.push(next.value);
  return objects;
}

/** A property as text; empty if it has none. */
export const getPropertyText = (object: ApiObject, name: string): string => {
  const value = object[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

interface Column {
  readonly label: string;
  readonly content: (object: ApiObject) => Part;
}

interface OneWords {
  readonly titleOf: (name: string) => string;
  /** The heading of the form that changes it, if its page has other content. */
  readonly changeIt?: string;
  readonly deleteIt: string;
  readonly delete: string;
}

interface KindWords extends OneWords {
  readonly title: string;
  readonly lead?: string;
  /** Shown in place of an empty list: what these objects are for. */
  readonly empty: string;
  readonly addOne: string;
  readonly add: string;
}

/** Objects whose list is a page of another file. */
interface UnlistedKind {
  /** `/MAAS/zones/` */
  readonly path: string;
  readonly place: Place;
  /** The paths of its operations: `zones` and `zones/{name}`. */
  readonly many: string;
  readonly one: string;
  readonly words: () => OneWords;
  readonly nameOf: (object: ApiObject) => string;
  /** What `nameOf` gives, where that is not called its name. */
  readonly nameLabel?: () => string;
  /** Its segment in the path of its operations. */
  readonly keyOf: (object: ApiObject) => string;
  /** The present values need not be among these options. `undefined`: it cannot be changed. */
  readonly change: (view: View, object: ApiObject) => FormOptions | undefined | Promise<FormOptions | undefined>;
  /** What its deletion takes along, or why it cannot be deleted. */
  readonly deletion: (view: View, object: ApiObject) => Deletion | Promise<Deletion>;
  /** What its page shows above the forms. With it, every user may open the page. */
  readonly content?: (view: View, object: ApiObject) => Html | Promise<Html>;
  /** Further operations of its page, each with the value of `do` in its form. */
  readonly acts?: Readonly<Record<string, (view: View, object: ApiObject) => Promise<Outcome>>>;
  readonly actOperations?: readonly WantedOperation[];
  /** Where the forms are below its own page, which another file has: `edit/`. Default: they are its page. */
  readonly formsAt?: string;
  /** Where the forms lead back. Default: the list. */
  readonly home?: (object: ApiObject) => string;
  /** True if the viewer may change this one. Default: who may call the operation may. */
  readonly mayChange?: (view: View, object: ApiObject) => boolean;
}

interface ObjectKind extends UnlistedKind {
  readonly words: () => KindWords;
  /** The columns after the name. */
  readonly columns: (view: View, objects: readonly ApiObject[]) => readonly Column[] | Promise<readonly Column[]>;
  readonly add: (view: View) => FormOptions | Promise<FormOptions>;
  /** What the list's page shows below the list. */
  readonly listContent?: (view: View) => Html | Promise<Html>;
}

interface Deletion {
  readonly text: string;
  readonly isRefused?: boolean;
}

/** The list, and the page of one object. */
export function objectPages(kind: ObjectKind): readonly PageDefinition[] {
  const { path, many } = kind;
  return [
    {
      path,
      access: 'user',
      render: (view) => renderList(view, kind),
      act: (view) => addObject(view, kind),
      operations: [`POST ${many}`],
    },
    onePage(kind),
  ];
}

/** The page of one object. */
export function onePage(kind: UnlistedKind): PageDefinition {
  const { path, one } = kind;
  const isOpen = kind.content !== undefined || findWanted(nameKindOperations(kind).change).access !== 'admin';
  return {
    path: `${path}:id/${kind.formsAt ?? ''}`,
    access: isOpen ? 'user' : 'admin',
    render: (view) => renderObject(view, kind),
    act: (view) => changeObject(view, kind),
    operations: [`PUT ${one}`, `DELETE ${one}`, ...(kind.actOperations ?? [])],
  };
}

interface Adding {
  readonly path: string;
  readonly place: Place;
  readonly operation: WantedOperation;
  readonly words: () => { readonly title: string; readonly lead: string; readonly add: string };
  readonly options: (view: View) => FormOptions | Promise<FormOptions>;
  /** Sent besides what the form has. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** The list to which the form leads back. */
  readonly list: string;
  /** The page to show then. */
  readonly to: (view: View, added: ApiObject) => string;
}

/** A page of its own for a form that adds something to a list which another file has. */
export const addingPage = ({
  path,
  place,
  operation,
  words: wordsOf,
  options,
  fixed,
  list,
  to,
}: Adding): PageDefinition => ({
  path,
  access: 'user',
  operations: [operation],
  async render(view) {
    const { title, lead, add: submitText } = wordsOf();
    const body = renderControls(view, operation, await options(view));
    return renderFullPage(view, {
      title,
      place,
      main: html`
        <div class="bar"><h1>${title}</h1></div><p class="soft">${lead}</p>
        <div class="sheet narrow">${renderForm(view, { body, submit: submitText, back: list })}</div>`,
    });
  },
  async act(view) {
    const answer = await operate(
      view,
      operation,
      {},
      { ...collectFormValues(view, operation, await options(view)), ...fixed },
    );
    if (answer.kind !== 'json') return answer.kind === 'refusal' ? answer : undefined;
    const added = isObject(answer.value) ? answer.value : {};
    return { kind: 'done', to: to(view, added), text: words.objects.added(getPropertyText(added, 'hostname')) };
  },
});

const nameKindOperations = ({ many, one }: Pick<UnlistedKind, 'many' | 'one'>) =>
  ({
    list: `GET ${many}`,
    add: `POST ${many}`,
    read: `GET ${one}`,
    change: `PUT ${one}`,
    remove: `DELETE ${one}`,
  }) as const satisfies Readonly<Record<string, WantedOperation>>;

async function renderList(view: View, kind: ObjectKind) {
  const { title, lead, empty, addOne, add: addText } = kind.words();
  const operations = nameKindOperations(kind);
  const objects = await objectsIn(await operate(view, operations.list, {}, {}));
  const listing = buildListing(view, objects, kind.nameOf);
  const columns = await kind.columns(view, listing.shown);
  const isOpen = kind.content !== undefined || mayCall(view.viewer, operations.change);
  const rows = listing.shown.map((object) => {
    const name = kind.nameOf(object);
    const link = isOpen ? html`<a href="${pathBelow(kind.path, kind.keyOf(object))}">${name}</a>` : html`${name}`;
    const cells = columns.map(({ label, content }) => cell(label, content(object)));
    return html`<tr><td class="first"><div class="name">${link}</div></td>${cells}</tr>`;
  });
  const head = [kind.nameLabel?.() ?? words.forms.name, ...columns.map(({ label }) => label)].map(
    (label) => html`<th>${label}</th>`,
  );
  const table =
    objects.length === 0
      ? html`<div class="sheet empty soft">${empty}</div>`
      : html`${listing.search}<div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>${listing.pages}`;
  const form = mayCall(view.viewer, operations.add)
    ? html`<h2>${addOne}</h2><div class="sheet narrow">${renderForm(view, { body: renderControls(view, operations.add, await kind.add(view)), submit: addText })}</div>`
    : nothing;
  return renderFullPage(view, {
    title,
    place: kind.place,
    main: html`
      <div class="bar"><h1>${title}</h1></div>${lead === undefined ? nothing : html`<p class="soft">${lead}</p>`}
      ${table}${kind.listContent === undefined ? nothing : await kind.listContent(view)}${form}`,
  });
}

async function addObject(view: View, kind: ObjectKind) {
  const operation = nameKindOperations(kind).add;
  const answer = await operate(view, operation, {}, collectFormValues(view, operation, await kind.add(view)));
  if (answer.kind !== 'json') return answer.kind === 'refusal' ? answer : undefined;
  const added = isObject(answer.value) ? answer.value : {};
  return { kind: 'done', to: chooseReturnPath(kind, added), text: words.objects.added(kind.nameOf(added)) } as const;
}

const chooseReturnPath = ({ path, home }: UnlistedKind, object: ApiObject) => home?.(object) ?? path;

/** The parameters of the path that name the object. */
function pickPathParameters({ one }: UnlistedKind, { path }: View) {
  const [, name = ''] = /\{(\w+)\}/.exec(one) ?? [];
  return { [name]: path.id ?? '' };
}

async function findObject(view: View, kind: UnlistedKind) {
  const answer = await operate(view, nameKindOperations(kind).read, pickPathParameters(kind, view), {});
  return answer.kind === 'json' && isObject(answer.value) ? answer.value : undefined;
}

async function renderObject(view: View, kind: UnlistedKind) {
  const object = await findObject(view, kind);
  if (object === undefined) return undefined;
  const { titleOf } = kind.words();
  const title = titleOf(kind.nameOf(object));
  const isAllowed = kind.mayChange?.(view, object) ?? mayCall(view.viewer, nameKindOperations(kind).change);
  return renderFullPage(view, {
    title,
    place: kind.place,
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      ${kind.content === undefined ? nothing : await kind.content(view, object)}
      ${isAllowed ? await changeForms(view, kind, object) : nothing}`,
  });
}

async function changeForms(view: View, kind: UnlistedKind, object: ApiObject): Promise<readonly Html[]> {
  const { changeIt, deleteIt, delete: deleteText } = kind.words();
  const options = await kind.change(view, object);
  // Another page may show it, too.
  const to = `${pathBelow(kind.path, kind.keyOf(object))}${kind.formsAt ?? ''}`;
  const heading = kind.content === undefined || changeIt === undefined ? nothing : html`<h2>${changeIt}</h2>`;
  const form =
    options === undefined
      ? nothing
      : html`${heading}<div class="sheet narrow">${renderForm(view, {
          to,
          body: renderControls(view, nameKindOperations(kind).change, { values: object, ...options }),
          submit: words.forms.save,
          back: chooseReturnPath(kind, object),
        })}</div>`;
  const { text, isRefused = false } = await kind.deletion(view, object);
  const button = isRefused
    ? html`<p></p>`
    : renderForm(view, { to, body: hiddenField('do', 'delete'), submit: deleteText, tone: 'danger' });
  return [form, html`<h2>${deleteIt}</h2><div class="sheet narrow"><p class="lead">${text}</p>${button}</div>`];
}

async function changeObject(view: View, kind: UnlistedKind) {
  const object = await findObject(view, kind);
  if (object === undefined) return undefined;
  const operations = nameKindOperations(kind);
  const [name, path] = [kind.nameOf(object), pickPathParameters(kind, view)];
  const act = kind.acts?.[fieldValue(view, 'do')];
  if (act !== undefined) return act(view, object);
  if (fieldValue(view, 'do') === 'delete') {
    // A page of its own goes with the object.
    const to = kind.formsAt === undefined ? chooseReturnPath(kind, object) : kind.path;
    return submit(view, operations.remove, path, {}, to, words.objects.deleted(name));
  }
  const options = await kind.change(view, object);
  if (options === undefined) return undefined;
  const values = collectFormValues(view, operations.change, options);
  return submit(view, operations.change, path, values, chooseReturnPath(kind, object), words.objects.saved(name));
}
