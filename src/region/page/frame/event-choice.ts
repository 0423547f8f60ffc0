// What the pages of events share: the level, the text and the place in the log that a URL chooses.
//
// 1. `at` names an event by its id: the page begins with the events shortly after it. Ids increase
//    in the order of storing, so they also divide the log into pages.

import { type Html, html } from '../../../ground/html.ts';
import type { EventFilter } from '../../records/filters.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { filterSelect } from './forms.ts';
import { eventText } from './values.ts';
import { queryNumber, queryValue, type View } from './view.ts';
import { words } from './words.ts';

/** Events on one page. */
export const SHOWN_MAX = 100;
/** Ids after the event that `at` names: what followed at once is shown, too, and the event is on the page. */
const AFTER_MOMENT = SHOWN_MAX / 2;

export const LEVELS = {
  important: { isQuiet: true },
  all: {},
  warning: { level: 'warning' },
  error: { level: 'error' },
  audit: { level: 'audit' },
} as const satisfies Readonly<Record<string, Pick<EventFilter, 'level' | 'isQuiet'>>>;
type Level = keyof typeof LEVELS;
const isLevel = (name: string): name is Level => Object.hasOwn(LEVELS, name);

export interface EventChoice {
  readonly level: Level;
  /** Empty: any. */
  readonly q: string;
  /** Only events with a lower id. */
  readonly before: number | undefined;
}

export function eventChoiceIn(view: View): EventChoice {
  const at = queryNumber(view, 'at');
  const level = queryValue(view, 'level');
  return {
    level: isLevel(level) ? level : at === undefined ? 'important' : 'all',
    q: queryValue(view, 'q').trim(),
    before: queryNumber(view, 'before') ?? (at === undefined ? undefined : at + AFTER_MOMENT),
  };
}

/** The parameters of a URL with this choice. @param more further ones; empty: left out */
export function formatEventQuery(
  { level, q, before }: EventChoice,
  more: Readonly<Record<string, string>> = {},
): string {
  const all = { level: level === 'important' ? '' : level, q, before: String(before ?? ''), ...more };
  const query = new URLSearchParams(Object.entries(all).filter(([, value]) => value !== ''));
  return query.size === 0 ? '' : `?${query}`;
}

export const hasText = (event: MachineEvent, q: string): boolean =>
  [eventText(event), words.values.eventType(event.type), event.username, event.hostname, event.kind, event.rack].some(
    (text) => text?.toLowerCase().includes(q.toLowerCase()) === true,
  );

export const levelSelect = (chosen: Level): Html => {
  const { filters, levels } = words.events;
  const names = Object.keys(LEVELS).filter(isLevel);
  return filterSelect(
    'level',
    filters.level,
    names.map((name) => [name, levels[name]] as const),
    chosen,
  );
};

export const logLink = (href: string, text: string): Html => html`<a class="button plain" href="${href}">${text}</a>`;
