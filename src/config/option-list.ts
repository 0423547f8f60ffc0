// The options of a configuration: from the written form (code or name, type, value, condition) to
// bytes by code. The table of all options is `dhcp/wire/option-table.ts`.
//
//   dhcp.options ┐
//   cluster_interfaces[…].options ├─ resolveOptions (one list) ─→ entries ─ buildNetworkOptions ─→ the table of a network
//   cluster_interfaces[…].hosts[…].options ┘
//
// 1. An option that cannot be sent is refused, with its place and a pointer to the documentation.
// 2. A key of a cluster interface (router_ip, dns_servers, ntp_servers, domain) overrides a global
//    option of the same meaning.
// 3. Routes without a default route get one through the network's router: a client that uses option
//    121 ignores option 3 (RFC 3442).
// 4. Option 42 has addresses only: named NTP servers are those that `AddressesOf` knows; without
//    any, it is not sent.

import { z } from 'zod';
import { buildOptionTable, type ConfiguredOption, type OptionTable } from '../dhcp/networks/configured-options.ts';
import { judgeOptionValue, judgeUnwritable } from '../dhcp/wire/legal-values.ts';
import {
  findNamedOption,
  findOption,
  findOptionByName,
  refusedNameText,
  suggestOptionName,
} from '../dhcp/wire/option-table.ts';
import {
  compressNames,
  encodeOptionValue,
  hasDefaultRoute,
  OPTION_TYPE_NAMES,
  type OptionType,
  routeBytes,
  type ValueProblem,
} from '../dhcp/wire/option-value.ts';
import { OPTION } from '../dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4 } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import { clientCondition, resolveCondition } from './client-condition.ts';
import { describeIssue, OWN_MESSAGES } from './fault-words.ts';
import { parseServer } from './written-values.ts';

const OPTIONS_MAX = 256;
const DOCUMENTATION = 'docs/reference/dhcp-options.md lists names and types';

const CODE_PROBLEM = { error: 'expected the code of an option, 1 to 254' };

/** One list of options, as written. */
export const optionList = z
  .array(z.unknown(), {
    error: `expected a list of options such as [{ name: ntp-servers, value: [10.20.0.1] }]; ${DOCUMENTATION}`,
  })
  .max(OPTIONS_MAX);

const optionEntry = z.strictObject(
  {
    code: z.number(CODE_PROBLEM).int(CODE_PROBLEM).optional(),
    name: z.string().max(255).optional(),
    type: z.enum(OPTION_TYPE_NAMES, { error: `expected one of ${OPTION_TYPE_NAMES.join(', ')}` }).optional(),
    value: z.unknown().optional(),
    force: z.boolean().default(false),
    when: clientCondition.optional(),
  },
  { error: `expected an option such as { name: ntp-servers, value: [10.20.0.1] }; ${DOCUMENTATION}` },
);
type WrittenOption = z.output<typeof optionEntry>;

type ReportOption = (key: string, message: string) => void;

/** The place of options: for every network, for one network, or for one host. */
export type OptionLevel = 'global' | 'network' | 'host';

/** Codes that belong to a single network. */
const NETWORK_CODES: ReadonlySet<number> = new Set([OPTION.subnetMask, OPTION.broadcastAddress]);

/** The addresses that the name of a server has at present; empty: none is known. */
export type AddressesOf = (name: string) => readonly Ipv4[];

/** The most names of servers in one configuration. */
export const SERVER_NAMES_MAX = 64;
/** The most addresses of one list with names that a reply has. */
const NAMED_ADDRESSES_MAX = 16;

/** The addresses of servers, some of which are named. */
export function resolveServers(servers: readonly (Ipv4 | string)[], addressesOf: AddressesOf): readonly Ipv4[] {
  if (servers.every((server) => typeof server !== 'string')) return servers;
  const addresses = servers.flatMap((server) => (typeof server === 'string' ? addressesOf(server) : [server]));
  return [...new Set(addresses)].slice(0, NAMED_ADDRESSES_MAX);
}

/** A value to encode, or its fault. */
type ServersRead = { readonly value: unknown } | { readonly fault: ValueProblem };

/**
 * The value of an option with addresses in place of the names of NTP servers; `undefined` if none
 * is known. Other values stay.
 */
