// Names with addresses, and further records, which every rack serves.
//
// Source: MAAS's `dnsresources/` and `dnsresourcerecords/`.
//
// 1. A name is the group of all records of one fully qualified name (`dns-records.ts`). Its addresses are its A records.
// 2. A change of records takes effect at once. Where the file has them, it is refused, with the file and the key.

import { z } from 'zod';
import { parseIpv4 } from '../../../net/address.ts';
import { domainIdOf } from '../../life/whereabouts.ts';
import { refusal } from '../../words/refusal.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  idIn,
  judging,
  nothing,
  type Operation,
  type Passed,
  tried,
  value,
  values,
} from '../call/operation.ts';
import { API_2 } from '../json/fixed-json.ts';
import {
  changeRecords,
  currentDomains,
  currentRecords,
  type Domains,
  domainOf,
  type NamedRecord,
  nextNumber,
  ofName,
  ofRecord,
  RECORD_TYPES,
  refuseNameless,
  refuseTaken,
  reservedRecords,
} from './dns-records.ts';

const ADDRESSES_MAX = 64;
const TTL_MAX = 604_800;
/** MAAS's type of an address that a user reserved. */
const USER_RESERVED = 4;

const recordJson = ({ id, name, type, data, ttl }: NamedRecord): Record<string, unknown> => ({
  ...{ id, fqdn: name, rrtype: type, rrdata: data, ttl: ttl ?? null },
  resource_uri: `${API_2}/dnsresourcerecords/${id}/`,
});

const addressJson = (ip: string): Record<string, unknown> => ({
  ...{ ip, alloc_type: USER_RESERVED, alloc_type_name: 'User reserved', created: '', subnet: null, owner: null },
  interface_set: [],
  resource_uri: `${API_2}/ipaddresses/`,
});

/** One name, with all its records. */
function resourceJson(records: readonly NamedRecord[]): Record<string, unknown> {
  const id = idOf(records);
  const addresses = records.filter(({ type }) => type === 'A');
  return {
    ...{ id, fqdn: records[0]?.name ?? '', address_ttl: addresses[0]?.ttl ?? null },
    ip_addresses: addresses.map(({ data }) => addressJson(data)),
    resource_records: records.filter(({ type }) => type !== 'A').map(recordJson),
    resource_uri: `${API_2}/dnsresources/${id}/`,
  };
}

const idOf = (records: readonly NamedRecord[]): number => Math.min(...records.map(({ id }) => id));

/** The records of each name. */
function byName(records: readonly NamedRecord[]): readonly (readonly NamedRecord[])[] {
  const groups = new Map<string, NamedRecord[]>();
  for (const record of records) {
    const group = groups.get(record.name) ?? [];
    group.push(record);
    groups.set(record.name, group);
  }
  return [...groups.values()];
}

async function loaded(call: ApiCall): Promise<readonly NamedRecord[]> {
  await call.region.networks.look();
  return [...currentRecords(call), ...reservedRecords(call)];
}

/** The records of the name in the path. */
const findName = (call: ApiCall, records: readonly NamedRecord[]): readonly NamedRecord[] | undefined =>
  byName(records).find((group) => idOf(group) === idIn(call.path.id));
const NO_NAME: Refusal = refuse('not-found.dns-resource');
const NO_RECORD: Refusal = refuse('not-found.dns-record');

/** A name as DNS has it; underscores and a wildcard are allowed. The settings check it again. */
const label = z
  .string()
  .max(253)
  .regex(/^(?:@|[A-Za-z0-9_*]?[A-Za-z0-9_.-]*)$/, 'field.dns-name');
const naming = {
  fqdn: value(label).optional().describe('The fully qualified name, in place of `name` and `domain`.'),
  name: value(label).optional().describe('The name without its domain; @ is the domain itself.'),
  domain: value(z.string().max(253))
    .optional()
    .describe('The domain, by its name or its id. Default: the default domain.'),
};
const ttlOf = value(
  z
    .string()
    .regex(/^\d{1,6}$/, 'field.not-a-number')
    .transform(Number)
    .pipe(z.number().max(TTL_MAX)),
);
const filters = z.object({
  fqdn: value(label).optional().describe('Only this name.'),
  name: value(label).optional().describe('Only names that begin with this label.'),
  domain: value(z.string().max(253)).optional().describe('Only names of this domain, by its name or its id.'),
  rrtype: value(z.string().max(8))
    .optional()
    .describe(`Only records of this type: ${RECORD_TYPES.join(', ')}.`),
});

