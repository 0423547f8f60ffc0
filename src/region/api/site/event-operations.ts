// The event log over the API.
//
// Sources: MAAS's `events/?op=query`: parameters, keys, links to the neighbouring pages, the form of a date.

import { z } from 'zod';
import { loggedSentence, shownTo } from '../../records/events.ts';
import type { EventFilter } from '../../records/filters.ts';
import { EVENT_LEVELS, EVENT_TYPES, isEventLevel, type MachineEvent } from '../../records/machine-event.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { machineFilter } from '../areas/chosen-areas.ts';
import { type Answer, combineOrRefuse, isRefusal, json, type Refusal, refuseField } from '../call/answer.ts';
import { EVENT_PLACE, type EventPlace, formatEventPlace, idAt, parseEventPlace } from '../call/event-place.ts';
import { searchFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  NOT_A_NUMBER,
  type Operation,
  operation,
  optionalList,
  optionalText,
  value,
} from '../call/operation.ts';
import { filterParameters } from '../machines/machine-operations.ts';
import { readEvents } from './event-pieces.ts';

const EVENTS_PER_PAGE_MAX = 1000;
const EVENTS_PER_PAGE = 100;

const filterOnly = filterParameters.extend({
  level: optionalText(16, 'This level and above: DEBUG, INFO, WARNING, ERROR or CRITICAL. AUDIT: only audit events.'),
  owner: optionalList(50, 'Only events of these users.'),
});
const NOT_AN_EVENT_ID = 'is not an event id';

