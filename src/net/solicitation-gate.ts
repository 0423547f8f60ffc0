// Which solicitations of IPv6 routers the main thread is told of: those of machines that boot, whatever else is on the wire. Pure. The main
// thread says who boots; only the thread that hears the wire can leave out what is too much before it costs anything.
//
//   solicitation ─┬─ of a machine that boots ─ within its own rate ─────────────────────▶ told
//                 └─ of anybody else ─ within its sender's rate, and OTHERS_RATE of all ─▶ told: its DISCOVER may follow
//
// 1. No sender takes what another one may have: each has a rate of its own.
// 2. Hardware addresses are free to invent. Who invents them fills OTHERS_RATE, and with DISCOVERs in proxy mode the rate of strangers that
//    boot. Machines of the region and other known clients have neither bound beside their own rate.

import { type Instant, later } from '../clock.ts';
import { KeptApart, type Owner, type Rank } from '../kept-apart.ts';
import { type Rate, RateLimit, RateLimits } from '../rate-limit.ts';
import type { MacAddress } from './address.ts';
import { BOOTING_MAX, BOOTING_MS } from './router-answers.ts';

/** Solicitations of one sender. Hosts send three, four seconds apart (RFC 4861 §10), and begin anew with each link change. */
export const SENDER_RATE: Rate = { perSecond: 1, burst: 5 };
/**
 * Solicitations of all who are not known to boot. A flood of invented senders fills it; a machine that solicits before its first DISCOVER is
 * then answered when it solicits again. It empties with time.
 */
export const OTHERS_RATE: Rate = { perSecond: 100, burst: 400 };
/** The same of strangers that boot, whom somebody may have made up by DISCOVERs. */
export const BOOTING_STRANGERS_RATE: Rate = { perSecond: 100, burst: 400 };
/** Senders whose rate is remembered. Invented ones fill it: a sender that is forgotten begins anew, within OTHERS_RATE. The oldest goes. */
export const SENDERS_MAX = 1024;

const RANKS: readonly Rank[] = ['machine', 'client', 'stranger'];

interface Booting {
  readonly limit: RateLimit;
  readonly owner: Owner;
  readonly until: Instant;
}

/** Lets solicitations through. */
export class SolicitationGate {
  readonly #booting = new KeptApart<MacAddress, Booting>(BOOTING_MAX);
  readonly #senders = new RateLimits<MacAddress>(SENDER_RATE, SENDERS_MAX);
  readonly #others = new RateLimit(OTHERS_RATE);
  readonly #strangers = new RateLimit(BOOTING_STRANGERS_RATE);

  /** A machine boots. */
  noteBooting(mac: MacAddress, owner: Owner, now: Instant): void {
    const limit = this.#booting.get(mac)?.limit ?? new RateLimit(SENDER_RATE);
    this.#booting.set(mac, { limit, owner, until: later(now, BOOTING_MS) }, owner);
  }

  /** Machines that boot, those of the region first. @param max the most of them */
  booting(now: Instant, max: number): readonly MacAddress[] {
    const found: MacAddress[] = [];
    for (const rank of RANKS) {
      for (const mac of this.#booting.keysOf(rank)) {
        if (found.length >= max) return found;
        if ((this.#booting.get(mac)?.until ?? now) > now) found.push(mac);
      }
    }
    return found;
  }

  /** True: to be told. */
  allows(mac: MacAddress, now: Instant): boolean {
    const booting = this.#booting.get(mac);
    if (booting !== undefined && booting.until > now) {
      if (!booting.limit.allows(now)) return false;
      return booting.owner.rank !== 'stranger' || this.#strangers.allows(now);
    }
    return this.#senders.allows(mac, now) && this.#others.allows(now);
  }
}
