// The boot images over the API: the stored images, the imports and uploads under way, and the
// import of the selections.
//
// Sources: MAAS 2.0 `boot-resources/` (import, stop_import, is_importing; id, name, type,
// architecture, sets with files); MAAS 1.4 `nodegroups/?op=import_boot_images`.
//
// 1. Users read; only administrators import and delete.
// 2. A request is stored before it is answered; then the importing process acts.

import { z } from 'zod';
import { CPUS } from '../../../boot/architectures.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import type { ListedImage } from '../../life/deployment.ts';
import { importText as importReasonText, importStartedText, isFailure } from '../../records/import-reason.ts';
import type { ResourceWish } from '../../records/resource-wish.ts';
import type { ImageUpload } from '../../records/upload-store.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, EMPTY, json, plainText, refuse, refuseField, refuseRack } from '../call/answer.ts';
import {
  type ApiCall,
  getCallerUsername,
  nothing,
  type Operation,
  operation,
  optionalText,
} from '../call/operation.ts';
import { listGroupImages, readGroupImage } from '../racks/group-calls.ts';

const KINDS: Readonly<Record<string, 'Synced' | 'Uploaded'>> = { synced: 'Synced', uploaded: 'Uploaded' };

/**
 * An image of which only the progress is known was imported, unless it names no source: a person
 * added it, and its bytes are damaged.
 */
const describeResourceKind = ({ images, progress, upload }: ListedResource) => {
  const lost = progress?.reason?.code === 'bytes-lost';
  const isImport = progress !== undefined && upload === undefined && !lost;
  const isOfSource = lost && progress.source !== '';
  return isImport || isOfSource || images.some(({ origin }) => origin !== undefined) ? 'Synced' : 'Uploaded';
};

const percent = (bytes: number, total: number | undefined) =>
  total === undefined || total === 0 ? 0 : Math.min(100, Math.floor((bytes / total) * 100));

/** True if the region has lost its bytes; a rack may still have a copy. */
const isResourceLost = ({ progress }: ListedResource) => progress?.reason?.code === 'bytes-lost';

/** The percentage of the newest version that is there. */
function computeResourceProgress({ images, progress }: ListedResource) {
  if (progress === undefined || progress.state === 'done') return images.length > 0 ? 100 : 0;
  return percent(progress.bytes, progress.total);
}

/** The current state of the import; our own fields. */
function importJson({ progress, isGone }: ListedResource): AnswerOf<'imageImport'> | null {
  if (progress === undefined) return null;
  const { source, serial, bytes, total, bytesPerSecond, reason, nextMs } = progress;
  const state = isGone ? 'gone' : progress.state;
  const left = total === undefined || !bytesPerSecond ? null : Math.ceil((total - bytes) / bytesPerSecond);
  return {
    state,
    source,
    serial: serial ?? null,
    bytes,
    total: total ?? null,
    bytes_per_second: bytesPerSecond ?? null,
    seconds_left: left,
    reason: reason === undefined ? null : importReasonText(reason),
    next_try: nextMs === undefined ? null : new Date(nextMs).toISOString(),
  };
}

function resourceJson(call: ApiCall, resource: ListedResource): AnswerOf<'bootResource'> {
  const { id, name, images, progress } = resource;
  const [os = '', release = '', architecture = '', subarchitecture = '', label = ''] = name.split('/');
  return {
    id,
    name: `${os}/${release}`,
    type: describeResourceKind(resource),
    architecture: `${architecture}/${subarchitecture}`,
    subarches: subarchitecture,
    label,
    title: images[0]?.title || (progress?.title ?? ''),
    complete: images.length > 0 && !isResourceLost(resource),
    progress: computeResourceProgress(resource),
    import: importJson(resource),
    resource_uri: `/MAAS/api/${call.version}/boot-resources/${id}/`,
  };
}

function setJson({ serial, label, bytes, sha256, system }: ListedImage, complete: boolean) {
  const files = [{ name: system?.rootName ?? 'root-dd', bytes, sha256 }, ...(system?.files ?? [])];
  const fileJson = ({ name, ...file }: (typeof files)[number]) => {
    return { filename: name, filetype: name, size: file.bytes, sha256: file.sha256, complete };
  };
  return {
    version: serial,
    label,
    size: files.reduce((sum, file) => sum + file.bytes, 0),
    complete,
    files: Object.fromEntries(files.map((file) => [file.name, fileJson(file)])),
  };
}

/**
 * The version under upload, and the URL for its next piece. It gets its version number with the
 * last piece.
 */
