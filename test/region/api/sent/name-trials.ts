// Trials of zones, pools, tags, domains and names.

import assert from 'node:assert/strict';
import { ipv4, mac } from '../../../../src/ground/address.ts';
import type { AskedApi } from '../../asked-api.ts';
import { both, type Given, machine, machineAfter, only, type Sight, type Trial } from './trial.ts';

const zoneGiven = async (): Promise<Given> => ({ path: { name: 'hall' } });
const poolGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const [, lab] = (await ask('GET', '2.0/pools/')).json;
  return { path: { id: lab.id } };
};
const AREA = { name: 'north', description: 'Facing north' };

const AREAS: readonly Trial[] = [
  ...both('POST zones', { send: AREA }),
  ...both('PUT zones/{name}', { given: zoneGiven, send: AREA }),
  { of: '2.0 POST resourcepools', send: AREA },
  { of: '2.0 POST pools', send: AREA },
  { of: '2.0 PUT resourcepool/{id}', given: poolGiven, send: AREA },
  { of: '2.0 PUT pools/{id}', given: poolGiven, send: AREA },
  ...[
    '2.0 POST machines set_zone',
    '2.0 POST nodes set_zone',
    '2.0 POST devices set_zone',
    '1.0 POST nodes set_zone',
  ].map(
    (of): Trial => ({
      of,
      given: async (site) => ({ kept: await machine(site) }),
      send: ({ kept = '' }) => ({ nodes: kept, zone: 'hall' }),
      reads: { nodes: inHall, zone: inHall },
    }),
  ),
];

async function inHall({ site, given }: Sight) {
  assert.equal((await site.ask('GET', `2.0/machines/${given.kept}/`)).json.zone.name, 'hall');
}

const TAG = { name: 'large', comment: 'Much memory', definition: '//node', kernel_opts: 'nomodeset' };
const tagGiven = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '2.0/tags/', { name: 'old' });
  return { path: { name: 'old' } };
};
const isTagged =
  (has: boolean) =>
  async ({ site, given }: Sight) => {
    const { tag_names: names } = await machineAfter({
      site,
      answer: await site.ask('GET', '2.0/version/'),
      sent: {},
      given: { path: { system_id: (has ? given.kept : String(given.path?.other)) ?? '' } },
    });
    assert.equal(names.includes('old'), has);
  };

const TAGS: readonly Trial[] = [
  { of: '2.0 POST tags', send: TAG },
  { of: '1.0 POST tags new', send: TAG },
  ...both('PUT tags/{name}', { given: tagGiven, send: TAG }),
  ...both('POST tags/{name} update_nodes', {
    given: async (site) => {
      const { path } = await tagGiven(site);
      const [kept, other] = [await machine(site), await machine(site, 'ready', {}, 3)];
      await site.ask('POST', '2.0/tags/old/?op=update_nodes', { add: other });
      return { path: { ...path, other }, kept };
    },
    send: ({ kept = '', path }) => ({ add: kept, remove: String(path?.other) }),
    reads: { add: isTagged(true), remove: isTagged(false) },
  }),
];

const NAME = { fqdn: 'www.maas', ip_addresses: '10.20.0.5', address_ttl: '60' };
const NAME_READS = { ip_addresses: { at: 'ip_addresses.0.ip', is: '10.20.0.5' } } as const;
const nameGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const first = (await ask('POST', '2.0/dnsresources/', { fqdn: 'old.maas', ip_addresses: '10.20.0.6' })).json;
  await ask('POST', '2.0/domains/', { name: 'example' });
  await ask('POST', '2.0/dnsresources/', { name: 'other', domain: 'example', ip_addresses: '10.20.0.7' });
  await ask('POST', '2.0/dnsresourcerecords/', { fqdn: 'old.maas', rrtype: 'TXT', rrdata: 'x' });
  await ask('POST', '2.0/dnsresourcerecords/', { fqdn: 'other.example', rrtype: 'MX', rrdata: '10 mail.example' });
  return { path: { id: first.id }, kept: 'old.maas' };
};
const recordGiven = async ({ ask }: AskedApi): Promise<Given> => ({
  path: { id: (await ask('POST', '2.0/dnsresourcerecords/', { fqdn: 'a.maas', rrtype: 'TXT', rrdata: 'x' })).json.id },
});
const listed = (path: string, sent: Readonly<Record<string, string>>): readonly Trial[] =>
  Object.entries(sent).map(([name, text]) => ({
    of: `2.0 GET ${path}`,
    given: nameGiven,
    send: { [name]: text },
    reads: { [name]: only('fqdn') },
  }));
