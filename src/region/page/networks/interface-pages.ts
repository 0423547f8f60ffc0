// The cluster interfaces of racks: the list, the form that enables DHCP in a network, and the page
// of one with all its fields.
//
//   add/ ── a network of a rack's host is chosen ─► the form, with ranges proposed in the free part of the network
//        └─ none yet ─► the networks of all racks' hosts, and relay agents
//
// 1. Fields are keys of the rack's configuration (`cluster_interfaces.NAME.FIELD`), so the settings
//    check and store them together, and a refusal has the name of the field.
// 2. One that a file has is shown, and says which file; only that file changes it.

import { isDeepStrictEqual } from 'node:util';
import {
  formatIpv4,
  formatNetwork,
  type Ipv4Network,
  type Ipv4Range,
  parseIpv4,
  parseNetwork,
  rangesOverlap,
} from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { INTERFACES_KEY, isSettings, type Settings, type SettingValue } from '../../../machines/settings.ts';
import { isRefusal, type Refusal, refuseField } from '../../api/call/answer.ts';
import { withoutKey } from '../../api/call/revised-settings.ts';
import { type NetworkView, type SubnetView, subnetWithId } from '../../networks/network-view.ts';
import { proposeName } from '../../networks/range-proposal.ts';
import { networkIn } from '../../racks/cluster-interface.ts';
import type { Rack } from '../../records/rack.ts';
import type { RefusalWord } from '../../records/refusal.ts';
import {
  areaField,
  asChangeForm,
  buildChoice,
  checkField,
  choiceField,
  hiddenField,
  radioField,
  renderForm,
  textField,
} from '../frame/forms.ts';
import { type DhcpPlace, hostPlaces, placeLink, placePath } from '../frame/host-places.ts';
import { optionRows, sentOptions } from '../frame/option-rows.ts';
import { cell, renderFullPage, seeFaults } from '../frame/parts.ts';
import { racksLink } from '../frame/remedies.ts';
import { none, orNone } from '../frame/values.ts';
import {
  buildOutcome,
  CHANGE_SETTINGS,
  fieldValue,
  formatFieldFaults,
  formatRefusal,
  mayCall,
  type Outcome,
  operate,
  type PageDefinition,
  queryValue,
  submit,
  tryOut,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { type AddressUse, buildAddressRuns, renderAddressMap } from './address-map.ts';
import { interfacePath, NETWORKS_PATH, subnetPath } from './networks-page.ts';
import { bothField, checkSecondServer, givesAddresses } from './second-server.ts';
import { hostUses, listAddressUses, proposeRanges, readEntries } from './subnet-addresses.ts';

const PATH = `${NETWORKS_PATH}interfaces/`;
const UNSET = 'POST settings unset';

type FieldKind = 'text' | 'list' | 'options' | 'flag' | 'management' | 'mode' | readonly string[];
type FieldName = keyof typeof words.interfaces.fields;

/** What DHCP needs. */
const FIRST_FIELDS: readonly (readonly [FieldName, FieldKind])[] = [
  ['management', 'management'],
  ['mode', 'mode'],
  ['ip_range_low', 'text'],
  ['ip_range_high', 'text'],
  ['static_ip_range_low', 'text'],
  ['static_ip_range_high', 'text'],
  ['router_ip', 'text'],
  ['dns_servers', 'list'],
];
/** Unused in proxy mode, where the form still proposes them. */
const RANGE_FIELDS = ['ip_range_low', 'ip_range_high', 'static_ip_range_low', 'static_ip_range_high'] as const;
/** Where it is. A new one gets these from the choice of a network. */
const PLACE_FIELDS: readonly (readonly [FieldName, FieldKind])[] = [
  ['interface', 'text'],
  ['ip', 'text'],
  ['network', 'text'],
  ['subnet_mask', 'text'],
  ['broadcast_ip', 'text'],
  ['relayed', 'flag'],
];
const FURTHER_FIELDS: readonly (readonly [FieldName, FieldKind])[] = [
  ['domain', 'text'],
  ['ntp_servers', 'list'],
  ['lease_time', 'text'],
  ['authoritative', ['auto', 'yes', 'no']],
  ['identity', ['mac', 'client-id']],
  ['relays', 'list'],
  ['options', 'options'],
];

function fieldText(kind: FieldKind, value: SettingValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (kind === 'options') return JSON.stringify(value);
  return Array.isArray(value) ? value.join('\n') : String(value);
}

function renderControl(view: View, [name, kind]: readonly [FieldName, FieldKind], values: Settings): Html {
  const control = { name, ...words.interfaces.fields[name], value: fieldText(kind, values[name]) };
  if (kind === 'text') return textField(view, { ...control, charactersMax: 253 });
  if (kind === 'flag') return checkField(view, control);
  if (kind === 'options') return optionRows(view, { name, ...words.interfaces.fields.options }, values[name]);
  if (kind === 'list') return areaField(view, { ...control, rows: 2 });
  if (kind === 'mode') {
    const { modes } = words.interfaces;
    const choices = (['server', 'proxy'] as const).map((value) => buildChoice(value, modes[value]));
    return html`${radioField(view, { ...control, value: control.value || 'server', choices })}${bothField(view)}`;
  }
  if (kind !== 'management')
    return choiceField(view, { ...control, choices: kind.map((value) => [value, value] as const) });
  const choices = (['2', '1', '0'] as const).map((value) => {
    const { text, meaning } = words.interfaces.managements[value];
    return [value, text, meaning] as const;
  });
  return radioField(view, { ...control, value: control.value || '2', choices });
}

/** The value that a form gives to a field; `undefined`: none, so its default applies. */
function sentValue(view: View, [name, kind]: readonly [FieldName, FieldKind]): SettingValue | undefined | Refusal {
  if (kind === 'options') return noneIfEmpty(sentOptions(view, name));
  const text = fieldValue(view, name).trim();
  if (kind === 'flag') return text === 'true' ? true : undefined;
  if (text === '') return undefined;
  if (kind === 'management') return Number(text);
  if (kind === 'list') return text.split(/[\s,]+/);
  return text;
}

const noneIfEmpty = (list: readonly Settings[]): SettingValue | undefined => (list.length === 0 ? undefined : list);

function sentFields(view: View, fields: readonly (readonly [FieldName, FieldKind])[]): Sent | Refusal {
  const sent = new Map<string, SettingValue | undefined>();
  for (const field of fields) {
    const value = sentValue(view, field);
    if (value !== undefined && isRefusal(value)) return value;
    sent.set(field[0], value);
  }
  if (sent.get('mode') === 'proxy') for (const name of RANGE_FIELDS) sent.set(name, undefined);
  return sent;
}

/** The racks to choose from: the one that the query names, or all. */
function wantedRacks(view: View): readonly Rack[] {
  const racks = view.region.racks.accepted();
  const wanted = racks.filter(({ uuid }) => uuid === queryValue(view, 'rack'));
  return wanted.length === 0 ? racks : wanted;
}

/** The networks of racks' hosts. @param subnet only this one */
const placesIn = (view: View, subnet: SubnetView | undefined): readonly DhcpPlace[] =>
  wantedRacks(view)
    .flatMap(hostPlaces)
    .filter(
      ({ network }) => subnet === undefined || (network !== undefined && formatNetwork(network) === subnet.subnet.cidr),
    );

/** The subnet for which the query asks; `undefined`: for none. */
function wantedSubnet(view: View, networks: NetworkView): SubnetView | undefined {
  const id = queryValue(view, 'subnet');
  return id === '' ? undefined : subnetWithId(networks, Number(id));
}

/** The network that the query chooses, or the only one of a subnet. */
function chosenPlace(view: View, networks: NetworkView): DhcpPlace | undefined {
  const subnet = wantedSubnet(view, networks);
  const [only, ...others] = subnet === undefined ? [] : placesIn(view, subnet);
  if (only !== undefined && others.length === 0) return only;
  const rack = view.region.racks.accepted().find(({ uuid }) => uuid === queryValue(view, 'rack'));
  if (rack === undefined) return undefined;
  const address = queryValue(view, 'address');
  if (address === '') {
    if (!view.query.has('network')) return undefined;
    const network = parseNetwork(queryValue(view, 'network'));
    return { rack: rack.uuid, rackName: rack.name, interface: '', ip: '', network, isOutward: false };
  }
  return hostPlaces(rack).find(
    (place) =>
      place.interface === queryValue(view, 'interface') &&
      place.network !== undefined &&
      `${place.ip}/${place.network.prefix}` === address,
  );
}

const subnetAt = ({ subnets }: NetworkView, network: Ipv4Network | undefined): SubnetView | undefined =>
  network === undefined ? undefined : subnets.find(({ subnet }) => subnet.cidr === formatNetwork(network));

/** The picture of a network, with what is known of its addresses. */
async function runsIn(view: View, network: Ipv4Network, ip: string): Promise<readonly AddressUse[]> {
  const networks = await view.region.networks.look();
  const subnet = subnetAt(networks, network);
  const own = parseIpv4(ip);
  const rack: readonly AddressUse[] = own === undefined ? [] : [{ low: own, high: own, kind: 'rack', owner: '' }];
  if (subnet === undefined) return buildAddressRuns(network, [...rack, ...hostUses(networks, network)]);
  return buildAddressRuns(network, [
    ...rack,
    ...listAddressUses(networks, subnet, await readEntries(view.region, networks, subnet)),
  ]);
}

const bounds = (name: 'ip_range' | 'static_ip_range', range: Ipv4Range | undefined): Settings =>
  range === undefined ? {} : { [`${name}_low`]: formatIpv4(range.low), [`${name}_high`]: formatIpv4(range.high) };

function proposedRanges(runs: readonly AddressUse[]): Settings {
  const { dynamic, fixed } = proposeRanges(runs);
  return { ...bounds('ip_range', dynamic), ...bounds('static_ip_range', fixed) };
}

function foreignPart(subnet: SubnetView | undefined): Html {
  const foreign = subnet?.served.find(({ foreignServer }) => foreignServer !== undefined)?.foreignServer;
  if (foreign === undefined) return nothing;
  return html`<div class="alert amber" role="alert">${words.interfaces.foreign(foreign)}</div>`;
}

const outwardPart = ({ interface: name, isOutward }: DhcpPlace): Html =>
  isOutward ? html`<div class="alert amber" role="status">${words.interfaces.outward.beware(name)}</div>` : nothing;

/** The fields that few people need; open if one of them is refused. */
function further(view: View, names: readonly string[], fields: readonly Html[]): Html {
  const isOpen = names.some((name) => view.faults?.has(name) === true);
  return html`<details class="further"${isOpen ? html` open` : nothing}><summary>${words.interfaces.further}</summary><div class="fields">${fields}</div></details>`;
}

const FURTHER_NAMES: readonly string[] = ['name', ...FURTHER_FIELDS.map(([name]) => name)];

/** True if the rack does not serve it yet. */
const isFree = (networks: NetworkView, { rack, network }: DhcpPlace): boolean =>
  subnetAt(networks, network)?.served.every((service) => service.rack !== rack) ?? true;

/** The networks to choose from. @param path of the page that has the form @param subnet only in this one */
function renderChoice(view: View, path: string, networks: NetworkView, subnet: SubnetView | undefined): DhcpOffer {
  const racks = wantedRacks(view);
  const hosts = placesIn(view, subnet)
    .filter((place) => isFree(networks, place))
    .map((place) => placeLink(path, place));
  const relayed = racks.map(({ uuid, name }) =>
    placeLink(path, { rack: uuid, rackName: name, interface: '', ip: '', network: subnet?.network, isOutward: false }),
  );
  const lead =
    racks.length === 0
      ? html`${words.interfaces.noRack} ${racksLink()}`
      : subnet === undefined
        ? words.interfaces.choose
        : words.interfaces.chooseFor(subnet.subnet.cidr, hosts.length);
  return {
    title: words.networks.enable,
    content: html`
      <p class="soft">${lead}</p>
      ${hosts.length + relayed.length === 0 ? nothing : html`<div class="sheet">${hosts}${relayed}</div>`}`,
  };
}

/** The form that enables DHCP, or the choice of a network for it. */
interface DhcpOffer {
  readonly title: string;
  readonly content: Html;
}

/**
 * @param path of the page that has it
 * @param isProposing true to take the only free network of a rack's host if the query chooses none
 */
export async function offerDhcp(shown: View, path: string, isProposing = false): Promise<DhcpOffer> {
  const view = await checked(shown);
  const networks = await view.region.networks.look();
  const free =
    isProposing && queryValue(view, 'all') === ''
      ? placesIn(view, undefined).filter((place) => isFree(networks, place))
      : [];
  const place = chosenPlace(view, networks) ?? (free.length === 1 ? free[0] : undefined);
  if (place === undefined) return renderChoice(view, path, networks, wantedSubnet(view, networks));
  const { network, ip, rackName } = place;
  const subnet = subnetAt(networks, network);
  const runs = network === undefined ? [] : await runsIn(view, network, ip);
  const router = subnet?.gateway === undefined ? '' : formatIpv4(subnet.gateway);
  const values = { ...proposedRanges(runs), router_ip: router, dns_servers: [...(subnet?.dnsServers ?? [])] };
  const where =
    network === undefined
      ? [textField(view, { name: 'network', ...words.interfaces.fields.network, required: true })]
      : [];
  const title = words.interfaces.enableIn(network === undefined ? '' : formatNetwork(network));
  const about = words.interfaces.by(rackName, place.interface, ip);
  const others = isProposing ? html` <a href="${path}?all=yes">${words.interfaces.others}</a>` : nothing;
  return {
    title,
    content: html`
      <p class="soft">${about}${others}</p>${foreignPart(subnet)}${outwardPart(place)}
      ${await checkPart(view, place, runs, values)}
      <div class="sheet narrow stacked">${renderForm(view, {
        to: placePath(path, place),
        check: `${placePath(path, place)}&${CHECK}=yes`,
        body: [
          ...where,
          ...FIRST_FIELDS.map((field) => renderControl(view, field, values)),
          further(view, FURTHER_NAMES, [
            textField(view, { name: 'name', ...words.interfaces.name, charactersMax: 64 }),
            ...FURTHER_FIELDS.map((field) => renderControl(view, field, {})),
          ]),
        ],
        submit: words.networks.enable,
        ...(isProposing ? {} : { back: subnet === undefined ? NETWORKS_PATH : subnetPath(subnet.subnet.id) }),
      })}</div>`,
  };
}

/** With it, the query has the fields of the form as they are written. */
const CHECK = 'check';

/** The view for such a query: with what the operation would answer, at its fields. */
async function checked(view: View): Promise<View> {
  if (queryValue(view, CHECK) === '') return view;
  const written = { ...view, form: view.query };
  const request = await readRequest(written);
  if (request === undefined) return view;
  const answer = isRefusal(request) ? request : await tryOut(written, CHANGE_SETTINGS, {}, request.values);
  if (answer.kind !== 'refusal') return { ...written, refusal: '' };
  const refusal = inWords(answer);
  return { ...written, refusal: formatRefusal(refusal), faults: formatFieldFaults(refusal) };
}

/**
 * What the script of the page replaces while a person writes: the picture with the ranges of the
 * form, and whether they fit.
 */
async function checkPart(view: View, place: DhcpPlace, runs: readonly AddressUse[], values: Settings): Promise<Html> {
  const { network } = place;
  const text =
    view.faults === undefined ? (view.refusal === '' ? words.interfaces.fits : '') : seeFaults(view.faults.size);
  const says = html`<p class="small" id="check-says" role="status">${text}</p>`;
  if (network === undefined) return html`<div id="checked"></div>${says}`;
  const written = view.refusal === undefined ? new Map(Object.entries(values)) : sentFields(view, FIRST_FIELDS);
  const sent = isRefusal(written) ? new Map() : await clearOfDynamic(view, place, written);
  const wanted = (
    [
      ['ip_range', 'dynamic'],
      ['static_ip_range', 'static'],
    ] as const
  ).flatMap(([name, kind]) => {
    const range = sentRange(sent, name);
    return range === undefined || range.low > range.high ? [] : [{ ...range, kind, owner: '' }];
  });
  const map = renderAddressMap(network, buildAddressRuns(network, [...runs, ...wanted]));
  return html`<div class="sheet stacked" id="checked">${map}</div>${says}`;
}

async function renderAdd(view: View): Promise<Html> {
  const { title, content } = await offerDhcp(view, `${PATH}add/`);
  return renderFullPage(view, {
    title,
    place: 'networks',
    main: html`<div class="bar"><h1>${title}</h1></div>${content}`,
  });
}

type Sent = ReadonlyMap<string, SettingValue | undefined>;

function sentRange(sent: Sent, name: 'ip_range' | 'static_ip_range'): Ipv4Range | undefined {
  const [low, high] = [`${name}_low`, `${name}_high`].map((bound) => parseIpv4(String(sent.get(bound))));
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** Moves a static range that was left as proposed out of the way of the dynamic range that a person wrote. */
async function clearOfDynamic(view: View, { network, ip }: DhcpPlace, sent: Sent): Promise<Sent> {
  const [dynamic, fixed] = [sentRange(sent, 'ip_range'), sentRange(sent, 'static_ip_range')];
  if (network === undefined || dynamic === undefined || fixed === undefined) return sent;
  if (!rangesOverlap(dynamic, fixed)) return sent;
  const runs = await runsIn(view, network, ip);
  if (!isDeepStrictEqual(fixed, proposeRanges(runs).fixed)) return sent;
  const moved = proposeRanges(buildAddressRuns(network, [...runs, { ...dynamic, kind: 'dynamic', owner: '' }])).fixed;
  const others = [...sent].filter(([name]) => !name.startsWith('static_ip_range'));
  return new Map([...others, ...Object.entries(bounds('static_ip_range', moved))]);
}

/** What the form that enables DHCP asks for. */
interface DhcpRequest {
  readonly place: DhcpPlace;
  readonly sent: Sent;
  readonly network: string;
  readonly values: { readonly changes: string; readonly rack: string };
}

/** Undefined: the query chooses no network. */
async function readRequest(view: View): Promise<DhcpRequest | Refusal | undefined> {
  const { region } = view;
  const place = chosenPlace(view, await region.networks.look());
  if (place === undefined) return undefined;
  const written = sentFields(view, [...FIRST_FIELDS, ...FURTHER_FIELDS]);
  if (isRefusal(written)) return written;
  const sent = await clearOfDynamic(view, place, written);
  await region.settings.load();
  const taken = new Set(region.settings.interfacesOf(place.rack).map(({ name }) => String(name)));
  const wanted = fieldValue(view, 'name').trim();
  if (taken.has(wanted)) return refuseField('name', words.interfaces.taken(wanted));
  const network = place.network === undefined ? fieldValue(view, 'network').trim() : formatNetwork(place.network);
  const at: Settings =
    place.interface === '' ? { relayed: true, network } : { interface: place.interface, ip: place.ip, network };
  const fields = [...sent].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const key = `${INTERFACES_KEY}.${wanted === '' ? proposeName(place.interface === '' ? 'relayed' : place.interface, taken) : wanted}`;
  const changes = JSON.stringify([{ key, value: { ...at, ...Object.fromEntries(fields) } }]);
  return { place, sent, network, values: { changes, rack: place.rack } };
}

const FIELD_OF_INTERFACE = /^cluster_interfaces\.[^.]+\.(\w+)/;

/**
 * A refusal of settings in the words of the form: at its fields, which it names by their labels and
 * not as keys.
 */
function inWords(refusal: Refusal): Refusal {
  const labels: Readonly<Record<string, { readonly label: string }>> = words.interfaces.fields;
  const named = (text: string) => text.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => labels[name]?.label ?? name);
  const fields: Record<string, RefusalWord[]> = {};
  for (const [field, found] of Object.entries(refusal.fields ?? {})) {
    for (const word of found) {
      const own = FIELD_OF_INTERFACE.exec(word.part?.name ?? '')?.[1] ?? field;
      fields[own] = [...(fields[own] ?? []), { name: word.name, text: named(withoutKey(word).text) }];
    }
  }
  return refusal.fields === undefined ? refusal : { ...refusal, fields };
}

/** Does what the form that enables DHCP asks for. */
export async function enableDhcp(view: View): Promise<Outcome> {
  const request = await readRequest(view);
  if (request === undefined || isRefusal(request)) return request;
  const { place, sent, network, values } = request;
  const unchecked = await checkSecondServer(view, { ...place, sent });
  if (typeof unchecked !== 'string') return unchecked;
  const answer = await operate(view, CHANGE_SETTINGS, {}, values);
  if (answer.kind === 'refusal') return inWords(answer);
  const made = (await view.region.networks.look()).subnets.find(({ subnet }) => subnet.cidr === network);
  return {
    kind: 'done',
    to: made === undefined ? PATH : subnetPath(made.subnet.id),
    text: `${words.interfaces.enabled(network)} ${unchecked}`.trim(),
  };
}

interface Found {
  readonly rack: string;
  readonly rackName: string;
  readonly name: string;
  readonly key: string;
  readonly entry: Settings;
}

async function findInterface({ region, path }: View): Promise<Found | undefined> {
  await region.settings.load();
  const { rack = '', name = '' } = path;
  const uuid = region.settings.findRack(rack);
  const entry =
    uuid === undefined ? undefined : region.settings.interfacesOf(uuid).find((candidate) => candidate.name === name);
  if (uuid === undefined || entry === undefined) return undefined;
  return {
    rack: uuid,
    rackName: region.racks.find(uuid)?.name ?? region.config().ownRack?.name ?? uuid,
    name,
    key: `${INTERFACES_KEY}.${name}`,
    entry,
  };
}

async function renderOne(view: View): Promise<Html | undefined> {
  const clusterInterface = await findInterface(view);
  if (clusterInterface === undefined) return undefined;
  const { rack, rackName, name, key, entry } = clusterInterface;
  const network = networkIn(entry);
  const networks = await view.region.networks.look();
  const subnet = subnetAt(networks, network);
  const runs = network === undefined ? [] : await runsIn(view, network, String(entry.ip ?? ''));
  // It was switched off, and somebody wants to enable it.
  const isEnabling = queryValue(view, 'enable') !== '' && entry.management === 0;
  const values: Settings = isEnabling ? { ...proposedRanges(runs), ...entry, management: 2 } : entry;
  // Proposals are nobody's values.
  const edited = isEnabling ? view : asChangeForm(view);
  const pin = view.region.settings.pinnedBy(key, rack);
  const back = subnet === undefined ? PATH : subnetPath(subnet.subnet.id);
  const title = words.networks.interfaceOf(rackName, name);
  const form =
    pin === undefined
      ? html`<div class="sheet narrow stacked">${renderForm(view, {
          body: [
            hiddenField('do', 'edit'),
            ...[...FIRST_FIELDS, ...PLACE_FIELDS].map((field) => renderControl(edited, field, values)),
            further(
              view,
              FURTHER_NAMES,
              FURTHER_FIELDS.map((field) => renderControl(edited, field, values)),
            ),
          ],
          submit: isEnabling ? words.networks.enable : words.forms.save,
          back,
        })}</div><h2>${words.interfaces.deleteIt}</h2><div class="sheet narrow"><p class="lead">${words.interfaces.loss}</p>${renderForm(view, { body: hiddenField('do', 'delete'), submit: words.interfaces.delete, tone: 'danger' })}</div>`
      : html`<div class="alert amber" role="status">${words.interfaces.pinned(words.settings.writtenIn({ key, pin }))}</div>${renderPairs(entry)}`;
  return renderFullPage(view, {
    title,
    place: 'networks',
    main: html`
      <div class="bar"><h1>${title}</h1></div>${foreignPart(subnet)}
      ${network === undefined ? nothing : html`<div class="sheet">${renderAddressMap(network, runs)}</div>`}${form}`,
  });
}

function renderPairs(entry: Settings): Html {
  const pairs = [...FIRST_FIELDS, ...PLACE_FIELDS, ...FURTHER_FIELDS].flatMap(([name, kind]) => {
    const text = fieldText(kind, entry[name]);
    return text === '' ? [] : [html`<dt>${words.interfaces.fields[name].label}</dt><dd>${text}</dd>`];
  });
  return html`<div class="sheet narrow stacked"><dl class="pairs">${pairs}</dl></div>`;
}

async function change(view: View): Promise<Outcome> {
  const clusterInterface = await findInterface(view);
  if (clusterInterface === undefined) return undefined;
  const { rack, rackName, name, key, entry } = clusterInterface;
  const title = words.networks.interfaceOf(rackName, name);
  if (fieldValue(view, 'do') === 'delete')
    return submit(view, UNSET, {}, { key, rack }, PATH, words.objects.deleted(title));
  const sent = sentFields(view, [...FIRST_FIELDS, ...PLACE_FIELDS, ...FURTHER_FIELDS]);
  if (isRefusal(sent)) return sent;
  const isDefault = (field: string, value: SettingValue | undefined) =>
    entry[field] === undefined && DEFAULTS[field] === value;
  const changes = [...sent].flatMap(([field, value]) => {
    if (isDeepStrictEqual(entry[field], value) || isDefault(field, value)) return [];
    return [value === undefined ? { key: `${key}.${field}` } : { key: `${key}.${field}`, value }];
  });
  const to = interfacePath({ rack, name });
  const saved = words.objects.saved(title);
  if (changes.length === 0) return { kind: 'done', to, text: saved };
  const wasServing = givesAddresses(new Map(Object.entries(entry))) && entry.interface === sent.get('interface');
  const at = wasServing ? '' : String(sent.get('interface') ?? '');
  const unchecked = await checkSecondServer(view, { rack, interface: at, sent });
  if (typeof unchecked !== 'string') return unchecked;
  const text = `${saved} ${unchecked}`.trim();
  const answer = await operate(view, CHANGE_SETTINGS, {}, { changes: JSON.stringify(changes), rack });
  return buildOutcome(answer.kind === 'refusal' ? inWords(answer) : answer, to, text);
}

/** What a list of choices shows where the cluster interface has no value. */
const DEFAULTS: Settings = { management: 2, mode: 'server', authoritative: 'auto', identity: 'mac' };

function rangeText(entry: Settings, field: 'ip_range' | 'static_ip_range'): string {
  const [low, high] = [entry[`${field}_low`], entry[`${field}_high`]];
  return low === undefined || high === undefined ? '' : `${String(low)} – ${String(high)}`;
}

function interfaceRow(rack: string, entry: Settings): Html {
  const { fields, columns } = words.interfaces;
  const name = String(entry.name);
  const network = networkIn(entry);
  const management = entry.management === 0 || entry.management === 1 ? (`${entry.management}` as const) : '2';
  const where = entry.relayed === true ? words.networks.dhcp.relayed : String(entry.interface ?? '');
  return html`
    <tr><td class="first"><div class="name"><a href="${interfacePath({ rack, name })}">${name}</a></div><div class="small">${where}</div></td>
    ${cell(fields.network.label, network === undefined ? none : html`<span class="id">${formatNetwork(network)}</span>`)}
    ${cell(fields.management.label, entry.mode === 'proxy' && management !== '0' ? words.networks.dhcp.proxy : words.interfaces.managements[management].text)}
    ${cell(columns.dynamic, orNone(rangeText(entry, 'ip_range')))}
    ${cell(columns.static, orNone(rangeText(entry, 'static_ip_range')))}
    ${cell(fields.router_ip.label, orNone(String(entry.router_ip ?? '')))}</tr>`;
}

async function renderAll(view: View): Promise<Html> {
  const { region } = view;
  await region.settings.load();
  const own = region.config().ownRack;
  const racks = new Map([
    ...(own === undefined ? [] : [[own.uuid, own.name] as const]),
    ...view.region.racks.accepted().map(({ uuid, name }) => [uuid, name] as const),
  ]);
  const { fields, columns } = words.interfaces;
  const head = [
    words.forms.name,
    fields.network.label,
    fields.management.label,
    columns.dynamic,
    columns.static,
    fields.router_ip.label,
  ].map((text) => html`<th>${text}</th>`);
  const parts = [...racks].map(([uuid, name]) => {
    const entries = region.settings.interfacesOf(uuid).filter(isSettings);
    const table =
      entries.length === 0
        ? html`<div class="sheet empty soft">${words.interfaces.empty}</div>`
        : html`<div class="sheet"><table class="plain"><thead><tr>${head}</tr></thead><tbody>${entries.map((entry) => interfaceRow(uuid, entry))}</tbody></table></div>`;
    return html`<h2>${name}</h2>${table}`;
  });
  const button = mayCall(view.viewer, CHANGE_SETTINGS)
    ? html`<a class="button primary" href="${PATH}add/">${words.networks.enable}</a>`
    : nothing;
  return renderFullPage(view, {
    title: words.interfaces.title,
    place: 'networks',
    main: html`
      <div class="bar"><h1>${words.interfaces.title}</h1>${button}</div><p class="soft">${words.interfaces.lead}</p>
      ${parts.length === 0 ? html`<div class="sheet empty soft">${words.interfaces.noRack} ${racksLink()}</div>` : parts}`,
  });
}

export const INTERFACE_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'admin', render: renderAll },
  { path: `${PATH}add/`, access: 'admin', render: renderAdd, act: enableDhcp, operations: [CHANGE_SETTINGS] },
  {
    path: `${PATH}:rack/:name/`,
    access: 'admin',
    render: renderOne,
    act: change,
    operations: [CHANGE_SETTINGS, UNSET],
  },
];
