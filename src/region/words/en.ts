// All English texts by code, gathered from `en/`: refusals, events, notes, remarks and the texts of the page. To add a language, add a
// folder like `en/` with a file like this one, and choose it in `language.ts`, `quantity.ts` and `rack-reasons.ts`. Some English texts come
// from other rooms: the names of states and event types from `records/`, as in the API; the reasons of DHCP from `dhcp/events/refusals.ts`,
// as in a NAK; and the faults of downloads from `images/download/fault-words.ts`, as in commands that run without a region.
//
// Texts of the page, events, refusals and outages of the region's store (`records/store-outage.ts`) travel as a code with parameters; this
// folder has their sentences. Sentences elsewhere are for the command line and its errors (`RackError`), for problems of a configuration,
// and for `msg` of log lines. A text of this folder quotes such a sentence only as a parameter: `reason` or `said` of a note or an event
// about another failure. It quotes programs, the operating system and other hosts in the same way.
//
// 1. A writer gets only plain values: everything it needs is in its parameters.

import { DOUBTS, EVENTS } from './en/events.ts';
import { importText } from './en/imports.ts';
import { PAGES } from './en/pages.ts';
import { powerText } from './en/power-details.ts';
import { mistakeText } from './en/preseed.ts';
import { ofReport } from './en/rack-events.ts';
import { REMARKS } from './en/remarks.ts';
import { asSentence, plainWords } from './en/sentences.ts';
import { TEXTS } from './en/texts.ts';

export const EN = {
  /** The sentences of events. */
  events: EVENTS,
  /** Remarks on a machine's state and work. */
  remarks: REMARKS,
  /** Decisions that wait for a person. */
  doubts: DOUBTS,
  /** The texts of the page. */
  page: PAGES,
  /** Texts of the page that the API or the command line also uses. */
  texts: TEXTS,
  /** Functions that show a sentence. */
  shown: { asSentence, plainWords, ofReport, mistakeText, powerText, importText },
} as const;
