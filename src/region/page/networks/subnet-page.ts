// One subnet: the picture of its addresses, what is set for it, its ranges, who has which address,
// and its static routes.
//
// 1. A reservation in a dynamic range is an entry of `hosts` of the cluster interface, because
//    `ipaddresses` keeps only addresses outside it.
// 2. The list of addresses is filtered and cut into pages (`listing.ts`); the query says which.

import { formatIpv4, formatMac, parseIpv4, rangeContains, rangeSize } from '../../../ground/address.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatDuration } from '../../../ground/quantity.ts';
import { refuseField } from '../../api/call/answer.ts';
import {
  isProxied,
  listNameServers,
  type NetworkView,
  type RangeView,
  type SubnetView,
  subnetWithId,
} from '../../networks/network-view.ts';
import { listSubnetHosts } from '../../records/subnet-service.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { buildListing } from '../frame/listing.ts';
import { renderControls } from '../frame/operation-form.ts';
import { cell, pair, renderFullPage } from '../frame/parts.ts';
import { copyable, none, orNone, renderTime, timeAgo } from '../frame/values.ts';
import {
  CHANGE_SETTINGS,
  fieldValue,
  mayCall,
  type Outcome,
  type PageDefinition,
  queryValue,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from '../machines/machine-actions.ts';
import { buildAddressRuns, renderAddressMap } from './address-map.ts';
import {
  dhcpLink,
  interfacePath,
  NETWORKS_PATH,
  renderDhcp,
  renderUse,
  subnetPath,
  vlanPath,
} from './networks-page.ts';
import { type AddressEntry, type EntryKind, listAddressUses, readEntries } from './subnet-addresses.ts';

const RESERVE = 'POST ipaddresses reserve';
const RELEASE = 'POST ipaddresses release';
const DELETE_RESERVED = 'DELETE reservedips/{id}';
const FORGET = 'POST discovery clear_by_mac_and_ip';
const END = 'POST subnets/{id} end_lease';
const CLEAR = 'POST subnets/{id} clear_declined';
const EDIT = 'PUT subnets/{id}';

interface ShownSubnet {
  readonly networks: NetworkView;
  readonly subnetView: SubnetView;
}

async function findShownSubnet({ region, path }: View): Promise<ShownSubnet | undefined> {
  const networks = await region.networks.look();
  const subnet = subnetWithId(networks, /^\d{1,15}$/.test(path.subnet ?? '') ? Number(path.subnet) : undefined);
  return subnet === undefined ? undefined : { networks, subnetView: subnet };
}

function renderFacts(subnetView: SubnetView): Html {
  const { facts } = words.networks;
  const { subnet, vlan, gateway, mtu, served, dnsServers } = subnetView;
  const place = html`<a href="${NETWORKS_PATH}fabrics/${vlan.fabric.id}/">${vlan.fabric.name}</a> · <a href="${vlanPath(vlan.vlan.id)}">${words.networks.vlan(vlan.vlan.vid, vlan.vlan.name)}</a>`;
  const interfaces = served.map(
    (by) => html`<div><a href="${interfacePath(by)}">${words.networks.interfaceOf(by.rackName, by.name)}</a></div>`,
  );
  const servers = listNameServers(subnetView);
  const own = servers.length > 0 && dnsServers.length === 0 ? ` (${facts.ownDns})` : '';
  return html`
    <dl class="pairs">${pair(facts.name, subnet.name)}${pair(facts.place, place)}
    ${pair(facts.space, orNone(vlan.space?.name ?? ''))}
    ${pair(facts.router, gateway === undefined ? none : copyable(formatIpv4(gateway)))}
    ${pair(facts.dns, orNone(servers.length === 0 ? '' : `${servers.join(', ')}${own}`))}
    ${pair(facts.mtu, String(mtu))}
    ${pair(facts.dhcp, renderDhcp(subnetView))}
    ${pair(facts.interfaces, served.length === 0 ? none : interfaces)}
    ${subnet.description === '' ? nothing : pair(words.forms.description, subnet.description)}</dl>`;
}

function rangeItem(view: View, found: RangeView): Html {
  const { range, type, low, high } = found;
  const mayEdit = view.viewer.isAdmin || (range.kind === 'reserved' && range.username === view.viewer.username);
  const about = [words.networks.addresses(rangeSize(found)), range.username, range.comment].filter(
    (text) => text !== '',
  );
  const edit = mayEdit
    ? html`<a class="button plain small-button" href="${NETWORKS_PATH}ranges/${range.id}/">${words.forms.edit}</a>`
    : nothing;
  return html`
    <div class="list-item in-row"><div><div class="id">${formatIpv4(low)} – ${formatIpv4(high)}</div>
    <div class="small">${words.networks.rangeTypes[type]} · ${about.join(' · ')}</div></div>${edit}</div>`;
}

function rangesPart(view: View, { networks, subnetView }: ShownSubnet): Html {
  const own = networks.ranges
    .filter(({ range }) => range.subnetId === subnetView.subnet.id)
    .toSorted((a, b) => a.low - b.low);
  const list =
    own.length === 0
      ? html`<div class="note soft">${isProxied(subnetView) ? words.networks.proxyRanges : words.networks.noRanges}</div>`
      : own.map((range) => rangeItem(view, range));
  return html`
    <div class="sheet"><div class="card-head"><h2>${words.networks.ranges}</h2>
    <a class="button plain small-button" href="${NETWORKS_PATH}ranges/?subnet=${subnetView.subnet.id}">${words.networks.addRange}</a></div>${list}</div>`;
}

const SHOWN = ['all', 'leased', 'held', 'assigned', 'declined', 'heard'] as const;
type Shown = (typeof SHOWN)[number];

const isLease = ({ kind, untilMs }: AddressEntry): boolean =>
  kind === 'leased' || (untilMs !== undefined && kind !== 'declined');

const isShown = (entry: AddressEntry, filter: Shown): boolean =>
  filter === 'all' || (filter === 'leased' ? isLease(entry) : entry.kind === filter);

const searchedIn = ({ address, name, username, mac }: AddressEntry): string =>
  [formatIpv4(address), name, username, mac === undefined ? '' : formatMac(mac)].join(' ');

function actOn(view: View, { subnet }: SubnetView, entry: AddressEntry): Html {
  const { kind, address, mac, name, held, username, systemId } = entry;
  const ip = formatIpv4(address);
  const button = (what: string, label: string) =>
    renderForm(view, {
      body: [
        hiddenField('do', what),
        hiddenField('ip', ip),
        hiddenField('mac', mac === undefined ? '' : formatMac(mac)),
      ],
      submit: label,
      tone: 'plain',
      isInline: true,
    });
  const { isAdmin, username: viewer } = view.viewer;
  const end = isLease(entry) && mayCall(view.viewer, END) ? button('end', words.networks.endLease) : nothing;
  if (kind === 'held') {
    const mayRelease = held === undefined ? isAdmin || username === viewer : isAdmin;
    return html`${end}${mayRelease ? button('release', words.networks.release) : nothing}`;
  }
  if (kind === 'declined') return mayCall(view.viewer, CLEAR) ? button('clear', words.networks.clearDeclined) : nothing;
  if (mac === undefined || kind === 'assigned') return end;
  const query = new URLSearchParams({ ip, mac: formatMac(mac), hostname: systemId === undefined ? name : '' });
  const reserve = html`<a class="button plain small-button" href="${subnetPath(subnet.id)}reserve/?${query.toString()}">${words.networks.reserveThis}</a>`;
  const forget =
    kind === 'heard' && systemId === undefined && isAdmin ? button('forget', words.networks.forget) : nothing;
  return html`${reserve}${end}${forget}`;
}

function renderEnd({ untilMs, heardMs }: AddressEntry, nowMs: number): Part {
  if (untilMs !== undefined)
    return renderTime(untilMs, words.networks.leasedFor(formatDuration(Math.max(0, untilMs - nowMs))));
  if (heardMs === undefined) return nothing;
  return timeAgo(heardMs, nowMs, words.networks.heardAgo);
}

const TONES: Readonly<Record<EntryKind, string>> = {
  assigned: 'green',
  held: 'violet',
  declined: 'red',
  leased: 'blue',
  heard: 'grey',
};

function entryRow(view: View, subnetView: SubnetView, entry: AddressEntry): Html {
  const { columns } = words.networks;
  const { address, mac, name, systemId, kind, username } = entry;
  const who =
    systemId === undefined
      ? orNone(name)
      : html`<a href="${machinePath(systemId)}">${name === '' ? systemId : name}</a>`;
  const owner = username === '' ? nothing : html`<div class="small">${username}</div>`;
  return html`
    <tr>${cell(columns.address, copyable(formatIpv4(address)))}
    ${cell(columns.name, html`${who}${owner}`)}
    ${cell(columns.mac, mac === undefined ? nothing : copyable(formatMac(mac)))}
    ${cell(columns.kind, html`<span class="pill ${TONES[kind]}">${words.networks.entryKinds[kind]}</span> <span class="small">${renderEnd(entry, view.nowMs)}</span>`)}
    ${cell('', html`<div class="acts row">${actOn(view, subnetView, entry)}</div>`, 'way')}</tr>`;
}

function entriesPart(view: View, subnetView: SubnetView, entries: readonly AddressEntry[]): Html {
  const chosen = SHOWN.find((name) => name === queryValue(view, 'show')) ?? 'all';
  const ofKind = entries.filter((entry) => isShown(entry, chosen));
  const { shown, search, pages } = buildListing(view, ofKind, searchedIn, { show: chosen });
  const tabs = SHOWN.map((name) => {
    const count = entries.filter((entry) => isShown(entry, name)).length;
    return html`<a href="?show=${name}"${name === chosen ? html` aria-current="true"` : nothing}>${words.networks.shown[name]} ${count}</a>`;
  });
  const { columns } = words.networks;
  const rows = shown.map((entry) => entryRow(view, subnetView, entry));
  const head = [columns.address, columns.name, columns.mac, columns.kind, ''].map((name) => html`<th>${name}</th>`);
  const table =
    entries.length === 0
      ? html`<div class="sheet empty"><b>${words.networks.noEntries.title}</b><span class="soft">${words.networks.noEntries.hint}</span></div>`
      : shown.length === 0
        ? html`<div class="sheet empty soft">${words.networks.noEntryFits}</div>`
        : html`<div class="sheet"><table class="addresses"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  const add =
    view.viewer.csrf === ''
      ? nothing
      : html`<a class="button plain" href="${subnetPath(subnetView.subnet.id)}reserve/">${words.networks.reserve}</a>`;
  return html`
    <div class="bar"><h2>${words.networks.inUse}</h2>${add}</div>
    ${entries.length === 0 ? nothing : html`<nav class="tabs" aria-label="${words.networks.inUse}">${tabs}</nav>${search}`}${table}${pages}`;
}

function routesPart(view: View, { networks, subnetView }: ShownSubnet): Html {
  const own = networks.records.routes.filter(({ sourceId }) => sourceId === subnetView.subnet.id);
  if (own.length === 0 && !view.viewer.isAdmin) return nothing;
  const items = own.map(({ id, destinationId, gateway, metric }) => {
    const to = subnetWithId(networks, destinationId)?.subnet.cidr ?? '';
    const edit = view.viewer.isAdmin
      ? html`<a class="button plain small-button" href="${NETWORKS_PATH}routes/${id}/">${words.forms.edit}</a>`
      : nothing;
    return html`<div class="list-item in-row"><div><div class="id">${words.networks.route(to, formatIpv4(gateway))}</div><div class="small">${words.networks.metric(metric)}</div></div>${edit}</div>`;
  });
  const list = own.length === 0 ? html`<div class="note soft">${words.networks.noRoutes}</div>` : items;
  return html`
    <div class="sheet"><div class="card-head"><h2>${words.networks.routes}</h2>
    ${view.viewer.isAdmin ? html`<a class="button plain small-button" href="${NETWORKS_PATH}routes/?source=${subnetView.subnet.id}">${words.networks.addRoute}</a>` : nothing}</div>${list}</div>`;
}

function renderButtons(view: View, subnetView: SubnetView): Html {
  if (!mayCall(view.viewer, EDIT)) return nothing;
  return html`<div class="row">${dhcpLink(subnetView)}<a class="button plain" href="${subnetPath(subnetView.subnet.id)}edit/">${words.forms.edit}</a></div>`;
}

async function renderSubnet(view: View): Promise<Html | undefined> {
  const located = await findShownSubnet(view);
  if (located === undefined) return undefined;
  const { networks, subnetView } = located;
  const entries = await readEntries(view.region, networks, subnetView);
  const runs = buildAddressRuns(subnetView.network, listAddressUses(networks, subnetView, entries));
  const taken = [...new Set<number>(entries.map(({ address }) => address))];
  return renderFullPage(view, {
    title: subnetView.subnet.cidr,
    place: 'networks',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${copyable(subnetView.subnet.cidr)}</h1>${renderButtons(view, subnetView)}</div>
      <div id="map" class="sheet">${renderAddressMap(subnetView.network, runs)}</div>
      <div id="facts" class="cards"><div class="sheet"><div class="card-head"><h2>${words.networks.subnet}</h2></div>${renderFacts(subnetView)}
      <div class="card-line note">${renderUse(networks, subnetView, taken)}</div></div>
      <div>${rangesPart(view, located)}<div class="stacked">${routesPart(view, located)}</div></div></div>
      <div id="addresses">${entriesPart(view, subnetView, entries)}</div>`,
  });
}

