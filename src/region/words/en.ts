// English: refusals, events, notes, remarks and the texts of the page, by code, gathered from `en/`. Another language is another folder
// like `en/` with its own such file, chosen in `language.ts`, `quantity.ts` and `rack-reasons.ts`. English takes the names of states and of
// types of events from `records/`, where the API has them, the reasons of DHCP from `dhcp/events/refusals.ts`, as a NAK says them, and the
// faults of downloads from `images/download/fault-words.ts`, as a command says them without a region.
//
// Texts of the page, of events and of refusals are words of this folder: a code with parameters. So are outages of the region's store
// (`records/store-outage.ts`). Sentences elsewhere are for the command line and its errors (`RackError`), the problems of a configuration,
// and `msg` of the log's lines. Such a sentence is in a text of this folder only as a parameter that quotes it: `reason` or `said` of a note
// or an event for something else that failed. Programs, the operating system and other hosts are quoted in the same way.
//
// 1. A writer gets plain values and no others: what it needs is in its parameters.

import { ACCOUNTS } from './en/accounts.ts';
import { API } from './en/api.ts';
import { BOOT } from './en/boot.ts';
import { DOUBTS, EVENTS } from './en/events.ts';
import { HTTP } from './en/http.ts';
import { IDENTITY } from './en/identity.ts';
import { importText } from './en/imports.ts';
import { LAYOUTS } from './en/layouts.ts';
import { LIFE } from './en/life.ts';
import { NAMES_SERVED } from './en/names-served.ts';
import { NETWORKS } from './en/networks.ts';
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
  refusals: {
    ...SETTINGS,
    ...LIFE,
    ...LAYOUTS,
    ...NAMES_SERVED,
    ...NETWORKS,
    ...IDENTITY,
    ...RACKS,
    ...API,
    ...BOOT,
    ...HTTP,
    ...PAGE,
    ...ACCOUNTS,
    ...SCRIPTS,
  },
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
  shown: { asSentence, plainWords, ofReport, mistakeText, powerText, importText },
} as const;
