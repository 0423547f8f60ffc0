// The page of image sources: list and add. The page of one source: its selections, its fields, its deletion.

import { dirname, join } from 'node:path';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { refuseField } from '../../api/call/answer.ts';
import { RACK_CONFIG } from '../../config.ts';
import { getSourceTitle, type RegionSelection, type RegionSource, SITE_SOURCES } from '../../images/region-source.ts';
import type { ImportRun } from '../../records/boot-store.ts';
import { type ImportReason, importText as importReasonText } from '../../records/import-reason.ts';
import { REQUIRED } from '../../records/refusal.ts';
import { asChangeForm, hiddenField, renderForm } from '../frame/forms.ts';
import { collectFormValues, formatParameterLabel, renderControls } from '../frame/operation-form.ts';
import { breakable, renderFullPage } from '../frame/parts.ts';
import { codeIn, pathBelow, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  fieldValue,
  type Outcome,
  operate,
  type PageDefinition,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH } from './image-page.ts';
import {
  CHOOSE_PATH,
  fileProblemPart,
  findSelectionFailure,
  findSourceFailure,
  SELECT,
  SOURCES_PATH,
  selectionText,
  UNSELECT,
} from './images-page.ts';

const ADD = 'POST boot-sources';
const CHANGE = 'PUT boot-sources/{id}';
const REMOVE = 'DELETE boot-sources/{id}';

const formatSourcePath = ({ id }: Pick<RegionSource, 'id'>) => pathBelow(SOURCES_PATH, String(id));

/** The name by which commands and the page of images know a source of a file; titles are not unique. */
const nameTag = ({ name }: RegionSource) => (name === undefined ? nothing : html` <span class="tag">${name}</span>`);

async function listKeyFiles(
  { region }: View,
  { images: { trust } }: RegionSource,
): Promise<readonly { readonly path: string; readonly isThere: boolean }[]> {
  const paths = trust.kind === 'signed' ? trust.keyrings : [];
  return await Promise.all(paths.map(async (path) => ({ path, isThere: await region.bootImages.hasFile(path) })));
}

async function trustText(view: View, source: RegionSource) {
  const { trust } = source.images;
  const { signed, unsignedFor } = words.sources;
  if (trust.kind === 'unsigned') return unsignedFor(trust.why);
  const files = await listKeyFiles(view, source);
  const present = files.find(({ isThere }) => isThere);
  if (present !== undefined) return signed.file(present.path);
  if (trust.keyUrl !== undefined) return signed.site(URL.parse(trust.keyUrl)?.host ?? trust.keyUrl);
  const [missing] = files;
  if (missing !== undefined) return signed.missing(missing.path);
  const { keyring } = source;
  return keyring.length > 0 ? signed.own : signed.accepted(trust.fingerprints?.length ?? 0);
}

/** The URL; that of a mirror says whose it is. */
const renderSourceUrl = ({ url, isHostMirror = false }: RegionSource) =>
  html`${breakable(url)}${isHostMirror ? ` (${words.sources.hostMirror})` : nothing}`;

function failurePart(run: ImportRun, source: RegionSource) {
  const reason = findSourceFailure(run, source);
  return reason === undefined
    ? nothing
    : html`<div class="why">${words.sources.failed} ${codeIn(importReasonText(reason))}</div>`;
}

async function sourceItem(view: View, source: RegionSource, run: ImportRun, selections: number) {
  const { images, url, definingFile: pin } = source;
  const title = images.title === '' ? breakable(url) : images.title;
  const address = images.title === '' ? nothing : html`<div class="break">${renderSourceUrl(source)}</div>`;
  const where =
    pin === undefined ? [] : [pin.isShipped === true ? words.sources.shipped : words.sources.pinned(pin.file)];
  const count = selections === 0 ? nothing : html`<span class="tag">${words.sources.selections(selections)}</span>`;
  return html`
    <div class="list-item source"><div class="row"><span><a class="name" href="${formatSourcePath(source)}">${title}</a>${nameTag(source)}</span>${count}</div>
    <div>${address}<div class="small break">${[await trustText(view, source), ...where].join(' · ')}</div>${failurePart(run, source)}</div></div>`;
}

