// The lines of events of all machines, and of hosts that boot from the network but are no machines.

import { formatMac } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { eventSentence } from '../../records/events.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { eventText, logLine, none, timeAgo } from '../frame/values.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

/** The page of all events. */
export const EVENTS_PATH = '/MAAS/events/';

/** Hosts shown as seen but not enlisted, if they were seen within the last day. */
const PAGE_STRANGERS = 12;
const STRANGER_AGE_MS = 86_400_000;

/**
 * The rack that reported an event, or that the event is about. @param ownRack the name of the rack
 * in the region's process
 */
export const getEventRack = ({ rack, kind, params }: MachineEvent, ownRack: string | undefined): unknown =>
  rack ?? (kind === undefined ? Reflect.get(params, 'rack') : ownRack);

/**
 * Splits an event into its subject and its text. The subject is a link to the machine, or to the
 * hardware address at the start of the text. A remote rack's name is the subject of its own events,
 * and follows the text of events about machines.
 */
function splitEventSubject(
  event: MachineEvent,
  ownRack: string | undefined,
): {
  readonly who: Html;
  readonly what: string;
} {
  const { systemId, hostname, username } = event;
  const rack = event.rack === '' ? words.machines.removedRack : event.rack;
  const from = rack === undefined ? '' : ` (${rack})`;
  const by = username === '' ? from : ` (${username})`;
  if (systemId !== undefined)
    return { who: renderMachineLinkTo(systemId, hostname ?? systemId), what: `${eventText(event)}${by}` };
  if (event.stranger !== undefined) {
    const mac = formatMac(event.stranger);
    return { who: renderMachineLinkTo(mac, mac), what: `${eventSentence(event, words.happenings)}${from}` };
  }
  if (event.code === 'enlistment-refused' && event.params.mac !== undefined) {
    const { mac, ...rest } = event.params;
    return {
      who: renderMachineLinkTo(mac, mac),
      what: `${eventSentence({ code: event.code, params: rest }, words.happenings)}${from}`,
    };
  }
  const subject: unknown = username === '' ? (rack ?? getEventRack(event, ownRack)) : username;
  return { who: typeof subject === 'string' ? html`${subject}` : none, what: eventText(event) };
}

const renderMachineLinkTo = (machine: string, text: string) => html`<a href="${machinePath(machine)}">${text}</a>`;

/**
 * A line of a list of events. Its time leads to what happened around it.
 * @param ownRack the name of the rack in the region's process
 */
export function eventItem(event: MachineEvent, nowMs: number, ownRack?: string): Html {
  const { who, what } = splitEventSubject(event, ownRack);
  return html`
    <li id="e${event.id}"><a class="when" href="${EVENTS_PATH}?at=${event.id}#e${event.id}">${timeAgo(event.atMs, nowMs)}</a>
    <span class="who">${who}</span>
    <span class="kind soft">${words.values.eventType(event.type)}</span>
    ${logLine(what, `what ${event.level}`)}</li>`;
}

/**
 * Hosts that boot from the network and have not enlisted, with their last event, for an operator
 * who waits for one.
 */
export async function renderStrangers({ region, nowMs }: View): Promise<Html> {
  const seen = await region.store.listStrangers(nowMs - STRANGER_AGE_MS, PAGE_STRANGERS);
  if (seen.length === 0) return nothing;
  const items = seen.map(({ mac, event }) => eventItem({ ...event, stranger: mac }, nowMs));
  return html`<h2>${words.machines.strangers}</h2><div class="sheet"><ol class="events">${items}</ol></div>`;
}
