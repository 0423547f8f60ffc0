// `rackboot events`: prints the region's log, oldest line first, and follows it.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { followEvents } from '../../control/event-follow.ts';
import { asSentence } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { EVENT_TYPES } from '../../region/records/machine-event.ts';
import { plainWords } from '../../region/records/power-words.ts';
import { findMachine } from '../machines/identity.ts';
import { askRegion, type Where } from '../terminal/asking.ts';
import { print, printError, printJson, printJsonLine } from '../terminal/output.ts';

const EVENTS_PATH = '/MAAS/api/2.0/events/';
const RACKS_PATH = '/MAAS/api/2.0/nodegroups/';
const LIMIT_MAX = 1000;
/** Room for `local-administrator`. */
const WHO_CHARACTERS = 19;

const eventShape = z.looseObject({
  time: z.string(),
  level: z.string(),
  hostname: z.string(),
  username: z.string(),
  type: z.string(),
  description: z.string(),
  /** The kind of a rack's event. */
  kind: z.string().nullish(),
  rack: z.string().nullish(),
});
type ShownEvent = z.infer<typeof eventShape>;
const racksShape = z.array(z.looseObject({ status_name: z.string().optional() }));
const pageShape = z.object({ events: z.array(eventShape), next_uri: z.string() });
const gapShape = z.object({ after: z.number(), oldest: z.number() });

interface EventsRequest extends Where {
  readonly json: boolean;
  readonly follow: boolean;
  /** System id, hostname or hardware address. */
  readonly machine?: string | undefined;
  readonly level: string;
  readonly limit: number;
}

/** @throws RackError `not-found`, `bad-argument` */
export async function showEvents(request: EventsRequest): Promise<number> {
  const { json, limit } = request;
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX) {
    throw new RackError('bad-argument', `--limit ${limit} is not a whole number from 0 to ${LIMIT_MAX}`);
  }
  const { stateDir } = loadStateDir(request.config);
  const filter = new URLSearchParams({ level: request.level.toUpperCase() });
  if (request.machine !== undefined) filter.set('id', (await findMachine(request, request.machine)).system_id);
  // The stream continues after the newest event.
  const raw = await askRegion(request, `${EVENTS_PATH}?op=query&limit=${Math.max(1, limit)}&${filter}`);
  const { events, next_uri: next } = pageShape.parse(raw);
  const latest = events.slice(0, limit).toReversed();
  const manyRacks = !json && (await hasManyRacks(request));
  const show = (event: ShownEvent): void => (json ? printJsonLine(event) : print(eventLine(event, manyRacks)));
  if (json && !request.follow) printJson(latest);
  else for (const event of latest) show(event);
  if (!json && latest.length === 0 && !request.follow) print('No event matches.');
  const place = events.length === 0 ? undefined : (new URLSearchParams(next.split('?')[1]).get('after') ?? undefined);
  if (request.follow) await printNewEvents(stateDir, filter, show, place);
  return 0;
}

/** Events name the rack that reported them only if there are several. */
async function hasManyRacks(where: Where): Promise<boolean> {
  const racks = racksShape.parse(await askRegion(where, RACKS_PATH));
  return racks.filter(({ status_name: status }) => status === undefined || status === 'accepted').length > 1;
}

/**
 * A power controller's raw answer appears only with `--json`. A plain first word gets a capital,
 * except in a rack's event, which may start with an interface, and in a change of the
 * configuration, which starts with its key.
 */
function eventWords({ kind, type, description }: Pick<ShownEvent, 'kind' | 'type' | 'description'>): string {
  const words = plainWords(description);
  return (kind ?? undefined) !== undefined || type === EVENT_TYPES.SETTINGS.title ? words : asSentence(words);
}

/**
 * Time, level, the machine (else the person or the rack), the text, and in brackets the person and
 * the rack not yet named.
 */
function eventLine(event: ShownEvent, manyRacks: boolean): string {
  const { hostname, username, level } = event;
  const person = username === '' || username === 'unknown' ? undefined : username;
  const rack = manyRacks ? (event.rack ?? undefined) : undefined;
  const [who = '', ...others] = [hostname || undefined, person, rack].filter((value) => value !== undefined);
  const more = others.length === 0 ? '' : `  (${others.join(', ')})`;
  return `${event.time}  ${level.padEnd(8)}  ${who.padEnd(WHO_CHARACTERS)}  ${eventWords(event)}${more}`;
}

/** @param gap where the log continues, and the last event that was shown */
const gapText = (gap: z.output<typeof gapShape>): string =>
  gap.oldest > gap.after
    ? `Events ${gap.after + 1} to ${gap.oldest - 1} are no longer kept.`
    : `The region's database was replaced by one without its newest events. Its events after ${gap.oldest - 1} follow.`;

async function printNewEvents(
  stateDir: string,
  filter: URLSearchParams,
  show: (event: ShownEvent) => void,
  after: string | undefined,
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  let isReported = false;
  try {
    await followEvents({
      stateDir,
      path: (last) => `${EVENTS_PATH}?op=follow&${filter}${last === undefined ? '' : `&after=${last}`}`,
      after,
      onEvent: ({ event, data }) => {
        isReported = false;
        if (event === 'gap') {
          const gap = gapShape.parse(JSON.parse(data));
          printError(gapText(gap));
          return;
        }
        show(eventShape.parse(JSON.parse(data)));
      },
      onInterruption: (reason) => {
        if (!isReported) printError(`${reason}; trying again until Ctrl-C`);
        isReported = true;
      },
      signal: stop.signal,
    });
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
}
