// The zones the rack is authoritative for: forward domains, and its networks' reverse zones, split
// at octets. Sources: RFC 1034 §4.2; RFC 1035 §3.3.13, §3.5; RFC 2181 §6; RFC 2308 §4.
//
// 1. Every managed address lies in exactly one reverse zone. If a prefix is longer than 24 bits,
//    only the network's names in the zone are ours.
// 2. SOA, NS and names of dynamic ranges are computed on demand.
// 3. A Zones object is immutable.

import {
  computeBroadcastAddress,
  type Ipv4,
  type Ipv4Network,
  ipv4,
  networkContains,
  rangeContains,
} from '../ground/address.ts';
import type { DnsConfig } from './config.ts';
import { labelEnd } from './name.ts';
import { CLASS_IN, type DnsRecord, nameRdata, soaRdata, TYPE } from './record.ts';
import { generatedLabel, parseGeneratedLabel, parseReverseName, reverseZoneName } from './reverse-name.ts';

/** Our records' TTL in seconds: short, because machines come and go. */
export const RECORD_TTL = 30;
/** Negative answers' TTL in seconds (RFC 2308 §4): a machine gets its name the moment it is deployed. */
const NEGATIVE_TTL = 30;
const REFRESH = 600;
const RETRY = 1800;
const EXPIRE = 604800;

export interface Zone {
  readonly apex: string;
  /** `local`: nobody's, but never asked upstream (`local-zones.ts`). */
  readonly kind: 'forward' | 'reverse' | 'local';
  /** The networks whose names are ours; `undefined`: all below the apex. */
  readonly covers: readonly Ipv4Network[] | undefined;
  readonly mname: string;
  readonly rname: string;
  readonly nameServer: DnsRecord;
  /** True if names without records exist. */
  readonly allExist?: boolean;
}

export class Zones {
  readonly #zones = new Map<string, Zone>();
  readonly #soas = new Map<string, { readonly serial: number; readonly record: DnsRecord }>();
  readonly #generated: DnsConfig['generated'];

  constructor(config: Pick<DnsConfig, 'domains' | 'reverseNetworks' | 'generated' | 'selfName'>) {
    this.#generated = config.generated;
    for (const domain of config.domains) this.#add(domain, 'forward', undefined, domain, config.selfName);
    const home = config.domains[0] ?? '';
    for (const [apex, covers] of reverseZones(config.reverseNetworks)) {
      this.#add(apex, 'reverse', covers, home, config.selfName);
    }
  }

  #add(apex: string, kind: Zone['kind'], covers: Zone['covers'], home: string, selfName: string): void {
    const below = (label: string): string => (home === '' ? label : `${label}.${home}`);
    const mname = below(selfName);
    const rdata = nameRdata(mname);
    const nameServer = { name: apex, type: TYPE.NS, class: CLASS_IN, ttl: RECORD_TTL, rdata };
    this.#zones.set(apex, { apex, kind, covers, mname, rname: below('nobody'), nameServer });
  }

  /** The nearest of our zones that contains `name`. */
  find(name: string): Zone | undefined {
    for (let at = 0; at <= name.length; at = labelEnd(name, at) + 1) {
      const zone = this.#zones.get(at === 0 ? name : name.slice(at));
      if (zone !== undefined && holds(zone, name)) return zone;
    }
    return undefined;
  }

  soa(zone: Zone, serial: number): DnsRecord {
    const cached = this.#soas.get(zone.apex);
    if (cached?.serial === serial) return cached.record;
    const { apex, mname, rname } = zone;
    const rdata = soaRdata({
      mname,
      rname,
      serial,
      refresh: REFRESH,
      retry: RETRY,
      expire: EXPIRE,
      minimum: NEGATIVE_TTL,
    });
    const record = { name: apex, type: TYPE.SOA, class: CLASS_IN, ttl: RECORD_TTL, rdata };
    this.#soas.set(apex, { serial, record });
    return record;
  }

  /** The address of a dynamic range's generated name. */
  generatedAddress(name: string): Ipv4 | undefined {
    const end = labelEnd(name, 0);
    const address = parseGeneratedLabel(name.slice(0, end));
    if (address === undefined) return undefined;
    const domain = name.slice(end + 1);
    return this.#generated.some((entry) => entry.domain === domain && rangeContains(entry.range, address))
      ? address
      : undefined;
  }

  /** `undefined` outside the dynamic ranges. */
  generatedName(address: Ipv4): string | undefined {
    const entry = this.#generated.find(({ range }) => rangeContains(range, address));
    return entry === undefined ? undefined : `${generatedLabel(address)}.${entry.domain}`;
  }
}

function holds(zone: Zone, name: string): boolean {
  if (zone.covers === undefined || name === zone.apex) return true;
  const reversed = parseReverseName(name);
  return reversed !== undefined && zone.covers.some((network) => networkContains(network, reversed.address));
}

/**
 * Reverse zones of 8, 16 or 24 bits by apex, with the networks each covers (`undefined`: all of it
 * is ours).
 */
function reverseZones(networks: readonly Ipv4Network[]): Map<string, readonly Ipv4Network[] | undefined> {
  const zones = new Map<string, readonly Ipv4Network[] | undefined>();
  for (const network of networks) {
    const octets = Math.min(Math.max(Math.ceil(network.prefix / 8), 1), 3);
    const step = 2 ** (32 - octets * 8);
    // At most 256: a prefix is less than one octet shorter than its zones'.
    for (let address: number = network.address; address <= computeBroadcastAddress(network); address += step) {
      const apex = reverseZoneName(ipv4(address), octets);
      const existing = zones.get(apex);
      const whole = network.prefix <= 24 || (zones.has(apex) && existing === undefined);
      zones.set(apex, whole ? undefined : [...(existing ?? []), network]);
    }
  }
  return zones;
}
