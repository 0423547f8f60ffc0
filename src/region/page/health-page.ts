// What is wrong at /MAAS/health/, each with its remedy: what the racks say of themselves and their hosts, and what the region sees itself.
// Below it what runs: versions, memory, disks, clocks, queues, the database and the certificate.
//
// 1. Nothing is examined for this page: racks report what `rackboot status` says on their hosts, with their measures.
// 2. A rack is another host: its texts are cleaned and bounded where they are read (`rack-news.ts`).

import { RackError } from '../../errors.ts';
import { certificateProblem, readCertificatePair } from '../../files/certificate.ts';
import { type Html, html, nothing, type Part } from '../../html.ts';
import { formatSize, formatSpan } from '../../quantity.ts';
import { isAway, type Rack } from '../records/rack.ts';
import type { HostFinding, HostState } from '../records/rack-measures.ts';
import type { Region } from '../region.ts';
import { noteText } from '../reports/notes.ts';
import { cell, pageOf, pair } from './parts.ts';
import { rackPath, statePill } from './racks-part.ts';
import { momentText } from './timeline.ts';
import { codeIn, none } from './values.ts';
import type { PageDefinition, View } from './view.ts';
import { words } from './words.ts';

/** A difference of clocks from which on leases and logs are confusing; less may be the way of a heartbeat. */
const CLOCK_OFF_MS = 5000;
const LOW_DISK_SHARE = 0.05;
const SHOWN_MAX = 200;

interface Finding extends HostFinding {
  /** `undefined`: the region. */
  readonly rack: Rack | undefined;
}

/** How far the clock of a rack is ahead of the region's, when its newest measures came; `undefined`: it did not say. */
function clockAhead({ racks }: Region, { uuid, isEmbedded }: Rack): number | undefined {
  const newest = racks.samplesOf(uuid).at(-1);
  const host = newest?.measures.host;
  return host === undefined || newest === undefined || isEmbedded ? undefined : host.atMs - newest.atMs;
}

const hostOf = ({ racks }: Region, { uuid }: Rack): HostState | undefined =>
  racks.samplesOf(uuid).at(-1)?.measures.host;

function findingsOf({ region, nowMs }: View, rack: Rack): readonly Finding[] {
  const { health } = words;
  const { checks } = health;
  const bad = (check: string, text: string, fix?: string): Finding => ({ rack, check, text, isNote: false, fix });
  const note = (check: string, text: string, fix?: string): Finding => ({ rack, check, text, isNote: true, fix });
  if (rack.state === 'pending') return [note(checks.pending, health.waits)];
  if (rack.state !== 'accepted') return [];
  if (isAway(rack, nowMs)) {
    const heard = words.values.ago(nowMs - (rack.seenMs ?? rack.stateSinceMs));
    return [bad(checks.silence, health.silent(heard), health.silentFix)];
  }
  const { settingsRefused, deadLetters = 0 } = rack.pulse ?? {};
  const ahead = Math.abs(clockAhead(region, rack) ?? 0);
  const own = region.racks.list().find(({ isEmbedded }) => isEmbedded)?.version;
  const host = hostOf(region, rack);
  const { disk } = host ?? {};
  const isLow = disk !== undefined && disk.freeBytes < disk.totalBytes * LOW_DISK_SHARE;
  return [
    ...(settingsRefused === undefined ? [] : [bad(checks.settings, words.racks.settingsRefused(settingsRefused))]),
    ...(ahead > CLOCK_OFF_MS ? [bad(checks.clock, health.clockOff(formatSpan(ahead)), health.clockFix)] : []),
    ...(deadLetters === 0 ? [] : [bad(checks.events, health.letters(deadLetters), health.lettersFix)]),
    ...(isLow ? [note(checks.disk, health.lowDisk(formatSize(disk.freeBytes)), health.lowDiskFix)] : []),
    ...(own === undefined || own === rack.version
      ? []
      : [note(checks.version, health.otherVersion(rack.version, own))]),
    ...(host?.findings ?? []).map((one) => ({ ...one, rack })),
  ];
}

interface Certificate {
  readonly problem: string | undefined;
  readonly untilMs: number | undefined;
}

/** `undefined`: the region has no TLS. */
function certificateOf(region: Region, nowMs: number): Certificate | undefined {
  const { tls } = region.config();
  if (tls === undefined) return undefined;
  try {
    const read = readCertificatePair(tls);
    const problem = certificateProblem(read, tls, nowMs);
    return { problem: problem && noteText(problem), untilMs: read.untilMs };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { problem: error.message, untilMs: undefined };
  }
}

function regionFindings({ region }: View, certificate: Certificate | undefined): readonly Finding[] {
  const { checks } = words.health;
  const outage = region.store.availability?.problem;
  const bad = (check: string, text: string): Finding => ({ rack: undefined, check, text, isNote: false });
  return [
    ...(outage === undefined ? [] : [bad(checks.database, noteText(outage))]),
    ...(certificate?.problem === undefined ? [] : [bad(checks.certificate, certificate.problem)]),
  ];
}

function findingItem({ rack, check, text, isNote, fix }: Finding) {
  const remedy =
    fix === undefined ? nothing : html`<p class="remedy">${words.health.remedy} <code class="lines">${fix}</code></p>`;
  const name = rack === undefined ? nothing : html`<a class="name" href="${rackPath(rack)}">${rack.name}</a> `;
  return html`
    <li class="list-item need ${isNote ? '' : 'red-edge'}"><div>${name}<b>${check}</b>
    <div class="small">${codeIn(text)}${remedy}</div></div></li>`;
}

function listOf(findings: readonly Finding[]) {
  const { well, bad, notes } = words.health;
  const problems = findings.filter(({ isNote }) => !isNote);
  const remarks = findings.filter(({ isNote }) => isNote);
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
  const since =
    startedMs <= 1
      ? none
      : html`<time datetime="${new Date(startedMs).toISOString()}" title="${momentText(startedMs)}">${words.values.ago(nowMs - startedMs)}</time>`;
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

async function render(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const { database, certificate: labels, facts, more, title } = words.health;
  const begun = region.clock.now();
  await region.store.eventRange();
  const tookMs = region.clock.now() - begun;
  const certificate = certificateOf(region, nowMs);
  const racks = region.racks.list();
  const findings = [...regionFindings(view, certificate), ...racks.flatMap((rack) => findingsOf(view, rack))];
  const until = certificate?.untilMs;
  const own = html`
    <div class="sheet stacked"><dl class="pairs">${pair(database.name, database.answers(formatSpan(tookMs)))}
    ${until === undefined ? nothing : pair(labels.name, labels.until(new Date(until).toISOString().slice(0, 10)))}</dl></div>`;
  return pageOf(view, {
    title,
    place: 'health',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${title}</h1></div><div id="findings">${listOf(findings)}</div>
      <div id="facts"><h2>${facts.heading}</h2>${racksTable(view, racks)}${own}<p class="small">${more}</p></div>`,
  });
}

export const HEALTH_PAGE: PageDefinition = { path: '/MAAS/health/', access: 'admin', render };
