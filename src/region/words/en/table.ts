// The form of a table of sentences, and what several of them share.

import type { Doubt, EventCode, EventParams } from '../../records/event-params.ts';
import type { RemarkParams } from '../../records/remark.ts';
import type { RefusalName } from './reasons.ts';

/** A sentence without parameters, or what writes one from its parameters. */
type Writer = string | ((params: never) => string);

/** The first part of a code: the name of the refusal, or `field` for the fault of one parameter (`invalid-parameters`). */
type Root = RefusalName | 'field';

/** Sentences by code: a name, or a name, a dot and a word that tells its sentences apart, as `not-found.script`. */
export type RefusalTable = { readonly [Code in Root | `${Root}.${string}`]?: Writer };

/** The writer of each sentence, from its parameters. */
export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

/** A sentence for each event. */
export type EventWords = Writers<EventParams>;

/** A sentence for each remark that is not an event. */
export type RemarkWords = Omit<Writers<RemarkParams>, EventCode>;

/** A sentence for each doubt, as long as it stands. */
export type DoubtWords = Pick<EventWords, Doubt['code']>;

/** A hint at what was probably meant, to put after a sentence. */
export const didYouMean = (meant: string | undefined): string => (meant === undefined ? '' : ` Did you mean ${meant}?`);

/** The owner, as words after a machine's name. */
export const whose = (owner: string | undefined): string =>
  owner === undefined ? 'has no owner' : `belongs to ${owner}`;
