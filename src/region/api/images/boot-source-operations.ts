// The sources of images over the API, and the selections among their images.
//
// Sources: MAAS 2.0 `boot-sources/`, `boot-sources/<id>/selections/`; 1.0 has the same, and has it
// below `nodegroups/<uuid>/`, too.
//
// 1. Only its file changes a source or a selection of a file: the refusal names file and key. Such
//    a source can have other selections, too.
// 2. Only administrators may use these operations.

import { z } from 'zod';
import type { Selection } from '../../../images/sources/offer.ts';
import { getSourceTitle, mayOfferSystem, type RegionSelection, type RegionSource } from '../../images/region-source.ts';
import {
  KEYRING_BYTES_MAX,
  SELECTED_ENTRY,
  SELECTED_NAME,
  SELECTION_ENTRIES_MAX,
  SELECTIONS_MAX,
  SOURCES_MAX,
  WHY_CHARACTERS_MAX,
  type WrittenBootSource,
} from '../../records/boot-store.ts';
import type { BootChange } from '../../records/events.ts';
import { type Answer, EMPTY, json, refuse, refuseField, refuseRack } from '../call/answer.ts';
import { maasTime } from '../call/maas-time.ts';
import {
  type ApiCall,
  controls,
  flagParameter,
  getCallerUsername,
  idIn,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  requiredText,
  value,
  values,
} from '../call/operation.ts';
import { changeChecked, type GivenSource, type MakeSource, type SourceChange } from './given-source.ts';

const URL_MAX = 1024;
const FILE_MAX = 1024;

/** The source with exactly MAAS's fields; API 1.0 omits the times. */
function sourceJson({ version }: ApiCall, source: RegionSource) {
  const { id, url, keyringFilename, keyring, createdMs, updatedMs } = source;
  const times = { created: maasTime(createdMs), updated: maasTime(updatedMs) };
  return {
    ...(version === '1.0' ? {} : times),
    url,
    keyring_filename: keyringFilename,
    keyring_data: Buffer.from(keyring).toString('base64'),
    id,
    resource_uri: `/MAAS/api/${version}/boot-sources/${id}/`,
  };
}

/** Our own fields, sent only on request. */
function detailsJson(source: RegionSource) {
  const { images, definingFile: pin } = source;
  const { trust, title, kind } = images;
  const index = images.kind === 'simplestreams' ? images.index : null;
  return {
    name: getSourceTitle(source),
    title,
    kind,
    index,
    unsigned: trust.kind === 'unsigned',
    why: trust.kind === 'unsigned' ? trust.why : null,
    pinned_by: pin === undefined ? null : { file: pin.file, key: pin.key, line: pin.line ?? null },
  };
}

const shownSource = (call: ApiCall, source: RegionSource, { details }: Detail) => ({
  ...sourceJson(call, source),
  ...(isTrue(details) ? detailsJson(source) : {}),
});

function selectionJson(call: ApiCall, selection: RegionSelection, input: Partial<Detail> = {}) {
  const { id, sourceId, os, release, arches, subarches, labels, definingFile: pin = null } = selection;
  return {
    os,
    release,
    arches,
    subarches,
    labels,
    id,
    // MAAS 1.x does not have it.
    ...(call.version === '1.0' ? {} : { boot_source_id: sourceId }),
    resource_uri: `/MAAS/api/${call.version}/boot-sources/${sourceId}/selections/${id}/`,
    ...(isTrue(input.details) ? { pinned_by: pin } : {}),
  };
}

function checkRack(call: ApiCall): Answer | undefined {
  const { uuid } = call.path;
  if (uuid === undefined || call.region.settings.findRack(uuid) !== undefined) return undefined;
  return refuseRack(uuid);
}

async function withSource(
  call: ApiCall,
  id: string | undefined,
  run: (source: RegionSource) => Answer | Promise<Answer>,
): Promise<Answer> {
  const refused = checkRack(call);
  if (refused !== undefined) return refused;
  const source = await call.region.bootImages.findSource(idIn(id));
  if (source !== undefined) return await run(source);
  return refuse('not-found', `There is no image source ${(id ?? '').slice(0, 64)}: boot-sources lists them.`);
}

