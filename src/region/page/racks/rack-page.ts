// One rack at /MAAS/racks/RACK/: what it serves and where, since when, what is wrong and what to
// do, a day in charts, and its last events; with the pages that accept, reject and forget it, and
// change its zone and its note.
//
// 1. The charts show what the rack measured, and nothing else: of an older rack, or one that just
//    began, there are none.

import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { searchEvents } from '../../api/site/event-pieces.ts';
import { agreeTo } from '../../racks/rack-networks.ts';
import { shownTo } from '../../records/events.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { isAway, type Rack } from '../../records/rack.ts';
import type { RackInterface } from '../../records/rack-description.ts';
import { computeFills, computeRates, LISTENER_KINDS, type RackSample } from '../../records/rack-measures.ts';
import { renderDayChart } from '../frame/day-chart.ts';
import { renderForm, ticksField } from '../frame/forms.ts';
import { collectFormValues, renderControls } from '../frame/operation-form.ts';
import { cell, pair, renderFullPage } from '../frame/parts.ts';
import { eventsText, rackPath, statePill } from '../frame/racks-part.ts';
import { copyable, none, orNone, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  CHANGE_SETTINGS,
  mayCall,
  operate,
  type PageDefinition,
  submit,
  type View,
  type WantedOperation,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { EVENTS_PATH, eventItem, getEventRack } from '../machines/events-part.ts';
import { interfacePath, NETWORKS_PATH, servicePill } from '../networks/networks-page.ts';
import { listRackRemarks } from './findings.ts';

const EVENTS_SHOWN = 12;
/** The pieces of the log that are searched for them. */
const PIECES_MAX = 4;
const NETWORKS_SHOWN_MAX = 100;

/** By its UUID, or by its name if it is the only one of this name. */
function findRackInPath({ region, path }: View): Rack | undefined {
  const wanted = path.rack ?? '';
  const named = region.racks.list().filter(({ name }) => name === wanted);
  return region.racks.find(wanted) ?? (named.length === 1 ? named[0] : undefined);
}

function renderRackFacts(view: View, rack: Rack, latest: RackSample | undefined) {
  const { facts } = words.rack;
  const { nowMs } = view;
  const startedMs = latest?.measures.startedMs ?? rack.pulse?.startedMs ?? 0;
  const seen = rack.isEmbedded
    ? html`${words.racks.now}`
    : rack.seenMs === undefined
      ? none
      : timeAgo(rack.seenMs, nowMs);
  return html`
    <section class="sheet"><div class="card-head"><h2>${facts.heading}</h2></div><dl class="pairs">
    ${pair(facts.runs, startedMs > 1 ? timeAgo(startedMs, nowMs) : none)}${pair(facts.heard, seen)}
    ${pair(facts.version, html`<span class="id">${rack.version}</span>`)}
    ${pair(facts.registered, html`${timeAgo(rack.registeredMs, nowMs)}${rack.address === '' ? nothing : html` ${words.rack.from(rack.address)}`}`)}
    ${pair(facts.key, keyText(view, rack))}
    ${pair(facts.events, eventsText(rack))}
    ${pair(facts.uuid, copyable(rack.uuid))}
    ${rack.description === undefined || rack.description === '' ? nothing : pair(words.forms.description, rack.description)}</dl></section>`;
}

function keyText({ region }: View, rack: Rack): Part {
  if (rack.isEmbedded) return words.rack.keys.embedded;
  const owner = region.racks.ownerOf(rack);
  return rack.secretDigest === undefined && owner !== undefined ? words.rack.keys.of(owner) : words.rack.keys.own;
}

function renderListeners(latest: RackSample | undefined) {
  if (latest === undefined) return nothing;
  const rows = LISTENER_KINDS.map((kind) => {
    const open = latest.measures.listening[kind];
    const labels = open.map((label) => html`<span>${label}</span>`);
    return pair(words.rack.listeners[kind], open.length === 0 ? none : html`<div class="mono">${labels}</div>`);
  });
  return html`<section class="sheet"><div class="card-head"><h2>${words.rack.listeners.heading}</h2></div><dl class="pairs">${rows}</dl></section>`;
}

const formatMeasureRange = (low: string, high: string): Part =>
  low === '' ? none : html`<span class="id">${low} – ${high}</span>`;

/** @param isOpen true if the viewer may open the page of its cluster interface */
function networkRow({ uuid, disputed }: Rack, entry: RackInterface, isOpen: boolean) {
  const { columns } = words.rack;
  const { dhcp } = words.networks;
  const doubts = [
    disputed.includes(entry.network) ? words.rack.disputed : '',
    entry.foreign_dhcp_ip === undefined ? '' : words.networks.dhcp.foreign(entry.foreign_dhcp_ip),
  ].filter((text) => text !== '');
  const name = isOpen
    ? html`<a href="${interfacePath({ rack: uuid, name: entry.name })}">${entry.name}</a>`
    : entry.name;
  return html`
    <tr><td class="first"><div><div class="name">${name}</div><div class="small">${entry.interface === '' ? dhcp.relayed : entry.interface}</div>
    ${doubts.map((text) => html`<div class="why">${text}</div>`)}</div></td>
    ${cell(columns.network, html`<span class="id">${entry.network}</span>`)}
    ${cell(columns.service, servicePill({ ...entry, isProxy: entry.mode === 'proxy' }))}
    ${cell(columns.address, orNone(entry.ip))}
    ${cell(columns.router, orNone(entry.router_ip))}
    ${cell(columns.dynamic, formatMeasureRange(entry.ip_range_low, entry.ip_range_high))}
    ${cell(columns.static, formatMeasureRange(entry.static_ip_range_low, entry.static_ip_range_high))}</tr>`;
}

function renderRackNetworks({ viewer }: View, rack: Rack) {
  const { columns, networks, noNetworks } = words.rack;
  const isOpen = rack.state === 'accepted' && mayCall(viewer, CHANGE_SETTINGS);
  const enable = isOpen
    ? html`<a class="button plain" href="${NETWORKS_PATH}interfaces/add/?rack=${rack.uuid}">${words.networks.enable}</a>`
    : nothing;
  const bar = html`<div class="bar"><h2>${networks}</h2>${enable}</div>`;
  if (rack.interfaces.length === 0) return html`${bar}<div class="sheet empty soft">${noNetworks}</div>`;
  const head = [
    columns.name,
    columns.network,
    columns.service,
    columns.address,
    columns.router,
    columns.dynamic,
    columns.static,
  ];
  const rows = rack.interfaces.slice(0, NETWORKS_SHOWN_MAX).map((entry) => networkRow(rack, entry, isOpen));
  const more = rack.interfaces.length - rows.length;
  return html`
    ${bar}<div class="sheet"><table class="plain"><thead><tr>${head.map((text) => html`<th>${text}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>
    ${more > 0 ? html`<p class="small">${words.values.andMore(more)}</p>` : nothing}`;
}

/** The charts of what a rack measured; empty if it measured nothing yet. */
function renderCharts(samples: readonly RackSample[], nowMs: number): Html {
  const { labels, perMinute, perSecond, addresses } = words.charts;
  const inMinutes = (value: number) =>
    perMinute(value * 60 < 10 ? Math.round(value * 600) / 10 : Math.round(value * 60));
  const inBytes = (value: number) => perSecond(formatSize(Math.round(value)));
  const usable = samples.at(-1)?.measures.usable ?? 0;
  const charts = [
    ...(usable === 0
      ? []
      : [
          renderDayChart({
            label: labels.fill,
            points: computeFills(samples),
            nowMs,
            full: usable,
            format: (value) => addresses(value, usable),
          }),
        ]),
    renderDayChart({ label: labels.leases, points: computeRates(samples, 'leases'), nowMs, format: inMinutes }),
    renderDayChart({ label: labels.tftp, points: computeRates(samples, 'tftpBytes'), nowMs, format: inBytes }),
    renderDayChart({ label: labels.http, points: computeRates(samples, 'httpBytes'), nowMs, format: inBytes }),
    renderDayChart({ label: labels.dns, points: computeRates(samples, 'dnsQueries'), nowMs, format: inMinutes }),
  ].filter((chart) => chart !== nothing);
  return charts.length === 0 ? nothing : html`<div class="charts">${charts}</div>`;
}

function renderMeasures(rack: Rack, samples: readonly RackSample[], nowMs: number) {
  if (rack.state !== 'accepted') return nothing;
  const charts = renderCharts(samples, nowMs);
  const content = charts === nothing ? html`<div class="sheet empty soft">${words.charts.none}</div>` : charts;
  return html`<h2>${words.charts.heading}</h2>${content}`;
}

async function renderRackEvents(view: View, { name, isEmbedded }: Rack) {
  const { region, viewer, peer } = view;
  const ownRack = isEmbedded ? name : undefined;
  const isWanted = (event: MachineEvent) => getEventRack(event, ownRack) === name;
  const range = await region.store.eventRange();
  const filter = { isQuiet: true, limit: EVENTS_SHOWN };
  const steps = searchEvents(region.store, filter, range, { isWanted }, PIECES_MAX);
  const refused = () => ({ events: [], next: undefined });
  const result = await region.searches.run(`${viewer.username} ${peer.share}`, steps, refused, view.hasLeft);
  const items = result.events.map(shownTo(viewer)).map((event) => eventItem(event, view.nowMs, ownRack));
  const list =
    items.length === 0
      ? html`<div class="sheet empty soft">${words.values.noEvents}</div>`
      : html`<div class="sheet"><ol class="events">${items}</ol></div>`;
  return html`<h2>${words.values.events}</h2>${list}<p class="small"><a href="${EVENTS_PATH}?${new URLSearchParams({ rack: name }).toString()}">${words.rack.allEvents}</a></p>`;
}

function renderRackAlert(view: View, rack: Rack) {
  if (isAway(rack, view.nowMs)) {
    const since = html`${words.health.silent} ${timeAgo(rack.seenMs ?? rack.stateSinceMs, view.nowMs)}.`;
    return html`<div class="alert red" role="alert"><b>${words.rack.silent.title}</b>${since} ${words.rack.silent.todo}</div>`;
  }
  const [remark] = listRackRemarks(view, rack);
  return remark === undefined
    ? nothing
    : html`<div class="alert ${remark.tone === 'red' ? 'red' : 'amber'}">${remark.text}</div>`;
}

const VERBS = {
  accept: { operation: 'POST nodegroups accept', tone: 'primary' },
  reject: { operation: 'POST nodegroups reject', tone: 'danger' },
  delete: { operation: 'DELETE nodegroups/{uuid}', tone: 'danger' },
} as const satisfies Readonly<
  Record<string, { readonly operation: WantedOperation; readonly tone: 'primary' | 'danger' }>
>;
type Verb = keyof typeof VERBS;
const isVerb = (name: string): name is Verb => Object.hasOwn(VERBS, name);

function verbsFor(rack: Rack): readonly Verb[] {
  if (rack.isEmbedded) return [];
  return rack.state === 'pending'
    ? ['accept', 'reject']
    : rack.state === 'accepted' && rack.disputed.length === 0
      ? ['delete']
      : ['accept', 'delete'];
}

function renderRackButtons(view: View, rack: Rack) {
  if (!mayCall(view.viewer, VERBS.accept.operation)) return nothing;
  const links = verbsFor(rack).map(
    (verb, index) =>
      html`<a class="button ${index === 0 && verb === 'accept' ? 'primary' : 'plain'}" href="${rackPath(rack)}do/${verb}/">${words.rack.verbs[verb].label}</a>`,
  );
  const edit =
    rack.state === 'accepted'
      ? html`<a class="button plain" href="${rackPath(rack)}edit/">${words.forms.edit}</a>`
      : nothing;
  return html`<div class="row">${edit}${links}</div>`;
}

async function renderRackPage(view: View): Promise<Html | undefined> {
  const rack = findRackInPath(view);
  if (rack === undefined) return undefined;
  const samples = view.region.racks.samplesOf(rack.uuid);
  return renderFullPage(view, {
    title: words.rack.title(rack.name),
    place: 'racks',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><div class="row"><h1>${rack.name}</h1>${statePill(rack, view.nowMs)}</div>${renderRackButtons(view, rack)}</div>
      <div id="alert">${renderRackAlert(view, rack)}</div>
      <div id="facts" class="cards">${renderRackFacts(view, rack, samples.at(-1))}${renderListeners(samples.at(-1))}</div>
      <div id="charts">${renderMeasures(rack, samples, view.nowMs)}</div>
      <div id="networks">${renderRackNetworks(view, rack)}</div>
      <div id="log">${await renderRackEvents(view, rack)}</div>`,
  });
}

