// All racks at /MAAS/racks/: the networks of each, what is wrong with it and where that is mended,
// and how another one joins.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { pageUrl } from '../../page-url.ts';
import type { Rack } from '../../records/rack.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { eventsText, RACKS_PATH, rackPath, statePill } from '../frame/racks-part.ts';
import { none, timeAgo } from '../frame/values.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { findingLine, listRackRemarks } from './findings.ts';

const PAGE_NETWORKS_MAX = 6;

function seenText(rack: Rack, nowMs: number): Part {
  if (rack.isEmbedded) return words.racks.now;
  return rack.seenMs === undefined ? none : timeAgo(rack.seenMs, nowMs);
}

function rackRow(view: View, rack: Rack) {
  const { nowMs } = view;
  const { columns } = words.racks;
  const networks = rack.interfaces.slice(0, PAGE_NETWORKS_MAX).map(({ network }) => html`<span>${network}</span>`);
  const more = rack.interfaces.length - networks.length;
  if (more > 0) networks.push(html`<span class="soft">${words.values.andMore(more)}</span>`);
  const [remark] = listRackRemarks(view, rack);
  return html`
    <tr><td class="first"><div><div class="name"><a href="${rackPath(rack)}">${rack.name}</a></div>${statePill(rack, nowMs)}
    ${remark === undefined ? nothing : findingLine(remark)}</div></td>
    ${cell(columns.networks, networks.length === 0 ? none : html`<div class="mono">${networks}</div>`)}
    ${cell(columns.events, eventsText(rack))}
    ${cell(columns.version, rack.version)}
    ${cell(columns.seen, seenText(rack, nowMs))}
    </tr>`;
}

/** The racks in the order of their registration. */
function renderRacks(view: View): Html {
  const racks = view.region.racks.list();
  if (racks.length === 0)
    return html`<div class="sheet empty"><b>${words.racks.empty.title}</b><span class="soft">${words.racks.empty.hint}</span></div>`;
  const { rack, networks, events, version, seen } = words.racks.columns;
  const headings = [rack, networks, events, version, seen].map((text) => html`<th>${text}</th>`);
  const rows = racks.map((rack) => rackRow(view, rack));
  return html`<div class="sheet"><table class="racks"><thead><tr>${headings}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function renderRacksPage(view: View): Html {
  const { region, viewer } = view;
  const join = viewer.isAdmin
    ? html`<h2>${words.racks.join.heading}</h2><div class="sheet note">${words.racks.join.lead(pageUrl(region.config(), view.origin))}</div>`
    : nothing;
  return renderFullPage(view, {
    title: words.racks.heading,
    place: 'racks',
    isLive: true,
    main: html`<div id="bar" class="bar"><h1>${words.racks.heading}</h1></div><div id="racks">${renderRacks(view)}</div><div id="join">${join}</div>`,
  });
}

export const RACKS_PAGE: PageDefinition = { path: RACKS_PATH, access: 'user', render: renderRacksPage };
