// The page of racks: the networks of each, whether it is away, and the command that accepts a waiting one.

import { type Html, html, nothing, type Part } from '../../html.ts';
import { findDoubt, findSharedRange, rangeSharedText } from '../racks/rack-networks.ts';
import { doubtWords } from '../records/events.ts';
import { isAway, type Rack } from '../records/rack.ts';
import type { Region } from '../region.ts';
import { none, SPACE } from './values.ts';
import { words } from './words.ts';

/** The page of all racks. */
export const RACKS_PATH = '/MAAS/racks/';

export const rackPath = ({ uuid }: Pick<Rack, 'uuid'>): string => `${RACKS_PATH}${uuid}/`;

const PAGE_NETWORKS_MAX = 6;

const cell = (label: string, content: Part) => html`<td data-label="${label}"><div>${content}</div></td>`;

const COLOURS = { pending: 'amber', accepted: 'green', rejected: 'grey', embedded: 'green', away: 'red' } as const;

export function statePill(rack: Rack, nowMs: number) {
  const state = rack.isEmbedded ? 'embedded' : isAway(rack, nowMs) ? 'away' : rack.state;
  return html`<span class="pill ${COLOURS[state]}">${words.racks.states[state]}</span>`;
}

function foreignText({ interfaces }: Rack) {
  const seen = interfaces.filter(({ foreign_dhcp_ip: address }) => address !== undefined);
  if (seen.length === 0) return undefined;
  const named = seen
    .slice(0, PAGE_NETWORKS_MAX)
    .map(({ name, foreign_dhcp_ip: address }) => words.racks.foreignServer(address ?? '', name));
  return words.racks.foreignServers(named);
}

/** The most important remark about the rack, with a command where one helps; empty: none. */
export function remark(rack: Rack, racks: readonly Rack[], nowMs: number): Html {
  const doubt = findDoubt(rack, racks);
  const overlap = doubt === undefined ? undefined : doubtWords(doubt);
  if (rack.state === 'pending') {
    const isOnly = racks.filter(({ name }) => name === rack.name).length === 1;
    const command = `rackboot racks accept ${isOnly ? rack.name : rack.uuid}`;
    const waits = words.racks.registered(rack.address, command);
    return overlap === undefined ? waits : html`${waits}. <b>${overlap}</b>`;
  }
  if (overlap !== undefined && rack.state === 'accepted') return html`<b>${overlap}</b>`;
  const shared = findSharedRange(rack, racks);
  if (shared !== undefined) return html`<b>${rangeSharedText(shared)}</b>`;
  const why = rack.pulse?.settingsRefused;
  if (why !== undefined) return html`<b>${words.racks.settingsRefused(why)}</b>`;
  if (rack.state === 'accepted' && !rack.isEmbedded && rack.seenMs !== undefined && rack.interfaces.length === 0)
    return html`<b>${words.racks.noNetwork}</b>`;
  const foreign = foreignText(rack);
  if (foreign !== undefined && !isAway(rack, nowMs)) return html`<b>${foreign}</b>`;
  if (!isAway(rack, nowMs)) return nothing;
  return html`${words.racks.away}`;
}

function seenText(rack: Rack, nowMs: number): Part {
  if (rack.isEmbedded) return words.racks.now;
  if (rack.seenMs === undefined) return none;
  const since = isAway(rack, nowMs)
    ? words.racks.since(new Date(rack.seenMs).toISOString().slice(0, 16).replace('T', ' '))
    : '';
  return html`${words.values.ago(nowMs - rack.seenMs)}<div class="small">${since}</div>`;
}

export function eventsText({ pulse }: Rack): Part {
  const counts: readonly (readonly [number, string])[] = [
    [pulse?.waiting ?? 0, words.racks.waiting],
    [pulse?.dropped ?? 0, words.racks.lost],
    [pulse?.deadLetters ?? 0, words.racks.refused],
  ];
  const texts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count}${SPACE}${what}`);
  return texts.length === 0 ? none : texts.join(', ');
}

function rackRow(rack: Rack, racks: readonly Rack[], nowMs: number) {
  const { columns } = words.racks;
  const networks = rack.interfaces.slice(0, PAGE_NETWORKS_MAX).map(({ network }) => html`<span>${network}</span>`);
  const more = rack.interfaces.length - networks.length;
  if (more > 0) networks.push(html`<span class="soft">${words.values.andMore(more)}</span>`);
  return html`
    <tr><td class="first"><div><div class="name"><a href="${rackPath(rack)}">${rack.name}</a></div>
    <div class="small">${remark(rack, racks, nowMs)}</div></div>${statePill(rack, nowMs)}</td>
    ${cell(columns.networks, networks.length === 0 ? none : html`<div class="mono">${networks}</div>`)}
    ${cell(columns.events, eventsText(rack))}
    ${cell(columns.version, rack.version)}
    ${cell(columns.seen, seenText(rack, nowMs))}
    </tr>`;
}

/** The racks in the order of their registration. */
export function renderRacks({ racks }: Pick<Region, 'racks'>, nowMs: number): Html {
  const all = racks.list();
  if (all.length === 0)
    return html`<div class="sheet empty"><b>${words.racks.empty.title}</b><span class="soft">${words.racks.empty.hint}</span></div>`;
  const { rack, networks, events, version, seen } = words.racks.columns;
  const headings = [rack, networks, events, version, seen].map((text) => html`<th>${text}</th>`);
  const rows = all.map((one) => rackRow(one, all, nowMs));
  return html`<div class="sheet"><table class="racks"><thead><tr>${headings}</tr></thead><tbody>${rows}</tbody></table></div>`;
}