// What an administrator decides about a rack.

function renderVerb(view: View): Html | undefined {
  const rack = findRackInPath(view);
  const verb = view.path.verb ?? '';
  if (rack === undefined || !isVerb(verb) || !verbsFor(rack).includes(verb)) return undefined;
  const { label, heading, effects } = words.rack.verbs[verb];
  const racks = view.region.racks.list();
  const doubtful = verb === 'accept' ? agreeTo(rack, [], racks).disputed : [];
  const share =
    doubtful.length === 0
      ? nothing
      : ticksField(view, {
          name: 'share',
          ...words.rack.share,
          values: [],
          choices: doubtful.map((network) => [network, network] as const),
        });
  const title = heading(rack.name);
  return renderFullPage(view, {
    title,
    place: 'racks',
    main: html`
      <div class="bar"><h1>${title}</h1></div><div class="sheet narrow"><ul class="effects">${effects(rack.address).map((text) => html`<li>${text}</li>`)}</ul>
      ${renderForm(view, { body: share, submit: label, tone: VERBS[verb].tone, back: rackPath(rack) })}</div>`,
  });
}

async function actVerb(view: View) {
  const rack = findRackInPath(view);
  const verb = view.path.verb ?? '';
  if (rack === undefined || !isVerb(verb)) return undefined;
  const done = words.rack.verbs[verb].done(rack.name);
  if (verb === 'delete') return submit(view, VERBS.delete.operation, { uuid: rack.uuid }, {}, '/MAAS/racks/', done);
  const share = verb === 'accept' ? { share: view.form.get('share') ?? [] } : {};
  return submit(view, VERBS[verb].operation, {}, { uuid: [rack.uuid], ...share }, rackPath(rack), done);
}