type Pin = NonNullable<RegionSource['definingFile']>;

/** The place where something is written; the key is for a file whose lines are unknown. */
const place = ({ file, key, line }: Pick<Pin, 'file' | 'key' | 'line'>) =>
  line === undefined ? `${file} as ${key}` : `${file}, line ${line}`;

const bootSourceText = (source: RegionSource, pin: Pin) =>
  `The source ${getSourceTitle(source)} is read-only: it is written in ${place(pin)}. ` +
  (pin.isShipped === true
    ? 'A source of the same name in image-sources.yaml, next to the configuration, replaces it.'
    : 'Change it in this file.');

const withOwnSource = (call: ApiCall, run: (source: RegionSource) => Promise<Answer>): Promise<Answer> =>
  withSource(call, call.path.id, (source) =>
    source.definingFile === undefined
      ? run(source)
      : refuse('setting-read-only', bootSourceText(source, source.definingFile)),
  );

const detail = z.object({
  details: flagParameter('True: also name, title, kind, index and trust of a source, and the file that pins it.'),
});
type Detail = z.output<typeof detail>;
const selectionDetail = z.object({ details: flagParameter('True: also the file that pins a selection.') });

const trust = {
  group: {
    label: 'How the site is verified',
    hint: 'Give a keyring or keys. Or tick Unsigned, and say why.',
  },
};
const sourceFields = z.object({
  url: requiredText(URL_MAX, 'The URL of a simplestreams site, or of its index (.sjson, .json).', {
    hint: 'The URL of a simplestreams site, such as https://images.maas.io/ephemeral-v3/stable/, or of its index.',
  }),
  index: optionalText(
    URL_MAX,
    'The path of its index below the URL. Default: streams/v1/index.sjson; of an unsigned site, index.json there.',
  ),
  keyring_filename: optionalText(FILE_MAX, 'The path of its OpenPGP keys on the region’s host.', {
    label: 'Keyring',
    ...trust,
  }),
  keyring_data: optionalText(KEYRING_BYTES_MAX * 2, 'Its OpenPGP keys: a file, in armor, or in Base64.', {
    control: 'area',
    rows: 5,
    label: 'Keys',
    ...trust,
  }),
  unsigned: flagParameter('True: no signature is required, and only HTTPS protects the site. Instead of keys.', trust),
  why: optionalText(WHY_CHARACTERS_MAX, 'Why an unsigned site is used.', trust),
});
const changedSource = sourceFields.extend({ url: sourceFields.shape.url.optional().describe('Its new URL.') });

/** Changes a source in a transaction, before which the given keys are checked. */
const checkingKeys = (run: SourceChange) => async (call: ApiCall, input: GivenSource) =>
  changeChecked(call, input, run);

async function answerSources(call: ApiCall, input: Detail): Promise<Answer> {
  const refused = checkRack(call);
  if (refused !== undefined) return refused;
  return json((await call.region.bootImages.listSources()).map((source) => shownSource(call, source, input)));
}

const sourceEvent = (call: ApiCall, change: BootChange, { url: source, why }: Pick<WrittenBootSource, 'url' | 'why'>) =>
  call.region.bootImages.event(getCallerUsername(call), {
    code: 'boot-source-changed',
    params: { change, source, why },
  });

async function urlTaken({ region }: ApiCall, { url }: WrittenBootSource): Promise<Answer> {
  const { id = 0 } = (await region.store.boot.listSources()).find((source) => source.url === url) ?? {};
  return refuseField('url', `Source ${id} has the URL ${url}: change that one: \`rackboot images sources set ${id}\`.`);
}

