// The pages of images, and of their sources.

import { counted } from '../../../counted.ts';
import { type Html, html } from '../../../html.ts';
import type { FilesInForce } from '../../records/boot-store.ts';
import { formatDuration, formatSize } from './quantity.ts';

/** The images. */
export const IMAGES = {
  title: 'Images',
  columns: {
    system: 'System',
    architecture: 'Architecture',
    version: 'Version',
    size: 'Size',
    usedBy: 'Used by',
    act: 'Import',
  },
  states: {
    queued: 'Queued',
    waiting: 'Waiting',
    connecting: 'Connecting',
    downloading: 'Downloading',
    verifying: 'Verifying',
    uploading: 'Uploading',
    pausing: 'Pausing',
    paused: 'Paused',
    cancelling: 'Cancelling',
    cancelled: 'Cancelled',
    stopped: 'Stopped',
    failed: 'Failed',
    done: 'Ready',
    gone: 'Gone',
  },
  coming: (serial: string): string => `New: ${serial}`,
  onDisk: (size: number): string => `${formatSize(size)} on a disk`,
  uses: (first: string, machines: number): string =>
    machines === 1 ? first : `${first} and ${counted(machines - 1, 'other machine')}`,
  amount: (bytes: number, total: number | undefined): string =>
    total === undefined ? formatSize(bytes) : `${formatSize(bytes)} of ${formatSize(total)}`,
  rate: (bytesPerSecond: number): string => `${formatSize(bytesPerSecond)}/s`,
  left: (ms: number): string => `${formatDuration(ms)} left`,
  nextTry: (ms: number): string => (ms <= 0 ? 'tries again now' : `tries again in ${formatDuration(ms)}`),
  /** Of one that was stopped with all others. */
  resumes: (ms: number): string => (ms <= 0 ? 'continues now' : `continues in ${formatDuration(ms)}`),
  untilAsked: 'until somebody resumes it or requests an import',
  importNow: 'Import now',
  stopImport: 'Stop import',
  asked: 'You requested an import.',
  stopped: 'You stopped the import.',
  pause: 'Pause',
  resume: 'Resume',
  retry: 'Try again',
  cancel: 'Cancel',
  done: {
    pause: (image: string): string => `${image} is paused until you resume it.`,
    resume: (image: string): string => `Resumed ${image}.`,
    cancel: (image: string): string => `${image} is cancelled until somebody requests an import.`,
    delete: (image: string): string => `${image} is deleted.`,
  },
  run: {
    running: 'An import is under way.',
    idle: (ago: string): string => `The last import ended ${ago}.`,
    never: 'Nothing has been imported yet.',
    next: (ms: number): string =>
      ms <= 0 ? 'The next one begins now.' : `The next one begins in ${formatDuration(ms)}.`,
    onDemand: 'None is scheduled.',
    failed: (count: number): string => `${counted(count, 'image has', 'images have')} failed.`,
    left: (count: number): string =>
      `"Not imported" lists ${counted(count, 'source or selection', 'sources or selections')}.`,
  },
  skipped: {
    title: 'Not imported',
    more: (count: number): string => `and ${counted(count, 'other')}`,
  },
  installers: 'Installers',
  reported: 'Downloads by racks',
  selected: 'Selected',
  notOffered: (selection: string): string => `${selection} · not offered`,
  sourcesLink: 'Sources and selections',
  empty: {
    title: 'No images yet',
    hint: html`Select images from a source. Or run on the rack: <code>sudo rackboot images make-debian</code> builds an image,
      and${' '}<code>sudo rackboot images add FILE --os debian --release trixie</code> adds your own.`,
  },
  footer: html`On the rack: <code>sudo rackboot images import</code>, <code>sudo rackboot images add</code>,
    ${' '}<code>sudo rackboot images remove</code>. From anywhere: <code>rackboot images upload</code>.`,
  /** One image. */
  all: 'All images',
  total: (size: number): string => `${formatSize(size)} to download`,
  versions: 'Versions',
  onDiskColumn: 'On a disk',
  kind: 'Kind',
  kinds: {
    disk: 'Image of a disk',
    root: 'Root of a system',
    loader: 'Boot loader',
    installer: 'Installer',
  },
  starts: 'Starts by',
  /** @param ways `BIOS`, `UEFI`; empty: no loader was found */
  startsBy: (ways: readonly string[]): string => (ways.length === 0 ? 'Unknown' : ways.join(' and ')),
  cloudInit: (isThere: boolean): string => (isThere ? 'cloud-init' : 'no cloud-init was found in it'),
  added: 'Added, made or uploaded by hand',
  sha256: 'SHA-256',
  isComing: (serial: string): string => `${serial}, not imported yet`,
  source: 'Source',
  state: 'State',
  deleteIt: 'Delete this image',
  deleteWhat: (isImported: boolean): string =>
    isImported
      ? 'All its versions are deleted. While a selection includes it, the next import fetches it again: remove the selection to prevent that.'
      : 'All its versions are deleted.',
  deleteUsed: (machines: number): string =>
    `${counted(machines, 'machine has', 'machines have')} this system; ${machines === 1 ? 'its disk is' : 'their disks are'} not changed.`,
  delete: 'Delete image',
  deleteAll: (versions: number): string => `Delete all ${counted(versions, 'version')}`,
};

