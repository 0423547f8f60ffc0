// What is wanted of the names from outside: addresses with their names, and the records of the configuration, read.

import type { Ipv4 } from '../net/address.ts';
import type { ConfiguredRecord } from './config.ts';
import type { NameReport } from './events.ts';
import { parseName } from './name.ts';
import { CLASS_IN, type DnsRecord, rdataAddress, TYPE } from './record.ts';
import { parseRdata, RECORD_TYPE_NUMBERS } from './record-text.ts';
import { RECORD_TTL } from './zones.ts';

/** A name for an address, as the region or a reservation gives it. */
export interface NamedAddress {
  /** Fully qualified; case and a final dot do not matter. */
  readonly fqdn: string;
  readonly address: Ipv4;
}

/** A name for an address, with what else may be said of it. */
export interface WantedName extends NamedAddress {
  /** Default: RECORD_TTL. */
  readonly ttl?: number;
  /** Whether the address answers with the name; default: it does. */
  readonly reverse?: boolean;
}

/** The records of a configuration: A records are claims like others, all else is the operator's alone. */
export interface ReadRecords {
  readonly addresses: readonly WantedName[];
  readonly others: ReadonlyMap<string, readonly DnsRecord[]>;
}

/** Reads configured records; one that is not of its type, or stands beside a CNAME, is reported and left out. */
export function readRecords(records: readonly ConfiguredRecord[], report: (report: NameReport) => void): ReadRecords {
  const addresses: WantedName[] = [];
  const others = new Map<string, DnsRecord[]>();
  const aliases = new Set<string>();
  // CNAMEs first: they decide what else may stand at their names.
  for (const record of [...records].sort((a, b) => Number(b.type === 'CNAME') - Number(a.type === 'CNAME'))) {
    const name = parseName(record.name);
    const rdata = parseRdata(record.type, record.data);
    if (name === undefined || rdata === undefined || aliases.has(name)) {
      const reason = name === undefined ? 'bad name' : rdata === undefined ? 'bad data' : 'beside a CNAME';
      report({ kind: 'dns.record-invalid', name: record.name, reason: `${record.type} ${record.data}: ${reason}` });
      continue;
    }
    const ttl = record.ttl ?? RECORD_TTL;
    const type = RECORD_TYPE_NUMBERS[record.type];
    if (type === TYPE.CNAME) aliases.add(name);
    if (type === TYPE.A) {
      // An address has no name that stands for many.
      addresses.push({ fqdn: name, address: rdataAddress(rdata), ttl, reverse: !name.startsWith('*.') });
    } else {
      const list = others.get(name) ?? [];
      list.push({ name, type, class: CLASS_IN, ttl, rdata });
      others.set(name, list);
    }
  }
  return { addresses, others };
}
