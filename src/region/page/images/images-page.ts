// The page of images: deployable images, imports with their progress, skipped images with the
// reasons, and the buttons that control imports.
//
// 1. Everybody who may view the page sees the images; only administrators import and delete them.

import { CPUS } from '../../../boot/architectures.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import { type FileProblem, getSourceTitle, type RegionSource } from '../../images/region-source.ts';
import { type BootSelection, type ImageUse, type ImportRun, isImporting } from '../../records/boot-store.ts';
import { type ImportReason, importText as importReasonText, isFailure } from '../../records/import-reason.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { codeIn, pathBelow, renderTime, SPACE, timeAgo } from '../frame/values.ts';
import { fieldValue, mayCall, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import {
  comingPart,
  IMAGES_PATH,
  importPart,
  progressBar,
  RESUME,
  renderImageButtons,
  resourceTitle,
  resume,
  statePill,
  sumImageBytes,
  useText,
} from './image-page.ts';

export const SOURCES_PATH = '/MAAS/images/sources/';
export const CHOOSE_PATH = '/MAAS/images/choose/';
export const UPLOAD_PATH = '/MAAS/images/upload/';
const SHOWN_MAX = 300;
const SELECTIONS_SHOWN_MAX = 12;
const REPORTED_SHOWN_MAX = 60;

export const IMPORT = 'POST boot-resources import';
export const SELECT = 'POST boot-sources/{boot_source_id}/selections';
export const UNSELECT = 'DELETE boot-sources/{boot_source_id}/selections/{id}';
const STOP = 'POST boot-resources stop_import';
const SOURCES = 'GET boot-sources';

function resourceRow(view: View, resource: ListedResource, uses: readonly ImageUse[], isRunning: boolean) {
  const { columns } = words.images;
  const { id, name, images, progress } = resource;
  const [, , architecture = '', subarchitecture = ''] = name.split('/');
  const [newest] = images;
  const disk = newest?.diskBytes === undefined ? '' : words.images.onDisk(newest.diskBytes);
  const title = newest?.title || (progress?.title ?? '');
  const version = newest?.serial ?? progress?.serial ?? '';
  const older = images.slice(1).map(({ serial }) => serial);
  const size =
    newest === undefined ? nothing : html`${formatSize(sumImageBytes(newest))}<div class="small older">${disk}</div>`;
  const path = pathBelow(IMAGES_PATH, String(id));
  const isRefused = resource.upload !== undefined && progress?.state === 'failed' && mayCall(view.viewer, RESUME);
  // Only its deletion, which the page of the image has, ends a refused upload.
  const acts = isRefused
    ? html`<div class="row acts"><a class="button plain" href="${path}">${words.images.delete}</a></div>`
    : renderImageButtons(view, resource);
  const coming = importPart(resource, isRunning, view.nowMs);
  const way = coming === nothing && acts === nothing ? '' : html`${coming}${acts}`;
  const others = older.length === 0 ? nothing : html`<div class="small older">${older.join(', ')}</div>`;
  const next = comingPart(resource);
  const versions = version === '' && others === nothing && next === nothing ? '' : html`${version}${others}${next}`;
  const use = useText(name, uses);
  // Without an image there is only the import, which gets the width of all these columns.
  const rest =
    size === nothing && use === nothing && coming !== nothing
      ? html`<td class="way" colspan="3"><div>${way}</div></td>`
      : html`${cell(columns.size, size, 'fact')}${cell(columns.usedBy, use, 'fact used')}${cell(columns.act, way, 'way')}`;
  return html`
    <tr><td class="first"><div class="titled"><div><a class="name" href="${path}">${resourceTitle(name)}</a>
    <div class="small">${title}</div></div>${statePill(resource)}</div></td>
    ${cell(columns.architecture, subarchitecture === 'generic' ? architecture : `${architecture}/${subarchitecture}`, 'fact')}
    ${cell(columns.version, versions, 'fact')}
    ${rest}
    </tr>`;
}

function rankResource({ progress }: ListedResource): number {
  if (progress === undefined || progress.state === 'done') return 2;
  return progress.state === 'failed' ? 0 : 1;
}

/** Without an image: what to do first. */
function emptyPart({ viewer }: View, isSelected: boolean) {
  const { title, choose, wait, selected } = words.images.empty;
  const mayChoose = mayCall(viewer, SOURCES);
  const hint = isSelected ? selected : mayChoose ? choose : wait;
  return html`
    <div class="sheet empty" id="images"><b>${title}</b><p class="soft">${hint}</p>${mayChoose ? html`<p class="small">${words.images.byHand}</p>` : nothing}</div>`;
}

function renderImageTable(
  view: View,
  resources: readonly ListedResource[],
  uses: readonly ImageUse[],
  isRunning: boolean,
) {
  const { system, architecture, version, size, usedBy, act } = words.images.columns;
  const head = [system, architecture, version, size, usedBy, act].map((text) => html`<th>${text}</th>`);
  const sorted = resources.toSorted((left, right) => rankResource(left) - rankResource(right));
  const rows = sorted.slice(0, SHOWN_MAX).map((resource) => resourceRow(view, resource, uses, isRunning));
  return html`<div class="sheet" id="images"><table class="images"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/**
 * The region's reason if no source has a selection: then nothing can be imported, and no image was
 * skipped.
 */
const isNothingSelected = ({ reason }: ImportRun['skipped'][number]) => reason.code === 'nothing-selected';
/** True if an image comes from an earlier source: then nothing is missing. */
const isElsewhere = ({ reason }: ImportRun['skipped'][number]) => reason.code === 'earlier-source';

export function fileProblemPart(problem: FileProblem | undefined): Html {
  if (problem === undefined) return nothing;
  const lines = problem.text.split('\n').map((line) => html`<div>${codeIn(line.trim())}</div>`);
  return html`<div class="alert red" id="file-problem"><b>${words.sources.problems[problem.inForce]}</b>${lines}</div>`;
}

function runText(run: ImportRun, failed: number, isSelected: boolean, nowMs: number) {
  const { running, idle, never, next, onDemand } = words.images.run;
  const left = leftOut(run).filter(({ reason }) => isFailure(reason)).length + run.skippedMore;
  const failures = [
    ...(failed === 0 ? [] : [words.images.run.failed(failed)]),
    ...(left === 0 ? [] : [words.images.run.left(left)]),
  ]
    .map((text) => ` ${text}`)
    .join('');
  if (isImporting(run)) return html`${running}${failures}`;
  if (!isSelected) return html`${words.sources.nothing}${failures}`;
  const last = run.endedMs === 0 ? never : timeAgo(run.endedMs, nowMs, idle);
  return html`${last} ${run.nextMs === 0 ? onDemand : renderTime(run.nextMs, next(run.nextMs - nowMs))}${failures}`;
}

const leftOut = ({ skipped }: ImportRun): ImportRun['skipped'] =>
  skipped.filter((skip) => !isNothingSelected(skip) && !isElsewhere(skip));

function skippedPart(run: ImportRun) {
  const { skippedMore } = run;
  const images = leftOut(run);
  if (images.length === 0) return nothing;
  const items = images.map(
    ({ name, reason }) =>
      html`<div class="list-item"><div><b>${name}</b><div class="said">${codeIn(importReasonText(reason))}</div></div></div>`,
  );
  const more = skippedMore === 0 ? nothing : html`<p class="note soft">${words.images.skipped.more(skippedMore)}</p>`;
  return html`
    <div class="sheet stacked" id="skipped"><details id="skipped-list"><summary>${words.images.skipped.title}
    <span class="tag">${images.length + skippedMore}</span></summary>${items}${more}</details></div>`;
}

function reportedPart({ region, nowMs }: View, { downloads }: ImportRun) {
  if (downloads.length === 0) return nothing;
  const latest = downloads.slice(-REPORTED_SHOWN_MAX);
  const byRack = Map.groupBy(latest.toReversed(), ({ rack }) => rack);
  const items = [...byRack].map(([rack, files]) => {
    const each = files.map(({ file, bytes, total, error, atMs }) => {
      const bar = total === undefined ? nothing : progressBar(words.images.states.downloading, bytes, total);
      const facts = html`${words.images.amount(bytes, total)} · ${timeAgo(atMs, nowMs)}`;
      const why = error === '' ? nothing : html`<div class="why">${error}</div>`;
      return html`<div class="coming"><div class="break">${file}</div>${bar}<div class="small">${facts}</div>${why}</div>`;
    });
    return html`<div class="list-item"><div><b>${region.racks.find(rack)?.name ?? rack}</b>${each}</div></div>`;
  });
  const more = downloads.length - latest.length;
  const rest = more === 0 ? nothing : html`<p class="note soft">${words.values.andMore(more)}</p>`;
  return html`<div class="stacked" id="reported"><h2>${words.images.reported}</h2><div class="sheet">${items}${rest}</div></div>`;
}

function installersPart({ region }: View, resources: readonly ListedResource[]) {
  const parts = resources.flatMap(({ images }) => images.filter(({ kind }) => kind === 'installer'));
  const listed = new Set(parts.map(({ os, release, architecture }) => `${architecture} ${os}/${release}`));
  const items = CPUS.flatMap((architecture) =>
    (region.installers?.({ architecture, subarchitecture: 'generic' }) ?? [])
      .filter(({ os, release }) => !listed.has(`${architecture} ${os}/${release}`))
      .map(
        ({ os, release, title }) =>
          html`<div class="list-item"><div><b>${title}</b> <span class="soft">${os === undefined ? release : `${os}/${release}`} · ${architecture}</span></div></div>`,
      ),
  );
  if (items.length === 0) return nothing;
  return html`<div class="stacked" id="installers"><h2>${words.images.installers}</h2><div class="sheet">${items}</div></div>`;
}

/**
 * Why the last import found no image for a selection of a source; undefined: it found one, or has
 * not looked.
 */
export const findSelectionFailure = (
  { skipped }: ImportRun,
  source: RegionSource,
  { os, release }: BootSelection,
): ImportReason | undefined =>
  skipped.find(
    ({ name, reason }) =>
      name === `${os}/${release}` &&
      (reason.code === 'not-offered' || reason.code === 'not-in-part') &&
      reason.params.source === source.images.name,
  )?.reason;

/** Why the last import could not use a source; undefined: it could, or has not tried. */
export const findSourceFailure = ({ skipped }: ImportRun, source: RegionSource): ImportReason | undefined =>
  skipped.find(({ name, reason }) => name === source.images.name && isFailure(reason))?.reason;

function selectionTag(run: ImportRun, source: RegionSource, selection: BootSelection) {
  // A part of a source that cannot be read may offer it.
  const isOffered = findSelectionFailure(run, source, selection)?.code !== 'not-offered';
  return isOffered
    ? html`<span class="tag">${selectionText(selection)}</span>`
    : html`<span class="tag amber">${words.images.notOffered(selectionText(selection))}</span>`;
}

function selectedPart(run: ImportRun, sources: readonly RegionSource[], selections: readonly BootSelection[]) {
  const items = sources.flatMap((source) => {
    const own = selections.filter(({ sourceId }) => sourceId === source.id);
    if (own.length === 0) return [];
    const tags = own.slice(0, SELECTIONS_SHOWN_MAX).map((selection) => selectionTag(run, source, selection));
    const more = own.length - tags.length;
    const rest = more > 0 ? html` <span class="soft">${words.values.andMore(more)}</span>` : nothing;
    const path = pathBelow(SOURCES_PATH, String(source.id));
    const title = source.images.title === '' ? nothing : html` <span class="soft">${source.images.title}</span>`;
    return [
      html`<div class="list-item"><div><a class="name" href="${path}">${getSourceTitle(source)}</a>${title}<div>${tags}${rest}</div></div></div>`,
    ];
  });
  if (items.length === 0) return nothing;
  return html`<div class="stacked" id="selected"><h2>${words.images.selected}</h2><div class="sheet">${items}</div></div>`;
}

/** `ubuntu/noble amd64`, without the lists that contain `*`. */
export function selectionText({ os, release, arches, subarches, labels }: BootSelection): string {
  const all = (entries: readonly string[]) => (entries.includes('*') ? '' : `${SPACE}${entries.join(', ')}`);
  return `${os}/${release}${all(arches)}${all(subarches)}${all(labels)}`;
}

/** What is chosen comes first: without it, an import has nothing to do. */
function buttonsAbove(view: View, isRunning: boolean, isSelected: boolean) {
  if (!mayCall(view.viewer, SOURCES)) return nothing;
  const linkTo = (path: string, text: string, tone: 'plain' | 'primary' = 'plain') =>
    html`<a class="button ${tone}" href="${path}">${text}</a>`;
  const form = (name: string, submit: string, tone: 'plain' | 'primary') =>
    renderForm(view, { body: hiddenField('do', name), submit, tone, isInline: true });
  const { sourcesLink, upload, choose, stopImport, importNow } = words.images;
  const work = isRunning
    ? form('stop', stopImport, 'plain')
    : isSelected
      ? form('import', importNow, 'primary')
      : nothing;
  return html`
    <div class="row">${linkTo(SOURCES_PATH, sourcesLink)}${linkTo(UPLOAD_PATH, upload)}
    ${linkTo(CHOOSE_PATH, choose, isSelected || isRunning ? 'plain' : 'primary')}${work}</div>`;
}

async function renderImagesPage(view: View) {
  const { bootImages, store } = view.region;
  const [resources, uses, run] = await Promise.all([
    bootImages.listResources(),
    store.boot.listUses(),
    bootImages.run(),
  ]);
  const isRunning = isImporting(run);
  const failed = resources.filter(({ progress }) => progress?.state === 'failed').length;
  const maySee = mayCall(view.viewer, SOURCES);
  const [sources, selections] = await Promise.all([
    maySee ? bootImages.listSources() : [],
    bootImages.listSelections(),
  ]);
  const free = await bootImages.freeBytes();
  const problem = maySee ? await bootImages.fileProblem() : undefined;
  const isSelected = selections.length > 0;
  const isStuck = failed > 0 && resources.every(({ images }) => images.length === 0);
  const work = isRunning ? html` data-at-work` : nothing;
  return renderFullPage(view, {
    title: words.images.title,
    place: 'images',
    isLive: true,
    main: html`
      <div class="bar" id="bar"${work}><h1>${words.images.title}</h1>${buttonsAbove(view, isRunning, isSelected)}</div>
      ${fileProblemPart(problem)}
      <p class="soft run" id="run">${runText(run, failed, isSelected, view.nowMs)}${free === undefined ? '' : ` ${words.images.free(free)}`}</p>
      ${resources.length === 0 ? emptyPart(view, isSelected) : renderImageTable(view, resources, uses, isRunning)}
      ${isStuck && maySee ? html`<p class="small" id="by-hand">${words.images.byHand}</p>` : nothing}
      ${installersPart(view, resources)}
      ${reportedPart(view, run)}
      ${skippedPart(run)}
      ${selectedPart(run, sources, selections)}`,
    footer: words.images.footer,
  });
}

async function actOnImages(view: View) {
  const wanted = fieldValue(view, 'do');
  if (wanted === 'import') return submit(view, IMPORT, {}, {}, IMAGES_PATH, words.images.asked);
  if (wanted === 'stop') return submit(view, STOP, {}, {}, IMAGES_PATH, words.images.stopped);
  const id = fieldValue(view, 'id');
  const name =
    (await view.region.bootImages.listResources()).find((resource) => String(resource.id) === id)?.name ?? '';
  return resume(view, { id, name }, IMAGES_PATH);
}

export const IMAGES_PAGE: PageDefinition = {
  path: IMAGES_PATH,
  access: 'user',
  render: renderImagesPage,
  act: actOnImages,
  operations: [IMPORT, STOP, RESUME],
};
