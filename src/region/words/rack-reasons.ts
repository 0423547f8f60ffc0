// Sentences in the language in use that the rack itself writes: in its log, a trace, a forecast or a hint. Separate from `language.ts`,
// because the rack's loop needs them without all the region's texts.

import type { RackEventParams, ReportedEvent } from '../records/rack-event-params.ts';
import { ofReport, RACK_EVENTS } from './en/rack-events.ts';

export {
  type ForeseenCode,
  type ForeseenParams,
  foreseenText,
  type HintName,
  hintText,
  networkPlaceText,
} from './en/hints.ts';
export { kernelParamsText } from './en/kernel-params.ts';
export { endingText, noteText } from './en/notes.ts';
export { ALLOCATION_REASONS, DHCP_REASONS, dhcpReason, journalText, planText } from './en/rack-dhcp.ts';
export { PURPOSE_PROBLEMS, PURPOSE_SENTENCES, refusalOf } from './en/rack-files.ts';
export {
  type DiskData,
  fullDiskText,
  lastRefusalText,
  type Obstacle,
  obstacleText,
  titlesText,
  unservedText,
} from './en/rack-service.ts';
export { asSentence } from './en/sentences.ts';

const ready = <Code extends keyof RackEventParams>({ code, params }: ReportedEvent<Code>): string =>
  RACK_EVENTS[code](params);

/** The whole sentence of a rack's event. */
export const reportedSentence = (event: ReportedEvent): string => ofReport(ready(event), event);