/** The sources, and the selections among their images. */
export const SOURCES = {
  title: 'Image sources',
  lead: 'A source is a site that offers images. Open one to select those that are imported.',
  problems: {
    all: '',
    last: 'The file of sources has an error; its last good version is in force',
    sources: 'The selections of the file of sources have an error; none of them is in force',
    none: 'The file of sources has an error; nothing is imported from sources of files',
  } satisfies Record<FilesInForce, string>,
  pinned: (file: string): string => `Written in ${file}`,
  shipped: 'Shipped with Rackboot',
  pinnedSource: (file: string): string =>
    `This source is written in ${file}. Its URL and its keys can be changed only there.`,
  /** @param file the site's file of sources */
  shippedSource: (file: string): Html =>
    html`It is part of Rackboot. To change it, write a source of this name into <code>${file}</code>, which replaces it.`,
  /** @param line undefined: unknown */
  pinnedSelection: (file: string, line: number | undefined): string =>
    `Written in ${line === undefined ? '' : `line ${line} of `}${file}: remove it there.`,
  about: 'About this source',
  hostMirror: 'the package mirror of this host',
  missing: 'missing',
  keysFile: 'File of keys',
  keysUrl: 'Keys fetched from',
  fingerprints: 'Accepted keys',
  selections: (count: number): string => counted(count, 'selection'),
  addOne: 'Add a source',
  add: 'Add source',
  url: {
    label: 'URL',
    hint: 'The URL of a simplestreams site, such as https://images.maas.io/ephemeral-v3/stable/, or of its index.',
  },
  index: {
    label: 'Index',
    hint: 'The path of the index below the URL. By default streams/v1/index.sjson; of an unsigned site, streams/v1/index.json.',
  },
  trust: {
    label: 'How the site is verified',
    hint: 'Give a keyring or keys. Or tick Unsigned, and say why.',
  },
  keyringFile: { label: 'Keyring', hint: 'The path of its OpenPGP keys on the host of the region.' },
  keyring: { label: 'Keys', hint: 'Instead of a keyring: the keys themselves, ASCII-armored or in Base64.' },
  unsigned: { label: 'Unsigned', hint: 'No signature is required, and only HTTPS protects the site. Instead of keys.' },
  why: { label: 'Why', hint: 'Why you use an unsigned site.' },
  signed: {
    file: (path: string): string => `Signed: keys in ${path}`,
    missing: (path: string): string => `Signed: keys in ${path}, which is missing`,
    site: (host: string): string => `Signed: keys fetched from ${host}`,
    own: 'Signed: keys of its own',
    accepted: (count: number): string => (count === 0 ? 'Signed' : `Signed: ${counted(count, 'accepted key')}`),
  },
  unsignedFor: (why: string): string => `Unsigned: ${why}`,
  added: (source: string): string => `Source ${source} added. Now select images from it.`,
  saved: (source: string): string => `Source ${source} saved.`,
  deleted: (source: string): string => `Source ${source} deleted.`,
  selected: 'Selected images',
  nothing: 'Nothing is selected, so nothing is imported.',
  select: 'Select images',
  selectIt: 'Select',
  os: { label: 'System', hint: 'Such as ubuntu. For all, leave it empty.' },
  release: {
    label: 'Release',
    hint: 'Its name or version, such as noble. For all, which are many gigabytes, enter *.',
  },
  /** Before the reason. */
  failed: 'At the last import:',
  /** Before the command that lists what a site of simplestreams offers. */
  lists: 'What this site offers:',
  /** @param arches the architectures of all */
  offers: (arches: readonly string[]): string => `What it offers, for ${arches.join(', ')}`,
  arches: { label: 'Architectures', hint: 'Such as amd64, arm64. For all, leave it empty.' },
  subarches: { label: 'Subarchitectures', hint: 'Such as ga-24.04. For all, leave it empty.' },
  labels: { label: 'Labels', hint: 'Such as release, daily. For all, leave it empty.' },
  /** @param ms until the next import; undefined: none is scheduled */
  selectionAdded: (image: string, ms: number | undefined): string =>
    `${image} is selected: ${ms === undefined ? 'no import is scheduled' : `the next import, ${ms <= 0 ? 'now' : `in ${formatDuration(ms)}`}, fetches it`}. ` +
    '"Import now" on the page Images begins one at once.',
  selectionRemoved: (image: string): string => `${image} is no longer selected. Imported versions stay.`,
  remove: 'Remove',
  hasKeys: (bytes: number): string => `It has its own keys (${formatSize(bytes)}). New keys replace them.`,
  change: 'This source',
  deleteIt: 'Delete this source',
  deleteWhat: 'Its selections are deleted, too. Imported images stay.',
  delete: 'Delete source',
};
