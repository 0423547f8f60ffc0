// Names with addresses, and further records, which every rack serves.
//
// Source: MAAS's `dnsresources/` and `dnsresourcerecords/`.
//
// 1. A name is the group of all records of one fully qualified name (`dns-records.ts`). Its
//    addresses are its A records.
// 2. Their addresses are reserved for the caller, if nobody has them (`name-reservation.ts`).
// 3. A change of records takes effect at once. Where the file has them, it is refused, with the
//    file and the key.

import { z } from 'zod';
import { parseIpv4 } from '../../../ground/address.ts';
import { reserveNamed } from '../../networks/name-reservation.ts';
import { subnetOfAddress } from '../../networks/network-view.ts';
import { REQUIRED } from '../../records/refusal.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  combineOrRefuse,
  EMPTY,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  flagWord,
  getCallerUsername,
  IP_ADDRESS,
  idIn,
  isTrue,
  nothing,
  numberText,
  type Operation,
  optionalText,
  requiredText,
  resource,
  value,
  values,
} from '../call/operation.ts';
import { API_2 } from '../json/fixed-json.ts';
import { subnetJson } from '../json/subnet-json.ts';
import {
  changeRecords,
  currentDomainIds,
  currentDomains,
  currentRecords,
  domainIn,
  findLongestDomain,
  formatNaming,
  groupRecordsByName,
  type NamedRecord,
  namedDomain,
  nextNumber,
  ofName,
  ofRecord,
  parseQualifiedName,
  RECORD_TYPES,
  refuseAddresses,
  refuseNameless,
  refuseTakenName,
  reservedRecords,
  splitQualifiedName,
  typeIn,
} from './dns-records.ts';
import { listWithNodes } from './node-names.ts';

type Revise = Parameters<typeof changeRecords>[1];
const ADDRESSES_MAX = 64;
const TTL_MAX = 604_800;
/** MAAS's type of an address that a user reserved. */
const USER_RESERVED = 4;

const recordJson = ({ id, name, type, data, ttl }: NamedRecord): AnswerOf<'dnsResourceRecord'> => ({
  id,
  fqdn: name,
  rrtype: type,
  rrdata: data,
  ttl: ttl ?? null,
  resource_uri: `${API_2}/dnsresourcerecords/${id}/`,
});

function addressJson({ region }: ApiCall, ip: string): AnswerOf<'dnsAddress'> {
  const address = parseIpv4(ip);
  const { known, stored } = region.networks;
  const subnet = address === undefined ? undefined : subnetOfAddress(known, address);
  const reserved = stored.reserved.find((reservation) => reservation.address === address);
  const created = reserved === undefined ? '' : new Date(reserved.createdMs).toISOString();
  return {
    ip,
    alloc_type: USER_RESERVED,
    alloc_type_name: 'User reserved',
    created,
    owner: null,
    subnet: subnet === undefined ? null : subnetJson(subnet),
    interface_set: [],
    resource_uri: `${API_2}/ipaddresses/`,
  };
}

function resourceJson(call: ApiCall, records: readonly NamedRecord[]): AnswerOf<'dnsResource'> {
  const id = getLowestRecordId(records);
  const addresses = records.filter(({ type }) => type === 'A');
  return {
    id,
    fqdn: records[0]?.name ?? '',
    address_ttl: addresses[0]?.ttl ?? null,
    ip_addresses: addresses.map(({ data }) => addressJson(call, data)),
    resource_records: records.filter(({ type }) => type !== 'A').map(recordJson),
    resource_uri: `${API_2}/dnsresources/${id}/`,
  };
}

const getLowestRecordId = (records: readonly NamedRecord[]) => Math.min(...records.map(({ id }) => id));

async function loaded(call: ApiCall): Promise<readonly NamedRecord[]> {
  await call.region.networks.look();
  return [...currentRecords(call), ...reservedRecords(call)];
}

const findRecordsInPath = (call: ApiCall, records: readonly NamedRecord[]) =>
  groupRecordsByName(records).find((group) => getLowestRecordId(group) === idIn(call.path.id));
const NO_NAME: Refusal = refuse('not-found', 'No name has this id.');
const NO_RECORD: Refusal = refuse('not-found', 'No record has this id.');

