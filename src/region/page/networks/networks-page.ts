// All networks in one table: fabrics, their VLANs and subnets, who offers DHCP there, and how full
// the ranges are.
//
// 1. Everything is read with a fixed number of statements, however many subnets there are.
// 2. However often live pages refresh, reading which addresses are taken uses a fiftieth of the time at most.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Ipv4Range, ipv4, parseIpv4, rangeSize } from '../../../ground/address.ts';
import { type Instant, later } from '../../../ground/clock.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { runningLeases } from '../../api/networks/running-leases.ts';
import { hostRange } from '../../networks/address-use.ts';
import { type NetworkView, type SubnetView, subnetOfAddress, type VlanView } from '../../networks/network-view.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import type { ClusterInterface } from '../../racks/cluster-interface.ts';
import type { Region } from '../../region.ts';
import { hostPlaces, placeLink } from '../frame/host-places.ts';
import { buildListing } from '../frame/listing.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { mayCall, type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { ADDRESSES_MAX } from './subnet-addresses.ts';

export const NETWORKS_PATH = '/MAAS/networks/';
export const subnetPath = (id: number): string => `${NETWORKS_PATH}subnets/${id}/`;
export const vlanPath = (id: number): string => `${NETWORKS_PATH}vlans/${id}/`;
export const interfacePath = ({ rack, name }: Pick<ServedNetwork, 'rack' | 'name'>): string =>
  `${NETWORKS_PATH}interfaces/${rack}/${encodeURIComponent(name)}/`;

const SHOWN_MAX = 300;
/** A range is nearly full from this share on. */
const NEARLY_FULL = 0.9;
/**
 * For this many times as long as the reading of all taken addresses took, they are used again: some
 * 6 s with 10 000 machines and 10 000 leases.
 */
const REUSED_SHARE = 50;
const EVERYTHING: Ipv4Range = { low: ipv4(0), high: ipv4(0xffff_ffff) };

/** The addresses of machines, devices and leases. */
async function readTaken(region: Region): Promise<readonly number[]> {
  const { store, clock } = region;
  const { low, high } = EVERYTHING;
  const used = await store.networks.usedBetween(low, high, 4 * ADDRESSES_MAX);
  await nextTurn();
  const leased = await store.networks.leasedBetween(low, high, clock.wallTimeMs());
  const all = [...used.filter(({ isEnded }) => !isEnded), ...leased, ...(await runningLeases(region))];
  return all.map(({ address }) => address);
}

interface Taken {
  readonly addresses: readonly number[];
  readonly until: Instant;
}

const read = new WeakMap<Region, Taken>();

/** The addresses that somebody has, in order, each once. */
async function takenAddresses(region: Region, { records }: NetworkView): Promise<readonly number[]> {
  const { clock } = region;
  const begunAt = clock.now();
  let taken = read.get(region);
  if (taken === undefined || taken.until <= begunAt) {
    const addresses = await readTaken(region);
    const endedAt = clock.now();
    taken = { addresses, until: later(endedAt, REUSED_SHARE * (endedAt - begunAt)) };
    read.set(region, taken);
  }
  const all = [...taken.addresses, ...records.reserved.map(({ address }) => address)];
  return [...new Set<number>(all)].sort((a, b) => a - b);
}

