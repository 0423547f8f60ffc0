// The sections of a machine's page that only show what it reported: its hardware, and the results
// of its scripts, live.
//
// 1. The output of scripts is shown only to people with an account. That of earlier runs is not read
//    from the store.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSpan } from '../../../ground/quantity.ts';
import type { Machine } from '../../records/machine.ts';
import type { ResultStatus, ScriptResult } from '../../records/script-store.ts';
import { timeAgo } from '../frame/values.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { renderHardware } from './machine-facts.ts';
import { findAddressed, renderMachineSection, type SectionName } from './machine-frame.ts';

const showing = (
  section: SectionName,
  render: (view: View, machine: Machine) => Html | Promise<Html>,
): PageDefinition => ({
  path: `/MAAS/machines/:machine/${section}/`,
  access: 'user',
  render: async (view) => {
    const machine = await findAddressed(view);
    if (machine === undefined) return undefined;
    const main = html`<div id="${section}">${await render(view, machine)}</div>`;
    return renderMachineSection(view, machine, { section, main });
  },
});

export const SHOWING_SECTIONS: readonly PageDefinition[] = [
  showing('hardware', (view, machine) => renderHardware(machine, view.nowMs)),
  showing('scripts', renderScripts),
];

const RUNS_SHOWN_MAX = 4;

const COLOURS: Readonly<Record<ResultStatus, string>> = {
  pending: 'grey',
  running: 'amber',
  passed: 'green',
  failed: 'red',
  'timed-out': 'red',
  skipped: 'grey',
  aborted: 'grey',
};

const pill = (status: ResultStatus) =>
  html`<span class="pill ${COLOURS[status]}">${words.results.states[status]}</span>`;

function resultItem(result: ScriptResult, nowMs: number, showsOutput: boolean) {
  const { id, name, kind, status, startedMs, endedMs, exitStatus, output, outputBytes } = result;
  const isBad = status === 'failed' || status === 'timed-out';
  const facts = [
    kind === 'builtin' ? words.results.builtin : '',
    exitStatus === undefined || exitStatus === 0 ? '' : words.results.exit(exitStatus),
    startedMs === undefined ? '' : formatSpan((endedMs ?? nowMs) - startedMs),
  ].filter((text) => text !== '');
  const head = html`${pill(status)}<span class="name">${name}</span><span class="small">${facts.join(' · ')}</span>`;
  if (!showsOutput || output === '') return html`<div class="result">${head}</div>`;
  const cut = outputBytes > Buffer.byteLength(output) ? html`<p class="hint cut">${words.results.cut}</p>` : nothing;
  const open = isBad || status === 'running' ? html` open` : nothing;
  return html`
    <details id="result-${id}"${open}><summary>${head}</summary>${cut}
    <pre class="output" id="output-${id}" tabindex="0" aria-label="${words.results.output(name)}">${output}</pre></details>`;
}

function groupByRun(results: readonly ScriptResult[]): readonly (readonly ScriptResult[])[] {
  const runs = new Map<number, ScriptResult[]>();
  for (const result of results) {
    const run = runs.get(result.run);
    if (run === undefined) runs.set(result.run, [result]);
    else run.push(result);
  }
  return [...runs.values()];
}

function formatRunCounts(run: readonly ScriptResult[]) {
  const counts = new Map<ResultStatus, number>();
  for (const { status } of run) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => words.results.count(count, words.results.states[status])).join(', ');
}

function earlierRun(run: readonly ScriptResult[], nowMs: number) {
  const [first] = run;
  if (first === undefined) return nothing;
  const age = first.startedMs === undefined ? nothing : timeAgo(first.startedMs, nowMs);
  const items = run.map((result) => resultItem(result, nowMs, false));
  const title = first.purpose === 'testing' ? words.results.testing : words.results.commissioning;
  return html`
    <details id="run-${first.run}"><summary><b>${title}</b><span class="soft">${formatRunCounts(run)}</span>
    <span class="small">${age}</span></summary>${items}</details>`;
}

/** The newest run with its output, and a summary of earlier ones. */
async function renderScripts(view: View, machine: Machine) {
  const { region, nowMs } = view;
  const results = await region.store.scripts.listResults(machine.systemId, { runs: RUNS_SHOWN_MAX, withOutput: false });
  const [newest, ...earlier] = groupByRun(results);
  const [first] = newest ?? [];
  if (newest === undefined || first === undefined)
    return html`<div class="sheet empty"><b>${words.results.none}</b><span class="soft">${words.results.noneHint}</span></div>`;
  const runResults = await region.store.scripts.listResults(machine.systemId, { run: first.run });
  const title = first.purpose === 'testing' ? words.results.testing : words.results.commissioning;
  const items = runResults.map((result) => resultItem(result, nowMs, true));
  const before =
    earlier.length === 0
      ? nothing
      : html`<div class="sheet stacked">${earlier.map((run) => earlierRun(run, nowMs))}</div>`;
  return html`
    <div class="bar"><h2>${title}</h2><span class="small">${formatRunCounts(newest)}</span></div>
    <div class="sheet">${items}</div>${before}`;
}