/** A name as DNS has it; underscores and a wildcard are allowed. The settings check it again. */
const label = z
  .string()
  .max(253)
  .regex(/^(?:@|[A-Za-z0-9_*]?[A-Za-z0-9_.-]*)$/, 'Give letters, digits, hyphens, underscores and dots.');
const naming = {
  fqdn: value(label).optional().describe('The fully qualified name, in place of `name` and `domain`.'),
  name: value(label)
    .optional()
    .describe('The name without its domain; @ is the domain itself.')
    .register(controls, { hint: 'Without the domain; @ is the domain itself.' }),
  domain: optionalText(253, 'The domain, by its name or its id. Default: the default domain.'),
};
const ttlOf = value(
  numberText(/^\d{1,6}$/)
    .transform(Number)
    .pipe(z.number().max(TTL_MAX)),
);
const filters = z.object({
  fqdn: value(label).optional().describe('Only this name.'),
  name: value(label).optional().describe('Only names that begin with this label.'),
  domain: optionalText(253, 'Only names of this domain, by its name or its id.'),
  rrtype: optionalText(8, `Only records of this type: ${RECORD_TYPES.join(', ')}.`),
});

async function filtered(call: ApiCall, input: z.output<typeof filters>): Promise<readonly NamedRecord[] | Refusal> {
  const records = await loaded(call);
  const domains = currentDomains(call);
  const checked = combineOrRefuse(
    input.domain === undefined ? undefined : domainIn(call, input.domain),
    input.rrtype === undefined ? undefined : typeIn(input.rrtype),
  );
  if (isRefusal(checked)) return checked;
  const [domain, rrtype] = checked;
  return records.filter(
    ({ name, type }) =>
      (input.fqdn === undefined || name === input.fqdn.toLowerCase()) &&
      (input.name === undefined || name.split('.', 1)[0] === input.name.toLowerCase()) &&
      (domain === undefined || findLongestDomain(domains, name) === domain) &&
      (rrtype === undefined || type === rrtype),
  );
}

const nameFilters = filters.extend({
  all: value(flagWord.transform(isTrue))
    .optional()
    .describe('True: include the names of machines and devices. They have the id -1, and their addresses as records.'),
});

/** The addresses in a parameter; MAAS's clients separate them by spaces or commas. */
const wordsIn = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.split(/\s+/)).filter((text) => text !== '');

const addresses = values(ADDRESSES_MAX)
  .refine((texts) => wordsIn(texts).every((text) => parseIpv4(text) !== undefined), IP_ADDRESS)
  .describe('Its IPv4 addresses.');
const newName = z.object({
  ...naming,
  ip_addresses: addresses,
  address_ttl: ttlOf.optional().describe('The TTL of its addresses, in seconds.'),
});

async function addName(call: ApiCall, input: z.output<typeof newName>): Promise<Answer> {
  const listed = wordsIn(input.ip_addresses);
  const nowMs = call.region.clock.wallTimeMs();
  let name = '';
  const revise: Revise = (records, _domains, ids) => {
    const wanted = parseQualifiedName(ids, input);
    const checked = combineOrRefuse(
      isRefusal(wanted) ? wanted : (refuseTakenName(call, records, wanted) ?? wanted),
      listed.length === 0 ? refuseField('ip_addresses', REQUIRED) : listed,
    );
    if (isRefusal(checked)) return checked;
    name = checked[0];
    return [...records, ...addressRecords(name, checked[1], input.address_ttl, nextNumber(records, nowMs))];
  };
  const refused = await changeRecords(call, revise, undefined, () => reserveAll(call, listed));
  return ofName(input, refused) ?? showName(call, name);
}

async function reserveAll(call: ApiCall, texts: readonly string[]): Promise<Refusal | undefined> {
  for (const text of new Set(texts)) {
    const address = parseIpv4(text);
    const word = address === undefined ? undefined : await reserveNamed(call.region, getCallerUsername(call), address);
    if (word !== undefined) return refuseFor([word]);
  }
  return undefined;
}

const addressRecords = (
  name: string,
  list: readonly string[],
  ttl: number | undefined,
  first: number,
): readonly NamedRecord[] =>
  [...new Set(list)].map((data, index) => ({ id: first + index, name, type: 'A' as const, data, ttl }));

