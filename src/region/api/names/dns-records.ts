// Domains, names and records as the objects of MAAS's API, made of the settings `dns.domain`,
// `dns.domains` and `dns.records`, which every rack serves at once.
//
// Sources: MAAS's domains, dnsresources and dnsresourcerecords.
//
// 1. The settings are the only store: a record that somebody adds to `dns.records` is an object here, too.
// 2. The API numbers each record (`id`). A record without one, as people write it, is shown with a
//    number of its text.
// 3. A name has the number of its first record, and so keeps it while its other records change.
// 4. A name with a CNAME has no other records, and no machine has it (RFC 1034 §3.6.2, RFC 2181
//    §10.1). The settings refuse records that no rack would serve; names of machines and of
//    reserved addresses are judged here.
// 5. The names of reserved addresses (`ipaddresses/`) are shown among the names, but changed only
//    with their address.

import { formatIpv4 } from '../../../ground/address.ts';
import { isSettings, type SettingValue } from '../../../machines/settings.ts';
import { domainIds, hashDomainId } from '../../life/machine-placement.ts';
import { configuredHosts } from '../../racks/rack-networks.ts';
import { hashFnv1a } from '../../records/digest.ts';
import { NO_RECORDS } from '../../records/network-store.ts';
import { REQUIRED } from '../../records/refusal.ts';
import type { SettingsReader } from '../../settings.ts';
import { isRefusal, type Refusal, refuse, refuseField, refuseFields } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';
import { reviseSettings, type SettingRevision, withoutKey } from '../call/revised-settings.ts';

const RECORDS = 'dns.records';
/** The types that the racks serve (`dns/record-text.ts`). */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'NS', 'SRV', 'SSHFP', 'CAA', 'PTR'] as const;
type RecordType = (typeof RECORD_TYPES)[number];

export interface NamedRecord {
  readonly id: number;
  /** Fully qualified. */
  readonly name: string;
  readonly type: RecordType;
  readonly data: string;
  /** Seconds; `undefined`: the server's own. */
  readonly ttl: number | undefined;
}

/** The number of a text, at least 1: no stranger chooses these texts. */
const hashToId = (text: string) => (hashFnv1a(text) >>> 1) + 1;

/** The records in a setting; entries of another form, which no configuration has, are left out. */
function parseRecordsSetting(setting: SettingValue | undefined): readonly NamedRecord[] {
  const list = Array.isArray(setting) ? setting : [];
  return list.flatMap((entry): readonly NamedRecord[] => {
    if (!isSettings(entry)) return [];
    const { id, name, type, data, ttl } = entry;
    const knownType = RECORD_TYPES.find((recordType) => recordType === type);
    if (typeof name !== 'string' || typeof data !== 'string' || knownType === undefined) return [];
    const number = typeof id === 'number' ? id : hashToId(`${name} ${knownType} ${data}`);
    return [
      { id: number, name: name.toLowerCase(), type: knownType, data, ttl: typeof ttl === 'number' ? ttl : undefined },
    ];
  });
}

/** The records of each name. */
export function groupRecordsByName(records: readonly NamedRecord[]): readonly (readonly NamedRecord[])[] {
  const groups = new Map<string, NamedRecord[]>();
  for (const record of records) {
    const group = groups.get(record.name) ?? [];
    group.push(record);
    groups.set(record.name, group);
  }
  return [...groups.values()];
}

const formatRecordsSetting = (records: readonly NamedRecord[]): SettingValue =>
  records.map(({ id, name, type, data, ttl }) => ({ id, name, type, data, ...(ttl === undefined ? {} : { ttl }) }));

/** Numbers of the API begin at this time, so that they are short. */
const NUMBERS_FROM_SECONDS = 1_700_000_000;

/** A number above all that records have, and above those of records that were deleted before this second. */
export function nextNumber(records: readonly NamedRecord[], nowMs: number): number {
  const highest = records.reduce((most, { id }) => Math.max(most, id), 0);
  return Math.max(highest + 1, Math.floor(nowMs / 1000) - NUMBERS_FROM_SECONDS);
}

/** The records that the racks serve. */
export const currentRecords = (
  { region }: Pick<ApiCall, 'region'>,
  inForce: SettingsReader = region.settings,
): readonly NamedRecord[] => parseRecordsSetting(inForce.valueOf(RECORDS));

