// The reservations in the configuration of another DHCP server: dnsmasq's `dhcp-host`, ISC dhcpd's
// `host` blocks, Kea's `reservations`, `[DHCPServerStaticLease]` of systemd-networkd. Sources:
// dnsmasq(8), dhcpd.conf(5), the Kea Administrator Reference Manual ("Host Reservations in
// DHCPv4"), systemd.network(5).
//
// 1. A reservation names one client or port, and one IPv4 address. Anything else (a class of
//    hardware addresses, an IPv6 address, a name without an address, a client to ignore) is passed
//    on with the reason.
// 2. What a reservation has beyond that (options, boot files, tags, a name that is no host name) is
//    reported.
// 3. An included file is named, not opened.

import { formatMac, type Ipv4, parseIpv4 } from '../../ground/address.ts';
import { findJsonExcess, type JsonBounds } from '../../ground/json-excess.ts';
import { loadYamlParser } from '../../ground/yaml-parser.ts';
import { FILE_LINE_MAX, parseClientMac } from './foreign-lease.ts';
import {
  parseDnsmasqIdentifier,
  parseIscIdentifier,
  parseKeaIdentifier,
  writtenClientId,
  writtenDuid,
  writtenMac,
  writtenRelayId,
} from './identifiers.ts';
import { type IscToken, iscTokens, joinTokens } from './isc-tokens.ts';
import { member } from './kea.ts';

/** The readable servers, by their programs' names. */
export const RESERVATION_FORMATS = ['dnsmasq', 'isc', 'kea', 'networkd'] as const;
export type ReservationFormat = (typeof RESERVATION_FORMATS)[number];

/** One reservation, as an entry of `hosts`. */
export interface ForeignReservation {
  readonly mac?: string;
  readonly client_id?: string;
  readonly duid?: string;
  readonly circuit_id?: string;
  readonly remote_id?: string;
  readonly ip: string;
  readonly hostname?: string;
}

export interface ForeignRange {
  readonly low: Ipv4;
  readonly high: Ipv4;
}

