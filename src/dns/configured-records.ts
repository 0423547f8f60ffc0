// The names that configuration, region and reservations ask for.

import type { Ipv4 } from '../ground/address.ts';
import type { ConfiguredRecord } from './config.ts';
import type { NameReport } from './events.ts';
import { parseName } from './name.ts';
import { CLASS_IN, CNAME_CHAIN_MAX, type DnsRecord, rdataAddress, TYPE } from './record.ts';
import { parseRdata, RECORD_TYPE_NUMBERS } from './record-text.ts';
import { RECORD_TTL } from './zones.ts';

/** A name with its address, from the region or a reservation. */
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

/** Why a record is not served. */
type RecordFault = 'bad-name' | 'bad-data' | 'alias-twice' | 'alias-beside-others' | 'alias-loop';

/**
 * Reports and skips a record whose data does not fit its type, and a CNAME that is not alone at its
 * name or leads to no answer.
 */
export function readRecords(records: readonly ConfiguredRecord[], report: (report: NameReport) => void): ReadRecords {
  const addresses: WantedName[] = [];
  const others = new Map<string, DnsRecord[]>();
  const targets = aliasTargets(records);
  const names = new Set(records.flatMap(({ name, type }) => (type === 'CNAME' ? [] : (parseName(name) ?? []))));
  const aliases = new Set<string>();
  for (const record of records) {
    const name = parseName(record.name);
    const rdata = parseRdata(record.type, record.data);
    const refuse = (reason: RecordFault): void => {
      const { type, data } = record;
      report({ kind: 'dns.record-invalid', name: record.name, type, data, reason });
    };
    if (name === undefined) refuse('bad-name');
    else if (rdata === undefined) refuse('bad-data');
    else if (record.type !== 'CNAME') {
      const ttl = record.ttl ?? RECORD_TTL;
      const type = RECORD_TYPE_NUMBERS[record.type];
      // A reverse look-up must not return a wildcard.
      if (type === TYPE.A)
        addresses.push({ fqdn: name, address: rdataAddress(rdata), ttl, reverse: !name.startsWith('*.') });
      else others.set(name, [...(others.get(name) ?? []), { name, type, class: CLASS_IN, ttl, rdata }]);
    } else if (names.has(name)) refuse('alias-beside-others');
    else if (aliases.has(name)) refuse('alias-twice');
    else if (isEndless(name, targets)) refuse('alias-loop');
    else {
      aliases.add(name);
      others.set(name, [{ name, type: TYPE.CNAME, class: CLASS_IN, ttl: record.ttl ?? RECORD_TTL, rdata }]);
    }
  }
  return { addresses, others };
}

/** Where the CNAME of each name leads; the first of several counts. */
function aliasTargets(records: readonly ConfiguredRecord[]): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  for (const { name: written, type, data } of records) {
    const [name, target] = [parseName(written), parseName(data.trim())];
    if (type === 'CNAME' && name !== undefined && target !== undefined && !targets.has(name)) targets.set(name, target);
  }
  return targets;
}

/** True if the CNAMEs of a name lead back to it, or through more names than are followed. */
function isEndless(name: string, targets: ReadonlyMap<string, string>): boolean {
  let at: string | undefined = name;
  for (let steps = 0; steps <= CNAME_CHAIN_MAX && at !== undefined; steps += 1) at = targets.get(at);
  return at !== undefined;
}