/** The names of the reserved addresses, as records. */
export const reservedRecords = ({ region }: Pick<ApiCall, 'region'>): readonly NamedRecord[] =>
  region.networks.known.records.reserved.flatMap(({ hostname, domain, address }): readonly NamedRecord[] => {
    if (hostname === undefined || domain === undefined) return [];
    const [name, data] = [`${hostname}.${domain}`, formatIpv4(address)];
    return [{ id: hashToId(`${name} A ${data}`), name, type: 'A', data, ttl: undefined }];
  });

/** The refusal of a new name that has records, or is that of a reserved address. */
export const refuseTakenName = (call: ApiCall, records: readonly NamedRecord[], name: string): Refusal | undefined =>
  [...records, ...reservedRecords(call)].some((record) => record.name === name)
    ? refuseField('name', `${name} already has records: change those.`)
    : undefined;

/** The type of a record in a parameter, or the refusal that lists those that there are. */
export const typeIn = (text: string): NamedRecord['type'] | Refusal =>
  RECORD_TYPES.find((recordType) => recordType === text.toUpperCase()) ??
  refuseField('rrtype', `Give one of ${RECORD_TYPES.join(', ')}.`);

export const domainUnknownText = (domains: readonly string[]): string =>
  `Give a name in one of these domains, or add its domain first: ${domains.join(', ')}.`;

/** The domain that a parameter names, or the refusal that lists those that there are. */
export const domainIn = (call: ApiCall, text: string): string | Refusal =>
  namedDomain(currentDomainIds(call), text) ?? refuseField('domain', domainUnknownText(currentDomains(call)));

/**
 * The refusal of addresses, or of their TTL, that a name cannot have. @param own its present
 * addresses. @param list undefined: they stay
 */
export function refuseAddresses(
  name: string,
  own: readonly NamedRecord[],
  list: readonly string[] | undefined,
  ttl: number | undefined,
): Refusal | undefined {
  if (list !== undefined)
    return list.length > 0 ? undefined : refuseField('ip_addresses', 'Give at least one address, or delete the name.');
  const isVain = ttl !== undefined && own.length === 0;
  return isVain ? refuseField('address_ttl', `${name} has no addresses: give them as well (ip_addresses).`) : undefined;
}

/** The refusal of a number that no name has which can be changed. */
export function refuseNameless(call: ApiCall, id: number): Refusal {
  const reserved = reservedRecords(call).find((reservedRecord) => reservedRecord.id === id);
  return reserved === undefined
    ? refuse('not-found', 'No name has this id.')
    : refuse(
        'in-use',
        `${reserved.name} is the name of the reserved address ${reserved.data}: release the address instead (ipaddresses/?op=release).`,
      );
}

/** The default domain, and the further ones. */
export type Domains = readonly [string, ...string[]];

/** The ids of the domains for which the racks are authoritative, the default one first. */
export function currentDomainIds(
  { region }: Pick<ApiCall, 'region'>,
  inForce: SettingsReader = region.settings,
): DomainIds {
  const byDefault = inForce.valueOf('dns.domain');
  const own = typeof byDefault === 'string' && byDefault !== '' ? byDefault : region.config().domain;
  return domainIds(own, inForce.valueOf('dns.domains'));
}
export type DomainIds = ReadonlyMap<string, number>;

/** The domains for which the racks are authoritative. */
export const currentDomains = (call: Pick<ApiCall, 'region'>, inForce?: SettingsReader): Domains =>
  listDomains(currentDomainIds(call, inForce));

function listDomains(ids: DomainIds): Domains {
  const [byDefault = '', ...further] = ids.keys();
  return [byDefault, ...further];
}

/**
 * The ids of the domains after a change: a domain keeps its id, and a new one gets a free one.
 * @param names the default one first
 */
function idsAfter(before: DomainIds, names: readonly string[], renamed: NameChange['renamed']): DomainIds {
  const ids = new Map<string, number>();
  const taken = new Set(before.values());
  for (const name of names) {
    let id = before.get(renamed?.after === name ? renamed.before : name);
    if (id === undefined) for (id = hashDomainId(name); taken.has(id); ) id += 1;
    taken.add(id);
    ids.set(name, id);
  }
  return ids;
}

function formatDomainsSetting(ids: DomainIds, byDefault: string): SettingValue {
  return [...ids].flatMap(([name, id]): readonly SettingValue[] => {
    if (name === byDefault && id === 0) return [];
    return [id === hashDomainId(name) ? name : { name, id }];
  });
}

