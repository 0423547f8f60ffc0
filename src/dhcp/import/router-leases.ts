// The leases of two routers as text.
//
//   # br-lan 525400fa0001 ipv4 web1 1795211557 a580064 32 10.88.0.100/32      odhcpd's state file, beside lines of hosts(5)
//    0 D address=10.88.0.100 mac-address=52:54:00:FA:00:01 … expires-after=9m50s     RouterOS, `/ip dhcp-server lease print detail`
//   add address=10.88.0.9 mac-address=52:54:00:FA:00:09 server=lan                  RouterOS, `export`: only reservations
//
// Sources: statefiles.c of odhcpd; RouterOS's manual, "DHCP Server", "Leases".
//
// 1. RouterOS wraps records; a number at the start of a line, `add` or an empty line ends one. Its
//    times count from the listing, taken for now.
// 2. A record without the flag D is a reservation.

import { parseIpv4 } from '../../ground/address.ts';
import {
  type FileEntry,
  type ForeignLease,
  leaseEntry,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';

/** Interface, hardware address or DUID, `ipv4` or IAID, name, end, assigned, length, addresses. */
export const ODHCPD_LINE = /^# \S+ ([0-9a-f]+) ([0-9a-f]+|ipv4) (\S+) (-?\d+) [0-9a-f]+ \d+ ?(\S*)/;
/** RouterOS's first words. */
export const ROUTEROS_RECORD =
  /^(?:[ \t]*(\d+) +((?:[A-Z] *)*)(?=;;;|[a-z][a-z-]*=)|(?:\/ip dhcp-server lease )?(add) )/;

const UNKNOWN = {
  grantedWallMs: undefined,
  clientId: undefined,
  vendorClass: undefined,
  circuitId: undefined,
  remoteId: undefined,
} satisfies Partial<ForeignLease>;

export function* readOdhcpdLeases(lines: Iterable<string>): Generator<FileEntry, void> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    // Lines of hosts(5), for a resolver.
    if (text.trim() === '' || /^[0-9a-f.:]+\t/i.test(text)) continue;
    const [, hardware = '', kind, name = '', end = '', host = ''] = ODHCPD_LINE.exec(text) ?? [];
    const address = parseIpv4(host.replace(/\/32$/, ''));
    const mac = parseClientMac(hardware);
    if (kind !== undefined && kind !== 'ipv4') yield problemAt(line, 'not-ipv4', text);
    else if (address === undefined) yield problemAt(line, 'malformed', text);
    else if (mac === undefined) yield problemAt(line, 'not-ethernet', text);
    else {
      const hostname = name === '-' || name.startsWith('broken') ? undefined : name;
      const expiresWallMs = end === '-1' ? undefined : Number(end) * 1000;
      yield leaseEntry({ ...UNKNOWN, line, address, mac, state: 'bound', expiresWallMs, hostname });
    }
  }
}

export function* readRouterosLeases(lines: Iterable<string>, wallMs: number): Generator<FileEntry, void> {
  let record: { readonly line: number; readonly isDynamic: boolean; text: string } | undefined;
  let isElsewhere = false;
  let line = 0;
  for (const text of lines) {
    line += 1;
    // The rest of an export.
    if (text.startsWith('/')) isElsewhere = !text.startsWith('/ip dhcp-server lease');
    const [head, number, flags = '', add] = ROUTEROS_RECORD.exec(text) ?? [];
    if (record !== undefined && (head !== undefined || text.trim() === '' || /^[/[]/.test(text))) {
      yield parseLeaseBlock(record, wallMs);
      record = undefined;
    }
    if (isElsewhere) continue;
    const rest = text.slice(head?.length ?? 0).replace(/^;;;.*/, '');
    if (number !== undefined || add !== undefined) record = { line, isDynamic: flags.includes('D'), text: rest };
    else if (record !== undefined) record.text = `${record.text.replace(/\\$/, '')} ${rest.trim()}`;
  }
  if (record !== undefined) yield parseLeaseBlock(record, wallMs);
}

function parseLeaseBlock(
  { line, isDynamic, text }: { readonly line: number; readonly isDynamic: boolean; readonly text: string },
  wallMs: number,
): FileEntry {
  const values = new Map<string, string>();
  for (const [, name = '', quoted, plain = ''] of text.matchAll(/(?<![a-z-])([a-z][a-z-]*)=(?:"([^"]*)"?|(\S*))/g))
    values.set(name, quoted ?? plain);
  const value = (name: string): string => values.get(`active-${name}`) || values.get(name) || '';
  const [host, hardware, left] = [value('address'), value('mac-address'), values.get('expires-after')];
  const quoted = `${host} ${hardware} ${value('host-name')}`.trim();
  const address = parseIpv4(host);
  if (!isDynamic && address !== undefined) return problemAt(line, 'reservation', quoted);
  const mac = parseClientMac(hardware);
  const leftMs = left === undefined ? undefined : spanMs(left);
  if (address === undefined || Number.isNaN(leftMs)) return problemAt(line, 'malformed', text.trim());
  if (mac === undefined) return problemAt(line, 'no-client', quoted);
  return leaseEntry({
    ...UNKNOWN,
    line,
    address,
    mac,
    state: 'bound',
    expiresWallMs: leftMs === undefined ? undefined : wallMs + leftMs,
    hostname: value('host-name') || undefined,
    clientId: parseOctets(value('client-id')),
  });
}

const UNITS_MS: Readonly<Record<string, number>> = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };

/** `1w2d3h4m5s` or `00:09:50`; NaN: neither. */
function spanMs(text: string): number {
  const clock = /^(\d+):(\d+):(\d+)$/.exec(text);
  if (clock !== null) return (Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3])) * 1000;
  if (!/^(?:\d{1,9}[wdhms])+$/.test(text)) return Number.NaN;
  return [...text.matchAll(/(\d{1,9})([wdhms])/g)].reduce(
    (sum, [, n, unit = 's']) => sum + Number(n) * (UNITS_MS[unit] ?? 0),
    0,
  );
}