function uploadedSet(call: ApiCall, { id: resourceId, images }: ListedResource, upload: ImageUpload) {
  const { id, name, bytes: size, received, sha256, fileType, reason, createdMs } = upload;
  const day = new Date(createdMs).toISOString().slice(0, 10).replaceAll('-', '');
  const version = images.some(({ serial }) => serial === day) ? `${day}.${images.length}` : day;
  const filename = fileType === 'squashfs' ? fileType : fileType.startsWith('t') ? `root-${fileType}` : 'root-dd';
  const state = { complete: false, progress: percent(received, size) };
  const isOpen = reason === undefined && received < size;
  const uri = { upload_uri: `/MAAS/api/${call.version}/boot-resources/${resourceId}/upload/${id}/` };
  const file = { filename, filetype: fileType, size, sha256, ...state, received, ...(isOpen ? uri : {}) };
  return { [version]: { version, label: name.split('/')[4] ?? '', size, ...state, files: { [filename]: file } } };
}

/** The version under import; none if it is stored. */
function comingSet(call: ApiCall, resource: ListedResource) {
  const { name, images, progress, upload } = resource;
  if (upload !== undefined) return uploadedSet(call, resource, upload);
  const serial = progress?.serial;
  if (progress === undefined || serial === undefined || images.some((image) => image.serial === serial)) return {};
  const size = progress.total ?? 0;
  const file = { filename: 'root-dd', filetype: 'root-dd', size, sha256: '', complete: false };
  const files = { 'root-dd': { ...file, progress: percent(progress.bytes, progress.total) } };
  return { [serial]: { version: serial, label: name.split('/')[4] ?? '', size, complete: false, files } };
}

export const wholeJson = (call: ApiCall, resource: ListedResource) => ({
  ...resourceJson(call, resource),
  sets: {
    ...Object.fromEntries(resource.images.map((image) => [image.serial, setJson(image, !isResourceLost(resource))])),
    ...comingSet(call, resource),
  },
});

const byType = z.object({
  type: optionalText(16, 'Only images that were `synced` (imported) or `uploaded` (added by hand).'),
});

async function listResources(call: ApiCall, { type }: z.output<typeof byType>): Promise<Answer> {
  const kind = type === undefined || type === '' ? undefined : KINDS[type.toLowerCase()];
  if (type && kind === undefined) return refuseField('type', 'Give synced or uploaded.');
  const resources = await call.region.bootImages.listResources();
  const wanted = resources.filter((resource) => kind === undefined || describeResourceKind(resource) === kind);
  return json(wanted.map((resource) => resourceJson(call, resource)));
}

/** One entry for each version that a host of the region or a rack has; its resource is named in full. */
async function listVersions(call: ApiCall) {
  const resources = await call.region.bootImages.listResources();
  const versionsOf = ({ id, name, images }: ListedResource) =>
    images.map(({ serial, title, bytes, diskBytes, sha256, hosts = [] }) => ({
      id,
      name,
      version: serial,
      title,
      size: bytes,
      disk_size: diskBytes ?? null,
      sha256,
      hosts,
    }));
  return json(resources.flatMap(versionsOf));
}

/** A source or selection is named as on the page; an empty name stands for the whole run. */
async function listLeftOut(call: ApiCall) {
  const { skipped, skippedMore } = await call.region.bootImages.run();
  const entries = skipped.map(({ name, reason }) => ({
    name,
    reason: importReasonText(reason),
    is_failure: isFailure(reason),
  }));
  return json({ left_out: entries, more: skippedMore });
}

async function withResource(
  call: ApiCall,
  run: (resource: ListedResource) => Answer | Promise<Answer>,
): Promise<Answer> {
  const { id = '' } = call.path;
  const resource = (await call.region.bootImages.listResources()).find((resource) => String(resource.id) === id);
  if (resource !== undefined) return await run(resource);
  return refuse('not-found', `There is no image ${id.slice(0, 64)}: boot-resources lists them.`);
}

const wish = (call: ApiCall, wanted: ResourceWish): Promise<Answer> =>
  withResource(call, async (resource) => {
    const { name, images, progress, upload } = resource;
    if (upload !== undefined && wanted !== 'delete')
      return refuse(
        'upload-conflict',
        'An upload cannot be resumed: it continues with the next piece. Delete it to end it.',
      );
    // The next report would bring it back.
    const isOfRacks = progress === undefined && images.every(({ isReported }) => isReported === true);
    if (wanted === 'delete' && isOfRacks)
      return refuse(
        'image-missing',
        `The region itself has no ${name}; only racks report it. \`sudo rackboot images remove ${name}\` on their hosts removes it.`,
      );
    const isKnown = await call.region.bootImages.requestForImage(resource, wanted, getCallerUsername(call));
    if (!isKnown) return refuse('not-found', `There is no image ${String(resource.id)}: boot-resources lists them.`);
    if (wanted === 'delete') return EMPTY;
    return json(resourceJson(call, resource));
  });

