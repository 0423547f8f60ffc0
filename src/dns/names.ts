// The names of the rack's machines: takes claims, keeps immutable record nodes for the answering code.
//
//   setRecords, setRack, setMachines, setReservations, leaseBound, leaseGone
//        → claims (claims.ts) → touched names and addresses → winners → replaced nodes → serial
//
// Sources: RFC 1034 §3.6.2 (a CNAME excludes other records), §4.3.2; RFC 8020 (a name with names
// below it exists); RFC 1982 (serial).
//
// 1. A change is one synchronous step; nodes are replaced, never changed.
// 2. Forward and reverse agree: a reverse look-up returns a name with this address, and every
//    address with a name has one. Only a configured PTR record may disagree.
// 3. The serial grows by one when nodes changed, once a turn of the event loop at most.
// 4. A configured record that would hide the rack's, a machine's or a reservation's own is withheld
//    (`#servedAt`).
// 5. A lease alone with its name and address has no node: `lone-leases.ts` computes its records.
//    Once another owner claims either, it becomes and stays an ordinary claim (`#makeOrdinary`).

import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../ground/address.ts';
import { type Claim, type ClaimOwner, ClaimTable } from './claims.ts';
import type { ConfiguredRecord } from './config.ts';
import { type NamedAddress, readRecords, type WantedName } from './configured-records.ts';
import type { NameReport } from './events.ts';
import { forwardNode, LoneLeases, reverseNode } from './lone-leases.ts';
import { hostLabel, parentName, parseName } from './name.ts';
import { makeNode, type NameNode, sameNode } from './name-node.ts';
import { addressRdata, CLASS_IN, type DnsRecord, nameRdata, TYPE } from './record.ts';
import { formatRdata } from './record-text.ts';
import { parseReverseName, reverseName } from './reverse-name.ts';
import { RECORD_TTL } from './zones.ts';

export interface NameSource {
  readonly serial: number;
  /** True if a configured NS record may delegate part of a zone. */
  readonly hasDelegations: boolean;
  /** True if a configured name begins with `*`. */
  readonly hasWildcards: boolean;
  find(name: string): NameNode | undefined;
  /** True if names below `name` have records (RFC 8020 §2); then `name` exists too. */
  hasBelow(name: string): boolean;
}

interface NamesOptions {
  /** The first serial, 32 bits; greater than at the last start, such as the wall time in seconds. */
  readonly serial: number;
  /** Receives conflicts (`dns.name-conflict`) and unusable records (`dns.record-invalid`). */
  readonly report?: (report: NameReport) => void;
}

const NO_CLAIMS: readonly Claim[] = [];

export class Names implements NameSource {
  readonly #claims = new ClaimTable();
  /** Each owner's claims, by the name as written. */
  readonly #lists = new Map<ClaimOwner, ReadonlyMap<string, readonly Claim[]>>();
  readonly #lone = new LoneLeases();
  /** The leases with ordinary claims. */
  readonly #leases = new Map<Ipv4, Claim>();
  /** Leases whose name has too many claims: reported once, retried when a claim is gone. */
  readonly #refused = new Map<Ipv4, Claim>();
  readonly #winners = new Map<string, readonly Claim[]>();
  #configured: ReadonlyMap<string, readonly DnsRecord[]> = new Map();
  /** Names of which a configured record is withheld, and reported. */
  readonly #withheld = new Set<string>();
  #apexes: ReadonlySet<string> = new Set();
  readonly #nodes = new Map<string, NameNode>();
  readonly #below = new Map<string, number>();
  readonly #touchedNames = new Set<string>();
  readonly #touchedAddresses = new Set<Ipv4>();
  readonly #report: (report: NameReport) => void;
  #serial: number;
  #increasedThisTurn = false;
  #hasDelegations = false;
  #hasWildcards = false;

  constructor(options: NamesOptions) {
    this.#serial = options.serial >>> 0;
    this.#report = options.report ?? (() => {});
  }

  get serial(): number {
    return this.#serial;
  }
  get hasDelegations(): boolean {
    return this.#hasDelegations;
  }
  get hasWildcards(): boolean {
    return this.#hasWildcards;
  }

  find(name: string): NameNode | undefined {
    return this.#nodes.get(name) ?? this.#lone.find(name);
  }

  hasBelow(name: string): boolean {
    return this.#below.has(name);
  }

  /** Every node, in no particular order. */
  *nodes(): Generator<NameNode, void> {
    yield* this.#nodes.values();
    yield* this.#lone.nodes();
  }

  setMachines(list: readonly NamedAddress[]): void {
    this.#replace('machine', list);
  }

