// The pages of DNS: the domains with the upstream servers, the names of a domain and where each
// comes from, and forms for records.
//
//   dns.records (settings) ─┬─► records, which the forms change
//   ipaddresses, hosts ─────┤   names of reserved addresses
//   leases ─────────────────┤   names that hosts give themselves
//   machines, devices ──────┘   in pages of the store, which may have very many
//
// 1. A name of the settings that a file has is shown with the file, and has no form.
// 2. A rack serves a name of a lease only while nothing above it in this list has the name (`dns/claims.ts`).

import { formatIpv4, type Ipv4 } from '../../../ground/address.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import {
  currentDomainIds,
  currentDomains,
  currentRecords,
  findLongestDomain,
  type NamedRecord,
  reservedRecords,
  splitQualifiedName,
} from '../../api/names/dns-records.ts';
import { runningLeases } from '../../api/networks/running-leases.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { subnetOfAddress } from '../../networks/network-view.ts';
import { configuredHosts } from '../../racks/rack-networks.ts';
import { machineFqdn } from '../../records/machine.ts';
import type { Region } from '../../region.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { buildListing } from '../frame/listing.ts';
import { type ApiObject, getPropertyText, objectPages } from '../frame/object-pages.ts';
import { collectFormValues, type FormOptions, renderControls } from '../frame/operation-form.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { codeIn, copyable, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  fieldValue,
  mayCall,
  type Outcome,
  operate,
  type PageDefinition,
  queryValue,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { devicePath, machinePath } from '../machines/machine-actions.ts';
import { listUpstreams } from './upstreams.ts';

const PATH = '/MAAS/dns/';
const RECORDS = 'dns.records';
const ADD = 'POST dnsresourcerecords';
const CHANGE = 'PUT dnsresourcerecords/{id}';
const REMOVE = 'DELETE dnsresourcerecords/{id}';
const SET_DEFAULT = 'POST domains/{id} set_default';
const FIELDS = ['name', 'rrtype', 'rrdata', 'ttl'] as const;

/** The machines and devices of one page. */
const MACHINES_MAX = 100;

type Origin = keyof typeof words.dns.origins;

/** One record that racks serve. */
interface ServedName {
  readonly name: string;
  readonly type: string;
  readonly data: string;
  /** Seconds; `undefined`: the server's own. */
  readonly ttl: number | undefined;
  readonly origin: Origin;
  /** The page where it is changed; empty: there is none. */
  readonly to: string;
}

const domainPath = (id: number | string) => `${PATH}${id}/`;
const recordPath = (domain: string, { id }: NamedRecord) => `${domainPath(domain)}records/${id}/`;

const filePin = ({ region }: Pick<View, 'region'>) => region.settings.pinnedBy(RECORDS, '');

/** The names of a domain that are in memory, sorted. */
function listServedNames(view: View, domain: string, id: string): readonly ServedName[] {
  const { region } = view;
  const domains = currentDomains(view);
  const isThere = ({ name }: { readonly name: string }) => findLongestDomain(domains, name) === domain;
  const isPinned = filePin(view) !== undefined;
  const origin = isPinned ? 'file' : 'record';
  const records = currentRecords(view)
    .filter(isThere)
    .map((record): ServedName => ({ ...record, origin, to: isPinned ? '' : recordPath(id, record) }));
  const reserved = reservedRecords(view)
    .filter(isThere)
    .map((record): ServedName => ({ ...record, origin: 'reserved', to: '' }));
  const hosts = configuredHosts(region.racks.list())
    .flatMap(({ hostname, address }) =>
      hostname === undefined || address === undefined ? [] : [hostName(region, hostname, address, 'host')],
    )
    .filter(isThere);
  return [...records, ...reserved, ...hosts].toSorted((a, b) => a.name.localeCompare(b.name));
}

/** The name of a host in the domain of its network. */
function hostName(region: Region, hostname: string, address: Ipv4, origin: Origin): ServedName {
  const [byDefault] = currentDomains({ region });
  const subnet = subnetOfAddress(region.networks.known, address);
  const domains = (subnet?.served ?? []).map(
    ({ rack, name }) => region.settings.interfacesOf(rack).find((entry) => entry.name === name)?.domain,
  );
  const domain = domains.find((domain) => typeof domain === 'string') ?? byDefault;
  return {
    name: `${hostname}.${domain}`.toLowerCase(),
    type: 'A',
    data: formatIpv4(address),
    ttl: undefined,
    origin,
    to: '',
  };
}

