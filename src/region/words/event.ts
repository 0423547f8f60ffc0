// The sentences of events and remarks. These are stored as a code and parameters (`records/event-params.ts`, `records/remark.ts`), and become
// sentences where a log or a machine is shown.

import { cleanText } from '../../clean-text.ts';
import { formatMac, type MacAddress } from '../../net/address.ts';
import type { Doubt, Happening } from '../records/event-params.ts';
import type { Remark, RemarkParams } from '../records/remark.ts';
import { isReported } from '../records/reported-event.ts';
import type { Writers } from './en/table.ts';
import { LANGUAGE } from './language.ts';
import { withoutPrivate } from './without-private.ts';

/** The longest sentence, in characters. */
const SENTENCE_CHARACTERS_MAX = 500;

const WRITERS: Writers<RemarkParams> = { ...LANGUAGE.events, ...LANGUAGE.remarks };
/** For doubts that are still open; other codes keep their usual sentence. */
const DOUBT_WRITERS: Writers<RemarkParams> = { ...WRITERS, ...LANGUAGE.doubts };

/** True if this version knows the code; its parameters were stored with it. */
export const isHappening = (kept: { readonly code: string; readonly params: unknown }): kept is Happening =>
  Object.hasOwn(LANGUAGE.events, kept.code);

/** True if this version knows the remark's code. */
export const isRemark = (kept: { readonly code: string; readonly params: unknown }): kept is Remark =>
  Object.hasOwn(WRITERS, kept.code);

const ready = <Code extends keyof RemarkParams>(words: Writers<RemarkParams>, { code, params }: Remark<Code>): string =>
  words[code](params);

function written(words: Writers<RemarkParams>, remark: Remark): string {
  const sentence = ready(words, remark);
  return cleanText(isReported(remark) ? LANGUAGE.shown.ofReport(sentence, remark) : sentence, SENTENCE_CHARACTERS_MAX);
}

/** The sentence of an event, cleaned and at most SENTENCE_CHARACTERS_MAX characters long. */
export const eventSentence = (happening: Happening): string => written(WRITERS, happening);

/** The event as this reader may see it: only administrators may read power parameters. */
export const shownTo =
  ({ isAdmin }: { readonly isAdmin: boolean }) =>
  <Event extends Happening>(event: Event): Event =>
    isAdmin ? event : { ...event, params: withoutPrivate(event.params) };

/** The sentence of a remark for every reader, cleaned and bounded likewise; empty if there is none. */
export const remarkSentence = (remark: Remark | undefined): string =>
  remark === undefined ? '' : written(WRITERS, withoutPrivate(remark));

/** Words that continue a sentence about the machine or rack in doubt. @param doubt another version's may be an event without such words */
export const doubtWords = (doubt: Doubt | Happening): string => written(DOUBT_WRITERS, doubt);

/** The sentence of a logged event, which begins with the hardware address of an unknown machine. */
export const loggedSentence = (event: Happening & { readonly stranger?: MacAddress | undefined }): string =>
  event.stranger === undefined ? eventSentence(event) : `${formatMac(event.stranger)}: ${eventSentence(event)}`;
