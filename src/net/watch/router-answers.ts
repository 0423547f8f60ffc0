// Decides which machines to tell that there is no IPv6 router: booting machines, on networks where
// no router was seen. Pure. Sources: RFC 4861 §6.2.1 (how often a router advertises), §6.2.6
// (answers to solicitations).
//
//   solicitation ─┬─ answers are off on this interface, or a router was seen there ─▶ silence
//                 ├─ of a booting machine ─▶ answer
//                 └─ of any other host ─▶ kept for SOLICITATION_MS: the machine's first DISCOVER may follow it ─ booting ─▶ answer
//
// 1. Only machines that ask DHCP for something to boot are answered.
// 2. A router counts for ROUTER_MS after it was last heard.
// 3. Deviates from RFC 4861 §6.2.6 (a random delay of up to 0.5 s) because the answer goes to one
//    machine, which waits for it.
// 4. Each table has a bound. Known machines are kept apart from invented ones (`net/shares/kept-apart.ts`).

import type { MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Owner, RankedTable } from '../shares/kept-apart.ts';
import { REREPORT_MS } from './neighbours.ts';
import type { Solicitation } from './net-message.ts';

/** How long a router counts as there: MaxRtrAdvInterval is at most 1800 s (RFC 4861 §6.2.1). */
export const ROUTER_MS = 2_100_000;
/** How long a machine counts as booting. */
export const BOOTING_MS = 300_000;
/** How long a solicitation waits for its sender's DISCOVER. */
export const SOLICITATION_MS = 3000;
/**
 * Remembered booting machines of each rank. Strangers can fill their rank with invented hardware
 * addresses; a stranger evicted by them waits 13 s for an IPv6 router.
 */
export const BOOTING_MAX = 4096;
/**
 * Waiting solicitations, one per sender. They leave after SOLICITATION_MS, and a flood cannot fill them:
 * `SolicitationGate` passes fewer than this in SOLICITATION_MS.
 */
export const SOLICITATIONS_MAX = 1024;

interface Booting {
  readonly at: Instant;
  readonly reportedAt: Instant;
}

interface WaitingSolicitation {
  readonly solicitation: Solicitation;
  readonly at: Instant;
}

interface BootOutcome {
  readonly isToReport: boolean;
  /** Its waiting solicitation, to be answered now. */
  readonly solicitation: Solicitation | undefined;
}

const NO_OUTCOME: BootOutcome = { isToReport: false, solicitation: undefined };

export class RouterAnswers {
  readonly #booting = new RankedTable<MacAddress, Booting>(BOOTING_MAX);
  readonly #waitingSolicitations = new RankedTable<MacAddress, WaitingSolicitation>(SOLICITATIONS_MAX);
  readonly #routerHeardAt = new Map<string, Instant>();
  #servedInterfaces: ReadonlySet<string> = new Set();

  configure(interfaceNames: Iterable<string>): void {
    this.#servedInterfaces = new Set(interfaceNames);
  }

  noteRouter(interfaceName: string, now: Instant): boolean {
    const isNew = !this.#hasRouter(interfaceName, now);
    this.#routerHeardAt.set(interfaceName, now);
    return isNew;
  }

  noteBooting(mac: MacAddress, owner: Owner, now: Instant): BootOutcome {
    if (this.#servedInterfaces.size === 0) return NO_OUTCOME;
    const known = this.#booting.get(mac);
    const isToTell = known === undefined || later(known.reportedAt, REREPORT_MS) <= now;
    this.#booting.set(mac, { at: now, reportedAt: isToTell ? now : known.reportedAt }, owner);
    const pending = this.#waitingSolicitations.get(mac);
    this.#waitingSolicitations.delete(mac);
    const isWaiting = pending !== undefined && later(pending.at, SOLICITATION_MS) > now;
    const solicitation =
      isWaiting && this.#isAnswered(pending.solicitation.interfaceName, now) ? pending.solicitation : undefined;
    return { isToReport: isToTell, solicitation };
  }

  shouldAnswer(solicitation: Solicitation, now: Instant): boolean {
    const { mac, interfaceName } = solicitation;
    if (!this.#isAnswered(interfaceName, now)) return false;
    const booting = this.#booting.get(mac);
    if (booting !== undefined && later(booting.at, BOOTING_MS) > now) return true;
    this.#waitingSolicitations.set(mac, { solicitation, at: now }, { rank: 'stranger', share: interfaceName });
    return false;
  }

  #isAnswered(interfaceName: string, now: Instant): boolean {
    return this.#servedInterfaces.has(interfaceName) && !this.#hasRouter(interfaceName, now);
  }

  #hasRouter(interfaceName: string, now: Instant): boolean {
    const heardAt = this.#routerHeardAt.get(interfaceName);
    return heardAt !== undefined && later(heardAt, ROUTER_MS) > now;
  }
}
