// The types of tables of sentences.

import type { Doubt, EventCode, EventParams } from '../../records/event-params.ts';
import type { RemarkParams } from '../../records/remark.ts';

/** The writer of each sentence, from its parameters. */
export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

/** A sentence for each event. */
export type EventWords = Writers<EventParams>;

/** A sentence for each remark that is not an event. */
export type RemarkWords = Omit<Writers<RemarkParams>, EventCode>;

/** A sentence for each doubt while it is open. */
export type DoubtWords = Pick<EventWords, Doubt['code']>;