const FIELDS = ['url', 'index', 'keyring_filename', 'keyring_data', 'unsigned', 'why'] as const;

const renderSourceFields = (view: View, source?: RegionSource): readonly Html[] =>
  renderControls(view, ADD, {
    only: FIELDS,
    values: { ...source, keyring_filename: source?.keyringFilename, unsigned: source?.why !== undefined },
  });

async function renderSources(view: View) {
  const { bootImages } = view.region;
  const [sources, selections] = [await bootImages.listSources(), await bootImages.listSelections()];
  const run = await bootImages.run();
  const count = (source: RegionSource) => selections.filter(({ sourceId }) => sourceId === source.id).length;
  const items = await Promise.all(sources.map((source) => sourceItem(view, source, run, count(source))));
  return renderFullPage(view, {
    title: words.sources.title,
    place: 'images',
    main: html`
      <div class="bar"><h1>${words.sources.title}</h1></div><p class="soft run">${words.sources.lead}</p>${fileProblemPart(await bootImages.fileProblem())}
      <div class="sheet" id="add"><details${view.refusal === undefined ? nothing : html` open`}><summary>${words.sources.addOne}</summary>
      ${renderForm(view, { body: renderSourceFields(view), submit: words.sources.add })}</details></div>
      <div class="sheet stacked" id="sources">${items}</div>
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function submitSource(view: View) {
  const answer = await operate(view, ADD, {}, collectFormValues(view, ADD, { only: FIELDS }));
  const url = fieldValue(view, 'url').trim();
  const added = (await view.region.bootImages.listSources()).find(
    (addedSource) => addedSource.definingFile === undefined && addedSource.url === url,
  );
  return buildOutcome(answer, added === undefined ? SOURCES_PATH : formatSourcePath(added), words.sources.added(url));
}

const findSource = async (view: View) =>
  /^\d{1,15}$/.test(view.path.source ?? '')
    ? await view.region.bootImages.findSource(Number(view.path.source))
    : undefined;

/** @param missing why the last import found no image for it; undefined: it found one, or has not looked */
function selectionItem(view: View, selection: RegionSelection, missing: ImportReason | undefined) {
  const { definingFile: pin } = selection;
  const where =
    pin === undefined ? nothing : html`<div class="small">${words.sources.pinnedSelection(pin.file, pin.line)}</div>`;
  const why = missing === undefined ? nothing : html`<div class="why">${codeIn(importReasonText(missing))}</div>`;
  const remove = renderForm(view, {
    body: html`${hiddenField('do', 'unselect')}${hiddenField('id', String(selection.id))}`,
    submit: words.sources.remove,
    tone: 'plain',
    isInline: true,
  });
  return html`
    <div class="list-item in-row"><div><div class="name">${selectionText(selection)}</div>${where}${why}</div>
    ${pin === undefined ? remove : nothing}</div>`;
}

function selectForm(view: View, source: RegionSource) {
  const names = ['os', 'release', 'arches', 'subarches', ...(source.images.kind === 'installer' ? [] : ['labels'])];
  // No release by default: all releases of a source are tens of gigabytes.
  const values = { os: source.images.os === '*' ? '' : source.images.os, arches: 'amd64' };
  const body = [
    hiddenField('do', 'select'),
    ...renderControls(view, SELECT, { only: names, values, required: ['release'] }),
  ];
  return renderForm(view, { body, submit: words.sources.selectIt });
}

/** How long the page waits for the answer of its source, in milliseconds. */
const WAIT_MS = 4000;

/** What a source offers, or why it cannot be read: this also tests its address and its keys. */
async function offeredPart(view: View, source: RegionSource) {
  const [offered] = await view.region.bootImages.offered.find([source], { waitMs: WAIT_MS });
  const { offers, askAgain } = words.choose;
  const { answer } = offered ?? {};
  const again = renderForm(view, { body: hiddenField('do', 'ask'), submit: askAgain, tone: 'plain', isInline: true });
  const why = (answer?.problems ?? []).map((text) => html`<div class="why">${codeIn(text)}</div>`);
  const choose =
    answer === undefined || answer.images.length === 0
      ? nothing
      : html`<a class="button primary" href="${CHOOSE_PATH}?source=${source.id}">${words.images.choose}</a>`;
  const text =
    answer === undefined
      ? words.sources.silent
      : html`${offers(answer.images.length)} · ${timeAgo(answer.atMs, view.nowMs)}`;
  const state = answer === undefined ? 'amber' : answer.problems.length > 0 ? 'red' : 'green';
  const pill = html`<span class="pill ${state}">${words.sources.tested[state]}</span>`;
  return html`
    <h2>${words.sources.offered}</h2>
    <div class="sheet narrow" id="offered"><div class="list-item in-row"><div>${pill} <span class="soft">${text}</span>${why}</div>
    <div class="row">${again}${choose}</div></div></div>`;
}

type Pin = NonNullable<RegionSource['definingFile']>;

function getSiteFile({ region }: View) {
  const { ownRack, ownFile } = region.config();
  return join(dirname(ownRack?.file ?? ownFile?.file ?? RACK_CONFIG), SITE_SOURCES);
}

async function aboutPart(view: View, source: RegionSource, { file, isShipped = false }: Pin) {
  const { trust } = source.images;
  const files = await listKeyFiles(view, source);
  const { keysFile, keysUrl, fingerprints } = words.sources;
  const signed = trust.kind === 'signed' ? trust : undefined;
  const pairs: readonly (readonly [string, readonly Html[]])[] = [
    [formatParameterLabel('url'), [renderSourceUrl(source)]],
    [
      keysFile,
      files.map(
        ({ path, isThere }) => html`<div>${breakable(path)}${isThere ? nothing : ` (${words.sources.missing})`}</div>`,
      ),
    ],
    [keysUrl, signed?.keyUrl === undefined ? [] : breakable(signed.keyUrl)],
    [fingerprints, (signed?.fingerprints ?? []).map((print) => html`<div class="id">${print}</div>`)],
    [formatParameterLabel('unsigned'), trust.kind === 'unsigned' ? [html`${trust.why}`] : []],
  ];
  const filled = pairs.filter(([, value]) => value.length > 0);
  return html`
    <h2>${words.sources.about}</h2>
    <div class="sheet narrow"><dl class="pairs">${filled.map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl></div>
    <p class="soft break">${isShipped ? words.sources.shippedSource(getSiteFile(view)) : words.sources.pinnedSource(file)}</p>`;
}

async function ownPart(view: View, source: RegionSource) {
  const { definingFile: pin, keyring } = source;
  if (pin !== undefined) return await aboutPart(view, source, pin);
  const keys = keyring.length === 0 ? nothing : html`<p class="lead soft">${words.sources.hasKeys(keyring.length)}</p>`;
  const change = renderForm(view, {
    body: [hiddenField('do', 'change'), ...renderSourceFields(asChangeForm(view), source)],
    submit: words.forms.save,
  });
  const remove = renderForm(view, { body: hiddenField('do', 'remove'), submit: words.sources.delete, tone: 'danger' });
  return html`
    <h2>${words.sources.change}</h2><div class="sheet narrow">${keys}${change}</div>
    <h2>${words.sources.deleteIt}</h2><div class="sheet narrow"><p class="lead">${words.sources.deleteWhat}</p>${remove}</div>`;
}

async function renderSource(view: View) {
  const source = await findSource(view);
  if (source === undefined) return undefined;
  const selections = await view.region.bootImages.listSelections(source);
  const run = await view.region.bootImages.run();
  const list =
    selections.length === 0
      ? html`<div class="note soft">${words.sources.nothing}</div>`
      : selections.map((selection) => selectionItem(view, selection, findSelectionFailure(run, source, selection)));
  const title = source.images.title === '' ? getSourceTitle(source) : source.images.title;
  return renderFullPage(view, {
    title,
    place: 'images',
    main: html`
      <div class="bar"><h1 class="break">${title}${nameTag(source)}</h1></div>
      ${failurePart(run, source)}
      ${await offeredPart(view, source)}
      <h2>${words.sources.selected}</h2><div class="sheet narrow">${list}</div>
      <div class="sheet narrow stacked" id="select"><details${view.refusal === undefined ? nothing : html` open`}><summary>${words.sources.select}</summary>${selectForm(view, source)}</details></div>
      ${await ownPart(view, source)}
      <p><a href="${SOURCES_PATH}">${words.sources.title}</a></p>`,
  });
}

const orAll = (text: string) => (text.trim() === '' ? '*' : text.trim());

async function changeSource(view: View): Promise<Outcome> {
  const source = await findSource(view);
  if (source === undefined) return undefined;
  const here = formatSourcePath(source);
  const id = String(source.id);
  switch (fieldValue(view, 'do')) {
    case 'select': {
      const [os, release] = [orAll(fieldValue(view, 'os')), fieldValue(view, 'release')];
      // The operation takes an empty one as none, which means all.
      if (release === '') return refuseField('release', REQUIRED);
      const list = (name: string) => orAll(fieldValue(view, name));
      const values = { os, release, arches: list('arches'), subarches: list('subarches'), labels: list('labels') };
      const answer = await operate(view, SELECT, { boot_source_id: id }, values);
      const { nextMs } = await view.region.bootImages.run();
      const left = nextMs === 0 ? undefined : nextMs - view.region.clock.wallTimeMs();
      return buildOutcome(answer, here, words.sources.selectionAdded(`${os}/${release}`, left));
    }
    case 'ask':
      await view.region.bootImages.offered.find([source], { waitMs: WAIT_MS, mustAskAgain: true });
      return { kind: 'done', to: here, text: words.choose.askedAgain };
    case 'unselect': {
      const selections = await view.region.bootImages.listSelections(source);
      const selection = selections.find((entry) => String(entry.id) === fieldValue(view, 'id'));
      const answer = await operate(view, UNSELECT, { boot_source_id: id, id: fieldValue(view, 'id') }, {});
      const name = selection === undefined ? '' : `${selection.os}/${selection.release}`;
      return buildOutcome(answer, here, words.sources.selectionRemoved(name));
    }
    case 'remove':
      return submit(view, REMOVE, { id }, {}, SOURCES_PATH, words.sources.deleted(source.url));
    default: {
      const values = collectFormValues(view, CHANGE, { only: FIELDS });
      const isUnsigned = values.unsigned === 'true';
      // The fields show the stored values; new ones replace those that do not fit them.
      const isReplaced = isUnsigned || values.keyring_data !== '';
      const keyring = isReplaced && values.keyring_filename === source.keyringFilename ? { keyring_filename: '' } : {};
      const why = !isUnsigned && values.why === source.why ? { why: '' } : {};
      return submit(
        view,
        CHANGE,
        { id },
        { ...values, ...keyring, ...why },
        here,
        words.sources.saved(fieldValue(view, 'url').trim()),
      );
    }
  }
}

export const SOURCE_PAGES: readonly PageDefinition[] = [
  { path: SOURCES_PATH, access: 'admin', render: renderSources, act: submitSource, operations: [ADD] },
  {
    path: `${SOURCES_PATH}:source/`,
    access: 'admin',
    render: renderSource,
    act: changeSource,
    operations: [CHANGE, REMOVE, SELECT, UNSELECT],
  },
];
