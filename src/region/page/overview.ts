// The page at /MAAS/, where a person arrives: what needs them now, and the machines by state.

import { type Html, html, nothing } from '../../html.ts';
import { doubtWords } from '../records/events.ts';
import type { Conflict } from '../records/store.ts';
import type { Region } from '../region.ts';
import { renderLog, renderStrangers } from './events-part.ts';
import { countsOf } from './machine-filters.ts';
import { parseQuery } from './machine-query.ts';
import { ACCEPT_ALL, acceptAll } from './machines-page.ts';
import { pageOf } from './parts.ts';
import { renderRacks } from './racks-part.ts';
import { type PageDefinition, submit, type View } from './view.ts';
import { words } from './words.ts';

// Decisions that wait for the operator, with the commands that settle them: machines that may be the same, and a full list of New machines.

/** Conflicts on the page; `rackboot machines show` lists those of one machine. */
const PAGE_CONFLICTS_MAX = 10;

const notice = (who: string, what: string, commands: readonly string[]) =>
  html`<li><b>${who}</b> ${what}
  ${commands.map((command) => html`<br><code>${command}</code>`)}</li>`;

function conflictNotice(name: string, { systemId, otherId, why }: Conflict) {
  const text = doubtWords(why);
  if (systemId === otherId) return notice(name, words.notices.maybeTwo(systemId, text), []);
  return notice(name, words.notices.maybeOne(systemId, text), [
    `rackboot machines merge ${otherId} ${systemId}`,
    `rackboot machines keep-apart ${otherId} ${systemId}`,
  ]);
}

export async function renderNotices(region: Region): Promise<Html> {
  const { newMachinesMax } = region.config();
  const fresh = await region.store.countMachines({ statuses: ['new'] });
  const full =
    fresh < newMachinesMax ? [] : [notice(words.notices.full(fresh), words.notices.fullWhy(newMachinesMax), [])];
  const found = await region.store.listConflicts(PAGE_CONFLICTS_MAX);
  const machines = await region.store.outlineMachines(found.map(({ systemId }) => systemId));
  const names = new Map(machines.map(({ systemId, hostname }) => [systemId, hostname]));
  const conflicts = found.map((one) => conflictNotice(names.get(one.systemId) ?? one.systemId, one));
  const notices = [...full, ...conflicts];
  return notices.length === 0
    ? nothing
    : html`<h2>${words.notices.heading}</h2><div class="sheet"><ul class="notices">${notices}</ul></div>`;
}

async function renderOverview(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const counts = await region.store.countStatuses();
  const empty =
    counts.size > 0
      ? nothing
      : html`<div class="sheet empty"><b>${words.machines.empty.title}</b><span class="soft">${words.machines.empty.hint}</span></div>`;
  return pageOf(view, {
    title: words.frame.pages.overview,
    place: 'overview',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${words.frame.pages.overview}</h1>${await acceptAll(view)}</div>
      <div id="notices">${await renderNotices(region)}</div>
      <div id="counts">${countsOf(counts, parseQuery(new Map()))}${empty}</div>
      <div id="racks">${renderRacks(region, nowMs)}</div>
      <div id="strangers">${await renderStrangers(view)}</div>
      <div id="log"><h2>${words.values.events}</h2>${await renderLog(view)}</div>`,
  });
}

export const OVERVIEW_PAGE: PageDefinition = {
  path: '/MAAS/',
  access: 'user',
  render: renderOverview,
  act: async (view) => submit(view, ACCEPT_ALL, {}, {}, '/MAAS/', words.machines.accepted),
  operations: [ACCEPT_ALL],
};