async function act(view: View): Promise<Outcome> {
  const located = await findShownSubnet(view);
  if (located === undefined) return undefined;
  const { subnetView } = located;
  const to = subnetPath(subnetView.subnet.id);
  const ip = fieldValue(view, 'ip');
  if (fieldValue(view, 'do') === 'forget')
    return submit(view, FORGET, {}, { ip, mac: fieldValue(view, 'mac') }, to, words.networks.forgotten(ip));
  const id = String(subnetView.subnet.id);
  if (fieldValue(view, 'do') === 'end') return submit(view, END, { id }, { ip }, to, words.networks.leaseEnded(ip));
  if (fieldValue(view, 'do') === 'clear')
    return submit(view, CLEAR, { id }, { ip }, to, words.networks.declinedCleared(ip));
  if (fieldValue(view, 'do') !== 'release') return undefined;
  const entries = await readEntries(view.region, located.networks, subnetView);
  const wanted = parseIpv4(ip);
  const entry = entries.find(({ address }) => address === wanted);
  const text = words.networks.released(ip);
  const shared = listSubnetHosts(located.networks.records, subnetView.subnet.id).find(
    ({ address }) => address === wanted,
  );
  if (shared !== undefined && entry?.username === '')
    return submit(view, DELETE_RESERVED, { id: String(shared.id) }, {}, to, text);
  if (entry?.held !== undefined) {
    const changes = JSON.stringify([{ key: `${entry.held.key}.hosts`, remove: [{ ip }] }]);
    return submit(view, CHANGE_SETTINGS, {}, { changes, rack: entry.held.rack }, to, text);
  }
  return submit(view, RELEASE, {}, { ip, ...(view.viewer.isAdmin ? { force: 'true' } : {}) }, to, text);
}

