// The pages that make, change and delete subnets, ranges, static routes, fabrics and spaces, made
// of their operations.

import { formatIpv4 } from '../../../ground/address.ts';
import { type Html, html } from '../../../ground/html.ts';
import { subnetWithId } from '../../networks/network-view.ts';
import type { Choice } from '../frame/forms.ts';
import { type ApiObject, getPropertyText, objectPages } from '../frame/object-pages.ts';
import { type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { buildAddressRuns } from './address-map.ts';
import { NETWORKS_PATH, subnetPath, vlanName, vlanPath } from './networks-page.ts';
import { listAddressUses, proposeRanges, readEntries } from './subnet-addresses.ts';

/** The id of the object that is the value of a property. */
const idIn = (object: ApiObject, name: string): string => getPropertyText(Object(object[name]), 'id');

const getNestedName = (object: ApiObject, name: string, of = 'name'): string =>
  getPropertyText(Object(object[name]), of);

async function vlanChoices({ region }: View): Promise<readonly Choice[]> {
  const { vlans } = await region.networks.look();
  return vlans.map((vlanView) => [String(vlanView.vlan.id), `${vlanView.fabric.name} · ${vlanName(vlanView)}`]);
}

async function subnetChoices({ region }: View): Promise<readonly Choice[]> {
  const { subnets } = await region.networks.look();
  return subnets.map(({ subnet }) => [
    String(subnet.id),
    subnet.name === subnet.cidr ? subnet.cidr : `${subnet.cidr} (${subnet.name})`,
  ]);
}

const SUBNET_FIELDS = ['cidr', 'name', 'description', 'vlan', 'gateway_ip', 'dns_servers', 'allow_dns'];

const SUBNETS = objectPages({
  path: `${NETWORKS_PATH}subnets/`,
  place: 'networks',
  many: 'subnets',
  one: 'subnets/{id}',
  words: () => words.networkObjects.subnets,
  nameOf: (subnet) => getPropertyText(subnet, 'cidr'),
  nameLabel: () => words.networks.columns.subnet,
  keyOf: (subnet) => getPropertyText(subnet, 'id'),
  formsAt: 'edit/',
  home: (subnet) => subnetPath(Number(getPropertyText(subnet, 'id'))),
  columns: () => [
    { label: words.forms.name, content: (subnet) => getPropertyText(subnet, 'name') },
    {
      label: words.networks.columns.vlan,
      content: (subnet) => `${getNestedName(subnet, 'vlan', 'fabric')} · ${getNestedName(subnet, 'vlan', 'vid')}`,
    },
    { label: words.networks.facts.space, content: (subnet) => spaceName(getPropertyText(subnet, 'space')) },
  ],
  add: async (view) => ({
    only: SUBNET_FIELDS.slice(0, -1),
    choices: { vlan: await vlanChoices(view) },
    values: { vlan: queryValue(view, 'vlan') },
  }),
  change: async (view, subnet) => ({
    only: SUBNET_FIELDS,
    choices: { vlan: await vlanChoices(view) },
    values: { ...subnet, vlan: idIn(subnet, 'vlan') },
  }),
  deletion: () => ({ text: words.networkObjects.subnets.loss }),
});

/** A free range of a subnet, for one that is added. @param id empty: none is chosen */
async function freeRange(view: View, id: string): Promise<ApiObject> {
  const networks = await view.region.networks.look();
  const subnetView = id === '' ? undefined : subnetWithId(networks, Number(id));
  if (subnetView === undefined) return {};
  const runs = buildAddressRuns(
    subnetView.network,
    listAddressUses(networks, subnetView, await readEntries(view.region, networks, subnetView)),
  );
  const { dynamic } = proposeRanges(runs);
  return dynamic === undefined ? {} : { start_ip: formatIpv4(dynamic.low), end_ip: formatIpv4(dynamic.high) };
}

const RANGES = objectPages({
  path: `${NETWORKS_PATH}ranges/`,
  place: 'networks',
  many: 'ipranges',
  one: 'ipranges/{id}',
  words: () => words.networkObjects.ranges,
  nameOf: (range) => `${getPropertyText(range, 'start_ip')} – ${getPropertyText(range, 'end_ip')}`,
  keyOf: (range) => getPropertyText(range, 'id'),
  home: (range) => subnetPath(Number(idIn(range, 'subnet'))),
  columns: () => [
    { label: words.networks.columns.kind, content: (range) => typeName(getPropertyText(range, 'type')) },
    { label: words.networks.columns.subnet, content: (range) => getNestedName(range, 'subnet', 'cidr') },
    { label: words.networkObjects.ranges.user, content: (range) => getNestedName(range, 'user', 'username') },
    { label: words.networkObjects.comment, content: (range) => getPropertyText(range, 'comment') },
  ],
  add: async (view) => {
    const subnet = queryValue(view, 'subnet');
    const types = view.viewer.isAdmin ? (['dynamic', 'static', 'reserved'] as const) : (['reserved'] as const);
    return {
      only: ['type', 'subnet', 'start_ip', 'end_ip', 'comment'],
      choices: { type: types.map((type): Choice => [type, typeName(type)]), subnet: await subnetChoices(view) },
      values: { subnet, ...(await freeRange(view, subnet)) },
    };
  },
  change: () => ({ only: ['start_ip', 'end_ip', 'comment'] }),
  deletion: (_view, range) => ({
    text: words.networkObjects.ranges.loss(getPropertyText(range, 'type') === 'reserved'),
  }),
});

const typeName = (type: string): string => {
  const { rangeTypes } = words.networks;
  return type === 'dynamic' || type === 'static' || type === 'reserved' ? rangeTypes[type] : type;
};

const ROUTES = objectPages({
  path: `${NETWORKS_PATH}routes/`,
  place: 'networks',
  many: 'static-routes',
  one: 'static-routes/{id}',
  words: () => words.networkObjects.routes,
  nameOf: (route) => `${getNestedName(route, 'source', 'cidr')} → ${getNestedName(route, 'destination', 'cidr')}`,
  keyOf: (route) => getPropertyText(route, 'id'),
  home: (route) => subnetPath(Number(idIn(route, 'source'))),
  columns: () => [
    { label: words.networks.facts.router, content: (route) => getPropertyText(route, 'gateway_ip') },
    { label: words.networkObjects.routes.metric, content: (route) => getPropertyText(route, 'metric') },
  ],
  add: async (view) => {
    const choices = await subnetChoices(view);
    return { choices: { source: choices, destination: choices }, values: { source: queryValue(view, 'source') } };
  },
  change: async (view, route) => {
    const choices = await subnetChoices(view);
    const ends = { source: idIn(route, 'source'), destination: idIn(route, 'destination') };
    return { choices: { source: choices, destination: choices }, values: { ...route, ...ends } };
  },
  deletion: () => ({ text: words.networkObjects.routes.loss }),
});

function renderVlans(fabric: ApiObject): Html {
  const vlans = Array.isArray(fabric.vlans) ? fabric.vlans.map(Object) : [];
  const items = vlans.map(
    (vlan) =>
      html`<div class="list-item"><div><a class="name" href="${vlanPath(Number(getPropertyText(vlan, 'id')))}">${words.networks.vlan(Number(getPropertyText(vlan, 'vid')), getPropertyText(vlan, 'name'))}</a></div></div>`,
  );
  return html`
    <div class="bar"><h2>${words.networkObjects.vlans.title}</h2>
    <a class="button plain" href="${NETWORKS_PATH}vlans/?fabric=${getPropertyText(fabric, 'id')}">${words.networkObjects.vlans.add}</a></div><div class="sheet narrow">${items}</div>`;
}

const FABRICS = objectPages({
  path: `${NETWORKS_PATH}fabrics/`,
  place: 'networks',
  many: 'fabrics',
  one: 'fabrics/{id}',
  words: () => words.networkObjects.fabrics,
  nameOf: (fabric) => getPropertyText(fabric, 'name'),
  keyOf: (fabric) => getPropertyText(fabric, 'id'),
  columns: () => [
    {
      label: words.networkObjects.vlans.title,
      content: (fabric) => (Array.isArray(fabric.vlans) ? fabric.vlans.length : 0),
    },
    { label: words.forms.description, content: (fabric) => getPropertyText(fabric, 'description') },
  ],
  add: () => ({}),
  change: () => ({}),
  content: (_view, fabric) => renderVlans(fabric),
  deletion: () => ({ text: words.networkObjects.fabrics.loss }),
});

/** The API calls the space of VLANs that are in none `undefined`, a name that no space can have. */
function spaceName(name: string): string {
  return name === 'undefined' ? words.networkObjects.spaces.none : name;
}

const SPACES = objectPages({
  path: `${NETWORKS_PATH}spaces/`,
  place: 'networks',
  many: 'spaces',
  one: 'spaces/{id}',
  words: () => words.networkObjects.spaces,
  nameOf: (space) => spaceName(getPropertyText(space, 'name')),
  keyOf: (space) => getPropertyText(space, 'id'),
  columns: () => [
    {
      label: words.networkObjects.subnets.title,
      content: ({ subnets }) =>
        Array.isArray(subnets) ? subnets.map((subnet) => getPropertyText(Object(subnet), 'cidr')).join(', ') : '',
    },
    { label: words.forms.description, content: (space) => getPropertyText(space, 'description') },
  ],
  add: () => ({}),
  change: (_view, space) => (getPropertyText(space, 'id') === '-1' ? undefined : {}),
  deletion: (_view, space) =>
    getPropertyText(space, 'id') === '-1'
      ? { text: words.networkObjects.spaces.isNone, isRefused: true }
      : { text: words.networkObjects.spaces.loss },
});

export const NETWORK_OBJECT_PAGES: readonly PageDefinition[] = [
  ...SUBNETS,
  ...RANGES,
  ...ROUTES,
  ...FABRICS,
  ...SPACES,
];
