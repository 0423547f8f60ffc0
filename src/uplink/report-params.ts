// The fields of an event as the rack reports them: those from which the region writes its sentence.

import type { RackEvent } from '../event.ts';
import type { RackFields } from '../region/reports/fields.ts';
import { reportedEvent } from '../region/reports/reported.ts';

/** The fields, without the addresses, which the report itself has; undefined if only the sentence can be sent. */
export const reportParams = (event: RackEvent): RackFields | undefined =>
  reportedEvent(event.kind, event, undefined)?.params;
