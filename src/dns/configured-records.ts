// The names that configuration, region and reservations ask for.

import type { Ipv4 } from '../net/address.ts';
import type { ConfiguredRecord } from './config.ts';
import type { NameReport } from './events.ts';
import { parseName } from './name.ts';
import { CLASS_IN, type DnsRecord, rdataAddress, TYPE } from './record.ts';
import { parseRdata, RECORD_TYPE_NUMBERS } from './record-text.ts';
import { RECORD_TTL } from './zones.ts';

/** From the region or a reservation. */
export interface NamedAddress {
  /** Case and a final dot do not matter. */
  readonly fqdn: string;
  readonly address: Ipv4;
}

export interface WantedName extends NamedAddress {
  /** Default: RECORD_TTL. */
  readonly ttl?: number;
  /** Whether reverse look-ups may return the name; default true. */
  readonly reverse?: boolean;
}

/** A records compete as claims, the others are the operator's alone. */
interface ReadRecords {
  readonly addresses: readonly WantedName[];
  readonly others: ReadonlyMap<string, readonly DnsRecord[]>;
}

/** Reports and skips a record whose data does not fit its type, or whose name has a CNAME. */
export function readRecords(records: readonly ConfiguredRecord[], report: (report: NameReport) => void): ReadRecords {
  const addresses: WantedName[] = [];
  const others = new Map<string, DnsRecord[]>();
  const aliases = new Set<string>();
  // CNAMEs first: their names have no other records.
  for (const record of [...records].sort((a, b) => Number(b.type === 'CNAME') - Number(a.type === 'CNAME'))) {
    const name = parseName(record.name);
    const rdata = parseRdata(record.type, record.data);
    if (name === undefined || rdata === undefined || aliases.has(name)) {
      const reason = name === undefined ? 'bad-name' : rdata === undefined ? 'bad-data' : 'name-has-alias';
      const { type, data } = record;
      report({ kind: 'dns.record-invalid', name: record.name, type, data, reason });
      continue;
    }
    const ttl = record.ttl ?? RECORD_TTL;
    const type = RECORD_TYPE_NUMBERS[record.type];
    if (type === TYPE.CNAME) aliases.add(name);
    if (type === TYPE.A) {
      // A reverse look-up must not return a wildcard.
      addresses.push({ fqdn: name, address: rdataAddress(rdata), ttl, reverse: !name.startsWith('*.') });
    } else {
      const list = others.get(name) ?? [];
      list.push({ name, type, class: CLASS_IN, ttl, rdata });
      others.set(name, list);
    }
  }
  return { addresses, others };
}
