// What is wrong at /MAAS/health/, each with its remedy (`findings.ts`). Below it what runs:
// versions, memory, disks, clocks, queues, the database, the certificate, and threads.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSize, formatSpan } from '../../../ground/quantity.ts';
import type { Rack } from '../../records/rack.ts';
import type { Region } from '../../region.ts';
import { cell, pair, renderFullPage } from '../frame/parts.ts';
import { rackPath, statePill } from '../frame/racks-part.ts';
import { none, timeAgo } from '../frame/values.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import {
  CLOCK_OFF_MS,
  clockAhead,
  describeCertificate,
  type Finding,
  HEALTH_PATH,
  listFindings,
  wayButton,
} from './findings.ts';

const SHOWN_MAX = 200;

function findingItem({ rack, check, text, tone, fix, way }: Finding) {
  const remedy =
    fix === undefined ? nothing : html`<p class="remedy">${words.health.remedy} <code class="lines">${fix}</code></p>`;
  const name = rack === undefined ? nothing : html`<a class="name" href="${rackPath(rack)}">${rack.name}</a> `;
  return html`
    <li class="list-item need ${tone === 'note' ? '' : `${tone}-edge`}"><div>${name}<b>${check}</b>
    <div class="small">${text}${remedy}</div></div>${way === undefined ? nothing : wayButton(way)}</li>`;
}

function renderFindings(findings: readonly Finding[]) {
  const { well, bad, notes } = words.health;
  const problems = findings.filter(({ tone }) => tone !== 'note');
  const remarks = findings.filter(({ tone }) => tone === 'note');
  const list = (some: readonly Finding[]) =>
    html`<ul class="sheet needs">${some.slice(0, SHOWN_MAX).map(findingItem)}</ul>`;
  const first =
    problems.length === 0
      ? html`<div class="sheet empty"><b>${well.title}</b><span class="soft">${well.hint}</span></div>`
      : html`<h2>${bad(problems.length)}</h2>${list(problems)}`;
  return remarks.length === 0 ? first : html`${first}<h2>${notes}</h2>${list(remarks)}`;
}

function clockText(region: Region, rack: Rack): Part {
  const ahead = clockAhead(region, rack);
  if (ahead === undefined) return none;
  const { right, off } = words.health.clock;
  return Math.abs(ahead) <= CLOCK_OFF_MS ? right : off(formatSpan(Math.abs(ahead)));
}

function rackRow({ region, nowMs }: View, rack: Rack) {
  const { facts } = words.health;
  const { measures } = region.racks.samplesOf(rack.uuid).at(-1) ?? {};
  const { host, startedMs = rack.pulse?.startedMs ?? 0 } = measures ?? {};
  const since = startedMs <= 1 ? none : timeAgo(startedMs, nowMs);
  const disk = host?.disk;
  const diskText: Part =
    disk === undefined ? none : words.health.disk(formatSize(disk.freeBytes), formatSize(disk.totalBytes));
  return html`
    <tr><td class="first"><div class="name"><a href="${rackPath(rack)}">${rack.name}</a></div>${statePill(rack, nowMs)}</td>
    ${cell(facts.version, rack.version)}
    ${cell(facts.since, since)}
    ${cell(facts.memory, host === undefined ? none : formatSize(host.memoryBytes))}
    ${cell(facts.disk, diskText)}
    ${cell(facts.clock, clockText(region, rack))}
    ${cell(facts.waiting, rack.pulse?.waiting ?? 0)}</tr>`;
}

function racksTable(view: View, racks: readonly Rack[]) {
  if (racks.length === 0) return nothing;
  const { facts } = words.health;
  const names = [facts.name, facts.version, facts.since, facts.memory, facts.disk, facts.clock, facts.waiting];
  const head = names.map((name) => html`<th>${name}</th>`);
  const rows = racks.map((rack) => rackRow(view, rack));
  return html`<div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/**
 * The threads of the racks that report them, and how long their event loops made others wait in the
 * last minute.
 */
function threadsTable({ region }: View, racks: readonly Rack[]) {
  const { title, name, busy, delay, share } = words.health.threads;
  const rows = racks.flatMap((rack) => {
    const running = region.racks.samplesOf(rack.uuid).at(-1)?.measures.host?.running;
    if (running === undefined) return [];
    const threads = running.threads.map(
      (thread) => html`<span>${share(thread.name, Math.round(thread.busy * 100))}</span>`,
    );
    return [
      html`
        <tr><td class="first"><div class="name"><a href="${rackPath(rack)}">${rack.name}</a></div></td>
        ${cell(busy, html`<div class="mono">${threads}</div>`)}${cell(delay, formatSpan(running.delayMs))}</tr>`,
    ];
  });
  if (rows.length === 0) return nothing;
  const head = [name, busy, delay].map((text) => html`<th>${text}</th>`);
  return html`<h2>${title}</h2><div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

async function renderHealthPage(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const { database, certificate: labels, facts, more, title } = words.health;
  const begun = region.clock.now();
  await region.store.eventRange();
  const tookMs = region.clock.now() - begun;
  const racks = region.racks.list();
  await region.settings.load();
  const findings = listFindings(view);
  const until = describeCertificate(region, nowMs)?.untilMs;
  const own = html`
    <div class="sheet stacked"><dl class="pairs">${pair(database.name, database.answers(formatSpan(tookMs)))}
    ${until === undefined ? nothing : pair(labels.name, labels.until(new Date(until).toISOString().slice(0, 10)))}</dl></div>`;
  return renderFullPage(view, {
    title,
    place: 'health',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${title}</h1></div><div id="findings">${renderFindings(findings)}</div>
      <div id="facts"><h2>${facts.heading}</h2>${racksTable(view, racks)}${own}${threadsTable(view, racks)}<p class="small">${more}</p></div>`,
  });
}

export const HEALTH_PAGE: PageDefinition = { path: HEALTH_PATH, access: 'admin', render: renderHealthPage };