const eventId = () => value(z.string().regex(/^\d{1,15}$/, NOT_AN_EVENT_ID)).optional();
const eventPlace = () => value(z.string().regex(EVENT_PLACE, NOT_AN_EVENT_ID)).optional();
const following = filterOnly.extend({
  after: eventPlace().describe(
    'Start after this event: the `id` of an event of the stream, or of the log. Default: now. The `Last-Event-ID` header does the same.',
  ),
});
const parameters = filterOnly.extend({
  limit: value(z.string().regex(/^-?\d{1,40}$/, NOT_A_NUMBER))
    .optional()
    .describe(`How many, at most ${EVENTS_PER_PAGE_MAX}. Default: ${EVENTS_PER_PAGE}.`),
  before: eventId().describe('Only events with smaller ids.'),
  after: eventPlace().describe('Only events after this one, as `next_uri` names it, or with greater ids.'),
});

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Thu, 07 May. 2015 14:40:00`, in UTC. */
export function formatEventTime(atMs: number): string {
  const date = new Date(atMs);
  const day = String(date.getUTCDate()).padStart(2, '0');
  const time = date.toISOString().slice(11, 19);
  return `${DAYS[date.getUTCDay()]}, ${day} ${MONTHS[date.getUTCMonth()]}. ${date.getUTCFullYear()} ${time}`;
}

function eventWriter(call: ApiCall): (event: MachineEvent) => Record<string, unknown> {
  const ownRack = call.region.racks.own?.name;
  const redact = shownTo({ isAdmin: call.caller.kind === 'user' && call.caller.isAdmin });
  return (event) => eventJson(redact(event), ownRack);
}

/** @param ownRack the name of the region's own rack */
export function eventJson(event: MachineEvent, ownRack: string | undefined): AnswerOf<'event'> {
  return {
    username: event.username === '' ? 'unknown' : event.username,
    node: event.systemId ?? '',
    hostname: event.hostname ?? '',
    id: event.id,
    level: event.level.toUpperCase(),
    created: formatEventTime(event.atMs),
    type: EVENT_TYPES[event.type].title,
    description: loggedSentence(event),
    kind: event.kind ?? null,
    rack: (event.rack ?? (event.kind === undefined ? '' : ownRack)) || null,
    time: new Date(event.atMs).toISOString(),
    // A report of another version has only a sentence.
    ...(event.code === 'rack' ? {} : { code: event.code, params: event.params }),
  };
}

type EventChoice = Pick<EventFilter, 'machines' | 'level' | 'usernames'>;

async function parseEventChoice(
  call: ApiCall,
  input: z.output<typeof filterOnly>,
): Promise<{ readonly kind: 'choice'; readonly choice: EventChoice } | Refusal> {
  const wanted = (input.level ?? 'INFO').toLowerCase();
  const levels = Object.keys(EVENT_LEVELS).map((name) => name.toUpperCase());
  const checked = combineOrRefuse(
    await machineFilter(call, input),
    isEventLevel(wanted) ? wanted : refuseField('level', `Give one of ${levels.join(', ')}.`),
  );
  if (isRefusal(checked)) return checked;
  const [machines, level] = checked;
  const isNarrowed = Object.values(machines).some((list) => list !== undefined);
  return {
    kind: 'choice',
    choice: { machines: isNarrowed ? machines : undefined, level, usernames: input.owner },
  };
}

/**
 * Whether the account and the API key of a stream are still there; without a key also the password,
 * whose change ends sessions. An operator of this host always has both.
 */
async function watchAccount({ caller, peer, region }: ApiCall): Promise<() => Promise<boolean>> {
  if (peer.isOperator || caller.kind !== 'user') return async () => peer.isOperator;
  const { accounts } = region.store;
  const { username, tokenKey } = caller;
  const before = await accounts.findUser(username);
  return async () => {
    const now = await accounts.findUser(username);
    if (tokenKey === undefined) return now !== undefined && now.passwordHash === before?.passwordHash;
    return now !== undefined && (await accounts.findKey(tokenKey))?.username === username;
  };
}

/** Streams the log as it grows: the chosen events, starting after `after` or now. */
async function followEvents(call: ApiCall, input: z.output<typeof following>): Promise<Answer> {
  const { caller, peer } = call;
  const which = await parseEventChoice(call, input);
  if (which.kind === 'refusal') return which;
  const after = input.after === undefined ? undefined : parseEventPlace(input.after);
  const username = caller.kind === 'user' ? caller.username : caller.kind;
  const render = eventWriter(call);
  const isAllowed = await watchAccount(call);
  return {
    kind: 'follow',
    following: { username, address: peer.share, filter: which.choice, after, render, isAllowed },
  };
}

type Page = Pick<z.output<typeof parameters>, 'limit' | 'before' | 'after'>;

function pageFaults({ limit: text, before, after }: Page): readonly (Refusal | undefined)[] {
  const limit = Number(text ?? EVENTS_PER_PAGE);
  return [
    limit < 0 || limit > EVENTS_PER_PAGE_MAX
      ? refuseField('limit', `Give a number from 0 to ${EVENTS_PER_PAGE_MAX}, the most events of one answer.`)
      : undefined,
    before !== undefined && after !== undefined ? refuseField('before', 'Give before or after, not both.') : undefined,
  ];
}

async function query(call: ApiCall, input: z.output<typeof parameters>): Promise<Answer> {
  const limit = Number(input.limit ?? EVENTS_PER_PAGE);
  const checked = combineOrRefuse(await parseEventChoice(call, input), ...pageFaults(input));
  if (isRefusal(checked)) return checked;
  const [which] = checked;
  const before = input.before === undefined ? undefined : Number(input.before);
  const after = input.after === undefined ? undefined : parseEventPlace(input.after);
  return await searchFor(call, queryPage(call, { ...which.choice, before, limit }, after));
}

async function* queryPage(call: ApiCall, choice: EventFilter, place: EventPlace | undefined) {
  const { store } = call.region;
  // Read first: an event that is read later may belong to a newer history, and is then shown once more.
  const range = await store.eventRange();
  const filter = { ...choice, after: place === undefined ? undefined : await idAt(store, place, range) };
  const events = yield* readEvents(store, filter, range);
  const link = (direction: 'before' | 'after', id: number | string) => {
    const search = new URLSearchParams();
    for (const [name, list] of call.query) {
      if (name !== 'before' && name !== 'after' && name !== 'op') for (const item of list) search.append(name, item);
    }
    search.append(direction, String(id));
    return `/MAAS/api/${call.version}/events/?op=query&${search.toString()}`;
  };
  const newest = events[0]?.id ?? filter.after ?? 0;
  const oldest = events.at(-1)?.id ?? filter.before ?? 0;
  return json({
    count: events.length,
    events: events.map(eventWriter(call)),
    next_uri: link('after', formatEventPlace(range.history, newest)),
    prev_uri: link('before', oldest),
  });
}

const FOLLOW = 'Follow the event log as it grows, as server-sent events. `Accept: text/event-stream` does the same.';
const events = { versions: ['1.0', '2.0'], path: 'events', handler: 'EventsHandler' } as const;

export const EVENT_OPERATIONS: readonly Operation[] = [
  operation(events, 'GET query', 'user', 'eventPage', 'Read the event log, newest first.', parameters, query),
  operation(events, 'GET follow', 'user', 'stream', FOLLOW, following, followEvents),
];