async function leasedNames(view: View, domain: string): Promise<readonly ServedName[]> {
  const domains = currentDomains(view);
  return (await runningLeases(view.region))
    .filter(({ hostname }) => hostname !== '')
    .map(({ hostname, address }) => hostName(view.region, hostname, address, 'lease'))
    .filter(({ name }) => findLongestDomain(domains, name) === domain);
}

interface NamePage {
  readonly names: readonly ServedName[];
  readonly search: Html;
  readonly pages: Html;
}

/**
 * Machines and devices in the order of the store, from the one after `after` on; a search finds one
 * by its name.
 */
async function listMachineNames(view: View, domain: string): Promise<NamePage> {
  const { region } = view;
  const wanted = queryValue(view, 'q').trim().toLowerCase().split('.')[0] ?? '';
  const after = Math.max(0, Math.trunc(Number(queryValue(view, 'after'))) || 0);
  const filter = {
    domains: [domain],
    isDevice: 'either',
    hostnames: wanted === '' ? undefined : [wanted],
  } as const;
  const machines = await region.store.listMachines(filter, after, MACHINES_MAX);
  const where = readPlacement(region);
  const names = machines.flatMap((machine): readonly ServedName[] =>
    where.addressesOf(machine).map((address) => ({
      name: machineFqdn(machine),
      type: 'A',
      data: formatIpv4(address),
      ttl: undefined,
      origin: machine.device === undefined ? 'machine' : 'device',
      to: machine.device === undefined ? machinePath(machine.systemId) : devicePath(machine.systemId),
    })),
  );
  const last = machines.length < MACHINES_MAX ? undefined : machines.at(-1);
  const first =
    after === 0 ? nothing : html`<a class="button plain small-button" href="?from=machines">${words.dns.first}</a>`;
  const next =
    last === undefined
      ? nothing
      : html`<a class="button plain small-button" href="?from=machines&amp;after=${last.id}">${words.listing.next}</a>`;
  return {
    names,
    search: html`
      <form class="filters" role="search"><input type="hidden" name="from" value="machines">
      <input name="q" type="search" value="${wanted}" aria-label="${words.dns.wholeName}" placeholder="${words.dns.wholeName}">
      <button class="button plain">${words.listing.find}</button></form>`,
    pages: html`<div class="row">${first}${next}</div>`,
  };
}

