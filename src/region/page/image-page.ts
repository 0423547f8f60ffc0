// The page of one image: its versions and files, its import, the machines that use it, and its deletion.

import { type Html, html, nothing } from '../../html.ts';
import type { ListedResource } from '../images/boot-images.ts';
import { isImporting } from '../records/boot-store.ts';
import { formatSize } from '../words/quantity.ts';
import { words } from '../words/text.ts';
import { formOf, hiddenField } from './forms.ts';
import {
  actOn,
  buttonsOf,
  comingPart,
  IMAGE_OPERATIONS,
  IMAGES_PATH,
  importPart,
  resourceTitle,
  sizeOf,
  statePill,
  useText,
} from './images-page.ts';
import { breakable, pageOf } from './parts.ts';
import { pathBelow } from './values.ts';
import { given, mayCall, type Outcome, operate, outcomeOf, type PageDefinition, type View } from './view.ts';

const DELETE = { method: 'DELETE', path: 'boot-resources/{id}' } as const;

const findResource = async (view: View): Promise<ListedResource | undefined> =>
  (await view.region.bootImages.listResources()).find(({ id }) => String(id) === view.path.image);

function deletion(view: View, { name, progress, images }: ListedResource, machines: number): Html {
  if (!mayCall(view.viewer, DELETE)) return nothing;
  const used = machines === 0 ? '' : ` ${words.images.deleteUsed(machines)}`;
  const form = formOf(view, {
    body: hiddenField('name', name),
    submit: images.length > 1 ? words.images.deleteAll(images.length) : words.images.delete,
    tone: 'danger',
  });
  const what = words.images.deleteWhat(progress !== undefined);
  return html`
    <h2>${words.images.deleteIt}</h2><div class="sheet narrow"><p class="lead">${what}${used}</p>${form}</div>`;
}

/** The newest version with its size and digest, then the older ones; the version under import if none is there yet. */
function versionPairs({ images, progress }: ListedResource): readonly (readonly [string, Html | string])[] {
  const { columns, onDisk, file, total, older, sha256, isComing } = words.images;
  const [newest, ...others] = images;
  if (newest === undefined) {
    const { serial, total: bytes } = progress ?? {};
    return [
      [columns.version, serial === undefined ? '' : isComing(serial)],
      [columns.size, bytes === undefined ? '' : total(bytes)],
    ];
  }
  const disk = newest.diskBytes === undefined ? '' : `, ${onDisk(newest.diskBytes)}`;
  const rest = others.map(
    (one) => html`<div>${file(one.serial, sizeOf(one))}<div class="id">${one.sha256}</div></div>`,
  );
  return [
    [columns.version, newest.serial],
    [columns.size, `${formatSize(sizeOf(newest))}${disk}`],
    [sha256, html`<span class="id">${newest.sha256}</span>`],
    [older, rest.length === 0 ? '' : html`${rest}`],
  ];
}

async function render(view: View): Promise<Html | undefined> {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const { name, images, progress } = resource;
  const uses = await view.region.store.boot.listUses();
  const [os, release, architecture = '', subarchitecture = ''] = name.split('/');
  const machines = uses.find((one) => one.os === os && one.release === release && one.architecture === architecture);
  const source = images[0]?.origin?.source ?? progress?.source ?? '';
  const isRunning = isImporting(await view.region.bootImages.run());
  const state = html`${statePill(resource)}<div class="coming">${comingPart(resource)}${importPart(resource, view.nowMs)}</div>
    ${buttonsOf(view, resource, isRunning)}`;
  const pairs: readonly (readonly [string, Html | string])[] = [
    [words.images.state, state],
    [words.images.columns.architecture, `${architecture}/${subarchitecture}`],
    ...versionPairs(resource),
    [words.images.source, html`${breakable(source)}`],
    [words.images.columns.usedBy, useText(name, uses)],
  ];
  const shown = pairs.map(([label, value]) =>
    String(value) === '' ? nothing : html`<dt>${label}</dt><dd>${value}</dd>`,
  );
  return pageOf(view, {
    title: resourceTitle(name),
    place: 'images',
    main: html`
      <div class="bar"><h1>${resourceTitle(name)}</h1></div>
      <p class="soft run">${images[0]?.title || (progress?.title ?? '')}</p>
      <div class="sheet narrow" id="image"><dl class="pairs">${shown}</dl></div>
      ${deletion(view, resource, machines?.machines ?? 0)}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function act(view: View): Promise<Outcome> {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const one = { id: String(resource.id), name: resource.name };
  if (given(view, 'do') !== '') return actOn(view, one, pathBelow(IMAGES_PATH, one.id));
  const answer = await operate(view, DELETE, { id: String(resource.id) }, {});
  return outcomeOf(answer, IMAGES_PATH, words.images.done.delete(resourceTitle(resource.name)));
}

export const IMAGE_PAGE: PageDefinition = {
  path: `${IMAGES_PATH}:image/`,
  access: 'look',
  render,
  act,
  operations: [DELETE, ...IMAGE_OPERATIONS],
};
