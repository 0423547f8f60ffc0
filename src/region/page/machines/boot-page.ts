// The boots of one machine at /MAAS/machines/SYSTEM-ID/boot/: one as a picture, the last good one
// beside it if it did not go well, and links to the others. The same picture of a host that is not
// enlisted.
//
// 1. All boots of a page come from one reading of the log.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSpan } from '../../../ground/quantity.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { isProblem } from '../../records/machine-search.ts';
import { codeIn, momentText, remarkText, timeAgo } from '../frame/values.ts';
import { type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { BOOT_COLOURS, type DrawnBoot, drawBoots } from './last-boot.ts';
import { findAddressed, renderMachineSection, sectionPath } from './machine-frame.ts';
import { firstMissing, renderWaterfall, spanOfBoot } from './waterfall.ts';

/** The newest events of which boots are made; a boot has 30 to 60. */
const EVENTS_READ = 800;
const BOOTS_LISTED_MAX = 20;

function renderBootPicture(boot: DrawnBoot, spanMs: number, log: string, title: Part) {
  const { startMs, rows, verdict } = boot;
  return html`
    <section><div class="boot"><span>${title}</span><span class="pill ${BOOT_COLOURS[verdict.kind]}">${words.boots.verdicts[verdict.kind]}</span>
    <span class="soft">${momentText(startMs)} · ${formatSpan(spanOfBoot(rows).spanMs)}</span></div>${renderWaterfall(rows, spanMs, log)}</section>`;
}

/**
 * The picture of a boot. One that did not go well has the sentence why above it, and the last good
 * one beside it.
 * @param events the newest first @param machine undefined: it is not enlisted @param path the
 * address of this page
 */
export function renderBoots(
  view: View,
  events: readonly MachineEvent[],
  { machine, path, log }: { readonly machine?: Machine; readonly path: string; readonly log: string },
): Html {
  const boots = drawBoots(view, events);
  const wanted = queryValue(view, 'boot');
  const boot = boots.find(({ id }) => String(id) === wanted) ?? boots[0];
  if (boot === undefined)
    return html`<div class="sheet empty"><b>${words.boots.none}</b><span class="soft">${words.boots.noneHint}</span></div>`;
  const isWell = boot.verdict.kind === 'good' || boot.verdict.kind === 'going-on';
  const good = isWell ? undefined : boots.find(({ id, verdict }) => verdict.kind === 'good' && id !== boot.id);
  const spanMs = Math.max(spanOfBoot(boot.rows).spanMs, good === undefined ? 0 : spanOfBoot(good.rows).spanMs);
  const reason =
    machine !== undefined && boot === boots[0] && isProblem(machine.status) ? machine.statusReason : undefined;
  return html`
    ${renderVerdict(boot, good, remarkText(reason))}
    <div class="${good === undefined ? '' : 'side-by-side'}">${renderBootPicture(boot, spanMs, log, timeAgo(boot.startMs, view.nowMs, words.boots.title))}
    ${good === undefined ? nothing : renderBootPicture(good, spanMs, log, words.boots.lastGood)}</div>${renderOtherBoots(view, boots, boot, path)}`;
}

function renderVerdict({ verdict, rows }: DrawnBoot, good: DrawnBoot | undefined, reason: string) {
  if (verdict.kind === 'good' || verdict.kind === 'going-on') return nothing;
  const missing = good === undefined ? undefined : firstMissing(good.rows, rows);
  const further = missing === undefined ? nothing : html`<p class="remedy">${words.boots.goodWentOn(missing.name)}</p>`;
  const explanation =
    reason === '' || reason === verdict.why ? nothing : html`<p class="remedy">${words.boots.regionSays(reason)}</p>`;
  return html`<div class="alert ${BOOT_COLOURS[verdict.kind]}"><b>${words.boots.heads[verdict.kind]}</b>${codeIn(verdict.why)}${explanation}${further}</div>`;
}

function renderOtherBoots({ nowMs }: View, boots: readonly DrawnBoot[], current: DrawnBoot, path: string) {
  if (boots.length < 2) return nothing;
  const items = boots.slice(0, BOOTS_LISTED_MAX).map(
    ({ id, startMs, verdict }) => html`
      <li><a href="${path}?boot=${id}"${id === current.id ? html` aria-current="true"` : nothing}>${timeAgo(startMs, nowMs)}</a>
      <span class="pill ${BOOT_COLOURS[verdict.kind]}">${words.boots.verdicts[verdict.kind]}</span>
      <span class="small">${verdict.why === '' ? momentText(startMs) : verdict.why}</span></li>`,
  );
  return html`<h2>${words.boots.others}</h2><div class="sheet"><ol class="boots">${items}</ol></div>`;
}

async function renderBootSection(view: View) {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const { systemId } = machine;
  const events = await view.region.store.listEvents({ machines: { systemIds: [systemId] }, limit: EVENTS_READ });
  const path = sectionPath(systemId, 'boot');
  const log = sectionPath(systemId, 'events');
  return renderMachineSection(view, machine, {
    section: 'boot',
    isLive: queryValue(view, 'boot') === '',
    main: html`<div id="boots">${renderBoots(view, events, { machine, path, log })}</div>`,
  });
}

export const BOOT_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/boot/',
  access: 'user',
  render: renderBootSection,
};