function readServers(
  { code, type }: { readonly code: number; readonly type: OptionType },
  value: unknown,
  addressesOf: AddressesOf,
): ServersRead {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.filter((entry) => typeof entry === 'string');
  if (code !== OPTION.ntpServers || type !== 'ip-list' || texts.length < list.length) return { value };
  const servers = texts.map((text) => parseServer(text.trim()));
  const invalidIndex = servers.indexOf(undefined);
  if (invalidIndex >= 0) {
    const shownText = JSON.stringify(cleanText(texts[invalidIndex] ?? '', 80));
    const message = `expected an IPv4 address, or the name of a server such as ntp.example.net; found ${shownText}`;
    return { fault: { at: Array.isArray(value) ? `[${invalidIndex}]` : '', message } };
  }
  const parsedServers = servers.filter((server) => server !== undefined);
  if (parsedServers.every((server) => typeof server !== 'string')) return { value };
  const addresses = resolveServers(parsedServers, addressesOf);
  return { value: addresses.length === 0 ? undefined : addresses.map(formatIpv4) };
}

/** Resolves the entries of one list. Reports problems with their place in the list: `[2].value`. */
export function resolveOptions(
  written: readonly unknown[],
  level: OptionLevel,
  report: ReportOption,
  addressesOf: AddressesOf,
): readonly ConfiguredOption[] {
  const entries: ConfiguredOption[] = [];
  const unconditionalIndexes = new Map<number, number>();
  written.forEach((entry, index) => {
    const path = `[${index}]`;
    const option = parseEntry(entry, path, report);
    if (option === undefined) return;
    const row = identifyOption(option, (key, message) => report(`${path}.${key}`, message));
    if (row === undefined) return;
    const { code, type } = row;
    const namedOption = findNamedOption(code);
    if (level === 'global' && NETWORK_CODES.has(code))
      report(path, `option ${code} differs from network to network; move it to the cluster interface`);
    const winnerIndex = unconditionalIndexes.get(code);
    if (winnerIndex !== undefined) report(path, `is never used: [${winnerIndex}] gives option ${code} to every client`);
    else if (option.when === undefined) unconditionalIndexes.set(code, index);
    const servers = readServers(row, option.value, addressesOf);
    if ('fault' in servers) report(`${path}.value${servers.fault.at}`, servers.fault.message);
    if ('fault' in servers) return;
    if (servers.value === undefined && option.value !== undefined) return;
    const encoded = encodeOptionValue(type, servers.value);
    const problem = encoded.ok
      ? namedOption && judgeOptionValue(namedOption, type, encoded.bytes)
      : judgeUnwritable(namedOption?.type === type ? namedOption : undefined, encoded.problem);
    if (!encoded.ok || problem !== undefined) {
      if (problem !== undefined) report(`${path}.value${problem.at}`, problem.message);
      return;
    }
    const when =
      option.when === undefined
        ? undefined
        : resolveCondition(option.when, (message) => report(`${path}.when`, `${message}, or leave it out`));
    entries.push({ code, value: finishValue(code, type, encoded.bytes), force: option.force, when });
  });
  return entries;
}

/** Parses one entry alone, so that its problems do not hide those of other entries. */
function parseEntry(entry: unknown, entryKey: string, report: ReportOption): WrittenOption | undefined {
  const parsed = optionEntry.safeParse(entry, OWN_MESSAGES);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys)
        report(`${entryKey}${path}.${key}`, 'unknown key; see config/rackboot.yaml for all keys');
    else report(`${entryKey}${path}`, describeIssue(issue));
  }
  return undefined;
}

/**
 * The code of the option that an entry means, and the type of its value; `undefined` if a problem
 * was reported.
 */
