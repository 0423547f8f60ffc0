// Answers of the upstreams, remembered for as long as their records allow.
// Sources: RFC 1035 §7.4; RFC 2181 §5.2; RFC 2308 §5, §7; RFC 8767 is not done: an expired answer is gone.
//
// 1. An entry answers exactly the question it was made for, with the same DO and CD bits: nothing is combined from parts.
// 2. Time is an argument. TTLs are cut to TTL_SECONDS_MAX, absence to NEGATIVE_SECONDS_MAX.
// 3. At either bound the entry that was not used for longest goes.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, later } from '../clock.ts';
import { RCODE, type Reply, type UpstreamQuestion } from './message.ts';
import { type DnsRecord, soaMinimum, TYPE } from './record.ts';

/** The most answers remembered. */
export const CACHE_ENTRIES_MAX = 10_000;
/** The most octets of record data remembered, an estimate that counts 100 octets a record beside its data. */
export const CACHE_OCTETS_MAX = 16 * 1024 * 1024;
/** The longest time anything is remembered. */
export const TTL_SECONDS_MAX = 86_400;
/** The longest time an absence is remembered (RFC 2308 §5 advises one to three hours; a rack sees names come sooner). */
export const NEGATIVE_SECONDS_MAX = 900;

/** A question, for merging and remembering. */
export type CacheQuestion = Omit<UpstreamQuestion, 'edns'>;

/** One text for all that distinguishes two questions of class IN. */
export const questionKey = (question: CacheQuestion): string =>
  `${question.name}/${question.type * 4 + (question.dnssecOk ? 2 : 0) + (question.checkingDisabled ? 1 : 0)}`;

export interface CachedReply {
  readonly reply: Reply;
  /** Whole seconds since it was stored: to be taken off each TTL. */
  readonly ageSeconds: number;
}

interface Entry {
  readonly reply: Reply;
  readonly storedAt: Instant;
  readonly expiresAt: Instant;
  readonly octets: number;
}

/** A bounded cache of whole replies, least recently used out first. */
export class AnswerCache {
  readonly #entries = new BoundedMap<string, Entry>(CACHE_ENTRIES_MAX, 'used longest ago', ({ octets }) => {
    this.#octets -= octets;
  });
  #octets = 0;

  get size(): number {
    return this.#entries.size;
  }
  get octets(): number {
    return this.#octets;
  }

  /** The reply to the question of this key, unless there is none or its time is over. */
  get(key: string, now: Instant): CachedReply | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now >= entry.expiresAt) {
      this.#remove(key);
      return undefined;
    }
    return { reply: entry.reply, ageSeconds: Math.floor((now - entry.storedAt) / 1000) };
  }

  /** Remembers a reply for as long as it may be (`lifeSeconds`); not at all when that is zero. */
  put(key: string, reply: Reply, now: Instant): void {
    const life = lifeSeconds(reply);
    if (life <= 0) return;
    this.#remove(key);
    const octets = sizeOf(key, reply);
    this.#entries.set(key, { reply, storedAt: now, expiresAt: later(now, life * 1000), octets });
    this.#octets += octets;
    while (this.#octets > CACHE_OCTETS_MAX && this.#entries.forgetOldest());
  }

  clear(): void {
    this.#entries.clear();
    this.#octets = 0;
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#octets -= entry.octets;
  }
}

/**
 * How many seconds a reply may be remembered: the least TTL of its records; for an absence (NXDOMAIN, or no answer of the type)
 * the SOA's TTL or minimum, whichever is less, and not at all without one (RFC 2308 §5). Failures are not remembered.
 */
export function lifeSeconds(reply: Reply): number {
  if (reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN) return 0;
  const isPositive = reply.rcode === RCODE.NOERROR && reply.answers.some((record) => record.type !== TYPE.CNAME);
  let life = TTL_SECONDS_MAX;
  for (const section of [reply.answers, reply.authority, reply.additional]) {
    for (const record of section) life = Math.min(life, record.ttl);
  }
  if (isPositive) return life;
  const soa = reply.authority.find((record) => record.type === TYPE.SOA);
  return soa === undefined ? 0 : Math.min(life, soaMinimum(soa.rdata), NEGATIVE_SECONDS_MAX);
}

function sizeOf(key: string, reply: Reply): number {
  const octets = (records: readonly DnsRecord[]): number =>
    records.reduce((sum, record) => sum + record.rdata.length + record.name.length + 100, 0);
  return 200 + key.length + octets(reply.answers) + octets(reply.authority) + octets(reply.additional);
}
