// What of the machines waits for a person: those that may be one, and New ones that are too many. Each says what to type.
//
// 1. Nothing is shown when nothing waits.

import { counted } from '../../counted.ts';
import type { Conflict } from '../records/store.ts';
import type { Region } from '../region.ts';
import { type Html, html, nothing } from './html.ts';

/** Conflicts on the page; `rackboot machines show` tells those of one machine. */
const PAGE_CONFLICTS_MAX = 10;

const notice = (who: string, what: string, commands: readonly string[]): Html =>
  html`<li><b>${who}</b> ${what}
  ${commands.map((command) => html`<br><code>${command}</code>`)}</li>`;

function conflictNotice(region: Region, { systemId, otherId, text }: Conflict): Html {
  const name = region.store.findMachine(systemId)?.hostname ?? systemId;
  if (systemId === otherId) return notice(name, `(${systemId}) ${text}.`, []);
  return notice(name, `(${systemId}) ${text}. If they are one, or if they are two:`, [
    `rackboot machines merge ${otherId} ${systemId}`,
    `rackboot machines keep-apart ${otherId} ${systemId}`,
  ]);
}

/** The part of the page with what waits for a person; empty when nothing does. */
export function renderNotices(region: Region): Html {
  const { newMachinesMax } = region.config();
  const fresh = region.store.countMachines({ statuses: ['new'] });
  const full =
    fresh < newMachinesMax
      ? []
      : [
          notice(
            `${counted(fresh, 'machine is', 'machines are')} New,`,
            `and no more than ${newMachinesMax} may be (region.new_machines_max): a further one takes the place of one that nobody has accepted, changed or tagged, or is refused, until some are accepted or deleted.`,
            [],
          ),
        ];
  const conflicts = region.store.listConflicts(PAGE_CONFLICTS_MAX).map((conflict) => conflictNotice(region, conflict));
  const notices = [...full, ...conflicts];
  return notices.length === 0
    ? nothing
    : html`<h2>Waiting for you</h2><div class="sheet"><ul class="notices">${notices}</ul></div>`;
}