  setReservations(list: readonly NamedAddress[]): void {
    this.#replace('reservation', list);
  }

  /**
   * Replaces the rack's own names: `selfName` in each domain, and each apex. Reverse look-ups
   * return the first.
   */
  setRack(selfName: string, domains: readonly string[], addresses: readonly Ipv4[]): void {
    const wanted: WantedName[] = [];
    const claim = (fqdn: string, reverse: boolean): void => {
      for (const address of addresses) wanted.push({ fqdn, address, reverse });
    };
    if (domains.length === 0) claim(selfName, true);
    domains.forEach((domain, index) => {
      claim(`${selfName}.${domain}`, index === 0);
      claim(domain, false);
    });
    const apexes = new Set(domains);
    for (const name of new Set([...apexes, ...this.#apexes])) this.#touchedNames.add(name);
    this.#apexes = apexes;
    this.#replace('rack', wanted);
  }

  /**
   * Replaces the configured records; reports and skips those that cannot be served (`readRecords`,
   * rule 4).
   */
  setRecords(records: readonly ConfiguredRecord[]): void {
    const { addresses, others } = readRecords(records, this.#report);
    for (const name of this.#configured.keys()) this.#touchedNames.add(name);
    for (const name of others.keys()) {
      this.#touchedNames.add(name);
      this.#makeOrdinary(name);
    }
    this.#configured = others;
    this.#withheld.clear();
    this.#hasDelegations = [...others.values()].flat().some((record) => record.type === TYPE.NS);
    this.#hasWildcards = [...others.keys(), ...addresses.map(({ fqdn }) => fqdn)].some((name) => name.startsWith('*.'));
    this.#replace('configured', addresses);
  }

  /**
   * Handles a new or changed lease; true if names changed. A hostname without a safe label
   * (`hostLabel`) gives no name.
   */
  leaseBound(mac: MacAddress, address: Ipv4, hostname: string | undefined, domain: string): boolean {
    const label = hostname === undefined ? undefined : hostLabel(hostname);
    // If a long domain leaves no room, the lease has no name.
    const name = label === undefined ? undefined : parseName(domain === '' ? label : `${label}.${domain}`);
    const alone = this.#lone.ofAddress(address);
    const current = alone ?? this.#leases.get(address);
    if (current?.mac === mac && current.name === name) return false;
    if (current === undefined && name === undefined) return false;
    const refused = this.#refused.get(address);
    if (refused?.mac === mac && refused.name === name && this.#claims.isFull(refused.name)) return false;
    if (alone !== undefined && alone.name === name) {
      // Another client with the same records.
      this.#lone.add({ ...alone, mac });
      return false;
    }
    if (alone !== undefined) this.#removeAlone(alone);
    else if (current !== undefined) this.#remove(current);
    this.#leases.delete(address);
    this.#refused.delete(address);
    if (name !== undefined) {
      const claim: Claim = { owner: 'lease', name, address, ttl: RECORD_TTL, reverse: true, mac };
      if ((current === undefined || current === alone) && this.#isAlone(claim)) {
        this.#lone.add(claim);
        this.#countBelow(name, 1);
        this.#increaseSerial();
        return true;
      }
      const isTaken = this.#add(claim);
      (isTaken ? this.#leases : this.#refused).set(address, claim);
    }
    return this.#settle() || alone !== undefined;
  }

  /** The addresses of the leases that claim this hostname. */
  leasesNamed(hostname: string, domain: string): readonly Ipv4[] {
    const name = parseName(domain === '' ? hostname : `${hostname}.${domain}`);
    if (name === undefined) return [];
    const alone = this.#lone.ofName(name);
    const claims = this.#claims.ofName(name).filter(({ owner }) => owner === 'lease');
    return [...claims, ...(alone === undefined ? [] : [alone])].map(({ address }) => address);
  }

  /** True if nothing else claims its name or address. */
  #isAlone({ name, address }: Claim): boolean {
    if (this.#lone.ofName(name) !== undefined || this.#claims.ofName(name).length > 0) return false;
    if (this.#lone.ofAddress(address) !== undefined || this.#claims.ofAddress(address).length > 0) return false;
    // A domain may lie in the reverse tree.
    if (parseReverseName(name) !== undefined) return false;
    const pointer = reverseName(address);
    return this.#claims.ofName(pointer).length === 0 && !this.#configured.has(name) && !this.#configured.has(pointer);
  }

  #removeAlone(claim: Claim): void {
    this.#lone.remove(claim);
    this.#countBelow(claim.name, -1);
    this.#increaseSerial();
  }

  #makeOrdinary(name: string, address?: Ipv4): void {
    const claims = new Set([this.#lone.ofName(name)]);
    for (const candidate of [address, parseReverseName(name)?.address]) {
      if (candidate !== undefined) claims.add(this.#lone.ofAddress(candidate));
    }
    for (const claim of claims) {
      if (claim === undefined) continue;
      this.#lone.remove(claim);
      this.#claims.add(claim);
      this.#leases.set(claim.address, claim);
      this.#winners.set(claim.name, [claim]);
      this.#nodes.set(claim.name, forwardNode(claim));
      this.#nodes.set(reverseName(claim.address), reverseNode(claim));
    }
  }

  /** Handles a lease that ended; true if names changed. */
  leaseGone(address: Ipv4): boolean {
    const alone = this.#lone.ofAddress(address);
    if (alone !== undefined) {
      this.#removeAlone(alone);
      return true;
    }
    const current = this.#leases.get(address);
    this.#refused.delete(address);
    if (current === undefined) return false;
    this.#leases.delete(address);
    this.#remove(current);
    return this.#settle();
  }

  /** Replaces this owner's claims; unchanged ones cost little. */
  #replace(owner: ClaimOwner, wanted: readonly WantedName[]): void {
    const before = this.#lists.get(owner) ?? new Map<string, readonly Claim[]>();
    const after = new Map<string, readonly Claim[]>();
    const added: Claim[] = [];
    for (const entry of wanted) {
      const { fqdn, address, ttl = RECORD_TTL, reverse = true } = entry;
      const same = (claim: Claim): boolean =>
        claim.address === address && claim.ttl === ttl && claim.reverse === reverse;
      const already = after.get(fqdn);
      if (already?.some(same) === true) continue;
      let claim = before.get(fqdn)?.find(same);
      if (claim === undefined) {
        const name = parseName(fqdn);
        if (name === undefined || name === '') {
          this.#report({ kind: 'dns.record-invalid', name: fqdn, address, reason: 'not-a-domain-name' });
          continue;
        }
        claim = { owner, name, address, ttl, reverse, mac: undefined };
        added.push(claim);
      }
      after.set(fqdn, already === undefined ? [claim] : [...already, claim]);
    }
    for (const [fqdn, claims] of before) {
      const remaining = after.get(fqdn);
      for (const claim of claims) if (remaining?.includes(claim) !== true) this.#remove(claim);
    }
    for (const claim of added) this.#add(claim);
    this.#lists.set(owner, after);
    this.#settle();
  }

  #add(claim: Claim): boolean {
    this.#makeOrdinary(claim.name, claim.address);
    const taken = this.#claims.add(claim);
    if (taken) this.#touch(claim);
    else this.#reportConflict(claim, this.#winners.get(claim.name)?.[0]);
    return taken;
  }

  #remove(claim: Claim): void {
    this.#claims.remove(claim);
    this.#touch(claim);
  }

  #touch(claim: Claim): void {
    this.#touchedNames.add(claim.name);
    this.#touchedAddresses.add(claim.address);
  }

  /** Updates the nodes for the touched claims; true if a node changed. */
  #settle(): boolean {
    const addresses = this.#touchedAddresses;
    // Other claims to an address decide whether a lease may name it.
    for (const address of addresses) {
      for (const claim of this.#claims.ofAddress(address))
        if (claim.owner === 'lease') this.#touchedNames.add(claim.name);
    }
    const names = [...this.#touchedNames];
    for (const name of names) this.#decideName(name);
    let changed = false;
    for (const name of names) changed = this.#rebuild(name) || changed;
    for (const address of addresses) changed = this.#rebuild(reverseName(address)) || changed;
    this.#touchedNames.clear();
    addresses.clear();
    if (changed) this.#increaseSerial();
    return changed;
  }

  /** Decides which claims win the name, and touches the affected addresses. */
  #decideName(name: string): void {
    const before = this.#winners.get(name) ?? NO_CLAIMS;
    const isAlias = this.#servedAt(name)?.some((record) => record.type === TYPE.CNAME) === true;
    this.#reportWithheld(name);
    const after = isAlias ? NO_CLAIMS : this.#claims.winners(name);
    for (const claim of before) if (!after.includes(claim)) this.#touchedAddresses.add(claim.address);
    for (const claim of after) if (!before.includes(claim)) this.#touchedAddresses.add(claim.address);
    if (after.length === 0) this.#winners.delete(name);
    else this.#winners.set(name, after);
    const winner = after[0];
    for (const claim of this.#claims.ofName(name)) {
      const held = after.some((other) => other === claim || other.address === claim.address);
      if (!held && this.#touchedAddresses.has(claim.address)) this.#reportConflict(claim, winner);
    }
  }

  /** The configured records of a name that hide nothing of others. */
  #servedAt(name: string): readonly DnsRecord[] | undefined {
    const configured = this.#configured.get(name);
    const isApex = this.#apexes.has(name);
    const isOwned =
      isApex || this.#claims.ofName(name).some(({ owner }) => owner !== 'lease' && owner !== 'configured');
    if (!isOwned || configured === undefined) return configured;
    // An NS record below the apex delegates the name (RFC 1034 §4.3.2 step 3b).
    const served = configured.filter(({ type }) => type !== TYPE.CNAME && (isApex || type !== TYPE.NS));
    return served.length === 0 ? undefined : served;
  }

  #reportWithheld(name: string): void {
    const served = this.#servedAt(name);
    const withheld = this.#configured.get(name)?.filter((record) => served?.includes(record) !== true) ?? [];
    if (withheld.length === 0) this.#withheld.delete(name);
    else if (!this.#withheld.has(name)) {
      this.#withheld.add(name);
      for (const { type, rdata } of withheld) {
        const written = type === TYPE.CNAME ? 'CNAME' : 'NS';
        const data = formatRdata(type, rdata);
        this.#report({ kind: 'dns.record-invalid', name, type: written, data, reason: 'hides-host' });
      }
    }
  }

  #reportConflict(loser: Claim, winner: Claim | undefined): void {
    if (winner === undefined) return;
    const { name, address, mac } = loser;
    // One client with two leases is not a conflict.
    if (mac !== undefined && mac === winner.mac) return;
    this.#report({
      kind: 'dns.name-conflict',
      name,
      address,
      mac,
      winner: winner.owner,
      winnerAddress: formatIpv4(winner.address),
      winnerMac: winner.mac === undefined ? undefined : formatMac(winner.mac),
      loser: loser.owner,
    });
  }

  #rebuild(name: string): boolean {
    const before = this.#nodes.get(name);
    const configured = this.#servedAt(name);
    const owned = this.#winners.get(name) ?? NO_CLAIMS;
    const records: DnsRecord[] = [];
    for (const [index, { address, ttl }] of owned.entries()) {
      // One owner may claim the address under two spellings.
      if (index > 0 && owned.findIndex((other) => other.address === address) < index) continue;
      records.push({ name, type: TYPE.A, class: CLASS_IN, ttl, rdata: addressRdata(address) });
    }
    records.push(...(configured ?? []), ...this.#pointer(name, configured));
    if (records.length === 0) {
      if (before === undefined) return false;
      this.#nodes.delete(name);
      this.#countBelow(name, -1);
      return true;
    }
    const intended = configured !== undefined || (owned[0] !== undefined && owned[0].owner !== 'lease');
    const after = makeNode(name, intended, records);
    if (before !== undefined && sameNode(before, after)) return false;
    this.#nodes.set(name, after);
    if (before === undefined) this.#countBelow(name, 1);
    return true;
  }

  /** The computed PTR record of a reverse name, unless one is configured. */
  #pointer(name: string, configured: readonly DnsRecord[] | undefined): DnsRecord[] {
    const reversed = parseReverseName(name);
    if (reversed?.octets !== 4) return [];
    if (configured?.some((record) => record.type === TYPE.PTR || record.type === TYPE.CNAME) === true) return [];
    const claim = this.#claims.pointer(
      reversed.address,
      (other) => this.#winners.get(other.name)?.includes(other) === true,
    );
    if (claim === undefined) return [];
    return [{ name, type: TYPE.PTR, class: CLASS_IN, ttl: claim.ttl, rdata: nameRdata(claim.name) }];
  }

  #countBelow(name: string, by: 1 | -1): void {
    // In the reverse tree, existence follows from the addresses of the zone.
    if (parseReverseName(name) !== undefined) return;
    for (let above = parentName(name); above !== undefined && above !== ''; above = parentName(above)) {
      const count = (this.#below.get(above) ?? 0) + by;
      if (count === 0) this.#below.delete(above);
      else this.#below.set(above, count);
    }
  }

  #increaseSerial(): void {
    if (this.#increasedThisTurn) return;
    this.#increasedThisTurn = true;
    // RFC 1982 §3.1: addition modulo 2^32; some secondaries read zero as "unknown".
    this.#serial = (this.#serial + 1) >>> 0 || 1;
    queueMicrotask(() => {
      this.#increasedThisTurn = false;
    });
  }
}