function identifyOption(
  { code: number, name, type }: WrittenOption,
  report: ReportOption,
): { readonly code: number; readonly type: OptionType } | undefined {
  const refuse = (key: string, message: string): undefined => {
    report(key, message);
    return undefined;
  };
  if (number === undefined && name === undefined) return refuse('name', `missing: add code or name; ${DOCUMENTATION}`);
  const namedOption = name === undefined ? undefined : findOptionByName(name);
  if (name !== undefined && namedOption === undefined) {
    const refusalText = refusedNameText(name);
    if (refusalText !== undefined) return refuse('name', refusalText);
    const suggestion = suggestOptionName(name);
    const hint = suggestion === undefined ? '' : `did you mean ${suggestion}? `;
    return refuse('name', `"${name}" is not a known option: ${hint}${DOCUMENTATION}; any other option needs its code`);
  }
  const code = number ?? namedOption?.code ?? 0;
  if (namedOption !== undefined && namedOption.code !== code)
    return refuse('code', `${name} is option ${namedOption.code}; keep either code or name`);
  const option = findOption(code);
  if (option?.kind === 'refused') return refuse('code', `option ${code} cannot be configured: ${option.why}`);
  if (code < 1 || code > 254) return refuse('code', `${code} is not an option; codes are 1 to 254`);
  const row = option?.kind === 'named' ? option : undefined;
  if (type === undefined) {
    return row ?? refuse('type', `missing: option ${code} needs a type: one of ${OPTION_TYPE_NAMES.join(', ')}`);
  }
  if (row === undefined || isWrittenAs(row.type, type, code)) return { code, type };
  return refuse(
    'type',
    `option ${code} (${row.name}) has the type ${row.type}: remove type, or write its bytes as hex`,
  );
}

/**
 * True if an option of type `usual` may be written with the type `written`. The vendor defines the
 * contents of option 43.
 */
const isWrittenAs = (usualType: OptionType, writtenType: OptionType, code: number): boolean =>
  writtenType === usualType ||
  writtenType === 'hex' ||
  code === OPTION.vendorSpecific ||
  (usualType === 'ip-list' && writtenType === 'ip') ||
  (usualType === 'domain-list' && writtenType === 'domain');

/** Completes an encoded value where the encoding of its type is not enough. */
function finishValue(code: number, type: OptionType, bytes: Uint8Array): Uint8Array {
  if (code === OPTION.ipxe && type === 'suboptions') return skipProxyWait(bytes);
  return code === OPTION.domainSearch && type === 'domain-list' ? compressNames(bytes) : bytes;
}

/** Sub-option 176 of iPXE: do not wait for a proxy DHCP server. */
const IPXE_NO_PROXY = 176;

/** Adds the sub-option that skips the wait for a proxy server, unless iPXE's options already set it. */
function skipProxyWait(bytes: Uint8Array): Uint8Array {
  for (let offset = 0; offset < bytes.length; offset += 2 + (bytes[offset + 1] ?? 0)) {
    if (bytes[offset] === IPXE_NO_PROXY) return bytes;
  }
  return Uint8Array.of(...bytes, IPXE_NO_PROXY, 1, 1);
}

/** The keys of a cluster interface that set an option. */
interface NetworkKeys {
  readonly router_ip?: Ipv4 | undefined;
  readonly dns_servers?: readonly Ipv4[] | undefined;
  readonly ntp_servers: readonly unknown[];
  readonly domain?: string | undefined;
}

/** The table of a network: its own entries, then the global ones for which it has no key. */
export function buildNetworkOptions(
  ownEntries: readonly ConfiguredOption[],
  generalEntries: readonly ConfiguredOption[],
  keys: NetworkKeys,
): OptionTable | undefined {
  const keyedCodes = new Set<number>();
  if (keys.router_ip !== undefined) keyedCodes.add(OPTION.router);
  if (keys.dns_servers !== undefined) keyedCodes.add(OPTION.domainNameServer);
  if (keys.ntp_servers.length > 0) keyedCodes.add(OPTION.ntpServers);
  if (keys.domain !== undefined) keyedCodes.add(OPTION.domainName);
  return buildHostOptions(
    [...ownEntries, ...generalEntries.filter(({ code }) => !keyedCodes.has(code))],
    keys.router_ip,
  );
}

/** The table of these entries in a network with this router. */
export function buildHostOptions(
  entries: readonly ConfiguredOption[],
  router: Ipv4 | undefined,
): OptionTable | undefined {
  return buildOptionTable(entries.map((entry) => addDefaultRoute(entry, router)));
}

function addDefaultRoute(entry: ConfiguredOption, router: Ipv4 | undefined): ConfiguredOption {
  const isRoutes = entry.code === OPTION.classlessRoutes || entry.code === OPTION.classlessRoutesMicrosoft;
  if (!isRoutes || router === undefined || hasDefaultRoute(entry.value)) return entry;
  const defaultRoute = routeBytes([{ network: { address: ANY, prefix: 0 }, router }]);
  return { ...entry, value: Uint8Array.of(...entry.value, ...defaultRoute) };
}
