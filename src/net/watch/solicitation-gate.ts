// Decides which router solicitations reach the main thread: those of booting machines, whatever
// else is on the wire. Pure. The main thread names the machines; only this thread can drop a flood
// cheaply.
//
//   solicitation ─┬─ of a booting machine ─ within its own rate ──────────────────────────▶ reported
//                 └─ of any other host ─ within its sender's rate, and UNKNOWN_SENDERS_RATE of all ─▶ reported: its DISCOVER may follow
//
// 1. Each sender has its own rate.
// 2. Invented hardware addresses use up UNKNOWN_SENDERS_RATE, and with DISCOVERs in proxy mode the rate of
//    booting strangers. Machines of the region and other known clients have only their own rate.

import type { MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Rate, RateLimit, RateLimits } from '../../ground/rate-limit.ts';
import { type Owner, type Rank, RankedTable } from '../shares/kept-apart.ts';
import { BOOTING_MAX, BOOTING_MS } from './router-answers.ts';

/**
 * Solicitations of one sender. Hosts send three, four seconds apart (RFC 4861 §10), and again with
 * each carrier.
 */
export const SENDER_RATE: Rate = { perSecond: 1, burst: 5 };
/**
 * Solicitations of all senders not known to boot. A flood of invented senders fills it; a machine
 * that solicits before its DISCOVER is answered the next time. It empties with time.
 */
export const UNKNOWN_SENDERS_RATE: Rate = { perSecond: 100, burst: 400 };
/** Booting strangers may be invented by forged DISCOVERs; otherwise like UNKNOWN_SENDERS_RATE. */
export const BOOTING_STRANGERS_RATE: Rate = { perSecond: 100, burst: 400 };
/**
 * Senders whose rate is remembered. Invented senders fill it and evict the oldest. A forgotten
 * sender starts again, within UNKNOWN_SENDERS_RATE.
 */
export const SENDERS_MAX = 1024;

const RANKS: readonly Rank[] = ['machine', 'client', 'stranger'];

interface Booting {
  readonly limit: RateLimit;
  readonly owner: Owner;
  readonly bootingUntil: Instant;
}

export class SolicitationGate {
  readonly #booting = new RankedTable<MacAddress, Booting>(BOOTING_MAX);
  readonly #senderLimits = new RateLimits<MacAddress>(SENDER_RATE, SENDERS_MAX);
  readonly #unknownLimit = new RateLimit(UNKNOWN_SENDERS_RATE);
  readonly #strangerLimit = new RateLimit(BOOTING_STRANGERS_RATE);

  noteBooting(mac: MacAddress, owner: Owner, now: Instant): void {
    const limit = this.#booting.get(mac)?.limit ?? new RateLimit(SENDER_RATE);
    this.#booting.set(mac, { limit, owner, bootingUntil: later(now, BOOTING_MS) }, owner);
  }

  /** Booting machines, those of the region first. */
  listBooting(now: Instant, max: number): readonly MacAddress[] {
    const macs: MacAddress[] = [];
    for (const rank of RANKS) {
      for (const mac of this.#booting.listKeys(rank)) {
        if (macs.length >= max) return macs;
        if ((this.#booting.get(mac)?.bootingUntil ?? now) > now) macs.push(mac);
      }
    }
    return macs;
  }

  allows(mac: MacAddress, now: Instant): boolean {
    const booting = this.#booting.get(mac);
    if (booting !== undefined && booting.bootingUntil > now) {
      if (!booting.limit.allows(now)) return false;
      return booting.owner.rank !== 'stranger' || this.#strangerLimit.allows(now);
    }
    return this.#senderLimits.allows(mac, now) && this.#unknownLimit.allows(now);
  }
}