/** The domain that a parameter names; `undefined`: none. */
function namedDomain(domains: Domains, named: string | undefined): string | undefined {
  if (named === undefined) return domains[0];
  return domains.find((one) => one === named.toLowerCase() || String(domainIdOf(one, domains[0])) === named);
}

/** The fully qualified name in the parameters, within a known domain. */
function nameOf(
  domains: Domains,
  given: { readonly [K in keyof typeof naming]?: string | undefined },
): string | Refusal {
  if (given.fqdn !== undefined && given.fqdn !== '') {
    const name = given.fqdn.toLowerCase().replace(/\.$/, '');
    return domainOf(domains, name) === undefined ? refuseField('fqdn', 'field.domain-unknown', { domains }) : name;
  }
  const domain = namedDomain(domains, given.domain);
  if (domain === undefined) return refuseField('domain', 'field.domain-unknown', { domains });
  if (given.name === undefined || given.name === '') return refuseField('name', 'field.required');
  return given.name === '@' ? domain : `${given.name.toLowerCase()}.${domain}`;
}

/** The name within its domain, and the domain. */
function partsOf(domains: Domains, fqdn: string): { readonly name: string; readonly domain?: string } {
  const domain = domainOf(domains, fqdn);
  if (domain === undefined) return { name: fqdn };
  return { name: fqdn === domain ? '@' : fqdn.slice(0, -domain.length - 1), domain };
}

/** The records that pass the filter, or a refusal of an unknown domain. */
async function filtered(call: ApiCall, given: z.output<typeof filters>): Promise<readonly NamedRecord[] | Refusal> {
  const records = await loaded(call);
  const domains = currentDomains(call);
  const domain = given.domain === undefined ? undefined : namedDomain(domains, given.domain);
  if (given.domain !== undefined && domain === undefined) {
    return refuseField('domain', 'field.domain-unknown', { domains });
  }
  return records.filter(
    ({ name, type }) =>
      (given.fqdn === undefined || name === given.fqdn.toLowerCase()) &&
      (given.name === undefined || name.split('.', 1)[0] === given.name.toLowerCase()) &&
      (domain === undefined || domainOf(domains, name) === domain) &&
      (given.rrtype === undefined || type === given.rrtype.toUpperCase()),
  );
}

const checkFilters = judging(filters, async (call, passed) => [await filtered(call, passed)]);

/** The addresses in a parameter; MAAS's clients separate them by spaces or commas. */
const wordsIn = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.split(/\s+/)).filter((text) => text !== '');

const addresses = values(ADDRESSES_MAX)
  .refine((texts) => wordsIn(texts).every((text) => parseIpv4(text) !== undefined), 'field.ip-address')
  .describe('Its IPv4 addresses.');
const newName = z.object({
  ...naming,
  ip_addresses: addresses,
  address_ttl: ttlOf.optional().describe('The TTL of its addresses, in seconds.'),
});

async function addName(call: ApiCall, given: Passed<typeof newName>): Promise<Answer> {
  const listed = wordsIn(given.ip_addresses ?? []);
  const nowMs = call.region.clock.wallTimeMs();
  let name = '';
  const refused = await changeRecords(call, (records, domains) => {
    const wanted = nameOf(domains, given);
    const found = allOf(
      isRefusal(wanted) ? wanted : (refuseTaken(call, records, wanted) ?? wanted),
      listed.length === 0 ? refuseField('ip_addresses', 'field.required') : listed,
    );
    if (isRefusal(found)) return found;
    name = found[0];
    return [...records, ...addressRecords(name, found[1], given.address_ttl, nextNumber(records, nowMs))];
  });
  return ofName(given, refused) ?? showName(call, name);
}

