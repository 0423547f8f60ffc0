// Why a change to image sources, to their selections or to an import is refused.

import { counted } from '../../../counted.ts';
import type { ImportReason } from '../../records/import-reason.ts';
import { importText } from './imports.ts';
import type { RefusalTable } from './table.ts';

type Max = { readonly max: number };
/** A selection of the site's file. */
/** Where something is written; the key is for a file whose lines are unknown. */
type Written = { readonly file: string; readonly key: string; readonly line?: number | undefined };
type WrittenImage = Written & { readonly image: string };

const place = ({ file, key, line }: Written): string =>
  line === undefined ? `${file} as ${key}` : `${file}, line ${line}`;

/** By code. */
export const BOOT = {
  'not-found.boot-source': ({ id }: { readonly id: string }) =>
    `There is no image source ${id}: boot-sources lists them.`,
  'not-found.boot-selection': ({ id }: { readonly id: string }) => `This source has no selection ${id}.`,
  'not-found.boot-resource': ({ id }: { readonly id: string }) => `There is no image ${id}: boot-resources lists them.`,
  'image-missing.of-racks': ({ image }: { readonly image: string }) =>
    `The region itself has no ${image}; only racks report it. \`sudo rackboot images remove ${image}\` on their hosts removes it.`,
  'setting-read-only.boot-source': ({
    source,
    isShipped = false,
    ...written
  }: Written & {
    readonly source: string;
    readonly isShipped?: boolean | undefined;
  }) =>
    `The source ${source} is read-only: it is written in ${place(written)}. ` +
    (isShipped
      ? 'A source of the same name in image-sources.yaml, next to the configuration, replaces it.'
      : 'Change it in this file.'),
  'setting-read-only.boot-selection': ({ image, ...written }: WrittenImage) =>
    `The selection ${image} is read-only: it is written in ${place(written)}. Change it in this file.`,
  'field.boot-url':
    'Give the http or https URL of a site with simplestreams, without a password, a query or a fragment, at most 1024 characters.',
  'field.boot-url-taken': ({ url, id }: { readonly url: string; readonly id: number }) =>
    `Source ${id} has the URL ${url}: change that one: \`rackboot images sources set ${id}\`.`,
  'field.boot-sources-limit': ({ max }: Max) => `There are already ${max} sources, the maximum: remove one.`,
  'field.keyring-missing':
    'Give the path of a file with the keys of the site, or the keys themselves. For a site without signatures, say instead that it is unsigned, and why.',
  'field.unsigned-keys': 'An unsigned source has no keys: leave them out, or do not say that it is unsigned.',
  'field.unsigned-why': 'Say why the site is trusted without a signature.',
  'field.unsigned-url': 'Give an https URL: only HTTPS protects the images of an unsigned source.',
  'field.why-signed': 'Only an unsigned source has this: leave it out, or say that the source is unsigned.',
  'field.boot-index':
    'Give the path of the index below the URL, such as streams/v1/index.json: it ends in .sjson or .json.',
  'field.boot-index-both': 'The URL already names the index: give the URL of the site, or leave this out.',
  'field.keyring-both': 'Give the path of a file with keys or the keys themselves, not both.',
  'field.keyring-file': 'Give the absolute path of a file with OpenPGP keys, at most 1024 printable characters.',
  'field.keyring-missing-file': ({ file }: { readonly file: string }) =>
    `This host of the region has no file ${file}: install the package that has it, or copy the keys of the site there.`,
  'field.keyring-data': ({ max }: Max) => `Give OpenPGP keys, as a file, in armor or in Base64, at most ${max} bytes.`,
  'field.keyring-large':
    'There are more keys and signatures than are read: give the keys of the site alone: gpg --export --export-options export-minimal KEY',
  'field.boot-name': 'Give *, or at most 63 letters, digits and . _ + -; the first must be a letter or digit.',
  'field.boot-selection-taken': (taken: { readonly image: string; readonly id: number; readonly source: number }) =>
    `Selection ${taken.id} of this source already has ${taken.image}: change that one: ` +
    `\`rackboot images selections set ${taken.source} ${taken.id}\`. To fetch its images again, delete them and import.`,
  'field.boot-selection-written': ({ image, file, key }: WrittenImage) =>
    `${image} of this source is already selected: it is written in ${file} as ${key}. To fetch its images again, delete them and import.`,
  'field.boot-os': ({ source, os }: { readonly source: string; readonly os: string }) =>
    `The source ${source} has only ${os}: give ${os}, or select from another source (boot-sources lists them).`,
  'field.boot-kind': 'Give synced or uploaded.',
  'field.image-name':
    'Give a name such as custom/site or site: lower-case letters and digits, with . _ + - inside, at most 63 characters on each side of /.',
  'field.image-name-reserved': ({ os }: { readonly os: string }) =>
    `The boot tree itself uses the name ${os}: give another system, such as custom.`,
  'field.image-name-length': ({ excess }: { readonly excess: number }) =>
    `Give a name and an architecture that are ${counted(excess, 'character')} shorter together: the image is a file with both in its name.`,
  'field.image-architecture': 'Give an architecture that exists, such as amd64 or amd64/generic.',
  'field.file-type': ({ known }: { readonly known: readonly string[] }) => `Give one of ${known.join(', ')}.`,
  'field.file-hash': 'Give the SHA-256 of the file: 64 hexadecimal digits.',
  'field.file-hash-other': ({ found }: { readonly found: string }) =>
    `The content has the SHA-256 ${found}: send the file again.`,
  'field.upload-size': ({ max }: Max) => `Give the size of the file in bytes, from 1 to ${max}.`,
  'field.upload-size-other': ({ found }: { readonly found: number }) =>
    `The content has ${counted(found, 'byte')}: send the file again.`,
  'not-found.upload': ({ id }: { readonly id: number | string }) =>
    `There is no upload ${id}: it has ended, was deleted, or was replaced by a newer one.`,
  'uploads-limit': ({ max }: Max) =>
    `There are already ${max} uploads, the maximum: delete one, or wait until one has ended.`,
  'uploads-limit.whole': ({ max }: Max) =>
    `${max} whole files are arriving, the maximum: try again later, or send the file in pieces.`,
  'uploads-limit.no-store': 'This host of the region has no boot tree, so it keeps no images.',
  'uploads-limit.disk': ({ said }: { readonly said: string }) =>
    `The disk of the images cannot take the file: ${said}.`,
  'upload-conflict.busy': 'Another piece of this upload is arriving: send one piece at a time.',
  'upload-conflict.place': ({ received }: { readonly received: number }) =>
    `${counted(received, 'byte')} of this upload ${received === 1 ? 'has' : 'have'} arrived: continue from there.`,
  'upload-conflict.whole': 'All bytes of this upload have arrived.',
  'upload-conflict.failed': ({ reason }: { readonly reason: ImportReason }) =>
    `This upload has failed: ${importText(reason)}. Begin a new one.`,
  'upload-conflict.lost': 'The bytes received for this upload are gone: begin a new one.',
  'upload-conflict.elsewhere': ({ place }: { readonly place: string }) =>
    `The bytes received for this upload are on ${place}: send the rest to that host, too.`,
  'upload-conflict.replaced': 'Another upload of this name has begun meanwhile: upload the file again.',
  'upload-conflict.deleting': ({ image }: { readonly image: string }) =>
    `${image} is being deleted: try again in a moment.`,
  'upload-conflict.wish':
    'An upload cannot be paused or resumed: it continues with the next piece. Delete it to end it.',
  'bad-request.upload-empty':
    'A piece of an upload must have at least one byte, and its request must give the number in Content-Length.',
  'bad-request.upload-range': 'Give Content-Range as bytes FIRST-LAST/SIZE, with the place of this piece in the file.',
  'bad-request.upload-other': ({ bytes, said }: { readonly bytes: number; readonly said: number }) =>
    `The file of this upload has ${counted(bytes, 'byte')}, and Content-Range names one of ${said}: send the pieces of one file only.`,
  'bad-request.upload-short': ({ bytes }: { readonly bytes: number }) =>
    `The request ended before its ${counted(bytes, 'byte')} had arrived: send this piece again.`,
  'bad-request.upload-excess': ({ bytes, received }: { readonly bytes: number; readonly received: number }) =>
    `The file has ${counted(bytes, 'byte')}, and ${counted(received, 'byte has', 'bytes have')} arrived: this piece is too long.`,
  'bad-request.upload-refused': ({ reason }: { readonly reason: ImportReason }) => importText(reason),
  'body-too-large.upload': ({ max }: Max) => `An uploaded file may have at most ${max} bytes.`,
  'body-too-large.piece': ({ max }: Max) =>
    `A piece of an upload may have at most ${max} bytes: send the file in smaller pieces.`,
  'field.boot-selections-limit': ({ max }: Max) => `A source may have at most ${max} selections: remove one.`,
} as const satisfies RefusalTable;