function showName(call: ApiCall, name: string): Answer {
  const records = currentRecords(call).filter((record) => record.name === name);
  return records.length === 0 ? NO_NAME : json(resourceJson(call, records));
}

const changedName = newName.extend({ ip_addresses: addresses.optional() });

async function changeName(call: ApiCall, input: z.output<typeof changedName>): Promise<Answer> {
  const nowMs = call.region.clock.wallTimeMs();
  let name = '';
  const revise: Revise = (records, domains, ids) => {
    const old = findRecordsInPath(call, records)?.[0]?.name;
    if (old === undefined) return refuseNameless(call, idIn(call.path.id));
    const next = parseQualifiedName(ids, { ...splitQualifiedName(domains, old), ...input });
    if (typeof next !== 'string') return next;
    const list = input.ip_addresses === undefined ? undefined : wordsIn(input.ip_addresses);
    name = next;
    const own = records.filter((record) => record.name === old && record.type === 'A');
    const misfit = refuseAddresses(old, own, list, input.address_ttl);
    const taken = name === old ? undefined : refuseTakenName(call, records, name);
    const checked = combineOrRefuse(misfit, taken);
    if (isRefusal(checked)) return checked;
    const first = nextNumber(records, nowMs);
    const revised = records.flatMap((entry): readonly NamedRecord[] => {
      if (entry.name !== old) return [entry];
      const ttl = entry.type === 'A' && input.address_ttl !== undefined ? input.address_ttl : entry.ttl;
      if (entry.type !== 'A' || list === undefined) return [{ ...entry, name: next, ttl }];
      // The first address keeps the number of the name; the others get new ones.
      if (entry !== own[0]) return [];
      const made = addressRecords(next, list, ttl, first);
      return made.map((record, index) => (index === 0 ? { ...record, id: entry.id } : record));
    });
    const isFirst = own.length === 0 && list !== undefined;
    return isFirst ? [...revised, ...addressRecords(next, list, input.address_ttl, first)] : revised;
  };
  const field = input.ip_addresses === undefined ? formatNaming(input) : 'ip_addresses';
  const refused = await changeRecords(call, revise, field, () => reserveAll(call, wordsIn(input.ip_addresses ?? [])));
  return ofName(input, refused) ?? showName(call, name);
}

async function removeName(call: ApiCall): Promise<Answer> {
  const refused = await changeRecords(call, (records) => {
    const name = findRecordsInPath(call, records)?.[0]?.name;
    return name === undefined
      ? refuseNameless(call, idIn(call.path.id))
      : records.filter((record) => record.name !== name);
  });
  return refused ?? EMPTY;
}

const recordType = {
  control: 'choice',
  hint: '',
  choices: Object.fromEntries(RECORD_TYPES.map((type) => [type, type])),
} as const;
const newRecord = z.object({
  ...naming,
  rrtype: requiredText(8, `The type: ${RECORD_TYPES.join(', ')}.`, recordType),
  rrdata: value(z.string().min(1).max(1024)).describe('The data, as in a zone file.').register(controls, {
    hint: 'As in a zone file: 10.20.0.10, www.example.net, 10 mail.example.net, "a text".',
  }),
  ttl: ttlOf
    .optional()
    .describe('Its TTL, in seconds.')
    .register(controls, { hint: 'How long others may keep the answer, in seconds.' }),
});

async function addDnsRecord(call: ApiCall, input: z.output<typeof newRecord>): Promise<Answer> {
  const recordType = typeIn(input.rrtype);
  const nowMs = call.region.clock.wallTimeMs();
  let id = 0;
  const revise: Revise = (records, _domains, ids) => {
    const checked = combineOrRefuse(parseQualifiedName(ids, input), recordType);
    if (isRefusal(checked)) return checked;
    const [name, type] = checked;
    id = nextNumber(records, nowMs);
    return [...records, { id, name, type, data: input.rrdata, ttl: input.ttl }];
  };
  const refused = await changeRecords(call, revise, 'rrtype');
  return ofRecord(input, refused) ?? showRecord(call, id);
}

