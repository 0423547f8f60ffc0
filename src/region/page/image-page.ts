// The page of one image: its versions and files, its import, the machines that use it, and its deletion.

import { type Html, html, nothing } from '../../html.ts';
import type { ListedResource } from '../images/boot-images.ts';
import { words } from '../words/text.ts';
import { formOf, hiddenField } from './forms.ts';
import { comingPart, IMAGES_PATH, importPart, resourceTitle, sizeOf, statePill, useText } from './images-page.ts';
import { pageOf } from './parts.ts';
import { mayCall, type Outcome, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const DELETE = { method: 'DELETE', path: 'boot-resources/{id}' } as const;

const findResource = async (view: View): Promise<ListedResource | undefined> =>
  (await view.region.bootImages.listResources()).find(({ id }) => String(id) === view.path.image);

function deletion(view: View, { name, progress }: ListedResource, machines: number): Html {
  if (!mayCall(view.viewer, DELETE)) return nothing;
  const used = machines === 0 ? '' : ` ${words.images.deleteUsed(machines)}`;
  const form = formOf(view, {
    body: hiddenField('name', name),
    submit: words.images.delete,
    tone: 'danger',
    back: IMAGES_PATH,
  });
  const what = words.images.deleteWhat(progress !== undefined);
  return html`
    <h2>${words.images.deleteIt}</h2><div class="sheet narrow"><p class="lead">${what}${used}</p>${form}</div>`;
}

async function render(view: View): Promise<Html | undefined> {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const { name, images, progress } = resource;
  const uses = await view.region.store.boot.listUses();
  const [os, release, architecture = '', subarchitecture = ''] = name.split('/');
  const machines = uses.find((one) => one.os === os && one.release === release && one.architecture === architecture);
  const source = images[0]?.origin?.source ?? progress?.source ?? '';
  const files = images.map(
    (image) => html`<div class="break">${words.images.file(image.serial, sizeOf(image), image.sha256)}</div>`,
  );
  const coming = importPart(resource, view.nowMs);
  const pairs: readonly (readonly [string, Html | string])[] = [
    [words.images.state, html`${statePill(resource)}<div class="coming">${comingPart(resource)}${coming}</div>`],
    [words.images.columns.architecture, `${architecture}/${subarchitecture}`],
    [words.images.source, source],
    [words.images.files, files.length === 0 ? '' : html`${files}`],
    [words.images.columns.usedBy, useText(name, uses)],
  ];
  const shown = pairs.map(([label, value]) =>
    value === '' || value === nothing ? nothing : html`<dt>${label}</dt><dd>${value}</dd>`,
  );
  return pageOf(view, {
    title: resourceTitle(name),
    place: 'images',
    main: html`
      <div class="bar"><h1>${resourceTitle(name)}</h1></div>
      <p class="soft run">${images[0]?.title || (progress?.title ?? '')}</p>
      <div class="sheet narrow"><dl class="pairs">${shown}</dl></div>
      ${deletion(view, resource, machines?.machines ?? 0)}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function act(view: View): Promise<Outcome> {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const answer = await operate(view, DELETE, { id: String(resource.id) }, {});
  return outcomeOf(answer, IMAGES_PATH, words.images.done.delete(resourceTitle(resource.name)));
}

export const IMAGE_PAGE: PageDefinition = {
  path: `${IMAGES_PATH}:image/`,
  access: 'look',
  render,
  act,
  operations: [DELETE],
};
