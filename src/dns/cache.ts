// Caches upstreams' answers as their TTLs allow. Sources: RFC 1035 §7.4; RFC 2181 §5.2; RFC 2308
// §5, §7. RFC 8767 (serve-stale) is not implemented.
//
// 1. An entry answers only its own question, with the same DO and CD bits.
// 2. TTLs are capped at TTL_SECONDS_MAX, negative ones at NEGATIVE_SECONDS_MAX.
// 3. At either bound the least recently used entry is evicted.

import { BoundedMap } from '../ground/bounded-map.ts';
import { type Instant, later } from '../ground/clock.ts';
import { RCODE, type UpstreamQuestion } from './message.ts';
import { type DnsRecord, soaMinimum, TYPE } from './record.ts';
import type { Reply } from './reply.ts';

/** Cached answers. */
export const CACHE_ENTRIES_MAX = 10_000;
/** Octets of record data, plus 100 a record. */
export const CACHE_OCTETS_MAX = 16 * 1024 * 1024;
export const TTL_SECONDS_MAX = 86_400;
/** RFC 2308 §5 advises one to three hours; a rack's names appear sooner. */
export const NEGATIVE_SECONDS_MAX = 900;

/** Equal questions are merged and cached together. */
export type CacheQuestion = Omit<UpstreamQuestion, 'edns'>;

/** Distinguishes questions of class IN. */
export const questionKey = (question: CacheQuestion): string =>
  `${question.name}/${question.type * 4 + (question.dnssecOk ? 2 : 0) + (question.checkingDisabled ? 1 : 0)}`;

interface CachedReply {
  readonly reply: Reply;
  /** Whole seconds since it was stored, subtracted from each TTL. */
  readonly ageSeconds: number;
}

interface Entry {
  readonly reply: Reply;
  readonly storedAt: Instant;
  readonly expiresAt: Instant;
  readonly octets: number;
}

export class AnswerCache {
  readonly #entries = new BoundedMap<string, Entry>(CACHE_ENTRIES_MAX, 'used longest ago', ({ octets }) => {
    this.#octets -= octets;
  });
  #octets = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: Instant): CachedReply | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now >= entry.expiresAt) {
      this.#remove(key);
      return undefined;
    }
    return { reply: entry.reply, ageSeconds: Math.floor((now - entry.storedAt) / 1000) };
  }

  /** Not cached if the life is zero. */
  put(key: string, reply: Reply, now: Instant): void {
    const life = lifeSeconds(reply);
    if (life <= 0) return;
    this.#remove(key);
    const octets = estimateReplyBytes(key, reply);
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
 * The least TTL of its records. For NXDOMAIN or NODATA the lesser of the SOA's TTL and minimum;
 * without a SOA not cached (RFC 2308 §5). Failures are not cached.
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

function estimateReplyBytes(key: string, reply: Reply): number {
  const octets = (records: readonly DnsRecord[]): number =>
    records.reduce((sum, record) => sum + record.rdata.length + record.name.length + 100, 0);
  return 200 + key.length + octets(reply.answers) + octets(reply.authority) + octets(reply.additional);
}