async function addSource(call: ApiCall, input: GivenSource, make: MakeSource): Promise<Answer> {
  const refused = checkRack(call);
  if (refused !== undefined) return refused;
  const source = await make(input, undefined);
  if ('kind' in source) return source;
  // Sources of files come first, in the order of ids as well.
  await call.region.bootImages.listSources();
  const added = await call.region.store.boot.addSource(source, sourceEvent(call, 'added', source));
  if (added === 'exists') return await urlTaken(call, source);
  if (added === 'limit')
    return refuseField('url', `There are already ${SOURCES_MAX} sources, the maximum: remove one.`);
  return await withSource(call, String(added.id), (source) => json(sourceJson(call, source)));
}

function changeSource(call: ApiCall, input: GivenSource, make: MakeSource): Promise<Answer> {
  return withOwnSource(call, async (before) => {
    const source = await make(input, before);
    if ('kind' in source) return source;
    const event = sourceEvent(call, 'changed', source);
    const changed = await call.region.store.boot.changeSource(before.id, source, event);
    if (changed === 'exists') return await urlTaken(call, source);
    return await withSource(call, call.path.id, (source) => json(sourceJson(call, source)));
  });
}

function removeSource(call: ApiCall): Promise<Answer> {
  return withOwnSource(call, async ({ id, url }) => {
    await call.region.store.boot.removeSource(id, sourceEvent(call, 'removed', { url }));
    return EMPTY;
  });
}

const BOOT_NAME = 'Give *, or at most 63 letters, digits and . _ + -; the first must be a letter or digit.';

const name = value(z.string().regex(SELECTED_NAME, BOOT_NAME));
const names = values(SELECTION_ENTRIES_MAX).pipe(z.array(z.string().regex(SELECTED_ENTRY, BOOT_NAME)));
const written = { control: 'words', charactersMax: 512 } as const;
const selectionFields = z.object({
  os: name
    .optional()
    .describe('A system, such as ubuntu. Default: `*`, all.')
    .register(controls, { label: 'System', hint: 'Such as ubuntu. For all, leave it empty.', ...written }),
  release: name
    .optional()
    .describe('A release by its name or version, such as noble. Default: `*`, all.')
    .register(controls, {
      hint: 'Its name or version, such as noble. For all, which are many gigabytes, enter *.',
      ...written,
    }),
  arches: names
    .optional()
    .describe('Architectures, such as amd64. Default: `*`, all.')
    .register(controls, {
      label: 'Architectures',
      hint: 'Such as amd64, arm64. For all, leave it empty.',
      ...written,
    }),
  subarches: names
    .optional()
    .describe('Sub-architectures. Default: `*`, all.')
    .register(controls, { label: 'Subarchitectures', hint: 'Such as ga-24.04. For all, leave it empty.', ...written }),
  labels: names
    .optional()
    .describe('Labels, such as release or daily. Default: `*`, all.')
    .register(controls, { hint: 'Such as release, daily. For all, leave it empty.', ...written }),
});
type GivenSelection = z.output<typeof selectionFields>;

function parseSelection(input: GivenSelection, before: Selection | undefined): Selection {
  const list = (entries: readonly string[] | undefined, previous: readonly string[] | undefined) =>
    entries === undefined ? (previous ?? ['*']) : entries.length === 0 || entries.includes('*') ? ['*'] : entries;
  return {
    os: input.os ?? before?.os ?? '*',
    release: input.release ?? before?.release ?? '*',
    arches: list(input.arches, before?.arches),
    subarches: list(input.subarches, before?.subarches),
    labels: list(input.labels, before?.labels),
  };
}

const selectionEvent = (call: ApiCall, change: BootChange, { os, release }: Selection, source: RegionSource) =>
  call.region.bootImages.event(getCallerUsername(call), {
    code: 'boot-selection-changed',
    params: { change, image: `${os}/${release}`, source: getSourceTitle(source) },
  });

const noSelection = (call: ApiCall): Answer =>
  refuse('not-found', `This source has no selection ${(call.path.id ?? '').slice(0, 64)}.`);

const findSameSelection = async ({ region }: ApiCall, source: RegionSource, { os, release }: Selection) =>
  (await region.bootImages.listSelections(source)).find(
    (selection) => selection.os === os && selection.release === release,
  );

