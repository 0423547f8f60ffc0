// Why an import leaves out an image or a source, or does not continue.

import { counted, listed } from '../../../counted.ts';
import { describeAttemptFault, isAttemptFault } from '../../../images/download/fault-words.ts';
import type { ImportReason, ImportReasonCode, ImportReasonParams } from '../../records/import-reason.ts';
import { formatBytes } from './quantity.ts';
import type { Writers } from './table.ts';

/** The most architectures that a sentence lists. */
const NAMED_MAX = 8;

/** A colon and the text; empty for an empty text. */
const after = (said: string): string => (said === '' ? '' : `: ${said}`);

const availableCommand = (os: string): string => `sudo rackboot images available${os === '*' ? '' : ` ${os}`} --all`;

/** The limits of a selection: ` for amd64 with the label daily`. */
function selectedText({
  arches,
  labels = [],
  subarches = [],
}: Omit<ImportReasonParams['not-in-part'], 'source'>): string {
  const withOnes = [named('label', labels), named('subarch', subarches)].filter((text) => text !== '');
  const forArches = arches.length === 0 ? '' : ` for ${listed(arches, NAMED_MAX)}`;
  return `${forArches}${withOnes.length === 0 ? '' : ` with ${withOnes.join(' and ')}`}`;
}

const named = (noun: string, ones: readonly string[]): string =>
  ones.length === 0 ? '' : `the ${noun}${ones.length === 1 ? '' : 's'} ${listed(ones, NAMED_MAX)}`;

const IMPORT_REASONS: Writers<ImportReasonParams> = {
  'nothing-selected': () => 'nothing is selected: add a selection to a source',
  'not-offered': ({ os, source, nearest, ...selected }) => {
    const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
    const remedy = os === undefined ? '' : `: ${hint}\`${availableCommand(os)}\` lists what there is`;
    return `${source} does not offer it${selectedText(selected)}${remedy}`;
  },
  'not-in-part': ({ source, ...selected }) =>
    `the part of ${source} that could be read does not offer it${selectedText(selected)}: the reason is in the entry of ${source}`,
  'place-taken': ({ place, holder }) => `${place} is that of ${holder}: select one label of it`,
  'release-taken': ({ place, holder }) =>
    `${place} is that of ${holder}: to have this one instead, end the selection of that one, and then remove it`,
  'run-full': ({ max }) => `a run imports at most ${max} images: select fewer`,
  'earlier-source': ({ first, source }) => `${first} has it, too, and comes before ${source}`,
  'later-source': ({ first, source }) => `it comes from ${source}: ${first} has it, too, but failed or answered late`,
  awaited: ({ minutes }) =>
    `it has not answered within ${counted(minutes, 'minute')}: Rackboot still waits, but imports the images of other sources meanwhile`,
  unanswered: () => 'it has not answered yet',
  'waits-for-source': ({ source, minutes }) =>
    `waiting for ${source}, which comes first and has not answered yet: for at most ${counted(minutes, 'minute')}`,
  held: ({ hold }) => `its import is ${hold}`,
  present: ({ serial }) => `${serial} is already there`,
  stopped: () => 'the import was stopped',
  'no-offer': () => 'the import was stopped, because no selected source offers the image any more',
  download: ({ fault }) => (isAttemptFault(fault) ? describeAttemptFault(fault) : fault.code),
  'disk-full': ({ freeBytes, neededBytes }) =>
    `the disk of the images has ${formatBytes(freeBytes)} left, but needs ${formatBytes(neededBytes)}: free space, or remove unneeded images; then resume`,
  'disk-failed': ({ said }) =>
    `the disk of the images cannot be written${said === '' ? '' : ` (${said})`}: check the disk and its permissions; then resume`,
  'thread-ended': ({ said }) => `the importing thread ended${after(said)}`,
  bug: ({ said }) => `this is an error of Rackboot${after(said)}: report it with the stack in the log of the region`,
  locked: () => 'waiting for another process of the importing host, which has a file of this image locked',
  gone: () =>
    'it was removed, or its manifest is damaged, which `sudo rackboot images list` shows on the host of the region; while a selection matches it, the next import fetches it again',
  'bytes-lost': () =>
    'its bytes are damaged or missing, so no machine gets it from the region: run sudo rackboot images fsck on the host of the region, which says how to get them back',
  'uploads-first': ({ names }) => `waiting until the upload of ${listed(names, NAMED_MAX)} has become an image`,
  'other-bytes': ({ said }) => said,
  'not-deleted': ({ said }) => `it is not deleted yet${after(said)}`,
  refused: ({ said }) => said,
  said: ({ said }) => said,
  remark: ({ said }) => said,
};

/** The sentence of a reason. */
export const importText = <C extends ImportReasonCode>({ code, params }: ImportReason<C>): string =>
  IMPORT_REASONS[code](params);
