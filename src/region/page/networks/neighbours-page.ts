// The hosts that racks heard and that are not machines: by name and address, with where and when; a
// scan, and forgetting them.

import { formatMac, parseIpv4 } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { heard, readField } from '../../api/networks/discovery-operations.ts';
import { subnetOfAddress } from '../../networks/network-view.ts';
import type { HeardHost } from '../../records/store.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { buildListing } from '../frame/listing.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { copyable, none, orNone, timeAgo } from '../frame/values.ts';
import { fieldValue, mayCall, type Outcome, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { NETWORKS_PATH, subnetPath } from './networks-page.ts';

const PATH = `${NETWORKS_PATH}neighbours/`;
const SCAN = 'POST discovery scan';
const CLEAR = 'POST discovery clear';
const FORGET = 'POST discovery clear_by_mac_and_ip';

const formatSearchText = (host: HeardHost): string =>
  [readField(host, 'address'), readField(host, 'hostname'), formatMac(host.mac)].join(' ');

function button(view: View, what: string, label: string, more: readonly Html[] = []): Html {
  if (!mayCall(view.viewer, CLEAR)) return nothing;
  return renderForm(view, { body: [hiddenField('do', what), ...more], submit: label, tone: 'plain', isInline: true });
}

function renderNeighbourRow(view: View, host: HeardHost): Html {
  const { columns } = words.neighbours;
  const { mac, event, firstMs } = host;
  const ip = readField(host, 'address');
  const address = parseIpv4(ip);
  const subnet = address === undefined ? undefined : subnetOfAddress(view.region.networks.known, address)?.subnet;
  const rack = event.rack ?? view.region.config().ownRack?.name ?? '';
  const heardBy = [rack, readField(host, 'interface')].filter((text) => text !== '').join(' · ');
  const forget = button(view, 'forget', words.networks.forget, [
    hiddenField('ip', ip),
    hiddenField('mac', formatMac(mac)),
  ]);
  return html`
    <tr><td class="first"><div><div>${copyable(ip)}</div><div>${orNone(readField(host, 'hostname'))}</div></div></td>
    ${cell(words.networks.columns.mac, copyable(formatMac(mac)))}
    ${cell(columns.subnet, subnet === undefined ? none : html`<a href="${subnetPath(subnet.id)}">${subnet.cidr}</a>`)}
    ${cell(columns.rack, orNone(heardBy))}
    ${cell(columns.seen, timeAgo(event.atMs, view.nowMs))}
    ${cell(columns.first, timeAgo(firstMs, view.nowMs), 'nearer')}
    ${cell('', html`<div class="acts">${forget}</div>`, 'way')}</tr>`;
}

async function renderNeighbours(view: View): Promise<Html> {
  const { title, lead, empty, columns, scan, clear } = words.neighbours;
  const hosts = await heard(view);
  const { shown, search, pages } = buildListing(view, hosts, formatSearchText);
  const head = [
    columns.host,
    words.networks.columns.mac,
    columns.subnet,
    columns.rack,
    columns.seen,
    columns.first,
    '',
  ];
  const table =
    hosts.length === 0
      ? html`<div class="sheet empty"><b>${empty.title}</b><span class="soft">${empty.hint}</span></div>`
      : html`<div class="sheet"><table class="plain"><thead><tr>${head.map((text) => html`<th>${text}</th>`)}</tr></thead><tbody>${shown.map((host) => renderNeighbourRow(view, host))}</tbody></table></div>`;
  return renderFullPage(view, {
    title,
    place: 'networks',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${title}</h1><div class="row">${button(view, 'scan', scan)}${hosts.length === 0 ? nothing : button(view, 'clear', clear)}</div></div>
      <p id="lead" class="soft">${lead}</p><div id="search">${search}</div><div id="hosts">${table}${pages}</div>`,
  });
}

async function actOnNeighbour(view: View): Promise<Outcome> {
  const [ip, mac] = [fieldValue(view, 'ip'), fieldValue(view, 'mac')];
  switch (fieldValue(view, 'do')) {
    case 'scan':
      return submit(view, SCAN, {}, { force: 'true' }, PATH, words.neighbours.scanned);
    case 'clear':
      return submit(view, CLEAR, {}, { all: 'true' }, PATH, words.neighbours.cleared);
    case 'forget':
      return submit(view, FORGET, {}, { ip, mac }, PATH, words.networks.forgotten(ip));
    default:
      return undefined;
  }
}

export const NEIGHBOURS_PAGE: PageDefinition = {
  path: PATH,
  access: 'user',
  render: renderNeighbours,
  act: actOnNeighbour,
  operations: [SCAN, CLEAR, FORGET],
};
