// Domains for which the racks are authoritative.
//
// Source: MAAS's `domains/` and `domains/{id}/`.
//
// 1. The default domain is that of new machines; it is neither deleted nor renamed here.
// 2. A domain keeps its id when it is renamed or becomes the default.
// 3. The machines, devices, records and reserved addresses of a domain are renamed with it, in one
//    transaction. A domain that has any of them is not deleted.

import { z } from 'zod';
import { counted } from '../../../ground/counted.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import { inhabitants } from '../areas/chosen-areas.ts';
import { type Answer, EMPTY, inhabitantsText, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  eventBy,
  isTrue,
  nothing,
  type Operation,
  operation,
  ownTransaction,
  refusedOperation,
  resource,
  value,
} from '../call/operation.ts';
import { domainJson } from '../json/area-json.ts';
import {
  changeDomains,
  currentDomainIds,
  currentDomains,
  type DomainIds,
  type Domains,
  findLongestDomain,
  moveRecords,
  type NamedRecord,
  namedDomain,
} from './dns-records.ts';

/** The longest name in DNS, without its final dot. */
const NAME_LENGTH_MAX = 253;
/** The machines that a renaming reads and moves in one step. */
const MOVED_AT_ONCE = 256;

const domainName = z
  .string()
  .max(NAME_LENGTH_MAX)
  .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i, 'Give a domain name.')
  .transform((text) => text.toLowerCase());

const domainAnswer = ({ region }: ApiCall, name: string): Answer => json(domainJson(name, readPlacement(region)));

const findDomain = (call: ApiCall, ids: DomainIds) => namedDomain(ids, call.path.id ?? '');

async function loadDomain(call: ApiCall) {
  await call.region.settings.load();
  return findDomain(call, currentDomainIds(call));
}

const NO_DOMAIN: Refusal = refuse('not-found', 'No domain has this id or name.');

async function answerDomains(call: ApiCall) {
  await call.region.settings.load();
  const where = readPlacement(call.region);
  return json(currentDomains(call).map((name) => domainJson(name, where)));
}

async function answerDomain(call: ApiCall): Promise<Answer> {
  const name = await loadDomain(call);
  return name === undefined ? NO_DOMAIN : domainAnswer(call, name);
}

const domainTakenText = (name: string) => `The domain ${name} exists already.`;

async function addDomain(call: ApiCall, { name }: z.output<typeof newDomain>): Promise<Answer> {
  const refused = await changeDomains(call, (domains) =>
    domains.includes(name) ? refuseField('name', domainTakenText(name)) : { further: [...domains.slice(1), name] },
  );
  return refused ?? domainAnswer(call, name);
}

async function moveReserved({ region }: ApiCall, before: string, after: string) {
  await region.store.networks.change(({ reserved }) => {
    const moved = reserved
      .filter(({ domain }) => domain === before)
      .map((reservation) => ({ ...reservation, domain: after }));
    return { put: { reserved: moved }, result: undefined };
  });
  await region.store.afterCommit(async () => {
    await region.networks.look();
  });
}

/**
 * Moves the machines and devices of a domain to another one, or refuses if the name of one would be
 * too long.
 */
async function moveMachines(call: ApiCall, before: string, after: string) {
  const { store } = call.region;
  const event = eventBy(call, 'NODE', { code: 'machine-edited', params: { fields: [] } });
  const filter = { domains: [before], isDevice: 'either' } as const;
  for await (const page of machineChunks(store, filter, MOVED_AT_ONCE)) {
    const long = page.find(({ hostname }) => hostname.length + 1 + after.length > NAME_LENGTH_MAX);
    if (long !== undefined) {
      return refuseField(
        'name',
        `The name of ${long.hostname} would be longer than ${NAME_LENGTH_MAX} characters: give a shorter domain.`,
      );
    }
    const systemIds = page.map(({ systemId }) => systemId);
    await store.changeMachines<never>(systemIds, event.atMs, () => ({
      kind: 'change',
      fields: { domain: after },
      events: [event],
    }));
  }
  await call.region.machinesChanged();
  return undefined;
}

async function refuseInhabited(call: ApiCall, name: string) {
  const { reserved } = await call.region.store.networks.list();
  const count = reserved.filter(({ domain }) => domain === name).length;
  if (count > 0)
    return refuse(
      'domain-in-use',
      `${name} has the names of ${counted(count, 'reserved address', 'reserved addresses')}: release them first (ipaddresses).`,
    );
  const occupants = await inhabitants(call, { domains: [name] });
  return occupants === undefined
    ? undefined
    : refuse(
        'domain-in-use',
        `${name} has ${inhabitantsText(occupants)}. Move them to another domain first (domain of machines/<id>/ or devices/<id>/).`,
      );
}