async function taken(call: ApiCall, source: RegionSource, wanted: Selection): Promise<Answer> {
  const { os, release } = wanted;
  const { id = 0, definingFile: pin } = (await findSameSelection(call, source, wanted)) ?? {};
  const image = `${os}/${release}`;
  if (pin !== undefined)
    return refuseField(
      'release',
      `${image} of this source is already selected: it is written in ${pin.file} as ${pin.key}. To fetch its images again, delete them and import.`,
    );
  return refuseField(
    'release',
    `Selection ${id} of this source already has ${image}: change that one: \`rackboot images selections set ${source.id} ${id}\`. To fetch its images again, delete them and import.`,
  );
}

const otherSystem = (source: RegionSource): Answer =>
  refuseField(
    'os',
    `The source ${getSourceTitle(source)} has only ${source.images.os}: give ${source.images.os}, or select from another source (boot-sources lists them).`,
  );

function listSelections(call: ApiCall, input: Detail): Promise<Answer> {
  return withSource(call, call.path.boot_source_id, async (source) =>
    json(
      (await call.region.bootImages.listSelections(source)).map((selection) => selectionJson(call, selection, input)),
    ),
  );
}

function addSelection(call: ApiCall, input: GivenSelection): Promise<Answer> {
  return withSource(call, call.path.boot_source_id, async (source) => {
    const selection = parseSelection(input, undefined);
    if (!mayOfferSystem(source.images, selection.os)) return otherSystem(source);
    if ((await findSameSelection(call, source, selection))?.definingFile !== undefined)
      return await taken(call, source, selection);
    const event = selectionEvent(call, 'added', selection, source);
    const added = await call.region.store.boot.addSelection(source.id, selection, event);
    if (added === 'exists') return await taken(call, source, selection);
    if (added === 'limit')
      return refuseField('release', `A source may have at most ${SELECTIONS_MAX} selections: remove one.`);
    return added === 'not-found' ? noSelection(call) : json(selectionJson(call, added));
  });
}

function withSelection(
  call: ApiCall,
  run: (selection: RegionSelection, source: RegionSource) => Answer | Promise<Answer>,
): Promise<Answer> {
  return withSource(call, call.path.boot_source_id, async (source) => {
    const all = await call.region.bootImages.listSelections(source);
    const selection = all.find(({ id }) => id === idIn(call.path.id));
    if (selection !== undefined) return await run(selection, source);
    return noSelection(call);
  });
}

const withOwnSelection = (
  call: ApiCall,
  run: (selection: RegionSelection, source: RegionSource) => Promise<Answer>,
): Promise<Answer> =>
  withSelection(call, (selection, source) => {
    const { definingFile: pin, os, release } = selection;
    if (pin === undefined) return run(selection, source);
    return refuse(
      'setting-read-only',
      `The selection ${os}/${release} is read-only: it is written in ${place(pin)}. Change it in this file.`,
    );
  });

function changeSelection(call: ApiCall, input: GivenSelection): Promise<Answer> {
  return withOwnSelection(call, async (before, source) => {
    const selection = parseSelection(input, before);
    if (input.os !== undefined && !mayOfferSystem(source.images, input.os)) return otherSystem(source);
    if ((await findSameSelection(call, source, selection))?.definingFile !== undefined)
      return await taken(call, source, selection);
    const event = selectionEvent(call, 'changed', selection, source);
    const changed = await call.region.store.boot.changeSelection(source.id, before.id, selection, event);
    if (changed === 'exists') return await taken(call, source, selection);
    return changed === 'not-found' ? noSelection(call) : json(selectionJson(call, changed));
  });
}

function removeSelection(call: ApiCall): Promise<Answer> {
  return withOwnSelection(call, async (selection, source) => {
    const event = selectionEvent(call, 'removed', selection, source);
    await call.region.store.boot.removeSelection(source.id, selection.id, event);
    return EMPTY;
  });
}

function readOneSource(call: ApiCall, input: Detail): Promise<Answer> {
  return withSource(call, call.path.id, (source) => json(shownSource(call, source, input)));
}

