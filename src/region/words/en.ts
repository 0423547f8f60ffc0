// English: refusals, events, notes, remarks and the texts of the page, by code, gathered from `en/`. Another language is another folder
// like `en/` with its own such file, chosen in `language.ts`, `quantity.ts` and `rack-reasons.ts`. English takes the names of states and of
// types of events from `records/`, where the API has them, and the reasons of DHCP from `dhcp/events/refusals.ts`, as a NAK says them. Still
// English then: the messages of errors (`RackError`), also as the `reason` of an event or a note; the problems of a configuration; `msg` of
// the log's lines; the command line's own texts; and what programs, the operating system and other hosts say.
//
// 1. A writer gets plain values and no others: what it needs is in its parameters.

import { ACCOUNTS } from './en/accounts.ts';
import { API } from './en/api.ts';
import { DOUBTS, EVENTS } from './en/events.ts';
import { HTTP } from './en/http.ts';
import { IDENTITY } from './en/identity.ts';
import { LIFE } from './en/life.ts';
import { PAGE } from './en/page.ts';
import { PAGES } from './en/pages.ts';
import { powerText } from './en/power-details.ts';
import { mistakeText } from './en/preseed.ts';
import { ofReport } from './en/rack-events.ts';
import { RACKS } from './en/racks.ts';
import { REASONS } from './en/reasons.ts';
import { REMARKS } from './en/remarks.ts';
import { SCRIPTS } from './en/scripts.ts';
import { asSentence, plainWords } from './en/sentences.ts';
import { SETTINGS } from './en/settings.ts';
import { TEXTS } from './en/texts.ts';

export const EN = {
  /** The meaning of each name, and the remedy. */
  reasons: REASONS,
  /** Why something is refused. */
  refusals: { ...SETTINGS, ...LIFE, ...IDENTITY, ...RACKS, ...API, ...HTTP, ...PAGE, ...ACCOUNTS, ...SCRIPTS },
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
  /** How a sentence is shown. */
  shown: { asSentence, plainWords, ofReport, mistakeText, powerText },
} as const;