function namesTable(names: readonly ServedName[], domain: string) {
  const { columns, origins } = words.dns;
  const rows = names.map(({ name, type, data, ttl, origin, to }) => {
    const short = name === domain ? '@' : name.slice(0, -domain.length - 1);
    const label: Part = to === '' ? short : html`<a href="${to}">${short}</a>`;
    return html`
      <tr><td class="first"><div class="name" title="${name}">${label}</div></td>${cell(columns.type, type)}
      ${cell(columns.data, html`<div class="break">${copyable(data)}</div>`)}${cell(columns.ttl, ttl ?? '')}
      ${cell(columns.origin, origins[origin])}</tr>`;
  });
  const head = [words.forms.name, columns.type, columns.data, columns.ttl, columns.origin];
  return html`<div class="sheet"><table class="plain"><thead><tr>${head.map((label) => html`<th>${label}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

const TABS = ['records', 'machines', 'leases'] as const;

/** The names of a domain, by where they come from. */
async function domainContent(view: View, object: ApiObject): Promise<Html> {
  const { region, viewer } = view;
  await region.networks.look();
  const [domain, id] = [getPropertyText(object, 'name'), getPropertyText(object, 'id')];
  const names = listServedNames(view, domain, id);
  const leased = await leasedNames(view, domain);
  const machines = await region.store.countMachines({ domains: [domain], isDevice: 'either' });
  const counts = { records: names.length, machines, leases: leased.length };
  const chosen = TABS.find((tab) => tab === queryValue(view, 'from')) ?? 'records';
  const tabs = TABS.map(
    (tab) =>
      html`<a href="${tab === 'records' ? domainPath(id) : `?from=${tab}`}"${tab === chosen ? html` aria-current="page"` : nothing}>${words.dns.tabs[tab]} <span class="soft">${counts[tab]}</span></a>`,
  );
  const page =
    chosen === 'machines'
      ? await listMachineNames(view, domain)
      : inMemory(view, chosen, chosen === 'leases' ? leased : names);
  const table =
    page.names.length === 0
      ? html`<div class="sheet empty soft">${words.dns.none[chosen]}</div>`
      : namesTable(page.names, domain);
  const pin = filePin(view);
  const add =
    pin !== undefined
      ? html`<p class="small">${words.settings.setIn(words.settings.writtenIn({ key: RECORDS, pin }))}</p>`
      : mayCall(viewer, ADD)
        ? html`<a class="button primary" href="${domainPath(id)}add/">${words.dns.addOne}</a>`
        : nothing;
  return html`
    <nav class="tabs" aria-label="${words.dns.names}">${tabs}</nav>${page.search}${table}${page.pages}
    <div class="buttons">${chosen === 'records' ? add : nothing}${defaultForm(view, object)}</div>`;
}

function inMemory(view: View, from: string, all: readonly ServedName[]): NamePage {
  const { shown, search, pages } = buildListing(view, all, ({ name }) => name, { from });
  return { names: shown, search, pages };
}

const isDefault = (object: ApiObject) => object.is_default === true;

const defaultForm = (view: View, object: ApiObject) =>
  isDefault(object) || !mayCall(view.viewer, SET_DEFAULT)
    ? nothing
    : renderForm(view, {
        body: hiddenField('do', 'default'),
        submit: words.dns.makeDefault,
        tone: 'plain',
        isInline: true,
      });

/** What the domain still has: a domain with names is not deleted. */
async function contentCount(view: View, object: ApiObject) {
  const domain = getPropertyText(object, 'name');
  const machines = await view.region.store.countMachines({ domains: [domain], isDevice: 'either' });
  const held = [...currentRecords(view), ...reservedRecords(view)];
  return machines + held.filter(({ name }) => findLongestDomain(currentDomains(view), name) === domain).length;
}

function upstreamPart({ region, nowMs, viewer }: View): Html {
  const { upstreams, columns } = words.dns;
  const rows = listUpstreams(region).map(({ server, domain, failed }) => {
    const state =
      failed.length === 0
        ? html`<span class="pill green">${upstreams.answers}</span>`
        : failed.map(
            ({ rack, sinceMs }) =>
              html`<div><span class="pill red">${upstreams.fails}</span> <span class="small">${timeAgo(sinceMs, nowMs, (ago) => upstreams.since(rack, ago))}</span></div>`,
          );
    return html`
      <tr><td class="first"><div class="name">${copyable(server)}</div></td>${cell(upstreams.asked, domain === '' ? upstreams.others : domain)}
      ${cell(columns.state, html`${state}`)}</tr>`;
  });
  const head = [upstreams.server, upstreams.asked, columns.state].map((label) => html`<th>${label}</th>`);
  const table =
    rows.length === 0
      ? html`<div class="sheet empty soft">${upstreams.empty}</div>`
      : html`<div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  const settings = viewer.isAdmin
    ? html`<p class="small"><a href="/MAAS/settings/#dns">${upstreams.settings}</a></p>`
    : nothing;
  return html`<h2>${upstreams.title}</h2>${table}${settings}`;
}

const DOMAIN_PAGES = objectPages({
  path: PATH,
  place: 'dns',
  many: 'domains',
  one: 'domains/{id}',
  words: () => words.dns.domains,
  nameOf: (domain) => getPropertyText(domain, 'name'),
  keyOf: (domain) => getPropertyText(domain, 'id'),
  columns: () => [
    { label: words.dns.columns.records, content: (domain) => getPropertyText(domain, 'resource_record_count') },
    {
      label: words.dns.columns.use,
      content: (domain) => (isDefault(domain) ? html`<span class="pill blue">${words.dns.isDefault}</span>` : ''),
    },
  ],
  add: () => ({ only: ['name'] }),
  change: (_view, domain) => (isDefault(domain) ? undefined : { only: ['name'] }),
  async deletion(view, domain) {
    if (isDefault(domain)) return { text: words.dns.domains.isDefault, isRefused: true };
    const count = await contentCount(view, domain);
    return { text: words.dns.domains.loss(count), isRefused: count > 0 };
  },
  content: domainContent,
  listContent: upstreamPart,
  acts: {
    default: (view, domain) =>
      submit(
        view,
        SET_DEFAULT,
        { id: getPropertyText(domain, 'id') },
        {},
        PATH,
        words.dns.madeDefault(getPropertyText(domain, 'name')),
      ),
  },
  actOperations: [SET_DEFAULT],
});

const findDomain = (view: View) => [...currentDomainIds(view)].find(([, id]) => String(id) === view.path.id)?.[0];

async function findRecord(view: View) {
  await view.region.settings.load();
  return currentRecords(view).find(({ id }) => String(id) === view.path.record);
}

const recordOptions = (values: FormOptions['values']): FormOptions => ({
  only: FIELDS,
  values,
});

async function renderAdd(view: View) {
  await view.region.settings.load();
  const domain = findDomain(view);
  if (domain === undefined) return undefined;
  const title = words.dns.addTo(domain);
  const form = renderForm(view, {
    body: renderControls(view, ADD, recordOptions({ rrtype: 'A' })),
    submit: words.dns.add,
    back: domainPath(view.path.id ?? ''),
  });
  return renderFullPage(view, {
    title,
    place: 'dns',
    main: html`<div class="bar"><h1>${title}</h1></div><div class="sheet narrow">${form}</div>`,
  });
}

async function addRecord(view: View): Promise<Outcome> {
  await view.region.settings.load();
  const domain = findDomain(view);
  if (domain === undefined) return undefined;
  const answer = await operate(view, ADD, {}, { ...collectFormValues(view, ADD, { only: FIELDS }), domain });
  return buildOutcome(answer, domainPath(view.path.id ?? ''), words.objects.added(fieldValue(view, 'name')));
}

async function renderRecord(view: View) {
  const record = await findRecord(view);
  if (record === undefined) return undefined;
  const { name, type, data, ttl } = record;
  const title = words.dns.titleOf(name);
  const values = { name: splitQualifiedName(currentDomains(view), name).name, rrtype: type, rrdata: data, ttl };
  const form = renderForm(view, {
    body: renderControls(view, CHANGE, recordOptions(values)),
    submit: words.forms.save,
    back: domainPath(view.path.id ?? ''),
  });
  const remove = renderForm(view, { body: hiddenField('do', 'delete'), submit: words.dns.delete, tone: 'danger' });
  return renderFullPage(view, {
    title,
    place: 'dns',
    main: html`
      <div class="bar"><h1>${title}</h1></div><div class="sheet narrow">${form}</div>
      <h2>${words.dns.deleteIt}</h2><div class="sheet narrow"><p class="lead">${codeIn(words.dns.loss(`${name} ${type} ${data}`))}</p>${remove}</div>`,
  });
}

async function changeRecord(view: View): Promise<Outcome> {
  const record = await findRecord(view);
  if (record === undefined) return undefined;
  const [path, to] = [{ id: String(record.id) }, domainPath(view.path.id ?? '')];
  if (fieldValue(view, 'do') === 'delete')
    return submit(view, REMOVE, path, {}, to, words.objects.deleted(record.name));
  const domain = findLongestDomain(currentDomains(view), record.name);
  const values = { ...collectFormValues(view, CHANGE, { only: FIELDS }), domain };
  return submit(view, CHANGE, path, values, to, words.objects.saved(record.name));
}

export const DNS_PAGES: readonly PageDefinition[] = [
  ...DOMAIN_PAGES,
  { path: `${PATH}:id/add/`, access: 'admin', render: renderAdd, act: addRecord, operations: [ADD] },
  {
    path: `${PATH}:id/records/:record/`,
    access: 'admin',
    render: renderRecord,
    act: changeRecord,
    operations: [CHANGE, REMOVE],
  },
];
