// Decides the answer to a question: from own names, from the zones that end here, or "ask upstream". Pure.
//
//   question ─ judgeQuery ─┬─ refused, not implemented, bad version, ANY ────────────────→ reply
//                          └─ resolve ─┬─ localhost (RFC 6761 §6.3) ─────────────────────→ reply
//                                      ├─ in a zone of ours, or one that ends here: record, alias, referral, NODATA, NXDOMAIN → reply
//                                      ├─ alias that leaves our zones ────────────────────→ forward its target, keep the chain
//                                      └─ not ours ───────────────────────────────────────→ forward
//
// Sources: RFC 1034 §4.3.2; RFC 1035 §4.1.1; RFC 2181 §6.1; RFC 2308 §2, §3; RFC 4592; RFC 6604 §3;
// RFC 6761 §6.3; RFC 6891 §6.1.3; RFC 8020; RFC 8482.
//
// 1. A name in one of our zones is never forwarded.
// 2. A client outside the served networks gets REFUSED and learns nothing else.
// 3. A negative answer carries the zone's SOA, with the negative TTL (RFC 2308 §3).

import { type Ipv4, type Ipv4Network, LOOPBACK, networkContains } from '../ground/address.ts';
import type { LocalZones } from './local-zones.ts';
import { type Query, RCODE } from './message.ts';
import { isNameWithin, parentName } from './name.ts';
import { findSet, type NameNode, renameNode } from './name-node.ts';
import type { NameSource } from './names.ts';
import { addressRdata, CLASS_IN, CNAME_CHAIN_MAX, type DnsRecord, decodeTarget, nameRdata, TYPE } from './record.ts';
import { bareReply, type Reply } from './reply.ts';
import { parseReverseName } from './reverse-name.ts';
import { RECORD_TTL, type Zone, type Zones } from './zones.ts';

export interface AnswerFacts {
  readonly zones: Zones;
  readonly localZones: LocalZones;
  readonly names: NameSource;
  readonly clients: readonly Ipv4Network[];
}

/** A reply, or a question for the upstreams and the aliases that led to it. */
export type Answer =
  | { readonly kind: 'reply'; readonly reply: Reply; readonly from: 'own' | 'stranger' | 'policy' }
  | { readonly kind: 'forward'; readonly name: string; readonly chain: readonly DnsRecord[] };

const NONE: readonly DnsRecord[] = [];
const REFUSED_STRANGER: Answer = { kind: 'reply', reply: bareReply(RCODE.REFUSED), from: 'stranger' };
const REFUSED_POLICY: Answer = { kind: 'reply', reply: bareReply(RCODE.REFUSED), from: 'policy' };
const BAD_VERSION: Answer = { kind: 'reply', reply: bareReply(RCODE.BADVERS), from: 'policy' };
const FORMAT_ERROR: Answer = { kind: 'reply', reply: bareReply(RCODE.FORMERR), from: 'policy' };

export function answerQuery(query: Query, client: Ipv4, facts: AnswerFacts): Answer {
  if (!isClient(client, facts.clients)) return REFUSED_STRANGER;
  // RFC 6891 §6.1.3: whatever the question.
  if (query.edns !== undefined && query.edns.version > 0) return BAD_VERSION;
  const { type } = query.question;
  if (query.question.class !== CLASS_IN) return REFUSED_POLICY;
  if (type === TYPE.OPT || type === 0) return FORMAT_ERROR;
  if (type >= 249 && type < TYPE.ANY) return REFUSED_POLICY;
  const answer = resolve(query.question.name, type, facts);
  // Without RD the rack reveals nothing of its cache (RFC 1035 §4.1.1).
  if (answer.kind === 'forward' && !query.recursionDesired) {
    if (answer.chain.length === 0) return REFUSED_POLICY;
    return own({ rcode: RCODE.NOERROR, authoritative: true, answers: answer.chain, authority: NONE, additional: NONE });
  }
  return answer;
}

/** True if a name leads through aliases without an end, so that it has no answer. */
export function isEndless(name: string, facts: Pick<AnswerFacts, 'zones' | 'localZones' | 'names'>): boolean {
  const answer = resolve(name, TYPE.A, { ...facts, clients: [] });
  return answer.kind === 'reply' && answer.reply.rcode === RCODE.SERVFAIL;
}

/**
 * True if a record is never answered, because its name is delegated to others; the addresses of
 * their name servers come along with that.
 */
export function isDelegated(
  name: string,
  type: number,
  facts: Pick<AnswerFacts, 'zones' | 'localZones' | 'names'>,
): boolean {
  const answer = resolve(name, type, { ...facts, clients: [] });
  if (answer.kind !== 'reply' || answer.reply.authoritative) return false;
  const { authority, additional } = answer.reply;
  const isSought = (record: DnsRecord): boolean => record.name === name && record.type === type;
  return authority.length > 0 && ![...authority, ...additional].some(isSought);
}