function countIn(taken: readonly number[], { low, high }: Ipv4Range): number {
  const firstFrom = (wanted: number) => {
    let [from, to] = [0, taken.length];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if ((taken[middle] ?? 0) < wanted) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  return firstFrom(high + 1) - firstFrom(low);
}

/** How many of how many addresses are taken. */
function useBar(label: string, taken: number, total: number): Html {
  const tone = taken >= total * NEARLY_FULL ? html` class="full"` : nothing;
  return html`<div class="use"><span class="small">${words.networks.use(label, taken, total)}</span>
    <progress${tone} value="${taken}" max="${Math.max(1, total)}" aria-label="${label}"></progress></div>`;
}

/**
 * The ranges that are nearly full: of each the network, the kind, and how many of how many
 * addresses are taken.
 */
export async function findNearlyFull(region: Region): Promise<readonly FilledRange[]> {
  const view = await region.networks.look();
  const ranges = view.ranges.filter(({ type }) => type !== 'reserved');
  if (ranges.length === 0) return [];
  const taken = await takenAddresses(region, view);
  return ranges
    .map(({ low, high, type, range }) => ({
      subnet: view.subnets.find(({ subnet }) => subnet.id === range.subnetId),
      type,
      taken: countIn(taken, { low, high }),
      total: rangeSize({ low, high }),
    }))
    .filter(({ taken, total }) => taken >= total * NEARLY_FULL);
}

interface FilledRange {
  readonly subnet: SubnetView | undefined;
  readonly type: NetworkView['ranges'][number]['type'];
  readonly taken: number;
  readonly total: number;
}

export function renderUse(view: NetworkView, { subnet, network }: SubnetView, taken: readonly number[]): Part {
  const ranges = view.ranges.filter(({ range, type }) => range.subnetId === subnet.id && type !== 'reserved');
  if (ranges.length === 0) {
    const all = hostRange(network);
    return useBar(words.networks.wholeSubnet, countIn(taken, all), rangeSize(all));
  }
  return ranges.map((range) => useBar(words.networks.rangeTypes[range.type], countIn(taken, range), rangeSize(range)));
}

export function servicePill({ management, isProxy }: Pick<ClusterInterface, 'management' | 'isProxy'>): Html {
  const { off, proxy, both, on } = words.networks.dhcp;
  if (management === 0) return html`<span class="pill grey">${off}</span>`;
  return html`<span class="pill green">${isProxy ? proxy : management === 2 ? both : on}</span>`;
}

/** Who offers DHCP in a subnet, how it reaches it, and another server that a rack saw there. */
export function renderDhcp({ served }: Pick<SubnetView, 'served'>): Part {
  if (served.length === 0) return html`<span class="pill grey">${words.networks.dhcp.none}</span>`;
  return served.map((service) => {
    const way = service.address === undefined ? words.networks.dhcp.relayed : service.name;
    const foreign =
      service.foreignServer === undefined
        ? nothing
        : html`<div class="why">${words.networks.dhcp.foreign(service.foreignServer)}</div>`;
    return html`<div>${servicePill(service)} <span class="small">${service.rackName} · ${way}</span>${foreign}</div>`;
  });
}

/** Leads an administrator to the form that enables DHCP in a subnet, or that changes it. */
export function dhcpLink({ subnet, served }: SubnetView): Html {
  const [first] = served;
  if (first === undefined)
    return html`<a class="button primary" href="${NETWORKS_PATH}interfaces/add/?subnet=${subnet.id}">${words.networks.enable}</a>`;
  return served.some(({ management }) => management > 0)
    ? html`<a class="button plain" href="${interfacePath(first)}">${words.networks.configure}</a>`
    : html`<a class="button primary" href="${interfacePath(first)}?enable=yes">${words.networks.enable}</a>`;
}

export const vlanName = ({ vlan }: VlanView): string => words.networks.vlan(vlan.vid, vlan.name);

function vlanCell({ vlan, space, mtu }: VlanView, view: VlanView, isFirst: boolean): Html {
  if (!isFirst) return cell(words.networks.columns.vlan, nothing, 'nearer');
  const more = [space === undefined ? '' : words.networks.inSpace(space.name), words.networks.mtu(mtu)];
  return cell(
    words.networks.columns.vlan,
    html`<a href="${vlanPath(vlan.id)}">${vlanName(view)}</a><div class="small">${more.filter((text) => text !== '').join(' · ')}</div>`,
  );
}

function subnetRow(view: NetworkView, one: SubnetView, taken: readonly number[], isFirst: boolean): Html {
  const { columns } = words.networks;
  const { subnet, vlan } = one;
  const name = subnet.name === subnet.cidr ? nothing : html`<div class="small">${subnet.name}</div>`;
  return html`
    <tr>${vlanCell(vlan, vlan, isFirst)}
    ${cell(columns.subnet, html`<a class="name" href="${subnetPath(subnet.id)}">${subnet.cidr}</a>${name}`)}
    ${cell(columns.dhcp, renderDhcp(one))}
    ${cell(columns.use, renderUse(view, one, taken))}</tr>`;
}

function vlanRows(
  view: NetworkView,
  vlan: VlanView,
  subnets: readonly SubnetView[],
  taken: readonly number[],
): readonly Html[] {
  if (subnets.length > 0) return subnets.map((subnet, index) => subnetRow(view, subnet, taken, index === 0));
  return [
    html`<tr>${vlanCell(vlan, vlan, true)}<td colspan="3"><span class="soft">${words.networks.noSubnet}</span></td></tr>`,
  ];
}

function renderTable(
  view: NetworkView,
  subnets: readonly SubnetView[],
  isNarrowed: boolean,
  taken: readonly number[],
): Html {
  const { columns } = words.networks;
  const head = [columns.vlan, columns.subnet, columns.dhcp, columns.use].map((text) => html`<th>${text}</th>`);
  const ofVlan = Map.groupBy(subnets, ({ vlan }) => vlan.vlan.id);
  const vlansByFabric = Map.groupBy(view.vlans, ({ fabric }) => fabric.id);
  const groups = view.records.fabrics.map((fabric) => {
    const vlans = (vlansByFabric.get(fabric.id) ?? []).filter(({ vlan }) => !isNarrowed || ofVlan.has(vlan.id));
    if (vlans.length === 0) return nothing;
    const rows = vlans.slice(0, SHOWN_MAX).map((vlan) => vlanRows(view, vlan, ofVlan.get(vlan.vlan.id) ?? [], taken));
    return html`<tbody><tr class="group"><th colspan="4" scope="rowgroup"><a href="${NETWORKS_PATH}fabrics/${fabric.id}/">${fabric.name}</a></th></tr>${rows.flat()}</tbody>`;
  });
  return html`<div class="sheet"><table class="networks"><thead><tr>${head}</tr></thead>${groups}</table></div>`;
}

/** What a subnet is found by: its names and those around it, or an address in it. */
function searchedIn(view: NetworkView, { subnet, vlan, served }: SubnetView, wanted: string): string {
  const address = parseIpv4(wanted);
  if (address !== undefined) return subnetOfAddress(view, address)?.subnet.id === subnet.id ? wanted : '';
  const names = [subnet.cidr, subnet.name, vlan.fabric.name, vlanName(vlan), vlan.space?.name ?? ''];
  return [...names, ...served.flatMap(({ rackName, name }) => [rackName, name])].join(' ');
}

/** The networks of racks' hosts that no rack serves. */
function unservedPart({ region }: View, networks: NetworkView): Html {
  const places = region.racks
    .accepted()
    .flatMap(hostPlaces)
    .filter(({ ip }) => {
      const address = parseIpv4(ip);
      return address !== undefined && (subnetOfAddress(networks, address)?.served.length ?? 0) === 0;
    })
    .slice(0, SHOWN_MAX);
  if (places.length === 0) return nothing;
  const items = places.map((place) => placeLink(`${NETWORKS_PATH}interfaces/add/`, place));
  return html`<h2>${words.networks.unserved}</h2><div class="sheet">${items}</div>`;
}

async function renderNetworks(view: View): Promise<Html> {
  const { region } = view;
  const networks = await region.networks.look();
  const taken = await takenAddresses(region, networks);
  const wanted = queryValue(view, 'q').trim();
  const { shown, search, pages } = buildListing(view, networks.subnets, (subnet) =>
    searchedIn(networks, subnet, wanted),
  );
  const isAdmin = mayCall(view.viewer, 'POST subnets');
  const table =
    networks.subnets.length === 0
      ? html`<div class="sheet empty"><b>${words.networks.empty.title}</b><span class="soft">${words.networks.empty.hint}</span></div>`
      : renderTable(networks, shown, shown.length < networks.subnets.length, taken);
  const { networkObjects: objects } = words;
  const ways = [
    ['subnets/', objects.subnets.title],
    ['ranges/', objects.ranges.title],
    ['fabrics/', objects.fabrics.title],
    ['spaces/', objects.spaces.title],
    ['routes/', objects.routes.title],
    ['neighbours/', words.neighbours.title],
    ...(isAdmin ? ([['interfaces/', words.interfaces.title]] as const) : []),
  ] as const;
  return renderFullPage(view, {
    title: words.networks.title,
    place: 'networks',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${words.networks.title}</h1></div>
      <div id="search">${search}</div><div id="networks">${table}${pages}</div>
      <div id="unserved">${isAdmin ? unservedPart(view, networks) : nothing}</div>
      <div id="ways" class="buttons">${ways.map(([path, name]) => html`<a class="button plain" href="${NETWORKS_PATH}${path}">${name}</a>`)}</div>`,
  });
}

export const NETWORKS_PAGE: PageDefinition = { path: NETWORKS_PATH, access: 'user', render: renderNetworks };