const dnsMixedCnameText = (name: string) =>
  `${name} would have other records together with a CNAME, which excludes them: delete one or the other first.`;

/** The refusal of a CNAME with the name of a machine, a device or a reserved address. */
async function refuseMachineNames({ region }: ApiCall, changed: readonly NamedRecord[], field: string) {
  const aliases = changed.filter(({ type }) => type === 'CNAME');
  const { reserved } = aliases.length === 0 ? NO_RECORDS : await region.store.networks.list();
  for (const { name } of aliases) {
    const isReserved = reserved.some(({ hostname, domain }) => `${hostname}.${domain}` === name);
    if (isReserved) return refuseField(field, dnsMixedCnameText(name));
    const [hostname = '', ...rest] = name.split('.');
    const filter = { hostnames: [hostname], domains: [rest.join('.')], isDevice: 'either' } as const;
    if ((await region.store.countMachines(filter)) > 0)
      return refuseField(
        field,
        `${name} is the name of a machine or a device, which a CNAME would hide: choose another name.`,
      );
  }
  return undefined;
}

/**
 * True for a name that the operator gave: that of a rack, which has it in every domain, or one in
 * `hosts` of a cluster interface, which administrators may give to a machine or device, and the
 * host of the entry may report when it boots.
 */
export function isOperatorsName({ region, caller, peer }: ApiCall, hostname: string): boolean {
  const racks = region.racks.list();
  if (racks.some(({ state, name }) => state === 'accepted' && name.toLowerCase() === hostname)) return true;
  if (caller.kind === 'user' && caller.isAdmin) return false;
  const named = configuredHosts(racks).filter((host) => host.hostname === hostname);
  return named.some(({ mac }) => mac === undefined || mac !== peer.vouchedMac);
}

/** True if the name has a CNAME, so that no machine can have it. */
export const isAlias = (call: ApiCall, fqdn: string, inForce: SettingsReader): boolean =>
  currentRecords(call, inForce).some(({ name, type }) => type === 'CNAME' && name === fqdn);

/**
 * Changes the records. @param revise makes the new list of the records in the transaction, or
 * refuses; perhaps more than once
 * @param field the parameter to which a refusal because of a machine's name belongs; `undefined`:
 * they are not judged, because the name is not known
 * @param then what else is stored in the same transaction; its refusal undoes the change
 * @returns the refusal: of `revise`, or the file has the records, or they do not fit
 */
export function changeRecords(
  call: ApiCall,
  revise: (records: readonly NamedRecord[], domains: Domains, ids: DomainIds) => readonly NamedRecord[] | Refusal,
  field?: string,
  then: () => Promise<Refusal | undefined> = async () => undefined,
): Promise<Refusal | undefined> {
  let changed: readonly NamedRecord[] = [];
  const revision: SettingRevision = {
    key: RECORDS,
    revise(_stored, inForce) {
      const ids = currentDomainIds(call, inForce);
      const before = currentRecords(call, inForce);
      const revised = revise(before, listDomains(ids), ids);
      if (isRefusal(revised)) return revised;
      const texts = new Set(before.map(({ name, type, data }) => `${name} ${type} ${data}`));
      changed = revised.filter(({ name, type, data }) => !texts.has(`${name} ${type} ${data}`));
      return formatRecordsSetting(revised);
    },
  };
  const also = async () => (field === undefined ? undefined : await refuseMachineNames(call, changed, field)) ?? then();
  return reviseSettings(call, '', [revision], also);
}

/**
 * A refusal of the settings by the parameters of an operation, whose texts do not name the keys.
 * @param names the parameters by key
 */
function underParameters(names: Readonly<Record<string, string>>, refused: Refusal) {
  if (refused.fields === undefined || refused.name !== 'setting-invalid') return refused;
  const entries = Object.entries(refused.fields).map(
    ([key, words]) => [names[key] ?? key, words.map(withoutKey)] as const,
  );
  return refuseFields(Object.fromEntries(entries), refused.name);
}

interface Naming {
  readonly fqdn?: string | undefined;
}
export const formatNaming = ({ fqdn }: Naming): string => (fqdn === undefined || fqdn === '' ? 'name' : 'fqdn');

