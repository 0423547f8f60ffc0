// The reservations in the configuration of another DHCP server: dnsmasq's `dhcp-host`, ISC dhcpd's `host` blocks, Kea's `reservations`,
// `[DHCPServerStaticLease]` of systemd-networkd. Sources: dnsmasq(8), dhcpd.conf(5), the Kea Administrator Reference Manual ("Host
// Reservations in DHCPv4"), systemd.network(5).
//
// 1. A reservation names one client and one IPv4 address. Anything else (a class of hardware addresses, an IPv6 address, a name without an
//    address, a client to ignore) is passed on as a line for a person.
// 2. An included file is named, not opened.

import { formatMac, type Ipv4, parseIpv4 } from '../../net/address.ts';
import { yamlParser } from '../../yaml-parser.ts';
import { FILE_LINE_MAX, parseClientMac } from './foreign-lease.ts';
import { type IscToken, iscTokens } from './isc-tokens.ts';
import { member } from './kea.ts';

/** The readable servers, by their programs' names. */
export const RESERVATION_FORMATS = ['dnsmasq', 'isc', 'kea', 'networkd'] as const;
export type ReservationFormat = (typeof RESERVATION_FORMATS)[number];

/** One reservation, as an entry of `hosts`. */
export interface ForeignReservation {
  readonly mac?: string;
  readonly client_id?: string;
  readonly duid?: string;
  readonly ip: string;
  readonly hostname?: string;
}

export interface ForeignRange {
  readonly low: Ipv4;
  readonly high: Ipv4;
}

interface ReservationFile {
  readonly reservations: readonly ForeignReservation[];
  /** Reservations not taken, as written. */
  readonly left: readonly { readonly line: number; readonly text: string }[];
  readonly includes: readonly string[];
  /** What the server gives to any client. */
  readonly ranges: readonly ForeignRange[];
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
  return /^[ \t]*(?:host|subnet|group)[ \t]/m.test(text) ? 'isc' : undefined;
}

class Found {
  readonly reservations: ForeignReservation[] = [];
  readonly left: { line: number; text: string }[] = [];
  readonly includes: string[] = [];
  readonly ranges: ForeignRange[] = [];
  leaseFile: string | undefined;

  addRange(words: readonly string[]): void {
    const [low, high = low] = words.flatMap((word) => parseIpv4(word) ?? []);
    if (low !== undefined && high !== undefined && low <= high) this.ranges.push({ low, high });
  }

  /** Takes a complete reservation. */
  add(line: number, text: string, { ip, hostname, ...client }: Partial<ForeignReservation>): void {
    const isNamed = client.mac !== undefined || client.client_id !== undefined || client.duid !== undefined;
    if (ip === undefined || !isNamed) this.left.push({ line, text: text.trim().slice(0, 120) });
    else this.reservations.push({ ...client, ip, ...(isHostName(hostname) ? { hostname: labelOf(hostname) } : {}) });
  }
}

const labelOf = (name: string): string => name.split('.')[0]?.toLowerCase() ?? '';
const isHostName = (name: string | undefined): name is string =>
  name !== undefined && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(labelOf(name));

/** ISC's octets may have one digit; dnsmasq may write the hardware type first. */
function macOf(text: string): string | undefined {
  const octets = text.replace(/^1-(?=[0-9a-f]{1,2}:)/i, '').split(':');
  const mac = parseClientMac(octets.map((octet) => octet.padStart(2, '0')).join(':'));
  return mac === undefined ? undefined : formatMac(mac);
}

const ipOf = (text: string): string | undefined => (parseIpv4(text) === undefined ? undefined : text);

