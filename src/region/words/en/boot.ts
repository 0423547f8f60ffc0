// Why a change to image sources, to their selections or to an import is refused.

import type { RefusalTable } from './table.ts';

type Max = { readonly max: number };

/** By code. */
export const BOOT = {
  'not-found.boot-source': ({ id }: { readonly id: string }) =>
    `There is no source of images ${id}: boot-sources lists them.`,
  'not-found.boot-selection': ({ id }: { readonly id: string }) => `This source has no selection ${id}.`,
  'not-found.boot-resource': ({ id }: { readonly id: string }) => `There is no image ${id}: boot-resources lists them.`,
  'image-missing.of-racks': ({ image }: { readonly image: string }) =>
    `The region itself has no ${image}; only racks report it. \`sudo rackboot images remove ${image}\` on their hosts removes it.`,
  'setting-read-only.boot-source': ({
    source,
    file,
    key,
  }: {
    readonly source: string;
    readonly file: string;
    readonly key: string;
  }) =>
    `The source ${source} is read-only: it is written in ${file} as ${key}. A source of the same name in image-sources.yaml, next to the ` +
    'configuration, replaces it.',
  'field.boot-url':
    'Give the http or https URL of a site with simplestreams, without a password, at most 1024 characters.',
  'field.boot-url-taken': ({ url }: { readonly url: string }) => `A source has the URL ${url}: change it.`,
  'field.boot-sources-limit': ({ max }: Max) => `There are already ${max} sources, the maximum: remove one.`,
  'field.keyring-missing':
    'Give keyring_filename or keyring_data: only a source of image-sources.yaml may be unsigned, and it must say why.',
  'field.keyring-both': 'Give keyring_filename or keyring_data, not both.',
  'field.keyring-file': 'Give the absolute path of a file with OpenPGP keys, at most 1024 printable characters.',
  'field.keyring-data': ({ max }: Max) => `Give OpenPGP keys, as a file, in armor or in Base64, at most ${max} bytes.`,
  'field.boot-name': 'Give *, or at most 63 letters, digits and . _ + -, of which the first is a letter or digit.',
  'field.boot-selection-taken': ({ image, id }: { readonly image: string; readonly id: number }) =>
    `Selection ${id} of this source has ${image}: change it. To fetch its images again, delete them and import.`,
  'field.boot-source-installer': ({ os }: { readonly os: string }) =>
    `This source has installers, which the region does not import: use \`rackboot images import installer/${os}/RELEASE\` on the rack's host.`,
  'field.boot-kind': 'Give synced or uploaded.',
  'field.boot-selections-limit': ({ max }: Max) => `A source has at most ${max} selections: remove one.`,
} as const satisfies RefusalTable;
