// Reads another server's lease file: detects its format, and gathers its entries by address.

import type { Ipv4 } from '../../ground/address.ts';
import { readDnsmasqLeases } from './dnsmasq.ts';
import { type FileEntry, FOREIGN_LEASES_MAX, type ForeignLease, type ReadLeaseFile } from './foreign-lease.ts';
import { readIscLeases } from './isc.ts';
import { readJsonLeases } from './json-leases.ts';
import { readKeaLeases } from './kea.ts';
import { ODHCPD_LINE, ROUTEROS_RECORD, readOdhcpdLeases, readRouterosLeases } from './router-leases.ts';

/** What `--format` takes. */
export const LEASE_FORMATS = ['isc', 'dnsmasq', 'kea', 'json', 'odhcpd', 'routeros'] as const;
export type LeaseFileFormat = (typeof LEASE_FORMATS)[number];

export const LEASE_FILE_FORMATS: Readonly<Record<LeaseFileFormat, string>> = {
  isc: "ISC dhcpd's or OpenBSD's dhcpd.leases",
  dnsmasq: "dnsmasq's leases",
  kea: "Kea's memfile",
  json: "JSON of Kea's API, systemd-networkd, OpenWrt's ubus, AdGuard Home or libvirt",
  odhcpd: "odhcpd's state file",
  routeros: "RouterOS's `/ip dhcp-server lease print detail`",
};

const READERS: Readonly<Record<LeaseFileFormat, ReadLeaseFile>> = {
  isc: readIscLeases,
  dnsmasq: readDnsmasqLeases,
  kea: readKeaLeases,
  json: readJsonLeases,
  odhcpd: readOdhcpdLeases,
  routeros: readRouterosLeases,
};

/** Lines that `detectFormat` needs. */
export const DETECT_LINES = 200;

/** A format, or something without leases for us, and what to do instead. */
type Detected =
  | { readonly kind: 'format'; readonly format: LeaseFileFormat }
  | { readonly kind: 'other'; readonly name: string; readonly next: string };

const format = (shape: RegExp, name: LeaseFileFormat) => ({ shape, is: { kind: 'format', format: name } as const });
const other = (shape: RegExp, name: string, next: string) => ({ shape, is: { kind: 'other', name, next } as const });

/** Works for every list of leases. */
const BY_HAND =
  'write each lease as a line `END MAC ADDRESS NAME *` (END in seconds since 1970, 0 for never, * for no name) and add --format dnsmasq';

/** The first row that fits wins, so the special ones stand first. */
const SHAPES: readonly { readonly shape: RegExp; readonly is: Detected }[] = [
  other(/^\s*$/, 'empty', 'name the file that the server writes'),
  other(/^\x1f\x8b|^\xfd7zXZ|^\x28\xb5\x2f\xfd|^BZh/, 'compressed', 'unpack it and import the file in it'),
  other(/^SQLite format 3/, 'an SQLite database', BY_HAND),
  other(/<plist /, "bootpd's configuration (macOS)", `take the leases from /var/db/dhcpd_leases: ${BY_HAND}`),
  other(/^[ \t]*(?:ip|hw)_address=/m, "bootpd's leases (macOS)", BY_HAND),
  other(/^\s*<[!?a-z]/i, 'a web page or other markup', 'download the file itself'),
  other(/"Dhcp4"\s*:/, "Kea's configuration", 'import its lease file, usually /var/lib/kea/kea-leases4.csv'),
  other(
    /"rows"\s*:\s*\[/,
    "OPNsense's list",
    'import /var/dhcpd/var/db/dhcpd.leases, /var/db/kea/kea-leases4.csv or /var/db/dnsmasq.leases, whichever server runs there',
  ),
  other(/"clientid"\s*:/, "the answer of Pi-hole's API", 'import /etc/pihole/dhcp.leases'),
  other(/^lease \{/m, 'the leases that dhclient got from a server', "import that server's own file"),
  other(
    /^# This is private data\. Do not parse/m,
    'the lease that networkd got as a client',
    "import the server's own file",
  ),
  other(
    /^(?:subnet|shared-network|default-lease-time|max-lease-time|option domain-name)\b/m,
    "dhcpd's configuration",
    'import its lease file, usually /var/lib/dhcp/dhcpd.leases',
  ),
  other(
    /^(?:dhcp-range|dhcp-host|dhcp-option|listen-address)=/m,
    "dnsmasq's configuration",
    'import its lease file, usually /var/lib/misc/dnsmasq.leases',
  ),
  other(
    /^[ \t]*Offered DHCP leases:/m,
    "networkctl's status",
    `import /var/lib/systemd/network/dhcp-server-lease/INTERFACE (systemd 256 or newer); for an older one, ${BY_HAND}`,
  ),
  other(
    /^[ \t]*# +ADDRESS +MAC-ADDRESS/m,
    "RouterOS's table",
    'import the output of `/ip dhcp-server lease print detail`',
  ),
  other(/^"?(?:IPAddress|ScopeId)"?,/m, "a list of Windows's Get-DhcpServerv4Lease", BY_HAND),
  other(/^(?:Bindings from all pools|IP address\s+Client-ID)/m, "Cisco's list of bindings", BY_HAND),
  format(/^address,/m, 'kea'),
  format(new RegExp(ODHCPD_LINE, 'm'), 'odhcpd'),
  format(/^\d{1,11} \S+ \d+\.\d+\.\d+\.\d+ |^duid [0-9a-f:]+$/im, 'dnsmasq'),
  format(/^# .*dhcpd\.leases/m, 'isc'),
  format(new RegExp(ROUTEROS_RECORD, 'm'), 'routeros'),
  format(
    /^[ \t]*(?:lease|host|group|failover|server-duid|authoring-byte-order|default-duid|key|class|ia-na)(?=[ \t{"])/m,
    'isc',
  ),
  format(/^\s*[[{]/, 'json'),
];

export function detectFormat(lines: Iterable<string>): Detected {
  const text = [...lines].join('\n');
  const [begins = ''] = /\S[^\n]{0,59}/.exec(text) ?? [];
  const unknown = `in no format that is read here; it begins with ${JSON.stringify(begins)}`;
  return SHAPES.find(({ shape }) => shape.test(text))?.is ?? { kind: 'other', name: unknown, next: BY_HAND };
}

export const readLeaseFile = (format: LeaseFileFormat, lines: Iterable<string>, wallMs: number): Iterable<FileEntry> =>
  READERS[format](lines, wallMs);

/** The last lease of each address in one or more files. */
export class ForeignLeases {
  readonly #byAddress = new Map<Ipv4, ForeignLease>();
  #replaced = 0;

  /** Entries replaced by a later one. */
  get replaced(): number {
    return this.#replaced;
  }

  /** @returns false beyond FOREIGN_LEASES_MAX: the lease is not taken */
  add(lease: ForeignLease): boolean {
    if (this.#byAddress.has(lease.address)) this.#replaced += 1;
    else if (this.#byAddress.size >= FOREIGN_LEASES_MAX) return false;
    this.#byAddress.set(lease.address, lease);
    return true;
  }

  values(): Iterable<ForeignLease> {
    return this.#byAddress.values();
  }
}
