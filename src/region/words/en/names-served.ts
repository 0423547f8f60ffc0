// Why a change to domains, names or records is refused.

import { counted } from '../../../counted.ts';
import { inhabitantsText, type RefusalTable } from './table.ts';

type Named = { readonly name: string };

/** By code. */
export const NAMES_SERVED = {
  'not-found.domain': 'No domain has this id or name.',
  'not-found.dns-resource': 'No name has this id.',
  'not-found.dns-record': 'No record has this id.',
  'domain-in-use.default': ({ name }: Named) =>
    `${name} is the default domain: make another one the default first (domains/<id>/?op=set_default).`,
  'domain-in-use.records': ({ name, count }: Named & { readonly count: number }) =>
    `${name} has ${counted(count, 'record')}: delete them first.`,
  'domain-in-use.reserved': ({ name, count }: Named & { readonly count: number }) =>
    `${name} has the names of ${counted(count, 'reserved address', 'reserved addresses')}: release them first (ipaddresses).`,
  'domain-in-use.machines': ({ name, ...found }: Named & Parameters<typeof inhabitantsText>[0]) =>
    `${name} has ${inhabitantsText(found)}. Move them to another domain first (domain of machines/<id>/ or devices/<id>/).`,
  'in-use.reserved-name': ({ name, address }: Named & { readonly address: string }) =>
    `${name} is the name of the reserved address ${address}: release the address instead (ipaddresses/?op=release).`,
  'field.domain-taken': ({ name }: Named) => `The domain ${name} exists already.`,
  'field.domain-long': ({ machine, max }: { readonly machine: string; readonly max: number }) =>
    `The name of ${machine} would be longer than ${max} characters: give a shorter domain.`,
  'field.domain-own': 'The racks are authoritative for every domain: give true, or nothing.',
  'field.domain-ttl':
    'A domain has no TTL of its own: give 0, or nothing, and the TTL with each name (dnsresources, address_ttl).',
  'field.domain-unknown': ({ domains }: { readonly domains: readonly string[] }) =>
    `Give a name in one of these domains, or add its domain first: ${domains.join(', ')}.`,
  'field.domain-twice': ({ domain }: { readonly domain: string }) =>
    `The hostname names another domain than ${domain}: name the domain once.`,
  'field.dns-name': 'Give letters, digits, hyphens, underscores and dots.',
  'field.dns-name-taken': ({ name }: Named) => `${name} already has records: change those.`,
  'field.dns-one-cname': ({ name }: Named) => `${name} has a CNAME already, and a name has only one: change that.`,
  'field.dns-mixed-cname': ({ name }: Named) =>
    `${name} would have other records together with a CNAME, which excludes them: delete one or the other first.`,
  'field.dns-cname-loop': ({ name }: Named) => `This CNAME would lead back to ${name}: name another target.`,
  'field.dns-cname-machine': ({ name }: Named) =>
    `${name} is the name of a machine or a device, which a CNAME would hide: choose another name.`,
  'field.hostname-cname': ({ name }: Named) => `${name} has a CNAME (dnsresourcerecords): choose another name.`,
  'field.dns-no-address': 'Give at least one address, or delete the name.',
  'field.dns-ttl-of-nothing': ({ name }: Named) => `${name} has no addresses: give them as well (ip_addresses).`,
  'field.record-type': ({ known }: { readonly known: readonly string[] }) => `Give one of ${known.join(', ')}.`,
} as const satisfies RefusalTable;
