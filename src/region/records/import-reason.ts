// Why an import leaves out an image or a source, or why it does not continue: a code with its parameters, as in events.
// `importText` makes the sentence when a page, an answer or the log shows it.
//
// 1. A stored code keeps its meaning.
// 2. No parameter contains a path of the importing host, because everyone who may see the images can read the reasons.

import { z } from 'zod';
import { counted, listed } from '../../counted.ts';
import type { Writers } from '../../event.ts';
import { describeAttemptFault, isAttemptFault } from '../../images/download/fault.ts';
import { formatBytes } from '../../quantity.ts';

const text = z.string().max(2048);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const said = z.object({ said: text });
const none = z.object({});
const names = z.array(z.string().max(64)).max(64).readonly();

/** A fault of a download (`images/download/fault.ts`). Another version may have stored a code that this one does not know. */
const downloadFault = z.object({
  code: z.string().max(64),
  params: z.record(z.string().max(64), z.union([text, z.number(), z.undefined()])),
});

const PARAMS = {
  'nothing-selected': none,
  /**
   * The source has no image that matches a selection.
   * @param os the selected system @param arches the selected architectures; empty: all @param labels as `arches`; undefined: all @param subarches as `labels`
   * @param nearest the system and release with the most similar name that the source has; undefined: none
   */
  'not-offered': z.object({
    os: text.optional(),
    source: text,
    arches: names,
    labels: names.optional(),
    subarches: names.optional(),
    nearest: text.optional(),
  }),
  /** As `not-offered`, but problems of the source may hide an image; they have entries of their own. */
  'not-in-part': z.object({ source: text, arches: names, labels: names.optional(), subarches: names.optional() }),
  /** Another label of the boot loader has its directory of the boot tree. @param holder the name of that one */
  'place-taken': z.object({ place: text, holder: text }),
  /** The installer of another system has the directory of this release in the boot tree. @param holder its name */
  'release-taken': z.object({ place: text, holder: text }),
  /** The run already has `max` images, the most that it may have. */
  'run-full': z.object({ max: count }),
  /** An earlier source offers the image; the import uses this source only if that one fails. */
  'earlier-source': z.object({ first: text, source: text }),
  /** The later source delivers the image, because the first one failed, or answered late. */
  'later-source': z.object({ first: text, source: text }),
  /** A source has not answered for so long that images of later sources no longer wait for it. It may still answer. */
  awaited: z.object({ minutes: count }),
  /** A source has not answered yet. */
  unanswered: none,
  /** An earlier source, which has not answered yet, may have the image, too. The import waits for it for at most `minutes`. */
  'waits-for-source': z.object({ source: text, minutes: count }),
  /** A user paused or cancelled the import. */
  held: z.object({ hold: z.enum(['paused', 'cancelled']) }),
  /** The newest version is already stored. */
  present: z.object({ serial: text }),
  stopped: none,
  /** The import was under way when its source, or the selection, was removed, or the source withdrew the image. */
  'no-offer': none,
  download: z.object({ fault: downloadFault }),
  'disk-full': z.object({ freeBytes: count, neededBytes: count }),
  'disk-failed': said,
  /** @param said empty: unknown */
  'thread-ended': said,
  /** An error of Rackboot ended the import, or the reading of the source. The log of the importing host has its stack. */
  bug: said,
  /** Another process has a file of the image locked, and the import waits for it. */
  locked: none,
  /** The image was imported, and the store has none of this name any more. */
  gone: none,
  /** The store of the region's host lacks the bytes of the image, or they are not whole. */
  'bytes-lost': none,
  /** A complete upload waits until one of these has become an image. */
  'uploads-first': z.object({ names: z.array(text).max(16).readonly() }),
  /** A user deleted the image, but it still exists. */
  'not-deleted': said,
  /** The file itself cannot be used: as long as the source has no other one, a further attempt ends the same. */
  refused: said,
  /** The store has an image of this name and version with other bytes. */
  'other-bytes': said,
  /** The error text of any other failure. */
  said,
  /** A remark on an import that succeeded. */
  remark: said,
} as const;

/** The codes of reasons that do not count as failures: a person or the order of sources wants it so, or it is not certain yet. */
const WANTED: ReadonlySet<string> = new Set<keyof typeof PARAMS>([
  'awaited',
  'unanswered',
  'waits-for-source',
  'nothing-selected',
  'earlier-source',
  'held',
  'later-source',
  'no-offer',
  'present',
  'remark',
]);

/** The codes of reasons that end with the questions of a run. */
const UNCERTAIN: ReadonlySet<string> = new Set<keyof typeof PARAMS>(['unanswered', 'waits-for-source']);

/** True if a source that has not answered yet is the reason. */
export const isUncertain = ({ code }: ImportReason): boolean => UNCERTAIN.has(code);

/** True if something that was selected is missing, or a source could not be used. */
export const isFailure = ({ code }: ImportReason): boolean => !WANTED.has(code);

/** The codes of failures that each further attempt repeats, until the source has another file, or the other image is removed. */
const FINAL: ReadonlySet<string> = new Set<keyof typeof PARAMS>(['refused', 'other-bytes']);

/** True if an import that failed for this reason is not worth another attempt. */
export const isFinal = ({ code }: ImportReason): boolean => FINAL.has(code);

type Params = typeof PARAMS;
type ImportReasonCode = keyof Params;
/** The parameters by code. */
type ImportReasonParams = { readonly [C in ImportReasonCode]: Readonly<z.output<Params[C]>> };

/** A reason. */
export type ImportReason<C extends ImportReasonCode = ImportReasonCode> = {
  readonly [K in C]: { readonly code: K; readonly params: ImportReasonParams[K] };
}[C];

const isCode = (name: string): name is ImportReasonCode => Object.hasOwn(PARAMS, name);

const isReason = (found: { readonly code: string; readonly params: unknown }): found is ImportReason =>
  isCode(found.code) && PARAMS[found.code].safeParse(found.params).success;

/** Reads a stored reason. This version shows a reason that it does not know as its code. */
export const importReason = z
  .object({ code: z.string().max(64), params: z.unknown() })
  .transform((found): ImportReason => (isReason(found) ? found : { code: 'said', params: { said: found.code } }));

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
