// Decisions that wait for the operator: machines that may be the same, and a full list of New machines. Each shows the commands that settle
// it, if there are any.
//
// 1. Without a pending decision nothing is shown.

import { type Html, html, nothing } from '../../html.ts';
import { doubtWords } from '../records/events.ts';
import type { Conflict } from '../records/store.ts';
import type { Region } from '../region.ts';
import { words } from './words.ts';

/** Conflicts on the page; `rackboot machines show` lists those of one machine. */
const PAGE_CONFLICTS_MAX = 10;

const notice = (who: string, what: string, commands: readonly string[]): Html =>
  html`<li><b>${who}</b> ${what}
  ${commands.map((command) => html`<br><code>${command}</code>`)}</li>`;

function conflictNotice(name: string, { systemId, otherId, why }: Conflict): Html {
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
