// The page of one image: its versions and files, its import, the machines that use it, and its
// deletion. The list of images shows some of these parts, too.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import type { ListedImage } from '../../life/deployment.ts';
import { type ImageUse, type ImportProgress, isImporting } from '../../records/boot-store.ts';
import { importText as importReasonText, isFinal } from '../../records/import-reason.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { breakable, cell, renderFullPage } from '../frame/parts.ts';
import { codeIn, dotted, pathBelow, renderTime } from '../frame/values.ts';
import { fieldValue, mayCall, type Outcome, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';

export const IMAGES_PATH = '/MAAS/images/';

const DELETE = 'DELETE boot-resources/{id}';

export const RESUME = 'POST boot-resources/{id} resume';

type ShownState = keyof typeof words.images.states;

const COLOURS: Readonly<Record<ShownState, string>> = {
  queued: 'grey',
  waiting: 'amber',
  connecting: 'blue',
  downloading: 'blue',
  verifying: 'blue',
  uploading: 'blue',
  cancelled: 'grey',
  stopped: 'grey',
  failed: 'red',
  done: 'green',
  gone: 'amber',
};

export function resourceTitle(name: string): string {
  const [os = '', release = '', , , label = ''] = name.split('/');
  return label === 'release' || label === '' ? `${os}/${release}` : `${os}/${release} ${label}`;
}

function shownState({ progress, images, isGone, upload }: ListedResource): ShownState {
  if (isGone) return 'gone';
  if (progress === undefined) return images.length > 0 ? 'done' : 'queued';
  const { state, reason } = progress;
  if (upload !== undefined) return state === 'downloading' ? 'uploading' : state;
  return state === 'cancelled' && reason?.code === 'stopped' ? 'stopped' : state;
}

export function statePill(resource: ListedResource): Html {
  const state = shownState(resource);
  return html`<span class="pill ${COLOURS[state]}">${words.images.states[state]}</span>`;
}

export const progressBar = (label: string, bytes: number, total: number): Html =>
  html`<progress aria-label="${label}" max="${total}" value="${Math.min(bytes, total)}"></progress>`;

/**
 * When an import that was stopped or cancelled continues; empty if it was not. @param nextMs the
 * next run; undefined: none is scheduled
 */
function resumption(state: ShownState, isRunning: boolean, nextMs: number | undefined, nowMs: number) {
  if (state === 'cancelled' && nextMs === undefined) return words.images.untilAsked;
  if (state !== 'stopped') return nextMs === undefined ? '' : renderTime(nextMs, words.images.nextTry(nextMs - nowMs));
  if (nextMs !== undefined) return renderTime(nextMs, words.images.resumes(nextMs - nowMs));
  return isRunning ? '' : words.images.untilAsked;
}

function progressText(progress: ImportProgress, state: ShownState, next: Part) {
  const { bytes, total, bytesPerSecond = 0, reason } = progress;
  const isMoving = progress.state === 'downloading' || progress.state === 'verifying';
  // A full bar would look like success.
  const hasBytes = bytes > 0 && !(state === 'failed' && bytes === total);
  const left = total === undefined || bytesPerSecond === 0 ? undefined : ((total - bytes) / bytesPerSecond) * 1000;
  const facts = [
    hasBytes || isMoving ? words.images.amount(bytes, total) : '',
    isMoving && bytesPerSecond > 0 ? words.images.rate(bytesPerSecond) : '',
    isMoving && left !== undefined ? words.images.left(left) : '',
    next,
  ];
  const bar =
    !hasBytes && !isMoving
      ? nothing
      : total === undefined || total === 0
        ? html`<progress aria-label="${words.images.states[state]}"></progress>`
        : progressBar(words.images.states[state], bytes, total);
  // The state says that a person stopped it.
  const isSaid = reason === undefined || state === 'stopped';
  const why = isSaid ? nothing : html`<div class="why">${codeIn(importReasonText(reason))}</div>`;
  const line = dotted(facts);
  if (bar === nothing && line === nothing) return why;
  return html`${bar}<div class="small">${line}</div>${why}`;
}

export function importPart(resource: ListedResource, isRunning: boolean, nowMs: number): Html {
  const { progress, isGone } = resource;
  if (progress === undefined || (progress.state === 'done' && !isGone)) return nothing;
  const state = shownState(resource);
  const isOffered = progress.reason?.code !== 'no-offer';
  return progressText(progress, state, isOffered ? resumption(state, isRunning, progress.nextMs, nowMs) : '');
}

export const comingPart = ({ coming }: ListedResource): Html =>
  coming === undefined ? nothing : html`<div class="small">${words.images.coming(coming)}</div>`;

export function useText(name: string, uses: readonly ImageUse[]): Html {
  const [os, release, architecture] = name.split('/');
  const use = uses.find((use) => use.os === os && use.release === release && use.architecture === architecture);
  if (use === undefined) return nothing;
  const coming =
    use.deploying === 0 ? nothing : html`<div class="small">${words.images.deploying(use.deploying)}</div>`;
  return html`${words.images.uses(use.first, use.machines)}${coming}`;
}

/** Whether a person may have the image imported alone. */
function isResumable(resource: ListedResource): boolean {
  const { progress, upload } = resource;
  const { reason } = progress ?? {};
  // No import brings back the bytes of a file that a person added, or an image that nobody offers.
  if (upload !== undefined || reason?.code === 'bytes-lost' || reason?.code === 'no-offer') return false;
  const state = shownState(resource);
  return (
    state === 'cancelled' || state === 'stopped' || (state === 'failed' && !(reason !== undefined && isFinal(reason)))
  );
}

export function renderImageButtons(view: View, resource: ListedResource): Html {
  if (!mayCall(view.viewer, RESUME) || !isResumable(resource)) return nothing;
  const form = renderForm(view, {
    body: html`${hiddenField('do', 'resume')}${hiddenField('id', String(resource.id))}`,
    submit: resource.progress?.state === 'failed' ? words.images.retry : words.images.resume,
    tone: 'plain',
    isInline: true,
  });
  return html`<div class="row acts">${form}</div>`;
}

export const sumImageBytes = ({ bytes, system }: ListedImage): number =>
  (system?.files ?? []).reduce((sum, file) => sum + file.bytes, bytes);

/**
 * Has an image imported alone, as a form asks. @param to the page to show then @returns undefined
 * if it asks for something else
 */
export async function resume(view: View, { id, name }: { id: string; name: string }, to: string): Promise<Outcome> {
  if (fieldValue(view, 'do') !== 'resume') return undefined;
  return submit(view, RESUME, { id }, {}, to, words.images.done.resume(resourceTitle(name)));
}

const findResource = async (view: View) =>
  (await view.region.bootImages.listResources()).find(({ id }) => String(id) === view.path.image);

function deletion(view: View, { name, progress, images }: ListedResource, machines: number) {
  if (!mayCall(view.viewer, DELETE)) return nothing;
  const used = machines === 0 ? '' : ` ${words.images.deleteUsed(machines)}`;
  const form = renderForm(view, {
    body: hiddenField('name', name),
    submit: images.length > 1 ? words.images.deleteAll(images.length) : words.images.delete,
    tone: 'danger',
  });
  const what = words.images.deleteWhat(progress !== undefined);
  return html`
    <div class="sheet stacked" id="delete"><details id="delete-image"><summary>${words.images.deleteIt}</summary><p class="lead">${what}${used}</p>${form}</details></div>`;
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

function versionsPart({ images }: ListedResource) {
  if (images.length === 0) return nothing;
  const { columns, onDiskColumn, sha256, versions } = words.images;
  const head = [columns.version, columns.size, onDiskColumn, sha256].map((text) => html`<th>${text}</th>`);
  const rows = images.map(
    (image) => html`<tr>${cell(columns.version, image.serial)}${cell(columns.size, formatSize(sumImageBytes(image)))}
      ${cell(onDiskColumn, image.diskBytes === undefined ? '' : formatSize(image.diskBytes))}
      ${cell(sha256, html`<span class="id break">${image.sha256}</span>`)}</tr>`,
  );
  return html`
    <h2>${versions}</h2>
    <div class="sheet" id="versions"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

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

async function renderImagePage(view: View) {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const { name, images, progress } = resource;
  const uses = await view.region.store.boot.listUses();
  const [os, release, architecture = '', subarchitecture = ''] = name.split('/');
  const machines = uses.find((use) => use.os === os && use.release === release && use.architecture === architecture);
  const isRunning = isImporting(await view.region.bootImages.run());
  const state = html`${statePill(resource)}<div class="coming">${comingPart(resource)}${importPart(resource, isRunning, view.nowMs)}</div>
    ${renderImageButtons(view, resource)}`;
  const pairs: readonly (readonly [string, Html | string])[] = [
    [words.images.state, state],
    [words.images.columns.architecture, `${architecture}/${subarchitecture}`],
    ...comingPairs(resource),
    ...aboutPairs(resource),
    [words.images.columns.usedBy, useText(name, uses)],
  ];
  const items = pairs.map(([label, value]) =>
    String(value) === '' ? nothing : html`<dt>${label}</dt><dd>${value}</dd>`,
  );
  return renderFullPage(view, {
    title: resourceTitle(name),
    place: 'images',
    isLive: true,
    main: html`
      <div class="bar" id="bar"${isRunning ? html` data-at-work` : nothing}><h1>${resourceTitle(name)}</h1></div>
      <p class="soft run">${images[0]?.title || (progress?.title ?? '')}</p>
      <div class="sheet" id="image"><dl class="pairs">${items}</dl></div>
      ${versionsPart(resource)}
      ${deletion(view, resource, machines?.machines ?? 0)}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function actOnImage(view: View) {
  const resource = await findResource(view);
  if (resource === undefined) return undefined;
  const target = { id: String(resource.id), name: resource.name };
  if (fieldValue(view, 'do') !== '') return resume(view, target, pathBelow(IMAGES_PATH, target.id));
  return submit(
    view,
    DELETE,
    { id: String(resource.id) },
    {},
    IMAGES_PATH,
    words.images.done.delete(resourceTitle(resource.name)),
  );
}

export const IMAGE_PAGE: PageDefinition = {
  path: `${IMAGES_PATH}:image/`,
  access: 'user',
  render: renderImagePage,
  act: actOnImage,
  operations: [DELETE, RESUME],
};