/** `dhcp-host=[<hwaddr>][,id:<client id>|*][,set:<tag>][,<ipaddr>][,<hostname>][,<lease time>][,ignore]`, in any order. */
function readDnsmasq(lines: readonly string[]): ReservationFile {
  const found = new Found();
  lines.forEach((written, index) => {
    const text = written.replace(/(^|\s)#.*$/, '').trim();
    // A file of `dhcp-hostsfile` has the values alone.
    const [, key, value] =
      /^(?:--)?([a-z0-9-]+)\s*=\s*(.*)$/.exec(text) ?? (text.includes(',') ? ['', 'dhcp-host', text] : []);
    if (key === undefined || value === undefined) return;
    if (key === 'dhcp-leasefile') found.leaseFile = value;
    // After the addresses come a mask and a time.
    if (key === 'dhcp-range')
      found.addRange(
        value
          .split(',')
          .flatMap((word) => ipOf(word.trim()) ?? [])
          .slice(0, 2),
      );
    if (/^(?:conf-file|conf-dir|dhcp-hostsfile|dhcp-hostsdir)$/.test(key))
      found.includes.push(value.split(',')[0] ?? '');
    if (key !== 'dhcp-host') return;
    const words = value.split(',').map((word) => word.trim());
    const macs = words.filter((word) => /^(?:[0-9a-f]{1,2}-)?(?:[0-9a-f*]{1,2}:){5}[0-9a-f*]{1,2}$/i.test(word));
    const id = words.find((word) => word.startsWith('id:') && word !== 'id:*')?.slice('id:'.length);
    const name = words.find(
      (word) =>
        !macs.includes(word) &&
        !/^(?:id|set|tag|net):|^\[|^\d+[smhdw]?$|^infinite$/.test(word) &&
        ipOf(word) === undefined,
    );
    // Several hardware addresses share one address, which only one machine may have here.
    const client = words.includes('ignore')
      ? {}
      : macs.length === 1
        ? { mac: macOf(macs[0] ?? '') }
        : macs.length === 0 && id !== undefined
          ? { client_id: id }
          : {};
    found.add(index + 1, text, {
      ...withoutAbsent(client),
      ...withoutAbsent({ ip: words.find(ipOf), hostname: name }),
    });
  });
  return found;
}

function withoutAbsent(fields: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** `host NAME { hardware ethernet MAC; fixed-address IP; option host-name "…"; option dhcp-client-identifier …; }`, at any depth. */
function readIsc(lines: readonly string[]): ReservationFile {
  const found = new Found();
  /** For each open brace, its host's fields; undefined: another block. */
  const open: (Record<string, string | undefined> | undefined)[] = [];
  let statement: IscToken[] = [];
  for (const token of iscTokens(lines)) {
    if (token.kind !== 'mark' || !';{}'.includes(token.text)) {
      if (token.kind !== 'end') statement.push(token);
      continue;
    }
    const [first, second, third] = statement.map(({ text }) => text);
    const host = open.at(-1);
    if (token.text === '{') open.push(first === 'host' ? { line: String(token.line), name: second } : undefined);
    else if (token.text === '}') {
      open.pop();
      if (host !== undefined) {
        const { line, name, mac, client_id, ip, hostname = name } = host;
        found.add(
          Number(line),
          `host ${name ?? ''}`,
          withoutAbsent({ mac, client_id: mac === undefined ? client_id : undefined, ip, hostname }),
        );
      }
    } else if (first === 'include' && second !== undefined) found.includes.push(second);
    else if (first === 'range') found.addRange(statement.map(({ text }) => text));
    else if (first === 'lease-file-name' && second !== undefined) found.leaseFile = second;
    else if (host !== undefined) {
      if (first === 'hardware' && second === 'ethernet') host.mac = macOf(third ?? '');
      // Several addresses are for several networks.
      if (first === 'fixed-address' && statement.length === 2) host.ip = ipOf(second ?? '');
      if (first === 'option' && second === 'host-name') host.hostname = third;
      if ((first === 'option' && second === 'dhcp-client-identifier') || first === 'uid')
        host.client_id = first === 'uid' ? second : third;
    }
    statement = [];
  }
  return found;
}

/** JSON with comments. Reservations are global, of a subnet, or of a subnet in a shared network. */
function readKea(text: string): ReservationFile {
  const found = new Found();
  const includes = [...text.matchAll(/<\?include\s+"([^"]+)"\s*\?>/g)].map(([, file]) => file ?? '');
  found.includes.push(...includes);
  const plain = text
    .replace(/<\?include\s+"[^"]*"\s*\?>/g, '')
    .replace(
      /("(?:\\.|[^"\\\n])*")|\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//g,
      (_all, quoted: string | undefined) => quoted ?? '',
    );
  let parsed: unknown;
  try {
    parsed = yamlParser().parse(plain, { uniqueKeys: false, maxAliasCount: 0 });
  } catch {
    found.left.push({ line: 1, text: 'the file is not JSON' });
    return found;
  }
  const server = member(parsed, 'Dhcp4') ?? parsed;
  const leases = member(member(server, 'lease-database'), 'name');
  if (typeof leases === 'string') found.leaseFile = leases;
  const networks = listOf(member(server, 'shared-networks'));
  const subnets = [server, ...networks].flatMap((one) => listOf(member(one, 'subnet4')));
  for (const place of subnets)
    for (const pool of listOf(member(place, 'pools')))
      found.addRange(
        String(member(pool, 'pool'))
          .split('-')
          .map((end) => end.trim()),
      );
  for (const place of [server, ...networks, ...subnets]) {
    for (const one of listOf(member(place, 'reservations'))) {
      const text4 = (name: string): string | undefined => {
        const value = member(one, name);
        return typeof value === 'string' && value !== '' ? value : undefined;
      };
      const mac = macOf(text4('hw-address') ?? '');
      const client = mac === undefined ? { client_id: text4('client-id'), duid: text4('duid') } : { mac };
      const rest = { ip: ipOf(text4('ip-address') ?? ''), hostname: text4('hostname') };
      found.add(1, JSON.stringify(one), withoutAbsent({ ...client, ...rest }));
    }
  }
  return found;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Sections `[DHCPServerStaticLease]` with `MACAddress=` and `Address=`. */
function readNetworkd(lines: readonly string[]): ReservationFile {
  const found = new Found();
  let lease: Record<string, string> | undefined;
  let start = 0;
  const end = (): void => {
    const { MACAddress = '', Address = '' } = lease ?? {};
    if (lease !== undefined)
      found.add(start, `${MACAddress} ${Address}`, withoutAbsent({ mac: macOf(MACAddress), ip: ipOf(Address) }));
    lease = undefined;
  };
  lines.forEach((line, index) => {
    const section = /^\s*\[(\w+)\]/.exec(line)?.[1];
    if (section !== undefined) {
      end();
      if (section === 'DHCPServerStaticLease') [lease, start] = [{}, index + 1];
    }
    const [, key, value] = /^\s*(\w+)\s*=\s*(\S+)/.exec(line) ?? [];
    if (lease !== undefined && key !== undefined && value !== undefined) lease[key] = value;
  });
  end();
  return found;
}