/** A refusal of a setting by the parameters of a name. */
export const ofName = (input: Naming, refused: Refusal | undefined): Refusal | undefined =>
  refused &&
  underParameters(
    { data: 'ip_addresses', type: 'ip_addresses', ttl: 'address_ttl', name: formatNaming(input) },
    refused,
  );

/** A refusal of a setting by the parameters of a record. */
export const ofRecord = (input: Naming, refused: Refusal | undefined): Refusal | undefined =>
  refused && underParameters({ data: 'rrdata', type: 'rrtype', name: formatNaming(input) }, refused);

/** The settings of domains and records that a change gives new values; those that it leaves out stay. */
interface NameChange {
  readonly byDefault?: string;
  /** Domains; the default one may be among them. */
  readonly further?: readonly string[];
  /** The domain that keeps its id under a new name. */
  readonly renamed?: { readonly before: string; readonly after: string };
  readonly records?: readonly NamedRecord[];
}

/**
 * Changes domains, and their records with them, as `changeRecords` does.
 * @param also what else is stored in the same transaction; its refusal undoes the change
 */
export function changeDomains(
  call: ApiCall,
  revise: (domains: Domains, records: readonly NamedRecord[], ids: DomainIds) => NameChange | Refusal,
  also?: () => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> {
  let change: NameChange = {};
  const revisions: readonly SettingRevision[] = [
    {
      key: 'dns.domains',
      revise(_stored, inForce) {
        const ids = currentDomainIds(call, inForce);
        const revised = revise(listDomains(ids), currentRecords(call, inForce), ids);
        if (isRefusal(revised)) return revised;
        change = revised;
        const { byDefault = listDomains(ids)[0], further, renamed } = change;
        return further && formatDomainsSetting(idsAfter(ids, [byDefault, ...further], renamed), byDefault);
      },
    },
    { key: 'dns.domain', revise: () => change.byDefault },
    { key: RECORDS, revise: () => change.records && formatRecordsSetting(change.records) },
  ];
  return reviseSettings(call, '', revisions, also);
}

/** The records with those of the domain `before` moved to the domain `after`; `undefined`: it has none. */
export function moveRecords(
  records: readonly NamedRecord[],
  domains: Domains,
  before: string,
  after: string,
): readonly NamedRecord[] | undefined {
  const isMoved = ({ name }: NamedRecord) => findLongestDomain(domains, name) === before;
  if (!records.some(isMoved)) return undefined;
  return records.map((record) =>
    isMoved(record) ? { ...record, name: `${record.name.slice(0, -before.length)}${after}` } : record,
  );
}

/** The longest of these domains that has the name; `undefined`: none. */
export const findLongestDomain = (domains: readonly string[], name: string): string | undefined =>
  domains.filter((domain) => name === domain || name.endsWith(`.${domain}`)).toSorted((a, b) => b.length - a.length)[0];

/** The domain that a parameter names; `undefined`: none. */
export function namedDomain(ids: DomainIds, named: string | undefined): string | undefined {
  const domains = listDomains(ids);
  if (named === undefined) return domains[0];
  return (
    domains.find((domain) => String(ids.get(domain)) === named) ??
    domains.find((domain) => domain === named.toLowerCase())
  );
}

interface NameGiven {
  readonly fqdn?: string | undefined;
  readonly name?: string | undefined;
  readonly domain?: string | undefined;
}

/** The fully qualified name in the parameters, within a known domain. */
export function parseQualifiedName(ids: DomainIds, input: NameGiven): string | Refusal {
  const domains = listDomains(ids);
  if (input.fqdn !== undefined && input.fqdn !== '') {
    const name = input.fqdn.toLowerCase().replace(/\.$/, '');
    return findLongestDomain(domains, name) === undefined ? refuseField('fqdn', domainUnknownText(domains)) : name;
  }
  const domain = namedDomain(ids, input.domain);
  if (domain === undefined) return refuseField('domain', domainUnknownText(domains));
  if (input.name === undefined || input.name === '') return refuseField('name', REQUIRED);
  return input.name === '@' ? domain : `${input.name.toLowerCase()}.${domain}`;
}

/** The name within its domain, and the domain. */
export function splitQualifiedName(
  domains: Domains,
  fqdn: string,
): { readonly name: string; readonly domain?: string } {
  const domain = findLongestDomain(domains, fqdn);
  if (domain === undefined) return { name: fqdn };
  return { name: fqdn === domain ? '@' : fqdn.slice(0, -domain.length - 1), domain };
}
