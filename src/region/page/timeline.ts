// What a machine did, boot by boot, as the region's log has it.

import { EVENT_TYPES, type MachineEvent } from '../records/machine-event.ts';
import { isBootOffer, isIpxeOffer } from '../records/rack-words.ts';
import { type Html, html, nothing } from './html.ts';
import { eventText, formatAge, logLine } from './values.ts';

/** Events on the page, the newest; the API has them all. */
export const PAGE_STEPS_MAX = 300;
/** So much silence before firmware asks again is a boot of its own. */
const QUIET_MS = 120_000;

/**
 * True for a machine's word that the region took: one every few seconds, of which the log says by itself what is new, and the progress
 * bar the rest.
 */
export const isTakenReport = ({ kind, description }: Pick<MachineEvent, 'kind' | 'description'>): boolean =>
  kind === 'http.posted' && !/ refused /.test(description);

/** The whole timeline. @param events the newest first */
export function renderTimeline(events: readonly MachineEvent[], nowMs: number): Html {
  const boots = bootsOf(events.filter((event) => !isTakenReport(event))).map((boot) => renderBoot(boot, nowMs));
  const cut =
    events.length < PAGE_STEPS_MAX
      ? nothing
      : html`<p class="small">The newest ${PAGE_STEPS_MAX} steps; the API lists all.</p>`;
  return boots.length === 0
    ? html`<div class="sheet empty soft">Nothing was heard of it yet.</div>`
    : html`${boots}${cut}`;
}

/** The steps of one boot, the first of them first. */
type Boot = readonly MachineEvent[];

/** Divides the log into boots, the newest first. */
export function bootsOf(events: readonly MachineEvent[]): readonly Boot[] {
  const boots: MachineEvent[][] = [];
  for (const event of events.toReversed()) {
    const current = boots.at(-1);
    if (current === undefined || startsBoot(event, current)) boots.push([event]);
    else current.push(event);
  }
  // What the region has done itself is in its log before what the rack told at the time: within a boot the time counts.
  return boots.reverse().map((boot) => boot.toSorted((a, b) => a.atMs - b.atMs));
}

const LOADED = /^(?:tftp\.sent|http\.file-sent|http\.rendered)$/;

/** True for an offer to firmware after something was loaded, or after a long silence. iPXE goes on with the boot that loaded it. */
function startsBoot(event: MachineEvent, current: Boot): boolean {
  if (event.kind !== 'dhcp.offer' || !isBootOffer(event.description)) return false;
  const last = current.at(-1);
  if (last !== undefined && event.atMs - last.atMs > QUIET_MS) return true;
  const hasKernel = current.some(
    ({ kind, description }) => kind === 'http.file-sent' && /\/linux by/.test(description),
  );
  const hasLoaded = current.some(({ kind }) => LOADED.test(kind ?? ''));
  return isIpxeOffer(event.description) ? hasKernel : hasLoaded;
}

/** One boot with its steps. */
function renderBoot(boot: Boot, nowMs: number): Html {
  const [first] = boot;
  if (first === undefined) return nothing;
  const items = boot.map(
    (event) => html`
      <li><time datetime="${new Date(event.atMs).toISOString()}">+${formatOffset(event.atMs - first.atMs)}</time>
      <span class="kind soft">${EVENT_TYPES[event.type].title}</span>
      ${logLine(eventText(event), `what ${event.level}`, byWhom(event))}</li>`,
  );
  const isBoot = boot.some(({ kind }) => kind === 'dhcp.offer' || LOADED.test(kind ?? ''));
  const at = `${new Date(first.atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return html`
    <div class="boot"><span>${isBoot ? 'Boot' : 'Log'}, ${formatAge(nowMs - first.atMs)}</span><span class="soft">${at}</span></div>
    <div class="sheet"><ol class="steps">${items}</ol></div>`;
}

const byWhom = ({ username }: MachineEvent): Html =>
  username === '' ? nothing : html` <span class="soft">(${username})</span>`;

/** Seconds since the boot began; minutes and more where that is long. */
function formatOffset(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