async function renderReserve(view: View): Promise<Html | undefined> {
  const located = await findShownSubnet(view);
  if (located === undefined) return undefined;
  const { subnet } = located.subnetView;
  const form = words.networks.reservation;
  const values = { ip: queryValue(view, 'ip'), mac: queryValue(view, 'mac'), hostname: queryValue(view, 'hostname') };
  return renderFullPage(view, {
    title: form.title(subnet.cidr),
    place: 'networks',
    main: html`
      <div class="bar"><h1>${form.title(subnet.cidr)}</h1></div><div class="sheet narrow">${renderForm(view, {
        body: renderControls(view, RESERVE, { only: Object.keys(values), values }),
        submit: form.submit,
        back: subnetPath(subnet.id),
      })}</div>`,
  });
}

async function reserve(view: View): Promise<Outcome> {
  const located = await findShownSubnet(view);
  if (located === undefined) return undefined;
  const { subnet, served } = located.subnetView;
  const [ip, mac, hostname] = (['ip', 'mac', 'hostname'] as const).map((name) => fieldValue(view, name).trim());
  const address = parseIpv4(ip ?? '');
  const to = subnetPath(subnet.id);
  const text = words.networks.reserved(ip ?? '');
  const dynamic = served.find(
    (service) => address !== undefined && service.dynamic !== undefined && rangeContains(service.dynamic, address),
  );
  if (dynamic === undefined || !view.viewer.isAdmin) {
    const place = ip === '' ? { subnet: String(subnet.id) } : { ip };
    return submit(view, RESERVE, {}, { ...place, mac: mac || undefined, hostname: hostname || undefined }, to, text);
  }
  if (mac === '') return refuseField('mac', words.networks.reservation.needsMac);
  const host = { mac, ip, ...(hostname === '' ? {} : { hostname }) };
  const changes = JSON.stringify([{ key: `${dynamic.key}.hosts`, add: [host] }]);
  return submit(view, CHANGE_SETTINGS, {}, { changes, rack: dynamic.rack }, to, text);
}

export const SUBNET_PAGES: readonly PageDefinition[] = [
  {
    path: `${NETWORKS_PATH}subnets/:subnet/`,
    access: 'user',
    render: renderSubnet,
    act,
    operations: [RELEASE, DELETE_RESERVED, CHANGE_SETTINGS, FORGET, END, CLEAR],
  },
  {
    path: `${NETWORKS_PATH}subnets/:subnet/reserve/`,
    access: 'user',
    render: renderReserve,
    act: reserve,
    operations: [RESERVE, CHANGE_SETTINGS],
  },
];
