// Why an import leaves out an image or a source, or does not continue: a code with its parameters, as in events.
//
// 1. A stored code keeps its meaning.
// 2. No parameter contains a path of the importing host, because everyone who may see the images can read the reasons.

import { z } from 'zod';
import { counted, listed } from '../../counted.ts';
import { type Coded, type Writers, write } from '../../event.ts';
import { describeAttemptFault, isAttemptFault } from '../../images/download/fault.ts';
import { formatBytes } from '../../quantity.ts';

const text = z.string().max(2048);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const said = z.object({ said: text });
const none = z.object({});
const names = z.array(z.string().max(64)).max(64).readonly();

/** `images/download/fault.ts`; another version may have stored an unknown code. */
const downloadFault = z.object({
  code: z.string().max(64),
  params: z.record(z.string().max(64), z.union([text, z.number(), z.undefined()])),
});

const PARAMS = {
  'nothing-selected': none,
  /**
   * @param os the selected system @param arches empty: all @param labels undefined: all @param subarches as `labels` @param nearest the
   * most similar name that the source has
   */
  'not-offered': z.object({
    os: text.optional(),
    source: text,
    arches: names,
    labels: names.optional(),
    subarches: names.optional(),
    nearest: text.optional(),
  }),
  /** Problems of the source may hide an image; they have entries of their own. */
  'not-in-part': z.object({ source: text, arches: names, labels: names.optional(), subarches: names.optional() }),
  /** Another label of the boot loader (`holder`) has its directory of the boot tree. */
  'place-taken': z.object({ place: text, holder: text }),
  /** The installer of another system (`holder`) has the directory of this release. */
  'release-taken': z.object({ place: text, holder: text }),
  'run-full': z.object({ max: count }),
  /** This source is used only if the earlier one fails. */
  'earlier-source': z.object({ first: text, source: text }),
  /** The first one failed, or answered late. */
  'later-source': z.object({ first: text, source: text }),
  /** Images of later sources no longer wait for a source, which may still answer. */
  awaited: z.object({ minutes: count }),
  unanswered: none,
  /** It may have the image, too. The import waits for it for at most `minutes`. */
  'waits-for-source': z.object({ source: text, minutes: count }),
  held: z.object({ hold: z.enum(['paused', 'cancelled']) }),
  present: z.object({ serial: text }),
  stopped: none,
  /** Its source or selection was removed meanwhile, or the source withdrew the image. */
  'no-offer': none,
  download: z.object({ fault: downloadFault }),
  'disk-full': z.object({ freeBytes: count, neededBytes: count }),
  'disk-failed': said,
  /** @param said empty: unknown */
  'thread-ended': said,
  /** An error of Rackboot; the log of the importing host has its stack. */
  bug: said,
  /** Another process has a file of the image locked. */
  locked: none,
  /** It was imported, and the store has none of this name any more. */
  gone: none,
  /** Its bytes are not whole. */
  'bytes-lost': none,
  /** It waits until one of these has become an image. */
  'uploads-first': z.object({ names: z.array(text).max(16).readonly() }),
  'not-deleted': said,
  /** As long as the source has no other file, a further attempt ends the same. */
  refused: said,
  /** The stored image of this name and version has other bytes. */
  'other-bytes': said,
  /** The error text of any other failure. */
  said,
  /** A remark on an import that succeeded. */
  remark: said,
} as const;

/** Not failures: a person or the order of sources wants it so, or it is not certain yet. */
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

/** These end with the questions of a run. */
const UNCERTAIN: ReadonlySet<string> = new Set<keyof typeof PARAMS>(['unanswered', 'waits-for-source']);

/** True if a source that has not answered yet is the reason. */
export const isUncertain = ({ code }: ImportReason): boolean => UNCERTAIN.has(code);

/** True if something that was selected is missing, or a source could not be used. */
export const isFailure = ({ code }: ImportReason): boolean => !WANTED.has(code);

/** Each further attempt repeats these, until the source has another file, or the other image is removed. */
const FINAL: ReadonlySet<string> = new Set<keyof typeof PARAMS>(['refused', 'other-bytes']);

/** True if an import that failed for this reason is not worth another attempt. */
export const isFinal = ({ code }: ImportReason): boolean => FINAL.has(code);

type Params = typeof PARAMS;
type ImportReasonCode = keyof Params;
type ImportReasonParams = { readonly [C in ImportReasonCode]: Readonly<z.output<Params[C]>> };

export type ImportReason<C extends ImportReasonCode = ImportReasonCode> = Coded<ImportReasonParams, C>;

const isCode = (name: string): name is ImportReasonCode => Object.hasOwn(PARAMS, name);

const isReason = (found: { readonly code: string; readonly params: unknown }): found is ImportReason =>
  isCode(found.code) && PARAMS[found.code].safeParse(found.params).success;

/** One that this version does not know is shown as its code. */
export const importReason = z
  .object({ code: z.string().max(64), params: z.unknown() })
  .transform((found): ImportReason => (isReason(found) ? found : { code: 'said', params: { said: found.code } }));

const NAMED_MAX = 8;

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
  'nothing-selected': () =>
    'nothing is selected: choose under Images on the page, or `sudo rackboot images selections add ubuntu ubuntu/noble`',
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

export const importText = (reason: ImportReason): string =>
  write<ImportReasonParams, ImportReasonCode>(IMPORT_REASONS, reason);

/** What a request for an import answers. @param lack why it will bring nothing */
export const importStartedText = (what: string, lack: ImportReason | undefined): string =>
  `Import of ${what} started${lack === undefined ? '' : `, but ${importText(lack)}`}`;
