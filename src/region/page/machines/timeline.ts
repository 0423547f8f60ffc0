// A machine's events from the region's log, grouped by boot.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatOffset } from '../../../ground/quantity.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { getReportFields, isBootOffer, isIpxeOffer, isKernel, isRefused } from '../../records/report-fields.ts';
import { eventText, logLine, momentText, renderTime, timeAgo } from '../frame/values.ts';
import { words } from '../frame/words.ts';

/** The newest events on the page of a host that is not enlisted; the API lists all. */
export const PAGE_STEPS_MAX = 300;
/** An offer to firmware after a longer silence begins a new boot. */
const QUIET_MS = 120_000;

/**
 * True for a machine's report that the region accepted. They come every few seconds; the log and
 * the progress bar show their content.
 */
const isTakenReport = (event: MachineEvent): boolean =>
  event.kind === 'http.posted' && !isRefused(getReportFields(event));

export function renderTimeline(events: readonly MachineEvent[], nowMs: number): Html {
  const boots = splitBoots(events.filter((event) => !isTakenReport(event))).map((boot) => renderBoot(boot, nowMs));
  const cut =
    events.length < PAGE_STEPS_MAX ? nothing : html`<p class="small">${words.timeline.cut(PAGE_STEPS_MAX)}</p>`;
  return boots.length === 0 ? html`<div class="sheet empty soft">${words.values.noEvents}</div>` : html`${boots}${cut}`;
}

type Boot = readonly MachineEvent[];

export function splitBoots(events: readonly MachineEvent[]): readonly Boot[] {
  const boots: MachineEvent[][] = [];
  for (const event of events.toReversed()) {
    const current = boots.at(-1);
    if (current === undefined || startsBoot(event, current)) boots.push([event]);
    else current.push(event);
  }
  // The region logs its own events before earlier ones of the rack arrive, so each boot is sorted by time.
  return boots.reverse().map((boot) => boot.toSorted((a, b) => a.atMs - b.atMs));
}

export const LOADED = /^(?:tftp\.sent|http\.file-sent|http\.rendered)$/;

/**
 * True for the first offer to firmware, and for one after something was loaded or after a long
 * silence. iPXE continues the boot that loaded it.
 */
function startsBoot(event: MachineEvent, current: Boot) {
  const fields = getReportFields(event);
  if (event.kind !== 'dhcp.offer' || !isBootOffer(fields)) return false;
  if (!startsWithBoot(current)) return true;
  const last = current.at(-1);
  if (last !== undefined && event.atMs - last.atMs > QUIET_MS) return true;
  const hasKernel = current.some((event) => event.kind === 'http.file-sent' && isKernel(getReportFields(event)));
  const hasLoaded = current.some(({ kind }) => LOADED.test(kind ?? ''));
  return isIpxeOffer(fields) ? hasKernel : hasLoaded;
}

/** True for a part of the log in which the machine asked for an address or loaded something. */
export const startsWithBoot = (boot: readonly MachineEvent[]): boolean =>
  boot.some(({ kind }) => kind === 'dhcp.offer' || LOADED.test(kind ?? ''));

function renderBoot(boot: Boot, nowMs: number) {
  const [first] = boot;
  if (first === undefined) return nothing;
  const items = boot.map((event) => renderTimelineLine(event, `+${formatOffset(event.atMs - first.atMs)}`, ''));
  const title = startsWithBoot(boot) ? words.timeline.boot : words.timeline.log;
  return html`
    <div class="boot"><span>${timeAgo(first.atMs, nowMs, title)}</span><span class="soft">${momentText(first.atMs)}</span></div>
    <div class="sheet"><ol class="steps">${items}</ol></div>`;
}

/** An event in a list that is not divided into boots. @param path the log that its time leads to */
export const eventLine = (event: MachineEvent, nowMs: number, path: string): Html =>
  renderTimelineLine(event, words.values.ago(nowMs - event.atMs), `${path}?at=${event.id}`);

const renderTimelineLine = (event: MachineEvent, when: string, log: string) => html`
  <li id="e${event.id}"><a class="when" href="${log}#e${event.id}">${renderTime(event.atMs, when)}</a>
  <span class="kind soft">${words.values.eventType(event.type)}</span>
  ${logLine(eventText(event), `what ${event.level}`, byWhom(event))}</li>`;

const byWhom = ({ username }: MachineEvent) =>
  username === '' ? nothing : html` <span class="soft">(${username})</span>`;
