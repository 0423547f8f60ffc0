// Reads the lease file of another DHCP server: detects its format by the first lines, and gathers its entries by address.

import type { Ipv4 } from '../../net/address.ts';
import { readDnsmasqLeases } from './dnsmasq.ts';
import { type FileEntry, FOREIGN_LEASES_MAX, type ForeignLease, type ReadLeaseFile } from './foreign-lease.ts';
import { readIscLeases } from './isc.ts';
import { readKeaLeases } from './kea.ts';

/** The formats and their names. */
export const LEASE_FILE_FORMATS = {
  isc: "ISC dhcpd's dhcpd.leases",
  dnsmasq: "dnsmasq's leases",
  kea: "Kea's memfile",
} as const;

export type LeaseFileFormat = keyof typeof LEASE_FILE_FORMATS;

const READERS: Readonly<Record<LeaseFileFormat, ReadLeaseFile>> = {
  isc: readIscLeases,
  dnsmasq: readDnsmasqLeases,
  kea: readKeaLeases,
};

/** How many lines `detectFormat` needs. */
export const DETECT_LINES = 200;

/** Detects a file's format by its first lines; undefined: none of them, or empty. */
export function detectFormat(lines: Iterable<string>): LeaseFileFormat | undefined {
  for (const line of lines) {
    const text = line.trim();
    if (/^address,/.test(text)) return 'kea';
    if (/^\d{1,11} \S+ \d+\.\d+\.\d+\.\d+ /.test(text) || /^duid [0-9a-f:]+$/i.test(text)) return 'dnsmasq';
    // The first line of a file of dhcpd: its notice, or a declaration.
    if (/^# .*dhcpd\.leases/.test(text)) return 'isc';
    if (/^(lease|host|group|failover|server-duid|authoring-byte-order|default-duid|key|class|ia-na)\b/.test(text)) {
      return 'isc';
    }
    if (text !== '' && !text.startsWith('#')) return undefined;
  }
  return undefined;
}

/** The entries of a file. */
export const readLeaseFile = (format: LeaseFileFormat, lines: Iterable<string>, wallMs: number): Iterable<FileEntry> =>
  READERS[format](lines, wallMs);

/** The leases of one or more files: for each address, the last one given. */
export class ForeignLeases {
  readonly #byAddress = new Map<Ipv4, ForeignLease>();
  #replaced = 0;

  /** How many entries a later one of their address replaced. */
  get replaced(): number {
    return this.#replaced;
  }

  /** @returns false if there are FOREIGN_LEASES_MAX already, and the lease is not taken */
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
