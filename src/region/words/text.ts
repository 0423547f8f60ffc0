// Texts of pages and answers other than refusals and events, and functions that show sentences.

import type { PowerDetail } from '../../power/detail.ts';
import { LANGUAGE } from './language.ts';
import { withoutPrivate } from './without-private.ts';

/** The texts of the page, by page. */
export const words = LANGUAGE.page;

/** The texts of the page, some of which others use too. */
export const texts = LANGUAGE.texts;

/** The text with a capital first letter, unless it begins with a key, an interface, a file or an address. */
export const asSentence = LANGUAGE.shown.asSentence;

/** The text without a power controller's raw answer. */
export const plainWords = LANGUAGE.shown.plainWords;

/** The sentence about a power action or query; empty if there is none. */
export const powerText = LANGUAGE.shown.powerText;

/** Why a machine's power could not be read, for this reader: only administrators see its address and what the controller answered. */
export const readingText = (
  reading: { readonly detail?: PowerDetail | undefined; readonly said?: string | undefined } | undefined,
  isAdmin: boolean,
): string =>
  isAdmin ? powerText(reading?.detail, reading?.said) : powerText(withoutPrivate({ detail: reading?.detail }).detail);

/** The sentence of a mistake in a preseed template. */
export const mistakeText = LANGUAGE.shown.mistakeText;

/** Why an import leaves out an image or a source, or does not continue. */
export const importReasonText = LANGUAGE.shown.importText;
