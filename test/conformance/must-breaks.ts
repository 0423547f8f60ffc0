// Each demand on this server, broken once: a piece of the product is changed so that the demand does not hold, and each test that its row
// names must then fail. must-breaks.test.ts keeps this table to that of the demands; test/long/musts.test.ts tries each row.
//
// 1. A break undoes its demand and, as far as possible, nothing else. If this server departs from a demand, the break undoes its own
//    behaviour instead. If the demand has several parts, the break undoes each part that a test of the row is about.
// 2. Two rows have the same break only if they say the same thing; they then share one value.
// 3. A row has further breaks, each of which undoes the demand in one case only (must-breaks/partial.ts). One test of the row must then fail.

import type { Must } from './must.ts';
import { OPTION_BREAKS } from './must-breaks/options.ts';
import { OTHER_SHOULDS } from './must-breaks/other-shoulds.ts';
import { RELAY_BREAKS } from './must-breaks/relays.ts';
import { ANSWERS } from './must-breaks/rfc-2131-answers.ts';
import { BASICS } from './must-breaks/rfc-2131-basics.ts';
import { MESSAGES } from './must-breaks/rfc-2131-messages.ts';
import { RFC_2131_SHOULDS } from './must-breaks/rfc-2131-shoulds.ts';
import type { BrokenMust } from './must-breaks/row.ts';

/** Every break, by RFC. */
export const MUST_BREAKS: readonly BrokenMust[] = [
  ...BASICS,
  ...MESSAGES,
  ...ANSWERS,
  ...OPTION_BREAKS,
  ...RELAY_BREAKS,
  ...RFC_2131_SHOULDS,
  ...OTHER_SHOULDS,
];

/** The key that tells the rows apart. */
export const keyOf = ({ rfc, section, demand }: Pick<Must, 'rfc' | 'section' | 'demand'>): string =>
  `RFC ${rfc} §${section}: ${demand}`;

/** Rows, by their keys, that have no break yet; this list may only become shorter. */
export const NOT_BROKEN_YET: readonly string[] = [];