const addressRecords = (
  name: string,
  list: readonly string[],
  ttl: number | undefined,
  first: number,
): readonly NamedRecord[] =>
  [...new Set(list)].map((data, index) => ({ id: first + index, name, type: 'A' as const, data, ttl }));

function showName(call: ApiCall, name: string): Answer {
  const records = currentRecords(call).filter((one) => one.name === name);
  return records.length === 0 ? NO_NAME : json(resourceJson(records));
}

const changedName = z.object({
  ...naming,
  ip_addresses: addresses.optional(),
  address_ttl: ttlOf.optional().describe('The TTL of its addresses, in seconds.'),
});

async function changeName(call: ApiCall, given: z.output<typeof changedName>): Promise<Answer> {
  const nowMs = call.region.clock.wallTimeMs();
  let name = '';
  const refused = await changeRecords(call, (records, domains) => {
    const old = findName(call, records)?.[0]?.name;
    if (old === undefined) return refuseNameless(call, idIn(call.path.id));
    const next = nameOf(domains, { ...partsOf(domains, old), ...given });
    if (typeof next !== 'string') return next;
    const list = given.ip_addresses === undefined ? undefined : wordsIn(given.ip_addresses);
    name = next;
    const taken = name === old ? undefined : refuseTaken(call, records, name);
    if (taken !== undefined) return taken;
    return records.flatMap((one): readonly NamedRecord[] => {
      if (one.name !== old) return [one];
      const ttl = one.type === 'A' && given.address_ttl !== undefined ? given.address_ttl : one.ttl;
      if (one.type !== 'A' || list === undefined) return [{ ...one, name: next, ttl }];
      // The first address keeps the number of the name; the others get new ones.
      const isFirst = records.find(({ name: of, type }) => of === old && type === 'A') === one;
      if (!isFirst) return [];
      const made = addressRecords(next, list, ttl, nextNumber(records, nowMs));
      return made.map((record, index) => (index === 0 ? { ...record, id: one.id } : record));
    });
  });
  return ofName(given, refused) ?? showName(call, name);
}

async function removeName(call: ApiCall): Promise<Answer> {
  const refused = await changeRecords(call, (records) => {
    const name = findName(call, records)?.[0]?.name;
    return name === undefined ? refuseNameless(call, idIn(call.path.id)) : records.filter((one) => one.name !== name);
  });
  return refused ?? { kind: 'empty' };
}

const newRecord = z.object({
  ...naming,
  rrtype: value(z.string().max(8)).describe(`The type: ${RECORD_TYPES.join(', ')}.`),
  rrdata: value(z.string().min(1).max(1024)).describe('The data, as in a zone file.'),
  ttl: ttlOf.optional().describe('Its TTL, in seconds.'),
});

async function addRecord(call: ApiCall, given: Passed<typeof newRecord>, lost?: ReadonlySet<string>): Promise<Answer> {
  const known =
    RECORD_TYPES.find((one) => one === given.rrtype?.toUpperCase()) ??
    refuseFields({ rrtype: [refusal('field.record-type', { known: RECORD_TYPES })] });
  const nowMs = call.region.clock.wallTimeMs();
  let id = 0;
  const refused = await changeRecords(call, (records, domains) => {
    // The data can be judged without the name.
    const isUnnamed = given.fqdn === undefined && Object.keys(naming).some((one) => lost?.has(one));
    const found = allOf(isUnnamed ? domains[0] : nameOf(domains, given), known);
    if (isRefusal(found)) return found;
    const [name, type] = found;
    id = nextNumber(records, nowMs);
    return [...records, { id, name, type, data: given.rrdata ?? '', ttl: given.ttl }];
  });
  return ofRecord(given, refused) ?? showRecord(call, id);
}

function showRecord(call: ApiCall, id: number): Answer {
  const record = currentRecords(call).find((one) => one.id === id);
  return record === undefined ? NO_RECORD : json(recordJson(record));
}

const changedRecord = z.object({
  rrdata: value(z.string().min(1).max(1024)).optional().describe('The new data, as in a zone file.'),
  ttl: ttlOf.optional().describe('Its TTL, in seconds.'),
});

