// The page at /MAAS/machines/: the list of machines, and that of devices.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { parseTargetQuery } from '../../api/call/form-body.ts';
import { renderForm } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import { fieldValue, mayCall, type Outcome, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { ADD_DEVICE_PATH, ADD_MACHINE_PATH } from './adding-pages.ts';
import { listParts } from './machine-list.ts';
import { formatMachinesPath, LIST_PATH, parseColumns, parseQuery, writtenColumns } from './machine-query.ts';

export const ACCEPT_ALL = 'POST machines accept_all';

export async function acceptAll(view: View): Promise<Html> {
  const count = await view.region.store.countMachines({ statuses: ['new'] });
  if (count === 0 || !mayCall(view.viewer, ACCEPT_ALL)) return nothing;
  return renderForm(view, { body: nothing, submit: words.machines.acceptAll(count), tone: 'plain', isInline: true });
}

/** Only who may send a form is led to one. */
const addLinks = ({ viewer, query }: View): Html =>
  viewer.csrf === ''
    ? nothing
    : query.get('kind')?.at(-1) === 'devices'
      ? html`<a class="button plain" href="${ADD_DEVICE_PATH}">${words.adding.device.title}</a>`
      : html`<a class="button plain" href="${ADD_MACHINE_PATH}">${words.adding.machine.title}</a>`;

export async function renderPage(view: View): Promise<Html> {
  const { title, parts } = await listParts(view);
  return renderFullPage(view, {
    title,
    place: 'machines',
    isLive: true,
    main: html`<div id="bar" class="bar"><h1>${words.machines.heading}</h1>${await acceptAll(view)}${addLinks(view)}</div>${parts}`,
  });
}

/**
 * The form of columns, which the browser then remembers, or else the button that accepts all New
 * machines.
 */
async function actOnMachines(view: View): Promise<Outcome> {
  if (!view.form.has('query')) return submit(view, ACCEPT_ALL, {}, {}, LIST_PATH, words.machines.accepted);
  const columns = parseColumns(view.form.get('columns') ?? []) ?? [];
  const to = formatMachinesPath(parseQuery(parseTargetQuery(fieldValue(view, 'query'))));
  return { kind: 'done', to, text: '', remember: { name: 'columns', value: writtenColumns(columns) } };
}

export const MACHINES_PAGE: PageDefinition = {
  path: LIST_PATH,
  access: 'user',
  render: renderPage,
  act: actOnMachines,
  operations: [ACCEPT_ALL],
};