function readSelection(call: ApiCall, input: Partial<Detail>): Promise<Answer> {
  return withSelection(call, (selection) => {
    return json(selectionJson(call, selection, input));
  });
}

/**
 * How long an answer waits for a source, in milliseconds: as long as the page that lists what all
 * offer is worth waiting for.
 */
const OFFERS_WAIT_MS = 20_000;

const offersFields = z.object({
  again: flagParameter(
    'True: ask the source now. Default: only if its last answer is older than 15 minutes, or had a problem.',
  ),
});

function listOffers(call: ApiCall, { again }: z.output<typeof offersFields>): Promise<Answer> {
  return withSource(call, call.path.id, async (source) => {
    const options = { waitMs: OFFERS_WAIT_MS, mustAskAgain: isTrue(again) };
    const [offered] = await call.region.bootImages.offered.find([source], options);
    const { images = [], problems = [], atMs } = offered?.answer ?? {};
    return json({
      images: images.map(({ day = null, bytes = null, supportEnds = null, ...image }) => ({
        ...image,
        date: day,
        size: bytes,
        support_ends: supportEnds,
      })),
      problems,
      answered: atMs === undefined ? null : new Date(atMs).toISOString(),
    });
  });
}

/** The operations in one place of the API. */
function operationsAt(versions: Operation['versions'], prefix: string, group: string): readonly Operation[] {
  const sources = { versions, path: `${prefix}boot-sources`, handler: `${group}BootSourcesHandler` };
  const source = { versions, path: `${prefix}boot-sources/{id}`, handler: `${group}BootSourceHandler` };
  const below = `${prefix}boot-sources/{boot_source_id}/selections`;
  const selections = { versions, path: below, handler: `${group}BootSourceSelectionsHandler` };
  const selection = { versions, path: `${below}/{id}`, handler: `${group}BootSourceSelectionHandler` };
  return [
    operation(sources, 'GET', 'admin', ['bootSource'], 'List the sources of images.', detail, answerSources),
    operation(
      ownTransaction(sources),
      'POST',
      'admin',
      'bootSource',
      'Add a source of images: a simplestreams site.',
      sourceFields,
      checkingKeys(addSource),
    ),
    operation(source, 'GET', 'admin', 'bootSource', 'Read a source of images.', detail, readOneSource),
    operation(
      ownTransaction(source),
      'PUT',
      'admin',
      'bootSource',
      'Change a source of images. New keys replace the old ones.',
      changedSource,
      checkingKeys(changeSource),
    ),
    operation(
      source,
      'DELETE',
      'admin',
      'nothing',
      'Remove a source of images, with its selections. Imported images stay.',
      nothing,
      removeSource,
    ),
    operation(
      selections,
      'GET',
      'admin',
      ['bootSelection'],
      'List the selections of a source.',
      selectionDetail,
      listSelections,
    ),
    operation(
      selections,
      'POST',
      'admin',
      'bootSelection',
      'Select images of a source: the next import fetches them.',
      selectionFields,
      addSelection,
    ),
    operation(selection, 'GET', 'admin', 'bootSelection', 'Read a selection.', selectionDetail, readSelection),
    operation(selection, 'PUT', 'admin', 'bootSelection', 'Change a selection.', selectionFields, changeSelection),
    operation(
      selection,
      'DELETE',
      'admin',
      'nothing',
      'Remove a selection. Imported images stay.',
      nothing,
      removeSelection,
    ),
  ];
}

/** Operations on sources and selections. */
export const BOOT_SOURCE_OPERATIONS: readonly Operation[] = [
  ...operationsAt(['1.0', '2.0'], '', ''),
  operation(
    { versions: ['2.0'], path: 'boot-sources/{id}', handler: 'BootSourceHandler' },
    'GET offers',
    'admin',
    'sourceOffers',
    'List the images that a source offers: one entry for all that a selection of a release and an architecture imports.',
    offersFields,
    listOffers,
  ),
  ...operationsAt(['1.0'], 'nodegroups/{uuid}/', 'NodeGroup'),
];