/** Changes the record of the path. @param revise undefined: removes the record, and the answer is empty */
async function changeRecord(call: ApiCall, revise?: (record: NamedRecord) => NamedRecord): Promise<Answer> {
  const id = idIn(call.path.id);
  const refused = await changeRecords(call, (records) => {
    if (!records.some((one) => one.id === id)) return NO_RECORD;
    return records.flatMap((one) => (one.id === id ? (revise === undefined ? [] : [revise(one)]) : [one]));
  });
  return ofRecord({}, refused) ?? (revise === undefined ? { kind: 'empty' } : showRecord(call, id));
}

const reading = { versions: ['2.0'], method: 'GET', access: 'user' } as const;
const changing = { versions: ['2.0'], access: 'admin', ownTransaction: true } as const;
const names = { path: 'dnsresources', handler: 'DnsresourcesHandler' } as const;
const name = { path: 'dnsresources/{id}', handler: 'DnsresourceHandler' } as const;
const records = { path: 'dnsresourcerecords', handler: 'DnsresourcerecordsHandler' } as const;
const record = { path: 'dnsresourcerecords/{id}', handler: 'DnsresourcerecordHandler' } as const;

const NAMES: readonly Operation[] = [
  defineOperation({
    ...{ ...reading, ...names },
    doc: 'List the names that the racks serve besides those of machines.',
    parameters: filters,
    check: checkFilters,
    run: async (call, given) => {
      const found = await filtered(call, given);
      return 'kind' in found ? found : json(byName(found).map(resourceJson));
    },
  }),
  defineOperation({
    ...{ ...changing, ...names, method: 'POST' },
    doc: 'Add a name.',
    parameters: newName,
    ...tried(newName.partial(), addName),
  }),
  defineOperation({
    ...{ ...reading, ...name },
    doc: 'Read one name.',
    parameters: nothing,
    run: async (call) => {
      const found = findName(call, await loaded(call));
      return found === undefined ? NO_NAME : json(resourceJson(found));
    },
  }),
  defineOperation({
    ...{ ...changing, ...name, method: 'PUT' },
    doc: 'Change a name or its addresses.',
    parameters: changedName,
    ...tried(changedName, changeName),
  }),
  defineOperation({
    ...{ ...changing, ...name, method: 'DELETE' },
    doc: 'Delete a name with all its records.',
    parameters: nothing,
    run: removeName,
  }),
];

const RECORDS: readonly Operation[] = [
  defineOperation({
    ...{ ...reading, ...records },
    doc: 'List the records that are not addresses.',
    parameters: filters,
    check: checkFilters,
    run: async (call, given) => {
      const found = await filtered(call, given);
      return 'kind' in found ? found : json(found.filter(({ type }) => type !== 'A').map(recordJson));
    },
  }),
  defineOperation({
    ...{ ...changing, ...records, method: 'POST' },
    doc: 'Add a record.',
    parameters: newRecord,
    ...tried(newRecord.partial(), addRecord),
  }),
  defineOperation({
    ...{ ...reading, ...record },
    doc: 'Read one record.',
    parameters: nothing,
    run: async (call) => {
      const id = idIn(call.path.id);
      const found = (await loaded(call)).find((one) => one.id === id);
      return found === undefined ? NO_RECORD : json(recordJson(found));
    },
  }),
  defineOperation({
    ...{ ...changing, ...record, method: 'PUT' },
    doc: 'Change a record.',
    parameters: changedRecord,
    ...tried(changedRecord, (call, { rrdata, ttl }) =>
      changeRecord(call, (one) => ({ ...one, data: rrdata ?? one.data, ttl: ttl ?? one.ttl })),
    ),
  }),
  defineOperation({
    ...{ ...changing, ...record, method: 'DELETE' },
    doc: 'Delete a record.',
    parameters: nothing,
    run: (call) => changeRecord(call),
  }),
];

/** Names and records, in version 2.0. */
export const DNSRESOURCE_OPERATIONS: readonly Operation[] = [...NAMES, ...RECORDS];