const DEFAULT_ZONE = 'default';
const CHANGE = 'PUT rackcontrollers/{system_id}';

async function editOptions(view: View, rack: Rack) {
  const zones = await view.region.store.areas.list('zone');
  const own = zones.find(({ id }) => id === rack.zoneId)?.name ?? DEFAULT_ZONE;
  return {
    only: ['zone', 'description'],
    choices: { zone: [DEFAULT_ZONE, ...zones.map(({ name }) => name)].map((name) => [name, name] as const) },
    values: { zone: own, description: rack.description ?? '' },
  };
}

async function renderEdit(view: View): Promise<Html | undefined> {
  const rack = findRackInPath(view);
  if (rack?.state !== 'accepted') return undefined;
  const title = words.rack.edit(rack.name);
  const body = renderControls(view, CHANGE, await editOptions(view, rack));
  return renderFullPage(view, {
    title,
    place: 'racks',
    main: html`
      <div class="bar"><h1>${title}</h1></div><div class="sheet narrow">${renderForm(view, { body, submit: words.forms.save, back: rackPath(rack) })}</div>`,
  });
}

async function actEdit(view: View) {
  const rack = findRackInPath(view);
  if (rack === undefined) return undefined;
  const values = collectFormValues(view, CHANGE, await editOptions(view, rack));
  const answer = await operate(view, CHANGE, { system_id: rack.uuid }, values);
  return buildOutcome(answer, rackPath(rack), words.objects.saved(rack.name));
}

export const RACK_PAGES: readonly PageDefinition[] = [
  { path: '/MAAS/racks/:rack/', access: 'user', render: renderRackPage },
  {
    path: '/MAAS/racks/:rack/do/:verb/',
    access: 'admin',
    render: renderVerb,
    act: actVerb,
    operations: Object.values(VERBS).map(({ operation }) => operation),
  },
  { path: '/MAAS/racks/:rack/edit/', access: 'admin', render: renderEdit, act: actEdit, operations: [CHANGE] },
];
