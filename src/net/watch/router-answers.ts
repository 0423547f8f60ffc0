// Decides which machines to tell that there is no IPv6 router: booting machines, on networks where
// no router was seen. Pure. Sources: RFC 4861 §6.2.1 (how often a router advertises), §6.2.6
// (answers to solicitations).
//
//   solicitation ─┬─ answers are off on this interface, or a router was seen there ─▶ silence
//                 ├─ of a booting machine ─▶ answer
//                 └─ of any other host ─▶ kept for KEPT_MS: the machine's first DISCOVER may follow it ─ booting ─▶ answer
//
// 1. Only machines that ask DHCP for something to boot are answered.
// 2. A router counts for ROUTER_MS after it was last heard.
// 3. Deviates from RFC 4861 §6.2.6 (a random delay of up to 0.5 s) because the answer goes to one
//    machine, which waits for it.
// 4. Each table has a bound. Known machines are kept apart from invented ones (`net/shares/kept-apart.ts`).

import type { MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Owner, RankedTable } from '../shares/kept-apart.ts';
import { RETELL_MS } from './neighbours.ts';
import type { Solicitation } from './net-message.ts';

/** How long a router counts as there: MaxRtrAdvInterval is at most 1800 s (RFC 4861 §6.2.1). */
export const ROUTER_MS = 2_100_000;
/** How long a machine counts as booting. */
export const BOOTING_MS = 300_000;
/** How long a solicitation waits for its sender's DISCOVER. */
export const KEPT_MS = 3000;
/**
 * Remembered booting machines of each rank. Strangers can fill their rank with invented hardware
 * addresses; a stranger evicted by them waits 13 s for an IPv6 router.
 */
export const BOOTING_MAX = 4096;
/**
 * Waiting solicitations, one per sender. They leave after KEPT_MS, and a flood cannot fill them:
 * `SolicitationGate` passes fewer than this in KEPT_MS.
 */
export const KEPT_MAX = 1024;

interface Booting {
  readonly at: Instant;
  readonly reportedAt: Instant;
}

interface WaitingSolicitation {
  readonly solicitation: Solicitation;
  readonly at: Instant;
}

interface BootNote {
  readonly isToTell: boolean;
  /** Its waiting solicitation, to be answered now. */
  readonly solicitation: Solicitation | undefined;
}

const NOTHING: BootNote = { isToTell: false, solicitation: undefined };

export class RouterAnswers {
  readonly #bootingAt = new RankedTable<MacAddress, Booting>(BOOTING_MAX);
  readonly #kept = new RankedTable<MacAddress, WaitingSolicitation>(KEPT_MAX);
  readonly #routerAt = new Map<string, Instant>();
  #wanted: ReadonlySet<string> = new Set();

  configure(interfaceNames: Iterable<string>): void {
    this.#wanted = new Set(interfaceNames);
  }

  noteRouter(interfaceName: string, now: Instant): boolean {
    const isNew = !this.#hasRouter(interfaceName, now);
    this.#routerAt.set(interfaceName, now);
    return isNew;
  }

  noteBooting(mac: MacAddress, owner: Owner, now: Instant): BootNote {
    if (this.#wanted.size === 0) return NOTHING;
    const before = this.#bootingAt.get(mac);
    const isToTell = before === undefined || later(before.reportedAt, RETELL_MS) <= now;
    this.#bootingAt.set(mac, { at: now, reportedAt: isToTell ? now : before.reportedAt }, owner);
    const pending = this.#kept.get(mac);
    this.#kept.delete(mac);
    const waits = pending !== undefined && later(pending.at, KEPT_MS) > now;
    const solicitation =
      waits && this.#isWanted(pending.solicitation.interfaceName, now) ? pending.solicitation : undefined;
    return { isToTell, solicitation };
  }

  shallAnswer(solicitation: Solicitation, now: Instant): boolean {
    const { mac, interfaceName } = solicitation;
    if (!this.#isWanted(interfaceName, now)) return false;
    const booting = this.#bootingAt.get(mac);
    if (booting !== undefined && later(booting.at, BOOTING_MS) > now) return true;
    this.#kept.set(mac, { solicitation, at: now }, { rank: 'stranger', share: interfaceName });
    return false;
  }

  #isWanted(interfaceName: string, now: Instant): boolean {
    return this.#wanted.has(interfaceName) && !this.#hasRouter(interfaceName, now);
  }

  #hasRouter(interfaceName: string, now: Instant): boolean {
    const at = this.#routerAt.get(interfaceName);
    return at !== undefined && later(at, ROUTER_MS) > now;
  }
}