function showRecord(call: ApiCall, id: number): Answer {
  const record = currentRecords(call).find((record) => record.id === id);
  return record === undefined ? NO_RECORD : json(recordJson(record));
}

const changedRecord = newRecord.extend({
  rrtype: optionalText(8, `The new type: ${RECORD_TYPES.join(', ')}.`, recordType),
  rrdata: newRecord.shape.rrdata.optional().describe('The new data, as in a zone file.'),
});

async function changeRecord(call: ApiCall, input: z.output<typeof changedRecord>): Promise<Answer> {
  const id = idIn(call.path.id);
  const { rrtype, rrdata, ttl } = input;
  const recordType = rrtype === undefined ? undefined : typeIn(rrtype);
  const revise: Revise = (records, domains, ids) => {
    const before = records.find((record) => record.id === id);
    if (before === undefined) return NO_RECORD;
    const checked = combineOrRefuse(
      parseQualifiedName(ids, { ...splitQualifiedName(domains, before.name), ...input }),
      recordType,
    );
    if (isRefusal(checked)) return checked;
    const [name, type = before.type] = checked;
    const after = { id, name, type, data: rrdata ?? before.data, ttl: ttl ?? before.ttl };
    return records.map((record) => (record === before ? after : record));
  };
  const refused = await changeRecords(call, revise, rrtype === undefined ? formatNaming(input) : 'rrtype');
  return ofRecord(input, refused) ?? showRecord(call, id);
}

async function removeRecord(call: ApiCall): Promise<Answer> {
  const id = idIn(call.path.id);
  const refused = await changeRecords(call, (records) =>
    records.some((record) => record.id === id) ? records.filter((record) => record.id !== id) : NO_RECORD,
  );
  return ofRecord({}, refused) ?? EMPTY;
}

const changing = { versions: ['2.0'], ownTransaction: true } as const;

/** Names and records, in version 2.0. */
export const DNSRESOURCE_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: { ...changing, path: 'dnsresources', handler: 'DNSResourcesHandler' },
    one: { ...changing, path: 'dnsresources/{id}', handler: 'DNSResourceHandler' },
    answers: 'dnsResource',
    list: [
      'List the names that the racks serve, with or without those of machines and devices.',
      nameFilters,
      async (call, input) => {
        const matching = await filtered(call, input);
        if ('kind' in matching) return matching;
        const resourcesJson = groupRecordsByName(matching).map((records) => resourceJson(call, records));
        if (input.all !== true) return json(resourcesJson);
        const domain = input.domain === undefined ? undefined : namedDomain(currentDomainIds(call), input.domain);
        return listWithNodes(call, resourcesJson, { ...input, domain });
      },
    ],
    add: ['Add a name. An address that nobody has is reserved for the caller until it is released.', newName, addName],
    read: [
      'Read one name.',
      nothing,
      async (call) => {
        const records = findRecordsInPath(call, await loaded(call));
        return records === undefined ? NO_NAME : json(resourceJson(call, records));
      },
    ],
    change: [
      'Change a name or its addresses. A name that has only other records gets its first addresses.',
      changedName,
      changeName,
    ],
    remove: ['Delete a name with all its records.', nothing, removeName],
  }),
  ...resource({
    many: { ...changing, path: 'dnsresourcerecords', handler: 'DNSResourceRecordsHandler' },
    one: { ...changing, path: 'dnsresourcerecords/{id}', handler: 'DNSResourceRecordHandler' },
    answers: 'dnsRecord',
    list: [
      'List the records that are not addresses.',
      filters,
      async (call, input) => {
        const matching = await filtered(call, input);
        return 'kind' in matching ? matching : json(matching.filter(({ type }) => type !== 'A').map(recordJson));
      },
    ],
    add: ['Add a record. Not idempotent: each call adds another one.', newRecord, addDnsRecord],
    read: [
      'Read one record.',
      nothing,
      async (call) => {
        const id = idIn(call.path.id);
        const record = (await loaded(call)).find((entry) => entry.id === id);
        return record === undefined ? NO_RECORD : json(recordJson(record));
      },
    ],
    change: ['Change a record: its data, its type, its TTL or its name. It keeps its id.', changedRecord, changeRecord],
    remove: ['Delete a record.', nothing, removeRecord],
  }),
];