const defaultText = (name: string) =>
  `${name} is the default domain: make another one the default first (domains/<id>/?op=set_default).`;

async function rename(call: ApiCall, { name }: z.output<typeof changedDomain>): Promise<Answer> {
  if (name === undefined || name === (await loadDomain(call))) return answerDomain(call);
  let former = '';
  const revise = (domains: Domains, records: readonly NamedRecord[], ids: DomainIds) => {
    const before = findDomain(call, ids);
    if (before === undefined) return NO_DOMAIN;
    if (before === domains[0]) return refuse('domain-in-use', defaultText(before));
    if (domains.includes(name)) return refuseField('name', domainTakenText(name));
    former = before;
    const further = domains.slice(1).map((domain) => (domain === before ? name : domain));
    const moved = moveRecords(records, domains, before, name);
    const renamed = { before, after: name };
    return moved === undefined ? { further, renamed } : { further, renamed, records: moved };
  };
  const refused = await changeDomains(call, revise, async () => {
    await moveReserved(call, former, name);
    return await moveMachines(call, former, name);
  });
  return refused ?? domainAnswer(call, name);
}

async function removeDomain(call: ApiCall): Promise<Answer> {
  let removed = '';
  const revise = (domains: Domains, records: readonly NamedRecord[], ids: DomainIds) => {
    const name = findDomain(call, ids);
    if (name === undefined) return NO_DOMAIN;
    if (name === domains[0]) return refuse('domain-in-use', defaultText(name));
    removed = name;
    const held = records.filter((record) => findLongestDomain(domains, record.name) === name).length;
    if (held > 0) return refuse('domain-in-use', `${name} has ${counted(held, 'record')}: delete them first.`);
    return { further: domains.slice(1).filter((domain) => domain !== name) };
  };
  const refused = await changeDomains(call, revise, () => refuseInhabited(call, removed));
  return refused ?? EMPTY;
}

/** Makes a domain the default for new machines; the former default stays as a further domain. */
async function setDefault(call: ApiCall) {
  let name = await loadDomain(call);
  if (name !== undefined && name === currentDomains(call)[0]) return domainAnswer(call, name);
  const refused = await changeDomains(call, (domains, _records, ids) => {
    const chosen = findDomain(call, ids);
    name = chosen;
    return chosen === undefined
      ? NO_DOMAIN
      : { byDefault: chosen, further: domains.filter((domain) => domain !== chosen) };
  });
  return refused ?? domainAnswer(call, name ?? '');
}

const many = { versions: ['2.0'], path: 'domains', handler: 'DomainsHandler' } as const;
const item = { versions: ['2.0'], path: 'domains/{id}', handler: 'DomainHandler', ownTransaction: true } as const;

/** Settings that MAAS's domains have, and ours have with one value only. */
const fixed = {
  authoritative: value(
    z.string().trim().refine(isTrue, 'The racks are authoritative for every domain: give true, or nothing.'),
  )
    .optional()
    .describe('True: the racks are authoritative for every domain.'),
  ttl: value(
    z
      .string()
      .regex(
        /^0?$/,
        'A domain has no TTL of its own: give 0, or nothing, and the TTL with each name (dnsresources, address_ttl).',
      ),
  )
    .optional()
    .describe('0: a domain has no TTL of its own; a name has one.'),
};

const newDomain = z.object({
  name: value(domainName).describe('Its name.').register(controls, { hint: 'Such as lab.example.net.' }),
  ...fixed,
});
const changedDomain = newDomain.extend({
  name: value(domainName).optional().describe('Its new name.').register(controls, {
    hint: 'Its machines, devices, records and reserved addresses get names in the renamed domain.',
  }),
});

/** Domains, in version 2.0. */
export const DOMAIN_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: ownTransaction(many),
    one: item,
    answers: 'domain',
    list: ['List the domains for which the racks are authoritative, the default one first.', nothing, answerDomains],
    add: ['Add a domain.', newDomain, addDomain],
    read: ['Read one domain, by its id or its name.', nothing, answerDomain],
    change: ['Rename a domain, and its machines, devices and records with it. It keeps its id.', changedDomain, rename],
    remove: ['Delete a domain that has no machines, devices, records or reserved addresses.', nothing, removeDomain],
  }),
  operation(
    item,
    'POST set_default',
    'admin',
    'domain',
    'Make a domain the default for new machines. Every domain keeps its id.',
    nothing,
    setDefault,
  ),
  refusedOperation(
    { ...many, method: 'POST', access: 'admin' },
    'set_serial',
    'Refused: each rack raises the serial of its zones with every change.',
    refuse('bad-request', 'Each rack raises the serial of its zones with every change: it cannot be set.'),
  ),
];