async function startImport(call: ApiCall) {
  const lack = await call.region.bootImages.requestImport(getCallerUsername(call));
  return plainText(importStartedText('boot resources', lack));
}

async function stopImport(call: ApiCall) {
  await call.region.bootImages.stopImport(getCallerUsername(call));
  return plainText('Import of boot resources is being stopped');
}

const listInstallers = ({ region }: ApiCall) =>
  json(
    CPUS.flatMap((architecture) =>
      (region.installers?.({ architecture, subarchitecture: 'generic' }) ?? []).map(({ os, release, title }) => ({
        name: os === undefined ? release : `${os}/${release}`,
        osystem: os ?? null,
        release,
        title,
        architecture: `${architecture}/generic`,
      })),
    ),
  );

const isImporting = async ({ region }: ApiCall) => json(await region.bootImages.isImporting());

const uuidIn = ({ path, region }: ApiCall) => region.settings.findRack(path.uuid ?? '');

const many = { versions: ['1.0', '2.0'], path: 'boot-resources', handler: 'BootResourcesHandler' } as const;
const item = { ...many, path: 'boot-resources/{id}', handler: 'BootResourceHandler' } as const;
const groups = { versions: ['1.0'], path: 'nodegroups', handler: 'NodeGroupsHandler' } as const;
const group = { ...groups, path: 'nodegroups/{uuid}', handler: 'NodeGroupHandler' } as const;
const groupImages = { ...group, path: 'nodegroups/{uuid}/boot-images', handler: 'BootImagesHandler' } as const;
const groupImage = { ...group, path: 'nodegroups/{uuid}/boot-images/{id}', handler: 'BootImageHandler' } as const;

/** Operations on boot images. */
export const BOOT_RESOURCE_OPERATIONS: readonly Operation[] = [
  operation(
    many,
    'GET',
    'user',
    ['bootResource'],
    'List the boot images that are stored, or being imported or uploaded.',
    byType,
    listResources,
  ),
  operation(
    many,
    'GET is_importing',
    'user',
    'boolean',
    'Read whether images are being imported.',
    nothing,
    isImporting,
  ),
  operation(
    many,
    'GET list_installers',
    'user',
    ['installer'],
    'List the installers in the boot tree, with their titles. None are listed while remote racks have trees of their own.',
    nothing,
    listInstallers,
  ),
  operation(
    many,
    'GET list_versions',
    'user',
    ['imageVersion'],
    'List the stored versions of all boot images, each with the hosts of the region that have it.',
    nothing,
    listVersions,
  ),
  operation(
    many,
    'GET list_left_out',
    'user',
    'leftOut',
    'List the sources and selections of which the last import has no image, with the reasons.',
    nothing,
    listLeftOut,
  ),
  operation(
    many,
    'POST import',
    'admin',
    'text',
    'Import the selected images of all sources now.',
    nothing,
    startImport,
  ),
  operation(
    many,
    'POST stop_import',
    'admin',
    'text',
    'Stop the import. The next import continues from the bytes that have arrived.',
    nothing,
    stopImport,
  ),
  operation(
    item,
    'GET',
    'user',
    'wholeBootResource',
    'Read a boot image, with its versions and files.',
    nothing,
    (call) => withResource(call, (resource) => json(wholeJson(call, resource))),
  ),
  operation(
    item,
    'DELETE',
    'admin',
    'nothing',
    'Delete a boot image. If a selection still includes it, the next import fetches it again.',
    nothing,
    (call) => wish(call, 'delete'),
  ),
  operation(
    item,
    'POST resume',
    'admin',
    'bootResource',
    'Import this image alone, from the bytes that have arrived.',
    nothing,
    (call) => wish(call, 'import'),
  ),
  operation(
    groups,
    'POST import_boot_images',
    'admin',
    'text',
    'Import the selected images of all sources now.',
    nothing,
    startImport,
  ),
  operation(
    group,
    'POST import_boot_images',
    'admin',
    'text',
    'Import the selected images of all sources now. The region imports, for all racks.',
    nothing,
    (call) => (uuidIn(call) === undefined ? refuseRack(call.path.uuid) : startImport(call)),
  ),
  operation(groupImages, 'GET', 'user', ['bootImage'], 'List the boot images of a rack.', nothing, listGroupImages),
  operation(groupImage, 'GET', 'user', 'bootImage', 'Read a boot image of a rack.', nothing, readGroupImage),
];
