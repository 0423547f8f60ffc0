// The metrics that a rack's process and a region's process have in common: events, and the region's API.

import type { EventStreamCounters } from '../../observe/event-stream.ts';
import { type Exposition, labelSamples } from '../../observe/exposition.ts';
import type { RegionCounters } from '../../region/http/counters.ts';

/** Adds the metrics of the event stream, and how many events of hosts were withheld from it. */
export function addEvents(exposition: Exposition, { published, missed }: EventStreamCounters, withheld: number): void {
  exposition.counter('rackboot_events_published_total', 'Events published.', published);
  exposition.counter(
    'rackboot_events_withheld_total',
    'Events of hosts omitted at the rate limit of each host.',
    withheld,
  );
  exposition.counter(
    'rackboot_events_missed_total',
    'Events overwritten before a consumer read them.',
    labelSamples('consumer', Object.fromEntries(missed)),
  );
}

/** Adds the region's API: answers, refusals, and its racks. */
export function addRegion(exposition: Exposition, counters: RegionCounters): void {
  const { answers, refusals, racks } = counters.read();
  exposition.counter(
    'rackboot_region_api_answers_total',
    'Responses of the region in this process, by status class.',
    labelSamples('class', answers),
  );
  exposition.counter(
    'rackboot_region_api_refusals_total',
    'Refusals of its API, by reason.',
    labelSamples('reason', refusals),
  );
  exposition.gauge(
    'rackboot_region_racks',
    'Racks of this region by state; away means accepted but silent.',
    labelSamples('state', racks),
  );
}