const FQDN = { name: { at: 'fqdn', is: 'www.example' }, domain: { at: 'fqdn', is: 'www.example' } } as const;
const domainGiven = async ({ ask }: AskedApi): Promise<Given> => ({
  path: { id: (await ask('POST', '2.0/domains/', { name: 'example' })).json.id },
});
const DOMAIN = { name: 'lab.example', authoritative: 'true', ttl: '0' };
const DOMAIN_READS = { authoritative: { at: 'authoritative', is: true }, ttl: { at: 'ttl', is: null } } as const;
const PARTS = { name: 'www', domain: 'example' };
const TARGET = { ip_addresses: '10.20.0.5' };

const NAMES: readonly Trial[] = [
  { of: '2.0 POST domains', send: DOMAIN, reads: DOMAIN_READS },
  { of: '2.0 PUT domains/{id}', given: domainGiven, send: DOMAIN, reads: DOMAIN_READS },
  { of: '2.0 POST dnsresources', send: NAME, reads: NAME_READS },
  {
    of: '2.0 POST dnsresources',
    send: PARTS,
    reads: FQDN,
    given: async (site) => ({ ...(await domainGiven(site)), fields: TARGET }),
  },
  { of: '2.0 PUT dnsresources/{id}', given: nameGiven, send: NAME, reads: NAME_READS },
  { of: '2.0 PUT dnsresources/{id}', given: nameGiven, send: PARTS, reads: FQDN },
  ...listed('dnsresources', { fqdn: 'old.maas', name: 'old', domain: 'maas', rrtype: 'A' }).map((trial) =>
    'rrtype' in trial.send ? { ...trial, reads: { rrtype: bothNames } } : trial,
  ),
  {
    of: '2.0 GET dnsresources',
    send: { all: 'true' },
    reads: { all: only('fqdn') },
    given: async (site) => {
      const id = await machine(site, 'ready', { hostname: 'one', domain: 'maas' });
      const addresses = [{ mac: mac(0x525400000001), address: ipv4(0x0a140007) }];
      await site.place.store.changeMachine(id, 1, () => ({ kind: 'change', fields: {}, events: [], addresses }));
      return { kept: 'one.maas' };
    },
  },
  ...listed('dnsresourcerecords', { fqdn: 'old.maas', name: 'old', domain: 'maas', rrtype: 'TXT' }),
  {
    of: '2.0 POST dnsresourcerecords',
    send: { fqdn: 'www.maas', rrtype: 'TXT', rrdata: 'some text', ttl: '60' },
  },
  {
    of: '2.0 POST dnsresourcerecords',
    send: PARTS,
    reads: FQDN,
    given: async (site) => ({ ...(await domainGiven(site)), fields: { rrtype: 'TXT', rrdata: 'x' } }),
  },
  {
    of: '2.0 PUT dnsresourcerecords/{id}',
    given: recordGiven,
    send: { rrtype: 'CNAME', rrdata: 'y.maas', ttl: '90', fqdn: 'b.maas' },
  },
  {
    of: '2.0 PUT dnsresourcerecords/{id}',
    send: PARTS,
    reads: FQDN,
    given: async (site) => ({ path: { ...(await domainGiven(site)).path, ...(await recordGiven(site)).path } }),
  },
];

/** Of each name only the addresses. */
function bothNames({ answer }: Sight) {
  assert.deepEqual(
    answer.json.map((one: { readonly resource_records: readonly unknown[] }) => one.resource_records),
    [[], []],
  );
}

export const NAME_TRIALS: readonly Trial[] = [...AREAS, ...TAGS, ...NAMES];
