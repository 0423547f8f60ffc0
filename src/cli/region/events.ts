// `rackboot events`: the region's log, the oldest line first, and what comes.

import { z } from 'zod';
import { loadPlace } from '../../config/load.ts';
import { RackError } from '../../errors.ts';
import { askDaemon } from '../control.ts';
import { findMachine } from '../machines/identity.ts';
import { print, printError, printJson, printJsonLine } from '../output.ts';
import { followEvents } from './event-follow.ts';

const EVENTS_PATH = '/MAAS/api/2.0/events/';
const LIMIT_MAX = 1000;

const eventShape = z.looseObject({
  id: z.number(),
  time: z.string(),
  level: z.string(),
  hostname: z.string(),
  username: z.string(),
  type: z.string(),
  description: z.string(),
});
const pageShape = z.object({ events: z.array(eventShape) });
const gapShape = z.object({ after: z.number(), oldest: z.number() });

export interface EventsRequest {
  readonly file: string;
  readonly json: boolean;
  readonly follow: boolean;
  /** System id, hostname or hardware address; undefined: of all, and of none. */
  readonly machine?: string | undefined;
  readonly level: string;
  readonly limit: number;
}

/** Prints events. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function showEvents(request: EventsRequest): Promise<number> {
  const { file, json, limit } = request;
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX) {
    throw new RackError('bad-argument', `--limit ${limit} is not a whole number from 0 to ${LIMIT_MAX}`);
  }
  const { stateDir } = loadPlace(file);
  const filter = new URLSearchParams({ level: request.level.toUpperCase() });
  if (request.machine !== undefined) filter.set('id', (await findMachine(stateDir, request.machine)).system_id);
  // The newest is asked for in any case: a stream goes on behind it.
  const raw = await askDaemon(stateDir, `${EVENTS_PATH}?op=query&limit=${Math.max(1, limit)}&${filter}`);
  const { events } = pageShape.parse(raw);
  const shown = events.slice(0, limit).toReversed();
  if (json && !request.follow) printJson(shown);
  else for (const event of shown) printEvent(event, json);
  if (!json && shown.length === 0 && !request.follow) print('Nothing has happened yet.');
  if (request.follow) await follow(stateDir, filter, json, events[0]?.id);
  return 0;
}

function printEvent(event: z.infer<typeof eventShape>, json: boolean): void {
  if (json) {
    printJsonLine(event);
    return;
  }
  const time = event.time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
  const who = event.hostname || (event.username === 'unknown' ? '' : event.username);
  print(`${time}  ${event.level.padEnd(8)}  ${who.padEnd(16)}  ${event.description}`);
}

async function follow(
  stateDir: string,
  filter: URLSearchParams,
  json: boolean,
  after: number | undefined,
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  let isTold = false;
  try {
    await followEvents({
      stateDir,
      path: (last) => `${EVENTS_PATH}?op=follow&${filter}${last === undefined ? '' : `&after=${last}`}`,
      after,
      onEvent: ({ event, data }) => {
        isTold = false;
        if (event === 'gap') {
          const gap = gapShape.parse(JSON.parse(data));
          printError(`Events ${gap.after + 1} to ${gap.oldest - 1} are not kept any more.`);
          return undefined;
        }
        const shown = eventShape.parse(JSON.parse(data));
        printEvent(shown, json);
        return shown.id;
      },
      onInterruption: (reason) => {
        if (!isTold) printError(`${reason}; trying again until Ctrl-C`);
        isTold = true;
      },
      signal: stop.signal,
    });
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
}
