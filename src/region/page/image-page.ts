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
import { breakable, cell, pageOf } from './parts.ts';
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
    <div class="sheet stacked" id="delete"><details><summary>${words.images.deleteIt}</summary><p class="lead">${what}${used}</p>${form}</details></div>`;
}

/** The version under import if none is there yet. */
function comingPairs({ images, progress }: ListedResource): readonly (readonly [string, string])[] {
  const { columns, total, isComing } = words.images;
  if (images.length > 0) return [];
  const { serial, total: bytes } = progress ?? {};
  return [
    [columns.version, serial === undefined ? '' : isComing(serial)],
    [columns.size, bytes === undefined ? '' : total(bytes)],
  ];
}

/** The versions with their sizes and digests, the newest first. */
function versionsPart({ images }: ListedResource): Html {
  if (images.length === 0) return nothing;
  const { columns, onDiskColumn, sha256, versions } = words.images;
  const head = [columns.version, columns.size, onDiskColumn, sha256].map((text) => html`<th>${text}</th>`);
  const rows = images.map(
    (one) => html`<tr>${cell(columns.version, one.serial)}${cell(columns.size, formatSize(sizeOf(one)))}
      ${cell(onDiskColumn, one.diskBytes === undefined ? '' : formatSize(one.diskBytes))}
      ${cell(sha256, html`<span class="id break">${one.sha256}</span>`)}</tr>`,
  );
  return html`
    <h2>${versions}</h2>
    <div class="sheet" id="versions"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** The kind of the newest version, how it starts, and its source. */
function aboutPairs({ images, progress }: ListedResource): readonly (readonly [string, Html | string])[] {
  const { kind, kinds, starts, startsBy, cloudInit, source, added } = words.images;
  const [newest] = images;
  const from = newest?.origin?.source ?? progress?.source ?? '';
  const isAdded = newest !== undefined && newest.isReported !== true && from === '';
  const place = [source, isAdded ? added : html`${breakable(from)}`] as const;
  if (newest === undefined) return [place];
  const { signs, system } = newest;
  const ways = [...(signs?.startsByBios ? ['BIOS'] : []), ...(signs?.startsByUefi ? ['UEFI'] : [])];
  return [
    [kind, kinds[newest.kind ?? (system === undefined ? 'disk' : 'root')]],
    [starts, signs === undefined ? '' : `${startsBy(ways)} · ${cloudInit(signs.hasCloudInit)}`],
    place,
  ];
}

async function render(view: View): Promise<Html | undefined> {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const { name, images, progress } = resource;
  const uses = await view.region.store.boot.listUses();
  const [os, release, architecture = '', subarchitecture = ''] = name.split('/');
  const machines = uses.find((one) => one.os === os && one.release === release && one.architecture === architecture);
  const isRunning = isImporting(await view.region.bootImages.run());
  const state = html`${statePill(resource)}<div class="coming">${comingPart(resource)}${importPart(resource, view.nowMs)}</div>
    ${buttonsOf(view, resource, isRunning)}`;
  const pairs: readonly (readonly [string, Html | string])[] = [
    [words.images.state, state],
    [words.images.columns.architecture, `${architecture}/${subarchitecture}`],
    ...comingPairs(resource),
    ...aboutPairs(resource),
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
      <div class="sheet" id="image"><dl class="pairs">${shown}</dl></div>
      ${versionsPart(resource)}
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
