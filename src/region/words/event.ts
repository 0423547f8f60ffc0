// Events before they are sentences: a code and its parameters (`records/event-params.ts`). Their sentences are made where a log is read.

import { cleanText } from '../../clean-text.ts';
import { formatMac, type MacAddress } from '../../net/address.ts';
import type { Doubt, EventCode, Happening } from '../records/event-params.ts';
import type { EventWords } from './en/table.ts';
import { EN } from './en.ts';

/** The longest sentence, in characters. */
const SENTENCE_CHARACTERS_MAX = 500;

const WRITERS: EventWords = EN.events;
/** The other events stay as they were told. */
const STANDING: EventWords = { ...EN.events, ...EN.doubts };

/** True for a code that this version knows; its parameters were kept with it. */
export const isHappening = (kept: { readonly code: string; readonly params: unknown }): kept is Happening =>
  Object.hasOwn(WRITERS, kept.code);

const written = <Code extends EventCode>(words: EventWords, { code, params }: Happening<Code>): string =>
  cleanText(words[code](params), SENTENCE_CHARACTERS_MAX);

/** The sentence of what happened, cleaned and at most SENTENCE_CHARACTERS_MAX characters long. */
export const eventSentence = (happening: Happening): string => written(WRITERS, happening);

/** Continues a sentence about the machine or rack in doubt. @param doubt a stored one may be of another version, and be another event */
export const doubtWords = (doubt: Doubt | Happening): string => written(STANDING, doubt);

/** The sentence of a logged event, which begins with the hardware address of an unknown machine. */
export const loggedSentence = (event: Happening & { readonly stranger?: MacAddress | undefined }): string =>
  event.stranger === undefined ? eventSentence(event) : `${formatMac(event.stranger)}: ${eventSentence(event)}`;