/** A reservation as written, and what to report about it. */
interface ReservationNote {
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

interface ReservationFile {
  readonly reservations: readonly ForeignReservation[];
  /** Reservations not taken. */
  readonly left: readonly ReservationNote[];
  /** What taken ones had beyond client, address and name. */
  readonly without: readonly ReservationNote[];
  readonly includes: readonly string[];
  /** What the server gives to any client. */
  readonly ranges: readonly ForeignRange[];
  /** The routers and the domains that it names to clients. */
  readonly routers: readonly Ipv4[];
  readonly domains: readonly string[];
  /** Undefined: at its default place. */
  readonly leaseFile?: string | undefined;
}

export function readReservations(format: ReservationFormat, text: string): ReservationFile {
  const lines = text.split('\n').map((line) => line.slice(0, FILE_LINE_MAX));
  switch (format) {
    case 'dnsmasq':
      return readDnsmasq(lines);
    case 'isc':
      return readIsc(lines);
    case 'kea':
      return readKea(text);
    case 'networkd':
      return readNetworkd(lines);
  }
}

/** Undefined: no known format. */
export function detectReservations(text: string): ReservationFormat | undefined {
  if (/"Dhcp4"\s*:/.test(text)) return 'kea';
  if (/^[ \t]*\[(?:Match|Network|DHCPServer)/m.test(text)) return 'networkd';
  if (/^[ \t]*(?:dhcp-|conf-|interface=|except-interface=)/m.test(text)) return 'dnsmasq';
  return /^[ \t]*(?:host|subnet|shared-network|group)[ \t]/im.test(text) ? 'isc' : undefined;
}

const TEXT_CHARACTERS_MAX = 120;

/** A reservation while it is read. */
interface Draft extends Partial<ForeignReservation> {
  /** Why it cannot be taken. */
  readonly faults?: readonly string[];
  /** What it has beyond client, address and name. */
  readonly without?: readonly string[];
}

class Found {
  readonly reservations: ForeignReservation[] = [];
  readonly left: ReservationNote[] = [];
  readonly without: ReservationNote[] = [];
  readonly includes: string[] = [];
  readonly ranges: ForeignRange[] = [];
  readonly routers: Ipv4[] = [];
  readonly domains: string[] = [];
  leaseFile: string | undefined;

  addRange(words: readonly string[]): void {
    const [low, high = low] = words.flatMap((word) => parseIpv4(word) ?? []);
    if (low !== undefined && high !== undefined && low <= high) this.ranges.push({ low, high });
  }

  addRouters(words: readonly string[]): void {
    this.routers.push(...words.flatMap((word) => parseIpv4(word.trim()) ?? []));
  }

  addDomain(name: string): void {
    if (name.length <= 253 && name.split('.').every(isHostLabel)) this.domains.push(name.toLowerCase());
  }

  /** Takes a complete reservation. */
  add(line: number, written: string, draft: Draft): void {
    const { ip, hostname = '', faults = [], without = [], ...client } = draft;
    const text = written.trim().slice(0, TEXT_CHARACTERS_MAX);
    const isNamed = Object.values(client).some((value) => value !== undefined);
    const reasons = [
      ...faults,
      ...(isNamed || faults.length > 0 ? [] : ['it names no client']),
      ...(ip === undefined && faults.length === 0 ? ['it names no IPv4 address'] : []),
    ];
    if (reasons.length > 0 || ip === undefined) return void this.left.push({ line, text, reason: reasons.join('; ') });
    const label = hostname.split('.')[0]?.toLowerCase() ?? '';
    const isTaken = isHostLabel(label);
    this.reservations.push({ ...withoutAbsent(client), ip, ...(isTaken ? { hostname: label } : {}) });
    const names =
      hostname === ''
        ? []
        : !isTaken
          ? [`the name ${hostname}, which is no host name`]
          : label === hostname.toLowerCase()
            ? []
            : [`the domain of the name ${hostname}`];
    const rest = [...names, ...without];
    if (rest.length > 0) this.without.push({ line, text, reason: rest.join(', ') });
  }
}

const isHostLabel = (label: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label);

/** ISC's octets may have one digit; dnsmasq may write the hardware type first. */
function normalizeMac(text: string): string | undefined {
  const octets = text.replace(/^1-(?=[0-9a-f]{1,2}:)/i, '').split(':');
  const mac = parseClientMac(octets.map((octet) => octet.padStart(2, '0')).join(':'));
  return mac === undefined ? undefined : formatMac(mac);
}

const parseIpText = (text: string): string | undefined => (parseIpv4(text) === undefined ? undefined : text);

/**
 * `dhcp-host=[<hwaddr>][,id:<client id>|*][,set:<tag>][,<ipaddr>][,<hostname>][,<lease time>][,ignore]`,
 * in any order.
 */
function readDnsmasq(lines: readonly string[]): ReservationFile {
  const file = new Found();
  lines.forEach((written, index) => {
    const text = written.replace(/(^|\s)#.*$/, '').trim();
    // A file of `dhcp-hostsfile` has the values alone.
    const [, key, value] =
      /^(?:--)?([a-z0-9-]+)\s*=\s*(.*)$/.exec(text) ?? (text.includes(',') ? ['', 'dhcp-host', text] : []);
    if (key === undefined || value === undefined) return;
    const words = value.split(',').map((word) => word.trim());
    // After the addresses come a mask and a time.
    if (key === 'dhcp-range') file.addRange(words.flatMap((word) => parseIpText(word) ?? []).slice(0, 2));
    else if (key === 'dhcp-leasefile') file.leaseFile = value;
    else if (/^(?:conf-file|conf-dir|dhcp-hostsfile|dhcp-hostsdir)$/.test(key)) file.includes.push(words[0] ?? '');
    else if (key === 'domain') file.addDomain(words[0] ?? '');
    else if (/^dhcp-option(?:-force)?$/.test(key)) {
      // Tags, an encapsulation or the name of an interface may precede the option.
      const at = words.findIndex((word) => /^(?:option:)?(?:\d+|router|domain-name)$/.test(word));
      const option = words[at]?.replace('option:', '') ?? '';
      if (option === '3' || option === 'router') file.addRouters(words.slice(at + 1));
      if (option === '15' || option === 'domain-name') file.addDomain(words[at + 1] ?? '');
    } else if (key === 'dhcp-host') addDnsmasqHost(file, index + 1, text, words);
  });
  return file;
}

function addDnsmasqHost(file: Found, line: number, text: string, words: readonly string[]): void {
  const macs = words.filter((word) => /^(?:[0-9a-f]{1,2}-)?(?:[0-9a-f*]{1,2}:){5}[0-9a-f*]{1,2}$/i.test(word));
  const id = words.find((word) => word.startsWith('id:') && word !== 'id:*');
  const ip = words.find(parseIpText);
  const rest = words.filter((word) => word !== '' && word !== ip && word !== id && !macs.includes(word));
  const isOther = (word: string): boolean => /^(?:id|set|tag|net):|^\[|^\d+[smhdw]?$|^infinite$|^ignore$/.test(word);
  const hostname = rest.find((word) => !isOther(word));
  const mac = macs.length === 1 ? normalizeMac(macs[0] ?? '') : undefined;
  const bytes = id === undefined ? undefined : parseDnsmasqIdentifier(id.slice('id:'.length));
  const clientId = bytes === undefined ? undefined : writtenClientId(bytes);
  const faults = [
    ...(words.includes('ignore') ? ['a client to ignore: a class with `deny: true` does that here'] : []),
    ...(macs.length > 1 ? ['several hardware addresses share it, and here only one machine may have it'] : []),
    ...(macs.length === 1 && mac === undefined ? [`${macs[0] ?? ''} is not the hardware address of one host`] : []),
    ...(id !== undefined && clientId === undefined ? [`${id} is no client identifier`] : []),
  ];
  const without = rest.filter((word) => word !== hostname && word !== 'infinite');
  file.add(line, text, { ...withoutAbsent({ mac, client_id: clientId, ip, hostname }), faults, without });
}

function withoutAbsent(fields: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A `host` while it is read; its fields as in `ForeignReservation`. */
interface IscHost {
  readonly line: number;
  readonly name: string;
  readonly fields: Record<string, string | undefined>;
  readonly faults: string[];
  readonly without: string[];
}

/**
 * `host NAME { hardware ethernet MAC; fixed-address IP; option host-name "…"; option dhcp-client-identifier …; host-identifier option … }`,
 * at any depth. Keywords may be in any case.
 */
function readIsc(lines: readonly string[]): ReservationFile {
  const file = new Found();
  /** For each open brace, its host; undefined: another block. */
  const open: (IscHost | undefined)[] = [];
  let statement: IscToken[] = [];
  for (const token of iscTokens(lines)) {
    if (token.kind !== 'mark' || !';{}'.includes(token.text)) {
      if (token.kind !== 'end') statement.push(token);
      continue;
    }
    const [first = '', second = ''] = statement.map(({ text }) => text.toLowerCase());
    const value = statement[1]?.text;
    const host = open.at(-1);
    if (token.text === '{') {
      host?.without.push(joinTokens(statement));
      const isHost = host === undefined && first === 'host';
      open.push(isHost ? { line: token.line, name: value ?? '', fields: {}, faults: [], without: [] } : undefined);
    } else if (token.text === '}') {
      open.pop();
      if (host !== undefined) {
        const { line, name, fields, faults, without } = host;
        file.add(line, `host ${name}`, { hostname: name, ...withoutAbsent(fields), faults, without });
      }
    } else if (first === 'include' && value !== undefined) file.includes.push(value);
    else if (first === 'range') file.addRange(statement.map(({ text }) => text));
    else if (first === 'lease-file-name' && value !== undefined) file.leaseFile = value;
    else if (host !== undefined && statement.length > 0) readIscHost(host, statement);
    else if (first === 'option' && second === 'routers') file.addRouters(statement.map(({ text }) => text));
    else if (first === 'option' && second === 'domain-name') file.addDomain(statement[2]?.text ?? '');
    statement = [];
  }
  // A cut-off file.
  const [first, name] = statement;
  const begun = first?.text.toLowerCase() === 'host' ? [{ line: first.line, name: name?.text ?? '' }] : [];
  for (const host of [...open.flatMap((block) => block ?? []), ...begun])
    file.left.push({ line: host.line, text: `host ${host.name}`, reason: 'the file ends within it' });
  return file;
}

/** What identifies a host, by the name of the option, and how `hosts` writes it. */
const ISC_IDENTIFIERS: Readonly<Record<string, readonly [field: string, write: typeof writtenRelayId]>> = {
  'dhcp-client-identifier': ['client_id', writtenClientId],
  'agent.circuit-id': ['circuit_id', writtenRelayId],
  'agent.remote-id': ['remote_id', writtenRelayId],
};

function readIscHost({ fields, faults, without }: IscHost, statement: readonly IscToken[]): void {
  const [first = '', second = '', third = ''] = statement.map(({ text }) => text.toLowerCase());
  const identify = (option: string, tokens: readonly IscToken[]): void => {
    const [field, write] = Object.hasOwn(ISC_IDENTIFIERS, option) ? (ISC_IDENTIFIERS[option] ?? []) : [];
    const bytes = parseIscIdentifier(tokens);
    const written = bytes === undefined ? undefined : write?.(bytes);
    if (field === undefined || written === undefined)
      faults.push(`${joinTokens(statement)}: no identifier of a reservation here`);
    else fields[field] = written;
  };
  if (first === 'hardware') {
    fields.mac = second === 'ethernet' ? normalizeMac(third) : undefined;
    if (fields.mac === undefined)
      faults.push(`${joinTokens(statement)}: not the hardware address of one host on Ethernet`);
  } else if (first === 'fixed-address') {
    // Several addresses are for several networks.
    fields.ip = statement.length === 2 ? parseIpText(second) : undefined;
    if (fields.ip === undefined) faults.push(`${joinTokens(statement)}: not one IPv4 address`);
  } else if (first === 'option' && second === 'host-name') fields.hostname = statement[2]?.text;
  else if (first === 'option' && second === 'dhcp-client-identifier') identify(second, statement.slice(2));
  else if (first === 'uid') identify('dhcp-client-identifier', statement.slice(1));
  else if (first === 'host-identifier') identify(third, statement.slice(3));
  else if (/^(?:deny|ignore)$/.test(first) && second === 'booting')
    faults.push('a client to ignore: a class with `deny: true` does that here');
  else without.push(joinTokens(statement));
}

/** Ample for 100 000 reservations. */
const KEA_BOUNDS: JsonBounds = { depthMax: 64, valuesMax: 4_000_000 };

/** What identifies a host, and how `hosts` writes it. */
const KEA_IDENTIFIERS: Readonly<Record<string, readonly [field: string, write: typeof writtenRelayId]>> = {
  'hw-address': ['mac', writtenMac],
  'client-id': ['client_id', writtenClientId],
  duid: ['duid', writtenDuid],
  'circuit-id': ['circuit_id', writtenRelayId],
};
/** Keys without an effect. */
const KEA_NOTES: ReadonlySet<string> = new Set(['ip-address', 'hostname', 'user-context', 'comment']);

/**
 * JSON with comments, also in the answer to `config-get`. Reservations are global, of a subnet, or
 * of a subnet in a shared network.
 */
function readKea(text: string): ReservationFile {
  const reservationFile = new Found();
  const includes = [...text.matchAll(/<\?include\s+"([^"]+)"\s*\?>/g)].map(([, file]) => file ?? '');
  reservationFile.includes.push(...includes);
  const plain = text
    .replace(/<\?include\s+"[^"]*"\s*\?>/g, '')
    .replace(
      /("(?:\\.|[^"\\\n])*")|\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//g,
      (_all, quoted: string | undefined) => quoted ?? '',
    );
  let parsed: unknown;
  try {
    const excess = findJsonExcess(plain, KEA_BOUNDS);
    if (excess !== undefined) throw new Error(`it is too ${excess.kind}`);
    parsed = loadYamlParser().parse(plain, { uniqueKeys: false, maxAliasCount: 0 });
  } catch {
    reservationFile.left.push({ line: 1, text: 'the file', reason: 'it is not JSON' });
    return reservationFile;
  }
  const answer = member(Array.isArray(parsed) ? parsed[0] : parsed, 'arguments') ?? parsed;
  const server = member(answer, 'Dhcp4') ?? answer;
  const leases = member(member(server, 'lease-database'), 'name');
  if (typeof leases === 'string') reservationFile.leaseFile = leases;
  const networks = asArray(member(server, 'shared-networks'));
  const subnets = [server, ...networks].flatMap((network) => asArray(member(network, 'subnet4')));
  for (const place of subnets)
    for (const pool of asArray(member(place, 'pools')))
      reservationFile.addRange(
        String(member(pool, 'pool'))
          .split('-')
          .map((end) => end.trim()),
      );
  for (const place of [server, ...networks, ...subnets]) {
    for (const option of asArray(member(place, 'option-data'))) {
      const [name, code, data] = ['name', 'code', 'data'].map((key) => member(option, key));
      if (typeof data !== 'string') continue;
      if (name === 'routers' || code === 3) reservationFile.addRouters(data.split(','));
      if (name === 'domain-name' || code === 15) reservationFile.addDomain(data);
    }
    for (const host of asArray(member(place, 'reservations'))) addKeaHost(reservationFile, host);
  }
  return reservationFile;
}

function addKeaHost(file: Found, host: unknown): void {
  const fields: Record<string, string | undefined> = {};
  const [faults, without]: [string[], string[]] = [[], []];
  for (const [key, value] of Object.entries(host ?? {})) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const [field, write] = Object.hasOwn(KEA_IDENTIFIERS, key) ? (KEA_IDENTIFIERS[key] ?? []) : [];
    // `config-get` writes all keys, also those without a value.
    if (KEA_NOTES.has(key) || ['', '0.0.0.0', '[]', '{}', 'null', 'undefined'].includes(text)) continue;
    if (field === undefined) (key === 'flex-id' ? faults : without).push(`${key} ${text}`);
    else {
      const bytes = parseKeaIdentifier(text);
      fields[field] = bytes === undefined ? undefined : write?.(bytes);
      if (fields[field] === undefined) faults.push(`${key} ${text} is none that a client here can have`);
    }
  }
  const [ip, hostname] = ['ip-address', 'hostname'].map((key) => member(host, key));
  const named = {
    ...fields,
    ip: typeof ip === 'string' ? parseIpText(ip) : undefined,
    hostname: typeof hostname === 'string' ? hostname : undefined,
  };
  file.add(1, JSON.stringify(host), { ...withoutAbsent(named), faults, without });
}

const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Sections `[DHCPServerStaticLease]` with `MACAddress=`, `Address=` and `Hostname=`. */
function readNetworkd(lines: readonly string[]): ReservationFile {
  const file = new Found();
  let lease: Map<string, string> | undefined;
  let start = 0;
  const end = (): void => {
    if (lease === undefined) return;
    const [written = '', address = '', hostname] = ['MACAddress', 'Address', 'Hostname'].map((key) => lease?.get(key));
    const without = [...lease].flatMap(([key, value]) =>
      ['MACAddress', 'Address', 'Hostname'].includes(key) ? [] : [`${key}=${value}`],
    );
    const mac = normalizeMac(written);
    const faults = written !== '' && mac === undefined ? [`${written} is not the hardware address of one host`] : [];
    const fields = withoutAbsent({ mac, ip: parseIpText(address), hostname });
    file.add(start, `${written} ${address}`, { ...fields, faults, without });
    lease = undefined;
  };
  lines.forEach((line, index) => {
    const section = /^\s*\[(\w+)\]/.exec(line)?.[1];
    if (section !== undefined) {
      end();
      if (section === 'DHCPServerStaticLease') [lease, start] = [new Map(), index + 1];
    }
    const [, key, value] = /^\s*(\w+)\s*=\s*(\S+)/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) lease?.set(key, value);
  });
  end();
  return file;
}
