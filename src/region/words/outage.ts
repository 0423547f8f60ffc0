// Errors of a store that cannot be used: a note (`records/store-outage.ts`) within the process, a sentence where they leave it.
//
//   store ─ StoreOutage(note) ─► API, page, log ─ outageOf(error) ─► note ─ noteText ─► sentence

import { RackError } from '../../errors.ts';
import type { Outage } from '../records/store-outage.ts';
import { noteText } from './rack-reasons.ts';

/** The RackError `store-unavailable` for an outage. Its message is the sentence, for a log and the command line. */
export class StoreOutage extends RackError {
  readonly outage: Outage;
  constructor(outage: Outage, options?: { readonly cause?: unknown }) {
    super('store-unavailable', noteText(outage), options);
    this.outage = outage;
  }
}

/** The outage of an error. An error from another part, such as a file that cannot be opened, is quoted. */
export const outageOf = (error: RackError): Outage =>
  error instanceof StoreOutage ? error.outage : { note: 'store-trouble', reason: error.message };
