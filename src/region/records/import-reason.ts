// Why an import leaves out an image or a source, or does not continue: a code with its parameters,
// as in events.
//
// 1. A stored code keeps its meaning.
// 2. No parameter contains a path of the importing host, because everyone who may see the images
//    can read the reasons.

import { z } from 'zod';
import { counted, joinNames } from '../../ground/counted.ts';
import type { Coded } from '../../ground/event.ts';
import { formatBytes } from '../../ground/quantity.ts';
import { describeAttemptFault, isAttemptFault } from '../../images/download/fault.ts';

const text = z.string().max(2048);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const quotedText = z.object({ said: text });
const none = z.object({});
const names = z.array(z.string().max(64)).max(64).readonly();
const place = z.object({ place: text, holder: text });
const order = z.object({ first: text, source: text });

/** `images/download/fault.ts`; another version may have stored an unknown code. */
const downloadFault = z.object({
  code: z.string().max(64),
  params: z.record(z.string().max(64), z.union([text, z.number(), z.undefined()])),
});

/** What an import does about a reason; undefined: a failure, which another attempt may mend. */
type Kind =
  /** A person or the order of sources wants it so. */
  | 'wanted'
  /** It ends with the questions of a run. */
  | 'uncertain'
  /** Each further attempt repeats it, until the source has another file, or the other image is removed. */
  | 'final';

const reason = <Shape extends z.ZodObject>(params: Shape, write: (params: z.output<Shape>) => string, kind?: Kind) => ({
  params,
  write,
  kind,
});

const asSaid = ({ said }: { readonly said: string }): string => said;

const NAMED_MAX = 8;

const formatDetail = (detail: string): string => (detail === '' ? '' : `: ${detail}`);

const availableCommand = (os: string): string => `sudo rackboot images available${os === '*' ? '' : ` ${os}`} --all`;

const selected = z.object({ source: text, arches: names, labels: names.optional(), subarches: names.optional() });

/** The limits of a selection: ` for amd64 with the label daily`. */
function selectedText({ arches, labels = [], subarches = [] }: z.output<typeof selected>): string {
  const withOnes = [formatNoun('label', labels), formatNoun('subarch', subarches)].filter((text) => text !== '');
  const forArches = arches.length === 0 ? '' : ` for ${joinNames(arches, NAMED_MAX)}`;
  return `${forArches}${withOnes.length === 0 ? '' : ` with ${withOnes.join(' and ')}`}`;
}

const formatNoun = (noun: string, ones: readonly string[]): string =>
  ones.length === 0 ? '' : `the ${noun}${ones.length === 1 ? '' : 's'} ${joinNames(ones, NAMED_MAX)}`;