function isClient(client: Ipv4, clients: readonly Ipv4Network[]): boolean {
  for (let index = 0; index < clients.length; index += 1) {
    const network = clients[index];
    if (network !== undefined && networkContains(network, client)) return true;
  }
  return false;
}

const own = (reply: Reply): Answer => ({ kind: 'reply', reply, from: 'own' });

/** Follows a name through our zones (RFC 1034 §4.3.2). */
function resolve(first: string, type: number, facts: AnswerFacts): Answer {
  let chain: readonly DnsRecord[] = NONE;
  let name = first;
  for (;;) {
    const address = localhostAddress(name, type);
    const zone = facts.zones.find(name) ?? facts.localZones.find(name, type);
    const step = address ?? (zone === undefined ? outside(name, type, facts) : inZone(zone, name, type, facts));
    if (step === undefined) return { kind: 'forward', name, chain };
    if (step.alias === undefined) {
      if (chain.length === 0) return own(step.reply);
      // RFC 6604 §3: the rcode describes the chain's last name, AA its first.
      const answers = [...chain, ...step.reply.answers];
      return own({ ...step.reply, authoritative: true, answers });
    }
    chain = [...chain, step.alias];
    name = decodeTarget(step.alias) ?? '';
    if (chain.length > CNAME_CHAIN_MAX) return own(bareReply(RCODE.SERVFAIL));
  }
}

type Step = { readonly reply: Reply; readonly alias?: undefined } | { readonly alias: DnsRecord };

/**
 * Answers a configured name outside our zones, for the types it has. Other types belong to the
 * upstreams, except AAAA of a name with an A: a resolver that gets NXDOMAIN for one may give up
 * both.
 */
function outside(name: string, type: number, facts: AnswerFacts): Step | undefined {
  const node = facts.names.find(name);
  if (node?.intended !== true) return undefined;
  const nodeAnswer = fromNode(node, type, facts);
  return nodeAnswer ?? (type === TYPE.AAAA && findSet(node, TYPE.A) !== undefined ? NO_DATA : undefined);
}

function inZone(zone: Zone, name: string, type: number, facts: AnswerFacts): Step {
  const { names, zones } = facts;
  const referral = names.hasDelegations ? findReferral(zone, name, type, facts) : undefined;
  if (referral !== undefined) return { reply: referral };
  const own = names.find(name);
  const computed = own === undefined ? computedRecord(name, facts) : undefined;
  const mayExpand = names.hasWildcards && own === undefined && computed === undefined;
  const node = mayExpand ? expandWildcard(zone, name, facts) : own;
  const nodeAnswer = node === undefined ? undefined : fromNode(node, type, facts);
  const isApex = name === zone.apex;
  if (isApex && (type === TYPE.SOA || type === TYPE.NS || type === TYPE.ANY)) return { reply: apex(zone, type, facts) };
  if (nodeAnswer !== undefined) return nodeAnswer;
  if (computed !== undefined && (type === computed.type || type === TYPE.ANY)) {
    return { reply: positive([computed], NONE) };
  }
  const exists =
    node !== undefined || computed !== undefined || isApex || zone.allExist === true || hasNamesBelow(name, facts);
  return {
    reply: {
      rcode: exists ? RCODE.NOERROR : RCODE.NXDOMAIN,
      authoritative: true,
      answers: NONE,
      authority: [zones.soa(zone, names.serial)],
      additional: NONE,
    },
  };
}

/**
 * The records of `*` at the closest existing ancestor, renamed to `name` (RFC 4592 §3.3.1).
 * `undefined` if there is none, or if `name` exists because of names below it.
 */
function expandWildcard(zone: Zone, name: string, { names }: AnswerFacts): NameNode | undefined {
  if (name === zone.apex || names.hasBelow(name)) return undefined;
  for (let above = parentName(name); above !== undefined; above = parentName(above)) {
    const star = names.find(`*.${above}`);
    if (star !== undefined) return renameNode(star, name);
    if (above === zone.apex || names.find(above) !== undefined || names.hasBelow(above)) return undefined;
  }
  return undefined;
}

/** The node's records of this type, or its alias. */
function fromNode(node: NameNode, type: number, facts: AnswerFacts): Step | undefined {
  // RFC 8482 §4.1: ANY gets one of the name's record sets.
  const set = type === TYPE.ANY ? node.sets[0] : findSet(node, type);
  if (set !== undefined) return { reply: positive(set.records, findAdditionalAddresses(set.records, type, facts)) };
  const alias = findSet(node, TYPE.CNAME)?.records[0];
  return alias === undefined ? undefined : { alias };
}