const REASONS = {
  'nothing-selected': reason(
    none,
    () =>
      'nothing is selected: choose under Images on the page, or `sudo rackboot images selections add ubuntu ubuntu/noble`',
    'wanted',
  ),
  /**
   * @param os the selected system @param arches empty: all @param labels undefined: all @param
   * subarches as `labels` @param nearest the most similar name that the source has
   */
  'not-offered': reason(selected.extend({ os: text.optional(), nearest: text.optional() }), (params) => {
    const { os, source, nearest } = params;
    const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
    const remedy = os === undefined ? '' : `: ${hint}\`${availableCommand(os)}\` lists what there is`;
    return `${source} does not offer it${selectedText(params)}${remedy}`;
  }),
  /** Problems of the source may hide an image; they have entries of their own. */
  'not-in-part': reason(
    selected,
    (params) =>
      `the part of ${params.source} that could be read does not offer it${selectedText(params)}: the reason is in the entry of ${params.source}`,
  ),
  /** Another label of the boot loader (`holder`) has its directory of the boot tree. */
  'place-taken': reason(place, ({ place, holder }) => `${place} is that of ${holder}: select one label of it`),
  /** The installer of another system (`holder`) has the directory of this release. */
  'release-taken': reason(
    place,
    ({ place, holder }) =>
      `${place} is that of ${holder}: to have this one instead, end the selection of that one, and then remove it`,
  ),
  'run-full': reason(z.object({ max: count }), ({ max }) => `a run imports at most ${max} images: select fewer`),
  /** This source is used only if the earlier one fails. */
  'earlier-source': reason(order, ({ first, source }) => `${first} has it, too, and comes before ${source}`, 'wanted'),
  /** The first one failed, or answered late. */
  'later-source': reason(
    order,
    ({ first, source }) => `it comes from ${source}: ${first} has it, too, but failed or answered late`,
    'wanted',
  ),
  /** Images of later sources no longer wait for a source, which may still answer. */
  awaited: reason(
    z.object({ minutes: count }),
    ({ minutes }) =>
      `it has not answered within ${counted(minutes, 'minute')}: Rackboot still waits, but imports the images of other sources meanwhile`,
    'wanted',
  ),
  unanswered: reason(none, () => 'it has not answered yet', 'uncertain'),
  /** It may have the image, too. The import waits for it for at most `minutes`. */
  'waits-for-source': reason(
    z.object({ source: text, minutes: count }),
    ({ source, minutes }) =>
      `waiting for ${source}, which comes first and has not answered yet: for at most ${counted(minutes, 'minute')}`,
    'uncertain',
  ),
  present: reason(z.object({ serial: text }), ({ serial }) => `${serial} is already there`, 'wanted'),
  stopped: reason(none, () => 'the import was stopped'),
  /** Its source or selection was removed meanwhile, or the source withdrew the image. */
  'no-offer': reason(
    none,
    () => 'the import was stopped, because no selected source offers the image any more',
    'wanted',
  ),
  download: reason(z.object({ fault: downloadFault }), ({ fault }) =>
    isAttemptFault(fault) ? describeAttemptFault(fault) : fault.code,
  ),
  'disk-full': reason(
    z.object({ freeBytes: count, neededBytes: count }),
    ({ freeBytes, neededBytes }) =>
      `the disk of the images has ${formatBytes(freeBytes)} left, but needs ${formatBytes(neededBytes)}: free space, or remove unneeded images; then resume`,
  ),
  'disk-failed': reason(
    quotedText,
    ({ said }) =>
      `the disk of the images cannot be written${said === '' ? '' : ` (${said})`}: check the disk and its permissions; then resume`,
  ),
  /** @param said empty: unknown */
  'thread-ended': reason(quotedText, ({ said }) => `the importing thread ended${formatDetail(said)}`),
  /** An error of Rackboot; the log of the importing host has its stack. */
  bug: reason(
    quotedText,
    ({ said }) =>
      `this is an error of Rackboot${formatDetail(said)}: report it with the stack in the log of the region`,
  ),
  /** Another process has a file of the image locked. */
  locked: reason(
    none,
    () => 'waiting for another process of the importing host, which has a file of this image locked',
  ),
  /** It was imported, and the store has none of this name any more. */
  gone: reason(
    none,
    () =>
      'it was removed, or its manifest is damaged, which `sudo rackboot images list` shows on the host of the region; while a selection matches it, the next import fetches it again',
  ),
  /** Its bytes are not whole. */
  'bytes-lost': reason(
    none,
    () =>
      'its bytes are damaged or missing, so no machine gets it from the region: run sudo rackboot images fsck on the host of the region, which says how to get them back',
  ),
  /** It waits until one of these has become an image. */
  'uploads-first': reason(
    z.object({ names: z.array(text).max(16).readonly() }),
    ({ names }) => `waiting until the upload of ${joinNames(names, NAMED_MAX)} has become an image`,
  ),
  'not-deleted': reason(quotedText, ({ said }) => `it is not deleted yet${formatDetail(said)}`),
  refused: reason(quotedText, asSaid, 'final'),
  /** The stored image of this name and version has other bytes. */
  'other-bytes': reason(quotedText, asSaid, 'final'),
  /** The error text of any other failure. */
  said: reason(quotedText, asSaid),
  /** A remark on an import that succeeded. */
  remark: reason(quotedText, asSaid, 'wanted'),
};

type Code = keyof typeof REASONS;
type Params = { readonly [C in Code]: Readonly<z.output<(typeof REASONS)[C]['params']>> };
type Row<P> = { readonly write: (params: P) => string; readonly kind: Kind | undefined };
const ROWS: { readonly [C in Code]: Row<Params[C]> } = REASONS;

export type ImportReason<C extends Code = Code> = Coded<Params, C>;

const isCode = (name: string): name is Code => Object.hasOwn(REASONS, name);

const isReason = (reason: { readonly code: string; readonly params: unknown }): reason is ImportReason =>
  isCode(reason.code) && REASONS[reason.code].params.safeParse(reason.params).success;

/** One that this version does not know is shown as its code. */
export const importReason = z
  .object({ code: z.string().max(64), params: z.unknown() })
  .transform((stored): ImportReason => (isReason(stored) ? stored : { code: 'said', params: { said: stored.code } }));

export const importText = <C extends Code>({ code, params }: ImportReason<C>): string =>
  isCode(code) ? ROWS[code].write(params) : code;

const hasKind =
  (...kinds: readonly Kind[]) =>
  ({ code }: ImportReason): boolean =>
    isCode(code) && kinds.some((kind) => kind === ROWS[code].kind);

/** True if a source that has not answered yet is the reason. */
export const isUncertain = hasKind('uncertain');

const isNoFailure = hasKind('wanted', 'uncertain');

/** True if something that was selected is missing, or a source could not be used. */
export const isFailure = (reason: ImportReason): boolean => !isNoFailure(reason);

/** True if an import that failed for this reason is not worth another attempt. */
export const isFinal = hasKind('final');

/** What a request for an import answers. @param lack why it will bring nothing */
export const importStartedText = (what: string, lack: ImportReason | undefined): string =>
  `Import of ${what} started${lack === undefined ? '' : `, but ${importText(lack)}`}`;