const positive = (answers: readonly DnsRecord[], additional: readonly DnsRecord[]): Reply => ({
  rcode: RCODE.NOERROR,
  authoritative: true,
  answers,
  authority: NONE,
  additional,
});

/** The addresses of our hosts named in the records (RFC 1035 §3.3.9, §3.3.11; RFC 2782; RFC 3596 §3). */
function findAdditionalAddresses(
  records: readonly DnsRecord[],
  type: number,
  facts: AnswerFacts,
): readonly DnsRecord[] {
  if (type !== TYPE.NS && type !== TYPE.MX && type !== TYPE.SRV) return NONE;
  const hosts = new Set(records.map((record) => decodeTarget(record) ?? ''));
  return [...hosts].flatMap((host) => {
    const node = facts.names.find(host);
    return [TYPE.A, TYPE.AAAA].flatMap((family) => findSet(node, family)?.records ?? NONE);
  });
}

/** The apex's SOA and NS, the configured NS added to the computed one. */
function apex(zone: Zone, type: number, facts: AnswerFacts): Reply {
  if (type !== TYPE.NS) return positive([facts.zones.soa(zone, facts.names.serial)], NONE);
  const configured = findSet(facts.names.find(zone.apex), TYPE.NS)?.records ?? NONE;
  const answers = [zone.nameServer, ...configured];
  return positive(answers, findAdditionalAddresses(answers, TYPE.NS, facts));
}

/** The referral below a configured delegation (RFC 1034 §4.3.2 step 3b). */
function findReferral(zone: Zone, name: string, type: number, facts: AnswerFacts): Reply | undefined {
  let cut: readonly DnsRecord[] | undefined;
  for (
    let above: string | undefined = name;
    above !== undefined && above !== zone.apex && isNameWithin(above, zone.apex);
    above = parentName(above)
  ) {
    const set = findSet(facts.names.find(above), TYPE.NS);
    if (set !== undefined) cut = set.records;
  }
  // 43 is DS, which the parent side of the cut answers (RFC 4035 §3.1.4.1).
  if (cut === undefined || (type === 43 && cut[0]?.name === name)) return undefined;
  const additional = findAdditionalAddresses(cut, TYPE.NS, facts);
  return { rcode: RCODE.NOERROR, authoritative: false, answers: NONE, authority: cut, additional };
}

const LOOPBACK_REVERSE_4 = '1.0.0.127.in-addr.arpa';
const LOOPBACK_REVERSE_6 = `1.${'0.'.repeat(31)}ip6.arpa`;

/**
 * The record of a generated name, of a nameless address in a dynamic range, or of loopback (RFC
 * 1912 §4.1).
 */
function computedRecord(name: string, facts: AnswerFacts): DnsRecord | undefined {
  const address = facts.zones.generatedAddress(name);
  if (address !== undefined) return makeRecord(name, TYPE.A, addressRdata(address));
  if (name === LOOPBACK_REVERSE_4 || name === LOOPBACK_REVERSE_6) return makeRecord(name, TYPE.PTR, LOCALHOST);
  const reversed = parseReverseName(name);
  const generated = reversed?.octets === 4 ? facts.zones.generatedName(reversed.address) : undefined;
  return generated === undefined ? undefined : makeRecord(name, TYPE.PTR, nameRdata(generated));
}

const makeRecord = (name: string, type: number, rdata: Uint8Array): DnsRecord => ({
  name,
  type,
  class: CLASS_IN,
  ttl: RECORD_TTL,
  rdata,
});

/** RFC 8020 §2: a name with names below it exists; in a reverse zone, every prefix of an address. */
function hasNamesBelow(name: string, facts: AnswerFacts): boolean {
  return (parseReverseName(name)?.octets ?? 4) < 4 || facts.names.hasBelow(name);
}

const LOOPBACK_4 = addressRdata(LOOPBACK);
const LOOPBACK_6 = Uint8Array.of(...Array<number>(15).fill(0), 1);
const LOCALHOST = nameRdata('localhost');
const NO_DATA: Step = { reply: { ...bareReply(RCODE.NOERROR), authoritative: true } };

/** RFC 6761 §6.3: localhost and the names below it are always loopback. */
function localhostAddress(name: string, type: number): Step | undefined {
  if (!isNameWithin(name, 'localhost')) return undefined;
  if (type === TYPE.A || type === TYPE.ANY) return { reply: positive([makeRecord(name, TYPE.A, LOOPBACK_4)], NONE) };
  return type === TYPE.AAAA ? { reply: positive([makeRecord(name, type, LOOPBACK_6)], NONE) } : undefined;
}
